/* checkpoint.c: a folder becomes a rome99_gpt2, and the other way round. */
#include "files/checkpoint.h"
#include "files/json.h"
#include "files/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------- config.json */

/* A size that must be there, from 1 to 2^31 - 1. */
static int read_size(size_t *out, rome99_value config, const char *key, rome99_error *e) {
    rome99_value v;
    uint64_t x;
    if (rome99_json_require(&v, config, key, ROME99_NUMBER, e) || rome99_json_integer(&x, v, 2147483647, e))
        return -1;
    if (x == 0)
        return rome99_json_fail(e, v, "%s must not be 0", key);
    *out = (size_t)x;
    return 0;
}

/* Refuses a member that is there with a value other than the plain one: "gelu_new", or true, false. */
static int plain_only(rome99_value config, const char *key, const char *plain, rome99_error *e) {
    rome99_value v;
    int found = rome99_json_member(&v, config, key, e), same;
    if (found <= 0)
        return found;
    if (rome99_json_kind(v) == ROME99_BOOLEAN)
        same = strcmp(rome99_json_boolean(v) ? "true" : "false", plain) == 0;
    else
        same = rome99_json_kind(v) == ROME99_STRING && strcmp(rome99_json_string(v), plain) == 0;
    return same ? 0 : rome99_json_fail(e, v, "not plain GPT-2: \"%s\" must be %s", key, plain);
}

static int read_config(rome99_shape *s, rome99_value config, rome99_error *e) {
    static const char *const plain[][2] = {{"model_type", "gpt2"},
                                           {"activation_function", "gelu_new"},
                                           {"tie_word_embeddings", "true"},
                                           {"scale_attn_weights", "true"},
                                           {"scale_attn_by_inverse_layer_idx", "false"},
                                           {"add_cross_attention", "false"}};
    rome99_value v;
    size_t i;
    int found;
    for (i = 0; i < sizeof plain / sizeof *plain; i++)
        if (plain_only(config, plain[i][0], plain[i][1], e))
            return -1;
    if (read_size(&s->V, config, "vocab_size", e) || read_size(&s->T, config, "n_positions", e) ||
        read_size(&s->D, config, "n_embd", e) || read_size(&s->L, config, "n_layer", e) ||
        read_size(&s->H, config, "n_head", e))
        return -1;
    s->F = 4 * s->D;
    if ((found = rome99_json_member(&v, config, "n_inner", e)) < 0)
        return -1;
    if (found && rome99_json_kind(v) != ROME99_NULL && read_size(&s->F, config, "n_inner", e))
        return -1;
    s->eps = 1e-5;
    if ((found = rome99_json_member(&v, config, "layer_norm_epsilon", e)) < 0 ||
        (found && rome99_json_double(&s->eps, v, e)))
        return -1;
    if (!(s->eps > 0.0))
        return rome99_json_fail(e, v, "layer_norm_epsilon must be greater than 0");
    if (s->D % s->H != 0)
        return rome99_json_fail(e, config, "n_embd %lu is not a multiple of n_head %lu", (unsigned long)s->D,
                                (unsigned long)s->H);
    return 0;
}

/* ---------------------------------------------------------------- model.safetensors */

/* The Hugging Face name of a tensor, without "transformer.": at most 80 bytes with the NUL. */
static void tensor_name(char name[80], const rome99_shape *s, size_t index) {
    rome99_tensor_info info = rome99_describe(s, index);
    if (index < ROME99_GLOBALS)
        sprintf(name, "%s", info.name);
    else
        sprintf(name, "h.%lu.%s", (unsigned long)((index - ROME99_GLOBALS) / ROME99_PER_LAYER), info.name);
}

static int is_finite(rome99_weight w, size_t n) {
    double piece[256];
    size_t i, j, m;
    for (i = 0; i < n; i += m) {
        m = n - i < 256 ? n - i : 256;
        rome99_widen(piece, w, i, m);
        for (j = 0; j < m; j++)
            if (!(piece[j] - piece[j] == 0.0))
                return 0;
    }
    return 1;
}

static int take_tensor(rome99_weight *w, const rome99_safetensors *st, const rome99_shape *s, size_t index,
                       const char *path, rome99_error *e) {
    rome99_tensor_info info = rome99_describe(s, index);
    const rome99_tensor *t;
    char name[100] = "transformer.";
    tensor_name(name + 12, s, index);
    t = rome99_safetensors_find(st, name + 12);
    if (!t)
        t = rome99_safetensors_find(st, name);
    if (!t)
        return rome99_fail(e, path, "tensor %s is missing", name + 12);
    if (info.is_vector ? t->rank != 1 || t->shape[0] != info.cols
                       : t->rank != 2 || t->shape[0] != info.rows || t->shape[1] != info.cols)
        return info.is_vector
                   ? rome99_fail(e, path, "tensor %s: config.json asks for shape [%lu]", t->name,
                                 (unsigned long)info.cols)
                   : rome99_fail(e, path, "tensor %s: config.json asks for shape [%lu, %lu]", t->name,
                                 (unsigned long)info.rows, (unsigned long)info.cols);
    switch (t->dtype) {
    case ROME99_ST_F64: w->dtype = ROME99_F64; break;
    case ROME99_ST_F32: w->dtype = ROME99_F32; break;
    case ROME99_ST_F16: w->dtype = ROME99_F16; break;
    case ROME99_ST_BF16: w->dtype = ROME99_BF16; break;
    default:
        return rome99_fail(e, path, "tensor %s: dtype %s is not F64, F32, F16 or BF16", t->name,
                           rome99_st_dtype_name(t->dtype));
    }
    w->data = t->data;
    if (!is_finite(*w, t->count))
        return rome99_fail(e, path, "tensor %s: a weight is not finite", t->name);
    return 0;
}

/* Whether the name's end says a buffer that old checkpoints carry. */
static int is_buffer(const char *name) {
    static const char *const ends[] = {".attn.bias", ".attn.masked_bias"};
    size_t i, length = strlen(name);
    for (i = 0; i < 2; i++)
        if (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0)
            return 1;
    return 0;
}

/* A head of its own must be the tied one again. */
static int check_head(const rome99_safetensors *st, rome99_weight wte, const rome99_shape *s, const char *path,
                      rome99_error *e) {
    const rome99_tensor *t = rome99_safetensors_find(st, "lm_head.weight");
    if (t && (t->count != s->V * s->D || rome99_st_dtype_size(t->dtype) != rome99_dtype_size(wte.dtype) ||
              memcmp(t->data, wte.data, t->count * rome99_dtype_size(wte.dtype)) != 0))
        return rome99_fail(e, path, "not plain GPT-2: lm_head.weight is not wte.weight");
    return 0;
}

static int read_tensors(rome99_checkpoint *c, const char *path, rome99_error *e) {
    const rome99_shape *s = &c->model.shape;
    size_t count = rome99_tensor_count(s), i, others = 0;
    if (rome99_safetensors_read(&c->tensors, path, e))
        return -1;
    if (s->L > rome99_safetensors_count(c->tensors)) /* before anything is sized by L */
        return rome99_fail(e, path, "fewer tensors than the %lu layers of config.json", (unsigned long)s->L);
    c->model.w = calloc(count, sizeof *c->model.w);
    if (!c->model.w)
        return rome99_fail(e, path, "out of memory");
    for (i = 0; i < count; i++)
        if (take_tensor(&c->model.w[i], c->tensors, s, i, path, e))
            return -1;
    for (i = 0; i < rome99_safetensors_count(c->tensors); i++) {
        const char *name = rome99_safetensors_at(c->tensors, i)->name;
        others += is_buffer(name) || strcmp(name, "lm_head.weight") == 0;
    }
    if (count + others != rome99_safetensors_count(c->tensors))
        return rome99_fail(e, path, "there are %lu tensors that a GPT-2 of %lu layers does not have",
                           (unsigned long)(rome99_safetensors_count(c->tensors) - count - others),
                           (unsigned long)s->L);
    return check_head(c->tensors, c->model.w[ROME99_WTE], s, path, e);
}

/* --------------------------------------------------------------------------- folders */

static int read_parts(rome99_checkpoint *c, char *const path[4], rome99_error *e) {
    rome99_json *config = NULL;
    int failed;
    if (rome99_json_read(&config, path[0], e))
        return -1;
    failed = rome99_json_kind(rome99_json_root(config)) != ROME99_OBJECT
                 ? rome99_json_fail(e, rome99_json_root(config), "not an object")
                 : read_config(&c->model.shape, rome99_json_root(config), e);
    rome99_json_free(config);
    if (failed || rome99_bpe_read(&c->bpe, path[2], path[3], e))
        return -1;
    if (rome99_bpe_size(c->bpe) != c->model.shape.V)
        return rome99_fail(e, path[2], "%lu tokens, but config.json has vocab_size %lu",
                           (unsigned long)rome99_bpe_size(c->bpe), (unsigned long)c->model.shape.V);
    return read_tensors(c, path[1], e);
}

int rome99_checkpoint_read(rome99_checkpoint *c, const char *folder, rome99_error *e) {
    static const char *const names[4] = {"config.json", "model.safetensors", "vocab.json", "merges.txt"};
    char *path[4] = {NULL, NULL, NULL, NULL};
    int i, failed = 0;
    memset(c, 0, sizeof *c);
    for (i = 0; i < 4; i++)
        if (!(path[i] = rome99_path(folder, names[i])))
            failed = rome99_fail(e, folder, "out of memory");
    if (!failed)
        failed = read_parts(c, path, e);
    for (i = 0; i < 4; i++)
        free(path[i]);
    if (failed)
        rome99_checkpoint_free(c);
    return failed;
}

void rome99_checkpoint_free(rome99_checkpoint *c) {
    rome99_bpe_free(c->bpe);
    rome99_safetensors_free(c->tensors);
    free(c->model.w);
    memset(c, 0, sizeof *c);
}

static int write_config(const char *path, const rome99_shape *s, int32_t endoftext, rome99_error *e) {
    rome99_text t = {0};
    int failed;
    rome99_text_printf(&t,
                       "{\n  \"model_type\": \"gpt2\",\n  \"architectures\": [\"GPT2LMHeadModel\"],\n"
                       "  \"activation_function\": \"gelu_new\",\n  \"vocab_size\": %lu,\n"
                       "  \"n_positions\": %lu,\n  \"n_ctx\": %lu,\n  \"n_embd\": %lu,\n  \"n_layer\": %lu,\n"
                       "  \"n_head\": %lu,\n  \"n_inner\": %lu,\n  \"layer_norm_epsilon\": ",
                       (unsigned long)s->V, (unsigned long)s->T, (unsigned long)s->T, (unsigned long)s->D,
                       (unsigned long)s->L, (unsigned long)s->H, (unsigned long)s->F);
    rome99_text_json_double(&t, s->eps);
    rome99_text_puts(&t, ",\n  \"tie_word_embeddings\": true");
    if (endoftext >= 0)
        rome99_text_printf(&t, ",\n  \"bos_token_id\": %ld,\n  \"eos_token_id\": %ld", (long)endoftext,
                           (long)endoftext);
    rome99_text_puts(&t, "\n}\n");
    failed = t.failed ? rome99_fail(e, path, "out of memory") : rome99_write_file(path, t.bytes, t.size, e);
    rome99_text_free(&t);
    return failed;
}

/* A tensor of the file for weight `index`; *narrowed owns its floats where it was made for this. */
static int describe_tensor(rome99_tensor *t, float **narrowed, char name[100], const rome99_gpt2 *model,
                           size_t index, int narrow, rome99_error *e) {
    static const rome99_st_dtype dtype[] = {ROME99_ST_F64, ROME99_ST_F32, ROME99_ST_F16, ROME99_ST_BF16};
    rome99_tensor_info info = rome99_describe(&model->shape, index);
    rome99_weight w = model->w[index];
    size_t i;
    strcpy(name, "transformer.");
    tensor_name(name + 12, &model->shape, index);
    memset(t, 0, sizeof *t);
    t->name = name;
    t->dtype = dtype[w.dtype];
    t->data = w.data;
    t->count = info.rows * info.cols;
    t->rank = info.is_vector ? 1 : 2;
    t->shape[0] = info.is_vector ? info.cols : info.rows;
    t->shape[1] = info.is_vector ? 0 : info.cols;
    if (narrow && w.dtype == ROME99_F64) {
        if (!(*narrowed = malloc(t->count * sizeof **narrowed)))
            return rome99_fail(e, name, "out of memory");
        for (i = 0; i < t->count; i++)
            (*narrowed)[i] = (float)((const double *)w.data)[i];
        t->dtype = ROME99_ST_F32;
        t->data = *narrowed;
    }
    return 0;
}

int rome99_checkpoint_write(const char *folder, const rome99_gpt2 *model, int32_t endoftext, int narrow,
                            rome99_error *e) {
    size_t count = rome99_tensor_count(&model->shape), i;
    rome99_tensor *t = calloc(count, sizeof *t);
    float **narrowed = calloc(count, sizeof *narrowed);
    char(*names)[100] = calloc(count, sizeof *names);
    char *config = rome99_path(folder, "config.json"), *path = rome99_path(folder, "model.safetensors");
    int failed = !t || !narrowed || !names || !config || !path ? rome99_fail(e, folder, "out of memory") : 0;
    for (i = 0; !failed && i < count; i++)
        failed = describe_tensor(&t[i], &narrowed[i], names[i], model, i, narrow, e);
    if (!failed)
        failed = write_config(config, &model->shape, endoftext, e) || rome99_safetensors_write(path, t, count, e)
                     ? -1
                     : 0;
    for (i = 0; narrowed && i < count; i++)
        free(narrowed[i]);
    free(t);
    free(narrowed);
    free(names);
    free(config);
    free(path);
    return failed;
}
