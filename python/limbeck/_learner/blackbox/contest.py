"""What was asked of a teacher, and which network did best on queries that it had no part in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.focus import probes
from limbeck._learner.blackbox.queries import Band, Queries, draw_band, importance
from limbeck._learner.blackbox.stopping import StopQuerying, StopReason
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows
from limbeck._learner.pipeline.from_arrays import FEWEST_ROWS

__all__ = ["BROAD_BEYOND", "CHECK_ROWS", "CHECK_SHARE", "REPEATS", "ROWS_PER_PARAMETER", "Contest", "Options"]

Place = slice | NDArray[np.intp]
_NONE = slice(0)

# A generic network comes back from 2 to 3 rows per parameter (measured: widths 2 to 8 in 20 to 50 dimensions).
ROWS_PER_PARAMETER = 3
CHECK_ROWS = 32  # to judge by: with fewer, chance may choose the worse network
CHECK_SHARE = 8  # of the queries, one in so many is to judge by
_REPORT_ROWS = 500
_REPORT_SHARE = 10  # of the budget, kept back
# A neuron that is on beyond 3 standard deviations is met by one in 700 of the rows from N(0, I). After 132 rows, one
# that is on beyond 2.5 was missed on 10 of 20 seeds.
_ROWS_FOR_A_LINE = 2000
_NOTHING_FOUND = 0.95  # of a constant's error: a network with a larger one has found nothing
_CLEARLY = 2.0  # standard errors
_FALL_BACK_SHARE = 4  # one row in so many is to judge by when there was no time for any network
BROAD_BEYOND = 1e-3  # errors above this are not those of a network found but for rounding
_LAST_GAIN = 0.05
_PROBE_BELOW = 0.05
REPEATS = 16  # the same queries once more, to see noise


class Options(NamedTuple):
    """What the caller asked for; see ``limbeck.distill``."""

    width: int | None
    max_width: int
    tolerance: float | None
    n_threads: int | None

    @property
    def most(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width


class Contest:
    """Queries, and networks judged by them.

    Parameters
    ----------
    queries : Queries
        Whom to ask.
    options : Options
        What for.
    progress : Progress
        Told of every network, and when time is up.
    rng : numpy.random.Generator
        For queries and starts.

    Attributes
    ----------
    model : Model
        The best network so far.
    validation : tuple of two ndarray of shape (m,)
        Answers to queries that had no part in the network when it was judged, and answers less values.
    validated : slice
        Which queries these are.
    judged : bool
        Whether there has been a network at all.
    """

    def __init__(self, queries: Queries, options: Options, progress: Progress, rng: np.random.Generator) -> None:
        self._queries = queries
        self._options = options
        self._progress = progress
        self._rng = rng
        self._fit = Fit(deadline=progress.deadline)
        self._reserve = min(_REPORT_ROWS, max(FEWEST_ROWS // 2, queries.budget // _REPORT_SHARE))
        self._dimension = int(queries.X.shape[1])
        self.model = linear_model(self._dimension)
        self._error = np.inf  # relative to the variance
        self.validated = slice(0)
        self.validation = (np.empty(0), np.empty(0))  # targets and residuals
        self._judged_on: tuple[Place, Float64Array] = (_NONE, np.empty(0))  # rows, and their weights
        self._noisy = False
        self.judged = False

    @property
    def _left(self) -> int:
        return self._queries.left - self._reserve

    def _ask_plain(self, n: int, ask: Callable[[Float64Array], slice] | None = None) -> slice:
        if n < 1:
            raise StopQuerying(StopReason.BUDGET)
        place = (ask or self._queries.ask_plain)(self._rng.standard_normal((n, self._dimension)))
        self._tell_queries()
        return place

    def _ask_bands(self, bands: list[Band], keep_out: list[tuple[Float64Array, float]] | None = None) -> slice:
        if sum(band.rows for band in bands) > self._left:
            raise StopQuerying(StopReason.BUDGET)
        d = self._dimension
        X = np.concatenate([draw_band(band, keep_out or [], self._rng, d) for band in bands])
        place = self._queries.ask_bands(X, bands)
        self._tell_queries()
        return place

    def _tell_queries(self) -> None:
        self._progress.report(f"{len(self._queries)} queries", self.model.width, min(self._error, 1.0))

    @property
    def has_thresholds(self) -> bool:
        """Whether neurons switch on elsewhere than at the origin."""
        return bool(self.model.neurons[:, -1].any())

    def everything(self) -> Rows:
        """All rows, with their importance weights; zero for rows without a part in the fit."""
        queries = self._queries
        return Rows(queries.X, queries.y, queries.weights(), self._options.n_threads)

    def _fitted_rows(self) -> Rows:
        """The rows that networks are fitted to, with their importance weights."""
        rows, fitted = self.everything(), np.flatnonzero(self._queries.fitted)
        if len(fitted) == len(rows):
            return rows
        return rows.part(fitted) if self._queries.bands else replace(rows, weights=None).part(fitted)

    def _plain_rows(self, but: Place = _NONE) -> Rows:
        """Rows from N(0, I), but for some."""
        wanted = self._queries.plain
        wanted[but] = False
        return Rows(self._queries.X[wanted], self._queries.y[wanted], n_threads=self._options.n_threads)

    def _refined(self, model: Model) -> Model:
        """The model refined on all rows; its thresholds too if it has any."""
        rows, fit = self._fitted_rows(), self._fit.changed(thresholds=bool(model.neurons[:, -1].any()))
        if self._relative(float(rows.errors(model).mean())) > BROAD_BEYOND:
            # Beside what the parameters leave open anyway, a smaller gain in the sum of squares is of no meaning.
            fit = fit.changed(tolerance=_LAST_GAIN * model.parameters.size / len(rows))
        return fit(model, rows)[0]

    def _ask_checks(self, ask: Callable[[Float64Array], slice]) -> slice:
        """Fresh rows to judge by."""
        if self.judged and self._left < CHECK_ROWS:
            raise StopQuerying(StopReason.BUDGET)  # fewer could choose the worse one
        return self._ask_plain(min(max(CHECK_ROWS, len(self._queries) // CHECK_SHARE), self._left), ask)

    def _judge(self, stage: str, models: list[Model], place: slice | None = None) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for."""
        if place is None:
            place = self._ask_checks(self._queries.ask_plain)
        else:
            self._queries.release(place)
        checks = place.stop - place.start
        self._choose(models, place, np.ones(checks))
        if self._has_found_nothing:
            self._choose([self.model, *self._baselines(place)], *self._judged_on)
        self.judged = True
        self._validate(place)
        if self._error < _PROBE_BELOW and any(model.alive().width for model in models):
            bands = probes(models)
            near = self._ask_bands(bands)
            both = np.r_[place, near]
            self._choose(models, both, importance(self._queries.X[both], checks, bands))
            self._validate(place)
        self._progress.report(stage, self.model.width, self._error)
        if self._is_good_enough and self._holds_far_out():
            raise StopQuerying(StopReason.TOLERANCE)

    @property
    def _is_good_enough(self) -> bool:
        return self._error <= (self._exact if self._options.tolerance is None else self._options.tolerance)

    def _holds_far_out(self) -> bool:
        """Whether a line or a constant is good enough on many rows: a neuron may be on in few of them."""
        missing = min(_ROWS_FOR_A_LINE - self._queries.n_plain, self._left)
        if self.model.width or missing < CHECK_ROWS:
            return True
        place = self._ask_plain(missing, self._queries.ask_plain)
        self._choose([self.model], place, np.ones(missing))
        self._validate(place)
        return self._is_good_enough

    def _choose(self, models: list[Model], place: Place, weights: Float64Array) -> None:
        """The model of the smallest weighted error on some rows, and its error."""
        self._judged_on = (place, weights)
        errors = [self._judged_error(model) for model in models]
        best = int(np.argmin(errors))
        self.model, self._error = models[best].alive(), errors[best]

    def _baselines(self, but: Place) -> list[Model]:
        """A constant and, where there are rows enough to find one, a line, from the plain rows but some."""
        rows = self._plain_rows(but)
        constant = linear_model(rows.n_features)
        constant.parameters[-1, -1] = rows.y.mean()
        if len(rows) < ROWS_PER_PARAMETER * (rows.n_features + 1):
            return [constant]
        # Quickly found, and needed most when time is up.
        return [constant, self._fit.changed(deadline=np.inf)(constant, rows)[0]]

    def _leave_to_baselines(self, place: slice) -> None:
        """Put a constant or a line in the network's place.

        If it is clearly better on these rows, or the network is better than a constant by no more than chance explains.
        """
        y, X = self._queries.y[place], self._queries.X[place]
        baselines = self._baselines(place)
        ours, constant, *lines = (
            np.square(y - model(X, self._options.n_threads)) for model in (self.model, *baselines)
        )
        others = [constant, *lines]
        best = int(np.argmin([squares.mean() for squares in others]))
        hardly = ours.mean() > _NOTHING_FOUND * constant.mean() and not _clearly_positive(constant - ours)
        if hardly or _clearly_positive(ours - others[best]):
            self.model = baselines[best]

    @property
    def _has_found_nothing(self) -> bool:
        """Whether the network is hardly better than a constant, or by chance, on the rows that it was judged by."""
        constant = self._judged_squares(self._baselines(self._judged_on[0])[0])
        ours = self._judged_squares(self.model)
        return not (ours.mean() <= _NOTHING_FOUND * constant.mean() and _clearly_positive(constant - ours))

    def _judged_squares(self, model: Model) -> Float64Array:
        """Weighted squared errors on the latest rows to judge by."""
        place, weights = self._judged_on
        residuals = self._queries.y[place] - model(self._queries.X[place], self._options.n_threads)
        return np.asarray(weights * np.square(residuals))

    def _judged_error(self, model: Model) -> float:
        """Their mean over the variance."""
        return self._relative(float(self._judged_squares(model).mean()))

    def _relative(self, error: float) -> float:
        variance = self._queries.variance
        if variance == 0:
            return 0.0 if error == 0 else np.inf
        return float(error / variance)

    @property
    def _exact(self) -> float:
        return max(EXACT, self._queries.rounding)

    def _is_noisy(self) -> bool:
        """Whether the teacher answers the same question differently; asked until it once does."""
        if self._noisy:
            return True
        queries = self._queries
        old = np.flatnonzero(queries.plain)[: min(REPEATS, self._left)]
        place = queries.ask_plain(queries.X[old])
        slack = queries.rounding_of_one
        self._noisy = bool((np.abs(queries.y[place] - queries.y[old]) > slack).any())
        return self._noisy

    def _fall_back(self) -> None:
        """A line or a constant, from what was asked before time was up."""
        n = len(self._queries)
        self._queries.release(slice(n))
        place = slice(n - max(1, n // _FALL_BACK_SHARE), n)
        self._choose(self._baselines(place), place, np.ones(place.stop - place.start))
        self._validate(place)

    def _validate(self, place: slice) -> None:
        """Keep the residuals of the model on some plain rows."""
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


def _clearly_positive(values: Float64Array) -> bool:
    """Whether a mean is further above zero than chance explains."""
    return bool(values.mean() > _CLEARLY * values.std() / np.sqrt(len(values)))
