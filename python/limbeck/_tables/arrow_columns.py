"""Tables of Arrow: columns of any type from what pyarrow reads, numbers of those that hold nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import Columns
from limbeck._tables.errors import (
    ColumnsError,
    Problem,
    TableError,
    column_names,
    missing_value,
    one_line,
    shortened,
    text_value,
)
from limbeck._tables.frame_columns import columns_of
from limbeck._tables.table import Table, array_reader, damaged

__all__ = ["FAILURES", "arrow_table"]

# What pyarrow raises for files that are damaged or hold what it does not know, and NumPy for moments beyond its range.
FAILURES = (ValueError, OSError, NotImplementedError, TypeError, KeyError, IndexError, OverflowError, AttributeError)


def arrow_table(path: Path, kind: str, schema: Any, load: Callable[[list[str]], Any]) -> Table:  # noqa: ANN401
    """Table of a file that pyarrow reads.

    Parameters
    ----------
    path : Path
    kind : str
        "a Parquet", for messages.
    schema : pyarrow.Schema
    load : callable
        Reads the columns of the given names.

    Raises
    ------
    TableError
        Two columns have the same name.
    """
    # Columns of these names are row labels that pandas stored, not measurements.
    try:
        own = [name for name in schema.names if not name.startswith("__index_level_")]
        index = _index_columns(schema.metadata)
    except FAILURES as error:
        damaged(path, kind, error)
    names = column_names(path, own)

    def content(columns: Sequence[int]) -> Any:  # noqa: ANN401
        try:
            table = load([own[j] for j in columns])
            table.validate(full=True)
        except FAILURES as error:
            damaged(path, kind, error)
        return table

    def read(columns: Sequence[int]) -> Float64Array:
        table = content(columns)
        values, problems = np.empty((table.num_rows, len(columns))), list[Problem]()
        for k, j in enumerate(columns):
            column = table.column(own[j])
            try:  # text in a damaged file may be none
                if problem := _problem(names[j], column):
                    problems.append(problem)
                    continue
                with np.errstate(all="ignore"):  # numbers of damaged files; what is not finite is told below
                    values[:, k] = np.asarray(column.to_numpy(), dtype=np.float64)
            except FAILURES as error:
                damaged(path, kind, error)
        if problems:
            raise ColumnsError(path, problems)
        return array_reader(path, [names[j] for j in columns], values)(range(len(columns)))

    def read_columns(columns: Sequence[int], _: Sequence[int] = ()) -> Columns:
        found = content(columns).select([own[j] for j in columns])
        try:
            with np.errstate(all="ignore"):
                table = columns_of(found)
        except FAILURES as error:
            raise TableError(f"{path}: {one_line(error)}") from None
        if table is None:
            raise TableError(f"{path} holds no table")
        return table.called([names[j] for j in columns])

    labels = frozenset(j for j, name in enumerate(own) if name in index)
    return Table(path, names, True, None, read, row_labels=labels, _columns_reader=read_columns)


def _index_columns(metadata: dict[bytes, bytes] | None) -> set[str]:
    """Columns that are row labels by the metadata of pandas."""
    try:
        columns = json.loads((metadata or {})[b"pandas"])["index_columns"]
        return {name for name in columns if isinstance(name, str)}
    except (KeyError, TypeError, ValueError, RecursionError):  # not pandas's, or damaged
        return set()


def _problem(name: str, column: Any) -> Problem | None:  # noqa: ANN401 (pyarrow is optional)
    """Problem of a column that holds anything but numbers, or has a gap; None for a good one."""
    import pyarrow

    kinds = pyarrow.types
    is_number = any(
        test(column.type) for test in (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_decimal)
    )
    if not is_number and not kinds.is_null(column.type):
        row = next((i for i, value in enumerate(column) if value.is_valid), 0)
        first = f", first {shortened(column[row].as_py())}" if len(column) else ""
        what = f"holds {_type_name(column.type)}{first}"
        place = f"row {row} counting from 0" if len(column) else ""
        return text_value(name, what, place)
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        return missing_value(name, f"row {row} counting from 0")
    return None


def _type_name(kind: Any) -> str:  # noqa: ANN401
    """Name of a type for a message."""
    return "text" if "string" in str(kind) else str(kind)
