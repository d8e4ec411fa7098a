/*
 * train_state.c: a training as a file, to be taken up again: rome99_trainer_parts, and beside them
 *
 *     recipe    F64, the numbers named below    rome99    U8, the version of the program
 *     hash      I64, FNV-1a over the 64-bit words of the recipe and the parts
 */
#include "train.h"

#include <string.h>

static const char *const option[] = {
    "--seed",   "--steps", "--windows", "--lr",        "--weight-decay",  "--real",      "--masked",
    "--layers", "--width", "--heads",   "--positions", "a vocabulary of", "a warm-up of"};
enum { NUMBERS = sizeof option / sizeof *option, ALL = ROME99_PARTS + 1 };

static const char version[] = ROME99_VERSION;

static void list_recipe(double number[NUMBERS], const rome99_recipe *r) {
    const rome99_shape *s = &r->shape;
    const double all[NUMBERS] = {(double)r->seed,  (double)r->steps,     (double)r->windows, r->lr,
                                 r->weight_decay,  (double)r->real_text, (double)r->masked,  (double)s->L,
                                 (double)s->D,     (double)s->H,         (double)s->T,       (double)s->V,
                                 (double)r->warmup};
    memcpy(number, all, sizeof all);
}

static void list_parts(rome99_part parts[ALL], double number[NUMBERS], rome99_trainer *t) {
    const rome99_part recipe = {"recipe", ROME99_ST_F64, number, NUMBERS};
    list_recipe(number, rome99_trainer_recipe(t));
    parts[0] = recipe;
    rome99_trainer_parts(parts + 1, t);
}

static uint64_t hash_words(uint64_t hash, const void *data, size_t count) {
    size_t i;
    for (i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, (const unsigned char *)data + 8 * i, 8);
        hash = (hash ^ word) * UINT64_C(1099511628211);
    }
    return hash;
}
static const uint64_t hash_start = UINT64_C(14695981039346656037);

static rome99_tensor as_tensor(const char *name, rome99_st_dtype dtype, const void *data, size_t count) {
    rome99_tensor t = {0};
    t.name = name;
    t.dtype = dtype;
    t.rank = 1;
    t.shape[0] = t.count = count;
    t.data = data;
    return t;
}

int rome99_state_write(const char *path, rome99_trainer *t, rome99_error *e) {
    rome99_tensor tensors[ALL + 2];
    rome99_part parts[ALL];
    double number[NUMBERS];
    uint64_t hash = hash_start;
    size_t i;
    list_parts(parts, number, t);
    for (i = 0; i < ALL; i++) {
        tensors[i] = as_tensor(parts[i].name, parts[i].dtype, parts[i].data, parts[i].count);
        hash = hash_words(hash, parts[i].data, parts[i].count);
    }
    tensors[ALL] = as_tensor("hash", ROME99_ST_I64, &hash, 1);
    tensors[ALL + 1] = as_tensor("rome99", ROME99_ST_U8, version, sizeof version - 1);
    return rome99_safetensors_write(path, tensors, ALL + 2, e);
}

/* That the file is a state, of this version, and as it was written. */
static int check_file(const rome99_tensor *tensors[ALL], const rome99_part parts[ALL],
                      const rome99_safetensors *st, const char *path, rome99_error *e) {
    const rome99_tensor *made = rome99_safetensors_find(st, "rome99"), *kept;
    uint64_t hash = hash_start;
    size_t i;
    if (!made || made->dtype != ROME99_ST_U8) return rome99_fail(e, path, "is not the state of a training");
    if (made->count != sizeof version - 1 || memcmp(made->data, version, made->count) != 0)
        return rome99_fail(e, path, "made by rome99 %.*s; this is %s",
                           (int)(made->count < 40 ? made->count : 40), (const char *)made->data, version);
    for (i = 0; i < ALL; i++) {
        if (rome99_safetensors_require(&tensors[i], st, parts[i].name, e)) return -1;
        if (tensors[i]->dtype != parts[i].dtype)
            return rome99_fail(e, path, "tensor '%s' has another dtype", parts[i].name);
        hash = hash_words(hash, tensors[i]->data, tensors[i]->count);
    }
    if (rome99_safetensors_require(&kept, st, "hash", e)) return -1;
    if (kept->dtype != ROME99_ST_I64 || kept->count != 1 || memcmp(kept->data, &hash, sizeof hash) != 0)
        return rome99_fail(e, path, "is damaged: its numbers do not have the hash that they had");
    return 0;
}

/* That the state belongs to this recipe, and can be gone on from. */
static int check_state(const rome99_tensor *const tensors[ALL], const rome99_part parts[ALL],
                       const double number[NUMBERS], const char *path, rome99_error *e) {
    size_t i, j;
    for (i = 0; i < ALL; i++) {
        const double *x = tensors[i]->data;
        const size_t n = tensors[i]->count;
        for (j = 0; i == 0 && j < n && j < NUMBERS; j++)
            if (x[j] != number[j])
                return rome99_fail(e, path, "is of a training with %s %.15g, not %.15g", option[j], x[j],
                                   number[j]);
        if (n != parts[i].count) return rome99_fail(e, path, "tensor '%s' has another size", parts[i].name);
        for (j = 0; parts[i].dtype == ROME99_ST_F64 && j < n; j++)
            if (x[j] - x[j] != 0.0)
                return rome99_fail(e, path, "tensor '%s' has a number that is not finite", parts[i].name);
    }
    return 0;
}

int rome99_state_read(rome99_trainer *t, const char *path, rome99_error *e) {
    const rome99_tensor *tensors[ALL];
    rome99_safetensors *st;
    rome99_part parts[ALL];
    double number[NUMBERS];
    uint64_t step;
    size_t i;
    int failed;
    if (!rome99_is_file(path)) return rome99_fail(e, path, "is not a regular file");
    if (rome99_safetensors_read(&st, path, e)) return -1;
    list_parts(parts, number, t);
    failed = check_file(tensors, parts, st, path, e) || check_state(tensors, parts, number, path, e) ? -1 : 0;
    if (!failed) {
        memcpy(&step, tensors[1]->data, sizeof step);
        if (step > rome99_trainer_recipe(t)->steps) failed = rome99_fail(e, path, "is behind the last step");
    }
    for (i = 1; !failed && i < ALL; i++) memcpy(parts[i].data, tensors[i]->data, 8 * parts[i].count);
    rome99_safetensors_free(st);
    return failed;
}
