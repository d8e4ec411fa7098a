/* test_rows.c: batches and plans: rows grouped, shared, added later, kept; none of it changes a bit. */
#include "core/rome99.h"
#include "model.h"
#include "test.h"

/* Four texts; the second and the fourth begin like the first, the fourth like the second. */
enum { TEXTS = 4, TOKENS = 13, V = 11 };
static const int32_t ids[TOKENS] = {1, 4, 7, 2, 1, 4, 9, 5, 1, 4, 9, 3, 6};
static const size_t length[TEXTS] = {4, 3, 1, 5};
static const size_t owner[TOKENS] = {0, 1, 2, 3, 0, 1, 6, 7, 0, 1, 6, 11, 12};
static const unsigned char group[TOKENS] = {0, 255, 0, 1, 7, 7, 255, 0, 7, 7, 7, 1, 0};

static void check_tensors(void) {
    enum { T = 7, D = 6, F = 20 };
    static const rome99_tensor_info expected[] = {{"wte.weight", V, D, 0},
                                                  {"wpe.weight", T, D, 0},
                                                  {"ln_f.weight", 1, D, 1},
                                                  {"ln_f.bias", 1, D, 1},
                                                  {"ln_1.weight", 1, D, 1},
                                                  {"ln_1.bias", 1, D, 1},
                                                  {"attn.c_attn.weight", D, 3 * D, 0},
                                                  {"attn.c_attn.bias", 1, 3 * D, 1},
                                                  {"attn.c_proj.weight", D, D, 0},
                                                  {"attn.c_proj.bias", 1, D, 1},
                                                  {"ln_2.weight", 1, D, 1},
                                                  {"ln_2.bias", 1, D, 1},
                                                  {"mlp.c_fc.weight", D, F, 0},
                                                  {"mlp.c_fc.bias", 1, F, 1},
                                                  {"mlp.c_proj.weight", F, D, 0},
                                                  {"mlp.c_proj.bias", 1, D, 1}};
    static const rome99_shape shape = {V, T, D, F, 3, 2, 1e-5};
    size_t i;
    CHECK(rome99_tensor_count(&shape) == 40, "%lu tensors", (unsigned long)rome99_tensor_count(&shape));
    for (i = 0; i < 40; i++) {
        rome99_tensor_info got = rome99_describe(&shape, i), want = expected[i < 16 ? i : 4 + (i - 4) % 12];
        CHECK(strcmp(got.name, want.name) == 0 && got.rows == want.rows && got.cols == want.cols &&
                  got.is_vector == want.is_vector,
              "tensor %lu: %s (%lu, %lu), not %s (%lu, %lu)", (unsigned long)i, got.name,
              (unsigned long)got.rows, (unsigned long)got.cols, want.name, (unsigned long)want.rows,
              (unsigned long)want.cols);
    }
}

/* A batch in memory that held something else. */
static void *lay_out(rome99_batch *batch, size_t *start, const unsigned char *groups, const size_t *owners) {
    size_t bytes = rome99_batch_layout(batch, ids, length, TEXTS, groups, start, owners, NULL);
    void *memory = dirty(bytes);
    rome99_batch_layout(batch, ids, length, TEXTS, groups, start, owners, memory);
    return memory;
}

static void check_batch(void) {
    static const int32_t id[] = {1, 7, 5, 6, 2, 3, 4, 9};
    static const size_t sequence[] = {0, 0, 2, 3, 0, 3, 0, 1}, position[] = {0, 2, 0, 4, 3, 3, 1, 2};
    static const size_t row[TEXTS][5] = {{0, 6, 1, 4}, {0, 6, 7}, {2}, {0, 6, 7, 5, 3}};
    static const struct {
        size_t text;
        rome99_range rows;
        size_t count, list[4];
    } cases[] = {{0, {0, 8}, 4, {0, 1, 2, 3}}, {0, {1, 6}, 2, {2, 3}}, {1, {0, 8}, 1, {2}},
                 {2, {2, 3}, 1, {0}},          {2, {3, 8}, 0, {0}},    {2, {0, 2}, 0, {0}},
                 {3, {0, 8}, 2, {3, 4}},       {3, {4, 6}, 1, {3}},    {3, {0, 0}, 0, {0}}};
    rome99_batch b;
    size_t start[257], list[5], i, j;
    void *memory = lay_out(&b, start, group, owner);
    CHECK(b.S == 4 && b.n == 8 && b.longest == 5 && b.bidirectional == 0, "batch: %lu texts, %lu rows",
          (unsigned long)b.S, (unsigned long)b.n);
    for (i = 0; i < 8; i++)
        CHECK(b.id[i] == id[i] && b.sequence[i] == sequence[i] && b.position[i] == position[i],
              "row %lu: token %ld, place %lu of text %lu", (unsigned long)i, (long)b.id[i],
              (unsigned long)b.position[i], (unsigned long)b.sequence[i]);
    for (i = 0; i < TEXTS; i++) {
        CHECK(b.length[i] == length[i], "length of text %lu", (unsigned long)i);
        for (j = 0; j < length[i]; j++)
            CHECK(b.row[i * 5 + j] == row[i][j], "text %lu, place %lu: row %lu", (unsigned long)i,
                  (unsigned long)j, (unsigned long)b.row[i * 5 + j]);
    }
    for (i = 0; i <= 256; i++)
        CHECK(start[i] == (i < 1     ? 0u
                           : i < 2   ? 4u
                           : i < 256 ? 6u
                                     : 8u),
              "group %lu starts at %lu", (unsigned long)i, (unsigned long)start[i]);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = rome99_positions(list, &b, cases[i].text, cases[i].rows);
        CHECK(n == cases[i].count && memcmp(list, cases[i].list, n * sizeof *list) == 0,
              "positions, case %lu: %lu of them", (unsigned long)i, (unsigned long)n);
    }
    free(memory);
    memory = lay_out(&b, start, NULL, NULL);
    CHECK(b.n == TOKENS && memcmp(b.id, ids, sizeof ids) == 0 && start[0] == 0 && start[1] == TOKENS,
          "without groups and owners, rows are the tokens");
    free(memory);
}

/* Texts that share rows have the logits of texts that do not. */
static void check_shared(const model *m) {
    passes plain;
    rome99_batch b;
    rome99_run run;
    rome99_plan plan = {{0, 0}, 0, 0, 0, 8};
    rome99_range all = {0, TOKENS}, own = {0, 8};
    size_t i, j;
    void *batch_memory = lay_out(&b, NULL, group, owner), *memory;
    make_passes(&plain, m, ids, length, TEXTS, NULL, NULL);
    rome99_forward(&plain.run, &m->gpt2, all);
    rome99_head_forward(&plain.run, &m->gpt2, all);
    memory = dirty(rome99_run_layout(&run, &m->gpt2.shape, &b, plan, NULL));
    rome99_run_layout(&run, &m->gpt2.shape, &b, plan, memory);
    rome99_forward(&run, &m->gpt2, own);
    rome99_head_forward(&run, &m->gpt2, own);
    for (i = 0; i < TEXTS; i++)
        for (j = 0; j < length[i]; j++)
            CHECK(memcmp(plain.run.logits + plain.batch.row[i * 5 + j] * V, run.logits + b.row[i * 5 + j] * V,
                         V * sizeof(double)) == 0,
                  "shared rows: other bits at text %lu, place %lu", (unsigned long)i, (unsigned long)j);
    free(memory);
    free(batch_memory);
    free_passes(&plain);
}

/* What a plan keeps of a layer is what a pass that keeps everything has there. */
static void check_kept(const model *m, int backward) {
    passes plain;
    rome99_run run;
    rome99_plan plan = {{1, 2}, 0, 0, 0, 3};
    rome99_range all = {0, TOKENS}, some = {5, 8};
    const rome99_shape *s = &m->gpt2.shape;
    const rome99_activations *a, *b;
    void *memory;
    plan.backward = backward;
    make_passes(&plain, m, ids, length, TEXTS, NULL, NULL);
    rome99_forward(&plain.run, &m->gpt2, all);
    rome99_head_forward(&plain.run, &m->gpt2, some);
    memory = dirty(rome99_run_layout(&run, s, &plain.batch, plan, NULL));
    rome99_run_layout(&run, s, &plain.batch, plan, memory);
    rome99_forward(&run, &m->gpt2, some);
    rome99_head_forward(&run, &m->gpt2, some);
    a = &plain.run.layer[1];
    b = &run.layer[1];
#define KEPT(field, numbers)                                                                                 \
    CHECK(memcmp(a->field, b->field, (numbers) * sizeof(double)) == 0, "plan %d: " #field, backward)
    KEPT(x_mid, TOKENS * s->D);
    if (backward < 2) {
        KEPT(k, TOKENS * s->F);
        KEPT(m, TOKENS * s->D);
    }
    if (backward == 1) {
        KEPT(ln_1, TOKENS * s->D);
        KEPT(y, TOKENS * s->D);
        KEPT(ln_2, TOKENS * s->D);
    }
    if (backward) {
        KEPT(x, TOKENS * s->D);
        KEPT(mean_1, TOKENS);
        KEPT(rstd_1, TOKENS);
        KEPT(qkv, TOKENS * 3 * s->D);
        KEPT(mean_2, TOKENS);
        KEPT(rstd_2, TOKENS);
        KEPT(fc, TOKENS * s->F);
    } else
        CHECK(b->att == NULL, "attention weights are kept for a backward pass only");
    CHECK(run.layer[0].att == NULL, "nor in layers that are not kept");
#undef KEPT
    CHECK(run.x[5 * s->D - 1] != run.x[5 * s->D - 1] && run.x[8 * s->D] != run.x[8 * s->D],
          "plan %d: rows that are not scored have no output of the last layer", backward);
    CHECK(memcmp(plain.run.x + 5 * s->D, run.x + 5 * s->D, 3 * s->D * sizeof(double)) == 0, "plan %d: x",
          backward);
    CHECK(memcmp(plain.run.logits, run.logits, 3 * V * sizeof(double)) == 0, "plan %d: logits", backward);
    free(memory);
    free_passes(&plain);
}

/* Keys and values kept, tokens come one at a time; the memory of all else is one row. */
static void check_generation(const model *m) {
    static const size_t n = 6;
    passes whole;
    rome99_batch b;
    rome99_run run;
    rome99_plan plan = {{0, 0}, 0, 1, 0, 1};
    rome99_range all = {0, 6}, row;
    size_t l;
    void *memory, *batch_memory = dirty(rome99_batch_layout(&b, ids, &n, 1, NULL, NULL, NULL, NULL));
    rome99_batch_layout(&b, ids, &n, 1, NULL, NULL, NULL, batch_memory);
    make_passes(&whole, m, ids, &n, 1, NULL, NULL);
    rome99_forward(&whole.run, &m->gpt2, all);
    rome99_head_forward(&whole.run, &m->gpt2, all);
    memory = dirty(rome99_run_layout(&run, &m->gpt2.shape, &b, plan, NULL));
    rome99_run_layout(&run, &m->gpt2.shape, &b, plan, memory);
    for (row.lo = 0; row.lo < n; row.lo++) {
        row.hi = row.lo + 1;
        rome99_embed_forward(&run, &m->gpt2, row);
        for (l = 0; l < m->gpt2.shape.L; l++) {
            rome99_layer_forward(&run, &m->gpt2, l, row, row);
            rome99_layer_leave(&run, l, row);
        }
        rome99_head_forward(&run, &m->gpt2, row);
        CHECK(memcmp(whole.run.logits + row.lo * V, run.logits, V * sizeof(double)) == 0,
              "token by token: other bits at %lu", (unsigned long)row.lo);
    }
    free(memory);
    free(batch_memory);
    free_passes(&whole);
}

/* Gradients of a loss at some rows are those of all rows where the others' are 0. */
static void check_scored(const model *m) {
    passes a;
    rome99_range all = {0, TOKENS}, some = {5, 8};
    double dlogits[TOKENS * V] = {0}, **grad[2], worst = 0.0;
    size_t i, j, k;
    make_passes(&a, m, ids, length, TEXTS, NULL, NULL);
    for (i = 5 * V; i < 8 * V; i++) dlogits[i] = sin((double)i);
    for (k = 0; k < 2; k++) {
        grad[k] = calloc(m->tensors, sizeof **grad);
        for (i = 0; i < m->tensors; i++) grad[k][i] = calloc(m->size[i], sizeof ***grad);
        rome99_forward(&a.run, &m->gpt2, all);
        rome99_head_forward(&a.run, &m->gpt2, all);
        rome99_backward(&a.run, &m->gpt2, grad[k], k ? dlogits + 5 * V : dlogits, k ? some : all);
    }
    for (i = 0; i < m->tensors; i++) {
        for (j = 0; j < m->size[i]; j++)
            if (!(fabs(grad[0][i][j] - grad[1][i][j]) <= worst)) worst = fabs(grad[0][i][j] - grad[1][i][j]);
        free(grad[0][i]);
        free(grad[1][i]);
    }
    CHECK_LE(worst, 1e-13, "gradients of some rows");
    free(grad[0]);
    free(grad[1]);
    free_passes(&a);
}

int main(void) {
    model m;
    int backward;
    make_model(&m, V, 6, 8, 32, 3, 2, 5);
    check_tensors();
    check_batch();
    check_shared(&m);
    for (backward = 0; backward < 3; backward++) check_kept(&m, backward);
    check_generation(&m);
    check_scored(&m);
    free_model(&m);
    return test_end();
}
