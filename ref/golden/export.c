/* export.c: golden cases in other forms: C arrays for machines without files, safetensors for those with numpy;
 * the formula model as a folder. */
#include "golden/format.h"
#include "golden/hosted.h"
#include "golden/recipes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The name of a case: its note, or the file's. */
static const char *case_name(const rome99_golden *c, const char *path) {
    size_t i;
    for (i = 0; i < c->notes; i++)
        if (strcmp(c->note[i].key, "case") == 0) return c->note[i].value;
    return path;
}

static void put_words(rome99_text *out, const rome99_golden_tensor *t, size_t which, size_t index) {
    size_t n = t->rows * t->cols, i;
    uint64_t word;
    rome99_text_printf(out, "static const uint64_t rome99_words_%lu_%lu[] = {", (unsigned long)which,
                       (unsigned long)index);
    for (i = 0; i < n; i++) {
        memcpy(&word, (const char *)t->data + 8 * i, 8);
        rome99_text_printf(out, "%s0x%08lx%08lxu",
                           i % 5 ? ", "
                           : i   ? ",\n    "
                                 : "\n    ",
                           (unsigned long)(word >> 32), (unsigned long)(word & 0xffffffffu));
    }
    rome99_text_puts(out, n ? "};\n" : "0};\n");
}

static void put_case(rome99_text *out, const rome99_golden *c, size_t which) {
    static const char *const roles[] = {"input", "wrong", "expected"};
    size_t i;
    for (i = 0; i < c->tensors; i++) put_words(out, &c->tensor[i], which, i);
    rome99_text_printf(out, "static const rome99_golden_array rome99_arrays_%lu[] = {\n",
                       (unsigned long)which);
    for (i = 0; i < c->tensors; i++) {
        const rome99_golden_tensor *t = &c->tensor[i];
        rome99_text_printf(
            out, "    {\"%s\", \"%s\", %d, %d, %lu, %lu, %.17g, %.17g, rome99_words_%lu_%lu},\n", t->name,
            roles[t->role], t->integer, t->exact, (unsigned long)t->rows, (unsigned long)t->cols, t->tol64,
            t->tol32 <= 1.0 ? t->tol32 : -1.0, (unsigned long)which, (unsigned long)i);
    }
    rome99_text_puts(out, "};\n\n");
}

int rome99_golden_c_header(rome99_text *out, const char *const *paths, size_t n, rome99_error *e) {
    rome99_text list = {0};
    rome99_golden c;
    size_t i;
    int failed = 0;
    rome99_text_puts(
        out, "/* Golden cases of rome99 (golden/FORMAT.md) as C arrays, made by `rome99 golden export`. */\n"
             "#include <stdint.h>\n\n"
             "/* words: rows x cols, IEEE-754 words of doubles, or two's complement integers. tol32 < 0: "
             "none. */\n"
             "typedef struct {\n    const char *name, *role;\n    int integer, exact;\n"
             "    unsigned long rows, cols;\n    double tol64, tol32;\n    const uint64_t *words;\n"
             "} rome99_golden_array;\n"
             "typedef struct {\n    const char *name;\n    unsigned long count;\n"
             "    const rome99_golden_array *array;\n} rome99_golden_arrays;\n\n");
    for (i = 0; !failed && i < n; i++) {
        failed = rome99_golden_read(&c, paths[i], e);
        if (failed) break;
        put_case(out, &c, i);
        rome99_text_puts(&list, "    {");
        rome99_text_json_string(&list, case_name(&c, paths[i]), strlen(case_name(&c, paths[i])));
        rome99_text_printf(&list, ", %lu, rome99_arrays_%lu},\n", (unsigned long)c.tensors, (unsigned long)i);
        rome99_golden_free(&c);
    }
    rome99_text_printf(out, "enum { ROME99_GOLDEN_CASES = %lu };\n", (unsigned long)n);
    rome99_text_puts(out, "static const rome99_golden_arrays rome99_golden_cases[] = {\n");
    rome99_text_put(out, list.bytes, list.size);
    rome99_text_puts(out, "};\n");
    if (!failed && (list.failed || out->failed)) failed = rome99_fail(e, NULL, "out of memory");
    rome99_text_free(&list);
    return failed;
}

/* Every tensor of every case, as CASE/NAME where there are several. */
int rome99_golden_safetensors(const char *to, const char *const *paths, size_t n, rome99_error *e) {
    rome99_golden *c = calloc(n, sizeof *c);
    rome99_tensor *tensors = NULL, *t;
    char **names = NULL;
    size_t read = 0, total = 0, i, k;
    int failed = c ? 0 : rome99_fail(e, NULL, "out of memory");
    while (!failed && read < n && !(failed = rome99_golden_read(&c[read], paths[read], e)))
        total += c[read++].tensors;
    if (!failed) {
        tensors = calloc(total + 1, sizeof *tensors);
        names = calloc(total + 1, sizeof *names);
        if (!tensors || !names) failed = rome99_fail(e, NULL, "out of memory");
    }
    for (t = tensors, i = 0; !failed && i < n; i++)
        for (k = 0; !failed && k < c[i].tensors; k++, t++) {
            const rome99_golden_tensor *from = &c[i].tensor[k];
            names[t - tensors] = n > 1 ? rome99_path(case_name(&c[i], paths[i]), from->name)
                                       : rome99_path("", from->name);
            if (!names[t - tensors]) failed = rome99_fail(e, NULL, "out of memory");
            t->name = names[t - tensors];
            t->dtype = from->integer ? ROME99_ST_I64 : ROME99_ST_F64;
            t->rank = from->cols == 1 ? 1 : 2;
            t->shape[0] = from->rows;
            t->shape[1] = from->cols;
            t->count = from->rows * from->cols;
            t->data = from->data;
        }
    if (!failed) failed = rome99_safetensors_write(to, tensors, total, e);
    for (i = 0; names && i < total; i++) free(names[i]);
    while (c && read > 0) rome99_golden_free(&c[--read]);
    free(names);
    free(tensors);
    free(c);
    return failed;
}

/* ------------------------------------------------------------------- the formula model */

static int write_bytes(const char *folder, const char *name, const void *bytes, size_t size,
                       rome99_error *e) {
    char *path = rome99_path(folder, name);
    int failed = path ? rome99_write_file(path, bytes, size, e) : rome99_fail(e, NULL, "out of memory");
    free(path);
    return failed;
}

/* The text of that name in the first case that has one. */
static rome99_golden_text text_of_a_case(const char *name, void *memory) {
    rome99_golden_text none = {name, "", 0};
    rome99_golden c;
    size_t i, k;
    for (i = 0; i < rome99_golden_recipe_count(); i++) {
        rome99_golden_recipe r = rome99_golden_recipe_at(i);
        rome99_golden_begin(&c, memory);
        r.make(&c, r.variant);
        for (k = 0; k < c.texts; k++)
            if (strcmp(c.text[k].name, name) == 0) return c.text[k];
    }
    return none;
}

static int write_folder(const char *folder, void *memory, rome99_error *e) {
    rome99_golden_text templates = text_of_a_case("templates", memory);
    rome99_text vocabulary = {0};
    rome99_golden c;
    rome99_gpt2 model;
    int failed;
    rome99_formula_vocabulary(&vocabulary);
    failed = vocabulary.failed
                 ? rome99_fail(e, NULL, "out of memory")
                 : write_bytes(folder, "vocab.json", vocabulary.bytes, vocabulary.size, e) ||
                       write_bytes(folder, "merges.txt", rome99_formula_merges, strlen(rome99_formula_merges),
                                   e) ||
                       write_bytes(folder, "templates.json", templates.bytes, templates.size, e);
    rome99_text_free(&vocabulary);
    if (failed) return -1;
    rome99_golden_begin(&c, memory);
    rome99_formula_model(&model, &c);
    return rome99_checkpoint_write(folder, &model, (int32_t)model.shape.V - 1, 1, e);
}

int rome99_formula_folder(const char *path, rome99_error *e) {
    void *memory = malloc(ROME99_GOLDEN_BYTES);
    char *temporary;
    int failed = memory ? rome99_dir_begin(&temporary, path, e) : rome99_fail(e, NULL, "out of memory");
    if (!failed && (failed = write_folder(temporary, memory, e)) != 0)
        rome99_dir_abandon(temporary);
    else if (!failed)
        failed = rome99_dir_commit(temporary, path, e);
    free(memory);
    return failed;
}
