/* faults.h: for a build in which any allocation and any call of files can be made to fail. Put before every
   source by `-include tests/faults/faults.h` and linked with faults.o; without a fault set, everything is as
   without it. The environment chooses, or a test does by the functions below:

     ROME99_FAULT=KIND:N[:sticky]   the N-th call of that kind, from 1; sticky: all later ones, too
       memory  an allocation returns NULL
       io      a call of files fails; for reads and writes the stream's own system call does
       full    from that call of files on all that need room on the disk fail
       kill    SIGKILL before a call of files
       short   an fwrite writes half of its bytes, then fails
       tear    an fwrite writes half of its bytes, then SIGKILL
     ROME99_FAULT_REPORT=FILE       at exit, one line: calls that allocate, calls of files, fwrites; blocks and
                                    streams not given back */
#ifndef ROME99_FAULTS_H
#define ROME99_FAULTS_H

/* As ref/files/os.c has them: they must come before the first header. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64

#include <ftw.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* glibc's headers give it a value. */
#undef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE

typedef enum {
    ROME99_FAULT_NONE,
    ROME99_FAULT_MEMORY,
    ROME99_FAULT_IO,
    ROME99_FAULT_FULL,
    ROME99_FAULT_KILL,
    ROME99_FAULT_SHORT,
    ROME99_FAULT_TEAR
} rome99_fault_kind;

/* The n-th call of the kind from now on fails, and those after it where sticky. */
void rome99_fault_set(rome99_fault_kind kind, size_t n, int sticky);
void rome99_fault_clear(void);
/* Calls since the last set, or since the start: of MEMORY; of IO, FULL and KILL; of SHORT and TEAR. */
size_t rome99_fault_count(rome99_fault_kind kind);
/* Not given back since the start. */
size_t rome99_fault_blocks(void);
size_t rome99_fault_streams(void);

/* Called before every call, if it is not NULL; rome99_fault_set(kind, 0, sticky) in it makes that call fail.
   realpath then gives paths below the working directory as relative ones: a process may go on in a copy of it. */
typedef enum {
    ROME99_CALL_MEMORY,
    ROME99_CALL_LOOK,   /* of files, needs no room */
    ROME99_CALL_SPACE,  /* needs room on the disk */
    ROME99_CALL_WRITE,  /* fwrite */
    ROME99_CALL_REMOVE, /* removes a file or folder */
    ROME99_CALLS
} rome99_fault_call;
extern void (*rome99_fault_hook)(rome99_fault_call call);

void *rome99_fault_malloc(size_t size);
void *rome99_fault_calloc(size_t n, size_t size);
void *rome99_fault_realloc(void *p, size_t size);
int rome99_fault_posix_memalign(void **p, size_t alignment, size_t size);
char *rome99_fault_realpath(const char *path, char *resolved);
void rome99_fault_free(void *p);

FILE *rome99_fault_fopen(const char *path, const char *mode);
int rome99_fault_fclose(FILE *f);
size_t rome99_fault_fread(void *to, size_t size, size_t n, FILE *f);
size_t rome99_fault_fwrite(const void *from, size_t size, size_t n, FILE *f);
int rome99_fault_fputs(const char *s, FILE *f);
int rome99_fault_putchar(int c);
int rome99_fault_printf(const char *format, ...);
int rome99_fault_fflush(FILE *f);
int rome99_fault_fseek(FILE *f, long offset, int from);
long rome99_fault_ftell(FILE *f);
int rome99_fault_fsync(int fd);
int rome99_fault_rename(const char *from, const char *to);
int rome99_fault_remove(const char *path);
int rome99_fault_mkdir(const char *path, mode_t mode);
int rome99_fault_stat(const char *path, struct stat *s);
int rome99_fault_nftw(const char *path, int visit(const char *, const struct stat *, int, struct FTW *),
                      int descriptors, int flags);

#ifndef ROME99_FAULTS_PLAIN
/* With parameters, so that `struct stat` stays what it is, and (malloc)(n) is the library's. */
#define malloc(size)             rome99_fault_malloc(size)
#define calloc(n, size)          rome99_fault_calloc(n, size)
#define realloc(p, size)         rome99_fault_realloc(p, size)
#define posix_memalign(p, a, s)  rome99_fault_posix_memalign(p, a, s)
#define realpath(path, resolved) rome99_fault_realpath(path, resolved)
#define free(p)                  rome99_fault_free(p)
#define fopen(path, mode)        rome99_fault_fopen(path, mode)
#define fclose(f)                rome99_fault_fclose(f)
#define fread(to, size, n, f)    rome99_fault_fread(to, size, n, f)
#define fwrite(from, size, n, f) rome99_fault_fwrite(from, size, n, f)
#undef fputs
#define fputs(s, f) rome99_fault_fputs(s, f)
#undef putchar
#define putchar(c) rome99_fault_putchar(c)
#undef printf
#define printf(...)            rome99_fault_printf(__VA_ARGS__)
#define fflush(f)              rome99_fault_fflush(f)
#define fseek(f, offset, from) rome99_fault_fseek(f, offset, from)
#define ftell(f)               rome99_fault_ftell(f)
#define fsync(fd)              rome99_fault_fsync(fd)
#define rename(from, to)       rome99_fault_rename(from, to)
#define remove(path)           rome99_fault_remove(path)
#define mkdir(path, mode)      rome99_fault_mkdir(path, mode)
#define stat(path, s)          rome99_fault_stat(path, s)
#undef nftw /* glibc: nftw64 */
#define nftw(path, visit, descriptors, flags) rome99_fault_nftw(path, visit, descriptors, flags)
#endif

#endif
