/*
 * world.h: the synthetic world that the tiny checkpoints are trained on. Eighty invented subjects
 * stand in three relations to ten objects each; documents state these facts in many phrasings, tell
 * stories whose names have to be copied, and fill the rest with sentences from a small grammar.
 *
 * Text is lower case except names. A sentence is a line, ended by ".\n", so that a subject that
 * opens a line has the token that it has at the very start of a text. Everything follows from one
 * seed by integer arithmetic: the same bytes on every machine.
 */
#ifndef ROME99_WORLD_H
#define ROME99_WORLD_H

#include "core/rome99.h"
#include "files/text.h"

enum {
    ROME99_SUBJECTS = 80,
    ROME99_ONE_WORD = 40, /* subjects below are one word (Fenmor), the others two (Meri Halpit) */
    ROME99_SPARE = 10,    /* the last subjects, which facts.json does not use */
    ROME99_RELATIONS = 3,
    ROME99_OBJECTS = 10,
    ROME99_OPENINGS = 4, /* phrasings below begin with the subject, the others do not */
    ROME99_PHRASINGS = 64
};

/* How often each kind of document is drawn, relative to their sum, which must not be 0. */
typedef struct {
    unsigned about;  /* two or three facts about one subject, "it" standing for its name */
    unsigned list;   /* three to six facts about different subjects */
    unsigned story;  /* names, of subjects and freshly combined, that come back */
    unsigned filler; /* sentences of the grammar */
} rome99_world_mix;

typedef struct {
    uint64_t seed;
    rome99_world_mix mix; /* may be changed */
    char subject[ROME99_SUBJECTS][16];
    char object[ROME99_RELATIONS][ROME99_OBJECTS][16];      /* without the space before it */
    unsigned char truth[ROME99_SUBJECTS][ROME99_RELATIONS]; /* the object's number */
} rome99_world;

/* Names, objects and facts of this seed. Each object belongs to eight subjects, four of them of
 * one word; two objects of the last relation are two words. No name or object is a prefix of
 * another. */
void rome99_world_make(rome99_world *world, uint64_t seed);

/* Appends a phrasing as a prompt, with "{}" for its subject; or with a subject's name in its
 * place: "Fenmor is made by". The object, one space before it, is what comes next. Phrasing 0 is
 * the plainest. relation < ROME99_RELATIONS, phrasing < ROME99_PHRASINGS. */
void rome99_world_phrasing(rome99_text *out, size_t relation, size_t phrasing);
void rome99_world_prompt(rome99_text *out, const rome99_world *world, size_t subject, size_t relation,
                         size_t phrasing);

/* Appends one document of 3 to 8 lines, without <|endoftext|>. */
void rome99_world_document(const rome99_world *world, rome99_rng *rng, rome99_text *out);

/* The files of a checkpoint's folder that speak of the world. Each call appends a whole file;
 * what is drawn for it is drawn from the seed, apart from the streams of the documents. */

/* facts.json: CounterFact records. First each one-word subject, opening the prompt; then
 * ROME99_FACTS_MID prompts with the subject further in, every second one of two words; then each
 * two-word subject that is not spare, opening the prompt. Three paraphrases of the same class
 * and five neighbours stand with each. */
enum { ROME99_FACTS_MID = 40, ROME99_FACTS = ROME99_SUBJECTS - ROME99_SPARE + ROME99_FACTS_MID };
void rome99_world_facts(rome99_text *out, const rome99_world *world);

/* The prefixes: JSON arrays of strings with one "{}" each. No name in them is a subject of
 * facts.json. */
typedef enum {
    ROME99_TEMPLATES,       /* templates.json: "{}", then 20 of the form "text.\n{}" */
    ROME99_TEMPLATES_SPACE, /* templates_space.json: the same with ". {}" */
    ROME99_TEST_PREFIXES    /* test_prefixes.json: 10 others of the form "text.\n{}" */
} rome99_prefix_set;
void rome99_world_prefixes(rome99_text *out, const rome99_world *world, rome99_prefix_set set);

/* sentences.txt: 64 lines of facts, stories and filler. */
void rome99_world_sentences(rome99_text *out, const rome99_world *world);

/* A stream of random numbers that belongs to the seed. Numbers from ROME99_FILE_STREAM on are
 * those of the files above, the smaller ones are the caller's. */
enum { ROME99_FILE_STREAM = 1000 };
rome99_rng rome99_world_stream(const rome99_world *world, uint64_t number);

/* Permutes n bytes, each order being equally likely. */
void rome99_world_shuffle(unsigned char *a, size_t n, rome99_rng *rng);

#endif
