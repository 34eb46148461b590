"""Memory maps in a pass: rows are fetched ahead of their use, and their pages released after it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

__all__ = ["ReadAhead", "is_mapped", "release_pages", "with_blocks_to_fetch"]

_REQUEST = 1 << 19  # bytes: for one request a system reads no more than it likes, often less than a megabyte
_AHEAD = 3  # blocks on their way: the disk has its next task while one block is computed with, and memory stays bounded


@dataclass(frozen=True)
class _Place:
    """Position of rows in a memory map and in its file."""

    mapping: mmap.mmap
    start: int
    length: int
    path: Any
    offset: int


def with_blocks_to_fetch(begins: range) -> Iterator[tuple[int, range]]:
    """Yield the first row of each block, and those of the blocks to fetch now: three are always on their way."""
    for i, begin in enumerate(begins):
        yield begin, begins[1 : 1 + _AHEAD] if i == 0 else begins[i + _AHEAD : i + _AHEAD + 1]


def _owner(rows: Any) -> Any:  # noqa: ANN401
    """Memory map that an array is a view of, or the object at the end of the chain of views."""
    while isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap):
        rows = rows.base
    return rows


def is_mapped(rows: Any) -> bool:  # noqa: ANN401
    """Whether an array is a memory map, or a view of one."""
    return isinstance(_owner(rows), np.memmap)


def _place(rows: Any) -> _Place | None:  # noqa: ANN401
    """Position of rows of a memory map that lie one after another and can be read again; None for others."""
    owner = _owner(rows)
    mapping = getattr(owner, "_mmap", None)
    # Pages that were changed in a private copy would be lost.
    if mapping is None or getattr(owner, "mode", "c") not in ("r", "r+") or not rows.size:
        return None
    if min(rows.strides) < 0 or rows.strides[0] < max(rows.strides):  # in Fortran order, rows are all over the file
        return None
    length = rows.itemsize + sum((n - 1) * stride for n, stride in zip(rows.shape, rows.strides, strict=True))
    begin = np.frombuffer(mapping, np.uint8, 1).__array_interface__["data"][0]
    start = rows.__array_interface__["data"][0] - begin
    first = owner.offset - owner.offset % mmap.ALLOCATIONGRANULARITY
    return _Place(mapping, start, length, owner.filename, first + start)


def release_pages(rows: Any) -> None:  # noqa: ANN401
    """Let the system reuse the pages of rows of a memory map, which would count as memory in use."""
    place = _place(rows)
    if place is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    page = mmap.PAGESIZE
    first, last = -(-place.start // page) * page, (place.start + place.length) // page * page
    if last > first:
        place.mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


class ReadAhead:
    """Thread that fetches rows of files into the system's cache while others are computed with."""

    def __enter__(self) -> ReadAhead:
        from concurrent.futures import ThreadPoolExecutor  # here, for it takes long to load

        self._thread = ThreadPoolExecutor(1)
        return self

    def fetch(self, rows: Any) -> None:  # noqa: ANN401
        """Fetch rows, if they are of a memory map; returns at once."""
        if (place := _place(rows)) is not None and place.path is not None:
            self.fetch_bytes(place.path, place.offset, place.length)

    def fetch_bytes(self, path: Any, offset: int, length: int) -> None:  # noqa: ANN401
        """Fetch bytes of a file; returns at once."""
        if hasattr(os, "posix_fadvise"):
            self._thread.submit(_fetch, path, offset, length)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _fetch(path: Any, offset: int, length: int) -> None:  # noqa: ANN401
    try:
        with open(path, "rb", buffering=0) as file:
            for begin in range(offset, offset + length, _REQUEST):
                size = min(_REQUEST, offset + length - begin)
                os.posix_fadvise(file.fileno(), begin, size, os.POSIX_FADV_WILLNEED)
    except OSError:
        pass  # renamed or deleted since: the map still reads it
