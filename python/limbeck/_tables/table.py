"""Tables whose columns are known and whose numbers are read on demand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import Column, Columns
from limbeck._tables.errors import ColumnsError, Problem, TableError, infinite_value, listed, missing_value, one_line
from limbeck._tables.sentinels import far_values, sum_of_rows, with_gaps

__all__ = ["ColumnsReader", "Reader", "Table", "array_reader", "columns_reader", "damaged"]

Reader = Callable[[Sequence[int]], Float64Array]
ColumnsReader = Callable[[Sequence[int], Sequence[int]], Columns]

_MOST_CHARACTERS = 100  # of another library's message within ours of one line


@dataclass(frozen=True)
class Table:
    """File whose columns are known and whose numbers are read on demand.

    Attributes
    ----------
    path : Path
    names : tuple of str
        One per column; x0, x1, ... where the file has none.
    named : bool
        Whether the names are the file's own.
    labels : int or None
        Column that the file marks as target: ``y`` of an NPZ file.
    nameless : frozenset of int
        Columns whose name a header leaves out.
    row_labels : frozenset of int
        Columns of a data frame's index.
    is_text : bool
        Whether options of text files apply.
    hints : list of str
        Remarks for the user that are no errors.
    guesses : list of str
        What was recognised in a text, for the user.
    warnings : list of str
        Numbers that may stand for gaps, once columns are read.
    files : tuple of Path
        The files of a table of several.
    missing : tuple of str
        What stands for a gap, as the user has told, where the reader has not seen to it.
    """

    path: Path
    names: tuple[str, ...]
    named: bool
    labels: int | None
    _reader: Reader
    nameless: frozenset[int] = frozenset()
    row_labels: frozenset[int] = frozenset()
    is_text: bool = False
    hints: list[str] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    _columns_reader: ColumnsReader | None = None
    _kept: object = None

    def read_columns(self, columns: Sequence[int], *, numbers: Sequence[int] = ()) -> Columns:
        """Read the given columns, whatever they hold: numbers, truth values, words, dates, and gaps.

        Parameters
        ----------
        columns : sequence of int
            Indices from 0; the other columns may hold anything.
        numbers : sequence of int
            Columns that have to be numbers, or dates: words in those of a text are told with their line.

        Raises
        ------
        TableError
            A column can be read in two ways, or is faulty in few rows, named with column and line; a row is of another
            length.
        """
        try:
            table = self._columns_reader(columns, numbers) if self._columns_reader else self._numbers(columns)
        except OSError as error:
            raise TableError(f"{self.path} cannot be read: {error.strerror or one_line(error)}") from None
        table = with_gaps(table, self.missing) if self.missing else table
        told = [*far_values(table), *sum_of_rows(table)]
        self.warnings.extend(line for line in told if line not in self.warnings)
        return table

    def _numbers(self, columns: Sequence[int]) -> Columns:
        """Columns of a table of numbers alone."""
        values = self._reader(columns)
        return Columns(tuple(Column(self.names[j], "number", values[:, k]) for k, j in enumerate(columns)), self.named)

    def read(self, columns: Sequence[int]) -> Float64Array:
        """Read the numbers of the given columns, every one finite.

        Parameters
        ----------
        columns : sequence of int
            Indices from 0; the other columns may hold anything.

        Returns
        -------
        ndarray of shape (n, len(columns)), float64

        Raises
        ------
        TableError
            Text, a missing or infinite value, or a row of another length, named with column and line.
        """
        try:
            return self._reader(columns)
        except OSError as error:
            raise TableError(f"{self.path} cannot be read: {error.strerror or one_line(error)}") from None

    def index(self, column: str) -> int:
        """Index of a column given by its name or, failing that, by its index from 0 (negative from the end).

        Raises
        ------
        TableError
            There is no such column; the message lists the columns.
        """
        if column in self.names:
            return self.names.index(column)
        try:
            index = int(column)
        except ValueError:
            index = len(self.names)
        if -len(self.names) <= index < len(self.names):
            return index % len(self.names)
        raise TableError(f"{self.path} has no column {column!r}: its columns are {listed(self.names)}")


def array_reader(path: Path, names: Sequence[str], values: NDArray[Any]) -> Reader:
    """Reader of numbers that are in memory, or mapped into it."""

    def read(columns: Sequence[int]) -> Float64Array:
        # Numbers of type longdouble beyond the range of float64 become infinite and are reported below.
        with np.errstate(over="ignore"):
            chosen = np.array(values[:, list(columns)], dtype=np.float64, order="C")
        finite = np.isfinite(chosen)
        if not finite.all():
            wrong = [int(k) for k in np.flatnonzero(~finite.all(axis=0))]
            raise ColumnsError(path, [_not_finite(names[columns[k]], chosen[:, k], finite[:, k]) for k in wrong])
        return chosen

    return read


def columns_reader(path: Path, names: Sequence[str], values: NDArray[Any]) -> ColumnsReader:
    """Reader of columns of numbers that are in memory, or mapped into it; NaN is a gap."""

    def read(columns: Sequence[int], _: Sequence[int] = ()) -> Columns:
        with np.errstate(over="ignore"):
            chosen = [np.array(values[:, j], dtype=np.float64) for j in columns]
        wrong = [k for k, column in enumerate(chosen) if np.isinf(column).any()]
        if wrong:
            raise ColumnsError(path, [_not_finite(names[columns[k]], chosen[k], ~np.isinf(chosen[k])) for k in wrong])
        kind = "boolean" if values.dtype.kind == "b" else "number"
        return Columns(tuple(Column(names[j], kind, column) for j, column in zip(columns, chosen, strict=True)))

    return read


def _not_finite(name: str, column: Float64Array, finite: NDArray[np.bool_]) -> Problem:
    """Problem of the first number of a column that is not finite."""
    row = int(np.argmin(finite))
    place = f"row {row} counting from 0"
    if np.isnan(column[row]):
        return missing_value(name, place, " (nan)")
    return infinite_value(name, place, f"({column[row]})")


def damaged(path: Path, kind: str, error: Exception, name: str | None = None) -> NoReturn:
    """Raise TableError for a file that is damaged or of another kind."""
    array_name = f" in array {name!r}" if name else ""
    if "pickle" in str(error).lower() or "Python objects" in str(error):
        raise TableError(
            f"{path} holds pickled Python objects{array_name}, which limbeck does not load: save plain numbers"
        )
    raise TableError(
        f"{path} is damaged or not {kind} file ({one_line(error)[:_MOST_CHARACTERS]}): write it again"
    ) from None
