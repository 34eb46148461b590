"""Numbers for dates: years of the calendar, days or hours; months, weekdays and hours; numbers as dates; zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["PARTS", "DateScale", "in_zone", "part_of"]

PARTS = ("month", "weekday", "hour")
_DAY = 86_400.0
_SECONDS = {"years": 365.2425 * _DAY, "days": _DAY, "hours": 3600.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{2}):?(\d{2})", re.ASCII)
_STEP = 900.0  # seconds: clocks are put forward and back at whole quarters of an hour


@dataclass(frozen=True)
class DateScale:
    """What the numbers of a date mean.

    Attributes
    ----------
    unit : str
        "years", "days" or "hours". Years are those of the calendar: 2012.5 is the middle of 2012.
    origin : float
        Seconds since 1970 that count as 0; not for years.
    """

    unit: str
    origin: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Whether the unit is known."""
        return self.unit in _SECONDS

    def numbers(self, seconds: Float64Array) -> Float64Array:
        """Numbers for seconds since 1970."""
        if self.unit != "years":
            return np.asarray((seconds - self.origin) / _SECONDS[self.unit])
        years = _years(seconds)
        begin, end = _first_of_year(years), _first_of_year(years + 1)
        return np.asarray(years + 1970 + (seconds - begin) / (end - begin))

    def text(self, number: float, resolution: float) -> str:
        """Date for a number; to the day, or to the minute where the resolution (in the unit) is below half an hour."""
        seconds = self._seconds(number)
        try:
            moment = _EPOCH + timedelta(seconds=seconds)
        except (OverflowError, ValueError):
            return f"{number:.6g} {self.unit}"
        if self.unit == "hours" or resolution * _SECONDS[self.unit] < 1800:
            return (moment + timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M")
        return (moment + timedelta(hours=12) if resolution < np.inf else moment).strftime("%Y-%m-%d")

    def _seconds(self, number: float) -> float:
        if self.unit != "years":
            return self.origin + number * _SECONDS[self.unit]
        if not np.isfinite(number) or abs(number) > 1e5:
            return np.inf
        year = np.array([np.floor(number) - 1970])
        begin, end = _first_of_year(year)[0], _first_of_year(year + 1)[0]
        return float(begin + (number - np.floor(number)) * (end - begin))


def _years(seconds: Float64Array) -> Float64Array:
    """Whole years since 1970."""
    return np.floor(seconds).astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64).astype(np.float64)


def _first_of_year(years: Float64Array) -> Float64Array:
    """Seconds since 1970 at the beginning of years, counted from 1970."""
    return years.astype(np.int64).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64).astype(np.float64)


def part_of(part: str, seconds: Float64Array) -> Float64Array:
    """Month from 1 to 12, weekday from 1 (Monday) to 7, or hours since midnight, of seconds since 1970."""
    if part == "month":
        months = np.floor(seconds).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months % 12 + 1, dtype=np.float64)
    if part == "weekday":
        return np.asarray((np.floor(seconds / _DAY) + 3) % 7 + 1)
    return np.asarray((seconds % _DAY) / 3600.0)


def in_zone(seconds: Float64Array, own: str, wanted: str) -> Float64Array:
    """Seconds by the clock of one zone, of moments given by that of another one; NaN stays.

    Parameters
    ----------
    seconds : ndarray of shape (n,)
        Seconds since 1970 by the clock of the zone ``own``.
    own, wanted : str
        Names of zones ("Europe/Berlin", "UTC") or offsets ("+09:00").

    Raises
    ------
    ValueError
        A zone is not known here.
    """
    if own == wanted:
        return seconds
    universal = seconds - _offsets(seconds, _zone(own), is_universal=False)
    return np.asarray(universal + _offsets(universal, _zone(wanted), is_universal=True))


def _zone(name: str) -> tzinfo:
    if found := _OFFSET.fullmatch(name):
        size = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(size if found[1] == "+" else -size)
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"the time zone {name!r} is not known here: convert the column to UTC") from None


def _offsets(seconds: Float64Array, zone: tzinfo, *, is_universal: bool) -> Float64Array:
    """Seconds by which a zone's clock is ahead, at moments by universal time or by that clock itself."""
    steps = np.floor(seconds / _STEP)
    different, which = np.unique(steps, return_inverse=True)
    ahead = np.zeros(len(different))
    for i, step in enumerate(different.tolist()):
        try:
            moment = _EPOCH + timedelta(seconds=step * _STEP)
            local = moment.astimezone(zone) if is_universal else moment.replace(tzinfo=zone)
            offset = local.utcoffset()
        except (OverflowError, ValueError):  # a gap, or a year that no calendar has
            continue
        ahead[i] = offset.total_seconds() if offset else 0.0
    return np.asarray(ahead[which])
