/* command_train.c: rome99 train: makes a tiny checkpoint's folder from nothing but a recipe. */
#include "bpe_train.h"
#include "edit/checkpoint.h"
#include "edit/measure.h"
#include "edit/numbers.h"
#include "edit/setup.h"
#include "program/cli.h"
#include "train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the folder says about editing it. */
typedef struct {
    size_t layer, iterations;
    double lr, weight_decay, clamp;
} editing;

/* Streams of random numbers, apart from each other: sample for the BPE, training, fixed windows. */
enum { SAMPLE_STREAM = 1, TRAIN_STREAM = 2, WINDOW_STREAM = 3 };
enum { SAMPLE_DOCUMENTS = 6000, MEASURED_TOKENS = 8192 };

static int write_text(const char *dir, const char *name, rome99_text *t, rome99_error *e) {
    char *path = rome99_path(dir, name);
    int failed = !path || t->failed ? rome99_fail(e, name, "out of memory")
                                    : rome99_write_file(path, t->bytes, t->size, e);
    free(path);
    rome99_text_free(t);
    return failed;
}

/* The tokenizer of the world, trained on a sample of it; vocab and merges are its files. */
static int make_tokenizer(rome99_bpe **bpe, rome99_text *vocab, rome99_text *merges,
                          const rome99_world *world, rome99_error *e) {
    rome99_rng rng = rome99_world_stream(world, SAMPLE_STREAM);
    rome99_text sample = {0};
    int32_t(*pairs)[2] = NULL;
    size_t n, i;
    int failed;
    for (i = 0; i < SAMPLE_DOCUMENTS; i++) rome99_world_document(world, &rng, &sample);
    failed = sample.failed ? rome99_fail(e, NULL, "out of memory")
                           : rome99_bpe_train(&pairs, &n, (unsigned char *)sample.bytes, sample.size, e);
    rome99_text_free(&sample);
    if (failed) return -1;
    rome99_bpe_format(vocab, merges, pairs, n);
    free(pairs);
    if (vocab->failed || merges->failed) return rome99_fail(e, NULL, "out of memory");
    return rome99_bpe_parse(bpe, "vocab.json", (unsigned char *)vocab->bytes, vocab->size, "merges.txt",
                            (unsigned char *)merges->bytes, merges->size, e);
}

static int write_tensor(const char *dir, const char *file, const char *name, rome99_st_dtype dtype,
                        const void *data, size_t rows, size_t cols, rome99_error *e) {
    rome99_tensor t = {0};
    char *path = rome99_path(dir, file);
    int failed;
    t.name = name;
    t.dtype = dtype;
    t.data = data;
    t.rank = 2;
    t.shape[0] = rows;
    t.shape[1] = cols;
    t.count = rows * cols;
    failed = !path ? rome99_fail(e, file, "out of memory") : rome99_safetensors_write(path, &t, 1, e);
    free(path);
    return failed;
}

/* windows.safetensors, made as in training, and C of the layer over them, which is a causal model's. */
static int write_windows(const char *dir, const rome99_trainer *trainer, rome99_stream *stream,
                         const rome99_recipe *recipe, size_t layer, rome99_error *e) {
    size_t T = recipe->shape.T, F = recipe->shape.F, n = MEASURED_TOKENS / T, i;
    int32_t *ids = calloc(T, sizeof *ids);
    double *C = calloc(F * F, sizeof *C);
    rome99_texts texts = {0};
    int failed = !ids || !C ? rome99_fail(e, dir, "out of memory") : 0;
    for (i = 0; !failed && i < n; i++)
        failed = rome99_window(ids, stream, T, i % 16 < recipe->real_text, e) ||
                         rome99_texts_add(&texts, ids, T, ids + 1, 0, T - 1, e)
                     ? -1
                     : 0;
    if (!failed) failed = write_tensor(dir, "windows.safetensors", "ids", ROME99_ST_I32, texts.ids, n, T, e);
    if (!failed && !recipe->masked)
        failed = rome99_measure_moment(C, rome99_trainer_model(trainer), layer, &texts, e) ||
                         write_tensor(dir, "cov.safetensors", "C", ROME99_ST_F64, C, F, F, e)
                     ? -1
                     : 0;
    rome99_texts_free(&texts);
    free(ids);
    free(C);
    return failed;
}

static int write_data(const char *dir, const rome99_world *world, const editing *edit, rome99_error *e) {
    rome99_text facts = {0}, a = {0}, b = {0}, c = {0}, sentences = {0}, h = {0};
    int failed = 0;
    rome99_world_facts(&facts, world);
    rome99_world_prefixes(&a, world, ROME99_TEMPLATES);
    rome99_world_prefixes(&b, world, ROME99_TEMPLATES_SPACE);
    rome99_world_prefixes(&c, world, ROME99_TEST_PREFIXES);
    rome99_world_sentences(&sentences, world);
    rome99_text_printf(&h,
                       "{\n  \"layers\": [%lu],\n  \"fact_token\": \"subject_last\",\n"
                       "  \"v_num_grad_steps\": %lu,\n  \"v_lr\": ",
                       (unsigned long)edit->layer, (unsigned long)edit->iterations);
    rome99_text_json_double(&h, edit->lr);
    rome99_text_puts(&h, ",\n  \"v_weight_decay\": ");
    rome99_text_json_double(&h, edit->weight_decay);
    rome99_text_puts(&h, ",\n  \"clamp_norm_factor\": ");
    rome99_text_json_double(&h, edit->clamp);
    rome99_text_puts(&h, ",\n  \"kl_factor\": 0.0625,\n  \"mom2_adjustment\": true\n}\n");
    failed |= write_text(dir, "facts.json", &facts, e);
    failed |= write_text(dir, "templates.json", &a, e);
    failed |= write_text(dir, "templates_space.json", &b, e);
    failed |= write_text(dir, "test_prefixes.json", &c, e);
    failed |= write_text(dir, "sentences.txt", &sentences, e);
    failed |= write_text(dir, "hparams.json", &h, e);
    return failed;
}

/* What the last step left must fit float32. */
static int check_weights(const rome99_gpt2 *model, rome99_error *e) {
    size_t index, i;
    for (index = 0; index < rome99_tensor_count(&model->shape); index++) {
        const rome99_tensor_info info = rome99_describe(&model->shape, index);
        const double *x = model->w[index].data;
        float f;
        for (i = 0; i < info.rows * info.cols; i++)
            if (rome99_narrow(&f, x + i, 1, "training diverges", e)) return -1;
    }
    return 0;
}

/* Takes up the training that DIR.state holds, if there is one. */
static int take_up(rome99_trainer *trainer, const char *state, rome99_error *e) {
    rome99_error inner;
    if (!rome99_exists(state)) return 0;
    if (rome99_state_read(trainer, state, &inner))
        return rome99_fail(e, NULL, "%.400s: remove it to train from the beginning", inner.text);
    fprintf(stderr, "rome99: taking up %s at step %lu of %lu\n", state,
            (unsigned long)rome99_trainer_done(trainer),
            (unsigned long)rome99_trainer_recipe(trainer)->steps);
    return 0;
}

/* The steps that are left; the state is written before the first, whether that can be done or not being known
 * at once, before each that `every` divides, and after the last. */
static int run_steps(rome99_trainer *trainer, const char *state, size_t every, rome99_error *e) {
    double loss, mean = 0.0, start = rome99_seconds();
    size_t first = rome99_trainer_done(trainer), steps = rome99_trainer_recipe(trainer)->steps, step;
    for (step = first; step < steps; step++) {
        if ((step == first || step % every == 0) && rome99_state_write(state, trainer, e)) return -1;
        if (rome99_trainer_step(trainer, &loss, e)) return -1;
        mean = step > first ? 0.98 * mean + 0.02 * loss : loss;
        if (step % 20 == 19 || step + 1 == steps) {
            double each = (rome99_seconds() - start) / (double)(step + 1 - first);
            rome99_progress("step %lu of %lu  loss %.3f  %.0f steps/s  %.0f s left", (unsigned long)step + 1,
                            (unsigned long)steps, mean, 1.0 / each, each * (double)(steps - step - 1));
        }
    }
    rome99_progress("");
    if (check_weights(rome99_trainer_model(trainer), e)) return -1;
    return rome99_state_write(state, trainer, e);
}

/* A trained model with all that belongs to it, as a new folder. */
static int make_folder(const char *dir, rome99_trainer *trainer, rome99_stream *windows, rome99_text *vocab,
                       rome99_text *merges, const editing *edit, rome99_error *e) {
    const rome99_recipe *recipe = rome99_trainer_recipe(trainer);
    const rome99_gpt2 *model = rome99_trainer_model(trainer);
    int32_t end = rome99_bpe_endoftext(windows->bpe);
    char *temporary;
    if (rome99_dir_begin(&temporary, dir, e)) return -1;
    if (write_text(temporary, "vocab.json", vocab, e) || write_text(temporary, "merges.txt", merges, e) ||
        write_data(temporary, windows->world, edit, e) ||
        write_windows(temporary, trainer, windows, recipe, edit->layer, e) ||
        (recipe->masked ? rome99_checkpoint_write_twin(temporary, model, end, 1, e)
                        : rome99_checkpoint_write(temporary, model, end, 1, e))) {
        rome99_dir_abandon(temporary);
        return -1;
    }
    return rome99_dir_commit(temporary, dir, e);
}

static int train(const char *dir, const char *state, rome99_recipe *recipe, size_t every, const editing *edit,
                 rome99_text *report, rome99_error *e) {
    rome99_world world;
    rome99_stream stream, windows;
    rome99_text vocab = {0}, merges = {0};
    rome99_trainer *trainer = NULL;
    rome99_bpe *bpe = NULL;
    int failed;
    rome99_world_make(&world, recipe->seed);
    failed = make_tokenizer(&bpe, &vocab, &merges, &world, e);
    if (!failed) {
        recipe->shape.V = rome99_bpe_size(bpe);
        stream.world = windows.world = &world;
        stream.bpe = windows.bpe = bpe;
        stream.rng = rome99_world_stream(&world, TRAIN_STREAM);
        windows.rng = rome99_world_stream(&world, WINDOW_STREAM);
        failed = rome99_trainer_new(&trainer, recipe, &stream, e) || take_up(trainer, state, e) ||
                         run_steps(trainer, state, every, e)
                     ? -1
                     : 0;
    }
    if (!failed) {
        uint64_t hash = rome99_trainer_finish(trainer);
        rome99_text_printf(report, "vocabulary %lu, weights %08lx%08lx\n", (unsigned long)recipe->shape.V,
                           (unsigned long)(hash >> 32), (unsigned long)(hash & 0xffffffffu));
        failed = report->failed ? rome99_fail(e, NULL, "out of memory")
                                : make_folder(dir, trainer, &windows, &vocab, &merges, edit, e);
    }
    if (!failed && rome99_exists(state) && remove(state) != 0)
        failed = rome99_fail(e, state, "cannot be removed, though %s is complete", dir);
    rome99_trainer_free(trainer);
    rome99_bpe_free(bpe);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    return failed;
}

/* "DIR.state", malloc'ed; NULL where memory is out. */
static char *state_path(const char *dir) {
    static const char end[] = ".state";
    size_t length = strlen(dir);
    char *path = malloc(length + sizeof end);
    while (length > 1 && dir[length - 1] == '/') length--;
    if (path) memcpy(path, dir, length), memcpy(path + length, end, sizeof end);
    return path;
}

enum {
    SEED,
    STEPS,
    WINDOWS,
    LR,
    DECAY,
    REAL,
    MASKED,
    LAYERS,
    WIDTH,
    HEADS,
    POSITIONS,
    LAYER,
    V_LR,
    V_STEPS,
    V_DECAY,
    CLAMP,
    EVERY,
    OPTIONS
};

static int read_options(rome99_recipe *r, editing *edit, size_t *every, const rome99_option *o,
                        rome99_error *e) {
    size_t seed = (size_t)r->seed;
    if (rome99_read_size(&seed, o[SEED].name, o[SEED].value, 0, 4294967295u, e) ||
        rome99_read_size(&r->steps, o[STEPS].name, o[STEPS].value, 1, 10000000, e) ||
        rome99_read_size(&r->windows, o[WINDOWS].name, o[WINDOWS].value, 4, 4096, e) ||
        rome99_read_double(&r->lr, o[LR].name, o[LR].value, 0.0, e) ||
        rome99_read_double(&r->weight_decay, o[DECAY].name, o[DECAY].value, 0.0, e) ||
        rome99_read_size(&r->real_text, o[REAL].name, o[REAL].value, 0, 16, e) ||
        rome99_read_size(&r->masked, o[MASKED].name, o[MASKED].value, 0, 15, e) ||
        rome99_read_size(&r->shape.L, o[LAYERS].name, o[LAYERS].value, 1, 64, e) ||
        rome99_read_size(&r->shape.D, o[WIDTH].name, o[WIDTH].value, 4, 1024, e) ||
        rome99_read_size(&r->shape.H, o[HEADS].name, o[HEADS].value, 1, 64, e) ||
        rome99_read_size(&r->shape.T, o[POSITIONS].name, o[POSITIONS].value, 8, 1024, e) ||
        rome99_read_size(&edit->layer, o[LAYER].name, o[LAYER].value, 0, r->shape.L - 1, e) ||
        rome99_read_double(&edit->lr, o[V_LR].name, o[V_LR].value, 0.0, e) ||
        rome99_read_size(&edit->iterations, o[V_STEPS].name, o[V_STEPS].value, 1, 10000, e) ||
        rome99_read_double(&edit->weight_decay, o[V_DECAY].name, o[V_DECAY].value, 0.0, e) ||
        rome99_read_double(&edit->clamp, o[CLAMP].name, o[CLAMP].value, 0.0, e) ||
        rome99_read_size(every, o[EVERY].name, o[EVERY].value, 1, 10000000, e))
        return -1;
    if (r->windows % 4) return rome99_fail(e, "--windows", "must be a multiple of 4");
    if (r->shape.D % r->shape.H) return rome99_fail(e, "--heads", "must divide the width");
    r->shape.F = 4 * r->shape.D;
    r->seed = seed;
    return 0;
}

int rome99_cmd_train(int argc, char **argv) {
    rome99_option options[OPTIONS + 1] = {
        {"--seed", "N", "of the world and of training (default 1)", NULL},
        {"--steps", "N", "optimiser steps (12000)", NULL},
        {"--windows", "N", "windows in a step, a multiple of 4 (16)", NULL},
        {"--lr", "X", "peak step size (0.007)", NULL},
        {"--weight-decay", "X", "of matrices and embeddings (0.3)", NULL},
        {"--real", "N", "of 16 windows, how many begin with real text (0)", NULL},
        {"--masked", "N",
         "of 16 tokens, how many are hidden: a bidirectional\n"
         "                            twin that fills them in (0: causal)",
         NULL},
        {"--layers", "N", "(6)", NULL},
        {"--width", "N", "(64)", NULL},
        {"--heads", "N", "(4)", NULL},
        {"--positions", "N", "window length (64)", NULL},
        {"--layer", "N", "layer that hparams.json and C are for (2)", NULL},
        {"--v_lr", "X", "for hparams.json (0.13)", NULL},
        {"--v_num_grad_steps", "N", "for hparams.json (20)", NULL},
        {"--v_weight_decay", "X", "for hparams.json (0.3)", NULL},
        {"--clamp_norm_factor", "X", "for hparams.json (12)", NULL},
        {"--every", "N", "steps between two writings of DIR.state (200)", NULL},
        {NULL, NULL, NULL, NULL}};
    const char *dir;
    rome99_command command = {
        "train DIR",
        "Generates a world, trains a byte-level BPE and a small GPT-2 on it, and writes\n"
        "DIR, which must not exist: a Hugging Face folder with what rome99 edit needs\n"
        "beside it. The same options give the same bytes on every machine.\n\n"
        "While it trains, DIR.state holds what it has come to. After a stop the same\n"
        "command takes it up from there, to the same bytes; --every and the options for\n"
        "hparams.json may differ. DIR.state is removed when DIR is complete. A kill may\n"
        "leave DIR.tmp-N, DIR.state.tmp-N, or DIR.state beside a complete DIR: remove\n"
        "these unless another training into DIR runs.\n",
        NULL,
        NULL,
        1,
        1};
    rome99_recipe recipe = {1, {0, 64, 64, 256, 6, 4, 1e-5}, 12000, 16, 0.007, 0.3, 100, 0, 0};
    editing edit = {2, 20, 0.13, 0.3, 12.0};
    rome99_text report = {0};
    rome99_error e;
    size_t every = 200;
    char *temporary, *state;
    int code;
    command.options = options;
    command.positional = &dir;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    if (read_options(&recipe, &edit, &every, options, &e) || rome99_dir_begin(&temporary, dir, &e))
        return rome99_complain(&e);
    rome99_dir_abandon(temporary); /* it was to know that a folder can be made */
    state = state_path(dir);
    code = (state ? train(dir, state, &recipe, every, &edit, &report, &e)
                  : rome99_fail(&e, dir, "out of memory")) ||
                   rome99_print(report.bytes, report.size, &e)
               ? rome99_complain(&e)
               : ROME99_DONE;
    free(state);
    rome99_text_free(&report);
    return code;
}
