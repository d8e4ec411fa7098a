"""The formula model, and every golden edit once more, with or without a mistake in it.

Edits of the formula model run in longdouble, those of a checkpoint in float64; the update itself
is always in longdouble. A mistake is the part of a wrong tensor's name behind "!".
"""
import functools
import json
import os
from types import SimpleNamespace

import numpy as np

import rome
from gpt2 import GPT2, Tokenizer, END_OF_TEXT, log_softmax, printable_bytes, read_json, \
    read_safetensors
from rome import norm

LONG = np.longdouble
IN_OPTIMISER = {"kl_reversed", "weight_decay_squared", "nll_summed", "kl_factor_missing",
                "weights_constant", "one_step_more", "no_bias_correction", "not_clamped",
                "kl_at_last_token", "delta_at_last_token"}
FORWARD = {"keys", "k_u", "k_bar", "m_u", "m_bar", "logits"}
CORPUS = {"rms_measured", "stream_ppl_before", "stream_ppl_after", "sentence_ppl_before",
          "sentence_ppl_after"}
TRACE = FORWARD | {"losses", "steps", "delta", "v_star", "u", "denominator", "residual", "right"}
AFTER = CORPUS | {"denominator", "numerator", "dW_norm", "cos_keys", "interference",
                  "rms_predicted", "reach_k_u", "reach_k_bar", "logits_after"}
HPARAMS = ("v_num_grad_steps", "v_lr", "v_weight_decay", "kl_factor", "clamp_norm_factor")


# ---- the formula model -----------------------------------------------------------------------

def splitmix(state):
    mask = 2 ** 64 - 1
    while True:
        state = (state + 0x9e3779b97f4a7c15) & mask
        z = state
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & mask
        z = (z ^ z >> 27) * 0x94d049bb133111eb & mask
        yield z ^ z >> 31


def formula_weights():
    V, T, D, F, L = 287, 32, 8, 32, 3
    shapes = {"wte.weight": (V, D), "wpe.weight": (T, D), "ln_f.weight": (D,), "ln_f.bias": (D,)}
    block = {"ln_1": (D,), "attn.c_attn": (D, 3 * D), "attn.c_proj": (D, D), "ln_2": (D,),
             "mlp.c_fc": (D, F), "mlp.c_proj": (F, D)}
    for l in range(L):
        for name, shape in block.items():
            shapes["h.%d.%s.weight" % (l, name)] = shape
            shapes["h.%d.%s.bias" % (l, name)] = shape[-1:]
    numbers, weights = splitmix(102), {}
    for name, shape in shapes.items():
        v = np.array([((next(numbers) >> 44) - 2 ** 19) / 2 ** 20 for _ in range(np.prod(shape))])
        if name.split(".")[-2].startswith("ln_") and name.endswith("weight"):
            v = 8 + 4 * v if name == "ln_f.weight" else 1 + v / 2
        weights[name] = v.reshape(shape).astype(LONG)
    return weights


class FormulaModel(GPT2):
    def __init__(self, tokenizer=None):
        self.D, self.L, self.H, self.n_positions, self.eps = 8, 3, 2, 32, 1e-5
        self.w, self.tokenizer = formula_weights(), tokenizer


def formula_tokenizer(merges):
    lines = merges.rstrip("\n").split("\n")
    assert len(lines) == 30
    names = [*printable_bytes().values(), *(line.replace(" ", "") for line in lines), END_OF_TEXT]
    return Tokenizer({name: i for i, name in enumerate(names)}, lines)


# ---- the value, with mistakes ----------------------------------------------------------------

class Adam(rome.Adam):
    def __init__(self, lr, largest, mistake=None):
        super().__init__(lr, largest)
        self.mistake = mistake

    def direction(self, m_bias, v_bias):
        if self.mistake == "no_bias_correction":
            m_bias = v_bias = 1
        if self.mistake == "eps_inside_root":
            return self.m / m_bias / np.sqrt(self.v / v_bias + 1e-8)
        return super().direction(m_bias, v_bias)

    def clamped(self, delta):
        return delta if self.mistake == "not_clamped" else super().clamped(delta)


class Value(rome.Value):
    def __init__(self, mistake, *arguments):
        super().__init__(*arguments)
        self.mistake = mistake

    def make_adam(self, lr, largest):
        return Adam(lr, largest, self.mistake)

    def row_nll(self, logits):
        nll = super().row_nll(logits)
        return nll * len(self.target) if self.mistake == "nll_summed" else nll

    def factor(self):
        return 1.0 if self.mistake == "kl_factor_missing" else self.hparams["kl_factor"]

    def kl(self, logits):
        log_p = log_softmax(logits)
        if self.mistake == "kl_reversed":
            return self.factor() * (np.exp(self.log_p0) * (self.log_p0 - log_p)).sum(-1)
        return self.factor() * (np.exp(log_p) * (log_p - self.log_p0)).sum(-1)

    def kl_less_mass(self, logits):
        log_p, log_p0 = log_softmax(logits), self.log_p0_suffix
        if self.mistake == "kl_reversed":
            return -self.factor() * (np.exp(log_p0) * log_p).sum(-1)
        if self.mistake == "weights_constant":
            return self.factor() * (np.exp(log_p.real) * (log_p - log_p0)).sum(-1)
        return self.factor() * (np.exp(log_p) * (log_p - log_p0 - 1)).sum(-1)

    def decay(self, delta):
        if self.mistake == "weight_decay_squared":
            return self.hparams["v_weight_decay"] * (delta * delta).sum(-1) / norm(self.m_u) ** 2
        return super().decay(delta)

    def kl_position(self):
        ids, lookup = self.kl_prompt
        return len(ids) - 1 if self.mistake == "kl_at_last_token" else lookup

    def optimise(self):
        if self.mistake == "delta_at_last_token":        # keys and m_u are those of the lookup
            self.prompts = [(ids, len(ids) - 1) for ids, _ in self.prompts]
            self.kl_prompt = self.kl_prompt[0], len(self.kl_prompt[0]) - 1
        super().optimise()
        if self.mistake == "one_step_more":
            self.delta = self.adam.step(self.delta, self.gradient(self.delta))


# ---- a case's inputs -------------------------------------------------------------------------

def needs(case):
    """The checkpoint's folder, or None for the formula model."""
    name = case.notes.get("needs")
    return name and os.path.join(case.folder.models, os.path.basename(name))


@functools.lru_cache(None)
def checkpoint(path):
    return GPT2(path)


@functools.lru_cache(None)
def formula(folder):
    return FormulaModel(formula_tokenizer(folder.case("ops/tokenizer").texts["merges"]))


def model_of(case):
    return checkpoint(needs(case)) if needs(case) else formula(case.folder)


def hparams_of(case):
    """A checkpoint's own, or those among the inputs; layers is one number, "layer"."""
    if not needs(case):
        return dict({name: case[name] for name in HPARAMS}, fact_token=case.texts["fact_token"],
                    layer=int(case["layer"]))
    own = read_json(os.path.join(needs(case), "hparams.json"))
    (layer,) = own["layers"]
    return dict(rome.DEFAULTS, **own, layer=layer)


def C_of(case):
    if needs(case):
        return rome.read_cov(os.path.join(needs(case), "cov.safetensors"))
    return case["C"] if "C" in case else None


def rows_of(case):
    """(ids with the target behind, lookup) a text; the last is the KL prompt."""
    ends = np.cumsum(case["length"].astype(int))
    ids = np.split(case["ids"].astype(int), ends[:-1])
    return list(zip(map(list, ids), case["lookup"].astype(int).tolist()))


def prompts_of(case):
    """The same without the target's tokens, the KL prompt and the target."""
    target = case["target"].astype(int).tolist() if np.ndim(case["target"]) else [case["target"]]
    *rows, kl_prompt = rows_of(case)
    n = len(target) - 1
    return [(ids[:len(ids) - n], lookup) for ids, lookup in rows], kl_prompt, target


def complaints(case):
    """Where a case's inputs are not what its texts and its checkpoint give."""
    tokenizer = model_of(case).tokenizer
    out, subject, fact_token = [], case.texts["subject"], hparams_of(case)["fact_token"]
    text, at = rome.splice(case.texts["prompt"], subject)
    target = rome.target_ids(tokenizer, case.texts["target_new"])
    if needs(case):
        templates = read_json(os.path.join(needs(case), "templates.json"))
        record = read_json(os.path.join(needs(case), "facts.json"))[int(case.notes["record"])]
        request = rome.Request(record)
        if (request.prompt, request.subject, request.target_new) != tuple(
                case.texts[n] for n in ("prompt", "subject", "target_new")):
            out.append("prompt, subject or target is not the record's")
    else:
        templates = json.loads(case.texts["templates"])
    rows = []
    for template in templates:
        filled, begin = rome.splice(template, text)
        rows.append(rome.locate(tokenizer, filled, begin + at, subject, fact_token))
    rows.append(rome.locate(tokenizer, subject + " is a", 0, subject, fact_token))
    prompts, kl_prompt, own_target = prompts_of(case)
    if rows != [*prompts, kl_prompt] or target != own_target:
        out.append("ids, lookup or target is not what the texts give")
    for ids, _ in rows_of(case)[:-1]:
        if ids[len(ids) - len(target) + 1:] != target[:-1]:
            out.append("a text does not end with the target's tokens")
    return out


def promised(case):
    """The expected tensors that FORMAT.md gives an edit."""
    if needs(case):
        return AFTER if case.name.endswith("_after") else TRACE
    steps = {"gradients"} if len(np.atleast_2d(case["losses"])) > 1 else set()
    return TRACE | steps | {"dW", "logits_after"}


# ---- computing -------------------------------------------------------------------------------

VALUES = {}                      # the optimisations made, by what they depend on


def value_key(case, mistake):
    inputs = [t.values for t in case.of("input") if t.name != "C"]
    return repr((case.notes.get("needs"), mistake, inputs))


def value_of(case, mistake=None):
    """Keys and MLP outputs; no optimisation yet."""
    prompts, kl_prompt, target = prompts_of(case)
    hparams = hparams_of(case)
    return Value(mistake, model_of(case), hparams["layer"], prompts, kl_prompt, target, hparams)


def optimised(case, mistake):
    """losses, steps, gradients and delta; the same for every method, so computed once."""
    key = value_key(case, mistake)
    if key not in VALUES:
        value = value_of(case, mistake)
        value.optimise()
        VALUES[key] = SimpleNamespace(
            losses=np.array(value.all_losses), steps=np.array(value.steps),
            gradients=np.array(value.gradients), delta=value.delta)
    return VALUES[key]


def key_tensors(keys, W, b, mistake):
    outs = keys @ W + (0 if mistake == "bias_missing" else b)
    first = mistake == "empty_template_left_out"
    return {"keys": keys, "k_u": keys[0], "k_bar": keys[first:].mean(0),
            "m_u": outs[0], "m_bar": outs[first:].mean(0)}


def update_tensors(x, method, C, mistake=None):
    """Everything from v_star on, of k_u, k_bar, m_u, m_bar and delta. (E3), (E4), (E6)"""
    x = {name: np.asarray(v, LONG) for name, v in x.items()}
    k_u, k_bar, delta = x["k_u"], x["k_bar"], x["delta"]
    v_star = x["m_u"] + delta
    bare = (method == "p-rome") != (mistake == "other_key")
    key = k_u if bare else k_bar
    if C is None or mistake == "no_solve":
        raw = key
    else:
        raw = C @ key if mistake == "inverse_forgotten" else rome.solve(C, key)
    u = raw if mistake == "not_normalised" else raw / norm(raw)
    k_den = {"released_mismatch": k_u, "consistent": k_bar}.get(
        mistake, k_u if method in ("rome", "p-rome") else k_bar)
    r = v_star - x["m_bar"] if method in ("c-rome", "r-rome") else delta
    r = {"delta": delta, "v_star": v_star}.get(mistake, r)
    denominator = u @ k_den
    right = r / denominator
    out = {"v_star": v_star, "u": u, "denominator_raw": raw @ k_den, "denominator": denominator,
           "residual": r, "right": right, "dW": np.outer(u, right), "numerator": norm(r),
           "dW_norm": norm(np.outer(u, right)), "cos_keys": k_u @ k_bar / norm(k_u) / norm(k_bar),
           "reach_k_u": u @ k_u / denominator, "reach_k_bar": u @ k_bar / denominator}
    if C is not None:
        out["interference"] = np.sqrt(u @ C @ u) / abs(denominator)
        out["rms_predicted"] = out["numerator"] * out["interference"]
    return out


def pencil(case, mistake, wanted=None):
    out = key_tensors(case["keys"], case["W"], case["b"], mistake)
    del out["keys"]
    x = dict(out, delta=case["delta"])
    return dict(out, **update_tensors(x, case.notes["method"], case["C"], mistake))


@functools.lru_cache(None)
def corpus(path):
    windows = read_safetensors(os.path.join(path, "windows.safetensors"))["ids"].astype(np.int64)
    return windows, rome.read_sentences(os.path.join(path, "sentences.txt"), checkpoint(path))


@functools.lru_cache(None)
def perplexities_before(path):
    windows, sentences = corpus(path)
    model = checkpoint(path)
    return rome.stream_ppl(model, windows), rome.sentence_ppl(model, sentences)


@functools.lru_cache(None)
def corpus_keys(path, layer):
    return rome.corpus_keys(checkpoint(path), corpus(path)[0], layer)


def on_corpus(case, after, dW):
    """rms of the corpus keys' move, perplexities."""
    before = perplexities_before(needs(case))
    windows, sentences = corpus(needs(case))
    move = corpus_keys(needs(case), hparams_of(case)["layer"]) @ dW.astype(np.float64)
    return {"rms_measured": np.sqrt((move * move).sum(-1).mean()),
            "stream_ppl_before": before[0], "stream_ppl_after": rome.stream_ppl(after, windows),
            "sentence_ppl_before": before[1],
            "sentence_ppl_after": rome.sentence_ppl(after, sentences)}


def edit(case, mistake, wanted=None):
    """All tensors, or at least the wanted ones."""
    wanted = wanted or {t.name for t in case.right()}
    model, layer = model_of(case), hparams_of(case)["layer"]
    value = value_of(case)
    keys = value.keys
    if mistake == "lookup_next":
        keys = np.array([model.run(ids, layer)[3][lookup + 1] for ids, lookup in
                         rows_of(case)[:-1]])
    name = "h.%d.mlp.c_proj." % layer
    out = key_tensors(keys, model.w[name + "weight"], model.w[name + "bias"], mistake)
    out["logits"] = value.logits
    if wanted <= FORWARD:
        return out
    found = optimised(case, mistake if mistake in IN_OPTIMISER else None)
    out.update(losses=found.losses, steps=found.steps, gradients=found.gradients,
               delta=found.delta)
    out.update(update_tensors({n: out[n] for n in ("k_u", "k_bar", "m_u", "m_bar", "delta")},
                              case.texts["method"], C_of(case), mistake))
    after = model.with_update(layer, out["dW"].astype(keys.dtype))
    if "logits_after" in wanted:
        out["logits_after"] = after.run(value.prompts[0][0])[-1:]
    if wanted & CORPUS:
        out.update(on_corpus(case, after, out["dW"]))
    return out
