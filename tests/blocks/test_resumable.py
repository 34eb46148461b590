"""Passes that were interrupted continue from their folder, and saved sums of other data are not taken."""

import functools
import operator
import pickle

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

import limbeck
from limbeck import blocks, moments, ridgeless

PLANTED = limbeck.datasets.make_narrow_network("generic", 8, 3, seed=0)


X, Y = limbeck.datasets.sample(PLANTED, 30_000, noise=0.1, seed=1)


DIRECTIONS = np.random.default_rng(2).standard_normal((2, 8))


def cut(*arrays, at):
    return [tuple(a[i:j] for a in arrays) for i, j in zip([0, *at], [*at, len(arrays[0])], strict=True)]


class Cluster:
    """Blocks that are summed elsewhere, in another order: as through a network, by pickles."""

    def __init__(self, parts):
        self.parts = parts

    def total(self, empty):
        sent = pickle.dumps(empty)
        order = np.random.default_rng(0).permutation(len(self.parts))
        sums = [pickle.dumps(blocks.partial_sum(pickle.loads(sent), self.parts[i], int(i))) for i in order]
        return functools.reduce(operator.add, map(pickle.loads, sums))


@pytest.fixture
def files(tmp_path):
    """The rows as NPY files and as a Parquet file of several row groups."""
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    table = pyarrow.table({f"c{j}": X[:, j] for j in range(8)} | {"y": Y})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=4500)
    pyarrow.feather.write_feather(table, tmp_path / "rows.arrow")
    return tmp_path


def sources(folder):
    yield blocks.from_arrays(X, Y, rows=7000)
    yield blocks.from_arrays(X.tolist(), Y.tolist(), rows=11_000)
    yield blocks.from_arrays(pd.DataFrame(X), pd.Series(Y), rows=7000)
    yield blocks.from_arrays(
        np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy", mmap_mode="r"), rows=7000
    )
    yield blocks.from_npy(folder / "X.npy", folder / "y.npy", rows=7000)
    yield blocks.from_arrow(folder / "rows.parquet", "y")
    yield blocks.from_arrow([folder / "rows.arrow"], "y", rows=7000)
    yield blocks.from_arrow(pyarrow.parquet.read_table(folder / "rows.parquet"), "y", rows=7000)
    yield blocks.resumable(blocks.from_arrays(X, Y, rows=7000), folder / "sums")


def accumulators():
    return {
        "moments": moments.MomentAccumulator(DIRECTIONS, [2, 4]),
        "rows": ridgeless.Accumulator(8),
    }


def numbers(sums):
    """What an accumulator knows."""
    if isinstance(sums, ridgeless.Accumulator):
        return [sums.solve(intercept="centred").coef, np.array(sums.n_rows)]
    return [sums.matrices(2), sums.matrices(4), np.array(sums.n_rows)]


class Interrupted:
    """Blocks that come to an end with Ctrl-C the first time."""

    def __init__(self, parts, after):
        self.parts, self.left = parts, after

    def __iter__(self):
        for part in self.parts:
            if self.left == 0:
                self.left = -1
                raise KeyboardInterrupt
            self.left -= 1
            yield part


@pytest.mark.parametrize("kind", ["moments", "rows"])
def test_an_interrupted_pass_resumes_from_its_folder(kind, tmp_path, monkeypatch):
    parts = cut(X, Y, at=[7000, 7100, 15_000])
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


def test_sums_of_other_data_are_not_taken_for_these(tmp_path, files):
    other = Y.copy()
    other[20_000] += 1.0
    halves = cut(X, Y, at=[15_000])
    frames = [(pd.DataFrame(x).assign(flag=True), y) for x, y in halves]
    sources = [
        [(X, Y)],
        halves,  # cut elsewhere
        [*halves, (X[:1], Y[:1])],  # more of them
        [(X[:0], Y[:0]), (X, 2 * Y)],
        [(X[:0], Y[:0]), (X, Y)],
        Cluster([(X, 3 * Y)]),
        Cluster([(X, 4 * Y)]),
        blocks.from_arrays(X, Y, rows=9000),
        blocks.from_arrays(X, Y, rows=7000),
        blocks.from_arrays(X, 5 * Y, rows=7000),
        blocks.from_npy(files / "X.npy", files / "y.npy", rows=7000),
        blocks.from_arrow(files / "rows.parquet", "y"),
        blocks.from_arrow(files / "rows.parquet", "y", rows=1000),
        blocks.from_arrow(pyarrow.table({f"c{j}": X[:, j] for j in range(8)} | {"y": 6 * Y}), "y"),
        cut(X, other, at=[20_001]),
        frames,
    ]
    for count, source in enumerate(sources, 1):
        d = 9 if source is frames else 8
        for _ in range(2):  # the second time from the folder
            found, whole = ridgeless.Accumulator(d), ridgeless.Accumulator(d)
            found.update_from(blocks.resumable(source, tmp_path / "sums"))
            whole.update_from(source)
            np.testing.assert_allclose(found.solve().coef, whole.solve().coef, rtol=1e-12, atol=1e-12)
            assert found.n_rows == whole.n_rows
            assert len(list((tmp_path / "sums").iterdir())) == count


def test_a_damaged_saved_sum_is_named(tmp_path):
    total = moments.MomentAccumulator(DIRECTIONS, [2])
    total.update_from(blocks.resumable([(X, Y)], tmp_path))
    (file,) = tmp_path.iterdir()
    for content in (b"", file.read_bytes()[:50], b"rubbish", pickle.dumps((1, 2, 3)), pickle.dumps(7)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            total.update_from(blocks.resumable([(X, Y)], tmp_path))
