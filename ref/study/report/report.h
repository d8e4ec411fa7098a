/*
 * report.h: what a report says, section by section; command_report.c puts them together.
 *
 * A row is one edit of a result line of kind "edit". A case is a fact of a run: it is a collapse case where rome's
 * edit of it collapses the model, else a normal case, for every method.
 */
#ifndef ROME99_REPORT_H
#define ROME99_REPORT_H

#include "study/report/page.h"
#include "study/report/results.h"

/* Figures of an edit, under the names of DESIGN's JSON result; the smaller lines have the first ones. */
enum {
    ROME99_V_NUMERATOR,
    ROME99_V_DENOMINATOR, /* its magnitude */
    ROME99_V_COS_KEYS,
    ROME99_V_INTERFERENCE,
    ROME99_V_BEFORE, /* perplexity of the stream */
    ROME99_V_AFTER,
    ROME99_V_EFFICACY,
    ROME99_V_EFFICACY_PREFIXED,
    ROME99_V_SMALL, /* so many */
    ROME99_V_RMS = ROME99_V_SMALL,
    ROME99_V_SENTENCE_BEFORE,
    ROME99_V_SENTENCE_AFTER,
    ROME99_V_EFFICACY_P,
    ROME99_V_EFFICACY_P_PREFIXED,
    ROME99_V_GENERALISATION,
    ROME99_V_GENERALISATION_PREFIXED,
    ROME99_V_GENERALISATION_P,
    ROME99_V_GENERALISATION_P_PREFIXED,
    ROME99_V_LOCALITY,
    ROME99_V_LOCALITY_PREFIXED,
    ROME99_V_ALL,
    ROME99_V_RATIO = ROME99_V_ALL, /* perplexity after / before */
    ROME99_V_COUNT
};

typedef struct {
    size_t fact;
    rome99_group group;
    rome99_method method;
    int collapsed, collapse_case; /* this edit; rome's of the same fact, under the same control */
    const char *control, *value;  /* of controls, else "" */
    double v[ROME99_V_COUNT];
} rome99_row;

/* The n rows of one run, and room to pick and rank figures of them in. */
typedef struct {
    const char *name;
    double real; /* of dose, in sixteenths */
    rome99_row *row;
    size_t n;
    unsigned char *collapsed; /* (n) 1 where that edit has */
    double *values;           /* (n) scratch */
    rome99_ranked *ranked;    /* (n) scratch */
} rome99_edits;

/* All results as rows. */
typedef struct {
    const rome99_results *results;
    struct {
        rome99_edits *run;
        size_t n;
    } core, dose, controls;
    const rome99_edits
        *main; /* the run of core with most collapse cases, which comes first; NULL: no run of core */
} rome99_report;

int rome99_report_open(rome99_report *report, const rome99_results *results, rome99_error *e);
void rome99_report_close(rome99_report *report);

/* Which rows: -1 for any. */
typedef struct {
    int method, collapse_case, group;
    const char *control, *value; /* NULL for any */
} rome99_pick;
#define ROME99_ANY                                                                                           \
    { -1, -1, -1, NULL, NULL }
int rome99_picked(const rome99_row *row, const rome99_pick *pick);
/* x: room for edits->n. The picked rows' values of one figure, in order of size, without NaNs. Returns how many. */
size_t rome99_pick_values(double *x, const rome99_edits *edits, rome99_pick pick, int figure);
/* Quantile and mean of these values, NaN if there are none; how many rows are picked, all or the collapsed. */
double rome99_pick_quantile(const rome99_edits *edits, rome99_pick pick, int figure, double q);
double rome99_pick_mean(const rome99_edits *edits, rome99_pick pick, int figure);
size_t rome99_pick_count(const rome99_edits *edits, rome99_pick pick, int collapsed_only);
/* Area under the ROC curve of a figure for telling which edits collapse. */
double rome99_predictor_area(const rome99_edits *edits, int figure);
/* minimum, quartiles, maximum: 0, or -1 where there are no values. */
int rome99_pick_five(double five[5], const rome99_edits *edits, rome99_pick pick, int figure);

/* A point of a line of kind "map": what it is (0 C^-1 k_bar, 1 k_u, 2 k_bar, 3 the first token, 4 behind a prefix), of
 * which fact, and where it lies by PCA and by t-SNE. */
typedef struct {
    size_t what, fact;
    int collapse_case;
    rome99_group group;
    double xy[2][2];
} rome99_key_point;
/* Those of a run of core, malloc'ed; none if it has no such line. Returns 0, or -1 with *e set and nothing to free. */
int rome99_key_points(rome99_key_point **points, size_t *n, const rome99_report *report,
                      const rome99_edits *edits, rome99_error *e);

/* In how many edits of all facts, one after another, the perplexity has exceeded the limit: [0] rome, [1] c-rome; 0:
 * never, -1: there is no such run. Median over a run of `twin` of a member's values: of one-token subjects first
 * (middle 0), of subjects in mid-prompt (1), of all (-1); NaN if there are none, or with *e set. */
int rome99_report_falls(long falls[2], const rome99_report *report, rome99_error *e);
double rome99_twin_median(rome99_lines lines, const char *member, int middle, rome99_error *e);

/* Sections append to the page; those that find nothing to say append nothing. Return 0, or -1 with *e set. */
typedef int rome99_report_section(rome99_page *page, const rome99_report *report, rome99_error *e);
rome99_report_section rome99_report_claims, rome99_report_update, rome99_report_perplexity,
    rome99_report_predictor, rome99_report_scores, rome99_report_keys, rome99_report_weights,
    rome99_report_layers, rome99_report_dose, rome99_report_controls, rome99_report_sequential,
    rome99_report_twin, rome99_report_sources;

#endif
