/* text.c: the growing string of text.h. */
#include "files/text.h"
#include "files/unicode.h"

#include <float.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rome99_text_free(rome99_text *t) {
    free(t->bytes);
    *t = (rome99_text){0};
}

/* Makes room for `more` bytes and a NUL: 1, or 0 where memory is out. */
static int reserve(rome99_text *t, size_t more) {
    if (!t->failed && more >= t->capacity - t->size) {
        size_t capacity = t->capacity + t->capacity / 2 + 64;
        char *bytes = NULL;
        if (more < SIZE_MAX / 2 - 64 && t->capacity < SIZE_MAX / 2 - 64) {
            capacity = capacity - t->size > more ? capacity : t->size + more + 1;
            bytes = realloc(t->bytes, capacity);
        }
        t->failed = !bytes;
        t->bytes = bytes ? bytes : t->bytes;
        t->capacity = bytes ? capacity : t->capacity;
    }
    return !t->failed;
}

void rome99_text_put(rome99_text *t, const void *bytes, size_t size) {
    if (reserve(t, size)) {
        if (size > 0) memcpy(t->bytes + t->size, bytes, size);
        t->size += size;
        t->bytes[t->size] = 0;
    }
}

void rome99_text_puts(rome99_text *t, const char *string) {
    rome99_text_put(t, string, strlen(string));
}

void rome99_text_printf(rome99_text *t, const char *format, ...) {
    va_list list;
    int size;
    va_start(list, format);
    size = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (size < 0) {
        t->failed = 1;
    } else if (reserve(t, (size_t)size)) {
        va_start(list, format);
        vsnprintf(t->bytes + t->size, (size_t)size + 1, format, list);
        va_end(list);
        t->size += (size_t)size;
    }
}

void rome99_text_json_string(rome99_text *t, const void *bytes, size_t size) {
    const unsigned char *s = bytes;
    size_t i, n, copied = 0; /* s[0 .. copied) is in t */
    uint32_t c;
    rome99_text_puts(t, "\"");
    for (i = 0; i < size; i += n ? n : 1) {
        n = rome99_utf8_decode(&c, s + i, size - i);
        if (n > 0 && c >= 0x20 && c != '"' && c != '\\') continue;
        rome99_text_put(t, s + copied, i - copied);
        copied = i + 1;
        if (n == 0) {
            rome99_text_puts(t, "\xEF\xBF\xBD");
        } else if (c == '"' || c == '\\') {
            rome99_text_printf(t, "\\%c", (int)c);
        } else if (c == '\n') {
            rome99_text_puts(t, "\\n");
        } else {
            rome99_text_printf(t, "\\u%04x", (unsigned)c);
        }
    }
    rome99_text_put(t, s + copied, size - copied);
    rome99_text_puts(t, "\"");
}

void rome99_text_json_double(rome99_text *t, double x) {
    char digits[32];
    int precision = 15;
    if (!(x >= -DBL_MAX && x <= DBL_MAX)) {
        rome99_text_puts(t, x > 0 ? "\"inf\"" : x < 0 ? "\"-inf\"" : "null");
        return;
    }
    do {
        snprintf(digits, sizeof digits, "%.*g", precision, x);
    } while (strtod(digits, NULL) != x && precision++ < 17);
    rome99_text_puts(t, digits);
}
