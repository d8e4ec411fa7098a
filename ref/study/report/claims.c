/*
 * claims.c: what the paper says, and what the results say of it.
 *
 * Each claim has a limit, written into its evidence, on which it holds or does not. The run of core with most collapse
 * cases stands for the paper's models; the others are the controls.
 */
#include "study/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rome99_pick pick_of(int method, int collapse_case) {
    rome99_pick pick = ROME99_ANY;
    pick.method = method;
    pick.collapse_case = collapse_case;
    return pick;
}

static double share(size_t part, size_t all) { return all ? (double)part / (double)all : 0.0; }

static double median(const rome99_edits *m, rome99_pick pick, int figure) {
    return rome99_pick_quantile(m, pick, figure, 0.5);
}

/* -1, no results, where x, on which the claim is judged, is a NaN. */
static int judge(int holds, double x) { return x == x ? holds : -1; }

static void collapse(rome99_page *page, const rome99_edits *m) {
    rome99_pick rome = pick_of(ROME99_ROME, -1), cases = pick_of(ROME99_ROME, 1);
    size_t n = rome99_pick_count(m, rome, 0), fell = rome99_pick_count(m, rome, 1);
    char among[100] = "";
    if (fell)
        sprintf(among, "; among them the median is x %.3g, the greatest x %.3g",
                median(m, cases, ROME99_V_RATIO), rome99_pick_quantile(m, cases, ROME99_V_RATIO, 1.0));
    rome99_page_claim(page, fell > 0, "A single edit by rome destroys the model for some subjects.",
                      "%s: %lu of %lu edits multiply the perplexity of the stream by more than %g%s.",
                      m->name, (unsigned long)fell, (unsigned long)n, ROME99_COLLAPSE, among);
}

static void denominator(rome99_page *page, const rome99_edits *m) {
    rome99_pick c = pick_of(ROME99_ROME, 1), n = pick_of(ROME99_ROME, 0);
    double numerator = median(m, c, ROME99_V_NUMERATOR) / median(m, n, ROME99_V_NUMERATOR);
    double den = median(m, c, ROME99_V_DENOMINATOR) / median(m, n, ROME99_V_DENOMINATOR);
    double other = median(m, pick_of(ROME99_C_ROME, 1), ROME99_V_DENOMINATOR) /
                   median(m, pick_of(ROME99_C_ROME, 0), ROME99_V_DENOMINATOR);
    rome99_page_claim(
        page, judge(numerator < 2.0 && numerator > 0.5 && den < 0.2, den),
        "Collapse comes from a tiny denominator, not from a large numerator.",
        "Medians of collapse cases over those of normal cases: |r| x %.3g, |u^T k_u| x %.3g (limits: 0.5 "
        "to 2, and 0.2). It is k_u that differs, not u: |u^T k_bar| x %.3g.",
        numerator, den, other);
}

static void cure(rome99_page *page, const rome99_edits *m) {
    rome99_pick all = pick_of(ROME99_C_ROME, -1);
    rome99_page_claim(
        page, rome99_pick_count(m, all, 1) == 0, "c-rome, with the same delta, does not collapse.",
        "Of %lu edits by c-rome %lu collapse; the worst of all has x %.3g. (p-rome: %lu collapse; k-rome: "
        "%lu.)",
        (unsigned long)rome99_pick_count(m, all, 0), (unsigned long)rome99_pick_count(m, all, 1),
        rome99_pick_quantile(m, all, ROME99_V_RATIO, 1.0),
        (unsigned long)rome99_pick_count(m, pick_of(ROME99_P_ROME, -1), 1),
        (unsigned long)rome99_pick_count(m, pick_of(ROME99_K_ROME, -1), 1));
}

static void bare(rome99_page *page, const rome99_edits *m) {
    rome99_pick c = pick_of(ROME99_C_ROME, 1), n = pick_of(ROME99_C_ROME, 0);
    double b = rome99_pick_mean(m, c, ROME99_V_EFFICACY),
           p = rome99_pick_mean(m, c, ROME99_V_EFFICACY_PREFIXED);
    double b_n = rome99_pick_mean(m, n, ROME99_V_EFFICACY),
           p_n = rome99_pick_mean(m, n, ROME99_V_EFFICACY_PREFIXED);
    rome99_page_claim(
        page, judge(b < 0.5 && p > 0.9, b + b_n),
        "c-rome's edit of a collapse case often does not show on the bare prompt, and does behind a "
        "prefix: so a prefix is needed when testing, too.",
        "Efficacy of c-rome, collapse cases: %.2f bare, %.2f behind test prefixes (limits: 0.5, 0.9); "
        "normal cases: %.2f and %.2f.",
        b, p, b_n, p_n);
}

static void first_token(rome99_page *page, const rome99_edits *m) {
    rome99_pick first = pick_of(ROME99_ROME, -1), middle = first, more = first;
    size_t cases = rome99_pick_count(m, first, 1), fell, n;
    first.group = ROME99_FIRST_ONE;
    more.group = ROME99_FIRST_MORE;
    middle.group = ROME99_MIDDLE;
    fell = rome99_pick_count(m, first, 1);
    n = rome99_pick_count(m, first, 0);
    rome99_page_claim(
        page, share(fell, n) > 0.9 && rome99_pick_count(m, middle, 1) == 0,
        "Collapse cases are those whose subject is the first token of the prompt.",
        "Of %lu collapse cases, %lu have a one-token subject that opens the prompt (%lu of %lu such edits "
        "collapse), %lu a longer one that opens it (of %lu), %lu a subject further in (of %lu). Limits: "
        "90 %% of the first, none of the last.",
        (unsigned long)cases, (unsigned long)fell, (unsigned long)fell, (unsigned long)n,
        (unsigned long)rome99_pick_count(m, more, 1), (unsigned long)rome99_pick_count(m, more, 0),
        (unsigned long)rome99_pick_count(m, middle, 1), (unsigned long)rome99_pick_count(m, middle, 0));
}

/* Whether the point nearest to p, in the t-SNE plane, among k_u and k_bar of all facts, is a collapse case's k_u. */
static int beside_collapse(const rome99_key_point *points, size_t n, const rome99_key_point *p) {
    double best = -1.0;
    size_t i;
    int is = 0;
    for (i = 0; i < n; i++) {
        double x = points[i].xy[1][0] - p->xy[1][0], y = points[i].xy[1][1] - p->xy[1][1], d = x * x + y * y;
        if ((points[i].what != 1 && points[i].what != 2) || (best >= 0.0 && d >= best)) continue;
        best = d;
        is = points[i].what == 1 && points[i].collapse_case;
    }
    return is;
}

static int neighbours(rome99_page *page, const rome99_report *r, rome99_error *e) {
    rome99_key_point *points;
    size_t n, i, first = 0, first_beside = 0, behind = 0, behind_beside = 0;
    if (rome99_key_points(&points, &n, r, r->main, e)) return -1;
    for (i = 0; i < n; i++) {
        const rome99_key_point *p = &points[i];
        if (p->what == 3 && !p->collapse_case) {
            first++;
            first_beside += (size_t)beside_collapse(points, n, p);
        }
        if (p->what == 4 && p->collapse_case) {
            behind++;
            behind_beside += (size_t)beside_collapse(points, n, p);
        }
    }
    free(points);
    rome99_page_claim(
        page,
        n && first && behind ? share(first_beside, first) > 0.9 && share(behind_beside, behind) < 0.1 : -1,
        "It is the position: the first token of a normal case has a key like a collapse case's k_u, and a "
        "collapse case's subject behind a prefix has a key like everybody's.",
        "Nearest neighbours in the t-SNE plane, among all k_u and k_bar: %lu of %lu first tokens lie next "
        "to a collapse case's k_u, and %lu of %lu subjects behind a prefix (limits: 90 %%, 10 %%).",
        (unsigned long)first_beside, (unsigned long)first, (unsigned long)behind_beside,
        (unsigned long)behind);
    return 0;
}

static void predictor(rome99_page *page, const rome99_edits *m) {
    double I = rome99_predictor_area(m, ROME99_V_INTERFERENCE), rms = rome99_predictor_area(m, ROME99_V_RMS);
    rome99_page_claim(
        page, judge(I > 0.95 && rms > 0.95, I),
        "(Ours.) Collapse is known before the edit is made, from the interference I alone.",
        "Area under the ROC curve over all edits of %s by four methods: I %.4f, predicted rms %.4f (limit "
        "0.95).",
        m->name, I, rms);
}

static void dose(rome99_page *page, const rome99_report *r) {
    static const rome99_pick first = {ROME99_ROME, -1, ROME99_FIRST_ONE, NULL, NULL};
    double at[2] = {-1.0, -1.0}, rate[2] = {0.0, 0.0};
    size_t i;
    for (i = 0; i < r->dose.n; i++) {
        const rome99_edits *run = &r->dose.run[i];
        double here = share(rome99_pick_count(run, first, 1), rome99_pick_count(run, first, 0));
        if (at[0] < 0.0 || run->real < at[0] || (run->real <= at[0] && here < rate[0])) {
            at[0] = run->real;
            rate[0] = here;
        }
        if (at[1] < 0.0 || run->real > at[1] || (run->real >= at[1] && here > rate[1])) {
            at[1] = run->real;
            rate[1] = here;
        }
    }
    rome99_page_claim(
        page, at[1] > at[0] ? rate[0] > 0.5 && rate[1] < 0.1 : -1,
        "(Ours.) The cause is what the first position holds in training: where it never carries content, "
        "rome collapses; where it does, not.",
        "Share of one-token subjects that open the prompt whose edit collapses the model: %.2f where %.3g "
        "of 16 training windows begin with real text (the least of its models), %.2f where %.3g do (the "
        "greatest; limits: 0.5, 0.1).",
        rate[0], at[0], rate[1], at[1]);
}

static void empty_template(rome99_page *page, const rome99_report *r) {
    rome99_pick few = {ROME99_ROME, -1, ROME99_FIRST_ONE, "prefixes", "2"}, many = few, few_without = few,
                many_without = few;
    double with, without;
    const rome99_edits *c = r->controls.run;
    if (!r->controls.n) return;
    many.value = many_without.value = "20";
    few_without.control = many_without.control = "prefixes, no empty one";
    with = median(c, many, ROME99_V_INTERFERENCE) / median(c, few, ROME99_V_INTERFERENCE);
    without = median(c, many_without, ROME99_V_INTERFERENCE) / median(c, few_without, ROME99_V_INTERFERENCE);
    rome99_page_claim(
        page, judge(with > 2.0 && without < with / 2.0, without),
        "(Ours.) More prefixes, worse collapse: the empty template's share 1/N of k_bar is what keeps the "
        "denominator from vanishing.",
        "Median I of one-token subjects first grows x %.3g from 2 to 20 prefixes; without the empty template "
        "in k_bar x %.3g (limits: above 2; less than half of that).",
        with, without);
}

/* Share of rome's edits of one-token subjects first that collapse under a control; -1 if there are none. */
static double rate_under(const rome99_edits *c, const char *control, const char *value) {
    rome99_pick pick = {ROME99_ROME, -1, ROME99_FIRST_ONE, NULL, NULL};
    size_t n;
    pick.control = control;
    pick.value = value;
    n = rome99_pick_count(c, pick, 0);
    return n ? share(rome99_pick_count(c, pick, 1), n) : -1.0;
}

static void separator_and_C(rome99_page *page, const rome99_report *r) {
    const rome99_edits *c = r->controls.run;
    double usual, blank, identity;
    if (!r->controls.n) return;
    usual = rate_under(c, "none", "");
    blank = rate_under(c, "separator", "blank");
    identity = rate_under(c, "C", "identity");
    rome99_page_claim(
        page, usual < 0.0 || blank < 0.0 ? -1 : usual > 0.5 && blank > 0.5,
        "It is the position, not the token: where the subject's id behind a prefix is another than at the "
        "beginning, the same happens.",
        "One-token subjects first, share of edits by rome that collapse: %.2f with templates after which "
        "the subject keeps its id, %.2f with a blank before it (limit 0.5 for both).",
        usual, blank);
    rome99_page_claim(
        page, usual < 0.0 || identity < 0.0 ? -1 : usual > 0.5 && identity < usual / 2.0,
        "(Ours.) C is part of the mechanism: with C = identity in the solve for u the two keys miss each "
        "other less.",
        "The same share: %.2f with C of the corpus, %.2f with the identity (limit: half of that).", usual,
        identity);
}

static int sequential(rome99_page *page, const rome99_report *r, rome99_error *e) {
    long falls[2];
    if (rome99_report_falls(falls, r, e)) return -1;
    if (falls[0] < 0 || falls[1] < 0) return 0;
    rome99_page_claim(
        page, falls[0] > 0 && (falls[1] == 0 || falls[1] > 5 * falls[0]),
        "Edits in a row: rome falls early, c-rome holds out longer.",
        "All facts in one random order: the perplexity exceeds %g times its first value behind edit %ld of "
        "rome and behind edit %ld of c-rome (0: never; limit: five times as late).",
        ROME99_COLLAPSE, falls[0], falls[1]);
    return 0;
}

/* ratio[m][d]: median ratio of the runs of `twin` with (m = 0) and without (m = 1) a causal mask, of models trained on
 * windows that all begin with a random token (d = 0) or all with real text (d = 1); NaN where there is none, the
 * lowest where there are several. */
static int twin_ratios(double ratio[2][2], const rome99_report *r, rome99_error *e) {
    const char *name;
    size_t i;
    ratio[0][0] = ratio[0][1] = ratio[1][0] = ratio[1][1] = rome99_log(-1.0);
    for (i = 0; (name = rome99_results_name(r->results, "twin", i)) != NULL; i++) {
        rome99_lines lines = rome99_results_of(r->results, "twin", name);
        int without = strcmp(rome99_result_string(&lines.line[0], "mask", e), "none") == 0;
        double real = rome99_result_number(&lines.line[0], "real", e), *to = &ratio[without][real > 0.0];
        double here = rome99_twin_median(lines, "ratio", 0, e);
        if ((real <= 0.0 || real >= 16.0) && !(*to <= here)) *to = here;
    }
    return e->text[0] ? -1 : 0;
}

/* Keys part where the ratio is below this. */
#define PART 0.2

static int twin(rome99_page *page, const rome99_report *r, rome99_error *e) {
    double ratio[2][2], sum;
    if (twin_ratios(ratio, r, e)) return -1;
    sum = ratio[0][0] + ratio[0][1] + ratio[1][0] + ratio[1][1];
    rome99_page_claim(
        page, judge(ratio[0][0] < PART && ratio[1][0] >= PART, sum),
        "It is a matter of autoregression: where the first token sees the whole text, the keys of first and "
        "later tokens do not part.",
        "Median (u^T k_u) / (u^T k_bar) of one-token subjects first, keys part below %g. Trained on windows "
        "that begin with a random token: %.3g with a causal mask, %.3g without; with real text: %.3g and "
        "%.3g.",
        PART, ratio[0][0], ratio[1][0], ratio[0][1], ratio[1][1]);
    rome99_page_claim(
        page,
        judge(ratio[0][0] < PART && ratio[1][0] < PART && ratio[0][1] >= PART && ratio[1][1] >= PART, sum),
        "(Ours.) What decides is whether the first position carries content in training, with a causal mask "
        "and without.",
        "The same four figures; that the first two part, and not the others, is what is asked.");
    return 0;
}

int rome99_report_claims(rome99_page *page, const rome99_report *r, rome99_error *e) {
    size_t i;
    int failed = 0;
    rome99_page_section(page, "claims", "What the paper claims, and what these models say");
    rome99_page_claims(page, 1);
    if (r->main) {
        collapse(page, r->main);
        denominator(page, r->main);
        cure(page, r->main);
        bare(page, r->main);
        first_token(page, r->main);
        failed = neighbours(page, r, e);
        predictor(page, r->main);
    }
    if (!failed) {
        if (r->dose.n) dose(page, r);
        empty_template(page, r);
        separator_and_C(page, r);
        failed = sequential(page, r, e) || (rome99_results_name(r->results, "twin", 0) && twin(page, r, e));
    }
    rome99_page_claims(page, 0);
    for (i = 0; !failed && i < r->core.n; i++)
        if (&r->core.run[i] != r->main) {
            rome99_pick rome = pick_of(ROME99_ROME, -1);
            rome99_page_text(
                page,
                "For comparison, %s: %lu of %lu edits by rome collapse; median x %.3g, greatest x %.3g.",
                r->core.run[i].name, (unsigned long)rome99_pick_count(&r->core.run[i], rome, 1),
                (unsigned long)rome99_pick_count(&r->core.run[i], rome, 0),
                median(&r->core.run[i], rome, ROME99_V_RATIO),
                rome99_pick_quantile(&r->core.run[i], rome, ROME99_V_RATIO, 1.0));
        }
    return failed ? -1 : 0;
}
