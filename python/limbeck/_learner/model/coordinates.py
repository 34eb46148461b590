"""Coordinates in which the inputs have mean 0 and variance 1: whitened, or standardised feature by feature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck.network import ReLUNetwork

__all__ = [
    "CONSTANT",
    "Standardization",
    "Whitening",
    "covariance",
    "standardization",
    "weighted_mean",
    "whitening",
    "without_far_values",
]

# A feature with a standard deviation below this part of its mean is constant: nine units in the last place, which sums
# of a few numbers that should be equal differ by.
CONSTANT = 2e-15
# Relative eigenvalue of the correlation matrix below which a direction does not vary: a standard deviation of 1e-5 of
# the widest one's, far above the rounding of eigenvalues.
_CONSTANT_DIRECTION = 1e-10
# Values are far from 30 standard deviations of the bulk on (that of a normal distribution with the same range of nine
# tenths of the rows), if they are five times as far out as all but the three, or the 500th part, that are outermost: a
# lognormal tail has no such gap.
_FAR, _GAP, _MOST_FAR, _FAR_PART, _NORMAL_RANGE = 30.0, 5.0, 3, 500, 3.29
_NORMAL_HALF = 1.349  # range of the middle half of a normal distribution, in standard deviations
_BLOCK = 65_536  # rows that are centred at once


class Whitening:
    """Coordinates ``z = matrix @ (x - mean)``.

    Parameters
    ----------
    mean : ndarray of shape (d,)
        The point that becomes zero.
    matrix : ndarray of shape (r, d)
        The linear map.
    """

    def __init__(self, mean: Float64Array, matrix: Float64Array) -> None:
        self.mean, self._matrix = mean, matrix

    @property
    def matrix(self) -> Float64Array:
        """The linear map (r, d)."""
        return self._matrix

    def __call__(self, X: Float64Array) -> Float64Array:
        """Rows in the new coordinates: (n, r)."""
        return np.ascontiguousarray((X - self.mean) @ self._matrix.T)

    def pulled(self, rows: Float64Array) -> Float64Array:
        """Linear forms (m, r) of z as linear forms (m, d) of x."""
        return np.asarray(rows @ self._matrix)

    def pull_back(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network of z as a network of x."""
        weights, linear = self.pulled(network.weights), self.pulled(network.linear)
        return ReLUNetwork(
            weights,
            network.output,
            linear=linear,
            bias=network.bias - linear @ self.mean,
            thresholds=network.thresholds - weights @ self.mean,
        )


class Standardization(Whitening):
    """Coordinates ``z = factors * (x - mean)`` of some features, in memory and time that grow with d alone.

    Parameters
    ----------
    mean, factors : ndarray of shape (d,)
        Of every feature.
    kept : ndarray of bool of shape (d,)
        Which features become coordinates.
    """

    def __init__(self, mean: Float64Array, factors: Float64Array, kept: NDArray[np.bool_]) -> None:
        self.mean, self._factors, self._kept = mean, factors, kept

    @property
    def n_kept(self) -> int:
        """Number of coordinates."""
        return int(np.count_nonzero(self._kept))

    @property
    def matrix(self) -> Float64Array:
        """The linear map (r, d), made anew by each call."""
        return np.asarray(np.diag(self._factors)[self._kept])

    def __call__(self, X: Float64Array) -> Float64Array:
        """Rows in the new coordinates: (n, r)."""
        kept = slice(None) if self._kept.all() else np.flatnonzero(self._kept)
        rows = np.ascontiguousarray(X[:, kept] - self.mean[kept])
        rows *= self._factors[kept]
        return rows

    def pulled(self, rows: Float64Array) -> Float64Array:
        """Linear forms (m, r) of z as linear forms (m, d) of x."""
        wide = np.zeros((*rows.shape[:-1], len(self._kept)))
        wide[..., self._kept] = rows * self._factors[self._kept]
        return wide


def weighted_mean(values: Float64Array, weights: Float64Array | None) -> Float64Array:
    """Weighted means of columns."""
    return np.asarray(values.mean(axis=0) if weights is None else weights @ values / weights.sum())


def covariance(
    X: Float64Array, n_threads: int | None, weights: Float64Array | None = None
) -> tuple[Float64Array, Float64Array]:
    """Mean (d,) and covariance (d, d) of weighted rows."""
    v = np.ones(len(X)) if weights is None else weights
    mean, total = weighted_mean(X, weights), np.zeros((X.shape[1],) * 2)
    for start in range(0, len(X), _BLOCK):  # less the mean first: their squares would swallow the rest
        part = slice(start, start + _BLOCK)
        centred = X[part] - mean
        total += moments.weighted_grams(centred, v[part, None], n_threads=n_threads)[0]
    return mean, total / v.sum()


def whitening(X: Float64Array, n_threads: int | None = None, weights: Float64Array | None = None) -> Whitening:
    """Coordinates of mean 0 and covariance 1, by estimates; directions that do not vary are left out."""
    mean, cov = covariance(X, n_threads, weights)
    scale = np.sqrt(np.maximum(np.diag(cov), 0.0))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    kept = values > _CONSTANT_DIRECTION * max(values[-1], 0.0)
    return Whitening(mean, (vectors[:, kept] / np.sqrt(values[kept])).T / scale)


def without_far_values(X: Float64Array) -> Float64Array:
    """Rows with the few values far outside all others of their column moved to the outermost of those others.

    A typing error, or a code for a gap, would rule mean, variance and normal equations by its leverage, and hide the
    bulk. Tails that thin out gradually stay as they are, and so does a value that repeats itself, as codes do: labels
    tell what it means.
    """
    n = len(X)
    if n <= 2 * _MOST_FAR:
        return X
    low, middle, high = np.quantile(X, (0.05, 0.5, 0.95), axis=0)
    width = (high - low) / _NORMAL_RANGE
    away = np.abs(X - middle)
    few = max(_MOST_FAR, n // _FAR_PART)
    ordinary = np.partition(away, n - few - 1, axis=0)[n - few - 1]
    limit = np.where(width > CONSTANT * np.abs(middle), np.maximum(_FAR * width, _GAP * ordinary), np.inf)
    is_far = away > limit
    for j in np.flatnonzero(is_far.any(axis=0)):
        values, counts = np.unique(X[is_far[:, j], j], return_counts=True)
        is_far[:, j] &= ~np.isin(X[:, j], values[counts > 1])
    if not is_far.any():
        return X
    others = np.where(is_far, middle, X)
    return np.where(is_far, np.clip(X, others.min(axis=0), others.max(axis=0)), X)


def standardization(X: Float64Array, weights: Float64Array | None = None) -> Standardization:
    """Mean 0 and standard deviation 1 for each feature; features that are constant up to rounding are left out.

    Values far outside all others do not count as far as they are: see :func:`without_far_values`. Where more rows are
    far out, and rule the standard deviation, the middle half of the rows sets mean and scale: in units of the rows far
    out all others would be about equal.
    """
    used = np.ones(len(X), dtype=bool) if weights is None else weights > 0
    mean = weighted_mean(X, weights)
    if len(X) and used.all():
        X = without_far_values(X)
        mean = weighted_mean(X, weights)
    scale = np.sqrt(weighted_mean(np.square(X - mean), weights))
    varies = scale > CONSTANT * np.abs(mean)
    if len(X) and used.all():
        low, middle, high = np.quantile(X, (0.25, 0.5, 0.75), axis=0)
        bulk = (high - low) / _NORMAL_HALF
        ruled = varies & (scale > _FAR * bulk) & (bulk > CONSTANT * np.maximum(np.abs(middle), scale))
        mean, scale = np.where(ruled, middle, mean), np.where(ruled, bulk, scale)
    return Standardization(mean, 1 / np.where(varies, scale, 1.0), varies)
