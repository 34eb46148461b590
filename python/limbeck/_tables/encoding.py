"""Encoding of a table: what becomes of each column, made from the training rows and kept with the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array, float_array
from limbeck._base.frames import column_names, columns_by_name
from limbeck._base.text_table import text_table
from limbeck._tables.column_encodings import ColumnEncoding, Feature, LeftOut, Numbers
from limbeck._tables.columns import Column, Columns
from limbeck._tables.encoding_content import encoding_of_dict
from limbeck._tables.frame_columns import columns_of

__all__ = ["Encoding", "columns_of_array", "plain_encoding"]

_VERSION = 1
_BLOCK_ENTRIES = 1 << 18  # of features that are written at a time: 2 MB, so that they stay in a cache for all columns
_ROWS_OF_MEDIANS = 10_000  # which tell a median to a hundredth of the spread


@dataclass(frozen=True)
class Encoding:
    """What becomes of each column of a table, made from the rows learned from.

    Attributes
    ----------
    columns : tuple
        What becomes of each column, in the order of the table.
    named : bool
        Whether the columns have names of their own; if not, they are taken by position.
    """

    columns: tuple[ColumnEncoding, ...]
    named: bool = True

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Inputs of the network, in their order; of those with one name, a number tells the later ones apart."""
        every = [feature for column in self.columns for feature in column.features]
        taken = {feature.name for feature in every if feature.name == feature.column}
        return tuple(_with_own_name(feature, taken) for feature in every)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self.features)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def left_out(self) -> dict[str, str]:
        """Columns that no feature is made of, each with the reason."""
        return {column.name: column.reason for column in self.columns if isinstance(column, LeftOut)}

    @property
    def is_plain(self) -> bool:
        """Whether every column is a feature as it is."""
        return all(isinstance(column, Numbers) and column.is_plain for column in self.columns)

    def encode(self, X: Any, called: Sequence[str] | None = None) -> Float64Array:  # noqa: ANN401
        """Features of the rows of a table.

        Parameters
        ----------
        X : data frame or array_like of shape (n, number of columns)
            Rows. Columns of a table are matched by name, in any order; others are not looked at, and those that were
            left out need not be there. Arrays go by position.
        called : sequence of str, optional
            What the table learned from calls its columns, where they have other names here.

        Returns
        -------
        ndarray of shape (n, number of features)
            A gap is filled, and a word that was not learned from is taken as another one, or as an average row.

        Raises
        ------
        ValueError
            A column is missing, or holds something else than that learned from.
        """
        table = self._matched(X, called)
        if self.named:  # of arrays the learner tells the place
            _require_finite(table)
        fillers = [encoding.filler(column) for encoding, column in zip(self._used, table.items, strict=True)]
        begins = np.cumsum([0, *(len(encoding.features) for encoding in self._used)]).tolist()
        out = np.zeros((len(table), begins[-1]))
        step = max(1, _BLOCK_ENTRIES // max(1, begins[-1]))
        for begin in range(0, len(out), step):
            rows = slice(begin, min(len(out), begin + step))
            for fill, at in zip(fillers, begins, strict=False):
                fill(rows, out[rows], at)
        return out

    @property
    def _used(self) -> list[ColumnEncoding]:
        return [column for column in self.columns if not isinstance(column, LeftOut)]

    def _matched(self, X: Any, called: Sequence[str] | None) -> Columns:  # noqa: ANN401
        """Columns of a table that features are made of, in their order."""
        wanted = [column.name for column in self._used]
        present = _own_names(X)
        if present is not None:
            chosen = wanted
            if called is not None and len(called) == len(self.columns):
                own = dict(zip(self.column_names, called, strict=True))
                # First the table's own names: one that was given to a column may be that of another column.
                original = [own[name] for name in wanted]
                if set(original) <= set(present) or not set(wanted) <= set(present):
                    chosen = original
            if self.named or set(chosen) <= set(present):
                return _chosen(X, chosen, present).called(wanted)
        table = _by_position(X)
        if table.shape[1] != len(self.columns):
            raise ValueError(
                f"X must have {len(self.columns)} columns, as the rows learned from, got shape {table.shape}"
            )
        used = zip(self.columns, table.called(self.column_names).items, strict=True)
        return Columns(tuple(column for made, column in used if not isinstance(made, LeftOut)))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        columns = [{"kind": column.kind, **asdict(column)} for column in self.columns]  # type: ignore[call-overload]
        return {"version": _VERSION, "named": self.named, "columns": columns}

    @staticmethod
    def from_dict(content: Any) -> Encoding:  # noqa: ANN401 (whatever a file holds)
        """Make an encoding from the content of a JSON file.

        Raises
        ------
        ValueError
            The content is something else.
        """
        if not isinstance(content, Mapping) or content.get("version") != _VERSION:
            raise ValueError("the encoding is damaged, or of another version of limbeck")
        columns = content.get("columns")
        if not isinstance(columns, list) or type(content.get("named")) is not bool:
            raise ValueError("the encoding is damaged: it has no columns")
        made = Encoding(tuple(encoding_of_dict(column) for column in columns), content["named"])
        if len(set(made.column_names)) < len(made.columns):
            raise ValueError("the encoding is damaged: two columns have the same name")
        return made

    def __str__(self) -> str:
        """Report of all columns."""
        rows = [["column", "becomes"], *([column.name, column.described()] for column in self.columns)]
        return "\n".join(text_table(rows, left=(0, 1)))


def _with_own_name(feature: Feature, taken: set[str]) -> Feature:
    """Feature with a name that none of those taken has; columns as they are keep theirs."""
    if feature.name == feature.column:
        return feature
    name, number = feature.name, 2
    while name in taken:
        name, number = f"{feature.name} ({number})", number + 1
    taken.add(name)
    return feature if name == feature.name else replace(feature, name=name)


def _own_names(X: Any) -> tuple[str, ...] | None:  # noqa: ANN401
    """Names of a table's columns; None where they have none."""
    if isinstance(X, Columns):
        return X.names if X.named else None
    return column_names(X)


def _chosen(X: Any, names: Sequence[str], present: Sequence[str]) -> Columns:  # noqa: ANN401
    """Columns of these names, in their order.

    Raises
    ------
    ValueError
        Some are missing.
    """
    if not isinstance(X, Columns):
        return _by_position(columns_by_name(X, names)).called(names)
    if missing := [name for name in names if name not in present]:
        shown = ", ".join(map(repr, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise ValueError(f"X lacks the column{'s' if len(missing) > 1 else ''} {shown}")
    return Columns(tuple(X.items[present.index(name)] for name in names))


def _require_finite(table: Columns) -> None:
    """Raise ValueError for an infinite number, with the name of its column."""
    for column in table.items:
        if column.kind == "number" and np.isinf(column.values).any():
            raise ValueError(f"column {column.name!r} holds an infinite value: make a gap of it, or drop the row")


def _by_position(X: Any) -> Columns:  # noqa: ANN401
    """Columns of a table, an array or lists of rows, by position."""
    if isinstance(X, list | tuple):
        with suppress(ValueError):  # rows of several lengths
            X = np.asarray(X)
    if hasattr(X, "__dask_graph__"):
        X = X.compute()
    table = columns_of(X)
    if table is not None:
        return table
    rows = float_array(X, "X", 2, np.float64, objects=True)
    return columns_of_array(rows)


def plain_encoding(rows: Float64Array, names: Sequence[str]) -> Encoding:
    """Encoding of numbers without gaps (n, d), which stay as they are; a gap to come counts as the median."""
    medians = np.median(rows[:: max(1, len(rows) // _ROWS_OF_MEDIANS)], axis=0).tolist()
    return Encoding(tuple(Numbers(name, median) for name, median in zip(names, medians, strict=True)))


def columns_of_array(rows: Float64Array, names: Sequence[str] | None = None) -> Columns:
    """Columns of an array of numbers (n, d), NaN for gaps."""
    labels = [f"x{j}" for j in range(rows.shape[1])] if names is None else names
    return Columns(tuple(Column(label, "number", rows[:, j]) for j, label in enumerate(labels)), names is not None)
