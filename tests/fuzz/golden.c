/* golden.c: target golden: a case | a candidate in any format (none: the case itself): compared, written,
   exported. */
#include "fuzz.h"
#include "golden/compare.h"
#include "golden/format.h"
#include "golden/hosted.h"

#include <stdlib.h>
#include <string.h>

/* What golden_write asks for: no carriage return, and no line of more than 8191 bytes in what it wrote. */
static int may_write(const rome99_golden *c, const rome99_text *written) {
    const char *s = written->bytes, *end;
    size_t i;
    for (i = 0; i < c->notes; i++)
        if (strchr(c->note[i].key, '\r') || strchr(c->note[i].value, '\r')) return 0;
    for (; (end = strchr(s, '\n')) != NULL; s = end + 1)
        if (end - s > 8190) return 0;
    return 1;
}

/* A case that is read, written, read and written is the same from the first writing on. */
static void write_and_read(const rome99_golden *c) {
    rome99_text first = {0}, second = {0};
    rome99_golden again;
    rome99_error e;
    unsigned char *bytes;
    rome99_golden_write(&first, c);
    if (may_write(c, &first)) {
        bytes = malloc(first.size + 1);
        memcpy(bytes, first.bytes, first.size + 1);
        if (rome99_golden_parse(&again, bytes, first.size, "written", 1, &e)) {
            fuzz_wrong("written, but not read: %s", e.text);
        } else {
            rome99_golden_write(&second, &again);
            if (first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0)
                fuzz_wrong("written, read and written: not the same");
            rome99_golden_free(&again);
        }
    }
    rome99_text_free(&first);
    rome99_text_free(&second);
}

/* Whether there is something to reach, and no NaN, which nothing reaches. */
static int can_be_met(const rome99_golden *c) {
    size_t i, j, expected = 0;
    for (i = 0; i < c->tensors; i++) {
        const rome99_golden_tensor *t = &c->tensor[i];
        const double *x = t->data;
        expected += t->role == ROME99_EXPECTED;
        for (j = 0; !t->integer && j < t->rows * t->cols; j++)
            if (x[j] != x[j]) return 0;
    }
    return expected > 0;
}

static void export(const char *path) {
    char *to = fuzz_path("case.safetensors");
    const char *const paths[1] = {path};
    rome99_text out = {0};
    rome99_error e;
    (void)rome99_golden_c_header(&out, paths, 1, &e);
    (void)rome99_golden_safetensors(to, paths, 1, &e);
    rome99_text_free(&out);
    free(to);
}

int fuzz_golden(const unsigned char *data, size_t size) {
    fuzz_part golden = fuzz_next(&data, &size, 0), candidate = size ? fuzz_next(&data, &size, 1) : golden;
    char *case_path = fuzz_file("case.txt", golden.bytes, golden.size);
    char *path = fuzz_file("candidate", candidate.bytes, candidate.size);
    rome99_golden a, b;
    rome99_error e;
    rome99_text out = {0};
    int asked;
    const int is_case = !rome99_golden_read(&a, case_path, &e);
    const int is_candidate = !rome99_candidate_read(&b, path, &e);
    fuzz_memory(golden.size + candidate.size, 40);
    if (is_case && is_candidate)
        for (asked = ROME99_OWN_CLASS; asked <= ROME99_IN_F32; asked++)
            if (rome99_golden_report(&out, &a, &b, asked) < 0) fuzz_wrong("no report");
    if (is_case) {
        if (can_be_met(&a) && rome99_golden_report(&out, &a, &a, ROME99_OWN_CLASS) != 0)
            fuzz_wrong("a case differs from itself");
        write_and_read(&a);
        export(case_path);
    }
    rome99_text_free(&out);
    if (is_case) rome99_golden_free(&a);
    if (is_candidate) rome99_golden_free(&b);
    free(case_path);
    free(path);
    return is_case && is_candidate;
}
