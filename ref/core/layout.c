/* layout.c: GPT-2's tensors, and where everything lies in the caller's memory. */
#include "core/rome99.h"
#include "core/arena.h"

#include <string.h>

size_t rome99_tensor_count(const rome99_shape *shape) { return ROME99_GLOBALS + shape->L * ROME99_PER_LAYER; }

rome99_tensor_info rome99_describe(const rome99_shape *shape, size_t index) {
    enum { ONE, V, T, D, F, D3 };
    static const struct {
        const char *name;
        unsigned char rows, cols;
    } table[] = {{"wte.weight", V, D},          {"wpe.weight", T, D},          {"ln_f.weight", ONE, D},
                 {"ln_f.bias", ONE, D},         {"ln_1.weight", ONE, D},       {"ln_1.bias", ONE, D},
                 {"attn.c_attn.weight", D, D3}, {"attn.c_attn.bias", ONE, D3}, {"attn.c_proj.weight", D, D},
                 {"attn.c_proj.bias", ONE, D},  {"ln_2.weight", ONE, D},       {"ln_2.bias", ONE, D},
                 {"mlp.c_fc.weight", D, F},     {"mlp.c_fc.bias", ONE, F},     {"mlp.c_proj.weight", F, D},
                 {"mlp.c_proj.bias", ONE, D}};
    size_t size[] = {1, shape->V, shape->T, shape->D, shape->F, 3 * shape->D};
    size_t at = index < ROME99_GLOBALS ? index : ROME99_GLOBALS + (index - ROME99_GLOBALS) % ROME99_PER_LAYER;
    return (rome99_tensor_info){table[at].name, size[table[at].rows], size[table[at].cols],
                                table[at].rows == ONE};
}

/* ---------------------------------------------------------------------- layout */

static size_t times(size_t a, size_t b) { return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

void *rome99_take(rome99_arena *a, size_t count, size_t size) {
    size_t bytes = times(count, size), start = a->used;
    if (start == SIZE_MAX || bytes > SIZE_MAX - 7 - start) {
        a->used = SIZE_MAX;
        return NULL;
    }
    a->used = start + (bytes + 7) / 8 * 8;
    return a->base ? a->base + start : NULL;
}

double *rome99_take_doubles(rome99_arena *a, size_t rows, size_t cols) {
    return rome99_take(a, times(rows, cols), sizeof(double));
}

size_t rome99_batch_layout(rome99_batch *batch, const int32_t *ids, const size_t *length, size_t S,
                           const unsigned char *group, size_t *group_start, const size_t *owner,
                           void *memory) {
    rome99_arena a = {memory, 0};
    size_t next[257] = {0}, tokens = 0, s, p, t, g;
    size_t *row_of; /* (tokens) */
    rome99_batch b = {.S = S};
    for (s = 0; s < S; s++) {
        tokens += length[s];
        if (length[s] > b.longest) b.longest = length[s];
    }
    for (t = 0; t < tokens; t++) b.n += !owner || owner[t] == t;
    b.id = rome99_take(&a, b.n, sizeof *b.id);
    b.sequence = rome99_take(&a, b.n, sizeof *b.sequence);
    b.position = rome99_take(&a, b.n, sizeof *b.position);
    b.length = rome99_take(&a, S, sizeof *b.length);
    b.row = rome99_take(&a, times(S, b.longest), sizeof *b.row);
    row_of = rome99_take(&a, tokens, sizeof *row_of);
    *batch = b;
    if (!memory) return a.used;
    for (t = 0; t < tokens; t++)
        if (!owner || owner[t] == t) next[(group ? group[t] : 0) + 1]++;
    for (g = 1; g <= 256; g++) next[g] += next[g - 1];
    if (group_start) memcpy(group_start, next, sizeof next);
    for (s = 0, t = 0; s < S; s++) {
        b.length[s] = length[s];
        for (p = 0; p < length[s]; p++, t++) {
            if (!owner || owner[t] == t) {
                size_t row = row_of[t] = next[group ? group[t] : 0]++;
                b.id[row] = ids[t];
                b.sequence[row] = s;
                b.position[row] = p;
            } else {
                row_of[t] = row_of[owner[t]];
            }
            b.row[s * b.longest + p] = row_of[t];
        }
    }
    return a.used;
}

/* What a backward pass to the activations needs, with room for n rows, and for `rows` of q, k, v. */
static void take_layer(rome99_activations *to, rome99_arena *a, const rome99_shape *s, size_t n, size_t rows,
                       size_t att_cols) {
    to->x = rome99_take_doubles(a, n, s->D);
    to->mean_1 = rome99_take_doubles(a, n, 1);
    to->rstd_1 = rome99_take_doubles(a, n, 1);
    to->qkv = rome99_take_doubles(a, rows, times(3, s->D));
    to->att = att_cols ? rome99_take_doubles(a, n, att_cols) : NULL;
    to->x_mid = rome99_take_doubles(a, n, s->D);
    to->mean_2 = rome99_take_doubles(a, n, 1);
    to->rstd_2 = rome99_take_doubles(a, n, 1);
    to->fc = rome99_take_doubles(a, n, s->F);
}

/* The rest: apart, or where what is done with lies (of all layers that are not kept). */
static void take_rest(rome99_activations *to, rome99_arena *a, const rome99_shape *s, size_t n, int apart) {
    to->ln_1 = rome99_take_doubles(a, n, s->D);
    to->y = rome99_take_doubles(a, n, s->D);
    to->ln_2 = apart ? rome99_take_doubles(a, n, s->D) : to->ln_1;
    to->k = apart ? rome99_take_doubles(a, n, s->F) : to->fc;
    to->m = apart ? rome99_take_doubles(a, n, s->D) : to->y;
}

/* Gradients of activations lie where nothing is kept if no layer's parameters need that (backward 2). */
static void take_scratch(rome99_run *r, rome99_arena *a) {
    const rome99_shape *s = &r->shape;
    size_t i, n = r->plan.kept, longest = r->batch->longest, head = s->D / s->H, back = r->plan.backward != 0;
    size_t own = r->plan.backward == 1 ? n : 0;
    double **one_head[] = {&r->q, &r->ks, &r->v, &r->dq, &r->dk, &r->dv};
    r->dx = rome99_take_doubles(a, times(n, back), s->D);
    r->dln = own ? rome99_take_doubles(a, own, s->D) : r->shared.ln_1;
    r->dqkv = own ? rome99_take_doubles(a, own, times(3, s->D)) : r->shared.qkv;
    r->dy = own ? rome99_take_doubles(a, own, s->D) : r->shared.y;
    r->dfc = own ? rome99_take_doubles(a, own, s->F) : r->shared.fc;
    for (i = 0; i < 6; i++) *one_head[i] = rome99_take_doubles(a, longest, head);
    r->s = rome99_take_doubles(a, longest, longest);
    r->ds = rome99_take_doubles(a, longest, times(longest, back));
    r->list = rome99_take(a, longest, sizeof *r->list);
    r->row = rome99_take_doubles(a, 1, times(3, s->D) > s->F ? times(3, s->D) : s->F);
    r->pack = rome99_take_doubles(a, 1, ROME99_PACK);
}

size_t rome99_run_layout(rome99_run *run, const rome99_shape *shape, const rome99_batch *batch,
                         rome99_plan plan, void *memory) {
    rome99_arena a = {memory, 0};
    rome99_activations own;
    rome99_run r = {.shape = *shape, .batch = batch, .plan = plan};
    size_t l, n = batch->n;
    r.layer = rome99_take(&a, shape->L, sizeof *r.layer);
    if (plan.kept == 0) r.plan.kept = n;
    take_layer(&r.shared, &a, shape, n, n, 0);
    take_rest(&r.shared, &a, shape, n, 0);
    for (l = 0; l < shape->L; l++) {
        own = r.shared;
        if (plan.keep_qkv) own.qkv = rome99_take_doubles(&a, n, times(3, shape->D));
        if (l >= plan.keep.lo && l < plan.keep.hi && !plan.backward) {
            own.x_mid = rome99_take_doubles(&a, r.plan.kept, shape->D);
            own.k = rome99_take_doubles(&a, r.plan.kept, shape->F);
            own.m = rome99_take_doubles(&a, r.plan.kept, shape->D);
        } else if (l >= plan.keep.lo && l < plan.keep.hi) {
            take_layer(&own, &a, shape, r.plan.kept, n, times(shape->H, batch->longest));
            if (plan.backward == 1) take_rest(&own, &a, shape, r.plan.kept, 1);
        }
        if (memory) r.layer[l] = own;
    }
    r.x = rome99_take_doubles(&a, r.plan.kept, shape->D);
    r.ln_f = rome99_take_doubles(&a, r.plan.kept, shape->D);
    r.mean_f = rome99_take_doubles(&a, r.plan.kept, 1);
    r.rstd_f = rome99_take_doubles(&a, r.plan.kept, 1);
    r.logits = rome99_take_doubles(&a, plan.logit_rows, shape->V);
    take_scratch(&r, &a);
    if (memory) *run = r;
    return a.used;
}
