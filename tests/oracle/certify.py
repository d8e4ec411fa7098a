"""Recomputes every expected and every wrong tensor of the golden cases; writes CERTIFIED.

    certify.py [GOLDEN] [--models tiny_models] [-o CERTIFIED] [CASE ...]

Prints a line for each thing that fails and a summary. Exit 0 where all is certified, 1 otherwise;
the file is written only if all is, of all cases.
"""
import argparse
import hashlib
import math
import os
import platform
import re
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import edits
from golden import Bad, Folder, CLASSES, error, rounded, same, shape_of
from ops import OPS

HEADER = """\
# CASE TENSOR ERROR: each golden tensor, wrong ones included, against the oracle's own value;
# |a - b| / max(|a|, |b|), 0 where all bits agree. Written by tests/oracle/certify.py alone.
# Python %s, numpy %s, longdouble of %d bits.
"""


def compute(case, mistake=None, wanted=None):
    """{name: value} of a case's tensors, by an implementation with that mistake."""
    if case.name in OPS:
        return OPS[case.name](case, mistake)
    return (edits.edit if is_edit(case) else edits.pencil)(case, mistake, wanted)


NOTE = re.compile(r"n (\d+), A (\S+)(?: \(float32: (\S+)\))?")


def check_tolerances(case, t):
    """What FORMAT.md promises of tol64, tol32 and class; n and A are printed to two digits."""
    if t.marks.get("class") not in CLASSES:
        yield "class=%s" % t.marks.get("class")
    if t.kind == "i64" and t.marks.get("class") != "exact":
        yield "integers are exact or wrong"
    if t.marks.get("class") == "exact":
        return
    n, *A = NOTE.fullmatch(case.notes["tolerance." + t.name]).groups()
    for key, unit, growth in (("tol64", -53, A[0]), ("tol32", -24, A[1] or A[0])):
        if key == "tol32" and t.marks[key] == "none":
            continue
        if not 0 < t.tolerance(key) < 1:
            yield "%s=%s does not tell a tensor from zero" % (key, t.marks[key])
        should = 8 * math.sqrt(int(n)) * max(1, float(growth)) * 2.0 ** unit
        last_digit = 10.0 ** (math.floor(math.log10(t.tolerance(key))) - 1)
        if abs(t.tolerance(key) - should) > 0.05 * should + last_digit:
            yield "%s=%s, not 8 sqrt(n) A 2^%d = %.2g" % (key, t.marks[key], unit, should)


def check_wrong(case, t):
    right = case.tensors.get(t.expected)
    if right is None or right.role != "expected":
        return "stands beside nothing"
    if not case.texts.get(t.name):
        return "has no text"
    if right.kind == "f64" and (right.rows, right.columns) == (t.rows, t.columns) and not \
            error(right.values, t.values) > 10 * max(x.tolerance() for x in (right, t)):
        return "is as near as 10 tolerances to what is right"
    if right.values == t.values:
        return "is what is right"


def check_notes(case):
    """Hashes of the checkpoint."""
    if edits.needs(case):
        for note, name in (("model_sha256", "model"), ("C_sha256", "cov")):
            path = os.path.join(edits.needs(case), name + ".safetensors")
            if case.notes[note] != sha256(path):
                yield "%s is not that of %s" % (note, path)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def check_form(case):
    """(tensor or "", complaint) of everything that needs no computing."""
    zero = case.notes.get("zero", "").split()
    for t in case.right() + case.wrong():
        for complaint in check_tolerances(case, t):
            yield t.name, complaint
    for t in case.right():
        if not any(t.values) and t.name not in zero:
            yield t.name, "is all zero"
        if not all(map(math.isfinite, t.values)) and t.marks["class"] != "exact":
            yield t.name, "is not finite"
    for t in case.wrong():
        if check_wrong(case, t):
            yield t.name, check_wrong(case, t)
    for complaint in check_notes(case):
        yield "", complaint
    if is_edit(case):
        for complaint in edits.complaints(case):
            yield "", complaint
    yield from check_promised(case)


def is_edit(case):
    return case.name not in OPS and not case.name.startswith("edits/pencil_")


def check_promised(case):
    """Tensors that FORMAT.md's catalogue has and the case has not, or the other way round."""
    there = {t.name for t in case.right()}
    for name in sorted(there ^ (edits.promised(case) if is_edit(case) else {*compute(case)})):
        yield name, "is not in the catalogue" if name in there else "is missing"


def certify(case):
    """(tensor, error, complaint or None) of every expected and wrong tensor, as in the file."""
    values = {}
    for mistake in {t.mistake for t in case.wrong()} | {None}:
        mine = [t for t in case.wrong() + case.right() if t.mistake == mistake]
        computed = compute(case, mistake, {t.expected for t in mine})
        values.update((t.name, computed.get(t.expected)) for t in mine)
    for t in case.wrong() + case.right():
        value = values[t.name]
        if value is None:
            yield t, math.inf, "the oracle computes no such tensor"
        elif shape_of(value) != (t.rows, t.columns):
            yield t, math.inf, "has the shape %s, not %s" % ((t.rows, t.columns), shape_of(value))
        else:
            mine = rounded(value)
            off = error(t.values, mine)
            if t.marks["class"] == "exact":
                yield t, off, None if same(t.values, mine) else "other bits, error %.2e" % off
            else:
                bar = t.tolerance()
                yield t, off, None if off <= bar else "error %.2e > %.1e" % (off, bar)


def check_manifest(folder):
    """Complaints about GOLDEN/MANIFEST, where it is."""
    path = os.path.join(folder.path, "MANIFEST")
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as f:
        listed = dict(line.split()[::-1] for line in f if not line.startswith("#"))
    for name in sorted({*listed, *(name + ".txt" for name in folder.names())}):
        case = os.path.join(folder.path, name)
        if name not in listed or not os.path.exists(case):
            yield name, "in one of MANIFEST and folder only"
        elif listed[name] != sha256(case):
            yield name, "is not what MANIFEST says"


def optimise(folder, name, mistake):
    return edits.optimised(folder.case(name), mistake)


def optimise_checkpoints(folder, names):
    """The long part: each different optimisation of a checkpoint's edits once, on all cores."""
    tasks = {}
    for case in map(folder.case, names):
        if case.name.startswith("edits/") and edits.needs(case):
            for mistake in {t.mistake for t in case.wrong()} & edits.IN_OPTIMISER | {None}:
                tasks[edits.value_key(case, mistake)] = case.name, mistake
    if tasks:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            jobs = {key: pool.submit(optimise, folder, *task) for key, task in tasks.items()}
            edits.VALUES.update((key, job.result()) for key, job in jobs.items())


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("golden", nargs="?", default="golden")
    p.add_argument("cases", nargs="*", metavar="CASE", help="as in ops/softmax; without, all")
    p.add_argument("--models", default="tiny_models")
    p.add_argument("-o", dest="output", metavar="CERTIFIED")
    args = p.parse_intermixed_args()
    if args.output and args.cases:
        p.error("-o certifies all cases or none")
    return args


def main():
    args = arguments()
    folder = Folder(args.golden, args.models)
    lines, failed, readable = [], 0, []

    def fail(*words):
        nonlocal failed
        failed += 1
        print(*words, flush=True)

    for name in args.cases or folder.names():
        try:
            if folder.case(name).name != name:
                raise Bad("says that it is %s" % folder.case(name).name)
            readable.append(name)
        except (Bad, ValueError) as e:
            fail(name, e)
    optimise_checkpoints(folder, readable)
    for case in map(folder.case, readable):
        try:
            for tensor, complaint in check_form(case):
                fail(case.name, tensor, complaint)
            for t, off, complaint in certify(case):
                lines.append("%s %s %s" % (case.name, t.name, "%.1e" % off if off else "0"))
                if complaint:
                    fail(case.name, t.name, complaint)
        except (KeyError, ValueError, IndexError, AttributeError) as e:
            fail(case.name, "lacks or garbles what it needs:", repr(e))
    for name, complaint in check_manifest(folder):
        fail(name, complaint)
    print("%d cases, %d tensors, %d failures" % (len(readable), len(lines), failed))
    if args.output and not failed:
        with open(args.output + ".new", "w", encoding="utf-8", newline="\n") as f:
            bits = np.finfo(np.longdouble).nmant + 1
            f.write(HEADER % (platform.python_version(), np.__version__, bits))
            f.writelines(line + "\n" for line in lines)
        os.replace(args.output + ".new", args.output)
    return failed > 0 or not readable


if __name__ == "__main__":
    sys.exit(main())
