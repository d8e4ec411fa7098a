/* test.h: counted checks for the test programs; each program ends with `return test_end();`. */
#ifndef ROME99_TEST_H
#define ROME99_TEST_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned long test_passed, test_failed;

/* CHECK(condition, format, ...): counts it; a failure prints its place and the formatted text. */
#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (condition) {                                                                                     \
            test_passed++;                                                                                   \
        } else {                                                                                             \
            test_failed++;                                                                                   \
            fprintf(stderr, "FAIL %s:%d: ", __FILE__, __LINE__);                                             \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
        }                                                                                                    \
    } while (0)

/* CHECK_LE(error, bound, what): a NaN error fails. */
#define CHECK_LE(error, bound, what)                                                                         \
    do {                                                                                                     \
        double test_error = (error), test_bound = (bound);                                                   \
        CHECK(test_error <= test_bound, "%s: %.3g, must be <= %.3g", (what), test_error, test_bound);        \
    } while (0)

/* The same bits; or, where double arithmetic is done in a wider type and results depend on what was stored
 * between, nearly the same. A test program need not use it. */
#define TEST_EXACT (FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1)
#define SAME(a, b) (TEST_EXACT ? (a) == (b) : fabs((a) - (b)) <= 1e-12 * (1.0 + fabs(a)))

/* All bits of n doubles as one number, so_far being that of what came before: where results are the same bits
 * everywhere, a test may know it. */
static inline uint64_t digest(uint64_t so_far, const double *a, size_t n) {
    uint64_t bits;
    size_t i;
    for (i = 0; i < n; i++) {
        memcpy(&bits, a + i, sizeof bits);
        so_far = (so_far ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
        so_far ^= so_far >> 32;
    }
    return so_far;
}
#define CHECK_DIGEST(got, known, what)                                                                       \
    do {                                                                                                     \
        unsigned long long test_got = (got), test_known = (known);                                           \
        CHECK(!TEST_EXACT || test_got == test_known, "%s: other bits: digest %016llx, must be %016llx",      \
              (what), test_got, test_known);                                                                 \
    } while (0)

static int test_end(void) {
    printf("%lu passed, %lu failed\n", test_passed, test_failed);
    return test_failed != 0;
}

#endif
