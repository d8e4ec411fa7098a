/* test_files.c: os, text, safetensors and npy. Writes only below the directory argv[1] ("build/tmp"). */
#include "core/rome99.h"
#include "files/npy.h"
#include "files/os.h"
#include "files/safetensors.h"
#include "files/text.h"
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static const char *dir; /* a new directory that every test leaves empty */
static int has_directories;
static rome99_error e;

/* The path of a file of the tests; a later call with another slot leaves it alone. */
static const char *path_of(int slot, const char *name) {
    static char paths[2][1024];
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", dir, name);
    return paths[slot];
}

/* Without the syncing of rome99_write_file, which would make thousands of files slow. */
static void put_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(bytes, 1, size, f) == size, "%s: cannot be written", path);
    if (f != NULL) fclose(f);
}

static int holds(const char *path, const void *bytes, size_t size) {
    unsigned char *data;
    size_t got;
    int same;
    if (rome99_read_file(&data, &got, path, &e) != 0) return 0;
    same = got == size && memcmp(data, bytes, size) == 0 && data[got] == '\0';
    free(data);
    return same;
}

static uint32_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* os */

static void test_fail(void) {
    char text[1000];
    size_t i;
    CHECK(rome99_fail(&e, "a.txt", "%d of %s", 3, "x") == -1 && !strcmp(e.text, "a.txt: 3 of x"), "got '%s'",
          e.text);
    rome99_fail(&e, NULL, "<%s>", e.text);
    CHECK(!strcmp(e.text, "<a.txt: 3 of x>"), "arguments in e: got '%s'", e.text);
    rome99_fail(&e, "a\nb", "\x1B[1m\x7F\xC3\xA9\xC2\x9B\xC2\xA0\xC2");
    CHECK(!strcmp(e.text, "a?b: ?[1m?\xC3\xA9??\xC2\xA0\xC2"), "control characters: got '%s'", e.text);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rome99_fail(&e, text, "wrong");
    CHECK(strlen(e.text) == 262 && !strcmp(e.text + 255, ": wrong"), "got '%s'", e.text);
    rome99_fail(&e, NULL, "%s", text);
    CHECK(strlen(e.text) == 511 && !strcmp(e.text + 507, "x..."), "got '%s'", e.text);
    text[511] = '\0';
    rome99_fail(&e, NULL, "%s", text);
    CHECK(!strcmp(e.text, text), "511 bytes fit: got '%s'", e.text);
    for (i = 0; i < 900; i++) text[i] = "\xE2\x82\xAC"[i % 3];
    rome99_fail(&e, NULL, "%s", text);
    CHECK(strlen(e.text) == 510 && !memcmp(e.text + 504, "\xE2\x82\xAC...", 7),
          "cut between characters: got '%s'", e.text);
    memset(text, 0x80, 900);
    rome99_fail(&e, NULL, "%s", text);
    CHECK(!strcmp(e.text, "..."), "no character begins in it: got '%s'", e.text);
    rome99_fail(&e, "a.txt", "%s", "");
    CHECK(!strcmp(e.text, "a.txt: "), "nothing to say: got '%s'", e.text);
}

static void test_read(void) {
    const size_t n = 200000;
    const char *path = path_of(0, "read");
    unsigned char *bytes = malloc(n), *data;
    size_t i, size;
    if (bytes == NULL) exit(2);
    for (i = 0; i < n; i++) bytes[i] = (unsigned char)random_bits();
    for (i = 0; i <= n; i += i < 2 ? 1 : 65533) { /* ... 65535, 131068 ... */
        put_file(path, bytes, i);
        CHECK(holds(path, bytes, i), "a file of %zu bytes comes back", i);
    }
    put_file(path, bytes, n);
    CHECK(freopen(path, "rb", stdin) != NULL && getchar() == bytes[0], "standard input from a file");
    CHECK(rome99_read_file(&data, &size, "-", &e) == 0, "%s", e.text);
    CHECK(size == n - 1 && !memcmp(data, bytes + 1, size) && data[size] == '\0', "the rest of it: %zu bytes",
          size);
    free(data);
    /* A stream that has failed before: all that follows can be read, and is not taken for the whole. */
    CHECK(freopen(path, "rb", stdin) != NULL, "standard input again");
    if (putc('x', stdin) == EOF && ferror(stdin))
        CHECK(rome99_read_file(&data, &size, "-", &e) == -1 &&
                  !strcmp(e.text, "standard input: cannot read: no reason given"),
              "got '%s'", e.text);
    remove(path);
    CHECK(rome99_read_file(&data, &size, path, &e) == -1, "a missing file is an error");
    CHECK(strstr(e.text, "/read: cannot open: ") != NULL, "got '%s'", e.text);
    if (has_directories) {
        CHECK(rome99_read_file(&data, &size, dir, &e) == -1, "a directory is an error");
        CHECK(strstr(e.text, ": is a directory") != NULL, "got '%s'", e.text);
    }
    free(bytes);
}

static void test_write(void) {
    static const uint32_t numbers[2] = {0x01020304, 0xA0B0C0D0};
    static unsigned char big[3 * 4096 + 8];
    const rome99_piece pieces[3] = {{"ne", 2, 1}, {NULL, 0, 1}, {numbers, 8, 4}};
    const rome99_piece large = {big, sizeof big, 8};
    const char *path = path_of(0, "write");
    unsigned char *data;
    size_t i, size;
    CHECK(rome99_write_file(path, "old", 3, &e) == 0 && holds(path, "old", 3), "%s", e.text);
    CHECK(rome99_write_pieces(path, pieces, 3, &e) == 0, "%s", e.text);
    CHECK(holds(path, "ne\4\3\2\1\xD0\xC0\xB0\xA0", 10), "pieces replace; numbers are little-endian");
    for (i = 0; i < sizeof big; i++) big[i] = (unsigned char)random_bits();
    CHECK(rome99_write_pieces(path, &large, 1, &e) == 0, "%s", e.text);
    if (rome99_read_file(&data, &size, path, &e) == 0) {
        if (size == sizeof big) rome99_swap(data, size, 8, 0);
        CHECK(size == sizeof big && !memcmp(data, big, size), "a piece of %zu bytes comes back", size);
        free(data);
    }
    CHECK(rome99_write_file(path, "", 0, &e) == 0 && holds(path, "", 0), "an empty file");
    if (has_directories) {
        CHECK(rome99_write_file("/dev/null", "x", 1, &e) == 0, "a device is written: %s", e.text);
        CHECK(rome99_write_file("/dev/full", "x", 1, &e) == -1 || rome99_exists("/dev/full") == 0,
              "a full one");
    }
    remove(path);
    CHECK(rome99_write_file(path_of(0, "no such/file"), "x", 1, &e) == -1, "no such directory");
    CHECK(strstr(e.text, "no such/file: cannot write: ") != NULL, "got '%s'", e.text);
    CHECK(rome99_write_file("", "x", 1, &e) == -1 && !strncmp(e.text, ": cannot write: ", 16), "got '%s'",
          e.text);
    CHECK(!rome99_exists(".tmp-0"), "a file without a name leaves .tmp-0 behind");
    if (has_directories) {
        CHECK(rome99_write_file(dir, "x", 1, &e) == -1, "a directory cannot be written");
        CHECK(strstr(e.text, ": is a directory") != NULL, "got '%s'", e.text);
    }
}

static void test_append(void) {
    const char *path = path_of(0, "append");
    CHECK(!rome99_is_file(path), "nothing is no file");
    CHECK(rome99_append_file(path, "one\n", 4, &e) == 0 && holds(path, "one\n", 4), "%s", e.text);
    CHECK(rome99_append_file(path, "two", 3, &e) == 0 && holds(path, "one\ntwo", 7), "%s", e.text);
    CHECK(rome99_is_file(path), "a file");
    remove(path);
    CHECK(rome99_append_file(path_of(0, "no such/file"), "x", 1, &e) == -1, "no such directory");
    CHECK(strstr(e.text, "no such/file: cannot write: ") != NULL, "got '%s'", e.text);
    if (has_directories) {
        CHECK(!rome99_is_file(dir) && !rome99_is_file("/dev/null"), "neither a directory nor a device");
        CHECK(rome99_append_file(dir, "x", 1, &e) == -1, "a directory cannot be written");
        CHECK(rome99_append_file("/dev/null", "x", 1, &e) == 0, "a device that cannot sync: %s", e.text);
        CHECK(!rome99_exists("/dev/full") || rome99_append_file("/dev/full", "x", 1, &e) == -1,
              "a full device");
    }
}

/* The second of the numbers of 2, 4 or 8 bytes at p, in the host's order. */
static uint64_t second_of(const unsigned char *p, size_t element) {
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    memcpy(&two, p + 2, 2);
    memcpy(&four, p + 4, 4);
    memcpy(&eight, p + 8, 8);
    return element == 2 ? two : element == 4 ? four : eight;
}

static void test_swap(void) {
    static const struct {
        size_t element;
        uint64_t little, big;
    } cases[] = {
        {2, 0x0403, 0x0304}, {4, 0x08070605, 0x05060708}, {8, 0x100F0E0D0C0B0A09, 0x090A0B0C0D0E0F10}};
    size_t i, j;
    for (i = 0; i < 6; i++) {
        const size_t element = cases[i / 2].element;
        const uint64_t want = i % 2 ? cases[i / 2].big : cases[i / 2].little;
        unsigned char bytes[16];
        int same = 1;
        for (j = 0; j < 16; j++) bytes[j] = (unsigned char)(j + 1);
        rome99_swap(bytes, 16, element, i % 2);
        CHECK(second_of(bytes, element) == want, "%zu bytes: got %" PRIx64 ", not %" PRIx64, element,
              second_of(bytes, element), want);
        rome99_swap(bytes, 16, element, i % 2);
        for (j = 0; j < 16; j++) same = same && bytes[j] == j + 1;
        CHECK(same, "%zu bytes and back", element);
    }
    rome99_swap(NULL, 0, 8, 0);
}

static void test_directory(void) {
    char *first, *second, *file;
    const char *path = path_of(0, "new/");
    int keep;
    if (rome99_dir_begin(&first, path, &e) != 0 || rome99_dir_begin(&second, path, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(strcmp(first, second) != 0, "two temporary directories have one name %s", first);
    CHECK(!rome99_exists(path), "nothing before commit");
    CHECK(rome99_dir_commit(first, path, &e) == 0 && rome99_exists(path), "%s", e.text);
    CHECK(rome99_dir_commit(second, path, &e) == -1, "commit on an empty directory is refused");
    CHECK(strstr(e.text, "already exists") != NULL, "got '%s'", e.text);
    CHECK(rome99_dir_begin(&first, path, &e) == -1, "begin on what exists is refused");
    CHECK(strstr(e.text, "already exists") != NULL, "got '%s'", e.text);
    CHECK(remove(path_of(1, "new")) == 0, "the new directory is not empty");
    for (keep = 0; keep < 2; keep++) {
        if (rome99_dir_begin(&first, path, &e) != 0) break;
        file = rome99_path(first, "x");
        CHECK(file != NULL && rome99_write_file(file, "in it", 5, &e) == 0, "%s", e.text);
        if (!keep)
            rome99_dir_abandon(first);
        else
            CHECK(rome99_dir_commit(first, path, &e) == 0, "%s", e.text);
        CHECK(!rome99_exists(file), "the temporary is gone");
        free(file);
        CHECK(holds(path_of(1, "new/x"), "in it", 5) == keep, "only commit keeps the files");
    }
    remove(path_of(1, "new/x"));
    CHECK(remove(path_of(1, "new")) == 0, "the new directory holds something else");
}

static void test_path(void) {
    const double now = rome99_seconds();
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    size_t i;
    for (i = 0; i < 4; i++) {
        char *path = rome99_path(cases[i][0], cases[i][1]);
        CHECK(path != NULL && !strcmp(path, cases[i][2]), "got %s, not %s", path ? path : "nothing",
              cases[i][2]);
        free(path);
    }
    CHECK(rome99_seconds() >= now, "time goes back");
}

/* text */

static void test_text(void) {
    static const wchar_t euro[] = {0x20AC, 0};
    rome99_text t = {0};
    rome99_text_puts(&t, "kept");
    rome99_text_put(&t, "x", SIZE_MAX / 2);
    CHECK(t.failed && t.size == 4 && !strcmp(t.bytes, "kept"), "half of all memory: '%s'", t.bytes);
    rome99_text_puts(&t, "more");
    CHECK(t.failed && t.size == 4, "once it has failed, nothing is added: '%s'", t.bytes);
    rome99_text_free(&t);
    CHECK(!t.failed && !t.bytes, "free makes it new");
    if (snprintf(NULL, 0, "%ls", euro) < 0) { /* not in the locale "C" */
        rome99_text_printf(&t, "%ls", euro);
        CHECK(t.failed && t.size == 0, "what printf refuses: %zu bytes", t.size);
        rome99_text_free(&t);
    }
}

/* safetensors */

/* Writes length, header and n bytes of data, each with its index as value; returns its size. */
static size_t put_st(const char *path, const char *header, size_t n) {
    static unsigned char bytes[4096];
    size_t i, length = strlen(header);
    for (i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i & 0xFF);
    memcpy(bytes + 8, header, length);
    for (i = 0; i < n; i++) bytes[8 + length + i] = (unsigned char)i;
    put_file(path, bytes, 8 + length + n);
    return 8 + length + n;
}

#define ST_HEADER                                                                                            \
    "{\"__metadata__\":{\"format\":\"pt\"},\"wte.\":{\"dtype\":\"F32\",\"shape\":[1,2],"                     \
    "\"data_offsets\":[0,8]},\"\\\"\xC3\xA9\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":"             \
    "[8,10]}}      "

static void test_st_bytes(void) {
    static const char expected[] = "\x98\0\0\0\0\0\0\0" ST_HEADER "\0\0\x80\x3F\0\0\0\xC0\xFE\xFF";
    const float a[2] = {1.0f, -2.0f};
    const int16_t b = -2;
    const char *path = path_of(0, "st");
    const rome99_tensor tensors[2] = {{"wte.", ROME99_ST_F32, 2, {1, 2}, a, 0},
                                      {"\"\xC3\xA9", ROME99_ST_I16, 0, {0}, &b, 0}};
    const rome99_tensor *t;
    rome99_safetensors *st;
    int i;
    for (i = 0; i < 2; i++) {
        CHECK(rome99_safetensors_write(path, tensors, 2, &e) == 0, "%s", e.text);
        CHECK(holds(path, expected, sizeof expected - 1), "the bytes of the file, time %d", i);
    }
    if (rome99_safetensors_read(&st, path, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(rome99_safetensors_count(st) == 2, "got %zu", rome99_safetensors_count(st));
    CHECK(!strcmp(rome99_safetensors_at(st, 0)->name, "\"\xC3\xA9"), "sorted by name");
    t = rome99_safetensors_find(st, "wte.");
    CHECK(t != NULL && t->rank == 2 && t->shape[0] == 1 && t->shape[1] == 2 && t->count == 2 &&
              !memcmp(t->data, a, sizeof a),
          "F32 tensor");
    t = rome99_safetensors_find(st, "\"\xC3\xA9");
    CHECK(t != NULL && t->rank == 0 && t->count == 1 && !memcmp(t->data, &b, 2), "I16 scalar");
    CHECK(rome99_safetensors_find(st, "A") == NULL, "there is no A");
    CHECK(rome99_safetensors_require(&t, st, "A", &e) == -1 &&
              strstr(e.text, "st: tensor 'A' is missing") != NULL,
          "got '%s'", e.text);
    rome99_safetensors_free(st);
    CHECK(freopen(path, "rb", stdin) != NULL && rome99_safetensors_read(&st, "-", &e) == 0, "%s", e.text);
    t = rome99_safetensors_find(st, "wte.");
    CHECK(t != NULL && !memcmp(t->data, a, sizeof a), "from standard input");
    rome99_safetensors_free(st);
    remove(path);
    CHECK(rome99_safetensors_read(&st, path, &e) == -1 && strstr(e.text, "/st: cannot open: "), "got '%s'",
          e.text);
}

static void test_st_dtypes(void) {
    static const char *const names[] = {"F64", "F32", "F16", "BF16", "I64",    "I32",
                                        "I16", "I8",  "U8",  "BOOL", "unknown"};
    static const size_t sizes[] = {8, 4, 2, 2, 8, 4, 2, 1, 1, 1, 0};
    int i;
    CHECK((int)ROME99_ST_F64 == (int)ROME99_F64 && (int)ROME99_ST_F32 == (int)ROME99_F32 &&
              (int)ROME99_ST_F16 == (int)ROME99_F16 && (int)ROME99_ST_BF16 == (int)ROME99_BF16,
          "the floats of the core");
    for (i = 0; i <= ROME99_ST_OTHER; i++) {
        CHECK(!strcmp(rome99_st_dtype_name((rome99_st_dtype)i), names[i]) &&
                  rome99_st_dtype_size((rome99_st_dtype)i) == sizes[i],
              "dtype %s", names[i]);
    }
}

/* Every dtype, behind an odd number of bytes, so that all are out of line in the file. */
static void test_st_round_trip(void) {
    static uint64_t values[ROME99_ST_OTHER][3000];
    rome99_tensor tensors[ROME99_ST_OTHER + 2];
    const char *path = path_of(0, "st");
    rome99_safetensors *st;
    size_t i, j;
    for (i = 0; i < ROME99_ST_OTHER; i++) {
        const rome99_tensor t = {
            rome99_st_dtype_name((rome99_st_dtype)i), (rome99_st_dtype)i, 3, {3, 1, 1000}, values[i], 3000};
        unsigned char *bytes = (unsigned char *)values[i];
        for (j = 0; j < sizeof values[i]; j++) bytes[j] = (unsigned char)random_bits();
        tensors[1 + i] = t;
    }
    tensors[0] = tensors[1 + ROME99_ST_U8];
    tensors[0].name = "odd";
    tensors[0].shape[2] = 1;
    tensors[0].count = 3;
    tensors[1 + ROME99_ST_OTHER] = tensors[1];
    tensors[1 + ROME99_ST_OTHER].name = "empty";
    tensors[1 + ROME99_ST_OTHER].shape[1] = 0;
    tensors[1 + ROME99_ST_OTHER].count = 0;
    CHECK(rome99_safetensors_write(path, tensors, ROME99_ST_OTHER + 2, &e) == 0, "%s", e.text);
    if (rome99_safetensors_read(&st, path, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    CHECK(rome99_safetensors_count(st) == ROME99_ST_OTHER + 2, "their number");
    for (i = 0; i < ROME99_ST_OTHER + 2; i++) {
        const rome99_tensor *s = &tensors[i], *t;
        size_t element = rome99_st_dtype_size(s->dtype);
        CHECK(rome99_safetensors_require(&t, st, s->name, &e) == 0, "%s", e.text);
        if (t == NULL) continue;
        CHECK(t->dtype == s->dtype && t->count == s->count, "%s: dtype and count", s->name);
        CHECK(t->rank == 3 && t->shape[0] == 3 && t->shape[1] == s->shape[1] && t->shape[2] == s->shape[2],
              "%s: the shape", s->name);
        CHECK((uintptr_t)t->data % element == 0, "%s: not aligned", s->name);
        CHECK(!memcmp(t->data, s->data, t->count * element), "%s: the data", s->name);
    }
    rome99_safetensors_free(st);
    CHECK(rome99_safetensors_write(path, NULL, 0, &e) == 0, "%s", e.text);
    CHECK(rome99_safetensors_read(&st, path, &e) == 0, "%s", e.text);
    CHECK(rome99_safetensors_count(st) == 0, "a file without tensors");
    rome99_safetensors_free(st);
    remove(path);
}

/* Names are found in any order. */
static void test_st_find(void) {
    enum { N = 300 };
    static char names[N][8];
    static rome99_tensor tensors[N];
    static uint64_t values[N];
    const char *path = path_of(0, "st");
    rome99_safetensors *st;
    size_t i;
    for (i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%x", (unsigned)(i * 7919 % 1000));
        values[i] = i;
        tensors[i] = (rome99_tensor){names[i], ROME99_ST_I64, 1, {1}, &values[i], 0};
    }
    CHECK(rome99_safetensors_write(path, tensors, N, &e) == 0, "%s", e.text);
    if (rome99_safetensors_read(&st, path, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < N; i++) {
        const rome99_tensor *t = rome99_safetensors_find(st, names[i]);
        CHECK(t != NULL && !strcmp(t->name, names[i]) && !memcmp(t->data, &values[i], 8), "%s", names[i]);
        CHECK(i == 0 ||
                  strcmp(rome99_safetensors_at(st, i - 1)->name, rome99_safetensors_at(st, i)->name) < 0,
              "tensor %zu is not sorted by name", i);
    }
    CHECK(rome99_safetensors_find(st, "") == NULL && rome99_safetensors_find(st, "fffff") == NULL,
          "too many");
    rome99_safetensors_free(st);
    remove(path);
}

#define T(name, dtype, shape, offsets)                                                                       \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_st_refuses(void) {
    static const struct {
        const char *header;
        size_t size;
        const char *want;
    } cases[] = {
        {"", 0, "no length of a header"},
        {"[]", 0, "no JSON object"},
        {" {}", 0, "no JSON object"},
        {"{", 0, "st:1:2: "},
        {"{}}", 0, "st:1:3: "},
        {"{\"a\":1}", 0, "(tensor 'a')"},
        {"{\"a\":{}}", 0, "\"dtype\" is missing (tensor 'a')"},
        {"{\"a\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "(tensor 'a')"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "\"shape\" is missing (tensor 'a')"},
        {"{" T("a", "U8", "[4]", "[0,4]") "}", 3, "ends before the 4 bytes"},
        {"{" T("a", "U8", "[4]", "[0,4]") "}", 5, "goes on after the 4 bytes"},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", 4, "4 bytes, but dtype and shape need 8 (tensor 'a')"},
        {"{" T("a", "F32", "[2]", "[0,12]") "}", 12, "12 bytes, but dtype and shape need 8"},
        {"{" T("a", "F32", "[]", "[0,0]") "}", 0, "0 bytes, but dtype and shape need 4"},
        {"{" T("a", "U8", "[-1]", "[0,1]") "}", 1, "whole number"},
        {"{" T("a", "U8", "[1.0]", "[0,1]") "}", 1, "whole number"},
        {"{" T("a", "U8", "[\"1\"]", "[0,1]") "}", 1, "(tensor 'a')"},
        {"{" T("a", "U8", "1", "[0,1]") "}", 1, "\"shape\" must be an array (tensor 'a')"},
        {"{" T("a", "U8", "[1]", "[0]") "}", 1, "must be a beginning and an end (tensor 'a')"},
        {"{" T("a", "U8", "[1]", "[0,1,1]") "}", 1, "more than 2 numbers (tensor 'a')"},
        {"{" T("a", "U8", "[1]", "[-1,0]") "}", 1, "whole number"},
        {"{" T("a", "U8", "[1]", "[2,1]") "}", 2, "must be a beginning and an end (tensor 'a')"},
        {"{" T("a", "F8", "[1]", "[2,1]") "}", 2, "must be a beginning and an end (tensor 'a')"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1,
         "\"shape\" has more than 8 numbers (tensor 'a')"},
        {"{" T("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "(tensor 'a')"},
        {"{" T("a", "F64", "[4294967296,4294967296]", "[0,0]") "}", 0, "(tensor 'a')"},
        {"{" T("a", "U8", "[18446744073709551616]", "[0,0]") "}", 0, "whole number"},
        {"{" T("a", "U8", "[1]", "[18446744073709551615,18446744073709551616]") "}", 0, "whole"},
        {"{" T("a", "F8", "[9]", "[0,9223372036854775807]") "}", 9, ""},
        {"{" T("a", "U8", "[1]", "[0,1]") "," T("b", "U8", "[1]", "[0,1]") "}", 1, "overlaps"},
        {"{" T("b", "U8", "[2]", "[1,3]") "," T("a", "U8", "[2]", "[0,2]") "}", 3, "tensor 'b' overlaps"},
        {"{" T("a", "U8", "[1]", "[0,1]") "," T("b", "U8", "[1]", "[2,3]") "}", 3,
         "tensor 'b' has a hole before it"},
        {"{" T("a", "U8", "[1]", "[1,2]") "}", 2, "tensor 'a' has a hole before it"},
        {"{" T("a", "U8", "[0]", "[2,2]") "," T("b", "U8", "[2]", "[0,2]") "," T("c", "U8", "[0]",
                                                                                 "[1,1]") "}",
         2, "tensor 'c' overlaps"},
        {"{" T("b", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[1,2]") "," T("\\u0062", "U8", "[1]",
                                                                                 "[2,3]") "}",
         3, "tensor 'b' is there twice"},
        {"{" T("a\\u0000b", "U8", "[1]", "[0,1]") "}", 1, "NUL"},
        {"{\"__metadata__\":[]}", 0, "must map strings to strings"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "must map strings to strings"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"},
    };
    const char *path = path_of(0, "st");
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        rome99_safetensors *st;
        int failed;
        put_st(path, cases[i].header, cases[i].size);
        failed = rome99_safetensors_read(&st, path, &e) != 0;
        CHECK(failed, "accepted: %s", cases[i].header);
        CHECK(!failed || strstr(e.text, cases[i].want) != NULL, "%s: got '%s', not '%s'", cases[i].header,
              e.text, cases[i].want);
        if (!failed) rome99_safetensors_free(st);
    }
    remove(path);
}

static void test_st_accepts(void) {
    const char *path = path_of(0, "st");
    const rome99_tensor *t;
    rome99_safetensors *st;
    put_st(path,
           "{" T("odd", "F4", "[3]", "[1,3]") "," T("a", "U8", "[]", "[3,4]") "," T(
               "zero", "F64", "[0,9]", "[1,1]") "," T("b", "I8", "[1]", "[0,1]") ","
                                                                                 "\"__metadata__\":{}} \n ",
           4);
    if (rome99_safetensors_read(&st, path, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    t = rome99_safetensors_find(st, "odd");
    CHECK(t != NULL && t->dtype == ROME99_ST_OTHER && t->data == NULL && t->shape[0] == 3,
          "an unknown dtype");
    CHECK(rome99_safetensors_require(&t, st, "odd", &e) == -1 &&
              strstr(e.text, "st: tensor 'odd' has a dtype") != NULL,
          "got '%s'", e.text);
    t = rome99_safetensors_find(st, "zero");
    CHECK(t != NULL && t->data != NULL && t->count == 0 && t->shape[1] == 9, "an empty tensor");
    t = rome99_safetensors_find(st, "a");
    CHECK(t != NULL && *(const unsigned char *)t->data == 3, "a tensor given out of order");
    rome99_safetensors_free(st);
    remove(path);
}

/* The header alone: from the front of a file, and from no more of it than `front` says. */
static void test_st_parse(void) {
    static const char whole[] = "\x98\0\0\0\0\0\0\0" ST_HEADER "\0\0\x80\x3F\0\0\0\xC0\xFE\xFF";
    const size_t size = sizeof whole - 1, front = size - 10;
    const unsigned char *bytes = (const unsigned char *)whole;
    const rome99_tensor *t;
    rome99_safetensors *st;
    size_t n;
    for (n = 0; n < front; n++) {
        unsigned char *part = malloc(n + 1);
        if (part == NULL) exit(2);
        memcpy(part, whole, n);
        CHECK(rome99_safetensors_front(part, n) == (n < 8 ? 8 : front), "%zu bytes at hand: front %zu", n,
              rome99_safetensors_front(part, n));
        CHECK(rome99_safetensors_parse(&st, "here", part, n, size, &e) == -1 && !strncmp(e.text, "here: ", 6),
              "%zu bytes at hand: got '%s'", n, e.text);
        free(part);
    }
    for (n = front; n <= size + 1; n++) {
        const int failed = rome99_safetensors_parse(&st, "here", bytes, front, n, &e);
        CHECK(failed == (n == size ? 0 : -1), "a file of %zu bytes, not %zu", n, size);
        CHECK(n == size ||
                  !strcmp(e.text, n < size
                                      ? "here: ends before the 10 bytes of data that its header tells of"
                                      : "here: goes on after the 10 bytes of data that its header tells of"),
              "got '%s'", e.text);
        if (failed) continue;
        t = rome99_safetensors_find(st, "\"\xC3\xA9");
        CHECK(t != NULL && t->data == NULL && t->dtype == ROME99_ST_I16 && t->count == 1 &&
                  rome99_safetensors_place(st, t) == front + 8,
              "the scalar");
        t = rome99_safetensors_find(st, "wte.");
        CHECK(t != NULL && t->data == NULL && t->count == 2 && rome99_safetensors_place(st, t) == front,
              "the matrix");
        rome99_safetensors_free(st);
    }
}

/* A file cut at every byte, one a byte too long, and thousands with damaged bytes. */
static void test_st_damaged(void) {
    static const char whole[] = "\x98\0\0\0\0\0\0\0" ST_HEADER "\0\0\x80\x3F\0\0\0\xC0\xFE\xFF";
    const size_t size = sizeof whole - 1;
    const char *path = path_of(0, "st");
    char bytes[sizeof whole];
    rome99_safetensors *st;
    size_t i, j, refused = 0;
    for (i = 0; i <= size + 1; i++) {
        put_file(path, whole, i);
        if (i == size) continue;
        CHECK(rome99_safetensors_read(&st, path, &e) == -1 && strstr(e.text, "/st:") != NULL,
              "accepted with %zu of %zu bytes, or no name in '%s'", i, size, e.text);
    }
    put_file(path, whole, 7);
    CHECK(rome99_safetensors_read(&st, path, &e) == -1 && strstr(e.text, "no safetensors file"), "got '%s'",
          e.text);
    put_file(path, "\x01\xE1\xF5\x05\0\0\0\0{}", 10); /* 100,000,001 */
    CHECK(rome99_safetensors_read(&st, path, &e) == -1 && strstr(e.text, "no safetensors file"), "got '%s'",
          e.text);
    put_file(path, "\0\xE1\xF5\x05\0\0\0\0{}", 10);
    CHECK(rome99_safetensors_read(&st, path, &e) == -1 &&
              strstr(e.text, "ends after 2 of the 100000000 bytes of its header"),
          "got '%s'", e.text);
    for (i = 0; i < 3000; i++) {
        memcpy(bytes, whole, size);
        for (j = random_bits() % 3 + 1; j-- > 0;)
            bytes[8 + random_bits() % (size - 18)] = "{}[]\",:0123456789 a\\"[random_bits() % 20];
        put_file(path, bytes, size);
        if (rome99_safetensors_read(&st, path, &e) == 0)
            rome99_safetensors_free(st);
        else
            refused++;
    }
    CHECK(refused > 1000 && refused < 3000, "%zu of 3000 damaged files refused", refused);
    remove(path);
}

/* npy */

/* A .npy file in static memory: header and 8 n bytes, the last byte of each eight 0x40, so that the
   little-endian doubles are 2, and the floats 0 and 2 in turn. */
static size_t make_npy(unsigned char **bytes, int version, const char *header, size_t n) {
    static unsigned char buffer[4096];
    size_t length = strlen(header), start = version == 1 ? 10 : 12, i;
    memset(buffer, 0, sizeof buffer);
    memcpy(buffer, "\x93NUMPY", 6);
    buffer[6] = (unsigned char)version;
    buffer[8] = (unsigned char)(length & 0xFF);
    buffer[9] = (unsigned char)(length >> 8);
    memcpy(buffer + start, header, length);
    for (i = 0; i < n; i++) buffer[start + length + i] = (unsigned char)(i % 8 == 7 ? 0x40 : 0);
    *bytes = buffer;
    return start + length + n;
}

static void test_npy_bytes(void) {
    static const double x[6] = {1.0, -2.0, 0.0, -0.0, 1e300, 4.9406564584124654e-324};
    static const char expected[] =
        "\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
        "                                                          \n"
        "\0\0\0\0\0\0\xF0\x3F"
        "\0\0\0\0\0\0\0\xC0"
        "\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\x80"
        "\x9C\x75\0\x88\x3C\xE4\x37\x7E"
        "\1\0\0\0\0\0\0";
    const char *path = path_of(0, "npy");
    double *y;
    size_t rows, cols;
    put_file(path, expected, sizeof expected);
    CHECK(rome99_npy_read(&y, &rows, &cols, path, &e) == 0, "%s", e.text);
    CHECK(rows == 2 && cols == 3 && !memcmp(x, y, sizeof x), "what numpy.save wrote");
    free(y);
    remove(path);
    CHECK(rome99_npy_read(&y, &rows, &cols, path, &e) == -1, "a missing file");
    CHECK(strstr(e.text, "npy: cannot open") != NULL, "got '%s'", e.text);
}

/* The numbers 1 to 6 as the four dtypes, in both orders. */
static void test_npy_values(void) {
    static const unsigned char f4[6][2] = {{0x3F, 0x80}, {0x40, 0},    {0x40, 0x40},
                                           {0x40, 0x80}, {0x40, 0xA0}, {0x40, 0xC0}};
    static const unsigned char f8[6][2] = {{0x3F, 0xF0}, {0x40, 0},    {0x40, 8},
                                           {0x40, 0x10}, {0x40, 0x14}, {0x40, 0x18}};
    int kind;
    for (kind = 0; kind < 24; kind++) {
        size_t element = kind & 1 ? 8 : 4, rows, cols, size, i;
        int big = kind >> 1 & 1, fortran = kind >> 2 & 1, version = 1 + kind / 8;
        unsigned char *bytes;
        double *x;
        char header[128];
        snprintf(header, sizeof header, "{'shape': (2, 3,),'fortran_order': %s, 'descr':'%cf%zu' }  \n",
                 fortran ? "True" : "False", big ? '>' : '<', element);
        size = make_npy(&bytes, version, header, 6 * element);
        for (i = 0; i < 6; i++) {
            const unsigned char *head = element == 8 ? f8[i] : f4[i];
            unsigned char *p = bytes + size - (6 - i) * element;
            memset(p, 0, element);
            p[big ? 0 : element - 1] = head[0];
            p[big ? 1 : element - 2] = head[1];
        }
        if (rome99_npy_parse(&x, &rows, &cols, bytes, size, 0, "memory", &e) != 0) {
            CHECK(0, "%s: %s", header, e.text);
            continue;
        }
        CHECK(rows == 2 && cols == 3, "%s: %zu x %zu", header, rows, cols);
        for (i = 0; i < 6; i++) {
            double want = fortran ? (double)(1 + i % 3 * 2 + i / 3) : (double)(1 + i);
            CHECK_LE(fabs(x[i] - want), 0.0, header);
        }
        free(x);
    }
}

#define D(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static void test_npy_headers(void) {
    static const struct {
        const char *header, *want; /* want: NULL where it is right, "" where SIZE_MAX decides */
        size_t size;
    } cases[] = {
        {D("'<f8'", "False", "(2, 1)"), NULL, 16},
        {D("'<f8'", "True", "(2,)"), NULL, 16},
        {D("'<f8'", "False", "(0, 99)"), NULL, 0},
        {D("'<f8'", "False", "(99999999, 0)"), NULL, 0},
        {"{'descr':'<f8','fortran_order':False,'shape':(1,2)}", NULL, 16},
        {D("'<f8'", "False", "(2, 1)"), "15 bytes of elements, not 2 x 1 x 8", 15},
        {D("'<f8'", "False", "(2, 1)"), "17 bytes of elements, not 2 x 1 x 8", 17},
        {D("'<i8'", "False", "(2, 1)"), "no floats of 4 or 8 bytes", 16},
        {D("'|O'", "False", "(2, 1)"), "no floats of 4 or 8 bytes", 16},
        {D("[('x', '<f8')]", "False", "(2, 1)"), "only strings, True, False and tuples like (2,)", 16},
        {D("'<f8'", "0", "(2, 1)"), "must be true or false", 16},
        {D("'<f8'", "False", "()"), "only strings, True, False and tuples like (2,)", 8},
        {D("'<f8'", "False", "(2)"), "only strings, True, False and tuples like (2,)", 16},
        {D("'<f8'", "False", "(,)"), "no size or too large a shape", 16},
        {D("'<f8'", "False", "(1 2)"), "only strings, True, False and tuples like (2,)", 16},
        {D("'<f8'", "False", "(1, 1, 2)"), "\"shape\" has more than 2 numbers", 16},
        {D("'<f8'", "False", "(-2, -1)"), "must be a whole number", 16},
        {D("'<f8'", "False", "[2, 1]"), "only strings, True, False and tuples like (2,)", 16},
        {D("'<f8'", "False", "(2, 1"), "expected ',' or ']'", 16},
        {D("'<f8'", "False", "(18446744073709551617, 1)"), "must be a whole number", 8},
        {D("'<f8'", "False", "(4294967296, 4294967296)"), "", 0},
        {D("'<f8'", "False", "(1, 2305843009213693952)"), "", 0},
        {D("'<f8'", "False", "(2, 1)") "x", "expected the end", 16},
        {"{'descr': '<f8', 'fortran_order': False}", "\"shape\" is missing", 16},
        {"{'descr': '<f8', 'descr': '<f8', 'shape': (2,)}", "is there twice", 16},
        {"{'descr': '<f8' 'fortran_order': False, 'shape': (2,)}", "expected ',' or '}'", 16},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': 1}",
         "more than 'descr', 'fortran_order', 'shape'", 16},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)", "expected ',' or '}'", 0},
        {"['descr']", "only strings, True, False and tuples like (2,)", 16},
        {"'descr'", "must be an object", 16},
        {D("'<F8'", "False", "(2, 1)"), "no floats of 4 or 8 bytes", 16},
        {D("\"<f8\"", "False", "(2, 1)"), "only strings, True, False and tuples like (2,)", 16},
        {"", "expected a value", 16},
    };
    size_t i, rows, cols;
    unsigned char *bytes;
    double *x;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = make_npy(&bytes, 1, cases[i].header, cases[i].size);
        unsigned char *exact = malloc(size);
        int failed;
        if (exact == NULL) exit(2);
        memcpy(exact, bytes, size);
        failed = rome99_npy_parse(&x, &rows, &cols, exact, size, 0, "here", &e) != 0;
        free(exact);
        CHECK(failed == (cases[i].want != NULL), "case %zu: %s: %s", i, cases[i].header,
              failed ? e.text : "accepted");
        CHECK(!failed || cases[i].want == NULL ||
                  (strstr(e.text, cases[i].want) != NULL && !strncmp(e.text, "here:", 5)),
              "%s: got '%s'", cases[i].header, e.text);
        if (!failed) free(x);
    }
}

/* Each prefix, in memory that ends with it, and damaged headers. */
static void test_npy_damaged(void) {
    unsigned char *bytes;
    size_t version, size, i, rows, cols, refused = 0;
    double *x;
    for (version = 0; version <= 4; version++) {
        size = make_npy(&bytes, (int)version, D("'<f8'", "False", "(2, 1)"), 16);
        for (i = 0; i <= size; i++) {
            unsigned char *part = malloc(i + (i == 0));
            int ok;
            if (part == NULL) exit(2);
            memcpy(part, bytes, i);
            ok = rome99_npy_parse(&x, &rows, &cols, part, i, 0, "here", &e) == 0;
            CHECK(ok == (i == size && version >= 1 && version <= 3), "version %zu, %zu of %zu bytes", version,
                  i, size);
            CHECK(version < 1 || version > 3 || i < 10 || i >= size - 16 ||
                      !strcmp(e.text, "here: ends in the header"),
                  "%zu bytes: '%s'", i, e.text);
            if (ok) free(x);
            free(part);
        }
    }
    make_npy(&bytes, 1, D("'<f8'", "False", "(2, 1)"), 16);
    bytes[7] = 1;
    CHECK(rome99_npy_parse(&x, &rows, &cols, bytes, size, 0, "here", &e) == -1 && strstr(e.text, "version 1.1"),
          "got '%s'", e.text);
    for (i = 0; i < 20000; i++) {
        size = make_npy(&bytes, 1, D("'<f8'", "False", "(2, 1)"), 16);
        bytes[random_bits() % (size - 16)] = (unsigned char)random_bits();
        bytes[10 + random_bits() % (size - 26)] = (unsigned char)"{}(),:' 0123456789\n"[random_bits() % 19];
        if (rome99_npy_parse(&x, &rows, &cols, bytes, size, 0, "here", &e) == 0)
            free(x);
        else
            refused++;
    }
    CHECK(refused > 10000 && refused < 20000, "%zu of 20000 damaged headers refused", refused);
}

int main(int argc, char **argv) {
    char *own = rome99_path(argc > 1 ? argv[1] : "build/tmp", "files");
    char *temporary = NULL;
    if (own == NULL) return 2;
    has_directories = rome99_dir_begin(&temporary, own, &e) == 0;
    dir = has_directories ? temporary : argc > 1 ? argv[1] : "build/tmp";
    test_fail();
    test_text();
    test_path();
    test_read();
    test_write();
    test_append();
    test_swap();
    if (has_directories) test_directory();
    test_st_bytes();
    test_st_dtypes();
    test_st_round_trip();
    test_st_find();
    test_st_refuses();
    test_st_accepts();
    test_st_parse();
    test_st_damaged();
    test_npy_bytes();
    test_npy_values();
    test_npy_headers();
    test_npy_damaged();
    if (has_directories) {
        CHECK(remove(temporary) == 0, "%s: something is left behind", temporary);
        rome99_dir_abandon(temporary);
    }
    free(own);
    return test_end();
}
