/* replay.c: replay [-v] FILE...: runs targets on inputs TARGET/NAME without libFuzzer. Every target must have
   some, and accept one of them at least. What the program says is not shown. -v: it is, each file is named
   before it is run, and may be the only one. Last line: "N passed, N failed". */
#define _XOPEN_SOURCE 700

#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *report;
static const char *current;
static unsigned long passed, failed;
static int wrong;

void fuzz_wrong(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(report, "FAIL %s: ", current);
    vfprintf(report, format, list);
    fprintf(report, "\n");
    va_end(list);
    wrong = 1;
}

void fuzz_memory(size_t size, size_t factor) { (void)size, (void)factor; }

static void count(int good) {
    passed += (unsigned long)(good != 0);
    failed += (unsigned long)(good == 0);
}

/* The target that the folder of a file is named after. */
static const fuzz_target *target_of(const char *path) {
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/') begin--;
    return end ? fuzz_find(begin, (size_t)(end - begin)) : NULL;
}

/* Returns whether the target accepted the file. */
static int run(const fuzz_target *t, const char *path) {
    unsigned char *file, *data;
    size_t size;
    rome99_error e;
    int accepted = 0;
    current = path;
    wrong = 0;
    if (!t) {
        fuzz_wrong("no target has the name of its folder");
    } else if (rome99_read_file(&file, &size, path, &e)) {
        fuzz_wrong("%s", e.text);
    } else {
        data = malloc(size + (size == 0)); /* without a NUL behind it */
        if (data && size) memcpy(data, file, size);
        free(file);
        accepted = data && t->run(data, size);
        free(data);
    }
    count(!wrong);
    return accepted;
}

int main(int argc, char **argv) {
    const int verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    unsigned long inputs[FUZZ_TARGETS] = {0}, accepted[FUZZ_TARGETS] = {0};
    int i, t;
    report = fdopen(dup(1), "w");
    if (!report || !freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout) ||
        (!verbose && !freopen("/dev/null", "w", stderr)))
        return 2;
    for (i = 1 + verbose; i < argc; i++) {
        const fuzz_target *target = target_of(argv[i]);
        if (verbose) fprintf(report, "%s\n", argv[i]), fflush(report);
        t = target ? (int)(target - fuzz_targets) : 0;
        inputs[t]++;
        if (run(target, argv[i])) accepted[t]++;
    }
    for (t = 0; t < FUZZ_TARGETS; t++) {
        if (inputs[t] || !verbose)
            fprintf(report, "%-12s %4lu inputs, %4lu accepted\n", fuzz_targets[t].name, inputs[t],
                    accepted[t]);
        if (!verbose) count(accepted[t] > 0);
    }
    fprintf(report, "%lu passed, %lu failed\n", passed, failed);
    return fclose(report) != 0 || failed != 0;
}
