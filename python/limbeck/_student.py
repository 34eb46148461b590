"""The student of a function that can be asked: rounds of asking, learning and judging.

Rounds of queries at x ~ N(0, I) grow geometrically; each network is judged on fresh ones, which then join the others.
Neurons that nearly cancel, or nearly agree, differ in a narrow band around their kinks alone, which plain queries hit
once in 1 / width times. There the queries are focused: x is drawn with its component along a kink's normal u shrunk by
the band's width h. In the coordinates in which such x are standard Gaussian again, directions near u lie 1 / h times
further apart, so that the band is a learning problem like any other; and each solution shows where to focus next.

A function that no narrow network is equal to is soon told from one that is, and then gets the best network of so many
neurons: hinges anywhere, twice as many as asked for, of which the least needed are given up one by one.
"""

from __future__ import annotations

import time
from typing import NamedTuple, NoReturn

import numpy as np

from limbeck._learning import FEWEST_ROWS
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model, model_of
from limbeck._narrowing import narrowed
from limbeck._polish import EXACT
from limbeck._progress import Progress
from limbeck._queries import Band, EnoughError, Queries, draw_band, importance, squeezed
from limbeck._tabular import fit_any
from limbeck.learn import learn
from limbeck.scales import cluster
from limbeck.subspace import Subspace

__all__ = ["Options", "Student"]

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
_CLUMP_ANGLE = 0.3
_STRAY = 0.1  # relative size of a neuron that a clump half resolved may have left anywhere
_BAND_KEPT_OUT = 0.1
# Neurons merged by mistake leave an error in their band alone, which plain queries miss. Two rows at each of these
# widths around every kink see it.
_PROBE_WIDTHS = tuple(10.0**-i for i in range(1, 7))
_PROBE_ROWS = 2
_PROBE_BELOW = 0.05
_NARROWEST = 1e-12  # stretched by 1 / width, coordinates keep four digits
_SAME_KINK = 1e-4
# ReLUs along different lines are linearly independent: what an exact network has too many is fainter than this relative
# to the largest neuron, or closer to another one than this angle.
_ARTEFACT = 1e-6
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


class _Clump(NamedTuple):
    """Neurons that are close, and how the residuals lie around their kinks."""

    members: list[int]
    normal: Float64Array
    share: float  # of the squared residuals
    width: float  # of the band in which they lie


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
        self.model = linear_model(queries.X.shape[1])
        self._error = np.inf  # relative to the variance
        self.subspace: Subspace | None = None
        self.validated = slice(0)
        self.validation = (np.empty(0), np.empty(0))  # targets and residuals
        self._judged_on = (slice(0), np.empty(0))  # rows, and their weights
        self._may_be_narrow = True
        self._noisy = False
        self.judged = False

    @property
    def _left(self) -> int:
        return self._queries.left - self._reserve

    def run(self) -> str:
        """All rounds; why there were no more."""
        try:
            self._explore()
        except EnoughError as enough:
            reason = str(enough)
        if not self.judged:
            self.model = self._learn(self._queries.X, self._queries.y, self._options.width, self._options.most)
        if self._error > self._exact:
            try:
                if not self._may_be_narrow:
                    self._narrow_down()
                self._report()
                self._refine_on_everything()
            except EnoughError:
                reason = "time"
                self._validate(self.validated)  # no time to ask: the rows that it was chosen by
        else:
            self._tidy()
        return reason

    def _explore(self) -> NoReturn:
        """Rounds of plain queries, each followed by focused ones, until one of the steps has had enough."""
        self._ask_plain(min(self._first_rows(), 3 * self._left // 4))
        stalls = 0
        while True:
            before = self.model
            self._relearn()
            self._focus()
            # On the same rows, fresh to both: an error by itself varies from one set of rows to the next.
            stalls = 0 if self._error < _IMPROVEMENT * self._judged_error(before) else stalls + 1
            if stalls >= _STALLS and len(self._queries) >= _STALL_ROWS_PER_PARAMETER * self._parameters:
                raise EnoughError("noise" if self._is_noisy() else "no improvement")
            self._ask_plain(min((_GROWTH - 1) * len(self._queries), self._left * _CHECK_SHARE // (_CHECK_SHARE + 1)))

    @property
    def _parameters(self) -> int:
        """Of the widest network."""
        return (self._options.most + 1) * (self._queries.X.shape[1] + 1)

    def _first_rows(self) -> int:
        if self._options.width is not None:
            return max(_FIRST_ROWS, _ROWS_PER_PARAMETER * self._parameters)
        return max(_FIRST_ROWS, _FIRST_ROWS_PER_FEATURE * (self._queries.X.shape[1] + 1))

    def _ask_plain(self, n: int) -> slice:
        if n < 1:
            raise EnoughError("budget")
        place = self._queries.ask_plain(self._rng.standard_normal((n, self._queries.X.shape[1])))
        self._tell_queries()
        return place

    def _ask_bands(self, bands: list[Band], keep_out: list[tuple[Float64Array, float]] | None = None) -> slice:
        if sum(band.rows for band in bands) > self._left:
            raise EnoughError("budget")
        d = self._queries.X.shape[1]
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
        """All rows, with their importance weights."""
        queries = self._queries
        return Rows(queries.X, queries.y, queries.weights(), self._fit.n_threads)

    def _relearn(self) -> None:
        """Learn anew from the plain rows, and refine what there was on all; the better one stays."""
        self._tell.enter("learn")
        queries, options = self._queries, self._options
        rows = Rows(queries.X[queries.plain], queries.y[queries.plain], n_threads=self._fit.n_threads)
        few, narrow, broad = rows, None, None
        if self._may_be_narrow:
            few = rows if self._noisy else self._some(rows, _HUNT_ROWS_PER_PARAMETER)
            narrow = self._learn(few.X, few.y, options.width, options.most)
        if narrow is None or rows.errors(narrow).mean() > _BROAD_BEYOND * rows.variance:
            broad = fit_any(rows, options.width, options.most, self._fit, self._tell, self._rng).model
        models = [model for model in (narrow, broad) if model is not None]
        if queries.bands or few is not rows:
            models += [self._refined(model) for model in models]
        if self.judged:
            models.append(self._refined(self.model))
        self._judge("judged", models)
        if narrow and broad and len(rows) >= _BROAD_ROWS_PER_PARAMETER * self._parameters:
            error = self._judged_error(narrow)
            found = error < _BROAD_BEYOND or _BROAD_AS_GOOD * error < self._judged_error(broad)
            self._may_be_narrow = found or self._is_noisy()

    def _some(self, rows: Rows, per_parameter: int) -> Rows:
        """Rows enough for a search, drawn anew each time."""
        most = per_parameter * self._parameters
        return rows if len(rows) <= most else rows.part(np.sort(self._rng.choice(len(rows), most, replace=False)))

    def _refined(self, model: Model) -> Model:
        """The model refined on all rows; its thresholds too if it has any."""
        rows, fit = self.everything(), self._fit.changed(thresholds=bool(model.neurons[:, -1].any()))
        if self._relative(float(rows.errors(model).mean())) > _BROAD_BEYOND:
            # Beside what the parameters leave open anyway, a smaller gain in the sum of squares is of no meaning.
            fit = fit.changed(tolerance=_LAST_GAIN * model.parameters.size / len(rows))
        return fit(model, rows)[0]

    def _judge(self, stage: str, models: list[Model]) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for."""
        if not self.judged:
            self.model = models[0]
        elif self._left < _CHECK_ROWS:
            raise EnoughError("budget")  # fewer could choose the worse one
        checks = min(max(_CHECK_ROWS, len(self._queries) // _CHECK_SHARE), self._left)
        place = self._ask_plain(checks)
        self._choose(models, place, np.ones(checks))
        self.judged = True
        if self._error < _PROBE_BELOW and any(model.alive().width for model in models):
            bands = _probes(models)
            near = self._ask_bands(bands)
            both = slice(place.start, near.stop)
            self._choose(models, both, importance(self._queries.X[both], checks, bands))
        self._validate(place)
        self._tell.report(stage, self.model.width, self._error)
        if self._error <= (self._exact if self._options.tolerance is None else self._options.tolerance):
            raise EnoughError("tolerance")

    def _choose(self, models: list[Model], place: slice, weights: Float64Array) -> None:
        """The model of the smallest weighted error on some rows, and its error."""
        self._judged_on = (place, weights)
        errors = [self._judged_error(model) for model in models]
        best = int(np.argmin(errors))
        self.model, self._error = models[best].alive(), errors[best]

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
            clumps = self._clumps()
            worth = [c for c in clumps if c.width < _CONCENTRATED and c.share > _SHARE * clumps[0].share]
            if not worth:
                return
            before = self._error
            # The clump that most of the error comes from; if that did not help, the next.
            zoomed = self._zoom(worth[min(failures, len(worth) - 1)], clumps)
            self._tell.enter("refine")
            self._judge("focused", [self._refined(model) for model in (self.model, zoomed)])
            failures = 0 if self._error < _FOCUS_IMPROVEMENT * before else failures + 1

    def _clumps(self) -> list[_Clump]:
        """Clumps of the network, the one that most of the squared residuals are nearest to first."""
        rows, model = self.everything(), self.model
        weights = np.ones(len(rows)) if rows.weights is None else rows.weights
        squares = weights * np.square(rows.residuals(model))
        groups = _groups(model)
        normals = [_centre(model, group) for group in groups]
        distance = np.abs(rows.X @ np.array(normals).T)
        nearest = distance.argmin(axis=1)
        found = []
        for j, (group, normal) in enumerate(zip(groups, normals, strict=True)):
            at = nearest == j
            total = float(squares[at].sum())
            if total > 0:
                # Medians: a few far residuals of another origin must not widen the band.
                usual = max(_median(distance[at, j], weights[at]), _NARROWEST)
                width = _median(distance[at, j], squares[at]) / usual
                found.append(_Clump(group, normal, total / float(squares.sum()), max(width, _NARROWEST)))
        return sorted(found, key=lambda clump: -clump.share)

    def _zoom(self, clump: _Clump, clumps: list[_Clump]) -> Model:
        """The network with a clump learned anew from rows of its band, in which its neurons lie far apart."""
        model, d = self.model, self._queries.X.shape[1]
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

    def _validate(self, place: slice) -> None:
        """Keep the residuals of the model on some plain rows."""
        targets = self._queries.y[place]
        self.validated = place
        self.validation = (targets, targets - self.model(self._queries.X[place], self._fit.n_threads))

    def _report(self) -> None:
        """Judge on rows that no network was chosen by, nor the moment to stop."""
        n = min(self._reserve, max(_CHECK_ROWS, len(self._queries) // _REPORT_FRACTION), self._queries.left)
        self._validate(self._queries.ask_plain(self._rng.standard_normal((n, self._queries.X.shape[1]))))

    def _narrow_down(self) -> None:
        """Try what is left of a network twice as wide: starts from more neurons end in better optima."""
        self._tell.enter("narrow down")
        queries, width = self._queries, self.model.width
        parameters = 2 * self.model.parameters.size
        first = np.flatnonzero(queries.plain)[: _NARROWING_ROWS_PER_PARAMETER * parameters]
        rows = Rows(queries.X[first], queries.y[first], n_threads=self._fit.n_threads)
        wide = fit_any(rows, 2 * width, 2 * width, self._fit, self._tell, self._rng)
        fit = self._fit.changed(thresholds=True)
        models = [self._refined(m) for m in (self.model, narrowed(wide.model, rows, fit, width, wide.decay)[0])]
        everything = self.everything()
        self.model = min(models, key=lambda model: float(everything.errors(model).mean()))
        self._tell.report("narrowed down", width, self._relative(float(everything.errors(self.model).mean())))

    def _refine_on_everything(self) -> None:
        """Give the network the use of every row."""
        self._tell.enter("refine")
        rows = self.everything()
        self.model = self._refined(self.model)
        self._tell.report("refine", self.model.width, self._relative(float(rows.errors(self.model).mean())))

    def _tidy(self) -> None:
        """Lose the neurons that an exact network does not need: of no size, or two on one line."""
        rows = self.everything()
        while self.model.width:
            smaller, _ = self._fit(_without_artefact(self.model), rows)
            if smaller.width == self.model.width:
                return
            if self._relative(float(np.mean(rows.errors(smaller)))) > self._exact:
                return
            self.model = smaller

    def noise_variance(self) -> float:
        """Sum of weighted squared residuals over the number of rows less that of the parameters; NaN without spare."""
        rows, model = self.everything(), self.model
        n, freedom = len(rows), len(rows) - model.parameters.size + model.width * (not self.has_thresholds)
        if freedom <= 0:
            return np.nan
        weights = np.ones(n) if rows.weights is None else rows.weights
        squares = np.square(rows.residuals(model))
        return float(np.average(squares, weights=weights)) * n / freedom


# ---- Models ----


def _without_artefact(model: Model) -> Model:
    """The model without its faintest neuron, if that has no size, or with the two merged that are on one line."""
    sizes = model.sizes
    if sizes.min() < _ARTEFACT * sizes.max():
        return model.without(int(np.argmin(sizes)))
    groups = cluster(model.directions, _ARTEFACT)
    return model.merged(groups) if len(groups) < model.width else model


def _centre(model: Model, members: list[int]) -> Float64Array:
    """Unit mean of the members' lines, weighted by size and turned towards the largest."""
    directions, sizes = model.directions[members], model.sizes[members]
    sides = np.where(directions @ directions[np.argmax(sizes)] < 0, -1.0, 1.0)
    total = (sizes * sides) @ directions
    return np.asarray(total / np.linalg.norm(total))


def _groups(model: Model) -> list[list[int]]:
    """Neurons by clump; a stray one, small and on its own, counts to the nearest clump, whose fit may have left it."""
    groups = cluster(model.directions, _CLUMP_ANGLE)
    sizes = [float(model.sizes[group].sum()) for group in groups]
    strong = [list(group) for group, size in zip(groups, sizes, strict=True) if size >= _STRAY * max(sizes)]
    normals = np.array([_centre(model, group) for group in strong])
    for group, size in zip(groups, sizes, strict=True):
        if size < _STRAY * max(sizes):
            for i in group:
                strong[int(np.argmax(np.abs(normals @ model.directions[i])))].append(i)
    return strong


def _probes(models: list[Model]) -> list[Band]:
    """Bands of all widths around every kink."""
    directions = np.concatenate([model.alive().directions for model in models])
    normals = [directions[group[0]] for group in cluster(directions, _SAME_KINK)]
    return [Band(normal, width, _PROBE_ROWS) for normal in normals for width in _PROBE_WIDTHS]


def _median(values: Float64Array, weights: Float64Array) -> float:
    """Weighted median."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
