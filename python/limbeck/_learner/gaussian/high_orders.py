"""The span from moments of high orders, contracted along isotropic complex directions.

The trace of the moment tensor of order l is, up to a factor, that of order l - 2. So where lower orders vanish, the
first that does not is traceless, and contractions along real directions, most of whose energy is in the traces, see
little but noise. Directions g = a + ib with orthonormal a and b have g'g = 0, so that powers of g are traceless: every
part of a traceless tensor weighs alike. Eight lines at equal angles of a plane, with alternating signs, show first in
order 8. Along a + ib in the plane they add up to 2^(-1/2), for errors of size one; along the best real direction they
nearly cancel, to 2^(-4).

A traceless contraction of a Hermite tensor is a harmonic polynomial, |x|^l times a function of x / |x|. For N(0, I) the
two factors are independent, so the first may be left out: what remains are the traceless parts of order l of all
moments of orders l, l + 2, ... together, in bounded terms. With |x|^l the few rows farthest out decide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.settings import DEFAULTS, HighOrderSettings
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.rows import Rows

__all__ = ["isotropic_directions", "isotropic_vectors", "with_high_orders"]

_BATCH = 4096
_DEPENDENT = 1e-6  # length of what is left of a unit vector outside a span that adds only rounding to it


def isotropic_directions(
    rng: np.random.Generator, count: int, basis: Float64Array, d: int, inside: int
) -> NDArray[np.complex128]:
    """Directions a + ib (count, d), a and b orthonormal: ``inside`` of them (0, 1, 2) in a span, the others in R^d."""
    spans = [basis if part < inside else np.eye(d) for part in range(2)]
    a, b = (rng.standard_normal((count, len(span))) @ span for span in spans)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b -= np.sum(a * b, axis=1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return np.asarray(a + 1j * b)


def isotropic_vectors(X: Float64Array, labels: Float64Array, along: NDArray[np.complex128], order: int) -> Float64Array:
    """Vector contractions of the traceless moment of an order along isotropic g (m, d): (q, d, 2 m) for (n, q) labels.

    That is the mean of y times the harmonic part of ``(g'x)^(order - 1) x``, for rows x of unit length; real and
    imaginary parts stand side by side.
    """
    (n, d), m, q = X.shape, len(along), labels.shape[1]
    vectors, scalars = np.zeros((q * d, 2 * m)), np.zeros((q, 2 * m))
    both = np.ascontiguousarray(np.concatenate([along.real, along.imag]).T)
    for start in range(0, n, _BATCH):
        rows, y = X[start : start + _BATCH], labels[start : start + _BATCH]
        product = rows @ both
        t = product[:, :m] + 1j * product[:, m:]
        power = _power(t, order - 2)
        scalars += y.T @ _side_by_side(power)
        weighted = (y[:, :, None] * rows[:, None]).reshape(len(rows), q * d)
        vectors += weighted.T @ _side_by_side(power * t)
    # The Laplacian of (g'x)^(l-1) e'x is 2 (l - 1) g'e (g'x)^(l-2); that of |x|^2 h, h harmonic of degree l - 2, is
    # (2 d + 4 l - 8) h.
    trace = (scalars[:, :m] + 1j * scalars[:, m:])[:, None] * along.T
    traceless = vectors.reshape(q, d, 2 * m)
    traceless -= (order - 1) / (d + 2 * order - 4) * np.concatenate([trace.real, trace.imag], axis=2)
    return np.asarray(traceless / n)


def _side_by_side(values: NDArray[np.complex128]) -> Float64Array:
    return np.concatenate([values.real, values.imag], axis=1)


def _power(t: NDArray[np.complex128], exponent: int) -> NDArray[np.complex128]:
    """Powers by squaring: NumPy's of complex numbers take logarithms."""
    result = np.ones_like(t)
    while exponent:
        if exponent % 2:
            result *= t
        exponent //= 2
        if exponent:
            t = t * t
    return result


def with_high_orders(
    rows: Rows,
    basis: Float64Array,
    max_rank: int,
    width: int,
    rng: np.random.Generator,
    settings: HighOrderSettings = DEFAULTS.high_orders,
) -> tuple[Float64Array, list[int]]:
    """A basis with the directions that moments of orders 4 to 2 width + 2 show outside it, and these orders.

    Parameters
    ----------
    rows : Rows
        Inputs, N(0, I), and labels less their linear part and mean, times the weights.
    basis : ndarray of shape (r, d)
        Orthonormal rows: the span so far.
    max_rank, width : int
        Largest number of dimensions, and of lines.
    rng : numpy.random.Generator
        For directions and signs.
    settings : HighOrderSettings
        Numbers of rows, directions and signs, and the margin over chance.
    """
    n, d = rows.X.shape
    count = min(max(settings.products // (n * d), settings.fewest_directions), settings.most_directions)
    most = max(settings.fewest_rows, settings.products // (count * d))
    X, y = rows.X, rows.y
    if n > most:  # drawn: rows may come in any order
        drawn = np.sort(rng.choice(n, most, replace=False))
        X, y = X[drawn], y[drawn]
    X = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    signs = rng.choice([-1.0, 1.0], (len(y), settings.flips))
    labels = np.column_stack([y, y[:, None] * signs])
    orders: list[int] = []
    if d < 2:
        return basis, orders
    for order in range(4, min(2 * width + 2, settings.most_order) + 1, 2):
        for inside in (2, 1, 0):
            if len(basis) >= max_rank:
                return basis, orders
            if inside > len(basis):
                continue
            along = isotropic_directions(rng, count, basis, d, inside)
            found = _outside(basis, isotropic_vectors(X, labels, along, order), settings, max_rank - len(basis))
            basis = np.vstack([basis, found])
            orders += [order] * len(found)
    return basis, orders


def _outside(basis: Float64Array, vectors: Float64Array, settings: HighOrderSettings, most: int) -> Float64Array:
    """Directions outside a span along which the first of several stacks of vectors stands out of all others.

    The others are of labels with random signs. What every row adds to the Gram matrix by itself is the same in all of
    them, so the mean of the others is taken off.
    """
    vectors = vectors - basis.T @ (basis @ vectors)
    grams = vectors @ np.swapaxes(vectors, 1, 2)
    others, count = grams[1:], len(grams) - 1
    mean = others.mean(axis=0)
    # A gram less the mean of all of a kind, itself among them, varies less than one less the mean of the others.
    scale = np.sqrt((count + 1) / (count - 1))
    band = settings.margin * scale * max(float(eigh(other - mean)[0][-1]) for other in others)
    values, columns = eigh(grams[0] - mean)
    found = columns.T[::-1][values[::-1] > band][:most]
    rest = found - (found @ basis.T) @ basis
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    return np.asarray((rest / np.maximum(lengths, _DEPENDENT))[lengths[:, 0] > _DEPENDENT])
