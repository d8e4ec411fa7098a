/*
 * mat.c: stored numbers, and the one matrix product.
 *
 * The product's meaning is three lines:
 *
 *     for i, j:  s = C[i][j];  for k in order:  s += (alpha * A(i,k)) * B(k,j);  C[i][j] = s;
 *
 * What is below gives the same bits faster. Sums are never split or reordered: MR x NR outputs are computed at
 * once, each with an accumulator of its own, from panels copied together (and widened to double) in the order in
 * which they are read. k is cut into pieces of KC, between which the accumulators rest in C, which is double too.
 */
#include "core/rome99.h"
#include "core/block.h"

#include <math.h>
#include <string.h>

/* A block of outputs; panels of A (MC, KC) and of B (KC, NC), which together fill ROME99_PACK doubles. */
enum { MR = ROME99_MR, NR = ROME99_NR, MC = 96, KC = 256, NC = 256 };

/* ------------------------------------------------------------ stored numbers */

size_t rome99_dtype_size(rome99_dtype dtype) {
    static const size_t size[] = {8, 4, 2, 2};
    return size[dtype];
}

static double widen_f16(uint16_t h) {
    double sign = (h & 0x8000u) ? -1.0 : 1.0, fraction = (double)(h & 0x3ffu);
    unsigned exponent = (h >> 10) & 31u;
    uint64_t bits;
    double scale;
    if (exponent == 0) return sign * fraction * (1.0 / 16777216.0); /* subnormal: units of 2^-24 */
    if (exponent == 31)
        bits = fraction > 0.0 ? UINT64_C(0x7ff8000000000000) : UINT64_C(0x7ff0000000000000);
    else
        bits = (uint64_t)(exponent + 1023u - 15u) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return exponent == 31 ? sign * scale : sign * scale * (1.0 + fraction / 1024.0);
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

void rome99_widen(double *out, rome99_weight w, size_t start, size_t n) {
    size_t i;
    if (w.dtype == ROME99_F32)
        for (i = 0; i < n; i++) out[i] = element(w.data, ROME99_F32, start + i);
    else
        for (i = 0; i < n; i++) out[i] = element(w.data, w.dtype, start + i);
}

static rome99_view view(const void *data, rome99_dtype dtype, size_t row, size_t col) {
    return (rome99_view){data, dtype, row, col};
}

rome99_view rome99_rows(const double *a, size_t ld) { return view(a, ROME99_F64, ld, 1); }
rome99_view rome99_columns(const double *a, size_t ld) { return view(a, ROME99_F64, 1, ld); }
rome99_view rome99_weight_rows(rome99_weight w, size_t ld) { return view(w.data, w.dtype, ld, 1); }
rome99_view rome99_weight_columns(rome99_weight w, size_t ld) { return view(w.data, w.dtype, 1, ld); }

/* ------------------------------------------------------------------- product */

/* out[k*width + i] = alpha * element (i, k) of `count` lines, stride `line`, of which `depth` elements, stride
 * `step`, from `start` on; lines from count to width are 0. The loops run along what lies together. */
static inline void pack_as(double *restrict out, size_t width, double alpha, const void *restrict data,
                           rome99_dtype dtype, size_t start, size_t line, size_t step, size_t count,
                           size_t depth) {
    size_t i, k;
    if (count < width) memset(out, 0, width * depth * sizeof *out);
    if (line == 1)
        for (k = 0; k < depth; k++)
            for (i = 0; i < count; i++)
                out[k * width + i] = alpha * element(data, dtype, start + k * step + i);
    else
        for (i = 0; i < count; i++)
            for (k = 0; k < depth; k++)
                out[k * width + i] = alpha * element(data, dtype, start + i * line + k * step);
}

static void pack_panel(double *out, size_t width, double alpha, const void *data, rome99_dtype dtype,
                       size_t start, size_t line, size_t step, size_t count, size_t depth) {
    if (dtype == ROME99_F64)
        pack_as(out, width, alpha, data, ROME99_F64, start, line, step, count, depth);
    else if (dtype == ROME99_F32)
        pack_as(out, width, alpha, data, ROME99_F32, start, line, step, count, depth);
    else
        pack_as(out, width, alpha, data, dtype, start, line, step, count, depth);
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

void rome99_gemm(double *C, size_t ldc, double alpha, rome99_view A, rome99_view B, size_t M, size_t N,
                 size_t K, double *pack) {
    double *a = pack, *b = pack + MC * KC;
    size_t i0, j0, k0, i, j;
    for (j0 = 0; j0 < N; j0 += NC) {
        size_t n = at_most(NC, N - j0);
        for (k0 = 0; k0 < K; k0 += KC) {
            size_t k = at_most(KC, K - k0);
            for (j = 0; j < n; j += NR)
                pack_panel(b + j * k, NR, 1.0, B.data, B.dtype, k0 * B.row + (j0 + j) * B.col, B.col, B.row,
                           at_most(NR, n - j), k);
            for (i0 = 0; i0 < M; i0 += MC) {
                size_t m = at_most(MC, M - i0);
                for (i = 0; i < m; i += MR)
                    pack_panel(a + i * k, MR, alpha, A.data, A.dtype, (i0 + i) * A.row + k0 * A.col, A.row,
                               A.col, at_most(MR, m - i), k);
                for (j = 0; j < n; j += NR)
                    for (i = 0; i < m; i += MR) {
                        double *c = C + (i0 + i) * ldc + j0 + j;
                        if (m - i >= MR && n - j >= NR)
                            block(c, ldc, a + i * k, b + j * k, k);
                        else
                            block_at_edge(c, ldc, a + i * k, b + j * k, k, at_most(MR, m - i),
                                          at_most(NR, n - j));
                    }
            }
        }
    }
}

double rome99_dot(const double *a, const double *b, size_t n) {
    double s = 0.0;
    size_t i;
    for (i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

double rome99_sqrt(double x) { return sqrt(x); }

double rome99_norm(const double *a, size_t n) { return rome99_sqrt(rome99_dot(a, a, n)); }
