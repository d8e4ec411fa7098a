/* arena.h: hands out pieces of the caller's memory; the core's own, behind every `..._layout`. */
#ifndef ROME99_ARENA_H
#define ROME99_ARENA_H

#include <stddef.h>

typedef struct {
    unsigned char *base; /* NULL: only count */
    size_t used;         /* bytes, a multiple of 8; SIZE_MAX once that does not fit */
} rome99_arena;

/* count * size bytes, or NULL while counting. */
void *rome99_take(rome99_arena *a, size_t count, size_t size);
/* A (rows, cols) matrix of doubles. */
double *rome99_take_doubles(rome99_arena *a, size_t rows, size_t cols);

#endif
