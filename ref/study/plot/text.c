/* text.c: texts in figures: escaped, measured, broken into lines; and lengths. */
#include "files/unicode.h"
#include "study/plot/parts.h"
#include <string.h>

/* Decodes as rome99_utf8_decode, where at least one byte is; what is not UTF-8 is one byte, U+FFFD. */
static size_t decode(uint32_t *c, const char *s, size_t size) {
    size_t n = rome99_utf8_decode(c, (const unsigned char *)s, size);
    if (n == 0) *c = 0xFFFD, n = 1;
    return n;
}

static void escape(rome99_text *out, const char *s, size_t size) {
    static const char special[] = "<>&\"'";
    static const char *const reference[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    unsigned char bytes[4];
    const char *found;
    uint32_t c;
    size_t n;
    for (; size > 0; s += n, size -= n) {
        n = decode(&c, s, size);
        found = c < 0x80 && c > 0 ? strchr(special, (int)c) : NULL;
        if ((c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0)) c = 0xFFFD;
        if (c == 0xFFFE || c == 0xFFFF) c = 0xFFFD;
        if (found)
            rome99_text_puts(out, reference[found - special]);
        else
            rome99_text_put(out, bytes, rome99_utf8_encode(bytes, c));
    }
}

void rome99_html_escape(rome99_text *out, const char *s) { escape(out, s, strlen(s)); }

void rome99_plot_span(rome99_text *t, rome99_span s) {
    escape(t, s.start, s.size);
    if (s.cut) rome99_text_puts(t, "\xE2\x80\xA6");
}

/* ---------------------------------------------------------------- measuring */

/* In 1/100 em, from blank to tilde: the wider one of Liberation Sans (as wide as Arial) and DejaVu Sans. */
static const unsigned char widths[95] = {
    32, 41, 46, 84, 64, 96, 78, 28, 40,  40, 50, 84, 32, 37, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 56, 102, 69, 69, 73, 78, 67, 62, 78, 76, 30, 50, 67, 56, 87, 75, 79,
    67, 79, 73, 67, 62, 74, 69, 99, 69,  67, 69, 40, 34, 40, 84, 56, 50, 62, 64, 55, 64, 62, 36, 64,
    64, 28, 28, 58, 28, 98, 64, 62, 64,  64, 42, 53, 40, 64, 60, 82, 60, 60, 53, 64, 34, 64, 84};
enum { OTHER = 84, WIDE = 100, FIRST_WIDE = 0x2E80 };

double rome99_plot_width(const char *s, size_t size, double font) {
    double sum = 0;
    uint32_t c;
    size_t n;
    for (; size > 0; s += n, size -= n) {
        n = decode(&c, s, size);
        sum += c < FIRST_WIDE ? c >= ' ' && c <= '~' ? widths[c - ' '] : OTHER : WIDE;
    }
    return sum * font / 100;
}

/* The longest beginning of s that leaves room for an ellipsis. */
static size_t cut(const char *s, size_t size, double font, double width) {
    size_t used = 0, n;
    uint32_t c;
    while (used < size) {
        n = decode(&c, s + used, size - used);
        if (rome99_plot_width(s, used + n, font) > width - font) break;
        used += n;
    }
    while (used > 0 && s[used - 1] == ' ') used--;
    return used;
}

size_t rome99_plot_wrap(rome99_span *lines, size_t most, const char *s, double font, double width) {
    size_t count = 0, n, end;
    while (s && *(s += strspn(s, " ")) && count < most) {
        /* As many words as fit; of the last line, everything. */
        n = strcspn(s, " ");
        for (end = n; s[end] && rome99_plot_width(s, end, font) <= width; end += strcspn(s + end, " ")) {
            n = end;
            end += strspn(s + end, " ");
        }
        if (rome99_plot_width(s, end, font) <= width || count + 1 == most) n = strlen(s);
        while (s[n - 1] == ' ') n--;
        lines[count] = (rome99_span){s, n, 0};
        if (rome99_plot_width(s, n, font) > width) {
            lines[count].size = cut(s, n, font, width);
            lines[count].cut = 1;
        }
        count++;
        s += n;
    }
    return count;
}

/* ---------------------------------------------------------------- lengths */

void rome99_plot_length(rome99_text *t, double x) {
    long tenths;
    if (!(x > -1e5)) x = -1e5;
    if (!(x < 1e5)) x = 1e5;
    tenths = (long)(x < 0 ? 0.5 - 10 * x : 10 * x + 0.5);
    rome99_text_printf(t, "%s%ld.%ld", x < 0 && tenths > 0 ? "-" : "", tenths / 10, tenths % 10);
}

void rome99_plot_attribute(rome99_text *t, const char *name, double x) {
    rome99_text_printf(t, " %s=\"", name);
    rome99_plot_length(t, x);
    rome99_text_puts(t, "\"");
}

void rome99_plot_to(rome99_text *t, int line, double x, double y) {
    rome99_text_puts(t, line ? "L" : "M");
    rome99_plot_length(t, x);
    rome99_text_puts(t, " ");
    rome99_plot_length(t, y);
}

void rome99_plot_rect(rome99_text *t, double x, double y, double width, double height) {
    rome99_text_puts(t, "<rect");
    rome99_plot_attribute(t, "x", x);
    rome99_plot_attribute(t, "y", y);
    rome99_plot_attribute(t, "width", width);
    rome99_plot_attribute(t, "height", height);
}
