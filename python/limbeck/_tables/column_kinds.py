"""What a column of text holds: numbers in one style, truth values, dates, words; or a fault that must be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from limbeck._tables.columns import Column
from limbeck._tables.date_text import Dates, date_order_in_doubt, dates_in, is_date
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import Problem, shortened
from limbeck._tables.field_kinds import field_kind
from limbeck._tables.number_style import Style, parted_number, styles_of
from limbeck._tables.number_text import is_missing, text_problem
from limbeck._tables.words import converted, possible_kinds, with_and_without_zone, word_levels

__all__ = ["Fault", "Reading", "column_of_values", "reading_of"]

# Part of the rows with a value from which on a column with other fields in it is one of numbers, or dates, with faults.
_MOSTLY, _HALF = 0.9, 0.5
_FEWEST = 10  # different numbers: fewer may be codes among words, unless half of the rows have one of their own
_FEW_WORDS = 3  # different words for a gap among numbers: "unknown", "not measured"
_LOOKED_AT = 2000  # different texts that tell whether a column is one of words


@dataclass(frozen=True)
class Fault:
    """Fault of a column.

    Attributes
    ----------
    text : str
        The first field that shows it; empty if none does.
    problem : callable
        Makes the problem of the place of that field.
    """

    text: str
    problem: Callable[[str], Problem]


@dataclass(frozen=True)
class Reading:
    """Column of text with the ways in which it can be read.

    Attributes
    ----------
    name : str
    codes : ndarray of shape (n,)
        Number of each row's text, -1 for a gap.
    words : list of str
        The different texts.
    column : Column or None
        The column, where no other has to be asked.
    styles : list of Style
        Ways to read it as numbers, of which each gives other numbers.
    bodies : list of str
        Its numbers without their unit.
    dates : list of Dates
        Ways to read it as dates, of which each gives other dates.
    fault : Fault or None
    """

    name: str
    codes: NDArray[np.intp]
    words: list[str]
    column: Column | None = None
    styles: list[Style] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    dates: list[Dates] = field(default_factory=list)
    fault: Fault | None = None

    @cached_property
    def present(self) -> list[str]:
        """The different texts that are no gaps."""
        return [word for word in self.words if not is_missing(word)]


def reading_of(name: str, codes: NDArray[np.intp], words: list[str], dialect: Dialect) -> Reading:
    """Tell what a column of text holds.

    Parameters
    ----------
    name : str
    codes : ndarray of shape (n,)
        Number of each row's text, -1 for a gap.
    words : list of str
        The different texts.
    dialect : Dialect
        What the user has told about numbers, dates and words.
    """
    if name in dialect.words:
        return Reading(name, codes, words, replace(word_levels(name, codes, words), what="words"))
    reading = Reading(name, codes, words)
    present = reading.present
    settled = dialect.numbers if dialect.numbers.settled else None
    if present:
        styles, bodies = styles_of(present, settled)
        if styles:
            return Reading(name, codes, words, None, _different(styles, present), bodies)
    column = word_levels(name, codes, words)
    if not present:
        return Reading(name, codes, words, Column(name, "number", np.full(len(codes), np.nan)))
    if kinds := possible_kinds(present, _no_number):
        zoned, local = with_and_without_zone(present) if kinds[0] == "datetime" else (None, None)
        if zoned is not None and local is not None:
            pair = f"holds dates with a time zone, as {shortened(zoned)}, and without, as {shortened(local)}"
            return Reading(name, codes, words, fault=_mendable(name, local, pair, "write all in one zone"))
        return Reading(name, codes, words, converted(column, kinds[0]))
    if dates := dates_in(present, dialect.dates):
        dates = dates if date_order_in_doubt(dates, present) else dates[:1]
        return Reading(name, codes, words, None, dates=dates)
    return Reading(name, codes, words, column, fault=_fault(reading, present, dialect))


def column_of_values(reading: Reading, values: Iterable[float], kind: str) -> Column:
    """Column of the numbers, or moments, of a reading's texts that are no gaps."""
    table = np.full(len(reading.words) + 1, np.nan)
    table[[not is_missing(word) for word in reading.words] + [False]] = list(values)
    return Column(reading.name, kind, table[reading.codes])


def _no_number(_: str) -> float | None:
    return None


def _different(styles: Sequence[Style], texts: Sequence[str]) -> list[Style]:
    """Styles of which each gives other numbers than those before."""
    if len(styles) == 1:
        return list(styles)
    different, seen = list[Style](), list[list[float] | None]()
    for style in styles:
        values = style.all_numbers(texts)
        if values not in seen:
            different.append(style)
            seen.append(values)
    return different


# ---- Faults ----


def _fault(reading: Reading, present: Sequence[str], dialect: Dialect) -> Fault | None:
    """Fault of a column whose fields are numbers, or dates, but for some, or in forms that contradict one another."""
    number = parted_number  # in whatever form: the user may have told another
    step = max(len(present) // _LOOKED_AT, 1)
    some = [field_kind(text, number) for text in present[::step]]
    if sum(kind != "text" for kind in some) < _HALF * len(some) and step > 1:
        return None
    kinds = {text: field_kind(text, number) for text in present}
    counts = np.bincount(reading.codes[reading.codes >= 0], minlength=len(reading.words))
    rows = {text: int(count) for text, count in zip(reading.words, counts, strict=True) if text in kinds}
    for wanted in (("number", "unit"), ("date",)):
        good = [text for text in present if kinds[text] in wanted]
        bad = [text for text in present if kinds[text] not in wanted]
        total, held = sum(rows.values()), sum(rows[text] for text in good)
        if not bad and all(kinds[text] != "unit" for text in good):  # no words are 1.5 and 1,5
            return _told(reading, dialect, good, bad, held, wanted)
        own = len(good) >= max(_HALF * total, 2)  # half of the rows have a number of their own
        if len(good) < _FEWEST and not own:
            continue
        few = own and len(bad) <= max(_FEW_WORDS, (1 - _MOSTLY) * total)
        half = few or all(map(_smells_of_number, bad))
        if held >= (_HALF if half else _MOSTLY) * total:
            return _told(reading, dialect, good, bad, held, wanted)
    return None


def _smells_of_number(text: str) -> bool:
    """Whether a text has digits and no letters, as numbers in brackets or with a sign behind them."""
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, text)) and not is_date(text)


def _told(
    reading: Reading, dialect: Dialect, good: Sequence[str], bad: Sequence[str], held: int, wanted: Sequence[str]
) -> Fault:
    """Fault of a column of numbers or dates with other fields, or in different forms."""
    name, what, numbers = reading.name, "dates" if "date" in wanted else "numbers", dialect.numbers
    if bad:
        others = _rows(reading, bad)
        found = f"holds {what} in {held} rows and something else in {others}, first {shortened(bad[0])}"
        return _mendable(name, bad[0], found, "mend these", bad[0])
    if numbers.settled and what == "numbers":
        text = next((text for text in good if numbers.number(text) is None), good[0])
        return Fault(text, lambda place: text_problem(name, text, place, numbers))
    pair = _contradiction(good) if what == "numbers" else (good[0], good[-1])
    found = f"holds {what} in different forms, {shortened(pair[0])} and {shortened(pair[1])}"
    return _mendable(name, pair[1], found, "write all in one form")


def _rows(reading: Reading, texts: Sequence[str]) -> int:
    """Number of rows with one of the texts."""
    chosen = set(texts)
    return int(np.isin(reading.codes, [i for i, word in enumerate(reading.words) if word in chosen]).sum())


def _mendable(name: str, text: str, found: str, first: str, gap: str = "") -> Fault:
    """Fault with advice beside that of leaving the column out: to mend it, to make gaps, or to take it for words."""
    gaps = f", make gaps of them (--missing {shortened(gap, quoted=' ' in gap)})" if gap else ""
    mend = f"{first}{gaps}, or take all for words (--words {shortened(name, quoted=' ' in name)})"
    return Fault(
        text, lambda place: Problem(name, found, f"{mend}, or drop the column", place, mend=mend, first=first, gap=gap)
    )


def _contradiction(texts: Sequence[str]) -> tuple[str, str]:
    """Two texts that no style reads, if two of them are enough to show it."""
    some = list(texts[:_LOOKED_AT])
    most = max(some, key=lambda text: len(styles_of([text])[0]))
    other = next((text for text in some if not styles_of([most, text])[0]), None)
    if other is not None:
        return most, other
    return next(((a, b) for a, b in pairwise(some) if not styles_of([a, b])[0]), (texts[0], texts[-1]))
