/*
 * bench.c: what the core costs at GPT-2's sizes, each figure beside a peer that is timed in turn with it.
 *
 *     bench [PART...] [--runs N] [--tokens N]
 *
 * Parts: peak gemm forward edit moment cholesky growth; all of them by default. Weights are random. A figure is
 * the median of N runs (5); what takes long is run fewer times, and says so. Results are hashed, so that builds
 * can be compared.
 */
#include "core/rome99.h"
#include "files/os.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static size_t runs = 5, tokens = 8192;
static int failed; /* other bits than the naive loops */
static const rome99_shape gpt2 = {50257, 1024, 768, 3072, 12, 12, 1e-5};

/* ---------------------------------------------------------------------------- helpers */

static void *need(size_t bytes) {
    void *p = bytes == SIZE_MAX ? NULL : rome99_allocate(bytes);
    if (p) return p;
    fputs("bench: out of memory\n", stderr);
    exit(2);
}

static double *random_doubles(size_t n, double scale, uint64_t seed) {
    rome99_rng rng = {seed};
    double *x = need(n * sizeof *x);
    size_t i;
    for (i = 0; i < n; i++) x[i] = scale * (rome99_rng_uniform(&rng) - 0.5);
    return x;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, size_t n) {
    qsort(t, n, sizeof *t, ascending);
    return t[n / 2];
}

/* FNV-1a of the bits. */
static unsigned long hash(const double *x, size_t n) {
    uint64_t h = UINT64_C(14695981039346656037), bits;
    size_t i;
    for (i = 0; i < n; i++) {
        memcpy(&bits, &x[i], sizeof bits);
        h = (h ^ bits) * UINT64_C(1099511628211);
    }
    return (unsigned long)(h >> 32);
}

/* A model of random float32 weights. */
typedef struct {
    rome99_gpt2 model;
    float *numbers;
} random_model;

static random_model make_model(const rome99_shape *shape) {
    random_model m = {{*shape, NULL}, NULL};
    size_t count = rome99_tensor_count(shape), total = 0, i, j, n;
    rome99_rng rng = {99};
    for (i = 0; i < count; i++) total += rome99_describe(shape, i).rows * rome99_describe(shape, i).cols;
    m.model.w = need(count * sizeof *m.model.w);
    m.numbers = need(total * sizeof *m.numbers);
    for (i = 0, total = 0; i < count; i++, total += n) {
        rome99_tensor_info t = rome99_describe(shape, i);
        int gain = t.is_vector && strstr(t.name, "weight") != NULL;
        n = t.rows * t.cols;
        for (j = 0; j < n; j++)
            m.numbers[total + j] = (float)(0.1 * (rome99_rng_uniform(&rng) - 0.5) + (gain ? 1.0 : 0.0));
        m.model.w[i] = (rome99_weight){m.numbers + total, ROME99_F32};
    }
    return m;
}

static void free_model(random_model *m) {
    free(m->model.w);
    free(m->numbers);
}

/* ------------------------------------------------------------------- the machine's peak */

/* Multiplications and additions of 32, 64, 128 or 192 independent numbers in registers, in GFLOP/s. */
static double rate_of(double *s, size_t n) {
    const size_t rounds = 40000000 / n;
    double l[192], x = s[0], y = s[1], t = rome99_seconds();
    size_t r, i;
    memcpy(l, s, sizeof l);
    if (n == 32)
        for (r = 0; r < rounds; r++)
            for (i = 0; i < 32; i++) l[i] = l[i] * x + y;
    else if (n == 64)
        for (r = 0; r < rounds; r++)
            for (i = 0; i < 64; i++) l[i] = l[i] * x + y;
    else if (n == 128)
        for (r = 0; r < rounds; r++)
            for (i = 0; i < 128; i++) l[i] = l[i] * x + y;
    else
        for (r = 0; r < rounds; r++)
            for (i = 0; i < 192; i++) l[i] = l[i] * x + y;
    t = rome99_seconds() - t;
    memcpy(s + 2, l + 2, (n - 2) * sizeof *l);
    return 2e-9 * (double)(rounds * n) / t;
}

/* Whichever number of accumulators this build is fastest with: nothing below can be faster. */
static double measure_peak(void) {
    static const size_t sizes[] = {32, 64, 128, 192};
    static size_t best;
    double *s = random_doubles(192, 1e-3, 1), rate, most = 0.0;
    size_t i, j;
    s[0] = 0.999;
    s[1] = 1e-3;
    for (i = best ? 4 : 0; i < 4; i++)
        for (j = 0; j < 3; j++)
            if ((rate = rate_of(s, sizes[i])) > most) {
                most = rate;
                best = sizes[i];
            }
    rate = rate_of(s, best);
    free(s);
    return rate;
}

/* -------------------------------------------------------------------------------- gemm */

/* C += A B as the three lines of mat.c's definition say it. */
static void naive(double *C, const double *A, const double *B, size_t M, size_t N, size_t K) {
    size_t i, j, k;
    for (i = 0; i < M; i++)
        for (j = 0; j < N; j++) {
            double s = C[i * N + j];
            for (k = 0; k < K; k++) s += A[i * K + k] * B[k * N + j];
            C[i * N + j] = s;
        }
}

typedef struct {
    double *A, *B, *C, *pack;
    size_t M, N, K;
} product;

static product make_product(size_t M, size_t N, size_t K) {
    product p = {random_doubles(M * K, 1.0, 1),
                 random_doubles(K * N, 1.0, 2),
                 need(M * N * sizeof(double)),
                 need(ROME99_PACK * sizeof(double)),
                 M,
                 N,
                 K};
    memset(p.C, 0, M * N * sizeof(double));
    return p;
}

static void free_product(product *p) {
    free(p->A);
    free(p->B);
    free(p->C);
    free(p->pack);
}

static double time_gemm(const product *p) {
    double t = rome99_seconds();
    rome99_gemm(p->C, p->N, 1.0, rome99_rows(p->A, p->K), rome99_rows(p->B, p->N), p->M, p->N, p->K, p->pack);
    return rome99_seconds() - t;
}

static double time_peer(const product *p) {
    double t = rome99_seconds();
    peer_dgemm(p->C, p->A, p->B, p->M, p->N, p->K);
    return rome99_seconds() - t;
}

static double gflop(const product *p) { return 2e-9 * (double)p->M * (double)p->N * (double)p->K; }

/* One shape: the peak, ours and the peer in turn. */
static void bench_gemm(size_t M) {
    product p = make_product(M, 3072, 768);
    double peak[MOST], ours[MOST], peer[MOST], a, b, *C = need(M * p.N * sizeof *C);
    size_t i, n = 3 * runs;
    int same;
    naive(C, p.A, p.B, M, p.N, p.K);
    time_gemm(&p);
    same = memcmp(C, p.C, M * p.N * sizeof *C) == 0;
    failed |= !same;
    for (i = 0; i < n; i++) {
        peak[i] = measure_peak();
        ours[i] = time_gemm(&p);
        peer[i] = peer_name ? time_peer(&p) : 0.0;
    }
    a = gflop(&p) / median(ours, n);
    b = gflop(&p) / median(peer, n);
    printf("gemm %3lu x 768 x 3072   %6.1f GFLOP/s   %.2f of the peak, %.1f", (unsigned long)M, a,
           a / median(peak, n), median(peak, n));
    if (peer_name) printf("   %.2f x %s's %.1f", a / b, peer_name, b);
    printf("   %s\n", same ? "bits of the naive loops" : "OTHER BITS THAN THE NAIVE LOOPS");
    fflush(stdout);
    free(C);
    free_product(&p);
}

/* ----------------------------------------------------------------------------- forward */

/* A batch with its run; ids are seeded. */
typedef struct {
    rome99_batch batch;
    rome99_run run;
    void *batch_memory, *run_memory;
} pass;

static pass make_pass(const rome99_shape *shape, size_t T, size_t logit_rows) {
    pass p;
    rome99_plan plan = {{0, 0}, 0, 0, 0, 0};
    rome99_rng rng = {7};
    int32_t *ids = need(T * sizeof *ids);
    size_t i;
    plan.logit_rows = logit_rows;
    for (i = 0; i < T; i++) ids[i] = (int32_t)rome99_rng_below(&rng, shape->V);
    p.batch_memory = need(rome99_batch_layout(&p.batch, ids, &T, 1, NULL, NULL, NULL, NULL));
    rome99_batch_layout(&p.batch, ids, &T, 1, NULL, NULL, NULL, p.batch_memory);
    p.run_memory = need(rome99_run_layout(&p.run, shape, &p.batch, plan, NULL));
    rome99_run_layout(&p.run, shape, &p.batch, plan, p.run_memory);
    free(ids);
    return p;
}

static void free_pass(pass *p) {
    free(p->batch_memory);
    free(p->run_memory);
}

static double time_forward(pass *p, const rome99_gpt2 *model) {
    rome99_range all = {0, 0};
    double t = rome99_seconds();
    all.hi = p->batch.n;
    p->run.batch = &p->batch;
    rome99_forward(&p->run, model, all);
    rome99_head_forward(&p->run, model, all);
    return rome99_seconds() - t;
}

/* Of a forward pass of T tokens: matrices, attention (causal: half), head. */
static double forward_gflop(const rome99_shape *s, size_t T) {
    double t = (double)T, d = (double)s->D,
           layer = 2.0 * t * d * (4.0 * d + 2.0 * (double)s->F) + 2.0 * t * t * d;
    return 1e-9 * ((double)s->L * layer + 2.0 * t * d * (double)s->V);
}

static void bench_forward(const random_model *m) {
    product g = make_product(512, 3072, 768);
    pass p = make_pass(&gpt2, 512, 512);
    double ours[MOST], gemm[MOST], a, b;
    size_t i;
    time_forward(&p, &m->model);
    for (i = 0; i < runs; i++) {
        gemm[i] = time_gemm(&g);
        ours[i] = time_forward(&p, &m->model);
    }
    a = median(ours, runs);
    b = gflop(&g) / median(gemm, runs);
    printf("forward, 512 tokens, all logits   %.3f s, %.1f GFLOP/s   %.2f x the gemm's %.1f   (bits %08lx)\n",
           a, forward_gflop(&gpt2, 512) / a, forward_gflop(&gpt2, 512) / a / b, b,
           hash(p.run.logits, 512 * gpt2.V));
    fflush(stdout);
    free_pass(&p);
    free_product(&g);
}

/* -------------------------------------------------------------------------------- edit */

/* A whole edit: keys, delta, update, the new weight. The bare prompt and N - 1 prefixes of 3 to 13 tokens; the
 * prompt has 6 tokens, the subject is its first 2; the target has 2. */
static double time_edit(unsigned long *bits, const random_model *m, size_t N, size_t steps) {
    enum { PROMPT = 6, SUBJECT = 2, TARGET = 2, KL = SUBJECT + 2, MOST_TOKENS = 13 + PROMPT + TARGET };
    const rome99_shape *s = &m->model.shape;
    rome99_hparams h = rome99_defaults;
    int32_t *ids = need(MOST_TOKENS * (N + 1) * sizeof *ids), target[TARGET] = {11, 12};
    size_t *length = need((N + 1) * sizeof *length), *lookup = need((N + 1) * sizeof *lookup), j, i, n = 0;
    rome99_request q;
    rome99_pair pair;
    rome99_update update;
    rome99_rng rng = {5};
    void *a, *b, *c;
    double t = rome99_seconds(), *W1 = need(s->F * s->D * sizeof *W1);
    h.layer = s->L / 2;
    h.v_num_grad_steps = steps;
    for (j = 0; j <= N; j++) {
        size_t prefix = j == 0 || j == N ? 0 : 3 + (j - 1) * 10 / (N - 2);
        length[j] = j == N ? KL : prefix + PROMPT + TARGET - 1;
        lookup[j] = prefix + SUBJECT - 1;
        for (i = 0; i < length[j]; i++)
            ids[n++] = i < prefix ? (int32_t)rome99_rng_below(&rng, s->V) : 100 + (int32_t)(i - prefix);
    }
    q = (rome99_request){N, TARGET, ids, target, length, lookup};
    a = need(rome99_pair_layout(&pair, s, &h, N, NULL));
    rome99_pair_layout(&pair, s, &h, N, a);
    b = need(rome99_update_layout(&update, s, NULL));
    rome99_update_layout(&update, s, b);
    c = need(rome99_find_pair_scratch(s, &h, &q));
    rome99_find_pair(&pair, &m->model, &h, &q, c);
    rome99_find_update(&update, ROME99_ROME, &pair, NULL);
    rome99_apply(W1, m->model.w[ROME99_LAYER(h.layer, ROME99_PROJ_W)], &update, s->F, s->D);
    t = rome99_seconds() - t;
    *bits = hash(W1, s->F * s->D);
    if (pair.forwards != steps) fprintf(stderr, "bench: only %lu forwards\n", (unsigned long)pair.forwards);
    free(ids);
    free(length);
    free(lookup);
    free(a);
    free(b);
    free(c);
    free(W1);
    return t;
}

static void bench_edit(const random_model *m) {
    product g = make_product(512, 3072, 768);
    double ours[MOST], peer[MOST], a;
    size_t n = runs < 3 ? runs : 3, i, j;
    unsigned long bits = 0;
    for (i = 0; i < n; i++) {
        ours[i] = time_edit(&bits, m, 21, 20);
        for (peer[i] = 0.0, j = 0; peer_name && j < 41; j++) peer[i] += time_peer(&g); /* 99 GFLOP */
    }
    a = median(ours, n);
    printf("edit, 21 templates, 20 iterations   %.2f s", a);
    if (peer_name) printf("   %.2f x %s's 99 GFLOP", a / median(peer, n), peer_name);
    printf("   (bits %08lx)\n", bits);
    fflush(stdout);
    free_product(&g);
}

/* ----------------------------------------------------------------------- second moment */

/* C of layer 6 in windows of 1,024, against the same passes up to that layer without it. */
static void bench_moment(const random_model *m) {
    const size_t T = gpt2.T, layer = 6, F = gpt2.F, windows = (tokens + T - 1) / T;
    pass p = make_pass(&gpt2, T, 1);
    double forward = 0.0, moment = 0.0, t, *C = need(F * F * sizeof *C);
    rome99_range all = {0, 0};
    size_t w, l, i;
    all.hi = T;
    p.run.batch = &p.batch;
    memset(C, 0, F * F * sizeof *C);
    for (w = 0; w < windows; w++) {
        t = rome99_seconds();
        rome99_embed_forward(&p.run, &m->model, all);
        for (l = 0; l < layer; l++) {
            rome99_layer_forward(&p.run, &m->model, l, all, all);
            rome99_layer_leave(&p.run, l, all);
        }
        rome99_layer_forward(&p.run, &m->model, layer, all, all);
        forward += rome99_seconds() - t;
        t = rome99_seconds();
        rome99_second_moment(C, p.run.layer[layer].k, T, F, p.run.pack);
        moment += rome99_seconds() - t;
    }
    for (i = 0; i < F * F; i++) C[i] /= (double)(windows * T);
    printf("second moment of layer 6, %lu tokens   %.2f s   %.2f x the forward passes alone   (bits %08lx)\n",
           (unsigned long)(windows * T), forward + moment, (forward + moment) / forward, hash(C, F * F));
    fflush(stdout);
    free(C);
    free_pass(&p);
}

/* ---------------------------------------------------------------------------- Cholesky */

static void bench_cholesky(size_t F) {
    product g = make_product(512, 3072, 768);
    double *C = random_doubles(F * F, 1.0, 3), *b = random_doubles(F, 1.0, 4), gemm[MOST], factor, solve,
           rate;
    double n = (double)F, work = 1e-9 * (n * n * n / 3.0 + 2.0 * n * n);
    size_t i, pivot;
    for (i = 0; i < F; i++) C[i * F + i] = n; /* the lower triangle is all that is read */
    for (i = 0; i < runs; i++) gemm[i] = time_gemm(&g);
    factor = rome99_seconds();
    pivot = rome99_cholesky(C, F, g.pack);
    factor = rome99_seconds() - factor;
    solve = rome99_seconds();
    rome99_cholesky_solve(b, C, b, F);
    solve = rome99_seconds() - solve;
    rate = work / (factor + solve);
    printf(
        "Cholesky and solve, F = %lu   %.2f s + %.2f s, %.1f GFLOP/s   %.2f x the gemm's   (bits %08lx)%s\n",
        (unsigned long)F, factor, solve, rate, rate * median(gemm, runs) / gflop(&g), hash(b, F),
        pivot ? " FAILED" : "");
    fflush(stdout);
    free(C);
    free(b);
    free_product(&g);
}

/* ------------------------------------------------------------------------------ growth */

static void growth_of_forward(size_t T, size_t D) {
    rome99_shape shape = gpt2;
    random_model m;
    pass p;
    double t;
    shape.L = 4;
    shape.D = D;
    shape.F = 4 * D;
    shape.H = D / 64;
    m = make_model(&shape);
    p = make_pass(&shape, T, T);
    time_forward(&p, &m.model);
    t = time_forward(&p, &m.model);
    printf("  forward, T = %4lu, D = %4lu   %6.3f s   %6.1f GFLOP/s\n", (unsigned long)T, (unsigned long)D, t,
           forward_gflop(&shape, T) / t);
    free_pass(&p);
    free_model(&m);
}

static void bench_growth(void) {
    static const size_t T[] = {128, 256, 512, 1024}, D[] = {256, 512, 768, 1024}, N[] = {6, 11, 21, 41};
    rome99_shape shape = gpt2;
    random_model m;
    unsigned long bits;
    size_t i;
    puts("growth (4 layers; each once, after a pass to warm up)");
    for (i = 0; i < 4; i++) growth_of_forward(T[i], 768);
    for (i = 0; i < 4; i++) growth_of_forward(256, D[i]);
    shape.L = 4;
    m = make_model(&shape);
    for (i = 0; i < 4; i++)
        printf("  edit, %2lu templates, 5 iterations   %6.3f s\n", (unsigned long)N[i],
               time_edit(&bits, &m, N[i], 5));
    free_model(&m);
    fflush(stdout);
}

/* -------------------------------------------------------------------------------- main */

static int usage(void) {
    fputs(
        "usage: bench [peak] [gemm] [forward] [edit] [moment] [cholesky] [growth] [--runs N] [--tokens N]\n",
        stderr);
    return 2;
}

int main(int argc, char **argv) {
    static const char *const parts[] = {"peak", "gemm", "forward", "edit", "moment", "cholesky", "growth"};
    int chosen[7] = {0}, any = 0, a, i;
    random_model m = {{{0, 0, 0, 0, 0, 0, 0.0}, NULL}, NULL};
    for (a = 1; a < argc; a++) {
        for (i = 0; i < 7 && strcmp(argv[a], parts[i]) != 0; i++)
            ;
        if (i < 7)
            chosen[i] = any = 1;
        else if (a + 1 < argc && strcmp(argv[a], "--runs") == 0 && atoi(argv[a + 1]) > 0)
            runs = (size_t)atoi(argv[++a]);
        else if (a + 1 < argc && strcmp(argv[a], "--tokens") == 0 && atoi(argv[a + 1]) > 0)
            tokens = (size_t)atoi(argv[++a]);
        else
            return usage();
    }
    if (runs > MOST / 3) return usage();
    for (i = 0; i < 7 && !any; i++) chosen[i] = 1;
    if (!peer_name) puts("(no OpenBLAS to compare with: sh tests/bench/install)");
    if (chosen[0]) printf("peak: multiply and add, in registers   %.1f GFLOP/s\n", measure_peak());
    if (chosen[1]) {
        bench_gemm(32);
        bench_gemm(128);
        bench_gemm(512);
    }
    if (chosen[2] || chosen[3] || chosen[4]) m = make_model(&gpt2);
    if (chosen[2]) bench_forward(&m);
    if (chosen[3]) bench_edit(&m);
    if (chosen[4]) bench_moment(&m);
    free_model(&m);
    if (chosen[5]) bench_cholesky(6400);
    if (chosen[6]) bench_growth();
    return failed;
}
