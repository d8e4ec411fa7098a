/* test_results.c: sets of result files, and statistics. Writes only below the directory argv[1]
 * ("build/tmp"). */
#include "core/rome99.h"
#include "study/report/results.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { FILES = 3, LONG = 4096 };

static rome99_error e;
static rome99_results results;
static char path[FILES][1024]; /* "DIR/a", "DIR/b", "DIR/c" */
static size_t prefix;          /* bytes of "DIR/" */

static void put_bytes(int file, const void *bytes, size_t size) {
    FILE *f = fopen(path[file], "wb");
    CHECK(f && fwrite(bytes, 1, size, f) == size, "%s: cannot be written", path[file]);
    if (f) fclose(f);
}
static void put(int file, const char *text) { put_bytes(file, text, strlen(text)); }

static int read_files(size_t n) {
    const char *paths[FILES];
    size_t i;
    for (i = 0; i < n; i++) paths[i] = path[i];
    return rome99_results_read(&results, paths, n, &e);
}

/* A text without "DIR/". */
static const char *bare(const char *text) {
    static char out[LONG];
    size_t n = 0;
    while (*text && n + 1 < sizeof out)
        if (strncmp(text, path[0], prefix) == 0)
            text += prefix;
        else
            out[n++] = *text++;
    out[n] = '\0';
    return out;
}

/* expected: the whole message, or BEGIN*PART. */
static int is_like(const char *text, const char *expected) {
    const char *star = strchr(expected, '*');
    if (!star) return strcmp(text, expected) == 0;
    return strncmp(text, expected, (size_t)(star - expected)) == 0 && strstr(text, star + 1) != NULL;
}

static void refuses(size_t n, const char *expected) {
    e.text[0] = '\0';
    CHECK(read_files(n) == -1, "must be refused: %s", expected);
    CHECK(is_like(bare(e.text), expected), "got '%s', expected '%s'", bare(e.text), expected);
    CHECK(!results.line && !results.run && !results.remarks.bytes && !results.n, "something is left");
}

/* Reads n files, which must give so many lines and these remarks. */
static void gives(size_t n, size_t lines, const char *remarks) {
    const int failed = read_files(n);
    CHECK(!failed, "%s", e.text);
    if (failed) return;
    CHECK(results.n == lines, "%lu lines, expected %lu", (unsigned long)results.n, (unsigned long)lines);
    CHECK(!strcmp(bare(results.remarks.bytes), remarks), "got '%s', expected '%s'",
          bare(results.remarks.bytes), remarks);
    rome99_results_free(&results);
}

/* Appends a line without its newline; `rest` is what follows "kind". */
static void add(rome99_text *t, const char *experiment, const char *name, unsigned long line,
                unsigned long lines, const char *rest) {
    rome99_text_printf(t,
                       "{\"rome99\": \"" ROME99_VERSION "\", \"experiment\": \"%s\", \"name\": \"%s\", "
                       "\"model\": \"abc\", \"inputs\": \"def\", \"seed\": 1, \"line\": %lu, \"lines\": %lu, "
                       "\"kind\": \"edit\"%s}",
                       experiment, name, line, lines, rest);
}

/* A line of a run of two, with `from` replaced by `to`, and its newline. */
static const char *altered(unsigned long number, const char *from, const char *to) {
    static char out[4][LONG]; /* good for three more calls */
    static int turn;
    rome99_text t = {0};
    const char *at;
    turn = (turn + 1) % 4;
    add(&t, "core", "sink", number, 2, ", \"x\": 1.5, \"list\": [1, {\"y\": null}], \"ok\": true");
    at = strstr(t.bytes, from);
    CHECK(at != NULL, "no %s in a line", from);
    if (at) snprintf(out[turn], LONG, "%.*s%s%s\n", (int)(at - t.bytes), t.bytes, to, at + strlen(from));
    rome99_text_free(&t);
    return out[turn];
}
static const char *line(unsigned long number) { return altered(number, "", ""); }

static void put2(int file, const char *first, const char *second) {
    char both[2 * LONG];
    snprintf(both, sizeof both, "%s%s", first, second);
    put(file, both);
}

static uint32_t random_below(uint32_t n) {
    static rome99_rng rng = {1};
    return (uint32_t)(rome99_rng_next(&rng) >> 32) % n;
}

/* --------------------------------------------------------------------------------- sets */

/* In the order that is expected of the set. */
static const struct {
    const char *experiment, *name;
    unsigned long lines;
} runs[] = {{"core", "Z", 12},    {"core", "a", 3},      {"core", "a2", 1}, {"dose", "a", 40},
            {"controls", "a", 1}, {"sequential", "", 2}, {"twin", "b", 5},  {"twin", "\xC3\xA9", 1}};
enum { RUNS = sizeof runs / sizeof *runs, ALL = 65 };

/* Lines in random order over three files, some in several places, with and without carriage returns. */
static void shuffle(void) {
    rome99_text made[ALL] = {{0}}, file[FILES] = {{0}};
    size_t i, r, n = 0;
    for (r = 0; r < RUNS; r++)
        for (i = 0; i < runs[r].lines; i++, n++)
            add(&made[n], runs[r].experiment, runs[r].name, i, runs[r].lines, "");
    for (i = 0; i < ALL + 20; i++) {
        const size_t j = i < ALL ? i + random_below((uint32_t)(ALL - i)) : random_below(ALL);
        rome99_text *to = &file[random_below(FILES)], chosen = made[j];
        if (i < ALL) made[j] = made[i], made[i] = chosen;
        rome99_text_puts(to, chosen.bytes);
        rome99_text_puts(to, random_below(2) ? "\n" : " \r\n");
    }
    for (i = 0; i < FILES; i++) put_bytes((int)i, file[i].bytes, file[i].size), rome99_text_free(&file[i]);
    for (i = 0; i < ALL; i++) rome99_text_free(&made[i]);
}

static void check_run(size_t r, size_t first) {
    const rome99_lines of = rome99_results_of(&results, runs[r].experiment, runs[r].name);
    size_t i, bad = 0;
    CHECK(of.n == runs[r].lines && of.line == results.line + first, "%s of %s: %lu lines from %ld",
          runs[r].experiment, runs[r].name, (unsigned long)of.n, (long)(of.line - results.line));
    for (i = 0; i < of.n; i++)
        bad += strcmp(of.line[i].header.experiment, runs[r].experiment) != 0 ||
               strcmp(of.line[i].header.name, runs[r].name) != 0 || of.line[i].header.line != i;
    CHECK(!bad, "%s of %s: %lu wrong lines", runs[r].experiment, runs[r].name, (unsigned long)bad);
}

static void test_order(void) {
    size_t trial, r, first, i;
    for (trial = 0; trial < 20; trial++) {
        rome99_lines of;
        shuffle();
        CHECK(!read_files(FILES), "%s", e.text);
        CHECK(results.n == ALL && results.runs == RUNS, "%lu lines, %lu runs", (unsigned long)results.n,
              (unsigned long)results.runs);
        CHECK(results.remarks.bytes && !results.remarks.size, "remarks: %s", results.remarks.bytes);
        for (r = first = 0; r < RUNS; first += runs[r++].lines) check_run(r, first);
        of = rome99_results_of(&results, "core", NULL);
        CHECK(of.n == 16 && of.line == results.line, "core: %lu lines", (unsigned long)of.n);
        of = rome99_results_of(&results, "twin", NULL);
        CHECK(of.n == 6 && of.line == results.line + 59, "twin: %lu lines", (unsigned long)of.n);
        rome99_results_free(&results);
    }
    shuffle();
    CHECK(!read_files(FILES), "%s", e.text);
    for (i = 0; i < 4; i++) {
        const char *got = rome99_results_name(&results, "core", i);
        CHECK(i < 3 ? got && !strcmp(got, runs[i].name) : !got, "core, name %lu: %s", (unsigned long)i,
              got ? got : "none");
    }
    CHECK(!rome99_results_name(&results, "no such", 0) && !rome99_results_of(&results, "no such", NULL).n,
          "there is no such experiment");
    CHECK(!rome99_results_of(&results, "core", "a1").n && !rome99_results_of(&results, "core", "b").n &&
              !rome99_results_of(&results, "twin", "\xC3\xAA").n,
          "there are no such names");
    rome99_results_free(&results);
}

static void test_small(void) {
    CHECK(!rome99_results_read(&results, NULL, 0, &e) && !results.n && results.remarks.bytes &&
              !rome99_results_of(&results, "core", NULL).n && !rome99_results_name(&results, "core", 0),
          "a set of no files");
    rome99_results_free(&results);
    put2(0, line(0), line(1));
    put2(1, line(1), line(0));
    gives(2, 2, "");
    put2(0, line(0), "");
    put2(1, altered(1, "{\"rome99\"", " { \"rome99\""), altered(1, "1.5", "15e-1"));
    gives(2, 2, ""); /* as texts they differ, as values they do not */
    put2(1, line(1), "");
    strcpy(path[2], path[0]);
    gives(3, 2, ""); /* one file twice */
    path[2][prefix] = 'c';
}

static void test_remarks(void) {
    char cut[LONG];
    put2(0, line(0), "");
    gives(1, 0, "core of sink: 1 of 2 lines are there: left out\n");
    put2(0, line(0), line(0));
    gives(1, 0, "core of sink: 1 of 2 lines are there: left out\n");
    put2(0, line(0), line(1));
    put(1, "");
    gives(2, 2, "b: is empty\n");
    put(1, line(1));
    strcpy(cut, line(1));
    cut[strlen(cut) - 1] = '\0'; /* all there but the newline: no one knows */
    put2(0, line(0), cut);
    gives(1, 0, "a: line 2 is cut off: left out\ncore of sink: 1 of 2 lines are there: left out\n");
    gives(2, 2, "a: line 2 is cut off: left out\n");
    put2(0, line(0), "{\"ro");
    gives(2, 2, "a: line 2 is cut off: left out\n");
    put(0, " ");
    gives(1, 0, "a: line 1 is cut off: left out\n");
    put2(0, altered(0, "sink", "a\\u007Fb"), altered(0, "\"core\"", "\"twin\""));
    gives(1, 0,
          "core of a?b: 1 of 2 lines are there: left out\ntwin of sink: 1 of 2 lines are there: left out\n");
    put2(0, altered(0, "\"core\"", "\"dose\""), altered(1, "\"core\"", "\"dose\""));
    put2(1, altered(1, "sink", "plain"), altered(0, "\"core\"", "\"twin\""));
    CHECK(!read_files(2) && results.n == 2 && rome99_results_of(&results, "dose", "sink").n == 2 &&
              rome99_results_of(&results, "dose", "sink").line == results.line &&
              !rome99_results_of(&results, "core", NULL).n && !rome99_results_of(&results, "twin", NULL).n,
          "a complete run between two that are not: %lu lines", (unsigned long)results.n);
    rome99_results_free(&results);
}

/* Two lines that cannot both be true: whichever file comes first, both places are named. */
static void test_disagreements(void) {
    static const struct {
        const char *from, *to, *what;
    } header[] = {{"abc", "abd", "another model"},
                  {"def", "", "other inputs"},
                  {"\"seed\": 1", "\"seed\": 4294967295", "another seed"},
                  {"\"lines\": 2", "\"lines\": 3", "another number of lines"}},
      contents[] = {{"1.5", "1.5000000000000002", "x"},
                    {"1.5", "\"1.5\"", "x"},
                    {"1.5", "1e999", "x"},
                    {"\"edit\"", "\"edi\"", "kind"},
                    {"null", "true", "list"},
                    {"\"y\"", "\"Y\"", "list"},
                    {"[1, ", "[", "list"},
                    {"\"x\"", "\"z\"", "list of members"},
                    {"true", "false", "ok"},
                    {"true", "true, \"more\": 1", "list of members"}};
    const char *backwards[2];
    char expected[512];
    size_t i;
    for (i = 0; i < sizeof header / sizeof *header; i++) {
        put2(0, line(0), line(1));
        put(1, altered(0, header[i].from, header[i].to));
        sprintf(expected, "b: line 1: core of sink: %s than a: line 1", header[i].what);
        refuses(2, expected);
        backwards[0] = path[1];
        backwards[1] = path[0];
        CHECK(rome99_results_read(&results, backwards, 2, &e) == -1 && !strcmp(bare(e.text), expected),
              "files the other way round: got '%s', expected '%s'", bare(e.text), expected);
        put2(0, line(0), altered(1, header[i].from, header[i].to));
        sprintf(expected, "a: line 2: core of sink: %s than a: line 1", header[i].what);
        refuses(1, expected);
    }
    for (i = 0; i < sizeof contents / sizeof *contents; i++) {
        const char *other = altered(1, contents[i].from, contents[i].to);
        put(0, other);
        put2(1, line(0), line(1));
        sprintf(expected, "b: line 2: line 1 of core of sink: another %s than a: line 1", contents[i].what);
        refuses(2, expected);
        put2(0, line(1), other);
        sprintf(expected, "a: line 2: line 1 of core of sink: another %s than a: line 1", contents[i].what);
        refuses(1, expected);
    }
    put2(0, line(0), altered(1, "sink", "Sink"));
    put(1, altered(0, "core", "dose"));
    gives(2, 0,
          "core of Sink: 1 of 2 lines are there: left out\ncore of sink: 1 of 2 lines are there: left out\n"
          "dose of sink: 1 of 2 lines are there: left out\n");
}

static void test_refuses(void) {
    static const struct {
        const char *from, *to, *expected;
    } cases[] = {{ROME99_VERSION, "0.0.9", "a:2:*made by rome99 0.0.9"},
                 {"core", "course", "a: line 2: unknown experiment \"course\""},
                 {"core", "", "a: line 2: unknown experiment \"\""},
                 {"\"line\": 1", "\"line\": 2", "a:2:*whole number from 0 to 1"},
                 {"\"line\": 1, \"lines\": 2", "\"line\": 0, \"lines\": 0",
                  "a: line 2: \"line\" must be less than \"lines\""},
                 {"\"lines\": 2", "\"lines\": -2", "a:2:*whole number"},
                 {"\"lines\": 2", "\"lines\": 99999999", "a:2:*whole number"},
                 {"\"seed\": 1, ", "", "a:2:*\"seed\" is missing"},
                 {"\"seed\": 1", "\"seed\": 1, \"seed\": 1", "a:2:*\"seed\" is there twice"},
                 {"\"seed\": 1", "\"seed\": 4294967296", "a:2:*whole number"},
                 {"\"abc\"", "null", "a:2:*\"model\" must be a string"},
                 {"sink", "si\\u0000nk", "a:2:*name has a NUL"},
                 {"sink", "a|b", "a:2:*no name of a model's folder"},
                 {"sink", "a\\nb", "a:2:*no name of a model's folder"},
                 {"sink", "1234567890123456789012345678901234567890123456789012345678901234",
                  "a: line 2: \"name\" has more than 63 bytes"},
                 {"\"x\"", "x", "a:2:*expected"},
                 {"null", "null}", "a:2:*expected"},
                 {"sink", "si\xFFnk", "a:2:*UTF-8"}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        put2(0, line(0), altered(1, cases[i].from, cases[i].to));
        refuses(1, cases[i].expected);
        put(0, line(0));
        put2(1, line(1), altered(1, cases[i].from, cases[i].to)); /* another file has the good line */
        CHECK(read_files(2) == -1 &&
                  (strncmp(bare(e.text), "b:2:", 4) == 0 || strncmp(bare(e.text), "b: line 2:", 10) == 0),
              "got '%s'", e.text);
    }
    put2(0, line(0), "\n");
    refuses(1, "a: line 2: is blank");
    put2(0, " \t\r\n", line(0));
    refuses(1, "a: line 1: is blank");
    put2(0, line(0), "[]\n");
    refuses(1, "a:2:*not an object");
    put_bytes(0, "\0\n", 2);
    refuses(1, "a:1:*expected");
    remove(path[0]);
    refuses(1, "a*cannot open");
}

/* Many runs of one line: as quick as they are many. */
static void test_many(void) {
    enum { N = 20000 };
    rome99_text t = {0};
    size_t i, bad = 0;
    for (i = 0; i < N; i++) {
        char name[16];
        sprintf(name, "%05lu", (unsigned long)(i * 7919 % N));
        add(&t, "dose", name, 0, 1, "");
        rome99_text_puts(&t, "\n");
    }
    put_bytes(0, t.bytes, t.size);
    CHECK(!read_files(1), "%s", e.text);
    CHECK(results.n == N && results.runs == N, "%lu lines", (unsigned long)results.n);
    for (i = 0; i < results.n; i++) {
        const char *name = rome99_results_name(&results, "dose", i);
        bad += !name || strtoul(name, NULL, 10) != i || rome99_results_of(&results, "dose", name).n != 1;
    }
    CHECK(!bad, "%lu names of %d are wrong", (unsigned long)bad, N);
    rome99_results_free(&results);
    rome99_text_free(&t);
}

/* ------------------------------------------------------------------------------ members */

static double number(const char *member) { return rome99_result_number(results.line, member, &e); }

static void test_number(void) {
    CHECK(number("x") == -2.5 && number("yes") == 1.0 && number("no") == 0.0, "numbers");
    CHECK(number("up") == HUGE_VAL && number("down") == -HUGE_VAL, "infinities");
    CHECK(isnan(number("nothing")), "null: %g", number("nothing"));
    CHECK(!strcmp(rome99_result_string(results.line, "s", &e), "t\xC3\xA9xt"), "a string");
    CHECK(!e.text[0], "got '%s'", e.text);
}

static void test_numbers(void) {
    size_t n = 9;
    double *x = rome99_result_numbers(&n, results.line, "list", &e);
    CHECK(x && n == 5 && x[0] == 1.0 && x[1] == HUGE_VAL && isnan(x[2]) && x[3] == 1.0 && x[4] == -2.5,
          "an array of %lu", (unsigned long)n);
    free(x);
    x = rome99_result_numbers(&n, results.line, "empty", &e);
    CHECK(x && n == 0, "an empty array");
    free(x);
    CHECK(!e.text[0], "got '%s'", e.text);
}

static void test_malformed(void) {
    enum { NUMBER, STRING, NUMBERS };
    static const struct {
        int kind;
        const char *member, *expected;
    } cases[] = {{NUMBER, "absent", "is missing"},        {NUMBER, "twice", "is there twice"},
                 {NUMBER, "s", "must be a number"},       {NUMBER, "list", "must be a number"},
                 {NUMBER, "nul", "must be a number"},     {NUMBER, "huge", "is too large a number"},
                 {STRING, "absent", "is missing"},        {STRING, "x", "must be a string"},
                 {STRING, "nothing", "must be a string"}, {STRING, "nul", "has a NUL"},
                 {NUMBERS, "absent", "is missing"},       {NUMBERS, "x", "must be an array"},
                 {NUMBERS, "mixed", "must be a number"}};
    char expected[100];
    size_t i, n;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        n = 9;
        e.text[0] = '\0';
        if (cases[i].kind == NUMBER) CHECK(isnan(number(cases[i].member)), "%s: NaN", cases[i].member);
        if (cases[i].kind == STRING)
            CHECK(!*rome99_result_string(results.line, cases[i].member, &e), "%s: \"\"", cases[i].member);
        if (cases[i].kind == NUMBERS)
            CHECK(!rome99_result_numbers(&n, results.line, cases[i].member, &e) && !n, "%s: NULL",
                  cases[i].member);
        sprintf(expected, "a: line 1: \"%s\" %s", cases[i].member, cases[i].expected);
        CHECK(!strcmp(bare(e.text), expected), "got '%s', expected '%s'", bare(e.text), expected);
    }
    e.text[0] = '\0';
    number("first");
    number("second");
    CHECK(strstr(e.text, "\"first\" is missing") != NULL, "the first failure is kept: got '%s'", e.text);
    CHECK(number("x") == -2.5 && strstr(e.text, "\"first\"") != NULL, "and lasts");
}

static void test_members(void) {
    rome99_text t = {0};
    add(&t, "core", "sink", 0, 1,
        ", \"x\": -2.5, \"yes\": true, \"no\": false, \"up\": \"inf\", \"down\": \"-inf\", \"nothing\": "
        "null, "
        "\"s\": \"t\\u00e9xt\", \"list\": [1, \"inf\", null, true, -2.5], \"empty\": [], \"twice\": 1, "
        "\"twice\": 1, "
        "\"nul\": \"inf\\u0000\", \"huge\": 1e999, \"mixed\": [1, \"infinity\"]");
    rome99_text_puts(&t, "\n");
    put_bytes(0, t.bytes, t.size);
    rome99_text_free(&t);
    CHECK(!read_files(1) && results.n == 1, "%s", e.text);
    if (results.n != 1) return;
    e.text[0] = '\0';
    test_number();
    test_numbers();
    test_malformed();
    rome99_results_free(&results);
}

/* --------------------------------------------------------------------------- statistics */

static const double inf = HUGE_VAL;
static rome99_ranked scratch[60];

static void test_sort(void) {
    double x[9] = {3.0, inf, 0.0, -inf, -0.0, -3.0, 0.0, 1e-310, -0.0};
    const double sorted[9] = {-inf, -3.0, -0.0, -0.0, 0.0, 0.0, 1e-310, 3.0, inf};
    size_t i;
    rome99_sort(x, 9);
    for (i = 0; i < 9; i++)
        CHECK(x[i] == sorted[i] && !signbit(x[i]) == !signbit(sorted[i]), "x[%lu] = %g", (unsigned long)i,
              x[i]);
    rome99_sort(x, 0);
    rome99_sort(NULL, 0);
}

static void test_quantiles(void) {
    static const struct {
        double x[4];
        size_t n;
        double q, expected;
    } cases[] = {{{1, 2, 3, 4}, 4, 0.0, 1},
                 {{1, 2, 3, 4}, 4, 0.25, 1.75},
                 {{1, 2, 3, 4}, 4, 0.5, 2.5},
                 {{1, 2, 3, 4}, 4, 1.0, 4},
                 {{1, 5, 6}, 3, 0.5, 5},
                 {{1, 5, 6}, 3, 0.125, 2},
                 {{5}, 1, 0.0, 5},
                 {{5}, 1, 0.3, 5},
                 {{5}, 1, 1.0, 5},
                 {{0.1, 0.1}, 2, 0.3, 0.1},
                 {{-DBL_MAX, DBL_MAX}, 2, 0.5, 0}};
    const double up[3] = {1.0, 2.0, inf}, down[2] = {-inf, 3.0}, both[3] = {-inf, 7.0, inf};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double got = rome99_quantile(cases[i].x, cases[i].n, cases[i].q);
        CHECK(SAME(got, cases[i].expected), "case %lu: got %.17g, expected %.17g", (unsigned long)i, got,
              cases[i].expected);
    }
    CHECK(rome99_quantile(up, 3, 0.5) == 2.0 && rome99_quantile(up, 3, 0.51) == inf &&
              rome99_quantile(up, 3, 1.0) == inf,
          "infinity above");
    CHECK(rome99_quantile(down, 2, 0.0) == -inf && rome99_quantile(down, 2, 0.9) == -inf &&
              rome99_quantile(down, 2, 1.0) == 3.0,
          "infinity below");
    CHECK(rome99_quantile(both, 3, 0.5) == 7.0 && rome99_quantile(both, 3, 0.25) == -inf, "both");
    CHECK(isnan(rome99_quantile((const double[2]){-inf, inf}, 2, 0.5)), "between the infinities");
    CHECK(rome99_quantile((const double[2]){inf, inf}, 2, 0.5) == inf, "between two of the same");
}

static void test_moments(void) {
    const double x[8] = {2, 4, 4, 4, 5, 5, 7, 9}, open[2] = {1.0, inf}, both[2] = {inf, -inf};
    CHECK(rome99_mean(x, 8) == 5.0, "mean: %g", rome99_mean(x, 8));
    CHECK(SAME(rome99_deviation(x, 8), rome99_sqrt(32.0 / 7.0)), "deviation: %g", rome99_deviation(x, 8));
    CHECK(rome99_mean(x, 1) == 2.0 && rome99_deviation(x, 1) == 0.0 && rome99_deviation(x + 1, 3) == 0.0,
          "one number, equal numbers");
    CHECK(rome99_mean(open, 2) == inf && isnan(rome99_deviation(open, 2)), "an infinity");
    CHECK(isnan(rome99_mean(both, 2)) && isnan(rome99_deviation(both, 2)), "two infinities");
}

static void test_roc(void) {
    static const struct {
        double score[4];
        unsigned char positive[4];
        double area;
        size_t points;
    } cases[] = {{{0.1, 0.4, 0.35, 0.8}, {0, 0, 1, 1}, 0.75, 5}, {{1, 2, 3, 4}, {0, 0, 0, 2}, 1.0, 5},
                 {{4, 3, 2, 1}, {0, 0, 1, 1}, 0.0, 5},           {{7, 7, 7, 7}, {0, 1, 1, 0}, 0.5, 2},
                 {{1, 1, 2, 0}, {0, 1, 1, 0}, 0.875, 4},         {{0.0, -0.0, -1, -1}, {1, 0, 1, 0}, 0.5, 3}};
    const double score[4] = {inf, inf, -inf, 5.0}, x4[5] = {0, 0, 0.5, 0.5, 1}, y4[5] = {0, 0.5, 0.5, 1, 1};
    const unsigned char positive[4] = {1, 0, 0, 1}, alike[4] = {1, 1, 1, 1};
    double x[5], y[5];
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double area = rome99_roc_area(cases[i].score, cases[i].positive, 4, scratch);
        const size_t points = rome99_roc_curve(x, y, cases[i].score, cases[i].positive, 4, scratch);
        CHECK(area == cases[i].area, "case %lu: area %g, expected %g", (unsigned long)i, area, cases[i].area);
        CHECK(points == cases[i].points && x[0] == 0.0 && y[0] == 0.0 && x[points - 1] == 1.0 &&
                  y[points - 1] == 1.0,
              "case %lu: %lu points, expected %lu", (unsigned long)i, (unsigned long)points,
              (unsigned long)cases[i].points);
    }
    rome99_roc_curve(x, y, cases[0].score, cases[0].positive, 4, scratch);
    for (i = 0; i < 5; i++)
        CHECK(x[i] == x4[i] && y[i] == y4[i], "point %lu: %g, %g", (unsigned long)i, x[i], y[i]);
    CHECK(rome99_roc_area(score, positive, 4, scratch) == 0.625, "infinities: %g",
          rome99_roc_area(score, positive, 4, scratch));
    CHECK(isnan(rome99_roc_area(score, alike, 4, scratch)) &&
              isnan(rome99_roc_area(score, positive + 1, 2, scratch)) &&
              isnan(rome99_roc_area(score, positive, 0, scratch)),
          "one kind only");
    CHECK(!rome99_roc_curve(x, y, score, alike, 4, scratch) &&
              !rome99_roc_curve(x, y, score, positive + 1, 2, scratch) &&
              !rome99_roc_curve(x, y, score, positive, 0, scratch),
          "no curve of one kind");
}

/* Against all pairs, and the area below the curve. */
static void test_roc_pairs(void) {
    enum { N = 60 };
    double score[N], x[N + 1], y[N + 1];
    unsigned char positive[N];
    size_t trial, i, j;
    for (trial = 0; trial < 100; trial++) {
        const size_t n = 2 + random_below(N - 1);
        double won = 0.0, pairs = 0.0, below = 0.0, area;
        for (i = 0; i < n; i++) {
            score[i] = (double)random_below(trial % 2 ? 8 : 1000) - 4.0;
            positive[i] = (unsigned char)(i < 2 ? i : random_below(2));
        }
        for (i = 0; i < n; i++)
            for (j = 0; j < n; j++)
                if (positive[i] && !positive[j]) {
                    pairs += 1.0;
                    won += score[i] > score[j] ? 1.0 : score[i] == score[j] ? 0.5 : 0.0;
                }
        area = rome99_roc_area(score, positive, n, scratch);
        CHECK(SAME(area, won / pairs), "area %.17g, expected %.17g", area, won / pairs);
        for (i = 1, j = rome99_roc_curve(x, y, score, positive, n, scratch); i < j; i++)
            below += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2.0;
        CHECK_LE(fabs(below - area), 1e-14, "area below the curve");
    }
}

/* Of copies: rome99_spearman puts ranks in their place. */
static double spearman(const double *x, const double *y, size_t n) {
    double a[5] = {0}, b[5] = {0};
    memcpy(a, x, n * sizeof *a);
    memcpy(b, y, n * sizeof *b);
    return rome99_spearman(a, b, n, scratch);
}

static void test_spearman(void) {
    const double x[5] = {1, 2, 3, 4, 5}, cubes[5] = {-8, -1, 0, 1, inf}, fall[5] = {inf, 3, 2, -1, -inf};
    const double a[4] = {1, 2, 2, 4}, b[4] = {10, 30, 20, 40}, flat[4] = {3, 3, 3, 3},
                 zeros[3] = {0.0, -0.0, 1.0};
    CHECK(spearman(x, cubes, 5) == 1.0, "monotone: %.17g", spearman(x, cubes, 5));
    CHECK(spearman(fall, x, 5) == -1.0, "falling: %.17g", spearman(fall, x, 5));
    CHECK(spearman(a, a, 4) == 1.0, "ties on both sides: %.17g", spearman(a, a, 4));
    /* ranks less their mean, twice: (-3 0 0 3), (-3 1 -1 3) */
    CHECK(SAME(spearman(a, b, 4), 18.0 / rome99_sqrt(18.0 * 20.0)), "ties: %.17g", spearman(a, b, 4));
    CHECK(SAME(spearman(x, (const double[5]){2, 1, 4, 3, 5}, 5), 0.8), "1 - 6 * 4 / (5 * 24)");
    /* (-1 -1 2), (-2 0 2) */
    CHECK(SAME(spearman(zeros, x, 3), 6.0 / rome99_sqrt(6.0 * 8.0)), "-0 and 0 tie: %.17g",
          spearman(zeros, x, 3));
    CHECK(isnan(spearman(a, flat, 4)) && isnan(spearman(flat, a, 4)) && isnan(spearman(a, b, 1)) &&
              isnan(spearman(a, b, 0)),
          "what does not vary");
}

int main(int argc, char **argv) {
    const char *tmp = argc > 1 ? argv[1] : "build/tmp";
    char *own = rome99_path(tmp, "results"), *temporary = NULL;
    int i, has_directories;
    if (!own) return 2;
    has_directories = rome99_dir_begin(&temporary, own, &e) == 0;
    for (i = 0; i < FILES; i++)
        snprintf(path[i], sizeof path[i], "%s/%c", has_directories ? temporary : tmp, "abc"[i]);
    prefix = strlen(path[0]) - 1;
    test_order();
    test_small();
    test_remarks();
    test_disagreements();
    test_refuses();
    test_many();
    test_members();
    test_sort();
    test_quantiles();
    test_moments();
    test_roc();
    test_roc_pairs();
    test_spearman();
    for (i = 0; i < FILES; i++) remove(path[i]);
    if (has_directories) rome99_dir_abandon(temporary);
    free(own);
    return test_end();
}
