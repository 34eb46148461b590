"""Asking a teacher: a log of queries of several kinds, and answers that are checked."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array, float_array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopQuerying, StopReason, TeacherError, TeacherTypeError, TeacherValueError
from limbeck._learner.blackbox.kink_bands import Band, importance
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, DistillationSettings
from limbeck._learner.pipeline.checks import FEWEST_ROWS, LARGEST, SMALLEST

__all__ = ["Queries", "Teacher"]

Teacher = Callable[[Float64Array], Any]

# Factor by which the arrays that hold the queries grow: all moves together copy no more than three times what there is,
# however small the batches.
_GROWTH = 1.5
# Errors that a function of other arguments than an array of rows raises.
_OF_ARGUMENTS = (TypeError, ValueError, LookupError, AttributeError)
_ONE_ROW = "a function of one row goes as lambda X: [f(x) for x in X]"
_FRAME = "a model of data frames as lambda X: model.predict(pandas.DataFrame(X, columns=names))"


class _Kind(IntEnum):
    """Where a query was drawn."""

    IID = 0  # from N(0, I)
    BAND = 1
    LINE = 2
    HELD_OUT = 3  # from N(0, I), but kept out of all fits until networks have been compared on it


class Queries:
    """The log of all queries: calls the teacher, checks the answers, and keeps both.

    Parameters
    ----------
    teacher : callable
        From rows (m, d) to m numbers, or m rows of several outputs.
    d : int
        Number of features.
    batch_size : int
        Largest number of rows in one call.
    budget : int
        Largest number of queries.
    progress : Progress
        Told of calls; no call is made after its time limit.
    settings : DistillationSettings
        For the rounding error of answers.
    outputs : int
        Numbers in an answer. With more than one, answers are (n, q), errors and variances sums over the outputs.

    Attributes
    ----------
    bands : list of Band
        Those that queries were drawn from.
    precision : float
        Relative precision of the coarsest answer.
    rounding_part : float or None
        Rounding error of an answer over the largest one, where it was measured or is known; None: by the precision.
    is_exact : bool
        Whether the function is known but for rounding: networks are fitted to rows of all kinds, which count alike.
    """

    def __init__(
        self,
        teacher: Teacher,
        d: int,
        batch_size: int,
        budget: int,
        progress: Progress,
        settings: DistillationSettings = DISTILLATION_SETTINGS,
        outputs: int = 1,
    ) -> None:
        self._teacher = teacher
        self._outputs = outputs
        self._batch_size = batch_size
        self._progress = progress
        self._batches = 0
        self.budget = budget
        self._count = 0
        # Longer than there are queries, and replaced by longer ones when they are full.
        self._X, self._kind = np.empty((0, d)), np.empty(0, dtype=np.int8)
        self._y = np.empty(0) if outputs == 1 else np.empty((0, outputs))
        self.bands: list[Band] = []
        self.precision = float(np.finfo(np.float64).eps)
        self.rounding_part: float | None = None
        self.is_exact = False
        self._rounding_units = settings.answer_rounding
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
    def is_iid(self) -> NDArray[np.bool_]:
        """Which queries were drawn from N(0, I)."""
        return np.asarray(self._kind[: self._count] == _Kind.IID)

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which queries networks are fitted to: all but those on lines and those kept out."""
        kind = self._kind[: self._count]
        return np.asarray(kind != _Kind.HELD_OUT if self.is_exact else kind <= _Kind.BAND)

    @property
    def n_before_lines(self) -> int:
        """Number of queries before the first on a line."""
        on_lines = np.flatnonzero(self._kind[: self._count] == _Kind.LINE)
        return int(on_lines[0]) if len(on_lines) else len(self)

    @property
    def remaining(self) -> int:
        """Queries that may still be asked."""
        return self.budget - len(self)

    @property
    def n_iid(self) -> int:
        """Number of queries at x ~ N(0, I)."""
        return int(self.is_iid.sum())

    @property
    def variance(self) -> float:
        """Variance of the teacher's values over x ~ N(0, I)."""
        return float(np.sum(np.var(self.y[self.is_iid], axis=0)))

    @property
    def rounding(self) -> float:
        """Mean squared rounding error of the answers over their variance."""
        squares = np.mean(np.square(self.y[self.is_iid]), axis=0)
        square = (self._rounding_units * self.precision) ** 2 * float(np.sum(squares))
        return square / self.variance if self.variance else 0.0

    @property
    def answer_error(self) -> float:
        """Largest difference between two answers to the same query that rounding explains."""
        part = self._rounding_units * self.precision if self.rounding_part is None else self.rounding_part
        return float(part * np.abs(self.y).max())

    def weights(self) -> Float64Array | None:
        """Importance weights of all rows, zero for those no network is fitted to; None if all are from N(0, I)."""
        fitted = self.fitted
        if self.is_exact or (not self.bands and fitted.all()):
            return None
        if len(self._weights) != len(self):  # a band never comes without its rows
            self._weights = np.zeros(len(self))
            self._weights[fitted] = importance(self.X[fitted], self.n_iid, self.bands)
        return self._weights

    def ask_iid(self, X: Float64Array) -> slice:
        """Ask at rows drawn from N(0, I); returns their place."""
        return self._ask(X, _Kind.IID)

    def ask_held_out(self, X: Float64Array) -> slice:
        """Ask at rows drawn from N(0, I) that no network is fitted to before :meth:`release`; returns their place."""
        return self._ask(X, _Kind.HELD_OUT)

    def release(self, place: slice) -> None:
        """Let the rows held out in a place join the others from N(0, I)."""
        self._kind[place] = _Kind.IID
        self._weights = np.empty(0)

    def ask_bands(self, X: Float64Array, bands: list[Band]) -> slice:
        """Ask at rows drawn from bands; returns their place."""
        place = self._ask(X, _Kind.BAND)
        self.bands += bands
        return place

    def ask_lines(self, X: Float64Array) -> slice:
        """Ask at rows that have no part in any mean over N(0, I); returns their place."""
        return self._ask(X, _Kind.LINE)

    def _ask(self, X: Float64Array, kind: _Kind) -> slice:
        first = len(self)
        self._reserve(first + len(X))
        for start in range(0, len(X), self._batch_size):
            # A network needs some rows, however little time there is.
            if len(self) >= FEWEST_ROWS and self._progress.out_of_time():
                raise StopQuerying(StopReason.TIME)
            batch = X[start : start + self._batch_size]
            answers = self.answers(batch)
            place = slice(self._count, self._count + len(batch))
            self._X[place], self._y[place], self._kind[place] = batch, answers, kind
            self._count = place.stop
        largest = float(np.abs(self.y).max(initial=0.0))
        if 0 < largest < SMALLEST:
            text = f"teacher returned values of size {largest:g} at most, whose square leaves float64; scale them"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, batch)
        return slice(first, len(self))

    def _reserve(self, count: int) -> None:
        """Make room for a number of queries."""
        if count > len(self._y):
            self._reallocate(min(max(count, int(_GROWTH * len(self._y))), max(count, self.budget)))

    def trim(self) -> None:
        """Give back the memory that no query has taken."""
        if self._count < len(self._y):
            self._reallocate(self._count)

    def _reallocate(self, length: int) -> None:
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
        values = self._shaped(values, X)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            rows = len(np.unique(bad[:, 0]))
            first = values[tuple(bad[0])]
            text = f"teacher returned {first} for row {bad[0, 0]} of batch {self._batches} ({rows} such rows)"
            raise TeacherValueError(text, self._batches, X)
        size = float(np.abs(values).max())
        if size > LARGEST:
            text = f"teacher returned a value of size {size:g}, whose square leaves float64; scale it"
            raise TeacherValueError(f"{text} (batch {self._batches})", self._batches, X)
        dtype = np.asarray(answer).dtype
        if dtype.kind == "f":
            self.precision = max(self.precision, float(np.finfo(dtype).eps))
        return values.astype(np.float64)

    def _shaped(self, values: Float64Array, X: Float64Array) -> Float64Array:
        """Answers (n,), or (n, q) of several outputs; TeacherValueError for any other shape."""
        n, q = len(X), self._outputs
        allowed = ((n,), (n, 1)) if q == 1 else ((n, q),)
        if values.shape in allowed:
            return values.reshape((n,) if q == 1 else (n, q))
        shapes = " or ".join(map(str, allowed))
        text = f"teacher must return an array of shape {shapes} for {n} rows, got shape {values.shape}"
        hint = ""
        if self._batches == 1 and values.ndim == 2 and len(values) == n and values.shape[1]:
            hint = f": outputs={values.shape[1]} is for such a teacher"
        elif self._batches == 1:
            hint = f": {_ONE_ROW}"
        raise TeacherValueError(f"{text} (batch {self._batches}){hint}", self._batches, X)
