/* safetensors.h: the safetensors format: named tensors in one file, behind a header in JSON. */
#ifndef ROME99_SAFETENSORS_H
#define ROME99_SAFETENSORS_H
#include "files/os.h"

enum { ROME99_MAX_RANK = 8 };

/* The floats have the values of rome99_dtype; OTHER is what this reader does not know. */
/* clang-format off */
typedef enum {
    ROME99_ST_F64, ROME99_ST_F32, ROME99_ST_F16, ROME99_ST_BF16, ROME99_ST_I64, ROME99_ST_I32, ROME99_ST_I16,
    ROME99_ST_I8, ROME99_ST_U8, ROME99_ST_BOOL, ROME99_ST_OTHER
} rome99_st_dtype;
/* clang-format on */

typedef struct {
    const char *name; /* UTF-8 */
    rome99_st_dtype dtype;
    size_t rank, shape[ROME99_MAX_RANK]; /* row-major; a scalar has rank 0 */
    const void *data; /* elements in the host's byte order, aligned; NULL for ROME99_ST_OTHER */
    size_t count;     /* number of elements: the product of the shape */
} rome99_tensor;

const char *rome99_st_dtype_name(rome99_st_dtype dtype); /* "F64" and so on, "unknown" for ROME99_ST_OTHER */
size_t rome99_st_dtype_size(rome99_st_dtype dtype);      /* bytes of one element, 0 for ROME99_ST_OTHER */

/* Reads a file ("-" is standard input) and checks all that the format lays down: the header is JSON of at
   most 100 MB, names differ, sizes agree with shapes, the tensors cover the data without overlap or hole.
   Memory: the file, and about 10 times its header. Returns 0, or -1 with *e set and nothing to free. */
typedef struct rome99_safetensors rome99_safetensors;
int rome99_safetensors_read(rome99_safetensors **st, const char *path, rome99_error *e);

/* The same of a file of `size` bytes that is left where it is, from its first n bytes, which need not outlive
   the call: `data` is NULL, the elements of t lie in the file at `place`, little-endian. front: how many bytes
   parse needs, the length of the header and the header, told by the first 8. */
int rome99_safetensors_parse(rome99_safetensors **st, const char *where, const unsigned char *bytes, size_t n,
                             size_t size, rome99_error *e);
size_t rome99_safetensors_place(const rome99_safetensors *st, const rome99_tensor *t);
size_t rome99_safetensors_front(const unsigned char *bytes, size_t n);

void rome99_safetensors_free(rome99_safetensors *st); /* with names and data; NULL is allowed */

/* The i-th of `count` tensors, sorted by name; the one of that name, or NULL; one that must be there with a
   known dtype: 0, or -1 with *e set. */
size_t rome99_safetensors_count(const rome99_safetensors *st);
const rome99_tensor *rome99_safetensors_at(const rome99_safetensors *st, size_t i);
const rome99_tensor *rome99_safetensors_find(const rome99_safetensors *st, const char *name);
int rome99_safetensors_require(const rome99_tensor **t, const rome99_safetensors *st, const char *name,
                               rome99_error *e);

/* Writes n tensors in the given order with the metadata {"format":"pt"}: the same tensors give the same bytes
   on every machine. Names must be distinct UTF-8, dtypes known; `count` is not used. Returns 0, or -1 with *e
   set and no file changed. */
int rome99_safetensors_write(const char *path, const rome99_tensor *tensors, size_t n, rome99_error *e);

#endif
