/* cov.c: reads C, the second moment of a layer's keys, from the files that hold it. */
#include "edit/setup.h"
#include "files/npy.h"
#include "files/npz.h"

#include <stdlib.h>
#include <string.h>

/* Fails for the element (i, j). */
static int fail_at(const char *path, const char *what, size_t i, size_t j, rome99_error *e) {
    return rome99_fail(e, path, "C is not %s at (%lu, %lu)", what, (unsigned long)i, (unsigned long)j);
}

static double root(double x) { return rome99_sqrt(x < 0.0 ? -x : x); }

/* Finite and, but for the rounding of float32, symmetric. */
static int check_cov(const double *C, size_t F, const char *path, rome99_error *e) {
    size_t i, j;
    for (i = 0; i < F * F; i++)
        if (!(C[i] - C[i] == 0.0)) return fail_at(path, "finite", i / F, i % F, e);
    for (i = 0; i < F; i++) {
        const double a = 1e-5 * root(C[i * F + i]);
        for (j = 0; j <= i; j++) { /* no product of elements: it might overflow, or vanish */
            const double d = C[i * F + j] - C[j * F + i], most = a * root(C[j * F + j]);
            if (!(d <= most && -d <= most)) return fail_at(path, "symmetric", i, j, e);
        }
    }
    return 0;
}

/* *C is the tensor "C", widened; NULL if it has another shape or type. */
static int load_cov_tensor(double **C, const char *path, size_t F, rome99_error *e) {
    rome99_safetensors *st;
    const rome99_tensor *t;
    rome99_weight w;
    int failed;
    if (rome99_safetensors_read(&st, path, e)) return -1;
    failed = rome99_safetensors_require(&t, st, "C", e);
    if (!failed && t->rank == 2 && t->shape[0] == F && t->shape[1] == F &&
        (t->dtype == ROME99_ST_F64 || t->dtype == ROME99_ST_F32)) {
        w.data = t->data;
        w.dtype = t->dtype == ROME99_ST_F64 ? ROME99_F64 : ROME99_F32;
        if (!(*C = malloc(F * F * sizeof **C)))
            failed = rome99_fail(e, path, "out of memory");
        else
            rome99_widen(*C, w, 0, F * F);
    }
    rome99_safetensors_free(st);
    return failed;
}

/* The array "mom2.NAME" of upstream's statistics, or "NAME" where they are of one moment alone; or NULL. */
static rome99_npz_array *find_statistic(const rome99_npz *z, const char *name) {
    size_t i;
    for (i = 0; i < z->count; i++) {
        const char *own = z->array[i].name;
        if (strncmp(own, "mom2.", 5) == 0) own += 5;
        if (strcmp(own, name) == 0) return &z->array[i];
    }
    return NULL;
}

/* C = mom2 / count, the sum of k k^T over as many keys. */
static int load_cov_npz(double **C, size_t *rows, size_t *cols, const char *path, rome99_error *e) {
    rome99_npz z;
    rome99_npz_array *sum, *count;
    int failed = 0;
    size_t i;
    if (rome99_npz_read(&z, path, e)) return -1;
    sum = find_statistic(&z, "mom2");
    count = find_statistic(&z, "count");
    if (!sum || !count)
        failed = rome99_fail(e, path, "array 'mom2.%s' is missing", sum ? "count" : "mom2");
    else if (!sum->data)
        failed = rome99_fail(e, path, "array '%s' holds no numbers", sum->name);
    else if (!count->data || count->rows * count->cols != 1 || !(count->data[0] > 0.0))
        failed = rome99_fail(e, path, "array '%s' must be one positive number", count->name);
    if (!failed) {
        *C = sum->data;
        *rows = sum->rows;
        *cols = sum->cols;
        sum->data = NULL;
        for (i = 0; i < *rows * *cols; i++) (*C)[i] /= count->data[0];
    }
    rome99_npz_free(&z);
    return failed;
}

int rome99_read_cov(double **C, const char *path, size_t F, rome99_error *e) {
    const char *end = strrchr(path, '.');
    size_t rows = F, cols = F;
    int failed;
    *C = NULL;
    if (end && strcmp(end, ".npy") == 0)
        failed = rome99_npy_read(C, &rows, &cols, path, e);
    else if (end && strcmp(end, ".npz") == 0)
        failed = load_cov_npz(C, &rows, &cols, path, e);
    else
        failed = load_cov_tensor(C, path, F, e);
    if (!failed && (!*C || rows != F || cols != F))
        failed = rome99_fail(e, path, "C must be a matrix of %lu x %lu floats", (unsigned long)F,
                             (unsigned long)F);
    if (!failed) failed = check_cov(*C, F, path, e);
    if (failed) {
        free(*C);
        *C = NULL;
    }
    return failed;
}
