/* bpe.h: GPT-2's byte-level BPE tokenizer, from its two files vocab.json and merges.txt.

   A text is first split into pieces by the pattern
       's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
   (the first alternative that matches wins; classes of Unicode 15.0). A byte that is not part of well-formed
   UTF-8 counts as a character that is no letter, number or white space. Then, within each piece, all
   occurrences of the adjacent pair of lowest rank (its line in merges.txt) are joined from left to right,
   until no pair is listed. <|endoftext|> anywhere in a text, where the vocabulary has it, is one token, and
   the text ends before it and begins anew behind it. */
#ifndef ROME99_BPE_H
#define ROME99_BPE_H
#include "files/os.h"
#include "files/text.h"
#include <stdint.h>

/* A tokenizer never changes once it is read; threads may share it. */
typedef struct rome99_bpe rome99_bpe;

/* Read a tokenizer from files or from memory (the names are for messages). vocab.json: an object from V
   tokens to ids, which are 0 to V - 1, each once; all 256 single bytes are tokens. merges.txt: a first line
   "#version..." may be there; every other line is two tokens with one blank between, in the vocabulary like
   what they join to; no pair twice. Return 0, or -1 with *bpe = NULL and *e set. */
int rome99_bpe_read(rome99_bpe **bpe, const char *vocab_path, const char *merges_path, rome99_error *e);
int rome99_bpe_parse(rome99_bpe **bpe, const char *vocab_name, const unsigned char *vocab, size_t vocab_size,
                     const char *merges_name, const unsigned char *merges, size_t merges_size,
                     rome99_error *e);
void rome99_bpe_free(rome99_bpe *bpe); /* NULL is allowed */

size_t rome99_bpe_size(const rome99_bpe *bpe);       /* V, the number of tokens */
int32_t rome99_bpe_endoftext(const rome99_bpe *bpe); /* the id of <|endoftext|>, or -1 if there is none */

/* The ids (n) of a text of any bytes; if `ends` is not NULL also *ends (n), where each token ends in the
   text. Both are malloc'ed for the caller, even if n is 0. Together the tokens' bytes are the text. Time n
   log n at worst. Returns 0, or -1 with *e set (out of memory; a piece of 4 GiB) and nothing to free. */
int rome99_bpe_encode(int32_t **ids, size_t **ends, size_t *n, const rome99_bpe *bpe,
                      const unsigned char *text, size_t size, rome99_error *e);

/* The bytes of one token, 0 <= id < V, owned by the tokenizer, without a NUL; append the bytes of n tokens. */
const unsigned char *rome99_bpe_token(size_t *size, const rome99_bpe *bpe, int32_t id);
void rome99_bpe_decode(rome99_text *out, const rome99_bpe *bpe, const int32_t *ids, size_t n);

/* The length, at least 1, of the piece that begins a text of size >= 1; <|endoftext|> is nothing special. */
size_t rome99_bpe_split(const unsigned char *text, size_t size);

/* The byte whose token has this id, 0 to 255, in GPT-2's order. */
unsigned char rome99_bpe_byte(int32_t id);

#endif
