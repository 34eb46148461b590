"""Counts and a sample of the rows of a table, from one pass over it, of which its encoding is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.hashes import hashed
from limbeck._tables.columns import Column, Columns
from limbeck._tables.encoding_settings import ENCODING, EncodingSettings
from limbeck._tables.times import in_zone
from limbeck._tables.words import possible_kinds

__all__ = ["ColumnCounts", "TableSurvey"]

_SEED = 0x6C696D6265636B  # any number would do: the sample is only to be the same each time


@dataclass
class ColumnCounts:
    """What is known of a column from its rows so far.

    Attributes
    ----------
    kinds : set of str
        Kinds of the columns with any value.
    gaps : int
        Number of gaps.
    words : Counter or None
        Number of rows with each word; None where there are too many different words.
    possible : tuple of str
        Kinds that all words so far can be read as.
    orders : set of tuple of str
        Levels in their order, of each part of the table; empty for words without one.
    what : str
        Of unknown values, what they are.
    zones : set of str
        Time zones of dates with values, empty for none.
    """

    kinds: set[str] = field(default_factory=set)
    gaps: int = 0
    words: Counter[str] | None = field(default_factory=Counter)
    possible: tuple[str, ...] = ("boolean", "number", "date", "datetime", "time")
    orders: set[tuple[str, ...]] = field(default_factory=set)
    what: str = ""
    zones: set[str] = field(default_factory=set)

    def take(self, column: Column, most_words: int) -> None:
        """Add the rows of a column."""
        missing = int(np.count_nonzero(column.gaps))
        self.gaps += missing
        if column.kind == "words":
            self._take_words(column, most_words)
        if missing < len(column):
            self.kinds.add(column.kind)
            if column.kind in ("date", "datetime"):
                self.zones.add(column.zone)
        self.what = self.what or column.what

    def _take_words(self, column: Column, most_words: int) -> None:
        codes = np.asarray(column.values, dtype=np.intp)
        counts = np.bincount(codes[codes >= 0], minlength=len(column.levels)).tolist()
        seen = {word: count for word, count in zip(column.levels, counts, strict=True) if count}
        self._join_words(seen, most_words)
        if column.what == "words":
            self.possible = ()
        if self.possible:
            self.possible = tuple(kind for kind in possible_kinds(seen) if kind in self.possible)
        if column.ordered:
            self.orders.add(column.levels)

    def _join_words(self, words: dict[str, int] | Counter[str] | None, most_words: int) -> None:
        if words is None or self.words is None:
            self.words = None
            return
        self.words.update(words)
        if len(self.words) > most_words:
            self.words = None

    def join(self, other: ColumnCounts, most_words: int) -> None:
        """Add what another count knows."""
        self.kinds |= other.kinds
        self.gaps += other.gaps
        self._join_words(other.words, most_words)
        self.possible = tuple(kind for kind in self.possible if kind in other.possible)
        self.orders |= other.orders
        self.what = self.what or other.what
        self.zones |= other.zones


class TableSurvey:
    """Counts and a sample of the rows of a table; those of its parts add up by ``+``, the same for any cut.

    Parameters
    ----------
    settings : EncodingSettings
        Numbers that decide what becomes of the columns.

    Attributes
    ----------
    names : tuple of str
        Names of the columns; empty before the first rows.
    named : bool
        Whether the names are the table's own.
    n_rows : int
        Number of rows.
    counts : list of ColumnCounts
        One for each column.
    places : ndarray of uint64 of shape (m,)
        Places, among all, of the rows in the sample: those with the smallest hashes.
    sample : list of ndarray of shape (m,)
        Of each column numbers, or the words themselves with None for gaps.
    """

    def __init__(self, settings: EncodingSettings = ENCODING) -> None:
        self.settings = settings
        self.names: tuple[str, ...] = ()
        self.named = True
        self.n_rows = 0
        self.counts: list[ColumnCounts] = []
        self.places: NDArray[np.uint64] = np.empty(0, np.uint64)
        self.sample: list[NDArray[Any]] = []

    def take(self, table: Columns, places: NDArray[np.uint64] | None = None) -> TableSurvey:
        """Add rows, whose places among all are known; without places they are all there are.

        Raises
        ------
        ValueError
            The columns are others than those before.
        """
        if not self.counts:
            self.names, self.named = table.names, table.named
            self.counts = [ColumnCounts() for _ in table.items]
            self.sample = [np.empty(0, dtype=object) for _ in table.items]
        if table.names != self.names:
            raise ValueError(f"the columns of X are {list(table.names)}, of rows before {list(self.names)}")
        for counts, column in zip(self.counts, table.items, strict=True):
            counts.take(column, self.settings.most_words)
        self.n_rows += len(table)
        places = np.arange(len(table), dtype=np.uint64) if places is None else places
        at = _smallest(places, self.settings.sample_rows)
        self._join_sample(places[at], [_sampled(column, at) for column in table.items])
        return self

    def __add__(self, other: TableSurvey) -> TableSurvey:
        first, second = (self, other) if self.counts else (other, self)
        total = TableSurvey(first.settings)
        total.names, total.named, total.n_rows = first.names, first.named, first.n_rows + second.n_rows
        total.counts = [ColumnCounts() for _ in first.counts]
        total.sample = [np.empty(0, dtype=object) for _ in first.counts]
        for part in (first, second):
            for counts, own in zip(total.counts, part.counts, strict=False):
                counts.join(own, first.settings.most_words)
            if part.counts:
                total._join_sample(part.places, part.sample)
        return total

    def _join_sample(self, places: NDArray[np.uint64], values: list[NDArray[Any]]) -> None:
        every = np.concatenate([self.places, places])
        at = _smallest(every, self.settings.sample_rows)
        at = at[np.argsort(every[at])]  # in the order of the rows, whatever the order of the parts
        self.sample = [np.concatenate([own, new])[at] for own, new in zip(self.sample, values, strict=True)]
        self.places = every[at]


def _smallest(places: NDArray[np.uint64], most: int) -> NDArray[np.intp]:
    """Numbers of the places with the smallest hashes."""
    if len(places) <= most:
        return np.arange(len(places))
    return np.argpartition(hashed(places, _SEED), most - 1)[:most]


def _sampled(column: Column, at: NDArray[np.intp]) -> NDArray[Any]:
    """Some values of a column, as objects: words as text, moments by the clock of their zone."""
    if column.kind != "words":
        values = column.values[at].astype(np.float64)
        return (in_zone(values, column.zone) if column.zone else values).astype(object)
    return np.array([*column.levels, None], dtype=object)[column.values[at].astype(np.intp)]
