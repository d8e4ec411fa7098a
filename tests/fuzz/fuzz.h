/* fuzz.h: what the fuzz targets share (README.md says what they are). */
#ifndef ROME99_FUZZ_H
#define ROME99_FUZZ_H

#include "edit/checkpoint.h"
#include "files/json.h"
#include "files/os.h"
#include "files/text.h"

/* A target takes any bytes, and returns 1 where the reader accepted them, else 0. */
typedef int fuzz_run(const unsigned char *data, size_t size);
typedef struct {
    const char *name;
    fuzz_run *run;
} fuzz_target;
enum { FUZZ_TARGETS = 10 };
extern const fuzz_target fuzz_targets[FUZZ_TARGETS];
extern fuzz_run fuzz_json, fuzz_safetensors, fuzz_npy, fuzz_npz, fuzz_bpe, fuzz_config, fuzz_golden,
    fuzz_results, fuzz_requests, fuzz_argv;

/* The target of that name, or NULL. */
const fuzz_target *fuzz_find(const char *name, size_t size);

/* Defined by what drives the targets (libfuzzer.c, replay.c). wrong: an input shows a mistake that nothing
   else catches. memory: what was allocated since the target was called must not have exceeded `factor`
   times `size` and 2 MiB. */
void fuzz_wrong(const char *format, ...);
void fuzz_memory(size_t size, size_t factor);

/* The part of an input up to the next byte 1E, or, if `last`, all the rest; moves *data and *size behind
   it. */
typedef struct {
    const unsigned char *bytes;
    size_t size;
} fuzz_part;
fuzz_part fuzz_next(const unsigned char **data, size_t *size, int last);

/* A folder for files, made when first asked for, below $FUZZ_SCRATCH or build/tmp, and removed at exit; the
   path of a file there, malloc'ed; writes one, or removes it where bytes is NULL, and returns its path,
   malloc'ed. */
const char *fuzz_folder(void);
char *fuzz_path(const char *name);
char *fuzz_file(const char *name, const void *bytes, size_t size);

/* The golden cases' formula model with its tokenizer, in the scratch folder's "formula"; made once. */
const rome99_checkpoint *fuzz_model(void);

#endif
