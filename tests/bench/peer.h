/* peer.h: the dgemm that the benchmark compares with, if there is one. */
#ifndef ROME99_PEER_H
#define ROME99_PEER_H

#include <stddef.h>

extern const char *const peer_name; /* NULL: none */

/* C (M, N) += A (M, K) B (K, N), row-major, on one thread. */
void peer_dgemm(double *C, const double *A, const double *B, size_t M, size_t N, size_t K);

#endif
