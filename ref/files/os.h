/* os.h: errors, whole files in, whole files out; os.c behind it is the only file that depends on
   the platform. */
#ifndef ROME99_OS_H
#define ROME99_OS_H

#include <stddef.h>

/* What went wrong, as one line without a newline: "FILE: what is wrong". */
typedef struct {
    char text[512];
} rome99_error;

/* Sets e->text to "where: formatted" (just the text where `where` is NULL), cut to fit with "..."
   at the end, control bytes shown as '?'; `where` is cut after 255 bytes. The arguments may point
   into *e. Always returns -1, so that callers can `return rome99_fail(...)`. */
int rome99_fail(rome99_error *e, const char *where, const char *format, ...);

/* Reads all of `path` ("-" is standard input) into a malloc'ed buffer that the caller frees; a NUL
   is put behind the last byte, not counted in *size. Returns 0, or -1 with *e set and nothing to
   free. */
int rome99_read_file(unsigned char **data, size_t *size, const char *path, rome99_error *e);

/* The same piece by piece: take gives the next `limit` bytes of the file (less only at its end:
   *size says) in a malloc'ed buffer, with the NUL. Memory grows with what the file holds, not with
   `limit`. open and take return 0, or -1 with *e set and nothing to free; close must follow every
   successful open, and `path` be there until then. */
typedef struct rome99_reader rome99_reader;
int rome99_reader_open(rome99_reader **r, const char *path, rome99_error *e);
int rome99_reader_take(rome99_reader *r, unsigned char **data, size_t *size, size_t limit,
                       rome99_error *e);
void rome99_reader_close(rome99_reader *r);

/* A file that appears whole or not at all: written under a temporary name beside `path` (behind its
   symbolic links), synced and renamed by commit. What exists and is no regular file (/dev/null, a
   pipe) or is standard output is written straight. Any failed write is remembered and makes commit
   fail. Exactly one of commit and abandon must be called after a successful open; both free the
   writer, and only a commit that succeeds leaves anything behind. open and commit return 0, or -1
   with *e set. */
typedef struct rome99_writer rome99_writer;
int rome99_writer_open(rome99_writer **w, const char *path, rome99_error *e);
void rome99_writer_put(rome99_writer *w, const void *data, size_t size);
int rome99_writer_commit(rome99_writer *w, rome99_error *e);
void rome99_writer_abandon(rome99_writer *w);

/* The same for one piece of memory. */
int rome99_write_file(const char *path, const void *data, size_t size, rome99_error *e);

/* A new directory that appears whole or not at all: begin makes an empty temporary one beside
   `path` (which must not exist) and gives its name in *temporary (malloc'ed); commit syncs and
   renames it to `path`; abandon, and a commit that fails, remove it with the files in it. Both free
   `temporary`. begin and commit return 0, or -1 with *e set. */
int rome99_dir_begin(char **temporary, const char *path, rome99_error *e);
int rome99_dir_commit(char *temporary, const char *path, rome99_error *e);
void rome99_dir_abandon(char *temporary);

/* 1 if `path` can be opened for reading, else 0. */
int rome99_exists(const char *path);

/* "dir/name" in malloc'ed memory, or NULL where memory is out. */
char *rome99_path(const char *dir, const char *name);

/* 1 if the stream (1 standard output, 2 standard error) is a terminal. */
int rome99_is_terminal(int stream);

/* Seconds of wall time since some fixed moment. */
double rome99_seconds(void);

#endif
