/* npy.c: reads .npy files. Such a file is: "\x93NUMPY"; the version, two bytes; the length of the header,
   little-endian, 2 bytes or from version 2.0 on 4; the header, a Python dict, {'descr': '<f8',
   'fortran_order': False, 'shape': (3, 4), }, blanks, a newline; the elements. */
#include "files/npy.h"
#include "core/rome99.h"
#include "files/json.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8 };

/* Turns a Python dict of strings, True, False and tuples into JSON. Returns 0, or -1 where it holds a list,
   another quote, or an expression such as (2); () is right if `any`. */
static int to_json(char *s, size_t size, int any) {
    static const char python[] = "'()TF", json[] = "\"[]tf";
    size_t i, last = 0, commas = 0;
    int quoted = 0;
    for (i = 0; i < size; i++) {
        const char c = s[i], *p = quoted && c != '\'' ? NULL : strchr(python, c);
        const int empty = any && s[last] == '[';
        if (strchr("[]\"\\", c) || (c == ')' && commas == 0 && !empty)) return -1; /* c may be a NUL */
        quoted ^= c == '\'';
        commas = c == '(' ? 0 : commas + (c == ',');
        if ((c == ')' || c == '}') && s[last] == ',') s[last] = ' ';
        if (c != ' ' && c != '\n') last = i;
        if (p) s[i] = json[p - python];
    }
    return 0;
}

typedef struct {
    int big_endian, fortran;
    char kind;      /* 'f', 'i', 'u'; 'b' is as 'u', 0 is what is no number */
    size_t element; /* bytes */
    size_t rank, shape[MAX_RANK], rows, cols;
} header;

/* "<f8": byte order, kind, bytes. */
static int read_type(header *h, rome99_value type, int any, rome99_error *e) {
    const char *s = rome99_json_string(type);
    const int size = strlen(s) == 3 && strchr("<>|", s[0]) ? s[2] - '0' : 0;
    if ((size == 4 || size == 8 || (any && size == 2)) && s[1] == 'f') h->kind = 'f';
    if (any && (size == 1 || size == 2 || size == 4 || size == 8) && strchr("iub", s[1])) h->kind = s[1];
    if (!h->kind && !any) return rome99_json_fail(e, type, "the elements are no floats of 4 or 8 bytes");
    h->element = (size_t)(h->kind ? size : 0);
    h->big_endian = s[0] == '>';
    return 0;
}

static int read_header(header *h, rome99_value dict, int any, rome99_error *e) {
    rome99_value type, order;
    size_t i, count = 1;
    if (rome99_json_require(&type, dict, "descr", ROME99_STRING, e) ||
        rome99_json_require(&order, dict, "fortran_order", ROME99_BOOLEAN, e) ||
        rome99_json_sizes(h->shape, &h->rank, any ? MAX_RANK : 2, dict, "shape", e))
        return -1;
    if (rome99_json_length(dict) != 3)
        return rome99_json_fail(e, dict, "more than 'descr', 'fortran_order', 'shape'");
    if (read_type(h, type, any, e)) return -1;
    h->fortran = rome99_json_boolean(order);
    h->rows = h->cols = 1;
    for (i = 0; i < h->rank; count *= h->shape[i++]) {
        if (h->shape[i] > SIZE_MAX / 16 / (count + 1)) break;
        *(i + 1 < h->rank || i == 0 ? &h->rows : &h->cols) *= h->shape[i];
    }
    if (i < h->rank || (h->rank == 0 && !any))
        return rome99_json_fail(e, dict, "no size or too large a shape");
    return 0;
}

static double element_at(const unsigned char *p, const header *h) {
    const uint64_t sign = (uint64_t)1 << (8 * h->element - 1);
    uint64_t bits = 0;
    uint32_t bits32;
    uint16_t bits16;
    double x;
    float x32;
    size_t i;
    for (i = 0; i < h->element; i++) bits = bits << 8 | p[h->big_endian ? i : h->element - 1 - i];
    if (h->kind == 'i' && (bits & sign)) return -(double)((sign << 1) - bits);
    if (h->kind != 'f') return (double)bits;
    bits32 = (uint32_t)bits;
    bits16 = (uint16_t)bits;
    memcpy(&x, &bits, sizeof x);
    memcpy(&x32, &bits32, sizeof x32);
    if (h->element == 4) x = (double)x32;
    if (h->element == 2) rome99_widen(&x, (rome99_weight){&bits16, ROME99_F16}, 0, 1);
    return x;
}

/* Where element i, counted row by row, lies. */
static size_t place(const header *h, size_t i) {
    size_t d, at = 0, step = h->rows * h->cols;
    if (!h->fortran) return i;
    for (d = h->rank; d-- > 0; i /= h->shape[d]) {
        step /= h->shape[d];
        at += i % h->shape[d] * step;
    }
    return at;
}

static int read_elements(double **data, const header *h, const unsigned char *bytes, size_t size,
                         const char *where, rome99_error *e) {
    const size_t n = h->rows * h->cols;
    const double limit = 9007199254740992.0; /* 2^53: below it a double holds every integer */
    size_t i;
    if (size != n * h->element)
        return rome99_fail(e, where, "%zu bytes of elements, not %zu x %zu x %zu", size, h->rows, h->cols,
                           h->element);
    *data = malloc(n * sizeof **data + 1);
    if (!*data) return rome99_fail(e, where, "out of memory");
    for (i = 0; i < n; i++) {
        const double x = (*data)[i] = element_at(bytes + place(h, i) * h->element, h);
        if (h->kind != 'f' && !(x > -limit && x < limit)) break;
    }
    if (i == n) return 0;
    free(*data);
    *data = NULL;
    return rome99_fail(e, where, "an integer of 2^53 or more");
}

int rome99_npy_parse(double **data, size_t *rows, size_t *cols, const unsigned char *bytes, size_t size,
                     int any, const char *where, rome99_error *e) {
    header h = {0};
    rome99_json *doc = NULL;
    size_t length = 0, start, i;
    char *dict;
    int failed;
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) return rome99_fail(e, where, "no .npy file");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return rome99_fail(e, where, ".npy version %d.%d, not 1.0 to 3.0", bytes[6], bytes[7]);
    start = bytes[6] == 1 ? 10 : 12;
    for (i = start; i-- > 8 && size >= start;) length = length << 8 | bytes[i];
    if (size < start || length > size - start) return rome99_fail(e, where, "ends in the header");
    dict = malloc(length + 1);
    if (!dict) return rome99_fail(e, where, "out of memory");
    failed = to_json(memcpy(dict, bytes + start, length), length, any)
                 ? rome99_fail(e, where,
                               "only strings, True, False and tuples like (2,) may be in the header")
                 : rome99_json_parse(&doc, where, (unsigned char *)dict, length, e) ||
                       read_header(&h, rome99_json_root(doc), any, e);
    rome99_json_free(doc);
    free(dict);
    if (failed) return -1;
    start += length;
    *rows = h.rows;
    *cols = h.cols;
    *data = NULL;
    return h.kind ? read_elements(data, &h, bytes + start, size - start, where, e) : 0;
}

int rome99_npy_read(double **data, size_t *rows, size_t *cols, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    int failed;
    if (rome99_read_file(&bytes, &size, path, e)) return -1;
    failed = rome99_npy_parse(data, rows, cols, bytes, size, 0, path, e);
    free(bytes);
    return failed;
}
