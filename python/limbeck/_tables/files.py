"""Opening of tables: the format of a file is told by its extension, and each format has a reader of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from limbeck._base.arrays import Float64Array
from limbeck._tables.columns import Columns
from limbeck._tables.delimited import read_numbers, read_text_columns
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError, one_line
from limbeck._tables.layout import find_layout
from limbeck._tables.numpy_files import open_npy, open_npz
from limbeck._tables.parquet import ARROW, open_feather, open_files, open_parquet
from limbeck._tables.streams import open_standard_input
from limbeck._tables.table import Table

__all__ = ["SUFFIXES", "TEXTS", "Table", "TableError", "open_table", "stem"]


_OPENERS: dict[str, Callable[[Path], Table]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".parquet": open_parquet,
    **{suffix: open_feather for suffix in ARROW if suffix != ".parquet"},
}
TEXTS: tuple[str, ...] = (".csv", ".tsv", ".txt", ".dat", ".csv.gz", ".tsv.gz", ".txt.gz", ".dat.gz")
SUFFIXES: tuple[str, ...] = (*TEXTS[:4], ".npy", ".npz", ".parquet", ".feather", ".csv.gz")


def open_table(
    path: Path,
    dialect: Dialect | None = None,
    *,
    names: Sequence[str] = (),
    columns: Sequence[str] = (),
    words: Sequence[str] = (),
) -> Table:
    """Open a file of any known format and recognise its columns.

    Parameters
    ----------
    path : Path
        A text file (.csv, .tsv, .txt, .dat, each also with .gz), or a .npy, .npz, .parquet or .feather file, or a
        folder or a pattern of the last two kinds; - is the standard input, whose format its first bytes tell. Text: a
        header or none; comma, semicolon, tab, bar or blanks; quoted fields; UTF-8, or what a byte order mark, the
        content or the dialect says. NPY: one 2-D array. NPZ: arrays X and y, or one 2-D array, and optionally
        feature_names. Parquet and Feather need pyarrow.
    dialect : Dialect, optional
        How a text file is written.
    names : sequence of str
        Names that the columns should have, to recognise a header by.
    columns : sequence of str
        Names or indices of columns that were asked for, to recognise a header by.
    words : sequence of str
        Columns of a text file that hold words, though these may be numbers.

    Raises
    ------
    TableError
        The file is missing, a folder, empty, damaged, of another kind, or has an unusable header.
    """
    dialect = dialect or Dialect()
    if str(path) == "-":
        return open_standard_input(lambda file: open_table(file, dialect, names=names, columns=columns, words=words))
    files = _several(path)
    if not files and not path.exists():
        raise TableError(f"{path} does not exist: check the name and the folder")
    suffix = _suffix(path)
    if not files and suffix not in _OPENERS and suffix not in TEXTS:
        kind = f"the extension {path.suffix!r}" if path.suffix else "no extension"
        raise TableError(f"{path} has {kind}, which limbeck does not read: use one of {', '.join(SUFFIXES)}")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise TableError(f"{path} is empty")
        if not files and suffix in TEXTS:
            table = _open_text(path, replace(dialect, words=(*dialect.words, *words)), names, columns)
        elif not dialect.is_default:
            raise TableError(f"{path} is no text: --header, --delimiter and the like are for {', '.join(TEXTS)}")
        else:
            table = open_files(path, files) if files else _OPENERS[suffix](path)
            own = files or ([path] if suffix in ARROW else [])
            table = replace(table, missing=dialect.missing, files=tuple(own))
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or one_line(error)}") from None
    except MemoryError:
        raise TableError(f"{path} does not fit in memory") from None
    if not table.names:
        raise TableError(f"{path} has no columns")
    return table


def _several(path: Path) -> list[Path]:
    """Files that a folder holds, or that a pattern such as ``data/*.parquet`` stands for; none for one file."""
    if path.is_dir():
        files = sorted(file for suffix in ARROW for file in path.rglob(f"*{suffix}") if file.is_file())
        if not files:
            raise TableError(f"{path} is a folder without Parquet files: give a file in it")
        return files
    if path.exists() or not any(mark in str(path) for mark in "*?["):
        return []
    root = Path(path.anchor) if path.is_absolute() else Path()
    try:
        files = sorted(file for file in root.glob(str(path.relative_to(root))) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise TableError(f"{path} is no pattern: {one_line(error)}") from None
    if not files:
        raise TableError(f"{path}: there is no such file")
    return files


def _suffix(path: Path) -> str:
    """Extension of a file's name in small letters, with the one before .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def stem(path: Path) -> str:
    """Name of a file without its extension."""
    name = Path(path.name)
    return name.name[: -len(_suffix(name))] if _suffix(name) else name.name


def _open_text(path: Path, dialect: Dialect, names: Sequence[str], columns: Sequence[str]) -> Table:
    """Table of a text file, whose rows are read when columns are asked for."""
    layout = find_layout(path, dialect, names, columns)

    def read(wanted: Sequence[int]) -> Float64Array:
        return read_numbers(layout, wanted)

    def read_columns(wanted: Sequence[int], numbers: Sequence[int] = ()) -> Columns:
        return read_text_columns(layout, wanted, numbers)

    return Table(
        path,
        layout.names,
        layout.named,
        None,
        read,
        layout.nameless,
        is_text=True,
        hints=layout.hints,
        guesses=layout.guesses,
        _columns_reader=read_columns,
    )
