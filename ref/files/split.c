/* split.c: GPT-2's split pattern, as the function rome99_bpe_split of bpe.h. */
#include "files/bpe.h"
#include "files/unicode.h"
#include <string.h>

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
    return kind == ROME99_CHAR_SPACE && i < size && last > 0 ? last
                                                             : i; /* the last one is left to what follows */
}
