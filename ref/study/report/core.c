/* core.c: sections from the edits of core: numerator and denominator, perplexity, prediction, scores. */
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const case_name[] = {"normal", "collapse"};
enum { METHODS = 4 };

/* Values of the rows that are picked, in the rows' order. */
static size_t take_both(double *x, double *y, const rome99_edits *edits, rome99_pick pick, int fx, int fy) {
    size_t i, n = 0;
    for (i = 0; i < edits->n; i++)
        if (rome99_picked(&edits->row[i], &pick)) {
            x[n] = edits->row[i].v[fx];
            y[n++] = edits->row[i].v[fy];
        }
    return n;
}

/* ----------------------------------------------------------- numerator and denominator */

/* Rows "cases, method": how many, mean, deviation, least, median, greatest of one figure. */
static int distributions(rome99_page *page, const rome99_edits *edits, int figure, const char *caption,
                         rome99_error *e) {
    double *x = malloc((edits->n + 1) * sizeof *x);
    int collapse, method;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    rome99_page_table(page, caption, "cases, method|n|mean|sd|least|median|greatest");
    for (collapse = 1; collapse >= 0; collapse--)
        for (method = 0; method < METHODS; method++) {
            rome99_pick pick = ROME99_ANY;
            size_t n;
            pick.method = method;
            pick.collapse_case = collapse;
            if (!(n = rome99_pick_values(x, edits, pick, figure))) continue;
            rome99_page_row(page, "%s, %s|%lu|%.3g|%.3g|%.3g|%.3g|%.3g", case_name[collapse],
                            rome99_method_name((rome99_method)method), (unsigned long)n, rome99_mean(x, n),
                            rome99_deviation(x, n), x[0], rome99_quantile(x, n, 0.5), x[n - 1]);
        }
    rome99_page_table_end(page);
    free(x);
    return 0;
}

/* A strip for each group and two methods side by side. */
static int strips(rome99_page *page, const rome99_edits *edits, int figure, const char *title,
                  const char *label, const char *caption, rome99_error *e) {
    static const rome99_method shown[] = {ROME99_ROME, ROME99_C_ROME};
    rome99_plot plot = {0};
    double *x = malloc((edits->n + 1) * sizeof *x);
    size_t m;
    int group;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    plot.title = title;
    plot.description = caption;
    plot.x.label = "where the subject stands in the bare prompt";
    plot.x.categories = rome99_group_name;
    plot.x.count = ROME99_GROUPS;
    plot.y.label = label;
    plot.y.log = 1;
    for (m = 0; m < 2; m++)
        for (group = 0; group < ROME99_GROUPS; group++) {
            rome99_pick pick = ROME99_ANY;
            size_t n;
            pick.method = (int)shown[m];
            pick.group = group;
            n = rome99_pick_values(x, edits, pick, figure);
            rome99_plot_strip(&plot, m, rome99_method_name(shown[m]), (double)group + (m ? 0.2 : -0.2), 0.3,
                              n, x, NULL);
        }
    free(x);
    rome99_page_figure(page, &plot, caption);
    return 0;
}

int rome99_report_update(rome99_page *page, const rome99_report *r, rome99_error *e) {
    char caption[300], title[128];
    size_t i;
    if (!r->core.n) return 0;
    rome99_page_section(page, "denominator", "Numerator and denominator");
    rome99_page_text(
        page,
        "A case is a fact: a collapse case where rome's edit of it multiplies the perplexity of the "
        "stream by more than %g, else a normal case, for every method. The length of the update is "
        "|dW| = |r| / |u^T k_den|, u being of unit length.",
        ROME99_COLLAPSE);
    for (i = 0; i < r->core.n; i++) {
        const rome99_edits *edits = &r->core.run[i];
        sprintf(caption, "%.64s: the numerator |r|", edits->name);
        if (distributions(page, edits, ROME99_V_NUMERATOR, caption, e)) return -1;
        sprintf(caption, "%.64s: the denominator |u^T k_den|", edits->name);
        if (distributions(page, edits, ROME99_V_DENOMINATOR, caption, e)) return -1;
    }
    for (i = 0; i < r->core.n; i++) {
        const rome99_edits *edits = &r->core.run[i];
        sprintf(title, "%.64s: denominators", edits->name);
        sprintf(caption, "Every fact of %.64s. rome divides by u^T k_u, c-rome by u^T k_bar; u is the same.",
                edits->name);
        if (strips(page, edits, ROME99_V_DENOMINATOR, title, "|u^T k_den| (u of unit length)", caption, e))
            return -1;
        sprintf(title, "%.64s: numerators", edits->name);
        sprintf(caption, "Every fact of %.64s. rome's r is delta, c-rome's v* - m_bar.", edits->name);
        if (strips(page, edits, ROME99_V_NUMERATOR, title, "|r| (units of the MLP output)", caption, e))
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------- perplexity */

static void perplexities(rome99_page *page, const rome99_edits *edits, int before, int after,
                         const char *caption) {
    int collapse, method;
    rome99_page_table(page, caption, "cases, method|n|before|median|95 %|greatest|collapsed");
    for (collapse = 1; collapse >= 0; collapse--)
        for (method = 0; method < METHODS; method++) {
            rome99_pick pick = ROME99_ANY;
            size_t n;
            pick.method = method;
            pick.collapse_case = collapse;
            if (!(n = rome99_pick_count(edits, pick, 0))) continue;
            rome99_page_row(
                page, "%s, %s|%lu|%.3g|%.4g|%.4g|%.4g|%lu", case_name[collapse],
                rome99_method_name((rome99_method)method), (unsigned long)n,
                rome99_pick_quantile(edits, pick, before, 0.5), rome99_pick_quantile(edits, pick, after, 0.5),
                rome99_pick_quantile(edits, pick, after, 0.95), rome99_pick_quantile(edits, pick, after, 1.0),
                (unsigned long)rome99_pick_count(edits, pick, 1));
        }
    rome99_page_table_end(page);
}

static int perplexity_figure(rome99_page *page, const rome99_edits *edits, rome99_error *e) {
    static const char *names[METHODS];
    rome99_plot plot = {0};
    char title[128];
    double *x = malloc((edits->n + 1) * sizeof *x);
    int group, method;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    for (method = 0; method < METHODS; method++) names[method] = rome99_method_name((rome99_method)method);
    sprintf(title, "%.64s: perplexity after one edit, by method", edits->name);
    plot.title = title;
    plot.description = "Perplexity of the stream after each edit divided by that before.";
    plot.x.label = "method";
    plot.x.categories = names;
    plot.x.count = METHODS;
    plot.y.label = "perplexity of the stream, after / before";
    plot.y.log = 1;
    rome99_plot_reference(&plot, ROME99_HORIZONTAL, ROME99_COLLAPSE, "collapse");
    for (group = 0; group < ROME99_GROUPS; group++)
        for (method = 0; method < METHODS; method++) {
            rome99_pick pick = ROME99_ANY;
            size_t n;
            pick.method = method;
            pick.group = group;
            n = rome99_pick_values(x, edits, pick, ROME99_V_RATIO);
            rome99_plot_strip(&plot, (size_t)group, rome99_group_name[group],
                              (double)method + 0.28 * (group - 1), 0.22, n, x, NULL);
        }
    free(x);
    rome99_page_figure(page, &plot,
                       "Every fact by every method, each on the original weights; the line is the limit of "
                       "the verdict.");
    return 0;
}

int rome99_report_perplexity(rome99_page *page, const rome99_report *r, rome99_error *e) {
    char caption[160];
    size_t i;
    if (!r->core.n) return 0;
    rome99_page_section(page, "perplexity", "Perplexity before and after one edit");
    rome99_page_text(
        page,
        "rome, c-rome, p-rome and k-rome use the same delta. Collapsed: the perplexity of the stream "
        "is more than %g times that before the edit.",
        ROME99_COLLAPSE);
    for (i = 0; i < r->core.n; i++) {
        const rome99_edits *edits = &r->core.run[i];
        sprintf(caption, "%.64s: perplexity of the stream", edits->name);
        perplexities(page, edits, ROME99_V_BEFORE, ROME99_V_AFTER, caption);
        sprintf(caption, "%.64s: perplexity of sentences (the mean of each one's)", edits->name);
        perplexities(page, edits, ROME99_V_SENTENCE_BEFORE, ROME99_V_SENTENCE_AFTER, caption);
    }
    for (i = 0; i < r->core.n; i++)
        if (perplexity_figure(page, &r->core.run[i], e)) return -1;
    return 0;
}

/* -------------------------------------------------------------------------- predictor */

static int scatter(rome99_page *page, const rome99_edits *edits, rome99_error *e) {
    rome99_plot plot = {0};
    char title[128];
    double *x = malloc((edits->n + 1) * sizeof *x), *y = malloc((edits->n + 1) * sizeof *y);
    int method, failed = !x || !y ? rome99_fail(e, NULL, "out of memory") : 0;
    sprintf(title, "%.64s: perplexity against predicted rms", edits->name);
    plot.title = title;
    plot.description =
        "Perplexity ratio after the edit against the change of the MLP output predicted before it.";
    plot.x.label = "predicted rms change of the MLP output, |r| I";
    plot.y.label = "perplexity of the stream, after / before";
    plot.x.log = plot.y.log = 1;
    rome99_plot_reference(&plot, ROME99_HORIZONTAL, ROME99_COLLAPSE, "collapse");
    for (method = 0; !failed && method < METHODS; method++) {
        rome99_pick pick = ROME99_ANY;
        size_t n;
        pick.method = method;
        n = take_both(x, y, edits, pick, ROME99_V_RMS, ROME99_V_RATIO);
        rome99_plot_points(&plot, (size_t)method, rome99_method_name((rome99_method)method), n, x, y, NULL);
    }
    free(x);
    free(y);
    if (failed)
        rome99_plot_free(&plot);
    else
        rome99_page_figure(page, &plot, "One point an edit. The rms is known before the edit is made: (E4).");
    return failed;
}

static int roc(rome99_page *page, const rome99_edits *edits, rome99_error *e) {
    static const int figure[] = {ROME99_V_RMS, ROME99_V_INTERFERENCE, ROME99_V_COS_KEYS};
    static const char *const name[] = {"predicted rms", "I", "cos(k_u, k_bar), falling"};
    rome99_plot plot = {0};
    char title[128], legend[3][64];
    double *score = edits->values, *x = malloc((edits->n + 2) * sizeof *x),
           *y = malloc((edits->n + 2) * sizeof *y);
    size_t i, k, n = 0;
    int failed = !x || !y ? rome99_fail(e, NULL, "out of memory") : 0;
    sprintf(title, "%.64s: which edits will collapse? ROC", edits->name);
    plot.title = title;
    plot.description = "Receiver operating characteristic of what is known before an edit is made.";
    plot.x.label = "share of stable edits that are flagged";
    plot.y.label = "share of collapsing edits that are flagged";
    plot.x.hi = plot.y.hi = 1.0;
    for (k = 0; !failed && k < 3; k++) {
        for (i = 0; i < edits->n; i++) {
            score[i] = edits->row[i].v[figure[k]];
            if (figure[k] == ROME99_V_COS_KEYS) score[i] = -score[i];
        }
        n = rome99_roc_curve(x, y, score, edits->collapsed, edits->n, edits->ranked);
        sprintf(legend[k], "%s: area %.3f", name[k],
                rome99_roc_area(score, edits->collapsed, edits->n, edits->ranked));
        if (n) rome99_plot_line(&plot, k, legend[k], n, x, y);
    }
    if (!failed && n) rome99_plot_reference(&plot, ROME99_DIAGONAL, 0.0, "chance");
    free(x);
    free(y);
    if (failed || !n)
        rome99_plot_free(&plot);
    else
        rome99_page_figure(page, &plot,
                           "All edits of all four methods, each flagged where the figure exceeds a limit "
                           "that is moved.");
    return failed;
}

double rome99_predictor_area(const rome99_edits *edits, int figure) {
    size_t i;
    for (i = 0; i < edits->n; i++) edits->values[i] = edits->row[i].v[figure];
    return rome99_roc_area(edits->values, edits->collapsed, edits->n, edits->ranked);
}

int rome99_report_predictor(rome99_page *page, const rome99_report *r, rome99_error *e) {
    rome99_pick any = ROME99_ANY;
    size_t i, n;
    if (!r->core.n) return 0;
    rome99_page_section(page, "prediction", "The damage is known before the edit is made");
    rome99_page_table(page,
                      "Area under the ROC curve: which of all edits, by all methods, collapse? Spearman: of "
                      "predicted rms and perplexity",
                      "model|edits|collapsed|by I|by predicted rms|Spearman");
    for (i = 0; i < r->core.n; i++) {
        const rome99_edits *edits = &r->core.run[i];
        double *x = malloc((edits->n + 1) * sizeof *x), *y = malloc((edits->n + 1) * sizeof *y);
        if (!x || !y) {
            free(x);
            free(y);
            return rome99_fail(e, NULL, "out of memory");
        }
        n = take_both(x, y, edits, any, ROME99_V_RMS, ROME99_V_RATIO);
        if (rome99_pick_count(edits, any, 1))
            rome99_page_row(page, "%s|%lu|%lu|%.4f|%.4f|%.3f", edits->name, (unsigned long)n,
                            (unsigned long)rome99_pick_count(edits, any, 1),
                            rome99_predictor_area(edits, ROME99_V_INTERFERENCE),
                            rome99_predictor_area(edits, ROME99_V_RMS),
                            rome99_spearman(x, y, n, edits->ranked));
        else
            rome99_page_row(page, "%s|%lu|0|none|none|%.3f", edits->name, (unsigned long)n,
                            rome99_spearman(x, y, n, edits->ranked));
        free(x);
        free(y);
    }
    rome99_page_table_end(page);
    for (i = 0; i < r->core.n; i++)
        if (scatter(page, &r->core.run[i], e) || roc(page, &r->core.run[i], e)) return -1;
    return 0;
}

/* ----------------------------------------------------------------------------- scores */

/* "mean (sd)" of a figure. */
static void score_cell(char cell[32], const rome99_edits *edits, rome99_pick pick, int figure, double *x) {
    size_t n = rome99_pick_values(x, edits, pick, figure);
    if (n)
        sprintf(cell, "%.2f (%.2f)", rome99_mean(x, n), rome99_deviation(x, n));
    else
        strcpy(cell, "-");
}

/* One family of metrics: figures, each bare and prefixed, under the heads of their columns. */
static int scores(rome99_page *page, const rome99_edits *edits, const int *figure, size_t n_figures,
                  const char *caption, const char *heads, rome99_error *e) {
    double *x = malloc((edits->n + 1) * sizeof *x);
    int collapse, method;
    size_t i;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    rome99_page_table(page, caption, heads);
    for (collapse = 1; collapse >= 0; collapse--)
        for (method = 0; method < METHODS; method++) {
            rome99_pick pick = ROME99_ANY;
            char row[400], cell[32];
            size_t n;
            pick.method = method;
            pick.collapse_case = collapse;
            if (!(n = rome99_pick_count(edits, pick, 0))) continue;
            sprintf(row, "%s, %s|%lu", case_name[collapse], rome99_method_name((rome99_method)method),
                    (unsigned long)n);
            for (i = 0; i < n_figures; i++) {
                score_cell(cell, edits, pick, figure[i], x);
                strcat(strcat(row, "|"), cell);
            }
            rome99_page_row(page, "%s", row);
        }
    rome99_page_table_end(page);
    free(x);
    return 0;
}

int rome99_report_scores(rome99_page *page, const rome99_report *r, rome99_error *e) {
    static const int shares[] = {ROME99_V_EFFICACY, ROME99_V_EFFICACY_PREFIXED, ROME99_V_GENERALISATION,
                                 ROME99_V_GENERALISATION_PREFIXED};
    static const int comparisons[] = {ROME99_V_EFFICACY_P, ROME99_V_EFFICACY_P_PREFIXED,
                                      ROME99_V_GENERALISATION_P, ROME99_V_GENERALISATION_P_PREFIXED};
    static const int locality[] = {ROME99_V_LOCALITY, ROME99_V_LOCALITY_PREFIXED};
    static const char heads[] = "cases, method|n|efficacy|prefixed|general.|prefixed";
    char caption[200];
    size_t i;
    if (!r->core.n) return 0;
    rome99_page_section(page, "scores",
                        "Efficacy, generalisation, locality: bare and behind a test-time prefix");
    rome99_page_text(
        page, "Mean (standard deviation) over the cases. Prefixed: the mean over test prefixes that are not "
              "among the templates. Locality: the share of neighbour prompts whose next token stays.");
    for (i = 0; i < r->core.n; i++) {
        const rome99_edits *edits = &r->core.run[i];
        sprintf(caption, "%.64s: share of target tokens that are the most probable", edits->name);
        if (scores(page, edits, shares, 4, caption, heads, e)) return -1;
        sprintf(caption, "%.64s: share of prompts with P(new) > P(true)", edits->name);
        if (scores(page, edits, comparisons, 4, caption, heads, e)) return -1;
        sprintf(caption, "%.64s: locality", edits->name);
        if (scores(page, edits, locality, 2, caption, "cases, method|n|bare|prefixed", e)) return -1;
    }
    return 0;
}
