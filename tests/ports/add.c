/* add.c: x + y to the nearest double, from integer arithmetic alone, for machines whose software addition is
 * not that. */
#include "board.h"

#include <string.h>

#define SIGN         ((uint64_t)1 << 63)
#define INFINITE     ((uint64_t)0x7ff << 52)
#define NOT_A_NUMBER ((uint64_t)0xfff << 51)

/* A number's digits with three more behind them, and its exponent's field, 1 if it is subnormal. */
static uint64_t digits(int *e, uint64_t word) {
    uint64_t m = word & 0xfffffffffffffu;
    *e = (int)(word >> 52 & 0x7ff);
    if (*e == 0)
        *e = 1;
    else
        m |= (uint64_t)1 << 52;
    return m << 3;
}

/* m / 2^d, whose last digit is also set if anything behind it is. */
static uint64_t shifted(uint64_t m, int d) {
    if (d > 55) return m != 0;
    return m >> d | ((m & (((uint64_t)1 << d) - 1)) != 0);
}

static uint64_t sum(uint64_t a, uint64_t b) {
    uint64_t m, n, opposite = (a ^ b) & SIGN, sign;
    int e, f;
    if (a << 1 < b << 1) {
        uint64_t t = a;
        a = b;
        b = t;
    }
    sign = a & SIGN;
    if (a << 1 > INFINITE << 1 || (opposite && b << 1 == INFINITE << 1)) return NOT_A_NUMBER;
    if (a << 1 == INFINITE << 1) return a;
    m = digits(&e, a);
    n = digits(&f, b);
    n = shifted(n, e - f);
    m = opposite ? m - n : m + n;
    if (m == 0) return opposite ? 0 : sign;
    if (m >> 56 != 0) {
        m = shifted(m, 1);
        e++;
    }
    for (; m >> 55 == 0 && e > 1; e--) m <<= 1; /* more than once only if nothing was shifted out */
    f = (int)(m & 7);
    m >>= 3;
    m += f > 4 || (f == 4 && (m & 1) != 0); /* to nearest, ties to even */
    m += (uint64_t)(e - 1) << 52;           /* m's leading digit adds 1 to the exponent's field */
    return sign | (m < INFINITE ? m : INFINITE);
}

double rome99_port_add(double x, double y) {
    uint64_t a, b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    a = sum(a, b);
    memcpy(&x, &a, sizeof x);
    return x;
}
