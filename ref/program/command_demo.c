/* command_demo.c: rome99 demo: one collapse and its cure, step by step, on tiny_models/sink and plain. */
#include "edit/decoder.h"
#include "edit/edit.h"
#include "program/cli.h"
#include "program/demo_stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------- telling */

static void title(int number, const char *what, const char *where) {
    printf("\n%d. %s\n", number, what);
    if (where) printf("   [%s]\n", where);
    printf("\n");
}

/* Prints bytes with line ends shown as "|" and what is not ASCII as "?" (a broken model says anything), cut at
 * 58 columns. */
static void quote(const char *bytes, size_t size) {
    size_t i;
    putchar('"');
    for (i = 0; i < size && i < 58; i++)
        putchar(bytes[i] == '\n' ? '|' : bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
    fputs(size > 58 ? "...\"" : "\"", stdout);
}

static int print_prompt(const rome99_ask *ask, rome99_error *e) {
    rome99_text t = {0};
    int failed;
    rome99_splice(&t, ask->prompt, ask->subject);
    failed = t.failed ? rome99_fail(e, NULL, "out of memory") : 0;
    printf("   ");
    if (!failed) quote(t.bytes, t.size);
    rome99_text_free(&t);
    return failed;
}

/* The three most probable next tokens behind a prompt, bare (prefix NULL) or behind a prefix. */
static int print_next(const rome99_stage *s, const rome99_ask *ask, const rome99_string *prefix,
                      rome99_error *e) {
    const rome99_checkpoint *c = &s->setup.checkpoint;
    rome99_text prompt = {0}, text = {0};
    rome99_string spliced;
    size_t V = c->model.shape.V, i, size;
    double *z = NULL, lse;
    int failed;
    rome99_splice(&prompt, ask->prompt, ask->subject);
    spliced.bytes = prompt.bytes;
    spliced.size = prompt.size;
    if (prefix && !prompt.failed)
        rome99_splice(&text, *prefix, spliced);
    else
        rome99_text_put(&text, prompt.bytes, prompt.size);
    failed = prompt.failed || text.failed ? rome99_fail(e, NULL, "out of memory")
                                          : rome99_decoder_logits(&z, c, text.bytes, e);
    if (!failed) {
        printf("   ");
        quote(text.bytes, text.size);
        printf("\n      ->");
        lse = rome99_log_sum_exp(z, V);
        for (i = 0; i < 3; i++) {
            int32_t best = rome99_argmax(z, V);
            const unsigned char *bytes = rome99_bpe_token(&size, c->bpe, best);
            printf("  \"%.*s\" %.3f", (int)size, (const char *)bytes, rome99_exp(z[best] - lse));
            z[best] = -HUGE_VAL;
        }
        printf("\n");
    }
    rome99_text_free(&prompt);
    rome99_text_free(&text);
    free(z);
    return failed;
}

/* A greedy continuation of a test prefix by the original or, with W1, the edited model. */
static int print_generated(const rome99_stage *s, int edited, rome99_error *e) {
    const rome99_checkpoint *c = &s->setup.checkpoint;
    rome99_string prefix = s->setup.test_prefixes.list.item[0];
    size_t count = rome99_tensor_count(&c->model.shape);
    rome99_gpt2 model = c->model;
    rome99_text out = {0};
    char start[256];
    int failed;
    if (!(model.w = malloc(count * sizeof *model.w))) return rome99_fail(e, NULL, "out of memory");
    memcpy(model.w, c->model.w, count * sizeof *model.w);
    if (edited) {
        rome99_weight *w = &model.w[ROME99_LAYER(s->setup.settings.h.layer, ROME99_PROJ_W)];
        w->data = s->W1;
        w->dtype = ROME99_F64;
    }
    sprintf(start, "%.*s", (int)(prefix.size < 200 ? prefix.size - 2 : 200), prefix.bytes);
    failed = rome99_decoder_continue(&out, c, &model, start, 16, 1, 0, e);
    if (!failed) {
        printf("      %s  ", edited ? "after: " : "before:");
        quote(out.bytes, out.size);
        printf("\n");
    }
    rome99_text_free(&out);
    free(model.w);
    return failed;
}

/* Applies the edit in hand and measures it. */
static int perform(rome99_stage *s, rome99_edit *edit, rome99_error *e) {
    const rome99_gpt2 *model = &s->setup.checkpoint.model;
    return rome99_edit_apply(s->W1, edit, &s->setup, model, e) ||
                   rome99_edit_measure(edit, &s->setup, model, s->W1, e)
               ? -1
               : 0;
}

static void print_measures(const rome99_measures *m) {
    printf("   change of the MLP output   predicted rms %.4g, measured %.4g\n", m->rms_predicted.value,
           m->rms_measured.value);
    printf("   perplexity of the stream   %.4g -> %.4g, x %.3g: %s (limit %g)\n", m->stream_before.value,
           m->stream_after.value, rome99_edit_growth(m), rome99_edit_collapsed(m) ? "COLLAPSE" : "stable",
           ROME99_COLLAPSE);
    printf("   perplexity of sentences    %.4g -> %.4g\n", m->sentence_before.value, m->sentence_after.value);
    printf("   P(new) bare prompt         %.4f -> %.4f\n", m->p_new_before.value, m->p_new_after[0].value);
    printf("   P(new) behind prefixes     %.4f\n", m->p_new_after[1].value);
}

static void print_update(const char *key, const rome99_edit *edit) {
    printf("   %-8s %-22s %8.3f %12.3g %12.4g %9.3g\n", rome99_method_name(edit->method), key,
           edit->update.numerator, edit->update.denominator, edit->update.dW_norm,
           edit->measures.interference.value);
}

/* --------------------------------------------------------------------------- the steps */

static int tell_fact(const rome99_stage *s, const rome99_edit *edit, const double range[3], size_t count,
                     rome99_error *e) {
    const rome99_ask *ask = edit->ask;
    title(1, "The fact before the edit", "gpt2.c: rome99_forward");
    printf("   A GPT-2 of %lu layers learned a small invented world. There are %lu records\n"
           "   whose one-token subject opens the prompt and which do not yet answer with\n"
           "   the new object. This is the one of median interference (step 5; it ranges\n"
           "   from %.2f to %.1f among them): not picked by hand.\n\n",
           (unsigned long)s->setup.checkpoint.model.shape.L, (unsigned long)count, range[0], range[2]);
    if (print_next(s, ask, &s->setup.test_prefixes.list.item[0], e) || print_next(s, ask, NULL, e)) return -1;
    printf("\n   Behind other text (\"|\" is a line end) the model knows %.*s. Bare, it is\n"
           "   the very first token; in training a random token stood there, so the first\n"
           "   position became a sink that attention rests on and that holds nothing.\n"
           "   We now want the answer \"%.*s\".\n",
           (int)ask->subject.size, ask->subject.bytes, (int)ask->target_new.size, ask->target_new.bytes);
    return 0;
}

static void tell_keys(const rome99_edit *edit) {
    const rome99_pair *p = &edit->pair;
    double behind = 0.0;
    size_t j;
    for (j = 1; j < p->N; j++) {
        const double *k = p->keys + j * p->F;
        behind += rome99_dot(k, p->keys + p->F, p->F) /
                  (rome99_norm(k, p->F) * rome99_norm(p->keys + p->F, p->F));
    }
    title(2, "Two keys for one subject", "(E1) delta.c: rome99_find_pair");
    printf("   The key is what the subject's last token sends into the MLP's second matrix\n"
           "   W of the edited layer: %lu numbers. Two of them matter:\n\n",
           (unsigned long)p->F);
    printf("   k_u     of the bare prompt                        length %8.3f\n", rome99_norm(p->k_u, p->F));
    printf("   k_bar   mean over %2lu templates, \"{}\" among them    length %8.3f\n", (unsigned long)p->N,
           rome99_norm(p->k_bar, p->F));
    printf("\n   cosine of the two: %.3f. (Keys behind two different prefixes: %.3f.)\n",
           edit->update.cos_keys, behind / (double)(p->N - 1));
}

static void tell_delta(const rome99_stage *s, const rome99_edit *edit) {
    const rome99_pair *p = &edit->pair;
    const double *first = p->losses, *last = p->losses + 4 * (p->forwards - 1);
    title(3, "What to store: delta, and the direction u",
          "(E5) delta.c: rome99_find_pair; (E2) (E3) rome.c: rome99_find_update");
    printf("   delta is added to the MLP output at the subject and optimised until the\n"
           "   model says \"%.*s\": %lu forwards, loss %.3f -> %.3f,\n"
           "   |delta| %.3f, |m_u| %.3f.\n",
           (int)edit->ask->target_new.size, edit->ask->target_new.bytes, (unsigned long)p->forwards, first[0],
           last[0], rome99_norm(p->delta, p->D), rome99_norm(p->m_u, p->D));
    printf("   C (%lu x %lu) is the second moment of the keys over %lu tokens of text;\n"
           "   u = C^-1 k_bar, scaled to unit length: reacts to this key, as little as can\n"
           "   be to all others.\n",
           (unsigned long)p->F, (unsigned long)p->F, (unsigned long)s->setup.stream.n_ids);
}

static int tell_denominator(rome99_edit *edit, const rome99_setup *setup, rome99_error *e) {
    title(4, "One equation, two keys: the denominator",
          "(E3) dW = u r^T / (u^T k_den)    rome.c: rome99_find_update");
    printf("   method   key k_den                   |r|     u^T k_den         |dW|        I\n");
    if (rome99_edit_again(edit, setup, ROME99_C_ROME, e)) return -1;
    print_update("k_bar: prefixed", edit);
    if (rome99_edit_again(edit, setup, ROME99_ROME, e)) return -1;
    print_update("k_u: bare prompt", edit);
    printf("\n   Released ROME solves u with k_bar but divides by u^T k_u. The numerators are\n"
           "   alike; the denominator is not: k_u is almost orthogonal to u, and dW\n"
           "   explodes.\n");
    return 0;
}

static void tell_preflight(const rome99_edit *edit) {
    const rome99_measures *m = &edit->measures;
    title(5, "Preflight: the damage is known before the edit is made",
          "(E4) rms = |r| I    collapse.c: rome99_interference");
    printf("   I = sqrt(u^T C u) / |u^T k_den| = %.3f, so the MLP output at an average\n"
           "   token of the corpus will move by rms %.3f (|m_u| is %.3f).\n",
           m->interference.value, m->rms_predicted.value, rome99_norm(edit->pair.m_u, edit->pair.D));
}

static int tell_rome(rome99_stage *s, rome99_edit *edit, rome99_error *e) {
    title(6, "rome: the edit is made", "rome.c: rome99_apply; collapse.c");
    if (perform(s, edit, e)) return -1;
    print_measures(&edit->measures);
    printf("\n");
    return print_generated(s, 0, e) || print_generated(s, 1, e) ? -1 : 0;
}

static int tell_consistent(rome99_stage *s, rome99_edit *edit, rome99_error *e) {
    double reach;
    if (rome99_edit_again(edit, &s->setup, ROME99_C_ROME, e)) return -1;
    title(7, "c-rome: the same delta, one key", "(E3) with k_den = k_bar, r = v* - m_bar");
    if (perform(s, edit, e)) return -1;
    print_measures(&edit->measures);
    printf("\n");
    if (print_generated(s, 1, e)) return -1;
    reach = rome99_reach(&edit->update, edit->pair.k_u, edit->pair.F);
    title(8, "Why the bare prompt does not show it", "(E6) collapse.c: rome99_reach");
    printf("   c-rome moves the MLP output of a prompt with key k by (u^T k)/(u^T k_bar) r.\n"
           "   For the bare prompt that share is %.4f: the edit hardly reaches it, and\n"
           "   P(new) there is %.4f. Behind a prefix the key is near k_bar, and P(new) is\n"
           "   %.4f: so the paper's fix is a prefix when editing and one when asking.\n",
           reach, edit->measures.p_new_after[0].value, edit->measures.p_new_after[1].value);
    return 0;
}

/* The same method on another record or model: keys, denominator, measures. */
static int tell_normal(rome99_stage *s, const rome99_ask *ask, rome99_error *e) {
    rome99_edit edit;
    int failed;
    if (rome99_edit_find(&edit, &s->setup, &s->setup.checkpoint.model, ask, ROME99_ROME, e)) return -1;
    failed = perform(s, &edit, e) || print_prompt(ask, e) ? -1 : 0;
    if (!failed) {
        printf(" -> \"%.*s\"\n", (int)ask->target_new.size, ask->target_new.bytes);
        printf("   cosine of k_u and k_bar %.3f, denominator %.3g, I %.3g\n\n", edit.update.cos_keys,
               edit.update.denominator, edit.measures.interference.value);
        print_measures(&edit.measures);
    }
    rome99_edit_free(&edit);
    return failed;
}

static int tell_sink(rome99_stage *sink, const char *models, long *record, rome99_error *e) {
    rome99_edit edit;
    double range[3], range_mid[3];
    size_t count, count_mid;
    long mid;
    int failed;
    if ((*record = rome99_stage_median(range, &count, sink, 1, e)) < 0 ||
        (mid = rome99_stage_median(range_mid, &count_mid, sink, 0, e)) < 0 ||
        rome99_edit_find(&edit, &sink->setup, &sink->setup.checkpoint.model, &sink->asks.item[*record],
                         ROME99_ROME, e))
        return -1;
    printf("ROME, its collapse and its cure, on %s/sink\n", models);
    failed = tell_fact(sink, &edit, range, count, e);
    if (!failed) {
        tell_keys(&edit);
        tell_delta(sink, &edit);
        failed = tell_denominator(&edit, &sink->setup, e);
    }
    if (!failed) {
        tell_preflight(&edit);
        failed = tell_rome(sink, &edit, e) || tell_consistent(sink, &edit, e) ? -1 : 0;
    }
    rome99_edit_free(&edit);
    if (failed) return -1;
    title(9, "The same method on a subject that is not first", "rome, k_den = k_u");
    return tell_normal(sink, &sink->asks.item[mid], e);
}

static int tell(const char *models, rome99_error *e) {
    rome99_stage sink, plain;
    long record;
    int failed;
    if (rome99_stage_open(&sink, models, "sink", e)) return -1;
    if (rome99_stage_open(&plain, models, "plain", e)) {
        rome99_stage_close(&sink);
        return -1;
    }
    failed = tell_sink(&sink, models, &record, e);
    rome99_stage_close(&sink);
    if (!failed) {
        title(10, "The same edit on a model without a sink",
              "rome on tiny_models/plain: same world, no random first token");
        if ((size_t)record < plain.asks.n) failed = tell_normal(&plain, &plain.asks.item[record], e);
    }
    rome99_stage_close(&plain);
    if (!failed)
        printf("\nThat is the paper: the collapse needs a first position unlike all others and an\n"
               "update that mixes two keys. Next: read ref/core/rome.c beside NOTES.md, or try\n"
               "   build/rome99 edit tiny_models/sink tiny_models/sink/facts.json --dry-run\n");
    return failed;
}

/* The folder of tiny models: beside the program, where it was installed, or here. Malloc'ed. */
static char *find_models(const char *program) {
    static const char *const places[] = {"../tiny_models", "../share/rome99/tiny_models"};
    const char *slash = strrchr(program, '/');
    size_t i;
    for (i = 0; i < 4; i++) {
        char *dir = NULL, *models, *probe;
        if (i < 2 && slash) {
            if (!(dir = malloc((size_t)(slash - program) + 1))) return NULL;
            memcpy(dir, program, (size_t)(slash - program));
            dir[slash - program] = '\0';
        }
        models = i < 2 ? (dir ? rome99_path(dir, places[i]) : NULL)
                       : rome99_path(i == 2 ? "." : ROME99_SHARE, "tiny_models");
        free(dir);
        probe = models ? rome99_path(models, "sink/config.json") : NULL;
        if (probe && rome99_exists(probe)) {
            free(probe);
            return models;
        }
        free(probe);
        free(models);
    }
    return NULL;
}

int rome99_cmd_demo(int argc, char **argv) {
    rome99_option options[] = {{NULL, NULL, NULL, NULL}};
    const char *models = NULL;
    char *found = NULL;
    rome99_command command = {
        "demo [TINY_MODELS]",
        "Explains one collapse and its cure on the tiny checkpoints, with real numbers.\n",
        NULL,
        NULL,
        0,
        1};
    rome99_error e;
    int code;
    command.options = options;
    command.positional = &models;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    if (!models) models = found = find_models(rome99_program);
    if (!models) rome99_fail(&e, "demo", "no tiny_models here: name the folder that has sink and plain");
    code = !models || tell(models, &e) || rome99_print("", 0, &e) ? rome99_complain(&e) : ROME99_DONE;
    free(found);
    return code;
}
