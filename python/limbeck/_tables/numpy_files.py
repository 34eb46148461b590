"""Tables from NPY and NPZ files. Nothing is unpickled."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.files import npy_header
from limbeck._base.frames import default_names
from limbeck._base.warnings import silenced
from limbeck._tables.columns import Columns
from limbeck._tables.errors import TableError, column_names, listed, shortened
from limbeck._tables.table import Table, array_reader, columns_reader, damaged

__all__ = ["open_npy", "open_npz"]

_MOST_COLUMNS = 10**6  # each gets a name: a header of a few bytes may claim so many that memory runs out


def open_npy(path: Path) -> Table:
    """Open an NPY file, which is mapped and not read.

    Raises
    ------
    TableError
        It is damaged, or not a 2-D array of real numbers.
    """
    with path.open("rb") as file:
        try:
            with silenced():  # NumPy warns of headers that make no sense
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
    # Checked before the file is mapped, because NumPy crashes where numbers take no bytes.
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
    names = default_names(shape[1])
    columns = columns_reader(path, names, values)
    return Table(path, names, False, None, array_reader(path, names, values), _columns_reader=columns)


def open_npz(path: Path) -> Table:
    """Open an NPZ file of arrays X and y, or of one 2-D array.

    Raises
    ------
    TableError
        It is damaged, or holds other arrays.
    """
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
    reader = columns_reader(path, columns, values)
    return Table(path, columns, names is not None, None, array_reader(path, columns, values), _columns_reader=reader)


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file by name."""
    name, arrays = None, {}
    # Opened here, because NumPy does not close the file of a damaged archive.
    with path.open("rb") as file:
        try:
            with silenced():
                content = np.load(file, allow_pickle=False)
                if not isinstance(content, np.ndarray):
                    for name in content.files:
                        arrays[name] = content[name]
        except MemoryError:
            raise
        except Exception as error:  # NumPy, zipfile and its decompressors promise no type of error
            damaged(path, "an NPZ", error, name)
    if isinstance(content, np.ndarray):
        raise TableError(f"{path} is an NPY file: rename it to .npy")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy gives bytes for a member that is no array
            raise TableError(f"{path} is damaged: its part {shortened(name)} is no array; write it again")
    return arrays


def _check_array(path: Path, what: str, dtype: np.dtype[Any], shape: tuple[int, ...], ndim: int) -> None:
    """Raise TableError unless an array holds real numbers in ``ndim`` dimensions."""
    if dtype.kind not in "biuf":
        raise TableError(f"{path}: {what} has dtype {shortened(str(dtype))}; save real numbers")
    if len(shape) != ndim:
        wanted = "rows and columns (2-D)" if ndim == 2 else "one number per row (1-D)"
        raise TableError(f"{path}: {what} has shape {shape}; it must have {wanted}")
    if ndim == 2 and shape[1] > _MOST_COLUMNS:
        raise TableError(f"{path}: {what} has {shape[1]} columns, more than {_MOST_COLUMNS}; transpose it")


def _feature_names(path: Path, names: NDArray[Any] | None) -> list[str] | None:
    """Names in the array ``feature_names``, if there is one."""
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise TableError(f"{path}: feature_names must be a 1-D array of text, got {names.dtype} of shape {names.shape}")
    try:
        texts = [str(name) for name in names]
        "".join(texts).encode()
    except (SystemError, ValueError):  # no such characters
        raise TableError(f"{path} is damaged: feature_names are no text; write it again") from None
    return texts


def _named_columns(path: Path, names: list[str] | None, count: int) -> tuple[str, ...]:
    """Names of columns, their numbers where the file has none."""
    if names is None:
        return default_names(count)
    if len(names) != count:
        raise TableError(f"{path}: feature_names has {len(names)} names for {count} columns")
    return column_names(path, names)


def _features_and_labels(path: Path, X: NDArray[Any], y: NDArray[Any], names: list[str] | None) -> Table:
    """Table of the columns of X and of y, which is marked as the labels."""
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

    columns_X, columns_y = columns_reader(path, columns, X), columns_reader(path, columns[labels:], y[:, None])

    def read_columns(wanted: Sequence[int], _: Sequence[int] = ()) -> Columns:
        items = [item for j in wanted for item in (columns_y([0], ()) if j == labels else columns_X([j], ())).items]
        return Columns(tuple(items), names is not None)

    return Table(path, columns, names is not None, labels, read, _columns_reader=read_columns)
