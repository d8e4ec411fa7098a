/* compare.h: how near a candidate is to a golden case (compare.c), and what rome99 compare says of it, and of
 * where the two part (report.c). */
#ifndef ROME99_COMPARE_H
#define ROME99_COMPARE_H

#include "files/text.h"
#include "golden/golden.h"

enum { ROME99_OWN_CLASS = -1 };

/* What became of one tensor of the case. */
typedef struct {
    enum {
        ROME99_UNASKED,
        ROME99_COMPARED,
        ROME99_MISSING,
        ROME99_NO_NUMBERS,
        ROME99_OTHER_SHAPE,
        ROME99_HAS_NAN
    } state;
    const rome99_golden_tensor *t, *got; /* the case's, the candidate's */
    rome99_class wanted;
    rome99_golden_difference d;
    int differs;
    const rome99_golden_tensor *mistake; /* the wrong tensor that `got` is nearest to, and nearer than to t */
    rome99_golden_difference from_mistake;
} rome99_outcome;

/* How a candidate compares with a case; both are pointed at. */
typedef struct {
    const rome99_golden *golden, *candidate;
    int asked;
    rome99_outcome *of;                            /* (golden->tensors) */
    const rome99_golden_tensor **by_name, **given; /* those of the case, the candidate, by name */
    const rome99_golden_tensor **extra, **skipped; /* not in the case; not asked of float32 */
    size_t extras, skips;                          /* how many of those */
    size_t expected, differing, inputs_differing;  /* expected: that are asked for */
} rome99_comparison;

/* Compares, each tensor with the class `asked`, or ROME99_OWN_CLASS. Returns 0, or -1 where memory is out; either
 * way to be freed. */
int rome99_comparison_make(rome99_comparison *c, const rome99_golden *golden, const rome99_golden *candidate,
                           int asked);
void rome99_comparison_free(rome99_comparison *c);

/* Appends lines of at most 79 columns: one for each expected tensor and each input that is not the same;
 * notes; the first tensor that does not reach its class, with the mistake that it fits; the verdict. Every
 * tensor must reach its own class (ROME99_OWN_CLASS), or the rome99_class `asked`: those that float32 cannot
 * be asked for are left out of ROME99_IN_F32. Precondition: names are distinct in each. Returns 0: the same,
 * 1: it differs, or -1 where memory is out. */
int rome99_golden_report(rome99_text *out, const rome99_golden *golden, const rome99_golden *candidate,
                         int asked);

#endif
