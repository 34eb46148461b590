"""Tables in memory: labels without gaps, and the features that columns of words, gaps and dates become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, float_array, same_length
from limbeck._base.frames import column_names, feature_names, named_array
from limbeck._base.warnings import warn
from limbeck._learner.pipeline.checks import GivenNames, TrainingData, checked_data
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._tables.columns import Column, Columns
from limbeck._tables.encoding import Encoding, columns_of_array
from limbeck._tables.frame_columns import column_of, columns_of
from limbeck._tables.make_encoding import made_encoding
from limbeck._tables.unread_text import numbers_or_dates_in
from limbeck.blocks._protocol import Block, Blocks, rows_per_block

__all__ = ["GivenTable", "TableBlocks", "given_table", "require_features", "require_no_gaps"]

_SHOWN = 5  # columns with gaps that an error lists


@dataclass(frozen=True)
class GivenTable:
    """Rows as they were given, or the columns of a table and what becomes of them.

    Attributes
    ----------
    X, y, sample_weight
        Rows, labels and weights; of a table whose columns are not all features as they are, only labels and weights.
    names : GivenNames
        Names that the caller gave.
    table : Columns or None
        Columns of a table that has to be encoded.
    encoding : Encoding or None
        What becomes of its columns; of a table of nothing but numbers, too, but not of arrays.
    columns : tuple of str or None
        Names of the columns of the table learned from.
    """

    X: Any
    y: Any
    sample_weight: Any
    names: GivenNames
    table: Columns | None = None
    encoding: Encoding | None = None
    columns: tuple[str, ...] | None = None

    @property
    def n_features(self) -> int:
        """Number of features of a table that has to be encoded."""
        assert self.encoding is not None
        return len(self.encoding.features)

    def blocks(self) -> Blocks:
        """Blocks of a table that has to be encoded, each of which is encoded when it is asked for."""
        assert self.table is not None
        assert self.encoding is not None
        return TableBlocks(self.table, self.encoding, self.y, self.sample_weight, self.names.target)

    def checked(self, n_threads: int | None) -> TrainingData:
        """Rows as the learner takes them.

        Raises
        ------
        TypeError, ValueError
            See :func:`limbeck.learn`.
        """
        X, names = self.X, self.names
        if self.table is not None and self.encoding is not None:
            X, names = self.encoding.encode(self.table), replace(names, features=self.encoding.feature_names)
        data = checked_data(X, self.y, self.sample_weight, names, n_threads)
        return replace(data, columns=self.columns, encoding=self.encoding)


def given_table(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    names: GivenNames,
    options: LearnOptions,
) -> GivenTable:
    """Look at rows in memory: a table of words, gaps or dates gets an encoding, and rows without a label are left out.

    Raises
    ------
    TypeError
        Labels are words, dates or none at all.
    ValueError
        Names are not one for each column, a column holds a mixture, or there are gaps and ``missing`` is "error".
    """
    table, labels = _table_of(X, options), _labels_of(y)
    has_gaps = labels is not None and bool(labels.gaps.any())
    if labels is not None:
        y = named_array(labels.values.astype(np.float64), (labels.name,) if labels.name else None)
    plain = GivenTable(X, y, sample_weight, names)
    if table is None:
        if not has_gaps:
            return plain
        rows = float_array(X, "X", 2, np.float64, objects=True)
        table = columns_of_array(rows, column_names(X))
    own = table.names if table.named else None
    if own is not None and labels is not None:
        _warn_of_labels_among_features(table, labels)
    if names.features is not None:
        table = table.called(feature_names(names.features, X, table.shape[1]))
    if options.missing == "error":
        require_no_gaps(table, labels)
    same_length(np.broadcast_to(0.0, table.shape), "X", 0, np.asarray(y), "y", 0, "rows")
    if has_gaps:
        table, y, sample_weight = _with_labels(table, y, sample_weight)
    encoding = made_encoding(_of_positive_weight(table, sample_weight))
    numbers = all(item.kind in ("number", "boolean") and not item.gaps.any() for item in table.items)
    if own is not None and encoding.is_plain and numbers and not has_gaps:
        if isinstance(X, Columns):
            plain = replace(plain, X=named_array(np.column_stack([item.values for item in X.items]), own))
        return replace(plain, encoding=encoding, columns=own)
    require_features(encoding, options)
    return GivenTable(None, y, sample_weight, replace(names, features=None), table, encoding, own)


def _table_of(X: Any, options: LearnOptions) -> Columns | None:  # noqa: ANN401
    """Columns of a table, or of an array with gaps; None for numbers, and for what is told later to be no rows."""
    if isinstance(X, list | tuple):
        try:
            X = np.asarray(X)
        except ValueError:  # of rows of several lengths
            return None
    table = columns_of(X)
    if table is not None and isinstance(X, np.ndarray) and any(column.kind == "unknown" for column in table.items):
        return None  # an error tells the place
    if table is not None or not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind != "f":
        return table
    if len(X) > options.sample_size(X.shape[1]):
        return None  # gaps are found by the first pass over it
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isnan(X.sum()) or not np.isnan(X).any():  # a sum is faster, and NaN for infinities, too
            return None
    return columns_of_array(np.asarray(X, dtype=np.float64), getattr(X, "columns", None))


def _labels_of(y: Any) -> Column | None:  # noqa: ANN401
    """Labels that may have gaps: those of a table, of Python objects or masked; None for an array of numbers."""
    column = column_of(y, "y")
    if column is not None and len(column) and column.gaps.all():
        raise ValueError(f"y has no values: all of its {len(column)} rows are gaps")
    if column is None or column.kind in ("number", "boolean"):
        return column
    what = column.what or f"{column.kind}s"
    if column.kind == "words" and (found := numbers_or_dates_in(column.levels)):
        raise TypeError(f"y must hold real numbers, holds {found}")
    if column.kind == "words":
        what = f"words ({', '.join(map(repr, column.levels[:_SHOWN]))}{', ...' if len(column.levels) > _SHOWN else ''})"
    raise TypeError(f"y must hold real numbers, holds {what}: a network is fitted to numbers, not to classes")


def _warn_of_labels_among_features(table: Columns, labels: Column) -> None:
    """Warn where a column of the table is the labels, under their name."""
    same = [item for item in table.items if item.name == labels.name and len(item) == len(labels)]
    same = [item for item in same if item.kind in ("number", "boolean")]
    if same and np.array_equal(same[0].values, labels.values, equal_nan=True):
        warn(f"X has a column {labels.name!r} that is y itself: drop it from X", UserWarning)


def _with_labels(table: Columns, y: Any, sample_weight: Any) -> tuple[Columns, Any, Any]:  # noqa: ANN401
    """Rows that have a label, with a warning of the others."""
    kept = np.flatnonzero(~np.isnan(y))
    warn(f"y is missing in {len(y) - len(kept)} of {len(y)} rows, which are left out", UserWarning)
    if sample_weight is not None:
        weights = float_array(sample_weight, "sample_weight", 1, np.float64, objects=True)
        same_length(y, "y", 0, weights, "sample_weight", 0, "rows")
        sample_weight = weights[kept]
    return table.part(kept), y[kept], sample_weight


def _of_positive_weight(table: Columns, sample_weight: Any) -> Columns:  # noqa: ANN401
    """Rows that count: what becomes of a column does not depend on others."""
    if sample_weight is None:
        return table
    weights = float_array(sample_weight, "sample_weight", 1, np.float64, objects=True)
    if len(weights) != len(table) or weights.all() or not weights.any():  # errors are told later
        return table
    return table.part(np.flatnonzero(weights))


def require_no_gaps(table: Columns, labels: Column | None) -> None:
    """Raise ValueError that counts the gaps of each column, where there are any."""
    columns = (*table.items, *(() if labels is None else (replace(labels, name="y"),)))
    gaps = [(column.name, int(np.count_nonzero(column.gaps))) for column in columns]
    found = [f"{name!r} in {count}" for name, count in gaps if count]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ValueError(
            f"missing values in {', '.join(found[:_SHOWN])}{more} of {len(table)} rows, and missing='error'"
        )


def require_features(encoding: Encoding, options: LearnOptions) -> None:
    """Raise ValueError where no column is left, or where inputs are said to be Gaussian and cannot be."""
    if not encoding.features:
        raise ValueError(f"there is no column in X that can be learned from: {encoding.left_out}")
    if options.inputs in ("standard", "gaussian") and not encoding.is_plain:
        other = [column.name for column in encoding.columns if not getattr(column, "is_plain", False)]
        raise ValueError(
            f"inputs={options.inputs!r} is for numbers without gaps: columns {', '.join(map(repr, other[:_SHOWN]))} "
            "hold something else"
        )


class TableBlocks(Blocks):
    """Blocks of a table in memory, each of which is encoded when it is asked for."""

    in_memory = True

    def __init__(self, table: Columns, encoding: Encoding, y: Any, sample_weight: Any, target: str | None) -> None:  # noqa: ANN401
        self._table, self._encoding = table, encoding
        self._y = named_array(
            float_array(y, "y", (1, 2), np.float64, objects=True).reshape(-1), (target,) if target else None
        )
        self._weight: Float64Array | None = None
        if sample_weight is not None:
            self._weight = float_array(sample_weight, "sample_weight", 1, np.float64, objects=True)
        self.n_rows = len(table)
        self._rows = rows_per_block(len(encoding.features), 8)

    def starting_at(self, number: int) -> Iterator[Block]:
        for begin in range(number * self._rows, len(self._table), self._rows):
            rows = slice(begin, begin + self._rows)
            X = named_array(self._encoding.encode(self._table.part(rows)), self._encoding.feature_names)
            yield Block(X, self._y[rows], None if self._weight is None else self._weight[rows])
