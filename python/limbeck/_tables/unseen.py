"""What rows to predict hold that the rows learned from did not: words without a group, and gaps without a feature."""

from __future__ import annotations

import numpy as np

from limbeck._tables.column_encodings import DURATIONS, LeftOut, Numbers, Times
from limbeck._tables.columns import Column, Columns
from limbeck._tables.encoding import Encoding
from limbeck._tables.errors import shortened
from limbeck._tables.word_encodings import Ranks, Words, words_of

__all__ = ["unseen_values"]

_SHOWN = 3


def unseen_values(encoding: Encoding, table: Columns) -> list[str]:
    """Say, column by column, which rows are predicted with a value that stands in for theirs.

    Parameters
    ----------
    encoding : Encoding
    table : Columns
        Columns that features are made of, in their order.
    """
    said = []
    used = [column for column in encoding.columns if not isinstance(column, LeftOut)]
    pairs = list(zip(used, table.items, strict=True))
    # The gaps of columns that have the same gaps are a feature once.
    told = {column.gaps.tobytes() for made, column in pairs if _has_feature_of_gaps(made)}
    for made, column in pairs:
        gaps = [] if column.gaps.tobytes() in told else _gaps(made, column)
        parts = [*_words(made, column), *gaps]
        said += [f"column {shortened(made.name)}: {' and '.join(parts)}"] if parts else []
    return said


def _words(made: object, column: Column) -> list[str]:
    """Words that have no group of their own."""
    if not isinstance(made, Words | Ranks):
        return []
    codes, words = words_of(column, made.levels)
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    rows = {word: int(n) for word, n in zip(words, counts, strict=True) if n and word not in made.levels}
    if not rows:
        return []
    shown = ", ".join(shortened(word) for word in list(rows)[:_SHOWN]) + (", ..." if len(rows) > _SHOWN else "")
    stand_in = (
        _middle(made) if isinstance(made, Ranks) else "another word" if made.has_other else "the average of all rows"
    )
    return [f"{shown} in {_rows(sum(rows.values()))} count{_s(sum(rows.values()))} as {stand_in}"]


def _gaps(made: object, column: Column) -> list[str]:
    """Gaps of a column whose gaps are no feature."""
    missing = int(column.gaps.sum())
    if not missing:
        return []
    if isinstance(made, Words):
        if made.has_missing:
            return []
        stand_in = "another word" if made.has_other else "the average of all rows"
    elif isinstance(made, Numbers | Times | Ranks) and not made.has_gap_flag:
        stand_in = _stand_in(made)
    else:
        return []
    return [f"{_rows(missing)} without a value count{_s(missing)} as {stand_in}"]


def _has_feature_of_gaps(made: object) -> bool:
    return made.has_missing if isinstance(made, Words) else bool(getattr(made, "has_gap_flag", False))


def _stand_in(made: Numbers | Times | Ranks) -> str:
    """What a gap counts as."""
    if isinstance(made, Times):
        return made.gap_text
    if isinstance(made, Ranks):
        return _middle(made)
    if made.is_boolean:
        return str(bool(made.gap)).lower()
    unit = " hours" if made.hours else f" {DURATIONS[made.duration]}" if made.duration else ""
    return f"{made.gap:.6g}{unit}"


def _middle(made: Ranks) -> str:
    """The rank of gaps and of words that are none."""
    low, high = made.levels[int(np.floor(made.gap))], made.levels[int(np.ceil(made.gap))]
    return low if low == high else f"between {low} and {high}"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    """Ending of a verb."""
    return "s" if count == 1 else ""
