/* walk.c: texts through a whole model, its activations shown to a visitor; keys and second moments from that. */
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 8 };

/* Room for any batch of at most TOGETHER of the texts. */
typedef struct {
    rome99_batch batch;
    rome99_run run;
    rome99_memory batch_memory, run_memory;
} passes;

static int lay_out(passes *p, const rome99_gpt2 *model, const int32_t *ids, const size_t *length,
                   size_t count, rome99_range keep, rome99_error *e) {
    rome99_plan plan = {{0, 0}, 0, 0, 1, 1}; /* backward 1: visitors read any part of a kept layer */
    void *memory = rome99_memory_get(
        &p->batch_memory, rome99_batch_layout(&p->batch, ids, length, count, NULL, NULL, NULL, NULL));
    if (!memory) return rome99_fail(e, NULL, "out of memory");
    rome99_batch_layout(&p->batch, ids, length, count, NULL, NULL, NULL, memory);
    plan.keep = keep;
    memory = rome99_memory_get(&p->run_memory,
                               rome99_run_layout(&p->run, &model->shape, &p->batch, plan, NULL));
    if (!memory) return rome99_fail(e, NULL, "out of memory");
    rome99_run_layout(&p->run, &model->shape, &p->batch, plan, memory);
    return 0;
}

int rome99_walk(const rome99_gpt2 *model, const rome99_texts *texts, rome99_range keep, int bidirectional,
                rome99_visit *visit, void *context, rome99_error *e) {
    size_t first, count, i, length[TOGETHER];
    passes p;
    int failed = 0;
    memset(&p, 0, sizeof p);
    for (first = 0; !failed && first < texts->n; first += count) {
        count = texts->n - first < TOGETHER ? texts->n - first : TOGETHER;
        for (i = 0; i < count; i++) length[i] = texts->text[first + i].length;
        failed = lay_out(&p, model, texts->ids + texts->text[first].ids, length, count, keep, e);
        if (failed) break;
        p.batch.bidirectional = bidirectional;
        rome99_forward(&p.run, model, (rome99_range){0, p.batch.n});
        failed = visit(context, &p.run, first, e);
    }
    rome99_memory_free(&p.batch_memory);
    rome99_memory_free(&p.run_memory);
    return failed;
}

/* ------------------------------------------------------------------------------- keys */

typedef struct {
    double *keys;
    const size_t *position;
    size_t layer;
} key_list;

static int take_keys(void *context, const rome99_run *run, size_t first, rome99_error *e) {
    const key_list *list = context;
    const rome99_batch *batch = run->batch;
    size_t F = run->shape.F, t;
    (void)e;
    for (t = 0; t < batch->S; t++) {
        size_t row = batch->row[t * batch->longest + list->position[first + t]];
        memcpy(list->keys + (first + t) * F, run->layer[list->layer].k + row * F, F * sizeof(double));
    }
    return 0;
}

int rome99_keys_at(double *keys, const rome99_study *s, size_t layer, const rome99_texts *texts,
                   const size_t *position, rome99_error *e) {
    key_list list = {keys, position, layer};
    return rome99_walk(&s->setup.checkpoint.model, texts, (rome99_range){layer, layer + 1}, s->bidirectional,
                       take_keys, &list, e);
}

/* ---------------------------------------------------------------------- second moment */

typedef struct {
    double *C;
    size_t layer, from, n;
} moment;

static int add_keys(void *context, const rome99_run *run, size_t first, rome99_error *e) {
    moment *m = context;
    const rome99_batch *batch = run->batch;
    size_t F = run->shape.F, t;
    (void)first, (void)e;
    for (t = 0; t < batch->S; t++) { /* without groups the rows of a text follow one another */
        size_t row = batch->row[t * batch->longest] + m->from, n = batch->length[t] - m->from;
        rome99_second_moment(m->C, run->layer[m->layer].k + row * F, n, F, run->pack);
        m->n += n;
    }
    return 0;
}

int rome99_study_moment(rome99_study *s, size_t from, rome99_error *e) {
    size_t F = s->setup.checkpoint.model.shape.F, layer = s->setup.settings.h.layer, i, pivot;
    moment m = {NULL, layer, from, 0};
    double *pack = malloc(ROME99_PACK * sizeof *pack);
    int failed = 0;
    free(s->C);
    free(s->L);
    s->C = m.C = calloc(F * F, sizeof *s->C);
    s->L = malloc(F * F * sizeof *s->L);
    if (!s->C || !s->L || !pack) failed = rome99_fail(e, NULL, "out of memory");
    if (!failed)
        failed = rome99_walk(&s->setup.checkpoint.model, &s->setup.stream, (rome99_range){layer, layer + 1},
                             s->bidirectional, add_keys, &m, e);
    if (!failed) {
        for (i = 0; i < F * F; i++) s->C[i] /= (double)m.n;
        memcpy(s->L, s->C, F * F * sizeof *s->L);
        if ((pivot = rome99_cholesky(s->L, F, pack)) != 0)
            failed = rome99_fail(e, s->folder, "C is not positive definite: pivot %lu", (unsigned long)pivot);
    }
    free(pack);
    return failed;
}
