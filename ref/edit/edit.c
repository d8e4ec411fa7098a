/* edit.c: finds an edit, and measures what it does to the model. */
#include "edit/edit.h"
#include "edit/numbers.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_names[] = {"rome", "c-rome", "p-rome", "k-rome"};

const char *rome99_method_name(rome99_method method) { return method_names[method]; }

int rome99_method_read(rome99_method *method, const char *name, rome99_error *e) {
    size_t i;
    for (i = 0; i < 4; i++)
        if (strcmp(name, method_names[i]) == 0 || (i == ROME99_C_ROME && strcmp(name, "r-rome") == 0)) {
            *method = (rome99_method)i;
            return 0;
        }
    return rome99_fail(e, "--method", "\"%s\" is none of rome, c-rome, r-rome, p-rome, k-rome", name);
}

/* ---------------------------------------------------------------------------- finding */

/* How messages call an edit. */
static const char *name(char where[128], const rome99_ask *ask) {
    sprintf(where, "subject \"%.*s\"", (int)(ask->subject.size < 100 ? ask->subject.size : 100),
            ask->subject.bytes);
    return where;
}

int rome99_edit_find(rome99_edit *edit, rome99_setup *setup, const rome99_gpt2 *model, const rome99_ask *ask,
                     rome99_method method, rome99_error *e) {
    const rome99_shape *shape = &model->shape;
    const rome99_hparams *h = &setup->settings.h;
    size_t pair, update, scratch;
    char where[128];
    void *memory;
    memset(edit, 0, sizeof *edit);
    edit->ask = ask;
    if (rome99_tokens_make(&edit->tokens, setup->checkpoint.bpe, shape->T, ask, &setup->templates.list,
                           setup->settings.fact_token_last, "request", e))
        return -1;
    pair = rome99_pair_layout(&edit->pair, shape, h, edit->tokens.request.N, NULL);
    update = rome99_update_layout(&edit->update, shape, NULL);
    scratch = rome99_find_pair_scratch(shape, h, &edit->tokens.request);
    edit->pair_memory = pair == SIZE_MAX ? NULL : malloc(pair);
    edit->update_memory = malloc(update);
    memory = rome99_memory_get(&setup->memory, scratch);
    if (!edit->pair_memory || !edit->update_memory || !memory) {
        rome99_edit_free(edit);
        return rome99_fail(e, NULL, "out of memory");
    }
    rome99_pair_layout(&edit->pair, shape, h, edit->tokens.request.N, edit->pair_memory);
    rome99_update_layout(&edit->update, shape, edit->update_memory);
    rome99_find_pair(&edit->pair, model, h, &edit->tokens.request, memory);
    rome99_memory_trim(&setup->memory);
    if (!rome99_check_pair(&edit->pair, name(where, ask), e) && !rome99_edit_again(edit, setup, method, e))
        return 0;
    rome99_edit_free(edit);
    return -1;
}

/* Missing where it is no number. */
static rome99_figure known(double value) {
    rome99_figure f = {0.0, 0};
    if (value == value) f = (rome99_figure){value, 1};
    return f;
}

int rome99_edit_again(rome99_edit *edit, const rome99_setup *setup, rome99_method method, rome99_error *e) {
    char where[128];
    rome99_figure stream = edit->measures.stream_before, sentence = edit->measures.sentence_before;
    memset(&edit->measures, 0, sizeof edit->measures);
    edit->measures.stream_before = stream;
    edit->measures.sentence_before = sentence;
    edit->method = method;
    rome99_find_update(&edit->update, method, &edit->pair, setup->L);
    if (rome99_check_update(&edit->update, method, &edit->pair, name(where, edit->ask), e)) return -1;
    if (setup->C) {
        double I = rome99_interference(&edit->update, setup->C, edit->pair.F);
        edit->measures.interference = known(I);
        edit->measures.rms_predicted = known(edit->update.numerator * I);
    }
    return 0;
}

int rome99_edit_apply(double *W1, const rome99_edit *edit, const rome99_setup *setup,
                      const rome99_gpt2 *model, rome99_error *e) {
    const size_t F = model->shape.F, D = model->shape.D;
    char where[128];
    rome99_apply(W1, model->w[ROME99_LAYER(setup->settings.h.layer, ROME99_PROJ_W)], &edit->update, F, D);
    return rome99_finite(W1, F * D) ? 0 : rome99_fail(e, name(where, edit->ask), "W + dW overflows");
}

void rome99_edit_free(rome99_edit *edit) {
    rome99_tokens_free(&edit->tokens);
    free(edit->pair_memory);
    free(edit->update_memory);
    memset(edit, 0, sizeof *edit);
}

/* ---------------------------------------------------------------------------- probes */

/* The texts that an edit is measured with, in this order: bare, then behind each test prefix: for the edit
 * prompt, then each paraphrase, one text that asks for target_new and one for target_true if there is one;
 * then for each neighbour one text whose next token counts. */
typedef struct {
    rome99_texts texts;
    int32_t *target[2]; /* new, true */
    size_t n_target[2];
} probes;

static void free_probes(probes *p) {
    rome99_texts_free(&p->texts);
    free(p->target[0]);
    free(p->target[1]);
}

static int add_probe(probes *p, const rome99_setup *setup, const rome99_text *prompt, int neighbour,
                     const char *where, rome99_error *e) {
    size_t n, t, T = setup->checkpoint.model.shape.T, longest;
    int32_t *ids;
    int failed;
    if (prompt->failed) return rome99_fail(e, where, "out of memory");
    if (rome99_bpe_encode(&ids, NULL, &n, setup->checkpoint.bpe, (unsigned char *)prompt->bytes, prompt->size,
                          e))
        return -1;
    longest = p->n_target[0] > p->n_target[1] ? p->n_target[0] : p->n_target[1];
    longest = n + (neighbour ? 0 : longest - 1);
    if (n == 0)
        failed = rome99_fail(e, where, "a paraphrase or neighbourhood prompt is empty");
    else if (longest > T)
        failed = rome99_fail(e, where, "a test prompt takes %lu tokens; n_positions is %lu",
                             (unsigned long)longest, (unsigned long)T);
    else if (neighbour)
        failed = rome99_texts_add(&p->texts, ids, n, NULL, n - 1, 1, e);
    else
        for (failed = 0, t = 0; !failed && t < 2 && p->n_target[t]; t++)
            failed = rome99_texts_add_target(&p->texts, ids, n, p->target[t], p->n_target[t], e);
    free(ids);
    return failed;
}

/* All prompts, bare (prefix NULL) or behind one prefix. */
static int add_prompts(probes *p, const rome99_setup *setup, const rome99_ask *ask,
                       const rome99_string *prefix, const char *where, rome99_error *e) {
    size_t i, P = ask->paraphrase.n;
    int failed = 0;
    for (i = 0; !failed && i < 1 + P + ask->neighbour.n; i++) {
        rome99_text prompt = {0}, text = {0};
        rome99_string bare;
        if (i == 0) rome99_splice(&prompt, ask->prompt, ask->subject);
        bare.bytes = prompt.bytes;
        bare.size = prompt.size;
        if (i > 0) bare = i <= P ? ask->paraphrase.item[i - 1] : ask->neighbour.item[i - 1 - P];
        if (prefix && !prompt.failed)
            rome99_splice(&text, *prefix, bare);
        else if (!prompt.failed)
            rome99_text_put(&text, bare.bytes, bare.size);
        text.failed |= prompt.failed;
        failed = add_probe(p, setup, &text, i > P, where, e);
        rome99_text_free(&prompt);
        rome99_text_free(&text);
    }
    return failed;
}

static int make_probes(probes *p, const rome99_setup *setup, const rome99_ask *ask, const char *where,
                       rome99_error *e) {
    const rome99_strings *prefixes = &setup->test_prefixes.list;
    size_t i;
    int failed;
    memset(p, 0, sizeof *p);
    failed = rome99_encode_target(&p->target[0], &p->n_target[0], setup->checkpoint.bpe, ask->target_new, e);
    if (!failed && ask->target_true.size)
        failed = rome99_encode_target(&p->target[1], &p->n_target[1], setup->checkpoint.bpe, ask->target_true,
                                      e);
    for (i = 0; !failed && i <= prefixes->n; i++)
        failed = add_prompts(p, setup, ask, i ? &prefixes->item[i - 1] : NULL, where, e);
    if (failed) free_probes(p);
    return failed;
}

int rome99_edit_check(const rome99_setup *setup, const rome99_ask *ask, const char *where, rome99_error *e) {
    rome99_tokens tokens;
    probes p;
    if (rome99_tokens_make(&tokens, setup->checkpoint.bpe, setup->checkpoint.model.shape.T, ask,
                           &setup->templates.list, setup->settings.fact_token_last, where, e))
        return -1;
    rome99_tokens_free(&tokens);
    if (make_probes(&p, setup, ask, where, e)) return -1;
    free_probes(&p);
    return 0;
}

/* ---------------------------------------------------------------------------- measures */

/* Running means of what texts show; [0] bare, [1] behind prefixes. */
typedef struct {
    double sum[2];
    size_t n[2];
} mean;

static void count(mean *m, int prefixed, double x) {
    m->sum[prefixed] += x;
    m->n[prefixed]++;
}

static void take(rome99_figure out[2], const mean *m) {
    int i;
    for (i = 0; i < 2; i++)
        if (m->n[i]) out[i] = known(m->sum[i] / (double)m->n[i]);
}

/* P = exp(mean log p over the text's targets); *share of targets that are the argmax. */
static double probability(double *share, const rome99_texts *texts, size_t text, const rome99_score *o) {
    const struct rome99_text_place *t = &texts->text[text];
    double sum = 0.0;
    size_t i;
    *share = 0.0;
    for (i = t->targets; i < t->targets + t->scored; i++) {
        sum += o[i].logp;
        *share += o[i].argmax == texts->targets[i];
    }
    *share /= (double)t->scored;
    return rome99_exp(sum / (double)t->scored);
}

/* Reads the outcomes in the order in which make_probes made the texts. */
static void tally(rome99_measures *m, const probes *p, size_t prompts, size_t neighbours, size_t prefixes,
                  const rome99_score *before, const rome99_score *after) {
    mean efficacy[2], efficacy_p[2], locality, p_new, p_before;
    size_t i, j, text = 0;
    double share, ignored;
    memset(efficacy, 0, sizeof efficacy);
    memset(efficacy_p, 0, sizeof efficacy_p);
    memset(&locality, 0, sizeof locality);
    memset(&p_new, 0, sizeof p_new);
    memset(&p_before, 0, sizeof p_before);
    for (j = 0; j <= prefixes; j++) {
        for (i = 0; i < prompts; i++) { /* [0]: the edit prompt; [1]: paraphrases */
            double p_n = probability(&share, &p->texts, text, after);
            if (i == 0) {
                count(&p_new, j > 0, p_n);
                count(&p_before, j > 0, probability(&ignored, &p->texts, text, before));
            }
            count(&efficacy[i > 0], j > 0, share);
            text++;
            if (p->n_target[1])
                count(&efficacy_p[i > 0], j > 0, p_n > probability(&ignored, &p->texts, text++, after));
        }
        for (i = 0; i < neighbours; i++, text++) {
            size_t at = p->texts.text[text].targets;
            count(&locality, j > 0, before[at].argmax == after[at].argmax);
        }
    }
    take(m->efficacy, &efficacy[0]);
    take(m->efficacy_p, &efficacy_p[0]);
    take(m->generalisation, &efficacy[1]);
    take(m->generalisation_p, &efficacy_p[1]);
    take(m->locality, &locality);
    take(m->p_new_after, &p_new);
    m->p_new_before = known(p_before.sum[0] / (double)p_before.n[0]);
}

/* One perplexity of a corpus before (unless it is known) and after. */
static int measure_corpus(rome99_figure *before, rome99_figure *after, rome99_figure *rms,
                          const rome99_gpt2 *model, size_t layer, const double *W1, const rome99_texts *texts,
                          rome99_cache *cache, rome99_memory *memory,
                          double ppl(const rome99_texts *, const rome99_score *), rome99_error *e) {
    rome99_score *o = malloc(2 * texts->n_targets * sizeof *o);
    double change;
    int failed = !o ? rome99_fail(e, NULL, "out of memory")
                    : rome99_measure(before->known ? NULL : o, o + texts->n_targets, &change, model, layer,
                                     W1, texts, cache, memory, e);
    if (!failed) {
        if (!before->known) *before = known(ppl(texts, o));
        *after = known(ppl(texts, o + texts->n_targets));
        if (rms) *rms = known(change);
    }
    free(o);
    return failed;
}

int rome99_edit_measure(rome99_edit *edit, rome99_setup *setup, const rome99_gpt2 *model, const double *W1,
                        rome99_error *e) {
    rome99_measures *m = &edit->measures;
    size_t layer = setup->settings.h.layer;
    rome99_score *o;
    probes p;
    int failed;
    if (make_probes(&p, setup, edit->ask, "request", e)) return -1;
    o = malloc(2 * p.texts.n_targets * sizeof *o);
    failed = !o ? rome99_fail(e, NULL, "out of memory")
                : rome99_measure(o, o + p.texts.n_targets, NULL, model, layer, W1, &p.texts, NULL,
                                 &setup->memory, e);
    if (!failed)
        tally(m, &p, 1 + edit->ask->paraphrase.n, edit->ask->neighbour.n, setup->test_prefixes.list.n, o,
              o + p.texts.n_targets);
    free_probes(&p);
    free(o);
    if (!failed && setup->stream.n)
        failed = measure_corpus(&m->stream_before, &m->stream_after, &m->rms_measured, model, layer, W1,
                                &setup->stream, &setup->stream_cache, &setup->memory, rome99_stream_ppl, e);
    if (!failed && setup->sentences.n)
        failed = measure_corpus(&m->sentence_before, &m->sentence_after, NULL, model, layer, W1,
                                &setup->sentences, &setup->sentence_cache, &setup->memory,
                                rome99_sentence_ppl, e);
    return failed;
}

double rome99_edit_growth(const rome99_measures *m) {
    return m->stream_after.value > DBL_MAX ? m->stream_after.value
                                           : m->stream_after.value / m->stream_before.value;
}

int rome99_edit_collapsed(const rome99_measures *m) {
    return m->stream_after.known && !(rome99_edit_growth(m) <= ROME99_COLLAPSE);
}

/* -------------------------------------------------------------------------------- JSON */

static void put_figure(rome99_text *out, const char *name, rome99_figure f) {
    rome99_text_printf(out, ", \"%s\": ", name);
    if (f.known)
        rome99_text_json_double(out, f.value);
    else
        rome99_text_puts(out, "null");
}

static void put_number(rome99_text *out, const char *name, double x) { put_figure(out, name, known(x)); }

static void put_string(rome99_text *out, const char *name, rome99_string s) {
    rome99_text_printf(out, ", \"%s\": ", name);
    rome99_text_json_string(out, s.bytes, s.size);
}

void rome99_edit_members(rome99_text *out, const rome99_edit *edit, const rome99_setup *setup) {
    static const char *const pairs[][2] = {{"efficacy", "efficacy_prefixed"},
                                           {"efficacy_p", "efficacy_p_prefixed"},
                                           {"generalisation", "generalisation_prefixed"},
                                           {"generalisation_p", "generalisation_p_prefixed"},
                                           {"locality", "locality_prefixed"}};
    const rome99_ask *ask = edit->ask;
    const rome99_update *u = &edit->update;
    const rome99_measures *m = &edit->measures;
    const rome99_figure *figures[5];
    size_t i;
    figures[0] = m->efficacy;
    figures[1] = m->efficacy_p;
    figures[2] = m->generalisation;
    figures[3] = m->generalisation_p;
    figures[4] = m->locality;
    rome99_text_printf(out, "\"method\": \"%s\", \"layer\": %lu", rome99_method_name(edit->method),
                       (unsigned long)setup->settings.h.layer);
    put_string(out, "prompt", ask->prompt);
    put_string(out, "subject", ask->subject);
    put_string(out, "target_new", ask->target_new);
    rome99_text_printf(out, ", \"subject_first\": %s, \"lookup\": %lu, \"subject_tokens\": %lu",
                       memcmp(ask->prompt.bytes, "{}", 2) == 0 ? "true" : "false",
                       (unsigned long)edit->tokens.lookup[0], (unsigned long)edit->tokens.subject_tokens);
    put_number(out, "numerator", u->numerator);
    put_number(out, "denominator", u->denominator);
    put_number(out, "denominator_raw", u->denominator_raw);
    put_number(out, "cos_keys", u->cos_keys);
    put_number(out, "dW_norm", u->dW_norm);
    put_figure(out, "interference", m->interference);
    put_figure(out, "rms_predicted", m->rms_predicted);
    put_figure(out, "rms_measured", m->rms_measured);
    rome99_text_printf(out, ", \"iterations\": %lu", (unsigned long)edit->pair.forwards);
    put_number(out, "loss", edit->pair.losses[4 * (edit->pair.forwards - 1)]);
    put_figure(out, "stream_ppl_before", m->stream_before);
    put_figure(out, "stream_ppl_after", m->stream_after);
    put_figure(out, "sentence_ppl_before", m->sentence_before);
    put_figure(out, "sentence_ppl_after", m->sentence_after);
    put_figure(out, "p_new_before", m->p_new_before);
    put_figure(out, "p_new_after", m->p_new_after[0]);
    put_figure(out, "p_new_after_prefixed", m->p_new_after[1]);
    for (i = 0; i < 5; i++) {
        put_figure(out, pairs[i][0], figures[i][0]);
        put_figure(out, pairs[i][1], figures[i][1]);
    }
    rome99_text_puts(out, ", \"verdict\": ");
    rome99_text_puts(out, !m->stream_after.known     ? "null"
                          : rome99_edit_collapsed(m) ? "\"collapse\""
                                                     : "\"stable\"");
}

void rome99_edit_json(rome99_text *out, const rome99_edit *edit, const rome99_setup *setup) {
    rome99_text_puts(out, "{");
    rome99_edit_members(out, edit, setup);
    put_number(out, "seconds", edit->measures.seconds);
    rome99_text_puts(out, "}");
}
