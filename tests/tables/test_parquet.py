"""Parquet files to tables, with pyarrow and without."""

import sys

import numpy as np
import pytest

from limbeck._tables.files import open_table


def _parquet(tmp_path, columns):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_parquet(tmp_path, read_all):
    from decimal import Decimal

    columns = {
        "a": np.array([1.5, 2.5]),
        "n": np.array([1, 2]),
        "yes": np.array([True, False]),
        "price": [Decimal("1.25"), Decimal("2.50")],
        "__index_level_0__": np.array([7, 8]),
    }
    table, values = read_all(_parquet(tmp_path, columns))
    assert table.names == ("a", "n", "yes", "price")
    assert table.named
    np.testing.assert_array_equal(values, [[1.5, 1, 1, 1.25], [2.5, 2, 0, 2.5]])


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        (["red", "blue"], ["'b'", "text", "'red'", "row 0", "encode it"]),
        ([1.0, None], ["'b'", "row 1", "missing"]),
        ([1, None], ["'b'", "row 1", "missing"]),
        ([None, None], ["'b'", "row 0", "missing"]),
        ([1.0, float("nan")], ["'b'", "row 1", "missing"]),
        ([[1.0], [2.0]], ["'b'", "list"]),
        (np.array(["2020-01-01", "2020-01-02"], dtype="M8[ms]"), ["'b'", "timestamp"]),
    ],
)
def test_parquet_errors(tmp_path, column, parts, error_of):
    path = _parquet(tmp_path, {"a": [1.0, 2.0], "b": column})
    message = error_of(path)
    for part in parts:
        assert part in message
    np.testing.assert_array_equal(open_table(path).read([0])[:, 0], [1, 2])


def test_parquet_without_pyarrow(tmp_path, monkeypatch, write, error_of):
    path = write(tmp_path, "x", "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install 'limbeck[parquet]'" in error_of(path)
