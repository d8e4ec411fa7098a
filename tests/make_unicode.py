#!/usr/bin/env python3
"""Makes the table in ref/files/unicode.c from the Unicode Character Database 15.0.

usage: make_unicode.py [--check] UCD_FOLDER ref/files/unicode.c

UCD_FOLDER holds UnicodeData.txt and PropList.txt (Debian's package unicode-data puts them into
/usr/share/unicode). Rewrites the entries of `runs`; with --check only compares them, exit 1 if they
differ. Prints how many code points each class has.
"""
import pathlib
import re
import sys

OTHER, LETTER, NUMBER, SPACE = range(4)
OPENING, CLOSING = "static const uint32_t runs[] = {\n", "};\n"


def read_classes(folder):
    """The class of every code point, as a list."""
    classes = [OTHER] * 0x110000
    first = None
    for line in (folder / "UnicodeData.txt").read_text(encoding="utf-8").splitlines():
        code, name, category = line.split(";")[:3]
        code = int(code, 16)
        if name.endswith(", First>"):
            first = code
            continue
        kind = {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)
        for c in range(first if name.endswith(", Last>") else code, code + 1):
            classes[c] = kind
    properties = (folder / "PropList.txt").read_text(encoding="utf-8")
    if not properties.startswith("# PropList-15.0.0.txt\n"):
        sys.exit(f"{folder}/PropList.txt: not of Unicode 15.0")
    # Of the CJK extensions H is new in 15.0, I in 15.1.
    if classes[0x31350] != LETTER or classes[0x2EBF0] != OTHER:
        sys.exit(f"{folder}/UnicodeData.txt: not of Unicode 15.0")
    for low, high in re.findall(r"^(\w+)(?:\.\.(\w+))?\s*; White_Space\b", properties, re.M):
        for c in range(int(low, 16), int(high or low, 16) + 1):
            if classes[c] != OTHER:
                sys.exit(f"U+{c:04X}: both a letter or number and white space")
            classes[c] = SPACE
    return classes


def table(classes):
    starts = [c for c in range(len(classes)) if c == 0 or classes[c] != classes[c - 1]]
    entries = [f"0x{4 * c + classes[c]:X}" for c in starts]
    lines = [""]
    for entry in entries:
        if len(lines[-1]) + len(entry) > 96:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "    ") + entry + ","
    return "\n".join(lines) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    classes = read_classes(pathlib.Path(arguments[0]))
    path = pathlib.Path(arguments[1])
    old = path.read_text(encoding="utf-8")
    before, opening, rest = old.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing:
        sys.exit(f"{path}: has no table `runs`")
    new = before + opening + table(classes) + closing + after
    for name, kind in (("letters", LETTER), ("numbers", NUMBER), ("white space", SPACE)):
        print(name, classes.count(kind))
    if "--check" not in sys.argv:
        path.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"{path}: the table is not the one that {arguments[0]} gives")


main()
