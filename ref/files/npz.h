/* npz.h: several arrays in one file, as numpy.savez writes them: a zip of .npy files. */
#ifndef ROME99_NPZ_H
#define ROME99_NPZ_H
#include "files/os.h"

typedef struct {
    char *name;        /* without ".npy" */
    size_t rows, cols; /* as rome99_npy_parse gives them, of any kind */
    double *data;      /* (rows, cols); NULL where the elements are no numbers */
} rome99_npz_array;

/* Sorted by name; no name is there twice. */
typedef struct {
    rome99_npz_array *array;
    size_t count;
} rome99_npz;

/* Reads a file whose members are of less than 2 GiB. What is compressed (numpy.savez_compressed), encrypted,
   or no .npy is refused by name. Memory: the file, and at most 8 times its arrays. Returns 0, or -1 with *e
   set and nothing to free. */
int rome99_npz_read(rome99_npz *z, const char *path, rome99_error *e);
void rome99_npz_free(rome99_npz *z);

#endif
