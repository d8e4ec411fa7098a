/* main.c: rome99 COMMAND ... */
#include "core/rome99.h"
#include "edit/checkpoint.h"
#include "program/cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *arguments, *about;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"demo", "", "one collapse and its cure, explained step by step", rome99_cmd_demo},
    {"edit", "MODEL REQUEST", "one or more edits, each on the original weights", rome99_cmd_edit},
    {"next", "MODEL TEXT", "the distribution of the next token", rome99_cmd_next},
    {"generate", "MODEL TEXT", "continue a text", rome99_cmd_generate},
    {"tokens", "MODEL TEXT", "a text as token ids", rome99_cmd_tokens},
    {"ppl", "MODEL FILE", "perplexity of sentences", rome99_cmd_ppl},
    {"cov", "MODEL FILE", "second moment C of a layer's keys over a text", rome99_cmd_cov},
    {"train", "DIR", "make a tiny checkpoint", rome99_cmd_train},
    {"compare", "GOLDEN CANDIDATE", "check an implementation against a golden case", rome99_cmd_compare},
    {"golden", "make|check|export", "the golden cases: make, check, export them", rome99_cmd_golden},
    {"study", "EXPERIMENT MODEL", "the paper's experiments, as lines of results", rome99_cmd_study},
    {"report", "FILE...", "tables, claims and figures of these results", rome99_cmd_report},
};

static void print_help(FILE *to) {
    size_t i;
    fprintf(to,
            "rome99 %s: rank-one model editing, its collapse and its cure\n\n"
            "usage: rome99 COMMAND [arguments] [options]\n\n",
            ROME99_VERSION);
    for (i = 0; i < sizeof commands / sizeof *commands; i++) {
        char left[64];
        sprintf(left, "%s %s", commands[i].name, commands[i].arguments);
        fprintf(to, "  %-26s%s\n", left, commands[i].about);
    }
    fprintf(to, "\n\"rome99 COMMAND --help\" tells more. Begin with \"rome99 demo\".\n");
}

/* For models that take a moment. */
static void show_reading(const char *folder, size_t done, size_t bytes) {
    static size_t shown;
    const size_t percent = done / (bytes / 100 + 1);
    if (done == bytes) rome99_progress("");
    if (done == bytes || percent == shown || bytes < (size_t)64 << 20) return;
    shown = percent;
    rome99_progress("reading %.200s: %d %%", folder, (int)percent);
}

int main(int argc, char **argv) {
    rome99_error e;
    size_t i;
    rome99_checkpoint_progress = show_reading;
    if (argc > 0) rome99_program = argv[0];
    if (argc < 2) {
        print_help(stderr);
        return ROME99_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return rome99_print("", 0, &e) ? rome99_complain(&e) : ROME99_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("rome99 %s\n", ROME99_VERSION);
        return rome99_print("", 0, &e) ? rome99_complain(&e) : ROME99_DONE;
    }
    for (i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    rome99_fail(&e, NULL, "unknown command \"%.255s\" (see rome99 --help)", argv[1]);
    return rome99_complain(&e);
}
