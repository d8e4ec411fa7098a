/* os.h: errors, whole files in, whole files out; os.c is the only file that depends on the platform. */
#ifndef ROME99_OS_H
#define ROME99_OS_H
#include <stddef.h>

/* What went wrong, as one line without a newline: "FILE: what is wrong". */
typedef struct {
    char text[512];
} rome99_error;

/* Sets e->text to "where: formatted" (just the text where `where` is NULL), cut to fit with "..." at the end,
   made plain; `where` is cut after 255 bytes. The arguments may point into *e. Returns -1. */
int rome99_fail(rome99_error *e, const char *where, const char *format, ...);

/* Writes '?' over control characters, which a terminal might obey: below U+0020, U+007F to U+009F (as UTF-8). */
void rome99_plain(char *text, size_t size);

/* Reads all of `path` ("-" is standard input) into a malloc'ed buffer with a NUL behind the last byte, not
   counted in *size. Returns 0, or -1 with *e set and nothing to free. */
int rome99_read_file(unsigned char **data, size_t *size, const char *path, rome99_error *e);

/* Write a file that appears whole or not at all: under a temporary name beside `path` (behind its symbolic
   links), synced, then renamed. A device or a pipe is written straight. Pieces follow one another, each
   written as little-endian numbers of `element` bytes. Return 0, or -1 with *e set and nothing left behind. */
typedef struct {
    const void *data;
    size_t size, element;
} rome99_piece;
int rome99_write_pieces(const char *path, const rome99_piece *pieces, size_t n, rome99_error *e);
int rome99_write_file(const char *path, const void *data, size_t size, rome99_error *e);

/* Appends to a file, which is made if there is none, and syncs it. Returns 0, or -1 with *e set; the file may
   then have a part of the bytes at its end. */
int rome99_append_file(const char *path, const void *data, size_t size, rome99_error *e);

/* Turns numbers of `element` bytes from little-endian, or big-endian, into the host's order, or back. */
void rome99_swap(void *data, size_t size, size_t element, int big_endian);

/* A new directory that appears whole or not at all: begin makes an empty temporary one beside `path`, which
   must not exist, and gives its name in *temporary (malloc'ed); commit renames it to `path`; abandon, and a
   commit that fails, remove it with its files. Both free `temporary`. begin and commit return 0, or -1 with
   *e set. */
int rome99_dir_begin(char **temporary, const char *path, rome99_error *e);
int rome99_dir_commit(char *temporary, const char *path, rome99_error *e);
void rome99_dir_abandon(char *temporary);
int rome99_exists(const char *path);  /* 1 if there is something of that name, else 0 */
int rome99_is_file(const char *path); /* 1 if that is a regular file, else 0 */
/* Both are 1 where the system cannot tell: opening it then says why. */

/* "dir/name" in malloc'ed memory, just the name where dir is ""; NULL where memory is out. */
char *rome99_path(const char *dir, const char *name);

void *rome99_allocate(size_t size); /* malloc, for what is large in large pages if the system has them */
int rome99_is_terminal(int stream); /* 1 if it is (1 standard output, 2 standard error), else 0 */
double rome99_seconds(void);        /* wall time since some fixed moment */

#endif
