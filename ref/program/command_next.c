/* command_next.c: rome99 next. */
#include "edit/decoder.h"
#include "edit/setup.h"
#include "program/cli.h"

#include <math.h>
#include <stdlib.h>

/* Appends the top K tokens: probability, id, the token as a JSON string. z: the logits, which are spoilt. */
static void list(rome99_text *out, const rome99_checkpoint *c, double *z, size_t K) {
    size_t V = c->model.shape.V, i, size;
    const double lse = rome99_log_sum_exp(z, V);
    for (i = 0; i < K && i < V; i++) {
        int32_t best = rome99_argmax(z, V);
        const unsigned char *bytes = rome99_bpe_token(&size, c->bpe, best);
        rome99_text_printf(out, "%.6f %6ld  ", rome99_exp(z[best] - lse), (long)best);
        rome99_text_json_string(out, bytes, size);
        rome99_text_puts(out, "\n");
        z[best] = -HUGE_VAL; /* taken */
    }
}

static int run(const char *folder, const char *text, size_t K, rome99_error *e) {
    rome99_checkpoint c;
    rome99_text out = {0};
    double *logits;
    int failed;
    if (rome99_checkpoint_read(&c, folder, e)) return -1;
    failed = rome99_decoder_logits(&logits, &c, text, e);
    if (!failed) {
        list(&out, &c, logits, K);
        failed = out.failed ? rome99_fail(e, NULL, "out of memory") : 0;
    }
    if (!failed) failed = rome99_print(out.bytes, out.size, e);
    rome99_text_free(&out);
    rome99_checkpoint_free(&c);
    free(logits);
    return failed;
}

int rome99_cmd_next(int argc, char **argv) {
    rome99_option options[] = {{"--top", "K", "how many tokens to show (default 10)", NULL},
                               {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "next MODEL TEXT",
        "Prints the most probable next tokens: probability, id, and the token in quotes.\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    size_t K = 10;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    return rome99_read_size(&K, options[0].name, options[0].value, 1, 1000000, &e) ||
                   run(positional[0], positional[1], K, &e)
               ? rome99_complain(&e)
               : ROME99_DONE;
}
