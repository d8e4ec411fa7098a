/* more.c: sections from sequential edits and the twin; where the results come from. */
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- sequential */

/* The steps of one sequence. */
typedef struct {
    const char *order, *method;
    size_t n;
    double *step, *ratio, *bare, *prefixed, *length;
    size_t falls; /* first step behind which the perplexity is more than the limit; 0: none */
} sequence;

static int next_sequence(sequence *q, rome99_lines lines, size_t *at, rome99_error *e) {
    const rome99_result *line = lines.line + *at;
    double *memory = malloc(5 * (lines.n - *at) * sizeof *memory);
    if (!memory) return rome99_fail(e, NULL, "out of memory");
    q->order = rome99_result_string(line, "order", e);
    q->method = rome99_result_string(line, "method", e);
    q->n = q->falls = 0;
    q->step = memory;
    q->ratio = memory + (lines.n - *at);
    q->bare = q->ratio + (lines.n - *at);
    q->prefixed = q->bare + (lines.n - *at);
    q->length = q->prefixed + (lines.n - *at);
    for (; *at < lines.n; ++*at, line++, q->n++) {
        if (strcmp(rome99_result_string(line, "order", e), q->order) != 0 ||
            strcmp(rome99_result_string(line, "method", e), q->method) != 0)
            break;
        q->step[q->n] = rome99_result_number(line, "step", e);
        q->ratio[q->n] = rome99_result_number(line, "stream_ppl_after", e) /
                         rome99_result_number(line, "stream_ppl_before", e);
        q->bare[q->n] = rome99_result_number(line, "efficacy_so_far", e);
        q->prefixed[q->n] = rome99_result_number(line, "efficacy_so_far_prefixed", e);
        q->length[q->n] = rome99_result_number(line, "dW_norm", e);
        if (!q->falls && !(q->ratio[q->n] <= ROME99_COLLAPSE)) q->falls = q->n + 1;
    }
    if (!e->text[0]) return 0;
    free(memory);
    return -1;
}

static int read_sequences(sequence **list, size_t *n, rome99_lines lines, rome99_error *e) {
    size_t at = 0;
    *n = 0;
    if (!(*list = malloc((lines.n + 1) * sizeof **list))) return rome99_fail(e, NULL, "out of memory");
    while (at < lines.n) {
        if (next_sequence(&(*list)[*n], lines, &at, e)) {
            while (*n > 0) free((*list)[--*n].step);
            free(*list);
            return -1;
        }
        ++*n;
    }
    return 0;
}

static void sequence_figures(rome99_page *page, const sequence *list, size_t n) {
    rome99_plot ppl = {0}, efficacy = {0}, length = {0};
    char name[4][64];
    size_t i;
    ppl.title = "Perplexity after N edits in a row";
    efficacy.title = "Efficacy of all edits so far, behind a prefix";
    length.title = "Length of each update";
    ppl.description = efficacy.description = length.description = "Sequential edits by rome and by c-rome.";
    ppl.x.label = efficacy.x.label = length.x.label = "edits made, N";
    ppl.y.label = "perplexity of the stream, after / before";
    efficacy.y.label = "efficacy, prefixed, of N edits";
    length.y.label = "|dW| of the N-th edit";
    ppl.y.log = length.y.log = 1;
    efficacy.y.hi = 1.0;
    for (i = 0; i < n && i < 4; i++) {
        sprintf(name[i], "%.20s, %.20s", list[i].method,
                strcmp(list[i].order, "all") == 0 ? "all facts" : list[i].order);
        rome99_plot_line(&ppl, i, name[i], list[i].n, list[i].step, list[i].ratio);
        rome99_plot_line(&efficacy, i, name[i], list[i].n, list[i].step, list[i].prefixed);
        rome99_plot_line(&length, i, name[i], list[i].n, list[i].step, list[i].length);
    }
    rome99_plot_reference(&ppl, ROME99_HORIZONTAL, ROME99_COLLAPSE, "collapse");
    rome99_page_figure(page, &ppl,
                       "Each edit on the weights that the last one left; C that of the untouched model.");
    rome99_page_figure(
        page, &efficacy,
        "Share of target tokens of all N edits that are the most probable, behind test prefixes.");
    rome99_page_figure(page, &length, "The norm of each step's own update.");
}

int rome99_report_sequential(rome99_page *page, const rome99_report *r, rome99_error *e) {
    const char *name;
    size_t run, i, n;
    sequence *list;
    if (!rome99_results_name(r->results, "sequential", 0)) return 0;
    rome99_page_section(page, "sequential", "Many edits, one after another");
    for (run = 0; (name = rome99_results_name(r->results, "sequential", run)) != NULL; run++) {
        char caption[256];
        if (read_sequences(&list, &n, rome99_results_of(r->results, "sequential", name), e)) return -1;
        sprintf(caption,
                "%.64s: edits in one order drawn at random; falls: the first edit behind which the "
                "perplexity is more than %g times that before all",
                name, ROME99_COLLAPSE);
        rome99_page_table(page, caption, "facts, method|edits|falls at|final|efficacy|prefixed|greatest dW");
        for (i = 0; i < n; i++) {
            const sequence *q = &list[i];
            char falls[24] = "never";
            double greatest = 0.0;
            size_t k;
            for (k = 0; k < q->n; k++)
                if (q->length[k] > greatest) greatest = q->length[k];
            if (q->falls) sprintf(falls, "%lu", (unsigned long)q->falls);
            rome99_page_row(page, "%s, %s|%lu|%s|%.3g|%.2f|%.2f|%.3g", q->order, q->method,
                            (unsigned long)q->n, falls, q->ratio[q->n - 1], q->bare[q->n - 1],
                            q->prefixed[q->n - 1], greatest);
        }
        rome99_page_table_end(page);
        sequence_figures(page, list, n);
        for (i = 0; i < n; i++) free(list[i].step);
        free(list);
    }
    return 0;
}

int rome99_report_falls(long falls[2], const rome99_report *r, rome99_error *e) {
    const char *name = rome99_results_name(r->results, "sequential", 0);
    sequence *list;
    size_t i, n;
    falls[0] = falls[1] = -1;
    if (!name) return 0;
    if (read_sequences(&list, &n, rome99_results_of(r->results, "sequential", name), e)) return -1;
    for (i = 0; i < n; i++) {
        if (strcmp(list[i].order, "all") == 0)
            falls[strcmp(list[i].method, "rome") != 0] = (long)list[i].falls;
        free(list[i].step);
    }
    free(list);
    return 0;
}

/* ------------------------------------------------------------------------------- twin */

/* Values of one member over the lines of a run whose group is, or is not, mid-prompt; -1: any. */
static size_t twin_values(double *x, rome99_lines lines, const char *member, int middle, rome99_error *e) {
    size_t i, n = 0;
    for (i = 0; i < lines.n; i++) {
        const rome99_result *line = &lines.line[i];
        int is;
        if (strcmp(line->header.kind, "twin") != 0) continue;
        is = strcmp(rome99_result_string(line, "group", e), rome99_group_name[ROME99_MIDDLE]) == 0;
        if (middle >= 0 && is != middle) continue;
        if (middle == 0 &&
            strcmp(rome99_result_string(line, "group", e), rome99_group_name[ROME99_FIRST_ONE]) != 0)
            continue;
        x[n] = rome99_result_number(line, member, e);
        n += x[n] == x[n];
    }
    rome99_sort(x, n);
    return n;
}

double rome99_twin_median(rome99_lines lines, const char *member, int middle, rome99_error *e) {
    double *x = malloc((lines.n + 1) * sizeof *x), median = rome99_log(-1.0);
    size_t n = x ? twin_values(x, lines, member, middle, e) : 0;
    if (!x) rome99_fail(e, NULL, "out of memory");
    if (n) median = rome99_quantile(x, n, 0.5);
    free(x);
    return median;
}

static double twin_mean(rome99_lines lines, const char *member, rome99_error *e) {
    double *x = malloc((lines.n + 1) * sizeof *x), mean = rome99_log(-1.0);
    size_t n = x ? twin_values(x, lines, member, -1, e) : 0;
    if (!x) rome99_fail(e, NULL, "out of memory");
    if (n) mean = rome99_mean(x, n);
    free(x);
    return mean;
}

static int twin_figure(rome99_page *page, const rome99_report *r, const char *const *name, size_t n,
                       const char *member, const char *title, const char *label, int log, rome99_error *e) {
    static const char *const class[] = {"one-token subject first", "subject in mid-prompt"};
    rome99_lines all = rome99_results_of(r->results, "twin", NULL);
    rome99_plot plot = {0};
    double *x = malloc((all.n + 1) * sizeof *x);
    size_t i;
    int middle;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    plot.title = title;
    plot.description = "By model, with and without a causal mask.";
    plot.x.label = "model";
    plot.x.categories = name;
    plot.x.count = n;
    plot.y.label = label;
    plot.y.log = log;
    for (middle = 0; middle < 2; middle++)
        for (i = 0; i < n; i++) {
            size_t count = twin_values(x, rome99_results_of(r->results, "twin", name[i]), member, middle, e);
            rome99_plot_strip(&plot, (size_t)middle, class[middle], (double)i + (middle ? 0.2 : -0.2), 0.3,
                              count, x, NULL);
        }
    free(x);
    rome99_page_figure(page, &plot,
                       "Every fact. The twins see the whole text at every position; the others only what "
                       "precedes.");
    return e->text[0] ? -1 : 0;
}

int rome99_report_twin(rome99_page *page, const rome99_report *r, rome99_error *e) {
    const char *name[16];
    size_t n = 0, i;
    while (n < 16 && (name[n] = rome99_results_name(r->results, "twin", n)) != NULL) n++;
    if (!n) return 0;
    rome99_page_section(page, "twin", "The twin: is it autoregression?");
    rome99_page_text(
        page,
        "The same network without the causal mask, trained to fill in hidden tokens of the same windows. "
        "The same texts go through every model: a template, the prompt, the mask token for the "
        "object, then what follows, to the last position. ratio = (u^T k_u) / (u^T k_bar): 1 where "
        "the bare key is like those behind prefixes, 0 where rome's denominator vanishes.");
    rome99_page_table(page,
                      "Medians over facts: one-token subject first, and in mid-prompt; recall: share of the "
                      "objects' tokens that a twin fills in rightly",
                      "model|mask|real|ratio|mid|I|mid|recall|prefixed");
    for (i = 0; i < n; i++) {
        rome99_lines lines = rome99_results_of(r->results, "twin", name[i]);
        char recall[64] = "-|-";
        if (strcmp(rome99_result_string(&lines.line[0], "mask", e), "none") == 0)
            sprintf(recall, "%.2f|%.2f", twin_mean(lines, "recall", e),
                    twin_mean(lines, "recall_prefixed", e));
        rome99_page_row(page, "%s|%s|%.3g/16|%.3g|%.3g|%.3g|%.3g|%s", name[i],
                        rome99_result_string(&lines.line[0], "mask", e),
                        rome99_result_number(&lines.line[0], "real", e),
                        rome99_twin_median(lines, "ratio", 0, e), rome99_twin_median(lines, "ratio", 1, e),
                        rome99_twin_median(lines, "interference", 0, e),
                        rome99_twin_median(lines, "interference", 1, e), recall);
    }
    rome99_page_table_end(page);
    return e->text[0] ||
                   twin_figure(page, r, name, n, "ratio", "Do the keys of first and later tokens part?",
                               "(u^T k_u) / (u^T k_bar)", 0, e) ||
                   twin_figure(page, r, name, n, "interference", "What that would do to rome",
                               "interference I", 1, e)
               ? -1
               : 0;
}

/* ---------------------------------------------------------------------------- sources */

int rome99_report_sources(rome99_page *page, const rome99_report *r, rome99_error *e) {
    const rome99_results *results = r->results;
    const char *s = results->remarks.bytes;
    size_t i, n;
    (void)e;
    rome99_page_section(page, "sources", "Where this comes from");
    rome99_page_table(page, "Runs that this report is made of",
                      "experiment|model|SHA-256 of its weights|seed|lines");
    for (i = 0; i < results->n; i += n) {
        const rome99_header *h = &results->line[i].header;
        for (n = 1; i + n < results->n &&
                    strcmp(results->line[i + n].header.experiment, h->experiment) == 0 &&
                    strcmp(results->line[i + n].header.name, h->name) == 0;)
            n++;
        rome99_page_row(page, "%s|%s|%.16s...|%lu|%lu", h->experiment, h->name, h->model,
                        (unsigned long)h->seed, (unsigned long)n);
    }
    rome99_page_table_end(page);
    while (s && *s) {
        n = strcspn(s, "\n");
        rome99_page_text(page, "%.*s", (int)(n < 400 ? n : 400), s);
        s += n + (s[n] == '\n');
    }
    rome99_page_text(page, "Made by rome99 " ROME99_VERSION
                           ". Every figure is computed from these lines; none is typed in.");
    return 0;
}
