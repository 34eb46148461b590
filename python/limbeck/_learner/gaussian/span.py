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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.settings import DEFAULTS, SpanSettings
from limbeck._learner.model.linear_algebra import eigh, orthonormal_rows
from limbeck._learner.model.rows import Rows

__all__ = ["Subspace", "find_subspace"]

# Relative singular values, and sizes of unit vectors outside a span, below which directions are rounding: the root of
# float64's, since singular values come from a Gram matrix.
_ROUNDING = 1e-8
_DEPENDENT = 1e-6  # singular value of unit vectors that add nothing to a span


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
        """The estimate for labels times a factor."""
        return replace(self, eigenvalues=factor * self.eigenvalues, band=factor * self.band)


class _Span:
    """Orthonormal directions that moments have shown so far."""

    def __init__(self, d: int, max_rank: int) -> None:
        self.basis = np.empty((0, d))
        self.orders: list[int] = []
        self.strengths: list[float] = []
        self.max_rank = max_rank

    @property
    def is_full(self) -> bool:
        """Whether it has as many directions as it may have."""
        return len(self.orders) >= self.max_rank

    def add(self, candidates: Float64Array, values: Float64Array, band: float, order: int) -> None:
        """Add the components of candidates (rows) outside the span whose values times lengths are above the band."""
        for direction, value in zip(candidates, values, strict=True):
            rest = self.outside(direction)
            size = float(np.linalg.norm(rest))
            if not self.is_full and value * size > band and size > _ROUNDING:
                rest = self.outside(rest / size)
                self.basis = np.vstack([self.basis, rest / np.linalg.norm(rest)])
                self.orders.append(order)
                self.strengths.append(float(value / band) if band else np.inf)

    def outside(self, rows: Float64Array) -> Float64Array:
        """Components of rows outside the span."""
        return np.asarray(rows - (rows @ self.basis.T) @ self.basis)


class _SecondMoment:
    """Extreme eigenpairs of second moments: from the d x d matrix, or, for large d, by block power iteration."""

    def __init__(
        self, d: int, count: int, rng: np.random.Generator, n_threads: int | None, settings: SpanSettings
    ) -> None:
        self.n_threads, self.power_steps = n_threads, settings.power_steps
        self.zero = np.zeros((1, d))
        self.block: Float64Array | None = None
        if d > settings.direct_features:
            self.block = rng.standard_normal((d, min(d, count + settings.oversampling)))

    def extremes(self, X: Float64Array, labels: Float64Array) -> list[tuple[Float64Array, Float64Array]]:
        """Eigenvalues, largest by size first, and eigenvectors (rows), for every column of the labels."""
        if self.block is None:
            moment = moments.contract(X, labels, self.zero, 2, n_threads=self.n_threads)[:, 0]
            return [_sorted_pairs(*eigh(m)) for m in moment]
        return [self._leading(X, np.ascontiguousarray(y)) for y in labels.T]

    def largest(self, X: Float64Array, labels: Float64Array) -> float:
        """Size of the largest eigenvalue, over all columns of the labels."""
        return max(float(np.abs(values[0])) for values, _ in self.extremes(X, labels))

    def _leading(self, X: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Extreme eigenpairs by block power iteration (Halko, Martinsson and Tropp, SIAM Review 53, 2011, alg. 4.4)."""
        assert self.block is not None
        basis, image = self.block, self.block
        for _ in range(self.power_steps + 1):
            basis, _r = np.linalg.qr(image)
            image = moments.contract_apply(X, y, self.zero, 2, basis, n_threads=self.n_threads)[0]
        values, vectors = eigh(basis.T @ image)
        return _sorted_pairs(values, basis @ vectors)


def _sorted_pairs(values: Float64Array, vectors: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues by falling size, and the eigenvectors (columns) as rows."""
    order = np.argsort(-np.abs(values))
    return values[order], np.ascontiguousarray(vectors[:, order].T)


class _SignFlipNull:
    """Labels with random signs, on a part of the rows: sizes of moments that chance makes fall like n^(-1/2).

    For order 6 that is not yet so: its terms have tails too heavy, and all rows are taken.
    """

    def __init__(
        self, X: Float64Array, y: Float64Array, order: int, rng: np.random.Generator, settings: SpanSettings
    ) -> None:
        n, d = X.shape
        count = n if order > 4 else min(n, max(settings.null_rows, settings.null_rows_per_feature * d))
        # Drawn, not the first ones: rows may come in any order.
        drawn = np.sort(rng.choice(n, count, replace=False)) if count < n else slice(None)
        self.X, part = X[drawn], y[drawn]
        factor = np.sqrt(count / n)  # with it, sizes on the part are those that all rows would have
        flips = settings.flips if d >= settings.few_features else settings.flips_of_few_features
        self.labels = np.column_stack([factor * part * rng.choice([-1.0, 1.0], count) for _ in range(flips)])


class _Contraction(Protocol):
    """Contractions (q, d, m') of a moment of some order along directions (m, d), for q columns of labels."""

    def __call__(
        self, X: Float64Array, labels: Float64Array, along: Float64Array, order: int, n_threads: int | None
    ) -> Float64Array: ...


def _matrices(
    X: Float64Array, labels: Float64Array, along: Float64Array, order: int, n_threads: int | None
) -> Float64Array:
    """Matrix contractions along several directions, side by side: (q, d, m d) for q columns of labels."""
    stack = moments.contract(X, labels, along, order, n_threads=n_threads)
    return np.asarray(np.concatenate(list(np.moveaxis(stack, 1, 0)), axis=2))


def _vectors(
    X: Float64Array, labels: Float64Array, along: Float64Array, order: int, n_threads: int | None
) -> Float64Array:
    """Vector contractions along several directions: (q, d, m) for q columns of labels."""
    stack = moments.contract_to_vector(X, labels, along, order, n_threads=n_threads)
    return np.asarray(np.moveaxis(stack, 1, 2))


def _left_singular_vectors(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Singular values, largest first, and left singular vectors (rows); values that are only rounding become zero."""
    tall = len(matrix) > matrix.shape[1]
    values, vectors = eigh(matrix.T @ matrix if tall else matrix @ matrix.T)
    sizes = np.sqrt(np.maximum(values[::-1], 0.0))
    sizes[sizes < _ROUNDING * sizes[0]] = 0.0
    left = vectors.T[::-1]
    if tall:
        left = np.divide(
            (matrix @ left.T).T, sizes[:, None], out=np.zeros((len(sizes), len(matrix))), where=sizes[:, None] > 0
        )
    return sizes, left


def _random_directions(span: Float64Array, count: int, rng: np.random.Generator) -> Float64Array:
    """Random unit directions (count, d) in a span (orthonormal rows)."""
    coefficients = rng.standard_normal((count, len(span)))
    return np.asarray(coefficients / np.linalg.norm(coefficients, axis=1, keepdims=True) @ span)


def find_subspace(
    rows: Rows,
    *,
    max_rank: int,
    rng: np.random.Generator,
    linear: Float64Array | None = None,
    along: Float64Array | None = None,
    settings: SpanSettings = DEFAULTS.span,
) -> Subspace:
    """Estimate the span of the neurons' directions from standard Gaussian inputs.

    Parameters
    ----------
    rows : Rows
        Inputs, taken as N(0, I), and labels less their linear part and mean (zero on rows that must not be used); their
        weights are not used.
    max_rank : int
        Largest number of directions to return.
    rng : numpy.random.Generator
        For the random signs and the contraction directions.
    linear : ndarray of shape (d,), optional
        The linear part that was taken off: the order-1 moment, half the weighted sum of the directions.
    along : ndarray of shape (s, d), optional
        Orthonormal rows: a span known beforehand, to contract orders 4 and 6 along as well.
    settings : SpanSettings
        Numbers of draws and contractions, and the margin over chance.

    Returns
    -------
    Subspace
        Directions of order 2, 1 (when ``linear`` stands out), 4, then 6, orthonormal.
    """
    d = rows.n_features
    span = _Span(d, max_rank)
    eigenvalues, eigenvectors, null_band = _extremes(rows, max_rank, rng, settings)
    span.add(eigenvectors, np.abs(eigenvalues), null_band, 2)
    if linear is not None:
        _add_linear(span, linear, rows.y, settings)
    hints = np.empty((0, d))
    for order in (4, 6):
        known = span.basis if along is None else np.vstack([span.basis, along])
        if span.is_full or (not len(known) and d > settings.direct_features):
            break
        rows, strongest = _add_higher(span, known, order, rows, rng, settings)
        hints = np.vstack([hints, strongest])
    return Subspace(
        span.basis,
        np.array(span.orders, dtype=np.int64),
        np.array(span.strengths),
        eigenvalues,
        eigenvectors,
        null_band,
        orthonormal_rows(span.outside(hints), _DEPENDENT),
    )


def _extremes(
    rows: Rows, count: int, rng: np.random.Generator, settings: SpanSettings
) -> tuple[Float64Array, Float64Array, float]:
    """Extreme eigenvalues and eigenvectors (rows) of the second moment, and the null band of its eigenvalues."""
    null = _SignFlipNull(rows.X, rows.y, 2, rng, settings)
    second = _SecondMoment(rows.n_features, count, rng, rows.n_threads, settings)
    ((eigenvalues, eigenvectors),) = second.extremes(rows.X, rows.y[:, None])
    return eigenvalues, eigenvectors, settings.margin * second.largest(null.X, null.labels)


def _add_linear(span: _Span, linear: Float64Array, y: Float64Array, settings: SpanSettings) -> None:
    """Add the direction of the linear part where it stands out of chance, and of the errors of the span."""
    if not (size := float(np.linalg.norm(linear))):
        return
    band = settings.margin * float(np.linalg.norm(y)) * np.sqrt(len(linear)) / max(1, np.count_nonzero(y))
    # The directions found are themselves off by about 1 / strength: only what the linear part has outside them beyond
    # that counts.
    tilt = size / min(span.strengths) if span.strengths else 0.0
    span.add(linear[None] / size, np.array([size]), max(band, tilt), 1)


def _add_higher(
    span: _Span, known: Float64Array, order: int, rows: Rows, rng: np.random.Generator, settings: SpanSettings
) -> tuple[Rows, Float64Array]:
    """Add the directions that a moment of order 4 or 6 shows along known ones (orthonormal rows) or random ones.

    Returns the rows that were used, and the strongest direction (one row) if none stands out, else none.
    """
    contraction: _Contraction
    if len(known):
        count = settings.vector_contractions_per_dimension * len(known)
        contraction, directions = _vectors, _random_directions(known, count, rng)
    else:
        contraction = _matrices
        directions = _random_directions(np.eye(rows.n_features), settings.matrix_contractions, rng)
        if len(rows) > settings.matrix_rows:  # drawn: rows may come in any order
            rows = rows.part(np.sort(rng.choice(len(rows), settings.matrix_rows, replace=False)))
    null = _SignFlipNull(rows.X, rows.y, order, rng, settings)
    (real,) = contraction(rows.X, rows.y[:, None], directions, order, rows.n_threads)
    flipped = contraction(null.X, null.labels, directions, order, rows.n_threads)
    values, vectors = _left_singular_vectors(span.outside(real.T).T)
    by_chance = max(float(_left_singular_vectors(span.outside(m.T).T)[0][0]) for m in flipped)
    wider = settings.margin_of_order_six if order == 6 else 1.0
    span.add(vectors, values, wider * settings.margin * by_chance, order)
    return rows, vectors[: 0 if order in span.orders else 1]
