/* axis.c: the limits of an axis, and its ticks. */
#include "core/rome99.h"
#include "study/plot/parts.h"
#include <stdio.h>
#include <string.h>

#define LOG10_E 0.43429448190325182765
#define LOG10_2 0.30102999566398119521
#define LOG10_5 0.69897000433601880479

/* Rounding that forgives what has been lost on the way to x, |x| < 2^31. */
static long floor_near(double x) {
    const long n = (long)(x += 1e-9);
    return n - ((double)n > x);
}
static long ceiling_near(double x) { return -floor_near(-x); }

static double greater(double a, double b) { return a > b ? a : b; }
static double within(double x, double least, double most) { return x < least ? least : x > most ? most : x; }
static double magnitude(double x) { return x < 0 ? -x : x; }

/* m 10^e */
static double decimal(long m, int e) {
    double power = 1;
    int i;
    for (i = 0; i < e || i < -e; i++) power *= 10;
    return e < 0 ? (double)m / power : (double)m * power;
}

/* Tick distances: 1, 2 or 5 times a power of ten. */
typedef struct {
    int mantissa, exponent;
} step;

static step next(step s) {
    if (s.mantissa == 5) return (step){1, s.exponent + 1};
    return (step){s.mantissa == 1 ? 2 : 5, s.exponent};
}

static double distance(step s) { return decimal(s.mantissa, s.exponent); }

/* The least with at most 8 of them in `span` > 0. */
static step least_step(double span) {
    step s = {1, (int)floor_near(rome99_log(span) * LOG10_E) - 1};
    while (span > ROME99_TICKS * distance(s)) s = next(s);
    return s;
}

/* ---------------------------------------------------------------- scales */

/* The next 1, 2 or 5 times a power of ten below or at 10^t; above 12 decades, power of ten. */
static double decade_below(double t, int coarse) {
    const double k = (double)floor_near(t), f = t - k + 1e-9;
    return k + (coarse || f < LOG10_2 ? 0 : f < LOG10_5 ? LOG10_2 : LOG10_5);
}

/* Widens limits that come from the data: by 4%, and to a round number, but not across 0. */
static void widen(rome99_scale *s, int lo_given, int hi_given) {
    const double span = s->hi - s->lo, half = s->log ? 0 : distance(least_step(span * 1.08)) / 2;
    double lo = s->lo - 0.04 * span, hi = s->hi + 0.04 * span;
    if (!s->log && s->lo >= 0 && lo < 0) lo = 0;
    if (!s->log && s->hi <= 0 && hi > 0) hi = 0;
    if (!s->log) {
        lo = (double)floor_near(lo / half) * half;
        hi = (double)ceiling_near(hi / half) * half;
    } else if (span >= 1) {
        lo = decade_below(lo, span > 12);
        hi = -decade_below(-hi, span > 12);
    }
    if (!lo_given) s->lo = lo;
    if (!hi_given) s->hi = hi;
}

/* Limits are within these, so that differences of two stay finite. */
static const double huge = 1e300, tiny = 1e-300;

static int is_limit(double v, int log) { return v >= (log ? tiny : -huge) && v <= huge; }

rome99_scale rome99_plot_scale(const rome99_axis *axis, double least, double greatest, int exact) {
    const int log = axis->log && axis->count == 0, some = !(axis->lo >= axis->hi);
    const int lo_given = some && is_limit(axis->lo, log), hi_given = some && is_limit(axis->hi, log);
    rome99_scale s = {axis, -0.5, (double)axis->count - 0.5, log, axis->whole && !log};
    double most, room;
    if (axis->count > 0) return s;
    if (least > greatest) least = log ? 1 : 0, greatest = log ? 10 : 1;
    s.lo = lo_given ? axis->lo : within(least, log ? tiny : -huge, huge);
    s.hi = hi_given ? axis->hi : within(greatest, log ? tiny : -huge, huge);
    if (log) s.lo = rome99_log(s.lo) * LOG10_E, s.hi = rome99_log(s.hi) * LOG10_E;
    most = greater(magnitude(s.lo), magnitude(s.hi));
    if (s.hi - s.lo > (log ? 1e-4 : greater(1e-6 * most, tiny))) {
        if (!exact) widen(&s, lo_given, hi_given);
        return s;
    }
    /* Nothing between them, or less than labels can tell apart. */
    room = log ? 0.5 : most > 1e-290 ? 0.1 * most : 1;
    if (lo_given)
        s.hi = s.lo;
    else
        s.lo = s.hi;
    if (!lo_given) s.lo -= room;
    if (!hi_given || lo_given) s.hi += room;
    return s;
}

static double place_of(const rome99_scale *s, double t) {
    const double place = (t - s->lo) / (s->hi - s->lo);
    return place > ROME99_FAR ? ROME99_FAR : place < -ROME99_FAR ? -ROME99_FAR : place;
}

double rome99_plot_place(const rome99_scale *s, double v) {
    if (s->log && v <= 0) return -ROME99_FAR;
    return place_of(s, s->log ? rome99_log(v) * LOG10_E : v);
}

double rome99_plot_inside(double place) { return place < 0 ? 0 : place > 1 ? 1 : place; }

/* ---------------------------------------------------------------- ticks */

/* m 10^e: digits, the point placed by e; or d.de±e where `scientific`. Minus is U+2212. */
static void number(char text[32], long m, int e, int scientific) {
    const char *const minus = "\xE2\x88\x92", *sign = m < 0 ? minus : "";
    char d[16];
    int n;
    if (m < 0) m = -m;
    while (scientific && m != 0 && m % 10 == 0) m /= 10, e++;
    n = snprintf(d, sizeof d, "%0*ld", !scientific && e < 0 ? 1 - e : 1, m);
    if (m == 0 && (scientific || e > 0)) {
        strcpy(text, "0");
    } else if (scientific) {
        e += n - 1;
        snprintf(text, 32,
                 "%s%.1s%s%.9s"
                 "e%s%d",
                 sign, d, n > 1 ? "." : "", d + 1, e < 0 ? minus : "", e < 0 ? -e : e);
    } else if (e >= 0) {
        snprintf(text, 32, "%s%.9s%.*s", sign, d, e, "000000");
    } else {
        snprintf(text, 32, "%s%.*s.%.9s", sign, n + e, d, d + n + e);
    }
}

/* The decimal exponent of m 10^e, m > 0. */
static int exponent(long m, int e) {
    while (m >= 10) m /= 10, e++;
    return e;
}

static void add(rome99_ticks *k, double place, long m, int e, int scientific) {
    char *text = k->label[k->count];
    number(text, m, e, scientific);
    k->widest = greater(k->widest, rome99_plot_width(text, strlen(text), ROME99_TICK_SIZE));
    k->at[k->count++] = place;
}

/* Ticks at multiples of a step, or, with `powers`, at 10 to multiples of it: 0 if there are too many. */
static int fill(rome99_ticks *k, const rome99_scale *s, step by, int powers) {
    const double unit = distance(by), lo = s->log && !powers ? rome99_exp(s->lo / LOG10_E) : s->lo;
    const double hi = s->log && !powers ? rome99_exp(s->hi / LOG10_E) : s->hi;
    const long first = ceiling_near(lo / unit), last = floor_near(hi / unit);
    long i, m, most = (first < 0 ? -first : first) * by.mantissa;
    int e = by.exponent, scientific;
    k->count = 0, k->widest = 0;
    if (last - first >= ROME99_TICKS) return 0;
    if (last > 0 && last * by.mantissa > most) most = last * by.mantissa;
    scientific = most > 0 && ((exponent(most, e) > 4 && e > 2) || exponent(most, e) < -3);
    for (i = first; i <= last; i++) {
        m = i * by.mantissa;
        if (powers)
            add(k, place_of(s, (double)i * unit), 1, (int)decimal(m, e),
                m != 0 && magnitude(decimal(m, e)) > 3);
        else
            add(k, rome99_plot_place(s, decimal(m, e)), m, e, scientific);
    }
    return 1;
}

/* Ticks at the mantissas of a list, in all decades. */
static void fill_mantissas(rome99_ticks *k, const rome99_scale *s, const char *list) {
    const int last = (int)floor_near(s->hi);
    int e, m, d;
    double place;
    k->count = 0, k->widest = 0;
    for (e = (int)floor_near(s->lo); e <= last; e++) {
        for (d = 0; list[d]; d++) {
            m = list[d] - '0';
            place = place_of(s, rome99_log(m) * LOG10_E + e);
            if (place < -1e-9 || place > 1 + 1e-9 || k->count == ROME99_TICKS) continue;
            add(k, place, m, e, e > 3 || e < -3);
        }
    }
}

static int fits(const rome99_ticks *k, double along, int upright) {
    double a, b;
    size_t i;
    for (i = 1; i < k->count; i++) {
        a = rome99_plot_width(k->label[i - 1], strlen(k->label[i - 1]), ROME99_TICK_SIZE);
        b = rome99_plot_width(k->label[i], strlen(k->label[i]), ROME99_TICK_SIZE);
        if ((k->at[i] - k->at[i - 1]) * along < (upright ? 15 : (a + b) / 2 + 8)) return 0;
    }
    return 1;
}

/* All multiples of powers of ten, or the powers alone where there are many. */
static void add_minor(rome99_ticks *k, const rome99_scale *s, long decades) {
    const long first = floor_near(s->lo), last = floor_near(s->hi);
    long e;
    int m;
    double place;
    if (decades > 50) return;
    for (e = first; e <= last && k->minors < ROME99_MINOR_TICKS; e++) {
        for (m = 1; m <= (decades > 9 ? 1 : 9) && k->minors < ROME99_MINOR_TICKS; m++) {
            place = place_of(s, (double)e + rome99_log(m) * LOG10_E);
            if (place > -1e-9 && place < 1 + 1e-9) k->minor[k->minors++] = place;
        }
    }
}

void rome99_plot_ticks(rome99_ticks *k, const rome99_scale *s, double along, int upright) {
    const long decades = s->log ? floor_near(s->hi) - ceiling_near(s->lo) + 1 : 0;
    static const char *const mantissas[] = {"125", "13", "12357"};
    step by = {1, 0};
    size_t i;
    k->count = k->minors = 0, k->widest = 0;
    if (s->axis->count > 0) return;
    if (s->log) add_minor(k, s, decades);
    for (i = 0; s->log && decades < 3 && i < sizeof mantissas / sizeof *mantissas; i++) {
        fill_mantissas(k, s, mantissas[i]);
        if (k->count >= 3 && fits(k, along, upright)) return;
    }
    if (!s->log)
        by = least_step(s->hi - s->lo);
    else if (decades < 3)
        by = least_step(rome99_exp(s->hi / LOG10_E) - rome99_exp(s->lo / LOG10_E));
    if (s->whole && by.exponent < 0) by = (step){1, 0};
    while (!fill(k, s, by, decades >= 3) || (k->count > 3 && !fits(k, along, upright))) by = next(by);
}
