/* report.c: what rome99 compare prints of a comparison: a table, where the two part, the verdict. */
#include "files/os.h"
#include "golden/compare.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 79, NAME = 20 };

static const char *const class_names[] = {"exact", "f64", "f32", "apart"};

typedef const rome99_golden_tensor *const *list;

/* A copy of at most `most` bytes, cut between characters, made plain. */
static char *shorten(char *to, const char *name, size_t most) {
    size_t n = strlen(name);
    const int cut = n > most;
    if (cut) n = most - 2;
    while (cut && n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80) n--;
    memcpy(to, name, n);
    rome99_plain(to, n);
    return strcpy(to + n, cut ? ".." : ""), to;
}

static const char *label(const rome99_outcome *o) {
    static const char *const labels[] = {"", "", "missing", "dtype", "shape", "NaN"};
    return o->state == ROME99_COMPARED ? class_names[o->d.reached] : labels[o->state];
}

static size_t put_name(char *to, const rome99_golden_tensor *t) {
    const int input = t->role == ROME99_INPUT;
    shorten(to, t->name, input ? NAME - 8 : NAME);
    return strlen(input ? strcat(to, " (input)") : to);
}

/* One line; got and expected with as many digits, up to 9, as it has room for. */
static void put_line(rome99_text *out, const rome99_outcome *o, int width) {
    const rome99_golden_difference *d = &o->d;
    const int bare = o->state == ROME99_MISSING || o->state == ROME99_NO_NUMBERS;
    char name[NAME + 1], place[48], line[1000];
    int digits = 9, used;
    put_name(name, o->t);
    used = sprintf(line, "%c %-*s %-5s %-*s", o->differs ? '!' : ' ', width, name, class_names[o->wanted],
                   bare ? 0 : 7, label(o));
    sprintf(place, "%zu,%zu", d->row, d->col);
    if (o->state == ROME99_OTHER_SHAPE)
        sprintf(line + used, " %zux%zu, %zux%zu", o->got->rows, o->got->cols, o->t->rows, o->t->cols);
    else if (o->state == ROME99_HAS_NAN || (o->state == ROME99_COMPARED && d->reached != ROME99_EXACT))
        while (used + sprintf(line + used, " %7.2g %7.2g %7s %.*g, %.*g", d->error, d->worst, place, digits,
                              d->got, digits, d->expected) >
                   COLUMNS &&
               digits > 1)
            digits--;
    else if (o->state == ROME99_COMPARED)
        strcat(line, "       0       0");
    rome99_text_printf(out, "%s\n", line);
}

/* "text a, b and 7 more": one line, or none. */
static void put_list(rome99_text *out, const char *text, list tensors, size_t n) {
    size_t used = strlen(text), i;
    char name[NAME + 1];
    if (n > 0) rome99_text_puts(out, text);
    for (i = 0; i < n && used < COLUMNS - 2 * NAME; i++) {
        used += 2 + strlen(shorten(name, tensors[i]->name, NAME));
        rome99_text_printf(out, "%s %s", i > 0 ? "," : "", name);
    }
    if (i < n) rome99_text_printf(out, " and %zu more", n - i);
    if (n > 0) rome99_text_puts(out, "\n");
}

static void put_table(rome99_text *out, const rome99_comparison *c) {
    char name[NAME + 1];
    size_t i, width = 6;
    for (i = 0; i < c->golden->tensors; i++)
        if (c->of[i].state != ROME99_UNASKED && put_name(name, c->of[i].t) > width) width = strlen(name);
    rome99_text_printf(out, "  %-*s wants reached   error   worst      at got, expected\n", (int)width,
                       "tensor");
    for (i = 0; i < c->golden->tensors; i++)
        if (c->of[i].state != ROME99_UNASKED) put_line(out, &c->of[i], (int)width);
    put_list(out, "not in the case:", c->extra, c->extras);
    put_list(out, "float32 cannot be asked for:", c->skipped, c->skips);
}

/* The words of s in lines that begin with `indent` blanks, made plain. */
static void put_words(rome99_text *out, int indent, const char *s, size_t size) {
    size_t column = 0, i, n;
    for (i = 0; i < size; i++) {
        for (n = 0; i + n < size && s[i + n] != ' ';) n++;
        if (n == 0) continue;
        if (column > 0 && column + 1 + n > COLUMNS) {
            rome99_text_puts(out, "\n");
            column = 0;
        }
        rome99_text_printf(out, "%*s", column > 0 ? 1 : indent, "");
        column += n + (size_t)(column > 0 ? 1 : indent);
        rome99_text_put(out, s + i, n);
        if (!out->failed) rome99_plain(out->bytes + out->size - n, n);
        i += n;
    }
    rome99_text_puts(out, "\n");
}

/* Prints the sentences of s, and empties it. */
static void flush(rome99_text *out, rome99_text *s) {
    if (s->bytes) put_words(out, 0, s->bytes, s->size);
    out->failed |= s->failed;
    s->size = 0;
}

/* ------------------------------------------------------------------ where the two part */

/* How many rows at the start of two tensors are within a tolerance of the norm: (rows, cols) of both. */
static size_t rows_alike(const rome99_outcome *o, size_t rows, double tol) {
    const size_t cols = o->t->cols;
    rome99_golden_tensor a = *o->t, b = *o->got;
    size_t r;
    a.rows = b.rows = 1;
    for (r = 0; r < rows; r++) {
        a.data = (char *)o->t->data + 8 * r * cols;
        b.data = (char *)o->got->data + 8 * r * cols;
        if (!(rome99_golden_compare(&a, &b).error <= tol)) break;
    }
    return r;
}

/* In a table of rows, where they part; errors of a row are measured over that row. */
static void describe_rows(rome99_text *s, const rome99_outcome *o) {
    const size_t common = o->got->rows < o->t->rows ? o->got->rows : o->t->rows;
    size_t alike;
    if (o->t->cols == 1 || common < 2) return;
    alike = rows_alike(o, common, o->wanted == ROME99_IN_F32 ? o->t->tol32 : 8.0 * o->t->tol64);
    if (alike == common)
        rome99_text_printf(s, "the first %zu rows agree; ", common);
    else if (alike > 1)
        rome99_text_printf(s, "rows 0 to %zu agree, row %zu does not; ", alike - 1, alike);
    else if (alike == 1)
        rome99_text_puts(s, "row 0 agrees, row 1 does not; ");
    else
        rome99_text_puts(s, "row 0 is the first apart; ");
}

/* What is wrong with a tensor. */
static void describe(rome99_text *s, const rome99_outcome *o) {
    if (o->state == ROME99_MISSING) rome99_text_puts(s, "it is missing. ");
    if (o->state == ROME99_NO_NUMBERS)
        rome99_text_puts(s, "its elements are of a type that cannot be read. ");
    if (o->state == ROME99_OTHER_SHAPE) {
        if (o->got->cols == o->t->cols) describe_rows(s, o);
        rome99_text_printf(
            s, "it is %zux%zu, not %zux%zu%s. ", o->got->rows, o->got->cols, o->t->rows, o->t->cols,
            o->t->cols == 1 && o->got->rows == 1 && o->got->cols == o->t->rows ? " (a vector is n x 1)" : "");
    }
    if (o->state == ROME99_COMPARED) describe_rows(s, o);
    if (o->state == ROME99_COMPARED && !o->t->integer && o->wanted != ROME99_EXACT)
        rome99_text_printf(s, "the error is %.1e, allowed are %.1e; ", o->d.error,
                           o->wanted == ROME99_IN_F64 ? o->t->tol64 : o->t->tol32);
    if (o->state == ROME99_COMPARED || o->state == ROME99_HAS_NAN)
        rome99_text_printf(s, "%sat %zu,%zu it is %.17g, not %.17g. ",
                           o->t->rows * o->t->cols > 1 ? "worst " : "", o->d.row, o->d.col, o->d.got,
                           o->d.expected);
}

static void put_mistake(rome99_text *out, rome99_text *s, const rome99_comparison *c,
                        const rome99_outcome *o) {
    const rome99_class reached = o->from_mistake.reached;
    char slug[2 * NAME + 1];
    size_t i;
    shorten(slug, strchr(o->mistake->name, '!') + 1, 2 * NAME);
    rome99_text_printf(s, "It is what a known mistake gives (class %s%s), %s:", class_names[reached],
                       reached == ROME99_IN_F32 ? " only" : "", slug);
    flush(out, s);
    for (i = 0; i < c->golden->texts; i++)
        if (strcmp(c->golden->text[i].name, o->mistake->name) == 0)
            put_words(out, 4, c->golden->text[i].bytes, c->golden->text[i].size);
}

/* The mistakes that tensors after the first show. */
static void put_other_mistakes(rome99_text *out, rome99_text *s, const rome99_comparison *c,
                               const rome99_outcome *first) {
    const rome99_outcome *o, *end = c->of + c->golden->tensors;
    char name[NAME + 1], slug[2 * NAME + 1];
    size_t n = 0;
    for (o = first + 1; o < end; o++) {
        if (!o->mistake || ++n > 8) continue;
        rome99_text_printf(s, "%s %s (%s)", n == 1 ? "Known mistakes further on:" : ",",
                           shorten(name, o->t->name, NAME),
                           shorten(slug, strchr(o->mistake->name, '!') + 1, 2 * NAME));
    }
    if (n > 8) rome99_text_printf(s, " and %zu more", n - 8);
    if (n > 0) flush(out, s);
}

/* The first expected tensor that is there and differs; if none is, the first that is missing; or NULL. */
static const rome99_outcome *first_difference(const rome99_comparison *c) {
    const rome99_outcome *o, *end = c->of + c->golden->tensors, *missing = NULL;
    for (o = c->of; o < end; o++) {
        if (o->t->role != ROME99_EXPECTED || !o->differs) continue;
        if (o->state != ROME99_MISSING) return o;
        if (!missing) missing = o;
    }
    return missing;
}

static void put_where(rome99_text *out, const rome99_comparison *c) {
    const rome99_outcome *o, *end = c->of + c->golden->tensors, *input = NULL, *first = first_difference(c);
    rome99_text s = {0};
    char name[2 * NAME + 1];
    size_t right = 0, missing = 0;
    for (o = c->of; o < end; o++) {
        if (!input && o->differs && o->t->role == ROME99_INPUT) input = o;
        right += first && o < first && o->t->role == ROME99_EXPECTED && o->state == ROME99_COMPARED;
        missing += first && o < first && o->state == ROME99_MISSING;
    }
    if (!input && !first) return;
    rome99_text_puts(out, "\nWHERE THE TWO PART\n");
    if (input) {
        rome99_text_printf(
            &s, "Input %s must be the case's, bit for bit: ", shorten(name, input->t->name, 2 * NAME));
        describe(&s, input);
        flush(out, &s);
    }
    if (first) {
        rome99_text_printf(&s, "%s is the first, in the order of the data flow, that differs: ",
                           shorten(name, first->t->name, 2 * NAME));
        describe(&s, first);
        rome99_text_puts(&s, right == 0    ? "Nothing comes before it."
                             : missing > 0 ? "What comes before it and is there is right."
                                           : "Everything before it is right.");
        if (!first->mistake && first->state == ROME99_COMPARED)
            rome99_text_puts(&s,
                             first->d.reached == ROME99_IN_F32
                                 ? " It is as near as float32 comes: if it was computed so, give --class f32."
                                 : " It is what none of the known mistakes gives.");
        flush(out, &s);
        if (first->mistake) put_mistake(out, &s, c, first);
        put_other_mistakes(out, &s, c, first);
    }
    rome99_text_free(&s);
}

/* The last line. Returns 0: the same, 1: it differs. */
static int put_verdict(rome99_text *out, const rome99_comparison *c) {
    const rome99_outcome *first = first_difference(c);
    rome99_class reached = ROME99_EXACT;
    char name[2 * NAME + 1];
    size_t i;
    for (i = 0; i < c->golden->tensors; i++) {
        const rome99_outcome *o = &c->of[i];
        if (o->t->role != ROME99_EXPECTED || o->state == ROME99_UNASKED) continue;
        if (!o->differs && o->d.reached > reached) reached = o->d.reached;
    }
    rome99_text_puts(out, "\n");
    if (c->expected == 0) {
        rome99_text_puts(out, "differs: no tensor can be compared\n");
    } else if (first) {
        rome99_text_printf(out, "differs: %zu of %zu tensors, first %s\n", c->differing, c->expected,
                           shorten(name, first->t->name, 2 * NAME));
    } else if (c->inputs_differing > 0) {
        rome99_text_printf(out, "differs: inputs, but 0 of %zu tensors\n", c->expected);
    } else {
        rome99_text_printf(out, "same: %zu tensor%s, class %s\n", c->expected, c->expected == 1 ? "" : "s",
                           class_names[reached]);
        return 0;
    }
    return 1;
}

int rome99_golden_report(rome99_text *out, const rome99_golden *golden, const rome99_golden *candidate,
                         int asked) {
    rome99_comparison c;
    int verdict = rome99_comparison_make(&c, golden, candidate, asked);
    if (!verdict) {
        put_table(out, &c);
        put_where(out, &c);
        verdict = put_verdict(out, &c);
    }
    rome99_comparison_free(&c);
    return out->failed ? -1 : verdict;
}
