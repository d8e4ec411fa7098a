/* test_compare.c: golden cases as files, candidates in three formats, the verdict on them. Writes only below
 * the directory argv[1] ("build/tmp"). */
#include "files/npz.h"
#include "files/safetensors.h"
#include "golden/compare.h"
#include "golden/format.h"
#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static rome99_error e;
static char golden_path[1024], candidate_path[1024];
static rome99_text report;

static void put_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(bytes, 1, size, f) == size, "%s: cannot be written", path);
    if (f != NULL) fclose(f);
}

static uint32_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* ------------------------------------------------------------------------------ a case */

#define NOTES "rome99 golden 1\ncase = ops/made\nwhy = because = so\n"
#define TEXTS                                                                                                \
    "text hello \"a\\n\\\"b\"\ntext u!no_solve \"C used, not its inverse\"\n"                                \
    "text u!norm \"u not normalised\"\ntext v!sign \"the sign is wrong\"\n"
#define INPUTS                                                                                               \
    "tensor x f64 2 2 role=input class=f64 tol64=0 tol32=0\n"                                                \
    "3ff0000000000000 # 1\nbff8000000000000 # -1.5\n0000000000000000 # 0\n3fb999999999999a # 0.1\n"          \
    "tensor ids i64 2 1 role=input class=exact tol64=0 tol32=0\n5\n-3\n"
#define WRONG                                                                                                \
    "tensor u!no_solve f64 2 1 role=wrong class=f64 tol64=1.0e-14 tol32=1.0e-06\n"                           \
    "3ff0000000000000 # 1\n4000000000000000 # 2\n"                                                           \
    "tensor u!norm f64 2 1 role=wrong class=f64 tol64=1.0e-14 tol32=none\n"                                  \
    "4000000000000000 # 2\n3ff0000000000000 # 1\n"                                                           \
    "tensor v!sign f64 1 1 role=wrong class=f64 tol64=1.0e-14 tol32=1.0e-06\n"                               \
    "c000000000000000 # -2\n"
#define K                                                                                                    \
    "tensor k f64 2 1 role=expected class=f64 tol64=1.0e-14 tol32=1.0e-06\n"                                 \
    "3ff0000000000000 # 1\n3ff0000000000000 # 1\n"
#define U                                                                                                    \
    "tensor u f64 2 1 role=expected class=f64 tol64=1.0e-14 tol32=1.0e-06\n"                                 \
    "3ff0000000000000 # 1\n3fe0000000000000 # 0.5\n"
#define V                                                                                                    \
    "tensor v f64 1 1 role=expected class=f64 tol64=1.0e-14 tol32=1.0e-06\n"                                 \
    "4000000000000000 # 2\n"
#define BIG                                                                                                  \
    "tensor big f64 1 1 role=expected class=f64 tol64=1.0e-14 tol32=none\n"                                  \
    "7e37e43c8800759c # 1e+300\n"
#define TOP    "tensor top i64 1 2 role=expected class=exact tol64=0 tol32=0\n7\n-9\n"
#define GOLDEN NOTES TEXTS INPUTS WRONG K U V BIG TOP "end 10\n"

/* What a candidate needs: no roles, classes or tolerances, decimals. */
#define CK        "tensor k f64 2 1\n1\n1.0\n"
#define CU        "tensor u f64 2 1\n3ff0000000000000\n.5\n"
#define CV        "tensor v f64 1 1\n2e0\n"
#define CBIG      "tensor big f64 1 1\n1e300\n"
#define CTOP      "tensor top i64 1 2\n7\n-9\n"
#define CANDIDATE "rome99 golden 1\n" CK CU CV CBIG CTOP "end 5\n"

/* `text` with the first `from` made `to`; good for the next 15 calls. */
static const char *edited(const char *text, const char *from, const char *to) {
    static char buffers[16][16384];
    static int next;
    const char *at = strstr(text, from);
    char *out = buffers[next++ % 16];
    CHECK(at != NULL, "'%s' is not there", from);
    if (at == NULL) return text;
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

/* With CR before every LF. */
static const char *with_cr(const char *text) {
    static char out[16384];
    char *to = out;
    for (; *text; *to++ = *text++)
        if (*text == '\n') *to++ = '\r';
    *to = '\0';
    return out;
}

/* Compares the files: what rome99 compare exits with; `report` or `e` says why. */
static int compare_files(int asked) {
    rome99_golden a, b;
    int code;
    rome99_text_free(&report);
    if (rome99_golden_read(&a, golden_path, &e) != 0) return 2;
    code = rome99_candidate_read(&b, candidate_path, &e) != 0 ? 2
                                                              : rome99_golden_report(&report, &a, &b, asked);
    if (code != 2) rome99_golden_free(&b);
    rome99_golden_free(&a);
    return code;
}

static int compare_texts(const char *golden, const char *candidate, int asked) {
    put_file(golden_path, golden, strlen(golden));
    put_file(candidate_path, candidate, strlen(candidate));
    return compare_files(asked);
}

/* A copy in which every run of blanks and line ends is one blank: what is said, however it is wrapped. */
static const char *unwrapped(char *to, const char *text, size_t room) {
    size_t n = 0;
    for (; *text && n + 1 < room; text++)
        if (!strchr(" \n", *text))
            to[n++] = *text;
        else if (n == 0 || to[n - 1] != ' ')
            to[n++] = ' ';
    to[n] = '\0';
    return to;
}

static int says(const char *text) {
    static char whole[65536], part[2048];
    return report.bytes != NULL &&
           strstr(unwrapped(whole, report.bytes, sizeof whole), unwrapped(part, text, sizeof part)) != NULL;
}

/* The report's last line is `line`. */
static int ends_with(const char *line) {
    const size_t n = strlen(line);
    return report.size > n && report.bytes[report.size - 1] == '\n' &&
           strncmp(report.bytes + report.size - 1 - n, line, n) == 0 &&
           report.bytes[report.size - 2 - n] == '\n';
}

#define REPORT (report.bytes ? report.bytes : "(none)")

/* The verdict is `code` and its line `last`; where it is 2, `last` is part of the message. */
static void check_verdict(const char *what, int code, int want, const char *last) {
    CHECK(code == want, "%s: %d, must be %d: %s", what, code, want, code == 2 ? e.text : REPORT);
    if (code != want) return;
    if (want == 2)
        CHECK(strstr(e.text, last) != NULL, "%s: '%s', not '%s'", what, e.text, last);
    else
        CHECK(ends_with(last), "%s: not '%s' at the end of\n%s", what, last, REPORT);
}

/* --------------------------------------------------------------------- writing, reading */

static void put_case(rome99_golden *c) {
    static const double ones[] = {1.0, 1.0}, x[] = {1.0, -1.5, 0.0, 0.1};
    const double y[] = {HUGE_VAL, -HUGE_VAL, HUGE_VAL - HUGE_VAL, DBL_MIN / 4503599627370496.0, 1.0 / 3.0};
    rome99_golden_note_add(c, "case", "ops/made");
    rome99_golden_text_add(c, "t", "\xC3\xA9\0\"\n", 5);
    rome99_golden_expected_copy(c, "k", ones, 2, 1);
    c->tensor[0].tol64 = 1.0e-14;
    c->tensor[0].tol32 = 9.91e-7; /* rounded to 1.0e-06 */
    memcpy(rome99_golden_input(c, "x", 2, 2), x, sizeof x);
    rome99_golden_integers(c, ROME99_INPUT, "ids", 2, 1)[0] = 5;
    ((int64_t *)c->tensor[2].data)[1] = INT64_MIN;
    rome99_golden_wrong(c, "k", "half", "half of it", 2, 1)[1] = -0.0;
    c->tensor[3].tol32 = HUGE_VAL;
    memcpy(rome99_golden_exact(c, "y", 1, 5), y, sizeof y);
}

static void test_write(void) {
    static const char want[] = "rome99 golden 1\ncase = ops/made\ntext t \"\xC3\xA9\\u0000\\\"\\n\"\n"
                               "text k!half \"half of it\"\n"
                               "tensor x f64 2 2 role=input class=f64 tol64=0 tol32=0\n"
                               "3ff0000000000000 # 1\nbff8000000000000 # -1.5\n0000000000000000 # 0\n"
                               "3fb999999999999a # 0.1\n"
                               "tensor ids i64 2 1 role=input class=exact tol64=0 tol32=0\n"
                               "5\n-9223372036854775808\n"
                               "tensor k!half f64 2 1 role=wrong class=f64 tol64=0 tol32=none\n"
                               "0000000000000000 # 0\n8000000000000000 # -0\n"
                               "tensor k f64 2 1 role=expected class=f64 tol64=1.0e-14 tol32=1.0e-06\n"
                               "3ff0000000000000 # 1\n3ff0000000000000 # 1\n"
                               "tensor y f64 1 5 role=expected class=exact tol64=0 tol32=0\n"
                               "7ff0000000000000 # inf\nfff0000000000000 # -inf\n7ff8000000000000 # nan\n"
                               "0000000000000001 # 4.94065645841247e-324\n"
                               "3fd5555555555555 # 0.3333333333333333\nend 5\n";
    void *memory = malloc(ROME99_GOLDEN_BYTES);
    rome99_golden c, back;
    rome99_text out = {0}, again = {0};
    if (!memory) exit(2);
    rome99_golden_begin(&c, memory);
    put_case(&c);
    rome99_golden_write(&out, &c);
    CHECK(out.size == sizeof want - 1 && memcmp(out.bytes, want, out.size) == 0, "got\n%s", out.bytes);
    put_file(golden_path, out.bytes, out.size);
    if (rome99_golden_read(&back, golden_path, &e) == 0) {
        CHECK(back.notes == 1 && back.texts == 2 && back.tensors == 5, "%zu notes, %zu texts, %zu tensors",
              back.notes, back.texts, back.tensors);
        CHECK(back.text[0].size == 5 && memcmp(back.text[0].bytes, "\xC3\xA9\0\"\n", 6) == 0,
              "a text's bytes");
        CHECK(back.tensor[2].role == ROME99_WRONG && back.tensor[2].tol32 == HUGE_VAL &&
                  !back.tensor[2].exact,
              "a wrong tensor");
        CHECK(back.tensor[4].exact && back.tensor[4].rows == 1 && back.tensor[4].cols == 5 &&
                  memcmp(back.tensor[4].data, c.tensor[4].data, 2 * sizeof(double)) == 0,
              "an exact tensor");
        rome99_golden_write(&again, &back);
        CHECK(again.size == out.size && memcmp(again.bytes, out.bytes, out.size) == 0, "got back\n%s",
              again.bytes);
        rome99_golden_free(&back);
    } else {
        CHECK(0, "%s", e.text);
    }
    rome99_text_free(&out);
    rome99_text_free(&again);
    free(memory);
}

/* Decimals stand beside 256 values, not beside 257. */
static void test_write_large(void) {
    double x[257];
    rome99_golden c = {0};
    rome99_golden_tensor t = {0};
    rome99_text out = {0};
    size_t n, i;
    for (i = 0; i < 257; i++) x[i] = 1.0;
    c.tensor = &t;
    c.tensors = 1;
    t.name = "x";
    t.cols = 1;
    t.data = x;
    for (n = 256; n <= 257; n++) {
        t.rows = n;
        out.size = 0;
        rome99_golden_write(&out, &c);
        CHECK((strchr(out.bytes, '#') != NULL) == (n == 256), "%zu values", n);
    }
    rome99_text_free(&out);
}

/* Rounded up, by no more than a tenth, and then no further. */
static void test_tolerances(void) {
    static const struct {
        double tol;
        const char *want;
    } cases[] = {{1e-15, "1.0e-15"},     {1.01e-15, "1.1e-15"}, {8.85e-15, "8.9e-15"}, {9.91e-5, "1.0e-04"},
                 {9.99, "1.0e+01"},      {1.99e-3, "2.0e-03"},  {0.25, "2.5e-01"},     {0.0, "0"},
                 {9.95e-100, "1.0e-99"}, {HUGE_VAL, "none"},    {2.0 / 3.0, "6.7e-01"}};
    double x = 1.0;
    rome99_golden_tensor t = {0};
    rome99_golden c = {0}, back;
    rome99_text out = {0};
    size_t i;
    c.tensor = &t;
    c.tensors = 1;
    t.name = "x";
    t.role = ROME99_EXPECTED;
    t.rows = t.cols = 1;
    t.data = &x;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[64];
        t.tol32 = cases[i].tol;
        out.size = 0;
        rome99_golden_write(&out, &c);
        sprintf(want, " tol32=%s\n", cases[i].want);
        CHECK(strstr(out.bytes, want) != NULL, "%g: not '%s' in %s", cases[i].tol, cases[i].want, out.bytes);
    }
    t.tol32 = 0.0;
    for (i = 0; i < 300; i++) {
        double rounded;
        t.tol64 = (random_bits() + 1.0) * ldexp(1.0, -(int)(random_bits() % 200));
        out.size = 0;
        rome99_golden_write(&out, &c);
        put_file(golden_path, out.bytes, out.size);
        if (rome99_golden_read(&back, golden_path, &e) != 0) {
            CHECK(0, "%s", e.text);
            continue;
        }
        rounded = back.tensor->tol64;
        CHECK(rounded >= t.tol64 && rounded < t.tol64 * 1.1000001, "%.17g became %.17g", t.tol64, rounded);
        rome99_golden_free(&back);
    }
    rome99_text_free(&out);
}

/* What a golden case must not be; a candidate may where `lenient`. */
static void test_refuses(void) {
    static const struct {
        const char *from, *to, *want;
        int lenient;
    } cases[] = {
        {"golden 1", "golden 2", ":1: must be 'rome99 golden 1'", 0},
        {"case = ops/made", "case", ":2: expected 'KEY = VALUE', 'text', 'tensor' or 'end N'", 0},
        {"case = ops/made", " = x", ":2: a name is missing", 0},
        {"case = ops/made", "the case = x", ":2: expected 'KEY", 0},
        {"case = ops/made\n", "\n", ":2: expected 'KEY", 0},
        {"why", "case", ":3: note 'case' is there twice", 0},
        {"text u!norm", "text u!no_solve", ":6: text 'u!no_solve' is there twice", 0},
        {"text hello \"", "text hello ", ":4: text 'hello':1:1: expected a value", 0},
        {"text hello \"a", "text hello [\"a\"] \"", ":4: text 'hello':1:7: expected the end", 0},
        {"\"the sign is wrong\"", "12", ":7: text 'v!sign' is no JSON string", 0},
        {"text hello \"a\\n\\\"b\"", "text ", ":4: a name is missing", 0},
        {TEXTS INPUTS, INPUTS TEXTS, ":12: not in its place", 0},
        {"why = because = so\ntext hello \"a\\n\\\"b\"\n", "text hello \"a\\n\\\"b\"\nwhy = x\n",
         ":4: not in its place", 1},
        {INPUTS WRONG, WRONG INPUTS, ":16: not in its place", 1},
        {K, "", ":34: 'end 10', but there are 9 tensors", 0},
        {"tensor k ", "tensor u ", ":27: tensor 'u' is there twice", 0},
        {"k f64 2 1 ", "k f32 2 1 ", ":24: expected 'tensor NAME f64|i64 ROWS COLUMNS ...'", 0},
        {"k f64 2 1 ", "k f64 2 ", ":24: expected 'tensor", 0},
        {"k f64 2 1 ", "k f64 2 -1 ", ":24: expected 'tensor", 0},
        {"k f64 2 1 ", "k f64 2 1x ", ":24: expected 'tensor", 0},
        {"k f64 2 1 ", "k f64 99999999999999999999 1 ", ":24: expected 'tensor", 0},
        {"k f64 2 1 ", "k f64 0 1 ", ":24: expected 'tensor", 0},
        {"k f64 2 1 ", "k f64 3 1 ", ":27: 'tensor' in the place of value 3 of the 3 of tensor 'k'", 0},
        {"k f64 2 1 ", "k f64 1 1 ", ":26: expected 'tensor' or 'end N'", 0},
        {"k f64 2 1 role=expected ", "k f64 2 1 ", ":24: tensor 'k' has no role=", 1},
        {" class=f64 tol64=1.0e-14 tol32=1.0e-06\n3ff0000000000000 # 1\n3ff",
         " tol64=1 tol32=1\n3ff0000000000000 # 1\n3ff", ":24: tensor 'k' has no class=", 1},
        {"role=expected class=f64 tol64=1.0e-14 ", "role=expected class=f64 ",
         ":24: tensor 'k' has no tol64=", 1},
        {"role=expected", "role=output", ":24: tensor 'k': 'role=output' has no such value", 0},
        {"role=expected class=f64", "role=expected class=f32", ":24: tensor 'k': 'class=f32' has no such", 0},
        {"role=expected class=f64", "role=expected role=expected",
         ":24: 'role=expected' is unknown, or there twice", 0},
        {"role=expected class=f64", "role=expected shape=2", ":24: 'shape=2' is unknown, or there twice", 0},
        {"role=expected class=f64 tol64=1.0e-14", "role=expected class=f64 tol64=-1",
         "'tol64=-1' has no such", 0},
        {"role=expected class=f64 tol64=1.0e-14", "role=expected class=f64 tol64=none", "'tol64=none' has",
         0},
        {"role=expected class=f64 tol64=1.0e-14", "role=expected class=f64 tol64=1e999", "'tol64=1e999' has",
         0},
        {"role=expected class=f64 tol64=1.0e-14", "role=expected class=f64 tol64=nan", "'tol64=nan' has", 0},
        {"3fe0000000000000 # 0.5", "0.5", ":29: '0.5' in the place of value 2 of the 2 of tensor 'u'", 1},
        {"3fe0000000000000 # 0.5", "3FE0000000000000", ":29: '3FE0000000000000' in the place", 0},
        {"3fe0000000000000 # 0.5", "3fe0000000000000 0.5", ":29: '0.5' behind a value", 0},
        {"3fe0000000000000 # 0.5", "3fe000000000000 # 0.5", ":29: '3fe000000000000' in the place", 0},
        {"3fe0000000000000 # 0.5", "", ":29: '' in the place of value 2", 0},
        {"\n7\n-9\n", "\n7.0\n-9\n", ":35: '7.0' in the place of value 1", 0},
        {"\n7\n-9\n", "\n9223372036854775808\n-9\n", ":35: '9223372036854775808' in the", 0},
        {"\n7\n-9\n", "\n7\n", ":36: 'end' in the place of value 2 of the 2 of tensor 'top'", 0},
        {"\n7\n-9\n", "\n7\n-9\n1\n", ":37: expected 'tensor' or 'end N'", 0},
        {"end 10\n", "end 9\n", ":37: 'end 9', but there are 10 tensors", 0},
        {"end 10\n", "end 11\n", ":37: 'end 11', but there are 10 tensors", 0},
        {"end 10\n", "end\n", ":37: expected 'tensor' or 'end N'", 0},
        {"end 10\n", "", ":37: the file ends before", 0},
        {"end 10\n", "end 10", ":37: the file ends before", 1},
        {"end 10\n", "end 10\n\n", ":38: something follows 'end N'", 0},
        {"end 10\n", "end 10\nend 10\n", ":38: something follows 'end N'", 0},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = edited(GOLDEN, cases[i].from, cases[i].to);
        rome99_golden c;
        int failed, refused;
        put_file(golden_path, text, strlen(text));
        failed = rome99_golden_read(&c, golden_path, &e) != 0;
        CHECK(failed, "accepted: '%s'", cases[i].to);
        CHECK(!failed || (strstr(e.text, cases[i].want) != NULL &&
                          strncmp(e.text, golden_path, strlen(golden_path)) == 0),
              "'%s': got '%s', not '%s'", cases[i].to, e.text, cases[i].want);
        if (!failed) rome99_golden_free(&c);
        refused = rome99_candidate_read(&c, golden_path, &e) != 0;
        CHECK(refused == !cases[i].lenient, "a candidate with '%s': %s", cases[i].to,
              refused ? e.text : "accepted");
        if (!refused) rome99_golden_free(&c);
    }
}

/* A file cut at every byte is refused; a candidate only does without its last line end. */
static void test_cut(void) {
    static const struct {
        const char *text;
        int strict;
    } cases[] = {{GOLDEN, 1}, {CANDIDATE, 0}};
    rome99_golden c;
    size_t i, k;
    int crlf;
    for (i = 0; i < 2; i++)
        for (crlf = 0; crlf < 2; crlf++) {
            const char *text = crlf ? with_cr(cases[i].text) : cases[i].text;
            const size_t size = strlen(text);
            for (k = 0; k <= size; k++) {
                const size_t least = cases[i].strict ? size : size - 1 - (size_t)crlf;
                unsigned char *part = calloc(k + 1, 1);
                int failed;
                if (!part) exit(2);
                memcpy(part, text, k);
                failed = rome99_golden_parse(&c, part, k, "memory", cases[i].strict, &e) != 0;
                CHECK(failed == (k < least), "%zu of %zu bytes: %s", k, size, failed ? e.text : "accepted");
                if (!failed) rome99_golden_free(&c);
            }
        }
}

static void test_numbers(void) {
    static const struct {
        const char *text;
        uint64_t word; /* 0: refused */
    } cases[] = {{"3ff0000000000000", (uint64_t)0x3ff << 52},
                 {"1234567812345678", 0x1234567812345678u},
                 {"fff0000000000001", (uint64_t)0x7ff8 << 48},
                 {"1", (uint64_t)0x3ff << 52},
                 {"+1", (uint64_t)0x3ff << 52},
                 {"-1.", (uint64_t)0xbff << 52},
                 {".5", (uint64_t)0x3fe << 52},
                 {"5E-1 # half", (uint64_t)0x3fe << 52},
                 {"0.1", 0x3fb999999999999au},
                 {"0.1000000000000000055511151231257827021181583404541015625", 0x3fb999999999999au},
                 {"5e-324", 1},
                 {"inf", (uint64_t)0x7ff << 52},
                 {"-Infinity", (uint64_t)0xfff << 52},
                 {"+INF", (uint64_t)0x7ff << 52},
                 {"nan", (uint64_t)0x7ff8 << 48},
                 {"-NaN", (uint64_t)0x7ff8 << 48},
                 {"", 0},
                 {".", 0},
                 {"-", 0},
                 {"e5", 0},
                 {"1e", 0},
                 {"1e+", 0},
                 {"1.2.3", 0},
                 {"0x1p3", 0},
                 {"1,5", 0},
                 {"1e999", 0},
                 {"infinit", 0},
                 {"infinityx", 0},
                 {"nan(1)", 0},
                 {"1 2", 0},
                 {"1\t", 0},
                 {"3FF0000000000000", 0},
                 {"3ff00000000000000", 0}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        uint64_t word = 0;
        rome99_golden c;
        int failed;
        sprintf(text, "rome99 golden 1\ntensor x f64 1 1\n%s\nend 1\n", cases[i].text);
        put_file(candidate_path, text, strlen(text));
        failed = rome99_candidate_read(&c, candidate_path, &e) != 0;
        if (!failed) memcpy(&word, c.tensor->data, sizeof word);
        if (!failed) CHECK(c.tensor->role == ROME99_EXPECTED, "the role of what has none");
        CHECK(failed == (cases[i].word == 0) && word == cases[i].word,
              "'%s': %016" PRIx64 ", not %016" PRIx64, cases[i].text, word, cases[i].word);
        if (!failed) rome99_golden_free(&c);
    }
}

/* ------------------------------------------------------------------------- the verdict */

static void test_verdicts(void) {
    static const struct {
        const char *what, *from, *to; /* of the candidate */
        int want;
        const char *last, *also; /* the last line or message; what else is said */
    } cases[] = {
        {"as it should be", "", "", 0, "same: 5 tensors, class exact", NULL},
        {"reordered", CK CU, CU CK, 0, "same: 5 tensors, class exact", NULL},
        {"texts and notes", "1\n", "1\nlang = Ada\ntext x \"y\"\nother = 1\n", 0,
         "same: 5 tensors, class exact", NULL},
        {"a text called as a tensor", "1\n", "1\ntext big \"y\"\n", 0, "same: 5 tensors, class exact", NULL},
        {"duplicated", "end 5", CU "end 6", 2, ":15: tensor 'u' is there twice", NULL},
        {"NaN", ".5", "nan", 1, "differs: 1 of 5 tensors, first u",
         "! u      f64   NaN         inf     inf     1,0 nan, 0.5"},
        {"infinity", ".5", "inf", 1, "differs: 1 of 5 tensors, first u",
         "! u      f64   apart       inf     inf     1,0 inf, 0.5"},
        {"wrong shape", "u f64 2 1", "u f64 1 2", 1, "differs: 1 of 5 tensors, first u",
         "! u      f64   shape   1x2, 2x1"},
        {"no elements", CV, "tensor v f64 0 1\n", 1, "differs: 1 of 5 tensors, first v", "shape   0x1, 1x1"},
        {"too few values", "\n.5", "", 2, ":7: 'tensor' in the place of value 2 of the 2 of tensor 'u'",
         NULL},
        {"too many values", ".5", ".5\n.5", 2, ":8: expected 'tensor' or 'end N'", NULL},
        {"wrong end", "end 5", "end 6", 2, "'end 6', but there are 5 tensors", NULL},
        {"trailing garbage", "end 5\n", "end 5\nx", 2, ":16: something follows 'end N'", NULL},
        {"one less than it says", CV, "", 2, "but there are 4 tensors", NULL},
        {"more than it says", "tensor top", "tensor more i64 1 1\n3\ntensor most\x1B f64 0 0\ntensor top", 2,
         "but there are 7 tensors", NULL},
        {"no magic", "rome99 g", "Rome99 g", 2, "begins neither with 'rome99 golden 1' nor as", NULL},
        {"same value, other type", "top i64 1 2\n7", "top f64 1 2\n7.0", 0, "same: 5 tensors, class exact",
         NULL},
        {"integer off", "\n-9", "\n-8", 1, "differs: 1 of 5 tensors, first top",
         "0.088    0.11     0,1 -8, -9"},
        {"not an integer", "top i64 1 2\n7", "top f64 1 2\n7.5", 1, "differs: 1 of 5 tensors, first top",
         NULL},
        {"one ulp", ".5", "3fe0000000000001", 0, "same: 5 tensors, class f64",
         "  u      f64   f64     9.9e-17 2.2e-16     1,0 0.5, 0.5"},
        {"float32", ".5", "0.50000001", 1, "differs: 1 of 5 tensors, first u",
         "It is as near as\nfloat32 comes: if it was computed so, give --class f32."},
        {"apart", "\n1\n", "\n1.5\n", 1, "differs: 1 of 5 tensors, first k",
         "that differs: the error is 2.8e-01, allowed are 1.0e-14; worst at 0,0 it is 1.5,\nnot 1. Nothing "
         "comes before it. It is what none of the known "
         "mistakes gives."},
        {"right before", "2e0", "1", 1, "differs: 1 of 5 tensors, first v", "Everything before it is right."},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = edited(CANDIDATE, cases[i].from, cases[i].to);
        check_verdict(cases[i].what, compare_texts(GOLDEN, text, ROME99_OWN_CLASS), cases[i].want,
                      cases[i].last);
        if (cases[i].want != 2 && cases[i].also)
            CHECK(says(cases[i].also), "%s: not '%s' in\n%s", cases[i].what, cases[i].also, REPORT);
        if (cases[i].want != 2)
            check_verdict("with CRLF", compare_texts(with_cr(GOLDEN), text, ROME99_OWN_CLASS), cases[i].want,
                          cases[i].last);
        check_verdict("CRLF", compare_texts(GOLDEN, with_cr(text), ROME99_OWN_CLASS), cases[i].want,
                      cases[i].want == 2 ? "" : cases[i].last);
    }
    check_verdict("missing", compare_texts(GOLDEN, "rome99 golden 1\n" CK CV CTOP "end 3\n", -1), 1,
                  "differs: 2 of 5 tensors, first u");
    CHECK(says("! u      f64   missing\n") && says("that differs: it is missing."), "%s", REPORT);
    check_verdict("extra",
                  compare_texts(GOLDEN,
                                "rome99 golden 1\n" CK CV CU CBIG "tensor mo\x1Bre f64 0 0\n" CTOP
                                "tensor most f64 1 1\n2\nend 7\n",
                                -1),
                  0, "same: 5 tensors, class exact");
    CHECK(says("\nnot in the case: mo?re, most\n"), "%s", REPORT);
    check_verdict("nothing", compare_texts(GOLDEN, "rome99 golden 1\nend 0\n", -1), 1,
                  "differs: 5 of 5 tensors, first k");
    check_verdict("a bad case", compare_texts("rome99 golden 1\n", CANDIDATE, -1), 2,
                  "golden.txt:2: the file ends");
}

/* Inputs: equal in every bit, or left out. */
static void test_inputs(void) {
    check_verdict("the case itself", compare_texts(GOLDEN, GOLDEN, -1), 0, "same: 5 tensors, class exact");
    CHECK(!says("(input)") && !says("not in the case"), "%s", REPORT);
    check_verdict("one bit",
                  compare_texts(GOLDEN, edited(GOLDEN, "3fb999999999999a", "3fb999999999999b"), -1), 1,
                  "differs: inputs, but 0 of 5 tensors");
    CHECK(
        says("! x (input) exact apart") &&
            says(
                "\nInput x must be the case's, bit for bit: row 0 agrees, row 1 does not; worst at 1,1 it is "
                "0.10000000000000002, not\n0.1"),
        "%s", REPORT);
    compare_texts(GOLDEN, edited(edited(GOLDEN, "3fb999999999999a", "3fb999999999999b"), "\n-3\n", "\n3\n"),
                  -1);
    CHECK(says("! ids (input)") && says("Input x must be"), "%s", REPORT);
    check_verdict("a zero's sign",
                  compare_texts(GOLDEN, edited(GOLDEN, "0000000000000000", "8000000000000000"), -1), 1,
                  "differs: inputs, but 0 of 5 tensors");
    check_verdict("an id", compare_texts(GOLDEN, edited(GOLDEN, "\n-3\n", "\n3\n"), -1), 1,
                  "differs: inputs, but 0 of 5 tensors");
    check_verdict("a shape", compare_texts(GOLDEN, edited(GOLDEN, "x f64 2 2", "x f64 4 1"), -1), 1,
                  "differs: inputs, but 0 of 5 tensors");
    check_verdict(
        "for float32 too",
        compare_texts(GOLDEN, edited(GOLDEN, "3fb999999999999a", "3fb9999999999999"), ROME99_IN_F32), 1,
        "differs: inputs, but 0 of 4 tensors");
    check_verdict("as f64",
                  compare_texts(GOLDEN,
                                edited(CANDIDATE, CK CU CV CBIG CTOP "end 5",
                                       CK CU CV CBIG CTOP "tensor ids f64 2 1\n5\n-3\nend 6"),
                                -1),
                  0, "same: 5 tensors, class exact");
}

static void test_classes(void) {
    static const struct {
        const char *from, *to;
        int asked, want;
        const char *last;
    } cases[] = {
        {"", "", ROME99_EXACT, 0, "same: 5 tensors, class exact"},
        {"", "", ROME99_IN_F64, 0, "same: 5 tensors, class exact"},
        {"", "", ROME99_IN_F32, 0, "same: 4 tensors, class exact"},
        {".5", "3fe0000000000001", ROME99_EXACT, 1, "differs: 1 of 5 tensors, first u"},
        {".5", "3fe0000000000001", ROME99_IN_F64, 0, "same: 5 tensors, class f64"},
        {".5", "3fe0000000000001", ROME99_IN_F32, 0, "same: 4 tensors, class f64"},
        {".5", "0.50000001", ROME99_EXACT, 1, "differs: 1 of 5 tensors, first u"},
        {".5", "0.50000001", ROME99_IN_F64, 1, "differs: 1 of 5 tensors, first u"},
        {".5", "0.50000001", ROME99_IN_F32, 0, "same: 4 tensors, class f32"},
        {".5", "0.5001", ROME99_IN_F32, 1, "differs: 1 of 4 tensors, first u"},
        {"1e300", "nan", ROME99_IN_F32, 0, "same: 4 tensors, class exact"},
        {CBIG, "tensor other f64 1 1\n1\n", ROME99_IN_F32, 0, "same: 4 tensors, class exact"},
        {"1e300", "1.1e300", ROME99_OWN_CLASS, 1, "differs: 1 of 5 tensors, first big"},
        {"1e300", "1.1e300", ROME99_IN_F64, 1, "differs: 1 of 5 tensors, first big"},
        {"\n-9", "\n-10", ROME99_IN_F32, 1, "differs: 1 of 4 tensors, first top"},
        {".5", "nan", ROME99_IN_F32, 1, "differs: 1 of 4 tensors, first u"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_verdict(cases[i].to,
                      compare_texts(GOLDEN, edited(CANDIDATE, cases[i].from, cases[i].to), cases[i].asked),
                      cases[i].want, cases[i].last);
        CHECK(says("float32 cannot be asked for: big\n") == (cases[i].asked == ROME99_IN_F32), "%s", REPORT);
    }
    compare_texts(GOLDEN, edited(CANDIDATE, "1e300", "1.1e300"), -1);
    CHECK(says("! big    f64   apart"), "%s", REPORT);
    check_verdict(
        "nothing left",
        compare_texts("rome99 golden 1\n" BIG "end 1\n", "rome99 golden 1\n" CBIG "end 1\n", ROME99_IN_F32),
        1, "differs: no tensor can be compared");
    check_verdict(
        "something left",
        compare_texts("rome99 golden 1\n" BIG "end 1\n", "rome99 golden 1\n" CBIG "end 1\n", ROME99_IN_F64),
        0, "same: 1 tensor, class exact");
    check_verdict(
        "zero's sign in class f64",
        compare_texts(edited(edited(GOLDEN, "3fe0000000000000", "0000000000000000"), "1.0e-14", "0"),
                      edited(CANDIDATE, ".5", "-0"), -1),
        0, "same: 5 tensors, class f64");
    check_verdict("zero's sign in class exact",
                  compare_texts(edited(GOLDEN, "3fe0000000000000", "0000000000000000"),
                                edited(CANDIDATE, ".5", "-0"), ROME99_EXACT),
                  1, "differs: 1 of 5 tensors, first u");
}

/* a against b as b against a: the same verdict and errors, with got and expected exchanged. */
static void test_both_ways(void) {
    static const char *const other[] = {"3fe0000000000001", "bfe0000000000000", "3fe0000100000000",
                                        "0000000000000000", "7ff0000000000000", "7ff8000000000000",
                                        "3fe0000000000000", "4030000000000000"};
    size_t i, k;
    for (i = 0; i < sizeof other / sizeof *other; i++) {
        const char *b = edited(GOLDEN, "3fe0000000000000 # 0.5", other[i]);
        char lines[2][100];
        int codes[2];
        for (k = 0; k < 2; k++) {
            const char *line;
            codes[k] = compare_texts(k == 0 ? GOLDEN : b, k == 0 ? b : GOLDEN, -1);
            line = strstr(REPORT, " u      f64   ");
            CHECK(line != NULL, "%s", REPORT);
            sprintf(lines[k], "%.46s %s", line ? line : "", report.bytes ? strrchr(report.bytes, ':') : "");
        }
        check_verdict("a case and itself", compare_texts(b, b, -1), 0, "same: 5 tensors, class exact");
        if (strncmp(other[i], "7ff8", 4) == 0) continue; /* NaN, or not what was expected */
        CHECK(codes[0] == codes[1] && strcmp(lines[0], lines[1]) == 0, "%s: %s (%d) %s (%d)", other[i],
              lines[0], codes[0], lines[1], codes[1]);
    }
}

/* ---------------------------------------------------------------------------- mistakes */

static void test_mistakes(void) {
    static const char where[] =
        "\nWHERE THE TWO PART\n"
        "u is the first, in the order of the data flow, that differs: the error is\n"
        "6.7e-01, allowed are 1.0e-14; worst at 1,0 it is 2, not 0.5. Everything before it is right.\n"
        "It is what a known mistake gives (class exact), no_solve:\n"
        "    C used, not its inverse\n";
    const char *text;
    check_verdict("planted", compare_texts(GOLDEN, edited(CANDIDATE, ".5", "2"), -1), 1,
                  "differs: 1 of 5 tensors, first u");
    CHECK(says(where), "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, ".5", "2.0000000000000004"), -1);
    CHECK(says("gives (class f64), no_solve:\n"), "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, ".5", "2.0000001"), -1);
    CHECK(says("gives (class f32 only), no_solve:\n"), "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, ".5", "2.0000001"), ROME99_IN_F32);
    CHECK(says("gives (class f32 only), no_solve:\n"), "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, ".5", "2.001"), -1);
    CHECK(says("It is what none of\nthe known mistakes gives.") && !says("no_solve") && !says("norm"), "%s",
          REPORT);
    text = edited(edited(CANDIDATE, ".5", "2"), "2e0", "-2");
    compare_texts(GOLDEN, text, -1);
    CHECK(says("no_solve:\n    C used, not its inverse\nKnown mistakes further on: v (sign)\n"), "%s",
          REPORT);
    check_verdict("an unknown one first", compare_texts(GOLDEN, edited(text, "\n1\n", "\n7\n"), -1), 1,
                  "differs: 3 of 5 tensors, first k");
    CHECK(says("Nothing comes before it. It is what none of the known mistakes gives.\n"
               "Known mistakes further on: u (no_solve), v (sign)\n"),
          "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, CU, "tensor u f64 2 1\n2\n1\n"), -1);
    CHECK(says("gives (class exact), norm:\n    u not normalised\n"), "%s", REPORT);
    /* of two that fit, the nearer; a right tensor is no mistake, though one of the same value is known */
    text = edited(GOLDEN,
                  "tensor u!norm f64 2 1 role=wrong class=f64 tol64=1.0e-14 tol32=none\n4000000000000000 # "
                  "2\n3ff0000000000000 # 1",
                  "tensor u!norm f64 2 1 role=wrong class=f64 tol64=1.0e-14 "
                  "tol32=none\n3ff0000000000000\n4000000000000001");
    compare_texts(text, edited(CANDIDATE, ".5", "4000000000000001"), -1);
    CHECK(says("gives (class exact), norm:\n"), "%s", REPORT);
    compare_texts(text, edited(CANDIDATE, ".5", "2"), -1);
    CHECK(says("gives (class exact), no_solve:\n"), "%s", REPORT);
    compare_texts(text, edited(CANDIDATE, ".5", "4000000000000002"), -1);
    CHECK(says("gives (class f64), norm:\n"), "%s", REPORT);
    compare_texts(text, edited(CANDIDATE, ".5", "3fffffffffffffff"), -1);
    CHECK(says("gives (class f64), no_solve:\n"), "%s", REPORT);
    /* what float32 cannot be asked for is not found in class f32 */
    compare_texts(GOLDEN, edited(CANDIDATE, CU, "tensor u f64 2 1\n2\n1.5\n"), -1);
    CHECK(!says("mistake gives ("), "%s", REPORT);
    text = edited(GOLDEN, "c000000000000000 # -2", "4000000000000001");
    compare_texts(text, edited(edited(CANDIDATE, "2e0", "4000000000000001"), ".5", "3"), -1);
    CHECK(says("  v      f64   f64") && !says("further on"), "%s", REPORT);
    text = edited(GOLDEN, "c000000000000000 # -2", "4000000000000000 # 2");
    check_verdict("no mistake", compare_texts(text, CANDIDATE, -1), 0, "same: 5 tensors, class exact");
    CHECK(!says("mistake"), "%s", REPORT);
    /* float32 of the right value is none either, though float32 cannot tell it from a wrong one */
    text = edited(GOLDEN, "4000000000000000 # 2\ntensor u!norm", "3fe0000010000000\ntensor u!norm");
    compare_texts(text, edited(CANDIDATE, ".5", "0.50000001"), -1);
    CHECK(says("! u      f64   f32") && !says("mistake"), "%s", REPORT);
    compare_texts(GOLDEN, edited(CANDIDATE, CU, "tensor u f64 1 2\n.5\n1\n"), -1);
    CHECK(says("it is 1x2, not 2x1 (a vector is n x 1)."), "%s", REPORT);
    /* another shape than the expected one's */
    text = edited(GOLDEN, "v!sign f64 1 1", "v!sign f64 1 2");
    compare_texts(edited(text, "c000000000000000 # -2\n", "c000000000000000\n3ff0000000000000\n"),
                  edited(CANDIDATE, CV, "tensor v f64 1 2\n-2\n1\n"), -1);
    CHECK(says("it is 1x2, not\n1x1. Everything before it is right.\nIt is what a known mistake gives "
               "(class exact), sign:"),
          "%s", REPORT);
}

/* No line of more than 79 columns, whatever the numbers and names are. */
static void check_columns(void) {
    const char *line, *end;
    for (line = REPORT; (end = strchr(line, '\n')) != NULL; line = end + 1)
        CHECK(end - line <= 79, "%d columns in\n%s", (int)(end - line), REPORT);
}

static void test_columns(void) {
    static const char letters[] =
        "a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N";
#define LONG "u_with_a_name_that_is_far_too_long_for_this"
    compare_texts("rome99 golden 1\ntensor " LONG "!" LONG
                  " i64 1 1 role=wrong class=exact tol64=0 tol32=0\n2\n"
                  "tensor " LONG
                  " f64 1 2 role=expected class=f64 tol64=0 tol32=none\n800fffffffffffff\n0000000000000001\n"
                  "tensor " LONG "2 i64 1 1 role=expected class=exact tol64=0 tol32=0\n1\nend 3\n",
                  "rome99 golden 1\ntensor " LONG " f64 1 2\n-1.2345678912345e-222\n-1.2345678912345e-111\n"
                  "tensor " LONG "2 i64 1 1\n2\n"
                  "tensor a_very_long_name_1 i64 1 1\n1\ntensor a_very_long_name_2 i64 1 1\n1\n"
                  "tensor a_very_long_name_3 i64 1 1\n1\ntensor a_very_long_name_4 i64 1 1\n1\nend 6\n",
                  -1);
    check_columns();
    CHECK(says("u_with_a_name_that.. f64   apart") && says("and 2 more\n"), "%s", REPORT);
#undef LONG
    compare_texts(edited(GOLDEN, "C used, not its inverse", letters), edited(CANDIDATE, ".5", "2"), -1);
    check_columns();
    CHECK(says(" K L\n    M N\n"), "a line of 79 columns: %s", REPORT);
}

/* ---------------------------------------------------------------- safetensors and .npz */

static rome99_tensor tensor(const char *name, rome99_st_dtype dtype, const void *data, size_t rank, size_t a,
                            size_t b, size_t c) {
    rome99_tensor t = {0};
    size_t i;
    t.name = name;
    t.dtype = dtype;
    t.data = data;
    t.rank = rank;
    t.shape[0] = a;
    t.shape[1] = b;
    t.shape[2] = c;
    for (i = 0, t.count = 1; i < rank; i++) t.count *= t.shape[i];
    return t;
}

/* Heads of tensors of class exact. */
#define F64(name, shape) "tensor " name " f64 " shape " role=expected class=exact tol64=0 tol32=none\n"
#define I64(name, shape) "tensor " name " i64 " shape " role=expected class=exact tol64=0 tol32=0\n"

static void test_safetensors(void) {
    /* clang-format off */
    static const char golden[] =
        "rome99 golden 1\n"
        F64("a", "3 2") "3ff0000000000000\n4000000000000000\n4008000000000000\n"
                        "4010000000000000\n4014000000000000\n7ff8000000000000\n"
        F64("b", "2 1") "3fb99999a0000000\n8000000000000000\n"
        F64("c", "1 1") "3ff8000000000000\n"
        F64("d", "2 1") "7ff8000000000000\nfff0000000000000\n"
        I64("e", "1 2") "-5000000000\n3\n"
        I64("f", "2 1") "-7\n2147483647\n"
        I64("g", "2 1") "0\n255\n"
        I64("h", "2 1") "-128\n127\n"
        I64("i", "2 1") "-32768\n1\n"
        "end 9\n";
    /* clang-format on */
    const uint64_t nan_word = ((uint64_t)0xfff8 << 48) + 1; /* a NaN, but not ours */
    double a[] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
    static const float b[] = {0.1f, -0.0f};
    static const uint16_t c[] = {0x3fc0}, d[] = {0xfe01, 0xfc00}; /* a NaN */
    static const int64_t k[] = {-5000000000, 3};
    static const int32_t f[] = {-7, 2147483647};
    static const uint8_t g[] = {0, 255};
    static const int8_t h[] = {-128, 127};
    static const int16_t i16[] = {-32768, 1};
    rome99_tensor list[9];
    memcpy(&a[5], &nan_word, sizeof nan_word);
    list[0] = tensor("a", ROME99_ST_F64, a, 3, 1, 3, 2);
    list[1] = tensor("b", ROME99_ST_F32, b, 1, 2, 0, 0);
    list[2] = tensor("c", ROME99_ST_BF16, c, 0, 0, 0, 0);
    list[3] = tensor("d", ROME99_ST_F16, d, 2, 2, 1, 0);
    list[4] = tensor("e", ROME99_ST_I64, k, 2, 1, 2, 0);
    list[5] = tensor("f", ROME99_ST_I32, f, 1, 2, 0, 0);
    list[6] = tensor("g", ROME99_ST_U8, g, 1, 2, 0, 0);
    list[7] = tensor("h", ROME99_ST_I8, h, 1, 2, 0, 0);
    list[8] = tensor("i", ROME99_ST_I16, i16, 1, 2, 0, 0);
    put_file(golden_path, golden, sizeof golden - 1);
    CHECK(rome99_safetensors_write(candidate_path, list, 9, &e) == 0, "%s", e.text);
    check_verdict("safetensors", compare_files(-1), 0, "same: 9 tensors, class exact");
    CHECK(rome99_safetensors_write(candidate_path, list + 1, 8, &e) == 0, "%s", e.text);
    check_verdict("one missing", compare_files(-1), 1, "differs: 1 of 9 tensors, first a");
    put_file(candidate_path,
             "\x3c\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"C64\",\"shape\":[3,2],\"data_offsets\":[0,1]}}      x",
             69);
    check_verdict("an unknown dtype", compare_files(-1), 1, "differs: 9 of 9 tensors, first a");
    CHECK(says("! a      exact dtype\n") && says("its elements are\nof a type that cannot be read."), "%s",
          REPORT);
    put_file(candidate_path, "\x3c\0\0\0\0\0\0\0{\"a\":", 13);
    check_verdict("cut", compare_files(-1), 2, "ends after 5 of the 60 bytes of its header");
    put_file(candidate_path, "", 0);
    check_verdict("empty", compare_files(-1), 2, "is empty");
    remove(candidate_path);
    check_verdict("not there", compare_files(-1), 2, "cannot open");
}

/* A zip that is being made. */
static struct {
    unsigned char bytes[8192], directory[2048];
    size_t size, entries, used; /* used: of the directory */
} zip;

static void put_number(unsigned char *p, uint64_t x, int bytes) {
    for (; bytes > 0; bytes--, x >>= 8) *p++ = (unsigned char)(x & 0xff);
}

static void zip_begin(void) { memset(&zip, 0, sizeof zip); }

/* With a zip64 field in the local header, as numpy writes it. */
static void zip_add(const char *name, const void *data, size_t size) {
    const size_t length = strlen(name), at = zip.size;
    unsigned char *local = zip.bytes + at, *entry = zip.directory + zip.used;
    memcpy(local, "PK\3\4", 4);
    put_number(local + 18, 0xffffffff, 4);
    put_number(local + 22, 0xffffffff, 4);
    put_number(local + 26, length, 2);
    put_number(local + 28, 20, 2);
    memcpy(local + 30, name, length);
    put_number(local + 30 + length, 1, 2);
    put_number(local + 32 + length, 16, 2);
    put_number(local + 34 + length, size, 8);
    put_number(local + 42 + length, size, 8);
    memcpy(local + 50 + length, data, size);
    zip.size += 50 + length + size;
    memcpy(entry, "PK\1\2", 4);
    put_number(entry + 20, size, 4);
    put_number(entry + 24, size, 4);
    put_number(entry + 28, length, 2);
    put_number(entry + 42, at, 4);
    memcpy(entry + 46, name, length);
    zip.used += 46 + length;
    zip.entries++;
}

/* Appends directory, end record and comment, and writes the file. */
static void zip_end(const char *comment) {
    unsigned char *end = zip.bytes + zip.size + zip.used;
    memcpy(zip.bytes + zip.size, zip.directory, zip.used);
    memcpy(end, "PK\5\6", 4);
    put_number(end + 8, zip.entries, 2);
    put_number(end + 10, zip.entries, 2);
    put_number(end + 12, zip.used, 4);
    put_number(end + 16, zip.size, 4);
    put_number(end + 20, strlen(comment), 2);
    memcpy(end + 22, comment, strlen(comment));
    put_file(candidate_path, zip.bytes, zip.size + zip.used + 22 + strlen(comment));
}

/* Adds a .npy of n elements of `bytes` bytes, whose values or words are x. */
static void add_npy(const char *name, const char *descr, int fortran, const char *shape, const uint64_t *x,
                    size_t n, int bytes) {
    unsigned char npy[1024];
    char header[128];
    size_t i;
    const size_t length = (size_t)sprintf(header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n",
                                          descr, fortran ? "True" : "False", shape);
    memcpy(npy, "\x93NUMPY\1\0", 8);
    put_number(npy + 8, length, 2);
    memcpy(npy + 10, header, length);
    for (i = 0; i < n; i++) put_number(npy + 10 + length + i * (size_t)bytes, x[i], bytes);
    zip_add(name, npy, 10 + length + n * (size_t)bytes);
}

/* clang-format off */
static const char npz_golden[] =
    "rome99 golden 1\n"
    F64("a", "4 1") "3ff0000000000000\n4000000000000000\n4008000000000000\n4010000000000000\n"
    F64("b", "2 3") "3ff0000000000000\n4000000000000000\n4008000000000000\n"
                    "4010000000000000\n4014000000000000\n4018000000000000\n"
    F64("c", "1 1") "3ff8000000000000\n"
    I64("d", "2 1") "-5000000000\n3\n"
    I64("e", "4 1") "-7\n2147483647\n0\n1\n"
    "end 5\n";
/* clang-format on */

static void put_npz(void) {
    static const uint64_t doubles[] = {(uint64_t)0x3ff << 52, (uint64_t)0x400 << 52,  (uint64_t)0x4008 << 48,
                                       (uint64_t)0x401 << 52, (uint64_t)0x4014 << 48, (uint64_t)0x4018 << 48};
    static const uint64_t columns[] = {(uint64_t)0x3ff << 52,  (uint64_t)0x401 << 52,
                                       (uint64_t)0x400 << 52,  (uint64_t)0x4014 << 48,
                                       (uint64_t)0x4008 << 48, (uint64_t)0x4018 << 48};
    static const uint64_t number[] = {0x3fc00000}, d[] = {(uint64_t)-5000000000, 3};
    static const uint64_t k[] = {(uint64_t)-7, 2147483647, 0, 1};
    zip_begin();
    add_npy("e.npy", "<i4", 0, "(2, 2, 1)", k, 4, 4);
    add_npy("b.npy", "<f8", 1, "(2, 3)", columns, 6, 8);
    add_npy("a.npy", "<f8", 0, "(4,)", doubles, 4, 8);
    add_npy("c.npy", "<f4", 0, "()", number, 1, 4);
    add_npy("d.npy", "<i8", 0, "(2,)", d, 2, 8);
}

static void test_npz(void) {
    static const struct {
        const char *name, *descr, *shape, *want; /* what is added */
        size_t n;
        uint64_t x;
        int code;
    } added[] = {
        {"note.npy", "<U2", "()", "same: 5 tensors, class exact", 1, 0, 0},
        {"a.npy", "<f8", "(1,)", "array 'a' is there twice", 1, 0, 2},
        {"f.npy", "<i8", "(1,)", "member 'f': .npy: an integer of 2^53 or more", 1, (uint64_t)1 << 53, 2},
        {"f.npy", "<u8", "(1,)", "member 'f': .npy: an integer of 2^53 or more", 1, (uint64_t)-1, 2},
        {"f.npy", "<i8", "(1,)", "member 'f': .npy: an integer of 2^53 or more", 1, (uint64_t)0x801 << 52, 2},
        {"f.npy", "<i8", "(1,)", "same: 5 tensors, class exact", 1, ((uint64_t)1 << 53) - 1, 0},
        {"f.npy", "<i8", "(2,)", "member 'f': .npy: 8 bytes of elements, not 2 x 1 x 8", 1, 0, 2},
        {"f.npy", "<i8", "(1,1,1,1,1,1,1,1,1)", "\"shape\" has more than 8 numbers", 1, 0, 2},
        {"f.npy", "<i8", "(65536, 65536, 65536, 65536)", "no size or too large a shape", 0, 0, 2},
        {"f.txt", "<i8", "(1,)", "member 'f.txt': no .npy file", 1, 0, 2},
        {"npy", "<i8", "(1,)", "member 'npy': no .npy file", 1, 0, 2},
        {".npy", "<i8", "(1,)", "same: 5 tensors, class exact", 1, 0, 0},
    };
    size_t i;
    put_file(golden_path, npz_golden, sizeof npz_golden - 1);
    put_npz();
    zip_end("");
    check_verdict("npz", compare_files(-1), 0, "same: 5 tensors, class exact");
    zip_end("PK\5\6: an end record in a comment, but no end");
    check_verdict("with a comment", compare_files(-1), 0, "same: 5 tensors, class exact");
    for (i = 0; i < sizeof added / sizeof *added; i++) {
        put_npz();
        add_npy(added[i].name, added[i].descr, 0, added[i].shape, &added[i].x, added[i].n, 8);
        zip_end("");
        check_verdict(added[i].shape, compare_files(-1), added[i].code, added[i].want);
        if (i == 0) CHECK(says("not in the case: note\n"), "%s", REPORT);
    }
}

/* The types and layouts that other programs may give. */
static void test_npz_types(void) {
    /* clang-format off */
    static const char golden[] =
        "rome99 golden 1\n"
        I64("c", "4 2") "0\n1\n2\n3\n4\n5\n6\n7\n"
        F64("h", "1 2") "3ff8000000000000\nc000000000000000\n"
        I64("i", "2 1") "-2\n1\n"
        I64("n", "2 1") "0\n-56\n"
        I64("t", "2 1") "0\n1\n"
        I64("u", "2 1") "0\n200\n"
        "end 6\n";
    /* clang-format on */
    static const uint64_t cube[] = {0, 4, 2, 6, 1, 5, 3, 7}, half[] = {0x3e00, 0xc000},
                          big[] = {0xfeff, 0x0100};
    static const uint64_t bytes[] = {0, 200}, truth[] = {0, 1};
    put_file(golden_path, golden, sizeof golden - 1);
    zip_begin();
    add_npy("c.npy", "<i8", 1, "(2, 2, 2)", cube, 8, 8);
    add_npy("h.npy", "<f2", 0, "(1, 2)", half, 2, 2);
    add_npy("i.npy", ">i2", 0, "(2,)", big, 2, 2);
    add_npy("n.npy", "|i1", 0, "(2,)", bytes, 2, 1);
    add_npy("t.npy", "|b1", 0, "(2,)", truth, 2, 1);
    add_npy("u.npy", "|u1", 0, "(2,)", bytes, 2, 1);
    zip_end("");
    check_verdict("types", compare_files(-1), 0, "same: 6 tensors, class exact");
}

static void test_npz_damaged(void) {
    enum {
        LOCAL,
        ENTRY,
        END,
        CUT = 1000000,
        LONG
    }; /* CUT: less than a header before the end of the file;
                                                      * LONG: two sizes, a byte beyond it */
    static const struct {
        int record;
        size_t at;
        uint64_t value;
        int bytes;
        const char *want;
    } cases[] = {
        {ENTRY, 10, 8, 2, "member 'a.npy': compressed: write it with numpy.savez"},
        {ENTRY, 8, 1, 2, "member 'a.npy': encrypted"},
        {ENTRY, 20, ((uint64_t)1 << 56) + ((uint64_t)1 << 24), 8, "member 'a.npy': not of the size that the"},
        {ENTRY, 20, 1, 4, "member 'a.npy': not of the size that the directory says"},
        {ENTRY, 42, 1, 4, "member 'a.npy': not where the directory says"},
        {ENTRY, 42, 0xffffffff, 4, "member 'a.npy': not where the directory says"},
        {ENTRY, 42, CUT, 4, "member 'a.npy': not where the directory says"},
        {ENTRY, 20, LONG, 8, "member 'a.npy': not of the size that the directory says"},
        {ENTRY, 0, 0, 1, "the zip's directory is damaged at entry 3"},
        {ENTRY, 28, 0xffff, 2, "the zip's directory is damaged at entry 3"},
        {ENTRY, 32, 2 * 51 - 1, 2, "the zip's directory is damaged at entry 4"},
        {ENTRY, 47, 0, 1, "member 'a': no .npy file"},
        {LOCAL, 0, 0, 1, "member 'a.npy': not where the directory says"},
        {LOCAL, 28, 0xffff, 2, "member 'a.npy': not of the size that the directory says"},
        {END, 10, 0xffff, 2, "the zip's directory is not where its end record says"},
        {END, 10, 6, 2, "the zip's directory is"},
        {END, 12, 0xffffffff, 4, "the zip's directory is not where its end record says"},
        {END, 12, 200, 4, "the zip's directory is"},
        {END, 16, 0xffffffff, 4, "the zip's directory is not where its end record says"},
        {END, 16, 0, 4, "the zip's directory is damaged at entry 1"},
        {END, 0, 0, 1, "no zip file, or one cut short: it has no end record"},
    };
    const size_t entry = 2 * (46 + 5); /* the third one's: "a" */
    size_t i, whole;
    uint64_t value;
    put_file(golden_path, npz_golden, sizeof npz_golden - 1);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *p;
        put_npz();
        zip_end("");
        p = zip.bytes + zip.size + entry;
        if (cases[i].record == LOCAL) p = zip.bytes + (p[42] | p[43] << 8);
        if (cases[i].record == END) p = zip.bytes + zip.size + zip.used;
        whole = zip.size + zip.used + 22;
        value = cases[i].value == CUT ? whole - 29 : cases[i].value;
        if (value == LONG) {
            value = whole - (size_t)(p[42] | p[43] << 8) - 55 + 1;
            value |= value << 32;
        }
        put_number(p + cases[i].at, value, cases[i].bytes);
        put_file(candidate_path, zip.bytes, whole);
        check_verdict(cases[i].want, compare_files(-1), 2, cases[i].want);
    }
    put_npz();
    zip_end("");
    whole = zip.size + zip.used + 22;
    for (i = 0; i < whole; i++) {
        rome99_golden c;
        put_file(candidate_path, zip.bytes, i);
        CHECK(rome99_candidate_read(&c, candidate_path, &e) != 0, "%zu of %zu bytes accepted", i, whole);
    }
}

/* An end record is sought as far from the end as a comment can reach; and a file that is not there. */
static void test_npz_end(void) {
    static unsigned char bytes[70000];
    size_t i;
    for (i = 0; i < 2; i++) {
        const size_t end = sizeof bytes - 22 - 65535 - i;
        rome99_npz z;
        int failed;
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes + end, "PK\5\6", 4);
        put_number(bytes + end + 20, 65535, 2);
        put_file(candidate_path, bytes, sizeof bytes);
        failed = rome99_npz_read(&z, candidate_path, &e);
        CHECK(failed == (i == 0 ? 0 : -1), "a comment of 65535 bytes, %zu more behind: %s", i,
              failed ? e.text : "accepted");
        CHECK(!failed || strstr(e.text, ": no zip file, or one cut short: it has no end record"), "got '%s'",
              e.text);
        if (!failed) rome99_npz_free(&z);
        remove(candidate_path);
        CHECK(rome99_npz_read(&z, candidate_path, &e) == -1 && strstr(e.text, "cannot open"), "got '%s'",
              e.text);
    }
}

/* Many members that are the same bytes may not take many times the file. */
static void test_npz_overlap(void) {
    static const uint64_t x[64] = {0};
    size_t i;
    zip_begin();
    add_npy("a.npy", "<f8", 0, "(64,)", x, 64, 8);
    for (i = 1; i < 20; i++) {
        memcpy(zip.directory + zip.used, zip.directory, 51);
        zip.directory[zip.used + 46] = (unsigned char)('a' + i);
        zip.used += 51;
        zip.entries++;
    }
    zip_end("");
    check_verdict("overlap", compare_files(-1), 2, "not of the size that the directory says");
}

/* ------------------------------------------------------------------------------ hostile */

static void test_hostile(void) {
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"tensor a f64 4294967296 4294967296", ""},
        {"tensor a f64 65536 65536", "tensor 'a' has 65536 x 65536 values"},
        {"tensor a f64 18446744073709551615 18446744073709551615", ""},
        {"tensor a f64 3 1", "tensor 'a' has 3 x 1 values, but there are only 2 more lines"},
        {"tensor a f64 2 1", "'end' in the place of value 2 of the 2"},
        {"tensor", ":2: expected 'KEY = VALUE'"},
        {"tensor ", ":2: expected 'tensor NAME"},
        {"tensor  f64 1 1 role=", ":2: expected 'tensor NAME"},
        {"text a \"\\u0000", "text 'a':1:1: a string without end"},
        {"text a [\"a\"]", "text 'a' is no JSON string"},
        {"=", ":2: expected"},
        {" = ", ":2: a name is missing"},
        {"end 18446744073709551616", "but there are 0 tensors"},
        {"end -0", "but there are 0 tensors"},
    };
    char *long_line = malloc(3000000), *p;
    rome99_golden c;
    size_t i, n;
    if (!long_line) exit(2);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        sprintf(text, "rome99 golden 1\n%s\n1\nend 1\n", cases[i].line);
        put_file(candidate_path, text, strlen(text));
        CHECK(rome99_candidate_read(&c, candidate_path, &e) != 0 && strstr(e.text, cases[i].want) != NULL,
              "%s: '%s'", cases[i].line, e.text);
    }
    /* lines: 8191 bytes with their end, and no more; a NUL */
    for (n = 8191; n <= 8192; n++) {
        int failed;
        p = long_line + sprintf(long_line, "rome99 golden 1\na = ");
        memset(p, 'x', n - 5);
        strcpy(p + n - 5, "\nend 0\n");
        put_file(candidate_path, long_line, strlen(long_line));
        failed = rome99_candidate_read(&c, candidate_path, &e) != 0;
        CHECK(failed == (n == 8192), "a line of %zu bytes: %s", n, failed ? e.text : "accepted");
        if (failed)
            CHECK(strstr(e.text, ":2: a line of more than 8191 bytes") != NULL, "%s", e.text);
        else
            rome99_golden_free(&c);
    }
    put_file(candidate_path, "rome99 golden 1\na = \0\nend 0\n", 28);
    CHECK(rome99_candidate_read(&c, candidate_path, &e) != 0 && strstr(e.text, ":2: a NUL byte"), "%s",
          e.text);
    /* 60,000 names, the first one again: n log n */
    p = long_line + sprintf(long_line, "rome99 golden 1\n");
    for (i = 0; i < 60000; i++) p += sprintf(p, "tensor t%zu f64 1 1\n1\n", i);
    sprintf(p, "tensor t0 f64 1 1\n1\nend 60001\n");
    put_file(candidate_path, long_line, strlen(long_line));
    CHECK(rome99_candidate_read(&c, candidate_path, &e) != 0 &&
              strstr(e.text, ":120002: tensor 't0' is there twice"),
          "%s", e.text);
    sprintf(p, "end 60000\n");
    put_file(candidate_path, long_line, strlen(long_line));
    put_file(golden_path, GOLDEN, sizeof GOLDEN - 1);
    check_verdict("60,000 tensors", compare_files(-1), 1, "differs: 5 of 5 tensors, first k");
    free(long_line);
}

/* Files with damaged bytes: each is read or refused; with what is read, a verdict is given. */
static void test_damaged(void) {
    static const char letters[] = "0123456789abcdef \n\r=!#\"\\.-+entx";
    unsigned char bytes[8192];
    size_t whole, i, j, refused[2] = {0, 0};
    put_npz();
    zip_end("");
    whole = zip.size + zip.used + 22;
    put_file(golden_path, GOLDEN, sizeof GOLDEN - 1);
    for (i = 0; i < 2000; i++) {
        const int npz = i % 2 == 0;
        const size_t size = npz ? whole : sizeof CANDIDATE - 1;
        memcpy(bytes, npz ? (const void *)zip.bytes : (const void *)CANDIDATE, size);
        for (j = random_bits() % 3 + 1; j-- > 0;) {
            const size_t at = random_bits() % size;
            bytes[at] = npz ? (unsigned char)random_bits()
                            : (unsigned char)letters[random_bits() % (sizeof letters - 1)];
        }
        put_file(candidate_path, bytes, size);
        refused[npz] += compare_files(-1) == 2;
    }
    CHECK(refused[0] > 300 && refused[0] < 1000, "%zu of 1000 damaged texts refused", refused[0]);
    CHECK(refused[1] > 300 && refused[1] < 1000, "%zu of 1000 damaged .npz refused", refused[1]);
}

int main(int argc, char **argv) {
    char *own = rome99_path(argc > 1 ? argv[1] : "build/tmp", "compare"), *dir = NULL;
    const int made = own && rome99_dir_begin(&dir, own, &e) == 0;
    const char *in = made ? dir : argc > 1 ? argv[1] : "build/tmp";
    snprintf(golden_path, sizeof golden_path, "%s/golden.txt", in);
    snprintf(candidate_path, sizeof candidate_path, "%s/candidate", in);
    test_write();
    test_write_large();
    test_tolerances();
    test_refuses();
    test_cut();
    test_numbers();
    test_verdicts();
    test_inputs();
    test_classes();
    test_both_ways();
    test_mistakes();
    test_columns();
    test_safetensors();
    test_npz();
    test_npz_types();
    test_npz_damaged();
    test_npz_end();
    test_npz_overlap();
    test_hostile();
    test_damaged();
    rome99_text_free(&report);
    remove(golden_path);
    remove(candidate_path);
    if (made) rome99_dir_abandon(dir);
    free(own);
    return test_end();
}
