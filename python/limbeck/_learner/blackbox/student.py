"""The course of a distillation: rounds of queries, learning and comparisons.

Rounds of queries at x ~ N(0, I) grow geometrically; networks are compared on fresh ones, which then join the others.
Neurons that nearly cancel, or nearly agree, differ in a narrow band around their kinks alone, which such queries hit
once in 1 / width times. There the queries are focused: x is drawn with its component along a kink's normal u shrunk by
the band's width h. In the coordinates in which such x are standard Gaussian again, directions near u lie 1 / h times
further apart, so that the band is a learning problem like any other; and each solution shows where to focus next.

Of all but the narrowest networks, neurons are read off kinks on long lines first (``kink_network.py``), if the answers
have no noise. Where a first round does not end in an exact network, they are read off kinks on short lines
(``kinks.py``), which no cancellation of moments hides.

A function that no narrow network is equal to is mostly soon told from one that is, and then gets the best network of so
many neurons: hinges anywhere, twice as many as asked for, of which the least needed are given up one by one. Where all
networks are no better than a constant, that is no sign of either, for all low moments may vanish: rounds go on.
"""

from __future__ import annotations

import time
from typing import NoReturn

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.comparison import DistillationOptions
from limbeck._learner.blackbox.errors import StopQuerying, StopReason
from limbeck._learner.blackbox.focus import ResidualClump, residual_clumps, without_artefact
from limbeck._learner.blackbox.kink_bands import Band, scaled_along
from limbeck._learner.blackbox.kink_route import KinkRoute
from limbeck._learner.blackbox.kinks import KinkSearch, network_on_lines, queries_per_line
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, DistillationSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.model import Model, linear_model, model_of
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.learner import fit_any
from limbeck.learn import learn

__all__ = ["Student"]


class Student(KinkRoute):
    """Rounds of queries, learning and comparisons.

    Parameters
    ----------
    queries, options, progress, rng, settings
        See :class:`NetworkComparison`.

    Attributes
    ----------
    subspace : Subspace or None
        Span that moments showed last.
    """

    def __init__(
        self,
        queries: Queries,
        options: DistillationOptions,
        progress: Progress,
        rng: np.random.Generator,
        settings: DistillationSettings = DISTILLATION_SETTINGS,
    ) -> None:
        super().__init__(queries, options, progress, rng, settings)
        self.subspace: Subspace | None = None
        self._may_be_narrow = True
        self._has_searched_lines = False

    def run(self) -> StopReason:
        """Make all rounds; returns why there were no more."""
        try:
            self._explore()
        except StopQuerying as stop:
            reason = stop.reason
        if not self.has_network:
            self._choose_baseline()
        elif self._error <= self._exact or self._queries.is_exact:
            self._remove_artefacts()
        else:
            try:
                if not self._may_be_narrow:
                    self._prune_from_double_width()
                self._validate_finally()
                self._refine_on_everything()
            except StopQuerying:
                reason = StopReason.TIME
                self._validate(self.validated)  # no time to ask: on the rows that it was chosen by
        return reason

    def _explore(self) -> NoReturn:
        """Make rounds of queries from N(0, I), each followed by focused ones, until a step raises StopQuerying."""
        settings = self._settings
        if self._parameters >= settings.kinks.first_parameters:
            self._has_searched_lines = not self._find_all_kinks()
        self._ask_iid(min(self._first_rows(), int(settings.first_share * self._remaining)))
        if self._parameters > settings.lines_first_parameters and not self._has_searched_lines:
            self._search_lines()
        stalls = 0
        while True:
            before = self.model
            self._relearn()
            self._focus()
            if not self._has_searched_lines:
                self._search_lines()
            # On the same rows, fresh to both networks: an error by itself varies from one set of rows to the next.
            stalls = 0 if self._error < settings.improvement * self._compared_error(before) else stalls + 1
            if stalls >= settings.stalled_rounds and self._may_give_up():
                raise StopQuerying(StopReason.NOISE if self._is_noisy() else StopReason.NO_IMPROVEMENT)
            more = (settings.growth - 1) * int(np.count_nonzero(self._queries.fitted))
            share = settings.comparison_share
            self._ask_iid(min(more, self._remaining * share // (share + 1)))

    def _may_give_up(self) -> bool:
        """Whether there are rows enough that a narrow network would have been found."""
        settings, n, parameters = self._settings, self._queries.n_iid, self._parameters
        if not self._has_found_nothing:
            return n >= settings.stalled_rows_per_parameter * parameters
        return n >= max(settings.futile_rows_per_parameter * parameters, settings.futile_share * self._queries.budget)

    def _first_rows(self) -> int:
        """Number of queries of the first round."""
        settings = self._settings
        if self._options.width is not None:
            return max(settings.first_rows, settings.rows_per_parameter * self._parameters)
        return max(settings.first_rows, settings.first_rows_per_feature * (self._dimension + 1))

    def _learn(self, X: Float64Array, y: Float64Array, width: int | None, max_width: int, show: bool = True) -> Model:
        """Learn from rows of N(0, I); a constant is a network, too."""
        if np.ptp(y) == 0:
            model = linear_model(X.shape[1])
            model.parameters[-1, -1] = y[0]
            return model
        deadline = self._progress.deadline
        learned = learn(
            X,
            y,
            width,
            max_width=max_width,
            inputs="standard",
            validation=0.0,
            seed=self._rng,
            callback=self._progress.report if show else None,
            time_limit=None if np.isinf(deadline) else max(deadline - time.perf_counter(), 1e-3),
            n_threads=self._options.n_threads,
        )
        if show:
            self.subspace = learned.subspace
        return model_of(learned.network)

    def _relearn(self) -> None:
        """Learn anew from the rows of N(0, I), refine the former network on all rows, and keep the better one."""
        # Rows to compare by come first: they are there when time is up, too.
        place = self._ask_for_comparison(self._queries.ask_held_out)
        self._progress.enter("learn")
        settings, options, rows = self._settings, self._options, self._iid_rows()
        few, narrow, hinges = rows, None, None
        if self._may_be_narrow:
            all_of_them = self._noisy or (self.has_network and self._has_found_nothing)
            few = rows if all_of_them else self._subsample(rows, settings.search_rows_per_parameter)
            narrow = self._learn(few.X, few.y, options.width, options.largest_width)
        if narrow is None or rows.errors(narrow).mean() > settings.found_below * rows.variance:
            hinges = self._learn_hinges(rows, options.width, options.largest_width)
        both = [("moments", narrow), ("hinges", hinges)]
        routes, models = [name for name, model in both if model], [model for _, model in both if model]
        if self._queries.bands or few is not rows:
            models += [self._refined(model) for model in models]
            routes += routes
        if self.has_network:
            models.append(self._refined(self.model))
            routes.append(self.route)
        self._compare("judged", models, place, routes=routes)
        if narrow and hinges and len(rows) >= settings.hinge_rows_per_parameter * self._parameters:
            error = self._compared_error(narrow)
            found = error < settings.found_below or settings.hinge_factor * error < self._compared_error(hinges)
            self._may_be_narrow = found or self._has_found_nothing or self._is_noisy()

    def _learn_hinges(self, rows: Rows, width: int | None, max_width: int) -> Model | None:
        """Learn hinges anywhere, as for inputs of any distribution; None if time is up."""
        if self._progress.out_of_time():
            return None
        return fit_any(rows, width, max_width, self._fit, self._progress, self._rng).model

    def _subsample(self, rows: Rows, per_parameter: int) -> Rows:
        """Draw rows enough for a search, anew each time."""
        most = per_parameter * self._parameters
        return rows if len(rows) <= most else rows.part(np.sort(self._rng.choice(len(rows), most, replace=False)))

    def _focus(self) -> None:
        """Ask and learn near the kinks that the error comes from, for as long as that helps."""
        settings, failures = self._settings.focus, 0
        while failures < settings.failures and self.model.width and self._error < settings.start_below:
            clumps = residual_clumps(self.model, self._fitted_rows(), settings)
            least = settings.residual_share * clumps[0].share if clumps else 0.0
            worth = [clump for clump in clumps if clump.width < settings.concentrated and clump.share > least]
            if not worth:
                return
            before = self._error
            # The clump that most of the error comes from; if that did not help, the next.
            relearned = self._relearn_clump(worth[min(failures, len(worth) - 1)], clumps)
            self._progress.enter("refine")
            self._compare("focused", [self._refined(model) for model in (self.model, relearned)])
            failures = 0 if self._error < settings.improvement * before else failures + 1

    def _relearn_clump(self, clump: ResidualClump, clumps: list[ResidualClump]) -> Model:
        """Learn a clump anew from rows of its band, in which its neurons lie far apart."""
        settings, model, d = self._settings.focus, self.model, self._dimension
        others = [i for i in range(model.width) if i not in clump.members]
        width = self._options.largest_width - len(others)
        if self._options.width is None:
            width = min(width, len(clump.members) + settings.further_neurons)
        # Where another clump is not resolved, its error would count as this one's.
        excluded = [
            (other.normal, settings.excluded_multiple * other.width)
            for other in clumps
            if other is not clump and other.width < settings.excluded_width
        ]
        band = Band(clump.normal, clump.width, self._settings.rows_per_parameter * (width + 1) * (d + 1))
        place = self._ask_bands([band], excluded)
        X = self._queries.X[place]
        rest = Model(model.signs[others], model.parameters[[*others, model.width]])
        residuals = self._queries.y[place] - rest(X, self._options.n_threads)
        self._progress.enter("focus")
        inner = self._learn(scaled_along(X, clump.normal, 1 / clump.width), residuals, width, width, show=False)
        parameters = inner.parameters.copy()
        parameters[:, :-1] = scaled_along(parameters[:, :-1], clump.normal, 1 / clump.width)
        parameters[-1] += rest.parameters[-1]
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.neurons, parameters]))

    def _search_lines(self) -> None:
        """Read neurons off kinks on lines, if the teacher answers exactly, as one more network to choose from."""
        self._has_searched_lines = True
        rows, d, max_width = self._iid_rows(), self._dimension, self._options.largest_width
        settings = self._settings
        last = len(self._queries) + self._remaining // settings.line_share
        least = settings.repeated_queries + queries_per_line(max_width, settings.lines)
        if last < len(self._queries) + least or len(rows) <= 2 * (d + 1) or np.ptp(rows.y) == 0 or self._is_noisy():
            return
        self._progress.enter("kinks")

        def ask(X: Float64Array) -> Float64Array:
            if len(self._queries) + len(X) > last:
                raise StopQuerying(StopReason.BUDGET)
            place = self._queries.ask_lines(X)
            return self._queries.y[place]

        scale, rounding = float(rows.y.std()), self._queries.answer_error
        search = KinkSearch(ask, d, max_width, scale, rounding, self._rng, settings.lines)
        try:
            model, error = network_on_lines(search, rows, self._fit)
        except StopQuerying as stop:
            if stop.reason is StopReason.BUDGET:
                return  # other ways are cheaper for so wide a network
            raise
        self._report_queries()
        if 0 < model.width <= max_width and error < self._error:
            self._progress.enter("refine")
            models = [self._refined(m) for m in (self.model, self._centred(model))]
            self._compare("kinks", models, routes=[self.route, "kinks"])
            self._focus()

    def _centred(self, model: Model) -> Model:
        """Set all thresholds to zero if they are small, and the model is exact without them."""
        small = self._settings.small_threshold * model.sizes
        if (np.abs(model.neurons[:, -1]) > small).any() or not model.neurons[:, -1].any():
            return model
        parameters = model.parameters.copy()
        parameters[:-1, -1] = 0.0
        centred = self._refined(Model(model.signs, parameters))
        return centred if self._relative(self._fitted_rows().mean_error(centred)) <= self._exact else model

    def _validate_finally(self) -> None:
        """Validate on fresh rows, by which neither the network nor the moment to stop was chosen.

        A line or a constant takes its place where that is better on them.
        """
        settings = self._settings
        wanted = max(settings.comparison_rows, len(self._queries) // settings.validation_share)
        n = min(self._reserve, wanted, self._queries.remaining)
        place = self._queries.ask_iid(self._rng.standard_normal((n, self._dimension)))
        self._prefer_baselines(place)
        self._validate(place)

    def _prune_from_double_width(self) -> None:
        """Try a network twice as wide that is pruned: starts from more neurons end in better optima."""
        if not self.model.width or self._progress.out_of_time():
            return
        self._progress.enter("narrow down")
        width = self.model.width
        most = self._settings.pruning_rows_per_parameter * 2 * self.model.parameters.size
        rows = self._iid_rows().part(slice(most))
        wide = fit_any(rows, 2 * width, 2 * width, self._fit, self._progress, self._rng)
        fit = self._fit.changed(thresholds=True)
        models = [self._refined(m) for m in (self.model, pruned(wide.model, rows, fit, width, wide.decay)[0])]
        everything = self._fitted_rows()
        errors = [float(everything.errors(model).mean()) for model in models]
        if errors[1] < errors[0]:
            self.route = "hinges"
        self.model = models[int(np.argmin(errors))]
        self._progress.report("narrowed down", width, self._relative(float(everything.errors(self.model).mean())))

    def _refine_on_everything(self) -> None:
        """Refine the network on all rows, those of the final validation too; a constant stays one."""
        rows = self._fitted_rows()
        few = len(rows) < self._settings.final_rows_per_parameter * self.model.parameters.size
        if not self.model.parameters[:, :-1].any() or (few and self._error > self._settings.found_below):
            return
        self._progress.enter("refine")
        self.model = self._refined(self.model)
        error = rows.mean_error(self.model)
        self._progress.report("refine", self.model.width, self._relative(error))

    def _remove_artefacts(self) -> None:
        """Remove what an exact network does not need: thresholds, neurons of no size, or two on one line."""
        rows = self._fitted_rows()
        if self._queries.is_exact:  # every neuron was measured at its kink
            self.model = self._without_thresholds()
            return
        # The rows of the last comparison lie where neurons that all but cancel are told apart.
        self.model = min((self._refined(self.model), self.model), key=rows.mean_error)
        self.model = self._centred(self.model)
        while self.model.width:
            smaller, _ = self._fit(without_artefact(self.model, self._settings.focus), rows)
            if smaller.width == self.model.width:
                return
            if self._relative(float(np.mean(rows.errors(smaller)))) > self._exact:
                return
            self.model = smaller
