/*
 * chol.c: the factor C = L L^T and the solve, which stand for the C^-1 of the paper's equations.
 *
 *     L[i][j] = (C[i][j] - sum_{k<j} L[i][k] L[j][k]) / L[j][j],     L[j][j] = sqrt of that difference at i = j
 *
 * with each sum in the order of k. What earlier panels of columns subtract is one matrix product, which keeps
 * that order; the rest of a panel is done for many rows side by side. Released code inverts C in float32.
 */
#include "core/rome99.h"

enum { PANEL = 128 }; /* PANEL * PANEL <= ROME99_PACK */

/* Columns 0 .. w-1 of m <= PANEL rows of A, stride n. L: those columns of the block on the diagonal, above these
 * rows, or NULL for that block itself. t: (PANEL, PANEL), the rows' transpose. Returns 1 + a failing pivot, or 0. */
static size_t factor_rows(double *A, const double *L, size_t n, size_t w, size_t m, double *t) {
    size_t i, j, k;
    for (i = 0; i < m; i++)
        for (j = 0; j < w; j++) t[j * PANEL + i] = A[i * n + j];
    for (j = 0; j < w; j++) {
        double *tj = t + j * PANEL, pivot;
        for (k = 0; k < j; k++) {
            double Ljk = L ? L[j * n + k] : t[k * PANEL + j];
            for (i = 0; i < m; i++) tj[i] -= t[k * PANEL + i] * Ljk;
        }
        if (!L && !(tj[j] > 0.0 && tj[j] - tj[j] == 0.0)) return j + 1;
        pivot = L ? L[j * n + j] : rome99_sqrt(tj[j]);
        for (i = 0; i < m; i++) tj[i] /= pivot;
        if (!L) tj[j] = pivot;
    }
    for (i = 0; i < m; i++)
        for (j = 0; j < w; j++) A[i * n + j] = t[j * PANEL + i];
    return 0;
}

size_t rome99_cholesky(double *A, size_t n, double *pack) {
    size_t j0, i, failed;
    for (j0 = 0; j0 < n; j0 += PANEL) {
        size_t w = n - j0 < PANEL ? n - j0 : PANEL;
        double *rows = A + j0 * n;
        rome99_gemm(rows + j0, n, -1.0, rome99_rows(rows, n), rome99_columns(rows, n), n - j0, w, j0, pack);
        for (i = j0; i < n; i += PANEL)
            if ((failed = factor_rows(A + i * n + j0, i == j0 ? NULL : rows + j0, n, w,
                                      n - i < PANEL ? n - i : PANEL, pack)) != 0)
                return j0 + failed;
    }
    return 0;
}

void rome99_cholesky_solve(double *x, const double *L, const double *b, size_t n) {
    size_t i, k;
    for (i = 0; i < n; i++) { /* L y = b */
        double s = b[i];
        for (k = 0; k < i; k++) s -= L[i * n + k] * x[k];
        x[i] = s / L[i * n + i];
    }
    for (i = n; i-- > 0;) { /* L^T x = y */
        double s = x[i];
        for (k = i + 1; k < n; k++) s -= L[k * n + i] * x[k];
        x[i] = s / L[i * n + i];
    }
}
