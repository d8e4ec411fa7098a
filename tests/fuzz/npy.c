/* npy.c: targets npy and npz: arrays as numpy writes them, and C read from them. */
#include "edit/setup.h"
#include "files/npy.h"
#include "files/npz.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void read_cov(const char *path, size_t F) {
    rome99_error e;
    double *C;
    if (F == 0 || F > 64 || rome99_read_cov(&C, path, F, &e)) return;
    if (!(C[F * F - 1] - C[F * F - 1] == 0.0)) fuzz_wrong("C is not finite");
    free(C);
}

int fuzz_npy(const unsigned char *data, size_t size) {
    double *x = NULL, *y = NULL;
    size_t rows = 0, cols = 0, more_rows = 0, more_cols = 0;
    rome99_error e;
    char *path;
    const int accepted = !rome99_npy_parse(&x, &rows, &cols, data, size, 0, "input", &e);
    const int any = !rome99_npy_parse(&y, &more_rows, &more_cols, data, size, 1, "input", &e);
    fuzz_memory(size, 30);
    if (accepted &&
        (!any || !y || rows != more_rows || cols != more_cols || memcmp(x, y, rows * cols * sizeof *x) != 0))
        fuzz_wrong("an array of floats is another one as an array of anything");
    if (any && y && more_rows * more_cols > size) fuzz_wrong("more elements than bytes");
    free(x);
    free(y);
    path = fuzz_file("input.npy", data, size);
    read_cov(path, accepted ? rows : 2);
    free(path);
    return any;
}

int fuzz_npz(const unsigned char *data, size_t size) {
    char *path = fuzz_file("input.npz", data, size);
    rome99_npz z;
    rome99_error e;
    size_t i, j, F = 2;
    const int accepted = !rome99_npz_read(&z, path, &e);
    fuzz_memory(size, 32);
    for (i = 0; accepted && i < z.count; i++) {
        const rome99_npz_array *a = &z.array[i];
        double sum = 0.0;
        if (i > 0 && strcmp(z.array[i - 1].name, a->name) >= 0) fuzz_wrong("not sorted by name");
        for (j = 0; a->data && j < a->rows * a->cols; j++) sum += a->data[j];
        if (a->rows == a->cols && a->rows > 1) F = a->rows;
        (void)sum;
    }
    if (accepted) rome99_npz_free(&z);
    read_cov(path, F);
    free(path);
    return accepted;
}
