"""Tables of numbers from files: CSV, NPY, NPZ and Parquet, with errors that say where and what to do."""

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.files import npy_header
from limbeck._base.warnings import silenced
from limbeck._tables.delimited import read_numbers
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError, column_names, listed, numbered, one_line, shortened
from limbeck._tables.layout import find_layout
from limbeck._tables.parquet import open_parquet
from limbeck._tables.table import Table, array_reader, damaged

__all__ = ["SUFFIXES", "TEXTS", "Table", "TableError", "open_table", "stem"]

Float64Array = NDArray[np.float64]


def open_table(
    path: Path, dialect: Dialect | None = None, *, names: Sequence[str] = (), columns: Sequence[str] = ()
) -> Table:
    """Recognise a file's format and columns.

    Parameters
    ----------
    path : Path
        A text file (.csv, .tsv, .txt, .dat, each also with .gz), or a .npy, .npz or .parquet file. Text: a header or
        none; comma, semicolon, tab, bar or blanks; quoted fields; UTF-8, or what a byte order mark or the dialect says.
        NPY: one 2-D array. NPZ: arrays X and y, or one 2-D array, and optionally feature_names. Parquet needs pyarrow.
    dialect : Dialect, optional
        How a text file is written.
    names : sequence of str
        Names that the columns should have, to recognise a header by.
    columns : sequence of str
        Names or indices of columns that were asked for, to recognise a header by.

    Raises
    ------
    TableError
        The file is missing, a folder, empty, damaged, of another kind, or has an unusable header.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist: check the name and the folder")
    if path.is_dir():
        raise TableError(f"{path} is a folder: give a file in it")
    suffix = _suffix(path)
    opener = _OPENERS.get(suffix)
    if opener is None and suffix not in TEXTS:
        kind = f"the extension {path.suffix!r}" if path.suffix else "no extension"
        raise TableError(f"{path} has {kind}, which limbeck does not read: use one of {', '.join(SUFFIXES)}")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise TableError(f"{path} is empty")
        if opener is None:
            table = _open_text(path, dialect or Dialect(), names, columns)
        elif dialect is not None and not dialect.is_default:
            raise TableError(f"{path} is no text: --header, --delimiter and the like are for {', '.join(TEXTS)}")
        else:
            table = opener(path)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or one_line(error)}") from None
    except MemoryError:
        raise TableError(f"{path} does not fit in memory") from None
    if not table.names:
        raise TableError(f"{path} has no columns")
    return table


def _suffix(path: Path) -> str:
    """The extension in small letters, with the one before .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def stem(path: Path) -> str:
    """The name of a file without its extension."""
    name = Path(path.name)
    return name.name[: -len(_suffix(name))] if _suffix(name) else name.name


def _open_text(path: Path, dialect: Dialect, names: Sequence[str], columns: Sequence[str]) -> Table:
    layout = find_layout(path, dialect, names, columns)

    def read(wanted: Sequence[int]) -> Float64Array:
        return read_numbers(layout, wanted)

    return Table(path, layout.names, layout.named, None, read, layout.nameless, is_text=True, hints=layout.hints)


# ---- NumPy files ----

_MOST_COLUMNS = 10**6  # a header of a few bytes may claim any number, and each gets a name


def _open_npy(path: Path) -> Table:
    with path.open("rb") as file:
        try:
            with silenced():  # of headers that make no sense
                is_npy = file.read(6) == b"\x93NUMPY"
                file.seek(0)
                header = npy_header(file) if is_npy else np.load(file, allow_pickle=False)
        except MemoryError:
            raise
        except Exception as error:  # NumPy promises no type of error for what makes no sense
            damaged(path, "an NPY", error)
        offset = file.tell()
    if not isinstance(header, tuple):
        raise TableError(f"{path} is an NPZ file: rename it to .npz")
    # Before the file is mapped, for NumPy ends the process where numbers take no bytes.
    shape, fortran_order, dtype = header
    if dtype.hasobject:
        damaged(path, "an NPY", ValueError("pickled Python objects"))
    _check_array(path, "the array", dtype, shape, 2)
    if prod(shape) * dtype.itemsize > path.stat().st_size - offset:
        damaged(path, "an NPY", ValueError("it holds less than its header says"))
    try:
        values = np.memmap(path, dtype, "r", offset, shape, "F" if fortran_order else "C")
    except (ArithmeticError, ValueError) as error:
        damaged(path, "an NPY", error)
    return Table(path, numbered(shape[1]), False, None, array_reader(path, numbered(shape[1]), values))


def _open_npz(path: Path) -> Table:
    arrays = _npz_arrays(path)
    names = _feature_names(path, arrays.pop("feature_names", None))
    if "X" in arrays and "y" in arrays:
        return _features_and_labels(path, arrays["X"], arrays["y"], names)
    if len(arrays) != 1:
        has = listed(sorted(arrays)) if arrays else "none"
        raise TableError(f"{path} must hold arrays X and y, or one 2-D array; it has {has}")
    key, values = next(iter(arrays.items()))
    _check_array(path, f"array {key!r}", values.dtype, values.shape, 2)
    columns = _named_columns(path, names, values.shape[1])
    return Table(path, columns, names is not None, None, array_reader(path, columns, values))


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    name, arrays = None, {}
    # Opened here, for NumPy leaves the file of a damaged archive open.
    with path.open("rb") as file:
        try:
            with silenced():
                content = np.load(file, allow_pickle=False)
                if not isinstance(content, np.ndarray):
                    for name in content.files:
                        arrays[name] = content[name]
        except MemoryError:
            raise
        except Exception as error:  # nor do zipfile and its decompressors promise any
            damaged(path, "an NPZ", error, name)
    if isinstance(content, np.ndarray):
        raise TableError(f"{path} is an NPY file: rename it to .npy")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy gives bytes for a member that is no array
            raise TableError(f"{path} is damaged: its part {shortened(name)} is no array; write it again")
    return arrays


def _check_array(path: Path, what: str, dtype: np.dtype[Any], shape: tuple[int, ...], ndim: int) -> None:
    if dtype.kind not in "biuf":
        raise TableError(f"{path}: {what} has dtype {shortened(str(dtype))}; save real numbers")
    if len(shape) != ndim:
        wanted = "rows and columns (2-D)" if ndim == 2 else "one number per row (1-D)"
        raise TableError(f"{path}: {what} has shape {shape}; it must have {wanted}")
    if ndim == 2 and shape[1] > _MOST_COLUMNS:
        raise TableError(f"{path}: {what} has {shape[1]} columns, more than {_MOST_COLUMNS}; turn it")


def _feature_names(path: Path, names: NDArray[Any] | None) -> list[str] | None:
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise TableError(f"{path}: feature_names must be a 1-D array of text, got {names.dtype} of shape {names.shape}")
    try:
        found = [str(name) for name in names]
        "".join(found).encode()
    except (SystemError, ValueError):  # no such characters
        raise TableError(f"{path} is damaged: feature_names are no text; write it again") from None
    return found


def _named_columns(path: Path, names: list[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return numbered(count)
    if len(names) != count:
        raise TableError(f"{path}: feature_names has {len(names)} names for {count} columns")
    return column_names(path, names)


def _features_and_labels(path: Path, X: NDArray[Any], y: NDArray[Any], names: list[str] | None) -> Table:
    _check_array(path, "array 'X'", X.dtype, X.shape, 2)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    _check_array(path, "array 'y'", y.dtype, y.shape, 1)
    if len(X) != len(y):
        raise TableError(f"{path}: X has {len(X)} rows and y has {len(y)}; they must agree")
    features = _named_columns(path, names, X.shape[1])
    columns = (*features, "y" if "y" not in features else "y (target)")
    labels = X.shape[1]
    read_X, read_y = array_reader(path, columns, X), array_reader(path, columns[labels:], y[:, None])

    def read(wanted: Sequence[int]) -> Float64Array:
        if labels not in wanted:
            return read_X(wanted)
        parts = [read_y([0]) if j == labels else read_X([j]) for j in wanted]
        return np.concatenate(parts, axis=1)

    return Table(path, columns, names is not None, labels, read)


_OPENERS: dict[str, Callable[[Path], Table]] = {".npy": _open_npy, ".npz": _open_npz, ".parquet": open_parquet}
TEXTS: tuple[str, ...] = (".csv", ".tsv", ".txt", ".dat", ".csv.gz", ".tsv.gz", ".txt.gz", ".dat.gz")
SUFFIXES: tuple[str, ...] = (*TEXTS[:4], *_OPENERS, ".csv.gz")
