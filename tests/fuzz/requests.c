/* requests.c: target requests: requests | templates | hyper-parameters | sentences | sentences as JSON | a
   text. Parts may be empty or missing; requests become tokens by the templates. */
#include "edit/edit.h"
#include "edit/setup.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void make_tokens(const rome99_asks *asks, const rome99_strings *templates) {
    const rome99_checkpoint *c = fuzz_model();
    rome99_tokens t;
    rome99_error e;
    size_t i, j, at, most = 64;
    for (i = 0; i < asks->n && i < most; i++) {
        if (rome99_tokens_make(&t, c->bpe, c->model.shape.T, &asks->item[i], templates, (int)(i % 2),
                               "request", &e))
            continue;
        for (j = at = 0; j <= templates->n; at += t.length[j++])
            if (t.lookup[j] >= t.length[j] || t.ids[at + t.lookup[j]] < 0) fuzz_wrong("lookup beyond a text");
        if (t.subject_tokens == 0) fuzz_wrong("a subject of no token");
        rome99_tokens_free(&t);
    }
}

static int read_texts(const unsigned char **data, size_t *size) {
    static const char *const names[] = {"sentences.txt", "sentences.json", "text.txt"};
    int i, accepted = 0;
    for (i = 0; i < 3 && *size > 0; i++) {
        const fuzz_part part = fuzz_next(data, size, i == 2);
        char *path = fuzz_file(names[i], part.bytes, part.size);
        rome99_texts texts = {0};
        rome99_error e;
        const int good = !(i < 2 ? rome99_read_sentences(&texts, path, fuzz_model(), &e)
                                 : rome99_read_stream(&texts, path, fuzz_model(), 2, &e));
        if (good && (texts.n == 0 || texts.n_targets == 0)) fuzz_wrong("%s: no texts", names[i]);
        if (good) rome99_texts_free(&texts);
        accepted += good;
        free(path);
    }
    return accepted;
}

int fuzz_requests(const unsigned char *data, size_t size) {
    const size_t whole = size;
    const fuzz_part r = fuzz_next(&data, &size, 0), t = fuzz_next(&data, &size, 0),
                    h = fuzz_next(&data, &size, 0);
    char *request = fuzz_file("request.json", r.bytes, r.size);
    char *templates = fuzz_file("templates.json", t.bytes, t.size);
    char *hparams = fuzz_file("hparams.json", h.bytes, h.size);
    rome99_settings settings = {{0}, 0, 0, 0};
    rome99_prefixes prefixes;
    rome99_asks asks;
    rome99_error e;
    int accepted;
    const int has_asks = !rome99_asks_read(&asks, request, &e);
    const int has_templates = !rome99_prefixes_read(&prefixes, templates, whole % 2 == 0, &e);
    accepted = has_asks + has_templates + !rome99_settings_read(&settings, hparams, &e);
    fuzz_memory(whole, 32);
    if (!(settings.h.v_lr >= 0.0) || settings.h.layer > 100000) fuzz_wrong("settings out of range");
    if (has_asks && has_templates) make_tokens(&asks, &prefixes.list);
    if (has_asks) rome99_asks_free(&asks);
    if (has_templates) rome99_prefixes_free(&prefixes);
    accepted += read_texts(&data, &size);
    free(request);
    free(templates);
    free(hparams);
    return accepted > 0;
}
