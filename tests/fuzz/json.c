/* json.c: target json: the JSON reader; and what the project writes as JSON reads back the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Appends the value as JSON; a number that is too large for a double as 0. */
static void put(rome99_text *out, rome99_value v) {
    const rome99_kind kind = rome99_json_kind(v);
    rome99_items items = rome99_json_items(v);
    rome99_value key, item;
    rome99_error e;
    double x;
    size_t n = 0;
    if (kind == ROME99_NULL) rome99_text_puts(out, "null");
    if (kind == ROME99_BOOLEAN) rome99_text_puts(out, rome99_json_boolean(v) ? "true" : "false");
    if (kind == ROME99_NUMBER) rome99_text_json_double(out, rome99_json_double(&x, v, &e) ? 0.0 : x);
    if (kind == ROME99_STRING) rome99_text_json_string(out, rome99_json_string(v), rome99_json_length(v));
    if (kind != ROME99_ARRAY && kind != ROME99_OBJECT) return;
    rome99_text_puts(out, kind == ROME99_ARRAY ? "[" : "{");
    for (; rome99_json_next(&items, &key, &item); n++) {
        if (n) rome99_text_puts(out, ",");
        if (kind == ROME99_OBJECT) put(out, key);
        if (kind == ROME99_OBJECT) rome99_text_puts(out, ":");
        put(out, item);
    }
    rome99_text_puts(out, kind == ROME99_ARRAY ? "]" : "}");
    if (n != rome99_json_length(v)) fuzz_wrong("%zu items, not %zu", n, rome99_json_length(v));
}

/* Asks each value for what it is not, too. */
static void ask(rome99_value v) {
    rome99_items items = rome99_json_items(v);
    rome99_value key = v, item, found;
    rome99_error e;
    uint64_t x;
    size_t sizes[4], n;
    double d;
    if (!rome99_json_integer(&x, v, 1000000, &e) && (rome99_json_double(&d, v, &e) || d != (double)x))
        fuzz_wrong("an integer that is another number");
    while (rome99_json_next(&items, &key, &item)) {
        if (rome99_json_kind(v) == ROME99_OBJECT &&
            strlen(rome99_json_string(key)) == rome99_json_length(key))
            if (rome99_json_member(&found, v, rome99_json_string(key), &e) == 0) fuzz_wrong("a lost member");
        ask(item);
        if (rome99_json_length(v) > 100) return; /* member takes time that grows with them */
    }
    (void)rome99_json_sizes(sizes, &n, 4, v, "shape", &e);
    (void)rome99_json_require(&found, v, "a", ROME99_STRING, &e);
}

int fuzz_json(const unsigned char *data, size_t size) {
    rome99_json *doc, *again;
    rome99_text first = {0}, second = {0};
    rome99_error e;
    if (rome99_json_parse(&doc, "input", data, size, &e)) {
        if (doc || strncmp(e.text, "input:", 6) != 0) fuzz_wrong("message: %s", e.text);
        return 0;
    }
    fuzz_memory(size, 14);
    ask(rome99_json_root(doc));
    put(&first, rome99_json_root(doc));
    if (rome99_json_parse(&again, "written", (unsigned char *)first.bytes, first.size, &e)) {
        fuzz_wrong("written, but not read: %s", e.text);
    } else {
        put(&second, rome99_json_root(again));
        if (first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0)
            fuzz_wrong("written, read and written: not the same");
        rome99_json_free(again);
    }
    rome99_text_free(&first);
    rome99_text_free(&second);
    rome99_json_free(doc);
    return 1;
}
