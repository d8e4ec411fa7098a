/* lines.c: result files are read, continued and written line by line. */
#include "study/lines.h"
#include "program/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------- reading */

static int get_string(const char **s, size_t *size, rome99_value line, const char *key, rome99_error *e) {
    rome99_value v;
    if (rome99_json_require(&v, line, key, ROME99_STRING, e)) return -1;
    *s = rome99_json_string(v);
    if (strlen(*s) != rome99_json_length(v)) return rome99_json_fail(e, v, "%s has a NUL", key);
    if (size) *size = rome99_json_length(v);
    return 0;
}

static int get_size(uint64_t *x, rome99_value line, const char *key, uint64_t most, rome99_error *e) {
    rome99_value v;
    return rome99_json_require(&v, line, key, ROME99_NUMBER, e) || rome99_json_integer(x, v, most, e) ? -1
                                                                                                      : 0;
}

static int read_header(rome99_header *h, rome99_value line, rome99_error *e) {
    const char *version, *c;
    uint64_t number, lines;
    if (rome99_json_kind(line) != ROME99_OBJECT) return rome99_json_fail(e, line, "not an object");
    if (get_string(&version, NULL, line, "rome99", e)) return -1;
    if (strcmp(version, ROME99_VERSION) != 0)
        return rome99_json_fail(e, line, "made by rome99 %.40s; this is " ROME99_VERSION, version);
    if (get_string(&h->experiment, NULL, line, "experiment", e) ||
        get_string(&h->name, &h->name_size, line, "name", e) ||
        get_string(&h->model, NULL, line, "model", e) || get_string(&h->inputs, NULL, line, "inputs", e) ||
        get_string(&h->kind, NULL, line, "kind", e) || get_size(&h->seed, line, "seed", UINT32_MAX, e) ||
        get_size(&lines, line, "lines", 10000000, e) || get_size(&number, line, "line", lines - 1, e))
        return -1;
    for (c = h->name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '|')
            return rome99_json_fail(e, line, "no name of a model's folder");
    h->line = (size_t)number;
    h->lines = (size_t)lines;
    return 0;
}

int rome99_line_read(rome99_header *h, rome99_json **doc, const char *path, size_t number, const char *text,
                     size_t size, rome99_error *e) {
    if (rome99_json_parse_line(doc, path, number, (const unsigned char *)text, size, e)) return -1;
    if (!read_header(h, rome99_json_root(*doc), e)) return 0;
    rome99_json_free(*doc);
    *doc = NULL;
    return -1;
}

size_t rome99_line_size(int *whole, const unsigned char *text, size_t size) {
    const unsigned char *end = memchr(text, '\n', size);
    *whole = end != NULL;
    return end ? (size_t)(end - text) : size;
}

/* ------------------------------------------------------------------------- continuing */

/* That a line of the file belongs to this run. */
static int check_header(const rome99_header *h, const rome99_study *s, const rome99_experiment *x,
                        size_t lines, const char *path, size_t number, rome99_error *e) {
    const char *differs = strcmp(h->experiment, x->name) != 0 ? "experiment"
                          : strcmp(h->name, s->name) != 0     ? "name"
                          : strcmp(h->model, s->model) != 0   ? "model"
                          : strcmp(h->inputs, s->inputs) != 0 ? "inputs"
                          : h->seed != s->seed                ? "seed"
                          : h->lines != lines                 ? "number of lines"
                                                              : NULL;
    if (!differs) return 0;
    return rome99_fail(e, path, "line %lu is of another run: another %s", (unsigned long)number, differs);
}

/* Whether text is the beginning of a result line, or a result line. */
static int begins_line(const unsigned char *text, size_t size) {
    static const char start[] = "{\"rome99\": \"" ROME99_VERSION "\", \"experiment\": \"";
    return memcmp(text, start, size < sizeof start - 1 ? size : sizeof start - 1) == 0;
}

/* done: (lines) set to 1 for those that the file has. A last line without its newline is taken away. */
static int read_done(unsigned char *done, const rome99_study *s, const rome99_experiment *x, size_t lines,
                     const char *path, rome99_error *e) {
    unsigned char *text;
    size_t size, at, length, number = 1;
    int whole, failed = 0;
    if (!rome99_exists(path)) return 0;
    if (!rome99_is_file(path)) return rome99_fail(e, path, "is not a regular file");
    if (rome99_read_file(&text, &size, path, e)) return -1;
    for (at = 0; !failed && at < size; at += length + 1, number++) {
        rome99_header h;
        rome99_json *doc;
        length = rome99_line_size(&whole, text + at, size - at);
        if (!whole) break;
        failed = rome99_line_read(&h, &doc, path, number, (const char *)text + at, length, e);
        if (failed) break;
        failed = check_header(&h, s, x, lines, path, number, e);
        if (!failed) done[h.line] = 1;
        rome99_json_free(doc);
    }
    if (!failed && at < size && !begins_line(text + at, size - at))
        failed = rome99_fail(e, path, "line %lu is no part of a result", (unsigned long)number);
    if (!failed && at < size) {
        fprintf(stderr, "rome99: %s: line %lu was cut off: made again\n", path, (unsigned long)number);
        failed = rome99_write_file(path, text, at, e);
    }
    free(text);
    return failed;
}

int rome99_lines_make(rome99_study *s, const rome99_experiment *x, size_t shard, size_t shards,
                      const char *path, void progress(size_t done, size_t all), rome99_error *e) {
    size_t lines = x->count(s), i, all = 0, made = 0;
    unsigned char *done = calloc(lines, 1);
    int failed = done ? 0 : rome99_fail(e, NULL, "out of memory");
    if (!failed && path) failed = read_done(done, s, x, lines, path, e);
    for (i = 0; !failed && i < lines; i++) {
        if (x->together(s, i) % shards != shard - 1) done[i] = 1;
        all += !done[i];
    }
    for (i = 0; !failed && i < lines; i++) {
        rome99_text line = {0};
        if (done[i]) continue;
        progress(made, all);
        failed = rome99_study_line(&line, s, x, i, e);
        if (!failed)
            failed = path ? rome99_append_file(path, line.bytes, line.size, e)
                          : rome99_print(line.bytes, line.size, e);
        rome99_text_free(&line);
        made++;
    }
    free(done);
    return failed;
}
