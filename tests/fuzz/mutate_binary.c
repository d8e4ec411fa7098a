/* mutate_binary.c: mutations of safetensors, .npy and .npz, whose headers say how long the rest is. */
#include "files/json.h"
#include "files/text.h"
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------- safetensors */

/* Appends the entry of a tensor with new offsets from `at` on; returns where it ends. */
static size_t put_entry(rome99_text *out, rome99_value key, rome99_value v, size_t at) {
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2}};
    size_t shape[8], rank, i, count = 1, element = 1;
    rome99_value type;
    rome99_error e;
    if (rome99_json_sizes(shape, &rank, 8, v, "shape", &e) ||
        rome99_json_require(&type, v, "dtype", ROME99_STRING, &e))
        return at;
    for (i = 0; i < rank; i++) count = shape[i] > 10000 ? 20000 : count * shape[i] % 20000;
    for (i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, rome99_json_string(type)) == 0) element = types[i].size;
    rome99_text_puts(out, out->size > 1 ? "," : "");
    rome99_text_json_string(out, rome99_json_string(key), rome99_json_length(key));
    rome99_text_printf(out, ":{\"dtype\":\"%.20s\",\"shape\":[", rome99_json_string(type));
    for (i = 0; i < rank; i++) rome99_text_printf(out, "%s%zu", i ? "," : "", shape[i]);
    rome99_text_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, at + count * element);
    return at + count * element;
}

/* Offsets that follow from dtypes and shapes, now and then beginning elsewhere, and as many data. */
static size_t mend_offsets(unsigned char *data, size_t size, size_t most) {
    const size_t length = fuzz_number(data, 8), had = size - 8 - length;
    rome99_text out = {0};
    rome99_json *doc;
    rome99_items items;
    rome99_value key, v;
    rome99_error e;
    size_t end = 0, i;
    if (rome99_json_parse(&doc, "", data + 8, length, &e)) return size;
    rome99_text_puts(&out, "{");
    items = rome99_json_items(rome99_json_root(doc));
    if (rome99_json_kind(rome99_json_root(doc)) == ROME99_OBJECT)
        while (rome99_json_next(&items, &key, &v))
            if (rome99_json_kind(v) == ROME99_OBJECT)
                end = put_entry(&out, key, v, fuzz_below(12) ? end : fuzz_below(end + 8));
    rome99_text_puts(&out, "}");
    rome99_json_free(doc);
    if (!out.failed && 8 + out.size + end <= most) {
        memmove(data + 8 + out.size, data + 8 + length, had < end ? had : end);
        memcpy(data + 8, out.bytes, out.size);
        for (i = had; i < end; i++) data[8 + out.size + i] = 0;
        fuzz_put_number(data, out.size, 8);
        size = 8 + out.size + end;
    }
    rome99_text_free(&out);
    return size;
}

size_t fuzz_mutate_safetensors(unsigned char *data, size_t size, size_t most) {
    size_t length, rest;
    if (size < 10 || fuzz_number(data, 8) > size - 8 || fuzz_below(8) == 0)
        return fuzz_mutate_bytes(data, size, most);
    length = fuzz_number(data, 8);
    rest = size - 8 - length;
    if (rest && fuzz_below(4) == 0)
        return fuzz_mutate_part(data, size, most, 8 + length, rest, fuzz_mutate_bytes);
    size = fuzz_mutate_part(data, size, most, 8, length, fuzz_mutate_json);
    fuzz_put_number(data, size - 8 - rest, 8);
    return fuzz_below(2) ? mend_offsets(data, size, most) : size;
}

/* ------------------------------------------------------------------------- npy, npz */

/* As many elements as the header says, where that is few. */
static size_t mend_elements(unsigned char *data, size_t size, size_t most, size_t start) {
    char header[256];
    const char *shape, *type;
    size_t n = start < sizeof header ? start : sizeof header - 1, i, count = 1, element;
    for (i = 0; i < n; i++) header[i] = (char)(data[i] ? data[i] : ' ');
    header[n] = '\0';
    shape = strstr(header, "shape': (");
    type = strpbrk(header, "<>|");
    if (!shape || !type || type[1] == '\0') return size;
    element = (size_t)type[2] % 16;
    for (shape += 9; *shape && *shape != ')' && count < 10000;
         shape += strcspn(shape, ",)"), shape += *shape == ',')
        count *= strtoul(shape, NULL, 10) % 1000;
    if (start + count * element > most) return size;
    for (i = size; i < start + count * element; i++) data[i] = (unsigned char)fuzz_below(3);
    return start + count * element;
}

size_t fuzz_mutate_npy(unsigned char *data, size_t size, size_t most) {
    static const char *const types[] = {"<f8", ">f8", "<f4", ">f4", "<f2", "<i8",
                                        ">i4", "|u1", "|b1", "|S3", "<i2"};
    const size_t start = size > 12 && data[6] > 1 ? 12 : 10;
    const int bytes = start == 12 ? 4 : 2;
    size_t length, rest, i;
    if (size < 13 || memcmp(data, "\x93NUMPY", 6) != 0 || fuzz_below(8) == 0)
        return fuzz_mutate_bytes(data, size, most);
    length = fuzz_number(data + 8, bytes);
    if (length > size - start) return fuzz_mutate_bytes(data, size, most);
    rest = size - start - length;
    if (rest && fuzz_below(4) == 0)
        return fuzz_mutate_part(data, size, most, start + length, rest, fuzz_mutate_bytes);
    for (i = start; fuzz_below(3) == 0 && i + 3 < start + length; i++)
        if (strchr("<>|", data[i]) && data[i])
            memcpy(data + i, types[fuzz_below(sizeof types / sizeof *types)], 3);
    if (fuzz_below(2))
        size = fuzz_mutate_part(data, size, most, start, length,
                                fuzz_below(2) ? fuzz_mutate_bytes : fuzz_mutate_tokens);
    length = size - start - rest;
    fuzz_put_number(data + 8, length, bytes);
    if (fuzz_below(10) == 0) fuzz_put_number(data + 8, fuzz_below(2 * size), bytes); /* a lie */
    return fuzz_below(4) ? mend_elements(data, size, most, start + length) : size;
}

typedef struct {
    size_t name, name_size, at, size; /* in the old file */
} member;

/* The members of a zip that is whole; none of one that is not. */
static size_t find_members(member *list, size_t most, const unsigned char *data, size_t size) {
    size_t end = size < 22 ? 0 : size - 22, entry, count, i;
    while (end > 0 && memcmp(data + end, "PK\5\6", 4) != 0) end--;
    if (size < 22 || memcmp(data + end, "PK\5\6", 4) != 0) return 0;
    count = fuzz_number(data + end + 10, 2);
    entry = fuzz_number(data + end + 16, 4);
    for (i = 0; i < count && i < most; i++) {
        member *m = &list[i];
        size_t at;
        if (entry > end || end - entry < 46) return i;
        m->name = entry + 46;
        m->name_size = fuzz_number(data + entry + 28, 2);
        m->size = fuzz_number(data + entry + 24, 4);
        at = fuzz_number(data + entry + 42, 4);
        if (m->name_size > size - m->name || at > size || size - at < 30) return i;
        m->at = at + 30 + fuzz_number(data + at + 26, 2) + fuzz_number(data + at + 28, 2);
        if (m->at > size || m->size > size - m->at) return i;
        entry += 46 + m->name_size + fuzz_number(data + entry + 30, 2) + fuzz_number(data + entry + 32, 2);
    }
    return i;
}

/* Appends a local header, or, with the place of the member, an entry of the directory. */
static void put_header(rome99_text *out, const void *name, size_t name_size, size_t size, size_t at,
                       int entry) {
    unsigned char h[46] = "PK\3\4";
    if (entry) memcpy(h, "PK\1\2", 4);
    fuzz_put_number(h + (entry ? 20 : 18), size, 4);
    fuzz_put_number(h + (entry ? 24 : 22), size, 4);
    fuzz_put_number(h + (entry ? 28 : 26), name_size, 2);
    fuzz_put_number(h + 42, at, 4);
    rome99_text_put(out, h, entry ? 46 : 30);
    rome99_text_put(out, name, name_size);
}

/* The zip anew with one member's name or array changed, left out, or there twice. */
size_t fuzz_mutate_npz(unsigned char *data, size_t size, size_t most) {
    static const char *const names[] = {"mom2.count.npy", "mom2.mom2.npy", "count.npy",
                                        "mom2.npy",       "a.npy",         ".npy"};
    member list[16];
    const size_t n = find_members(list, 16, data, size), chosen = n ? fuzz_below(n) : 0, how = fuzz_below(8);
    rome99_text out = {0}, directory = {0};
    const size_t count = n + (how == 1) - (how == 3);
    size_t i;
    unsigned char end[22] = "PK\5\6", *part;
    if (n == 0 || how == 0) return fuzz_mutate_bytes(data, size, most);
    part = malloc(2 * most + 32);
    for (i = 0; i < n + (how == 1); i++) {
        const member *m = &list[i < n ? i : chosen];
        const char *new_name = how == 2 && i == chosen ? names[fuzz_below(6)] : NULL;
        const void *name = new_name ? (const void *)new_name : data + m->name;
        const size_t name_size = new_name ? strlen(new_name) : m->name_size;
        size_t part_size = m->size, told;
        if (how == 3 && i == chosen) continue;
        memcpy(part, data + m->at, m->size);
        if (how > 3 && i == chosen) part_size = fuzz_mutate_npy(part, m->size, most);
        told = how == 4 && i == chosen ? fuzz_below(2 * size) : part_size; /* a lie */
        put_header(&directory, name, name_size, told, out.size, 1);
        put_header(&out, name, name_size, told, 0, 0);
        rome99_text_put(&out, part, part_size);
    }
    fuzz_put_number(end + 8, count, 2);
    fuzz_put_number(end + 10, count, 2);
    fuzz_put_number(end + 12, directory.size, 4);
    fuzz_put_number(end + 16, out.size, 4);
    rome99_text_put(&out, directory.bytes, directory.size);
    rome99_text_put(&out, end, sizeof end);
    if (!out.failed && out.size <= most) memcpy(data, out.bytes, size = out.size);
    rome99_text_free(&out);
    rome99_text_free(&directory);
    free(part);
    return size;
}
