/* svg.c: lays a panel out and draws its frame, axes, legend and colour bar.

   From the top: the legend, a note of values beyond the limits, the data, labels of ticks or categories, the
   label of x. From the left: the label of y, labels of ticks, the data, the colour bar. */
#include "study/plot/parts.h"
#include <float.h>
#include <stdio.h>
#include <string.h>

enum {
    PANEL = 400,
    LINE = 14,
    SAMPLE = 28,
    GAP = 14,
    CATEGORY_LINES = 3,
    LABEL_LINES = 2,
    LEAST_HEIGHT = 100,
    SLANT_LEFT = 88
};

/* cos 45 degrees */
#define SLANT 0.70710678118654752440

typedef struct {
    rome99_canvas c;
    rome99_ticks x, y, z;
    double panel;  /* height of all */
    double legend; /* height of it */
    char note[160];
    rome99_span x_label[LABEL_LINES], y_label[LABEL_LINES], z_label[LABEL_LINES];
    size_t x_lines, y_lines, z_lines;
    int heat, slanted;        /* slanted: the names of categories */
    double below, name_width; /* what ticks and names of x take below the data; the longest name */
} layout;

static double greater(double a, double b) { return a > b ? a : b; }

/* ---------------------------------------------------------------- scales */

static void extend(double range[2], const rome99_axis *axis, double v) {
    if (!(v >= -DBL_MAX && v <= DBL_MAX) || (axis->log && v <= 0)) return;
    if (v < range[0]) range[0] = v;
    if (v > range[1]) range[1] = v;
}

/* Limits of the data; for a heat map, edges of its cells, and whole ticks. */
static void set_scales(layout *l) {
    rome99_plot *p = l->c.p;
    const struct rome99_marks *marks = p->marks;
    double x[2] = {DBL_MAX, -DBL_MAX}, y[2] = {DBL_MAX, -DBL_MAX}, z[2] = {DBL_MAX, -DBL_MAX};
    size_t k, i;
    for (k = 0; marks && k < marks->count; k++) {
        const rome99_mark *m = marks->mark + k;
        const rome99_point *point = marks->point + m->first;
        const int reference = m->kind == ROME99_MARK_REFERENCE;
        for (i = 0; i < m->n; i++) {
            if (m->kind == ROME99_MARK_HEAT) {
                extend(z, &p->z, point[i].y);
                continue;
            }
            if (!reference || m->direction == ROME99_VERTICAL) extend(x, &p->x, point[i].x);
            if (!reference || m->direction == ROME99_HORIZONTAL) extend(y, &p->y, point[i].y);
        }
        if (m->kind != ROME99_MARK_HEAT || m->n == 0) continue;
        l->heat = 1;
        x[0] = y[0] = -0.5;
        x[1] = (double)m->cols - 0.5;
        y[1] = (double)(m->n / m->cols) - 0.5;
    }
    l->c.x = rome99_plot_scale(&p->x, x[0], x[1], l->heat);
    l->c.y = rome99_plot_scale(&p->y, y[0], y[1], l->heat);
    l->c.z = rome99_plot_scale(&p->z, z[0], z[1], 0);
    l->c.x.whole |= l->heat && l->c.x.lo == -0.5;
    l->c.y.whole |= l->heat && l->c.y.lo == -0.5;
    if (p->y.count > 0) l->c.y.lo = l->c.y.hi, l->c.y.hi = -0.5;
}

static void set_note(layout *l) {
    rome99_plot *p = l->c.p;
    char *s = l->note;
    rome99_plot_count(&l->c);
    if (p->beyond > 0)
        s += sprintf(s, "%lu beyond the %s", (unsigned long)p->beyond,
                     l->heat ? "scale" : "axes (open triangles)");
    if (p->missing > 0)
        sprintf(s, "%s%lu not a number (%s)", p->beyond > 0 ? ", " : "", (unsigned long)p->missing,
                l->heat ? "grey" : "left out");
}

/* ---------------------------------------------------------------- texts */

static void text(rome99_text *t, double x, double y, const char *attributes, rome99_span s) {
    rome99_text_puts(t, "<text");
    rome99_plot_attribute(t, "x", x);
    rome99_plot_attribute(t, "y", y);
    rome99_text_printf(t, "%s>", attributes);
    rome99_plot_span(t, s);
    rome99_text_puts(t, "</text>");
}

static rome99_span whole(const char *s) { return (rome99_span){s, strlen(s), 0}; }

/* Lines of text turned by `angle` about the place where the first is centred or ends. */
static void turned(rome99_text *t, double x, double y, int angle, const char *anchor, const rome99_span *s,
                   size_t n) {
    size_t i;
    rome99_text_puts(t, "<g transform=\"translate(");
    rome99_plot_length(t, x);
    rome99_text_puts(t, " ");
    rome99_plot_length(t, y);
    rome99_text_printf(t, ") rotate(%d)\" text-anchor=\"%s\">", angle, anchor);
    for (i = 0; i < n; i++) text(t, 0, (double)i * LINE, "", s[i]);
    rome99_text_puts(t, "</g>");
}

/* ---------------------------------------------------------------- legend */

/* The kinds of all marks that share mark k's entry; 0 where it has none, or an earlier one has it. */
static unsigned entry(const struct rome99_marks *marks, size_t k) {
    const rome99_mark *m = marks->mark, *own = m + k;
    const char *const strings = marks->strings.bytes;
    unsigned kinds = 0;
    size_t i;
    for (i = 0; own->name && i < marks->count; i++) {
        if (m[i].style != own->style || !m[i].name || strcmp(strings + m[i].name, strings + own->name) != 0)
            continue;
        if (i < k) return 0;
        kinds |= 1U << m[i].kind;
        if (m[i].kind == ROME99_MARK_LINE && m[i].n <= ROME99_VERTICES) kinds |= 1U << ROME99_MARK_POINTS;
    }
    return kinds;
}

/* Breaks entries into rows as wide as the data; returns their height. */
static double legend(const layout *l, int drawn) {
    const struct rome99_marks *marks = l->c.p->marks;
    const double most = PANEL - 8 - l->c.left;
    double x = 0, y = 0, width;
    rome99_span name;
    unsigned kinds;
    size_t k;
    for (k = 0; marks && k < marks->count; k++) {
        kinds = entry(marks, k);
        if (!kinds || !rome99_plot_wrap(&name, 1, marks->strings.bytes + marks->mark[k].name,
                                        ROME99_TICK_SIZE, most - SAMPLE))
            continue;
        width = SAMPLE + rome99_plot_width(name.start, name.size, ROME99_TICK_SIZE) +
                (name.cut ? ROME99_TICK_SIZE : 0);
        if (x > 0 && x + width > most) x = 0, y += LINE + 1;
        if (drawn) {
            rome99_plot_sample(l->c.out, marks->mark[k].style, kinds, l->c.left + x + 12, 6 + y + 7);
            text(l->c.out, l->c.left + x + SAMPLE, 6 + y + 11, "", name);
        }
        x += width + GAP;
    }
    return x > 0 ? y + LINE + 1 : 0;
}

/* ---------------------------------------------------------------- layout */

/* The lines of category i's name under its slot, or slanted. */
static size_t name_lines(const layout *l, size_t i, rome99_span lines[CATEGORY_LINES]) {
    const rome99_axis *axis = &l->c.p->x;
    const double slot = l->c.width / (double)axis->count;
    /* A slanted name begins inside the panel. */
    const double most = (greater(l->c.left, SLANT_LEFT) + slot / 2 - 2) / SLANT;
    if (l->slanted) return rome99_plot_wrap(lines, 1, axis->categories[i], ROME99_TICK_SIZE, most);
    return rome99_plot_wrap(lines, CATEGORY_LINES, axis->categories[i], ROME99_TICK_SIZE, slot - 5);
}

/* Decides how names of x's categories are set, and what they take. */
static void lay_names(layout *l) {
    rome99_span lines[CATEGORY_LINES];
    size_t i, k, n, most = 0;
    l->slanted = 0, l->name_width = 0;
    for (i = 0; i < l->c.p->x.count; i++) {
        n = name_lines(l, i, lines);
        if (n > most) most = n;
        for (k = 0; k < n && !l->slanted; k++) {
            l->slanted = lines[k].cut;
            if (l->slanted) i = most = 0;
        }
        if (l->slanted && n > 0)
            l->name_width = greater(l->name_width,
                                    rome99_plot_width(lines[0].start, lines[0].size, ROME99_TICK_SIZE) +
                                        (lines[0].cut ? ROME99_TICK_SIZE : 0));
    }
    l->below = l->slanted ? 8 + (l->name_width + 10) * SLANT : 4.0 + LINE * (double)(most > 0 ? most : 1);
}

static double names_of_rows(const rome99_axis *axis) {
    double most = 0;
    rome99_span s;
    size_t i;
    for (i = 0; i < axis->count; i++)
        if (rome99_plot_wrap(&s, 1, axis->categories[i], ROME99_TICK_SIZE, 110))
            most = greater(most, rome99_plot_width(s.start, s.size, ROME99_TICK_SIZE) +
                                     (s.cut ? ROME99_TICK_SIZE : 0));
    return most;
}

/* One step towards a layout: what each part takes, given the rectangle of the data. */
static void lay(layout *l) {
    const rome99_plot *p = l->c.p;
    const double height = p->height >= 100 && p->height <= 4000 ? p->height : 300;
    double right = 12;
    rome99_plot_ticks(&l->x, &l->c.x, l->c.width, 0);
    rome99_plot_ticks(&l->y, &l->c.y, l->c.height, 1);
    rome99_plot_ticks(&l->z, &l->c.z, l->c.height, 1);
    l->x_lines = rome99_plot_wrap(l->x_label, LABEL_LINES, p->x.label, ROME99_LABEL_SIZE, l->c.width);
    l->y_lines = rome99_plot_wrap(l->y_label, LABEL_LINES, p->y.label, ROME99_LABEL_SIZE, l->c.height);
    l->z_lines = rome99_plot_wrap(l->z_label, LABEL_LINES, p->z.label, ROME99_LABEL_SIZE, l->c.height);
    l->c.left = 12 + LINE * (double)l->y_lines + greater(l->y.widest, names_of_rows(&p->y));
    if (l->heat) right = 32 + l->z.widest + LINE * (double)l->z_lines;
    right = greater(right, l->x.widest / 2 + 2);
    l->c.width = PANEL - l->c.left - right;
    lay_names(l);
    if (l->slanted) {
        l->c.left = greater(l->c.left, l->name_width * SLANT + 2 - l->c.width / (double)p->x.count / 2);
        l->c.width = PANEL - l->c.left - right;
    }
    l->legend = legend(l, 0);
    l->c.top = 8 + l->legend + (l->note[0] ? LINE : 0) + (l->legend > 0 || l->note[0] ? 3 : 0);
    l->panel = l->c.top + l->below + LINE * (double)l->x_lines + 6;
    l->c.height = greater(LEAST_HEIGHT, height - l->panel);
    l->panel += l->c.height;
}

/* ---------------------------------------------------------------- axes */

static void line(rome99_text *t, double ax, double ay, double bx, double by) {
    rome99_plot_to(t, 0, ax, ay);
    rome99_plot_to(t, 1, bx, by);
}

static void draw_grid(const layout *l) {
    const rome99_canvas *c = &l->c;
    size_t i;
    if (l->heat || l->x.count + l->y.count == 0) return;
    rome99_text_puts(c->out, "<path class=\"grid\" stroke=\"#e4e4e4\" stroke-width=\"0.8\" d=\"");
    for (i = 0; i < l->x.count; i++)
        line(c->out, c->left + c->width * l->x.at[i], c->top, c->left + c->width * l->x.at[i],
             c->top + c->height);
    for (i = 0; i < l->y.count; i++) {
        const double y = c->top + c->height * (1 - l->y.at[i]);
        line(c->out, c->left, y, c->left + c->width, y);
    }
    rome99_text_puts(c->out, "\"/>");
}

/* The frame and the ticks outside it. */
static void draw_frame(const layout *l) {
    const rome99_canvas *c = &l->c;
    const double right = c->left + c->width, bottom = c->top + c->height;
    size_t i;
    rome99_plot_rect(c->out, c->left, c->top, c->width, c->height);
    rome99_text_puts(c->out, " class=\"frame\" fill=\"none\" stroke=\"#777\" stroke-width=\"0.8\"/>"
                             "<path class=\"ticks\" stroke=\"#777\" stroke-width=\"0.8\" d=\"");
    for (i = 0; i < l->x.count + l->x.minors; i++) {
        const int minor = i >= l->x.count;
        const double x = c->left + c->width * (minor ? l->x.minor[i - l->x.count] : l->x.at[i]);
        line(c->out, x, bottom, x, bottom + (minor ? 2.5 : 4));
    }
    for (i = 0; i < l->y.count + l->y.minors; i++) {
        const int minor = i >= l->y.count;
        const double y = bottom - c->height * (minor ? l->y.minor[i - l->y.count] : l->y.at[i]);
        line(c->out, c->left, y, c->left - (minor ? 2.5 : 4), y);
    }
    for (i = 0; l->heat && i < l->z.count; i++) {
        const double y = bottom - c->height * l->z.at[i];
        line(c->out, right + 21, y, right + 25, y);
    }
    rome99_text_puts(c->out, "\"/>");
}

static void draw_names(const layout *l) {
    const rome99_canvas *c = &l->c;
    const double slot = c->width / (double)c->p->x.count, bottom = c->top + c->height;
    const size_t every = l->slanted ? (size_t)(14 / slot) + 1 : 1;
    rome99_span lines[CATEGORY_LINES];
    size_t i, k, n;
    for (i = 0; i < c->p->x.count; i += every) {
        const double x = c->left + slot * ((double)i + 0.5);
        n = name_lines(l, i, lines);
        if (l->slanted) turned(c->out, x + 4, bottom + 12, -45, "end", lines, n);
        for (k = 0; k < n && !l->slanted; k++)
            text(c->out, x, bottom + LINE * (double)(k + 1), " text-anchor=\"middle\"", lines[k]);
    }
}

static void draw_x_axis(const layout *l) {
    const rome99_canvas *c = &l->c;
    const double bottom = c->top + c->height;
    size_t i;
    rome99_text_puts(c->out, "<g class=\"x-axis\">");
    if (c->p->x.count > 0) draw_names(l);
    for (i = 0; i < l->x.count; i++)
        text(c->out, c->left + c->width * l->x.at[i], bottom + 15, " text-anchor=\"middle\"",
             whole(l->x.label[i]));
    for (i = 0; i < l->x_lines; i++)
        text(c->out, c->left + c->width / 2, bottom + l->below + LINE * (double)(i + 1) - 2,
             " text-anchor=\"middle\" font-size=\"12\"", l->x_label[i]);
    rome99_text_puts(c->out, "</g>");
}

static void draw_y_axis(const layout *l) {
    const rome99_canvas *c = &l->c;
    const rome99_axis *axis = &c->p->y;
    const size_t every = (size_t)(12 * (double)axis->count / c->height) + 1;
    rome99_span s;
    size_t i;
    rome99_text_puts(c->out, "<g class=\"y-axis\" text-anchor=\"end\">");
    for (i = 0; i < axis->count; i += every)
        if (rome99_plot_wrap(&s, 1, axis->categories[i], ROME99_TICK_SIZE, 110))
            text(c->out, c->left - 6, c->top + c->height * ((double)i + 0.5) / (double)axis->count + 4, "",
                 s);
    for (i = 0; i < l->y.count; i++)
        text(c->out, c->left - 6, c->top + c->height * (1 - l->y.at[i]) + 4, "", whole(l->y.label[i]));
    rome99_text_puts(c->out, "<g font-size=\"12\">");
    if (l->y_lines > 0) turned(c->out, 13, c->top + c->height / 2, -90, "middle", l->y_label, l->y_lines);
    rome99_text_puts(c->out, "</g></g>");
}

static void draw_colour_bar(const layout *l) {
    const rome99_canvas *c = &l->c;
    const double left = c->left + c->width + 10, bottom = c->top + c->height;
    double y = bottom, above;
    char colour[8];
    size_t i;
    int level;
    if (!l->heat) return;
    rome99_text_puts(c->out, "<g class=\"z-axis\"><g shape-rendering=\"crispEdges\">");
    for (level = 0; level < ROME99_LEVELS; level++, y = above) {
        above = (double)(long)(10 * (bottom - c->height * (level + 1) / ROME99_LEVELS) + 0.5) / 10;
        rome99_plot_ramp(colour, level);
        rome99_plot_rect(c->out, left, above, 11, y - above);
        rome99_text_printf(c->out, " fill=\"%s\"/>", colour);
    }
    rome99_text_puts(c->out, "</g>");
    for (i = 0; i < l->z.count; i++)
        text(c->out, left + 17, bottom - c->height * l->z.at[i] + 4, "", whole(l->z.label[i]));
    rome99_text_puts(c->out, "<g font-size=\"12\">");
    if (l->z_lines > 0)
        turned(c->out, PANEL + 10 - LINE * (double)l->z_lines, c->top + c->height / 2, -90, "middle",
               l->z_label, l->z_lines);
    rome99_text_puts(c->out, "</g></g>");
}

/* ---------------------------------------------------------------- the panel */

static void start(const layout *l) {
    rome99_text *t = l->c.out;
    rome99_text_puts(t, "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 400 ");
    rome99_plot_length(t, l->panel);
    rome99_text_puts(
        t, "\" font-family=\"Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif\" font-size=\"11\" "
           "fill=\"#222\"><title>");
    rome99_html_escape(t, l->c.p->title ? l->c.p->title : "");
    rome99_text_puts(t, "</title><desc>");
    rome99_html_escape(t, l->c.p->description ? l->c.p->description : "");
    rome99_text_puts(t, "</desc>");
}

void rome99_plot_svg(rome99_text *out, rome99_plot *p) {
    layout l = {.c = {.out = out, .p = p, .left = 45, .top = 30, .width = 340, .height = 230}};
    int pass;
    if (p->failed) {
        out->failed = 1;
        return;
    }
    set_scales(&l);
    set_note(&l);
    for (pass = 0; pass < 4; pass++) lay(&l);
    start(&l);
    rome99_text_puts(out, "<g class=\"legend\">");
    legend(&l, 1);
    rome99_text_puts(out, "</g>");
    if (l.note[0])
        text(out, l.c.left, 6 + l.legend + 11, " class=\"note\" font-style=\"italic\"", whole(l.note));
    draw_grid(&l);
    rome99_plot_marks(&l.c);
    draw_frame(&l);
    draw_x_axis(&l);
    draw_y_axis(&l);
    draw_colour_bar(&l);
    rome99_text_puts(out, "</svg>\n");
}
