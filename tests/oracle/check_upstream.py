"""Compares the oracle with the recorded runs of the released Python code in tests/upstream."""
import os
import sys

import numpy as np

from check_edit import difference
from gpt2 import GPT2, read_json, read_safetensors
from rome import Edit, Request

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, os.pardir, "upstream")
BAR = 1e-12


def relative(a, b):
    return difference(a, b) if np.shape(a) == np.shape(b) else np.inf


def padded(rows, width):
    return np.array([row + [np.nan] * (width - len(row)) for row in rows])


def computed(edit, update, names, recorded):
    have = {"keys": edit.keys, "k_bar": edit.k_bar, "m_bar": edit.m_bar, "m_u": edit.m_u,
            "k_u": edit.k_u, "delta": edit.delta, "v_star": edit.v_star, "u": update.u,
            "residual": update.residual, "denominator": np.array([update.denominator]),
            "right": update.right, "k_den": update.k_den, "losses": np.array(edit.all_losses),
            "steps": np.array(edit.steps)}
    lookups = [lookup for _, lookup in edit.prompts] + [edit.kl_prompt[1]]
    have["lookup"] = np.array(lookups, np.float64)
    ids = [prompt + edit.target[:-1] for prompt, _ in edit.prompts] + [edit.kl_prompt[0]]
    have["input_ids"] = padded(ids, recorded["input_ids"].shape[1]) if "input_ids" in names else 0
    return have


def main():
    model = GPT2(os.path.join(RECORDED, "model"))
    passed = failed = 0
    for name, case in read_json(os.path.join(RECORDED, "cases.json")).items():
        hparams = {key: float(value) for key, value in case["hparams"].items()}
        edit = Edit(model, Request({"requested_rewrite": case["request"]}), case["layer"],
                    case["templates"], hparams)
        edit.optimise()
        C = np.load(os.path.join(RECORDED, case["cov"])).astype(np.float64)
        for method in ("rome", "c-rome", "p-rome"):
            path = os.path.join(RECORDED, "%s.%s.safetensors" % (name, method))
            recorded = read_safetensors(path)
            have = computed(edit, edit.update(method, C), recorded.keys(), recorded)
            for key, b in recorded.items():
                a = have[key]
                if key == "input_ids":             # the recording pads; only real ids count
                    b = np.where(np.isnan(a), 0, b)
                    a = np.where(np.isnan(a), 0, a)
                error = relative(a, b)
                ok = error <= (0 if key in ("input_ids", "lookup") else BAR)
                passed, failed = passed + ok, failed + (not ok)
                print("%-14s %-7s %-12s %9.2e  %s" % (name, method, key, error,
                                                      "ok" if ok else "FAIL"))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
