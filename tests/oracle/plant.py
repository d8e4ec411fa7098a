"""Plants each mistake that a golden case knows, and checks that `compare` names it.

    plant.py ROME99_PROGRAM [GOLDEN] [--models tiny_models]

A candidate is what an implementation with that mistake computes, by the oracle: the wrong tensor
and all behind it in the data flow, what stands before it right. (In edits of a checkpoint what
needs the corpus stays right.) A candidate without a mistake must pass.
"""
import argparse
import os
import subprocess
import sys
import tempfile

from certify import compute, optimise_checkpoints
from edits import CORPUS
from golden import Folder, rounded, shape_of, write_candidate


def candidate(case, right, wrong=None):
    """(name, rows, columns, values) of each expected tensor."""
    names, mistaken = [t.name for t in case.right()], {}
    if wrong:
        mistaken = compute(case, wrong.mistake, set(names) - CORPUS)
        names_after = names[names.index(wrong.expected):]
    for name in names:
        value = mistaken[name] if name in mistaken and name in names_after else right[name]
        yield (name, *shape_of(value), rounded(value))


def compare(program, folder, case, tensors):
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "candidate.txt")
        write_candidate(path, case.name, list(tensors))
        golden = os.path.join(folder.path, case.name + ".txt")
        done = subprocess.run([program, "compare", golden, path], text=True, encoding="utf-8",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("program", metavar="ROME99_PROGRAM")
    p.add_argument("golden", nargs="?", default="golden")
    p.add_argument("--models", default="tiny_models")
    args = p.parse_args()
    folder, passed, failed = Folder(args.golden, args.models), 0, 0
    optimise_checkpoints(folder, folder.names())
    for case in map(folder.case, folder.names()):
        right = compute(case)
        for wrong in [None, *case.wrong()]:
            code, output = compare(args.program, folder, case, candidate(case, right, wrong))
            if wrong:
                said = " ".join(output.split())        # lines are wrapped
                ok = (code == 1 and case.texts[wrong.name] in said
                      and said.endswith(", first " + wrong.expected))
            else:
                ok = code == 0
            passed, failed = passed + ok, failed + (not ok)
            if not ok:
                print(case.name, wrong.name if wrong else "without a mistake",
                      "exit %d" % code, output, flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
