/* blocks.c: golden cases of GPT-2's building blocks, forward and backward, and the formula model.
 *
 * The core computes whole layers. Here a layer's weights are chosen such that all but one operation does
 * nothing: zeros, identities; what goes into the operation is put where the layer before would have left it. */
#include "golden/recipes.h"

#include <string.h>

static double magnitude(double x) { return x < 0.0 ? -x : x; }

/* ------------------------------------------------------------------------- passes */

double **rome99_zero_model(rome99_gpt2 *model, rome99_golden *c, const rome99_shape *shape) {
    size_t n = rome99_tensor_count(shape), i;
    double **p = rome99_golden_scratch(c, n * sizeof *p);
    model->shape = *shape;
    model->w = rome99_golden_scratch(c, n * sizeof *model->w);
    for (i = 0; i < n; i++) {
        rome99_tensor_info t = rome99_describe(shape, i);
        p[i] = rome99_golden_doubles(c, t.rows * t.cols);
        model->w[i] = (rome99_weight){p[i], ROME99_F64};
    }
    return p;
}

void rome99_golden_run(rome99_run *run, rome99_batch *batch, rome99_golden *c, const rome99_shape *shape,
                       const int32_t *ids, const size_t *length, size_t S) {
    rome99_plan plan = {{0, shape->L}, 0, 0, 1, 0};
    size_t bytes = rome99_batch_layout(batch, ids, length, S, NULL, NULL, NULL, NULL);
    rome99_batch_layout(batch, ids, length, S, NULL, NULL, NULL, rome99_golden_scratch(c, bytes));
    plan.logit_rows = batch->n;
    bytes = rome99_run_layout(run, shape, batch, plan, NULL);
    rome99_run_layout(run, shape, batch, plan, rome99_golden_scratch(c, bytes));
}

void rome99_golden_logits(rome99_golden *c, const char *name, const rome99_gpt2 *model, const int32_t *ids,
                          size_t T, size_t rows) {
    size_t V = model->shape.V, mark;
    double *logits = rome99_golden_expected(c, name, rows, V);
    rome99_range last = {T - rows, T};
    rome99_batch batch;
    rome99_run run;
    mark = c->arena.used;
    rome99_golden_run(&run, &batch, c, &model->shape, ids, &T, 1);
    rome99_forward(&run, model, last);
    rome99_head_forward(&run, model, last);
    memcpy(logits, run.logits, rows * V * sizeof *logits);
    c->arena.used = mark;
}

/* One layer (or none) of zeros for one text of T tokens. */
static double **layer(rome99_gpt2 *model, rome99_run *run, rome99_golden *c, size_t T, size_t D, size_t F,
                      size_t L, size_t H) {
    static const int32_t ids[8] = {0};
    rome99_shape shape = {L ? 1 : D, T, D, F, L, H, 1e-5};
    rome99_batch *batch = rome99_golden_scratch(c, sizeof *batch);
    double **p = rome99_zero_model(model, c, &shape);
    rome99_golden_run(run, batch, c, &shape, ids, &T, 1);
    return p;
}

static void identity(double *a, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) a[i * n + i] = 1.0;
}

/* --------------------------------------------------------------------- layer norm */

static void layer_norm(rome99_golden *c, int variant) {
    enum { R = 6, D = 8 };
    double *x = rome99_golden_filled(c, "x", R, D, 61), *gain = rome99_golden_filled(c, "gain", D, 1, 62),
           *bias = rome99_golden_filled(c, "bias", D, 1, 63);
    double *dy, **p, *grad[ROME99_GLOBALS], *wrong[3];
    rome99_range rows = {0, R};
    rome99_gpt2 model;
    rome99_run run;
    size_t i, r;
    (void)variant;
    for (i = 0; i < D; i++) {
        x[D + i] = 3.0;                  /* a constant row: variance 0 */
        x[2 * D + i] += 1000.0;          /* a mean much larger than the spread */
        x[3 * D + i] /= 1 << 20;         /* a spread smaller than sqrt(eps) */
        x[4 * D + i] *= i == 5 ? 64 : 1; /* one outlier, as a sink has */
        x[5 * D + i] = i % 2 ? 1.0 : -1.0;
    }
    rome99_golden_input_number(c, "eps", 1e-5);
    dy = rome99_golden_filled(c, "dy", R, D, 64);
    rome99_golden_inputs_done(c);
    c->roundings = 4 * D + 12;
    p = layer(&model, &run, c, R, D, 1, 0, 1);
    run.shape.eps = *(double *)rome99_golden_find(c, "eps")->data;
    for (i = 0; i < ROME99_GLOBALS; i++) {
        rome99_tensor_info t = rome99_describe(&model.shape, i);
        grad[i] = rome99_golden_doubles(c, t.rows * t.cols);
    }
    identity(p[ROME99_WTE], D);
    memcpy(p[ROME99_LN_F_G], gain, D * sizeof *gain);
    memcpy(p[ROME99_LN_F_B], bias, D * sizeof *bias);
    memcpy(run.x, x, R * D * sizeof *x);
    rome99_head_forward(&run, &model, rows);
    rome99_head_backward(&run, &model, grad, dy, rows);
    wrong[0] = rome99_golden_wrong(c, "y", "unbiased_variance",
                                   "the variance is divided by n - 1: layer norm divides by n", R, D);
    wrong[1] = rome99_golden_wrong(c, "y", "eps_outside_root",
                                   "eps is added to the standard deviation: it is added to the variance", R,
                                   D);
    wrong[2] = rome99_golden_wrong(c, "dx", "constant_moments",
                                   "mean and variance are taken as constants: they depend on x", R, D);
    for (r = 0; r < R; r++) {
        double var = 1.0 / (run.rstd_f[r] * run.rstd_f[r]) - run.shape.eps, rstd[2];
        rstd[0] = 1.0 / rome99_sqrt(var * D / (D - 1) + run.shape.eps);
        rstd[1] = 1.0 / (rome99_sqrt(var > 0.0 ? var : 0.0) + run.shape.eps);
        for (i = 0; i < D; i++) {
            double from = x[r * D + i] - run.mean_f[r];
            wrong[0][r * D + i] = from * rstd[0] * gain[i] + bias[i];
            wrong[1][r * D + i] = from * rstd[1] * gain[i] + bias[i];
            wrong[2][r * D + i] = dy[r * D + i] * gain[i] * run.rstd_f[r];
        }
    }
    rome99_golden_expected_copy(c, "mean", run.mean_f, R, 1);
    rome99_golden_expected_copy(c, "rstd", run.rstd_f, R, 1);
    rome99_golden_expected_copy(c, "y", run.ln_f, R, D);
    rome99_golden_expected_copy(c, "dx", run.dx, R, D);
    rome99_golden_expected_copy(c, "dgain", grad[ROME99_LN_F_G], D, 1);
    rome99_golden_expected_copy(c, "dbias", grad[ROME99_LN_F_B], D, 1);
}

/* --------------------------------------------------------------------------- GELU */

double rome99_erf_gelu(double x) {
    /* erf(z) = 2/sqrt(pi) exp(-z^2) sum_n 2^n z^(2n+1) / (1 3 ... (2n+1)): all terms have one sign */
    double z = x * 0.70710678118654752440, term = z, sum = z;
    size_t n;
    for (n = 1; n < 200 && magnitude(term) > 1e-20 * magnitude(sum); n++) {
        term *= 2.0 * z * z / (double)(2 * n + 1);
        sum += term;
    }
    return 0.5 * x * (1.0 + 1.12837916709551257390 * rome99_exp(-z * z) * sum);
}

static void gelu_new(rome99_golden *c, int variant) {
    enum { N = 24 };
    static const double at[N] = {-10, -6,   -4,   -3,   -2,  -1.5, -1, -0.75, -0.5, -0.25, -0.01, -1e-5,
                                 0,   1e-5, 0.01, 0.25, 0.5, 0.75, 1,  1.5,   2,    3,     4,     10};
    double *x = rome99_golden_input(c, "x", N, 1), *dy = rome99_golden_filled(c, "dy", N, 1, 65), **p,
           *wrong[2];
    rome99_range row = {0, 1};
    rome99_gpt2 model;
    rome99_run run;
    size_t i;
    (void)variant;
    memcpy(x, at, sizeof at);
    rome99_golden_inputs_done(c);
    c->roundings = 16;
    p = layer(&model, &run, c, 1, 1, N, 1, 1);
    memcpy(p[ROME99_LAYER(0, ROME99_FC_B)], x, N * sizeof *x);
    memcpy(p[ROME99_LAYER(0, ROME99_PROJ_W)], dy, N * sizeof *dy);
    rome99_layer_forward(&run, &model, 0, row, row);
    run.dx[0] = 1.0;
    rome99_layer_backward(&run, &model, NULL, 0, row, row);
    wrong[0] = rome99_golden_wrong(c, "y", "erf_gelu", "GELU with erf: GPT-2's gelu_new has tanh", N, 1);
    wrong[1] = rome99_golden_wrong(c, "y", "sigmoid_gelu",
                                   "x / (1 + exp(-1.702 x)): GPT-2's gelu_new has tanh", N, 1);
    for (i = 0; i < N; i++) {
        wrong[0][i] = rome99_erf_gelu(x[i]);
        wrong[1][i] = x[i] / (1.0 + rome99_exp(-1.702 * x[i]));
    }
    rome99_golden_expected_copy(c, "y", run.layer[0].k, N, 1);
    rome99_golden_expected_copy(c, "dx", run.dfc, N, 1);
}

/* ---------------------------------------------------------------------- attention */

static void softmax(rome99_golden *c, int variant) {
    enum { R = 4, N = 6 };
    double *x = rome99_golden_filled(c, "x", R, N, 66), *dy = rome99_golden_filled(c, "dy", R, N, 67), *y,
           *dx, *wrong, **p;
    rome99_range none = {0, 0}, all = {0, N}, last = {N - 1, N};
    rome99_gpt2 model;
    rome99_run run;
    size_t r, j;
    (void)variant;
    for (j = 0; j < N; j++) {
        x[N + j] += 1000.0; /* only differences count */
        x[2 * N + j] = 0.5; /* all the same */
    }
    x[3 * N + 2] = 40.0; /* one takes nearly all */
    rome99_golden_inputs_done(c);
    c->roundings = 2 * N + 6;
    p = layer(&model, &run, c, N, 1, 1, 1, 1);
    p[ROME99_LAYER(0, ROME99_ATTN_PROJ_W)][0] = 1.0;
    wrong = rome99_golden_wrong(c, "dx", "diagonal_only",
                                "only y (1 - y) dy: the softmax has a full Jacobian, y (dy - sum y dy)", R,
                                N);
    y = rome99_golden_expected(c, "y", R, N);
    dx = rome99_golden_expected(c, "dx", R, N);
    for (r = 0; r < R; r++) { /* one head of width 1: q = 1, k = x, v = dy */
        for (j = 0; j < N; j++) {
            run.layer[0].qkv[3 * j] = 1.0;
            run.layer[0].qkv[3 * j + 1] = x[r * N + j];
            run.layer[0].qkv[3 * j + 2] = dy[r * N + j];
            run.dx[j] = j + 1 == N ? 1.0 : 0.0;
        }
        rome99_layer_forward(&run, &model, 0, none, last);
        memcpy(y + r * N, run.layer[0].att + (N - 1) * N, N * sizeof *y);
        rome99_layer_backward(&run, &model, NULL, 0, all, last);
        memcpy(dx + r * N, run.ds, N * sizeof *dx);
        for (j = 0; j < N; j++) wrong[r * N + j] = y[r * N + j] * (1.0 - y[r * N + j]) * dy[r * N + j];
    }
}

enum { A_T = 5, A_D = 4, A_H = 2 };

/* Attention as the equations stand, with a scale, a mask or none, heads side by side or interleaved. */
static void plain_attention(double *y, const double *q, const double *k, const double *v, double scale,
                            int causal, int interleaved) {
    size_t h, i, j, d, head = A_D / A_H;
    for (h = 0; h < A_H; h++)
        for (i = 0; i < A_T; i++) {
            double s[A_T], sum = 0.0;
            size_t seen = causal ? i + 1 : A_T, first = interleaved ? h : h * head,
                   step = interleaved ? A_H : 1;
            for (j = 0; j < seen; j++) {
                for (s[j] = 0.0, d = 0; d < head; d++)
                    s[j] += q[i * A_D + first + d * step] * k[j * A_D + first + d * step];
                s[j] = rome99_exp(s[j] / scale);
                sum += s[j];
            }
            for (d = 0; d < head; d++) {
                double *out = &y[i * A_D + first + d * step];
                for (*out = 0.0, j = 0; j < seen; j++) *out += s[j] / sum * v[j * A_D + first + d * step];
            }
        }
}

static void attention(rome99_golden *c, int variant) {
    static const char *const names[] = {"dq", "dk", "dv"};
    double *in[3], *dy, *weights, *to, **p;
    rome99_range none = {0, 0}, all = {0, A_T};
    rome99_gpt2 model;
    rome99_run run;
    size_t t, i, h;
    (void)variant;
    in[0] = rome99_golden_filled(c, "q", A_T, A_D, 68);
    in[1] = rome99_golden_filled(c, "k", A_T, A_D, 69);
    in[2] = rome99_golden_filled(c, "v", A_T, A_D, 70);
    dy = rome99_golden_filled(c, "dy", A_T, A_D, 71);
    rome99_golden_inputs_done(c);
    c->roundings = 3 * A_T + 2 * A_D + 10;
    p = layer(&model, &run, c, A_T, A_D, 1, 1, A_H);
    identity(p[ROME99_LAYER(0, ROME99_ATTN_PROJ_W)], A_D);
    for (t = 0; t < A_T; t++)
        for (i = 0; i < 3 * A_D; i++) run.layer[0].qkv[t * 3 * A_D + i] = in[i / A_D][t * A_D + i % A_D];
    rome99_layer_forward(&run, &model, 0, none, all);
    memcpy(run.dx, dy, A_T * A_D * sizeof *dy);
    rome99_layer_backward(&run, &model, NULL, 0, all, all);
    plain_attention(
        rome99_golden_wrong(c, "y", "not_scaled", "scores are not divided by sqrt(D/H)", A_T, A_D), in[0],
        in[1], in[2], 1.0, 1, 0);
    plain_attention(rome99_golden_wrong(c, "y", "scaled_by_width",
                                        "scores are divided by sqrt(D): each head's width D/H counts", A_T,
                                        A_D),
                    in[0], in[1], in[2], 2.0, 1, 0);
    plain_attention(rome99_golden_wrong(c, "y", "not_causal", "positions see what follows them", A_T, A_D),
                    in[0], in[1], in[2], rome99_sqrt(2.0), 0, 0);
    plain_attention(rome99_golden_wrong(c, "y", "heads_interleaved",
                                        "head h has columns h, h + H ...: it has D/H adjacent ones", A_T,
                                        A_D),
                    in[0], in[1], in[2], rome99_sqrt(2.0), 1, 1);
    weights = rome99_golden_expected(c, "weights", A_H * A_T, A_T);
    for (h = 0; h < A_H; h++)
        for (t = 0; t < A_T; t++)
            memcpy(weights + (h * A_T + t) * A_T, run.layer[0].att + (t * A_H + h) * A_T,
                   A_T * sizeof *weights);
    rome99_golden_expected_copy(c, "y", run.layer[0].y, A_T, A_D);
    for (i = 0; i < 3; i++) {
        to = rome99_golden_expected(c, names[i], A_T, A_D);
        for (t = 0; t < A_T; t++) memcpy(to + t * A_D, run.dqkv + t * 3 * A_D + i * A_D, A_D * sizeof *to);
    }
}

/* ------------------------------------------------------------------------- linear */

static void linear(rome99_golden *c, int variant) {
    enum { R = 4, D = 5 };
    double *x = rome99_golden_filled(c, "x", R, D, 72), *W = rome99_golden_filled(c, "W", D, D, 73),
           *b = rome99_golden_filled(c, "b", D, 1, 74), *dy;
    double **p, **grad, *no_bias, *transposed;
    size_t proj = ROME99_LAYER(0, ROME99_PROJ_W), i, j, r;
    rome99_range rows = {0, R};
    rome99_gpt2 model, unused;
    rome99_run run;
    (void)variant;
    dy = rome99_golden_filled(c, "dy", R, D, 75);
    rome99_golden_inputs_done(c);
    c->roundings = D + 3;
    p = layer(&model, &run, c, R, D, D, 1, 1);
    grad = rome99_zero_model(&unused, c, &model.shape);
    memcpy(p[proj], W, D * D * sizeof *W);
    memcpy(p[proj + 1], b, D * sizeof *b);
    memcpy(run.layer[0].k, x, R * D * sizeof *x);
    rome99_mlp_output(&run, &model, 0, rows);
    for (i = 0; i < R * D; i++) run.layer[0].fc[i] = 40.0; /* where GELU's derivative is exactly 1 */
    memcpy(run.dx, dy, R * D * sizeof *dy);
    rome99_layer_backward(&run, &model, grad, 0, rows, rows);
    no_bias = rome99_golden_wrong(c, "y", "no_bias", "x W without b", R, D);
    transposed = rome99_golden_wrong(c, "y", "transposed", "x W^T + b: GPT-2's weights are stored (in, out)",
                                     R, D);
    for (r = 0; r < R; r++)
        for (j = 0; j < D; j++) {
            transposed[r * D + j] = b[j];
            for (i = 0; i < D; i++) {
                no_bias[r * D + j] += x[r * D + i] * W[i * D + j];
                transposed[r * D + j] += x[r * D + i] * W[j * D + i];
            }
        }
    rome99_golden_expected_copy(c, "y", run.layer[0].m, R, D);
    rome99_golden_expected_copy(c, "dx", run.dfc, R, D);
    rome99_golden_expected_copy(c, "dW", grad[proj], D, D);
    rome99_golden_expected_copy(c, "db", grad[proj + 1], D, 1);
}

const rome99_golden_recipe rome99_golden_blocks[] = {
    {"ops/layer_norm", "layer norm of rows that are ordinary, constant, far off, narrow, with an outlier",
     layer_norm, 0},
    {"ops/gelu_new", "GPT-2's activation", gelu_new, 0},
    {"ops/softmax", "softmax of rows that are ordinary, far off, level, with one that takes all", softmax, 0},
    {"ops/attention", "causal attention of two heads over five positions", attention, 0},
    {"ops/linear", "c_fc and c_proj: y = x W + b", linear, 0},
};
const size_t rome99_golden_blocks_count = sizeof rome99_golden_blocks / sizeof *rome99_golden_blocks;
