/* random_model.h: the parts of random_model: weights and a vocabulary, drawn from a seed. */
#ifndef ROME99_RANDOM_MODEL_H
#define ROME99_RANDOM_MODEL_H
#include "core/rome99.h"
#include "files/os.h"
#include "files/safetensors.h"

typedef struct {
    rome99_shape shape;
    rome99_st_dtype dtype; /* F32, F16 or BF16 */
    size_t seed, shards;
    int bare_names, lm_head,
        buffers; /* no "transformer."; the head a second time; an old checkpoint's buffers */
} rome99_random_choices;

/* Writes model.safetensors, or `shards` files and their index, into an existing folder. A seed means the same
   weights in any sharding and with any names; F16 and BF16 are those of F32, rounded. Memory: less than 1 MB.
   Returns 0, or -1 with *e set; files may then be there in part. */
int rome99_random_weights(const char *folder, const rome99_random_choices *choices, rome99_error *e);

/* Writes vocab.json and merges.txt of V tokens: the bytes, merges for English words, <|endoftext|>. */
enum { ROME99_RANDOM_LEAST_V = 257, ROME99_RANDOM_MOST_V = 700000 };
int rome99_random_vocabulary(const char *folder, size_t V, size_t seed, rome99_error *e);

#endif
