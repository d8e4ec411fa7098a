/* checkpoint.c: a folder becomes a rome99_gpt2, and the other way round. */
#include "edit/checkpoint.h"
#include "edit/numbers.h"
#include "edit/shards.h"
#include "files/json.h"
#include "files/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A size, from 1 to 2^31 - 1. */
static int read_size(size_t *size, rome99_value config, const char *key, rome99_error *e) {
    rome99_value v;
    uint64_t x;
    if (rome99_json_require(&v, config, key, ROME99_NUMBER, e) || rome99_json_integer(&x, v, INT32_MAX, e))
        return -1;
    *size = (size_t)x;
    return x > 0 ? 0 : rome99_json_fail(e, v, "%s must not be 0", key);
}

/* Refuses a member that is there with another value than a plain GPT-2 has: a string, or true or false. */
static int check_plain(rome99_value config, const char *key, const char *plain, rome99_error *e) {
    rome99_value v;
    const char *value = "";
    const int found = rome99_json_member(&v, config, key, e);
    if (found <= 0) return found;
    if (rome99_json_kind(v) == ROME99_STRING) value = rome99_json_string(v);
    if (rome99_json_kind(v) == ROME99_BOOLEAN) value = rome99_json_boolean(v) ? "true" : "false";
    if (strcmp(value, plain) == 0) return 0;
    return rome99_json_fail(e, v, "not plain GPT-2: \"%s\" must be %s", key, plain);
}

/* A twin says that it is one; a plain model may say that it is none. */
static int check_twin(rome99_value config, int twin, rome99_error *e) {
    rome99_value v;
    if (!twin) return check_plain(config, "bidirectional", "false", e);
    if (rome99_json_require(&v, config, "bidirectional", ROME99_BOOLEAN, e)) return -1;
    return rome99_json_boolean(v) ? 0 : rome99_json_fail(e, v, "not a twin: \"bidirectional\" must be true");
}

static int read_config(rome99_shape *s, rome99_value config, int twin, rome99_error *e) {
    static const char *const plain[] = {"model_type",
                                        "gpt2",
                                        "activation_function",
                                        "gelu_new",
                                        "tie_word_embeddings",
                                        "true",
                                        "scale_attn_weights",
                                        "true",
                                        "scale_attn_by_inverse_layer_idx",
                                        "false",
                                        "add_cross_attention",
                                        "false"};
    rome99_value v;
    size_t i;
    int found;
    if (rome99_json_kind(config) != ROME99_OBJECT) return rome99_json_fail(e, config, "not an object");
    for (i = 0; i < sizeof plain / sizeof *plain; i += 2)
        if (check_plain(config, plain[i], plain[i + 1], e)) return -1;
    if (check_twin(config, twin, e) || read_size(&s->V, config, "vocab_size", e) ||
        read_size(&s->T, config, "n_positions", e) || read_size(&s->D, config, "n_embd", e) ||
        read_size(&s->L, config, "n_layer", e) || read_size(&s->H, config, "n_head", e))
        return -1;
    s->F = 4 * s->D;
    found = rome99_json_member(&v, config, "n_inner", e);
    if (found < 0 || (found && rome99_json_kind(v) != ROME99_NULL && read_size(&s->F, config, "n_inner", e)))
        return -1;
    s->eps = 1e-5;
    found = rome99_json_member(&v, config, "layer_norm_epsilon", e);
    if (found < 0 || (found && rome99_json_double(&s->eps, v, e))) return -1;
    if (!(s->eps > 0.0)) return rome99_json_fail(e, v, "layer_norm_epsilon must be greater than 0");
    if (s->D % s->H == 0) return 0;
    return rome99_json_fail(e, config, "n_embd %zu is not a multiple of n_head %zu", s->D, s->H);
}

/* How a file describes weight `index`, all but its data. */
static rome99_tensor describe(char name[100], const rome99_gpt2 *model, size_t index) {
    const rome99_tensor_info info = rome99_describe(&model->shape, index);
    rome99_tensor t = {0};
    char layer[32] = "";
    if (index >= ROME99_GLOBALS) sprintf(layer, "h.%zu.", (index - ROME99_GLOBALS) / ROME99_PER_LAYER);
    sprintf(name, "transformer.%s%s", layer, info.name);
    t.name = name;
    t.dtype = (rome99_st_dtype)model->w[index].dtype;
    t.rank = info.is_vector ? 1 : 2;
    t.shape[0] = info.is_vector ? info.cols : info.rows;
    t.shape[1] = info.is_vector ? 0 : info.cols;
    t.count = info.rows * info.cols;
    return t;
}

/* Weights. */

enum { PIECE = 1 << 20 }; /* bytes read at once */

void (*rome99_checkpoint_progress)(const char *folder, size_t done, size_t bytes);

/* The weights of a folder on their way into memory. */
typedef struct {
    const char *folder;
    rome99_shards files;
    const rome99_stored **weight; /* (rome99_tensor_count) */
    unsigned char *block;         /* (bytes) their place in memory */
    size_t bytes;
} loading;

static int is_finite(rome99_weight w, size_t n) {
    double x[256];
    size_t i, j, m;
    int finite = 1;
    for (i = 0; i < n; i += m) {
        m = n - i < 256 ? n - i : 256;
        rome99_widen(x, w, i, m);
        for (j = 0; j < m; j++) finite &= x[j] - x[j] == 0.0;
    }
    return finite;
}

/* Bytes of a tensor in memory. */
static size_t room(const rome99_tensor *t) {
    return (t->count * rome99_st_dtype_size(t->dtype) + 63) / 64 * 64;
}

static int find_weight(loading *l, rome99_gpt2 *model, size_t index, rome99_error *e) {
    char name[100];
    const rome99_tensor wanted = describe(name, model, index), *t;
    const rome99_stored *stored = rome99_shards_find(&l->files, name);
    const char *path;
    if (!stored) stored = rome99_shards_find(&l->files, name + strlen("transformer."));
    if (!stored) return rome99_fail(e, l->files.path, "tensor %s is missing", name);
    t = stored->tensor;
    path = stored->shard->path;
    if (t->rank != wanted.rank || t->shape[0] != wanted.shape[0] || t->shape[1] != wanted.shape[1])
        return rome99_fail(e, path,
                           wanted.rank == 1 ? "tensor %s: config.json asks for shape [%zu]"
                                            : "tensor %s: config.json asks for shape [%zu, %zu]",
                           t->name, wanted.shape[0], wanted.shape[1]);
    if ((int)t->dtype > (int)ROME99_ST_BF16)
        return rome99_fail(e, path, "tensor %s: dtype %s is not F64, F32, F16 or BF16", t->name,
                           rome99_st_dtype_name(t->dtype));
    if (room(t) > SIZE_MAX - l->bytes) return rome99_fail(e, path, "too large for this machine");
    l->weight[index] = stored;
    l->bytes += room(t);
    model->w[index].dtype = (rome99_dtype)t->dtype;
    return 0;
}

/* Finds all weights; only the buffers of old checkpoints and the tied head may be left. */
static int find_weights(loading *l, rome99_gpt2 *model, rome99_error *e) {
    const rome99_shape *s = &model->shape;
    const char *path = l->files.path;
    size_t i, used;
    if (s->L > l->files.n)
        return rome99_fail(e, path, "fewer tensors than the %zu layers of config.json", s->L);
    model->w = calloc(rome99_tensor_count(s), sizeof *model->w);
    l->weight = calloc(rome99_tensor_count(s), sizeof *l->weight);
    if (!model->w || !l->weight) return rome99_fail(e, path, "out of memory");
    for (used = 0; used < rome99_tensor_count(s); used++)
        if (find_weight(l, model, used, e)) return -1;
    for (i = 0; i < l->files.n; i++) {
        const char *name = strstr(l->files.list[i].tensor->name, ".attn.");
        used += name != NULL && (strcmp(name, ".attn.bias") == 0 || strcmp(name, ".attn.masked_bias") == 0);
    }
    used += rome99_shards_find(&l->files, "lm_head.weight") != NULL;
    if (used == l->files.n) return 0;
    return rome99_fail(e, path, "there are %zu tensors that a GPT-2 of %zu layers does not have",
                       l->files.n - used, s->L);
}

static void report(const loading *l, size_t done) {
    if (rome99_checkpoint_progress) rome99_checkpoint_progress(l->folder, done, l->bytes);
}

/* How many elements of t to read at once, from element i on. */
static size_t piece_at(const rome99_tensor *t, size_t i) {
    const size_t most = PIECE / rome99_st_dtype_size(t->dtype);
    return t->count - i < most ? t->count - i : most;
}

static int read_weight(const loading *l, unsigned char *to, const rome99_stored *from, rome99_error *e) {
    const rome99_tensor *t = from->tensor;
    rome99_weight piece = {to, (rome99_dtype)t->dtype};
    size_t i, n;
    for (i = 0; i < t->count; i += n) {
        n = piece_at(t, i);
        report(l, (size_t)(to - l->block));
        if (rome99_stored_read(to, from, i, n, e)) return -1;
        piece.data = to;
        if (!is_finite(piece, n))
            return rome99_fail(e, from->shard->path, "tensor %s: a weight is not finite", t->name);
        to += n * rome99_st_dtype_size(t->dtype);
    }
    return 0;
}

/* The head must be the embedding, bit for bit. */
static int check_head(const loading *l, const rome99_stored *from, rome99_weight wte, rome99_error *e) {
    const rome99_tensor *t = from->tensor;
    const size_t element = rome99_dtype_size(wte.dtype);
    unsigned char *piece = malloc(PIECE);
    size_t i, n;
    int failed = 0,
        same = t->count == l->weight[ROME99_WTE]->tensor->count && (int)t->dtype == (int)wte.dtype;
    if (!piece) return rome99_fail(e, from->shard->path, "out of memory");
    for (i = 0; !failed && same && i < t->count; i += n) {
        n = piece_at(t, i);
        failed = rome99_stored_read(piece, from, i, n, e);
        if (!failed) same = memcmp(piece, (const unsigned char *)wte.data + i * element, n * element) == 0;
    }
    free(piece);
    if (same) return failed;
    return rome99_fail(e, from->shard->path, "not plain GPT-2: lm_head.weight is not wte.weight");
}

static int read_weights(rome99_checkpoint *c, loading *l, rome99_error *e) {
    const rome99_stored *head;
    unsigned char *to;
    size_t i;
    if (rome99_shards_open(&l->files, l->folder, e) || find_weights(l, &c->model, e)) return -1;
    c->weights = l->block = to = rome99_allocate(l->bytes);
    if (!to) return rome99_fail(e, l->files.path, "too large: out of memory");
    for (i = 0; i < rome99_tensor_count(&c->model.shape); i++) {
        c->model.w[i].data = to;
        if (read_weight(l, to, l->weight[i], e)) return -1;
        to += room(l->weight[i]->tensor);
    }
    head = rome99_shards_find(&l->files, "lm_head.weight");
    if (head && check_head(l, head, c->model.w[ROME99_WTE], e)) return -1;
    report(l, l->bytes);
    return 0;
}

static int read_folder(rome99_checkpoint *c, const char *folder, int twin, rome99_error *e) {
    static const char *const names[3] = {"config.json", "vocab.json", "merges.txt"};
    char *path[3];
    rome99_shape *s = &c->model.shape;
    rome99_json *config = NULL;
    loading l = {0};
    int failed = 0, i;
    memset(c, 0, sizeof *c);
    l.folder = folder;
    for (i = 0; i < 3; i++) failed |= !(path[i] = rome99_path(folder, names[i]));
    if (failed) rome99_fail(e, folder, "out of memory");
    failed = failed || rome99_json_read(&config, path[0], e) ||
             read_config(s, rome99_json_root(config), twin, e) ||
             rome99_bpe_read(&c->bpe, path[1], path[2], e) ||
             (rome99_bpe_size(c->bpe) != s->V &&
              rome99_fail(e, path[1], "%zu tokens, but vocab_size is %zu", rome99_bpe_size(c->bpe), s->V)) ||
             read_weights(c, &l, e);
    if (failed) rome99_checkpoint_free(c);
    rome99_json_free(config);
    rome99_shards_close(&l.files);
    free(l.weight);
    for (i = 0; i < 3; i++) free(path[i]);
    return failed ? -1 : 0;
}

int rome99_checkpoint_read(rome99_checkpoint *c, const char *folder, rome99_error *e) {
    return read_folder(c, folder, 0, e);
}

int rome99_checkpoint_read_twin(rome99_checkpoint *c, const char *folder, rome99_error *e) {
    return read_folder(c, folder, 1, e);
}

void rome99_checkpoint_free(rome99_checkpoint *c) {
    rome99_bpe_free(c->bpe);
    free(c->model.w);
    free(c->weights);
    memset(c, 0, sizeof *c);
}

static int write_config(const char *path, const rome99_shape *s, int32_t endoftext, int twin,
                        rome99_error *e) {
    rome99_text t = {0};
    int failed;
    rome99_text_printf(
        &t,
        "{\n  \"model_type\": \"gpt2\",\n  \"architectures\": [\"GPT2LMHeadModel\"],\n"
        "  \"activation_function\": \"gelu_new\",\n  \"vocab_size\": %zu,\n  \"n_positions\": %zu,\n"
        "  \"n_ctx\": %zu,\n  \"n_embd\": %zu,\n  \"n_layer\": %zu,\n  \"n_head\": %zu,\n"
        "  \"n_inner\": %zu,\n  \"layer_norm_epsilon\": ",
        s->V, s->T, s->T, s->D, s->L, s->H, s->F);
    rome99_text_json_double(&t, s->eps);
    rome99_text_puts(&t, ",\n  \"tie_word_embeddings\": true");
    if (endoftext >= 0)
        rome99_text_printf(&t, ",\n  \"bos_token_id\": %ld,\n  \"eos_token_id\": %ld", (long)endoftext,
                           (long)endoftext);
    if (twin) rome99_text_puts(&t, ",\n  \"bidirectional\": true");
    rome99_text_puts(&t, "\n}\n");
    failed = t.failed ? rome99_fail(e, path, "out of memory") : rome99_write_file(path, t.bytes, t.size, e);
    rome99_text_free(&t);
    return failed;
}

/* Makes t (count) float32 where it is float64; the numbers go to f. Returns 0, or -1 with *e set. */
static int narrow_tensors(rome99_tensor *t, size_t count, float *f, const char *path, rome99_error *e) {
    size_t i;
    for (i = 0; i < count; i++) {
        if (t[i].dtype != ROME99_ST_F64) continue;
        if (rome99_narrow(f, t[i].data, t[i].count, path, e)) return -1;
        t[i].dtype = ROME99_ST_F32;
        t[i].data = f;
        f += t[i].count;
    }
    return 0;
}

static int write_folder(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow, int twin,
                        rome99_error *e) {
    const size_t count = rome99_tensor_count(&model->shape);
    char *config = rome99_path(folder, "config.json"), *path = rome99_path(folder, "model.safetensors");
    char(*names)[100] = calloc(count, sizeof *names);
    rome99_tensor *t = calloc(count, sizeof *t);
    float *floats = NULL;
    size_t i, wide = 0;
    int failed = 0;
    for (i = 0; names && t && i < count; i++) {
        t[i] = describe(names[i], model, i);
        t[i].data = model->w[i].data;
        wide += t[i].dtype == ROME99_ST_F64 ? t[i].count : 0;
    }
    if (narrow) floats = malloc((wide + 1) * sizeof *floats);
    if (!config || !path || !names || !t || (narrow && !floats)) {
        failed = rome99_fail(e, folder, "out of memory");
    } else {
        failed = (narrow && narrow_tensors(t, count, floats, path, e)) ||
                 write_config(config, &model->shape, endoftext, twin, e) ||
                 rome99_safetensors_write(path, t, count, e);
    }
    free(config);
    free(path);
    free(names);
    free(t);
    free(floats);
    return failed ? -1 : 0;
}

int rome99_checkpoint_write(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow,
                            rome99_error *e) {
    return write_folder(folder, model, endoftext, narrow, 0, e);
}

int rome99_checkpoint_write_twin(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow,
                                 rome99_error *e) {
    return write_folder(folder, model, endoftext, narrow, 1, e);
}
