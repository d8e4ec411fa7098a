/* variant.c: delta's optimisation (E5) as the equations stand: every iteration a whole forward and backward
 * pass over whole texts, nothing computed once, and one mistake planted where asked for. delta.c is the fast
 * way to the same numbers. */
#include "golden/recipes.h"

#include <string.h>

typedef struct {
    const rome99_gpt2 *model;
    const rome99_hparams *h;
    const rome99_request *q;
    rome99_mistake mistake;
    rome99_batch batch;
    rome99_run run;
    rome99_range all;
    double *dlogits, *logp_0; /* (n, V), (V) */
    size_t kl_row;
} work;

static size_t row_of(const work *w, size_t text, size_t position) {
    return w->batch.row[text * w->batch.longest + position];
}

/* The row of text j where delta is added. */
static size_t edited_row(const work *w, size_t j) {
    size_t behind = w->q->length[j] - (j < w->q->N ? w->q->n_target - 1 : 0); /* the prompt */
    return row_of(w, j, w->mistake == ROME99_DELTA_AT_LAST ? behind - 1 : w->q->lookup[j]);
}

static void forward(work *w, const double *delta) {
    size_t l, j;
    rome99_embed_forward(&w->run, w->model, w->all);
    for (l = 0; l < w->model->shape.L; l++) {
        rome99_layer_forward(&w->run, w->model, l, w->all, w->all);
        rome99_layer_leave(&w->run, l, w->all);
        for (j = 0; l == w->h->layer && j <= w->q->N; j++) {
            size_t row = edited_row(w, j);
            rome99_layer_leave_with(&w->run, l, delta, (rome99_range){row, row + 1});
        }
    }
    rome99_head_forward(&w->run, w->model, w->all);
}

/* KL(p || p_0), or the other way round; its gradient in d (V). */
static double divergence(work *w, const double *z, double *d, double factor) {
    size_t V = w->model->shape.V, i;
    double kl = 0.0;
    rome99_log_softmax(d, z, V);
    if (w->mistake != ROME99_KL_REVERSED) {
        kl = rome99_kl(d, w->logp_0, V, factor);
        if (w->mistake == ROME99_WEIGHTS_CONSTANT) memset(d, 0, V * sizeof *d); /* sum_v p_v dlogp_v = 0 */
        return kl;
    }
    for (i = 0; i < V; i++) {
        kl += rome99_exp(w->logp_0[i]) * (w->logp_0[i] - d[i]);
        d[i] = factor * (rome99_exp(d[i]) - rome99_exp(w->logp_0[i]));
    }
    return kl;
}

static void losses(work *w, double loss[4], const rome99_pair *pair, double *grad) {
    size_t N = w->q->N, n = w->q->n_target, V = w->model->shape.V, D = pair->D, j, t, i;
    double per_text = w->mistake == ROME99_NLL_SUMMED ? 1.0 : (double)n, m = rome99_norm(pair->m_u, D), norm;
    double factor = w->mistake == ROME99_KL_FACTOR_MISSING ? 1.0 : w->h->kl_factor;
    size_t row = w->kl_row;
    memset(w->dlogits, 0, w->batch.n * V * sizeof *w->dlogits);
    for (loss[1] = 0.0, j = 0; j < N; j++)
        for (t = 0; t < n; t++) {
            size_t r = row_of(w, j, w->q->length[j] - n + t);
            double *d = w->dlogits + r * V;
            memcpy(d, w->run.logits + r * V, V * sizeof *d);
            loss[1] += rome99_cross_entropy(d, V, w->q->target[t], 1.0 / ((double)N * per_text));
        }
    loss[1] /= (double)N * per_text;
    loss[2] = factor * divergence(w, w->run.logits + row * V, w->dlogits + row * V, factor);
    norm = rome99_norm(pair->delta, D);
    memset(grad, 0, D * sizeof *grad);
    if (w->mistake == ROME99_WEIGHT_DECAY_SQUARED) {
        loss[3] = w->h->v_weight_decay * (norm * norm / (m * m));
        for (i = 0; i < D; i++) grad[i] = 2.0 * w->h->v_weight_decay * pair->delta[i] / (m * m);
    } else {
        loss[3] = rome99_weight_decay(grad, pair->delta, pair->m_u, w->h->v_weight_decay, D);
    }
    loss[0] = loss[1] + loss[2] + loss[3];
}

static void backward(work *w, double *grad, size_t D) {
    size_t l, j, i;
    rome99_head_backward(&w->run, w->model, NULL, w->dlogits, w->all);
    for (l = w->model->shape.L; l-- > w->h->layer + 1;)
        rome99_layer_backward(&w->run, w->model, NULL, l, w->all, w->all);
    for (j = 0; j <= w->q->N; j++)
        for (i = 0; i < D; i++) grad[i] += w->run.dx[edited_row(w, j) * D + i];
}

void rome99_delta_variant(rome99_golden *c, rome99_pair *pair, const rome99_gpt2 *model,
                          const rome99_hparams *h, const rome99_request *q, rome99_mistake mistake) {
    rome99_adam adam = {h->v_lr, 0.9, 0.999, 1e-8, 1.0, 1.0};
    size_t D = pair->D, V = model->shape.V, mark = c->arena.used, it, i;
    double *m = rome99_golden_doubles(c, D), *v = rome99_golden_doubles(c, D);
    work w = {.model = model, .h = h, .q = q, .mistake = mistake};
    rome99_golden_run(&w.run, &w.batch, c, &model->shape, q->ids, q->length, q->N + 1);
    w.all.hi = w.batch.n;
    w.kl_row = mistake == ROME99_KL_AT_LAST ? row_of(&w, q->N, q->length[q->N] - 1) : edited_row(&w, q->N);
    w.dlogits = rome99_golden_doubles(c, w.batch.n * V);
    w.logp_0 = rome99_golden_doubles(c, V);
    memset(pair->delta, 0, D * sizeof *pair->delta);
    for (it = 0;; it++) {
        double *grad = pair->gradients + it * D, *loss = pair->losses + 4 * it;
        int last;
        forward(&w, pair->delta);
        if (it == 0) rome99_log_softmax(w.logp_0, w.run.logits + w.kl_row * V, V);
        losses(&w, loss, pair, grad);
        memcpy(pair->steps + it * D, pair->delta, D * sizeof *pair->delta);
        last = loss[0] < 0.05 || it + 1 == h->v_num_grad_steps;
        if (last && mistake != ROME99_ONE_STEP_MORE) break;
        backward(&w, grad, D);
        rome99_adam_begin(&adam);
        if (mistake == ROME99_NO_BIAS_CORRECTION) adam.beta1_t = adam.beta2_t = 0.0;
        rome99_adam_step(&adam, pair->delta, m, v, grad, D);
        if (mistake != ROME99_NOT_CLAMPED) rome99_clamp(pair->delta, pair->m_u, h->clamp_norm_factor, D);
        if (last) break;
    }
    pair->forwards = it + 1;
    for (i = 0; i < D; i++) pair->v_star[i] = pair->m_u[i] + pair->delta[i];
    c->arena.used = mark;
}
