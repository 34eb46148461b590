"""Blocks of tables with words, gaps and dates: their encoding from one pass, and blocks of the features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from limbeck._base.arrays import float_array
from limbeck._base.frames import column_names, feature_names, named_array
from limbeck._base.progress import Progress
from limbeck._learner.pipeline.checks import GivenNames
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.tables import require_features
from limbeck._learner.streaming.scan import RowCounts
from limbeck._tables.columns import Columns
from limbeck._tables.encoding import Encoding, columns_of_array
from limbeck._tables.frame_columns import columns_of
from limbeck._tables.make_encoding import encoding_of
from limbeck._tables.survey import TableSurvey
from limbeck.blocks._passes import sum_over
from limbeck.blocks._protocol import Block, Blocks, S, SupportsSum

__all__ = ["encoding_of_blocks", "with_encoding"]


def _columns_of_block(X: Any) -> Columns:  # noqa: ANN401
    """Columns of the rows of a block."""
    table = columns_of(X)
    if table is not None:
        return table
    return columns_of_array(float_array(X, "X", 2, np.float64, objects=True), column_names(X))


class _SurveyOfBlocks(SupportsSum):
    """Survey of the columns of blocks; the place of each block's first row among all is known or counted."""

    takes_tables = True

    def __init__(self, first_rows: dict[int, int] | None) -> None:
        self.survey, self.first_rows, self.n_rows = TableSurvey(), first_rows, 0

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add the rows of a block that have a positive weight."""
        table = _columns_of_block(block.X)
        first = self.n_rows if self.first_rows is None else self.first_rows[number]
        self.n_rows += len(table)
        places = np.arange(first, first + len(table), dtype=np.uint64)
        if block.sample_weight is not None:
            kept = np.flatnonzero(float_array(block.sample_weight, "sample_weight", 1, np.float64, objects=True))
            table, places = table.part(kept), places[kept]
        self.survey.take(table, places)

    def __add__(self, other: _SurveyOfBlocks) -> _SurveyOfBlocks:
        total = _SurveyOfBlocks(self.first_rows)
        total.survey, total.n_rows = self.survey + other.survey, self.n_rows + other.n_rows
        return total


def encoding_of_blocks(
    source: Any,  # noqa: ANN401
    names: GivenNames,
    options: LearnOptions,
    progress: Progress,
) -> tuple[Encoding, tuple[str, ...] | None]:
    """Make the encoding of blocks, in a pass over them; and the names of their own columns.

    Raises
    ------
    ValueError
        There is no column to learn from, or gaps, which are not allowed.
    """
    first_rows = None
    if not isinstance(source, Blocks):
        counts = RowCounts()
        if (known := getattr(source, "block_rows", None)) is not None:
            counts.rows = dict(enumerate(known))
        else:
            counts = sum_over(source, counts, options.n_threads)
        first_rows = counts.first_rows()
    survey = sum_over(
        source, _SurveyOfBlocks(first_rows), options.n_threads, progress.begin_pass("pass: columns")
    ).survey
    own = survey.names if survey.named else None
    if options.missing == "error" and any(counts.gaps for counts in survey.counts):
        gaps = [f"{name!r} in {c.gaps}" for name, c in zip(survey.names, survey.counts, strict=True) if c.gaps]
        raise ValueError(f"missing values in {', '.join(gaps[:5])} of {survey.n_rows} rows, and missing='error'")
    if names.features is not None:
        survey.names, survey.named = feature_names(names.features, None, len(survey.names)), True
    encoding = encoding_of(survey)
    require_features(encoding, options)
    return encoding, own


def with_encoding(source: Any, encoding: Encoding, columns: Sequence[str] | None) -> Any:  # noqa: ANN401
    """Blocks of the features that columns become, here or on a cluster."""
    if isinstance(source, Blocks):
        return _EncodedBlocks(source, encoding, columns)
    return _EncodedSource(source, encoding, columns)


def _encoded(block: Any, encoding: Encoding, columns: Sequence[str] | None) -> Block:  # noqa: ANN401
    """Block of features."""
    X, y, weight = Block(*block)
    return Block(named_array(encoding.encode(_columns_of_block(X), columns), encoding.feature_names), y, weight)


class _EncodedBlocks(Blocks):
    """Blocks that are encoded one after another."""

    def __init__(self, source: Blocks, encoding: Encoding, columns: Sequence[str] | None) -> None:
        self._source, self._encoding, self._columns = source, encoding, columns
        self.n_rows, self.in_memory = source.n_rows, source.in_memory

    def starting_at(self, number: int) -> Iterator[Block]:
        for block in self._source.starting_at(number):
            yield _encoded(block, self._encoding, self._columns)

    def fingerprint(self) -> bytes | None:
        return self._source.fingerprint()


class _EncodedSum(SupportsSum):
    """Sum over blocks of features, made of blocks of tables."""

    takes_tables = True

    def __init__(self, inner: Any, encoding: Encoding, columns: Sequence[str] | None) -> None:  # noqa: ANN401
        self.inner, self.encoding, self.columns = inner, encoding, columns

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add the features of a block."""
        self.inner.take_block(_encoded(block, self.encoding, self.columns), number, n_threads)

    def __add__(self, other: _EncodedSum) -> _EncodedSum:
        return _EncodedSum(self.inner + other.inner, self.encoding, self.columns)


class _EncodedSource:
    """Blocks on a cluster, encoded where they are."""

    def __init__(self, source: Any, encoding: Encoding, columns: Sequence[str] | None) -> None:  # noqa: ANN401
        self._source, self._encoding, self._columns = source, encoding, columns
        self.block_rows = getattr(source, "block_rows", None)

    def total(self, empty: S) -> S:
        """Sum over all blocks."""
        total: S = self._source.total(_EncodedSum(empty, self._encoding, self._columns)).inner
        return total
