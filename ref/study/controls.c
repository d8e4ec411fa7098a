/* controls.c: every fact by rome with one thing changed: C, the separator, how many prefixes, how long. */
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *control, *value;
    enum { USUAL, IDENTITY, WITHOUT_FIRST, SPACE, MANY, WITHOUT_EMPTY, WORDS } what;
    size_t
        n; /* MANY, WITHOUT_EMPTY: prefixes beside the empty one; WORDS: the last words that are kept of each */
} setting;

static const setting settings[] = {
    {"none", "", USUAL, 0},
    {"C", "identity", IDENTITY, 0},
    {"C", "without position 0", WITHOUT_FIRST, 0},
    {"separator", "blank", SPACE, 0},
    {"prefixes", "1", MANY, 1},
    {"prefixes", "2", MANY, 2},
    {"prefixes", "5", MANY, 5},
    {"prefixes", "10", MANY, 10},
    {"prefixes", "20", MANY, 20},
    {"prefixes, no empty one", "1", WITHOUT_EMPTY, 1},
    {"prefixes, no empty one", "2", WITHOUT_EMPTY, 2},
    {"prefixes, no empty one", "5", WITHOUT_EMPTY, 5},
    {"prefixes, no empty one", "10", WITHOUT_EMPTY, 10},
    {"prefixes, no empty one", "20", WITHOUT_EMPTY, 20},
    {"words in a prefix", "0", WORDS, 0},
    {"words in a prefix", "1", WORDS, 1},
    {"words in a prefix", "2", WORDS, 2},
    {"words in a prefix", "3", WORDS, 3},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static size_t controls_count(const rome99_study *s) { return SETTINGS * s->facts.n; }

static size_t controls_together(const rome99_study *s, size_t i) { return (void)s, i; }

/* What every template but the empty one ends in: see check. */
static const char separator[] = ".\n{}";

/* The last n words of a prefix, with the separator and the slot. */
static rome99_string last_words(rome99_string prefix, size_t n) {
    size_t at = prefix.size - (sizeof separator - 1);
    while (n-- > 0) {
        while (at > 0 && strchr(" .\n", prefix.bytes[at - 1])) at--;
        while (at > 0 && !strchr(" .\n", prefix.bytes[at - 1])) at--;
    }
    prefix.bytes += at;
    prefix.size -= at;
    return prefix;
}

/* The templates of a setting, in *list (as many as `usual` has), which points into the usual ones. */
static void choose_templates(rome99_strings *list, const rome99_strings *usual, const rome99_strings *space,
                             const setting *x) {
    size_t i;
    list->n = x->what == MANY || x->what == WITHOUT_EMPTY ? 1 + x->n : usual->n;
    for (i = 0; i < list->n; i++) {
        list->item[i] = x->what == SPACE ? space->item[i] : usual->item[i];
        if (x->what == WORDS && i > 0) list->item[i] = last_words(usual->item[i], x->n);
    }
}

/* k_bar without the empty template's key. */
static void leave_out_empty(rome99_pair *pair) {
    size_t i, j;
    for (i = 0; i < pair->F; i++) {
        double sum = 0.0;
        for (j = 1; j < pair->N; j++) sum += pair->keys[j * pair->F + i];
        pair->k_bar[i] = sum / (double)(pair->N - 1);
    }
}

/* templates_space.json is there, there are as many templates as any setting takes, and they end as they must. */
static int check(rome99_study *s, rome99_error *e) {
    char *path = rome99_path(s->folder, "templates_space.json");
    size_t i;
    int failed = path ? rome99_prefixes_read(&s->space, path, 1, e) : rome99_fail(e, NULL, "out of memory");
    if (!failed && s->space.list.n != s->setup.templates.list.n)
        failed = rome99_fail(e, path, "must have as many templates as templates.json");
    for (i = 0; !failed && i < SETTINGS; i++)
        if (settings[i].n >= s->setup.templates.list.n)
            failed = rome99_fail(e, s->folder, "controls need %lu templates beside the empty one",
                                 (unsigned long)settings[i].n);
    for (i = 1; !failed && i < s->setup.templates.list.n; i++) {
        const rome99_string *t = &s->setup.templates.list.item[i];
        size_t n = sizeof separator - 1;
        if (t->size < n || memcmp(t->bytes + t->size - n, separator, n) != 0)
            failed = rome99_fail(e, s->folder,
                                 "templates.json: controls need templates that end in \".\\n{}\"");
    }
    free(path);
    return failed;
}

/* The setup is changed for the time of one edit. */
static int edit_so(rome99_study *s, size_t fact, const setting *x, rome99_error *e) {
    rome99_strings usual = s->setup.templates.list, list;
    double *L = s->setup.L;
    int failed;
    if (!(list.item = malloc(usual.n * sizeof *list.item))) return rome99_fail(e, NULL, "out of memory");
    choose_templates(&list, &usual, &s->space.list, x);
    rome99_study_forget(s);
    s->setup.templates.list = list;
    s->setup.L = x->what == IDENTITY ? NULL : x->what == WITHOUT_FIRST ? s->L : L;
    failed = rome99_study_find(s, fact, ROME99_ROME, e);
    if (!failed && x->what == WITHOUT_EMPTY) {
        leave_out_empty(&s->edit.pair);
        failed = rome99_study_find(s, fact, ROME99_ROME, e);
    }
    if (!failed) failed = rome99_study_measure(s, e);
    s->setup.templates.list = usual;
    s->setup.L = L;
    free(list.item);
    return failed;
}

static int controls_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    const setting *x = &settings[i / s->facts.n];
    if (x->what == WITHOUT_FIRST && !s->L && rome99_study_moment(s, 1, e)) return -1;
    if (edit_so(s, i % s->facts.n, x, e)) return -1;
    rome99_text_printf(out, ", \"kind\": \"edit\", \"control\": \"%s\", \"value\": \"%s\"", x->control,
                       x->value);
    rome99_put_edit(out, s, i % s->facts.n);
    rome99_study_forget(s);
    return 0;
}

const rome99_experiment rome99_controls = {"controls",    0,    controls_together, controls_count,
                                           controls_line, check};
