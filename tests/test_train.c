/* test_train.c: fifty steps of the trainer, from world to weights, must give the same bits everywhere; so must
 * fifty of the twin that fills in hidden tokens, whose loss is also found here by its definition. */
#include "bpe_train.h"
#include "test.h"
#include "train.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 50, WINDOWS = 4, T = 32, HIDDEN = 4 };
/* FNV-1a of the float32 weights after STEPS steps of the recipe below. A change of world, tokenizer training,
 * initialisation or of any operation changes it; so would a change of the checkpoints. */
static const uint64_t expected = UINT64_C(0x24c36c6d6ef3097e), expected_masked = UINT64_C(0x2235e842b28bf7eb);

/* The loss of one step of a twin: the next windows of the stream, which no mask touches; *rng draws the masks. */
static double masked_loss(const rome99_gpt2 *model, rome99_stream *stream, const rome99_recipe *recipe,
                          rome99_rng *rng) {
    rome99_range all = {0, WINDOWS * T};
    rome99_plan plan = {{0, 0}, 0, 0, 0, WINDOWS * T};
    rome99_batch batch;
    rome99_run run;
    rome99_error e;
    int32_t ids[WINDOWS * T], seen[WINDOWS * T];
    size_t length[WINDOWS] = {T, T, T, T}, V = model->shape.V, i, hidden = 0;
    void *memory, *run_memory;
    double sum = 0.0;
    for (i = 0; i < WINDOWS; i++)
        CHECK(!rome99_window(ids + i * T, stream, T, i < recipe->real_text, &e), "%s", e.text);
    for (i = 0; i < WINDOWS * T; i++)
        seen[i] = rome99_rng_below(rng, 16) < recipe->masked ? rome99_mask_token(stream->bpe) : ids[i];
    memory = malloc(rome99_batch_layout(&batch, seen, length, WINDOWS, NULL, NULL, NULL, NULL));
    rome99_batch_layout(&batch, seen, length, WINDOWS, NULL, NULL, NULL, memory);
    batch.bidirectional = 1;
    run_memory = malloc(rome99_run_layout(&run, &model->shape, &batch, plan, NULL));
    rome99_run_layout(&run, &model->shape, &batch, plan, run_memory);
    rome99_forward(&run, model, all);
    rome99_head_forward(&run, model, all);
    for (i = 0; i < WINDOWS * T; i++)
        if (seen[i] != ids[i]) {
            sum += rome99_log_sum_exp(run.logits + i * V, V) - run.logits[i * V + (size_t)ids[i]];
            hidden++;
        }
    free(memory);
    free(run_memory);
    CHECK(hidden > WINDOWS * T / 8 && hidden < WINDOWS * T / 2, "%lu tokens are hidden",
          (unsigned long)hidden);
    return sum / (double)hidden;
}

static void train(const rome99_recipe *recipe, const rome99_stream *stream, uint64_t wanted) {
    const char *name = recipe->masked ? "masked" : "causal";
    rome99_stream windows = *stream;
    rome99_rng rng;
    rome99_trainer *trainer;
    rome99_error e;
    double loss, first = 0.0, log_V = log((double)recipe->shape.V);
    uint64_t hash;
    size_t i;
    rng.state = ~recipe->seed;
    CHECK(!rome99_trainer_new(&trainer, recipe, stream, &e), "%s", e.text);
    for (i = 0; i < STEPS; i++) {
        double by_hand = recipe->masked && i < 3
                             ? masked_loss(rome99_trainer_model(trainer), &windows, recipe, &rng)
                             : 0.0;
        CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
        if (by_hand != 0.0) CHECK_LE(fabs(loss - by_hand), 1e-12, "masked: loss by its definition");
        if (i == 0) first = loss;
    }
    CHECK(fabs(first - log_V) < 0.2, "%s: first loss %.3f, log V %.3f", name, first, log_V);
    CHECK(loss < first - 1.0, "%s: loss %.3f after %d steps, %.3f before", name, loss, STEPS, first);
    hash = rome99_trainer_finish(trainer);
    CHECK(hash == wanted, "%s: hash %08lx%08lx, expected %08lx%08lx", name, (unsigned long)(hash >> 32),
          (unsigned long)(hash & 0xffffffffu), (unsigned long)(wanted >> 32),
          (unsigned long)(wanted & 0xffffffffu));
    rome99_trainer_free(trainer);
}

int main(void) {
    rome99_recipe recipe = {1, {0, T, 32, 128, 2, 4, 1e-5}, STEPS, WINDOWS, 0.01, 0.3, 10, 4, 0};
    static rome99_world world;
    rome99_rng rng;
    rome99_text sample = {0}, vocab = {0}, merges = {0};
    int32_t(*pairs)[2];
    rome99_bpe *bpe;
    rome99_stream stream;
    rome99_error e;
    size_t n, i;
    rome99_world_make(&world, 1);
    rng = rome99_world_stream(&world, 1);
    for (i = 0; i < 500; i++) rome99_world_document(&world, &rng, &sample);
    CHECK(!rome99_bpe_train(&pairs, &n, (unsigned char *)sample.bytes, sample.size, &e), "%s", e.text);
    rome99_bpe_format(&vocab, &merges, pairs, n);
    CHECK(!rome99_bpe_parse(&bpe, "vocab", (unsigned char *)vocab.bytes, vocab.size, "merges",
                            (unsigned char *)merges.bytes, merges.size, &e),
          "%s", e.text);
    CHECK(rome99_bpe_byte(rome99_mask_token(bpe)) == 0, "the mask is token %ld",
          (long)rome99_mask_token(bpe));
    CHECK(memchr(sample.bytes, 0, sample.size) == NULL, "the world has the mask's byte");
    recipe.shape.V = rome99_bpe_size(bpe);
    stream.world = &world;
    stream.bpe = bpe;
    stream.rng = rome99_world_stream(&world, 2);
    train(&recipe, &stream, expected);
    recipe.masked = HIDDEN;
    train(&recipe, &stream, expected_masked);
    rome99_bpe_free(bpe);
    rome99_text_free(&sample);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    free(pairs);
    return test_end();
}
