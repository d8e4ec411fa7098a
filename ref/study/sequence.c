/*
 * sequence.c: edits one after another, each on the weights that the last one left.
 *
 * Two orders, drawn with the seed: all facts, and those in mid-prompt alone; each by rome and by c-rome. C stays
 * that of the untouched model. So do the keys, which W of the edited layer does not reach: what changes from edit to
 * edit is m_u and delta.
 */
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

enum { ORDERS = 2, SEQUENCES = 4 };
static const char *const order_name[ORDERS] = {"all", "mid-prompt"};

struct rome99_sequence {
    size_t which, done;  /* order and method; edits that W has */
    size_t *order, n;    /* (n) facts */
    rome99_gpt2 current; /* the model with W in its layer */
    double *W;           /* (F, D) */
    rome99_texts asked;  /* of each fact in order: the edit prompt, bare, then behind every test prefix */
    rome99_score *score; /* room for their targets, or for the stream's */
};

void rome99_sequence_free(struct rome99_sequence *q) {
    if (!q) return;
    free(q->order);
    free(q->current.w);
    free(q->W);
    free(q->score);
    rome99_texts_free(&q->asked);
    free(q);
}

static size_t length_of(const rome99_study *s, size_t which) {
    size_t i, n = 0;
    for (i = 0; i < s->facts.n; i++) n += which / 2 == 0 || s->group[i] == ROME99_MIDDLE;
    return n;
}

/* Sequence and step of line i. */
static size_t locate(const rome99_study *s, size_t *i) {
    size_t which = 0;
    while (*i >= length_of(s, which)) *i -= length_of(s, which++);
    return which;
}

static size_t sequential_count(const rome99_study *s) {
    size_t which, n = 0;
    for (which = 0; which < SEQUENCES; which++) n += length_of(s, which);
    return n;
}

static size_t sequential_together(const rome99_study *s, size_t i) { return locate(s, &i); }

/* ----------------------------------------------------------------------------- making */

/* The facts of an order, each permutation being equally likely. */
static void draw_order(struct rome99_sequence *q, const rome99_study *s) {
    rome99_rng rng = {s->seed};
    size_t i, j, fact;
    for (i = 0; i < s->facts.n; i++)
        if (q->which / 2 == 0 || s->group[i] == ROME99_MIDDLE) q->order[q->n++] = i;
    for (i = q->n; i > 1; i--) {
        j = rome99_rng_below(&rng, i);
        fact = q->order[j];
        q->order[j] = q->order[i - 1];
        q->order[i - 1] = fact;
    }
}

/* The texts that ask for one fact's target_new. */
static int add_asked(struct rome99_sequence *q, const rome99_study *s, const rome99_ask *ask,
                     rome99_error *e) {
    const rome99_strings *prefixes = &s->setup.test_prefixes.list;
    const rome99_bpe *bpe = s->setup.checkpoint.bpe;
    static const rome99_string bare = {"{}", 2};
    int32_t *target, *ids;
    size_t n_target, n, i;
    rome99_text prompt = {0};
    int failed = 0;
    if (rome99_encode_target(&target, &n_target, bpe, ask->target_new, e)) return -1;
    rome99_splice(&prompt, ask->prompt, ask->subject);
    for (i = 0; !failed && i <= prefixes->n; i++) {
        rome99_text text = {0};
        if (!prompt.failed)
            rome99_splice(&text, i ? prefixes->item[i - 1] : bare,
                          (rome99_string){prompt.bytes, prompt.size});
        failed = prompt.failed || text.failed
                     ? rome99_fail(e, NULL, "out of memory")
                     : rome99_bpe_encode(&ids, NULL, &n, bpe, (unsigned char *)text.bytes, text.size, e);
        if (!failed) {
            failed = rome99_texts_add_target(&q->asked, ids, n, target, n_target, e);
            free(ids);
        }
        rome99_text_free(&text);
    }
    rome99_text_free(&prompt);
    free(target);
    return failed;
}

static int begin(rome99_study *s, size_t which, rome99_error *e) {
    const rome99_gpt2 *model = &s->setup.checkpoint.model;
    size_t count = rome99_tensor_count(&model->shape), i, F = model->shape.F, D = model->shape.D;
    rome99_weight *w;
    struct rome99_sequence *q = calloc(1, sizeof *q);
    rome99_sequence_free(s->sequence);
    s->sequence = q;
    if (!q) return rome99_fail(e, NULL, "out of memory");
    q->which = which;
    q->order = malloc(s->facts.n * sizeof *q->order);
    q->current.shape = model->shape;
    q->current.w = malloc(count * sizeof *q->current.w);
    q->W = malloc(F * D * sizeof *q->W);
    if (!q->order || !q->current.w || !q->W) return rome99_fail(e, NULL, "out of memory");
    draw_order(q, s);
    memcpy(q->current.w, model->w, count * sizeof *q->current.w);
    w = &q->current.w[ROME99_LAYER(s->setup.settings.h.layer, ROME99_PROJ_W)];
    rome99_widen(q->W, *w, 0, F * D);
    w->data = q->W;
    w->dtype = ROME99_F64;
    for (i = 0; i < q->n; i++)
        if (add_asked(q, s, &s->facts.item[q->order[i]], e)) return -1;
    i = q->asked.n_targets > s->setup.stream.n_targets ? q->asked.n_targets : s->setup.stream.n_targets;
    q->score = malloc(i * sizeof *q->score);
    return q->score ? 0 : rome99_fail(e, NULL, "out of memory");
}

/* Finds the next edit on the current weights, as s->edit; s->W1 are the weights with it. */
static int find_next(rome99_study *s, rome99_error *e) {
    struct rome99_sequence *q = s->sequence;
    size_t fact = q->order[q->done];
    int failed;
    rome99_study_forget(s);
    failed = rome99_edit_find(&s->edit, &s->setup, &q->current, &s->facts.item[fact],
                              q->which % 2 ? ROME99_C_ROME : ROME99_ROME, e);
    if (!failed) s->found = fact + 1;
    failed = failed || rome99_edit_apply(s->W1, &s->edit, &s->setup, &q->current, e);
    return failed ? rome99_fail(e, NULL, "facts.json: record %lu, step %lu: %s", (unsigned long)fact + 1,
                                (unsigned long)q->done + 1, e->text)
                  : 0;
}

static void accept(rome99_study *s) {
    struct rome99_sequence *q = s->sequence;
    memcpy(q->W, s->W1, q->current.shape.F * q->current.shape.D * sizeof *q->W);
    q->done++;
    rome99_study_forget(s); /* found on other weights than the next */
}

/* -------------------------------------------------------------------------- measuring */

static int stream_ppl(double *ppl, rome99_study *s, const double *W1, rome99_error *e) {
    struct rome99_sequence *q = s->sequence;
    if (rome99_measure(NULL, q->score, NULL, &s->setup.checkpoint.model, s->setup.settings.h.layer, W1,
                       &s->setup.stream, &s->setup.stream_cache, &s->setup.memory, e))
        return -1;
    *ppl = rome99_stream_ppl(&s->setup.stream, q->score);
    return 0;
}

/* Efficacy, [0] bare, [1] behind prefixes, of the first n facts. */
static int efficacy(double share[2], rome99_study *s, size_t n, rome99_error *e) {
    struct rome99_sequence *q = s->sequence;
    size_t each = 1 + s->setup.test_prefixes.list.n, i, j;
    rome99_texts texts = q->asked;
    const struct rome99_text_place *t = texts.text;
    texts.n = n * each;
    if (n < q->n) {
        texts.n_ids = t[texts.n].ids;
        texts.n_targets = t[texts.n].targets;
    }
    if (rome99_measure(NULL, q->score, NULL, &s->setup.checkpoint.model, s->setup.settings.h.layer, s->W1,
                       &texts, NULL, &s->setup.memory, e))
        return -1;
    share[0] = share[1] = 0.0;
    for (i = 0; i < texts.n; i++) {
        double right = 0.0;
        for (j = t[i].targets; j < t[i].targets + t[i].scored; j++)
            right += q->score[j].argmax == texts.targets[j];
        share[i % each > 0] += right / (double)t[i].scored;
    }
    share[0] /= (double)n;
    share[1] /= (double)(n * (each - 1));
    return 0;
}

/* |W1 - W| / |W|, W being the untouched weights. */
static double drift(const rome99_study *s) {
    const rome99_gpt2 *model = &s->setup.checkpoint.model;
    size_t D = model->shape.D, i, j;
    double sum = 0.0, change = 0.0,
           *row = s->sequence->W; /* only its first row is used: accept fills it anew */
    for (i = 0; i < model->shape.F; i++) {
        rome99_widen(row, model->w[ROME99_LAYER(s->setup.settings.h.layer, ROME99_PROJ_W)], i * D, D);
        for (j = 0; j < D; j++) {
            sum += row[j] * row[j];
            change += (s->W1[i * D + j] - row[j]) * (s->W1[i * D + j] - row[j]);
        }
    }
    return rome99_sqrt(change) / rome99_sqrt(sum);
}

static int sequential_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    size_t which = locate(s, &i);
    double after, share[2];
    struct rome99_sequence *q = s->sequence;
    if ((!q || q->which != which || q->done > i) && begin(s, which, e)) return -1;
    q = s->sequence;
    if (!s->stream.known) {
        if (stream_ppl(&s->stream.value, s, q->W, e)) return -1;
        s->stream.known = 1;
    }
    for (; q->done < i; accept(s)) /* steps whose lines are there already */
        if (find_next(s, e)) return -1;
    if (find_next(s, e) || stream_ppl(&after, s, s->W1, e) || efficacy(share, s, i + 1, e)) return -1;
    rome99_text_printf(out, ", \"kind\": \"step\", \"order\": \"%s\", \"step\": %lu, \"steps\": %lu",
                       order_name[which / 2], (unsigned long)i + 1, (unsigned long)q->n);
    rome99_text_printf(out, ", \"method\": \"%s\"", rome99_method_name(s->edit.method));
    rome99_put_fact(out, s, q->order[i]);
    rome99_put_number(out, "numerator", s->edit.update.numerator);
    rome99_put_number(out, "denominator", s->edit.update.denominator);
    rome99_put_number(out, "dW_norm", s->edit.update.dW_norm);
    rome99_put_number(out, "drift", drift(s));
    rome99_put_number(out, "stream_ppl_before", s->stream.value);
    rome99_put_number(out, "stream_ppl_after", after);
    rome99_put_number(out, "efficacy_so_far", share[0]);
    rome99_put_number(out, "efficacy_so_far_prefixed", share[1]);
    accept(s);
    return 0;
}

const rome99_experiment rome99_sequential = {"sequential",    0,   sequential_together, sequential_count,
                                             sequential_line, NULL};
