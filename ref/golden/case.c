/* case.c: one golden case in memory: adding to it, its tolerances, and how far apart two tensors are. */
#include "golden/golden.h"

#include <string.h>

#define INFINITE (1e308 * 10.0)

void rome99_golden_begin(rome99_golden *c, void *memory) {
    memset(c, 0, sizeof *c);
    c->arena.base = memory;
    c->note = rome99_take(&c->arena, ROME99_GOLDEN_NOTES, sizeof *c->note);
    c->text = rome99_take(&c->arena, ROME99_GOLDEN_TEXTS, sizeof *c->text);
    c->tensor = rome99_take(&c->arena, ROME99_GOLDEN_TENSORS, sizeof *c->tensor);
}

void *rome99_golden_scratch(rome99_golden *c, size_t bytes) {
    void *p = rome99_take(&c->arena, bytes, 1);
    memset(p, 0, bytes);
    return p;
}

double *rome99_golden_doubles(rome99_golden *c, size_t n) {
    return rome99_golden_scratch(c, n * sizeof(double));
}

/* ---------------------------------------------------------------------------- adding */

static rome99_golden_tensor *add(rome99_golden *c, rome99_role role, const char *name, size_t rows,
                                 size_t cols) {
    rome99_golden_tensor *t = &c->tensor[c->tensors++];
    memset(t, 0, sizeof *t);
    t->name = name;
    t->role = role;
    t->rows = rows;
    t->cols = cols;
    t->roundings = c->roundings;
    t->data = rome99_golden_doubles(c, rows * cols); /* an int64_t takes as much */
    return t;
}

double *rome99_golden_input(rome99_golden *c, const char *name, size_t rows, size_t cols) {
    return add(c, ROME99_INPUT, name, rows, cols)->data;
}

double *rome99_golden_expected(rome99_golden *c, const char *name, size_t rows, size_t cols) {
    return add(c, ROME99_EXPECTED, name, rows, cols)->data;
}

double *rome99_golden_exact(rome99_golden *c, const char *name, size_t rows, size_t cols) {
    rome99_golden_tensor *t = add(c, ROME99_EXPECTED, name, rows, cols);
    t->exact = 1;
    return t->data;
}

int64_t *rome99_golden_integers(rome99_golden *c, rome99_role role, const char *name, size_t rows,
                                size_t cols) {
    rome99_golden_tensor *t = add(c, role, name, rows, cols);
    t->integer = t->exact = 1;
    return t->data;
}

void rome99_golden_sizes(rome99_golden *c, const char *name, const size_t *x, size_t n) {
    int64_t *to = rome99_golden_integers(c, ROME99_INPUT, name, n, 1);
    size_t i;
    for (i = 0; i < n; i++) to[i] = (int64_t)x[i];
}

void rome99_golden_ids(rome99_golden *c, rome99_role role, const char *name, const int32_t *x, size_t n) {
    int64_t *to = rome99_golden_integers(c, role, name, n, 1);
    size_t i;
    for (i = 0; i < n; i++) to[i] = x[i];
}

double *rome99_golden_wrong(rome99_golden *c, const char *name, const char *mistake, const char *sentence,
                            size_t rows, size_t cols) {
    size_t length = strlen(name);
    char *full = rome99_golden_scratch(c, length + strlen(mistake) + 2);
    memcpy(full, name, length);
    full[length] = '!';
    strcpy(full + length + 1, mistake);
    rome99_golden_text_add(c, full, sentence, strlen(sentence));
    return add(c, ROME99_WRONG, full, rows, cols)->data;
}

void rome99_golden_input_number(rome99_golden *c, const char *name, double x) {
    *rome99_golden_input(c, name, 1, 1) = x;
}

void rome99_golden_expected_number(rome99_golden *c, const char *name, double x) {
    *rome99_golden_expected(c, name, 1, 1) = x;
}

void rome99_golden_expected_copy(rome99_golden *c, const char *name, const double *x, size_t rows,
                                 size_t cols) {
    memcpy(rome99_golden_expected(c, name, rows, cols), x, rows * cols * sizeof *x);
}

void rome99_golden_note_add(rome99_golden *c, const char *key, const char *value) {
    c->note[c->notes].key = key;
    c->note[c->notes++].value = value;
}

void rome99_golden_text_add(rome99_golden *c, const char *name, const char *bytes, size_t size) {
    rome99_golden_text *t = &c->text[c->texts++];
    t->name = name;
    t->bytes = bytes;
    t->size = size;
}

void rome99_golden_not_float32(rome99_golden *c) { c->tensor[c->tensors - 1].tol32 = INFINITE; }

const rome99_golden_tensor *rome99_golden_find(const rome99_golden *c, const char *name) {
    size_t i;
    for (i = 0; i < c->tensors; i++)
        if (strcmp(c->tensor[i].name, name) == 0) return &c->tensor[i];
    return NULL;
}

/* ------------------------------------------------------------------------ tolerances */

void rome99_golden_disturb(rome99_golden *c, double *x, size_t n) {
    size_t i;
    if (c->noise > 0.0)
        for (i = 0; i < n; i++) x[i] *= 1.0 + c->noise * (2.0 * rome99_rng_uniform(&c->rng) - 1.0);
}

void rome99_golden_inputs_done(rome99_golden *c) {
    size_t i;
    for (i = 0; i < c->tensors; i++) {
        const rome99_golden_tensor *t = &c->tensor[i],
                                   *fed = c->fed ? rome99_golden_find(c->fed, t->name) : NULL;
        size_t n = t->rows * t->cols;
        if (t->role != ROME99_INPUT || t->integer) continue;
        if (fed && !fed->integer && fed->rows == t->rows && fed->cols == t->cols)
            memcpy(t->data, fed->data, n * sizeof(double));
        rome99_golden_disturb(c, t->data, n);
    }
}

void rome99_golden_tolerances(rome99_golden *c, const double *A) {
    size_t i;
    for (i = 0; i < c->tensors; i++) {
        rome99_golden_tensor *t = &c->tensor[i];
        double chain = 8.0 * rome99_sqrt((double)t->roundings), grown = chain * (A[i] > 1.0 ? A[i] : 1.0);
        int none = t->tol32 > 0.0; /* set by rome99_golden_not_float32 */
        t->tol64 = t->exact ? 0.0 : (c->given ? chain : grown) * (1.0 / 9007199254740992.0);
        t->tol32 = t->integer ? 0.0 : t->exact ? INFINITE : grown * (1.0 / 16777216.0);
        if (t->tol32 > 0.25 || none) t->tol32 = INFINITE;
    }
}

/* ------------------------------------------------------------------------- comparing */

static double number(const rome99_golden_tensor *t, size_t i) {
    return t->integer ? (double)((const int64_t *)t->data)[i] : ((const double *)t->data)[i];
}

static double magnitude(double x) { return x < 0.0 ? -x : x; }

/* Equal to the last bit; an integer may also be a double of the same value. */
static int same(const rome99_golden_tensor *a, const rome99_golden_tensor *b, size_t i) {
    if (a->integer && b->integer) return ((const int64_t *)a->data)[i] == ((const int64_t *)b->data)[i];
    if (a->integer || b->integer) return number(a, i) == number(b, i);
    return memcmp((const double *)a->data + i, (const double *)b->data + i, sizeof(double)) == 0;
}

/* |a - b| / max(|a|, |b|), scaled so that no square overflows or vanishes. */
static double ratio(const rome99_golden_tensor *a, const rome99_golden_tensor *b) {
    const double most = 1.7976931348623157e308;
    double largest = 0.0, d = 0.0, aa = 0.0, bb = 0.0;
    size_t i, n = a->rows * a->cols;
    for (i = 0; i < n; i++) {
        double x = magnitude(number(a, i)), y = magnitude(number(b, i));
        if (!(x <= most && y <= most) && !same(a, b, i)) return INFINITE;
        if (x <= most && x > largest) largest = x;
        if (y <= most && y > largest) largest = y;
    }
    if (largest == 0.0) return 0.0;
    for (i = 0; i < n; i++) {
        double x = number(a, i) / largest, y = number(b, i) / largest;
        if (!(magnitude(x) <= 1.0 && magnitude(y) <= 1.0)) continue; /* the same infinity */
        d += (x - y) * (x - y);
        aa += x * x;
        bb += y * y;
    }
    return rome99_sqrt(d) / rome99_sqrt(aa > bb ? aa : bb);
}

rome99_golden_difference rome99_golden_compare(const rome99_golden_tensor *expected,
                                               const rome99_golden_tensor *got) {
    rome99_golden_difference d = {ROME99_EXACT, 0.0, 0.0, 0, 0, 0.0, 0.0, 1};
    size_t i, n = expected->rows * expected->cols;
    if (expected->rows != got->rows || expected->cols != got->cols) {
        d.reached = ROME99_APART;
        d.error = d.worst = INFINITE;
        d.shape = 0;
        return d;
    }
    for (i = 0; i < n; i++) {
        double a = number(expected, i), b = number(got, i), larger, error;
        if (same(expected, got, i)) continue;
        d.reached = ROME99_IN_F64; /* not exact; corrected below */
        larger = magnitude(a) > magnitude(b) ? magnitude(a) : magnitude(b);
        error = a == b ? 0.0 : magnitude(a / larger - b / larger);
        if (!(error <= 2.0)) error = INFINITE; /* an infinity or a NaN */
        if (error >= d.worst) {
            d.worst = error;
            d.row = i / expected->cols;
            d.col = i % expected->cols;
            d.got = b;
            d.expected = a;
        }
    }
    if (d.reached == ROME99_EXACT) return d;
    d.error = ratio(expected, got);
    d.reached = d.error <= expected->tol64                                 ? ROME99_IN_F64
                : d.error <= expected->tol32 && expected->tol32 < INFINITE ? ROME99_IN_F32
                                                                           : ROME99_APART;
    if (!(d.error <= 2.0)) d.reached = ROME99_APART;
    return d;
}
