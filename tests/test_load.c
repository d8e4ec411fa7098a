/* test_load.c: folders as they are downloaded: shards with an index, names with or without "transformer.", buffers, a
 * head, every dtype; what is refused, with its message; progress; --save. The models are made up, the tokenizer is that
 * of tests/upstream. Writes only below the directory argv[1] ("build/tmp"). */
#include "edit/checkpoint.h"
#include "program/cli.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64, LARGE = 384 }; /* wte.weight of width LARGE is read in two pieces */
static char *dir; /* of the model: config.json, vocab.json, merges.txt, and what a test writes */
static rome99_error e;

/* ------------------------------------------------------------------------- made-up models */

/* What a folder should hold. */
typedef struct {
    rome99_shape shape;
    size_t n, weights;          /* tensors; the first are the weights, in the order of the core */
    rome99_tensor tensor[MOST]; /* data: malloc'ed */
    char name[MOST][100];
} folder;

static uint32_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* Adds a tensor; floats are from 1/16 to 1/8, of either sign. */
static void add(folder *f, const char *name, rome99_st_dtype dtype, size_t rank, size_t rows, size_t cols) {
    static const uint64_t mask[] = {0x800FFFFFFFFFFFFF, 0x807FFFFF, 0x83FF, 0x807F},
                          exponent[] = {0x3FB0000000000000, 0x3D800000, 0x2C00, 0x3D80};
    const size_t element = rome99_st_dtype_size(dtype), count = rank == 1 ? cols : rows * cols;
    unsigned char *bytes = malloc(count * element + 1), *p = bytes;
    size_t i;
    if (bytes == NULL || f->n == MOST) exit(2);
    for (i = 0; i < count; i++, p += element) {
        uint64_t x = (uint64_t)random_bits() << 32 | random_bits();
        if (dtype <= ROME99_ST_BF16) x = (x & mask[dtype]) | exponent[dtype];
        if (element == 8) memcpy(p, &x, 8);
        if (element == 4) memcpy(p, &(uint32_t){(uint32_t)x}, 4);
        if (element == 2) memcpy(p, &(uint16_t){(uint16_t)x}, 2);
        if (element == 1) *p = (unsigned char)(x & 1);
    }
    snprintf(f->name[f->n], sizeof f->name[0], "%s", name);
    f->tensor[f->n] = (rome99_tensor){
        f->name[f->n], dtype, rank, {rank == 1 ? cols : rows, rank == 1 ? 0 : cols}, bytes, count};
    f->n++;
}

/* dtype of weight i: dtypes[i % how_many]. prefixed: 0, 1, or 2 for every other name. */
static void make(folder *f, size_t D, size_t L, const rome99_st_dtype *dtypes, size_t how_many,
                 int prefixed) {
    size_t i;
    memset(f, 0, sizeof *f);
    f->shape = (rome99_shape){802, 8, D, 4 * D, L, 2, 1e-5};
    for (i = 0; i < rome99_tensor_count(&f->shape); i++) {
        const rome99_tensor_info info = rome99_describe(&f->shape, i);
        char name[200], layer[32] = "";
        if (i >= ROME99_GLOBALS) sprintf(layer, "h.%zu.", (i - ROME99_GLOBALS) / ROME99_PER_LAYER);
        sprintf(name, "%s%s%.60s", prefixed == 1 || (prefixed == 2 && i % 2) ? "transformer." : "", layer,
                info.name);
        add(f, name, dtypes[i % how_many], info.is_vector ? 1 : 2, info.rows, info.cols);
    }
    f->weights = f->n;
}

static void make_plain(folder *f) {
    static const rome99_st_dtype dtype = ROME99_ST_F32;
    make(f, 8, 2, &dtype, 1, 1);
}

static void free_folder(folder *f) {
    size_t i;
    for (i = 0; i < f->n; i++) free((void *)(size_t)f->tensor[i].data);
}

/* ------------------------------------------------------------------------------- files */

static const char *path_of(const char *name) {
    static char paths[2][1024];
    static int slot;
    slot = !slot;
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", dir, name);
    return paths[slot];
}

static void put_file(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size, "%s: cannot be written", name);
    if (file != NULL) fclose(file);
}

static void put_text(const char *name, const char *text) { put_file(name, text, strlen(text)); }

static void put_config(const rome99_shape *s) {
    char text[512];
    sprintf(text,
            "{\"model_type\": \"gpt2\", \"vocab_size\": %zu, \"n_positions\": %zu, \"n_embd\": %zu, "
            "\"n_layer\": %zu, "
            "\"n_head\": %zu}",
            s->V, s->T, s->D, s->L, s->H);
    put_text("config.json", text);
}

/* Leaves only the tokenizer. */
static void clear(void) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "1.safetensors",     "2.safetensors",
                                        "3.safetensors",     "config.json"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) remove(path_of(names[i]));
}

/* Tensors first, first + step ... */
static void put_tensors(const char *name, const folder *f, size_t first, size_t step) {
    rome99_tensor list[MOST];
    size_t i, n = 0;
    for (i = first; i < f->n; i += step) list[n++] = f->tensor[i];
    CHECK(rome99_safetensors_write(path_of(name), list, n, &e) == 0, "%s", e.text);
}

static void put_single(const folder *f) {
    clear();
    put_config(&f->shape);
    put_tensors("model.safetensors", f, 0, 1);
}

/* Tensor i goes to shard i % shards + 1. */
static void put_shards(const folder *f, size_t shards) {
    rome99_text index = {0};
    size_t i;
    clear();
    put_config(&f->shape);
    rome99_text_puts(&index, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {");
    for (i = 0; i < f->n; i++)
        rome99_text_printf(&index, "%s\n\"%s\": \"%zu.safetensors\"", i ? "," : "", f->tensor[i].name,
                           i % shards + 1);
    rome99_text_puts(&index, "}}\n");
    put_file("model.safetensors.index.json", index.bytes, index.size);
    rome99_text_free(&index);
    for (i = 0; i < shards; i++) {
        char name[64];
        sprintf(name, "%zu.safetensors", i + 1);
        put_tensors(name, f, i, shards);
    }
}

/* Replaces `from`, which must be there, by `to` in a file. */
static void replace(const char *name, const char *from, const char *to) {
    rome99_text text = {0};
    unsigned char *bytes;
    size_t size, i, n = strlen(from);
    int found = 0;
    if (rome99_read_file(&bytes, &size, path_of(name), &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < size; i++)
        if (!found && size - i >= n && memcmp(bytes + i, from, n) == 0) {
            rome99_text_puts(&text, to);
            i += n - 1;
            found = 1;
        } else {
            rome99_text_put(&text, bytes + i, 1);
        }
    CHECK(found, "%s: no '%s' in it", name, from);
    put_file(name, text.bytes, text.size);
    rome99_text_free(&text);
    free(bytes);
}

/* Cuts a file to `size` bytes, or by -size from the end. */
static void cut(const char *name, long size) {
    unsigned char *bytes;
    size_t have;
    if (rome99_read_file(&bytes, &have, path_of(name), &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    put_file(name, bytes, size < 0 ? have - (size_t)-size : (size_t)size);
    free(bytes);
}

/* ----------------------------------------------------------------------------- checking */

/* The folder is read, and every weight has the type and the bytes of the model. */
static void loads(const folder *f, const char *what) {
    rome99_checkpoint c;
    size_t i;
    if (rome99_checkpoint_read(&c, dir, &e)) {
        CHECK(0, "%s: %s", what, e.text);
        return;
    }
    for (i = 0; i < f->weights; i++) {
        const rome99_tensor *t = &f->tensor[i];
        const rome99_weight *w = &c.model.w[i];
        CHECK((int)w->dtype == (int)t->dtype, "%s: %s has dtype %d, not %d", what, t->name, (int)w->dtype,
              (int)t->dtype);
        CHECK((int)w->dtype != (int)t->dtype ||
                  memcmp(w->data, t->data, t->count * rome99_dtype_size(w->dtype)) == 0,
              "%s: %s has other bits", what, t->name);
        CHECK((size_t)w->data % rome99_dtype_size(w->dtype) == 0, "%s: %s is not aligned", what, t->name);
    }
    rome99_checkpoint_free(&c);
}

/* The folder is refused with "DIR/FILE" and exactly what follows that. */
static void refused(const char *what, const char *file, const char *message) {
    rome99_checkpoint c;
    char wanted[1024];
    snprintf(wanted, sizeof wanted, "%s%s", path_of(file), message);
    if (rome99_checkpoint_read(&c, dir, &e) == 0) {
        CHECK(0, "%s: accepted", what);
        rome99_checkpoint_free(&c);
    } else {
        CHECK(strcmp(e.text, wanted) == 0, "%s: got '%s', expected '%s'", what, e.text, wanted);
    }
}

/* Each dtype in all weights, then all of them mixed; names of each kind; one file, one shard, several. */
static void test_forms(void) {
    static const rome99_st_dtype all[] = {ROME99_ST_F32, ROME99_ST_F16, ROME99_ST_BF16, ROME99_ST_F64};
    static const char *const names[] = {"names without prefix", "names with prefix", "mixed names"};
    size_t i, shards;
    folder f;
    for (i = 0; i < 5; i++) {
        make(&f, 8, 2, all + i % 4, i < 4 ? 1 : 4, (int)(i % 3));
        for (shards = 0; shards <= 3; shards++) {
            char what[100];
            sprintf(what, "%s, %s, %zu shards", names[i % 3],
                    i < 4 ? rome99_st_dtype_name(all[i]) : "all dtypes", shards);
            if (shards == 0) put_single(&f);
            if (shards > 0) put_shards(&f, shards);
            loads(&f, what);
        }
        free_folder(&f);
    }
}

/* What old checkpoints have besides, of any dtype, also one that this reader does not know. */
static void test_buffers(void) {
    static const rome99_st_dtype dtypes[] = {ROME99_ST_U8, ROME99_ST_BOOL, ROME99_ST_F32, ROME99_ST_I64,
                                             ROME99_ST_F16};
    size_t i;
    folder f;
    make_plain(&f);
    for (i = 0; i < 5; i++) {
        f.n = f.weights;
        add(&f, "transformer.h.0.attn.bias", dtypes[i], 2, 8, 8);
        add(&f, "h.1.attn.bias", dtypes[i], 1, 0, 3);
        add(&f, "transformer.h.1.attn.masked_bias", dtypes[(i + 1) % 5], 1, 0, 1);
        put_single(&f);
        loads(&f, "buffers");
        put_shards(&f, 2);
        loads(&f, "buffers in shards");
        while (f.n > f.weights) free((void *)(size_t)f.tensor[--f.n].data);
    }
    add(&f, "h.0.attn.bias", ROME99_ST_U8, 2, 8, 8);
    put_single(&f);
    replace("model.safetensors", "\"U8\"", "\"Q8\"");
    loads(&f, "a buffer of unknown dtype");
    replace("model.safetensors", "h.0.attn.bias", "h.0.attn.blas");
    refused("no buffer", "model.safetensors", ": there are 1 tensors that a GPT-2 of 2 layers does not have");
    free_folder(&f);
}

/* lm_head.weight, the last of the folder, is the first tensor again, `spoilt` or not. */
static void add_head(folder *f, rome99_st_dtype dtype, int spoilt) {
    const rome99_tensor *wte = &f->tensor[ROME99_WTE];
    const size_t bytes = wte->count * rome99_st_dtype_size(wte->dtype);
    unsigned char *data;
    add(f, "lm_head.weight", dtype, 2, wte->shape[0], wte->shape[1]);
    data = (unsigned char *)(size_t)f->tensor[f->n - 1].data;
    if (dtype != wte->dtype) return;
    memcpy(data, wte->data, bytes);
    if (spoilt) data[bytes - 1] ^= 1;
}

static void test_head(void) {
    static const rome99_st_dtype mixed[] = {ROME99_ST_F32, ROME99_ST_F16, ROME99_ST_BF16};
    static const char message[] = ": not plain GPT-2: lm_head.weight is not wte.weight";
    size_t D, i;
    folder f;
    for (D = 8; D <= LARGE; D += LARGE - 8) {
        for (i = 0; i < 2; i++) {
            make(&f, D, 1, mixed, D == 8 ? 3 : 1, 1);
            add_head(&f, f.tensor[0].dtype, (int)i);
            put_single(&f);
            if (i == 0) loads(&f, "a head");
            if (i == 1) refused("another head", "model.safetensors", message);
            put_shards(&f, 2);
            if (i == 0) loads(&f, "a head in a shard");
            if (i == 1)
                refused("another head in a shard", f.n % 2 ? "1.safetensors" : "2.safetensors", message);
            free_folder(&f);
        }
    }
    make_plain(&f);
    add_head(&f, ROME99_ST_F16, 0);
    put_single(&f);
    refused("a head of another dtype", "model.safetensors", message);
    replace("model.safetensors", "\"F16\",\"shape\":[802,8]", "\"Q16\",\"shape\":[802,8]");
    refused("a head of unknown dtype", "model.safetensors", message);
    free((void *)(size_t)f.tensor[--f.n].data);
    add(&f, "lm_head.weight", ROME99_ST_F32, 2, 801, 8);
    put_single(&f);
    refused("a smaller head", "model.safetensors", message);
    free_folder(&f);
}

/* ----------------------------------------------------------------------------- refusals */

/* Two shards, of which wpe.weight is in the second, with an index that is spoilt. */
static void test_index(void) {
    static const struct {
        const char *what, *from, *to, *file, *message;
    } cases[] = {
        {"no object", "{\"metadata\"", "[{\"metadata\"", "model.safetensors.index.json",
         ":30:1: expected ',' or ']'"},
        {"no map", "weight_map", "weight_mop", "model.safetensors.index.json",
         ":1:1: \"weight_map\" is missing"},
        {"a map that is a string", "\"weight_map\": {", "\"weight_map\": \"\", \"more\": {",
         "model.safetensors.index.json", ":1:47: \"weight_map\" must be an object"},
        {"a number", "\"transformer.wpe.weight\": \"2.safetensors\"", "\"transformer.wpe.weight\": 2",
         "model.safetensors.index.json", ":3:27: \"weight_map\" must map names of tensors to names of files"},
#define NAMED(what, from, shown)                                                                             \
    {what, "\"transformer.wpe.weight\": \"2", "\"transformer.wpe.weight\": \"" from,                         \
     "model.safetensors.index.json",                                                                         \
     ":3:27: '" shown ".safetensors' is not the name of a .safetensors file in this folder"}
        NAMED("a path", "down/2", "down/2"),
        NAMED("a path upwards", "../2", "../2"),
        NAMED("an absolute path", "/tmp/2", "/tmp/2"),
        NAMED("a path of Windows", "down\\\\2", "down\\2"),
        NAMED("a drive", "C:2", "C:2"),
        NAMED("nothing else", "", ""),
#undef NAMED
        {"the folder above", "2.safetensors", "..", "model.safetensors.index.json",
         ":3:27: '..' is not the name of a .safetensors file in this folder"},
        {"standard input", "2.safetensors", "-", "model.safetensors.index.json",
         ":3:27: '-' is not the name of a .safetensors file in this folder"},
        {"a NUL", "2.safetensors", "2.safetensors\\u0000/x.safetensors", "model.safetensors.index.json",
         ":3:27: '2.safetensors' is not the name of a .safetensors file in this folder"},
        {"a NUL in a name", "wpe.weight", "wpe.weight\\u0000", "model.safetensors.index.json",
         ":3:1: the name of a tensor must not have a NUL in it"},
        {"a shard that lacks the tensor", "wpe.weight\": \"2", "wpe.weight\": \"1", "1.safetensors",
         ": has no tensor 'transformer.wpe.weight', which the index places there"},
        {"a tensor that is nowhere", "{\n\"transformer.wte", "{\"a\": \"2.safetensors\", \"transformer.wte",
         "2.safetensors", ": has no tensor 'a', which the index places there"},
        {"a tensor that is not in the index", "\n\"transformer.wpe.weight\": \"2.safetensors\",", "",
         "2.safetensors", ": has tensor 'transformer.wpe.weight', which the index does not place there"},
        {"a tensor twice", "\n\"transformer.wpe",
         "\n\"transformer.wpe.weight\": \"2.safetensors\", \"transformer.wpe", "model.safetensors.index.json",
         ": tensor 'transformer.wpe.weight' is there twice"},
        {"a tensor in two shards", "\n\"transformer.wpe",
         "\n\"transformer.wpe.weight\": \"1.safetensors\", \"transformer.wpe", "model.safetensors.index.json",
         ": tensor 'transformer.wpe.weight' is there twice"},
    };
    unsigned char *index;
    size_t size, i;
    folder f;
    make_plain(&f);
    put_shards(&f, 2);
    if (rome99_read_file(&index, &size, path_of("model.safetensors.index.json"), &e)) exit(2);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file("model.safetensors.index.json", index, size);
        replace("model.safetensors.index.json", cases[i].from, cases[i].to);
        refused(cases[i].what, cases[i].file, cases[i].message);
    }
    free(index);
    put_text("model.safetensors.index.json", "{\"weight_map\": {}}");
    refused("an empty map", "model.safetensors.index.json",
            ": fewer tensors than the 2 layers of config.json");
    put_text("model.safetensors.index.json", "[]");
    refused("an array", "model.safetensors.index.json", ":1:1: must be an object");
    put_single(&f);
    put_text("model.safetensors.index.json", "[]");
    loads(&f, "model.safetensors beside an index");
    free_folder(&f);
}

/* Sets the last element of tensor i to all ones, which is no number in any dtype. */
static void spoil(folder *f, size_t i) {
    const rome99_tensor *t = &f->tensor[i];
    const size_t element = rome99_st_dtype_size(t->dtype);
    memset((unsigned char *)(size_t)t->data + (t->count - 1) * element, 0xFF, element);
}

static void test_not_finite(void) {
    static const rome99_st_dtype dtypes[] = {ROME99_ST_F32, ROME99_ST_F16, ROME99_ST_BF16, ROME99_ST_F64};
    char message[200];
    size_t i;
    folder f;
    for (i = 0; i < 5; i++) {
        make(&f, i < 4 ? 8 : LARGE, 1, dtypes, 4, 1);
        spoil(&f, i % 4);
        sprintf(message, ": tensor %.100s: a weight is not finite", f.tensor[i % 4].name);
        put_single(&f);
        refused("not finite", "model.safetensors", message);
        put_shards(&f, 2);
        refused("not finite, in a shard", i % 2 && i < 4 ? "2.safetensors" : "1.safetensors", message);
        free_folder(&f);
    }
}

/* Files that are not there or not what they should be. */
static void test_files(void) {
    char *directory;
    folder f;
    make_plain(&f);
    clear();
    put_config(&f.shape);
    refused("neither file", "model.safetensors", ": is missing, and so is model.safetensors.index.json");
    put_shards(&f, 2);
    remove(path_of("2.safetensors"));
    refused("a shard that is missing", "2.safetensors", ": is missing");
    CHECK(rome99_dir_begin(&directory, path_of("2.safetensors"), &e) == 0 &&
              rome99_dir_commit(directory, path_of("2.safetensors"), &e) == 0,
          "%s", e.text);
    refused("a shard that is a directory", "2.safetensors", ": is no regular file");
    put_shards(&f, 2);
    cut("1.safetensors", -1);
    refused("a shard cut by a byte", "1.safetensors",
            ": ends before the 31968 bytes of data that its header tells of");
    put_shards(&f, 2);
    cut("2.safetensors", 500);
    refused("a shard cut in its header", "2.safetensors", ": ends after 492 of the 1216 bytes of its header");
    cut("2.safetensors", 7);
    refused("a shard of 7 bytes", "2.safetensors",
            ": no safetensors file: begins with no length of a header");
    cut("2.safetensors", 0);
    refused("an empty shard", "2.safetensors", ": no safetensors file: begins with no length of a header");
    put_file("2.safetensors", "\0\xE1\xF5\x05\0\0\0\0{}", 10);
    refused("a header larger than its file", "2.safetensors",
            ": ends after 2 of the 100000000 bytes of its header");
    put_file("2.safetensors", "\1\xE1\xF5\x05\0\0\0\0{}", 10);
    refused("a header of more than 100 MB", "2.safetensors",
            ": no safetensors file: begins with no length of a header");
    put_single(&f);
    cut("model.safetensors", -4);
    refused("cut by a number", "model.safetensors",
            ": ends before the 32960 bytes of data that its header tells of");
    free_folder(&f);
}

/* What a folder lacks, has in excess, or has in another shape or dtype: the message names the file that is wrong. */
static void test_tensors(void) {
    folder f;
    make_plain(&f);
    put_shards(&f, 2);
    replace("2.safetensors", "\"shape\":[8,8]", "\"shape\":[ 64]");
    refused("another shape", "2.safetensors",
            ": tensor transformer.wpe.weight: config.json asks for shape [8, 8]");
    put_shards(&f, 2);
    replace("1.safetensors", "ln_f.weight\":{\"dtype\":\"F32\"", "ln_f.weight\":{\"dtype\":\"I32\"");
    refused("another dtype", "1.safetensors",
            ": tensor transformer.ln_f.weight: dtype I32 is not F64, F32, F16 or BF16");
    put_shards(&f, 2);
    replace("1.safetensors", "h.0.ln_1.weight", "h.2.ln_1.weight");
    replace("model.safetensors.index.json", "h.0.ln_1.weight", "h.2.ln_1.weight");
    refused("a tensor missing", "model.safetensors.index.json",
            ": tensor transformer.h.0.ln_1.weight is missing");
    add(&f, "wte.weight", ROME99_ST_F32, 2, 802, 8);
    put_shards(&f, 2);
    refused("with prefix and without", "model.safetensors.index.json",
            ": there are 1 tensors that a GPT-2 of 2 layers does not have");
    free_folder(&f);
}

/* ----------------------------------------------------------------------------- progress */

static size_t calls, last, total;
static int orderly, cuts;

static void watch(const char *name, size_t done, size_t bytes) {
    orderly = orderly && strcmp(name, dir) == 0 && done >= last && done - last <= (size_t)1 << 20 &&
              done <= bytes;
    last = done;
    total = bytes;
    if (calls++ == 1 && cuts) cut("model.safetensors", 10000);
}

static void test_progress(void) {
    static const rome99_st_dtype dtype = ROME99_ST_F32;
    size_t bytes = 0, i;
    folder f;
    make(&f, LARGE, 1, &dtype, 1, 0);
    for (i = 0; i < f.n; i++) bytes += f.tensor[i].count * 4;
    put_single(&f);
    rome99_checkpoint_progress = watch;
    calls = last = 0;
    orderly = 1;
    loads(&f, "with progress");
    CHECK(orderly && last == total && total >= bytes && total < bytes + 64 * f.n && calls > bytes >> 20,
          "progress: %zu calls, the last with %zu of %zu, for %zu", calls, last, total, bytes);
    cuts = 1;
    calls = last = 0;
    refused("cut while it is read", "model.safetensors", ": was cut while it was read");
    CHECK(calls == 2, "read on after an error: %zu calls", calls);
    rome99_checkpoint_progress = NULL;
    free_folder(&f);
}

/* -------------------------------------------------------------------------------- save */

/* The weights of the new folder are those of the old one, bit for bit; but the edited one is another, in float32 where
 * the old one was narrower. */
static void check_saved(const folder *f, const char *saved, size_t edited) {
    rome99_checkpoint c;
    size_t i;
    if (rome99_checkpoint_read(&c, saved, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < f->weights; i++) {
        const rome99_tensor *t = &f->tensor[i];
        const rome99_weight *w = &c.model.w[i];
        const rome99_st_dtype want = i == edited && t->dtype != ROME99_ST_F64 ? ROME99_ST_F32 : t->dtype;
        CHECK((int)w->dtype == (int)want, "%s is saved as %d, not %d", t->name, (int)w->dtype, (int)want);
        if ((int)w->dtype == (int)t->dtype)
            CHECK((memcmp(w->data, t->data, t->count * rome99_dtype_size(w->dtype)) == 0) == (i != edited),
                  "%s: %s bits", t->name, i == edited ? "the same" : "other");
    }
    rome99_checkpoint_free(&c);
}

static void test_save(void) {
    static const rome99_st_dtype all[] = {ROME99_ST_F32, ROME99_ST_F64, ROME99_ST_F16, ROME99_ST_BF16};
    static const size_t first[] = {2, 0, 0}, how_many[] = {1, 4, 3};
    static const char *const files[] = {"saved/model.safetensors", "saved/config.json", "saved/vocab.json",
                                        "saved/merges.txt",        "request",           "templates"};
    char request[1024], templates[1024], saved[1024];
    char *argv[] = {"edit",     dir,      request,       "--layer", "0",      "--cov", "identity",
                    "--no-ppl", "--json", "--templates", templates, "--save", saved};
    size_t k, i;
    folder f;
    snprintf(saved, sizeof saved, "%s/saved", dir);
    snprintf(request, sizeof request, "%s/request", dir);
    snprintf(templates, sizeof templates, "%s/templates", dir);
    for (k = 0; k < 3; k++) {
        put_text("request", "{\"prompt\": \"{} is\", \"subject\": \"a\", \"target_new\": {\"str\": \"b\"}}");
        put_text("templates", "[\"{}\"]");
        make(&f, 8, 2, all + first[k], how_many[k], 1);
        put_shards(&f, 2);
        CHECK(rome99_cmd_edit(sizeof argv / sizeof *argv, argv) == 0, "edit %zu", k);
        check_saved(&f, saved, ROME99_LAYER(0, ROME99_PROJ_W));
        for (i = 0; i < sizeof files / sizeof *files; i++)
            CHECK(remove(path_of(files[i])) == 0, "no %s", files[i]);
        CHECK(remove(saved) == 0, "%s: there is more in it", saved);
        free_folder(&f);
    }
}

/* Copies a file of the tokenizer. */
static int copy(const char *name) {
    char *from = rome99_path("tests/upstream/model", name);
    unsigned char *bytes;
    size_t size;
    const int failed = rome99_read_file(&bytes, &size, from, &e);
    CHECK(!failed, "%s", e.text);
    free(from);
    if (failed) return -1;
    put_file(name, bytes, size);
    free(bytes);
    return 0;
}

int main(int argc, char **argv) {
    char *own = rome99_path(argc > 1 ? argv[1] : "build/tmp", "load");
    if (own == NULL || rome99_dir_begin(&dir, own, &e)) {
        CHECK(0, "%s", own ? e.text : "out of memory");
        free(own);
        return test_end();
    }
    if (copy("vocab.json") == 0 && copy("merges.txt") == 0) {
        test_forms();
        test_buffers();
        test_head();
        test_index();
        test_not_finite();
        test_files();
        test_tensors();
        test_progress();
        test_save();
    }
    rome99_dir_abandon(dir);
    free(own);
    return test_end();
}
