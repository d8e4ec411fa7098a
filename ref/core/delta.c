/*
 * delta.c: the value v* that an edit wants stored: keys (E1) and the optimisation of delta (E5).
 *
 * One batch holds every template's text and the KL prompt. Its first forward pass gives the keys and MLP
 * outputs, p_0 and the loss at delta = 0; later ones recompute only what delta can reach:
 *
 *     rows before the lookup position          nothing
 *     layer l+1: q, k, v                       the lookup rows
 *     layers above it, and the rest of l+1     rows from the lookup position on
 *     last layer behind its q, k, v, logits    rows whose next token is scored, and the KL lookup
 *
 * Rows are laid out so that each of these sets is one range. No bit of the result depends on it. The released
 * code (rome/compute_v.py) repeats whole forward passes.
 */
#include "core/rome99.h"
#include "core/arena.h"

#include <string.h>

/* The groups of rows. Scored: the row's logits are needed. */
enum { AFTER, AFTER_SCORED, LOOKUP_SCORED, LOOKUP, BEFORE };

typedef struct {
    rome99_batch batch;
    rome99_run run;
    size_t start[257];
    rome99_range all, before, reached, scored, lookup;
    rome99_activations *own; /* (L) the layers' activations for rows that delta reaches */
    double *m_l;             /* (rows, D) of those, the edited layer's MLP output */
    size_t *length;          /* (N+1); the KL prompt ends with its lookup position */
    unsigned char *group;    /* (rows) */
    double *logp_0;          /* (V) of the KL row at delta = 0 */
    double *m, *v;           /* (D) Adam's moments */
} work;

/* Rows in all, of which *reached from the lookup positions on. */
static size_t count_rows(size_t *reached, const rome99_request *q) {
    size_t n = q->lookup[q->N] + 1, j;
    for (*reached = 1, j = 0; j < q->N; j++) {
        n += q->length[j];
        *reached += q->length[j] - q->lookup[j];
    }
    return n;
}

static void group_rows(work *w, const rome99_request *q) {
    size_t j, p, t = 0;
    for (j = 0; j <= q->N; j++) {
        w->length[j] = j < q->N ? q->length[j] : q->lookup[j] + 1;
        for (p = 0; p < w->length[j]; p++) {
            int scored = j == q->N ? p == q->lookup[j] : p + q->n_target >= w->length[j];
            w->group[t++] = (unsigned char)(p < q->lookup[j]    ? BEFORE
                                            : p == q->lookup[j] ? (scored ? LOOKUP_SCORED : LOOKUP)
                                                                : (scored ? AFTER_SCORED : AFTER));
        }
    }
}

static size_t lay_out(work *w, const rome99_shape *shape, const rome99_hparams *h, const rome99_request *q,
                      void *memory) {
    rome99_arena a = {memory, 0};
    rome99_plan plan = {{h->layer + 1, shape->L}, 0, 0, 2, q->N * q->n_target + 1};
    size_t bytes, rows = count_rows(&plan.kept, q);
    void *piece;
    w->length = rome99_take(&a, q->N + 1, sizeof *w->length);
    w->group = rome99_take(&a, rows, 1);
    w->own = rome99_take(&a, shape->L, sizeof *w->own);
    w->m_l = rome99_take_doubles(&a, plan.kept, shape->D);
    w->logp_0 = rome99_take_doubles(&a, 1, shape->V);
    w->m = rome99_take_doubles(&a, 1, shape->D);
    w->v = rome99_take_doubles(&a, 1, shape->D);
    if (memory) group_rows(w, q);
    bytes = rome99_batch_layout(&w->batch, q->ids, memory ? w->length : q->length, q->N + 1, NULL, NULL, NULL,
                                NULL);
    piece = rome99_take(&a, bytes, 1);
    if (memory) rome99_batch_layout(&w->batch, q->ids, w->length, q->N + 1, w->group, w->start, NULL, piece);
    bytes = rome99_run_layout(&w->run, shape, &w->batch, plan, NULL);
    piece = rome99_take(&a, bytes, 1);
    if (memory) rome99_run_layout(&w->run, shape, &w->batch, plan, piece);
    return a.used;
}

/* Keys and MLP outputs at the lookup positions, and their means over the N templates. */
static void take_keys(rome99_pair *pair, const work *w, const rome99_request *q, size_t layer) {
    const rome99_activations *act = &w->run.layer[layer];
    size_t F = pair->F, D = pair->D, j, i;
    memset(pair->k_bar, 0, F * sizeof(double));
    memset(pair->m_bar, 0, D * sizeof(double));
    for (j = 0; j < q->N; j++) {
        size_t row = w->batch.row[j * w->batch.longest + q->lookup[j]];
        memcpy(pair->keys + j * F, act->k + row * F, F * sizeof(double));
        for (i = 0; i < F; i++) pair->k_bar[i] += act->k[row * F + i];
        for (i = 0; i < D; i++) pair->m_bar[i] += act->m[row * D + i];
        if (j == 0) {
            memcpy(pair->k_u, pair->keys, F * sizeof(double));
            memcpy(pair->m_u, act->m + row * D, D * sizeof(double));
        }
    }
    for (i = 0; i < F; i++) pair->k_bar[i] /= (double)q->N;
    for (i = 0; i < D; i++) pair->m_bar[i] /= (double)q->N;
}

/* All rows up to the layer; from there on those before the lookup positions, which leave nothing but q, k, v
 * behind; then the others up to that layer's MLP output. */
static void first_forward(work *w, const rome99_gpt2 *model, size_t layer) {
    rome99_run *run = &w->run;
    rome99_range none = {0, 0};
    size_t l, L = model->shape.L;
    memcpy(w->own, run->layer, L * sizeof *w->own);
    w->own[layer].m = w->m_l;
    for (l = layer; l < L; l++) {
        run->layer[l] = run->shared;
        run->layer[l].qkv = w->own[l].qkv;
    }
    rome99_embed_forward(run, model, w->all);
    for (l = 0; l < layer; l++) {
        rome99_layer_forward(run, model, l, w->all, w->all);
        rome99_layer_leave(run, l, w->all);
    }
    for (l = layer; l < L; l++) {
        rome99_layer_forward(run, model, l, w->before, l + 1 < L ? w->before : none);
        if (l + 1 < L) rome99_layer_leave(run, l, w->before);
    }
    memcpy(run->layer, w->own, L * sizeof *w->own);
    rome99_layer_forward(run, model, layer, w->reached, w->reached);
    rome99_layer_leave(run, layer, w->reached);
}

static void forward(work *w, const rome99_gpt2 *model, size_t layer, const double *delta, int first) {
    rome99_run *run = &w->run;
    size_t l, L = model->shape.L;
    rome99_layer_leave_with(run, layer, delta, w->lookup);
    for (l = layer + 1; l < L; l++) {
        rome99_range qkv = first || l > layer + 1 ? w->reached : w->lookup;
        rome99_range rows = l + 1 == L ? w->scored : w->reached;
        rome99_layer_forward(run, model, l, qkv, rows);
        rome99_layer_leave(run, l, rows);
    }
    rome99_head_forward(run, model, w->scored);
}

double rome99_cross_entropy(double *z, size_t V, int32_t target, double weight) {
    double loss;
    size_t i;
    rome99_log_softmax(z, z, V);
    loss = -z[target];
    rome99_exp_array(z, z, V);
    for (i = 0; i < V; i++) z[i] *= weight;
    z[target] -= weight;
    return loss;
}

double rome99_kl(double *logp, const double *logp_0, size_t V, double weight) {
    double kl = 0.0;
    size_t i;
    for (i = 0; i < V; i++) kl += rome99_exp(logp[i]) * (logp[i] - logp_0[i]);
    for (i = 0; i < V; i++) logp[i] = weight * (rome99_exp(logp[i]) * (logp[i] - logp_0[i] - kl));
    return kl;
}

double rome99_weight_decay(double *grad, const double *delta, const double *m_u, double weight, size_t D) {
    double norm = rome99_norm(delta, D), m = rome99_norm(m_u, D);
    size_t i;
    if (grad && norm > 0.0)
        for (i = 0; i < D; i++) grad[i] += weight * (delta[i] / (norm * (m * m)));
    return weight * (norm / (m * m));
}

void rome99_clamp(double *delta, const double *m_u, double factor, size_t D) {
    double most = factor * rome99_norm(m_u, D), norm = rome99_norm(delta, D);
    size_t i;
    if (norm > most)
        for (i = 0; i < D; i++) delta[i] *= most / norm;
}

/* (E5) at the logits of run, in loss[4]: total, nll, kl, wd. The logits are replaced by their gradients. */
static void losses(double loss[4], work *w, const rome99_hparams *h, const rome99_request *q,
                   const rome99_pair *pair, int first) {
    size_t V = w->run.shape.V, j, t;
    double nll = 0.0, sum, *z;
    for (j = 0; j < q->N; j++) { /* mean over texts of -(1/n) sum log p(target) */
        for (sum = 0.0, t = 0; t < q->n_target; t++) {
            size_t row = w->batch.row[j * w->batch.longest + w->length[j] - q->n_target + t];
            sum += rome99_cross_entropy(w->run.logits + (row - w->scored.lo) * V, V, q->target[t],
                                        1.0 / (double)(q->N * q->n_target));
        }
        nll += sum / (double)q->n_target;
    }
    z = w->run.logits + (w->batch.row[q->N * w->batch.longest + q->lookup[q->N]] - w->scored.lo) * V;
    rome99_log_softmax(z, z, V);
    if (first) memcpy(w->logp_0, z, V * sizeof *z);
    loss[1] = nll / (double)q->N;
    loss[2] = h->kl_factor * rome99_kl(z, w->logp_0, V, h->kl_factor);
    loss[3] = rome99_weight_decay(NULL, pair->delta, pair->m_u, h->v_weight_decay, pair->D);
    loss[0] = loss[1] + loss[2] + loss[3];
}

/* grad (D) = d total / d delta, from the gradients of the logits. */
static void backward(double *grad, work *w, const rome99_gpt2 *model, size_t layer, const rome99_hparams *h,
                     const rome99_pair *pair) {
    rome99_run *run = &w->run;
    size_t D = pair->D, L = model->shape.L, l, r, i;
    rome99_head_backward(run, model, NULL, run->logits, w->scored);
    for (l = L; l-- > layer + 1;)
        rome99_layer_backward(run, model, NULL, l, l == layer + 1 ? w->lookup : w->reached,
                              l + 1 == L ? w->scored : w->reached);
    memset(grad, 0, D * sizeof *grad);
    for (r = w->lookup.lo; r < w->lookup.hi; r++)
        for (i = 0; i < D; i++) grad[i] += run->dx[r * D + i];
    rome99_weight_decay(grad, pair->delta, pair->m_u, h->v_weight_decay, D);
}

size_t rome99_find_pair_scratch(const rome99_shape *shape, const rome99_hparams *hparams,
                                const rome99_request *request) {
    work w;
    return lay_out(&w, shape, hparams, request, NULL);
}

void rome99_find_pair(rome99_pair *pair, const rome99_gpt2 *model, const rome99_hparams *hparams,
                      const rome99_request *request, void *scratch) {
    rome99_adam adam = {hparams->v_lr, 0.9, 0.999, 1e-8, 1.0, 1.0};
    size_t D = model->shape.D, it, i;
    work w;
    lay_out(&w, &model->shape, hparams, request, scratch);
    w.all = (rome99_range){0, w.batch.n};
    w.before = (rome99_range){w.start[BEFORE], w.batch.n};
    w.reached = (rome99_range){0, w.start[BEFORE]};
    w.scored = (rome99_range){w.start[AFTER_SCORED], w.start[LOOKUP]};
    w.lookup = (rome99_range){w.start[LOOKUP_SCORED], w.start[BEFORE]};
    memset(w.m, 0, D * sizeof *w.m);
    memset(w.v, 0, D * sizeof *w.v);
    memset(pair->delta, 0, D * sizeof *pair->delta);
    first_forward(&w, model, hparams->layer);
    take_keys(pair, &w, request, hparams->layer);
    for (it = 0;; it++) {
        forward(&w, model, hparams->layer, pair->delta, it == 0);
        losses(pair->losses + 4 * it, &w, hparams, request, pair, it == 0);
        memcpy(pair->steps + it * D, pair->delta, D * sizeof *pair->delta);
        if (!(pair->losses[4 * it] >= 0.05) || it + 1 == hparams->v_num_grad_steps) break;
        backward(pair->gradients + it * D, &w, model, hparams->layer, hparams, pair);
        rome99_adam_begin(&adam);
        rome99_adam_step(&adam, pair->delta, w.m, w.v, pair->gradients + it * D, D);
        rome99_clamp(pair->delta, pair->m_u, hparams->clamp_norm_factor, D);
    }
    pair->forwards = it + 1;
    for (i = 0; i < D; i++) pair->v_star[i] = pair->m_u[i] + pair->delta[i];
}
