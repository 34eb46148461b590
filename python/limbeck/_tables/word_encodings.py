"""What becomes of a column of words: a feature for each of some groups, or a rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._tables.column_encodings import Feature, Filler, filler_of_gaps, gaps_described
from limbeck._tables.columns import TIMES, Column
from limbeck._tables.number_text import plain_number
from limbeck._tables.words import as_word

__all__ = ["Ranks", "Words", "words_of"]


@dataclass(frozen=True)
class Words:
    """Words as features that are 0 or 1, one for each of the groups but the first.

    Attributes
    ----------
    name : str
        Name of the column.
    levels : tuple of str
        Words with a group of their own, most frequent first.
    has_other : bool
        Whether there is a group of all other words, which also takes those never seen.
    has_missing : bool
        Whether there is a group of gaps.
    reference : int
        Group without a feature, that the others are compared with: of the words, then other, then missing.
    shares : tuple of float
        Part of the rows learned from in each group: what a word or a gap without a group counts as.
    """

    kind: ClassVar[str] = "words"
    name: str
    levels: tuple[str, ...]
    has_other: bool
    has_missing: bool
    reference: int
    shares: tuple[float, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all groups."""
        other = ("another",) if self.has_other else ()
        return (*self.levels, *other, *(("missing",) if self.has_missing else ()))

    @property
    def features(self) -> tuple[Feature, ...]:
        own = [f"{self.name} is {group}" for i, group in enumerate(self.groups) if i != self.reference]
        return tuple(Feature(name, self.name, "flag") for name in own)

    def filler(self, column: Column) -> Filler:
        codes, words = words_of(column, self.levels)
        count = len(self.groups)
        unseen = len(self.levels) if self.has_other else count
        missing = count - 1 if self.has_missing else unseen
        known = {word: i for i, word in enumerate(self.levels)}
        groups = np.array([*(known.get(word, unseen) for word in words), missing], dtype=np.intp)
        some_without_group = bool((groups == count).any())
        # Every row writes one number, a row of the reference or without a group a zero to the first feature.
        feature = np.append(np.arange(count) - (np.arange(count) > self.reference), 0)
        feature[self.reference] = 0
        place, one = feature[groups], ((groups != self.reference) & (groups < count)).astype(np.float64)
        shares = np.delete(np.array(self.shares), self.reference)

        def fill(rows: slice, out: Float64Array, at: int) -> None:
            own = codes[rows]
            begins = np.arange(at, at + out.size, out.shape[1])
            begins += place[own]
            out.reshape(-1)[begins] = one[own]
            if some_without_group:
                out[groups[own] == count, at : at + count - 1] = shares

        return fill

    def described(self) -> str:
        names = [name for i, name in enumerate(self.groups) if i != self.reference]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        return f"words: {shown}; compared with {self.groups[self.reference]}"


_SHOWN = 8


def words_of(column: Column, levels: Sequence[str]) -> tuple[NDArray[np.intp], Sequence[str]]:
    """Number of each row's word, -1 for a gap, and the words; numbers are those of the levels, or written out."""
    if column.kind == "words":
        return np.asarray(column.values, dtype=np.intp), column.levels
    if column.kind == "unknown" or (column.kind in TIMES and not column.gaps.all()):
        what = column.what or f"{column.kind}s"
        raise ValueError(f"column {column.name!r} holds {what}, words were learned from")
    values = column.values
    different, codes = np.unique(values[~column.gaps], return_inverse=True)
    every = np.full(len(values), -1, dtype=np.intp)
    every[~column.gaps] = codes
    if column.kind == "boolean":
        return every, [str(bool(value)) for value in different]
    written = {plain_number(level): level for level in levels}  # "1.0" and "007" are what 1 and 7 were learned as
    words = [as_word(float(value)) for value in different]
    return every, [word if word in levels else written.get(float(word), word) for word in words]


@dataclass(frozen=True)
class Ranks:
    """Ordered categories as their rank 0, 1, ...; a gap, and a word that is none of them, as the median rank.

    Attributes
    ----------
    name : str
        Name of the column.
    levels : tuple of str
        The categories in their order.
    gap : float
        Median rank.
    has_gap_flag : bool
        Whether a feature says where the gaps are.
    """

    kind: ClassVar[str] = "ranks"
    name: str
    levels: tuple[str, ...]
    gap: float
    has_gap_flag: bool = False

    @property
    def features(self) -> tuple[Feature, ...]:
        own = Feature(self.name, self.name, "rank", self.levels)
        if len(self.levels) == 2:
            own = Feature(f"{self.name} is {self.levels[1]}", self.name, "flag")
        return (own, Feature(f"{self.name} is missing", self.name, "flag")) if self.has_gap_flag else (own,)

    def filler(self, column: Column) -> Filler:
        codes, words = words_of(column, self.levels)
        known = {word: float(i) for i, word in enumerate(self.levels)}
        table = np.array([*(known.get(word, np.nan) for word in words), np.nan])
        return filler_of_gaps(table[codes], self.gap, self.has_gap_flag)

    def described(self) -> str:
        return f"ranks of {', '.join(self.levels)}{gaps_described(self.gap, self.has_gap_flag)}"
