/* decoder.c: generation, one row of the forward pass at a time. */
#include "edit/decoder.h"
#include "edit/measure.h"
#include "edit/numbers.h"

#include <stdlib.h>
#include <string.h>

int rome99_decoder_new(rome99_decoder *d, const rome99_gpt2 *model, size_t first, size_t most,
                       rome99_error *e) {
    rome99_plan plan = {{0, 0}, 0, most > first, 0, 1};
    size_t bytes;
    int32_t *ids = calloc(most, sizeof *ids);
    memset(d, 0, sizeof *d);
    d->model = model;
    bytes = rome99_batch_layout(&d->batch, NULL, &most, 1, NULL, NULL, NULL, NULL);
    d->batch_memory = bytes == SIZE_MAX ? NULL : malloc(bytes);
    bytes = rome99_run_layout(&d->run, &model->shape, &d->batch, plan, NULL);
    d->run_memory = bytes == SIZE_MAX ? NULL : malloc(bytes);
    if (!ids || !d->batch_memory || !d->run_memory) {
        free(ids);
        rome99_decoder_free(d);
        return rome99_fail(e, NULL, "out of memory");
    }
    rome99_batch_layout(&d->batch, ids, &most, 1, NULL, NULL, NULL, d->batch_memory);
    rome99_run_layout(&d->run, &model->shape, &d->batch, plan, d->run_memory);
    free(ids);
    return 0;
}

void rome99_decoder_free(rome99_decoder *d) {
    free(d->batch_memory);
    free(d->run_memory);
    memset(d, 0, sizeof *d);
}

const double *rome99_decoder_append(rome99_decoder *d, const int32_t *ids, size_t count, rome99_error *e) {
    rome99_range rows, last;
    size_t l, L = d->model->shape.L;
    rows.lo = d->n;
    rows.hi = d->n += count;
    last.lo = rows.hi - 1;
    last.hi = rows.hi;
    memcpy(d->batch.id + rows.lo, ids, count * sizeof *ids);
    rome99_embed_forward(&d->run, d->model, rows);
    for (l = 0; l < L; l++) {
        rome99_range wanted = l + 1 < L ? rows : last;
        rome99_layer_forward(&d->run, d->model, l, rows, wanted);
        rome99_layer_leave(&d->run, l, wanted);
    }
    rome99_head_forward(&d->run, d->model, last);
    return rome99_check_logits(d->run.logits, d->model->shape.V, e) ? NULL : d->run.logits;
}

int rome99_decoder_prompt(int32_t **ids, size_t *n, const rome99_checkpoint *c, const char *text,
                          rome99_error *e) {
    if (rome99_bpe_encode(ids, NULL, n, c->bpe, (const unsigned char *)text, strlen(text), e)) return -1;
    if (*n >= 1 && *n <= c->model.shape.T) return 0;
    free(*ids);
    return *n ? rome99_fail(e, "TEXT", "%lu tokens; n_positions is %lu", (unsigned long)*n,
                            (unsigned long)c->model.shape.T)
              : rome99_fail(e, "TEXT", "is empty");
}

int rome99_decoder_logits(double **logits, const rome99_checkpoint *c, const char *text, rome99_error *e) {
    size_t n, bytes = c->model.shape.V * sizeof **logits;
    const double *z = NULL;
    rome99_decoder d;
    int32_t *ids;
    *logits = NULL;
    if (rome99_decoder_prompt(&ids, &n, c, text, e)) return -1;
    if (!rome99_decoder_new(&d, &c->model, n, n, e)) {
        z = rome99_decoder_append(&d, ids, n, e);
        if (z && (*logits = malloc(bytes)) != NULL)
            memcpy(*logits, z, bytes);
        else if (z)
            rome99_fail(e, NULL, "out of memory");
        rome99_decoder_free(&d);
    }
    free(ids);
    return *logits ? 0 : -1;
}

/* One of the top_k tokens of greatest logit, drawn by probability among them. z is destroyed. */
static int32_t draw(double *z, size_t V, size_t top_k, rome99_rng *rng) {
    size_t i, k;
    double bound = 0.0, sum = 0.0, max, at;
    double *p = z;
    if (top_k == 1) return rome99_argmax(z, V);
    max = z[rome99_argmax(z, V)];
    for (bound = max, k = 1; k < top_k; k++) { /* the k-th greatest value, ties counted once */
        double next = max;
        for (i = 0; i < V; i++)
            if (z[i] < bound && (next == max || z[i] > next)) next = z[i];
        if (next == max) break;
        bound = next;
    }
    for (i = 0; i < V; i++) {
        p[i] = z[i] >= bound ? rome99_exp(z[i] - max) : 0.0;
        sum += p[i];
    }
    at = rome99_rng_uniform(rng) * sum;
    for (i = 0; i + 1 < V && at >= p[i]; i++) at -= p[i];
    while (p[i] <= 0.0 && i > 0) /* rounding led past the last of them */
        i--;
    return (int32_t)i;
}

int rome99_decoder_continue(rome99_text *out, const rome99_checkpoint *c, const rome99_gpt2 *model,
                            const char *text, size_t more, size_t top_k, uint64_t seed, rome99_error *e) {
    size_t n, V = model->shape.V, i, most;
    double *z = malloc(V * sizeof *z);
    rome99_decoder d;
    rome99_rng rng;
    int32_t *ids, next;
    const double *logits;
    rng.state = seed;
    if (!z) return rome99_fail(e, NULL, "out of memory");
    if (rome99_decoder_prompt(&ids, &n, c, text, e)) {
        free(z);
        return -1;
    }
    most = model->shape.T - n < more ? model->shape.T : n + more;
    if (rome99_decoder_new(&d, model, n, most, e)) {
        free(ids);
        free(z);
        return -1;
    }
    rome99_bpe_decode(out, c->bpe, ids, n);
    logits = rome99_decoder_append(&d, ids, n, e);
    for (i = 0; logits && i < more && d.n < most; i++) {
        memcpy(z, logits, V * sizeof *z);
        next = draw(z, V, top_k, &rng);
        if (next == rome99_bpe_endoftext(c->bpe)) break;
        rome99_bpe_decode(out, c->bpe, &next, 1);
        logits = rome99_decoder_append(&d, &next, 1, e);
    }
    rome99_decoder_free(&d);
    free(ids);
    free(z);
    return !logits ? -1 : out->failed ? rome99_fail(e, NULL, "out of memory") : 0;
}
