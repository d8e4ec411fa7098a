/* command_generate.c: rome99 generate. */
#include "edit/decoder.h"
#include "edit/setup.h"
#include "program/cli.h"

static int run(const char *folder, const char *text, size_t more, size_t top_k, size_t seed,
               rome99_error *e) {
    rome99_checkpoint c;
    rome99_text out = {0};
    int failed;
    if (rome99_checkpoint_read(&c, folder, e)) return -1;
    failed = rome99_decoder_continue(&out, &c, &c.model, text, more, top_k, seed, e);
    rome99_text_puts(&out, "\n");
    if (!failed) failed = rome99_print(out.bytes, out.size, e);
    rome99_text_free(&out);
    rome99_checkpoint_free(&c);
    return failed;
}

int rome99_cmd_generate(int argc, char **argv) {
    rome99_option options[] = {{"-n", "N", "tokens to add (default 20)", NULL},
                               {"--seed", "S", "of the draws (default 0)", NULL},
                               {"--top-k", "K", "draw among the K most probable (1: no draw)", NULL},
                               {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "generate MODEL TEXT",
        "Prints TEXT with its continuation, which ends at <|endoftext|>, after N tokens,\n"
        "or where n_positions is reached.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    size_t more = 20, seed = 0, top_k = 1;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    return rome99_read_size(&more, options[0].name, options[0].value, 0, 1000000, &e) ||
                   rome99_read_size(&seed, options[1].name, options[1].value, 0, 4294967295u, &e) ||
                   rome99_read_size(&top_k, options[2].name, options[2].value, 1, 1000000, &e) ||
                   run(positional[0], positional[1], more, top_k, seed, &e)
               ? rome99_complain(&e)
               : ROME99_DONE;
}
