"""Tables with names: what their columns are called, and whether rows of two of them go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["columns_by_name", "feature_names", "require_same_order", "target_name"]


def feature_names(given: Sequence[str] | None, X: Any, d: int) -> tuple[str, ...]:  # noqa: ANN401
    """Names as given, or of the columns of a table, or x0, x1, ...

    Raises
    ------
    TypeError, ValueError
        Names are given that are not text, or not one for each feature.
    """
    if given is None:
        columns = getattr(X, "columns", None)
        if columns is not None and not callable(columns) and len(columns) == d:
            return tuple(name if isinstance(name, str) else f"x[{name}]" for name in columns)
        return tuple(f"x{j}" for j in range(d))
    if not _is_sequence(given) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"feature_names must be a sequence of str, got {given!r}")
    if len(given) != d:
        raise ValueError(f"feature_names must have one name for each of {d} features, got {len(given)}")
    return tuple(str(name) for name in given)


def columns_by_name(X: Any, names: Sequence[str]) -> Any:  # noqa: ANN401
    """The columns of a frame that have these names, in this order; anything else as it is.

    Raises
    ------
    ValueError
        The frame's columns have names, and these are not all among them.
    """
    columns = getattr(X, "columns", None)
    if columns is None or callable(columns) or not hasattr(X, "iloc"):
        return X
    present = list(feature_names(None, X, len(columns)))
    if present == list(names):
        return X
    missing = [name for name in names if name not in present]
    if missing:
        raise ValueError(f"X lacks the column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}")
    return X.iloc[:, [present.index(name) for name in names]]


def _is_sequence(value: Any) -> bool:  # noqa: ANN401
    """Something of a length and an order: a list, a tuple, an array, an index; no text, no set."""
    return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, str | bytes | dict)


def target_name(given: str | None, y: Any) -> str:  # noqa: ANN401
    """The name as given, or of the column, or y."""
    if given is not None:
        if not isinstance(given, str):
            raise TypeError(f"target_name must be a str, got {given!r}")
        return given
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else "y"


def require_same_order(X: Any, y: Any, name: str = "y") -> None:  # noqa: ANN401
    """Raise ValueError where two pandas objects have the same row labels in another order.

    Rows go together by position; labels that disagree in any other way may be of no meaning.
    """
    one, other = getattr(X, "index", None), getattr(y, "index", None)
    if not all(hasattr(index, "equals") and hasattr(index, "isin") for index in (one, other)):
        return
    assert one is not None
    assert other is not None
    if len(one) == len(other) and not one.equals(other) and one.isin(other).all() and other.isin(one).all():
        raise ValueError(
            f"X and {name} have the same row labels in another order: sort one by the other, {name}.loc[X.index]"
        )
