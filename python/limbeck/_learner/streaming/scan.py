"""First pass over blocks: number of rows, means and ranges, and a sample of the rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from limbeck._base.arrays import Array, Float64Array
from limbeck._base.frame_numbers import is_numeric
from limbeck._base.frames import column_names, label_names, require_same_names
from limbeck._base.progress import Progress
from limbeck._learner.streaming.row_sample import RowSample
from limbeck.blocks._passes import sum_over
from limbeck.blocks._protocol import Block, Blocks, SupportsSum, validated_chunks

__all__ = ["RowCounts", "RowSource", "Scan", "scanned"]

S = TypeVar("S")


class RowSource(Protocol):
    """Blocks of rows, here or on a cluster, that statistics can be summed over."""

    def total(self, empty: S) -> S:
        """The sum of a statistic over all blocks, beginning with one of no rows."""
        ...


class RowCounts(SupportsSum):
    """Number of rows of every block: where a block of a cluster begins is known from those before it."""

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


def scanned(
    source: RowSource,
    rows_to_keep: Callable[[int], int],
    rng: np.random.Generator,
    n_threads: int | None,
    progress: Progress,
) -> Scan:
    """Make the first pass over blocks.

    Parameters
    ----------
    source : RowSource
        The blocks.
    rows_to_keep : callable
        Number of rows to draw, by the number of features.
    rng : numpy.random.Generator
        Where the seed of the draw comes from; its state stays as it is.
    n_threads : int or None
        Number of threads.
    progress : Progress
        Shows the pass.
    """
    first_rows, n_rows = None, getattr(source, "n_rows", None)
    if not isinstance(source, Blocks):
        counts = RowCounts()
        if (known := getattr(source, "block_rows", None)) is not None:
            counts.rows = dict(enumerate(known))
        else:
            counts = sum_over(source, counts, n_threads)
        first_rows, n_rows = counts.first_rows(), sum(counts.rows.values())
    # A copy of the generator: its own state must be the same afterwards as for arrays.
    seed = copy.deepcopy(rng).integers(2**63)
    empty = Scan(RowSample(rows_to_keep, int(seed), n_rows), first_rows)
    return sum_over(source, empty, n_threads, progress.begin_pass("pass: rows"))


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
    """Numbers and a sample of rows, from one pass over them; scans of blocks add up by ``+``.

    Parameters
    ----------
    sample : RowSample
        Sample of no rows yet.
    first_rows : dict of int to int, optional
        Place of each block's first row among all; without it blocks are taken one after another.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    count : int
        Number of rows of positive weight.
    weight, mean, squares : float
        Sum of the weights, weighted mean of the labels, and weighted sum of their squared distances from it.
    least, largest : float
        Range of the labels of rows of positive weight.
    low, high : ndarray of shape (d,)
        Range of each column of X, of rows of positive weight.
    names : tuple of str or None
        Names of the columns, where X has them.
    target : str
        Name of the labels; "y" where they have none.
    weighted : bool
        Whether there are weights; None without rows.
    needs_encoding : bool
        Whether X has words, dates or gaps; then nothing else is known.
    """

    takes_tables = True

    def __init__(self, sample: RowSample, first_rows: dict[int, int] | None = None) -> None:
        self.sample, self.first_rows = sample, first_rows
        self.needs_encoding = False
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
        self.needs_encoding |= not is_numeric(X, "X")
        if self.needs_encoding:
            return
        first = self.n_rows
        if self.first_rows is not None:
            if number not in self.first_rows:
                raise ValueError("it was not there when blocks were counted: they must not change between passes")
            first = self.first_rows[number]
        done = 0
        for x, labels, weights in validated_chunks(block):
            if len(x):
                self._join_weighted(weights is not None)
                self._take_rows(x, labels, weights, first + done)
                if self.needs_encoding:
                    return
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
            if np.isfinite(y).all() and not np.isinf(X).any():
                self.needs_encoding = True
                return
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
        if self.needs_encoding or other.needs_encoding:
            return self if self.needs_encoding else other
        if not (self.n_rows and other.n_rows):
            return copy.deepcopy(
                self if self.n_rows else other
            )  # what is added to the sum later is not added to either
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
