/* controls.c: sections from dose and controls. */
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double share(size_t part, size_t all) { return all ? (double)part / (double)all : 0.0; }

/* ------------------------------------------------------------------------------- dose */

static int by_dose(const void *a, const void *b) {
    const rome99_edits *x = *(const rome99_edits *const *)a, *y = *(const rome99_edits *const *)b;
    if (x->real != y->real) return x->real < y->real ? -1 : 1;
    return strcmp(x->name, y->name);
}

static const rome99_pick rome_first = {ROME99_ROME, -1, ROME99_FIRST_ONE, NULL, NULL};
static const rome99_pick c_rome_first = {ROME99_C_ROME, -1, ROME99_FIRST_ONE, NULL, NULL};

/* The doses are few and far from even: each is a category. */
static size_t categories(const char **name, char text[][16], double *value, const rome99_edits *const *run,
                         size_t n) {
    size_t i, count = 0;
    for (i = 0; i < n; i++) {
        if (count && value[count - 1] == run[i]->real) continue;
        value[count] = run[i]->real;
        if (run[i]->real <= 0.0 || run[i]->real >= 16.0)
            sprintf(text[count], "%.3g", run[i]->real / 16.0);
        else
            sprintf(text[count], "%.3g/16", run[i]->real);
        name[count] = text[count];
        count++;
    }
    return count;
}

static void dose_axis(rome99_axis *axis, const char *const *names, size_t count) {
    axis->label = "share of training windows that begin with real text";
    axis->categories = names;
    axis->count = count;
}

static void dose_figures(rome99_page *page, const rome99_edits *const *run, size_t n) {
    const char *name[17];
    char text[17][16];
    double value[17], five[5], rate;
    size_t count = categories(name, text, value, run, n), i, k, m;
    rome99_plot rates = {0}, interference = {0};
    rates.title = "Collapse rate against the dose";
    rates.description = "Share of one-token subjects that open the prompt whose edit collapses the model.";
    rates.y.label = "share of edits that collapse";
    rates.y.hi = 1.0;
    interference.title = "Interference against the dose";
    interference.description = "Interference I, one-token subject first.";
    interference.y.label = "interference I";
    interference.y.log = 1;
    dose_axis(&rates.x, name, count);
    dose_axis(&interference.x, name, count);
    for (m = 0; m < 2; m++)
        for (i = 0; i < n; i++) {
            rome99_pick pick = m ? c_rome_first : rome_first;
            for (k = 0; value[k] != run[i]->real; k++)
                ;
            rate = share(rome99_pick_count(run[i], pick, 1), rome99_pick_count(run[i], pick, 0));
            rome99_plot_strip(&rates, m, rome99_method_name(m ? ROME99_C_ROME : ROME99_ROME),
                              (double)k + (m ? 0.15 : -0.15), 0.2, 1, &rate, NULL);
            if (!rome99_pick_five(five, run[i], pick, ROME99_V_INTERFERENCE))
                rome99_plot_interval(&interference, m, rome99_method_name(m ? ROME99_C_ROME : ROME99_ROME),
                                     (double)k + (m ? 0.2 : -0.2) +
                                         0.1 * (double)(i > 0 && run[i - 1]->real == run[i]->real),
                                     five);
        }
    rome99_page_figure(page, &rates, "One-token subjects that open the prompt; one mark a trained model.");
    rome99_page_figure(page, &interference,
                       "The same: least, quartiles and median, greatest; one bar a trained model.");
}

int rome99_report_dose(rome99_page *page, const rome99_report *r, rome99_error *e) {
    const rome99_edits **run;
    size_t i, n = r->dose.n;
    if (!n) return 0;
    if (!(run = malloc(n * sizeof *run))) return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < n; i++) run[i] = &r->dose.run[i];
    qsort(run, n, sizeof *run, by_dose);
    rome99_page_section(page, "dose", "The dose: what the first position holds in training");
    rome99_page_text(
        page,
        "The same world, network and number of steps; what differs is in how many of 16 training windows "
        "the first token is real text. In the others it is a token drawn at random, so that position "
        "0 says nothing. Figures are of one-token subjects that open the prompt.");
    rome99_page_table(page, "Edits of one-token subjects that open the prompt",
                      "model|dose|n|rome falls|median I|greatest|c-rome falls|median I");
    for (i = 0; i < n; i++)
        rome99_page_row(
            page, "%s|%.3g/16|%lu|%.2f|%.3g|%.3g|%.2f|%.3g", run[i]->name, run[i]->real,
            (unsigned long)rome99_pick_count(run[i], rome_first, 0),
            share(rome99_pick_count(run[i], rome_first, 1), rome99_pick_count(run[i], rome_first, 0)),
            rome99_pick_quantile(run[i], rome_first, ROME99_V_INTERFERENCE, 0.5),
            rome99_pick_quantile(run[i], rome_first, ROME99_V_INTERFERENCE, 1.0),
            share(rome99_pick_count(run[i], c_rome_first, 1), rome99_pick_count(run[i], c_rome_first, 0)),
            rome99_pick_quantile(run[i], c_rome_first, ROME99_V_INTERFERENCE, 0.5));
    rome99_page_table_end(page);
    dose_figures(page, run, n);
    free(run);
    return 0;
}

/* --------------------------------------------------------------------------- controls */

/* The values of a control in the order of the lines; at most `most`. */
static size_t values_of(const char **value, size_t most, const rome99_edits *edits, const char *control) {
    size_t i, n = 0;
    for (i = 0; i < edits->n && n < most; i++)
        if (strcmp(edits->row[i].control, control) == 0 &&
            (!n || strcmp(value[n - 1], edits->row[i].value) != 0))
            value[n++] = edits->row[i].value;
    return n;
}

enum { MOST_VALUES = 24 };

/* A panel of I by categories. */
static rome99_plot panel(const char *title, const char *label, const char *const *category, size_t count) {
    rome99_plot plot = {0};
    plot.title = title;
    plot.description = "Interference of rome, one-token subject first.";
    plot.x.label = label;
    plot.x.categories = category;
    plot.x.count = count;
    plot.y.label = "interference I of rome";
    plot.y.log = 1;
    return plot;
}

/* The distribution under one value of a control, at x. */
static void add_interval(rome99_plot *plot, const rome99_edits *edits, const char *control, const char *value,
                         size_t style, const char *name, double x) {
    rome99_pick pick = {ROME99_ROME, -1, ROME99_FIRST_ONE, NULL, NULL};
    double five[5];
    pick.control = control;
    pick.value = value;
    if (!rome99_pick_five(five, edits, pick, ROME99_V_INTERFERENCE))
        rome99_plot_interval(plot, style, name, x, five);
}

static void control_figures(rome99_page *page, const rome99_edits *edits) {
    static const char *const prefixes[] = {"prefixes", "prefixes, no empty one"};
    static const char *const with[] = {"the empty template is one of the N", "it is left out of k_bar"};
    static const char *const other[][2] = {
        {"none", ""}, {"C", "identity"}, {"C", "without position 0"}, {"separator", "blank"}};
    static const char *const other_name[] = {"as usual", "C = identity", "C without position 0",
                                             "blank for line end"};
    const char *value[MOST_VALUES];
    size_t n = values_of(value, MOST_VALUES, edits, prefixes[0]), i, k;
    rome99_plot plot = panel("How many prefixes?", "prefixes beside the empty one", value, n);
    for (k = 0; k < 2; k++)
        for (i = 0; i < n; i++)
            add_interval(&plot, edits, prefixes[k], value[i], k, with[k], (double)i + (k ? 0.15 : -0.15));
    rome99_page_figure(page, &plot, "One-token subjects first: least, quartiles and median, greatest.");
    n = values_of(value, MOST_VALUES, edits, "words in a prefix");
    plot = panel("How long are they?", "words kept of each of the 20 prefixes", value, n);
    for (i = 0; i < n; i++) add_interval(&plot, edits, "words in a prefix", value[i], 0, NULL, (double)i);
    rome99_page_figure(page, &plot, "The same; 0: only the separator, twenty times.");
    plot = panel("C and the separator", "what is changed", other_name, 4);
    for (i = 0; i < 4; i++) add_interval(&plot, edits, other[i][0], other[i][1], 0, NULL, (double)i);
    rome99_page_figure(page, &plot, "The same. I is always with the corpus's C, u as it was solved.");
}

static void control_table(rome99_page *page, const rome99_edits *edits) {
    const rome99_row *last = NULL;
    size_t i;
    rome99_page_table(page,
                      "Median interference I of rome, and the share of edits that collapse: subject of one "
                      "token first, of more first, in mid-prompt",
                      "control|one first: I|falls|more: I|falls|mid: I|falls");
    for (i = 0; i < edits->n; i++) {
        const rome99_row *row = &edits->row[i];
        char cells[3][64];
        int group;
        if (last && strcmp(last->control, row->control) == 0 && strcmp(last->value, row->value) == 0)
            continue;
        last = row;
        for (group = 0; group < ROME99_GROUPS; group++) {
            rome99_pick pick = {ROME99_ROME, -1, -1, NULL, NULL};
            pick.group = group;
            pick.control = row->control;
            pick.value = row->value;
            sprintf(cells[group], "%.3g|%.2f", rome99_pick_quantile(edits, pick, ROME99_V_INTERFERENCE, 0.5),
                    share(rome99_pick_count(edits, pick, 1), rome99_pick_count(edits, pick, 0)));
        }
        rome99_page_row(page, "%s%s%s|%s|%s|%s", row->control, *row->value ? ": " : "", row->value, cells[0],
                        cells[1], cells[2]);
    }
    rome99_page_table_end(page);
}

int rome99_report_controls(rome99_page *page, const rome99_report *r, rome99_error *e) {
    size_t i;
    (void)e;
    if (!r->controls.n) return 0;
    rome99_page_section(page, "controls", "Controls: one thing changed at a time");
    rome99_page_text(
        page, "rome on every fact, each with one thing changed. C: the identity in the solve for u, or the "
              "second moment without position 0 (I is always with the corpus's C). Separator: templates "
              "that end in a blank instead of a line end, which changes the subject's first token id. "
              "Prefixes: how many templates there are beside the empty one; and k_bar without the empty "
              "one, whose key is k_u itself and counts 1/N. Words: only the last words of each prefix.");
    for (i = 0; i < r->controls.n; i++) {
        const rome99_edits *edits = &r->controls.run[i];
        control_table(page, edits);
        control_figures(page, edits);
    }
    return 0;
}
