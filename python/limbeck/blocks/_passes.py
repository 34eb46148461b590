"""One pass over blocks, with a line of progress."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from limbeck._base.progress import progress_line
from limbeck.blocks._protocol import Blocks, Statistic, as_blocks

__all__ = ["PassLine", "add_blocks", "sum_over"]

A = TypeVar("A", bound=Statistic)
_REFRESH = 0.1  # seconds
_WIDTH = 20


class PassLine:
    """How far a pass is, how fast it goes, and the time left, for a line of text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = time.perf_counter()
        self._first: int | None = None  # rows done before, by a pass that was interrupted
        self._last = 0.0

    def text(self, done: int, n_rows: int | None) -> str | None:
        """The line, or None where it is too soon for another one."""
        now = time.perf_counter()
        if self._first is None:
            self._first, self._start = done, now
            return None
        if now - self._last < _REFRESH and done != n_rows:
            return None
        self._last = now
        speed = (done - self._first) / max(now - self._start, 1e-9)
        if not n_rows:
            return f"{self._name}  {done:.3g} rows  {speed:.2g} rows/s"
        part = min(1.0, done / n_rows)
        bar = ("#" * int(part * _WIDTH)).ljust(_WIDTH, ".")
        left = int((n_rows - done) / speed + 0.5) if speed else 0
        return f"{self._name}  [{bar}] {100 * part:3.0f} %  {speed:.2g} rows/s  {left // 60}:{left % 60:02d} left"


def sum_over(blocks: Any, empty: A, n_threads: int | None, report: Any = None) -> A:  # noqa: ANN401
    """The sum over all blocks, wherever they are.

    Raises
    ------
    TypeError
        A cluster's ``total`` returned something else than a sum of this kind.
    """
    if isinstance(blocks, Blocks):
        return blocks.total(empty, n_threads=n_threads, report=report)
    sums: A = blocks.total(empty)
    if type(sums) is not type(empty):
        raise TypeError(f"total(empty) of {type(blocks).__name__} returned {sums!r}, not a {type(empty).__name__}")
    return sums


def add_blocks(sums: A, empty: A, blocks: Any, progress: bool, n_threads: int | None) -> None:  # noqa: ANN401
    """Add all blocks to ``sums``, which stays as it is if anything fails."""
    source = as_blocks(blocks, "blocks", passes=1)
    line = progress_line() if progress else None
    words = PassLine("rows")

    def report(done: int, n_rows: int | None) -> None:
        if line is not None and (text := words.text(done, n_rows)) is not None:
            line.show(text)

    try:
        added = sum_over(source, empty, n_threads, report)
    finally:
        if line is not None:
            line.close()
    sums.__dict__.update((added if not sums.n_rows else sums + added).__dict__)  # type: ignore[attr-defined]
