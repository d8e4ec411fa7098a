/* study.c: opens what experiments work on, and makes their lines. */
#include "study/study.h"
#include "golden/hosted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rome99_group_name[ROME99_GROUPS] = {"one-token first", "multi-token first", "mid-prompt"};

const rome99_experiment *const rome99_experiments[ROME99_EXPERIMENTS] = {
    &rome99_core, &rome99_dose, &rome99_controls, &rome99_sequential, &rome99_twin};

/* ---------------------------------------------------------------------------- members */

void rome99_put_number(rome99_text *out, const char *name, double x) {
    rome99_text_printf(out, ", \"%s\": ", name);
    rome99_text_json_double(out, x);
}

void rome99_put_figure(rome99_text *out, const char *name, rome99_figure x) {
    if (x.known)
        rome99_put_number(out, name, x.value);
    else
        rome99_text_printf(out, ", \"%s\": null", name);
}

void rome99_put_numbers(rome99_text *out, const char *name, const double *x, size_t n) {
    size_t i;
    rome99_text_printf(out, ", \"%s\": [", name);
    for (i = 0; i < n; i++) {
        if (i) rome99_text_puts(out, ", ");
        rome99_text_json_double(out, x[i]);
    }
    rome99_text_puts(out, "]");
}

void rome99_put_fact(rome99_text *out, const rome99_study *s, size_t fact) {
    rome99_text_printf(out, ", \"fact\": %lu, \"group\": \"%s\"", (unsigned long)fact,
                       rome99_group_name[s->group[fact]]);
}

int rome99_study_line(rome99_text *out, rome99_study *s, const rome99_experiment *x, size_t i,
                      rome99_error *e) {
    rome99_text_printf(out, "{\"rome99\": \"%s\", \"experiment\": \"%s\", \"name\": ", ROME99_VERSION,
                       x->name);
    rome99_text_json_string(out, s->name, strlen(s->name));
    rome99_text_printf(
        out, ", \"model\": \"%s\", \"inputs\": \"%s\", \"seed\": %lu, \"line\": %lu, \"lines\": %lu",
        s->model, s->inputs, (unsigned long)s->seed, (unsigned long)i, (unsigned long)x->count(s));
    if (x->line(out, s, i, e)) return -1;
    rome99_text_puts(out, "}\n");
    return out->failed ? rome99_fail(e, NULL, "out of memory") : 0;
}

/* ---------------------------------------------------------------------------- opening */

/* The name and hashes that stand in every line. */
static int identify(rome99_study *s, const char *folder, rome99_error *e) {
    static const char *const files[] = {"config.json",     "vocab.json",         "merges.txt",
                                        "hparams.json",    "templates.json",     "templates_space.json",
                                        "facts.json",      "test_prefixes.json", "sentences.txt",
                                        "cov.safetensors", "windows.safetensors"};
    size_t n = strlen(folder), start, i;
    rome99_text hashes = {0};
    char hex[65];
    int failed = 0;
    while (n > 1 && folder[n - 1] == '/') n--;
    for (start = n; start > 0 && folder[start - 1] != '/'; start--)
        ;
    if (n - start >= sizeof s->name)
        return rome99_fail(e, folder, "the folder's name has more than %lu bytes",
                           (unsigned long)sizeof s->name - 1);
    memcpy(s->name, folder + start, n - start);
    for (i = 0; s->name[i]; i++)
        if ((unsigned char)s->name[i] < 0x20 || s->name[i] == '|')
            return rome99_fail(e, folder,
                               "the folder's name stands in tables: no control characters, no \"|\"");
    for (i = 0; !failed && i <= sizeof files / sizeof *files; i++) {
        char *path = rome99_path(folder, i ? files[i - 1] : "model.safetensors");
        failed = !path ? rome99_fail(e, NULL, "out of memory") : 0;
        if (!failed && (!i || rome99_exists(path))) failed = rome99_sha256_file(hex, path, e);
        if (!failed && !i) memcpy(s->model, hex, sizeof hex);
        if (!failed && i)
            rome99_text_printf(&hashes, "%s %s\n", rome99_exists(path) ? hex : "-", files[i - 1]);
        free(path);
    }
    if (!failed && hashes.failed) failed = rome99_fail(e, NULL, "out of memory");
    if (!failed) {
        rome99_sha256(hex, hashes.bytes, hashes.size);
        memcpy(s->inputs, hex, 16);
    }
    rome99_text_free(&hashes);
    return failed;
}

/* For a bidirectional model: no C, no test prefixes, no sentences. */
static int read_twin(rome99_study *s, const char *folder, rome99_error *e) {
    char *hparams = rome99_path(folder, "hparams.json"), *templates = rome99_path(folder, "templates.json"),
         *windows = rome99_path(folder, "windows.safetensors");
    int failed = !hparams || !templates || !windows ? rome99_fail(e, NULL, "out of memory") : 0;
    s->bidirectional = 1;
    s->setup.settings.h = rome99_defaults;
    if (!failed)
        failed = rome99_checkpoint_read_twin(&s->setup.checkpoint, folder, e) ||
                 rome99_settings_read(&s->setup.settings, hparams, e) ||
                 rome99_prefixes_read(&s->setup.templates, templates, 1, e) ||
                 rome99_read_stream(&s->setup.stream, windows, &s->setup.checkpoint, 2, e);
    if (!failed &&
        (!s->setup.settings.has_layer || s->setup.settings.h.layer >= s->setup.checkpoint.model.shape.L))
        failed = rome99_fail(e, hparams, "\"layers\" must have a layer of the model");
    free(hparams);
    free(templates);
    free(windows);
    return failed ? -1 : 0;
}

static int is_bidirectional(const char *folder) {
    rome99_checkpoint c;
    rome99_error ignored;
    int is = !rome99_checkpoint_read_twin(&c, folder, &ignored);
    if (is) rome99_checkpoint_free(&c);
    return is;
}

static int read_folder(rome99_study *s, const rome99_experiment *x, const char *folder, rome99_error *e) {
    static const char *const no_choice[ROME99_CHOICES];
    if (x->twin && is_bidirectional(folder)) return read_twin(s, folder, e);
    if (rome99_setup_read(&s->setup, folder, no_choice, 1, e)) return -1;
    if (s->setup.C && s->setup.L && s->setup.stream.n && s->setup.sentences.n &&
        s->setup.test_prefixes.list.n)
        return 0;
    return rome99_fail(e, folder, "a study needs a tiny checkpoint's whole folder");
}

/* The groups; every fact is checked before the first line is made. */
static int group_facts(rome99_study *s, rome99_error *e) {
    const rome99_shape *shape = &s->setup.checkpoint.model.shape;
    size_t i;
    s->group = calloc(s->facts.n, sizeof *s->group);
    if (!s->group) return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < s->facts.n; i++) {
        const rome99_ask *ask = &s->facts.item[i];
        rome99_tokens tokens;
        char where[64];
        sprintf(where, "facts.json: record %lu", (unsigned long)i + 1);
        if (!ask->target_true.size) return rome99_fail(e, where, "has no target_true");
        if (!s->bidirectional && rome99_edit_check(&s->setup, ask, where, e)) return -1;
        if (rome99_tokens_make(&tokens, s->setup.checkpoint.bpe, shape->T, ask, &s->setup.templates.list, 0,
                               where, e))
            return -1;
        s->group[i] = memcmp(ask->prompt.bytes, "{}", 2) != 0 ? ROME99_MIDDLE
                      : tokens.lookup[0] == 0                 ? ROME99_FIRST_ONE
                                                              : ROME99_FIRST_MORE;
        rome99_tokens_free(&tokens);
    }
    return 0;
}

int rome99_study_open(rome99_study *s, const rome99_experiment *x, const char *folder, rome99_error *e) {
    const rome99_shape *shape = &s->setup.checkpoint.model.shape;
    char *facts;
    int failed;
    memset(s, 0, sizeof *s);
    s->folder = folder;
    s->seed = 1;
    if (!(facts = rome99_path(folder, "facts.json"))) return rome99_fail(e, NULL, "out of memory");
    failed = identify(s, folder, e) || read_folder(s, x, folder, e) ||
             rome99_asks_read(&s->facts, facts, e) || group_facts(s, e) || (x->check && x->check(s, e));
    if (!failed && !(s->W1 = malloc(shape->F * shape->D * sizeof *s->W1)))
        failed = rome99_fail(e, NULL, "out of memory");
    free(facts);
    if (failed) rome99_study_close(s);
    return failed ? -1 : 0;
}

void rome99_study_close(rome99_study *s) {
    rome99_study_forget(s);
    rome99_prefixes_free(&s->space);
    rome99_sequence_free(s->sequence);
    rome99_asks_free(&s->facts);
    rome99_setup_free(&s->setup);
    free(s->group);
    free(s->W1);
    free(s->C);
    free(s->L);
    memset(s, 0, sizeof *s);
}

/* ------------------------------------------------------------------------------ edits */

void rome99_study_forget(rome99_study *s) {
    if (s->found) rome99_edit_free(&s->edit);
    s->found = 0;
}

/* What a message says, with its fact. */
static int fail_at(size_t fact, rome99_error *e) {
    return rome99_fail(e, NULL, "facts.json: record %lu: %s", (unsigned long)fact + 1, e->text);
}

int rome99_study_find(rome99_study *s, size_t fact, rome99_method method, rome99_error *e) {
    if (s->found == fact + 1) return rome99_edit_again(&s->edit, &s->setup, method, e) ? fail_at(fact, e) : 0;
    rome99_study_forget(s);
    if (rome99_edit_find(&s->edit, &s->setup, &s->setup.checkpoint.model, &s->facts.item[fact], method, e))
        return fail_at(fact, e);
    s->found = fact + 1;
    return 0;
}

int rome99_study_measure(rome99_study *s, rome99_error *e) {
    const rome99_gpt2 *model = &s->setup.checkpoint.model;
    rome99_measures *m = &s->edit.measures;
    m->stream_before = s->stream;
    m->sentence_before = s->sentence;
    if (rome99_edit_apply(s->W1, &s->edit, &s->setup, model, e)) return fail_at(s->found - 1, e);
    if (rome99_edit_measure(&s->edit, &s->setup, model, s->W1, e)) return -1;
    s->stream = m->stream_before;
    s->sentence = m->sentence_before;
    return 0;
}
