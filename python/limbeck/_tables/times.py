"""Numbers for dates: years of the calendar, days or hours; months, weekdays and hours; numbers as dates; zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["PARTS", "DateScale", "in_zone", "part_of", "zone_name"]

PARTS = ("month", "weekday", "hour")
_DAY = 86_400.0
_SECONDS = {"years": 365.2425 * _DAY, "days": _DAY, "hours": 3600.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{2}):?(\d{2})", re.ASCII)


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


def in_zone(seconds: Float64Array, zone: str) -> Float64Array:
    """Seconds since 1970 by the clock of a zone, of moments in universal time; NaN stays.

    Parameters
    ----------
    seconds : ndarray of shape (n,)
        Seconds since 1970 in universal time.
    zone : str
        Name of a zone ("Europe/Berlin", "UTC") or an offset ("+09:00").

    Raises
    ------
    ValueError
        The zone is not known here.
    """
    if zone == "UTC":
        return seconds
    known, clock = _zone(zone), np.array(seconds)
    days, which = np.unique(np.floor(seconds / _DAY), return_inverse=True)
    begin, end = _offsets(days * _DAY, known), _offsets((days + 1) * _DAY, known)
    clock += begin[which]
    # Of the days on which the clock is put forward or back, every moment is looked at.
    changed = (begin != end)[which]
    clock[changed] = seconds[changed] + _offsets(seconds[changed], known)
    return clock


def zone_name(zone: str | tzinfo | None) -> str:
    """Name, or offset, by which a zone is kept: "UTC" for one that has neither, and empty for none."""
    if zone is None or zone == "":
        return ""
    if isinstance(zone, timezone):
        offset = zone.utcoffset(None)
        minutes = offset // timedelta(minutes=1)
        if not minutes or offset % timedelta(minutes=1):
            return "UTC"
        return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    # ZoneInfo has a key, pytz a zone; others' names may lead nowhere on another machine.
    name = zone if isinstance(zone, str) else getattr(zone, "key", None) or getattr(zone, "zone", None)
    try:
        _zone(str(name))
    except ValueError:
        return "UTC"
    return str(name)


def _zone(name: str) -> tzinfo:
    if found := _OFFSET.fullmatch(name):
        size = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(size if found[1] == "+" else -size)
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"the time zone {name!r}, whose clock was learned by, is not known here") from None


def _offsets(seconds: Float64Array, zone: tzinfo) -> Float64Array:
    """Seconds by which a zone's clock is ahead of universal time at moments (n,); 0 at gaps and out of the calendar."""
    ahead = np.zeros(len(seconds))
    for i, second in enumerate(seconds.tolist()):
        try:
            offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
        except (OverflowError, ValueError):
            continue
        ahead[i] = offset.total_seconds() if offset else 0.0
    return ahead
