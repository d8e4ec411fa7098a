/* test_hostile.c: numbers that misbehave: what every situation of NOTES.md's table gives, or how it is refused.
 * The models are made up, the tokenizer is that of tests/upstream. Writes only below the directory argv[1]
 * ("build/tmp"). */
#define _XOPEN_SOURCE 700 /* dup: what commands print is read back */
#include "edit/decoder.h"
#include "edit/edit.h"
#include "edit/numbers.h"
#include "model.h"
#include "program/cli.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *dir; /* of a model: what a test writes */
static rome99_error e;
static const double inf = HUGE_VAL, none = (double)NAN;

/* ---------------------------------------------------------------------- the core alone */

static double pack[ROME99_PACK];

/* n x n matrices: what the Cholesky factor returns, and whether an element of L is not finite. */
static void test_cholesky(void) {
    const struct {
        const char *what;
        size_t n;
        double A[4];
        size_t pivot;
    } cases[] = {
        {"1 x 1", 1, {4.0}, 0},
        {"1 x 1, zero", 1, {0.0}, 1},
        {"1 x 1, negative", 1, {-4.0}, 1},
        {"1 x 1, NaN", 1, {none}, 1},
        {"1 x 1, infinite", 1, {inf}, 1},
        {"1 x 1, the least subnormal", 1, {0x1p-1074}, 0},
        {"zero", 2, {0, 0, 0, 0}, 1},
        {"rank one", 2, {1, 2, 2, 4}, 2},
        {"negative on the diagonal", 2, {4, 0, 0, -1}, 2},
        {"indefinite", 2, {1, 2, 2, 1}, 2},
        {"NaN on the diagonal", 2, {1, 0, 0, none}, 2},
        {"NaN below it", 2, {1, 0, none, 1}, 2},
        {"infinite below it", 2, {1, 0, inf, 1}, 2},
        {"infinite on it", 2, {1, 0, 0, inf}, 2},
        {"what is above it is not read", 2, {4, none, 2, 5}, 0},
        {"huge", 2, {1e300, 0.5e300, 0.5e300, 1e300}, 0},
        {"huge and indefinite", 2, {1e300, 1e301, 1e301, 1e300}, 2},
        {"subnormal", 2, {0x1p-1060, 0x1p-1062, 0x1p-1062, 0x1p-1060}, 0},
        {"huge beside subnormal", 2, {1e300, 0, 0, 0x1p-1060}, 0},
        {"condition 1e16", 2, {1, 1 - 1e-16, 1 - 1e-16, 1}, 0},
        {"condition 1e17", 2, {1, 1, 1, 1}, 2},
    };
    size_t i, j;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        double A[4];
        size_t n = cases[i].n, pivot;
        memcpy(A, cases[i].A, sizeof A);
        pivot = rome99_cholesky(A, n, pack);
        CHECK(pivot == cases[i].pivot, "C %s: got pivot %lu, expected %lu", cases[i].what,
              (unsigned long)pivot, (unsigned long)cases[i].pivot);
        for (j = 0; pivot == 0 && j < n * n; j++)
            CHECK(j % n > j / n || isfinite(A[j]), "C %s: L[%lu] is %g", cases[i].what, (unsigned long)j,
                  A[j]);
    }
}

/* Probabilities: logits z, then log p by log_softmax, the most probable token, what a score says of token 0. */
static void test_probabilities(void) {
    const struct {
        const char *what;
        double z[3], logp[3];
        rome99_score score;
    } cases[] = {
        {"ties",
         {0, 0, 0},
         {-1.0986122886681098, -1.0986122886681098, -1.0986122886681098},
         {-1.0986122886681098, 0}},
        {"p = 0 below the range of exp", {-1e4, 0, -1e4}, {-1e4, 0, -1e4}, {-1e4, 1}},
        {"+-1e308", {-1e308, 1e308, 0}, {-inf, 0, -1e308}, {-inf, 1}},
        {"-inf", {-inf, 0, -inf}, {-inf, 0, -inf}, {-inf, 1}},
        {"all -inf", {-inf, -inf, -inf}, {none, none, none}, {-inf, -1}},
        {"+inf", {0, inf, 0}, {none, none, none}, {-inf, -1}},
        {"NaN", {0, 0, none}, {none, none, none}, {-inf, -1}},
        {"NaN first", {none, 0, 0}, {none, none, none}, {-inf, -1}},
    };
    double logp[3], one = 3.0, kl;
    size_t i, j;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        rome99_score s = rome99_score_token(cases[i].z, 3, 0);
        rome99_log_softmax(logp, cases[i].z, 3);
        for (j = 0; j < 3; j++)
            CHECK(SAME(logp[j], cases[i].logp[j]) || (isnan(logp[j]) && isnan(cases[i].logp[j])),
                  "%s: log p[%lu] %g, expected %g", cases[i].what, (unsigned long)j, logp[j],
                  cases[i].logp[j]);
        CHECK(SAME(s.logp, cases[i].score.logp) && s.argmax == cases[i].score.argmax,
              "%s: score %g, %ld, expected %g, %ld", cases[i].what, s.logp, (long)s.argmax,
              cases[i].score.logp, (long)cases[i].score.argmax);
    }
    rome99_log_softmax(&one, &one, 1);
    CHECK(one == 0.0, "a vocabulary of 1: log p %g", one);
    CHECK(rome99_cross_entropy(&one, 1, 0, 1.0) == 0.0 && one == 0.0, "a vocabulary of 1: gradient %g", one);
    {
        double p[2] = {-1e4, 0.0}, p_0[2] = {0.0, -1e4}; /* p is 0 where p_0 is 1, and p_0 0 where p is 1 */
        kl = rome99_kl(p, p_0, 2, 1.0);
        CHECK(kl == 1e4 && p[0] == 0.0 && p[1] == 0.0, "KL where p or p_0 is 0: %g, gradient %g, %g", kl,
              p[0], p[1]);
    }
    {
        double z[2] = {1e308, -1e308}, loss = rome99_cross_entropy(z, 2, 1, 1.0);
        CHECK(loss == inf && z[0] == 1.0 && z[1] == -1.0, "a target of probability 0: %g, gradient %g, %g",
              loss, z[0], z[1]);
    }
}

/* delta, m_u of length 2: weight decay, clamp, Adam. */
static void test_terms(void) {
    static const double zero[2] = {0, 0}, m[2] = {3, 4};
    double delta[2] = {1e200, 0}, grad[2] = {0, 0}, p[1] = {0}, v[1] = {0}, mean[1] = {0}, g[1] = {0};
    rome99_adam adam = {0.5, 0.9, 0.999, 1e-8, 1.0, 1.0};
    CHECK(rome99_weight_decay(grad, zero, m, 1.0, 2) == 0.0 && grad[0] == 0.0, "weight decay at delta = 0");
    CHECK(isnan(rome99_weight_decay(NULL, zero, zero, 1.0, 2)), "weight decay at m_u = 0 is no number");
    rome99_clamp(delta, m, 1.0, 2);
    CHECK(delta[0] == 0.0, "clamp of a delta whose square overflows: %g", delta[0]);
    delta[0] = 7.0;
    rome99_clamp(delta, zero, 4.0, 2);
    CHECK(delta[0] == 0.0, "clamp at m_u = 0: %g", delta[0]);
    rome99_adam_begin(&adam);
    rome99_adam_step(&adam, p, mean, v, g, 1);
    CHECK(p[0] == 0.0, "Adam without a gradient: %g", p[0]);
}

/* A change to a tensor: p = p scale + shift. */
typedef struct {
    size_t tensor;
    double scale, shift;
} change;

static void spoil(model *m, change c) {
    size_t i;
    for (i = 0; i < m->size[c.tensor]; i++) m->p[c.tensor][i] = m->p[c.tensor][i] * c.scale + c.shift;
}

/* One layer: rows of no variance, rows whose variance overflows, gelu_new far out. */
static void test_forward(void) {
    static const struct {
        double scale, bias; /* of the stream; of c_fc */
        double ln_1, k;     /* expected of the first elements, if it is a bias */
        int finite;         /* logits */
    } cases[] = {{0.0, 0.0, 0.25, 0.0, 1},     {0.0, -1e3, 0.25, -0.0, 1},   {0.0, -1e200, 0.25, -0.0, 1},
                 {0.0, 1e150, 0.25, 1e150, 1}, {0.0, 1e200, 0.25, 1e200, 0}, {1e150, 0.0, 0.0, 0.0, 1},
                 {1e160, 0.0, 0.0, 0.0, 0},    {1e308, 0.0, 0.0, 0.0, 0}};
    static const int32_t ids[3] = {1, 3, 2};
    static const size_t length[1] = {3};
    const rome99_range all = {0, 3};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        passes a;
        model m;
        make_model(&m, 5, 4, 4, 6, 1, 2, 3);
        m.p[ROME99_LAYER(0, ROME99_LN_1_B)][0] = 0.25;
        spoil(&m, (change){ROME99_WTE, cases[i].scale, cases[i].scale == 0.0});
        spoil(&m, (change){ROME99_WPE, cases[i].scale, 0.0});
        spoil(&m, (change){ROME99_LAYER(0, ROME99_ATTN_PROJ_W), 0.0, 0.0});
        spoil(&m, (change){ROME99_LAYER(0, ROME99_FC_B), 0.0, cases[i].bias});
        make_passes(&a, &m, ids, length, 1, NULL, NULL);
        rome99_forward(&a.run, &m.gpt2, all);
        rome99_head_forward(&a.run, &m.gpt2, all);
        CHECK(cases[i].ln_1 == 0.0 || a.run.layer[0].ln_1[0] == cases[i].ln_1,
              "scale %g: ln_1 %g, expected its bias", cases[i].scale, a.run.layer[0].ln_1[0]);
        CHECK(cases[i].bias == 0.0 || SAME(a.run.layer[0].k[0], cases[i].k), "bias %g: k %g, expected %g",
              cases[i].bias, a.run.layer[0].k[0], cases[i].k);
        CHECK(rome99_finite(a.run.logits, 15) == cases[i].finite, "scale %g, bias %g: logits %g",
              cases[i].scale, cases[i].bias, a.run.logits[0]);
        free_passes(&a);
        free_model(&m);
    }
}

/* ------------------------------------------------------------------ an update from keys */

/* A pair of two-dimensional keys; r is delta. expected: a message, or NULL where the update is made. */
static void test_updates(void) {
    const struct {
        const char *what;
        rome99_method method;
        double k_u[2], k_bar[2], C[4], delta[2]; /* C[0] == 0: the identity */
        const char *expected;
    } cases[] = {
        {"plain", ROME99_ROME, {1, 0}, {1, 1}, {1, 0, 0, 1}, {1, 1}, NULL},
        {"k_u is zero, rome",
         ROME99_ROME,
         {0, 0},
         {1, 1},
         {1, 0, 0, 1},
         {1, 1},
         "the denominator u^T k_u is zero: no update moves that key"},
        {"k_u is zero, p-rome",
         ROME99_P_ROME,
         {0, 0},
         {1, 1},
         {1, 0, 0, 1},
         {1, 1},
         "the key k_u is zero: u = C^-1 k_u has no direction"},
        {"k_u is zero, c-rome", ROME99_C_ROME, {0, 0}, {1, 1}, {1, 0, 0, 1}, {1, 1}, NULL},
        {"k_bar is zero, rome",
         ROME99_ROME,
         {1, 1},
         {0, 0},
         {1, 0, 0, 1},
         {1, 1},
         "the key k_bar is zero: u = C^-1 k_bar has no direction"},
        {"k_bar is zero, k-rome",
         ROME99_K_ROME,
         {1, 1},
         {0, 0},
         {0},
         {1, 1},
         "the key k_bar is zero: u = C^-1 k_bar has no direction"},
        {"k_bar is zero, p-rome", ROME99_P_ROME, {1, 1}, {0, 0}, {1, 0, 0, 1}, {1, 1}, NULL},
        {"both are zero",
         ROME99_ROME,
         {0, 0},
         {0, 0},
         {1, 0, 0, 1},
         {1, 1},
         "the key k_bar is zero: u = C^-1 k_bar has no direction"},
        {"orthogonal keys",
         ROME99_ROME,
         {1, -1},
         {1, 1},
         {1, 0, 0, 1},
         {1, 1},
         "the denominator u^T k_u is zero: no update moves that key"},
        {"orthogonal keys, identity",
         ROME99_ROME,
         {1, -1},
         {1, 1},
         {0},
         {1, 1},
         "the denominator u^T k_u is zero: no update moves that key"},
        {"orthogonal keys, c-rome", ROME99_C_ROME, {1, -1}, {1, 1}, {1, 0, 0, 1}, {1, 1}, NULL},
        {"C-orthogonal keys",
         ROME99_ROME,
         {4, -1},
         {1, 1},
         {4, 0, 0, 1},
         {1, 1},
         "the denominator u^T k_u is zero: no update moves that key"},
        {"a denominator of 1e-300", ROME99_ROME, {1e-300, 1}, {1, 0}, {0}, {1, 1}, NULL},
        {"a subnormal denominator",
         ROME99_ROME,
         {0x1p-1074, 1},
         {1, 0},
         {0},
         {1, 1},
         "the update overflows: |r| 1.41 over the denominator u^T k_u 4.94e-324"},
        {"a subnormal denominator, delta zero", ROME99_ROME, {0x1p-1074, 1}, {1, 0}, {0}, {0, 0}, NULL},
        {"delta is zero", ROME99_ROME, {1, 0}, {1, 1}, {1, 0, 0, 1}, {0, 0}, NULL},
        {"C of condition 1e16", ROME99_ROME, {1, 0}, {1, 1}, {1, 0, 0, 1e-16}, {1, 1}, NULL},
        {"C of 1e300",
         ROME99_ROME,
         {1, 0},
         {1, 1},
         {1e300, 0, 0, 1e300},
         {1, 1},
         "u = C^-1 k_bar overflows or vanishes: C or that key is too small or too large"},
        {"C of 1e-300",
         ROME99_ROME,
         {1, 0},
         {1, 1},
         {1e-300, 0, 0, 1e-300},
         {1, 1},
         "u = C^-1 k_bar overflows or vanishes: C or that key is too small or too large"},
        {"subnormal C",
         ROME99_ROME,
         {1, 0},
         {1, 1},
         {0x1p-1060, 0, 0, 0x1p-1060},
         {1, 1},
         "u = C^-1 k_bar overflows or vanishes: C or that key is too small or too large"},
        {"keys of 1e-160",
         ROME99_ROME,
         {1e-160, 0},
         {0.7e-160, 1e-160},
         {0},
         {1, 1},
         "u = C^-1 k_bar overflows or vanishes: C or that key is too small or too large"},
        {"C of 1e100", ROME99_ROME, {1, 0}, {1, 1}, {1e100, 0, 0, 1e100}, {1, 1}, NULL},
    };
    static const rome99_string text = {"{} is", 5}, subject = {"Paris", 5};
    static const rome99_gpt2 empty = {{1, 1, 2, 2, 1, 1, 1e-5}, NULL};
    rome99_ask ask = {text, subject, subject, {"", 0}, {NULL, 0}, {NULL, 0}};
    double m_u[2] = {1, 2}, m_bar[2] = {2, 1}, v_star[2], memory[16], losses[4] = {1, 1, 0, 0};
    size_t i, j;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        double k_u[2], k_bar[2], delta[2], L[4], C[4];
        rome99_text json = {0};
        rome99_setup setup;
        rome99_edit edit;
        size_t lookup = 0;
        int failed;
        memset(&setup, 0, sizeof setup);
        memset(&edit, 0, sizeof edit);
        memcpy(k_u, cases[i].k_u, sizeof k_u);
        memcpy(k_bar, cases[i].k_bar, sizeof k_bar);
        memcpy(delta, cases[i].delta, sizeof delta);
        memcpy(L, cases[i].C, sizeof L);
        memcpy(C, cases[i].C, sizeof C);
        for (j = 0; j < 2; j++) v_star[j] = m_u[j] + delta[j];
        if (C[0] != 0.0) {
            setup.C = C;
            setup.L = L;
            CHECK(rome99_cholesky(L, 2, pack) == 0, "%s: C has no factor", cases[i].what);
        }
        edit.ask = &ask;
        edit.tokens.lookup = &lookup;
        edit.pair = (rome99_pair){1,     2,     2,      k_u,    k_u,   k_bar, m_u,
                                  m_bar, delta, v_star, losses, delta, delta, 1};
        rome99_update_layout(&edit.update, &empty.shape, memory);
        e.text[0] = '\0';
        failed = rome99_edit_again(&edit, &setup, cases[i].method, &e);
        CHECK(failed == -(cases[i].expected != NULL), "%s: got %d, \"%s\"", cases[i].what, failed, e.text);
        if (cases[i].expected)
            CHECK(strncmp(e.text, "subject \"Paris\": ", 17) == 0 &&
                      strcmp(e.text + 17, cases[i].expected) == 0,
                  "%s: got \"%s\", expected \"%s\"", cases[i].what, e.text, cases[i].expected);
        if (failed) continue;
        CHECK(rome99_finite(memory, 6), "%s: the update is not finite", cases[i].what);
        rome99_edit_json(&json, &edit, &setup);
        CHECK(strstr(json.bytes, "nan") == NULL, "%s: %s", cases[i].what, json.bytes);
        CHECK((strstr(json.bytes, "\"cos_keys\": null") != NULL) == (k_u[0] == 0.0 && k_u[1] == 0.0) ||
                  k_bar[0] == 0.0,
              "%s: cos_keys: %s", cases[i].what, json.bytes);
        rome99_text_free(&json);
    }
}

/* (E4) for u = (1, 0), a denominator of 2: u^T C u zero, negative, huge. */
static void test_interference(void) {
    const struct {
        const char *what;
        double C[4], expected;
    } cases[] = {{"rank one, across u", {0, 0, 0, 1}, 0.0},
                 {"zero", {0, 0, 0, 0}, 0.0},
                 {"negative", {-1, 0, 0, 1}, none},
                 {"huge", {1e300, 0, 0, 1}, 0.5e150},
                 {"subnormal", {0x1p-1074, 0, 0, 1}, 0x1p-538}};
    double u[2] = {1, 0}, right[2] = {0, 0}, residual[2] = {0, 0}, I;
    rome99_update update = {u, residual, right, -2.0, -2.0, 0.0, 1.0, 0.0};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        I = rome99_interference(&update, cases[i].C, 2);
        CHECK(fabs(I / cases[i].expected - 1.0) <= 1e-15 || I == cases[i].expected ||
                  (isnan(I) && isnan(cases[i].expected)),
              "I, C %s: got %g, expected %g", cases[i].what, I, cases[i].expected);
    }
}

/* ----------------------------------------------------------------------- made-up models */

/* Path of a file in the folder; good until the fourth call after. */
static const char *path_of(const char *name) {
    static char paths[4][1024];
    static int slot;
    slot = (slot + 1) % 4;
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", dir, name);
    return paths[slot];
}

/* Unlike rome99_write_file, does not wait for the disk. */
static void put_bytes(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size, "%s: cannot be written", name);
    if (file) fclose(file);
}

static void put_text(const char *name, const char *text) { put_bytes(name, text, strlen(text)); }

/* A matrix of numbers of `element` bytes, in a safetensors file of its own. */
static void put_tensor(const char *file, const char *name, const char *dtype, size_t element, size_t rows,
                       size_t cols, const void *data) {
    unsigned char bytes[1024] = {0};
    char *header = (char *)bytes + 8;
    size_t n = rows * cols * element, size;
    sprintf(header, "{\"%s\":{\"dtype\":\"%s\",\"shape\":[%lu,%lu],\"data_offsets\":[0,%lu]}}", name, dtype,
            (unsigned long)rows, (unsigned long)cols, (unsigned long)n);
    size = strlen(header);
    while (size % 8) header[size++] = ' ';
    bytes[0] = (unsigned char)size; /* less than 256 */
    memcpy(header + size, data, n);
    rome99_swap(header + size, n, element, 0);
    put_bytes(file, bytes, 8 + size + n);
}

/* The random model of a shape; every model has the tokenizer's 802 tokens. */
enum { V = 802, T = 12 };
static void make(model *m, size_t positions, size_t D, size_t F, size_t L, size_t H) {
    make_model(m, V, positions, D, F, L, H, 5);
}

static void put_model(const model *m, int narrow) {
    CHECK(!rome99_checkpoint_write(dir, &m->gpt2, V - 1, narrow, &e), "%s", e.text);
}

/* What an edit is made with: layer 0, two templates, two windows, C = identity, all of it in the folder. */
static const char *chosen[ROME99_CHOICES];
static const rome99_string prompt = {"{} is the capital of", 20}, paris = {"Paris", 5}, italy = {"Italy", 5};
static rome99_ask ask;

static void put_usual(void) {
    int32_t ids[2 * T];
    size_t i;
    for (i = 0; i < 2 * T; i++) ids[i] = (int32_t)(700 + 7 * i % 100);
    put_text("hparams.json", "{\"layers\": [0], \"mom2_adjustment\": false, \"v_num_grad_steps\": 4}");
    put_text("templates.json", "[\"{}\", \"He said. {}\"]");
    put_tensor("windows.safetensors", "ids", "I32", 4, 2, T, ids);
    memset(chosen, 0, sizeof chosen);
    ask = (rome99_ask){prompt, paris, italy, {"", 0}, {NULL, 0}, {NULL, 0}};
}

/* The whole edit of the folder, with the weights of m if that is not NULL: what it says in JSON, or the message.
 * The update is made `scale` times as large. */
static char *edited(const model *m, rome99_method method, double scale) {
    rome99_text said = {0};
    rome99_setup setup;
    rome99_edit edit;
    double *W1;
    size_t n, i;
    int failed = rome99_setup_read(&setup, dir, chosen, 1, &e);
    if (!failed) {
        for (i = 0; m && i < m->tensors; i++) setup.checkpoint.model.w[i] = m->gpt2.w[i];
        n = setup.checkpoint.model.shape.F * setup.checkpoint.model.shape.D;
        W1 = malloc(n * sizeof *W1);
        failed = rome99_edit_check(&setup, &ask, NULL, &e) ||
                 rome99_edit_find(&edit, &setup, &setup.checkpoint.model, &ask, method, &e);
        if (!failed) {
            for (i = 0; i < edit.pair.D; i++) edit.update.right[i] *= scale;
            failed = rome99_edit_apply(W1, &edit, &setup, &setup.checkpoint.model, &e) ||
                     rome99_edit_measure(&edit, &setup, &setup.checkpoint.model, W1, &e);
            rome99_edit_members(&said, &edit, &setup);
            CHECK(failed || rome99_finite(W1, n), "W1 is not finite");
            CHECK(rome99_finite(edit.pair.keys, edit.pair.N * edit.pair.F) &&
                      rome99_finite(edit.pair.steps, edit.pair.forwards * edit.pair.D) &&
                      rome99_finite(edit.pair.losses, 4 * edit.pair.forwards) &&
                      rome99_finite(edit.pair.v_star, edit.pair.D) &&
                      rome99_finite(edit.update.u, edit.pair.F),
                  "an edit with a number that is not finite");
            rome99_edit_free(&edit);
        }
        free(W1);
        rome99_setup_free(&setup);
    }
    if (failed) {
        rome99_text_free(&said);
        rome99_text_puts(&said, strncmp(e.text, dir, strlen(dir)) ? e.text : e.text + strlen(dir));
    }
    return said.bytes;
}

/* An edit of the folder is made, all its numbers being numbers (expected NULL), or refused. */
static void edits(const char *what, const model *m, rome99_method method, const char *expected) {
    char *said = edited(m, method, 1.0);
    if (expected)
        CHECK(strcmp(said, expected) == 0, "%s: got \"%s\", expected \"%s\"", what, said, expected);
    else
        CHECK(strncmp(said, "\"method\"", 8) == 0 && !strstr(said, "nan") && strstr(said, "\"verdict\": \""),
              "%s: %s", what, said);
    free(said);
}

#define OF(l, which) ROME99_LAYER(l, ROME99_##which)
#define NO_KEY       "subject \"Paris\": the key k_bar is zero: u = C^-1 k_bar has no direction"
#define NO_M         "subject \"Paris\": the MLP output m_u is zero: |delta| is measured by |m_u|"
#define OVERFLOWS    "subject \"Paris\": the model's activations overflow: "

/* Weights, of a model of two layers of which the first is edited. */
static void test_weights(void) {
    const struct {
        const char *what;
        change changes[3];
        const char *expected;
    } cases[] = {
        {"as drawn", {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}}, NULL},
        {"ln_f zero", {{ROME99_LN_F_G, 0, 0}, {ROME99_LN_F_B, 0, 0}, {0, 1, 0}}, NULL},
        {"ln_2 zero", {{OF(0, LN_2_G), 0, 0}, {OF(0, LN_2_B), 0, 0}, {OF(1, LN_2_G), 0, 0}}, NULL},
        {"rows of no variance", {{ROME99_WTE, 0, 1}, {ROME99_WPE, 0, 1}, {OF(0, ATTN_PROJ_W), 0, 0}}, NULL},
        {"subnormal wte and wpe", {{ROME99_WTE, 0x1p-1060, 0}, {ROME99_WPE, 0x1p-1060, 0}, {0, 1, 0}}, NULL},
        {"c_fc zero, its bias not", {{OF(0, FC_W), 0, 0}, {0, 1, 0}, {0, 1, 0}}, NULL},
        {"c_fc zero", {{OF(0, FC_W), 0, 0}, {OF(0, FC_B), 0, 0}, {0, 1, 0}}, NO_KEY},
        {"gelu_new of -1e5", {{OF(0, FC_B), 0, -1e5}, {0, 1, 0}, {0, 1, 0}}, NO_KEY},
        {"keys of 1e-200", {{OF(0, FC_W), 1e-200, 0}, {OF(0, FC_B), 0, 0}, {0, 1, 0}}, NO_KEY},
        {"c_proj zero", {{OF(0, PROJ_W), 0, 0}, {OF(0, PROJ_B), 0, 0}, {0, 1, 0}}, NO_M},
        {"c_proj of 1e-200", {{OF(0, PROJ_W), 1e-200, 0}, {OF(0, PROJ_B), 0, 0}, {0, 1, 0}}, NO_M},
        {"c_proj of 1e100", {{OF(0, PROJ_W), 1e100, 0}, {0, 1, 0}, {0, 1, 0}}, NULL},
        {"wte of 1e100", {{ROME99_WTE, 1e100, 0}, {0, 1, 0}, {0, 1, 0}}, NULL},
        {"wpe of 1e200: a variance overflows",
         {{ROME99_WPE, 1e200, 0}, {0, 1, 0}, {0, 1, 0}},
         OVERFLOWS "the key behind template 0 is not finite"},
        {"wpe of 1e308",
         {{ROME99_WPE, 1e308, 0}, {0, 1, 0}, {0, 1, 0}},
         OVERFLOWS "the key behind template 0 is not finite"},
        {"c_attn of 1e200: q k overflows",
         {{OF(0, ATTN_W), 1e200, 0}, {0, 1, 0}, {0, 1, 0}},
         OVERFLOWS "the key behind template 0 is not finite"},
        {"keys of 1e200",
         {{OF(0, FC_B), 0, 1e200}, {0, 1, 0}, {0, 1, 0}},
         OVERFLOWS "the key behind template 0 is not finite"},
        {"c_proj of 1e200",
         {{OF(0, PROJ_W), 1e200, 0}, {0, 1, 0}, {0, 1, 0}},
         OVERFLOWS "the MLP output m_u is not finite"},
        {"the second layer overflows",
         {{OF(1, FC_B), 0, 1e308}, {OF(1, PROJ_W), 1e10, 0}, {0, 1, 0}},
         "subject \"Paris\": the nll is not a number in forward 1 of delta's optimisation"},
        {"ln_f of 1e308",
         {{ROME99_LN_F_G, 1e308, 0}, {ROME99_LN_F_B, 0, 0}, {0, 1, 0}},
         "subject \"Paris\": the nll is not a number in forward 1 of delta's optimisation"},
    };
    size_t i, j;
    model m;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(&m, T, 4, 6, 2, 2);
        for (j = 0; j < 3; j++) spoil(&m, cases[i].changes[j]);
        if (i == 0) put_model(&m, 0);
        edits(cases[i].what, &m, ROME99_ROME, cases[i].expected);
        free_model(&m);
    }
    make(&m, T, 4, 6, 2, 2);
    for (i = 0; i < m.tensors; i++) spoil(&m, (change){i, 0, 0});
    edits("all weights zero", &m, ROME99_ROME, NO_M);
    for (i = 0; i < m.tensors; i++) spoil(&m, (change){i, 0, 0x1p-1074});
    edits("all weights subnormal", &m, ROME99_ROME, NO_M);
    for (i = 0; i < m.tensors; i++) spoil(&m, (change){i, 0, 1e308});
    edits("all weights 1e308", &m, ROME99_ROME, OVERFLOWS "the key behind template 0 is not finite");
    free_model(&m);
}

/* One weight of each tensor is no finite number. */
static void test_not_finite(void) {
    const double bad[3] = {none, inf, -inf};
    rome99_safetensors *header;
    unsigned char *bytes;
    size_t i, size;
    char message[200];
    model m;
    make(&m, T, 4, 6, 2, 2);
    put_model(&m, 0);
    if (rome99_read_file(&bytes, &size, path_of("model.safetensors"), &e) ||
        rome99_safetensors_parse(&header, "model", bytes, size, size, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < rome99_safetensors_count(header); i++) {
        const rome99_tensor *t = rome99_safetensors_at(header, i);
        unsigned char *x = bytes + rome99_safetensors_place(header, t) + (i % 2 ? 0 : 8 * (t->count - 1)),
                      kept[8];
        memcpy(kept, x, 8);
        memcpy(x, &bad[i % 3], 8);
        rome99_swap(x, 8, 8, 0);
        put_bytes("model.safetensors", bytes, size);
        sprintf(message, "/model.safetensors: tensor %.99s: a weight is not finite", t->name);
        edits("a weight that is not finite", NULL, ROME99_ROME, message);
        memcpy(x, kept, 8);
    }
    rome99_safetensors_free(header);
    free(bytes);
    m.p[5][0] = 1e39;
    CHECK(rome99_checkpoint_write(dir, &m.gpt2, V - 1, 1, &e) == -1 &&
              strstr(e.text, "model.safetensors: a weight of 1e+39 does not fit float32"),
          "saving 1e39 as float32: got \"%s\"", e.text);
    free_model(&m);
}

/* An update that is huge but finite is made: a collapse, whose numbers are "inf". An infinite one is refused. */
static void test_collapse(void) {
    static const char *const parts[] = {"\"stream_ppl_after\": \"inf\"", "\"rms_measured\": \"inf\"",
                                        "\"p_new_after\": 0,", "\"efficacy\": 0,",
                                        "\"verdict\": \"collapse\""};
    rome99_measures m;
    char *said = edited(NULL, ROME99_ROME, 1e306);
    size_t i;
    for (i = 0; i < sizeof parts / sizeof *parts; i++)
        CHECK(strstr(said, parts[i]) && !strstr(said, "nan"), "collapse: no %s in %s", parts[i], said);
    free(said);
    said = edited(NULL, ROME99_ROME, inf);
    CHECK(strcmp(said, "subject \"Paris\": W + dW overflows") == 0, "an infinite update: got \"%s\"", said);
    free(said);
    memset(&m, 0, sizeof m);
    m.stream_before = (rome99_figure){4.0, 1};
    m.stream_after = (rome99_figure){inf, 1};
    CHECK(rome99_edit_growth(&m) == inf && rome99_edit_collapsed(&m), "4 -> inf: x %g",
          rome99_edit_growth(&m));
    m.stream_before.value = inf;
    CHECK(rome99_edit_growth(&m) == inf && rome99_edit_collapsed(&m), "inf -> inf: x %g",
          rome99_edit_growth(&m));
    m.stream_after.value = 4.0;
    CHECK(rome99_edit_growth(&m) == 0.0 && !rome99_edit_collapsed(&m), "inf -> 4: x %g",
          rome99_edit_growth(&m));
}

/* The change of m where one of its sums is inf - inf: of the edited model, or of the original. */
static void test_change(void) {
    static const int32_t ids[2] = {1, 2};
    const struct {
        double bias, proj, W1, rms,
            logp; /* of c_fc, of c_proj; of W1 the first row, and of the second with - */
    } cases[] = {{10.0, 1.0, 1e308, inf, -inf}, {10.0, 1.0, 0.0, 0.0, 0.0}, {1e200, 1e200, 0.0, none, 0.0}};
    size_t i, j;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        rome99_texts texts = {0};
        rome99_memory memory = {NULL, 0};
        rome99_score after;
        double W1[4] = {0}, rms = -1.0;
        model m;
        make_model(&m, 5, 4, 2, 2, 1, 1, 3);
        spoil(&m, (change){OF(0, FC_W), 0, 0});
        spoil(&m, (change){OF(0, FC_B), 0, cases[i].bias});
        spoil(&m, (change){OF(0, PROJ_B), 0, 0});
        for (j = 0; j < 4; j++) {
            double sign = j < 2 ? 1.0 : -1.0;
            m.p[OF(0, PROJ_W)][j] = sign * cases[i].proj;
            W1[j] = sign * cases[i].W1;
        }
        CHECK(!rome99_texts_add(&texts, ids, 2, ids + 1, 0, 1, &e) &&
                  !rome99_measure(NULL, &after, &rms, &m.gpt2, 0, W1, &texts, NULL, &memory, &e),
              "%s", e.text);
        CHECK(rms == cases[i].rms || (isnan(rms) && isnan(cases[i].rms)), "change %lu: rms %g, expected %g",
              (unsigned long)i, rms, cases[i].rms);
        CHECK(cases[i].logp == 0.0 ? isfinite(after.logp) : after.logp == cases[i].logp,
              "change %lu: log p %g", (unsigned long)i, after.logp);
        rome99_texts_free(&texts);
        rome99_memory_free(&memory);
        free_model(&m);
    }
}

/* ------------------------------------------------------------------- shapes and lengths */

/* Tokens of a text. */
static size_t count(const rome99_checkpoint *c, const char *text) {
    int32_t *ids;
    size_t n = 0;
    CHECK(!rome99_bpe_encode(&ids, NULL, &n, c->bpe, (const unsigned char *)text, strlen(text), &e), "%s",
          e.text);
    free(ids);
    return n;
}

static const char twelve[] = "Paris is is is is is is is is is is is";

/* Texts that fill n_positions, and one token more. */
static void test_lengths(void) {
    static const char *const more = "Paris is is is is is is is is is is is is";
    rome99_text out = {0};
    rome99_checkpoint c;
    rome99_tokens tokens;
    rome99_strings templates = {NULL, 2};
    rome99_string list[2] = {{"{}", 2}, {"is. {}", 6}};
    double *z;
    size_t i;
    if (rome99_checkpoint_read(&c, dir, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(count(&c, twelve) == T && count(&c, more) == T + 1, "%lu tokens", (unsigned long)count(&c, twelve));
    CHECK(!rome99_decoder_logits(&z, &c, twelve, &e) && rome99_finite(z, V), "next, full: %s", e.text);
    free(z);
    CHECK(rome99_decoder_logits(&z, &c, more, &e) &&
              strcmp(e.text, "TEXT: 13 tokens; n_positions is 12") == 0 && !z,
          "next, one token more: got \"%s\"", e.text);
    for (i = 0; i < 2;
         i++) { /* a full text is not continued; one of 11 tokens gets one more, or <|endoftext|> */
        rome99_text_free(&out);
        CHECK(!rome99_decoder_continue(&out, &c, &c.model, twelve + (i ? 0 : 5), 100, i ? 1 : V, 3, &e), "%s",
              e.text);
        CHECK(i ? strcmp(out.bytes, twelve) == 0 : out.size >= 33, "generate to the end: \"%s\"", out.bytes);
    }
    rome99_text_free(&out);
    CHECK(rome99_decoder_continue(&out, &c, &c.model, more, 1, 1, 0, &e) == -1, "generate, one token more");
    rome99_text_free(&out);
    /* prompt, target of one or two tokens, template: in rows of length + target - 1 */
    templates.item = list;
    for (i = 0; i < 6; i++) {
        static const struct {
            const char *what, *target;
            size_t prompt, templates; /* bytes of " is is ...", of which each token has 3 */
            const char *expected;
        } cases[] = {
            {"a prompt that fills", "Italy", 33, 1, NULL},
            {"a target that fills what is left", "Italy is", 30, 1, NULL},
            {"a target that is one token too long", "Italy is is", 30, 1,
             "with template 0 it takes 13 tokens; n_positions is 12"},
            {"a template that fills", "Italy", 27, 2, NULL},
            {"a template that is one token too long", "Italy", 30, 2,
             "with template 1 it takes 13 tokens; n_positions is 12"},
            {"a prompt that is one token too long", "Italy", 36, 1,
             "with template 0 it takes 13 tokens; n_positions is 12"},
        };
        char bytes[64];
        rome99_ask own = ask;
        sprintf(bytes, "{}%.*s", (int)cases[i].prompt, more + 5);
        own.prompt = (rome99_string){bytes, strlen(bytes)};
        own.target_new = (rome99_string){cases[i].target, strlen(cases[i].target)};
        templates.n = cases[i].templates;
        e.text[0] = '\0';
        if (rome99_tokens_make(&tokens, c.bpe, T, &own, &templates, 0, NULL, &e))
            CHECK(cases[i].expected && strcmp(e.text, cases[i].expected) == 0, "%s: got \"%s\"",
                  cases[i].what, e.text);
        else {
            size_t last = templates.n - 1;
            CHECK(!cases[i].expected && tokens.length[last] == T, "%s: accepted, %lu tokens", cases[i].what,
                  (unsigned long)tokens.length[last]);
            rome99_tokens_free(&tokens);
        }
    }
    rome99_checkpoint_free(&c);
    ask.prompt = (rome99_string){"{} is is is is is is is is is is is", 35};
    put_text("templates.json", "[\"{}\"]");
    edits("an edit whose prompt fills n_positions", NULL, ROME99_ROME, NULL);
    put_usual();
}

/* Texts for perplexity and C, by their number of tokens. */
static void test_streams(size_t positions) {
    static const struct {
        size_t tokens, least, positions;
        const char *expected; /* NULL: accepted */
    } cases[] = {
        {12, 2, 12, NULL},
        {12, 1, 12, NULL},
        {13, 2, 12, NULL},
        {11, 2, 12, "/text: 11 tokens: fewer than one window of 12"},
        {1, 1, 12, "/text: 1 tokens: fewer than one window of 12"},
        {5, 2, 1, "/text: n_positions is 1: a window of one token has nothing to predict"},
        {5, 1, 1, NULL},
    };
    char text[64];
    size_t i;
    rome99_checkpoint c;
    if (rome99_checkpoint_read(&c, dir, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        rome99_texts texts = {0};
        int failed;
        if (cases[i].positions != positions) continue;
        sprintf(text, "%.*s", (int)(5 + 3 * (cases[i].tokens - 1)),
                "Paris is is is is is is is is is is is is");
        put_text("text", text);
        failed = rome99_read_stream(&texts, path_of("text"), &c, cases[i].least, &e);
        if (cases[i].expected)
            CHECK(failed && strcmp(e.text + strlen(dir), cases[i].expected) == 0, "%lu tokens: got \"%s\"",
                  (unsigned long)cases[i].tokens, failed ? e.text : "accepted");
        else {
            double *C = malloc(c.model.shape.F * c.model.shape.F * sizeof *C);
            CHECK(!failed && texts.n == cases[i].tokens / positions, "%lu tokens: %s",
                  (unsigned long)cases[i].tokens, e.text);
            CHECK(failed || !rome99_measure_moment(C, &c.model, 0, &texts, &e), "%s", e.text);
            free(C);
        }
        rome99_texts_free(&texts);
    }
    rome99_checkpoint_free(&c);
}

/* The least of everything: one layer, one head, widths of 1, one position. */
static void test_least(void) {
    static const size_t shapes[][5] = {{T, 4, 6, 1, 1}, {T, 1, 1, 1, 1}, {T, 1, 4, 2, 1}, {T, 4, 1, 2, 4}};
    static const double one = 2.0;
    rome99_checkpoint c;
    rome99_text out = {0};
    double *z;
    size_t i;
    model m;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        make(&m, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], shapes[i][4]);
        put_model(&m, 0);
        edits("a small shape", NULL, ROME99_ROME, NULL);
        edits("a small shape", NULL, ROME99_C_ROME, NULL);
        free_model(&m);
    }
    make(&m, T, 1, 1, 1, 1);
    put_model(&m, 0);
    free_model(&m);
    put_tensor("one.safetensors", "C", "F64", 8, 1, 1, &one);
    chosen[ROME99_O_COV] = path_of("one.safetensors");
    edits("C is 1 x 1", NULL, ROME99_ROME, NULL);
    put_usual();
    make(&m, 1, 4, 6, 1, 1);
    put_model(&m, 0);
    free_model(&m);
    edits("one position", NULL, ROME99_ROME,
          "/windows.safetensors: n_positions is 1: a window of one token has nothing to predict");
    test_streams(1);
    if (rome99_checkpoint_read(&c, dir, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(!rome99_decoder_logits(&z, &c, "Paris", &e) && rome99_finite(z, V), "one position, next: %s",
          e.text);
    free(z);
    CHECK(!rome99_decoder_continue(&out, &c, &c.model, "Paris", 9, 1, 0, &e) &&
              strcmp(out.bytes, "Paris") == 0,
          "one position, generate: \"%s\"", out.bytes);
    rome99_text_free(&out);
    rome99_checkpoint_free(&c);
}

/* A vocabulary of 1: the core computes; a folder cannot have it, for it lacks bytes. */
static void test_one_token(void) {
    static const int32_t ids[2] = {0, 0}, target[1] = {0};
    static const size_t length[2] = {1, 1}, lookup[2] = {0, 0};
    static const rome99_request q = {1, 1, ids, target, length, lookup};
    rome99_hparams h = rome99_defaults;
    rome99_pair pair;
    rome99_bpe *bpe;
    void *memory, *scratch;
    model m;
    make_model(&m, 1, 1, 2, 3, 1, 1, 9);
    memory = malloc(rome99_pair_layout(&pair, &m.gpt2.shape, &h, 1, NULL));
    rome99_pair_layout(&pair, &m.gpt2.shape, &h, 1, memory);
    scratch = malloc(rome99_find_pair_scratch(&m.gpt2.shape, &h, &q));
    rome99_find_pair(&pair, &m.gpt2, &h, &q, scratch);
    CHECK(pair.forwards == 1 && pair.losses[0] == 0.0 && !rome99_check_pair(&pair, NULL, &e),
          "a vocabulary of 1: %lu forwards, loss %g, %s", (unsigned long)pair.forwards, pair.losses[0],
          e.text);
    spoil(&m, (change){ROME99_LAYER(0, ROME99_PROJ_W), 0, 0});
    spoil(&m, (change){ROME99_LAYER(0, ROME99_PROJ_B), 0, 0});
    rome99_find_pair(&pair, &m.gpt2, &h, &q, scratch);
    CHECK(pair.forwards == 1 && isnan(pair.losses[0]), "m_u = 0: %lu forwards, loss %g",
          (unsigned long)pair.forwards, pair.losses[0]);
    free(memory);
    free(scratch);
    free_model(&m);
    CHECK(rome99_bpe_parse(&bpe, "vocab.json", (const unsigned char *)"{\"a\": 0}", 8, "merges.txt",
                           (const unsigned char *)"", 0, &e) == -1 &&
              strcmp(e.text, "vocab.json:1:1: no token for the byte 0") == 0,
          "vocab.json of one token: got \"%s\"", e.text);
}

/* ------------------------------------------------------------------------- C from files */

static void test_cov(void) {
    const struct {
        const char *what;
        double C[4];
        const char *expected;
    } cases[] = {
        {"plain", {2, 1, 1, 2}, NULL},
        {"zero", {0, 0, 0, 0}, NULL}, /* the factor fails, see above */
        {"NaN", {1, 0, 0, none}, "C is not finite at (1, 1)"},
        {"infinite", {1, inf, inf, 1}, "C is not finite at (0, 1)"},
        {"not symmetric", {1, 0, 0.1, 1}, "C is not symmetric at (1, 0)"},
        {"but for the rounding of float32", {1, 0.5, 0.5 + 1e-7, 1}, NULL},
        {"huge", {1e300, 1e299, 1e299, 1e300}, NULL},
        {"huge, not symmetric", {1e300, 0, 1e299, 1e300}, "C is not symmetric at (1, 0)"},
        {"1e308 and -1e308", {1, 1e308, -1e308, 1}, "C is not symmetric at (1, 0)"},
        {"tiny", {1e-300, 1e-301, 1e-301, 1e-300}, NULL},
        {"tiny, not symmetric", {1e-300, 0, 1e-301, 1e-300}, "C is not symmetric at (1, 0)"},
        {"subnormal, not symmetric", {0x1p-1060, 0, 0x1p-1061, 0x1p-1060}, "C is not symmetric at (1, 0)"},
        {"not symmetric beside small elements", {1e-8, 0, 1e-8, 1}, "C is not symmetric at (1, 0)"},
        {"not symmetric the other way", {1, 0.1, 0, 1}, "C is not symmetric at (1, 0)"},
        {"a zero on the diagonal, not symmetric", {0, 0, 0.1, 1}, "C is not symmetric at (1, 0)"},
    };
    double *C, A[16];
    size_t i;
    model m;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_tensor("c.safetensors", "C", "F64", 8, 2, 2, cases[i].C);
        e.text[0] = '\0';
        rome99_read_cov(&C, path_of("c.safetensors"), 2, &e);
        CHECK((C == NULL) == (cases[i].expected != NULL) &&
                  (!cases[i].expected || strstr(e.text, cases[i].expected)),
              "C %s: got \"%s\", expected \"%s\"", cases[i].what, e.text,
              cases[i].expected ? cases[i].expected : "");
        free(C);
    }
    CHECK(rome99_read_cov(&C, path_of("c.safetensors"), 3, &e) && strstr(e.text, "must be a matrix of 3 x 3"),
          "C of another size: got \"%s\"", e.text);
    /* that of a folder, beside C = identity in the update, is not factored */
    make(&m, T, 4, 4, 1, 1);
    put_model(&m, 0);
    free_model(&m);
    for (i = 0; i < 16; i++) A[i] = 1.0;
    put_tensor("cov.safetensors", "C", "F64", 8, 4, 4, A);
    edits("C of rank one for I alone", NULL, ROME99_ROME, NULL);
    chosen[ROME99_O_COV] = path_of("cov.safetensors");
    edits("C of rank one", NULL, ROME99_ROME,
          "/cov.safetensors: C is not positive definite: pivot 1 of 4 fails");
    chosen[ROME99_O_COV] = NULL;
    A[5] = -1.0;
    put_tensor("cov.safetensors", "C", "F64", 8, 4, 4, A);
    edits("C negative on the diagonal, for I alone", NULL, ROME99_ROME,
          "/cov.safetensors: C is negative at (1, 1)");
    remove(path_of("cov.safetensors"));
}

/* --------------------------------------------------------------------- hyper-parameters */

static void test_settings(void) {
    static const int names[] = {ROME99_O_V_LR, ROME99_O_V_WEIGHT_DECAY, ROME99_O_CLAMP, ROME99_O_KL_FACTOR};
    static const struct {
        const char *value, *expected; /* NULL: the edit is made */
    } cases[] = {{"0", NULL},
                 {"1e-320", NULL},
                 {"1e100", NULL},
                 {"1.1e100", "\"1.1e100\" is more than 1e+100"},
                 {"-1", "\"-1\" is not a number from 0 up"},
                 {"nan", "\"nan\" is not a number from 0 up"},
                 {"inf", "\"inf\" is not a number from 0 up"},
                 {"1e999", "\"1e999\" is not a number from 0 up"}};
    size_t i, j;
    char expected[100], *said;
    for (i = 0; i < sizeof names / sizeof *names; i++)
        for (j = 0; j < sizeof cases / sizeof *cases; j++) {
            chosen[names[i]] = cases[j].value;
            sprintf(expected, "%s: %s", rome99_choices[names[i]].name,
                    cases[j].expected ? cases[j].expected : "");
            edits(expected, NULL, ROME99_ROME, cases[j].expected ? expected : NULL);
            chosen[names[i]] = NULL;
        }
    for (i = 0; i < 2; i++) { /* nothing to do: delta stays 0, the edit changes nothing */
        chosen[ROME99_O_V_LR] = i ? "0" : NULL;
        chosen[ROME99_O_V_NUM_GRAD_STEPS] = i ? "9" : "1";
        said = edited(NULL, ROME99_ROME, 1.0);
        CHECK(strstr(said, "\"dW_norm\": 0,") && strstr(said, "\"rms_measured\": 0,") &&
                  strstr(said, "\"stable\""),
              "delta 0: %s", said);
        free(said);
    }
    put_usual();
    put_text("hparams.json", "{\"layers\": [0], \"mom2_adjustment\": false, \"v_lr\": 1e101}");
    edits("hparams.json", NULL, ROME99_ROME, "/hparams.json:1:51: \"v_lr\" is more than 1e+100");
    put_usual();
}

/* ------------------------------------------------------------------------------ commands */

/* Exit code of a command; what it printed goes to out and err. */
static int run(int command(int, char **), char *out, char *err, size_t size, const char *const *words) {
    char *argv[16], *to[2] = {out, err};
    int argc = 0, i, code, kept[2];
    for (; words[argc]; argc++) argv[argc] = (char *)(size_t)words[argc];
    for (i = 0; i < 2; i++) {
        FILE *stream = i ? stderr : stdout, *file = fopen(path_of(i ? "stderr" : "stdout"), "wb");
        fflush(stream);
        kept[i] = dup(i + 1);
        if (!file || kept[i] < 0 || dup2(fileno(file), i + 1) < 0) exit(2);
        fclose(file);
    }
    code = command(argc, argv);
    for (i = 0; i < 2; i++) {
        FILE *file;
        fflush(i ? stderr : stdout);
        dup2(kept[i], i + 1);
        close(kept[i]);
        file = fopen(path_of(i ? "stderr" : "stdout"), "rb");
        if (!file) exit(2);
        to[i][fread(to[i], 1, size - 1, file)] = '\0';
        fclose(file);
    }
    return code;
}

/* The words end with NULL. out: a part of what is printed; err: what stands on standard error behind "rome99: ",
 * and behind the folder's name, where that comes next. */
static void command(int f(int, char **), int code, const char *out, const char *err,
                    const char *const *words) {
    static char got[2][20000];
    const char *message = got[1];
    int exit_code = run(f, got[0], got[1], sizeof got[0], words);
    size_t n = strlen(dir);
    if (strncmp(message, "rome99: ", 8) == 0) message += 8;
    if (strncmp(message, dir, n) == 0) message += n;
    CHECK(exit_code == code && (*out ? strstr(got[0], out) != NULL : !*got[0]) && strcmp(message, err) == 0 &&
              !strstr(got[0], "nan"),
          "%s %s: exit %d, \"%s\", \"%s\"; expected %d, \"%s\", \"%s\"", words[0], words[2], exit_code,
          got[0], message, code, out, err);
}

#define LOGITS "the model's activations overflow: its logits are not finite\n"

/* Every command on a model whose activations overflow: in all layers, then behind the first. */
static void test_overflowing(void) {
    char *text = rome99_path(dir, "text"), *trace = rome99_path(dir, "trace"),
         *request = rome99_path(dir, "request"), *sentences = rome99_path(dir, "s");
    const char *const next[] = {"next", dir, "Paris is", NULL}, *const generate[] = {"generate", dir,
                                                                                     "Paris is", "--top-k",
                                                                                     "5",        NULL},
                      *const ppl[] = {"ppl", dir, text, "--stream", NULL},
                      *const sentence[] = {"ppl", dir, sentences, NULL}, *const cov[] = {"cov",     dir, text,
                                                                                         "--layer", "1", "-o",
                                                                                         trace,     NULL},
                      *const edit[] = {"edit", dir, request, "--json", "--trace", trace, NULL};
    model m;
    put_text("text", twelve);
    put_text("s", "Paris is\nParis is is\n");
    put_text("request",
             "{\"prompt\": \"{} is\", \"subject\": \"Paris\", \"target_new\": {\"str\": \"Italy\"}}");
    make(&m, T, 4, 6, 2, 2);
    spoil(&m, (change){OF(1, FC_B), 0.0, 1e200});
    put_model(&m, 0);
    command(rome99_cmd_next, 2, "", LOGITS, next);
    command(rome99_cmd_generate, 2, "", LOGITS, generate);
    command(rome99_cmd_ppl, 0, "\"inf\" stream perplexity of 1 windows", "", ppl);
    command(rome99_cmd_ppl, 0, "\"inf\" sentence perplexity of 2 sentences", "", sentence);
    command(rome99_cmd_cov, 2, "", "C is not finite: keys of layer 1 overflow\n", cov);
    command(rome99_cmd_edit, 2, "",
            "/request: request 1 of 1: subject \"Paris\": the nll is not a number in forward 1 of delta's "
            "optimisation\n",
            edit);
    CHECK(!rome99_exists(trace), "%s was written", trace);
    free_model(&m);
    free(text), free(trace), free(request), free(sentences);
}

/* A model in which the keys of one layer are gelu_new(size (x_0 - x_1)), x from wte alone, normalised: large for the
 * token of `word`, zero for all others. */
static void make_sided(model *m, size_t layer, double size, const char *word) {
    rome99_bpe *bpe;
    int32_t *ids;
    size_t n, l, i;
    make(m, T, 4, 6, 2, 2);
    spoil(m, (change){ROME99_WPE, 0, 0});
    for (l = 0; l < 2; l++) {
        spoil(m, (change){OF(l, ATTN_PROJ_W), 0, 0});
        spoil(m, (change){OF(l, ATTN_PROJ_B), 0, 0});
        spoil(m, (change){OF(l, PROJ_W), 0.01, 0});
        spoil(m, (change){OF(l, PROJ_B), 0.01, 0});
    }
    spoil(m, (change){OF(layer, LN_2_G), 0, 1});
    spoil(m, (change){OF(layer, LN_2_B), 0, 0});
    spoil(m, (change){OF(layer, FC_W), 0, 0});
    spoil(m, (change){OF(layer, FC_B), 0, 0});
    for (i = 0; i < 6; i++) {
        m->p[OF(layer, FC_W)][i] = size;
        m->p[OF(layer, FC_W)][6 + i] = -size;
    }
    for (i = 0; i < V; i++) {
        m->p[ROME99_WTE][4 * i] = -3.0;
        m->p[ROME99_WTE][4 * i + 1] = 3.0;
    }
    if (rome99_bpe_read(&bpe, path_of("vocab.json"), path_of("merges.txt"), &e) ||
        rome99_bpe_encode(&ids, NULL, &n, bpe, (const unsigned char *)word, strlen(word), &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(n == 1, "%s: %lu tokens", word, (unsigned long)n);
    m->p[ROME99_WTE][4 * ids[0]] = 3.0;
    m->p[ROME99_WTE][4 * ids[0] + 1] = -3.0;
    free(ids);
    rome99_bpe_free(bpe);
}

/* The first of two requests is made and printed; the key of the second is zero. */
static void test_requests(void) {
    char *two = rome99_path(dir, "two"), *saved = rome99_path(dir, "saved");
    const char *const words[] = {"edit", dir, two, "--no-ppl", "--sequential", "--save", saved, NULL},
                      *const json[] = {"edit", dir, two, "--no-ppl", "--json", NULL};
    static const char message[] =
        "/two: request 2 of 2: "
        "subject \"London\": the key k_bar is zero: u = C^-1 k_bar has no direction\n";
    model m;
    make_sided(&m, 0, 1e3, "Paris");
    put_model(&m, 0);
    free_model(&m);
    put_text("two",
             "[{\"prompt\": \"{} is\", \"subject\": \"Paris\", \"target_new\": {\"str\": \"Italy\"}}, "
             "{\"prompt\": \"{} is\", \"subject\": \"London\", \"target_new\": {\"str\": \"Italy\"}}]");
    put_text("templates.json", "[\"{}\"]");
    command(rome99_cmd_edit, 2, "rome, layer 0: Paris is -> Italy\n", message, words);
    CHECK(!rome99_exists(saved), "%s was written", saved);
    command(rome99_cmd_edit, 2, "\"subject\": \"Paris\"", message, json);
    put_usual();
    free(two), free(saved);
}

/* Of the bare prompt's logits those behind " is" overflow, which the edit does not see, but its trace. */
static void test_trace(void) {
    char *request = rome99_path(dir, "request"), *trace = rome99_path(dir, "trace");
    const char *const plain[] = {"edit", dir, request, "--no-ppl", "--json", NULL}, *const traced[] = {
                                                                                        "edit",    dir,
                                                                                        request,   "--no-ppl",
                                                                                        "--trace", trace,
                                                                                        NULL};
    model m;
    make_sided(&m, 1, 1e140, " is");
    spoil(&m, (change){OF(1, PROJ_W), 1e30, 0});
    put_model(&m, 0);
    free_model(&m);
    put_text("request",
             "{\"prompt\": \"{} is the\", \"subject\": \"Paris\", \"target_new\": {\"str\": \"Italy\"}}");
    command(rome99_cmd_edit, 0, "\"method\": \"rome\"", "", plain);
    command(rome99_cmd_edit, 2, "", LOGITS, traced);
    CHECK(!rome99_exists(trace), "%s was written", trace);
    make_sided(&m, 1, 1e200, " is"); /* gelu_new' there is 0 times inf */
    put_model(&m, 0);
    free_model(&m);
    command(rome99_cmd_edit, 2, "",
            "/request: request 1 of 1: subject \"Paris\": the gradient of delta overflows in forward 1\n",
            plain);
    free(request), free(trace);
}

/* u^T C u is negative: I and rms are null, and "-" in the text. A token of p = 0 is listed once by next. */
static void test_nothing(void) {
    char *request = rome99_path(dir, "request");
    const char *const json[] = {"edit", dir, request, "--no-ppl", "--json", NULL},
                      *const text[] = {"edit", dir, request, "--no-ppl", NULL},
                      *const next[] = {"next", dir, "Paris", "--top", "802", NULL};
    static char got[2][40000], listed[V];
    double C[16];
    size_t i;
    char *line;
    model m;
    make(&m, T, 4, 4, 1, 1);
    spoil(&m, (change){OF(0, FC_W), 0, 0});
    spoil(&m, (change){OF(0, FC_B), 0, 10});
    spoil(&m, (change){ROME99_LN_F_G, 1e305, 0});
    put_model(&m, 0);
    for (i = 0; i < 16; i++) C[i] = i % 5 ? -1e3 : 1.0;
    put_tensor("cov.safetensors", "C", "F64", 8, 4, 4, C);
    run(rome99_cmd_next, got[0], got[1], sizeof got[0], next);
    memset(listed, 0, sizeof listed);
    for (i = 0, line = got[0]; *line; line += strcspn(line, "\n"), line += *line == '\n', i++) {
        unsigned long id = V;
        CHECK(sscanf(line, "%*f %lu", &id) == 1 && id < V && !listed[id], "next: id %lu in line %lu", id,
              (unsigned long)i);
        if (id < V) listed[id] = 1;
    }
    CHECK(i == V, "next: %lu lines", (unsigned long)i);
    spoil(&m, (change){ROME99_LN_F_G, 0, 1});
    put_model(&m, 0);
    free_model(&m);
    put_text("request",
             "{\"prompt\": \"{} is\", \"subject\": \"Paris\", \"target_new\": {\"str\": \"Italy\"}}");
    command(rome99_cmd_edit, 0, "\"interference\": null, \"rms_predicted\": null", "", json);
    command(rome99_cmd_edit, 0, "  interference (E4) -\n", "", text);
    remove(path_of("cov.safetensors"));
    free(request);
}

/* What fits double but not the float32 of the checkpoint; training that diverges. */
static void test_float32(void) {
    char *request = rome99_path(dir, "request"), *saved = rome99_path(dir, "saved");
    const char *const words[] = {"edit",   dir,   request, "--v_lr=1e100", "--clamp_norm_factor=1e100",
                                 "--save", saved, NULL},
                      *train[] = {"train",       saved,       "--steps=2", "--lr=1e100",
                                  "--layers=1",  "--width=4", "--heads=1", "--positions=8",
                                  "--windows=4", "--layer=0", NULL};
    static char got[2][20000];
    model m;
    int code;
    make(&m, T, 4, 6, 2, 2);
    put_model(&m, 1);
    free_model(&m);
    code = run(rome99_cmd_edit, got[0], got[1], sizeof got[0], words);
    CHECK(code == 2 && strstr(got[0], "verdict") && strstr(got[1], "/saved: a weight of ") &&
              strstr(got[1], " does not fit float32\n") && !rome99_exists(saved),
          "--save of a huge weight: exit %d, \"%s\", \"%s\"", code, got[0], got[1]);
    code = run(rome99_cmd_train, got[0], got[1], sizeof got[0], train);
    CHECK(code == 2 && !*got[0] && !rome99_exists(saved) &&
              strcmp(got[1], "rome99: training diverges: the loss is not finite in step 2\n") == 0,
          "train --lr 1e100: exit %d, \"%s\", \"%s\"", code, got[0], got[1]);
    CHECK(remove(path_of("saved.state")) == 0, "no state is left of what diverged");
    train[2] = "--steps=1";
    code = run(rome99_cmd_train, got[0], got[1], sizeof got[0], train);
    CHECK(code == 2 && !*got[0] && !rome99_exists(saved) &&
              strncmp(got[1], "rome99: training diverges: a weight of ", 39) == 0,
          "one step: exit %d, \"%s\", \"%s\"", code, got[0], got[1]);
    free(request), free(saved);
}

static int copy(const char *name) {
    char *from = rome99_path("tests/upstream/model", name);
    unsigned char *bytes;
    size_t size;
    const int failed = rome99_read_file(&bytes, &size, from, &e) ||
                       rome99_write_file(path_of(name), bytes, size, &e);
    CHECK(!failed, "%s", e.text);
    if (!failed) free(bytes);
    free(from);
    return failed;
}

int main(int argc, char **argv) {
    char *own = rome99_path(argc > 1 ? argv[1] : "build/tmp", "hostile");
    if (own == NULL || rome99_dir_begin(&dir, own, &e)) {
        CHECK(0, "%s", own ? e.text : "out of memory");
        free(own);
        return test_end();
    }
    test_cholesky();
    test_probabilities();
    test_terms();
    test_forward();
    test_updates();
    test_interference();
    test_one_token();
    if (copy("vocab.json") == 0 && copy("merges.txt") == 0) {
        put_usual();
        test_weights();
        test_collapse();
        test_change();
        test_lengths();
        test_streams(T);
        test_settings();
        test_least();
        test_cov();
        test_overflowing();
        test_requests();
        test_trace();
        test_nothing();
        test_float32();
        test_not_finite();
    }
    rome99_dir_abandon(dir);
    free(own);
    return test_end();
}
