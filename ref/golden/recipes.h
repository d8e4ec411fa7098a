/* recipes.h: what the recipes of golden cases share. */
#ifndef ROME99_RECIPES_H
#define ROME99_RECIPES_H

#include "golden/golden.h"

/* An input (rows, cols) of multiples of 1/512 in [-2, 2), from a seed. */
double *rome99_golden_filled(rome99_golden *c, const char *name, size_t rows, size_t cols, uint64_t seed);

/* The formula model of golden/FORMAT.md, disturbed by the case's noise. Its weights stay with the case. */
extern const rome99_shape rome99_formula_shape;
enum { ROME99_FORMULA_SEED = 102 };
void rome99_formula_model(rome99_gpt2 *model, rome99_golden *c);

/* A model whose weights are all 0: p (tensors) points at them, to be set. */
double **rome99_zero_model(rome99_gpt2 *model, rome99_golden *c, const rome99_shape *shape);

/* Room for a pass over S texts that keeps every layer, with logits of all rows, and a backward pass. */
void rome99_golden_run(rome99_run *run, rome99_batch *batch, rome99_golden *c, const rome99_shape *shape,
                       const int32_t *ids, const size_t *length, size_t S);

/* Expects `name`: logits (rows, V) at the last positions of a prompt of T ids. */
void rome99_golden_logits(rome99_golden *c, const char *name, const rome99_gpt2 *model, const int32_t *ids,
                          size_t T, size_t rows);

/* How many roundings follow one another in a forward pass over T positions. */
size_t rome99_forward_roundings(const rome99_shape *shape, size_t T);

/* The update (E3) of one method, and what mistakes give there: u, the denominators, residual, right. C, L:
 * (F, F) the second moment and its factor, NULL for the identity. update: its memory is the case's. */
void rome99_golden_update(rome99_golden *c, rome99_update *update, rome99_method method,
                          const rome99_pair *pair, const double *C, const double *L);
/* dW itself; its measures, (E4) where there is a C. */
void rome99_golden_dW(rome99_golden *c, const rome99_update *update, size_t F, size_t D);
void rome99_golden_measures(rome99_golden *c, const rome99_update *update, const rome99_pair *pair,
                            const double *C);
/* k_bar and m_bar without the empty template, m_u and m_bar without the bias b (D). */
void rome99_golden_wrong_means(rome99_golden *c, const rome99_pair *pair, const double *m_all,
                               const double *b);
/* The example for pencil and paper: keys of two dimensions. */
void rome99_golden_pencil(rome99_golden *c, int method);
extern const char *const rome99_golden_methods[]; /* by rome99_method */

/* y = gelu with the error function instead of tanh. */
double rome99_erf_gelu(double x);

/* One way to get delta's optimisation wrong. */
typedef enum {
    ROME99_NO_MISTAKE,
    ROME99_KL_REVERSED,          /* KL(p_0 || p) */
    ROME99_KL_FACTOR_MISSING,    /* kl_factor taken as 1 */
    ROME99_WEIGHT_DECAY_SQUARED, /* |delta|^2 / |m_u|^2 */
    ROME99_NLL_SUMMED,           /* over the target's tokens, not their mean */
    ROME99_WEIGHTS_CONSTANT,     /* gradient of KL with its weights p taken as constant */
    ROME99_NO_BIAS_CORRECTION,   /* in Adam */
    ROME99_NOT_CLAMPED,
    ROME99_ONE_STEP_MORE, /* after the last forward */
    ROME99_KL_AT_LAST,    /* at the KL prompt's last token, not its lookup position */
    ROME99_DELTA_AT_LAST, /* added at each prompt's last token, not its lookup position */
    ROME99_MISTAKES
} rome99_mistake;

/* (E5) by whole forward and backward passes, as the equations stand. pair: k_u, m_u are read; losses, steps,
 * gradients, forwards and delta are made. */
void rome99_delta_variant(rome99_golden *c, rome99_pair *pair, const rome99_gpt2 *model,
                          const rome99_hparams *h, const rome99_request *q, rome99_mistake mistake);

/* The lists of ops.c, blocks.c and formula.c. */
extern const rome99_golden_recipe rome99_golden_ops[], rome99_golden_blocks[], rome99_golden_forward[];
extern const size_t rome99_golden_ops_count, rome99_golden_blocks_count, rome99_golden_forward_count;

#endif
