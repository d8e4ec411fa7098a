/* plot.h: scientific figures as inline SVG. A panel collects marks and is drawn once all are known. It is 400
   units wide, has text of 11 and 12 units, no script, no style sheet, no id, no external resource; the same
   marks give the same bytes wherever FLT_EVAL_METHOD is 0. The page sets its width:
   svg.plot { width: 100%; height: auto }, no less than about 340 pixels. */
#ifndef ROME99_PLOT_H
#define ROME99_PLOT_H
#include "files/text.h"

/* One axis. All fields may be 0: linear, limits from the data, no label. */
typedef struct {
    const char *label; /* the quantity, and its unit in parentheses */
    double lo, hi;     /* limits; a NaN: from the data; lo >= hi: both from the data */
    int log;           /* decadic logarithmic scale; limits that are not positive: from the data */
    int whole;         /* linear: ticks at whole numbers only */
    const char *const *categories; /* (count) names at 0, 1, ... count-1; on y from the top downwards */
    size_t count;                  /* 0: numbers; otherwise lo, hi, log and whole have no meaning */
} rome99_axis;

/* A panel. Starts as {0} with the first fields set, whose texts must live until it is drawn. Everything given
   to the functions below is copied. All texts are UTF-8, and are escaped. Release with rome99_plot_free. */
typedef struct {
    const char *title, *description; /* for readers that do not see the figure: <title> and <desc> */
    rome99_axis x, y, z;             /* z: the colours of a heat map */
    double height;                   /* units; 0: 300. Grows where less than 100 would be left for the data */
    /* Set by rome99_plot_svg, which says the same above the data: values beyond the limits, infinite, or not
       positive on a logarithmic axis, drawn at the edge as open triangles that point outwards (of a heat
       map: with the last colour); NaNs, left out (of a heat map: grey). A polyline breaks at a NaN. */
    size_t beyond, missing;
    int failed; /* memory is out: no later call does anything */
    struct rome99_marks *marks;
} rome99_plot;
void rome99_plot_free(rome99_plot *p);

/* A style is a colour that colour-blind readers can tell from the others, with a contrast of at least 3:1 to
   white, a marker shape, and a dash. Style s is that of s mod ROME99_PLOT_STYLES. Marks of one style and one
   name share an entry of the legend; name NULL: none. The legend is above the data. */
enum { ROME99_PLOT_STYLES = 10 };

/* Points (x, y); titles (n), or NULL: the tooltip of each, which may be NULL. More points are drawn smaller,
   and more than 100 in a panel translucent. */
void rome99_plot_points(rome99_plot *p, size_t style, const char *name, size_t n, const double *x,
                        const double *y, const char *const *titles);

/* A strip chart: points at the abscissa x (of a category: its number), spread evenly over `width` in order of
   the golden ratio, so that equal values stay apart. */
void rome99_plot_strip(rome99_plot *p, size_t style, const char *name, double x, double width, size_t n,
                       const double *y, const char *const *titles);

/* A polyline, with markers at its vertices if it has at most 24; a light tint between a polyline and the
   lower limit of y, of which nothing is counted as beyond or missing. */
void rome99_plot_line(rome99_plot *p, size_t style, const char *name, size_t n, const double *x,
                      const double *y);
void rome99_plot_area(rome99_plot *p, size_t style, size_t n, const double *x, const double *y);

/* A distribution at the abscissa x by five[] = minimum, quartile, median, quartile, maximum: a thin line, a
   bar, a dot, a bar, a thin line. */
void rome99_plot_interval(rome99_plot *p, size_t style, const char *name, double x, const double five[5]);

/* A grey dashed line y = at, x = at, or y = x (`at` has no meaning; not drawn unless both axes are linear or
   both logarithmic), with a label or NULL where it covers least. Limits from the data include `at`; a line
   beyond given limits is not drawn. */
typedef enum { ROME99_HORIZONTAL, ROME99_VERTICAL, ROME99_DIAGONAL } rome99_reference;
void rome99_plot_reference(rome99_plot *p, rome99_reference direction, double at, const char *label);

/* A heat map (rows, cols) that fills the panel, row 0 at the lower limit of y (with categories: on top), in
   64 colours of the ramp viridis over p->z, with a colour bar. The limits of x and y (-1/2 to cols-1/2 and
   -1/2 to rows-1/2 where none are given) are the outer edges of its equal cells. Maps with the same limits of
   z share a scale. One a panel. */
void rome99_plot_heat(rome99_plot *p, size_t rows, size_t cols, const double *values);

/* Appends <svg class="plot" ...>. Where p->failed, out->failed is set. */
void rome99_plot_svg(rome99_text *out, rome99_plot *p);

/* Appends s with < > & " ' as character references, and U+FFFD for what is not UTF-8 or a control character
   (but blanks): for HTML text and attributes. */
void rome99_html_escape(rome99_text *out, const char *s);

#endif
