/*
 * test_world.c: the synthetic world, the vocabulary trained on it, and the files made from it.
 * With an argument N it also prints N documents.
 */
#include "bpe_train.h"
#include "files/bpe.h"
#include "files/json.h"
#include "test.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 2000, LARGE_SAMPLE = 8000, MAX_LINES = 50000 };

static rome99_error error;

static void documents(const rome99_world *world, uint64_t seed, size_t n, rome99_text *text) {
    rome99_rng rng = {seed};
    while (n-- > 0) rome99_world_document(world, &rng, text);
    CHECK(!text->failed, "out of memory");
}

static uint64_t hash(const rome99_text *text) { /* FNV-1a */
    uint64_t h = UINT64_C(14695981039346656037);
    size_t i;
    for (i = 0; i < text->size; i++) {
        h = (h ^ (unsigned char)text->bytes[i]) * UINT64_C(1099511628211);
    }
    return h;
}

/* A tokenizer trained on the world's text, read back through its two files. */
static rome99_bpe *tokenizer(const rome99_text *text) {
    rome99_text vocab = {0}, merges = {0};
    rome99_bpe *bpe = NULL;
    int32_t(*pairs)[2] = NULL;
    size_t n = 0;
    int failed = rome99_bpe_train(&pairs, &n, (unsigned char *)text->bytes, text->size, &error);
    if (!failed) {
        rome99_bpe_format(&vocab, &merges, pairs, n);
        failed = rome99_bpe_parse(&bpe, "vocab.json", (unsigned char *)vocab.bytes, vocab.size,
                                  "merges.txt", (unsigned char *)merges.bytes, merges.size, &error);
    }
    CHECK(!failed, "%s", error.text);
    CHECK(!bpe || rome99_bpe_size(bpe) == 256 + n + 1, "V %lu for %lu merges",
          (unsigned long)rome99_bpe_size(bpe), (unsigned long)n);
    free(pairs);
    rome99_text_free(&vocab);
    rome99_text_free(&merges);
    return bpe;
}

static size_t tokens(const rome99_bpe *bpe, const char *bytes, size_t size) {
    int32_t *ids = NULL;
    size_t n = 0;
    int failed = rome99_bpe_encode(&ids, NULL, &n, bpe, (const unsigned char *)bytes, size, &error);
    CHECK(!failed, "%s", error.text);
    free(ids);
    return n;
}

/* Tokens of `before` and `word` joined. */
static size_t word_tokens(const rome99_bpe *bpe, const char *before, const char *word) {
    char text[64];
    strcpy(text, before);
    strcat(text, word);
    return tokens(bpe, text, strlen(text));
}

/* ------------------------------------------------------------ BPE training */

static void test_training(void) {
    static const struct {
        const char *text;
        size_t n;
        int32_t pairs[4][2];
    } cases[] = {
        {"", 0, {{0, 0}}},
        {"a\n", 0, {{0, 0}}},
        {"ab ab", 2, {{64, 65}, {220, 256}}},                      /* by count */
        {"ab cd", 3, {{64, 65}, {66, 67}, {220, 257}}},            /* equal counts: by ids */
        {"bc bd bd", 4, {{65, 67}, {220, 256}, {65, 66}, {0, 0}}}, /* the 4th is not made */
        {"aaaaa", 3, {{64, 64}, {256, 64}, {256, 257}}}};          /* runs: from left to right */
    size_t c, i, n;
    for (c = 0; c < sizeof cases / sizeof *cases; c++) {
        int32_t(*pairs)[2] = NULL;
        const char *text = cases[c].text;
        const unsigned char *bytes = (const unsigned char *)text;
        int failed = rome99_bpe_train(&pairs, &n, bytes, strlen(text), &error);
        CHECK(!failed, "%s", error.text);
        CHECK(n == cases[c].n - (c == 4), "\"%s\": %lu merges", text, (unsigned long)n);
        for (i = 0; i < n && i < cases[c].n; i++) {
            CHECK(pairs[i][0] == cases[c].pairs[i][0] && pairs[i][1] == cases[c].pairs[i][1],
                  "\"%s\": merge %lu is %ld, %ld", text, (unsigned long)i, (long)pairs[i][0],
                  (long)pairs[i][1]);
        }
        free(pairs);
    }
}

/* Every piece of the world's text is one token, also of text that was not trained on; subjects
 * and objects have as many tokens as words. */
static void test_tokens(const rome99_world *world, const rome99_bpe *bpe) {
    rome99_text text = {0};
    size_t at, pieces = 0, i, r, two = 0;
    CHECK(rome99_bpe_size(bpe) <= 800, "V %lu", (unsigned long)rome99_bpe_size(bpe));
    documents(world, world->seed + 1, 500, &text);
    for (at = 0; at < text.size; pieces++) {
        at += rome99_bpe_split((unsigned char *)text.bytes + at, text.size - at);
    }
    i = tokens(bpe, text.bytes, text.size);
    CHECK(i == pieces, "%lu tokens for %lu pieces", (unsigned long)i, (unsigned long)pieces);
    rome99_text_free(&text);

    for (i = 0; i < ROME99_SUBJECTS; i++) {
        const char *name = world->subject[i];
        size_t expected = i < ROME99_ONE_WORD ? 1 : 2;
        CHECK(word_tokens(bpe, "", name) == expected, "\"%s\"", name);
        CHECK(word_tokens(bpe, " ", name) == expected, "\" %s\"", name);
        CHECK(word_tokens(bpe, ".\n", name) == 2 + expected, "\".\\n%s\"", name);
    }
    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (i = 0; i < ROME99_OBJECTS; i++) {
            const char *object = world->object[r][i];
            size_t words = strchr(object, ' ') ? 2 : 1;
            two += words == 2;
            CHECK(word_tokens(bpe, " ", object) == words, "\" %s\"", object);
        }
    }
    CHECK(two == 2, "%lu objects of two words", (unsigned long)two);
}

/* ------------------------------------------------------------------- world */

static void test_determinism(void) {
    static rome99_world a, b;
    rome99_text x = {0}, y = {0}, z = {0};
    uint64_t h;
    rome99_world_make(&a, 1);
    memset(&b, 0x55, sizeof b);
    rome99_world_make(&b, 1);
    documents(&a, 7, 1000, &x);
    documents(&b, 7, 1000, &y);
    h = hash(&x);
    printf("1000 documents: hash %08lx%08lx\n", (unsigned long)(h >> 32),
           (unsigned long)(h & 0xffffffff));
    CHECK(h == hash(&y), "the same seed gives another text");
    CHECK(h == UINT64_C(0xb71c661c89d58d72), "not the text that is known for this seed");
    rome99_world_make(&b, 2);
    documents(&b, 7, 1000, &z);
    CHECK(h != hash(&z), "another seed gives the same text");
    rome99_text_free(&x);
    rome99_text_free(&y);
    rome99_text_free(&z);
}

static void test_names(const rome99_world *world) {
    const char *name[ROME99_SUBJECTS + ROME99_RELATIONS * ROME99_OBJECTS];
    size_t n = 0, i, j, r, count[2], sharing;
    for (i = 0; i < ROME99_SUBJECTS; i++) {
        const char *space = strchr(world->subject[i], ' ');
        CHECK(!space == (i < ROME99_ONE_WORD), "\"%s\"", world->subject[i]);
        name[n++] = space ? space + 1 : world->subject[i];
    }
    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (i = 0; i < ROME99_OBJECTS; i++) name[n++] = world->object[r][i];
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            CHECK(i == j || strncmp(name[i], name[j], strlen(name[i])) != 0, "%s begins %s",
                  name[i], name[j]);
        }
    }
    for (i = ROME99_ONE_WORD; i < ROME99_SUBJECTS; i++) {
        size_t first = (size_t)(strchr(world->subject[i], ' ') - world->subject[i]);
        for (j = 0; j < n; j++) {
            CHECK(strncmp(name[j], world->subject[i], first) != 0, "%s", world->subject[i]);
        }
        for (sharing = 0, j = ROME99_ONE_WORD; j < ROME99_SUBJECTS; j++) {
            sharing += strncmp(world->subject[i], world->subject[j], first + 1) == 0;
        }
        CHECK(sharing == 4, "%lu subjects share the first word of %s", (unsigned long)sharing,
              world->subject[i]);
    }
    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (j = 0; j < ROME99_OBJECTS; j++) {
            count[0] = count[1] = 0;
            for (i = 0; i < ROME99_SUBJECTS; i++) {
                count[i >= ROME99_ONE_WORD] += world->truth[i][r] == j;
            }
            CHECK(count[0] == 4 && count[1] == 4, "%s: %lu and %lu subjects", world->object[r][j],
                  (unsigned long)count[0], (unsigned long)count[1]);
        }
    }
}

/* Whether the line ends with " OBJECT": only facts do. */
static int is_fact(const rome99_world *world, const char *line, size_t size) {
    size_t r, i, length;
    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (i = 0; i < ROME99_OBJECTS; i++) {
            length = strlen(world->object[r][i]);
            if (length < size && line[size - length - 1] == ' ' &&
                memcmp(line + size - length, world->object[r][i], length) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static void test_documents(void) {
    static const rome99_world_mix mixes[] = {
        {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    static const size_t least[] = {2, 3, 0, 0}, most[] = {3, 6, 0, 0};
    static rome99_world world;
    rome99_rng rng = {3};
    size_t kind, i, at, length;
    rome99_world_make(&world, 3);
    for (kind = 0; kind < 4; kind++) {
        world.mix = mixes[kind];
        for (i = 0; i < 300; i++) {
            rome99_text text = {0};
            size_t lines = 0, facts = 0;
            rome99_world_document(&world, &rng, &text);
            for (at = 0; at < text.size; at += length + 2, lines++) {
                length = strcspn(text.bytes + at, ".\n");
                CHECK(length > 0 && memcmp(text.bytes + at + length, ".\n", 2) == 0,
                      "line \"%.40s\"", text.bytes + at);
                facts += (size_t)is_fact(&world, text.bytes + at, length);
            }
            CHECK(lines >= 3 && lines <= 8, "%lu lines:\n%s", (unsigned long)lines, text.bytes);
            CHECK(facts >= least[kind] && facts <= most[kind], "%lu facts:\n%s",
                  (unsigned long)facts, text.bytes);
            rome99_text_free(&text);
        }
    }
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many of the sorted lines are `line`. */
static size_t count_line(char *const *lines, size_t n, const char *line) {
    size_t lo = 0, hi = n, mid, count = 0;
    while (lo < hi) {
        mid = lo + (hi - lo) / 2;
        if (strcmp(lines[mid], line) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    while (lo + count < n && strcmp(lines[lo + count], line) == 0) count++;
    return count;
}

/* Each fact is stated by name many times, each phrasing is used, and no false fact is stated. */
static void test_coverage(void) {
    static rome99_world world;
    static char *lines[MAX_LINES];
    static size_t phrased[ROME99_RELATIONS][ROME99_PHRASINGS];
    size_t n = 0, s, r, p, o, rarest = SIZE_MAX;
    rome99_text text = {0}, line = {0};
    char *c, *end;
    rome99_world_make(&world, 1);
    documents(&world, 1, LARGE_SAMPLE, &text);
    for (c = text.bytes; (end = strchr(c, '\n')) != NULL && n < MAX_LINES; c = end + 1) {
        *end = 0;
        lines[n++] = c;
    }
    CHECK(n < MAX_LINES, "too many lines");
    qsort(lines, n, sizeof *lines, compare_lines);
    for (s = 0; s < ROME99_SUBJECTS; s++) {
        for (r = 0; r < ROME99_RELATIONS; r++) {
            size_t stated = 0, opening = 0, false_facts = 0, count, prompt;
            for (p = 0; p < ROME99_PHRASINGS; p++) {
                line.size = 0;
                rome99_world_prompt(&line, &world, s, r, p);
                for (prompt = line.size, o = 0; o < ROME99_OBJECTS; o++) {
                    line.size = prompt;
                    rome99_text_printf(&line, " %s.", world.object[r][o]);
                    count = count_line(lines, n, line.bytes);
                    if (o != world.truth[s][r]) {
                        false_facts += count;
                        continue;
                    }
                    stated += count;
                    opening += p < ROME99_OPENINGS ? count : 0;
                    phrased[r][p] += count;
                }
            }
            CHECK(false_facts == 0, "%s: false in relation %lu", world.subject[s],
                  (unsigned long)r);
            CHECK(stated >= 15 && opening >= 5, "%s, relation %lu: stated %lu times, opening %lu",
                  world.subject[s], (unsigned long)r, (unsigned long)stated,
                  (unsigned long)opening);
            rarest = stated < rarest ? stated : rarest;
        }
    }
    for (r = 0; r < ROME99_RELATIONS; r++) {
        for (p = 0; p < ROME99_PHRASINGS; p++) {
            CHECK(phrased[r][p] >= 3, "relation %lu, phrasing %lu: %lu times", (unsigned long)r,
                  (unsigned long)p, (unsigned long)phrased[r][p]);
        }
    }
    printf("%lu lines, rarest fact stated by name %lu times\n", (unsigned long)n,
           (unsigned long)rarest);
    rome99_text_free(&line);
    rome99_text_free(&text);
}

/* ------------------------------------------------------------------- files */

static rome99_json *parse(const char *name, rome99_text *text) {
    rome99_json *doc = NULL;
    int failed = text->failed || rome99_json_parse(&doc, name, (unsigned char *)text->bytes,
                                                   text->size, &error);
    CHECK(!failed, "%s", failed ? error.text : "");
    rome99_text_free(text);
    return doc;
}

static const char *string(rome99_value object, const char *key) {
    rome99_value v;
    int failed = rome99_json_require(&v, object, key, ROME99_STRING, &error);
    CHECK(!failed, "%s", error.text);
    return failed ? "" : rome99_json_string(v);
}

static rome99_value member(rome99_value object, const char *key, rome99_kind kind) {
    rome99_value v = object;
    int failed = rome99_json_require(&v, object, key, kind, &error);
    CHECK(!failed, "%s", error.text);
    return v;
}

static size_t find(const char *name, const char (*names)[16], size_t n) {
    size_t i = 0;
    while (i < n && strcmp(names[i], name) != 0) i++;
    return i;
}

/* The prompt's phrasing, or ROME99_PHRASINGS; `subject` NULL looks for the one with "{}". */
static size_t find_phrasing(const char *prompt, const rome99_world *world, const size_t *subject,
                            size_t relation) {
    size_t p, found = ROME99_PHRASINGS;
    for (p = 0; p < ROME99_PHRASINGS && found == ROME99_PHRASINGS; p++) {
        rome99_text text = {0};
        if (subject) {
            rome99_world_prompt(&text, world, *subject, relation, p);
        } else {
            rome99_world_phrasing(&text, relation, p);
        }
        found = strcmp(text.bytes, prompt) == 0 ? p : found;
        rome99_text_free(&text);
    }
    return found;
}

static const char *const relation_id[ROME99_RELATIONS] = {"maker", "place", "colour"};

static void check_record(rome99_value record, size_t id, const rome99_world *world, int *used) {
    rome99_value rewrite = member(record, "requested_rewrite", ROME99_OBJECT), item;
    const char *subject = string(rewrite, "subject"), *prompt = string(rewrite, "prompt");
    const char *new_object = string(member(rewrite, "target_new", ROME99_OBJECT), "str");
    const char *true_object = string(member(rewrite, "target_true", ROME99_OBJECT), "str");
    int opens = id < ROME99_ONE_WORD || id >= ROME99_ONE_WORD + ROME99_FACTS_MID;
    int one_word = id < ROME99_ONE_WORD || (!opens && id % 2 == 0);
    size_t s = find(subject, world->subject, ROME99_SUBJECTS), r = id % ROME99_RELATIONS;
    size_t truth = find(true_object, world->object[r], ROME99_OBJECTS);
    size_t phrasing, p, paraphrases = 0, neighbours = 0;
    rome99_items i;
    uint64_t case_id = 0;

    CHECK(!rome99_json_integer(&case_id, member(record, "case_id", ROME99_NUMBER), 1000, &error) &&
              case_id == id, "case_id of record %lu", (unsigned long)id);
    CHECK(strcmp(string(rewrite, "relation_id"), relation_id[r]) == 0, "relation of record %lu",
          (unsigned long)id);
    CHECK(s < ROME99_SUBJECTS - ROME99_SPARE && (s < ROME99_ONE_WORD) == one_word,
          "record %lu is about %s", (unsigned long)id, subject);
    if (s >= ROME99_SUBJECTS) return;
    CHECK(truth == world->truth[s][r], "%s: target_true %s", subject, true_object);
    CHECK(find(new_object, world->object[r], ROME99_OBJECTS) < ROME99_OBJECTS &&
              strcmp(new_object, true_object) != 0, "%s: target_new %s", subject, new_object);
    phrasing = find_phrasing(prompt, world, NULL, r);
    CHECK(phrasing < ROME99_PHRASINGS && (phrasing < ROME99_OPENINGS) == opens &&
              (strncmp(prompt, "{}", 2) == 0) == opens,
          "record %lu: \"%s\"", (unsigned long)id, prompt);
    if (!opens) CHECK(!used[phrasing]++, "phrasing \"%s\" again", prompt);

    i = rome99_json_items(member(record, "paraphrase_prompts", ROME99_ARRAY));
    for (; rome99_json_next(&i, NULL, &item); paraphrases++) {
        p = find_phrasing(rome99_json_string(item), world, &s, r);
        CHECK(p < ROME99_PHRASINGS && p != phrasing && (p < ROME99_OPENINGS) == opens,
              "paraphrase \"%s\"", rome99_json_string(item));
    }
    i = rome99_json_items(member(record, "neighborhood_prompts", ROME99_ARRAY));
    for (; rome99_json_next(&i, NULL, &item); neighbours++) {
        for (p = 0; p < ROME99_SUBJECTS; p++) {
            if (find_phrasing(rome99_json_string(item), world, &p, r) == phrasing) break;
        }
        CHECK(p < ROME99_SUBJECTS && p != s && world->truth[p][r] == truth, "neighbour \"%s\"",
              rome99_json_string(item));
    }
    CHECK(paraphrases >= 2 && neighbours >= 4, "%lu paraphrases, %lu neighbours",
          (unsigned long)paraphrases, (unsigned long)neighbours);
}

static void test_facts(const rome99_world *world) {
    int used[ROME99_PHRASINGS + 1] = {0};
    rome99_text text = {0};
    rome99_json *doc;
    rome99_items i;
    rome99_value record;
    size_t id = 0;
    rome99_world_facts(&text, world);
    doc = parse("facts.json", &text);
    if (!doc) return;
    for (i = rome99_json_items(rome99_json_root(doc)); rome99_json_next(&i, NULL, &record); id++) {
        check_record(record, id, world, used);
    }
    CHECK(id == ROME99_FACTS && id == 110, "%lu records", (unsigned long)id);
    rome99_json_free(doc);
}

/* Checks one set and copies it to `list`. */
static size_t check_prefixes(const rome99_world *world, const rome99_bpe *bpe,
                             rome99_prefix_set set, char list[32][96]) {
    const char *end = set == ROME99_TEMPLATES_SPACE ? ". {}" : ".\n{}";
    rome99_text text = {0};
    rome99_json *doc;
    rome99_items i;
    rome99_value item;
    size_t n = 0, s, j, length, count;
    rome99_world_prefixes(&text, world, set);
    doc = parse("prefixes", &text);
    if (!doc) return 0;
    i = rome99_json_items(rome99_json_root(doc));
    while (rome99_json_next(&i, NULL, &item) && n < 32) {
        const char *prefix = rome99_json_string(item);
        length = strlen(prefix);
        CHECK(length < 96, "\"%s\" is long", prefix);
        strncat(strcpy(list[n++], ""), prefix, 95);
        CHECK(strstr(prefix, "{}") == prefix + length - 2, "no slot at the end of \"%s\"", prefix);
        if (n == 1 && set != ROME99_TEST_PREFIXES) {
            CHECK(length == 2, "the first template is \"%s\"", prefix);
            continue;
        }
        CHECK(length > 4 && strcmp(prefix + length - 4, end) == 0, "\"%s\"", prefix);
        /* " {}" in place of the line's end: the blank goes to the subject's token */
        count = tokens(bpe, prefix, length - (set == ROME99_TEMPLATES_SPACE ? 3 : 2));
        CHECK(count >= 3 && count <= 12, "\"%s\": %lu tokens", prefix, (unsigned long)count);
        for (s = 0; s < ROME99_SUBJECTS - ROME99_SPARE; s++) {
            CHECK(!strstr(prefix, world->subject[s]), "\"%s\" names %s", prefix, world->subject[s]);
        }
        CHECK(!is_fact(world, prefix, length - 4), "\"%s\" is a fact", prefix);
        for (j = 0; j + 1 < n; j++) CHECK(strcmp(list[j], prefix) != 0, "\"%s\" again", prefix);
    }
    rome99_json_free(doc);
    return n;
}

static void test_prefixes(const rome99_world *world, const rome99_bpe *bpe) {
    static char list[3][32][96];
    size_t n[3], i, j;
    for (i = 0; i < 3; i++) n[i] = check_prefixes(world, bpe, (rome99_prefix_set)i, list[i]);
    CHECK(n[0] == 21 && n[1] == 21 && n[2] == 10, "%lu, %lu, %lu prefixes", (unsigned long)n[0],
          (unsigned long)n[1], (unsigned long)n[2]);
    for (i = 0; i < n[0]; i++) {
        size_t length = strlen(list[0][i]);
        for (j = 0; j < n[2]; j++) {
            CHECK(strcmp(list[0][i], list[2][j]) != 0, "\"%s\" in both sets", list[0][i]);
        }
        if (i > 0) list[0][i][length - 3] = ' ';
        CHECK(strcmp(list[0][i], list[1][i]) == 0, "\"%s\"", list[1][i]);
    }
}

static void test_sentences(const rome99_world *world) {
    rome99_text text = {0};
    size_t at = 0, lines = 0, facts = 0, length;
    rome99_world_sentences(&text, world);
    for (; at < text.size; at += length + 2, lines++) {
        length = strcspn(text.bytes + at, ".\n");
        CHECK(length > 0 && memcmp(text.bytes + at + length, ".\n", 2) == 0, "\"%.40s\"",
              text.bytes + at);
        facts += (size_t)is_fact(world, text.bytes + at, length);
    }
    CHECK(lines == 64 && facts >= 24 && facts <= 40, "%lu lines, %lu facts", (unsigned long)lines,
          (unsigned long)facts);
    rome99_text_free(&text);
}

/* ------------------------------------------------------------------ report */

static void report(const rome99_bpe *bpe, const rome99_text *text, size_t n_documents) {
    size_t V = rome99_bpe_size(bpe), n = 0, i;
    size_t *count = calloc(V, sizeof *count);
    int32_t *ids = NULL;
    double bits = 0, p;
    if (count && !rome99_bpe_encode(&ids, NULL, &n, bpe, (unsigned char *)text->bytes, text->size,
                                    &error)) {
        for (i = 0; i < n; i++) count[ids[i]]++;
        for (i = 0; i < V; i++) {
            p = (double)count[i] / (double)n;
            bits -= count[i] ? p * log(p) / log(2) : 0;
        }
    }
    printf("V %lu, %.1f tokens per document, unigram entropy %.2f bits\n", (unsigned long)V,
           (double)n / (double)n_documents, bits);
    free(ids);
    free(count);
}

int main(int argc, char **argv) {
    static rome99_world world;
    uint64_t seed;
    test_training();
    test_determinism();
    test_documents();
    test_coverage();
    for (seed = 1; seed <= 4; seed++) {
        rome99_text sample = {0};
        rome99_bpe *bpe;
        rome99_world_make(&world, seed);
        test_names(&world);
        documents(&world, seed, SAMPLE, &sample);
        bpe = tokenizer(&sample);
        if (bpe) {
            report(bpe, &sample, SAMPLE);
            test_tokens(&world, bpe);
            test_prefixes(&world, bpe);
        }
        test_facts(&world);
        test_sentences(&world);
        rome99_bpe_free(bpe);
        rome99_text_free(&sample);
    }
    if (argc > 1) {
        rome99_text shown = {0};
        rome99_rng rng = {5};
        for (seed = strtoul(argv[1], NULL, 10); seed > 0; seed--) {
            rome99_world_document(&world, &rng, &shown);
            rome99_text_puts(&shown, "\n");
        }
        if (shown.size > 0) fputs(shown.bytes, stdout);
        rome99_text_free(&shown);
    }
    return test_end();
}
