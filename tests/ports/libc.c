/* libc.c: all that core, ref/golden's cases and compilers take from a C library, sqrt apart. */
#include <string.h>

void *memcpy(void *to, const void *from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (n--) *t++ = *f++;
    return to;
}

void *memset(void *to, int c, size_t n) {
    unsigned char *t = to;
    while (n--) *t++ = (unsigned char)c;
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *p = a, *q = b;
    for (; n--; p++, q++)
        if (*p != *q) return *p - *q;
    return 0;
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

size_t strlen(const char *s) {
    const char *end = s;
    while (*end) end++;
    return (size_t)(end - s);
}

char *strcpy(char *to, const char *from) {
    char *t = to;
    while ((*t++ = *from++) != '\0') continue;
    return to;
}
