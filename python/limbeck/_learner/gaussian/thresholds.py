"""Thresholds where the rows need them: functions that are not of the paper's model, whose kinks miss the origin."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.settings import DEFAULTS, ThresholdSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.gaussian.span_search import best_in_span, gram, hinges_along
from limbeck._learner.model.model import Model, random_start
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

__all__ = ["hinge_scores", "in_span", "needs_thresholds", "with_thresholds"]

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
    odd, any_part = 0.0, 0.0
    count = len(settings.levels)
    columns = np.empty((len(rows), 2 * count + 3))  # the same memory for all directions: new pages take longer
    columns[:, 0], columns[:, -1] = 1.0, residuals
    for z in rows.along(directions).T:
        levels = np.quantile(np.abs(z), np.array(settings.levels))
        columns[:, 1] = z
        np.subtract(z[:, None], levels, out=columns[:, 2 : 2 + count])
        np.subtract(-z[:, None], levels, out=columns[:, 2 + count : -1])
        np.maximum(columns[:, 2:-1], 0.0, out=columns[:, 2:-1])
        total = gram(columns, rows)
        mixed = np.eye(len(total))[2 : 2 + len(levels)] - np.eye(len(total))[2 + len(levels) : -1]
        odd = max(odd, _largest_score(total, mixed, rows.count))
        any_part = max(any_part, _largest_score(total, np.eye(len(total))[2:-1], rows.count))
    return odd, any_part


def _largest_score(total: Float64Array, candidates: Float64Array, count: int) -> float:
    """Largest squared score of candidates in the residuals, beside a line in z: chi-squared if by chance alone.

    The Gram matrix is of a constant, z, further columns and, last, residuals; each candidate, a row, combines them.
    """
    last = np.zeros((1, len(total)))
    last[0, -1] = 1.0
    combined = np.vstack([candidates, last])
    line = total[:2] @ combined.T
    beside = combined @ total @ combined.T - line.T @ np.linalg.solve(total[:2, :2], line)
    sizes = np.diag(beside)
    usable = sizes[:-1] > _ROUNDING * np.einsum("ij,jk,ik->i", candidates, total, candidates)
    gains = np.divide(np.square(beside[:-1, -1]), sizes[:-1], out=np.zeros(len(sizes) - 1), where=usable)
    return float(count * gains.max(initial=0.0) / max(sizes[-1], 1e-300))
