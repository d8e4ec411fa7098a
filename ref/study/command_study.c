/* command_study.c: rome99 study: makes the lines of one experiment. */
#include "edit/setup.h"
#include "program/cli.h"
#include "study/lines.h"

#include <stdlib.h>
#include <string.h>

static const rome99_experiment *find_experiment(const char *name, rome99_error *e) {
    rome99_text list = {0};
    size_t i;
    for (i = 0; i < ROME99_EXPERIMENTS; i++)
        if (strcmp(name, rome99_experiments[i]->name) == 0) return rome99_experiments[i];
    for (i = 0; i < ROME99_EXPERIMENTS; i++)
        rome99_text_printf(&list, "%s%s", i ? ", " : "", rome99_experiments[i]->name);
    rome99_fail(e, NULL, "no experiment \"%.100s\": there are %s", name, list.failed ? "others" : list.bytes);
    rome99_text_free(&list);
    return NULL;
}

/* "I/N", 1 <= I <= N. */
static int read_shard(size_t *shard, size_t *shards, const char *text, rome99_error *e) {
    const char *slash;
    char first[24];
    if (!text) return 0;
    slash = strchr(text, '/');
    if (!slash || slash == text || (size_t)(slash - text) >= sizeof first)
        return rome99_fail(e, "--shard", "\"%.100s\" is not I/N, such as 1/4", text);
    memcpy(first, text, (size_t)(slash - text));
    first[slash - text] = '\0';
    if (rome99_read_size(shards, "--shard", slash + 1, 1, 1000000, e)) return -1;
    return rome99_read_size(shard, "--shard", first, 1, *shards, e);
}

static struct {
    const char *experiment, *name;
    double start;
} shown;

static void progress(size_t done, size_t all) {
    double took = rome99_seconds() - shown.start, rate = done ? (double)done / took : 0.0;
    if (!done)
        rome99_progress("%s of %s: %lu lines to make", shown.experiment, shown.name, (unsigned long)all);
    else
        rome99_progress("%s of %s: %lu of %lu  %.1f a second  %.0f s left", shown.experiment, shown.name,
                        (unsigned long)done, (unsigned long)all, rate, (double)(all - done) / rate);
}

enum { OUTPUT, SHARD, SEED, REAL, OPTIONS };

static int run(const char *const positional[2], const rome99_option *o, rome99_error *e) {
    const rome99_experiment *x = find_experiment(positional[0], e);
    size_t shard = 1, shards = 1, seed = 1, real = 0;
    rome99_study study;
    int failed;
    if (!x || read_shard(&shard, &shards, o[SHARD].value, e) ||
        rome99_read_size(&seed, o[SEED].name, o[SEED].value, 0, 4294967295u, e) ||
        rome99_read_size(&real, o[REAL].name, o[REAL].value, 0, 16, e))
        return -1;
    if ((x == &rome99_dose || x == &rome99_twin) != (o[REAL].value != NULL))
        return rome99_fail(e, "--real",
                           o[REAL].value ? "is for dose and twin alone"
                                         : "dose and twin must be told how the model was trained");
    if (rome99_study_open(&study, x, positional[1], e)) return -1;
    study.seed = seed;
    study.real = real;
    shown.experiment = x->name;
    shown.name = study.name;
    shown.start = rome99_seconds();
    failed = rome99_lines_make(&study, x, shard, shards, o[OUTPUT].value, progress, e);
    rome99_progress("");
    rome99_study_close(&study);
    return failed;
}

int rome99_cmd_study(int argc, char **argv) {
    rome99_option options[OPTIONS + 1] = {
        {"-o", "FILE", "append to FILE what it does not have yet", NULL},
        {"--shard", "I/N", "of N parts of the work, the I-th", NULL},
        {"--seed", "N", "of t-SNE and of the orders of sequential (1)", NULL},
        {"--real", "N", "dose, twin: the --real MODEL was trained with", NULL},
        {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "study EXPERIMENT MODEL",
        "Makes the results of one experiment on the tiny checkpoint in folder MODEL, one\n"
        "line of JSON each, for rome99 report:\n\n"
        "  core        every fact by every method, with all measures; the keys in the\n"
        "              plane; an update; norms and attention by layer and position\n"
        "  dose        every fact by rome and c-rome; --real says how MODEL was trained\n"
        "  controls    every fact by rome with one thing changed: C, the separator of\n"
        "              the templates, how many prefixes there are, how long they are\n"
        "  sequential  edits one after another, by rome and by c-rome\n"
        "  twin        keys of first and later tokens, with --real; MODEL may be\n"
        "              bidirectional\n\n"
        "A run that was stopped is taken up again by the same command: lines that FILE\n"
        "has are not made again. Shards together make the same lines as one run.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    return run(positional, options, &e) ? rome99_complain(&e) : ROME99_DONE;
}
