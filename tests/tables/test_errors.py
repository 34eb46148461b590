"""Errors of tables: several columns at once, names of columns, advice."""

import gzip

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
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


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (",x0,x1,y", ("column 0", "x0", "x1", "y")),  # pandas writes an index without a name in front
        (",x0,column 0,y", ("column 0 (2)", "x0", "column 0", "y")),
        (",,x0,x1", ("column 0", "column 1", "x0", "x1")),
        ("a,x3,b,", ("a", "x3", "b", "column 3")),
        (",a,b,c", ("x0", "a", "b", "c")),
    ],
)
def test_columns_without_a_name_get_a_free_one(tmp_path, header, names):
    table, values = _all(_write(tmp_path, f"{header}\n0,1,2,3\n1,5,6,7\n"))
    assert table.names == names
    assert table.nameless == {i for i, name in enumerate(header.split(",")) if not name}
    np.testing.assert_array_equal(values, [[0, 1, 2, 3], [1, 5, 6, 7]])
    assert table.index(names[0]) == 0


def test_long_text_is_cut(tmp_path):
    assert len(_error(_write(tmp_path, "a,b\n1,2\n3," + "x" * 9000 + "\n"))) < 400


def _read_text(tmp_path, text, name="data.csv", written="utf-8", names=(), columns=(), **options):
    path = tmp_path / name
    content = text if isinstance(text, bytes) else text.encode(written)
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    table = open_table(path, Dialect.of(**options), names=names, columns=columns)
    return table, table.read(range(len(table.names)))


def _text_error(tmp_path, text, **options):
    with pytest.raises(TableError) as caught:
        _read_text(tmp_path, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "data" in message
    return message


def test_several_columns_are_named_at_once(tmp_path):
    text = "a,b,c,d,e,f\n1,Rome,2,x,,9\n1,Oslo,NA,y,2,9\n1,2,3,z,4,inf\n"
    message = _text_error(tmp_path, text)
    for part in (
        "column 'b' holds text, first 'Rome' (line 2)",
        "column 'c' has a missing value ('NA') (line 3)",
        "column 'd' holds text, first 'x' (line 2)",
        "and 2 more",
        "--drop b --drop c --drop d --drop e",
    ):
        assert part in message
    assert "--drop f" not in message  # its row is to go


def test_many_columns_and_odd_names(tmp_path):
    head = ",".join(f"col {i}" for i in range(30))
    message = _text_error(tmp_path, f"{head}\n" + (",".join(["x1y"] * 29) + ",1\n") * 3)
    assert "and 26 more" in message
    assert "--drop 'col 0'" in message
    assert len(message) < 800


def test_columns_of_arrays_and_parquet_are_named_at_once(tmp_path):
    values = np.ones((4, 6))
    values[2, 1], values[3, 4], values[0, 5] = np.nan, np.inf, np.nan
    np.save(tmp_path / "data.npy", values)
    with pytest.raises(TableError, match=r"'x1' .*row 2.*'x4' .*infinite.*row 3.*'x5'.*--drop x1 --drop x5"):
        open_table(tmp_path / "data.npy").read(range(6))
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"a": ["x"], "b": [1.0], "c": [None], "d": [[1]], "e": ["y"]}), tmp_path / "data.parquet")
    with pytest.raises(TableError, match=r"'a' holds text.*'c' .*missing.*'d' holds list.*and 1 more"):
        open_table(tmp_path / "data.parquet").read(range(5))
