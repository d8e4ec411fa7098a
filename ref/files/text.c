/* text.c: the growing string of text.h. */
#include "files/text.h"
#include "files/unicode.h"
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rome99_text_free(rome99_text *t) {
    free(t->bytes);
    *t = (rome99_text){0};
}

/* Makes room for `more` bytes and a NUL: 1, or 0 where memory is out. */
static int reserve(rome99_text *t, size_t more) {
    const size_t capacity = t->size + t->size / 4 + more + 64;
    char *bytes = t->bytes;
    if (!t->failed && more >= t->capacity - t->size) {
        bytes = t->size < SIZE_MAX / 4 && more < SIZE_MAX / 4 ? realloc(bytes, capacity) : NULL;
        t->failed = !bytes;
        if (bytes) t->bytes = bytes, t->capacity = capacity;
    }
    return !t->failed;
}

void rome99_text_put(rome99_text *t, const void *bytes, size_t size) {
    if (!reserve(t, size)) return;
    if (size > 0) memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    t->bytes[t->size] = '\0';
}

void rome99_text_puts(rome99_text *t, const char *string) { rome99_text_put(t, string, strlen(string)); }

void rome99_text_printf(rome99_text *t, const char *format, ...) {
    va_list list;
    int size;
    va_start(list, format);
    size = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (size < 0) t->failed = 1;
    if (!reserve(t, (size_t)size)) return;
    va_start(list, format);
    vsnprintf(t->bytes + t->size, (size_t)size + 1, format, list);
    va_end(list);
    t->size += (size_t)size;
}

void rome99_text_json_string(rome99_text *t, const void *bytes, size_t size) {
    const unsigned char *s = bytes, *end = s + size;
    size_t n;
    uint32_t c;
    rome99_text_puts(t, "\"");
    while (s < end) {
        n = rome99_utf8_decode(&c, s, (size_t)(end - s));
        if (n == 0) rome99_text_puts(t, "\xEF\xBF\xBD");
        if (n > 0 && (c == '"' || c == '\\')) rome99_text_puts(t, "\\");
        if (n > 0 && c >= 0x20) rome99_text_put(t, s, n);
        if (n > 0 && c < 0x20) rome99_text_printf(t, c == '\n' ? "\\n" : "\\u%04x", (unsigned)c);
        s += n > 0 ? n : 1;
    }
    rome99_text_puts(t, "\"");
}

void rome99_text_json_double(rome99_text *t, double x) {
    char digits[32];
    int precision = 14;
    do snprintf(digits, sizeof digits, "%.*g", ++precision, x);
    while (precision < 17 && strtod(digits, NULL) != x);
    if (!(x >= -DBL_MAX && x <= DBL_MAX)) strcpy(digits, x > 0 ? "\"inf\"" : x < 0 ? "\"-inf\"" : "null");
    rome99_text_puts(t, digits);
}
