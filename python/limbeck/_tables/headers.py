"""Whether the first line of a file names its columns.

Text above numbers, or nothing but text, is a header. A first line of numbers may be one, too: years, hours,
wavelengths, counts from 0. It is in doubt where it is written or ordered unlike the rows below: an option must settle
it.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._tables.field_kinds import Number, field_kind
from limbeck._tables.number_text import SIGNS

__all__ = ["doubtful_header", "is_header"]

Rows = Sequence[Sequence[str]]

_WHOLE = re.compile(r"\d+", re.ASCII)
_YEARS = (1800.0, 2100.0)  # names of columns in statistics and forecasts
_RARELY = 0.01  # fraction of the rows that may be ordered like a header before the order is no evidence for one
_IN_ORDER = 6  # columns whose numbers rise or fall all along by chance in 2 of 720 rows
_ENOUGH = 5  # rows of which the range of a column means something
_STEP_ROUNDING = 1e-9  # relative difference of steps that count as equal: decimals in float64 differ by 1e-15


def is_header(first: Sequence[str], second: Sequence[str] | None, number: Number) -> bool:
    """Whether the first row names columns: it has text where the row below has numbers, or nothing but text.

    A row of data may hold text, too, in a column of text. Dates and numbers with a unit above plain numbers are names.
    """
    kinds = [field_kind(field, number) for field in first]
    below = [] if second is None else [field_kind(field, number) for field in second]
    for above, under in zip(kinds, below, strict=False):
        if above in ("text", "date", "unit") and under == "number":
            return True
        if above == "text" and under in ("date", "unit", "truth"):
            return True
    return "text" in kinds and not set(kinds) - {"text", "gap"}


@np.errstate(over="ignore", invalid="ignore")
def doubtful_header(first: Sequence[str], rest: Rows, number: Number) -> bool:
    """Whether a first row of numbers, and of text where the rows below have text, may be a header.

    Parameters
    ----------
    first : sequence of str
        Fields of the first row.
    rest : sequence of sequences of str
        Rows below, as many fields each.
    number : callable
        From a field to its number, None if it is none.
    """
    at = [i for i, field in enumerate(first) if number(field) is not None]
    rest = [row for row in rest if len(row) == len(first) and all(number(row[i]) is not None for i in at)]
    if not at or not rest:
        return False
    head = np.array([number(first[i]) for i in at], dtype=np.float64)
    body = np.array([[number(row[i]) for i in at] for row in rest], dtype=np.float64)
    if len(np.unique(head)) < len(head) or not np.isfinite(head).all():
        return False
    alone = len(at) == len(first)
    blank = [i for i, field in enumerate(first) if not field.strip()]
    if len(at) > 1 and any(all(row[i].strip() for row in rest) for i in blank):
        return True  # the name of row labels is often left out
    if _is_even(head) and _rare(sum(_is_even(row) for row in body), len(body)):
        return True
    if len(at) >= _IN_ORDER and _in_order(head) and _rare(sum(_in_order(row) for row in body), len(body)):
        return True
    if not all(_WHOLE.fullmatch(first[i].strip()) for i in at):
        return False
    if _years(head).all() and not _years(body).mean(axis=0).max() > 0.5 and (_is_even(head) or len(head) <= 2):
        return True
    written_whole = np.array([[_WHOLE.fullmatch(row[i].strip().lstrip(SIGNS)) is not None for i in at] for row in rest])
    if len(rest) > 1 and (written_whole.mean(axis=0) <= 0.1).all():
        return True
    return len(rest) >= _ENOUGH and (len(at) > 1 or not alone) and _far_away(head, body)


def _rare(count: int, rows: int) -> bool:
    """Whether so few rows have a property that it is unusual."""
    return count <= _RARELY * rows


def _is_even(row: Float64Array) -> bool:
    """Whether a row has three or more numbers, at equal steps."""
    steps = np.diff(row)
    return len(row) > 2 and bool(steps[0] != 0 and (np.abs(steps - steps[0]) <= _STEP_ROUNDING * abs(steps[0])).all())


def _in_order(row: Float64Array) -> bool:
    """Whether the numbers of a row rise, or fall, from each to the next."""
    steps = np.diff(row)
    return bool((steps > 0).all() or (steps < 0).all())


def _years(values: Float64Array) -> NDArray[np.bool_]:
    """Which numbers may be years."""
    return (values >= _YEARS[0]) & (values <= _YEARS[1])


def _far_away(head: Float64Array, body: Float64Array) -> bool:
    """Whether every number of the head lies beyond its column by more than the column's range."""
    low, high = body.min(axis=0), body.max(axis=0)
    span = high - low
    return bool(((span > 0) & ((head > high + span) | (head < low - span))).all())
