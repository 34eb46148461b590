"""Tables from Parquet and Feather files, and from folders of these, by pyarrow where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limbeck._tables.arrow_columns import FAILURES, arrow_table
from limbeck._tables.errors import TableError
from limbeck._tables.table import Table, damaged

__all__ = ["ARROW", "count_rows", "open_feather", "open_files", "open_parquet"]

ARROW = {".parquet": "parquet", ".feather": "feather", ".arrow": "feather", ".ipc": "feather"}


def _require_pyarrow(path: Path, what: str) -> None:
    try:
        import pyarrow.dataset  # noqa: F401
    except ImportError:
        raise TableError(f"{path}: reading {what} needs pyarrow: pip install 'limbeck[parquet]'") from None


def open_parquet(path: Path) -> Table:
    """Open a Parquet file.

    Raises
    ------
    TableError
        It is damaged, or pyarrow is missing.
    """
    _require_pyarrow(path, "Parquet")
    import pyarrow.parquet as parquet

    try:
        schema = parquet.read_schema(path)
    except FAILURES as error:
        damaged(path, "a Parquet", error)
    # Its own file alone, whatever the names of its folders are.
    return arrow_table(path, "a Parquet", schema, lambda names: parquet.ParquetFile(path).read(columns=names))


def open_feather(path: Path) -> Table:
    """Open a file of Feather, or of Arrow's IPC format.

    Raises
    ------
    TableError
        It is damaged, or pyarrow is missing.
    """
    _require_pyarrow(path, "Feather")
    from pyarrow import feather, ipc

    def load(names: list[str] | None = None) -> Any:  # noqa: ANN401
        try:
            return feather.read_table(path, columns=names, memory_map=False)
        except ValueError:
            with path.open("rb") as file:  # Arrow's stream, which has no footer
                table = ipc.open_stream(file).read_all()
            return table if names is None else table.select(names)

    try:
        schema = load().schema
    except FAILURES as error:
        damaged(path, "a Feather", error)
    return arrow_table(path, "a Feather", schema, load)


def open_files(path: Path, files: Sequence[Path]) -> Table:
    """Open files of one kind as one table, their rows one after another.

    Parameters
    ----------
    path : Path
        Folder or pattern, for messages.
    files : sequence of Path
        Parquet or Feather files, or one folder of Parquet files.

    Raises
    ------
    TableError
        The files are of different or other kinds, damaged, or pyarrow is missing.
    """
    kinds = {ARROW.get(file.suffix.lower(), "") for file in files}
    if len(kinds) != 1 or "" in kinds:
        raise TableError(f"{path}: several files at once are read of Parquet or Feather alone; give one file")
    _require_pyarrow(path, "Parquet")
    from pyarrow import dataset

    try:
        source: Any = path if path.is_dir() else [str(file) for file in files]
        data = dataset.dataset(source, format=next(iter(kinds)), partitioning="hive" if path.is_dir() else None)
        for file in files:  # a column that a later file lacks is not filled with gaps unasked
            _require_same_columns(path, file, data.schema, dataset.dataset(str(file), format=next(iter(kinds))).schema)
    except FAILURES as error:
        damaged(path, "a Parquet", error)
    return arrow_table(path, "a Parquet", data.schema, lambda names: data.to_table(columns=names))


def count_rows(files: Sequence[Path]) -> int:
    """Number of rows of Parquet or Feather files, without reading them."""
    from pyarrow import dataset

    kind = ARROW[files[0].suffix.lower()]
    return int(dataset.dataset([str(file) for file in files], format=kind).count_rows())


def _require_same_columns(path: Path, file: Path, schema: Any, own: Any) -> None:  # noqa: ANN401
    """Refuse a file that lacks columns of another, or has more; folders may name some of them."""
    folders = {part.partition("=")[0] for part in file.parts if "=" in part}
    if different := (set(schema.names) ^ set(own.names)) - folders:
        raise TableError(f"{path}: {file.name} does not have the columns of the other files: {sorted(different)[0]!r}")
