"""Memory maps that are gone over once: rows are read ahead of their use, and their pages given back after it."""

from __future__ import annotations

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

__all__ = ["ReadAhead", "is_mapped", "release_pages"]

# A system reads no more than it likes for one request, often less than a megabyte.
_REQUEST = 1 << 19


@dataclass(frozen=True)
class _Place:
    """Where rows lie in a memory map and in its file."""

    mapping: mmap.mmap
    start: int
    length: int
    path: Any
    offset: int


def _owner(part: Any) -> Any:  # noqa: ANN401
    while isinstance(part, np.ndarray) and not isinstance(part, np.memmap):
        part = part.base
    return part


def is_mapped(part: Any) -> bool:  # noqa: ANN401
    """Whether an array is a memory map, or a view of one."""
    return isinstance(_owner(part), np.memmap)


def _place(part: Any) -> _Place | None:  # noqa: ANN401
    """Of rows of a memory map, one after another, whose pages can be read again; None for anything else."""
    owner = _owner(part)
    mapping = getattr(owner, "_mmap", None)
    # Pages that were changed in a private copy would be lost.
    if mapping is None or getattr(owner, "mode", "c") not in ("r", "r+") or not part.size:
        return None
    if min(part.strides) < 0 or part.strides[0] < max(part.strides):  # in Fortran order, rows are all over the file
        return None
    length = part.itemsize + sum((n - 1) * stride for n, stride in zip(part.shape, part.strides, strict=True))
    begin = np.frombuffer(mapping, np.uint8, 1).__array_interface__["data"][0]
    start = part.__array_interface__["data"][0] - begin
    first = owner.offset - owner.offset % mmap.ALLOCATIONGRANULARITY
    return _Place(mapping, start, length, owner.filename, first + start)


def release_pages(part: Any) -> None:  # noqa: ANN401
    """Have the system take the pages of rows, which would count as memory in use."""
    place = _place(part)
    if place is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    page = mmap.PAGESIZE
    first, last = -(-place.start // page) * page, (place.start + place.length) // page * page
    if last > first:
        place.mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


class ReadAhead:
    """A thread that has the system fetch rows of files while others are computed with."""

    def __enter__(self) -> ReadAhead:
        self._thread = ThreadPoolExecutor(1)
        return self

    def want(self, part: Any) -> None:  # noqa: ANN401
        """Fetch rows, if they are of a memory map."""
        if (place := _place(part)) is not None and place.path is not None:
            self.want_bytes(place.path, place.offset, place.length)

    def want_bytes(self, path: Any, offset: int, length: int) -> None:  # noqa: ANN401
        """Fetch a part of a file."""
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
        pass  # the file has another name now, or none: the map is read all the same
