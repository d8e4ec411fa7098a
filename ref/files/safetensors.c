/* safetensors.c: reads and writes safetensors files. Such a file is: the length of the header (8
   bytes); the header, {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...},
   with spaces behind it; the data. All numbers are little-endian. */
#include "files/safetensors.h"
#include "files/json.h"
#include "files/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100000000 };

static const struct {
    const char *name;
    size_t size;
} dtypes[ROME99_ST_OTHER + 1] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                 {"I32", 4}, {"I16", 2}, {"I8", 1}, {"U8", 1}, {"BOOL", 1},
                                 {"unknown", 0}};

typedef struct {
    rome99_tensor tensor;
    size_t begin, end; /* in the data */
    void *copy;        /* the data of a tensor that is not aligned where it lies, else NULL */
} entry;

struct rome99_safetensors {
    char *path;
    rome99_json *header; /* owns the names */
    unsigned char *data; /* (size) */
    size_t size;
    entry *entries; /* (n) */
    size_t n;
};

const char *rome99_st_dtype_name(rome99_st_dtype dtype) { return dtypes[dtype].name; }
size_t rome99_st_dtype_size(rome99_st_dtype dtype) { return dtypes[dtype].size; }

static int host_is_little_endian(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* Reverses the bytes of each element. */
static void swap_bytes(unsigned char *data, size_t bytes, size_t element) {
    size_t i, j;
    for (i = 0; i < bytes; i += element)
        for (j = 0; j < element / 2; j++) {
            unsigned char b = data[i + j];
            data[i + j] = data[i + element - 1 - j];
            data[i + element - 1 - j] = b;
        }
}

/* Reading. */

static int read_header(rome99_safetensors *st, rome99_reader *r, rome99_error *e) {
    unsigned char *bytes;
    size_t size, i;
    uint64_t length = 0;
    int result;
    if (rome99_reader_take(r, &bytes, &size, 8, e) != 0) return -1;
    for (i = size; i-- > 0;) length = length << 8 | bytes[i];
    free(bytes);
    if (size < 8 || length > MAX_HEADER)
        return rome99_fail(e, st->path, "no safetensors file: begins with no length of a header");
    if (rome99_reader_take(r, &bytes, &size, (size_t)length, e) != 0) return -1;
    if (size < length)
        result = rome99_fail(e, st->path, "ends after %zu of the %" PRIu64 " bytes of its header",
                             size, length);
    else if (bytes[0] != '{') /* a NUL if there is none */
        result = rome99_fail(e, st->path, "no safetensors file: the header is no JSON object");
    else
        result = rome99_json_parse(&st->header, st->path, bytes, size, e);
    free(bytes);
    return result;
}

/* "__metadata__", if it is there, must map strings to strings. */
static int check_metadata(rome99_value root, rome99_error *e) {
    rome99_value object, item;
    rome99_items i;
    int found = rome99_json_member(&object, root, "__metadata__", e);
    if (found <= 0) return found;
    for (i = rome99_json_items(object); rome99_json_next(&i, NULL, &item);)
        if (rome99_json_kind(item) != ROME99_STRING)
            return rome99_json_fail(e, item, "a value of \"__metadata__\" must be a string");
    return rome99_json_require(&object, root, "__metadata__", ROME99_OBJECT, e);
}

/* All numbers of the array into x. */
static int read_sizes(size_t *x, rome99_value array, rome99_error *e) {
    rome99_items i = rome99_json_items(array);
    rome99_value item;
    uint64_t value;
    while (rome99_json_next(&i, NULL, &item)) {
        if (rome99_json_integer(&value, item, SIZE_MAX / 2, e) != 0) return -1;
        *x++ = (size_t)value;
    }
    return 0;
}

/* Reads {"dtype": ..., "shape": ..., "data_offsets": ...} and checks that they agree. */
static int read_description(entry *t, rome99_value description, rome99_error *e) {
    rome99_tensor *tensor = &t->tensor;
    rome99_value dtype, shape, offsets;
    size_t place[2], i, bytes;
    if (rome99_json_require(&dtype, description, "dtype", ROME99_STRING, e) != 0 ||
        rome99_json_require(&shape, description, "shape", ROME99_ARRAY, e) != 0 ||
        rome99_json_require(&offsets, description, "data_offsets", ROME99_ARRAY, e) != 0)
        return -1;
    while (tensor->dtype < ROME99_ST_OTHER &&
           strcmp(dtypes[tensor->dtype].name, rome99_json_string(dtype)) != 0)
        tensor->dtype++;
    tensor->rank = rome99_json_length(shape);
    if (tensor->rank > ROME99_MAX_RANK)
        return rome99_json_fail(e, shape, "more than %d dimensions", (int)ROME99_MAX_RANK);
    if (rome99_json_length(offsets) != 2)
        return rome99_json_fail(e, offsets, "must be two numbers");
    if (read_sizes(tensor->shape, shape, e) != 0 || read_sizes(place, offsets, e) != 0) return -1;
    for (i = 0, tensor->count = 1; i < tensor->rank; i++) {
        if (tensor->shape[i] != 0 && tensor->count > SIZE_MAX / 8 / tensor->shape[i])
            return rome99_json_fail(e, shape, "too large a shape");
        tensor->count *= tensor->shape[i];
    }
    t->begin = place[0];
    t->end = place[1];
    if (t->begin > t->end) return rome99_json_fail(e, offsets, "the end is before the beginning");
    bytes = tensor->count * dtypes[tensor->dtype].size;
    if (tensor->dtype != ROME99_ST_OTHER && t->end - t->begin != bytes)
        return rome99_json_fail(e, offsets, "%zu bytes, but dtype and shape need %zu",
                                t->end - t->begin, bytes);
    return 0;
}

static int read_entries(rome99_safetensors *st, rome99_error *e) {
    rome99_value root = rome99_json_root(st->header), key, item;
    rome99_items i = rome99_json_items(root);
    st->entries = calloc(rome99_json_length(root) + 1, sizeof *st->entries);
    if (st->entries == NULL) return rome99_fail(e, st->path, "out of memory");
    if (check_metadata(root, e) != 0) return -1;
    while (rome99_json_next(&i, &key, &item)) {
        entry *t = &st->entries[st->n];
        t->tensor.name = rome99_json_string(key);
        if (strcmp(t->tensor.name, "__metadata__") == 0) continue;
        if (strlen(t->tensor.name) != rome99_json_length(key))
            return rome99_json_fail(e, key, "the name of a tensor must not have a NUL in it");
        if (read_description(t, item, e) != 0)
            return rome99_fail(e, NULL, "%.300s (tensor '%s')", e->text, t->tensor.name);
        st->n++;
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(entry *const *)a)->tensor.name, (*(entry *const *)b)->tensor.name);
}

static int by_place(const void *a, const void *b) {
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int fail(const rome99_safetensors *st, const entry *t, const char *what, rome99_error *e) {
    return rome99_fail(e, st->path, "tensor '%.200s' %s", t->tensor.name, what);
}

/* Finds equal names, overlaps and holes. */
static int check_layout(rome99_safetensors *st, rome99_error *e) {
    entry **order = malloc((st->n + 1) * sizeof *order);
    size_t i;
    int result = 0;
    if (order == NULL) return rome99_fail(e, st->path, "out of memory");
    for (i = 0; i < st->n; i++) order[i] = &st->entries[i];
    qsort(order, st->n, sizeof *order, by_name);
    for (i = 1; i < st->n && result == 0; i++)
        if (by_name(&order[i - 1], &order[i]) == 0)
            result = fail(st, order[i], "is there twice", e);
    qsort(order, st->n, sizeof *order, by_place);
    for (i = 0; i < st->n && result == 0; i++) {
        if (order[i]->begin < st->size) result = fail(st, order[i], "overlaps another one", e);
        if (order[i]->begin > st->size) result = fail(st, order[i], "has a hole before it", e);
        st->size = order[i]->end;
    }
    free(order);
    return result;
}

/* Reads the data and points each tensor at its own. */
static int read_data(rome99_safetensors *st, rome99_reader *r, rome99_error *e) {
    size_t i, got;
    if (rome99_reader_take(r, &st->data, &got, st->size + 1, e) != 0) return -1;
    if (got != st->size)
        return rome99_fail(e, st->path, "%s the %zu bytes of data that its header tells of",
                           got < st->size ? "ends before" : "goes on after", st->size);
    for (i = 0; i < st->n; i++) {
        entry *t = &st->entries[i];
        size_t element = dtypes[t->tensor.dtype].size, bytes = t->end - t->begin;
        unsigned char *data = st->data + (bytes != 0 ? t->begin : 0);
        if (element == 0) continue;
        if (bytes != 0 && t->begin % element != 0) {
            t->copy = malloc(bytes);
            if (t->copy == NULL) return rome99_fail(e, st->path, "out of memory");
            data = memcpy(t->copy, data, bytes);
        }
        if (!host_is_little_endian()) swap_bytes(data, bytes, element);
        t->tensor.data = data;
    }
    return 0;
}

int rome99_safetensors_read(rome99_safetensors **out, const char *path, rome99_error *e) {
    rome99_safetensors *st = calloc(1, sizeof *st);
    rome99_reader *r;
    int result = -1;
    if (st == NULL || (st->path = rome99_path("", path)) == NULL) {
        free(st);
        return rome99_fail(e, path, "out of memory");
    }
    if (rome99_reader_open(&r, path, e) == 0) {
        if (read_header(st, r, e) == 0 && read_entries(st, e) == 0 && check_layout(st, e) == 0)
            result = read_data(st, r, e);
        rome99_reader_close(r);
    }
    if (result != 0) rome99_safetensors_free(st);
    else *out = st;
    return result;
}

void rome99_safetensors_free(rome99_safetensors *st) {
    size_t i;
    if (st == NULL) return;
    for (i = 0; i < st->n; i++) free(st->entries[i].copy);
    free(st->entries);
    free(st->data);
    rome99_json_free(st->header);
    free(st->path);
    free(st);
}

size_t rome99_safetensors_count(const rome99_safetensors *st) { return st->n; }

const rome99_tensor *rome99_safetensors_at(const rome99_safetensors *st, size_t i) {
    return &st->entries[i].tensor;
}

const rome99_tensor *rome99_safetensors_find(const rome99_safetensors *st, const char *name) {
    size_t i;
    for (i = 0; i < st->n; i++)
        if (strcmp(st->entries[i].tensor.name, name) == 0) return &st->entries[i].tensor;
    return NULL;
}

int rome99_safetensors_require(const rome99_tensor **t, const rome99_safetensors *st,
                               const char *name, rome99_error *e) {
    *t = rome99_safetensors_find(st, name);
    if (*t == NULL) return rome99_fail(e, st->path, "tensor '%s' is missing", name);
    if ((*t)->dtype == ROME99_ST_OTHER)
        return rome99_fail(e, st->path, "tensor '%s' has a dtype that cannot be read", name);
    return 0;
}

/* Writing. */

static size_t bytes_of(const rome99_tensor *t) {
    size_t i, bytes = dtypes[t->dtype].size;
    for (i = 0; i < t->rank; i++) bytes *= t->shape[i];
    return bytes;
}

static void put_header(rome99_text *h, const rome99_tensor *tensors, size_t n) {
    uint64_t at = 0;
    size_t i, j;
    rome99_text_puts(h, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (i = 0; i < n; i++) {
        const rome99_tensor *t = &tensors[i];
        rome99_text_puts(h, ",");
        rome99_text_json_string(h, t->name, strlen(t->name));
        rome99_text_printf(h, ":{\"dtype\":\"%s\",\"shape\":[", dtypes[t->dtype].name);
        for (j = 0; j < t->rank; j++) rome99_text_printf(h, j == 0 ? "%zu" : ",%zu", t->shape[j]);
        rome99_text_printf(h, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at,
                           at + bytes_of(t));
        at += bytes_of(t);
    }
    rome99_text_puts(h, "}");
    while (h->size % 8 != 0 && !h->failed) rome99_text_puts(h, " ");
}

static void put_data(rome99_writer *w, const rome99_tensor *t) {
    unsigned char swapped[4096];
    const unsigned char *data = t->data;
    size_t bytes = bytes_of(t), n;
    if (host_is_little_endian()) {
        rome99_writer_put(w, data, bytes);
        return;
    }
    for (; bytes > 0; bytes -= n, data += n) {
        n = bytes < sizeof swapped ? bytes : sizeof swapped;
        memcpy(swapped, data, n);
        swap_bytes(swapped, n, dtypes[t->dtype].size);
        rome99_writer_put(w, swapped, n);
    }
}

int rome99_safetensors_write(const char *path, const rome99_tensor *tensors, size_t n,
                             rome99_error *e) {
    rome99_text header = {0};
    rome99_writer *w;
    unsigned char length[8];
    size_t i;
    int result = -1;
    put_header(&header, tensors, n);
    for (i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header.size >> 8 * i & 0xFF);
    if (header.failed) {
        rome99_fail(e, path, "out of memory");
    } else if (rome99_writer_open(&w, path, e) == 0) {
        rome99_writer_put(w, length, 8);
        rome99_writer_put(w, header.bytes, header.size);
        for (i = 0; i < n; i++) put_data(w, &tensors[i]);
        result = rome99_writer_commit(w, e);
    }
    rome99_text_free(&header);
    return result;
}
