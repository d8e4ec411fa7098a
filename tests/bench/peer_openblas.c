/* peer_openblas.c: OpenBLAS, through the Fortran name, which needs no header. Column-major: C^T += B^T A^T. */
#include "peer.h"

const char *const peer_name = "OpenBLAS";

void openblas_set_num_threads(int n);
void dgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
            const double *beta, double *c, const int *ldc);

void peer_dgemm(double *C, const double *A, const double *B, size_t M, size_t N, size_t K) {
    const int m = (int)M, n = (int)N, k = (int)K;
    const double one = 1.0;
    openblas_set_num_threads(1);
    dgemm_("N", "N", &n, &m, &k, &one, B, &n, A, &k, &one, C, &n);
}
