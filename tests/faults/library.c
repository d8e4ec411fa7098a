/* library.c: functions of ref/files and ref/edit, called until each of their allocations, of their calls
   of files and of their writes fails once: they say so, give everything back, and leave what was there.
   Linked with faults.h's layer. Run from the repository's top; writes below the directory argv[1] only. */
#include "core/rome99.h"
#include "edit/edit.h"
#include "files/npy.h"
#include "files/npz.h"
#include "files/safetensors.h"
#include "faults.h"
#include "../test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static rome99_error e;
static char path[1024], folder[1024]; /* a file and a folder, to be written */

/* --------------------------------------------------------------------------- the harness */

typedef struct {
    const char *name;
    void (*prepare)(void);     /* before each call; may be NULL */
    int (*call)(void);         /* 0, or -1 with e set */
    void (*check)(int failed); /* what is there afterwards; may be NULL */
    size_t spared;             /* allocations that it can do without */
} attempt;

/* One call with the n-th call of that kind failing. Returns 1 if it was done, 2 if it failed,
 * 0 if there were fewer calls. */
static int try_once(const attempt *a, rome99_fault_kind kind, size_t n, int sticky) {
    size_t blocks, streams, calls;
    int failed;
    if (a->prepare) a->prepare();
    blocks = rome99_fault_blocks();
    streams = rome99_fault_streams();
    strcpy(e.text, "-");
    rome99_fault_set(kind, n, sticky);
    failed = a->call();
    calls = rome99_fault_count(kind);
    rome99_fault_clear();
    CHECK(rome99_fault_blocks() == blocks && rome99_fault_streams() == streams,
          "%s, kind %d, fault %lu: %ld blocks, %ld streams are not given back", a->name, (int)kind,
          (unsigned long)n, (long)(rome99_fault_blocks() - blocks), (long)(rome99_fault_streams() - streams));
    CHECK(failed == 0 || (failed == -1 && calls >= n && strcmp(e.text, "-") != 0),
          "%s, kind %d, fault %lu: returns %d, \"%s\"", a->name, (int)kind, (unsigned long)n, failed, e.text);
    CHECK(failed == 0 || kind != ROME99_FAULT_MEMORY || strstr(e.text, "memory"),
          "%s, allocation %lu: \"%s\"", a->name, (unsigned long)n, e.text);
    if (a->check) a->check(failed);
    return calls < n ? 0 : failed == 0 ? 1 : 2;
}

static void try_all(const attempt *a) {
    static const rome99_fault_kind kinds[] = {ROME99_FAULT_MEMORY, ROME99_FAULT_IO, ROME99_FAULT_SHORT};
    size_t k, n, done;
    int result;
    for (k = 0; k < 3; k++) {
        for (n = 1, done = 0; n < 10000 && (result = try_once(a, kinds[k], n, 0)) != 0; n++)
            done += result == 1;
        CHECK(n < 10000, "%s, kind %d: no end", a->name, (int)kinds[k]);
        CHECK(k > 0 || done == a->spared, "%s: done without %lu allocations, expected %lu", a->name,
              (unsigned long)done, (unsigned long)a->spared);
        CHECK(kinds[k] != ROME99_FAULT_SHORT || done == 0, "%s: done with %lu writes cut short", a->name,
              (unsigned long)done);
    }
    result = try_once(a, ROME99_FAULT_MEMORY, 1, 1);
    CHECK(result != 1, "%s: done without any memory", a->name);
}

/* --------------------------------------------------------------------------- what is there */

static unsigned char old[10000], new[9000]; /* contents of the file */

static void put(const char *at, const void *bytes, size_t size) {
    FILE *f = fopen(at, "wb");
    CHECK(f != NULL && fwrite(bytes, 1, size, f) == size, "%s: cannot be written", at);
    if (f) fclose(f);
}

/* 1 if the file holds these bytes, and nothing is beside it. */
static int holds(const void *bytes, size_t size) {
    static unsigned char got[20000];
    char temporary[1100];
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(got, 1, sizeof got, f) : 0;
    if (f) fclose(f);
    sprintf(temporary, "%s.tmp-0", path);
    return f != NULL && n == size && memcmp(got, bytes, size) == 0 && !rome99_exists(temporary);
}

static void put_old(void) { put(path, old, sizeof old); }
static void put_nothing(void) { (void)remove(path); }

static void old_or_new(int failed) {
    CHECK(failed ? holds(old, sizeof old) : holds(new, sizeof new), "write: %s is neither old nor new", path);
}

static void none_or_new(int failed) {
    CHECK(failed ? !rome99_exists(path) : holds(new, sizeof new), "write: %s is there in part", path);
}

/* ---------------------------------------------------------------------------------- files */

static int read_file(void) {
    unsigned char *data;
    size_t size;
    if (rome99_read_file(&data, &size, path, &e)) return -1;
    CHECK(size == sizeof old && memcmp(data, old, size) == 0, "read: %lu bytes", (unsigned long)size);
    free(data);
    return 0;
}

static int write_file(void) {
    const rome99_piece pieces[] = {{new, 4096, 8}, {new + 4096, sizeof new - 4096, 1}};
    return rome99_write_pieces(path, pieces, 2, &e);
}

/* A pipe stands for all devices: where one is taken for something else, a file of this test is lost, not
   one of the system's. */
static char pipe_path[1024];
static int pipe_end = -1;

static void put_pipe(void) {
    if (pipe_end >= 0) close(pipe_end);
    (void)remove(pipe_path);
    pipe_end = mkfifo(pipe_path, 0600) == 0 ? open(pipe_path, O_RDONLY | O_NONBLOCK) : -1;
    CHECK(pipe_end >= 0, "%s: no pipe", pipe_path);
}

static int write_pipe(void) { return rome99_write_file(pipe_path, old, sizeof old, &e); }

static void still_a_pipe(int failed) {
    static unsigned char got[sizeof old + 1];
    struct stat s;
    const int there = stat(pipe_path, &s) == 0;
    const ssize_t n = read(pipe_end, got, sizeof got);
    CHECK(there && S_ISFIFO(s.st_mode), "%s: a file is in the place of the pipe", pipe_path);
    CHECK(failed || (n == (ssize_t)sizeof old && memcmp(got, old, sizeof old) == 0), "pipe: %ld bytes",
          (long)n);
}

static int append(void) { return rome99_append_file(path, new, sizeof new, &e); }

/* Nothing is lost; of what is appended there may be a part. */
static void old_first(int failed) {
    static unsigned char got[sizeof old + sizeof new + 1];
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(got, 1, sizeof got, f) : 0;
    if (f) fclose(f);
    CHECK(n >= sizeof old && memcmp(got, old, sizeof old) == 0, "append: %lu bytes are left",
          (unsigned long)n);
    CHECK(failed || (n == sizeof old + sizeof new &&memcmp(got + sizeof old, new, sizeof new) == 0),
          "append: %lu bytes", (unsigned long)n);
}

/* A folder with a file in it; abandoned where that fails. */
static int make_folder(void) {
    char *temporary, *file;
    int failed;
    if (rome99_dir_begin(&temporary, folder, &e)) return -1;
    file = rome99_path(temporary, "file");
    failed = file ? rome99_write_file(file, "in it", 5, &e) : rome99_fail(&e, NULL, "out of memory");
    free(file);
    if (!failed) return rome99_dir_commit(temporary, folder, &e);
    rome99_dir_abandon(temporary);
    return -1;
}

static void whole_or_none(int failed) {
    char *file = rome99_path(folder, "file");
    CHECK(rome99_exists(folder) == !failed && rome99_exists(file) == !failed, "%s is there in part", folder);
    (void)remove(file);
    (void)remove(folder);
    free(file);
}

static int read_json(void) {
    rome99_json *doc;
    if (rome99_json_read(&doc, "tests/upstream/cases.json", &e)) return -1;
    rome99_json_free(doc);
    return 0;
}

static int tokenize(void) {
    rome99_bpe *bpe;
    int32_t *ids;
    size_t *ends, n;
    static const char text[] = "Paris is the capital of France.";
    int failed;
    if (rome99_bpe_read(&bpe, "tests/upstream/model/vocab.json", "tests/upstream/model/merges.txt", &e))
        return -1;
    failed = rome99_bpe_encode(&ids, &ends, &n, bpe, (const unsigned char *)text, sizeof text - 1, &e);
    if (!failed) {
        CHECK(n > 0 && ends[n - 1] == sizeof text - 1, "%lu tokens", (unsigned long)n);
        free(ids);
        free(ends);
    }
    rome99_bpe_free(bpe);
    return failed;
}

static int write_tensors(void) {
    static const double x[2] = {1.0, -2.0};
    const rome99_tensor tensors[] = {{"a", ROME99_ST_F64, 2, {1, 2}, x, 2},
                                     {"b", ROME99_ST_F64, 0, {0}, x, 1}};
    return rome99_safetensors_write(path, tensors, 2, &e);
}

static void put_tensors(void) { CHECK(write_tensors() == 0, "%s", e.text); }

static int read_tensors(void) {
    rome99_safetensors *st;
    if (rome99_safetensors_read(&st, path, &e)) return -1;
    CHECK(rome99_safetensors_count(st) == 2, "%lu tensors", (unsigned long)rome99_safetensors_count(st));
    rome99_safetensors_free(st);
    return 0;
}

static int read_npy(void) {
    double *x;
    size_t rows, cols;
    if (rome99_npy_read(&x, &rows, &cols, "tests/upstream/cov_l1.npy", &e)) return -1;
    CHECK(rows == 128 && cols == 128, "%lu x %lu", (unsigned long)rows, (unsigned long)cols);
    free(x);
    return 0;
}

static int read_npz(void) {
    rome99_npz z;
    if (rome99_npz_read(&z, "tests/released/mom2.npz", &e)) return -1;
    CHECK(z.count > 0, "no arrays");
    rome99_npz_free(&z);
    return 0;
}

/* Where large pages are refused, small ones do; without any memory, NULL. */
static void test_allocate(void) {
    unsigned char *p;
    int sticky;
    for (sticky = 0; sticky < 2; sticky++) {
        rome99_fault_set(ROME99_FAULT_MEMORY, 1, sticky);
        p = rome99_allocate((size_t)3 << 20);
        rome99_fault_clear();
        CHECK((p == NULL) == sticky, "allocate: %s", p ? "memory from nowhere" : "gives up at large pages");
        if (p) memset(p, 1, (size_t)3 << 20);
        free(p);
    }
    rome99_fault_set(ROME99_FAULT_MEMORY, 1, 1);
    CHECK(rome99_allocate(SIZE_MAX) == NULL, "all of the memory there could be");
    rome99_fault_clear();
}

/* ----------------------------------------------------------------------------------- edit */

#define TEMPLATES "[\"{}\", \"The first thing. {}\"]"
#define REQUEST   "{\"prompt\": \"{} is\", \"subject\": \"Paris\", \"target_new\": {\"str\": \"Italy\"}}"
#define SENTENCE  "Paris is the capital of France.\n"
static char templates[1024], request[1024], sentences[1024];

/* Whatever it did without, the result is that of the first time. */
static int same_result(const rome99_edit *edit, const rome99_setup *setup) {
    static char first[2048];
    rome99_text text = {0};
    rome99_edit_members(&text, edit, setup);
    if (text.failed) {
        rome99_text_free(&text);
        return rome99_fail(&e, NULL, "out of memory");
    }
    if (first[0] == '\0') sprintf(first, "%.2047s", text.bytes);
    CHECK(strcmp(first, text.bytes) == 0, "edit: another result:\n%s\n%s", first, text.bytes);
    rome99_text_free(&text);
    return 0;
}

static int edit(void) {
    const char *chosen[ROME99_CHOICES] = {NULL};
    rome99_setup setup;
    rome99_asks asks;
    rome99_edit edit;
    int failed;
    chosen[ROME99_O_LAYER] = "1";
    chosen[ROME99_O_TEMPLATES] = chosen[ROME99_O_TEST_PREFIXES] = templates;
    chosen[ROME99_O_COV] = "tests/upstream/cov_l1.npy";
    chosen[ROME99_O_V_NUM_GRAD_STEPS] = "2";
    chosen[ROME99_O_SENTENCES] = chosen[ROME99_O_TEXT] = sentences;
    if (rome99_asks_read(&asks, request, &e)) return -1;
    failed = rome99_setup_read(&setup, "tests/upstream/model", chosen, 1, &e);
    if (!failed) {
        double *W1 = malloc(128 * 32 * sizeof *W1);
        failed = W1 ? rome99_edit_find(&edit, &setup, &setup.checkpoint.model, asks.item, ROME99_C_ROME, &e)
                    : rome99_fail(&e, NULL, "out of memory");
        if (!failed) {
            rome99_apply(W1, setup.checkpoint.model.w[ROME99_LAYER(1, ROME99_PROJ_W)], &edit.update, 128, 32);
            failed = rome99_edit_measure(&edit, &setup, &setup.checkpoint.model, W1, &e);
            if (!failed) failed = same_result(&edit, &setup);
            rome99_edit_free(&edit);
        }
        free(W1);
        rome99_setup_free(&setup);
    }
    rome99_asks_free(&asks);
    return failed;
}

static const attempt attempts[] = {
    {"read", put_old, read_file, NULL, 1}, /* grows if it cannot have the whole at once */
    {"write", put_old, write_file, old_or_new, 0},
    {"write a new one", put_nothing, write_file, none_or_new, 0},
    {"write to a pipe", put_pipe, write_pipe, still_a_pipe, 0},
    {"append", put_old, append, old_first, 0},
    {"make a folder", NULL, make_folder, whole_or_none, 0},
    {"JSON", NULL, read_json, NULL, 1},
    {"tokenizer", NULL, tokenize, NULL, 2},
    {"write safetensors", put_nothing, write_tensors, NULL, 0},
    {"read safetensors", put_tensors, read_tensors, NULL, 1},
    {"npy", NULL, read_npy, NULL, 1},
    {"npz", NULL, read_npz, NULL, 1},
    {"edit", NULL, edit, NULL, 13}, /* nine files, two caches of two pieces each */
};

int main(int argc, char **argv) {
    const char *top = argc > 1 ? argv[1] : "build/tmp";
    char text[1000];
    size_t i;
    sprintf(path, "%.900s/library-file", top);
    sprintf(folder, "%.900s/library-folder", top);
    sprintf(templates, "%.900s/library-templates", top);
    sprintf(request, "%.900s/library-request", top);
    sprintf(pipe_path, "%.900s/library-pipe", top);
    sprintf(sentences, "%.900s/library-sentences", top);
    for (i = 0; i < sizeof old; i++) old[i] = (unsigned char)(i * i);
    put(templates, TEMPLATES, strlen(TEMPLATES));
    put(request, REQUEST, strlen(REQUEST));
    for (i = 0; i < 12; i++) sprintf(text + i * strlen(SENTENCE), SENTENCE);
    put(sentences, text, strlen(text));
    for (i = 0; i < sizeof attempts / sizeof *attempts; i++) try_all(&attempts[i]);
    test_allocate();
    (void)remove(path);
    (void)remove(templates);
    (void)remove(request);
    (void)remove(sentences);
    close(pipe_end);
    (void)remove(pipe_path);
    return test_end();
}
