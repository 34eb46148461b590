"""The span of the neurons' directions, from moments of orders 1, 2 and 4 against a null band.

For y = sum_i lam_i relu(<u_i, x>) and x ~ N(0, I), every moment tensor is a sum of powers of the u_i, so all its
contractions live in their span. A direction counts as found when its singular value rises above the band that the same
contraction reaches when every label gets a random sign, which cuts its tie to the inputs and keeps its size: rows far
out have both large labels and large Hermite values, so shuffling labels among rows would make the band too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck import moments
from limbeck._model import Float64Array

__all__ = ["Subspace", "find_subspace"]

_FLIPS = 4
# The largest singular value of a moment with flipped signs varies by a few percent from one draw to the next; a margin
# of a third over the largest of four makes false directions rare (the tests count them).
_MARGIN = 1.35
_CONTRACTIONS = 6  # directions along which the fourth moment is contracted


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
    curvature : ndarray of shape (d, d)
        The second moment of the residual labels: ``(2 pi) ** -0.5 * sum_i lam_i u_i u_i'`` in the limit.
    """

    basis: Float64Array
    orders: NDArray[np.int64]
    strengths: Float64Array
    curvature: Float64Array

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.basis)


def _singular(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Singular values and left singular vectors (as rows), largest first."""
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    return s, u.T


def _second(X: Float64Array, y: Float64Array, n_threads: int | None) -> Float64Array:
    return np.asarray(moments.contract(X, y, np.zeros((1, X.shape[1])), 2, n_threads=n_threads)[0])


def _fourth(X: Float64Array, y: Float64Array, directions: Float64Array, n_threads: int | None) -> Float64Array:
    """Fourth-moment contractions along several directions, side by side: (d, m d), normalised by sqrt(4!)."""
    stack = moments.contract(X, y, directions, 4, n_threads=n_threads) / np.sqrt(24.0)
    return np.concatenate(list(stack), axis=1)


def find_subspace(
    X: Float64Array,
    y: Float64Array,
    linear: Float64Array,
    *,
    max_rank: int,
    rng: np.random.Generator,
    n_threads: int | None = None,
) -> Subspace:
    """Estimate the span of the neurons' directions from standard Gaussian inputs.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Inputs, taken as N(0, I).
    y : ndarray of shape (n,)
        Labels less their linear part and mean (zero on rows that must not be used).
    linear : ndarray of shape (d,)
        The linear part that was taken off: the order-1 moment, half the weighted sum of the directions.
    max_rank : int
        Largest number of directions to return.
    rng : numpy.random.Generator
        For the random signs and the contraction directions.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Subspace
        Directions of order 1 (when ``linear`` stands out), order 2, then order 4, orthonormal.
    """
    n, d = X.shape
    flipped = [y * rng.choice([-1.0, 1.0], n) for _ in range(_FLIPS)]
    found: list[tuple[Float64Array, int, float]] = []

    def add(candidates: Float64Array, values: Float64Array, band: float, order: int) -> None:
        for direction, value in zip(candidates, values, strict=True):
            rest = direction - sum((u * (u @ direction) for u, _, _ in found), np.zeros(d))
            size = float(np.linalg.norm(rest))
            # What is left of a direction must itself stand above the band.
            if len(found) < max_rank and value * size > band and size > 1e-8:
                found.append((rest / size, order, float(value / band)))

    curvature = _second(X, y, n_threads)
    band = _MARGIN * max(float(np.linalg.norm(_second(X, s, n_threads), 2)) for s in flipped)
    values, directions = _singular(curvature)
    add(directions, values, band, 2)

    size = float(np.linalg.norm(linear))
    rows_used = max(1, np.count_nonzero(y))
    linear_band = _MARGIN * float(np.linalg.norm(y)) * np.sqrt(d) / rows_used
    if size > linear_band:
        add(linear[None] / size, np.array([size]), linear_band, 1)

    if found and len(found) < max_rank:
        basis = np.array([u for u, _, _ in found])
        mixes = rng.standard_normal((_CONTRACTIONS, len(found)))
        along = mixes / np.linalg.norm(mixes, axis=1, keepdims=True) @ basis
        outside = np.eye(d) - basis.T @ basis
        values, directions = _singular(outside @ _fourth(X, y, along, n_threads))
        band = _MARGIN * max(float(np.linalg.norm(outside @ _fourth(X, s, along, n_threads), 2)) for s in flipped)
        add(directions, values, band, 4)
    return Subspace(
        np.array([u for u, _, _ in found]).reshape(-1, d),
        np.array([order for _, order, _ in found], dtype=np.int64),
        np.array([strength for _, _, strength in found]),
        curvature,
    )
