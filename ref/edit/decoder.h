/* decoder.h: a text that grows token by token, with keys and values of earlier positions kept. */
#ifndef ROME99_DECODER_H
#define ROME99_DECODER_H

#include "edit/checkpoint.h"

typedef struct {
    const rome99_gpt2 *model;
    rome99_batch batch; /* one text of `most` rows, of which `n` are computed */
    rome99_run run;
    size_t n;
    void *batch_memory, *run_memory;
} rome99_decoder;

/* For `most` <= n_positions tokens, of which the first call appends `first`. Returns 0, or -1 with *e set and
 * nothing to free. The model must outlive the decoder. */
int rome99_decoder_new(rome99_decoder *d, const rome99_gpt2 *model, size_t first, size_t most,
                       rome99_error *e);
void rome99_decoder_free(rome99_decoder *d);

/* Appends tokens; returns the logits (V) behind the last one, good until the next call, or NULL with *e set
 * where they are not finite. Precondition: count >= 1, and no more than `most` tokens in all. */
const double *rome99_decoder_append(rome99_decoder *d, const int32_t *ids, size_t count, rome99_error *e);

/* Encodes a text that a decoder is to begin with: 1 to n_positions tokens. *ids is malloc'ed. */
int rome99_decoder_prompt(int32_t **ids, size_t *n, const rome99_checkpoint *c, const char *text,
                          rome99_error *e);

/* Logits (V), malloc'ed, behind a text. Returns 0, or -1 with *logits = NULL and *e set. */
int rome99_decoder_logits(double **logits, const rome99_checkpoint *c, const char *text, rome99_error *e);

/* Greedy continuation: appends to `out` the text of the prompt and of up to `more` tokens behind it. */
int rome99_decoder_continue(rome99_text *out, const rome99_checkpoint *c, const rome99_gpt2 *model,
                            const char *text, size_t more, size_t top_k, uint64_t seed, rome99_error *e);

#endif
