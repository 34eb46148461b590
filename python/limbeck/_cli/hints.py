"""Hints about columns that hold numbers but hardly measurements: row numbers, identifiers, constants."""

import re
from collections.abc import Sequence

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.report.numbers import number
from limbeck._tables.errors import drop_options, listed
from limbeck._tables.files import Table

__all__ = ["column_hints", "numbers_of_rows"]


# What programs and people call the column of row numbers.
_INDEX_NAMES = re.compile(
    r"(unnamed[: _]*\d*(_level_\d+)?|(row|obs|observation|record|case|sample|line|entry|serial)?[ _.-]*"
    r"(index|idx|id|ids|no|nr|num|number|names?|key)[.]?|rows?|rownames|obs|record|nr|n[o°]|#|s[./]?no[.]?|level_0)",
    re.IGNORECASE,
)
# Names that say of whole numbers which all differ that they name the rows.
_NAMES_OF_ROWS = re.compile(
    r"(.*[ _.-])?(id|ids|uuid|guid|key|nr|no|number|account|isbn|ssn|passport)[.]?", re.IGNORECASE
)
_IDENTIFIER = 1e12  # thirteen digits: times in seconds are below, and so is most of what is counted or paid
_LARGEST = 1e20  # twenty-one digits: no identifier of 64 bits, and any measurement of this size is whole in float64
_EXACT = 2.0**53  # whole numbers beyond lose digits in float64
_FEWEST = 5  # rows: 1, 2, 3 are too few to be taken for row numbers


def numbers_of_rows(table: Table, columns: Sequence[tuple[int, Float64Array]]) -> list[tuple[int, str]]:
    """Columns that number or name the rows by their name and their content, each with what is said of it.

    Parameters
    ----------
    table : Table
    columns : sequence of (int, ndarray of shape (n,))
        Columns of numbers without gaps, by index.
    """
    found = list[tuple[int, str]]()
    for j, column in columns:
        name = table.names[j].strip()
        if _is_labelled(table, j) and _counts(column):
            found.append((j, "row numbers"))
        elif (j in table.row_labels or _NAMES_OF_ROWS.fullmatch(name)) and _identifies(column):
            found.append((j, "identifiers"))
    return found


def _is_labelled(table: Table, column: int) -> bool:
    """Whether the name of a column, or that it has none, says that it numbers the rows."""
    name = table.names[column].strip()
    return column in table.nameless | table.row_labels or _INDEX_NAMES.fullmatch(name) is not None


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
        labelled = _is_labelled(table, j)
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
    """Whether the numbers are n consecutive whole numbers, in any order, or in order from 0 or 1."""
    n = len(column)
    if in_order:
        return n >= _FEWEST and column[0] in (0, 1) and bool((np.diff(column) == 1).all())
    if n < _FEWEST or column.max() - column.min() != n - 1 or (column != np.floor(column)).any():
        return False
    return len(np.unique(column)) == n


def _identifies(column: Float64Array) -> bool:
    """Whether the numbers are whole and large, and all different unless float64 has lost digits of them."""
    sizes = np.abs(column)
    if (
        len(column) < _FEWEST
        or sizes.min() < _IDENTIFIER
        or sizes.max() >= _LARGEST
        or (column != np.floor(column)).any()
    ):
        return False
    return bool(sizes.min() >= _EXACT) or len(np.unique(column)) == len(column)
