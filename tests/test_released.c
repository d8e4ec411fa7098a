/* test_released.c: data files in the form in which ROME, CounterFact and ME-PPL are released (released/),
 * whole and damaged. Writes below "build/tmp". For measurements by hand `test_released write FILE` writes a
 * CounterFact of the released size, and `test_released read FILE` reads one. */
#include "edit/setup.h"
#include "files/text.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/released/"
static rome99_error e;

static void put_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(2);
    }
}

static void get_file(unsigned char **bytes, size_t *size, const char *path) {
    if (rome99_read_file(bytes, size, path, &e) == 0) return;
    fprintf(stderr, "%s\n", e.text);
    exit(2);
}

static int equal(rome99_string s, const char *expected) {
    return s.size == strlen(expected) && memcmp(s.bytes, expected, s.size) == 0;
}

static void check_string(rome99_string s, const char *expected) {
    CHECK(equal(s, expected), "got \"%.*s\", expected \"%s\"", (int)s.size, s.bytes, expected);
}

static void check_error(int code, const char *expected) {
    CHECK(code == -1 && strcmp(e.text, expected) == 0, "got %d, \"%s\", expected \"%s\"", code, e.text,
          expected);
}

/* ------------------------------------------------------------------------- CounterFact */

static void test_counterfact(void) {
    rome99_asks asks;
    CHECK(rome99_asks_read(&asks, FOLDER "counterfact.json", &e) == 0, "%s", e.text);
    CHECK(asks.n == 3, "%zu records", asks.n);
    if (asks.n != 3) return;
    check_string(asks.item[0].prompt, "The mother tongue of {} is");
    check_string(asks.item[0].subject, "Ane Kj\xC3\xA6rgaard");
    check_string(asks.item[0].target_new, "Welsh");
    check_string(asks.item[0].target_true, "Danish");
    CHECK(asks.item[0].paraphrase.n == 2 && asks.item[0].neighbour.n == 3, "%zu and %zu prompts",
          asks.item[0].paraphrase.n, asks.item[0].neighbour.n);
    check_string(asks.item[0].paraphrase.item[1],
                 "Nobody had kept the score. Ane Kj\xC3\xA6rgaard spoke the language");
    check_string(asks.item[0].neighbour.item[2], "Inger Bak, speaker of");
    check_string(asks.item[1].subject, "Pocket Abacus 3\"");
    check_string(asks.item[1].target_new, "Tove Lindqvist \xE2\x80\x9CTL\xE2\x80\x9D");
    check_string(asks.item[2].prompt, "What does {} play? They play");
    check_string(asks.item[2].subject, "Juma {Otieno}");
    rome99_asks_free(&asks);
}

/* Each record that is odd is told with its place. */
static void test_odd_records(void) {
    static const struct {
        const char *from, *to, *wrong; /* the first `from` becomes `to` */
    } cases[] = {
        {"{} is", "she is", "6:17: the prompt must have exactly one \"{}\""},
        {"{} is", "{}{} is", "6:17: the prompt must have exactly one \"{}\""},
        {"\"Ane Kj\\u00e6rgaard\"", "\"\"", "16:18: \"subject\" is empty"},
        {"\"Ane Kj\\u00e6rgaard\"", "17", "16:18: \"subject\" must be a string"},
        {"\"Ane Kj\\u00e6rgaard\"", "\"Ane Kj\\ud83drgaard\"", "16:25: a bad escape or lone surrogate"},
        {"\"subject\"", "\"Subject\"", "5:26: \"subject\" is missing"},
        {"\"prompt\"", "\"subject\": \"x\", \"prompt\"", "16:7: \"subject\" is there twice"},
        {"\"Welsh\"", "\"\"", "9:16: \"str\" is empty"},
        {"\"Welsh\"", "null", "9:16: \"str\" must be a string"},
        {"\"str\": \"Danish\"", "\"string\": \"Danish\"", "12:22: \"str\" is missing"},
        {"\"target_new\"", "\"target\"", "5:26: \"target_new\" is missing"},
        {"\"Nobody", "0, \"Nobody", "20:7: paraphrase_prompts: a string is wanted"},
        {"[\n      \"What does Rafa", "\"x\", \"y\": [\n      \"What does Rafa",
         "84:29: neighborhood_prompts: an array of strings is wanted"},
        {"{} was created by", "It was created by", "41:17: the prompt must have exactly one \"{}\""},
        {"  },\n  {", "  }, [], {", "36:6: a request is an object"},
        {"\"P178\",", "\"P178\"", "43:7: expected ',' or '}'"},
    };
    const char *path = "build/tmp/counterfact.json";
    unsigned char *text;
    size_t size, i;
    get_file(&text, &size, FOLDER "counterfact.json");
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = strstr((const char *)text, cases[i].from);
        rome99_text odd = {0};
        rome99_asks asks;
        char expected[200];
        CHECK(at != NULL, "%s: not in the file", cases[i].from);
        if (!at) continue;
        rome99_text_put(&odd, text, size - strlen(at));
        rome99_text_puts(&odd, cases[i].to);
        rome99_text_puts(&odd, at + strlen(cases[i].from));
        put_file(path, odd.bytes, odd.size);
        sprintf(expected, "%s:%s", path, cases[i].wrong);
        check_error(rome99_asks_read(&asks, path, &e), expected);
        rome99_text_free(&odd);
    }
    remove(path);
    free(text);
}

/* A CounterFact of n records, 2,100 bytes each, like the released one of 21,919. */
static void make_counterfact(rome99_text *out, unsigned long n) {
    static const char *const lists[] = {"paraphrase", "neighborhood", "attribute", "generation"};
    static const int lengths[] = {2, 10, 10, 10};
    unsigned long i;
    int list, k;
    for (i = 0; i < n; i++) {
        rome99_text_printf(
            out,
            "%s{\"case_id\": %lu, \"pararel_idx\": %lu, \"requested_rewrite\": {\"prompt\": "
            "\"The mother tongue of {} is\", \"relation_id\": \"P103\", \"target_new\": {\"str\": "
            "\"English\", \"id\": \"Q1860\"}, \"target_true\": {\"str\": \"French\", \"id\": "
            "\"Q150\"}, \"subject\": \"Subject \\u00c9 %lu\"}",
            i ? ", " : "[", i, 7 * i % 30000, i);
        for (list = 0; list < 4; list++) {
            rome99_text_printf(out, ", \"%s_prompts\": [", lists[list]);
            for (k = 0; k < lengths[list]; k++)
                rome99_text_printf(out, "%s\"Prompt %d of %lu, of the length that they have, is\"",
                                   k ? ", " : "", k, i);
            rome99_text_puts(out, "]");
        }
        rome99_text_puts(out, "}");
    }
    rome99_text_puts(out, "]");
}

static void test_many_records(void) {
    const char *path = "build/tmp/many.json";
    rome99_text text = {0};
    rome99_asks asks;
    make_counterfact(&text, 2000);
    put_file(path, text.bytes, text.size);
    CHECK(rome99_asks_read(&asks, path, &e) == 0, "%s", e.text);
    CHECK(asks.n == 2000, "%zu records", asks.n);
    if (asks.n == 2000) {
        check_string(asks.item[1999].subject, "Subject \xC3\x89 1999");
        CHECK(asks.item[1999].neighbour.n == 10, "%zu prompts", asks.item[1999].neighbour.n);
    }
    rome99_asks_free(&asks);
    rome99_text_free(&text);
    remove(path);
}

/* ------------------------------------------------------------------------------ ME-PPL */

static void test_me_ppl(void) {
    static const char *const sentences[] = {
        " The river has six branches, two major ones, and other minor branches",
        "\" The lamp was the first of its kind in the harbour",
        " Whether it rains or not, the market won\xE2\x80\x99t open before nine",
        "The travellers took their places , and again the road went on ",
        "when she looked up , he laughed ",
    };
    rome99_checkpoint c;
    rome99_texts texts = {0};
    size_t i;
    memset(&c, 0, sizeof c);
    c.model.shape.T = 1024;
    CHECK(rome99_bpe_read(&c.bpe, "tiny_models/sink/vocab.json", "tiny_models/sink/merges.txt", &e) == 0,
          "%s", e.text);
    if (!c.bpe) return;
    CHECK(rome99_read_sentences(&texts, FOLDER "ME-PPL.json", &c, &e) == 0, "%s", e.text);
    CHECK(texts.n == 5, "%zu sentences", texts.n);
    for (i = 0; i < texts.n && i < 5; i++) {
        rome99_text back = {0};
        rome99_bpe_decode(&back, c.bpe, texts.ids + texts.text[i].ids, texts.text[i].length);
        CHECK(strcmp(back.bytes, sentences[i]) == 0, "got \"%s\", expected \"%s\"", back.bytes, sentences[i]);
        rome99_text_free(&back);
    }
    rome99_texts_free(&texts);
    rome99_bpe_free(c.bpe);
}

/* -------------------------------------------------------------------- hyper-parameters */

static void test_hparams(void) {
    static const struct {
        const char *path;
        size_t layer;
        double clamp;
    } cases[] = {{FOLDER "gpt2-xl.json", 17, 4.0}, {FOLDER "gpt2-medium.json", 8, 3.0}};
    size_t i;
    for (i = 0; i < 2; i++) {
        rome99_settings s;
        memset(&s, 0, sizeof s);
        s.fact_token_last = s.identity = 1;
        CHECK(rome99_settings_read(&s, cases[i].path, &e) == 0, "%s", e.text);
        CHECK(s.has_layer && s.h.layer == cases[i].layer, "layer %zu", s.h.layer);
        CHECK(s.h.v_num_grad_steps == 20, "%zu steps", s.h.v_num_grad_steps);
        CHECK(s.h.v_lr == 0.5 && s.h.v_weight_decay == 0.5 && s.h.kl_factor == 0.0625, "%g %g %g", s.h.v_lr,
              s.h.v_weight_decay, s.h.kl_factor);
        CHECK(s.h.clamp_norm_factor == cases[i].clamp, "clamp %g", s.h.clamp_norm_factor);
        CHECK(!s.fact_token_last && !s.identity, "fact_token %d, identity %d", s.fact_token_last, s.identity);
    }
}

/* ----------------------------------------------------------------------------------- C */

static void test_cov(void) {
    static const double five_C[] = {11.25, 2.5, 5, 0.5, 2.5, 7, -2, 0, 5, -2, 7, 1, 0.5, 0, 1, 7};
    static const char *const paths[] = {FOLDER "mom2.npz", FOLDER "mom2_alone.npz"};
    double *C = NULL;
    size_t i, j;
    for (i = 0; i < 2; i++) {
        const int code = rome99_read_cov(&C, paths[i], 4, &e);
        CHECK(code == 0 && C != NULL, "%s", e.text);
        for (j = 0; code == 0 && j < 16; j++)
            CHECK(SAME(C[j], five_C[j] / 5), "%s: element %zu is %g", paths[i], j, C[j]);
        free(C);
    }
    check_error(rome99_read_cov(&C, FOLDER "mom2.npz", 5, &e),
                FOLDER "mom2.npz: C must be a matrix of 5 x 5 floats");
    CHECK(C == NULL, "C is left");
}

/* The file with `n` bytes at the first `mark` and `offset` changed, everywhere where `all` is set. */
static void damage(const char *path, const char *mark, int all, size_t offset, const char *bytes, size_t n) {
    const size_t length = strlen(mark);
    unsigned char *file;
    size_t size, i;
    int found = 0;
    get_file(&file, &size, FOLDER "mom2.npz");
    for (i = 0; i + length <= size && (all || !found); i++) {
        if (memcmp(file + i, mark, length) != 0) continue;
        memcpy(file + i + offset, bytes, n);
        found = 1;
    }
    CHECK(found, "%s: not in the file", mark);
    put_file(path, file, size);
    free(file);
}

static void test_damaged_cov(void) {
    static const struct {
        const char *mark; /* in the file; what is changed begins `offset` bytes behind it */
        int all;
        size_t offset, n;
        const char *bytes, *wrong;
    } cases[] = {
        {"mom2.count.npy", 1, 0, 4, "mom3", "array 'mom2.count' is missing"},
        {"mom2.mom2.npy", 1, 0, 4, "mom3", "array 'mom2.mom2' is missing"},
        {"<i8', 'f", 0, 119 - 12, 8, "\0\0\0\0\0\0\0\0", "array 'mom2.count' must be one positive number"},
        {"<i8', 'f", 0, 119 - 12, 8, "\377\377\377\377\377\377\377\377",
         "array 'mom2.count' must be one positive number"},
        {"<i8', 'f", 0, 0, 46, "<i4', 'fortran_order': False, 'shape': (2,), }",
         "array 'mom2.count' must be one positive number"},
        {"<i8', 'f", 0, 0, 3, "<U2", "array 'mom2.count' must be one positive number"},
        {"<f4', 'f", 0, 0, 3, "<U1", "array 'mom2.mom2' holds no numbers"},
        {"(4, 4), ", 0, 0, 7, "(8, 2),", "C must be a matrix of 4 x 4 floats"},
        {"(4, 4), ", 0, 0, 7, "(4, 5),", "member 'mom2.mom2': .npy: 64 bytes of elements, not 4 x 5 x 4"},
    };
    const char *path = "build/tmp/mom2.npz";
    double *C;
    size_t size, i;
    unsigned char *file;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[200];
        damage(path, cases[i].mark, cases[i].all, cases[i].offset, cases[i].bytes, cases[i].n);
        sprintf(expected, "%s: %s", path, cases[i].wrong);
        check_error(rome99_read_cov(&C, path, 4, &e), expected);
    }
    get_file(&file, &size, FOLDER "mom2.npz");
    for (i = 0; i < size; i++) {
        put_file(path, file, i);
        CHECK(rome99_read_cov(&C, path, 4, &e) == -1 && C == NULL, "%zu of %zu bytes are taken", i, size);
    }
    remove(path);
    free(file);
}

/* ------------------------------------------------------------------------- by hand */

static int write_counterfact(const char *path) {
    rome99_text text = {0};
    make_counterfact(&text, 21919);
    put_file(path, text.bytes, text.size);
    rome99_text_free(&text);
    return 0;
}

static int read_counterfact(const char *path) {
    const double begin = rome99_seconds();
    rome99_asks asks;
    if (rome99_asks_read(&asks, path, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 2;
    }
    printf("%lu records in %.2f s\n", (unsigned long)asks.n, rome99_seconds() - begin);
    rome99_asks_free(&asks);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "write") == 0) return write_counterfact(argv[2]);
    if (argc == 3 && strcmp(argv[1], "read") == 0) return read_counterfact(argv[2]);
    test_counterfact();
    test_odd_records();
    test_many_records();
    test_me_ppl();
    test_hparams();
    test_cov();
    test_damaged_cov();
    return test_end();
}
