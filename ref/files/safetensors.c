/* safetensors.c: reads and writes safetensors files. Such a file is: the length of the header (8 bytes); the
   header, {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, with spaces behind it;
   the data. All numbers are little-endian. */
#include "files/safetensors.h"
#include "files/json.h"
#include "files/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},    {"I32", 4},
              {"I16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"unknown", 0}};

typedef struct {
    rome99_tensor tensor;
    size_t place[2]; /* in the data: beginning and end */
} entry;

struct rome99_safetensors {
    char path[256];
    rome99_json *header;  /* owns the names */
    unsigned char *bytes; /* the file, then the tensors' data */
    entry *entries;       /* (n), in the order of the header */
    entry **order;        /* (n), in the end by name */
    size_t n;
};

const char *rome99_st_dtype_name(rome99_st_dtype dtype) { return dtypes[dtype].name; }
size_t rome99_st_dtype_size(rome99_st_dtype dtype) { return dtypes[dtype].size; }

/* Reading. */

/* Reads {"dtype": ..., "shape": ..., "data_offsets": ...} and checks that they agree. */
static int read_entry(entry *d, rome99_value v, rome99_error *e) {
    rome99_tensor *t = &d->tensor;
    rome99_value dtype;
    size_t n, i, bytes;
    if (rome99_json_require(&dtype, v, "dtype", ROME99_STRING, e) ||
        rome99_json_sizes(t->shape, &t->rank, ROME99_MAX_RANK, v, "shape", e) ||
        rome99_json_sizes(d->place, &n, 2, v, "data_offsets", e))
        return -1;
    if (n != 2 || d->place[0] > d->place[1])
        return rome99_json_fail(e, v, "\"data_offsets\" must be a beginning and an end");
    for (i = 0, t->count = 1; i < t->rank; t->count *= t->shape[i++])
        if (t->shape[i] != 0 && t->count > SIZE_MAX / 8 / t->shape[i])
            return rome99_json_fail(e, v, "too large a shape");
    while (t->dtype < ROME99_ST_OTHER && strcmp(dtypes[t->dtype].name, rome99_json_string(dtype)) != 0)
        t->dtype++;
    n = d->place[1] - d->place[0];
    bytes = t->count * dtypes[t->dtype].size;
    if (n == bytes || t->dtype == ROME99_ST_OTHER) return 0;
    return rome99_json_fail(e, v, "%zu bytes, but dtype and shape need %zu", n, bytes);
}

static int check_metadata(rome99_value v, rome99_error *e) {
    rome99_items i = rome99_json_items(v);
    int good = rome99_json_kind(v) == ROME99_OBJECT;
    rome99_value item;
    while (good && rome99_json_next(&i, NULL, &item)) good = rome99_json_kind(item) == ROME99_STRING;
    return good ? 0 : rome99_json_fail(e, v, "\"__metadata__\" must map strings to strings");
}

static int read_header(rome99_safetensors *st, rome99_error *e) {
    const rome99_value root = rome99_json_root(st->header);
    rome99_items i = rome99_json_items(root);
    rome99_value key, item;
    const int found = rome99_json_member(&item, root, "__metadata__", e);
    if (found < 0 || (found && check_metadata(item, e))) return -1;
    st->entries = calloc(rome99_json_length(root) + 1, sizeof *st->entries);
    st->order = calloc(rome99_json_length(root) + 1, sizeof *st->order);
    if (!st->entries || !st->order) return rome99_fail(e, st->path, "out of memory");
    while (rome99_json_next(&i, &key, &item)) {
        const char *name = st->entries[st->n].tensor.name = rome99_json_string(key);
        if (strlen(name) != rome99_json_length(key))
            return rome99_json_fail(e, key, "the name of a tensor must not have a NUL in it");
        if (strcmp(name, "__metadata__") == 0) continue;
        st->order[st->n] = &st->entries[st->n];
        if (read_entry(st->order[st->n++], item, e))
            return rome99_fail(e, NULL, "%.300s (tensor '%s')", e->text, name);
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(entry *const *)a)->tensor.name, (*(entry *const *)b)->tensor.name);
}

static int by_place(const void *a, const void *b) {
    const size_t *x = (*(entry *const *)a)->place, *y = (*(entry *const *)b)->place;
    return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Finds equal names, overlaps and holes, and gives each tensor its part of the data (size). The parts are
   moved towards the beginning of the file, 8-byte aligned: the header, which is left behind, is longer than
   the padding. */
static int place_tensors(rome99_safetensors *st, const unsigned char *data, size_t size, rome99_error *e) {
    unsigned char *to = st->bytes;
    size_t i, end = 0;
    qsort(st->order, st->n, sizeof *st->order, by_place);
    for (i = 0; i < st->n; end = st->order[i++]->place[1])
        if (st->order[i]->place[0] != end)
            return rome99_fail(e, st->path, "tensor '%.200s' %s", st->order[i]->tensor.name,
                               st->order[i]->place[0] < end ? "overlaps another one"
                                                            : "has a hole before it");
    if (size != end)
        return rome99_fail(e, st->path, "%s the %zu bytes of data that its header tells of",
                           size < end ? "ends before" : "goes on after", end);
    for (i = 0; i < st->n; i++) {
        rome99_tensor *t = &st->order[i]->tensor;
        const size_t bytes = st->order[i]->place[1] - st->order[i]->place[0];
        if (t->dtype == ROME99_ST_OTHER) continue;
        t->data = memmove(to, data + st->order[i]->place[0], bytes);
        rome99_swap(to, bytes, dtypes[t->dtype].size, 0);
        to += (bytes + 7) / 8 * 8;
    }
    qsort(st->order, st->n, sizeof *st->order, by_name);
    for (i = 1; i < st->n; i++)
        if (by_name(&st->order[i - 1], &st->order[i]) == 0)
            return rome99_fail(e, st->path, "tensor '%.200s' is there twice", st->order[i]->tensor.name);
    return 0;
}

static int read_tensors(rome99_safetensors *st, const char *path, rome99_error *e) {
    uint64_t length = UINT64_MAX;
    size_t size;
    snprintf(st->path, sizeof st->path, "%s", path);
    if (rome99_read_file(&st->bytes, &size, path, e)) return -1;
    if (size >= 8) memcpy(&length, st->bytes, 8);
    rome99_swap(&length, 8, 8, 0);
    if (length > 100000000)
        return rome99_fail(e, path, "no safetensors file: begins with no length of a header");
    size -= 8;
    if (size < length)
        return rome99_fail(e, path, "ends after %zu of the %" PRIu64 " bytes of its header", size, length);
    if (st->bytes[8] != '{') return rome99_fail(e, path, "no safetensors file: the header is no JSON object");
    if (rome99_json_parse(&st->header, path, st->bytes + 8, (size_t)length, e) || read_header(st, e))
        return -1;
    return place_tensors(st, st->bytes + 8 + length, size - (size_t)length, e);
}

int rome99_safetensors_read(rome99_safetensors **out, const char *path, rome99_error *e) {
    rome99_safetensors *st = calloc(1, sizeof *st);
    const int failed = st ? read_tensors(st, path, e) : rome99_fail(e, path, "out of memory");
    if (failed) rome99_safetensors_free(st);
    if (!failed) *out = st;
    return failed;
}

void rome99_safetensors_free(rome99_safetensors *st) {
    if (!st) return;
    rome99_json_free(st->header);
    free(st->bytes);
    free(st->entries);
    free(st->order);
    free(st);
}

size_t rome99_safetensors_count(const rome99_safetensors *st) { return st->n; }
const rome99_tensor *rome99_safetensors_at(const rome99_safetensors *st, size_t i) {
    return &st->entries[i].tensor;
}

const rome99_tensor *rome99_safetensors_find(const rome99_safetensors *st, const char *name) {
    entry key, *wanted = &key, **found;
    key.tensor.name = name;
    found = bsearch(&wanted, st->order, st->n, sizeof *st->order, by_name);
    return found ? &(*found)->tensor : NULL;
}

int rome99_safetensors_require(const rome99_tensor **t, const rome99_safetensors *st, const char *name,
                               rome99_error *e) {
    *t = rome99_safetensors_find(st, name);
    if (!*t) return rome99_fail(e, st->path, "tensor '%s' is missing", name);
    if ((*t)->dtype != ROME99_ST_OTHER) return 0;
    return rome99_fail(e, st->path, "tensor '%s' has a dtype that cannot be read", name);
}

/* Writing. */

static size_t bytes_of(const rome99_tensor *t) {
    size_t i, bytes = dtypes[t->dtype].size;
    for (i = 0; i < t->rank; i++) bytes *= t->shape[i];
    return bytes;
}

static void make_header(rome99_text *h, const rome99_tensor *t, size_t n) {
    uint64_t at = 0;
    size_t i;
    rome99_text_puts(h, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (; n > 0; n--, at += bytes_of(t++)) {
        rome99_text_puts(h, ",");
        rome99_text_json_string(h, t->name, strlen(t->name));
        rome99_text_printf(h, ":{\"dtype\":\"%s\",\"shape\":[", dtypes[t->dtype].name);
        for (i = 0; i < t->rank; i++) rome99_text_printf(h, i == 0 ? "%zu" : ",%zu", t->shape[i]);
        rome99_text_printf(h, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + bytes_of(t));
    }
    rome99_text_puts(h, "}");
    rome99_text_puts(h, &"       "[(h->size + 7) % 8]); /* to a multiple of 8 */
}

int rome99_safetensors_write(const char *path, const rome99_tensor *tensors, size_t n, rome99_error *e) {
    rome99_piece *pieces = calloc(n + 2, sizeof *pieces);
    rome99_text header = {0};
    uint64_t length;
    size_t i;
    int failed;
    make_header(&header, tensors, n);
    length = header.size;
    for (i = 0; pieces && i < n; i++)
        pieces[2 + i] = (rome99_piece){tensors[i].data, bytes_of(&tensors[i]), dtypes[tensors[i].dtype].size};
    if (!pieces || header.failed) {
        failed = rome99_fail(e, path, "out of memory");
    } else {
        pieces[0] = (rome99_piece){&length, 8, 8};
        pieces[1] = (rome99_piece){header.bytes, header.size, 1};
        failed = rome99_write_pieces(path, pieces, n + 2, e);
    }
    free(pieces);
    rome99_text_free(&header);
    return failed;
}
