/* mutate.h: mutations that know a target's format, so that most inputs get past its header. */
#ifndef ROME99_FUZZ_MUTATE_H
#define ROME99_FUZZ_MUTATE_H
#include <stddef.h>

/* Changes data (size) in place, to at most `most` bytes; returns the new size. */
typedef size_t fuzz_mutation(unsigned char *data, size_t size, size_t most);

/* The mutation for the target of that name; `bytes` changes any bytes at random. */
size_t fuzz_mutate(const char *target, unsigned char *data, size_t size, size_t most, unsigned seed,
                   fuzz_mutation *bytes);

/* Between mutate.c and mutate_binary.c: `bytes` as above; one token of a text, or else bytes, changed; a
   mutation of data[at .. at + size) alone; a number below n; little-endian numbers. */
extern fuzz_mutation *fuzz_mutate_bytes;
fuzz_mutation fuzz_mutate_tokens, fuzz_mutate_json, fuzz_mutate_safetensors, fuzz_mutate_npy, fuzz_mutate_npz;
size_t fuzz_mutate_part(unsigned char *data, size_t whole, size_t most, size_t at, size_t size,
                        fuzz_mutation *mutation);
size_t fuzz_below(size_t n);
size_t fuzz_number(const unsigned char *p, int bytes);
void fuzz_put_number(unsigned char *p, size_t x, int bytes);

#endif
