/* judge.c: see judge.h. */
#include "judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- outcomes */

/* Times differ from run to run. */
static void mask_seconds(char *s) {
    static const char key[] = "\"seconds\": ";
    while ((s = strstr(s, key)) != NULL) {
        s += sizeof key - 1;
        memmove(s, s + strspn(s, "0123456789.e+-"), strlen(s + strspn(s, "0123456789.e+-")) + 1);
    }
}

outcome outcome_read(const char *run, int status) {
    char *path = text("%s/end", run), *end;
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
    o.out = read_whole(&size, path = text("%s/out", run));
    free(path);
    o.err = read_whole(&size, path = text("%s/err", run));
    free(path);
    o.files = folder_read(path = text("%s/files", run));
    free(path);
    mask_seconds(o.out);
    return o;
}

void outcome_free(outcome *o) {
    free(o->out);
    free(o->err);
    folder_free(&o->files);
}

/* ------------------------------------------------------------------------------- judging */

/* Below a name as ref/files/os.h has them for a time: NAME.tmp-N. */
int is_temporary(const char *path) {
    const char *p = strstr(path, ".tmp-");
    return p && p[5] >= '0' && p[5] <= '9' && strchr("0123456789/", p[5 + strspn(p + 5, "0123456789")]) &&
           (p[5 + strspn(p + 5, "0123456789")] == '\0' || p[5 + strspn(p + 5, "0123456789")] == '/');
}

int is_killed(const fault *f) { return f->kind == ROME99_FAULT_KILL || f->kind == ROME99_FAULT_TEAR; }

static int may_leave_temporaries(const fault *f) {
    return is_killed(f) || (f->kind == ROME99_FAULT_IO && (f->sticky || f->call == ROME99_CALL_REMOVE));
}

/* Whether all that the unbroken run has at or below the first name of `path` is there. */
static int is_whole(const trial *t, const folder *files, const char *path) {
    const size_t n = strcspn(path, "/");
    size_t i;
    for (i = 0; i < t->unbroken.files.n; i++) {
        const entry *wanted = &t->unbroken.files.item[i], *got;
        if (strncmp(wanted->path, path, n) != 0 || (wanted->path[n] != '\0' && wanted->path[n] != '/'))
            continue;
        got = folder_find(files, wanted->path);
        if (!got || !entry_same(got, wanted)) return 0;
    }
    return folder_find(&t->unbroken.files, path) != NULL;
}

/* Whether `got` is a beginning of the unbroken run's file; a line that was cut off is made again by the next run. */
static int is_beginning(const trial *t, const entry *got) {
    const entry *whole = folder_find(&t->unbroken.files, got->path);
    return whole && got->size <= whole->size && memcmp(got->bytes, whole->bytes, got->size) == 0;
}

/* NULL, or what is wrong with the files behind a refusal or a kill. */
static char *judge_files(const trial *t, const folder *files, const fault *f) {
    const int whole = t->command.several || is_killed(f);
    size_t i;
    for (i = 0; i < t->before.n; i++)
        if (!folder_find(files, t->before.item[i].path)) return text("%s is lost", t->before.item[i].path);
    for (i = 0; i < files->n; i++) {
        const entry *got = &files->item[i], *old = folder_find(&t->before, got->path);
        if (old && entry_same(old, got)) continue;
        if (may_leave_temporaries(f) && is_temporary(got->path)) continue;
        if (whole && is_whole(t, files, got->path)) continue;
        if (t->command.keeps && strcmp(t->command.keeps, got->path) == 0) continue;
        if (t->command.appends && strcmp(t->command.appends, got->path) == 0 && is_beginning(t, got))
            continue;
        return text("%s %s", got->path, old ? "is changed" : "is new");
    }
    return NULL;
}

/* The line names something of the folder, an argument, or standard output. */
static int names_something(const trial *t, const char *line) {
    const folder *folders[2];
    size_t i, k;
    folders[0] = &t->before;
    folders[1] = &t->unbroken.files;
    for (k = 0; k < 2; k++)
        for (i = 0; i < folders[k]->n; i++) {
            const char *path = folders[k]->item[i].path, *slash = strrchr(path, '/');
            if (strstr(line, slash ? slash + 1 : path)) return 1;
        }
    for (i = 2; i < (size_t)t->command.argc; i++)
        if (strchr(t->command.argv[i], '/') && strstr(line, t->command.argv[i])) return 1;
    return strstr(line, "standard output") != NULL || strstr(line, "standard input") != NULL;
}

/* The last two: a file that could not be looked at once, and then turned out not to be there. */
static int gives_reason(const char *line) {
    static const int reasons[] = {EIO, EACCES, ENOSPC, EISDIR, ENOENT};
    size_t i;
    for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strstr(line, strerror(reasons[i]))) return 1;
    return strstr(line, "standard output: cannot write") || strstr(line, ": is missing") ||
           strstr(line, ": is not a regular file") || strstr(line, ": cannot be removed");
}

static char *judge_refusal(const trial *t, const outcome *o, const fault *f) {
    const size_t size = strlen(o->err);
    const char *line = o->err + size;
    if (o->code != 2) return text("exit %d, expected %d or 2", o->code, t->unbroken.code);
    while (line > o->err && (line == o->err + size || line[-1] != '\n')) line--;
    if (size == 0 || o->err[size - 1] != '\n' || strncmp(line, "rome99: ", 8) != 0)
        return text("standard error does not end in a line \"rome99: ...\"");
    if (strncmp(o->err, t->unbroken.err, (size_t)(line - o->err)) != 0)
        return text("more than one line on standard error");
    if (f->kind == ROME99_FAULT_MEMORY && !strstr(line, "out of memory"))
        return text("the message does not say \"out of memory\"");
    if (f->kind != ROME99_FAULT_MEMORY && !names_something(t, line)) return text("the message names no file");
    if (f->kind != ROME99_FAULT_MEMORY && !gives_reason(line)) return text("the message gives no reason");
    if (o->blocks || o->streams) return text("%lu blocks and %lu streams are left", o->blocks, o->streams);
    /* What failed to be printed may leave a gap. */
    if (!strstr(line, "standard output: cannot write") &&
        strncmp(o->out, t->unbroken.out, strlen(o->out)) != 0)
        return text("standard output is no beginning of the unbroken run's");
    return judge_files(t, &o->files, f);
}

/* Temporary names left aside where they may be. */
const char *files_differ(const trial *t, const outcome *o, const fault *f) {
    folder rest = o->files;
    const char *path;
    size_t i, n = 0;
    rest.item = malloc((o->files.n + 1) * sizeof *rest.item);
    for (i = 0; i < o->files.n; i++)
        if (!may_leave_temporaries(f) || !is_temporary(o->files.item[i].path))
            rest.item[n++] = o->files.item[i];
    rest.n = n;
    path = folder_differs(&t->unbroken.files, &rest);
    free(rest.item);
    return path;
}

/* NULL, or what is wrong. */
char *judge(verdict *v, const trial *t, const outcome *o, const fault *f) {
    if (is_killed(f)) {
        if (o->code != 128 + 9) return text("exit %d, expected a kill", o->code);
        *v = KILL;
        return judge_files(t, &o->files, f);
    }
    if (o->code == t->unbroken.code && strcmp(o->out, t->unbroken.out) == 0 &&
        strcmp(o->err, t->unbroken.err) == 0 && !files_differ(t, o, f)) {
        *v = FALLBACK;
        return o->blocks || o->streams
                   ? text("fallback: %lu blocks and %lu streams are left", o->blocks, o->streams)
                   : NULL;
    }
    *v = REFUSAL;
    return judge_refusal(t, o, f);
}
