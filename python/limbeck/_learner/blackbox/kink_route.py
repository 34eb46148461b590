"""The route that reads all neurons off kinks on long lines, as a part of a distillation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.comparison import NetworkComparison
from limbeck._learner.blackbox.errors import StopQuerying, StopReason
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch
from limbeck._learner.blackbox.local_shape import is_piecewise_linear
from limbeck._learner.model.model import Model

__all__ = ["KinkRoute"]


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
        if np.ptp(y) == 0:
            return True
        self._progress.enter("kinks")
        last = len(queries) + self._remaining - settings.check_rows
        few = np.flatnonzero(queries.is_iid)[-settings.shape_points :]
        if not is_piecewise_linear(
            lambda X: self._answers(queries.ask_lines, X, last),
            queries.X[few],
            queries.y[few][:, None],
            queries.answer_error,
            self._rng,
        ):
            return False
        shape = (self._dimension, 1)
        search = KinkNetworkSearch(
            lambda X: self._answers(queries.ask_lines, X, last),
            lambda X: self._answers(queries.ask_iid, X, last),
            lambda: queries.answer_error,
            float(y.std()),
            self._options.largest_width,
            last - len(queries),
            shape,
            self._rng,
            self._options.n_threads,
            settings,
        )
        try:
            found = search.run()
        except StopQuerying as stop:
            self._unfinished = [search.network.model()]
            if stop.reason is StopReason.BUDGET:
                return True
            raise
        self._report_queries()
        if found and 0 < search.network.width <= self._options.largest_width:
            self._compare_kinks(search)
        return not (search.bends or search.is_refuted)

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
        rounding = self._settings.answer_rounding * queries.precision
        rows = queries.X[used], queries.y[used]
        solved, left = search.solved_alone(rows, rounding, self._progress.deadline)
        models.append(solved)
        routes = ["kinks"] * len(models)
        if self.has_network:
            models.append(self.model)
            routes.append(self.route)
        self._compare("kinks", models, place, routes=routes, probe=False)
        if self._error <= min(settings.left_by_rounding * self._relative(left), settings.most_left):
            is_exact = self._options.tolerance is None
            raise StopQuerying(StopReason.TOLERANCE if is_exact else StopReason.NO_IMPROVEMENT)
        queries.is_exact = False
        if self._error <= settings.good_enough and models[0].parameters.size >= settings.most_of_moments:
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
