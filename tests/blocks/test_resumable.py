"""Passes that were interrupted continue from their folder, and saved sums of other data are not taken."""

import pickle

import numpy as np
import pandas as pd
import pyarrow
import pytest

from limbeck import blocks, moments, ridgeless


@pytest.mark.parametrize("kind", ["moments", "rows"])
def test_an_interrupted_pass_resumes_from_its_folder(
    kind, tmp_path, monkeypatch, cut, X, Y, Interrupted, accumulators, numbers
):
    parts = cut(X, Y, at=[2800, 2840, 6000])
    source = blocks.resumable(Interrupted(parts, 4 + 3), tmp_path / "sums", every=0)  # they are looked at first
    total, whole = accumulators()[kind], accumulators()[kind]
    whole.update_from(parts)
    with pytest.raises(KeyboardInterrupt):
        total.update_from(source)
    assert total.n_rows == 0
    taken, take = [], type(total).take_block
    monkeypatch.setattr(type(total), "take_block", lambda *args: (taken.append(args[2]), take(*args)))
    for left in ([3], []):  # one block is missing, and then none
        again = accumulators()[kind]
        again.update_from(blocks.resumable(parts, tmp_path / "sums"))
        assert pickle.dumps(numbers(again)) == pickle.dumps(numbers(whole))
        assert taken == left
        taken.clear()


def test_sums_of_other_data_are_not_taken_for_these(tmp_path, row_files, cut, X, Y, Cluster):
    other = Y.copy()
    other[8000] += 1.0
    halves = cut(X, Y, at=[6000])
    frames = [(pd.DataFrame(x).assign(flag=True), y) for x, y in halves]
    others = [
        [(X, Y)],
        halves,  # cut elsewhere
        [*halves, (X[:1], Y[:1])],  # more of them
        [(X[:0], Y[:0]), (X, 2 * Y)],
        [(X[:0], Y[:0]), (X, Y)],
        Cluster([(X, 3 * Y)]),
        Cluster([(X, 4 * Y)]),
        blocks.from_arrays(X, Y, rows=3600),
        blocks.from_arrays(X, Y, rows=2800),
        blocks.from_arrays(X, 5 * Y, rows=2800),
        blocks.from_npy(row_files / "X.npy", row_files / "y.npy", rows=2800),
        blocks.from_arrow(row_files / "rows.parquet", "y"),
        blocks.from_arrow(row_files / "rows.parquet", "y", rows=1000),
        blocks.from_arrow(pyarrow.table({f"c{j}": X[:, j] for j in range(8)} | {"y": 6 * Y}), "y"),
        cut(X, other, at=[20_001]),
        frames,
    ]
    for count, source in enumerate(others, 1):
        d = 9 if source is frames else 8
        for _ in range(2):  # the second time from the folder
            found, whole = ridgeless.Accumulator(d), ridgeless.Accumulator(d)
            found.update_from(blocks.resumable(source, tmp_path / "sums"))
            whole.update_from(source)
            np.testing.assert_allclose(found.solve().coef, whole.solve().coef, rtol=1e-12, atol=1e-12)
            assert found.n_rows == whole.n_rows
            assert len(list((tmp_path / "sums").iterdir())) == count


def test_a_damaged_saved_sum_is_named(tmp_path, directions, X, Y):
    total = moments.MomentAccumulator(directions, [2])
    total.update_from(blocks.resumable([(X, Y)], tmp_path))
    (file,) = tmp_path.iterdir()
    for content in (b"", file.read_bytes()[:50], b"rubbish", pickle.dumps((1, 2, 3)), pickle.dumps(7)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            total.update_from(blocks.resumable([(X, Y)], tmp_path))
