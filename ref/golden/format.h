/* format.h: golden cases as files (golden/FORMAT.md), and what is compared with them, in three formats. */
#ifndef ROME99_FORMAT_H
#define ROME99_FORMAT_H

#include "files/os.h"
#include "files/text.h"
#include "golden/golden.h"

#define ROME99_GOLDEN_MAGIC "rome99 golden 1"

/* Appends the case in the text format, the same bytes on every machine: tensors by role, else in their order;
 * tolerances rounded up to two digits; decimals beside the words of at most 256 values. Reading gives it all
 * back, save for that rounding. Preconditions: keys and names without blanks, keys and values without line
 * ends, texts in UTF-8, no line of more than 8191 bytes. */
void rome99_golden_write(rome99_text *out, const rome99_golden *c);

/* Reads a golden case; all that FORMAT.md asks for must be there, once. Names differ among notes, among
 * texts, among tensors. Every NaN becomes 7ff8000000000000. Memory: at most 16 times the file. Returns 0, or
 * -1 with *e = "FILE:LINE: what is wrong" and nothing to free. */
int rome99_golden_read(rome99_golden *c, const char *path, rome99_error *e);

/* The same from malloc'ed bytes with a NUL behind them, as rome99_read_file gives them, which it takes over,
 * also where it fails. If not `strict`, a candidate: attributes may be left out, decimals stand for words. */
int rome99_golden_parse(rome99_golden *c, unsigned char *bytes, size_t size, const char *path, int strict,
                        rome99_error *e);

/* x; but every NaN is 7ff8000000000000. */
double rome99_golden_settled(double x);

/* Reads what is to be compared with a case: a text as above, safetensors, or .npz, as the first bytes say. A
 * role that is not given is `expected`. No dimension: 1 x 1; one: n x 1; more than two: all but the last are
 * rows. Floats are widened; integers go to i64, those of .npz, below 2^53, to f64; `data` is NULL where the
 * elements are neither. Returns 0, or -1 with *e set and nothing to free. */
int rome99_candidate_read(rome99_golden *c, const char *path, rome99_error *e);

/* Frees a case that was read. */
void rome99_golden_free(rome99_golden *c);

#endif
