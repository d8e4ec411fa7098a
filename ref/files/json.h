/* json.h: a strict reader of JSON (RFC 8259): no byte order mark, no text that is not UTF-8, no escapes of
   lone surrogates, nothing nested deeper than 64, nothing after the value. A document never changes once it
   is read, and takes 2 to 8 times the size of its text (14 where that is hardly more than commas). */
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
/* clang-format off */
typedef enum { ROME99_NULL, ROME99_BOOLEAN, ROME99_NUMBER, ROME99_STRING, ROME99_ARRAY, ROME99_OBJECT } rome99_kind;
/* clang-format on */

/* Read a document of less than 4 GiB from memory (`where` names it in messages; neither need outlive the
   call) or from a file. Return 0, or -1 with *doc = NULL and *e = "WHERE:LINE:COLUMN: what is wrong", in
   bytes. parse_line: the same of a text that begins in the given line of WHERE, from 1. */
int rome99_json_parse(rome99_json **doc, const char *where, const unsigned char *text, size_t size,
                      rome99_error *e);
int rome99_json_parse_line(rome99_json **doc, const char *where, size_t line, const unsigned char *text,
                           size_t size, rome99_error *e);
int rome99_json_read(rome99_json **doc, const char *path, rome99_error *e);
void rome99_json_free(rome99_json *doc); /* NULL is allowed */

rome99_value rome99_json_root(const rome99_json *doc);
rome99_kind rome99_json_kind(rome99_value v);
size_t rome99_json_length(rome99_value v); /* elements, members, a string's bytes; else 0 */
int rome99_json_boolean(rome99_value v);   /* of true or false: 1 or 0 */
/* Of a string: UTF-8, with a NUL behind; \u0000 gives NULs inside. */
const char *rome99_json_string(rome99_value v);

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

/* All that follow return -1 with *e set where v or the member is not what is asked for, else 0. member: 1 and
   *item, or 0 where there is no such member; an error if it is there twice. require: it must be there, and of
   that kind. sizes: it must be an array of n <= most sizes, which go to x. */
int rome99_json_member(rome99_value *item, rome99_value object, const char *key, rome99_error *e);
int rome99_json_require(rome99_value *item, rome99_value object, const char *key, rome99_kind kind,
                        rome99_error *e);
int rome99_json_sizes(size_t *x, size_t *n, size_t most, rome99_value object, const char *key,
                      rome99_error *e);

/* A number, as strtod rounds it, too small a one to a subnormal or 0, none too large; a whole number from 0
   to `max`, written in digits only (no 1e3, no 1.0). */
int rome99_json_double(double *x, rome99_value v, rome99_error *e);
int rome99_json_integer(uint64_t *x, rome99_value v, uint64_t max, rome99_error *e);

/* Sets *e to "WHERE:LINE:COLUMN: formatted", the place of v, in time that grows with the text before it. */
int rome99_json_fail(rome99_error *e, rome99_value v, const char *format, ...);

#endif
