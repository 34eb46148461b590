"""Any file to a table, by its extension; missing, empty, damaged and odd files."""

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table, stem

ROWS = np.array([[1.5, -2.0, 3.25], [4.0, 5e-3, -6.0], [7.0, 8.0, 9e9]])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [None, ["a", "b", "c"]])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv_dialects(tmp_path, delimiter, header, end, bom, read_all, write, csv_text):
    table, values = read_all(write(tmp_path, bom + csv_text(ROWS, delimiter, header, end)))
    assert table.named is (header is not None)
    assert table.names == (tuple(header) if header else ("x0", "x1", "x2"))
    np.testing.assert_array_equal(values, ROWS)


def test_umlauts(tmp_path, write):
    assert open_table(write(tmp_path, "Größe,y\n1,2\n3,4\n")).names == ("Größe", "y")


def test_tsv_extension_and_capitals(tmp_path, read_all, write, csv_text):
    assert read_all(write(tmp_path, csv_text(ROWS, "\t"), "data.TSV"))[1].shape == (3, 3)


def test_a_network_address_is_a_file_name(tmp_path, error_of):
    assert "does not exist" in error_of(tmp_path / "http:" / "data.csv")


def test_binary_with_csv_extension(tmp_path, error_of, write):
    error_of(write(tmp_path, bytes(range(128)) * 20))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_damaged_files(tmp_path, suffix, write, read_all, error_of):
    """Cut anywhere or overwritten anywhere in the first bytes: one line, never another exception."""
    whole = _binary(tmp_path, suffix)
    for cut in {1, 5, 7, 20, 60, 130, len(whole) // 2, len(whole) - 1}:
        if cut < len(whole):
            assert "damaged" in error_of(write(tmp_path, whole[:cut], "cut" + suffix)) or suffix == ".npz"
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        broken[rng.integers(min(len(whole), 300))] = rng.integers(256)
        path = write(tmp_path, bytes(broken), "broken" + suffix)
        with contextlib.suppress(TableError):  # what still makes sense is read
            read_all(path)


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


def test_missing_folder_unknown_and_empty(tmp_path, error_of, write):
    assert "does not exist" in error_of(tmp_path / "none.csv")
    assert "is a folder" in error_of(tmp_path)
    assert "'.xlsx'" in error_of(write(tmp_path, "x", "a.xlsx"))
    assert ".csv, .tsv, .txt, .dat, .npy, .npz, .parquet" in error_of(write(tmp_path, "x", "data"))
    for suffix in (".csv", ".npy", ".npz", ".parquet"):
        assert "is empty" in error_of(write(tmp_path, "", "empty" + suffix))


@pytest.mark.parametrize("name", ["data.csv.gz", "data.tsv.gz", "data.txt.gz", "DATA.CSV.GZ"])
def test_compressed_text(tmp_path, name, read_text):
    assert read_text(tmp_path, "a,b\n1,2\n3,4\n", name)[1].shape == (2, 2)


def test_damaged_compressed_text(tmp_path):
    whole = gzip.compress(("a,b\n" + "1,2\n" * 1000).encode())
    for content in (whole[:-9], whole[:30], b"a,b\n1,2\n", whole[:20] + b"xxxxxx" + whole[26:]):
        (tmp_path / "data.csv.gz").write_bytes(content)
        with pytest.raises(TableError, match="damaged"):
            open_table(tmp_path / "data.csv.gz").read([0, 1])


def test_stems():

    names = ["a.csv", "b/a.CSV.gz", "a.parquet", "a", ".csv", "a.b.csv"]
    assert [stem(Path(name)) for name in names] == ["a", "a", "a", "a", ".csv", "a.b"]


def test_options_of_text_are_for_text(tmp_path):
    np.save(tmp_path / "data.npy", np.ones((2, 2)))
    with pytest.raises(TableError, match="is no text"):
        open_table(tmp_path / "data.npy", Dialect.of(header=True))
