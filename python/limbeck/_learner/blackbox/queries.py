"""Asking a function: plain and focused queries, what they weigh, and answers that are checked."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array, float_array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.stopping import StopQuerying, StopReason
from limbeck._learner.pipeline.from_arrays import FEWEST_ROWS, LARGEST, SMALLEST

if TYPE_CHECKING:
    from limbeck.blackbox import Distilled

__all__ = [
    "Band",
    "Queries",
    "Teacher",
    "TeacherError",
    "TeacherTypeError",
    "TeacherValueError",
    "draw_band",
    "importance",
    "squeezed",
]

Teacher = Callable[[Float64Array], Any]

_ROUNDING = 8.0  # units in the last place that an answer may be off
# Of the arrays that hold the queries, so that all moves together copy no more than three times what there is, however
# small the batches.
_GROWTH = 1.5
# Raised by what was written for other arguments than an array of rows.
_OF_ARGUMENTS = (TypeError, ValueError, LookupError, AttributeError)
_ONE_ROW = "a function of one row goes as lambda X: [f(x) for x in X]"
_FRAME = "a model of data frames as lambda X: model.predict(pandas.DataFrame(X, columns=names))"
_REACH = 40.0  # standard deviations of a band: beyond, its density is zero in float64


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


class Band(NamedTuple):
    """Rows drawn from N(0, I), the component along the unit vector ``normal`` shrunk by ``width`` and moved."""

    normal: Float64Array
    width: float
    rows: int
    offset: float = 0.0  # along the normal


def squeezed(X: Float64Array, normal: Float64Array, factor: float) -> Float64Array:
    """The component along ``normal`` times ``factor``."""
    return X + np.outer((factor - 1) * (X @ normal), normal)


def draw_band(band: Band, keep_out: list[tuple[Float64Array, float]], rng: np.random.Generator, d: int) -> Float64Array:
    """Rows of a band, away from the hyperplanes (normal, distance) of ``keep_out``."""
    X = np.empty((0, d))
    # Bands to keep out of are narrow, so that most rows pass; if never enough do, the rest may be anywhere.
    for last in (False, False, False, True):
        Z = squeezed(rng.standard_normal((band.rows, d)), band.normal, band.width) + band.offset * band.normal
        if not last:
            for normal, distance in keep_out:
                Z = Z[np.abs(Z @ normal) > distance]
        X = np.concatenate([X, Z])[: band.rows]
    return X


def importance(X: Float64Array, plain: int, bands: list[Band]) -> Float64Array:
    """Density of N(0, I) over that of ``plain`` such rows and the bands' rows together, at most 1 / the plain share."""
    total, density = plain, np.full(len(X), float(plain))
    normal, along = None, np.empty(0)
    for band in bands:
        total += band.rows
        if band.normal is not normal:  # several widths of one normal come one after another
            normal, along = band.normal, X @ band.normal
        near = np.flatnonzero(np.abs(along - band.offset) < _REACH * band.width)
        ratio = np.square((along[near] - band.offset) / band.width) - np.square(along[near])
        density[near] += band.rows / band.width * np.exp(-0.5 * ratio)
    return np.asarray(total / density)


class _Kind(IntEnum):
    """Where a query was drawn."""

    PLAIN = 0  # from N(0, I)
    BAND = 1
    LINE = 2
    HELD = 3  # from N(0, I), but kept out of all fits until networks have been judged on it


class Queries:
    """Asks the teacher, checks what it says, and keeps it."""

    def __init__(self, teacher: Teacher, d: int, batch_size: int, budget: int, progress: Progress) -> None:
        self._teacher = teacher
        self._batch_size = batch_size
        self._progress = progress
        self._batches = 0
        self.budget = budget
        self._count = 0
        # Longer than there are queries, and replaced by longer ones when they are full.
        self._X, self._y, self._kind = np.empty((0, d)), np.empty(0), np.empty(0, dtype=np.int8)
        self.bands: list[Band] = []
        self.precision = float(np.finfo(np.float64).eps)  # of the coarsest answer
        self._weights = np.empty(0)

    def __len__(self) -> int:
        return self._count

    @property
    def X(self) -> Float64Array:
        """All queries in order."""
        return self._X[: self._count]

    @property
    def y(self) -> Float64Array:
        """The answers."""
        return self._y[: self._count]

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Which queries were drawn from N(0, I)."""
        return np.asarray(self._kind[: self._count] == _Kind.PLAIN)

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which queries networks are fitted to: all but those on lines and those kept out."""
        return np.asarray(self._kind[: self._count] <= _Kind.BAND)

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

    @property
    def rounding_of_one(self) -> float:
        """How far two answers to the same question may be apart."""
        return float(_ROUNDING * self.precision * np.abs(self.y).max())

    def weights(self) -> Float64Array | None:
        """Importance weights of all rows, zero for those that networks are not fitted to; None if all are plain."""
        fitted = self.fitted
        if not self.bands and fitted.all():
            return None
        if len(self._weights) != len(self):  # a band never comes without its rows
            self._weights = np.zeros(len(self))
            self._weights[fitted] = importance(self.X[fitted], self.n_plain, self.bands)
        return self._weights

    def ask_plain(self, X: Float64Array) -> slice:
        """Ask at rows of N(0, I); their place."""
        return self._ask(X, _Kind.PLAIN)

    def ask_held(self, X: Float64Array) -> slice:
        """Ask at rows of N(0, I) that no network is to be fitted to before :meth:`release`; their place."""
        return self._ask(X, _Kind.HELD)

    def release(self, place: slice) -> None:
        """Let the rows of a place join the plain ones."""
        self._kind[place] = _Kind.PLAIN
        self._weights = np.empty(0)

    def ask_bands(self, X: Float64Array, bands: list[Band]) -> slice:
        """Ask at rows of bands; their place."""
        place = self._ask(X, _Kind.BAND)
        self.bands += bands
        return place

    def ask_lines(self, X: Float64Array) -> slice:
        """Ask at rows that have no part in any mean over N(0, I); their place."""
        return self._ask(X, _Kind.LINE)

    def _ask(self, X: Float64Array, kind: _Kind) -> slice:
        first = len(self)
        self._reserve(first + len(X))
        for start in range(0, len(X), self._batch_size):
            # A network needs some rows, however little time there is.
            if len(self) >= FEWEST_ROWS and self._progress.out_of_time():
                raise StopQuerying(StopReason.TIME)
            part = X[start : start + self._batch_size]
            answers = self.answers(part)
            place = slice(self._count, self._count + len(part))
            self._X[place], self._y[place], self._kind[place] = part, answers, kind
            self._count = place.stop
        largest = float(np.abs(self.y).max(initial=0.0))
        if 0 < largest < SMALLEST:
            text = f"teacher returned values of size {largest:g} at most, whose square leaves float64; scale them"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, part)
        return slice(first, len(self))

    def _reserve(self, count: int) -> None:
        """Make room for so many queries."""
        if count > len(self._y):
            self._move(min(max(count, int(_GROWTH * len(self._y))), max(count, self.budget)))

    def trim(self) -> None:
        """Let go of the room that no query has taken."""
        if self._count < len(self._y):
            self._move(self._count)

    def _move(self, length: int) -> None:
        for name in ("_X", "_y", "_kind"):
            old = getattr(self, name)
            new = np.empty((length, *old.shape[1:]), dtype=old.dtype)
            new[: self._count] = old[: self._count]
            setattr(self, name, new)

    def answers(self, X: Float64Array) -> Float64Array:
        """Call the teacher once and check what it returns."""
        self._batches += 1
        self._progress.enter("teacher")
        try:
            answer = self._teacher(X.copy())  # a copy: the teacher may write to it
        except Exception as error:
            text = f"teacher raised {type(error).__name__} on batch {self._batches} ({len(X)} rows): {error}"
            if self._batches == 1 and isinstance(error, _OF_ARGUMENTS):
                text += f"; it is called with a NumPy array of shape {X.shape}, one query a row: {_ONE_ROW}, {_FRAME}"
            raise TeacherError(text, self._batches, X) from error
        try:
            values = float_array(answer, "what teacher returned", range(65))  # any shape: the next check knows better
        except Exception as error:  # an object's own conversion may raise anything
            kind = TeacherValueError if isinstance(error, ValueError) else TeacherTypeError
            raise kind(f"{error} (batch {self._batches})", self._batches, X) from error
        n = len(X)
        if values.shape not in ((n,), (n, 1)):
            text = f"teacher must return an array of shape ({n},) or ({n}, 1) for {n} rows, got shape {values.shape}"
            hint = f": {_ONE_ROW}" if self._batches == 1 else ""
            raise TeacherValueError(f"{text} (batch {self._batches}){hint}", self._batches, X)
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
