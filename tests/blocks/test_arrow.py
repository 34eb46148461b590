"""Blocks of Parquet and Arrow data: columns by name, filters, folders, files that differ."""

import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

import limbeck
from limbeck import blocks

PLANTED = limbeck.datasets.make_narrow_network("generic", 8, 3, seed=0)


X, Y = limbeck.datasets.sample(PLANTED, 30_000, noise=0.1, seed=1)


def joined(source):
    """All rows of blocks, and their labels."""
    return (np.concatenate(parts) for parts in list(zip(*source, strict=True))[:2])


@pytest.fixture
def files(tmp_path):
    """The rows as NPY files and as a Parquet file of several row groups."""
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    table = pyarrow.table({f"c{j}": X[:, j] for j in range(8)} | {"y": Y})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=4500)
    pyarrow.feather.write_feather(table, tmp_path / "rows.arrow")
    return tmp_path


def test_columns_of_tables_are_chosen_by_name(files):
    source = blocks.from_arrow(files / "rows.parquet", "c3", ["y", "c1"], sample_weight="c0")
    X_, y_, w_ = (np.concatenate(parts) for parts in zip(*source, strict=True))
    np.testing.assert_array_equal(X_, np.column_stack([Y, X[:, 1]]))
    np.testing.assert_array_equal(y_, X[:, 3])
    np.testing.assert_array_equal(w_, X[:, 0])
    found = limbeck.learn(blocks.from_arrow(files / "rows.parquet", "c3", ["y", "c1"]), width=1, inputs="standard")
    assert found.feature_names == ("y", "c1")
    assert found.target_name == "c3"


def test_filtered_data_sets_and_folders_that_tell_a_column(files):
    import pyarrow.dataset

    data = pyarrow.dataset.dataset(files / "rows.parquet").filter(pyarrow.dataset.field("c0") > 0)
    rows, labels = joined(blocks.from_arrow(data, "y"))
    np.testing.assert_array_equal(rows, X[X[:, 0] > 0])
    np.testing.assert_array_equal(labels, Y[X[:, 0] > 0])
    table = pyarrow.table({"k": np.repeat([1, 2], 50), "y": Y[:100]})
    pyarrow.parquet.write_to_dataset(table, files / "parts", partition_cols=["k"])
    kept = pyarrow.dataset.dataset(files / "parts", format="parquet", partitioning="hive")
    rows, labels = joined(blocks.from_arrow(kept, "y", ["k"]))
    np.testing.assert_array_equal(rows[:, 0], np.repeat([1, 2], 50))


def test_files_of_different_columns_are_refused(files):
    one, two = (pyarrow.table({name: X[:50, j] for j, name in enumerate(names)}) for names in ("ay", "aby"))
    paths = [files / "one.parquet", files / "two.parquet"]
    for path, table in zip(paths, (one, two), strict=True):
        pyarrow.parquet.write_table(table, path)
    with pytest.raises(ValueError, match=r"two.parquet has columns that others lack: 'b'"):
        blocks.from_arrow(paths, "y")
    with pytest.raises(ValueError, match=r"one.parquet has no column 'b'"):
        list(blocks.from_arrow(paths[::-1], "y"))
    assert len(list(blocks.from_arrow(paths, "y", ["a"]))) == 2
