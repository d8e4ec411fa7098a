/* bpe.c: the tokenizer of bpe.h. Reading sorts the tokens by name, to look up what merges.txt names, and the
   merges by pair, to look one up among those with its left token. Encoding keeps the tokens of a piece in a
   linked list, and the ranks of their pairs in a tournament; a piece met before in the same text is only
   copied. */
#include "files/bpe.h"
#include "files/json.h"
#include "files/unicode.h"
#include <stdlib.h>
#include <string.h>

#define ENDOFTEXT "<|endoftext|>"
enum { ENDOFTEXT_SIZE = sizeof ENDOFTEXT - 1 };

/* The class of the first character, and its length. */
static int class_at(size_t *length, const unsigned char *s, size_t size) {
    uint32_t c = s[0];
    *length = c < 0x80 ? 1 : rome99_utf8_decode(&c, s, size);
    if (*length > 1) return rome99_char_class(c);
    *length = 1; /* from here on ASCII, or no UTF-8 */
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return ROME99_CHAR_LETTER;
    if (c >= '0' && c <= '9') return ROME99_CHAR_NUMBER;
    return c == ' ' || (c >= '\t' && c <= '\r') ? ROME99_CHAR_SPACE : ROME99_CHAR_OTHER;
}

size_t rome99_bpe_split(const unsigned char *text, size_t size) {
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    size_t i, n, last = 0;
    int kind;
    for (i = 0; i < 7 && text[0] == '\''; i++) {
        n = strlen(contractions[i]);
        if (n <= size && memcmp(text, contractions[i], n) == 0) return n;
    }
    i = text[0] == ' ' && size > 1;
    kind = class_at(&n, text + i, size - i);
    if (kind == ROME99_CHAR_SPACE) i = n = 0;
    do {
        last = i;
        i += n;
    } while (i < size && class_at(&n, text + i, size - i) == kind);
    return kind == ROME99_CHAR_SPACE && i < size && last > 0 ? last : i; /* the last goes to what follows */
}

typedef struct {
    size_t at, size;
} range;

typedef struct {
    uint64_t pair; /* left << 32 | right */
    uint32_t rank;
    int32_t joined;
} merge;

struct rome99_bpe {
    range *tokens; /* (size) of the bytes */
    unsigned char *bytes;
    merge *merges; /* (merge_count), by pair */
    size_t *first; /* (size+1): where the merges with each left token begin */
    size_t size, merge_count;
    int32_t byte_id[256], endoftext;
};

/* GPT-2's alphabet, in which its files write bytes: the printable characters of Latin-1 stand for themselves,
   U+0100, U+0101 ... for the other 68 bytes in increasing order. */
unsigned char rome99_bpe_byte(int32_t id) {
    static const int32_t below[] = {94, 106, 188, 221, 255, 256}, shift[] = {33, 67, 68, -188, -94, -82};
    int i = 0;
    while (id >= below[i]) i++;
    return (unsigned char)(id + shift[i]);
}

/* Decodes a name to out, which may need as many bytes; returns how many it took, 0 if a character is not in
   the alphabet. */
static size_t decode_name(unsigned char *out, const char *name, size_t size) {
    size_t count = 0, i, n;
    uint32_t c;
    for (i = 0; i < size; i += n) {
        n = rome99_utf8_decode(&c, (const unsigned char *)name + i, size - i);
        if (n == 0 || c <= ' ' || (c >= 0x7F && c <= 0xA0) || c == 0xAD || c >= 0x100 + 68) return 0;
        out[count++] = c < 0x100 ? (unsigned char)c : rome99_bpe_byte((int32_t)(188 + c - 0x100));
    }
    return count;
}

/* Reading. */

typedef struct {
    const char *name;
    size_t size;
    int32_t id;
    rome99_value key; /* in vocab.json */
} token;

static int compare_tokens(const void *a, const void *b) {
    const token *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size ? -1 : 1) : memcmp(x->name, y->name, x->size);
}

static int compare_merges(const void *a, const void *b) {
    const merge *x = a, *y = b;
    return (x->pair > y->pair) - (x->pair < y->pair);
}

/* The id of the token of this name among the n sorted ones, or -1. */
static int32_t find_token(const token *sorted, size_t n, const char *name, size_t size) {
    const token key = {name, size, 0, {NULL, 0}}, *t = bsearch(&key, sorted, n, sizeof key, compare_tokens);
    return t ? t->id : -1;
}

/* Reads vocab.json into b and *out (V), malloc'ed and sorted by name. */
static int read_vocab(rome99_bpe *b, token **out, rome99_value root, rome99_error *e) {
    rome99_items items = rome99_json_items(root);
    rome99_value key, item;
    uint64_t id;
    size_t at = 0, i;
    token *sorted = *out = calloc(rome99_json_length(root) + 1, sizeof *sorted);
    b->size = rome99_json_length(root);
    b->tokens = calloc(b->size + 1, sizeof *b->tokens);
    b->first = calloc(b->size + 1, sizeof *b->first);
    if (!sorted || !b->tokens || !b->first) return rome99_json_fail(e, root, "out of memory");
    if (rome99_json_kind(root) != ROME99_OBJECT || b->size >= INT32_MAX)
        return rome99_json_fail(e, root, "must be an object of less than 2^31 tokens");
    memset(b->byte_id, -1, sizeof b->byte_id);
    while (rome99_json_next(&items, &key, &item)) {
        const char *name = rome99_json_string(key);
        const size_t length = rome99_json_length(key), size = decode_name(b->bytes + at, name, length);
        if (rome99_json_integer(&id, item, b->size - 1, e)) return -1;
        if (sorted[id].name) return rome99_json_fail(e, item, "two tokens with this id");
        if (length == 0) return rome99_json_fail(e, key, "an empty token");
        if (size == 0) return rome99_json_fail(e, key, "not in GPT-2's byte alphabet");
        if (size == 1) b->byte_id[b->bytes[at]] = (int32_t)id;
        sorted[id] = (token){name, length, (int32_t)id, key};
        b->tokens[id] = (range){at, size};
        at += size;
    }
    qsort(sorted, b->size, sizeof *sorted, compare_tokens);
    for (i = 1; i < b->size; i++)
        if (compare_tokens(&sorted[i - 1], &sorted[i]) == 0)
            return rome99_json_fail(e, sorted[i].key, "a token that is there twice");
    for (i = 0; i < 256; i++)
        if (b->byte_id[i] < 0) return rome99_json_fail(e, root, "no token for the byte %d", (int)i);
    b->endoftext = find_token(sorted, b->size, ENDOFTEXT, ENDOFTEXT_SIZE);
    return 0;
}

/* Reads one line of merges.txt and joins its names in place. Returns what is wrong with it, or NULL. */
static const char *read_merge(merge *m, const token *sorted, size_t n, char *line, size_t size) {
    char *blank = memchr(line, ' ', size);
    const size_t left = blank ? (size_t)(blank - line) : 0, right = size - left - 1;
    int32_t a, b;
    if (left == 0 || right == 0 || memchr(blank + 1, ' ', right))
        return "must be two tokens with one blank between";
    a = find_token(sorted, n, line, left);
    b = find_token(sorted, n, blank + 1, right);
    m->pair = (uint64_t)a << 32 | (uint32_t)b;
    memmove(blank, blank + 1, right);
    m->joined = find_token(sorted, n, line, left + right);
    if (a < 0) return "the left token is not in the vocabulary";
    if (b < 0) return "the right token is not in the vocabulary";
    return m->joined < 0 ? "the joined token is not in the vocabulary" : NULL;
}

/* Reads merges.txt, of which `text` is a copy to work in. */
static int read_merges(rome99_bpe *b, const token *sorted, const char *where, char *text, size_t size,
                       rome99_error *e) {
    const size_t header = size >= 8 && memcmp(text, "#version", 8) == 0;
    size_t at, end, line = 1, i;
    for (at = 0; at < size; at = end + 1, line++) {
        const char *newline = memchr(text + at, '\n', size - at), *wrong;
        merge *m = &b->merges[b->merge_count];
        end = newline ? (size_t)(newline - text) : size;
        if (line == 1 && header) continue;
        wrong = read_merge(m, sorted, b->size, text + at, end - at - (end > at && text[end - 1] == '\r'));
        if (wrong) return rome99_fail(e, NULL, "%.255s:%zu: %s", where, line, wrong);
        m->rank = (uint32_t)b->merge_count++;
        b->first[(m->pair >> 32) + 1]++; /* first a count */
    }
    qsort(b->merges, b->merge_count, sizeof *b->merges, compare_merges);
    for (i = 1; i < b->merge_count; i++) {
        const size_t x = 1 + header + b->merges[i - 1].rank, y = 1 + header + b->merges[i].rank;
        if (b->merges[i - 1].pair == b->merges[i].pair)
            return rome99_fail(e, NULL, "%.255s:%zu: the same pair as in line %zu", where, x > y ? x : y,
                               x > y ? y : x);
    }
    for (i = 0; i < b->size; i++) b->first[i + 1] += b->first[i];
    return 0;
}

int rome99_bpe_parse(rome99_bpe **bpe, const char *vocab_name, const unsigned char *vocab, size_t vocab_size,
                     const char *merges_name, const unsigned char *merges, size_t size, rome99_error *e) {
    rome99_bpe *b = calloc(1, sizeof *b);
    char *lines = calloc(size + 1, 1);
    rome99_json *doc = NULL;
    token *sorted = NULL;
    int failed;
    if (b) b->bytes = calloc(vocab_size + 1, 1);
    if (b) b->merges = calloc(size / 4 + 1, sizeof *b->merges); /* a line has 4 bytes, the last one 3 */
    if (lines && size > 0) memcpy(lines, merges, size);
    if (!lines || !b || !b->bytes || !b->merges || size / 4 >= UINT32_MAX)
        failed = rome99_fail(e, merges_name, "too large: out of memory");
    else
        failed = rome99_json_parse(&doc, vocab_name, vocab, vocab_size, e) ||
                 read_vocab(b, &sorted, rome99_json_root(doc), e) ||
                 read_merges(b, sorted, merges_name, lines, size, e);
    free(lines);
    free(sorted);
    rome99_json_free(doc);
    if (failed) rome99_bpe_free(b);
    *bpe = failed ? NULL : b;
    return failed ? -1 : 0;
}

int rome99_bpe_read(rome99_bpe **bpe, const char *vocab_path, const char *merges_path, rome99_error *e) {
    unsigned char *vocab = NULL, *merges = NULL;
    size_t vocab_size, size;
    int failed;
    *bpe = NULL;
    failed = rome99_read_file(&vocab, &vocab_size, vocab_path, e) ||
             rome99_read_file(&merges, &size, merges_path, e) ||
             rome99_bpe_parse(bpe, vocab_path, vocab, vocab_size, merges_path, merges, size, e);
    free(vocab);
    free(merges);
    return failed ? -1 : 0;
}

void rome99_bpe_free(rome99_bpe *bpe) {
    if (!bpe) return;
    free(bpe->tokens);
    free(bpe->bytes);
    free(bpe->merges);
    free(bpe->first);
    free(bpe);
}

/* Encoding. */

typedef struct {
    int32_t id; /* < 0: joined to the one before, or the end of the piece */
    uint32_t previous, next;
} symbol;

typedef struct {
    size_t at, size, first, count; /* of a piece of the text and of its ids */
} seen;

typedef struct {
    const rome99_bpe *bpe;
    const unsigned char *text;
    int32_t *ids; /* (count) */
    size_t count, mask, room, leaves;
    seen *table;     /* (mask+1): the last piece with each hash; size 0: none yet */
    symbol *symbols; /* (leaves): the bytes of a piece and its end, linked in a ring */
    uint64_t *tree;  /* (2 leaves): see update */
} encoder;
#define NONE UINT64_MAX

/* The merge of the symbol at `place` and the next one, or NULL. */
static const merge *find_merge(const encoder *x, uint32_t place) {
    const int32_t left = x->symbols[place].id, right = x->symbols[x->symbols[place].next].id;
    const merge key = {(uint64_t)left << 32 | (uint32_t)right, 0, 0};
    size_t first;
    if (left < 0 || right < 0) return NULL;
    first = x->bpe->first[left];
    return bsearch(&key, x->bpe->merges + first, x->bpe->first[left + 1] - first, sizeof key, compare_merges);
}

/* Leaf i of the tree, node leaves + i, is rank << 32 | i for the pair of symbol i and the next one, NONE
   without a merge; another node is the lesser of nodes 2i and 2i + 1. */
static void update(encoder *x, uint32_t place) {
    const merge *m = find_merge(x, place);
    uint64_t *t = x->tree;
    size_t i = x->leaves + place;
    t[i] = m ? (uint64_t)m->rank << 32 | place : NONE;
    for (; i > 1; i /= 2) t[i / 2] = t[i] < t[i ^ 1] ? t[i] : t[i ^ 1];
}

/* Joins all pairs of the lowest rank from left to right. What they join to might make pairs of a lower rank:
   till the end of the pass it waits as ~id in the right symbols, which make a list through `next`. */
static void join_lowest(encoder *x) {
    const uint64_t rank = x->tree[1] >> 32;
    symbol *s = x->symbols;
    uint32_t list = 0, i;
    while (x->tree[1] >> 32 == rank) {
        const uint32_t left = (uint32_t)x->tree[1], right = s[left].next;
        const int32_t joined = find_merge(x, left)->joined;
        s[left] = (symbol){-1, s[left].previous, s[right].next};
        s[s[right].next].previous = left;
        s[right] = (symbol){~joined, left, list};
        list = right;
        update(x, left);
        update(x, right);
    }
    for (i = list; i > 0; i = s[i].next) s[s[i].previous].id = ~s[i].id;
    for (i = list; i > 0; i = s[i].next) {
        update(x, s[i].previous);
        update(x, s[s[i].previous].previous);
    }
}

/* Appends the ids of one piece. */
static int merge_piece(encoder *x, const unsigned char *piece, size_t size) {
    const uint32_t end = (uint32_t)size;
    uint32_t i;
    x->leaves = size + 1;
    if (x->leaves > x->room) {
        x->room = size < UINT32_MAX ? x->leaves : SIZE_MAX; /* places have 32 bits: out of memory */
        free(x->symbols);
        free(x->tree);
        x->symbols = calloc(x->room, sizeof *x->symbols);
        x->tree = calloc(x->room, 2 * sizeof *x->tree);
        if (!x->symbols || !x->tree) return -1;
    }
    for (i = 0; i < end; i++) x->symbols[i] = (symbol){x->bpe->byte_id[piece[i]], i > 0 ? i - 1 : end, i + 1};
    x->symbols[end] = (symbol){-1, end - 1, 0};
    for (i = 0; i <= end; i++) update(x, i);
    while (x->tree[1] != NONE) join_lowest(x);
    for (i = 0; i < end; i = x->symbols[i].next) x->ids[x->count++] = x->symbols[i].id;
    return 0;
}

/* Appends the ids of the piece text[at .. at + size). */
static int encode_piece(encoder *x, size_t at, size_t size) {
    const unsigned char *piece = x->text + at;
    const size_t first = x->count;
    uint32_t hash = 2166136261u; /* FNV-1a */
    seen *s;
    size_t i;
    for (i = 0; i < size; i++) hash = (hash ^ piece[i]) * 16777619u;
    s = &x->table[(hash ^ hash >> 15) & x->mask];
    if (s->size == size && memcmp(x->text + s->at, piece, size) == 0) {
        memcpy(x->ids + first, x->ids + s->first, s->count * sizeof *x->ids);
        x->count += s->count;
    } else if (merge_piece(x, piece, size)) {
        return -1;
    }
    *s = (seen){at, size, first, x->count - first};
    return 0;
}

/* Where the next <|endoftext|> begins, or `size`. */
static size_t find_endoftext(const encoder *x, size_t at, size_t size) {
    if (x->bpe->endoftext < 0) return size;
    for (; size - at >= ENDOFTEXT_SIZE; at++) {
        const unsigned char *p = memchr(x->text + at, '<', size - at);
        if (!p) return size;
        at = (size_t)(p - x->text);
        if (size - at >= ENDOFTEXT_SIZE && memcmp(p, ENDOFTEXT, ENDOFTEXT_SIZE) == 0) return at;
    }
    return size;
}

static int encode_text(encoder *x, size_t size) {
    size_t at, n, end = find_endoftext(x, 0, size);
    while (x->mask < size / 16 && x->mask < 32767) x->mask = 2 * x->mask + 1;
    x->table = calloc(x->mask + 1, sizeof *x->table);
    x->ids = calloc(size + 1, sizeof *x->ids);
    if (!x->table || !x->ids) return -1;
    for (at = 0; at < size; at += n) {
        n = at < end ? rome99_bpe_split(x->text + at, end - at) : ENDOFTEXT_SIZE;
        if (at < end && encode_piece(x, at, n)) return -1;
        if (at < end) continue;
        x->ids[x->count++] = x->bpe->endoftext;
        end = find_endoftext(x, at + n, size);
    }
    return 0;
}

int rome99_bpe_encode(int32_t **ids, size_t **ends, size_t *n, const rome99_bpe *bpe,
                      const unsigned char *text, size_t size, rome99_error *e) {
    encoder x = {bpe, text, NULL, 0, 63, 0, 0, NULL, NULL, NULL};
    int failed = encode_text(&x, size);
    size_t at = 0, i;
    free(x.table);
    free(x.symbols);
    free(x.tree);
    if (!failed && ends) failed = !(*ends = malloc((x.count + 1) * sizeof **ends));
    if (failed) {
        free(x.ids);
        return rome99_fail(e, NULL, "out of memory for the tokens of a text");
    }
    for (i = 0; ends && i < x.count; i++) (*ends)[i] = at += bpe->tokens[x.ids[i]].size;
    *ids = x.ids;
    *n = x.count;
    return 0;
}

size_t rome99_bpe_size(const rome99_bpe *bpe) { return bpe->size; }
int32_t rome99_bpe_endoftext(const rome99_bpe *bpe) { return bpe->endoftext; }

const unsigned char *rome99_bpe_token(size_t *size, const rome99_bpe *bpe, int32_t id) {
    *size = bpe->tokens[id].size;
    return bpe->bytes + bpe->tokens[id].at;
}

void rome99_bpe_decode(rome99_text *out, const rome99_bpe *bpe, const int32_t *ids, size_t n) {
    for (; n > 0; n--, ids++) rome99_text_put(out, bpe->bytes + bpe->tokens[*ids].at, bpe->tokens[*ids].size);
}
