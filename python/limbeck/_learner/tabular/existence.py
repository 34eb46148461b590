"""Whether there is anything beyond a line: hinges explain more of its residuals than of shuffled ones."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.tabular.growth import Candidates, knots_of
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask

__all__ = ["is_more_than_chance"]


def is_more_than_chance(
    candidates: Candidates, task: FitTask, rng: np.random.Generator, settings: TabularSettings
) -> bool:
    """Whether hinges, or a curve along one feature, explain more of a line's residuals than in nearly all shuffles.

    Two statistics are compared, each at half of the level: the most that a single hinge explains, and the most, in
    standard deviations of chance, that a grid of knots along one feature does. Shuffles keep the distribution of the
    residuals, and the choice among the candidates is made in each of them: it is counted as it is.

    Parameters
    ----------
    candidates : Candidates
        Hinges and residuals beyond the line; the hinges are to be drawn without a look at the residuals.
    task : FitTask
        Rows of the candidates.
    rng : numpy.random.Generator
        Source of the shuffles.
    settings : TabularSettings
        Number of shuffles and level.
    """
    residuals, basis = candidates.left, candidates.basis
    size = float(residuals @ residuals)
    if size <= 0:
        return False
    shuffled = rng.permuted(np.tile(residuals, (settings.shuffles, 1)), axis=1)
    shuffled -= (shuffled @ basis) @ basis.T
    both = np.vstack([residuals, shuffled])
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    allowed = int(settings.existence_level / 2 * (settings.shuffles + 1)) - 1  # shuffles that may be above
    products = _products(candidates, task, settings)
    alone = np.maximum(
        _largest_part(candidates.columns, candidates.squares_left, both, settings),
        _largest_part(products, np.square(products).sum(axis=1), both, settings),
    )
    if np.count_nonzero(alone[1:] >= alone[0]) <= allowed:
        return True
    curves = _largest_of_curves(candidates, both, task, settings)
    return bool(np.isfinite(curves[0]) and np.count_nonzero(curves[1:] >= curves[0]) <= allowed)


def _products(candidates: Candidates, task: FitTask, settings: TabularSettings) -> Float64Array:
    """Products of pairs of features (m, n) beyond the line, where there are not too many: signs of interactions."""
    d = task.n_features
    if d < 2 or d * (d - 1) // 2 > settings.max_hinges:
        return np.zeros((0, len(task)))
    first, second = np.triu_indices(d, 1)
    products = task.features[first] * task.features[second] * candidates.root
    products /= np.sqrt(np.square(products).mean(axis=1, keepdims=True)) + 1e-12
    return np.asarray(products - (products @ candidates.basis) @ candidates.basis.T)


def _largest_part(
    columns: Float64Array, size: Float64Array, residuals: Float64Array, settings: TabularSettings
) -> Float64Array:
    """The largest part of each of some residuals (m, n) that a column explains: (m,); ``size`` is its square.

    Residuals are beyond the tangent space, so that of columns only the size has to be.
    """
    kept = size > settings.least_left * residuals.shape[1]
    if not kept.any():
        return np.zeros(len(residuals))
    columns = columns[kept] / np.sqrt(size[kept, None])
    return np.asarray(np.square(residuals @ columns.T).max(axis=1))


def _largest_of_curves(
    candidates: Candidates, residuals: Float64Array, task: FitTask, settings: TabularSettings
) -> Float64Array:
    """What the best grid of knots along a feature explains of residuals (m, n), in standard deviations of chance."""
    n, d = len(task), task.n_features
    largest = np.full(len(residuals), -np.inf)
    for count in settings.curve_knots:
        if count * settings.rows_per_knot > n or count * d > settings.max_curve_hinges:
            break
        for j in range(d):
            at = knots_of(task, j, count)
            if len(at) < 2:
                continue
            values = np.maximum(task.features[j][:, None] - at, 0.0) * candidates.root[:, None]
            values -= candidates.basis @ (candidates.basis.T @ values)
            frame, sizes, _ = np.linalg.svd(values, full_matrices=False)
            frame = frame[:, sizes > 1e-6 * sizes[0]]
            explained = np.square(residuals @ frame).sum(axis=1) * n
            p = frame.shape[1]
            largest = np.maximum(largest, (explained - p) / np.sqrt(2 * p))
    return largest
