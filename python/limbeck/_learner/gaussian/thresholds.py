"""Thresholds where the rows ask for them: functions that are not of the paper's model, whose kinks miss the origin."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.gaussian.span_search import best_in_span, gram, hinges_along
from limbeck._learner.model.model import Model, random_start
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

__all__ = ["HINGE_SCORE", "hinge_scores", "in_span", "needs_thresholds", "with_thresholds"]

_STARTS = 6
_ROUNDS = 2  # of searches inside a span that the one before has moved
_LEVELS = np.arange(1, 10) / 10  # quantiles of |<u, x>| at which hinges are tested
# Squared score of one degree of freedom; the largest of 18 hinges along some ten directions is below in 99 of 100.
HINGE_SCORE = 18.0
_THRESHOLD_GAIN = 10.0  # in the criterion, for each neuron: thresholds are freed only where they are clearly there


def with_thresholds(
    best: ScoredModel,
    settled: bool,
    growing: bool,
    selector: ModelSelector,
    subspace: Subspace,
    line: Model,
    most: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> tuple[ScoredModel, bool]:
    """The network with thresholds where the rows clearly ask for them, and whether they do.

    Parameters
    ----------
    best : Priced
        The best network without thresholds.
    settled : bool
        Whether it leaves nothing to explain along its own span.
    growing : bool
        Whether more neurons without thresholds still help and will be tried: then only what they cannot explain asks
        for thresholds.
    selector : Polisher
        Holds the rows.
    subspace : Subspace
        Span of the directions according to the moments.
    line : Model
        The linear fit: hinges of one direction that nearly cancel show in it alone.
    most : int
        Largest number of neurons.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    """
    free = fit.changed(thresholds=True)
    d = selector.rows.n_features
    shown = _shown(subspace, line)
    directions = np.array([*best.model.directions, *shown]).reshape(-1, d)
    odd, whole = hinge_scores(selector.rows.residuals(best.model), directions, selector.rows)
    if (odd if growing else whole if settled and best.model.width else np.inf) < HINGE_SCORE:
        return best, False
    trial = selector.state(best.model, free)
    # Neurons of their own show what thresholds could do even where the search ended with none.
    starts = [_on_scale(random_start(d, max(1, best.model.width), rng), selector) for _ in range(2)]
    starts += [hinges_along(u, line, selector.rows, most, free, progress, rng) for u in shown]
    for start in starts:
        if not progress.out_of_time():
            trial = min(trial, selector.state(start, free), key=lambda s: s.criterion)
    if trial.criterion >= best.criterion - _THRESHOLD_GAIN * max(1, trial.model.width):
        return best, False
    trial = in_span(trial, selector, most, free, progress, rng)
    for _ in range(_STARTS):
        if progress.out_of_time() or selector.is_exact(trial):
            break
        trial = min(
            trial, selector.state(_on_scale(random_start(d, most, rng), selector), free), key=lambda s: s.criterion
        )
        progress.report("thresholds", trial.model.width, trial.error / selector.variance)
    return trial, True


def in_span(
    state: ScoredModel, selector: ModelSelector, most: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> ScoredModel:
    """The best network that a search inside the span of the neurons leads to, refined in all dimensions."""
    for _ in range(_ROUNDS):
        if progress.out_of_time() or selector.is_exact(state):
            break
        better = best_in_span(state.model, selector.rows, most, fit, progress, rng)
        trial = state if better is None else selector.state(better, fit)
        if trial.criterion >= state.criterion - 1:
            break
        state = trial
    return state


def _shown(subspace: Subspace, line: Model) -> list[Float64Array]:
    """Unit directions that the moments of orders 1 and 2 show."""
    shown = list(subspace.basis[:1])
    linear = line.parameters[-1, :-1]
    if size := float(np.linalg.norm(linear)):
        shown.append(linear / size)
    return shown


def needs_thresholds(error: float, without: float, rows: Rows, width: int) -> bool:
    """Whether mean squared errors with thresholds and without tell them to be there."""
    floor = EXACT * rows.variance
    return rows.count * float(np.log(max(without, floor) / max(error, floor))) > _THRESHOLD_GAIN * width


def hinge_scores(residuals: Float64Array, directions: Float64Array, rows: Rows) -> tuple[float, float]:
    """Largest squared scores of hinges along directions (m, d), anywhere: of their odd parts, and of any.

    Beyond their linear part, neurons through the origin are even functions: what is odd in the residuals asks for
    thresholds, while any other hinge there may stand for neurons of other directions.
    """
    odd, whole = 0.0, 0.0
    for z in rows.along(directions).T:
        levels = np.quantile(np.abs(z), _LEVELS)
        above, below = np.maximum(z[:, None] - levels, 0.0), np.maximum(-z[:, None] - levels, 0.0)
        total = gram(np.column_stack([np.ones(len(z)), z, above, below, residuals]), rows)
        mixed = np.eye(len(total))[2 : 2 + len(levels)] - np.eye(len(total))[2 + len(levels) : -1]
        odd = max(odd, _largest_score(total, mixed, rows.count))
        whole = max(whole, _largest_score(total, np.eye(len(total))[2:-1], rows.count))
    return odd, whole


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
    usable = sizes[:-1] > 1e-9 * np.einsum("ij,jk,ik->i", candidates, total, candidates)
    gains = np.divide(np.square(beside[:-1, -1]), sizes[:-1], out=np.zeros(len(sizes) - 1), where=usable)
    return float(count * gains.max(initial=0.0) / max(sizes[-1], 1e-300))


def _on_scale(model: Model, selector: ModelSelector) -> Model:
    """A model for labels of unit variance, for the labels at hand."""
    return Model(model.signs, model.parameters * np.sqrt(selector.variance))
