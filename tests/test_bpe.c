/* test_bpe.c: characters, the split pattern, BPE against a naive one, and every bad vocabulary. */
#include "bpe_train.h"
#include "files/bpe.h"
#include "files/unicode.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t random_below(uint32_t n) {
    static uint64_t state = 99;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

/* Characters. */

static void test_classes(void) {
    static const struct {
        uint32_t first, last;
        int class;
    } ranges[] = {
        {0, 8, ROME99_CHAR_OTHER}, {9, 13, ROME99_CHAR_SPACE}, {14, 31, ROME99_CHAR_OTHER},
        {' ', ' ', ROME99_CHAR_SPACE}, {'!', '/', ROME99_CHAR_OTHER},
        {'0', '9', ROME99_CHAR_NUMBER}, {':', '@', ROME99_CHAR_OTHER},
        {'A', 'Z', ROME99_CHAR_LETTER}, {'[', '`', ROME99_CHAR_OTHER},
        {'a', 'z', ROME99_CHAR_LETTER}, {'{', 0x84, ROME99_CHAR_OTHER},
        {0x85, 0x85, ROME99_CHAR_SPACE}, {0xA0, 0xA0, ROME99_CHAR_SPACE},
        {0xAA, 0xAA, ROME99_CHAR_LETTER}, {0xB2, 0xB3, ROME99_CHAR_NUMBER},
        {0xB5, 0xB5, ROME99_CHAR_LETTER}, {0xB9, 0xB9, ROME99_CHAR_NUMBER},
        {0xBC, 0xBE, ROME99_CHAR_NUMBER}, {0xC0, 0xD6, ROME99_CHAR_LETTER},
        {0xD7, 0xD7, ROME99_CHAR_OTHER}, {0x300, 0x36F, ROME99_CHAR_OTHER},
        {0x378, 0x379, ROME99_CHAR_OTHER}, {0x5D0, 0x5EA, ROME99_CHAR_LETTER},
        {0x660, 0x669, ROME99_CHAR_NUMBER}, {0x1680, 0x1680, ROME99_CHAR_SPACE},
        {0x180E, 0x180E, ROME99_CHAR_OTHER}, {0x2000, 0x200A, ROME99_CHAR_SPACE},
        {0x200B, 0x200F, ROME99_CHAR_OTHER}, {0x2028, 0x2029, ROME99_CHAR_SPACE},
        {0x202F, 0x202F, ROME99_CHAR_SPACE}, {0x205F, 0x205F, ROME99_CHAR_SPACE},
        {0x2060, 0x2060, ROME99_CHAR_OTHER}, {0x2070, 0x2070, ROME99_CHAR_NUMBER},
        {0x2071, 0x2071, ROME99_CHAR_LETTER}, {0x2150, 0x2182, ROME99_CHAR_NUMBER},
        {0x2183, 0x2184, ROME99_CHAR_LETTER}, {0x2460, 0x249B, ROME99_CHAR_NUMBER},
        {0x3000, 0x3000, ROME99_CHAR_SPACE}, {0x3007, 0x3007, ROME99_CHAR_NUMBER},
        {0x3042, 0x3042, ROME99_CHAR_LETTER}, {0x3400, 0x4DBF, ROME99_CHAR_LETTER},
        {0x4E00, 0xA48C, ROME99_CHAR_LETTER}, {0xAC00, 0xD7A3, ROME99_CHAR_LETTER},
        {0xD800, 0xF8FF, ROME99_CHAR_OTHER}, {0xFEFF, 0xFEFF, ROME99_CHAR_OTHER},
        {0xFF10, 0xFF19, ROME99_CHAR_NUMBER}, {0xFFFD, 0xFFFF, ROME99_CHAR_OTHER},
        {0x10400, 0x1049D, ROME99_CHAR_LETTER}, {0x1D7CE, 0x1D7FF, ROME99_CHAR_NUMBER},
        {0x11F02, 0x11F02, ROME99_CHAR_LETTER}, /* new in 15.0, like the next two */
        {0x1E4D0, 0x1E4EB, ROME99_CHAR_LETTER}, {0x31350, 0x323AF, ROME99_CHAR_LETTER},
        {0x2EBF0, 0x2EE5D, ROME99_CHAR_OTHER}, /* letters in 15.1 */
        {0x1F600, 0x1F64F, ROME99_CHAR_OTHER}, {0x20000, 0x2A6DF, ROME99_CHAR_LETTER},
        {0x10FFFF, 0x110010, ROME99_CHAR_OTHER},
        {0x3FFFFFFF, 0x40000010, ROME99_CHAR_OTHER}, {0xFFFFFFF0, 0xFFFFFFFE, ROME99_CHAR_OTHER},
    };
    unsigned long count[4] = {0};
    size_t i;
    uint32_t c;
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (c = ranges[i].first; c <= ranges[i].last; c++) {
            if (rome99_char_class(c) != ranges[i].class) break;
        }
        CHECK(c > ranges[i].last, "U+%04lX: got %d, expected %d", (unsigned long)c,
              rome99_char_class(c), ranges[i].class);
    }
    for (c = 0; c <= 0x10FFFF; c++) count[rome99_char_class(c)]++;
    /* UnicodeData.txt 15.0: Lu 1831, Ll 2233, Lt 31, Lm 397, Lo 131612; Nd 680, Nl 236, No 915. */
    CHECK(count[ROME99_CHAR_LETTER] == 136104, "letters: got %lu, expected 136104",
          count[ROME99_CHAR_LETTER]);
    CHECK(count[ROME99_CHAR_NUMBER] == 1831, "numbers: got %lu, expected 1831",
          count[ROME99_CHAR_NUMBER]);
    CHECK(count[ROME99_CHAR_SPACE] == 25, "white space: got %lu, expected 25",
          count[ROME99_CHAR_SPACE]);
}

static void test_utf8(void) {
    static const struct {
        const char *bytes;
        size_t size, length;
    } cases[] = {
        {"\x80", 1, 0}, {"\xBF", 1, 0}, {"\xC0\x80", 2, 0}, {"\xC1\xBF", 2, 0}, {"\xC2", 1, 0},
        {"\xC2\x7F", 2, 0}, {"\xC2\xC2", 2, 0}, {"\xC2\x80", 2, 2}, {"\xC2\x80", 1, 0},
        {"\xDF\xBF", 2, 2}, {"\xE0\x9F\xBF", 3, 0}, {"\xE0\xA0\x80", 3, 3}, {"\xE0\xA0\x80", 2, 0},
        {"\xE2\x82\x41", 3, 0}, {"\xED\x9F\xBF", 3, 3}, {"\xED\xA0\x80", 3, 0},
        {"\xED\xBF\xBF", 3, 0}, {"\xEE\x80\x80", 3, 3}, {"\xEF\xBF\xBF", 3, 3},
        {"\xF0\x8F\xBF\xBF", 4, 0}, {"\xF0\x90\x80\x80", 4, 4}, {"\xF0\x90\x80\x80", 3, 0},
        {"\xF4\x8F\xBF\xBF", 4, 4}, {"\xF4\x90\x80\x80", 4, 0}, {"\xF5\x80\x80\x80", 4, 0},
        {"\xF8\x88\x80\x80\x80", 5, 0}, {"\xFC\x84\x80\x80\x80\x80", 6, 0}, {"\xFE", 1, 0},
        {"\xFF", 1, 0}, {"\xFF\xBF\xBF\xBF", 4, 0}, {"a\x80", 2, 1}, {"\0", 1, 1},
    };
    size_t i, n;
    uint32_t c, back = 0;
    unsigned long wrong = 0;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        n = rome99_utf8_decode(&c, (const unsigned char *)cases[i].bytes, cases[i].size);
        CHECK(n == cases[i].length, "case %lu: got %lu, expected %lu", (unsigned long)i,
              (unsigned long)n, (unsigned long)cases[i].length);
    }
    for (c = 0; c <= 0x10FFFF; c++) {
        unsigned char s[4];
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        n = rome99_utf8_encode(s, c);
        wrong += rome99_utf8_decode(&back, s, n) != n || back != c ||
                 (n > 1 && rome99_utf8_decode(&back, s, n - 1) != 0);
    }
    CHECK(wrong == 0, "%lu characters do not come back", wrong);
}

/* Splitting. */

static void test_split_table(void) {
    /* The pieces of a text, with '_' (U+005F, not in the texts) between. */
    static const char *const cases[] = {
        "", "a", "Hello_ world", "Hello_,_ world_!", "it_'s",
        "I_'m_ sure_ we_'ll_ say_ they_'re_ what_ he_'d_ n_'t_ '_ve", "x_'ve_y", "'s_x", "'_S",
        "'_x", "'", "'_l", "''_sx", "a_'re", "a_'_r", "a_ '_s", "a_--'_s", "'t_was", "'ll_l", " ",
        "  ", " _ a", "  _ a", "a_ ", "a_  ", "a_\n", "a_\n\n", "a_\n_b", "a_\n_\n_b", "a_\t_b",
        "a_ _\t_b", "a_ \n_\t_b", "a_\n_ b", "a_\n _ b", "a_ _\n_b", "\n_a", "\r\n", "\r_\n_a",
        " \t\n", "\t\t_\t_a", "\x0B_\x0C_a", "1_a", "a_1", "a_ 1", "123_abc_456", "1_._5", " $_5",
        "$_5", "a_!?_b", " !?_b", "a_ !_ b", "-_1", " \x1C_a", "\x7F_a", "a_\x01_b", "a_\xC2\x85_b",
        "a_\xC2\xA0_b", "a_ _\xC2\xA0_b", "a_\xC2\xA0_ b", "a_\xC2\xA0 _ b", "a_\xE3\x80\x80_b",
        "a_\xE3\x80\x80", "a_ \xE3\x80\x80_\xE2\x80\xA8_b", "a_\xE2\x80\xA8_\xE2\x80\xA9_b",
        "a_\xE2\x80\x8B_b", "a_\xEF\xBB\xBF_b", "a_ \xE2\x80\x8B_b", "e_\xCC\x81_e", " e_\xCC\x81",
        " \xCC\x81_e", "\xC3\xA9t\xC3\xA9", "na\xC3\xAFve_ caf\xC3\xA9", "\xC2\xBD", "1\xC2\xBD_a",
        "a_ \xC2\xBD", "\xE2\x85\xA7_a", " \xE2\x85\xA7\x31",
        "\xE4\xBD\xA0\xE5\xA5\xBD_\xEF\xBC\x8C_\xE4\xB8\x96\xE7\x95\x8C", "a\xE4\xBD\xA0_1",
        "\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF", "a_\xF0\x9F\x98\x80_a",
        "a_ \xF0\x9F\x98\x80\xF0\x9F\x91\x8D!_a", "\xD9\xA1\xD9\xA2_\xD9\x85", "a_\xFF_a",
        "a_ \xFF\xFE!_a", "\xE2\x82", "a_\xE2\x82_a", "a_ \xE2\x82_ ", "a_\xC0\x80_a",
        "a_\xED\xA0\x80_a", "a_\xF4\x90\x80\x80_1", "a_\xC2_ a", "\xC3'", "<|_endoftext_|>",
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *text = malloc(strlen(cases[i]) + 1);
        const char *s;
        char got[256] = "";
        size_t size = 0, at = 0, used = 0;
        for (s = cases[i]; *s; s++) {
            if (*s != '_') text[size++] = (unsigned char)*s;
        }
        text = realloc(text, size + (size == 0)); /* exact, for sanitizers */
        while (at < size) {
            const size_t n = rome99_bpe_split(text + at, size - at);
            if (at > 0) got[used++] = '_';
            memcpy(got + used, text + at, n);
            used += n;
            at += n;
        }
        got[used] = 0;
        free(text);
        CHECK(strcmp(got, cases[i]) == 0, "got \"%s\", expected \"%s\"", got, cases[i]);
    }
}

/* The pattern as a backtracking engine takes it: over characters, alternatives tried in order. */
typedef struct {
    uint32_t c;
    int class;
    size_t end;
} character;

static size_t run(const character *s, size_t n, size_t i, int class) {
    while (i < n && s[i].class == class) i++;
    return i;
}

static size_t naive_split(const character *s, size_t n) {
    static const char *const words[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    static const int classes[] = {ROME99_CHAR_LETTER, ROME99_CHAR_NUMBER, ROME99_CHAR_OTHER};
    size_t i, j, end;
    for (i = 0; i < 7; i++) {
        for (j = 0; words[i][j] && j + 1 < n && s[j + 1].c == (uint32_t)words[i][j]; j++) {
        }
        if (s[0].c == '\'' && !words[i][j]) return j + 1;
    }
    for (i = 0; i < 3; i++) {
        for (j = s[0].c == ' '; j < 2; j--) { /* " ?" takes the blank first, then tries without */
            end = run(s, n, j, classes[i]);
            if (end > j) return end;
        }
    }
    for (end = run(s, n, 0, ROME99_CHAR_SPACE); end > 0; end--) {
        if (end == n || s[end].class == ROME99_CHAR_SPACE) return end;
    }
    return run(s, n, 0, ROME99_CHAR_SPACE);
}

/* A random text of up to `most` characters of all kinds; returns its size. */
static size_t random_text(unsigned char *text, size_t most) {
    static const char *const parts[] = {
        "a", "b", "s", "t", "re", "ve", "m", "ll", "d", "'", "'", " ", " ", "  ", "\n", "\t", "1",
        "23", ".", "-", "\xC2\x85", "\xC2\xA0", "\xE3\x80\x80", "\xE2\x80\xA8", "\xCC\x81",
        "\xC2\xBD", "\xE2\x85\xA7", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80", "\xFF", "\xE2\x82", "\x80",
        "\xED\xA0\x80", "<", "|>", "\xC3\xA9", "\x1C",
    };
    size_t size = 0, n = random_below((uint32_t)most + 1);
    while (n-- > 0) {
        const char *part = parts[random_below(sizeof parts / sizeof *parts)];
        memcpy(text + size, part, strlen(part));
        size += strlen(part);
    }
    return size;
}

static void test_split_random(void) {
    unsigned char text[256];
    character s[256];
    int round;
    for (round = 0; round < 60000; round++) {
        const size_t size = random_text(text, 12);
        size_t n = 0, at, i;
        for (at = 0; at < size; at = s[n++].end) {
            const size_t length = rome99_utf8_decode(&s[n].c, text + at, size - at);
            s[n].class = length ? rome99_char_class(s[n].c) : ROME99_CHAR_OTHER;
            if (!length) s[n].c = 0xFFFD;
            s[n].end = at + (length ? length : 1);
        }
        for (at = i = 0; i < n;) {
            const size_t got = rome99_bpe_split(text + at, size - at),
                         count = naive_split(s + i, n - i);
            const size_t expected = s[i + count - 1].end - at;
            CHECK(got == expected, "\"%.*s\": got %lu, expected %lu", (int)(size - at),
                  (char *)text + at, (unsigned long)got, (unsigned long)expected);
            if (got != expected) break;
            i += count;
            at += got;
        }
    }
}

/* Vocabularies. */

static void put_char(rome99_text *t, unsigned byte) {
    unsigned c = byte, b;
    unsigned char s[4];
    if (!((byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE)) {
        for (b = 0, c = 0x100; b < byte; b++)
            c += !((b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE);
    }
    rome99_text_put(t, s, rome99_utf8_encode(s, c));
}

static void put_alphabet(rome99_text *t, const char *bytes) {
    for (; *bytes; bytes++) put_char(t, (unsigned char)*bytes);
}

typedef struct {
    char left[16], right[16];
} rule;

/* A tokenizer with the bytes, the given tokens and <|endoftext|>, ids in reverse of that order. */
static rome99_bpe *build(char (*tokens)[16], size_t token_count, const rule *rules,
                         size_t rule_count) {
    rome99_text vocab = {0}, merges = {0};
    size_t i, id = 256 + token_count;
    rome99_bpe *bpe = NULL;
    rome99_error e = {""};
    int status;
    rome99_text_puts(&vocab, "{");
    for (i = 0; i < 256 + token_count; i++, id--) {
        rome99_text token = {0};
        if (i < 256)
            put_char(&token, (unsigned)i);
        else
            put_alphabet(&token, tokens[i - 256]);
        rome99_text_json_string(&vocab, token.bytes, token.size);
        rome99_text_printf(&vocab, ":%lu,\n", (unsigned long)id);
        rome99_text_free(&token);
    }
    rome99_text_puts(&vocab, "\"<|endoftext|>\":0}");
    for (i = 0; i < rule_count; i++) {
        put_alphabet(&merges, rules[i].left);
        rome99_text_puts(&merges, " ");
        put_alphabet(&merges, rules[i].right);
        rome99_text_puts(&merges, i + 1 < rule_count ? "\n" : "");
    }
    rome99_text_put(&merges, "", 0);
    status = rome99_bpe_parse(&bpe, "v", (unsigned char *)vocab.bytes, vocab.size, "m",
                              (unsigned char *)merges.bytes, merges.size, &e);
    CHECK(status == 0 && bpe != NULL, "%s", e.text);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    if (!bpe) exit(test_end());
    return bpe;
}

/* Repeats GPT-2's step on a piece: find the listed pair of lowest rank, join all its occurrences
   from left to right. Returns the number of symbols; the first byte of symbol i is symbols[i]. */
static size_t naive_merge(size_t *symbols, const char *piece, size_t size, const rule *rules,
                          size_t rule_count) {
    size_t n = size, i, j, r;
    for (i = 0; i <= size; i++) symbols[i] = i;
    for (r = 0; r < rule_count; r++) {
        const size_t left = strlen(rules[r].left), right = strlen(rules[r].right), before = n;
        for (i = 0; i + 1 < n; i++) {
            if (symbols[i + 1] - symbols[i] == left && symbols[i + 2] - symbols[i + 1] == right &&
                memcmp(piece + symbols[i], rules[r].left, left) == 0 &&
                memcmp(piece + symbols[i + 1], rules[r].right, right) == 0) {
                for (j = i + 1; j < n; j++) symbols[j] = symbols[j + 1];
                n--;
            }
        }
        if (n < before) r = (size_t)-1; /* begin again at the lowest rank */
    }
    return n;
}

static void compare_merges(const rome99_bpe *bpe, const char *piece, size_t size, const rule *rules,
                           size_t count) {
    size_t symbols[128], *ends = NULL, n = 0, i;
    const size_t expected = naive_merge(symbols, piece, size, rules, count);
    int32_t *ids = NULL;
    rome99_error e;
    int same;
    if (rome99_bpe_encode(&ids, &ends, &n, bpe, (const unsigned char *)piece, size, &e) != 0) {
        CHECK(0, "%s", e.text);
        return;
    }
    same = n == expected;
    for (i = 0; same && i < n; i++) same = ends[i] == symbols[i + 1];
    CHECK(same, "\"%s\": got %lu tokens, expected %lu", piece, (unsigned long)n,
          (unsigned long)expected);
    for (i = 0; same && i < n; i++) {
        size_t length;
        const unsigned char *bytes = rome99_bpe_token(&length, bpe, ids[i]);
        same =
            length == symbols[i + 1] - symbols[i] && memcmp(bytes, piece + symbols[i], length) == 0;
    }
    CHECK(same, "\"%s\": wrong tokens", piece);
    free(ids);
    free(ends);
}

/* All strings of up to 4 letters out of a few, a random part of their pairs in random order: joins
   may rank before what they are made of, and one token may come about in several ways. */
static void test_random_merges(void) {
    static char tokens[400][16];
    static rule rules[400], all[1600];
    char piece[64];
    int round, repeat;
    for (round = 0; round < 60; round++) {
        const uint32_t letters = 1 + random_below(3), longest = 2 + random_below(3);
        size_t count = 0, pairs = 0, kept, i, j, begin = 0, end;
        rome99_bpe *bpe;
        static char strings[400][16];
        for (i = 0; i < letters; i++) strings[count][0] = (char)('a' + i), strings[count++][1] = 0;
        for (j = 2; j <= longest; j++) {
            for (end = count; begin < end; begin++) {
                for (i = 0; i < letters; i++) {
                    strcpy(strings[count], strings[begin]);
                    strings[count][j - 1] = (char)('a' + i);
                    strings[count++][j] = 0;
                }
            }
        }
        for (i = 0; i < count; i++) {
            for (j = 0; j < count; j++) {
                if (strlen(strings[i]) + strlen(strings[j]) > longest) continue;
                strcpy(all[pairs].left, strings[i]);
                strcpy(all[pairs++].right, strings[j]);
            }
        }
        kept = pairs < 400 ? pairs : 400;
        kept = 1 + random_below((uint32_t)kept);
        for (i = 0; i < kept; i++) {
            j = i + random_below((uint32_t)(pairs - i));
            rules[i] = all[j];
            all[j] = all[i];
        }
        memcpy(tokens, strings + letters, (count - letters) * sizeof *tokens);
        bpe = build(tokens, count - letters, rules, kept);
        for (repeat = 0; repeat < 60; repeat++) {
            const size_t size = 1 + random_below(40);
            for (i = 0; i < size; i++)
                piece[i] = (char)('a' + random_below(repeat % 6 == 0 ? 1 : letters));
            piece[size] = 0;
            compare_merges(bpe, piece, size, rules, kept);
        }
        rome99_bpe_free(bpe);
    }
}

static char little_tokens[][16] = {
    "th", "the", " the", " t", "he", "in", "ing", "aa", "aaaa", "\xE2\x82", "\xE2\x82\xAC", "  ",
    "'s", "12",
};
static const rule little_rules[] = {
    {"a", "a"}, {"t", "h"}, {"th", "e"}, {" ", "the"}, {"i", "n"}, {"in", "g"}, {"aa", "aa"},
    {"\xE2", "\x82"}, {"\xE2\x82", "\xAC"}, {" ", " "}, {"'", "s"}, {"1", "2"}, {"h", "e"},
    {" ", "t"},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static rome99_bpe *build_little(void) {
    return build(little_tokens, COUNT(little_tokens), little_rules, COUNT(little_rules));
}

/* The tokens of a text with '|' between. */
static void expect_tokens(const rome99_bpe *bpe, const char *text, size_t size,
                          const char *expected) {
    rome99_text got = {0};
    int32_t *ids = NULL;
    size_t n = 0, i, length;
    rome99_error e;
    CHECK(rome99_bpe_encode(&ids, NULL, &n, bpe, (const unsigned char *)text, size, &e) == 0 &&
              ids != NULL,
          "not encoded");
    rome99_text_put(&got, "", 0);
    for (i = 0; i < n; i++) {
        const unsigned char *bytes = rome99_bpe_token(&length, bpe, ids[i]);
        if (i > 0) rome99_text_puts(&got, "|");
        rome99_text_put(&got, bytes, length);
    }
    CHECK(strcmp(got.bytes, expected) == 0, "got %s, expected %s", got.bytes, expected);
    rome99_text_free(&got);
    free(ids);
}

static void test_little(void) {
    rome99_bpe *bpe = build_little(), *none = NULL;
    rome99_text vocab = {0}, merges = {0};
    rome99_error e;
    CHECK(rome99_bpe_size(bpe) == 257 + COUNT(little_tokens), "V %lu",
          (unsigned long)rome99_bpe_size(bpe));
    CHECK(rome99_bpe_endoftext(bpe) == 0, "endoftext %ld", (long)rome99_bpe_endoftext(bpe));
    expect_tokens(bpe, "", 0, "");
    expect_tokens(bpe, "the thing", 9, "the| |th|ing");
    expect_tokens(bpe, "the the", 7, "the| the");
    expect_tokens(bpe, "aaaaaaa", 7, "aaaa|aa|a");
    expect_tokens(bpe, "a's's", 5, "a|'s|'s");
    expect_tokens(bpe, "1212 12", 7, "12|12| |12");
    expect_tokens(bpe, "x   x", 5, "x|  | |x");
    expect_tokens(bpe, "\xE2\x82\xAC\xE2\x82x\xAC", 7, "\xE2\x82\xAC|\xE2\x82|x|\xAC");
    expect_tokens(bpe, "x<|endoftext|>the", 17, "x|<|endoftext|>|the");
    expect_tokens(bpe, "<|endoftext|><|endoftext|>", 26, "<|endoftext|>|<|endoftext|>");
    expect_tokens(bpe, "<<|endoftext|>", 14, "<|<|endoftext|>");
    expect_tokens(bpe, "<|end<|endoftext|>the<", 22, "<|||e|n|d|<|endoftext|>|the|<");
    expect_tokens(bpe, "x  <|endoftext|>  x", 19, "x|  |<|endoftext|>| | |x");
    expect_tokens(bpe, "x\n<|endoftext|> the", 19, "x|\n|<|endoftext|>| the");
    expect_tokens(bpe, "t<|endoftext|>he", 16, "t|<|endoftext|>|he");
    expect_tokens(bpe, "\xE2\x82<|endoftext|>\xAC", 16, "\xE2\x82|<|endoftext|>|\xAC");
    expect_tokens(bpe, "<|endoftext|", 12, "<|||e|n|d|o|f|t|e|x|t||");
    expect_tokens(bpe, "<|Endoftext|>", 13, "<|||E|n|d|o|f|t|e|x|t|||>");
    rome99_bpe_free(bpe);

    rome99_bpe_format(&vocab, &merges, NULL, 0);
    CHECK(strstr(vocab.bytes, ", \"<|endoftext|>\": 256}") != NULL, "no <|endoftext|>");
    vocab.bytes[strlen(vocab.bytes) - 21] = 'E';
    CHECK(rome99_bpe_parse(&none, "v", (unsigned char *)vocab.bytes, vocab.size, "m", NULL, 0,
                           &e) == 0,
          "%s", e.text);
    if (none) {
        CHECK(rome99_bpe_endoftext(none) == -1, "endoftext %ld", (long)rome99_bpe_endoftext(none));
        expect_tokens(none, "<|endoftext|>", 13, "<|||e|n|d|o|f|t|e|x|t|||>");
    }
    rome99_bpe_free(none);
    rome99_bpe_free(NULL);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
}

/* The tokens together are the text, `ends` is where they end, and a piece is encoded alike wherever
   it stands. */
static void test_round_trips(void) {
    rome99_bpe *bpe = build_little();
    unsigned char text[1024];
    rome99_error e;
    int round;
    for (round = 0; round < 3000; round++) {
        size_t size = round % 2 ? random_text(text, 200) : random_below(600), n = 0, *ends = NULL,
               i, at, whole = 0;
        int32_t *ids = NULL;
        rome99_text back = {0};
        int same = 1;
        if (round % 2 == 0)
            for (i = 0; i < size; i++) text[i] = (unsigned char)random_below(256);
        if (round % 5 == 0 && size >= 13)
            memcpy(text + random_below((uint32_t)size - 12), "<|endoftext|>", 13);
        CHECK(rome99_bpe_encode(&ids, &ends, &n, bpe, text, size, &e) == 0, "not encoded");
        rome99_bpe_decode(&back, bpe, ids, n);
        CHECK(back.size == size && (size == 0 || memcmp(back.bytes, text, size) == 0),
              "round %d does not come back", round);
        for (i = at = 0; i < n; i++) {
            size_t length;
            rome99_bpe_token(&length, bpe, ids[i]);
            at += length;
            same = same && ends[i] == at;
        }
        CHECK(same && at == size, "round %d: wrong ends", round);
        for (at = 0; at < size && round % 5 != 0;) { /* piece by piece */
            const size_t length = rome99_bpe_split(text + at, size - at);
            int32_t *part = NULL;
            size_t count = 0;
            CHECK(rome99_bpe_encode(&part, NULL, &count, bpe, text + at, length, &e) == 0,
                  "not encoded");
            same =
                same && whole + count <= n && memcmp(part, ids + whole, count * sizeof *part) == 0;
            whole += count;
            at += length;
            free(part);
        }
        CHECK(same && (round % 5 == 0 || whole == n), "round %d: pieces differ from the whole",
              round);
        rome99_text_free(&back);
        free(ids);
        free(ends);
    }
    rome99_bpe_free(bpe);
}

static void test_long_pieces(void) {
    enum { SIZE = 1000000 };
    rome99_bpe *bpe = build_little();
    unsigned char *text = malloc(SIZE);
    int32_t *ids;
    size_t n, i;
    rome99_error e;
    memset(text, 'a', SIZE);
    CHECK(rome99_bpe_encode(&ids, NULL, &n, bpe, text, SIZE, &e) == 0 && n == SIZE / 4,
          "%lu tokens", (unsigned long)n);
    free(ids);
    for (i = 0; i < SIZE; i++) text[i] = (unsigned char)"athen"[random_below(5)];
    CHECK(rome99_bpe_encode(&ids, NULL, &n, bpe, text, SIZE, &e) == 0 && n < SIZE, "%lu tokens",
          (unsigned long)n);
    free(ids);
    memset(text, ' ', SIZE);
    CHECK(rome99_bpe_encode(&ids, NULL, &n, bpe, text, SIZE, &e) == 0 && n == SIZE / 2,
          "%lu tokens", (unsigned long)n);
    free(ids);
    for (i = 0; i < SIZE; i++) text[i] = i % 2 ? '|' : '<';
    CHECK(rome99_bpe_encode(&ids, NULL, &n, bpe, text, SIZE, &e) == 0 && n == SIZE, "%lu tokens",
          (unsigned long)n);
    free(ids);
    free(text);
    rome99_bpe_free(bpe);
}

static void test_format(void) {
    int32_t pairs[][2] = {{83, 71}, {220, 256}, {257, 68}}; /* th, " th", " the" */
    rome99_text vocab = {0}, merges = {0}, out = {0};
    rome99_bpe *bpe = NULL;
    rome99_error e;
    static const int32_t ids[] = {258, 0, 187, 188, 198, 220, 221, 255, 259};
    unsigned seen[256] = {0}, i, once = 0;
    for (i = 0; i < 256; i++) seen[rome99_bpe_byte((int32_t)i)]++;
    for (i = 0; i < 256; i++) once += seen[i] == 1;
    CHECK(once == 256, "%u bytes have one id", once);
    rome99_bpe_format(&vocab, &merges, pairs, 3);
    CHECK(strcmp(merges.bytes, "#version: 0.2\nt h\n\xC4\xA0 th\n\xC4\xA0th e\n") == 0, "got %s",
          merges.bytes);
    CHECK(strncmp(vocab.bytes, "{\"!\": 0, \"\\\"\": 1, \"#\": 2, ", 25) == 0, "got %.25s",
          vocab.bytes);
    CHECK(strstr(vocab.bytes, "\"\xC4\x8A\": 198, ") && strstr(vocab.bytes, "\"\xC4\xA0\": 220, "),
          "newline or blank");
    CHECK(strstr(vocab.bytes, "\"\xC5\x83\": 255, \"th\": 256, \"\xC4\xA0th\": 257, "
                              "\"\xC4\xA0the\": 258, \"<|endoftext|>\": 259}\n"),
          "got %s", vocab.bytes);
    CHECK(rome99_bpe_parse(&bpe, "v", (unsigned char *)vocab.bytes, vocab.size, "m",
                           (unsigned char *)merges.bytes, merges.size, &e) == 0,
          "%s", e.text);
    if (bpe) {
        rome99_bpe_decode(&out, bpe, ids, COUNT(ids));
        CHECK(out.size == 24 && memcmp(out.bytes, " the!\xFF\0\n \x7F\xAD<|endoftext|>", 24) == 0,
              "got %s", out.bytes);
        expect_tokens(bpe, "th the", 6, "th| the");
    }
    rome99_bpe_free(bpe);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    rome99_text_free(&out);
}

/* Bad input: `from` in the good text is replaced by `to`; the message must be the one given. */
static void expect_refusal(int in_merges, const char *from, const char *to, const char *expected) {
    static int32_t pairs[][2] = {{83, 71}, {220, 256}, {257, 68}};
    rome99_text texts[2] = {{0}, {0}}, changed = {0}, *t = &texts[in_merges];
    rome99_bpe *bpe = NULL;
    rome99_error e = {"accepted"};
    const char *at;
    int status;
    rome99_bpe_format(&texts[0], &texts[1], pairs, 3);
    at = strstr(t->bytes, from);
    CHECK(at != NULL, "\"%s\" is not in the text", from);
    if (at == NULL) at = t->bytes;
    rome99_text_put(&changed, t->bytes, (size_t)(at - t->bytes));
    rome99_text_puts(&changed, to);
    rome99_text_puts(&changed, at + strlen(from));
    rome99_text_free(t);
    *t = changed;
    status = rome99_bpe_parse(&bpe, "v.json", (unsigned char *)texts[0].bytes, texts[0].size,
                              "m.txt", (unsigned char *)texts[1].bytes, texts[1].size, &e);
    CHECK(status == (expected ? -1 : 0) && (bpe != NULL) == !expected &&
              (!expected || strcmp(e.text, expected) == 0),
          "got %s, expected %s", e.text, expected ? expected : "no error");
    rome99_bpe_free(bpe);
    rome99_text_free(&texts[0]);
    rome99_text_free(&texts[1]);
}

static void test_refusals(void) {
    rome99_bpe *bpe = NULL;
    rome99_error e;
    expect_refusal(0, "\"th\": 256", "\"th\": 257", "v.json:1:2635: two tokens with this id");
    expect_refusal(0, "\"th\": 256", "\"th\": 260",
                   "v.json:1:2622: must be a whole number from 0 to 259");
    expect_refusal(0, "\"th\": 256", "\"th\": -1",
                   "v.json:1:2622: must be a whole number from 0 to 259");
    expect_refusal(0, "\"th\": 256", "\"th\": 256.0",
                   "v.json:1:2622: must be a whole number from 0 to 259");
    expect_refusal(0, "\"th\": 256", "\"th\": \"256\"",
                   "v.json:1:2622: must be a whole number from 0 to 259");
    expect_refusal(0, "\"th\": 256, ", "", "v.json:1:2660: must be a whole number from 0 to 258");
    expect_refusal(0, "\"th\": 256", "\"\": 256", "v.json:1:2616: an empty token");
    expect_refusal(0, "\"th\": 256", "\"t h\": 256", "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"th\": 256", "\"\\u0144\": 256",
                   "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"th\": 256", "\"\xE4\xBD\xA0\": 256",
                   "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"th\": 256", "\"\\u00AD\": 256",
                   "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"th\": 256", "\"\\u007f\": 256",
                   "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"th\": 256", "\"\\u0000\": 256",
                   "v.json:1:2616: not in GPT-2's byte alphabet");
    expect_refusal(0, "\"#\": 2, ", "\"!!\": 2, ", "v.json:1:1: no token for the byte 35");
    expect_refusal(0, "\"\xC4\xA0\": 220", "\"!!\": 220", "v.json:1:1: no token for the byte 32");
    expect_refusal(0, "{", "[", "v.json:1:5: expected ',' or ']'");
    expect_refusal(0, "259}", "259", "v.json:2:1: expected ',' or '}'");
    expect_refusal(0, "259}", "259} x", "v.json:1:2676: expected the end");
    expect_refusal(1, "t h", "t  h", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", "th", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", " h", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", "t ", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", " ", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", "t h ", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h", "t h e", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "t h\n", "t h\n\n", "m.txt:3: must be two tokens with one blank between");
    expect_refusal(1, "t h", "t\th", "m.txt:2: must be two tokens with one blank between");
    expect_refusal(1, "\xC4\xA0th e", "thx e", "m.txt:4: the left token is not in the vocabulary");
    expect_refusal(1, "t h", "\xC5\x84 h", "m.txt:2: the left token is not in the vocabulary");
    expect_refusal(1, "t h", "\xFF h", "m.txt:2: the left token is not in the vocabulary");
    expect_refusal(1, "t h", "t \xC2\xAD", "m.txt:2: the right token is not in the vocabulary");
    expect_refusal(1, "t h", "t hh", "m.txt:2: the right token is not in the vocabulary");
    expect_refusal(1, "t h", "t i", "m.txt:2: the joined token is not in the vocabulary");
    expect_refusal(1, "t h\n", "t h\nt h\n", "m.txt:3: the same pair as in line 2");
    expect_refusal(1, "#version: 0.2\nt h\n", "t h\nt h\n", "m.txt:2: the same pair as in line 1");
    expect_refusal(1, "#version: 0.2\n", "# version\n",
                   "m.txt:1: the right token is not in the vocabulary");
    expect_refusal(1, "#version: 0.2\n", "\xEF\xBB\xBF#version: 0.2\n",
                   "m.txt:1: the left token is not in the vocabulary");
    expect_refusal(1, "t h\n", "t h\r\n", NULL);
    expect_refusal(1, "#version: 0.2\n", "", NULL);
    expect_refusal(1, "th e\n", "th e", NULL);
    expect_refusal(1, "#version: 0.2\nt h\n\xC4\xA0 th\n\xC4\xA0th e\n", "", NULL);
    expect_refusal(0, "{", " {\r\n", NULL);
    CHECK(rome99_bpe_parse(&bpe, "v", (const unsigned char *)"{}", 2, "m", NULL, 0, &e) == -1 &&
              bpe == NULL && strcmp(e.text, "v:1:1: no token for the byte 0") == 0,
          "got %s", e.text);
    CHECK(rome99_bpe_parse(&bpe, "v", (const unsigned char *)"[1]", 3, "m", NULL, 0, &e) == -1 &&
              bpe == NULL &&
              strcmp(e.text, "v:1:1: must be an object of less than 2^31 tokens") == 0,
          "got %s", e.text);
    CHECK(rome99_bpe_parse(&bpe, "v", NULL, 0, "m", NULL, 0, &e) == -1 && bpe == NULL,
          "no vocabulary is taken");
    CHECK(rome99_bpe_parse(&bpe, "v", (const unsigned char *)"{\"!\":0,\"!\":1}", 13, "m", NULL, 0,
                           &e) == -1 &&
              strcmp(e.text, "v:1:8: a token that is there twice") == 0,
          "got %s", e.text);
    CHECK(rome99_bpe_read(&bpe, "no/such/vocab.json", "no/such/merges.txt", &e) == -1 &&
              bpe == NULL && strncmp(e.text, "no/such/vocab.json: ", 20) == 0,
          "got %s", e.text);
}

/* Prints the time to read a tokenizer and to encode a file; for measurements by hand. */
static int measure(const char *vocab, const char *merges, const char *path) {
    rome99_error e;
    rome99_bpe *bpe;
    unsigned char *text;
    int32_t *ids;
    size_t size, n;
    clock_t begin = clock();
    if (rome99_bpe_read(&bpe, vocab, merges, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    printf("read in %.3f s\n", (double)(clock() - begin) / CLOCKS_PER_SEC);
    if (rome99_read_file(&text, &size, path, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    begin = clock();
    if (rome99_bpe_encode(&ids, NULL, &n, bpe, text, size, &e) == 0) {
        const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        printf("%lu bytes, %lu tokens, %.3f s, %.1f MB/s\n", (unsigned long)size, (unsigned long)n,
               seconds, (double)size / 1e6 / (seconds > 0 ? seconds : 1e-9));
        free(ids);
    }
    free(text);
    rome99_bpe_free(bpe);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4) return measure(argv[1], argv[2], argv[3]);
    test_classes();
    test_utf8();
    test_split_table();
    test_split_random();
    test_random_merges();
    test_little();
    test_round_trips();
    test_long_pieces();
    test_format();
    test_refusals();
    return test_end();
}
