"""Hints about columns that hold numbers but hardly measurements: row numbers, identifiers, constants."""

import re
from collections.abc import Sequence

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.report.numbers import number
from limbeck._tables.errors import drop_options, listed
from limbeck._tables.files import Table

__all__ = ["column_hints"]


# What programs and people call the column of row numbers.
_INDEX_NAMES = re.compile(
    r"(unnamed[: _]*\d*(_level_\d+)?|(row|obs|observation|record|case|sample|line|entry|serial)?[ _.-]*"
    r"(index|idx|id|ids|no|nr|num|number|names?|key)[.]?|rows?|rownames|obs|record|nr|n[o°]|#|s[./]?no[.]?|level_0)",
    re.IGNORECASE,
)
_IDENTIFIER = 1e12  # thirteen digits: times in seconds are below, and so is most of what is counted or paid
_LARGEST = 1e20  # twenty-one digits: no identifier of 64 bits, and any measurement of this size is whole in float64
_EXACT = 2.0**53  # whole numbers beyond lose digits in float64
_FEWEST = 5  # rows: 1, 2, 3 are too few to be taken for row numbers


def column_hints(table: Table, features: Sequence[int], values: Float64Array) -> list[str]:
    """Sentences about columns that the user may not have meant to be features.

    Parameters
    ----------
    table : Table
    features : sequence of int
        Columns of the table.
    values : ndarray of shape (n, at least len(features))
        Numbers of the features, in their order; further columns are not looked at.
    """
    names = table.names
    numbering, identifiers, constant = list[str](), list[str](), list[str]()
    for k, j in enumerate(features):
        column = values[:, k]
        labelled = j in table.nameless | table.row_labels or _INDEX_NAMES.fullmatch(names[j].strip()) is not None
        nameless = not table.named or names[j] in ("X", "x")  # R's name for a column without one
        if (labelled and _counts(column)) or (nameless and _counts(column, in_order=True)):
            numbering.append(names[j])
        elif _identifies(column):
            identifiers.append(names[j])
        elif column.size and (column == column[0]).all():
            constant.append(names[j])
    hints = [
        f"column {listed([name])} holds whole numbers one after another: row numbers? {drop_options([name])}"
        for name in numbering
    ]
    if identifiers:
        hints.append(
            f"{_columns(identifiers)} large whole numbers that are all different: identifiers? "
            f"{drop_options(identifiers)}"
        )
    if constant and len(constant) < len(features):
        value = f" ({number(float(values[0, features.index(names.index(constant[0]))]))})" if len(constant) == 1 else ""
        hints.append(f"{_columns(constant)} one value alone{value}: nothing can be learned from it")
    return hints


def _columns(names: Sequence[str]) -> str:
    """Subject and verb of a sentence about columns."""
    return f"column {listed(names)} holds" if len(names) == 1 else f"columns {listed(names, 3)} hold"


def _counts(column: Float64Array, *, in_order: bool = False) -> bool:
    """Whether the numbers are n whole ones in a row, in any order or rising from 0 or 1."""
    n = len(column)
    if in_order:
        return n >= _FEWEST and column[0] in (0, 1) and bool((np.diff(column) == 1).all())
    if n < _FEWEST or column.max() - column.min() != n - 1 or (column != np.floor(column)).any():
        return False
    return len(np.unique(column)) == n


def _identifies(column: Float64Array) -> bool:
    """Whether the numbers are whole and large, and differ unless digits of them are lost."""
    sizes = np.abs(column)
    if (
        len(column) < _FEWEST
        or sizes.min() < _IDENTIFIER
        or sizes.max() >= _LARGEST
        or (column != np.floor(column)).any()
    ):
        return False
    return bool(sizes.min() >= _EXACT) or len(np.unique(column)) == len(column)
