/* test_project.c: PCA and t-SNE. `test_project dump` prints inputs and results for tests/oracle/check_project.py. */
#include "study/project.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static rome99_error e;

static double *doubles(size_t n) {
    double *a = calloc(n + 1, sizeof *a);
    if (!a) exit(2);
    return a;
}

static void normals(double *x, size_t n, double scale, rome99_rng *rng) {
    size_t i;
    for (i = 0; i < n; i++) x[i] = scale * rome99_rng_normal(rng);
}

/* Q (rows, d), rows orthonormal: Gram and Schmidt, twice. */
static void orthonormal(double *Q, size_t rows, size_t d, rome99_rng *rng) {
    size_t i, j, k, pass;
    normals(Q, rows * d, 1.0, rng);
    for (i = 0; i < rows; i++)
        for (pass = 0; pass < 2; pass++) {
            double *q = Q + i * d, norm;
            for (j = 0; j < i; j++) {
                double s = rome99_dot(q, Q + j * d, d);
                for (k = 0; k < d; k++) q[k] -= s * Q[j * d + k];
            }
            norm = rome99_norm(q, d);
            for (k = 0; k < d; k++) q[k] /= norm;
        }
}

/* out (n, D) = a (n, d) Q (d, D), and shift added to all. */
static void map(double *out, const double *a, const double *Q, size_t n, size_t d, size_t D, double shift) {
    size_t i, k, j;
    for (i = 0; i < n; i++)
        for (j = 0; j < D; j++)
            for (out[i * D + j] = shift, k = 0; k < d; k++) out[i * D + j] += a[i * d + k] * Q[k * D + j];
}

static void pca(double *xy, double share[2], const double *x, size_t n, size_t d) {
    CHECK(rome99_pca(xy, share, x, n, d, &e) == 0, "PCA: %s", e.text);
}

/* Greatest |a - b|; a NaN among them is found. */
static double apart(const double *a, const double *b, size_t n) {
    double worst = 0.0;
    size_t i;
    for (i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= worst)) worst = fabs(a[i] - b[i]);
    return worst;
}

/* ------------------------------------------------------------------------- PCA */

/* Scores with mean 0, uncorrelated, +-sd[k] on axis k of d, the positive one first: signs are known too. */
static void star(double *a, size_t n, size_t d, const double *sd) {
    size_t i, k;
    memset(a, 0, n * d * sizeof *a);
    for (i = 0; i < n; i++) {
        k = i / 2 % d;
        a[i * d + k] = (i % 2 ? -1.0 : 1.0) * sd[k];
    }
}

static void test_plane(void) {
    static const double scales[][3] = {{5.0, 2.0, 0.0}, {1.0, 1e-6, 0.0}, {1.0, 1e-10, 0.0}, {3.0, 2.9, 0.5}};
    static const size_t sizes[][2] = {{60, 7}, {60, 60}, {60, 200}, {6, 3}, {12, 40}};
    rome99_rng rng = {11};
    size_t t, i, k;
    for (t = 0; t < 20; t++) {
        const double *sd = scales[t % 4];
        size_t n = sizes[t / 4][0], d = sizes[t / 4][1];
        double *a = doubles(n * 3), *plane = doubles(n * 2), *Q = doubles(3 * d), *x = doubles(n * d);
        double *xy = doubles(n * 2), share[2], total = 0.0;
        star(a, n, 3, sd);
        for (i = 0; i < n; i++)
            for (k = 0; k < 2; k++) plane[2 * i + k] = a[3 * i + k];
        orthonormal(Q, 3, d, &rng);
        map(x, a, Q, n, 3, d, 0.0);
        pca(xy, share, x, n, d);
        CHECK_LE(apart(xy, plane, n), 1e-12, "PCA: scores of a known plane");
        for (k = 0; k < 3; k++) total += sd[k] * sd[k];
        for (k = 0; k < 2; k++)
            CHECK_LE(fabs(share[k] - sd[k] * sd[k] / total), 1e-12, "PCA: shares of a known plane");
        CHECK_LE(fabs(share[1] * total / (sd[1] * sd[1]) - 1.0), 1e-4, "PCA: small share, relative");
        map(x, a, Q, n, 3, d, 7.0);
        pca(xy, share, x, n, d);
        CHECK_LE(apart(xy, plane, n), 1e-12, "PCA: scores after a shift");
        free(a), free(plane), free(Q), free(x), free(xy);
    }
}

static double distance(const double *xy, size_t i, size_t j) {
    double u = xy[2 * i] - xy[2 * j], v = xy[2 * i + 1] - xy[2 * j + 1];
    return rome99_sqrt(u * u + v * v);
}

/* Two components of one variance: their plane is known, their axes are not. */
static void test_equal(void) {
    static const double sd[2] = {2.0, 2.0};
    enum { N = 24, D = 30 };
    static double a[N * 2], Q[2 * D], x[N * D], xy[2 * N];
    double share[2], worst = 0.0;
    rome99_rng rng = {12};
    size_t i, j;
    star(a, N, 2, sd);
    orthonormal(Q, 2, D, &rng);
    map(x, a, Q, N, 2, D, 1.0);
    pca(xy, share, x, N, D);
    CHECK_LE(fabs(share[0] - 0.5) + fabs(share[1] - 0.5), 1e-12, "PCA: equal variances, shares");
    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++) worst = fmax(worst, fabs(distance(xy, i, j) - distance(a, i, j)));
    CHECK_LE(worst, 1e-12, "PCA: equal variances, distances in the plane");
}

/* Orders, rotations and further dimensions do not matter, signs included. */
static void test_invariance(void) {
    enum { N = 50, D = 20, WIDE = 90 };
    static double x[N * D], y[N * WIDE], Q[WIDE * WIDE], xy[2 * N], other[2 * N], back[2 * N];
    double share[2], share2[2];
    rome99_rng rng = {13};
    size_t i, k;
    normals(x, N * D, 1.0, &rng);
    for (i = 0; i < N; i++)
        for (k = 0; k < D; k++) x[i * D + k] /= (double)(1 + k);
    pca(xy, share, x, N, D);
    CHECK(share[0] >= share[1] && share[0] + share[1] <= 1.0, "PCA: shares %g %g", share[0], share[1]);
    for (k = 0; k < 2; k++) {
        size_t greatest = k;
        for (i = k; i < 2 * N; i += 2)
            if (fabs(xy[i]) > fabs(xy[greatest])) greatest = i;
        CHECK(xy[greatest] > 0.0, "PCA: component %lu: greatest score is %g", (unsigned long)k, xy[greatest]);
    }
    for (i = 0; i < N; i++) memcpy(y + i * D, x + i * 7 % N * D, D * sizeof *x);
    pca(other, share2, y, N, D);
    for (i = 0; i < N; i++) memcpy(back + i * 7 % N * 2, other + 2 * i, 2 * sizeof *x);
    CHECK_LE(apart(xy, back, 2 * N), 1e-12, "PCA: points permuted");
    orthonormal(Q, D, D, &rng);
    map(y, x, Q, N, D, D, 0.0);
    pca(other, share2, y, N, D);
    CHECK_LE(apart(xy, other, 2 * N), 1e-12, "PCA: rotated");
    CHECK_LE(apart(share, share2, 2), 1e-12, "PCA: rotated, shares");
    orthonormal(Q, D, WIDE, &rng);
    map(y, x, Q, N, D, WIDE, 3.0);
    pca(other, share2, y, N, WIDE);
    CHECK_LE(apart(xy, other, 2 * N), 1e-12, "PCA: d > n against n > d");
    CHECK_LE(apart(share, share2, 2), 1e-12, "PCA: d > n against n > d, shares");
}

static void test_pca_degenerate(void) {
    static const double line[] = {1, 2, 3, 2, 4, 6, 4, 8, 12, 0, 0, 0}, zero[8] = {0};
    static const double on_line[] = {-0.75, 0, 0.25, 0, 2.25, 0, -1.75, 0};
    static const double huge[] = {1e200, 0, -1e200, 1}, two[] = {5, 1, 5, 3};
    double same[12], xy[24], scaled[8], share[2];
    size_t i;
    for (i = 0; i < 12; i++) same[i] = i % 3 ? 0.1 : 1e16 / 3;
    pca(xy, share, same, 4, 3);
    CHECK(memcmp(xy, zero, sizeof zero) == 0 && share[0] == 0.0 && share[1] == 0.0, "PCA: equal points");
    pca(xy, share, line, 1, 3);
    CHECK(xy[0] == 0.0 && xy[1] == 0.0 && share[0] == 0.0 && share[1] == 0.0, "PCA: one point");
    pca(xy, share, line, 4, 3);
    for (i = 0; i < 8; i++) scaled[i] = on_line[i] * rome99_sqrt(14.0);
    CHECK_LE(apart(xy, scaled, 8), 1e-13, "PCA: points on a line");
    CHECK_LE(fabs(share[0] - 1.0) + share[1], 1e-14, "PCA: points on a line, shares");
    pca(xy, share, line, 12, 1);
    CHECK(fabs(share[0] - 1.0) <= 1e-15 && share[1] == 0.0 && xy[1] == 0.0, "PCA: d = 1");
    pca(xy, share, two, 2, 2);
    CHECK(fabs(xy[0] - 1.0) + fabs(xy[2] + 1.0) <= 1e-15, "PCA: two points: %g %g", xy[0], xy[2]);
    CHECK(rome99_pca(xy, share, line, 0, 3, &e) == -1 && strstr(e.text, "no points"), "PCA: n = 0");
    CHECK(rome99_pca(xy, share, line, 3, 0, &e) == -1 && strstr(e.text, "no points"), "PCA: d = 0");
    CHECK(rome99_pca(xy, share, huge, 2, 2, &e) == -1 && strstr(e.text, "too great"), "PCA: overflow");
}

/* ----------------------------------------------------------------------- t-SNE */

static double squared(const double *x, size_t i, size_t j, size_t d) {
    double s = 0.0;
    size_t k;
    for (k = 0; k < d; k++) s += (x[i * d + k] - x[j * d + k]) * (x[i * d + k] - x[j * d + k]);
    return s;
}

/* 2^H of p_.|i, plainly. */
static double perplexity_of(const double *x, size_t i, double beta, size_t n, size_t d) {
    double s = 0.0, H = 0.0;
    size_t j;
    for (j = 0; j < n; j++) s += j == i ? 0.0 : exp(-beta * squared(x, i, j, d));
    for (j = 0; j < n; j++) {
        double p = j == i ? 0.0 : exp(-beta * squared(x, i, j, d)) / s;
        if (p > 0.0) H -= p * log(p);
    }
    return exp(H);
}

static void test_affinities(void) {
    enum { N = 91, D = 10 };
    static double x[N * D], P[N * N], beta[N];
    static const double scales[] = {1.0, 1e-3, 1e4};
    rome99_rng rng = {21};
    size_t t, i, j;
    for (t = 0; t < 3; t++) {
        double worst = 0.0, sum = 0.0, perplexity = t == 1 ? 5.0 : 30.0;
        normals(x, N * D, scales[t], &rng);
        x[0] += 8.0 * scales[t]; /* one point far from all others */
        CHECK(rome99_tsne_affinities(P, beta, x, N, D, perplexity, &e) == 0, "%s", e.text);
        for (i = 0; i < N; i++) worst = fmax(worst, fabs(perplexity_of(x, i, beta[i], N, D) - perplexity));
        CHECK_LE(worst, 1e-9, "t-SNE: perplexity");
        for (i = 0; i < N * N; i++) sum += P[i];
        CHECK_LE(fabs(sum - 1.0), 1e-13, "t-SNE: sum of P");
        for (i = 0; i < N; i++)
            for (j = 0; j < N; j++)
                if (!(P[i * N + j] >= 0.0 && P[i * N + j] == P[j * N + i] && P[i * N + i] == 0.0)) sum = 2.0;
        CHECK(sum < 2.0, "t-SNE: P is not symmetric, or negative, or its diagonal is not 0");
    }
}

static void test_gradient(void) {
    enum { N = 24, D = 6 };
    static double x[N * D], P[N * N], beta[N], y[2 * N], dy[2 * N], work[(N + 1) * N];
    const double h = 1e-5;
    double worst = 0.0, scale;
    rome99_rng rng = {22};
    size_t i;
    normals(x, N * D, 1.0, &rng);
    CHECK(rome99_tsne_affinities(P, beta, x, N, D, 6.0, &e) == 0, "%s", e.text);
    normals(y, 2 * N, 1.5, &rng);
    rome99_tsne_gradient(dy, y, P, 1.0, work, N);
    scale = rome99_norm(dy, 2 * N);
    for (i = 0; i < 2 * N; i++) {
        double at = y[i], up, down;
        y[i] = at + h;
        up = rome99_tsne_cost(y, P, work, N);
        y[i] = at - h;
        down = rome99_tsne_cost(y, P, work, N);
        y[i] = at;
        worst = fmax(worst, fabs((up - down) / (2.0 * h) - dy[i]));
    }
    CHECK_LE(worst / scale, 1e-8, "t-SNE: gradient against central differences");
}

/* `each` points about each of three centres far apart, cluster after cluster. */
static void clusters(double *x, size_t each, size_t d, rome99_rng *rng) {
    size_t i;
    normals(x, 3 * each * d, 1.0, rng);
    for (i = 0; i < 3 * each; i++) x[i * d + i / each] += 20.0;
}

/* Points whose nearest neighbour in xy (3 each, 2) is of another cluster. */
static size_t astray(const double *xy, size_t each) {
    size_t i, j, count = 0;
    for (i = 0; i < 3 * each; i++) {
        size_t nearest = i == 0;
        for (j = 0; j < 3 * each; j++)
            if (j != i && distance(xy, i, j) < distance(xy, i, nearest)) nearest = j;
        count += nearest / each != i / each;
    }
    return count;
}

static uint64_t hash(const double *a, size_t n) {
    uint64_t h = UINT64_C(0xcbf29ce484222325), bits; /* FNV-1a, by words */
    size_t i;
    for (i = 0; i < n; i++) {
        memcpy(&bits, a + i, sizeof bits);
        h = (h ^ bits) * UINT64_C(0x100000001b3);
    }
    return h;
}

static void same_bits(const char *what, uint64_t got, uint64_t expected) {
    CHECK(!TEST_EXACT || got == expected, "%s: bits %08lx%08lx, expected %08lx%08lx", what,
          (unsigned long)(got >> 32), (unsigned long)(got & 0xffffffffu), (unsigned long)(expected >> 32),
          (unsigned long)(expected & 0xffffffffu));
}

static void test_clusters(void) {
    enum { EACH = 30, N = 3 * EACH, D = 50 };
    static double x[N * D], xy[2 * N], again[2 * N], other[2 * N];
    rome99_tsne_settings s = rome99_tsne_defaults;
    rome99_rng rng = {23};
    double kl, first, share[2], mean[2] = {0.0, 0.0};
    size_t i;
    clusters(x, EACH, D, &rng);
    pca(xy, share, x, N, D);
    same_bits("PCA of the clusters", hash(xy, 2 * N), UINT64_C(0xee01e2ae2a9485a3));
    s.perplexity = 10.0;
    s.iterations = 0;
    CHECK(rome99_tsne(xy, &first, x, N, D, &s, &e) == 0, "%s", e.text);
    s.iterations = 1000;
    CHECK(rome99_tsne(xy, &kl, x, N, D, &s, &e) == 0, "%s", e.text);
    CHECK(kl > 0.0 && kl < 0.25 * first, "t-SNE: KL %g at first, %g at last", first, kl);
    CHECK(astray(xy, EACH) == 0, "t-SNE: %lu points nearest to another cluster",
          (unsigned long)astray(xy, EACH));
    for (i = 0; i < 2 * N; i++) mean[i % 2] += xy[i] / N;
    CHECK_LE(fabs(mean[0]) + fabs(mean[1]), 1e-12, "t-SNE: mean");
    same_bits("t-SNE of the clusters", hash(xy, 2 * N) ^ hash(&kl, 1), UINT64_C(0xf8519bee4f7d3c9d));
    CHECK(rome99_tsne(again, &kl, x, N, D, &s, &e) == 0 && memcmp(xy, again, sizeof xy) == 0, "t-SNE: again");
    s.seed = 2;
    CHECK(rome99_tsne(other, &kl, x, N, D, &s, &e) == 0 && memcmp(xy, other, sizeof xy) != 0,
          "t-SNE: another seed gives the same");
    CHECK(astray(other, EACH) == 0, "t-SNE: clusters mixed with another seed");
}

/* Points that coincide (more of them than the perplexity, too), all of them, points on a line. */
static void test_tsne_degenerate(void) {
    enum { N = 40, D = 3 };
    static double x[N * D], xy[2 * N], P[N * N], beta[N];
    rome99_tsne_settings s = rome99_tsne_defaults;
    rome99_rng rng = {24};
    double kl, height = 0.0;
    size_t i;
    s.perplexity = 5.0;
    normals(x, N * D, 1.0, &rng);
    memcpy(x, x + 10 * D, D * sizeof *x);
    for (i = 20; i < 32; i++) memcpy(x + i * D, x + 20 * D, D * sizeof *x);
    CHECK(rome99_tsne(xy, &kl, x, N, D, &s, &e) == 0 && rome99_norm(xy, 2 * N) < 1e6, "t-SNE: duplicates");
    CHECK(distance(xy, 0, 10) < 0.1 * distance(xy, 0, 20), "t-SNE: duplicates are %g apart, others %g",
          distance(xy, 0, 10), distance(xy, 0, 20));
    CHECK(rome99_tsne_affinities(P, beta, x, N, D, 5.0, &e) == 0, "%s", e.text);
    CHECK_LE(fabs(P[20 * N + 21] * 11 * N - 1.0), 1e-12, "t-SNE: 12 duplicates share P");
    for (i = 0; i < N * D; i++) x[i] = 0.1;
    CHECK(rome99_tsne(xy, &kl, x, N, D, &s, &e) == 0 && rome99_norm(xy, 2 * N) < 1e6, "t-SNE: equal points");
    for (i = 0; i < N * D; i++) x[i] = (double)(i / D);
    CHECK(rome99_tsne(xy, &kl, x, N, D, &s, &e) == 0 && rome99_norm(xy, 2 * N) < 1e6, "t-SNE: a line");
    for (i = 0; i < N; i++) height = fmax(height, fabs(xy[2 * i + 1]));
    CHECK(height > 0.1, "t-SNE: points on a line do not leave it: %g", height);
}

/* Settings in the order of the header, n, x[3], and what is said of them. */
static void test_refusals(void) {
    static const struct {
        rome99_tsne_settings s;
        size_t n;
        double x3;
        const char *message;
    } c[] = {
        {{5.01, 9, 1, 50, 12, 5, 0.5, 0.8}, 16, 9, "perplexity 5.01: must be from 1 to (points - 1)/3 = 5"},
        {{0.5, 9, 1, 50, 12, 5, 0.5, 0.8}, 16, 9, "perplexity 0.5: must be from 1 to (points - 1)/3 = 5"},
        {{1, 9, 1, 50, 12, 5, 0.5, 0.8}, 3, 9, "3 points, needs 4"},
        {{1, 9, 1, 50, 12, 5, 0.5, 0.8}, 0, 9, "0 points, needs 4"},
        {{1, 9, 1, 50, 12, 5, 0.5, 0.8}, SIZE_MAX / 2, 9, "out of memory"},
        {{1, 9, 1, 0, 12, 5, 0.5, 0.8}, 16, 9, "the learning rate must be positive"},
        {{1, 9, 1, 1e300, 12, 5, 0.5, 0.8}, 16, 9, "diverged: the learning rate is too great"},
        {{1, 9, 1, 50, 0.5, 5, 0.5, 0.8}, 16, 9, "the exaggeration must be at least 1"},
        {{1, 9, 1, 50, 12, 5, 0.5, 1}, 16, 9, "a momentum must be at least 0 and less than 1"},
        {{1, 9, 1, 50, 12, 5, -1, 0.8}, 16, 9, "a momentum must be at least 0 and less than 1"},
        {{1, 9, 1, 50, 12, 5, 0.5, 0.8}, 16, 1e200, "a coordinate is not finite or too great"},
        {{1, 9, 1, 50, 12, 5, 0.5, 0.8}, 16, (double)NAN, "a coordinate is not finite or too great"},
    };
    double x[16], xy[32], kl;
    size_t i;
    for (i = 0; i < 16; i++) x[i] = (double)(i * i);
    for (i = 0; i < sizeof c / sizeof *c; i++) {
        x[3] = c[i].x3;
        CHECK(rome99_tsne(xy, &kl, x, c[i].n, 1, &c[i].s, &e) == -1 && strncmp(e.text, "t-SNE: ", 7) == 0 &&
                  strcmp(e.text + 7, c[i].message) == 0,
              "got \"%s\", expected \"t-SNE: %s\"", e.text, c[i].message);
    }
}

/* ------------------------------------------------------------------------ dump */

static void print(const char *name, const double *a, size_t rows, size_t cols) {
    size_t i;
    printf("%s %lu %lu\n", name, (unsigned long)rows, (unsigned long)cols);
    for (i = 0; i < rows * cols; i++) printf("%.17g%c", a[i], (i + 1) % cols > 0 ? ' ' : '\n');
}

/* Blocks "name rows cols", then the numbers. t-SNE at its start and after 40 iterations. */
static int dump(void) {
    enum { EACH = 20, N = 3 * EACH, D = 8, ITERATIONS = 40 };
    static double x[N * D], xy[2 * N], share[2], P[N * N], beta[N], y[2 * N], dy[2 * N], work[(N + 1) * N];
    const rome99_tsne_settings s = {7.0, ITERATIONS, 1, 50.0, 12.0, 15, 0.5, 0.8};
    const double settings[] = {7.0, 50.0, 12.0, 0.5, 0.8, ITERATIONS, 15};
    rome99_tsne_settings none = s;
    double C;
    rome99_rng rng = {31};
    none.iterations = 0;
    clusters(x, EACH, D, &rng);
    if (rome99_pca(xy, share, x, N, D, &e)) return 2;
    print("settings", settings, 1, 7);
    print("x", x, N, D);
    print("scores", xy, N, 2);
    print("share", share, 1, 2);
    if (rome99_tsne_affinities(P, beta, x, N, D, s.perplexity, &e)) return 2;
    normals(y, 2 * N, 1.0, &rng);
    rome99_tsne_gradient(dy, y, P, 3.0, work, N);
    C = rome99_tsne_cost(y, P, work, N);
    print("P", P, N, N);
    print("y", y, 2, N);
    print("cost", &C, 1, 1);
    print("gradient_3", dy, 2, N);
    if (rome99_tsne(xy, &C, x, N, D, &none, &e)) return 2;
    print("start", xy, N, 2);
    if (rome99_tsne(xy, &C, x, N, D, &s, &e)) return 2;
    print("end", xy, N, 2);
    print("kl", &C, 1, 1);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "dump") == 0) return dump();
    test_plane();
    test_equal();
    test_invariance();
    test_pca_degenerate();
    test_affinities();
    test_gradient();
    test_clusters();
    test_tsne_degenerate();
    test_refusals();
    return test_end();
}
