/* npy.c: reads and writes .npy files. Such a file is: "\x93NUMPY"; the version, two bytes; the
   length of the header, little-endian, 2 bytes or from version 2.0 on 4; the header, a Python dict,
   {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }, blanks, a newline; the elements. */
#include "files/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *at, *end; /* what is still to be read */
    int big_endian, fortran;
    size_t element;        /* bytes */
    size_t rank, shape[2]; /* a vector is (n, 1) */
} header;

static void skip_blanks(header *h) {
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t')) h->at++;
}

/* Steps over `word`, and the blanks behind it, if it comes next: 1, else 0. */
static int accept(header *h, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0) return 0;
    h->at += n;
    skip_blanks(h);
    return 1;
}

static const char *read_descr(header *h) {
    static const char *const names[] = {"'<f4'", "'<f8'", "'>f4'", "'>f8'"};
    int i;
    for (i = 0; i < 4; i++)
        if (accept(h, names[i])) {
            h->element = i % 2 == 0 ? 4 : 8;
            h->big_endian = i / 2;
            return NULL;
        }
    return "the elements are no floats of 4 or 8 bytes";
}

static const char *read_order(header *h) {
    h->fortran = accept(h, "True");
    return h->fortran || accept(h, "False") ? NULL : "'fortran_order' is not True or False";
}

/* "(3,)", "(3, 4)" or "(3, 4,)". */
static const char *read_shape(header *h) {
    static const char *const bad = "'shape' is no tuple of one or two sizes";
    int comma = 1;
    if (!accept(h, "(")) return bad;
    h->rank = 0;
    h->shape[1] = 1;
    while (!accept(h, ")")) {
        size_t n = 0;
        if (!comma || h->rank == 2 || h->at == h->end || *h->at < '0' || *h->at > '9') return bad;
        for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
            if (n > SIZE_MAX / 16 / 10) return "too large a shape";
            n = 10 * n + (size_t)(*h->at - '0');
        }
        h->shape[h->rank++] = n;
        skip_blanks(h);
        comma = accept(h, ",");
    }
    if (h->rank == 0 || (h->rank == 1 && !comma)) return bad;
    return h->shape[0] > SIZE_MAX / 16 / (h->shape[1] + 1) ? "too large a shape" : NULL;
}

/* Reads the dict from h->at to h->end: NULL, or what is wrong with it. */
static const char *read_dict(header *h) {
    static const char *const keys[] = {"'descr'", "'fortran_order'", "'shape'"};
    static const char *(*const values[])(header *) = {read_descr, read_order, read_shape};
    int seen[3] = {0, 0, 0}, comma = 1, i;
    const char *wrong;
    skip_blanks(h);
    if (!accept(h, "{")) return "the header is no dict";
    while (!accept(h, "}")) {
        for (i = 0; i < 3 && !accept(h, keys[i]); i++) {}
        if (i == 3 || !comma || seen[i]++ || !accept(h, ":"))
            return "the header is no dict of 'descr', 'fortran_order' and 'shape'";
        wrong = values[i](h);
        if (wrong != NULL) return wrong;
        comma = accept(h, ",");
    }
    if (!seen[0] || !seen[1] || !seen[2]) return "'descr', 'fortran_order' or 'shape' is missing";
    return h->at != h->end ? "the header goes on after its dict" : NULL;
}

static double element_at(const unsigned char *p, size_t size, int big_endian) {
    uint64_t bits = 0;
    uint32_t bits32;
    double x;
    float x32;
    size_t i;
    for (i = 0; i < size; i++) bits = bits << 8 | p[big_endian ? i : size - 1 - i];
    bits32 = (uint32_t)(bits & 0xFFFFFFFF);
    memcpy(&x, &bits, sizeof x);
    memcpy(&x32, &bits32, sizeof x32);
    return size == 8 ? x : (double)x32;
}

int rome99_npy_parse(double **data, size_t *rows, size_t *cols, const unsigned char *bytes,
                     size_t size, const char *where, rome99_error *e) {
    header h = {0};
    size_t length = 0, start, count, i;
    const char *wrong;
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return rome99_fail(e, where, "no .npy file");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return rome99_fail(e, where, ".npy version %d.%d, not 1.0 to 3.0", bytes[6], bytes[7]);
    start = bytes[6] == 1 ? 10 : 12;
    for (i = start; i-- > 8 && size >= start;) length = length << 8 | bytes[i];
    if (size < start || length > size - start) return rome99_fail(e, where, "ends in the header");
    h.at = (const char *)bytes + start;
    h.end = h.at + length;
    wrong = read_dict(&h);
    if (wrong != NULL) return rome99_fail(e, where, "%s", wrong);
    bytes += start + length;
    size -= start + length;
    count = h.shape[0] * h.shape[1];
    if (size != count * h.element)
        return rome99_fail(e, where, "%zu bytes of elements, not %zu x %zu x %zu", size, h.shape[0],
                           h.shape[1], h.element);
    *data = malloc(count * sizeof **data + 1);
    if (*data == NULL) return rome99_fail(e, where, "out of memory");
    for (i = 0; i < count; i++) {
        size_t from = h.fortran ? i % h.shape[1] * h.shape[0] + i / h.shape[1] : i;
        (*data)[i] = element_at(bytes + from * h.element, h.element, h.big_endian);
    }
    *rows = h.shape[0];
    *cols = h.shape[1];
    return 0;
}

int rome99_npy_read(double **data, size_t *rows, size_t *cols, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    int result;
    if (rome99_read_file(&bytes, &size, path, e) != 0) return -1;
    result = rome99_npy_parse(data, rows, cols, bytes, size, path, e);
    free(bytes);
    return result;
}

int rome99_npy_write(const char *path, const double *data, size_t rows, size_t cols,
                     rome99_error *e) {
    unsigned char head[129] = "\x93NUMPY\x01\x00\x76"; /* 0x76 = 118 = 128 - 10 */
    unsigned char word[8];
    rome99_writer *w;
    size_t i, j;
    int n = snprintf((char *)head + 10, 118, "{'descr': '<f8', 'fortran_order': False, "
                     "'shape': (%zu, %zu), }", rows, cols);
    memset(head + 10 + n, ' ', 117 - (size_t)n);
    head[127] = '\n';
    if (rome99_writer_open(&w, path, e) != 0) return -1;
    rome99_writer_put(w, head, 128);
    for (i = 0; i < rows * cols; i++) {
        uint64_t bits;
        memcpy(&bits, &data[i], sizeof bits);
        for (j = 0; j < 8; j++) word[j] = (unsigned char)(bits >> 8 * j & 0xFF);
        rome99_writer_put(w, word, 8);
    }
    return rome99_writer_commit(w, e);
}
