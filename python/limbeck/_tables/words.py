"""Words that are numbers, truth values, dates or times, told by all different words of a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._tables.columns import Column
from limbeck._tables.number_text import SPELLINGS, is_missing, plain_number

__all__ = [
    "as_word",
    "clock_of",
    "column_of_words",
    "converted",
    "moment_of",
    "order_of_all",
    "possible_kinds",
    "require_no_faults",
    "seconds_of",
    "truth_of",
    "with_and_without_zone",
    "word_levels",
]

_TRUTH = {"true": 1.0, "false": 0.0}
# Part of the rows with a value from which on a column with other words in it is one of numbers with faults.
_MOSTLY = 0.9
_FEWEST_NUMBERS = 10  # different numbers: fewer may be codes among words
# Words for a gap that are never levels; "none" may be one, as in "no garage".
_NEVER_LEVELS = frozenset({"", "?", *SPELLINGS})
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4}[-/]\d{1,2}[-/]\d{1,2})[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(Z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?", re.ASCII)

Convert = Callable[[str], float | None]


def column_of_words(
    name: str,
    codes: NDArray[np.intp],
    words: Sequence[str],
    *,
    ordered: bool = False,
    number: Convert = plain_number,
) -> Column:
    """Make a column of words, or of what all of them stand for: numbers, True and False, dates, times of the day.

    Parameters
    ----------
    name : str
        Name of the column.
    codes : ndarray of shape (n,)
        Number of each row's word, -1 for a gap.
    words : sequence of str
        The different words.
    ordered : bool
        Whether they stand in an order that has a meaning; then they are left as words.
    number : callable
        Number that a word stands for, or None.

    Raises
    ------
    ValueError
        Most of the words are numbers, and some are not.
    """
    column = word_levels(name, codes, words, ordered=ordered)
    kinds = () if ordered or not column.levels else possible_kinds(words, number)
    if kinds:
        return converted(column, kinds[0], number)
    if not ordered:
        counts = np.bincount(column.values[column.values >= 0].astype(np.intp), minlength=len(column.levels))
        require_no_faults(name, dict(zip(column.levels, counts.tolist(), strict=True)), number)
    return column


def word_levels(name: str, codes: NDArray[np.intp], words: Sequence[str], *, ordered: bool = False) -> Column:
    """Make a column of words as they are, without blanks around them; those that stand for a gap are gaps.

    Without an order of their own the levels are in that of the alphabet.
    """
    texts = [word.strip() for word in words]
    levels = list(dict.fromkeys(text for text in texts if text.lower() not in _NEVER_LEVELS))
    if not ordered:
        levels.sort()
    place = {text: i for i, text in enumerate(levels)}
    table = np.array([*(place.get(text, -1) for text in texts), -1], dtype=np.intp)
    return Column(name, "words", table[codes], tuple(levels), ordered)


def as_word(value: Any) -> str:  # noqa: ANN401
    """Write a value out as a word; 1.0 is the word of 1, as tables turn whole numbers into others where gaps are."""
    if isinstance(value, float | np.floating | Decimal):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    return str(value)


def order_of_all(orders: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The longest of several orders of words, if all others are parts of it in the same order; else None."""
    longest = max(orders, key=lambda order: (len(order), order))
    place = {word: i for i, word in enumerate(longest)}
    for order in orders:
        places = [place.get(word, -1) for word in order]
        if -1 in places or places != sorted(places):
            return None
    return longest


def possible_kinds(words: Iterable[str], number: Convert = plain_number) -> tuple[str, ...]:
    """Kinds of columns that all of some words can be read as, best first; words for gaps are passed over."""
    present = [text for text in map(str.strip, words) if not is_missing(text)]
    every = {**_KINDS, "number": number}
    return tuple(kind for kind, convert in every.items() if all(convert(text) is not None for text in present))


def converted(column: Column, kind: str, number: Convert = plain_number) -> Column:
    """Read the words of a column as numbers, truth values, dates or times.

    Raises
    ------
    ValueError
        A word is none.
    """
    convert = number if kind == "number" else _KINDS[kind]
    values = [np.nan if is_missing(text) else convert(text) for text in column.levels]
    codes = np.asarray(column.values, dtype=np.intp)
    zone = _common_zone(column) if kind == "datetime" else ""
    if None in values:
        at = np.array([value is None for value in values] + [False])[codes]
        if at.any():
            row = int(np.argmax(at))
            raise ValueError(
                f"column {column.name!r} holds {_PLURALS[kind]}, but {column.levels[codes[row]]!r} in row {row}"
            )
    table = np.array([*(np.nan if value is None else value for value in values), np.nan])
    return Column(column.name, kind, table[codes], zone=zone)


def require_no_faults(name: str, counts: Mapping[str, int], number: Convert = plain_number) -> None:
    """Raise ValueError for a column of numbers with faults, by the count of each word: its numbers would be lost."""
    is_number = {text: number(text) is not None for text in counts if not is_missing(text)}
    rows = sum(counts[text] for text, holds in is_number.items() if holds)
    faults = [text for text, holds in is_number.items() if not holds]
    others = sum(counts[text] for text in faults)
    if faults and sum(is_number.values()) >= _FEWEST_NUMBERS and rows >= _MOSTLY * (rows + others):
        shown = ", ".join(map(repr, faults[:3])) + (", ..." if len(faults) > 3 else "")
        raise ValueError(
            f"column {name!r} holds numbers in {rows} rows and in {others} something else, {shown}: mend these, make "
            "gaps of them, or drop the column"
        )


# ---- Dates and times ----


def seconds_of(moment: datetime) -> float:
    """Seconds since 1970 of a moment of universal time, or of one without a zone by the clock it is written in."""
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def truth_of(text: str) -> float | None:
    """1 for true and 0 for false, None for other words."""
    return _TRUTH.get(text.lower())


def _date(text: str) -> float | None:
    if not _DATE.fullmatch(text):
        return None
    year, month, day = map(int, re.split("[-/]", text))
    return _moment(year, month, day)


def _datetime(text: str) -> float | None:
    """Seconds of a date with a time, universal if it has a zone; of a date alone too, as some leave midnight out."""
    found = _DATETIME.fullmatch(text)
    if found is None:
        return _date(text)
    day, time = _date(found[1]), clock_of(found[2])
    if day is None or time is None:
        return None
    offset = found[3] or ""
    if offset[:1] not in ("+", "-"):
        return day + time
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 23 or minutes > 59:
        return None
    return day + time - float(f"{offset[0]}1") * (3600 * hours + 60 * minutes)


def _common_zone(column: Column) -> str:
    """Zone of dates with time zones, "UTC" as they are read in universal time; empty for dates without.

    Raises
    ------
    ValueError
        Some have a zone, others have none.
    """
    used = np.unique(np.asarray(column.values, dtype=np.intp))
    texts = [column.levels[code] for code in used[used >= 0].tolist()]
    zoned, local = with_and_without_zone(texts)
    if zoned is not None and local is not None:
        raise ValueError(
            f"column {column.name!r} holds dates with a time zone, as {zoned!r}, and without, as {local!r}: write all "
            "in one zone"
        )
    return "" if zoned is None else "UTC"


def with_and_without_zone(texts: Iterable[str]) -> tuple[str | None, str | None]:
    """The first date with a time zone, and the first without one; None where there is none."""
    zoned = local = None
    for text in texts:
        found = _DATETIME.fullmatch(text)
        if found is not None and found[3]:
            zoned = zoned or text
        elif not is_missing(text):
            local = local or text
    return zoned, local


def clock_of(text: str) -> float | None:
    """Seconds since midnight."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = int(found[1]), int(found[2]), float(found[3] or 0)
    return 3600.0 * hours + 60.0 * minutes + seconds if hours < 24 and minutes < 60 and seconds < 60 else None


def _moment(year: int, month: int, day: int) -> float | None:
    try:
        return seconds_of(datetime(year, month, day))
    except ValueError:
        return None


def moment_of(text: str) -> float | None:
    """Seconds of a date of ISO's form with or without a time, or of a time of the day."""
    return next((value for convert in (_datetime, clock_of) if (value := convert(text)) is not None), None)


_KINDS: dict[str, Convert] = {
    "boolean": truth_of,
    "number": plain_number,
    "date": _date,
    "datetime": _datetime,
    "time": clock_of,
}
_PLURALS = {
    "boolean": "true and false",
    "number": "numbers",
    "date": "dates",
    "datetime": "dates with times",
    "time": "times of the day",
}
