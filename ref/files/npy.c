/* npy.c: reads .npy files. Such a file is: "\x93NUMPY"; the version, two bytes; the length of the header,
   little-endian, 2 bytes or from version 2.0 on 4; the header, a Python dict, {'descr': '<f8',
   'fortran_order': False, 'shape': (3, 4), }, blanks, a newline; the elements. */
#include "files/npy.h"
#include "files/json.h"
#include <stdlib.h>
#include <string.h>

/* Turns a Python dict of strings, True, False and tuples into JSON. Returns 0, or -1 where it holds a list,
   another quote, or an expression such as (2). */
static int to_json(char *s, size_t size) {
    static const char python[] = "'()TF", json[] = "\"[]tf";
    size_t i, last = 0, commas = 0;
    int quoted = 0;
    for (i = 0; i < size; i++) {
        const char c = s[i], *p = quoted && c != '\'' ? NULL : strchr(python, c);
        if (strchr("[]\"\\", c) || (c == ')' && commas == 0)) return -1; /* c may be a NUL; (2) is no tuple */
        quoted ^= c == '\'';
        commas = c == '(' ? 0 : commas + (c == ',');
        if ((c == ')' || c == '}') && s[last] == ',') s[last] = ' ';
        if (c != ' ' && c != '\n') last = i;
        if (p) s[i] = json[p - python];
    }
    return 0;
}

typedef struct {
    size_t element, rank, shape[2]; /* bytes */
    int big_endian, fortran;
} header;

static int read_header(header *h, rome99_value dict, rome99_error *e) {
    static const char *const types[] = {"<f4", "<f8", ">f4", ">f8"};
    rome99_value type, order;
    int i;
    if (rome99_json_require(&type, dict, "descr", ROME99_STRING, e) ||
        rome99_json_require(&order, dict, "fortran_order", ROME99_BOOLEAN, e) ||
        rome99_json_sizes(h->shape, &h->rank, 2, dict, "shape", e))
        return -1;
    if (rome99_json_length(dict) != 3)
        return rome99_json_fail(e, dict, "more than 'descr', 'fortran_order', 'shape'");
    for (i = 0; i < 4 && strcmp(types[i], rome99_json_string(type)) != 0;) i++;
    if (i == 4) return rome99_json_fail(e, type, "the elements are no floats of 4 or 8 bytes");
    h->element = i % 2 == 0 ? 4 : 8;
    h->big_endian = i / 2;
    h->fortran = rome99_json_boolean(order);
    if (h->rank == 1) h->shape[1] = 1;
    if (h->rank == 0 || h->shape[0] > SIZE_MAX / 16 / (h->shape[1] + 1))
        return rome99_json_fail(e, dict, "no size or too large a shape");
    return 0;
}

static double element_at(const unsigned char *p, const header *h) {
    unsigned char bytes[8] = {0};
    double x;
    float x32;
    memcpy(bytes, p, h->element);
    rome99_swap(bytes, h->element, h->element, h->big_endian);
    memcpy(&x, bytes, sizeof x);
    memcpy(&x32, bytes, sizeof x32);
    return h->element == 8 ? x : (double)x32;
}

int rome99_npy_parse(double **data, size_t *rows, size_t *cols, const unsigned char *bytes, size_t size,
                     const char *where, rome99_error *e) {
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
    failed = to_json(memcpy(dict, bytes + start, length), length)
                 ? rome99_fail(e, where,
                               "only strings, True, False and tuples like (2,) may be in the header")
                 : rome99_json_parse(&doc, where, (unsigned char *)dict, length, e) ||
                       read_header(&h, rome99_json_root(doc), e);
    rome99_json_free(doc);
    free(dict);
    if (failed) return -1;
    bytes += start + length;
    *rows = h.shape[0];
    *cols = h.shape[1];
    if (size - start - length != *rows * *cols * h.element)
        return rome99_fail(e, where, "%zu bytes of elements, not %zu x %zu x %zu", size - start - length,
                           *rows, *cols, h.element);
    *data = malloc(*rows * *cols * sizeof **data + 1);
    if (!*data) return rome99_fail(e, where, "out of memory");
    for (i = 0; i < *rows * *cols; i++)
        (*data)[i] = element_at(bytes + (h.fortran ? i % *cols * *rows + i / *cols : i) * h.element, &h);
    return 0;
}

int rome99_npy_read(double **data, size_t *rows, size_t *cols, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    int failed;
    if (rome99_read_file(&bytes, &size, path, e)) return -1;
    failed = rome99_npy_parse(data, rows, cols, bytes, size, path, e);
    free(bytes);
    return failed;
}
