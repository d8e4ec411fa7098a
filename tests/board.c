/* board.c: the golden suite on a machine without files. The cases are compiled in (golden_cases.h, made by
 * `rome99 golden export --c-header`); what they need is the core and ref/golden's case.c, ops.c, blocks.c,
 * update.c, variant.c, formula.c, edits.c, of the C library memcpy, memset, strcpy, strcmp, strlen and sqrt, and
 * ROME99_GOLDEN_BYTES of memory. It prints through put() alone: a board replaces that by its serial line. */
#include "golden/golden.h"
#include "golden_cases.h"

#include <float.h>
#include <string.h>

#include <stdio.h>
static void put(const char *s) { fputs(s, stdout); }

static double memory[ROME99_GOLDEN_BYTES / sizeof(double)], words[16384];

static void put_number(unsigned long n) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = '\0';
    do *--p = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    put(p);
}

static const rome99_golden_arrays *arrays_of(const char *name) {
    size_t i;
    for (i = 0; i < ROME99_GOLDEN_CASES; i++)
        if (strcmp(rome99_golden_cases[i].name, name) == 0) return &rome99_golden_cases[i];
    return NULL;
}

/* One committed array against what is computed here: 1 if it reaches its class. */
static int same(const rome99_golden_array *a, const rome99_golden *c) {
    const rome99_golden_tensor *made = rome99_golden_find(c, a->name);
    rome99_golden_tensor committed;
    if (!made || a->rows * a->cols > sizeof words / sizeof *words) return 0;
    memset(&committed, 0, sizeof committed);
    memcpy(words, a->words, a->rows * a->cols * sizeof *words);
    committed.integer = a->integer;
    committed.rows = a->rows;
    committed.cols = a->cols;
    committed.tol64 = a->tol64;
    committed.data = words;
    return rome99_golden_compare(&committed, made).reached <=
           (FLT_EVAL_METHOD == 0 || a->exact ? ROME99_EXACT : ROME99_IN_F64);
}

int main(void) {
    unsigned long passed = 0, failed = 0, k;
    size_t i;
    for (i = 0; i < rome99_golden_recipe_count(); i++) {
        rome99_golden_recipe r = rome99_golden_recipe_at(i);
        const rome99_golden_arrays *arrays = arrays_of(r.name);
        rome99_golden c;
        rome99_golden_begin(&c, memory);
        r.make(&c, r.variant);
        for (k = 0; !arrays || k < arrays->count; k++) {
            if (arrays && same(&arrays->array[k], &c)) {
                passed++;
                continue;
            }
            failed++;
            put(r.name);
            put(": ");
            put(arrays ? arrays->array[k].name : "is not compiled in");
            put("\n");
            if (!arrays) break;
        }
    }
    put_number(passed);
    put(" passed, ");
    put_number(failed);
    put(" failed\n");
    return failed != 0;
}
