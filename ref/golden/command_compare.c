/* command_compare.c: rome99 compare. */
#include "golden/compare.h"
#include "golden/format.h"
#include "program/cli.h"

#include <string.h>

static int run(const char *golden, const char *candidate, int asked, int *differs, rome99_error *e) {
    rome99_golden a, b;
    rome99_text out = {0};
    int failed;
    if (rome99_golden_read(&a, golden, e)) return -1;
    failed = rome99_candidate_read(&b, candidate, e);
    if (!failed) {
        *differs = rome99_golden_report(&out, &a, &b, asked);
        failed = *differs < 0 ? rome99_fail(e, NULL, "out of memory") : rome99_print(out.bytes, out.size, e);
        rome99_golden_free(&b);
    }
    rome99_text_free(&out);
    rome99_golden_free(&a);
    return failed;
}

int rome99_cmd_compare(int argc, char **argv) {
    static const char *const classes[] = {"exact", "f64", "f32"};
    rome99_option options[] = {{"--class", "CLASS", "what every tensor must reach: exact, f64 or f32", NULL},
                               {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "compare GOLDEN CANDIDATE",
        "Compares a golden case (golden/FORMAT.md) with what another implementation\n"
        "computed: the same text format, safetensors, or an uncompressed .npz. Tells for\n"
        "each tensor the class it wants and the class it reaches (exact: every bit; f64,\n"
        "f32: within the tolerances of the case; apart: neither), its error in the 2-norm,\n"
        "its worst number's error and place (row,column from 0), got and expected; then\n"
        "where the two part, and which known mistake that looks like. losses, steps and\n"
        "gradients go row by row: look at the first row that differs in any of them.\n"
        "Exit 0 if every tensor reaches its class, 1 if not.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    int code, asked = ROME99_OWN_CLASS, differs = 0;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    if (options[0].value)
        for (asked = 0; asked < 3 && strcmp(options[0].value, classes[asked]) != 0;) asked++;
    if (asked == 3)
        rome99_fail(&e, "--class", "'%.100s' is none of exact, f64, f32", options[0].value);
    else if (!run(positional[0], positional[1], asked, &differs, &e))
        return differs ? ROME99_DIFFERS : ROME99_DONE;
    return rome99_complain(&e);
}
