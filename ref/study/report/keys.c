/* keys.c: figures from the lines of study/keys.c: keys in the plane, an update, norms and attention. */
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of a kind in a run; NULL if there is none. */
static const rome99_result *find_line(rome99_lines lines, const char *kind) {
    size_t i;
    for (i = 0; i < lines.n; i++)
        if (strcmp(lines.line[i].header.kind, kind) == 0) return &lines.line[i];
    return NULL;
}

/* ------------------------------------------------------------------------------- keys */

/* What a point is; each for collapse cases and for others. */
enum { SOLVED, BARE, MEAN, OPENING, BEHIND, WHATS };
static const char *const what_name[WHATS] = {"solved", "k_u", "k_bar", "first token", "behind a prefix"};

static int read_point(rome99_key_point *point, rome99_value v, rome99_error *e) {
    static const char *const where[2] = {"pca", "tsne"};
    rome99_value m, item;
    rome99_items items;
    size_t i, n;
    double fact;
    if (rome99_json_require(&m, v, "what", ROME99_STRING, e)) return -1;
    for (point->what = 0; point->what < WHATS && strcmp(rome99_json_string(m), what_name[point->what]) != 0;)
        point->what++;
    if (point->what == WHATS) return rome99_json_fail(e, m, "no such point");
    if (rome99_json_require(&m, v, "fact", ROME99_NUMBER, e) || rome99_json_double(&fact, m, e)) return -1;
    if (!(fact >= 0.0 && fact < 1e6)) return rome99_json_fail(e, m, "no such fact");
    point->fact = (size_t)fact;
    for (i = 0; i < 2; i++) {
        if (rome99_json_require(&m, v, where[i], ROME99_ARRAY, e)) return -1;
        items = rome99_json_items(m);
        for (n = 0; n < 2 && rome99_json_next(&items, NULL, &item); n++)
            if (rome99_json_double(&point->xy[i][n], item, e)) return -1;
        if (n != 2 || rome99_json_length(m) != 2)
            return rome99_json_fail(e, m, "a point has two coordinates");
    }
    return 0;
}

/* The row of rome's edit of a fact, or NULL. */
static const rome99_row *row_of(const rome99_edits *edits, size_t fact) {
    size_t i;
    for (i = 0; i < edits->n; i++)
        if (edits->row[i].fact == fact && edits->row[i].method == ROME99_ROME) return &edits->row[i];
    return NULL;
}

int rome99_key_points(rome99_key_point **points, size_t *n, const rome99_report *r, const rome99_edits *edits,
                      rome99_error *e) {
    const rome99_result *line = find_line(rome99_results_of(r->results, "core", edits->name), "map");
    rome99_value v, item;
    rome99_items items;
    size_t count;
    *points = NULL;
    *n = 0;
    if (!line) return 0;
    if (rome99_json_require(&v, rome99_json_root(line->doc), "points", ROME99_ARRAY, e)) return -1;
    count = rome99_json_length(v);
    if (!(*points = malloc((count + 1) * sizeof **points))) return rome99_fail(e, NULL, "out of memory");
    items = rome99_json_items(v);
    while (rome99_json_next(&items, NULL, &item)) {
        rome99_key_point *p = &(*points)[*n];
        const rome99_row *row;
        if (read_point(p, item, e)) {
            free(*points);
            return -1;
        }
        if (!(row = row_of(edits, p->fact))) continue;
        p->collapse_case = row->collapse_case;
        p->group = row->group;
        ++*n;
    }
    return 0;
}

/* One projection, a style for each kind of point and class of cases. Where no case collapses, those whose
 * one-token subject opens the prompt take the place of collapse cases. */
static int map(rome99_page *page, const rome99_edits *edits, const rome99_key_point *points, size_t n,
               size_t projection, rome99_error *e) {
    static const struct {
        size_t what;
        int class;
        const char *name;
    } shown[] = {{SOLVED, 0, "C^-1 k_bar, %s"},
                 {SOLVED, 1, "C^-1 k_bar, %s"},
                 {MEAN, 0, "k_bar, %s"},
                 {MEAN, 1, "k_bar, %s"},
                 {BARE, 0, "k_u, %s"},
                 {BARE, 1, "k_u, %s"},
                 {OPENING, 0, "first token, %s"},
                 {BEHIND, 1, "behind a prefix, %s"}};
    static const char *const projection_name[] = {"PCA", "t-SNE"};
    rome99_pick collapse = ROME99_ANY;
    rome99_plot plot = {0};
    char title[128], name[sizeof shown / sizeof *shown][64];
    double *x = malloc((n + 1) * 2 * sizeof *x), *y = x ? x + n + 1 : NULL;
    size_t i, k, count;
    int by_verdict;
    if (!x) return rome99_fail(e, NULL, "out of memory");
    collapse.collapse_case = 1;
    by_verdict = rome99_pick_count(edits, collapse, 0) > 0;
    sprintf(title, "%.64s: keys, by %s", edits->name, projection_name[projection]);
    plot.title = title;
    plot.description = "Keys of all facts, each scaled to unit length, projected to the plane.";
    plot.x.label = projection ? "t-SNE 1 (no unit)" : "principal component 1 (keys of unit length)";
    plot.y.label = projection ? "t-SNE 2 (no unit)" : "principal component 2";
    plot.height = 380.0;
    for (k = 0; k < sizeof shown / sizeof *shown; k++) {
        for (i = count = 0; i < n; i++) {
            int class = by_verdict ? points[i].collapse_case : points[i].group == ROME99_FIRST_ONE;
            if (points[i].what != shown[k].what || class != shown[k].class) continue;
            x[count] = points[i].xy[projection][0];
            y[count++] = points[i].xy[projection][1];
        }
        sprintf(name[k], shown[k].name,
                by_verdict ? (shown[k].class ? "collapse case" : "normal case")
                           : (shown[k].class ? "one-token first" : "other case"));
        if (count) rome99_plot_points(&plot, k, name[k], count, x, y, NULL);
    }
    free(x);
    rome99_page_figure(page, &plot,
                       by_verdict ? "Collapse cases are those that rome's edit collapses."
                                  : "No edit collapses this model.");
    return 0;
}

int rome99_report_keys(rome99_page *page, const rome99_report *r, rome99_error *e) {
    size_t i, n, projection;
    rome99_key_point *points;
    int failed = 0;
    if (!r->core.n) return 0;
    rome99_page_section(page, "keys", "Where the keys lie");
    rome99_page_text(
        page, "Every fact's C^-1 k_bar, k_u and k_bar; of normal cases whose subject stands further in, the "
              "key of the prompt's first token; of subjects that open the prompt, the key behind a test "
              "prefix. All vectors are scaled to unit length and projected together: by PCA, and by exact "
              "t-SNE (perplexity 30, begun at the PCA).");
    for (i = 0; !failed && i < r->core.n; i++) {
        if (rome99_key_points(&points, &n, r, &r->core.run[i], e)) return -1;
        for (projection = 0; !failed && n && projection < 2; projection++)
            failed = map(page, &r->core.run[i], points, n, projection, e);
        free(points);
    }
    return failed;
}

/* ----------------------------------------------------------------------------- update */

/* |dW| = |u| |right|^T, as root mean squares over DOWN x ACROSS entries. */
enum { DOWN = 4, ACROSS = 1 };

/* Vectors u and right of one method in a line of kind "update". */
static double *vector(size_t *n, const rome99_result *line, const char *method, const char *member,
                      rome99_error *e) {
    rome99_value object, v, item;
    rome99_items items;
    double *x;
    if (rome99_json_require(&object, rome99_json_root(line->doc), method, ROME99_OBJECT, e) ||
        rome99_json_require(&v, object, member, ROME99_ARRAY, e))
        return NULL;
    if (!(x = malloc((rome99_json_length(v) + 1) * sizeof *x))) {
        rome99_fail(e, NULL, "out of memory");
        return NULL;
    }
    items = rome99_json_items(v);
    for (*n = 0; rome99_json_next(&items, NULL, &item); ++*n)
        if (rome99_json_double(&x[*n], item, e)) {
            free(x);
            return NULL;
        }
    return x;
}

static double *update_cells(size_t *rows, size_t *cols, double *greatest, const rome99_result *line,
                            const char *method, rome99_error *e) {
    size_t F = 0, D = 0, i, j, a, b;
    double *u = vector(&F, line, method, "u", e), *right = u ? vector(&D, line, method, "right", e) : NULL;
    double *cells = NULL;
    *rows = F / DOWN;
    *cols = D / ACROSS;
    if (right && (!*rows || !*cols))
        rome99_fail(e, line->path, "line %lu: an update without entries", (unsigned long)line->number);
    if (right && *rows && *cols && !(cells = malloc(*rows * *cols * sizeof *cells)))
        rome99_fail(e, NULL, "out of memory");
    for (i = 0; cells && i < *rows; i++)
        for (j = 0; j < *cols; j++) {
            double sum = 0.0;
            for (a = 0; a < DOWN; a++)
                for (b = 0; b < ACROSS; b++) {
                    double w = u[i * DOWN + a] * right[j * ACROSS + b];
                    sum += w * w;
                }
            sum = rome99_sqrt(sum / (DOWN * ACROSS));
            cells[i * *cols + j] = sum;
            if (sum > *greatest) *greatest = sum;
        }
    free(u);
    free(right);
    return cells;
}

static int heat_maps(rome99_page *page, const rome99_result *line, const char *name, rome99_error *e) {
    static const char *const method[] = {"rome", "c-rome"};
    double *cells[2] = {NULL, NULL}, greatest = 0.0;
    size_t rows[2], cols[2], m;
    char title[128], caption[200];
    int failed = 0;
    for (m = 0; !failed && m < 2; m++)
        failed = (cells[m] = update_cells(&rows[m], &cols[m], &greatest, line, method[m], e)) ? 0 : -1;
    for (m = 0; !failed && m < 2; m++) {
        rome99_plot plot = {0};
        sprintf(title, "%.64s: dW of %s", name, method[m]);
        sprintf(caption, "Fact %.0f of %.64s, both methods on one scale; each cell is the rms of %d entries.",
                rome99_result_number(line, "fact", e), name, DOWN * ACROSS);
        plot.title = title;
        plot.description = "Magnitudes of the entries of the update.";
        plot.x.label = "output of the MLP (index)";
        plot.y.label = "key (index)";
        plot.x.lo = -0.5;
        plot.x.hi = (double)(cols[m] * ACROSS) - 0.5;
        plot.y.lo = -0.5;
        plot.y.hi = (double)(rows[m] * DOWN) - 0.5;
        plot.z.label = "magnitude of the entries of dW";
        plot.z.log = 1;
        plot.z.hi = greatest;
        plot.z.lo = greatest * 1e-6;
        plot.height = 340.0;
        rome99_plot_heat(&plot, rows[m], cols[m], cells[m]);
        rome99_page_figure(page, &plot, caption);
    }
    free(cells[0]);
    free(cells[1]);
    return failed || e->text[0] ? -1 : 0;
}

int rome99_report_weights(rome99_page *page, const rome99_report *r, rome99_error *e) {
    size_t i;
    if (!r->core.n) return 0;
    if (page->html) { /* it has figures alone, but a line that they cannot be made of is refused in text, too */
        rome99_page_section(page, "weights", "What an update looks like");
        rome99_page_text(
            page,
            "Of the fact that has the median interference by rome among those whose one-token subject opens "
            "the prompt. Both updates have rank one and the same u; only r / (u^T k_den) differs.");
    }
    for (i = 0; i < r->core.n; i++) {
        const rome99_result *line = find_line(rome99_results_of(r->results, "core", r->core.run[i].name),
                                              "update");
        if (line && heat_maps(page, line, r->core.run[i].name, e)) return -1;
    }
    return 0;
}

/* ----------------------------------------------------------------------------- layers */

/* The rows of a member that is an array of arrays of one length, as one array. */
static double *matrix(size_t *rows, size_t *cols, const rome99_result *line, const char *member,
                      rome99_error *e) {
    rome99_value v, row, item;
    rome99_items i, j;
    size_t n = 0;
    double *x = NULL;
    *rows = *cols = 0;
    if (rome99_json_require(&v, rome99_json_root(line->doc), member, ROME99_ARRAY, e)) return NULL;
    *rows = rome99_json_length(v);
    for (i = rome99_json_items(v); rome99_json_next(&i, NULL, &row);) {
        if (!x) {
            *cols = rome99_json_length(row);
            if (!*cols) break;
            if (!(x = calloc(*rows, *cols * sizeof *x))) {
                rome99_fail(e, NULL, "out of memory");
                return NULL;
            }
        }
        if (rome99_json_length(row) != *cols) break;
        for (j = rome99_json_items(row); rome99_json_next(&j, NULL, &item);)
            if (rome99_json_double(&x[n++], item, e)) {
                free(x);
                return NULL;
            }
    }
    if (x && n == *rows * *cols) return x;
    free(x);
    rome99_json_fail(e, v, "%s is no matrix", member);
    return NULL;
}

/* Each row divided by its mean over columns 1 and up. */
static void relative(double *x, size_t rows, size_t cols) {
    size_t r, p;
    for (r = 0; r < rows; r++) {
        double mean = 0.0;
        for (p = 1; p < cols; p++) mean += x[r * cols + p] / (double)(cols - 1);
        for (p = 0; p < cols && mean > 0.0; p++) x[r * cols + p] /= mean;
    }
}

/* Norms (`attention` 0), or attention to position 0, of one run: layers upwards, positions to the right. */
static int layer_map(rome99_page *page, const rome99_result *line, const char *name, int attention,
                     rome99_error *e) {
    rome99_plot plot = {0};
    char title[128];
    size_t rows, cols;
    double *x = matrix(&rows, &cols, line, attention ? "attention" : "norm", e);
    if (!x) return -1;
    if (!attention) relative(x, rows, cols);
    sprintf(title, attention ? "%.64s: attention paid to position 0" : "%.64s: norm of the residual stream",
            name);
    plot.title = title;
    plot.description = "Mean over windows, by layer and position.";
    plot.x.label = "position (tokens)";
    plot.y.label = attention ? "layer" : "layer entered (the last: behind all)";
    plot.z.label = attention ? "attention, mean over heads" : "norm / mean of the layer";
    plot.y.whole = plot.z.log = 1;
    plot.z.lo = attention ? 0.001 : 0.2;
    plot.z.hi = attention ? 1.0 : 5.0;
    plot.height = 240.0;
    rome99_plot_heat(&plot, rows, cols, x);
    free(x);
    rome99_page_figure(page, &plot,
                       attention ? "Mean weight that queries at each position give to position 0."
                                 : "Mean over the windows, divided by the layer's mean over "
                                   "positions 1 and up.");
    return 0;
}

/* Position 0 against the mean of all others, in the stream that enters the edited layer. */
static int layer_row(rome99_page *page, const rome99_result *line, const char *name, rome99_error *e) {
    size_t entered, positions, rows, cols, l, p, layer;
    double *norm = matrix(&entered, &positions, line, "norm", e), *attention, rest = 0.0, paid = 0.0;
    double number = rome99_result_number(line, "layer", e);
    if (!norm) return -1;
    if (!(attention = matrix(&rows, &cols, line, "attention", e)) || entered != rows + 1 ||
        positions != cols) {
        if (attention)
            rome99_fail(e, line->path, "line %lu: norm and attention are of different models",
                        (unsigned long)line->number);
        free(norm);
        free(attention);
        return -1;
    }
    layer = number >= 0.0 && number < (double)rows ? (size_t)number : 0;
    for (p = 1; p < cols; p++) rest += norm[layer * cols + p] / (double)(cols - 1);
    for (l = 0; l < rows; l++)
        for (p = 1; p < cols; p++) paid += attention[l * cols + p] / (double)(rows * (cols - 1));
    rome99_page_row(page, "%s|%.3g|%.3g|%.3g|%.3g", name, norm[layer * cols], rest, norm[layer * cols] / rest,
                    paid);
    free(norm);
    free(attention);
    return 0;
}

int rome99_report_layers(rome99_page *page, const rome99_report *r, rome99_error *e) {
    static const char *const experiment[] = {"core", "twin"};
    const rome99_result *line;
    const char *name;
    size_t i, k;
    int attention;
    if (!rome99_results_name(r->results, "core", 0) && !rome99_results_name(r->results, "twin", 0)) return 0;
    rome99_page_section(page, "first-position", "What the first position does");
    rome99_page_table(
        page, "Norm of the stream that enters the edited layer; attention paid to position 0, all layers",
        "model|position 0|others|ratio|attention");
    for (k = 0; k < 2; k++)
        for (i = 0; (name = rome99_results_name(r->results, experiment[k], i)) != NULL; i++) {
            if (k && rome99_results_of(r->results, "core", name).n) continue; /* the same once more */
            if ((line = find_line(rome99_results_of(r->results, experiment[k], name), "layers")) != NULL &&
                layer_row(page, line, name, e))
                return -1;
        }
    rome99_page_table_end(page);
    for (attention = 0; attention < 2; attention++)
        for (i = 0; i < r->core.n; i++)
            if ((line = find_line(rome99_results_of(r->results, "core", r->core.run[i].name), "layers")) !=
                    NULL &&
                layer_map(page, line, r->core.run[i].name, attention, e))
                return -1;
    return 0;
}
