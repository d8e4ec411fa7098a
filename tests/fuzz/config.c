/* config.c: target config: a model's folder: config.json | model.safetensors.index.json | weights. Without
   an index the weights are model.safetensors; else 4 bytes, little-endian, are the length of a.safetensors,
   which follows, and the rest is b.safetensors. The vocabulary is that of the 256 bytes. */
#include "fuzz.h"
#include "edit/decoder.h"

#include <stdlib.h>
#include <string.h>

/* A folder below the scratch folder, with vocab.json and merges.txt. */
static char *make_folder(const char *name) {
    char *path = fuzz_path(name), *temporary, *file;
    rome99_text vocab = {0};
    rome99_error e;
    int32_t id;
    if (!rome99_dir_begin(&temporary, path, &e)) (void)rome99_dir_commit(temporary, path, &e);
    for (id = 0; id < 256; id++)
        rome99_text_printf(&vocab, "%s\"\\u%04lx\":%ld", id ? "," : "{",
                           (unsigned long)(id < 188 ? rome99_bpe_byte(id) : 0x100 + id - 188), (long)id);
    rome99_text_puts(&vocab, "}");
    file = rome99_path(name, "vocab.json");
    free(fuzz_file(file, vocab.bytes, vocab.size));
    free(file);
    file = rome99_path(name, "merges.txt");
    free(fuzz_file(file, "#version: 0.2\n", 14));
    free(file);
    rome99_text_free(&vocab);
    return path;
}

/* The same weights bit for bit. */
static int same(const rome99_gpt2 *a, const rome99_gpt2 *b) {
    size_t i;
    if (memcmp(&a->shape, &b->shape, sizeof a->shape) != 0) return 0;
    for (i = 0; i < rome99_tensor_count(&a->shape); i++) {
        const rome99_tensor_info info = rome99_describe(&a->shape, i);
        if (a->w[i].dtype != b->w[i].dtype ||
            memcmp(a->w[i].data, b->w[i].data, info.rows * info.cols * rome99_dtype_size(a->w[i].dtype)) != 0)
            return 0;
    }
    return 1;
}

/* Two tokens more, and the folder written and read. */
static void use(const rome99_checkpoint *c, const char *again) {
    rome99_text out = {0};
    rome99_checkpoint other;
    rome99_error e;
    (void)rome99_decoder_continue(&out, c, &c->model, "a", 2, 1, 0, &e);
    rome99_text_free(&out);
    if (rome99_checkpoint_write(again, &c->model, rome99_bpe_endoftext(c->bpe), 0, &e) ||
        rome99_checkpoint_read(&other, again, &e)) {
        fuzz_wrong("written, but not read: %s", e.text);
        return;
    }
    if (!same(&c->model, &other.model)) fuzz_wrong("written and read: not the same");
    rome99_checkpoint_free(&other);
}

static void write_weights(const unsigned char *data, size_t size, int sharded) {
    size_t first = 0;
    int i;
    if (sharded && size >= 4) {
        for (i = 3; i >= 0; i--) first = first << 8 | data[i];
        data += 4;
        size -= 4;
        if (first > size) first = size;
    }
    free(fuzz_file("model/model.safetensors", sharded ? NULL : data, size));
    free(fuzz_file("model/a.safetensors", sharded ? data : NULL, first));
    free(fuzz_file("model/b.safetensors", sharded ? data + first : NULL, size - first));
}

int fuzz_config(const unsigned char *data, size_t size) {
    static char *folder, *again;
    const size_t whole = size;
    const fuzz_part config = fuzz_next(&data, &size, 0), index = fuzz_next(&data, &size, 0);
    rome99_checkpoint c;
    rome99_error e;
    if (!folder) folder = make_folder("model");
    if (!again) again = make_folder("again");
    free(fuzz_file("model/config.json", config.bytes, config.size));
    free(fuzz_file("model/model.safetensors.index.json", index.size ? index.bytes : NULL, index.size));
    write_weights(data, size, index.size > 0);
    if (rome99_checkpoint_read(&c, folder, &e)) {
        fuzz_memory(whole, 40);
        if (!rome99_checkpoint_read_twin(&c, folder, &e)) rome99_checkpoint_free(&c);
        return 0;
    }
    fuzz_memory(whole, 40);
    use(&c, again);
    rome99_checkpoint_free(&c);
    return 1;
}
