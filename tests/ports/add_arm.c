/* add_arm.c: what compilers call for + and - on an ARM without floating-point unit, under the names of the
 * linker's --wrap. libgcc's own (12.2) are not correctly rounded where the lesser number is shifted by 33
 * digits and the leading digit of the difference goes: they keep too few digits behind the last one.
 * 1 - 0x1.0000001fffffp-33 gives 0x1.fffffffefffffp-1, must give 0x1.ffffffffp-1. */
#include "board.h"

#include <string.h>

double __real___aeabi_dadd(double x, double y);
double __wrap___aeabi_dadd(double x, double y);
double __wrap___aeabi_dsub(double x, double y);
double __wrap___aeabi_drsub(double x, double y);

static uint32_t exponent(double x) {
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    return (uint32_t)(word >> 52) & 0x7ff;
}

static double negated(double x) {
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    word ^= (uint64_t)1 << 63;
    memcpy(&x, &word, sizeof x);
    return x;
}

double __wrap___aeabi_dadd(double x, double y) {
    uint32_t e = exponent(x), f = exponent(y), apart = e > f ? e - f : f - e;
    return apart == 33 || apart == 34 ? rome99_port_add(x, y) : __real___aeabi_dadd(x, y); /* 34: subnormal */
}

double __wrap___aeabi_dsub(double x, double y) { return __wrap___aeabi_dadd(x, negated(y)); }

double __wrap___aeabi_drsub(double x, double y) { return __wrap___aeabi_dadd(y, negated(x)); }
