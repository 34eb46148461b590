"""Blocks of Parquet and Arrow data: columns by name, filters, folders, files that differ."""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import limbeck
from limbeck import blocks


def test_columns_of_tables_are_chosen_by_name(row_files, X, Y):
    source = blocks.from_arrow(row_files / "rows.parquet", "c3", ["y", "c1"], sample_weight="c0")
    X_, y_, w_ = (np.concatenate(parts) for parts in zip(*source, strict=True))
    np.testing.assert_array_equal(X_, np.column_stack([Y, X[:, 1]]))
    np.testing.assert_array_equal(y_, X[:, 3])
    np.testing.assert_array_equal(w_, X[:, 0])
    source = blocks.from_arrow(row_files / "rows.parquet", "c3", ["y", "c1"])
    found = limbeck.learn(source, width=0, inputs="standard", sample_rows=1000)
    assert found.feature_names == ("y", "c1")
    assert found.target_name == "c3"


def test_filtered_data_sets_and_folders_that_tell_a_column(row_files, joined, X, Y):
    import pyarrow.dataset

    data = pyarrow.dataset.dataset(row_files / "rows.parquet").filter(pyarrow.dataset.field("c0") > 0)
    rows, labels = joined(blocks.from_arrow(data, "y"))
    np.testing.assert_array_equal(rows, X[X[:, 0] > 0])
    np.testing.assert_array_equal(labels, Y[X[:, 0] > 0])
    table = pyarrow.table({"k": np.repeat([1, 2], 50), "y": Y[:100]})
    pyarrow.parquet.write_to_dataset(table, row_files / "parts", partition_cols=["k"])
    kept = pyarrow.dataset.dataset(row_files / "parts", format="parquet", partitioning="hive")
    rows, labels = joined(blocks.from_arrow(kept, "y", ["k"]))
    np.testing.assert_array_equal(rows[:, 0], np.repeat([1, 2], 50))


def test_files_of_different_columns_are_refused(row_files, X):
    one, two = (pyarrow.table({name: X[:50, j] for j, name in enumerate(names)}) for names in ("ay", "aby"))
    paths = [row_files / "one.parquet", row_files / "two.parquet"]
    for path, table in zip(paths, (one, two), strict=True):
        pyarrow.parquet.write_table(table, path)
    with pytest.raises(ValueError, match=r"two.parquet has columns that others lack: 'b'"):
        blocks.from_arrow(paths, "y")
    with pytest.raises(ValueError, match=r"one.parquet has no column 'b'"):
        list(blocks.from_arrow(paths[::-1], "y"))
    assert len(list(blocks.from_arrow(paths, "y", ["a"]))) == 2
