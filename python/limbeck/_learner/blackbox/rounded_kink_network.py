"""All neurons of a sum of ReLUs whose answers are rounded coarsely, as to float32.

Errors of neurons are far larger there than those of answers, which are over short steps: they are taken from gradients
in the stretches of a line all the same, but once so few are missing that most hyperplanes are known, as many gradients
again are taken far from all of them, and all are solved together. What the network is still off by then shows neurons
that are as faint as rounding allows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.gradient_design import gates_of
from limbeck._learner.blackbox.gradient_solution import (
    GradientSystem,
    MeasuredGradient,
    error_by_rounding,
    further_gradients,
    solved_from_gradients,
)
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch, Line
from limbeck._learner.blackbox.kink_survey import KinkSurvey
from limbeck._learner.blackbox.line_kinks import LineKinks, Values
from limbeck._learner.blackbox.rounded_line_kinks import RoundedLineSearch
from limbeck._learner.model.model import Model
from limbeck._learner.model.shared_model import SharedModel

__all__ = ["RoundedKinkNetworkSearch"]


class RoundedKinkNetworkSearch(KinkNetworkSearch):
    """A search for all neurons of a function of one output that answers with rounding errors of known size.

    Attributes
    ----------
    deadline : float
        Time by ``time.perf_counter()`` (seconds) that no choice of gradients is to pass.
    times_noise : float
        How many times larger than said rounding errors turned out to be.
    is_near : bool
        Whether nearly all neurons were found.
    """

    deadline = np.inf
    times_noise = 1.0
    is_near = False
    _has_too_many = False  # kinks on the last line, for so many neurons
    _improvements = 0
    _tried_at = np.inf  # error at which all gradients were last solved together
    _error = 0.0  # root mean square over N(0, I) that rounding explains, since all gradients were solved together
    _misses: tuple[int, ...] = ()  # lines in a row that did not show the kink of a neuron, for each

    def _found_on_line(self, values: Values, slack: float, slope_error: float, intervals: int) -> LineKinks:

        def noise() -> float:
            return slack * self._noise()

        search = RoundedLineSearch(values, noise, self._max_width, self._rng, self._settings, slope_error)
        kinks = search.run(-self._reach, self._reach, intervals)
        self._has_too_many = len(kinks.places) > self._max_width
        return kinks

    def _first_line(self) -> bool:
        """Take the neurons on a random line; once more with larger rounding errors where lines seemed not straight."""
        for _ in range(self._settings.rounded.attempts):
            if super()._first_line():
                return True
            if not self.is_refuted or self._has_too_many:
                return False
            self.times_noise *= self._settings.rounded.coarser
            self._noise = functools.partial(_multiplied, self._noise, self._settings.rounded.coarser)
            self.is_refuted = False
        self.is_refuted = True
        return False

    def _check_slack(self, slack: float) -> float:
        # Steps stay on one side of all hyperplanes known, so that errors of the network are linear.
        return self._settings.rounded.check_slack

    @property
    def _shortest_part(self) -> float:
        return self._settings.rounded.shortest_stretch

    @property
    def _bend_step(self) -> float:
        return self._settings.rounded.bend_step * self._spacing

    def _further_line(self, towards: Float64Array, is_last_resort: bool) -> int:
        """Take the missing neurons on a line from home; returns their number.

        The line is searched for kinks of the function itself: the residuals of neurons known to few digits would hide
        faint kinks, whose bends then count as a neighbour's.
        """
        settings = self._settings
        line = Line(self._home, towards / np.linalg.norm(towards))
        kinks = self._kinks_on(line, self._ask, 1.0, 0.0, settings.intervals)
        is_selective = self._lines < settings.selective_lines and self._dimension > 1 and not is_last_resort
        survey = KinkSurvey(kinks, self._reach, self._least_stretch if is_selective else 0.0)
        fresh, unseen = self._unmatched(line, survey)
        usable = survey.usable(int(np.searchsorted(survey.places, 0.0)))
        groups = [(j, j + 1) for j in fresh if usable[j] and usable[j + 1]]
        needed = sorted({j for group in groups for j in group})
        measured: dict[int, Float64Array] = {}
        self._measure(self._ask, line, survey, needed, measured, 1.0)
        before = self.network.width
        self._add_neurons(line, survey, measured, groups, needed)
        found = self.network.width - before
        self._drop_mistaken(unseen, before)
        return found

    def _unmatched(self, line: Line, survey: KinkSurvey) -> tuple[list[int], list[int]]:
        """Kinks of a line that are no neuron's known, and neurons known whose kinks it does not show."""
        settings, network = self._settings.rounded, self.network
        along = network.neurons[:, :-1] @ line.direction
        with np.errstate(divide="ignore"):
            places = -(network.neurons[:, :-1] @ line.origin + network.neurons[:, -1]) / along
        bends, seen = network.outputs[:, 0] * np.abs(along), np.diff(survey.slopes[:, 0])
        near = np.flatnonzero(np.abs(places) < self._reach)
        if not (len(near) and len(seen)):
            return list(range(len(seen))), near.tolist()
        # Errors of a neuron's direction move its kink the more, the farther out and the smaller the angle.
        allowed = settings.direction_error * (
            1 + np.abs(places[near]) / (np.sqrt(self._dimension) * np.abs(along[near]))
        )
        off = np.abs(survey.places - places[near][:, None]) / allowed[:, None]
        # Where a stretch is not known, any bend will do.
        sizes = np.abs(bends[near])[:, None] + np.abs(seen)
        off = np.hypot(off, np.nan_to_num(np.abs(seen - bends[near][:, None]) / (settings.bend_error * sizes)))
        matched: dict[int, int] = {}
        for place in np.argsort(off, axis=None):
            i, j = divmod(int(place), len(seen))
            if off[i, j] > 1:
                break
            if i not in matched and j not in matched.values():
                matched[i] = j
        fresh = sorted(set(range(len(seen))) - set(matched.values()))
        return fresh, [int(near[i]) for i in range(len(near)) if i not in matched]

    def _drop_mistaken(self, unseen: list[int], first: int) -> None:
        """Leave out neurons whose kinks lines do not show: several, or one that shows another much like it.

        Those from ``first`` on are new. Where two kinks were taken for one, or a faint one was passed over, the neuron
        is a mixture of two, and has no kink of its own.
        """
        settings, network = self._settings.rounded, self.network
        misses = [*self._misses, *[0] * (network.width - len(self._misses))]
        misses = [n + 1 if i in unseen else n * (i >= first) for i, n in enumerate(misses)]
        alike = np.abs(network.neurons[:, :-1] @ network.neurons[first:, :-1].T)
        fresh = np.abs(network.outputs[first:].T)
        same: NDArray[np.bool_] = (alike > settings.alike) & (
            np.abs(network.outputs - fresh) < settings.same_size * fresh
        )
        is_again = np.asarray(same.any(axis=1))
        kept = [i for i, n in enumerate(misses) if n < settings.misses and not (n and is_again[i])]
        self.network, self._misses = network.part(kept), tuple(misses[i] for i in kept)
        self._places = self._places[kept]

    def _is_found(self, off: Float64Array, is_late: bool, rows: tuple[Float64Array, Float64Array]) -> bool:
        """Whether the network is off by no more than rounding explains, once all gradients were solved together."""
        settings, before = self._settings.rounded, _root_mean_square(off)
        self.is_near = before <= settings.near * self._scale
        if before > (settings.near_at_last if is_late else settings.near) * self._scale:
            return False
        is_worth_it = before < self._tried_at / settings.nearer or is_late
        if is_worth_it and self._improvements < settings.improvements:
            self._tried_at = before
            model, error = self._improved(rows)
            off = np.abs(rows[1][:, 0] - model(rows[0], self._n_threads))
            is_exact = off.max() <= self._allowed(error)
            # A neuron that is missing spoils the equations of all: what came from lines shows it better.
            if is_exact or (_root_mean_square(off) < before / settings.better):
                self._take(model)
                self._error = error
        is_near = _root_mean_square(off) ** 2 <= self._settings.found_below * self._scale**2
        return bool(off.max() <= self._allowed(self._error)) or (is_near and is_late)

    def _leave_out_doubles(self) -> None:
        before = self.network.neurons
        super()._leave_out_doubles()
        kept = [int(np.flatnonzero((before == neuron).all(axis=1))[0]) for neuron in self.network.neurons]
        self._places = self._places[kept]

    def _solved(
        self, model: Model, rows: tuple[Float64Array, Float64Array], deadline: float
    ) -> tuple[Model, list[MeasuredGradient]]:
        """The network of least squares over gradients and rows, and the gradients with the weights that they had."""
        gradients = self._gradients
        for _ in range(self._settings.rounded.rounds_of_weights):
            # Neurons are on where they were before: a solution that gradients spoil would switch others.
            gradients = self._weighted(GradientSystem(model, gradients).solved(model), model)
        model = _through(self._places, GradientSystem(model, gradients).solved(model))
        return solved_from_gradients(model, gradients, rows, self._n_threads, deadline), gradients

    def solved_alone(
        self, rows: tuple[Float64Array, Float64Array], rounding: float, deadline: float = np.inf
    ) -> tuple[Model, float]:
        """The network by least squares over all gradients and rows, and the mean squared error of rounding."""
        model, gradients = self._solved(self.network.model(), rows, deadline)
        return model, error_by_rounding(model, gradients, rows[0], rounding)

    def _allowed(self, error: float) -> float:
        """Largest residual on some hundred rows that rounding explains, or an error of the network by rounding."""
        return max(self._settings.model_slack * self._noise(), self._settings.rounded.error_slack * error)

    def _improved(self, rows: tuple[Float64Array, Float64Array]) -> tuple[Model, float]:
        """The network of all gradients together, as many more of them as there are neurons, and its error."""
        self._improvements += 1
        settings, model = self._settings.rounded, self.network.model()
        count = model.width + 1 if self._improvements == 1 else 1 + model.width // settings.further_part
        tolerance = self._settings.check_slack * settings.check_slack * self._noise()
        self._gradients += further_gradients(
            model, self._gradients, self._ask, count, self._rng, self.deadline, settings.missing, tolerance
        )
        model, gradients = self._solved(model, (rows[0], rows[1][:, 0]), self.deadline)
        relative = self._noise() / max(float(np.abs(rows[1]).max()), np.finfo(np.float64).tiny)
        return model, float(np.sqrt(error_by_rounding(model, gradients, rows[0], relative)))

    def _weighted(self, model: Model, before: Model) -> list[MeasuredGradient]:
        """The gradients with less weight, as after shorter steps, where they are off by more than others.

        A step may have crossed a hyperplane unnoticed, or a base lie to the other side of a neuron known to few digits.
        (Weights of the Cauchy distribution; neurons are on as before.)
        """
        gates = gates_of(before, np.array([one.base for one in self._gradients]))
        wanted = gates @ model.parameters[:, :-1]
        off = np.array([np.linalg.norm(g.gradient - w) * g.step for g, w in zip(self._gradients, wanted, strict=True)])
        usual = max(self._noise() * np.sqrt(self._dimension), float(np.median(off)))
        weights = 1 / np.hypot(1.0, off / (self._settings.rounded.usual * usual))
        return [one._replace(step=one.step * w) for one, w in zip(self._gradients, weights.tolist(), strict=True)]

    def _take(self, model: Model) -> None:
        """Make a network of one output the one found so far; its neurons' directions get length one."""
        sizes = np.where(model.sizes > 0, model.sizes, 1.0)
        outputs = (model.signs * sizes)[:, None]
        self.network = SharedModel(model.neurons / sizes[:, None], outputs, model.parameters[-1:].copy())


def _root_mean_square(values: Float64Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _through(places: Float64Array, model: Model) -> Model:
    """The network with thresholds that leave each hyperplane where it was met, whatever its direction is now."""
    parameters = model.parameters.copy()
    parameters[:-1, -1] = -np.einsum("ij,ij->i", parameters[:-1, :-1], places)
    return Model(model.signs, parameters)


def _multiplied(function: Callable[[], float], times: float) -> float:
    return times * function()
