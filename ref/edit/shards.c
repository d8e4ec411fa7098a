/* shards.c: opens the files that hold a folder's weights, and reads tensors from them piece by piece. */
#include "edit/shards.h"
#include "files/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads the header of an open file. */
static int read_header(rome99_shard *s, size_t size, rome99_error *e) {
    unsigned char first[8], *bytes;
    size_t n, front;
    int failed;
    rewind(s->file);
    n = fread(first, 1, sizeof first, s->file);
    front = rome99_safetensors_front(first, n);
    if (front > size) front = size; /* parse tells it */
    bytes = malloc(front + 8);
    if (!bytes) return rome99_fail(e, s->path, "out of memory");
    memcpy(bytes, first, n);
    if (front > n) n += fread(bytes + n, 1, front - n, s->file);
    failed = ferror(s->file) ? rome99_fail(e, s->path, "cannot read: %s", strerror(errno))
                             : rome99_safetensors_parse(&s->header, s->path, bytes, n, size, e);
    if (failed) s->header = NULL;
    free(bytes);
    return failed;
}

static int open_shard(rome99_shard *s, const char *folder, const char *name, rome99_error *e) {
    long size;
    s->path = rome99_path(folder, name);
    if (!s->path) return rome99_fail(e, folder, "out of memory");
    if (!rome99_is_file(s->path))
        return rome99_fail(e, s->path, rome99_exists(s->path) ? "is no regular file" : "is missing");
    errno = 0;
    s->file = fopen(s->path, "rb");
    size = s->file && fseek(s->file, 0, SEEK_END) == 0 ? ftell(s->file) : -1;
    if (size < 0) return rome99_fail(e, s->path, "cannot open: %s", strerror(errno));
    return read_header(s, (size_t)size, e);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const rome99_stored *)a)->tensor->name, ((const rome99_stored *)b)->tensor->name);
}

/* Lists all tensors of the shards. */
static int list_tensors(rome99_shards *s, rome99_error *e) {
    size_t i, j, n = 0;
    for (i = 0; i < s->shards; i++) n += rome99_safetensors_count(s->shard[i].header);
    s->list = calloc(n + 1, sizeof *s->list);
    if (!s->list) return rome99_fail(e, s->path, "out of memory");
    for (i = 0; i < s->shards; i++)
        for (j = 0; j < rome99_safetensors_count(s->shard[i].header); j++)
            s->list[s->n++] = (rome99_stored){rome99_safetensors_at(s->shard[i].header, j), &s->shard[i]};
    qsort(s->list, n, sizeof *s->list, by_name);
    return 0;
}

/* The index. */

typedef struct {
    const char *tensor, *file;
} item;

static int by_tensor(const void *a, const void *b) {
    return strcmp(((const item *)a)->tensor, ((const item *)b)->tensor);
}

static int by_file(const void *a, const void *b) {
    const int order = strcmp(((const item *)a)->file, ((const item *)b)->file);
    return order ? order : by_tensor(a, b);
}

/* A name of the index must name a file in the folder, and nothing else: no path, no drive. */
static int read_item(item *to, rome99_value tensor, rome99_value file, rome99_error *e) {
    size_t n = rome99_json_length(file);
    if (rome99_json_kind(file) != ROME99_STRING)
        return rome99_json_fail(e, file, "\"weight_map\" must map names of tensors to names of files");
    to->tensor = rome99_json_string(tensor);
    to->file = rome99_json_string(file);
    if (strlen(to->tensor) != rome99_json_length(tensor))
        return rome99_json_fail(e, tensor, "the name of a tensor must not have a NUL in it");
    if (strcspn(to->file, "/\\:") == n && n > 12 && strcmp(to->file + n - 12, ".safetensors") == 0) return 0;
    return rome99_json_fail(e, file, "'%.200s' is not the name of a .safetensors file in this folder",
                            to->file);
}

/* Compares what the index gives to a shard (n, sorted) with what the shard has. */
static int check_shard(const rome99_shard *s, const item *index, size_t n, rome99_error *e) {
    const size_t count = rome99_safetensors_count(s->header);
    size_t i;
    for (i = 0; i < n || i < count; i++) {
        const char *has = i < count ? rome99_safetensors_at(s->header, i)->name : NULL;
        const int order = !has ? -1 : i == n ? 1 : strcmp(index[i].tensor, has);
        if (order < 0)
            return rome99_fail(e, s->path, "has no tensor '%.200s', which the index places there",
                               index[i].tensor);
        if (order > 0)
            return rome99_fail(e, s->path, "has tensor '%.200s', which the index does not place there", has);
    }
    return 0;
}

/* Opens every file that the index (n) names. */
static int open_shards(rome99_shards *s, item *index, size_t n, const char *folder, rome99_error *e) {
    size_t i, next;
    qsort(index, n, sizeof *index, by_tensor);
    for (i = 1; i < n; i++)
        if (by_tensor(&index[i - 1], &index[i]) == 0)
            return rome99_fail(e, s->path, "tensor '%.200s' is there twice", index[i].tensor);
    qsort(index, n, sizeof *index, by_file);
    for (i = 0; i < n; i = next) {
        rome99_shard *shard = &s->shard[s->shards++];
        for (next = i; next < n && strcmp(index[next].file, index[i].file) == 0;) next++;
        if (open_shard(shard, folder, index[i].file, e) || check_shard(shard, index + i, next - i, e))
            return -1;
    }
    return 0;
}

static int read_index(rome99_shards *s, const char *folder, rome99_error *e) {
    rome99_json *json;
    rome99_value map, tensor, file;
    rome99_items items;
    item *index = NULL;
    size_t n = 0;
    int failed = rome99_json_read(&json, s->path, e);
    if (failed) return -1;
    failed = rome99_json_require(&map, rome99_json_root(json), "weight_map", ROME99_OBJECT, e);
    if (!failed) {
        index = calloc(rome99_json_length(map) + 1, sizeof *index);
        s->shard = calloc(rome99_json_length(map) + 1, sizeof *s->shard);
        if (!index || !s->shard) failed = rome99_fail(e, s->path, "out of memory");
        items = rome99_json_items(map);
        while (!failed && rome99_json_next(&items, &tensor, &file))
            failed = read_item(&index[n++], tensor, file, e);
    }
    failed = failed || open_shards(s, index, n, folder, e);
    free(index);
    rome99_json_free(json);
    return failed ? -1 : 0;
}

/* What is used from outside. */

static int open_single(rome99_shards *s, const char *folder, rome99_error *e) {
    s->shard = calloc(1, sizeof *s->shard);
    if (!s->shard) return rome99_fail(e, s->path, "out of memory");
    s->shards = 1;
    return open_shard(s->shard, folder, "model.safetensors", e);
}

int rome99_shards_open(rome99_shards *s, const char *folder, rome99_error *e) {
    char *single = rome99_path(folder, "model.safetensors");
    char *index = rome99_path(folder, "model.safetensors.index.json");
    const int whole = single && rome99_exists(single), sharded = index && !whole && rome99_exists(index);
    int failed;
    memset(s, 0, sizeof *s);
    s->path = sharded ? index : single;
    if (!single || !index)
        failed = rome99_fail(e, folder, "out of memory");
    else if (sharded)
        failed = read_index(s, folder, e);
    else if (whole)
        failed = open_single(s, folder, e);
    else
        failed = rome99_fail(e, single, "is missing, and so is model.safetensors.index.json");
    free(sharded ? single : index);
    failed = failed || list_tensors(s, e);
    if (failed) rome99_shards_close(s);
    return failed ? -1 : 0;
}

void rome99_shards_close(rome99_shards *s) {
    size_t i;
    for (i = 0; i < s->shards; i++) {
        rome99_safetensors_free(s->shard[i].header);
        if (s->shard[i].file) fclose(s->shard[i].file);
        free(s->shard[i].path);
    }
    free(s->shard);
    free(s->list);
    free(s->path);
    memset(s, 0, sizeof *s);
}

const rome99_stored *rome99_shards_find(const rome99_shards *s, const char *name) {
    const rome99_tensor tensor = {.name = name};
    const rome99_stored key = {&tensor, NULL};
    return bsearch(&key, s->list, s->n, sizeof *s->list, by_name);
}

int rome99_stored_read(void *to, const rome99_stored *from, size_t first, size_t n, rome99_error *e) {
    const rome99_shard *s = from->shard;
    const size_t element = rome99_st_dtype_size(from->tensor->dtype);
    const size_t place = rome99_safetensors_place(s->header, from->tensor) + first * element;
    errno = 0;
    if (fseek(s->file, (long)place, SEEK_SET) != 0 || fread(to, element, n, s->file) != n)
        return feof(s->file) ? rome99_fail(e, s->path, "was cut while it was read")
                             : rome99_fail(e, s->path, "cannot read: %s", strerror(errno));
    rome99_swap(to, n * element, element, 0);
    return 0;
}
