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
    rome99_tensor tensor; /* first: its address is the entry's */
    size_t place[2];      /* in the data: beginning and end */
} entry;

struct rome99_safetensors {
    char path[256];
    rome99_json *header;  /* owns the names */
    unsigned char *bytes; /* the tensors' data; NULL if they were left in the file */
    entry *entries;       /* (n), by name */
    size_t n, front;      /* front: where in the file the data begin */
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

static int read_entries(rome99_safetensors *st, rome99_error *e) {
    const rome99_value root = rome99_json_root(st->header);
    rome99_items i = rome99_json_items(root);
    rome99_value key, item;
    const int found = rome99_json_member(&item, root, "__metadata__", e);
    if (found < 0 || (found && check_metadata(item, e))) return -1;
    st->entries = calloc(rome99_json_length(root) + 1, sizeof *st->entries);
    if (!st->entries) return rome99_fail(e, st->path, "out of memory");
    while (rome99_json_next(&i, &key, &item)) {
        const char *name = st->entries[st->n].tensor.name = rome99_json_string(key);
        if (strlen(name) != rome99_json_length(key))
            return rome99_json_fail(e, key, "the name of a tensor must not have a NUL in it");
        if (strcmp(name, "__metadata__") == 0) continue;
        if (read_entry(&st->entries[st->n++], item, e))
            return rome99_fail(e, NULL, "%.300s (tensor '%s')", e->text, name);
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const rome99_tensor *)a)->name, ((const rome99_tensor *)b)->name);
}

static int by_place(const void *a, const void *b) {
    const size_t *x = ((const entry *)a)->place, *y = ((const entry *)b)->place;
    return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Finds overlaps and holes in the data (size), and equal names; sorts by name. */
static int check_entries(rome99_safetensors *st, size_t size, rome99_error *e) {
    size_t i, end = 0;
    qsort(st->entries, st->n, sizeof *st->entries, by_place);
    for (i = 0; i < st->n; end = st->entries[i++].place[1])
        if (st->entries[i].place[0] != end)
            return rome99_fail(e, st->path, "tensor '%.200s' %s", st->entries[i].tensor.name,
                               st->entries[i].place[0] < end ? "overlaps another one"
                                                             : "has a hole before it");
    if (size != end)
        return rome99_fail(e, st->path, "%s the %zu bytes of data that its header tells of",
                           size < end ? "ends before" : "goes on after", end);
    qsort(st->entries, st->n, sizeof *st->entries, by_name);
    for (i = 1; i < st->n; i++)
        if (by_name(&st->entries[i - 1], &st->entries[i]) == 0)
            return rome99_fail(e, st->path, "tensor '%.200s' is there twice", st->entries[i].tensor.name);
    return 0;
}

size_t rome99_safetensors_front(const unsigned char *bytes, size_t n) {
    uint64_t length = 0;
    if (n >= 8) memcpy(&length, bytes, 8);
    rome99_swap(&length, 8, 8, 0);
    return 8 + (length <= 100000000 ? (size_t)length : 0);
}

static int parse(rome99_safetensors *st, const unsigned char *bytes, size_t n, size_t size, rome99_error *e) {
    const size_t front = st->front = rome99_safetensors_front(bytes, n);
    if (front == 8) return rome99_fail(e, st->path, "no safetensors file: begins with no length of a header");
    if (n < front)
        return rome99_fail(e, st->path, "ends after %zu of the %zu bytes of its header", n - 8, front - 8);
    if (bytes[8] != '{') return rome99_fail(e, st->path, "no safetensors file: the header is no JSON object");
    if (rome99_json_parse(&st->header, st->path, bytes + 8, front - 8, e) || read_entries(st, e)) return -1;
    return check_entries(st, size - front, e);
}

int rome99_safetensors_parse(rome99_safetensors **out, const char *where, const unsigned char *bytes,
                             size_t n, size_t size, rome99_error *e) {
    rome99_safetensors *st = *out = calloc(1, sizeof *st);
    if (!st) return rome99_fail(e, where, "out of memory");
    snprintf(st->path, sizeof st->path, "%s", where);
    if (!parse(st, bytes, n, size, e)) return 0;
    rome99_safetensors_free(st);
    return -1;
}

/* The data are moved towards the beginning of the file, 8-byte aligned: the header, which is left behind, is
   longer than the padding. */
int rome99_safetensors_read(rome99_safetensors **out, const char *path, rome99_error *e) {
    rome99_safetensors *st;
    unsigned char *file, *to;
    size_t size, i;
    if (rome99_read_file(&file, &size, path, e)) return -1;
    if (rome99_safetensors_parse(out, path, file, size, size, e)) return free(file), -1;
    st = *out;
    st->bytes = to = file;
    qsort(st->entries, st->n, sizeof *st->entries, by_place);
    for (i = 0; i < st->n; i++) {
        rome99_tensor *t = &st->entries[i].tensor;
        const size_t bytes = t->count * dtypes[t->dtype].size;
        if (t->dtype == ROME99_ST_OTHER) continue;
        t->data = memmove(to, file + rome99_safetensors_place(st, t), bytes);
        rome99_swap(to, bytes, dtypes[t->dtype].size, 0);
        to += (bytes + 7) / 8 * 8;
    }
    qsort(st->entries, st->n, sizeof *st->entries, by_name);
    return 0;
}

void rome99_safetensors_free(rome99_safetensors *st) {
    if (!st) return;
    rome99_json_free(st->header);
    free(st->bytes);
    free(st->entries);
    free(st);
}

size_t rome99_safetensors_count(const rome99_safetensors *st) { return st->n; }
const rome99_tensor *rome99_safetensors_at(const rome99_safetensors *st, size_t i) {
    return &st->entries[i].tensor;
}

size_t rome99_safetensors_place(const rome99_safetensors *st, const rome99_tensor *t) {
    return st->front + ((const entry *)t)->place[0];
}

const rome99_tensor *rome99_safetensors_find(const rome99_safetensors *st, const char *name) {
    const rome99_tensor key = {.name = name};
    return bsearch(&key, st->entries, st->n, sizeof *st->entries, by_name);
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
    if (pieces) pieces[0] = (rome99_piece){&length, 8, 8};
    if (pieces) pieces[1] = (rome99_piece){header.bytes, header.size, 1};
    failed = pieces && !header.failed ? rome99_write_pieces(path, pieces, n + 2, e)
                                      : rome99_fail(e, path, "out of memory");
    free(pieces);
    rome99_text_free(&header);
    return failed;
}
