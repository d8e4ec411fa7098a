/*
 * mat.c: stored numbers, and the one matrix product.
 *
 * The product's meaning is three lines:
 *
 *     for i, j:  s = C[i][j];  for k in order:  s += (alpha * A(i,k)) * B(k,j);  C[i][j] = s;
 *
 * What is below gives the same bits faster. Sums are never split or reordered: MR x NR outputs are computed at
 * once, each with an accumulator of its own, from panels copied together (and widened to double) in the order in
 * which they are read: MR rows of A, NR columns of B. k is cut into pieces of KC, between which the accumulators
 * rest in C, which is double too. Panels of B, and with OpenMP parts of them, are independent of one another.
 */
#include "core/rome99.h"
#include "core/machine.h"

#include <math.h>
#include <string.h>

/* A block of outputs; rows of A that are packed at once; parts of B's columns, each with a panel of its own.
 * MC * KC + PARTS * KC * NR <= ROME99_PACK. */
enum { MR = ROME99_MR, NR = ROME99_NR, KC = 256, MC = 320 / MR * MR, PARTS = 8 };

/* ------------------------------------------------------------ stored numbers */

size_t rome99_dtype_size(rome99_dtype dtype) {
    static const size_t size[] = {8, 4, 2, 2};
    return size[dtype];
}

/* The bits, moved to a double's places, are the number times 2^-1008, subnormal or not. */
static double widen_f16(uint16_t h) {
    uint64_t bits = (uint64_t)(h & 0x8000u) << 48 | (uint64_t)(h & 0x7fffu) << 42;
    double x;
    if ((h & 0x7c00u) == 0x7c00u) bits |= UINT64_C(0x7ff) << 52; /* infinity, NaN */
    memcpy(&x, &bits, sizeof x);
    return x * 0x1p1008;
}

static double widen_bf16(uint16_t b) {
    uint32_t bits = (uint32_t)b << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

/* Element `at`, widened; the type is a constant wherever a loop is made of this. */
static inline double element(const void *data, rome99_dtype dtype, size_t at) {
    if (dtype == ROME99_F64) return ((const double *)data)[at];
    if (dtype == ROME99_F32) return (double)((const float *)data)[at];
    return dtype == ROME99_F16 ? widen_f16(((const uint16_t *)data)[at])
                               : widen_bf16(((const uint16_t *)data)[at]);
}

rome99_view rome99_rows(const double *a, size_t ld) { return (rome99_view){a, ROME99_F64, ld, 1}; }
rome99_view rome99_columns(const double *a, size_t ld) { return (rome99_view){a, ROME99_F64, 1, ld}; }
rome99_view rome99_weight_rows(rome99_weight w, size_t ld) { return (rome99_view){w.data, w.dtype, ld, 1}; }
rome99_view rome99_weight_columns(rome99_weight w, size_t ld) {
    return (rome99_view){w.data, w.dtype, 1, ld};
}

/* ------------------------------------------------------------------- product */

/* panel[k*width + i] = alpha * element (i0 + i, k0 + k) of v, for i < count and k < depth; 0 from count to width. */
static inline void pack_as(double *restrict panel, size_t width, double alpha, rome99_view v,
                           rome99_dtype dtype, size_t i0, size_t k0, size_t count, size_t depth) {
    size_t at = i0 * v.row + k0 * v.col, i, k;
    if (count < width) memset(panel, 0, width * depth * sizeof *panel);
    for (k = 0; k < depth; k++, panel += width, at += v.col)
        if (count < width)
            for (i = 0; i < count; i++) panel[i] = alpha * element(v.data, dtype, at + i * v.row);
        else if (v.row == 1)
            for (i = 0; i < width; i++) panel[i] = alpha * element(v.data, dtype, at + i);
        else
            for (i = 0; i < width; i++) panel[i] = alpha * element(v.data, dtype, at + i * v.row);
}

static inline void pack_panel(double *panel, size_t width, double alpha, rome99_view v, size_t i0, size_t k0,
                              size_t count, size_t depth) {
    if (v.dtype == ROME99_F64)
        pack_as(panel, width, alpha, v, ROME99_F64, i0, k0, count, depth);
    else if (v.dtype == ROME99_F32)
        pack_as(panel, width, alpha, v, ROME99_F32, i0, k0, count, depth);
    else
        pack_as(panel, width, alpha, v, v.dtype, i0, k0, count, depth);
}

void rome99_widen(double *out, rome99_weight w, size_t start, size_t n) {
    pack_panel(out, n, 1.0, (rome99_view){w.data, w.dtype, 1, 0}, start, 0, n, 1);
}

/* c[i*ldc + j] += sum over k of a[k*MR + i] * b[k*NR + j], one accumulator for each (i, j). */
static void block(double *restrict c, size_t ldc, const double *restrict a, const double *restrict b,
                  size_t K) {
    double s[MR][NR];
    size_t i, j, k;
    for (i = 0; i < MR; i++)
        for (j = 0; j < NR; j++) s[i][j] = c[i * ldc + j];
    for (k = 0; k < K; k++, a += MR, b += NR)
        for (i = 0; i < MR; i++)
            for (j = 0; j < NR; j++) s[i][j] += a[i] * b[j];
    for (i = 0; i < MR; i++)
        for (j = 0; j < NR; j++) c[i * ldc + j] = s[i][j];
}

/* The same for the m x n outputs of a block at the edge of C. */
static void block_at_edge(double *c, size_t ldc, const double *a, const double *b, size_t K, size_t m,
                          size_t n) {
    double tile[MR * NR] = {0};
    size_t i;
    for (i = 0; i < m; i++) memcpy(tile + i * NR, c + i * ldc, n * sizeof *c);
    block(tile, NR, a, b, K);
    for (i = 0; i < m; i++) memcpy(c + i * ldc, tile + i * NR, n * sizeof *c);
}

static size_t at_most(size_t a, size_t b) { return a < b ? a : b; }

/* c (m, n) += A B for packed A (m, K) and n columns of B from element (k, j) on, by panels b (K, NR). */
static void block_columns(double *c, size_t ldc, const double *a, rome99_view B, size_t k, size_t j, size_t m,
                          size_t n, size_t K, double *b) {
    size_t i, at, wide;
    for (at = 0; at < n; at += NR, c += NR) {
        wide = at_most(NR, n - at);
        pack_panel(b, NR, 1.0, (rome99_view){B.data, B.dtype, B.col, B.row}, j + at, k, wide, K);
        for (i = 0; i < m; i += MR)
            if (m - i >= MR && wide == NR)
                block(c + i * ldc, ldc, a + i * K, b, K);
            else
                block_at_edge(c + i * ldc, ldc, a + i * K, b, K, at_most(MR, m - i), wide);
    }
}

void rome99_gemm(double *C, size_t ldc, double alpha, rome99_view A, rome99_view B, size_t M, size_t N,
                 size_t K, double *pack) {
    double *a = pack, *b = pack + MC * KC;
    size_t width = (N + PARTS * NR - 1) / (PARTS * NR) * NR, i0, k0, i;
    int part;
    for (k0 = 0; k0 < K; k0 += KC)
        for (i0 = 0; i0 < M; i0 += MC) {
            size_t k = at_most(KC, K - k0), m = at_most(MC, M - i0);
            for (i = 0; i < m; i += MR)
                pack_panel(a + i * k, MR, alpha, A, i0 + i, k0, at_most(MR, m - i), k);
            ROME99_PARALLEL(m * k * N > 100000)
            for (part = 0; part < PARTS; part++) {
                size_t j = at_most((size_t)part * width, N);
                block_columns(C + i0 * ldc + j, ldc, a, B, k0, j, m, at_most(width, N - j), k,
                              b + (size_t)part * KC * NR);
            }
        }
}

void rome99_product(double *C, rome99_view A, rome99_view B, size_t M, size_t N, size_t K, double *pack) {
    memset(C, 0, M * N * sizeof *C);
    rome99_gemm(C, N, 1.0, A, B, M, N, K, pack);
}

double rome99_dot(const double *a, const double *b, size_t n) {
    double s = 0.0;
    size_t i;
    for (i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

double rome99_sqrt(double x) { return sqrt(x); }
double rome99_norm(const double *a, size_t n) { return rome99_sqrt(rome99_dot(a, a, n)); }
