"""Tests of how the inputs are distributed: standard Gaussian, Gaussian, or otherwise."""

from __future__ import annotations

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.model.coordinates import covariance

__all__ = ["INPUTS", "MOST_ROWS", "detect_inputs"]

INPUTS = ("auto", "standard", "gaussian", "any")
MOST_ROWS = 10_000  # more rows make the tests no more useful, only stricter than any real data
# Chance that Gaussian data fail one of the tests below, all features together.
_FALSE_ALARM = 1e-3
_TESTS = 8  # among which that chance is shared
# Products of squares have heavy right tails: of 2,000 draws of 500 x 2 to 10,000 x 40 rows none was above 1.2 times the
# normal limit.
_HEAVY = 1.3
_MOST_JOINT, _ROWS_PER_JOINT = 512, 5  # features whose joint moments are looked at, and rows for each of them
_MOST_TRIPLES = 40  # features whose triple products are looked at: their number cubed is the cost
# With fewer rows the tests could not tell a uniform feature (kurtosis 1.2 below a Gaussian's) from a Gaussian one.
_FEWEST_ROWS = 500


def detect_inputs(X: Float64Array, n_threads: int | None = None) -> str:
    """Which of "standard", "gaussian" and "any" the rows look like.

    Skewness and kurtosis of every feature must be those of a Gaussian, so must the joint moments of orders three and
    four of the whitened features, and for "standard" means, variances and correlations those of N(0, I); each within
    what sampling allows, with a false-alarm rate of about one in a thousand in all.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    """
    X = X[:MOST_ROWS]
    n, d = X.shape
    scale = X.std(axis=0)
    if n < _FEWEST_ROWS or not scale.all():
        return "any"
    if min(len(np.unique(column[:_FEWEST_ROWS])) for column in X.T) < _FEWEST_ROWS // 2:
        return "any"  # discrete
    Z = (X - X.mean(axis=0)) / scale
    limit = _limit(d)
    squares = Z * Z
    skew, kurtosis = (squares * Z).mean(axis=0), np.square(squares).mean(axis=0) - 3
    # Sampling variances of a Gaussian's skewness and kurtosis: 6 / n and 24 / n. The kurtosis has a heavy right tail.
    kurtosis_limit = limit * np.sqrt(24 / n)
    if np.abs(skew).max() > limit * np.sqrt(6 / n):
        return "any"
    if kurtosis.min() < -kurtosis_limit or kurtosis.max() > 1.5 * kurtosis_limit:
        return "any"
    _, cov = covariance(Z, n_threads)
    if not _is_jointly_gaussian(Z, cov, n_threads):
        return "any"
    shift = np.abs(X.mean(axis=0)).max() * np.sqrt(n)
    spread = np.abs(scale**2 - 1).max() * np.sqrt(n / 2)
    correlation = np.abs(cov - np.diag(np.diag(cov))).max() * np.sqrt(n)
    return "standard" if max(shift, spread) <= limit and correlation <= _limit(d * (d - 1) // 2) else "gaussian"


def _limit(count: int) -> float:
    """Standard errors that the largest of so many statistics of one test may reach."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - _FALSE_ALARM / (2 * _TESTS * max(1, count)))


def _is_jointly_gaussian(Z: Float64Array, cov: Float64Array, n_threads: int | None) -> bool:
    """Whether joint moments of standardised features are a Gaussian's: marginal ones miss, say, x2 = +x1 or -x1.

    Mardia's kurtosis (Biometrika 57, 1970), and the largest of the mixed moments of whitened features w: of
    ``(w_i^2 - 1) (w_j^2 - 1)``, ``(w_i^2 - 1) w_j`` and, in few features, ``w_i w_j w_k``, whose variances over n rows
    are 4 / n, 2 / n and 1 / n.
    """
    n, d = Z.shape
    values, vectors = np.linalg.eigh(cov)
    if d < 2 or d > min(_MOST_JOINT, n / _ROWS_PER_JOINT) or values[0] < 1e-10 * values[-1]:
        return True
    # The symmetric root: what is nearly white stays what it is, and pairs of features stay pairs.
    W = (Z @ (vectors / np.sqrt(values))) @ vectors.T
    squares = np.square(W)
    radial = (np.square(squares.sum(axis=1)).mean() - d * (d + 2)) / np.sqrt(8 * d * (d + 2) / n)
    centred = squares - 1
    fourth = (centred.T @ centred / n)[np.triu_indices(d, 1)] * np.sqrt(n / 4)
    third = centred.T @ W / n * np.sqrt(n / 2)
    np.fill_diagonal(third, 0.0)
    if not -_limit(1) <= radial <= _HEAVY * _limit(1) or np.abs(third).max() > _limit(d * (d - 1)):
        return False
    pairs = _limit(len(fourth))
    if fourth.min() < -pairs or fourth.max() > _HEAVY * pairs:
        return False
    if d > _MOST_TRIPLES:
        return True
    mixed = moments.weighted_grams(W, W, n_threads=n_threads) * (np.sqrt(n) / n)  # (d, d, d)
    i, j, k = np.indices(mixed.shape)
    triples = np.abs(mixed[(i < j) & (j < k)]).max(initial=0.0)
    return bool(triples <= _limit(d * (d - 1) * (d - 2) // 6))
