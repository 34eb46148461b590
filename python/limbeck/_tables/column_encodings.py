"""What becomes of one column of a table: numbers that a network takes, from training rows or new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import Column
from limbeck._tables.times import DateScale, in_zone, part_of
from limbeck._tables.words import converted

__all__ = [
    "DURATIONS",
    "ColumnEncoding",
    "Feature",
    "Filler",
    "LeftOut",
    "Numbers",
    "Times",
    "filler_of_gaps",
    "gaps_described",
]


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


def _as_moments(column: Column, zone: str) -> Float64Array:
    """Seconds, by the clock of a zone, of a column that must hold dates, NaN for gaps."""
    if column.kind == "words":
        column = converted(column, "datetime")  # dates alone are read as midnight
    if column.kind not in ("date", "datetime"):
        return _as_numbers(column, "date", "dates")
    seconds = np.asarray(column.values, dtype=np.float64)
    if np.isnan(seconds).all():
        return seconds
    if bool(column.zone) != bool(zone):
        own, learned = (f"of the zone {name}" if name else "without a time zone" for name in (column.zone, zone))
        raise ValueError(f"column {column.name!r} holds dates {own}, dates {learned} were learned from")
    return in_zone(seconds, zone) if zone else seconds


def _as_numbers(column: Column, kind: str, wanted: str) -> Float64Array:
    """Values of a column that must hold numbers or times, NaN for gaps."""
    if column.kind == "words":
        column = converted(column, kind)
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
        return filler_of_gaps(values, self.gap, self.has_gap_flag)

    def described(self) -> str:
        what = "true and false as 1 and 0" if self.is_boolean else "numbers"
        if self.hours:
            what = "hours since midnight"
        elif self.duration:
            what = DURATIONS[self.duration]
        return f"{what}{gaps_described(self.gap, self.has_gap_flag)}"


DURATIONS = {1.0: "seconds", 60.0: "minutes", 3600.0: "hours", 86_400.0: "days", 31_556_952.0: "years", 0.0: ""}


def filler_of_gaps(values: Float64Array, gap: float, has_flag: bool) -> Filler:
    """Writer of values with gaps filled and, if asked for, of where the gaps are."""
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, gap, values)

    def fill(rows: slice, out: Float64Array, at: int) -> None:
        out[:, at] = values[rows]
        if has_flag:
            out[:, at + 1] = missing[rows]

    return fill


def gaps_described(gap: float, has_flag: bool) -> str:
    """What a gap counts as, in words; empty where gaps are no feature."""
    return f"; a gap counts as {gap:.6g}, and its being one is a feature" if has_flag else ""


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
    zone : str
        Time zone whose clock it goes by; empty for dates without.
    """

    kind: ClassVar[str] = "times"
    name: str
    clock: str
    unit: str
    origin: float
    parts: tuple[str, ...]
    gap: float
    has_gap_flag: bool = False
    zone: str = ""

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
        values = _as_moments(column, self.zone)

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
        return f"dates{f' by the clock of {self.zone}' if self.zone else ''}, in {self.unit}{since}{parts}{gaps}"


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
