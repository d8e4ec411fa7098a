"""Recomputes one `rome99 edit MODEL REQUEST --trace T --json` and compares every tensor and field.

    check_edit.py MODEL REQUEST --trace T --result JSONL [the options given to rome99 edit]

Error is |a - b| / max(|a|, |b|) in the 2-norm. Bars: 1e-10 for tensors and 1e-9 for scalars,
unless the problem's conditioning allows rounding to do more (then the table says so); integers,
strings and shares of arg-maxima must be equal.
"""
import argparse
import math
import os
import sys

import numpy as np

import rome
from backward import CheckedEdit
from gpt2 import GPT2, read_json, read_safetensors
from rome import Edit, norm

EPS = 2.0 ** -53
KEY_ULPS = 8             # what two float64 forwards may differ by in a key
TENSOR_BAR, SCALAR_BAR = 1e-10, 1e-9
OVERRIDES = ("v_lr", "v_num_grad_steps", "v_weight_decay", "clamp_norm_factor", "kl_factor")


class Table:
    """Prints a row a comparison and counts."""

    def __init__(self):
        self.passed = self.failed = 0
        self.worst = (0.0, "nothing")

    def row(self, name, error, bar, why=""):
        error = math.inf if math.isnan(error) else error
        ok = bool(error <= bar)
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        if bar > 0 and error / bar > self.worst[0]:
            self.worst = (error / bar, "%s (%.2e of %.1e)" % (name, error, bar))
        print("%-28s %9.2e  %8.1e  %-4s %s" % (name, error, bar, "ok" if ok else "FAIL", why))

    def tensor(self, name, got, expected, bar=0.0):
        got = np.asarray(got, np.float64)
        if got.shape != np.shape(expected):
            return self.row(name, math.inf, TENSOR_BAR,
                            "shape %s, expected %s" % (got.shape, np.shape(expected)))
        self.row(name, difference(got, expected), max(bar, TENSOR_BAR),
                 "conditioning" if bar > TENSOR_BAR else "")

    def scalar(self, name, got, expected, bar=0.0):
        if got is None or expected is None or isinstance(got, str) or isinstance(expected, str):
            return self.exact(name, got, expected)
        self.row(name, difference(got, expected), max(bar, SCALAR_BAR),
                 "conditioning" if bar > SCALAR_BAR else "")

    def exact(self, name, got, expected):
        same = got == expected and (isinstance(got, bool) == isinstance(expected, bool))
        self.row(name, 0.0 if same else math.inf, 0.0,
                 "" if same else "got %r, expected %r" % (got, expected))

    def share(self, name, got, expected):
        """A mean of zeros and ones over few prompts: equal up to the last bits of a division."""
        if got is None or expected is None:
            return self.exact(name, got, expected)
        self.row(name, abs(got - expected), 1e-14,
                 "" if abs(got - expected) <= 1e-14 else "got %r, expected %r" % (got, expected))


def difference(a, b):
    largest = max(norm(a), norm(b))
    return 0.0 if largest == 0 else norm(np.subtract(a, b)) / largest


def as_json(x):
    return "inf" if x is not None and math.isinf(x) else x


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model")
    p.add_argument("request")
    p.add_argument("--trace", required=True)
    p.add_argument("--result", required=True, help="the JSON line, in a file; - for stdin")
    p.add_argument("--method", default="rome", choices=rome.METHODS)
    p.add_argument("--layer", type=int)
    for name in ("templates", "cov", "hparams", "test-prefixes", "text", "sentences"):
        p.add_argument("--" + name)
    for name in OVERRIDES:
        p.add_argument("--" + name, type=float)
    p.add_argument("--fact_token", choices=("subject_last", "last"))
    p.add_argument("--no-ppl", action="store_true")
    p.add_argument("--dry-run", action="store_true")
    p.add_argument("--backward", action="store_true",
                   help="for large models: gradients from a backward pass, held to complex steps")
    return p.parse_args()


def settings(args):
    path = args.hparams or rome.optional(args.model, "hparams.json")
    hparams = read_json(path) if path else {}
    for name in (*OVERRIDES, "fact_token"):
        if getattr(args, name) is not None:
            hparams[name] = getattr(args, name)
    layer = args.layer if args.layer is not None else hparams["layers"][0]
    return hparams, layer


def covariances(args, hparams, layer):
    """(C of the solve or None for the identity, C of the corpus or None). The folder's own C is
    of the layer that the folder's own hparams.json names, and of no other."""
    path = args.cov if args.cov != "identity" else None
    if path is None:
        own = rome.optional(args.model, "hparams.json")
        if own and read_json(own)["layers"] == [layer]:
            path = rome.optional(args.model, "cov.safetensors")
    corpus = rome.read_cov(path) if path else None
    identity = args.cov == "identity"
    if args.cov is None and not hparams.get("mom2_adjustment", True):
        identity = True
    return (None if identity else corpus), corpus


def corpus(args, model):
    """Windows of the stream perplexity, or None."""
    if args.text:
        return rome.cut_text(args.text, model)
    path = rome.optional(args.model, "windows.safetensors")
    return read_safetensors(path)["ids"].astype(np.int64) if path else None


class Solve:
    """How well the program's u solves C u = key, and what that allows its consequences."""

    def __init__(self, C, key, u_raw):
        g = np.zeros_like(key)
        residual = np.zeros_like(key)
        inverse = np.eye(len(key))
        if C is not None:
            d = np.sqrt(np.diag(C))
            g = d * (d @ abs(u_raw))                 # bounds |L||L^T||u|, C = L L^T
            residual = C.astype(np.longdouble) @ u_raw.astype(np.longdouble) - key
            inverse = abs(np.linalg.inv(C))
        self.backward = float((abs(residual) / (g + abs(key))).max())
        self.spread = inverse @ (abs(residual) + KEY_ULPS * EPS * abs(key)) / norm(u_raw)
        self.error = norm(self.spread)               # bounds the unit u's error, first order

    def error_of_product(self, k_den, denominator):
        """Bounds the relative error of u^T k_den, the rounding of that sum included."""
        return float((self.spread + 4 * EPS) @ abs(k_den)) / abs(denominator) + self.error


def check_tensors(table, trace, edit, update, bars):
    table.tensor("keys", trace["keys"], edit.keys)
    for name in ("k_u", "k_bar", "m_u", "m_bar", "logits"):
        table.tensor(name, trace[name], getattr(edit, name))
    table.tensor("losses", trace["losses"], np.array(edit.all_losses))
    table.tensor("steps", trace["steps"], np.array(edit.steps))
    table.tensor("delta", trace["delta"], edit.delta)
    table.tensor("v_star", trace["v_star"], edit.v_star)
    table.tensor("residual", trace["residual"], update.residual)
    table.tensor("u", trace["u"], update.u, bars["u"])
    table.tensor("denominator (trace)", trace["denominator"], np.array([update.denominator]),
                 bars["denominator"])
    table.tensor("right", trace["right"], update.right, bars["denominator"])


def check_identities(table, trace, result, edit, update, C, solve):
    """What must hold among the program's own numbers, whatever the conditioning."""
    u, k_den, right = trace["u"], update.k_den, trace["right"]
    if C is not None:
        table.row("C u = key, backward", solve.backward, 3 * len(u) * EPS, "3 F eps")
    noise = 4 * EPS * norm(k_den) / abs(result["denominator"])    # of the sum u^T k_den
    table.scalar("u^T k_den of trace", float(u @ k_den), result["denominator"], noise)
    table.tensor("k_den W' = k_den W + r", k_den @ (edit.W + np.outer(u, right)),
                 k_den @ edit.W + trace["residual"], noise * norm(trace["residual"]))
    moved = edit.k_u @ np.outer(u, right)
    share = (u @ edit.k_u) / (u @ k_den)
    table.tensor("(E6) bare move", moved, share * trace["residual"], noise)
    table.scalar("|r|/|den| = dW_norm", norm(trace["residual"]) / abs(result["denominator"]),
                 result["dW_norm"])


def check_request(table, result, edit, args, layer):
    request, tokenizer = edit.request, edit.model.tokenizer
    ids = tokenizer.encode(request.text)
    begin = len(request.text[:request.subject_at].encode("utf-8"))
    end = begin + len(request.subject.encode("utf-8"))
    last = tokenizer.token_ending_at(ids, end)
    method = "c-rome" if args.method == "r-rome" else args.method     # two names of one method
    table.exact("method", result["method"], method)
    table.exact("layer", result["layer"], layer)
    table.exact("prompt", result["prompt"], request.prompt)
    table.exact("subject", result["subject"], request.subject)
    table.exact("target_new", result["target_new"], request.target_new)
    table.exact("subject_first", result["subject_first"], begin == 0)
    table.exact("lookup", result["lookup"], edit.prompts[0][1])
    table.exact("subject_tokens", result["subject_tokens"],
                last - tokenizer.token_ending_at(ids, begin + 1) + 1)
    table.exact("iterations", result["iterations"], len(edit.steps))


def check_update(table, result, edit, update, C_corpus, bars):
    cos = float(edit.k_u @ edit.k_bar) / (norm(edit.k_u) * norm(edit.k_bar))
    bar = bars["denominator"]
    table.scalar("numerator", result["numerator"], norm(update.residual))
    table.scalar("denominator", result["denominator"], update.denominator, bar)
    table.scalar("denominator_raw", result["denominator_raw"], update.denominator_raw, bar)
    table.scalar("cos_keys", result["cos_keys"], cos)
    table.scalar("dW_norm", result["dW_norm"], norm(update.dW), bar)
    table.scalar("loss", result["loss"], float(edit.all_losses[-1][0]))
    interference = None if C_corpus is None else update.interference(C_corpus)
    rms = None if interference is None else norm(update.residual) * interference
    table.scalar("interference", result["interference"], interference, bar)
    table.scalar("rms_predicted", result["rms_predicted"], rms, bar)


def check_corpus(table, result, args, edit, update, after, C_corpus, bars):
    """Measured rms, perplexities, verdict."""
    skip = args.no_ppl or args.dry_run
    windows = None if skip else corpus(args, edit.model)
    rms = before = changed = None
    if windows is not None:
        keys = rome.corpus_keys(edit.model, windows, edit.layer)
        if C_corpus is not None and args.cov in (None, "identity") and not args.text:
            table.tensor("(E2) the folder's C", C_corpus, rome.second_moment(keys))
        rms = update.measured_rms(keys)
        before = rome.stream_ppl(edit.model, windows)
        changed = rome.stream_ppl(after, windows)
    table.scalar("rms_measured", result["rms_measured"], rms, bars["denominator"])
    table.scalar("stream_ppl_before", result["stream_ppl_before"], before)
    table.scalar("stream_ppl_after", result["stream_ppl_after"], as_json(changed))
    collapse = None if changed is None else changed / before > 2
    told = None if result["verdict"] is None else result["verdict"] == "collapse"
    table.exact("verdict is collapse", told, collapse)
    path = args.sentences or rome.optional(args.model, "sentences.txt")
    before = changed = None
    if path and not skip:
        sentences = rome.read_sentences(path, edit.model)
        before = rome.sentence_ppl(edit.model, sentences)
        changed = rome.sentence_ppl(after, sentences)
    table.scalar("sentence_ppl_before", result["sentence_ppl_before"], as_json(before))
    table.scalar("sentence_ppl_after", result["sentence_ppl_after"], as_json(changed))


def check_behaviour(table, result, args, edit, after):
    path = args.test_prefixes or rome.optional(args.model, "test_prefixes.json")
    fields = rome.measures(edit.model, after, edit.request, read_json(path) if path else None)
    if args.dry_run:
        fields = dict.fromkeys(fields)
    for name, expected in fields.items():
        check = table.scalar if name.startswith("p_new") else table.share
        check(name, result[name], expected)


def main():
    args = arguments()
    trace = read_safetensors(args.trace)
    result = read_json(0 if args.result == "-" else args.result)
    hparams, layer = settings(args)
    model = GPT2(args.model)
    templates_path = args.templates or os.path.join(args.model, "templates.json")
    kind = CheckedEdit if args.backward else Edit
    edit = kind(model, rome.read_request(args.request), layer, read_json(templates_path), hparams)
    C, C_corpus = covariances(args, hparams, layer)
    edit.optimise()
    update = edit.update(args.method, C)
    after = model.with_update(layer, update.dW)

    key = edit.k_u if args.method == "p-rome" else edit.k_bar
    u_raw = trace["u"] * (result["denominator_raw"] / result["denominator"])
    solve = Solve(C, key, u_raw)
    bars = {"u": solve.error,
            "denominator": solve.error_of_product(update.k_den, update.denominator)}
    table = Table()
    print("%-28s %9s  %8s" % ("name", "error", "bar"))
    if args.backward:
        table.row("backward pass, its slopes", edit.doubt, TENSOR_BAR, "against complex steps")
    check_tensors(table, trace, edit, update, bars)
    check_identities(table, trace, result, edit, update, C, solve)
    check_request(table, result, edit, args, layer)
    check_update(table, result, edit, update, C_corpus, bars)
    check_corpus(table, result, args, edit, update, after, C_corpus, bars)
    check_behaviour(table, result, args, edit, after)
    print("worst: %.3f of its bar, %s" % table.worst)
    print("%d passed, %d failed" % (table.passed, table.failed))
    return table.failed > 0


if __name__ == "__main__":
    sys.exit(main())
