"""The golden format (golden/FORMAT.md) in Python: strict reader, writer of candidates, errors."""
import json
import math
import os
import re
import struct

import numpy as np

MAGIC = "rome99 golden 1"
LONGEST = 8191
CLASSES = ("exact", "f64", "f32")
WORD = re.compile("[0-9a-f]{16}")
NUMBER = re.compile("-?[0-9]+")


class Bad(Exception):
    """A file that breaks the format; the message says where."""


class Tensor:
    """values: rows of floats or integers, flattened."""

    def __init__(self, name, kind, rows, columns, values, marks):
        self.name, self.kind, self.rows, self.columns = name, kind, rows, columns
        self.values, self.marks, self.role = values, marks, marks.get("role")

    @property
    def expected(self):
        """The name of the tensor that a wrong one stands beside, or its own."""
        return self.name.split("!")[0]

    @property
    def mistake(self):
        return self.name.partition("!")[2] or None

    def tolerance(self, key="tol64"):
        return float(self.marks[key])

    def array(self):
        """A number, a vector or a matrix; float64 widened to longdouble, integers as they are."""
        a = np.array(self.values, np.longdouble if self.kind == "f64" else object)
        if self.columns > 1:
            return a.reshape(self.rows, self.columns)
        return a if self.rows > 1 else a[0]


class Case:
    def __init__(self, name, notes, texts, tensors):
        self.name, self.notes, self.texts, self.tensors = name, notes, texts, tensors

    def __getitem__(self, name):
        return self.tensors[name].array()

    def __contains__(self, name):
        return name in self.tensors

    def of(self, *roles):
        return [t for t in self.tensors.values() if t.role in roles]

    def right(self):
        return self.of("expected")

    def wrong(self):
        return self.of("wrong")


class Folder:
    """A folder of cases, each read once, and where the checkpoints are."""

    def __init__(self, path, models):
        self.path, self.models, self.cases = path, models, {}

    def names(self):
        """operations, then edits"""
        return ["%s/%s" % (part, name[:-4]) for part in ("ops", "edits")
                if os.path.isdir(os.path.join(self.path, part))
                for name in sorted(os.listdir(os.path.join(self.path, part)))
                if name.endswith(".txt")]

    def case(self, name):
        if name not in self.cases:
            self.cases[name] = read(os.path.join(self.path, name + ".txt"))
            self.cases[name].folder = self
        return self.cases[name]


def word_of(value):
    return struct.pack(">d", value).hex()


def read_value(kind, line):
    value, mark, comment = line.partition(" # ")
    value = value.rstrip(" ")
    if kind == "i64":
        if not NUMBER.fullmatch(value):
            raise Bad("not an integer: %r" % line)
        return int(value)
    if not WORD.fullmatch(value):
        raise Bad("not sixteen lower-case hexadecimal digits: %r" % line)
    number = struct.unpack(">d", bytes.fromhex(value))[0]
    if mark and word_of(float(comment)) != value:
        raise Bad("the comment is another number: %r" % line)
    return number


def read_tensor(line, lines):
    words = line.split()
    try:
        _, name, kind, rows, columns = words[:5]
        rows, columns = int(rows), int(columns)
        marks = dict(word.split("=", 1) for word in words[5:])
        values = [read_value(kind, next(lines)) for _ in range(rows * columns)]
    except (ValueError, StopIteration) as e:
        raise Bad("%r: %s" % (line, e or "the file ends in it"))
    if kind not in ("f64", "i64") or rows < 1 or columns < 1:
        raise Bad("%r: kind or shape" % line)
    return Tensor(name, kind, rows, columns, values, marks)


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    if not text.endswith("\n") or max(len(x.encode()) for x in text.split("\n")) > LONGEST:
        raise Bad("a line without an end, or a longer one than %d bytes" % LONGEST)
    lines = iter(text.replace("\r\n", "\n")[:-1].split("\n"))
    if next(lines) != MAGIC:
        raise Bad("the first line is not %r" % MAGIC)
    notes, texts, tensors, order = {}, {}, {}, []
    for line in lines:
        first = line.split(" ", 1)[0]
        if first == "end":
            if line != "end %d" % len(tensors) or next(lines, None) is not None:
                raise Bad("%r, but %d tensors, or lines behind it" % (line, len(tensors)))
            break
        elif first == "tensor":
            t = read_tensor(line, lines)
            order.append(("input", "wrong", "expected").index(t.role) + 2)
            table, key, value = tensors, t.name, t
        elif first == "text":
            _, key, value = line.split(" ", 2)
            order.append(1)
            table, value = texts, json.loads(value)
        else:
            key, sign, value = line.partition(" = ")
            order.append(0)
            table = notes
            if not sign:
                raise Bad("neither note, text nor tensor: %r" % line)
        if key in table:
            raise Bad("%s twice" % key)
        table[key] = value
    else:
        raise Bad("no end")
    if order != sorted(order):
        raise Bad("not in the order notes, texts, inputs, wrong, expected")
    return Case(notes.get("case"), notes, texts, tensors)


def shape_of(value):
    """Rows and columns of a computed value, as the format flattens them."""
    shape = np.shape(value)
    return {0: (1, 1), 1: shape + (1,), 2: shape}.get(len(shape)) or \
        (math.prod(shape[:-1]), shape[-1])


def rounded(value):
    """Flattened, to what a file can hold: integers, or float64."""
    a = np.ravel(np.asarray(value))
    if a.dtype.kind in "iuO":
        return [int(x) for x in a]
    with np.errstate(over="ignore"):
        return a.astype(np.float64).tolist()


def write_candidate(path, case, tensors):
    """tensors: (name, rows, columns, rounded values) each."""
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        print(MAGIC, "case = " + case, sep="\n", file=f)
        for name, rows, columns, values in tensors:
            whole = isinstance(values[0], int)
            print("tensor", name, "i64" if whole else "f64", rows, columns, file=f)
            for x in values:
                print(x if whole else "%s # %r" % (word_of(x), x), file=f)
        print("end", len(tensors), file=f)


def same(a, b):
    """All bits the same."""
    if isinstance(a[0], int):
        return a == b
    return len(a) == len(b) and all(word_of(x) == word_of(y) for x, y in zip(a, b))


def error(a, b):
    """|a - b| / max(|a|, |b|), 0 where all bits are the same; infinities only equal themselves."""
    if same(a, b):
        return 0.0
    if len(a) != len(b) or isinstance(a[0], int):
        return math.inf
    a, b = np.array(a, np.longdouble), np.array(b, np.longdouble)
    finite = np.isfinite(a) & np.isfinite(b)
    if not (a == b)[~finite].all():
        return math.inf
    a, b = a[finite], b[finite]
    largest = max(np.sqrt((a * a).sum()), np.sqrt((b * b).sum()))
    return float(np.sqrt(((a - b) ** 2).sum()) / largest) if largest else 0.0
