/* sqrt.c: the square root digit by digit, for machines without a correctly rounded one. */
#include "board.h"

#include <string.h>

double rome99_port_sqrt(double x) {
    uint64_t word, m, root = 0, rest = 0;
    int e, i;
    memcpy(&word, &x, sizeof word);
    e = (int)(word >> 52 & 0x7ff);
    m = word & 0xfffffffffffffu;
    if (x != x || (e == 0 && m == 0)) return x;    /* NaN, 0, -0 */
    if (word >> 63 != 0) return (x - x) / (x - x); /* below 0 */
    if (e == 0x7ff) return x;
    if (e > 0) /* x = m 2^(e - 1075) */
        m |= (uint64_t)1 << 52;
    else
        for (e = 1; m >> 52 == 0; e--) m <<= 1;
    if (e % 2 == 0) { /* 2^52 <= m < 2^54, and e - 1075 is even */
        m <<= 1;
        e--;
    }
    /* root = floor(sqrt(m 2^54)) has 54 digits, rest = m 2^54 - root^2: two digits of m make one of root. */
    for (i = 0; i < 54; i++) {
        uint64_t odd = root << 2 | 1;
        rest = rest << 2 | (m >> 52 & 3);
        m <<= 2;
        root <<= 1;
        if (rest >= odd) {
            rest -= odd;
            root |= 1;
        }
    }
    /* One digit too many. It is never a tie: an odd root's square is odd, m 2^54 is not. The leading digit of
     * the 53 adds 1 to the exponent's field. */
    word = ((uint64_t)((e - 1075) / 2 + 1048) << 52) + ((root + 1) >> 1);
    memcpy(&x, &word, sizeof x);
    return x;
}
