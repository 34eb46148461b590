"""Tests of how the inputs are distributed: standard Gaussian, Gaussian, or otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.model.coordinates import covariance

__all__ = ["INPUTS", "MOST_ROWS", "InputTestSettings", "detect_inputs"]

INPUTS = ("auto", "standard", "gaussian", "any")
MOST_ROWS = 10_000  # more rows make the tests no more useful, only stricter than any real data


@dataclass(frozen=True)
class InputTestSettings:
    """Limits of the tests of how the inputs are distributed."""

    # Chance that Gaussian data fail one of the tests, all features together, and number of tests that share it.
    false_alarm: float = 1e-3
    n_tests: int = 8
    # Factors of the limits of statistics whose right tails are heavier than a normal one's: kurtosis of features, and
    # moments of products of squares, of which among 2,000 draws of 500 x 2 to 10,000 x 40 rows none was above 1.2 times
    # the normal limit.
    heavy_kurtosis: float = 1.5
    heavy_products: float = 1.3
    # Features up to which joint moments are tested, and rows for each of them; features up to which triple products
    # are: their cost is the cube of the number of features.
    max_joint_features: int = 512
    rows_per_joint_feature: int = 5
    max_triple_features: int = 40
    # With fewer rows the tests could not tell a uniform feature (kurtosis 1.2 below a Gaussian's) from a Gaussian one.
    # A feature with fewer than half as many distinct values among the first so many rows is discrete.
    min_rows: int = 500


_DEFAULTS = InputTestSettings()
# Relative eigenvalue of the features' covariance below which it is singular but for rounding, and joint moments are not
# tested.
_SINGULAR = 1e-10
_BLOCK = 512  # rows that are taken at once: with some fifty features their powers stay in the second-level cache


def detect_inputs(
    X: Float64Array, n_threads: int | None = None, settings: InputTestSettings = _DEFAULTS
) -> Literal["standard", "gaussian", "any"]:
    """Test whether rows are standard Gaussian, Gaussian or otherwise distributed.

    Skewness and kurtosis of every feature must be those of a Gaussian, so must the joint moments of orders three and
    four of the whitened features, and for "standard" means, variances and correlations those of N(0, I); each within
    what sampling allows, with a false-alarm rate of about one in a thousand in all.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    settings : InputTestSettings
        Limits of the tests.
    """
    X = X[:MOST_ROWS]
    n, d = X.shape
    if n < settings.min_rows:
        return "any"
    ordered = np.sort(X[: settings.min_rows], axis=0)
    if np.count_nonzero(np.diff(ordered, axis=0), axis=0).min() + 1 < settings.min_rows // 2:
        return "any"  # discrete
    mean, cov = covariance(X, n_threads)
    scale = np.sqrt(np.diag(cov))
    if not scale.all():
        return "any"
    limit = _limit(d, settings)
    skew, kurtosis = _third_and_fourth_moments(X, mean, scale)
    # Sampling variances of a Gaussian's skewness and kurtosis: 6 / n and 24 / n. The kurtosis has a heavy right tail.
    kurtosis_limit = limit * np.sqrt(24 / n)
    if np.abs(skew).max() > limit * np.sqrt(6 / n):
        return "any"
    if kurtosis.min() - 3 < -kurtosis_limit or kurtosis.max() - 3 > settings.heavy_kurtosis * kurtosis_limit:
        return "any"
    cov = cov / np.outer(scale, scale)
    if not _is_jointly_gaussian(X, mean, scale, cov, n_threads, settings):
        return "any"
    shift = np.abs(mean).max() * np.sqrt(n)
    spread = np.abs(scale**2 - 1).max() * np.sqrt(n / 2)
    correlation = np.abs(cov - np.diag(np.diag(cov))).max() * np.sqrt(n)
    is_standard = max(shift, spread) <= limit and correlation <= _limit(d * (d - 1) // 2, settings)
    return "standard" if is_standard else "gaussian"


def _third_and_fourth_moments(
    X: Float64Array, mean: Float64Array, scale: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Of each feature less its mean, over its scale."""
    third, fourth = np.zeros(len(mean)), np.zeros(len(mean))
    for start in range(0, len(X), _BLOCK):
        Z = X[start : start + _BLOCK] - mean
        Z /= scale
        squares = Z * Z
        third += np.einsum("ij,ij->j", squares, Z)
        fourth += np.einsum("ij,ij->j", squares, squares)
    return third / len(X), fourth / len(X)


def _limit(count: int, settings: InputTestSettings) -> float:
    """Standard errors that the largest of ``count`` statistics of one test may reach."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - settings.false_alarm / (2 * settings.n_tests * max(1, count)))


def _is_jointly_gaussian(
    X: Float64Array,
    mean: Float64Array,
    scale: Float64Array,
    cov: Float64Array,
    n_threads: int | None,
    settings: InputTestSettings,
) -> bool:
    """Whether joint moments of standardised features are a Gaussian's: marginal ones miss, say, x2 = +x1 or -x1.

    Mardia's kurtosis (Biometrika 57, 1970), and the largest of the mixed moments of whitened features w: of
    ``(w_i^2 - 1) (w_j^2 - 1)``, ``(w_i^2 - 1) w_j`` and, in few features, ``w_i w_j w_k``, whose variances over n rows
    are 4 / n, 2 / n and 1 / n.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    mean, scale : ndarray of shape (d,)
        Of the features.
    cov : ndarray of shape (d, d)
        Correlations of the features.
    n_threads : int or None
        Number of threads; None: what OpenMP would take.
    settings : InputTestSettings
        Limits of the tests.
    """
    n, d = X.shape
    values, vectors = np.linalg.eigh(cov)
    most = min(settings.max_joint_features, n / settings.rows_per_joint_feature)
    if d < 2 or d > most or values[0] < _SINGULAR * values[-1]:
        return True
    # The symmetric root: features that are nearly white hardly change, and pairs of features stay pairs.
    root = ((vectors / np.sqrt(values)) @ vectors.T) / scale[:, None]
    radial, fourth, third = 0.0, np.zeros((d, d)), np.zeros((d, d))
    triples = d <= settings.max_triple_features
    white = np.empty((n if triples else 0, d))
    for start in range(0, n, _BLOCK):
        W = (X[start : start + _BLOCK] - mean) @ root
        if triples:
            white[start : start + _BLOCK] = W
        centred = np.square(W)
        radial += float(np.square(centred.sum(axis=1)).sum())
        centred -= 1
        fourth += centred.T @ centred
        third += centred.T @ W
    radial = (radial / n - d * (d + 2)) / np.sqrt(8 * d * (d + 2) / n)
    pairs_of_squares = fourth[np.triu_indices(d, 1)] / n * np.sqrt(n / 4)
    third *= np.sqrt(n / 2) / n
    np.fill_diagonal(third, 0.0)
    alone, heavy = _limit(1, settings), settings.heavy_products
    if not -alone <= radial <= heavy * alone or np.abs(third).max() > _limit(d * (d - 1), settings):
        return False
    pairs = _limit(len(pairs_of_squares), settings)
    if pairs_of_squares.min() < -pairs or pairs_of_squares.max() > heavy * pairs:
        return False
    if not triples:
        return True
    mixed = moments.weighted_grams(white, white, n_threads=n_threads) * (np.sqrt(n) / n)  # (d, d, d)
    i, j, k = np.indices(mixed.shape)
    largest = np.abs(mixed[(i < j) & (j < k)]).max(initial=0.0)
    return bool(largest <= _limit(d * (d - 1) * (d - 2) // 6, settings))
