/* make.c: a case with its notes, its tolerances, and only such wrong tensors as are plainly wrong. */
#include "golden/hosted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int rome99_golden_make(rome99_golden *c, void *memory, size_t i, const char *models, double noise,
                       uint64_t seed, const rome99_golden *fed, rome99_error *e) {
    rome99_hosted_recipe r = rome99_golden_at(i);
    rome99_golden_begin(c, memory);
    c->noise = noise;
    c->rng.state = seed;
    c->fed = fed;
    rome99_golden_note_add(c, "case", r.name);
    rome99_golden_note_add(c, "about", r.about);
    rome99_golden_note_add(c, "reference", "rome99 " ROME99_VERSION);
    if (r.needs) {
        char *needs = rome99_golden_scratch(c, strlen(r.needs) + sizeof "tiny_models/");
        sprintf(needs, "tiny_models/%s", r.needs);
        rome99_golden_note_add(c, "needs", needs);
    }
    return r.make(c, models, r.variant, e);
}

/* A[t]: the greatest relative change of tensor t over the noise. */
static int sensitivities(double *A, const rome99_golden *c, size_t i, const char *models, rome99_error *e) {
    int trained = rome99_golden_at(i).needs != NULL;
    double noise = trained ? ROME99_GOLDEN_NOISE / 1024 : ROME99_GOLDEN_NOISE;
    size_t trials = trained ? ROME99_GOLDEN_TRIALS / 2 : ROME99_GOLDEN_TRIALS;
    void *memory = malloc(ROME99_GOLDEN_BYTES);
    rome99_golden again;
    size_t trial, t;
    int failed = memory ? 0 : rome99_fail(e, NULL, "out of memory");
    for (trial = 0; !failed && trial < trials; trial++) {
        failed = rome99_golden_make(&again, memory, i, models, noise, trial + 1, NULL, e);
        if (!failed && again.tensors != c->tensors)
            failed = rome99_fail(e, c->note[0].value, "makes other tensors where its inputs are disturbed");
        for (t = 0; !failed && t < c->tensors; t++) {
            rome99_golden_difference d = rome99_golden_compare(&c->tensor[t], &again.tensor[t]);
            if (c->tensor[t].integer && d.reached != ROME99_EXACT)
                failed = rome99_fail(e, c->note[0].value, "%s changes where its inputs are disturbed",
                                     c->tensor[t].name);
            if (d.error / noise > A[t]) A[t] = d.error / noise;
        }
    }
    free(memory);
    return failed;
}

static void drop_text(rome99_golden *c, const char *name) {
    size_t i;
    for (i = 0; i < c->texts && strcmp(c->text[i].name, name) != 0;) i++;
    if (i == c->texts) return;
    memmove(&c->text[i], &c->text[i + 1], (c->texts - i - 1) * sizeof *c->text);
    c->texts--;
}

/* Leaves out wrong tensors that are not at least 100 tolerances from what is right. */
static void prune(rome99_golden *c) {
    size_t i, kept = 0;
    for (i = 0; i < c->tensors; i++) {
        rome99_golden_tensor *t = &c->tensor[i];
        if (t->role == ROME99_WRONG) {
            char name[64];
            const rome99_golden_tensor *right;
            sprintf(name, "%.*s", (int)strcspn(t->name, "!"), t->name);
            right = rome99_golden_find(c, name);
            if (!(rome99_golden_compare(right, t).error > 100.0 * (right->tol64 + t->tol64))) {
                drop_text(c, t->name);
                continue;
            }
        }
        c->tensor[kept++] = *t;
    }
    c->tensors = kept;
}

/* A note for each tolerance: where it comes from. */
static void explain(rome99_golden *c, const double *A) {
    size_t i;
    for (i = 0; i < c->tensors; i++) {
        const rome99_golden_tensor *t = &c->tensor[i];
        char *key, *value;
        if (t->role == ROME99_INPUT || t->exact) continue;
        key = rome99_golden_scratch(c, strlen(t->name) + sizeof "tolerance.");
        value = rome99_golden_scratch(c, 80);
        sprintf(key, "tolerance.%s", t->name);
        sprintf(value, c->given ? "n %lu, A 1 (float32: %.1e)" : "n %lu, A %.1e", (unsigned long)t->roundings,
                A[i]);
        rome99_golden_note_add(c, key, value);
    }
}

/* x >= 1 rounded up to two digits, so that the note says what the tolerance was computed from. */
static double round_up(double x) {
    double unit = 0.1, digits;
    while (x / unit > 99.0 && unit < 1e300) unit *= 10.0;
    digits = (double)(unsigned long)(x / unit);
    return (digits < x / unit ? digits + 1.0 : digits) * unit;
}

int rome99_golden_complete(rome99_golden *c, void *memory, size_t i, const char *models, rome99_error *e) {
    double A[ROME99_GOLDEN_TENSORS] = {0};
    size_t k;
    if (rome99_golden_make(c, memory, i, models, 0.0, 0, NULL, e) || sensitivities(A, c, i, models, e))
        return -1;
    for (k = 0; k < c->tensors; k++) A[k] = A[k] > 1.0 && A[k] < 1e300 ? round_up(A[k]) : 1.0;
    rome99_golden_tolerances(c, A);
    explain(c, A);
    prune(c);
    return 0;
}
