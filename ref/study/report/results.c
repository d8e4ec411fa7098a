/* results.c: reads result files, checks them against one another, keeps complete runs; members of lines. */
#include "study/report/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------- order */

/* The number of an experiment in study.h; ROME99_EXPERIMENTS: there is none. */
static size_t order_of(const char *experiment) {
    size_t i = 0;
    while (i < ROME99_EXPERIMENTS && strcmp(rome99_experiments[i]->name, experiment) != 0) i++;
    return i;
}

static int compare_runs(const rome99_header *a, size_t experiment, const char *name) {
    const size_t mine = order_of(a->experiment);
    return mine != experiment ? (mine > experiment) - (mine < experiment) : strcmp(a->name, name);
}

static int same_run(const rome99_result *a, const rome99_result *b) {
    return compare_runs(&a->header, order_of(b->header.experiment), b->header.name) == 0;
}

/* Lines that are there more than once are in the order of their places. */
static int compare_lines(const void *left, const void *right) {
    const rome99_result *a = left, *b = right;
    int c = compare_runs(&a->header, order_of(b->header.experiment), b->header.name);
    if (!c) c = (a->header.line > b->header.line) - (a->header.line < b->header.line);
    if (!c) c = strcmp(a->path, b->path);
    return c ? c : (a->number > b->number) - (a->number < b->number);
}

/* ----------------------------------------------------------------------------- reading */

static void add_remark(rome99_results *r, const rome99_error *remark) {
    rome99_text_puts(&r->remarks, remark->text);
    rome99_text_puts(&r->remarks, "\n");
}

/* Of a name, with its NUL. */
enum { NAME_ROOM = sizeof(((rome99_study *)NULL)->name) };

/* What a line has to be beyond what rome99_line_read asks. */
static int check_line(const rome99_result *line, rome99_error *e) {
    const rome99_header *h = &line->header;
    const unsigned long number = (unsigned long)line->number;
    if (order_of(h->experiment) == ROME99_EXPERIMENTS)
        return rome99_fail(e, line->path, "line %lu: unknown experiment \"%.60s\"", number, h->experiment);
    if (h->name_size >= NAME_ROOM)
        return rome99_fail(e, line->path, "line %lu: \"name\" has more than %d bytes", number, NAME_ROOM - 1);
    if (h->line >= h->lines)
        return rome99_fail(e, line->path, "line %lu: \"line\" must be less than \"lines\"", number);
    return 0;
}

/* Adds a line, behind which there is a newline: room is doubled whenever n is a power of 2. */
static int read_line(rome99_results *r, const char *path, size_t number, const char *text, size_t size,
                     rome99_error *e) {
    rome99_result line = {{0}, NULL, path, number};
    if (strspn(text, " \t\r") == size)
        return rome99_fail(e, path, "line %lu: is blank", (unsigned long)number);
    if (rome99_line_read(&line.header, &line.doc, path, number, text, size, e)) return -1;
    if ((r->n & (r->n - 1)) == 0) {
        const size_t room = r->n ? 2 * r->n : 1;
        rome99_result *more = room <= SIZE_MAX / sizeof *more ? realloc(r->line, room * sizeof *more) : NULL;
        if (!more) {
            rome99_json_free(line.doc);
            return rome99_fail(e, path, "too large: out of memory");
        }
        r->line = more;
    }
    r->line[r->n++] = line;
    return check_line(&line, e);
}

static int read_file(rome99_results *r, const char *path, rome99_error *e) {
    unsigned char *text;
    size_t size, length, at, number = 1;
    int whole, failed = 0;
    rome99_error remark;
    if (rome99_read_file(&text, &size, path, e)) return -1;
    if (!size) {
        rome99_fail(&remark, path, "is empty");
        add_remark(r, &remark);
    }
    for (at = 0; !failed && at < size; at += length + 1, number++) {
        length = rome99_line_size(&whole, text + at, size - at);
        if (whole) {
            failed = read_line(r, path, number, (const char *)text + at, length, e);
        } else {
            rome99_fail(&remark, path, "line %lu is cut off: left out", (unsigned long)number);
            add_remark(r, &remark);
        }
    }
    free(text);
    return failed;
}

/* ---------------------------------------------------------------------------- checking */

/* Whether two values are equal, members in the same order; numbers too large for a double equal none. As deep
 * as a document may be nested: 64. */
static int same_value(rome99_value a, rome99_value b) {
    const rome99_kind kind = rome99_json_kind(a);
    const size_t length = rome99_json_length(a);
    rome99_items i = rome99_json_items(a), j = rome99_json_items(b);
    rome99_value ka = a, kb = b, va, vb;
    rome99_error ignored;
    double x, y;
    if (kind != rome99_json_kind(b) || length != rome99_json_length(b)) return 0;
    if (kind == ROME99_BOOLEAN) return rome99_json_boolean(a) == rome99_json_boolean(b);
    if (kind == ROME99_NUMBER)
        return !rome99_json_double(&x, a, &ignored) && !rome99_json_double(&y, b, &ignored) && x == y;
    if (kind == ROME99_STRING) return memcmp(rome99_json_string(a), rome99_json_string(b), length) == 0;
    while (rome99_json_next(&i, &ka, &va) && rome99_json_next(&j, &kb, &vb))
        if ((kind == ROME99_OBJECT && !same_value(ka, kb)) || !same_value(va, vb)) return 0;
    return 1;
}

/* Fails if two lines that say to be the same do not. */
static int check_contents(const rome99_result *a, const rome99_result *b, rome99_error *e) {
    rome99_items i = rome99_json_items(rome99_json_root(a->doc));
    rome99_items j = rome99_json_items(rome99_json_root(b->doc));
    rome99_value ka, kb, va, vb;
    const char *differs = NULL;
    while (!differs) {
        const int more = rome99_json_next(&i, &ka, &va);
        if (rome99_json_next(&j, &kb, &vb) != more || (more && !same_value(ka, kb)))
            differs = "list of members";
        else if (!more)
            return 0;
        else if (!same_value(va, vb))
            differs = rome99_json_string(ka);
    }
    return rome99_fail(e, NULL, "%.150s: line %lu: line %lu of %s of %s: another %.40s than %.150s: line %lu",
                       b->path, (unsigned long)b->number, (unsigned long)b->header.line, b->header.experiment,
                       b->header.name, differs, a->path, (unsigned long)a->number);
}

/* Fails if two lines of one run disagree. */
static int check_pair(const rome99_result *left, const rome99_result *right, rome99_error *e) {
    const rome99_header *a = &left->header, *b = &right->header;
    const char *differs = strcmp(a->model, b->model) != 0     ? "another model"
                          : strcmp(a->inputs, b->inputs) != 0 ? "other inputs"
                          : a->seed != b->seed                ? "another seed"
                          : a->lines != b->lines              ? "another number of lines"
                                                              : NULL;
    if (!differs) return a->line == b->line ? check_contents(left, right, e) : 0;
    return rome99_fail(e, NULL, "%.150s: line %lu: %s of %s: %s than %.150s: line %lu", right->path,
                       (unsigned long)right->number, b->experiment, b->name, differs, left->path,
                       (unsigned long)left->number);
}

/* Of sorted and checked lines: one of each. */
static void drop_repeated(rome99_results *r) {
    size_t i, kept = 0;
    for (i = 0; i < r->n; i++) {
        rome99_result *last = kept ? &r->line[kept - 1] : NULL;
        if (last && same_run(last, &r->line[i]) && last->header.line == r->line[i].header.line)
            rome99_json_free(r->line[i].doc);
        else
            r->line[kept++] = r->line[i];
    }
    r->n = kept;
}

/* Of lines that are different: runs that have as many as they say. */
static int keep_complete(rome99_results *r, rome99_error *e) {
    size_t first, end, kept = 0;
    r->run = calloc(r->n + 1, sizeof *r->run);
    if (!r->run) return rome99_fail(e, NULL, "out of memory");
    for (first = 0; first < r->n; first = end) {
        const rome99_header h = r->line[first].header;
        rome99_error remark;
        for (end = first + 1; end < r->n && same_run(&r->line[first], &r->line[end]);) end++;
        if (end - first == h.lines) {
            memmove(r->line + kept, r->line + first, h.lines * sizeof *r->line);
            r->run[r->runs++] = kept;
            kept += h.lines;
            continue;
        }
        rome99_fail(&remark, NULL, "%s of %s: %lu of %lu lines are there: left out", h.experiment, h.name,
                    (unsigned long)(end - first), (unsigned long)h.lines);
        add_remark(r, &remark);
        while (first < end) rome99_json_free(r->line[first++].doc);
    }
    r->n = kept;
    return 0;
}

int rome99_results_read(rome99_results *r, const char *const *paths, size_t n, rome99_error *e) {
    size_t i;
    int failed = 0;
    *r = (rome99_results){0};
    rome99_text_puts(&r->remarks, "");
    for (i = 0; !failed && i < n; i++) failed = read_file(r, paths[i], e);
    if (!failed && r->n) qsort(r->line, r->n, sizeof *r->line, compare_lines);
    for (i = 1; !failed && i < r->n; i++)
        if (same_run(&r->line[i - 1], &r->line[i])) failed = check_pair(&r->line[i - 1], &r->line[i], e);
    if (!failed) {
        drop_repeated(r);
        failed = keep_complete(r, e);
    }
    if (!failed && r->remarks.failed) failed = rome99_fail(e, NULL, "out of memory");
    if (failed) rome99_results_free(r);
    return failed;
}

void rome99_results_free(rome99_results *r) {
    size_t i;
    for (i = 0; i < r->n; i++) rome99_json_free(r->line[i].doc);
    free(r->line);
    free(r->run);
    rome99_text_free(&r->remarks);
    *r = (rome99_results){0};
}

/* ------------------------------------------------------------------------------- parts */

/* How many runs stand before the first that is not before (experiment, name). */
static size_t runs_before(const rome99_results *r, size_t experiment, const char *name) {
    size_t lo = 0, hi = r->runs;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        if (compare_runs(&r->line[r->run[middle]].header, experiment, name) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

rome99_lines rome99_results_of(const rome99_results *r, const char *experiment, const char *name) {
    const size_t x = order_of(experiment), first = runs_before(r, x, name ? name : "");
    const size_t behind = runs_before(r, x + 1, "");
    size_t end;
    if (first == behind || (name && strcmp(r->line[r->run[first]].header.name, name) != 0))
        return (rome99_lines){NULL, 0};
    end = name ? first + 1 : behind;
    return (rome99_lines){r->line + r->run[first], (end < r->runs ? r->run[end] : r->n) - r->run[first]};
}

const char *rome99_results_name(const rome99_results *r, const char *experiment, size_t i) {
    const size_t x = order_of(experiment), first = runs_before(r, x, "");
    return i < runs_before(r, x + 1, "") - first ? r->line[r->run[first + i]].header.name : NULL;
}

/* ----------------------------------------------------------------------------- members */

/* Keeps the first failure. Returns -1. */
static int malformed(rome99_error *e, const rome99_result *r, const char *member, const char *what) {
    if (e->text[0]) return -1;
    return rome99_fail(e, r->path, "line %lu: \"%s\" %s", (unsigned long)r->number, member, what);
}

static int find(rome99_value *v, const rome99_result *r, const char *member, rome99_error *e) {
    rome99_error ignored;
    const int found = rome99_json_member(v, rome99_json_root(r->doc), member, &ignored);
    return found > 0 ? 0 : malformed(e, r, member, found ? "is there twice" : "is missing");
}

static int is_text(rome99_value v, const char *text) {
    return rome99_json_kind(v) == ROME99_STRING && rome99_json_length(v) == strlen(text) &&
           strcmp(rome99_json_string(v), text) == 0;
}

/* NULL, or what is wrong. */
static const char *to_number(double *x, rome99_value v) {
    const rome99_kind kind = rome99_json_kind(v);
    rome99_error ignored;
    *x = (double)NAN;
    if (kind == ROME99_NUMBER) return rome99_json_double(x, v, &ignored) ? "is too large a number" : NULL;
    if (kind == ROME99_BOOLEAN)
        *x = rome99_json_boolean(v);
    else if (is_text(v, "inf"))
        *x = HUGE_VAL;
    else if (is_text(v, "-inf"))
        *x = -HUGE_VAL;
    else if (kind != ROME99_NULL)
        return "must be a number";
    return NULL;
}

double rome99_result_number(const rome99_result *r, const char *member, rome99_error *e) {
    rome99_value v;
    const char *wrong;
    double x;
    if (find(&v, r, member, e)) return (double)NAN;
    wrong = to_number(&x, v);
    if (!wrong) return x;
    malformed(e, r, member, wrong);
    return (double)NAN;
}

const char *rome99_result_string(const rome99_result *r, const char *member, rome99_error *e) {
    rome99_value v;
    if (find(&v, r, member, e)) return "";
    if (rome99_json_kind(v) != ROME99_STRING)
        malformed(e, r, member, "must be a string");
    else if (strlen(rome99_json_string(v)) != rome99_json_length(v))
        malformed(e, r, member, "has a NUL");
    else
        return rome99_json_string(v);
    return "";
}

double *rome99_result_numbers(size_t *n, const rome99_result *r, const char *member, rome99_error *e) {
    rome99_value v;
    rome99_items items;
    const char *wrong = NULL;
    double *x;
    *n = 0;
    if (find(&v, r, member, e)) return NULL;
    if (rome99_json_kind(v) != ROME99_ARRAY) {
        malformed(e, r, member, "must be an array");
        return NULL;
    }
    x = calloc(rome99_json_length(v) + 1, sizeof *x);
    if (!x) wrong = "is too large: out of memory";
    for (items = rome99_json_items(v); !wrong && rome99_json_next(&items, NULL, &v);)
        wrong = to_number(&x[(*n)++], v);
    if (!wrong) return x;
    malformed(e, r, member, wrong);
    free(x);
    *n = 0;
    return NULL;
}
