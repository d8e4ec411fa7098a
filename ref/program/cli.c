/* cli.c: options, help, numbers, messages. */
#include "program/cli.h"
#include "core/rome99.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *rome99_program = "";

static void print_help(const rome99_command *c) {
    const rome99_option *o;
    printf("usage: rome99 %s%s\n\n%s", c->usage, c->options[0].name ? " [options]" : "", c->about);
    if (c->options[0].name) printf("\noptions:\n");
    for (o = c->options; o->name; o++) {
        char left[64];
        sprintf(left, "%.30s%s%.25s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        printf("  %-26s%s%s\n", left, strlen(left) > 25 ? "\n                            " : "", o->help);
    }
}

static int usage_mistake(const rome99_command *c, const char *what, const char *which) {
    rome99_error e;
    rome99_fail(&e, NULL, "%s%s%.255s (usage: rome99 %s)", what, which ? " " : "", which ? which : "",
                c->usage);
    return rome99_complain(&e);
}

static int printed(void) {
    rome99_error e;
    return rome99_print("", 0, &e) ? rome99_complain(&e) : ROME99_DONE;
}

static rome99_option *find_option(const rome99_command *c, const char *name, size_t length) {
    rome99_option *o;
    for (o = c->options; o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
    return NULL;
}

int rome99_parse(const rome99_command *c, int argc, char **argv) {
    size_t count = 0;
    int i, options = 1;
    for (i = 1; i < argc; i++) {
        const char *a = argv[i], *equals = strchr(a, '=');
        rome99_option *o;
        if (!options || a[0] != '-' || a[1] == '\0') {
            if (count == c->most) return usage_mistake(c, "one argument too many:", a);
            c->positional[count++] = a;
            continue;
        }
        if (strcmp(a, "--") == 0) {
            options = 0;
            continue;
        }
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            print_help(c);
            return printed();
        }
        if (strcmp(a, "--version") == 0) {
            printf("rome99 %s\n", ROME99_VERSION);
            return printed();
        }
        if (!(o = find_option(c, a, equals ? (size_t)(equals - a) : strlen(a))))
            return usage_mistake(c, "unknown option", a);
        if (o->value) return usage_mistake(c, "given twice:", o->name);
        if (!o->argument && equals) return usage_mistake(c, "takes no value:", o->name);
        if (o->argument && !equals && (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0))
            return usage_mistake(c, "wants a value:", o->name);
        o->value = !o->argument ? o->name : equals ? equals + 1 : argv[++i];
        if (!*o->value) return usage_mistake(c, "wants a value that is not empty:", o->name);
    }
    if (count < c->least) return usage_mistake(c, "too few arguments", NULL);
    return -1;
}

int rome99_complain(const rome99_error *e) {
    rome99_progress("");
    fprintf(stderr, "rome99: %s\n", e->text);
    return ROME99_BAD_INPUT;
}

int rome99_print(const char *bytes, size_t size, rome99_error *e) {
    fwrite(bytes, 1, size, stdout);
    return fflush(stdout) || ferror(stdout) ? rome99_fail(e, "standard output", "cannot write") : 0;
}

void rome99_progress(const char *format, ...) {
    static int shown;
    va_list args;
    if (!rome99_is_terminal(2) || (!shown && !*format)) return;
    fputs("\r\033[K", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
    shown = *format != '\0';
}
