/* random_weights.c: the tensors of a GPT-2, drawn and written one after another. */
#include "random_model.h"
#include "files/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char name[64];
    rome99_st_dtype dtype;
    size_t rank, shape[4], shard;
    uint64_t count, bytes;
    enum { NORMAL, MASK, MASKED } kind; /* the latter two: an old checkpoint's buffers */
    double mean, spread;                /* of NORMAL */
    rome99_rng rng;                     /* each tensor has a state of its own */
} tensor;

typedef struct {
    tensor *item;
    size_t n;
    uint64_t bytes;
} tensors;

/* Mean and standard deviation; a matrix's is divided by the root of what its products sum over. GPT-2's
   values at initialisation (0.02) would leave attention and output nearly uniform; these come nearer to a
   trained model's: scores and logits have standard deviations of 2 and 3, and each layer adds about 1 to the
   residual stream. */
static const struct {
    double mean, spread;
} globals[ROME99_GLOBALS] = {{0.0, 3.0}, {0.0, 1.0}, {1.0, 0.1}, {0.0, 0.1}},
  layered[ROME99_PER_LAYER] = {{1.0, 0.1}, {0.0, 0.1}, {0.0, 1.4}, {0.0, 0.1}, {0.0, 1.0}, {0.0, 0.1},
                               {1.0, 0.1}, {0.0, 0.1}, {0.0, 1.0}, {0.0, 0.1}, {0.0, 1.5}, {0.0, 0.1}};

static void add_tensor(tensors *list, tensor t) {
    size_t i;
    for (t.count = 1, i = 0; i < t.rank; i++) t.count *= t.shape[i];
    t.bytes = t.count * rome99_st_dtype_size(t.dtype);
    list->bytes += t.bytes;
    list->item[list->n++] = t;
}

static void add_weight(tensors *list, const rome99_random_choices *o, size_t index, rome99_rng *rng) {
    const rome99_tensor_info info = rome99_describe(&o->shape, index);
    const int global = index < ROME99_GLOBALS;
    const size_t which = global ? index : (index - ROME99_GLOBALS) % ROME99_PER_LAYER;
    char layer[32] = "";
    tensor t = {0};
    if (!global) sprintf(layer, "h.%zu.", (index - ROME99_GLOBALS) / ROME99_PER_LAYER);
    sprintf(t.name, "%s%s%s", o->bare_names ? "" : "transformer.", layer, info.name);
    t.dtype = o->dtype;
    t.rank = info.is_vector ? 1 : 2;
    t.shape[0] = info.is_vector ? info.cols : info.rows;
    t.shape[1] = info.cols;
    t.mean = global ? globals[which].mean : layered[which].mean;
    t.spread = global ? globals[which].spread : layered[which].spread;
    if (!info.is_vector) t.spread /= rome99_sqrt((double)(global ? info.cols : info.rows));
    t.rng.state = rome99_rng_next(rng);
    add_tensor(list, t);
}

/* The causal mask, (1, 1, T, T), and a scalar. */
static void add_buffers(tensors *list, const rome99_random_choices *o, size_t layer) {
    static const rome99_st_dtype dtypes[3] = {ROME99_ST_F32, ROME99_ST_U8, ROME99_ST_BOOL};
    tensor t = {0};
    sprintf(t.name, "%sh.%zu.attn.bias", o->bare_names ? "" : "transformer.", layer);
    t.dtype = dtypes[layer % 3];
    t.rank = 4;
    t.shape[0] = t.shape[1] = 1;
    t.shape[2] = t.shape[3] = o->shape.T;
    t.kind = MASK;
    add_tensor(list, t);
    sprintf(t.name, "%sh.%zu.attn.masked_bias", o->bare_names ? "" : "transformer.", layer);
    t.dtype = ROME99_ST_F32;
    t.rank = 0;
    t.kind = MASKED;
    add_tensor(list, t);
}

/* Each shard gets about its share of the bytes, and at least one tensor. */
static void share_out(tensors *list, size_t shards) {
    uint64_t before = 0;
    size_t i, at = 0;
    for (i = 0; i < list->n; i++) {
        const int full = before * shards >= (at + 1) * list->bytes, late = list->n - i < shards - at;
        if (i > 0 && at + 1 < shards && (full || late)) at++;
        list->item[i].shard = at;
        before += list->item[i].bytes;
    }
}

/* All tensors, in the order of the files. */
static int list_tensors(tensors *list, const rome99_random_choices *o, rome99_error *e) {
    const size_t n = rome99_tensor_count(&o->shape);
    rome99_rng rng;
    size_t i;
    rng.state = o->seed;
    memset(list, 0, sizeof *list);
    list->item = calloc(n + 2 * o->shape.L + 1, sizeof *list->item);
    if (!list->item) return rome99_fail(e, NULL, "out of memory");
    for (i = 0; i < n; i++) {
        add_weight(list, o, i, &rng);
        if (o->buffers && i >= ROME99_GLOBALS && (i - ROME99_GLOBALS + 1) % ROME99_PER_LAYER == 0)
            add_buffers(list, o, (i - ROME99_GLOBALS) / ROME99_PER_LAYER);
    }
    if (o->lm_head) {
        tensor head = list->item[0]; /* wte: the same state draws the same numbers */
        strcpy(head.name, "lm_head.weight");
        add_tensor(list, head);
    }
    if (o->shards > list->n) return rome99_fail(e, "--shards", "there are only %zu tensors", list->n);
    share_out(list, o->shards);
    return 0;
}

/* The sum of four uniform numbers from 0 to 2^16 - 1, out of one step; each has the variance (2^32 - 1) / 12.
   `scale` being a float, the product is exact: the only rounding is the last. */
static float draw(tensor *t, float scale) {
    const uint64_t x = rome99_rng_next(&t->rng);
    const uint64_t sum = (x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48);
    return (float)(t->mean + ((double)sum - 2.0 * 0xFFFF) * (double)scale);
}

/* The bits of x in that type, rounded to nearest, ties to even; |x| < 65520. */
static uint32_t encode(float x, rome99_st_dtype dtype) {
    const float size = x < 0.0F ? -x : x, shifted = size + 0.5F; /* 0.5F ends in F16's smallest number */
    uint32_t bits, small, magnitude;
    memcpy(&bits, &x, sizeof bits);
    if (dtype == ROME99_ST_F32) return bits;
    if (dtype == ROME99_ST_BF16) return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    if (dtype != ROME99_ST_F16) return x > 0.0F; /* U8, BOOL */
    memcpy(&small, &shifted, sizeof small);
    magnitude = (bits & 0x7FFFFFFF) - (112U << 23); /* the exponents' biases differ by 112 */
    magnitude = size < 0x1p-14F ? small - 0x3F000000 : (magnitude + 0xFFF + (magnitude >> 13 & 1)) >> 13;
    return (bits >> 16 & 0x8000) | magnitude;
}

static int write_data(FILE *f, tensor t) {
    static unsigned char chunk[1 << 18];
    const size_t size = rome99_st_dtype_size(t.dtype), T = t.shape[2];
    const float scale = (float)(t.spread * rome99_sqrt(3.0) / 65536.0);
    size_t used = 0, k;
    uint64_t i;
    for (i = 0; i < t.count; i++) {
        const float x = t.kind == NORMAL ? draw(&t, scale) : t.kind == MASK ? (float)(i % T <= i / T) : -1e4F;
        const uint32_t bits = encode(x, t.dtype);
        for (k = 0; k < size; k++) chunk[used++] = (unsigned char)(bits >> 8 * k);
        if (used < sizeof chunk && i + 1 < t.count) continue;
        if (fwrite(chunk, 1, used, f) != used) return -1;
        used = 0;
    }
    return 0;
}

static void put_header(rome99_text *out, const tensors *list, size_t shard) {
    uint64_t at = 0;
    size_t i, k;
    rome99_text_puts(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (i = 0; i < list->n; i++) {
        const tensor *t = &list->item[i];
        if (t->shard != shard) continue;
        rome99_text_printf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name,
                           rome99_st_dtype_name(t->dtype));
        for (k = 0; k < t->rank; k++) rome99_text_printf(out, k ? ",%zu" : "%zu", t->shape[k]);
        rome99_text_printf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + t->bytes);
        at += t->bytes;
    }
    rome99_text_puts(out, "}");
    rome99_text_puts(out, &"       "[(out->size + 7) % 8]); /* to a multiple of 8 */
}

static int write_shard(const char *path, const tensors *list, size_t shard, rome99_error *e) {
    FILE *f = fopen(path, "wb");
    rome99_text header = {0};
    unsigned char length[8];
    size_t i;
    int failed;
    put_header(&header, list, shard);
    for (i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header.size >> 8 * i);
    failed = !f || header.failed || fwrite(length, 1, 8, f) != 8 ||
             fwrite(header.bytes, 1, header.size, f) != header.size;
    for (i = 0; !failed && i < list->n; i++)
        if (list->item[i].shard == shard) failed = write_data(f, list->item[i]);
    if (f && fclose(f) != 0) failed = 1;
    rome99_text_free(&header);
    return failed ? rome99_fail(e, path, "cannot be written") : 0;
}

static void name_shard(char name[64], size_t shard, size_t shards) {
    if (shards == 1)
        strcpy(name, "model.safetensors");
    else
        sprintf(name, "model-%05zu-of-%05zu.safetensors", shard + 1, shards);
}

static int write_index(const char *folder, const tensors *list, size_t shards, rome99_error *e) {
    char *path = rome99_path(folder, "model.safetensors.index.json"), name[64];
    rome99_text out = {0};
    size_t i;
    int failed;
    rome99_text_printf(&out,
                       "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64 "\n  },\n  \"weight_map\": {",
                       list->bytes);
    for (i = 0; i < list->n; i++) {
        name_shard(name, list->item[i].shard, shards);
        rome99_text_printf(&out, "%s\n    \"%s\": \"%s\"", i ? "," : "", list->item[i].name, name);
    }
    rome99_text_puts(&out, "\n  }\n}\n");
    failed = !path || out.failed ? rome99_fail(e, folder, "out of memory")
                                 : rome99_write_file(path, out.bytes, out.size, e);
    rome99_text_free(&out);
    free(path);
    return failed;
}

int rome99_random_weights(const char *folder, const rome99_random_choices *o, rome99_error *e) {
    char name[64], *path;
    tensors list;
    size_t i;
    int failed = list_tensors(&list, o, e);
    for (i = 0; !failed && i < o->shards; i++) {
        name_shard(name, i, o->shards);
        path = rome99_path(folder, name);
        failed = path ? write_shard(path, &list, i, e) : rome99_fail(e, folder, "out of memory");
        free(path);
    }
    if (!failed && o->shards > 1) failed = write_index(folder, &list, o->shards, e);
    free(list.item);
    return failed;
}
