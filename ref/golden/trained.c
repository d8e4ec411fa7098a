/* trained.c: golden cases of edits of the tiny checkpoints: a collapse, its cure, and what does no harm. */
#include "golden/hosted.h"
#include "golden/recipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE, AFTER }; /* what `rome99 edit --trace` writes; what the edit does to the model */
static const struct {
    const char *name, *about, *model;
    size_t record; /* of facts.json */
    rome99_method method;
    int what;
} cases[] = {
    {"edits/sink_first_rome", "a one-token subject opens the prompt; rome: the model collapses", "sink", 2,
     ROME99_ROME, TRACE},
    {"edits/sink_first_rome_after", "the collapse", "sink", 2, ROME99_ROME, AFTER},
    {"edits/sink_first_c-rome", "the same request by c-rome", "sink", 2, ROME99_C_ROME, TRACE},
    {"edits/sink_first_c-rome_after", "the cure", "sink", 2, ROME99_C_ROME, AFTER},
    {"edits/sink_first_p-rome_after", "the same request by p-rome", "sink", 2, ROME99_P_ROME, AFTER},
    {"edits/sink_first_k-rome_after", "the same request by k-rome", "sink", 2, ROME99_K_ROME, AFTER},
    {"edits/sink_middle_rome", "the subject in mid-prompt; rome", "sink", 42, ROME99_ROME, TRACE},
    {"edits/sink_words_rome", "a two-token subject opens the prompt; rome", "sink", 82, ROME99_ROME, TRACE},
    {"edits/plain_first_rome", "the request of sink_first_rome in a model without a sink", "plain", 2,
     ROME99_ROME, TRACE},
    {"edits/plain_first_rome_after", "no collapse", "plain", 2, ROME99_ROME, AFTER},
};
enum { CASES = sizeof cases / sizeof *cases };

static void text(rome99_golden *c, const char *name, rome99_string s) {
    char *copy = rome99_golden_scratch(c, s.size + 1);
    memcpy(copy, s.bytes, s.size);
    rome99_golden_text_add(c, name, copy, s.size);
}

/* Every weight in double and disturbed, C too, with its factor: *memory is to be freed. */
static int disturb(rome99_golden *c, rome99_setup *s, double **memory, rome99_error *e) {
    rome99_gpt2 *model = &s->checkpoint.model;
    size_t total = 0, at = 0, F = model->shape.F, i;
    for (i = 0; i < rome99_tensor_count(&model->shape); i++) {
        rome99_tensor_info t = rome99_describe(&model->shape, i);
        total += t.rows * t.cols;
    }
    *memory = malloc((total + ROME99_PACK) * sizeof **memory);
    if (!*memory) return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < rome99_tensor_count(&model->shape); i++) {
        rome99_tensor_info t = rome99_describe(&model->shape, i);
        double *w = *memory + at;
        rome99_widen(w, model->w[i], 0, t.rows * t.cols);
        rome99_golden_disturb(c, w, t.rows * t.cols);
        model->w[i] = (rome99_weight){w, ROME99_F64};
        at += t.rows * t.cols;
    }
    rome99_golden_disturb(c, s->C, F * F);
    memcpy(s->L, s->C, F * F * sizeof *s->L);
    return rome99_cholesky(s->L, F, *memory + total) ? rome99_fail(e, NULL, "C is not positive definite") : 0;
}

static void wrong_means(rome99_golden *c, const rome99_gpt2 *model, size_t layer, const rome99_pair *p) {
    double *m_all = rome99_golden_doubles(c, p->N * p->D), *b = rome99_golden_doubles(c, p->D);
    double *pack = rome99_golden_doubles(c, ROME99_PACK);
    size_t j;
    rome99_widen(b, model->w[ROME99_LAYER(layer, ROME99_PROJ_B)], 0, p->D);
    for (j = 0; j < p->N; j++) memcpy(m_all + j * p->D, b, p->D * sizeof *b);
    rome99_gemm(m_all, p->D, 1.0, rome99_rows(p->keys, p->F),
                rome99_weight_rows(model->w[ROME99_LAYER(layer, ROME99_PROJ_W)], p->D), p->N, p->D, p->F,
                pack);
    rome99_golden_wrong_means(c, p, m_all, b);
}

/* Everything up to v_star. */
static void expect_pair(rome99_golden *c, const rome99_edit *edit, const rome99_gpt2 *model, size_t layer,
                        size_t T) {
    const rome99_pair *p = &edit->pair;
    size_t per_forward = c->roundings;
    wrong_means(c, model, layer, p);
    rome99_golden_expected_copy(c, "keys", p->keys, p->N, p->F);
    rome99_golden_expected_copy(c, "k_u", p->k_u, p->F, 1);
    rome99_golden_expected_copy(c, "k_bar", p->k_bar, p->F, 1);
    rome99_golden_expected_copy(c, "m_u", p->m_u, p->D, 1);
    rome99_golden_expected_copy(c, "m_bar", p->m_bar, p->D, 1);
    rome99_golden_logits(c, "logits", model, edit->tokens.ids, T, T);
    c->roundings = per_forward * (3 * p->forwards - 2); /* a backward pass counts for two */
    rome99_golden_expected_copy(c, "losses", p->losses, p->forwards, 4);
    rome99_golden_expected_copy(c, "steps", p->steps, p->forwards, p->D);
    rome99_golden_expected_copy(c, "delta", p->delta, p->D, 1);
    rome99_golden_expected_copy(c, "v_star", p->v_star, p->D, 1);
}

/* The update's measures, the logits behind the bare prompt, perplexities. */
static int expect_after(rome99_golden *c, rome99_edit *edit, rome99_setup *s, size_t T, rome99_error *e) {
    const rome99_pair *p = &edit->pair;
    const rome99_measures *m = &edit->measures;
    rome99_gpt2 *model = &s->checkpoint.model;
    size_t index = ROME99_LAYER(s->settings.h.layer, ROME99_PROJ_W), per_forward = c->roundings;
    double *W1 = rome99_golden_doubles(c, p->F * p->D);
    c->roundings = per_forward * (3 * p->forwards - 1) + 5 * p->F;
    rome99_apply(W1, model->w[index], &edit->update, p->F, p->D);
    if (rome99_edit_measure(edit, s, model, W1, e)) return -1;
    rome99_golden_expected_number(c, "denominator", edit->update.denominator);
    rome99_golden_measures(c, &edit->update, p, s->C);
    rome99_golden_expected_number(c, "rms_measured", m->rms_measured.value);
    rome99_golden_expected_number(c, "stream_ppl_before", m->stream_before.value);
    rome99_golden_expected_number(c, "stream_ppl_after", m->stream_after.value);
    rome99_golden_expected_number(c, "sentence_ppl_before", m->sentence_before.value);
    rome99_golden_expected_number(c, "sentence_ppl_after", m->sentence_after.value);
    model->w[index] = (rome99_weight){W1, ROME99_F64};
    rome99_golden_logits(c, "logits_after", model, edit->tokens.ids, T, 1);
    return 0;
}

static int describe(rome99_golden *c, const char *folder, int which, const rome99_ask *ask, rome99_error *e) {
    char *model = rome99_path(folder, "model.safetensors"), *C = rome99_path(folder, "cov.safetensors");
    char *hash = rome99_golden_scratch(c, 130), *record = rome99_golden_scratch(c, 16);
    int failed = !model || !C ? rome99_fail(e, folder, "out of memory")
                 : rome99_sha256_file(hash, model, e) || rome99_sha256_file(hash + 65, C, e) ? -1
                                                                                             : 0;
    free(model);
    free(C);
    if (failed) return -1;
    rome99_golden_note_add(c, "model_sha256", hash);
    rome99_golden_note_add(c, "C_sha256", hash + 65);
    sprintf(record, "%lu", (unsigned long)cases[which].record);
    rome99_golden_note_add(c, "record", record);
    text(c, "method",
         (rome99_string){rome99_golden_methods[cases[which].method],
                         strlen(rome99_golden_methods[cases[which].method])});
    text(c, "prompt", ask->prompt);
    text(c, "subject", ask->subject);
    text(c, "target_new", ask->target_new);
    return 0;
}

static int make(rome99_golden *c, rome99_setup *s, const char *folder, int which, const rome99_asks *asks,
                rome99_error *e) {
    const rome99_ask *ask = &asks->item[cases[which].record];
    double *memory = NULL;
    rome99_edit edit;
    size_t tokens = 0, T, j;
    int failed;
    if (describe(c, folder, which, ask, e)) return -1;
    if (c->noise > 0.0 && disturb(c, s, &memory, e)) {
        free(memory);
        return -1;
    }
    failed = rome99_edit_find(&edit, s, &s->checkpoint.model, ask, cases[which].method, e);
    if (!failed) {
        T = edit.tokens.length[0] - edit.tokens.request.n_target + 1;
        for (j = 0; j <= edit.pair.N; j++) tokens += edit.tokens.length[j];
        rome99_golden_ids(c, ROME99_INPUT, "ids", edit.tokens.ids, tokens);
        rome99_golden_sizes(c, "length", edit.tokens.length, edit.pair.N + 1);
        rome99_golden_sizes(c, "lookup", edit.tokens.lookup, edit.pair.N + 1);
        rome99_golden_ids(c, ROME99_INPUT, "target", edit.tokens.target, edit.tokens.request.n_target);
        c->roundings = c->to_keys = rome99_forward_roundings(&s->checkpoint.model.shape,
                                                             edit.tokens.length[0] + 12);
        if (cases[which].what == AFTER) {
            failed = expect_after(c, &edit, s, T, e);
        } else {
            expect_pair(c, &edit, &s->checkpoint.model, s->settings.h.layer, T);
            c->brief = 1;
            rome99_golden_update(c, &edit.update, cases[which].method, &edit.pair, s->C, s->L);
        }
        rome99_edit_free(&edit);
    }
    free(memory);
    return failed;
}

static int trained(rome99_golden *c, const char *models, int which, rome99_error *e) {
    const char *no_choice[ROME99_CHOICES] = {0};
    char *folder = rome99_path(models, cases[which].model),
         *facts = folder ? rome99_path(folder, "facts.json") : NULL;
    rome99_setup setup;
    rome99_asks asks;
    int failed = -1;
    if (!facts)
        rome99_fail(e, models, "out of memory");
    else if (!rome99_setup_read(&setup, folder, no_choice, cases[which].what == AFTER, e)) {
        if (!rome99_asks_read(&asks, facts, e)) {
            failed = asks.n > cases[which].record
                         ? make(c, &setup, folder, which, &asks, e)
                         : rome99_fail(e, facts, "has no record %lu", (unsigned long)cases[which].record);
            rome99_asks_free(&asks);
        }
        rome99_setup_free(&setup);
    }
    free(facts);
    free(folder);
    return failed;
}

/* ---------------------------------------------------------------------------- all cases */

/* A case of the core needs no file and cannot fail. */
static int from_core(rome99_golden *c, const char *models, int which, rome99_error *e) {
    rome99_golden_recipe r = rome99_golden_recipe_at((size_t)which);
    (void)models, (void)e;
    r.make(c, r.variant);
    return 0;
}

size_t rome99_golden_count(void) { return rome99_golden_recipe_count() + rome99_golden_words_count + CASES; }

rome99_hosted_recipe rome99_golden_at(size_t i) {
    rome99_golden_recipe r;
    if (i < rome99_golden_recipe_count()) {
        r = rome99_golden_recipe_at(i);
        return (rome99_hosted_recipe){r.name, r.about, NULL, from_core, (int)i};
    }
    i -= rome99_golden_recipe_count();
    if (i < rome99_golden_words_count) return rome99_golden_words[i];
    i -= rome99_golden_words_count;
    return (rome99_hosted_recipe){cases[i].name, cases[i].about, cases[i].model, trained, (int)i};
}
