"""Queries that look like the rows of a table: in its units, under its names, as frames of its library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array, float_array, require_finite
from limbeck._base.frame_numbers import native_frame
from limbeck._base.frames import column_names, default_names
from limbeck._tables.columns import Columns
from limbeck._tables.encoding import columns_of_array
from limbeck._tables.frame_columns import columns_of

__all__ = ["Like", "like_table"]

_FEWEST_ROWS = 2  # a standard deviation needs two
_SHOWN = 3  # columns that an error names


@dataclass(frozen=True)
class Like:
    """Means and standard deviations that queries have, and how rows are handed to the teacher.

    Attributes
    ----------
    names : tuple of str
        Names of the features.
    columns : tuple of str or None
        Names of the columns of the table; None for an array.
    means, scales : ndarray of shape (d,)
        Means, and standard deviations, none of which is zero.
    make : callable
        Makes of an array (m, d) what the teacher is asked with.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...] | None
    means: Float64Array
    scales: Float64Array
    make: Callable[[Float64Array], Any]

    def in_units(self, Z: Float64Array) -> Float64Array:
        """Rows in the units of the table, of standardised ones."""
        return np.asarray(self.means + self.scales * Z)

    def asked(self, teacher: Callable[[Any], Any]) -> Callable[[Float64Array], Any]:
        """The teacher as a function of standardised rows."""
        return lambda Z: teacher(self.make(self.in_units(Z)))


def like_table(like: Any) -> Like:  # noqa: ANN401
    """Look at a table whose rows queries are to look like.

    Raises
    ------
    TypeError
        A column holds something else than numbers.
    ValueError
        There are fewer than two rows, infinite values, or a column without or with one value.
    """
    table = columns_of(like)
    if table is None:
        table = columns_of_array(float_array(like, "like", 2, np.float64, objects=True), column_names(like))
    if len(table) < _FEWEST_ROWS:
        raise ValueError(f"like must have at least {_FEWEST_ROWS} rows, got shape {table.shape}")
    _require_numbers(table)
    values = np.column_stack([column.values for column in table.items])
    require_finite(like=values[~np.isnan(values).any(axis=1)])
    empty = np.isnan(values).all(axis=0)
    means, scales = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    means[~empty], scales[~empty] = np.nanmean(values[:, ~empty], axis=0), np.nanstd(values[:, ~empty], axis=0)
    if flat := [name for name, scale in zip(table.names, scales, strict=True) if not 0 < scale < np.inf]:
        raise ValueError(
            f"like does not vary in {', '.join(map(repr, flat[:_SHOWN]))}: let it vary a little, or drop it"
        )
    columns = column_names(like) if table.named else None
    names = table.names if table.named else default_names(table.shape[1])
    return Like(names, columns, means, scales, _maker(like, columns))


def _require_numbers(table: Columns) -> None:
    """Raise TypeError that names columns of anything but numbers."""
    other = [f"{column.name!r} ({column.what or column.kind})" for column in table.items if column.kind != "number"]
    if other:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        raise TypeError(
            f"like must hold numbers that any other number may take the place of, columns {', '.join(other[:_SHOWN])}"
            f"{more} do not: learn from the teacher's answers to your rows, limbeck.learn(like, teacher(like))"
        )


def _maker(like: Any, columns: tuple[str, ...] | None) -> Callable[[Float64Array], Any]:  # noqa: ANN401
    """Function that makes frames of the library that ``like`` is of; arrays stay arrays."""
    frame = None if columns is None or isinstance(like, np.ndarray | Columns) else native_frame(like, "like")
    if frame is None:
        return lambda rows: rows
    import narwhals as nw

    labels, backend = list(frame.columns), frame.implementation
    if backend.is_pandas():
        import pandas

        own = list(like.columns)
        return lambda rows: pandas.DataFrame(rows, columns=own)
    return lambda rows: nw.from_dict({label: rows[:, j] for j, label in enumerate(labels)}, backend=backend).to_native()
