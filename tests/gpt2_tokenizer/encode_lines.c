/* encode_lines.c: the tokenizer of a model's folder on many texts at once, and its speed.

       encode_lines MODEL --strings FILE.json   the ids of each string of an array, a line each
       encode_lines MODEL --bytes N             N random byte strings there and back, counted
       encode_lines MODEL --time FILE           seconds: to read MODEL, for FILE, for words of 1 MB */
#include "files/bpe.h"
#include "files/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rome99_error error;

static int complain(void) {
    fprintf(stderr, "encode_lines: %s\n", error.text);
    return 2;
}

/* What is wrong with the tokens of a text, or NULL: they must end where their bytes do, and be its bytes. */
static const char *check(const rome99_bpe *bpe, const int32_t *ids, const size_t *ends, size_t n,
                         const unsigned char *text, size_t size) {
    size_t at = 0, i;
    for (i = 0; i < n; i++) {
        size_t length;
        const unsigned char *bytes = rome99_bpe_token(&length, bpe, ids[i]);
        if (ends[i] != at + length || ends[i] > size) return "a token ends elsewhere";
        if (memcmp(text + at, bytes, length) != 0) return "a token has other bytes";
        at = ends[i];
    }
    return at == size ? NULL : "the tokens end before the text";
}

static int encode_strings(const rome99_bpe *bpe, const char *path) {
    rome99_json *doc;
    rome99_items items;
    rome99_value string;
    if (rome99_json_read(&doc, path, &error)) return complain();
    items = rome99_json_items(rome99_json_root(doc));
    while (rome99_json_next(&items, NULL, &string)) {
        const unsigned char *text = (const unsigned char *)rome99_json_string(string);
        const size_t size = rome99_json_length(string);
        const char *wrong;
        int32_t *ids;
        size_t *ends, n, i;
        if (rome99_bpe_encode(&ids, &ends, &n, bpe, text, size, &error)) return complain();
        wrong = check(bpe, ids, ends, n, text, size);
        for (i = 0; i < n; i++) printf("%s%ld", i > 0 ? " " : "", (long)ids[i]);
        printf("%s\n", wrong ? wrong : "");
        free(ids);
        free(ends);
    }
    rome99_json_free(doc);
    return 0;
}

static uint32_t random_below(uint32_t n) {
    static uint64_t state = 99;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

/* Bytes of any value; of few values; of the lead and trail bytes of UTF-8, so that characters break off. */
static size_t random_bytes(unsigned char *bytes, size_t most) {
    static const unsigned char utf8[] = {0x80, 0xBF, 0x9F, 0xC2, 0xDF, 0xE0, 0xED,
                                         0xF0, 0xF4, 0xFF, ' ',  '\'', 's',  'e'};
    const uint32_t kind = random_below(3), first = random_below(256), values = 1 + random_below(8);
    const size_t size = random_below((uint32_t)most + 1);
    size_t i;
    for (i = 0; i < size; i++)
        bytes[i] = kind == 0   ? (unsigned char)random_below(256)
                   : kind == 1 ? (unsigned char)(first + random_below(values))
                               : utf8[random_below(sizeof utf8)];
    return size;
}

static int round_trips(const rome99_bpe *bpe, unsigned long count) {
    unsigned char text[400];
    unsigned long passed = 0, failed = 0;
    for (; count > 0; count--) {
        const size_t size = random_bytes(text, count % 100 ? 40 : sizeof text);
        rome99_text back = {0};
        const char *wrong;
        int32_t *ids;
        size_t *ends, n;
        if (rome99_bpe_encode(&ids, &ends, &n, bpe, text, size, &error)) return complain();
        wrong = check(bpe, ids, ends, n, text, size);
        rome99_bpe_decode(&back, bpe, ids, n);
        if (back.size != size || (size > 0 && memcmp(back.bytes, text, size) != 0))
            wrong = "decoded to other bytes";
        passed += !wrong;
        failed += !!wrong;
        if (wrong && failed < 10) printf("FAIL byte string %lu from the end: %s\n", count, wrong);
        rome99_text_free(&back);
        free(ids);
        free(ends);
    }
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed > 0;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints the median of five runs. */
static int time_text(const rome99_bpe *bpe, const char *name, const unsigned char *text, size_t size) {
    double seconds[5];
    size_t n = 0, i;
    for (i = 0; i < 5; i++) {
        const double begin = rome99_seconds();
        int32_t *ids;
        if (rome99_bpe_encode(&ids, NULL, &n, bpe, text, size, &error)) return complain();
        seconds[i] = rome99_seconds() - begin;
        free(ids);
    }
    qsort(seconds, 5, sizeof *seconds, compare_doubles);
    printf("%s: %.4f s, %.1f MB/s, %lu bytes, %lu tokens\n", name, seconds[2],
           1e-6 * (double)size / seconds[2], (unsigned long)size, (unsigned long)n);
    return 0;
}

/* One piece of 1 MB: the characters of `alphabet` in random order. */
static int time_word(const rome99_bpe *bpe, const char *name, const char *alphabet) {
    enum { SIZE = 1000000 };
    unsigned char *word = malloc(SIZE);
    size_t i;
    int failed = 2;
    for (i = 0; word && i < SIZE; i++)
        word[i] = (unsigned char)alphabet[random_below((uint32_t)strlen(alphabet))];
    if (word) failed = time_text(bpe, name, word, SIZE);
    free(word);
    return failed;
}

static int time_all(const rome99_bpe *bpe, const char *path) {
    unsigned char *text;
    size_t size;
    int failed;
    if (rome99_read_file(&text, &size, path, &error)) return complain();
    failed = time_text(bpe, "prose", text, size) || time_word(bpe, "letters", "abcdefghijklmnopqrstuvwxyz") ||
             time_word(bpe, "one", "a") || time_word(bpe, "digits", "0123456789") ||
             time_word(bpe, "blanks", " ") || time_word(bpe, "signs", "!\"#$%&()*+,-./:;<=>?@[]^_`{|}~");
    free(text);
    return failed;
}

int main(int argc, char **argv) {
    const double begin = rome99_seconds();
    char *vocab, *merges;
    rome99_bpe *bpe;
    int code = 2;
    if (argc != 4) {
        fprintf(stderr, "usage: encode_lines MODEL --strings FILE.json | --bytes N | --time FILE\n");
        return 2;
    }
    vocab = rome99_path(argv[1], "vocab.json");
    merges = rome99_path(argv[1], "merges.txt");
    if (!vocab || !merges || rome99_bpe_read(&bpe, vocab, merges, &error)) return complain();
    if (strcmp(argv[2], "--strings") == 0) code = encode_strings(bpe, argv[3]);
    if (strcmp(argv[2], "--bytes") == 0) code = round_trips(bpe, strtoul(argv[3], NULL, 10));
    if (strcmp(argv[2], "--time") == 0) {
        printf("read in %.3f s\n", rome99_seconds() - begin);
        code = time_all(bpe, argv[3]);
    }
    rome99_bpe_free(bpe);
    free(vocab);
    free(merges);
    return code;
}
