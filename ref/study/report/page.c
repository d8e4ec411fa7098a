/* page.c: the two forms of a report, HTML and text. */
#include "study/report/page.h"
#include "files/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a text report; of a paragraph's, a claim's or a row's formatted text. */
enum { COLUMNS = 79, LONGEST = 2000, MOST_COLUMNS = 16 };

static const char figures[] = "figures", tables[] = "tables";
static const char style[] =
    ":root{color-scheme:light}"
    "body{margin:0 auto;max-width:1560px;padding:16px 20px 48px;background:#fff;color:#1b1b1b;"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}"
    "h1{font-size:1.9rem;line-height:1.2;margin:.6em 0 .1em}"
    "h2{font-size:1.3rem;margin:2.2em 0 .4em;padding-top:.5em;border-top:1px solid #d5d5d5}"
    "p,ol.claims{max-width:46rem}p{margin:.6em 0}.sub{color:#555;margin-top:0}"
    "nav{font-size:.9rem;line-height:2;margin:1em 0}nav "
    "a{margin-right:1.1em;white-space:nowrap}a{color:#0059a8}"
    "ol.claims{padding-left:1.6em}ol.claims li{margin:.7em 0}"
    ".v{display:inline-block;font-size:.75rem;font-weight:600;border-radius:3px;padding:0 "
    ".5em;margin-left:.4em;"
    "border:1px solid}.yes{color:#00614a}.no{color:#a03000}.none{color:#666}"
    ".e{display:block;color:#444;font-size:.93rem}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:18px 26px;"
    "margin:1.2em 0}"
    "figure{margin:0;max-width:560px;break-inside:avoid}figcaption{font-size:.85rem;color:#444;line-height:1."
    "4}"
    "figure h3{font-size:.95rem;margin:0 0 .2em}svg.plot{width:100%;height:auto;display:block}"
    ".tables{display:flex;flex-wrap:wrap;gap:6px 44px}.scroll{overflow-x:auto;max-width:100%;margin:.7em 0;"
    "break-inside:avoid}"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;font-weight:600;padding-bottom:.3em;font-size:.95rem}"
    "th,td{padding:.22em .7em;text-align:right;border-bottom:1px solid #e4e4e4;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}thead th{border-bottom:2px solid #888;"
    "vertical-align:bottom}"
    "@media(max-width:500px){body{padding:10px 12px 32px;font-size:15px}h1{font-size:1.5rem}"
    "table{font-size:.76rem}th,td{padding:.2em .38em}caption{max-width:calc(100vw - 24px)}}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}h2,h2+p{break-after:avoid}"
    ".figures{grid-template-columns:1fr 1fr}.scroll{overflow:visible}th,td{white-space:normal}}";

/* ------------------------------------------------------------------------------- text */

/* Characters, continuation bytes of UTF-8 not being counted. */
static size_t width_of(const char *s, size_t size) {
    size_t i, n = 0;
    for (i = 0; i < size; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

static void blanks(rome99_text *out, size_t n) {
    while (n-- > 0) rome99_text_puts(out, " ");
}

/* Words in lines of COLUMNS; the first begins at column `at` which is reached, the others at `indent`. */
static void wrap(rome99_text *out, const char *s, size_t at, size_t indent) {
    int first = 1;
    while (*s) {
        size_t size = strcspn(s, " "), width = width_of(s, size);
        if (!first && at + 1 + width > COLUMNS) {
            rome99_text_puts(out, "\n");
            blanks(out, indent);
            at = indent;
            first = 1;
        }
        if (!first) rome99_text_puts(out, " ");
        rome99_text_put(out, s, size);
        at += width + !first;
        first = 0;
        s += size;
        while (*s == ' ') s++;
    }
    rome99_text_puts(out, "\n");
}

/* ------------------------------------------------------------------------------- HTML */

/* How the identifiers of the text are written where there is more than ASCII. */
static const char *const notation[][2] = {
    {"C^-1", "C\xe2\x81\xbb\xc2\xb9"}, /* superscript -1 */
    {"u^T ", "u\xe1\xb5\x80"},         /* superscript T */
    {"k_bar", "k\xcc\x84"},            /* macron */
    {"m_bar", "m\xcc\x84"},
    {"k_u", "k\xe1\xb5\x98"},                      /* superscript u */
    {"|dW|", "\xe2\x80\x96\xce\x94W\xe2\x80\x96"}, /* norm of Delta W */
    {"dW", "\xce\x94W"},
    {"|r|", "\xe2\x80\x96r\xe2\x80\x96"},
    {"delta", "\xce\xb4"},
    {" x ", " \xc3\x97 "},
};

/* Appends HTML with its identifiers in that notation. */
static void put_html(rome99_text *out, const char *s) {
    size_t i, n = sizeof notation / sizeof *notation;
    while (*s) {
        for (i = 0; i < n && strncmp(s, notation[i][0], strlen(notation[i][0])) != 0; i++)
            ;
        if (i < n) {
            rome99_text_puts(out, notation[i][1]);
            s += strlen(notation[i][0]);
        } else {
            rome99_text_put(out, s++, 1);
        }
    }
}

/* Appends text, escaped, in that notation. */
static void put_escaped(rome99_text *out, const char *s) {
    rome99_text t = {0};
    rome99_html_escape(&t, s);
    if (t.failed)
        out->failed = 1;
    else if (t.size)
        put_html(out, t.bytes);
    rome99_text_free(&t);
}

/* ------------------------------------------------------------------------------- both */

/* Consecutive figures, and consecutive tables, stand in a block of their own, side by side where there is room:
 * ends the open one unless it is of that kind, and begins it; NULL: just ends it. */
static void block(rome99_page *p, const char *kind) {
    if (!p->html || p->block == kind) return;
    if (p->block) rome99_text_puts(&p->out, "</div>\n");
    if (kind) rome99_text_printf(&p->out, "<div class=\"%s\">\n", kind);
    p->block = kind;
}

void rome99_page_begin(rome99_page *p, int html, const char *title, const char *subtitle) {
    memset(p, 0, sizeof *p);
    p->html = html;
    if (!html) {
        rome99_text_printf(&p->out, "%s\n\n", title);
        wrap(&p->out, subtitle, 0, 0);
        return;
    }
    rome99_text_puts(&p->out,
                     "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_escaped(&p->out, title);
    rome99_text_printf(&p->out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    put_escaped(&p->out, title);
    rome99_text_puts(&p->out, "</h1>\n<p class=\"sub\">");
    put_escaped(&p->out, subtitle);
    rome99_text_puts(&p->out, "</p>\n");
}

void rome99_page_contents(rome99_page *p, const char *const *pairs, size_t n) {
    size_t i;
    if (!p->html) return;
    rome99_text_puts(&p->out, "<nav>");
    for (i = 0; i < n; i++)
        rome99_text_printf(&p->out, "<a href=\"#%s\">%s</a> ", pairs[2 * i], pairs[2 * i + 1]);
    rome99_text_puts(&p->out, "</nav>\n");
}

/* A name or value of a result line may be anything. */
static void make_plain(rome99_text *t) {
    size_t at, n;
    for (at = 0; at < t->size; at += n + 1) {
        n = strcspn(t->bytes + at, "\n");
        rome99_plain(t->bytes + at, n);
    }
}

void rome99_page_end(rome99_page *p) {
    block(p, NULL);
    if (p->html)
        rome99_text_puts(&p->out, "</body>\n</html>\n");
    else
        make_plain(&p->out);
}

void rome99_page_section(rome99_page *p, const char *id, const char *title) {
    size_t i, n = strlen(title);
    block(p, NULL);
    if (p->html) {
        rome99_text_printf(&p->out, "<h2 id=\"%s\">", id);
        put_escaped(&p->out, title);
        rome99_text_puts(&p->out, "</h2>\n");
        return;
    }
    rome99_text_printf(&p->out, "\n%s\n", title);
    for (i = 0; i < n; i++) rome99_text_puts(&p->out, "-");
    rome99_text_puts(&p->out, "\n");
}

void rome99_page_text(rome99_page *p, const char *format, ...) {
    char s[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s, sizeof s, format, arguments);
    va_end(arguments);
    block(p, NULL);
    if (!p->html) {
        rome99_text_puts(&p->out, "\n");
        wrap(&p->out, s, 0, 0);
        return;
    }
    rome99_text_puts(&p->out, "<p>");
    put_escaped(&p->out, s);
    rome99_text_puts(&p->out, "</p>\n");
}

void rome99_page_claim(rome99_page *p, int holds, const char *claim, const char *format, ...) {
    static const char *const word[] = {"no results", "does not hold here", "holds"};
    static const char *const class[] = {"none", "no", "yes"};
    char s[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s, sizeof s, format, arguments);
    va_end(arguments);
    if (holds < 0) strcpy(s, "There is nothing in the results to judge this by.");
    if (!p->html) {
        rome99_text_puts(&p->out, "\n  * ");
        wrap(&p->out, claim, 4, 4);
        blanks(&p->out, 4);
        rome99_text_printf(&p->out, "[%s] ", word[holds + 1]);
        wrap(&p->out, s, 7 + strlen(word[holds + 1]), 4);
        return;
    }
    rome99_text_puts(&p->out, "<li>");
    put_escaped(&p->out, claim);
    rome99_text_printf(&p->out, "<span class=\"v %s\">%s</span>\n<span class=\"e\">", class[holds + 1],
                       word[holds + 1]);
    put_escaped(&p->out, s);
    rome99_text_puts(&p->out, "</span></li>\n");
}

void rome99_page_claims(rome99_page *p, int begin) {
    if (p->html) rome99_text_puts(&p->out, begin ? "<ol class=\"claims\">\n" : "</ol>\n");
}

/* ----------------------------------------------------------------------------- tables */

/* Rows as they were given, the heads first; a text report needs all of them to know how wide a column is. */
struct rome99_table {
    const char *caption;
    rome99_text rows; /* each ended by a newline, its cells parted by '|' */
};

void rome99_page_table(rome99_page *p, const char *caption, const char *heads) {
    block(p, tables);
    if (!(p->table = calloc(1, sizeof *p->table))) {
        p->out.failed = 1;
        return;
    }
    p->table->caption = caption;
    rome99_text_printf(&p->table->rows, "%s\n", heads);
}

void rome99_page_row(rome99_page *p, const char *format, ...) {
    char s[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s, sizeof s, format, arguments);
    va_end(arguments);
    if (p->table) rome99_text_printf(&p->table->rows, "%s\n", s);
}

static void html_table(rome99_text *out, const struct rome99_table *t) {
    const char *s;
    char cell[LONGEST];
    int head = 1;
    rome99_text_puts(out, "<div class=\"scroll\"><table><caption>");
    put_escaped(out, t->caption);
    rome99_text_puts(out, "</caption>\n<thead>");
    for (s = t->rows.bytes; *s; head = 0) {
        rome99_text_puts(out, "<tr>");
        for (;;) {
            size_t size = strcspn(s, "|\n");
            sprintf(cell, "%.*s", (int)size, s);
            rome99_text_puts(out, head ? "<th scope=\"col\">" : "<td>");
            put_escaped(out, cell);
            rome99_text_puts(out, head ? "</th>" : "</td>");
            s += size + 1;
            if (s[-1] == '\n') break;
        }
        rome99_text_puts(out, head ? "</tr></thead>\n<tbody>" : "</tr>\n");
    }
    rome99_text_puts(out, "</tbody></table></div>\n");
}

/* A cell of at most `width` characters; a longer one is cut, with "...". */
static void put_cell(rome99_text *out, const char *s, size_t size, size_t width) {
    size_t n = size;
    if (width_of(s, size) > width)
        while (n > 0 && (width_of(s, n) > width - 3 || ((unsigned char)s[n] & 0xC0) == 0x80)) n--;
    rome99_text_put(out, s, n);
    if (n < size) rome99_text_puts(out, "...");
}

static void text_table(rome99_text *out, const struct rome99_table *t) {
    size_t width[MOST_COLUMNS] = {0}, column, total = 0, i;
    const char *s;
    int head;
    for (s = t->rows.bytes, column = 0; *s;) {
        size_t size = strcspn(s, "|\n"), w = width_of(s, size);
        if (column < MOST_COLUMNS && w > width[column]) width[column] = w;
        s += size + 1;
        column = s[-1] == '\n' ? 0 : column + 1;
    }
    for (i = 0; i < MOST_COLUMNS; i++) total += width[i] ? width[i] + (i > 0 ? 2 : 0) : 0;
    for (; total > COLUMNS && width[0] > 8; total--) width[0]--;
    rome99_text_puts(out, "\n");
    wrap(out, t->caption, 0, 0);
    for (s = t->rows.bytes, head = 1; *s; head = 0) {
        for (column = 0; column == 0 || s[-1] != '\n'; column++) {
            size_t size = strcspn(s, "|\n"), w = width_of(s, size),
                   full = column < MOST_COLUMNS ? width[column] : w;
            if (column) blanks(out, 2 + full - w);
            put_cell(out, s, size, full);
            if (!column && s[size] == '|' && w < full) blanks(out, full - w);
            s += size + 1;
        }
        rome99_text_puts(out, "\n");
        for (i = 0; head && i < total; i++) rome99_text_puts(out, "-");
        if (head) rome99_text_puts(out, "\n");
    }
}

static void free_table(rome99_page *p) {
    if (p->table) rome99_text_free(&p->table->rows);
    free(p->table);
    p->table = NULL;
}

void rome99_page_table_end(rome99_page *p) {
    if (!p->table) return;
    if (p->table->rows.failed)
        p->out.failed = 1;
    else if (p->html)
        html_table(&p->out, p->table);
    else
        text_table(&p->out, p->table);
    free_table(p);
}

void rome99_page_free(rome99_page *p) {
    free_table(p);
    rome99_text_free(&p->out);
}

/* ---------------------------------------------------------------------------- figures */

void rome99_page_figure(rome99_page *p, rome99_plot *plot, const char *caption) {
    rome99_text svg = {0};
    block(p, figures);
    if (p->html) {
        rome99_text_puts(&p->out, "<figure><h3>");
        put_escaped(&p->out, plot->title);
        rome99_text_puts(&p->out, "</h3>\n");
        rome99_plot_svg(&svg, plot);
        if (svg.failed)
            p->out.failed = 1;
        else
            put_html(&p->out, svg.bytes);
        rome99_text_free(&svg);
        rome99_text_puts(&p->out, "<figcaption>");
        put_escaped(&p->out, caption);
        rome99_text_puts(&p->out, "</figcaption></figure>\n");
    }
    rome99_plot_free(plot);
}
