/* npy.h: matrices in NumPy's .npy format. */
#ifndef ROME99_NPY_H
#define ROME99_NPY_H

#include "files/os.h"

/* Reads an array of 4- or 8-byte floats of either byte order with one or two dimensions: format
   versions 1.0, 2.0 and 3.0, C or Fortran order. *data (rows, cols), row-major, is malloc'ed for
   the caller to free; a vector is n x 1. Returns 0, or -1 with *e set and nothing to free. */
int rome99_npy_read(double **data, size_t *rows, size_t *cols, const char *path, rome99_error *e);

/* The same from the bytes of such a file; `where` names them in messages. */
int rome99_npy_parse(double **data, size_t *rows, size_t *cols, const unsigned char *bytes,
                     size_t size, const char *where, rome99_error *e);

/* Writes data (rows, cols), row-major, as '<f8', version 1.0: the bytes of numpy.save. Returns 0,
   or -1 with *e set and no file changed. */
int rome99_npy_write(const char *path, const double *data, size_t rows, size_t cols,
                     rome99_error *e);

#endif
