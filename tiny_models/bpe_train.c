/*
 * bpe_train.c: byte-pair encoding learned from scratch. Distinct pieces are kept once, with their
 * counts, as rows of token ids in which each merge joins neighbours; pairs are counted anew for
 * every merge.
 *
 * No two merges make the same bytes. Where a run of bytes begins and ends at token boundaries,
 * every merge so far has treated it as it would treat the run alone, so it is cut the same way
 * wherever it stands.
 */
#include "bpe_train.h"
#include "files/bpe.h"
#include "files/unicode.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const unsigned char *bytes; /* in the text */
    size_t size;
    uint64_t count;
    int32_t *ids; /* (n) the tokens that it is made of */
    size_t n;
} piece;

typedef struct {
    int32_t left, right;
    uint64_t count;
} pair;

typedef struct {
    piece *pieces; /* (n_pieces) */
    size_t n_pieces;
    int32_t *ids;         /* (n_ids) of all pieces */
    pair *pairs;          /* (n_ids) room for the pairs that are left */
    int32_t (*merges)[2]; /* (n_ids) room for all that will be made */
    size_t n_ids, n_merges;
} trainer;

static int compare_pieces(const void *a, const void *b) {
    const piece *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int compare_pairs(const void *a, const void *b) {
    const pair *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

/* Splits the text and unites equal pieces. Returns 0, or -1 where memory is out. */
static int collect_pieces(trainer *t, const unsigned char *text, size_t size) {
    size_t at, n = 0, i;
    for (at = 0; at < size; at += rome99_bpe_split(text + at, size - at)) n++;
    if (n >= SIZE_MAX / sizeof *t->pieces) return -1;
    t->pieces = calloc(n + 1, sizeof *t->pieces);
    if (!t->pieces) return -1;
    for (at = 0, i = 0; i < n; at += t->pieces[i++].size) {
        t->pieces[i].bytes = text + at;
        t->pieces[i].size = rome99_bpe_split(text + at, size - at);
    }
    qsort(t->pieces, n, sizeof *t->pieces, compare_pieces);
    for (i = 0; i < n; i++) {
        if (i == 0 || compare_pieces(&t->pieces[i], &t->pieces[t->n_pieces - 1]) != 0) {
            t->n_ids += t->pieces[i].size;
            t->pieces[t->n_pieces++] = t->pieces[i];
        }
        t->pieces[t->n_pieces - 1].count++;
    }
    return 0;
}

/* Makes every piece a row of single bytes. Returns 0, or -1 where memory is out or ids would
 * overflow. */
static int byte_tokens(trainer *t) {
    int32_t id_of[256], id, *next;
    size_t i, j;
    if (t->n_ids > INT32_MAX - 257 || t->n_ids >= SIZE_MAX / sizeof *t->pairs) return -1;
    t->ids = malloc((t->n_ids + 1) * sizeof *t->ids);
    t->pairs = malloc((t->n_ids + 1) * sizeof *t->pairs);
    t->merges = malloc((t->n_ids + 1) * sizeof *t->merges);
    if (!t->ids || !t->pairs || !t->merges) return -1;
    for (id = 0; id < 256; id++) id_of[rome99_bpe_byte(id)] = id;
    for (i = 0, next = t->ids; i < t->n_pieces; next += t->pieces[i++].n) {
        t->pieces[i].ids = next;
        t->pieces[i].n = t->pieces[i].size;
        for (j = 0; j < t->pieces[i].n; j++) next[j] = id_of[t->pieces[i].bytes[j]];
    }
    return 0;
}

/* Finds the most frequent pair, of equals the first in order of ids. Returns 0 where none is
 * left. */
static int best_pair(trainer *t, pair *best) {
    size_t n = 0, i, j;
    uint64_t count = 0;
    for (i = 0; i < t->n_pieces; i++) {
        const piece *p = &t->pieces[i];
        for (j = 0; j + 1 < p->n; j++) t->pairs[n++] = (pair){p->ids[j], p->ids[j + 1], p->count};
    }
    qsort(t->pairs, n, sizeof *t->pairs, compare_pairs);
    *best = (pair){0, 0, 0};
    for (i = 0; i < n; i++) {
        count = i > 0 && compare_pairs(&t->pairs[i], &t->pairs[i - 1]) == 0 ? count : 0;
        count += t->pairs[i].count;
        if (count > best->count) {
            *best = t->pairs[i];
            best->count = count;
        }
    }
    return n > 0;
}

/* Joins every occurrence, from left to right. */
static void merge(trainer *t, const pair *p) {
    size_t i, from, to;
    for (i = 0; i < t->n_pieces; i++) {
        piece *q = &t->pieces[i];
        for (from = to = 0; from < q->n; to++) {
            int hit = from + 1 < q->n && q->ids[from] == p->left && q->ids[from + 1] == p->right;
            q->ids[to] = hit ? (int32_t)(256 + t->n_merges) : q->ids[from];
            from += hit ? 2 : 1;
        }
        q->n = to;
    }
    t->merges[t->n_merges][0] = p->left;
    t->merges[t->n_merges++][1] = p->right;
}

int rome99_bpe_train(int32_t (**pairs)[2], size_t *n, const unsigned char *text, size_t size,
                     rome99_error *e) {
    trainer t = {0};
    pair best = {0, 0, 0};
    int failed = collect_pieces(&t, text, size) || byte_tokens(&t);
    if (!failed) {
        while (best_pair(&t, &best)) merge(&t, &best);
        *pairs = t.merges;
        *n = t.n_merges;
    } else {
        free(t.merges);
        rome99_fail(e, "BPE training", "out of memory");
    }
    free(t.pieces);
    free(t.ids);
    free(t.pairs);
    return failed ? -1 : 0;
}

/* Appends a token in GPT-2's alphabet: the printable characters of Latin-1 stand for themselves, U+0100,
 * U+0101 ... for the other bytes. Recursion is no deeper than the token's bytes. */
static void put_token(rome99_text *t, int32_t id, int32_t (*pairs)[2]) {
    if (id < 256) {
        unsigned char s[4];
        const uint32_t c = id < 188 ? rome99_bpe_byte(id) : 0x100 + (uint32_t)id - 188;
        rome99_text_put(t, s, rome99_utf8_encode(s, c));
    } else {
        put_token(t, pairs[id - 256][0], pairs);
        put_token(t, pairs[id - 256][1], pairs);
    }
}

void rome99_bpe_format(rome99_text *vocab, rome99_text *merges, int32_t (*pairs)[2], size_t n) {
    rome99_text token = {0};
    size_t i;
    rome99_text_puts(vocab, "{");
    for (i = 0; i < 256 + n; i++) {
        token.size = 0;
        put_token(&token, (int32_t)i, pairs);
        if (token.failed)
            vocab->failed = 1;
        else
            rome99_text_json_string(vocab, token.bytes, token.size);
        rome99_text_printf(vocab, ": %zu, ", i);
    }
    rome99_text_printf(vocab, "\"<|endoftext|>\": %zu}\n", 256 + n);
    rome99_text_puts(merges, "#version: 0.2\n");
    for (i = 0; i < n; i++) {
        put_token(merges, pairs[i][0], pairs);
        rome99_text_puts(merges, " ");
        put_token(merges, pairs[i][1], pairs);
        rome99_text_puts(merges, "\n");
    }
    rome99_text_free(&token);
}
