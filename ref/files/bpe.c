/* bpe.c: the tokenizer of bpe.h. Reading sorts the tokens by their bytes, to look up what
   merges.txt names, and the merges by their pair. Encoding keeps the tokens of a piece in a linked
   list and the pairs that can be joined in a heap; a piece met before in the same text is only
   copied. */
#include "files/bpe.h"
#include "files/json.h"
#include "files/unicode.h"

#include <stdlib.h>
#include <string.h>

static const char ENDOFTEXT[] = "<|endoftext|>";
enum { ENDOFTEXT_SIZE = sizeof ENDOFTEXT - 1 };

typedef struct {
    int32_t left, right, joined;
    uint32_t rank;
} merge;

struct rome99_bpe {
    size_t size;          /* V */
    unsigned char *bytes; /* of all tokens, by id */
    size_t *start;        /* (V+1): token i is bytes[start[i]] .. bytes[start[i+1] - 1] */
    int32_t byte_id[256];
    int32_t endoftext;
    merge *merges; /* (merge_count), by left, then by right */
    size_t merge_count;
    size_t *first; /* (V+1): with i on the left are merges[first[i]] .. merges[first[i+1] - 1] */
};

/* Zeroed memory for count + 1 elements. */
static void *allocate(size_t count, size_t size) {
    return count < SIZE_MAX ? calloc(count + 1, size) : NULL;
}

/* GPT-2's alphabet, in which its files write bytes: the printable characters of Latin-1 stand for
   themselves, U+0100, U+0101 ... for the other 68 bytes in increasing order. */

unsigned char rome99_bpe_byte(int32_t id) {
    const int32_t byte = id < 94 ? '!' + id : id < 106 ? 0xA1 + id - 94 : id < 188 ? 0xAE + id - 106
                       : id < 221 ? id - 188 : id < 255 ? 0x7F + id - 221 : 0xAD;
    return (unsigned char)byte;
}

/* Decodes characters of the alphabet to out, which may need as many bytes as s has; returns how
   many it took, or SIZE_MAX if a character stands for no byte. */
static size_t decode_alphabet(unsigned char *out, const unsigned char *s, size_t size) {
    size_t count = 0, i, n;
    for (i = 0; i < size; i += n) {
        uint32_t c;
        n = rome99_utf8_decode(&c, s + i, size - i);
        if (n == 0 || c <= ' ' || (c >= 0x7F && c <= 0xA0) || c == 0xAD || c >= 0x100 + 68) {
            return SIZE_MAX;
        }
        out[count++] = c < 0x100 ? (unsigned char)c : rome99_bpe_byte((int32_t)(188 + c - 0x100));
    }
    return count;
}

/* Appends a token of rome99_bpe_format in the alphabet; recursion is no deeper than its bytes. */
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
        if (token.failed) vocab->failed = 1;
        else rome99_text_json_string(vocab, token.bytes, token.size);
        rome99_text_printf(vocab, ": %zu, ", i);
    }
    rome99_text_printf(vocab, "\"%s\": %zu}\n", ENDOFTEXT, 256 + n);
    rome99_text_puts(merges, "#version: 0.2\n");
    for (i = 0; i < n; i++) {
        put_token(merges, pairs[i][0], pairs);
        rome99_text_puts(merges, " ");
        put_token(merges, pairs[i][1], pairs);
        rome99_text_puts(merges, "\n");
    }
    rome99_text_free(&token);
}

/* Reading. */

typedef struct {
    const unsigned char *bytes;
    size_t size;
    int32_t id;
    rome99_value key; /* in vocab.json */
} token;

static int compare_tokens(const void *a, const void *b) {
    const token *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->size);
}

static int compare_merges(const void *a, const void *b) {
    const merge *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    if (x->right != y->right) return x->right < y->right ? -1 : 1;
    return x->rank < y->rank ? -1 : 1;
}

/* The id of the token with these bytes among the V sorted ones, or -1. */
static int32_t find_token(const token *tokens, size_t count, const void *bytes, size_t size) {
    const token key = {bytes, size, 0, {NULL, 0}}, *found;
    found = size == SIZE_MAX ? NULL : bsearch(&key, tokens, count, sizeof key, compare_tokens);
    return found == NULL ? -1 : found->id;
}

/* Fills all of b but the merges, and tokens (V), which it sorts. */
static int read_vocab(rome99_bpe *b, token *tokens, rome99_value root, rome99_error *e) {
    rome99_items items = rome99_json_items(root);
    rome99_value key, item;
    size_t i;
    uint64_t id;
    while (rome99_json_next(&items, &key, &item)) {
        if (rome99_json_integer(&id, item, b->size - 1, e) != 0) return -1;
        if (tokens[id].key.doc != NULL) return rome99_json_fail(e, item, "two tokens with this id");
        tokens[id].key = key;
    }
    for (i = 0; i < b->size; i++) {
        const unsigned char *s = (const unsigned char *)rome99_json_string(tokens[i].key);
        unsigned char *bytes = b->bytes + b->start[i];
        const size_t size = decode_alphabet(bytes, s, rome99_json_length(tokens[i].key));
        if (size == 0 || size == SIZE_MAX) {
            return rome99_json_fail(e, tokens[i].key, size == 0 ? "an empty token"
                                                                : "not in GPT-2's byte alphabet");
        }
        tokens[i] = (token){bytes, size, (int32_t)i, tokens[i].key};
        b->start[i + 1] = b->start[i] + size;
    }
    qsort(tokens, b->size, sizeof *tokens, compare_tokens);
    for (i = 1; i < b->size; i++) {
        if (compare_tokens(&tokens[i - 1], &tokens[i]) == 0) {
            return rome99_json_fail(e, tokens[i].key, "a token that is there twice");
        }
    }
    for (i = 0; i < 256; i++) {
        const unsigned char byte = (unsigned char)i;
        b->byte_id[i] = find_token(tokens, b->size, &byte, 1);
        if (b->byte_id[i] < 0) return rome99_json_fail(e, root, "no token for the byte %d", (int)i);
    }
    b->endoftext = find_token(tokens, b->size, ENDOFTEXT, ENDOFTEXT_SIZE);
    return 0;
}

/* Reads one line of merges.txt; `bytes` has room for it. Returns what is wrong with it, or NULL. */
static const char *read_merge(merge *m, const token *tokens, size_t count, unsigned char *bytes,
                              const unsigned char *line, size_t size) {
    const unsigned char *blank = memchr(line, ' ', size), *behind = line + size;
    size_t left, right;
    if (blank == NULL || blank == line || blank + 1 == behind ||
        memchr(blank + 1, ' ', (size_t)(behind - blank - 1)) != NULL) {
        return "must be two tokens with one blank between";
    }
    left = decode_alphabet(bytes, line, (size_t)(blank - line));
    m->left = find_token(tokens, count, bytes, left);
    if (m->left < 0) return "the left token is not in the vocabulary";
    right = decode_alphabet(bytes + left, blank + 1, (size_t)(behind - blank - 1));
    m->right = find_token(tokens, count, bytes + left, right);
    if (m->right < 0) return "the right token is not in the vocabulary";
    m->joined = find_token(tokens, count, bytes, left + right);
    return m->joined < 0 ? "the joined token is not in the vocabulary" : NULL;
}

/* Fills `first`; the merge of rank 0 was in this line. */
static int sort_merges(rome99_bpe *b, const char *where, size_t line, rome99_error *e) {
    size_t i;
    for (i = 0; i < b->merge_count; i++) b->first[b->merges[i].left + 1]++;
    for (i = 0; i < b->size; i++) b->first[i + 1] += b->first[i];
    qsort(b->merges, b->merge_count, sizeof *b->merges, compare_merges);
    for (i = 1; i < b->merge_count; i++) {
        const merge *m = &b->merges[i - 1], *n = &b->merges[i];
        if (m->left == n->left && m->right == n->right) {
            return rome99_fail(e, NULL, "%.255s:%zu: the same pair as in line %zu", where,
                               line + n->rank, line + m->rank);
        }
    }
    return 0;
}

static int read_merges(rome99_bpe *b, const token *tokens, const char *where,
                       const unsigned char *text, size_t size, rome99_error *e) {
    const size_t header = size >= 8 && memcmp(text, "#version", 8) == 0;
    unsigned char *bytes = allocate(size, 1);
    const char *wrong = NULL;
    size_t at, end, line = 1, lines = 1;
    for (at = 0; at < size; at++) lines += text[at] == '\n';
    b->merges = allocate(lines, sizeof *b->merges);
    b->first = allocate(b->size, sizeof *b->first);
    if (bytes == NULL || b->merges == NULL || b->first == NULL || lines >= UINT32_MAX) {
        free(bytes);
        return rome99_fail(e, where, lines < UINT32_MAX ? "out of memory" : "too many lines");
    }
    for (at = 0; at < size && wrong == NULL; at = end + 1, line++) {
        const unsigned char *newline = memchr(text + at, '\n', size - at);
        merge *m = &b->merges[b->merge_count];
        end = newline != NULL ? (size_t)(newline - text) : size;
        if (line == 1 && header) continue;
        m->rank = (uint32_t)b->merge_count++;
        wrong = read_merge(m, tokens, b->size, bytes, text + at,
                           end - at - (end > at && text[end - 1] == '\r'));
    }
    free(bytes);
    if (wrong != NULL) return rome99_fail(e, NULL, "%.255s:%zu: %s", where, line - 1, wrong);
    return sort_merges(b, where, 1 + header, e);
}

int rome99_bpe_parse(rome99_bpe **bpe, const char *vocab_name, const unsigned char *vocab,
                     size_t vocab_size, const char *merges_name, const unsigned char *merges,
                     size_t merges_size, rome99_error *e) {
    rome99_bpe *b;
    rome99_json *doc;
    rome99_value root;
    token *tokens;
    int status = -1;
    *bpe = NULL;
    if (rome99_json_parse(&doc, vocab_name, vocab, vocab_size, e) != 0) return -1;
    root = rome99_json_root(doc);
    b = calloc(1, sizeof *b);
    tokens = allocate(rome99_json_length(root), sizeof *tokens);
    if (b != NULL) {
        b->size = rome99_json_length(root);
        b->start = allocate(b->size, sizeof *b->start);
        b->bytes = allocate(vocab_size, 1);
    }
    if (b == NULL || tokens == NULL || b->start == NULL || b->bytes == NULL) {
        rome99_fail(e, vocab_name, "out of memory");
    } else if (rome99_json_kind(root) != ROME99_OBJECT || b->size >= INT32_MAX) {
        rome99_json_fail(e, root, "must be an object of less than 2^31 tokens");
    } else if (read_vocab(b, tokens, root, e) == 0) {
        status = read_merges(b, tokens, merges_name, merges, merges_size, e);
    }
    free(tokens);
    rome99_json_free(doc);
    if (status == 0) *bpe = b;
    else rome99_bpe_free(b);
    return status;
}

int rome99_bpe_read(rome99_bpe **bpe, const char *vocab_path, const char *merges_path,
                    rome99_error *e) {
    unsigned char *vocab = NULL, *merges = NULL;
    size_t vocab_size, merges_size;
    int status = -1;
    *bpe = NULL;
    if (rome99_read_file(&vocab, &vocab_size, vocab_path, e) == 0 &&
        rome99_read_file(&merges, &merges_size, merges_path, e) == 0) {
        status = rome99_bpe_parse(bpe, vocab_path, vocab, vocab_size, merges_path, merges,
                                  merges_size, e);
    }
    free(vocab);
    free(merges);
    return status;
}

void rome99_bpe_free(rome99_bpe *bpe) {
    if (bpe == NULL) return;
    free(bpe->bytes);
    free(bpe->start);
    free(bpe->merges);
    free(bpe->first);
    free(bpe);
}

/* Encoding. */

typedef struct {
    int32_t id; /* -1: joined to the one before, or the end */
    uint32_t previous, next;
} symbol;

/* A piece of the text, and its ids. */
typedef struct {
    size_t at, size, first, count;
} seen;

typedef struct {
    const rome99_bpe *bpe;
    const unsigned char *text;
    int32_t *ids; /* (count) */
    size_t count;
    seen *table; /* (mask+1): the last piece with each hash; size 0: none yet */
    size_t mask;
    symbol *symbols; /* (capacity+1): for each byte of a piece and its end, linked in a ring */
    uint64_t *queue; /* (2*capacity): pairs, rank << 32 | place; a heap, at the end those waiting */
    size_t capacity, heap, waiting;
    uint32_t pass; /* the rank whose pairs are being joined */
} encoder;

/* The merge of the symbol at `place` and the next one, or NULL. */
static const merge *find_merge(const encoder *x, uint32_t place) {
    const rome99_bpe *b = x->bpe;
    const symbol *s = &x->symbols[place];
    const int32_t right = x->symbols[s->next].id;
    size_t low, high, behind;
    if (s->id < 0) return NULL;
    low = b->first[s->id];
    high = behind = b->first[s->id + 1];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (b->merges[middle].right < right) low = middle + 1;
        else high = middle;
    }
    return low < behind && b->merges[low].right == right ? &b->merges[low] : NULL;
}

static void push(encoder *x, uint64_t key) {
    uint64_t *heap = x->queue;
    size_t i = x->heap++;
    for (; i > 0 && heap[(i - 1) / 2] > key; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = key;
}

static uint64_t pop(encoder *x) {
    uint64_t *heap = x->queue;
    const uint64_t top = heap[0], key = heap[--x->heap];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < x->heap) {
        if (child + 1 < x->heap && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = key;
    return top;
}

/* Queues the pair of the symbol at `place` and the next one, if there is a merge. One that came
   about in this pass and ranks before it must wait for the pass to end. */
static void queue_pair(encoder *x, uint32_t place) {
    const merge *m = find_merge(x, place);
    if (m == NULL) return;
    if (m->rank >= x->pass) push(x, (uint64_t)m->rank << 32 | place);
    else x->queue[2 * x->capacity - ++x->waiting] = (uint64_t)m->rank << 32 | place;
}

/* Joins the pair `key`, unless one of its sides has been joined to another since. */
static void join_pair(encoder *x, uint64_t key) {
    const uint32_t place = (uint32_t)key;
    const merge *m = find_merge(x, place);
    symbol *left = &x->symbols[place], *right = &x->symbols[left->next];
    if (m == NULL || m->rank != key >> 32) return;
    left->id = m->joined;
    left->next = right->next;
    right->id = -1;
    x->symbols[left->next].previous = place;
    queue_pair(x, left->previous);
    queue_pair(x, place);
}

/* Appends the ids of one piece. */
static int merge_piece(encoder *x, const unsigned char *piece, size_t size) {
    const uint32_t end = (uint32_t)size;
    uint32_t i;
    if (size > x->capacity) {
        free(x->symbols);
        free(x->queue);
        x->capacity = size;
        x->symbols = size < UINT32_MAX ? allocate(size, sizeof *x->symbols) : NULL;
        x->queue = size < UINT32_MAX ? allocate(size, 2 * sizeof *x->queue) : NULL;
        if (x->symbols == NULL || x->queue == NULL) return -1;
    }
    for (i = 0; i < end; i++) {
        x->symbols[i] = (symbol){x->bpe->byte_id[piece[i]], i > 0 ? i - 1 : end, i + 1};
    }
    x->symbols[end] = (symbol){-1, end - 1, 0};
    x->pass = 0;
    for (i = 0; i < end; i++) queue_pair(x, i);
    while (x->heap + x->waiting > 0) {
        if (x->heap == 0 || x->queue[0] >> 32 > x->pass) {
            for (; x->waiting > 0; x->waiting--) push(x, x->queue[2 * x->capacity - x->waiting]);
            x->pass = (uint32_t)(x->queue[0] >> 32);
        }
        join_pair(x, pop(x));
    }
    for (i = 0; i < end; i = x->symbols[i].next) x->ids[x->count++] = x->symbols[i].id;
    return 0;
}

/* Appends the ids of text[at .. end). */
static int encode_range(encoder *x, size_t at, size_t end) {
    size_t size, i;
    for (; at < end; at += size) {
        const unsigned char *piece = x->text + at;
        const size_t first = x->count;
        uint32_t hash = 2166136261u; /* FNV-1a */
        seen *s;
        size = rome99_bpe_split(piece, end - at);
        for (i = 0; i < size; i++) hash = (hash ^ piece[i]) * 16777619u;
        s = &x->table[(hash ^ hash >> 15) & x->mask];
        if (s->size == size && memcmp(x->text + s->at, piece, size) == 0) {
            memcpy(x->ids + first, x->ids + s->first, s->count * sizeof *x->ids);
            x->count += s->count;
        } else if (merge_piece(x, piece, size) != 0) {
            return -1;
        }
        *s = (seen){at, size, first, x->count - first};
    }
    return 0;
}

/* Where the next <|endoftext|> begins, or `size`. */
static size_t find_endoftext(const encoder *x, size_t at, size_t size) {
    for (; x->bpe->endoftext >= 0 && size - at >= ENDOFTEXT_SIZE; at++) {
        const unsigned char *found = memchr(x->text + at, '<', size - at - ENDOFTEXT_SIZE + 1);
        if (found == NULL) break;
        at = (size_t)(found - x->text);
        if (memcmp(found, ENDOFTEXT, ENDOFTEXT_SIZE) == 0) return at;
    }
    return size;
}

static int encode_text(encoder *x, size_t size) {
    size_t at, end;
    x->ids = allocate(size, sizeof *x->ids);
    for (x->mask = 63; x->mask < size / 16 && x->mask < 32767;) x->mask = 2 * x->mask + 1;
    x->table = allocate(x->mask, sizeof *x->table);
    if (x->ids == NULL || x->table == NULL) return -1;
    for (at = 0; at < size; at = end + ENDOFTEXT_SIZE) {
        end = find_endoftext(x, at, size);
        if (encode_range(x, at, end) != 0) return -1;
        if (end == size) break;
        x->ids[x->count++] = x->bpe->endoftext;
    }
    return 0;
}

int rome99_bpe_encode(int32_t **ids, size_t **ends, size_t *n, const rome99_bpe *bpe,
                      const unsigned char *text, size_t size, rome99_error *e) {
    encoder x = {bpe, text, NULL, 0, NULL, 0, NULL, NULL, 0, 0, 0, 0};
    int status = encode_text(&x, size);
    size_t i, end = 0;
    free(x.table);
    free(x.symbols);
    free(x.queue);
    if (ends != NULL) *ends = status == 0 ? allocate(x.count, sizeof **ends) : NULL;
    if (status != 0 || (ends != NULL && *ends == NULL)) {
        free(x.ids);
        return rome99_fail(e, NULL, "out of memory for the tokens of a text");
    }
    for (i = 0; ends != NULL && i < x.count; i++) {
        end += bpe->start[x.ids[i] + 1] - bpe->start[x.ids[i]];
        (*ends)[i] = end;
    }
    *ids = realloc(x.ids, (x.count + 1) * sizeof *x.ids);
    if (*ids == NULL) *ids = x.ids;
    *n = x.count;
    return 0;
}

size_t rome99_bpe_size(const rome99_bpe *bpe) { return bpe->size; }

int32_t rome99_bpe_endoftext(const rome99_bpe *bpe) { return bpe->endoftext; }

const unsigned char *rome99_bpe_token(size_t *size, const rome99_bpe *bpe, int32_t id) {
    *size = bpe->start[id + 1] - bpe->start[id];
    return bpe->bytes + bpe->start[id];
}

void rome99_bpe_decode(rome99_text *out, const rome99_bpe *bpe, const int32_t *ids, size_t n) {
    size_t i, size;
    for (i = 0; i < n; i++) {
        const unsigned char *bytes = rome99_bpe_token(&size, bpe, ids[i]);
        rome99_text_put(out, bytes, size);
    }
}
