/* style.c: colours, markers and dashes. */
#include "study/plot/parts.h"
#include <stdio.h>

enum { CIRCLE, SQUARE, TRIANGLE, DIAMOND, CROSS, TRIANGLE_DOWN, PLUS };

/* The palette of Okabe and Ito, with orange, sky blue and purple darkened to a contrast of 3:1 to white, and
   wine, grey and brown for its yellow. No two markers are the same: open ones differ from filled ones. */
static const struct {
    const char *colour;
    int shape, open;
    const char *dash;
} styles[ROME99_PLOT_STYLES] = {
    {"#0072b2", CIRCLE, 0, "none"},       {"#d55e00", SQUARE, 0, "7 3"},
    {"#009e73", TRIANGLE, 0, "2 2"},      {"#c46a9b", DIAMOND, 0, "9 3 2 3"},
    {"#000000", CROSS, 1, "4 2"},         {"#882255", CIRCLE, 1, "9 3 2 3 2 3"},
    {"#cc8400", TRIANGLE_DOWN, 0, "1 3"}, {"#3a9bd9", SQUARE, 1, "12 4"},
    {"#767676", PLUS, 1, "5 2 1 2"},      {"#6f4e37", DIAMOND, 1, "3 5"},
};

const char *rome99_plot_colour(size_t style) { return styles[style].colour; }

/* Outlines in 1/100 radius: the corners of a polygon, or where `strokes` is set the ends of its strokes. */
static const struct {
    int count, strokes, corner[4][2];
} outlines[] = {
    [SQUARE] = {4, 0, {{-88, -88}, {88, -88}, {88, 88}, {-88, 88}}},
    [TRIANGLE] = {3, 0, {{0, -118}, {108, 80}, {-108, 80}}},
    [DIAMOND] = {4, 0, {{0, -128}, {112, 0}, {0, 128}, {-112, 0}}},
    [CROSS] = {4, 1, {{-90, -90}, {90, 90}, {-90, 90}, {90, -90}}},
    [TRIANGLE_DOWN] = {3, 0, {{0, 118}, {108, -80}, {-108, -80}}},
    [PLUS] = {4, 1, {{-115, 0}, {115, 0}, {0, -115}, {0, 115}}},
};

void rome99_plot_marker(rome99_text *t, size_t style, double x, double y, double radius, const char *title) {
    const int shape = styles[style].shape;
    const char *const name = shape == CIRCLE ? "circle" : "path";
    int i;
    rome99_text_printf(t, "<%s", name);
    if (shape == CIRCLE) {
        rome99_plot_attribute(t, "cx", x);
        rome99_plot_attribute(t, "cy", y);
        rome99_plot_attribute(t, "r", radius);
    } else {
        rome99_text_puts(t, " d=\"");
        for (i = 0; i < outlines[shape].count; i++) {
            const double corner_x = x + radius * outlines[shape].corner[i][0] / 100;
            const double corner_y = y + radius * outlines[shape].corner[i][1] / 100;
            rome99_plot_to(t, i > 0 && !(outlines[shape].strokes && i % 2 == 0), corner_x, corner_y);
        }
        rome99_text_puts(t, outlines[shape].strokes ? "\"" : "z\"");
    }
    if (!title) {
        rome99_text_puts(t, "/>");
        return;
    }
    rome99_text_puts(t, "><title>");
    rome99_html_escape(t, title);
    rome99_text_printf(t, "</title></%s>", name);
}

void rome99_plot_marker_group(rome99_text *t, const char *name, size_t style, int crowd) {
    static const char *const opacity[] = {"0.9", "0.6", "0.5"}, *const stroke[] = {"1.3", "1.1", "0.9"};
    const char *const colour = styles[style].colour;
    rome99_text_printf(t, "<g class=\"%s\" ", name);
    if (styles[style].open)
        rome99_text_printf(t, "fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\">",
                           colour, stroke[crowd], opacity[crowd]);
    else
        rome99_text_printf(t, "fill=\"%s\" stroke=\"#fff\" stroke-width=\"0.5\" fill-opacity=\"%s\">", colour,
                           opacity[crowd]);
}

void rome99_plot_line_group(rome99_text *t, const char *name, size_t style) {
    rome99_text_printf(t, "<g class=\"%s\" fill=\"none\" stroke=\"%s\" ", name, styles[style].colour);
    rome99_text_printf(t, "stroke-width=\"1.7\" stroke-linejoin=\"round\" stroke-dasharray=\"%s\">",
                       styles[style].dash);
}

void rome99_plot_bar(rome99_text *t, const char *name, size_t style, const double x[4], const double y[4],
                     double median_x, double median_y) {
    int i;
    rome99_text_printf(t, "<g class=\"%s\" fill=\"none\" stroke=\"%s\">", name, styles[style].colour);
    for (i = 0; i < 3; i++) {
        rome99_text_puts(t, "<path d=\"");
        rome99_plot_to(t, 0, x[i], y[i]);
        rome99_plot_to(t, 1, x[i + 1], y[i + 1]);
        rome99_text_printf(t, "\" stroke-width=\"%s\"/>", i == 1 ? "6" : "1.4");
    }
    rome99_text_puts(t, "<g fill=\"#fff\" stroke-width=\"1.3\">");
    rome99_plot_marker(t, style, median_x, median_y, 3.2, NULL);
    rome99_text_puts(t, "</g></g>");
}

void rome99_plot_sample(rome99_text *t, size_t style, unsigned kinds, double x, double y) {
    if (kinds >> ROME99_MARK_LINE & 1) {
        rome99_plot_line_group(t, "sample", style);
        rome99_text_puts(t, "<path d=\"");
        rome99_plot_to(t, 0, x - 12, y);
        rome99_plot_to(t, 1, x + 12, y);
        rome99_text_puts(t, "\"/></g>");
    }
    if (kinds >> ROME99_MARK_INTERVAL & 1) {
        const double along[4] = {x - 12, x - 7, x + 7, x + 12}, level[4] = {y, y, y, y};
        rome99_plot_bar(t, "sample", style, along, level, x, y);
    }
    if (kinds >> ROME99_MARK_POINTS & 1) {
        rome99_plot_marker_group(t, "sample", style, 0);
        rome99_plot_marker(t, style, x, y, 4, NULL);
        rome99_text_puts(t, "</g>");
    }
}

int rome99_plot_level(double place) { return (int)(rome99_plot_inside(place) * (ROME99_LEVELS - 1e-6)); }

void rome99_plot_ramp(char text[8], int level) {
    static const int anchor[9][3] = {{0x44, 0x01, 0x54}, {0x47, 0x2d, 0x7b}, {0x3b, 0x52, 0x8b},
                                     {0x2c, 0x72, 0x8e}, {0x21, 0x91, 0x8c}, {0x28, 0xae, 0x80},
                                     {0x5e, 0xc9, 0x62}, {0xad, 0xdc, 0x30}, {0xfd, 0xe7, 0x25}};
    const int most = ROME99_LEVELS - 1, i = level < most ? level * 8 / most : 7, part = level * 8 - i * most;
    int k, mixed;
    text[0] = '#';
    for (k = 0; k < 3; k++) {
        mixed = (anchor[i][k] * (most - part) + anchor[i + 1][k] * part + most / 2) / most;
        snprintf(text + 1 + 2 * k, 3, "%02x", (unsigned)mixed & 255);
    }
}
