"""Parquet files to tables, with pyarrow and without."""

import sys

import numpy as np
import pytest

from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


def _write(tmp_path, text, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def _all(path):
    table = open_table(path)
    return table, table.read(range(len(table.names)))


def _error(path, columns=None):
    with pytest.raises(TableError) as caught:
        _all(path) if columns is None else open_table(path).read(columns)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def _parquet(tmp_path, columns):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_parquet(tmp_path):
    from decimal import Decimal

    columns = {
        "a": np.array([1.5, 2.5]),
        "n": np.array([1, 2]),
        "yes": np.array([True, False]),
        "price": [Decimal("1.25"), Decimal("2.50")],
        "__index_level_0__": np.array([7, 8]),
    }
    table, values = _all(_parquet(tmp_path, columns))
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
def test_parquet_errors(tmp_path, column, parts):
    path = _parquet(tmp_path, {"a": [1.0, 2.0], "b": column})
    message = _error(path)
    for part in parts:
        assert part in message
    np.testing.assert_array_equal(open_table(path).read([0])[:, 0], [1, 2])


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = _write(tmp_path, "x", "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install 'limbeck[parquet]'" in _error(path)
