/* compare.h: what rome99 compare says: how near a candidate is to a golden case, and where the two part. */
#ifndef ROME99_COMPARE_H
#define ROME99_COMPARE_H

#include "files/text.h"
#include "golden/golden.h"

enum { ROME99_OWN_CLASS = -1 };

/* Appends lines of at most 79 columns: one for each expected tensor and each input that is not the same;
 * notes; the first tensor that does not reach its class, with the mistake that it fits; the verdict. Every
 * tensor must reach its own class (ROME99_OWN_CLASS), or the rome99_class `asked`: those that float32 cannot
 * be asked for are left out of ROME99_IN_F32. Precondition: names are distinct in each. Returns 0: the same,
 * 1: it differs, or -1 where memory is out. */
int rome99_golden_report(rome99_text *out, const rome99_golden *golden, const rome99_golden *candidate,
                         int asked);

#endif
