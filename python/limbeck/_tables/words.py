"""Words that are numbers, truth values, dates or times, told by all different words of a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from limbeck._tables.columns import Column
from limbeck._tables.number_text import SPELLINGS, is_missing, plain_number

__all__ = ["clock_of", "column_of_words", "levels_of", "moment_of", "seconds_of", "truth_of"]

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


def column_of_words(
    name: str,
    codes: NDArray[np.intp],
    words: Sequence[str],
    *,
    ordered: bool = False,
    number: Callable[[str], float | None] = plain_number,
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
    if ordered:
        return Column(name, "words", codes, tuple(words), True)
    texts = [word.strip() for word in words]
    present = [text for text in texts if not is_missing(text)]
    if not present:
        return Column(name, "number", np.full(len(codes), np.nan))
    for kind, convert in (("boolean", truth_of), ("number", number), *_CLOCKS):
        values = _all(present, convert)
        if values is not None:
            by_text = dict(zip(present, values, strict=True))
            table = np.array([*(by_text.get(text, np.nan) for text in texts), np.nan])
            return Column(name, kind, table[codes])
    _refuse_mostly_numbers(name, codes, texts, number)
    return levels_of(name, codes, texts)


def truth_of(text: str) -> float | None:
    """1 for true and 0 for false, None for other words."""
    return _TRUTH.get(text.lower())


def _all(texts: Sequence[str], convert: Callable[[str], float | None]) -> list[float] | None:
    """Values of all texts; None as soon as one has none."""
    values: list[float] = []
    for text in texts:
        if (value := convert(text)) is None:
            return None
        values.append(value)
    return values


def _refuse_mostly_numbers(
    name: str, codes: NDArray[np.intp], texts: Sequence[str], number: Callable[[str], float | None]
) -> None:
    """Raise ValueError for a column of numbers with faults: as words, its numbers would be lost."""
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    is_number = np.array([number(text) is not None and not is_missing(text) for text in texts])
    is_fault = ~is_number & ~np.array([is_missing(text) for text in texts])
    rows = counts[is_number].sum()
    if is_number.sum() >= _FEWEST_NUMBERS and rows >= _MOSTLY * counts[is_number | is_fault].sum():
        first = int(np.flatnonzero(np.append(is_fault, False)[codes])[0])
        raise ValueError(
            f"column {name!r} holds numbers in {rows} rows and something else in {counts[is_fault].sum()}, first "
            f"{texts[codes[first]]!r} in row {first}: mend these, make gaps of them, or drop the column"
        )


def levels_of(name: str, codes: NDArray[np.intp], texts: Sequence[str]) -> Column:
    """Words as levels, in alphabetical order; those that stand for a gap are gaps."""
    levels = sorted({text for text in texts if text.lower() not in _NEVER_LEVELS})
    place = {text: i for i, text in enumerate(levels)}
    table = np.array([*(place.get(text, -1) for text in texts), -1], dtype=np.intp)
    return Column(name, "words", table[codes], tuple(levels))


# ---- Dates and times ----


def seconds_of(moment: datetime) -> float:
    """Seconds since 1970 by the clock that the moment is written in, whatever its zone."""
    return moment.replace(tzinfo=UTC).timestamp()


def _date(text: str) -> float | None:
    if not _DATE.fullmatch(text):
        return None
    year, month, day = map(int, re.split("[-/]", text))
    return _moment(year, month, day)


def _datetime(text: str) -> float | None:
    """Seconds of a date with a time; of a date alone too, as some programs leave midnight out."""
    found = _DATETIME.fullmatch(text)
    if found is None:
        return _date(text)
    day, time = _date(found[1]), clock_of(found[2])
    return None if day is None or time is None else day + time


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
    return next((value for _, convert in _CLOCKS if (value := convert(text)) is not None), None)


_CLOCKS = (("date", _date), ("datetime", _datetime), ("time", clock_of))
