/* measure.c: batches of texts through the forward pass; perplexities. */
#include "edit/measure.h"
#include "edit/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts go through together until they have this many rows; logits are made for so many rows at once. */
enum { ROWS = 256, LOGIT_ROWS = 64 };

/* Bytes that are kept between uses at the most. */
#define KEPT ((size_t)32 << 20)

int32_t rome99_argmax(const double *logits, size_t V) {
    size_t i, best = 0;
    for (i = 1; i < V; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

rome99_score rome99_score_token(const double *logits, size_t V, int32_t id) {
    const double lse = rome99_log_sum_exp(logits, V);
    if (!rome99_finite(&lse, 1)) return (rome99_score){-HUGE_VAL, -1};
    return (rome99_score){logits[id] - lse, rome99_argmax(logits, V)};
}

/* ---------------------------------------------------------------------------- texts */

/* Room for `more` elements behind `n` in *array, which grows in powers of two. */
static int reserve(void **array, size_t n, size_t more, size_t size) {
    size_t old = 1, capacity = 1;
    void *grown;
    while (old < n) old *= 2;
    while (capacity < n + more) capacity *= 2;
    if (*array && capacity == old) return 0;
    if (capacity > SIZE_MAX / size || !(grown = realloc(*array, capacity * size))) return -1;
    *array = grown;
    return 0;
}

int rome99_texts_add(rome99_texts *t, const int32_t *ids, size_t length, const int32_t *targets, size_t from,
                     size_t scored, rome99_error *e) {
    struct rome99_text_place place;
    void *a = t->ids, *b = t->targets, *c = t->text;
    int failed = reserve(&a, t->n_ids, length, sizeof *t->ids);
    failed |= reserve(&b, t->n_targets, scored, sizeof *t->targets);
    failed |= reserve(&c, t->n, 1, sizeof *t->text);
    t->ids = a;
    t->targets = b;
    t->text = c;
    if (failed) return rome99_fail(e, NULL, "out of memory");
    place.ids = t->n_ids;
    place.length = length;
    place.targets = t->n_targets;
    place.from = from;
    place.scored = scored;
    memcpy(t->ids + t->n_ids, ids, length * sizeof *ids);
    if (targets)
        memcpy(t->targets + t->n_targets, targets, scored * sizeof *targets);
    else
        memset(t->targets + t->n_targets, 0, scored * sizeof *targets);
    t->n_ids += length;
    t->n_targets += scored;
    t->text[t->n++] = place;
    return 0;
}

int rome99_texts_add_target(rome99_texts *t, const int32_t *prompt, size_t n_prompt, const int32_t *target,
                            size_t n_target, rome99_error *e) {
    int32_t *ids = malloc((n_prompt + n_target) * sizeof *ids);
    int failed;
    if (!ids) return rome99_fail(e, NULL, "out of memory");
    memcpy(ids, prompt, n_prompt * sizeof *ids);
    memcpy(ids + n_prompt, target, n_target * sizeof *ids);
    failed = rome99_texts_add(t, ids, n_prompt + n_target - 1, target, n_prompt - 1, n_target, e);
    free(ids);
    return failed;
}

void rome99_texts_free(rome99_texts *t) {
    free(t->ids);
    free(t->targets);
    free(t->text);
    memset(t, 0, sizeof *t);
}

/* ---------------------------------------------------------------------------- passes */

void *rome99_memory_get(rome99_memory *memory, size_t bytes) {
    if (bytes > memory->bytes || !memory->at) {
        rome99_memory_free(memory);
        memory->at = bytes == SIZE_MAX ? NULL : rome99_allocate(bytes);
        memory->bytes = memory->at ? bytes : 0;
    }
    return memory->at;
}

void rome99_memory_trim(rome99_memory *memory) {
    if (memory->bytes > KEPT) rome99_memory_free(memory);
}

void rome99_memory_free(rome99_memory *memory) {
    free(memory->at);
    memory->at = NULL;
    memory->bytes = 0;
}

/* Some texts, from `first` on, on their way through a model; reused from piece to piece. */
typedef struct {
    const rome99_texts *texts;
    size_t first, count;
    size_t *length, *owner;
    unsigned char *group;
    rome99_memory batch_memory, *run_memory;
    rome99_batch batch;
    rome99_run run;
    size_t start[257];
} piece;

/* How the rows of a piece are laid out. */
typedef struct {
    size_t keep;     /* a layer whose activations are kept, or L */
    int scored_last; /* scored rows come after all others, else rows stand as in the texts */
    int shared;      /* texts that begin alike share rows */
} manner;

/* Adds one text to the piece: owner and group of its tokens. Returns how many rows are its own. */
static size_t place_text(piece *p, manner how, size_t at) {
    const struct rome99_text_place *t = p->texts->text + p->first, *mine = &t[p->count];
    const int32_t *ids = p->texts->ids;
    size_t alike = 0, from = 0, i, j, other = 0;
    for (i = 0; how.shared && i < p->count; i++) { /* the earlier text that is alike for longest */
        for (j = 0; j < mine->length && j < t[i].length && ids[mine->ids + j] == ids[t[i].ids + j]; j++)
            ;
        if (j > alike) {
            alike = j;
            from = other;
        }
        other += t[i].length;
    }
    for (j = 0; j < mine->length; j++) {
        int scored = how.scored_last && j >= mine->from && j < mine->from + mine->scored;
        size_t owner = j < alike ? p->owner[from + j] : at + j;
        p->owner[at + j] = owner;
        p->group[at + j] = 0;
        p->group[owner] |= (unsigned char)scored;
    }
    return mine->length - alike;
}

/* Takes the next texts; 0 when there are none, 1 if there are, -1 when memory is out. */
static int next_piece(piece *p, const rome99_shape *shape, manner how) {
    rome99_plan plan = {{0, 0}, 0, 0, 0, LOGIT_ROWS};
    size_t rows = 0, at = 0, bytes;
    void *memory;
    const struct rome99_text_place *t = p->texts->text;
    p->first += p->count;
    p->count = 0;
    if (p->first == p->texts->n) return 0;
    if (!p->length) { /* room for any piece */
        p->length = malloc(p->texts->n * sizeof *p->length);
        p->owner = malloc(p->texts->n_ids * sizeof *p->owner);
        p->group = malloc(p->texts->n_ids);
    }
    if (!p->length || !p->owner || !p->group) return -1;
    for (; p->first + p->count < p->texts->n && rows < ROWS; p->count++) {
        p->length[p->count] = t[p->first + p->count].length;
        rows += place_text(p, how, at);
        at += p->length[p->count];
    }
    bytes = rome99_batch_layout(&p->batch, NULL, p->length, p->count, NULL, NULL, p->owner, NULL);
    if (!(memory = rome99_memory_get(&p->batch_memory, bytes))) return -1;
    rome99_batch_layout(&p->batch, p->texts->ids + t[p->first].ids, p->length, p->count, p->group, p->start,
                        p->owner, memory);
    plan.keep.lo = how.keep;
    plan.keep.hi = how.keep + 1;
    bytes = rome99_run_layout(&p->run, shape, &p->batch, plan, NULL);
    if (!(memory = rome99_memory_get(p->run_memory, bytes))) return -1;
    rome99_run_layout(&p->run, shape, &p->batch, plan, memory);
    return 1;
}

static void free_piece(piece *p) {
    free(p->length);
    free(p->owner);
    free(p->group);
    rome99_memory_free(&p->batch_memory);
}

static rome99_range all_rows(const piece *p) {
    rome99_range r;
    r.lo = 0;
    r.hi = p->batch.n;
    return r;
}

/* From the stream that enters layer `l` to the outcomes of the piece's targets. */
static void finish(rome99_score *out, piece *p, const rome99_gpt2 *model, size_t l) {
    rome99_range scored, rows;
    size_t i, j, V = model->shape.V;
    scored.lo = p->start[1];
    scored.hi = p->batch.n;
    rome99_forward_from(&p->run, model, l, scored);
    for (rows.lo = scored.lo; rows.lo < scored.hi; rows.lo = rows.hi) {
        rows.hi = scored.hi - rows.lo < LOGIT_ROWS ? scored.hi : rows.lo + LOGIT_ROWS;
        rome99_head_forward(&p->run, model, rows);
        for (i = 0; i < p->count; i++) {
            const struct rome99_text_place *t = &p->texts->text[p->first + i];
            for (j = 0; j < t->scored; j++) {
                size_t row = p->batch.row[i * p->batch.longest + t->from + j];
                if (row >= rows.lo && row < rows.hi) {
                    const double *z = p->run.logits + (row - rows.lo) * V;
                    out[t->targets + j] = rome99_score_token(z, V, p->texts->targets[t->targets + j]);
                }
            }
        }
    }
}

/* Sum over all rows of |m' - m|^2 for the edited model, whose m' is left in place. */
static int change(double *sum, piece *p, const rome99_gpt2 *edited, size_t layer) {
    size_t n = p->batch.n * p->run.shape.D, i;
    double *m = p->run.layer[layer].m, *old = malloc(n * sizeof *old);
    if (!old) return -1;
    memcpy(old, m, n * sizeof *old);
    rome99_mlp_output(&p->run, edited, layer, all_rows(p));
    for (i = 0; i < n; i++) /* infinite where m' overflows, NaN where m does */
        *sum += (m[i] - m[i] == 0.0 ? (m[i] - old[i]) * (m[i] - old[i]) : HUGE_VAL) + (old[i] - old[i]);
    free(old);
    return 0;
}

void rome99_cache_free(rome99_cache *cache) {
    free(cache->k);
    free(cache->x_mid);
    cache->k = cache->x_mid = NULL;
}

/* From the tokens up to the MLP output of the layer. */
static void begin(piece *p, const rome99_gpt2 *model, size_t layer) {
    size_t l;
    rome99_embed_forward(&p->run, model, all_rows(p));
    for (l = 0; l < layer; l++) {
        rome99_layer_forward(&p->run, model, l, all_rows(p), all_rows(p));
        rome99_layer_leave(&p->run, l, all_rows(p));
    }
    rome99_layer_forward(&p->run, model, layer, all_rows(p), all_rows(p));
}

/* The same with the cache, whose rows of this piece begin at `row`: read if it is filled, else filled. */
static void begin_cached(piece *p, const rome99_gpt2 *model, size_t layer, rome99_cache *cache, size_t row,
                         int filled) {
    rome99_activations *act = &p->run.layer[layer];
    size_t F = model->shape.F, D = model->shape.D, n = p->batch.n;
    if (!filled) {
        begin(p, model, layer);
        if (cache->k) {
            memcpy(cache->k + row * F, act->k, n * F * sizeof(double));
            memcpy(cache->x_mid + row * D, act->x_mid, n * D * sizeof(double));
        }
        return;
    }
    act->k = cache->k + row * F;
    act->x_mid = cache->x_mid + row * D;
    rome99_mlp_output(&p->run, model, layer, all_rows(p));
}

/* Whether the cache holds something already; else room is made for it where it is not too large. */
static int open_cache(rome99_cache *cache, const rome99_shape *shape, size_t rows) {
    if (cache->k) return 1;
    if (rows <= KEPT / sizeof(double) / (shape->F + shape->D)) {
        cache->k = malloc(rows * shape->F * sizeof(double));
        cache->x_mid = malloc(rows * shape->D * sizeof(double));
        if (!cache->k || !cache->x_mid) rome99_cache_free(cache);
    }
    return 0;
}

int rome99_measure(rome99_score *before, rome99_score *after, double *rms, const rome99_gpt2 *model,
                   size_t layer, const double *W1, const rome99_texts *texts, rome99_cache *cache,
                   rome99_memory *memory, rome99_error *e) {
    size_t count = rome99_tensor_count(&model->shape), row = 0;
    rome99_gpt2 edited = *model;
    rome99_cache none = {NULL, NULL};
    manner how = {0, 1, 0};
    piece p;
    double sum = 0.0;
    int more = 1, filled = cache ? open_cache(cache, &model->shape, texts->n_ids) : 0;
    how.keep = layer;
    how.shared = !cache && !rms;
    memset(&p, 0, sizeof p);
    p.texts = texts;
    p.run_memory = memory;
    if (!(edited.w = malloc(count * sizeof *edited.w))) return rome99_fail(e, NULL, "out of memory");
    memcpy(edited.w, model->w, count * sizeof *edited.w);
    edited.w[ROME99_LAYER(layer, ROME99_PROJ_W)].data = W1;
    edited.w[ROME99_LAYER(layer, ROME99_PROJ_W)].dtype = ROME99_F64;
    while (more > 0 && (more = next_piece(&p, &model->shape, how)) > 0) {
        begin_cached(&p, model, layer, cache ? cache : &none, row, filled);
        row += p.batch.n;
        if (before) {
            rome99_layer_leave(&p.run, layer, all_rows(&p));
            finish(before, &p, model, layer + 1);
        }
        if ((after || rms) && change(&sum, &p, &edited, layer)) more = -1;
        if (after) {
            rome99_layer_leave(&p.run, layer, all_rows(&p));
            finish(after, &p, &edited, layer + 1);
        }
    }
    free_piece(&p);
    free(edited.w);
    if (more < 0) {
        if (cache && !filled) rome99_cache_free(cache);
        return rome99_fail(e, NULL, "out of memory");
    }
    if (rms) *rms = rome99_sqrt(sum / (double)texts->n_ids);
    return 0;
}

int rome99_measure_moment(double *C, const rome99_gpt2 *model, size_t layer, const rome99_texts *texts,
                          rome99_error *e) {
    size_t F = model->shape.F, i;
    manner how = {0, 0, 0};
    piece p;
    int more;
    rome99_memory memory = {NULL, 0};
    how.keep = model->shape.L;
    memset(&p, 0, sizeof p);
    p.texts = texts;
    p.run_memory = &memory;
    memset(C, 0, F * F * sizeof *C);
    while ((more = next_piece(&p, &model->shape, how)) > 0) {
        begin(&p, model, layer);
        rome99_second_moment(C, p.run.layer[layer].k, p.batch.n, F, p.run.pack);
    }
    free_piece(&p);
    rome99_memory_free(&memory);
    if (more < 0) return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < F * F; i++) C[i] /= (double)texts->n_ids;
    return rome99_finite(C, F * F)
               ? 0
               : rome99_fail(e, NULL, "C is not finite: keys of layer %lu overflow", (unsigned long)layer);
}

double rome99_sentence_ppl(const rome99_texts *texts, const rome99_score *o) {
    double sum = 0.0;
    size_t i, j;
    for (i = 0; i < texts->n; i++) {
        double nll = 0.0;
        for (j = 0; j < texts->text[i].scored; j++) nll -= o[texts->text[i].targets + j].logp;
        sum += rome99_exp(nll / (double)texts->text[i].scored);
    }
    return sum / (double)texts->n;
}

double rome99_stream_ppl(const rome99_texts *texts, const rome99_score *o) {
    double nll = 0.0;
    size_t i;
    for (i = 0; i < texts->n_targets; i++) nll -= o[i].logp;
    return rome99_exp(nll / (double)texts->n_targets);
}
