/* setup.h: a model's folder with everything that an edit needs beside it. */
#ifndef ROME99_SETUP_H
#define ROME99_SETUP_H

#include "edit/checkpoint.h"
#include "edit/measure.h"
#include "edit/request.h"

/* The options that choose other files than the folder's, or override its hparams.json. */
enum {
    ROME99_O_LAYER,
    ROME99_O_TEMPLATES,
    ROME99_O_COV,
    ROME99_O_HPARAMS,
    ROME99_O_V_LR,
    ROME99_O_V_NUM_GRAD_STEPS,
    ROME99_O_V_WEIGHT_DECAY,
    ROME99_O_CLAMP,
    ROME99_O_KL_FACTOR,
    ROME99_O_FACT_TOKEN,
    ROME99_O_TEST_PREFIXES,
    ROME99_O_TEXT,
    ROME99_O_SENTENCES,
    ROME99_CHOICES
};

/* Their names, what their value is, and a line of help. */
typedef struct {
    const char *name, *argument, *help;
} rome99_choice;
extern const rome99_choice rome99_choices[ROME99_CHOICES];

typedef struct {
    rome99_checkpoint checkpoint;
    rome99_settings settings;
    rome99_prefixes templates;
    rome99_prefixes test_prefixes; /* none: n == 0 */
    double *C;                     /* (F, F) the corpus's; NULL if there is none */
    double *L;                     /* (F, F) its Cholesky factor; NULL: C = identity in the solve */
    rome99_texts stream;           /* windows or a cut text; none: n == 0 */
    rome99_texts sentences;        /* none: n == 0 */
    rome99_cache stream_cache, sentence_cache;
    rome99_memory memory; /* for passes */
} rome99_setup;

/* Reads MODEL and its other files. chosen: (ROME99_CHOICES) the options' values, NULL where not given. Layer, templates and C must come from the folder or
 * an option, the rest may be missing. with_ppl == 0: neither windows, text nor sentences are read. */
int rome99_setup_read(rome99_setup *setup, const char *folder, const char *const *chosen, int with_ppl,
                      rome99_error *e);
void rome99_setup_free(rome99_setup *setup);

/* C (F, F), malloc'ed, from a file whose name's end tells what it is: ".npy"; ".npz", upstream's statistics,
 * of which C is mom2.mom2 / mom2.count; else safetensors with a tensor "C", F32 or F64. It is finite, and
 * symmetric but for the rounding of float32. Returns 0, or -1 with *C = NULL and *e set. */
int rome99_read_cov(double **C, const char *path, size_t F, rome99_error *e);

/* Texts for perplexities, each appended to *texts (which starts as {0}):
 * a file of sentences, one a line, or ME-PPL's JSON; sentences longer than n_positions are cut, with a
 * message on standard error; one of a single token is refused. */
int rome99_read_sentences(rome99_texts *texts, const char *path, const rome99_checkpoint *checkpoint,
                          rome99_error *e);
/* A text encoded whole and cut every n_positions (the rest is dropped); or, where the file's name ends in
 * ".safetensors", the windows `ids` (n, T) in it. Windows have `least` tokens or more: 2 where something is to
 * be predicted, else 1. */
int rome99_read_stream(rome99_texts *texts, const char *path, const rome99_checkpoint *checkpoint,
                       size_t least, rome99_error *e);

/* `text`, which was given for `name`, as a whole number from least to most, or as a finite number not below
 * least. NULL leaves *out alone. Return 0, or -1 with *e set. */
int rome99_read_size(size_t *out, const char *name, const char *text, size_t least, size_t most,
                     rome99_error *e);
int rome99_read_double(double *out, const char *name, const char *text, double least, rome99_error *e);

#endif
