"""Lines fitted to moments: the generalised method of moments inside a span, from many starts.

What is fitted are moments over their standard errors, a few hundred numbers whatever the number of rows, so that many
starts cost little. The objective is Hansen's (Econometrica 50, 1982) with one variance for every order: where the lines
explain the moments it is about the number of moments. No rows and no loss of the network enter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.hermite_moments import HermiteMoments
from limbeck._learner.gaussian.settings import DEFAULTS, MomentMethodSettings
from limbeck._learner.model.linear_algebra import eigh

__all__ = ["Lines", "fitted_lines", "lines_of_growing_width", "unit_rows", "with_best_weights"]

_RIDGE = 1e-10  # of the normal matrix of the weights: lines that coincide share theirs


@dataclass(frozen=True, eq=False)
class Lines:
    """Weights and unit directions of ``sum_i w_i |<u_i, z>|``, and the objective: squared residuals of the moments."""

    directions: Float64Array
    weights: Float64Array
    objective: float

    @property
    def width(self) -> int:
        """Number of lines."""
        return len(self.weights)


def unit_rows(rows: Float64Array) -> Float64Array:
    """Rows over their norms."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def with_best_weights(moments: HermiteMoments, directions: Float64Array) -> Lines:
    """Lines of given directions and the weights that fit the moments best."""
    terms = moments.of_lines(directions)
    gram = terms @ terms.T
    gram[np.diag_indices_from(gram)] *= 1 + _RIDGE
    weights = np.asarray(np.linalg.solve(gram, terms @ moments.values), dtype=np.float64)
    return Lines(directions, weights, float(np.square(moments.values - weights @ terms).sum()))


def fitted_lines(
    moments: HermiteMoments, start: Lines, steps: int, settings: MomentMethodSettings = DEFAULTS.moment_method
) -> Lines:
    """Lines moved by damped Gauss-Newton steps on the objective of the moments, until nothing is gained."""
    lines, damping = start, settings.damping
    k, r = lines.directions.shape
    moved = True
    for _ in range(steps):
        if moved:
            terms, slopes = moments.derivatives(lines.directions)
            jacobian = np.concatenate([terms, (lines.weights[:, None, None] * slopes).reshape(k * r, -1)])
            gradient = jacobian @ (moments.values - lines.weights @ terms)
            normal = jacobian @ jacobian.T
            diagonal = np.diag(normal) + np.finfo(float).tiny
        damped = normal + np.diag(damping * diagonal + _RIDGE * diagonal.max())
        step = np.linalg.solve(damped, gradient)
        directions = unit_rows(lines.directions + step[k:].reshape(k, r))
        weights = lines.weights + step[:k]
        objective = float(np.square(moments.values - weights @ moments.of_lines(directions)).sum())
        if objective < lines.objective:
            gain = lines.objective - objective
            lines, damping, moved = Lines(directions, weights, objective), damping * settings.damping_down, True
            if gain < settings.least_gain:
                break
        else:
            damping, moved = damping * settings.damping_up, False
            if damping > settings.most_damping:
                break
    return lines


def enough(moments: HermiteMoments, settings: MomentMethodSettings = DEFAULTS.moment_method) -> float:
    """Objective that chance alone explains."""
    count = len(moments.values)
    return float(count + settings.standard_errors * np.sqrt(2 * count))


def lines_of_growing_width(
    moments: HermiteMoments,
    most: int,
    rng: np.random.Generator,
    settings: MomentMethodSettings = DEFAULTS.moment_method,
) -> Iterator[tuple[Lines, float]]:
    """Yield the best lines of widths 1, 2, ... with objective plus penalty; ends where moments leave nothing to find.

    Starts of a width are the lines of one fewer with one more at the strongest peaks of what they leave, or with one of
    them split in two at growing angles; where these leave something, many lines in random directions as well, of which
    one after another is given up. The penalty is for each line, and for each of its parameters, of which it has as many
    as the span has dimensions.
    """
    charge = settings.penalty_of_line + settings.penalty * moments.exponents.shape[1]
    lines: Lines | None = None
    least, in_vain = float(np.square(moments.values).sum()), 0
    pool: dict[int, list[Lines]] = {}
    for width in range(1, most + 1):
        tried: list[Lines] = []
        for start in _starts(moments, lines, rng, settings):
            tried.append(fitted_lines(moments, start, settings.steps, settings))
            if tried[-1].objective < enough(moments, settings):
                break
        else:
            if width not in pool:
                _fill(pool, moments, range(width, min(2 * width, most) + 1), rng, settings)
            best = min(pool[width], key=lambda lines: lines.objective)
            tried.append(fitted_lines(moments, best, settings.steps, settings))
        lines = min(tried, key=lambda lines: lines.objective)
        criterion = lines.objective + width * charge
        yield lines, criterion
        in_vain = 0 if criterion < least else in_vain + 1
        least = min(criterion, least)
        if in_vain >= settings.widths_in_vain and lines.objective < enough(moments, settings):
            break


def _starts(
    moments: HermiteMoments, before: Lines | None, rng: np.random.Generator, settings: MomentMethodSettings
) -> Iterator[Lines]:
    yield from _with_peaks(moments, before, rng, settings)
    if before is not None:
        yield from _with_splits(moments, before, settings)


def _fill(
    pool: dict[int, list[Lines]],
    moments: HermiteMoments,
    widths: range,
    rng: np.random.Generator,
    settings: MomentMethodSettings,
) -> None:
    """Add lines of all widths of a range: from more lines in random directions, given up or merged one by one."""
    count = settings.wide_factor * widths[-1] + settings.wide_extra
    for _ in range(settings.wide_starts):
        start = unit_rows(rng.standard_normal((count, moments.exponents.shape[1])))
        lines = fitted_lines(moments, with_best_weights(moments, start), settings.wide_steps, settings)
        while lines.width > widths[0]:
            lines = with_best_weights(moments, _one_fewer(lines, settings))
            lines = fitted_lines(moments, lines, settings.steps_after_each, settings)
            pool.setdefault(lines.width, []).append(lines)


def _with_peaks(
    moments: HermiteMoments, before: Lines | None, rng: np.random.Generator, settings: MomentMethodSettings
) -> Iterator[Lines]:
    """Lines with one more, at each of the strongest peaks of the residual moments over a net of directions.

    All lines have moments of the same size, so the gain of one more is the square of its product with the residuals:
    of the test function psi = sum_l (c_l / error_l)^2 h_l, which is as fine as the errors of the moments allow.
    """
    r = moments.exponents.shape[1]
    net = unit_rows(rng.standard_normal((settings.net_per_dimension * r * r, r)))
    residual = moments.values
    if before is not None:
        residual = residual - before.weights @ moments.of_lines(before.directions)
    scores = np.abs(moments.of_lines(net) @ residual)
    peaks: list[Float64Array] = []
    for u in net[np.argsort(-scores)]:
        if all(abs(u @ other) < settings.same_peak for other in peaks):
            peaks.append(u)
            known = u[None] if before is None else np.vstack([before.directions, u])
            yield with_best_weights(moments, known)
        if len(peaks) == settings.peaks:
            break


def _with_splits(moments: HermiteMoments, before: Lines, settings: MomentMethodSettings) -> Iterator[Lines]:
    """Lines with one of them split in two, c +- delta v: a clump seen at a finer scale.

    v is the direction along which the second derivative of a line's moments explains most of the residuals.
    """
    residual = moments.values - before.weights @ moments.of_lines(before.directions)
    r = before.directions.shape[1]
    splits: list[Lines] = []
    if r == 1:
        return
    for i, c in enumerate(before.directions):
        h = settings.split_step
        around = unit_rows(c + h * np.concatenate([np.eye(r), -np.eye(r)]))
        slopes = moments.derivatives(around)[1] @ residual
        hessian = (slopes[:r] - slopes[r:]) / (2 * h)
        tangent = np.eye(r) - np.outer(c, c)
        values, vectors = eigh(tangent @ (hessian + hessian.T) @ tangent / 2)
        v = vectors[:, np.argmax(np.abs(values))]
        others = np.delete(before.directions, i, axis=0)
        for delta in settings.split_scales:
            pair = unit_rows(np.array([c + delta * v, c - delta * v]))
            splits.append(with_best_weights(moments, np.vstack([others, pair])))
    yield from sorted(splits, key=lambda lines: lines.objective)[: settings.splits]


def _one_fewer(lines: Lines, settings: MomentMethodSettings) -> Float64Array:
    """Directions without the lighter one of the closest two, if these are one line, else without the faintest."""
    cosines = np.abs(lines.directions @ lines.directions.T)
    np.fill_diagonal(cosines, 0.0)
    pair = np.array(np.unravel_index(int(cosines.argmax()), cosines.shape))
    if cosines.max() <= settings.merge_cosine:
        pair = np.arange(lines.width)
    return np.delete(lines.directions, pair[np.argmin(np.abs(lines.weights[pair]))], axis=0)
