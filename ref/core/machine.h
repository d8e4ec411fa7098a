/* machine.h: what the core is told of the machine. No bit of a result depends on it. */
#ifndef ROME99_MACHINE_H
#define ROME99_MACHINE_H

/* gemm keeps MR x NR outputs in registers at once, NR at most 32. 2 x 8 suits two-lane vectors and none; a build
 * for a wider machine names its own (see the Makefile's NATIVE). */
#ifndef ROME99_MR
#define ROME99_MR 2
#define ROME99_NR 8
#endif

/* Before a loop over independent outputs: all cores take part if `worth` so (make OMP=1). */
#ifdef _OPENMP
#define ROME99_PRAGMA(text) _Pragma(#text)
#define ROME99_PARALLEL(worth) ROME99_PRAGMA(omp parallel for schedule(dynamic) if (worth))
#else
#define ROME99_PARALLEL(worth)
#endif
#endif
