"""GPT-2 in numpy, straight from a Hugging Face folder: safetensors, tokenizer, forward.

Every function of the forward pass is holomorphic as written (no abs, no conjugate; maxima are
taken of real parts), so complex activations give derivatives by the complex step. A complex
array's first axis is that of the directions, which share their real part, the step being so
small that its square is lost; linear() computes that part once. Weights are float64, or
longdouble where a caller made them so; everything follows their type.
"""
import json
import os
import re
import struct
import unicodedata

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
          "I8": "i1", "U8": "u1", "BOOL": "?"}


def read_safetensors(path):
    """{name: array} of a safetensors file; BF16 is widened to float32."""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        if entry["dtype"] == "BF16":
            flat = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            flat = np.frombuffer(raw, DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


# ---- text ----------------------------------------------------------------------------------

END_OF_TEXT = "<|endoftext|>"
WHITE_SPACE = {0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+",
                   re.ASCII)


def ascii_stand_in(char):
    """An ASCII character of the same class (letter, number, white space, other) as char."""
    if ord(char) < 128:
        return char
    if ord(char) in WHITE_SPACE:
        return "\t"
    return {"L": "A", "N": "0"}.get(unicodedata.category(char)[0], "!")


def printable_bytes():
    """The character that stands for each byte in vocab.json and merges.txt."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in plain}
    for b in range(256):
        table.setdefault(b, chr(256 + len(table) - len(plain)))
    return table


class Tokenizer:
    def __init__(self, vocab, lines):
        """vocab: {token: id}; lines: those of merges.txt."""
        self.vocab = vocab
        pairs = [tuple(line.split(" ")) for line in lines
                 if line and not line.startswith("#version")]
        self.rank = {pair: i for i, pair in enumerate(pairs)}
        self.byte_char = printable_bytes()
        self.names = {i: name for name, i in self.vocab.items()}

    @classmethod
    def read(cls, folder):
        with open(os.path.join(folder, "merges.txt"), encoding="utf-8") as f:
            lines = [line.rstrip("\r\n") for line in f]
        return cls(read_json(os.path.join(folder, "vocab.json")), lines)

    def merge(self, piece):
        symbols = [self.byte_char[b] for b in piece.encode("utf-8")]
        while True:
            ranked = [(self.rank[pair], pair) for pair in zip(symbols, symbols[1:])
                      if pair in self.rank]
            if not ranked:
                return symbols
            left, right = min(ranked)[1]
            merged, i = [], 0
            while i < len(symbols):
                if symbols[i:i + 2] == [left, right]:
                    merged.append(left + right)
                    i += 2
                else:
                    merged.append(symbols[i])
                    i += 1
            symbols = merged

    def encode(self, text):
        ids = []
        for i, part in enumerate(text.split(END_OF_TEXT)):
            if i > 0:
                ids.append(self.vocab[END_OF_TEXT])
            classes = "".join(map(ascii_stand_in, part))
            for match in PIECE.finditer(classes):
                ids += [self.vocab[s] for s in self.merge(part[match.start():match.end()])]
        return ids

    def token_ending_at(self, ids, n_bytes):
        """Index of the token that holds byte n_bytes - 1 of the text that ids encode."""
        end = 0
        for i, token in enumerate(ids):
            end += len(self.names[token])    # one character a byte; so has <|endoftext|>
            if end >= n_bytes:
                return i
        raise ValueError("text has fewer bytes than %d" % n_bytes)


# ---- forward -------------------------------------------------------------------------------

def linear(x, weight, bias):
    if not np.iscomplexobj(x):
        return x @ weight + bias
    flat = lambda y: np.ascontiguousarray(y).reshape(-1, y.shape[-1])
    y = np.empty(x.shape[:-1] + weight.shape[1:], x.dtype)
    y.real = (flat(x[0].real) @ weight + bias).reshape(y.shape[1:])
    y.imag = (flat(x.imag) @ weight).reshape(y.shape)
    return y


def tanh(x):
    """tanh(a + ib) = (t + is) / (1 + its) with t = tanh a, s = tan b."""
    if not np.iscomplexobj(x):
        return np.tanh(x)
    t, s = np.tanh(x.real), np.tan(x.imag)
    y = np.empty(x.shape, x.dtype)
    scale = 1 / (1 + (t * s) ** 2)
    y.real = t * (1 + s * s) * scale
    y.imag = s * (1 - t * t) * scale
    return y


def gelu_new(x):
    real = x.real.dtype.type
    scale = np.sqrt(2 / real("3.14159265358979323846264338"))
    return 0.5 * x * (1 + tanh(scale * (x + 0.044715 * (x * x * x))))


def softmax(x):
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(x):
    x = x - x.real.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


class GPT2:
    def __init__(self, folder):
        config = read_json(os.path.join(folder, "config.json"))
        self.D, self.L, self.H = config["n_embd"], config["n_layer"], config["n_head"]
        self.n_positions = config["n_positions"]
        self.eps = config["layer_norm_epsilon"]
        assert config["activation_function"] == "gelu_new"
        tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
        self.w = {name[len("transformer."):] if name.startswith("transformer.") else name:
                  t.astype(np.float64) for name, t in tensors.items()}
        self.tokenizer = Tokenizer.read(folder)

    def with_update(self, layer, dW):
        """A model that shares every weight but W of that layer, which is W + dW."""
        edited = object.__new__(GPT2)
        edited.__dict__ = dict(self.__dict__, w=dict(self.w))
        name = "h.%d.mlp.c_proj.weight" % layer
        edited.w[name] = self.w[name] + dW
        return edited

    def affine(self, x, name):
        return linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps)
        return x * self.w[name + ".weight"] + self.w[name + ".bias"]

    def attention(self, i, x, past):
        """x (..., S, D) are the positions that follow those of past = (keys, values)."""
        split = lambda y: y.reshape(y.shape[:-1] + (self.H, -1)).swapaxes(-2, -3)
        q, k, v = map(split, np.split(self.affine(x, "h.%d.attn.c_attn" % i), 3, -1))
        n_past = 0
        if past is not None:
            n_past = past[0].shape[-2]
            before = [np.broadcast_to(y, k.shape[:-2] + y.shape[-2:]) for y in past]
            k = np.concatenate([before[0], k], -2)
            v = np.concatenate([before[1], v], -2)
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(self.D / self.H)
        hidden = np.triu(np.ones(scores.shape[-2:], bool), 1 + n_past)
        mixed = softmax(np.where(hidden, -np.inf, scores)) @ v
        mixed = mixed.swapaxes(-2, -3).reshape(x.shape)
        return self.affine(mixed, "h.%d.attn.c_proj" % i), (k, v)

    def block(self, i, x, past=None):
        """Returns (x after the block, its MLP output, key of its c_proj, attention's (k, v))."""
        mixed, kv = self.attention(i, self.norm(x, "h.%d.ln_1" % i), past)
        x = x + mixed
        key = gelu_new(self.affine(self.norm(x, "h.%d.ln_2" % i), "h.%d.mlp.c_fc" % i))
        out = self.affine(key, "h.%d.mlp.c_proj" % i)
        return x + out, out, key, kv

    def embed(self, ids):
        ids = np.asarray(ids)
        assert ids.shape[-1] <= self.n_positions
        return self.w["wte.weight"][ids] + self.w["wpe.weight"][:ids.shape[-1]]

    def head(self, x):
        return linear(self.norm(x, "ln_f"), self.w["wte.weight"].T, 0.0)

    def run(self, ids, layer=None, add=None):
        """Logits of ids (..., T). With a layer also (x after it, its MLP output, its keys), and
        add = (position, vector) adds that vector to its MLP output there."""
        x, tapped = self.embed(ids), None
        for i in range(self.L):
            x, out, key, _ = self.block(i, x)
            if i == layer:
                tapped = (x.copy(), out, key)
                if add is not None:
                    x[..., add[0], :] += add[1]
        logits = self.head(x)
        return logits if layer is None else (logits, *tapped)

    def logits(self, ids):
        return self.run(ids)
