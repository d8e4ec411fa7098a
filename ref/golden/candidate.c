/* candidate.c: what is compared with a golden case, in the text format, in safetensors or in .npz. */
#include "files/npz.h"
#include "files/safetensors.h"
#include "golden/format.h"

#include <stdlib.h>
#include <string.h>

/* Integers are as in memory, floats widened; NULL for what is neither. */
static void *convert(rome99_arena *a, const rome99_tensor *from, int *integer) {
    const size_t n = from->count;
    size_t i;
    double *x = from->data ? rome99_take_doubles(a, n, 1) : NULL;
    int64_t *k = (int64_t *)(void *)x; /* as large */
    const void *p = from->data;
    *integer = from->dtype > ROME99_ST_BF16;
    if (x && !*integer) rome99_widen(x, (rome99_weight){p, (rome99_dtype)from->dtype}, 0, n);
    for (i = 0; x && !*integer && i < n; i++) x[i] = rome99_golden_settled(x[i]);
    for (i = 0; x && *integer && i < n; i++)
        k[i] = from->dtype == ROME99_ST_I64   ? ((const int64_t *)p)[i]
               : from->dtype == ROME99_ST_I32 ? ((const int32_t *)p)[i]
               : from->dtype == ROME99_ST_I16 ? ((const int16_t *)p)[i]
               : from->dtype == ROME99_ST_I8  ? ((const int8_t *)p)[i]
                                              : ((const uint8_t *)p)[i];
    return x;
}

/* Lays a case of expected tensors out; with c->arena.base == NULL only counts. */
static void lay_out_tensors(rome99_golden *c, const rome99_tensor *list, size_t n) {
    size_t i, d;
    c->arena.used = 0;
    c->tensor = rome99_take(&c->arena, n + 1, sizeof *c->tensor);
    for (i = 0; i < n; i++) {
        rome99_golden_tensor t = {0};
        char *name = rome99_take(&c->arena, strlen(list[i].name) + 1, 1);
        t.role = ROME99_EXPECTED;
        t.rows = t.cols = 1;
        for (d = 0; d < list[i].rank; d++)
            *(d == 0 || d + 1 < list[i].rank ? &t.rows : &t.cols) *= list[i].shape[d];
        t.data = convert(&c->arena, &list[i], &t.integer);
        t.exact = t.integer;
        if (!name) continue;
        t.name = strcpy(name, list[i].name);
        c->tensor[c->tensors++] = t;
    }
}

static int copy_tensors(rome99_golden *c, const rome99_tensor *list, size_t n, const char *path,
                        rome99_error *e) {
    memset(c, 0, sizeof *c);
    lay_out_tensors(c, list, n);
    if (c->arena.used < SIZE_MAX) c->arena.base = malloc(c->arena.used);
    if (!c->arena.base) return rome99_fail(e, path, "too large: out of memory");
    lay_out_tensors(c, list, n);
    return 0;
}

static int read_safetensors(rome99_golden *c, const char *path, rome99_error *e) {
    rome99_safetensors *st;
    rome99_tensor *list;
    size_t i, n;
    int failed;
    if (rome99_safetensors_read(&st, path, e)) return -1;
    n = rome99_safetensors_count(st);
    list = calloc(n + 1, sizeof *list);
    for (i = 0; list && i < n; i++) list[i] = *rome99_safetensors_at(st, i);
    failed = list ? copy_tensors(c, list, n, path, e) : rome99_fail(e, path, "out of memory");
    free(list);
    rome99_safetensors_free(st);
    return failed;
}

static int read_npz(rome99_golden *c, const char *path, rome99_error *e) {
    rome99_npz z;
    rome99_tensor *list;
    size_t i;
    int failed;
    if (rome99_npz_read(&z, path, e)) return -1;
    list = calloc(z.count + 1, sizeof *list);
    for (i = 0; list && i < z.count; i++) {
        const rome99_npz_array *a = &z.array[i];
        list[i] = (rome99_tensor){a->name, ROME99_ST_F64, 2, {a->rows, a->cols}, a->data, a->rows * a->cols};
    }
    failed = list ? copy_tensors(c, list, z.count, path, e) : rome99_fail(e, path, "out of memory");
    free(list);
    rome99_npz_free(&z);
    return failed;
}

int rome99_candidate_read(rome99_golden *c, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    int zip, safetensors;
    if (rome99_read_file(&bytes, &size, path, e)) return -1;
    if (size >= 13 && memcmp(bytes, ROME99_GOLDEN_MAGIC, 13) == 0)
        return rome99_golden_parse(c, bytes, size, path, 0, e);
    if (size == 0) {
        free(bytes);
        return rome99_fail(e, path, "is empty: did what should write it fail?");
    }
    zip = size >= 2 && memcmp(bytes, "PK", 2) == 0;
    safetensors = size > 8 && bytes[8] == '{';
    free(bytes);
    if ((zip || safetensors) && strcmp(path, "-") == 0)
        return rome99_fail(e, "standard input", "only the text format may come from here");
    if (zip) return read_npz(c, path, e);
    if (safetensors) return read_safetensors(c, path, e);
    return rome99_fail(e, path,
                       "begins neither with '" ROME99_GOLDEN_MAGIC "' nor as safetensors or .npz does");
}
