/* test_train.c: fifty steps of the trainer, from world to weights, must give the same bits everywhere. */
#include "bpe_train.h"
#include "test.h"
#include "train.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 50 };
/* FNV-1a of the float32 weights after STEPS steps of the recipe below. A change of world, tokenizer training,
 * initialisation or of any operation changes it; so would a change of the checkpoints. */
static const uint64_t expected = UINT64_C(0x24c36c6d6ef3097e);

int main(void) {
    rome99_recipe recipe = {1, {0, 32, 32, 128, 2, 4, 1e-5}, STEPS, 4, 0.01, 0.3, 10, 4};
    static rome99_world world;
    rome99_rng rng;
    rome99_text sample = {0}, vocab = {0}, merges = {0};
    int32_t(*pairs)[2];
    rome99_bpe *bpe;
    rome99_stream stream;
    rome99_trainer *trainer;
    rome99_error e;
    double loss, first = 0.0;
    uint64_t hash;
    size_t n, i;
    rome99_world_make(&world, 1);
    rng = rome99_world_stream(&world, 1);
    for (i = 0; i < 500; i++) rome99_world_document(&world, &rng, &sample);
    CHECK(!rome99_bpe_train(&pairs, &n, (unsigned char *)sample.bytes, sample.size, &e), "%s", e.text);
    rome99_bpe_format(&vocab, &merges, pairs, n);
    CHECK(!rome99_bpe_parse(&bpe, "vocab", (unsigned char *)vocab.bytes, vocab.size, "merges",
                            (unsigned char *)merges.bytes, merges.size, &e),
          "%s", e.text);
    recipe.shape.V = rome99_bpe_size(bpe);
    stream.world = &world;
    stream.bpe = bpe;
    stream.rng = rome99_world_stream(&world, 2);
    CHECK(!rome99_trainer_new(&trainer, &recipe, &stream, &e), "%s", e.text);
    for (i = 0; i < STEPS; i++) {
        CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
        if (i == 0) first = loss;
    }
    CHECK(fabs(first - log((double)recipe.shape.V)) < 0.2, "first loss %.3f, log V %.3f", first,
          log((double)recipe.shape.V));
    CHECK(loss < first - 1.0, "loss %.3f after %d steps, %.3f before", loss, STEPS, first);
    hash = rome99_trainer_finish(trainer);
    CHECK(hash == expected, "hash %08lx%08lx, expected %08lx%08lx", (unsigned long)(hash >> 32),
          (unsigned long)(hash & 0xffffffffu), (unsigned long)(expected >> 32),
          (unsigned long)(expected & 0xffffffffu));
    rome99_trainer_free(trainer);
    rome99_bpe_free(bpe);
    rome99_text_free(&sample);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    free(pairs);
    return test_end();
}
