/*
 * golden.h: golden cases: named tensors with tolerances, that any implementation can be checked against.
 * golden/FORMAT.md describes the files; here is a case in memory, how the reference makes it, and how two are
 * compared. What case.c, ops.c and formula.c define needs the core alone: a board without files runs it.
 *
 *   case.c     a case and its tolerances; the difference of two tensors
 *   ops.c      cases of operations on numbers and small matrices
 *   blocks.c   cases of the model's building blocks
 *   update.c   what (E3) and its mistakes give; pencil and paper
 *   formula.c  the formula model, a forward pass
 *   edits.c    edits of it; the list of all cases
 *   variant.c  delta's optimisation by whole passes, with a mistake planted
 *   words.c    tokenizer and lookup positions                              (needs ref/files, ref/edit)
 *   trained.c  edits of the tiny checkpoints                               (needs ref/files, ref/edit)
 *   format.c   the text format (candidate.c: others); compare.c, report.c, check.c, make.c, export.c: what commands do
 */
#ifndef ROME99_GOLDEN_H
#define ROME99_GOLDEN_H

#include "core/arena.h"
#include "core/rome99.h"

#include <float.h>

/* Whether double arithmetic is done in double. Where it is not (x87, 68881), bits differ, and class exact becomes
 * f64. */
#define ROME99_EXACT_DOUBLES (FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1)

/* ------------------------------------------------------------------------------ a case */

/* The order in a file. */
typedef enum { ROME99_INPUT, ROME99_WRONG, ROME99_EXPECTED } rome99_role;

/* A matrix; a vector is n x 1, a number 1 x 1. A wrong one is named after the expected tensor that it would be
 * there in place of: "u!no_solve"; the text of that name says what the mistake is. */
typedef struct {
    const char *name;
    rome99_role role;
    int integer, exact; /* int64_t rather than double; class exact rather than f64 */
    size_t rows, cols;
    double tol64, tol32; /* on the error below; tol32 is infinite where float32 cannot be asked for it */
    size_t roundings;    /* the case's when it was added */
    void *data;
} rome99_golden_tensor;

typedef struct {
    const char *key, *value;
} rome99_golden_note;

typedef struct {
    const char *name, *bytes;
    size_t size;
} rome99_golden_text;

typedef struct rome99_golden {
    rome99_golden_note *note;
    rome99_golden_text *text;
    rome99_golden_tensor *tensor;
    size_t notes, texts, tensors;
    rome99_arena arena; /* where all of it lies */
    size_t roundings;   /* the longest chain of roundings on the way to what is added next */
    size_t to_keys;     /* the same to the keys, which are known before delta is */
    int given;          /* the function of numbers that are given to the last bit: A is 1 in tol64 */
    int brief;          /* a whole edit: without what the cases of (E3) alone have, denominator_raw */
    double noise;       /* inputs and weights are multiplied by 1 + noise * (a number in [-1, 1)) */
    rome99_rng rng;     /* that number's */
    const struct rome99_golden *fed; /* NULL, or the case whose inputs take the place of its own */
} rome99_golden;

/* ------------------------------------------------------------------------- making a case */

/* Memory that is enough for every such case, its scratch included. */
#define ROME99_GOLDEN_BYTES ((size_t)8 << 20)
enum { ROME99_GOLDEN_NOTES = 160, ROME99_GOLDEN_TEXTS = 96, ROME99_GOLDEN_TENSORS = 128 };

/* An empty case in memory (ROME99_GOLDEN_BYTES), aligned for a double. */
void rome99_golden_begin(rome99_golden *c, void *memory);

/* Add to the case, and return the zeroed numbers (rows, cols) to be filled. Names, keys and notes are not
 * copied. expected: class f64; exact: class exact; integers: class exact, whatever the role. */
double *rome99_golden_input(rome99_golden *c, const char *name, size_t rows, size_t cols);
double *rome99_golden_expected(rome99_golden *c, const char *name, size_t rows, size_t cols);
double *rome99_golden_exact(rome99_golden *c, const char *name, size_t rows, size_t cols);
int64_t *rome99_golden_integers(rome99_golden *c, rome99_role role, const char *name, size_t rows,
                                size_t cols);
/* Integer inputs, or (of ids) any role. */
void rome99_golden_sizes(rome99_golden *c, const char *name, const size_t *x, size_t n);
void rome99_golden_ids(rome99_golden *c, rome99_role role, const char *name, const int32_t *x, size_t n);
/* The value that a known mistake gives for the expected tensor `name`, as name!mistake, in its shape (declared
 * before or after). The sentence says what the mistake is, to whoever made it. */
double *rome99_golden_wrong(rome99_golden *c, const char *name, const char *mistake, const char *sentence,
                            size_t rows, size_t cols);

/* One number, or a copy of many. */
void rome99_golden_input_number(rome99_golden *c, const char *name, double x);
void rome99_golden_expected_number(rome99_golden *c, const char *name, double x);
void rome99_golden_expected_copy(rome99_golden *c, const char *name, const double *x, size_t rows,
                                 size_t cols);

void rome99_golden_note_add(rome99_golden *c, const char *key, const char *value);
void rome99_golden_text_add(rome99_golden *c, const char *name, const char *bytes, size_t size);

/* The tensor that was added last cannot be asked of float32: its numbers do not fit. */
void rome99_golden_not_float32(rome99_golden *c);

/* Scratch that stays until the case goes. */
void *rome99_golden_scratch(rome99_golden *c, size_t bytes);
double *rome99_golden_doubles(rome99_golden *c, size_t n);

/* Every recipe calls this between its inputs and what it computes from them: feeds it those of c->fed, applies
 * the noise. */
void rome99_golden_inputs_done(rome99_golden *c);
/* x[i] *= 1 + noise * (a number in [-1, 1)); for weights that are no inputs. */
void rome99_golden_disturb(rome99_golden *c, double *x, size_t n);

/* The tensor of that name, or NULL. */
const rome99_golden_tensor *rome99_golden_find(const rome99_golden *c, const char *name);

/* --------------------------------------------------------------------------- the cases */

/* Makes one case: notes, texts, inputs, wrong and expected tensors, without tolerances. */
typedef struct {
    const char *name; /* "ops/softmax": its file, without ".txt" */
    const char *about;
    void (*make)(rome99_golden *c, int variant);
    int variant;
} rome99_golden_recipe;
/* Those that need the core alone. */
size_t rome99_golden_recipe_count(void);
rome99_golden_recipe rome99_golden_recipe_at(size_t i);

/* ------------------------------------------------------------------------ tolerances */

/* Sets the tolerances of c. A: (c->tensors) how sensitive each tensor is: its greatest relative change over
 * the noise in ROME99_GOLDEN_TRIALS makings of the case.
 *     tol64 = 8 sqrt(n) max(A, 1) 2^-53,   tol32 = 8 sqrt(n) max(A, 1) 2^-24,   n = roundings:
 * the probabilistic bound of Higham and Mary (2019), which independent roundings pass with probability
 * 2 exp(-32). tol32 above 1/4 becomes infinite. Class exact: 0; of doubles, infinite in float32. */
enum { ROME99_GOLDEN_TRIALS = 8 };
#define ROME99_GOLDEN_NOISE (1.0 / 1073741824.0)
void rome99_golden_tolerances(rome99_golden *c, const double *A);

/* ------------------------------------------------------------------------- comparing */

/* How near a tensor is to what was expected, best first. */
typedef enum { ROME99_EXACT, ROME99_IN_F64, ROME99_IN_F32, ROME99_APART } rome99_class;

typedef struct {
    rome99_class reached; /* by the expected tensor's tolerances */
    double error;         /* |a - b| / max(|a|, |b|), 0 for equal bits; infinite for a NaN or another shape */
    double worst;         /* the same of the worst element */
    size_t row, col;      /* where that is, from 0 */
    double got, expected; /* there */
    int shape;            /* the shapes are the same */
} rome99_golden_difference;
rome99_golden_difference rome99_golden_compare(const rome99_golden_tensor *expected,
                                               const rome99_golden_tensor *got);

#endif
