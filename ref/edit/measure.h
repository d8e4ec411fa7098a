/* measure.h: texts through a model before and after an edit, in pieces that bound memory. */
#ifndef ROME99_MEASURE_H
#define ROME99_MEASURE_H

#include "core/rome99.h"
#include "files/os.h"

/* The index of the greatest of V logits; of equal ones the first. None is a NaN. */
int32_t rome99_argmax(const double *logits, size_t V);

/* What the logits behind a position say of the token that should follow. A model whose activations overflow
 * says nothing: if a logit is NaN or +inf, no token is probable, and every perplexity is infinite. */
typedef struct {
    double logp;    /* its log probability, or -inf */
    int32_t argmax; /* the most probable token, or -1 */
} rome99_score;
rome99_score rome99_score_token(const double *logits, size_t V, int32_t id);

/* A list of texts of which some tokens are to be predicted. Starts as {0}. */
typedef struct {
    int32_t *ids, *targets;
    size_t n_ids, n_targets, n; /* n texts */
    struct rome99_text_place {
        size_t ids, length;           /* its tokens */
        size_t targets, from, scored; /* position from + i predicts targets[i], i < scored */
    } * text;
} rome99_texts;

/* Adds a text of `length` tokens whose positions from .. from+scored-1 are scored against `targets`, or
 * against token 0 where that is NULL. Returns 0, or -1 with *e set. */
int rome99_texts_add(rome99_texts *texts, const int32_t *ids, size_t length, const int32_t *targets,
                     size_t from, size_t scored, rome99_error *e);
/* A prompt that the target is to follow: the prompt's tokens, then the target's without the last. */
int rome99_texts_add_target(rome99_texts *texts, const int32_t *prompt, size_t n_prompt,
                            const int32_t *target, size_t n_target, rome99_error *e);
void rome99_texts_free(rome99_texts *texts);

/* Memory that is kept from one use to the next and grows: fresh pages cost more than the arithmetic of a
 * small model. Starts as {0}. */
typedef struct {
    void *at;
    size_t bytes;
} rome99_memory;

/* At least that many bytes, whose content is lost; NULL where memory is out or bytes is SIZE_MAX. trim: gives
 * back what is more than 32 MiB. */
void *rome99_memory_get(rome99_memory *memory, size_t bytes);
void rome99_memory_trim(rome99_memory *memory);
void rome99_memory_free(rome99_memory *memory);

/* What edits of one layer's W cannot change, kept from one measurement of the same texts to the next: that
 * layer's keys and the stream beside its MLP. Starts as {0}; filled only while it takes at most 32 MiB. */
typedef struct {
    double *k, *x_mid; /* (rows, F), (rows, D) of all texts; NULL until filled */
} rome99_cache;
void rome99_cache_free(rome99_cache *cache);

/* Scores every target of every text: `before` with the model as it is, `after` with W1 (F, D) in place of the
 * layer's W; rms: root-mean-square difference of that layer's MLP output, over all rows: infinite if the edited
 * one overflows, NaN if the other does. Any of the three may be NULL; W1 is not read if the last two are. cache:
 * NULL, or kept for these texts, this layer, and models that differ in that W only. memory: for the passes. No
 * text is longer than T. Returns 0, or -1 with *e set. */
int rome99_measure(rome99_score *before, rome99_score *after, double *rms, const rome99_gpt2 *model,
                   size_t layer, const double *W1, const rome99_texts *texts, rome99_cache *cache,
                   rome99_memory *memory, rome99_error *e);

/* (E2) C (F, F) of a layer over all positions of all texts. Refused if it is not finite. */
int rome99_measure_moment(double *C, const rome99_gpt2 *model, size_t layer, const rome99_texts *texts,
                          rome99_error *e);

/* Mean over texts of exp(mean -log p): sentence perplexity. exp(mean -log p over all targets): stream. */
double rome99_sentence_ppl(const rome99_texts *texts, const rome99_score *outcomes);
double rome99_stream_ppl(const rome99_texts *texts, const rome99_score *outcomes);

#endif
