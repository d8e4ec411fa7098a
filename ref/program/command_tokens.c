/* command_tokens.c: rome99 tokens. */
#include "files/bpe.h"
#include "program/cli.h"

#include <stdlib.h>
#include <string.h>

/* Appends the ids in decimal, blanks between. */
static void put_ids(rome99_text *out, const int32_t *ids, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        char digits[12], *end = digits + sizeof digits, *p = end;
        int32_t id = ids[i];
        do *--p = (char)('0' + id % 10);
        while ((id /= 10) > 0);
        if (i > 0) *--p = ' ';
        rome99_text_put(out, p, (size_t)(end - p));
    }
}

static int run(const char *folder, const char *text, rome99_error *e) {
    char *vocab = rome99_path(folder, "vocab.json"), *merges = rome99_path(folder, "merges.txt");
    unsigned char *data = NULL;
    rome99_text out = {0};
    rome99_bpe *bpe = NULL;
    int32_t *ids = NULL;
    size_t size = strlen(text), n;
    int from_stdin = strcmp(text, "-") == 0;
    int failed = !vocab || !merges ? rome99_fail(e, NULL, "out of memory")
                                   : rome99_bpe_read(&bpe, vocab, merges, e);
    if (!failed && from_stdin) failed = rome99_read_file(&data, &size, "-", e);
    if (!failed)
        failed = rome99_bpe_encode(&ids, NULL, &n, bpe, data ? data : (const unsigned char *)text, size, e);
    if (!failed) {
        put_ids(&out, ids, n);
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
