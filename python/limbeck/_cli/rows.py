"""Rows that ``limbeck learn`` learns from: features, labels and weights of a table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._cli.hints import column_hints, numbers_of_rows
from limbeck._cli.options import CommandError, say
from limbeck._cli.tables import ColumnChoice, give_hints, needing, shown_option
from limbeck._tables.columns import Column, Columns
from limbeck._tables.errors import ColumnsError, listed, shortened
from limbeck._tables.files import Table

__all__ = ["LearningRows", "learning_rows"]


@dataclass(frozen=True)
class LearningRows:
    """Rows of a table.

    Attributes
    ----------
    features : Columns
        Columns of the features.
    labels : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
    places : tuple of int
        Places of the features among the table's columns.
    """

    features: Columns
    labels: Float64Array
    weights: Float64Array | None
    places: tuple[int, ...]

    @property
    def numbers(self) -> Float64Array | None:
        """The features as an array (n, d), where they have no names, and all are numbers without gaps."""
        items = self.features.items
        if self.features.named or any(c.kind != "number" or np.isnan(c.values).any() for c in items):
            return None
        return np.column_stack([column.values for column in items])


def learning_rows(table: Table, choice: ColumnChoice, target: str | None, keep: Sequence[str]) -> LearningRows:
    """Read the rows; columns that number the rows, and rows without a label, are left out with a line on each.

    Parameters
    ----------
    table : Table
    choice : ColumnChoice
        Columns that the options name.
    target : str or None
        The target as the user gave it.
    keep : sequence of str
        Columns that are kept though they may number the rows.

    Raises
    ------
    CommandError
        The labels, or the weights, are no numbers.
    TableError
        A column cannot be read.
    """
    try:
        columns = table.read_columns(choice.all)
    except ColumnsError as error:
        raise needing(error, table, choice, target) from None
    kept = {table.index(name) for name in keep}
    features = [_marked(c, j in kept) for c, j in zip(columns.items, choice.features, strict=False)]
    others = columns.items[len(features) :]
    labels = _labels(table, others[0], target is None)
    weights = None if choice.weight is None else _weights(table, others[1])
    chosen = _without_row_numbers(table, choice, dict(zip(choice.features, features, strict=True)), kept)
    known = ~np.isnan(labels)
    items = Columns(tuple(chosen.values()), table.named)
    if not known.all():
        missing = int((~known).sum())
        rows, are = ("1 row has", "is") if missing == 1 else (f"{missing:,} rows have", "are")
        target_name = shortened(others[0].name)
        say(f"warning: {table.path.name}: {rows} no value of the target {target_name} and {are} left out")
        at = np.flatnonzero(known)
        items, labels, weights = items.part(at), labels[at], None if weights is None else weights[at]
    numbers = _whole_numbers(chosen)
    told = [j for j, _ in numbers if j not in kept]
    values = np.column_stack([column for j, column in numbers if j in told]) if told else np.empty((len(labels), 0))
    give_hints(table, column_hints(table, told, values))
    return LearningRows(items, labels, weights, tuple(chosen))


def _marked(column: Column, kept: bool) -> Column:
    return replace(column, what="kept") if kept and column.kind == "number" else column


def _whole_numbers(columns: dict[int, Column]) -> list[tuple[int, Float64Array]]:
    """Columns of numbers without gaps, by index."""
    return [
        (j, column.values.astype(np.float64, copy=False))
        for j, column in columns.items()
        if column.kind == "number" and not np.isnan(column.values).any()
    ]


def _without_row_numbers(
    table: Table, choice: ColumnChoice, features: dict[int, Column], kept: set[int]
) -> dict[int, Column]:
    """Features without those that number or name the rows."""
    found = [(j, what) for j, what in numbers_of_rows(table, _whole_numbers(features)) if j not in kept]
    if len(found) == len(features):
        return features
    for j, what in found:
        name = table.names[j]
        say(
            f"hint: {table.path.name}: column {shortened(name)} holds {what}: left out ({shown_option('--keep', name)})"
        )
    left_out = {j for j, _ in found}
    return {j: column for j, column in features.items() if j not in left_out}


def _labels(table: Table, column: Column, is_default: bool) -> Float64Array:
    """Labels of a column; NaN for gaps."""
    if column.kind in ("number", "boolean"):
        if column.gaps.all():
            raise CommandError(f"{table.path}: column {column.name!r} is empty; choose another --target")
        return column.values.astype(np.float64)
    default = ", the last column," if is_default else ""
    raise CommandError(
        f"{table.path}: the target {column.name!r}{default} holds {_held(column)}: a network predicts numbers; encode "
        "it as numbers, or choose another --target"
    )


def _weights(table: Table, column: Column) -> Float64Array:
    """Weights of a column."""
    if column.kind not in ("number", "boolean"):
        raise CommandError(
            f"{table.path}: column {column.name!r} holds {_held(column)}, which are no weights: encode it as numbers, "
            "or choose another --weights"
        )
    if column.gaps.any():
        row = int(np.argmax(column.gaps))
        raise CommandError(
            f"{table.path}: column {column.name!r} has no weight in row {row} counting from 0: fill it, or drop the "
            "row, or choose another --weights"
        )
    return column.values.astype(np.float64)


def _held(column: Column) -> str:
    """What a column holds that is no number."""
    if column.kind == "words":
        return f"words, {listed(column.levels, 3)}"
    return column.what or f"{column.kind}s"
