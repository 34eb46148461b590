"""Reference values in extended precision, through random projections of a result: cheap for any size.

Every error is relative to the sum of the sizes of the terms, so that it is comparable with the machine's epsilon
however much the terms cancel.
"""

import numpy as np
from peers import hermite, row_blocks

_ROWS = 16384


def _extended(X):
    for at in row_blocks(len(X), _ROWS):
        yield at, X[at].astype(np.longdouble)


def gram_error(X, W, result, seed=0):
    """Error of a'(X' diag(w_j) X) b for one j and random a, b."""
    rng = np.random.default_rng(seed)
    j = int(rng.integers(W.shape[1]))
    A = rng.standard_normal((X.shape[1], 2)).astype(np.longdouble)
    value = scale = np.longdouble(0)
    for at, block in _extended(X):
        terms = W[at, j] * np.prod(block @ A, axis=1)
        value, scale = value + terms.sum(), scale + np.abs(terms).sum()
    return float(abs(A[:, 0] @ result[j].astype(np.longdouble) @ A[:, 1] - value) / scale)


def moment(X, y, g, order, vectors):
    """mean y He_order(x)[g, ..., g, vectors], and the mean size of its leading term; at most two vectors."""
    A = np.column_stack([g, *vectors]).astype(np.longdouble)
    g, free = A[:, 0], A[:, 1:].T
    value = scale = np.longdouble(0)
    for at, block in _extended(X):
        projected = block @ A
        t, z = projected[:, 0], projected[:, 1:].T
        terms, leading = _hermite_terms(t, z, g, free, order)
        value, scale = value + y[at] @ terms, scale + np.abs(y[at] * leading).sum()
    return value / len(X), scale / len(X)


def _hermite_terms(t, z, g, free, order):
    variance = g @ g
    h = [hermite(t, variance, order - j) for j in range(5)]
    if len(free) == 0:
        return h[0], h[0]
    if len(free) == 1:
        return h[1] * z[0] - (order - 1) * h[2] * (g @ free[0]), h[1] * z[0]
    ga, gb, ab = g @ free[0], g @ free[1], free[0] @ free[1]
    leading = h[2] * z[0] * z[1]
    mixed = (order - 2) * h[3] * (z[0] * gb + z[1] * ga)
    return leading - h[2] * ab - mixed + (order - 2) * (order - 3) * h[4] * ga * gb, leading


def projection_error(X, y, g, order, vectors, value):
    """Error of one projected contraction."""
    exact, scale = moment(X, y, g, order, vectors)
    return float(abs(value - exact) / scale)


def contract_error(X, y, G, order, result, seed=0):
    """Error of a' M b for the last direction's matrix and random a, b."""
    a, b = np.random.default_rng(seed).standard_normal((2, X.shape[1])).astype(np.longdouble)
    return projection_error(X, y, G[-1], order, (a, b), a @ result[-1].astype(np.longdouble) @ b)


def apply_error(X, y, G, order, B, result, seed=0):
    """Error of a' (M B) c for random a, c."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(X.shape[1]).astype(np.longdouble)
    c = rng.standard_normal(B.shape[1]).astype(np.longdouble)
    value = a @ result[-1].astype(np.longdouble) @ c
    return projection_error(X, y, G[-1], order, (a, B.astype(np.longdouble) @ c), value)


def vector_error(X, y, G, order, result, seed=0):
    """Error of a' v for the last direction's vector and a random a."""
    a = np.random.default_rng(seed).standard_normal(X.shape[1]).astype(np.longdouble)
    return projection_error(X, y, G[-1], order, (a,), a @ result[-1].astype(np.longdouble))


def scalar_error(X, y, G, orders, result):
    """Error of the last direction's scalar of the last order."""
    return projection_error(X, y, G[-1], orders[-1], (), np.longdouble(result[-1, -1]))


def tensor_error(X, y, result, seed=0):
    """Error of T[g, g, a, b] for a dense tensor of order 4 and random g, a, b."""
    g, a, b = np.random.default_rng(seed).standard_normal((3, X.shape[1])).astype(np.longdouble)
    value = np.einsum("ijkl,i,j,k,l->", result.astype(np.longdouble), g, g, a, b)
    return projection_error(X, y, g, 4, (a, b), value)


def forward_error(net, X, values, rows=2000):
    """Largest error over the last rows, against the sum of sizes of a row's terms."""
    block = X[-rows:].astype(np.longdouble)
    gates = np.maximum(block @ net.weights.T.astype(np.longdouble) + net.thresholds, 0)
    exact = gates @ net.output + block @ net.linear + net.bias
    scale = gates @ np.abs(net.output) + np.abs(block) @ np.abs(net.linear) + abs(net.bias)
    # Rows where every gate is closed are exact zeros: they count against a typical row.
    return float(np.max(np.abs(values[-rows:] - exact) / np.maximum(scale, np.median(scale))))
