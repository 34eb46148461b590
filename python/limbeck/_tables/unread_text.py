"""Numbers and dates that stand among the words of a table in memory, in a form in which they are not read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from limbeck._tables.date_text import date_order_in_doubt, dates_in
from limbeck._tables.errors import shortened
from limbeck._tables.number_style import Style, styles_of
from limbeck._tables.number_text import is_missing, plain_number

__all__ = ["numbers_or_dates_in"]

_FEWEST = 10  # different ones: fewer may be codes or grades, such as 1,2 or 3rd
_PART = 0.5  # of the different words, from which on plain numbers among them are no exceptions


def numbers_or_dates_in(words: Iterable[str]) -> str:
    """Say what the words of a column are, and what helps, where they are numbers or dates in a form that is not read.

    Empty where they are neither.

    Parameters
    ----------
    words : iterable of str
        The different words of a column, or a sample of them.
    """
    present = sorted(word for word in set(words) if not is_missing(word))
    if len(present) < _FEWEST:
        return ""
    numbers = [word for word in present if plain_number(word) is not None]
    if len(numbers) == len(present):
        return ""
    if styles := styles_of(present)[0]:
        example = next(word for word in present if plain_number(word) is None)
        return f"numbers written as {shortened(example)}: {_reading(styles)}"
    if dates := dates_in(present):
        day = dates[0].order == "dmy"
        if len(dates) > 1 and not date_order_in_doubt(dates, present):
            dates = dates[:1]
        how = ": read them as dates"
        if dates[0].order:
            how += f", with pandas by to_datetime(dayfirst={day if len(dates) == 1 else '...'})"
        return f"dates written as {shortened(present[0])}{how}"
    if len(numbers) >= max(_FEWEST, _PART * len(present)):
        other = next(word for word in present if plain_number(word) is None)
        return f"numbers, as {shortened(numbers[0])}, and other words, as {shortened(other)}: make gaps of these"
    return ""


def _reading(styles: Sequence[Style]) -> str:
    """How such numbers are read."""
    if len(styles) > 1:
        return "read them as numbers, and tell which mark begins decimals, as pandas.read_csv(decimal=...) does"
    numbers, unit = styles[0].numbers, styles[0].unit
    if unit:
        return f"take {shortened(unit)} away"
    thousands = f", thousands={numbers.thousands[0]!r}" if numbers.thousands else ""
    return f"read them as numbers, with pandas by read_csv(decimal={numbers.decimal!r}{thousands})"
