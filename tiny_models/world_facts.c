/* world_facts.c: facts.json, the edit requests with what is measured beside them. */
#include "world.h"

#include <string.h>

enum { MIDS = ROME99_PHRASINGS - ROME99_OPENINGS, PARAPHRASES = 3, NEIGHBOURS = 5 };

static const char *const relation_id[ROME99_RELATIONS] = {"maker", "place", "colour"};

static void put_string(rome99_text *out, const char *key, const char *value) {
    rome99_text_printf(out, "\"%s\": ", key);
    rome99_text_json_string(out, value, strlen(value));
}

static void put_prompt(rome99_text *out, const rome99_world *world, size_t subject, size_t relation,
                       size_t phrasing) {
    rome99_text prompt = {0};
    rome99_world_prompt(&prompt, world, subject, relation, phrasing);
    rome99_text_json_string(out, prompt.bytes, prompt.size);
    out->failed |= prompt.failed;
    rome99_text_free(&prompt);
}

/* Other phrasings that have the subject in the same place. */
static void put_paraphrases(rome99_text *out, const rome99_world *world, rome99_rng *rng, size_t subject,
                            size_t relation, size_t phrasing) {
    unsigned char other[ROME99_PHRASINGS];
    size_t opens = phrasing < ROME99_OPENINGS, n = opens ? ROME99_OPENINGS : MIDS, i, written = 0;
    for (i = 0; i < n; i++) other[i] = (unsigned char)(opens ? i : ROME99_OPENINGS + i);
    rome99_world_shuffle(other, n, rng);
    for (i = 0; written < PARAPHRASES; i++) {
        if (other[i] == phrasing) continue;
        if (written++ > 0) rome99_text_puts(out, ", ");
        put_prompt(out, world, subject, relation, other[i]);
    }
}

/* The same prompt for other subjects with the same object. */
static void put_neighbours(rome99_text *out, const rome99_world *world, rome99_rng *rng, size_t subject,
                           size_t relation, size_t phrasing) {
    unsigned char other[ROME99_SUBJECTS];
    size_t n = 0, i;
    for (i = 0; i < ROME99_SUBJECTS; i++) {
        other[n] = (unsigned char)i;
        n += i != subject && world->truth[i][relation] == world->truth[subject][relation];
    }
    rome99_world_shuffle(other, n, rng);
    for (i = 0; i < NEIGHBOURS; i++) {
        if (i > 0) rome99_text_puts(out, ", ");
        put_prompt(out, world, other[i], relation, phrasing);
    }
}

static void put_record(rome99_text *out, const rome99_world *world, rome99_rng *rng, size_t id,
                       size_t subject, size_t phrasing) {
    size_t relation = id % ROME99_RELATIONS, object = world->truth[subject][relation];
    size_t new_object = (object + 1 + rome99_rng_below(rng, ROME99_OBJECTS - 1)) % ROME99_OBJECTS;
    rome99_text prompt = {0};

    rome99_world_phrasing(&prompt, relation, phrasing);
    rome99_text_printf(out, "%s{\"case_id\": %lu, \"requested_rewrite\": {", id ? ",\n" : "",
                       (unsigned long)id);
    rome99_text_puts(out, "\"prompt\": ");
    rome99_text_json_string(out, prompt.bytes, prompt.size);
    rome99_text_puts(out, ", ");
    put_string(out, "relation_id", relation_id[relation]);
    rome99_text_puts(out, ", \"target_new\": {");
    put_string(out, "str", world->object[relation][new_object]);
    rome99_text_puts(out, "}, \"target_true\": {");
    put_string(out, "str", world->object[relation][object]);
    rome99_text_puts(out, "}, ");
    put_string(out, "subject", world->subject[subject]);
    rome99_text_puts(out, "},\n \"paraphrase_prompts\": [");
    put_paraphrases(out, world, rng, subject, relation, phrasing);
    rome99_text_puts(out, "],\n \"neighborhood_prompts\": [");
    put_neighbours(out, world, rng, subject, relation, phrasing);
    rome99_text_puts(out, "]}");
    out->failed |= prompt.failed;
    rome99_text_free(&prompt);
}

void rome99_world_facts(rome99_text *out, const rome99_world *world) {
    rome99_rng rng = rome99_world_stream(world, ROME99_FILE_STREAM + 2);
    unsigned char mid[MIDS];
    size_t id, i;

    for (i = 0; i < MIDS; i++) mid[i] = (unsigned char)(ROME99_OPENINGS + i);
    rome99_world_shuffle(mid, MIDS, &rng);
    rome99_text_puts(out, "[\n");
    for (id = 0; id < ROME99_FACTS; id++) {
        size_t opening = id / ROME99_RELATIONS % ROME99_OPENINGS;
        if (id < ROME99_ONE_WORD) {
            put_record(out, world, &rng, id, id, opening);
        } else if (id < ROME99_ONE_WORD + ROME99_FACTS_MID) {
            i = id - ROME99_ONE_WORD;
            put_record(out, world, &rng, id, i / 2 + (i % 2 ? ROME99_ONE_WORD : 0), mid[i]);
        } else {
            put_record(out, world, &rng, id, id - ROME99_FACTS_MID, opening);
        }
    }
    rome99_text_puts(out, "\n]\n");
}
