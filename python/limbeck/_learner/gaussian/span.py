"""The span of the neurons' directions, from moments of orders 1, 2, 4 and 6 against a null band.

For y = sum_i lam_i relu(<u_i, x>) and x ~ N(0, I), every moment tensor is a sum of powers of the u_i, so all its
contractions live in their span. A direction counts as found when its singular value rises above the band that the same
contraction reaches when every label gets a random sign, which cuts its tie to the inputs and keeps its size: rows far
out have both large labels and large Hermite values, so shuffling labels among rows would make the band too narrow.

Order 2 sees every neuron unless weights cancel; order 1 gives the weighted mean. What cancels in both shows in orders 4
and 6, contracted along random directions: to vectors along the span found so far, or, where there is none, to matrices
along directions of all of R^d.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.rows import Rows

__all__ = ["Subspace", "find_subspace"]

_FLIPS = 4
# With few features that value varies more: by tens of percents, and all the more draws are wanted.
_FEW_FEATURES, _FLIPS_OF_FEW = 10, 16
# The largest singular value of a moment with flipped signs varies by a few percent from one draw to the next; a margin
# of a third over the largest of four makes false directions rare (the tests count them).
_MARGIN = 1.35
_WIDER = {2: 1.0, 4: 1.0, 6: 1.2}  # for tails as heavy as those of order 6
# Flipped labels are looked at on so many rows.
_NULL_ROWS, _NULL_ROWS_PER_FEATURE = 10_000, 20
_CONTRACTIONS = 8  # directions along which a moment is contracted to matrices
_CONTRACTIONS_PER_DIMENSION = 3  # the same to vectors
_MATRIX_ROWS = 200_000  # to matrices, the cost of many second moments: more rows are not used
_DIRECT_FEATURES = 256  # beyond, no d x d matrix: randomised range finding
_OVERSAMPLING = 8
_POWER_STEPS = 2


@dataclass(frozen=True)
class Subspace:
    """An estimated span.

    Attributes
    ----------
    basis : ndarray of shape (r, d)
        Orthonormal rows.
    orders : ndarray of shape (r,)
        Order of the moment that showed each row.
    strengths : ndarray of shape (r,)
        Singular value over the null band, above 1; for order 1 over the span's own error where that is larger.
    eigenvalues, eigenvectors : ndarray of shape (m,) and (m, d)
        Extreme eigenvalues and eigenvectors (rows) of the second moment of the residual labels, largest by size first;
        the second moment is ``(2 pi) ** -0.5 * sum_i lam_i u_i u_i'`` in the limit.
    band : float
        Size of eigenvalue up to which chance may make it: the null band of order 2.
    hints : ndarray of shape (s, d)
        Orthonormal rows outside the span: the strongest direction of each order that stayed within the band. Most
        likely noise, but cheap to try where neurons are missing.
    """

    basis: Float64Array
    orders: NDArray[np.int64]
    strengths: Float64Array
    eigenvalues: Float64Array
    eigenvectors: Float64Array
    band: float
    hints: Float64Array

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.basis)

    def scaled(self, factor: float) -> Subspace:
        """The same for labels times a factor."""
        return replace(self, eigenvalues=factor * self.eigenvalues, band=factor * self.band)


class _Found:
    """Directions found so far, orthonormal."""

    def __init__(self, d: int, most: int) -> None:
        self.basis = np.empty((0, d))
        self.orders: list[int] = []
        self.strengths: list[float] = []
        self.most = most

    def add(self, candidates: Float64Array, values: Float64Array, band: float, order: int) -> None:
        """Take what is left of candidates (rows) outside the span, where it still stands above the band."""
        for direction, value in zip(candidates, values, strict=True):
            rest = self.outside(direction)
            size = float(np.linalg.norm(rest))
            if len(self.orders) < self.most and value * size > band and size > 1e-8:
                rest = self.outside(rest / size)
                self.basis = np.vstack([self.basis, rest / np.linalg.norm(rest)])
                self.orders.append(order)
                self.strengths.append(float(value / band) if band else np.inf)

    def outside(self, rows: Float64Array) -> Float64Array:
        """What is left of rows outside the span."""
        return np.asarray(rows - (rows @ self.basis.T) @ self.basis)


class _Second:
    """Extreme eigenpairs of second moments: from the d x d matrix, or, for large d, by block power iteration."""

    def __init__(self, d: int, count: int, rng: np.random.Generator, n_threads: int | None) -> None:
        self.threads = n_threads
        self.zero = np.zeros((1, d))
        self.block = None if d <= _DIRECT_FEATURES else rng.standard_normal((d, min(d, count + _OVERSAMPLING)))

    def extremes(self, X: Float64Array, labels: Float64Array) -> list[tuple[Float64Array, Float64Array]]:
        """Eigenvalues, largest by size first, and eigenvectors as rows, for every column of the labels."""
        if self.block is None:
            moment = moments.contract(X, labels, self.zero, 2, n_threads=self.threads)[:, 0]
            return [_sorted_pairs(*eigh(m)) for m in moment]
        return [self._leading(X, np.ascontiguousarray(y)) for y in labels.T]

    def largest(self, X: Float64Array, labels: Float64Array) -> float:
        """Size of the largest eigenvalue, over all columns of the labels."""
        return max(float(np.abs(values[0])) for values, _ in self.extremes(X, labels))

    def _leading(self, X: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Extremes by block power iteration: Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4."""
        assert self.block is not None
        basis, image = self.block, self.block
        for _ in range(_POWER_STEPS + 1):
            basis, _r = np.linalg.qr(image)
            image = moments.contract_apply(X, y, self.zero, 2, basis, n_threads=self.threads)[0]
        values, vectors = eigh(basis.T @ image)
        return _sorted_pairs(values, basis @ vectors)


def _sorted_pairs(values: Float64Array, vectors: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues by falling size, and the eigenvectors (columns) as rows."""
    order = np.argsort(-np.abs(values))
    return values[order], np.ascontiguousarray(vectors[:, order].T)


class _Null:
    """Labels with random signs, on a part of the rows: sizes of moments that chance makes fall like n^(-1/2).

    For order 6 that is not yet so: its terms have tails too heavy, and all rows are taken.
    """

    def __init__(self, X: Float64Array, y: Float64Array, order: int, rng: np.random.Generator) -> None:
        n = len(y)
        count = n if order > 4 else min(n, max(_NULL_ROWS, _NULL_ROWS_PER_FEATURE * X.shape[1]))
        # Drawn, not the first ones: rows may come in any order.
        drawn = np.sort(rng.choice(n, count, replace=False)) if count < n else slice(None)
        self.X, part = X[drawn], y[drawn]
        factor = np.sqrt(count / n)  # with it, what the part shows is what all rows would show
        flips = _FLIPS if X.shape[1] >= _FEW_FEATURES else _FLIPS_OF_FEW
        self.labels = np.column_stack([factor * part * rng.choice([-1.0, 1.0], count) for _ in range(flips)])


def _matrices(
    X: Float64Array, labels: Float64Array, along: Float64Array, order: int, threads: int | None
) -> Float64Array:
    """Matrix contractions along several directions, side by side: (q, d, m d) for q columns of labels."""
    stack = moments.contract(X, labels, along, order, n_threads=threads)
    return np.asarray(np.concatenate(list(np.moveaxis(stack, 1, 0)), axis=2))


def _vectors(
    X: Float64Array, labels: Float64Array, along: Float64Array, order: int, threads: int | None
) -> Float64Array:
    """Vector contractions along several directions: (q, d, m)."""
    stack = moments.contract_to_vector(X, labels, along, order, n_threads=threads)
    return np.asarray(np.moveaxis(stack, 1, 2))


def _singular(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Singular values and left singular vectors (as rows), largest first; those below 1e-8 of the largest are zero."""
    tall = len(matrix) > matrix.shape[1]
    values, vectors = eigh(matrix.T @ matrix if tall else matrix @ matrix.T)
    sizes = np.sqrt(np.maximum(values[::-1], 0.0))
    sizes[sizes < 1e-8 * sizes[0]] = 0.0
    left = vectors.T[::-1]
    if tall:
        left = np.divide(
            (matrix @ left.T).T, sizes[:, None], out=np.zeros((len(sizes), len(matrix))), where=sizes[:, None] > 0
        )
    return sizes, left


def _mixes(span: Float64Array, count: int, rng: np.random.Generator) -> Float64Array:
    """Random unit directions of a span (orthonormal rows)."""
    mixes = rng.standard_normal((count, len(span)))
    return np.asarray(mixes / np.linalg.norm(mixes, axis=1, keepdims=True) @ span)


def find_subspace(
    rows: Rows,
    *,
    max_rank: int,
    rng: np.random.Generator,
    linear: Float64Array | None = None,
    along: Float64Array | None = None,
) -> Subspace:
    """Estimate the span of the neurons' directions from standard Gaussian inputs.

    Parameters
    ----------
    rows : Rows
        Inputs, taken as N(0, I), and labels less their linear part and mean (zero on rows that must not be used); their
        weights are not looked at.
    max_rank : int
        Largest number of directions to return.
    rng : numpy.random.Generator
        For the random signs and the contraction directions.
    linear : ndarray of shape (d,), optional
        The linear part that was taken off: the order-1 moment, half the weighted sum of the directions.
    along : ndarray of shape (s, d), optional
        Orthonormal rows: a span known beforehand, to contract orders 4 and 6 along as well.

    Returns
    -------
    Subspace
        Directions of order 2, 1 (when ``linear`` stands out), 4, then 6, orthonormal.
    """
    X, y = rows.X, rows.y
    d = X.shape[1]
    found = _Found(d, max_rank)
    null = _Null(X, y, 2, rng)
    second = _Second(d, max_rank, rng, rows.n_threads)
    ((eigenvalues, eigenvectors),) = second.extremes(X, y[:, None])
    null_band = _MARGIN * second.largest(null.X, null.labels)
    found.add(eigenvectors, np.abs(eigenvalues), null_band, 2)
    if linear is not None and (size := float(np.linalg.norm(linear))) > 0:
        band = _MARGIN * float(np.linalg.norm(y)) * np.sqrt(d) / max(1, np.count_nonzero(y))
        # The directions found are themselves off by about 1 / strength: what the linear part has outside them counts
        # from there on only.
        tilt = size / min(found.strengths) if found.strengths else 0.0
        found.add(linear[None] / size, np.array([size]), max(band, tilt), 1)

    hints = np.empty((0, d))
    for order in (4, 6):
        known = found.basis if along is None else np.vstack([found.basis, along])
        if len(found.orders) >= max_rank or (not len(known) and d > _DIRECT_FEATURES):
            break
        if len(known):
            contraction, directions = _vectors, _mixes(known, _CONTRACTIONS_PER_DIMENSION * len(known), rng)
        else:
            contraction, directions = _matrices, _mixes(np.eye(d), _CONTRACTIONS, rng)
            if len(y) > _MATRIX_ROWS:  # drawn: rows may come in any order
                drawn = np.sort(rng.choice(len(y), _MATRIX_ROWS, replace=False))
                X, y = X[drawn], y[drawn]
        null = _Null(X, y, order, rng)
        (real,) = contraction(X, y[:, None], directions, order, rows.n_threads)
        flipped = contraction(null.X, null.labels, directions, order, rows.n_threads)
        values, vectors = _singular(found.outside(real.T).T)
        band = _WIDER[order] * _MARGIN * max(float(_singular(found.outside(m.T).T)[0][0]) for m in flipped)
        found.add(vectors, values, band, order)
        if found.orders.count(order) == 0:
            hints = np.vstack([hints, vectors[:1]])
    return Subspace(
        found.basis,
        np.array(found.orders, dtype=np.int64),
        np.array(found.strengths),
        eigenvalues,
        eigenvectors,
        null_band,
        _orthonormal_outside(found, hints),
    )


def _orthonormal_outside(found: _Found, rows: Float64Array) -> Float64Array:
    """Orthonormal basis of what rows add to the span."""
    _, sizes, basis = np.linalg.svd(found.outside(rows), full_matrices=False)
    return np.ascontiguousarray(basis[sizes > 1e-6])
