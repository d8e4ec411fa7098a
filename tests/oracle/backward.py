"""The optimised value with a backward pass, for where complex steps in all directions cost too much."""
import copy

import numpy as np

import rome
from gpt2 import log_softmax, softmax
from rome import Edit, norm


def padded(rows):
    """Rows of ids as one array, filled up on the right, which no causal model sees."""
    return np.array([list(row) + [0] * (max(map(len, rows)) - len(row)) for row in rows])


def layer_keys(model, ids, layer):
    """(keys, MLP outputs, what these are added to) of one layer at every position."""
    x = model.embed(ids)
    for i in range(layer + 1):
        x, out, key, _ = model.block(i, x)
    return key, out, x - out


class BackwardEdit(Edit):
    """Edit with keys of all templates at once and gradients of all rows from one backward pass,
    from the lookup position on."""

    def find_keys(self):
        at = np.arange(len(self.prompts)), [lookup for _, lookup in self.prompts]
        key, out, _ = layer_keys(self.model, padded([ids for ids, _ in self.prompts]), self.layer)
        self.keys, self.outs = key[at], out[at]
        self.k_u, self.m_u = self.keys[0], self.outs[0]
        self.k_bar, self.m_bar = self.keys.mean(0), self.outs.mean(0)
        self.delta, self.v_star, self.steps = np.zeros_like(self.m_u), self.m_u, []

    def update(self, method, solver):
        """solver: a Solver, or None for the identity."""
        plain = super().update(method, None)
        if solver is None:
            return plain
        key = self.k_u if method == "p-rome" else self.k_bar
        return rome.Update(solver(key), plain.k_den, plain.residual)

    def optimise(self):
        if not self.steps:
            super().optimise()
            del self.rows, self.kl_row, self.x0, self.past, self.saved

    def start_optimiser(self):
        super().start_optimiser()
        rows = [*self.rows, self.kl_row]
        n_before, n = max(row[1] for row in rows), max(len(row[3]) for row in rows)
        self.x0 = np.zeros((len(rows), n, self.model.D))
        self.past = [np.zeros((2, len(rows), self.model.H, n_before, self.model.D // self.model.H))
                     for _ in rows[0][4]]
        self.hidden = np.zeros((len(rows), 1, n, n_before + n), bool)
        self.hidden[..., n_before:] = np.triu(np.ones((n, n), bool), 1)
        for r, (_, lookup, _, x, past) in enumerate(rows):
            self.x0[r, :len(x)] = x
            self.hidden[r, :, :, :n_before - lookup] = True
            for all_past, kv in zip(self.past, past):
                if lookup:
                    all_past[:, r, :, n_before - lookup:] = kv
        first = np.array([row[2] for row in self.rows])
        self.at = np.arange(len(first))[:, None], first[:, None] + np.arange(len(self.target))
        self.log_p0_here = None

    def losses(self, delta):
        """Keeps what gradient() needs."""
        model, x = self.model, self.x0.copy()
        x[:, 0] += delta
        self.saved = []
        for i in range(self.layer + 1, model.L):
            x = self.forward(i, x)
        self.last = x
        log_p = log_softmax(model.head(x[self.at]))
        log_q = log_softmax(model.head(x[-1, 0]))
        if self.log_p0_here is None:
            self.log_p0_here = log_q
        self.log_p, self.log_q = log_p, log_q
        nll = -np.take_along_axis(log_p, np.array(self.target)[None, :, None], -1).mean()
        kl = self.hparams["kl_factor"] * (np.exp(log_q) * (log_q - self.log_p0_here)).sum()
        wd = self.decay(delta)
        return np.array([nll + kl + wd, nll, kl, wd])

    def whole_losses(self, delta):
        """The same by whole forwards."""
        other = copy.copy(self)
        Edit.start_optimiser(other)
        return Edit.losses(other, delta)

    def gradient(self, delta):
        model, wte = self.model, self.model.w["wte.weight"]
        d = np.exp(self.log_p)
        d[:, np.arange(len(self.target)), self.target] -= 1
        p, ratio = np.exp(self.log_q), self.log_q - self.log_p0_here
        d_kl = self.hparams["kl_factor"] * p * (ratio - (p * ratio).sum())
        dx = np.zeros_like(self.last)
        dx[self.at] = self.norm_back(d / d[..., 0].size @ wte, self.last[self.at], "ln_f")
        dx[-1, 0] += self.norm_back(d_kl @ wte, self.last[-1, 0], "ln_f")
        for i in reversed(range(self.layer + 1, model.L)):
            dx = self.backward(i, dx, *self.saved.pop())
        d_delta = dx[:, 0].sum(0)
        if delta.any():
            d_delta = d_delta + self.decay(delta) * delta / (delta @ delta)
        return d_delta

    def heads(self, y):
        return y.reshape(y.shape[:-1] + (self.model.H, -1)).swapaxes(-2, -3)

    def joined(self, y):
        y = y.swapaxes(-2, -3)
        return y.reshape(y.shape[:-2] + (-1,))

    def linear(self, x, name):
        return times(x, self.model.w[name + ".weight"]) + self.model.w[name + ".bias"]

    def linear_back(self, d, name):
        return times(d, self.model.w[name + ".weight"].T)

    def forward(self, i, x):
        model, past, h = self.model, self.past[i - self.layer - 1], "h.%d." % i
        normed = model.norm(x, h + "ln_1")
        q, k, v = map(self.heads, np.split(self.linear(normed, h + "attn.c_attn"), 3, -1))
        k, v = np.concatenate([past[0], k], -2), np.concatenate([past[1], v], -2)
        q = q / np.sqrt(model.D / model.H)
        weights = softmax(np.where(self.hidden, -np.inf, q @ k.swapaxes(-1, -2)))
        middle = x + self.linear(self.joined(weights @ v), h + "attn.c_proj")
        before = self.linear(model.norm(middle, h + "ln_2"), h + "mlp.c_fc")
        key, slope = gelu_and_slope(before)
        self.saved.append((x, q, k, v, weights, middle, slope))
        return middle + self.linear(key, h + "mlp.c_proj")

    def backward(self, i, d, x, q, k, v, weights, middle, slope):
        n, h = d.shape[1], "h.%d." % i
        d_before = self.linear_back(d, h + "mlp.c_proj") * slope
        d = d + self.norm_back(self.linear_back(d_before, h + "mlp.c_fc"), middle, h + "ln_2")
        d_mixed = self.heads(self.linear_back(d, h + "attn.c_proj"))
        d_weights = d_mixed @ v.swapaxes(-1, -2)
        d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
        d_q = d_scores @ k / np.sqrt(self.model.D / self.model.H)
        d_k = (d_scores.swapaxes(-1, -2) @ q)[..., -n:, :]
        d_v = (weights.swapaxes(-1, -2) @ d_mixed)[..., -n:, :]
        d_all = np.concatenate([self.joined(y) for y in (d_q, d_k, d_v)], -1)
        return d + self.norm_back(self.linear_back(d_all, h + "attn.c_attn"), x, h + "ln_1")

    def norm_back(self, d, x, name):
        x = x - x.mean(-1, keepdims=True)
        size = np.sqrt((x * x).mean(-1, keepdims=True) + self.model.eps)
        x, d = x / size, d * self.model.w[name + ".weight"]
        return (d - d.mean(-1, keepdims=True) - x * (d * x).mean(-1, keepdims=True)) / size


class CheckedEdit(BackwardEdit):
    """Edit as it is, whole forwards and all, but for its gradients: those of the backward pass, of which the
    1st, 2nd, 4th, 8th ... are held to complex steps along a few random directions; `doubt` is the largest
    relative difference of slopes."""
    find_keys, update, optimise, losses = Edit.find_keys, Edit.update, Edit.optimise, Edit.losses
    doubt = 0.0

    def gradient(self, delta):
        BackwardEdit.losses(self, delta)           # keeps what the backward pass needs
        g, t = BackwardEdit.gradient(self, delta), len(self.steps)
        if t & (t - 1) == 0:
            directions = np.random.default_rng(t).standard_normal((3, len(delta)))
            slopes = self.derivatives(delta, directions)
            self.doubt = max(self.doubt, norm(directions @ g - slopes) / norm(slopes))
        return g


def times(x, weight):
    """x @ weight as one product of matrices, which is faster than many."""
    return (x.reshape(-1, x.shape[-1]) @ weight).reshape(x.shape[:-1] + weight.shape[1:])


def gelu_and_slope(x):
    scale, square = np.sqrt(2 / np.pi), 0.044715 * x * x
    t = np.tanh(scale * x * (1 + square))
    half = 0.5 * (1 + t)
    return x * half, half + 0.5 * x * (1 - t * t) * scale * (1 + 3 * square)
