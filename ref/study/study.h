/*
 * study.h: the experiments of the study, each a fixed list of lines of JSON.
 *
 * A line is one object. Its first members say what it is and what it was made from:
 *
 *   "rome99"      version of the program            "experiment"  core, dose, controls, sequential or twin
 *   "name"        last part of the model's folder   "model"       SHA-256 of its model.safetensors
 *   "inputs"      hash of the folder's other files  "seed"        of what is drawn at random
 *   "line"        its number, from 0, of "lines"    "kind"        what follows:
 *
 *   edit     one edit of one fact by one method. core: what `rome99 edit --json` says. dose, controls: the
 *            smaller part of it, with "real", or with "control" and "value" (edits.c, controls.c)
 *   map      keys of all facts in the plane (keys.c)
 *   update   u and r / (u^T k_den) of one fact by rome and c-rome (keys.c)
 *   layers   norm of the residual stream, attention paid to position 0, by layer and position (keys.c)
 *   step     one of many edits made one after another (sequence.c)
 *   twin     how the keys of one fact part, without and with a causal mask, with "real" (twin.c)
 *
 * "method" is one of rome, c-rome, p-rome, k-rome, or null where a line is of no method or of several.
 * "fact" is the number of a record in facts.json, "group" how its subject stands in the bare prompt. No line
 * has a time or depends on how the work was split: the same inputs give the same bytes.
 */
#ifndef ROME99_STUDY_H
#define ROME99_STUDY_H

#include "edit/edit.h"

/* What every experiment works on. */
typedef struct {
    const char *folder;
    char name[64], model[65], inputs[17];
    uint64_t seed;
    size_t real; /* of 16 training windows, how many began with real text: what dose and twin are told */
    rome99_setup setup;
    rome99_asks facts;
    size_t *group; /* (facts.n) rome99_group of each */
    int bidirectional;
    double *W1;                     /* (F, D) room for an edited weight */
    rome99_figure stream, sentence; /* perplexities before any edit, once known */
    rome99_edit edit;               /* the last that was found: of fact `found` - 1; none: 0 */
    size_t found;
    struct rome99_sequence *sequence; /* of sequence.c: how far it has come */
    double *C, *L;                    /* of controls and twin: another second moment and its factor */
    rome99_prefixes space;            /* of controls: templates_space.json */
} rome99_study;

/* Where the subject stands in the bare prompt. */
typedef enum { ROME99_FIRST_ONE, ROME99_FIRST_MORE, ROME99_MIDDLE, ROME99_GROUPS } rome99_group;
extern const char *const rome99_group_name[ROME99_GROUPS];

/* Lines that need one another's work are one set, of which a shard has all or none. line: appends the members of
 * line i behind the common ones, each with ", " before it. line, check: return 0, or -1 with *e set. */
typedef struct {
    const char *name;
    int twin; /* takes a folder of a bidirectional model, too */
    size_t (*together)(const rome99_study *study, size_t i); /* number of the set that line i belongs to */
    size_t (*count)(const rome99_study *study);
    int (*line)(rome99_text *out, rome99_study *study, size_t i, rome99_error *e);
    int (*check)(rome99_study *study, rome99_error *e); /* that no line will fail; NULL: nothing to check */
} rome99_experiment;
extern const rome99_experiment rome99_core, rome99_dose, rome99_controls, rome99_sequential, rome99_twin;
extern const rome99_experiment *const rome99_experiments[];
enum { ROME99_EXPERIMENTS = 5 };

/* Reads a model's folder for an experiment. Returns 0, or -1 with *e set and nothing to close. */
int rome99_study_open(rome99_study *study, const rome99_experiment *experiment, const char *folder,
                      rome99_error *e);
void rome99_study_close(rome99_study *study);

/* The whole line, with its newline. */
int rome99_study_line(rome99_text *out, rome99_study *study, const rome99_experiment *experiment, size_t i,
                      rome99_error *e);

/* ------------------------------------------------------------------- for experiments */

/* study->edit for a fact and method: the pair is found unless it is that of the last call. */
int rome99_study_find(rome99_study *study, size_t fact, rome99_method method, rome99_error *e);
void rome99_study_forget(rome99_study *study); /* no edit is kept */
/* Applies study->edit to the model and measures it. */
int rome99_study_measure(rome99_study *study, rome99_error *e);

/* Append a member: a number (null if it is not known), numbers, a fact with its group; and what is kept of
 * study->edit where there are many. */
void rome99_put_number(rome99_text *out, const char *name, double x);
void rome99_put_figure(rome99_text *out, const char *name, rome99_figure x);
void rome99_put_numbers(rome99_text *out, const char *name, const double *x, size_t n);
void rome99_put_fact(rome99_text *out, const rome99_study *study, size_t fact);
void rome99_put_edit(rome99_text *out, const rome99_study *study, size_t fact);

/* Texts through a whole model, some at a time: `visit` is called with each batch, whose text 0 is text `first`;
 * layers `keep` have their activations, attention included. Returns 0, or -1 with *e set. */
typedef int rome99_visit(void *context, const rome99_run *run, size_t first, rome99_error *e);
int rome99_walk(const rome99_gpt2 *model, const rome99_texts *texts, rome99_range keep, int bidirectional,
                rome99_visit *visit, void *context, rome99_error *e);

/* keys (texts->n, F): of a layer, at a position of each text. */
int rome99_keys_at(double *keys, const rome99_study *study, size_t layer, const rome99_texts *texts,
                   const size_t *position, rome99_error *e);

/* study->C: second moment of the edited layer's keys over the windows, from position `from` on; study->L: its
 * factor. Returns 0, or -1 with *e set. */
int rome99_study_moment(rome99_study *study, size_t from, rome99_error *e);

/* The last lines of core, from keys.c, by number below ROME99_KEY_LINES. */
enum { ROME99_KEY_LINES = 3 };
int rome99_keys_line(rome99_text *out, rome99_study *study, size_t i, rome99_error *e);
int rome99_keys_check(rome99_study *study, rome99_error *e);
/* Of kind "layers". */
int rome99_layers_line(rome99_text *out, rome99_study *study, rome99_error *e);
int rome99_layers_check(rome99_study *study, rome99_error *e);

/* NULL is allowed. */
void rome99_sequence_free(struct rome99_sequence *sequence);

#endif
