/* os.c: the platform seam. What C99 lacks comes first, for POSIX and as far as plain C99 goes: no sync, no
   directories, a rename that removes first. A failing call need not set errno: it is cleared before. */
#define _XOPEN_SOURCE     700
#define _DEFAULT_SOURCE   /* madvise */
#define _FILE_OFFSET_BITS 64

#include "files/os.h"
#include "files/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum { MISSING, DIRECTORY, OTHER, REGULAR, UNKNOWN } file_kind; /* UNKNOWN: errno says why */

#if defined(__unix__) || defined(__APPLE__) || defined(__HAIKU__)
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static file_kind kind_of(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) return errno == ENOENT || errno == ENOTDIR ? MISSING : UNKNOWN;
    if (strcmp(path, "/dev/stdout") == 0) return OTHER; /* though it may lead to a regular file */
    return S_ISREG(s.st_mode) ? REGULAR : S_ISDIR(s.st_mode) ? DIRECTORY : OTHER;
}

static const char *reason(void) { return errno == ENOMEM ? "out of memory" : strerror(errno); }

/* A file system that cannot sync says EINVAL. */
static int sync_file(FILE *f) { return fsync(fileno(f)) == 0 || errno == EINVAL ? 0 : -1; }
static char *resolve(const char *path) { return realpath(path, NULL); }
static int replace(const char *from, const char *to) { return rename(from, to); }
static int make_directory(const char *path) { return mkdir(path, 0777); }

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f) {
    return (void)s, (void)kind, (void)f, remove(path);
}
static void remove_directory(const char *path) { (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

void *rome99_allocate(size_t size) {
    const size_t page = (size_t)1 << 21;
    void *p = NULL;
#ifdef MADV_HUGEPAGE
    if (size >= page && size <= SIZE_MAX - page) size = (size + page - 1) / page * page;
    if (size >= page && posix_memalign(&p, page, size) == 0) (void)madvise(p, size, MADV_HUGEPAGE);
#endif
    return p ? p : malloc(size);
}

int rome99_is_terminal(int stream) { return isatty(stream) != 0; }

double rome99_seconds(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0.0;
}
#else
static file_kind kind_of(const char *path) {
    FILE *f = fopen(path, "rb");
    return f ? fclose(f), REGULAR : MISSING;
}
static const char *reason(void) { return strerror(errno); }
static int sync_file(FILE *f) { return (void)f, 0; }
static char *resolve(const char *path) { return rome99_path("", path); }
static int replace(const char *from, const char *to) { return (void)remove(to), rename(from, to); }
static int make_directory(const char *path) { return (void)path, -1; }
static void remove_directory(const char *path) { (void)path; }
void *rome99_allocate(size_t size) { return malloc(size); }
int rome99_is_terminal(int stream) { return (void)stream, 0; }
double rome99_seconds(void) { return (double)time(NULL); }
#endif

void rome99_plain(char *text, size_t size) {
    unsigned char *s = (unsigned char *)text;
    size_t i;
    for (i = 0; i < size; i++) {
        const size_t pair = i + 1 < size && s[i] == 0xC2 && s[i + 1] < 0xA0;
        if (pair || s[i] < 0x20 || s[i] == 0x7F) s[i] = s[i + pair] = '?';
    }
}

int rome99_fail(rome99_error *e, const char *where, const char *format, ...) {
    char text[sizeof e->text];
    size_t used = 0, end = sizeof text - 4;
    int length;
    va_list arguments;
    if (where) used = (size_t)snprintf(text, sizeof text, "%.255s: ", where);
    va_start(arguments, format);
    length = vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length >= sizeof text - used) {
        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) end--; /* whole characters */
        strcpy(text + end, "...");
    }
    rome99_plain(text, strlen(text));
    strcpy(e->text, text);
    return -1;
}

/* Fails with the reason of the last call. */
static int fail(rome99_error *e, const char *path, const char *what) {
    return rome99_fail(e, path, "%s: %s", what, errno != 0 ? reason() : "no reason given");
}

int rome99_exists(const char *path) { return kind_of(path) != MISSING; }
int rome99_is_file(const char *path) { return kind_of(path) >= REGULAR; }

char *rome99_path(const char *dir, const char *name) {
    const size_t length = strlen(dir);
    char *path = malloc(length + strlen(name) + 2);
    if (path) sprintf(path, "%s%s%s", dir, length > 0 && dir[length - 1] != '/' ? "/" : "", name);
    return path;
}

int rome99_read_file(unsigned char **data, size_t *size, const char *path, rome99_error *e) {
    const int standard = strcmp(path, "-") == 0;
    char part[4096];
    rome99_text t = {0};
    size_t n;
    FILE *f;
    int failed = 0;
    long end;
    if (!standard && kind_of(path) == DIRECTORY) return rome99_fail(e, path, "is a directory, not a file");
    errno = 0;
    f = standard ? stdin : fopen(path, "rb");
    if (!f) return fail(e, path, "cannot open");
    if (standard) path = "standard input";
    end = !standard && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
    if (end > 0 && (t.bytes = malloc((size_t)end + 1)) != NULL)
        t.capacity = (size_t)end + 1; /* if it has a size */
    if (!standard) rewind(f);
    rome99_text_puts(&t, "");
    while (!t.failed && (n = fread(part, 1, sizeof part, f)) > 0) rome99_text_put(&t, part, n);
    if (t.failed) failed = rome99_fail(e, path, "too large: out of memory");
    if (ferror(f)) failed = fail(e, path, "cannot read");
    if (!standard) fclose(f);
    if (failed) rome99_text_free(&t);
    *data = (unsigned char *)t.bytes;
    *size = t.size;
    return failed;
}

void rome99_swap(void *data, size_t size, size_t element, int big_endian) {
    const uint16_t one = 1;
    size_t at, i;
    if (*(const unsigned char *)&one != big_endian) return;
    for (at = 0; at < size; at += element)
        for (i = 0; i < element / 2; i++) {
            unsigned char *a = (unsigned char *)data + at + i, *b = a + element - 1 - 2 * i, byte = *a;
            *a = *b;
            *b = byte;
        }
}

static void write_piece(FILE *f, const rome99_piece *p) {
    unsigned char part[4096];
    size_t at, n;
    for (at = 0; at < p->size; at += n) {
        n = p->size - at < sizeof part ? p->size - at : sizeof part;
        memcpy(part, (const unsigned char *)p->data + at, n);
        rome99_swap(part, n, p->element, 0);
        fwrite(part, 1, n, f);
    }
}

/* Makes a file, opened as *f, or a directory where f is NULL, under a new name beside `path`. Returns the
   name, malloc'ed, or NULL. */
static char *make_temporary(FILE **f, const char *path) {
    size_t length = strlen(path);
    char *name = malloc(length + 32);
    int n, made = 0;
    while (length > 1 && path[length - 1] == '/') length--;
    for (n = 0; name && n < 100 && !made; n++) {
        sprintf(name, "%.*s.tmp-%d", (int)length, path, n);
        if (f) *f = fopen(name, "wbx"); /* x: only if it is new; ignored where it is not known */
        made = f ? *f != NULL : make_directory(name) == 0;
    }
    if (made) return name;
    free(name);
    return NULL;
}

int rome99_write_pieces(const char *path, const rome99_piece *pieces, size_t n, rome99_error *e) {
    const file_kind kind = kind_of(path);
    char *target, *temporary = NULL;
    FILE *f = NULL;
    size_t i;
    int ok;
    if (kind == UNKNOWN) return fail(e, path, "cannot write");
    if (kind == DIRECTORY) return rome99_fail(e, path, "is a directory, not a file");
    errno = 0;
    target = kind == REGULAR ? resolve(path) : rome99_path("", path);
    if (target && kind == OTHER) f = fopen(path, "ab");
    if (target && kind != OTHER) temporary = make_temporary(&f, target);
    for (i = 0; f && !ferror(f) && i < n; i++) write_piece(f, &pieces[i]);
    ok = f && !ferror(f) && fflush(f) == 0 && (!temporary || sync_file(f) == 0);
    if (f && fclose(f) != 0) ok = 0;
    ok = ok && (!temporary || replace(temporary, target) == 0);
    if (!ok) fail(e, path, "cannot write");
    if (!ok && temporary) (void)remove(temporary);
    free(target);
    free(temporary);
    return ok ? 0 : -1;
}

int rome99_write_file(const char *path, const void *data, size_t size, rome99_error *e) {
    const rome99_piece piece = {data, size, 1};
    return rome99_write_pieces(path, &piece, 1, e);
}

int rome99_append_file(const char *path, const void *data, size_t size, rome99_error *e) {
    FILE *f;
    int ok;
    errno = 0;
    f = fopen(path, "ab");
    ok = f && fwrite(data, 1, size, f) == size && fflush(f) == 0 && sync_file(f) == 0;
    if (f && fclose(f) != 0) ok = 0;
    return ok ? 0 : fail(e, path, "cannot write");
}

static int must_be_missing(const char *path, rome99_error *e) {
    const file_kind kind = kind_of(path);
    if (kind == UNKNOWN) return fail(e, path, "cannot make the directory");
    return kind == MISSING ? 0 : rome99_fail(e, path, "already exists");
}

int rome99_dir_begin(char **temporary, const char *path, rome99_error *e) {
    if (must_be_missing(path, e)) return -1;
    errno = 0;
    *temporary = make_temporary(NULL, path);
    return *temporary ? 0 : fail(e, path, "cannot make the directory");
}

int rome99_dir_commit(char *temporary, const char *path, rome99_error *e) {
    int failed = must_be_missing(path, e); /* rename would take the place of an empty directory */
    errno = 0;
    if (!failed && rename(temporary, path) != 0) failed = fail(e, path, "cannot make the directory");
    if (failed) remove_directory(temporary);
    free(temporary);
    return failed;
}

void rome99_dir_abandon(char *temporary) {
    remove_directory(temporary);
    free(temporary);
}
