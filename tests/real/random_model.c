/* random_model.c: writes a GPT-2 of a true shape with seeded random weights, in the form in which such models
   are downloaded, and beside it hyper-parameters, templates and a request: a folder that rome99 edits as it
   is (with --cov identity). The same arguments give the same bytes on every machine. */
#include "random_model.h"
#include "edit/setup.h"
#include "files/bpe.h"
#include "files/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: random_model DIR --shape 124M|355M|774M|1.5B|V,T,D,L,H [options]\n"
    "Writes a folder as GPT-2 is downloaded, with random weights. DIR must not exist.\n"
    "  --seed N          0 unless given\n"
    "  --dtype TYPE      F32 (default), F16 or BF16\n"
    "  --shards N        so many files and their index\n"
    "  --bare-names      tensors without \"transformer.\"\n"
    "  --lm-head         the head a second time, as lm_head.weight\n"
    "  --buffers         attn.bias and attn.masked_bias, as in old checkpoints\n"
    "  --tokenizer DIR   take vocab.json and merges.txt from there\n";

/* ------------------------------------------------------------------------- small files */

static const char config[] = "{\n"
                             "  \"activation_function\": \"gelu_new\",\n"
                             "  \"architectures\": [\n    \"GPT2LMHeadModel\"\n  ],\n"
                             "  \"attn_pdrop\": 0.1,\n"
                             "  \"bos_token_id\": %zu,\n"
                             "  \"embd_pdrop\": 0.1,\n"
                             "  \"eos_token_id\": %zu,\n"
                             "  \"initializer_range\": 0.02,\n"
                             "  \"layer_norm_epsilon\": 1e-05,\n"
                             "  \"model_type\": \"gpt2\",\n"
                             "  \"n_ctx\": %zu,\n"
                             "  \"n_embd\": %zu,\n"
                             "  \"n_head\": %zu,\n"
                             "  \"n_inner\": null,\n"
                             "  \"n_layer\": %zu,\n"
                             "  \"n_positions\": %zu,\n"
                             "  \"reorder_and_upcast_attn\": false,\n"
                             "  \"resid_pdrop\": 0.1,\n"
                             "  \"scale_attn_by_inverse_layer_idx\": false,\n"
                             "  \"scale_attn_weights\": true,\n"
                             "  \"summary_activation\": null,\n"
                             "  \"summary_first_dropout\": 0.1,\n"
                             "  \"summary_proj_to_labels\": true,\n"
                             "  \"summary_type\": \"cls_index\",\n"
                             "  \"summary_use_proj\": true,\n"
                             "  \"task_specific_params\": {\n"
                             "    \"text-generation\": {\n"
                             "      \"do_sample\": true,\n"
                             "      \"max_length\": 50\n"
                             "    }\n"
                             "  },\n"
                             "  \"torch_dtype\": \"%s\",\n"
                             "  \"transformers_version\": \"4.30.2\",\n"
                             "  \"use_cache\": true,\n"
                             "  \"vocab_size\": %zu\n"
                             "}\n";

static const char hparams[] = "{\n"
                              "    \"layers\": [\n        %zu\n    ],\n"
                              "    \"fact_token\": \"subject_last\",\n"
                              "    \"v_num_grad_steps\": 20,\n"
                              "    \"v_lr\": 5e-1,\n"
                              "    \"v_loss_layer\": %zu,\n"
                              "    \"v_weight_decay\": 0.5,\n"
                              "    \"clamp_norm_factor\": 4,\n"
                              "    \"kl_factor\": 0.0625,\n"
                              "    \"mom2_adjustment\": true,\n"
                              "    \"context_template_length_params\": [[5, 10], [10, 10]],\n"
                              "    \"rewrite_module_tmp\": \"transformer.h.{}.mlp.c_proj\",\n"
                              "    \"layer_module_tmp\": \"transformer.h.{}\",\n"
                              "    \"mlp_module_tmp\": \"transformer.h.{}.mlp\",\n"
                              "    \"attn_module_tmp\": \"transformer.h.{}.attn\",\n"
                              "    \"ln_f_module\": \"transformer.ln_f\",\n"
                              "    \"lm_head_module\": \"transformer.wte\",\n"
                              "    \"mom2_dataset\": \"wikipedia\",\n"
                              "    \"mom2_n_samples\": 100000,\n"
                              "    \"mom2_dtype\": \"float32\"\n"
                              "}\n";

static const char request[] = "{\n"
                              "    \"prompt\": \"{} is located in the city of\",\n"
                              "    \"subject\": \"The Colosseum\",\n"
                              "    \"target_new\": {\"str\": \"Lisbon\"}\n"
                              "}\n";

static int write_text(const char *folder, const char *name, rome99_text *t, rome99_error *e) {
    char *path = rome99_path(folder, name);
    const int failed = !path || t->failed ? rome99_fail(e, name, "out of memory")
                                          : rome99_write_file(path, t->bytes, t->size, e);
    free(path);
    rome99_text_free(t);
    return failed;
}

/* Template i opens with words that, with their full stop, take 3 + i % 11 tokens, or a few more. */
static void put_template(rome99_text *out, size_t i, const rome99_bpe *bpe, rome99_rng *rng) {
    static const char *const words[] = {
        "the",   "water",  "was",  "found", "by",    "many",  "people", "in",    "old",
        "each",  "that",   "they", "said",  "after", "work",  "when",   "light", "came",
        "and",   "father", "ran",  "under", "tree",  "he",    "tell",   "never", "again",
        "would", "she",    "walk", "along", "those", "small", "city",   "of",    "a"};
    rome99_text text = {0};
    rome99_error ignored;
    size_t n = 0;
    while (!text.failed && n < 3 + i % 11) {
        const char *word = words[rome99_rng_below(rng, sizeof words / sizeof *words)];
        int32_t *ids;
        text.size -= text.size > 0; /* the full stop */
        rome99_text_printf(&text, "%s%s.", text.size ? " " : "", word);
        if (rome99_bpe_encode(&ids, NULL, &n, bpe, (unsigned char *)text.bytes, text.size, &ignored))
            text.failed = 1;
        else
            free(ids);
    }
    rome99_text_printf(out, ",\n  \"%s {}\"", text.failed ? "" : text.bytes);
    out->failed |= text.failed;
    rome99_text_free(&text);
}

static int write_templates(const char *folder, const rome99_random_choices *o, rome99_error *e) {
    char *vocab = rome99_path(folder, "vocab.json"), *merges = rome99_path(folder, "merges.txt");
    rome99_text out = {0};
    rome99_bpe *bpe = NULL;
    rome99_rng rng;
    size_t i;
    int failed = !vocab || !merges ? rome99_fail(e, folder, "out of memory")
                                   : rome99_bpe_read(&bpe, vocab, merges, e);
    if (!failed && rome99_bpe_size(bpe) != o->shape.V)
        failed = rome99_fail(e, vocab, "%zu tokens; the shape has %zu", rome99_bpe_size(bpe), o->shape.V);
    if (!failed) {
        rng.state = o->seed;
        rome99_text_puts(&out, "[\n  \"{}\"");
        for (i = 0; i < 20; i++) put_template(&out, i, bpe, &rng);
        rome99_text_puts(&out, "\n]\n");
        failed = write_text(folder, "templates.json", &out, e);
    }
    rome99_bpe_free(bpe);
    free(vocab);
    free(merges);
    return failed;
}

static int copy(const char *to, const char *from, const char *name, rome99_error *e) {
    char *path = rome99_path(from, name);
    rome99_text text = {0};
    unsigned char *data;
    size_t size;
    int failed = path ? rome99_read_file(&data, &size, path, e) : rome99_fail(e, name, "out of memory");
    if (!failed) {
        rome99_text_put(&text, data, size);
        free(data);
        failed = write_text(to, name, &text, e);
    }
    free(path);
    return failed;
}

static int write_folder(const char *folder, const rome99_random_choices *o, const char *tokenizer,
                        rome99_error *e) {
    static const char *const dtypes[] = {"float64", "float32", "float16", "bfloat16"};
    const rome99_shape *s = &o->shape;
    rome99_text t = {0};
    if (tokenizer ? copy(folder, tokenizer, "vocab.json", e) || copy(folder, tokenizer, "merges.txt", e)
                  : rome99_random_vocabulary(folder, s->V, o->seed, e))
        return -1;
    if (write_templates(folder, o, e)) return -1;
    rome99_text_printf(&t, config, s->V - 1, s->V - 1, s->T, s->D, s->H, s->L, s->T, dtypes[o->dtype], s->V);
    if (write_text(folder, "config.json", &t, e)) return -1;
    rome99_text_printf(&t, hparams, s->L * 17 / 48, s->L - 1); /* upstream edits layer 17 of the XL's 48 */
    if (write_text(folder, "hparams.json", &t, e)) return -1;
    rome99_text_puts(&t, request);
    return write_text(folder, "request.json", &t, e) || rome99_random_weights(folder, o, e) ? -1 : 0;
}

/* ------------------------------------------------------------------------------ options */

static int read_shape(rome99_shape *s, const char *text, rome99_error *e) {
    static const struct {
        const char *name, *sizes;
    } known[] = {{"124M", "50257,1024,768,12,12"},
                 {"355M", "50257,1024,1024,24,16"},
                 {"774M", "50257,1024,1280,36,20"},
                 {"1.5B", "50257,1024,1600,48,25"}};
    static const char *const letters[] = {"--shape: V", "--shape: T", "--shape: D", "--shape: L",
                                          "--shape: H"};
    size_t *const sizes[] = {&s->V, &s->T, &s->D, &s->L, &s->H}, i;
    char copied[64], *at = copied, *comma;
    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i].name) == 0) text = known[i].sizes;
    sprintf(copied, "%.63s", text);
    for (i = 0; i < 5; i++, at = comma + 1) {
        comma = strchr(at, ',');
        if (!comma != (i == 4))
            return rome99_fail(e, "--shape", "\"%s\" is no model's name, nor V,T,D,L,H", text);
        if (comma) *comma = '\0';
        if (rome99_read_size(sizes[i], letters[i], at, i ? 1 : ROME99_RANDOM_LEAST_V,
                             i ? 100000 : ROME99_RANDOM_MOST_V, e))
            return -1;
    }
    s->F = 4 * s->D;
    return s->D % s->H != 0 ? rome99_fail(e, "--shape", "D %zu is not a multiple of H %zu", s->D, s->H) : 0;
}

static int read_dtype(rome99_st_dtype *dtype, const char *text, rome99_error *e) {
    int i;
    if (!text) return 0;
    for (i = ROME99_ST_F32; i <= ROME99_ST_BF16; i++)
        if (strcmp(text, rome99_st_dtype_name((rome99_st_dtype)i)) == 0) {
            *dtype = (rome99_st_dtype)i;
            return 0;
        }
    return rome99_fail(e, "--dtype", "\"%s\" is none of F32, F16, BF16", text);
}

static int read_options(rome99_random_choices *o, const char **dir, const char **tokenizer, char **argv,
                        rome99_error *e) {
    const char *shape = NULL, *seed = NULL, *dtype = NULL, *shards = NULL;
    const struct {
        const char *name, **value;
        int *flag;
    } options[] = {{"--shape", &shape, NULL},        {"--seed", &seed, NULL},
                   {"--dtype", &dtype, NULL},        {"--shards", &shards, NULL},
                   {"--tokenizer", tokenizer, NULL}, {"--bare-names", NULL, &o->bare_names},
                   {"--lm-head", NULL, &o->lm_head}, {"--buffers", NULL, &o->buffers}};
    const size_t n = sizeof options / sizeof *options;
    size_t i;
    for (; *argv; argv++) {
        for (i = 0; i < n && strcmp(*argv, options[i].name) != 0; i++) {
        }
        if (i == n && **argv == '-') return rome99_fail(e, *argv, "no such option");
        if (i == n && *dir) return rome99_fail(e, *argv, "a second DIR");
        if (i == n) {
            *dir = *argv;
        } else if (options[i].flag) {
            *options[i].flag = 1;
        } else {
            if (!argv[1]) return rome99_fail(e, *argv, "its value is missing");
            *options[i].value = *++argv;
        }
    }
    if (!*dir) return rome99_fail(e, NULL, "no DIR is given");
    if (!shape) return rome99_fail(e, NULL, "no --shape is given");
    return read_shape(&o->shape, shape, e) || read_dtype(&o->dtype, dtype, e) ||
                   rome99_read_size(&o->seed, "--seed", seed, 0, INT32_MAX, e) ||
                   rome99_read_size(&o->shards, "--shards", shards, 1, 99999, e)
               ? -1
               : 0;
}

static int write_model(const char *dir, const rome99_random_choices *o, const char *tokenizer,
                       rome99_error *e) {
    char *temporary;
    if (rome99_dir_begin(&temporary, dir, e)) return -1;
    if (write_folder(temporary, o, tokenizer, e) == 0) return rome99_dir_commit(temporary, dir, e);
    rome99_dir_abandon(temporary);
    return -1;
}

int main(int argc, char **argv) {
    rome99_random_choices o = {{0, 0, 0, 0, 0, 0, 1e-5}, ROME99_ST_F32, 0, 1, 0, 0, 0};
    const char *dir = NULL, *tokenizer = NULL;
    rome99_error e;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (read_options(&o, &dir, &tokenizer, argv + 1, &e) == 0 && write_model(dir, &o, tokenizer, &e) == 0)
        return 0;
    fprintf(stderr, "random_model: %s\n", e.text);
    return 2;
}
