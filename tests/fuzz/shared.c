/* shared.c: the list of targets, parts of inputs, files in a scratch folder. */
#include "fuzz.h"
#include "golden/hosted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const fuzz_target fuzz_targets[FUZZ_TARGETS] = {
    {"json", fuzz_json},         {"safetensors", fuzz_safetensors},
    {"npy", fuzz_npy},           {"npz", fuzz_npz},
    {"bpe", fuzz_bpe},           {"config", fuzz_config},
    {"golden", fuzz_golden},     {"results", fuzz_results},
    {"requests", fuzz_requests}, {"argv", fuzz_argv}};

const fuzz_target *fuzz_find(const char *name, size_t size) {
    size_t i;
    for (i = 0; i < FUZZ_TARGETS; i++)
        if (strlen(fuzz_targets[i].name) == size && memcmp(fuzz_targets[i].name, name, size) == 0)
            return &fuzz_targets[i];
    return NULL;
}

fuzz_part fuzz_next(const unsigned char **data, size_t *size, int last) {
    const unsigned char *end = last || *size == 0 ? NULL : memchr(*data, 0x1E, *size);
    const fuzz_part part = {*data, end ? (size_t)(end - *data) : *size};
    *data += part.size + (end != NULL);
    *size -= part.size + (end != NULL);
    return part;
}

/* ---------------------------------------------------------------------------- files */

static char *folder;
static rome99_checkpoint model;

static void give_up(const char *what) {
    fprintf(stderr, "fuzz: %s\n", what);
    exit(2);
}

static void clean(void) {
    rome99_checkpoint_free(&model);
    rome99_dir_abandon(folder);
}

const char *fuzz_folder(void) {
    const char *where = getenv("FUZZ_SCRATCH");
    rome99_error e;
    char *path;
    if (folder) return folder;
    path = rome99_path(where ? where : "build/tmp", "fuzz");
    if (!path || rome99_dir_begin(&folder, path, &e)) give_up("cannot make a folder: set FUZZ_SCRATCH");
    free(path);
    atexit(clean);
    return folder;
}

char *fuzz_path(const char *name) {
    char *path = rome99_path(fuzz_folder(), name);
    if (!path) give_up("out of memory");
    return path;
}

char *fuzz_file(const char *name, const void *bytes, size_t size) {
    char *path = fuzz_path(name);
    FILE *f = bytes ? fopen(path, "wb") : NULL;
    if (!bytes)
        (void)remove(path);
    else if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        give_up("cannot write a file");
    return path;
}

const rome99_checkpoint *fuzz_model(void) {
    rome99_error e;
    char *path;
    if (model.bpe) return &model;
    path = fuzz_path("formula");
    if (rome99_formula_folder(path, &e) || rome99_checkpoint_read(&model, path, &e)) give_up(e.text);
    free(path);
    return &model;
}
