/*
 * pca.c: principal components, by Hestenes' one-sided Jacobi method.
 *
 * A is Xc or its transpose, whichever has fewer rows. Rotations make its rows orthogonal: then their norms are the
 * singular values. Where A = Xc^T the rows are the scores; where A = Xc they are the principal directions times S,
 * and Xc is projected on them. No product of A with itself is ever formed: that would lose
 * half of the digits of a small second component.
 */
#include "study/project.h"

#include <stdlib.h>
#include <string.h>

/* 6 to 20 are usual, the last without a rotation. */
enum { MOST_SWEEPS = 60 };

static double magnitude(double x) { return x < 0.0 ? -x : x; }

/* Coordinate k of point i less the mean, which is kept relative to point 0: of equal points exactly 0. */
static double centred(const double *x, const double *mean, size_t d, size_t i, size_t k) {
    return (x[i * d + k] - x[k]) - mean[k];
}

static void find_mean(double *mean, const double *x, size_t n, size_t d) {
    size_t i, k;
    memset(mean, 0, d * sizeof *mean);
    for (i = 0; i < n; i++)
        for (k = 0; k < d; k++) mean[k] += x[i * d + k] - x[k];
    for (k = 0; k < d; k++) mean[k] /= (double)n;
}

/* Makes p and q (length) orthogonal by a rotation of at most 45 degrees: 1; 0 if they are so to rounding, or one's
 * square is negligible: it began as a combination of others, and is rounding of rounding. */
static int rotate(double *restrict p, double *restrict q, size_t length, double tolerance,
                  double negligible) {
    double pp = 0.0, pq = 0.0, qq = 0.0, zeta, t, c, s;
    size_t i;
    for (i = 0; i < length; i++) {
        pp += p[i] * p[i];
        pq += p[i] * q[i];
        qq += q[i] * q[i];
    }
    if (pp <= negligible || qq <= negligible) return 0;
    if (magnitude(pq) <= tolerance * (rome99_sqrt(pp) * rome99_sqrt(qq))) return 0;
    zeta = (qq - pp) / (2.0 * pq);
    t = 1.0 / (magnitude(zeta) + rome99_sqrt(1.0 + zeta * zeta));
    if (zeta < 0.0) t = -t;
    c = 1.0 / rome99_sqrt(1.0 + t * t);
    s = c * t;
    for (i = 0; i < length; i++) {
        double old = p[i];
        p[i] = c * old - s * q[i];
        q[i] = s * old + c * q[i];
    }
    return 1;
}

/* total: the sum of all squares. */
static void orthogonalise(double *a, size_t rows, size_t length, double total) {
    const double tolerance = rome99_sqrt((double)length) * 0x1p-52, negligible = total * 0x1p-208;
    size_t p, q, rotations = 1;
    int sweep;
    for (sweep = 0; sweep < MOST_SWEEPS && rotations > 0; sweep++)
        for (rotations = 0, p = 0; p < rows; p++)
            for (q = p + 1; q < rows; q++)
                rotations += (size_t)rotate(a + p * length, a + q * length, length, tolerance, negligible);
}

/* xy[2*i] (n) *= -1 where the rule for signs says so. */
static void fix_sign(double *xy, size_t n) {
    double greatest = 0.0;
    size_t i;
    for (i = 0; i < n; i++)
        if (magnitude(xy[2 * i]) > greatest) greatest = magnitude(xy[2 * i]);
    for (i = 0; i < n && magnitude(xy[2 * i]) < 0.99 * greatest; i++) {
    }
    if (xy[2 * i] < 0.0)
        for (i = 0; i < n; i++) xy[2 * i] = -xy[2 * i];
}

/* The longest row of a, or NULL if all are 0. */
static double *longest(double *a, size_t rows, size_t length, double *norm) {
    double *found = NULL;
    size_t r;
    for (*norm = 0.0, r = 0; r < rows; r++) {
        double s = rome99_norm(a + r * length, length);
        if (s > *norm) *norm = s, found = a + r * length;
    }
    return found;
}

int rome99_pca(double *xy, double share[2], const double *x, size_t n, size_t d, rome99_error *e) {
    const int by_point = n < d;
    const size_t rows = by_point ? n : d, length = by_point ? d : n;
    double *mean, *a, *row, norm, total;
    size_t i, k, c;
    if (n == 0 || d == 0) return rome99_fail(e, "PCA", "no points");
    if (n > SIZE_MAX / 2 || d > SIZE_MAX / sizeof *a || !(mean = calloc(n + 1, d * sizeof *a)))
        return rome99_fail(e, "PCA", "out of memory");
    a = mean + d;
    find_mean(mean, x, n, d);
    for (i = 0; i < n; i++)
        for (k = 0; k < d; k++) a[by_point ? i * d + k : k * n + i] = centred(x, mean, d, i, k);
    total = rome99_dot(a, a, n * d);
    if (!(total - total == 0.0)) {
        free(mean);
        return rome99_fail(e, "PCA", "a coordinate is not finite or too great");
    }
    orthogonalise(a, rows, length, total);
    for (c = 0; c < 2; c++) {
        row = longest(a, rows, length, &norm);
        share[c] = row ? norm * norm / total : 0.0;
        for (i = 0; i < n; i++) {
            double score = 0.0;
            if (row && by_point)
                for (k = 0; k < d; k++) score += centred(x, mean, d, i, k) * (row[k] / norm);
            else if (row)
                score = row[i];
            xy[2 * i + c] = score;
        }
        fix_sign(xy + c, n);
        if (row) memset(row, 0, length * sizeof *row);
    }
    free(mean);
    return 0;
}
