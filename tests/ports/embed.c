/* embed.c: embed MODEL REQUESTS RECORD: writes a checkpoint, its C and one of the requests as a C file on
 * standard output, for board.c (board.h). */
#include "board.h"

#include "edit/setup.h"

#include <stdio.h>
#include <stdlib.h>

/* Weights of 16 bits become floats, which is exact. */
static void put_weights(const rome99_weight *w, size_t index, size_t n) {
    size_t i;
    printf("static const float w_%lu[] = {", (unsigned long)index);
    for (i = 0; i < n; i++) {
        double x;
        rome99_widen(&x, *w, i, 1);
        printf("%s%af,", i % 8 ? " " : "\n    ", x);
    }
    puts("\n};");
}

static void put_doubles(const char *name, const double *x, size_t n) {
    size_t i;
    printf("static const double %s[] = {", name);
    for (i = 0; i < n; i++) printf("%s%a,", i % 4 ? " " : "\n    ", x[i]);
    puts("\n};");
}

static void put_ids(const char *name, const int32_t *x, size_t n) {
    size_t i;
    printf("static const int32_t %s[] = {", name);
    for (i = 0; i < n; i++) printf("%s%ld,", i % 16 ? " " : "\n    ", (long)x[i]);
    puts("\n};");
}

static void put_sizes(const char *name, const size_t *x, size_t n) {
    size_t i;
    printf("static const size_t %s[] = {", name);
    for (i = 0; i < n; i++) printf("%s%lu,", i % 16 ? " " : "\n    ", (unsigned long)x[i]);
    puts("\n};");
}

static void put_model(const rome99_gpt2 *model) {
    size_t i, count = rome99_tensor_count(&model->shape);
    for (i = 0; i < count; i++) {
        rome99_tensor_info t = rome99_describe(&model->shape, i);
        put_weights(&model->w[i], i, t.rows * t.cols);
    }
    puts("static const rome99_weight w[] = {");
    for (i = 0; i < count; i++) printf("    {w_%lu, ROME99_F32},\n", (unsigned long)i);
    puts("};");
}

static void put_request(const rome99_request *q) {
    size_t tokens = 0, j;
    for (j = 0; j <= q->N; j++) tokens += q->length[j];
    put_ids("ids", q->ids, tokens);
    put_ids("target", q->target, q->n_target);
    put_sizes("length", q->length, q->N + 1);
    put_sizes("lookup", q->lookup, q->N + 1);
}

static void put_checkpoint(const rome99_setup *s, const rome99_request *q) {
    const rome99_shape *shape = &s->checkpoint.model.shape;
    const rome99_hparams *h = &s->settings.h;
    puts("#include \"board.h\"\n");
    put_model(&s->checkpoint.model);
    put_doubles("C", s->C, shape->F * shape->F);
    put_request(q);
    printf(
        "static const board_checkpoint checkpoint = {\n    {%lu, %lu, %lu, %lu, %lu, %lu, %a},\n    w, C,\n",
        (unsigned long)shape->V, (unsigned long)shape->T, (unsigned long)shape->D, (unsigned long)shape->F,
        (unsigned long)shape->L, (unsigned long)shape->H, shape->eps);
    printf("    {%lu, %lu, %a, %a, %a, %a},\n", (unsigned long)h->layer, (unsigned long)h->v_num_grad_steps,
           h->v_lr, h->v_weight_decay, h->clamp_norm_factor, h->kl_factor);
    printf("    {%lu, %lu, ids, target, length, lookup},\n};\n", (unsigned long)q->N,
           (unsigned long)q->n_target);
    puts("const board_checkpoint *const board_embedded = &checkpoint;");
}

static int suits(const rome99_setup *s, const char *folder, rome99_error *e) {
    size_t i, n = rome99_tensor_count(&s->checkpoint.model.shape);
    if (!s->L) return rome99_fail(e, folder, "C is the identity");
    for (i = 0; i < n; i++)
        if (s->checkpoint.model.w[i].dtype == ROME99_F64)
            return rome99_fail(e, folder, "has weights in float64");
    return 0;
}

static int embed(const char *folder, const char *requests, const char *record, rome99_error *e) {
    const char *no_choice[ROME99_CHOICES] = {0};
    rome99_setup s;
    rome99_asks asks;
    rome99_tokens tokens;
    size_t i;
    int failed;
    if (rome99_setup_read(&s, folder, no_choice, 0, e)) return -1;
    failed = suits(&s, folder, e);
    if (!failed && !(failed = rome99_asks_read(&asks, requests, e))) {
        failed = rome99_read_size(&i, "RECORD", record, 0, asks.n - 1, e) ||
                 rome99_tokens_make(&tokens, s.checkpoint.bpe, s.checkpoint.model.shape.T, &asks.item[i],
                                    &s.templates.list, s.settings.fact_token_last, requests, e);
        if (!failed) {
            put_checkpoint(&s, &tokens.request);
            rome99_tokens_free(&tokens);
        }
        rome99_asks_free(&asks);
    }
    rome99_setup_free(&s);
    return failed;
}

int main(int argc, char **argv) {
    rome99_error e;
    if (argc != 4) {
        fputs("usage: embed MODEL REQUESTS RECORD\n", stderr);
        return 2;
    }
    if (embed(argv[1], argv[2], argv[3], &e)) {
        fprintf(stderr, "embed: %s\n", e.text);
        return 2;
    }
    if (fflush(stdout) || ferror(stdout)) {
        fputs("embed: cannot write\n", stderr);
        return 2;
    }
    return 0;
}
