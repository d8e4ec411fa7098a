/* json.c: the JSON reader of json.h. A document is its text; one node for each value and key, in the order of
   the text; and the decoded strings, each as far in as it begins in the text. The first character of a
   value's text tells its kind. */
#include "files/json.h"
#include "files/unicode.h"
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t at;   /* where it begins in the text */
    uint32_t size; /* of an array or object: its elements or members; of a string: decoded bytes */
    uint32_t next; /* the node behind it and all that is in it */
} node;

struct rome99_json {
    char where[256];
    size_t line;                   /* of `where`, in which the text begins */
    unsigned char *text, *strings; /* (size), then a NUL */
    node *nodes;                   /* (count): an object's members are a key, its value, a key ... */
    size_t size, count;
    const unsigned char *at; /* while it is read: the rest of the text */
    rome99_error *e;
};

/* Adds the node of what begins here. */
static node *add_node(rome99_json *d) {
    node *n = &d->nodes[d->count++];
    *n = (node){(uint32_t)(d->at - d->text), 0, (uint32_t)d->count};
    return n;
}

static int fail(rome99_json *d, const char *what) {
    add_node(d);
    return rome99_json_fail(d->e, (rome99_value){d, d->count - 1}, "%s", what);
}

static void skip_blanks(rome99_json *d) {
    while (*d->at == ' ' || *d->at == '\n' || *d->at == '\r' || *d->at == '\t') d->at++;
}

/* Four hexadecimal digits, or a value above 0xFFFF. */
static uint32_t hex4(const unsigned char *s) {
    char digits[5] = "";
    strncat(digits, (const char *)s, 4);
    if (strspn(digits, "0123456789abcdefABCDEF") < 4) return 0x10000;
    return (uint32_t)strtoul(digits, NULL, 16);
}

/* The character for the escape at s, a backslash; returns the escape's length, 0 if it is bad. */
static size_t read_escape(uint32_t *c, const unsigned char *s) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = s[1] ? strchr(names, s[1]) : NULL;
    uint32_t low;
    *c = name ? (unsigned char)values[name - names] : s[1] == 'u' ? hex4(s + 2) : 0x10000;
    if (*c < 0xD800 || *c > 0xDFFF) return name ? 2 : *c <= 0xFFFF ? 6 : 0;
    low = *c < 0xDC00 && s[6] == '\\' && s[7] == 'u' ? hex4(s + 8) : 0;
    *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
    return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

static int read_string(rome99_json *d) {
    const rome99_value self = {d, d->count};
    const unsigned char *end = d->text + d->size;
    node *string = add_node(d);
    unsigned char *first = d->strings + string->at, *out = first;
    size_t n;
    for (d->at++; *d->at >= 0x20 && *d->at != '"'; d->at += n) {
        uint32_t c = *d->at;
        n = c < 0x80 ? 1 : rome99_utf8_decode(&c, d->at, (size_t)(end - d->at));
        if (n == 0) return fail(d, "not UTF-8");
        if (c == '\\') n = read_escape(&c, d->at);
        if (n == 0) return fail(d, "a bad escape or lone surrogate");
        out += rome99_utf8_encode(out, c);
    }
    if (d->at == end) return rome99_json_fail(d->e, self, "a string without end");
    if (*d->at != '"') return fail(d, "a control character in a string");
    d->at++;
    *out = '\0';
    string->size = (uint32_t)(out - first);
    return 0;
}

/* Steps over `before` characters and the digits behind them, one or more. */
static int skip_digits(rome99_json *d, int before) {
    d->at += before;
    if (*d->at < '0' || *d->at > '9') return fail(d, "expected a digit");
    while (*d->at >= '0' && *d->at <= '9') d->at++;
    return 0;
}

static int read_number(rome99_json *d) {
    const unsigned char *s = d->at + (*d->at == '-');
    add_node(d);
    d->at = *s == '0' ? s + 1 : s;
    if (*s != '0' && skip_digits(d, 0)) return -1;
    if (*d->at == '.' && skip_digits(d, 1)) return -1;
    if (*d->at != 'e' && *d->at != 'E') return 0;
    return skip_digits(d, d->at[1] == '+' || d->at[1] == '-' ? 2 : 1);
}

static int read_word(rome99_json *d) {
    const char *word = *d->at == 'n' ? "null" : *d->at == 't' ? "true" : "false";
    if (strncmp((const char *)d->at, word, strlen(word)) != 0) return fail(d, "expected a value");
    add_node(d);
    d->at += strlen(word);
    return 0;
}

static int read_value(rome99_json *d, int depth);

/* An array or an object. */
static int read_items(rome99_json *d, int depth) {
    const int keys = *d->at == '{', close = keys ? '}' : ']';
    node *self = add_node(d);
    if (depth == 64) return fail(d, "nested deeper than 64");
    do {
        d->at++; /* the bracket or a comma */
        skip_blanks(d);
        if (self->size == 0 && *d->at == close) break;
        if (keys && *d->at != '"') return fail(d, "expected a key in double quotes");
        if (keys && read_value(d, depth)) return -1;
        if (keys && *d->at != ':') return fail(d, "expected ':'");
        d->at += keys;
        if (read_value(d, depth + 1)) return -1;
        self->size++;
    } while (*d->at == ',');
    if (*d->at != close) return fail(d, keys ? "expected ',' or '}'" : "expected ',' or ']'");
    d->at++;
    self->next = (uint32_t)d->count;
    return 0;
}

/* A value and the blanks on both sides. */
static int read_value(rome99_json *d, int depth) {
    int c, failed;
    skip_blanks(d);
    c = *d->at;
    failed = c == '"'                             ? read_string(d)
             : c == '[' || c == '{'               ? read_items(d, depth)
             : c == '-' || (c >= '0' && c <= '9') ? read_number(d)
                                                  : read_word(d);
    skip_blanks(d);
    return failed;
}

int rome99_json_parse_line(rome99_json **doc, const char *where, size_t line, const unsigned char *text,
                           size_t size, rome99_error *e) {
    rome99_json *d = *doc = calloc(1, sizeof *d);
    size_t most = 2, i; /* nodes: the first, one for an error, the others behind one of four characters */
    int failed;
    for (i = 0; i < size; i++) most += text[i] == '[' || text[i] == '{' || text[i] == ',' || text[i] == ':';
    if (d) d->text = calloc(size + 1, 2);
    if (d) d->nodes = calloc(most, sizeof *d->nodes);
    if (!d || !d->text || !d->nodes || size >= UINT32_MAX) {
        failed = rome99_fail(e, where, "too large: out of memory");
    } else {
        snprintf(d->where, sizeof d->where, "%s", where);
        d->line = line;
        d->at = size > 0 ? memcpy(d->text, text, size) : d->text;
        d->strings = d->text + size + 1;
        d->size = size;
        d->e = e;
        failed = read_value(d, 0);
        if (!failed && d->at < d->text + size) failed = fail(d, "expected the end");
    }
    if (!failed) return 0;
    rome99_json_free(d);
    *doc = NULL;
    return -1;
}

int rome99_json_parse(rome99_json **doc, const char *where, const unsigned char *text, size_t size,
                      rome99_error *e) {
    return rome99_json_parse_line(doc, where, 1, text, size, e);
}

int rome99_json_read(rome99_json **doc, const char *path, rome99_error *e) {
    unsigned char *text;
    size_t size;
    int failed;
    *doc = NULL;
    if (rome99_read_file(&text, &size, path, e)) return -1;
    failed = rome99_json_parse(doc, path, text, size, e);
    free(text);
    return failed;
}

void rome99_json_free(rome99_json *doc) {
    if (!doc) return;
    free(doc->text);
    free(doc->nodes);
    free(doc);
}

static const node *node_of(rome99_value v) { return &v.doc->nodes[v.node]; }
static const char *text_of(rome99_value v) { return (const char *)v.doc->text + node_of(v)->at; }
rome99_value rome99_json_root(const rome99_json *doc) { return (rome99_value){doc, 0}; }
size_t rome99_json_length(rome99_value v) { return node_of(v)->size; }
const char *rome99_json_string(rome99_value v) { return (const char *)v.doc->strings + node_of(v)->at; }
int rome99_json_boolean(rome99_value v) { return *text_of(v) == 't'; }

rome99_kind rome99_json_kind(rome99_value v) {
    static const char *const first[] = {"n", "tf", "-0123456789", "\"", "[", "{"}; /* by kind */
    int kind = 0;
    while (!strchr(first[kind], *text_of(v))) kind++;
    return (rome99_kind)kind;
}

rome99_items rome99_json_items(rome99_value v) {
    return (rome99_items){v.doc, v.node + 1, node_of(v)->next, *text_of(v) == '{'};
}

int rome99_json_next(rome99_items *i, rome99_value *key, rome99_value *item) {
    if (i->node == i->end) return 0;
    if (i->keys && key) *key = (rome99_value){i->doc, i->node};
    *item = (rome99_value){i->doc, i->node + (i->keys ? 1 : 0)};
    i->node = node_of(*item)->next;
    return 1;
}

int rome99_json_member(rome99_value *item, rome99_value object, const char *key, rome99_error *e) {
    rome99_items i = rome99_json_items(object);
    rome99_value k, v;
    int found = 0;
    if (!i.keys) return rome99_json_fail(e, object, "must be an object");
    while (rome99_json_next(&i, &k, &v)) {
        const size_t size = rome99_json_length(k);
        if (size != strlen(key) || memcmp(rome99_json_string(k), key, size) != 0) continue;
        if (found++) return rome99_json_fail(e, k, "\"%s\" is there twice", key);
        *item = v;
    }
    return found;
}

int rome99_json_require(rome99_value *item, rome99_value object, const char *key, rome99_kind kind,
                        rome99_error *e) {
    static const char *const names[] = {"null",     "true or false", "a number",
                                        "a string", "an array",      "an object"};
    const int found = rome99_json_member(item, object, key, e);
    if (found < 0) return -1;
    if (!found) return rome99_json_fail(e, object, "\"%s\" is missing", key);
    if (rome99_json_kind(*item) == kind) return 0;
    return rome99_json_fail(e, *item, "\"%s\" must be %s", key, names[kind]);
}

int rome99_json_sizes(size_t *x, size_t *n, size_t most, rome99_value object, const char *key,
                      rome99_error *e) {
    rome99_value v;
    rome99_items i;
    uint64_t value = 0;
    if (rome99_json_require(&v, object, key, ROME99_ARRAY, e)) return -1;
    *n = rome99_json_length(v);
    if (*n > most) return rome99_json_fail(e, v, "\"%s\" has more than %zu numbers", key, most);
    for (i = rome99_json_items(v); rome99_json_next(&i, NULL, &v); *x++ = (size_t)value)
        if (rome99_json_integer(&value, v, SIZE_MAX / 2, e)) return -1;
    return 0;
}

int rome99_json_double(double *x, rome99_value v, rome99_error *e) {
    if (rome99_json_kind(v) != ROME99_NUMBER) return rome99_json_fail(e, v, "must be a number");
    *x = strtod(text_of(v), NULL); /* what follows a number cannot be part of one */
    return *x >= -DBL_MAX && *x <= DBL_MAX ? 0 : rome99_json_fail(e, v, "too large a number");
}

int rome99_json_integer(uint64_t *x, rome99_value v, uint64_t max, rome99_error *e) {
    const char *s = text_of(v);
    unsigned long long value;
    char *end;
    errno = 0;
    value = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || errno != 0 || value > max || *end == '.' || *end == 'e' || *end == 'E')
        return rome99_json_fail(e, v, "must be a whole number from 0 to %" PRIu64, max);
    *x = value;
    return 0;
}

int rome99_json_fail(rome99_error *e, rome99_value v, const char *format, ...) {
    const unsigned char *s = v.doc->text, *begin = s, *at = s + node_of(v)->at;
    size_t line = v.doc->line;
    char what[384];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    for (; (s = memchr(s, '\n', (size_t)(at - s))) != NULL; begin = ++s) line++;
    return rome99_fail(e, NULL, "%.255s:%zu:%zu: %s", v.doc->where, line, (size_t)(at - begin) + 1, what);
}
