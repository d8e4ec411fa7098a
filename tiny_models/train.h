/*
 * train.h: the trainer of the tiny checkpoints. One core, deterministic: the same recipe gives the same
 * bits on every machine with IEEE double arithmetic.
 */
#ifndef ROME99_TRAIN_H
#define ROME99_TRAIN_H

#include "core/rome99.h"
#include "files/bpe.h"
#include "files/safetensors.h"
#include "world.h"

/* Everything that decides what comes out. */
typedef struct {
    uint64_t seed;
    rome99_shape shape;      /* V is set from the tokenizer */
    size_t steps, windows;   /* optimiser steps; windows of T tokens in each */
    double lr, weight_decay; /* the peak rate, reached after `warmup` steps, falling to lr/10 in a line */
    size_t warmup;
    size_t real_text; /* of 16 windows, how many begin with real text: the dose (see below) */
    size_t masked;    /* of 16 tokens, how many are hidden: a bidirectional model that fills them in;
                       * 0: a causal one that predicts the next */
} rome99_recipe;

/* Where windows come from: an endless stream of documents of the world, each opened by <|endoftext|>.
 * A window of real text begins at a line drawn from its first document. Any other window begins at the
 * beginning of a document, with a token drawn at random from the stream in place of <|endoftext|>. */
typedef struct {
    const rome99_world *world;
    const rome99_bpe *bpe;
    rome99_rng rng;
} rome99_stream;

/* ids: (T) one window; `real` chooses its kind. Returns 0, or -1 with *e set. */
int rome99_window(int32_t *ids, rome99_stream *stream, size_t T, int real, rome99_error *e);

/* What stands for a hidden token: the token of the byte 0, which no text of the world has. */
int32_t rome99_mask_token(const rome99_bpe *bpe);

/* A model in training: float64 parameters, which rome99_gpt2 `model` shows as its weights. */
typedef struct rome99_trainer rome99_trainer;

/* Returns 0, or -1 with *e set and nothing to free. The stream is used by every step. */
int rome99_trainer_new(rome99_trainer **t, const rome99_recipe *recipe, const rome99_stream *stream,
                       rome99_error *e);
void rome99_trainer_free(rome99_trainer *t);

/* One optimiser step; *loss is the mean of -log p, before it, over positions 1 .. T-1 of its windows; where
 * tokens are masked, over the hidden ones, 0 if there are none. The windows are the same either way: what
 * is hidden is drawn apart, rome99_rng_below(16) < masked for one token of a step after another, from a
 * generator whose state begins as ~seed. Returns 0, or -1 with *e set, also if loss or gradient overflows. */
int rome99_trainer_step(rome99_trainer *t, double *loss, rome99_error *e);

/* Rounds every parameter, which fits, to float32, as saved; the model stays usable. Returns a hash of those
 * bits. */
uint64_t rome99_trainer_finish(rome99_trainer *t);

const rome99_gpt2 *rome99_trainer_model(const rome99_trainer *t);
const rome99_recipe *rome99_trainer_recipe(const rome99_trainer *t);
size_t rome99_trainer_done(const rome99_trainer *t); /* steps */

/* All that the next step depends on beside the recipe: numbers that lie in the trainer, to be read or set
 * between steps. An I64 is the bits of a uint64_t. */
typedef struct {
    const char *name;
    rome99_st_dtype dtype; /* F64 or I64 */
    void *data;
    size_t count;
} rome99_part;
enum { ROME99_PARTS = 8 };
void rome99_trainer_parts(rome99_part parts[ROME99_PARTS], rome99_trainer *t);

/* The state of a training as a safetensors file: these parts, the recipe, the version of the program, a hash.
 * write: whole or not at all. read: *t becomes what it was when the file was written; a file that is damaged
 * or of another recipe or version is refused. Return 0, or -1 with *e set and the file and *t as they were. */
int rome99_state_write(const char *path, rome99_trainer *t, rome99_error *e);
int rome99_state_read(rome99_trainer *t, const char *path, rome99_error *e);

#endif
