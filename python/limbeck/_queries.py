"""Asking a function: plain and focused queries, what they weigh, and answers that are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from limbeck._arrays import float_array
from limbeck._learning import FEWEST_ROWS, LARGEST, SMALLEST
from limbeck._model import Float64Array
from limbeck._progress import Progress

if TYPE_CHECKING:
    from limbeck.blackbox import Distilled

__all__ = [
    "Band",
    "EnoughError",
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


class EnoughError(Exception):
    """No more queries, for the reason given."""


class Band(NamedTuple):
    """Rows drawn from N(0, I) with the component along the unit vector ``normal`` shrunk by ``width``."""

    normal: Float64Array
    width: float
    rows: int


def squeezed(X: Float64Array, normal: Float64Array, factor: float) -> Float64Array:
    """The component along ``normal`` times ``factor``."""
    return X + np.outer((factor - 1) * (X @ normal), normal)


def draw_band(band: Band, keep_out: list[tuple[Float64Array, float]], rng: np.random.Generator, d: int) -> Float64Array:
    """Rows of a band, away from the hyperplanes (normal, distance) of ``keep_out``."""
    X = np.empty((0, d))
    # Bands to keep out of are narrow, so that most rows pass; if never enough do, the rest may be anywhere.
    for last in (False, False, False, True):
        Z = squeezed(rng.standard_normal((band.rows, d)), band.normal, band.width)
        if not last:
            for normal, distance in keep_out:
                Z = Z[np.abs(Z @ normal) > distance]
        X = np.concatenate([X, Z])[: band.rows]
    return X


def importance(X: Float64Array, plain: int, bands: list[Band]) -> Float64Array:
    """Density of N(0, I) over that of ``plain`` such rows and the bands' rows together, at most 1 / the plain share."""
    total, density = plain, np.full(len(X), float(plain))
    normal, distance = None, np.empty(0)
    for band in bands:
        total += band.rows
        if band.normal is not normal:  # several widths of one normal come one after another
            normal, distance = band.normal, np.abs(X @ band.normal)
        near = np.flatnonzero(distance < _REACH * band.width)
        density[near] += band.rows / band.width * np.exp(-0.5 * np.square(distance[near]) * (band.width**-2 - 1))
    return np.asarray(total / density)


class Queries:
    """Asks the teacher, checks what it says, and keeps it."""

    def __init__(self, teacher: Teacher, d: int, batch_size: int, budget: int, tell: Progress) -> None:
        self._teacher = teacher
        self._batch_size = batch_size
        self._tell = tell
        self._batches = 0
        self.budget = budget
        self.X, self.y = np.empty((0, d)), np.empty(0)
        self.plain = np.empty(0, dtype=bool)
        self.bands: list[Band] = []
        self.precision = float(np.finfo(np.float64).eps)  # of the coarsest answer
        self._weights = np.empty(0)

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

    @property
    def rounding_of_one(self) -> float:
        """How far two answers to the same question may be apart."""
        return float(_ROUNDING * self.precision * np.abs(self.y).max())

    def weights(self) -> Float64Array | None:
        """Importance weights of all rows; None if they are plain."""
        if not self.bands:
            return None
        if len(self._weights) != len(self):  # a band never comes without its rows
            self._weights = importance(self.X, self.n_plain, self.bands)
        return self._weights

    def ask_plain(self, X: Float64Array) -> slice:
        """Ask at rows of N(0, I); their place."""
        return self._ask(X, True)

    def ask_bands(self, X: Float64Array, bands: list[Band]) -> slice:
        """Ask at rows of bands; their place."""
        place = self._ask(X, False)
        self.bands += bands
        return place

    def _ask(self, X: Float64Array, plain: bool) -> slice:
        first = len(self)
        for start in range(0, len(X), self._batch_size):
            # A network needs some rows, however little time there is.
            if len(self) >= FEWEST_ROWS and self._tell.out_of_time():
                raise EnoughError("time")
            part = X[start : start + self._batch_size]
            answers = self.answers(part)
            self.X, self.y = np.concatenate([self.X, part]), np.concatenate([self.y, answers])
            self.plain = np.append(self.plain, np.full(len(part), plain))
        largest = float(np.abs(self.y).max(initial=0.0))
        if 0 < largest < SMALLEST:
            text = f"teacher returned values of size {largest:g} at most, whose square leaves float64; scale them"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, part)
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
