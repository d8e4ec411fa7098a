/* json.c: the JSON reader of json.h. A document is its text and, in the order of the text, one node
   of 12 bytes for each value and key. The first character of a value's text tells its kind; strings
   are decoded in place, behind their opening quote. */
#include "files/json.h"
#include "files/unicode.h"

#include <float.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

typedef struct {
    uint32_t at;   /* where it begins in the text */
    uint32_t size; /* of an array or object: its elements or members; of a string: decoded bytes */
    uint32_t next; /* the node behind it and all that is in it */
} node;

struct rome99_json {
    char *where;
    unsigned char *text; /* (size), then a NUL */
    size_t size;
    node *nodes; /* (count): an object's members are a key, its value, a key ... */
    size_t count, capacity;
};

typedef struct {
    rome99_json *doc;
    size_t at; /* what is before is read */
    rome99_error *e;
} reader;

static int fail_at(rome99_error *e, const rome99_json *doc, size_t at, const char *what) {
    size_t line = 1, begin = 0, n = 0, i;
    for (i = 0; i < at; i++) {
        if (n < doc->count && doc->nodes[n].at == i) {
            /* A decoded string may hold newlines that the file has not. */
            i += doc->text[i] == '"' ? doc->nodes[n].size : 0;
            n++;
        } else if (doc->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return rome99_fail(e, NULL, "%.255s:%zu:%zu: %s", doc->where, line, at - begin + 1, what);
}

static int fail(const reader *r, const char *what) { return fail_at(r->e, r->doc, r->at, what); }

/* Adds the node of the value at r->at. */
static int add_node(reader *r) {
    rome99_json *doc = r->doc;
    node *n = doc->nodes;
    if (doc->count == doc->capacity) {
        /* Each takes two bytes of the text or more, save arrays and objects that are still open. */
        const size_t most = doc->size / 2 + MAX_DEPTH + 2;
        size_t capacity = doc->capacity + doc->capacity / 2 + 16;
        if (capacity > most) capacity = most;
        n = capacity > SIZE_MAX / sizeof *n ? NULL : realloc(n, capacity * sizeof *n);
        if (n == NULL) return rome99_fail(r->e, doc->where, "out of memory");
        doc->nodes = n;
        doc->capacity = capacity;
    }
    n += doc->count++;
    n->at = (uint32_t)r->at;
    n->size = 0;
    n->next = (uint32_t)doc->count;
    return 0;
}

static void skip_blanks(reader *r) {
    const unsigned char *s = r->doc->text;
    while (s[r->at] == ' ' || s[r->at] == '\n' || s[r->at] == '\r' || s[r->at] == '\t') r->at++;
}

/* Four hexadecimal digits, or a value above 0xFFFF. */
static uint32_t hex4(const unsigned char *s) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t x = 0;
    int i;
    for (i = 0; i < 4; i++) {
        const char *d = s[i] == 0 ? NULL : strchr(digits, s[i]);
        if (d == NULL) return 0x10000;
        x = x << 4 | ((uint32_t)(d - digits) & 15);
    }
    return x;
}

/* The character for the escape at s, a backslash; returns the escape's length, 0 if it is bad. */
static size_t read_escape(uint32_t *c, const unsigned char *s) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = s[1] == 0 ? NULL : strchr(names, s[1]);
    uint32_t low;
    if (name != NULL) {
        *c = (unsigned char)values[name - names];
        return 2;
    }
    if (s[1] != 'u' || (*c = hex4(s + 2)) > 0xFFFF || (*c >= 0xDC00 && *c <= 0xDFFF)) return 0;
    if (*c < 0xD800 || *c > 0xDFFF) return 6;
    if (s[6] != '\\' || s[7] != 'u') return 0;
    low = hex4(s + 8);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

static int read_string(reader *r) {
    unsigned char *s = r->doc->text;
    const size_t begin = r->at, size = r->doc->size;
    size_t i = begin + 1, out = begin + 1, end, n;
    uint32_t c;
    for (; s[i] >= 0x20 && s[i] != '"'; i += n) { /* only check: messages need the text as it is */
        const int escape = s[i] == '\\';
        n = escape ? read_escape(&c, s + i) : rome99_utf8_decode(&c, s + i, size - i);
        if (n == 0) {
            return fail_at(r->e, r->doc, i,
                           escape ? "a bad escape or lone surrogate" : "not UTF-8");
        }
    }
    if (i == size) return fail(r, "a string without end");
    if (s[i] != '"') return fail_at(r->e, r->doc, i, "a control character in a string");
    if (add_node(r) != 0) return -1;
    end = i;
    for (i = begin + 1; i < end; i += n) {
        if (s[i] == '\\') {
            n = read_escape(&c, s + i);
            out += rome99_utf8_encode(s + out, c);
        } else {
            n = 1;
            s[out++] = s[i];
        }
    }
    s[out] = 0;
    r->doc->nodes[r->doc->count - 1].size = (uint32_t)(out - begin - 1);
    r->at = end + 1;
    return 0;
}

static int skip_digits(reader *r) {
    const size_t begin = r->at;
    while (r->doc->text[r->at] >= '0' && r->doc->text[r->at] <= '9') r->at++;
    return r->at > begin ? 0 : fail(r, "expected a digit");
}

static int read_number(reader *r) {
    const unsigned char *s = r->doc->text;
    if (add_node(r) != 0) return -1;
    r->at += s[r->at] == '-';
    if (s[r->at] == '0') {
        r->at++;
    } else if (skip_digits(r) != 0) {
        return -1;
    }
    if (s[r->at] == '.') {
        r->at++;
        if (skip_digits(r) != 0) return -1;
    }
    if (s[r->at] == 'e' || s[r->at] == 'E') {
        r->at++;
        r->at += s[r->at] == '+' || s[r->at] == '-';
        if (skip_digits(r) != 0) return -1;
    }
    return 0;
}

static int read_value(reader *r, int depth);

static int read_key(reader *r) {
    if (r->doc->text[r->at] != '"') return fail(r, "expected a key in double quotes");
    if (read_string(r) != 0) return -1;
    skip_blanks(r);
    if (r->doc->text[r->at] != ':') return fail(r, "expected ':'");
    r->at++;
    return 0;
}

/* An array or an object. */
static int read_items(reader *r, int depth) {
    const unsigned char *s = r->doc->text;
    const size_t self = r->doc->count;
    const int keys = s[r->at] == '{', close = keys ? '}' : ']';
    uint32_t count = 0;
    if (depth == MAX_DEPTH) return fail(r, "nested deeper than 64");
    if (add_node(r) != 0) return -1;
    r->at++;
    skip_blanks(r);
    while (count > 0 || s[r->at] != close) {
        if (keys && read_key(r) != 0) return -1;
        if (read_value(r, depth + 1) != 0) return -1;
        count++;
        if (s[r->at] == close) break;
        if (s[r->at] != ',') return fail(r, keys ? "expected ',' or '}'" : "expected ',' or ']'");
        r->at++;
        skip_blanks(r);
    }
    r->at++;
    r->doc->nodes[self].size = count;
    r->doc->nodes[self].next = (uint32_t)r->doc->count;
    return 0;
}

/* Reads a value and the blanks on both sides. */
static int read_value(reader *r, int depth) {
    const char *s;
    size_t n;
    int status;
    skip_blanks(r);
    s = (const char *)r->doc->text + r->at;
    if (*s == '"') {
        status = read_string(r);
    } else if (*s == '[' || *s == '{') {
        status = read_items(r, depth);
    } else if (*s == '-' || (*s >= '0' && *s <= '9')) {
        status = read_number(r);
    } else {
        n = strncmp(s, "null", 4) == 0 || strncmp(s, "true", 4) == 0 ? 4
          : strncmp(s, "false", 5) == 0 ? 5 : 0;
        if (n == 0) return fail(r, "expected a value");
        status = add_node(r);
        r->at += n;
    }
    skip_blanks(r);
    return status;
}

/* Reads `text`, malloc'ed and with a NUL behind, and owns it from the start. */
static int adopt(rome99_json **doc, const char *where, unsigned char *text, size_t size,
                 rome99_error *e) {
    reader r = {calloc(1, sizeof(rome99_json)), 0, e};
    char *name = malloc(strlen(where) + 1);
    int status;
    if (r.doc == NULL || name == NULL) {
        free(r.doc);
        free(name);
        free(text);
        return rome99_fail(e, where, "out of memory");
    }
    r.doc->where = strcpy(name, where);
    r.doc->text = text;
    r.doc->size = size;
    status = size < UINT32_MAX ? read_value(&r, 0) : rome99_fail(e, where, "JSON of 4 GiB or more");
    if (status == 0 && r.at < size) status = fail(&r, "expected the end");
    if (status == 0) *doc = r.doc;
    else rome99_json_free(r.doc);
    return status;
}

int rome99_json_parse(rome99_json **doc, const char *where, const unsigned char *text, size_t size,
                      rome99_error *e) {
    unsigned char *copy = size < SIZE_MAX ? malloc(size + 1) : NULL;
    *doc = NULL;
    if (copy == NULL) return rome99_fail(e, where, "out of memory");
    if (size > 0) memcpy(copy, text, size);
    copy[size] = 0;
    return adopt(doc, where, copy, size, e);
}

int rome99_json_read(rome99_json **doc, const char *path, rome99_error *e) {
    unsigned char *text;
    size_t size;
    *doc = NULL;
    if (rome99_read_file(&text, &size, path, e) != 0) return -1;
    return adopt(doc, path, text, size, e);
}

void rome99_json_free(rome99_json *doc) {
    if (doc == NULL) return;
    free(doc->where);
    free(doc->text);
    free(doc->nodes);
    free(doc);
}

rome99_value rome99_json_root(const rome99_json *doc) {
    return (rome99_value){doc, 0};
}

static const unsigned char *text_of(rome99_value v) {
    return v.doc->text + v.doc->nodes[v.node].at;
}

rome99_kind rome99_json_kind(rome99_value v) {
    const int c = *text_of(v);
    return c == 'n' ? ROME99_NULL : c == 't' || c == 'f' ? ROME99_BOOLEAN : c == '"' ? ROME99_STRING
         : c == '[' ? ROME99_ARRAY : c == '{' ? ROME99_OBJECT : ROME99_NUMBER;
}

size_t rome99_json_length(rome99_value v) { return v.doc->nodes[v.node].size; }

const char *rome99_json_string(rome99_value v) { return (const char *)text_of(v) + 1; }

int rome99_json_boolean(rome99_value v) { return *text_of(v) == 't'; }

rome99_items rome99_json_items(rome99_value v) {
    const rome99_kind kind = rome99_json_kind(v);
    rome99_items i = {v.doc, v.node + 1, v.node + 1, kind == ROME99_OBJECT};
    if (kind == ROME99_ARRAY || kind == ROME99_OBJECT) i.end = v.doc->nodes[v.node].next;
    return i;
}

int rome99_json_next(rome99_items *i, rome99_value *key, rome99_value *item) {
    if (i->node == i->end) return 0;
    if (i->keys && key != NULL) *key = (rome99_value){i->doc, i->node};
    *item = (rome99_value){i->doc, i->node + (i->keys ? 1 : 0)};
    i->node = i->doc->nodes[item->node].next;
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
        if (found) return rome99_json_fail(e, k, "\"%s\" is there twice", key);
        *item = v;
        found = 1;
    }
    return found;
}

int rome99_json_require(rome99_value *item, rome99_value object, const char *key, rome99_kind kind,
                        rome99_error *e) {
    static const char *const kinds[] = {"null", "true or false", "a number", "a string", "an array",
                                        "an object"};
    const int found = rome99_json_member(item, object, key, e);
    if (found < 0) return -1;
    if (!found) return rome99_json_fail(e, object, "\"%s\" is missing", key);
    if (rome99_json_kind(*item) == kind) return 0;
    return rome99_json_fail(e, *item, "\"%s\" must be %s", key, kinds[kind]);
}

int rome99_json_double(double *x, rome99_value v, rome99_error *e) {
    if (rome99_json_kind(v) != ROME99_NUMBER) return rome99_json_fail(e, v, "must be a number");
    *x = strtod((const char *)text_of(v), NULL); /* what follows a number cannot be part of one */
    if (*x >= -DBL_MAX && *x <= DBL_MAX) return 0;
    return rome99_json_fail(e, v, "too large a number");
}

int rome99_json_integer(uint64_t *x, rome99_value v, uint64_t max, rome99_error *e) {
    const unsigned char *s = text_of(v);
    uint64_t value = 0;
    int fits = *s >= '0' && *s <= '9';
    for (; *s >= '0' && *s <= '9'; s++) {
        const uint64_t digit = (uint64_t)(*s - '0');
        fits = fits && value <= (max - digit) / 10 && digit <= max;
        value = 10 * value + digit;
    }
    if (!fits || *s == '.' || *s == 'e' || *s == 'E') {
        return rome99_json_fail(e, v, "must be a whole number from 0 to %" PRIu64, max);
    }
    *x = value;
    return 0;
}

int rome99_json_fail(rome99_error *e, rome99_value v, const char *format, ...) {
    char what[384];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return fail_at(e, v.doc, v.doc->nodes[v.node].at, what);
}
