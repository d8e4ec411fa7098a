/* os.c: the platform seam. What C99 lacks comes first, for POSIX (MinGW is nearly the same) and as
   the best that plain C99 can do: no sync, no directories, a rename that has to remove first. The
   rest is portable. C99 does not promise that a failing call sets errno: it is cleared before. */
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include "files/os.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum { MISSING, REGULAR, DIRECTORY, OTHER } file_kind;

#if defined(__unix__) || defined(__APPLE__) || defined(__HAIKU__) || defined(__MINGW32__)

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __MINGW32__
#include <io.h>
#include <windows.h>
#define fsync(fd) _commit(fd)
#define mkdir(path, mode) mkdir(path)
#define realpath(path, result) _fullpath(result, path, 0)
#define replace(from, to) (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) ? 0 : -1)
#define make_binary(file) (void)_setmode(_fileno(file), O_BINARY)

double rome99_seconds(void) { return 1e-3 * (double)GetTickCount64(); }
#else
#define O_BINARY 0
#define replace(from, to) rename(from, to)
#define make_binary(file) (void)(file)

double rome99_seconds(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0.0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
#endif

static file_kind kind_of(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) return MISSING;
    return S_ISREG(s.st_mode) ? REGULAR : S_ISDIR(s.st_mode) ? DIRECTORY : OTHER;
}

/* Whether `path` is the file that standard output goes to, as /dev/stdout is. */
static int is_stdout(const char *path) {
    struct stat a, b;
    return stat(path, &a) == 0 && fstat(STDOUT_FILENO, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && a.st_ino != 0;
}

/* The file behind symbolic links, malloc'ed, or NULL. */
static char *resolve(const char *path) { return realpath(path, NULL); }

/* The size of a regular file, as a hint; 0 for what has no size. */
static size_t size_hint(FILE *f) {
    struct stat s;
    if (fstat(fileno(f), &s) != 0 || !S_ISREG(s.st_mode)) return 0;
    return (uintmax_t)s.st_size < SIZE_MAX / 2 ? (size_t)s.st_size : SIZE_MAX / 2;
}

/* Opens a file for writing that did not exist before. */
static FILE *create(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_BINARY, 0666);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (f == NULL && fd >= 0) close(fd);
    return f;
}

/* 0, or -1; a file system that cannot sync says EINVAL. */
static int sync_file(FILE *f) { return fsync(fileno(f)) == 0 || errno == EINVAL ? 0 : -1; }

static void sync_directory(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

static int make_directory(const char *path) { return mkdir(path, 0777); }

static void remove_directory(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *file = rome99_path(path, entry->d_name);
        if (file != NULL) (void)unlink(file);
        free(file);
    }
    if (dir != NULL) closedir(dir);
    (void)rmdir(path);
}

static long process_id(void) { return (long)getpid(); }

int rome99_is_terminal(int stream) { return isatty(stream) != 0; }

#else

/* A device must never be renamed over. */
static file_kind kind_of(const char *path) {
    if (strncmp(path, "/dev/", 5) == 0) return OTHER;
    return rome99_exists(path) ? REGULAR : MISSING;
}

static int is_stdout(const char *path) { return (void)path, 0; }
static char *resolve(const char *path) { return rome99_path("", path); }
static size_t size_hint(FILE *f) { return (void)f, 0; }
static void make_binary(FILE *f) { (void)f; }
static FILE *create(const char *path) { return fopen(path, "wb"); }
static int sync_file(FILE *f) { return (void)f, 0; }
static void sync_directory(const char *path) { (void)path; }
static int replace(const char *from, const char *to) {
    return rename(from, to) == 0 || (remove(to) == 0 && rename(from, to) == 0) ? 0 : -1;
}
static int make_directory(const char *path) { return (void)path, errno = 0, -1; }
static void remove_directory(const char *path) { (void)path; }
static long process_id(void) { return (long)time(NULL); }
int rome99_is_terminal(int stream) { return (void)stream, 0; }
double rome99_seconds(void) { return (double)time(NULL); }

#endif

/* Errors. */

/* Why the last call failed. */
static const char *reason(void) { return errno != 0 ? strerror(errno) : "no reason given"; }

int rome99_fail(rome99_error *e, const char *where, const char *format, ...) {
    char text[sizeof e->text];
    size_t i, used = 0, end = sizeof text - 4;
    int length;
    va_list arguments;
    if (where != NULL) used = (size_t)snprintf(text, sizeof text, "%.255s: ", where);
    va_start(arguments, format);
    length = vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length >= sizeof text - used) {
        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) end--; /* whole characters */
        strcpy(text + end, "...");
    }
    for (i = 0; text[i] != '\0'; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) text[i] = '?';
    strcpy(e->text, text);
    return -1;
}

/* Reading. */

struct rome99_reader {
    FILE *file;
    const char *name;
    size_t left; /* to the end of the file: a hint, 0 where that is not known */
};

int rome99_reader_open(rome99_reader **reader, const char *path, rome99_error *e) {
    int standard = strcmp(path, "-") == 0;
    rome99_reader *r;
    if (!standard && kind_of(path) == DIRECTORY)
        return rome99_fail(e, path, "is a directory, not a file");
    r = malloc(sizeof *r);
    if (r == NULL) return rome99_fail(e, path, "out of memory");
    r->name = standard ? "standard input" : path;
    errno = 0;
    r->file = standard ? stdin : fopen(path, "rb");
    if (r->file == NULL) {
        free(r);
        return rome99_fail(e, path, "cannot open: %s", reason());
    }
    if (standard) make_binary(stdin);
    r->left = size_hint(r->file);
    *reader = r;
    return 0;
}

int rome99_reader_take(rome99_reader *r, unsigned char **data, size_t *size, size_t limit,
                       rome99_error *e) {
    size_t got = 0, capacity = r->left < 0xFFFF ? 0xFFFF : r->left + 1; /* + 1 meets the end */
    unsigned char *bytes = NULL, *larger;
    do {
        capacity = got == 0 ? capacity : capacity < SIZE_MAX / 2 ? 2 * capacity : SIZE_MAX;
        capacity = capacity < limit ? capacity : limit;
        larger = capacity < SIZE_MAX ? realloc(bytes, capacity + 1) : NULL;
        if (larger == NULL) {
            free(bytes);
            return rome99_fail(e, r->name, "too large: out of memory");
        }
        bytes = larger;
        errno = 0;
        got += fread(bytes + got, 1, capacity - got, r->file);
        if (ferror(r->file)) {
            free(bytes);
            return rome99_fail(e, r->name, "cannot read: %s", reason());
        }
    } while (got == capacity && got < limit);
    r->left -= got < r->left ? got : r->left;
    bytes[got] = '\0';
    larger = realloc(bytes, got + 1);
    *data = larger != NULL ? larger : bytes;
    *size = got;
    return 0;
}

void rome99_reader_close(rome99_reader *r) {
    if (r->file != stdin) fclose(r->file);
    free(r);
}

int rome99_read_file(unsigned char **data, size_t *size, const char *path, rome99_error *e) {
    rome99_reader *r;
    int result;
    if (rome99_reader_open(&r, path, e) != 0) return -1;
    result = rome99_reader_take(r, data, size, SIZE_MAX, e);
    rome99_reader_close(r);
    return result;
}

/* Names. */

int rome99_exists(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f != NULL) fclose(f);
    return f != NULL;
}

char *rome99_path(const char *dir, const char *name) {
    size_t length = strlen(dir), room = length + strlen(name) + 2;
    const char *slash = length > 0 && dir[length - 1] != '/' ? "/" : "";
    char *path = malloc(room);
    if (path != NULL) snprintf(path, room, "%s%s%s", dir, slash, name);
    return path;
}

/* The first temporary name beside `path` that nothing has yet, malloc'ed, or NULL. */
static char *temporary_name(const char *path) {
    size_t length = strlen(path), room = length + 64;
    char *name = malloc(room);
    int n = 0;
    if (name == NULL) return NULL;
    while (length > 1 && path[length - 1] == '/') length--;
    memcpy(name, path, length);
    do {
        snprintf(name + length, room - length, ".tmp-%ld-%d", process_id(), n++);
    } while (n < 100 && kind_of(name) != MISSING);
    return name;
}

/* Syncs the directory that a temporary name, which is freed, was in. */
static void sync_parent(char *temporary) {
    char *slash = strrchr(temporary, '/');
    if (slash != NULL) slash[slash == temporary ? 1 : 0] = '\0';
    sync_directory(slash != NULL ? temporary : ".");
    free(temporary);
}

/* Writing. */

struct rome99_writer {
    FILE *file;
    char *path, *target; /* as given, and without symbolic links */
    char *temporary;     /* NULL when written straight */
    int failed;
    rome99_error error; /* the first */
};

static void check(rome99_writer *w, int ok) {
    if (ok || w->failed) return;
    w->failed = 1;
    rome99_fail(&w->error, w->path, "cannot write: %s", reason());
}

static void free_writer(rome99_writer *w) {
    free(w->path);
    free(w->target);
    free(w->temporary);
    free(w);
}

int rome99_writer_open(rome99_writer **writer, const char *path, rome99_error *e) {
    file_kind kind = kind_of(path);
    int standard = is_stdout(path);
    rome99_writer *w;
    if (kind == DIRECTORY) return rome99_fail(e, path, "is a directory, not a file");
    w = calloc(1, sizeof *w);
    if (w == NULL) return rome99_fail(e, path, "out of memory");
    errno = 0;
    w->path = rome99_path("", path);
    w->target = kind == MISSING ? rome99_path("", path) : resolve(path);
    if (w->path != NULL && standard)
        w->file = stdout;
    else if (w->path != NULL && kind == OTHER)
        w->file = fopen(path, "wb");
    else if (w->path != NULL && w->target != NULL)
        w->temporary = temporary_name(w->target);
    if (w->temporary != NULL) w->file = create(w->temporary);
    if (w->file == NULL) {
        rome99_fail(e, path, "cannot write: %s", reason());
        free_writer(w);
        return -1;
    }
    *writer = w;
    return 0;
}

void rome99_writer_put(rome99_writer *w, const void *data, size_t size) {
    errno = 0;
    if (!w->failed && size > 0) check(w, fwrite(data, 1, size, w->file) == size);
}

int rome99_writer_commit(rome99_writer *w, rome99_error *e) {
    int failed;
    errno = 0;
    check(w, fflush(w->file) == 0);
    check(w, w->temporary == NULL || w->failed || sync_file(w->file) == 0);
    check(w, w->file == stdout || fclose(w->file) == 0);
    check(w, w->temporary == NULL || w->failed || replace(w->temporary, w->target) == 0);
    if (!w->failed && w->temporary != NULL) {
        sync_parent(w->temporary);
        w->temporary = NULL;
    }
    failed = w->failed;
    if (failed) *e = w->error;
    w->file = stdout; /* nothing left to close */
    rome99_writer_abandon(w);
    return failed ? -1 : 0;
}

void rome99_writer_abandon(rome99_writer *w) {
    if (w->file != stdout) fclose(w->file);
    if (w->temporary != NULL) (void)remove(w->temporary);
    free_writer(w);
}

int rome99_write_file(const char *path, const void *data, size_t size, rome99_error *e) {
    rome99_writer *w;
    if (rome99_writer_open(&w, path, e) != 0) return -1;
    rome99_writer_put(w, data, size);
    return rome99_writer_commit(w, e);
}

/* Directories. */

int rome99_dir_begin(char **temporary, const char *path, rome99_error *e) {
    if (kind_of(path) != MISSING) return rome99_fail(e, path, "already exists");
    errno = 0;
    *temporary = temporary_name(path);
    if (*temporary != NULL && make_directory(*temporary) == 0) return 0;
    free(*temporary);
    return rome99_fail(e, path, "cannot make the directory: %s", reason());
}

int rome99_dir_commit(char *temporary, const char *path, rome99_error *e) {
    int exists = kind_of(path) != MISSING; /* rename would take the place of an empty directory */
    sync_directory(temporary);
    errno = 0;
    if (!exists && replace(temporary, path) == 0) return sync_parent(temporary), 0;
    rome99_fail(e, path, "cannot make the directory: %s", exists ? "already exists" : reason());
    rome99_dir_abandon(temporary);
    return -1;
}

void rome99_dir_abandon(char *temporary) {
    remove_directory(temporary);
    free(temporary);
}
