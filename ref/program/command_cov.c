/* command_cov.c: rome99 cov. */
#include "edit/setup.h"
#include "program/cli.h"

#include <stdlib.h>

static int run(const char *folder, const char *file, size_t layer, const char *to, rome99_error *e) {
    rome99_checkpoint c;
    rome99_texts texts = {0};
    rome99_tensor t = {0};
    double *C = NULL;
    size_t F;
    int failed;
    if (rome99_checkpoint_read(&c, folder, e)) return -1;
    F = c.model.shape.F;
    failed = layer >= c.model.shape.L
                 ? rome99_fail(e, folder, "layer %lu is out of range: the model has layers 0 to %lu",
                               (unsigned long)layer, (unsigned long)c.model.shape.L - 1)
                 : rome99_read_stream(&texts, file, &c, 1, e);
    if (!failed && !(C = malloc(F * F * sizeof *C))) failed = rome99_fail(e, NULL, "out of memory");
    if (!failed) failed = rome99_measure_moment(C, &c.model, layer, &texts, e);
    if (!failed) {
        t.name = "C";
        t.dtype = ROME99_ST_F64;
        t.rank = 2;
        t.shape[0] = t.shape[1] = F;
        t.count = F * F;
        t.data = C;
        failed = rome99_safetensors_write(to, &t, 1, e);
    }
    free(C);
    rome99_texts_free(&texts);
    rome99_checkpoint_free(&c);
    return failed;
}

int rome99_cmd_cov(int argc, char **argv) {
    rome99_option options[] = {{"--layer", "L", "whose keys (required)", NULL},
                               {"-o", "FILE", "where C goes, .safetensors (required)", NULL},
                               {NULL, NULL, NULL, NULL}};
    const char *positional[2];
    rome99_command command = {
        "cov MODEL FILE",
        "Writes C (F, F), the uncentred second moment of a layer's keys over every\n"
        "position of FILE: a text, encoded whole and cut every n_positions (the rest is\n"
        "dropped), or a .safetensors file with windows (ids).\n",
        NULL,
        NULL,
        2,
        2};
    rome99_error e;
    size_t layer = 0;
    int code;
    command.options = options;
    command.positional = positional;
    if ((code = rome99_parse(&command, argc, argv)) >= 0) return code;
    if (!options[0].value || !options[1].value)
        rome99_fail(&e, "cov", "give both --layer L and -o FILE");
    else if (!rome99_read_size(&layer, options[0].name, options[0].value, 0, 100000, &e) &&
             !run(positional[0], positional[1], layer, options[1].value, &e))
        return ROME99_DONE;
    return rome99_complain(&e);
}
