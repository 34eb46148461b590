"""NPY and NPZ files to tables, and errors with a place for all that can be wrong with them."""

import io
from pathlib import Path

import numpy as np
import pytest

from limbeck._tables.files import open_table

ROWS = np.array([[1.5, -2.0, 3.25], [4.0, 5e-3, -6.0], [7.0, 8.0, 9e9]])


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i4", "u1", "?", ">f8", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_dtypes(tmp_path, dtype, order, read_all):
    values = np.asarray([[0, 1, 1], [1, 0, 1]], dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", values)
    table, read = read_all(tmp_path / "a.npy")
    assert read.dtype == np.float64
    assert not table.named
    np.testing.assert_array_equal(read, values)


def test_npz_features_and_labels(tmp_path, read_all):
    y = np.array([1.0, 2.0, 3.0])
    np.savez(tmp_path / "a.npz", X=ROWS, y=y, feature_names=np.array(["a", "b", "y"]))
    table, values = read_all(tmp_path / "a.npz")
    assert table.names == ("a", "b", "y", "y (target)")
    assert table.labels == 3
    np.testing.assert_array_equal(values, np.column_stack([ROWS, y]))
    np.testing.assert_array_equal(table.read([3, 1]), np.column_stack([y, ROWS[:, 1]]))
    np.savez_compressed(tmp_path / "b.npz", X=ROWS, y=y[:, None])
    assert open_table(tmp_path / "b.npz").names == ("x0", "x1", "x2", "y")


def test_npz_one_array(tmp_path, read_all):
    np.savez(tmp_path / "a.npz", ROWS, feature_names=np.array(["a", "b", "c"]))
    table, values = read_all(tmp_path / "a.npz")
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
def test_npy_errors(tmp_path, values, parts, error_of):
    np.save(tmp_path / "a.npy", values)
    message = error_of(tmp_path / "a.npy")
    for part in parts:
        assert part in message


def test_npz_errors(tmp_path, error_of):
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
        message = error_of(path)
        for part in parts:
            assert part in message


def test_a_header_may_claim_any_number_of_columns(tmp_path, error_of, write):
    """Small files that would become gigabytes of names."""
    np.save(tmp_path / "a.npy", np.empty((1, 0)))
    claim = (tmp_path / "a.npy").read_bytes().replace(b"(1, 0), }       ", b"(0, 1000000000)}")
    assert "1000000000 columns, more than 1000000" in error_of(write(tmp_path, claim, "a.npy"))
    np.savez(tmp_path / "a.npz", np.empty((0, 10**9)))
    assert "1000000000 columns, more than 1000000" in error_of(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", ["|V0", "|S0", "<U0", "|V5", "<M8"])
def test_numbers_that_take_no_bytes(tmp_path, dtype, error_of, write):
    """NumPy divides by their size, which ends the process."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (3, 2)}}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(48)
    assert "save real numbers" in error_of(write(tmp_path, content, "a.npy"))


def test_npz_with_parts_that_are_no_arrays(tmp_path, error_of):
    import zipfile

    np.savez(tmp_path / "a.npz", X=ROWS, y=np.ones(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("feature_names", b"a,b,c")
    assert "'feature_names' is no array" in error_of(tmp_path / "a.npz")
    for letter in (b"\xff\xff\xff\x7f", b"\x00\xd8\x00\x00"):  # beyond Unicode, and half a character
        np.savez(tmp_path / "b.npz", X=ROWS, y=np.ones(3))
        names = io.BytesIO()
        np.save(names, np.array(["a", "b", "c"]))
        with zipfile.ZipFile(tmp_path / "b.npz", "a") as archive:
            archive.writestr("feature_names.npy", names.getvalue().replace(b"c\x00\x00\x00", letter))
        assert "feature_names are no text" in error_of(tmp_path / "b.npz")


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path, monkeypatch, error_of):
    np.savez(tmp_path / "a.npz", X=ROWS, y=np.ones(3))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read: Permission denied" in error_of(tmp_path / "a.npz")


def test_pickles_are_not_loaded(tmp_path, error_of, write):
    import pickle

    for name in ("a.npy", "a.npz"):
        assert "pickled" in error_of(write(tmp_path, pickle.dumps(_Pickled), name))


def test_npy_and_npz_taken_for_each_other(tmp_path, error_of):
    np.save(tmp_path / "a.npy", ROWS)
    np.savez(tmp_path / "b.npz", ROWS)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    assert "rename it to .npy" in error_of(tmp_path / "a.npz")
    assert "rename it to .npz" in error_of(tmp_path / "b.npy")
