/* random_vocabulary.c: a byte-level BPE vocabulary of any size; of English a token is two to five bytes. */
#include "random_model.h"
#include "files/bpe.h"
#include "files/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 256, LETTERS = 26, PAIRS = LETTERS * LETTERS, LONGEST = 12 };

typedef struct {
    size_t left, right, key; /* ids; merges are ordered by the key */
} merge;

typedef struct {
    size_t V, n, words;     /* tokens: in the end, with <|endoftext|>; so far; n when the words were in */
    char (*bytes)[LONGEST]; /* (V) each token's, then NULs */
    merge *merges;          /* (V), those of the tokens from BYTES on */
    rome99_rng rng;
} vocabulary;

/* The next token, unless it is there already among the words, or the vocabulary is full. */
static void add(vocabulary *v, merge m) {
    char joined[LONGEST] = "";
    size_t i;
    strcat(strcat(joined, v->bytes[m.left]), v->bytes[m.right]);
    for (i = BYTES; i < v->words && strcmp(joined, v->bytes[i]) != 0; i++) {
    }
    if (i < v->words || v->n + 1 >= v->V) return;
    memcpy(v->bytes[v->n], joined, sizeof joined);
    v->merges[v->n++] = m;
}

/* Common words with the blank before them, and what they begin with. */
static void add_words(vocabulary *v, const size_t *id) {
    static const char words[] =
        " the of and to in a is that it was for on are as with his they be at one have this from or had by "
        "not "
        "but what all were we when your can said there use an each which she do how their if will up other "
        "about "
        "out many then them these so some her would make like him into time has look two more write go see "
        "no "
        "way could people my than first water been call who now find long down day did get come made may "
        "part "
        "over new sound take only little work know place year live me back give most very after thing our "
        "just "
        "name good man think say great where help through much before line right too mean old any same tell "
        "boy "
        "follow came want show also around form three small set put end does another well large must big "
        "even "
        "such because turn here why ask went men read need land different home us move try kind hand picture "
        "again change off play spell air away animal house point page letter mother answer found study still "
        "learn should world high every near add food between own below country plant last school father keep "
        "tree never start city earth eye light thought head under story saw left few while along might close "
        "something seem next hard open example begin life always those both paper together got group often "
        "run ";
    const char *c;
    size_t at = id[' '], i;
    for (c = words + 1; *c; c++) {
        const merge m = {at, id[(unsigned char)*c], 0};
        if (*c == ' ') {
            at = id[' '];
            continue;
        }
        for (i = BYTES; i < v->n && (v->merges[i].left != m.left || v->merges[i].right != m.right); i++) {
        }
        if (i == v->n) add(v, m);
        if (i == v->n) return; /* full */
        at = i;
    }
    v->words = v->n;
}

static int by_key(const void *a, const void *b) {
    const merge *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

/* Joins each token of one list to each of another, more or less in the order of the lists. */
static int join(vocabulary *v, const size_t *left, size_t n_left, const size_t *right, size_t n_right) {
    const size_t n = n_left * n_right;
    merge *all = malloc(n * sizeof *all);
    size_t i;
    if (!all) return -1;
    for (i = 0; i < n; i++) {
        const size_t l = i / n_right, r = i % n_right;
        all[i].left = left[l];
        all[i].right = right[r];
        all[i].key = l + r + rome99_rng_below(&v->rng, n_right / 2);
    }
    qsort(all, n, sizeof *all, by_key);
    for (i = 0; i < n && v->n + 1 < v->V; i++) add(v, all[i]);
    free(all);
    return 0;
}

/* Words; pairs of letters; openings, which are a blank with a letter or a pair; pairs and openings with a
   pair behind them: no two tokens are the same bytes. */
static int make_merges(vocabulary *v) {
    static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz"; /* as English has them, the commonest first */
    size_t id[BYTES], letter[2 * LETTERS + PAIRS], pair[PAIRS], both[2 * LETTERS + 2 * PAIRS], openings, i;
    for (i = 0; i < BYTES; i++) {
        const unsigned char byte = rome99_bpe_byte((int32_t)i);
        id[byte] = i;
        v->bytes[i][0] = (char)byte;
    }
    v->n = BYTES;
    add_words(v, id);
    for (i = 0; i < PAIRS; i++) letter[2 * LETTERS + i] = pair[i] = v->n + i;
    for (i = 0; i < LETTERS; i++) {
        letter[i] = id[(unsigned char)letters[i]];
        letter[LETTERS + i] = id[(unsigned char)letters[i] - 'a' + 'A'];
    }
    if (join(v, letter, LETTERS, letter, LETTERS)) return -1;
    openings = v->n;
    if (join(v, &id[' '], 1, letter, 2 * LETTERS + PAIRS)) return -1;
    openings = v->n - openings;
    for (i = 0; i < PAIRS + openings; i++)
        both[i] = pair[0] + (i >= 2 * openings ? i - openings : i / 2 + (i % 2 ? PAIRS : 0)); /* by turns */
    return join(v, both, PAIRS + openings, pair, PAIRS);
}

/* A token as the files have it: each byte as the character that GPT-2 prints for it, in UTF-8. */
static void print_name(char name[2 * LONGEST], const char *bytes, size_t size) {
    size_t i, id;
    for (i = 0; i < size; i++) {
        unsigned code;
        for (id = 0; rome99_bpe_byte((int32_t)id) != (unsigned char)bytes[i]; id++) {
        }
        code = id < 188 ? (unsigned char)bytes[i] : 256U + (unsigned)id - 188; /* 188 stand for themselves */
        if (code < 128) {
            *name++ = (char)code;
        } else {
            *name++ = (char)(0xC0 | code >> 6);
            *name++ = (char)(0x80 | (code & 0x3F));
        }
    }
    *name = '\0';
}

static int write_files(const char *folder, const vocabulary *v, rome99_error *e) {
    char *path[2], name[2 * LONGEST], other[2 * LONGEST];
    rome99_text vocab = {0}, merges = {0};
    size_t i;
    int failed;
    path[0] = rome99_path(folder, "vocab.json");
    path[1] = rome99_path(folder, "merges.txt");
    rome99_text_puts(&vocab, "{");
    rome99_text_puts(&merges, "#version: 0.2\n");
    for (i = 0; i < v->n; i++) {
        print_name(name, v->bytes[i], i < BYTES ? 1 : strlen(v->bytes[i]));
        rome99_text_json_string(&vocab, name, strlen(name));
        rome99_text_printf(&vocab, ": %zu, ", i);
        if (i < BYTES) continue;
        print_name(name, v->bytes[v->merges[i].left], strlen(v->bytes[v->merges[i].left]));
        print_name(other, v->bytes[v->merges[i].right], strlen(v->bytes[v->merges[i].right]));
        rome99_text_printf(&merges, "%s %s\n", name, other);
    }
    rome99_text_printf(&vocab, "\"<|endoftext|>\": %zu}", v->n);
    failed = !path[0] || !path[1] || vocab.failed || merges.failed
                 ? rome99_fail(e, folder, "out of memory")
                 : rome99_write_file(path[0], vocab.bytes, vocab.size, e) ||
                       rome99_write_file(path[1], merges.bytes, merges.size, e);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    free(path[0]);
    free(path[1]);
    return failed ? -1 : 0;
}

int rome99_random_vocabulary(const char *folder, size_t V, size_t seed, rome99_error *e) {
    vocabulary v = {0};
    int failed;
    v.V = V;
    v.rng.state = seed;
    v.bytes = calloc(V, sizeof *v.bytes);
    v.merges = malloc(V * sizeof *v.merges);
    failed = !v.bytes || !v.merges || make_merges(&v) ? rome99_fail(e, folder, "out of memory")
                                                      : write_files(folder, &v, e);
    free(v.bytes);
    free(v.merges);
    return failed;
}
