/* edit.h: one request, edited and measured. */
#ifndef ROME99_EDIT_H
#define ROME99_EDIT_H

#include "files/text.h"
#include "edit/setup.h"

/* A number that may be missing (null in JSON). */
typedef struct {
    double value;
    int known;
} rome99_figure;

/* Everything that the JSON result says beside the update itself; names as there. `_p` compares P(new) with
 * P(true); index [1] is with test prefixes. */
typedef struct {
    rome99_figure interference, rms_predicted, rms_measured;
    rome99_figure stream_before, stream_after, sentence_before, sentence_after;
    rome99_figure p_new_before, p_new_after[2];
    rome99_figure efficacy[2], efficacy_p[2], generalisation[2], generalisation_p[2], locality[2];
    double seconds;
} rome99_measures;

/* One edit: its tokens, the pair that was found, the update of one method. */
typedef struct {
    rome99_method method;
    const rome99_ask *ask;
    rome99_tokens tokens;
    rome99_pair pair;
    rome99_update update;
    rome99_measures measures;
    void *pair_memory, *update_memory;
} rome99_edit;

/* "rome", "c-rome" (or "r-rome"), "p-rome", "k-rome": 0, or -1 with *e set. */
int rome99_method_read(rome99_method *method, const char *name, rome99_error *e);
const char *rome99_method_name(rome99_method method);

/* Checks all that could fail later for one request: the lengths of its texts, with templates and with test
 * prefixes. `where` names it. Returns 0, or -1 with *e set. */
int rome99_edit_check(const rome99_setup *setup, const rome99_ask *ask, const char *where, rome99_error *e);

/* Tokens, pair and update for one request on `model` (the setup's, or one edited before). Interference and
 * predicted rms too, if they are numbers. What cannot be computed (numbers.h) is refused with the subject's
 * name. Returns 0, or -1 with *e set and nothing to free. */
int rome99_edit_find(rome99_edit *edit, rome99_setup *setup, const rome99_gpt2 *model, const rome99_ask *ask,
                     rome99_method method, rome99_error *e);
/* Another method for the same pair. Returns 0, or -1 with *e set; the edit is still to be freed. */
int rome99_edit_again(rome99_edit *edit, const rome99_setup *setup, rome99_method method, rome99_error *e);

/* W1 (F, D): the layer's W in `model` with the update. Returns 0, or -1 with *e set where it is not finite. */
int rome99_edit_apply(double *W1, const rome99_edit *edit, const rome99_setup *setup,
                      const rome99_gpt2 *model, rome99_error *e);

/* All measures before and after W1 (F, D) replaces the layer's W in `model`, which may differ from the setup's
 * in that W only. Perplexities are measured where the setup has texts for them; what is known of stream_before
 * and sentence_before is taken as it is. */
int rome99_edit_measure(rome99_edit *edit, rome99_setup *setup, const rome99_gpt2 *model, const double *W1,
                        rome99_error *e);
void rome99_edit_free(rome99_edit *edit);

/* Stream perplexity after/before; infinite where that after is, whatever it was before. Collapse: above 2. */
#define ROME99_COLLAPSE 2.0
double rome99_edit_growth(const rome99_measures *m);
int rome99_edit_collapsed(const rome99_measures *m);

/* Appends the result as one JSON object, without a newline; just its members, without braces and the time. */
void rome99_edit_json(rome99_text *out, const rome99_edit *edit, const rome99_setup *setup);
void rome99_edit_members(rome99_text *out, const rome99_edit *edit, const rome99_setup *setup);

#endif
