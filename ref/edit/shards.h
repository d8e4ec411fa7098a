/* shards.h: where the weights of a model's folder are stored: in model.safetensors; or else, in a folder
   without it, in the files that model.safetensors.index.json names. That order is transformers' own. */
#ifndef ROME99_SHARDS_H
#define ROME99_SHARDS_H
#include "files/safetensors.h"
#include <stdio.h>

/* A file of tensors, of which only the header was read. */
typedef struct {
    char *path;
    FILE *file;
    rome99_safetensors *header;
} rome99_shard;

/* A tensor in its file; `tensor` has no data. */
typedef struct {
    const rome99_tensor *tensor;
    const rome99_shard *shard;
} rome99_stored;

typedef struct {
    char *path;          /* of model.safetensors or the index, for messages */
    rome99_shard *shard; /* (shards) */
    rome99_stored *list; /* (n), sorted by name; no name is there twice */
    size_t shards, n;
} rome99_shards;

/* Opens the files and reads their headers. The index is a JSON object, its "weight_map" an object that maps the
   name of each tensor to the file, in the same folder, that has it: neither more nor less than what the files
   have. Returns 0, or -1 with *e set and nothing to close. */
int rome99_shards_open(rome99_shards *s, const char *folder, rome99_error *e);
void rome99_shards_close(rome99_shards *s);

/* The tensor of that name, or NULL. */
const rome99_stored *rome99_shards_find(const rome99_shards *s, const char *name);

/* Reads elements first .. first + n - 1 of a tensor that has them, of known dtype, in the host's byte order.
   Returns 0, or -1 with *e set. */
int rome99_stored_read(void *to, const rome99_stored *from, size_t first, size_t n, rome99_error *e);

#endif
