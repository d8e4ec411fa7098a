/* page.h: a report that is written once and comes out as one HTML page or as text of at most 79 columns. Text
 * given to these functions is UTF-8 without markup. */
#ifndef ROME99_PAGE_H
#define ROME99_PAGE_H

#include "files/text.h"
#include "study/plot/plot.h"

/* Starts with rome99_page_begin; `out` has it all after rome99_page_end, and out.failed if memory was out. */
typedef struct {
    rome99_text out;
    int html;
    struct rome99_table *table;
    const char *block; /* of figures or of tables that is open */
} rome99_page;

void rome99_page_begin(rome99_page *p, int html, const char *title, const char *subtitle);
void rome99_page_end(rome99_page *p);
void rome99_page_free(rome99_page *p); /* at any time */

/* Links to sections, of HTML only: n pairs of an id and a name. */
void rome99_page_contents(rome99_page *p, const char *const *pairs, size_t n);

void rome99_page_section(rome99_page *p, const char *id, const char *title);
void rome99_page_text(rome99_page *p, const char *format, ...);

/* A list of claims begins (1) or ends (0). */
void rome99_page_claims(rome99_page *p, int begin);
/* A claim and what the results say of it: holds 1 or 0; -1 where there are no results for it, and the rest has
 * no meaning. */
void rome99_page_claim(rome99_page *p, int holds, const char *claim, const char *format, ...);

/* A table: caption, which must live until its end, and heads of the columns; rows, each of as many cells. Cells are
 * parted by '|'; the first column stands to the left, the others to the right. */
void rome99_page_table(rome99_page *p, const char *caption, const char *heads);
void rome99_page_row(rome99_page *p, const char *format, ...);
void rome99_page_table_end(rome99_page *p);

/* Draws and frees a panel, with its title and a caption below; consecutive figures stand side by side. Text has none. */
void rome99_page_figure(rome99_page *p, rome99_plot *plot, const char *caption);

#endif
