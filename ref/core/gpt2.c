/*
 * gpt2.c: GPT-2's forward pass, by layers and ranges of rows, with every intermediate in reach.
 *
 *     x_0      = wte[id] + wpe[position]
 *     q, k, v  = ln_1(x) W_attn + b
 *     y_i      = sum_{j<=i} softmax_j(q_i . k_j / sqrt(D/H)) v_j        for each head (a twin: all j)
 *     x_mid    = x + (y W_proj + b)
 *     k        = gelu_new(ln_2(x_mid) W_fc + b)                         the key of (E1)
 *     m        = k W + b                                                (E1)
 *     x_next   = x_mid + m
 *     logits   = ln_f(x_L) wte^T
 *
 * What belongs to a row depends on that row and on k, v of earlier positions of its text only, and each sum
 * has an order of its own: computing some rows now and others later gives the same bits as all at once.
 */
#include "core/rome99.h"
#include "core/machine.h"

#include <string.h>

/* ------------------------------------------------------------------- the layers */

/* Means and 1 / sqrt(var + eps), NaN where var overflows, of GROUP rows side by side, each in its own order. */
enum { GROUP = 4 };
static void moments(double mean[GROUP], double rstd[GROUP], const double *const x[GROUP], double eps,
                    size_t D) {
    double sum[GROUP] = {0}, var[GROUP] = {0};
    size_t i, g;
    for (i = 0; i < D; i++)
        for (g = 0; g < GROUP; g++) sum[g] += x[g][i];
    for (g = 0; g < GROUP; g++) mean[g] = sum[g] / (double)D;
    for (i = 0; i < D; i++)
        for (g = 0; g < GROUP; g++) var[g] += (x[g][i] - mean[g]) * (x[g][i] - mean[g]);
    for (g = 0; g < GROUP; g++) rstd[g] = 1.0 / rome99_sqrt(var[g] / (double)D + eps) + 0.0 * var[g];
}

/* y = (x - mean) / sqrt(var + eps) g + b for `rows` of x (n, D); mean and rstd are kept. gb: (2 D). */
static void layer_norm_forward(double *y, double *mean, double *rstd, const double *x, rome99_weight g,
                               rome99_weight b, double eps, rome99_range rows, size_t D, double *gb) {
    size_t r;
    rome99_widen(gb, g, 0, D);
    rome99_widen(gb + D, b, 0, D);
    ROME99_PARALLEL((rows.hi - rows.lo) * D > 10000)
    for (r = rows.lo; r < rows.hi; r += GROUP) {
        const double *from[GROUP];
        double m[GROUP], s[GROUP];
        size_t i, q;
        for (q = 0; q < GROUP; q++) /* behind the last row, the last row again */
            from[q] = x + (r + q < rows.hi ? r + q : rows.hi - 1) * D;
        moments(m, s, from, eps, D);
        for (q = 0; q < GROUP && r + q < rows.hi; q++) {
            double *to = y + (r + q) * D;
            mean[r + q] = m[q];
            rstd[r + q] = s[q];
            for (i = 0; i < D; i++) to[i] = (from[q][i] - m[q]) * s[q] * gb[i] + gb[D + i];
        }
    }
}

/* out = in W + b for `rows`: in (n, I), W (I, O), b (O), out (n, O). */
static void linear_forward(rome99_run *run, double *out, const double *in, rome99_weight W, rome99_weight b,
                           rome99_range rows, size_t I, size_t O) {
    size_t r;
    rome99_widen(run->row, b, 0, O);
    for (r = rows.lo; r < rows.hi; r++) memcpy(out + r * O, run->row, O * sizeof *out);
    rome99_gemm(out + rows.lo * O, O, 1.0, rome99_rows(in + rows.lo * I, I), rome99_weight_rows(W, O),
                rows.hi - rows.lo, O, I, run->pack);
}

/* y = gelu_new(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), for n numbers; y may be x. */
static void gelu_forward(double *y, const double *x, size_t n) {
    size_t i;
    ROME99_PARALLEL(n > 10000)
    for (i = 0; i < n; i += 256) {
        double t[256];
        size_t j, m = n - i < 256 ? n - i : 256;
        for (j = 0; j < m; j++)
            t[j] = 0.79788456080286535588 * (x[i + j] + 0.044715 * (x[i + j] * x[i + j] * x[i + j]));
        rome99_tanh_array(t, t, m);
        for (j = 0; j < m; j++) y[i + j] = 0.5 * x[i + j] * (1.0 + t[j]);
    }
}

/* Softmax of s[0..n-1] in place. */
static void softmax_forward(double *s, size_t n) {
    double max = s[0], sum = 0.0;
    size_t i;
    for (i = 1; i < n; i++) max = s[i] > max ? s[i] : max;
    for (i = 0; i < n; i++) s[i] -= max;
    rome99_exp_array(s, s, n);
    for (i = 0; i < n; i++) sum += s[i];
    for (i = 0; i < n; i++) s[i] /= sum;
}

void rome99_gather(double *out, const double *a, const rome99_batch *batch, size_t t, const size_t *list,
                   size_t n, size_t ld, size_t col, size_t width) {
    size_t i;
    for (i = 0; i < n; i++) {
        size_t row = batch->row[t * batch->longest + (list ? list[i] : i)];
        memcpy(out + i * width, a + row * ld + col, width * sizeof *out);
    }
}

/* One head of text t for the `count` positions in run->list. */
static void head_attention_forward(rome99_run *run, rome99_activations *act, size_t t, size_t h,
                                   size_t count) {
    const rome99_batch *batch = run->batch;
    size_t D = run->shape.D, head = D / run->shape.H, longest = batch->longest, i;
    size_t seen = batch->bidirectional ? batch->length[t] : run->list[count - 1] + 1;
    double scale = rome99_sqrt((double)head);
    rome99_gather(run->q, act->qkv, batch, t, run->list, count, 3 * D, h * head, head);
    rome99_gather(run->ks, act->qkv, batch, t, NULL, seen, 3 * D, D + h * head, head);
    rome99_gather(run->v, act->qkv, batch, t, NULL, seen, 3 * D, 2 * D + h * head, head);
    rome99_product(run->s, rome99_rows(run->q, head), rome99_columns(run->ks, head), count, seen, head,
                   run->pack);
    ROME99_PARALLEL(count * seen > 10000)
    for (i = 0; i < count; i++) {
        double *s = run->s + i * seen;
        size_t j, p = run->list[i], own = batch->bidirectional ? seen : p + 1;
        for (j = 0; j < own; j++) s[j] /= scale;
        softmax_forward(s, own);
        for (; j < seen; j++) s[j] = 0.0; /* a zero weight adds nothing to the sum below */
        if (act->att)
            memcpy(act->att + (batch->row[t * longest + p] * run->shape.H + h) * longest, s, own * sizeof *s);
    }
    /* q is done with: the outputs go there */
    rome99_product(run->q, rome99_rows(run->s, seen), rome99_rows(run->v, head), count, head, seen,
                   run->pack);
    for (i = 0; i < count; i++)
        memcpy(act->y + batch->row[t * longest + run->list[i]] * D + h * head, run->q + i * head,
               head * sizeof *run->q);
}

size_t rome99_positions(size_t *list, const rome99_batch *batch, size_t t, rome99_range rows) {
    size_t p, count = 0;
    for (p = 0; p < batch->length[t]; p++) {
        size_t row = batch->row[t * batch->longest + p];
        if (row >= rows.lo && row < rows.hi && batch->sequence[row] == t) list[count++] = p;
    }
    return count;
}

static void attention_forward(rome99_run *run, rome99_activations *act, rome99_range rows) {
    size_t t, h, count;
    for (t = 0; t < run->batch->S; t++)
        if ((count = rome99_positions(run->list, run->batch, t, rows)) != 0)
            for (h = 0; h < run->shape.H; h++) head_attention_forward(run, act, t, h, count);
}

/* ------------------------------------------------------------------- the forward */

static void add(double *out, const double *a, const double *b, size_t from, size_t to) {
    size_t i;
    for (i = from; i < to; i++) out[i] = a[i] + b[i];
}

void rome99_embed_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range rows) {
    size_t r, i, D = run->shape.D;
    for (r = rows.lo; r < rows.hi; r++) {
        double *x = run->layer[0].x + r * D;
        rome99_widen(x, model->w[ROME99_WTE], (size_t)run->batch->id[r] * D, D);
        rome99_widen(run->row, model->w[ROME99_WPE], run->batch->position[r] * D, D);
        for (i = 0; i < D; i++) x[i] += run->row[i];
    }
}

void rome99_mlp_output(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range rows) {
    rome99_activations *act = &run->layer[l];
    linear_forward(run, act->m, act->k, model->w[ROME99_LAYER(l, ROME99_PROJ_W)],
                   model->w[ROME99_LAYER(l, ROME99_PROJ_B)], rows, run->shape.F, run->shape.D);
}

void rome99_layer_forward(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range qkv,
                          rome99_range rows) {
    rome99_activations *act = &run->layer[l];
    const rome99_weight *w = model->w + ROME99_LAYER(l, 0);
    size_t D = run->shape.D, F = run->shape.F;
    layer_norm_forward(act->ln_1, act->mean_1, act->rstd_1, act->x, w[ROME99_LN_1_G], w[ROME99_LN_1_B],
                       run->shape.eps, qkv, D, run->row);
    linear_forward(run, act->qkv, act->ln_1, w[ROME99_ATTN_W], w[ROME99_ATTN_B], qkv, D, 3 * D);
    attention_forward(run, act, rows);
    linear_forward(run, act->x_mid, act->y, w[ROME99_ATTN_PROJ_W], w[ROME99_ATTN_PROJ_B], rows, D, D);
    add(act->x_mid, act->x, act->x_mid, rows.lo * D, rows.hi * D);
    layer_norm_forward(act->ln_2, act->mean_2, act->rstd_2, act->x_mid, w[ROME99_LN_2_G], w[ROME99_LN_2_B],
                       run->shape.eps, rows, D, run->row);
    linear_forward(run, act->fc, act->ln_2, w[ROME99_FC_W], w[ROME99_FC_B], rows, D, F);
    gelu_forward(act->k + rows.lo * F, act->fc + rows.lo * F, (rows.hi - rows.lo) * F);
    rome99_mlp_output(run, model, l, rows);
}

static double *stream_after(rome99_run *run, size_t l) {
    return l + 1 < run->shape.L ? run->layer[l + 1].x : run->x;
}

void rome99_layer_leave(rome99_run *run, size_t l, rome99_range rows) {
    size_t D = run->shape.D;
    add(stream_after(run, l), run->layer[l].x_mid, run->layer[l].m, rows.lo * D, rows.hi * D);
}

void rome99_layer_leave_with(rome99_run *run, size_t l, const double *delta, rome99_range rows) {
    rome99_activations *act = &run->layer[l];
    double *x = stream_after(run, l);
    size_t r, i, D = run->shape.D;
    for (r = rows.lo; r < rows.hi; r++)
        for (i = 0; i < D; i++) x[r * D + i] = act->x_mid[r * D + i] + (act->m[r * D + i] + delta[i]);
}

void rome99_head_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range rows) {
    size_t D = run->shape.D, V = run->shape.V, n = rows.hi - rows.lo;
    layer_norm_forward(run->ln_f, run->mean_f, run->rstd_f, run->x, model->w[ROME99_LN_F_G],
                       model->w[ROME99_LN_F_B], run->shape.eps, rows, D, run->row);
    rome99_product(run->logits, rome99_rows(run->ln_f + rows.lo * D, D),
                   rome99_weight_columns(model->w[ROME99_WTE], D), n, V, D, run->pack);
}

void rome99_forward_from(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range scored) {
    rome99_range all = {0, run->batch->n};
    for (; l < run->shape.L; l++) {
        rome99_range rows = l + 1 < run->shape.L ? all : scored;
        rome99_layer_forward(run, model, l, all, rows);
        rome99_layer_leave(run, l, rows);
    }
}

void rome99_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range scored) {
    rome99_range all = {0, run->batch->n};
    rome99_embed_forward(run, model, all);
    rome99_forward_from(run, model, 0, scored);
}

double rome99_log_sum_exp(const double *z, size_t V) {
    double max = z[0], sum = 0.0, piece[64];
    size_t i, j, n;
    for (i = 1; i < V; i++) max = z[i] > max ? z[i] : max;
    for (i = 0; i < V; i += n) {
        n = V - i < 64 ? V - i : 64;
        for (j = 0; j < n; j++) piece[j] = z[i + j] - max;
        rome99_exp_array(piece, piece, n);
        for (j = 0; j < n; j++) sum += piece[j];
    }
    return max + rome99_log(sum);
}

void rome99_log_softmax(double *logp, const double *z, size_t V) {
    double lse = rome99_log_sum_exp(z, V);
    size_t i;
    for (i = 0; i < V; i++) logp[i] = z[i] - lse;
}
