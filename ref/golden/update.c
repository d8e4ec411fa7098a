/* update.c: everything that a golden case expects of one update, and what known mistakes give there; the
 * example for pencil and paper. */
#include "golden/recipes.h"

#include <string.h>

const char *const rome99_golden_methods[] = {"rome", "c-rome", "p-rome", "k-rome"};

/* Which of the two keys a method solves for, and which it divides by. */
static const double *solved(const rome99_pair *p, rome99_method m) {
    return m == ROME99_P_ROME ? p->k_u : p->k_bar;
}
static const double *divided(const rome99_pair *p, rome99_method m) {
    return m == ROME99_ROME || m == ROME99_P_ROME ? p->k_u : p->k_bar;
}

static void normalise(double *u, size_t n) {
    double length = rome99_norm(u, n);
    size_t i;
    for (i = 0; i < n; i++) u[i] /= length;
}

static void solve(double *u, const double *L, const double *key, size_t n) {
    if (L)
        rome99_cholesky_solve(u, L, key, n);
    else
        memcpy(u, key, n * sizeof *u);
}

static void wrong_u(rome99_golden *c, rome99_method method, const rome99_pair *pair, const double *C,
                    const double *L) {
    size_t F = pair->F, i;
    const double *key = solved(pair, method), *other = key == pair->k_u ? pair->k_bar : pair->k_u;
    double *u;
    if (C) {
        u = rome99_golden_wrong(c, "u", "no_solve", "u is the key itself: it is C^-1 times the key", F, 1);
        memcpy(u, key, F * sizeof *u);
        normalise(u, F);
        u = rome99_golden_wrong(c, "u", "inverse_forgotten", "C used, not C^-1", F, 1);
        for (i = 0; i < F; i++) u[i] = rome99_dot(C + i * F, key, F);
        normalise(u, F);
    }
    u = rome99_golden_wrong(c, "u", "other_key",
                            other == pair->k_u ? "u is solved from the bare key k_u: this method takes k_bar"
                                               : "u is solved from k_bar: this method takes the bare key k_u",
                            F, 1);
    solve(u, L, other, F);
    normalise(u, F);
    u = rome99_golden_wrong(c, "u", "not_normalised",
                            "u not normalised: dW is unaffected; u and the denominator are reported for unit "
                            "length",
                            F, 1);
    solve(u, L, key, F);
}

static void wrong_rest(rome99_golden *c, const rome99_update *update, rome99_method method,
                       const rome99_pair *pair) {
    int bare = divided(pair, method) == pair->k_u;
    const char *mistake = bare ? "consistent" : "released_mismatch";
    const char *sentence = bare ? "your denominator is u^T k_bar: this method divides by u^T k_u"
                                : "your denominator is u^T k_u: the released ROME's mismatch";
    double other = rome99_dot(update->u, bare ? pair->k_bar : pair->k_u, pair->F), *right;
    size_t i;
    if (!c->brief)
        *rome99_golden_wrong(c, "denominator_raw", mistake, sentence, 1,
                             1) = other * (update->denominator_raw / update->denominator);
    *rome99_golden_wrong(c, "denominator", mistake, sentence, 1, 1) = other;
    *rome99_golden_wrong(c, "denominator", "not_normalised",
                         "the denominator before u is normalised: report it for unit u", 1,
                         1) = update->denominator_raw;
    memcpy(rome99_golden_wrong(c, "residual", "v_star",
                               "r is v* itself: it is what the MLP output lacks, v* - m", pair->D, 1),
           pair->v_star, pair->D * sizeof(double));
    if (method == ROME99_C_ROME)
        memcpy(rome99_golden_wrong(c, "residual", "delta",
                                   "r is delta: in c-rome it is v* - m_bar (with delta it is k-rome)",
                                   pair->D, 1),
               pair->delta, pair->D * sizeof(double));
    right = rome99_golden_wrong(c, "right", mistake, sentence, pair->D, 1);
    for (i = 0; i < pair->D; i++) right[i] = update->residual[i] / other;
}

void rome99_golden_update(rome99_golden *c, rome99_update *update, rome99_method method,
                          const rome99_pair *pair, const double *C, const double *L) {
    rome99_shape shape = {.D = pair->D, .F = pair->F};
    size_t F = pair->F, D = pair->D, all = c->roundings;
    rome99_update_layout(update, &shape,
                         rome99_golden_scratch(c, rome99_update_layout(update, &shape, NULL)));
    rome99_find_update(update, method, pair, L);
    c->roundings = (c->to_keys ? c->to_keys : all) + 5 * F;
    wrong_u(c, method, pair, L ? C : NULL, L);
    rome99_golden_expected_copy(c, "u", update->u, F, 1);
    if (!c->brief) rome99_golden_expected_number(c, "denominator_raw", update->denominator_raw);
    rome99_golden_expected_number(c, "denominator", update->denominator);
    c->roundings = all + 5 * F;
    wrong_rest(c, update, method, pair);
    rome99_golden_expected_copy(c, "residual", update->residual, D, 1);
    rome99_golden_expected_copy(c, "right", update->right, D, 1);
}

void rome99_golden_measures(rome99_golden *c, const rome99_update *update, const rome99_pair *pair,
                            const double *C) {
    size_t F = pair->F;
    rome99_golden_expected_number(c, "numerator", update->numerator);
    rome99_golden_expected_number(c, "dW_norm", update->dW_norm);
    rome99_golden_expected_number(c, "cos_keys", update->cos_keys);
    if (C) {
        double I = rome99_interference(update, C, F);
        rome99_golden_expected_number(c, "interference", I);
        rome99_golden_expected_number(c, "rms_predicted", update->numerator * I);
    }
    rome99_golden_expected_number(c, "reach_k_u", rome99_reach(update, pair->k_u, F));
    rome99_golden_expected_number(c, "reach_k_bar", rome99_reach(update, pair->k_bar, F));
}

void rome99_golden_dW(rome99_golden *c, const rome99_update *update, size_t F, size_t D) {
    double *dW = rome99_golden_expected(c, "dW", F, D);
    size_t i;
    for (i = 0; i < F * D; i++) dW[i] = update->u[i / D] * update->right[i % D];
}

void rome99_golden_wrong_means(rome99_golden *c, const rome99_pair *pair, const double *m_all,
                               const double *b) {
    static const char sentence[] = "the empty template left out of the mean: it is one of the N";
    size_t N = pair->N, i, j;
    double *k = rome99_golden_wrong(c, "k_bar", "empty_template_left_out", sentence, pair->F, 1), *m;
    for (j = 1; j < N; j++)
        for (i = 0; i < pair->F; i++) k[i] += pair->keys[j * pair->F + i] / (double)(N - 1);
    m = rome99_golden_wrong(c, "m_u", "bias_missing", "bias missing in m: (E1) is k W + b", pair->D, 1);
    for (i = 0; i < pair->D; i++) m[i] = pair->m_u[i] - b[i];
    m = rome99_golden_wrong(c, "m_bar", "bias_missing", "bias missing in m: (E1) is k W + b", pair->D, 1);
    for (i = 0; i < pair->D; i++) m[i] = pair->m_bar[i] - b[i];
    m = rome99_golden_wrong(c, "m_bar", "empty_template_left_out", sentence, pair->D, 1);
    for (j = 1; j < N; j++)
        for (i = 0; i < pair->D; i++) m[i] += m_all[j * pair->D + i] / (double)(N - 1);
}

/* -------------------------------------------------------------- pencil and paper */

/* m = k W + b */
static void output(double *m, const double *k, const double *W, const double *b) {
    size_t i;
    for (i = 0; i < 2; i++) m[i] = k[0] * W[i] + k[1] * W[2 + i] + b[i];
}

void rome99_golden_pencil(rome99_golden *c, int method) {
    enum { N = 4, D = 2 };
    static const double keys_of[N][D] = {{2, -6.5}, {3, 7}, {4, 8}, {3, 7.5}};
    static const double W_of[] = {1.2, -0.1, -0.2, 0.2}, b_of[] = {0.5, 1};
    static const double C_of[] = {7, 0, 0, 32}, delta_of[] = {0.3, 0.4};
    double *keys = rome99_golden_input(c, "keys", N, D), *W = rome99_golden_input(c, "W", D, D), *b, *delta,
           *C;
    double *L = rome99_golden_doubles(c, D * D), m_all[N * D];
    rome99_pair p = {.N = N, .F = D, .D = D};
    rome99_update update;
    size_t i, j;
    b = rome99_golden_input(c, "b", D, 1);
    delta = rome99_golden_input(c, "delta", D, 1);
    C = rome99_golden_input(c, "C", D, D);
    memcpy(keys, keys_of, sizeof keys_of);
    memcpy(W, W_of, sizeof W_of);
    memcpy(b, b_of, sizeof b_of);
    memcpy(delta, delta_of, sizeof delta_of);
    memcpy(C, C_of, sizeof C_of);
    rome99_golden_note_add(c, "method", rome99_golden_methods[method]);
    rome99_golden_inputs_done(c);
    c->roundings = 30;
    p.keys = keys;
    p.k_u = keys;
    p.k_bar = rome99_golden_doubles(c, D);
    p.m_u = rome99_golden_doubles(c, D);
    p.m_bar = rome99_golden_doubles(c, D);
    p.v_star = rome99_golden_doubles(c, D);
    p.delta = delta;
    for (j = 0; j < N; j++) {
        output(m_all + j * D, keys + j * D, W, b);
        for (i = 0; i < D; i++) {
            p.k_bar[i] += keys[j * D + i];
            p.m_bar[i] += m_all[j * D + i];
        }
    }
    for (i = 0; i < D; i++) {
        p.k_bar[i] /= N;
        p.m_bar[i] /= N;
        p.m_u[i] = m_all[i];
        p.v_star[i] = p.m_u[i] + delta[i];
    }
    rome99_golden_wrong_means(c, &p, m_all, b);
    rome99_golden_expected_copy(c, "k_u", p.k_u, D, 1);
    rome99_golden_expected_copy(c, "k_bar", p.k_bar, D, 1);
    rome99_golden_expected_copy(c, "m_u", p.m_u, D, 1);
    rome99_golden_expected_copy(c, "m_bar", p.m_bar, D, 1);
    rome99_golden_expected_copy(c, "v_star", p.v_star, D, 1);
    memcpy(L, C, D * D * sizeof *L);
    rome99_cholesky(L, D, rome99_golden_doubles(c, ROME99_PACK));
    rome99_golden_update(c, &update, (rome99_method)method, &p, C, L);
    rome99_golden_dW(c, &update, D, D);
    rome99_golden_measures(c, &update, &p, C);
}
