/* test_edit.c: the edit on small random models: delta's losses and gradients against whole forward passes,
 * the identities of (E3), (E4), (E6). */
#include "core/rome99.h"
#include "model.h"
#include "test.h"

/* Three templates and the KL prompt; the target has two tokens. Text 2 has its lookup at the prompt's end. */
static const int32_t ids[] = {4, 7, 2, 9, 5, 3, 4, 7, 2, 9, 8, 0, 6, 4, 9, 4, 7, 1};
static const size_t lengths[] = {4, 6, 5, 3}, lookups[] = {0, 2, 3, 0};
static const int32_t target[] = {5, 9};

typedef struct {
    model m;
    rome99_hparams h;
    rome99_request q;
    rome99_pair pair;
    rome99_update update;
    void *pair_memory, *update_memory;
    double *C, *L;
} example;

static void make_example(example *x, size_t layer, size_t steps, uint64_t seed) {
    static double pack[ROME99_PACK];
    size_t F = 32, i;
    rome99_rng rng;
    double *keys;
    void *scratch;
    make_model(&x->m, 13, 7, 8, F, 3, 2, seed);
    x->h = rome99_defaults;
    x->h.layer = layer;
    x->h.v_num_grad_steps = steps;
    x->h.v_lr = 0.3;
    x->h.clamp_norm_factor = 1.5;
    x->q.N = 3;
    x->q.ids = ids;
    x->q.length = lengths;
    x->q.lookup = lookups;
    x->q.target = target;
    x->q.n_target = 2;
    x->pair_memory = dirty(rome99_pair_layout(&x->pair, &x->m.gpt2.shape, &x->h, 3, NULL));
    rome99_pair_layout(&x->pair, &x->m.gpt2.shape, &x->h, 3, x->pair_memory);
    x->update_memory = dirty(rome99_update_layout(&x->update, &x->m.gpt2.shape, NULL));
    rome99_update_layout(&x->update, &x->m.gpt2.shape, x->update_memory);
    scratch = dirty(rome99_find_pair_scratch(&x->m.gpt2.shape, &x->h, &x->q));
    rome99_find_pair(&x->pair, &x->m.gpt2, &x->h, &x->q, scratch);
    free(scratch);
    rng.state = seed;
    keys = malloc(3 * F * F * sizeof *keys);
    x->C = calloc(F * F, sizeof *x->C);
    x->L = malloc(F * F * sizeof *x->L);
    for (i = 0; i < 3 * F * F; i++) keys[i] = rome99_rng_normal(&rng) + 0.3;
    rome99_second_moment(x->C, keys, 3 * F, F, pack);
    for (i = 0; i < F * F; i++) x->C[i] /= (double)(3 * F);
    memcpy(x->L, x->C, F * F * sizeof *x->C);
    CHECK(rome99_cholesky(x->L, F, pack) == 0, "C is positive definite");
    free(keys);
}

static void free_example(example *x) {
    free_model(&x->m);
    free(x->pair_memory);
    free(x->update_memory);
    free(x->C);
    free(x->L);
}

/* (E5) by whole forward passes, text by text; logp_0 (V) is read, or made where delta is 0. */
static void plain_losses(double loss[4], const example *x, const double *delta, double *logp_0) {
    size_t j, l, t, at = 0, V = x->m.gpt2.shape.V, D = x->m.gpt2.shape.D, i;
    double m_u = rome99_norm(x->pair.m_u, D), nll = 0.0, kl = 0.0;
    for (j = 0; j <= 3; j++) {
        passes a;
        rome99_range all = {0, 0}, look;
        make_passes(&a, &x->m, ids + at, &lengths[j], 1, NULL, NULL);
        all.hi = lengths[j];
        look.lo = lookups[j];
        look.hi = look.lo + 1;
        rome99_embed_forward(&a.run, &x->m.gpt2, all);
        for (l = 0; l < x->m.gpt2.shape.L; l++) {
            rome99_layer_forward(&a.run, &x->m.gpt2, l, all, all);
            rome99_layer_leave(&a.run, l, all);
            if (l == x->h.layer) rome99_layer_leave_with(&a.run, l, delta, look);
        }
        rome99_head_forward(&a.run, &x->m.gpt2, all);
        if (j < 3) {
            double sum = 0.0;
            for (t = 0; t < 2; t++) {
                double *z = a.run.logits + (lengths[j] - 2 + t) * V;
                rome99_log_softmax(z, z, V);
                sum += z[target[t]];
            }
            nll += -sum / 2.0;
        } else {
            double *z = a.run.logits + lookups[3] * V;
            rome99_log_softmax(z, z, V);
            if (rome99_norm(delta, D) == 0.0) memcpy(logp_0, z, V * sizeof *z);
            for (i = 0; i < V; i++) kl += rome99_exp(z[i]) * (z[i] - logp_0[i]);
        }
        free_passes(&a);
        at += lengths[j];
    }
    loss[1] = nll / 3.0;
    loss[2] = x->h.kl_factor * kl;
    loss[3] = x->h.v_weight_decay * (rome99_norm(delta, D) / (m_u * m_u));
    loss[0] = loss[1] + loss[2] + loss[3];
}

static void test_delta(size_t layer) {
    example x;
    double logp_0[13], loss[4], delta[8], worst = 0.0;
    size_t it, i, k;
    make_example(&x, layer, 6, 21 + layer);
    CHECK(x.pair.forwards == 6, "forwards: %lu", (unsigned long)x.pair.forwards);
    for (it = 0; it < x.pair.forwards; it++) {
        double most = 1.5 * rome99_norm(x.pair.m_u, 8);
        plain_losses(loss, &x, x.pair.steps + it * 8, logp_0);
        CHECK(memcmp(loss, x.pair.losses + it * 4, sizeof loss) == 0,
              "layer %lu, forward %lu: loss %.17g here, %.17g by whole passes", (unsigned long)layer,
              (unsigned long)it, x.pair.losses[it * 4], loss[0]);
        CHECK_LE(rome99_norm(x.pair.steps + it * 8, 8), most * (1 + 1e-15), "clamp");
    }
    CHECK(memcmp(x.pair.delta, x.pair.steps + 5 * 8, sizeof delta) == 0,
          "the last forward's delta is the result");
    for (it = 1; it < 5; it++) { /* at 0 the norm of delta is not smooth */
        double error = 0.0, size = 0.0;
        for (i = 0; i < 8; i++) {
            static const double way[] = {-2.0, -1.0, 1.0, 2.0};
            double f[4], numeric, step = 1e-3;
            for (k = 0; k < 4; k++) {
                memcpy(delta, x.pair.steps + it * 8, sizeof delta);
                delta[i] += way[k] * step;
                plain_losses(loss, &x, delta, logp_0);
                f[k] = loss[0];
            }
            numeric = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * step);
            error += (numeric - x.pair.gradients[it * 8 + i]) * (numeric - x.pair.gradients[it * 8 + i]);
            size += numeric * numeric;
        }
        error = sqrt(error / size);
        worst = error > worst ? error : worst;
        CHECK_LE(error, 1e-7, "gradient of delta");
    }
    printf("delta at layer %lu of 3: gradient %.1e of its norm (bar 1e-7)\n", (unsigned long)layer, worst);
    free_example(&x);
}

/* Largest |a - b| over n numbers. */
static double distance(const double *a, const double *b, size_t n) {
    double worst = 0.0;
    size_t i;
    for (i = 0; i < n; i++) worst = fabs(a[i] - b[i]) > worst ? fabs(a[i] - b[i]) : worst;
    return worst;
}

/* The figures of an update by their definitions, from the key u was solved with and the factor L, or NULL. */
static void check_figures(const rome99_update *update, const rome99_pair *pair, const double *k_den,
                          const double *k_num, const double *L) {
    double raw[32], cos_keys = rome99_dot(pair->k_u, pair->k_bar, 32);
    memcpy(raw, k_num, sizeof raw);
    if (L) rome99_cholesky_solve(raw, L, raw, 32);
    cos_keys /= rome99_norm(pair->k_u, 32) * rome99_norm(pair->k_bar, 32);
    CHECK(SAME(update->denominator, rome99_dot(update->u, k_den, 32)), "denominator: %.17g",
          update->denominator);
    CHECK(SAME(update->denominator_raw, rome99_dot(raw, k_den, 32)), "denominator_raw: %.17g",
          update->denominator_raw);
    CHECK(SAME(update->numerator, rome99_norm(update->residual, 8)), "numerator: %.17g", update->numerator);
    CHECK(SAME(update->cos_keys, cos_keys), "cos_keys: %.17g, not %.17g", update->cos_keys, cos_keys);
    CHECK(SAME(update->dW_norm, rome99_norm(update->right, 8)), "dW_norm: %.17g", update->dW_norm);
}

static void test_update(rome99_method method) {
    enum { F = 32, D = 8 };
    static double pack[ROME99_PACK];
    example x;
    double W1[F * D], dW[F * D], k_moved[D], before[D], *L2, uCu = 0.0, square = 0.0, scale, I, bound[F];
    const double *k_den, *k_other, *W;
    size_t i, j;
    rome99_update again;
    void *memory;
    make_example(&x, 1, 4, 5);
    rome99_find_update(&x.update, method, &x.pair, x.L);
    k_den = method == ROME99_ROME || method == ROME99_P_ROME ? x.pair.k_u : x.pair.k_bar;
    k_other = method == ROME99_ROME ? x.pair.k_bar : x.pair.k_u;
    scale = rome99_norm(k_den, F) / fabs(x.update.denominator); /* what rounding is multiplied by */
    check_figures(&x.update, &x.pair, k_den, method == ROME99_P_ROME ? x.pair.k_u : x.pair.k_bar, x.L);
    W = x.m.p[ROME99_LAYER(1, ROME99_PROJ_W)];
    rome99_apply(W1, x.m.gpt2.w[ROME99_LAYER(1, ROME99_PROJ_W)], &x.update, F, D);
    CHECK_LE(fabs(rome99_norm(x.update.u, F) - 1.0), 1e-14, "u has unit length");
    for (i = 0; i < F * D; i++) {
        dW[i] = W1[i] - W[i];
        square += dW[i] * dW[i];
    }
    CHECK_LE(fabs(sqrt(square) / x.update.dW_norm - 1.0), 1e-12 * scale, "|dW| = |r| / |denominator|");
    for (i = 1; i < F; i++) /* every 2 x 2 minor with row 0 and column 0 vanishes: rank one */
        for (j = 1; j < D; j++)
            CHECK_LE(fabs(dW[0] * dW[i * D + j] - dW[i * D] * dW[j]), 1e-12 * square * scale, "rank one");
    memset(k_moved, 0, sizeof k_moved);
    memset(before, 0, sizeof before);
    rome99_gemm(k_moved, D, 1.0, rome99_rows(k_den, F), rome99_rows(W1, D), 1, D, F, pack);
    rome99_gemm(before, D, 1.0, rome99_rows(k_den, F), rome99_rows(W, D), 1, D, F, pack);
    for (j = 0; j < D; j++) before[j] += x.update.residual[j];
    CHECK_LE(distance(k_moved, before, D), 1e-13 * scale * (1.0 + rome99_norm(before, D)),
             "k_den W' = k_den W + r");
    /* C -> aC changes neither u nor dW. */
    L2 = malloc(F * F * sizeof *L2);
    for (i = 0; i < F * F; i++) L2[i] = 3.7 * x.C[i];
    rome99_cholesky(L2, F, pack);
    memory = dirty(rome99_update_layout(&again, &x.m.gpt2.shape, NULL));
    rome99_update_layout(&again, &x.m.gpt2.shape, memory);
    rome99_find_update(&again, method, &x.pair, L2);
    CHECK_LE(distance(again.u, x.update.u, F), 1e-11, "u does not depend on the size of C");
    CHECK_LE(distance(again.right, x.update.right, D), 1e-11 * scale * rome99_norm(x.update.right, D),
             "nor right");
    /* (E4): I >= 1/sqrt(k C^-1 k), with equality where one key serves for both. */
    I = rome99_interference(&x.update, x.C, F);
    x.update.denominator *= -1.0;
    CHECK(rome99_interference(&x.update, x.C, F) == I, "I has no sign");
    x.update.denominator *= -1.0;
    rome99_cholesky_solve(bound, x.L, k_den, F);
    uCu = rome99_dot(bound, k_den, F);
    CHECK_LE((1.0 - 1e-11) / sqrt(uCu), I, "I is at least 1/sqrt(k C^-1 k)");
    if (method != ROME99_ROME)
        CHECK_LE(fabs(I * sqrt(uCu) - 1.0), 1e-10, "and that for one key");
    else
        CHECK(I > 1.0001 / sqrt(uCu), "and more for two");
    CHECK((method == ROME99_P_ROME ? rome99_dot(x.update.u, x.pair.k_u, F)
                                   : rome99_dot(x.update.u, x.pair.k_bar, F)) > 0,
          "u^T k > 0 for the key u was solved with");
    /* (E6) */
    CHECK_LE(fabs(rome99_reach(&x.update, k_den, F) - 1.0), 1e-14, "reach at k_den");
    memset(k_moved, 0, sizeof k_moved);
    memset(before, 0, sizeof before);
    rome99_gemm(k_moved, D, 1.0, rome99_rows(k_other, F), rome99_rows(dW, D), 1, D, F, pack);
    for (j = 0; j < D; j++) before[j] = rome99_reach(&x.update, k_other, F) * x.update.residual[j];
    CHECK_LE(distance(k_moved, before, D), 1e-11 * scale * rome99_norm(x.update.residual, D),
             "(E6) at another key");
    /* C = identity: u lies along the key. */
    rome99_find_update(&again, method, &x.pair, NULL);
    check_figures(&again, &x.pair, k_den, method == ROME99_P_ROME ? x.pair.k_u : x.pair.k_bar, NULL);
    for (i = 0; i < F; i++)
        bound[i] = (method == ROME99_P_ROME ? x.pair.k_u : x.pair.k_bar)[i] * again.u[0] -
                   (method == ROME99_P_ROME ? x.pair.k_u : x.pair.k_bar)[0] * again.u[i];
    CHECK_LE(rome99_norm(bound, F), 1e-13, "C = identity: u along the key");
    free(L2);
    free(memory);
    free_example(&x);
}

static void test_residuals(void) {
    example x;
    size_t i;
    make_example(&x, 2, 3, 8);
    rome99_find_update(&x.update, ROME99_K_ROME, &x.pair, x.L);
    CHECK(memcmp(x.update.residual, x.pair.delta, 8 * sizeof(double)) == 0, "k-rome: r is delta itself");
    rome99_find_update(&x.update, ROME99_C_ROME, &x.pair, x.L);
    for (i = 0; i < 8; i++)
        CHECK(SAME(x.update.residual[i], x.pair.v_star[i] - x.pair.m_bar[i]), "c-rome: r = v* - m_bar");
    for (i = 0; i < 8; i++)
        CHECK(SAME(x.pair.v_star[i], x.pair.m_u[i] + x.pair.delta[i]), "v* = m_u + delta");
    free_example(&x);
}

/* How many forwards there are with this weight decay, and the total loss of the last one. */
static size_t stops_after(double *total, example *x, double weight_decay) {
    void *scratch = dirty(rome99_find_pair_scratch(&x->m.gpt2.shape, &x->h, &x->q));
    size_t i;
    x->h.v_weight_decay = weight_decay;
    rome99_find_pair(&x->pair, &x->m.gpt2, &x->h, &x->q, scratch);
    free(scratch);
    for (i = 0; i + 1 < x->pair.forwards; i++)
        CHECK(x->pair.losses[i * 4] >= 0.05, "goes on after a loss of %.17g", x->pair.losses[i * 4]);
    *total = x->pair.losses[i * 4];
    CHECK(i + 1 == x->h.v_num_grad_steps || *total < 0.05, "stops after a loss of %.17g", *total);
    return i + 1;
}

/* The optimisation ends with the first total below 0.05, found by the weight decay at which it ends later. */
static void test_stop(void) {
    static const int32_t texts[] = {4, 7, 2, 9, 4, 7, 1};
    static const size_t sizes[] = {4, 3}, at[] = {3, 0};
    example x;
    double lo = 0.0, hi = 1.0, total, below, above;
    size_t n, i;
    make_example(&x, 1, 60, 3);
    x.h.clamp_norm_factor = 100.0;
    x.q = (rome99_request){1, 1, texts, target, sizes, at};
    for (i = 0; i < x.m.size[ROME99_WTE]; i++) x.m.p[ROME99_WTE][i] *= 16.0; /* a target can be certain */
    n = stops_after(&below, &x, lo);
    CHECK(n > 2 && n < 60, "without weight decay: %lu forwards", (unsigned long)n);
    CHECK(stops_after(&above, &x, hi) > n, "weight decay puts the end off");
    for (i = 0; i < 60; i++) {
        double middle = lo + (hi - lo) / 2;
        if (stops_after(&total, &x, middle) > n) {
            hi = middle;
            above = x.pair.losses[(n - 1) * 4];
        } else {
            lo = middle;
            below = total;
        }
    }
    CHECK(below < 0.05 && above >= 0.05 && above - below < 1e-12, "ends below 0.05: at %.17g, not at %.17g",
          below, above);
    free_example(&x);
}

int main(void) {
    size_t layer;
    int method;
    for (layer = 0; layer < 3; layer++) test_delta(layer);
    for (method = 0; method < 4; method++) test_update((rome99_method)method);
    test_residuals();
    test_stop();
    return test_end();
}
