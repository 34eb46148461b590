"""Blocks of arrays, memory maps and data frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import float_array, same_length
from limbeck._base.frames import column_names, require_same_rows
from limbeck.blocks._memory_map import ReadAhead, is_mapped, release_pages, with_blocks_to_fetch
from limbeck.blocks._protocol import Block, Blocks, digest_of_rows, rows_per_block, sliceable, some_rows

__all__ = ["from_arrays"]


class _ArrayBlocks(Blocks):
    """Blocks that are slices of arrays in memory, or of memory maps."""

    def __init__(self, X: Any, y: Any, sample_weight: Any, rows: int | None) -> None:  # noqa: ANN401
        self._columns = [X, y, sample_weight]
        self.n_rows = len(X)
        self.in_memory = not any(is_mapped(column) for column in self._columns)
        item = X.dtype.itemsize if isinstance(X, np.ndarray) else 8
        self._rows = rows_per_block(X.shape[1], item, rows)

    def fingerprint(self) -> bytes:
        assert self.n_rows is not None
        shapes = [getattr(column, "shape", None) for column in self._columns]
        rows = some_rows(self.n_rows)
        return repr((shapes, self._rows)).encode() + digest_of_rows(
            [_rows_of(column, i, i + 1) for column in self._columns for i in rows]
        )

    def starting_at(self, number: int) -> Iterator[Block]:
        assert self.n_rows is not None
        with ReadAhead() as ahead:
            for begin, to_fetch in with_blocks_to_fetch(range(number * self._rows, self.n_rows, self._rows)):
                end = begin + self._rows
                for later in to_fetch:
                    for column in self._columns:
                        ahead.fetch(_rows_of(column, later, later + self._rows))
                block = Block(*(_rows_of(column, begin, end) for column in self._columns))
                yield block
                for column in block:
                    release_pages(column)


def _rows_of(column: Any, begin: int, end: int) -> Any:  # noqa: ANN401
    """Rows of an array or a frame; None for None."""
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
