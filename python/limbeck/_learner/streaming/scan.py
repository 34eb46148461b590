"""The first pass over blocks: how many rows, what labels and sizes, and a sample of the rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Array, Float64Array
from limbeck._base.frames import column_names, label_names, require_same_names
from limbeck._base.progress import Progress
from limbeck.blocks._passes import sum_over
from limbeck.blocks._protocol import Block, Blocks, SupportsSum, pieces

__all__ = ["RowCounts", "RowSample", "Scan", "scanned"]

_GROWTH = 2
_STEP = 1 << 14


class RowCounts(SupportsSum):
    """Number of rows of every block: where one of a cluster begins is known from those before it."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Count the rows of a block."""
        self.rows[number] = len(block.X)

    def __add__(self, other: RowCounts) -> RowCounts:
        if twice := self.rows.keys() & other.rows.keys():
            raise ValueError(f"two blocks have the number {min(twice)}: give each one its own")
        total = RowCounts()
        total.rows = self.rows | other.rows
        return total

    def first_rows(self) -> dict[int, int]:
        """Place of each block's first row among all."""
        found, place = {}, 0
        for number in sorted(self.rows):
            found[number] = place
            place += self.rows[number]
        return found


def _hashed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Well mixed 64 bits of each number: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (numbers + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def scanned(
    source: Any,  # noqa: ANN401
    rows_to_keep: Callable[[int], int],
    rng: np.random.Generator,
    n_threads: int | None,
    progress: Progress,
) -> Scan:
    """The first pass over blocks; ``rows_to_keep`` tells how many rows to draw, by the number of features."""
    first_rows, n_rows = None, getattr(source, "n_rows", None)
    if not isinstance(source, Blocks):
        counts = RowCounts()
        if (known := getattr(source, "block_rows", None)) is not None:
            counts.rows = dict(enumerate(known))
        else:
            counts = sum_over(source, counts, n_threads)
        first_rows, n_rows = counts.first_rows(), sum(counts.rows.values())
    # Without a draw from the generator, whose state is to be the same as for arrays.
    seed = copy.deepcopy(rng).integers(2**63)
    empty = Scan(RowSample(rows_to_keep, int(seed), n_rows), first_rows)
    return sum_over(source, empty, n_threads, progress.begin_pass("pass: rows"))


class RowSample:
    """Rows drawn without replacement: those whose places among all have the smallest hashes.

    So the sample depends on the rows and their order alone, not on how they were cut into blocks, nor on which of them
    came first.

    Parameters
    ----------
    rows_to_keep : callable
        Number of rows to keep, by the number of features.
    seed : int
        Of the hash, below 2^64.
    n_rows : int, optional
        Number of all rows, where it is known: saves work.
    """

    def __init__(self, rows_to_keep: Callable[[int], int], seed: int, n_rows: int | None = None) -> None:
        self.rows_to_keep, self.seed, self.n_rows = rows_to_keep, seed, n_rows
        self.most = self.room = self.count = 0
        # In any order; what stands beyond count is not there yet.
        self._columns: tuple[Float64Array, Float64Array, Float64Array] | None = None  # features, labels, weights
        self._places: NDArray[np.uint64] = np.empty(0, np.uint64)

    def take(self, X: Array, y: Array, weights: Array | None, first: int) -> None:
        """Offer rows, the first of which has this place among all; those of weight zero are not taken."""
        self._prepare(X.shape[1])
        places = np.arange(first, first + len(X), dtype=np.uint64)
        offered = np.ones(len(X), dtype=bool) if weights is None else weights > 0
        if (bound := self._bound(weights is not None)) is not None:
            offered &= _hashed(places, self.seed) < bound
        at = np.flatnonzero(offered)
        self._merge(places[at], (X, y, weights), at)

    def add(self, other: RowSample) -> None:
        """Offer the rows of another sample."""
        if other._columns is not None:
            self._prepare(other._columns[0].shape[1])
            self._merge(other._places[: other.count], other._columns, np.arange(other.count))

    def _prepare(self, d: int) -> None:
        if self._columns is not None and self._columns[0].shape[1] != d:
            raise ValueError(f"X has {d} features, blocks before it {self._columns[0].shape[1]}")
        self.most = self.rows_to_keep(d)
        # With room for some more, those too many are cut off once, at the end.
        self.room = self.most + int(16 * self.most**0.5) + 128

    def _bound(self, weighted: bool) -> np.uint64 | None:
        """What hashes of rows in the sample are below, as far as it is known."""
        if self.count == self.room:
            return np.uint64(self._hashes().max(initial=0))
        # So many of n uniform numbers are below it but for eight standard deviations.
        share = (self.most + 8 * self.most**0.5 + 64) / self.n_rows if self.n_rows and not weighted else 1.0
        return np.uint64(share * 2.0**64) if share < 1 else None

    def _hashes(self) -> NDArray[np.uint64]:
        return _hashed(self._places[: self.count], self.seed)

    def _merge(self, places: NDArray[np.uint64], columns: Sequence[Array | None], at: NDArray[np.intp]) -> None:
        """Keep the smallest hashes of the rows here and of rows ``at`` of the columns, which have these places."""
        count = self.count + len(places)
        stay = np.ones(self.count, dtype=bool)
        if count > self.room:
            both = np.concatenate([self._hashes(), _hashed(places, self.seed)])
            kept = np.zeros(count, dtype=bool)
            kept[np.argpartition(both, self.room - 1)[: self.room]] = True
            stay, new, count = kept[: self.count], kept[self.count :], self.room
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
        size = self.room if self.n_rows and self.n_rows > self.room else min(self.room, max(count, _GROWTH * have))
        columns, places = (np.empty((size, d)), np.empty(size), np.empty(size)), np.empty(size, np.uint64)
        if self._columns is not None:
            for new, old in zip((*columns, places), (*self._columns, self._places), strict=True):
                new[: self.count] = old[: self.count]
        self._columns, self._places = columns, places

    def in_order(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """X, y and weights in the order of the rows; the sample is empty afterwards."""
        assert self._columns is not None
        kept = np.ones(self.count, dtype=bool)
        if self.count > self.most:
            kept[np.argpartition(self._hashes(), self.most - 1)[self.most :]] = False
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
    """The rows of rising numbers, moved to the front in place: there is no second copy of them."""
    for i in range(0, len(order), _STEP):
        part = order[i : i + _STEP]
        if part[0] != i or part[-1] != i + len(part) - 1:
            rows[i : i + len(part)] = rows[part]
    return rows[: len(order)]


def _name_non_finite(first: int, **arrays: Array) -> None:
    """Raise ValueError with the place, among all rows, of the first NaN or infinity."""
    for name, array in arrays.items():
        for row in np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[:1]:
            wrong = np.flatnonzero(~np.isfinite(np.atleast_1d(array[row])))[0]
            place = f"row {first + row}" + (f", column {wrong}" if array.ndim == 2 else "")
            raise ValueError(
                f"{name} holds {np.atleast_1d(array[row])[wrong]} in {place} of all: drop or fill such rows first"
            )


class Scan(SupportsSum):
    """What one pass tells of the rows; adds up by ``+``.

    Parameters
    ----------
    sample : RowSample
        An empty one.
    first_rows : dict of int to int, optional
        Place of each block's first row among all; without it blocks are taken one after another.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    count : int
        Of those, the number of positive weight.
    weight, mean, squares : float
        Sum of the weights, weighted mean of the labels, and weighted sum of their squared distances from it.
    least, largest : float
        Of the labels of rows that count.
    low, high : ndarray of shape (d,)
        Ends of each column of X, of rows that count.
    names : tuple of str or None
        Of the columns, where X has them.
    target : str
        Name of the labels; "y" where they have none.
    weighted : bool
        Whether there are weights; None without rows.
    """

    def __init__(self, sample: RowSample, first_rows: dict[int, int] | None = None) -> None:
        self.sample, self.first_rows = sample, first_rows
        self.n_rows = self.count = 0
        self.weight = self.mean = self.squares = 0.0
        self.least, self.largest = np.inf, -np.inf
        self.low: Float64Array | None = None
        self.high: Float64Array | None = None
        self.names: tuple[str, ...] | None = None
        self._label: tuple[str, ...] | None = None
        self.weighted: bool | None = None

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add the rows of a block."""
        X, y, _ = block
        first = self.n_rows
        if self.first_rows is not None:
            if number not in self.first_rows:
                raise ValueError("it was not there when blocks were counted: they must not change between passes")
            first = self.first_rows[number]
        done = 0
        for x, labels, weights in pieces(block):
            if len(x):
                self._join_weighted(weights is not None)
                self._take_rows(x, labels, weights, first + done)
            done += len(x)
        if len(X):
            self._join_names(column_names(X), label_names(y), self.n_rows == done)

    @property
    def target(self) -> str:
        """Name of the labels."""
        return "y" if self._label is None else self._label[0]

    def _take_rows(self, X: Array, y: Array, weights: Array | None, first: int) -> None:
        if self.low is not None and len(self.low) != X.shape[1]:
            raise ValueError(f"X has {X.shape[1]} features, blocks before it {len(self.low)}")
        low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and np.isfinite(y).all()):
            _name_non_finite(first, X=X, y=y)
        self.sample.take(X, y, weights, first)
        self.n_rows += len(X)
        if weights is not None and not weights.all():
            kept = weights > 0
            X, y, weights = X[kept], y[kept], weights[kept]
            if not len(y):
                return
            low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
        self.least, self.largest = min(self.least, float(y.min())), max(self.largest, float(y.max()))
        with np.errstate(over="ignore", invalid="ignore"):  # sizes are looked at afterwards
            weight = float(len(y) if weights is None else weights.sum())
            mean = float(np.average(y, weights=weights))
            squares = float(weight * np.average(np.square(y - mean), weights=weights))
            self._join_labels(weight, mean, squares)
        self._join_ends(low, high)
        self.count += len(y)

    def _join_ends(self, low: Float64Array | None, high: Float64Array | None) -> None:
        if low is None or high is None:
            return
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    def _join_weighted(self, weighted: bool | None) -> None:
        if weighted is not None and self.weighted not in (None, weighted):
            raise ValueError("some blocks have weights and some have none: give them to all, or to none")
        self.weighted = self.weighted if weighted is None else weighted

    def _join_labels(self, weight: float, mean: float, squares: float) -> None:
        """Means and sums of squares add up as in Chan, Golub and LeVeque, The American Statistician 37, 1983."""
        total = self.weight + weight
        if total == 0:
            return
        apart = mean - self.mean
        self.squares += squares + apart**2 * self.weight * weight / total
        self.mean += apart * weight / total
        self.weight = total

    def _join_names(self, names: tuple[str, ...] | None, label: tuple[str, ...] | None, first: bool = False) -> None:
        if not first and (names is None) != (self.names is None):
            raise ValueError(f"the columns of X are {names}, in blocks before it {self.names}")
        require_same_names(names, self.names, "X", "blocks before")
        require_same_names(label, self._label, "y", "blocks before")
        self.names = names
        self._label = self._label or label

    def __add__(self, other: Scan) -> Scan:
        if not (self.n_rows and other.n_rows):
            return copy.deepcopy(self if self.n_rows else other)  # what is added to the sum is not theirs
        sample = RowSample(self.sample.rows_to_keep, self.sample.seed, self.sample.n_rows)
        total = Scan(sample, self.first_rows)
        total.sample.add(self.sample)
        total.sample.add(other.sample)
        if self.low is not None and other.low is not None and len(self.low) != len(other.low):
            raise ValueError(f"blocks must have the same features, got {len(self.low)} and {len(other.low)}")
        total._join_ends(self.low, self.high)
        total._join_ends(other.low, other.high)
        total.n_rows, total.count = self.n_rows + other.n_rows, self.count + other.count
        total.least, total.largest = min(self.least, other.least), max(self.largest, other.largest)
        total._join_weighted(self.weighted)
        total._join_weighted(other.weighted)
        total._join_labels(self.weight, self.mean, self.squares)
        total._join_labels(other.weight, other.mean, other.squares)
        total._join_names(self.names, self._label, first=True)
        total._join_names(other.names, other._label)
        return total
