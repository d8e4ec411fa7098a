/* command_ppl.c: rome99 ppl. */
#include "edit/setup.h"
#include "program/cli.h"

#include <stdlib.h>
#include <string.h>

static int run(const char *folder, const char *file, int stream, rome99_error *e) {
    rome99_checkpoint c;
    rome99_texts texts = {0};
    rome99_memory memory = {NULL, 0};
    rome99_score *o = NULL;
    rome99_text out = {0};
    size_t length = strlen(file);
    int failed;
    if (rome99_checkpoint_read(&c, folder, e)) return -1;
    if (length > 12 && strcmp(file + length - 12, ".safetensors") == 0) stream = 1;
    failed = stream ? rome99_read_stream(&texts, file, &c, 2, e) : rome99_read_sentences(&texts, file, &c, e);
    if (!failed && !(o = malloc(texts.n_targets * sizeof *o))) failed = rome99_fail(e, NULL, "out of memory");
    if (!failed) failed = rome99_measure(o, NULL, NULL, &c.model, 0, NULL, &texts, NULL, &memory, e);
    if (!failed) {
        rome99_text_json_double(&out, stream ? rome99_stream_ppl(&texts, o) : rome99_sentence_ppl(&texts, o));
        rome99_text_printf(&out, " %s perplexity of %lu %s\n", stream ? "stream" : "sentence",
                           (unsigned long)texts.n, stream ? "windows" : "sentences");
        failed = out.failed ? rome99_fail(e, NULL, "out of memory") : 0;
    }
    if (!failed) failed = rome99_print(out.bytes, out.size, e);
    rome99_text_free(&out);
    rome99_texts_free(&texts);
    rome99_memory_free(&memory);
    rome99_checkpoint_free(&c);
    free(o);
    return failed;
}

int rome99_cmd_ppl(int argc, char **argv) {
    rome99_option options[] = {{"--stream", NULL, "stream perplexity of a text cut every n_positions", NULL},
                               {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "ppl MODEL FILE",
        "Prints the sentence perplexity of FILE: the mean over sentences of exp(mean\n"
        "NLL). FILE has one sentence a line, or is ME-PPL's JSON (.json). A .safetensors\n"
        "file of windows (ids) gives the stream perplexity: exp(mean NLL) over all of\n"
        "them.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    return run(positional[0], positional[1], options[0].value != NULL, &e) ? rome99_complain(&e)
                                                                           : ROME99_DONE;
}
