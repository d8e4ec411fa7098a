/* libfuzzer.c: drives the target $FUZZ_TARGET by LLVM's libFuzzer. What an input has allocated at once is
   measured. */
#define _XOPEN_SOURCE 700

#include "fuzz.h"
#include "mutate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t most);
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static const fuzz_target *target;
static FILE *report; /* standard error as it was: the program's own is closed */
static int measuring;
static long long held, peak;

static void allocated(const volatile void *p, size_t size) {
    (void)p;
    if (measuring) held += (long long)size;
    if (held > peak) peak = held;
}

static void freed(const volatile void *p) {
    if (measuring && p) held -= (long long)__sanitizer_get_allocated_size(p);
}

void fuzz_wrong(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(report, "WRONG: ");
    vfprintf(report, format, list);
    fprintf(report, "\n");
    fflush(report);
    va_end(list);
    abort();
}

void fuzz_memory(size_t size, size_t factor) {
    if (peak > (long long)(factor * size + ((size_t)2 << 20)))
        fuzz_wrong("%lld bytes were allocated for an input of %zu", peak, size);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *name = getenv("FUZZ_TARGET");
    (void)argc;
    (void)argv;
    target = name ? fuzz_find(name, strlen(name)) : NULL;
    report = fdopen(dup(2), "w");
    if (!target || !report) {
        fprintf(stderr, "FUZZ_TARGET must be the name of a target\n");
        exit(2);
    }
    (void)fuzz_folder();
    (void)fuzz_model();
    (void)__sanitizer_install_malloc_and_free_hooks(allocated, freed);
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    held = peak = 0;
    measuring = 1;
    (void)target->run(data, size);
    measuring = 0;
    return 0;
}

size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t most, unsigned seed) {
    return fuzz_mutate(target->name, data, size, most, seed, LLVMFuzzerMutate);
}
