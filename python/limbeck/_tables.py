"""Tables of numbers from files: CSV, NPY, NPZ and Parquet, with errors that say where and what to do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from limbeck._delimited import find_layout, read_numbers
from limbeck._dialect import Dialect
from limbeck._files import npy_header
from limbeck._table_words import (
    Problem,
    TableError,
    column_names,
    infinite_value,
    listed,
    missing_value,
    numbered,
    one_line,
    refuse,
    shortened,
)
from limbeck._warnings import silenced

__all__ = ["SUFFIXES", "TEXTS", "Table", "TableError", "open_table", "stem"]

Float64Array = NDArray[np.float64]
Reader = Callable[[Sequence[int]], Float64Array]


@dataclass(frozen=True)
class Table:
    """A file whose columns are known and whose numbers are read on demand.

    Attributes
    ----------
    path : Path
    names : tuple of str
        One per column; x0, x1, ... where the file has none.
    named : bool
        Whether the names are the file's own.
    labels : int or None
        The column that the file itself marks as target: ``y`` of an NPZ file.
    row_labels : frozenset of int
        Columns that are likely to number the rows: without a name in a header, or of a data frame's index.
    hints : list of str
        What reading the file suggests to tell the user.
    """

    path: Path
    names: tuple[str, ...]
    named: bool
    labels: int | None
    _reader: Reader
    row_labels: frozenset[int] = frozenset()
    hints: list[str] = field(default_factory=list)

    def read(self, columns: Sequence[int]) -> Float64Array:
        """Numbers of the given columns, every one finite.

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
            Text, a missing or infinite value, a row of another length: named with column and line.
        """
        try:
            return self._reader(columns)
        except OSError as error:
            raise TableError(f"{self.path} cannot be read: {error.strerror or one_line(error)}") from None

    def index(self, column: str) -> int:
        """The index of a column given by its name or, failing that, by its index from 0 (negative from the end).

        Raises
        ------
        TableError
            There is no such column; the message lists those there are.
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

    return Table(path, layout.names, layout.named, None, read, layout.nameless, layout.hints)


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
            _damaged(path, "an NPY", error)
        offset = file.tell()
    if not isinstance(header, tuple):
        raise TableError(f"{path} is an NPZ file: rename it to .npz")
    # Before the file is mapped, for NumPy ends the process where numbers take no bytes.
    shape, fortran_order, dtype = header
    if dtype.hasobject:
        _damaged(path, "an NPY", ValueError("pickled Python objects"))
    _check_array(path, "the array", dtype, shape, 2)
    if prod(shape) * dtype.itemsize > path.stat().st_size - offset:
        _damaged(path, "an NPY", ValueError("it holds less than its header says"))
    try:
        values = np.memmap(path, dtype, "r", offset, shape, "F" if fortran_order else "C")
    except (ArithmeticError, ValueError) as error:
        _damaged(path, "an NPY", error)
    return Table(path, numbered(shape[1]), False, None, _array_reader(path, numbered(shape[1]), values))


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
    return Table(path, columns, names is not None, None, _array_reader(path, columns, values))


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
            _damaged(path, "an NPZ", error, name)
    if isinstance(content, np.ndarray):
        raise TableError(f"{path} is an NPY file: rename it to .npy")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy gives bytes for a member that is no array
            raise TableError(f"{path} is damaged: its part {shortened(name)} is no array; write it again")
    return arrays


def _damaged(path: Path, kind: str, error: Exception, name: str | None = None) -> NoReturn:
    array_name = f" in array {name!r}" if name else ""
    if "pickle" in str(error).lower() or "Python objects" in str(error):
        raise TableError(
            f"{path} holds pickled Python objects{array_name}, which limbeck does not load: save plain numbers"
        )
    raise TableError(f"{path} is damaged or not {kind} file ({one_line(error)[:100]}): write it again") from None


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
    read_X, read_y = _array_reader(path, columns, X), _array_reader(path, columns[labels:], y[:, None])

    def read(wanted: Sequence[int]) -> Float64Array:
        if labels not in wanted:
            return read_X(wanted)
        parts = [read_y([0]) if j == labels else read_X([j]) for j in wanted]
        return np.concatenate(parts, axis=1)

    return Table(path, columns, names is not None, labels, read)


def _array_reader(path: Path, names: Sequence[str], values: NDArray[Any]) -> Reader:
    def read(columns: Sequence[int]) -> Float64Array:
        # longdouble beyond the range of float64 becomes infinite and is reported below
        with np.errstate(over="ignore"):
            chosen = np.array(values[:, list(columns)], dtype=np.float64, order="C")
        finite = np.isfinite(chosen)
        if not finite.all():
            wrong = [int(k) for k in np.flatnonzero(~finite.all(axis=0))]
            refuse(path, [_not_finite(names[columns[k]], chosen[:, k], finite[:, k]) for k in wrong])
        return chosen

    return read


def _not_finite(name: str, column: Float64Array, finite: NDArray[np.bool_]) -> Problem:
    row = int(np.argmin(finite))
    place = f"row {row} counting from 0"
    if np.isnan(column[row]):
        return missing_value(name, place, " (nan)")
    return infinite_value(name, place, f"({column[row]})")


# ---- Parquet ----


def _open_parquet(path: Path) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise TableError(f"{path}: reading Parquet needs pyarrow: pip install 'limbeck[parquet]'") from None
    try:
        schema = parquet.read_schema(path)
    except (ValueError, OSError, NotImplementedError) as error:
        _damaged(path, "a Parquet", error)
    # pandas stores row labels without a name as columns of this name: not measurements
    own = [name for name in schema.names if not name.startswith("__index_level_")]
    names = column_names(path, own)
    index = _index_columns(schema.metadata)

    def read(columns: Sequence[int]) -> Float64Array:
        try:
            content = parquet.read_table(path, columns=[own[j] for j in columns])
        except (ValueError, OSError, NotImplementedError) as error:
            _damaged(path, "a Parquet", error)
        problems = [problem for j in columns if (problem := _parquet_problem(names[j], content.column(own[j])))]
        if problems:
            refuse(path, problems)
        values = np.empty((content.num_rows, len(columns)))
        for k, j in enumerate(columns):
            values[:, k] = np.asarray(content.column(own[j]).to_numpy(), dtype=np.float64)
        return _array_reader(path, [names[j] for j in columns], values)(range(len(columns)))

    return Table(path, names, True, None, read, frozenset(j for j, name in enumerate(own) if name in index))


def _index_columns(metadata: dict[bytes, bytes] | None) -> set[str]:
    """Columns that pandas says are row labels."""
    try:
        columns = json.loads((metadata or {})[b"pandas"])["index_columns"]
        return {name for name in columns if isinstance(name, str)}
    except (KeyError, TypeError, ValueError, RecursionError):  # not pandas's, or damaged
        return set()


def _parquet_problem(name: str, column: Any) -> Problem | None:  # noqa: ANN401 (pyarrow is optional)
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
        return Problem(name, what, "encode it as numbers or drop the column", place)
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        return missing_value(name, f"row {row} counting from 0")
    return None


def _type_name(kind: Any) -> str:  # noqa: ANN401
    return "text" if "string" in str(kind) else str(kind)


_OPENERS: dict[str, Callable[[Path], Table]] = {".npy": _open_npy, ".npz": _open_npz, ".parquet": _open_parquet}
TEXTS: tuple[str, ...] = (".csv", ".tsv", ".txt", ".dat", ".csv.gz", ".tsv.gz", ".txt.gz", ".dat.gz")
SUFFIXES: tuple[str, ...] = (*TEXTS[:4], *_OPENERS, ".csv.gz")
