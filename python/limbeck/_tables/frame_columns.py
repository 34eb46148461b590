"""Columns of data frames of any library, of structured arrays, and of arrays with gaps or words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from numbers import Number, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.frame_numbers import (
    column_labels,
    labels_as_text,
    native_frame,
    numbers_of_objects,
    require_different,
)
from limbeck._base.frames import default_names
from limbeck._tables.columns import Column, Columns
from limbeck._tables.times import zone_name
from limbeck._tables.words import as_word, converted, order_of_all, possible_kinds, seconds_of, word_levels

__all__ = ["column_of", "columns_of"]

_WRITABLE = (str, Real, np.bool_, date, time, timedelta)  # types of objects that stand together as words
_NO_VALUE = ("NAType", "NaTType", "NoneType")  # names of types: pandas need not be installed


def columns_of(X: Any, name: str = "X") -> Columns | None:  # noqa: ANN401
    """Columns of a table; None for what is no table of columns: arrays of numbers, lists, collections of dask.

    Raises
    ------
    TypeError
        The frame is lazy.
    ValueError
        Two columns have the same name, or one holds numbers and, in a few rows, something else.
    """
    if isinstance(X, Columns):
        return X
    if isinstance(X, np.ndarray):
        return _of_array(X, name)
    if (own := column_labels(X, name)) is not None:
        require_different(labels_as_text(own), name)  # narwhals would refuse them in other words
    frame = native_frame(X, name)
    if frame is None or not hasattr(frame, "columns"):
        return None
    labels = labels_as_text(frame.columns)
    return Columns(
        tuple(_of_series(text, frame.get_column(label)) for text, label in zip(labels, frame.columns, strict=True))
    )


def column_of(values: Any, name: str) -> Column | None:  # noqa: ANN401
    """Column of a series, of a table of one column or of a masked array; its name is empty without one.

    None for other arrays, and for what is no column.
    """
    if isinstance(values, np.ndarray):
        column = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        if not isinstance(column, np.ma.MaskedArray) or column.ndim != 1 or column.dtype.names is not None:
            return None
        return _numbers_of_words(_of_values("", np.ma.getdata(column), np.ma.getmaskarray(column)))
    frame = native_frame(values, name)
    if frame is None:
        return None
    if not hasattr(frame, "columns"):
        own = getattr(values, "name", None)
        return _numbers_of_words(_of_series(own if isinstance(own, str) else "", frame))
    if len(frame.columns) != 1:
        return None
    label = frame.columns[0]
    return _numbers_of_words(_of_series(label if isinstance(label, str) else "", frame.get_column(label)))


def _numbers_of_words(column: Column) -> Column:
    """Column of numbers for words that are all numbers."""
    if column.kind != "words" or column.ordered or not column.levels:
        return column
    return converted(column, "number") if "number" in possible_kinds(column.levels) else column


# ---- Arrays ----


def _of_array(X: NDArray[Any], name: str) -> Columns | None:
    """Columns of a structured array, or of one of Python objects or of text; None for arrays of numbers."""
    mask: Any = np.ma.getmaskarray(X) if isinstance(X, np.ma.MaskedArray) else None
    data = np.ma.getdata(X) if mask is not None else X
    if data.dtype.names is not None:
        if data.ndim != 1:
            raise ValueError(f"{name} must be a structured array of shape (n,), got shape {data.shape}")
        fields = data.dtype.names
        return Columns(tuple(_of_values(f, np.asarray(data[f]), None if mask is None else mask[f]) for f in fields))
    if data.ndim != 2 or (data.dtype.kind in "biuf" and mask is None):
        return None
    own = getattr(X, "columns", None)
    names = default_names(data.shape[1]) if own is None else tuple(own)
    columns = [_of_values(label, data[:, j], None if mask is None else mask[:, j]) for j, label in enumerate(names)]
    return Columns(tuple(columns), own is not None)


def _of_values(name: str, values: NDArray[Any], mask: NDArray[np.bool_] | None) -> Column:
    """Column of an array (n,) of any type."""
    gaps = np.zeros(len(values), dtype=bool) if mask is None else mask
    kind = values.dtype.kind
    if values.ndim != 1:
        return _unknown(name, len(values), "arrays")
    if kind in "biuf":
        numbers = values.astype(np.float64)
        numbers[gaps] = np.nan
        return Column(name, "boolean" if kind == "b" else "number", numbers)
    if kind in "Mm":
        return _of_numpy_times(name, np.where(gaps, np.array("NaT", dtype=values.dtype), values))
    if kind in "US":
        values = np.char.decode(values, "utf-8", "replace") if kind == "S" else values
        words, codes = np.unique(values, return_inverse=True)
        return word_levels(name, np.where(gaps, -1, codes).astype(np.intp), words.tolist())
    if kind == "O":
        return _of_objects(
            name, [None if gap else value for value, gap in zip(values.tolist(), gaps.tolist(), strict=True)]
        )
    return _unknown(name, len(values), f"values of type {values.dtype}")


def _of_numpy_times(name: str, values: NDArray[Any]) -> Column:
    """Column of NumPy's dates or durations."""
    seconds = np.full(len(values), np.nan)
    known = ~np.isnat(values)
    kind = "datetime" if values.dtype.kind == "M" else "duration"
    whole = values[known].astype(f"{values.dtype.kind}8[s]")
    seconds[known] = whole.astype(np.int64)
    with suppress(TypeError, ValueError, OverflowError):  # generic units have no parts
        rest = values[known].astype(f"{values.dtype.kind}8[ns]").astype(np.int64) % 1_000_000_000
        seconds[known] += np.where(np.abs(seconds[known]) < 9e9, rest / 1e9, 0.0)
    return Column(name, _date_if_whole(kind, seconds), seconds)


def _date_if_whole(kind: str, seconds: Float64Array) -> str:
    """Kind of moments: dates where all are at midnight."""
    return "date" if kind == "datetime" and not np.nan_to_num(seconds % 86_400).any() else kind


def _of_objects(name: str, values: Sequence[Any]) -> Column:
    """Column of Python objects: numbers, truth values, text, dates and times; None and NaN are gaps."""
    values = [None if _is_gap(value) else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    if all(issubclass(kind, bool | np.bool_) for kind in kinds) and kinds:
        return Column(name, "boolean", np.array([np.nan if v is None else float(v) for v in values]))
    if all(issubclass(kind, Number | np.bool_) or kind.__name__ == "Decimal" for kind in kinds):
        with suppress(TypeError):  # complex numbers
            return Column(name, "number", numbers_of_objects(np.array(values, dtype=object), name))
        return _unknown(name, len(values), "complex numbers")
    if (moments := _moments(name, values, kinds)) is not None:
        return moments
    if not all(issubclass(kind, _WRITABLE) or kind.__name__ == "Decimal" for kind in kinds):
        return _unknown(name, len(values), f"values of type {sorted(kind.__name__ for kind in kinds)[0]}")
    texts = [None if value is None else as_word(value) for value in values]
    words = sorted({text for text in texts if text is not None})
    place = {word: i for i, word in enumerate(words)}
    codes = np.array([-1 if text is None else place[text] for text in texts], dtype=np.intp)
    return word_levels(name, codes, words)


def _is_gap(value: Any) -> bool:  # noqa: ANN401
    return type(value).__name__ in _NO_VALUE or (isinstance(value, float | np.floating) and value != value)


def _moments(name: str, values: Sequence[Any], kinds: set[type]) -> Column | None:
    """Column of Python's dates, times or durations; None for other objects."""
    if kinds and all(issubclass(kind, date) for kind in kinds):  # a datetime is one
        all_dates = not any(issubclass(kind, datetime) for kind in kinds)
        zoned = {getattr(value, "tzinfo", None) is not None for value in values if value is not None}
        if len(zoned) > 1:
            return _unknown(name, len(values), "dates with and without a time zone")
        seconds = np.array([np.nan if v is None else _seconds(v) for v in values])
        if zoned == {True}:
            zones = {zone_name(getattr(value, "tzinfo", None)) for value in values if value is not None}
            return Column(name, "datetime", seconds, zone=zones.pop() if len(zones) == 1 else "UTC")
        return Column(name, "date" if all_dates else _date_if_whole("datetime", seconds), seconds)
    if kinds and all(issubclass(kind, time) for kind in kinds):
        parts = [
            np.nan if v is None else 3600.0 * v.hour + 60 * v.minute + v.second + v.microsecond / 1e6 for v in values
        ]
        return Column(name, "time", np.array(parts))
    if kinds and all(issubclass(kind, timedelta) for kind in kinds):
        return Column(name, "duration", np.array([np.nan if v is None else v.total_seconds() for v in values]))
    return None


def _seconds(day: date) -> float:
    return seconds_of(day if isinstance(day, datetime) else datetime(day.year, day.month, day.day))


def _unknown(name: str, n: int, what: str) -> Column:
    return Column(name, "unknown", np.zeros(n), what=what)


# ---- Series of narwhals ----


def _of_series(name: str, series: Any) -> Column:  # noqa: ANN401
    """Column of a series of any library."""
    import narwhals as nw

    dtype = series.dtype
    if dtype == nw.Boolean:
        return Column(name, "boolean", _numbers(series))
    if dtype.is_numeric():
        return Column(name, "number", _numbers(series))
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return _of_texts(name, series)
    if (zoned := _zoned(series)) is not None:
        universal, zone = zoned
        return replace(_of_numpy_times(name, _times(universal)), kind="datetime", zone=zone)
    if dtype in (nw.Date, nw.Datetime):
        return _of_numpy_times(name, _times(series))
    if dtype == nw.Duration:
        return _of_numpy_times(name, _times(series))
    if dtype in (nw.Object, nw.Time, nw.Unknown):
        return _of_objects(name, _objects(series))
    return _unknown(name, len(series), f"values of type {dtype}")


def _zoned(series: Any) -> tuple[Any, str] | None:  # noqa: ANN401
    """Moments in universal time of a series that has a time zone, and the zone: a clock may show a time twice."""
    native = series.to_native()
    zone = getattr(getattr(native, "dtype", None), "tz", None)
    if zone is not None:  # pandas's own moments, of which narwhals does not know every name of a zone
        import narwhals as nw

        return nw.from_native(native.dt.tz_convert("UTC").dt.tz_localize(None), series_only=True), zone_name(zone)
    zone = getattr(series.dtype, "time_zone", None)
    return None if zone is None else (series.dt.convert_time_zone("UTC").dt.replace_time_zone(None), zone_name(zone))


def _numbers(series: Any) -> Float64Array:  # noqa: ANN401
    """Numbers of a series of numbers or truth values as float64, NaN for gaps."""
    array = np.asarray(series.to_numpy())
    if array.dtype.kind == "O":
        return numbers_of_objects(array, str(series.name))
    return np.asarray(array, dtype=np.float64)


def _times(series: Any) -> NDArray[Any]:  # noqa: ANN401
    """Moments or durations of a series, of NumPy's types."""
    array = np.asarray(series.to_numpy())
    if array.dtype.kind in "Mm":
        return array
    import narwhals as nw

    kind = "timedelta64[us]" if series.dtype == nw.Duration else "datetime64[us]"
    return np.array([None if _is_gap(value) else value for value in series.to_list()], dtype=kind)


def _objects(series: Any) -> list[Any]:  # noqa: ANN401
    try:
        return list(series.to_list())
    except Exception:
        return list(np.asarray(series.to_native(), dtype=object))


def _of_texts(name: str, series: Any) -> Column:  # noqa: ANN401
    """Column of words, or of what they stand for; categories of numbers are numbers."""
    codes, values, ordered = _factorized(series)
    if values and not all(isinstance(value, str) for value in values):
        return _of_categories(name, codes, values, ordered)
    return word_levels(name, codes, values, ordered=ordered)


def _of_categories(name: str, codes: NDArray[np.intp], values: Sequence[Any], ordered: bool) -> Column:
    """Column of categories that are no text: numbers and moments become such columns, with gaps as they are."""
    present = np.unique(codes[codes >= 0])
    used = _of_objects(name, [values[code] for code in present.tolist()])
    if used.kind in ("words", "unknown"):
        return word_levels(name, codes, [as_word(value) for value in values], ordered=ordered)
    every = np.full(len(values) + 1, np.nan)  # a gap's code -1 is the last; categories without rows may be anything
    every[present] = used.values
    return Column(name, used.kind, every[codes], zone=used.zone)


def _factorized(series: Any) -> tuple[NDArray[np.intp], list[Any], bool]:  # noqa: ANN401
    """Number of each row's value, -1 for a gap; the different values; whether their order has a meaning."""
    implementation, native = series.implementation, series.to_native()
    if implementation.is_pandas():
        import pandas

        if isinstance(native.dtype, pandas.CategoricalDtype):
            return native.cat.codes.to_numpy().astype(np.intp), native.cat.categories.tolist(), bool(native.cat.ordered)
        codes, values = pandas.factorize(native)
        return codes.astype(np.intp), list(values), False
    if implementation.is_polars():
        import polars

        texts = native.cast(polars.String)
        values = texts.drop_nulls().unique().sort()
        codes = texts.cast(polars.Enum(values)).to_physical().cast(polars.Int64).fill_null(-1)
        return codes.to_numpy().astype(np.intp), values.to_list(), False
    if implementation.is_pyarrow():
        return _factorized_arrow(native)
    return _factorized_list(series.to_list())


def _factorized_arrow(native: Any) -> tuple[NDArray[np.intp], list[Any], bool]:  # noqa: ANN401
    """Codes, values and order of a chunked array of Arrow, each of whose chunks may have a dictionary of its own."""
    import pyarrow

    if not pyarrow.types.is_dictionary(native.type):
        native = native.dictionary_encode()
    dictionaries = [chunk.dictionary.to_pylist() for chunk in native.chunks]
    order = None
    if native.type.ordered and dictionaries and not any(None in values for values in dictionaries):
        order = order_of_all([tuple(values) for values in dictionaries])
    every = order or [value for value in dict.fromkeys(itertools.chain(*dictionaries)) if value is not None]
    place = {**{value: i for i, value in enumerate(every)}, None: -1}  # a dictionary may hold a gap
    parts = [
        np.array([*(place[value] for value in values), -1], dtype=np.intp)[_arrow_codes(chunk)]
        for chunk, values in zip(native.chunks, dictionaries, strict=True)
    ]
    codes = np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)
    return codes, list(every), order is not None


def _arrow_codes(chunk: Any) -> NDArray[np.intp]:  # noqa: ANN401
    codes = chunk.indices.cast("int64").fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.intp)


def _factorized_list(values: Sequence[Any]) -> tuple[NDArray[np.intp], list[Any], bool]:
    place: dict[Any, int] = {}
    codes = [-1 if _is_gap(value) else place.setdefault(value, len(place)) for value in values]
    return np.array(codes, dtype=np.intp), list(place), False
