/*
 * tsne.c: t-SNE. The letters are the paper's: P the affinities of the points, Q those of their images y, C the
 * cost. Numbers of images lie as (2, n), and every inner loop runs over outputs, so that compilers make vector
 * code of it without a change in any sum's order.
 */
#include "study/project.h"

#include <stdlib.h>
#include <string.h>

const rome99_tsne_settings rome99_tsne_defaults = {30.0, 1000, 1, 50.0, 12.0, 250, 0.5, 0.8};

enum { BISECTIONS = 100 };

/* ---------------------------------------------------------------- affinities */

/* P = squared distances; the sum of all in *sum. */
static void squared_distances(double *P, double *sum, const double *x, size_t n, size_t d) {
    size_t i, j, k;
    for (*sum = 0.0, i = 0; i < n; i++)
        for (P[i * n + i] = 0.0, j = 0; j < i; j++) {
            const double *a = x + i * d, *b = x + j * d;
            double s = 0.0;
            for (k = 0; k < d; k++) s += (a[k] - b[k]) * (a[k] - b[k]);
            P[i * n + j] = P[j * n + i] = s;
            *sum += s;
        }
}

/* p (n): from squared distances to point i, less the least and in units of their mean, to p_.|i. Returns beta in
 * these units. t: (n). */
static double spread(double *p, double *t, size_t i, size_t n, double entropy) {
    double beta = 1.0, low = 0.0, high = 0.0; /* 0: not known */
    size_t step, j;
    for (step = 0;; step++) {
        double s = 0.0, mean = 0.0;
        for (j = 0; j < n; j++) t[j] = -beta * p[j];
        rome99_exp_array(t, t, n);
        t[i] = 0.0;
        for (j = 0; j < n; j++) {
            s += t[j];
            mean += t[j] * p[j];
        }
        if (step == BISECTIONS) {
            for (j = 0; j < n; j++) p[j] = t[j] / s;
            return beta;
        }
        if (rome99_log(s) + beta * (mean / s) > entropy)
            low = beta;
        else
            high = beta;
        beta = high > 0.0 ? low + 0.5 * (high - low) : 2.0 * beta;
    }
}

/* p (n): from squared distances to point i to p_.|i. Returns beta. */
static double condition(double *p, double *t, size_t i, size_t n, double entropy) {
    double least = p[i == 0], unit = 0.0;
    size_t j;
    for (j = 0; j < n; j++)
        if (j != i && p[j] < least) least = p[j];
    for (j = 0; j < n; j++) p[j] = j == i ? 0.0 : p[j] - least;
    for (j = 0; j < n; j++) unit += p[j];
    unit = unit > 0.0 ? unit / (double)(n - 1) : 1.0;
    for (j = 0; j < n; j++) p[j] /= unit;
    return spread(p, t, i, n, entropy) / unit;
}

int rome99_tsne_affinities(double *P, double *beta, const double *x, size_t n, size_t d, double perplexity,
                           rome99_error *e) {
    double *t, sum;
    size_t i, j;
    if (n < 4) return rome99_fail(e, "t-SNE", "%lu points, needs 4", (unsigned long)n);
    if (!(perplexity >= 1.0 && 3.0 * perplexity <= (double)(n - 1)))
        return rome99_fail(e, "t-SNE", "perplexity %g: must be from 1 to (points - 1)/3 = %g", perplexity,
                           (double)(n - 1) / 3.0);
    squared_distances(P, &sum, x, n, d);
    if (!(sum - sum == 0.0)) return rome99_fail(e, "t-SNE", "a coordinate is not finite or too great");
    if (!(t = calloc(n, sizeof *t))) return rome99_fail(e, "t-SNE", "out of memory");
    for (i = 0; i < n; i++) beta[i] = condition(P + i * n, t, i, n, rome99_log(perplexity));
    free(t);
    for (i = 0; i < n; i++)
        for (j = 0; j < i; j++)
            P[i * n + j] = P[j * n + i] = (P[i * n + j] + P[j * n + i]) / (2.0 * (double)n);
    return 0;
}

/* ----------------------------------------------------------- cost and gradient */

/* w[j] = 1 / (1 + (a[j] - ai)^2 + (b[j] - bi)^2). */
static void weigh(double *restrict w, const double *restrict a, const double *restrict b, double ai,
                  double bi, size_t n) {
    size_t j;
    for (j = 0; j < n; j++) {
        double u = a[j] - ai, v = b[j] - bi;
        w[j] = 1.0 / (1.0 + (u * u + v * v));
    }
}

static void add(double *restrict sum, const double *restrict a, size_t n) {
    size_t j;
    for (j = 0; j < n; j++) sum[j] += a[j];
}

/* w (n, n), its diagonal 0; returns Z. z: (n). */
static double weights(double *w, double *z, const double *y, size_t n) {
    double Z = 0.0;
    size_t i;
    memset(z, 0, n * sizeof *z);
    for (i = 0; i < n; i++) {
        weigh(w + i * n, y, y + n, y[i], y[n + i], n);
        w[i * n + i] = 0.0;
        add(z, w + i * n, n);
    }
    for (i = 0; i < n; i++) Z += z[i];
    return Z;
}

double rome99_tsne_cost(const double *y, const double *P, double *work, size_t n) {
    double Z = weights(work, work + n * n, y, n), C = 0.0;
    size_t i;
    for (i = 0; i < n * n; i++)
        if (P[i] > 0.0) C += P[i] * rome99_log(P[i] * (Z / work[i]));
    return C;
}

/* d[j] += what image i adds to dC/dy_j / 4, one coordinate. */
static void pull(double *restrict d, const double *restrict y, double yi, const double *restrict p,
                 const double *restrict w, double exaggeration, double Z, size_t n) {
    const double scale = 1.0 / Z;
    size_t j;
    for (j = 0; j < n; j++) d[j] += ((exaggeration * p[j] - scale * w[j]) * w[j]) * (y[j] - yi);
}

void rome99_tsne_gradient(double *dy, const double *y, const double *P, double exaggeration, double *work,
                          size_t n) {
    double Z = weights(work, work + n * n, y, n);
    size_t i, c;
    memset(dy, 0, 2 * n * sizeof *dy);
    for (i = 0; i < n; i++)
        for (c = 0; c < 2; c++)
            pull(dy + c * n, y + c * n, y[c * n + i], P + i * n, work + i * n, exaggeration, Z, n);
    for (i = 0; i < 2 * n; i++) dy[i] *= 4.0;
}

/* -------------------------------------------------------------------- descent */

/* The memory of one run. */
typedef struct {
    double *P, *work;              /* (n, n) (n + 1, n) */
    double *y, *dy, *speed, *gain; /* (2, n) each */
} descent;

static void centre(double *y, size_t n) {
    double mean = 0.0;
    size_t i;
    for (i = 0; i < n; i++) mean += y[i];
    mean /= (double)n;
    for (i = 0; i < n; i++) y[i] -= mean;
}

static void step(const descent *m, const rome99_tsne_settings *s, size_t t, size_t n) {
    const int early = t < s->early;
    const double momentum = early ? s->early_momentum : s->momentum;
    size_t i;
    rome99_tsne_gradient(m->dy, m->y, m->P, early ? s->exaggeration : 1.0, m->work, n);
    for (i = 0; i < 2 * n; i++) {
        const int onward = (m->dy[i] > 0.0) != (m->speed[i] > 0.0);
        const double gain = onward ? m->gain[i] + 0.2 : m->gain[i] * 0.8;
        m->gain[i] = gain > 0.01 ? gain : 0.01;
        m->speed[i] = momentum * m->speed[i] - s->learning_rate * m->gain[i] * m->dy[i];
        m->y[i] += m->speed[i];
    }
    centre(m->y, n);
    centre(m->y + n, n);
}

/* y from the PCA scores and the seed; gains 1. */
static int begin(const descent *m, const double *x, size_t n, size_t d, uint64_t seed, rome99_error *e) {
    rome99_rng rng = {seed};
    double *scores = m->dy, share[2], norm = 0.0, scale;
    size_t i;
    if (rome99_pca(scores, share, x, n, d, e)) return -1;
    for (i = 0; i < n; i++) norm += scores[2 * i] * scores[2 * i];
    scale = norm > 0.0 ? 1e-4 / rome99_sqrt(norm / (double)n) : 0.0;
    for (i = 0; i < 2 * n; i++) {
        m->y[i % 2 * n + i / 2] = scale * scores[i] + 1e-6 * rome99_rng_normal(&rng);
        m->gain[i] = 1.0;
    }
    centre(m->y, n);
    centre(m->y + n, n);
    return 0;
}

static int descend(const descent *m, double *xy, double *kl, const double *x, size_t n, size_t d,
                   const rome99_tsne_settings *s, rome99_error *e) {
    size_t i, t;
    if (rome99_tsne_affinities(m->P, m->gain, x, n, d, s->perplexity, e) || begin(m, x, n, d, s->seed, e))
        return -1;
    for (t = 0; t < s->iterations; t++) step(m, s, t, n);
    *kl = rome99_tsne_cost(m->y, m->P, m->work, n);
    if (!(*kl - *kl == 0.0)) return rome99_fail(e, "t-SNE", "diverged: the learning rate is too great");
    for (i = 0; i < n; i++) {
        xy[2 * i] = m->y[i];
        xy[2 * i + 1] = m->y[n + i];
    }
    return 0;
}

int rome99_tsne(double *xy, double *kl, const double *x, size_t n, size_t d, const rome99_tsne_settings *s,
                rome99_error *e) {
    descent m;
    int failed;
    if (!(s->learning_rate > 0.0)) return rome99_fail(e, "t-SNE", "the learning rate must be positive");
    if (!(s->exaggeration >= 1.0)) return rome99_fail(e, "t-SNE", "the exaggeration must be at least 1");
    if (!(s->momentum >= 0.0 && s->momentum < 1.0 && s->early_momentum >= 0.0 && s->early_momentum < 1.0))
        return rome99_fail(e, "t-SNE", "a momentum must be at least 0 and less than 1");
    if (n > SIZE_MAX / 32 || !(m.P = calloc(n + 5, (2 * n + 1) * sizeof *m.P)))
        return rome99_fail(e, "t-SNE", "out of memory");
    m.work = m.P + n * n;
    m.y = m.work + (n + 1) * n;
    m.dy = m.y + 2 * n;
    m.speed = m.dy + 2 * n;
    m.gain = m.speed + 2 * n;
    failed = descend(&m, xy, kl, x, n, d, s, e);
    free(m.P);
    return failed;
}
