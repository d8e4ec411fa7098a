/* test_upstream.c: every tensor that the released Python recorded, against ours. The bar is 1e-10 of the
 * tensor's norm; the worst is printed. Argument: the folder (default tests/upstream). */
#include "edit/edit.h"
#include "files/npy.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static double worst;

static void compare(const rome99_safetensors *st, const char *where, const char *name, const double *ours,
                    size_t n) {
    const rome99_tensor *t = rome99_safetensors_find(st, name);
    double error = 0.0, a = 0.0, b = 0.0;
    size_t i;
    if (!t) /* the released code does not have it for this method */
        return;
    CHECK(t->dtype == ROME99_ST_F64 && t->count == n, "%s %s: %lu numbers recorded, %lu here", where, name,
          (unsigned long)t->count, (unsigned long)n);
    for (i = 0; i < n && i < t->count; i++) {
        double x = ((const double *)t->data)[i];
        error += (x - ours[i]) * (x - ours[i]);
        a += x * x;
        b += ours[i] * ours[i];
    }
    error = error > 0.0 ? sqrt(error / (a > b ? a : b)) : 0.0;
    worst = error > worst ? error : worst;
    CHECK(error <= 1e-10, "%s %s: error %.2e of its norm", where, name, error);
}

/* Token ids (padded on the right) and lookup positions of every text, the KL prompt last. */
static void compare_texts(const rome99_safetensors *st, const char *where, const rome99_edit *edit) {
    const rome99_tensor *ids = rome99_safetensors_find(st, "input_ids"),
                        *lookup = rome99_safetensors_find(st, "lookup");
    size_t j, p, at = 0;
    CHECK(ids && lookup && lookup->count == edit->pair.N + 1, "%s: input_ids and lookup", where);
    if (!ids || !lookup) return;
    for (j = 0; j <= edit->pair.N; j++) {
        CHECK((size_t)((const double *)lookup->data)[j] == edit->tokens.lookup[j], "%s: lookup of text %lu",
              where, (unsigned long)j);
        for (p = 0; p < edit->tokens.length[j]; p++, at++)
            CHECK((int32_t)((const double *)ids->data)[j * ids->shape[1] + p] == edit->tokens.ids[at],
                  "%s: token %lu of text %lu", where, (unsigned long)p, (unsigned long)j);
    }
}

static void compare_method(const char *folder, const char *name, const rome99_edit *edit) {
    const rome99_pair *p = &edit->pair;
    const rome99_update *u = &edit->update;
    const double *k_den = edit->method == ROME99_C_ROME ? p->k_bar : p->k_u;
    char path[256], where[64];
    rome99_safetensors *st;
    rome99_error e;
    snprintf(where, sizeof where, "%s.%s", name, rome99_method_name(edit->method));
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, where);
    if (rome99_safetensors_read(&st, path, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    compare_texts(st, where, edit);
    compare(st, where, "keys", p->keys, p->N * p->F);
    compare(st, where, "k_bar", p->k_bar, p->F);
    compare(st, where, "k_den", k_den, p->F);
    compare(st, where, "m_u", p->m_u, p->D);
    compare(st, where, "m_bar", p->m_bar, p->D);
    compare(st, where, "u", u->u, p->F);
    compare(st, where, "delta", p->delta, p->D);
    compare(st, where, "v_star", p->v_star, p->D);
    compare(st, where, "denominator", &u->denominator, 1);
    compare(st, where, "right", u->right, p->D);
    compare(st, where, "losses", p->losses, p->forwards * 4);
    compare(st, where, "steps", p->steps, p->forwards * p->D);
    rome99_safetensors_free(st);
}

static void read_number(double *x, rome99_value hparams, const char *key) {
    rome99_value v;
    rome99_error e;
    if (rome99_json_member(&v, hparams, key, &e) > 0) *x = strtod(rome99_json_string(v), NULL);
}

/* The setup of a case: hyper-parameters from strings, C, templates. */
static int read_case(rome99_setup *s, const char *folder, const char *name, rome99_value c, rome99_error *e) {
    rome99_value v, item;
    rome99_items items;
    double steps = 20.0;
    size_t rows, cols, F = s->checkpoint.model.shape.F;
    uint64_t layer;
    char path[256];
    double *pack;
    s->settings.h = rome99_defaults;
    if (rome99_json_require(&v, c, "hparams", ROME99_OBJECT, e)) return -1;
    read_number(&s->settings.h.v_lr, v, "v_lr");
    read_number(&s->settings.h.kl_factor, v, "kl_factor");
    read_number(&s->settings.h.v_weight_decay, v, "v_weight_decay");
    read_number(&s->settings.h.clamp_norm_factor, v, "clamp_norm_factor");
    read_number(&steps, v, "v_num_grad_steps");
    s->settings.h.v_num_grad_steps = (size_t)steps;
    if (rome99_json_require(&v, c, "layer", ROME99_NUMBER, e) || rome99_json_integer(&layer, v, 100, e) ||
        rome99_json_require(&v, c, "cov", ROME99_STRING, e))
        return -1;
    s->settings.h.layer = (size_t)layer;
    snprintf(path, sizeof path, "%s/%s", folder, rome99_json_string(v));
    if (rome99_npy_read(&s->C, &rows, &cols, path, e)) return -1;
    CHECK(rows == F && cols == F, "%s: C is %lu x %lu", name, (unsigned long)rows, (unsigned long)cols);
    s->L = malloc(F * F * sizeof *s->L);
    pack = malloc(ROME99_PACK * sizeof *pack);
    memcpy(s->L, s->C, F * F * sizeof *s->L);
    CHECK(rome99_cholesky(s->L, F, pack) == 0, "%s: C is positive definite", name);
    free(pack);
    if (rome99_json_require(&v, c, "templates", ROME99_ARRAY, e)) return -1;
    s->templates.list.item = calloc(rome99_json_length(v), sizeof *s->templates.list.item);
    items = rome99_json_items(v);
    while (rome99_json_next(&items, NULL, &item)) {
        s->templates.list.item[s->templates.list.n].bytes = rome99_json_string(item);
        s->templates.list.item[s->templates.list.n++].size = rome99_json_length(item);
    }
    return 0;
}

static void run_case(const char *folder, rome99_setup *s, const char *name, rome99_value c) {
    static const rome99_method methods[] = {ROME99_ROME, ROME99_C_ROME, ROME99_P_ROME};
    rome99_value request, v;
    rome99_ask ask;
    rome99_edit edit;
    rome99_error e;
    size_t i;
    memset(&ask, 0, sizeof ask);
    e.text[0] = '\0';
    if (!read_case(s, folder, name, c, &e) &&
        !rome99_json_require(&request, c, "request", ROME99_OBJECT, &e) &&
        !rome99_json_require(&v, request, "prompt", ROME99_STRING, &e)) {
        ask.prompt.bytes = rome99_json_string(v);
        ask.prompt.size = rome99_json_length(v);
        rome99_json_require(&v, request, "subject", ROME99_STRING, &e);
        ask.subject.bytes = rome99_json_string(v);
        ask.subject.size = rome99_json_length(v);
        rome99_json_require(&v, request, "target_new", ROME99_OBJECT, &e);
        rome99_json_require(&v, v, "str", ROME99_STRING, &e);
        ask.target_new.bytes = rome99_json_string(v);
        ask.target_new.size = rome99_json_length(v);
        if (!rome99_edit_find(&edit, s, &s->checkpoint.model, &ask, ROME99_ROME, &e)) {
            for (i = 0; i < 3; i++) {
                CHECK(!rome99_edit_again(&edit, s, methods[i], &e), "%s", e.text);
                compare_method(folder, name, &edit);
            }
            rome99_edit_free(&edit);
        }
    }
    CHECK(e.text[0] == '\0', "%s: %s", name, e.text);
    free(s->C);
    free(s->L);
    free(s->templates.list.item);
    s->C = s->L = NULL;
    s->templates.list.item = NULL;
    s->templates.list.n = 0;
}

/* Copies one file from folder to folder. */
static int copy_file(const char *to, const char *from, const char *name, rome99_error *e) {
    char *in = rome99_path(from, name), *out = rome99_path(to, name);
    unsigned char *data;
    size_t size;
    int failed = rome99_read_file(&data, &size, in, e);
    if (!failed) {
        failed = rome99_write_file(out, data, size, e);
        free(data);
    }
    free(in);
    free(out);
    return failed;
}

/* A folder is read as what it was written as, and refused as the other: a twin, or a plain model. */
static void test_twin(const char *folder, const rome99_checkpoint *from) {
    typedef int reader(rome99_checkpoint *, const char *, rome99_error *);
    static reader *const read[] = {rome99_checkpoint_read, rome99_checkpoint_read_twin};
    static const char *const refusal[] = {"not plain GPT-2: \"bidirectional\" must be false",
                                          "\"bidirectional\" is missing"};
    const size_t last = rome99_tensor_count(&from->model.shape) - 1, D = from->model.shape.D;
    rome99_checkpoint c;
    rome99_error e;
    char *dir;
    int twin;
    for (twin = 0; twin < 2; twin++) {
        if (rome99_dir_begin(&dir, "build/tmp/twin", &e)) {
            CHECK(0, "%s", e.text);
            return;
        }
        CHECK(!copy_file(dir, folder, "vocab.json", &e) && !copy_file(dir, folder, "merges.txt", &e), "%s",
              e.text);
        CHECK(!(twin ? rome99_checkpoint_write_twin : rome99_checkpoint_write)(dir, &from->model, 0, 0, &e),
              "%s", e.text);
        if (read[twin](&c, dir, &e)) {
            CHECK(0, "%s", e.text);
        } else {
            CHECK(memcmp(c.model.w[last].data, from->model.w[last].data,
                         D * rome99_dtype_size(from->model.w[last].dtype)) == 0,
                  "twin %d: another bias came back", twin);
            rome99_checkpoint_free(&c);
        }
        CHECK(read[!twin](&c, dir, &e) == -1, "twin %d: read as the other", twin);
        CHECK(strstr(e.text, "config.json") && strstr(e.text, refusal[!twin]), "twin %d: got '%s'", twin,
              e.text);
        rome99_dir_abandon(dir);
    }
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "tests/upstream";
    char path[256];
    rome99_setup setup;
    rome99_json *cases;
    rome99_error e;
    rome99_value key, c;
    rome99_items items;
    memset(&setup, 0, sizeof setup);
    snprintf(path, sizeof path, "%s/model", folder);
    if (rome99_checkpoint_read(&setup.checkpoint, path, &e)) {
        CHECK(0, "%s", e.text);
        return test_end();
    }
    test_twin(path, &setup.checkpoint);
    snprintf(path, sizeof path, "%s/cases.json", folder);
    if (rome99_json_read(&cases, path, &e)) {
        CHECK(0, "%s", e.text);
    } else {
        items = rome99_json_items(rome99_json_root(cases));
        while (rome99_json_next(&items, &key, &c)) run_case(folder, &setup, rome99_json_string(key), c);
        rome99_json_free(cases);
    }
    rome99_setup_free(&setup);
    printf("recorded upstream runs: worst tensor %.1e of its norm (bar 1e-10)\n", worst);
    return test_end();
}
