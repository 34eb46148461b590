"""All neurons of a sum of ReLUs with one or more outputs, from its kinks on a few long lines.

The first line is random. In every stretch between two of its kinks the gradient is taken, and each neuron is the
difference of two neighbouring gradients, up to the sign of its direction, which only moves a linear function between
the neuron and the linear part. Further lines start in one of these stretches, where the network found so far is exact,
and lead to a random row at which it is not: there is a kink of a missing neuron on the way. Kinks of neurons already
known are subtracted, so that each neuron is paid for once: about d queries for its gradient, and some 5 for its kink.

In a sum of ReLUs each kink goes straight on for ever, and bends the function by the same amount everywhere. Kinks of
deeper networks do not: this is tested of the first few, before the others are paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.cell_gradients import CellGradients, GradientQueries
from limbeck._learner.blackbox.gradient_design import LARGE_COORDINATE
from limbeck._learner.blackbox.gradient_solution import (
    MeasuredGradient,
    error_by_rounding,
    further_gradients,
    measured_gradient,
    solved_from_gradients,
)
from limbeck._learner.blackbox.joint_solution import solved_jointly
from limbeck._learner.blackbox.kink_doubles import without_doubles
from limbeck._learner.blackbox.kink_groups import Group, groups_between_gradients, neurons_between
from limbeck._learner.blackbox.kink_survey import KinkSurvey
from limbeck._learner.blackbox.line_kinks import LineKinks, LineSearch, Values
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, KinkSettings
from limbeck._learner.model.model import Model
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model

__all__ = ["KinkNetworkSearch", "Line"]

_SETTINGS = DISTILLATION_SETTINGS.kinks
_MORE_BASES = 8  # times as many points of a stretch are compared where kinks of all neurons known divide it
Ask = Callable[[Float64Array], Float64Array]


class Line(NamedTuple):
    """Points ``origin + t * direction``, direction of length one."""

    origin: Float64Array
    direction: Float64Array

    def at(self, t: Float64Array) -> Float64Array:
        """The points of all t, as rows."""
        return np.asarray(self.origin + np.multiply.outer(t, self.direction))


class KinkNetworkSearch:
    """A search for all neurons of a function that answers exactly.

    Parameters
    ----------
    ask : callable
        Answers (m, q) to rows (m, d) on lines.
    ask_rows : callable
        Answers to rows from N(0, I).
    noise : callable
        Rounding error of an answer, so far.
    scale : float
        Standard deviation of the answers.
    max_width : int
        Largest number of neurons.
    most_queries : int
        Number of queries that the search may take.
    shape : tuple of int
        (d, q).
    rng : numpy.random.Generator
        For lines and rows.
    n_threads : int or None
        Of the values of networks.
    settings : KinkSettings
        Numbers that no caller sets.

    Attributes
    ----------
    network : SharedModel
        The neurons found.
    bends : bool
        Whether kinks were found that do not go straight on: the function is no sum of ReLUs.
    is_refuted : bool
        Whether one line has too many kinks for so few neurons, or jumps.
    """

    def __init__(
        self,
        ask: Ask,
        ask_rows: Ask,
        noise: Callable[[], float],
        scale: float,
        max_width: int,
        most_queries: int,
        shape: tuple[int, int],
        rng: np.random.Generator,
        n_threads: int | None = None,
        settings: KinkSettings = _SETTINGS,
    ) -> None:
        self._ask, self._ask_rows, self._noise = ask, ask_rows, noise
        self._max_width, self._most_queries = max_width, most_queries
        self._rng, self._n_threads, self._settings = rng, n_threads, settings
        self._dimension, outputs = shape
        self._spacing = max(settings.least_spacing, float(np.cbrt(noise() / scale)))
        self._scale = scale
        d = self._dimension
        self._reach = max(settings.reach * np.sqrt(d), settings.least_reach)
        self.network = shared_linear_model(d, outputs)
        self._places = np.empty((0, d))  # a point on the hyperplane of each neuron, at first
        self._home = np.zeros(d)  # where the network is exact
        self._home_values = np.zeros(outputs)
        self._has_home = False
        self._shortest = np.inf  # stretch that a gradient was taken in
        self._least_stretch = 0.0  # that is worth it
        self._blur = 1.0  # factor of the error of neurons
        self._lines = 0
        self._asked: list[tuple[GradientQueries, SharedModel | None]] = []  # and what was subtracted from the values
        self._gradients: list[MeasuredGradient] = []  # of one output
        self.bends = self.is_refuted = False

    def run(self) -> bool:
        """Look along lines until random rows show no missing neuron; returns whether that was reached."""
        if not self._first_line():
            return False
        settings, d = self._settings, self._dimension
        X, y = np.empty((0, d)), np.empty((0, self.network.linear.shape[0]))
        futile, wanted, is_last = 0, settings.check_rows, False
        most = int((1 + settings.surplus) * self._max_width)
        while self._lines < settings.most_lines and self.network.width <= most:
            if wanted:
                fresh = self._rng.standard_normal((wanted, d))
                X, y = np.vstack([X, fresh]), np.vstack([y, self._ask_rows(fresh)])
            off = np.abs(y - self.network(X, self._n_threads)).max(axis=1)
            if self._is_found(off, futile > 0 or is_last, (X, y)):
                if is_last:
                    self._leave_out_doubles()
                    return True
                # A neuron that few rows switch on shows among many only.
                wanted, is_last, futile = self._last_rows(self.network.width), True, 0
                continue
            if futile >= settings.futile_lines:
                return False
            # Another row each time that the worst ones led to nothing.
            row = X[np.argsort(-off)[futile]]
            futile = 0 if self._further_line(row - self._home, futile > 0) else futile + 1
            wanted = 0  # the rows so far show what is still missing
        return False

    def solved_jointly(self, X: Float64Array, Y: Float64Array, deadline: float = np.inf) -> SharedModel:
        """The network of several outputs by least squares over all gradients, and over rows (n, d) of N(0, I)."""
        home = self._home, self._home_values
        return solved_jointly(self.network, self._asked, home, (X, Y), self._n_threads, deadline)

    def ask_further_gradients(self, most: int, deadline: float = np.inf) -> None:
        """Take gradients of one output where they tell most, by a number of queries at most."""
        count = most // (self._dimension + 1)
        model = self.network.model()
        self._gradients += further_gradients(model, self._gradients, self._ask, count, self._rng, deadline)

    def solved_alone(
        self, rows: tuple[Float64Array, Float64Array], rounding: float, deadline: float = np.inf
    ) -> tuple[Model, float]:
        """The network of one output by least squares over all gradients and rows (n, d) of N(0, I).

        Returns it with the mean squared error that a relative rounding error of the answers explains.
        """
        model = solved_from_gradients(self.network.model(), self._gradients, rows, self._n_threads, deadline)
        return model, error_by_rounding(model, self._gradients, rows[0], rounding)

    def _leave_out_doubles(self) -> None:
        """Leave out neurons that were found more than once, where there are too many."""
        self.network = without_doubles(self.network, self._max_width, self._settings)

    def _is_found(self, off: Float64Array, is_late: bool, rows: tuple[Float64Array, Float64Array]) -> bool:
        """Whether the network is off by no more than rounding explains, or little after a line without a neuron."""
        is_near = bool(np.mean(np.square(off)) <= self._settings.found_below * self._scale**2)
        return bool(off.max() <= self._settings.model_slack * self._noise()) or (is_near and is_late)

    def _last_rows(self, width: int) -> int:
        """Number of rows that a network is checked on at last: those that it will be solved from, too."""
        settings, outputs = self._settings, self.network.n_outputs
        few = min(settings.rows_per_parameter * (width + 1) * (self._dimension + 1), settings.refining_rows)
        least = max(settings.check_rows, min(settings.rows_of_outputs, few), settings.rows_per_neuron * width)
        return max(settings.check_rows, int(few if outputs == 1 else min(few, max(few / outputs, least))))

    def _first_line(self) -> bool:
        """Take the neurons on a random line; False if the function is no sum of so few ReLUs."""
        settings, rng = self._settings, self._rng
        direction = rng.standard_normal(self._dimension)
        # Off the origin, for the kinks of neurons without thresholds would all lie there.
        line = Line(rng.standard_normal(self._dimension), direction / np.linalg.norm(direction))
        kinks = self._kinks_on(line, self._ask, 1.0, 0.0, settings.intervals)
        if not kinks.is_complete or len(kinks.places) * self._dimension > self._most_queries:
            self.is_refuted = not kinks.is_complete
            return False
        self._least_stretch = self._shortest_part * float(
            np.median(np.diff(kinks.places, prepend=-self._reach, append=self._reach))
        )
        survey = KinkSurvey(kinks, self._reach, self._least_stretch if self._dimension > 1 else 0.0)
        home = survey.widest(self._reach / 2)
        if home is None:
            return False
        groups = groups_between_gradients(survey, home, settings.left_to_others, settings)
        measured: dict[int, Float64Array] = {}
        is_tested = False
        for part in self._parts(groups, home):
            # Of the function itself, whose slopes the survey has.
            self._measure(self._ask, line, survey, part, measured, 1.0)
            if not self._has_home:
                self._set_linear_part(measured[home], line.at(np.array([survey.middle(home)])))
            if self._add_neurons(line, survey, measured, groups, part) and not is_tested:
                is_tested = True
                if not self._go_straight_on():
                    self.bends = True
                    return False
        return True

    def _further_line(self, towards: Float64Array, is_last_resort: bool) -> int:
        """Take the missing neurons on a line from home, as a last resort also by short steps; returns their number."""
        settings, slack = self._settings, self._settings.model_slack
        line = Line(self._home, towards / np.linalg.norm(towards))
        kinks = self._kinks_on(line, self._residuals, slack, self._slope_error(), settings.later_intervals)
        is_selective = self._lines < settings.selective_lines and self._dimension > 1 and not is_last_resort
        least = self._least_stretch if is_selective else 0.0
        survey = KinkSurvey(kinks, self._reach, least)
        home = int(np.searchsorted(kinks.places, 0.0))
        measured = {}
        if survey.is_straight(home):  # nothing else is so near that it may lie to either side
            measured[home] = np.zeros((self.network.linear.shape[0], self._dimension))
        groups = groups_between_gradients(survey, home, settings.not_left, settings)
        needed = sorted({j for group in groups for j in group} - {home})
        self._measure(self._residuals, line, survey, needed, measured, slack)
        if kinks.unresolved or not np.isfinite(survey.slopes).all():
            # Neurons with larger errors than thought make a pair of kinks each, where there should be none.
            self._blur *= settings.blur
        return self._add_neurons(line, survey, measured, groups, needed)

    def _parts(self, groups: list[Group], home: int) -> list[list[int]]:
        """The stretches to take gradients in, in two parts: that at home and a few beside it, and the others."""
        needed = sorted({j for group in groups for j in group} | {home}, key=lambda j: abs(j - home))
        first = self._settings.bend_neurons + 1 if len(self.network.linear) == 1 else 2
        return [part for part in (needed[:first], needed[first:]) if part]

    def _kinks_on(self, line: Line, function: Ask, slack: float, slope_error: float, intervals: int) -> LineKinks:
        """The kinks of the function, or of its residuals, on a line."""
        self._lines += 1

        def values(t: Float64Array) -> Float64Array:
            return function(line.at(t))

        return self._found_on_line(values, slack, slope_error, intervals)

    def _found_on_line(self, values: Values, slack: float, slope_error: float, intervals: int) -> LineKinks:
        """The kinks of a function of t, for values with some times the rounding error and an error of their slopes."""
        noise = slack * self._noise()
        search = LineSearch(values, noise, self._spacing, self._max_width, self._rng, self._settings, slope_error)
        return search.run(-self._reach, self._reach, intervals)

    def _check_slack(self, slack: float) -> float:
        """Times the rounding error of an answer: that of the checks of a gradient, for values with so many times it."""
        return slack

    def _slope_error(self) -> float:
        """Error of the slope of the residuals on a line: that of a neuron from the shortest steps."""
        step = self._settings.step * self._shortest / 4
        return self._blur * self._settings.neuron_error * self._noise() / step

    def _residuals(self, X: Float64Array) -> Float64Array:
        """Answers less the values of the network found."""
        return np.asarray(self._ask(X) - self.network(X, self._n_threads))

    def _measure(
        self,
        values: Ask,
        line: Line,
        survey: KinkSurvey,
        chosen: list[int],
        measured: dict[int, Float64Array],
        slack: float,
    ) -> None:
        """Take the gradients of the function that was searched in some stretches."""
        if not chosen:
            return
        shared = self.network.n_outputs > 1
        noise, subtracted = self._check_slack(slack) * self._noise(), None if values is self._ask else self.network
        # Slopes along a line on which a network was subtracted have the errors of its neurons.
        ask_along = shared or subtracted is not None
        gradients = CellGradients(values, line.direction, noise, self._rng, self._settings, ask_along=ask_along)
        self._shortest = min(self._shortest, float(survey.lengths[chosen].min()))
        bases, distances = zip(*(self._base(line, survey, j) for j in chosen), strict=True)
        limits = self._limits(np.array(bases), gradients.directions) if self.network.width else None
        found = gradients(np.array(bases), np.array(distances), survey.slopes[chosen], limits)
        measured.update(zip(chosen, found, strict=True))
        if shared:
            self._asked += [(one, subtracted) for one in gradients.queries]
        else:
            both = zip(gradients.queries, found, strict=True)
            self._gradients += [measured_gradient(one, gradient, subtracted) for one, gradient in both]

    def _limits(self, bases: Float64Array, directions: Float64Array) -> Float64Array:
        """Steps (n, m) from some bases that stay on one side of all hyperplanes known."""
        known = self.network.neurons
        slopes = np.abs(known[:, :-1] @ directions.T)
        margins = np.abs(bases @ known[:, :-1].T + known[:, -1])
        with np.errstate(divide="ignore"):
            return np.array([(margin[:, None] / slopes).min(axis=0) for margin in margins]) / 2

    def _base(self, line: Line, survey: KinkSurvey, j: int) -> tuple[Float64Array, float]:
        """A point in the middle half of a stretch, and how far the kinks next to it are at least.

        The point is as far as may be from the kinks of the neurons known: where a neuron known and the function differ
        by rounding, they do so at its kink first. These count as next kinks, too, for all gradients are solved together
        at last, and steps that stay on one side of all hyperplanes are linear in the unknowns.
        """
        middle, length = survey.middle(j), float(survey.lengths[j])
        if not self.network.width:
            return line.at(np.array(middle)), length / 4
        known = self.network.neurons
        points = line.at(middle + length * np.linspace(-0.25, 0.25, _MORE_BASES * self._settings.bases))
        margins = np.abs(points @ known[:, :-1].T + known[:, -1])
        # A coordinate of a unit vector is so large hardly ever.
        distances = np.minimum(margins.min(axis=1) * np.sqrt(self._dimension) / LARGE_COORDINATE, length / 4)
        # Answers and their rounding errors grow with the distance from the bulk.
        sizes = np.sqrt(self._dimension + np.square(points).sum(axis=1))
        best = int(np.argmax(distances / sizes))
        return np.asarray(points[best]), float(distances[best])

    def _set_linear_part(self, gradient: Float64Array, home: Float64Array) -> None:
        """Make the network exact in the stretch at home."""
        values = self._ask(home)[0]
        self._home, self._home_values, self._has_home = home[0], values, True
        linear = np.column_stack([gradient, values - gradient @ self._home])
        self.network = SharedModel(self.network.neurons, self.network.outputs, linear)

    def _add_neurons(
        self,
        line: Line,
        survey: KinkSurvey,
        measured: dict[int, Float64Array],
        groups: list[Group],
        fresh: list[int],
    ) -> int:
        """Add the neurons of groups with a gradient on either side, of which one is fresh; returns their number."""
        neurons, outputs, points = [], [], []
        for i, j in groups:
            if i not in measured or j not in measured or not {i, j} & set(fresh):
                continue
            bends = np.diff(survey.slopes[i : j + 1], axis=0)
            normals, found = neurons_between(measured[j] - measured[i], bends)
            for normal, output, place in zip(normals, found, survey.places[i:j].tolist(), strict=True):
                if not output.any():
                    continue
                # The jump is that from left to right.
                sign = -1.0 if normal @ line.direction < 0 else 1.0
                points.append(line.at(np.array(place)))
                neuron = sign * np.append(normal, -normal @ points[-1])
                # Off at home, where the linear part stays what it is.
                neurons.append(neuron if neuron[:-1] @ self._home + neuron[-1] < 0 else -neuron)
                outputs.append(sign * output)
        if neurons:
            self.network = self.network.with_neurons(np.array(neurons), np.array(outputs))
            self._places = np.vstack([self._places, points])
        return len(neurons)

    @property
    def _shortest_part(self) -> float:
        """Least length of a stretch that gradients are taken in, over the median length on the first line."""
        return self._settings.shortest_stretch

    @property
    def _bend_step(self) -> float:
        """Distance from a hyperplane at which its bend is looked at."""
        return self._spacing

    def _go_straight_on(self) -> bool:
        """Whether kinks are met with the same bend at random places of their hyperplanes."""
        settings, step = self._settings, self._bend_step
        rows, bends = [], []
        for neuron, output in zip(self.network.neurons[: settings.bend_neurons], self.network.outputs, strict=False):
            for _ in range(settings.bend_points):
                z = self._rng.standard_normal(self._dimension)
                z -= (neuron[:-1] @ z + neuron[-1]) * neuron[:-1]
                rows += [z - step * neuron[:-1], z, z + step * neuron[:-1]]
                bends.append(step * output)
        below, at, above = self._ask(np.array(rows)).reshape(len(bends), 3, -1).transpose(1, 0, 2)
        expected = np.array(bends)
        off = np.abs(below + above - 2 * at - expected).max(axis=1)
        allowed = settings.bend_error * np.abs(expected).max(axis=1) + settings.check_slack * self._noise()
        return bool(np.mean(off <= allowed) >= settings.bend_share)
