/* panel.c: collects the marks of a panel. */
#include "study/plot/parts.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void rome99_plot_free(rome99_plot *p) {
    if (p->marks) {
        free(p->marks->mark);
        free(p->marks->point);
        rome99_text_free(&p->marks->strings);
    }
    free(p->marks);
    *p = (rome99_plot){0};
}

/* Makes room for `more` items after `count`: the array, perhaps moved, or NULL where memory is out. */
static void *grow(void *array, size_t *capacity, size_t count, size_t more, size_t size) {
    size_t wanted;
    if (more <= *capacity - count) return array;
    if (count > SIZE_MAX / 4 / size || more > SIZE_MAX / 4 / size) return NULL;
    wanted = count + count / 2 + more + 16;
    array = realloc(array, wanted * size);
    if (array) *capacity = wanted;
    return array;
}

/* A place in strings, which begin with an empty one; 0 for NULL. */
static size_t keep(rome99_text *strings, const char *s) {
    size_t place;
    if (!s) return 0;
    if (strings->size == 0) rome99_text_put(strings, "", 1);
    place = strings->size;
    rome99_text_put(strings, s, strlen(s) + 1);
    return place;
}

/* Appends a mark with n points that are still to be set: the first of them; or NULL if p has failed. */
static rome99_point *add(rome99_plot *p, rome99_mark_kind kind, size_t style, const char *name, size_t n) {
    struct rome99_marks *m = p->marks;
    rome99_mark *mark;
    rome99_point *point;
    if (!p->failed && !m) p->marks = m = calloc(1, sizeof *m);
    if (p->failed || !m) return p->failed = 1, NULL;
    mark = grow(m->mark, &m->capacity, m->count, 1, sizeof *mark);
    if (mark) m->mark = mark;
    point = grow(m->point, &m->point_capacity, m->points, n + 1, sizeof *point);
    if (point) m->point = point;
    if (!mark || !point) return p->failed = 1, NULL;
    mark[m->count] = (rome99_mark){kind, style % ROME99_PLOT_STYLES, keep(&m->strings, name), m->points, n,
                                   0,    ROME99_HORIZONTAL};
    p->failed = m->strings.failed;
    m->count++;
    m->points += n;
    return p->failed ? NULL : point + m->points - n;
}

static void add_points(rome99_plot *p, rome99_mark_kind kind, size_t style, const char *name, size_t n,
                       const double *x, const double *y, const char *const *titles) {
    rome99_point *point = add(p, kind, style, name, n);
    size_t i;
    if (!point) return;
    for (i = 0; i < n; i++)
        point[i] = (rome99_point){x[i], y[i], titles ? keep(&p->marks->strings, titles[i]) : 0};
    p->failed = p->marks->strings.failed;
}

void rome99_plot_points(rome99_plot *p, size_t style, const char *name, size_t n, const double *x,
                        const double *y, const char *const *titles) {
    add_points(p, ROME99_MARK_POINTS, style, name, n, x, y, titles);
}

void rome99_plot_strip(rome99_plot *p, size_t style, const char *name, double x, double width, size_t n,
                       const double *y, const char *const *titles) {
    const double golden_ratio = 0.6180339887498949;
    rome99_point *point = add(p, ROME99_MARK_POINTS, style, name, n);
    double turn = 0.5;
    size_t i;
    if (!point) return;
    for (i = 0; i < n; i++) {
        point[i] = (rome99_point){x + width * (turn - 0.5), y[i],
                                  titles ? keep(&p->marks->strings, titles[i]) : 0};
        turn += golden_ratio;
        if (turn >= 1) turn -= 1;
    }
    p->failed = p->marks->strings.failed;
}

void rome99_plot_line(rome99_plot *p, size_t style, const char *name, size_t n, const double *x,
                      const double *y) {
    add_points(p, ROME99_MARK_LINE, style, name, n, x, y, NULL);
}

void rome99_plot_area(rome99_plot *p, size_t style, size_t n, const double *x, const double *y) {
    add_points(p, ROME99_MARK_AREA, style, NULL, n, x, y, NULL);
}

void rome99_plot_interval(rome99_plot *p, size_t style, const char *name, double x, const double five[5]) {
    const double abscissa[5] = {x, x, x, x, x};
    add_points(p, ROME99_MARK_INTERVAL, style, name, 5, abscissa, five, NULL);
}

void rome99_plot_reference(rome99_plot *p, rome99_reference direction, double at, const char *label) {
    rome99_point *point = add(p, ROME99_MARK_REFERENCE, 0, NULL, 1);
    if (!point) return;
    *point = (rome99_point){at, at, keep(&p->marks->strings, label)};
    p->failed = p->marks->strings.failed;
    p->marks->mark[p->marks->count - 1].direction = direction;
}

void rome99_plot_heat(rome99_plot *p, size_t rows, size_t cols, const double *values) {
    const size_t n = cols > 0 && rows <= SIZE_MAX / cols ? rows * cols : 0;
    rome99_point *point = add(p, ROME99_MARK_HEAT, 0, NULL, n);
    size_t i;
    if (!point) return;
    for (i = 0; i < n; i++) point[i] = (rome99_point){0, values[i], 0};
    p->marks->mark[p->marks->count - 1].cols = cols;
}
