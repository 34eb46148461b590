"""The course of a distillation of several outputs: kinks first, rounds of rows where they do not apply.

All answers are over powers of two near their output's standard deviation, so that outputs count alike. Neurons are
shared: they are read off kinks on long lines, each paid for once for all outputs (``kink_network.py``). Where answers
are noisy, or the function bends everywhere, rounds of rows grow geometrically, and the better of two networks is kept:
of neurons searched for in a mixture of the outputs, and of hinges along their largest components.
"""

from __future__ import annotations

import functools
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.comparison import DistillationOptions
from limbeck._learner.blackbox.errors import StopQuerying, StopReason
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch
from limbeck._learner.blackbox.local_shape import local_shape
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, DistillationSettings
from limbeck._learner.gaussian.shared_learner import learn_shared
from limbeck._learner.model.rows import EXACT
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_pruning import without_needless_neurons
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows, with_best_outputs
from limbeck._learner.pipeline.checks import FEWEST_ROWS
from limbeck._learner.tabular.shared_hinges import shared_hinges

__all__ = ["SharedStudent"]

# Parameters of neurons up to which they are refined on all queries: a step takes half a second there, and work grows
# with their cube.
_MOST_REFINED = 2000
# Steps, and relative decrease of the error that is the last, of hinges for a function that is no such network: further
# digits are those of chance.
_HINGE_STEPS, _HINGE_TOLERANCE = 30, 1e-3
# Relative decrease that ends the last refinement of such a network, on all rows.
_LAST_TOLERANCE = 1e-4


class SharedStudent:
    """Rounds of queries, learning and comparisons for several outputs.

    Parameters
    ----------
    queries : Queries
        Log of the teacher's answers.
    options : DistillationOptions
        What is asked for.
    progress : Progress
        Told of every network, and when time is up.
    rng : numpy.random.Generator
        For queries and starts.
    settings : DistillationSettings
        Numbers that no caller sets.

    Attributes
    ----------
    model : SharedModel
        The best network so far, of answers over ``factors``.
    factors : ndarray of shape (q,)
        Units that the answers are counted in.
    validated : slice
        Which queries had no part in the network when it was compared.
    validation : tuple of two ndarray of shape (m, q)
        The answers to them, and answers less values, both over ``factors``.
    has_network : bool
        Whether any network has been compared yet.
    route : str
        How the network was found: "moments", "kinks" or "hinges".
    """

    def __init__(
        self,
        queries: Queries,
        options: DistillationOptions,
        progress: Progress,
        rng: np.random.Generator,
        settings: DistillationSettings = DISTILLATION_SETTINGS,
    ) -> None:
        self._queries, self._options, self._progress = queries, options, progress
        self._rng, self._settings = rng, settings
        share = queries.budget // settings.validation_budget_share
        self._reserve = min(settings.validation_rows, max(FEWEST_ROWS // 2, share))
        self._dimension, self._outputs = int(queries.X.shape[1]), int(queries.y.shape[1])
        self.factors = np.ones(self._outputs)
        self.model = shared_linear_model(self._dimension, self._outputs)
        self._error = np.inf  # relative to the variance
        self.validated = slice(0)
        self.validation = (np.empty((0, self._outputs)), np.empty((0, self._outputs)))
        self.has_network = False
        self.route = "moments"
        self._unfinished: list[SharedModel] = []
        self._noisy = False
        self._may_be_narrow = True

    def run(self) -> StopReason:
        """Make all rounds; returns why there were no more."""
        try:
            self._explore()
        except StopQuerying as stop:
            reason = stop.reason
        if not self.has_network:
            self._choose_baseline()
        elif reason is not StopReason.TOLERANCE and not self._progress.out_of_time():
            try:
                self._validate_finally()
                self._refine_on_everything()
            except StopQuerying:
                reason = StopReason.TIME
        return reason

    # ---- Rows ----

    @property
    def _remaining(self) -> int:
        """Queries that may be made before those of the final validation."""
        return self._queries.remaining - self._reserve

    def _rows(self, place: slice | NDArray[np.intp]) -> SharedRows:
        """Rows of the log, with answers over ``factors``."""
        queries = self._queries
        return SharedRows(queries.X[place], queries.y[place] / self.factors, n_threads=self._options.n_threads)

    def _iid_rows(self, but: slice = slice(0)) -> SharedRows:
        wanted = self._queries.is_iid
        wanted[but] = False
        return self._rows(np.flatnonzero(wanted))

    def _ask_iid(self, n: int, *, held_out: bool = False) -> slice:
        if n < 1:
            raise StopQuerying(StopReason.BUDGET)
        ask = self._queries.ask_held_out if held_out else self._queries.ask_iid
        place = ask(self._rng.standard_normal((n, self._dimension)))
        self._progress.report(f"{len(self._queries)} queries", self.model.width, min(self._error, 1.0))
        return place

    def _set_units(self) -> None:
        """Count each output in a power of two near its standard deviation, so that no digit changes."""
        spread = self._queries.y[self._queries.is_iid].std(axis=0)
        self.factors = np.ldexp(1.0, np.frexp(np.where(spread > 0, spread, 1.0))[1])

    def _answer_error(self) -> float:
        """Largest difference between two answers over ``factors`` that rounding explains."""
        sizes = np.abs(self._queries.y).max(axis=0) / self.factors
        return float(self._settings.answer_rounding * self._queries.precision * sizes.max())

    def _find_noise(self) -> None:
        """Ask some queries again: whether the answers are others."""
        queries = self._queries
        old = np.flatnonzero(queries.is_iid)[: min(self._settings.repeated_queries, self._remaining)]
        place = queries.ask_iid(queries.X[old])
        off = np.abs(queries.y[place] - queries.y[old]) / self.factors
        self._noisy = bool((off > self._answer_error()).any())

    @property
    def _exact(self) -> float:
        """Relative error that rounding explains."""
        rows = self._iid_rows()
        rounding = (self._settings.answer_rounding * self._queries.precision) ** 2
        return max(EXACT, rounding * float(np.square(rows.Y).sum(axis=1).mean()) / rows.variance)

    # ---- Rounds ----

    def _explore(self) -> NoReturn:
        """Look for kinks, then make rounds of rows, until a step raises StopQuerying."""
        settings = self._settings
        self._ask_iid(min(settings.repeated_queries, self._remaining))
        self._set_units()
        self._find_noise()
        self._ask_iid(min(settings.kinks.check_rows, self._remaining))
        self._set_units()
        if not self._noisy and np.ptp(self._iid_rows().Y, axis=0).any():
            self._find_by_kinks()
        first = max(settings.first_rows, settings.first_rows_per_feature * (self._dimension + 1))
        if self._options.width is not None:
            first = max(first, settings.rows_per_parameter * self._parameters)
        self._ask_iid(min(first, int(settings.first_share * self._remaining)))
        stalls = 0
        while True:
            before = self._error
            self._learn()
            stalls = 0 if self._error < settings.improvement * before else stalls + 1
            enough = self._queries.n_iid >= settings.stalled_rows_per_parameter * self._parameters
            if stalls >= settings.stalled_rounds and enough:
                raise StopQuerying(StopReason.NOISE if self._noisy else StopReason.NO_IMPROVEMENT)
            more = (settings.growth - 1) * self._queries.n_iid
            share = settings.comparison_share
            self._ask_iid(min(more, self._remaining * share // (share + 1)))

    def _find_by_kinks(self) -> None:
        """Find all neurons by their kinks."""
        settings, queries, options = self._settings.kinks, self._queries, self._options
        self._progress.enter("kinks")
        last = len(queries) + self._remaining - settings.check_rows

        def answers(X: Float64Array, *, on_lines: bool) -> Float64Array:
            if len(queries) + len(X) > last:
                raise StopQuerying(StopReason.BUDGET)
            place = (queries.ask_lines if on_lines else queries.ask_iid)(X)
            return np.asarray(queries.y[place] / self.factors)

        rows, few = self._iid_rows(), slice(-settings.shape_points, None)
        ask = functools.partial(answers, on_lines=True)
        if not local_shape(ask, rows.X[few], rows.Y[few], self._answer_error(), self._rng).is_piecewise_linear:
            return
        search = KinkNetworkSearch(
            ask,
            lambda X: answers(X, on_lines=False),
            self._answer_error,
            float(rows.Y.std(axis=0).max()),
            options.largest_width,
            last - len(queries),
            (self._dimension, self._outputs),
            self._rng,
            options.n_threads,
            settings,
        )
        try:
            found = search.run()
        except StopQuerying as stop:
            self._unfinished = [search.network]
            if stop.reason is StopReason.BUDGET:
                return
            raise
        if found and search.network.width <= options.largest_width:
            self._compare_kinks(search)

    def _compare_kinks(self, search: KinkNetworkSearch) -> None:
        """Compare a network of kinks, as it is and refined on all queries."""
        settings, models = self._settings.kinks, [search.network.without_linear_part()]
        self._unfinished = models[:1]
        place = self._ask_iid(min(settings.check_rows, self._remaining), held_out=True)
        is_small = search.network.neurons.size <= _MOST_REFINED
        self._queries.is_exact = True
        self._progress.enter("refine")
        rows = self._iid_rows()
        solved = search.solved_jointly(rows.X, rows.Y, self._progress.deadline)
        models.append(solved.without_linear_part())
        if is_small:
            models += self._refined_kinks(models[-1])
        self._compare("kinks", models, ["kinks"] * len(models), place)
        if not is_small and self._error <= self._settings.found_below:
            is_exact = self._options.tolerance is None and self._error <= settings.left_by_rounding
            raise StopQuerying(StopReason.TOLERANCE if is_exact else StopReason.NO_IMPROVEMENT)
        self._queries.is_exact = False

    def _refined_kinks(self, model: SharedModel) -> list[SharedModel]:
        """The network refined on all queries, and without thresholds where it is exact without them, too."""
        rows, exact = self._rows(np.flatnonzero(self._queries.fitted)), self._exact
        fit = SharedFit(deadline=self._progress.deadline)
        refined, error = fit(model, rows)
        if error <= exact * rows.variance:
            refined, _ = without_needless_neurons(refined, error, fit, rows, exact)
        refined = refined.normalized()
        if not refined.width or np.abs(refined.neurons[:, -1]).max() > self._settings.kinks.small_threshold:
            return [refined]
        neurons = np.column_stack([refined.neurons[:, :-1], np.zeros(refined.width)])
        fit = SharedFit(thresholds=False, deadline=self._progress.deadline)
        centred, error = fit(SharedModel(neurons, refined.outputs, refined.linear), rows)
        return [centred] if error <= exact * rows.variance else [refined]

    def _learn(self) -> None:
        """Learn anew from the rows of N(0, I), and keep the better network."""
        settings, options, deadline = self._settings, self._options, self._progress.deadline
        if self.has_network and self._remaining < settings.comparison_rows:
            raise StopQuerying(StopReason.BUDGET)  # fewer could choose the worse one
        wanted = max(settings.comparison_rows, len(self._queries) // settings.comparison_share)
        place = self._ask_iid(min(wanted, self._remaining), held_out=True)
        self._progress.enter("learn")
        rows = self._iid_rows()
        models, routes = [self.model], [self.route]
        if not self.has_network:
            models, routes = [with_best_outputs(np.empty((0, self._dimension + 1)), rows)[0]], ["moments"]
        narrow_error = np.inf
        if self._may_be_narrow and not self._progress.out_of_time():
            few = rows if self._noisy else self._some(rows)
            fit = SharedFit(thresholds=False, deadline=deadline)
            narrow = learn_shared(few, options.width, options.largest_width, fit, self._progress, self._rng)
            models, routes = [*models, narrow], [*routes, "moments"]
            narrow_error = rows.error(narrow) / rows.variance
        if narrow_error > settings.found_below and not self._progress.out_of_time():
            fit = SharedFit(_HINGE_STEPS, _HINGE_TOLERANCE, deadline=deadline)
            hinges = shared_hinges(rows, options.width, options.largest_width, fit, self._progress, self._rng)
            models, routes = [*models, hinges], [*routes, "hinges"]
            if len(rows) >= settings.hinge_rows_per_parameter * self._parameters:
                hinge_error = rows.error(hinges) / rows.variance
                self._may_be_narrow &= self._noisy or settings.hinge_factor * narrow_error < hinge_error
        self._compare("judged", models, routes, place)

    def _some(self, rows: SharedRows) -> SharedRows:
        """Draw rows enough for a search, anew each time."""
        most = self._settings.search_rows_per_parameter * self._parameters
        if len(rows) <= most:
            return rows
        drawn = np.sort(self._rng.choice(len(rows), most, replace=False))
        return SharedRows(rows.X[drawn], rows.Y[drawn], n_threads=rows.n_threads)

    @property
    def _parameters(self) -> int:
        """Number of parameters of the widest network of one output."""
        return (self._options.largest_width + 1) * (self._dimension + 1)

    def _compare(self, stage: str, models: list[SharedModel], routes: list[str], place: slice) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for."""
        self._queries.release(place)
        rows = self._rows(place)
        variance = self._iid_rows().variance
        errors = [rows.error(model) / variance for model in models]
        best = int(np.argmin(errors))
        self.model, self._error, self.route = models[best], errors[best], routes[best]
        self._validate(place)
        self.has_network = True
        self._progress.report(stage, self.model.width, self._error)
        target = self._exact if self._options.tolerance is None else self._options.tolerance
        if self._error <= target and self._holds_far_out(target):
            raise StopQuerying(StopReason.TOLERANCE)

    def _holds_far_out(self, target: float) -> bool:
        """Whether a line or a constant is good enough on many rows: a neuron may be on in few of them."""
        missing = min(self._settings.rows_for_a_line - self._queries.n_iid, self._remaining)
        if self.model.width or missing < self._settings.comparison_rows:
            return True
        place = self._ask_iid(missing)
        self._error = self._rows(place).error(self.model) / self._iid_rows().variance
        self._validate(place)
        return bool(self._error <= target)

    # ---- The end ----

    def _baselines(self, but: slice) -> list[SharedModel]:
        """A constant and, where there are rows enough, a line, from rows of N(0, I) outside a place."""
        rows = self._iid_rows(but)
        constant = shared_linear_model(self._dimension, self._outputs)
        constant.linear[:, -1] = rows.Y.mean(axis=0)
        if len(rows) < self._settings.rows_per_parameter * (self._dimension + 1):
            return [constant]
        return [constant, with_best_outputs(np.empty((0, self._dimension + 1)), rows)[0]]

    def _choose_baseline(self) -> None:
        """Take a line, a constant or what was found before time was up, by the answers until then."""
        n = self._queries.n_before_lines
        self._queries.release(slice(n))
        place = slice(n - max(1, n // self._settings.fallback_share), n)
        rows, everything = self._rows(place), self._iid_rows()
        self.model = min(self._baselines(place), key=rows.error)
        for model in self._unfinished:
            # Half a network may be worse than none; no row of N(0, I) had a part in it.
            ours, others = (
                np.square(everything.Y - m(everything.X, everything.n_threads)).sum(axis=1) for m in (model, self.model)
            )
            gain = others - ours
            if gain.mean() > self._settings.clear_errors * gain.std() / np.sqrt(len(gain)):
                self.model, self.route = model, "kinks"
        self._validate(place)

    def _validate_finally(self) -> None:
        """Validate on fresh rows, by which the network was not chosen, and refine it on them, too.

        A line or a constant takes its place where that is better on them.
        """
        settings, queries = self._settings, self._queries
        wanted = max(settings.comparison_rows, len(queries) // settings.validation_share)
        n = min(self._reserve, wanted, queries.remaining)
        place = queries.ask_iid(self._rng.standard_normal((n, self._dimension)))
        rows, models = self._rows(place), [self.model, *self._baselines(place)]
        self.model = models[int(np.argmin([rows.error(model) for model in models]))]
        self._validate(place)

    def _validate(self, place: slice) -> None:
        """Keep the residuals of the model on the rows of a place, from N(0, I)."""
        rows = self._rows(place)
        self.validated = place
        self.validation = (rows.Y, rows.Y - self.model(rows.X, rows.n_threads))

    def _refine_on_everything(self) -> None:
        """Refine the network on all rows of N(0, I), those of the final validation too."""
        rows, model = self._iid_rows(), self.model
        few = rows.Y.size < self._settings.final_rows_per_parameter * model.size
        if not model.width or (few and self._error > self._settings.found_below):
            return
        self._progress.enter("refine")
        has_thresholds = bool(model.neurons[:, -1].any())
        fit = SharedFit(tolerance=_LAST_TOLERANCE, thresholds=has_thresholds, deadline=self._progress.deadline)
        self.model, error = fit(model, rows)
        self._progress.report("refine", self.model.width, error / rows.variance)

    def noise_variance(self) -> Float64Array:
        """Squared residuals of the rows fitted, for each output, over their number less that of the parameters."""
        rows = self._rows(np.flatnonzero(self._queries.fitted))
        freedom = 1 - self.model.size / max(rows.Y.size, 1)
        if freedom <= 0:
            return np.full(self._outputs, np.nan)
        squares = np.square(rows.Y - self.model(rows.X, rows.n_threads)).mean(axis=0)
        return np.asarray(squares / freedom * np.square(self.factors))
