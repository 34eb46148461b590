"""Columns of frames of every library, of structured and masked arrays, and of arrays of objects."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from limbeck._tables.frame_columns import column_of, columns_of

_DAY = 86_400.0
_FRAME = pd.DataFrame(
    {
        "number": [1, 2, 3],
        "nullable": pd.array([1, None, 3], "Int64"),
        "word": ["u", "v", None],
        "category": pd.Categorical(["q", "p", "q"], ["q", "p"]),
        "rank": pd.Categorical(["lo", None, "hi"], ["lo", "hi"], ordered=True),
        "code": pd.Categorical([3, 1, 3]),
        "truth": pd.array([True, None, False], "boolean"),
        "date": pd.to_datetime(["1970-01-02", None, "1970-01-05"]),
        "moment": pd.to_datetime(["1970-01-02 01:00", "1970-01-02 02:30", None]).tz_localize("Europe/Berlin"),
        "span": pd.to_timedelta([1, None, 3], "h"),
        "list": [[1], [2], [3]],
        "digits": ["1.5", "2", "?"],
    }
)
_WANTED = {
    "number": ("number", [1, 2, 3]),
    "nullable": ("number", [1, np.nan, 3]),
    "word": ("words", [0, 1, -1]),
    "truth": ("boolean", [1, np.nan, 0]),
    "date": ("date", [_DAY, np.nan, 4 * _DAY]),
    "moment": ("datetime", [_DAY, _DAY + 5400, np.nan]),  # universal time
    "span": ("duration", [3600, np.nan, 10_800]),
    "code": ("number", [3, 1, 3]),
    "list": ("unknown", [0, 0, 0]),
    "digits": ("words", [0, 1, -1]),
}


def _polars(frame):
    return pl.from_pandas(frame.drop(columns="code", errors="ignore"))  # its categories are text


@pytest.mark.parametrize("make", [lambda f: f, _polars, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"])
def test_columns_of_every_type(make):
    columns = {column.name: column for column in columns_of(make(_FRAME)).items}
    wanted = {name: _WANTED[name] for name in _WANTED if name in columns}
    assert len(wanted) >= len(_WANTED) - (make is _polars)
    assert {name: columns[name].kind for name in wanted} == {name: kind for name, (kind, _) in wanted.items()}
    for name, (_, values) in wanted.items():
        np.testing.assert_array_equal(columns[name].values, values, err_msg=name)
    assert [columns["category"].levels[int(i)] for i in columns["category"].values] == ["q", "p", "q"]
    if make is not _polars:  # where categories have no order that is known to have a meaning
        assert columns["rank"].ordered
        assert columns["rank"].levels == ("lo", "hi")


def test_objects_of_python():
    frame = pd.DataFrame(
        {
            "decimal": [Decimal("1.5"), None, 2],
            "day": [datetime.date(1970, 1, 2), None, datetime.date(1970, 1, 3)],
            "hour": [datetime.time(1, 30), None, datetime.time(0)],
            "mixed": ["a", 1, None],
            "wrong": [{}, 1.0, None],
        },
        dtype=object,
    )
    columns = {column.name: column for column in columns_of(frame).items}
    np.testing.assert_array_equal(columns["decimal"].values, [1.5, np.nan, 2])
    np.testing.assert_array_equal(columns["day"].values, [_DAY, np.nan, 2 * _DAY])
    np.testing.assert_array_equal(columns["hour"].values, [5400, np.nan, 0])
    assert columns["mixed"].levels == ("1", "a")
    assert columns["wrong"].kind == "unknown"


def test_arrays():
    masked = columns_of(np.ma.masked_greater([[1.0, 9.0], [2.0, 3.0]], 5.0))
    np.testing.assert_array_equal([c.values for c in masked.items], [[1, 2], [np.nan, 3]])
    records = np.array([(1.0, "u"), (2.0, "v")], dtype=[("a", float), ("town", "U1")])
    assert [(c.name, c.kind) for c in columns_of(records).items] == [("a", "number"), ("town", "words")]
    mixed = columns_of(np.array([["a", 1.0], [None, 2]], dtype=object))
    assert [(c.name, c.kind) for c in mixed.items] == [("x0", "words"), ("x1", "number")]
    assert not mixed.named
    assert columns_of(np.eye(2)) is None
    assert columns_of([[1.0, None]]) is None


def test_columns_of_one_name_and_lazy_frames_are_refused():
    with pytest.raises(ValueError, match="X has several columns of the name 'a': rename them"):
        columns_of(pd.DataFrame([[1, "u"]], columns=["a", "a"]))
    with pytest.raises(TypeError, match="lazy frame"):
        columns_of(pl.DataFrame({"a": ["u"]}).lazy())


def test_labels_that_may_have_gaps():
    np.testing.assert_array_equal(column_of(pd.Series([1, None], name="rent"), "y").values, [1, np.nan])
    assert column_of(pd.Series(["1", "2"]), "y").kind == "number"
    assert column_of(pl.Series("rent", ["u", "v"]), "y").levels == ("u", "v")
    assert column_of(pd.DataFrame({"rent": [1.0]}), "y").name == "rent"
    assert column_of(np.ma.masked_invalid([1.0, np.nan]), "y").gaps.tolist() == [False, True]
    assert column_of(np.ones(3), "y") is None
    assert column_of([1.0, None], "y") is None


def test_categories_without_rows_may_be_of_another_type():
    column = columns_of(pd.DataFrame({"a": pd.Categorical([1, 2, None, 1], categories=[2, 1, "x"])})).items[0]
    assert column.kind == "number"
    np.testing.assert_array_equal(column.values, [1, 2, np.nan, 1])


def test_words_of_polars_that_are_all_gaps():
    column = columns_of(pl.DataFrame({"a": pl.Series([None, None], dtype=pl.String)})).items[0]
    assert (column.kind, column.levels, column.values.tolist()) == ("words", (), [-1, -1])


def _in_parts(*parts, ordered=False):
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words), ordered=ordered) for codes, words in parts
    ]
    return columns_of(pa.table({"a": pa.chunked_array(chunks)})).items[0]


def test_parts_of_an_arrow_table_with_dictionaries_of_their_own():
    column = _in_parts(([0, 1, None, 2], ["x", None, "y"]), ([1, 0], ["y", "z"]))
    assert column.levels == ("x", "y", "z")
    np.testing.assert_array_equal(column.values, [0, -1, -1, 1, 2, 1])
    column = _in_parts(([0, 1], ["low", "high"]), ([0, 1, 2], ["low", "medium", "high"]), ordered=True)
    assert column.ordered
    assert column.levels == ("low", "medium", "high")
    np.testing.assert_array_equal(column.values, [0, 2, 0, 1, 2])
    assert not _in_parts(([0, 1], ["low", "high"]), ([0, 1], ["high", "low"]), ordered=True).ordered
