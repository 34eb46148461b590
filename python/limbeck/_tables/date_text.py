"""Dates in other forms than ISO's, with a time or without: 31.12.2020, 12/31/2020, 31-Dec-2020, 2020-12, 2020Q4."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from limbeck._tables.words import clock_of, seconds_of

__all__ = ["ORDERS", "Dates", "date_order_in_doubt", "dates_in", "is_date"]

ORDERS = ("dmy", "mdy")
_TIME = r"(?:,?[ T]+(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(?P<half>[AaPp]\.?[Mm]\.?)?)?"
_YEAR = r"(?P<year>\d{4}|\d{2})"
_PARTED = re.compile(rf"(?P<first>\d{{1,2}})(?P<mark>[./-])(?P<second>\d{{1,2}})(?P=mark){_YEAR}{_TIME}", re.ASCII)
_NAMED = [
    re.compile(rf"(?P<day>\d{{1,2}})\.?[ -/]?(?P<name>[A-Za-z]{{3,9}})\.?,?[ -/]?{_YEAR}{_TIME}", re.ASCII),
    re.compile(rf"(?P<name>[A-Za-z]{{3,9}})\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}", re.ASCII),
    re.compile(r"(?P<name>[A-Za-z]{3,9})\.?[ -](?P<year>\d{4})", re.ASCII),
]
_MONTHS_OF_YEARS = [
    re.compile(r"(?P<year>\d{4})[-/](?P<month>\d{1,2})", re.ASCII),
    re.compile(r"(?P<month>\d{1,2})/(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<year>\d{4})[ -]?[Qq](?P<quarter>[1-4])", re.ASCII),
    re.compile(r"[Qq](?P<quarter>[1-4])[ -/]?(?P<year>\d{4})", re.ASCII),
]
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october")
_NAMES = {
    **{name: i + 1 for i, name in enumerate(_MONTHS)},
    **{name: i + 1 for i, name in enumerate((*_LONG, "november", "december"))},
    "sept": 9,
}
_PIVOT = 69  # years of two digits from 69 are of the twentieth century, as in POSIX
_WORDS = {"dmy": "day before month", "mdy": "month before day"}


@dataclass(frozen=True)
class Dates:
    """One way to read the dates of a column.

    Attributes
    ----------
    order : str
        "dmy", "mdy", or empty where months have names or days are not given.
    read : callable
        Seconds of a text, or None.
    """

    order: str
    read: Callable[[str], float | None]

    @property
    def words(self) -> str:
        """What is said of a guess; empty if nothing was guessed."""
        return f"dates with {_WORDS[self.order]}" if self.order else ""


def dates_in(texts: Sequence[str], order: str | None = None) -> list[Dates]:
    """Readings by which all texts are dates; two are possible where no day is beyond the twelfth.

    Parameters
    ----------
    texts : sequence of str
        Different texts of a column.
    order : str, optional
        "dmy" or "mdy", as the user has told.
    """
    orders = ORDERS if order is None else (order,)
    found = [Dates(one, _by_order(one)) for one in orders]
    found += [Dates("", _by_name), Dates("", _by_month)]
    return [dates for dates in found if all(dates.read(text) is not None for text in texts)]


def date_order_in_doubt(readings: Sequence[Dates], texts: Sequence[str]) -> bool:
    """Whether two readings give different days for some text."""
    return len(readings) > 1 and any(readings[0].read(text) != readings[1].read(text) for text in texts)


def is_date(text: str) -> bool:
    """Whether a text is a date in one of these forms."""
    return bool(dates_in([text.strip()]))


def _by_order(order: str) -> Callable[[str], float | None]:
    """Reader of dates of three numbers."""

    def read(text: str) -> float | None:
        found = _PARTED.fullmatch(text)
        if found is None:
            return None
        first, second = int(found["first"]), int(found["second"])
        day, month = (first, second) if order == "dmy" else (second, first)
        return _moment(found, month, day)

    return read


def _by_name(text: str) -> float | None:
    for form in _NAMED:
        found = form.fullmatch(text)
        if found is not None and (month := _NAMES.get(found["name"].lower())) is not None:
            return _moment(found, month, int(found.groupdict().get("day", 1)))
    return None


def _by_month(text: str) -> float | None:
    for form in _MONTHS_OF_YEARS:
        if (found := form.fullmatch(text)) is not None:
            parts = found.groupdict()
            month = int(parts["month"]) if "month" in parts else 3 * int(parts["quarter"]) - 2
            return _moment(found, month, 1)
    return None


def _moment(found: re.Match[str], month: int, day: int) -> float | None:
    """Seconds of a date, and of the time that follows it."""
    parts, year = found.groupdict(), int(found["year"])
    if len(found["year"]) == 2:
        year += 1900 if year >= _PIVOT else 2000
    time = 0.0
    if parts.get("clock"):
        clock = clock_of(parts["clock"])
        half = (parts.get("half") or "").lower()[:1]
        if clock is None or (half and not 3600 <= clock < 13 * 3600):
            return None
        time = clock % 43_200 + (43_200 if half == "p" else 0) if half else clock
    try:
        return seconds_of(datetime(year, month, day)) + time
    except ValueError:
        return None
