"""The student of a function that can be asked: rounds of asking, learning and judging.

Rounds of queries at x ~ N(0, I) grow geometrically; each network is judged on fresh ones, which then join the others.
Neurons that nearly cancel, or nearly agree, differ in a narrow band around their kinks alone, which plain queries hit
once in 1 / width times. There the queries are focused: x is drawn with its component along a kink's normal u shrunk by
the band's width h. In the coordinates in which such x are standard Gaussian again, directions near u lie 1 / h times
further apart, so that the band is a learning problem like any other; and each solution shows where to focus next.

Where a first round does not end in an exact network, and the answers have no noise, neurons are read off kinks on lines
(``_kinks``), which no cancellation of moments hides.

A function that no narrow network is equal to is mostly soon told from one that is, and then gets the best network of so
many neurons: hinges anywhere, twice as many as asked for, of which the least needed are given up one by one. Where all
networks are no better than a constant, that is no sign of either, for all low moments may vanish: rounds go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from limbeck._focus import Clump, clumps_of, probes, without_artefact
from limbeck._kinks import KinkSearch, network_on_lines, queries_of_a_line
from limbeck._learning import FEWEST_ROWS
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model, model_of
from limbeck._narrowing import narrowed
from limbeck._polish import EXACT
from limbeck._progress import Progress
from limbeck._queries import Band, Queries, draw_band, importance, squeezed
from limbeck._stopping import EnoughError, StopReason
from limbeck._tabular import fit_any
from limbeck.learn import learn
from limbeck.subspace import Subspace

__all__ = ["Options", "Student"]

Place = slice | NDArray[np.intp]
_NONE = slice(0)

# A generic network comes back from 2 to 3 rows per parameter (measured: widths 2 to 8 in 20 to 50 dimensions).
_ROWS_PER_PARAMETER = 3
_FIRST_ROWS_PER_FEATURE = 5  # to begin with when the width is not known
_FIRST_ROWS = 100
_GROWTH = 2
_CHECK_ROWS = 32
_CHECK_SHARE = 8
_REPORT_ROWS = 500
_REPORT_SHARE = 10  # of the budget, kept back
_REPORT_FRACTION = 4  # of the queries made; no need for 500 after 300
# Two rounds that improve by less than a tenth: the teacher is not a narrow network, or its answers are noisy. Not
# before there are enough rows per parameter that a narrow network would have been found, or half found.
_IMPROVEMENT = 0.9
_STALLS = 2
_STALL_ROWS_PER_PARAMETER = 10
# Unless what was found is no better than a constant: fans of 8 to 16 lines come back from 30 to 100 plain rows per
# parameter and not from half of them. At least this part of the budget is spent, too.
_NOTHING_FOUND = 0.95
_ROWS_PER_PARAMETER_IN_VAIN = 100
_SHARE_IN_VAIN = 0.15
_CLEARLY = 2.0  # standard errors that a line is better by on the rows held out, to take a network's place
_SMALL_THRESHOLD = 1e-3  # over a neuron's size: worth a try whether it is rounding
_JOINING_ROWS_PER_PARAMETER = 5  # with fewer rows of noise, a last refinement would undo what weight decay was good for
_LINE_SHARE = 2  # the search on lines may ask the budget left over this
_FALL_BACK_SHARE = 4  # of the rows there are, one in so many is to judge by when there was no time for any network
# Where as many rows per parameter did not show a narrow network, and hinges anywhere do as well as what was found, and
# both leave this much: the teacher is not a narrow network, and the long search for one is over.
_BROAD_ROWS_PER_PARAMETER = 20
_HUNT_ROWS_PER_PARAMETER = 12  # no more are needed to find a narrow network without noise
_BROAD_BEYOND = 1e-3
_BROAD_AS_GOOD = 2.0
_LAST_GAIN = 0.05
_NARROWING_ROWS_PER_PARAMETER = 10
# A network with a larger error has not found the directions, and there is no kink to look at.
_FOCUS_BELOW = 0.3
_FOCUS_IMPROVEMENT = 0.8
_FOCUS_FAILURES = 2
_CONCENTRATED = 0.5  # residuals this much nearer to a kink than the rows are a matter of that kink
_SHARE = 0.1
_BAND_KEPT_OUT = 0.1
_PROBE_BELOW = 0.05
_REPEATS = 16


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


class Student:
    """Rounds of asking, learning and judging.

    Parameters
    ----------
    queries : Queries
        Whom to ask.
    options : Options
        What for.
    tell : Progress
        Told of every network, and when time is up.
    rng : numpy.random.Generator
        For queries and starts.

    Attributes
    ----------
    model : Model
        The best network so far.
    subspace : Subspace or None
        What moments showed last.
    validation : tuple of two ndarray of shape (m,)
        Answers to queries that had no part in the network when it was judged, and answers less values.
    validated : slice
        Which queries these are.
    judged : bool
        Whether there has been a network at all.
    """

    def __init__(self, queries: Queries, options: Options, tell: Progress, rng: np.random.Generator) -> None:
        self._queries = queries
        self._options = options
        self._tell = tell
        self._rng = rng
        self._fit = Fit(n_threads=options.n_threads or 0, deadline=tell.deadline)
        self._reserve = min(_REPORT_ROWS, max(FEWEST_ROWS // 2, queries.budget // _REPORT_SHARE))
        self._dimension = int(queries.X.shape[1])
        self.model = linear_model(self._dimension)
        self._error = np.inf  # relative to the variance
        self.subspace: Subspace | None = None
        self.validated = slice(0)
        self.validation = (np.empty(0), np.empty(0))  # targets and residuals
        self._judged_on: tuple[Place, Float64Array] = (_NONE, np.empty(0))  # rows, and their weights
        self._may_be_narrow = True
        self._noisy = False
        self._has_searched_lines = False
        self.judged = False

    @property
    def _left(self) -> int:
        return self._queries.left - self._reserve

    def run(self) -> StopReason:
        """All rounds; why there were no more."""
        try:
            self._explore()
        except EnoughError as enough:
            reason = enough.reason
        if not self.judged:
            self._fall_back()
        elif self._error <= self._exact:
            self._tidy()
        else:
            try:
                if not self._may_be_narrow:
                    self._narrow_down()
                self._report()
                self._refine_on_everything()
            except EnoughError:
                reason = StopReason.TIME
                self._validate(self.validated)  # no time to ask: the rows that it was chosen by
        return reason

    def _explore(self) -> NoReturn:
        """Rounds of plain queries, each followed by focused ones, until one of the steps has had enough."""
        self._ask_plain(min(self._first_rows(), 3 * self._left // 4))
        stalls = 0
        while True:
            before = self.model
            self._relearn()
            self._focus()
            if not self._has_searched_lines:
                self._search_lines()
            # On the same rows, fresh to both: an error by itself varies from one set of rows to the next.
            stalls = 0 if self._error < _IMPROVEMENT * self._judged_error(before) else stalls + 1
            if stalls >= _STALLS and self._may_give_up():
                raise EnoughError(StopReason.NOISE if self._is_noisy() else StopReason.NO_IMPROVEMENT)
            more = (_GROWTH - 1) * int(np.count_nonzero(self._queries.fitted))
            self._ask_plain(min(more, self._left * _CHECK_SHARE // (_CHECK_SHARE + 1)))

    def _may_give_up(self) -> bool:
        """Whether there are rows enough that a narrow network would have been found."""
        n, parameters = self._queries.n_plain, self._parameters
        if self._error <= _NOTHING_FOUND:
            return n >= _STALL_ROWS_PER_PARAMETER * parameters
        return n >= max(_ROWS_PER_PARAMETER_IN_VAIN * parameters, _SHARE_IN_VAIN * self._queries.budget)

    @property
    def _parameters(self) -> int:
        """Of the widest network."""
        return (self._options.most + 1) * (self._dimension + 1)

    def _first_rows(self) -> int:
        if self._options.width is not None:
            return max(_FIRST_ROWS, _ROWS_PER_PARAMETER * self._parameters)
        return max(_FIRST_ROWS, _FIRST_ROWS_PER_FEATURE * (self._dimension + 1))

    def _ask_plain(self, n: int, ask: Callable[[Float64Array], slice] | None = None) -> slice:
        if n < 1:
            raise EnoughError(StopReason.BUDGET)
        place = (ask or self._queries.ask_plain)(self._rng.standard_normal((n, self._dimension)))
        self._tell_queries()
        return place

    def _ask_bands(self, bands: list[Band], keep_out: list[tuple[Float64Array, float]] | None = None) -> slice:
        if sum(band.rows for band in bands) > self._left:
            raise EnoughError(StopReason.BUDGET)
        d = self._dimension
        X = np.concatenate([draw_band(band, keep_out or [], self._rng, d) for band in bands])
        place = self._queries.ask_bands(X, bands)
        self._tell_queries()
        return place

    def _tell_queries(self) -> None:
        self._tell.report(f"{len(self._queries)} queries", self.model.width, min(self._error, 1.0))

    # ---- Learning ----

    def _learn(self, X: Float64Array, y: Float64Array, width: int | None, most: int, show: bool = True) -> Model:
        """Learn from rows of N(0, I); a constant is a network too."""
        if np.ptp(y) == 0:
            model = linear_model(X.shape[1])
            model.parameters[-1, -1] = y[0]
            return model
        deadline = self._tell.deadline
        learned = learn(
            X,
            y,
            width,
            max_width=most,
            inputs="standard",
            validation=0.0,
            seed=self._rng,
            callback=self._tell.report if show else None,
            time_limit=None if np.isinf(deadline) else max(deadline - time.perf_counter(), 1e-3),
            n_threads=self._options.n_threads,
        )
        if show:
            self.subspace = learned.subspace
        return model_of(learned.network)

    @property
    def has_thresholds(self) -> bool:
        """Whether neurons switch on elsewhere than at the origin."""
        return bool(self.model.neurons[:, -1].any())

    def everything(self) -> Rows:
        """All rows, with their importance weights; zero for rows without a part in the fit."""
        queries = self._queries
        return Rows(queries.X, queries.y, queries.weights(), self._fit.n_threads)

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
        return Rows(self._queries.X[wanted], self._queries.y[wanted], n_threads=self._fit.n_threads)

    def _relearn(self) -> None:
        """Learn anew from the plain rows, and refine what there was on all; the better one stays."""
        # Rows to judge by come first: they are there when time is up, too.
        place = self._ask_checks(self._queries.ask_held)
        self._tell.enter("learn")
        options, rows = self._options, self._plain_rows()
        few, narrow, broad = rows, None, None
        if self._may_be_narrow:
            all_of_them = self._noisy or (self.judged and self._error > _NOTHING_FOUND)
            few = rows if all_of_them else self._some(rows, _HUNT_ROWS_PER_PARAMETER)
            narrow = self._learn(few.X, few.y, options.width, options.most)
        if narrow is None or rows.errors(narrow).mean() > _BROAD_BEYOND * rows.variance:
            broad = self._learn_broad(rows, options.width, options.most)
        models = [model for model in (narrow, broad) if model is not None]
        if self._queries.bands or few is not rows:
            models += [self._refined(model) for model in models]
        if self.judged:
            models.append(self._refined(self.model))
        self._judge("judged", models, place)
        if narrow and broad and len(rows) >= _BROAD_ROWS_PER_PARAMETER * self._parameters:
            error = self._judged_error(narrow)
            found = error < _BROAD_BEYOND or _BROAD_AS_GOOD * error < self._judged_error(broad)
            self._may_be_narrow = found or self._error > _NOTHING_FOUND or self._is_noisy()

    def _learn_broad(self, rows: Rows, width: int | None, most: int) -> Model | None:
        """Hinges anywhere, unless time is up."""
        if self._tell.out_of_time():
            return None
        return fit_any(rows, width, most, self._fit, self._tell, self._rng).model

    def _some(self, rows: Rows, per_parameter: int) -> Rows:
        """Rows enough for a search, drawn anew each time."""
        most = per_parameter * self._parameters
        return rows if len(rows) <= most else rows.part(np.sort(self._rng.choice(len(rows), most, replace=False)))

    def _refined(self, model: Model) -> Model:
        """The model refined on all rows; its thresholds too if it has any."""
        rows, fit = self._fitted_rows(), self._fit.changed(thresholds=bool(model.neurons[:, -1].any()))
        if self._relative(float(rows.errors(model).mean())) > _BROAD_BEYOND:
            # Beside what the parameters leave open anyway, a smaller gain in the sum of squares is of no meaning.
            fit = fit.changed(tolerance=_LAST_GAIN * model.parameters.size / len(rows))
        return fit(model, rows)[0]

    def _ask_checks(self, ask: Callable[[Float64Array], slice]) -> slice:
        """Fresh rows to judge by."""
        if self.judged and self._left < _CHECK_ROWS:
            raise EnoughError(StopReason.BUDGET)  # fewer could choose the worse one
        return self._ask_plain(min(max(_CHECK_ROWS, len(self._queries) // _CHECK_SHARE), self._left), ask)

    def _judge(self, stage: str, models: list[Model], place: slice | None = None) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for."""
        if place is None:
            place = self._ask_checks(self._queries.ask_plain)
        else:
            self._queries.release(place)
        checks = place.stop - place.start
        self._choose(models, place, np.ones(checks))
        if self._error > _NOTHING_FOUND:
            self._choose([self.model, *self._baselines(place)], *self._judged_on)
        self.judged = True
        self._validate(place)
        if self._error < _PROBE_BELOW and any(model.alive().width for model in models):
            bands = probes(models)
            near = self._ask_bands(bands)
            both = np.r_[place, near]
            self._choose(models, both, importance(self._queries.X[both], checks, bands))
            self._validate(place)
        self._tell.report(stage, self.model.width, self._error)
        if self._error <= (self._exact if self._options.tolerance is None else self._options.tolerance):
            raise EnoughError(StopReason.TOLERANCE)

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
        if len(rows) < _ROWS_PER_PARAMETER * (rows.n_features + 1):
            return [constant]
        # Quickly found, and needed most when time is up.
        return [constant, self._fit.changed(deadline=np.inf)(constant, rows)[0]]

    def _judged_error(self, model: Model) -> float:
        """Weighted error on the latest rows to judge by."""
        place, weights = self._judged_on
        residuals = self._queries.y[place] - model(self._queries.X[place], self._fit.n_threads)
        return self._relative(float(np.mean(weights * np.square(residuals))))

    def _relative(self, error: float) -> float:
        variance = self._queries.variance
        if variance == 0:
            return 0.0 if error == 0 else np.inf
        return float(error / variance)

    @property
    def _exact(self) -> float:
        return max(EXACT, self._queries.rounding)

    # ---- Focus ----

    def _focus(self) -> None:
        """Look closer at the kinks that the error comes from, for as long as that helps."""
        failures = 0
        while failures < _FOCUS_FAILURES and self.model.width and self._error < _FOCUS_BELOW:
            clumps = clumps_of(self.model, self._fitted_rows())
            worth = [c for c in clumps if c.width < _CONCENTRATED and c.share > _SHARE * clumps[0].share]
            if not worth:
                return
            before = self._error
            # The clump that most of the error comes from; if that did not help, the next.
            zoomed = self._zoom(worth[min(failures, len(worth) - 1)], clumps)
            self._tell.enter("refine")
            self._judge("focused", [self._refined(model) for model in (self.model, zoomed)])
            failures = 0 if self._error < _FOCUS_IMPROVEMENT * before else failures + 1

    def _zoom(self, clump: Clump, clumps: list[Clump]) -> Model:
        """The network with a clump learned anew from rows of its band, in which its neurons lie far apart."""
        model, d = self.model, self._dimension
        others = [i for i in range(model.width) if i not in clump.members]
        most = self._options.most - len(others)
        if self._options.width is None:
            most = min(most, len(clump.members) + 2)
        # Where another clump is not resolved, its error would count as this one's.
        keep_out = [(c.normal, 3 * c.width) for c in clumps if c is not clump and c.width < _BAND_KEPT_OUT]
        band = Band(clump.normal, clump.width, _ROWS_PER_PARAMETER * (most + 1) * (d + 1))
        place = self._ask_bands([band], keep_out)
        X = self._queries.X[place]
        rest = Model(model.signs[others], model.parameters[[*others, model.width]])
        left = self._queries.y[place] - rest(X, self._fit.n_threads)
        self._tell.enter("focus")
        inner = self._learn(squeezed(X, clump.normal, 1 / clump.width), left, most, most, show=False)
        parameters = inner.parameters.copy()
        parameters[:, :-1] = squeezed(parameters[:, :-1], clump.normal, 1 / clump.width)
        parameters[-1] += rest.parameters[-1]
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.neurons, parameters]))

    # ---- Lines ----

    def _search_lines(self) -> None:
        """Read neurons off kinks on lines, if the teacher answers exactly, as one more network to choose from."""
        self._has_searched_lines = True
        rows, d = self._plain_rows(), self._dimension
        most = len(self._queries) + self._left // _LINE_SHARE
        room = most >= len(self._queries) + _REPEATS + queries_of_a_line(self._options.most)
        if not room or len(rows) <= 2 * (d + 1) or self._is_noisy():
            return
        self._tell.enter("kinks")

        def ask(X: Float64Array) -> Float64Array:
            if len(self._queries) + len(X) > most:
                raise EnoughError(StopReason.BUDGET)
            place = self._queries.ask_lines(X)
            return self._queries.y[place]

        scale, rounding = float(rows.y.std()), self._queries.rounding_of_one
        search = KinkSearch(ask, d, self._options.most, scale, rounding, self._rng)
        try:
            model, error = network_on_lines(search, rows, self._fit)
        except EnoughError as enough:
            if enough.reason is StopReason.BUDGET:
                return  # other ways are cheaper for so wide a network
            raise
        self._tell_queries()
        if 0 < model.width <= self._options.most and error < self._error:
            self._tell.enter("refine")
            self._judge("kinks", [self._refined(m) for m in (self.model, self._centred(model))])
            self._focus()

    def _centred(self, model: Model) -> Model:
        """The model with all thresholds at zero if they are small, and it is exact without them."""
        if (np.abs(model.neurons[:, -1]) > _SMALL_THRESHOLD * model.sizes).any() or not model.neurons[:, -1].any():
            return model
        parameters = model.parameters.copy()
        parameters[:-1, -1] = 0.0
        centred = self._refined(Model(model.signs, parameters))
        return centred if self._relative(self._fitted_rows().mean_error(centred)) <= self._exact else model

    # ---- The end ----

    def _is_noisy(self) -> bool:
        """Whether the teacher answers the same question differently; asked until it once does."""
        if self._noisy:
            return True
        queries = self._queries
        old = np.flatnonzero(queries.plain)[: min(_REPEATS, self._left)]
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
        self.validation = (targets, targets - self.model(self._queries.X[place], self._fit.n_threads))

    def _report(self) -> None:
        """Judge on rows that no network was chosen by, nor the moment to stop; a line or a constant may be better."""
        n = min(self._reserve, max(_CHECK_ROWS, len(self._queries) // _REPORT_FRACTION), self._queries.left)
        place = self._queries.ask_plain(self._rng.standard_normal((n, self._dimension)))
        self._leave_to_baselines(place)
        self._validate(place)

    def _leave_to_baselines(self, place: slice) -> None:
        """Put a constant or a line in the network's place if a constant is better, or a line clearly is."""
        y, X = self._queries.y[place], self._queries.X[place]
        models = [self.model, *self._baselines(place)]
        squares = [np.square(y - model(X, self._fit.n_threads)) for model in models]
        best = int(np.argmin([s.mean() for s in squares]))
        gain = squares[0] - squares[best]
        if squares[1].mean() < squares[0].mean() or gain.mean() > _CLEARLY * gain.std() / np.sqrt(len(y)):
            self.model = models[best]

    def _narrow_down(self) -> None:
        """Try what is left of a network twice as wide: starts from more neurons end in better optima."""
        if not self.model.width or self._tell.out_of_time():
            return
        self._tell.enter("narrow down")
        width = self.model.width
        rows = self._plain_rows().part(slice(_NARROWING_ROWS_PER_PARAMETER * 2 * self.model.parameters.size))
        wide = fit_any(rows, 2 * width, 2 * width, self._fit, self._tell, self._rng)
        fit = self._fit.changed(thresholds=True)
        models = [self._refined(m) for m in (self.model, narrowed(wide.model, rows, fit, width, wide.decay)[0])]
        everything = self._fitted_rows()
        self.model = min(models, key=lambda model: float(everything.errors(model).mean()))
        self._tell.report("narrowed down", width, self._relative(float(everything.errors(self.model).mean())))

    def _refine_on_everything(self) -> None:
        """Give the network the use of every row; a constant stays one."""
        rows = self._fitted_rows()
        few = len(rows) < _JOINING_ROWS_PER_PARAMETER * self.model.parameters.size
        if not self.model.parameters[:, :-1].any() or (few and self._error > _BROAD_BEYOND):
            return
        self._tell.enter("refine")
        self.model = self._refined(self.model)
        error = rows.mean_error(self.model)
        self._tell.report("refine", self.model.width, self._relative(error))

    def _tidy(self) -> None:
        """Lose what an exact network does not need: thresholds, neurons of no size, or two on one line."""
        self.model = self._centred(self.model)
        rows = self._fitted_rows()
        while self.model.width:
            smaller, _ = self._fit(without_artefact(self.model), rows)
            if smaller.width == self.model.width:
                return
            if self._relative(float(np.mean(rows.errors(smaller)))) > self._exact:
                return
            self.model = smaller

    def noise_variance(self) -> float:
        """Sum of weighted squared residuals over the number of rows less that of the parameters; NaN without spare."""
        rows, model = self._fitted_rows(), self.model
        n, freedom = len(rows), len(rows) - model.parameters.size + model.width * (not self.has_thresholds)
        if freedom <= 0:
            return np.nan
        weights = np.ones(n) if rows.weights is None else rows.weights
        squares = np.square(rows.residuals(model))
        return float(np.average(squares, weights=weights)) * n / freedom
