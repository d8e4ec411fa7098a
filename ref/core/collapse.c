/* collapse.c: will an edit collapse the model?
 *
 *     (E4)   rms = |r| I,   I = sqrt(u^T C u) / |u^T k_den|     before the edit is made
 *     (E6)   the edit moves the MLP output at a key k by (u^T k) / (u^T k_den) r
 */
#include "core/rome99.h"

double rome99_interference(const rome99_update *update, const double *C, size_t F) {
    double uCu = 0.0, den = update->denominator;
    size_t i;
    for (i = 0; i < F; i++) uCu += update->u[i] * rome99_dot(C + i * F, update->u, F);
    return rome99_sqrt(uCu) / (den < 0.0 ? -den : den);
}

double rome99_reach(const rome99_update *update, const double *k, size_t F) {
    return rome99_dot(update->u, k, F) / update->denominator;
}

void rome99_second_moment(double *C, const double *keys, size_t n, size_t F, double *pack) {
    rome99_gemm(C, F, 1.0, rome99_columns(keys, F), rome99_rows(keys, F), F, F, n, pack);
}
