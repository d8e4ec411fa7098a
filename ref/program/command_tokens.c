/* command_tokens.c: rome99 tokens. */
#include "files/bpe.h"
#include "program/cli.h"

#include <stdlib.h>
#include <string.h>

static int run(const char *folder, const char *text, rome99_error *e) {
    char *vocab = rome99_path(folder, "vocab.json"), *merges = rome99_path(folder, "merges.txt");
    unsigned char *data = NULL;
    rome99_text out = {0};
    rome99_bpe *bpe = NULL;
    int32_t *ids = NULL;
    size_t size = strlen(text), n, i;
    int from_stdin = strcmp(text, "-") == 0;
    int failed = !vocab || !merges ? rome99_fail(e, NULL, "out of memory")
                                   : rome99_bpe_read(&bpe, vocab, merges, e);
    if (!failed && from_stdin) failed = rome99_read_file(&data, &size, "-", e);
    if (!failed)
        failed = rome99_bpe_encode(&ids, NULL, &n, bpe, data ? data : (const unsigned char *)text, size, e);
    if (!failed) {
        for (i = 0; i < n; i++) rome99_text_printf(&out, "%s%ld", i ? " " : "", (long)ids[i]);
        rome99_text_puts(&out, "\n");
        failed = out.failed ? rome99_fail(e, NULL, "out of memory") : 0;
    }
    if (!failed) failed = rome99_print(out.bytes, out.size, e);
    rome99_text_free(&out);
    rome99_bpe_free(bpe);
    free(ids);
    free(data);
    free(vocab);
    free(merges);
    return failed;
}

int rome99_cmd_tokens(int argc, char **argv) {
    rome99_option options[] = {{NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "tokens MODEL TEXT",
        "Prints the token ids of TEXT on one line, with the tokenizer of the folder\n"
        "MODEL. TEXT \"-\" reads standard input: its bytes as they are, of any length.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    return run(positional[0], positional[1], &e) ? rome99_complain(&e) : ROME99_DONE;
}
