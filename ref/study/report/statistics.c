/* statistics.c: order statistics, moments, ROC and rank correlation. */
#include "study/report/statistics.h"
#include "core/rome99.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- order and moments */

/* Ordered as x is, -0 before 0: a total order, so that every qsort gives the same. */
static uint64_t order(double x) {
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & sign) ? ~bits : bits | sign;
}

static int compare(const void *a, const void *b) {
    const uint64_t x = order(*(const double *)a), y = order(*(const double *)b);
    return (x > y) - (x < y);
}

void rome99_sort(double *x, size_t n) {
    if (n) qsort(x, n, sizeof *x, compare);
}

double rome99_quantile(const double *sorted, size_t n, double q) {
    const double at = q * (double)(n - 1), f = at - (double)(size_t)at;
    const double *x = sorted + (size_t)at;
    double between;
    if (!(f > 0.0)) return x[0];
    between = (1.0 - f) * x[0] + f * x[1];
    return between < x[0] ? x[0] : between > x[1] ? x[1] : between; /* rounding does not lead out */
}

double rome99_mean(const double *x, size_t n) {
    double sum = 0.0;
    size_t i;
    for (i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

double rome99_deviation(const double *x, size_t n) {
    const double mean = rome99_mean(x, n);
    double sum = 0.0;
    size_t i;
    if (n == 1) return 0.0;
    for (i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return rome99_sqrt(sum / (double)(n - 1));
}

/* ------------------------------------------------------------------------------- ranks */

/* a = x (n >= 1) with its indices in ascending order; compare() reads the value, which is first. */
static void sort_ranked(rome99_ranked *a, const double *x, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) a[i] = (rome99_ranked){x[i], i};
    qsort(a, n, sizeof *a, compare);
}

/* Behind the items that tie with item i. */
static size_t group_end(const rome99_ranked *a, size_t i, size_t n) {
    size_t end = i + 1;
    while (end < n && a[end].value == a[i].value) end++;
    return end;
}

static size_t count_positive(const unsigned char *positive, size_t n) {
    size_t i, count = 0;
    for (i = 0; i < n; i++) count += positive[i] != 0;
    return count;
}

double rome99_roc_area(const double *score, const unsigned char *positive, size_t n, rome99_ranked *a) {
    const uint64_t P = count_positive(positive, n), N = n - P;
    uint64_t below = 0, twice = 0; /* negatives that score less; 2 * pairs won + pairs tied */
    size_t i, end;
    if (!P || !N) return (double)NAN;
    sort_ranked(a, score, n);
    for (i = 0; i < n;) {
        const size_t first = i;
        uint64_t p = 0, q;
        for (end = group_end(a, i, n); i < end; i++) p += positive[a[i].index] != 0;
        q = end - first - p;
        twice += p * (2 * below + q);
        below += q;
    }
    return (double)twice / (2.0 * (double)P * (double)N);
}

size_t rome99_roc_curve(double *x, double *y, const double *score, const unsigned char *positive, size_t n,
                        rome99_ranked *a) {
    const size_t P = count_positive(positive, n), N = n - P;
    size_t i, points = 1, p = 0, q;
    if (!P || !N) return 0;
    sort_ranked(a, score, n);
    x[0] = y[0] = 0.0;
    for (i = n; i-- > 0;) {
        p += positive[a[i].index] != 0;
        q = n - i - p;
        if (i > 0 && a[i - 1].value == a[i].value) continue;
        x[points] = (double)q / (double)N;
        y[points++] = (double)p / (double)P;
    }
    return points;
}

/* x (n) = twice its ranks less their mean. */
static void rank(double *x, size_t n, rome99_ranked *a) {
    size_t i, end;
    if (n) sort_ranked(a, x, n);
    for (i = 0; i < n;) {
        double r;
        end = group_end(a, i, n);
        for (r = (double)i + (double)end - (double)n; i < end; i++) x[a[i].index] = r;
    }
}

double rome99_spearman(double *x, double *y, size_t n, rome99_ranked *scratch) {
    double xx, yy;
    rank(x, n, scratch);
    rank(y, n, scratch);
    xx = rome99_dot(x, x, n), yy = rome99_dot(y, y, n);
    return xx > 0.0 && yy > 0.0 ? rome99_dot(x, y, n) / rome99_sqrt(xx * yy) : (double)NAN;
}
