/*
 * chol.c: the factor C = L L^T and the solve, which stand for the C^-1 of the paper's equations.
 *
 *     L[i][j] = (C[i][j] - sum_{k<j} L[i][k] L[j][k]) / L[j][j],     L[j][j] = sqrt of that difference at i = j
 *
 * with each sum in the order of k. What earlier panels of columns subtract is one matrix product, which keeps
 * that order. Released code inverts C in float32 instead.
 */
#include "core/rome99.h"

enum { PANEL = 64 };

/* Columns j0 .. j1-1 of the factor, for the rows from j0 on, once all earlier columns are subtracted. */
static size_t factor_panel(double *A, size_t n, size_t j0, size_t j1) {
    size_t i, j, k;
    for (j = j0; j < j1; j++) {
        double *Lj = A + j * n, pivot = Lj[j];
        for (k = j0; k < j; k++) pivot -= Lj[k] * Lj[k];
        if (!(pivot > 0.0 && pivot - pivot == 0.0)) return j + 1;
        Lj[j] = rome99_sqrt(pivot);
        for (i = j + 1; i < n; i++) {
            double *Li = A + i * n, s = Li[j];
            for (k = j0; k < j; k++) s -= Li[k] * Lj[k];
            Li[j] = s / Lj[j];
        }
    }
    return 0;
}

size_t rome99_cholesky(double *A, size_t n, double *pack) {
    size_t j0, failed;
    for (j0 = 0; j0 < n; j0 += PANEL) {
        size_t width = n - j0 < PANEL ? n - j0 : PANEL;
        double *rows = A + j0 * n;
        rome99_gemm(rows + j0, n, -1.0, rome99_rows(rows, n), rome99_columns(rows, n), n - j0, width, j0,
                    pack);
        if ((failed = factor_panel(A, n, j0, j0 + width)) != 0) return failed;
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
