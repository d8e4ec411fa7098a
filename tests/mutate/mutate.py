#!/usr/bin/env python3
"""Plants one fault at a time in ref/core and sees whether check-core notices: `make mutants`.

usage: mutate.py --cc COMMAND --build FOLDER --link WORDS --tests NAMES [--count N|all] [--seed S] [--files NAMES]
                 [--again FILE]

--again: only the mutants that FILE shows, which may be what an earlier run printed.

Every fault that candidates.py finds has a place in an order that the seed shuffles; the first of each function come
first, and N of those that compile are tried. A mutant whose object code is the unmutated file's (at -O1, or for
those that survive at -O2) is equivalent: the compiler's word. Others are linked with the programs of check-core, one
after the other: a failed test, a crash, or ten times the unmutated program's processor time kills. What survives is
looked up in survivors.txt. Exit 1 if fewer than 95 of 100 mutants that are not equivalent were killed.
"""
import argparse
import hashlib
import itertools
import math
import os
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time

import candidates

CORE = pathlib.Path("ref/core")
JUDGED = pathlib.Path(__file__).parent / "survivors.txt"
# The quickest kill first.
ORDER = {"layout.c": "rows memory edit core golden fmath", "fmath.c": "fmath golden edit rows core memory"}
USUAL = "edit rows core golden memory fmath"
LEAST = 0.95
JOBS = 2


def read_entries(path):
    """{(file, function, before, after): judgement}, "" where there is none; survivors.txt says how it looks."""
    entries, place, before, after = {}, (), "", []
    for line in path.read_text().splitlines():
        mark, text = line[:2], line[2:].strip()
        if mark == "- ":
            before, after = text, []
        elif mark == "+ ":
            after.append((*place, before, text))
            entries[after[-1]] = ""
        elif mark == "= ":
            if not text.startswith(("equivalent: ", "not killed: ")):
                sys.exit("%s: %s: neither \"equivalent: \" nor \"not killed: \"" % (path, text))
            entries.update({entry: text for entry in after})
        elif not line.startswith("#") and len(line.split()) == 2:
            place = tuple(line.split())
    return entries


def key(m):
    return m.file, m.function, m.before, m.after


def choose(mutants, seed):
    """All in the seed's order, the first of each function before the others. The order of those that an edit of
    the source leaves alone does not change with it."""
    def place(m):
        return hashlib.sha256("\0".join((seed, *key(m), str(m.kind))).encode()).digest()
    mutants = sorted(mutants, key=place)
    first = list({(m.file, m.function.split("/")[0]): m for m in reversed(mutants)}.values())[::-1]
    return first + [m for m in mutants if m not in set(first)]


def limit(seconds):
    """For a child: processor time, memory, no core dump."""
    def set_limits():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return set_limits


class Laboratory:
    """A folder, the compiler, and the programs with the time that they take."""

    def __init__(self, options):
        self.cc = shlex.split(options.cc)
        self.build = pathlib.Path(options.build) / "mutants"
        self.link = shlex.split(options.link)
        self.tests = options.tests.split()
        self.build.mkdir(parents=True, exist_ok=True)
        for test in self.tests:
            self.run(self.cc + ["-Itests", "-c", "tests/test_%s.c" % test, "-o", self.build / (test + ".o")])
        self.plain = {(path.name, level): self.compile(self.build, path.name, path.read_text(), level)
                      for path in CORE.glob("*.c") for level in ("-O1", "-O2")}
        self.seconds = {}
        for test in self.tests:
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            if self.killed(self.build, test, CORE.parent / "none.o", 60):
                sys.exit("mutants: test_%s fails without any fault" % test)
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            self.seconds[test] = max(2, math.ceil(10 * used))

    @staticmethod
    def run(command, **more):
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more).returncode

    def compile(self, folder, name, text, level):
        """The object's bytes, or None."""
        source, made = folder / name, folder / (name + ".o")
        source.write_text(text)
        made.unlink(missing_ok=True)
        self.run(self.cc + [level, "-w", "-c", source, "-o", made], preexec_fn=limit(60))
        return made.read_bytes() if made.exists() else None

    def killed(self, folder, test, made, seconds):
        """How the program that is linked with this object dies, "invalid" where it cannot be linked, or None."""
        program = folder / ("test_" + test)
        (folder / "tmp").mkdir(exist_ok=True)
        objects = [made] if made.exists() else []
        if self.run(self.cc + [self.build / (test + ".o")] + objects + self.link + ["-o", program]):
            return "invalid"
        with subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, preexec_fn=limit(seconds),
                              env={**os.environ, "B": str(folder)}) as process:
            if process.stderr.read(1):  # FAIL ...
                process.kill()
                return "test"
            code = process.wait()
        return "time" if code == -signal.SIGXCPU else "crash" if code < 0 else "test" if code else None

    def fate(self, m, folder):
        """"invalid", "test", "crash", "time", "same code" or "survived"."""
        text = (CORE / m.file).read_text()
        text = text[:m.start] + m.new + text[m.end:]
        made = self.compile(folder, m.file, text, "-O1")
        if made is None:
            return "invalid"
        if made == self.plain[m.file, "-O1"]:
            return "same code"
        order = ORDER.get(m.file, USUAL).split()
        for test in sorted(self.tests, key=lambda t: order.index(t) if t in order else len(order)):
            died = self.killed(folder, test, folder / (m.file + ".o"), self.seconds[test])
            if died:
                return died
        again = self.compile(folder, m.file, text, "-O2")
        return "same code" if again == self.plain[m.file, "-O2"] else "survived"


def try_all(laboratory, mutants, count, seen):
    """[(mutant, fate)] of the first `count` that are valid; seen(mutant, fate) as each is known."""
    lock, left, fates = threading.Lock(), iter(enumerate(mutants)), {}

    def work(job):
        folder = laboratory.build / ("job%d" % job)
        folder.mkdir(exist_ok=True)
        while True:
            with lock:
                if sum(f != "invalid" for f in fates.values()) >= count:
                    return
                i, m = next(left, (None, None))
            if m is None:
                return
            fate = laboratory.fate(m, folder)
            with lock:
                fates[i] = fate
                seen(m, fate)

    threads = [threading.Thread(target=work, args=(job,)) for job in range(JOBS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    valid = [(mutants[i], fates[i]) for i in sorted(fates) if fates[i] != "invalid"]
    return valid[:count], len(fates) - len(valid)


def show(m):
    print("%s %s\n- %s\n+ %s" % key(m), flush=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--cc", "--build", "--link", "--tests"):
        parser.add_argument(name, required=True)
    parser.add_argument("--count", default="500")
    parser.add_argument("--seed", default="99")
    parser.add_argument("--files", default="")
    parser.add_argument("--again", type=pathlib.Path)
    options = parser.parse_args()
    started = time.time()
    everything = candidates.candidates(CORE)
    judged = read_entries(JUDGED)
    files = options.files.split() or {m.file for m in everything}
    again = read_entries(options.again) if options.again else {key(m) for m in everything}
    mutants = choose([m for m in everything if m.file in files and key(m) in again], options.seed)
    count = len(mutants) if options.count == "all" else int(options.count)
    known = {key(m) for m in everything}
    progress = itertools.count(1)

    def seen(m, fate):
        n = next(progress)
        if n % 100 == 0:
            print("%d tried" % n, file=sys.stderr)
        if fate == "survived" and key(m) not in judged:
            show(m)

    fates, invalid = try_all(Laboratory(options), mutants, count, seen)
    number = {fate: sum(f == fate for _, f in fates) for fate in ("test", "crash", "time", "same code")}
    survived = [m for m, f in fates if f == "survived"]
    equivalent = [m for m in survived if judged.get(key(m), "").startswith("equivalent")]
    excused = [m for m in survived if judged.get(key(m), "").startswith("not killed")]
    false = [m for m, f in fates if f in ("test", "crash", "time") and
             judged.get(key(m), "").startswith("equivalent")]
    for m in false:
        print("judged equivalent, but killed:")
        show(m)
    for entry in judged:
        if entry not in known:
            print("stale: %s %s\n- %s\n+ %s" % entry)
    killed = number["test"] + number["crash"] + number["time"]
    real = len(fates) - number["same code"] - len(equivalent)
    print("%d candidates, seed %s: %d mutants (%d more do not compile), %d s" %
          (len(everything), options.seed, len(fates), invalid, time.time() - started))
    print("killed      %5d  by a test %d, a crash %d, time %d" %
          (killed, number["test"], number["crash"], number["time"]))
    print("equivalent  %5d  same object code %d, judged %d" %
          (number["same code"] + len(equivalent), number["same code"], len(equivalent)))
    print("survivors   %5d  judged not worth a test %d, not judged %d" %
          (len(survived) - len(equivalent), len(excused), len(survived) - len(equivalent) - len(excused)))
    rate = killed / real if real else 1.0
    print("killed of those not equivalent: %.1f %%" % (100 * rate))
    return rate < LEAST or len(false) > 0


if __name__ == "__main__":
    sys.exit(main())
