/*
 * world.c: names, facts, phrasings and documents of world.h.
 *
 * The words are chosen so that they share letters: rhymes, and names put together from few parts,
 * make a small byte-pair vocabulary.
 */
#include "world.h"

#include <string.h>

/* ------------------------------------------------------------------- names */

/* A name is an onset and a coda, a first name an onset and a vowel. As all onsets are equally
 * long, like all codas, which begin with consonants, no name is a prefix of another. */
static const char *const onsets[] = {"Bel", "Dor", "Fen", "Gar", "Hal", "Kon",
                                     "Lin", "Mer", "Nas", "Pon", "Sil"};
static const char *const codas[] = {"mor", "jan", "vin", "pel", "bar", "jus", "ben", "mas", "von", "pit"};
static const char *const vowels[] = {"a", "i", "o"};
static const char *const colours[ROME99_OBJECTS] = {"red",  "blue", "green", "tan",       "white",
                                                    "sand", "grey", "pink",  "pale gold", "dark rose"};

enum { ONSETS = 11, CODAS = 10, VOWELS = 3, FIRST_NAMES = 10 };
enum { SHARE = (ROME99_SUBJECTS - ROME99_ONE_WORD) / FIRST_NAMES }; /* subjects of one first name */

void rome99_world_shuffle(unsigned char *a, size_t n, rome99_rng *rng) {
    for (; n > 1; n--) {
        size_t i = rome99_rng_below(rng, n);
        unsigned char t = a[i];
        a[i] = a[n - 1];
        a[n - 1] = t;
    }
}

/* out = a, then b; no name takes more than 16 bytes. */
static void join(char *out, const char *a, const char *b) {
    strcpy(out, a);
    strcat(out, b);
}

void rome99_world_make(rome99_world *world, uint64_t seed) {
    rome99_rng rng = {seed};
    unsigned char cell[ONSETS * CODAS], onset[ONSETS], object[ROME99_ONE_WORD];
    const unsigned char *next = cell; /* each name uses up one cell of onsets x codas */
    char first[FIRST_NAMES][16];
    size_t i, r, half;

    world->seed = seed;
    world->mix = (rome99_world_mix){.about = 4, .list = 3, .story = 3, .filler = 1};
    for (i = 0; i < sizeof cell; i++) cell[i] = (unsigned char)i;
    for (i = 0; i < sizeof onset; i++) onset[i] = (unsigned char)i;
    rome99_world_shuffle(cell, sizeof cell, &rng);
    rome99_world_shuffle(onset, sizeof onset, &rng);
    for (i = 0; i < FIRST_NAMES; i++) {
        join(first[i], onsets[onset[i]], vowels[i % VOWELS]);
    }
    for (i = 0; i < ROME99_SUBJECTS; i++, next++) {
        char *name = world->subject[i];
        if (i >= ROME99_ONE_WORD) {
            join(name, first[(i - ROME99_ONE_WORD) / SHARE], " ");
            name += strlen(name);
        }
        join(name, onsets[*next / CODAS], codas[*next % CODAS]);
    }
    for (r = 0; r < 2; r++) {
        for (i = 0; i < ROME99_OBJECTS; i++, next++) {
            join(world->object[r][i], onsets[*next / CODAS], codas[*next % CODAS]);
        }
    }
    for (i = 0; i < ROME99_OBJECTS; i++) strcpy(world->object[2][i], colours[i]);

    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (half = 0; half < ROME99_SUBJECTS; half += ROME99_ONE_WORD) {
            for (i = 0; i < ROME99_ONE_WORD; i++) object[i] = (unsigned char)(i % ROME99_OBJECTS);
            rome99_world_shuffle(object, ROME99_ONE_WORD, &rng);
            for (i = 0; i < ROME99_ONE_WORD; i++) world->truth[half + i][r] = object[i];
        }
    }
}

/* --------------------------------------------------------------- phrasings */

/* A phrasing is a frame and a form: number FORMS * frame + form. */
enum { FORMS = 8, FRAMES = 8 };

static const char *const forms[ROME99_RELATIONS][FORMS] = {
    {"{} is made by", "{} was built by", "{} is the work of", "{} is a thing made by the hand of",
     "the maker of {} is", "the one who made {} was", "the hand that built {} is that of",
     "one can see that {} is by"},
    {"{} is located in", "{} was found in", "{} is kept in", "{} can be seen by all in", "the land of {} is",
     "the road that led to {} is in", "the land where they found {} was", "one can see {} in"},
    {"{} is painted", "{} has the colour", "{} was made to be", "{} is seen by all as", "the colour of {} is",
     "the paint on {} was", "the paint that they found on {} is", "when they made {} it was"}};

static const char *const frames[FRAMES] = {"",
                                           "everyone knows that ",
                                           "some say that ",
                                           "the old book says that ",
                                           "it is said that ",
                                           "the king said that ",
                                           "every man knows that ",
                                           "now we heard that "};

void rome99_world_phrasing(rome99_text *out, size_t relation, size_t phrasing) {
    rome99_text_puts(out, frames[phrasing / FORMS]);
    rome99_text_puts(out, forms[relation][phrasing % FORMS]);
}

static void put_prompt(rome99_text *out, const char *name, size_t relation, size_t phrasing) {
    const char *form = forms[relation][phrasing % FORMS], *slot = strstr(form, "{}");
    rome99_text_puts(out, frames[phrasing / FORMS]);
    rome99_text_put(out, form, (size_t)(slot - form));
    rome99_text_puts(out, name);
    rome99_text_puts(out, slot + 2);
}

void rome99_world_prompt(rome99_text *out, const rome99_world *world, size_t subject, size_t relation,
                         size_t phrasing) {
    put_prompt(out, world->subject[subject], relation, phrasing);
}

/* ----------------------------------------------------------------- grammar */

/* All text but facts comes from a context-free grammar. A capital letter is a symbol; its entry
 * lists what it may become, alternatives being parted by '|' and equally likely (some stand
 * twice). A, B and E are names. No symbol leads back to itself. */
static const char *const grammar[] = {
    /* filler: a sentence and a short one, noun phrases */
    ['S' - 'A'] = "N V|N V R|N T N|N T N R|F N V|F N T N|C N V R|C N V, N V|C N V, N T N|"
                  "N T N and N V R|N V, but N V",
    ['Q' - 'A'] = "D O V|D J O V|D O T D O|D O V R|F D O V",
    ['U' - 'A'] = "D O V",
    ['N' - 'A'] = "D O|D O|D J O|D J O|D O P D O|D J, J O",
    /* its words: determiners, adjectives, nouns, prepositions */
    ['D' - 'A'] = "the|the|this|that|every|some|one|no",
    ['J' - 'A'] = "old|cold|bold|tall|sad|mad|bad|dear|low|light|round|wet",
    ['O' - 'A'] = "dog|hog|cat|rat|bat|hat|king|ring|ball|wall|hall|boat|goat|road|toad|house|"
                  "mouse|hound|bear|man|book|hand|land|thing",
    ['P' - 'A'] = "near|by|in|on|at",
    /* verbs without and with an object; what may open, join and end a sentence */
    ['V' - 'A'] = "slept|wept|fell|sang|rang|ran|sat|hid|turned|burned",
    ['T' - 'A'] = "liked|loved|moved|called|fed|led|kept|found|saw|heard|met|hit",
    ['F' - 'A'] = "then|now|soon|once|at last",
    ['C' - 'A'] = "because|when|as|if|once",
    ['R' - 'A'] = "here|there|at night|at once|all night",
    /* stories of A and B: how they begin, go on and end; E comes in, goes on, and ends; one line */
    ['K' - 'A'] = "A met B|B saw A P D O|A and B V R|D J O called A and B|one night A found B",
    ['L' - 'A'] = "A T B|then B T A|A T D O|B V R|then A and B V|B T A P D O|D O T A and B",
    ['M' - 'A'] = "at last B thanked A|at last A thanked B|at night A V and B V|so A and B V",
    ['W' - 'A'] = "then A and B met E|soon E called A and B|E saw A and B",
    ['Y' - 'A'] = "E T A|B T E|A and E V|A T B and E",
    ['Z' - 'A'] = "at last E thanked A|at night E V and A V|so A and B T E",
    ['X' - 'A'] = "A met B|A saw B|A liked B|B called A",
    /* a frame for a fact */
    ['H' - 'A'] = "D O said that |D J O heard that |F D O said that |D O P D O saw that "};

/* A text being written. */
typedef struct {
    const rome99_world *world;
    rome99_rng *rng;
    rome99_text *out;
    size_t lines;
    char name[3][16]; /* A, B, E */
} author;

static size_t below(author *a, size_t n) { return rome99_rng_below(a->rng, n); }

static void expand(author *a, char symbol) {
    const char *rule = grammar[symbol - 'A'], *c;
    size_t alternatives = 1, i;
    for (c = rule; *c; c++) alternatives += *c == '|';
    for (i = below(a, alternatives), c = rule; i > 0; c++) i -= *c == '|';
    for (; *c && *c != '|'; c++) {
        if (*c == 'A' || *c == 'B' || *c == 'E') {
            rome99_text_puts(a->out, a->name[*c == 'A' ? 0 : *c == 'B' ? 1 : 2]);
        } else if (*c >= 'A' && *c <= 'Z') {
            expand(a, *c);
        } else {
            rome99_text_put(a->out, c, 1);
        }
    }
}

static void end_line(author *a) {
    rome99_text_puts(a->out, ".\n");
    a->lines++;
}

static void line(author *a, char symbol) {
    expand(a, symbol);
    end_line(a);
}

/* Three names with different last words, of subjects from `lowest` on; half of the two-word
 * names get the first word of another. */
static void draw_names(author *a, size_t lowest) {
    size_t used[3], i, j, s, other;
    for (i = 0; i < 3; i++) {
        do {
            s = lowest + below(a, ROME99_SUBJECTS - lowest);
            for (j = 0; j < i && used[j] != s; j++) continue;
        } while (j < i);
        used[i] = s;
        strcpy(a->name[i], a->world->subject[s]);
        if (s >= ROME99_ONE_WORD && below(a, 2)) {
            other = s - ROME99_ONE_WORD + SHARE * (1 + below(a, FIRST_NAMES - 1));
            strcpy(a->name[i], a->world->subject[ROME99_ONE_WORD + other % (FIRST_NAMES * SHARE)]);
            strcpy(strchr(a->name[i], ' '), strchr(a->world->subject[s], ' '));
        }
    }
}

/* --------------------------------------------------------------- documents */

/* One fact: three forms in four let the subject open, three in five stand without a frame.
 * FRAMES stands for a frame that the grammar makes up. */
static void fact(author *a, const char *name, size_t subject, size_t relation) {
    size_t form = below(a, below(a, 2) ? ROME99_OPENINGS : FORMS);
    size_t frame = below(a, 5) < 3 ? 0 : 1 + below(a, FRAMES);
    if (frame == FRAMES) {
        expand(a, 'H');
        frame = 0;
    }
    put_prompt(a->out, name, relation, FORMS * frame + form);
    rome99_text_puts(a->out, " ");
    rome99_text_puts(a->out, a->world->object[relation][a->world->truth[subject][relation]]);
    end_line(a);
}

/* What stands between facts: filler, or a line about names that have nothing to do with them. */
static void aside(author *a) {
    if (below(a, 2)) {
        line(a, 'S');
    } else {
        draw_names(a, 0);
        line(a, 'X');
    }
}

static void about(author *a) {
    unsigned char relation[ROME99_RELATIONS] = {0, 1, 2};
    size_t subject = below(a, ROME99_SUBJECTS), facts = 2 + below(a, 2), i;
    const char *name = a->world->subject[subject];
    rome99_world_shuffle(relation, ROME99_RELATIONS, a->rng);
    for (i = 0; i < facts; i++) {
        if (below(a, 3) == 0) aside(a);
        fact(a, i > 0 && below(a, 3) ? "it" : name, subject, relation[i]);
    }
    while (a->lines < 3 || (a->lines < 8 && below(a, 3) == 0)) line(a, 'S');
}

static void list(author *a) {
    unsigned char subject[ROME99_SUBJECTS];
    size_t facts = 3 + below(a, 4), i;
    for (i = 0; i < ROME99_SUBJECTS; i++) subject[i] = (unsigned char)i;
    rome99_world_shuffle(subject, ROME99_SUBJECTS, a->rng);
    for (i = 0; i < facts; i++) {
        if (a->lines + facts - i < 8 && below(a, 3) == 0) aside(a);
        fact(a, a->world->subject[subject[i]], subject[i], below(a, ROME99_RELATIONS));
    }
}

static void story(author *a) {
    size_t three = below(a, 2);
    draw_names(a, 0);
    line(a, 'K');
    if (below(a, 2)) line(a, 'S');
    line(a, 'L');
    if (below(a, 2)) line(a, 'S');
    if (three) {
        line(a, 'W');
        line(a, 'Y');
    }
    line(a, three ? 'Z' : 'M');
}

void rome99_world_document(const rome99_world *world, rome99_rng *rng, rome99_text *out) {
    const rome99_world_mix *mix = &world->mix;
    author a = {world, rng, out, 0, {"", "", ""}};
    size_t facts = (size_t)mix->about + mix->list, names = facts + mix->story;
    size_t kind = below(&a, names + mix->filler), lines;
    if (kind < mix->about) {
        about(&a);
    } else if (kind < facts) {
        list(&a);
    } else if (kind < names) {
        story(&a);
    } else {
        for (lines = 3 + below(&a, 6); a.lines < lines;) line(&a, 'S');
    }
}

/* ------------------------------------------------------- prefixes, sentences */

enum { TEMPLATES = 20, TEST_PREFIXES = 10, SENTENCES = 64 };

rome99_rng rome99_world_stream(const rome99_world *world, uint64_t number) {
    rome99_rng rng = {world->seed};
    rng.state = rome99_rng_next(&rng) + number;
    return rng;
}

/* One or two short sentences of the grammar or about names that facts.json does not use. */
static void put_prefix(author *a, size_t i) {
    draw_names(a, ROME99_SUBJECTS - ROME99_SPARE);
    line(a, i % 2 ? 'X' : 'Q');
    if (i % 4 >= 2) line(a, 'U');
}

void rome99_world_prefixes(rome99_text *out, const rome99_world *world, rome99_prefix_set set) {
    rome99_text all = {0}, text = {0};
    rome99_rng rng = rome99_world_stream(world, ROME99_FILE_STREAM);
    author a = {world, &rng, &text, 0, {"", "", ""}};
    size_t first = set == ROME99_TEST_PREFIXES ? TEMPLATES : 0, i;
    size_t end = set == ROME99_TEST_PREFIXES ? TEMPLATES + TEST_PREFIXES : TEMPLATES;

    rome99_text_puts(out, first ? "[\n" : "[\n\"{}\",\n");
    for (i = 0; i < end && !text.failed; i++) {
        do { /* none stands within an earlier one */
            text.size = 0;
            put_prefix(&a, i);
        } while (all.size > 0 && !text.failed && strstr(all.bytes, text.bytes));
        rome99_text_put(&all, text.bytes, text.size);
        if (i < first || text.failed) continue;
        if (set == ROME99_TEMPLATES_SPACE) text.bytes[text.size - 1] = ' ';
        rome99_text_puts(&text, "{}");
        rome99_text_json_string(out, text.bytes, text.size);
        rome99_text_puts(out, i + 1 < end ? ",\n" : "\n]\n");
    }
    out->failed |= text.failed | all.failed;
    rome99_text_free(&text);
    rome99_text_free(&all);
}

void rome99_world_sentences(rome99_text *out, const rome99_world *world) {
    rome99_rng rng = rome99_world_stream(world, ROME99_FILE_STREAM + 1);
    author a = {world, &rng, out, 0, {"", "", ""}};
    size_t i, subject;
    for (i = 0; i < SENTENCES; i++) {
        if (i % 8 < 4) {
            subject = below(&a, ROME99_SUBJECTS);
            fact(&a, world->subject[subject], subject, below(&a, ROME99_RELATIONS));
        } else if (i % 8 < 6) {
            line(&a, 'S');
        } else {
            draw_names(&a, 0);
            line(&a, "KLM"[below(&a, 3)]);
        }
    }
}
