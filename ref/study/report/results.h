/*
 * results.h: any number of result files as one checked set of lines, and figures taken from it.
 *
 * A run is what `rome99 study` makes of one experiment on one model: the lines of one `experiment` and
 * `name`. Lines may be spread over files in any order, and be there twice if they are the same; the set does
 * not depend on any of that. A run whose lines are not all there is left out, and said to be.
 */
#ifndef ROME99_RESULTS_H
#define ROME99_RESULTS_H

#include "study/lines.h"
#include "study/report/statistics.h"

typedef struct {
    rome99_header header;
    rome99_json *doc;
    const char *path; /* the caller's */
    size_t number;    /* line of that file, from 1 */
} rome99_result;

/* The lines of all complete runs, in the order of the experiments in study.h, then names by bytes, then line
 * numbers. */
typedef struct {
    rome99_result *line;
    size_t n;
    size_t *run, runs;   /* (runs) the first line of each, which has header.lines of them */
    rome99_text remarks; /* what was left out and why: lines, each ended by a newline; "" if nothing was */
} rome99_results;

/* Reads n files, whose paths must live as long as the set. A last line without its newline is left out with a
 * remark, so is an incomplete run; an empty file is remarked on. Refused: what is no result, an experiment
 * that study.h does not have, lines of another version, two lines of one run that disagree (in model, inputs,
 * seed, number of lines, or in what they say of the same line). Returns 0, or -1 with *e = "FILE: line N:
 * what is wrong" and nothing to free. Time grows as n log n with the lines; the set takes up to 20 times the
 * files' size. */
int rome99_results_read(rome99_results *results, const char *const *paths, size_t n, rome99_error *e);
void rome99_results_free(rome99_results *results);

/* Lines of a set: a run, or with name NULL the lines of all runs of an experiment. n = 0: there are none. */
typedef struct {
    const rome99_result *line;
    size_t n;
} rome99_lines;
rome99_lines rome99_results_of(const rome99_results *results, const char *experiment, const char *name);
/* Names of the runs of an experiment, in order: the i-th, or NULL. */
const char *rome99_results_name(const rome99_results *results, const char *experiment, size_t i);

/* A member of a line. number: NaN for null, an infinity for "inf" and "-inf", 1 and 0 for true and false.
 * Where the line has no such member, or one of another kind, that is a malformed result: the first such
 * failure is kept in *e, whose text must be "" before the first call, and NaN, "" or nothing is returned. */
double rome99_result_number(const rome99_result *r, const char *member, rome99_error *e);
const char *rome99_result_string(const rome99_result *r, const char *member, rome99_error *e);
/* An array of *n numbers as above, malloc'ed for the caller, also where *n = 0; NULL and *n = 0 where it
 * fails. */
double *rome99_result_numbers(size_t *n, const rome99_result *r, const char *member, rome99_error *e);

#endif
