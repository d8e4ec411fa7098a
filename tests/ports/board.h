/* board.h: what board.c asks of a platform, and the checkpoint that it edits. */
#ifndef ROME99_BOARD_H
#define ROME99_BOARD_H

#include "core/rome99.h"

/* Runs everything, then calls board_exit. The platform's start code calls it. */
void board_main(void);

/* The platform: where text goes; the most bytes of stack in use so far, 0 where that is not known; the end,
 * with 0 where nothing failed. */
void board_put(const char *s);
unsigned long board_stack(void);
void board_exit(int status);

/* A checkpoint and one request, made by embed.c: everything that rome99_find_pair and rome99_find_update are
 * to be given, as constants. NULL where no checkpoint is compiled in (none.c). */
typedef struct {
    rome99_shape shape;
    const rome99_weight *w; /* (rome99_tensor_count), in float32 */
    const double *C;        /* (F, F) */
    rome99_hparams h;
    rome99_request request;
} board_checkpoint;
extern const board_checkpoint *const board_embedded;

/* sqrt.c and add.c: square root and sum, correctly rounded, from integer arithmetic alone; a NaN that is a
 * sum is 7ff8000000000000. sqrt_call.c and add_arm.c put them in the place of the machine's. */
double rome99_port_sqrt(double x);
double rome99_port_add(double x, double y);

#endif
