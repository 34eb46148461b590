"""Blocks of NPY files, each mapped alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np

from limbeck._base.arrays import Array
from limbeck._base.files import npy_header
from limbeck.blocks._memory_map import ReadAhead, with_blocks_to_fetch
from limbeck.blocks._protocol import Block, Blocks, digest_of_rows, rows_per_block, some_rows

__all__ = ["from_npy"]


class _NpyFile:
    """Header of an NPY file, and windows of its rows."""

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
        if self.path.stat().st_size < self.offset_of(self.shape[0]):
            raise ValueError(f"{name}: {self.path} is shorter than its header says: {self.shape} of {self.dtype}")

    def window(self, begin: int, end: int) -> Array:
        """Rows as a memory map of their own."""
        shape = (end - begin, *self.shape[1:])
        if not all(shape):
            return np.empty(shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", self.offset_of(begin), shape)

    def offset_of(self, row: int) -> int:
        """Where a row begins in the file, in bytes."""
        return self._offset + row * self.row_bytes


class _NpyBlocks(Blocks):
    """Blocks that are windows of NPY files; each is mapped alone, so that the address space is bounded, too."""

    def __init__(self, files: Sequence[_NpyFile], rows: int | None) -> None:
        self._files = files
        self.n_rows = files[0].shape[0]
        self._rows = rows_per_block(files[0].row_bytes, 1, rows)

    def fingerprint(self) -> bytes:
        assert self.n_rows is not None
        shapes = [(file.shape, file.dtype) for file in self._files]
        rows = some_rows(self.n_rows)
        return repr((shapes, self._rows)).encode() + digest_of_rows(
            [file.window(i, i + 1) for file in self._files for i in rows]
        )

    def starting_at(self, number: int) -> Iterator[Block]:
        assert self.n_rows is not None
        with ReadAhead() as ahead:
            for begin, to_fetch in with_blocks_to_fetch(range(number * self._rows, self.n_rows, self._rows)):
                end = min(self.n_rows, begin + self._rows)
                for later in to_fetch:
                    for file in self._files:
                        start, stop = later, min(self.n_rows, later + self._rows)
                        size = file.offset_of(stop) - file.offset_of(start)
                        ahead.fetch_bytes(file.path, file.offset_of(start), size)
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
