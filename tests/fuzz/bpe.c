/* bpe.c: target bpe: vocab.json | merges.txt | a text that is encoded and decoded. A vocab.json that begins
   with '+' has the 256 tokens of a single byte put in front. */
#include "files/unicode.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* {"<byte>": id, ... for all bytes, in GPT-2's order and letters, without an end. */
static void put_bytes(rome99_text *out) {
    int32_t id;
    rome99_text_puts(out, "{");
    for (id = 0; id < 256; id++) {
        const uint32_t c = id < 188 ? rome99_bpe_byte(id) : (uint32_t)(0x100 + id - 188);
        rome99_text_printf(out, "%s\"\\u%04lx\":%ld", id ? "," : "", (unsigned long)c, (long)id);
    }
}

static void use(const rome99_bpe *bpe, const unsigned char *text, size_t size) {
    const int32_t V = (int32_t)rome99_bpe_size(bpe);
    rome99_text decoded = {0};
    rome99_error e;
    int32_t *ids, id;
    size_t *ends, n, i, bytes, sum = 0;
    if (rome99_bpe_encode(&ids, &ends, &n, bpe, text, size, &e)) {
        fuzz_wrong("not encoded: %s", e.text);
        return;
    }
    for (i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= V) fuzz_wrong("id %ld of %ld", (long)ids[i], (long)V);
        (void)rome99_bpe_token(&bytes, bpe, ids[i]);
        if (ends[i] != (sum += bytes)) fuzz_wrong("token %zu ends at %zu, not %zu", i, ends[i], sum);
    }
    rome99_bpe_decode(&decoded, bpe, ids, n);
    if (decoded.size != size || (size && memcmp(decoded.bytes, text, size) != 0))
        fuzz_wrong("the tokens' bytes are not the text");
    for (id = 0; id < V; id++)
        if (rome99_bpe_token(&bytes, bpe, id)[0] == '\0' && bytes == 0)
            fuzz_wrong("token %ld is empty", (long)id);
    rome99_text_free(&decoded);
    free(ids);
    free(ends);
}

int fuzz_bpe(const unsigned char *data, size_t size) {
    const fuzz_part vocab = fuzz_next(&data, &size, 0), merges = fuzz_next(&data, &size, 0);
    rome99_text full = {0};
    rome99_bpe *bpe;
    rome99_error e;
    int refused;
    if (vocab.size && vocab.bytes[0] == '+') put_bytes(&full);
    rome99_text_put(&full, vocab.bytes + (full.size > 0), vocab.size - (full.size > 0));
    refused = rome99_bpe_parse(&bpe, "vocab", (unsigned char *)full.bytes, full.size, "merges", merges.bytes,
                               merges.size, &e);
    fuzz_memory(full.size + merges.size, 32);
    rome99_text_free(&full);
    if (refused) return 0;
    use(bpe, data, size);
    rome99_bpe_free(bpe);
    return 1;
}
