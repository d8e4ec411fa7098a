/* argv.c: target argv: the program's command line. A byte is an argument, that word of the list below; byte
   FE appends '=' and the word of the next byte to the argument before; byte FF is an argument of its own,
   whose length is the next byte modulo 40 and whose text follows. The program runs in a folder of its own
   that holds a small model with all that belongs to it; whatever it writes there is removed. */
#define _XOPEN_SOURCE 700

#include "fuzz.h"
#include "golden/hosted.h"
#include "program/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rome99_main(int argc, char **argv); /* main of ref/program/main.c, under another name */

/* Committed inputs rely on the order: new words go to the end. */
/* clang-format off */
static const char *const words[] = {
    "edit", "next", "generate", "tokens", "ppl", "cov", "train", "compare", "golden", "study", "report",
    "help", "m", "m", "m", "request.json", "requests.json", "text.txt", "sentences.txt", "sentences.json",
    "case.txt", "candidate.safetensors", "results.jsonl", "windows.safetensors", "I.npy", "cov.safetensors",
    "missing", "out", "Bo is in the", "Bo", "a text\nof two lines", "", "-", "--", "--help", "-h",
    "--version", "0", "1", "2", "3", "7", "25", "0.5", "1e-3", "-1", "nan", "inf", "1e999", "0x10",
    "1000001", "4294967296", "18446744073709551616", "60/60", "7/60", "1/0", "3/2", "rome", "c-rome",
    "r-rome", "p-rome", "k-rome", "identity", "last", "subject_last", "exact", "f64", "f32", "check",
    "export", "core", "dose", "controls", "sequential", "twin", "-n", "-o", "--seed", "--top", "--top-k",
    "--layer", "--method", "--templates", "--cov", "--hparams", "--v_lr", "--v_num_grad_steps",
    "--v_weight_decay", "--clamp_norm_factor", "--kl_factor", "--fact_token", "--test-prefixes", "--text",
    "--sentences", "--sequential", "--dry-run", "--no-ppl", "--trace", "--save", "--json", "--class",
    "--models", "--all", "--safetensors", "--c-header", "--model", "--shard", "--real", "--html", "--steps",
    "--windows", "--lr", "--weight-decay", "--masked", "--width", "--heads", "--positions",
    "m/templates.json", "m/hparams.json", "m/facts.json", "m/test_prefixes.json", "m/config.json",
    "m/vocab.json", "begun.jsonl"};
/* clang-format on */
enum { WORDS = sizeof words / sizeof *words, ARGUMENTS = 24, ROOM = 256 };

/* ------------------------------------------------------------------------ the folder */

typedef struct {
    const char *name;
    unsigned char *bytes;
    size_t size;
} file;
static file files[32];
static size_t file_count;
static const char *formula; /* where the model's files are */
static char *home;          /* where the program runs */

static void add(const char *name, const void *bytes, size_t size) {
    file *f = &files[file_count++];
    f->name = name;
    f->bytes = malloc(size + 1);
    f->size = size;
    if (size) memcpy(f->bytes, bytes, size);
}

static void add_text(const char *name, const char *text) { add(name, text, strlen(text)); }

/* One of the files that were written before, below another name. */
static void add_file(const char *name, const char *from) {
    char *path = rome99_path(formula, from);
    unsigned char *bytes;
    rome99_error e;
    size_t size;
    if (rome99_read_file(&bytes, &size, path, &e)) {
        fuzz_wrong("%s", e.text);
        return;
    }
    add(name, bytes, size);
    free(bytes);
    free(path);
}

static void add_tensor(const char *name, const char *tensor, rome99_st_dtype dtype, size_t rows, size_t cols,
                       const void *data) {
    const rome99_tensor t = {tensor, dtype, 2, {rows, cols}, data, rows * cols};
    char *path = rome99_path(formula, "tensor");
    rome99_error e;
    if (rome99_safetensors_write(path, &t, 1, &e)) fuzz_wrong("%s", e.text);
    add_file(name, "tensor");
    free(path);
}

/* "I.npy": C as numpy writes it. */
static void add_npy(double C[32 * 32]) {
    static const char header[] =
        "\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': False, 'shape': (32, 32), }"
        "        \n";
    rome99_text t = {0};
    rome99_text_put(&t, header, sizeof header - 1);
    rome99_swap(C, 8 * 32 * 32, 8, 0);
    rome99_text_put(&t, C, 8 * 32 * 32);
    rome99_swap(C, 8 * 32 * 32, 8, 0);
    add("I.npy", t.bytes, t.size);
    rome99_text_free(&t);
}

#define ASK(prompt, subject)                                                                                 \
    "{\"prompt\": \"" prompt "\", \"subject\": \"" subject                                                   \
    "\", \"target_new\": {\"str\": \"red\"}, \"target_true\": {\"str\": \"sea\"}}"
#define LINE(n, method)                                                                                      \
    "{\"rome99\": \"" ROME99_VERSION                                                                         \
    "\", \"experiment\": \"dose\", \"name\": \"m\", \"model\": \"a\", \"inputs\": "                          \
    "\"b\", \"seed\": 1, \"line\": " n                                                                       \
    ", \"lines\": 2, \"kind\": \"edit\", \"real\": 0, \"fact\": 0, \"group\": "                              \
    "\"one-token first\", \"method\": \"" method                                                             \
    "\", \"numerator\": 7, \"denominator\": 0.1, \"cos_keys\": 0.2, "                                        \
    "\"interference\": 4.9, \"stream_ppl_before\": 4.5, \"stream_ppl_after\": 50, \"efficacy\": 0, "         \
    "\"efficacy_prefixed\": 0.5}\n"

/* As many templates as controls ask for. */
static void add_templates(const char *name, const char *separator) {
    rome99_text t = {0};
    int i;
    rome99_text_puts(&t, "[\"{}\"");
    for (i = 0; i < 20; i++) rome99_text_printf(&t, ", \"%c.%s{}\"", 'a' + i, separator);
    rome99_text_puts(&t, "]");
    add(name, t.bytes, t.size);
    rome99_text_free(&t);
}

/* As many facts as t-SNE asks for. */
static void add_facts(const char *name) {
    rome99_text t = {0};
    int i;
    for (i = 0; i < 24; i++)
        rome99_text_printf(&t, i % 3 ? "%s" ASK("{} is in the", "B%c") : "%s" ASK("so it is {} in", "Ek %c"),
                           i ? ", " : "[", 'a' + i);
    rome99_text_puts(&t, "]");
    add(name, t.bytes, t.size);
    rome99_text_free(&t);
}

/* An empty folder with these files. */
static void restore(void) {
    rome99_error e;
    char *temporary, *path, *m;
    size_t i;
    path = malloc(strlen(home) + 1);
    if (rome99_exists(home))
        rome99_dir_abandon(strcpy(path, home));
    else
        free(path);
    if (rome99_dir_begin(&temporary, home, &e) || rome99_dir_commit(temporary, home, &e))
        fuzz_wrong("%s", e.text);
    m = rome99_path(home, "m");
    if (rome99_dir_begin(&temporary, m, &e) || rome99_dir_commit(temporary, m, &e)) fuzz_wrong("%s", e.text);
    free(m);
    for (i = 0; i < file_count; i++) {
        path = rome99_path("home", files[i].name);
        free(fuzz_file(path, files[i].bytes, files[i].size));
        free(path);
    }
}

/* Runs the program in its folder. */
static int run(int argc, char **argv) {
    static char here[4096];
    int code;
    if (!getcwd(here, sizeof here) || chdir(home) != 0) fuzz_wrong("cannot change the folder");
    code = rome99_main(argc, argv);
    if (chdir(here) != 0) fuzz_wrong("cannot change the folder back");
    return code;
}

/* What a study leaves that was stopped within its second line. */
static void begin_study(const char *name) {
    static char text[][16] = {"rome99", "study", "twin", "m", "--real", "0", "-o", "lines"};
    char *argv[9] = {NULL}, *path = fuzz_path("home/lines");
    unsigned char *bytes;
    rome99_error e;
    size_t size, i;
    for (i = 0; i < 8; i++) argv[i] = text[i];
    restore();
    if (run(8, argv) != ROME99_DONE || rome99_read_file(&bytes, &size, path, &e)) {
        fuzz_wrong("no study");
    } else {
        const unsigned char *end = memchr(bytes, '\n', size);
        add(name, bytes, (size_t)(end - bytes) + 200);
        free(bytes);
    }
    free(path);
}

static void prepare(void) {
    static double C[32 * 32];
    int32_t ids[32];
    size_t i;
    char *path = fuzz_path("home");
    (void)fuzz_model();
    formula = fuzz_path("formula");
    home = path;
    for (i = 0; i < 32; i++) C[33 * i] = 1.0, ids[i] = (int32_t)i;
    add_file("m/config.json", "config.json");
    add_file("m/vocab.json", "vocab.json");
    add_file("m/merges.txt", "merges.txt");
    add_file("m/model.safetensors", "model.safetensors");
    add_templates("m/templates.json", "\\n");
    add_templates("m/templates_space.json", " ");
    add_text("m/test_prefixes.json", "[\"it is so.\\n{}\"]");
    add_text("m/hparams.json", "{\"layers\": [1], \"v_num_grad_steps\": 3, \"v_lr\": 0.5}");
    add_facts("m/facts.json");
    add_text("m/sentences.txt", "Bo is in the sea.\nwe go\n");
    add_tensor("m/windows.safetensors", "ids", ROME99_ST_I32, 1, 32, ids);
    add_tensor("m/cov.safetensors", "C", ROME99_ST_F64, 32, 32, C);
    add_npy(C);
    add_tensor("cov.safetensors", "C", ROME99_ST_F64, 32, 32, C);
    add_tensor("windows.safetensors", "ids", ROME99_ST_I32, 4, 8, ids);
    add_tensor("candidate.safetensors", "y", ROME99_ST_F64, 2, 1, C);
    add_text("request.json", ASK("{} is in the", "Bo"));
    add_text("requests.json", "[" ASK("{} is", "Bo") ", " ASK("the {} is", "Ek") "]");
    add_text("text.txt",
             "Bo is in the sea. so it is, we go in the end and it is red. the sea is so red. Bo, Ek and we.");
    add_text("sentences.txt", "the end is red.\nBo\xc3\xa9 is\n");
    add_text("sentences.json", "[\"the sea\", {\"Text\": \"we go in\"}]");
    add_text("case.txt", "rome99 golden 1\ncase = ops/x\ntext t \"a\"\n"
                         "tensor x f64 1 1 role=input class=exact tol64=0 tol32=none\n3ff0000000000000 # 1\n"
                         "tensor y f64 2 1 role=expected class=f64 tol64=1e-15 tol32=1e-6\n3ff0000000000000\n"
                         "0000000000000000\nend 2\n");
    add_text("results.jsonl", LINE("0", "rome") LINE("1", "c-rome"));
    begin_study("begun.jsonl");
}

/* -------------------------------------------------------------------- the arguments */

/* No path, no number of more than two digits, which might take long. */
static size_t clean_text(char *to, const unsigned char *from, size_t n) {
    size_t i, used = 0, digits = 0;
    for (i = 0; i < n; i++) {
        digits = from[i] >= '0' && from[i] <= '9' ? digits + 1 : 0;
        if (from[i] == '\0' || from[i] == '/' || digits > 2) continue;
        if (from[i] == '.' && used > 0 && to[used - 1] == '.') continue;
        to[used++] = (char)from[i];
    }
    to[used] = '\0';
    return used;
}

static int read_arguments(char text[ARGUMENTS][ROOM], const unsigned char *data, size_t size) {
    size_t i = 0, n;
    int argc = 0;
    while (i < size && argc < ARGUMENTS) {
        const unsigned char c = data[i++];
        if (c == 0xFE && argc > 0 && i < size) {
            const char *word = words[data[i++] % WORDS];
            if (strlen(text[argc - 1]) + strlen(word) + 2 < ROOM) strcat(strcat(text[argc - 1], "="), word);
        } else if (c == 0xFF && i < size) {
            n = data[i++] % 40;
            if (n > size - i) n = size - i;
            (void)clean_text(text[argc++], data + i, n);
            i += n;
        } else {
            strcpy(text[argc++], words[c % WORDS]);
        }
    }
    return argc;
}

static int has(char text[ARGUMENTS][ROOM], int argc, const char *word) {
    int i;
    for (i = 1; i < argc; i++)
        if (strcmp(text[i], word) == 0) return 1;
    return 0;
}

/* Not what would take long: the demo; training, except where it must refuse: it has the word "m", which is
   no number and a folder that is there; making golden cases; studies, except for a small part of the lines.
   */
static int may_run(char text[ARGUMENTS][ROOM], int argc) {
    const char *command = argc > 0 ? text[0] : "";
    if (strcmp(command, "train") == 0) return has(text, argc, "m");
    if (strcmp(command, "golden") == 0) return !has(text, argc, "make");
    if (strcmp(command, "study") == 0) return has(text, argc, "--shard");
    return strcmp(command, "demo") != 0;
}

int fuzz_argv(const unsigned char *data, size_t size) {
    static char text[ARGUMENTS][ROOM], program[] = "rome99";
    char *argv[ARGUMENTS + 2];
    int argc = read_arguments(text, data, size), i, code;
    if (!may_run(text, argc)) return 0;
    if (!home) prepare();
    restore();
    argv[0] = program;
    for (i = 0; i < argc; i++) argv[i + 1] = text[i];
    argv[argc + 1] = NULL;
    code = run(argc + 1, argv);
    if (code < ROME99_DONE || code > ROME99_BAD_INPUT) fuzz_wrong("exit code %d", code);
    return code == ROME99_DONE;
}
