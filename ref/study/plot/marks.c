/* marks.c: draws the marks of a panel. */
#include "study/plot/parts.h"
#include <string.h>

/* ---------------------------------------------------------------- places */

/* A point of the data: its place; where it is drawn; on which side it is beyond, if it is. */
typedef struct {
    double fx, fy, x, y;
    int missing, beyond_x, beyond_y;
} spot;

static int beyond(double place) { return place > 1 + 1e-9 ? 1 : place < -1e-9 ? -1 : 0; }

/* What is infinite, or has no logarithm, is at the edge itself: there a line meets its triangle. */
static double bounded(double place) {
    return place < ROME99_FAR && place > -ROME99_FAR ? place : rome99_plot_inside(place);
}

static double x_of(const rome99_canvas *c, double fx) { return c->left + c->width * fx; }
static double y_of(const rome99_canvas *c, double fy) { return c->top + c->height * (1 - fy); }

static spot locate(const rome99_canvas *c, rome99_point p) {
    const double fx = rome99_plot_place(&c->x, p.x), fy = rome99_plot_place(&c->y, p.y);
    if (fx != fx || fy != fy) return (spot){0, 0, 0, 0, 1, 0, 0};
    return (spot){
        bounded(fx), bounded(fy), x_of(c, rome99_plot_inside(fx)), y_of(c, rome99_plot_inside(fy)), 0,
        beyond(fx),  beyond(fy)};
}

static const rome99_point *points_of(const rome99_canvas *c, const rome99_mark *m) {
    return c->p->marks->point + m->first;
}

void rome99_plot_count(rome99_canvas *c) {
    const struct rome99_marks *marks = c->p->marks;
    const rome99_mark *m;
    double place;
    spot s;
    size_t i, k;
    c->p->beyond = c->p->missing = 0;
    for (k = 0; marks && k < marks->count; k++) {
        m = marks->mark + k;
        for (i = 0; i < m->n && m->kind != ROME99_MARK_AREA && m->kind != ROME99_MARK_REFERENCE; i++) {
            s = locate(c, points_of(c, m)[i]);
            place = rome99_plot_place(&c->z, points_of(c, m)[i].y);
            if (m->kind == ROME99_MARK_HEAT) s = (spot){0, 0, 0, 0, place != place, beyond(place), 0};
            c->p->missing += s.missing != 0;
            c->p->beyond += s.beyond_x || s.beyond_y;
        }
    }
}

/* ---------------------------------------------------------------- points */

/* An open triangle that points outwards, wholly inside. */
static void arrow(const rome99_canvas *c, spot s) {
    const int upright = s.beyond_y != 0, side = upright ? -s.beyond_y : s.beyond_x;
    double *along = upright ? &s.x : &s.y, least = 4.5 + (upright ? c->left : c->top);
    const double most = least + (upright ? c->width : c->height) - 9;
    int i;
    *along = *along < least ? least : *along > most ? most : *along;
    rome99_text_puts(c->out, "<path d=\"");
    for (i = 0; i < 3; i++) {
        const double away = i == 0 ? -1 : -8, across = i == 0 ? 0 : i == 1 ? 4 : -4;
        rome99_plot_to(c->out, i > 0, s.x + (upright ? across : side * away),
                       s.y + (upright ? side * away : across));
    }
    rome99_text_puts(c->out, "z\"/>");
}

/* The triangles of all points of a mark that are beyond. */
static void arrows(const rome99_canvas *c, const rome99_mark *m) {
    size_t i, count = 0;
    spot s;
    for (i = 0; i < m->n; i++) {
        s = locate(c, points_of(c, m)[i]);
        if (!s.beyond_x && !s.beyond_y) continue;
        if (count++ == 0)
            rome99_text_printf(c->out,
                               "<g class=\"beyond\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.3\">",
                               rome99_plot_colour(m->style));
        arrow(c, s);
    }
    if (count > 0) rome99_text_puts(c->out, "</g>");
}

static void draw_points(const rome99_canvas *c, const rome99_mark *m, size_t total) {
    const double radius = total <= 30 ? 4 : total <= 100 ? 3.4 : total <= 300 ? 2.8 : 2.4;
    const char *title;
    size_t i;
    spot s;
    rome99_plot_marker_group(c->out, "points", m->style, (total > 100) + (total > 400));
    for (i = 0; i < m->n; i++) {
        s = locate(c, points_of(c, m)[i]);
        title = points_of(c, m)[i].title ? c->p->marks->strings.bytes + points_of(c, m)[i].title : NULL;
        if (s.missing || s.beyond_x || s.beyond_y) continue;
        rome99_plot_marker(c->out, m->style, s.x, s.y, radius, title);
    }
    rome99_text_puts(c->out, "</g>");
    arrows(c, m);
}

/* ---------------------------------------------------------------- lines */

/* Liang and Barsky: cuts a segment to the unit square, in place; 0 if nothing is inside. */
static int clip(double a[2], double b[2]) {
    double from = 0, to = 1, start[2], way, t;
    int k, side;
    for (k = 0; k < 2; k++) start[k] = a[k];
    for (k = 0; k < 4; k++) {
        side = k / 2;
        way = b[side] - start[side];
        t = ((k % 2 ? 1 : 0) - start[side]) / (way != 0 ? way : 1);
        if (way == 0 && (start[side] < 0 || start[side] > 1)) return 0;
        if (way != 0 && (way > 0) == (k % 2 == 0) && t > from) from = t;
        if (way != 0 && (way > 0) == (k % 2 == 1) && t < to) to = t;
    }
    if (from > to) return 0;
    for (k = 0; k < 2; k++) {
        way = b[k] - start[k];
        if (from > 0) a[k] = rome99_plot_inside(start[k] + from * way);
        if (to < 1) b[k] = rome99_plot_inside(start[k] + to * way);
    }
    return 1;
}

/* Markers at the vertices of a short line; of a long one, where both neighbours are missing. */
static void vertices(const rome99_canvas *c, const rome99_mark *m) {
    const rome99_point *p = points_of(c, m);
    size_t i;
    spot s;
    rome99_plot_marker_group(c->out, "vertices", m->style, 0);
    for (i = 0; i < m->n; i++) {
        const int alone = (i == 0 || locate(c, p[i - 1]).missing) &&
                          (i + 1 == m->n || locate(c, p[i + 1]).missing);
        s = locate(c, p[i]);
        if (s.missing || s.beyond_x || s.beyond_y || (m->n > ROME99_VERTICES && !alone)) continue;
        rome99_plot_marker(c->out, m->style, s.x, s.y, 3.4, NULL);
    }
    rome99_text_puts(c->out, "</g>");
}

static void draw_line(const rome99_canvas *c, const rome99_mark *m) {
    const rome99_point *p = points_of(c, m);
    int down = 0, pieces = 0;
    size_t i;
    rome99_plot_line_group(c->out, "line", m->style);
    for (i = 1; i < m->n; i++) {
        const spot from = locate(c, p[i - 1]), to = locate(c, p[i]);
        double a[2] = {from.fx, from.fy}, b[2] = {to.fx, to.fy};
        const int drawn = !from.missing && !to.missing && clip(a, b);
        if (drawn && pieces++ == 0) rome99_text_puts(c->out, "<path d=\"");
        if (drawn && !(down && a[0] == from.fx && a[1] == from.fy))
            rome99_plot_to(c->out, 0, x_of(c, a[0]), y_of(c, a[1]));
        if (drawn) rome99_plot_to(c->out, 1, x_of(c, b[0]), y_of(c, b[1]));
        down = drawn && b[0] == to.fx && b[1] == to.fy;
    }
    rome99_text_puts(c->out, pieces > 0 ? "\"/></g>" : "</g>");
    vertices(c, m);
    arrows(c, m);
}

static void draw_area(const rome99_canvas *c, const rome99_mark *m) {
    size_t i, count = 0;
    spot s, last = {0};
    rome99_text_printf(c->out, "<g class=\"area\" fill=\"%s\" fill-opacity=\"0.13\">",
                       rome99_plot_colour(m->style));
    for (i = 0; i <= m->n; i++) {
        s = i < m->n ? locate(c, points_of(c, m)[i]) : (spot){.missing = 1};
        if (!s.missing && count == 0) {
            rome99_text_puts(c->out, "<path d=\"");
            rome99_plot_to(c->out, 0, s.x, c->top + c->height);
        }
        if (!s.missing) rome99_plot_to(c->out, 1, s.x, s.y), count++, last = s;
        if (!s.missing || count == 0) continue;
        rome99_plot_to(c->out, 1, last.x, c->top + c->height);
        rome99_text_puts(c->out, "z\"/>");
        count = 0;
    }
    rome99_text_puts(c->out, "</g>");
}

static void draw_interval(const rome99_canvas *c, const rome99_mark *m) {
    static const int end[4] = {0, 1, 3, 4};
    double x[4], y[4];
    spot s = {0};
    size_t i;
    for (i = 0; i < 5; i++)
        if (locate(c, points_of(c, m)[i]).missing) return;
    for (i = 0; i < 4; i++) {
        s = locate(c, points_of(c, m)[end[i]]);
        x[i] = s.x, y[i] = s.y;
    }
    s = locate(c, points_of(c, m)[2]);
    rome99_plot_bar(c->out, "interval", m->style, x, y, s.x, s.y);
    arrows(c, m);
}

/* ---------------------------------------------------------------- heat map */

/* The edge between the cells i - 1 and i of n, on the grid of printed lengths. */
static double edge(double start, double length, size_t i, size_t n) {
    return (double)(long)((start + length * (double)i / (double)n) * 10 + 0.5) / 10;
}

static int level_at(const rome99_canvas *c, const rome99_point *p) {
    const double place = rome99_plot_place(&c->z, p->y);
    return place != place ? -1 : rome99_plot_level(place);
}

static void draw_heat(const rome99_canvas *c, const rome99_mark *m) {
    const size_t rows = m->cols > 0 ? m->n / m->cols : 0, cols = m->cols;
    const rome99_point *p = points_of(c, m);
    char colour[8];
    size_t i, j, end, down;
    int level;
    rome99_text_puts(c->out, "<g class=\"heat\" shape-rendering=\"crispEdges\">");
    for (i = 0; i < rows; i++, p += cols) {
        down = c->y.lo < c->y.hi ? rows - 1 - i : i;
        const double y = edge(c->top, c->height, down, rows), below = edge(c->top, c->height, down + 1, rows);
        for (j = 0; j < cols; j = end) {
            const double x = edge(c->left, c->width, j, cols);
            level = level_at(c, p + j);
            for (end = j + 1; end < cols && level_at(c, p + end) == level;) end++;
            if (level >= 0)
                rome99_plot_ramp(colour, level);
            else
                strcpy(colour, "#c8c8c8");
            rome99_plot_rect(c->out, x, y, edge(c->left, c->width, end, cols) - x, below - y);
            rome99_text_printf(c->out, " fill=\"%s\"/>", colour);
        }
    }
    rome99_text_puts(c->out, "</g>");
}

void rome99_plot_marks(rome99_canvas *c) {
    const struct rome99_marks *marks = c->p->marks;
    size_t kind, k, total = 0;
    for (k = 0; marks && k < marks->count; k++)
        if (marks->mark[k].kind == ROME99_MARK_POINTS) total += marks->mark[k].n;
    for (kind = 0; marks && kind < ROME99_MARK_KINDS; kind++) {
        for (k = 0; k < marks->count; k++) {
            const rome99_mark *m = marks->mark + k;
            if (m->kind != kind) continue;
            if (kind == ROME99_MARK_HEAT) draw_heat(c, m);
            if (kind == ROME99_MARK_AREA) draw_area(c, m);
            if (kind == ROME99_MARK_REFERENCE) rome99_plot_reference_line(c, m);
            if (kind == ROME99_MARK_LINE) draw_line(c, m);
            if (kind == ROME99_MARK_INTERVAL) draw_interval(c, m);
            if (kind == ROME99_MARK_POINTS) draw_points(c, m, total);
        }
    }
    rome99_plot_reference_labels(c);
}
