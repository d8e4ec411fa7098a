/* lines.h: files of results: what every line says of itself, and which lines a run has still to make. */
#ifndef ROME99_LINES_H
#define ROME99_LINES_H

#include "files/json.h"
#include "study/study.h"

/* The members that every line begins with (study.h). */
typedef struct {
    const char *experiment, *name, *model, *inputs, *kind; /* into the document */
    size_t name_size;
    uint64_t seed;
    size_t line, lines;
} rome99_header;

/* Reads line `number` (from 1) of a file, without its newline. Refuses what is no result of this version.
 * *doc is for the caller to free. Returns 0, or -1 with *e = "FILE:NUMBER:BYTE: what is wrong" and nothing to free. */
int rome99_line_read(rome99_header *header, rome99_json **doc, const char *path, size_t number,
                     const char *text, size_t size, rome99_error *e);

/* Where the next line ends: size of the line, and *whole = 1 if a newline follows. */
size_t rome99_line_size(int *whole, const unsigned char *text, size_t size);

/* Makes the lines of an experiment that `path` does not have yet, those of shard `shard` of `shards` (1 of 1:
 * all), and appends each as soon as it is made; a last line that was cut off is removed first. path NULL:
 * standard output. progress: called with lines made and to be made. Returns 0, or -1 with *e set: what was
 * finished stays. */
int rome99_lines_make(rome99_study *study, const rome99_experiment *experiment, size_t shard, size_t shards,
                      const char *path, void progress(size_t done, size_t all), rome99_error *e);

#endif
