/* edits.c: whole edits of the formula model, with every intermediate and what known mistakes give. */
#include "golden/recipes.h"

#include <string.h>

enum { N = 5, LONGEST = 16, END = -1 };

static const char templates_json[] =
    "[\"{}\", \"we go.\\n{}\", \"it is so.\\n{}\", \"the end.\\n{}\", \"we is red.\\n{}\"]";
static const int32_t templates[N][6] = {{END},
                                        {266, 269, 13, 198, END},
                                        {260, 257, 271, 13, 198, END},
                                        {280, 284, 13, 198, END},
                                        {266, 257, 274, 13, 198, END}};

/* A request, as text and as tokens: what is before the subject, the subject, what follows; the subject at the
 * start of a text; the target. */
typedef struct {
    const char *prompt, *subject, *target_new;
    int32_t before[5], inside[4], after[4], alone[4], target[4];
} ask;
static const ask asks[] = {
    {"{} is in", "Bo", "red", {END}, {262, END}, {257, 259, END}, {262, END}, {274, END}},
    {"so it is {} in the",
     "Bo Ek",
     "sea end",
     {270, 261, 257, END},
     {263, 265, END},
     {259, 281, END},
     {262, 265, END},
     {277, 284, END}},
    {"it is {}", "Ek", "sea", {260, 257, END}, {265, END}, {END}, {264, END}, {277, END}},
    {"it is {}", "Ek", "Bo", {260, 257, END}, {265, END}, {END}, {264, END}, {263, END}},
};
enum { FIRST, MIDDLE, LAST, LIKELY };
static const int32_t is_a[] = {257, 278, END};

/* Every edit: which request, how. */
enum { ALL_MISTAKES = 1, IDENTITY = 2, FACT_LAST = 4, DELTA_ZERO = 8 };
static const struct {
    const char *name, *about;
    int ask;
    rome99_method method;
    rome99_hparams h; /* layer, v_num_grad_steps, v_lr, v_weight_decay, clamp_norm_factor, kl_factor */
    int flags;
} edits[] = {
    {"edits/first_rome",
     "a one-token subject opens the prompt; rome",
     FIRST,
     ROME99_ROME,
     {0, 8, 0.1, 0.5, 4, 0.0625},
     ALL_MISTAKES},
    {"edits/first_c-rome", "the same by c-rome", FIRST, ROME99_C_ROME, {0, 8, 0.1, 0.5, 4, 0.0625}, 0},
    {"edits/first_p-rome", "the same by p-rome", FIRST, ROME99_P_ROME, {0, 8, 0.1, 0.5, 4, 0.0625}, 0},
    {"edits/first_k-rome", "the same by k-rome", FIRST, ROME99_K_ROME, {0, 8, 0.1, 0.5, 4, 0.0625}, 0},
    {"edits/middle_c-rome",
     "two-token subject in mid-prompt, two-token target",
     MIDDLE,
     ROME99_C_ROME,
     {0, 6, 0.2, 0.5, 4, 0.0625},
     ALL_MISTAKES},
    {"edits/last_rome",
     "the prompt ends with the subject",
     LAST,
     ROME99_ROME,
     {1, 5, 0.1, 0.3, 4, 0.0625},
     0},
    {"edits/fact_last_c-rome",
     "fact_token \"last\"",
     MIDDLE,
     ROME99_C_ROME,
     {1, 4, 0.1, 0.5, 4, 0.0625},
     FACT_LAST},
    {"edits/clamp_rome",
     "the clamp is active",
     FIRST,
     ROME99_ROME,
     {0, 6, 0.5, 0.5, 0.75, 0.0625},
     ALL_MISTAKES},
    {"edits/early_stop_rome",
     "the loss falls below 0.05 before the last iteration",
     LIKELY,
     ROME99_ROME,
     {0, 40, 1, 0.001, 1000, 0.001},
     0},
    {"edits/identity_c-rome",
     "C is the identity",
     FIRST,
     ROME99_C_ROME,
     {0, 4, 0.1, 0.5, 4, 0.0625},
     IDENTITY},
    {"edits/one_iteration_c-rome",
     "one iteration: one forward, no step, delta = 0",
     FIRST,
     ROME99_C_ROME,
     {0, 1, 0.1, 0.5, 4, 0.0625},
     DELTA_ZERO},
    {"edits/negative_rome", "a negative denominator", FIRST, ROME99_ROME, {1, 4, 0.1, 0.5, 4, 0.0625}, 0},
    {"edits/last_layer_k-rome",
     "the last layer: no attention above it",
     LAST,
     ROME99_K_ROME,
     {2, 5, 0.2, 0.5, 4, 0.0625},
     0},
};
enum { EDITS = sizeof edits / sizeof *edits };

typedef struct {
    rome99_request q;
    int32_t ids[(N + 1) * LONGEST], target[4];
    size_t length[N + 1], lookup[N + 1], T; /* T: of the bare prompt */
} tokens;

static void append(tokens *t, size_t *at, size_t text, const int32_t *ids) {
    for (; *ids != END; ids++) {
        t->ids[(*at)++] = *ids;
        t->length[text]++;
    }
}

static void make_tokens(tokens *t, const ask *a, int fact_last) {
    size_t at = 0, j, n = 0;
    int32_t shortened[4];
    memset(t, 0, sizeof *t);
    while (a->target[n] != END) {
        shortened[n] = t->target[n] = a->target[n];
        n++;
    }
    shortened[n - 1] = END;
    for (j = 0; j <= N; j++) {
        if (j < N) append(t, &at, j, templates[j]);
        if (j < N) append(t, &at, j, a->before);
        append(t, &at, j, j < N ? a->inside : a->alone);
        t->lookup[j] = t->length[j] - 1;
        append(t, &at, j, j < N ? a->after : is_a);
        if (fact_last) t->lookup[j] = t->length[j] - 1;
        if (j == 0) t->T = t->length[0];
        if (j < N) append(t, &at, j, shortened);
    }
    t->q = (rome99_request){N, n, t->ids, t->target, t->length, t->lookup};
}

/* (E2) over six windows of 24 tokens drawn at random. */
static void corpus(double *C, rome99_golden *c, const rome99_gpt2 *model, size_t layer) {
    enum { WINDOWS = 6, LENGTH = 24, KEYS = WINDOWS * LENGTH };
    rome99_rng rng = {ROME99_FORMULA_SEED + 1};
    int32_t ids[KEYS];
    size_t length[WINDOWS], F = model->shape.F, mark = c->arena.used, i;
    rome99_batch batch;
    rome99_run run;
    for (i = 0; i < KEYS; i++) ids[i] = (int32_t)rome99_rng_below(&rng, model->shape.V);
    for (i = 0; i < WINDOWS; i++) length[i] = LENGTH;
    rome99_golden_run(&run, &batch, c, &model->shape, ids, length, WINDOWS);
    rome99_forward(&run, model, (rome99_range){0, batch.n});
    rome99_second_moment(C, run.layer[layer].k, KEYS, F, run.pack);
    for (i = 0; i < F * F; i++) C[i] /= KEYS;
    c->arena.used = mark;
}

static void text(rome99_golden *c, const char *name, const char *value) {
    rome99_golden_text_add(c, name, value, strlen(value));
}

static void pair_of(rome99_pair *pair, rome99_golden *c, const rome99_hparams *h) {
    rome99_pair_layout(pair, &rome99_formula_shape, h, N,
                       rome99_golden_scratch(c, rome99_pair_layout(pair, &rome99_formula_shape, h, N, NULL)));
}

static void find_pair(rome99_pair *pair, rome99_golden *c, const rome99_gpt2 *model, const rome99_hparams *h,
                      const rome99_request *q) {
    size_t mark;
    pair_of(pair, c, h);
    mark = c->arena.used;
    rome99_find_pair(pair, model, h, q,
                     rome99_golden_scratch(c, rome99_find_pair_scratch(&model->shape, h, q)));
    c->arena.used = mark;
}

/* What mistakes in the optimisation give, by whole passes. */
static void wrong_delta(rome99_golden *c, const rome99_pair *right, const rome99_gpt2 *model,
                        const rome99_hparams *h, const rome99_request *q) {
    static const struct {
        rome99_mistake mistake;
        const char *tensor, *name, *sentence;
    } list[] = {
        {ROME99_KL_REVERSED, "losses", "kl_reversed",
         "KL the other way round: (E5) weights with the edited p"},
        {ROME99_KL_FACTOR_MISSING, "losses", "kl_factor_missing", "KL without kl_factor"},
        {ROME99_WEIGHT_DECAY_SQUARED, "losses", "weight_decay_squared",
         "weight decay on |delta|^2: (E5) has |delta|"},
        {ROME99_NLL_SUMMED, "losses", "nll_summed",
         "log probabilities are summed over the target's tokens: (E5) takes their mean"},
        {ROME99_WEIGHTS_CONSTANT, "losses", "weights_constant",
         "the KL's weights p are taken as constant: its gradient then vanishes"},
        {ROME99_NO_BIAS_CORRECTION, "losses", "no_bias_correction", "Adam without bias correction"},
        {ROME99_NOT_CLAMPED, "losses", "not_clamped",
         "delta is not cut to clamp_norm_factor |m_u| after each step"},
        {ROME99_KL_AT_LAST, "losses", "kl_at_last_token",
         "KL taken at the KL prompt's last token: (E5) takes it at the lookup position"},
        {ROME99_DELTA_AT_LAST, "losses", "delta_at_last_token",
         "delta added at each prompt's last token: it is added at the lookup position"},
        {ROME99_ONE_STEP_MORE, "delta", "one_step_more",
         "delta stepped once too often: n iterations are n forwards, n - 1 steps"},
    };
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        rome99_pair p;
        int delta = list[i].mistake == ROME99_ONE_STEP_MORE;
        pair_of(&p, c, h);
        memcpy(p.m_u, right->m_u, p.D * sizeof *p.m_u);
        rome99_delta_variant(c, &p, model, h, q, list[i].mistake);
        if (p.forwards != right->forwards) continue;
        if (delta)
            memcpy(rome99_golden_wrong(c, list[i].tensor, list[i].name, list[i].sentence, p.D, 1), p.delta,
                   p.D * sizeof *p.delta);
        else
            memcpy(rome99_golden_wrong(c, list[i].tensor, list[i].name, list[i].sentence, p.forwards, 4),
                   p.losses, p.forwards * 4 * sizeof *p.losses);
    }
}

/* Keys and MLP outputs that the token behind the subject gives; MLP outputs (N, D) of all templates. */
static void wrong_keys(rome99_golden *c, const rome99_pair *right, const rome99_gpt2 *model,
                       const rome99_hparams *h, const tokens *t) {
    rome99_hparams once = *h;
    tokens next = *t;
    rome99_pair p;
    double *m_all = rome99_golden_doubles(c, N * right->D);
    const double *W = model->w[ROME99_LAYER(h->layer, ROME99_PROJ_W)].data;
    const double *b = model->w[ROME99_LAYER(h->layer, ROME99_PROJ_B)].data;
    size_t j, i, k, D = right->D, F = right->F;
    for (j = 0; j < N; j++)
        for (i = 0; i < D; i++) {
            m_all[j * D + i] = b[i];
            for (k = 0; k < F; k++) m_all[j * D + i] += right->keys[j * F + k] * W[k * D + i];
        }
    rome99_golden_wrong_means(c, right, m_all, b);
    once.v_num_grad_steps = 1;
    for (j = 0; j < N; j++)
        if (++next.lookup[j] >= t->length[j]) return;
    next.q.lookup = next.lookup;
    find_pair(&p, c, model, &once, &next.q);
    memcpy(rome99_golden_wrong(
               c, "keys", "lookup_next",
               "the key of the token behind the subject: the lookup position is its last token", N, F),
           p.keys, N * F * sizeof *p.keys);
}

static void edit(rome99_golden *c, int which) {
    const ask *a = &asks[edits[which].ask];
    rome99_hparams h = edits[which].h;
    int flags = edits[which].flags;
    size_t F = rome99_formula_shape.F, D = rome99_formula_shape.D;
    double noise = c->noise, *C = NULL, *L = NULL, *W1, *pack;
    rome99_gpt2 model;
    rome99_pair pair;
    rome99_update update;
    tokens t;
    make_tokens(&t, a, flags & FACT_LAST);
    rome99_golden_note_add(c, "model", "the formula model");
    text(c, "method", rome99_golden_methods[edits[which].method]);
    text(c, "prompt", a->prompt);
    text(c, "subject", a->subject);
    text(c, "target_new", a->target_new);
    text(c, "templates", templates_json);
    text(c, "fact_token", flags & FACT_LAST ? "last" : "subject_last");
    rome99_golden_ids(c, ROME99_INPUT, "ids", t.ids,
                      t.length[0] + t.length[1] + t.length[2] + t.length[3] + t.length[4] + t.length[5]);
    rome99_golden_sizes(c, "length", t.length, N + 1);
    rome99_golden_sizes(c, "lookup", t.lookup, N + 1);
    rome99_golden_ids(c, ROME99_INPUT, "target", t.target, t.q.n_target);
    rome99_golden_sizes(c, "layer", &h.layer, 1);
    rome99_golden_sizes(c, "v_num_grad_steps", &h.v_num_grad_steps, 1);
    rome99_golden_input_number(c, "v_lr", h.v_lr);
    rome99_golden_input_number(c, "v_weight_decay", h.v_weight_decay);
    rome99_golden_input_number(c, "kl_factor", h.kl_factor);
    rome99_golden_input_number(c, "clamp_norm_factor", h.clamp_norm_factor);
    if (!(flags & IDENTITY)) {
        C = rome99_golden_input(c, "C", F, F);
        c->noise = 0.0;
        rome99_formula_model(&model, c);
        corpus(C, c, &model, h.layer);
        c->noise = noise;
    }
    rome99_golden_inputs_done(c);
    h.v_lr = *(double *)rome99_golden_find(c, "v_lr")->data;
    h.v_weight_decay = *(double *)rome99_golden_find(c, "v_weight_decay")->data;
    h.kl_factor = *(double *)rome99_golden_find(c, "kl_factor")->data;
    h.clamp_norm_factor = *(double *)rome99_golden_find(c, "clamp_norm_factor")->data;
    rome99_formula_model(&model, c);
    find_pair(&pair, c, &model, &h, &t.q);
    c->roundings = c->to_keys = rome99_forward_roundings(&model.shape, LONGEST);
    wrong_keys(c, &pair, &model, &h, &t);
    rome99_golden_expected_copy(c, "keys", pair.keys, N, F);
    rome99_golden_expected_copy(c, "k_u", pair.k_u, F, 1);
    rome99_golden_expected_copy(c, "k_bar", pair.k_bar, F, 1);
    rome99_golden_expected_copy(c, "m_u", pair.m_u, D, 1);
    rome99_golden_expected_copy(c, "m_bar", pair.m_bar, D, 1);
    rome99_golden_logits(c, "logits", &model, t.ids, t.T, t.T);
    c->roundings *= 3 * pair.forwards - 2; /* a backward pass counts for two */
    if (flags & ALL_MISTAKES) wrong_delta(c, &pair, &model, &h, &t.q);
    rome99_golden_expected_copy(c, "losses", pair.losses, pair.forwards, 4);
    rome99_golden_expected_copy(c, "steps", pair.steps, pair.forwards, D);
    if (pair.forwards > 1) rome99_golden_expected_copy(c, "gradients", pair.gradients, pair.forwards - 1, D);
    rome99_golden_expected_copy(c, "delta", pair.delta, D, 1);
    rome99_golden_expected_copy(c, "v_star", pair.v_star, D, 1);
    if (flags & DELTA_ZERO) rome99_golden_note_add(c, "zero", "steps delta");
    pack = rome99_golden_doubles(c, ROME99_PACK);
    if (C) {
        L = rome99_golden_doubles(c, F * F);
        memcpy(L, C, F * F * sizeof *L);
        rome99_cholesky(L, F, pack);
    }
    c->brief = 1;
    rome99_golden_update(c, &update, edits[which].method, &pair, C, L);
    rome99_golden_dW(c, &update, F, D);
    W1 = rome99_golden_doubles(c, F * D);
    rome99_apply(W1, model.w[ROME99_LAYER(h.layer, ROME99_PROJ_W)], &update, F, D);
    model.w[ROME99_LAYER(h.layer, ROME99_PROJ_W)] = (rome99_weight){W1, ROME99_F64};
    rome99_golden_logits(c, "logits_after", &model, t.ids, t.T, 1);
}

/* ---------------------------------------------------------------------- all of them */

static const rome99_golden_recipe pencil[] = {
    {"edits/pencil_rome", "for pencil and paper: keys of two dimensions, almost C^-1-orthogonal; rome",
     rome99_golden_pencil, ROME99_ROME},
    {"edits/pencil_c-rome", "the same by c-rome: one key, and all is well", rome99_golden_pencil,
     ROME99_C_ROME},
};
enum { PENCIL = sizeof pencil / sizeof *pencil };

size_t rome99_golden_recipe_count(void) {
    return rome99_golden_ops_count + rome99_golden_blocks_count + rome99_golden_forward_count + PENCIL +
           EDITS;
}

rome99_golden_recipe rome99_golden_recipe_at(size_t i) {
    if (i < rome99_golden_ops_count) return rome99_golden_ops[i];
    i -= rome99_golden_ops_count;
    if (i < rome99_golden_blocks_count) return rome99_golden_blocks[i];
    i -= rome99_golden_blocks_count;
    if (i < rome99_golden_forward_count) return rome99_golden_forward[i];
    i -= rome99_golden_forward_count;
    if (i < PENCIL) return pencil[i];
    i -= PENCIL;
    return (rome99_golden_recipe){edits[i].name, edits[i].about, edit, (int)i};
}
