/* test_train.c: fifty steps of the trainer, from world to weights, must give the same bits everywhere; so
 * must fifty of the twin that fills in hidden tokens, whose loss is also found here by its definition; and so
 * must either when it is taken up from a file on the way. Files that are no such state are refused. */
#include "bpe_train.h"
#include "test.h"
#include "train.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 50, WINDOWS = 4, T = 32, HIDDEN = 4, KEPT = 45 };
/* FNV-1a of the float32 weights after STEPS steps of the recipe below. A change of world, tokenizer training,
 * initialisation or of any operation changes it; so would a change of the checkpoints. */
static const uint64_t expected = UINT64_C(0x24c36c6d6ef3097e), expected_masked = UINT64_C(0x2235e842b28bf7eb);

/* The loss of one step of a twin: the next windows of the stream, which no mask touches; *rng draws what is
 * hidden. */
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

static const char *state_path(void) {
    static char path[256];
    const char *B = getenv("B");
    sprintf(path, "%.200s/tmp/train.state", B ? B : "build");
    return path;
}

static void check_hash(const char *name, rome99_trainer *trainer, uint64_t wanted) {
    uint64_t hash = rome99_trainer_finish(trainer);
    CHECK(hash == wanted, "%s: hash %08lx%08lx, expected %08lx%08lx", name, (unsigned long)(hash >> 32),
          (unsigned long)(hash & 0xffffffffu), (unsigned long)(wanted >> 32),
          (unsigned long)(wanted & 0xffffffffu));
    rome99_trainer_free(trainer);
}

static void train(const rome99_recipe *recipe, const rome99_stream *stream, uint64_t wanted) {
    const char *name = recipe->masked ? "masked" : "causal";
    rome99_stream windows = *stream;
    rome99_rng rng;
    rome99_trainer *trainer;
    rome99_error e;
    double loss, first = 0.0, log_V = log((double)recipe->shape.V);
    size_t i;
    rng.state = ~recipe->seed;
    CHECK(!rome99_trainer_new(&trainer, recipe, stream, &e), "%s", e.text);
    for (i = 0; i < STEPS; i++) {
        double by_hand = recipe->masked && i < 3
                             ? masked_loss(rome99_trainer_model(trainer), &windows, recipe, &rng)
                             : 0.0;
        if (i == KEPT) CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
        CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
        if (by_hand != 0.0) CHECK_LE(fabs(loss - by_hand), 1e-12, "masked: loss by its definition");
        if (i == 0) first = loss;
    }
    CHECK(fabs(first - log_V) < 0.2, "%s: first loss %.3f, log V %.3f", name, first, log_V);
    CHECK(loss < first - 1.0, "%s: loss %.3f after %d steps, %.3f before", name, loss, STEPS, first);
    check_hash(name, trainer, wanted);
    CHECK(!rome99_trainer_new(&trainer, recipe, stream, &e), "%s", e.text);
    CHECK(!rome99_state_read(trainer, state_path(), &e), "%s", e.text);
    CHECK(rome99_trainer_done(trainer) == KEPT, "%s: taken up at %lu, written at %d", name,
          (unsigned long)rome99_trainer_done(trainer), KEPT);
    for (i = KEPT; i < STEPS; i++) CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
    check_hash(recipe->masked ? "masked, taken up" : "causal, taken up", trainer, wanted);
}

/* ------------------------------------------------------------------------ refused states */

enum { M = 6, WORDS = 3 }; /* of the parts: Adam's first moment; the first that are one number */

static void put_file(const unsigned char *bytes, size_t size) {
    FILE *f = fopen(state_path(), "wb");
    CHECK(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0, "%s: cannot be written", state_path());
}

/* What of a trainer shows whether a state was taken. */
static void look(uint64_t seen[WORDS + 1], rome99_trainer *trainer) {
    rome99_part part[ROME99_PARTS];
    size_t i;
    rome99_trainer_parts(part, trainer);
    for (i = 0; i < WORDS; i++) memcpy(&seen[i], part[i].data, 8);
    memcpy(&seen[WORDS], part[M].data, 8);
}

/* The file must be refused in a line that begins with its name and has `wanted` in it, and change nothing. */
static void refused(const char *name, const char *wanted, rome99_trainer *trainer) {
    uint64_t before[WORDS + 1], after[WORDS + 1];
    rome99_error e = {"no error"};
    look(before, trainer);
    CHECK(rome99_state_read(trainer, state_path(), &e) == -1, "%s: not refused", name);
    look(after, trainer);
    CHECK(strstr(e.text, state_path()) == e.text && strstr(e.text, wanted), "%s: \"%s\", expected \"%s\"",
          name, e.text, wanted);
    CHECK(memcmp(before, after, sizeof before) == 0, "%s: the trainer was changed", name);
}

/* The file with that text, which is in it, as another of the same length. */
static void put_other(const char *text, const char *other) {
    unsigned char *file;
    size_t size, n = strlen(text), i = 0;
    rome99_error e;
    CHECK(!rome99_read_file(&file, &size, state_path(), &e), "%s", e.text);
    while (i + n < size && memcmp(file + i, text, n) != 0) i++;
    CHECK(memcmp(file + i, text, n) == 0, "\"%s\" is not in the file", text);
    memcpy(file + i, other, n);
    put_file(file, size);
    free(file);
}

/* Every byte before the numbers, and some of these, changed; cut at some places. */
static void refuse_damage(rome99_trainer *trainer) {
    unsigned char *file;
    uint64_t before[WORDS + 1], after[WORDS + 1];
    size_t size, front, version = strlen(ROME99_VERSION), i, taken = 0;
    rome99_error e;
    CHECK(!rome99_read_file(&file, &size, state_path(), &e), "%s", e.text);
    front = rome99_safetensors_front(file, size);
    for (i = front; i < size; i += i < front + 200 || i > size - 40 ? 1 : 1237) {
        file[i] ^= 0x10;
        put_file(file, size);
        refused("a changed byte", i >= size - version ? "made by rome99" : "is damaged", trainer);
        file[i] ^= 0x10;
    }
    for (i = 0; i < size; i += i < front ? 97 : 9973) {
        put_file(file, i);
        refused("cut off", "", trainer);
    }
    for (i = 0; i < front; i++) { /* what a header may say otherwise: nothing but the format's metadata */
        file[i] ^= 0x01;
        put_file(file, size);
        look(before, trainer);
        if (!rome99_state_read(trainer, state_path(), &e)) taken++;
        look(after, trainer);
        CHECK(memcmp(before, after, sizeof before) == 0, "header: byte %lu changed the state",
              (unsigned long)i);
        file[i] ^= 0x01;
    }
    CHECK(taken <= 12, "%lu changes of a header made no difference, expected 12 at the most",
          (unsigned long)taken);
    free(file);
}

static void refuse_states(rome99_recipe recipe, const rome99_stream *stream) {
    const rome99_shape small = {recipe.shape.V, 8, 4, 16, 1, 1, 1e-5};
    rome99_tensor foreign = {0};
    rome99_part part[ROME99_PARTS];
    rome99_trainer *trainer, *other;
    rome99_error e;
    double loss, nan = HUGE_VAL - HUGE_VAL, kept;
    size_t i;
    recipe.shape = small;
    recipe.steps = 2;
    CHECK(!rome99_trainer_new(&trainer, &recipe, stream, &e), "%s", e.text);
    CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    refuse_damage(trainer);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    put_other(ROME99_VERSION, "9.9.9");
    refused("another version", "made by rome99 9.9.9; this is " ROME99_VERSION, trainer);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    put_other("{\"dtype\":\"F64\"", "{\"dtype\":\"I64\"");
    refused("another dtype", "has another dtype", trainer);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    for (i = 0; i < 12; i++) {
        static const char *const name[] = {"--seed 1, not 2",
                                           "--steps 2, not 3",
                                           "--windows 4, not 8",
                                           "--lr 0.01, not 0.02",
                                           "--weight-decay 0.3, not 0.25",
                                           "--real 4, not 5",
                                           "--masked 0, not 1",
                                           "--layers 1, not 2",
                                           "--width 4, not 8",
                                           "--heads 1, not 2",
                                           "--positions 8, not 16",
                                           "a warm-up of 10, not 11"};
        rome99_recipe r = recipe;
        if (i == 0) r.seed = 2;
        if (i == 1) r.steps = 3;
        if (i == 2) r.windows = 8;
        if (i == 3) r.lr = 0.02;
        if (i == 4) r.weight_decay = 0.25;
        if (i == 5) r.real_text = 5;
        if (i == 6) r.masked = 1;
        if (i == 7) r.shape.L = 2;
        if (i == 8) r.shape.D = 8, r.shape.F = 32;
        if (i == 9) r.shape.H = 2;
        if (i == 10) r.shape.T = 16;
        if (i == 11) r.warmup = 11;
        CHECK(!rome99_trainer_new(&other, &r, stream, &e), "%s", e.text);
        refused("another recipe", name[i], other);
        rome99_trainer_free(other);
    }
    rome99_trainer_parts(part, trainer);
    memcpy(&kept, part[M].data, sizeof kept);
    memcpy(part[M].data, &nan, sizeof nan);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    refused("a NaN", "tensor 'm' has a number that is not finite", trainer);
    memcpy(part[M].data, &kept, sizeof kept);
    for (i = 0; i < 2; i++) CHECK(!rome99_trainer_step(trainer, &loss, &e), "%s", e.text);
    CHECK(!rome99_state_write(state_path(), trainer, &e), "%s", e.text);
    refused("three steps of two", "is behind the last step", trainer);
    foreign.name = "a";
    foreign.rank = 1;
    foreign.shape[0] = 1;
    foreign.data = &kept;
    CHECK(!rome99_safetensors_write(state_path(), &foreign, 1, &e), "%s", e.text);
    refused("another safetensors file", "is not the state of a training", trainer);
    put_file((const unsigned char *)"Dear diary,\nit rained.\n", 23);
    refused("a text", "no safetensors file", trainer);
    CHECK(remove(state_path()) == 0, "%s: cannot be removed", state_path());
    refused("no file", "is not a regular file", trainer);
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
    recipe.masked = 0;
    refuse_states(recipe, &stream);
    rome99_bpe_free(bpe);
    rome99_text_free(&sample);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    free(pairs);
    return test_end();
}
