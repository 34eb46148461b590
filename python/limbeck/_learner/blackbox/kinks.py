"""Neurons of a function without noise, from its kinks on lines.

On a line x + t v a sum of ReLUs is piecewise linear in t, with one kink where the line crosses a neuron's hyperplane:
values and slopes at the ends of an interval give the place of a single kink as the intersection of two straight lines,
and the values beside that place confirm it. The gradient is constant between kinks; it jumps at each by the neuron's
weights. No moment takes part, so that neurons whose low moments cancel, or whose hyperplanes are parallel, are found
like any others. (Where neurons can be read off: Milli et al., Model reconstruction from model explanations, 2019;
Carlini, Jagielski and Mironov, Cryptanalytic extraction of neural network models, 2020.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, LineSettings
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["KinkSearch", "network_on_lines", "queries_per_line"]

_SETTINGS = DISTILLATION_SETTINGS.lines


def queries_per_line(max_width: int, settings: LineSettings = _SETTINGS) -> int:
    """Largest number of queries until a line's kinks are known, or known to be more than ``max_width``."""
    points = settings.intervals + 1 + settings.points_of_close_kinks + settings.points_per_neuron * max_width
    return 2 * points


@dataclass(frozen=True)
class _Line:
    """Points ``origin + t * direction``."""

    origin: Float64Array
    direction: Float64Array

    def at(self, t: Float64Array) -> Float64Array:
        """The points of all t, as rows."""
        return np.asarray(self.origin + np.multiply.outer(t, self.direction))


@dataclass(frozen=True)
class _Point:
    """Value and slope at a place on the line."""

    t: float
    value: float
    slope: float

    def extrapolated(self, t: float) -> float:
        """The value at t if the slope stays."""
        return self.value + self.slope * (t - self.t)


class KinkSearch:
    """A search for the neurons of a function that answers exactly.

    Parameters
    ----------
    ask : callable
        Answers (m,) to rows (m, d).
    d : int
        Number of features.
    max_width : int
        Largest number of neurons; a line with more kinks ends the search, for each neuron has one hyperplane.
    scale : float
        Standard deviation of the answers.
    rounding : float
        Largest rounding error of an answer.
    rng : numpy.random.Generator
        For lines.
    settings : LineSettings
        Numbers that no caller sets.

    Attributes
    ----------
    accuracy : float
        Of the slopes, over the standard deviation of the answers.
    model : Model
        The neurons found, without linear part.
    is_over : bool
        Whether the function cannot be a network of so few neurons, or further lines showed no further kink.
    """

    def __init__(
        self,
        ask: Callable[[Float64Array], Float64Array],
        d: int,
        max_width: int,
        scale: float,
        rounding: float,
        rng: np.random.Generator,
        settings: LineSettings = _SETTINGS,
    ) -> None:
        self._ask, self._d, self._max_width, self._rng, self._settings = ask, d, max_width, rng, settings
        # Differences over a step have a rounding error of 2 rounding / step and miss the kinks within the step: the
        # cube root leaves slopes two thirds of the digits, and the step a third of them.
        relative = max(rounding / scale, np.finfo(np.float64).eps)
        self._step = float(np.cbrt(relative))
        self._slope_error = settings.slope_slack * scale * relative / self._step
        self.accuracy = self._slope_error / scale
        self._most_points = queries_per_line(max_width, settings) // 2
        self.model = linear_model(d)
        self.is_over = False
        self._lines_without_kink = 0  # in a row
        self._nonlinear_lines = 0  # with intervals that no single kink explains

    def next_line(self) -> None:
        """Find the kinks on one more random line, and add the neurons that they belong to."""
        line = _Line(*self._rng.standard_normal((2, self._d)))
        kinks, unexplained = self._kinks(line)
        if self.is_over:
            return
        n_added = self._add_neurons(line, kinks, unexplained)
        self._lines_without_kink = 0 if n_added else self._lines_without_kink + 1
        self._nonlinear_lines += bool(unexplained) and not self.model.width
        self.is_over = (
            self.model.width > self._max_width
            or self._lines_without_kink >= self._settings.lines_without_kink
            or self._nonlinear_lines >= self._settings.nonlinear_lines
        )

    def _residuals(self, X: Float64Array) -> Float64Array:
        """Answers less the values of the neurons found."""
        return np.asarray(self._ask(X) - self.model(X, 1))

    def _points(self, line: _Line, places: list[float]) -> list[_Point]:
        """Values and slopes in some places, by two queries each."""
        if not places:
            return []
        t = np.array(places)
        low, high = self._residuals(line.at(np.concatenate([t - self._step / 2, t + self._step / 2]))).reshape(2, -1)
        values, slopes = (low + high) / 2, (high - low) / self._step
        return [_Point(*point) for point in zip(places, values.tolist(), slopes.tolist(), strict=True)]

    def _kinks(self, line: _Line) -> tuple[list[float], list[float]]:
        """Places of the kinks on a line, and those of bends that are no kink."""
        settings = self._settings
        reach = settings.reach
        points = self._points(line, np.linspace(-reach, reach, settings.intervals + 1).tolist())
        intervals = list(pairwise(points))
        kinks: list[float] = []
        unexplained: list[float] = []
        asked = len(points)
        while intervals := [(a, b) for a, b in intervals if not self._is_straight(a, b)]:
            short = [(a, b) for a, b in intervals if b.t - a.t < settings.shortest_interval * self._step]
            unexplained += [(a.t + b.t) / 2 for a, b in short]
            intervals = [pair for pair in intervals if pair not in short]
            places = [self._crossing(a, b) for a, b in intervals]
            crossings = iter(self._points(line, [t for t in places if t is not None]))
            open_ = []
            for (a, b), t in zip(intervals, places, strict=True):
                if t is not None and self._confirms(next(crossings), a, b):
                    kinks.append(t)
                else:
                    open_.append((a, b))
            cuts = self._rng.uniform(*settings.cut, len(open_))
            middles = self._points(line, [a.t + cut * (b.t - a.t) for (a, b), cut in zip(open_, cuts, strict=True)])
            asked += len(places) - places.count(None) + len(middles)
            few = settings.points_without_kink + settings.points_per_neuron * len(kinks)
            if len(kinks) > self._max_width or asked > min(few, self._most_points):
                self.is_over = True
                break
            intervals = [pair for (a, b), m in zip(open_, middles, strict=True) for pair in ((a, m), (m, b))]
        return sorted(kinks), unexplained

    def _is_straight(self, a: _Point, b: _Point) -> bool:
        """Whether values and slopes at two places are those of one straight line."""
        slack, length = self._slope_error, max(b.t - a.t, self._step)
        return abs(a.slope - b.slope) <= slack and abs(a.extrapolated(b.t) - b.value) <= slack * length

    def _crossing(self, a: _Point, b: _Point) -> float | None:
        """Where the straight lines of two points meet, if well between them."""
        if abs(a.slope - b.slope) <= self._slope_error:
            return None
        inner = self._settings.interior
        t = a.t + (b.value - a.value - b.slope * (b.t - a.t)) / (a.slope - b.slope)
        return t if inner < (t - a.t) / (b.t - a.t) < 1 - inner else None

    def _confirms(self, middle: _Point, a: _Point, b: _Point) -> bool:
        """Whether the mean of the values beside a crossing, and their difference, are those of a single kink there."""
        bend, slack = (b.slope - a.slope) * self._step / 4, self._slope_error
        value_agrees = abs(middle.value - a.extrapolated(middle.t) - bend) <= slack * (b.t - a.t)
        return value_agrees and abs(middle.slope - (a.slope + b.slope) / 2) <= slack * (b.t - a.t) / self._step

    def _add_neurons(self, line: _Line, kinks: list[float], unexplained: list[float]) -> int:
        """Add the neurons of the kinks; returns their number."""
        settings = self._settings
        ends = np.array(sorted([-settings.reach, *kinks, *unexplained, settings.reach]))
        wide = np.diff(ends) > 2 * settings.shortest_interval * self._step
        middles = ends[:-1] + self._rng.uniform(*settings.cut, len(wide)) * np.diff(ends)
        beside = [j for j, t in enumerate(ends[1:-1]) if t in kinks and wide[j] and wide[j + 1]]
        if not beside:
            return 0
        wanted = sorted({j + side for j in beside for side in (0, 1)})
        gradients = dict(zip(wanted, self._gradients(line.at(middles[wanted])), strict=True))
        neurons, signs = [], []
        for j in beside:
            jump = gradients[j + 1] - gradients[j]
            sign = 1.0 if jump @ line.direction > 0 else -1.0
            place = line.at(ends[j + 1])
            neurons.append(np.append(sign * jump, -sign * jump @ place))
            signs.append(sign)
        parameters = np.vstack([self.model.neurons, neurons, self.model.parameters[-1:]])
        self.model = Model(np.append(self.model.signs, signs), parameters)
        return len(neurons)

    def _gradients(self, X: Float64Array) -> Float64Array:
        """Gradients at rows, by d + 1 queries each."""
        shifted = X[:, None] + self._step * np.vstack([np.zeros(self._d), np.eye(self._d)])
        values = self._residuals(shifted.reshape(-1, self._d)).reshape(len(X), -1)
        return np.asarray((values[:, 1:] - values[:, :1]) / self._step)


def network_on_lines(search: KinkSearch, rows: Rows, fit: Fit) -> tuple[Model, float]:
    """Add lines until the neurons on them explain some rows, and fit the linear part beside them.

    Parameters
    ----------
    search : KinkSearch
        Source of neurons; ``is_over`` afterwards if they do not explain the rows.
    rows : Rows
        Queries answered, more than twice as many as features.
    fit : Fit
        For the linear part.

    Returns
    -------
    Model, float
        The network, and its mean squared error over the variance.
    """
    while True:
        search.next_line()
        model = _with_linear_part(search.model, rows, fit)
        error = rows.mean_error(model) / rows.variance
        if search.is_over or error <= search.accuracy**2:
            break
    return model, error


def _with_linear_part(model: Model, rows: Rows, fit: Fit) -> Model:
    line, _ = fit(linear_model(rows.n_features), Rows(rows.X, rows.residuals(model), n_threads=rows.n_threads))
    parameters = model.parameters.copy()
    parameters[-1] += line.parameters[-1]
    return Model(model.signs, parameters)
