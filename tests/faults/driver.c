/* driver.c: every call that can fail does so once, in every command of a table; for Linux.
 *
 *   driver IN WORK TABLE PROGRAM [NAME...]
 *
 * A line of TABLE is a command: NAME [several] [appends=FILE] [keeps=FILE] [every=N]: INPUT... | ARGUMENT...
 * [<FILE], run in a scratch folder that has copies of the inputs, which are in IN. It runs unbroken first. Then it
 * runs again, and before each (every=N: each N-th) call of faults.h the process forks, once for every kind of
 * fault that the call can have: the child takes the fault and goes on, in a copy of the folder; the parent judges
 * what has become of it (judge.h) and goes on unbroken. Only what comes behind a fault is run for it, so that tens
 * of thousands of calls take minutes. What was killed, or was refused while it appends, is run again and must come
 * to the unbroken end. PROGRAM, the same sources, is run from the start with ROME99_FAULT for a few of the faults,
 * which must come to the same. NAME: only commands that begin so. */
#include "judge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int rome99_main(int argc, char **argv); /* main of ref/program/main.c */

enum { SHOWN = 8, LIMIT = 120 /* seconds */ };

/* Shared by all processes. */
typedef struct {
    size_t passed, failed, verdicts[3];
} tally;
static tally *counts;

static trial now;             /* of the command in hand */
static const char *directory; /* its folder in WORK, with unbroken/, going/, broken/ */
static int said;              /* where the driver prints */

/* ------------------------------------------------------------------------------- running */

static char *place(const char *run, const char *name) { return text("%s/%s/%s", directory, run, name); }

static void open_as(int descriptor, const char *path, int flags) {
    const int f = open(path, flags, 0666);
    if (f < 0 || dup2(f, descriptor) < 0) die("cannot open", path);
    close(f);
}

/* In a process of its own: into a run's folder, with its standard streams. */
static void enter(const char *run, int flags) {
    char *files = place(run, "files"), *out = place(run, "out"), *err = place(run, "err");
    if (chdir(files) != 0) die("cannot enter", files);
    open_as(0, now.command.standard_input ? now.command.standard_input : "/dev/null", O_RDONLY);
    open_as(1, out, O_WRONLY | O_APPEND | flags);
    open_as(2, err, O_WRONLY | O_APPEND | flags);
    alarm(LIMIT);
}

/* The end of every run: its report, wherever it has got to. */
static void finish(int code) {
    char *report = text("memory %lu io %lu writes %lu blocks %lu streams %lu\n",
                        (unsigned long)rome99_fault_count(ROME99_FAULT_MEMORY),
                        (unsigned long)rome99_fault_count(ROME99_FAULT_IO),
                        (unsigned long)rome99_fault_count(ROME99_FAULT_SHORT),
                        (unsigned long)rome99_fault_blocks(), (unsigned long)rome99_fault_streams());
    const int f = open("../end", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (f < 0 || write(f, report, strlen(report)) < 0) die("cannot write", "../end");
    exit(code);
}

/* A fresh folder with the inputs. */
static void set_out(const char *in, const char *run) {
    char *files = place(run, "files"), *top = text("%s/%s", directory, run);
    char **input;
    erase(top);
    if (mkdir(top, 0777) != 0 || mkdir(files, 0777) != 0) die("cannot make", files);
    for (input = now.command.inputs; *input; input++) {
        char *from = text("%s/%s", in, *input), *to = text("%s/%s", files, *input);
        copy(from, to);
        free(from);
        free(to);
    }
    free(files);
    free(top);
}

/* Runs the command without a fault, or the program with one. */
static int run(const char *where, int flags, const char *program, const char *set) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        int d;
        for (d = 3; d < 64; d++) close(d); /* what the parent has gathered goes nowhere, now or at the exit */
        open_as(1, "/dev/null", O_WRONLY);
        fflush(stdout);
        rome99_fault_hook = NULL;
        enter(where, flags);
        if (!program) finish(rome99_main(now.command.argc, now.command.argv));
        setenv("ROME99_FAULT", set, 1);
        setenv("ROME99_FAULT_REPORT", "../end", 1);
        execv(program, now.command.argv);
        die("cannot run", program);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot run", now.command.name);
    return status;
}

static outcome read_run(const char *where, int status) {
    char *top = text("%s/%s", directory, where);
    outcome o = outcome_read(top, status);
    free(top);
    return o;
}

static void fault_name(char name[64], const fault *f) {
    static const char *const kinds[] = {"none", "memory", "io", "full", "kill", "short", "tear"};
    sprintf(name, "%s:%lu%s", kinds[f->kind], (unsigned long)f->n, f->sticky ? ":sticky" : "");
}

/* What was stopped is run again where it stopped, unless it had done nothing or all: NULL, or what is wrong. */
static char *run_again(const outcome *o) {
    const fault none = {ROME99_FAULT_KILL, 0, 0, ROME99_CALL_LOOK};
    outcome again;
    char *wrong = NULL;
    size_t i;
    if (!folder_differs(&now.before, &o->files)) return NULL;
    for (i = 0; i < o->files.n; i++) /* a new folder, which is whole */
        if (o->files.item[i].folder && !folder_find(&now.before, o->files.item[i].path) &&
            !is_temporary(o->files.item[i].path))
            return NULL;
    again = read_run("broken", run("broken", O_TRUNC, NULL, NULL));
    if (again.code != now.unbroken.code || strcmp(again.out, now.unbroken.out) != 0)
        wrong = text("run again: exit %d: %.200s", again.code, again.err);
    else if (files_differ(&now, &again, &none))
        wrong = text("run again: %s differs", files_differ(&now, &again, &none));
    outcome_free(&again);
    return wrong;
}

/* Judges the run in broken/. Returns whether its files are those of `same`. */
static int weigh(const fault *f, int status, const folder *same) {
    outcome o = read_run("broken", status);
    verdict v = FALLBACK;
    char name[64], *wrong = judge(&v, &now, &o, f);
    int unchanged = same && !folder_differs(same, &o.files);
    if (!wrong && (is_killed(f) || (now.command.appends && o.code == 2))) {
        wrong = run_again(&o);
        unchanged = 0;
    }
    if (wrong) {
        fault_name(name, f);
        if (counts->failed < SHOWN)
            dprintf(said, "FAIL %s: ROME99_FAULT=%s: %s; exit %d, \"%.*s\"\n", now.command.name, name, wrong,
                    o.code, (int)strcspn(o.err, "\n"), o.err);
        counts->failed++;
    } else {
        counts->passed++;
    }
    counts->verdicts[v]++;
    free(wrong);
    outcome_free(&o);
    return unchanged;
}

/* ------------------------------------------------------------------------------- each call */

static folder going;              /* what broken/ is a copy of */
static int copied;                /* broken/ is still that */
static size_t memory, io, writes; /* calls so far */

static void copy_going(void) {
    char *from = place("going", "files"), *to = place("broken", "files"), *top = text("%s/broken", directory);
    if (!copied) {
        erase(top);
        if (mkdir(top, 0777) != 0) die("cannot make", top);
        copy(from, to);
        folder_free(&going);
        going = folder_read(to);
        copied = 1;
    }
    free(from);
    free(to);
    copy(from = place("going", "out"), to = place("broken", "out"));
    free(from);
    free(to);
    copy(from = place("going", "err"), to = place("broken", "err"));
    free(from);
    free(to);
    erase(to = place("broken", "end"));
    free(to);
    free(top);
}

/* Into the copy, with every open file where it was. */
static void change_over(void) {
    char *from = text("%s/going/", directory), *to = text("%s/broken/", directory), link[64], path[4096];
    int d;
    for (d = 0; d < 64; d++) {
        struct stat s;
        ssize_t n;
        off_t at;
        char *other;
        sprintf(link, "/proc/self/fd/%d", d);
        if ((n = readlink(link, path, sizeof path - 1)) < 0) continue;
        path[n] = '\0';
        if (fstat(d, &s) != 0 || !S_ISREG(s.st_mode)) continue;
        at = lseek(d, 0, SEEK_CUR);
        other = strncmp(path, from, strlen(from)) == 0 ? text("%s%s", to, path + strlen(from))
                                                       : text("%s", path);
        open_as(d, other, fcntl(d, F_GETFL) & (O_ACCMODE | O_APPEND));
        if (lseek(d, at, SEEK_SET) < 0) die("cannot seek", other);
        free(other);
    }
    free(from);
    free(to);
    to = place("broken", "files");
    if (chdir(to) != 0) die("cannot enter", to);
    free(to);
}

/* Returns 1 in a child that takes the fault. */
static int take(rome99_fault_kind kind, int sticky, rome99_fault_call call) {
    fault f;
    pid_t child;
    int status = 0;
    f.kind = kind;
    f.sticky = sticky;
    f.call = call;
    f.n = kind == ROME99_FAULT_MEMORY                               ? memory
          : kind == ROME99_FAULT_SHORT || kind == ROME99_FAULT_TEAR ? writes
                                                                    : io;
    copy_going();
    if ((child = fork()) == 0) {
        change_over();
        alarm(LIMIT);
        rome99_fault_hook = NULL;
        rome99_fault_set(kind, 0, sticky);
        return 1;
    }
    alarm(LIMIT);
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot wait", now.command.name);
    copied = weigh(&f, status, &going);
    return 0;
}

static void before_call(rome99_fault_call call) {
    memory += call == ROME99_CALL_MEMORY;
    io += call != ROME99_CALL_MEMORY;
    writes += call == ROME99_CALL_WRITE;
    if (call != ROME99_CALL_MEMORY) copied = 0; /* the last call of files may have changed one */
    if (now.command.every && (memory + io) % now.command.every != 0) return;
    if (call == ROME99_CALL_MEMORY) {
        (void)take(ROME99_FAULT_MEMORY, 0, call);
        return;
    }
    if (take(ROME99_FAULT_IO, 0, call) || take(ROME99_FAULT_IO, 1, call) || take(ROME99_FAULT_KILL, 0, call))
        return;
    if ((call == ROME99_CALL_SPACE || call == ROME99_CALL_WRITE) && take(ROME99_FAULT_FULL, 0, call)) return;
    if (call == ROME99_CALL_WRITE && (take(ROME99_FAULT_SHORT, 0, call) || take(ROME99_FAULT_TEAR, 0, call)))
        return;
    copied = 0;
}

/* ------------------------------------------------------------------------------- a command */

/* A few faults of PROGRAM, run from its start. */
static void run_program(const char *in, const char *program) {
    static const fault kinds[] = {{ROME99_FAULT_MEMORY, 0, 0, ROME99_CALL_MEMORY},
                                  {ROME99_FAULT_IO, 1, 0, ROME99_CALL_LOOK},
                                  {ROME99_FAULT_KILL, 0, 0, ROME99_CALL_LOOK},
                                  {ROME99_FAULT_FULL, 0, 0, ROME99_CALL_SPACE}};
    size_t i, k;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (k = 0; k <= 2; k++) {
            fault f = kinds[i];
            char name[64];
            const size_t calls = f.kind == ROME99_FAULT_MEMORY ? now.unbroken.memory : now.unbroken.io;
            f.n = 1 + k * (calls - 1) / 2;
            fault_name(name, &f);
            set_out(in, "broken");
            weigh(&f, run("broken", O_CREAT, program, name), NULL);
        }
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In a process of its own. */
static void test(const char *in, const char *program) {
    const double start = seconds();
    char *files;
    pid_t child;
    int status = 0;
    erase(directory);
    if (mkdir(directory, 0777) != 0) die("cannot make", directory);
    set_out(in, "unbroken");
    files = place("unbroken", "files");
    now.before = folder_read(files);
    free(files);
    now.unbroken = read_run("unbroken", run("unbroken", O_CREAT, NULL, NULL));
    if ((now.unbroken.code != 0 && now.unbroken.code != 1) || now.unbroken.blocks || now.unbroken.streams) {
        dprintf(said, "FAIL %s: without a fault: exit %d, %lu blocks and %lu streams are left: %s\n",
                now.command.name, now.unbroken.code, now.unbroken.blocks, now.unbroken.streams,
                now.unbroken.err);
        counts->failed++;
        return;
    }
    set_out(in, "going");
    if ((child = fork()) == 0) {
        enter("going", O_CREAT);
        rome99_fault_hook = before_call;
        finish(rome99_main(now.command.argc, now.command.argv));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot wait", now.command.name);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != now.unbroken.code) {
        dprintf(said, "FAIL %s: the run that takes no fault ends with status %x\n", now.command.name,
                (unsigned)status);
        counts->failed++;
    }
    run_program(in, program);
    dprintf(said, "%-20s %7lu %6lu %7lu %9lu %9lu %7lu %6lu %6.1f\n", now.command.name, now.unbroken.memory,
            now.unbroken.io, (unsigned long)(counts->passed + counts->failed),
            (unsigned long)counts->verdicts[FALLBACK], (unsigned long)counts->verdicts[REFUSAL],
            (unsigned long)counts->verdicts[KILL], (unsigned long)counts->failed, seconds() - start);
    erase(directory);
}

/* Takes a line of the table apart; 0 where it has no command. */
static int read_command(command *c, char *line) {
    char *word = strtok(line, " ");
    size_t n = 0;
    int last;
    memset(c, 0, sizeof *c);
    if (!word || *word == '#') return 0;
    for (c->name = word; word; word = last ? NULL : strtok(NULL, " ")) {
        last = word[strlen(word) - 1] == ':';
        if (last) word[strlen(word) - 1] = '\0';
        if (strcmp(word, "several") == 0) c->several = 1;
        if (strncmp(word, "appends=", 8) == 0) c->appends = word + 8;
        if (strncmp(word, "keeps=", 6) == 0) c->keeps = word + 6;
        if (strncmp(word, "every=", 6) == 0) c->every = (size_t)atol(word + 6);
    }
    while ((word = strtok(NULL, " ")) != NULL && strcmp(word, "|") != 0) c->inputs[n++] = word;
    c->argv[c->argc++] = text("rome99");
    while ((word = strtok(NULL, " ")) != NULL)
        if (*word == '<')
            c->standard_input = word + 1;
        else
            c->argv[c->argc++] = word;
    return 1;
}

static int chosen(const char *name, char **names) {
    if (!*names) return 1;
    for (; *names; names++)
        if (strncmp(name, *names, strlen(*names)) == 0) return 1;
    return 0;
}

int main(int argc, char **argv) {
    size_t size, n = 0, running = 0, i, passed = 0, failed = 0;
    char *table, *line, *next, *in, *work, *program;
    tally *all;
    int status = 0;
    if (argc < 5 || !(in = realpath(argv[1], NULL)) || !(work = realpath(argv[2], NULL)) ||
        !(program = realpath(argv[4], NULL))) {
        dprintf(2, "usage: driver IN WORK TABLE PROGRAM [NAME...]\n");
        return 2;
    }
    table = read_whole(&size, argv[3]);
    said = fcntl(1, F_DUPFD, 100);
    all = mmap(NULL, 200 * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (said < 0 || all == MAP_FAILED) die("cannot begin", "driver");
    dprintf(said, "%-20s %7s %6s %7s %9s %9s %7s %6s %6s\n", "command", "memory", "files", "faults",
            "fallbacks", "refusals", "kills", "failed", "s");
    for (line = table; line && *line; line = next) {
        if ((next = strchr(line, '\n')) != NULL) *next++ = '\0';
        if (!read_command(&now.command, line) || !chosen(now.command.name, argv + 5)) continue;
        if (n == 200) die("has too many commands", argv[3]);
        counts = &all[n++];
        directory = text("%s/%s", work, now.command.name);
        if (running == 2 && wait(&status) > 0) {
            running--;
            failed += status != 0;
        }
        if (fork() == 0) {
            test(in, program);
            _exit(0);
        }
        running++;
    }
    while (wait(&status) > 0) failed += status != 0;
    for (i = 0; i < n; i++) {
        passed += all[i].passed;
        failed += all[i].failed;
    }
    printf("%lu passed, %lu failed\n", (unsigned long)passed, (unsigned long)failed);
    return failed > 0 || passed == 0;
}
