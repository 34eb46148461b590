"""Tables from Parquet files, by pyarrow where it is installed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.errors import ColumnsError, Problem, TableError, column_names, missing_value, shortened, text_value
from limbeck._tables.table import Table, array_reader, damaged

__all__ = ["open_parquet"]


def open_parquet(path: Path) -> Table:
    """Open a Parquet file.

    Raises
    ------
    TableError
        It is damaged, or pyarrow is missing.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise TableError(f"{path}: reading Parquet needs pyarrow: pip install 'limbeck[parquet]'") from None
    try:
        schema = parquet.read_schema(path)
    except (ValueError, OSError, NotImplementedError) as error:
        damaged(path, "a Parquet", error)
    # Columns of these names are row labels that pandas stored, not measurements.
    own = [name for name in schema.names if not name.startswith("__index_level_")]
    names = column_names(path, own)
    index = _index_columns(schema.metadata)

    def read(columns: Sequence[int]) -> Float64Array:
        try:
            content = parquet.read_table(path, columns=[own[j] for j in columns])
        except (ValueError, OSError, NotImplementedError) as error:
            damaged(path, "a Parquet", error)
        problems = [problem for j in columns if (problem := _parquet_problem(names[j], content.column(own[j])))]
        if problems:
            raise ColumnsError(path, problems)
        values = np.empty((content.num_rows, len(columns)))
        for k, j in enumerate(columns):
            values[:, k] = np.asarray(content.column(own[j]).to_numpy(), dtype=np.float64)
        return array_reader(path, [names[j] for j in columns], values)(range(len(columns)))

    labels = frozenset(j for j, name in enumerate(own) if name in index)
    return Table(path, names, True, None, read, row_labels=labels)


def _index_columns(metadata: dict[bytes, bytes] | None) -> set[str]:
    """Columns that are row labels by the metadata of pandas."""
    try:
        columns = json.loads((metadata or {})[b"pandas"])["index_columns"]
        return {name for name in columns if isinstance(name, str)}
    except (KeyError, TypeError, ValueError, RecursionError):  # not pandas's, or damaged
        return set()


def _parquet_problem(name: str, column: Any) -> Problem | None:  # noqa: ANN401 (pyarrow is optional)
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
