"""What the kernels compute, as one would write it in NumPy: peers of the comparison, oracles of the benchmarks."""

import numpy as np


def hermite(t, variance, order):
    """Probabilists' Hermite polynomial of a Gaussian of this variance; zero for a negative order."""
    before, here = np.zeros_like(t), np.ones_like(t)
    if order < 0:
        return before
    for j in range(order):
        before, here = here, t * here - j * variance * before
    return here


def hermite_normalized(t, order):
    """He_j(t) / sqrt(j!) for j = 0 ... order."""
    values = np.empty((order + 1, len(t)), t.dtype)
    values[0] = 1
    if order > 0:
        values[1] = t
    for j in range(1, order):
        values[j + 1] = (t * values[j] - np.sqrt(j) * values[j - 1]) / np.sqrt(j + 1)
    return values


def row_blocks(n, rows):
    """Slices of at most ``rows`` rows; ``rows=None`` is one slice."""
    rows = rows or max(n, 1)
    return [slice(begin, min(begin + rows, n)) for begin in range(0, n, rows)]


# ---- weighted Gram matrices ----
def grams_one_by_one(X, W):
    """One product for each weight, on all rows at once."""
    return np.stack([(X * w[:, None]).T @ X for w in W.T])


def grams_one_by_one_blocked(X, W, rows=2048):
    """One product for each weight and row block, whose scaled rows stay in cache."""
    out = np.zeros((W.shape[1], X.shape[1], X.shape[1]), X.dtype)
    for at in row_blocks(len(X), rows):
        block = X[at]
        for j, w in enumerate(W[at].T):
            out[j] += (block * w[:, None]).T @ block
    return out


def grams_stacked(X, W, rows=512):
    """One product for each row block, X' [w_1 X, ..., w_J X]."""
    (_, d), J = X.shape, W.shape[1]
    out = np.zeros((d, J * d), X.dtype)
    for at in row_blocks(len(X), rows):
        block = X[at]
        out += block.T @ (block[:, None, :] * W[at][:, :, None]).reshape(len(block), J * d)
    return np.ascontiguousarray(out.reshape(d, J, d).swapaxes(0, 1))


def grams_einsum(X, W, rows=512):
    """The definition, left to einsum, for each row block."""
    # optimize=True saves no operations by its count and so splits nothing, which is twenty times slower.
    path = ["einsum_path", (0, 1), (0, 1)]
    out = np.zeros((W.shape[1], X.shape[1], X.shape[1]), X.dtype)
    for at in row_blocks(len(X), rows):
        out += np.einsum("nj,na,nb->jab", W[at], X[at], X[at], optimize=path)
    return out


def grams_by_sign(X, W, rows=4096):
    """Rows of positive and of negative weight apart, scaled by sqrt(|w|): A.T @ A does half the work of A.T @ B."""
    out = np.zeros((W.shape[1], X.shape[1], X.shape[1]), X.dtype)
    for at in row_blocks(len(X), rows):
        block = X[at]
        for j, w in enumerate(W[at].T):
            for sign in (1, -1):
                kept = np.flatnonzero(sign * w > 0)
                scaled = block[kept] * np.sqrt(np.abs(w[kept]))[:, None]
                out[j] += sign * (scaled.T @ scaled)
    return out


def grams_of_pairs(X, W, rows=512):
    """Products of all pairs of features, each pair once: the strongest formulation for very few features."""
    d = X.shape[1]
    a, b = np.triu_indices(d)
    pairs = np.zeros((W.shape[1], len(a)), X.dtype)
    for at in row_blocks(len(X), rows):
        block = X[at]
        pairs += W[at].T @ (block[:, a] * block[:, b])
    out = np.empty((W.shape[1], d, d), X.dtype)
    out[:, a, b] = out[:, b, a] = pairs
    return out


GRAMS = {
    "X'(wX), one by one": grams_one_by_one,
    "X'(wX), row blocks": grams_one_by_one_blocked,
    "X'[w1X..wJX], row blocks": grams_stacked,
    "einsum, row blocks": grams_einsum,
    "split by sign, A'A": grams_by_sign,
}


# ---- contractions: see limbeck.moments for the formulas ----
def contract(X, y, G, order, grams=grams_stacked, rows=4096):
    """Matrices (m, d, d), in row blocks."""
    (n, d), m = X.shape, len(G)
    variance = (G * G).sum(axis=1)
    S, V = np.zeros((m, d, d), X.dtype), np.zeros((d, m), X.dtype)
    gram_weight, outer_weight = np.zeros(m, X.dtype), np.zeros(m, X.dtype)
    for at in row_blocks(n, rows):
        block, labels = X[at], y[at][:, None]
        t = block @ G.T
        w = labels * hermite(t, variance, order - 2)
        S += grams(block, w)
        V += block.T @ (labels * hermite(t, variance, order - 3))
        gram_weight += w.sum(axis=0)
        outer_weight += (labels * hermite(t, variance, order - 4)).sum(axis=0)
    for j, g in enumerate(G):
        S[j] -= gram_weight[j] * np.eye(d, dtype=X.dtype)
        S[j] -= (order - 2) * (np.outer(V[:, j], g) + np.outer(g, V[:, j]))
        S[j] += (order - 2) * (order - 3) * outer_weight[j] * np.outer(g, g)
    return S / n


def contract_apply(X, y, G, order, B, rows=None):
    """contract(...) @ B for one direction (1, d, s), without a d x d matrix."""
    n, s = len(X), B.shape[1]
    g = G[0]
    variance = g @ g
    both = np.column_stack([g, B])
    out, V = np.zeros(B.shape, X.dtype), np.zeros(X.shape[1], X.dtype)
    gram_weight, outer_weight, mixed = 0, 0, np.zeros(s, X.dtype)
    for at in row_blocks(n, rows):
        block, labels = X[at], y[at]
        Z = block @ both
        t, Z = Z[:, 0], Z[:, 1:]
        w = labels * hermite(t, variance, order - 2)
        u = labels * hermite(t, variance, order - 3)
        sums = block.T @ np.column_stack([w[:, None] * Z, u])
        out += sums[:, :s]
        V += sums[:, s]
        mixed += u @ Z
        gram_weight += w.sum()
        outer_weight += (labels * hermite(t, variance, order - 4)).sum()
    gB = g @ B
    out -= gram_weight * B + (order - 2) * (np.outer(V, gB) + np.outer(g, mixed))
    out += (order - 2) * (order - 3) * outer_weight * np.outer(g, gB)
    return out[None] / n


def contract_to_vector(X, y, G, order, rows=None):
    """Vectors (m, d)."""
    variance = (G * G).sum(axis=1)
    out, total = np.zeros((len(G), X.shape[1]), X.dtype), np.zeros(len(G), X.dtype)
    for at in row_blocks(len(X), rows):
        t, labels = X[at] @ G.T, y[at][:, None]
        out += (labels * hermite(t, variance, order - 1)).T @ X[at]
        total += (labels * hermite(t, variance, order - 2)).sum(axis=0)
    return (out - (order - 1) * total[:, None] * G) / len(X)


def contract_to_scalar(X, y, G, orders, rows=None):
    """Scalars (m, len(orders))."""
    variance = (G * G).sum(axis=1)
    out = np.zeros((len(G), len(orders)), X.dtype)
    for at in row_blocks(len(X), rows):
        t = X[at] @ G.T
        for column, order in enumerate(orders):
            out[:, column] += y[at] @ hermite(t, variance, order)
    return out / len(X)


def moment_tensor_4(X, y, rows=4096):
    """The dense tensor of order 4, from the products of pairs of features, each pair once."""
    n, d = X.shape
    a, b = np.triu_indices(d)
    pairs, second = np.zeros((len(a), len(a)), X.dtype), np.zeros((d, d), X.dtype)
    for at in row_blocks(n, rows):
        block, labels = X[at], y[at][:, None]
        P = block[:, a] * block[:, b]
        pairs += (P * labels).T @ P
        second += (block * labels).T @ block
    pair_of = np.empty((d, d), int)
    pair_of[a, b] = pair_of[b, a] = np.arange(len(a))
    T = pairs[pair_of[:, :, None, None], pair_of[None, None]]
    eye = np.eye(d, dtype=X.dtype)
    # He_4 = x^4 - sum of 6 placements of x x' I + sum of 3 placements of I I.
    placements = ("ab,cd->abcd", "ab,cd->acbd", "ab,cd->acdb", "ab,cd->cabd", "ab,cd->cadb", "ab,cd->cdab")
    for placement in placements:
        T = T - np.einsum(placement, second, eye)
    for placement in placements[:3]:
        T = T + y.sum() * np.einsum(placement, eye, eye)
    return T / n


# ---- networks ----
def forward(net, X, rows=None):
    """Values of a network on rows."""
    weights, thresholds, output, linear = (
        np.asarray(a, X.dtype) for a in (net.weights, net.thresholds, net.output, net.linear)
    )
    values = np.empty(len(X), X.dtype)
    for at in row_blocks(len(X), rows):
        block = X[at]
        values[at] = np.maximum(block @ weights.T + thresholds, 0) @ output + block @ linear + X.dtype.type(net.bias)
    return values


def distance(first, second, dtype=np.float64):
    """E (f(x) - g(x))^2 for networks without thresholds, from the closed form; ``dtype`` sets the precision."""
    A = np.concatenate([first.weights, second.weights]).astype(dtype)
    c = np.concatenate([first.output, -second.output]).astype(dtype)
    w = first.linear.astype(dtype) - second.linear.astype(dtype)
    b = dtype(first.bias) - dtype(second.bias)
    pi = dtype(4) * np.arctan(dtype(1))
    norms = np.sqrt((A * A).sum(axis=1))
    cosines = np.clip((A / norms[:, None]) @ (A / norms[:, None]).T, -1, 1)
    t = np.arccos(cosines)
    grams = np.outer(norms, norms) * (np.sin(t) + (pi - t) * cosines) / (2 * pi)
    means = norms @ c / np.sqrt(2 * pi)
    return c @ grams @ c + c @ (A @ w) + w @ w + 2 * b * means + b * b
