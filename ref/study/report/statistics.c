/* statistics.c: order statistics, moments, ROC and rank correlation. */
#include "study/report/statistics.h"
#include "core/rome99.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int failed;

void *rome99_scratch(size_t n, size_t size) {
    void *p = calloc(n, size);
    if (!p) failed = 1;
    return p;
}

int rome99_scratch_failed(void) { return failed; }

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

typedef struct {
    double value; /* first: compare() reads it */
    size_t index;
} item;

/* x with its indices in ascending order, malloc'ed; NULL where memory is out or n = 0. */
static item *sort_items(const double *x, size_t n) {
    item *a = n ? rome99_scratch(n, sizeof *a) : NULL;
    size_t i;
    if (!a) return NULL;
    for (i = 0; i < n; i++) a[i] = (item){x[i], i};
    qsort(a, n, sizeof *a, compare);
    return a;
}

/* Behind the items that tie with item i. */
static size_t group_end(const item *a, size_t i, size_t n) {
    size_t end = i + 1;
    while (end < n && a[end].value == a[i].value) end++;
    return end;
}

static size_t count_positive(const unsigned char *positive, size_t n) {
    size_t i, count = 0;
    for (i = 0; i < n; i++) count += positive[i] != 0;
    return count;
}

double rome99_roc_area(const double *score, const unsigned char *positive, size_t n) {
    const uint64_t P = count_positive(positive, n), N = n - P;
    uint64_t below = 0, twice = 0; /* negatives that score less; 2 * pairs won + pairs tied */
    item *a = P && N ? sort_items(score, n) : NULL;
    size_t i, end;
    if (!a) return (double)NAN;
    for (i = 0; i < n;) {
        const size_t first = i;
        uint64_t p = 0, q;
        for (end = group_end(a, i, n); i < end; i++) p += positive[a[i].index] != 0;
        q = end - first - p;
        twice += p * (2 * below + q);
        below += q;
    }
    free(a);
    return (double)twice / (2.0 * (double)P * (double)N);
}

size_t rome99_roc_curve(double *x, double *y, const double *score, const unsigned char *positive, size_t n) {
    const size_t P = count_positive(positive, n), N = n - P;
    size_t i, points = 1, p = 0, q;
    item *a = P && N ? sort_items(score, n) : NULL;
    if (!a) return 0;
    x[0] = y[0] = 0.0;
    for (i = n; i-- > 0;) {
        p += positive[a[i].index] != 0;
        q = n - i - p;
        if (i > 0 && a[i - 1].value == a[i].value) continue;
        x[points] = (double)q / (double)N;
        y[points++] = (double)p / (double)P;
    }
    free(a);
    return points;
}

/* Twice the ranks of x less their mean: whole numbers, whose products add up without rounding for n <
 * 200,000. malloc'ed; NULL where memory is out or n = 0. */
static double *centred_ranks(const double *x, size_t n) {
    double *rank = n ? rome99_scratch(n, sizeof *rank) : NULL;
    item *a = rank ? sort_items(x, n) : NULL;
    size_t i, end;
    if (!a) {
        free(rank);
        return NULL;
    }
    for (i = 0; i < n;) {
        double r;
        end = group_end(a, i, n);
        for (r = (double)i + (double)end - (double)n; i < end; i++) rank[a[i].index] = r;
    }
    free(a);
    return rank;
}

double rome99_spearman(const double *x, const double *y, size_t n) {
    double *r = centred_ranks(x, n), *s = centred_ranks(y, n), rho = (double)NAN;
    if (r && s) {
        const double rr = rome99_dot(r, r, n), ss = rome99_dot(s, s, n);
        if (rr > 0.0 && ss > 0.0) rho = rome99_dot(r, s, n) / rome99_sqrt(rr * ss);
    }
    free(r);
    free(s);
    return rho;
}
