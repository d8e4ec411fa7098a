/* test_golden.c: the golden cases. With the argument "all" also those that need a checkpoint (from
 * tiny_models); otherwise only what needs no checkpoint, which ports run. Arguments: [all] [GOLDEN]. */
#include "golden/compare.h"
#include "golden/format.h"
#include "golden/hosted.h"
#include "golden/recipes.h"
#include "test.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static void *memory, *more;

/* ------------------------------------------------------------------- the committed files */

static void test_check(const char *folder, int all) {
    rome99_golden_tally tally = {0, 0, 0, ROME99_EXACT};
    rome99_text out = {0};
    rome99_error e;
    size_t i;
    CHECK(rome99_manifest_check(folder, &e) == 0, "%s", e.text);
    for (i = 0; i < rome99_golden_count(); i++) {
        rome99_hosted_recipe r = rome99_golden_at(i);
        size_t before = tally.apart;
        if ((r.needs != NULL) != all) continue;
        if (rome99_golden_check(&tally, &out, folder, i, "tiny_models", &e))
            CHECK(0, "%s", e.text);
        else
            CHECK(tally.apart == before, "%s: %lu tensors are not as committed", r.name,
                  (unsigned long)(tally.apart - before));
    }
    test_passed += tally.tensors - tally.apart;
    if (out.size) fprintf(stderr, "%s", out.bytes);
    printf("golden: %lu cases, %lu tensors, class %s\n", (unsigned long)tally.cases,
           (unsigned long)tally.tensors, tally.reached == ROME99_EXACT ? "exact" : "f64");
    rome99_text_free(&out);
}

/* Files are the same bytes on every machine: a case that is read and written again; one as safetensors. */
static void test_bytes(const char *folder) {
    static const char *const names[] = {"ops/exp", "ops/lookup", "edits/pencil_rome", "edits/first_rome"};
    static const char known[] = "d70e191a305100e6d66694aaeed4f0eb2d888565797ba63615525b969dc8492e";
    const char *pencil = "golden/edits/pencil_rome.txt", *build = getenv("B");
    char path[256], hex[65], to[256];
    rome99_error e;
    size_t i, size;
    sprintf(to, "%.200s/tmp/test_golden.safetensors", build ? build : "build");
    for (i = 0; i < 4; i++) {
        rome99_text again = {0};
        rome99_golden c;
        unsigned char *bytes;
        sprintf(path, "%.200s/%s.txt", folder, names[i]);
        if (rome99_golden_read(&c, path, &e) || rome99_read_file(&bytes, &size, path, &e)) {
            CHECK(0, "%s", e.text);
            continue;
        }
        rome99_golden_write(&again, &c);
        CHECK(again.size == size && memcmp(again.bytes, bytes, size) == 0, "%s: other bytes when written",
              path);
        rome99_text_free(&again);
        rome99_golden_free(&c);
        free(bytes);
    }
    if (rome99_golden_safetensors(to, &pencil, 1, &e) || rome99_sha256_file(hex, to, &e))
        CHECK(0, "%s", e.text);
    else
        CHECK(strcmp(hex, known) == 0, "%s: SHA-256 %s", to, hex);
    remove(to);
}

/* Whether the list of words holds this one. */
static int holds(const char *list, const char *word) {
    size_t n = strlen(word);
    const char *at;
    for (at = strstr(list, word); at; at = strstr(at + 1, word))
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) return 1;
    return 0;
}

static const char *note(const rome99_golden *c, const char *key) {
    size_t i;
    for (i = 0; i < c->notes; i++)
        if (strcmp(c->note[i].key, key) == 0) return c->note[i].value;
    return "";
}

/* No expected tensor may be all zeros unless zero is the point, no tolerance may let zeros pass; a wrong tensor
 * is far from the right one, and has its sentence. */
static void test_sense(const char *folder) {
    size_t i, k, n;
    for (i = 0; i < rome99_golden_count(); i++) {
        const char *name = rome99_golden_at(i).name;
        char path[256];
        rome99_golden c;
        rome99_error e;
        sprintf(path, "%.200s/%s.txt", folder, name);
        if (rome99_golden_read(&c, path, &e)) {
            CHECK(0, "%s", e.text);
            continue;
        }
        for (k = 0; k < c.tensors; k++) {
            const rome99_golden_tensor *t = &c.tensor[k];
            rome99_golden_tensor zeros = *t;
            if (t->role == ROME99_INPUT) continue;
            zeros.data = calloc(t->rows * t->cols + 1, 8);
            if (t->role == ROME99_EXPECTED) {
                rome99_golden_difference d = rome99_golden_compare(t, &zeros);
                CHECK(holds(note(&c, "zero"), t->name) == (d.error == 0.0),
                      "%s: %s: all zeros, or said to be so", name, t->name);
                CHECK(d.error == 0.0 || d.reached == ROME99_APART, "%s: %s: zeros would pass", name, t->name);
                CHECK(t->tol64 < 1e-3 && (t->tol32 <= 0.25 || t->tol32 > 1e300),
                      "%s: %s: tolerances %.1e, %.1e", name, t->name, t->tol64, t->tol32);
            }
            if (t->role == ROME99_WRONG) {
                char right_name[64];
                const rome99_golden_tensor *right;
                rome99_golden_difference d;
                sprintf(right_name, "%.*s", (int)strcspn(t->name, "!"), t->name);
                right = rome99_golden_find(&c, right_name);
                CHECK(right && right->role == ROME99_EXPECTED, "%s: %s: nothing of that name is expected",
                      name, t->name);
                if (right) {
                    d = rome99_golden_compare(right, t);
                    CHECK(d.shape && d.error > 50 * t->tol64, "%s: %s: hardly wrong", name, t->name);
                }
                for (n = 0; n < c.texts && strcmp(c.text[n].name, t->name) != 0;) n++;
                CHECK(n < c.texts && c.text[n].size > 10, "%s: %s has no sentence", name, t->name);
            }
            free(zeros.data);
        }
        rome99_golden_free(&c);
    }
}

/* The oracle's list has every tensor of every case, in order. */
static void test_certified(const char *folder) {
    char path[256], expected[160];
    unsigned char *data;
    const char *at;
    rome99_error e;
    size_t size, i, k, certified = 0;
    sprintf(path, "%.200s/CERTIFIED", folder);
    if (rome99_read_file(&data, &size, path, &e)) {
        CHECK(0, "%s", e.text);
        return;
    }
    for (i = 0; i < rome99_golden_count(); i++) {
        rome99_golden c;
        sprintf(path, "%.200s/%s.txt", folder, rome99_golden_at(i).name);
        if (rome99_golden_read(&c, path, &e)) break;
        for (k = 0; k < c.tensors; k++) {
            double error = -1.0;
            if (c.tensor[k].role == ROME99_INPUT) continue;
            sprintf(expected, "\n%.60s %.60s ", rome99_golden_at(i).name, c.tensor[k].name);
            at = strstr((char *)data, expected);
            if (at) error = strtod(at + strlen(expected), NULL);
            CHECK(at && error >= 0.0 && error <= c.tensor[k].tol64, "%s: not certified:%.150s", path,
                  expected);
            certified += at != NULL;
        }
        rome99_golden_free(&c);
    }
    for (at = (char *)data, k = 0; *at; at++) k += *at == '\n' && at[1] != '#' && at[1] != '\0';
    CHECK(certified == k, "CERTIFIED has %lu lines, %lu of them of our tensors", (unsigned long)k,
          (unsigned long)certified);
    free(data);
}

/* -------------------------------------------------------------------------- how they are made */

/* The ids in the edits are what the tokenizer makes of their texts. */
static void test_tokens(void) {
    size_t i, k;
    rome99_error e;
    rome99_bpe *bpe;
    CHECK(rome99_formula_bpe(&bpe, &e) == 0, "%s", e.text);
    CHECK(rome99_bpe_size(bpe) == rome99_formula_shape.V, "vocabulary of %lu",
          (unsigned long)rome99_bpe_size(bpe));
    for (i = 0; i < rome99_golden_recipe_count(); i++) {
        rome99_golden_recipe r = rome99_golden_recipe_at(i);
        rome99_string text[6], templates[16];
        rome99_strings list = {templates, 0};
        static const char *const names[] = {"prompt", "subject", "target_new", "templates", "fact_token"};
        rome99_ask ask = {0};
        rome99_tokens t;
        rome99_golden c;
        rome99_json *doc;
        rome99_items items;
        rome99_value item;
        const rome99_golden_tensor *x;
        rome99_golden_begin(&c, memory);
        r.make(&c, r.variant);
        if (!rome99_golden_find(&c, "lookup") || strncmp(r.name, "edits/", 6) != 0) continue;
        memset(text, 0, sizeof text);
        for (k = 0; k < c.texts; k++) {
            size_t n;
            for (n = 0; n < 5; n++)
                if (strcmp(c.text[k].name, names[n]) == 0)
                    text[n] = (rome99_string){c.text[k].bytes, c.text[k].size};
        }
        CHECK(text[4].bytes != NULL, "%s: no fact_token", r.name);
        CHECK(rome99_json_parse(&doc, r.name, (const unsigned char *)text[3].bytes, text[3].size, &e) == 0,
              "%s", e.text);
        items = rome99_json_items(rome99_json_root(doc));
        while (rome99_json_next(&items, NULL, &item))
            templates[list.n++] = (rome99_string){rome99_json_string(item), rome99_json_length(item)};
        ask.prompt = text[0];
        ask.subject = text[1];
        ask.target_new = text[2];
        CHECK(rome99_tokens_make(&t, bpe, rome99_formula_shape.T, &ask, &list, text[4].size == 4, r.name,
                                 &e) == 0,
              "%s", e.text);
        x = rome99_golden_find(&c, "ids");
        for (k = 0; k < x->rows; k++)
            CHECK(((int64_t *)x->data)[k] == t.ids[k], "%s: token %lu is %ld, of its text %ld", r.name,
                  (unsigned long)k, (long)((int64_t *)x->data)[k], (long)t.ids[k]);
        for (k = 0; k <= list.n; k++) {
            CHECK(((int64_t *)rome99_golden_find(&c, "lookup")->data)[k] == (int64_t)t.lookup[k],
                  "%s: lookup %lu", r.name, (unsigned long)k);
            CHECK(((int64_t *)rome99_golden_find(&c, "length")->data)[k] == (int64_t)t.length[k],
                  "%s: length %lu", r.name, (unsigned long)k);
        }
        CHECK(((int64_t *)rome99_golden_find(&c, "target")->data)[0] == t.target[0], "%s: target", r.name);
        rome99_tokens_free(&t);
        rome99_json_free(doc);
    }
    rome99_bpe_free(bpe);
}

/* What the cases promise: every case fits in ROME99_GOLDEN_BYTES; the ones for the point of which they are made
 * make it. */
static void test_points(void) {
    size_t i, most = 0;
    for (i = 0; i < rome99_golden_recipe_count(); i++) {
        rome99_golden_recipe r = rome99_golden_recipe_at(i);
        rome99_golden c;
        const rome99_golden_tensor *steps, *den, *m_u;
        rome99_golden_begin(&c, memory);
        r.make(&c, r.variant);
        most = c.arena.used > most ? c.arena.used : most;
        den = rome99_golden_find(&c, "denominator");
        steps = rome99_golden_find(&c, "steps");
        m_u = rome99_golden_find(&c, "m_u");
        if (strcmp(r.name, "edits/negative_rome") == 0)
            CHECK(*(double *)den->data < 0.0, "negative_rome: denominator %g", *(double *)den->data);
        if (strcmp(r.name, "edits/early_stop_rome") == 0)
            CHECK(steps->rows < 40 && steps->rows > 3, "early_stop_rome: %lu forwards",
                  (unsigned long)steps->rows);
        if (strcmp(r.name, "edits/clamp_rome") == 0)
            CHECK_LE(
                fabs(rome99_norm((double *)steps->data + 3 * 8, 8) / rome99_norm(m_u->data, 8) / 0.75 - 1.0),
                1e-15, "clamp_rome: the length of delta over the clamp");
        if (strcmp(r.name, "edits/pencil_rome") == 0)
            CHECK_LE(fabs(*(double *)den->data - 0.1), 1e-15, "pencil_rome: denominator");
        if (strcmp(r.name, "edits/pencil_c-rome") == 0)
            CHECK_LE(fabs(*(double *)den->data - 4.0), 1e-14, "pencil_c-rome: denominator");
    }
    CHECK(most <= ROME99_GOLDEN_BYTES, "a case takes %lu bytes", (unsigned long)most);
}

/* delta.c against whole passes, and one planted mistake against none. */
static void test_variant(void) {
    static const int32_t ids[] = {262, 257, 259, 266, 13, 198, 262, 257, 259, 262, 257, 278},
                         target[] = {274};
    static const size_t length[] = {3, 6, 3}, lookup[] = {0, 3, 0};
    rome99_request q = {2, 1, ids, target, length, lookup};
    rome99_hparams h = {0, 6, 0.3, 0.5, 0.9, 0.0625};
    rome99_golden c;
    rome99_gpt2 model;
    rome99_pair fast, plain;
    rome99_golden_tensor a = {0}, b;
    rome99_golden_difference d;
    rome99_golden_begin(&c, memory);
    rome99_formula_model(&model, &c);
    rome99_pair_layout(&fast, &model.shape, &h, 2,
                       rome99_golden_scratch(&c, rome99_pair_layout(&fast, &model.shape, &h, 2, NULL)));
    rome99_pair_layout(&plain, &model.shape, &h, 2,
                       rome99_golden_scratch(&c, rome99_pair_layout(&plain, &model.shape, &h, 2, NULL)));
    rome99_find_pair(&fast, &model, &h, &q, more);
    memcpy(plain.m_u, fast.m_u, 8 * sizeof(double));
    rome99_delta_variant(&c, &plain, &model, &h, &q, ROME99_NO_MISTAKE);
    CHECK(plain.forwards == fast.forwards, "forwards: %lu by whole passes", (unsigned long)plain.forwards);
    a.rows = fast.forwards;
    a.cols = 8;
    a.data = fast.steps;
    b = a;
    b.data = plain.steps;
    d = rome99_golden_compare(&a, &b);
    CHECK_LE(d.error, 1e-13, "steps, by whole passes");
    rome99_delta_variant(&c, &plain, &model, &h, &q, ROME99_NOT_CLAMPED);
    d = rome99_golden_compare(&a, &b);
    CHECK(d.error > 1e-3, "without the clamp: %g", d.error);
}

static void test_sha256(void) {
    static const char *const known[][2] = {
        /* FIPS 180-4's examples */
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    char hex[65], *million = malloc(1000000);
    size_t i;
    for (i = 0; i < 3; i++) {
        rome99_sha256(hex, known[i][0], strlen(known[i][0]));
        CHECK(strcmp(hex, known[i][1]) == 0, "SHA-256 of \"%s\": %s", known[i][0], hex);
    }
    memset(million, 'a', 1000000);
    rome99_sha256(hex, million, 1000000);
    CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0,
          "of a million: %s", hex);
    free(million);
}

/* ------------------------------------------------------------------------- known mistakes */

/* Everything right but one wrong tensor: the report names the mistake. */
static void test_named(const char *folder) {
    size_t i, k, n;
    for (i = 0; i < rome99_golden_count(); i++) {
        char path[256];
        rome99_golden c;
        rome99_error e;
        sprintf(path, "%.200s/%s.txt", folder, rome99_golden_at(i).name);
        if (rome99_golden_read(&c, path, &e)) continue;
        for (k = 0; k < c.tensors; k++) {
            rome99_golden mine = c;
            rome99_text out = {0};
            char right[64];
            int code;
            if (c.tensor[k].role != ROME99_WRONG) continue;
            sprintf(right, "%.*s", (int)strcspn(c.tensor[k].name, "!"), c.tensor[k].name);
            mine.tensor = malloc(c.tensors * sizeof *mine.tensor);
            memcpy(mine.tensor, c.tensor, c.tensors * sizeof *mine.tensor);
            for (n = 0; n < c.tensors; n++)
                if (strcmp(c.tensor[n].name, right) == 0) mine.tensor[n].data = c.tensor[k].data;
            code = rome99_golden_report(&out, &c, &mine, ROME99_OWN_CLASS);
            CHECK(code == 1 && strstr(out.bytes, strchr(c.tensor[k].name, '!') + 1), "%s: %s is not named",
                  rome99_golden_at(i).name, c.tensor[k].name);
            free(mine.tensor);
            rome99_text_free(&out);
        }
        rome99_golden_free(&c);
    }
}

int main(int argc, char **argv) {
    int all = argc > 1 && strcmp(argv[1], "all") == 0;
    const char *folder = argc > 1 + all ? argv[1 + all] : "golden";
    memory = malloc(ROME99_GOLDEN_BYTES);
    more = malloc(ROME99_GOLDEN_BYTES);
    if (!memory || !more) return 1;
    test_check(folder, all);
    if (all) {
        test_sense(folder);
        test_certified(folder);
        test_named(folder);
    } else {
        test_tokens();
        test_points();
        test_variant();
        test_sha256();
        test_bytes(folder);
    }
    free(memory);
    free(more);
    return test_end();
}
