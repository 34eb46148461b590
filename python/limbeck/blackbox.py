"""From a function that can be asked to a network of a few neurons: queries where they help, until nothing is left.

Rounds of queries at x ~ N(0, I) grow geometrically; each network is judged on fresh ones, which then join the others.
Neurons that nearly cancel, or nearly agree, differ in a narrow band around their kinks alone, which plain queries hit
once in 1 / width times. There the queries are focused: x is drawn with its component along a kink's normal u shrunk by
the band's width h. In the coordinates in which such x are standard Gaussian again, directions near u lie 1 / h times
further apart, so that the band is a learning problem like any other; and each solution shows where to focus next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from limbeck._arrays import float_array, integer, thread_count
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model, model_of
from limbeck._polish import EXACT
from limbeck._progress import Progress
from limbeck._uncertainty import standard_errors
from limbeck.learn import FEWEST_ROWS, LARGEST, Learned, learn, priced_clumps
from limbeck.scales import cluster
from limbeck.subspace import Subspace

__all__ = ["Distilled", "TeacherError", "TeacherTypeError", "TeacherValueError", "distill"]

Teacher = Callable[[Float64Array], Any]

_ROUNDING = 8.0  # units in the last place that an answer may be off
_DEFAULT_QUERIES = 100_000
_FEWEST_QUERIES = 20
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


class TeacherError(RuntimeError):
    """The teacher raised an exception (the cause of this one), or returned what cannot be learned from.

    In the latter case it is a :class:`TeacherTypeError`, also a TypeError, or :class:`TeacherValueError`, also a
    ValueError.

    Attributes
    ----------
    batch : int
        Number of the batch, from 1.
    inputs : ndarray of shape (m, d)
        The batch.
    X, y : ndarray of shape (n, d) and (n,)
        All queries answered before.
    learned : Distilled or None
        What was learned from them, if anything.
    """

    def __init__(self, message: str, batch: int = 0, inputs: Float64Array | None = None) -> None:
        super().__init__(message)
        self.batch = batch
        self.inputs = inputs
        self.X: Float64Array | None = None
        self.y: Float64Array | None = None
        self.learned: Distilled | None = None


class TeacherTypeError(TeacherError, TypeError):
    """The teacher returned something else than real numbers."""


class TeacherValueError(TeacherError, ValueError):
    """The teacher returned numbers of the wrong shape, NaN or infinity."""


@dataclass(frozen=True, kw_only=True)
class Distilled(Learned):
    """What :func:`distill` found: a :class:`limbeck.Learned` with the queries that it took.

    Attributes
    ----------
    X, y : ndarray of shape (n_queries, d) and (n_queries,)
        All queries in order, and the teacher's answers.
    stopped : str
        Why there were no more: "tolerance" (met), "budget" (``n_queries`` spent), "no improvement" (the teacher is
        unlike any network of so few neurons), "noise" (no improvement, and the teacher's answers to the same question
        differ), "time", or "error" (the teacher's; only in ``TeacherError.learned``).
    """

    X: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    stopped: str

    @property
    def n_queries(self) -> int:
        """Number of queries that the teacher answered."""
        return len(self.y)

    def __str__(self) -> str:
        reasons = {
            "tolerance": "the tolerance was met",
            "budget": "n_queries was reached",
            "no improvement": "more did not help",
            "noise": "more did not help, for the teacher is noisy",
            "time": "the time limit was reached",
            "error": "the teacher failed",
        }
        return f"{super().__str__()}\n{self.n_queries} queries; no more because {reasons[self.stopped]}"


def distill(
    teacher: Teacher,
    n_features: int,
    width: int | None = None,
    *,
    n_queries: int | None = None,
    tolerance: float | None = None,
    max_width: int = 16,
    batch_size: int = 1000,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    n_threads: int | None = None,
) -> Distilled:
    """Learn a sum of a few ReLUs, with a linear part, from a function that answers queries.

    The error that counts is the mean squared one over x ~ N(0, I). Queries are drawn from there, and around the kinks
    of the neurons found as long as errors concentrate near them; importance weights (the balance heuristic of Veach and
    Guibas, Optimally combining sampling techniques for Monte Carlo rendering, SIGGRAPH 1995) keep the error what it is.

    Parameters
    ----------
    teacher : callable
        Called with a float64 array (m, d) of its own, m at most ``batch_size``, and returns m real numbers: an array of
        shape (m,) or (m, 1), or anything that numpy makes one of.
    n_features : int
        d.
    width : int, optional
        Largest number of neurons. None: chosen from the answers.
    n_queries : int, optional
        Largest number of queries, those held out included; default 100,000. At least 20 and 3 (d + 1).
    tolerance : float, optional
        Mean squared error on held-out queries, relative to the variance of the answers, to stop at. Default: what
        rounding leaves, 1e-20, or more if the teacher answers in float32 or with a large mean.
    max_width : int, default 16
        Largest number of neurons when ``width`` is None.
    batch_size : int, default 1000
        Largest number of rows in one call of the teacher.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; the same seed asks the same queries and gives the same result, for any number of threads
        and any batch size.
    progress : bool, default False
        Keep a line on stderr up to date, by tqdm where it is installed.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried and every set of queries answered, with
        the error over the variance of the answers.
    time_limit : float, optional
        Seconds after which the best network so far is returned; a call of the teacher is waited for.
    n_threads : int, optional
        Number of threads; default what OpenMP would take. The teacher is called from the caller's thread.

    Returns
    -------
    Distilled
        Its ``validation_*`` are on plain queries that took no part in anything before. A network not exact is refined
        on them too afterwards. A constant teacher yields a network of no neurons.

    Raises
    ------
    TypeError, ValueError
        An argument has the wrong type or value.
    TeacherError
        The teacher raised an exception, or returned something else than m finite real numbers; with all that was
        asked and learned so far. KeyboardInterrupt goes through unchanged.

    Examples
    --------
    >>> import limbeck
    >>> from limbeck.blackbox import distill
    >>> planted = limbeck.datasets.make_narrow_network("collinear", 20, 2, separation=0.01, seed=0)
    >>> found = distill(lambda X: planted(X), 20, 2)
    >>> found.network.distance(planted) < 1e-20
    True
    >>> found.stopped, found.n_queries < 2000
    ('tolerance', True)
    """
    if not callable(teacher):
        raise TypeError(f"teacher must be callable, got {type(teacher).__name__}")
    d = integer(n_features, "n_features", at_least=1)
    fewest = max(_FEWEST_QUERIES, 3 * (d + 1))
    budget = max(_DEFAULT_QUERIES, fewest) if n_queries is None else integer(n_queries, "n_queries", at_least=1)
    if budget < fewest:
        raise ValueError(f"n_queries must be at least {fewest} for {d} features, got {budget}")
    if width is not None:
        integer(width, "width", at_least=0)
    integer(max_width, "max_width", at_least=0)
    _check_positive(tolerance, "tolerance")
    _check_positive(time_limit, "time_limit")
    tell = Progress(callback, progress, time_limit)
    queries = _Queries(teacher, d, integer(batch_size, "batch_size", at_least=1), budget, tell)
    options = _Options(width, max_width, tolerance, thread_count(n_threads) or None)
    student = _Student(queries, options, tell, np.random.default_rng(seed))
    try:
        return student.run()
    except TeacherError as error:
        error.X, error.y = queries.X, queries.y
        error.learned = student.result("error") if student.judged else None
        raise


def _check_positive(value: float | None, name: str) -> None:
    if value is None:
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a number or None, got {value!r}")
    if not value > 0:
        raise ValueError(f"{name} must be positive or None, got {value!r}")


class _Options(NamedTuple):
    width: int | None
    max_width: int
    tolerance: float | None
    n_threads: int | None

    @property
    def most(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width


class _EnoughError(Exception):
    """No more queries, for the reason given."""


# ---- Queries ----


class _Band(NamedTuple):
    """Rows drawn from N(0, I) with the component along the unit vector ``normal`` shrunk by ``width``."""

    normal: Float64Array
    width: float
    rows: int


def _squeezed(X: Float64Array, normal: Float64Array, factor: float) -> Float64Array:
    """The component along ``normal`` times ``factor``."""
    return X + np.outer((factor - 1) * (X @ normal), normal)


def _draw_band(
    band: _Band, keep_out: list[tuple[Float64Array, float]], rng: np.random.Generator, d: int
) -> Float64Array:
    """Rows of a band, away from the hyperplanes (normal, distance) of ``keep_out``."""
    X = np.empty((0, d))
    # Bands to keep out of are narrow, so that most rows pass; if never enough do, the rest may be anywhere.
    for last in (False, False, False, True):
        Z = _squeezed(rng.standard_normal((band.rows, d)), band.normal, band.width)
        if not last:
            for normal, distance in keep_out:
                Z = Z[np.abs(Z @ normal) > distance]
        X = np.concatenate([X, Z])[: band.rows]
    return X


def _importance(X: Float64Array, plain: int, bands: list[_Band]) -> Float64Array:
    """Density of N(0, I) over that of ``plain`` such rows and the bands' rows together, at most 1 / the plain share."""
    total, density = plain, np.full(len(X), float(plain))
    for band in bands:
        total += band.rows
        density += band.rows / band.width * np.exp(-0.5 * np.square(X @ band.normal) * (band.width**-2 - 1))
    return np.asarray(total / density)


class _Queries:
    """Asks the teacher, checks what it says, and keeps it."""

    def __init__(self, teacher: Teacher, d: int, batch_size: int, budget: int, tell: Progress) -> None:
        self._teacher = teacher
        self._batch_size = batch_size
        self._tell = tell
        self._batches = 0
        self.budget = budget
        self.X, self.y = np.empty((0, d)), np.empty(0)
        self.plain = np.empty(0, dtype=bool)
        self.bands: list[_Band] = []
        self.precision = float(np.finfo(np.float64).eps)  # of the coarsest answer

    def __len__(self) -> int:
        return len(self.y)

    @property
    def left(self) -> int:
        """Queries that may still be asked."""
        return self.budget - len(self)

    @property
    def n_plain(self) -> int:
        """Number of queries at x ~ N(0, I)."""
        return int(self.plain.sum())

    @property
    def variance(self) -> float:
        """Of the teacher's values over x ~ N(0, I)."""
        return float(np.var(self.y[self.plain]))

    @property
    def rounding(self) -> float:
        """Mean squared rounding error of the answers over their variance."""
        square = (_ROUNDING * self.precision) ** 2 * float(np.mean(np.square(self.y[self.plain])))
        return square / self.variance if self.variance else 0.0

    def weights(self) -> Float64Array | None:
        """Importance weights of all rows; None if they are plain."""
        return _importance(self.X, self.n_plain, self.bands) if self.bands else None

    def ask_plain(self, X: Float64Array) -> slice:
        """Ask at rows of N(0, I); their place."""
        return self._ask(X, True)

    def ask_bands(self, X: Float64Array, bands: list[_Band]) -> slice:
        """Ask at rows of bands; their place."""
        place = self._ask(X, False)
        self.bands += bands
        return place

    def _ask(self, X: Float64Array, plain: bool) -> slice:
        first = len(self)
        for start in range(0, len(X), self._batch_size):
            # A network needs some rows, however little time there is.
            if len(self) >= FEWEST_ROWS and self._tell.out_of_time():
                raise _EnoughError("time")
            part = X[start : start + self._batch_size]
            answers = self.answers(part)
            self.X, self.y = np.concatenate([self.X, part]), np.concatenate([self.y, answers])
            self.plain = np.append(self.plain, np.full(len(part), plain))
        return slice(first, len(self))

    def answers(self, X: Float64Array) -> Float64Array:
        """Call the teacher once and check what it returns."""
        self._batches += 1
        self._tell.enter("teacher")
        try:
            answer = self._teacher(X.copy())  # a copy: the teacher may write to it
        except Exception as error:
            text = f"teacher raised {type(error).__name__} on batch {self._batches} ({len(X)} rows): {error}"
            raise TeacherError(text, self._batches, X) from error
        try:
            values = float_array(answer, "what teacher returned", range(65))  # any shape: the next check knows better
        except Exception as error:  # an object's own conversion may raise anything
            kind = TeacherValueError if isinstance(error, ValueError) else TeacherTypeError
            raise kind(f"{error} (batch {self._batches})", self._batches, X) from error
        n = len(X)
        if values.shape not in ((n,), (n, 1)):
            text = f"teacher must return an array of shape ({n},) or ({n}, 1) for {n} rows, got shape {values.shape}"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, X)
        values = values.reshape(n)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            text = f"teacher returned {values[bad[0]]} for row {bad[0]} of batch {self._batches} ({len(bad)} such rows)"
            raise TeacherValueError(text, self._batches, X)
        size = float(np.abs(values).max())
        if size > LARGEST:
            text = f"teacher returned a value of size {size:g}, whose square leaves float64; scale it"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, X)
        dtype = np.asarray(answer).dtype
        if dtype.kind == "f":
            self.precision = max(self.precision, float(np.finfo(dtype).eps))
        return values.astype(np.float64)


# ---- The student ----


class _Clump(NamedTuple):
    """Neurons that are close, and how the residuals lie around their kinks."""

    members: list[int]
    normal: Float64Array
    share: float  # of the squared residuals
    width: float  # of the band in which they lie


class _Student:
    """Rounds of asking, learning and judging."""

    def __init__(self, queries: _Queries, options: _Options, tell: Progress, rng: np.random.Generator) -> None:
        self._queries = queries
        self._options = options
        self._tell = tell
        self._rng = rng
        self._fit = Fit(n_threads=options.n_threads or 0, deadline=tell.deadline)
        self._reserve = min(_REPORT_ROWS, max(FEWEST_ROWS // 2, queries.budget // _REPORT_SHARE))
        self._model = linear_model(queries.X.shape[1])
        self._error = np.inf  # relative to the variance
        self._subspace: Subspace | None = None
        self._validation = (np.empty(0), np.empty(0))  # targets and residuals
        self._judged_on = (slice(0), np.empty(0))  # rows, and their weights
        self.judged = False

    @property
    def _left(self) -> int:
        return self._queries.left - self._reserve

    def run(self) -> Distilled:
        """All rounds, and what they led to."""
        try:
            self._explore()
        except _EnoughError as enough:
            reason = str(enough)
        if not self.judged:
            self._model = self._learn(self._queries.X, self._queries.y, self._options.width, self._options.most)
        if self._error > self._exact:
            try:
                self._report()
                self._refine_on_everything()
            except _EnoughError:
                reason = "time"
        else:
            self._tidy()
        return self.result(reason)

    def _explore(self) -> NoReturn:
        """Rounds of plain queries, each followed by focused ones, until one of the steps has had enough."""
        parameters = (self._options.most + 1) * (self._queries.X.shape[1] + 1)
        self._ask_plain(min(self._first_rows(parameters), 3 * self._left // 4))
        stalls = 0
        while True:
            before = self._model
            self._relearn()
            self._focus()
            # On the same rows, fresh to both: an error by itself varies from one set of rows to the next.
            stalls = 0 if self._error < _IMPROVEMENT * self._judged_error(before) else stalls + 1
            if stalls >= _STALLS and len(self._queries) >= _STALL_ROWS_PER_PARAMETER * parameters:
                raise _EnoughError("noise" if self._is_noisy() else "no improvement")
            self._ask_plain(min((_GROWTH - 1) * len(self._queries), self._left * _CHECK_SHARE // (_CHECK_SHARE + 1)))

    def _first_rows(self, parameters: int) -> int:
        if self._options.width is not None:
            return max(_FIRST_ROWS, _ROWS_PER_PARAMETER * parameters)
        return max(_FIRST_ROWS, _FIRST_ROWS_PER_FEATURE * (self._queries.X.shape[1] + 1))

    def _ask_plain(self, n: int) -> slice:
        if n < 1:
            raise _EnoughError("budget")
        place = self._queries.ask_plain(self._rng.standard_normal((n, self._queries.X.shape[1])))
        self._tell_queries()
        return place

    def _ask_bands(self, bands: list[_Band], keep_out: list[tuple[Float64Array, float]] | None = None) -> slice:
        if sum(band.rows for band in bands) > self._left:
            raise _EnoughError("budget")
        d = self._queries.X.shape[1]
        X = np.concatenate([_draw_band(band, keep_out or [], self._rng, d) for band in bands])
        place = self._queries.ask_bands(X, bands)
        self._tell_queries()
        return place

    def _tell_queries(self) -> None:
        self._tell.report(f"{len(self._queries)} queries", self._model.width, min(self._error, 1.0))

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
            self._subspace = learned.subspace
        return model_of(learned.network)

    def _everything(self) -> Rows:
        queries = self._queries
        return Rows(queries.X, queries.y, queries.weights(), self._fit.n_threads)

    def _relearn(self) -> None:
        """Learn anew from the plain rows, and refine what there was on all; the better one stays."""
        self._tell.enter("learn")
        plain = self._queries.plain
        new = self._learn(self._queries.X[plain], self._queries.y[plain], self._options.width, self._options.most)
        models = [new]
        if self._queries.bands:
            models.append(self._fit(new, self._everything())[0])
        if self.judged:
            models.append(self._fit(self._model, self._everything())[0])
        self._judge("judged", models)

    def _judge(self, stage: str, models: list[Model]) -> None:
        """Compare models on fresh rows, keep the best, and stop if it is as good as was asked for."""
        if not self.judged:
            self._model = models[0]
        checks = min(max(_CHECK_ROWS, len(self._queries) // _CHECK_SHARE), self._left)
        place = self._ask_plain(checks)
        self._choose(models, place, np.ones(checks))
        self.judged = True
        if self._error < _PROBE_BELOW and any(model.alive().width for model in models):
            bands = _probes(models)
            near = self._ask_bands(bands)
            both = slice(place.start, near.stop)
            self._choose(models, both, _importance(self._queries.X[both], checks, bands))
        targets = self._queries.y[place]
        self._validation = (targets, targets - self._model(self._queries.X[place], self._fit.n_threads))
        self._tell.report(stage, self._model.width, self._error)
        if self._error <= (self._exact if self._options.tolerance is None else self._options.tolerance):
            raise _EnoughError("tolerance")

    def _choose(self, models: list[Model], place: slice, weights: Float64Array) -> None:
        """The model of the smallest weighted error on some rows, and its error."""
        self._judged_on = (place, weights)
        errors = [self._judged_error(model) for model in models]
        best = int(np.argmin(errors))
        self._model, self._error = models[best].alive(), errors[best]

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
        while failures < _FOCUS_FAILURES and self._model.width and self._error < _FOCUS_BELOW:
            clumps = self._clumps()
            worth = [c for c in clumps if c.width < _CONCENTRATED and c.share > _SHARE * clumps[0].share]
            if not worth:
                return
            before = self._error
            # The clump that most of the error comes from; if that did not help, the next.
            zoomed = self._zoom(worth[min(failures, len(worth) - 1)], clumps)
            rows = self._everything()
            self._tell.enter("refine")
            self._judge("focused", [self._fit(model, rows)[0] for model in (self._model, zoomed)])
            failures = 0 if self._error < _FOCUS_IMPROVEMENT * before else failures + 1

    def _clumps(self) -> list[_Clump]:
        """Clumps of the network, the one that most of the squared residuals are nearest to first."""
        rows, model = self._everything(), self._model
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
        model, d = self._model, self._queries.X.shape[1]
        others = [i for i in range(model.width) if i not in clump.members]
        most = self._options.most - len(others)
        if self._options.width is None:
            most = min(most, len(clump.members) + 2)
        # Where another clump is not resolved, its error would count as this one's.
        keep_out = [(c.normal, 3 * c.width) for c in clumps if c is not clump and c.width < _BAND_KEPT_OUT]
        band = _Band(clump.normal, clump.width, _ROWS_PER_PARAMETER * (most + 1) * (d + 1))
        place = self._ask_bands([band], keep_out)
        X = self._queries.X[place]
        rest = Model(model.signs[others], model.parameters[[*others, model.width]])
        left = self._queries.y[place] - rest(X, self._fit.n_threads)
        self._tell.enter("focus")
        inner = self._learn(_squeezed(X, clump.normal, 1 / clump.width), left, most, most, show=False)
        parameters = inner.parameters.copy()
        parameters[:, :-1] = _squeezed(parameters[:, :-1], clump.normal, 1 / clump.width)
        parameters[-1] += rest.parameters[-1]
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.neurons, parameters]))

    # ---- The end ----

    def _is_noisy(self) -> bool:
        """Whether the teacher answers the same question differently."""
        queries = self._queries
        old = np.flatnonzero(queries.plain)[: min(_REPEATS, self._left)]
        place = queries.ask_plain(queries.X[old])
        slack = _ROUNDING * queries.precision * np.abs(queries.y).max()
        return bool((np.abs(queries.y[place] - queries.y[old]) > slack).any())

    def _report(self) -> None:
        """Judge on rows that no network was chosen by, nor the moment to stop."""
        n = min(self._reserve, max(_CHECK_ROWS, len(self._queries) // _REPORT_FRACTION), self._queries.left)
        place = self._queries.ask_plain(self._rng.standard_normal((n, self._queries.X.shape[1])))
        targets = self._queries.y[place]
        self._validation = (targets, targets - self._model(self._queries.X[place], self._fit.n_threads))

    def _refine_on_everything(self) -> None:
        """Give the network the use of every row."""
        self._tell.enter("refine")
        rows = self._everything()
        # A gain of a hundredth of the noise variance in the sum of squares is of no statistical meaning.
        self._model, error = self._fit(self._model, rows, tolerance=0.01 / len(rows))
        self._tell.report("refine", self._model.width, self._relative(error))

    def _tidy(self) -> None:
        """Lose the neurons that an exact network does not need: of no size, or two on one line."""
        rows = self._everything()
        while self._model.width:
            smaller, _ = self._fit(_without_artefact(self._model), rows)
            if smaller.width == self._model.width:
                return
            if self._relative(float(np.mean(rows.errors(smaller)))) > self._exact:
                return
            self._model = smaller

    def result(self, reason: str) -> Distilled:
        """What was found so far."""
        self._tell.finish()
        network = self._model.network()
        rows = self._everything()
        targets, residuals = self._validation
        error = float(np.mean(np.square(residuals))) if len(residuals) else np.nan
        variance = float(np.var(targets)) if len(targets) else np.nan
        return Distilled(
            network=network,
            inputs="standard",
            validation_mse=error,
            validation_r2=1 - error / variance if variance else np.nan,
            validation_targets=targets,
            validation_residuals=residuals,
            noise_variance=self._noise_variance(),
            clumps=priced_clumps(network, rows),
            subspace=self._subspace,
            history=self._tell.history,
            timings=self._tell.timings,
            stopped_early=reason == "time",
            _errors=partial(standard_errors, self._model, rows, thresholds=False),
            X=self._queries.X,
            y=self._queries.y,
            stopped=reason,
        )

    def _noise_variance(self) -> float:
        rows = self._everything()
        n, freedom = len(rows), len(rows) - self._model.parameters.size + self._model.width
        if freedom <= 0:
            return np.nan
        weights = np.ones(n) if rows.weights is None else rows.weights
        squares = np.square(rows.residuals(self._model))
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


def _probes(models: list[Model]) -> list[_Band]:
    """Bands of all widths around every kink."""
    directions = np.concatenate([model.alive().directions for model in models])
    normals = [directions[group[0]] for group in cluster(directions, _SAME_KINK)]
    return [_Band(normal, width, _PROBE_ROWS) for normal in normals for width in _PROBE_WIDTHS]


def _median(values: Float64Array, weights: Float64Array) -> float:
    """Weighted median."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
