/* json.h: a strict reader of JSON (RFC 8259). It refuses a byte order mark, text that is not UTF-8,
   escapes of lone surrogates, arrays and objects nested deeper than 64, and anything after the
   value. A document never changes once it is read, and takes 1 to 7 times the size of its text. */
#ifndef ROME99_JSON_H
#define ROME99_JSON_H

#include "files/os.h"

#include <stdint.h>

typedef struct rome99_json rome99_json;

/* One value of a document, to be passed by value; good until the document is freed. */
typedef struct {
    const rome99_json *doc;
    size_t node;
} rome99_value;

typedef enum {
    ROME99_NULL, ROME99_BOOLEAN, ROME99_NUMBER, ROME99_STRING, ROME99_ARRAY, ROME99_OBJECT
} rome99_kind;

/* Read a document of less than 4 GiB from memory (`where` names it in messages; neither need
   outlive the call) or from a file. Return 0, or -1 with *doc = NULL and *e = "WHERE:LINE:COLUMN:
   what is wrong", where columns count bytes from 1. */
int rome99_json_parse(rome99_json **doc, const char *where, const unsigned char *text, size_t size,
                      rome99_error *e);
int rome99_json_read(rome99_json **doc, const char *path, rome99_error *e);

/* NULL is allowed. */
void rome99_json_free(rome99_json *doc);

rome99_value rome99_json_root(const rome99_json *doc);
rome99_kind rome99_json_kind(rome99_value v);

/* The elements of an array, the members of an object, the bytes of a string; else 0. */
size_t rome99_json_length(rome99_value v);

/* A string's bytes, decoded: UTF-8 with a NUL behind, owned by the document. \u0000 gives NULs
   inside: rome99_json_length has the size. v must be a string. */
const char *rome99_json_string(rome99_value v);

/* 1 for true, 0 for false; v must be a boolean. */
int rome99_json_boolean(rome99_value v);

/* The items of an array or object in the order of the text (of any other value: none):
       rome99_items i = rome99_json_items(v);
       while (rome99_json_next(&i, &key, &item)) ...
   next returns 1, or 0 at the end; `key` may be NULL, and is left alone for an array. */
typedef struct {
    const rome99_json *doc;
    size_t node, end;
    int keys;
} rome99_items;
rome99_items rome99_json_items(rome99_value v);
int rome99_json_next(rome99_items *i, rome99_value *key, rome99_value *item);

/* Looks `key` up in `object`: 1 and *item, 0 if absent, -1 with *e set if the key is there twice or
   `object` is none. Time grows with the number of members. */
int rome99_json_member(rome99_value *item, rome99_value object, const char *key, rome99_error *e);

/* The same for a member that must be there and of that kind: 0, or -1 with *e set. */
int rome99_json_require(rome99_value *item, rome99_value object, const char *key, rome99_kind kind,
                        rome99_error *e);

/* A number, as the C library's strtod rounds it, too small a one to a subnormal or 0: 0, or -1 with
   *e set if v is no number or too large. */
int rome99_json_double(double *x, rome99_value v, rome99_error *e);

/* A whole number from 0 to `max`, written in digits only (no 1e3, no 1.0): 0, or -1 with *e set. */
int rome99_json_integer(uint64_t *x, rome99_value v, uint64_t max, rome99_error *e);

/* Sets *e to "WHERE:LINE:COLUMN: formatted", the place where v begins, and returns -1. Time grows
   with the text before v. */
int rome99_json_fail(rome99_error *e, rome99_value v, const char *format, ...);

#endif
