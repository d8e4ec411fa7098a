/*
 * statistics.h: what figures and tables say of many numbers.
 *
 * Inputs have no NaN; infinities are in order, and -0 equals 0. Nothing but + - * / and the core's sqrt is
 * used and sums are the plain loop: every machine gets the same bits, save a NaN's sign. What has to be put in
 * order first is put into the caller's `scratch`, room for n.
 */
#ifndef ROME99_STATISTICS_H
#define ROME99_STATISTICS_H

#include <stddef.h>

typedef struct {
    double value;
    size_t index;
} rome99_ranked;

void rome99_sort(double *x, size_t n); /* ascending, in place */

/* Of n >= 1 numbers in ascending order, 0 <= q <= 1: linear between order statistics, at the q (n - 1)-th
 * from 0 (Hyndman and Fan's type 7). NaN between -inf and inf. */
double rome99_quantile(const double *sorted, size_t n, double q);

/* n >= 1. mean: NaN for infinities of both signs. deviation: standard, the squares' sum over n - 1; 0 for one
 * number, NaN with an infinity. */
double rome99_mean(const double *x, size_t n);
double rome99_deviation(const double *x, size_t n);

/* Area under the ROC curve of `score` (n) for telling positive[i] != 0 from the rest: the share of pairs in
 * which the positive one scores more, ties counting half. Exact counts and one division. NaN where one kind
 * is missing. */
double rome99_roc_area(const double *score, const unsigned char *positive, size_t n, rome99_ranked *scratch);

/* The curve itself: points (x, y) = (false, true positive rate) from (0, 0) to (1, 1), one more for every
 * distinct score from the greatest on; x, y: room for n + 1. Returns their number, 0 where one kind is
 * missing. */
size_t rome99_roc_curve(double *x, double *y, const double *score, const unsigned char *positive, size_t n,
                        rome99_ranked *scratch);

/* Spearman's rank correlation of x and y (n), ties getting their mean rank; 1 or -1 exactly where the ranks
 * are the same or opposite. NaN where x or y does not vary. Both are replaced by twice their ranks less the
 * mean: whole numbers, whose products add up without rounding for n < 200,000. */
double rome99_spearman(double *x, double *y, size_t n, rome99_ranked *scratch);

#endif
