/* safetensors.c: target safetensors: the whole file, its header alone, and what reads through it: C,
   windows. */
#include "edit/setup.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Reads every byte of a tensor, widens it if it is of floats, and finds it by name. */
static void use(const rome99_safetensors *st, const rome99_tensor *t) {
    const size_t bytes = t->count * rome99_st_dtype_size(t->dtype);
    unsigned char sum = 0;
    double x;
    size_t i;
    for (i = 0; t->data && i < bytes; i++) sum = (unsigned char)(sum + ((const unsigned char *)t->data)[i]);
    for (i = 0; t->data && t->dtype <= ROME99_ST_BF16 && i < t->count; i++)
        rome99_widen(&x, (rome99_weight){t->data, (rome99_dtype)t->dtype}, i, 1);
    if (rome99_safetensors_find(st, t->name) != t) fuzz_wrong("tensor '%s' is not found", t->name);
    (void)sum;
}

/* What is written of known dtypes reads back the same. */
static void write_and_read(const rome99_safetensors *st) {
    rome99_safetensors *again = NULL;
    size_t n = rome99_safetensors_count(st), i, known = 0;
    rome99_tensor *list = calloc(n + 1, sizeof *list);
    char *path = fuzz_path("again.safetensors");
    rome99_error e;
    for (i = 0; i < n; i++)
        if (rome99_safetensors_at(st, i)->data &&
            strcmp(rome99_safetensors_at(st, i)->name, "__metadata__") != 0)
            list[known++] = *rome99_safetensors_at(st, i);
    if (rome99_safetensors_write(path, list, known, &e) || rome99_safetensors_read(&again, path, &e))
        fuzz_wrong("written, but not read: %s", e.text);
    for (i = 0; again && i < known; i++) {
        const rome99_tensor *a = &list[i], *b = rome99_safetensors_find(again, a->name);
        if (!b || a->dtype != b->dtype || a->rank != b->rank || a->count != b->count ||
            memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) != 0 ||
            memcmp(a->data, b->data, a->count * rome99_st_dtype_size(a->dtype)) != 0)
            fuzz_wrong("tensor '%s' was written and is not the same", a->name);
    }
    rome99_safetensors_free(again);
    free(list);
    free(path);
}

int fuzz_safetensors(const unsigned char *data, size_t size) {
    const size_t front = rome99_safetensors_front(data, size < 8 ? size : 8);
    const rome99_checkpoint *c = fuzz_model();
    char *path = fuzz_file("input.safetensors", data, size);
    rome99_safetensors *header = NULL, *whole = NULL;
    rome99_texts texts = {0};
    rome99_error a, b;
    double *C;
    size_t i, covered = front;
    int unknown = 0;
    int no_header = rome99_safetensors_parse(&header, path, data, front < size ? front : size, size, &a);
    int no_file = rome99_safetensors_read(&whole, path, &b);
    fuzz_memory(size, 32);
    if (no_header != no_file || (no_file && strcmp(a.text, b.text) != 0))
        fuzz_wrong("the header alone: %s; the file: %s", no_header ? a.text : "-", no_file ? b.text : "-");
    for (i = 0; !no_header && !no_file && i < rome99_safetensors_count(header); i++) {
        const rome99_tensor *t = rome99_safetensors_at(whole, i), *h = rome99_safetensors_at(header, i);
        const size_t bytes = t->count * rome99_st_dtype_size(t->dtype);
        const size_t place = rome99_safetensors_place(header, h);
        if (strcmp(t->name, h->name) != 0 || h->data || place > size || bytes > size - place)
            fuzz_wrong("tensor '%s' lies at %zu, %zu bytes of %zu", t->name, place, bytes, size);
        covered += bytes;
        unknown |= t->dtype == ROME99_ST_OTHER;
        use(whole, t);
    }
    if (!no_file && !unknown && covered != size) fuzz_wrong("%zu bytes are covered, not %zu", covered, size);
    if (!no_file) write_and_read(whole);
    if (!no_header) rome99_safetensors_free(header);
    if (!no_file) rome99_safetensors_free(whole);
    if (!rome99_read_cov(&C, path, 2, &a)) free(C);
    if (!rome99_read_stream(&texts, path, c, 2, &a)) rome99_texts_free(&texts);
    free(path);
    return !no_file;
}
