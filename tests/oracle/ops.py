"""Every case of golden/ops once more: OPS[name](case, mistake) -> {tensor: value}.

Arithmetic is in longdouble, solves of golden matrices in fractions, derivatives are complex
steps. `mistake` is the part of a wrong tensor's name behind "!": the same function, with that
mistake in it, gives what the mistake gives. None is right.
"""
import math
from fractions import Fraction

import numpy as np

import rome
from edits import Adam, FormulaModel, formula_tokenizer, formula_weights, update_tensors
from gpt2 import gelu_new, linear, log_softmax, softmax

LONG = np.longdouble
STEP = 1e-40
OPS = {}


def op(*names):
    def enter(f):
        for name in names:
            OPS["ops/" + name] = f
        return f
    return enter


def gradient(f, x):
    """d f / d x, f a real function of the array x, written so that it takes complex numbers."""
    out = np.empty(np.shape(x), LONG)
    for at in np.ndindex(*np.shape(x)):
        z = np.array(x, np.clongdouble)
        z[at] += 1j * STEP
        out[at] = f(z).imag / LONG(STEP)
    return out


# ---- elementary functions --------------------------------------------------------------------

def elementary(f):
    def ranges(case, mistake):
        with np.errstate(all="ignore"):
            return {"y" + t.name[1:]: f(t.array()) for t in case.of("input")}
    return ranges


OPS["ops/exp"], OPS["ops/log"], OPS["ops/tanh"] = map(elementary, (np.exp, np.log, np.tanh))


# ---- layers ----------------------------------------------------------------------------------

@op("layer_norm")
def layer_norm(case, mistake):
    x, gain, bias, dy, eps = (case[n] for n in ("x", "gain", "bias", "dy", "eps"))
    n = x.shape[-1] - (mistake == "unbiased_variance")

    def moments(x):
        mean = x.sum(-1) / x.shape[-1]
        d = x - mean[..., None]
        variance = (d * d).sum(-1) / n
        if mistake == "eps_outside_root":
            return mean, 1 / (np.sqrt(variance) + eps)
        return mean, 1 / np.sqrt(variance + eps)

    mean, rstd = moments(x)

    def loss(x, gain, bias):
        m, s = (mean, rstd) if mistake == "constant_moments" else moments(x)
        return (((x - m[..., None]) * s[..., None] * gain + bias) * dy).sum()

    return {"mean": mean, "rstd": rstd, "y": (x - mean[:, None]) * rstd[:, None] * gain + bias,
            "dx": gradient(lambda z: loss(z, gain, bias), x),
            "dgain": gradient(lambda z: loss(x, z, bias), gain),
            "dbias": gradient(lambda z: loss(x, gain, z), bias)}


def erf_gelu(x):
    """x Phi(x); real only."""
    return np.array([LONG(v) / 2 * (1 + LONG(math.erf(v / math.sqrt(2)))) for v in x.ravel()]
                    ).reshape(x.shape)


@op("gelu_new")
def gelu(case, mistake):
    x, dy = case["x"], case["dy"]
    if mistake == "erf_gelu":
        density = np.exp(-x * x / 2) / np.sqrt(2 * LONG("3.14159265358979323846264338"))
        phi = np.array([LONG(math.erfc(-v / math.sqrt(2))) / 2 for v in x])
        return {"y": x * phi, "dx": (phi + x * density) * dy}
    f = gelu_new
    if mistake == "sigmoid_gelu":
        f = lambda z: z / (1 + np.exp(-LONG("1.702") * z))
    return {"y": f(x), "dx": gradient(lambda z: (f(z) * dy).sum(), x)}


@op("softmax")
def softmax_rows(case, mistake):
    x, dy = case["x"], case["dy"]
    y, dx = softmax(x), gradient(lambda z: (softmax(z) * dy).sum(), x)
    return {"y": y, "dx": y * (1 - y) * dy if mistake == "diagonal_only" else dx}


@op("attention")
def attention(case, mistake):
    q, k, v, dy = (case[n] for n in ("q", "k", "v", "dy"))
    T, D = q.shape
    H = 2
    columns = [slice(h, D, H) if mistake == "heads_interleaved" else
               slice(h * D // H, (h + 1) * D // H) for h in range(H)]
    scale = {"not_scaled": 1, "scaled_by_width": np.sqrt(LONG(D))}.get(mistake,
                                                                       np.sqrt(LONG(D) / H))
    hidden = np.triu(np.ones((T, T), bool), 1) & (mistake != "not_causal")

    def forward(q, k, v):
        weights = [softmax(np.where(hidden, -np.inf, q[:, c] @ k[:, c].T / scale)) for c in columns]
        y = np.empty(q.shape, np.result_type(weights[0], v))
        for w, c in zip(weights, columns):
            y[:, c] = w @ v[:, c]
        return np.concatenate(weights), y

    weights, y = forward(q, k, v)
    loss = lambda q, k, v: (forward(q, k, v)[1] * dy).sum()
    return {"weights": weights, "y": y, "dq": gradient(lambda z: loss(z, k, v), q),
            "dk": gradient(lambda z: loss(q, z, v), k), "dv": gradient(lambda z: loss(q, k, z), v)}


@op("linear")
def linear_map(case, mistake):
    x, W, b, dy = (case[n] for n in ("x", "W", "b", "dy"))
    f = lambda x, W, b: (x @ (W.T if mistake == "transposed" else W)
                         + (0 if mistake == "no_bias" else b))
    return {"y": f(x, W, b), "dx": gradient(lambda z: (f(z, W, b) * dy).sum(), x),
            "dW": gradient(lambda z: (f(x, z, b) * dy).sum(), W),
            "db": gradient(lambda z: (f(x, W, z) * dy).sum(), b)}


# ---- losses ----------------------------------------------------------------------------------

@op("cross_entropy")
def cross_entropy(case, mistake):
    logits, target = case["logits"], case["target"].astype(int)
    at = np.arange(len(target)), target
    return {"logp": log_softmax(logits), "nll": -log_softmax(logits)[at],
            "dlogits": gradient(lambda z: -log_softmax(z)[at].sum(), logits)}


@op("nll")
def nll(case, mistake):
    logits, target = case["logits"], case["target"].astype(int)
    n = len(target)

    def loss(z):
        texts = log_softmax(z).reshape(-1, n, z.shape[-1])
        each = -texts[:, np.arange(n), target].sum(-1)
        return (each if mistake == "summed" else each / n).mean()

    return {"nll": loss(logits), "dlogits": gradient(loss, logits)}


@op("kl")
def kl(case, mistake):
    log_p0 = log_softmax(case["logits_0"])
    factor = 1 if mistake == "factor_missing" else case["kl_factor"]

    def loss(z):
        log_p = log_softmax(z)
        if mistake == "reversed":
            return factor * (np.exp(log_p0) * (log_p0 - log_p)).sum()
        return factor * (np.exp(log_p) * (log_p - log_p0)).sum()

    return {"kl": loss(case["logits"]), "dlogits": gradient(loss, case["logits"])}


@op("weight_decay")
def weight_decay(case, mistake):
    delta, m_u, factor = case["delta"], case["m_u"], case["v_weight_decay"]

    def loss(z):
        square, size = (z * z).sum(), rome.norm(m_u)
        length = square if mistake == "squared" else np.sqrt(square)
        return factor * length / (size if mistake == "m_u_not_squared" else size ** 2)

    return {"wd": loss(delta), "ddelta": gradient(loss, delta)}


@op("adam")
def adam_steps(case, mistake):
    state = Adam(case["v_lr"], case["clamp_norm_factor"] * rome.norm(case["m_u"]), mistake)
    steps = [np.zeros_like(case["m_u"])]
    for g in case["gradients"]:
        steps.append(state.step(steps[-1], g))
    return {"steps": np.array(steps[:-1]),
            "delta": steps[-1 if mistake == "one_step_more" else -2]}


# ---- the update ------------------------------------------------------------------------------

@op("second_moment")
def second_moment(case, mistake):
    keys = case["keys"]
    if mistake == "first_position_left_out":
        keys = keys.reshape(3, 4, -1)[:, 1:].reshape(9, -1)
    if mistake == "centred":
        keys = keys - keys.mean(0)
    return {"C": keys.T @ keys / (1 if mistake == "not_divided" else len(keys))}


def exact_factors(A):
    """(unit lower L, pivots d) of A = L diag(d) L^T in fractions, up to the first d <= 0."""
    A = [[Fraction(float(v)) for v in row] for row in A]
    n = len(A)
    L, d = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)], []
    for j in range(n):
        d.append(A[j][j] - sum(L[j][k] ** 2 * d[k] for k in range(j)))
        if d[j] <= 0:
            break
        for i in range(j + 1, n):
            L[i][j] = (A[i][j] - sum(L[i][k] * L[j][k] * d[k] for k in range(j))) / d[j]
    return L, d


def long(fraction):
    """The nearest longdouble, or one beside it."""
    high = float(fraction)
    return LONG(high) + LONG(float(fraction - Fraction(high)))


@op("cholesky_well", "cholesky_ill")
def cholesky(case, mistake):
    n = len(case["b"])
    unit, d = exact_factors(case["A"])
    z = [Fraction(float(v)) for v in case["b"]]
    for i in range(n):                                             # unit z' = b
        z[i] -= sum(unit[i][k] * z[k] for k in range(i))
    forward = np.array([long(z[i]) / np.sqrt(long(d[i])) for i in range(n)])
    x = [z[i] / d[i] for i in range(n)]
    for i in reversed(range(n)):                                   # unit^T x = z' / d
        x[i] -= sum(unit[k][i] * x[k] for k in range(i + 1, n))
    out = {"L": np.array([[long(unit[i][j]) * np.sqrt(long(d[j])) for j in range(n)]
                          for i in range(n)]),
           "x": forward if mistake == "one_triangle" else np.array([long(v) for v in x])}
    if "A_indefinite" in case:
        out["pivot"] = len(exact_factors(case["A_indefinite"])[1])
    return out


@op("update_rome", "update_c-rome", "update_p-rome", "update_k-rome")
def update(case, mistake):
    x = {n: case[n] for n in ("k_u", "k_bar", "m_u", "m_bar", "delta")}
    out = update_tensors(x, case.name.partition("_")[2], case["C"], mistake)
    del out["v_star"]
    return out


# ---- the model -------------------------------------------------------------------------------

@op("formula_model")
def formula_model(case, mistake):
    return formula_weights()


@op("gpt2_forward")
def gpt2_forward(case, mistake):
    model, ids = FormulaModel(), case["ids"].astype(int)
    w, out = model.w, {}
    affine = lambda x, name: linear(x, w[name + ".weight"], w[name + ".bias"])
    heads = lambda x: x.reshape(len(ids), model.H, -1).swapaxes(0, 1)
    x = w["wte.weight"][ids] + w["wpe.weight"][:len(ids)]
    hidden = np.triu(np.ones((len(ids), len(ids)), bool), 1)
    for l in range(model.L):
        h = "h.%d." % l
        out[h + "x"] = x
        out[h + "ln_1"] = model.norm(x, h + "ln_1")
        out[h + "qkv"] = affine(out[h + "ln_1"], h + "attn.c_attn")
        q, k, v = map(heads, np.split(out[h + "qkv"], 3, -1))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(LONG(model.D) / model.H)
        out[h + "att"] = softmax(np.where(hidden, -np.inf, scores))
        out[h + "y"] = (out[h + "att"] @ v).swapaxes(0, 1).reshape(x.shape)
        out[h + "x_mid"] = x + affine(out[h + "y"], h + "attn.c_proj")
        out[h + "ln_2"] = model.norm(out[h + "x_mid"], h + "ln_2")
        out[h + "fc"] = affine(out[h + "ln_2"], h + "mlp.c_fc")
        out[h + "k"] = (erf_gelu if mistake == "erf_gelu" else gelu_new)(out[h + "fc"])
        out[h + "m"] = affine(out[h + "k"], h + "mlp.c_proj")
        if mistake == "bias_missing":
            out[h + "m"] = out[h + "k"] @ w[h + "mlp.c_proj.weight"]
        x = out[h + "x_mid"] + out[h + "m"]
    out["x"], out["ln_f"] = x, model.norm(x, "ln_f")
    out["logits"] = (x if mistake == "no_final_norm" else out["ln_f"]) @ w["wte.weight"].T
    return out


# ---- text ------------------------------------------------------------------------------------

@op("tokenizer")
def tokenizer(case, mistake):
    coder = formula_tokenizer(case.texts["merges"])
    return {t.name: np.array(coder.encode(case.texts[t.name]), object) for t in case.right()}


@op("lookup")
def lookup(case, mistake):
    coder = formula_tokenizer(case.texts["merges"])
    out = {}
    for name in [t.name[:-4] for t in case.right() if t.name.endswith(".ids")]:
        template, prompt, subject = (case.texts["%s.%s" % (name, part)]
                                     for part in ("template", "prompt", "subject"))
        filled, subject_at = rome.splice(prompt, subject)
        text, at = rome.splice(template, filled)
        at += subject_at
        ids, position = rome.locate(coder, text, at, subject, "subject_last")
        if mistake == "first_occurrence":
            position = rome.locate(coder, text, text.index(subject), subject, "subject_last")[1]
        if mistake == "token_counts":
            position = len(coder.encode(text[:at])) + len(coder.encode(subject)) - 1
        out[name + ".ids"], out[name + ".lookup"] = np.array(ids, object), position
    return out
