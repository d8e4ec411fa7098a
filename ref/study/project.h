/* project.h: n points in d dimensions as n points in the plane, for figures: PCA and t-SNE. Sums are taken in a
 * fixed order and nothing but + - * / and the core's sqrt, exp and log is used: every machine gets the same bits.
 * Finite x of magnitudes from 1e-140 to 1e140 is meant; what is too great is refused, smaller differences count
 * as none. Functions that return int return 0, or -1 with *e set and the outputs undefined. */
#ifndef ROME99_PROJECT_H
#define ROME99_PROJECT_H

#include "core/rome99.h"
#include "files/os.h"

/* Principal components 1 and 2 of x (n, d), whose mean is subtracted: with Xc = U S V^T, S descending,
 *     xy (n, 2) = the first two columns of U S,    share[c] = S_c^2 / sum of all S^2
 * Sign: the first score whose magnitude is within 1 % of its component's greatest is positive. Components of
 * equal variance come as some orthogonal pair of their plane. What does not exist (n or d of 1, points all
 * equal) is 0; on a line the second component is rounding. One-sided Jacobi rotations: the error in the
 * singular values and in well separated components is a small multiple of 2^-53, also where S_2 << S_1 (down to 2^-104 of it).
 * Error: n or d of 0, x not finite or too great, memory. */
int rome99_pca(double *xy, double share[2], const double *x, size_t n, size_t d, rome99_error *e);

/* How t-SNE descends. Until `early` iterations are done P is multiplied by the exaggeration and the momentum is
 * early_momentum. The paper has rate 100 and exaggeration 4 in 50 iterations, its author's later code 200 and 12
 * in 250. The rate 50 (scikit-learn's for n <= 2400) suits hundreds of points, of which greater ones throw some
 * far off. */
typedef struct {
    double perplexity;     /* 30: from 1 to (n - 1)/3 */
    size_t iterations;     /* 1000; 0 gives the initial points */
    uint64_t seed;         /* 1 */
    double learning_rate;  /* 50 */
    double exaggeration;   /* 12 */
    size_t early;          /* 250 */
    double early_momentum; /* 0.5 */
    double momentum;       /* 0.8 */
} rome99_tsne_settings;
extern const rome99_tsne_settings rome99_tsne_defaults;

/* t-SNE (van der Maaten and Hinton 2008), exact, O(n^2) an iteration: xy (n, 2), of mean 0, makes
 *     C = KL(P || Q) = sum_{i != j} p_ij log(p_ij / q_ij)
 * small by gradient descent with momentum and gains; *kl = C at xy. It begins at the PCA scores, which keep the
 * arrangement of what is far apart (Kobak and Linderman 2021), scaled so that component 1 has standard deviation
 * 1e-4, plus 1e-6 normal deviates from the seed, without which points on a line would stay on it.
 * Error: n < 4, a setting outside its range, x not finite or too great, divergence, memory. */
int rome99_tsne(double *xy, double *kl, const double *x, size_t n, size_t d, const rome99_tsne_settings *s,
                rome99_error *e);

/* Its parts. P (n, n) of x, symmetric, diagonal 0, sum 1:
 *     p_j|i = exp(-beta_i |x_i - x_j|^2) / sum_{k != i} (the same of k),    p_ij = (p_j|i + p_i|j) / 2n
 * beta (n) gives each p_.|i the perplexity, by 100 steps of bisection: to 1e-10, save where more points than
 * that are nearest to i at one distance: they share p_.|i equally. Error: as in rome99_tsne. */
int rome99_tsne_affinities(double *P, double *beta, const double *x, size_t n, size_t d, double perplexity,
                           rome99_error *e);

/* C of y (2, n), all first coordinates before all second ones; and dy (2, n), of C with P times `exaggeration`:
 *     w_ij = 1 / (1 + |y_i - y_j|^2),    q_ij = w_ij / Z,    Z = sum_{k != l} w_kl
 *     dC/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)
 * 0 log 0 = 0. work: (n + 1, n). */
double rome99_tsne_cost(const double *y, const double *P, double *work, size_t n);
void rome99_tsne_gradient(double *dy, const double *y, const double *P, double exaggeration, double *work,
                          size_t n);

#endif
