/* demo_stage.h: what the demo's story needs: a model, its records, and the record that it is about. */
#ifndef ROME99_DEMO_STAGE_H
#define ROME99_DEMO_STAGE_H

#include "edit/edit.h"

typedef struct {
    rome99_setup setup;
    rome99_asks asks;
    double *W1; /* (F, D) room for an edited weight */
} rome99_stage;

/* Opens the folder `name` below `models`. Returns 0, or -1 with *e set and nothing to close. */
int rome99_stage_open(rome99_stage *s, const char *models, const char *name, rome99_error *e);
void rome99_stage_close(rome99_stage *s);

/* Preflight by rome of the records whose one-token subject opens the prompt (`first`) or stands further in, and
 * whose bare prompt does not say target_new already: least, median and greatest I of *count of them. Returns the
 * record of the median, or -1 with *e set. */
long rome99_stage_median(double range[3], size_t *count, rome99_stage *s, int first, rome99_error *e);

#endif
