"""Numbers that stand for gaps: -999, 9999 and the like, far from all other values of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import Column, Columns
from limbeck._tables.errors import shortened
from limbeck._tables.number_text import plain_number

__all__ = ["far_values", "sum_of_rows", "with_gaps"]

_NINES = tuple(float("9" * digits) for digits in range(1, 10))
# Nines in any number, the least whole numbers of 16 and 32 bits, and what weather and ocean archives fill gaps with.
_CODES = (
    *(-value for value in _NINES),
    *_NINES[1:],
    *(-999.9, -99.9, 999.9, 9999.9, -9999.9, 99.99, 999.99, 9999.99, -888.0, -8888.0, 888.0, 8888.0),
    *(-32768.0, 32767.0, -2147483648.0, 2147483647.0, 9.969209968386869e36, 1e20, 1e30, -1e30, 1e34, -1e34),
)
# What stands in the last row of a table that sums up the others.
_SUMS = frozenset({"total", "totals", "totale", "sum", "sums", "summe", "somme", "gesamt", "insgesamt"}) | frozenset(
    {"average", "mean", "durchschnitt", "mittelwert"}
)
_FEWEST = 5  # other values, of which the range means something


def far_values(table: Columns) -> list[str]:
    """Sentences about numbers that may stand for gaps.

    Such a number is one of those that programs write, and farther from all others than these are from each other.
    """
    found = list[str]()
    for column in table.items:
        if column.kind != "number" or not column.values.size:
            continue
        values = column.values[~np.isnan(column.values)].astype(np.float64)
        for code in _far_codes(values):
            count, text = int((values == code).sum()), f"{code:.15g}"
            rows = "1 row" if count == 1 else f"{count:,} rows"
            found.append(
                f"column {shortened(column.name)} holds {text} in {rows}, far from all its other numbers: if this is "
                f"no value, make a gap of it, --missing {text}"
            )
    return found


def sum_of_rows(table: Columns) -> list[str]:
    """Sentence about a last row that seems to sum up the others."""
    for column in table.items:
        if column.kind != "words" or len(column) <= _FEWEST or column.values[-1] < 0:
            continue
        word = column.levels[int(column.values[-1])]
        if (
            word.lower().strip(" :.").removeprefix("grand ") in _SUMS
            and (column.values == column.values[-1]).sum() == 1
        ):
            return [f"the last row has {word!r} in column {shortened(column.name)}: delete it if it sums up the others"]
    return []


def _far_codes(values: Float64Array) -> list[float]:
    """Codes among the values that are farther from the others than these are apart."""
    present = [code for code in (values.min(initial=0.0), values.max(initial=0.0)) if code in _CODES]
    if not present:
        return []
    # Two codes may stand side by side, as -999 and -9999.
    present = [code for code in _CODES if (values == code).any()]
    outer = [code for code in present if _is_far(code, values[~np.isin(values, present)])]
    return sorted(outer)


def _is_far(code: float, others: Float64Array) -> bool:
    """Whether a code lies beyond all others, by more than their range."""
    if len(others) < _FEWEST:
        return False
    low, high = float(others.min()), float(others.max())
    return max(low - code, code - high) > high - low


def with_gaps(table: Columns, missing: Sequence[str]) -> Columns:
    """The table with gaps where its values are among those that the user has named.

    Parameters
    ----------
    table : Columns
    missing : sequence of str
        Words, and numbers as text.
    """
    numbers = [value for text in missing if (value := plain_number(text)) is not None]
    return Columns(tuple(_with_gaps(column, numbers, set(missing)) for column in table.items), table.named)


def _with_gaps(column: Column, numbers: Sequence[float], words: set[str]) -> Column:
    if column.kind == "number" and numbers:
        values = np.where(np.isin(column.values, numbers), np.nan, column.values)
        return replace(column, values=values)
    if column.kind == "words" and not words.isdisjoint(column.levels):
        levels = tuple(level for level in column.levels if level not in words)
        places = [levels.index(level) if level not in words else -1 for level in column.levels]
        codes = np.array([*places, -1], dtype=np.intp)[column.values.astype(np.intp)]
        return Column(column.name, column.kind, codes, levels, column.ordered)
    return column
