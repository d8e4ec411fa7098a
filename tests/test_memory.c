/* test_memory.c: the bytes that the core asks for are those of the formulas in NOTES.md, "Porting". */
#include "core/rome99.h"
#include "test.h"

/* Bytes, in pieces of 8. */
static size_t pieces(size_t bytes) { return (bytes + 7) / 8 * 8; }

/* A batch of S texts, n tokens in all, `rows` of them with rows of their own, the longest text of `longest`. */
static size_t batch_bytes(size_t S, size_t n, size_t rows, size_t longest) {
    return pieces(4 * rows) + 2 * pieces(sizeof(size_t) * rows) + pieces(sizeof(size_t) * n) +
           pieces(sizeof(size_t) * S) + pieces(sizeof(size_t) * S * longest);
}

/* A pass over it: `keep` layers with the activations of `kept` rows, R rows of logits; backward: not (0), with
 * gradients of parameters (1) or without (2). */
static size_t run_bytes(const rome99_shape *s, size_t n, size_t longest, size_t keep, size_t kept, size_t R,
                        size_t backward) {
    size_t D = s->D, F = s->F, T = longest, head = D / s->H, wide = 3 * D > F ? 3 * D : F;
    size_t own = backward == 1, each = 2 * D + F; /* x_mid, k, m */
    size_t doubles;
    if (backward)
        each = kept * (2 * D + F + 4 + s->H * T) + 3 * n * D + own * kept * (4 * D + F);
    else
        each *= kept;
    doubles = n * (7 * D + F + 4)                                              /* one set, shared */
              + keep * each                                                    /* sets of their own */
              + kept * (2 * D + 2) + R * s->V                                  /* the end, the logits */
              + (backward > 0) * (kept * D + T * T) + own * kept * (5 * D + F) /* gradients */
              + 6 * T * head + T * T + wide + ROME99_PACK;                     /* one head; a vector; gemm */
    return pieces(s->L * sizeof(rome99_activations)) + 8 * doubles + pieces(sizeof(size_t) * T);
}

/* Keys, delta and the rest that stays, for N templates and `steps` iterations; one update. */
static size_t pair_bytes(const rome99_shape *s, size_t N, size_t steps) {
    return 8 * ((N + 2) * s->F + 4 * s->D + steps * (4 + 2 * s->D));
}
static size_t update_bytes(const rome99_shape *s) { return 8 * (s->F + 2 * s->D); }

/* What finding the pair needs meanwhile: n tokens in all texts, `grouped` of them not behind the KL prompt's lookup
 * position, `reached` of those from the lookup positions on; the target has n_target. */
static size_t find_bytes(const rome99_shape *s, size_t layer, size_t N, size_t n, size_t grouped,
                         size_t reached, size_t longest, size_t n_target) {
    return pieces(sizeof(size_t) * (N + 1)) + pieces(grouped) + pieces(s->L * sizeof(rome99_activations)) +
           8 * (s->V + 2 * s->D) + batch_bytes(N + 1, n, n, longest) + 8 * reached * s->D +
           run_bytes(s, n, longest, s->L - layer - 1, reached, N * n_target + 1, 2);
}

static void check(const char *what, size_t got, size_t formula) {
    CHECK(got == formula, "%s: %lu bytes, by the formula %lu", what, (unsigned long)got,
          (unsigned long)formula);
}

int main(void) {
    static const rome99_shape shapes[] = {{287, 32, 8, 32, 3, 2, 1e-5},
                                          {692, 64, 64, 256, 6, 4, 1e-5},
                                          {50257, 1024, 768, 3072, 12, 12, 1e-5},
                                          {13, 7, 6, 40, 2, 3, 1e-5},
                                          {29, 9, 10, 24, 3, 5, 1e-5}};
    static const size_t lengths[][4] = {
        {3, 6, 4, 3}, {5, 5, 5, 5}, {1, 1, 1, 1}, {2, 7, 1, 4}, {1, 2, 3, 12}};
    static const size_t lookups[][4] = {{0, 3, 1, 2}, {2, 3, 4, 4}, {0, 0, 0, 0}, {1, 4, 0, 3}, {0, 1, 1, 9}};
    static const int32_t ids[32] = {0}, target[2] = {0};
    size_t i, k, t;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (k = 0; k < 5; k++) {
            const rome99_shape *s = &shapes[i];
            size_t n = 0, longest = 0, reached = 1, layer = s->L / 2;
            rome99_plan plan = {{0, 1}, 0, 0, 0, 3}, trained = {{0, 0}, 0, 0, 1, 5};
            rome99_plan generating = {{0, 0}, 0, 1, 0, 1};
            size_t owner[32];
            rome99_hparams h = rome99_defaults;
            rome99_request q = {3, 1, ids, target, lengths[k], lookups[k]};
            rome99_batch batch;
            rome99_run run;
            rome99_pair pair;
            rome99_update update;
            for (t = 0; t < 4; t++) {
                n += lengths[k][t];
                longest = lengths[k][t] > longest ? lengths[k][t] : longest;
                if (t < 3) reached += lengths[k][t] - lookups[k][t];
            }
            check("batch", rome99_batch_layout(&batch, ids, lengths[k], 4, NULL, NULL, NULL, NULL),
                  batch_bytes(4, n, n, longest));
            for (t = 0; t < 32; t++) owner[t] = t;
            if (lengths[k][1] > 1) owner[lengths[k][0]] = 0;
            check("shared", rome99_batch_layout(&batch, ids, lengths[k], 4, NULL, NULL, owner, NULL),
                  batch_bytes(4, n, n - (lengths[k][1] > 1), longest));
            rome99_batch_layout(&batch, ids, lengths[k], 4, NULL, NULL, NULL, NULL);
            check("generation", rome99_run_layout(&run, s, &batch, generating, NULL),
                  run_bytes(s, n, longest, 0, n, 1, 0) + 8 * s->L * n * 3 * s->D);
            check("forward", rome99_run_layout(&run, s, &batch, plan, NULL),
                  run_bytes(s, n, longest, 1, n, 3, 0));
            trained.keep.hi = s->L;
            check("backward", rome99_run_layout(&run, s, &batch, trained, NULL),
                  run_bytes(s, n, longest, s->L, n, 5, 1));
            h.layer = layer;
            check("pair", rome99_pair_layout(&pair, s, &h, 3, NULL), pair_bytes(s, 3, h.v_num_grad_steps));
            check("update", rome99_update_layout(&update, s, NULL), update_bytes(s));
            check("scratch", rome99_find_pair_scratch(s, &h, &q),
                  find_bytes(s, layer, 3, n, n - lengths[k][3] + lookups[k][3] + 1, reached, longest, 1));
        }
    return test_end();
}
