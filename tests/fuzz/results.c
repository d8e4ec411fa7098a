/* results.c: target results: files of result lines: checked, and the whole report written. */
#include "fuzz.h"
#include "program/cli.h"
#include "study/report/results.h"

#include <stdlib.h>
#include <string.h>

/* Asks a line for members that it may have as something else. */
static void use(const rome99_result *line) {
    static const char *const names[] = {"fact", "group", "method", "keys", "interference", "steps"};
    rome99_error e;
    size_t i, n;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        e.text[0] = '\0';
        (void)rome99_result_number(line, names[i], &e);
        (void)rome99_result_string(line, names[i], &e);
        free(rome99_result_numbers(&n, line, names[i], &e));
    }
}

int fuzz_results(const unsigned char *data, size_t size) {
    static char command[] = "report", html[] = "--html";
    static const char *const names[3] = {"a.jsonl", "b.jsonl", "c.jsonl"};
    const size_t whole = size;
    char *path[3] = {NULL}, *page = fuzz_path("page.html"), *argv[7];
    rome99_results results;
    rome99_error e;
    size_t n = 0, i;
    int argc = 0, accepted, code;
    do {
        const fuzz_part part = fuzz_next(&data, &size, n == 2);
        path[n] = fuzz_file(names[n], part.bytes, part.size);
        n++;
    } while (size > 0 && n < 3);
    accepted = !rome99_results_read(&results, (const char *const *)path, n, &e);
    fuzz_memory(whole, 32);
    if (accepted) {
        for (i = 0; i < results.n; i++) use(&results.line[i]);
        accepted = results.n > 0;
        rome99_results_free(&results);
    }
    argv[argc++] = command;
    for (i = 0; i < n; i++) argv[argc++] = path[i];
    argv[argc] = NULL;
    code = rome99_cmd_report(argc, argv);
    argv[argc++] = html;
    argv[argc++] = page;
    argv[argc] = NULL;
    if (rome99_cmd_report(argc, argv) != code) fuzz_wrong("the text, but not the page, can be written");
    if (code == ROME99_DONE && !accepted) fuzz_wrong("a report of nothing");
    for (i = 0; i < n; i++) free(path[i]);
    free(page);
    return accepted && code == ROME99_DONE;
}
