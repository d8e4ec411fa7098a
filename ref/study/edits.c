/*
 * edits.c: experiments whose lines are edits of one fact on the original weights.
 *
 *     core       every fact by every method, with all measures; then the lines of keys.c
 *     dose       every fact by rome and c-rome, on a model of which is told how it was trained
 */
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------- core */

enum { METHODS = 4 };

static size_t core_count(const rome99_study *s) { return METHODS * s->facts.n + ROME99_KEY_LINES; }

static size_t core_together(const rome99_study *s, size_t i) {
    size_t edits = METHODS * s->facts.n;
    return i < edits ? i / METHODS : s->facts.n + (i - edits);
}

static int core_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    size_t fact = i / METHODS;
    if (fact >= s->facts.n) return rome99_keys_line(out, s, i - METHODS * s->facts.n, e);
    if (rome99_study_find(s, fact, (rome99_method)(i % METHODS), e) || rome99_study_measure(s, e)) return -1;
    rome99_text_puts(out, ", \"kind\": \"edit\"");
    rome99_put_fact(out, s, fact);
    rome99_text_puts(out, ", ");
    rome99_edit_members(out, &s->edit, &s->setup);
    return 0;
}

const rome99_experiment rome99_core = {"core", 0, core_together, core_count, core_line, rome99_keys_check};

/* ------------------------------------------------------------------------------- dose */

void rome99_put_edit(rome99_text *out, const rome99_study *s, size_t fact) {
    const rome99_measures *m = &s->edit.measures;
    rome99_put_fact(out, s, fact);
    rome99_text_printf(out, ", \"method\": \"%s\"", rome99_method_name(s->edit.method));
    rome99_put_number(out, "numerator", s->edit.update.numerator);
    rome99_put_number(out, "denominator", s->edit.update.denominator);
    rome99_put_number(out, "cos_keys", s->edit.update.cos_keys);
    rome99_put_figure(out, "interference", m->interference);
    rome99_put_figure(out, "stream_ppl_before", m->stream_before);
    rome99_put_figure(out, "stream_ppl_after", m->stream_after);
    rome99_put_figure(out, "efficacy", m->efficacy[0]);
    rome99_put_figure(out, "efficacy_prefixed", m->efficacy[1]);
}

static size_t dose_count(const rome99_study *s) { return 2 * s->facts.n; }

static size_t dose_together(const rome99_study *s, size_t i) { return (void)s, i / 2; }

static int dose_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    if (rome99_study_find(s, i / 2, i % 2 ? ROME99_C_ROME : ROME99_ROME, e) || rome99_study_measure(s, e))
        return -1;
    rome99_text_printf(out, ", \"kind\": \"edit\", \"real\": %lu", (unsigned long)s->real);
    rome99_put_edit(out, s, i / 2);
    return 0;
}

const rome99_experiment rome99_dose = {"dose", 0, dose_together, dose_count, dose_line, NULL};
