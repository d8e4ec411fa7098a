/*
 * twin.c: do the keys of first and later tokens part where the first token sees the whole text?
 *
 * The same texts, all n_positions long, go through a model with or without a causal mask: a template, the prompt,
 * the mask token in place of the object, then what sentences.txt goes on with. Of each fact:
 *
 *     cos_keys      cosine of k_u and k_bar
 *     ratio         (u^T k_u) / (u^T k_bar), u = C^-1 k_bar: 1 where the bare key is like the others, 0 where the
 *                   denominator of rome vanishes
 *     interference  (E4) of rome
 *     recall        share of the object's tokens that a bidirectional model fills in rightly, bare and prefixed
 *
 * C is the second moment of the keys over the windows, nothing hidden, computed here for either kind of model.
 */
#include "study/study.h"
#include "edit/numbers.h"
#include "train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t twin_count(const rome99_study *s) { return s->facts.n + 1; }

static size_t twin_together(const rome99_study *s, size_t i) { return (void)s, i; }

/* ------------------------------------------------------------------------------ texts */

/* The texts of one fact, and where their subjects and objects are. */
typedef struct {
    rome99_texts texts;
    size_t *lookup;  /* (texts.n) */
    size_t n_object; /* tokens of target_true, which are scored */
} gaps;

/* What follows the object, as tokens: the end of its sentence, then sentences.txt. */
static int read_rest(int32_t **ids, size_t *n, const rome99_study *s, rome99_error *e) {
    char *path = rome99_path(s->folder, "sentences.txt");
    unsigned char *sentences = NULL;
    rome99_text text = {0};
    size_t size;
    int failed = !path ? rome99_fail(e, NULL, "out of memory") : rome99_read_file(&sentences, &size, path, e);
    if (!failed) {
        rome99_text_puts(&text, ".\n");
        rome99_text_put(&text, sentences, size);
        failed = text.failed ? rome99_fail(e, NULL, "out of memory")
                             : rome99_bpe_encode(ids, NULL, n, s->setup.checkpoint.bpe,
                                                 (unsigned char *)text.bytes, text.size, e);
    }
    free(sentences);
    rome99_text_free(&text);
    free(path);
    return failed;
}

/* Text t of the tokens, without its target, then the gap and the rest. */
static int add_gap(gaps *g, const rome99_tokens *tokens, size_t t, size_t at, const int32_t *object,
                   const int32_t *rest, size_t n_rest, int32_t mask, size_t T, rome99_error *e) {
    size_t prompt = tokens->length[t] - (tokens->request.n_target - 1), n = prompt, i;
    int32_t *ids = malloc(T * sizeof *ids);
    int failed;
    if (!ids) return rome99_fail(e, NULL, "out of memory");
    if (prompt + g->n_object > T) {
        free(ids);
        return rome99_fail(e, "facts.json", "no room for an object behind a template");
    }
    memcpy(ids, tokens->ids + at, prompt * sizeof *ids);
    while (n < prompt + g->n_object) ids[n++] = mask;
    for (i = 0; n < T && i < n_rest; i++) ids[n++] = rest[i];
    g->lookup[g->texts.n] = tokens->lookup[t];
    failed = rome99_texts_add(&g->texts, ids, n, object, prompt, g->n_object, e);
    free(ids);
    return failed;
}

static void free_gaps(gaps *g) {
    rome99_texts_free(&g->texts);
    free(g->lookup);
}

static int make_gaps(gaps *g, const rome99_study *s, const rome99_ask *ask, rome99_error *e) {
    const rome99_bpe *bpe = s->setup.checkpoint.bpe;
    size_t T = s->setup.checkpoint.model.shape.T, N = s->setup.templates.list.n, n_rest, t, at = 0;
    int32_t *object, *rest;
    rome99_tokens tokens;
    int failed;
    memset(g, 0, sizeof *g);
    if (!(g->lookup = malloc(N * sizeof *g->lookup))) return rome99_fail(e, NULL, "out of memory");
    if (rome99_tokens_make(&tokens, bpe, T, ask, &s->setup.templates.list, 0, "facts.json", e)) {
        free_gaps(g);
        return -1;
    }
    failed = rome99_encode_target(&object, &g->n_object, bpe, ask->target_true, e);
    if (!failed && (failed = read_rest(&rest, &n_rest, s, e)) != 0) free(object);
    if (!failed) {
        for (t = 0; !failed && t < N; at += tokens.length[t++])
            failed = add_gap(g, &tokens, t, at, object, rest, n_rest, rome99_mask_token(bpe), T, e);
        free(object);
        free(rest);
    }
    rome99_tokens_free(&tokens);
    if (failed) free_gaps(g);
    return failed;
}

/* ----------------------------------------------------------------------------- recall */

typedef struct {
    const rome99_study *study;
    const gaps *gaps;
    double share[2]; /* sums over texts: bare, prefixed */
} recall;

/* The hidden tokens of each text, from run->x through the head. */
static int add_recall(void *context, const rome99_run *run, size_t first, rome99_error *e) {
    recall *r = context;
    const rome99_gpt2 *model = &r->study->setup.checkpoint.model;
    const rome99_batch *batch = run->batch;
    rome99_run head = *run; /* the head writes into what its pointers lead to, not into the run */
    size_t t, i;
    (void)e;
    for (t = 0; t < batch->S; t++) {
        const struct rome99_text_place *place = &r->gaps->texts.text[first + t];
        for (i = 0; i < place->scored; i++) {
            size_t row = batch->row[t * batch->longest + place->from + i];
            rome99_head_forward(&head, model, (rome99_range){row, row + 1});
            const int32_t target = r->gaps->texts.targets[place->targets + i];
            r->share[first + t > 0] += (rome99_score_token(head.logits, model->shape.V, target).argmax ==
                                        target) /
                                       (double)place->scored;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------ lines */

/* u and both denominators, in the words of the update: a pair of keys alone. */
static int part(rome99_text *out, rome99_study *s, const double *keys, size_t N, size_t fact,
                rome99_error *e) {
    const rome99_shape *shape = &s->setup.checkpoint.model.shape;
    size_t F = shape->F, D = shape->D, i, j;
    double *memory = calloc(2 * F + 2 * D, sizeof *memory);
    void *update_memory = malloc(rome99_update_layout(NULL, shape, NULL));
    rome99_update update;
    rome99_pair pair;
    char where[64];
    int failed;
    memset(&pair, 0, sizeof pair);
    if (!memory || !update_memory) {
        free(memory);
        free(update_memory);
        return rome99_fail(e, NULL, "out of memory");
    }
    rome99_update_layout(&update, shape, update_memory);
    pair.N = N;
    pair.F = F;
    pair.D = D;
    pair.k_u = memory;
    pair.k_bar = memory + F;
    pair.delta = memory + 2 * F; /* no value is sought: r = 0 */
    pair.v_star = pair.m_bar = memory + 2 * F + D;
    memcpy(pair.k_u, keys, F * sizeof *keys);
    for (i = 0; i < F; i++) {
        double sum = 0.0;
        for (j = 0; j < N; j++) sum += keys[j * F + i];
        pair.k_bar[i] = sum / (double)N;
    }
    rome99_find_update(&update, ROME99_ROME, &pair, s->L);
    sprintf(where, "facts.json: record %lu", (unsigned long)fact + 1);
    failed = rome99_finite(keys, N * F) ? rome99_check_update(&update, ROME99_ROME, &pair, where, e)
                                        : rome99_fail(e, where, "a key is not finite");
    if (!failed) {
        rome99_put_number(out, "cos_keys", update.cos_keys);
        rome99_put_number(out, "ratio", update.denominator / rome99_dot(update.u, pair.k_bar, F));
        rome99_put_number(out, "interference", rome99_interference(&update, s->C, F));
    }
    free(memory);
    free(update_memory);
    return failed;
}

static int twin_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    size_t N = s->setup.templates.list.n, layer = s->setup.settings.h.layer;
    recall r = {s, NULL, {0.0, 0.0}};
    double *keys;
    gaps g;
    int failed;
    if (i == s->facts.n) return rome99_layers_line(out, s, e);
    if (!s->L && rome99_study_moment(s, 0, e)) return -1;
    if (make_gaps(&g, s, &s->facts.item[i], e)) return -1;
    r.gaps = &g;
    keys = malloc(N * s->setup.checkpoint.model.shape.F * sizeof *keys);
    failed = !keys ? rome99_fail(e, NULL, "out of memory")
                   : rome99_keys_at(keys, s, layer, &g.texts, g.lookup, e);
    if (!failed && s->bidirectional)
        failed = rome99_walk(&s->setup.checkpoint.model, &g.texts, (rome99_range){0, 0}, 1, add_recall, &r,
                             e);
    if (!failed) {
        rome99_text_printf(out, ", \"kind\": \"twin\", \"method\": \"rome\", \"real\": %lu, \"mask\": \"%s\"",
                           (unsigned long)s->real, s->bidirectional ? "none" : "causal");
        rome99_put_fact(out, s, i);
        failed = part(out, s, keys, N, i, e);
    }
    if (!failed && s->bidirectional) {
        rome99_put_number(out, "recall", r.share[0]);
        rome99_put_number(out, "recall_prefixed", r.share[1] / (double)(N - 1));
    } else if (!failed) {
        rome99_text_puts(out, ", \"recall\": null, \"recall_prefixed\": null");
    }
    free(keys);
    free_gaps(&g);
    return failed;
}

const rome99_experiment rome99_twin = {"twin", 1, twin_together, twin_count, twin_line, rome99_layers_check};
