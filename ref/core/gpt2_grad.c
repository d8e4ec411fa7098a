/*
 * gpt2_grad.c: the backward pass, mirroring gpt2.c from its end to its beginning, and Adam.
 *
 * Above each piece stands the forward line that it differentiates. run->dx is carried from layer to layer;
 * gradients of parameters are added to what is there, rows in order, so that a batch may come in pieces.
 */
#include "core/rome99.h"
#include "core/machine.h"

#include <string.h>

/* y = (x - mean) rstd g + b:  adds to dx (n, D) and, where not NULL, to dg and db. gb: (D). */
static void layer_norm_backward(double *dx, double *dg, double *db, const double *dy, const double *x,
                                const double *mean, const double *rstd, rome99_weight g, rome99_range rows,
                                size_t D, double *gb) {
    size_t r, i;
    rome99_widen(gb, g, 0, D);
    for (r = rows.lo; r < rows.hi; r++) {
        const double *xr = x + r * D, *dyr = dy + r * D;
        double *dxr = dx + r * D, m = mean[r], s = rstd[r], sum = 0.0, dot = 0.0;
        for (i = 0; i < D; i++) {
            double dxhat = dyr[i] * gb[i];
            sum += dxhat;
            dot += dxhat * ((xr[i] - m) * s);
        }
        sum /= (double)D;
        dot /= (double)D;
        for (i = 0; i < D; i++) dxr[i] += s * (dyr[i] * gb[i] - sum - (xr[i] - m) * s * dot);
        if (dg)
            for (i = 0; i < D; i++) {
                dg[i] += dyr[i] * ((xr[i] - m) * s);
                db[i] += dyr[i];
            }
    }
}

/* out = in W + b:  din = dout W^T for `rows`, and adds to dW and db where dW is not NULL. */
static void linear_backward(rome99_run *run, double *din, double *dW, double *db, const double *dout,
                            const double *in, rome99_weight W, rome99_range rows, size_t I, size_t O) {
    size_t r, j, n = rows.hi - rows.lo;
    const double *d = dout + rows.lo * O;
    rome99_product(din + rows.lo * I, rome99_rows(d, O), rome99_weight_columns(W, O), n, I, O, run->pack);
    if (!dW) return;
    rome99_gemm(dW, O, 1.0, rome99_columns(in + rows.lo * I, I), rome99_rows(d, O), I, O, n, run->pack);
    for (r = 0; r < n; r++)
        for (j = 0; j < O; j++) db[j] += d[r * O + j];
}

/* y = x/2 (1 + t), t = tanh(a), a = sqrt(2/pi) (x + 0.044715 x^3):  dx = dy y'(x), in place in d, n numbers. */
static void gelu_backward(double *d, const double *x, size_t n) {
    size_t i;
    ROME99_PARALLEL(n > 10000)
    for (i = 0; i < n; i += 256) {
        double t[256];
        size_t j, m = n - i < 256 ? n - i : 256;
        for (j = 0; j < m; j++) {
            double v = x[i + j];
            t[j] = 0.79788456080286535588 * (v + 0.044715 * (v * v * v));
        }
        rome99_tanh_array(t, t, m);
        for (j = 0; j < m; j++) {
            double v = x[i + j], da = 0.79788456080286535588 * (1.0 + 3.0 * 0.044715 * (v * v));
            d[i + j] *= 0.5 * (1.0 + t[j]) + 0.5 * v * (1.0 - t[j] * t[j]) * da;
        }
    }
}

/* ds = softmax backward of one row: s (ds - sum_j s_j ds_j), in place in ds. */
static void softmax_backward(double *ds, const double *s, size_t n) {
    double dot = 0.0;
    size_t j;
    for (j = 0; j < n; j++) dot += s[j] * ds[j];
    for (j = 0; j < n; j++) ds[j] = s[j] * (ds[j] - dot);
}

/* One head of text t, the queries at the `count` positions in run->list:
 * y = P v, P = softmax(q k^T / sqrt(D/H)):  dq, dk, dv into run->dqkv for rows within `qkv`. */
static void head_attention_backward(rome99_run *run, const rome99_activations *act, size_t t, size_t h,
                                    size_t count, rome99_range qkv) {
    const rome99_batch *batch = run->batch;
    size_t D = run->shape.D, head = D / run->shape.H, longest = batch->longest, i, j;
    size_t seen = batch->bidirectional ? batch->length[t] : run->list[count - 1] + 1, first = 0;
    const size_t *row = batch->row + t * longest;
    double scale = rome99_sqrt((double)head), *dy = run->dq; /* dy is read before dq is made */
    rome99_gather(run->q, act->qkv, batch, t, run->list, count, 3 * D, h * head, head);
    rome99_gather(run->ks, act->qkv, batch, t, NULL, seen, 3 * D, D + h * head, head);
    rome99_gather(run->v, act->qkv, batch, t, NULL, seen, 3 * D, 2 * D + h * head, head);
    rome99_gather(dy, run->dy, batch, t, run->list, count, D, h * head, head);
    memset(run->s, 0, count * seen * sizeof *run->s);
    for (i = 0; i < count; i++) {
        size_t p = run->list[i], own = batch->bidirectional ? seen : p + 1;
        memcpy(run->s + i * seen, act->att + (row[p] * run->shape.H + h) * longest, own * sizeof *run->s);
    }
    while (first + 1 < seen && !(row[first] >= qkv.lo && row[first] < qkv.hi))
        first++; /* no dk, dv before it */
    rome99_product(run->dv + first * head, rome99_columns(run->s + first, seen), rome99_rows(dy, head),
                   seen - first, head, count, run->pack);
    rome99_product(run->ds, rome99_rows(dy, head), rome99_columns(run->v, head), count, seen, head,
                   run->pack);
    for (i = 0; i < count; i++) {
        double *ds = run->ds + i * seen;
        softmax_backward(ds, run->s + i * seen, seen);
        for (j = 0; j < seen; j++) ds[j] /= scale;
    }
    rome99_product(run->dq, rome99_rows(run->ds, seen), rome99_rows(run->ks, head), count, head, seen,
                   run->pack);
    rome99_product(run->dk + first * head, rome99_columns(run->ds + first, seen), rome99_rows(run->q, head),
                   seen - first, head, count, run->pack);
    for (i = 0; i < count; i++)
        if (row[run->list[i]] >= qkv.lo && row[run->list[i]] < qkv.hi)
            memcpy(run->dqkv + row[run->list[i]] * 3 * D + h * head, run->dq + i * head,
                   head * sizeof(double));
    for (j = first; j < seen; j++)
        if (row[j] >= qkv.lo && row[j] < qkv.hi) {
            double *to = run->dqkv + row[j] * 3 * D + h * head;
            memcpy(to + D, run->dk + j * head, head * sizeof *to);
            memcpy(to + 2 * D, run->dv + j * head, head * sizeof *to);
        }
}

static void attention_backward(rome99_run *run, const rome99_activations *act, rome99_range qkv,
                               rome99_range rows) {
    size_t t, h, count, D = run->shape.D;
    memset(run->dqkv + qkv.lo * 3 * D, 0, (qkv.hi - qkv.lo) * 3 * D * sizeof *run->dqkv);
    for (t = 0; t < run->batch->S; t++)
        if ((count = rome99_positions(run->list, run->batch, t, rows)) != 0)
            for (h = 0; h < run->shape.H; h++) head_attention_backward(run, act, t, h, count, qkv);
}

static double *of(rome99_gradients grad, size_t index) { return grad ? grad[index] : NULL; }

void rome99_layer_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad, size_t l,
                           rome99_range qkv, rome99_range rows) {
    const rome99_activations *act = &run->layer[l];
    size_t base = ROME99_LAYER(l, 0), D = run->shape.D, F = run->shape.F;
    const rome99_weight *w = model->w + base;
    /* x_next = x_mid + m,  m = k W + b */
    linear_backward(run, run->dfc, of(grad, base + ROME99_PROJ_W), of(grad, base + ROME99_PROJ_B), run->dx,
                    act->k, w[ROME99_PROJ_W], rows, F, D);
    /* k = gelu_new(fc),  fc = ln_2 W_fc + b */
    gelu_backward(run->dfc + rows.lo * F, act->fc + rows.lo * F, (rows.hi - rows.lo) * F);
    linear_backward(run, run->dln, of(grad, base + ROME99_FC_W), of(grad, base + ROME99_FC_B), run->dfc,
                    act->ln_2, w[ROME99_FC_W], rows, D, F);
    /* ln_2 = layer_norm(x_mid) */
    layer_norm_backward(run->dx, of(grad, base + ROME99_LN_2_G), of(grad, base + ROME99_LN_2_B), run->dln,
                        act->x_mid, act->mean_2, act->rstd_2, w[ROME99_LN_2_G], rows, D, run->row);
    /* x_mid = x + (y W_proj + b) */
    linear_backward(run, run->dy, of(grad, base + ROME99_ATTN_PROJ_W), of(grad, base + ROME99_ATTN_PROJ_B),
                    run->dx, act->y, w[ROME99_ATTN_PROJ_W], rows, D, D);
    /* y = attention(q, k, v) */
    attention_backward(run, act, qkv, rows);
    /* q, k, v = ln_1 W_attn + b,  ln_1 = layer_norm(x) */
    linear_backward(run, run->dln, of(grad, base + ROME99_ATTN_W), of(grad, base + ROME99_ATTN_B), run->dqkv,
                    act->ln_1, w[ROME99_ATTN_W], qkv, D, 3 * D);
    layer_norm_backward(run->dx, of(grad, base + ROME99_LN_1_G), of(grad, base + ROME99_LN_1_B), run->dln,
                        act->x, act->mean_1, act->rstd_1, w[ROME99_LN_1_G], qkv, D, run->row);
}

void rome99_head_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad,
                          const double *dlogits, rome99_range rows) {
    size_t D = run->shape.D, V = run->shape.V, n = rows.hi - rows.lo;
    /* logits = ln_f wte^T */
    rome99_product(run->dln + rows.lo * D, rome99_rows(dlogits, V),
                   rome99_weight_rows(model->w[ROME99_WTE], D), n, D, V, run->pack);
    if (grad)
        rome99_gemm(grad[ROME99_WTE], D, 1.0, rome99_columns(dlogits, V),
                    rome99_rows(run->ln_f + rows.lo * D, D), V, D, n, run->pack);
    /* ln_f = layer_norm(x) */
    memset(run->dx, 0, run->plan.kept * D * sizeof *run->dx);
    layer_norm_backward(run->dx, of(grad, ROME99_LN_F_G), of(grad, ROME99_LN_F_B), run->dln, run->x,
                        run->mean_f, run->rstd_f, model->w[ROME99_LN_F_G], rows, D, run->row);
}

void rome99_embed_backward(rome99_run *run, rome99_gradients grad, rome99_range rows) {
    size_t r, i, D = run->shape.D;
    /* x = wte[id] + wpe[position] */
    for (r = rows.lo; r < rows.hi; r++) {
        double *wte = grad[ROME99_WTE] + (size_t)run->batch->id[r] * D;
        double *wpe = grad[ROME99_WPE] + run->batch->position[r] * D;
        for (i = 0; i < D; i++) {
            wte[i] += run->dx[r * D + i];
            wpe[i] += run->dx[r * D + i];
        }
    }
}

void rome99_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad, const double *dlogits,
                     rome99_range rows) {
    rome99_range all = {0, run->batch->n};
    size_t l;
    rome99_head_backward(run, model, grad, dlogits, rows);
    for (l = run->shape.L; l-- > 0;) rome99_layer_backward(run, model, grad, l, all, all);
    rome99_embed_backward(run, grad, all);
}

/* ------------------------------------------------------------------------ Adam */

void rome99_adam_begin(rome99_adam *adam) {
    adam->beta1_t *= adam->beta1;
    adam->beta2_t *= adam->beta2;
}

void rome99_adam_step(const rome99_adam *adam, double *p, double *m, double *v, const double *g, size_t n) {
    double b1 = adam->beta1, b2 = adam->beta2;
    double size = adam->lr / (1.0 - adam->beta1_t), root = rome99_sqrt(1.0 - adam->beta2_t);
    size_t i;
    for (i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1.0 - b1) * g[i];
        v[i] = b2 * v[i] + (1.0 - b2) * (g[i] * g[i]);
        p[i] -= size * m[i] / (rome99_sqrt(v[i]) / root + adam->eps);
    }
}
