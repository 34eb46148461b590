"""Conversion of tables to arrays of numbers: data frames and series, structured and masked arrays, objects."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "column_labels",
    "is_numeric",
    "labels_as_text",
    "native_frame",
    "numbers_of_objects",
    "require_different",
    "require_numbers",
    "without_table",
    "written_out",
]

# Types that are no frames, told by a look at the type alone.
_NO_TABLE = (list, tuple, str, bytes, dict, int, float, complex, np.generic, type(None))
# Attributes of data frames and series: a value without any of them is left to NumPy, and narwhals is not imported.
_SIGNS = (
    "__dataframe__",
    "__arrow_c_stream__",
    "__arrow_c_array__",
    "__narwhals_dataframe__",
    "collect",
    "columns",
    "iloc",
)
_MISSING = "NAType"  # name of the type of pandas.NA: pandas need not be installed
_MOST_LISTED = 3  # names in a message of one line


def written_out(labels: Sequence[str], most: int = _MOST_LISTED) -> str:
    """Names for a message, in quotes, the first few of them."""
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(map(repr, labels[:most])) + more


def native_frame(value: Any, name: str) -> Any:  # noqa: ANN401
    """Data frame or series in the form of narwhals; None for anything that is neither.

    Raises
    ------
    ImportError
        narwhals is not installed.
    TypeError
        The value is a lazy frame, whose rows are not in memory.
    """
    kind = type(value)
    if isinstance(value, (np.ndarray, *_NO_TABLE)) or not any(hasattr(kind, sign) for sign in _SIGNS):
        return None
    if hasattr(value, "__dask_graph__"):
        return None
    try:
        import narwhals
    except ImportError:
        raise ImportError("data frames need narwhals, which limbeck depends on: pip install narwhals") from None
    if (arrow := sys.modules.get("pyarrow")) is not None and isinstance(value, arrow.RecordBatch):
        value = arrow.Table.from_batches([value])
    frame = narwhals.from_native(value, pass_through=True, allow_series=True)
    if isinstance(frame, narwhals.LazyFrame):
        advice = f"pass {name}.collect()" if hasattr(kind, "collect") else "make a data frame in memory of it first"
        raise TypeError(f"{name} is a lazy frame ({kind.__module__}.{kind.__name__}): {advice}")
    return frame if isinstance(frame, narwhals.DataFrame | narwhals.Series) else None


def column_labels(value: Any, name: str) -> list[Any] | None:  # noqa: ANN401
    """Labels of a table's columns, text or not; None where columns have no labels.

    Raises
    ------
    TypeError
        The value is a lazy frame.
    """
    if isinstance(value, np.ndarray):
        labels = value.dtype.names if value.dtype.names is not None else getattr(value, "columns", None)
        return None if labels is None else list(labels)
    if isinstance(value, _NO_TABLE) or type(value).__name__ == "LazyFrame":  # its names would take a query
        native_frame(value, name)
        return None
    # Not through narwhals, which refuses columns of the same name. pyarrow has names in column_names, data in columns.
    labels = getattr(value, "column_names", None)
    if labels is None:
        labels = getattr(value, "columns", None)
    if labels is None or callable(labels) or isinstance(labels, str) or not hasattr(labels, "__iter__"):
        return None
    return list(labels)


def labels_as_text(labels: Sequence[Any]) -> tuple[str, ...]:
    """Names of columns by their labels: text as it is, and x[0] for the label 0."""
    return tuple(str(label) if isinstance(label, str) else f"x[{label}]" for label in labels)


def numbers_of_objects(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Convert Python's numbers to float64; None and NA of pandas become NaN.

    Raises
    ------
    TypeError
        An element is no real number.
    ValueError
        A number is beyond float64.
    """
    kinds = {type(element) for element in array.flat}
    missing = {kind for kind in kinds if kind is type(None) or kind.__name__ == _MISSING}
    if wrong := {kind for kind in kinds - missing if not issubclass(kind, Real | Decimal | np.bool_)}:
        if not array.ndim:
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}: a {next(iter(wrong)).__name__}")
        at = next(i for i, element in enumerate(array.flat) if type(element) in wrong)
        place = np.unravel_index(at, array.shape)
        index = int(place[0]) if len(place) == 1 else tuple(int(i) for i in place)
        what = reprlib.repr(array.flat[at])
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}: at index {index} stands {what}")
    if missing:
        array = np.array([np.nan if type(e) in missing else e for e in array.flat], dtype=object).reshape(array.shape)
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise ValueError(f"{name} holds an integer beyond float64") from None


def without_table(value: Any, name: str) -> Any:  # noqa: ANN401
    """Convert frames, series, structured and masked arrays to plain arrays; return anything else as it is.

    Raises
    ------
    TypeError
        Columns hold something else than real numbers, the frame is lazy, or entries are masked.
    ValueError
        Two columns have the same name.
    """
    if isinstance(value, np.void):  # one record
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        if isinstance(value, np.ma.MaskedArray):
            value = _unmasked(value, name)
        return value if value.dtype.names is None else _structured(value, name)
    if isinstance(value, _NO_TABLE):
        return value
    labels = column_labels(value, name)
    if labels is not None:
        require_different(labels_as_text(labels), name)
    frame = native_frame(value, name)
    if frame is None:
        return value
    if not hasattr(frame, "columns"):  # a series
        array = np.asarray(frame.to_native())
        return numbers_of_objects(array, name) if array.dtype.kind == "O" else array
    # Only then all columns at once: others would become an array of Python objects.
    if all(dtype.is_numeric() for dtype in frame.schema.values()):
        array = np.asarray(frame.to_native())
        if array.dtype.kind in "biuf":
            return array
    columns = [frame.get_column(label).to_numpy() for label in frame.columns]
    return _side_by_side(columns, labels_as_text(frame.columns), name, len(frame))


def require_numbers(X: Any, name: str) -> None:  # noqa: ANN401
    """Raise TypeError that names the columns of a frame which hold something else than real numbers."""
    frame = native_frame(X, name)
    schema = getattr(frame, "schema", None)
    if schema is not None and not all(dtype.is_numeric() for dtype in schema.values()):
        without_table(X, name)


def is_numeric(X: Any, name: str) -> bool:  # noqa: ANN401
    """Whether a table holds real numbers alone; arrays of numbers do.

    Raises
    ------
    TypeError
        The frame is lazy.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind in "biufc" and not isinstance(X, np.ma.MaskedArray):
        return True  # complex numbers are refused where they are converted
    if (labels := column_labels(X, name)) is not None:
        require_different(labels_as_text(labels), name)
    frame = native_frame(X, name)
    try:
        if frame is None:
            array = np.asarray(without_table(X, name))
            return array.dtype.kind in "biuf" or numbers_of_objects(array, name).dtype.kind == "f"
        require_numbers(X, name)
    except TypeError:
        return False
    return True


def require_different(names: Sequence[str], name: str) -> None:
    """Raise ValueError where two columns have the same name."""
    if len(set(names)) < len(names):
        twice = sorted({label for label in names if names.count(label) > 1})
        several = "s" if len(twice) > 1 else ""
        raise ValueError(f"{name} has several columns of the name{several} {written_out(twice)}: rename them")


def _side_by_side(columns: Sequence[NDArray[Any]], labels: Sequence[str], name: str, n: int) -> NDArray[np.float64]:
    """Join columns of numbers of several types to one array; TypeError that names columns of anything else."""
    numbers: list[NDArray[Any]] = []
    wrong: list[str] = []
    for label, column in zip(labels, columns, strict=True):
        given = column
        if column.dtype.kind == "O" and column.ndim == 1:
            with suppress(TypeError):  # an error below names all such columns
                given = numbers_of_objects(column, name)
        if given.dtype.kind in "biuf" and given.ndim == 1:
            numbers.append(given.astype(np.float64))
        else:
            wrong.append(label)
    if wrong:
        raise TypeError(f"{name} must hold real numbers, columns {written_out(wrong)} do not: drop or encode them")
    return np.column_stack(numbers) if numbers else np.empty((n, 0))


def _structured(value: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Convert a structured array, its fields to columns; a single record is one row."""
    assert value.dtype.names is not None
    if value.ndim > 1:
        raise ValueError(f"{name} must be a structured array of shape (n,), got shape {value.shape}")
    rows = np.atleast_1d(value)
    fields = value.dtype.names
    return _side_by_side([np.asarray(rows[field]) for field in fields], fields, name, len(rows))


def _unmasked(value: Any, name: str) -> NDArray[Any]:  # noqa: ANN401
    """Data of a masked array without masked entries."""
    mask = np.ma.getmaskarray(value)
    fields = [mask] if mask.dtype.names is None else [mask[field] for field in mask.dtype.names]
    if any(np.any(field) for field in fields):
        raise TypeError(f"{name} is a masked array: fill or drop the masked entries first")
    return np.ma.getdata(value)
