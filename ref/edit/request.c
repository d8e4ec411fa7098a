/* request.c: reads requests, templates and hyper-parameters; turns one request into tokens. */
#include "edit/request.h"

#include <stdlib.h>
#include <string.h>

static rome99_string string_of(rome99_value v) {
    rome99_string s;
    s.bytes = rome99_json_string(v);
    s.size = rome99_json_length(v);
    return s;
}

/* Where the first "{}" is, or size if there is none. */
static size_t slot(rome99_string s) {
    size_t i;
    for (i = 0; i + 1 < s.size; i++)
        if (s.bytes[i] == '{' && s.bytes[i + 1] == '}') return i;
    return s.size;
}

static int has_one_slot(rome99_string s) {
    size_t at = slot(s);
    rome99_string rest;
    if (at == s.size) return 0;
    rest.bytes = s.bytes + at + 2;
    rest.size = s.size - at - 2;
    return slot(rest) == rest.size;
}

void rome99_splice(rome99_text *out, rome99_string template, rome99_string text) {
    size_t at = slot(template);
    rome99_text_put(out, template.bytes, at);
    rome99_text_put(out, text.bytes, text.size);
    rome99_text_put(out, template.bytes + at + 2, template.size - at - 2);
}

/* ------------------------------------------------------------------------ requests */

static int read_string(rome99_string *s, rome99_value object, const char *key, rome99_error *e) {
    rome99_value v;
    if (rome99_json_require(&v, object, key, ROME99_STRING, e)) return -1;
    *s = string_of(v);
    return s->size ? 0 : rome99_json_fail(e, v, "\"%s\" is empty", key);
}

static int read_strings(rome99_strings *list, rome99_value array, const char *what, rome99_error *e) {
    rome99_value item;
    rome99_items items = rome99_json_items(array);
    if (rome99_json_kind(array) != ROME99_ARRAY)
        return rome99_json_fail(e, array, "%s: an array of strings is wanted", what);
    if (!(list->item = calloc(rome99_json_length(array) + 1, sizeof *list->item)))
        return rome99_json_fail(e, array, "out of memory");
    while (rome99_json_next(&items, NULL, &item)) {
        if (rome99_json_kind(item) != ROME99_STRING)
            return rome99_json_fail(e, item, "%s: a string is wanted", what);
        list->item[list->n++] = string_of(item);
    }
    return 0;
}

static int read_optional_strings(rome99_strings *list, rome99_value object, const char *key,
                                 rome99_error *e) {
    rome99_value v;
    int found = rome99_json_member(&v, object, key, e);
    return found < 0 ? -1 : found ? read_strings(list, v, key, e) : 0;
}

static int read_ask(rome99_ask *ask, rome99_value record, rome99_error *e) {
    rome99_value rewrite = record, target, prompt;
    int found;
    if (rome99_json_kind(record) != ROME99_OBJECT)
        return rome99_json_fail(e, record, "a request is an object");
    if ((found = rome99_json_member(&rewrite, record, "requested_rewrite", e)) < 0) return -1;
    if (!found) rewrite = record;
    if (read_string(&ask->prompt, rewrite, "prompt", e) ||
        read_string(&ask->subject, rewrite, "subject", e) ||
        rome99_json_require(&target, rewrite, "target_new", ROME99_OBJECT, e) ||
        read_string(&ask->target_new, target, "str", e) ||
        rome99_json_require(&prompt, rewrite, "prompt", ROME99_STRING, e))
        return -1;
    if (!has_one_slot(ask->prompt))
        return rome99_json_fail(e, prompt, "the prompt must have exactly one \"{}\"");
    if ((found = rome99_json_member(&target, rewrite, "target_true", e)) < 0) return -1;
    if (found && rome99_json_kind(target) == ROME99_OBJECT &&
        read_string(&ask->target_true, target, "str", e))
        return -1;
    return read_optional_strings(&ask->paraphrase, record, "paraphrase_prompts", e) ||
                   read_optional_strings(&ask->neighbour, record, "neighborhood_prompts", e)
               ? -1
               : 0;
}

int rome99_asks_read(rome99_asks *asks, const char *path, rome99_error *e) {
    rome99_value root, record;
    rome99_items items;
    int failed = 0;
    memset(asks, 0, sizeof *asks);
    if (rome99_json_read(&asks->doc, path, e)) return -1;
    root = record = rome99_json_root(asks->doc);
    items = rome99_json_items(root);
    if (!(asks->item = calloc(rome99_json_length(root) + 1, sizeof *asks->item)))
        failed = rome99_fail(e, path, "out of memory");
    else if (rome99_json_kind(root) != ROME99_ARRAY)
        failed = read_ask(&asks->item[asks->n++], root, e);
    else
        while (!failed && rome99_json_next(&items, NULL, &record))
            failed = read_ask(&asks->item[asks->n++], record, e);
    if (!failed && asks->n == 0) failed = rome99_fail(e, path, "no request in it");
    if (failed) rome99_asks_free(asks);
    return failed;
}

void rome99_asks_free(rome99_asks *asks) {
    size_t i;
    for (i = 0; i < asks->n; i++) {
        free(asks->item[i].paraphrase.item);
        free(asks->item[i].neighbour.item);
    }
    free(asks->item);
    rome99_json_free(asks->doc);
    memset(asks, 0, sizeof *asks);
}

int rome99_prefixes_read(rome99_prefixes *prefixes, const char *path, int bare_first, rome99_error *e) {
    rome99_value root;
    size_t i;
    int failed;
    memset(prefixes, 0, sizeof *prefixes);
    if (rome99_json_read(&prefixes->doc, path, e)) return -1;
    root = rome99_json_root(prefixes->doc);
    failed = read_strings(&prefixes->list, root, "templates", e);
    for (i = 0; !failed && i < prefixes->list.n; i++)
        if (!has_one_slot(prefixes->list.item[i]))
            failed = rome99_fail(e, path, "entry %lu must have exactly one \"{}\"", (unsigned long)i);
    if (!failed && prefixes->list.n == 0) failed = rome99_fail(e, path, "no entries");
    if (!failed && bare_first && prefixes->list.item[0].size != 2)
        failed = rome99_fail(e, path, "the first template must be \"{}\" itself");
    if (failed) rome99_prefixes_free(prefixes);
    return failed;
}

void rome99_prefixes_free(rome99_prefixes *prefixes) {
    free(prefixes->list.item);
    rome99_json_free(prefixes->doc);
    memset(prefixes, 0, sizeof *prefixes);
}

/* ---------------------------------------------------------------- hyper-parameters */

int rome99_fact_token(rome99_settings *settings, const char *where, const char *value, rome99_error *e) {
    if (strcmp(value, "subject_last") != 0 && strcmp(value, "last") != 0)
        return rome99_fail(e, where, "fact_token must be \"subject_last\" or \"last\"");
    settings->fact_token_last = value[0] == 'l';
    return 0;
}

/* A number from 0 to ROME99_MOST. */
static int read_number(double *x, rome99_value object, const char *key, rome99_error *e) {
    rome99_value v;
    int found = rome99_json_member(&v, object, key, e);
    if (found <= 0) return found;
    if (rome99_json_double(x, v, e)) return -1;
    if (*x < 0.0) return rome99_json_fail(e, v, "\"%s\" must not be negative", key);
    return *x <= ROME99_MOST ? 0 : rome99_json_fail(e, v, "\"%s\" is more than %g", key, ROME99_MOST);
}

static int read_settings(rome99_settings *s, rome99_value object, const char *path, rome99_error *e) {
    rome99_value v, layer;
    rome99_items items;
    uint64_t x;
    int found;
    if (rome99_json_kind(object) != ROME99_OBJECT)
        return rome99_json_fail(e, object, "hyper-parameters are an object");
    if ((found = rome99_json_member(&v, object, "layers", e)) < 0) return -1;
    if (found) {
        items = rome99_json_items(v);
        if (rome99_json_kind(v) != ROME99_ARRAY || rome99_json_length(v) != 1)
            return rome99_json_fail(e, v, "\"layers\" must be an array of one layer");
        rome99_json_next(&items, NULL, &layer);
        if (rome99_json_integer(&x, layer, 100000, e)) return -1;
        s->h.layer = (size_t)x;
        s->has_layer = 1;
    }
    if ((found = rome99_json_member(&v, object, "fact_token", e)) < 0) return -1;
    if (found && rome99_json_kind(v) != ROME99_STRING)
        return rome99_json_fail(e, v, "\"fact_token\" must be a string");
    if (found && rome99_fact_token(s, path, rome99_json_string(v), e)) return -1;
    if ((found = rome99_json_member(&v, object, "v_num_grad_steps", e)) < 0) return -1;
    if (found) {
        if (rome99_json_integer(&x, v, ROME99_MOST_STEPS, e)) return -1;
        if (x == 0) return rome99_json_fail(e, v, "\"v_num_grad_steps\" must be at least 1");
        s->h.v_num_grad_steps = (size_t)x;
    }
    if ((found = rome99_json_member(&v, object, "mom2_adjustment", e)) < 0) return -1;
    if (found && rome99_json_kind(v) != ROME99_BOOLEAN)
        return rome99_json_fail(e, v, "\"mom2_adjustment\" must be true or false");
    if (found) s->identity = !rome99_json_boolean(v);
    return read_number(&s->h.v_lr, object, "v_lr", e) ||
                   read_number(&s->h.v_weight_decay, object, "v_weight_decay", e) ||
                   read_number(&s->h.kl_factor, object, "kl_factor", e) ||
                   read_number(&s->h.clamp_norm_factor, object, "clamp_norm_factor", e)
               ? -1
               : 0;
}

int rome99_settings_read(rome99_settings *settings, const char *path, rome99_error *e) {
    rome99_json *doc;
    int failed;
    if (rome99_json_read(&doc, path, e)) return -1;
    failed = read_settings(settings, rome99_json_root(doc), path, e);
    rome99_json_free(doc);
    return failed;
}

/* -------------------------------------------------------------------------- tokens */

int rome99_encode_target(int32_t **ids, size_t *n, const rome99_bpe *bpe, rome99_string target,
                         rome99_error *e) {
    rome99_text text = {0};
    int failed;
    if (target.size == 0 || target.bytes[0] != ' ') rome99_text_puts(&text, " ");
    rome99_text_put(&text, target.bytes, target.size);
    failed = text.failed ? rome99_fail(e, NULL, "out of memory")
                         : rome99_bpe_encode(ids, NULL, n, bpe, (unsigned char *)text.bytes, text.size, e);
    rome99_text_free(&text);
    return failed;
}

/* Appends one text: encode(text) and then `more` ids. last_byte: of the subject, in the text; *subject:
 * how many tokens overlap its `size` bytes. */
static int append_text(rome99_tokens *t, size_t *used, size_t j, const rome99_bpe *bpe,
                       const rome99_text *text, size_t last_byte, size_t size, int at_end, size_t more,
                       rome99_error *e) {
    int32_t *ids, *grown;
    size_t *ends, n, i;
    if (text->failed) return rome99_fail(e, NULL, "out of memory");
    if (rome99_bpe_encode(&ids, &ends, &n, bpe, (unsigned char *)text->bytes, text->size, e)) return -1;
    for (i = 0; i + 1 < n && ends[i] <= last_byte; i++)
        ;
    t->lookup[j] = at_end ? n - 1 : i;
    if (j == 0)
        for (t->subject_tokens = 0; ends[i] + size > last_byte + 1; i--) {
            t->subject_tokens++;
            if (i == 0) break;
        }
    grown = realloc(t->ids, (*used + n + more) * sizeof *grown);
    if (grown) {
        t->ids = grown;
        memcpy(grown + *used, ids, n * sizeof *ids);
        memcpy(grown + *used + n, t->target, more * sizeof *ids);
        t->length[j] = n + more;
        *used += n + more;
    }
    free(ids);
    free(ends);
    return grown ? 0 : rome99_fail(e, NULL, "out of memory");
}

static int append_texts(rome99_tokens *t, const rome99_bpe *bpe, const rome99_ask *ask,
                        const rome99_strings *templates, int at_end, rome99_error *e) {
    size_t used = 0, j, size = ask->subject.size;
    int failed = 0;
    for (j = 0; !failed && j <= templates->n; j++) {
        rome99_text prompt = {0}, text = {0};
        size_t last = size - 1;
        if (j < templates->n) {
            rome99_string spliced;
            rome99_splice(&prompt, ask->prompt, ask->subject);
            spliced.bytes = prompt.bytes;
            spliced.size = prompt.size;
            if (!prompt.failed) rome99_splice(&text, templates->item[j], spliced);
            last += slot(templates->item[j]) + slot(ask->prompt);
        } else { /* the KL prompt */
            rome99_text_put(&text, ask->subject.bytes, size);
            rome99_text_puts(&text, " is a");
        }
        text.failed |= prompt.failed;
        failed = append_text(t, &used, j, bpe, &text, last, size, at_end,
                             j < templates->n ? t->request.n_target - 1 : 0, e);
        rome99_text_free(&prompt);
        rome99_text_free(&text);
    }
    return failed;
}

int rome99_tokens_make(rome99_tokens *t, const rome99_bpe *bpe, size_t n_positions, const rome99_ask *ask,
                       const rome99_strings *templates, int fact_token_last, const char *where,
                       rome99_error *e) {
    size_t N = templates->n, j;
    memset(t, 0, sizeof *t);
    if (rome99_encode_target(&t->target, &t->request.n_target, bpe, ask->target_new, e)) return -1;
    t->length = calloc(N + 1, sizeof *t->length);
    t->lookup = calloc(N + 1, sizeof *t->lookup);
    if (!t->length || !t->lookup) {
        rome99_tokens_free(t);
        return rome99_fail(e, where, "out of memory");
    }
    if (append_texts(t, bpe, ask, templates, fact_token_last, e)) {
        rome99_tokens_free(t);
        return -1;
    }
    t->request.N = N;
    t->request.ids = t->ids;
    t->request.length = t->length;
    t->request.lookup = t->lookup;
    t->request.target = t->target;
    for (j = 0; j <= N; j++)
        if (t->length[j] > n_positions) {
            size_t length = t->length[j];
            rome99_tokens_free(t);
            return j < N ? rome99_fail(e, where, "with template %lu it takes %lu tokens; n_positions is %lu",
                                       (unsigned long)j, (unsigned long)length, (unsigned long)n_positions)
                         : rome99_fail(e, where, "the KL prompt takes %lu tokens; n_positions is %lu",
                                       (unsigned long)length, (unsigned long)n_positions);
        }
    return 0;
}

void rome99_tokens_free(rome99_tokens *t) {
    free(t->ids);
    free(t->target);
    free(t->length);
    free(t->lookup);
    memset(t, 0, sizeof *t);
}
