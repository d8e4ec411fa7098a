/* format.c: the text format of golden cases. It is read within the bytes of the file: names and strings stay
 * there, NUL-terminated in place; tables and numbers follow in the same block of memory, counted first. */
#include "golden/format.h"
#include "files/json.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
enum { LONGEST = 8191, COMMENTED = 256 }; /* bytes of a line; values of a tensor with decimals */

static const char *const roles[] = {"input", "wrong", "expected"};
static const char *const classes[] = {"f64", "exact"};
static const char *const attributes[] = {"role=", "class=", "tol64=", "tol32="};

static double from_word(uint64_t word) {
    double x;
    memcpy(&x, &word, sizeof x);
    return x;
}

double rome99_golden_settled(double x) { return isnan(x) ? from_word((uint64_t)0x7ff8 << 48) : x; }

/* ---------------------------------------------------------------------------- writing */

/* " KEY=X", rounded up to two digits. */
static void write_tolerance(rome99_text *out, const char *key, double tol) {
    char s[32]; /* "d.de-XX" */
    snprintf(s, sizeof s, "%.1e", tol);
    if (tol <= DBL_MAX && strtod(s, NULL) < tol) {
        const int tenths = 10 * (s[0] - '0') + s[2] - '0' + 1, carry = tenths == 100;
        snprintf(s, sizeof s, "%d.%de%+03d", carry ? 1 : tenths / 10, tenths % 10, atoi(s + 4) + carry);
    }
    rome99_text_printf(out, " %s=%s", key, tol > DBL_MAX ? "none" : tol > 0.0 ? s : "0");
}

static void write_tensor(rome99_text *out, const rome99_golden_tensor *t) {
    const size_t n = t->rows * t->cols;
    size_t i;
    rome99_text_printf(out, "tensor %s %s %zu %zu role=%s class=%s", t->name, t->integer ? "i64" : "f64",
                       t->rows, t->cols, roles[t->role], classes[t->exact]);
    write_tolerance(out, "tol64", t->tol64);
    write_tolerance(out, "tol32", t->tol32);
    rome99_text_puts(out, "\n");
    for (i = 0; i < n && t->integer; i++)
        rome99_text_printf(out, "%" PRId64 "\n", ((const int64_t *)t->data)[i]);
    for (i = 0; i < n && !t->integer; i++) {
        const double x = rome99_golden_settled(((const double *)t->data)[i]);
        uint64_t word;
        memcpy(&word, &x, sizeof word);
        rome99_text_printf(out, "%016" PRIx64, word);
        if (n <= COMMENTED) rome99_text_puts(out, " # ");
        if (n <= COMMENTED && x >= -DBL_MAX && x <= DBL_MAX)
            rome99_text_json_double(out, x);
        else if (n <= COMMENTED)
            rome99_text_puts(out, x > 0.0 ? "inf" : x < 0.0 ? "-inf" : "nan");
        rome99_text_puts(out, "\n");
    }
}

void rome99_golden_write(rome99_text *out, const rome99_golden *c) {
    size_t i;
    int role;
    rome99_text_puts(out, ROME99_GOLDEN_MAGIC "\n");
    for (i = 0; i < c->notes; i++) rome99_text_printf(out, "%s = %s\n", c->note[i].key, c->note[i].value);
    for (i = 0; i < c->texts; i++) {
        rome99_text_printf(out, "text %s ", c->text[i].name);
        rome99_text_json_string(out, c->text[i].bytes, c->text[i].size);
        rome99_text_puts(out, "\n");
    }
    for (role = ROME99_INPUT; role <= ROME99_EXPECTED; role++)
        for (i = 0; i < c->tensors; i++)
            if ((int)c->tensor[i].role == role) write_tensor(out, &c->tensor[i]);
    rome99_text_printf(out, "end %zu\n", c->tensors);
}

/* ---------------------------------------------------------------------------- numbers */

/* s is `name`, of lower-case letters, in whatever case. */
static int spells(const char *s, const char *name) {
    while (*s && (*s | 0x20) == *name) s++, name++;
    return *s == *name;
}

/* Digits, perhaps with a point and an exponent: what every language means by that. */
static int is_decimal(const char *s) {
    size_t digits, more = 0;
    s += *s == '-' || *s == '+';
    s += digits = strspn(s, DIGITS);
    if (*s == '.') s += more = strspn(s + 1, DIGITS), s++;
    if (digits + more == 0) return 0;
    if (*s != 'e' && *s != 'E') return *s == '\0';
    s += s[1] == '-' || s[1] == '+' ? 2 : 1;
    return *s != '\0' && s[strspn(s, DIGITS)] == '\0';
}

/* These return 1, or 0 where s is no such number. */
static int read_decimal(double *x, const char *s) {
    *x = is_decimal(s) ? strtod(s, NULL) : HUGE_VAL;
    return *x >= -DBL_MAX && *x <= DBL_MAX;
}

static int read_double(double *x, const char *s, int strict) {
    const char *name = s + (*s == '-' || *s == '+');
    if (strlen(s) == 16 && s[strspn(s, DIGITS "abcdef")] == '\0') {
        *x = rome99_golden_settled(from_word((uint64_t)strtoull(s, NULL, 16)));
        return 1;
    }
    if (strict || read_decimal(x, s)) return !strict;
    *x = *s == '-' ? -HUGE_VAL : HUGE_VAL;
    if (spells(name, "nan")) *x = from_word((uint64_t)0x7ff8 << 48);
    return spells(name, "nan") || spells(name, "inf") || spells(name, "infinity");
}

static int read_integer(int64_t *x, const char *s) {
    const char *digits = s + (*s == '-');
    errno = 0;
    *x = strtoll(s, NULL, 10);
    return *digits != '\0' && digits[strspn(digits, DIGITS)] == '\0' && errno == 0;
}

static int read_size(size_t *x, const char *s) {
    unsigned long long value;
    errno = 0;
    *x = (size_t)(value = strtoull(s, NULL, 10));
    return *s != '\0' && s[strspn(s, DIGITS)] == '\0' && errno == 0 && value <= SIZE_MAX;
}

/* ------------------------------------------------------------------- reading the text */

/* Where a name is; sorted, to find equal ones. */
typedef struct {
    enum { NOTE, TEXT, TENSOR } kind;
    size_t line;
    const char *name;
} place;

typedef struct {
    const char *path;
    char *at, *end; /* the rest of the file, a NUL behind it */
    size_t line;    /* the number of the line that was read last */
    int strict;     /* a golden case, no candidate */
    int section;    /* notes 0, texts 1, tensors 2 + their role */
    rome99_golden *c;
    place *places;
    size_t names;   /* how many places */
    double *values; /* the next tensor's */
    size_t left;    /* how many there may be */
    rome99_error *e;
} reader;

static int fail(const reader *r, const char *format, ...) {
    char where[256], what[384];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(where, sizeof where, "%.230s:%zu", r->path, r->line);
    return rome99_fail(r->e, where, "%s", what);
}

/* The next line, with a NUL for its end; NULL where something is wrong with it. */
static char *next_line(reader *r) {
    char *line = r->at, *end = memchr(line, '\n', (size_t)(r->end - line));
    const int ended = end != NULL;
    r->line++;
    r->at = ended ? end + 1 : r->end;
    if (!ended) end = r->end;
    if (r->at == line || (!ended && r->strict))
        return fail(r, "the file ends before the end of 'end N'"), NULL;
    if (r->at - line > LONGEST) return fail(r, "a line of more than %d bytes", LONGEST), NULL;
    if (memchr(line, '\0', (size_t)(end - line))) return fail(r, "a NUL byte"), NULL;
    if (end > line && end[-1] == '\r') end--;
    *end = '\0';
    return line;
}

/* The next word of a line, "" where there is none. */
static char *next_word(char **line) {
    char *word = *line + strspn(*line, " "), *end = word + strcspn(word, " ");
    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* Notes the name, and checks that it may stand here. */
static int enter(reader *r, int section, const char *name) {
    if (!*name) return fail(r, "a name is missing");
    if (section < r->section && (r->strict || (section < 2 && r->section > 1)))
        return fail(r, "not in its place: notes, texts, inputs, wrong tensors, expected tensors");
    r->section = section;
    r->places[r->names].kind = section == 0 ? NOTE : section == 1 ? TEXT : TENSOR;
    r->places[r->names].line = r->line;
    r->places[r->names++].name = name;
    return 0;
}

static int read_note(reader *r, char *line) {
    char *equals = strstr(line, " = ");
    if (!equals || equals != line + strcspn(line, " "))
        return fail(r, "expected %s'tensor' or 'end N'", r->section < 2 ? "'KEY = VALUE', 'text', " : "");
    *equals = '\0';
    if (enter(r, 0, line)) return -1;
    rome99_golden_note_add(r->c, line, equals + 3);
    return 0;
}

static int read_text(reader *r, char *line) {
    const char *name = next_word(&line);
    rome99_json *doc;
    rome99_error e;
    char where[128];
    size_t size = 0;
    int string;
    if (enter(r, 1, name)) return -1;
    snprintf(where, sizeof where, "text '%.100s'", name);
    if (rome99_json_parse(&doc, where, (unsigned char *)line, strlen(line), &e))
        return fail(r, "%.300s", e.text);
    string = rome99_json_kind(rome99_json_root(doc)) == ROME99_STRING;
    if (string) size = rome99_json_length(rome99_json_root(doc));
    if (string) memcpy(line, rome99_json_string(rome99_json_root(doc)), size + 1); /* it is not longer */
    rome99_json_free(doc);
    if (!string) return fail(r, "text '%.100s' is no JSON string", name);
    rome99_golden_text_add(r->c, name, line, size);
    return 0;
}

static int index_of(const char *s, const char *const *list, int n) {
    int i = 0;
    while (i < n && strcmp(s, list[i]) != 0) i++;
    return i;
}

/* "role=R class=C tol64=X tol32=Y": in a golden case all of them. */
static int read_attributes(const reader *r, rome99_golden_tensor *t, char *rest) {
    int seen[4] = {0}, i, at = 0, good;
    const char *word, *value;
    while (*(word = next_word(&rest))) {
        for (i = 0; i < 4 && strncmp(word, attributes[i], strlen(attributes[i])) != 0;) i++;
        if (i == 4 || seen[i]++) return fail(r, "'%.100s' is unknown, or there twice", word);
        value = strchr(word, '=') + 1;
        if (i == 0)
            good = (at = index_of(value, roles, 3)) < 3, t->role = (rome99_role)at;
        else if (i == 1)
            good = (at = index_of(value, classes, 2)) < 2, t->exact = at;
        else
            good = read_decimal(i == 2 ? &t->tol64 : &t->tol32, value) && *value != '-';
        if (i == 3 && strcmp(value, "none") == 0) good = 1, t->tol32 = HUGE_VAL;
        if (!good) return fail(r, "tensor '%.100s': '%.100s' has no such value", t->name, word);
    }
    for (i = 0; i < 4 && r->strict; i++)
        if (!seen[i]) return fail(r, "tensor '%.100s' has no %s", t->name, attributes[i]);
    return 0;
}

static int read_values(reader *r, const rome99_golden_tensor *t) {
    const size_t n = t->rows * t->cols;
    size_t i;
    for (i = 0; i < n; i++) {
        char *line = next_line(r), *rest = line;
        const char *word;
        if (!line) return -1;
        word = next_word(&rest);
        if (!(t->integer ? read_integer((int64_t *)t->data + i, word)
                         : read_double((double *)t->data + i, word, r->strict)))
            return fail(r, "'%.60s' in the place of value %zu of the %zu of tensor '%.100s'", word, i + 1, n,
                        t->name);
        word = next_word(&rest);
        if (*word && *word != '#') return fail(r, "'%.60s' behind a value", word);
    }
    return 0;
}

static int read_tensor(reader *r, char *line) {
    rome99_golden_tensor *t = &r->c->tensor[r->c->tensors++];
    const char *type, *rows, *cols;
    memset(t, 0, sizeof *t);
    t->name = next_word(&line);
    type = next_word(&line);
    rows = next_word(&line);
    cols = next_word(&line);
    t->integer = t->exact = strcmp(type, "i64") == 0;
    t->role = ROME99_EXPECTED;
    t->data = r->values;
    if ((!t->integer && strcmp(type, "f64") != 0) || !read_size(&t->rows, rows) ||
        !read_size(&t->cols, cols) || (r->strict && (t->rows == 0 || t->cols == 0)))
        return fail(r, "expected 'tensor NAME f64|i64 ROWS COLUMNS ...'");
    if (t->rows && t->cols > r->left / t->rows)
        return fail(r, "tensor '%.100s' has %zu x %zu values, but there are only %zu more lines", t->name,
                    t->rows, t->cols, r->left);
    if (read_attributes(r, t, line) || enter(r, 2 + (int)t->role, t->name)) return -1;
    r->values += t->rows * t->cols;
    r->left -= t->rows * t->cols;
    return read_values(r, t);
}

static int by_name(const void *a, const void *b) {
    const place *p = a, *q = b;
    const int order = p->kind != q->kind ? (p->kind > q->kind) - (p->kind < q->kind)
                                         : strcmp(p->name, q->name);
    return order != 0 ? order : (p->line > q->line) - (p->line < q->line);
}

static int read_end(reader *r, const char *number) {
    static const char *const kinds[] = {"note", "text", "tensor"};
    const place *p = r->places;
    size_t n, i;
    if (!read_size(&n, number) || n != r->c->tensors)
        return fail(r, "'end %.60s', but there are %zu tensors", number, r->c->tensors);
    r->line++;
    if (r->at != r->end) return fail(r, "something follows 'end N'");
    qsort(r->places, r->names, sizeof *r->places, by_name);
    for (i = 1; i < r->names; i++) {
        r->line = p[i].line;
        if (p[i - 1].kind == p[i].kind && strcmp(p[i - 1].name, p[i].name) == 0)
            return fail(r, "%s '%.200s' is there twice", kinds[p[i].kind], p[i].name);
    }
    return 0;
}

static int read_lines(reader *r) {
    char *line = next_line(r);
    int failed;
    if (!line) return -1;
    if (strcmp(line, ROME99_GOLDEN_MAGIC) != 0) return fail(r, "must be '" ROME99_GOLDEN_MAGIC "'");
    while ((line = next_line(r)) != NULL) {
        if (strncmp(line, "end ", 4) == 0) return read_end(r, line + 4);
        if (strncmp(line, "tensor ", 7) == 0)
            failed = read_tensor(r, line + 7);
        else if (strncmp(line, "text ", 5) == 0)
            failed = read_text(r, line + 5);
        else
            failed = read_note(r, line);
        if (failed) return -1;
    }
    return -1;
}

/* Lays the tables for what the lines of the file can hold out behind its bytes. */
static void lay_out(reader *r, const char *bytes, size_t size) {
    const char *s, *end = bytes + size, *next;
    size_t notes = 0, texts = 0, tensors = 0;
    rome99_arena *a = &r->c->arena;
    for (s = bytes, r->left = 0; s < end; s = next) {
        next = memchr(s, '\n', (size_t)(end - s));
        next = next ? next + 1 : end;
        if (strncmp(s, "tensor ", 7) == 0)
            tensors++;
        else if (tensors > 0)
            r->left++;
        else if (strncmp(s, "text ", 5) == 0)
            texts++;
        else if (next - s > 3) /* "a = " */
            notes++;
    }
    a->used = 0;
    rome99_take(a, size + 1, 1);
    r->c->note = rome99_take(a, notes, sizeof *r->c->note);
    r->c->text = rome99_take(a, texts, sizeof *r->c->text);
    r->c->tensor = rome99_take(a, tensors, sizeof *r->c->tensor);
    r->places = rome99_take(a, notes + texts + tensors, sizeof *r->places);
    r->values = rome99_take(a, r->left, sizeof *r->values);
}

int rome99_golden_parse(rome99_golden *c, unsigned char *bytes, size_t size, const char *path, int strict,
                        rome99_error *e) {
    unsigned char *block;
    reader r = {.path = strcmp(path, "-") == 0 ? "standard input" : path, .strict = strict, .c = c, .e = e};
    memset(c, 0, sizeof *c);
    lay_out(&r, (char *)bytes, size);
    block = c->arena.used < SIZE_MAX ? realloc(bytes, c->arena.used) : NULL;
    if (!block) {
        free(bytes);
        return rome99_fail(e, r.path, "too large: out of memory");
    }
    c->arena.base = block;
    lay_out(&r, (char *)block, size);
    r.at = (char *)block;
    r.end = r.at + size;
    if (!read_lines(&r)) return 0;
    rome99_golden_free(c);
    return -1;
}

int rome99_golden_read(rome99_golden *c, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    return rome99_read_file(&bytes, &size, path, e) ? -1 : rome99_golden_parse(c, bytes, size, path, 1, e);
}

void rome99_golden_free(rome99_golden *c) {
    free(c->arena.base);
    memset(c, 0, sizeof *c);
}
