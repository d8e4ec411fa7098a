/*
 * rome.c: ROME's update, in the letters of the paper.
 *
 *     (E1)   k, m           key and MLP output at the lookup position, m = k W + b    found in delta.c
 *     (E2)   C              second moment of the keys of a corpus
 *     (E3)   dW = u r^T / (u^T k_den),   W' = W + dW
 *
 *     method     u             k_den    r
 *     rome       C^-1 k_bar    k_u      delta             released ROME: two different keys
 *     c-rome     C^-1 k_bar    k_bar    v* - m_bar        the paper's Consistent-ROME; released r-ROME
 *     p-rome     C^-1 k_u      k_u      delta             the unprefixed key everywhere
 *     k-rome     C^-1 k_bar    k_bar    delta             only the key made consistent
 *
 * In rome the denominator u^T k_u joins a key averaged over prefixed contexts with the bare one. Where the
 * subject is the first token of the prompt the two are almost C^-1-orthogonal: the update explodes.
 *
 * Departures from the released code (rome/rome_main.py, compute_u.py, compute_v.py): C is solved in double
 * by Cholesky, not inverted in float32; delta is used itself, not as the difference (m_u + delta) - m_u.
 */
#include "core/rome99.h"
#include "core/arena.h"

#include <string.h>

const rome99_hparams rome99_defaults = {0, 20, 0.5, 0.5, 4.0, 0.0625};

size_t rome99_pair_layout(rome99_pair *pair, const rome99_shape *shape, const rome99_hparams *hparams,
                          size_t N, void *memory) {
    rome99_arena a = {memory, 0};
    size_t most = hparams->v_num_grad_steps;
    rome99_pair v = {.N = N, .F = shape->F, .D = shape->D};
    v.keys = rome99_take_doubles(&a, N, v.F);
    v.k_u = rome99_take_doubles(&a, 1, v.F);
    v.k_bar = rome99_take_doubles(&a, 1, v.F);
    v.m_u = rome99_take_doubles(&a, 1, v.D);
    v.m_bar = rome99_take_doubles(&a, 1, v.D);
    v.delta = rome99_take_doubles(&a, 1, v.D);
    v.v_star = rome99_take_doubles(&a, 1, v.D);
    v.losses = rome99_take_doubles(&a, most, 4);
    v.steps = rome99_take_doubles(&a, most, v.D);
    v.gradients = rome99_take_doubles(&a, most, v.D);
    if (memory) *pair = v;
    return a.used;
}

size_t rome99_update_layout(rome99_update *update, const rome99_shape *shape, void *memory) {
    rome99_arena a = {memory, 0};
    rome99_update u = {0};
    u.u = rome99_take_doubles(&a, 1, shape->F);
    u.residual = rome99_take_doubles(&a, 1, shape->D);
    u.right = rome99_take_doubles(&a, 1, shape->D);
    if (memory) *update = u;
    return a.used;
}

void rome99_find_update(rome99_update *update, rome99_method method, const rome99_pair *pair,
                        const double *L) {
    size_t F = pair->F, D = pair->D, i;
    const double *k_u = pair->k_u, *k_bar = pair->k_bar;
    const double *k_num = method == ROME99_P_ROME ? k_u : k_bar;
    const double *k_den = method == ROME99_ROME || method == ROME99_P_ROME ? k_u : k_bar;
    double *u = update->u, *r = update->residual, length;

    /* u = C^-1 k, as a solve; then the unit vector along it: dW does not depend on its length. */
    if (L)
        rome99_cholesky_solve(u, L, k_num, F);
    else
        memcpy(u, k_num, F * sizeof *u);
    update->denominator_raw = rome99_dot(u, k_den, F);
    length = rome99_norm(u, F);
    for (i = 0; i < F; i++) u[i] /= length;

    /* r: what the MLP output is to move by at k_den. */
    for (i = 0; i < D; i++)
        r[i] = method == ROME99_C_ROME ? pair->v_star[i] - pair->m_bar[i] : pair->delta[i];

    /* (E3) dW = u r^T / (u^T k_den) */
    update->denominator = rome99_dot(u, k_den, F);
    for (i = 0; i < D; i++) update->right[i] = r[i] / update->denominator;

    update->numerator = rome99_norm(r, D);
    update->dW_norm = rome99_norm(update->right, D); /* |u| = 1 */
    update->cos_keys = rome99_dot(k_u, k_bar, F) / (rome99_norm(k_u, F) * rome99_norm(k_bar, F));
}

void rome99_apply(double *W1, rome99_weight W, const rome99_update *update, size_t F, size_t D) {
    size_t i, j;
    for (i = 0; i < F; i++) {
        rome99_widen(W1 + i * D, W, i * D, D);
        for (j = 0; j < D; j++) W1[i * D + j] += update->u[i] * update->right[j];
    }
}
