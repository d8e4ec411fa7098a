/* folder.c: see folder.h. */
#define _XOPEN_SOURCE 700
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void die(const char *what, const char *which) {
    dprintf(2, "faults: %s: %s: %s\n", which, what, strerror(errno));
    _exit(99);
}

static void *room(void *p, size_t size) {
    if (!(p = realloc(p, size))) die("out of memory", "realloc");
    return p;
}

char *text(const char *format, ...) {
    va_list list;
    int n;
    char *s;
    va_start(list, format);
    n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    s = room(NULL, (size_t)n + 1);
    va_start(list, format);
    vsnprintf(s, (size_t)n + 1, format, list);
    va_end(list);
    return s;
}

char *read_whole(size_t *size, const char *path) {
    const int f = open(path, O_RDONLY);
    struct stat s;
    char *bytes;
    ssize_t n;
    if (f < 0 || fstat(f, &s) != 0) die("cannot open", path);
    bytes = room(NULL, (size_t)s.st_size + 1);
    for (*size = 0; *size < (size_t)s.st_size; *size += (size_t)n)
        if ((n = read(f, bytes + *size, (size_t)s.st_size - *size)) <= 0) die("cannot read", path);
    bytes[*size] = '\0';
    close(f);
    return bytes;
}

/* ------------------------------------------------------------------------------- the tree */

/* The names in a folder, but for "." and "..". */
static char **list(size_t *n, const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;
    char **names = NULL;
    if (!d) die("cannot open", path);
    for (*n = 0; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        names = room(names, (*n + 1) * sizeof *names);
        names[(*n)++] = text("%s", e->d_name);
    }
    closedir(d);
    return names;
}

static int is_folder(const char *path) {
    struct stat s;
    if (lstat(path, &s) != 0) die("is not there", path);
    return S_ISDIR(s.st_mode);
}

void copy(const char *from, const char *to) {
    size_t n, i;
    if (is_folder(from)) {
        char **names = list(&n, from);
        if (mkdir(to, 0777) != 0) die("cannot make", to);
        for (i = 0; i < n; i++) {
            char *a = text("%s/%s", from, names[i]), *b = text("%s/%s", to, names[i]);
            copy(a, b);
            free(a);
            free(b);
            free(names[i]);
        }
        free(names);
    } else {
        char *bytes = read_whole(&n, from);
        const int f = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (f < 0 || write(f, bytes, n) != (ssize_t)n || close(f) != 0) die("cannot write", to);
        free(bytes);
    }
}

void erase(const char *path) {
    struct stat s;
    size_t n, i;
    if (lstat(path, &s) != 0) return;
    if (S_ISDIR(s.st_mode)) {
        char **names = list(&n, path);
        for (i = 0; i < n; i++) {
            char *inner = text("%s/%s", path, names[i]);
            erase(inner);
            free(inner);
            free(names[i]);
        }
        free(names);
    }
    if (remove(path) != 0) die("cannot remove", path);
}

/* ------------------------------------------------------------------------------- its bytes */

static void gather(folder *f, const char *top, const char *below) {
    char *path = text("%s/%s", top, below), **names;
    size_t n, i;
    names = list(&n, path);
    free(path);
    for (i = 0; i < n; i++) {
        entry e = {NULL, 0, NULL, 0};
        e.path = text("%s%s%s", below, *below ? "/" : "", names[i]);
        path = text("%s/%s", top, e.path);
        if (!(e.folder = is_folder(path))) e.bytes = read_whole(&e.size, path);
        f->item = room(f->item, (f->n + 1) * sizeof *f->item);
        f->item[f->n++] = e;
        if (e.folder) gather(f, top, e.path);
        free(path);
        free(names[i]);
    }
    free(names);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const entry *)a)->path, ((const entry *)b)->path);
}

folder folder_read(const char *path) {
    folder f = {NULL, 0};
    gather(&f, path, "");
    if (f.n) qsort(f.item, f.n, sizeof *f.item, by_path);
    return f;
}

void folder_free(folder *f) {
    size_t i;
    for (i = 0; i < f->n; i++) {
        free(f->item[i].path);
        free(f->item[i].bytes);
    }
    free(f->item);
    f->item = NULL;
    f->n = 0;
}

const entry *folder_find(const folder *f, const char *path) {
    size_t i;
    for (i = 0; i < f->n; i++)
        if (strcmp(f->item[i].path, path) == 0) return &f->item[i];
    return NULL;
}

int entry_same(const entry *a, const entry *b) {
    return a->folder == b->folder && a->size == b->size &&
           (a->folder || memcmp(a->bytes, b->bytes, a->size) == 0);
}

const char *folder_differs(const folder *a, const folder *b) {
    size_t i;
    for (i = 0; i < a->n; i++) {
        const entry *other = folder_find(b, a->item[i].path);
        if (!other || !entry_same(&a->item[i], other)) return a->item[i].path;
    }
    for (i = 0; i < b->n; i++)
        if (!folder_find(a, b->item[i].path)) return b->item[i].path;
    return NULL;
}
