/* check.c: the committed cases against what is computed here and now; the list of their hashes. */
#include "golden/format.h"
#include "golden/hosted.h"

#include <stdlib.h>
#include <string.h>

static char *case_path(const char *folder, const char *name) {
    char *file = malloc(strlen(name) + 5), *path = NULL;
    if (file) {
        strcpy(file, name);
        strcat(file, ".txt");
        path = rome99_path(folder, file);
    }
    free(file);
    return path;
}

/* ----------------------------------------------------------------------------- one case */

static void complain(rome99_text *out, const char *name, const char *tensor, const char *what) {
    rome99_text_printf(out, "%s: %s: %s\n", name, tensor, what);
}

static void check_tensor(rome99_golden_tally *tally, rome99_text *out, const char *name,
                         const rome99_golden_tensor *committed, const rome99_golden_tensor *made) {
    static const char *const classes[] = {"exact", "f64", "f32", "apart"};
    rome99_golden_difference d = rome99_golden_compare(committed, made);
    rome99_class least = ROME99_EXACT_DOUBLES || committed->exact || committed->role == ROME99_INPUT
                             ? ROME99_EXACT
                             : ROME99_IN_F64;
    tally->tensors++;
    if (d.reached > tally->reached) tally->reached = d.reached;
    if (d.reached <= least) return;
    tally->apart++;
    if (!d.shape)
        complain(out, name, committed->name, "has another shape");
    else
        rome99_text_printf(out, "%s: %s: %s, error %.1e\n    at (%lu, %lu) %.17g, not %.17g\n", name,
                           committed->name, classes[d.reached], d.error, (unsigned long)d.row,
                           (unsigned long)d.col, d.got, d.expected);
}

static void check_case(rome99_golden_tally *tally, rome99_text *out, const char *name,
                       const rome99_golden *committed, const rome99_golden *made) {
    size_t i;
    for (i = 0; i < committed->tensors; i++) {
        const rome99_golden_tensor *t = &committed->tensor[i], *m = rome99_golden_find(made, t->name);
        if (m && m->role == t->role && m->integer == t->integer) {
            check_tensor(tally, out, name, t, m);
            continue;
        }
        tally->apart++;
        complain(out, name, t->name, "is not made here");
    }
    for (i = 0; i < made->tensors; i++) /* wrong ones may have been left out */
        if (made->tensor[i].role != ROME99_WRONG && !rome99_golden_find(committed, made->tensor[i].name)) {
            tally->apart++;
            complain(out, name, made->tensor[i].name, "is missing in the file");
        }
}

/* The text of that note, or "". */
static const char *note(const rome99_golden *c, const char *key) {
    size_t i;
    for (i = 0; i < c->notes; i++)
        if (strcmp(c->note[i].key, key) == 0) return c->note[i].value;
    return "";
}

int rome99_golden_check(rome99_golden_tally *tally, rome99_text *out, const char *folder, size_t i,
                        const char *models, rome99_error *e) {
    const char *name = rome99_golden_at(i).name;
    static const char *const same[] = {"case", "needs", "model_sha256", "C_sha256"};
    char *path = case_path(folder, name);
    void *memory = malloc(ROME99_GOLDEN_BYTES);
    rome99_golden committed, made;
    size_t k;
    int failed = !path || !memory ? rome99_fail(e, NULL, "out of memory")
                                  : rome99_golden_read(&committed, path, e);
    if (!failed) {
        failed = rome99_golden_make(&made, memory, i, models, 0.0, 0,
                                    ROME99_EXACT_DOUBLES ? NULL : &committed, e);
        for (k = 0; !failed && k < sizeof same / sizeof *same; k++)
            if (strcmp(note(&committed, same[k]), note(&made, same[k])) != 0) {
                tally->apart++;
                rome99_text_printf(out, "%s: %s is \"%s\", here \"%s\"\n", name, same[k],
                                   note(&committed, same[k]), note(&made, same[k]));
            }
        if (!failed) check_case(tally, out, name, &committed, &made);
        rome99_golden_free(&committed);
        tally->cases++;
    }
    free(memory);
    free(path);
    return failed;
}

/* ----------------------------------------------------------------------------- MANIFEST */

int rome99_manifest_write(rome99_text *out, const char *folder, rome99_error *e) {
    size_t i;
    int failed = 0;
    for (i = 0; !failed && i < rome99_golden_count(); i++) {
        const char *name = rome99_golden_at(i).name;
        char hex[65], *path = case_path(folder, name);
        failed = path ? rome99_sha256_file(hex, path, e) : rome99_fail(e, NULL, "out of memory");
        if (!failed) rome99_text_printf(out, "%s  %s.txt\n", hex, name);
        free(path);
    }
    return !failed && out->failed ? rome99_fail(e, NULL, "out of memory") : failed;
}

int rome99_manifest_check(const char *folder, rome99_error *e) {
    char *path = rome99_path(folder, "MANIFEST");
    unsigned char *data = NULL;
    rome99_text now = {0};
    size_t size, i, line = 1;
    int failed = path ? rome99_read_file(&data, &size, path, e) : rome99_fail(e, NULL, "out of memory");
    if (!failed) failed = rome99_manifest_write(&now, folder, e);
    if (!failed && (size != now.size || memcmp(data, now.bytes, size) != 0)) {
        for (i = 0; i < size && i < now.size && data[i] == (unsigned char)now.bytes[i]; i++)
            line += data[i] == '\n';
        failed = rome99_fail(e, path,
                             "line %lu is not the SHA-256 of a case's file, in the order of the cases",
                             (unsigned long)line);
    }
    free(data);
    free(path);
    rome99_text_free(&now);
    return failed;
}
