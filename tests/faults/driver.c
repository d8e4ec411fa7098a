/* driver.c: every call that can fail does so once, in every command of a table; for Linux.
 *
 *   driver IN WORK TABLE PROGRAM [NAME...]
 *
 * A line of TABLE is a command: NAME [several] [appends=FILE]: INPUT... | ARGUMENT... [<FILE], run in a scratch folder
 * that has copies of the inputs, which are in IN. It runs unbroken first. Then it runs again, and before each call of
 * tests/faults/faults.h the process forks, once for every kind of fault that the call can have: the child takes the
 * fault and goes on, in a copy of the folder; the parent sees what has become of it and goes on unbroken. Only what
 * comes behind a fault is run for it, so that tens of thousands of calls take seconds. PROGRAM, the same sources, is
 * run from the start with ROME99_FAULT for a few of the faults, which must come to the same.
 *
 * What may become of a fault:
 *   fallback  all is as without it
 *   refusal   exit 2; the last line on standard error, and the only one that is new, says what is wrong; nothing is
 *             left unfreed or open; standard output is a beginning; files are as they were, none is new
 *   kill      files are as they were or whole; another run then comes to the unbroken end
 * `several`: a command with several outputs may have written some of them, whole, before it is refused; `appends`: it
 * adds whole lines to FILE and is taken up again by the same command. Temporary names stay where a removal failed or
 * there was no time for it. */
/* This file's own calls are the library's. */
#define ROME99_FAULTS_PLAIN
#include "faults.h"

#include "folder.h"

#include <errno.h>
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

enum { WORDS = 64, SHOWN = 8, LIMIT = 120 /* seconds */ };

typedef struct {
    const char *name, *appends, *standard_input;
    int several, argc;
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

/* Shared by all processes. */
typedef struct {
    size_t passed, failed, fallbacks, refusals, kills;
} tally;
static tally *counts;

static command now;           /* the command in hand */
static const char *directory; /* its folder in WORK, with unbroken/, going/, broken/: files/, out, err, end */
static folder before;
static outcome unbroken;
static int said; /* where the driver prints */

/* ------------------------------------------------------------------------------- outcomes */

/* Times differ from run to run. */
static void mask_seconds(char *s) {
    static const char key[] = "\"seconds\": ";
    while ((s = strstr(s, key)) != NULL) {
        s += sizeof key - 1;
        memmove(s, s + strspn(s, "0123456789.e+-"), strlen(s + strspn(s, "0123456789.e+-")) + 1);
    }
}

static outcome outcome_read(const char *run, int status) {
    char *path = text("%s/%s/end", directory, run), *end;
    outcome o;
    size_t size;
    memset(&o, 0, sizeof o);
    o.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (access(path, F_OK) == 0) {
        end = read_whole(&size, path);
        if (sscanf(end, "memory %lu io %lu writes %lu blocks %lu streams %lu", &o.memory, &o.io, &o.writes,
                   &o.blocks, &o.streams) != 5)
            die("is no report", path);
        free(end);
    }
    free(path);
    o.out = read_whole(&size, path = text("%s/%s/out", directory, run));
    free(path);
    o.err = read_whole(&size, path = text("%s/%s/err", directory, run));
    free(path);
    o.files = folder_read(path = text("%s/%s/files", directory, run));
    free(path);
    mask_seconds(o.out);
    return o;
}

static void outcome_free(outcome *o) {
    free(o->out);
    free(o->err);
    folder_free(&o->files);
}

/* ------------------------------------------------------------------------------- judging */

/* Below a name as ref/files/os.h has them for a time: NAME.tmp-N. */
static int is_temporary(const char *path) {
    const char *p = strstr(path, ".tmp-");
    return p && p[5] >= '0' && p[5] <= '9' && strchr("0123456789/", p[5 + strspn(p + 5, "0123456789")]) &&
           (p[5 + strspn(p + 5, "0123456789")] == '\0' || p[5 + strspn(p + 5, "0123456789")] == '/');
}

static int is_killed(const fault *f) { return f->kind == ROME99_FAULT_KILL || f->kind == ROME99_FAULT_TEAR; }

static int may_leave_temporaries(const fault *f) {
    return is_killed(f) || (f->kind == ROME99_FAULT_IO && (f->sticky || f->call == ROME99_CALL_REMOVE));
}

/* Whether all that the unbroken run has at or below the first name of `path` is there. */
static int is_whole(const folder *files, const char *path) {
    const size_t n = strcspn(path, "/");
    size_t i;
    for (i = 0; i < unbroken.files.n; i++) {
        const entry *wanted = &unbroken.files.item[i], *got;
        if (strncmp(wanted->path, path, n) != 0 || (wanted->path[n] != '\0' && wanted->path[n] != '/'))
            continue;
        got = folder_find(files, wanted->path);
        if (!got || !entry_same(got, wanted)) return 0;
    }
    return folder_find(&unbroken.files, path) != NULL;
}

/* Whether `got` is a beginning of the unbroken run's file, of whole lines unless `torn`. */
static int is_beginning(const entry *got, int torn) {
    const entry *whole = folder_find(&unbroken.files, got->path);
    return whole && got->size <= whole->size && memcmp(got->bytes, whole->bytes, got->size) == 0 &&
           (torn || got->size == 0 || got->bytes[got->size - 1] == '\n');
}

/* NULL, or what is wrong with the files behind a refusal or a kill. */
static char *judge_files(const folder *files, const fault *f) {
    const int whole = now.several || is_killed(f);
    size_t i;
    for (i = 0; i < before.n; i++)
        if (!folder_find(files, before.item[i].path)) return text("%s is lost", before.item[i].path);
    for (i = 0; i < files->n; i++) {
        const entry *got = &files->item[i], *old = folder_find(&before, got->path);
        if (old && entry_same(old, got)) continue;
        if (may_leave_temporaries(f) && is_temporary(got->path)) continue;
        if (whole && is_whole(files, got->path)) continue;
        if (now.appends && strcmp(now.appends, got->path) == 0 &&
            is_beginning(got, f->kind == ROME99_FAULT_SHORT || f->kind == ROME99_FAULT_TEAR))
            continue;
        return text("%s %s", got->path, old ? "is changed" : "is new");
    }
    return NULL;
}

/* The line names something of the folder, an argument, or standard output. */
static int names_something(const char *line) {
    const folder *folders[2];
    size_t i, k;
    folders[0] = &before;
    folders[1] = &unbroken.files;
    for (k = 0; k < 2; k++)
        for (i = 0; i < folders[k]->n; i++) {
            const char *path = folders[k]->item[i].path, *slash = strrchr(path, '/');
            if (strstr(line, slash ? slash + 1 : path)) return 1;
        }
    for (i = 2; i < (size_t)now.argc; i++)
        if (strchr(now.argv[i], '/') && strstr(line, now.argv[i])) return 1;
    return strstr(line, "standard output") != NULL || strstr(line, "standard input") != NULL;
}

static int gives_reason(const char *line) {
    return strstr(line, strerror(EIO)) || strstr(line, strerror(EACCES)) || strstr(line, strerror(ENOSPC)) ||
           strstr(line, strerror(EISDIR)) || strstr(line, strerror(ENOENT)) || strstr(line, ": is missing") ||
           strstr(line, "standard output: cannot write");
}

static char *judge_refusal(const outcome *o, const fault *f) {
    const size_t size = strlen(o->err);
    const char *line = o->err + size;
    if (o->code != 2) return text("exit %d, expected %d or 2", o->code, unbroken.code);
    while (line > o->err && (line == o->err + size || line[-1] != '\n')) line--;
    if (size == 0 || o->err[size - 1] != '\n' || strncmp(line, "rome99: ", 8) != 0)
        return text("standard error does not end in a line \"rome99: ...\"");
    if (strncmp(o->err, unbroken.err, (size_t)(line - o->err)) != 0)
        return text("more than one line on standard error");
    if (f->kind == ROME99_FAULT_MEMORY && !strstr(line, "out of memory"))
        return text("the message does not say \"out of memory\"");
    if (f->kind != ROME99_FAULT_MEMORY && !names_something(line)) return text("the message names no file");
    if (f->kind != ROME99_FAULT_MEMORY && !gives_reason(line)) return text("the message gives no reason");
    if (o->blocks || o->streams) return text("%lu blocks and %lu streams are left", o->blocks, o->streams);
    /* What failed to be printed may leave a gap. */
    if (!strstr(line, "standard output: cannot write") && strncmp(o->out, unbroken.out, strlen(o->out)) != 0)
        return text("standard output is no beginning of the unbroken run's");
    return judge_files(&o->files, f);
}

/* Temporary names left aside where they may be. */
static const char *files_differ(const outcome *o, const fault *f) {
    folder rest = o->files;
    const char *path;
    size_t i, n = 0;
    rest.item = malloc((o->files.n + 1) * sizeof *rest.item);
    for (i = 0; i < o->files.n; i++)
        if (!may_leave_temporaries(f) || !is_temporary(o->files.item[i].path))
            rest.item[n++] = o->files.item[i];
    rest.n = n;
    path = folder_differs(&unbroken.files, &rest);
    free(rest.item);
    return path;
}

/* NULL, or what is wrong. */
static char *judge(const outcome *o, const fault *f) {
    if (is_killed(f)) {
        if (o->code != 128 + 9) return text("exit %d, expected a kill", o->code);
        counts->kills++;
        return judge_files(&o->files, f);
    }
    if (o->code == unbroken.code && strcmp(o->out, unbroken.out) == 0 && strcmp(o->err, unbroken.err) == 0 &&
        !files_differ(o, f)) {
        counts->fallbacks++;
        return o->blocks || o->streams
                   ? text("fallback: %lu blocks and %lu streams are left", o->blocks, o->streams)
                   : NULL;
    }
    counts->refusals++;
    return judge_refusal(o, f);
}

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
    open_as(0, now.standard_input ? now.standard_input : "/dev/null", O_RDONLY);
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
    for (input = now.inputs; *input; input++) {
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
    int status;
    const pid_t child = fork();
    if (child == 0) {
        int d;
        for (d = 3; d < 64; d++) close(d); /* what the parent has gathered goes nowhere, now or at the exit */
        open_as(1, "/dev/null", O_WRONLY);
        fflush(stdout);
        rome99_fault_hook = NULL;
        enter(where, flags);
        if (!program) finish(rome99_main(now.argc, now.argv));
        setenv("ROME99_FAULT", set, 1);
        setenv("ROME99_FAULT_REPORT", "../end", 1);
        execv(program, now.argv);
        die("cannot run", program);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot run", now.name);
    return status;
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
    if (!folder_differs(&before, &o->files)) return NULL;
    for (i = 0; i < o->files.n; i++) /* a new folder, which is whole */
        if (o->files.item[i].folder && !folder_find(&before, o->files.item[i].path) &&
            !is_temporary(o->files.item[i].path))
            return NULL;
    again = outcome_read("broken", run("broken", O_TRUNC, NULL, NULL));
    if (again.code != unbroken.code || strcmp(again.out, unbroken.out) != 0)
        wrong = text("run again: exit %d: %.200s", again.code, again.err);
    else if (files_differ(&again, &none))
        wrong = text("run again: %s differs", files_differ(&again, &none));
    outcome_free(&again);
    return wrong;
}

/* Judges the run in broken/. Returns whether its files are those of `same`. */
static int weigh(const fault *f, int status, const folder *same) {
    outcome o = outcome_read("broken", status);
    char name[64], *wrong = judge(&o, f);
    int unchanged = same && !folder_differs(same, &o.files);
    if (!wrong && (is_killed(f) || (now.appends && o.code == 2))) {
        wrong = run_again(&o);
        unchanged = 0;
    }
    if (wrong) {
        fault_name(name, f);
        if (counts->failed < SHOWN)
            dprintf(said, "FAIL %s: ROME99_FAULT=%s: %s; exit %d, \"%.*s\"\n", now.name, name, wrong, o.code,
                    (int)strcspn(o.err, "\n"), o.err);
        counts->failed++;
    } else {
        counts->passed++;
    }
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
    int status;
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
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot wait", now.name);
    copied = weigh(&f, status, &going);
    return 0;
}

static void before_call(rome99_fault_call call) {
    if (call == ROME99_CALL_MEMORY) {
        memory++;
        (void)take(ROME99_FAULT_MEMORY, 0, call);
        return;
    }
    io++;
    writes += call == ROME99_CALL_WRITE;
    copied = 0; /* the last call of files may have changed one */
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
            const size_t calls = f.kind == ROME99_FAULT_MEMORY ? unbroken.memory : unbroken.io;
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
    int status;
    erase(directory);
    if (mkdir(directory, 0777) != 0) die("cannot make", directory);
    set_out(in, "unbroken");
    files = place("unbroken", "files");
    before = folder_read(files);
    free(files);
    unbroken = outcome_read("unbroken", run("unbroken", O_CREAT, NULL, NULL));
    if ((unbroken.code != 0 && unbroken.code != 1) || unbroken.blocks || unbroken.streams) {
        dprintf(said, "FAIL %s: without a fault: exit %d, %lu blocks and %lu streams are left: %s\n",
                now.name, unbroken.code, unbroken.blocks, unbroken.streams, unbroken.err);
        counts->failed++;
        return;
    }
    set_out(in, "going");
    if ((child = fork()) == 0) {
        enter("going", O_CREAT);
        rome99_fault_hook = before_call;
        finish(rome99_main(now.argc, now.argv));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot wait", now.name);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != unbroken.code) {
        dprintf(said, "FAIL %s: the run that takes no fault ends with status %x\n", now.name,
                (unsigned)status);
        counts->failed++;
    }
    run_program(in, program);
    dprintf(said, "%-20s %7lu %6lu %7lu %9lu %9lu %7lu %6lu %6.1f\n", now.name, unbroken.memory, unbroken.io,
            (unsigned long)(counts->passed + counts->failed), (unsigned long)counts->fallbacks,
            (unsigned long)counts->refusals, (unsigned long)counts->kills, (unsigned long)counts->failed,
            seconds() - start);
    erase(directory);
}

/* Takes a line of the table apart; 0 where it has no command. */
static int read_command(command *c, char *line) {
    char *word = strtok(line, " ");
    size_t n = 0;
    memset(c, 0, sizeof *c);
    if (!word || *word == '#') return 0;
    for (c->name = word; word && word[strlen(word) - 1] != ':'; word = strtok(NULL, " ")) {
        if (strcmp(word, "several") == 0) c->several = 1;
        if (strncmp(word, "appends=", 8) == 0) c->appends = word + 8;
    }
    if (word && strncmp(word, "appends=", 8) == 0) c->appends = word + 8;
    if (word && strcmp(word, "several:") == 0) c->several = 1;
    if (word) word[strlen(word) - 1] = '\0';
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
    int status;
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
        if (!read_command(&now, line) || !chosen(now.name, argv + 5)) continue;
        if (n == 200) die("has too many commands", argv[3]);
        counts = &all[n++];
        directory = text("%s/%s", work, now.name);
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
