/* text.h: a growing string, and the JSON that programs write into it. */
#ifndef ROME99_TEXT_H
#define ROME99_TEXT_H
#include <stddef.h>

/* Starts as {0}; release with rome99_text_free. After an append bytes[size] is a NUL. Where memory is out
   `failed` is set, and that append and all later ones change nothing else: look at it once, at the end. */
typedef struct {
    char *bytes;
    size_t size, capacity;
    int failed;
} rome99_text;
void rome99_text_free(rome99_text *t);

/* Append `size` bytes, which must not lie in t; a C string; a formatted text. */
void rome99_text_put(rome99_text *t, const void *bytes, size_t size);
void rome99_text_puts(rome99_text *t, const char *string);
void rome99_text_printf(rome99_text *t, const char *format, ...);

/* Append JSON: the bytes as a string with its quotes, each that is not UTF-8 as U+FFFD; the shortest of 15,
   16 and 17 digits that reads back as x, "inf" or "-inf", with quotes, for an infinity, null for a NaN. */
void rome99_text_json_string(rome99_text *t, const void *bytes, size_t size);
void rome99_text_json_double(rome99_text *t, double x);

#endif
