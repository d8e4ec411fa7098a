/* folder.h: whole folders, copied, removed, read, compared. A call that fails ends the process. */
#ifndef FOLDER_H
#define FOLDER_H
#include <stddef.h>

/* Its files and folders by path, in order; all memory is one's own. */
typedef struct {
    char *path;
    int folder;
    char *bytes; /* with a NUL behind */
    size_t size;
} entry;
typedef struct {
    entry *item;
    size_t n;
} folder;

void die(const char *what, const char *which); /* with errno's reason */
/* Formatted, in a new string. */
char *text(const char *format, ...);
char *read_whole(size_t *size, const char *path);
/* A file, or a folder with all that is in it, onto `to`, where nothing may be but, for a file, a file. */
void copy(const char *from, const char *to);
void erase(const char *path); /* with all that is in it; it need not exist */
folder folder_read(const char *path);
void folder_free(folder *f);
const entry *folder_find(const folder *f, const char *path); /* NULL: none */
/* NULL, or the path where the two differ. */
const char *folder_differs(const folder *a, const folder *b);
int entry_same(const entry *a, const entry *b);

#endif
