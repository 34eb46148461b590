"""Files to tables: formats, headers, delimiters, and an error with a place for everything that can be wrong."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table

ROWS = np.array([[1.5, -2.0, 3.25], [4.0, 5e-3, -6.0], [7.0, 8.0, 9e9]])


def _write(tmp_path, text, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def _csv(values, delimiter=",", header=None, end="\n"):
    lines = [delimiter.join(header)] if header else []
    return end.join([*lines, *(delimiter.join(repr(float(v)) for v in row) for row in values), ""])


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


# ---- CSV that can be read ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [None, ["a", "b", "c"]])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv_dialects(tmp_path, delimiter, header, end, bom):
    table, values = _all(_write(tmp_path, bom + _csv(ROWS, delimiter, header, end)))
    assert table.named is (header is not None)
    assert table.names == (tuple(header) if header else ("x0", "x1", "x2"))
    np.testing.assert_array_equal(values, ROWS)


def test_every_bit_survives_text(tmp_path):
    values = np.random.default_rng(0).standard_normal((500, 4)) * 10.0 ** np.arange(-200, 200, 100)
    np.testing.assert_array_equal(_all(_write(tmp_path, _csv(values)))[1], values)


def test_quoted_names_and_numbers(tmp_path):
    text = '"size, m2","say ""hi""","two\nlines"\r\n"1.5",2,"3"\r\n4,"5",6\r\n'
    table, values = _all(_write(tmp_path, text))
    assert table.names == ("size, m2", 'say "hi"', "two\nlines")
    np.testing.assert_array_equal(values, [[1.5, 2, 3], [4, 5, 6]])


def test_semicolon_inside_a_quoted_name_is_no_delimiter(tmp_path):
    table, values = _all(_write(tmp_path, '"a;b",c\n1,2\n3,4\n'))
    assert table.names == ("a;b", "c")
    assert values.shape == (2, 2)


def test_spaces_blank_lines_and_no_last_line_end(tmp_path):
    table, values = _all(_write(tmp_path, '\n a , b\n\n 1,  2\n3 ,"4"\n\n5, "6"'))
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [5, 6]])


def test_umlauts(tmp_path):
    assert open_table(_write(tmp_path, "Größe,y\n1,2\n3,4\n")).names == ("Größe", "y")


def test_tsv_extension_and_capitals(tmp_path):
    assert _all(_write(tmp_path, _csv(ROWS, "\t"), "data.TSV"))[1].shape == (3, 3)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", None),
        ("a,b\n3,4\n", ("a", "b")),
        ("2019,rate\n3,4\n", ("2019", "rate")),  # text above a number, though another name looks like a number
        ("red,1\nblue,2\n", None),  # a column of text in a file without header
        ("NA,1\n3,4\n", None),  # a missing value is no name
        ("name,city\nAda,London\n", ("name", "city")),
        ("a,\n3,4\n", ("a", "x1")),  # pandas writes its index without a name
        ("-1e-3,inf\n3,4\n", None),
    ],
)
def test_header_detection(tmp_path, text, names):
    table = open_table(_write(tmp_path, text))
    assert table.named is (names is not None)
    assert table.names == (names or ("x0", "x1"))


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path):
    path = _write(tmp_path, 'a,city,b\n1,Rome,2\n3,,4\n5,"x, ""y""",6\n')
    np.testing.assert_array_equal(open_table(path).read([2, 0]), [[2, 1], [4, 3], [6, 5]])


def test_a_network_address_is_a_file_name(tmp_path):
    assert "does not exist" in _error(tmp_path / "http:" / "data.csv")


@given(
    values=st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=8
    ),
    delimiter=st.sampled_from(",;\t"),
    quote=st.booleans(),
)
def test_any_finite_numbers_round_trip(tmp_path_factory, values, delimiter, quote):
    mark = '"' if quote else ""
    text = "\n".join(delimiter.join(f"{mark}{v!r}{mark}" for v in row) for row in values)
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text(text)
    np.testing.assert_array_equal(_all(path)[1], values)


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


# ---- CSV that cannot ----


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1,2\n3,red\n4,blue\n", ["line 3", "'b'", "text", "'red'", "encode it as numbers or drop"]),
        ("1,2\n3,red\n", ["line 2", "'x1'", "'red'"]),
        ("a;b\n1,5;2\n3;4\n", ["line 2", "'a'", "'1,5'", "give --decimal , if the comma begins decimals"]),
        ("a,b\n1,2\n1_0,2\n", ["line 3", "'a'", "'1_0'"]),
        ("a,b\n1,2\n\n3,\n", ["line 4", "'b'", "missing value;", "fill it"]),
        ("a,b\n1,2\nNA,3\n", ["line 3", "'a'", "missing value ('NA')"]),
        ("a,b\n1,2\n3,nan\n", ["line 3", "'b'", "missing value ('nan')"]),
        ("a,b\n1,2\n-inf,3\n", ["line 3", "'a'", "infinite value '-inf'"]),
        ("a,b\n1,2\n1e999,3\n", ["line 3", "'a'", "infinite value '1e999'"]),
        ("a,b\n1,2\n3,4,5\n", ["line 3", "3 field(s)", "the header has 2"]),
        ("1,2\n3,4\n5\n", ["line 3", "1 field(s)", "the first row has 2"]),
        ("a,b,c\n1,2\n3,4\n", ["line 2", "2 field(s)", "the header has 3"]),
        ('"a\nb",c\n1,2\n3,red\n', ["line 4", "'c'"]),
        ("a,a\n1,2\n", ["two columns named 'a'", "rename"]),
        ("a,b\n", ["a header and no rows"]),
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        ("\ufeff", ["is empty"]),
    ],
)
def test_csv_errors_say_where(tmp_path, text, parts):
    message = _error(_write(tmp_path, text))
    for part in parts:
        assert part in message


def test_ragged_row_is_found_when_the_rest_of_it_is_not_asked_for(tmp_path):
    assert "line 3" in _error(_write(tmp_path, "a,b,c\n1,2,x\n3,4,y,9\n"), [0, 1])


def test_long_text_is_cut(tmp_path):
    assert len(_error(_write(tmp_path, "a,b\n1,2\n3," + "x" * 9000 + "\n"))) < 400


@pytest.mark.parametrize("text", ["a,b\n1,2\n".encode("utf-16-le"), b"a,b\n1,2\n3,\xff\n", b"\xff\xfe\x00"])
def test_other_encodings(tmp_path, text):
    assert "UTF-8" in _error(_write(tmp_path, text))
    assert "--encoding" in _error(_write(tmp_path, text))


def test_bad_encoding_far_down(tmp_path):
    text = b"a,b\n" + b"1,2\n" * 50_000 + b"3,\xff\n"
    assert "UTF-8" in _error(_write(tmp_path, text))


def test_binary_with_csv_extension(tmp_path):
    _error(_write(tmp_path, bytes(range(128)) * 20))


# ---- NumPy files ----


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i4", "u1", "?", ">f8", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_dtypes(tmp_path, dtype, order):
    values = np.asarray([[0, 1, 1], [1, 0, 1]], dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", values)
    table, read = _all(tmp_path / "a.npy")
    assert read.dtype == np.float64
    assert not table.named
    np.testing.assert_array_equal(read, values)


def test_npz_features_and_labels(tmp_path):
    y = np.array([1.0, 2.0, 3.0])
    np.savez(tmp_path / "a.npz", X=ROWS, y=y, feature_names=np.array(["a", "b", "y"]))
    table, values = _all(tmp_path / "a.npz")
    assert table.names == ("a", "b", "y", "y (target)")
    assert table.labels == 3
    np.testing.assert_array_equal(values, np.column_stack([ROWS, y]))
    np.testing.assert_array_equal(table.read([3, 1]), np.column_stack([y, ROWS[:, 1]]))
    np.savez_compressed(tmp_path / "b.npz", X=ROWS, y=y[:, None])
    assert open_table(tmp_path / "b.npz").names == ("x0", "x1", "x2", "y")


def test_npz_one_array(tmp_path):
    np.savez(tmp_path / "a.npz", ROWS, feature_names=np.array(["a", "b", "c"]))
    table, values = _all(tmp_path / "a.npz")
    assert table.names == ("a", "b", "c")
    assert table.labels is None
    np.testing.assert_array_equal(values, ROWS)


class _Pickled:
    pass


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.array([[1.0, np.nan], [2.0, 3.0]]), ["row 0", "'x1'", "missing value (nan)"]),
        (np.array([[1.0, 2.0], [np.inf, 3.0]]), ["row 1", "'x0'", "infinite value (inf)"]),
        (np.ones(4), ["shape (4,)", "2-D"]),
        (np.float64(3), ["shape ()"]),
        (np.ones((2, 2), dtype=complex), ["complex128", "real numbers"]),
        (np.array([["a", "b"]]), ["dtype", "real numbers"]),
        (np.zeros(2, dtype=[("a", "f8")]), ["dtype", "real numbers"]),
        (np.array([["2020-01-01"]], dtype="M8[D]"), ["datetime64", "real numbers"]),
        (np.array([[1.0, None]], dtype=object), ["pickled Python objects", "save plain numbers"]),
    ],
)
def test_npy_errors(tmp_path, values, parts):
    np.save(tmp_path / "a.npy", values)
    message = _error(tmp_path / "a.npy")
    for part in parts:
        assert part in message


def test_npz_errors(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, parts in [
        ({"X": ROWS, "z": ROWS}, ["X and y", "'X', 'z'"]),
        ({"X": ROWS, "y": np.ones(2)}, ["X has 3 rows and y has 2"]),
        ({"X": ROWS, "y": np.ones((3, 2))}, ["'y'", "shape (3, 2)"]),
        ({"X": np.ones(3), "y": np.ones(3)}, ["'X'", "shape (3,)"]),
        ({"X": ROWS, "y": np.array(["a", "b", "c"])}, ["'y'", "real numbers"]),
        ({"X": ROWS, "y": np.array([1.0, np.nan, 2.0])}, ["row 1", "'y'", "missing"]),
        ({"X": ROWS, "y": np.ones(3), "feature_names": np.array(["a"])}, ["1 names for 3 columns"]),
        ({"X": ROWS, "y": np.ones(3), "feature_names": np.ones(3)}, ["feature_names", "text"]),
        ({"X": ROWS, "y": np.ones(3), "feature_names": np.array(["a", "b", "a"])}, ["two columns named 'a'"]),
        ({"X": np.array([[None]], dtype=object), "y": np.ones(1)}, ["pickled Python objects in array 'X'"]),
        ({}, ["it has none"]),
    ]:
        np.savez(path, **arrays)
        message = _error(path)
        for part in parts:
            assert part in message


def test_a_header_may_claim_any_number_of_columns(tmp_path):
    """Small files that would become gigabytes of names."""
    np.save(tmp_path / "a.npy", np.empty((1, 0)))
    claim = (tmp_path / "a.npy").read_bytes().replace(b"(1, 0), }       ", b"(0, 1000000000)}")
    assert "1000000000 columns, more than 1000000" in _error(_write(tmp_path, claim, "a.npy"))
    np.savez(tmp_path / "a.npz", np.empty((0, 10**9)))
    assert "1000000000 columns, more than 1000000" in _error(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", ["|V0", "|S0", "<U0", "|V5", "<M8"])
def test_numbers_that_take_no_bytes(tmp_path, dtype):
    """NumPy divides by their size, which ends the process."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (3, 2)}}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(48)
    assert "save real numbers" in _error(_write(tmp_path, content, "a.npy"))


def test_npz_with_parts_that_are_no_arrays(tmp_path):
    import zipfile

    np.savez(tmp_path / "a.npz", X=ROWS, y=np.ones(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("feature_names", b"a,b,c")
    assert "'feature_names' is no array" in _error(tmp_path / "a.npz")
    for letter in (b"\xff\xff\xff\x7f", b"\x00\xd8\x00\x00"):  # beyond Unicode, and half a character
        np.savez(tmp_path / "b.npz", X=ROWS, y=np.ones(3))
        names = io.BytesIO()
        np.save(names, np.array(["a", "b", "c"]))
        with zipfile.ZipFile(tmp_path / "b.npz", "a") as archive:
            archive.writestr("feature_names.npy", names.getvalue().replace(b"c\x00\x00\x00", letter))
        assert "feature_names are no text" in _error(tmp_path / "b.npz")


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", X=ROWS, y=np.ones(3))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read: Permission denied" in _error(tmp_path / "a.npz")


def test_pickles_are_not_loaded(tmp_path):
    import pickle

    for name in ("a.npy", "a.npz"):
        assert "pickled" in _error(_write(tmp_path, pickle.dumps(_Pickled), name))


def test_npy_and_npz_taken_for_each_other(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    np.savez(tmp_path / "b.npz", ROWS)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    assert "rename it to .npy" in _error(tmp_path / "a.npz")
    assert "rename it to .npz" in _error(tmp_path / "b.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_damaged_files(tmp_path, suffix):
    """Cut anywhere or overwritten anywhere in the first bytes: one line, never another exception."""
    whole = _binary(tmp_path, suffix)
    for cut in {1, 5, 7, 20, 60, 130, len(whole) // 2, len(whole) - 1}:
        if cut < len(whole):
            assert "damaged" in _error(_write(tmp_path, whole[:cut], "cut" + suffix)) or suffix == ".npz"
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        broken[rng.integers(min(len(whole), 300))] = rng.integers(256)
        path = _write(tmp_path, bytes(broken), "broken" + suffix)
        with contextlib.suppress(TableError):  # what still makes sense is read
            _all(path)


def _binary(tmp_path, suffix):
    path = tmp_path / ("whole" + suffix)
    if suffix == ".npy":
        np.save(path, ROWS)
    elif suffix == ".npz":
        np.savez(path, X=ROWS, y=np.ones(3))
    else:
        pq = pytest.importorskip("pyarrow.parquet")
        pa = pytest.importorskip("pyarrow")
        pq.write_table(pa.table({"a": ROWS[:, 0], "b": ROWS[:, 1]}), path)
    return path.read_bytes()


# ---- Parquet ----


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


# ---- Any file ----


def test_missing_folder_unknown_and_empty(tmp_path):
    assert "does not exist" in _error(tmp_path / "none.csv")
    assert "is a folder" in _error(tmp_path)
    assert "'.xlsx'" in _error(_write(tmp_path, "x", "a.xlsx"))
    assert ".csv, .tsv, .txt, .dat, .npy, .npz, .parquet" in _error(_write(tmp_path, "x", "data"))
    for suffix in (".csv", ".npy", ".npz", ".parquet"):
        assert "is empty" in _error(_write(tmp_path, "", "empty" + suffix))


def test_columns_by_name_and_index(tmp_path):
    table = open_table(_write(tmp_path, "a,1,c\n1,2,3\n"))
    assert [table.index(c) for c in ("a", "c", "0", "-1", "-3", "1")] == [0, 2, 0, 2, 0, 1]
    for wrong in ("b", "3", "-4", "1.0", ""):
        with pytest.raises(TableError, match="its columns are 'a', '1', 'c'"):
            table.index(wrong)
