/* npz.c: reads zip files of .npy files. Such a file is: the members, each a local header and its bytes; the
   directory, an entry for each member; the end record, which says where the directory is, and a comment. All
   numbers are little-endian. numpy gives local headers a zip64 field: sizes are taken from the directory. */
#include "files/npz.h"
#include "files/npy.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { END = 22, ENTRY = 46, LOCAL = 30 }; /* bytes, without what is of no fixed length */

typedef struct {
    const unsigned char *bytes;
    size_t size, left; /* left: so many bytes members can still have if none overlap */
} zip;

static size_t number(const unsigned char *p, int bytes) {
    uint32_t x = 0;
    while (bytes-- > 0) x = x << 8 | p[bytes];
    return x;
}

/* Reads the member whose entry and name are given. Returns NULL, or what is wrong. */
static const char *read_member(rome99_npz_array *a, zip *z, const unsigned char *entry, rome99_error *e) {
    const size_t length = strlen(a->name), size = number(entry + 24, 4), at = number(entry + 42, 4);
    const unsigned char *p = z->bytes + (at < z->size ? at : 0);
    size_t skip;
    if (length != number(entry + 28, 2) || length < 4 || strcmp(a->name + length - 4, ".npy") != 0)
        return "no .npy file";
    if (number(entry + 8, 2) & 1) return "encrypted";
    if (number(entry + 10, 2) != 0) return "compressed: write it with numpy.savez";
    if (at > z->size || z->size - at < LOCAL || memcmp(p, "PK\3\4", 4) != 0)
        return "not where the directory says";
    skip = LOCAL + number(p + 26, 2) + number(p + 28, 2);
    if (size != number(entry + 20, 4) || size > z->left || skip > z->size - at || size > z->size - at - skip)
        return "not of the size that the directory says";
    z->left -= size;
    a->name[length - 4] = '\0';
    return rome99_npy_parse(&a->data, &a->rows, &a->cols, p + skip, size, 1, ".npy", e) ? e->text : NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const rome99_npz_array *)a)->name, ((const rome99_npz_array *)b)->name);
}

/* Reads the directory: `count` entries in `size` bytes. */
static int read_directory(rome99_npz *out, zip *z, const unsigned char *entry, size_t size, size_t count,
                          const char *where, rome99_error *e) {
    size_t i;
    char *names;
    out->array = calloc(1, count * sizeof *out->array + size + 1); /* the names behind */
    if (!out->array) return rome99_fail(e, where, "out of memory");
    names = (char *)(out->array + count);
    for (i = 0; i < count; i++) {
        rome99_npz_array *a = &out->array[i];
        const int whole = size >= ENTRY && memcmp(entry, "PK\1\2", 4) == 0;
        const size_t name = whole ? number(entry + 28, 2) : 0;
        const size_t length = whole ? ENTRY + name + number(entry + 30, 2) + number(entry + 32, 2) : 0;
        const char *wrong;
        if (!whole || length > size)
            return rome99_fail(e, where, "the zip's directory is damaged at entry %zu", i + 1);
        a->name = memcpy(names, entry + ENTRY, name);
        names += name + 1;
        out->count++;
        wrong = read_member(a, z, entry, e);
        if (wrong) return rome99_fail(e, where, "member '%.100s': %s", a->name, wrong);
        entry += length;
        size -= length;
    }
    qsort(out->array, count, sizeof *out->array, by_name);
    for (i = 1; i < count; i++)
        if (by_name(&out->array[i - 1], &out->array[i]) == 0)
            return rome99_fail(e, where, "array '%.200s' is there twice", out->array[i].name);
    return 0;
}

static int parse(rome99_npz *out, const unsigned char *bytes, size_t size, const char *where,
                 rome99_error *e) {
    zip z = {bytes, size, size};
    size_t end = size < END ? 0 : size - END, comment = 0, at, directory, count;
    while (end > 0 && comment < UINT16_MAX &&
           (memcmp(bytes + end, "PK\5\6", 4) != 0 || number(bytes + end + 20, 2) != comment))
        end--, comment++;
    if (size < END || memcmp(bytes + end, "PK\5\6", 4) != 0)
        return rome99_fail(e, where, "no zip file, or one cut short: it has no end record");
    count = number(bytes + end + 10, 2);
    directory = number(bytes + end + 12, 4);
    at = number(bytes + end + 16, 4);
    if (at > end || directory > end - at || count > directory / ENTRY)
        return rome99_fail(e, where, "the zip's directory is not where its end record says");
    return read_directory(out, &z, bytes + at, directory, count, where, e);
}

int rome99_npz_read(rome99_npz *z, const char *path, rome99_error *e) {
    unsigned char *bytes;
    size_t size;
    int failed;
    *z = (rome99_npz){0};
    if (rome99_read_file(&bytes, &size, path, e)) return -1;
    failed = parse(z, bytes, size, path, e);
    free(bytes);
    if (failed) rome99_npz_free(z);
    return failed;
}

void rome99_npz_free(rome99_npz *z) {
    size_t i;
    for (i = 0; i < z->count; i++) free(z->array[i].data);
    free(z->array);
    *z = (rome99_npz){0};
}
