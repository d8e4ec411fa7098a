/* request.h: what is to be edited: requests, hyper-parameters and templates, read as upstream writes them. */
#ifndef ROME99_REQUEST_H
#define ROME99_REQUEST_H

#include "core/rome99.h"
#include "files/bpe.h"
#include "files/json.h"
#include "files/os.h"

/* Bytes that belong to a document or a buffer. */
typedef struct {
    const char *bytes;
    size_t size;
} rome99_string;

typedef struct {
    rome99_string *item;
    size_t n;
} rome99_strings;

/* One edit. The prompt has exactly one "{}"; neither subject nor target_new is empty; target_true is
 * empty where the file has none. */
typedef struct {
    rome99_string prompt, subject, target_new, target_true;
    rome99_strings paraphrase, neighbour;
} rome99_ask;

typedef struct {
    rome99_json *doc;
    rome99_ask *item;
    size_t n;
} rome99_asks;

/* Reads {"prompt", "subject", "target_new": {"str"}}, a CounterFact record, or an array of either. */
int rome99_asks_read(rome99_asks *asks, const char *path, rome99_error *e);
void rome99_asks_free(rome99_asks *asks);

/* A JSON array of strings with one "{}" each; `bare_first` demands that the first is "{}" itself. */
typedef struct {
    rome99_json *doc;
    rome99_strings list;
} rome99_prefixes;

int rome99_prefixes_read(rome99_prefixes *prefixes, const char *path, int bare_first, rome99_error *e);
void rome99_prefixes_free(rome99_prefixes *prefixes);

/* Of v_num_grad_steps: a pair keeps delta and its gradient of every forward. */
enum { ROME99_MOST_STEPS = 10000 };
/* Of the hyper-parameters that are no whole numbers: with it |delta|^2 stays far below what overflows. */
#define ROME99_MOST 1e100

/* What an hparams file may say besides rome99_hparams. */
typedef struct {
    rome99_hparams h;
    int has_layer;
    int fact_token_last; /* "last" instead of "subject_last" */
    int identity;        /* mom2_adjustment false: C is the identity */
} rome99_settings;

/* Overrides *settings with what the file has of: layers (one of them), fact_token, v_num_grad_steps, v_lr,
 * v_weight_decay, kl_factor, clamp_norm_factor, mom2_adjustment. Anything else is ignored. */
int rome99_settings_read(rome99_settings *settings, const char *path, rome99_error *e);

/* "subject_last" or "last", or -1 with *e set; `where` names what said it. */
int rome99_fact_token(rome99_settings *settings, const char *where, const char *value, rome99_error *e);

/* An edit as tokens, in malloc'ed memory. */
typedef struct {
    rome99_request request;
    int32_t *ids, *target;
    size_t *length, *lookup;
    size_t subject_tokens; /* of the bare prompt, overlapping the subject */
} rome99_tokens;

/* Splices the ask into every template and encodes it; refuses texts longer than n_positions. `where`
 * names the request in messages. */
int rome99_tokens_make(rome99_tokens *tokens, const rome99_bpe *bpe, size_t n_positions,
                       const rome99_ask *ask, const rome99_strings *templates, int fact_token_last,
                       const char *where, rome99_error *e);
void rome99_tokens_free(rome99_tokens *tokens);

/* encode(target), with one space put in front unless it begins with one. */
int rome99_encode_target(int32_t **ids, size_t *n, const rome99_bpe *bpe, rome99_string target,
                         rome99_error *e);

/* template with `text` in place of its "{}". */
void rome99_splice(rome99_text *out, rome99_string template, rome99_string text);

#endif
