/* demo_stage.c: opens a tiny checkpoint for the demo, and chooses the record that is shown by a rule. */
#include "program/demo_stage.h"
#include "edit/decoder.h"

#include <stdlib.h>
#include <string.h>

static const char *const no_choice[ROME99_CHOICES];

void rome99_stage_close(rome99_stage *s) {
    rome99_setup_free(&s->setup);
    rome99_asks_free(&s->asks);
    free(s->W1);
    memset(s, 0, sizeof *s);
}

int rome99_stage_open(rome99_stage *s, const char *models, const char *name, rome99_error *e) {
    char *folder = rome99_path(models, name), *facts = folder ? rome99_path(folder, "facts.json") : NULL;
    int failed = !facts ? rome99_fail(e, name, "out of memory") : 0;
    memset(s, 0, sizeof *s);
    if (!failed)
        failed = rome99_setup_read(&s->setup, folder, no_choice, 1, e) ||
                 rome99_asks_read(&s->asks, facts, e);
    if (!failed && (!s->setup.C || !s->setup.L || !s->setup.stream.n || !s->setup.sentences.n ||
                    !s->setup.test_prefixes.list.n))
        failed = rome99_fail(e, folder, "the demo needs a tiny checkpoint's whole folder");
    if (!failed) {
        const rome99_shape *shape = &s->setup.checkpoint.model.shape;
        s->W1 = malloc(shape->F * shape->D * sizeof *s->W1);
        failed = s->W1 ? 0 : rome99_fail(e, NULL, "out of memory");
    }
    if (failed) rome99_stage_close(s);
    free(folder);
    free(facts);
    return failed;
}

/* ------------------------------------------------------------------------- the record */

/* One word, one token, opening the prompt; or the subject further in. */
static int is_of_kind(const rome99_ask *ask, const rome99_tokens *tokens, int first) {
    return first ? tokens->lookup[0] == 0 && ask->prompt.bytes[0] == '{'
                 : tokens->lookup[0] > 0 && ask->prompt.bytes[0] != '{' && tokens->subject_tokens == 1;
}

typedef struct {
    double I;
    size_t record;
} candidate;

static int by_interference(const void *a, const void *b) {
    double x = ((const candidate *)a)->I, y = ((const candidate *)b)->I;
    return (x > y) - (x < y);
}

/* P of the first token of target_new behind the bare prompt. */
static int bare_probability(double *p, const rome99_edit *edit, const rome99_stage *s, rome99_error *e) {
    const rome99_checkpoint *c = &s->setup.checkpoint;
    size_t n = edit->tokens.length[0] - edit->tokens.request.n_target + 1;
    const double *z;
    rome99_decoder d;
    if (rome99_decoder_new(&d, &c->model, n, n, e)) return -1;
    z = rome99_decoder_append(&d, edit->tokens.ids, n, e);
    if (z) *p = rome99_exp(rome99_score_token(z, c->model.shape.V, edit->tokens.target[0]).logp);
    rome99_decoder_free(&d);
    return z ? 0 : -1;
}

long rome99_stage_median(double range[3], size_t *count, rome99_stage *s, int first, rome99_error *e) {
    candidate *list = malloc(s->asks.n * sizeof *list);
    size_t i, n = 0, steps = s->setup.settings.h.v_num_grad_steps;
    long median = -1;
    int failed = list ? 0 : rome99_fail(e, NULL, "out of memory");
    s->setup.settings.h.v_num_grad_steps = 1; /* I depends on the keys alone: one forward has them */
    for (i = 0; !failed && i < s->asks.n; i++) {
        rome99_tokens tokens;
        rome99_edit edit;
        double p = 0.0;
        int wanted;
        if ((failed = rome99_tokens_make(&tokens, s->setup.checkpoint.bpe, s->setup.checkpoint.model.shape.T,
                                         &s->asks.item[i], &s->setup.templates.list, 0, "facts.json", e)) !=
            0)
            break;
        wanted = is_of_kind(&s->asks.item[i], &tokens, first);
        rome99_tokens_free(&tokens);
        if (!wanted) continue;
        if ((failed = rome99_edit_find(&edit, &s->setup, &s->setup.checkpoint.model, &s->asks.item[i],
                                       ROME99_ROME, e)) != 0)
            break;
        failed = bare_probability(&p, &edit, s, e);
        if (p < 0.1) {
            list[n].I = edit.measures.interference.value;
            list[n++].record = i;
        }
        rome99_edit_free(&edit);
    }
    s->setup.settings.h.v_num_grad_steps = steps;
    if (!failed && n == 0) failed = rome99_fail(e, "facts.json", "no record of the kind that the demo needs");
    if (!failed) {
        qsort(list, n, sizeof *list, by_interference);
        range[0] = list[0].I;
        range[1] = list[n / 2].I;
        range[2] = list[n - 1].I;
        median = (long)list[n / 2].record;
        *count = n;
    }
    free(list);
    return median;
}
