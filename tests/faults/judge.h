/* judge.h: what a run came to, and whether a fault may come to that.
 *
 *   fallback  all is as without it
 *   refusal   exit 2; the last line on standard error, and the only one that is new, says what is wrong; nothing
 *             is left unfreed or open; standard output is a beginning; files are as they were, none is new
 *   kill      files are as they were or whole
 *
 * A command with several outputs may have written some of them, whole, before it is refused. Temporary names stay
 * where a removal failed or there was no time for it. */
#ifndef JUDGE_H
#define JUDGE_H
#define ROME99_FAULTS_PLAIN
#include "faults.h"

#include "folder.h"

enum { WORDS = 64 };

/* A line of the table; several: it has several outputs; appends: the file that it adds lines to; keeps: the file
   that it is taken up again from, which a run that ends before its end may leave; every: only each N-th of its calls
   takes faults (0: each). */
typedef struct {
    const char *name, *appends, *keeps, *standard_input;
    int several, argc;
    size_t every;
    char *inputs[WORDS], *argv[WORDS];
} command;

typedef struct {
    rome99_fault_kind kind;
    int sticky;
    size_t n;
    rome99_fault_call call;
} fault;

/* What a run came to. */
typedef struct {
    int code; /* 128 + N: killed by signal N */
    unsigned long memory, io, writes, blocks, streams;
    char *out, *err;
    folder files;
} outcome;

/* What a command starts from and, without a fault, comes to. */
typedef struct {
    command command;
    folder before;
    outcome unbroken;
} trial;

typedef enum { FALLBACK, REFUSAL, KILL } verdict;

/* Of a run's folder, which has files/, out, err, end. */
outcome outcome_read(const char *run, int status);
void outcome_free(outcome *o);
int is_temporary(const char *path);
int is_killed(const fault *f);
/* The first path that is not as the unbroken run leaves it, or NULL. */
const char *files_differ(const trial *t, const outcome *o, const fault *f);
/* What is wrong, in a new string, or NULL. */
char *judge(verdict *v, const trial *t, const outcome *o, const fault *f);

#endif
