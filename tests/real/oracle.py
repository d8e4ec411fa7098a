"""What `agree` needs beside check_edit.py:

    oracle.py next MODEL TEXT OUTPUT    holds what `rome99 next` printed to the oracle's forward pass
    oracle.py losses TRACE              the optimisation moved delta, and its loss fell
    oracle.py cov F OUT                 writes a random, well-conditioned C (F,F)

Last line: "N passed, N failed".
"""
import json
import os
import re
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from gpt2 import GPT2, log_softmax, read_safetensors

PRINTED = 0.5e-6 + 1e-12             # six decimals


def check_next(folder, text, output):
    model = GPT2(folder)
    p = np.exp(log_softmax(model.logits(model.tokenizer.encode(text))[-1]))
    with open(output, encoding="utf-8") as f:
        lines = [re.match(r" *([0-9.]+) +([0-9]+)  ", line).groups() for line in f]
    got, ids = np.array([float(x) for x, _ in lines]), [int(i) for _, i in lines]
    expected = np.argsort(-p, kind="stable")[:len(ids)]
    error = abs(got - p[ids]).max()
    print("next: %d tokens, probabilities %.6f to %.6f, largest difference %.1e (six decimals)"
          % (len(ids), got[0], got[-1], error))
    return [ids == expected.tolist(), bool(error <= PRINTED)]


def check_losses(trace):
    t = read_safetensors(trace)
    losses, steps = t["losses"][:, 0], np.sqrt((t["steps"] ** 2).sum(1))
    print("loss %s; |delta| %.1f of |m_u| %.1f"
          % (" ".join("%.2f" % x for x in losses), steps[-1], np.sqrt((t["m_u"] ** 2).sum())))
    return [bool(losses[-1] < losses[0]), bool(steps[-1] > 0)]


def write_cov(F, out):
    keys = np.random.default_rng(F).standard_normal((4 * F, F)) * np.geomspace(0.3, 3, F)
    C = keys.T @ keys / len(keys) + 0.1
    header = json.dumps({"C": {"dtype": "F64", "shape": [F, F], "data_offsets": [0, C.nbytes]}}).encode()
    header += b" " * (-len(header) % 8)
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + C.astype("<f8").tobytes())
    return []


def main():
    kind, arguments = sys.argv[1], sys.argv[2:]
    if kind == "cov":
        write_cov(int(arguments[0]), arguments[1])
        return 0
    passed = {"next": check_next, "losses": check_losses}[kind](*arguments)
    print("%d passed, %d failed" % (sum(passed), len(passed) - sum(passed)))
    return not all(passed)


if __name__ == "__main__":
    sys.exit(main())
