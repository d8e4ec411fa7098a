/* test_json.c: the JSON reader and writer against tables, truncations and hostile texts. */
#include "files/json.h"
#include "files/text.h"
#include "test.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    const char *text;
    size_t size;
} sample;

#define S(literal) {literal, sizeof(literal) - 1}

static const sample good[] = {
    S("0"), S("-0"), S("1"), S("-1"), S("10"), S("1.5"), S("0.0"), S("-0.25"), S("1e5"), S("1E5"),
    S("1e+5"), S("1e-5"), S("1.25e10"), S("0e0"), S("1e400"), S("123456789012345678901234567890"),
    S("true"), S("false"), S("null"), S("\"\""), S("\"a\""), S("\"\\u0000\""),
    S("\"\\uD83D\\uDE00\""), S("\"\\ud83d\\ude00\""), S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    S("\"\x7F\""), S("\"\xC2\x80\""), S("\"\xEF\xBB\xBF\""), S("\"\xF4\x8F\xBF\xBF\""),
    S("\"\xED\x9F\xBF\""), S("\"\xEE\x80\x80\""), S("\"\\uFFFF\""), S("[]"), S("[ ]"), S("[1]"),
    S("[1,2]"), S(" [ 1 , 2 ] "), S("[[]]"), S("{}"), S("{ }"), S("{\"a\":1}"),
    S("{\"a\":1,\"b\":2}"), S("{\"\":0}"), S("{\"a\":1,\"a\":2}"), S("[null,true,false]"),
    S("\t\r\n 1\t\r\n "), S("{\"a\":{\"b\":[{\"c\":\"d\"}]}}"),
};

static const sample bad[] = {
    S(""), S(" "), S("\n"), S("\xEF\xBB\xBF" "1"), S("\xEF\xBB\xBF"), S("\0"), S("1\0"), S("1 2"),
    S("1,"), S(",1"), S("01"), S("-01"), S("-"), S("+1"), S(".5"), S("1."), S("1.e5"), S("1e"),
    S("1e+"), S("0x10"), S("1_000"), S("--1"), S("NaN"), S("Infinity"), S("-Infinity"), S("inf"),
    S("tru"), S("truE"), S("True"), S("nulll"), S("nul"), S("falsee"), S("[true false]"), S("\""),
    S("\"a"), S("\"\\\""), S("'a'"), S("a"), S("\"\n\""), S("\"\t\""), S("\"\0\""), S("\"\x1F\""),
    S("\"\\x41\""), S("\"\\a\""), S("\"\\'\""), S("\"\\0\""), S("\"\\u\""), S("\"\\u12\""),
    S("\"\\u123\""), S("\"\\u123g\""), S("\"\\U0041\""), S("\"\\u 041\""), S("\"\\uD800\""),
    S("\"\\uDC00\""), S("\"\\uDFFFx\""), S("\"\\uD800\\u0041\""), S("\"\\uD800x\""),
    S("\"\\uD800\\n\""), S("\"\\uD83D\\uD83D\""), S("\"\\uD83D\\u\""), S("\"\\uDE00\\uD83D\""),
    S("\"\x80\""), S("\"\xFF\""), S("\"\xC0\x80\""), S("\"\xC1\xBF\""), S("\"\xC2\""),
    S("\"\xC2\x41\""), S("\"\xE0\x80\x80\""), S("\"\xE0\x9F\xBF\""), S("\"\xE2\x82\""),
    S("\"\xED\xA0\x80\""), S("\"\xED\xBF\xBF\""), S("\"\xF0\x8F\xBF\xBF\""), S("\"\xF0\x9F\x98\""),
    S("\"\xF4\x90\x80\x80\""), S("\"\xF5\x80\x80\x80\""), S("\"\xF8\x88\x80\x80\x80\""),
    S("\xC2\xA0" "1"), S("\x0B" "1"), S("\x0C" "1"), S("["), S("[1"), S("[1,"), S("[,]"), S("[1,]"),
    S("[,1]"), S("[1,,2]"), S("[1 2]"), S("]"), S("[}"), S("[1}"), S("[]]"), S("[][]"), S("{"),
    S("{\"a\""), S("{\"a\":"), S("{\"a\":1"), S("{\"a\":1,"), S("{\"a\":1,}"), S("{,}"),
    S("{\"a\"}"), S("{\"a\",1}"), S("{\"a\" 1}"), S("{\"a\":}"), S("{a:1}"), S("{1:1}"),
    S("{'a':1}"), S("{null:1}"), S("{\"a\"::1}"), S("{\"a\":1]"), S("{\"a\":1 \"b\":2}"), S("}"),
    S("{}}"), S("{[]:1}"), S("// c\n1"), S("/* c */ 1"), S("1 // c"), S("[1;2]"), S("(1)"), S("#1"),
    S("\\u0031"),
};

static rome99_json *parse(const char *text, size_t size, rome99_error *e) {
    /* A block of exactly the size, so that a sanitizer sees a read behind it. */
    unsigned char *copy = malloc(size + (size == 0));
    rome99_json *doc = NULL;
    int status;
    if (size > 0) memcpy(copy, text, size);
    e->text[0] = 0;
    status = rome99_json_parse(&doc, "x.json", copy, size, e);
    free(copy);
    CHECK((status == 0) == (doc != NULL), "status %d, document %s", status, doc ? "there" : "NULL");
    return doc;
}

static rome99_json *parse_string(const char *text) {
    rome99_error e;
    rome99_json *doc = parse(text, strlen(text), &e);
    CHECK(doc != NULL, "%s", e.text);
    return doc;
}

static void test_table(void) {
    rome99_error e;
    size_t i;
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        rome99_json *doc = parse(good[i].text, good[i].size, &e);
        CHECK(doc != NULL, "good %lu (%s) refused: %s", (unsigned long)i, good[i].text, e.text);
        rome99_json_free(doc);
    }
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        rome99_json *doc = parse(bad[i].text, bad[i].size, &e);
        CHECK(doc == NULL, "bad %lu (%s) accepted", (unsigned long)i, bad[i].text);
        CHECK(doc != NULL || strncmp(e.text, "x.json:", 7) == 0, "message: %s", e.text);
        rome99_json_free(doc);
    }
}

static void expect_message(const char *text, size_t size, const char *expected) {
    rome99_error e;
    rome99_json *doc = parse(text, size, &e);
    CHECK(doc == NULL && strcmp(e.text, expected) == 0, "got %s, expected %s",
          doc ? "a document" : e.text, expected);
    rome99_json_free(doc);
}

static void test_places(void) {
    static const char value_place[] = "[\"\\n\\n\", \"\xC3\xA9\\\"\",\n {\"\\u000a\":\r\n [7, 8]}]";
    rome99_error e;
    rome99_json *doc;
    rome99_value v, key;
    rome99_items items;
    expect_message("", 0, "x.json:1:1: expected a value");
    expect_message("\n\n  x", 5, "x.json:3:3: expected a value");
    expect_message("[1,\n 2\n 3]", 10, "x.json:3:2: expected ',' or ']'");
    expect_message("{\"a\":1,\n\"b\" 2}", 14, "x.json:2:5: expected ':'");
    expect_message("{\"a\":1,\n b:2}", 12, "x.json:2:2: expected a key in double quotes");
    expect_message("{\"\\n\\n\":\"\\n\",\n\"b\":?}", 19, "x.json:2:5: expected a value");
    expect_message("[\"abc\\q\"]", 9, "x.json:1:6: a bad escape or lone surrogate");
    expect_message("[\"ab\xFF\"]", 7, "x.json:1:5: not UTF-8");
    expect_message("[\"ab\n\"]", 7, "x.json:1:5: a control character in a string");
    expect_message("[\n\"ab", 5, "x.json:2:1: a string without end");
    expect_message("[1] ]", 5, "x.json:1:5: expected the end");
    expect_message("-x", 2, "x.json:1:2: expected a digit");

    doc = parse_string(value_place);
    items = rome99_json_items(rome99_json_root(doc));
    while (rome99_json_next(&items, NULL, &v)) {
    }
    rome99_json_fail(&e, v, "here %d", 1);
    CHECK(strcmp(e.text, "x.json:2:2: here 1") == 0, "got %s", e.text);
    items = rome99_json_items(v);
    CHECK(rome99_json_next(&items, &key, &v) == 1, "no member");
    rome99_json_fail(&e, v, "there");
    CHECK(strcmp(e.text, "x.json:3:2: there") == 0, "got %s", e.text);
    rome99_json_fail(&e, key, "key");
    CHECK(strcmp(e.text, "x.json:2:3: key") == 0, "got %s", e.text);
    rome99_json_free(doc);

    CHECK(rome99_json_parse_line(&doc, "lines", 7, (const unsigned char *)"[1,\n x]", 7, &e) == -1 &&
              strcmp(e.text, "lines:8:2: expected a value") == 0,
          "got %s", e.text);
}

static void expect_string(rome99_value v, const char *bytes, size_t size) {
    CHECK(rome99_json_kind(v) == ROME99_STRING, "kind %d", (int)rome99_json_kind(v));
    CHECK(rome99_json_length(v) == size && memcmp(rome99_json_string(v), bytes, size + 1) == 0,
          "got %s (%lu bytes), expected %s (%lu)", rome99_json_string(v),
          (unsigned long)rome99_json_length(v), bytes, (unsigned long)size);
}

static void test_tree(void) {
    static const rome99_kind kinds[] = {
        ROME99_NULL, ROME99_BOOLEAN, ROME99_BOOLEAN, ROME99_NUMBER, ROME99_STRING, ROME99_ARRAY,
        ROME99_OBJECT,
    };
    rome99_json *doc =
        parse_string("[null, true, false, -1.5e1, \"x\\u0000\\u00e9\\uD83D\\uDE00/\\/\", "
                     "[[], [0]], {\"k\": [1, {\"z\": 2}], \"\\u006c\": {}}]");
    rome99_items items = rome99_json_items(rome99_json_root(doc));
    rome99_value v, w, key = {NULL, 77};
    rome99_error e;
    double x;
    size_t n = 0;
    CHECK(rome99_json_length(rome99_json_root(doc)) == 7, "length %lu",
          (unsigned long)rome99_json_length(rome99_json_root(doc)));
    for (; rome99_json_next(&items, &key, &v); n++) {
        CHECK(n < 7 && rome99_json_kind(v) == kinds[n], "kind of item %lu", (unsigned long)n);
        CHECK(key.doc == NULL && key.node == 77, "an array has a key");
        if (n == 0) CHECK(rome99_json_length(v) == 0, "null has a length");
        if (n == 1 || n == 2)
            CHECK(rome99_json_boolean(v) == (n == 1), "boolean %lu", (unsigned long)n);
        if (n == 3) CHECK(rome99_json_double(&x, v, &e) == 0 && x == -15, "got %g", x);
        if (n == 4) expect_string(v, "x\0\xC3\xA9\xF0\x9F\x98\x80//", 10);
        if (n == 5) CHECK(rome99_json_length(v) == 2, "length of the inner array");
    }
    CHECK(n == 7, "%lu items", (unsigned long)n);
    CHECK(rome99_json_next(&items, &key, &w) == 0, "an item behind the last");
    items = rome99_json_items(v);
    CHECK(rome99_json_next(&items, &key, &w) == 1 && rome99_json_length(w) == 2, "first member");
    expect_string(key, "k", 1);
    CHECK(rome99_json_next(&items, &key, &w) == 1 && rome99_json_kind(w) == ROME99_OBJECT,
          "second");
    expect_string(key, "l", 1);
    CHECK(rome99_json_next(&items, &key, &w) == 0, "a third member");
    items = rome99_json_items(w);
    CHECK(rome99_json_next(&items, &key, &w) == 0, "an item of an empty object");
    rome99_json_free(doc);

    doc = parse_string("12");
    items = rome99_json_items(rome99_json_root(doc));
    CHECK(rome99_json_next(&items, &key, &v) == 0, "an item of a number");
    rome99_json_free(doc);
    rome99_json_free(NULL);
}

static void test_members(void) {
    rome99_json *doc = parse_string(
        "{\"a\": 1, \"b\": {\"a\": 2}, \"c\": 3, \"d\": 4,\n \"d\": 5, \"a\\u0000\": 6}");
    const rome99_value root = rome99_json_root(doc);
    rome99_value v;
    rome99_error e;
    uint64_t x = 0;
    CHECK(rome99_json_member(&v, root, "a", &e) == 1 && rome99_json_integer(&x, v, 9, &e) == 0 &&
              x == 1,
          "a is %lu", (unsigned long)x);
    CHECK(rome99_json_member(&v, root, "c", &e) == 1 && rome99_json_integer(&x, v, 9, &e) == 0 &&
              x == 3,
          "c is %lu", (unsigned long)x);
    CHECK(rome99_json_member(&v, root, "x", &e) == 0, "x is there");
    CHECK(rome99_json_member(&v, root, "", &e) == 0, "the empty key is there");
    CHECK(rome99_json_member(&v, root, "d", &e) == -1, "d is not there twice");
    CHECK(strcmp(e.text, "x.json:2:2: \"d\" is there twice") == 0, "got %s", e.text);
    CHECK(rome99_json_require(&v, root, "b", ROME99_OBJECT, &e) == 0, "%s", e.text);
    CHECK(rome99_json_member(&v, v, "a", &e) == 1, "b.a is not there");
    CHECK(rome99_json_member(&v, v, "a", &e) == -1, "a number has a member");
    CHECK(strcmp(e.text, "x.json:1:21: must be an object") == 0, "got %s", e.text);
    CHECK(rome99_json_require(&v, root, "d", ROME99_NUMBER, &e) == -1, "d twice is taken");
    CHECK(rome99_json_require(&v, root, "x", ROME99_NUMBER, &e) == -1, "x is there");
    CHECK(strcmp(e.text, "x.json:1:1: \"x\" is missing") == 0, "got %s", e.text);
    CHECK(rome99_json_require(&v, root, "a", ROME99_STRING, &e) == -1, "a is a string");
    CHECK(strcmp(e.text, "x.json:1:7: \"a\" must be a string") == 0, "got %s", e.text);
    rome99_json_free(doc);
}

static void test_numbers(void) {
    static const struct {
        const char *text;
        double value;
    } numbers[] = {
        {"0", 0}, {"-0", 0}, {"0.1", 0.1}, {"1e22", 1e22}, {"1e23", 1e23}, {"123.456e-3", 0.123456},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000001", 9007199254740994.0},
        {"1.7976931348623157e308", DBL_MAX}, {"2.2250738585072014e-308", DBL_MIN},
        {"4.9e-324", 4.9406564584124654e-324}, {"1e-400", 0}, {"0.30000000000000004", 0.1 + 0.2},
        {"1E+2", 100},
    };
    static const struct {
        const char *text;
        uint64_t max;
        int fits;
        uint64_t value;
    } integers[] = {
        {"0", 0, 1, 0}, {"1", 0, 0, 0}, {"7", 7, 1, 7}, {"8", 7, 0, 0}, {"10", 9, 0, 0},
        {"10", 10, 1, 10}, {"18446744073709551615", UINT64_MAX, 1, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, 0, 0}, {"184467440737095516150", UINT64_MAX, 0, 0},
        {"99999999999999999999999999", UINT64_MAX, 0, 0}, {"-1", 9, 0, 0}, {"-0", 9, 0, 0},
        {"1.0", 9, 0, 0}, {"1e0", 9, 0, 0}, {"1E0", 9, 0, 0}, {"\"1\"", 9, 0, 0}, {"true", 9, 0, 0},
        {"[1]", 9, 0, 0}, {"null", 9, 0, 0}, {"9", 5, 0, 0},
    };
    rome99_error e;
    rome99_json *doc;
    size_t i;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double x = -1;
        doc = parse_string(numbers[i].text);
        CHECK(rome99_json_double(&x, rome99_json_root(doc), &e) == 0 && x == numbers[i].value,
              "%s: got %.17g, expected %.17g", numbers[i].text, x, numbers[i].value);
        rome99_json_free(doc);
    }
    for (i = 0; i < sizeof integers / sizeof *integers; i++) {
        uint64_t x = 0;
        int status;
        doc = parse_string(integers[i].text);
        status = rome99_json_integer(&x, rome99_json_root(doc), integers[i].max, &e);
        CHECK((status == 0) == integers[i].fits && x == integers[i].value,
              "%s: status %d, value %lu", integers[i].text, status, (unsigned long)x);
        rome99_json_free(doc);
    }
    doc = parse_string("[1e999, \"1\", -1e999]");
    {
        rome99_items items = rome99_json_items(rome99_json_root(doc));
        rome99_value v;
        double x;
        rome99_json_next(&items, NULL, &v);
        CHECK(rome99_json_double(&x, v, &e) == -1, "1e999 is taken for %g", x);
        CHECK(strcmp(e.text, "x.json:1:2: too large a number") == 0, "got %s", e.text);
        rome99_json_next(&items, NULL, &v);
        CHECK(rome99_json_double(&x, v, &e) == -1, "\"1\" is taken for a number");
        CHECK(strcmp(e.text, "x.json:1:9: must be a number") == 0, "got %s", e.text);
        CHECK(rome99_json_integer(&(uint64_t){0}, v, 12, &e) == -1 &&
                  strcmp(e.text, "x.json:1:9: must be a whole number from 0 to 12") == 0,
              "got %s", e.text);
        rome99_json_next(&items, NULL, &v);
        CHECK(rome99_json_double(&x, v, &e) == -1, "-1e999 is taken for %g", x);
        CHECK(strcmp(e.text, "x.json:1:14: too large a number") == 0, "got %s", e.text);
    }
    rome99_json_free(doc);
}

/* `begin`, `n` times `piece`, `end`. */
static rome99_text repeat(const char *begin, const char *piece, size_t n, const char *end) {
    rome99_text t = {0};
    rome99_text_puts(&t, begin);
    while (n-- > 0) rome99_text_puts(&t, piece);
    rome99_text_puts(&t, end);
    return t;
}

static rome99_json *parse_text(rome99_text *t, rome99_error *e) {
    rome99_json *doc = parse(t->bytes, t->size, e);
    rome99_text_free(t);
    return doc;
}

static void test_hostile(void) {
    rome99_text t = {0};
    rome99_error e;
    rome99_json *doc;
    double x = 0;
    int i;
    for (i = 0; i < 2; i++) {
        static const char *const opened[] = {"[", "{\"a\":"}, *const closed[] = {"]", "}"};
        size_t depth;
        for (depth = 63; depth <= 65; depth++) {
            rome99_text inner = repeat("", closed[i], depth, "");
            t = repeat("", opened[i], depth, "1");
            rome99_text_puts(&t, inner.bytes);
            rome99_text_free(&inner);
            doc = parse_text(&t, &e);
            CHECK((doc != NULL) == (depth <= 64), "depth %lu: %s", (unsigned long)depth, e.text);
            rome99_json_free(doc);
        }
        t = repeat("", opened[i], 1000000, "");
        doc = parse_text(&t, &e);
        CHECK(doc == NULL && strstr(e.text, "nested deeper than 64") != NULL, "got %s", e.text);
        rome99_json_free(doc);
    }
    t = repeat("[", "[],", 300000, "0]");
    doc = parse_text(&t, &e);
    CHECK(doc != NULL && rome99_json_length(rome99_json_root(doc)) == 300001, "%s", e.text);
    rome99_json_free(doc);
    t = repeat("[", "0,", 1000000, "0]");
    doc = parse_text(&t, &e);
    CHECK(doc != NULL && rome99_json_length(rome99_json_root(doc)) == 1000001, "%s", e.text);
    rome99_json_free(doc);
    t = repeat("0.", "1", 300000, "e-5");
    doc = parse_text(&t, &e);
    CHECK(doc != NULL && rome99_json_double(&x, rome99_json_root(doc), &e) == 0 && x == 1.0 / 9e5,
          "%.17g", x);
    rome99_json_free(doc);
    t = repeat("\"", "\\uD83D\\uDE00", 100000, "\"");
    doc = parse_text(&t, &e);
    CHECK(doc != NULL && rome99_json_length(rome99_json_root(doc)) == 400000, "%s", e.text);
    rome99_json_free(doc);
    t = repeat("\"", "a", 1000000, "");
    doc = parse_text(&t, &e);
    CHECK(doc == NULL, "a string without end is taken");
    rome99_json_free(doc);
    t = repeat("1e", "9", 1000000, "");
    doc = parse_text(&t, &e);
    CHECK(doc != NULL && rome99_json_double(&x, rome99_json_root(doc), &e) != 0, "got %g", x);
    rome99_json_free(doc);
}

/* Every value of a document is visited; returns how many there are. */
static size_t visit(rome99_value v) {
    rome99_items items = rome99_json_items(v);
    rome99_value key, item;
    rome99_error e;
    size_t n = 1;
    double x;
    uint64_t u;
    (void)rome99_json_double(&x, v, &e);
    (void)rome99_json_integer(&u, v, 1000, &e);
    if (rome99_json_kind(v) == ROME99_STRING) {
        const size_t size = strlen(rome99_json_string(v));
        CHECK(size <= rome99_json_length(v), "no NUL behind a string");
    }
    while (rome99_json_next(&items, &key, &item)) n += visit(item);
    return n;
}

/* A sample cut at any byte is refused; with a byte changed it is read or refused without harm. */
static void test_mutations(void) {
    static const char text[] =
        " {\"prompt\": \"{} is\\u0041\\uD83D\\uDE00 \xE2\x82\xAC\\n\", \"n\": [-0.5e-3, 12, []],\n"
        "\"t\": {\"str\": \"x\", \"y\": [true, false, null, {}]}}\n";
    const size_t size = sizeof text - 1, end = size - 1; /* the last byte is a newline */
    static const char bytes[] = "\"\\{}[],:0u-e.\n \x80\xC2\xE2\xF0\x01";
    rome99_error e;
    size_t i, j;
    for (i = 0; i <= size; i++) {
        rome99_json *doc = parse(text, i, &e);
        CHECK((doc != NULL) == (i >= end), "cut at %lu: %s", (unsigned long)i,
              doc ? "taken" : e.text);
        rome99_json_free(doc);
    }
    for (i = 0; i < size; i++) {
        for (j = 0; j < sizeof bytes; j++) {
            char copy[sizeof text];
            rome99_json *doc;
            memcpy(copy, text, sizeof text);
            copy[i] = bytes[j];
            doc = parse(copy, size, &e);
            if (doc != NULL) CHECK(visit(rome99_json_root(doc)) > 0, "no value");
            rome99_json_free(doc);
        }
    }
}

static void expect_text(rome99_text *t, const char *expected) {
    CHECK(!t->failed && t->bytes != NULL && strcmp(t->bytes, expected) == 0, "got %s, expected %s",
          t->bytes ? t->bytes : "nothing", expected);
    rome99_text_free(t);
}

static double next_double(uint64_t *state) {
    double x;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    memcpy(&x, state, sizeof x);
    return x;
}

static void test_text(void) {
    static const char all[] = "a\"b\\c/\n\r\t\x1F\x7F\0z\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80";
    rome99_text t = {0};
    rome99_error e;
    rome99_json *doc;
    uint64_t state = 1;
    double x, y = 0;
    int i;
    rome99_text_put(&t, "", 0);
    expect_text(&t, "");
    rome99_text_printf(&t, "%d-%s", 12, "ab");
    rome99_text_puts(&t, "c");
    rome99_text_put(&t, "de", 1);
    expect_text(&t, "12-abcd");
    rome99_text_json_string(&t, "", 0);
    expect_text(&t, "\"\"");
    rome99_text_json_string(&t, all, sizeof all - 1);
    expect_text(&t, "\"a\\\"b\\\\c/\\n\\u000d\\u0009\\u001f\x7F\\u0000z"
                    "\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80\"");
    rome99_text_json_string(&t, "\xFFz\xE2\x82z\xC3", 6);
    expect_text(&t, "\"\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\"");
    rome99_text_json_string(&t, all, sizeof all - 1);
    doc = parse(t.bytes, t.size, &e);
    if (doc != NULL) expect_string(rome99_json_root(doc), all, sizeof all - 1);
    CHECK(doc != NULL, "%s", e.text);
    rome99_json_free(doc);
    rome99_text_free(&t);

    rome99_text_json_double(&t, 0.1);
    rome99_text_puts(&t, " ");
    rome99_text_json_double(&t, 3);
    rome99_text_puts(&t, " ");
    rome99_text_json_double(&t, -1e300);
    rome99_text_puts(&t, " ");
    rome99_text_json_double(&t, 0.1 + 0.2);
    rome99_text_puts(&t, " ");
    rome99_text_json_double(&t, 4.9406564584124654e-324);
    expect_text(&t, "0.1 3 -1e+300 0.30000000000000004 4.94065645841247e-324");
    rome99_text_json_double(&t, HUGE_VAL);
    rome99_text_json_double(&t, -HUGE_VAL);
    rome99_text_json_double(&t, HUGE_VAL - HUGE_VAL);
    expect_text(&t, "\"inf\"\"-inf\"null");
    for (i = 0; i < 20000; i++) {
        x = next_double(&state);
        if (!(x >= -DBL_MAX && x <= DBL_MAX)) continue;
        rome99_text_json_double(&t, x);
        doc = parse(t.bytes, t.size, &e);
        CHECK(doc != NULL && rome99_json_double(&y, rome99_json_root(doc), &e) == 0 && x == y,
              "%s: got %.17g", t.bytes, y);
        rome99_json_free(doc);
        rome99_text_free(&t);
    }
    for (i = 0; i < 5000; i++) rome99_text_printf(&t, "%04d", i);
    CHECK(t.size == 20000 && strcmp(t.bytes + 19996, "4999") == 0, "size %lu",
          (unsigned long)t.size);
    rome99_text_free(&t);
}

static void test_files(void) {
    rome99_error e;
    rome99_json *doc = NULL;
    CHECK(rome99_json_read(&doc, "no/such/file.json", &e) == -1 && doc == NULL,
          "a missing file is read");
    CHECK(strncmp(e.text, "no/such/file.json: ", 19) == 0, "got %s", e.text);
}

/* Reads the file `path` once and prints how long that took; for measurements by hand. */
static int measure(const char *path) {
    rome99_error e;
    rome99_json *doc;
    const clock_t begin = clock();
    if (rome99_json_read(&doc, path, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    printf("%.3f s\n", (double)(clock() - begin) / CLOCKS_PER_SEC);
    rome99_json_free(doc);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) return measure(argv[1]);
    test_table();
    test_places();
    test_tree();
    test_members();
    test_numbers();
    test_hostile();
    test_mutations();
    test_text();
    test_files();
    return test_end();
}
