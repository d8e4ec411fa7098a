/* checkpoint.h: Hugging Face GPT-2 folders: config.json, vocab.json, merges.txt, and the weights, in
   model.safetensors or in several files (shards.h). */
#ifndef ROME99_CHECKPOINT_H
#define ROME99_CHECKPOINT_H
#include "core/rome99.h"
#include "files/bpe.h"
#include "files/safetensors.h"

/* A model with its tokenizer. */
typedef struct {
    rome99_gpt2 model;
    rome99_bpe *bpe;
    void *weights; /* what model.w points at: all weights, each in its stored type */
} rome99_checkpoint;

/* Reads a folder. What is not plain GPT-2 (another activation, an untied head, scaled attention ...), sizes
   that disagree, a weight that is not finite: refused by name. Tensor names may begin with "transformer.";
   the buffers attn.bias and attn.masked_bias are ignored; lm_head.weight, if there is one, must be wte.weight
   bit for bit. Memory: the weights, the headers of their files, and a small constant. Returns 0, or -1 with *e
   set and nothing to free. */
int rome99_checkpoint_read(rome99_checkpoint *checkpoint, const char *folder, rome99_error *e);
/* The same of a twin, whose config.json says "bidirectional": true (rome99_batch): refused by the one above,
   as a folder that does not say so is by this one. */
int rome99_checkpoint_read_twin(rome99_checkpoint *checkpoint, const char *folder, rome99_error *e);
void rome99_checkpoint_free(rome99_checkpoint *checkpoint);

/* If set, called by both between pieces of at most 1 MiB: `done` of `bytes` are read; in the end all. */
extern void (*rome99_checkpoint_progress)(const char *folder, size_t done, size_t bytes);

/* Writes config.json and model.safetensors into an existing folder. Weights keep their types, save that a
   float64 one becomes float32 where `narrow` is set; what does not fit is refused. Returns 0, or -1 with *e
   set. */
int rome99_checkpoint_write(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow,
                            rome99_error *e);
/* The same, of a twin. */
int rome99_checkpoint_write_twin(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow,
                                 rome99_error *e);

#endif
