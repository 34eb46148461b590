"""Numbers and dates that stand among the words of a table in memory, in a form in which they are not read."""

from __future__ import annotations

from collections.abc import Iterable

from limbeck._tables.date_text import dates_in
from limbeck._tables.errors import shortened
from limbeck._tables.number_style import styles_of
from limbeck._tables.number_text import is_missing, plain_number

__all__ = ["numbers_or_dates_in"]

_FEWEST = 10  # different ones: fewer may be codes or grades, such as 1,2 or 3rd
_PART = 0.2  # of the different words, from which on plain numbers among them are no exceptions


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
    if styles_of(present)[0]:
        example = next(word for word in present if plain_number(word) is None)
        what = "with pandas by read_csv(decimal=',', thousands='.')" if "," in example else "without units or marks"
        return f"numbers written as {shortened(example)}: read them as numbers, {what}"
    if dates_in(present):
        return f"dates written as {shortened(present[0])}: read them as dates, with pandas by to_datetime(dayfirst=...)"
    if len(numbers) >= max(_FEWEST, _PART * len(present)):
        other = next(word for word in present if plain_number(word) is None)
        return f"numbers, as {shortened(numbers[0])}, and other words, as {shortened(other)}: make gaps of these"
    return ""
