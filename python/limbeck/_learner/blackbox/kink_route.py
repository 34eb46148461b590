"""The route that reads all neurons off kinks on long lines, as a part of a distillation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.comparison import NetworkComparison
from limbeck._learner.blackbox.errors import StopQuerying, StopReason
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch
from limbeck._learner.blackbox.local_shape import local_shape
from limbeck._learner.blackbox.rounded_kink_network import RoundedKinkNetworkSearch
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["KinkRoute"]

_HALF_A_UNIT = 0.5  # in the last place, over the distance of one from the next number: what a rounded number is off by


class KinkRoute(NetworkComparison):
    """A comparison of networks to which those of kinks on long lines can be added."""

    def _find_all_kinks(self) -> bool:
        """Find all neurons by their kinks, and compare the network with a constant and a line.

        Returns whether the teacher may still be a sum of so few ReLUs, if this one is not good enough.
        """
        settings, queries = self._settings.kinks, self._queries
        self._ask_iid(min(self._settings.repeated_queries, self._remaining))
        if self._is_noisy():
            return True
        self._ask_iid(min(settings.check_rows, self._remaining))
        y = queries.y[queries.is_iid]
        if np.ptp(y) == 0 or self._leaves_rounding_to_moments(y):
            return True
        self._progress.enter("kinks")
        last = len(queries) + self._remaining - settings.check_rows
        few = np.flatnonzero(queries.is_iid)[-settings.shape_points :]
        shape = local_shape(
            lambda X: self._answers(queries.ask_lines, X, last),
            queries.X[few],
            queries.y[few][:, None],
            queries.answer_error,
            self._rng,
            measure=True,
        )
        if not shape.is_piecewise_linear:
            return False
        if shape.rounding > queries.answer_error:
            queries.rounding_part = shape.rounding / float(np.abs(queries.y[few]).max())
        is_coarse = queries.answer_error > settings.rounded.coarse * y.std()
        search = (RoundedKinkNetworkSearch if is_coarse else KinkNetworkSearch)(
            lambda X: self._answers(queries.ask_lines, X, last),
            lambda X: self._answers(queries.ask_iid, X, last),
            lambda: queries.answer_error,
            float(y.std()),
            self._options.largest_width,
            last - len(queries),
            (self._dimension, 1),
            self._rng,
            self._options.n_threads,
            settings,
        )
        if isinstance(search, RoundedKinkNetworkSearch):
            search.deadline = self._progress.deadline
        found = self._run(search)
        self._report_queries()
        if isinstance(search, RoundedKinkNetworkSearch):
            found |= search.is_near
            if queries.rounding_part is not None:
                queries.rounding_part *= search.times_noise
        if found and 0 < search.network.width <= self._options.largest_width:
            self._compare_kinks(search)
        return not (search.bends or search.is_refuted)

    def _refined_on_lines(self, model: Model) -> Model:
        """The network refined on queries of all kinds, each by the size of its point, with which rounding grows.

        Small steps tell little about the values of N(0, I): rows from there are asked for as well.
        """
        queries, rounded = self._queries, self._settings.kinks.rounded
        wanted = int(rounded.rows_per_parameter * model.parameters.size) - queries.n_iid
        if min(wanted, self._remaining) > 0:
            self._ask_iid(min(wanted, self._remaining))
        fitted = queries.fitted
        X, y, d = queries.X[fitted], queries.y[fitted], self._dimension
        rows = Rows(X, y, 1 / (1 + np.square(X).sum(axis=1) / d), self._options.n_threads)
        fit = self._fit.changed(max_steps=rounded.refining_steps, thresholds=True, step_solver="dense")
        return fit(model, rows, tolerance=rounded.refining_tolerance)[0]

    def _run(self, search: KinkNetworkSearch) -> bool:
        """Run a search; returns whether it found all neurons. If time is up, what it found is kept."""
        try:
            return search.run()
        except StopQuerying as stop:
            self._unfinished = [search.network.model()]
            if stop.reason is StopReason.BUDGET:
                return False
            raise

    def _leaves_rounding_to_moments(self, y: Float64Array) -> bool:
        """Take the rounding error of answers of less than float64; whether moments bear it better than kinks do."""
        queries, rounded = self._queries, self._settings.kinks.rounded
        if queries.precision == np.finfo(np.float64).eps:
            return False
        if self._parameters < rounded.first_parameters:
            return True
        queries.rounding_part = _HALF_A_UNIT * queries.precision
        return queries.answer_error > rounded.coarsest * float(y.std())

    @property
    def _parameters(self) -> int:
        """Number of parameters of the widest network."""
        return (self._options.largest_width + 1) * (self._dimension + 1)

    def _answers(self, ask: Callable[[Float64Array], slice], X: Float64Array, last: int) -> Float64Array:
        """Answers (m, 1) to rows (m, d), as long as there are no more than a number of queries in all."""
        if len(self._queries) + len(X) > last:
            raise StopQuerying(StopReason.BUDGET)
        place = ask(X)
        return self._queries.y[place][:, None]

    def _compare_kinks(self, search: KinkNetworkSearch) -> None:
        """Compare a network of kinks, as it is and from all gradients together, with what there is."""
        queries, settings = self._queries, self._settings.kinks
        models = [search.network.without_linear_part().model()]
        self._unfinished = models[:1]
        if len(queries) < settings.overdetermined * models[0].parameters.size:
            spare = self._remaining - settings.check_rows
            most = min(int(settings.further_gradients * len(queries)), spare)
            search.ask_further_gradients(most, self._progress.deadline)
        place = self._ask_iid(min(settings.check_rows, self._remaining), queries.ask_held_out)
        # The answers are exact: rows of all kinds count alike.
        queries.is_exact = True
        self._progress.enter("refine")
        used = queries.fitted if len(queries) <= settings.most_equations else queries.is_iid
        part = queries.rounding_part
        rounding = self._settings.answer_rounding * queries.precision if part is None else part
        rows = queries.X[used], queries.y[used]
        solved, left = search.solved_alone(rows, rounding, self._progress.deadline)
        models.append(solved)
        if isinstance(search, RoundedKinkNetworkSearch) and solved.parameters.size <= settings.rounded.most_refined:
            best = min(models, key=lambda model: float(np.square(rows[1] - model(rows[0])).sum()))
            models.append(self._refined_on_lines(best))
        routes = ["kinks"] * len(models)
        if self.has_network:
            models.append(self.model)
            routes.append(self.route)
        self._compare("kinks", models, place, routes=routes, probe=False)
        # An error as large as that of an answer is called rounding, whatever it is.
        largest = (
            settings.most_left if part is None else max(settings.most_left, self._relative(queries.answer_error**2))
        )
        if self._error <= min(settings.left_by_rounding * self._relative(left), largest):
            is_exact = self._options.tolerance is None
            raise StopQuerying(StopReason.TOLERANCE if is_exact else StopReason.NO_IMPROVEMENT)
        queries.is_exact = False
        few = settings.most_of_moments if part is None else settings.rounded.first_parameters
        if self._error <= settings.good_enough and models[0].parameters.size >= few:
            raise StopQuerying(StopReason.NO_IMPROVEMENT)

    def _without_thresholds(self) -> Model:
        """The network found by kinks without thresholds, if it is exact without them."""
        model = self.model
        small = self._settings.kinks.small_threshold * model.sizes
        if not model.width or (np.abs(model.neurons[:, -1]) > small).any():
            return model
        parameters = model.parameters.copy()
        parameters[:-1, -1] = 0.0
        centred = Model(model.signs, parameters)
        return centred if self._relative(self._fitted_rows().mean_error(centred)) <= self._exact else model
