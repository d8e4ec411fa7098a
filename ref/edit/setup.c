/* setup.c: reads a model's folder and the files that options name instead. */
#include "edit/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const rome99_choice rome99_choices[ROME99_CHOICES] = {
    {"--layer", "N", "layer to edit, from 0"},
    {"--templates", "FILE", "context templates: a JSON array, \"{}\" first"},
    {"--cov", "FILE|identity", "C: safetensors tensor \"C\", .npy, upstream's .npz"},
    {"--hparams", "FILE", "hyper-parameters as upstream writes them"},
    {"--v_lr", "X", "step size for delta"},
    {"--v_num_grad_steps", "N", "forwards at the most"},
    {"--v_weight_decay", "X", "factor of |delta|/|m_u|^2 in the loss"},
    {"--clamp_norm_factor", "X", "|delta| at most this times |m_u|"},
    {"--kl_factor", "X", "factor of KL in the loss"},
    {"--fact_token", "WHICH", "subject_last or last"},
    {"--test-prefixes", "FILE", "prefixes for the _prefixed measures"},
    {"--text", "FILE", "a text for the stream perplexity"},
    {"--sentences", "FILE", "sentences for the sentence perplexity"},
};

int rome99_read_size(size_t *out, const char *name, const char *text, size_t least, size_t most,
                     rome99_error *e) {
    const char *p = text;
    size_t x = 0;
    if (!text) return 0;
    for (; *p >= '0' && *p <= '9' && x <= most / 10; p++) x = 10 * x + (size_t)(*p - '0');
    if (*p || p == text || x < least || x > most)
        return rome99_fail(e, name, "\"%s\" is not a whole number from %lu to %lu", text,
                           (unsigned long)least, (unsigned long)most);
    *out = x;
    return 0;
}

int rome99_read_double(double *out, const char *name, const char *text, double least, rome99_error *e) {
    char *end;
    double x;
    if (!text) return 0;
    x = strtod(text, &end);
    if (*end || end == text || !(x >= least) || x - x != 0.0)
        return rome99_fail(e, name, "\"%s\" is not a number from %g up", text, least);
    if (x > ROME99_MOST) return rome99_fail(e, name, "\"%s\" is more than %g", text, ROME99_MOST);
    *out = x;
    return 0;
}

/* ---------------------------------------------------------------- texts for perplexity */

/* One sentence, encoded: position i predicts token i+1. */
static int add_sentence(rome99_texts *texts, const rome99_checkpoint *c, const char *path, size_t number,
                        const char *bytes, size_t size, rome99_error *e) {
    size_t n, T = c->model.shape.T;
    int32_t *ids;
    int failed;
    if (rome99_bpe_encode(&ids, NULL, &n, c->bpe, (const unsigned char *)bytes, size, e)) return -1;
    if (n > T) {
        fprintf(stderr, "rome99: %s: sentence %lu has %lu tokens, cut to %lu\n", path, (unsigned long)number,
                (unsigned long)n, (unsigned long)T);
        n = T;
    }
    failed = n < 2 ? rome99_fail(e, path, "sentence %lu has %lu token%s: nothing to predict",
                                 (unsigned long)number, (unsigned long)n, n == 1 ? "" : "s")
                   : rome99_texts_add(texts, ids, n, ids + 1, 0, n - 1, e);
    free(ids);
    return failed;
}

static int add_lines(rome99_texts *texts, const rome99_checkpoint *c, const char *path, const char *text,
                     size_t size, rome99_error *e) {
    size_t at = 0, number = 1;
    for (; at < size; number++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = (end ? (size_t)(end - text) : size) - at;
        if (length && text[at + length - 1] == '\r') length--;
        if (add_sentence(texts, c, path, number, text + at, length, e)) return -1;
        at = end ? (size_t)(end - text) + 1 : size;
    }
    return 0;
}

/* An array of strings, or of objects that have the sentence under "Text" or "text". */
static int add_json(rome99_texts *texts, const rome99_checkpoint *c, const char *path, rome99_value root,
                    rome99_error *e) {
    rome99_items items = rome99_json_items(root);
    rome99_value item;
    size_t number = 1;
    for (; rome99_json_next(&items, NULL, &item); number++) {
        rome99_value v = item;
        int found = 1;
        if (rome99_json_kind(item) == ROME99_OBJECT && (found = rome99_json_member(&v, item, "Text", e)) == 0)
            found = rome99_json_member(&v, item, "text", e);
        if (found < 0) return -1;
        if (!found || rome99_json_kind(v) != ROME99_STRING)
            return rome99_json_fail(e, item, "a sentence is a string, or an object with a string \"Text\"");
        if (add_sentence(texts, c, path, number, rome99_json_string(v), rome99_json_length(v), e)) return -1;
    }
    return 0;
}

static int ends_with(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

int rome99_read_sentences(rome99_texts *texts, const char *path, const rome99_checkpoint *c,
                          rome99_error *e) {
    unsigned char *data;
    rome99_json *doc;
    size_t size;
    int failed;
    if (rome99_read_file(&data, &size, path, e)) return -1;
    if (ends_with(path, ".json")) {
        failed = rome99_json_parse(&doc, path, data, size, e);
        if (!failed) {
            failed = add_json(texts, c, path, rome99_json_root(doc), e);
            rome99_json_free(doc);
        }
    } else {
        failed = add_lines(texts, c, path, (const char *)data, size, e);
    }
    free(data);
    if (!failed && texts->n == 0) failed = rome99_fail(e, path, "no sentence in it");
    if (failed) rome99_texts_free(texts);
    return failed;
}

static int add_windows(rome99_texts *texts, const char *path, const rome99_shape *s, size_t least,
                       rome99_error *e) {
    rome99_safetensors *st;
    const rome99_tensor *t;
    size_t i, T;
    int failed = 0;
    if (rome99_safetensors_read(&st, path, e)) return -1;
    if (rome99_safetensors_require(&t, st, "ids", e))
        failed = -1;
    else if (t->dtype != ROME99_ST_I32 || t->rank != 2 || t->count == 0)
        failed = rome99_fail(e, path, "tensor ids must be I32 of shape [n, T]");
    else if ((T = t->shape[1]) < least || T > s->T)
        failed = rome99_fail(e, path, "windows of %lu tokens; the model takes %lu to %lu", (unsigned long)T,
                             (unsigned long)least, (unsigned long)s->T);
    for (i = 0; !failed && i < t->count; i++)
        if (((const int32_t *)t->data)[i] < 0 || (size_t)((const int32_t *)t->data)[i] >= s->V)
            failed = rome99_fail(e, path, "token %lu is no id of this vocabulary", (unsigned long)i);
    for (i = 0; !failed && i < t->shape[0]; i++) {
        const int32_t *ids = (const int32_t *)t->data + i * t->shape[1];
        failed = rome99_texts_add(texts, ids, t->shape[1], ids + 1, 0, t->shape[1] - 1, e);
    }
    rome99_safetensors_free(st);
    return failed;
}

int rome99_read_stream(rome99_texts *texts, const char *path, const rome99_checkpoint *c, size_t least,
                       rome99_error *e) {
    unsigned char *data;
    size_t size, n, T = c->model.shape.T, i;
    int32_t *ids;
    int failed;
    if (T < least)
        return rome99_fail(e, path, "n_positions is 1: a window of one token has nothing to predict");
    if (ends_with(path, ".safetensors")) {
        failed = add_windows(texts, path, &c->model.shape, least, e);
    } else {
        if (rome99_read_file(&data, &size, path, e)) return -1;
        failed = rome99_bpe_encode(&ids, NULL, &n, c->bpe, data, size, e);
        free(data);
        if (failed) return -1;
        if (n < T)
            failed = rome99_fail(e, path, "%lu tokens: fewer than one window of %lu", (unsigned long)n,
                                 (unsigned long)T);
        for (i = 0; !failed && i + T <= n; i += T)
            failed = rome99_texts_add(texts, ids + i, T, ids + i + 1, 0, T - 1, e);
        free(ids);
    }
    if (failed) rome99_texts_free(texts);
    return failed;
}

/* --------------------------------------------------------------------------------- C */

static int factor(rome99_setup *s, const char *path, rome99_error *e) {
    size_t F = s->checkpoint.model.shape.F, failed;
    double *pack = malloc(ROME99_PACK * sizeof *pack);
    if (!(s->L = malloc(F * F * sizeof *s->L)) || !pack) {
        free(pack);
        return rome99_fail(e, path, "out of memory");
    }
    memcpy(s->L, s->C, F * F * sizeof *s->L);
    failed = rome99_cholesky(s->L, F, pack);
    free(pack);
    return failed ? rome99_fail(e, path, "C is not positive definite: pivot %lu of %lu fails",
                                (unsigned long)failed - 1, (unsigned long)F)
                  : 0;
}

/* A C that is not factored must at least have no negative mean of squares. */
static int check_diagonal(const rome99_setup *s, const char *path, rome99_error *e) {
    size_t F = s->checkpoint.model.shape.F, i;
    for (i = 0; i < F; i++)
        if (s->C[i * F + i] < 0.0)
            return rome99_fail(e, path, "C is negative at (%lu, %lu)", (unsigned long)i, (unsigned long)i);
    return 0;
}

/* Where a file is: what the option names, else the folder's where it exists, else "" (*path is malloc'ed). */
static int locate(char **path, const char *folder, const char *name, const char *chosen, rome99_error *e) {
    *path = chosen ? rome99_path("", chosen) : rome99_path(folder, name);
    if (*path && !chosen && !rome99_exists(*path)) **path = '\0';
    return *path ? 0 : rome99_fail(e, name, "out of memory");
}

/* The layer that the folder's own C is of, as its own hparams.json says: 1 and *layer, or 0 if it does not. */
static int layer_of_cov(size_t *layer, const char *folder) {
    char *path = rome99_path(folder, "hparams.json");
    rome99_settings own = {{0}, 0, 0, 0};
    rome99_error ignored;
    int known = path && rome99_exists(path) && rome99_settings_read(&own, path, &ignored) == 0 &&
                own.has_layer;
    free(path);
    *layer = own.h.layer;
    return known;
}

static int read_cov(rome99_setup *s, const char *folder, const char *const *o, rome99_error *e) {
    int identity = o[ROME99_O_COV] ? strcmp(o[ROME99_O_COV], "identity") == 0 : s->settings.identity;
    const char *file = identity ? NULL : o[ROME99_O_COV];
    size_t layer;
    char *path;
    int failed = 0, other_layer;
    if (locate(&path, folder, "cov.safetensors", file, e)) return -1;
    other_layer = !file && *path && layer_of_cov(&layer, folder) && layer != s->settings.h.layer;
    if (!*path && !identity)
        failed = rome99_fail(e, folder, "no cov.safetensors there: give --cov FILE or --cov identity");
    else if (other_layer && !identity)
        failed = rome99_fail(e, path, "C of layer %lu; for layer %lu give --cov FILE or --cov identity",
                             (unsigned long)layer, (unsigned long)s->settings.h.layer);
    else if (*path && !other_layer)
        failed = rome99_read_cov(&s->C, path, s->checkpoint.model.shape.F, e);
    if (!failed && !identity) failed = factor(s, path, e);
    if (!failed && identity && s->C) failed = check_diagonal(s, path, e);
    free(path);
    return failed;
}

/* ---------------------------------------------------------------------------- settings */

static int override(rome99_settings *s, const char *const *o, rome99_error *e) {
    s->has_layer |= o[ROME99_O_LAYER] != NULL;
    if (o[ROME99_O_FACT_TOKEN] && rome99_fact_token(s, "--fact_token", o[ROME99_O_FACT_TOKEN], e)) return -1;
    return rome99_read_size(&s->h.layer, "--layer", o[ROME99_O_LAYER], 0, 100000, e) ||
                   rome99_read_size(&s->h.v_num_grad_steps, "--v_num_grad_steps",
                                    o[ROME99_O_V_NUM_GRAD_STEPS], 1, ROME99_MOST_STEPS, e) ||
                   rome99_read_double(&s->h.v_lr, "--v_lr", o[ROME99_O_V_LR], 0.0, e) ||
                   rome99_read_double(&s->h.v_weight_decay, "--v_weight_decay", o[ROME99_O_V_WEIGHT_DECAY],
                                      0.0, e) ||
                   rome99_read_double(&s->h.clamp_norm_factor, "--clamp_norm_factor", o[ROME99_O_CLAMP], 0.0,
                                      e) ||
                   rome99_read_double(&s->h.kl_factor, "--kl_factor", o[ROME99_O_KL_FACTOR], 0.0, e)
               ? -1
               : 0;
}

/* Settings, then C, which depends on the layer. */
static int read_settings(rome99_setup *s, const char *folder, const char *const *o, rome99_error *e) {
    char *path;
    int failed = 0;
    s->settings.h = rome99_defaults;
    if (locate(&path, folder, "hparams.json", o[ROME99_O_HPARAMS], e)) return -1;
    if (*path) failed = rome99_settings_read(&s->settings, path, e);
    free(path);
    if (failed || override(&s->settings, o, e)) return -1;
    if (!s->settings.has_layer)
        return rome99_fail(e, folder, "no hparams.json with \"layers\" there: give --layer N");
    if (s->settings.h.layer >= s->checkpoint.model.shape.L)
        return rome99_fail(e, folder, "layer %lu is out of range: the model has layers 0 to %lu",
                           (unsigned long)s->settings.h.layer,
                           (unsigned long)s->checkpoint.model.shape.L - 1);
    return read_cov(s, folder, o, e);
}

static int read_prefixes(rome99_prefixes *p, const char *folder, const char *name, const char *chosen,
                         int bare_first, rome99_error *e) {
    char *path;
    int failed = locate(&path, folder, name, chosen, e);
    if (!failed && *path)
        failed = rome99_prefixes_read(p, path, bare_first, e);
    else if (!failed && bare_first)
        failed = rome99_fail(e, folder, "no %s there: give --templates FILE", name);
    free(path);
    return failed;
}

static int read_corpora(rome99_setup *s, const char *folder, const char *const *o, rome99_error *e) {
    char *stream, *sentences;
    int failed = locate(&stream, folder, "windows.safetensors", o[ROME99_O_TEXT], e);
    failed |= locate(&sentences, folder, "sentences.txt", o[ROME99_O_SENTENCES], e);
    if (!failed && *stream) failed = rome99_read_stream(&s->stream, stream, &s->checkpoint, 2, e);
    if (!failed && *sentences) failed = rome99_read_sentences(&s->sentences, sentences, &s->checkpoint, e);
    free(stream);
    free(sentences);
    return failed;
}

int rome99_setup_read(rome99_setup *s, const char *folder, const char *const *o, int with_ppl,
                      rome99_error *e) {
    memset(s, 0, sizeof *s);
    if (rome99_checkpoint_read(&s->checkpoint, folder, e)) return -1;
    if (read_settings(s, folder, o, e) ||
        read_prefixes(&s->templates, folder, "templates.json", o[ROME99_O_TEMPLATES], 1, e) ||
        read_prefixes(&s->test_prefixes, folder, "test_prefixes.json", o[ROME99_O_TEST_PREFIXES], 0, e) ||
        (with_ppl && read_corpora(s, folder, o, e))) {
        rome99_setup_free(s);
        return -1;
    }
    return 0;
}

void rome99_setup_free(rome99_setup *s) {
    rome99_checkpoint_free(&s->checkpoint);
    rome99_prefixes_free(&s->templates);
    rome99_prefixes_free(&s->test_prefixes);
    free(s->C);
    free(s->L);
    rome99_texts_free(&s->stream);
    rome99_texts_free(&s->sentences);
    rome99_cache_free(&s->stream_cache);
    rome99_cache_free(&s->sentence_cache);
    rome99_memory_free(&s->memory);
    memset(s, 0, sizeof *s);
}
