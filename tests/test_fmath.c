/*
 * test_fmath.c: the errors of exp, log and tanh in units in the last place (ulp).
 *
 * The reference is double-double: a sum hi + lo of two doubles that is not carried out, about 106
 * bits (Dekker 1971). It shares nothing with fmath.c but the reduction by ln 2: e^r - 1 comes from
 * Taylor's series at r/16, squared four times; tanh comes from that; log is judged by putting it
 * back into e^x (Newton's step). Its errors were compared with 400-digit arithmetic on 10^4
 * arguments and differ by less than 10^-12 ulp.
 *
 *   test_fmath        a million arguments for each line printed
 *   test_fmath long   10^8
 */
#include "core/rome99.h"
#include "test.h"

#include <float.h>
#include <string.h>

typedef struct {
    double hi, lo;
} dd;

static dd two_sum(double a, double b) {
    dd s;
    double t;
    s.hi = a + b;
    t = s.hi - a;
    s.lo = (a - (s.hi - t)) + (b - t);
    return s;
}

/* Precondition: |a| >= |b|, or a == 0. */
static dd fast_two_sum(double a, double b) {
    dd s;
    s.hi = a + b;
    s.lo = b - (s.hi - a);
    return s;
}

/* Veltkamp's splitting: a = hi + lo, 26 bits each. */
static dd split(double a) {
    dd s;
    double t = 134217729.0 * a;
    s.hi = t - (t - a);
    s.lo = a - s.hi;
    return s;
}

static dd two_product(double a, double b) {
    dd p, x = split(a), y = split(b);
    p.hi = a * b;
    p.lo = ((x.hi * y.hi - p.hi) + x.hi * y.lo + x.lo * y.hi) + x.lo * y.lo;
    return p;
}

static dd dd_add(dd a, dd b) {
    dd s = two_sum(a.hi, b.hi), t = two_sum(a.lo, b.lo);
    s = fast_two_sum(s.hi, s.lo + t.hi);
    return fast_two_sum(s.hi, s.lo + t.lo);
}

static dd dd_mul(dd a, dd b) {
    dd p = two_product(a.hi, b.hi);
    return fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static dd dd_scale(dd a, double power_of_two) {
    dd s;
    s.hi = a.hi * power_of_two;
    s.lo = a.lo * power_of_two;
    return s;
}

static dd dd_div(dd a, dd b) {
    double q = a.hi / b.hi;
    dd minus_q = {0.0, 0.0}, rest;
    minus_q.hi = -q;
    rest = dd_add(a, dd_mul(minus_q, b));
    return fast_two_sum(q, rest.hi / b.hi);
}

static dd from_double(double x) {
    dd s;
    s.hi = x;
    s.lo = 0.0;
    return s;
}

/* e^x = 2^n (1 + p). Returns p to 2^-90, where n = 0 to 2^-90 of p. Precondition: |x| <= 800. */
static dd exp_reference(double x, int *n) {
    static const dd inverse_factorial[] = {
        {1.0, 0.0}, {1.0, 0.0}, {0.5, 0.0},
        {0x1.5555555555555p-3, 0x1.5555555555555p-57},
        {0x1.5555555555555p-5, 0x1.5555555555555p-59},
        {0x1.1111111111111p-7, 0x1.1111111111111p-63},
        {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65}
    };
    static const double tail[] = { /* 1/7! .. 1/13! */
        1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600,
        1.0 / 6227020800.0
    };
    double k = floor(x / 0.6931471805599453 + 0.5), small = 0.0;
    dd r, p;
    int i;
    *n = (int)k;
    if (fabs(x) < 0x1p-60) return two_sum(x, 0.5 * x * x);
    r = two_sum(x, -k * 0x1.62e42fefa2p-1); /* ln 2 in three parts; these products are exact */
    r = dd_add(r, from_double(-k * 0x1.9ef35793c7p-41));
    r = dd_add(r, from_double(-k * 0x1.9cc01f97b57ap-83));
    r = dd_scale(r, 0x1p-4);
    for (i = 6; i >= 0; i--) small = tail[i] + r.hi * small;
    p = from_double(small);
    for (i = 6; i >= 1; i--) p = dd_add(dd_mul(p, r), inverse_factorial[i]);
    p = dd_mul(p, r);
    for (i = 0; i < 4; i++) p = dd_add(dd_scale(p, 2.0), dd_mul(p, p)); /* (1 + p)^2 - 1 */
    return p;
}

/* tanh x for x >= 0, to about 2^-90 of itself: E/(E + 2), E = e^2x - 1. */
static dd tanh_reference(double x) {
    int n;
    dd e;
    double x2 = x * x;
    if (x < 0x1p-20) return fast_two_sum(x, x * (x2 * (-1.0 / 3 + x2 * (2.0 / 15))));
    if (x > 40.0) return fast_two_sum(1.0, -0x1p-115);
    e = exp_reference(2.0 * x, &n);
    e = dd_add(dd_scale(e, ldexp(1.0, n)), two_sum(ldexp(1.0, n), -1.0));
    return dd_div(e, dd_add(e, from_double(2.0)));
}

/* The distance between doubles around the value. */
static double ulp(dd value) {
    int e;
    double significand = fabs(frexp(value.hi, &e));
    if (significand == 0.5 && value.hi * value.lo < 0.0) e--;
    return ldexp(1.0, e < -1021 ? -1074 : e - 53);
}

/* Errors of `got` in ulp; HUGE_VAL where it is not even a candidate. */
static double exp_error(double got, double x) {
    int n, e;
    dd p, difference;
    if (x > 800.0) return got > DBL_MAX ? 0.0 : HUGE_VAL;
    if (x < -800.0) return got == 0.0 ? 0.0 : HUGE_VAL;
    p = exp_reference(x, &n);
    e = n - (p.hi < 0.0);
    if (!(got >= 0.0)) return HUGE_VAL;
    if (e >= 1024) return got > DBL_MAX ? 0.0 : HUGE_VAL;
    /* in units of 2^n; infinity counts as 2^1024 */
    difference = two_sum(got > DBL_MAX ? ldexp(1.0, 1024 - n) : ldexp(got, -n), -1.0);
    p = dd_scale(p, -1.0);
    difference = dd_add(difference, p);
    return fabs(difference.hi) / ldexp(1.0, (e < -1022 ? -1074 : e - 52) - n);
}

/* log x = got + log(1 + w), w = x e^-got - 1. */
static double log_error(double got, double x) {
    int n;
    dd p, w, value;
    double m;
    if (!(fabs(got) < 800.0)) return HUGE_VAL;
    p = exp_reference(-got, &n);
    m = ldexp(x, n);
    w = dd_add(two_sum(m, -1.0), dd_mul(from_double(m), p));
    if (w.hi == 0.0) return 0.0;
    if (!(fabs(w.hi) < 0.01)) return HUGE_VAL;
    value.hi = got;
    value.lo = w.hi - 0.5 * w.hi * w.hi;
    return fabs(value.lo) / ulp(value);
}

static double tanh_error(double got, double x) {
    dd value = tanh_reference(fabs(x));
    if (!(fabs(got) <= 1.0)) return HUGE_VAL;
    return fabs((got * (x < 0.0 ? -1.0 : 1.0) - value.hi) - value.lo) / ulp(value);
}

static double as_double(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t as_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t random_state;

/* Steele, Lea, Flood: SplitMix64. */
static uint64_t random_bits(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static double random_uniform(void) {
    return (double)(random_bits() >> 11) * 0x1p-53;
}

/* Where arguments are drawn from. UNIFORM: [lo, hi]. BITS: bit patterns from lo's to hi's, lo > 0;
 * SIGNED_BITS: with either sign. MIDDLES: a few ulp around (i + 1/2) step, lo <= i <= hi, where
 * reductions turn. */
typedef struct {
    enum { UNIFORM, BITS, SIGNED_BITS, MIDDLES } kind;
    double lo, hi, step;
} range;

#define LN2 0.6931471805599453
#define SMALLEST 0x1p-1074

static const range exp_ranges[] = {
    {SIGNED_BITS, SMALLEST, 708.39, 0}, {SIGNED_BITS, 0x1p-60, 1, 0},
    {UNIFORM, -708.39, 709.8, 0}, {UNIFORM, -1, 1, 0}, {UNIFORM, -40, 40, 0},
    {MIDDLES, -1021, 1023, LN2}, {MIDDLES, -3, 2, LN2},
    {BITS, 709.7827128933838, 709.7827128933845, 0} /* around 2^1024 */
};
static const range exp_end_ranges[] = {
    {UNIFORM, -746, -708.39, 0}, {UNIFORM, -709.1, -708.39, 0}, {SIGNED_BITS, 708.4, DBL_MAX, 0}
};
static const range log_ranges[] = {
    {BITS, SMALLEST, DBL_MAX, 0}, {BITS, SMALLEST, DBL_MIN, 0},
    {UNIFORM, 0, 1000, 0}, {UNIFORM, 0.5, 2, 0}, {UNIFORM, 0.99, 1.01, 0},
    {BITS, 0x1.fffffp-1, 0x1.00001p0, 0},
    {BITS, 0.7071067811, 0.7071067812, 0}, {BITS, 1.4142135623, 1.4142135624, 0}
};
static const range tanh_ranges[] = {
    {SIGNED_BITS, SMALLEST, DBL_MAX, 0}, {SIGNED_BITS, SMALLEST, DBL_MIN, 0},
    {SIGNED_BITS, 0x1p-60, 25, 0}, {UNIFORM, -1, 1, 0}, {UNIFORM, -23, 23, 0},
    {UNIFORM, 0.5, 0.7, 0}, {BITS, 0.5499999, 0.55, 0}, {BITS, 0.55, 0.5502, 0},
    {MIDDLES, 0, 57, LN2 / 2}, {UNIFORM, 18, 20.5, 0}
};

static double draw(const range *r) {
    uint64_t lo = as_bits(r->lo), bits;
    switch (r->kind) {
    case UNIFORM:
        return r->lo + (r->hi - r->lo) * random_uniform();
    case MIDDLES:
        bits = as_bits((floor(r->lo + (r->hi - r->lo) * random_uniform()) + 0.5) * r->step);
        return as_double(bits + (random_bits() & 15) - 8);
    default:
        bits = lo + random_bits() % (as_bits(r->hi) - lo + 1);
        return (r->kind == SIGNED_BITS && random_bits() >> 63) ? -as_double(bits) : as_double(bits);
    }
}

typedef struct {
    const char *name;
    double (*f)(double);
    double (*error)(double got, double x);
    const range *ranges;
    size_t count;
    double bar, bound; /* what rome99.h promises, and the bound in fmath.c */
    uint64_t bits;     /* the digest of test_bits */
} function;

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const function functions[] = {
    {"exp", rome99_exp, exp_error, exp_ranges, COUNT(exp_ranges), 1.0, 0.78, UINT64_C(0x622fef4318f1d69e)},
    {"exp, subnormal results and overflow", rome99_exp, exp_error, exp_end_ranges,
     COUNT(exp_end_ranges), 1.0, 0.89,
     UINT64_C(0x1068be56e744fd70)},
    {"log", rome99_log, log_error, log_ranges, COUNT(log_ranges), 1.0, 0.78, UINT64_C(0x9dc122985efdcdc1)},
    {"tanh", rome99_tanh, tanh_error, tanh_ranges, COUNT(tanh_ranges), 2.0, 1.65, UINT64_C(0x8cac6f4cd3c876b6)}
};

static void test_accuracy(const function *fn, unsigned long points) {
    double worst = -1.0, where = 0.0;
    unsigned long i, not_odd = 0;
    size_t r;
    for (r = 0; r < fn->count; r++) {
        for (i = 0; i < points / fn->count + 1; i++) {
            double x = draw(&fn->ranges[r]), y = fn->f(x), error = fn->error(y, x);
            if (!(error <= worst)) {
                worst = error;
                where = x;
            }
            if (fn->f == rome99_tanh) not_odd += as_bits(fn->f(-x)) != as_bits(-y);
        }
    }
    printf("%s: max %.4f ulp at %a\n", fn->name, worst, where);
    CHECK_LE(worst, fn->bar, fn->name);
    CHECK_LE(worst, fn->bound, fn->name);
    CHECK(not_odd == 0, "%s: %lu arguments x with f(-x) != -f(x)", fn->name, not_odd);
}

#define P_INF 0x7ff0000000000000
#define N_INF 0xfff0000000000000
#define A_NAN 0x7ff8000000000000
#define P_MAX 0x7fefffffffffffff
#define N_MAX 0xffefffffffffffff
#define SIGN_BIT 0x8000000000000000
#define P_ONE 0x3ff0000000000000
#define N_ONE 0xbff0000000000000

static void check_bits(const char *name, double (*f)(double), uint64_t x, uint64_t want) {
    uint64_t got = as_bits(f(as_double(x)));
    CHECK(got == want, "%s(%016llx) is %016llx, must be %016llx", name, (unsigned long long)x,
          (unsigned long long)got, (unsigned long long)want);
}

static void test_special_values(void) {
    static const struct {
        double (*f)(double);
        const char *name;
        uint64_t x, want;
    } cases[] = {
        {rome99_exp, "exp", 0, P_ONE}, {rome99_exp, "exp", SIGN_BIT, P_ONE},
        {rome99_exp, "exp", 1, P_ONE}, {rome99_exp, "exp", SIGN_BIT | 1, P_ONE},
        {rome99_exp, "exp", P_INF, P_INF}, {rome99_exp, "exp", N_INF, 0},
        {rome99_exp, "exp", P_MAX, P_INF}, {rome99_exp, "exp", N_MAX, 0},
        {rome99_exp, "exp", 0x40862e42fefa39f0, P_INF}, /* least x with e^x > 2^1024 */
        {rome99_exp, "exp", 0xc0874910d52d3053, 0},     /* -745.1332191019413 */
        {rome99_log, "log", P_ONE, 0}, {rome99_log, "log", 0, N_INF},
        {rome99_log, "log", SIGN_BIT, N_INF},
        {rome99_log, "log", P_INF, P_INF}, {rome99_log, "log", N_INF, A_NAN},
        {rome99_log, "log", N_ONE, A_NAN}, {rome99_log, "log", SIGN_BIT | 1, A_NAN},
        {rome99_log, "log", N_MAX, A_NAN},
        {rome99_tanh, "tanh", 0, 0}, {rome99_tanh, "tanh", SIGN_BIT, SIGN_BIT},
        {rome99_tanh, "tanh", 1, 1}, {rome99_tanh, "tanh", SIGN_BIT | 1, SIGN_BIT | 1},
        {rome99_tanh, "tanh", P_INF, P_ONE}, {rome99_tanh, "tanh", N_INF, N_ONE},
        {rome99_tanh, "tanh", P_MAX, P_ONE}, {rome99_tanh, "tanh", N_MAX, N_ONE}
    };
    static const uint64_t nans[] = {
        A_NAN, A_NAN | SIGN_BIT, P_INF | 1, N_INF | 1, A_NAN | 12345, P_INF | (SIGN_BIT >> 12),
        0x7fffffffffffffff, 0xffffffffffffffff
    };
    size_t i, j;
    for (i = 0; i < COUNT(cases); i++)
        check_bits(cases[i].name, cases[i].f, cases[i].x, cases[i].want);
    for (i = 0; i < COUNT(nans); i++) {
        for (j = 0; j < COUNT(functions); j++)
            check_bits(functions[j].name, functions[j].f, nans[i], A_NAN);
    }
}

/* Around each centre the functions rise by more than their errors from one point to the next. */
static void test_monotonic(void) {
    static const double centres[] = {0.1, LN2 / 2, 0.55, 1.0, 1.5 * LN2, 2.0, 3.0};
    size_t i, j;
    for (i = 0; i < COUNT(functions); i++) {
        for (j = 0; j < COUNT(centres); j++) {
            int k, falls = 0;
            for (k = -1000; k < 1000; k++) {
                double x = centres[j] * (1.0 + k * 0x1p-44);
                double next = centres[j] * (1.0 + (k + 1) * 0x1p-44);
                falls += !(functions[i].f(x) < functions[i].f(next));
            }
            CHECK(falls == 0, "%s: no rise in %d of 2000 steps around %g", functions[i].name, falls,
                  centres[j]);
        }
    }
}

/* The same bits everywhere, at a hundred thousand arguments and next to where masks choose. */
static void test_bits(const function *fn) {
    static const double edges[] = {0.55, 20.0, 708.0, 709.0, 745.0, 746.0, 747.0, 0.70710678118654752, DBL_MIN};
    uint64_t bits = 0;
    size_t i;
    int k;
    random_state = 7;
    for (i = 0; i < 100000; i++) {
        double y = fn->f(draw(&fn->ranges[i % fn->count]));
        bits = digest(bits, &y, 1);
    }
    for (i = 0; i < COUNT(edges); i++)
        for (k = -2; k <= 2; k++) {
            uint64_t at = as_bits(edges[i]) + (uint64_t)(k + 2) - 2;
            double y[2];
            y[0] = fn->f(as_double(at));
            y[1] = fn->f(as_double(at ^ SIGN_BIT));
            bits = digest(bits, y, 2);
        }
    CHECK_DIGEST(bits, fn->bits, fn->name);
}

static void test_array(const char *name, void (*array)(double *, const double *, size_t),
                       double (*f)(double), const range *ranges, size_t count) {
    static double x[1024], y[1024];
    const double canary = 0x1.23456789p-7;
    size_t n, i, offset;
    for (n = 0; n <= 1001; n = n < 70 ? n + 1 : n + 133) {
        size_t wrong = 0;
        offset = n % 5;
        for (i = 0; i < COUNT(x); i++) {
            x[i] = i % 7 == 6 ? as_double(random_bits()) : draw(&ranges[random_bits() % count]);
            y[i] = canary;
        }
        array(y + offset, x + offset, n);
        for (i = 0; i < COUNT(y); i++) {
            double want = i >= offset && i < offset + n ? f(x[i]) : canary;
            wrong += as_bits(y[i]) != as_bits(want);
        }
        CHECK(wrong == 0, "%s_array: %lu wrong for n = %lu", name, (unsigned long)wrong,
              (unsigned long)n);
        memcpy(y, x, sizeof y);
        array(x + offset, x + offset, n);
        for (wrong = 0, i = 0; i < COUNT(y); i++) {
            double want = i >= offset && i < offset + n ? f(y[i]) : y[i];
            wrong += as_bits(x[i]) != as_bits(want);
        }
        CHECK(wrong == 0, "%s_array in place: %lu wrong for n = %lu", name, (unsigned long)wrong,
              (unsigned long)n);
    }
}

int main(int argc, char **argv) {
    unsigned long points = argc < 2 ? 250000UL : strcmp(argv[1], "long") == 0 ? 100000000UL : 1000000UL;
    size_t i;
    test_special_values();
    test_monotonic();
    test_array("exp", rome99_exp_array, rome99_exp, exp_ranges, COUNT(exp_ranges));
    test_array("tanh", rome99_tanh_array, rome99_tanh, tanh_ranges, COUNT(tanh_ranges));
    for (i = 0; i < COUNT(functions); i++) test_accuracy(&functions[i], points);
    for (i = 0; i < COUNT(functions); i++) test_bits(&functions[i]);
    return test_end();
}
