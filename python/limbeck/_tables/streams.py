"""Tables from the standard input, whose format is told by its first bytes."""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from limbeck._tables.errors import TableError
from limbeck._tables.table import Table

__all__ = ["STANDARD_INPUT", "open_standard_input"]

STANDARD_INPUT = Path("standard input")  # in messages
_STARTS = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".feather"),
    (b"FEA1", ".feather"),
    (b"\xff\xff\xff\xff", ".feather"),  # Arrow's stream
    (b"\x93NUMPY", ".npy"),
    (b"PK\x03\x04", ".npz"),
    (b"\x1f\x8b", ".txt.gz"),
)
_OTHERS = ((b"\xd0\xcf\x11\xe0", "a workbook"), (b"BZh", "compressed by bzip2"), (b"\xfd7zXZ", "compressed by xz"))


def open_standard_input(open_file: Callable[[Path], Table]) -> Table:
    """Open what stands on the standard input, which is kept in a temporary file for as long as the table is.

    Raises
    ------
    TableError
        It is empty, or of a kind that is not read.
    """
    if sys.stdin is None:
        raise TableError("the standard input is closed: give a file, or a pipe")
    folder = _Folder()
    path = folder.path / "input"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    named = path.rename(path.with_name("input" + _suffix(path)))
    return _renamed(lambda: open_file(named), named, folder)


class _Folder:
    """Temporary folder that is deleted with the object, or at the end of the program."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="limbeck-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _suffix(path: Path) -> str:
    """Extension for the format of a file, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise TableError("the standard input is empty")
    if (what := next((what for mark, what in _OTHERS if start.startswith(mark)), None)) is not None:
        raise TableError(f"the standard input is {what}, which limbeck does not read: write text, or Parquet")
    found = next((suffix for mark, suffix in _STARTS if start.startswith(mark)), ".txt")
    if found == ".npz" and not _has_arrays(path):
        raise TableError("the standard input is a workbook or a ZIP archive: write its table as text")
    return found


def _has_arrays(path: Path) -> bool:
    """Whether an archive has a member of NumPy's format; a damaged one is told by the reader."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return True


def _renamed(open_file: Callable[[], Table], path: Path, folder: Any) -> Table:  # noqa: ANN401
    """Table whose errors speak of the standard input in place of the temporary file."""

    def call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        try:
            return function(*arguments)
        except TableError as error:
            raise error.about(path, STANDARD_INPUT) from None

    table: Table = call(open_file)
    original = table

    def read(columns: Sequence[int]) -> Any:  # noqa: ANN401
        return call(original.read, columns)

    def read_columns(columns: Sequence[int], numbers: Sequence[int] = ()) -> Any:  # noqa: ANN401
        return call(partial(original.read_columns, numbers=numbers), columns)

    return replace(table, path=STANDARD_INPUT, _reader=read, _columns_reader=read_columns, _kept=folder)
