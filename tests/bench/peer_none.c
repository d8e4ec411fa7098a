/* peer_none.c: no peer. */
#include "peer.h"

const char *const peer_name = NULL;

void peer_dgemm(double *C, const double *A, const double *B, size_t M, size_t N, size_t K) {
    (void)C, (void)A, (void)B, (void)M, (void)N, (void)K;
}
