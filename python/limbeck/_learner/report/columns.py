"""Sentences about the columns of a table: what was left out, what words are compared with, what gaps count as."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck._learner.report.numbers import clipped
from limbeck._tables.column_encodings import ColumnEncoding, LeftOut, Numbers, Times
from limbeck._tables.encoding import Encoding
from limbeck._tables.word_encodings import Ranks, Words

__all__ = ["column_notes"]

_MOST = 8  # columns in a sentence; the others are counted


def column_notes(encoding: Encoding | None) -> str:
    """Sentences about the columns of a table; empty where all are numbers as they are."""
    if encoding is None or encoding.is_plain:
        return ""
    sentences = []
    if left_out := [
        f"{clipped(column.name)} ({column.reason})" for column in encoding.columns if isinstance(column, LeftOut)
    ]:
        sentences.append(f"Left out: {_listed(left_out)}.")
    words = [column for column in encoding.columns if isinstance(column, Words)]
    if words:
        texts = [f"{clipped(column.name)} with {clipped(column.groups[column.reference])}" for column in words]
        sentences.append(f"Words are compared: {_listed(texts)}.")
    if gaps := [text for column in encoding.columns if (text := _gap(column))]:
        sentences.append(f"A gap counts as {_listed(gaps)}.")
    return " ".join(sentences)


def _gap(column: ColumnEncoding) -> str:
    """What a gap of a column counts as, where there were gaps enough for a feature."""
    if isinstance(column, Numbers) and column.has_gap_flag:
        return f"{column.gap:.6g} in {clipped(column.name)}"
    if isinstance(column, Ranks) and column.has_gap_flag:
        return f"{column.levels[int(column.gap)]} in {clipped(column.name)}"
    if isinstance(column, Times) and column.has_gap_flag:
        return f"{column.gap_text} in {clipped(column.name)}"
    return ""


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return "; ".join(texts[:_MOST]) + more
