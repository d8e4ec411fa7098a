/* test_sqrt.c: square root and addition by integer arithmetic (tests/ports), which boards
 * without correctly rounded ones use, against this machine's. */
#include "ports/sqrt.c"
#include "ports/add.c"
#include "test.h"

#include <float.h>

enum { MANY = 1000000 };

static double number(uint64_t word) {
    double x;
    memcpy(&x, &word, sizeof x);
    return x;
}

static uint64_t word(double x) {
    uint64_t w;
    memcpy(&w, &x, sizeof w);
    return w;
}

/* The same bits, any NaN for a NaN; where doubles are evaluated in another type one unit in the last place
 * more or less. */
static int agree(double a, double b) {
    uint64_t p = word(a), q = word(b), most = TEST_EXACT ? 0 : 1;
    if (a != a || b != b) return a != a && b != b;
    return p > q ? p - q <= most : q - p <= most;
}

static void check_sqrt(double x) {
    volatile double machine = sqrt(x);
    double got = rome99_port_sqrt(x);
    CHECK(agree(got, machine), "sqrt(%a): %a by integers, %a by this machine", x, got, machine);
}

static void check_add(double x, double y) {
    volatile double machine = x + y;
    double got = rome99_port_add(x, y);
    CHECK(agree(got, machine), "%a + %a: %a by integers, %a by this machine", x, y, got, machine);
}

/* A number with 0 to 52 digits behind the first, often followed by all ones; exponents close to one
 * another. */
static double few_digits(rome99_rng *rng) {
    uint64_t m = rome99_rng_next(rng) >> 12, kind = rome99_rng_next(rng);
    uint64_t low = ((uint64_t)1 << kind % 53) - 1, sign = kind >> 60 & 1, e = (kind >> 32) % 60;
    m = (kind >> 61 & 1) ? m & ~low : (kind >> 61 & 3) == 2 ? m | low : m;
    return number(sign << 63 | (1000 + e) << 52 | m);
}

static void edges(void) {
    static const double at[] = {0.0, 1.0, 2.0, 3.0, 4.0, 0.25, 1e16, DBL_MIN, DBL_MAX, DBL_EPSILON};
    static const uint64_t words[] = {1,
                                     2,
                                     3,
                                     0x000fffffffffffffu,
                                     0x0008000000000000u,
                                     0x0010000000000001u,
                                     0x7ff0000000000000u,
                                     0x7ff8000000000000u,
                                     0x7ff0000000000001u,
                                     0x7fe0000000000000u,
                                     0x3fefffffffffffffu,
                                     0x3ff0000000000001u,
                                     0x3de0000001fffff0u,
                                     0x4340000000000000u,
                                     0x433fffffffffffffu};
    enum { AT = sizeof at / sizeof *at, WORDS = sizeof words / sizeof *words, ALL = 2 * (AT + WORDS) };
    double x[ALL];
    size_t i, j;
    for (i = 0; i < ALL; i++) {
        x[i] = i / 2 < AT ? at[i / 2] : number(words[i / 2 - AT]);
        if (i % 2) x[i] = number(word(x[i]) ^ (uint64_t)1 << 63);
    }
    for (i = 0; i < ALL; i++) {
        check_sqrt(x[i]);
        for (j = 0; j < ALL; j++) check_add(x[i], x[j]);
    }
}

/* Exact squares and their neighbours; what is nearest to the square of a number half-way between two
 * doubles. */
static void squares(rome99_rng *rng) {
    long i;
    for (i = 0; i < MANY / 5; i++) {
        size_t shift = 38 + rome99_rng_below(rng, 26);
        uint64_t n = rome99_rng_next(rng) >> shift;
        double x = (double)n * (double)n, y = 1.0 + rome99_rng_uniform(rng);
        check_sqrt(x);
        check_sqrt(number(word(x) + 1));
        if (n > 0) check_sqrt(number(word(x) - 1));
        check_sqrt(y * y);
        check_sqrt(y * y + y * DBL_EPSILON);
    }
}

int main(void) {
    rome99_rng rng = {41};
    double x;
    long i;
    edges();
    squares(&rng);
    for (i = 0; i < MANY; i++) {
        uint64_t a = rome99_rng_next(&rng), b = rome99_rng_next(&rng);
        check_sqrt(number(a >> 1));
        check_sqrt(number(a >> 12 >> (b >> 58))); /* subnormal */
        check_add(number(a),
                  number((b & 0x800fffffffffffffu) | (a & 0x7ff0000000000000u)));    /* one exponent */
        check_add(number(a & 0x803fffffffffffffu), number(b & 0x803fffffffffffffu)); /* with subnormal ones */
        x = few_digits(&rng);
        check_add(x, few_digits(&rng));
    }
    return test_end();
}
