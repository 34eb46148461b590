"""Queries so far, and the best network: compared with others on fresh queries that none of them was fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopQuerying, StopReason
from limbeck._learner.blackbox.focus import bands_at_kinks
from limbeck._learner.blackbox.kink_bands import Band, Excluded, draw_band, importance
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, DistillationSettings
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows
from limbeck._learner.pipeline.checks import FEWEST_ROWS

__all__ = ["DistillationOptions", "NetworkComparison"]

Place = slice | NDArray[np.intp]
_NONE = slice(0)


class DistillationOptions(NamedTuple):
    """Checked arguments of ``limbeck.distill``."""

    width: int | None
    max_width: int
    tolerance: float | None
    n_threads: int | None

    @property
    def largest_width(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width


class NetworkComparison:
    """The best network so far, and the queries that networks are fitted to and compared by.

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
    model : Model
        The best network so far.
    validation : tuple of two ndarray of shape (m,)
        Answers to queries that had no part in the network when it was compared, and answers less values.
    validated : slice
        Which queries these are.
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
        self._queries = queries
        self._options = options
        self._progress = progress
        self._rng = rng
        self._settings = settings
        self._fit = Fit(deadline=progress.deadline)
        share = queries.budget // settings.validation_budget_share
        self._reserve = min(settings.validation_rows, max(FEWEST_ROWS // 2, share))
        self._dimension = int(queries.X.shape[1])
        self.model = linear_model(self._dimension)
        self._error = np.inf  # relative to the variance
        self.validated = slice(0)
        self.validation = (np.empty(0), np.empty(0))  # targets and residuals
        self._compared_on: tuple[Place, Float64Array] = (_NONE, np.empty(0))  # rows, and their weights
        self._noisy = False
        self.has_network = False
        self.route = "moments"
        self._unfinished: list[Model] = []  # not compared yet

    @property
    def _remaining(self) -> int:
        """Queries that may be made before those of the final validation."""
        return self._queries.remaining - self._reserve

    def _ask_iid(self, n: int, ask: Callable[[Float64Array], slice] | None = None) -> slice:
        if n < 1:
            raise StopQuerying(StopReason.BUDGET)
        place = (ask or self._queries.ask_iid)(self._rng.standard_normal((n, self._dimension)))
        self._report_queries()
        return place

    def _ask_bands(self, bands: list[Band], excluded: Excluded | None = None) -> slice:
        if sum(band.rows for band in bands) > self._remaining:
            raise StopQuerying(StopReason.BUDGET)
        d = self._dimension
        X = np.concatenate([draw_band(band, excluded or [], self._rng, d) for band in bands])
        place = self._queries.ask_bands(X, bands)
        self._report_queries()
        return place

    def _report_queries(self) -> None:
        self._progress.report(f"{len(self._queries)} queries", self.model.width, min(self._error, 1.0))

    @property
    def has_thresholds(self) -> bool:
        """Whether neurons switch on elsewhere than at the origin."""
        return bool(self.model.neurons[:, -1].any())

    def everything(self) -> Rows:
        """All rows, with their importance weights; zero for rows that no network is fitted to."""
        queries = self._queries
        return Rows(queries.X, queries.y, queries.weights(), self._options.n_threads)

    def _fitted_rows(self) -> Rows:
        """Rows that networks are fitted to, with their importance weights."""
        rows, fitted = self.everything(), np.flatnonzero(self._queries.fitted)
        if len(fitted) == len(rows):
            return rows
        return rows.part(fitted) if self._queries.bands else replace(rows, weights=None).part(fitted)

    def _iid_rows(self, but: Place = _NONE) -> Rows:
        """Rows from N(0, I), but for those of a place."""
        wanted = self._queries.is_iid
        wanted[but] = False
        return Rows(self._queries.X[wanted], self._queries.y[wanted], n_threads=self._options.n_threads)

    def _refined(self, model: Model) -> Model:
        """Refine a model on all rows; its thresholds too if it has any."""
        rows, fit = self._fitted_rows(), self._fit.changed(thresholds=bool(model.neurons[:, -1].any()))
        if self._relative(float(rows.errors(model).mean())) > self._settings.found_below:
            # Beside what the parameters leave open anyway, a smaller gain in the sum of squares is of no meaning.
            fit = fit.changed(tolerance=self._settings.last_gain * model.parameters.size / len(rows))
        return fit(model, rows)[0]

    def _ask_for_comparison(self, ask: Callable[[Float64Array], slice]) -> slice:
        """Ask at fresh rows to compare networks by."""
        settings = self._settings
        if self.has_network and self._remaining < settings.comparison_rows:
            raise StopQuerying(StopReason.BUDGET)  # fewer could choose the worse one
        wanted = max(settings.comparison_rows, len(self._queries) // settings.comparison_share)
        return self._ask_iid(min(wanted, self._remaining), ask)

    def _compare(
        self,
        stage: str,
        models: list[Model],
        place: slice | None = None,
        *,
        routes: list[str] | None = None,
        probe: bool = True,
    ) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for.

        The models are those of some routes, or of the route so far. Errors in narrow bands around their kinks are
        probed for, unless the models are known to be right there.
        """
        routes = [self.route] * len(models) if routes is None else routes
        if place is None:
            place = self._ask_for_comparison(self._queries.ask_iid)
        else:
            self._queries.release(place)
        n_iid = place.stop - place.start
        self.route = routes[self._choose(models, place, np.ones(n_iid))]
        if self._has_found_nothing:
            self._choose([self.model, *self._baselines(place)], *self._compared_on)
        self.has_network = True
        self._validate(place)
        if probe and self._error < self._settings.focus.probe_below and any(model.alive().width for model in models):
            bands = bands_at_kinks(models, self._settings.focus)
            near = self._ask_bands(bands)
            both = np.r_[place, near]
            self.route = routes[self._choose(models, both, importance(self._queries.X[both], n_iid, bands))]
            self._validate(place)
        self._progress.report(stage, self.model.width, self._error)
        if self._is_good_enough and self._holds_far_out():
            raise StopQuerying(StopReason.TOLERANCE)

    @property
    def _is_good_enough(self) -> bool:
        return self._error <= (self._exact if self._options.tolerance is None else self._options.tolerance)

    def _holds_far_out(self) -> bool:
        """Whether a line or a constant is good enough on many rows: a neuron may be on in few of them."""
        missing = min(self._settings.rows_for_a_line - self._queries.n_iid, self._remaining)
        if self.model.width or missing < self._settings.comparison_rows:
            return True
        place = self._ask_iid(missing, self._queries.ask_iid)
        self._choose([self.model], place, np.ones(missing))
        self._validate(place)
        return self._is_good_enough

    def _choose(self, models: list[Model], place: Place, weights: Float64Array) -> int:
        """Keep the model of the smallest weighted error on some rows, and its error; returns its number."""
        self._compared_on = (place, weights)
        errors = [self._compared_error(model) for model in models]
        best = int(np.argmin(errors))
        self.model, self._error = models[best].alive(), errors[best]
        return best

    def _baselines(self, but: Place) -> list[Model]:
        """A constant and, where there are rows enough to find one, a line, from rows of N(0, I) outside a place."""
        rows = self._iid_rows(but)
        constant = linear_model(rows.n_features)
        constant.parameters[-1, -1] = rows.y.mean()
        if len(rows) < self._settings.rows_per_parameter * (rows.n_features + 1):
            return [constant]
        # A line is quickly found, and needed most when time is up.
        return [constant, self._fit.changed(deadline=np.inf)(constant, rows)[0]]

    def _prefer_baselines(self, place: slice) -> None:
        """Put a constant or a line in the network's place where that is clearly better on the rows of a place.

        Or where the network is better than a constant by no more than chance explains.
        """
        y, X = self._queries.y[place], self._queries.X[place]
        baselines = self._baselines(place)
        ours, constant, *lines = (
            np.square(y - model(X, self._options.n_threads)) for model in (self.model, *baselines)
        )
        others = [constant, *lines]
        best = int(np.argmin([squares.mean() for squares in others]))
        is_close = ours.mean() > self._settings.found_nothing * constant.mean()
        if (is_close and not self._is_clear(constant - ours)) or self._is_clear(ours - others[best]):
            self.model = baselines[best]

    @property
    def _has_found_nothing(self) -> bool:
        """Whether the network is hardly better than a constant, or by chance, on the rows that it was compared by."""
        constant = self._compared_squares(self._baselines(self._compared_on[0])[0])
        ours = self._compared_squares(self.model)
        return not (ours.mean() <= self._settings.found_nothing * constant.mean() and self._is_clear(constant - ours))

    def _is_clear(self, differences: Float64Array) -> bool:
        """Whether the mean of differences is further above zero than chance explains."""
        return bool(differences.mean() > self._settings.clear_errors * differences.std() / np.sqrt(len(differences)))

    def _compared_squares(self, model: Model) -> Float64Array:
        """Weighted squared errors of a model on the rows of the latest comparison."""
        place, weights = self._compared_on
        residuals = self._queries.y[place] - model(self._queries.X[place], self._options.n_threads)
        return np.asarray(weights * np.square(residuals))

    def _compared_error(self, model: Model) -> float:
        """Mean squared error of a model on the rows of the latest comparison, over the variance."""
        return self._relative(float(self._compared_squares(model).mean()))

    def _relative(self, error: float) -> float:
        variance = self._queries.variance
        if variance == 0:
            return 0.0 if error == 0 else np.inf
        return float(error / variance)

    @property
    def _exact(self) -> float:
        """Relative error that rounding explains."""
        return max(EXACT, self._queries.rounding)

    def _is_noisy(self) -> bool:
        """Whether repeated queries get different answers; queries are repeated until they once do."""
        if self._noisy:
            return True
        queries = self._queries
        old = np.flatnonzero(queries.is_iid)[: min(self._settings.repeated_queries, self._remaining)]
        place = queries.ask_iid(queries.X[old])
        self._noisy = bool((np.abs(queries.y[place] - queries.y[old]) > queries.answer_error).any())
        return self._noisy

    def _choose_baseline(self) -> None:
        """Take a line, a constant or what was found before time was up, by the answers until then."""
        n = self._queries.n_before_lines
        self._queries.release(slice(n))
        place = slice(n - max(1, n // self._settings.fallback_share), n)
        baselines = self._baselines(place)
        best = self._choose([*baselines, *self._unfinished], place, np.ones(place.stop - place.start))
        self.route = self.route if best < len(baselines) else "kinks"
        self._validate(place)

    def _validate(self, place: slice) -> None:
        """Keep the residuals of the model on the rows of a place, from N(0, I)."""
        targets = self._queries.y[place]
        self.validated = place
        self.validation = (targets, targets - self.model(self._queries.X[place], self._options.n_threads))

    def noise_variance(self) -> float:
        """Sum of weighted squared residuals over the number of rows less that of the parameters; NaN without spare."""
        rows, model = self._fitted_rows(), self.model
        n, freedom = len(rows), len(rows) - model.parameters.size + model.width * (not self.has_thresholds)
        if freedom <= 0:
            return np.nan
        weights = np.ones(n) if rows.weights is None else rows.weights
        squares = np.square(rows.residuals(model))
        return float(np.average(squares, weights=weights)) * n / freedom
