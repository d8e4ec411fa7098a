/* parts.h: what the files of the plotting module share. Lengths: units of the panel, y downwards. */
#ifndef ROME99_PLOT_PARTS_H
#define ROME99_PLOT_PARTS_H
#include "study/plot/plot.h"

/* ---------------------------------------------------------------- texts (text.c) */

/* Font sizes; the most vertices of a line that all have markers. */
enum { ROME99_TICK_SIZE = 11, ROME99_LABEL_SIZE = 12, ROME99_VERTICES = 24 };

/* A line of a text that was broken or cut; cut: an ellipsis follows. */
typedef struct {
    const char *start;
    size_t size;
    int cut;
} rome99_span;

/* The width of `size` bytes at a font size, no less than in common sans-serif fonts. */
double rome99_plot_width(const char *s, size_t size, double font);
/* Breaks s at blanks into at most `most` lines no wider than `width`, cutting what does not fit. Returns how
   many: 0 for NULL or blanks. */
size_t rome99_plot_wrap(rome99_span *lines, size_t most, const char *s, double font, double width);
/* s, escaped, and an ellipsis where it is cut. */
void rome99_plot_span(rome99_text *t, rome99_span s);
/* Append a length with one decimal (at least -10^5, at most 10^5); ` name="length"`; `M` or `L` and a point
   of a path; a <rect> but for its "/>". */
void rome99_plot_length(rome99_text *t, double x);
void rome99_plot_attribute(rome99_text *t, const char *name, double x);
void rome99_plot_to(rome99_text *t, int line, double x, double y);
void rome99_plot_rect(rome99_text *t, double x, double y, double width, double height);

/* ---------------------------------------------------------------- axes (axis.c) */

/* lo, hi: the limits in what the scale is linear in: the value, log10 of it, a category's number. */
typedef struct {
    const rome99_axis *axis;
    double lo, hi;
    int log, whole;
} rome99_scale;

/* The scale of an axis for values from `least` to `greatest` (least > greatest: no values); exact: these are
   the limits where the axis gives none. */
rome99_scale rome99_plot_scale(const rome99_axis *axis, double least, double greatest, int exact);
/* The place of v: 0 at the lower limit, 1 at the upper, within -+ROME99_FAR, which stands for what has no
   place: infinite, or not positive on a logarithmic scale. NaN for a NaN. */
#define ROME99_FAR 1e4
double rome99_plot_place(const rome99_scale *s, double v);
/* The nearest place from 0 to 1. */
double rome99_plot_inside(double place);

enum { ROME99_TICKS = 8, ROME99_MINOR_TICKS = 100 };
typedef struct {
    double at[ROME99_TICKS], minor[ROME99_MINOR_TICKS]; /* places */
    char label[ROME99_TICKS][32];
    size_t count, minors;
    double widest; /* label */
} rome99_ticks;
/* At most 8 labelled ticks of a scale of numbers, at least 3 where labels allow: `along` is the axis' length,
   labels are beside each other (upright = 0) or above each other. */
void rome99_plot_ticks(rome99_ticks *k, const rome99_scale *s, double along, int upright);

/* ---------------------------------------------------------------- marks (plot.c) */

/* In the order in which they are drawn. */
typedef enum {
    ROME99_MARK_HEAT,
    ROME99_MARK_AREA,
    ROME99_MARK_REFERENCE,
    ROME99_MARK_LINE,
    ROME99_MARK_INTERVAL,
    ROME99_MARK_POINTS,
    ROME99_MARK_KINDS
} rome99_mark_kind;

/* n points from `first` on; of a heat map, of `cols` columns, their y are the values. name, and a point's
   title: 0, or a place in strings. */
typedef struct {
    rome99_mark_kind kind;
    size_t style, name, first, n, cols;
    rome99_reference direction;
} rome99_mark;
typedef struct {
    double x, y;
    size_t title;
} rome99_point;
struct rome99_marks {
    rome99_mark *mark;
    size_t count, capacity;
    rome99_point *point;
    size_t points, point_capacity;
    rome99_text strings;
};

/* A panel being drawn: its scales, and the rectangle of its data. */
typedef struct {
    rome99_text *out;
    rome99_plot *p;
    rome99_scale x, y, z;
    double left, top, width, height;
} rome99_canvas;

/* Sets p->beyond and p->missing (the scales are all that it needs); appends all marks (marks.c); a
   reference line, the labels of all of them (reference.c). */
void rome99_plot_count(rome99_canvas *c);
void rome99_plot_marks(rome99_canvas *c);
void rome99_plot_reference_line(const rome99_canvas *c, const rome99_mark *m);
void rome99_plot_reference_labels(const rome99_canvas *c);

/* ---------------------------------------------------------------- styles (style.c) */

enum { ROME99_LEVELS = 64 };

const char *rome99_plot_colour(size_t style);
/* Append a marker, with a tooltip or NULL; the <g class="name" ...> of markers, of lines. crowd: 0, 1 or
   2, how much they are to be subdued. */
void rome99_plot_marker(rome99_text *t, size_t style, double x, double y, double radius, const char *title);
void rome99_plot_marker_group(rome99_text *t, const char *name, size_t style, int crowd);
void rome99_plot_line_group(rome99_text *t, const char *name, size_t style);
/* Appends a thin, a thick and a thin line that join four points, and the dot of the median. */
void rome99_plot_bar(rome99_text *t, const char *name, size_t style, const double x[4], const double y[4],
                     double median_x, double median_y);
/* Appends a legend's sample, 24 wide and centred at (x, y); bit k of `kinds`: of the mark kind k. */
void rome99_plot_sample(rome99_text *t, size_t style, unsigned kinds, double x, double y);
/* Of a heat map: the level, 0 to 63, of a place; a level's colour. */
int rome99_plot_level(double place);
void rome99_plot_ramp(char text[8], int level);

#endif
