/* command_report.c: rome99 report: result lines as tables, claims and figures. */
#include "program/cli.h"
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *id, *title;
    rome99_report_section *write;
} sections[] = {{"claims", "Claims", rome99_report_claims},
                {"denominator", "Denominator", rome99_report_update},
                {"perplexity", "Perplexity", rome99_report_perplexity},
                {"prediction", "Prediction", rome99_report_predictor},
                {"scores", "Scores", rome99_report_scores},
                {"keys", "Keys", rome99_report_keys},
                {"weights", "Update", rome99_report_weights},
                {"first-position", "First position", rome99_report_layers},
                {"dose", "Dose", rome99_report_dose},
                {"controls", "Controls", rome99_report_controls},
                {"sequential", "Many edits", rome99_report_sequential},
                {"twin", "Twin", rome99_report_twin},
                {"sources", "Sources", rome99_report_sources}};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* Sections that say something have links in front. */
static int write_sections(rome99_page *page, const rome99_report *report, rome99_error *e) {
    const char *pairs[2 * SECTIONS];
    rome99_text body = {0};
    size_t i, n = 0;
    int failed = 0;
    rome99_text head = page->out;
    page->out = body;
    for (i = 0; !failed && i < SECTIONS; i++) {
        size_t before = page->out.size;
        failed = sections[i].write(page, report, e);
        if (page->out.size == before) continue;
        pairs[2 * n] = sections[i].id;
        pairs[2 * n++ + 1] = sections[i].title;
    }
    rome99_page_end(page);
    body = page->out;
    page->out = head;
    rome99_page_contents(page, pairs, n);
    rome99_text_put(&page->out, body.bytes, body.size);
    page->out.failed |= body.failed;
    rome99_text_free(&body);
    return failed;
}

static int write_page(rome99_page *page, const rome99_report *report, int html, rome99_error *e) {
    rome99_page_begin(
        page, html, "The fall of ROME, on models small enough to retrace",
        "What one rank-one edit does to a language model: the experiments of \"The Fall of ROME\" (Yang et "
        "al., Findings of EMNLP 2024) on tiny GPT-2 models, every fact edited, every figure computed from "
        "result lines.");
    if (write_sections(page, report, e)) return -1;
    return page->out.failed ? rome99_fail(e, NULL, "out of memory") : 0;
}

/* Each line of the remarks, on standard error. */
static void print_remarks(const char *s) {
    for (; s && *s; s += strcspn(s, "\n") + 1) fprintf(stderr, "rome99: %.*s\n", (int)strcspn(s, "\n"), s);
}

enum { HTML, OPTIONS };

static int run(const char *const *paths, size_t n, const char *html, rome99_error *e) {
    rome99_results results;
    rome99_report report;
    rome99_page page;
    int failed;
    memset(&page, 0, sizeof page);
    if (rome99_results_read(&results, paths, n, e)) return -1;
    print_remarks(results.remarks.bytes);
    e->text[0] = '\0';
    failed = results.n == 0 ? rome99_fail(e, paths[0], "no complete run to report on") : 0;
    if (!failed && !(failed = rome99_report_open(&report, &results, e))) {
        failed = write_page(&page, &report, html != NULL, e);
        rome99_report_close(&report);
    }
    if (!failed)
        failed = html ? rome99_write_file(html, page.out.bytes, page.out.size, e)
                      : rome99_print(page.out.bytes, page.out.size, e);
    rome99_page_free(&page);
    rome99_results_free(&results);
    return failed;
}

enum { MOST_FILES = 4096 };

int rome99_cmd_report(int argc, char **argv) {
    rome99_option options[OPTIONS + 1] = {{"--html", "FILE", "write one self-contained HTML page", NULL},
                                          {NULL, NULL, NULL, NULL}};
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    rome99_command command = {
        "report FILE...",
        "Reads any number of result files of rome99 study and prints what they say:\n"
        "claims, tables, and with --html the figures, too. Files may be shards, in any\n"
        "order. Runs that are not complete are left out, and said to be; files that\n"
        "disagree are refused.\n",
        NULL,
        NULL,
        1,
        MOST_FILES};
    rome99_error e;
    size_t n = 0;
    int code;
    if (!positional) {
        rome99_fail(&e, NULL, "out of memory");
        return rome99_complain(&e);
    }
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) < 0) {
        while (n < (size_t)argc && positional[n]) n++;
        code = run(positional, n, options[HTML].value, &e) ? rome99_complain(&e) : ROME99_DONE;
    }
    free(positional);
    return code;
}
