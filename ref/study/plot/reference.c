/* reference.c: reference lines, and where their labels cover least. */
#include "study/plot/parts.h"

enum { MOST_LABELS = 16, HEIGHT = 13 };

typedef struct {
    double x, y, width, height;
    int ends; /* the text ends at the right, rather than begins at the left: its width is estimated */
} box;

/* The ends, in places, a[] the lower or left one: 0 if the line is not within the limits. */
static int ends(const rome99_canvas *c, const rome99_mark *m, double a[2], double b[2]) {
    const double at = c->p->marks->point[m->first].x, fx = rome99_plot_place(&c->x, at);
    const double fy = rome99_plot_place(&c->y, at);
    double least = c->x.lo > c->y.lo ? c->x.lo : c->y.lo, most = c->x.hi < c->y.hi ? c->x.hi : c->y.hi;
    a[0] = a[1] = 0, b[0] = b[1] = 1;
    if (m->direction == ROME99_HORIZONTAL) a[1] = b[1] = fy;
    if (m->direction == ROME99_VERTICAL) a[0] = b[0] = fx;
    if (m->direction == ROME99_DIAGONAL) {
        if (!(least < most) || c->x.log != c->y.log) return 0;
        a[0] = (least - c->x.lo) / (c->x.hi - c->x.lo), b[0] = (most - c->x.lo) / (c->x.hi - c->x.lo);
        a[1] = (least - c->y.lo) / (c->y.hi - c->y.lo), b[1] = (most - c->y.lo) / (c->y.hi - c->y.lo);
    }
    return a[0] >= -1e-9 && a[1] >= -1e-9 && b[0] <= 1 + 1e-9 && b[1] <= 1 + 1e-9;
}

static double x_of(const rome99_canvas *c, double fx) { return c->left + c->width * rome99_plot_inside(fx); }
static double y_of(const rome99_canvas *c, double fy) {
    return c->top + c->height * (1 - rome99_plot_inside(fy));
}

void rome99_plot_reference_line(const rome99_canvas *c, const rome99_mark *m) {
    double a[2], b[2];
    if (!ends(c, m, a, b)) return;
    rome99_text_puts(
        c->out, "<path class=\"reference\" stroke=\"#555\" stroke-width=\"1\" stroke-dasharray=\"5 3\" d=\"");
    rome99_plot_to(c->out, 0, x_of(c, a[0]), y_of(c, a[1]));
    rome99_plot_to(c->out, 1, x_of(c, b[0]), y_of(c, b[1]));
    rome99_text_puts(c->out, "\"/>");
}

/* ---------------------------------------------------------------- labels */

/* How many of `samples` evenly spaced points from a to b, in places, are in the box or within 3 of it. */
static int hits(const rome99_canvas *c, box r, const double a[2], const double b[2], int samples) {
    int i, count = 0;
    for (i = 0; i < samples; i++) {
        const double part = samples > 1 ? i / (samples - 1.0) : 0;
        const double x = x_of(c, a[0] + part * (b[0] - a[0])), y = y_of(c, a[1] + part * (b[1] - a[1]));
        count += x > r.x - 3 && x < r.x + r.width + 3 && y > r.y - 3 && y < r.y + r.height + 3;
    }
    return count;
}

/* What a label in the box would cover: points, pieces of lines, reference lines other than its own. */
static int covered(const rome99_canvas *c, box r, const rome99_mark *own) {
    const struct rome99_marks *marks = c->p->marks;
    double a[2], b[2];
    int sum = 0;
    size_t k, i;
    for (k = 0; k < marks->count; k++) {
        const rome99_mark *m = marks->mark + k;
        const rome99_point *p = marks->point + m->first;
        const size_t joined = m->kind == ROME99_MARK_LINE || m->kind == ROME99_MARK_INTERVAL;
        if (m->kind == ROME99_MARK_REFERENCE && m != own && ends(c, m, a, b)) sum += hits(c, r, a, b, 64);
        for (i = joined; i < m->n && (joined || m->kind == ROME99_MARK_POINTS); i++) {
            b[0] = rome99_plot_place(&c->x, p[i].x), b[1] = rome99_plot_place(&c->y, p[i].y);
            a[0] = rome99_plot_place(&c->x, p[i - joined].x),
            a[1] = rome99_plot_place(&c->y, p[i - joined].y);
            if (a[0] == a[0] && a[1] == a[1] && b[0] == b[0] && b[1] == b[1])
                sum += hits(c, r, a, b, joined ? 8 : 1);
        }
    }
    return sum;
}

/* The box number i of 10 for a label: beside the line on one of two sides, at one of five places. */
static box candidate(const rome99_canvas *c, const rome99_mark *m, int i, double width) {
    static const double along[5] = {1, 0, 0.75, 0.25, 0.5}, diagonal[5] = {0.93, 0.07, 0.75, 0.25, 0.5};
    const int horizontal = m->direction == ROME99_HORIZONTAL, side = i % 2;
    const double part = m->direction == ROME99_DIAGONAL ? diagonal[i / 2] : along[i / 2];
    double a[2] = {0, 0}, b[2] = {0, 0}, x, y;
    ends(c, m, a, b);
    x = x_of(c, a[0] + part * (b[0] - a[0]));
    y = y_of(c, a[1] + part * (b[1] - a[1]));
    if (horizontal) {
        x = c->left + 3 + part * (c->width - 6 - width);
        return (box){x, side ? y + 2 : y - 2 - HEIGHT, width, HEIGHT, part > 0.5};
    }
    x = side ? x - 4 - width : x + 4;
    if (m->direction == ROME99_VERTICAL)
        y = c->top + 2 + (1 - part) * (c->height - 4 - HEIGHT);
    else
        y = side ? y - HEIGHT : y;
    return (box){x, y, width, HEIGHT, side};
}

static int overlap(box a, box b) {
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

static box best(const rome99_canvas *c, const rome99_mark *m, double width, const box *placed, size_t count) {
    box r, found = {0, 0, 0, 0, 0};
    long cost, least = -1;
    size_t k;
    int i;
    for (i = 0; i < 10 && least != 0; i++) {
        r = candidate(c, m, i, width);
        cost = covered(c, r, m);
        for (k = 0; k < count; k++) cost += overlap(r, placed[k]) ? 100000 : 0;
        if (r.x < c->left + 1 || r.x + r.width > c->left + c->width - 1) cost += 10000000;
        if (r.y < c->top + 1 || r.y + r.height > c->top + c->height - 1) cost += 10000000;
        if (least < 0 || cost < least) found = r, least = cost;
    }
    if (found.x + width > c->left + c->width - 1) found.x = c->left + c->width - 1 - width;
    if (found.x < c->left + 1) found.x = c->left + 1;
    return found;
}

void rome99_plot_reference_labels(const rome99_canvas *c) {
    const struct rome99_marks *marks = c->p->marks;
    rome99_text *t = c->out;
    box placed[MOST_LABELS];
    double a[2], b[2], width;
    size_t count = 0, k;
    rome99_span s;
    for (k = 0; marks && k < marks->count; k++) {
        const rome99_mark *m = marks->mark + k;
        const char *label = marks->strings.bytes;
        if (m->kind != ROME99_MARK_REFERENCE || !ends(c, m, a, b)) continue;
        label = marks->point[m->first].title ? label + marks->point[m->first].title : NULL;
        if (rome99_plot_wrap(&s, 1, label, ROME99_TICK_SIZE, c->width - 10) == 0) continue;
        width = rome99_plot_width(s.start, s.size, ROME99_TICK_SIZE) + (s.cut ? ROME99_TICK_SIZE : 0);
        const box r = best(c, m, width, placed, count);
        rome99_text_puts(t, "<text class=\"reference\" fill=\"#444\" stroke=\"#fff\" stroke-width=\"3\" ");
        rome99_text_puts(t, "stroke-linejoin=\"round\" paint-order=\"stroke\"");
        rome99_plot_attribute(t, "x", r.x + (r.ends ? width : 0));
        rome99_plot_attribute(t, "y", r.y + 10);
        rome99_text_puts(t, r.ends ? " text-anchor=\"end\">" : ">");
        rome99_plot_span(t, s);
        rome99_text_puts(t, "</text>");
        if (count < MOST_LABELS) placed[count++] = r;
    }
}
