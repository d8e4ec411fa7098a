/* rng.c: the one generator of the project, SplitMix64: a counter in steps of the golden ratio, then mixed. */
#include "core/rome99.h"

uint64_t rome99_rng_next(rome99_rng *rng) {
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t rome99_rng_below(rome99_rng *rng, size_t n) {
    /* Numbers under 2^64 mod n are drawn again: what is left is a multiple of n. */
    uint64_t bound = (uint64_t)n, reject = (UINT64_MAX - bound + 1) % bound, z;
    do z = rome99_rng_next(rng);
    while (z < reject);
    return (size_t)(z % bound);
}

double rome99_rng_uniform(rome99_rng *rng) {
    return (double)(rome99_rng_next(rng) >> 11) * (1.0 / 9007199254740992.0);
}

double rome99_rng_normal(rome99_rng *rng) {
    double x, y, s;
    do {
        x = 2.0 * rome99_rng_uniform(rng) - 1.0;
        y = 2.0 * rome99_rng_uniform(rng) - 1.0;
        s = x * x + y * y;
    } while (s >= 1.0 || s <= 0.0);
    return x * rome99_sqrt(-2.0 * rome99_log(s) / s);
}
