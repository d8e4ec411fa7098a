/* faults.c: the calls of faults.h, which pass through or fail as they are told. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

void (*rome99_fault_hook)(rome99_fault_call call);

static struct {
    rome99_fault_kind kind;
    size_t n; /* which call */
    int sticky;
    size_t memory, io, writes; /* calls so far */
    size_t blocks, streams;
} state;

/* ------------------------------------------------------------------------------- control */

void rome99_fault_set(rome99_fault_kind kind, size_t n, int sticky) {
    state.kind = kind;
    state.n = n;
    state.sticky = sticky;
    state.memory = state.io = state.writes = 0;
}

void rome99_fault_clear(void) { state.kind = ROME99_FAULT_NONE; }

size_t rome99_fault_count(rome99_fault_kind kind) {
    switch (kind) {
    case ROME99_FAULT_NONE:
        break;
    case ROME99_FAULT_MEMORY:
        return state.memory;
    case ROME99_FAULT_IO:
    case ROME99_FAULT_FULL:
    case ROME99_FAULT_KILL:
        return state.io;
    case ROME99_FAULT_SHORT:
    case ROME99_FAULT_TEAR:
        return state.writes;
    }
    return 0;
}

size_t rome99_fault_blocks(void) { return state.blocks; }
size_t rome99_fault_streams(void) { return state.streams; }

static void report(void) {
    const char *path = getenv("ROME99_FAULT_REPORT");
    FILE *f = path ? (fopen)(path, "w") : NULL;
    if (!f) return;
    fprintf(f, "memory %lu io %lu writes %lu blocks %lu streams %lu\n", (unsigned long)state.memory,
            (unsigned long)state.io, (unsigned long)state.writes, (unsigned long)state.blocks,
            (unsigned long)state.streams);
    (fclose)(f);
}

/* At the first call. */
static void read_environment(void) {
    static const char *const kinds[] = {"none", "memory", "io", "full", "kill", "short", "tear"};
    static int done;
    const char *fault = getenv("ROME99_FAULT"), *colon = fault ? strchr(fault, ':') : NULL;
    size_t i;
    char *end;
    if (done) return;
    done = 1;
    if (getenv("ROME99_FAULT_REPORT")) atexit(report);
    if (!colon) return;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i]) == (size_t)(colon - fault) &&
            memcmp(kinds[i], fault, (size_t)(colon - fault)) == 0)
            state.kind = (rome99_fault_kind)i;
    state.n = strtoul(colon + 1, &end, 10);
    state.sticky = strcmp(end, ":sticky") == 0;
}

/* Whether the call whose number is `count` has its turn. */
static int due(size_t count) { return count == state.n || (state.sticky && count > state.n); }

static void begin(rome99_fault_call call) {
    const int reason = errno;
    read_environment();
    state.memory += call == ROME99_CALL_MEMORY;
    state.io += call != ROME99_CALL_MEMORY;
    state.writes += call == ROME99_CALL_WRITE;
    if (rome99_fault_hook) rome99_fault_hook(call);
    errno = reason;
}

static int memory_fails(void) {
    begin(ROME99_CALL_MEMORY);
    if (state.kind != ROME99_FAULT_MEMORY || !due(state.memory)) return 0;
    errno = ENOMEM;
    return 1;
}

static int io_fails(rome99_fault_call call, int reason) {
    const int room = call == ROME99_CALL_SPACE || call == ROME99_CALL_WRITE;
    begin(call);
    if (state.kind == ROME99_FAULT_KILL && due(state.io)) raise(SIGKILL);
    if (state.kind == ROME99_FAULT_FULL && room && state.io >= state.n)
        errno = ENOSPC;
    else if (state.kind == ROME99_FAULT_IO && due(state.io))
        errno = reason;
    else
        return 0;
    return 1;
}

/* ------------------------------------------------------------------------------- memory */

static void *counted(void *p) {
    state.blocks += p != NULL;
    return p;
}

void *rome99_fault_malloc(size_t size) { return memory_fails() ? NULL : counted((malloc)(size)); }
void *rome99_fault_calloc(size_t n, size_t size) {
    return memory_fails() ? NULL : counted((calloc)(n, size));
}

void *rome99_fault_realloc(void *p, size_t size) {
    void *grown = memory_fails() ? NULL : (realloc)(p, size);
    return p ? grown : counted(grown);
}

int rome99_fault_posix_memalign(void **p, size_t alignment, size_t size) {
    int failed = memory_fails() ? ENOMEM : (posix_memalign)(p, alignment, size);
    if (!failed) counted(*p);
    return failed;
}

char *rome99_fault_realpath(const char *path, char *resolved) {
    char *p = memory_fails() ? NULL : (realpath)(path, resolved), here[4096];
    size_t n = p && rome99_fault_hook && getcwd(here, sizeof here) ? strlen(here) : 0;
    if (n > 0 && strncmp(p, here, n) == 0 && p[n] == '/') memmove(p, p + n + 1, strlen(p + n));
    return resolved ? p : counted(p);
}

void rome99_fault_free(void *p) {
    state.blocks -= p != NULL;
    (free)(p);
}

/* ------------------------------------------------------------------------------- streams */

/* A stream's descriptor leads to another file while it is swapped, so that its next system call fails. */
static int swap_in(FILE *f, const char *path, int flags) {
    int other = open(path, flags), kept = dup(fileno(f));
    if (other < 0 || kept < 0 || dup2(other, fileno(f)) < 0) abort();
    close(other);
    return kept;
}

static void swap_back(FILE *f, int kept) {
    const int reason = errno;
    if (dup2(kept, fileno(f)) < 0) abort();
    close(kept);
    errno = reason;
}

/* Fails to write what the stream has gathered; EOF unless there is nothing. */
static int flush_to_full(FILE *f) {
    const int kept = swap_in(f, "/dev/full", O_WRONLY), failed = (fflush)(f);
    swap_back(f, kept);
    return failed;
}

FILE *rome99_fault_fopen(const char *path, const char *mode) {
    const rome99_fault_call call = *mode == 'r' ? ROME99_CALL_LOOK : ROME99_CALL_SPACE;
    FILE *f = io_fails(call, EACCES) ? NULL : (fopen)(path, mode);
    state.streams += f != NULL;
    return f;
}

int rome99_fault_fclose(FILE *f) {
    const int fails = io_fails(ROME99_CALL_LOOK, EIO);
    const int failed = (fclose)(f);
    state.streams--;
    if (fails) errno = EIO;
    return fails ? EOF : failed;
}

size_t rome99_fault_fread(void *to, size_t size, size_t n, FILE *f) {
    int kept;
    if (!io_fails(ROME99_CALL_LOOK, EIO)) return (fread)(to, size, n, f);
    (void)(fflush)(f); /* what was read ahead is read again */
    kept = swap_in(f, "/", O_RDONLY);
    n = (fread)(to, size, n, f);
    swap_back(f, kept);
    return n;
}

/* Half of the bytes reach the file, for good. */
static void write_half(const void *from, size_t bytes, FILE *f) {
    (void)(fwrite)(from, 1, bytes / 2, f);
    (void)(fflush)(f);
}

size_t rome99_fault_fwrite(const void *from, size_t size, size_t n, FILE *f) {
    const int fails = io_fails(ROME99_CALL_WRITE, ENOSPC), torn = state.kind == ROME99_FAULT_TEAR;
    if ((torn || state.kind == ROME99_FAULT_SHORT) && due(state.writes)) {
        write_half(from, size * n, f);
        if (torn) raise(SIGKILL);
        if (size * n == 0) return n;
        putc(((const unsigned char *)from)[size * n / 2], f);
        (void)flush_to_full(f);
        return size * n / 2 / size;
    }
    n = (fwrite)(from, size, n, f);
    return fails && flush_to_full(f) ? 0 : n;
}

int rome99_fault_fputs(const char *s, FILE *f) {
    const int fails = io_fails(ROME99_CALL_SPACE, ENOSPC), result = (fputs)(s, f);
    return fails && flush_to_full(f) ? EOF : result;
}

int rome99_fault_putchar(int c) {
    const int fails = io_fails(ROME99_CALL_SPACE, ENOSPC), result = (putchar)(c);
    return fails && flush_to_full(stdout) ? EOF : result;
}

int rome99_fault_printf(const char *format, ...) {
    const int fails = io_fails(ROME99_CALL_SPACE, ENOSPC);
    int result;
    va_list list;
    va_start(list, format);
    result = vprintf(format, list);
    va_end(list);
    return fails && flush_to_full(stdout) ? -1 : result;
}

int rome99_fault_fflush(FILE *f) {
    return io_fails(ROME99_CALL_SPACE, ENOSPC) ? flush_to_full(f) : (fflush)(f);
}
int rome99_fault_fseek(FILE *f, long offset, int from) {
    return io_fails(ROME99_CALL_LOOK, EIO) ? -1 : (fseek)(f, offset, from);
}
long rome99_fault_ftell(FILE *f) { return io_fails(ROME99_CALL_LOOK, EIO) ? -1 : (ftell)(f); }

/* ------------------------------------------------------------------------------- files */

int rome99_fault_fsync(int fd) { return io_fails(ROME99_CALL_SPACE, EIO) ? -1 : (fsync)(fd); }
int rome99_fault_rename(const char *from, const char *to) {
    return io_fails(ROME99_CALL_LOOK, EIO) ? -1 : (rename)(from, to);
}
int rome99_fault_remove(const char *path) { return io_fails(ROME99_CALL_REMOVE, EIO) ? -1 : (remove)(path); }
int rome99_fault_mkdir(const char *path, mode_t mode) {
    return io_fails(ROME99_CALL_SPACE, EACCES) ? -1 : (mkdir)(path, mode);
}
int rome99_fault_stat(const char *path, struct stat *s) {
    return io_fails(ROME99_CALL_LOOK, EIO) ? -1 : (stat)(path, s);
}
int rome99_fault_nftw(const char *path, int visit(const char *, const struct stat *, int, struct FTW *),
                      int descriptors, int flags) {
    return io_fails(ROME99_CALL_REMOVE, EIO) ? -1 : (nftw)(path, visit, descriptors, flags);
}
