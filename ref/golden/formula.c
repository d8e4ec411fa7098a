/* formula.c: the formula model of golden/FORMAT.md, and a forward pass of it. */
#include "golden/recipes.h"

#include <string.h>

/* ---------------------------------------------------------------------- the model */

const rome99_shape rome99_formula_shape = {287, 32, 8, 32, 3, 2, 1e-5};

void rome99_formula_model(rome99_gpt2 *model, rome99_golden *c) {
    double **p = rome99_zero_model(model, c, &rome99_formula_shape);
    rome99_rng rng = {ROME99_FORMULA_SEED};
    size_t t, i;
    for (t = 0; t < rome99_tensor_count(&model->shape); t++) {
        rome99_tensor_info info = rome99_describe(&model->shape, t);
        size_t within = t < ROME99_GLOBALS ? t : ROME99_GLOBALS + (t - ROME99_GLOBALS) % ROME99_PER_LAYER;
        int gain = t == ROME99_LN_F_G || within == ROME99_GLOBALS + ROME99_LN_1_G ||
                   within == ROME99_GLOBALS + ROME99_LN_2_G;
        for (i = 0; i < info.rows * info.cols; i++) {
            double v = ((double)(rome99_rng_next(&rng) >> 44) - 524288.0) / 1048576.0;
            p[t][i] = t == ROME99_LN_F_G ? 8.0 + 4.0 * v : gain ? 1.0 + v / 2.0 : v;
        }
        rome99_golden_disturb(c, p[t], info.rows * info.cols);
    }
}

size_t rome99_forward_roundings(const rome99_shape *s, size_t T) {
    size_t norm = 2 * s->D + 8, linear = s->D + 1;
    size_t attention = s->D / s->H + 2 * T + 8, gelu = 12;
    return s->L * (2 * norm + 3 * linear + attention + gelu + s->F + 3) + norm + s->D;
}

/* The name of a tensor, with its layer. */
static const char *weight_name(rome99_golden *c, size_t t) {
    size_t l = t < ROME99_GLOBALS ? 0 : (t - ROME99_GLOBALS) / ROME99_PER_LAYER;
    const char *name = rome99_describe(&rome99_formula_shape, t).name;
    char *full;
    if (t < ROME99_GLOBALS) return name;
    full = rome99_golden_scratch(c, strlen(name) + 5);
    memcpy(full, "h.0.", 4);
    full[2] = (char)('0' + l);
    strcpy(full + 4, name);
    return full;
}

static void formula_model(rome99_golden *c, int variant) {
    rome99_gpt2 model;
    size_t t;
    (void)variant;
    rome99_formula_model(&model, c);
    c->roundings = 1;
    for (t = 0; t < rome99_tensor_count(&model.shape); t++) {
        rome99_tensor_info info = rome99_describe(&model.shape, t);
        size_t rows = info.is_vector ? info.cols : info.rows, cols = info.is_vector ? 1 : info.cols;
        memcpy(rome99_golden_exact(c, weight_name(c, t), rows, cols), model.w[t].data,
               rows * cols * sizeof(double));
    }
}

/* -------------------------------------------------------------------- the forward */

static void layer_tensor(rome99_golden *c, size_t l, const char *what, const double *x, size_t cols,
                         size_t T) {
    char *name = rome99_golden_scratch(c, strlen(what) + 5);
    memcpy(name, "h.0.", 4);
    name[2] = (char)('0' + l);
    strcpy(name + 4, what);
    rome99_golden_expected_copy(c, name, x, T, cols);
}

static void wrong_forward(rome99_golden *c, const rome99_gpt2 *model, const rome99_run *run, size_t T) {
    const rome99_shape *s = &model->shape;
    const double *b = model->w[ROME99_LAYER(0, ROME99_PROJ_B)].data, *wte = model->w[ROME99_WTE].data;
    double *x = rome99_golden_wrong(c, "h.0.k", "erf_gelu", "GELU with erf: GPT-2's gelu_new has tanh", T,
                                    s->F);
    size_t i;
    for (i = 0; i < T * s->F; i++) x[i] = rome99_erf_gelu(run->layer[0].fc[i]);
    x = rome99_golden_wrong(c, "h.0.m", "bias_missing", "bias missing in m: (E1) is k W + b", T, s->D);
    for (i = 0; i < T * s->D; i++) x[i] = run->layer[0].m[i] - b[i % s->D];
    x = rome99_golden_wrong(c, "logits", "no_final_norm", "the final layer norm is missing", T, s->V);
    for (i = 0; i < T * s->V; i++) x[i] = rome99_dot(run->x + i / s->V * s->D, wte + i % s->V * s->D, s->D);
}

static void gpt2_forward(rome99_golden *c, int variant) {
    enum { T = 6 };
    static const int32_t ids[T] = {262, 257, 259, 281, 277, 13}; /* "Bo is in the sea." */
    const rome99_shape *s = &rome99_formula_shape;
    int64_t *in = rome99_golden_integers(c, ROME99_INPUT, "ids", T, 1);
    rome99_range all = {0, T};
    size_t length = T, l, h, t;
    rome99_gpt2 model;
    rome99_batch batch;
    rome99_run run;
    double *att;
    (void)variant;
    for (t = 0; t < T; t++) in[t] = ids[t];
    rome99_golden_inputs_done(c);
    c->roundings = rome99_forward_roundings(s, T);
    rome99_formula_model(&model, c);
    rome99_golden_run(&run, &batch, c, s, ids, &length, 1);
    rome99_forward(&run, &model, all);
    rome99_head_forward(&run, &model, all);
    wrong_forward(c, &model, &run, T);
    att = rome99_golden_doubles(c, s->H * T * T);
    for (l = 0; l < s->L; l++) {
        const rome99_activations *a = &run.layer[l];
        for (h = 0; h < s->H; h++)
            for (t = 0; t < T; t++)
                memcpy(att + (h * T + t) * T, a->att + (t * s->H + h) * T, T * sizeof *att);
        layer_tensor(c, l, "x", a->x, s->D, T);
        layer_tensor(c, l, "ln_1", a->ln_1, s->D, T);
        layer_tensor(c, l, "qkv", a->qkv, 3 * s->D, T);
        layer_tensor(c, l, "att", att, T, s->H * T);
        layer_tensor(c, l, "y", a->y, s->D, T);
        layer_tensor(c, l, "x_mid", a->x_mid, s->D, T);
        layer_tensor(c, l, "ln_2", a->ln_2, s->D, T);
        layer_tensor(c, l, "fc", a->fc, s->F, T);
        layer_tensor(c, l, "k", a->k, s->F, T);
        layer_tensor(c, l, "m", a->m, s->D, T);
    }
    rome99_golden_expected_copy(c, "x", run.x, T, s->D);
    rome99_golden_expected_copy(c, "ln_f", run.ln_f, T, s->D);
    rome99_golden_expected_copy(c, "logits", run.logits, T, s->V);
}

const rome99_golden_recipe rome99_golden_forward[] = {
    {"ops/formula_model", "every weight of the formula model", formula_model, 0},
    {"ops/gpt2_forward", "a forward pass of the formula model, every intermediate", gpt2_forward, 0},
};
const size_t rome99_golden_forward_count = sizeof rome99_golden_forward / sizeof *rome99_golden_forward;
