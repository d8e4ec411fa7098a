/* command_golden.c: rome99 golden make, check, export. */
#include "golden/format.h"
#include "golden/hosted.h"
#include "program/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS, ALL, SAFETENSORS, C_HEADER, MODEL, OPTIONS };
enum { MOST_FILES = 200 };

static const rome99_option all_options[OPTIONS + 1] = {
    {"--models", "DIR", "where the checkpoints are (default: tiny_models)", NULL},
    {"--all", NULL, "check: the cases that need a checkpoint too", NULL},
    {"--safetensors", "FILE", "export: every tensor, named CASE/TENSOR", NULL},
    {"--c-header", "FILE", "export: C arrays, for machines without files", NULL},
    {"--model", "DIR", "export: the formula model, as a Hugging Face folder", NULL},
    {NULL, NULL, NULL, NULL}};

/* -------------------------------------------------------------------------------- make */

/* A directory below another one. */
static int make_directory(const char *parent, const char *name, rome99_error *e) {
    char *path = rome99_path(parent, name), *temporary;
    int failed = !path ? rome99_fail(e, NULL, "out of memory")
                       : rome99_dir_begin(&temporary, path, e) || rome99_dir_commit(temporary, path, e);
    free(path);
    return failed ? -1 : 0;
}

static int write_text(const char *folder, const char *name, const char *suffix, const rome99_text *text,
                      rome99_error *e) {
    char *file = malloc(strlen(name) + strlen(suffix) + 1), *path = NULL;
    int failed;
    if (file) path = rome99_path(folder, strcat(strcpy(file, name), suffix));
    failed = path && !text->failed ? rome99_write_file(path, text->bytes, text->size, e)
                                   : rome99_fail(e, NULL, "out of memory");
    free(path);
    free(file);
    return failed;
}

static int make_cases(const char *folder, const char *models, rome99_error *e) {
    void *memory = malloc(ROME99_GOLDEN_BYTES);
    rome99_text manifest = {0};
    size_t i;
    int failed = memory ? 0 : rome99_fail(e, NULL, "out of memory");
    for (i = 0; !failed && i < rome99_golden_count(); i++) {
        rome99_text text = {0};
        rome99_golden c;
        rome99_progress("case %lu of %lu", (unsigned long)i + 1, (unsigned long)rome99_golden_count());
        failed = rome99_golden_complete(&c, memory, i, models, e);
        if (!failed) rome99_golden_write(&text, &c);
        if (!failed) failed = write_text(folder, rome99_golden_at(i).name, ".txt", &text, e);
        rome99_text_free(&text);
    }
    rome99_progress("");
    if (!failed) failed = rome99_manifest_write(&manifest, folder, e);
    if (!failed) failed = write_text(folder, "MANIFEST", "", &manifest, e);
    rome99_text_free(&manifest);
    free(memory);
    return failed;
}

static int make(const char *folder, const char *models, rome99_error *e) {
    char *temporary;
    if (rome99_dir_begin(&temporary, folder, e)) return -1;
    if (make_directory(temporary, "ops", e) || make_directory(temporary, "edits", e) ||
        make_cases(temporary, models, e)) {
        rome99_dir_abandon(temporary);
        return -1;
    }
    return rome99_dir_commit(temporary, folder, e);
}

/* ------------------------------------------------------------------------------- check */

/* Returns the exit code, or -1 with *e set. */
static int check(const char *folder, const char *models, int all, rome99_error *e) {
    static const char *const classes[] = {"exact", "f64", "f32", "none"};
    rome99_golden_tally tally = {0, 0, 0, ROME99_EXACT};
    rome99_text out = {0};
    size_t i, left_out = 0;
    int failed = rome99_manifest_check(folder, e);
    for (i = 0; !failed && i < rome99_golden_count(); i++) {
        rome99_hosted_recipe r = rome99_golden_at(i);
        if (r.needs && !all) {
            left_out++;
            continue;
        }
        rome99_progress("%s", r.name);
        failed = rome99_golden_check(&tally, &out, folder, i, models, e);
    }
    rome99_progress("");
    if (!failed && left_out)
        rome99_text_printf(&out, "%lu cases need a checkpoint: --all\n", (unsigned long)left_out);
    rome99_text_printf(&out, "%lu cases, %lu tensors, class %s", (unsigned long)tally.cases,
                       (unsigned long)tally.tensors, classes[tally.reached]);
    if (tally.apart) rome99_text_printf(&out, ": %lu not as committed", (unsigned long)tally.apart);
    rome99_text_puts(&out, "\n");
    if (!failed)
        failed = out.failed ? rome99_fail(e, NULL, "out of memory") : rome99_print(out.bytes, out.size, e);
    rome99_text_free(&out);
    return failed ? -1 : tally.apart ? ROME99_DIFFERS : ROME99_DONE;
}

/* ------------------------------------------------------------------------------ export */

static int export(const char *const *paths, size_t n, const rome99_option *options, rome99_error *e) {
    const char *safetensors = options[SAFETENSORS].value, *header = options[C_HEADER].value;
    const char *model = options[MODEL].value;
    rome99_text text = {0};
    int failed;
    if (!safetensors + !header + !model != 2)
        return rome99_fail(e, "golden export",
                           "give one of --safetensors FILE, --c-header FILE, --model DIR");
    if (!model == (n == 0))
        return rome99_fail(e, "golden export",
                           model ? "the formula model is no case" : "name the files of the cases");
    if (model) return rome99_formula_folder(model, e);
    if (safetensors) return rome99_golden_safetensors(safetensors, paths, n, e);
    failed = rome99_golden_c_header(&text, paths, n, e);
    if (!failed) failed = rome99_write_file(header, text.bytes, text.size, e);
    rome99_text_free(&text);
    return failed;
}

int rome99_cmd_golden(int argc, char **argv) {
    rome99_option options[OPTIONS + 1];
    const char *positional[MOST_FILES + 1] = {NULL}, *models, *verb;
    rome99_command command = {
        "golden make DIR | check [DIR] | export [CASE.txt ...]",
        "make: computes every golden case anew, into a new folder.\n"
        "check: computes the cases again and compares them with those in DIR (default:\n"
        "golden), bit by bit, or, where the machine computes with other precision than\n"
        "double, by the class on each tensor's line. Exit 0: the same; 1: not.\n"
        "export: the named cases in another form, or the model of the edits.\n"
        "golden/FORMAT.md explains the cases; `rome99 compare` checks one of yours.\n",
        NULL,
        NULL,
        1,
        MOST_FILES + 1};
    rome99_error e;
    size_t n = 0;
    int code;
    memcpy(options, all_options, sizeof options);
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    verb = positional[0];
    models = options[MODELS].value ? options[MODELS].value : "tiny_models";
    while (n < MOST_FILES && positional[n + 1]) n++;
    if (strcmp(verb, "export") == 0)
        code = export(positional + 1, n, options, &e);
    else if (strcmp(verb, "make") == 0 && n == 1)
        code = make(positional[1], models, &e);
    else if (strcmp(verb, "check") == 0 && n <= 1)
        code = check(n ? positional[1] : "golden", models, options[ALL].value != NULL, &e);
    else
        code = rome99_fail(&e, NULL, "usage: rome99 golden make DIR | check [DIR] | export CASE.txt ...");
    return code < 0 ? rome99_complain(&e) : code;
}
