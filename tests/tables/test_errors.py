"""Errors of tables: several columns at once, names of columns, advice."""

import numpy as np
import pytest

from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


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
def test_columns_without_a_name_get_a_free_one(tmp_path, header, names, read_all, write):
    table, values = read_all(write(tmp_path, f"{header}\n0,1,2,3\n1,5,6,7\n"))
    assert table.names == names
    assert table.nameless == {i for i, name in enumerate(header.split(",")) if not name}
    np.testing.assert_array_equal(values, [[0, 1, 2, 3], [1, 5, 6, 7]])
    assert table.index(names[0]) == 0


def test_long_text_is_cut(tmp_path, error_of, write):
    assert len(error_of(write(tmp_path, "a,b\n1,2\n3," + "x" * 9000 + "\n"))) < 400


def test_several_columns_are_named_at_once(tmp_path, text_error):
    text = "a,b,c,d,e,f\n1,Rome,2,x,,9\n1,Oslo,NA,y,2,9\n1,2,3,z,4,inf\n"
    message = text_error(tmp_path, text)
    for part in (
        "column 'b' holds text, first 'Rome' (line 2)",
        "column 'c' has a missing value ('NA') (line 3)",
        "column 'd' holds text, first 'x' (line 2)",
        "and 2 more, 'e', 'f'",
        "--drop b --drop c --drop d --drop e",
    ):
        assert part in message
    assert "--drop f" not in message  # its row is to go


def test_many_columns_and_odd_names(tmp_path, text_error):
    head = ",".join(f"col {i}" for i in range(30))
    message = text_error(tmp_path, f"{head}\n" + (",".join(["x1y"] * 29) + ",1\n") * 3)
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
