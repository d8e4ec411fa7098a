/* compare.c: a candidate against a golden case: what each tensor reaches, and which known mistake it fits. */
#include "golden/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const rome99_golden_tensor *const *list;

static int order(const void *a, const void *b) { return strcmp((*(list)a)->name, (*(list)b)->name); }

/* Pointers to the tensors of a case: malloc'ed, or NULL. */
static const rome99_golden_tensor **sort(const rome99_golden *c) {
    const rome99_golden_tensor **sorted = malloc((c->tensors + 1) * sizeof *sorted);
    size_t i;
    for (i = 0; sorted && i < c->tensors; i++) sorted[i] = &c->tensor[i];
    if (sorted) qsort((void *)sorted, c->tensors, sizeof *sorted, order);
    return sorted;
}

/* The one of n sorted tensors that is called as the first `length` bytes of `name`, or NULL. */
static const rome99_golden_tensor *find(list sorted, size_t n, const char *name, size_t length) {
    size_t low = 0;
    while (low < n) {
        const size_t middle = low + (n - low) / 2;
        int side = strncmp(sorted[middle]->name, name, length);
        if (side == 0) side = sorted[middle]->name[length] != '\0';
        if (side == 0) return sorted[middle];
        if (side < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return NULL;
}

/* Turns o->d to the first NaN that is not expected: 1, or 0 where there is none. */
static int find_nan(rome99_outcome *o) {
    const double *x = o->got->data, *y = o->t->data;
    size_t i, n = o->t->rows * o->t->cols;
    if (o->got->integer) return 0;
    for (i = 0; i < n && !(isnan(x[i]) && (o->t->integer || !isnan(y[i])));) i++;
    if (i == n) return 0;
    o->d.row = i / o->t->cols;
    o->d.col = i % o->t->cols;
    o->d.got = x[i];
    o->d.expected = o->t->integer ? (double)((const int64_t *)o->t->data)[i] : y[i];
    return 1;
}

static void compare(rome99_outcome *o) {
    o->state = !o->got ? ROME99_MISSING : !o->got->data ? ROME99_NO_NUMBERS : ROME99_COMPARED;
    o->differs = 1;
    if (o->state != ROME99_COMPARED) return;
    o->d = rome99_golden_compare(o->t, o->got);
    o->state = !o->d.shape ? ROME99_OTHER_SHAPE : find_nan(o) ? ROME99_HAS_NAN : ROME99_COMPARED;
    o->differs = o->state != ROME99_COMPARED || o->d.reached > o->wanted;
}

static void compare_input(rome99_comparison *c, rome99_outcome *o) {
    if (!o->got) return;
    o->wanted = ROME99_EXACT;
    compare(o);
    c->inputs_differing += o->differs != 0;
    if (!o->differs) o->state = ROME99_UNASKED; /* nothing to be said */
}

static void compare_expected(rome99_comparison *c, rome99_outcome *o) {
    o->wanted = c->asked != ROME99_OWN_CLASS ? (rome99_class)c->asked
                : o->t->exact                ? ROME99_EXACT
                                             : ROME99_IN_F64;
    if (o->wanted == ROME99_IN_F32 && isinf(o->t->tol32)) {
        c->skipped[c->skips++] = o->t;
        return;
    }
    compare(o);
    c->expected++;
    c->differing += o->differs != 0;
}

/* Is the wrong tensor what the candidate has in the place of the expected one? */
static void try_mistake(rome99_comparison *c, const rome99_golden_tensor *wrong) {
    const size_t length = strcspn(wrong->name, "!");
    const rome99_golden_tensor *t = find(c->by_name, c->golden->tensors, wrong->name, length);
    rome99_outcome *o = t ? &c->of[t - c->golden->tensor] : NULL;
    rome99_golden_difference d;
    if (!o || !o->differs || !o->got || !o->got->data || !wrong->name[length]) return;
    d = rome99_golden_compare(wrong, o->got);
    if (d.reached >= o->d.reached) return;
    if (o->mistake && (d.reached > o->from_mistake.reached ||
                       (d.reached == o->from_mistake.reached && d.error >= o->from_mistake.error)))
        return;
    o->mistake = wrong;
    o->from_mistake = d;
}

static void compare_all(rome99_comparison *c) {
    size_t i;
    for (i = 0; i < c->golden->tensors; i++) {
        const rome99_golden_tensor *t = c->of[i].t = &c->golden->tensor[i];
        c->of[i].got = find(c->given, c->candidate->tensors, t->name, strlen(t->name));
        if (t->role == ROME99_INPUT) compare_input(c, &c->of[i]);
        if (t->role == ROME99_EXPECTED) compare_expected(c, &c->of[i]);
    }
    for (i = 0; i < c->golden->tensors; i++)
        if (c->golden->tensor[i].role == ROME99_WRONG) try_mistake(c, &c->golden->tensor[i]);
    for (i = 0; i < c->candidate->tensors; i++) {
        const rome99_golden_tensor *t = &c->candidate->tensor[i];
        if (t->role != ROME99_WRONG && !find(c->by_name, c->golden->tensors, t->name, strlen(t->name)))
            c->extra[c->extras++] = t;
    }
}

int rome99_comparison_make(rome99_comparison *c, const rome99_golden *golden, const rome99_golden *candidate,
                           int asked) {
    memset(c, 0, sizeof *c);
    c->golden = golden;
    c->candidate = candidate;
    c->asked = asked;
    c->of = calloc(golden->tensors + 1, sizeof *c->of);
    c->by_name = sort(golden);
    c->skipped = sort(golden);
    c->given = sort(candidate);
    c->extra = sort(candidate);
    if (!c->of || !c->by_name || !c->skipped || !c->given || !c->extra) return -1;
    compare_all(c);
    return 0;
}

void rome99_comparison_free(rome99_comparison *c) {
    free(c->of);
    free((void *)c->by_name);
    free((void *)c->skipped);
    free((void *)c->given);
    free((void *)c->extra);
}
