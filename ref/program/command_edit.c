/* command_edit.c: rome99 edit. */
#include "edit/edit.h"
#include "edit/numbers.h"
#include "program/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METHOD = ROME99_CHOICES, SEQUENTIAL, DRY_RUN, NO_PPL, TRACE, SAVE, JSON, OPTIONS };

static const rome99_option own_options[] = {
    {"--method", "NAME", "rome (default), c-rome = r-rome, p-rome, k-rome", NULL},
    {"--sequential", NULL, "each edit on top of the ones before it", NULL},
    {"--dry-run", NULL, "preflight: predict I and rms, change nothing", NULL},
    {"--no-ppl", NULL, "no perplexities, no measured rms, no verdict", NULL},
    {"--trace", "FILE", "write every intermediate (.safetensors)", NULL},
    {"--save", "DIR", "write the edited model as a new folder", NULL},
    {"--json", NULL, "one JSON object a line for each edit", NULL},
    {NULL, NULL, NULL, NULL}};

/* ------------------------------------------------------------------------------ trace */

/* Logits (T, V) of the bare prompt before the edit: malloc'ed, or NULL. */
static double *prompt_logits(const rome99_edit *edit, const rome99_gpt2 *model, size_t T) {
    rome99_batch batch;
    rome99_plan plan = {{0, 0}, 0, 0, 0, 0};
    rome99_range all = {0, 0};
    rome99_run run;
    size_t bytes, V = model->shape.V;
    void *a, *b = NULL;
    double *logits = malloc(T * V * sizeof *logits);
    plan.logit_rows = T;
    all.hi = T;
    bytes = rome99_batch_layout(&batch, NULL, &T, 1, NULL, NULL, NULL, NULL);
    a = malloc(bytes);
    if (a && logits) {
        rome99_batch_layout(&batch, edit->tokens.ids, &T, 1, NULL, NULL, NULL, a);
        b = malloc(rome99_run_layout(&run, &model->shape, &batch, plan, NULL));
    }
    if (b) {
        rome99_run_layout(&run, &model->shape, &batch, plan, b);
        rome99_forward(&run, model, all);
        rome99_head_forward(&run, model, all);
        memcpy(logits, run.logits, T * V * sizeof *logits);
    } else {
        free(logits);
        logits = NULL;
    }
    free(a);
    free(b);
    return logits;
}

static int write_trace(const char *path, const rome99_edit *edit, const rome99_gpt2 *model, rome99_error *e) {
    const rome99_pair *p = &edit->pair;
    const rome99_update *u = &edit->update;
    size_t T = edit->tokens.length[0] - edit->tokens.request.n_target + 1, i;
    double *logits = prompt_logits(edit, model, T);
    struct {
        const char *name;
        const double *data;
        size_t rows, cols; /* rows 0: a vector */
    } list[] = {{"keys", p->keys, p->N, p->F},          {"k_u", p->k_u, 0, p->F},
                {"k_bar", p->k_bar, 0, p->F},           {"m_u", p->m_u, 0, p->D},
                {"m_bar", p->m_bar, 0, p->D},           {"u", u->u, 0, p->F},
                {"delta", p->delta, 0, p->D},           {"v_star", p->v_star, 0, p->D},
                {"residual", u->residual, 0, p->D},     {"denominator", &u->denominator, 0, 1},
                {"right", u->right, 0, p->D},           {"losses", p->losses, p->forwards, 4},
                {"steps", p->steps, p->forwards, p->D}, {"logits", logits, T, model->shape.V}};
    rome99_tensor tensors[sizeof list / sizeof *list];
    int failed;
    memset(tensors, 0, sizeof tensors);
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        tensors[i].name = list[i].name;
        tensors[i].dtype = ROME99_ST_F64;
        tensors[i].data = list[i].data;
        tensors[i].rank = list[i].rows ? 2 : 1;
        tensors[i].shape[0] = list[i].rows ? list[i].rows : list[i].cols;
        tensors[i].shape[1] = list[i].cols;
        tensors[i].count = (list[i].rows ? list[i].rows : 1) * list[i].cols;
    }
    failed = !logits ? rome99_fail(e, path, "out of memory")
                     : rome99_check_logits(logits, T * model->shape.V, e) ||
                           rome99_safetensors_write(path, tensors, sizeof list / sizeof *list, e);
    free(logits);
    return failed;
}

/* ------------------------------------------------------------------------------- save */

/* Copies a file of the model's folder where it has one. */
static int copy_file(const char *from, const char *to, const char *name, rome99_error *e) {
    char *source = rome99_path(from, name), *target = rome99_path(to, name);
    unsigned char *data = NULL;
    size_t size;
    int failed = 0;
    if (!source || !target)
        failed = rome99_fail(e, name, "out of memory");
    else if (rome99_exists(source))
        failed = rome99_read_file(&data, &size, source, e) || rome99_write_file(target, data, size, e) ? -1
                                                                                                       : 0;
    free(data);
    free(source);
    free(target);
    return failed;
}

/* Weights keep their types; the edited one, which is float64, becomes float32 where the original is not. */
static int save(const char *dir, const char *from, const rome99_setup *setup, rome99_gpt2 *edited,
                rome99_error *e) {
    static const char *const names[] = {
        "vocab.json",         "merges.txt", "hparams.json",  "templates.json",      "templates_space.json",
        "test_prefixes.json", "facts.json", "sentences.txt", "windows.safetensors", "cov.safetensors"};
    const size_t at = ROME99_LAYER(setup->settings.h.layer, ROME99_PROJ_W);
    rome99_weight *w = &edited->w[at];
    size_t i, n = edited->shape.F * edited->shape.D;
    float *narrow = malloc(n * sizeof *narrow);
    char *temporary;
    int failed = narrow ? 0 : rome99_fail(e, dir, "out of memory");
    if (!narrow || rome99_dir_begin(&temporary, dir, e)) return free(narrow), -1;
    if (w->dtype != setup->checkpoint.model.w[at].dtype) {
        failed = rome99_narrow(narrow, w->data, n, dir, e);
        *w = (rome99_weight){narrow, ROME99_F32};
    }
    for (i = 0; !failed && i < sizeof names / sizeof *names; i++)
        failed = copy_file(from, temporary, names[i], e);
    if (!failed)
        failed = rome99_checkpoint_write(temporary, edited, rome99_bpe_endoftext(setup->checkpoint.bpe), 0,
                                         e);
    free(narrow);
    if (failed) {
        rome99_dir_abandon(temporary);
        return -1;
    }
    return rome99_dir_commit(temporary, dir, e);
}

/* ------------------------------------------------------------------------------- text */

static void put(rome99_text *out, const char *label, rome99_figure a, const char *between, rome99_figure b,
                const char *after) {
    rome99_text_printf(out, "  %-18s", label);
    if (a.known) rome99_text_printf(out, "%.4g", a.value);
    if (b.known) rome99_text_printf(out, "%s%.4g%s", between, b.value, after);
    if (!a.known && !b.known) rome99_text_puts(out, "-");
    rome99_text_puts(out, "\n");
}

/* The same for people: at most 80 columns unless the request is long. */
static void describe(rome99_text *out, const rome99_edit *edit, const rome99_setup *setup) {
    const rome99_measures *m = &edit->measures;
    const rome99_update *u = &edit->update;
    rome99_figure none = {0.0, 0};
    rome99_text_printf(out, "%s, layer %lu: ", rome99_method_name(edit->method),
                       (unsigned long)setup->settings.h.layer);
    rome99_splice(out, edit->ask->prompt, edit->ask->subject);
    rome99_text_puts(out, " -> ");
    rome99_text_put(out, edit->ask->target_new.bytes, edit->ask->target_new.size);
    if (!out->failed) rome99_plain(out->bytes, out->size);
    rome99_text_printf(out, "\n  %-18s%lu forwards, loss %.4g\n", "delta", (unsigned long)edit->pair.forwards,
                       edit->pair.losses[4 * (edit->pair.forwards - 1)]);
    rome99_text_printf(out, "  %-18s|r| %.4g, u^T k %.4g for unit u, cos(k_u, k_bar) ", "update (E3)",
                       u->numerator, u->denominator);
    rome99_text_printf(out, u->cos_keys == u->cos_keys ? "%.3f\n" : "-\n", u->cos_keys);
    rome99_text_printf(out, "  %-18s|dW| = |r|/|u^T k| = %.4g\n", "", u->dW_norm);
    put(out, "interference (E4)", m->interference, ": the MLP output will move by rms ", m->rms_predicted,
        "");
    if (m->rms_measured.known) put(out, "measured", m->rms_measured, "", none, "");
    if (m->p_new_before.known) {
        put(out, "P(new)", m->p_new_before, " -> ", m->p_new_after[0], " (bare prompt)");
        put(out, "P(new) prefixed", m->p_new_after[1], "", none, "");
        put(out, "efficacy", m->efficacy[0], ", prefixed ", m->efficacy[1], "");
        put(out, "generalisation", m->generalisation[0], ", prefixed ", m->generalisation[1], "");
        put(out, "locality", m->locality[0], ", prefixed ", m->locality[1], "");
    }
    if (m->sentence_after.known) put(out, "sentence ppl", m->sentence_before, " -> ", m->sentence_after, "");
    if (m->stream_after.known) {
        put(out, "stream ppl", m->stream_before, " -> ", m->stream_after, "");
        rome99_text_printf(out, "  %-18s%s (stream perplexity after/before %.3g, threshold %g)\n", "verdict",
                           rome99_edit_collapsed(m) ? "COLLAPSE" : "stable", rome99_edit_growth(m),
                           ROME99_COLLAPSE);
    }
}

/* -------------------------------------------------------------------------------- run */

typedef struct {
    rome99_setup setup;
    rome99_asks asks;
    rome99_method method;
    const char *folder, *request;
    const rome99_option *o;
    rome99_gpt2 current; /* what the next edit starts from: weights may be replaced by W */
    double *W, *W1;      /* (F, D) of the edits so far, if they accumulate; with the edit in hand */
    rome99_figure stream, sentence; /* perplexities of `current`, once known */
} job;

/* Puts the request's place before the message. */
static int fail_request(const job *j, size_t i, rome99_error *e) {
    return rome99_fail(e, NULL, "%.200s: request %lu of %lu: %s", j->request, (unsigned long)i + 1,
                       (unsigned long)j->asks.n, e->text);
}

static int prepare(job *j, rome99_error *e) {
    const rome99_shape *s = &j->setup.checkpoint.model.shape;
    size_t count = rome99_tensor_count(s), i;
    for (i = 0; i < j->asks.n; i++)
        if (rome99_edit_check(&j->setup, &j->asks.item[i], NULL, e)) return fail_request(j, i, e);
    j->current.shape = *s;
    j->current.w = malloc(count * sizeof *j->current.w);
    j->W = malloc(s->F * s->D * sizeof *j->W);
    j->W1 = malloc(s->F * s->D * sizeof *j->W1);
    if (!j->current.w || !j->W || !j->W1) return rome99_fail(e, NULL, "out of memory");
    memcpy(j->current.w, j->setup.checkpoint.model.w, count * sizeof *j->current.w);
    return 0;
}

/* From here on edits start from W1. */
static void accept(job *j, const rome99_measures *m) {
    rome99_weight *w = &j->current.w[ROME99_LAYER(j->setup.settings.h.layer, ROME99_PROJ_W)];
    double *swap = j->W;
    j->W = j->W1;
    j->W1 = swap;
    w->data = j->W;
    w->dtype = ROME99_F64;
    j->stream = m->stream_after;
    j->sentence = m->sentence_after;
}

static int run_one(job *j, size_t i, rome99_error *e) {
    double start = rome99_seconds();
    rome99_text out = {0};
    rome99_edit edit;
    int failed = 0;
    if (rome99_edit_find(&edit, &j->setup, &j->current, &j->asks.item[i], j->method, e))
        return fail_request(j, i, e);
    if (!j->o[DRY_RUN].value && rome99_edit_apply(j->W1, &edit, &j->setup, &j->current, e))
        failed = fail_request(j, i, e);
    if (!failed && !j->o[DRY_RUN].value) {
        edit.measures.stream_before = j->stream;
        edit.measures.sentence_before = j->sentence;
        failed = rome99_edit_measure(&edit, &j->setup, &j->current, j->W1, e);
        j->stream = edit.measures.stream_before;
        j->sentence = edit.measures.sentence_before;
    }
    edit.measures.seconds = rome99_seconds() - start;
    if (!failed) {
        if (j->o[JSON].value)
            rome99_edit_json(&out, &edit, &j->setup);
        else
            describe(&out, &edit, &j->setup);
        if (j->o[JSON].value) rome99_text_puts(&out, "\n");
        failed = out.failed ? rome99_fail(e, NULL, "out of memory") : 0;
    }
    if (!failed && j->o[TRACE].value) failed = write_trace(j->o[TRACE].value, &edit, &j->current, e);
    if (!failed) failed = rome99_print(out.bytes, out.size, e);
    if (!failed && !j->o[DRY_RUN].value && (j->o[SEQUENTIAL].value || j->o[SAVE].value))
        accept(j, &edit.measures);
    rome99_text_free(&out);
    rome99_edit_free(&edit);
    return failed;
}

/* What would make --trace or --save fail is told before the first edit. */
static int check_outputs(const job *j, rome99_error *e) {
    const char *trace = j->o[TRACE].value, *dir = j->o[SAVE].value;
    char *temporary;
    if (trace && j->asks.n > 1)
        return rome99_fail(e, "--trace", "takes one request; there are %lu", (unsigned long)j->asks.n);
    if (dir && j->asks.n > 1 && !j->o[SEQUENTIAL].value)
        return rome99_fail(e, "--save", "takes one request, or --sequential; there are %lu",
                           (unsigned long)j->asks.n);
    if (dir && j->o[DRY_RUN].value) return rome99_fail(e, "--save", "--dry-run makes nothing to save");
    if (!dir) return 0;
    if (rome99_dir_begin(&temporary, dir, e)) return -1;
    rome99_dir_abandon(temporary);
    return 0;
}

static int run(job *j, rome99_error *e) {
    const char *chosen[ROME99_CHOICES];
    size_t i;
    for (i = 0; i < ROME99_CHOICES; i++) chosen[i] = j->o[i].value;
    if (j->o[METHOD].value && rome99_method_read(&j->method, j->o[METHOD].value, e)) return -1;
    if (rome99_setup_read(&j->setup, j->folder, chosen, !j->o[NO_PPL].value && !j->o[DRY_RUN].value, e) ||
        rome99_asks_read(&j->asks, j->request, e) || check_outputs(j, e) || prepare(j, e))
        return -1;
    for (i = 0; i < j->asks.n; i++) {
        if (j->asks.n > 1) rome99_progress("edit %lu of %lu", (unsigned long)i + 1, (unsigned long)j->asks.n);
        if (run_one(j, i, e)) return -1;
    }
    rome99_progress("");
    return j->o[SAVE].value ? save(j->o[SAVE].value, j->folder, &j->setup, &j->current, e) : 0;
}

int rome99_cmd_edit(int argc, char **argv) {
    rome99_option options[OPTIONS + 1];
    const char *positional[2];
    rome99_command command = {
        "edit MODEL REQUEST",
        "Edits the model in folder MODEL by the request(s) in the JSON file REQUEST,\n"
        "each on the original weights, and measures what that does. Nothing is changed\n"
        "on disk unless --save or --trace is given. What options do not name comes from\n"
        "the folder. A collapse is a result, not an error.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    job j;
    size_t i;
    int code;
    memset(&j, 0, sizeof j);
    for (i = 0; i < ROME99_CHOICES; i++) {
        options[i].name = rome99_choices[i].name;
        options[i].argument = rome99_choices[i].argument;
        options[i].help = rome99_choices[i].help;
        options[i].value = NULL;
    }
    memcpy(options + ROME99_CHOICES, own_options, sizeof own_options);
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    j.folder = positional[0];
    j.request = positional[1];
    j.o = options;
    code = run(&j, &e) ? rome99_complain(&e) : ROME99_DONE;
    free(j.current.w);
    free(j.W);
    free(j.W1);
    rome99_asks_free(&j.asks);
    rome99_setup_free(&j.setup);
    return code;
}
