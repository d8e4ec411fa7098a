/* mutate.c: mutations that know a format: they change one part of an input, and mostly mend what says how
   long the parts are: a header's length, offsets, counts. A change that finds no room is left out. */
#include "mutate.h"
#include "files/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
fuzz_mutation *fuzz_mutate_bytes;

size_t fuzz_below(size_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % n;
}

size_t fuzz_number(const unsigned char *p, int bytes) {
    size_t x = 0;
    while (bytes-- > 0) x = x << 8 | p[bytes];
    return x;
}

void fuzz_put_number(unsigned char *p, size_t x, int bytes) {
    for (; bytes > 0; bytes--, x >>= 8) *p++ = (unsigned char)x;
}

/* `size` bytes at data[at] become those of `with`; returns the whole's new size, or the old one without
   room. */
static size_t replace(unsigned char *data, size_t whole, size_t most, size_t at, size_t size,
                      const void *with, size_t with_size) {
    if (whole - size + with_size > most) return whole;
    memmove(data + at + with_size, data + at + size, whole - at - size);
    if (with_size) memcpy(data + at, with, with_size);
    return whole - size + with_size;
}

/* Applies a mutation to data[at .. at + size) of the whole. */
size_t fuzz_mutate_part(unsigned char *data, size_t whole, size_t most, size_t at, size_t size,
                        fuzz_mutation *mutation) {
    const size_t room = most - whole + size;
    unsigned char *part = room ? malloc(room) : NULL;
    size_t n;
    if (!part) return whole;
    memcpy(part, data + at, size);
    n = mutation(part, size, room);
    whole = replace(data, whole, most, at, size, part, n);
    free(part);
    return whole;
}

/* ----------------------------------------------------------------------------- JSON */

/* The end of the string, fuzz_number or word that begins at data[i]; i where nothing of that kind does. */
static size_t token_end(const unsigned char *data, size_t size, size_t i) {
    static const char plain[] = "+-.0123456789abcdefghijklmnopqrstuvwxyzEINF";
    if (data[i] == '"') {
        for (i++; i < size && data[i] != '"'; i++) i += data[i] == '\\' && i + 1 < size;
        return i < size ? i + 1 : i;
    }
    while (i < size && data[i] && strchr(plain, data[i])) i++;
    return i;
}

/* One token becomes another one, or one of these. */
size_t fuzz_mutate_tokens(unsigned char *data, size_t size, size_t most) {
    /* clang-format off */
    static const char *const values[] = {
        "null", "true", "false", "0", "1", "2", "-1", "1.5", "1e308", "1e999", "-0", "1e-400", "\"\"",
        "\"inf\"", "\"-inf\"", "[]", "{}", "[[]]", "4294967295", "4294967296", "9223372036854775807",
        "18446744073709551615", "18446744073709551616", "2147483647", "\"\\u0000\"", "\"{}\"",
        "\"\\ud83d\\ude00\"", "[1, 2]"};
    /* clang-format on */
    size_t at = 0, end = 0, from, from_end, tries;
    unsigned char *copy;
    if (size == 0) return fuzz_mutate_bytes(data, size, most);
    for (tries = 0; end == at && tries < 50; tries++) at = fuzz_below(size), end = token_end(data, size, at);
    if (end == at) return fuzz_mutate_bytes(data, size, most);
    if (fuzz_below(2)) {
        const char *value = values[fuzz_below(sizeof values / sizeof *values)];
        return replace(data, size, most, at, end - at, value, strlen(value));
    }
    from = fuzz_below(size);
    from_end = token_end(data, size, from);
    copy = malloc(from_end - from + 1);
    memcpy(copy, data + from, from_end - from);
    size = replace(data, size, most, at, end - at, copy, from_end - from);
    free(copy);
    return size;
}

size_t fuzz_mutate_json(unsigned char *data, size_t size, size_t most) {
    return (fuzz_below(3) ? fuzz_mutate_bytes : fuzz_mutate_tokens)(data, size, most);
}

/* --------------------------------------------------------------------------- golden */

/* Rows as there are values behind a tensor's line, the right fuzz_number behind "end". */
static size_t mend_counts(unsigned char *data, size_t size, size_t most) {
    rome99_text in = {0}, out = {0};
    size_t tensors = 0, rows;
    char *line, *next, name[64], type[16], *rest, *p;
    rome99_text_put(&in, data, size);
    rome99_text_puts(&in, "");
    for (line = in.bytes; line && *line; line = next) {
        int used = 0;
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (strncmp(line, "end ", 4) == 0) {
            rome99_text_printf(&out, "end %zu\n", tensors);
        } else if (sscanf(line, "tensor %60s %10s %*s %*s%n", name, type, &used) == 2 && used > 0) {
            tensors++;
            for (rows = 0, p = next; *p && strncmp(p, "tensor", 6) != 0 && strncmp(p, "end", 3) != 0;
                 rows++) {
                rest = strchr(p, '\n');
                p = rest ? rest + 1 : p + strlen(p);
            }
            rome99_text_printf(&out, "tensor %s %s %zu 1", name, type, rows);
            rome99_text_put(&out, line + used, (size_t)(next - line) - (size_t)used);
        } else {
            rome99_text_put(&out, line, (size_t)(next - line));
        }
    }
    if (!out.failed && out.size && out.size <= most) memcpy(data, out.bytes, size = out.size);
    rome99_text_free(&in);
    rome99_text_free(&out);
    return size;
}

/* Takes a line away, or copies one to the place of, or before, another. */
static size_t mutate_lines(unsigned char *data, size_t size, size_t most) {
    size_t at[2], n[2], i;
    unsigned char *copy;
    if (size < 2) return fuzz_mutate_bytes(data, size, most);
    for (i = 0; i < 2; i++) {
        const unsigned char *end;
        for (at[i] = fuzz_below(size); at[i] > 0 && data[at[i] - 1] != '\n';) at[i]--;
        end = memchr(data + at[i], '\n', size - at[i]);
        n[i] = end ? (size_t)(end - data) + 1 - at[i] : size - at[i];
    }
    if (fuzz_below(3) == 0) return replace(data, size, most, at[0], n[0], NULL, 0);
    copy = malloc(n[1]);
    memcpy(copy, data + at[1], n[1]);
    size = replace(data, size, most, at[0], fuzz_below(2) ? n[0] : 0, copy, n[1]);
    free(copy);
    return size;
}

static size_t mutate_golden(unsigned char *data, size_t size, size_t most) {
    const unsigned char *split = memchr(data, 0x1E, size);
    const size_t first = split ? (size_t)(split - data) : size, at = split && fuzz_below(2) ? first + 1 : 0;
    const size_t end = at ? size : first, how = fuzz_below(4);
    fuzz_mutation *m = how == 0 ? fuzz_mutate_bytes : how == 1 ? fuzz_mutate_tokens : mutate_lines;
    if (at && end - at > 10 && data[at + 8] == '{') m = fuzz_mutate_safetensors;
    if (at && end - at > 4 && memcmp(data + at, "PK", 2) == 0) m = fuzz_mutate_npz;
    size = fuzz_mutate_part(data, size, most, at, end - at, m);
    if (m == fuzz_mutate_safetensors || m == fuzz_mutate_npz || fuzz_below(3) == 0) return size;
    split = memchr(data, 0x1E, size);
    return at ? fuzz_mutate_part(data, size, most, at, size - at, mend_counts)
              : fuzz_mutate_part(data, size, most, 0, split ? (size_t)(split - data) : size, mend_counts);
}

/* --------------------------------------------------------------------- several parts */

/* One of the parts that byte 1E separates. */
static size_t mutate_parts(unsigned char *data, size_t size, size_t most) {
    size_t at = size ? fuzz_below(size) : 0, end = at;
    if (size == 0 || fuzz_below(8) == 0) return fuzz_mutate_bytes(data, size, most);
    while (at > 0 && data[at - 1] != 0x1E) at--;
    while (end < size && data[end] != 0x1E) end++;
    return fuzz_mutate_part(data, size, most, at, end - at, fuzz_below(4) ? fuzz_mutate_json : mutate_lines);
}

/* A part many times over: what takes longer than n log n is seen then. */
static size_t repeat(unsigned char *data, size_t size, size_t most) {
    const size_t at = size ? fuzz_below(size) : 0,
                 n = size ? 1 + fuzz_below(size - at < 256 ? size - at : 256) : 0;
    const size_t times = n ? fuzz_below((most - size) / n + 1) : 0;
    size_t i;
    memmove(data + at + n * times, data + at, size - at);
    for (i = 0; i < n * times; i++) data[at + i] = data[at + n * times + i % n];
    return size + n * times;
}

/* A folder: its weights are the third part. */
static size_t mutate_config(unsigned char *data, size_t size, size_t most) {
    const unsigned char *a = memchr(data, 0x1E, size),
                        *b = a ? memchr(a + 1, 0x1E, size - (size_t)(a + 1 - data)) : NULL;
    size_t at, first;
    if (!b || fuzz_below(8) == 0) return fuzz_mutate_bytes(data, size, most);
    at = (size_t)(b + 1 - data);
    if (fuzz_below(3) == 0)
        return fuzz_mutate_part(data, size, most, 0, (size_t)(a - data), fuzz_mutate_json);
    if (b == a + 1) return fuzz_mutate_part(data, size, most, at, size - at, fuzz_mutate_safetensors);
    if (fuzz_below(3) == 0)
        return fuzz_mutate_part(data, size, most, (size_t)(a + 1 - data), (size_t)(b - a - 1),
                                fuzz_mutate_json);
    if (size - at < 4) return fuzz_mutate_bytes(data, size, most);
    first = fuzz_number(data + at, 4);
    if (first > size - at - 4) return fuzz_mutate_bytes(data, size, most);
    if (fuzz_below(2)) {
        const size_t rest = size - at - 4 - first;
        size = fuzz_mutate_part(data, size, most, at + 4, first, fuzz_mutate_safetensors);
        fuzz_put_number(data + at, size - at - 4 - rest, 4);
        return size;
    }
    return fuzz_mutate_part(data, size, most, at + 4 + first, size - at - 4 - first, fuzz_mutate_safetensors);
}

size_t fuzz_mutate(const char *target, unsigned char *data, size_t size, size_t most, unsigned seed,
                   fuzz_mutation *bytes) {
    static const struct {
        const char *target;
        fuzz_mutation *mutation;
    } table[] = {{"json", fuzz_mutate_json}, {"safetensors", fuzz_mutate_safetensors},
                 {"npy", fuzz_mutate_npy},   {"npz", fuzz_mutate_npz},
                 {"bpe", mutate_parts},      {"config", mutate_config},
                 {"golden", mutate_golden},  {"results", mutate_parts},
                 {"requests", mutate_parts}};
    size_t i;
    state = 88172645463325252u ^ ((uint64_t)seed << 20);
    fuzz_mutate_bytes = bytes;
    (void)fuzz_below(2);
    if (fuzz_below(100) == 0) return repeat(data, size, most);
    for (i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].target, target) == 0) return table[i].mutation(data, size, most);
    return bytes(data, size, most);
}
