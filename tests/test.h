/* test.h: counted checks for the test programs; each program ends with `return test_end();`. */
#ifndef ROME99_TEST_H
#define ROME99_TEST_H

#include <float.h>
#include <math.h>
#include <stdio.h>

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

static int test_end(void) {
    printf("%lu passed, %lu failed\n", test_passed, test_failed);
    return test_failed != 0;
}

#endif
