/* test_core.c: matrices, the generator, the forward and the backward pass. */
#include "core/arena.h"
#include "core/rome99.h"
#include "model.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- matrices */

static double element(rome99_view v, size_t i, size_t j) {
    rome99_weight w;
    double x;
    w.data = v.data;
    w.dtype = v.dtype;
    rome99_widen(&x, w, i * v.row + j * v.col, 1);
    return x;
}

/* The three lines that gemm means. */
static void plain_gemm(double *C, size_t ldc, double alpha, rome99_view A, rome99_view B, size_t M, size_t N,
                       size_t K) {
    size_t i, j, k;
    for (i = 0; i < M; i++)
        for (j = 0; j < N; j++)
            for (k = 0; k < K; k++) C[i * ldc + j] += (alpha * element(A, i, k)) * element(B, k, j);
}

static void test_gemm(void) {
    static const size_t shapes[][3] = {
        {1, 1, 1},      {3, 5, 2},   {4, 4, 4},     {7, 33, 9},   {97, 65, 3}, {5, 300, 7}, {2, 3, 300},
        {100, 40, 257}, {13, 1, 40}, {1, 270, 260}, {6, 32, 256}, {0, 3, 3},   {3, 3, 0},   {519, 35, 163}};
    static double a[90000], b[90000], c[40000], d[40000], pack[ROME99_PACK + 1];
    static float af[90000];
    static uint16_t half[90000];
    rome99_rng rng = {7};
    size_t s, i, kind;
    pack[ROME99_PACK] = 99.0;
    for (i = 0; i < 90000; i++) {
        af[i] = (float)rome99_rng_normal(&rng);
        a[i] = (double)af[i];
    }
    for (i = 0; i < 90000; i++) {
        b[i] = rome99_rng_normal(&rng) * 1e3;
        half[i] = (uint16_t)(0x3800u + rome99_rng_below(&rng, 0x800) +
                             (i % 2 << 15)); /* up to 2 in size, in either type */
    }
    for (s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (kind = 0; kind < 8; kind++) {
            size_t M = shapes[s][0], N = shapes[s][1], K = shapes[s][2], ldc = N + kind % 2;
            double alpha = kind % 3 == 1 ? -1.0 : 1.0;
            rome99_view A = kind & 1 ? rome99_columns(a, M + 1) : rome99_rows(a, K + 2);
            rome99_view B = kind & 2 ? rome99_columns(b, K + 1) : rome99_rows(b, N);
            rome99_weight w = {af, ROME99_F32};
            rome99_weight h = {half, kind == 5 ? ROME99_F16 : ROME99_BF16};
            if (kind & 4) A = kind & 1 ? rome99_weight_columns(w, M + 1) : rome99_weight_rows(w, K + 2);
            if (kind == 5 || kind == 6)
                B = kind & 2 ? rome99_weight_columns(h, K + 1) : rome99_weight_rows(h, N);
            for (i = 0; i < M * ldc; i++) c[i] = d[i] = (double)i;
            for (; i < 40000; i++) c[i] = d[i] = -0.0; /* 0 added to it would show */
            rome99_gemm(c, ldc, alpha, A, B, M, N, K, pack);
            plain_gemm(d, ldc, alpha, A, B, M, N, K);
            CHECK(memcmp(c, d, sizeof c) == 0, "gemm %lu x %lu x %lu, kind %lu: other bits",
                  (unsigned long)M, (unsigned long)N, (unsigned long)K, (unsigned long)kind);
        }
    CHECK(pack[ROME99_PACK] == 99.0, "gemm writes behind its scratch");
}

static void test_widen(void) {
    static const struct {
        uint16_t f16;
        double value;
    } half[] = {{0x0000, 0.0},
                {0x3c00, 1.0},
                {0xc000, -2.0},
                {0x7bff, 65504.0},
                {0x0400, 6.103515625e-05},
                {0x0001, 5.9604644775390625e-08},
                {0x83ff, -6.097555160522461e-05},
                {0x3555, 0.333251953125}};
    static const uint16_t brain[] = {0x3f80, 0xc040, 0x0001, 0x7f7f, 0x8000};
    static const double value[] = {1.0, -3.0, 9.183549615799121e-41, 3.3895313892515355e38, -0.0};
    rome99_weight w;
    double x;
    size_t i, wrong;
    for (i = 0; i < sizeof half / sizeof *half; i++) {
        w.data = &half[i].f16;
        w.dtype = ROME99_F16;
        rome99_widen(&x, w, 0, 1);
        CHECK(x == half[i].value, "F16 %04x: got %.17g, expected %.17g", half[i].f16, x, half[i].value);
    }
    for (i = 0; i < 5; i++) {
        w.data = &brain[i];
        w.dtype = ROME99_BF16;
        rome99_widen(&x, w, 0, 1);
        CHECK(memcmp(&x, &value[i], 8) == 0, "BF16 %04x: got %.17g, expected %.17g", brain[i], x, value[i]);
    }
    CHECK(rome99_dtype_size(ROME99_F64) == 8 && rome99_dtype_size(ROME99_F32) == 4 &&
              rome99_dtype_size(ROME99_F16) == 2 && rome99_dtype_size(ROME99_BF16) == 2,
          "the sizes of the types");
    for (i = 0, wrong = 0; i < 0x10000; i++) { /* every float16, by its definition */
        uint16_t h = (uint16_t)i;
        int exponent = (int)(i >> 10 & 31);
        double fraction = (double)(i & 0x3ff) + (exponent > 0 ? 1024.0 : 0.0);
        double expected = ldexp(fraction, (exponent > 0 ? exponent : 1) - 25);
        if (exponent == 31) expected = fraction > 1024.0 ? (double)NAN : (double)INFINITY;
        w.data = &h;
        w.dtype = ROME99_F16;
        rome99_widen(&x, w, 0, 1);
        wrong += !(x == (i >> 15 ? -expected : expected) || (x != x && expected != expected));
    }
    CHECK(wrong == 0, "F16: %lu of 65536 values are wrong", (unsigned long)wrong);
}

static void test_sizes(void) {
    static const size_t size[] = {8, 4, 2, 2};
    rome99_hparams h = rome99_defaults;
    int i;
    for (i = 0; i < 4; i++) CHECK(rome99_dtype_size((rome99_dtype)i) == size[i], "size of type %d", i);
    CHECK(h.layer == 0 && h.v_num_grad_steps == 20 && h.v_lr == 0.5 && h.v_weight_decay == 0.5 &&
              h.clamp_norm_factor == 4.0 && h.kl_factor == 0.0625,
          "the hyper-parameters of the specification");
}

/* B B^T + n I for a random B. */
static void positive_definite(double *A, size_t n, rome99_rng *rng) {
    double *B = malloc(n * n * sizeof *B), *pack = malloc(ROME99_PACK * sizeof *pack);
    size_t i;
    for (i = 0; i < n * n; i++) B[i] = rome99_rng_normal(rng);
    memset(A, 0, n * n * sizeof *A);
    rome99_gemm(A, n, 1.0, rome99_rows(B, n), rome99_columns(B, n), n, n, n, pack);
    for (i = 0; i < n; i++) A[i * n + i] += 0.1;
    free(B);
    free(pack);
}

static void test_cholesky(void) {
    static const size_t sizes[] = {1, 2, 63, 127, 128, 129, 260};
    static double A[260 * 260], L[260 * 260], M[260 * 260], x[260], b[260], pack[ROME99_PACK];
    rome99_rng rng = {3};
    size_t s, i, j, k;
    for (s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        double residual = 0.0, size = 0.0, worst = 0.0;
        positive_definite(A, n, &rng);
        memcpy(L, A, n * n * sizeof *A);
        memcpy(M, A, n * n * sizeof *A);
        CHECK(rome99_cholesky(L, n, pack) == 0, "Cholesky of a positive definite matrix, n = %lu",
              (unsigned long)n);
        for (j = 0; j < n; j++) /* the plain loops, in place in M */
            for (i = j; i < n; i++) {
                for (k = 0; k < j; k++) M[i * n + j] -= M[i * n + k] * M[j * n + k];
                M[i * n + j] = i == j ? rome99_sqrt(M[i * n + j]) : M[i * n + j] / M[j * n + j];
            }
        for (i = 0; i < n; i++)
            for (j = 0; j <= i; j++) {
                double sum = -A[i * n + j];
                CHECK(SAME(L[i * n + j], M[i * n + j]), "Cholesky (%lu, %lu): not the plain loop's bits",
                      (unsigned long)i, (unsigned long)j);
                for (k = 0; k <= j; k++) sum += L[i * n + k] * L[j * n + k];
                residual += sum * sum;
                size += A[i * n + j] * A[i * n + j];
            }
        CHECK_LE(sqrt(residual / size) / ((double)n * 2.3e-16), 30.0, "|L L^T - A| / (n |A| eps)");
        for (i = 0; i < n; i++) b[i] = rome99_rng_normal(&rng);
        rome99_cholesky_solve(x, L, b, n);
        for (i = 0; i < n; i++) {
            double r = rome99_dot(A + i * n, x, n) - b[i];
            worst = fabs(r) > worst ? fabs(r) : worst;
        }
        CHECK_LE(worst, 1e-10, "residual of the solve");
        memcpy(x, b, n * sizeof *b);
        rome99_cholesky_solve(x, L, x, n);
        rome99_cholesky_solve(b, L, b, n);
        CHECK(memcmp(x, b, n * sizeof *b) == 0, "solve in place");
    }
    positive_definite(M, 150, &rng);
    for (i = 0; i < 150; i += i == 127 ? 1 : i == 0 ? 127 : 21) /* in both panels of columns */
        for (k = 0; k < 4; k++) {
            static const double bad[] = {-1.0, (double)NAN, (double)INFINITY, 0.0};
            size_t failed;
            memcpy(A, M, 150 * 150 * sizeof *A);
            if (bad[k] == 0.0)
                for (j = 0; j < 150; j++) A[i * 150 + j] = A[j * 150 + i] = 0.0;
            else
                A[i * 150 + i] = bad[k];
            failed = rome99_cholesky(A, 150, pack);
            CHECK(failed == i + 1, "pivot %lu is %g: %lu is named", (unsigned long)i, bad[k],
                  (unsigned long)failed);
        }
}

/* The state before the number z: SplitMix64 backwards. */
static rome99_rng before(uint64_t z) {
    rome99_rng rng;
    z = (z ^ (z >> 31) ^ (z >> 62)) * UINT64_C(0x319642b2d24d8ec3);
    z = (z ^ (z >> 27) ^ (z >> 54)) * UINT64_C(0x96de1b173f119089);
    rng.state = (z ^ (z >> 30) ^ (z >> 60)) - UINT64_C(0x9e3779b97f4a7c15);
    return rng;
}

static void test_rng_exactly(void) {
    static const uint64_t bits[] = {0, 2047, 2048, UINT64_C(1) << 63, UINT64_MAX};
    static const double uniform[] = {0.0, 0.0, 0x1p-53, 0.5, 1.0 - 0x1p-53};
    static const size_t bounds[] = {1, 2, 7, 1000, SIZE_MAX / 2 + 2, SIZE_MAX / 3 * 2 + 1, SIZE_MAX};
    rome99_rng rng, plain = {11};
    size_t i, j;
    for (i = 0; i < 5; i++) {
        double u;
        rng = before(bits[i]);
        u = rome99_rng_uniform(&rng);
        CHECK(u == uniform[i], "uniform: %.17g, not %.17g", u, uniform[i]);
    }
    for (i = 0; i < sizeof bounds / sizeof *bounds; i++) { /* numbers below 2^64 mod n are drawn again */
        uint64_t n = bounds[i], reject = (UINT64_MAX % n + 1) % n, z;
        for (j = 0; j < 200; j++) {
            size_t got;
            rng = plain;
            do z = rome99_rng_next(&plain);
            while (z < reject);
            got = rome99_rng_below(&rng, bounds[i]);
            CHECK(got == z % n && rng.state == plain.state, "below(%lu): %lu", (unsigned long)n,
                  (unsigned long)got);
        }
        rng = before(reject);
        CHECK(rome99_rng_below(&rng, bounds[i]) == reject % n, "below(%lu): the least that counts",
              (unsigned long)n);
        if (reject == 0) continue;
        rng = plain = before(reject - 1);
        rome99_rng_next(&plain);
        rome99_rng_below(&rng, bounds[i]);
        CHECK(rng.state != plain.state, "below(%lu): the greatest that is drawn again", (unsigned long)n);
    }
    rng.state = plain.state = 23473090; /* the first point lies 1.2e-9 outside the circle */
    for (i = 0; i < 100; i++) {
        double x, y, s, got = rome99_rng_normal(&rng);
        do {
            x = rome99_rng_uniform(&plain) * 2.0 - 1.0;
            y = rome99_rng_uniform(&plain) * 2.0 - 1.0;
            s = x * x + y * y;
        } while (!(s > 0.0 && s < 1.0));
        x *= rome99_sqrt(rome99_log(s) * -2.0 / s);
        CHECK(SAME(x, got) && rng.state == plain.state, "normal: %.17g, not %.17g", got, x);
    }
}

static void test_rng(void) {
    static const uint64_t known[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    rome99_rng rng = {1234567};
    double sum = 0.0, squares = 0.0;
    size_t i, counts[7] = {0};
    for (i = 0; i < 4; i++)
        CHECK(rome99_rng_next(&rng) == known[i], "SplitMix64, number %lu", (unsigned long)i);
    for (i = 0; i < 70000; i++) counts[rome99_rng_below(&rng, 7)]++;
    for (i = 0; i < 7; i++)
        CHECK(counts[i] > 9600 && counts[i] < 10400, "below(7): %lu of 70000 are %lu",
              (unsigned long)counts[i], (unsigned long)i);
    for (i = 0; i < 100000; i++) {
        double x = rome99_rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    CHECK_LE(fabs(sum / 1e5), 0.02, "mean of normal deviates");
    CHECK_LE(fabs(squares / 1e5 - 1.0), 0.02, "their variance");
    test_rng_exactly();
}

/* -------------------------------------------------------------------------- forward */

static const int32_t test_ids[] = {1, 4, 7, 2, 9, 5, 3, 3, 8, 0, 6, 10};
static const size_t test_length[] = {6, 1, 5};

static void test_forward(void) {
    model m;
    passes a, b;
    rome99_range all = {0, 12};
    size_t i, j, h, r, longest = 6;
    unsigned char group[12] = {0, 2, 1, 1, 0, 2, 1, 2, 0, 0, 1, 0};
    size_t start[257];
    make_model(&m, 11, 6, 8, 32, 3, 2, 5);
    make_passes(&a, &m, test_ids, test_length, 3, NULL, NULL);
    rome99_forward(&a.run, &m.gpt2, all);
    rome99_head_forward(&a.run, &m.gpt2, all);
    for (r = 0; r < 12; r++)
        for (h = 0; h < 2; h++) {
            double sum = 0.0;
            for (j = 0; j <= a.batch.position[r]; j++) sum += a.run.layer[1].att[(r * 2 + h) * longest + j];
            CHECK_LE(fabs(sum - 1.0), 1e-15, "attention weights sum to 1");
        }
    make_passes(&b, &m, test_ids, test_length, 3, group, start);
    CHECK(start[0] == 0 && start[1] == 5 && start[2] == 9 && start[3] == 12 && start[256] == 12,
          "group starts");
    rome99_forward(&b.run, &m.gpt2, all);
    rome99_head_forward(&b.run, &m.gpt2, all);
    for (i = 0; i < 3; i++)
        for (j = 0; j < test_length[i]; j++) {
            size_t ra = a.batch.row[i * longest + j], rb = b.batch.row[i * longest + j];
            CHECK(memcmp(a.run.logits + ra * 11, b.run.logits + rb * 11, 11 * sizeof(double)) == 0,
                  "another order of rows: other bits at text %lu position %lu", (unsigned long)i,
                  (unsigned long)j);
        }
    for (j = 0; j < 6; j++) { /* one row at a time, keys and values kept */
        rome99_range row;
        size_t l;
        row.lo = j;
        row.hi = j + 1;
        if (j == 0) {
            free_passes(&b);
            make_passes(&b, &m, test_ids, test_length, 1, NULL, NULL);
        }
        rome99_embed_forward(&b.run, &m.gpt2, row);
        for (l = 0; l < 3; l++) {
            rome99_layer_forward(&b.run, &m.gpt2, l, row, row);
            rome99_layer_leave(&b.run, l, row);
        }
        rome99_head_forward(&b.run, &m.gpt2, row);
        CHECK(memcmp(a.run.logits + j * 11, b.run.logits, 11 * sizeof(double)) == 0,
              "row by row: other bits at position %lu", (unsigned long)j);
    }
    free_passes(&a);
    free_passes(&b);
    free_model(&m);
}

/* Two texts that begin alike, with rows of their own and with what is alike computed once. */
static void test_shared_rows(void) {
    static const int32_t ids[10] = {1, 4, 7, 2, 9, 1, 4, 7, 5, 3};
    static const size_t length[2] = {5, 5}, owner[10] = {0, 1, 2, 3, 4, 0, 1, 2, 8, 9};
    rome99_range own = {0, 10}, less = {0, 7};
    rome99_plan plan = {{0, 0}, 0, 0, 0, 7};
    rome99_batch batch;
    rome99_run run;
    model m;
    passes a;
    void *batch_memory, *run_memory;
    size_t s, p;
    make_model(&m, 11, 6, 8, 32, 3, 2, 5);
    make_passes(&a, &m, ids, length, 2, NULL, NULL);
    rome99_forward(&a.run, &m.gpt2, own);
    rome99_head_forward(&a.run, &m.gpt2, own);
    batch_memory = malloc(rome99_batch_layout(&batch, ids, length, 2, NULL, NULL, owner, NULL));
    rome99_batch_layout(&batch, ids, length, 2, NULL, NULL, owner, batch_memory);
    run_memory = malloc(rome99_run_layout(&run, &m.gpt2.shape, &batch, plan, NULL));
    rome99_run_layout(&run, &m.gpt2.shape, &batch, plan, run_memory);
    CHECK(batch.n == 7, "%lu rows, not 7", (unsigned long)batch.n);
    rome99_forward(&run, &m.gpt2, less);
    rome99_head_forward(&run, &m.gpt2, less);
    for (s = 0; s < 2; s++)
        for (p = 0; p < 5; p++)
            CHECK(memcmp(run.logits + batch.row[s * 5 + p] * 11, a.run.logits + (s * 5 + p) * 11,
                         11 * sizeof(double)) == 0,
                  "shared rows: other bits in text %lu at position %lu", (unsigned long)s, (unsigned long)p);
    free(batch_memory);
    free(run_memory);
    free_passes(&a);
    free_model(&m);
}

/* Token by token, where layers keep q, k, v alone: what a decoder does. */
static void test_kept_qkv(void) {
    static const rome99_range all = {0, 6};
    const rome99_plan plan = {{0, 0}, 0, 1, 0, 1};
    model m;
    passes a;
    rome99_run run;
    void *memory;
    size_t length = 6, j, l;
    make_model(&m, 11, 6, 8, 32, 3, 2, 5);
    make_passes(&a, &m, test_ids, &length, 1, NULL, NULL);
    rome99_forward(&a.run, &m.gpt2, all);
    rome99_head_forward(&a.run, &m.gpt2, all);
    memory = malloc(rome99_run_layout(&run, &m.gpt2.shape, &a.batch, plan, NULL));
    rome99_run_layout(&run, &m.gpt2.shape, &a.batch, plan, memory);
    for (j = 0; j < 6; j++) {
        rome99_range row;
        row.lo = j;
        row.hi = j + 1;
        rome99_embed_forward(&run, &m.gpt2, row);
        for (l = 0; l < 3; l++) {
            rome99_layer_forward(&run, &m.gpt2, l, row, row);
            rome99_layer_leave(&run, l, row);
        }
        rome99_head_forward(&run, &m.gpt2, row);
        CHECK(memcmp(a.run.logits + j * 11, run.logits, 11 * sizeof(double)) == 0,
              "token by token: other bits at position %lu", (unsigned long)j);
    }
    free(memory);
    free_passes(&a);
    free_model(&m);
}

/* (E4) by hand: C = diag(4, 9), u = (0.6, 0.8): sqrt(1.44 + 5.76) / |u^T k_den|, whatever its sign. */
static void test_interference(void) {
    static const double C[4] = {4.0, 0.0, 0.0, 9.0};
    double u[2] = {0.6, 0.8};
    rome99_update update = {0};
    int sign;
    update.u = u;
    for (sign = -1; sign <= 1; sign += 2) {
        update.denominator = 0.5 * sign;
        CHECK_LE(fabs(rome99_interference(&update, C, 2) - sqrt(7.2) / 0.5), 1e-14, "interference");
    }
}

static void test_types(void) {
    /* float32 weights are widened exactly: the same bits as those numbers stored as float64. */
    model m;
    passes a;
    rome99_range all = {0, 12};
    double *logits = malloc(12 * 11 * sizeof *logits);
    size_t i, j;
    make_model(&m, 11, 6, 8, 32, 3, 2, 9);
    for (i = 0; i < m.tensors; i++)
        for (j = 0; j < m.size[i]; j++) m.p[i][j] = (double)(float)m.p[i][j];
    make_passes(&a, &m, test_ids, test_length, 3, NULL, NULL);
    rome99_forward(&a.run, &m.gpt2, all);
    rome99_head_forward(&a.run, &m.gpt2, all);
    memcpy(logits, a.run.logits, 12 * 11 * sizeof *logits);
    for (i = 0; i < m.tensors; i++) {
        float *f = malloc(m.size[i] * sizeof *f);
        for (j = 0; j < m.size[i]; j++) f[j] = (float)m.p[i][j];
        m.gpt2.w[i].data = f;
        m.gpt2.w[i].dtype = ROME99_F32;
    }
    rome99_forward(&a.run, &m.gpt2, all);
    rome99_head_forward(&a.run, &m.gpt2, all);
    CHECK(memcmp(logits, a.run.logits, 12 * 11 * sizeof *logits) == 0, "F32 weights: other bits than F64");
    for (i = 0; i < m.tensors; i++) free((void *)(size_t)m.gpt2.w[i].data);
    free(logits);
    free_passes(&a);
    free_model(&m);
}

/* Counting up to the last multiple of 8, and not beyond. */
static void test_arena(void) {
    static const struct {
        size_t used, count, size, then;
    } cases[] = {{0, 0, 8, 0},
                 {0, 1, 1, 8},
                 {16, 3, 3, 32},
                 {16, 2, 8, 32},
                 {0, SIZE_MAX / 8, 8, SIZE_MAX - 7},
                 {0, 8, SIZE_MAX / 8, SIZE_MAX - 7},
                 {0, SIZE_MAX / 8 + 1, 8, SIZE_MAX},
                 {0, 8, SIZE_MAX / 8 + 1, SIZE_MAX},
                 {0, SIZE_MAX - 16, 1, SIZE_MAX - 15},
                 {0, SIZE_MAX - 7, 1, SIZE_MAX - 7},
                 {0, SIZE_MAX - 6, 1, SIZE_MAX},
                 {SIZE_MAX - 15, 0, 8, SIZE_MAX - 15},
                 {SIZE_MAX - 15, 8, 1, SIZE_MAX - 7},
                 {SIZE_MAX - 15, 9, 1, SIZE_MAX},
                 {SIZE_MAX - 7, 1, 1, SIZE_MAX},
                 {SIZE_MAX - 7, SIZE_MAX - 7, 1, SIZE_MAX},
                 {SIZE_MAX, 0, 1, SIZE_MAX}};
    double memory[4];
    rome99_arena a = {(unsigned char *)memory, 8};
    size_t i;
    CHECK((double *)rome99_take(&a, 1, 8) == memory + 1, "a piece begins where the last one ends");
    CHECK(rome99_take(&a, SIZE_MAX, 8) == NULL && a.used == SIZE_MAX, "no piece of SIZE_MAX doubles");
    CHECK(rome99_take(&a, 1, 1) == NULL && a.used == SIZE_MAX, "none after one that did not fit");
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        rome99_arena counting = {NULL, cases[i].used};
        void *piece = rome99_take(&counting, cases[i].count, cases[i].size);
        CHECK(counting.used == cases[i].then && piece == NULL, "%lu and %lu x %lu bytes: %lu, not %lu",
              (unsigned long)cases[i].used, (unsigned long)cases[i].count, (unsigned long)cases[i].size,
              (unsigned long)counting.used, (unsigned long)cases[i].then);
    }
    a.base = NULL;
    a.used = 0;
    CHECK(rome99_take_doubles(&a, 3, 5) == NULL && a.used == 120, "3 x 5 doubles: %lu bytes",
          (unsigned long)a.used);
    rome99_take_doubles(&a, SIZE_MAX / 4, 8);
    CHECK(a.used == SIZE_MAX, "a matrix that does not fit: %lu bytes", (unsigned long)a.used);
}

static void test_layout(void) {
    rome99_shape s = {SIZE_MAX / 2, 8, 8, SIZE_MAX / 4, 2, 2, 1e-5};
    rome99_batch batch;
    rome99_plan plan = {{0, 2}, 0, 0, 1, 4};
    rome99_run run;
    size_t length = 4;
    CHECK(rome99_batch_layout(&batch, NULL, &length, 1, NULL, NULL, NULL, NULL) != SIZE_MAX, "a small batch");
    CHECK(rome99_run_layout(&run, &s, &batch, plan, NULL) == SIZE_MAX,
          "a size that does not fit is SIZE_MAX");
}

/* ------------------------------------------------------------------------ the twin */

/* The final stream (n, D) of one text, and the logits (V) of its position 0. */
static void run_text(double *x, double *logits, const model *m, const int32_t *ids, size_t n, int twin) {
    passes a;
    rome99_range all = {0, 0};
    all.hi = n;
    make_passes(&a, m, ids, &n, 1, NULL, NULL);
    CHECK(a.batch.bidirectional == 0, "a batch is laid out as causal");
    a.batch.bidirectional = twin;
    rome99_forward(&a.run, &m->gpt2, all);
    rome99_head_forward(&a.run, &m->gpt2, all);
    memcpy(x, a.run.x, n * m->gpt2.shape.D * sizeof *x);
    memcpy(logits, a.run.logits, m->gpt2.shape.V * sizeof *logits);
    free_passes(&a);
}

/* Position 0 alone behind q, k, v of all, as where few rows are scored: forward, and its layer backward. */
static void test_twin_rows(const model *m, const int32_t *ids, size_t n) {
    passes a;
    rome99_range all = {0, 0}, one = {0, 1};
    size_t i, l = m->gpt2.shape.L - 1, D = m->gpt2.shape.D, V = m->gpt2.shape.V;
    double *dlogits = calloc(n * V, sizeof *dlogits), *dx = malloc(n * D * sizeof *dx), x[8], worst = 0.0;
    all.hi = n;
    dlogits[3] = 1.0;
    make_passes(&a, m, ids, &n, 1, NULL, NULL);
    a.batch.bidirectional = 1;
    rome99_forward(&a.run, &m->gpt2, all);
    rome99_head_forward(&a.run, &m->gpt2, all);
    rome99_head_backward(&a.run, &m->gpt2, NULL, dlogits, all);
    rome99_layer_backward(&a.run, &m->gpt2, NULL, l, all, all);
    memcpy(dx, a.run.dx, n * D * sizeof *dx);
    memcpy(x, a.run.x, sizeof x);
    memset(a.run.x, 0, sizeof x);
    rome99_forward(&a.run, &m->gpt2, one);
    CHECK(memcmp(x, a.run.x, sizeof x) == 0, "bidirectional: position 0 alone: other bits");
    rome99_head_forward(&a.run, &m->gpt2, one);
    rome99_head_backward(&a.run, &m->gpt2, NULL, dlogits, one);
    rome99_layer_backward(&a.run, &m->gpt2, NULL, l, all, one);
    for (i = 0; i < n * D; i++)
        if (!(fabs(dx[i] - a.run.dx[i]) <= worst)) worst = fabs(dx[i] - a.run.dx[i]);
    CHECK_LE(worst, 1e-14, "bidirectional: gradient behind position 0 alone");
    free(dlogits);
    free(dx);
    free_passes(&a);
}

static void test_twin(void) {
    model m;
    static const int32_t ids[] = {1, 4, 7, 2, 9, 5}, other[] = {1, 4, 7, 2, 9, 6},
                         back[] = {5, 9, 2, 7, 4, 1};
    double x[6 * 8], y[6 * 8], z[11], w[11], worst = 0.0;
    size_t i, j;
    make_model(&m, 11, 6, 8, 32, 3, 2, 5);
    run_text(x, z, &m, ids, 6, 0);
    run_text(y, w, &m, other, 6, 0);
    CHECK(memcmp(z, w, sizeof z) == 0, "causal: the last token changes position 0");
    run_text(x, z, &m, ids, 6, 1);
    run_text(y, w, &m, other, 6, 1);
    for (i = 0; i < 11; i++) worst = fabs(z[i] - w[i]) > worst ? fabs(z[i] - w[i]) : worst;
    CHECK(worst > 1e-3, "bidirectional: the last token moves the logits of position 0 by %g only", worst);
    test_twin_rows(&m, ids, 6);
    m.gpt2.shape.L = 1; /* in a single layer, the last position sees the same whole text either way */
    run_text(x, z, &m, ids, 6, 0);
    run_text(y, w, &m, ids, 6, 1);
    CHECK(memcmp(x + 5 * 8, y + 5 * 8, 8 * sizeof *x) == 0, "one layer: the last position differs");
    m.gpt2.shape.L = 3;
    memset(m.p[ROME99_WPE], 0, m.size[ROME99_WPE] * sizeof **m.p); /* no places: a text is a set */
    run_text(x, z, &m, ids, 6, 1);
    run_text(y, w, &m, back, 6, 1);
    for (i = 0, worst = 0.0; i < 6; i++)
        for (j = 0; j < 8; j++) {
            double error = fabs(x[i * 8 + j] - y[(5 - i) * 8 + j]);
            if (!(error <= worst)) worst = error;
        }
    CHECK_LE(worst, 1e-12, "bidirectional, without places: the text reversed");
    free_model(&m);
}

/* ------------------------------------------------------------------------- backward */

/* A loss that uses every logit: sum over rows of -log p(some token). dlogits may be NULL. */
static double loss(passes *a, const model *m, double *dlogits) {
    rome99_range all;
    size_t V = m->gpt2.shape.V, r, n = a->batch.n;
    double sum = 0.0;
    all.lo = 0;
    all.hi = n;
    rome99_forward(&a->run, &m->gpt2, all);
    rome99_head_forward(&a->run, &m->gpt2, all);
    for (r = 0; r < n; r++) {
        double *z = a->run.logits + r * V;
        size_t target = (size_t)(a->batch.id[r] * 7 + 3) % V;
        rome99_log_softmax(z, z, V);
        sum -= z[target];
        if (dlogits) {
            rome99_exp_array(dlogits + r * V, z, V);
            dlogits[r * V + target] -= 1.0;
        }
    }
    return sum;
}

static void test_gradients(int twin) {
    model m;
    passes a;
    rome99_range all = {0, 12};
    double *dlogits = malloc(12 * 11 * sizeof *dlogits), worst = 0.0;
    double **grad;
    uint64_t bits = 0;
    size_t i, j, k;
    make_model(&m, 11, 6, 8, 32, 2, 2, 5);
    make_passes(&a, &m, test_ids, test_length, 3, NULL, NULL);
    a.batch.bidirectional = twin;
    grad = calloc(m.tensors, sizeof *grad);
    for (i = 0; i < m.tensors; i++) grad[i] = calloc(m.size[i], sizeof **grad);
    loss(&a, &m, dlogits);
    rome99_backward(&a.run, &m.gpt2, grad, dlogits, all);
    for (i = 0; i < m.tensors; i++) bits = digest(bits, grad[i], m.size[i]);
    CHECK_DIGEST(bits, twin ? UINT64_C(0x81a5ce392528004a) : UINT64_C(0x9448d48cc5799c4b), "gradients");
    for (i = 0; i < m.tensors; i++) {
        double error = 0.0, size = 0.0;
        for (j = 0; j < m.size[i]; j++) {
            double at = m.p[i][j], f[4], step = 1e-3, numeric;
            static const double way[] = {-2.0, -1.0, 1.0, 2.0};
            for (k = 0; k < 4; k++) {
                m.p[i][j] = at + way[k] * step;
                f[k] = loss(&a, &m, NULL);
            }
            m.p[i][j] = at;
            numeric = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * step);
            error += (numeric - grad[i][j]) * (numeric - grad[i][j]);
            size += numeric * numeric;
        }
        error = sqrt(error / size);
        worst = error > worst ? error : worst;
        CHECK_LE(error, 1e-7, rome99_describe(&m.gpt2.shape, i).name);
    }
    printf("gradients%s: worst of %lu tensors %.1e of its norm (bar 1e-7)\n", twin ? ", bidirectional" : "",
           (unsigned long)m.tensors, worst);
    for (i = 0; i < m.tensors; i++) free(grad[i]);
    free(grad);
    free(dlogits);
    free_passes(&a);
    free_model(&m);
}

/* A layer backward by ranges: rows outside of `qkv` get nothing by it, those inside what the whole gives. */
static void test_backward_ranges(void) {
    static const unsigned char group[12] = {2, 0, 1, 0, 2, 1, 0, 2, 0, 1, 0, 2};
    static const rome99_range all = {0, 12},
                              ranges[][2] = {{{3, 9}, {0, 12}}, {{9, 12}, {0, 12}}, {{3, 5}, {3, 5}}};
    model m;
    passes a;
    size_t start[257], i, k, D = 8;
    double *dlogits = calloc(12 * 11, sizeof *dlogits), whole[12 * 8], before[12 * 8];
    make_model(&m, 11, 6, D, 32, 2, 2, 5);
    make_passes(&a, &m, test_ids, test_length, 3, group, start);
    loss(&a, &m, dlogits);
    for (k = 0; k < 3; k++) {
        rome99_range qkv = ranges[k][0], rows = ranges[k][1];
        int same = 1, kept = 1;
        rome99_head_backward(&a.run, &m.gpt2, NULL, dlogits, all);
        memcpy(before, a.run.dx, sizeof before);
        rome99_layer_backward(&a.run, &m.gpt2, NULL, 1, all, rows);
        memcpy(whole, a.run.dx, sizeof whole);
        memcpy(a.run.dx, before, sizeof before);
        memset(a.run.dqkv, 0xFF, 12 * 3 * D * sizeof *a.run.dqkv); /* NaN: what is read must be made */
        rome99_layer_backward(&a.run, &m.gpt2, NULL, 1, qkv, rows);
        for (i = 0; i < 12; i++) {
            const double *dx = a.run.dx + i * D;
            if (i >= qkv.lo && i < qkv.hi)
                same = same && memcmp(dx, whole + i * D, D * sizeof *dx) == 0;
            else if (i >= rows.lo && i < rows.hi)
                kept = kept && memcmp(dx, whole + i * D, D * sizeof *dx) != 0;
            else
                kept = kept && memcmp(dx, before + i * D, D * sizeof *dx) == 0;
        }
        CHECK(same, "ranges %lu: other bits within qkv", (unsigned long)k);
        CHECK(kept, "ranges %lu: a row outside of qkv has a gradient of q, k, v", (unsigned long)k);
    }
    free(dlogits);
    free_passes(&a);
    free_model(&m);
}

static void test_adam(void) {
    rome99_adam adam = {0.1, 0.9, 0.999, 1e-8, 1.0, 1.0};
    double p[2] = {1.0, -2.0}, m[2] = {0}, v[2] = {0}, g[2] = {0.5, -3.0};
    int t;
    double q[2] = {1.0, -2.0}, a[2] = {0}, b[2] = {0};
    for (t = 1; t <= 5; t++) {
        int i;
        rome99_adam_begin(&adam);
        rome99_adam_step(&adam, p, m, v, g, 2);
        for (i = 0; i < 2; i++) { /* the textbook's form */
            a[i] = 0.9 * a[i] + 0.1 * g[i];
            b[i] = 0.999 * b[i] + 0.001 * g[i] * g[i];
            q[i] -= 0.1 * (a[i] / (1.0 - pow(0.9, t))) / (sqrt(b[i] / (1.0 - pow(0.999, t))) + 1e-8);
            CHECK_LE(fabs(p[i] - q[i]), 1e-13, "Adam against its definition");
            g[i] *= -0.7;
        }
    }
}

int main(void) {
    test_gemm();
    test_widen();
    test_sizes();
    test_cholesky();
    test_rng();
    test_forward();
    test_shared_rows();
    test_kept_qkv();
    test_interference();
    test_types();
    test_arena();
    test_layout();
    test_twin();
    test_gradients(0);
    test_gradients(1);
    test_backward_ranges();
    test_adam();
    return test_end();
}
