/*
 * fmath.c: exp, log and tanh from + - * / and integer operations on the bits of a double.
 *
 *   exp    x = n ln 2 + r, |r| <= ln 2 / 2:  e^x = 2^n e^r, e^r by a polynomial
 *   log    x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt 2):  log x = k ln 2 + log(1 + f), by a series
 *   tanh   |x| < 0.55: x + x^3 P(x^2); from there on 1 - 2 / (e^(2|x|) + 1)
 *
 * Greatest error in ulp, as a bound that adds up all rounding and approximation errors, and as `test_fmath long`
 * finds it among 10^8 arguments: exp 0.78, 0.71 (subnormal results, which are rounded twice: 0.89, 0.81);
 * log 0.78, 0.68; tanh 1.65, 1.52.
 *
 * exp and tanh take no branch: all cases are computed and masks choose between them, so that
 * compilers make vector code of the array loops. Polynomials are grouped (Estrin) for short chains
 * of dependent operations. The order is as written and no product is contracted into a sum: scalar
 * code, vector code and every compiler give the same bits.
 */
#include "core/rome99.h"

#include <string.h>

#define BITS_SIGN      ((uint64_t)1 << 63)
#define BITS_FRACTION  (((uint64_t)1 << 52) - 1)
#define BITS_NAN       ((uint64_t)0x7ff8 << 48)
#define BITS_INFINITY  ((uint64_t)0x7ff0 << 48)
#define BITS_SQRT_HALF ((uint64_t)0x3fe6a09e667f3bcd)
#define BITS_0_55      ((uint64_t)0x3fe199999999999a)
#define BITS_1         ((uint64_t)0x3ff0 << 48)
#define BITS_20        ((uint64_t)0x4034 << 48)
#define BITS_746       ((uint64_t)0x40875 << 44)

/* For |y| < 2^51, t = y + SHIFT is SHIFT + the integer n nearest to y, and t's low bits are n's. */
#define SHIFT 0x1.8p52

#define LOG2_E 0x1.71547652b82fep+0
/* ln 2 in two parts. The first has 42 bits: n LN2_HI is exact for |n| < 2^11. */
#define LN2_HI 0x1.62e42fefa38p-1
#define LN2_LO 0x1.ef35793c7673p-45

static inline uint64_t to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* a < b ? u : v, for a, b < 2^63. Non-negative doubles are ordered as their bits are. Neither the
 * operator nor a comparison of doubles would do: the first becomes a branch, and the second has no
 * vector form in SSE2 that compilers use. */
static inline uint64_t choose(uint64_t a, uint64_t b, uint64_t u, uint64_t v) {
    uint64_t not_less = ((a - b) >> 63) - 1;
    return (v & not_less) | (u & ~not_less);
}

/* 2^n y, where y and the result are normal numbers; n is given modulo 2^12. */
static inline double scale(double y, uint64_t n) { return from_bits(to_bits(y) + (n << 52)); }

/* Returns p in [0.7, 1.42] with e^x = 2^n p, where *shifted = SHIFT + n. Precondition: |x| <= 746.
 * e^r = 1 + r + r^2/2 + r^3 Q(r). Q, of degree 8, has the least relative error of e^r on
 * |r| <= 0.346575 (Remez exchange): 2^-57.2 with its coefficients rounded. The rounding of
 * r = hi - lo matters only in the linear term, which therefore takes hi and lo one by one. */
static inline double exp_reduced(double x, double *shifted) {
    double t = x * LOG2_E + SHIFT, n = t - SHIFT;
    double hi = x - n * LN2_HI, lo = n * LN2_LO;
    double r = hi - lo, r2 = r * r, r4 = r2 * r2;
    double q03 = (0x1.5555555555501p-3 + r * 0x1.555555555320dp-5) +
                 r2 * (0x1.1111111128830p-7 + r * 0x1.6c16c17cc0d72p-10);
    double q47 = (0x1.a01a011c36b58p-13 + r * 0x1.a019ab3559c16p-16) +
                 r2 * (0x1.71df5524c62e8p-19 + r * 0x1.289f820bd7c09p-22);
    double Q = q03 + r4 * (q47 + r4 * 0x1.ad202918713e0p-26);
    double sum = 1.0 + hi, rest = (hi - (sum - 1.0)) - lo;
    *shifted = t;
    return sum + (rest + r2 * (0.5 + r * Q));
}

/* From 746 on e^x overflows and e^-x rounds to 0. 2^n is the product of two normal numbers, so that
 * p is rounded again only where the result is subnormal. */
static inline double exp_inline(double x) {
    uint64_t sign = to_bits(x) & BITS_SIGN, magnitude = to_bits(x) & ~BITS_SIGN;
    uint64_t limited = choose(magnitude, BITS_746, magnitude, BITS_746);
    double t, p = exp_reduced(from_bits(limited | sign), &t);
    uint64_t n = to_bits(t), half = n >> 1;
    double y = scale(p, half) * scale(1.0, n - half);
    return from_bits(choose(BITS_INFINITY, magnitude, BITS_NAN, to_bits(y)));
}

/* P, of degree 9, has the least relative error of tanh on [0, 0.55] (Remez exchange; the first
 * coefficient was rounded, then the others fitted): 2^-55.4. From 20 on tanh x rounds to 1. */
static inline double tanh_inline(double x) {
    uint64_t sign = to_bits(x) & BITS_SIGN, magnitude = to_bits(x) & ~BITS_SIGN;
    double a = from_bits(choose(magnitude, BITS_20, magnitude, BITS_20));
    double a2 = a * a, a4 = a2 * a2, a8 = a4 * a4;
    double p03 = (-0x1.555555555549ep-2 + a2 * 0x1.11111111029b1p-3) +
                 a4 * (-0x1.ba1ba1ad73746p-5 + a2 * 0x1.664f45c32344ep-6);
    double p47 = (-0x1.226ddd4e43d1dp-7 + a2 * 0x1.d6c61e5e3e845p-9) +
                 a4 * (-0x1.7cf3c356ea9fdp-10 + a2 * 0x1.2fa2a74c21037p-11);
    double p89 = -0x1.b90a6c6b2bd2cp-13 + a2 * 0x1.ac02caea9ad8bp-15;
    double P = p03 + a8 * (p47 + a8 * p89);
    double small = a + a * (a2 * P);
    double t, p = exp_reduced(2.0 * a, &t);
    double large = 1.0 - 2.0 / (scale(p, to_bits(t)) + 1.0);
    uint64_t y = choose(magnitude, BITS_0_55, to_bits(small), to_bits(large));
    return from_bits(choose(BITS_INFINITY, magnitude, BITS_NAN, y | sign));
}

double rome99_exp(double x) { return exp_inline(x); }
double rome99_tanh(double x) { return tanh_inline(x); }

/* In place: no test for overlap before vector code. */
void rome99_exp_array(double *y, const double *x, size_t n) {
    size_t i;
    if (y != x) memcpy(y, x, n * sizeof *y);
    for (i = 0; i < n; i++) y[i] = exp_inline(y[i]);
}

void rome99_tanh_array(double *y, const double *x, size_t n) {
    size_t i;
    if (y != x) memcpy(y, x, n * sizeof *y);
    for (i = 0; i < n; i++) y[i] = tanh_inline(y[i]);
}

/* With s = f/(2 + f), log(1 + f) = 2 artanh s = f - f^2/2 + s (f^2/2 + R), R = 2s^2/3 + 2s^4/5 ...
 * As |s| < 0.1716, the terms left out of Taylor's series are less than 2^-60 of the sum.
 * Precondition: 0 < x < infinity. */
static double log_positive(double x) {
    uint64_t bits = to_bits(x);
    int k = 0, i;
    double f, s, s2, R, high, square, head, main_part, sum, rest;
    if (bits <= BITS_FRACTION) { /* subnormal */
        bits = to_bits(x * 0x1p54);
        k = -54;
    }
    bits += BITS_1 - BITS_SQRT_HALF;
    k += (int)(bits >> 52) - 1023;
    f = from_bits((bits & BITS_FRACTION) + BITS_SQRT_HALF) - 1.0;

    s = f / (2.0 + f);
    s2 = s * s;
    for (R = 2.0 / 21, i = 19; i > 1; i -= 2) R = 2.0 / i + s2 * R;
    R *= s2;

    /* k LN2_HI + f - high^2/2 = sum + rest without error, high being the first 21 bits of f */
    high = from_bits(to_bits(f) & ~(uint64_t)0xffffffff);
    square = 0.5 * high * high;
    head = f - square;
    main_part = k * LN2_HI;
    sum = main_part + head;
    rest = ((main_part - sum) + head) + ((f - head) - square);
    rest -= 0.5 * (f - high) * (f + high);
    return sum + (rest + (s * (0.5 * f * f + R) + k * LN2_LO));
}

double rome99_log(double x) {
    if (x == 0.0) return from_bits(BITS_INFINITY | BITS_SIGN);
    if (!(x > 0.0)) return from_bits(BITS_NAN);
    if (to_bits(x) == BITS_INFINITY) return x;
    return log_positive(x);
}
