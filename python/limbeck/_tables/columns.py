"""Columns of a table in memory: numbers, booleans, words, dates and times, each with its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["TIMES", "Column", "Columns"]

# Kinds of columns whose values are seconds: since 1970-01-01, by the clock of the data, since midnight, or alone.
TIMES = ("date", "datetime", "time", "duration")


@dataclass(frozen=True)
class Column:
    """Values of one column.

    Attributes
    ----------
    name : str
        Name of the column.
    kind : str
        "number", "boolean", "words", one of ``TIMES``, or "unknown" for values that are none of these.
    values : ndarray of shape (n,)
        float64, NaN for a gap; of words numbers of levels, -1 for a gap; of unknown values zeros.
    levels : tuple of str
        The different words.
    ordered : bool
        Whether the levels have an order, that in which they stand.
    what : str
        Of unknown values, what they are: "lists". Of others what the user has told: "words", though they may be
        numbers; "kept", though they may be row numbers.
    zone : str
        Of dates with a time zone, its name or offset; the values are seconds in universal time.
    """

    name: str
    kind: str
    values: NDArray[np.float64] | NDArray[np.intp]
    levels: tuple[str, ...] = ()
    ordered: bool = False
    what: str = ""
    zone: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Which rows have no value (n,)."""
        return self.values < 0 if self.kind == "words" else np.isnan(self.values)

    def part(self, rows: slice | NDArray[np.intp]) -> Column:
        """Some of the rows."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Columns:
    """Table in memory, column by column.

    Attributes
    ----------
    items : tuple of Column
        The columns, all of one length.
    named : bool
        Whether the names are the table's own.
    """

    items: tuple[Column, ...]
    named: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.items)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of columns."""
        return (len(self.items[0]) if self.items else 0), len(self.items)

    def __len__(self) -> int:
        return self.shape[0]

    def called(self, names: Sequence[str]) -> Columns:
        """The columns under other names, in their order."""
        items = zip(self.items, names, strict=True)
        return Columns(tuple(replace(column, name=name) for column, name in items), True)

    def part(self, rows: slice | NDArray[np.intp]) -> Columns:
        """Some of the rows."""
        return Columns(tuple(column.part(rows) for column in self.items), self.named)
