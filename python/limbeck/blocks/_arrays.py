"""Blocks of arrays, memory maps, data frames and NPY files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Array, float_array, same_length
from limbeck._base.files import npy_header
from limbeck._base.frames import column_names, require_same_rows
from limbeck.blocks._memory_map import ReadAhead, is_mapped, release_pages
from limbeck.blocks._protocol import Block, Blocks, digest_of_rows, rows_per_block, sliceable

__all__ = ["from_arrays", "from_npy"]

_AHEAD = 3  # blocks of files that are on their way
_PRINTED = 256  # rows that a fingerprint looks at


class _ArrayBlocks(Blocks):
    """Slices of arrays that are in memory, or mapped."""

    def __init__(self, X: Any, y: Any, sample_weight: Any, rows: int | None) -> None:  # noqa: ANN401
        self._columns = [X, y, sample_weight]
        self.n_rows = len(X)
        item = X.dtype.itemsize if isinstance(X, np.ndarray) else 8
        self._rows = rows_per_block(X.shape[1], item, rows)

    @property
    def in_memory(self) -> bool:
        """Whether another pass costs little and is always possible."""
        return not any(is_mapped(column) for column in self._columns)

    def fingerprint(self) -> bytes:
        assert self.n_rows is not None
        at = _some_places(self.n_rows)
        shapes = [getattr(column, "shape", None) for column in self._columns]
        return repr((shapes, self._rows)).encode() + digest_of_rows(
            [_cut(c, i, i + 1) for c in self._columns for i in at]
        )

    def starting_at(self, number: int) -> Iterator[Block]:
        assert self.n_rows is not None
        with ReadAhead() as ahead:
            for begin, soon in _with_those_ahead(range(number * self._rows, self.n_rows, self._rows)):
                end = begin + self._rows
                for there in soon:
                    for column in self._columns:
                        ahead.want(_cut(column, there, there + self._rows))
                block = Block(*(_cut(column, begin, end) for column in self._columns))
                yield block
                for part in block:
                    release_pages(part)


def _with_those_ahead(begins: range) -> Iterator[tuple[int, range]]:
    """Each block, and those to be asked for when it is begun: so that a few are on their way at any time."""
    for i, begin in enumerate(begins):
        yield begin, begins[1 : 1 + _AHEAD] if i == 0 else begins[i + _AHEAD : i + _AHEAD + 1]


def _some_places(n: int) -> list[int]:
    """Numbers of some of n rows, from the first to the last."""
    return sorted(set(np.linspace(0, n - 1, min(n, _PRINTED)).astype(int).tolist()))


def _cut(column: Any, begin: int, end: int) -> Any:  # noqa: ANN401
    return None if column is None else getattr(column, "iloc", column)[begin:end]


def from_arrays(X: Any, y: Any, sample_weight: ArrayLike | None = None, *, rows: int | None = None) -> Blocks:  # noqa: ANN401
    """Blocks of arrays, memory maps or data frames.

    Parameters
    ----------
    X : array_like, memory map or data frame of shape (n, d)
        Rows. Of a memory map whose rows lie one after another the next blocks are read ahead, and the pages of each are
        given back after use.
    y : array_like of shape (n,) or (n, q)
        Labels; several a row for :class:`limbeck.ridgeless.Accumulator` alone.
    sample_weight : array_like of shape (n,), optional
        Weights of the rows.
    rows : int, optional
        Rows in a block; default 32 MB of X.

    Raises
    ------
    TypeError, ValueError
        Not rows of real numbers, or shapes that disagree.
    """
    require_same_rows(X=X, y=y, sample_weight=sample_weight)
    column_names(X)  # refuses two of the same name at once, not with the first block
    X, y = sliceable(X, "X"), sliceable(y, "y")
    if len(X.shape) != 2 or len(y.shape) not in (1, 2):
        raise ValueError(f"X must have shape (n, d) and y (n,) or (n, q), got {X.shape} and {y.shape}")
    same_length(X, "X", 0, y, "y", 0, "rows")
    if sample_weight is not None:
        sample_weight = float_array(sample_weight, "sample_weight", 1, objects=True)
        same_length(X, "X", 0, sample_weight, "sample_weight", 0, "rows")
    return _ArrayBlocks(X, y, sample_weight, rows)


# ---- NumPy files ----


class _NpyFile:
    """The header of an NPY file, and windows of its rows."""

    def __init__(self, path: str | os.PathLike[str], name: str, ndim: tuple[int, ...]) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            try:
                self.shape, fortran, self.dtype = npy_header(file)
            except ValueError as error:
                raise ValueError(f"{name}: {self.path} is not an NPY file: {error}") from None
            self._offset = file.tell()
        if len(self.shape) not in ndim or self.dtype.kind not in "biuf" or (fortran and len(self.shape) > 1):
            order, wanted = " in Fortran order" if fortran else "", " or ".join(map(str, ndim))
            raise ValueError(
                f"{name}: {self.path} must hold numbers in {wanted} dimension(s), row by row; it holds {self.dtype} of "
                f"shape {self.shape}{order}"
            )
        self.row_bytes = self.dtype.itemsize * prod(self.shape[1:])
        if self.path.stat().st_size < self.place(self.shape[0]):
            raise ValueError(f"{name}: {self.path} is shorter than its header says: {self.shape} of {self.dtype}")

    def window(self, begin: int, end: int) -> Array:
        """Rows as a memory map of their own."""
        shape = (end - begin, *self.shape[1:])
        if not all(shape):
            return np.empty(shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", self.place(begin), shape)

    def place(self, row: int) -> int:
        """Where a row begins, in bytes."""
        return self._offset + row * self.row_bytes


class _NpyBlocks(Blocks):
    """Windows of NPY files, each mapped alone: what is mapped at a time is bounded, too."""

    def __init__(self, files: Sequence[_NpyFile], rows: int | None) -> None:
        self._files = files
        self.n_rows = files[0].shape[0]
        self._rows = rows_per_block(files[0].row_bytes, 1, rows)

    def fingerprint(self) -> bytes:
        assert self.n_rows is not None
        at = _some_places(self.n_rows)
        shapes = [(file.shape, file.dtype) for file in self._files]
        return repr((shapes, self._rows)).encode() + digest_of_rows(
            [f.window(i, i + 1) for f in self._files for i in at]
        )

    def starting_at(self, number: int) -> Iterator[Block]:
        assert self.n_rows is not None
        with ReadAhead() as ahead:
            for begin, soon in _with_those_ahead(range(number * self._rows, self.n_rows, self._rows)):
                end = min(self.n_rows, begin + self._rows)
                for there in soon:
                    for file in self._files:
                        size = file.place(min(self.n_rows, there + self._rows)) - file.place(there)
                        ahead.want_bytes(file.path, file.place(there), size)
                yield Block(*(file.window(begin, end) for file in self._files))


def from_npy(
    X: str | os.PathLike[str],
    y: str | os.PathLike[str],
    sample_weight: str | os.PathLike[str] | None = None,
    *,
    rows: int | None = None,
) -> Blocks:
    """Blocks of NPY files, of which no more than a block is mapped at a time: for a process of bounded address space.

    Parameters
    ----------
    X, y, sample_weight : path
        Files of arrays (n, d), (n,) or (n, q), and (n,), row by row, of any real type.
    rows : int, optional
        Rows in a block; default 32 MB of X.

    Raises
    ------
    OSError
        A file cannot be opened.
    ValueError
        A file is no such array, or numbers of rows disagree.
    """
    files = [_NpyFile(X, "X", (2,)), _NpyFile(y, "y", (1, 2))]
    if sample_weight is not None:
        files.append(_NpyFile(sample_weight, "sample_weight", (1,)))
    for name, file in zip(("y", "sample_weight"), files[1:], strict=False):
        if file.shape[0] != files[0].shape[0]:
            raise ValueError(
                f"X and {name} must have the same number of rows, got X of shape {files[0].shape} and {name} of shape "
                f"{file.shape}"
            )
    return _NpyBlocks(files, rows)
