/* ops.c: golden cases of single operations on numbers and small matrices; those of the model are in blocks.c. */
#include "golden/recipes.h"

#include <string.h>

double *rome99_golden_filled(rome99_golden *c, const char *name, size_t rows, size_t cols, uint64_t seed) {
    double *x = rome99_golden_input(c, name, rows, cols);
    rome99_rng rng = {seed};
    size_t i;
    for (i = 0; i < rows * cols; i++) x[i] = ((double)rome99_rng_below(&rng, 2048) - 1024.0) / 512.0;
    return x;
}

/* ----------------------------------------------------------------- exp, log, tanh */

enum { EXP, LOG, TANH };
enum { PLAIN, NOT_FLOAT32, EDGE };
#define INF       (1e308 * 10.0)
#define MINUS_INF (-1e308 * 10.0)

/* Arguments in ranges whose results are of one size, since errors are measured over a tensor as a whole. */
static const struct {
    int function, kind;
    const char *x, *y;
    size_t n;
    double at[8];
} ranges[] = {
    {EXP, PLAIN, "x", "y", 8, {-1, -0.75, -0.5, -0.1, 0.1, 0.3, 0.7, 1}},
    {EXP, PLAIN, "x_small", "y_small", 6, {1e-3, -1e-3, 1e-9, -1e-9, 1e-17, -1e-300}},
    {EXP, PLAIN, "x_high", "y_high", 5, {20, 20.5, 21.25, 21.7, 22}},
    {EXP, PLAIN, "x_low", "y_low", 5, {-20, -20.5, -21.25, -21.7, -22}},
    {EXP, NOT_FLOAT32, "x_large", "y_large", 5, {708.5, 709, 709.25, 709.5, 709.78}},
    {EXP, NOT_FLOAT32, "x_subnormal", "y_subnormal", 4, {-708.4, -708.5, -708.75, -709}},
    {EXP, EDGE, "x_edge", "y_edge", 6, {0.0, -0.0, 709.79, -745.14, INF, MINUS_INF}},
    {LOG, PLAIN, "x", "y", 8, {0.1, 0.5, 0.7, 1.5, 2, 2.718281828459045, 4, 10}},
    {LOG, NOT_FLOAT32, "x_near_1", "y_near_1", 4, {1 + 1e-8, 1 + 2e-8, 1 - 1e-8, 1 - 2e-8}},
    {LOG, NOT_FLOAT32, "x_nearest_1", "y_nearest_1", 3, {1 + 0x1p-52, 1 + 0x1p-51, 1 - 0x1p-53}},
    {LOG, NOT_FLOAT32, "x_large", "y_large", 4, {1e100, 1e200, 1e300, 1.7e308}},
    {LOG, NOT_FLOAT32, "x_subnormal", "y_subnormal", 4, {0x1p-1074, 0x1p-1060, 0x1.8p-1030, 0x1p-1022}},
    {LOG, EDGE, "x_edge", "y_edge", 3, {1, INF, 0}},
    {TANH, PLAIN, "x", "y", 8, {-2, -1, -0.5, -0.2, 0.2, 0.6, 1.1, 2}},
    {TANH, PLAIN, "x_small", "y_small", 4, {1e-4, -1e-4, 2e-4, -3e-4}},
    {TANH, NOT_FLOAT32, "x_tiny", "y_tiny", 3, {1e-300, -2e-300, 3e-300}},
    {TANH, PLAIN, "x_large", "y_large", 4, {5, -8, 12, 18}},
    {TANH, EDGE, "x_edge", "y_edge", 6, {0.0, -0.0, 25, -25, INF, MINUS_INF}},
};
enum { RANGES = sizeof ranges / sizeof *ranges };

static void elementary(rome99_golden *c, int function) {
    static double (*const f[])(double) = {rome99_exp, rome99_log, rome99_tanh};
    size_t r, i;
    for (r = 0; r < RANGES; r++)
        if (ranges[r].function == function)
            memcpy(rome99_golden_input(c, ranges[r].x, ranges[r].n, 1), ranges[r].at,
                   ranges[r].n * sizeof(double));
    rome99_golden_inputs_done(c);
    c->roundings = 1;
    c->given = 1;
    for (r = 0; r < RANGES; r++)
        if (ranges[r].function == function) {
            const double *x = rome99_golden_find(c, ranges[r].x)->data;
            double *y = ranges[r].kind == EDGE ? rome99_golden_exact(c, ranges[r].y, ranges[r].n, 1)
                                               : rome99_golden_expected(c, ranges[r].y, ranges[r].n, 1);
            for (i = 0; i < ranges[r].n; i++) y[i] = f[function](x[i]);
            if (ranges[r].kind == NOT_FLOAT32) rome99_golden_not_float32(c);
        }
}

/* -------------------------------------------------------------- the terms of (E5) */

static void cross_entropy(rome99_golden *c, int variant) {
    enum { R = 3, V = 7 };
    double *z = rome99_golden_filled(c, "logits", R, V, 41), *logp, *nll, *d;
    int64_t *target = rome99_golden_integers(c, ROME99_INPUT, "target", R, 1);
    size_t r, i;
    (void)variant;
    for (i = 0; i < V; i++) z[V + i] += 1000.0; /* only differences count */
    z[2 * V + 3] = 60.0;                        /* nearly all of the probability */
    target[0] = 2;
    target[1] = 6;
    target[2] = 3;
    rome99_golden_inputs_done(c);
    c->roundings = 2 * V + 6;
    logp = rome99_golden_expected(c, "logp", R, V);
    nll = rome99_golden_expected(c, "nll", R, 1);
    d = rome99_golden_expected(c, "dlogits", R, V);
    memcpy(d, z, R * V * sizeof *d);
    for (r = 0; r < R; r++) {
        rome99_log_softmax(logp + r * V, z + r * V, V);
        nll[r] = rome99_cross_entropy(d + r * V, V, (int32_t)target[r], 1.0);
    }
}

static void nll(rome99_golden *c, int variant) {
    enum { N = 3, TARGETS = 2, V = 7 };
    double *z = rome99_golden_filled(c, "logits", N * TARGETS, V, 42), *d, sum = 0.0;
    int64_t *target = rome99_golden_integers(c, ROME99_INPUT, "target", TARGETS, 1);
    size_t r;
    (void)variant;
    target[0] = 4;
    target[1] = 1;
    rome99_golden_inputs_done(c);
    c->roundings = 2 * V + N * TARGETS + 8;
    d = rome99_golden_doubles(c, N * TARGETS * V);
    memcpy(d, z, N * TARGETS * V * sizeof *d);
    for (r = 0; r < N * TARGETS; r++)
        sum += rome99_cross_entropy(d + r * V, V, (int32_t)target[r % TARGETS], 1.0 / (N * TARGETS));
    *rome99_golden_wrong(c, "nll", "summed",
                         "the log probabilities of the target's tokens are summed: (E5) takes their mean", 1,
                         1) = sum / N;
    rome99_golden_expected_number(c, "nll", sum / (N * TARGETS));
    rome99_golden_expected_copy(c, "dlogits", d, N * TARGETS, V);
}

static void kl(rome99_golden *c, int variant) {
    enum { V = 7 };
    double *z = rome99_golden_filled(c, "logits", V, 1, 43),
           *z_0 = rome99_golden_filled(c, "logits_0", V, 1, 44), p[V], p_0[V], back;
    double *wrong, factor, value;
    size_t i;
    (void)variant;
    rome99_golden_input_number(c, "kl_factor", 0.0625);
    rome99_golden_inputs_done(c);
    factor = *(double *)rome99_golden_find(c, "kl_factor")->data;
    c->roundings = 3 * V + 8;
    rome99_log_softmax(p, z, V);
    rome99_log_softmax(p_0, z_0, V);
    wrong = rome99_golden_wrong(c, "dlogits", "reversed",
                                "the gradient of KL(p_0 || p): (E5) weights with the edited p", V, 1);
    for (back = 0.0, i = 0; i < V; i++) {
        back += rome99_exp(p_0[i]) * (p_0[i] - p[i]);
        wrong[i] = factor * (rome99_exp(p[i]) - rome99_exp(p_0[i]));
    }
    value = rome99_kl(p, p_0, V, factor);
    *rome99_golden_wrong(c, "kl", "reversed",
                         "KL the other way round, KL(p_0 || p): (E5) weights with the edited p", 1,
                         1) = factor * back;
    *rome99_golden_wrong(c, "kl", "factor_missing", "KL without kl_factor", 1, 1) = value;
    rome99_golden_expected_number(c, "kl", factor * value);
    rome99_golden_expected_copy(c, "dlogits", p, V, 1);
}

static void weight_decay(rome99_golden *c, int variant) {
    enum { D = 4 };
    double *delta = rome99_golden_filled(c, "delta", D, 1, 45),
           *m_u = rome99_golden_filled(c, "m_u", D, 1, 46), d[D] = {0}, value, weight;
    double norm, m, *wrong;
    size_t i;
    (void)variant;
    rome99_golden_input_number(c, "v_weight_decay", 0.5);
    rome99_golden_inputs_done(c);
    c->roundings = D + 8;
    weight = *(double *)rome99_golden_find(c, "v_weight_decay")->data;
    value = rome99_weight_decay(d, delta, m_u, weight, D);
    norm = rome99_norm(delta, D);
    m = rome99_norm(m_u, D);
    *rome99_golden_wrong(c, "wd", "squared", "weight decay on |delta|^2: (E5) has |delta|", 1,
                         1) = weight * (norm / m * (norm / m));
    *rome99_golden_wrong(c, "wd", "m_u_not_squared", "|delta| / |m_u|: (E5) divides by |m_u|^2", 1,
                         1) = weight * (norm / m);
    wrong = rome99_golden_wrong(c, "ddelta", "squared", "the gradient of |delta|^2: (E5) has |delta|", D, 1);
    for (i = 0; i < D; i++) wrong[i] = weight * (2.0 * delta[i] / (m * m));
    rome99_golden_expected_number(c, "wd", value);
    rome99_golden_expected_copy(c, "ddelta", d, D, 1);
}

/* -------------------------------------------------------------------------- Adam */

enum { ADAM_D = 4, ADAM_N = 7 };
enum { ADAM_RIGHT, ADAM_ONE_MORE, ADAM_NO_CORRECTION, ADAM_EPS_INSIDE, ADAM_NOT_CLAMPED };

/* steps (ADAM_N, ADAM_D), of the gradients there; delta (ADAM_D) in the end. */
static void adam_steps(double *steps, double *delta, const double *g, double lr, double factor,
                       const double *m_u, int how) {
    rome99_adam adam = {lr, 0.9, 0.999, 1e-8, 1.0, 1.0};
    double m[ADAM_D] = {0}, v[ADAM_D] = {0};
    size_t n = how == ADAM_ONE_MORE ? ADAM_N + 1 : ADAM_N, i, j;
    memset(delta, 0, ADAM_D * sizeof *delta);
    for (i = 0; i < n; i++) {
        if (steps) memcpy(steps + i * ADAM_D, delta, ADAM_D * sizeof *delta);
        if (i + 1 == n) return;
        rome99_adam_begin(&adam);
        if (how == ADAM_NO_CORRECTION || how == ADAM_EPS_INSIDE) {
            for (j = 0; j < ADAM_D; j++) {
                double x = g[i * ADAM_D + j], c1 = 1.0 - adam.beta1_t, c2 = 1.0 - adam.beta2_t;
                m[j] = 0.9 * m[j] + 0.1 * x;
                v[j] = 0.999 * v[j] + 0.001 * (x * x);
                delta[j] -= how == ADAM_EPS_INSIDE ? lr * (m[j] / c1) / rome99_sqrt(v[j] / c2 + 1e-8)
                                                   : lr * m[j] / (rome99_sqrt(v[j]) + 1e-8);
            }
        } else {
            rome99_adam_step(&adam, delta, m, v, g + i * ADAM_D, ADAM_D);
        }
        if (how != ADAM_NOT_CLAMPED) rome99_clamp(delta, m_u, factor, ADAM_D);
    }
}

static void adam(rome99_golden *c, int variant) {
    static const struct {
        const char *mistake, *sentence;
    } wrong[] = {{0, 0},
                 {"one_step_more", "delta stepped once too often: n iterations are n forwards, n - 1 steps"},
                 {"no_bias_correction", "Adam without bias correction"},
                 {"eps_inside_root", "Adam's epsilon under the square root: it is added after it"},
                 {"not_clamped", "delta is not cut to clamp_norm_factor |m_u| after each step"}};
    double *g = rome99_golden_filled(c, "gradients", ADAM_N, ADAM_D, 47),
           *m_u = rome99_golden_filled(c, "m_u", ADAM_D, 1, 48), lr, factor;
    double *steps, last[ADAM_D];
    size_t i;
    int how;
    (void)variant;
    for (i = 0; i < ADAM_N; i++) {
        g[i * ADAM_D] += 1.5;                 /* one that pulls one way */
        g[i * ADAM_D + 3] *= 1.0 / (1 << 24); /* one so small that epsilon counts */
    }
    rome99_golden_input_number(c, "v_lr", 0.5);
    rome99_golden_input_number(c, "clamp_norm_factor", 0.75);
    rome99_golden_inputs_done(c);
    c->roundings = 12 * (ADAM_N - 1);
    lr = *(double *)rome99_golden_find(c, "v_lr")->data;
    factor = *(double *)rome99_golden_find(c, "clamp_norm_factor")->data;
    for (how = ADAM_ONE_MORE; how <= ADAM_NOT_CLAMPED; how++)
        adam_steps(NULL, rome99_golden_wrong(c, "delta", wrong[how].mistake, wrong[how].sentence, ADAM_D, 1),
                   g, lr, factor, m_u, how);
    steps = rome99_golden_expected(c, "steps", ADAM_N, ADAM_D);
    adam_steps(steps, last, g, lr, factor, m_u, ADAM_RIGHT);
    rome99_golden_expected_copy(c, "delta", last, ADAM_D, 1);
}

/* -------------------------------------------------------- second moment, Cholesky */

static void second_moment(rome99_golden *c, int variant) {
    enum { N = 12, F = 4 };
    double *keys = rome99_golden_filled(c, "keys", N, F, 49), mean[F] = {0}, *pack, *C, *centred, *sum, *rest;
    size_t i, j, n;
    (void)variant;
    for (i = 0; i < N; i++) keys[i * F] += 1.0; /* a mean that is not 0 */
    rome99_golden_inputs_done(c);
    c->roundings = N + 2;
    pack = rome99_golden_doubles(c, ROME99_PACK);
    centred = rome99_golden_wrong(c, "C", "centred", "a centred covariance: (E2) subtracts no mean", F, F);
    sum = rome99_golden_wrong(c, "C", "not_divided", "a sum: (E2) divides by the number of keys", F, F);
    rest = rome99_golden_wrong(c, "C", "first_position_left_out",
                               "position 0 of each window is left out: (E2) has every position", F, F);
    C = rome99_golden_expected(c, "C", F, F);
    rome99_second_moment(sum, keys, N, F, pack);
    for (n = 0; n < N; n += 4) rome99_second_moment(rest, keys + (n + 1) * F, 3, F, pack);
    for (i = 0; i < N * F; i++) mean[i % F] += keys[i];
    for (i = 0; i < F; i++)
        for (j = 0; j < F; j++) {
            C[i * F + j] = sum[i * F + j] / N;
            rest[i * F + j] /= N - 3;
            centred[i * F + j] = C[i * F + j] - mean[i] / N * (mean[j] / N);
        }
}

enum { WELL, ILL };

static void cholesky(rome99_golden *c, int variant) {
    size_t n = 6, i, j, k;
    double *A = rome99_golden_input(c, "A", n, n), *b = rome99_golden_filled(c, "b", n, 1, 50), *L, *pack, *x,
           *half;
    double *other = NULL;
    for (i = 0; i < n; i++)
        for (j = 0; j < n; j++) /* 3 on the diagonal and smaller off it; or Hilbert's matrix */
            A[i * n + j] = variant == ILL ? 1.0 / (double)(i + j + 1)
                           : i == j       ? 3.0
                                          : 1.0 / (double)(1 << (i > j ? i - j : j - i));
    if (variant == WELL) {
        other = rome99_golden_input(c, "A_indefinite", n, n);
        memcpy(other, A, n * n * sizeof *A);
        other[3 * n + 3] = -0.25;
    }
    rome99_golden_inputs_done(c);
    c->roundings = 3 * n;
    pack = rome99_golden_doubles(c, ROME99_PACK);
    half = rome99_golden_wrong(c, "x", "one_triangle", "only L y = b is solved: L^T x = y is missing", n, 1);
    L = rome99_golden_expected(c, "L", n, n);
    x = rome99_golden_expected(c, "x", n, 1);
    memcpy(L, A, n * n * sizeof *L);
    rome99_cholesky(L, n, pack);
    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) L[i * n + j] = 0.0;
        half[i] = b[i];
        for (k = 0; k < i; k++) half[i] -= L[i * n + k] * half[k];
        half[i] /= L[i * n + i];
    }
    rome99_cholesky_solve(x, L, b, n);
    if (other) {
        double *copy = rome99_golden_doubles(c, n * n);
        memcpy(copy, other, n * n * sizeof *copy);
        *rome99_golden_integers(c, ROME99_EXPECTED, "pivot", 1, 1) = (int64_t)rome99_cholesky(copy, n, pack);
    }
}

/* ------------------------------------------------------------------------ updates */

static void update(rome99_golden *c, int method) {
    enum { F = 5, D = 3 };
    double *k_u = rome99_golden_filled(c, "k_u", F, 1, 51),
           *k_bar = rome99_golden_filled(c, "k_bar", F, 1, 52), *m_u, *m_bar, *delta, *C;
    double v_star[D], *L, *pack;
    rome99_pair pair = {.N = 4, .F = F, .D = D};
    rome99_update result;
    size_t i, j;
    m_u = rome99_golden_filled(c, "m_u", D, 1, 53);
    m_bar = rome99_golden_filled(c, "m_bar", D, 1, 54);
    delta = rome99_golden_filled(c, "delta", D, 1, 55);
    C = rome99_golden_input(c, "C", F, F);
    for (i = 0; i < F; i++)
        for (j = 0; j < F; j++)
            C[i * F + j] = i == j ? (double)(i + 2) : 1.0 / (double)(1 << (i > j ? i - j : j - i));
    rome99_golden_note_add(c, "method", rome99_golden_methods[method]);
    rome99_golden_inputs_done(c);
    c->roundings = 5 * F + 10;
    pack = rome99_golden_doubles(c, ROME99_PACK);
    L = rome99_golden_doubles(c, F * F);
    memcpy(L, C, F * F * sizeof *L);
    rome99_cholesky(L, F, pack);
    for (i = 0; i < D; i++) v_star[i] = m_u[i] + delta[i];
    pair.k_u = k_u;
    pair.k_bar = k_bar;
    pair.m_u = m_u;
    pair.m_bar = m_bar;
    pair.delta = delta;
    pair.v_star = v_star;
    rome99_golden_update(c, &result, (rome99_method)method, &pair, C, L);
    rome99_golden_dW(c, &result, F, D);
    rome99_golden_measures(c, &result, &pair, C);
}

const rome99_golden_recipe rome99_golden_ops[] = {
    {"ops/exp", "the exponential function: ordinary, extreme and subnormal results", elementary, EXP},
    {"ops/log", "the natural logarithm: ordinary, near 1, extreme and subnormal arguments", elementary, LOG},
    {"ops/tanh", "the hyperbolic tangent", elementary, TANH},
    {"ops/cross_entropy", "log softmax and -log p(target) of rows of logits, with the gradient",
     cross_entropy, 0},
    {"ops/nll", "the first term of (E5): three texts, two target tokens each", nll, 0},
    {"ops/kl", "the second term of (E5), and its gradient with respect to the logits", kl, 0},
    {"ops/weight_decay", "the third term of (E5), and its gradient", weight_decay, 0},
    {"ops/adam", "seven iterations of Adam with the clamp, from given gradients", adam, 0},
    {"ops/second_moment", "(E2) of twelve keys, three windows of four positions", second_moment, 0},
    {"ops/cholesky_well", "factor and solve, well conditioned; the failing pivot", cholesky, WELL},
    {"ops/cholesky_ill", "factor and solve, condition 1.5e7: Hilbert's matrix", cholesky, ILL},
    {"ops/update_rome", "(E3), (E4), (E6) for rome", update, ROME99_ROME},
    {"ops/update_c-rome", "(E3), (E4), (E6) for c-rome", update, ROME99_C_ROME},
    {"ops/update_p-rome", "(E3), (E4), (E6) for p-rome", update, ROME99_P_ROME},
    {"ops/update_k-rome", "(E3), (E4), (E6) for k-rome", update, ROME99_K_ROME},
};
const size_t rome99_golden_ops_count = sizeof rome99_golden_ops / sizeof *rome99_golden_ops;
