"""Rows drawn from blocks without replacement, whatever the blocks are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Array, Float64Array
from limbeck._base.hashes import hashed

__all__ = ["RowSample"]

_GROWTH = 2  # factor that room for rows grows by: copies then cost no more than the rows themselves
_ROWS_AT_A_TIME = 1 << 14  # moved within an array: their copy is small beside it
# Standard deviations of a count that are allowed for, so that a draw has too few rows once in 10^15 times.
_DEVIATIONS = 8


class RowSample:
    """Rows drawn without replacement: those whose places among all have the smallest hashes.

    The sample depends on the rows and their order alone, not on how they are cut into blocks, nor on which blocks come
    first.

    Parameters
    ----------
    rows_to_keep : callable
        Number of rows to keep, by the number of features.
    seed : int
        Seed of the hash, below 2^64.
    n_rows : int, optional
        Number of all rows, where it is known: saves work.

    Attributes
    ----------
    count : int
        Number of rows held; more than are kept in the end.
    """

    def __init__(self, rows_to_keep: Callable[[int], int], seed: int, n_rows: int | None = None) -> None:
        self.rows_to_keep, self.seed, self.n_rows = rows_to_keep, seed, n_rows
        self._max_rows = self._capacity = self.count = 0
        # Unordered; only the first `count` entries are valid.
        self._columns: tuple[Float64Array, Float64Array, Float64Array] | None = None  # features, labels, weights
        self._places: NDArray[np.uint64] = np.empty(0, np.uint64)

    def take(self, X: Array, y: Array, weights: Array | None, first: int) -> None:
        """Draw from rows of a block, the first of which has a known place among all; none of weight zero."""
        self._prepare(X.shape[1])
        places = np.arange(first, first + len(X), dtype=np.uint64)
        offered = np.ones(len(X), dtype=bool) if weights is None else weights > 0
        if (bound := self._bound(weights is not None)) is not None:
            offered &= hashed(places, self.seed) < bound
        at = np.flatnonzero(offered)
        self._merge(places[at], (X, y, weights), at)

    def add(self, other: RowSample) -> None:
        """Draw from the rows of another sample, too."""
        if other._columns is not None:
            self._prepare(other._columns[0].shape[1])
            self._merge(other._places[: other.count], other._columns, np.arange(other.count))

    def _prepare(self, d: int) -> None:
        if self._columns is not None and self._columns[0].shape[1] != d:
            raise ValueError(f"X has {d} features, blocks before it {self._columns[0].shape[1]}")
        self._max_rows = self.rows_to_keep(d)
        # Room for some more than are kept: the surplus is cut off once, at the end.
        self._capacity = self._max_rows + int(2 * _DEVIATIONS * self._max_rows**0.5) + 128

    def _bound(self, weighted: bool) -> np.uint64 | None:
        """Upper bound of the hashes of rows in the sample, as far as it is known."""
        if self.count == self._capacity:
            return np.uint64(self._hashes().max(initial=0))
        # Of n uniform numbers as many as are kept are below, even if the count is eight standard deviations off.
        share = (
            (self._max_rows + _DEVIATIONS * self._max_rows**0.5 + 64) / self.n_rows
            if self.n_rows and not weighted
            else 1.0
        )
        return np.uint64(share * 2.0**64) if share < 1 else None

    def _hashes(self) -> NDArray[np.uint64]:
        return hashed(self._places[: self.count], self.seed)

    def _merge(self, places: NDArray[np.uint64], columns: Sequence[Array | None], at: NDArray[np.intp]) -> None:
        """Keep the rows of the smallest hashes, of those held and of rows ``at`` of columns, which have ``places``."""
        count = self.count + len(places)
        stay = np.ones(self.count, dtype=bool)
        if count > self._capacity:
            both = np.concatenate([self._hashes(), hashed(places, self.seed)])
            kept = np.zeros(count, dtype=bool)
            kept[np.argpartition(both, self._capacity - 1)[: self._capacity]] = True
            stay, new, count = kept[: self.count], kept[self.count :], self._capacity
            places, at = places[new], at[new]
        self._reserve(count, columns[0].shape[1] if columns[0] is not None else 0)
        slots: Any = slice(self.count, count)
        if not stay.all():
            slots = np.concatenate([np.flatnonzero(~stay), np.arange(self.count, count)])
        assert self._columns is not None
        for own, others in zip(self._columns, columns, strict=True):
            own[slots] = 1.0 if others is None else others if len(at) == len(others) else others[at]
        self._places[slots] = places
        self.count = count

    def _reserve(self, count: int, d: int) -> None:
        have = 0 if self._columns is None else len(self._places)
        if count <= have and self._columns is not None:
            return
        size = (
            self._capacity
            if self.n_rows and self.n_rows > self._capacity
            else min(self._capacity, max(count, _GROWTH * have))
        )
        columns, places = (np.empty((size, d)), np.empty(size), np.empty(size)), np.empty(size, np.uint64)
        if self._columns is not None:
            for new, old in zip((*columns, places), (*self._columns, self._places), strict=True):
                new[: self.count] = old[: self.count]
        self._columns, self._places = columns, places

    def pop_sorted(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """X, y and weights (ones where there were none) in the order of the rows; empties the sample."""
        assert self._columns is not None
        kept = np.ones(self.count, dtype=bool)
        if self.count > self._max_rows:
            kept[np.argpartition(self._hashes(), self._max_rows - 1)[self._max_rows :]] = False
        places = self._places[: self.count]
        order = np.flatnonzero(kept)
        columns, self._columns = self._columns, None
        self.count, self._places = 0, self._places[:0]
        if (np.diff(places.astype(np.int64)) > 0).all():
            return _moved_up(columns[0], order), _moved_up(columns[1], order), _moved_up(columns[2], order)
        order = order[np.argsort(places[order])]
        return columns[0][order], columns[1][order], columns[2][order]

    def __getstate__(self) -> dict[str, Any]:
        columns = None if self._columns is None else tuple(column[: self.count] for column in self._columns)
        return self.__dict__ | {"_columns": columns, "_places": self._places[: self.count]}


def _moved_up(rows: Float64Array, order: NDArray[np.intp]) -> Float64Array:
    """Rows of rising numbers moved to the front in place: there is no second copy of them."""
    for i in range(0, len(order), _ROWS_AT_A_TIME):
        part = order[i : i + _ROWS_AT_A_TIME]
        if part[0] != i or part[-1] != i + len(part) - 1:
            rows[i : i + len(part)] = rows[part]
    return rows[: len(order)]
