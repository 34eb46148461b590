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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck import moments
from limbeck._model import Float64Array, Rows

__all__ = ["Subspace", "find_subspace"]

_FLIPS = 4
# The largest singular value of a moment with flipped signs varies by a few percent from one draw to the next; a margin
# of a third over the largest of four makes false directions rare (the tests count them).
_MARGIN = 1.35
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
        Singular value over the null band; above 1.
    eigenvalues, eigenvectors : ndarray of shape (m,) and (m, d)
        Extreme eigenvalues and eigenvectors (rows) of the second moment of the residual labels, largest by size first;
        the second moment is ``(2 pi) ** -0.5 * sum_i lam_i u_i u_i'`` in the limit.
    hints : ndarray of shape (s, d)
        Orthonormal rows outside the span: the strongest direction of each order that stayed within the band. Most
        likely noise, but cheap to try where neurons are missing.
    """

    basis: Float64Array
    orders: NDArray[np.int64]
    strengths: Float64Array
    eigenvalues: Float64Array
    eigenvectors: Float64Array
    hints: Float64Array

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.basis)


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

    def __init__(self, rows: Rows, count: int, rng: np.random.Generator) -> None:
        self.rows, self.threads = rows, rows.n_threads or None
        d = rows.X.shape[1]
        self.block = None if d <= _DIRECT_FEATURES else rng.standard_normal((d, min(d, count + _OVERSAMPLING)))

    def extremes(self, labels: Float64Array) -> list[tuple[Float64Array, Float64Array]]:
        """Eigenvalues, largest by size first, and eigenvectors as rows, for every column of the labels."""
        X = self.rows.X
        zero = np.zeros((1, X.shape[1]))
        if self.block is None:
            moment = moments.contract(X, labels, zero, 2, n_threads=self.threads)[:, 0]
            return [_sorted_pairs(*np.linalg.eigh(m)) for m in moment]
        return [self._leading(np.ascontiguousarray(y), zero) for y in labels.T]

    def _leading(self, y: Float64Array, zero: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Extremes by block power iteration: Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4."""
        assert self.block is not None
        basis, image = self.block, self.block
        for _ in range(_POWER_STEPS + 1):
            basis, _r = np.linalg.qr(image)
            image = moments.contract_apply(self.rows.X, y, zero, 2, basis, n_threads=self.threads)[0]
        values, vectors = np.linalg.eigh(basis.T @ image)
        return _sorted_pairs(values, basis @ vectors)


def _sorted_pairs(values: Float64Array, vectors: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues by falling size, and the eigenvectors (columns) as rows."""
    order = np.argsort(-np.abs(values))
    return values[order], np.ascontiguousarray(vectors[:, order].T)


def _matrices(rows: Rows, labels: Float64Array, along: Float64Array, order: int) -> Float64Array:
    """Matrix contractions along several directions, side by side: (q, d, m d) for q columns of labels."""
    part = slice(_MATRIX_ROWS)
    stack = moments.contract(rows.X[part], labels[part], along, order, n_threads=rows.n_threads or None)
    return np.asarray(np.concatenate(list(np.moveaxis(stack, 1, 0)), axis=2))


def _vectors(rows: Rows, labels: Float64Array, along: Float64Array, order: int) -> Float64Array:
    """Vector contractions along several directions: (q, d, m)."""
    stack = moments.contract_to_vector(rows.X, labels, along, order, n_threads=rows.n_threads or None)
    return np.asarray(np.moveaxis(stack, 1, 2))


def _singular(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Singular values and left singular vectors (as rows), largest first."""
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    return s, u.T


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
    n, d = X.shape
    # The labels, then the same with random signs.
    labels = np.column_stack([y, *(y * rng.choice([-1.0, 1.0], n) for _ in range(_FLIPS))])
    found = _Found(d, max_rank)

    second = _Second(rows, max_rank, rng)
    (eigenvalues, eigenvectors), *null = second.extremes(labels)
    found.add(eigenvectors, np.abs(eigenvalues), _MARGIN * max(abs(float(values[0])) for values, _ in null), 2)
    if linear is not None and (size := float(np.linalg.norm(linear))) > 0:
        band = _MARGIN * float(np.linalg.norm(y)) * np.sqrt(d) / max(1, np.count_nonzero(y))
        found.add(linear[None] / size, np.array([size]), band, 1)

    hints = np.empty((0, d))
    for order in (4, 6):
        known = found.basis if along is None else np.vstack([found.basis, along])
        if len(found.orders) >= max_rank or (not len(known) and d > _DIRECT_FEATURES):
            break
        contraction, count = (
            (_vectors, _CONTRACTIONS_PER_DIMENSION * len(known)) if len(known) else (_matrices, _CONTRACTIONS)
        )
        directions = _mixes(known if len(known) else np.eye(d), count, rng)
        real, *flipped = contraction(rows, labels, directions, order)
        values, vectors = _singular(found.outside(real.T).T)
        band = _MARGIN * max(float(np.linalg.norm(found.outside(m.T), 2)) for m in flipped)
        found.add(vectors, values, band, order)
        if found.orders.count(order) == 0:
            hints = np.vstack([hints, vectors[:1]])
    return Subspace(
        found.basis,
        np.array(found.orders, dtype=np.int64),
        np.array(found.strengths),
        eigenvalues,
        eigenvectors,
        _orthonormal_outside(found, hints),
    )


def _orthonormal_outside(found: _Found, rows: Float64Array) -> Float64Array:
    """Orthonormal basis of what rows add to the span."""
    _, sizes, basis = np.linalg.svd(found.outside(rows), full_matrices=False)
    return np.ascontiguousarray(basis[sizes > 1e-6])
