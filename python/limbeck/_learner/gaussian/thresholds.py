"""Thresholds where the rows need them: functions that are not of the paper's model, whose kinks miss the origin."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.settings import DEFAULTS, ThresholdSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.gaussian.span_search import best_in_span, hinges_along
from limbeck._learner.model.model import Model, random_start
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

__all__ = ["hinge_scores", "hinge_scores_along", "in_span", "needs_thresholds", "with_thresholds"]

_ROUNDING = 1e-9  # of a column's sum of squares: a smaller remainder beside a line is rounding


def with_thresholds(
    best: ScoredModel,
    settled: bool,
    growing: bool,
    selector: ModelSelector,
    subspace: Subspace,
    linear: Model,
    max_width: int,
) -> tuple[ScoredModel, bool]:
    """The network with thresholds where the rows clearly need them, and whether they do.

    Parameters
    ----------
    best : ScoredModel
        The best network without thresholds.
    settled : bool
        Whether its residuals show nothing along its own span.
    growing : bool
        Whether more neurons without thresholds still help and will be tried: then thresholds are for the odd part of
        the residuals alone, which such neurons cannot explain.
    selector : ModelSelector
        Its rows, progress, random numbers and settings are used, and its fit with thresholds freed.
    subspace : Subspace
        Span of the directions according to the moments.
    linear : Model
        The linear fit: hinges of one direction that nearly cancel show in it alone.
    max_width : int
        Largest number of neurons.
    """
    settings, progress = selector.settings.thresholds, selector.progress
    free, d = selector.fit.changed(thresholds=True), selector.rows.n_features
    shown = _shown_by_low_moments(subspace, linear)
    directions = np.array([*best.model.directions, *shown]).reshape(-1, d)
    odd, any_part = hinge_scores(selector.rows.residuals(best.model), directions, selector.rows, settings)
    if (odd if growing else any_part if settled and best.model.width else np.inf) < settings.hinge_score:
        return best, False
    trial = selector.refined(best.model, free)
    starts = [_random_start(selector, max(1, best.model.width)) for _ in range(settings.trial_starts)]
    starts += [hinges_along(u, linear, selector, max_width) for u in shown]
    for start in starts:
        if not progress.out_of_time():
            trial = min(trial, selector.refined(start, free), key=lambda s: s.criterion)
    if trial.criterion >= best.criterion - settings.gain * max(1, trial.model.width):
        return best, False
    trial = in_span(trial, selector, max_width, free)
    for _ in range(settings.random_starts):
        if progress.out_of_time() or selector.is_exact(trial):
            break
        trial = min(trial, selector.refined(_random_start(selector, max_width), free), key=lambda s: s.criterion)
        progress.report("thresholds", trial.model.width, trial.error / selector.variance)
    return trial, True


def in_span(scored: ScoredModel, selector: ModelSelector, max_width: int, fit: Fit | None = None) -> ScoredModel:
    """The best network that a search inside the span of the neurons leads to, refined in all dimensions.

    ``fit`` is the selector's own by default.
    """
    settings = selector.settings.thresholds
    for _ in range(settings.span_rounds):
        if selector.progress.out_of_time() or selector.is_exact(scored):
            break
        better = best_in_span(scored.model, selector, max_width, fit)
        trial = scored if better is None else selector.refined(better, fit)
        if trial.criterion >= scored.criterion - settings.span_gain:
            break
        scored = trial
    return scored


def _shown_by_low_moments(subspace: Subspace, linear: Model) -> list[Float64Array]:
    """Unit directions: the strongest of the span, and that of the linear fit."""
    shown = list(subspace.basis[:1])
    slopes = linear.parameters[-1, :-1]
    if size := float(np.linalg.norm(slopes)):
        shown.append(slopes / size)
    return shown


def _random_start(selector: ModelSelector, width: int) -> Model:
    """Neurons in random directions with thresholds, for labels of the variance at hand."""
    model = random_start(selector.rows.n_features, width, selector.rng)
    return Model(model.signs, model.parameters * np.sqrt(selector.variance))


def needs_thresholds(
    error: float, without: float, rows: Rows, width: int, settings: ThresholdSettings = DEFAULTS.thresholds
) -> bool:
    """Whether the mean squared error with thresholds is clearly smaller than the one without."""
    floor = EXACT * rows.variance
    return rows.count * float(np.log(max(without, floor) / max(error, floor))) > settings.gain * width


def hinge_scores(
    residuals: Float64Array,
    directions: Float64Array,
    rows: Rows,
    settings: ThresholdSettings = DEFAULTS.thresholds,
) -> tuple[float, float]:
    """Largest squared scores of hinges along directions (m, d): of their odd parts alone, and of any.

    Beyond their linear part, neurons through the origin are even functions: an odd part of the residuals needs
    thresholds, while any other hinge there may stand for neurons of other directions.
    """
    return hinge_scores_along(residuals, rows.along(directions), rows.weights, rows.count, settings)


def hinge_scores_along(
    residuals: Float64Array,
    coordinates: Float64Array,
    weights: Float64Array | None,
    count: int,
    settings: ThresholdSettings = DEFAULTS.thresholds,
) -> tuple[float, float]:
    """As :func:`hinge_scores`, of coordinates (n, m) at hand; ``count`` is the number of rows of positive weight.

    Each hinge is taken beside a line in its coordinate. Sums of hinges are those of powers of the coordinate over the
    rows beyond their levels, which are next to each other once the rows are sorted.
    """
    if not coordinates.shape[1]:
        return 0.0, 0.0
    scored = residuals if weights is None else residuals * weights
    m, levels = coordinates.shape[1], len(settings.levels)
    at, sums = np.empty((m, levels)), np.empty((m, 5, 2 * levels + 1))
    space = np.empty((5, len(scored)))  # the same memory for all directions: new pages take longer
    for j, z in enumerate(np.ascontiguousarray(coordinates.T)):
        at[j], sums[j] = _sums_between_levels(z, scored, weights, np.array(settings.levels), space)
    whole = sums.sum(axis=2)
    above = np.cumsum(sums[..., ::-1], axis=2)[..., levels - 1 :: -1]  # beyond each level, the lowest first
    below = np.cumsum(sums, axis=2)[..., levels - 1 :: -1]
    upper, lower = _hinge_sums(above, at), _hinge_sums(below * np.array([1.0, -1.0, 1.0, 1.0, -1.0])[:, None], at)
    lower[1] *= -1.0  # with z, where that of -z was summed
    mixed = upper - lower
    mixed[3] = upper[3] + lower[3]  # they are nowhere both positive
    total = float(residuals @ scored)
    odd, *other = (float(count * _largest_score(hinges, whole, total)) for hinges in (mixed, upper, lower))
    return odd, max(other)


def _sums_between_levels(
    z: Float64Array,
    scored: Float64Array,
    weights: Float64Array | None,
    quantiles: Float64Array,
    space: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Levels t and, between those of -t and t, weighted sums of 1, z, z^2, residuals and residuals times z.

    Parameters
    ----------
    z, scored : ndarray of shape (n,)
        Coordinates, and weights times residuals.
    weights : ndarray of shape (n,) or None
        Weights of the rows.
    quantiles : ndarray of shape (m,)
        Parts of the rows whose ``|z|`` is below the levels.
    space : ndarray of shape (5, n)
        Overwritten.

    Returns
    -------
    ndarray of shape (m,), ndarray of shape (5, 2 m + 1)
    """
    n, order = len(z), np.argsort(z)
    at = np.sort(np.abs(z))[np.round(quantiles * (n - 1)).astype(np.intp)]
    z = z[order]
    if weights is None:
        space[0] = 1.0
    else:
        np.take(weights, order, out=space[0])
    np.multiply(space[0], z, out=space[1])
    np.multiply(space[1], z, out=space[2])
    np.take(scored, order, out=space[3])
    np.multiply(space[3], z, out=space[4])
    places = np.concatenate([[0], np.searchsorted(z, np.concatenate([-at[::-1], at]))])
    sums = np.add.reduceat(space, np.minimum(places, n - 1), axis=1)
    return at, np.where(np.diff(np.append(places, n)) > 0, sums, 0.0)  # of no rows reduceat takes the next one


def _hinge_sums(beyond: Float64Array, at: Float64Array) -> Float64Array:
    """Sums over rows of hinges ``max(z - t, 0)``: alone, times z, times residuals, and squared: (4, directions, m).

    Parameters
    ----------
    beyond : ndarray of shape (directions, 5, m)
        Over the rows with z above each level, weighted sums of 1, z, z^2, residuals, and residuals times z.
    at : ndarray of shape (directions, m)
        The levels t.
    """
    ones, z, squares, residuals, products = np.moveaxis(beyond, 1, 0)
    return np.array(
        [z - at * ones, squares - at * z, products - at * residuals, squares - 2 * at * z + np.square(at) * ones]
    )


def _largest_score(hinges: Float64Array, whole: Float64Array, total: float) -> float:
    """Largest squared score of hinges in the residuals beside a line, over the number of rows.

    Times that number it is chi-squared of one degree of freedom if by chance alone.

    Parameters
    ----------
    hinges : ndarray of shape (4, directions, m)
        Sums of each hinge alone, times z, times residuals, and squared.
    whole : ndarray of shape (directions, 5)
        Over all rows, weighted sums of 1, z, z^2, residuals, and residuals times z.
    total : float
        Weighted sum of the squared residuals.
    """
    ones, first, second, *products = (column[:, None] for column in whole.T)
    spread = second - first * first / ones  # of z about its mean, which a hinge is taken beside
    over_spread = np.divide(1.0, spread, out=np.zeros(spread.shape), where=spread > _ROUNDING * second)
    slope = (products[1] - first * products[0] / ones) * over_spread
    left = total - products[0] ** 2 / ones - slope**2 * spread
    along = hinges[1] - first * hinges[0] / ones
    sizes = hinges[3] - hinges[0] ** 2 / ones - along**2 * over_spread
    score = hinges[2] - hinges[0] * products[0] / ones - slope * along
    usable = sizes > _ROUNDING * hinges[3]
    gains = np.divide(np.square(score), sizes, out=np.zeros(sizes.shape), where=usable)
    return float((gains / np.maximum(left, 1e-300)).max(initial=0.0))
