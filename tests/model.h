/* model.h: small random models and passes for tests. */
#ifndef ROME99_TEST_MODEL_H
#define ROME99_TEST_MODEL_H

#include "core/rome99.h"

#include <stdlib.h>
#include <string.h>

/* Memory that held something else: as doubles, NaNs. */
static void *dirty(size_t bytes) {
    void *memory = malloc(bytes);
    return memory ? memset(memory, 0xff, bytes) : NULL;
}

/* A model with float64 weights p[i] (size[i]), normal deviates, layer norms about 1. */
typedef struct {
    rome99_gpt2 gpt2;
    double **p;
    size_t *size, tensors;
} model;

static void make_model(model *m, size_t V, size_t T, size_t D, size_t F, size_t L, size_t H, uint64_t seed) {
    rome99_rng rng;
    size_t i, j;
    rng.state = seed;
    m->gpt2.shape.V = V;
    m->gpt2.shape.T = T;
    m->gpt2.shape.D = D;
    m->gpt2.shape.F = F;
    m->gpt2.shape.L = L;
    m->gpt2.shape.H = H;
    m->gpt2.shape.eps = 1e-5;
    m->tensors = rome99_tensor_count(&m->gpt2.shape);
    m->gpt2.w = calloc(m->tensors, sizeof *m->gpt2.w);
    m->p = calloc(m->tensors, sizeof *m->p);
    m->size = calloc(m->tensors, sizeof *m->size);
    for (i = 0; i < m->tensors; i++) {
        rome99_tensor_info info = rome99_describe(&m->gpt2.shape, i);
        m->size[i] = info.rows * info.cols;
        m->p[i] = malloc(m->size[i] * sizeof **m->p);
        for (j = 0; j < m->size[i]; j++)
            m->p[i][j] = 0.5 * rome99_rng_normal(&rng) + (info.is_vector ? 0.5 : 0.0);
        m->gpt2.w[i].data = m->p[i];
        m->gpt2.w[i].dtype = ROME99_F64;
    }
}

static void free_model(model *m) {
    size_t i;
    for (i = 0; i < m->tensors; i++) free(m->p[i]);
    free(m->p);
    free(m->size);
    free(m->gpt2.w);
}

/* A batch with a run that keeps every layer and has room for all logits and a backward pass. */
typedef struct {
    rome99_batch batch;
    rome99_run run;
    void *batch_memory, *run_memory;
} passes;

static void make_passes(passes *a, const model *m, const int32_t *ids, const size_t *length, size_t S,
                        const unsigned char *group, size_t *start) {
    rome99_plan plan = {{0, 0}, 0, 0, 1, 0};
    a->batch_memory = dirty(rome99_batch_layout(&a->batch, ids, length, S, group, start, NULL, NULL));
    rome99_batch_layout(&a->batch, ids, length, S, group, start, NULL, a->batch_memory);
    plan.keep.hi = m->gpt2.shape.L;
    plan.logit_rows = a->batch.n;
    a->run_memory = dirty(rome99_run_layout(&a->run, &m->gpt2.shape, &a->batch, plan, NULL));
    rome99_run_layout(&a->run, &m->gpt2.shape, &a->batch, plan, a->run_memory);
}

static void free_passes(passes *a) {
    free(a->batch_memory);
    free(a->run_memory);
}

#endif
