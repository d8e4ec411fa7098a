/*
 * rome99.h: the core of rome99, in the order in which it is read.
 *
 *   1 numbers     exp, log, tanh; a generator                      fmath.c rng.c
 *   2 matrices    gemm, Cholesky                                   mat.c chol.c
 *   3 the model   GPT-2: weights, batches, forward                 gpt2.c
 *   4 gradients   the mirrored backward pass, Adam                 gpt2_grad.c
 *   5 the edit    keys, delta, the update (E1)-(E3), (E5)          rome.c delta.c
 *   6 collapse    predictor (E4), what a bare prompt sees (E6)     collapse.c
 *
 * Memory. Nothing here allocates, prints, or reads files. What needs memory of a size that depends on its input
 * has a function `..._layout`: with memory == NULL it returns the bytes needed (SIZE_MAX if they do not fit a
 * size_t); with that much memory, aligned for a double, it lays its object out there. The object keeps pointers
 * into that memory and into what it was given.
 *
 * Matrices are row-major; "(n, D)" beside a pointer is its shape. Outputs come first, dimensions last. Every sum
 * means the plain loop: one double accumulator, increasing index; fast code gives those bits. Functions state
 * preconditions and cannot fail, save the Cholesky factor, which returns a failing pivot. What overflows, or is
 * divided by a zero that no precondition excludes, ends as an infinity or NaN in the results: look there.
 */
#ifndef ROME99_H
#define ROME99_H

#include <stddef.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "rome99 needs IEEE arithmetic: compile without -ffast-math"
#endif

#define ROME99_VERSION "0.1.0"

/* ---------------------------------------------------------------- 1 numbers */

/* exp(x), log(x) to 1 ulp, tanh(x) to 2 ulp, from + - * / and bit operations only, so that every machine
 * with IEEE binary64 gets the same bits. Overflow gives infinity; every NaN result is 7ff8000000000000. */
double rome99_exp(double x);
double rome99_log(double x);
double rome99_tanh(double x);

/* y[i] = f(x[i]), the bits of the scalar functions; y may be x. */
void rome99_exp_array(double *y, const double *x, size_t n);
void rome99_tanh_array(double *y, const double *x, size_t n);

/* Square root, correctly rounded: the one function taken from the C library. */
double rome99_sqrt(double x);

/* A generator: SplitMix64 (Steele, Lea, Flood 2014). The state begins as the seed. */
typedef struct {
    uint64_t state;
} rome99_rng;
uint64_t rome99_rng_next(rome99_rng *rng);
size_t rome99_rng_below(rome99_rng *rng, size_t n); /* uniform on 0 .. n-1, n > 0, without bias */
double rome99_rng_uniform(rome99_rng *rng);         /* on [0, 1): a multiple of 2^-53 */
double rome99_rng_normal(rome99_rng *rng);          /* standard normal, by the polar method */

/* --------------------------------------------------------------- 2 matrices */

/* How a stored number is represented, in the byte order of the machine. Arithmetic is always double. */
typedef enum { ROME99_F64, ROME99_F32, ROME99_F16, ROME99_BF16 } rome99_dtype;

size_t rome99_dtype_size(rome99_dtype dtype);
/* Stored numbers, row-major; not owned. */
typedef struct {
    const void *data;
    rome99_dtype dtype;
} rome99_weight;

/* out[i] = w[start + i], widened exactly; i < n. */
void rome99_widen(double *out, rome99_weight w, size_t start, size_t n);

/* A view: element (i, j) is data[i*row + j*col]; a transpose swaps the strides. */
typedef struct {
    const void *data;
    rome99_dtype dtype;
    size_t row, col;
} rome99_view;

rome99_view rome99_rows(const double *a, size_t ld);    /* (i, j) = a[i*ld + j] */
rome99_view rome99_columns(const double *a, size_t ld); /* its transpose */
rome99_view rome99_weight_rows(rome99_weight w, size_t ld);
rome99_view rome99_weight_columns(rome99_weight w, size_t ld);

/* Doubles of scratch that gemm and the Cholesky functions need. */
#define ROME99_PACK ((size_t)147456)

/* for i < M, j < N, k < K:  C[i*ldc + j] += (alpha * A(i,k)) * B(k,j), in the order of k, no other rounding.
 * C overlaps neither A nor B. pack: (ROME99_PACK). */
void rome99_gemm(double *C, size_t ldc, double alpha, rome99_view A, rome99_view B, size_t M, size_t N,
                 size_t K, double *pack);
/* The same from C = 0, (M, N). */
void rome99_product(double *C, rome99_view A, rome99_view B, size_t M, size_t N, size_t K, double *pack);

double rome99_dot(const double *a, const double *b, size_t n); /* sum_i a[i] b[i] */
double rome99_norm(const double *a, size_t n);                 /* sqrt of sum_i a[i]^2 */

/* A = L L^T for symmetric A (n, n), of which the lower triangle with the diagonal is read. L replaces that
 * triangle; what is above it is scratch. Returns 0, or 1 + the index of the first pivot that is not positive
 * and finite, with A destroyed. pack: (ROME99_PACK). */
size_t rome99_cholesky(double *A, size_t n, double *pack);
/* x = A^-1 b from that factor. x may be b. */
void rome99_cholesky_solve(double *x, const double *L, const double *b, size_t n);

/* -------------------------------------------------------------- 3 the model */

/* GPT-2's sizes, in the letters of the specification. */
typedef struct {
    size_t V, T, D, F, L, H; /* vocabulary, positions, width, MLP width, layers, heads (H divides D) */
    double eps;              /* of every layer norm */
} rome99_shape;

/* The tensors of a model, by index: four global ones, then twelve for each layer. */
enum { ROME99_WTE, ROME99_WPE, ROME99_LN_F_G, ROME99_LN_F_B, ROME99_GLOBALS };
/* clang-format off */
enum {
    ROME99_LN_1_G, ROME99_LN_1_B, ROME99_ATTN_W, ROME99_ATTN_B, ROME99_ATTN_PROJ_W, ROME99_ATTN_PROJ_B,
    ROME99_LN_2_G, ROME99_LN_2_B, ROME99_FC_W, ROME99_FC_B, ROME99_PROJ_W, ROME99_PROJ_B, ROME99_PER_LAYER
};
/* clang-format on */
#define ROME99_LAYER(l, which) (ROME99_GLOBALS + (size_t)(l)*ROME99_PER_LAYER + (which))

/* What tensor `index` is. Matrices are stored (in, out); vectors have rows == 1. */
typedef struct {
    const char *name; /* Hugging Face's, for a layer's tensor what follows "h.<l>." */
    size_t rows, cols;
    int is_vector;
} rome99_tensor_info;
size_t rome99_tensor_count(const rome99_shape *shape);
rome99_tensor_info rome99_describe(const rome99_shape *shape, size_t index);

/* A model: its sizes and (rome99_tensor_count) weights. To edit a layer, or to try one edit, point
 * w[ROME99_LAYER(l, ROME99_PROJ_W)] at another matrix: nothing else refers to it. */
typedef struct {
    rome99_shape shape;
    rome99_weight *w;
} rome99_gpt2;

/* S texts laid out as n rows, one per token. Rows may stand in any order, so that rows which are computed
 * together can be made contiguous; texts that begin alike may share the rows of what is alike. */
typedef struct {
    size_t S, n, longest;
    int32_t *id;       /* (n) token of the row */
    size_t *sequence;  /* (n) its text, the owner's where it is shared */
    size_t *position;  /* (n) its place there */
    size_t *length;    /* (S) */
    size_t *row;       /* (S, longest) the row of a position; defined below length */
    int bidirectional; /* 0; set behind rome99_batch_layout to 1: every position attends to its whole text,
                        * not just to what precedes (the study's twin). Such texts share no rows and are
                        * computed at once. */
} rome99_batch;

/* ids: the texts' tokens one after another, text s having length[s] >= 1 of them. For token t of them all:
 *   group[t]  0..255: rows are ordered by it, and within a group as they come. group_start, where not NULL,
 *             receives (257) the first row of each group. group == NULL: one group.
 *   owner[t]  t itself, or the first token whose row it shares: same place, same tokens up to there. owner ==
 *             NULL: nothing is shared. A backward pass needs that.
 * S, n, longest are set also while memory is NULL: all that a query of rome99_run_layout needs. */
size_t rome99_batch_layout(rome99_batch *batch, const int32_t *ids, const size_t *length, size_t S,
                           const unsigned char *group, size_t *group_start, const size_t *owner,
                           void *memory);

/* A half-open range of rows. */
typedef struct {
    size_t lo, hi;
} rome99_range;

/* list: (longest) the positions of text t whose rows are its own and in the range. Returns their number. */
size_t rome99_positions(size_t *list, const rome99_batch *batch, size_t t, rome99_range rows);

/* out (n, width): columns col .. col+width-1 of a (., ld), in the rows of text t at positions 0 .. n-1, or at
 * those in list (n) where that is not NULL. */
void rome99_gather(double *out, const double *a, const rome99_batch *batch, size_t t, const size_t *list,
                   size_t n, size_t ld, size_t col, size_t width);

/* What one layer computes for the rows of a batch. Layers that are not kept share one set, in which what comes
 * later may lie where something was: ln_2 on ln_1, m on y, k on fc. */
typedef struct {
    double *x;                      /* (n, D) residual stream that enters */
    double *ln_1, *mean_1, *rstd_1; /* (n, D), (n), (n) */
    double *qkv;                    /* (n, 3D) */
    double *att;                    /* (n, H, longest) attention weights; NULL in layers that are not kept */
    double *y;                      /* (n, D) the heads' outputs */
    double *x_mid;                  /* (n, D) residual stream after attention */
    double *ln_2, *mean_2, *rstd_2; /* (n, D), (n), (n) */
    double *fc;                     /* (n, F) before the activation */
    double *k;                      /* (n, F) the key: gelu_new(fc), input of c_proj */
    double *m;                      /* (n, D) (E1) the MLP output k W + b */
} rome99_activations;

/* What of a forward pass is to be kept, and what follows it. */
typedef struct {
    rome99_range keep; /* layers with activations of their own; a backward pass needs its layers here */
    size_t kept;       /* these (not q, k, v) and what comes after them have `kept` rows only; 0: all */
    int keep_qkv;      /* every layer keeps q, k, v: rows can be added later (generation) */
    int backward;      /* what follows reads of a kept layer: 0: x_mid, k, m; 1: all, to differentiate by
                        * parameters too; 2: all but ln_1, y, ln_2, k, m, to differentiate by activations */
    size_t logit_rows; /* most rows whose logits are wanted at once */
} rome99_plan;

/* A forward (and backward) pass in progress. */
typedef struct {
    rome99_shape shape;
    const rome99_batch *batch;
    rome99_plan plan;
    rome99_activations *layer, shared; /* (L); the set of the layers that are not kept */
    double *x;                         /* (n, D) residual stream after the last layer */
    double *ln_f, *mean_f, *rstd_f;    /* (n, D), (n), (n) */
    double *logits;                    /* (logit_rows, V) */
    double *dx;                        /* (n, D) backward: gradient of the residual stream */
    double *dln, *dqkv, *dy, *dfc;     /* (n, D) (n, 3D) (n, D) (n, F) backward */
    double *q, *ks, *v, *dq, *dk, *dv; /* (longest, D/H) one head of one text */
    double *s, *ds;                    /* (longest, longest) */
    size_t *list;                      /* (longest) */
    double *row, *pack;                /* (max(3D, F)) a widened vector; (ROME99_PACK) */
} rome99_run;

size_t rome99_run_layout(rome99_run *run, const rome99_shape *shape, const rome99_batch *batch,
                         rome99_plan plan, void *memory);

/* layer[0].x = wte[id] + wpe[position]. Precondition here and below: ids < V, positions < T. */
void rome99_embed_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range rows);

/* Layer l up to and including m. q, k, v are computed for `qkv` rows; everything after them for `rows`,
 * which attend to q, k, v of earlier calls where those rows are not in `qkv`. */
void rome99_layer_forward(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range qkv,
                          rome99_range rows);

/* m = k W + b of layer l for `rows`, from the keys there: what an edited W changes first. */
void rome99_mlp_output(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range rows);

/* The residual stream that leaves layer l: x_mid + m; or, with delta (D), x_mid + (m + delta). */
void rome99_layer_leave(rome99_run *run, size_t l, rome99_range rows);
void rome99_layer_leave_with(rome99_run *run, size_t l, const double *delta, rome99_range rows);

/* From the tokens, or from layer[l].x, through the last layer to run->x. The last layer goes on behind q, k, v
 * for the `scored` rows only: nobody else needs its output. */
void rome99_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range scored);
void rome99_forward_from(rome99_run *run, const rome99_gpt2 *model, size_t l, rome99_range scored);

/* logits[i] (V) of row rows.lo + i, from run->x: final layer norm, then the tied head. At most
 * plan.logit_rows rows at once. */
void rome99_head_forward(rome99_run *run, const rome99_gpt2 *model, rome99_range rows);

/* log sum_j exp(z[j]) of logits z (V), NaN if one is NaN or +inf; log p[i] = z[i] - that; logp may be z. */
double rome99_log_sum_exp(const double *z, size_t V);
void rome99_log_softmax(double *logp, const double *z, size_t V);

/* ------------------------------------------------------------- 4 gradients */

/* Gradients of the parameters: (rome99_tensor_count) arrays of doubles in the tensors' own shapes, to which
 * the backward pass adds. NULL instead of the whole: the activations' gradients only. */
typedef double *const *rome99_gradients;

/* run->dx = 0 for all kept rows; then for `rows`, from dlogits (rows, V), of which it makes run->dx. */
void rome99_head_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad,
                          const double *dlogits, rome99_range rows);

/* From run->dx, the gradient of the stream that leaves layer l, that of the stream that enters it. The layer
 * must be kept. The ranges are those of the forward call; outside `qkv` run->dx keeps the gradient of x_mid. */
void rome99_layer_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad, size_t l,
                           rome99_range qkv, rome99_range rows);

/* Adds run->dx to the gradients of wte and wpe; the whole backward pass, every layer being kept. */
void rome99_embed_backward(rome99_run *run, rome99_gradients grad, rome99_range rows);
void rome99_backward(rome99_run *run, const rome99_gpt2 *model, rome99_gradients grad, const double *dlogits,
                     rome99_range rows);

/* Adam (Kingma and Ba 2015), bias-corrected, epsilon added after the square root. */
typedef struct {
    double lr, beta1, beta2, eps;
    double beta1_t, beta2_t; /* beta^t, 1 before the first step */
} rome99_adam;

/* begin: moves on to step t+1. step: p -= lr * m^ / (sqrt(v^) + eps) for n parameters, any number of times in
 * one step; m, v: (n) the moments, 0 before the first. */
void rome99_adam_begin(rome99_adam *adam);
void rome99_adam_step(const rome99_adam *adam, double *p, double *m, double *v, const double *g, size_t n);

/* --------------------------------------------------------------- 5 the edit */

typedef enum { ROME99_ROME, ROME99_C_ROME /* = r-rome */, ROME99_P_ROME, ROME99_K_ROME } rome99_method;

/* Upstream's hyper-parameters, under its names; rome99_defaults has the values of the specification. */
typedef struct {
    size_t layer, v_num_grad_steps; /* the latter >= 1: forwards at the most */
    double v_lr, v_weight_decay, clamp_norm_factor, kl_factor;
} rome99_hparams;
extern const rome99_hparams rome99_defaults;

/* One request as tokens. Text j < N is template j with the prompt in its slot, followed by the target's
 * tokens without the last; text N is the KL prompt. Text 0 is the bare prompt. */
typedef struct {
    size_t N, n_target;            /* templates, the empty one first; tokens of the target */
    const int32_t *ids, *target;   /* the N + 1 texts, one after another; (n_target) */
    const size_t *length, *lookup; /* (N+1); (N+1) the lookup position in each */
} rome99_request;

/* What is found for one request before any method is chosen: the key-value pair of the paper, and how. */
typedef struct {
    size_t N, F, D;
    double *keys;        /* (N, F) k at the lookup position behind each template */
    double *k_u, *k_bar; /* (F) of the bare prompt; the mean over all N templates */
    double *m_u, *m_bar; /* (D) (E1) the MLP outputs, likewise */
    double *delta;       /* (D) */
    double *v_star;      /* (D) m_u + delta */
    double *losses;      /* (forwards, 4) (E5) total, nll, kl, wd */
    double *steps;       /* (forwards, D) delta in each forward */
    double *gradients;   /* (forwards - 1, D) d total / d delta there */
    size_t forwards;     /* how many there were */
} rome99_pair;

size_t rome99_pair_layout(rome99_pair *pair, const rome99_shape *shape, const rome99_hparams *hparams,
                          size_t N, void *memory);

/* Scratch for rome99_find_pair: bytes, for this very request. */
size_t rome99_find_pair_scratch(const rome99_shape *shape, const rome99_hparams *hparams,
                                const rome99_request *request);

/* Keys and MLP outputs (E1), then delta (E5). Preconditions: layer < L, n_target >= 1, ids < V, every
 * lookup < its length, every text of at most T tokens. A loss that is NaN is the last: m_u = 0 makes one. */
void rome99_find_pair(rome99_pair *pair, const rome99_gpt2 *model, const rome99_hparams *hparams,
                      const rome99_request *request, void *scratch);

/* The terms of (E5), each with its gradient: -log p(target) at logits z (V), replaced by weight * d/dz;
 * KL(p || p_0) at logp (V), replaced by weight * d/dlogits; weight |delta| / |m_u|^2, whose gradient (D), 0
 * at delta = 0, is added to grad where that is not NULL. Then delta, cut to the length factor * |m_u|, and to 0
 * where |delta|^2 overflows. */
double rome99_cross_entropy(double *z, size_t V, int32_t target, double weight);
double rome99_kl(double *logp, const double *logp_0, size_t V, double weight);
double rome99_weight_decay(double *grad, const double *delta, const double *m_u, double weight, size_t D);
void rome99_clamp(double *delta, const double *m_u, double factor, size_t D);

/* The rank-one update of one method: dW = u (x) right. */
typedef struct {
    double *u;              /* (F) unit length */
    double *residual;       /* (D) r */
    double *right;          /* (D) r / denominator */
    double denominator;     /* u^T k_den for that unit u, signed */
    double denominator_raw; /* the same before u was normalised */
    double numerator;       /* |r| */
    double cos_keys;        /* cosine of k_u and k_bar */
    double dW_norm;         /* |dW|_F = |r| / |denominator| */
} rome99_update;

size_t rome99_update_layout(rome99_update *update, const rome99_shape *shape, void *memory);

/* (E3) from the factor L of C (F, F), or from L == NULL where C is the identity. The key that C^-1 is applied
 * to is not 0, nor is u^T k_den: else u or right is not finite. cos_keys is NaN where k_u or k_bar is 0. */
void rome99_find_update(rome99_update *update, rome99_method method, const rome99_pair *pair,
                        const double *L);

/* W1 = W + u (x) right, (F, D): the edited weight, in double. */
void rome99_apply(double *W1, rome99_weight W, const rome99_update *update, size_t F, size_t D);

/* -------------------------------------------------------------- 6 collapse */

/* (E4) sqrt(u^T C u) / |denominator|: how far the update moves what it was not meant to move. Times
 * |r|, it is the root-mean-square change of the MLP output over the keys of C (F, F). NaN where u^T C u < 0, by
 * rounding or because C is not positive semidefinite. */
double rome99_interference(const rome99_update *update, const double *C, size_t F);

/* (E6) the share of r by which the update moves the MLP output at a key k (F): (u^T k) / (u^T k_den). */
double rome99_reach(const rome99_update *update, const double *k, size_t F);

/* C += sum of k k^T over n keys (n, F); the caller divides by their count (E2). pack: (ROME99_PACK). */
void rome99_second_moment(double *C, const double *keys, size_t n, size_t F, double *pack);

#endif
