/* test_plot.c: figures: well-formed, legible, true to their data, whatever the data are. */
#include "study/plot/plot.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define MINUS        "\xE2\x88\x92"
#define NOT_A_NUMBER ((double)NAN)
#define INFINITE     ((double)INFINITY)

typedef struct {
    double left, top, right, bottom;
} box;

/* ---------------------------------------------------------------- reading an SVG */

/* The value of an attribute of the tag at s, or NULL. */
static const char *attribute(const char *s, const char *name) {
    const size_t n = strlen(name);
    for (; *s && *s != '>'; s++)
        if (*s == ' ' && !strncmp(s + 1, name, n) && s[n + 1] == '=' && s[n + 2] == '"') return s + n + 3;
    return NULL;
}

static double number(const char *s, const char *name) {
    const char *value = attribute(s, name);
    return value ? strtod(value, NULL) : NOT_A_NUMBER;
}

static int has_class(const char *s, const char *name) {
    const char *value = attribute(s, "class");
    return value && !strncmp(value, name, strlen(name)) && value[strlen(name)] == '"';
}

static size_t count(const char *s, const char *what) {
    size_t n = 0;
    while ((s = strstr(s, what))) n++, s += strlen(what);
    return n;
}

/* Tags are closed in order, attributes quoted, no stray < > & "; returns where it is not so, or NULL. */
static const char *malformed(const char *s) {
    const char *open[32], *tag;
    size_t depth = 0, n;
    for (; *s; s++) {
        if (*s == '>') return s;
        if (*s == '&' && strspn(s + 1, "#abcdefghijklmnopqrstuvwxyz0123456789") != strcspn(s + 1, ";"))
            return s;
        if (*s != '<') continue;
        tag = ++s;
        n = strcspn(s + (*s == '/'), " >/");
        if (*tag == '/') {
            if (depth == 0 || strncmp(open[--depth], tag + 1, n) != 0 || open[depth][n] == 0) return tag;
            s += n + 1;
            if (*s != '>') return s;
            continue;
        }
        for (s += n; *s == ' ';) {
            s += 1 + strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789");
            if (strncmp(s, "=\"", 2) != 0) return s;
            s += 2;
            s += strcspn(s, "\"<>");
            if (*s++ != '"') return s;
        }
        if (*s == '/')
            s++;
        else if (depth < 32)
            open[depth++] = tag;
        if (*s != '>') return s;
    }
    return depth ? open[depth - 1] : NULL;
}

/* What is in a tag and must not be: a number that is none, another resource; or NULL. */
static const char *forbidden(const char *s) {
    static const char *const bad[] = {"nan", "inf", "NAN", "http", "href", "url("};
    size_t i;
    for (s = strchr(s, '<'); s; s = strchr(s, '<'))
        for (; *s != '>'; s++)
            for (i = 0; i < sizeof bad / sizeof *bad; i++)
                if (!strncmp(s, bad[i], strlen(bad[i]))) return s;
    return NULL;
}

static void join(box *b, double x, double y) {
    if (!(x >= b->left)) b->left = x;
    if (!(x <= b->right)) b->right = x;
    if (!(y >= b->top)) b->top = y;
    if (!(y <= b->bottom)) b->bottom = y;
}

/* Adds the coordinates of one tag; text: where it is put. */
static void join_tag(box *b, const char *s) {
    const char *d = attribute(s, "d");
    const double r = number(s, "r");
    char *end;
    double x;
    if (!strncmp(s, "<circle", 7)) {
        join(b, number(s, "cx") - r, number(s, "cy") - r);
        join(b, number(s, "cx") + r, number(s, "cy") + r);
    } else if (!strncmp(s, "<rect", 5)) {
        join(b, number(s, "x"), number(s, "y"));
        join(b, number(s, "x") + number(s, "width"), number(s, "y") + number(s, "height"));
    } else if (!strncmp(s, "<text", 5)) {
        join(b, number(s, "x"), number(s, "y"));
    } else if (!strncmp(s, "<path", 5)) {
        while (*d == 'M' || *d == 'L') {
            x = strtod(d + 1, &end);
            join(b, x, strtod(end, &end));
            d = *end == 'z' ? end + 1 : end;
        }
        if (*d != '"') join(b, NOT_A_NUMBER, NOT_A_NUMBER);
    }
}

/* The box of all <g class="name">, or of everything for NULL; what is turned is left out. */
static box extent(const char *s, const char *name) {
    box b = {1e9, 1e9, -1e9, -1e9};
    size_t depth = 0, inside = 0, turned = 0;
    for (s = strstr(s, "</desc>"); s; s = strchr(s + 1, '<')) {
        if (!strncmp(s, "<g", 2)) {
            depth++;
            if (name && inside == 0 && has_class(s, name)) inside = depth;
            if (turned == 0 && attribute(s, "transform")) turned = depth;
        }
        if ((!name || inside) && !turned) join_tag(&b, s);
        if (strncmp(s, "</g", 3) != 0) continue;
        if (inside == depth) inside = 0;
        if (turned == depth) turned = 0;
        depth--;
    }
    return b;
}

static box frame_of(const char *s) {
    box b = {1e9, 1e9, -1e9, -1e9};
    for (s = strchr(s, '<'); s; s = strchr(s + 1, '<'))
        if (has_class(s, "frame")) join_tag(&b, s);
    return b;
}

static int within(box b, double left, double top, double right, double bottom) {
    return b.left >= left && b.top >= top && b.right <= right && b.bottom <= bottom;
}

/* Renders p, frees it, and checks what must hold of every panel. */
static rome99_text drawn(rome99_plot *p, const char *what) {
    static const char *const inside[] = {"points", "line", "vertices", "area", "interval", "beyond", "heat"};
    rome99_text t = {0}, again = {0};
    const char *fault;
    double height;
    box all, frame, legend;
    size_t i;
    rome99_plot_svg(&t, p);
    rome99_plot_svg(&again, p);
    CHECK(!t.failed && t.size > 0 && t.size == again.size && !memcmp(t.bytes, again.bytes, t.size),
          "%s: drawn twice, not the same", what);
    rome99_text_free(&again);
    fault = malformed(t.bytes);
    CHECK(!fault, "%s: malformed at \"%.60s\"", what, fault ? fault : "");
    fault = forbidden(t.bytes);
    CHECK(!fault, "%s: in a tag: \"%.60s\"", what, fault ? fault : "");
    height = strtod(strstr(t.bytes, "viewBox=\"0 0 400 ") + 17, NULL);
    all = extent(t.bytes, NULL), frame = frame_of(t.bytes), legend = extent(t.bytes, "legend");
    CHECK(within(all, 0, 0, 400, height), "%s: %g %g to %g %g, of height %g", what, all.left, all.top,
          all.right, all.bottom, height);
    CHECK(frame.right - frame.left >= 150 && frame.bottom - frame.top >= 99, "%s: %g x %g left for data",
          what, frame.right - frame.left, frame.bottom - frame.top);
    CHECK(legend.bottom < legend.top || legend.bottom + 3 <= frame.top, "%s: legend to %g, frame from %g",
          what, legend.bottom, frame.top);
    for (i = 0; i < sizeof inside / sizeof *inside; i++) {
        const box b = extent(t.bytes, inside[i]);
        CHECK(b.bottom < b.top || within(b, frame.left - 6, frame.top - 6, frame.right + 6, frame.bottom + 6),
              "%s: %s from %g %g to %g %g", what, inside[i], b.left, b.top, b.right, b.bottom);
    }
    rome99_plot_free(p);
    return t;
}

/* ---------------------------------------------------------------- ticks */

static double value_of(const char *label) {
    char plain[40];
    size_t n = 0;
    while (*label && *label != '<' && n < 39) {
        if (!strncmp(label, MINUS, 3))
            plain[n++] = '-', label += 3;
        else
            plain[n++] = *label++;
    }
    plain[n] = 0;
    return strtod(plain, NULL);
}

/* From 3 to 8 labels, apart from each other, each where its number is. */
static void check_ticks(const char *svg, const char *axis, double lo, double hi, int log, const char *what) {
    const int upright = *axis == 'y';
    const box frame = frame_of(svg);
    const char *s = strstr(svg, axis), *end;
    double at, place, expected, past = NOT_A_NUMBER;
    size_t n = 0;
    if (!s) return;
    end = strstr(s, upright ? "<g" : "</g>");
    for (s = strstr(s, "<text"); s && s < end; s = strstr(s + 1, "<text")) {
        if (attribute(s, "font-size")) continue;
        at = value_of(strchr(s, '>') + 1);
        expected = log ? (log10(at) - log10(lo)) / (log10(hi) - log10(lo)) : (at - lo) / (hi - lo);
        place = upright ? (frame.bottom - (number(s, "y") - 4)) / (frame.bottom - frame.top)
                        : (number(s, "x") - frame.left) / (frame.right - frame.left);
        CHECK(fabs(place - expected) <= 2e-3, "%s: %s: %g at %g, expected %g", what, axis, at, place,
              expected);
        CHECK(!n || (upright ? past - number(s, "y") >= 14 : number(s, "x") - past >= 18),
              "%s: %s: too near: %g", what, axis, at);
        past = number(s, upright ? "y" : "x");
        n++;
    }
    CHECK(n >= 3 && n <= 8, "%s: %s: %lu ticks from %g to %g", what, axis, (unsigned long)n, lo, hi);
}

static void test_ticks(void) {
    static const double limits[][2] = {{0, 1},           {0, 1.2},           {-3, 7},         {0.97, 0.995},
                                       {0, 9.9e-5},      {1e-299, 2e-299},   {-1e300, 1e300}, {1, 1e6},
                                       {123456, 123466}, {-5e5, 0},          {0.1, 1},        {2.1, 6.9},
                                       {0.013, 130},     {1e-12, 1e15},      {1e-300, 1e300}, {1, 99.9},
                                       {1, 1001},        {1.00001, 1.00003}, {0.5, 0.50009},  {3e-5, 2e-4}};
    static const double two[2] = {0.5, 0.5};
    char what[64];
    size_t i;
    double steps;
    int log;
    for (i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (log = 0; log < 2; log++) {
            rome99_plot p = {.title = "t", .description = "d"};
            rome99_text t;
            if (log && limits[i][0] <= 0) continue;
            p.x = p.y = (rome99_axis){
                .label = "quantity (unit)", .lo = limits[i][0], .hi = limits[i][1], .log = log};
            if (log && log10(limits[i][1] / limits[i][0]) < 1e-4) continue;
            rome99_plot_points(&p, 0, NULL, 2, two, two, NULL);
            sprintf(what, "%s %g to %g", log ? "log" : "linear", limits[i][0], limits[i][1]);
            t = drawn(&p, what);
            check_ticks(t.bytes, "x-axis", limits[i][0], limits[i][1], log, what);
            check_ticks(t.bytes, "y-axis", limits[i][0], limits[i][1], log, what);
            rome99_text_free(&t);
        }
    }
    for (steps = 1.01; steps < 1e13; steps *= 1.37) {
        rome99_plot p = {
            .x = {.lo = 0, .hi = steps}, .y = {.log = 1, .lo = 0.3, .hi = 0.3 * steps}, .height = 110};
        rome99_text t = drawn(&p, "many");
        check_ticks(t.bytes, "x-axis", 0, steps, 0, "many");
        check_ticks(t.bytes, "y-axis", 0.3, 0.3 * steps, 1, "many");
        rome99_text_free(&t);
    }
}

static void test_labels(void) {
    static const char *const logarithmic[] = {">1e" MINUS "4<", ">0.01<", ">1<", ">100<", ">1e4<"};
    static const char *const linear[] = {">0.0<", ">0.2<", ">0.4<", ">0.6<", ">0.8<", ">1.0<"};
    static const char *const whole[] = {">0<", ">1<", ">2<"};
    rome99_plot p = {.x = {.log = 1, .lo = 1e-5, .hi = 1e5}, .y = {.lo = 0, .hi = 1}},
                q = {.x = {.lo = 0, .hi = 2, .whole = 1}};
    rome99_text t = drawn(&p, "labels");
    size_t i;
    for (i = 0; i < 5; i++) CHECK(strstr(t.bytes, logarithmic[i]), "no tick %s", logarithmic[i]);
    for (i = 0; i < 6; i++) CHECK(strstr(t.bytes, linear[i]), "no tick %s", linear[i]);
    rome99_text_free(&t);
    t = drawn(&q, "whole");
    for (i = 0; i < 3; i++) CHECK(strstr(t.bytes, whole[i]), "no tick %s", whole[i]);
    CHECK(count(strstr(t.bytes, "x-axis"), "<text") - count(strstr(t.bytes, "y-axis"), "<text") == 3,
          "whole ticks");
    rome99_text_free(&t);
}

/* ---------------------------------------------------------------- marks */

static void test_places(void) {
    const double x[] = {0.25, 2, -1, NOT_A_NUMBER, 0.5}, y[] = {0.75, 0.5, 0.5, 0.5, -INFINITE};
    const double line_x[] = {0, 1, 2, NOT_A_NUMBER, 3, 4}, line_y[] = {0, 20, 0, 5, 5, 5};
    const char *const titles[] = {"a <b> & \"c\"", "2", NULL, NULL, NULL};
    rome99_plot p = {.x = {.lo = 0, .hi = 1}, .y = {.lo = 0, .hi = 1}},
                q = {.x = {.lo = 0, .hi = 4}, .y = {.lo = 0, .hi = 10}};
    rome99_text t;
    const char *s;
    box frame, b;
    rome99_plot_points(&p, 0, "name", 5, x, y, titles);
    rome99_plot_points(&p, ROME99_PLOT_STYLES, "name", 0, NULL, NULL, NULL);
    t = drawn(&p, "places");
    frame = frame_of(t.bytes);
    s = strstr(strstr(t.bytes, "class=\"points\""), "<circle");
    CHECK(fabs(number(s, "cx") - (frame.left + 0.25 * (frame.right - frame.left))) <= 0.11, "cx %g",
          number(s, "cx"));
    CHECK(fabs(number(s, "cy") - (frame.bottom - 0.75 * (frame.bottom - frame.top))) <= 0.11, "cy %g",
          number(s, "cy"));
    CHECK(strstr(t.bytes, "<title>a &lt;b&gt; &amp; &quot;c&quot;</title></circle>"), "no tooltip");
    CHECK(strstr(t.bytes, "3 beyond the axes") && strstr(t.bytes, "1 not a number"),
          "no note of what is beyond");
    CHECK(count(t.bytes, ">name<") == 1, "%lu entries", (unsigned long)count(t.bytes, ">name<"));
    CHECK(count(strstr(t.bytes, "class=\"points\""), "<circle") == 1, "what is beyond is drawn as a point");
    b = extent(t.bytes, "beyond");
    CHECK(b.left < frame.left + 3 && b.right > frame.right - 3 && b.bottom > frame.bottom - 3,
          "triangles not at the edges");
    CHECK(count(strstr(t.bytes, "class=\"beyond\""), "<path d") == 3, "triangles");
    rome99_text_free(&t);

    /* Cut at y = 10, half way up and down; a break at the NaN. */
    rome99_plot_line(&q, 1, "line", 6, line_x, line_y);
    t = (rome99_text){0};
    rome99_plot_svg(&t, &q);
    CHECK(q.beyond == 1 && q.missing == 1, "%lu beyond, %lu missing", (unsigned long)q.beyond,
          (unsigned long)q.missing);
    rome99_text_free(&t);
    t = drawn(&q, "line");
    frame = frame_of(t.bytes);
    s = attribute(strstr(strstr(t.bytes, "class=\"line\""), "<path"), "d");
    CHECK(s && count(s, "M") > 3 && strcspn(s, "\"") > 0, "no path");
    if (s) {
        char *end;
        double at;
        for (b.left = 0, b.top = 0; *s == 'M' || *s == 'L'; s = end) {
            b.left += *s == 'M';
            at = (strtod(s + 1, &end) - frame.left) / (frame.right - frame.left) * 4;
            if (fabs(strtod(end, &end) - frame.top) > 0.11) continue;
            b.top++;
            CHECK(fabs(at - 0.5) <= 0.01 || fabs(at - 1.5) <= 0.01, "cut at %g", at);
        }
        CHECK(b.left == 3 && b.top == 2, "%g pieces, %g cuts", b.left, b.top);
    }
    rome99_text_free(&t);
}

/* A line to infinity ends where its triangle is; what has no logarithm is beyond, not missing. */
static void test_infinite(void) {
    const double x[] = {0, 1, 2, 3}, y[] = {1, INFINITE, 0, -1};
    rome99_plot p = {.x = {.lo = 0, .hi = 4}, .y = {.log = 1, .lo = 0.1, .hi = 10}};
    rome99_text t = {0};
    const char *s;
    box frame;
    char *end;
    rome99_plot_line(&p, 0, NULL, 4, x, y);
    rome99_plot_svg(&t, &p);
    CHECK(p.beyond == 3 && p.missing == 0, "%lu beyond", (unsigned long)p.beyond);
    rome99_text_free(&t);
    t = drawn(&p, "infinite");
    frame = frame_of(t.bytes);
    s = strchr(attribute(strstr(strstr(t.bytes, "class=\"line\""), "<path"), "d"), 'L');
    CHECK(fabs(strtod(s + 1, &end) - (frame.left + (frame.right - frame.left) / 4)) <= 0.11, "to x %s", s);
    CHECK(fabs(strtod(end, NULL) - frame.top) <= 0.11, "to y %s", s);
    rome99_text_free(&t);
}

static void test_hostile(void) {
    static const double values[] = {NOT_A_NUMBER, INFINITE, -INFINITE, 0,     -0.0,   5e-324,  1e-300,
                                    -1e-300,      1,        -1,        1e300, -1e300, DBL_MAX, -DBL_MAX};
    enum { N = sizeof values / sizeof *values };
    double x[N], y[N], five[5];
    char what[64];
    size_t i, j, n;
    int log;
    for (i = 0; i < N * N; i++) {
        for (log = 0; log < 4; log++) {
            rome99_plot p = {.x = {.log = log & 1}, .y = {.log = log >> 1}, .z = {.log = log & 1}}, q;
            rome99_text t;
            n = i % 4 == 3 ? N : i % 4;
            for (j = 0; j < N; j++) x[j] = values[(i + j * (1 + i / N)) % N], y[j] = values[(i / N + j) % N];
            for (j = 0; j < 5; j++) five[j] = values[(i + j) % N];
            if (i % 5 == 0) p.x.lo = values[i % N], p.x.hi = values[i / N];
            if (i % 7 == 0) p.y.lo = values[i / N], p.y.hi = NOT_A_NUMBER, p.height = values[i % N];
            q = p;
            rome99_plot_points(&p, i, "points", n, x, y, NULL);
            rome99_plot_line(&p, i + 1, "line", n, x, y);
            rome99_plot_area(&p, i + 1, n, x, y);
            rome99_plot_interval(&p, i + 2, "interval", values[i % N], five);
            rome99_plot_strip(&p, i + 3, "strip", values[i % N], values[i / N], n, y, NULL);
            rome99_plot_reference(&p, (rome99_reference)(i % 3), values[i / N], "reference");
            rome99_plot_heat(&q, n / 2, 2, x);
            sprintf(what, "hostile %lu %d", (unsigned long)i, log);
            t = drawn(&p, what);
            rome99_text_free(&t);
            t = drawn(&q, what);
            rome99_text_free(&t);
        }
    }
    for (i = 0; i < N; i++) {
        rome99_plot p = {.x = {.label = "equal"}, .y = {.label = "equal", .log = 1}};
        rome99_text t;
        for (j = 0; j < 3; j++) x[j] = values[i];
        rome99_plot_points(&p, 0, NULL, 3, x, x, NULL);
        t = drawn(&p, "equal");
        rome99_text_free(&t);
    }
}

static void test_heat(void) {
    const double values[] = {1, 1, 1, 100, 0.01, 0.01, 1e9, NOT_A_NUMBER};
    static const char *const rows[] = {"top", "bottom"};
    rome99_plot p = {.z = {.label = "scale (1)", .log = 1, .lo = 0.01, .hi = 100}}, q = p;
    rome99_text t;
    const char *s;
    box frame;
    rome99_plot_heat(&p, 2, 4, values);
    t = drawn(&p, "heat");
    frame = frame_of(t.bytes);
    s = strstr(t.bytes, "class=\"heat\"");
    CHECK(count(s, "<rect") == 5 + 64 + 1, "%lu rectangles", (unsigned long)count(s, "<rect"));
    s = strstr(s, "<rect");
    CHECK(fabs(number(s, "y") + number(s, "height") - frame.bottom) <= 0.11, "row 0 is not at the bottom");
    CHECK(fabs(number(s, "width") - 0.75 * (frame.right - frame.left)) <= 0.11, "equal cells are not one");
    CHECK(!strncmp(attribute(strstr(s + 1, "<rect"), "fill"), "#fde725", 7), "the upper limit's colour");
    CHECK(strstr(t.bytes, "#440154") && strstr(t.bytes, "scale (1)"),
          "the lower limit's colour, or no label");
    CHECK(strstr(t.bytes, "1 beyond the scale, 1 not a number (grey)"), "no note");
    rome99_text_free(&t);
    q.y.categories = rows, q.y.count = 2;
    rome99_plot_heat(&q, 2, 4, values);
    t = drawn(&q, "heat with categories");
    s = strstr(strstr(t.bytes, "class=\"heat\""), "<rect");
    CHECK(fabs(number(s, "y") - frame_of(t.bytes).top) <= 0.11, "row 0 is not on top");
    CHECK(strstr(t.bytes, ">top<") && strstr(t.bytes, ">bottom<"), "no names of rows");
    rome99_text_free(&t);
}

/* ---------------------------------------------------------------- texts */

static void test_escape(void) {
    static const char *const name[] = {"<script>", "\"&'"};
    rome99_plot p = {.title = "a<b>&\"'",
                     .description = "</svg>",
                     .x = {.categories = name, .count = 2},
                     .y = {.label = "y < \xFF\x01 > z"}};
    rome99_text t = {0};
    const double at = 1;
    rome99_html_escape(&t, "<>&\"' \t\n\x01\xC3\xA9\xC3(\xED\xA0\x80\x7F");
    CHECK(!strcmp(t.bytes,
                  "&lt;&gt;&amp;&quot;&#39; "
                  "\t\n\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
          "escaped: %s", t.bytes);
    rome99_text_free(&t);
    rome99_plot_points(&p, 0, "<&>", 1, &at, &at, NULL);
    rome99_plot_reference(&p, ROME99_HORIZONTAL, 1, "r<&");
    t = drawn(&p, "escape");
    CHECK(strstr(t.bytes, "<title>a&lt;b&gt;&amp;&quot;&#39;</title><desc>&lt;/svg&gt;</desc>"),
          "title, description");
    CHECK(strstr(t.bytes, ">&lt;script&gt;<") && strstr(t.bytes, ">&quot;&amp;&#39;<"), "categories");
    CHECK(strstr(t.bytes, ">&lt;&amp;&gt;<") && strstr(t.bytes, ">r&lt;&amp;<"), "legend, reference");
    CHECK(strstr(t.bytes, ">y &lt; \xEF\xBF\xBD\xEF\xBF\xBD &gt; z<"), "label");
    rome99_text_free(&t);
}

static void test_categories(void) {
    static const char *const name[] = {"first group",
                                       "second",
                                       "a third one with words",
                                       "fourth",
                                       "the fifth of them",
                                       "sixth category",
                                       "seventh",
                                       "eighth",
                                       "number nine",
                                       "number 10",
                                       "number eleven",
                                       "the last one"};
    const double five[] = {1, 2, 3, 4, 5};
    char *word, all[32];
    double unit;
    box b, frame;
    size_t n, i;
    for (n = 1; n <= 12; n++) {
        rome99_plot p = {.x = {.label = "group", .categories = name, .count = n},
                         .y = {.label = "y (1)", .lo = 0, .hi = 6}};
        rome99_text t;
        for (i = 0; i < n; i++) rome99_plot_interval(&p, i % 2, i % 2 ? "odd" : "even", (double)i, five);
        t = drawn(&p, "categories");
        for (i = 0; i < n; i++)
            for (word = strtok(strcpy(all, name[i]), " "); word; word = strtok(NULL, " "))
                CHECK(strstr(strstr(t.bytes, "x-axis"), word), "of %lu categories, no %s", (unsigned long)n,
                      name[i]);
        b = extent(t.bytes, "interval"), frame = frame_of(t.bytes);
        unit = (frame.bottom - frame.top) / 6;
        CHECK(fabs(frame.bottom - unit - b.bottom) <= 0.11 && fabs(frame.top + unit - b.top) <= 0.11,
              "interval from %g to %g", b.top, b.bottom);
        CHECK(count(t.bytes, "class=\"interval\"") == n, "intervals");
        CHECK(count(t.bytes, ">even<") == 1 && count(t.bytes, ">odd<") == (n > 1), "legend of %lu",
              (unsigned long)n);
        rome99_text_free(&t);
    }
}

static void test_legend(void) {
    const double x[] = {0, 1}, y[] = {0, 1};
    char name[64];
    size_t i, n;
    for (n = 1; n <= 40; n += 3) {
        rome99_plot p = {.height = 220};
        rome99_text t;
        for (i = 0; i < n; i++) {
            sprintf(name, "series %.*s%lu", (int)(i % 17), "with a long name ", (unsigned long)i);
            rome99_plot_line(&p, i, name, 2, x, y);
            rome99_plot_points(&p, i, name, 2, x, y, NULL);
        }
        t = drawn(&p, "legend");
        CHECK(count(t.bytes, ">series ") == n, "%lu entries of %lu",
              (unsigned long)count(t.bytes, ">series "), (unsigned long)n);
        rome99_text_free(&t);
    }
}

/* Long names are cut or broken: no text is longer than the panel, even in a narrow font. */
static void test_long(void) {
    char words[601], word[601];
    const char *const names[] = {words, word};
    const double one = 1;
    size_t i, n;
    for (i = 0; i < 600; i++) words[i] = i % 7 ? 'w' : ' ', word[i] = 'm';
    words[600] = word[600] = 0;
    for (i = 0; i < 4; i++) {
        rome99_plot p = {.x = {.label = names[i % 2]},
                         .y = {.label = names[i / 2]},
                         .z = {.label = names[i % 2]}},
                    q = p;
        rome99_text t;
        const char *s;
        if (i == 3)
            p.x.categories = p.y.categories = q.y.categories = names, p.x.count = p.y.count = q.y.count = 2;
        rome99_plot_points(&p, 0, names[i % 2], 1, &one, &one, NULL);
        rome99_plot_reference(&p, ROME99_VERTICAL, 1, names[i % 2]);
        rome99_plot_heat(&q, 1, 1, &one);
        t = drawn(i == 2 ? &q : &p, "long");
        rome99_plot_free(i == 2 ? &p : &q);
        for (s = strstr(t.bytes, "<text"); s; s = strstr(s + 1, "<text")) {
            n = strcspn(strchr(s, '>') + 1, "<");
            CHECK((double)n * 7 <= 400, "%lu bytes in %.60s", (unsigned long)n, s);
        }
        rome99_text_free(&t);
    }
}

/* Points above the line's right half: the label is not there. A strip's points differ in x. */
static void test_reference(void) {
    double x[100], y[100];
    rome99_plot p = {.y = {.lo = 0, .hi = 1}}, q = {0};
    rome99_text t;
    const char *s;
    box frame, b;
    size_t i;
    for (i = 0; i < 100; i++) x[i] = (double)i, y[i] = i < 40 ? 0.9 : i % 2 ? 0.55 : 0.45;
    rome99_plot_points(&p, 0, NULL, 100, x, y, NULL);
    rome99_plot_reference(&p, ROME99_HORIZONTAL, 0.5, "limit");
    rome99_plot_reference(&p, ROME99_VERTICAL, 1e9, NULL);
    rome99_plot_reference(&p, ROME99_HORIZONTAL, 5, NULL);
    p.x.lo = 0, p.x.hi = 99;
    t = drawn(&p, "reference");
    frame = frame_of(t.bytes);
    for (s = strchr(t.bytes, '<'); s && !(has_class(s, "reference") && !strncmp(s, "<text", 5));)
        s = strchr(s + 1, '<');
    CHECK(s && number(s, "x") < frame.left + 0.3 * (frame.right - frame.left), "label at %g",
          s ? number(s, "x") : -1);
    CHECK(count(t.bytes, "<path class=\"reference\"") == 1, "a line beyond the limits is drawn, or none");
    rome99_text_free(&t);
    for (i = 0; i < 100; i++) y[i] = 1;
    rome99_plot_strip(&q, 0, "strip", 0, 1, 100, y, NULL);
    t = drawn(&q, "strip");
    b = extent(t.bytes, "points");
    frame = frame_of(t.bytes);
    CHECK(b.right - b.left > 0.8 * (frame.right - frame.left), "strip from %g to %g", b.left, b.right);
    rome99_text_free(&t);
}

/* Labels of two lines in the same place stand apart. */
static void test_reference_labels(void) {
    rome99_plot p = {.x = {.lo = 0, .hi = 1}, .y = {.lo = 0, .hi = 1}};
    const double half = 0.5;
    double x[2] = {0}, y[2] = {0};
    rome99_text t;
    const char *s;
    size_t n = 0;
    rome99_plot_points(&p, 0, NULL, 1, &half, &half, NULL);
    rome99_plot_reference(&p, ROME99_HORIZONTAL, 0.5, "one");
    rome99_plot_reference(&p, ROME99_HORIZONTAL, 0.5, "two");
    t = drawn(&p, "labels");
    for (s = strchr(t.bytes, '<'); s; s = strchr(s + 1, '<'))
        if (has_class(s, "reference") && !strncmp(s, "<text", 5) && n < 2)
            x[n] = number(s, "x"), y[n++] = number(s, "y");
    CHECK(n == 2 && (fabs(x[0] - x[1]) > 20.0 || fabs(y[0] - y[1]) > 9.0), "labels at (%g, %g), (%g, %g)",
          x[0], y[0], x[1], y[1]);
    rome99_text_free(&t);
}

static void test_out_of_memory(void) {
    rome99_plot p = {.failed = 1};
    rome99_text t = {0};
    const double one = 1;
    rome99_plot_points(&p, 0, "name", 1, &one, &one, NULL);
    rome99_plot_svg(&t, &p);
    CHECK(t.failed && t.size == 0 && !p.marks, "a panel that failed is drawn");
    rome99_text_free(&t);
    rome99_plot_free(&p);
}

int main(void) {
    test_ticks();
    test_labels();
    test_places();
    test_infinite();
    test_hostile();
    test_heat();
    test_escape();
    test_categories();
    test_legend();
    test_long();
    test_reference();
    test_reference_labels();
    test_out_of_memory();
    return test_end();
}
