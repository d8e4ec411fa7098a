/* block.h: the outputs that gemm keeps in registers at once, ROME99_MR rows by ROME99_NR columns. MR divides 96
 * and NR divides 256. No bit of a result depends on them. 4 x 4 suits two-lane vectors and none; a build for a
 * wider machine defines ROME99_BLOCK_H and both names itself (see the Makefile's NATIVE). */
#ifndef ROME99_BLOCK_H
#define ROME99_BLOCK_H

#define ROME99_MR 4
#define ROME99_NR 4

#endif
