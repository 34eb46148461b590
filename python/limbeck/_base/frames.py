"""Names of the columns of tables, and checks that columns and rows of two tables go together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from limbeck._base.frame_numbers import (
    column_labels,
    labels_as_text,
    native_frame,
    require_different,
    written_out,
)

__all__ = [
    "NamedLabels",
    "NamedRows",
    "column_names",
    "columns_by_name",
    "default_names",
    "feature_names",
    "in_known_order",
    "label_names",
    "matched_rows",
    "named_array",
    "require_rows_called",
    "require_same_names",
    "require_same_order",
    "require_same_rows",
    "target_name",
]


class NamedRows(np.ndarray[Any, Any]):
    """Rows whose columns have names, as those of a data frame."""

    columns: tuple[str, ...] | None = None

    def __array_finalize__(self, obj: Any) -> None:  # noqa: ANN401
        # A slice of rows keeps the names.
        self.columns = getattr(obj, "columns", None)


class NamedLabels(np.ndarray[Any, Any]):
    """Labels that have a name, as those of a series."""

    name: str | None = None

    def __array_finalize__(self, obj: Any) -> None:  # noqa: ANN401
        self.name = getattr(obj, "name", None)


# ---- Names ----


def column_names(X: Any, name: str = "X") -> tuple[str, ...] | None:  # noqa: ANN401
    """Names of the columns of a frame, a structured array or a dask frame; None for a value without names.

    Raises
    ------
    TypeError
        The frame is lazy.
    ValueError
        Two columns have the same name.
    """
    if type(X) is np.ndarray and X.dtype.names is None:
        return None
    labels = column_labels(X, name)
    if labels is None:
        return None
    names = labels_as_text(labels)
    require_different(names, name)
    return names


def label_names(y: Any, name: str = "y") -> tuple[str, ...] | None:  # noqa: ANN401
    """Names of the columns of a frame of labels, or the name of a series; None for a value without names."""
    names = column_names(y, name)
    if names is not None:
        return names
    # Files and other objects have an attribute "name", too, which is not that of the labels.
    if isinstance(y, NamedLabels):
        own = y.name
    else:
        own = None if isinstance(y, np.ndarray) or native_frame(y, name) is None else getattr(y, "name", None)
    return (str(own),) if isinstance(own, str) and own else None


def default_names(d: int) -> tuple[str, ...]:
    """Names of features, or of columns of a file, that have none: x0, x1, ..."""
    return tuple(f"x{j}" for j in range(d))


def feature_names(given: Sequence[str] | None, X: Any, d: int) -> tuple[str, ...]:  # noqa: ANN401
    """Names of features: the given ones, or those of the columns of a table, or x0, x1, ...

    Raises
    ------
    TypeError, ValueError
        Names are given that are not text, not one for each feature, or not all different.
    """
    if given is None:
        names = column_names(X)
        return names if names is not None and len(names) == d else default_names(d)
    if not _is_sequence(given) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"feature_names must be a sequence of str, got {given!r}")
    if len(given) != d:
        raise ValueError(f"feature_names must have one name for each of {d} features, got {len(given)}")
    names = tuple(str(name) for name in given)
    require_different(names, "feature_names")
    return names


def _is_sequence(value: Any) -> bool:  # noqa: ANN401
    """Whether a value has a length and an order, as lists, arrays and indices have; not text, not a set."""
    return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, str | bytes | dict)


def target_name(given: str | None, y: Any) -> str:  # noqa: ANN401
    """Name of the target: the given one, or that of the series or the only column, or y."""
    if given is not None:
        if not isinstance(given, str):
            raise TypeError(f"target_name must be a str, got {given!r}")
        return given
    names = label_names(y) or (getattr(y, "name", None),)
    return names[0] if len(names) == 1 and isinstance(names[0], str) and names[0] else "y"


# ---- Columns that go together ----


def columns_by_name(X: Any, names: Sequence[str], name: str = "X") -> Any:  # noqa: ANN401
    """Choose the columns of these names, in this order; a table without names is returned as it is.

    Raises
    ------
    ValueError
        The table's columns have names, and some of these are missing, or two columns have the same name.
    """
    present = column_names(X, name)
    if present is None or present == tuple(names):
        return X
    missing = [label for label in names if label not in present]
    if missing:
        several = "s" if len(missing) > 1 else ""
        raise ValueError(
            f"{name} lacks the column{several} {written_out(missing)}; its columns are {written_out(present, 10)}"
        )
    return _columns(X, [present.index(label) for label in names], name)


def _columns(X: Any, at: list[int], name: str) -> Any:  # noqa: ANN401
    """Choose columns of a table by position."""
    if isinstance(X, np.ndarray):
        if X.dtype.names is not None:
            return X[[X.dtype.names[j] for j in at]]
        chosen = X[:, at]
        if isinstance(chosen, NamedRows) and X.columns is not None:  # type: ignore[attr-defined]
            chosen.columns = tuple(X.columns[j] for j in at)  # type: ignore[attr-defined]
        return chosen
    if hasattr(X, "iloc"):  # pandas and dask; the latter computes nothing here
        return X.iloc[:, at]
    frame = native_frame(X, name)
    if frame is not None:
        return frame.select([frame.columns[j] for j in at]).to_native()
    return np.asarray(X)[:, at]


def matched_rows(X: Any, columns: Sequence[str] | None, names: Sequence[str]) -> Any:  # noqa: ANN401
    """Choose the columns to predict from, in the order in which they were learned from.

    Parameters
    ----------
    X : array_like or table
        Rows. Columns without names are taken by position.
    columns : sequence of str, optional
        Names of the columns of the table that was learned from; None if it had no names.
    names : sequence of str
        Names of the features; x0, x1, ... where none were given.

    Raises
    ------
    ValueError
        Both sides have names, and some are missing.
    """
    present = column_names(X)
    if present is None:
        return X
    if columns is not None and (set(columns) <= set(present) or not set(names) <= set(present)):
        return columns_by_name(X, columns)
    # Default names cannot be missing: columns are taken by position, unless the table has just these names.
    if columns is None and tuple(names) == default_names(len(names)) and not set(names) <= set(present):
        return X
    return columns_by_name(X, names)


def in_known_order(
    X: Any,  # noqa: ANN401
    known: tuple[str, ...] | None,
    name: str,
    before: str = "rows before",
    *,
    labels: bool = False,
) -> tuple[Any, tuple[str, ...] | None]:
    """Put the columns of a table into the order of another one; returns the table and the names of its columns.

    ``known`` are the names of the other table, which messages call ``before``. For labels, the name of a series counts.

    Raises
    ------
    ValueError
        Both tables have names, and these differ.
    """
    names = label_names(X, name) if labels else column_names(X, name)
    if names is None or known is None or names == known:
        return X, known if names is None else names
    require_same_names(names, known, name, before, ordered=False)
    return columns_by_name(X, known, name), known


def require_same_names(
    names: tuple[str, ...] | None,
    known: tuple[str, ...] | None,
    name: str,
    before: str = "rows before",
    *,
    ordered: bool = True,
) -> None:
    """Raise ValueError that tells missing and new names, where two tables have names and these differ."""
    if names is None or known is None or names == known or (not ordered and set(names) == set(known)):
        return
    missing, new = ([label for label in one if label not in other] for one, other in ((known, names), (names, known)))
    facts = [f"{what} {written_out(some)}" for what, some in (("missing", missing), ("new", new)) if some]
    raise ValueError(
        f"the columns of {name} are {written_out(names, 10)}, those of {before} {written_out(known, 10)}: "
        + ("; ".join(facts) or "give them in one order")
    )


def named_array(array: np.ndarray[Any, Any], names: Sequence[str] | None) -> np.ndarray[Any, Any]:
    """Attach names to the columns of an array, or a name to labels (n,); without names, return it as it is."""
    if names is None:
        return array
    if array.ndim == 1:
        labels = array.view(NamedLabels)
        labels.name = names[0]
        return labels
    rows = array.view(NamedRows)
    rows.columns = tuple(names)
    return rows


# ---- Rows that go together ----


def require_rows_called(B: Any, names: tuple[str, ...] | None, name: str) -> None:  # noqa: ANN401
    """Raise ValueError where the row labels of a pandas object are the features' names in another order."""
    index = getattr(B, "index", None)
    if names is None or not hasattr(index, "equals"):
        return
    labels = labels_as_text(list(index))  # type: ignore[arg-type]
    if labels != names and set(labels) == set(names):
        raise ValueError(f"the rows of {name} are called as the columns of X, in another order: {name}.loc[X.columns]")


def require_same_order(X: Any, y: Any, name: str = "y", first: str = "X") -> None:  # noqa: ANN401
    """Raise ValueError where two pandas objects have the same row labels in another order.

    Rows go together by position; labels that disagree in any other way may have no meaning.
    """
    one, other = getattr(X, "index", None), getattr(y, "index", None)
    if not all(hasattr(index, "equals") and hasattr(index, "isin") for index in (one, other)):
        return
    assert one is not None
    assert other is not None
    if len(one) == len(other) and not one.equals(other) and one.isin(other).all() and other.isin(one).all():
        advice = f"sort one by the other, {name}.loc[{first}.index]"
        if not (one.is_unique and other.is_unique):
            advice = "some stand there several times, so that no label tells the order: sort both, then reset_index"
        raise ValueError(f"{first} and {name} have the same row labels in another order: {advice}")


def require_same_rows(**parts: Any) -> None:  # noqa: ANN401
    """Raise ValueError where two of several pandas objects have the same row labels in another order."""
    labelled = [
        (name, part)
        for name, part in parts.items()
        if part is not None and type(part) is not np.ndarray and not hasattr(part, "__dask_graph__")
    ]
    for (first, one), (name, other) in combinations(labelled, 2):
        require_same_order(one, other, name, first)
