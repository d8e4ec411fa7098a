/* unicode.h: UTF-8, and the three classes of characters that GPT-2's split pattern knows. */
#ifndef ROME99_UNICODE_H
#define ROME99_UNICODE_H
#include <stddef.h>
#include <stdint.h>

/* Reads the character at s, where `size` >= 1 bytes are, into *c. Returns its length, 1 to 4; or 0, *c unset,
   if no well-formed UTF-8 begins there: overlong forms, surrogates and what is above U+10FFFF are not. */
size_t rome99_utf8_decode(uint32_t *c, const unsigned char *s, size_t size);

/* Writes c, at most U+10FFFF and no surrogate, and returns how many of the 4 bytes it took. */
size_t rome99_utf8_encode(unsigned char s[4], uint32_t c);

/* The class of any c in Unicode 15.0: general category L*, general category N*, White_Space, or none of
   these. */
enum { ROME99_CHAR_OTHER, ROME99_CHAR_LETTER, ROME99_CHAR_NUMBER, ROME99_CHAR_SPACE };
int rome99_char_class(uint32_t c);

#endif
