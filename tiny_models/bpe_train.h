/* bpe_train.h: makes a byte-level BPE vocabulary from a text. */
#ifndef ROME99_BPE_TRAIN_H
#define ROME99_BPE_TRAIN_H

#include "files/os.h"
#include "files/text.h"

#include <stdint.h>

/* The merges that make each piece of the text (split as files/bpe.h says) one token: again and
 * again, the most frequent adjacent pair of tokens within pieces becomes a token; of equally
 * frequent ones, the pair with the smaller left id, then the smaller right id. *pairs (n) is
 * malloc'ed for the caller, in the form that rome99_bpe_format takes; the vocabulary has 256 + n
 * + 1 tokens. Time grows with n times the bytes of the distinct pieces. Returns 0, or -1 with *e
 * set (memory; 2 GiB of distinct pieces) and nothing to free. */
int rome99_bpe_train(int32_t (**pairs)[2], size_t *n, const unsigned char *text, size_t size,
                     rome99_error *e);

/* Appends the texts of vocab.json and merges.txt of a new vocabulary: ids 0 to 255 are the bytes in
 * GPT-2's order (rome99_bpe_byte), 256 + i is pairs[i][0] joined with pairs[i][1] (both ids below
 * 256 + i), and the last, 256 + n, is <|endoftext|>. No two tokens may have the same bytes: reading
 * would refuse that. */
void rome99_bpe_format(rome99_text *vocab, rome99_text *merges, int32_t (*pairs)[2], size_t n);

#endif
