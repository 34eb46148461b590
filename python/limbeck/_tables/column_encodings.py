"""What becomes of one column of a table: numbers that a network takes, from training rows or new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import TIMES, Column
from limbeck._tables.number_text import plain_number
from limbeck._tables.times import DateScale, part_of
from limbeck._tables.words import as_word, converted

__all__ = ["DURATIONS", "ColumnEncoding", "Feature", "Filler", "LeftOut", "Numbers", "Ranks", "Times", "Words"]


@dataclass(frozen=True)
class Feature:
    """One input of a network, made of a column.

    Attributes
    ----------
    name : str
        What it is called: "rent", "ShelveLoc is Good", "Age is missing", "month of date".
    column : str
        The column that it is made of.
    role : str
        "number", "flag" (0 or 1), "rank", or "date".
    levels : tuple of str
        Of a rank, the names of 0, 1, ...
    scale : DateScale or None
        Of a date, what its numbers mean.
    """

    name: str
    column: str
    role: str = "number"
    levels: tuple[str, ...] = ()
    scale: DateScale | None = None


# Called as fill(rows, out, at) to write the features of a slice of rows to the columns of ``out`` from ``at`` on, which
# has all features of these rows, zeros at first, and is C-contiguous.
Filler = Callable[[slice, Float64Array, int], None]


class ColumnEncoding(Protocol):
    """Encoding of one column."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """Name of the column."""
        ...

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features that the column becomes."""
        ...

    def filler(self, column: Column) -> Filler:
        """Function that writes the features of some of a column's rows.

        Raises
        ------
        ValueError
            The column holds something else than that learned from.
        """
        ...

    def described(self) -> str:
        """What becomes of the column, in words."""
        ...


def _as_numbers(column: Column, kind: str, wanted: str) -> Float64Array:
    """Values of a column that must hold numbers or times, NaN for gaps."""
    if column.kind == "words":
        column = converted(column, "datetime" if kind == "date" else kind)  # dates alone are read as midnight
    if kind in TIMES and column.kind in ("date", "datetime") and kind in ("date", "datetime"):
        return np.asarray(column.values, dtype=np.float64)
    if (column.kind != kind and not (column.kind == "boolean" and kind == "number") and not column.gaps.all()) or (
        column.kind == "unknown"
    ):
        what = column.what or {"words": "words", "boolean": "true and false"}.get(column.kind, f"{column.kind}s")
        raise ValueError(f"column {column.name!r} holds {what}, {wanted} were learned from")
    return np.asarray(column.values, dtype=np.float64)


@dataclass(frozen=True)
class Numbers:
    """Numbers as they are, a gap as a number of its own; truth values are 0 and 1.

    Attributes
    ----------
    name : str
        Name of the column.
    gap : float
        What a gap becomes: the median of the rows learned from.
    has_gap_flag : bool
        Whether a feature says where the gaps are.
    is_boolean : bool
        Whether the column holds true and false.
    hours : bool
        Whether the column holds times of the day, which become hours.
    duration : float
        Seconds of the unit that durations become; 0 for a column of no durations.
    """

    kind: ClassVar[str] = "numbers"
    name: str
    gap: float
    has_gap_flag: bool = False
    is_boolean: bool = False
    hours: bool = False
    duration: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the numbers stay as they are."""
        return not (self.has_gap_flag or self.hours or self.duration)

    @property
    def features(self) -> tuple[Feature, ...]:
        name = f"{self.name} in {DURATIONS[self.duration]}" if self.duration else self.name
        own = Feature(name, self.name, "flag" if self.is_boolean else "number")
        return (own, Feature(f"{self.name} is missing", self.name, "flag")) if self.has_gap_flag else (own,)

    def filler(self, column: Column) -> Filler:
        if self.hours:
            values = _as_numbers(column, "time", "times of the day") / 3600.0
        elif self.duration:
            values = _as_numbers(column, "duration", "durations") / self.duration
        elif self.is_boolean and column.kind == "words":
            values = _as_numbers(column, "boolean", "true and false")
        else:
            values = _as_numbers(column, "number", "numbers")
        return _filler_of_gaps(values, self.gap, self.has_gap_flag)

    def described(self) -> str:
        what = "true and false as 1 and 0" if self.is_boolean else "numbers"
        if self.hours:
            what = "hours since midnight"
        elif self.duration:
            what = DURATIONS[self.duration]
        return f"{what}{_gaps_described(self.gap, self.has_gap_flag)}"


DURATIONS = {1.0: "seconds", 60.0: "minutes", 3600.0: "hours", 86_400.0: "days", 31_556_952.0: "years", 0.0: ""}


def _filler_of_gaps(values: Float64Array, gap: float, has_flag: bool) -> Filler:
    """Writer of values with gaps filled and, if asked for, of where the gaps are."""
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, gap, values)

    def fill(rows: slice, out: Float64Array, at: int) -> None:
        out[:, at] = values[rows]
        if has_flag:
            out[:, at + 1] = missing[rows]

    return fill


def _gaps_described(gap: float, has_flag: bool) -> str:
    return f"; a gap counts as {gap:.6g}, and its being one is a feature" if has_flag else ""


@dataclass(frozen=True)
class Words:
    """Words as features that are 0 or 1, one for each of the groups but the first.

    Attributes
    ----------
    name : str
        Name of the column.
    levels : tuple of str
        Words with a group of their own, most frequent first.
    has_other : bool
        Whether there is a group of all other words, which also takes those never seen.
    has_missing : bool
        Whether there is a group of gaps.
    reference : int
        Group without a feature, that the others are compared with: of the words, then other, then missing.
    shares : tuple of float
        Part of the rows learned from in each group: what a word or a gap without a group counts as.
    """

    kind: ClassVar[str] = "words"
    name: str
    levels: tuple[str, ...]
    has_other: bool
    has_missing: bool
    reference: int
    shares: tuple[float, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all groups."""
        other = ("another",) if self.has_other else ()
        return (*self.levels, *other, *(("missing",) if self.has_missing else ()))

    @property
    def features(self) -> tuple[Feature, ...]:
        own = [f"{self.name} is {group}" for i, group in enumerate(self.groups) if i != self.reference]
        return tuple(Feature(name, self.name, "flag") for name in own)

    def filler(self, column: Column) -> Filler:
        codes, words = _words_of(column, self.levels)
        count = len(self.groups)
        unseen = len(self.levels) if self.has_other else count
        missing = count - 1 if self.has_missing else unseen
        known = {word: i for i, word in enumerate(self.levels)}
        groups = np.array([*(known.get(word, unseen) for word in words), missing], dtype=np.intp)
        some_without_group = bool((groups == count).any())
        # Every row writes one number, a row of the reference or without a group a zero to the first feature.
        feature = np.append(np.arange(count) - (np.arange(count) > self.reference), 0)
        feature[self.reference] = 0
        place, one = feature[groups], ((groups != self.reference) & (groups < count)).astype(np.float64)
        shares = np.delete(np.array(self.shares), self.reference)

        def fill(rows: slice, out: Float64Array, at: int) -> None:
            own = codes[rows]
            begins = np.arange(at, at + out.size, out.shape[1])
            begins += place[own]
            out.reshape(-1)[begins] = one[own]
            if some_without_group:
                out[groups[own] == count, at : at + count - 1] = shares

        return fill

    def described(self) -> str:
        names = [name for i, name in enumerate(self.groups) if i != self.reference]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        return f"words: {shown}; compared with {self.groups[self.reference]}"


_SHOWN = 8


def _words_of(column: Column, levels: Sequence[str]) -> tuple[NDArray[np.intp], Sequence[str]]:
    """Number of each row's word, -1 for a gap, and the words; numbers are those of the levels, or written out."""
    if column.kind == "words":
        return np.asarray(column.values, dtype=np.intp), column.levels
    if column.kind == "unknown" or (column.kind in TIMES and not column.gaps.all()):
        what = column.what or f"{column.kind}s"
        raise ValueError(f"column {column.name!r} holds {what}, words were learned from")
    values = column.values
    different, codes = np.unique(values[~column.gaps], return_inverse=True)
    every = np.full(len(values), -1, dtype=np.intp)
    every[~column.gaps] = codes
    if column.kind == "boolean":
        return every, [str(bool(value)) for value in different]
    written = {plain_number(level): level for level in levels}  # "1.0" and "007" are what 1 and 7 were learned as
    words = [as_word(float(value)) for value in different]
    return every, [word if word in levels else written.get(float(word), word) for word in words]


@dataclass(frozen=True)
class Ranks:
    """Ordered categories as their rank 0, 1, ...; a gap, and a word that is none of them, as the median rank.

    Attributes
    ----------
    name : str
        Name of the column.
    levels : tuple of str
        The categories in their order.
    gap : float
        Median rank.
    has_gap_flag : bool
        Whether a feature says where the gaps are.
    """

    kind: ClassVar[str] = "ranks"
    name: str
    levels: tuple[str, ...]
    gap: float
    has_gap_flag: bool = False

    @property
    def features(self) -> tuple[Feature, ...]:
        own = Feature(self.name, self.name, "rank", self.levels)
        if len(self.levels) == 2:
            own = Feature(f"{self.name} is {self.levels[1]}", self.name, "flag")
        return (own, Feature(f"{self.name} is missing", self.name, "flag")) if self.has_gap_flag else (own,)

    def filler(self, column: Column) -> Filler:
        codes, words = _words_of(column, self.levels)
        known = {word: float(i) for i, word in enumerate(self.levels)}
        table = np.array([*(known.get(word, np.nan) for word in words), np.nan])
        return _filler_of_gaps(table[codes], self.gap, self.has_gap_flag)

    def described(self) -> str:
        return f"ranks of {', '.join(self.levels)}{_gaps_described(self.gap, self.has_gap_flag)}"


@dataclass(frozen=True)
class Times:
    """Dates as a number of years, days or hours, with month, weekday and hour where they may come back.

    Attributes
    ----------
    name : str
        Name of the column.
    clock : str
        "date" or "datetime".
    unit : str
        "years", "days" or "hours".
    origin : float
        Seconds since 1970 that count as 0 days or hours; years are those of the calendar.
    parts : tuple of str
        Of "month", "weekday" and "hour", those that are features.
    gap : float
        Seconds since 1970 that a gap becomes.
    has_gap_flag : bool
        Whether a feature says where the gaps are.
    """

    kind: ClassVar[str] = "times"
    name: str
    clock: str
    unit: str
    origin: float
    parts: tuple[str, ...]
    gap: float
    has_gap_flag: bool = False

    @property
    def scale(self) -> DateScale:
        """Meaning of the numbers."""
        return DateScale(self.unit, self.origin)

    @property
    def features(self) -> tuple[Feature, ...]:
        own = [Feature(self.name, self.name, "date", scale=self.scale)]
        own += [Feature(f"{part} of {self.name}", self.name) for part in self.parts]
        return (*own, Feature(f"{self.name} is missing", self.name, "flag")) if self.has_gap_flag else tuple(own)

    @property
    def gap_text(self) -> str:
        """The date that a gap counts as."""
        return self.scale.text(float(self.scale.numbers(np.array([self.gap]))[0]), 1.0)

    def filler(self, column: Column) -> Filler:
        values = _as_numbers(column, self.clock, "dates")

        def fill(rows: slice, out: Float64Array, at: int) -> None:
            missing = np.isnan(values[rows])
            seconds = np.where(missing, self.gap, values[rows])
            out[:, at] = self.scale.numbers(seconds)
            for k, part in enumerate(self.parts, at + 1):
                out[:, k] = part_of(part, seconds)
            if self.has_gap_flag:
                out[:, at + 1 + len(self.parts)] = missing

        return fill

    def described(self) -> str:
        since = "" if self.unit == "years" else f" since {self.scale.text(0.0, np.inf)}"
        parts = f", with {' and '.join(self.parts)}" if self.parts else ""
        gaps = f"; a gap counts as {self.gap_text}, and its being one is a feature" if self.has_gap_flag else ""
        return f"dates, in {self.unit}{since}{parts}{gaps}"


@dataclass(frozen=True)
class LeftOut:
    """A column that no feature is made of.

    Attributes
    ----------
    name : str
        Name of the column.
    reason : str
        Why not.
    """

    kind: ClassVar[str] = "left out"
    name: str
    reason: str

    @property
    def features(self) -> tuple[Feature, ...]:
        return ()

    def filler(self, column: Column) -> Filler:
        return lambda rows, out, at: None

    def described(self) -> str:
        return f"left out: {self.reason}"
