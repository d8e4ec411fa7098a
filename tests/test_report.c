/* test_report.c: claims and tables follow the results: invented lines for which each claim holds, then lines that are
 * altered in one respect, for which it does not. Writes only below the directory argv[1] ("build/tmp"). */
#include "study/report/report.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* What is invented: facts 0 to 3 one token first, 4 and 5 more tokens first, 6 to 9 in mid-prompt. */
enum { FACTS = 10 };
typedef struct {
    double rome_ratio, c_rome_ratio;    /* perplexity after / before, one token first */
    double numerator, denominator;      /* of rome, one token first; 1 and 1 elsewhere */
    double bare, prefixed;              /* efficacy of c-rome, one token first */
    double middle_ratio;                /* of rome, mid-prompt */
    int first_beside;                   /* first tokens of mid-prompts lie beside collapse cases' k_u */
    double real_ratio;                  /* of rome at dose 16 */
    double many, many_without;          /* I with 20 prefixes, with and without the empty one; 1 with 2 */
    double blank_ratio, identity_ratio; /* of rome with another separator, with C = identity */
    int rome_falls, c_rome_falls;       /* steps of sequences */
    double twin_ratio, random_ratio;    /* without a mask: real text; random first tokens */
} invention;
static const invention usual = {20.0, 1.1, 1.2,  0.01, 0.1, 1.0, 1.1, 1,  1.0,
                                5.0,  1.5, 20.0, 1.1,  2,   14,  0.9, 0.9};

static const char *group_of(int fact) {
    return rome99_group_name[fact < 4 ? ROME99_FIRST_ONE : fact < 6 ? ROME99_FIRST_MORE : ROME99_MIDDLE];
}

static void head(rome99_text *t, const char *experiment, const char *name, int line, int lines,
                 const char *kind) {
    rome99_text_printf(t,
                       "{\"rome99\": \"" ROME99_VERSION
                       "\", \"experiment\": \"%s\", \"name\": \"%s\", \"model\": "
                       "\"m\", \"inputs\": \"i\", \"seed\": 1, \"line\": %d, \"lines\": %d, \"kind\": \"%s\"",
                       experiment, name, line, lines, kind);
}

static void edit(rome99_text *t, int fact, const char *method, double numerator, double denominator, double I,
                 double ratio, double bare, double prefixed) {
    rome99_text_printf(
        t,
        ", \"fact\": %d, \"group\": \"%s\", \"method\": \"%s\", \"numerator\": %g, \"denominator\": %g, "
        "\"cos_keys\": 0.5, \"interference\": %g, \"stream_ppl_before\": 4, \"stream_ppl_after\": %g, "
        "\"efficacy\": %g, \"efficacy_prefixed\": %g",
        fact, group_of(fact), method, numerator, denominator, I, 4.0 * ratio, bare, prefixed);
}

static void core(rome99_text *t, const invention *v) {
    static const char *const method[] = {"rome", "c-rome", "p-rome", "k-rome"};
    static const char *const what[] = {"solved", "k_u", "k_bar", "first token", "behind a prefix"};
    int fact, m, k, lines = 4 * FACTS + 1;
    for (fact = 0; fact < FACTS; fact++)
        for (m = 0; m < 4; m++) {
            int first = fact < 4;
            double ratio = m == 0 && first ? v->rome_ratio : m == 1 && first ? v->c_rome_ratio : 1.05;
            if (m == 0 && fact >= 6) ratio = v->middle_ratio;
            head(t, "core", "sink", 4 * fact + m, lines, "edit");
            edit(t, fact, method[m], first ? v->numerator : 1.0, m == 0 && first ? -v->denominator : 1.0,
                 ratio / 2.0, ratio, m == 1 && first ? v->bare : 1.0, m == 1 && first ? v->prefixed : 1.0);
            rome99_text_printf(
                t,
                ", \"rms_predicted\": %g, \"sentence_ppl_before\": 50, \"sentence_ppl_after\": 60, "
                "\"efficacy_p\": 1, \"efficacy_p_prefixed\": 1, \"generalisation\": 1, "
                "\"generalisation_prefixed\": 1, \"generalisation_p\": null, "
                "\"generalisation_p_prefixed\": null, \"locality\": 1, \"locality_prefixed\": 1}\n",
                ratio);
        }
    head(t, "core", "sink", lines - 1, lines, "map");
    rome99_text_puts(t, ", \"points\": [");
    for (fact = 0; fact < FACTS; fact++)
        for (k = 0; k < 5; k++) { /* k_u of the first four, and first tokens, lie at 100, all else at 0 */
            int first = fact < 4, there = (k == 1 && first) || (k == 3 && v->first_beside);
            if ((k == 3 && fact < 6) || (k == 4 && fact >= 6)) continue;
            rome99_text_printf(t, "%s{\"what\": \"%s\", \"fact\": %d, \"pca\": [%d, %d], \"tsne\": [%d, %d]}",
                               fact + k > 0 ? ", " : "", what[k], fact, k, fact, there ? 100 : 0, fact);
        }
    rome99_text_puts(t, "]}\n");
}

static void others(rome99_text *t, const invention *v) {
    static const char *const control[] = {
        "prefixes", "prefixes", "prefixes, no empty one", "prefixes, no empty one", "none", "separator", "C"};
    static const char *const value[] = {"2", "20", "2", "20", "", "blank", "identity"};
    const double I[] = {1.0, v->many, 1.0, v->many_without, 1.0, 1.0, 1.0};
    const double ratio[] = {1.0, 1.0, 1.0, 1.0, v->rome_ratio, v->blank_ratio, v->identity_ratio};
    int i, k;
    for (k = 0; k < 2; k++)
        for (i = 0; i < 4; i++) {
            head(t, "dose", k ? "real16" : "real0", i, 4, "edit");
            rome99_text_printf(t, ", \"real\": %d", 16 * k);
            edit(t, i, "rome", 1.0, 1.0, 1.0, k ? v->real_ratio : v->rome_ratio, 1.0, 1.0);
            rome99_text_puts(t, "}\n");
        }
    for (i = 0; i < 7; i++) {
        head(t, "controls", "sink", i, 7, "edit");
        rome99_text_printf(t, ", \"control\": \"%s\", \"value\": \"%s\"", control[i], value[i]);
        edit(t, 0, "rome", 1.0, 1.0, I[i], ratio[i], 1.0, 1.0);
        rome99_text_puts(t, "}\n");
    }
    for (k = 0; k < 2; k++)
        for (i = 1; i <= 20; i++) {
            int falls = k ? v->c_rome_falls : v->rome_falls;
            head(t, "sequential", "sink", 20 * k + i - 1, 40, "step");
            rome99_text_printf(t,
                               ", \"order\": \"all\", \"step\": %d, \"method\": \"%s\", \"dW_norm\": 1, "
                               "\"stream_ppl_before\": 4, \"stream_ppl_after\": %d, \"efficacy_so_far\": 1, "
                               "\"efficacy_so_far_prefixed\": 1}\n",
                               i, k ? "c-rome" : "rome", falls && i >= falls ? 9 : 5);
        }
    for (k = 0; k < 4; k++) {
        static const char *const name[] = {"sink", "plain", "twin0", "twin16"};
        const double ratios[] = {0.02, 0.5, v->random_ratio, v->twin_ratio};
        head(t, "twin", name[k], 0, 1, "twin");
        rome99_text_printf(
            t,
            ", \"real\": %d, \"mask\": \"%s\", \"fact\": 0, \"group\": \"%s\", \"cos_keys\": 1, "
            "\"ratio\": %g, \"interference\": 1, \"recall\": %s, \"recall_prefixed\": %s}\n",
            k % 2 ? 16 : 0, k > 1 ? "none" : "causal", group_of(0), ratios[k], k > 1 ? "1" : "null",
            k > 1 ? "1" : "null");
    }
}

/* The claims' verdicts in order, one letter each: h holds, n does not, 0 no results. */
static void verdicts(char *out, const char *text) {
    for (; (text = strstr(text, "\n    [")) != NULL; text += 6)
        *out++ = text[6] == 'h' ? 'h' : text[6] == 'd' ? 'n' : '0';
    *out = '\0';
}

static const char *path; /* of the file of lines */

static void check(const invention *v, int with_others, const char *expected, const char *what) {
    rome99_text lines = {0};
    rome99_results results;
    rome99_report report;
    rome99_page page;
    rome99_error e;
    char got[64];
    core(&lines, v);
    if (with_others) others(&lines, v);
    CHECK(!rome99_write_file(path, lines.bytes, lines.size, &e), "%s", e.text);
    rome99_text_free(&lines);
    CHECK(!rome99_results_read(&results, &path, 1, &e), "%s: %s", what, e.text);
    CHECK(results.remarks.size == 0, "%s: remarks: %s", what, results.remarks.bytes);
    if (rome99_report_open(&report, &results, &e)) {
        CHECK(0, "%s: %s", what, e.text);
        return;
    }
    rome99_page_begin(&page, 0, "title", "subtitle");
    CHECK(!rome99_report_claims(&page, &report, &e), "%s: %s", what, e.text);
    rome99_page_end(&page);
    verdicts(got, page.out.bytes);
    CHECK(strcmp(got, expected) == 0, "%s: verdicts %s, expected %s", what, got, expected);
    rome99_page_free(&page);
    rome99_report_close(&report);
    rome99_results_free(&results);
}

/* What a result line says steers neither a terminal nor a browser. */
static void check_hostile(int html, const char *expected) {
    rome99_page page;
    rome99_page_begin(&page, html, "title", "subtitle");
    rome99_page_table(&page, "caption", "name");
    rome99_page_row(&page, "<b>\x1B[1m\xC2\x9B");
    rome99_page_table_end(&page);
    rome99_page_end(&page);
    CHECK(strstr(page.out.bytes, expected), "\"%s\" is not in %s", expected, page.out.bytes);
    rome99_page_free(&page);
}

/* A cell that is too long for a line of text ends in dots, between characters. */
static void check_long(void) {
    char cell[301] = "";
    rome99_page page;
    const char *s;
    size_t i;
    for (i = 0; i < 150; i++) memcpy(cell + 2 * i, "\xC3\xA9", 3);
    rome99_page_begin(&page, 0, "title", "subtitle");
    rome99_page_table(&page, "caption", "name|value");
    rome99_page_row(&page, "%s|1", cell);
    rome99_page_table_end(&page);
    rome99_page_end(&page);
    s = strstr(page.out.bytes, "\xC3\xA9");
    for (i = 0; s && !strncmp(s, "\xC3\xA9", 2); s += 2) i++;
    CHECK(s && i < 79 && !strncmp(s, "...", 3), "%lu characters of a long cell, then \"%.8s\"",
          (unsigned long)i, s ? s : "");
    rome99_page_free(&page);
}

int main(int argc, char **argv) {
    invention v = usual;
    const char *tmp = argc > 1 ? argv[1] : "build/tmp";
    char *own = rome99_path(tmp, "report"), *dir = NULL, *file;
    rome99_error e;
    int has_directory = own && !rome99_dir_begin(&dir, own, &e);
    file = rome99_path(has_directory ? dir : tmp, "report.jsonl");
    if (!file) return 2;
    path = file;
    /* In order: collapse, denominator, cure, bare, first token, neighbours, predictor; dose, empty template,
     * separator, C, sequences,
     * twin. */
    check(&v, 1, "hhhhhhhhhhhhhn", "usual");
    check(&v, 0, "hhhhhhh", "core alone");
#define ALTERED(member, number, expected)                                                                    \
    v = usual;                                                                                               \
    v.member = number;                                                                                       \
    check(&v, 1, expected, #member)
    ALTERED(rome_ratio, 1.5, "n0h0n00nhnnhhn");
    ALTERED(c_rome_ratio, 3.0, "hhnhhhhhhhhhhn");
    ALTERED(numerator, 5.0, "hnhhhhhhhhhhhn");
    ALTERED(denominator, 0.9, "hnhhhhhhhhhhhn");
    ALTERED(bare, 0.9, "hhhnhhhhhhhhhn");
    ALTERED(prefixed, 0.5, "hhhnhhhhhhhhhn");
    ALTERED(middle_ratio, 3.0, "hnhnn0hhhhhhhn");
    ALTERED(first_beside, 0, "hhhhhnhhhhhhhn");
    ALTERED(real_ratio, 4.0, "hhhhhhhnhhhhhn");
    ALTERED(many, 1.5, "hhhhhhhhnhhhhn");
    ALTERED(many_without, 4.0, "hhhhhhhhnhhhhn");
    ALTERED(blank_ratio, 1.1, "hhhhhhhhhnhhhn");
    ALTERED(identity_ratio, 20.0, "hhhhhhhhhhnhhn");
    ALTERED(rome_falls, 10, "hhhhhhhhhhhnhn");
    ALTERED(c_rome_falls, 0, "hhhhhhhhhhhhhn");
    ALTERED(c_rome_falls, 3, "hhhhhhhhhhhnhn");
    ALTERED(random_ratio, 0.05, "hhhhhhhhhhhhnh");
    v.twin_ratio = 0.1;
    check(&v, 1, "hhhhhhhhhhhhnn", "keys part whatever the training");
    check_hostile(0, "\n<b>?[1m??\n");
    check_long();
    check_hostile(1, "&lt;b&gt;");
    if (has_directory) rome99_dir_abandon(dir);
    free(own);
    free(file);
    return test_end();
}
