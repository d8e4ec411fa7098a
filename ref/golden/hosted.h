/* hosted.h: golden cases that need files: the tokenizer's, and edits of trained checkpoints. */
#ifndef ROME99_HOSTED_H
#define ROME99_HOSTED_H

#include "edit/edit.h"
#include "golden/golden.h"

/* Like rome99_golden_recipe, but it can fail: returns 0, or -1 with *e set. models: the folder with the
 * checkpoints, `needs` the one below it that the case is computed with, or NULL. */
typedef struct {
    const char *name, *about, *needs;
    int (*make)(rome99_golden *c, const char *models, int variant, rome99_error *e);
    int variant;
} rome99_hosted_recipe;
extern const rome99_hosted_recipe rome99_golden_words[], rome99_golden_trained[];
extern const size_t rome99_golden_words_count, rome99_golden_trained_count;

/* Any case, by its number among all: those of the core, of words, of trained checkpoints. */
size_t rome99_golden_count(void);
rome99_hosted_recipe rome99_golden_at(size_t i);

/* Makes it in memory (ROME99_GOLDEN_BYTES), with the noise that is given, and the inputs of `fed` if that is not
 * NULL. Returns 0, or -1 with *e set. */
int rome99_golden_make(rome99_golden *c, void *memory, size_t i, const char *models, double noise,
                       uint64_t seed, const rome99_golden *fed, rome99_error *e);
/* The same complete: with tolerances, and without wrong tensors that are hardly wrong. */
int rome99_golden_complete(rome99_golden *c, void *memory, size_t i, const char *models, rome99_error *e);

/* What a check of committed cases found. */
typedef struct {
    size_t cases, tensors, apart; /* apart: tensors that do not reach their class */
    rome99_class reached;         /* the worst class of any tensor */
} rome99_golden_tally;

/* Makes a case again and compares it with folder/NAME.txt: inputs must be the same bits, wrong and expected
 * tensors too where ROME99_EXACT_DOUBLES; elsewhere it is fed the committed inputs, and the class is f64. Adds to the tally, and to
 * `out` a line for each tensor that is not so. Returns 0, or -1 with *e set where a file cannot be read. */
int rome99_golden_check(rome99_golden_tally *tally, rome99_text *out, const char *folder, size_t i,
                        const char *models, rome99_error *e);

/* folder/MANIFEST, in the form of sha256sum: every case's file. write: appends it for the cases in folder;
 * check: each file that it names has that hash, and it names every case. Return 0, or -1 with *e set. */
int rome99_manifest_write(rome99_text *out, const char *folder, rome99_error *e);
int rome99_manifest_check(const char *folder, rome99_error *e);

/* The cases in n files as C arrays, and as tensors of a safetensors file. Return 0, or -1 with *e set. */
int rome99_golden_c_header(rome99_text *out, const char *const *paths, size_t n, rome99_error *e);
int rome99_golden_safetensors(const char *to, const char *const *paths, size_t n, rome99_error *e);

/* The formula model's tokenizer; its vocab.json, appended, and merges.txt. */
int rome99_formula_bpe(rome99_bpe **bpe, rome99_error *e);
void rome99_formula_vocabulary(rome99_text *out);
extern const char rome99_formula_merges[];
/* The formula model as a new Hugging Face folder, with templates.json. Returns 0, or -1 with *e set and nothing
 * left behind. */
int rome99_formula_folder(const char *path, rome99_error *e);

/* SHA-256 of a file, as 64 hexadecimal digits. Returns 0, or -1 with *e set. */
int rome99_sha256_file(char hex[65], const char *path, rome99_error *e);
void rome99_sha256(char hex[65], const void *data, size_t size);

#endif
