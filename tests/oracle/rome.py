"""ROME editing from its specification: keys, the optimised value, four updates, all measures.

The labels (E1) ... are those of NOTES.md. The gradient of the loss comes from the complex step,
d loss / d delta_i = Im loss(delta + i h e_i) / h with h so small that h^2 vanishes: no backward
pass exists here.
"""
import os

import numpy as np

from gpt2 import log_softmax, read_safetensors, read_json

STEP = 1e-30
BATCH_NUMBERS = 16384    # of the widest array in a complex forward: larger ones page-fault
DEFAULTS = {"fact_token": "subject_last", "v_num_grad_steps": 20, "v_lr": 0.5,
            "v_weight_decay": 0.5, "kl_factor": 0.0625, "clamp_norm_factor": 4.0,
            "mom2_adjustment": True}
METHODS = ("rome", "c-rome", "r-rome", "p-rome", "k-rome")


def splice(template, text):
    """Puts text at the one "{}" of the template. Returns (result, index where text begins)."""
    at = template.index("{}")
    assert template.find("{}", at + 2) < 0, "more than one {}"
    return template[:at] + text + template[at + 2:], at


class Request:
    def __init__(self, record):
        rewrite = record.get("requested_rewrite", record)
        self.prompt, self.subject = rewrite["prompt"], rewrite["subject"]
        self.target_new = rewrite["target_new"]["str"]
        self.target_true = rewrite.get("target_true", {}).get("str")
        self.paraphrases = record.get("paraphrase_prompts", [])
        self.neighbours = record.get("neighborhood_prompts", [])
        self.text, self.subject_at = splice(self.prompt, self.subject)


def target_ids(tokenizer, target):
    return tokenizer.encode(target if target.startswith(" ") else " " + target)


def locate(tokenizer, text, subject_at, subject, fact_token):
    """(ids of text, lookup position)."""
    ids = tokenizer.encode(text)
    if fact_token == "last":
        return ids, len(ids) - 1
    end = len((text[:subject_at] + subject).encode("utf-8"))
    return ids, tokenizer.token_ending_at(ids, end)


def norm(x):
    return np.sqrt(np.sum(np.square(x)))


class Adam:
    """Steps of delta, each cut to the norm `largest`."""

    def __init__(self, lr, largest):
        self.lr, self.largest = lr, largest
        self.t, self.m, self.v = 0, 0.0, 0.0

    def step(self, delta, g):
        b1, b2 = g.dtype.type(0.9), g.dtype.type(0.999)
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g * g
        return self.clamped(delta - self.lr * self.direction(1 - b1 ** self.t, 1 - b2 ** self.t))

    def direction(self, m_bias, v_bias):
        return self.m / m_bias / (np.sqrt(self.v / v_bias) + 1e-8)

    def clamped(self, delta):
        length = norm(delta)
        return delta * (self.largest / length) if length > self.largest else delta


class Value:
    """Keys and the optimised value of one layer, from token ids on: what all methods share."""

    def __init__(self, model, layer, prompts, kl_prompt, target, hparams):
        """prompts: (ids of the spliced prompt, lookup) a template; kl_prompt: the same."""
        self.model, self.layer, self.target, self.hparams = model, layer, target, hparams
        self.prompts, self.kl_prompt = prompts, kl_prompt
        self.W = model.w["h.%d.mlp.c_proj.weight" % layer]
        self.find_keys()

    def find_keys(self):
        """(E1) k and m of every template; k_u, m_u are those of the first, "{}"."""
        keys, outs = [], []
        for ids, lookup in self.prompts:
            logits, _, out, key = self.model.run(ids, self.layer)
            keys.append(key[lookup])
            outs.append(out[lookup])
            if len(keys) == 1:
                self.logits = logits           # (T,V) of the bare prompt
        self.keys, self.outs = np.array(keys), np.array(outs)
        self.k_u, self.m_u = self.keys[0], self.outs[0]
        self.k_bar, self.m_bar = self.keys.mean(0), self.outs.mean(0)

    # -- delta: section 3 ----------------------------------------------------------------------

    def start_optimiser(self):
        """What a complex forward needs of each row: x after the layer from the lookup position
        on, and what the later layers' attention keeps of the positions before it."""
        self.rows = []
        for prompt, lookup in self.prompts:
            ids = prompt + self.target[:-1]
            self.rows.append(self.row(ids, lookup, len(prompt) - 1))
        ids, lookup = self.kl_prompt
        self.kl_row = self.row(ids, lookup, self.kl_position())
        self.log_p0 = log_softmax(self.model.run(ids)[self.kl_position()])
        zero = np.zeros((1, self.model.D), np.result_type(self.W, np.complex64))
        self.log_p0_suffix = log_softmax(self.suffix_logits(self.kl_row, zero, 1)[0, 0]).real

    def row(self, ids, lookup, first_target):
        _, x, _, _ = self.model.run(ids, self.layer)
        past, before = [], x[:lookup]
        for i in range(self.layer + 1, self.model.L):
            if lookup == 0:
                past.append(None)
                continue
            before, _, _, kv = self.model.block(i, before)
            past.append(kv)
        return ids, lookup, first_target - lookup, x[lookup:], past

    def suffix_logits(self, row, deltas, n):
        """Logits (B, n, V) of n positions from the row's first target on, at deltas (B, D)."""
        _, _, first, x, past = row
        x = np.repeat(x[None].astype(deltas.dtype), len(deltas), 0)
        x[:, 0] += deltas
        for i in range(self.layer + 1, self.model.L):
            x = self.model.block(i, x, past[i - self.layer - 1])[0]
        return self.model.head(x[:, first:first + n])

    def row_nll(self, logits):
        at = np.arange(len(self.target)), self.target
        return -log_softmax(logits)[(..., *at)].mean(-1)

    def kl(self, logits):
        log_p = log_softmax(logits)
        return self.hparams["kl_factor"] * (np.exp(log_p) * (log_p - self.log_p0)).sum(-1)

    def kl_less_mass(self, logits):
        """kl - kl_factor sum p: the same derivatives, but at p = p0 they are exactly zero and not
        rounding, which Adam would magnify where the rewriting rows do not see delta (layer L-1)."""
        log_p = log_softmax(logits)
        excess = log_p - self.log_p0_suffix - 1
        return self.hparams["kl_factor"] * (np.exp(log_p) * excess).sum(-1)

    def losses(self, delta):
        """(E5) total, nll, kl, wd by whole forwards of every row."""
        n, nll = len(self.target), 0.0
        for ids, lookup, first, _, _ in self.rows:
            logits = self.model.run(ids, self.layer, (lookup, delta))[0]
            nll += self.row_nll(logits[lookup + first:lookup + first + n]) / len(self.rows)
        ids, lookup = self.kl_prompt
        kl = self.kl(self.model.run(ids, self.layer, (lookup, delta))[0][self.kl_position()])
        wd = self.decay(delta)
        return np.array([nll + kl + wd, nll, kl, wd])

    def kl_position(self):
        return self.kl_prompt[1]

    def decay(self, delta):
        length = np.sqrt((delta * delta).sum(-1))
        return self.hparams["v_weight_decay"] * length / norm(self.m_u) ** 2

    def gradient(self, delta):
        widest = max(row[3].shape[0] for row in self.rows) * self.W.shape[0]
        batches = min(len(delta), -(-len(delta) * widest // BATCH_NUMBERS))
        directions = np.array_split(np.eye(len(delta), dtype=delta.dtype), batches)
        return np.concatenate([self.derivatives(delta, e) for e in directions])

    def derivatives(self, delta, directions):
        z = delta + 1j * STEP * directions
        loss = self.kl_less_mass(self.suffix_logits(self.kl_row, z, 1)[:, 0])
        for row in self.rows:
            logits = self.suffix_logits(row, z, len(self.target))
            loss = loss + self.row_nll(logits) / len(self.rows)
        if delta.any():
            loss = loss + self.decay(z)
        return loss.imag / STEP

    def optimise(self):
        """Sets steps and all_losses, a row a forward, gradients, delta and v_star."""
        h, n_steps = self.hparams, int(self.hparams["v_num_grad_steps"])
        self.start_optimiser()
        delta = np.zeros_like(self.m_u)
        self.adam = self.make_adam(h["v_lr"], h["clamp_norm_factor"] * norm(self.m_u))
        self.steps, self.all_losses, self.gradients = [], [], []
        for t in range(1, n_steps + 1):
            self.steps.append(delta)
            self.all_losses.append(self.losses(delta))
            if self.all_losses[-1][0] < 0.05 or t == n_steps:
                break
            self.gradients.append(self.gradient(delta))
            delta = self.adam.step(delta, self.gradients[-1])
        self.delta = delta
        self.v_star = self.m_u + delta

    make_adam = Adam


class Edit(Value):
    """One edit of one layer, from the texts of its request."""

    def __init__(self, model, request, layer, templates, hparams=None):
        hparams = dict(DEFAULTS, **(hparams or {}))
        assert templates[0] == "{}"
        assert hparams["fact_token"] in ("subject_last", "last")
        self.request = request
        prompts = []
        for template in templates:
            text, at = splice(template, request.text)
            prompts.append(locate(model.tokenizer, text, at + request.subject_at, request.subject,
                                  hparams["fact_token"]))
        kl_prompt = locate(model.tokenizer, request.subject + " is a", 0, request.subject,
                           hparams["fact_token"])
        super().__init__(model, layer, prompts, kl_prompt,
                         target_ids(model.tokenizer, request.target_new), hparams)

    # -- the update: section 2 -----------------------------------------------------------------

    def update(self, method, C):
        """(E3) C None stands for the identity."""
        key = self.k_u if method == "p-rome" else self.k_bar
        u = key.copy() if C is None else solve(C, key)
        k_den = self.k_u if method in ("rome", "p-rome") else self.k_bar
        r = self.v_star - self.m_bar if method in ("c-rome", "r-rome") else self.delta
        return Update(u, k_den, r)


def solve(C, key):
    """C^-1 key, refined with residuals in extended precision until it stands still."""
    scale = np.exp2(-np.round(np.log2(np.diag(C)) / 2))      # powers of two: S is exact
    S = C * scale[:, None] * scale
    wide, rhs = S.astype(np.longdouble), (key * scale).astype(np.longdouble)
    S = S.astype(np.float64)
    x = np.zeros(len(key), np.longdouble)
    for _ in range(12):
        x = x + np.linalg.solve(S, (rhs - wide @ x).astype(np.float64))
    return (x * scale).astype(key.dtype)


class Update:
    def __init__(self, u_raw, k_den, residual):
        self.k_den, self.residual = k_den, residual
        self.denominator_raw = float(u_raw @ k_den)
        self.u = u_raw / norm(u_raw)
        self.denominator = float(self.u @ k_den)
        self.right = residual / self.denominator
        self.dW = np.outer(self.u, self.right)

    def interference(self, C):
        """(E4) I; times ||residual|| it is the rms of the corpus keys' move."""
        return float(np.sqrt(self.u @ C @ self.u)) / abs(self.denominator)

    def measured_rms(self, keys):
        """The same from the keys (n,F) of the corpus."""
        move = keys @ self.dW
        return float(np.sqrt((move * move).sum(-1).mean()))


# ---- measures: section 5 ---------------------------------------------------------------------

def token_log_p(logits, ids):
    """log p of ids[..., 1:] under logits (..., T, V) of ids."""
    log_p = log_softmax(logits[..., :-1, :])
    return np.take_along_axis(log_p, np.asarray(ids)[..., 1:, None], -1)[..., 0]


def exp(x):
    with np.errstate(over="ignore"):
        return float(np.exp(x))


def stream_ppl(model, windows):
    total = sum(token_log_p(model.logits(part), part).sum() for part in np.array_split(windows, 16)
                if len(part))
    return exp(-total / (windows.shape[0] * (windows.shape[1] - 1)))


def sentence_ppl(model, sentences):
    return float(np.mean([exp(-token_log_p(model.logits(ids), ids).mean()) for ids in sentences]))


def corpus_keys(model, windows, layer):
    """Keys (n,F) of every position of every window."""
    parts = [model.run(part, layer)[3] for part in np.array_split(windows, 16) if len(part)]
    keys = np.concatenate(parts)
    return keys.reshape(-1, keys.shape[-1])


def second_moment(keys):
    """(E2)"""
    return keys.T @ keys / len(keys)


class Behaviour:
    """A model's answers to prompts."""

    def __init__(self, model):
        self.model, self.encode = model, model.tokenizer.encode

    def answer(self, text, target):
        """(share of target tokens that are the argmax, exp(mean log p of them))."""
        prompt, target = self.encode(text), target_ids(self.model.tokenizer, target)
        logits = self.model.logits(prompt + target[:-1])[len(prompt) - 1:]
        share = float(np.mean(logits.argmax(-1) == target))
        return share, exp(np.mean(log_softmax(logits)[np.arange(len(target)), target]))

    def top(self, text):
        return int(self.model.logits(self.encode(text))[-1].argmax())


def measures(before, after, request, prefixes):
    """JSON fields of behaviour; before and after are models, prefixes may be None."""
    old, new = Behaviour(before), Behaviour(after)
    fields = {"p_new_before": old.answer(request.text, request.target_new)[1],
              "p_new_after": new.answer(request.text, request.target_new)[1],
              "p_new_after_prefixed": None}
    for suffix, frames in (("", ["{}"]), ("_prefixed", prefixes)):
        frame = lambda texts: [splice(f, t)[0] for t in texts for f in frames or []]
        for name, texts in (("efficacy", [request.text]), ("generalisation", request.paraphrases)):
            answers = [new.answer(t, request.target_new) for t in frame(texts)]
            fields[name + suffix] = mean([share for share, _ in answers])
            if name == "efficacy" and suffix:
                fields["p_new_after_prefixed"] = mean([p for _, p in answers])
            wins = []
            if request.target_true is not None:
                wins = [p > new.answer(t, request.target_true)[1]
                        for t, (_, p) in zip(frame(texts), answers)]
            fields[name + "_p" + suffix] = mean(wins)
        fields["locality" + suffix] = mean([old.top(t) == new.top(t)
                                            for t in frame(request.neighbours)])
    return fields


def mean(values):
    return float(np.mean(values)) if values else None


# ---- a model's folder ------------------------------------------------------------------------

def read_cov(path):
    if path.endswith(".npy"):
        return np.load(path).astype(np.float64)
    return read_safetensors(path)["C"].astype(np.float64)


def read_request(path):
    record = read_json(path)
    if isinstance(record, list):
        assert len(record) == 1, "one request at a time"
        record = record[0]
    return Request(record)


def read_sentences(path, model):
    with open(path, encoding="utf-8", newline="\n") as f:
        lines = [line.rstrip("\r\n") for line in f]
    coded = [model.tokenizer.encode(line) for line in lines if line]
    assert min(map(len, coded)) > 1, "a sentence of one token"
    return [ids[:model.n_positions] for ids in coded]


def cut_text(path, model):
    """Windows (n, n_positions) of a text that is encoded whole; the rest is dropped."""
    with open(path, encoding="utf-8", newline="") as f:
        ids = model.tokenizer.encode(f.read())
    n = len(ids) // model.n_positions
    return np.array(ids[:n * model.n_positions]).reshape(n, model.n_positions)


def optional(folder, name):
    path = os.path.join(folder, name)
    return path if os.path.exists(path) else None
