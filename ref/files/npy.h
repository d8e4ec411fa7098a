/* npy.h: matrices in NumPy's .npy format. */
#ifndef ROME99_NPY_H
#define ROME99_NPY_H
#include "files/os.h"

/* Read an array of 4- or 8-byte floats of either byte order with one or two dimensions, format versions 1.0,
   2.0 and 3.0, C or Fortran order, from a file or from its bytes (`where` names them in messages). *data
   (rows, cols), row-major, is malloc'ed for the caller; a vector is n x 1. If `any`: also of half floats,
   booleans, integers below 2^53 (others are an error); of no dimension, 1 x 1, or of up to 8, where all but the
   last are rows; of other elements, such as strings, only the shape: *data is NULL. Return 0, or -1 with *e set
   and nothing to free. */
int rome99_npy_read(double **data, size_t *rows, size_t *cols, const char *path, rome99_error *e);
int rome99_npy_parse(double **data, size_t *rows, size_t *cols, const unsigned char *bytes, size_t size, int any,
                     const char *where, rome99_error *e);

#endif
