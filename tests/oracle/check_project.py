"""PCA and t-SNE of rome99 against numpy: the singular value decomposition, and the paper's equations.

    check_project.py [RUNNER...] TEST_PROJECT      runs `TEST_PROJECT dump` and compares all that it prints

t-SNE: van der Maaten and Hinton 2008, (1), (3)-(5) and algorithm 1, with the author's gains. Error is
|a - b| / max(|a|, |b|) in the 2-norm. Last line: "N passed, N failed". Skipped where numpy is missing.
"""
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("PCA and t-SNE against numpy: skipped, no numpy\n0 passed, 0 failed")
    sys.exit(0)


def read(lines):
    """Blocks "name rows cols", each followed by its rows."""
    blocks, at = {}, 0
    while at < len(lines):
        name, rows, cols = lines[at].split()
        rows = int(rows)
        block = [[float(v) for v in line.split()] for line in lines[at + 1:at + 1 + rows]]
        blocks[name] = np.array(block).reshape(rows, int(cols))
        at += 1 + rows
    return blocks


def pca(x):
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    xy = (u * s)[:, :2]
    for c in range(2):
        size = np.abs(xy[:, c])
        if xy[np.argmax(size >= 0.99 * size.max()), c] < 0:
            xy[:, c] *= -1
    return xy, (s * s / (s * s).sum())[:2]


def square_distances(x):
    return ((x[:, None, :] - x[None, :, :]) ** 2).sum(2)


def conditional(d, i, sigma):
    """(1): p_j|i for all j."""
    others = np.delete(d, i)
    p = np.exp(-(others - others.min()) / (2 * sigma ** 2))
    return np.insert(p / p.sum(), i, 0)


def affinities(x, perplexity):
    n = len(x)
    D, P = square_distances(x), np.zeros((n, n))
    for i in range(n):
        low, high = np.log(1e-4), np.log(1e4)  # of sigma
        for _ in range(80):
            p = conditional(D[i], i, np.exp((low + high) / 2))
            H = -(p[p > 0] * np.log2(p[p > 0])).sum()
            low, high = ((low + high) / 2, high) if 2 ** H < perplexity else (low, (low + high) / 2)
        P[i] = p
    return (P + P.T) / (2 * n)


def images(y):
    """(4): q_ij, and (1 + |y_i - y_j|^2)^-1."""
    w = 1 / (1 + square_distances(y))
    np.fill_diagonal(w, 0)
    return w / w.sum(), w


def cost(y, P):
    Q, _ = images(y)
    return (P[P > 0] * np.log(P[P > 0] / Q[P > 0])).sum()


def gradient(y, P):
    """(5)"""
    Q, w = images(y)
    return 4 * (((P - Q) * w)[:, :, None] * (y[:, None, :] - y[None, :, :])).sum(1)


def descend(y, P, settings, iterations, early):
    _, rate, exaggeration, early_momentum, momentum = settings
    gains, before = np.ones_like(y), np.zeros_like(y)
    for t in range(iterations):
        g = gradient(y, exaggeration * P if t < early else P)
        gains = np.maximum(np.where((g > 0) != (before > 0), gains + 0.2, gains * 0.8), 0.01)
        before = (early_momentum if t < early else momentum) * before - rate * gains * g
        y = y + before
        y = y - y.mean(0)
    return y


def error(a, b):
    a, b = np.ravel(a), np.ravel(b)
    size = max(np.linalg.norm(a), np.linalg.norm(b))
    return np.linalg.norm(a - b) / size if a.shape == b.shape and size > 0 else np.inf


def main():
    run = subprocess.run(sys.argv[1:] + ["dump"], stdout=subprocess.PIPE, check=True, text=True)
    got = read(run.stdout.splitlines())
    settings, iterations, early = got["settings"][0, :5], *map(int, got["settings"][0, 5:])
    xy, share = pca(got["x"])
    y, P = got["y"].T, affinities(got["x"], settings[0])
    expected = [
        ("scores", xy, 1e-12), ("share", share, 1e-12), ("P", P, 1e-10), ("cost", cost(y, got["P"]), 1e-12),
        ("gradient_3", gradient(y, 3 * got["P"]).T, 1e-12), ("kl", cost(got["end"], got["P"]), 1e-12),
        ("end", descend(got["start"], got["P"], settings, iterations, early), 1e-9),
    ]
    failed = 0
    for name, value, bar in expected:
        ok = bool(error(got[name], value) <= bar)
        failed += not ok
        print("%-12s %9.2e  %8.1e  %s" % (name, error(got[name], value), bar, "ok" if ok else "FAIL"))
    start = got["start"] - got["scores"] * (1e-4 / got["scores"][:, 0].std())
    ok = bool(0.5e-6 < start.std() < 2e-6)
    print("%-12s %9.2e  deviation of its noise: 1e-6  %s" % ("start", start.std(), "ok" if ok else "FAIL"))
    failed += not ok
    print("%d passed, %d failed" % (len(expected) + 1 - failed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
