"""Recomputes lines of `rome99 study` from the models' folders and compares.

    check_study.py [--models DIR]... [--every N] FILE...

The model of a line is DIR/NAME of the first DIR that has it (tiny_models unless told); lines of
models that are in none are skipped, and counted. Of edits and twins all that follows from keys alone
is checked on every line; what needs the optimised value, on lines whose number N divides (of steps,
which are made one and all, also the first of a sequence). Lines "layers", "update" and "map" are
always checked. Bars are relative errors: CLASSES. Not checked: "inputs", "seed", "real".
"""
import argparse
import copy
import hashlib
import itertools
import json
import os
import re
import sys

try:
    import numpy as np
except ImportError:
    print("check_study: skipped, no numpy\n0 passed, 0 failed")
    sys.exit(0)

import rome
from backward import BackwardEdit, layer_keys
from check_edit import difference
from gpt2 import GPT2, log_softmax, read_json, read_safetensors, softmax
from rome import Edit, norm

CLASSES = {"key": 1e-8, "value": 1e-7, "perplexity": 1e-8, "layer": 1e-10, "share": 1e-14,
           "exact": 0.0}
TSNE_LARGEST = 1.5
HEADER = {"rome99", "experiment", "name", "model", "inputs", "seed", "line", "lines", "kind", "real",
          "control", "value", "method", "fact", "order", "step", "steps"}
KEY = {"denominator", "denominator_raw", "cos_keys", "interference"}
FOUND = {"numerator", "dW_norm", "loss", "rms_predicted", "rms_measured", "drift",
         "p_new_after", "p_new_after_prefixed"}
EXACT = {"group", "layer", "prompt", "subject", "target_new", "subject_first", "lookup",
         "subject_tokens", "iterations", "verdict", "mask"}


def class_of(field):
    if field in EXACT:
        return "exact"
    if field in FOUND:
        return "value"
    if "ppl" in field:
        return "perplexity"
    return "key" if field in KEY | {"ratio", "p_new_before"} else "share"


class Report:
    """What the lines of one file came to."""

    def __init__(self):
        self.lines, self.failed, self.worst = set(), set(), {}
        self.found = self.full = 0         # faults; lines of which every field was recomputed

    def fields(self, line, expected, whole=False):
        """Each expected field against the line's; with whole, the line may have no others."""
        for name, value in expected.items():
            self.compare(line["line"], name, class_of(name), line.get(name, "absent"), value)
        if whole:
            self.full += 1
            unknown = set(line) - HEADER - set(expected)
            self.compare(line["line"], "fields that are not checked", "exact", sorted(unknown), [])

    def compare(self, where, name, kind, got, expected, bar=None):
        bar = CLASSES[kind] if bar is None else bar
        error = error_of(kind, got, expected)
        self.lines.add(where)
        if error > self.worst.get(kind, (-1.0,))[0]:
            self.worst[kind] = error, name, where
        if not error <= bar:
            self.failed.add(where)
            self.found += 1
            if self.found <= 20:
                both = ["%.16g" % x if isinstance(x, float) else str(x)[:60] for x in (got, expected)]
                print("FAIL line %s, %s: %s, recomputed %s (error %.2e, bar %.1e)"
                      % (where, name, *both, error, bar))

    def passed(self):
        return len(self.lines) - len(self.failed)

    def say(self, name, total):
        errors = ["%s %.1e (%s, line %s)" % (kind, *self.worst[kind])
                  for kind in CLASSES if kind in self.worst and kind != "exact"]
        lines = [where for where in self.lines if isinstance(where, int)]
        print("%s: %d of %d lines, %d in full, %d failed; worst: %s"
              % (name, len(lines), total, self.full, len(self.failed), "; ".join(errors)),
              flush=True)


def told(value):
    return "inf" if value == np.inf else value


def error_of(kind, got, expected):
    if kind == "exact":
        return 0.0 if got == expected and type(got) is type(expected) else np.inf
    odd = (None, "inf", "absent")
    if any(isinstance(x, (str, type(None))) and x in odd for x in (got, expected)):
        return 0.0 if got == expected else np.inf
    if np.shape(got) != np.shape(expected):
        return np.inf
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    if kind == "share":
        return float(abs(got - expected).max())
    if kind == "layer":             # each number by itself
        largest = np.maximum(abs(got), abs(expected))
        error = float((abs(got - expected) / np.where(largest == 0, 1, largest)).max())
    else:
        error = difference(got, expected)
    return np.inf if np.isnan(error) else error


# ---- models --------------------------------------------------------------------------------

class Sight(GPT2):
    """GPT-2 that keeps its attention to position 0, and may see the whole text."""

    def attention(self, i, x, past):
        assert past is None
        split = lambda y: y.reshape(y.shape[:-1] + (self.H, -1)).swapaxes(-2, -3)
        q, k, v = map(split, np.split(self.affine(x, "h.%d.attn.c_attn" % i), 3, -1))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(self.D / self.H)
        if self.causal:
            later = np.triu(np.ones(scores.shape[-2:], bool), 1)
            scores = np.where(later, -np.inf, scores)
        weights = softmax(scores)
        self.to_first = weights[..., 0].mean(-2)        # of every query, mean over heads
        mixed = (weights @ v).swapaxes(-2, -3).reshape(x.shape)
        return self.affine(mixed, "h.%d.attn.c_proj" % i), None

    def layers(self, windows):
        """Means over the windows: (norm (L+1,T) of what enters each layer, attention (L,T))."""
        size = lambda x: np.sqrt((x * x).sum(-1)).mean(0)
        x = self.embed(windows)
        norms, attention = [size(x)], []
        for i in range(self.L):
            x = self.block(i, x)[0]
            norms.append(size(x))
            attention.append(self.to_first.mean(0))
        return np.array(norms), np.array(attention)


class Solver:
    """rome.solve for many keys of one C: refinement by one inverse, residuals in extended precision."""

    def __init__(self, C):
        self.scale = np.exp2(-np.round(np.log2(np.diag(C)) / 2))
        S = C * self.scale[:, None] * self.scale
        self.wide, self.inverse = S.astype(np.longdouble), np.linalg.inv(S)

    def __call__(self, key):
        rhs, x = (key * self.scale).astype(np.longdouble), np.zeros(len(key), np.longdouble)
        for _ in range(12):
            x = x + self.inverse @ (rhs - self.wide @ x).astype(np.float64)
        return (x * self.scale).astype(np.float64)


# ---- a folder ----------------------------------------------------------------------------------

class Folder:
    def __init__(self, path):
        read = lambda name: read_json(os.path.join(path, name))
        self.path, config, self.hparams = path, read("config.json"), read("hparams.json")
        self.model, self.sight = GPT2(path), Sight(path)
        self.sight.causal = not config.get("bidirectional", False)
        self.layer, = self.hparams["layers"]
        self.facts = [rome.Request(record) for record in read("facts.json")]
        self.templates, self.space = read("templates.json"), read("templates_space.json")
        self.prefixes = read("test_prefixes.json")
        self.windows = self.tensor("windows", "ids").astype(np.int64)
        self.sentences = rome.read_sentences(os.path.join(path, "sentences.txt"), self.model)
        with open(os.path.join(path, "sentences.txt"), encoding="utf-8", newline="") as f:
            self.behind = self.model.tokenizer.encode(".\n" + f.read())
        with open(os.path.join(path, "model.safetensors"), "rb") as f:
            self.hash = hashlib.sha256(f.read()).hexdigest()
        self.parts = [(part, *layer_keys(self.sight, part, self.layer))
                      for part in np.array_split(self.windows, 16)]
        self.keys = np.concatenate([key for _, key, _, _ in self.parts])     # (windows, T, F)
        self.own_C = self.moment(self.keys)
        self.C = self.tensor("cov", "C") if self.sight.causal else self.own_C
        self.solver, self.solver_rest = Solver(self.C), Solver(self.moment(self.keys[:, 1:]))
        self.edits, self.before = {}, None

    def tensor(self, file, name):
        return read_safetensors(os.path.join(self.path, file + ".safetensors"))[name]

    def moment(self, keys):
        return rome.second_moment(keys.reshape(-1, keys.shape[-1]))

    def edit(self, fact, templates):
        at = fact, tuple(templates)
        if at not in self.edits:
            self.edits[at] = self.edit_of(self.model, fact, templates)
        return self.edits[at]

    def edit_of(self, model, fact, templates):
        return BackwardEdit(model, self.facts[fact], self.layer, templates, self.hparams)

    def group(self, fact):
        subject = self.subject(fact)
        if not subject["subject_first"]:
            return "mid-prompt"
        return ("one" if subject["subject_tokens"] == 1 else "multi") + "-token first"

    def subject(self, fact):
        request, tokenizer = self.facts[fact], self.model.tokenizer
        ids = tokenizer.encode(request.text)
        begin = len(request.text[:request.subject_at].encode())
        last = tokenizer.token_ending_at(ids, begin + len(request.subject.encode()))
        return {"subject_first": begin == 0, "lookup": last,
                "subject_tokens": last - tokenizer.token_ending_at(ids, begin + 1) + 1}

    def efficacy(self, model, facts, frames):
        answer = rome.Behaviour(model).answer
        return rome.mean([answer(rome.splice(frame, self.facts[fact].text)[0],
                                 self.facts[fact].target_new)[0]
                          for fact in facts for frame in frames])

    def perplexities_before(self):
        if self.before is None:
            self.before = {"stream_ppl_before": rome.stream_ppl(self.model, self.windows),
                           "sentence_ppl_before": rome.sentence_ppl(self.model, self.sentences)}
        return self.before

    def stream_ppl(self, model):
        """Of a model that differs from the folder's in W only."""
        total = 0.0
        for ids, key, _, x in self.parts:
            x = x + model.affine(key, "h.%d.mlp.c_proj" % self.layer)
            for i in range(self.layer + 1, model.L):
                x = model.block(i, x)[0]
            total += rome.token_log_p(model.head(x), ids).sum()
        return told(rome.exp(-total / (self.windows.size - len(self.windows))))

    def check(self, report):
        """C, and the backward pass at the third step of one edit."""
        if self.sight.causal:
            report.compare("of C", "(E2)", "key", self.C, self.own_C, 1e-10)
            edit = self.edit_of(self.model, 0, self.templates)
            edit.hparams = dict(edit.hparams, v_num_grad_steps=3)
            Edit.optimise(edit)              # keeps what the gradient needs
            edit.losses(edit.delta)
            slow = Edit.gradient(edit, edit.delta)
            report.compare("of gradient", "backward pass", "value", edit.gradient(edit.delta), slow,
                           1e-10)


# ---- edits ------------------------------------------------------------------------------------

def last_words(template, n):
    """The template's last n words (parted by blanks, line ends, full stops), and its end."""
    end = ".\n{}"
    assert template.endswith(end)
    text = template[:-len(end)]
    starts = [match.start() for match in re.finditer(r"[^ .\n]+", text)] + [len(text)]
    return text[starts[max(0, len(starts) - 1 - n)]:] + end


def controlled(folder, line):
    """(edit, solver, None for the identity) that the line's control asks for."""
    control, value = line.get("control", "none"), line.get("value", "")
    templates, solver = folder.templates, folder.solver
    if control == "C":
        solver = {"identity": None, "without position 0": folder.solver_rest}[value]
    elif control == "separator":
        templates = {"blank": folder.space}[value]
    elif control.startswith("prefixes"):
        templates = templates[:int(value) + 1]
    elif control == "words in a prefix":
        templates = templates[:1] + [last_words(t, int(value)) for t in templates[1:]]
    else:
        assert control == "none", control
    return folder.edit(line["fact"], templates), solver


def with_mean(edit, line):
    """The edit with the k_bar that the line's control asks for."""
    edit = copy.copy(edit)
    if line.get("control") == "prefixes, no empty one":
        edit.k_bar = edit.keys[1:].mean(0)
    return edit


def key_fields(folder, edit, update):
    return {"denominator": update.denominator,
            "cos_keys": float(edit.k_u @ edit.k_bar) / (norm(edit.k_u) * norm(edit.k_bar)),
            "interference": update.interference(folder.C)}


def check_edit(folder, line, report, full):
    shared, solver = controlled(folder, line)
    if full:
        shared.optimise()
    edit = with_mean(shared, line)
    update = edit.update(line["method"], solver)
    fields = dict(key_fields(folder, edit, update), group=folder.group(line["fact"]))
    core = line["experiment"] == "core"
    if core:
        request = edit.request
        fields.update(denominator_raw=update.denominator_raw, layer=folder.layer,
                      prompt=request.prompt, subject=request.subject,
                      target_new=request.target_new, **folder.subject(line["fact"]))
    if full:
        after = folder.model.with_update(folder.layer, update.dW)
        fields.update(folder.perplexities_before(), numerator=norm(update.residual),
                      stream_ppl_after=folder.stream_ppl(after))
        if core:
            fields.update(more_fields(folder, edit, update, after, fields),
                          **rome.measures(folder.model, after, edit.request, folder.prefixes))
        else:
            del fields["sentence_ppl_before"]
            fields.update(efficacy=folder.efficacy(after, [line["fact"]], ["{}"]),
                          efficacy_prefixed=folder.efficacy(after, [line["fact"]], folder.prefixes))
    report.fields(line, fields, whole=full)


def more_fields(folder, edit, update, after, fields):
    size, stream = norm(update.residual), fields["stream_ppl_after"]
    collapse = stream == "inf" or stream / fields["stream_ppl_before"] > 2
    return {"dW_norm": size / abs(update.denominator),
            "rms_predicted": size * fields["interference"],
            "rms_measured": update.measured_rms(folder.keys.reshape(-1, folder.keys.shape[-1])),
            "iterations": len(edit.steps), "loss": edit.whole_losses(edit.delta)[0],
            "sentence_ppl_after": told(rome.sentence_ppl(after, folder.sentences)),
            "verdict": "collapse" if collapse else "stable"}


# ---- sequences ----------------------------------------------------------------------------------

class Chain:
    """Edits by one method, each on the weights that the last left."""

    def __init__(self, folder, method):
        self.folder, self.method = folder, method
        self.name = "h.%d.mlp.c_proj.weight" % folder.layer
        self.model, self.facts = folder.model, []

    def step(self, fact, full):
        folder = self.folder
        edit = folder.edit_of(self.model, fact, folder.templates)
        edit.optimise()
        update = edit.update(self.method, folder.solver)
        self.model = self.model.with_update(folder.layer, update.dW)
        self.facts.append(fact)
        W, size = folder.model.w[self.name], norm(update.residual)
        fields = {"numerator": size, "denominator": update.denominator,
                  "dW_norm": size / abs(update.denominator),
                  "drift": norm(self.model.w[self.name] - W) / norm(W)}
        if full:
            fields["stream_ppl_after"] = folder.stream_ppl(self.model)
        return fields

    def efficacies(self):
        efficacy = lambda frames: self.folder.efficacy(self.model, self.facts, frames)
        return {"efficacy_so_far": efficacy(["{}"]),
                "efficacy_so_far_prefixed": efficacy(self.folder.prefixes)}


def check_sequences(folder, lines, report, every):
    for (order, method), steps in itertools.groupby(
            sorted(lines, key=lambda d: (d["order"], d["method"], d["step"])),
            lambda d: (d["order"], d["method"])):
        steps = list(steps)
        facts = [line["fact"] for line in steps]
        meant = [f for f in range(len(folder.facts)) if order in ("all", folder.group(f))]
        report.compare(steps[0]["line"], "facts of the sequence", "exact", sorted(facts), meant)
        report.compare(steps[0]["line"], "steps", "exact", [(d["step"], d["steps"]) for d in steps],
                       [(i + 1, len(steps)) for i in range(len(steps))])
        chain = Chain(folder, method)
        for line in steps:
            full = line["step"] == 1 or line["line"] % every == 0
            fields = dict(chain.step(line["fact"], full), group=folder.group(line["fact"]))
            if full:
                fields.update(chain.efficacies(),
                              stream_ppl_before=folder.perplexities_before()["stream_ppl_before"])
            report.fields(line, fields, whole=full)


# ---- the other kinds ----------------------------------------------------------------------------

def check_layers(folder, line, report):
    norms, attention = folder.sight.layers(folder.windows)
    at = line["line"]
    report.compare(at, "norm", "layer", line["norm"], norms)
    report.compare(at, "attention", "layer", line["attention"], attention)
    report.fields(line, {"layer": folder.layer})


def check_update(folder, line, report):
    facts = [f for f in range(len(folder.facts)) if folder.group(f) == "one-token first"]
    edits = [folder.edit(fact, folder.templates) for fact in facts]
    sizes = [edit.update("rome", folder.solver).interference(folder.C) for edit in edits]
    middle = np.argsort(sizes)[len(sizes) // 2]
    at, edit = line["line"], edits[middle]
    report.compare(at, "fact", "exact", line["fact"], facts[middle])
    report.fields(line, {"group": folder.group(facts[middle])})
    edit.optimise()
    for method in ("rome", "c-rome"):
        update, got = edit.update(method, folder.solver), line[method]
        report.compare(at, method + " denominator", "key", got["denominator"], update.denominator)
        report.compare(at, method + " u", "key", got["u"], update.u)
        report.compare(at, method + " right", "value", got["right"], update.right)


def map_points(folder):
    """{(what, fact): key of unit length}"""
    points = {}
    for fact, request in enumerate(folder.facts):
        edit = folder.edit(fact, folder.templates)
        points["solved", fact] = edit.update("rome", folder.solver).u
        points["k_u", fact], points["k_bar", fact] = edit.k_u, edit.k_bar
        if folder.group(fact) == "mid-prompt":
            ids, at = edit.prompts[0][0], 0
            what = "first token"
        else:
            text, begin = rome.splice(folder.prefixes[0], request.text)
            ids, at = rome.locate(folder.model.tokenizer, text, begin + request.subject_at,
                                  request.subject, "subject_last")
            what = "behind a prefix"
        points[what, fact] = layer_keys(folder.model, ids, folder.layer)[0][at]
    return {name: key / norm(key) for name, key in points.items()}


def check_map(folder, line, report):
    points, got, at = map_points(folder), line["points"], line["line"]
    names = [(p["what"], p["fact"]) for p in got]
    report.compare(at, "points", "exact", sorted(names), sorted(points))
    report.compare(at, "groups", "exact", [p["group"] for p in got],
                   [folder.group(p["fact"]) for p in got])
    x = np.array([points[name] for name in names])
    left, sizes, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    report.compare(at, "pca_share", "key", line["pca_share"], sizes[:2] ** 2 / (sizes ** 2).sum())
    for i in range(2):
        scores = left[:, i] * sizes[i]
        large = scores[abs(scores) >= 0.99 * abs(scores).max()]
        report.compare(at, "pca %d" % (i + 1), "key", [p["pca"][i] for p in got],
                       scores * np.sign(large[0]))
    y = np.array([p["tsne"] for p in got])
    report.compare(at, "tsne is finite", "exact", bool(np.isfinite(y).all()), True)
    report.compare(at, "tsne_kl is small", "exact", line["tsne_kl"] <= TSNE_LARGEST, True)
    report.compare(at, "tsne_kl", "value", line["tsne_kl"], tsne_kl(x, y, line["tsne_perplexity"]))


def distances(x):
    squares = (x * x).sum(-1)
    return np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0.0)


def tsne_kl(x, y, perplexity):
    """KL(P | Q) of van der Maaten and Hinton's t-SNE at the places y."""
    n, D = len(x), distances(x)
    P = np.zeros((n, n))
    for i in range(n):
        d = np.delete(D[i], i)
        low, high = 1e-3, 1e9
        for _ in range(200):
            beta = np.sqrt(low * high)
            p = softmax(-beta * d)
            entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
            low, high = (beta, high) if entropy > np.log(perplexity) else (low, beta)
        P[i, np.arange(n) != i] = p
    P = (P + P.T) / (2 * n)
    Q = 1 / (1 + distances(y))
    np.fill_diagonal(Q, 0.0)
    Q /= Q.sum()
    there = P > 0
    return float((P[there] * np.log(P[there] / Q[there])).sum())


def check_twin(folder, line, report):
    model, request = folder.sight, folder.facts[line["fact"]]
    tokenizer, T = model.tokenizer, model.n_positions
    mask = tokenizer.vocab[tokenizer.byte_char[0]]
    true = rome.target_ids(tokenizer, request.target_true)
    rows, at, masked = [], [], []
    for template in folder.templates:
        text, begin = rome.splice(template, request.text)
        ids, lookup = rome.locate(tokenizer, text, begin + request.subject_at, request.subject,
                                  "subject_last")
        rows.append((ids + [mask] * len(true) + folder.behind)[:T])
        at.append(lookup)
        masked.append(len(ids))
    assert {len(row) for row in rows} == {T}
    keys = layer_keys(model, rows, folder.layer)[0][np.arange(len(rows)), at]
    k_u, k_bar = keys[0], keys.mean(0)
    u = folder.solver(k_bar)
    shares = [None]
    if not model.causal:
        top = model.logits(rows).argmax(-1)
        shares = [float(np.mean(row[m:m + len(true)] == true)) for row, m in zip(top, masked)]
    report.fields(line, {
        "mask": "causal" if model.causal else "none", "group": folder.group(line["fact"]),
        "cos_keys": float(k_u @ k_bar) / (norm(k_u) * norm(k_bar)),
        "ratio": float(u @ k_u) / float(u @ k_bar),
        "interference": float(np.sqrt(u @ folder.own_C @ u)) / abs(float(u @ k_u)),
        "recall": shares[0], "recall_prefixed": rome.mean(shares[1:])}, whole=True)


# ---- files ----------------------------------------------------------------------------------------

CHECKS = {"twin": check_twin, "layers": check_layers, "update": check_update, "map": check_map}


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(text) for text in f]


def check_lines(lines, folder, report, every):
    """Lines of one experiment on one model."""
    for line in lines:
        report.compare(line["line"], "model", "exact", line["model"], folder.hash)
    folder.check(report)
    numbers, names = {line["line"] for line in lines}, set(map(name_of, lines))
    whole = set(range(lines[0]["lines"]))
    report.compare("of all", "numbers", "exact", (len(numbers), numbers <= whole), (len(lines), True))
    report.compare("of all", "results", "exact", len(names), len(lines))
    for line in lines:
        if line["kind"] == "edit":
            check_edit(folder, line, report, line["line"] % every == 0)
        elif line["kind"] != "step":
            CHECKS[line["kind"]](folder, line, report)
    check_sequences(folder, [line for line in lines if line["kind"] == "step"], report, every)


def name_of(line):
    return tuple(line.get(n) for n in ("kind", "control", "value", "order", "method", "fact"))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("files", nargs="+")
    p.add_argument("--models", action="append")
    p.add_argument("--every", type=int, default=13)
    args = p.parse_args()
    places, folders = args.models or ["tiny_models"], {}
    passed = failed = 0
    kind = lambda line: (line["experiment"], line["name"])
    for path in args.files:
        for (experiment, name), lines in itertools.groupby(sorted(read_lines(path), key=kind), kind):
            lines, title = list(lines), "%s, %s of %s" % (os.path.basename(path), experiment, name)
            found = [os.path.join(d, name) for d in places if os.path.isdir(os.path.join(d, name))]
            if not found:
                print("%s: %d lines skipped, no model" % (title, len(lines)))
                continue
            if name not in folders:
                folders[name] = Folder(found[0])
            report = Report()
            check_lines(lines, folders[name], report, args.every)
            report.say(title, lines[0]["lines"])
            passed, failed = passed + report.passed(), failed + len(report.failed)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
