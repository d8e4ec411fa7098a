/* words.c: golden cases of text: token ids and lookup positions, in the formula model's vocabulary. */
#include "golden/hosted.h"
#include "golden/recipes.h"

#include <stdlib.h>
#include <string.h>

/* In the order of their ids, from 256 on. */
const char rome99_formula_merges[] =
    "i s\nĠ is\ni n\nĠ in\ni t\nĠ it\nB o\nĠ Bo\nE k\nĠ Ek\nw e\nĠ we\ng o\nĠ go\ns o\nĠ so\n"
    "r e\nre d\nĠ red\ns e\nse a\nĠ sea\nĠ a\nt h\nth e\nĠ the\ne n\nen d\nĠ end\nl l\n";

/* vocab.json: the bytes in GPT-2's order, what the merges make, <|endoftext|>. */
void rome99_formula_vocabulary(rome99_text *out) {
    const char *line = rome99_formula_merges, *blank, *end;
    int id, next = 256;
    rome99_text_puts(out, "{");
    for (id = 0; id < 256; id++) {
        int byte = rome99_bpe_byte(id), printable = id < 188;
        rome99_text_printf(out, "\"\\u%04x\": %d, ", printable ? byte : 256 + id - 188, id);
    }
    for (; *line; line = end + 1) {
        blank = strchr(line, ' ');
        end = strchr(line, '\n');
        rome99_text_printf(out, "\"%.*s%.*s\": %d, ", (int)(blank - line), line, (int)(end - blank - 1),
                           blank + 1, next++);
    }
    rome99_text_printf(out, "\"<|endoftext|>\": %d}", next);
}

int rome99_formula_bpe(rome99_bpe **bpe, rome99_error *e) {
    rome99_text vocab = {0};
    int failed;
    rome99_formula_vocabulary(&vocab);
    failed = vocab.failed ? rome99_fail(e, NULL, "out of memory")
                          : rome99_bpe_parse(bpe, "vocabulary", (unsigned char *)vocab.bytes, vocab.size,
                                             "merges", (const unsigned char *)rome99_formula_merges,
                                             sizeof rome99_formula_merges - 1, e);
    rome99_text_free(&vocab);
    return failed;
}

/* ---------------------------------------------------------------------------- tokenizer */

static const struct {
    const char *name, *text;
} texts[] = {
    {"plain", "Bo is in the sea."},
    {"spaced", " Bo Bo"},
    {"gaps", "so  it   is"},
    {"ends_blank", "the end  "},
    {"lines", "we\n\n go\r\n\tso "},
    {"line_start", "we go.\nBo is\n\nBo"},
    {"only_blanks", "  \n  \t "},
    {"contractions", "it's we're she'll they'd don't I'm we've"},
    {"capital_contractions", "IT'S we'LL 's 'so"},
    {"numbers", "in 1999 is 12,345.67 x2y"},
    {"symbols", "so--is!?(it)#$% <go>"},
    {"latin", "Zoë is naïve"},
    {"combining", "e\xCC\x81n\xCC\x83 o\xCC\x88"},
    {"scripts", "Ωμέγα Привет 東京 ไทย"},
    {"other_numbers", "Ⅷ ½ ٣ 12²"},
    {"emoji", "go \xF0\x9F\x99\x82\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD is"},
    {"white_space", "is\xC2\xA0in\xE3\x80\x80so\xE2\x80\x89go"},
    {"endoftext", "go<|endoftext|> so"},
    {"almost_endoftext", "<|endoftext| >"},
};

static int tokenizer(rome99_golden *c, const char *models, int variant, rome99_error *e) {
    rome99_bpe *bpe;
    size_t i, n;
    int32_t *ids;
    (void)models, (void)variant;
    rome99_golden_text_add(c, "merges", rome99_formula_merges, sizeof rome99_formula_merges - 1);
    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        rome99_golden_text_add(c, texts[i].name, texts[i].text, strlen(texts[i].text));
    if (rome99_formula_bpe(&bpe, e)) return -1;
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (rome99_bpe_encode(&ids, NULL, &n, bpe, (const unsigned char *)texts[i].text,
                              strlen(texts[i].text), e))
            break;
        rome99_golden_ids(c, ROME99_EXPECTED, texts[i].name, ids, n);
        free(ids);
    }
    rome99_bpe_free(bpe);
    return i < sizeof texts / sizeof *texts ? -1 : 0;
}

/* ------------------------------------------------------------------------------ lookup */

static const struct {
    const char *name, *template, *prompt, *subject;
    int counted, first; /* what two mistakes give, where that is something else */
} lookups[] = {
    {"bare", "{}", "{} is in", "Bo", -1, -1},
    {"behind_line", "we go.\n{}", "{} is in", "Bo", -1, -1},
    {"behind_space", "we go. {}", "{} is in", "Bo", 4, -1},
    {"two_tokens", "we go.\n{}", "so it is {} in", "Bo Ek", 9, -1},
    {"twice_before", "{}", "Bo is {} in", "Bo", 3, 0},
    {"twice_after", "{}", "{} is Bo", "Bo", -1, -1},
    {"in_template", "Bo is in.\n{}", "{} is in", "Bo", -1, 0},
    {"odd_spacing", "{}", "it  is   {}  in", "Bo", 6, -1},
    {"tab_and_line", "{}", "it is\n\t{}\nin", "Ek", -1, -1},
    {"at_end", "the end.\n{}", "the end is {}", "Ek", 8, -1},
    {"accent_at_end", "{}", "so {} is", "Zoë", -1, -1},
    {"emoji", "{}", "{} is in", "\xF0\x9F\x99\x82", -1, -1},
    {"scripts", "{}", "in {} is", "東京", -1, -1},
    {"joined", "{}", "the {}d end", "re", 2, -1},
    {"possessive", "{}", "{}'s end", "Bo", -1, -1},
    {"quoted", "{}", "so \"{}\", is", "Bo Ek", -1, -1},
    {"braces", "{}", "so {} is", "B{o}", -1, -1},
    {"ends_in_blank", "{}", "{}is in", "Bo ", -1, -1},
};
enum { LOOKUPS = sizeof lookups / sizeof *lookups };

static const char *joined(rome99_golden *c, const char *name, const char *suffix) {
    char *full = rome99_golden_scratch(c, strlen(name) + strlen(suffix) + 1);
    strcpy(full, name);
    strcat(full, suffix);
    return full;
}

static rome99_string string(const char *s) { return (rome99_string){s, strlen(s)}; }

static void wrong(rome99_golden *c, const char *name, const char *mistake, const char *sentence,
                  int64_t value) {
    const char *full = joined(c, name, mistake);
    rome99_golden_text_add(c, full, sentence, strlen(sentence));
    *rome99_golden_integers(c, ROME99_WRONG, full, 1, 1) = value;
}

static int lookup(rome99_golden *c, const char *models, int variant, rome99_error *e) {
    rome99_bpe *bpe;
    size_t i;
    (void)models, (void)variant;
    rome99_golden_note_add(c, "zero", "bare.lookup twice_after.lookup possessive.lookup");
    rome99_golden_text_add(c, "merges", rome99_formula_merges, sizeof rome99_formula_merges - 1);
    for (i = 0; i < LOOKUPS; i++) {
        const char *name = lookups[i].name;
        rome99_golden_text_add(c, joined(c, name, ".template"), lookups[i].template,
                               strlen(lookups[i].template));
        rome99_golden_text_add(c, joined(c, name, ".prompt"), lookups[i].prompt, strlen(lookups[i].prompt));
        rome99_golden_text_add(c, joined(c, name, ".subject"), lookups[i].subject,
                               strlen(lookups[i].subject));
    }
    if (rome99_formula_bpe(&bpe, e)) return -1;
    for (i = 0; i < LOOKUPS; i++) {
        rome99_ask ask = {
            string(lookups[i].prompt), string(lookups[i].subject), string("red"), {0}, {0}, {0}};
        rome99_string template = string(lookups[i].template);
        rome99_strings templates = {&template, 1};
        rome99_tokens t;
        if (rome99_tokens_make(&t, bpe, 64, &ask, &templates, 0, lookups[i].name, e)) break;
        if (lookups[i].counted >= 0)
            wrong(c, lookups[i].name, ".lookup!token_counts",
                  "tokens of what stands before the subject and tokens of the subject are counted apart: "
                  "they are "
                  "encoded as one text",
                  lookups[i].counted);
        if (lookups[i].first >= 0)
            wrong(c, lookups[i].name, ".lookup!first_occurrence",
                  "the subject is searched for in the text: it is where it was put", lookups[i].first);
        rome99_golden_ids(c, ROME99_EXPECTED, joined(c, lookups[i].name, ".ids"), t.ids, t.length[0]);
        *rome99_golden_integers(c, ROME99_EXPECTED, joined(c, lookups[i].name, ".lookup"), 1,
                                1) = (int64_t)t.lookup[0];
        rome99_tokens_free(&t);
    }
    rome99_bpe_free(bpe);
    return i < LOOKUPS ? -1 : 0;
}

const rome99_hosted_recipe rome99_golden_words[] = {
    {"ops/tokenizer", "token ids of texts", NULL, tokenizer, 0},
    {"ops/lookup", "where the subject's last token is: spacing, repetition, several scripts", NULL, lookup,
     0},
};
const size_t rome99_golden_words_count = sizeof rome99_golden_words / sizeof *rome99_golden_words;
