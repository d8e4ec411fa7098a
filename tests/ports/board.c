/* board.c: the golden suite on a machine without files, then one whole edit of a trained checkpoint. All is
 * compiled in: the cases (golden_cases.h, made by `rome99 golden export --c-header`), and the checkpoint
 * with a request (embed.c). Needed are the core; ref/golden's case.c, ops.c, blocks.c, update.c, variant.c,
 * formula.c, edits.c; memcpy, memset, memcmp, strcpy, strcmp, strlen and sqrt; BOARD_BYTES of memory; the
 * three functions of a platform (board.h). */
#include "board.h"

#include "core/arena.h"
#include "golden/golden.h"
#include "golden/recipes.h"

#include "golden_cases.h"

#include <float.h>
#include <string.h>

#define BOARD_BYTES (ROME99_GOLDEN_BYTES + ((size_t)1 << 20))
static double memory[BOARD_BYTES / sizeof(double)], words[16384];

static void put_number(unsigned long n) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = '\0';
    do *--p = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    board_put(p);
}

/* ----------------------------------------------------------------------------- comparing */

typedef struct {
    unsigned long passed, failed;
    rome99_class worst;
} tally;

static void put_counts(const tally *t) {
    put_number(t->passed);
    board_put(" passed, ");
    put_number(t->failed);
    board_put(" failed");
}

static void report(const tally *t, const char *what) {
    static const char *const classes[] = {"exact", "f64", "f32", "none"};
    board_put(what);
    board_put(": ");
    put_counts(t);
    board_put(", class ");
    board_put(classes[t->worst]);
    board_put("\n");
}

static void fail(tally *t, const char *name, const char *what) {
    t->failed++;
    board_put(name);
    board_put(": ");
    board_put(what);
    board_put("\n");
}

/* There is nothing to compare. */
static void give_up(tally *t, const char *name, const char *why) {
    t->worst = ROME99_APART;
    fail(t, name, why);
}

static const rome99_golden_arrays *arrays_of(const char *name) {
    size_t i;
    for (i = 0; i < ROME99_GOLDEN_CASES; i++)
        if (strcmp(rome99_golden_cases[i].name, name) == 0) return &rome99_golden_cases[i];
    return NULL;
}

static rome99_golden_tensor tensor_of(const rome99_golden_array *a, void *data) {
    rome99_golden_tensor t;
    memset(&t, 0, sizeof t);
    t.name = a->name;
    t.integer = a->integer;
    t.rows = a->rows;
    t.cols = a->cols;
    t.tol64 = a->tol64;
    t.data = data;
    return t;
}

/* One committed array against what is computed here; exact where doubles are evaluated as doubles. */
static void compare(tally *t, const char *name, const rome99_golden_array *a, const rome99_golden *c) {
    const rome99_golden_tensor *made = rome99_golden_find(c, a->name);
    rome99_golden_tensor committed = tensor_of(a, words);
    rome99_class reached = ROME99_APART;
    if (made && a->rows * a->cols <= sizeof words / sizeof *words) {
        memcpy(words, a->words, a->rows * a->cols * sizeof *words);
        reached = rome99_golden_compare(&committed, made).reached;
    }
    if (reached > t->worst) t->worst = reached;
    if (reached <= (ROME99_EXACT_DOUBLES || a->exact ? ROME99_EXACT : ROME99_IN_F64))
        t->passed++;
    else
        fail(t, name, a->name);
}

/* Every committed array of a case; without `wrong` not those that show mistakes. */
static void compare_case(tally *t, const char *name, const rome99_golden *c, int wrong) {
    const rome99_golden_arrays *arrays = arrays_of(name);
    size_t k;
    if (!arrays) {
        give_up(t, name, "is not compiled in");
        return;
    }
    for (k = 0; k < arrays->count; k++)
        if (wrong || strcmp(arrays->array[k].role, "wrong") != 0) compare(t, name, &arrays->array[k], c);
}

/* ----------------------------------------------------------------------------- the edit */

typedef struct {
    rome99_gpt2 model;
    rome99_pair pair;
    rome99_update update;
    double *L, *W1; /* (F, F) the factor of C; (F, D) the edited weight */
    rome99_weight *w;
    void *rest; /* scratch, of the size wanted */
} edit;

/* Lays the edit out and returns its bytes; with base == NULL only that. */
static size_t lay_out(edit *e, const board_checkpoint *b, void *base) {
    rome99_arena a = {base, 0};
    size_t F = b->shape.F, bytes = rome99_pair_layout(&e->pair, &b->shape, &b->h, b->request.N, NULL);
    void *piece = rome99_take(&a, bytes, 1);
    if (base) rome99_pair_layout(&e->pair, &b->shape, &b->h, b->request.N, piece);
    bytes = rome99_update_layout(&e->update, &b->shape, NULL);
    piece = rome99_take(&a, bytes, 1);
    if (base) rome99_update_layout(&e->update, &b->shape, piece);
    e->L = rome99_take_doubles(&a, F, F);
    e->W1 = rome99_take_doubles(&a, F, b->shape.D);
    e->w = rome99_take(&a, rome99_tensor_count(&b->shape), sizeof *e->w);
    bytes = rome99_find_pair_scratch(&b->shape, &b->h, &b->request);
    e->rest = rome99_take(&a, bytes > ROME99_GOLDEN_BYTES ? bytes : ROME99_GOLDEN_BYTES, 1);
    return a.used;
}

/* Finds the edit and makes it. Returns 0 if C is not positive definite. */
static int find(edit *e, const board_checkpoint *b) {
    size_t F = b->shape.F, W = ROME99_LAYER(b->h.layer, ROME99_PROJ_W);
    memcpy(e->w, b->w, rome99_tensor_count(&b->shape) * sizeof *e->w);
    e->model.shape = b->shape;
    e->model.w = e->w;
    memcpy(e->L, b->C, F * F * sizeof *e->L);
    if (rome99_cholesky(e->L, F, e->rest) != 0) return 0;
    rome99_find_pair(&e->pair, &e->model, &b->h, &b->request, e->rest);
    rome99_find_update(&e->update, ROME99_C_ROME, &e->pair, e->L);
    rome99_apply(e->W1, e->w[W], &e->update, F, b->shape.D);
    return 1;
}

/* The tensors of a trace, into an empty case. */
static void trace(rome99_golden *c, const edit *e, const board_checkpoint *b, size_t T) {
    const rome99_pair *p = &e->pair;
    const rome99_request *q = &b->request;
    rome99_update update;
    size_t j, tokens = 0;
    for (j = 0; j <= q->N; j++) tokens += q->length[j];
    rome99_golden_ids(c, ROME99_INPUT, "ids", q->ids, tokens);
    rome99_golden_sizes(c, "length", q->length, q->N + 1);
    rome99_golden_sizes(c, "lookup", q->lookup, q->N + 1);
    rome99_golden_ids(c, ROME99_INPUT, "target", q->target, q->n_target);
    rome99_golden_expected_copy(c, "keys", p->keys, p->N, p->F);
    rome99_golden_expected_copy(c, "k_u", p->k_u, p->F, 1);
    rome99_golden_expected_copy(c, "k_bar", p->k_bar, p->F, 1);
    rome99_golden_expected_copy(c, "m_u", p->m_u, p->D, 1);
    rome99_golden_expected_copy(c, "m_bar", p->m_bar, p->D, 1);
    rome99_golden_logits(c, "logits", &e->model, q->ids, T, T);
    rome99_golden_expected_copy(c, "losses", p->losses, p->forwards, 4);
    rome99_golden_expected_copy(c, "steps", p->steps, p->forwards, p->D);
    rome99_golden_expected_copy(c, "delta", p->delta, p->D, 1);
    rome99_golden_expected_copy(c, "v_star", p->v_star, p->D, 1);
    c->brief = 1;
    rome99_golden_update(c, &update, ROME99_C_ROME, p, b->C, e->L);
}

/* A one-token subject opens the prompt, c-rome: what is found, and what the edited model then says. */
static void whole_edit(tally *t, const board_checkpoint *b) {
    static const char before[] = "edits/sink_first_c-rome", after[] = "edits/sink_first_c-rome_after";
    const rome99_golden_arrays *arrays = arrays_of(after);
    size_t T = b->request.length[0] - b->request.n_target + 1, k;
    rome99_golden c;
    edit e;
    if (lay_out(&e, b, NULL) > sizeof memory) {
        give_up(t, before, "needs more memory");
        return;
    }
    lay_out(&e, b, memory);
    if (!find(&e, b)) {
        give_up(t, before, "C is not positive definite");
        return;
    }
    rome99_golden_begin(&c, e.rest);
    trace(&c, &e, b, T);
    compare_case(t, before, &c, 0);
    e.w[ROME99_LAYER(b->h.layer, ROME99_PROJ_W)] = (rome99_weight){e.W1, ROME99_F64};
    rome99_golden_begin(&c, e.rest);
    rome99_golden_logits(&c, "logits_after", &e.model, b->request.ids, T, 1);
    for (k = 0; arrays && strcmp(arrays->array[k].name, "logits_after") != 0; k++) continue;
    if (arrays)
        compare(t, after, &arrays->array[k], &c);
    else
        give_up(t, after, "is not compiled in");
}

/* ------------------------------------------------------------------------------------ all */

/* Byte order, bits of a pointer, FLT_EVAL_METHOD. */
static void put_platform(void) {
    const unsigned one = 1;
    const int method = FLT_EVAL_METHOD;
    board_put(*(const unsigned char *)&one ? "platform: little " : "platform: big ");
    put_number(8 * sizeof(void *));
    board_put(method < 0 ? " -" : " ");
    put_number((unsigned long)(method < 0 ? -method : method));
    board_put("\n");
}

/* Makes a case; where doubles are evaluated as something else, from the committed inputs. */
static void make_case(rome99_golden *c, const rome99_golden_recipe *r) {
    static rome99_golden_tensor input[ROME99_GOLDEN_TENSORS];
    const rome99_golden_arrays *arrays = ROME99_EXACT_DOUBLES ? NULL : arrays_of(r->name);
    rome99_golden fed;
    size_t k;
    memset(&fed, 0, sizeof fed);
    fed.tensor = input;
    for (k = 0; arrays && k < arrays->count; k++)
        if (strcmp(arrays->array[k].role, "input") == 0)
            input[fed.tensors++] = tensor_of(&arrays->array[k], (void *)arrays->array[k].words);
    rome99_golden_begin(c, memory);
    c->fed = &fed;
    r->make(c, r->variant);
    c->fed = NULL;
}

void board_main(void) {
    tally golden = {0, 0, ROME99_EXACT}, edited = {0, 0, ROME99_EXACT};
    size_t i;
    put_platform();
    for (i = 0; i < rome99_golden_recipe_count(); i++) {
        rome99_golden_recipe r = rome99_golden_recipe_at(i);
        rome99_golden c;
        make_case(&c, &r);
        compare_case(&golden, r.name, &c, 1);
    }
    report(&golden, "golden cases");
    if (board_embedded) {
        whole_edit(&edited, board_embedded);
        report(&edited, "a whole edit");
    }
    if (board_stack() != 0) {
        board_put("stack: ");
        put_number(board_stack());
        board_put(" bytes\n");
    }
    golden.passed += edited.passed;
    golden.failed += edited.failed;
    put_counts(&golden);
    board_put("\n");
    board_exit(golden.failed != 0);
}
