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
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["KinkSearch", "network_on_lines", "queries_of_a_line"]

# From x ~ N(0, I) to both sides along v ~ N(0, I): 1.8 times as far from the origin at most as x, and across
# 2 / pi atan(1.5) = 0.63 of all hyperplanes through the origin.
_REACH = 1.5
# Intervals to begin with. Ends alone would not show neurons whose sum vanishes outside a part of the line.
_INTERVALS = 8
# Where an interval is cut in two, or looked into: not at its middle nor at a crossing that proved none, for of kinks
# at equal distances one may lie there, where there is no slope.
_CUT = (0.35, 0.65)
# Points on a line beyond which the function is taken for one with more kinks than neurons: for each neuron, and once
# more for bisections down to two kinks that all but coincide. (Measured: 4 to 6 a kink for 16 to 64 neurons.)
_POINTS_PER_NEURON = 15
_POINTS_OF_CLOSE_KINKS = 60
_POINTS_OF_NO_KINK = 100  # before the first: the function bends everywhere (40 kinks on a line: the first by 50 points)
_LINES_IN_VAIN = 30  # in a row: a hyperplane at distance 2.5 from the origin is missed by so many in 1 of 1,000 cases
_NEVER_A_KINK = 6  # lines without any kink yet, where there were jumps or bends: the function is not piecewise linear
# Times the error of a slope: one that a model of the neurons found has too, and several that add up.
_SLACK = 100.0
_SHORTEST = 20.0  # intervals, times the distance that slopes are taken over
_INTERIOR = 0.05  # an intersection so near to the ends of an interval may be one of rounding


def queries_of_a_line(most: int) -> int:
    """Largest number of queries until a line's kinks are known, or known to be more than ``most``."""
    return 2 * (_INTERVALS + 1 + _POINTS_OF_CLOSE_KINKS + _POINTS_PER_NEURON * most)


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

    def ahead(self, t: float) -> float:
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
    most : int
        Largest number of neurons; a line with more kinks ends the search, for each neuron has one hyperplane.
    scale : float
        Standard deviation of the answers.
    rounding : float
        Largest rounding error of an answer.
    rng : numpy.random.Generator
        For lines.

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
        most: int,
        scale: float,
        rounding: float,
        rng: np.random.Generator,
    ) -> None:
        self._ask, self._d, self._most, self._rng = ask, d, most, rng
        # Differences over a step have a rounding error of 2 rounding / step and miss the kinks within the step: the
        # cube root leaves slopes two thirds of the digits, and the step a third of them.
        relative = max(rounding / scale, np.finfo(np.float64).eps)
        self._step = float(np.cbrt(relative))
        self._slope_error = _SLACK * scale * relative / self._step
        self.accuracy = self._slope_error / scale
        self._most_queries = queries_of_a_line(most)
        self.model = linear_model(d)
        self.is_over = False
        self._in_vain = 0
        self._bent = 0  # lines with intervals that no single kink explains

    def next_line(self) -> None:
        """Look for kinks on one more random line, and add the neurons that they belong to."""
        line = _Line(*self._rng.standard_normal((2, self._d)))
        kinks, unexplained = self._kinks(line)
        if self.is_over:
            return
        found = self._neurons(line, kinks, unexplained)
        self._in_vain = 0 if found else self._in_vain + 1
        self._bent += bool(unexplained) and not self.model.width
        crowded = self.model.width > self._most
        self.is_over = crowded or self._in_vain >= _LINES_IN_VAIN or self._bent >= _NEVER_A_KINK

    def _left(self, X: Float64Array) -> Float64Array:
        """Answers less the neurons found."""
        return np.asarray(self._ask(X) - self.model(X, 1))

    def _points(self, line: _Line, places: list[float]) -> list[_Point]:
        """Two queries for each place."""
        if not places:
            return []
        t = np.array(places)
        low, high = self._left(line.at(np.concatenate([t - self._step / 2, t + self._step / 2]))).reshape(2, -1)
        values, slopes = (low + high) / 2, (high - low) / self._step
        return [_Point(*point) for point in zip(places, values.tolist(), slopes.tolist(), strict=True)]

    def _kinks(self, line: _Line) -> tuple[list[float], list[float]]:
        """Places of the kinks, and those where something else happens."""
        points = self._points(line, np.linspace(-_REACH, _REACH, _INTERVALS + 1).tolist())
        intervals = list(pairwise(points))
        kinks: list[float] = []
        unexplained: list[float] = []
        asked = len(points)
        while intervals := [(a, b) for a, b in intervals if not self._is_straight(a, b)]:
            short = [(a, b) for a, b in intervals if b.t - a.t < _SHORTEST * self._step]
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
            cuts = self._rng.uniform(*_CUT, len(open_))
            middles = self._points(line, [a.t + cut * (b.t - a.t) for (a, b), cut in zip(open_, cuts, strict=True)])
            asked += len(places) - places.count(None) + len(middles)
            few = _POINTS_OF_NO_KINK + _POINTS_PER_NEURON * len(kinks)
            if len(kinks) > self._most or asked > min(few, self._most_queries // 2):
                self.is_over = True
                break
            intervals = [pair for (a, b), m in zip(open_, middles, strict=True) for pair in ((a, m), (m, b))]
        return sorted(kinks), unexplained

    def _is_straight(self, a: _Point, b: _Point) -> bool:
        slack = self._slope_error
        return abs(a.slope - b.slope) <= slack and abs(a.ahead(b.t) - b.value) <= slack * max(b.t - a.t, self._step)

    def _crossing(self, a: _Point, b: _Point) -> float | None:
        """Where the straight lines of two points meet, if well between them."""
        if abs(a.slope - b.slope) <= self._slope_error:
            return None
        t = a.t + (b.value - a.value - b.slope * (b.t - a.t)) / (a.slope - b.slope)
        return t if _INTERIOR < (t - a.t) / (b.t - a.t) < 1 - _INTERIOR else None

    def _confirms(self, middle: _Point, a: _Point, b: _Point) -> bool:
        """Whether the mean of the values beside a crossing, and their difference, are those of a single kink there."""
        bend, slack = (b.slope - a.slope) * self._step / 4, self._slope_error
        value_agrees = abs(middle.value - a.ahead(middle.t) - bend) <= slack * (b.t - a.t)
        return value_agrees and abs(middle.slope - (a.slope + b.slope) / 2) <= slack * (b.t - a.t) / self._step

    def _neurons(self, line: _Line, kinks: list[float], unexplained: list[float]) -> int:
        """Add the neurons of the kinks; how many there are."""
        ends = np.array(sorted([-_REACH, *kinks, *unexplained, _REACH]))
        wide = np.diff(ends) > 2 * _SHORTEST * self._step
        middles = ends[:-1] + self._rng.uniform(*_CUT, len(wide)) * np.diff(ends)
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
        values = self._left(shifted.reshape(-1, self._d)).reshape(len(X), -1)
        return np.asarray((values[:, 1:] - values[:, :1]) / self._step)


def network_on_lines(search: KinkSearch, rows: Rows, fit: Fit) -> tuple[Model, float]:
    """The neurons on lines, of which there are so many as rows ask for, with the linear part that suits them best.

    Parameters
    ----------
    search : KinkSearch
        Where neurons come from; is_over afterwards if they do not explain the rows.
    rows : Rows
        Queries answered, more than twice as many as features.
    fit : Fit
        For the linear part.

    Returns
    -------
    Model, float
        And its mean squared error over the variance.
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
