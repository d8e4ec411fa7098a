"""Where one fault can be planted in a C file of ref/core.

candidates(path) gives every one as a Mutant. The files are read as tokens: comments and preprocessor lines are
left alone, save the values of constants that a #define names; so is the hint ROME99_PARALLEL. Types are not checked; what does not compile is no
mutant.
"""
import collections
import re

# text[start:end] of file becomes `new`; kind says what fault it is; before and after are the lines, blanks collapsed.
Mutant = collections.namedtuple("Mutant", "file function start end new kind before after")
Token = collections.namedtuple("Token", "kind text start end")

TOKEN = re.compile(r"""
    (?P<skip>\s+ | /\*.*?\*/ | ROME99_PARALLEL[^\n]* | ^\#define[ ]\w+(?=[ ]) | ^\#[^\n]*(?:\\\n[^\n]*)*)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<number>0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d+)?[uUlL]* | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[uUlLfF]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])
    """, re.X | re.S | re.M)

PRECEDENCE = {op: p for p, ops in enumerate(
    ["||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %"], 1) for op in ops.split()}
ASSIGN = {"=", "+=", "-=", "*=", "/="}
KEYWORDS = set("return if else for while do break continue sizeof case".split())
TYPES = set("const void char unsigned int float double size_t static inline struct enum typedef restrict "
            "uint16_t uint32_t uint64_t int32_t work".split())
OTHER = {"<": ["<=", ">"], "<=": ["<", ">"], ">": [">=", "<"], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
         "+": ["-"], "-": ["+"], "*": ["/", "+"], "/": ["*"], "%": ["/"], "&&": ["||"], "||": ["&&"],
         "&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"], ">>": ["<<"],
         "+=": ["-=", "="], "-=": ["+=", "="], "*=": ["/=", "="], "/=": ["*=", "="]}
# Calls whose arguments from this one to the next may be swapped.
COMMUTE = {"times": 0, "at_most": 0, "rome99_dot": 0, "rome99_take": 1, "rome99_take_doubles": 1}


def is_type(text):
    return text in TYPES or re.fullmatch(r"rome99_(?!dot|norm|defaults)[a-z0-9_]+", text) is not None


class Source:
    def __init__(self, path):
        self.path, self.text = path, path.read_text()
        self.tokens = [Token(m.lastgroup, m.group(), m.start(), m.end())
                       for m in TOKEN.finditer(self.text) if m.lastgroup != "skip"]
        self.tokens.append(Token("end", ";", len(self.text), len(self.text)))
        self.t = [token.text for token in self.tokens]
        self.match, stack = {}, []
        for i, text in enumerate(self.t):
            if text in ("(", "[", "{"):
                stack.append(i)
            elif text in (")", "]", "}"):
                self.match[i] = stack.pop()
                self.match[self.match[i]] = i
        self.fields = {}
        self.functions = self.find_functions()
        self.found = {}

    # ------------------------------------------------------------------------- structure

    def find_functions(self):
        """(name, index of its parameters' parenthesis, of its opening and closing brace) of each."""
        functions, i = [], 0
        while i < len(self.t):
            if self.t[i] == "{" and i and self.t[i - 1] == ")":
                opening = self.match[i - 1]
                functions.append((self.t[opening - 1], opening, i, self.match[i]))
            i = self.match[i] + 1 if self.t[i] in ("{", "(") else i + 1
        return functions

    def is_binary(self, i):
        before, after = self.t[i - 1], self.t[i + 1]
        if self.t[i] not in PRECEDENCE or after in (")", ","):
            return False
        if before == ")":  # of a cast, where it encloses a type
            return not is_type(self.t[self.match[i - 1] + 1]) or self.t[self.match[i - 1] - 1] == "sizeof"
        if before == "]":
            return True
        return self.tokens[i - 1].kind in ("name", "number") and before not in KEYWORDS and not is_type(before)

    def ends_operand(self, i, least):
        """Whether token i, at the operand's own depth, is behind or before it."""
        return (self.t[i] in (",", ";", "?", ":", "return", "else") or self.t[i] in ASSIGN or
                self.is_binary(i) and PRECEDENCE[self.t[i]] < least)

    def left(self, i, least):
        """First token of what stands left of token i and binds at least as strongly."""
        j = i - 1
        while not (self.t[j] in ("(", "[", "{") or self.ends_operand(j, least)):
            j = self.match[j] - 1 if self.t[j] in (")", "]", "}") else j - 1
        return j + 1

    def right(self, i, least):
        """Last token of what stands right of token i, likewise."""
        j = i + 1
        while not (self.t[j] in (")", "]", "}") or self.ends_operand(j, least)):
            j = self.match[j] + 1 if self.t[j] in ("(", "[", "{") else j + 1
        return j - 1

    def items(self, opening):
        """(first, last) token of each item of a list in parentheses or braces."""
        items, first, j = [], opening + 1, opening + 1
        while j < self.match[opening]:
            j = self.match[j] + 1 if self.t[j] in ("(", "[", "{") else j + 1
            if j == self.match[opening] or self.t[j] == ",":
                items.append((first, j - 1))
                first = j = j + 1
        return items

    def piece(self, first, last):
        return self.text[self.tokens[first].start:self.tokens[last].end]

    def variables(self, first, last):
        """{name: its type} for the declarations in tokens first..last, of parameters, locals or fields."""
        declared = collections.OrderedDict()
        i = first
        while i <= last:
            if is_type(self.t[i]) and self.t[i - 1] in ("(", ",", ";", "{", "}", ")", "const"):
                base = ""
                while is_type(self.t[i]):
                    base += self.t[i] + " " if self.t[i] not in ("const", "restrict") else ""
                    i += 1
                while True:  # the declarators
                    kind = base
                    while self.t[i] in ("*", "const", "restrict"):
                        kind += "*" if self.t[i] == "*" else ""
                        i += 1
                    if self.tokens[i].kind != "name":
                        break
                    name, i = self.t[i], i + 1
                    while self.t[i] == "[":
                        kind, i = kind + "*", self.match[i] + 1
                    if self.t[i] not in ("=", ",", ";", ")"):
                        break
                    declared[name] = kind
                    if self.t[i] == "=":
                        i = self.right(i, 0) + 1
                        while self.t[i] in ("?", ":"):
                            i = self.right(i, 0) + 1
                    if self.t[i] != "," or is_type(self.t[i + 1]):
                        break
                    i += 1
            i += 1
        return declared

    # ---------------------------------------------------------------------------- faults

    def add(self, first, last, new, kind):
        """A mutant with `new` for tokens first..last."""
        start, end = self.tokens[first].start, self.tokens[last].end
        if new == self.text[start:end]:
            return
        lo, hi = self.text.rfind("\n", 0, start) + 1, self.text.find("\n", end)
        before = " ".join(self.text[lo:hi].split())
        after = " ".join((self.text[lo:start] + new + self.text[end:hi]).split())
        function = next((name for name, _, a, b in self.functions if a <= first <= b), "-")
        self.found.setdefault((start, end, new),
                              Mutant(self.path.name, function, start, end, new, kind, before, after))

    def operators(self, i):
        op = self.t[i]
        if op in ASSIGN and op != "=":
            for other in OTHER[op]:
                self.add(i, i, other, "operator")
        if not self.is_binary(i):
            return
        for other in OTHER[op]:
            self.add(i, i, other, "operator")
        p = PRECEDENCE[op]
        a, z = self.left(i, p), self.right(i, p + 1)
        left, right = self.piece(a, i - 1), self.piece(i + 1, z)
        if op in ("-", "/"):
            self.add(a, z, "((%s) %s (%s))" % (right, op, left), "operands swapped")
        if op in ("+", "-", "*", "/", "&&", "||", "%"):
            self.add(a, z, left, "term dropped")
        if op in ("+", "*", "&&", "||"):
            self.add(a, z, right, "term dropped")
        if op == "-":
            self.add(a, z, "-(%s)" % right, "term dropped")
        if op in ("<", "<=", ">", ">="):
            self.add(i + 1, z, "(%s) - 1" % right, "bound")
            self.add(i + 1, z, "(%s) + 1" % right, "bound")
        # a op b op c: another order
        inner = [j for j in range(a, i) if self.is_binary(j) and PRECEDENCE[self.t[j]] == p and
                 self.left(j, p) == a and self.right(j, p + 1) == i - 1]
        if inner and op in ("+", "-", "*", "/"):
            j, last = inner[0], op
            if self.t[j] in ("-", "/"):
                last = {"+": "-", "-": "+", "*": "/", "/": "*"}[op]
            self.add(j + 1, z, "(%s %s %s)" % (self.piece(j + 1, i - 1), last, right), "order")

    def number(self, i):
        text = self.t[i]
        if re.search(r"\.|^\d+e|p", text):
            value = float.fromhex(text) if text.startswith("0x") else float(text)
            if value != 0.0:
                self.add(i, i, "(%s * (1.0 + 0x1p-20))" % text, "constant")
            if value in (0.0, 1.0, 2.0, 3.0):
                self.add(i, i, "(%s + 1.0)" % text, "constant")
        elif not (self.t[i - 1] == "[" and self.t[i + 1] == "]" and self.declares_array(i - 1)):
            self.add(i, i, "(%s + 1)" % text, "constant")
            if int(text.rstrip("uUlL"), 0) > 0:
                self.add(i, i, "(%s - 1)" % text, "constant")

    def declares_array(self, i):
        """Whether the bracket at i belongs to a declaration, not to an expression."""
        j = i
        while self.t[j - 1] not in (";", "{", "}", "(") and not (self.t[j - 1] == ")" and is_type(self.t[j])):
            if self.t[j - 1] in ASSIGN:
                return False
            j -= 1
        return is_type(self.t[j])

    def statements(self, a, b):
        """Expression statements, break and continue dropped."""
        for i in range(a + 1, b):
            before = self.t[i - 1]
            starts = before in (";", "{", "}", "else", "do") or before == ")" and \
                self.t[self.match[i - 1] - 1] in ("for", "if", "while")
            inside = [j for j in range(a + 1, i) if self.t[j] == "(" and self.match[j] > i]
            if not starts or inside or is_type(self.t[i]) and self.t[i + 1] != "(":
                continue
            if self.tokens[i].kind != "name" and self.t[i] != "*":
                continue
            if self.t[i] in KEYWORDS and self.t[i] not in ("break", "continue"):
                if self.t[i] == "return" and self.t[i + 1] == ";":
                    self.add(i, i, "", "statement dropped")
                continue
            end = i
            while self.t[end] not in (";", "}"):
                end = self.match[end] + 1 if self.t[end] in ("(", "[", "{") else end + 1
            if self.t[end] == ";":
                self.add(i, end - 1, "", "statement dropped")

    def conditions(self, i):
        if self.t[i] in ("if", "while") and self.t[i + 1] == "(":
            first, last = i + 2, self.match[i + 1] - 1
            for new in ("!(%s)" % self.piece(first, last), "1", "0"):
                if self.t[i] == "if" or new[0] == "!":
                    self.add(first, last, new, "condition")
        if self.t[i] == "?":
            a = self.left(i, 0)
            colon = self.right(i, 0) + 1
            z = self.right(colon, 0)
            while self.t[z + 1] in ("?", ":") and self.t[z + 1] == "?":
                z = self.right(self.right(z + 1, 0) + 1, 0)
            self.add(a, z, "(%s)" % self.piece(i + 1, colon - 1), "condition")
            self.add(a, z, "(%s)" % self.piece(colon + 1, z), "condition")

    def lists(self, i):
        """Neighbours in a call or in an initialiser swapped; an index off by one."""
        call = self.t[i] == "(" and self.tokens[i - 1].kind == "name" and self.t[i - 1] not in KEYWORDS
        initialiser = self.t[i] == "{" and (self.t[i - 1] in ("=", ",", "{") or self.t[i - 1] == ")")
        if call or initialiser and self.match[i] < len(self.t) and ";" not in self.t[i:self.match[i]]:
            items = self.items(i)
            for n, ((a, b), (c, d)) in enumerate(zip(items, items[1:])):
                if call and COMMUTE.get(self.t[i - 1]) == n:
                    continue
                between = self.text[self.tokens[b].end:self.tokens[c].start]
                self.add(a, d, self.piece(c, d) + between + self.piece(a, b), "arguments swapped")
        if self.t[i] == "[" and self.match[i] > i + 1 and not self.declares_array(i):
            for new in ("(%s) + 1", "(%s) - 1"):
                self.add(i + 1, self.match[i] - 1, new % self.piece(i + 1, self.match[i] - 1), "index")

    def names(self, function, fields):
        """The next variable of the same type, or the next field of the same structure and type."""
        _, opening, a, b = function
        declared = self.variables(opening + 1, b)
        for i in range(a + 1, b):
            if self.tokens[i].kind != "name" or self.t[i + 1] == "(":
                continue
            scope = fields if self.t[i - 1] in (".", "->") else {self.t[i]: declared}
            here = scope.get(self.t[i], {})
            alike = [name for name in here if here[name] == here.get(self.t[i])]
            if len(alike) > 1 and not (is_type(self.t[i - 1]) or self.t[i + 1] == ":"):
                self.add(i, i, alike[(alike.index(self.t[i]) + 1) % len(alike)], "name")

    def constants(self, i):
        if self.tokens[i].kind == "number":
            self.number(i)
        elif self.tokens[i].kind == "string":
            self.add(i, i, '"x' + self.t[i][1:], "constant")

    def faults(self, fields):
        for i in range(len(self.t) - 1):
            self.constants(i)
            if not any(opening <= i < a for _, opening, a, _ in self.functions):
                self.operators(i)
                self.conditions(i)
                self.lists(i)
        for function in self.functions:
            self.statements(function[2], function[3])
            self.names(function, fields)
        mutants, seen = [], collections.Counter()
        for m in sorted(self.found.values(), key=lambda m: (m.start, m.end, m.new)):
            seen[m[1:2] + m[6:]] += 1  # where a function has the same line twice, the second is FUNCTION/2
            n = seen[m[1:2] + m[6:]]
            mutants.append(m if n == 1 else m._replace(function="%s/%d" % (m.function, n)))
        return mutants


def struct_fields(sources):
    """{field: {name: type} of the structure that it is in}; of structures that share a name, the first."""
    fields = {}
    for source in sources:
        for i, text in enumerate(source.t):
            if text == "struct" and source.t[i + 1] == "{":
                of = source.variables(i + 2, source.match[i + 1] - 1)
                for name in of:
                    fields.setdefault(name, of)
    return fields


def candidates(folder):
    """All, of the files in order."""
    files = [Source(path) for path in sorted(folder.glob("*.c"))]
    fields = struct_fields(files + [Source(path) for path in sorted(folder.glob("*.h"))])
    return [m for file in files for m in file.faults(fields)]
