/*
 * train.c: AdamW on next-token prediction, or on filling in hidden tokens, with the core's own forward and
 * backward pass.
 *
 *     init      matrices, wte, wpe: normal, 0.02; projections into the residual stream 0.02/sqrt(2L);
 *               layer norms 1 and 0; biases 0
 *     loss      mean of -log p(next) over all windows of a step, positions 1 .. T-1;
 *               masked: of -log p(hidden) over the hidden positions of all windows of a step
 *     clip      gradients are scaled to norm 1 where their norm is greater
 *     AdamW     beta 0.9, 0.95, eps 1e-8; decay on matrices and wte, before the step
 */
#include "train.h"
#include "edit/numbers.h"

#include <stdlib.h>
#include <string.h>

/* Windows that go through the passes together: no bit depends on it. */
enum { TOGETHER = 4 };

struct rome99_trainer {
    rome99_recipe recipe;
    rome99_stream stream;
    rome99_gpt2 model;
    size_t tensors, parameters;
    uint64_t step;
    double *p, *g, *m, *v; /* (parameters) all tensors one after another; gradient; Adam's moments */
    double **grad;         /* (tensors) into g */
    rome99_adam adam;
    int32_t *ids;          /* (TOGETHER, T) */
    unsigned char *hidden; /* (windows, T) masked: which tokens of a step are; else NULL */
    int32_t mask_token;
    rome99_rng mask_rng;
    void *batch_memory, *run_memory;
    rome99_batch batch;
    rome99_run run;
};

/* ---------------------------------------------------------------------- windows */

/* One more document of the stream as tokens behind *ids, which grows. */
static int append_document(int32_t **ids, size_t *n, rome99_stream *stream, size_t *line_of,
                           rome99_error *e) {
    rome99_text text = {0};
    int32_t *more = NULL, *grown;
    size_t count = 0, lines = 0, i;
    rome99_world_document(stream->world, &stream->rng, &text);
    if (text.failed ||
        rome99_bpe_encode(&more, NULL, &count, stream->bpe, (unsigned char *)text.bytes, text.size, e)) {
        int failed = text.failed;
        rome99_text_free(&text);
        return failed ? rome99_fail(e, NULL, "out of memory") : -1;
    }
    rome99_text_free(&text);
    grown = realloc(*ids, (*n + count + 1) * sizeof **ids);
    if (!grown) {
        free(more);
        return rome99_fail(e, NULL, "out of memory");
    }
    *ids = grown;
    if (line_of) { /* where a line drawn at random begins, counted from the document's first token */
        size_t size, drawn;
        for (i = 0; i < count; i++)
            if (rome99_bpe_token(&size, stream->bpe, more[i])[0] == '\n') lines++;
        drawn = rome99_rng_below(&stream->rng, lines ? lines : 1);
        for (i = 0; i < count && drawn > 0; i++)
            if (rome99_bpe_token(&size, stream->bpe, more[i])[0] == '\n') drawn--;
        *line_of = i;
    }
    grown[(*n)++] = rome99_bpe_endoftext(stream->bpe);
    memcpy(grown + *n, more, count * sizeof *more);
    *n += count;
    free(more);
    return 0;
}

int rome99_window(int32_t *ids, rome99_stream *stream, size_t T, int real, rome99_error *e) {
    int32_t *text = NULL, first = 0;
    size_t n = 0, start = 0, drawn = 0;
    if (!real) { /* the token that stands first: any of a document drawn for it */
        if (append_document(&text, &n, stream, NULL, e)) return -1;
        first = text[rome99_rng_below(&stream->rng, n)];
        n = 0;
    }
    if (append_document(&text, &n, stream, real ? &drawn : NULL, e)) goto failed;
    if (real)
        start = 1 + drawn;
    else
        text[0] = first;
    while (n < start + T)
        if (append_document(&text, &n, stream, NULL, e)) goto failed;
    memcpy(ids, text + start, T * sizeof *ids);
    free(text);
    return 0;
failed:
    free(text);
    return -1;
}

int32_t rome99_mask_token(const rome99_bpe *bpe) {
    int32_t id;
    for (id = 0;; id++) { /* ends: every single byte is a token */
        size_t size;
        const unsigned char *bytes = rome99_bpe_token(&size, bpe, id);
        if (size == 1 && bytes[0] == 0) return id;
    }
}

/* --------------------------------------------------------------------- a trainer */

static void initialise(rome99_trainer *t) {
    rome99_rng rng = {0};
    size_t index, i;
    double *p = t->p, deep = 0.02 / rome99_sqrt(2.0 * (double)t->model.shape.L);
    rng.state = t->recipe.seed;
    for (index = 0; index < t->tensors; index++) {
        rome99_tensor_info info = rome99_describe(&t->model.shape, index);
        size_t n = info.rows * info.cols, last = strlen(info.name);
        int is_weight = info.name[last - 1] == 't';
        double scale = strstr(info.name, "c_proj") ? deep : 0.02;
        for (i = 0; i < n; i++)
            p[i] = info.is_vector ? (is_weight ? 1.0 : 0.0) : scale * rome99_rng_normal(&rng);
        p += n;
    }
}

static int allocate(rome99_trainer *t) {
    rome99_plan plan = {{0, 0}, 0, 0, 1, 0};
    size_t T = t->recipe.shape.T, length[TOGETHER], i, bytes;
    t->p = calloc(t->parameters, 4 * sizeof *t->p);
    t->grad = calloc(t->tensors, sizeof *t->grad);
    t->model.w = calloc(t->tensors, sizeof *t->model.w);
    t->ids = calloc(TOGETHER * T, sizeof *t->ids);
    if (t->recipe.masked) t->hidden = calloc(t->recipe.windows, T);
    for (i = 0; i < TOGETHER; i++) length[i] = T;
    bytes = rome99_batch_layout(&t->batch, NULL, length, TOGETHER, NULL, NULL, NULL, NULL);
    t->batch_memory = malloc(bytes);
    plan.keep.hi = t->recipe.shape.L;
    plan.logit_rows = t->batch.n;
    bytes = rome99_run_layout(&t->run, &t->recipe.shape, &t->batch, plan, NULL);
    t->run_memory = malloc(bytes);
    if (!t->p || !t->grad || !t->model.w || !t->ids || !t->batch_memory || !t->run_memory ||
        (t->recipe.masked && !t->hidden))
        return -1;
    rome99_batch_layout(&t->batch, t->ids, length, TOGETHER, NULL, NULL, NULL, t->batch_memory);
    t->batch.bidirectional = t->recipe.masked > 0;
    rome99_run_layout(&t->run, &t->recipe.shape, &t->batch, plan, t->run_memory);
    return 0;
}

int rome99_trainer_new(rome99_trainer **out, const rome99_recipe *recipe, const rome99_stream *stream,
                       rome99_error *e) {
    rome99_trainer *t = calloc(1, sizeof *t);
    size_t index, at = 0;
    if (!t) return rome99_fail(e, NULL, "out of memory");
    t->recipe = *recipe;
    t->stream = *stream;
    t->mask_token = rome99_mask_token(stream->bpe);
    t->mask_rng.state = ~recipe->seed;
    t->model.shape = recipe->shape;
    t->tensors = rome99_tensor_count(&recipe->shape);
    for (index = 0; index < t->tensors; index++) {
        rome99_tensor_info info = rome99_describe(&recipe->shape, index);
        t->parameters += info.rows * info.cols;
    }
    if (allocate(t)) {
        rome99_trainer_free(t);
        return rome99_fail(e, NULL, "out of memory");
    }
    t->g = t->p + t->parameters;
    t->m = t->g + t->parameters;
    t->v = t->m + t->parameters;
    for (index = 0; index < t->tensors; index++) {
        rome99_tensor_info info = rome99_describe(&recipe->shape, index);
        t->model.w[index].data = t->p + at;
        t->model.w[index].dtype = ROME99_F64;
        t->grad[index] = t->g + at;
        at += info.rows * info.cols;
    }
    t->adam.beta1 = 0.9;
    t->adam.beta2 = 0.95;
    t->adam.eps = 1e-8;
    t->adam.beta1_t = t->adam.beta2_t = 1.0;
    initialise(t);
    *out = t;
    return 0;
}

void rome99_trainer_free(rome99_trainer *t) {
    if (!t) return;
    free(t->p);
    free(t->grad);
    free(t->model.w);
    free(t->ids);
    free(t->hidden);
    free(t->batch_memory);
    free(t->run_memory);
    free(t);
}

const rome99_gpt2 *rome99_trainer_model(const rome99_trainer *t) { return &t->model; }
const rome99_recipe *rome99_trainer_recipe(const rome99_trainer *t) { return &t->recipe; }
size_t rome99_trainer_done(const rome99_trainer *t) { return (size_t)t->step; }

void rome99_trainer_parts(rome99_part parts[ROME99_PARTS], rome99_trainer *t) {
    const rome99_part all[ROME99_PARTS] = {{"step", ROME99_ST_I64, &t->step, 1},
                                           {"documents", ROME99_ST_I64, &t->stream.rng.state, 1},
                                           {"masks", ROME99_ST_I64, &t->mask_rng.state, 1},
                                           {"beta1_t", ROME99_ST_F64, &t->adam.beta1_t, 1},
                                           {"beta2_t", ROME99_ST_F64, &t->adam.beta2_t, 1},
                                           {"parameters", ROME99_ST_F64, t->p, t->parameters},
                                           {"m", ROME99_ST_F64, t->m, t->parameters},
                                           {"v", ROME99_ST_F64, t->v, t->parameters}};
    memcpy(parts, all, sizeof all);
}

/* Draws what is hidden in all windows of a step; returns how many tokens are. */
static size_t hide(rome99_trainer *t) {
    size_t i, n = t->recipe.windows * t->recipe.shape.T, count = 0;
    for (i = 0; i < n; i++) count += t->hidden[i] = rome99_rng_below(&t->mask_rng, 16) < t->recipe.masked;
    return count;
}

/* Forward and backward for TOGETHER windows, of which `hidden` says what is, unless it is NULL; adds to g,
 * returns the sum of -log p. */
static double pass(rome99_trainer *t, const unsigned char *hidden, double weight) {
    size_t T = t->recipe.shape.T, V = t->recipe.shape.V, r;
    rome99_range all;
    double sum = 0.0;
    all.lo = 0;
    all.hi = t->batch.n;
    for (r = 0; r < t->batch.n; r++) t->batch.id[r] = hidden && hidden[r] ? t->mask_token : t->ids[r];
    rome99_forward(&t->run, &t->model, all);
    rome99_head_forward(&t->run, &t->model, all);
    for (r = 0; r < t->batch.n; r++) {
        double *z = t->run.logits + r * V;
        if (hidden ? !hidden[r] : r % T == T - 1) /* nothing to predict */
            memset(z, 0, V * sizeof *z);
        else
            sum += rome99_cross_entropy(z, V, t->ids[hidden ? r : r + 1], weight);
    }
    rome99_backward(&t->run, &t->model, t->grad, t->run.logits, all);
    return sum;
}

static void update(rome99_trainer *t, double norm) {
    const rome99_recipe *recipe = &t->recipe;
    double lr = recipe->lr;
    size_t index, i, at = 0;
    if (norm > 1.0)
        for (i = 0; i < t->parameters; i++) t->g[i] /= norm;
    if (t->step < recipe->warmup)
        lr *= (double)(t->step + 1) / (double)recipe->warmup;
    else
        lr *= 1.0 - 0.9 * (double)(t->step - recipe->warmup) / (double)(recipe->steps - recipe->warmup);
    t->adam.lr = lr;
    rome99_adam_begin(&t->adam);
    for (index = 0; index < t->tensors; index++) {
        rome99_tensor_info info = rome99_describe(&t->model.shape, index);
        size_t n = info.rows * info.cols;
        if (!info.is_vector && index != ROME99_WPE)
            for (i = 0; i < n; i++) t->p[at + i] -= lr * recipe->weight_decay * t->p[at + i];
        at += n;
    }
    rome99_adam_step(&t->adam, t->p, t->m, t->v, t->g, t->parameters);
    t->step++;
}

int rome99_trainer_step(rome99_trainer *t, double *loss, rome99_error *e) {
    size_t T = t->recipe.shape.T, done, i, targets = t->hidden ? hide(t) : t->recipe.windows * (T - 1);
    double sum = 0.0;
    if (targets == 0) targets = 1; /* nothing is hidden: the sum below is 0 */
    memset(t->g, 0, t->parameters * sizeof *t->g);
    for (done = 0; done < t->recipe.windows; done += TOGETHER) {
        for (i = 0; i < TOGETHER; i++) {
            int real = (done + i) % 16 < t->recipe.real_text;
            if (rome99_window(t->ids + i * T, &t->stream, T, real, e)) return -1;
        }
        sum += pass(t, t->hidden ? t->hidden + done * T : NULL, 1.0 / (double)targets);
    }
    *loss = sum / (double)targets;
    sum = rome99_norm(t->g, t->parameters);
    if (!rome99_finite(loss, 1) || !rome99_finite(&sum, 1))
        return rome99_fail(e, NULL, "training diverges: the %s is not finite in step %lu",
                           rome99_finite(loss, 1) ? "gradient" : "loss", (unsigned long)t->step + 1);
    update(t, sum);
    return 0;
}

uint64_t rome99_trainer_finish(rome99_trainer *t) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a over the float32 words */
    size_t i;
    for (i = 0; i < t->parameters; i++) {
        float f = (float)t->p[i];
        uint32_t word;
        memcpy(&word, &f, sizeof word);
        hash = (hash ^ word) * UINT64_C(1099511628211);
        t->p[i] = (double)f;
    }
    return hash;
}
