/* test_checkpoints.c: what the trained checkpoints must show, measured over every record of facts.json.
 *
 * Prints each figure beside its bar. Arguments: the folder of models, then "sink" or "plain" for that one alone. */
#include "edit/edit.h"
#include "test.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ONE, FIRST_MORE, MIDDLE, KINDS };
static const char *const kind_names[] = {"one-token subject first", "multi-token subject first",
                                         "subject in mid-prompt"};

/* One edited record. */
typedef struct {
    int kind;
    double ratio, rms, I, efficacy[2], locality, generalisation;
} result;

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value that a share of the n numbers does not exceed; they are sorted. */
static double quantile(double *x, size_t n, double share) {
    size_t at = (size_t)(share * (double)n + 0.999999);
    qsort(x, n, sizeof *x, compare_doubles);
    return n ? x[at < 1 ? 0 : at - 1] : (double)NAN;
}

/* Ranks of x in r, equal ones sharing their mean. */
static void ranks(double *r, const double *x, size_t n) {
    size_t i, j;
    for (i = 0; i < n; i++) {
        double below = 0.0, equal = 0.0;
        for (j = 0; j < n; j++) {
            below += x[j] < x[i];
            equal += x[j] <= x[i] && x[j] >= x[i];
        }
        r[i] = below + (equal - 1.0) / 2.0;
    }
}

static double spearman(const double *x, const double *y, size_t n) {
    double *a = malloc(2 * n * sizeof *a), *b = a + n, mean = ((double)n - 1.0) / 2.0, ab = 0.0, aa = 0.0,
           bb = 0.0;
    size_t i;
    ranks(a, x, n);
    ranks(b, y, n);
    for (i = 0; i < n; i++) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    free(a);
    return ab / sqrt(aa * bb);
}

/* ---------------------------------------------------------------------------- recall */

static int encode(int32_t **ids, size_t *n, const rome99_setup *s, const rome99_text *t) {
    rome99_error e;
    return rome99_bpe_encode(ids, NULL, n, s->checkpoint.bpe, (unsigned char *)t->bytes, t->size, &e);
}

/* Every subject and relation behind every test prefix: share whose true object is the argmax throughout. */
static double recall(rome99_setup *s, uint64_t seed) {
    static rome99_world world;
    rome99_texts texts = {0};
    rome99_error e;
    rome99_score *o;
    size_t i, r, p, j, right = 0;
    double share;
    rome99_world_make(&world, seed);
    for (i = 0; i < ROME99_SUBJECTS; i++)
        for (r = 0; r < ROME99_RELATIONS; r++)
            for (p = 0; p < s->test_prefixes.list.n; p++) {
                rome99_text prompt = {0}, text = {0};
                rome99_string spliced, object;
                int32_t *ids, *target;
                size_t n, n_target;
                rome99_world_prompt(&prompt, &world, i, r, 0);
                spliced.bytes = prompt.bytes;
                spliced.size = prompt.size;
                rome99_splice(&text, s->test_prefixes.list.item[p], spliced);
                object.bytes = world.object[r][world.truth[i][r]];
                object.size = strlen(object.bytes);
                CHECK(!encode(&ids, &n, s, &text), "encode");
                CHECK(!rome99_encode_target(&target, &n_target, s->checkpoint.bpe, object, &e), "encode");
                CHECK(!rome99_texts_add_target(&texts, ids, n, target, n_target, &e), "add");
                free(ids);
                free(target);
                rome99_text_free(&prompt);
                rome99_text_free(&text);
            }
    o = malloc(texts.n_targets * sizeof *o);
    CHECK(!rome99_measure(o, NULL, NULL, &s->checkpoint.model, 0, NULL, &texts, NULL, &s->memory, &e),
          "measure");
    for (i = 0; i < texts.n; i++) {
        int all = 1;
        for (j = texts.text[i].targets; j < texts.text[i].targets + texts.text[i].scored; j++)
            all &= o[j].argmax == texts.targets[j];
        right += (size_t)all;
    }
    share = (double)right / (double)texts.n;
    free(o);
    rome99_texts_free(&texts);
    return share;
}

/* ----------------------------------------------------------------------------- edits */

static int kind_of(const rome99_edit *edit) {
    if (memcmp(edit->ask->prompt.bytes, "{}", 2) != 0) return MIDDLE;
    return edit->tokens.subject_tokens == 1 ? FIRST_ONE : FIRST_MORE;
}

static double worst_rms;

/* Edits a record by each method; results go to out[0 .. methods-1]. */
static void edit_record(result *out, rome99_setup *s, const rome99_ask *ask, double *W1,
                        const rome99_method *methods, size_t n, rome99_figure *stream) {
    const rome99_gpt2 *model = &s->checkpoint.model;
    rome99_edit edit;
    rome99_error e;
    size_t i;
    e.text[0] = '\0';
    if (rome99_edit_find(&edit, s, model, ask, methods[0], &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < n; i++) {
        const rome99_measures *m = &edit.measures;
        CHECK(!rome99_edit_again(&edit, s, methods[i], &e), "%s", e.text);
        edit.measures.stream_before = *stream;
        CHECK(!rome99_edit_apply(W1, &edit, s, model, &e), "%s", e.text);
        CHECK(!rome99_edit_measure(&edit, s, model, W1, &e), "%s", e.text);
        *stream = m->stream_before;
        out[i].kind = kind_of(&edit);
        out[i].ratio = m->stream_after.value / m->stream_before.value;
        out[i].rms = m->rms_predicted.value;
        out[i].I = m->interference.value;
        out[i].efficacy[0] = m->efficacy[0].value;
        out[i].efficacy[1] = m->efficacy[1].value;
        out[i].locality = m->locality[0].value;
        out[i].generalisation = m->generalisation[0].value;
        if (!(fabs(m->rms_measured.value / m->rms_predicted.value - 1.0) <= worst_rms))
            worst_rms = fabs(m->rms_measured.value / m->rms_predicted.value - 1.0);
    }
    rome99_edit_free(&edit);
}

/* The figures of one kind and method. */
typedef struct {
    size_t n;
    double median, p95, worst, efficacy[2];
} summary;

static summary summarise(const char *model, const char *method, const result *r, size_t step, size_t n,
                         int kind) {
    double *ratio = malloc(n * sizeof *ratio), *I = malloc(n * sizeof *I), locality = 0.0, general = 0.0;
    summary s = {0, 0, 0, 0, {0, 0}};
    size_t i;
    for (i = 0; i < n; i++)
        if (r[i * step].kind == kind) {
            ratio[s.n] = r[i * step].ratio;
            I[s.n++] = r[i * step].I;
            s.efficacy[0] += r[i * step].efficacy[0];
            s.efficacy[1] += r[i * step].efficacy[1];
            locality += r[i * step].locality;
            general += r[i * step].generalisation;
        }
    s.efficacy[0] /= (double)s.n;
    s.efficacy[1] /= (double)s.n;
    s.median = quantile(ratio, s.n, 0.5);
    s.p95 = quantile(ratio, s.n, 0.95);
    s.worst = quantile(ratio, s.n, 1.0);
    printf("%-5s %-6s %-26s n %2lu  ppl x median %.3g, 95%% %.3g, worst %.3g\n", model, method,
           kind_names[kind], (unsigned long)s.n, s.median, s.p95, s.worst);
    printf("      efficacy bare %.2f prefixed %.2f, generalisation %.2f, locality %.2f, I median %.2f worst "
           "%.3g\n",
           s.efficacy[0], s.efficacy[1], general / (double)s.n, locality / (double)s.n, quantile(I, s.n, 0.5),
           quantile(I, s.n, 1.0));
    free(ratio);
    free(I);
    return s;
}

static int open_model(rome99_setup *s, rome99_asks *asks, double **W1, const char *models, const char *name) {
    static const char *const none[ROME99_CHOICES];
    char *folder = rome99_path(models, name), *facts = rome99_path(folder, "facts.json");
    rome99_error e;
    int failed = rome99_setup_read(s, folder, none, 1, &e) || rome99_asks_read(asks, facts, &e);
    CHECK(!failed, "%s", e.text);
    free(folder);
    free(facts);
    if (failed) return -1;
    rome99_texts_free(&s->sentences); /* not asked here */
    *W1 = malloc(s->checkpoint.model.shape.F * s->checkpoint.model.shape.D * sizeof **W1);
    return 0;
}

/* Mean norm of the residual stream that enters the edited layer, at position 0 over that at all others. */
static double sink_norm(const rome99_setup *s) {
    const rome99_gpt2 *model = &s->checkpoint.model;
    const rome99_texts *w = &s->stream;
    size_t length[16], T = w->text[0].length, D = model->shape.D, n, i, j, l, r, layer = s->settings.h.layer;
    double first = 0.0, rest = 0.0;
    for (i = 0; i < w->n; i += n) {
        rome99_plan plan = {{0, 0}, 0, 0, 0, 1};
        rome99_range all = {0, 0};
        rome99_batch batch;
        rome99_run run;
        void *a, *b;
        n = w->n - i < 16 ? w->n - i : 16;
        for (j = 0; j < n; j++) length[j] = T;
        a = malloc(rome99_batch_layout(&batch, NULL, length, n, NULL, NULL, NULL, NULL));
        rome99_batch_layout(&batch, w->ids + i * T, length, n, NULL, NULL, NULL, a);
        b = malloc(rome99_run_layout(&run, &model->shape, &batch, plan, NULL));
        rome99_run_layout(&run, &model->shape, &batch, plan, b);
        all.hi = batch.n;
        rome99_embed_forward(&run, model, all);
        for (l = 0; l < layer; l++) {
            rome99_layer_forward(&run, model, l, all, all);
            rome99_layer_leave(&run, l, all);
        }
        for (r = 0; r < batch.n; r++)
            *(batch.position[r] == 0 ? &first : &rest) += rome99_norm(run.layer[layer].x + r * D, D);
        free(a);
        free(b);
    }
    return first / (double)w->n / (rest / (double)(w->n * (T - 1)));
}

static void test_sink(const char *models) {
    static const rome99_method methods[] = {ROME99_ROME, ROME99_C_ROME};
    rome99_setup s;
    rome99_asks asks;
    rome99_figure stream = {0.0, 0};
    result *r;
    double *W1, *x, *y, rho, share;
    summary rome[KINDS], consistent[KINDS];
    size_t i;
    int kind;
    if (open_model(&s, &asks, &W1, models, "sink")) return;
    share = recall(&s, 1);
    printf("sink  recall of all facts behind test prefixes: %.4f (bar 0.95)\n", share);
    CHECK_LE(0.95, share, "sink: recall");
    printf("sink  residual norm at position 0 over the rest, entering layer %lu: %.2f\n",
           (unsigned long)s.settings.h.layer, sink_norm(&s));
    CHECK_LE(2.0, sink_norm(&s), "sink: a sink at position 0");
    r = calloc(2 * asks.n, sizeof *r);
    for (i = 0; i < asks.n; i++) edit_record(r + 2 * i, &s, &asks.item[i], W1, methods, 2, &stream);
    for (kind = 0; kind < KINDS; kind++) {
        rome[kind] = summarise("sink", "rome", r, 2, asks.n, kind);
        consistent[kind] = summarise("sink", "c-rome", r + 1, 2, asks.n, kind);
    }
    CHECK(rome[FIRST_ONE].n >= 30 && rome[FIRST_MORE].n >= 20 && rome[MIDDLE].n >= 30,
          "enough records of each kind");
    CHECK_LE(10.0, rome[FIRST_ONE].median, "sink, one token first, rome: median");
    CHECK_LE(consistent[FIRST_ONE].p95, 1.5, "the same by c-rome: 95 %");
    CHECK_LE(consistent[FIRST_ONE].worst, 3.0, "worst");
    CHECK_LE(0.95, consistent[FIRST_ONE].efficacy[1], "efficacy behind prefixes");
    CHECK_LE(consistent[FIRST_ONE].efficacy[0], 0.5, "efficacy of the bare prompt");
    CHECK_LE(rome[MIDDLE].median, 1.3, "sink, mid-prompt, rome: median");
    CHECK_LE(rome[MIDDLE].p95, 1.5, "95 %");
    CHECK_LE(rome[MIDDLE].worst, 3.0, "worst");
    CHECK_LE(0.9, rome[MIDDLE].efficacy[0], "efficacy");
    x = calloc(2 * asks.n, sizeof *x);
    y = calloc(2 * asks.n, sizeof *y);
    for (i = 0; i < 2 * asks.n; i++) {
        x[i] = r[i].rms;
        y[i] = log(r[i].ratio);
    }
    rho = spearman(x, y, 2 * asks.n);
    printf("sink  Spearman of predicted rms and log perplexity ratio over %lu edits: %.3f (bar 0.9)\n",
           (unsigned long)(2 * asks.n), rho);
    CHECK_LE(0.9, rho, "Spearman correlation");
    free(x);
    free(y);
    free(r);
    free(W1);
    rome99_asks_free(&asks);
    rome99_setup_free(&s);
}

static void test_plain(const char *models) {
    static const rome99_method methods[] = {ROME99_ROME};
    rome99_setup s;
    rome99_asks asks;
    rome99_figure stream = {0.0, 0};
    result *r;
    double *W1, share;
    summary rome[KINDS];
    size_t i;
    int kind;
    if (open_model(&s, &asks, &W1, models, "plain")) return;
    share = recall(&s, 1);
    printf("plain recall of all facts behind test prefixes: %.4f (bar 0.95)\n", share);
    CHECK_LE(0.95, share, "plain: recall");
    printf("plain residual norm at position 0 over the rest, entering layer %lu: %.2f\n",
           (unsigned long)s.settings.h.layer, sink_norm(&s));
    CHECK_LE(sink_norm(&s), 2.0, "plain: none");
    r = calloc(asks.n, sizeof *r);
    for (i = 0; i < asks.n; i++) edit_record(r + i, &s, &asks.item[i], W1, methods, 1, &stream);
    for (kind = 0; kind < KINDS; kind++) rome[kind] = summarise("plain", "rome", r, 1, asks.n, kind);
    CHECK_LE(rome[FIRST_ONE].median, 1.3, "plain, one token first, rome: median");
    CHECK_LE(rome[FIRST_ONE].p95, 1.5, "95 %");
    CHECK_LE(0.9, rome[FIRST_ONE].efficacy[0], "efficacy");
    free(r);
    free(W1);
    rome99_asks_free(&asks);
    rome99_setup_free(&s);
}

int main(int argc, char **argv) {
    const char *models = argc > 1 ? argv[1] : "tiny_models";
    if (argc <= 2 || strcmp(argv[2], "sink") == 0) test_sink(models);
    if (argc <= 2 || strcmp(argv[2], "plain") == 0) test_plain(models);
    printf("predicted against measured rms: worst relative difference %.1e (bar 1e-8)\n", worst_rms);
    CHECK_LE(worst_rms, 1e-8, "predicted = measured rms");
    return test_end();
}
