/*
 * keys.c: where the keys lie, what an update looks like, and what the first position does.
 *
 *     map      C^-1 k_bar, k_u, k_bar of every fact; the key of the bare prompt's first token where the subject
 *              stands further in; the key of a subject that opens the prompt, behind the first test prefix.
 *              Each scaled to unit length, all of them together by PCA and t-SNE
 *     update   u and r / (u^T k_den), whose product is dW, by rome and by c-rome: of the fact that has the median
 *              interference by rome among those whose one-token subject opens the prompt
 *     layers   mean norm of the residual stream before each layer and behind the last, and mean attention paid to
 *              position 0 (over heads), by position, over the windows
 */
#include "study/project.h"
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------- map */

enum { SOLVED, BARE, MEAN, OPENING, BEHIND };
static const char *const point_name[] = {"solved", "k_u", "k_bar", "first token", "behind a prefix"};

typedef struct {
    double *x; /* (n, F) */
    size_t n, *fact;
    unsigned char *what;
} point_list;

/* A row for one more point, to be filled by the caller. */
static double *add_point(point_list *p, size_t F, size_t fact, int what) {
    p->fact[p->n] = fact;
    p->what[p->n] = (unsigned char)what;
    return p->x + p->n++ * F;
}

/* The edit of a fact with keys alone, for which one forward is enough. */
static int find_keys(rome99_study *s, size_t fact, rome99_error *e) {
    size_t steps = s->setup.settings.h.v_num_grad_steps;
    int failed;
    rome99_study_forget(s);
    s->setup.settings.h.v_num_grad_steps = 1;
    failed = rome99_study_find(s, fact, ROME99_ROME, e);
    s->setup.settings.h.v_num_grad_steps = steps;
    return failed;
}

/* The one more key that is shown of a fact: of the bare prompt's first token, or of the subject that opens the
 * prompt behind the first test prefix. Appends its text to *texts, its place to *position. */
static int other_key(rome99_texts *texts, size_t *position, rome99_study *s, size_t fact, rome99_error *e) {
    rome99_string item[2] = {{"{}", 2}, {NULL, 0}};
    rome99_strings list = {NULL, 2};
    rome99_tokens tokens;
    size_t t = s->group[fact] != ROME99_MIDDLE, n, at;
    int failed;
    item[1] = s->setup.test_prefixes.list.item[0];
    list.item = item;
    if (rome99_tokens_make(&tokens, s->setup.checkpoint.bpe, s->setup.checkpoint.model.shape.T,
                           &s->facts.item[fact], &list, s->setup.settings.fact_token_last, "facts.json", e))
        return -1;
    at = t ? tokens.length[0] : 0;
    n = tokens.length[t];
    *position = t ? tokens.lookup[1] : 0;
    failed = rome99_texts_add(texts, tokens.ids + at, n, NULL, 0, 1, e);
    rome99_tokens_free(&tokens);
    return failed;
}

static int collect_points(point_list *p, rome99_study *s, rome99_error *e) {
    size_t F = s->setup.checkpoint.model.shape.F, n = s->facts.n, i, *position = calloc(n, sizeof *position);
    rome99_texts texts = {0};
    int failed = position ? 0 : rome99_fail(e, NULL, "out of memory");
    for (i = 0; !failed && i < n; i++) {
        if ((failed = find_keys(s, i, e)) != 0) break;
        memcpy(add_point(p, F, i, SOLVED), s->edit.update.u, F * sizeof(double));
        memcpy(add_point(p, F, i, BARE), s->edit.pair.k_u, F * sizeof(double));
        memcpy(add_point(p, F, i, MEAN), s->edit.pair.k_bar, F * sizeof(double));
        failed = other_key(&texts, &position[i], s, i, e);
    }
    if (!failed) failed = rome99_keys_at(p->x + p->n * F, s, s->setup.settings.h.layer, &texts, position, e);
    for (i = 0; !failed && i < n; i++) add_point(p, F, i, s->group[i] == ROME99_MIDDLE ? OPENING : BEHIND);
    rome99_study_forget(s);
    rome99_texts_free(&texts);
    free(position);
    return failed;
}

static int map_line(rome99_text *out, rome99_study *s, rome99_error *e) {
    size_t F = s->setup.checkpoint.model.shape.F, most = 4 * s->facts.n, i, j;
    point_list p = {NULL, 0, NULL, NULL};
    rome99_tsne_settings how = rome99_tsne_defaults;
    double *xy = malloc(most * 4 * sizeof *xy), share[2], kl;
    int failed;
    p.x = malloc(most * F * sizeof *p.x);
    p.fact = malloc(most * sizeof *p.fact);
    p.what = malloc(most);
    how.seed = s->seed;
    failed = !xy || !p.x || !p.fact || !p.what ? rome99_fail(e, NULL, "out of memory")
                                               : collect_points(&p, s, e);
    for (i = 0; !failed && i < p.n; i++) {
        double length = rome99_norm(p.x + i * F, F);
        for (j = 0; j < F; j++) p.x[i * F + j] /= length;
    }
    if (!failed)
        failed = rome99_pca(xy, share, p.x, p.n, F, e) ||
                 rome99_tsne(xy + 2 * p.n, &kl, p.x, p.n, F, &how, e);
    if (!failed) {
        rome99_text_puts(out, ", \"kind\": \"map\", \"method\": null");
        rome99_put_numbers(out, "pca_share", share, 2);
        rome99_put_number(out, "tsne_perplexity", how.perplexity);
        rome99_put_number(out, "tsne_kl", kl);
        rome99_text_puts(out, ", \"points\": [");
        for (i = 0; i < p.n; i++) {
            rome99_text_puts(out, i ? ", {" : "{");
            rome99_text_printf(out, "\"what\": \"%s\"", point_name[p.what[i]]);
            rome99_put_fact(out, s, p.fact[i]);
            rome99_put_numbers(out, "pca", xy + 2 * i, 2);
            rome99_put_numbers(out, "tsne", xy + 2 * p.n + 2 * i, 2);
            rome99_text_puts(out, "}");
        }
        rome99_text_puts(out, "]");
    }
    free(xy);
    free(p.x);
    free(p.fact);
    free(p.what);
    return failed ? -1 : 0;
}

/* ----------------------------------------------------------------------------- update */

typedef struct {
    double I;
    size_t fact;
} candidate;

static int by_interference(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->I != y->I) return x->I < y->I ? -1 : 1;
    return (x->fact > y->fact) - (x->fact < y->fact);
}

/* The middle one, of an even number the greater. */
static int median_fact(size_t *fact, rome99_study *s, rome99_error *e) {
    candidate *list = malloc(s->facts.n * sizeof *list);
    size_t i, n = 0;
    int failed = list ? 0 : rome99_fail(e, NULL, "out of memory");
    for (i = 0; !failed && i < s->facts.n; i++) {
        if (s->group[i] != ROME99_FIRST_ONE) continue;
        failed = find_keys(s, i, e);
        list[n].I = failed ? 0.0 : s->edit.measures.interference.value;
        list[n++].fact = i;
    }
    rome99_study_forget(s);
    if (!failed) {
        qsort(list, n, sizeof *list, by_interference);
        *fact = list[n / 2].fact;
    }
    free(list);
    return failed;
}

static int update_line(rome99_text *out, rome99_study *s, rome99_error *e) {
    const rome99_shape *shape = &s->setup.checkpoint.model.shape;
    size_t fact, i;
    if (median_fact(&fact, s, e)) return -1;
    rome99_text_puts(out, ", \"kind\": \"update\", \"method\": null");
    rome99_put_fact(out, s, fact);
    for (i = 0; i < 2; i++) {
        if (rome99_study_find(s, fact, i ? ROME99_C_ROME : ROME99_ROME, e)) return -1;
        rome99_text_printf(out, ", \"%s\": {\"denominator\": ", rome99_method_name(s->edit.method));
        rome99_text_json_double(out, s->edit.update.denominator);
        rome99_put_numbers(out, "u", s->edit.update.u, shape->F);
        rome99_put_numbers(out, "right", s->edit.update.right, shape->D);
        rome99_text_puts(out, "}");
    }
    return 0;
}

/* ----------------------------------------------------------------------------- layers */

typedef struct {
    double *norm, *attention; /* (L + 1, T), (L, T): sums over texts */
} layer_sums;

static int add_layers(void *context, const rome99_run *run, size_t first, rome99_error *e) {
    layer_sums *sums = context;
    const rome99_shape *shape = &run->shape;
    const rome99_batch *batch = run->batch;
    size_t l, t, p, h, T = shape->T, H = shape->H, D = shape->D;
    (void)first, (void)e;
    for (t = 0; t < batch->S; t++)
        for (p = 0; p < batch->length[t]; p++) {
            size_t row = batch->row[t * batch->longest + p];
            for (l = 0; l <= shape->L; l++)
                sums->norm[l * T + p] += rome99_norm((l < shape->L ? run->layer[l].x : run->x) + row * D, D);
            for (l = 0; l < shape->L; l++)
                for (h = 0; h < H; h++)
                    sums->attention[l * T + p] += run->layer[l].att[(row * H + h) * batch->longest] /
                                                  (double)H;
        }
    return 0;
}

static void put_rows(rome99_text *out, const char *name, const double *x, size_t rows, size_t T) {
    size_t i;
    rome99_text_printf(out, ", \"%s\": [", name);
    for (i = 0; i < rows * T; i++) {
        rome99_text_puts(out, i % T ? ", " : i ? "], [" : "[");
        rome99_text_json_double(out, x[i]);
    }
    rome99_text_puts(out, "]]");
}

int rome99_layers_line(rome99_text *out, rome99_study *s, rome99_error *e) {
    const rome99_gpt2 *model = &s->setup.checkpoint.model;
    size_t L = model->shape.L, T = model->shape.T, n = s->setup.stream.n, i;
    layer_sums sums;
    int failed;
    if (!(sums.norm = calloc((2 * L + 1) * T, sizeof *sums.norm)))
        return rome99_fail(e, NULL, "out of memory");
    sums.attention = sums.norm + (L + 1) * T;
    failed = rome99_walk(model, &s->setup.stream, (rome99_range){0, L}, s->bidirectional, add_layers, &sums,
                         e);
    for (i = 0; i < (2 * L + 1) * T; i++) sums.norm[i] /= (double)n;
    if (!failed) {
        rome99_text_printf(out, ", \"kind\": \"layers\", \"method\": null, \"layer\": %lu",
                           (unsigned long)s->setup.settings.h.layer);
        put_rows(out, "norm", sums.norm, L + 1, T);
        put_rows(out, "attention", sums.attention, L, T);
    }
    free(sums.norm);
    return failed;
}

int rome99_layers_check(rome99_study *s, rome99_error *e) {
    size_t i;
    for (i = 0; i < s->setup.stream.n; i++)
        if (s->setup.stream.text[i].length != s->setup.checkpoint.model.shape.T)
            return rome99_fail(e, s->folder, "windows.safetensors: windows must have n_positions tokens");
    return 0;
}

int rome99_keys_check(rome99_study *s, rome99_error *e) {
    size_t i = 0;
    while (i < s->facts.n && s->group[i] != ROME99_FIRST_ONE) i++;
    if (i == s->facts.n)
        return rome99_fail(e, s->folder, "no one-token subject opens a prompt of facts.json");
    if ((double)(4 * s->facts.n) <= 3.0 * rome99_tsne_defaults.perplexity)
        return rome99_fail(e, s->folder, "facts.json: t-SNE needs %.0f facts or more",
                           0.75 * rome99_tsne_defaults.perplexity + 0.5);
    return rome99_layers_check(s, e);
}

int rome99_keys_line(rome99_text *out, rome99_study *s, size_t i, rome99_error *e) {
    return i == 0 ? map_line(out, s, e) : i == 1 ? update_line(out, s, e) : rome99_layers_line(out, s, e);
}
