/* cli.h: what every command shares: options, help, numbers, exit codes. */
#ifndef ROME99_CLI_H
#define ROME99_CLI_H

#include "files/os.h"

#include <stddef.h>
#include <stdint.h>

/* Exit codes of every command. */
enum { ROME99_DONE = 0, ROME99_DIFFERS = 1, ROME99_BAD_INPUT = 2 };

typedef struct {
    const char *name;     /* "--layer" */
    const char *argument; /* what its value is, in the help; NULL for a flag */
    const char *help;
    const char *value; /* set by rome99_parse: the value, or the name of a flag; NULL if not given */
} rome99_option;

typedef struct {
    const char *usage;       /* "edit MODEL REQUEST" */
    const char *about;       /* what it does: lines of at most 79 columns, each ended by a newline */
    rome99_option *options;  /* ended by a NULL name */
    const char **positional; /* receives the arguments that are no options, in order */
    size_t least, most;      /* how many of those there must be */
} rome99_command;

/* Reads argv[1..] into the command. Returns -1 to go on; else the exit code to return at once: after
 * --help or --version, which it prints, or after a mistake, which it prints too. "--" ends the options;
 * "-" is an argument; a value that begins with "--" must be given as --name=value. */
int rome99_parse(const rome99_command *command, int argc, char **argv);

/* Prints "rome99: message" on standard error and returns ROME99_BAD_INPUT. */
int rome99_complain(const rome99_error *e);

/* Prints bytes on standard output and flushes it: 0, or -1 with *e set if that or any earlier output failed. */
int rome99_print(const char *bytes, size_t size, rome99_error *e);

/* A progress line on standard error, overwritten by the next, shown on a terminal only; "" removes it. */
void rome99_progress(const char *format, ...);

/* How the program was called: argv[0]. */
extern const char *rome99_program;

/* The commands. */
int rome99_cmd_demo(int argc, char **argv);
int rome99_cmd_edit(int argc, char **argv);
int rome99_cmd_next(int argc, char **argv);
int rome99_cmd_generate(int argc, char **argv);
int rome99_cmd_tokens(int argc, char **argv);
int rome99_cmd_ppl(int argc, char **argv);
int rome99_cmd_cov(int argc, char **argv);
int rome99_cmd_train(int argc, char **argv);
int rome99_cmd_compare(int argc, char **argv);
int rome99_cmd_golden(int argc, char **argv);
int rome99_cmd_study(int argc, char **argv);
int rome99_cmd_report(int argc, char **argv);

#endif
