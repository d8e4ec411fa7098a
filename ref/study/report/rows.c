/* rows.c: result lines as rows of figures, and figures picked from them. */
#include "study/report/report.h"

#include <stdlib.h>
#include <string.h>

static const char *const member[ROME99_V_ALL] = {"numerator",
                                                 "denominator",
                                                 "cos_keys",
                                                 "interference",
                                                 "stream_ppl_before",
                                                 "stream_ppl_after",
                                                 "efficacy",
                                                 "efficacy_prefixed",
                                                 "rms_predicted",
                                                 "sentence_ppl_before",
                                                 "sentence_ppl_after",
                                                 "efficacy_p",
                                                 "efficacy_p_prefixed",
                                                 "generalisation",
                                                 "generalisation_prefixed",
                                                 "generalisation_p",
                                                 "generalisation_p_prefixed",
                                                 "locality",
                                                 "locality_prefixed"};

/* The group of that name; ROME99_GROUPS where there is none. */
static size_t find_group(const char *name) {
    size_t i;
    for (i = 0; i < ROME99_GROUPS && strcmp(name, rome99_group_name[i]) != 0; i++)
        ;
    return i;
}

static int read_row(rome99_row *row, const rome99_result *line, int all, int controlled, rome99_error *e) {
    size_t i, group;
    double fact = rome99_result_number(line, "fact", e);
    memset(row, 0, sizeof *row);
    group = find_group(rome99_result_string(line, "group", e));
    row->control = controlled ? rome99_result_string(line, "control", e) : "";
    row->value = controlled ? rome99_result_string(line, "value", e) : "";
    for (i = 0; i < (all ? ROME99_V_ALL : ROME99_V_SMALL); i++)
        row->v[i] = rome99_result_number(line, member[i], e);
    if (e->text[0]) return -1;
    if (group == ROME99_GROUPS || !(fact >= 0.0 && fact < 1e6))
        return rome99_fail(e, line->path, "line %lu: no such group or fact", (unsigned long)line->number);
    if (rome99_method_read(&row->method, rome99_result_string(line, "method", e), e)) return -1;
    row->fact = (size_t)fact;
    row->group = (rome99_group)group;
    if (row->v[ROME99_V_DENOMINATOR] < 0.0) row->v[ROME99_V_DENOMINATOR] *= -1.0;
    row->v[ROME99_V_RATIO] = row->v[ROME99_V_AFTER] / row->v[ROME99_V_BEFORE];
    row->collapsed = !(row->v[ROME99_V_RATIO] <= ROME99_COLLAPSE);
    return 0;
}

/* Lines of a run stand in order: rome's edit of a fact under a control comes before those of other methods. */
static void mark_cases(rome99_edits *edits) {
    size_t i, rome = 0;
    for (i = 0; i < edits->n; i++) {
        rome99_row *row = &edits->row[i], *of = &edits->row[rome];
        if (row->method == ROME99_ROME) of = &edits->row[rome = i];
        row->collapse_case = of->method == ROME99_ROME && of->fact == row->fact && of->collapsed;
        edits->collapsed[i] = (unsigned char)row->collapsed;
    }
}

static int read_run(rome99_edits *edits, rome99_lines lines, const char *experiment, rome99_error *e) {
    size_t i;
    edits->name = lines.line[0].header.name;
    edits->row = calloc(lines.n, sizeof *edits->row);
    edits->collapsed = calloc(lines.n, 1);
    edits->values = calloc(lines.n, sizeof *edits->values);
    edits->ranked = calloc(lines.n, sizeof *edits->ranked);
    if (!edits->row || !edits->collapsed || !edits->values || !edits->ranked)
        return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < lines.n; i++) {
        const rome99_result *line = &lines.line[i];
        if (strcmp(line->header.kind, "edit") != 0) continue;
        if (read_row(&edits->row[edits->n++], line, strcmp(experiment, "core") == 0,
                     strcmp(experiment, "controls") == 0, e))
            return -1;
        if (strcmp(experiment, "dose") == 0) edits->real = rome99_result_number(line, "real", e);
        if (e->text[0]) return -1;
        if (!(edits->real >= 0.0 && edits->real <= 16.0 && edits->real == (double)(int)edits->real))
            return rome99_fail(e, line->path, "line %lu: \"real\" must be a whole number from 0 to 16",
                               (unsigned long)line->number);
    }
    mark_cases(edits);
    return 0;
}

static void free_run(rome99_edits *edits) {
    free(edits->row);
    free(edits->collapsed);
    free(edits->values);
    free(edits->ranked);
}

static int read_runs(rome99_edits **run, size_t *n, const rome99_results *results, const char *experiment,
                     rome99_error *e) {
    size_t count = 0;
    while (rome99_results_name(results, experiment, count)) count++;
    *run = calloc(count + 1, sizeof **run);
    if (!*run) return rome99_fail(e, NULL, "out of memory");
    for (*n = 0; *n < count; ++*n) {
        const char *name = rome99_results_name(results, experiment, *n);
        if (read_run(&(*run)[*n], rome99_results_of(results, experiment, name), experiment, e)) {
            free_run(&(*run)[*n]);
            return -1;
        }
    }
    return 0;
}

int rome99_report_open(rome99_report *r, const rome99_results *results, rome99_error *e) {
    static const rome99_pick rome = {ROME99_ROME, -1, -1, NULL, NULL};
    size_t i;
    memset(r, 0, sizeof *r);
    e->text[0] = '\0';
    r->results = results;
    if (read_runs(&r->core.run, &r->core.n, results, "core", e) ||
        read_runs(&r->dose.run, &r->dose.n, results, "dose", e) ||
        read_runs(&r->controls.run, &r->controls.n, results, "controls", e)) {
        rome99_report_close(r);
        return -1;
    }
    for (i = 0; i < r->core.n; i++)
        if (rome99_pick_count(&r->core.run[i], rome, 1) > rome99_pick_count(r->core.run, rome, 1)) {
            rome99_edits first = r->core.run[i];
            memmove(r->core.run + 1, r->core.run, i * sizeof first);
            r->core.run[0] = first;
        }
    r->main = r->core.n ? r->core.run : NULL;
    return 0;
}

static void close_runs(rome99_edits *run, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) free_run(&run[i]);
    free(run);
}

void rome99_report_close(rome99_report *r) {
    close_runs(r->core.run, r->core.n);
    close_runs(r->dose.run, r->dose.n);
    close_runs(r->controls.run, r->controls.n);
    memset(r, 0, sizeof *r);
}

/* ---------------------------------------------------------------------------- picking */

int rome99_picked(const rome99_row *row, const rome99_pick *pick) {
    return (pick->method < 0 || (int)row->method == pick->method) &&
           (pick->collapse_case < 0 || row->collapse_case == pick->collapse_case) &&
           (pick->group < 0 || (int)row->group == pick->group) &&
           (!pick->control || strcmp(row->control, pick->control) == 0) &&
           (!pick->value || strcmp(row->value, pick->value) == 0);
}

size_t rome99_pick_values(double *x, const rome99_edits *edits, rome99_pick pick, int figure) {
    size_t i, n = 0;
    for (i = 0; i < edits->n; i++) {
        double v = edits->row[i].v[figure];
        if (rome99_picked(&edits->row[i], &pick) && v == v) x[n++] = v;
    }
    rome99_sort(x, n);
    return n;
}

static double nan_value(void) { return rome99_log(-1.0); }

double rome99_pick_quantile(const rome99_edits *edits, rome99_pick pick, int figure, double q) {
    size_t n = rome99_pick_values(edits->values, edits, pick, figure);
    return n ? rome99_quantile(edits->values, n, q) : nan_value();
}

double rome99_pick_mean(const rome99_edits *edits, rome99_pick pick, int figure) {
    size_t n = rome99_pick_values(edits->values, edits, pick, figure);
    return n ? rome99_mean(edits->values, n) : nan_value();
}

size_t rome99_pick_count(const rome99_edits *edits, rome99_pick pick, int collapsed_only) {
    size_t i, n = 0;
    for (i = 0; i < edits->n; i++)
        n += rome99_picked(&edits->row[i], &pick) && (!collapsed_only || edits->row[i].collapsed);
    return n;
}

int rome99_pick_five(double five[5], const rome99_edits *edits, rome99_pick pick, int figure) {
    size_t i;
    for (i = 0; i < 5; i++) five[i] = rome99_pick_quantile(edits, pick, figure, 0.25 * (double)i);
    return five[0] == five[0] ? 0 : -1;
}
