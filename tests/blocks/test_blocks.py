"""Rows in blocks: where they come from, that sums over them are exact, and learning from more than fits in memory."""

import copy
import functools
import operator
import os
import pickle
import re
import sys
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck import blocks, moments, ridgeless
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.pipeline.checks import GivenNames, checked_options
from limbeck._learner.pipeline.options import PIPELINE_SETTINGS
from limbeck._learner.pipeline.sources import learn_from
from limbeck._learner.tabular.learner import fit_any

PLANTED = limbeck.datasets.make_narrow_network("generic", 8, 3, seed=0)
X, Y = limbeck.datasets.sample(PLANTED, 30_000, noise=0.1, seed=1)
DIRECTIONS = np.random.default_rng(2).standard_normal((2, 8))


def cut(*arrays, at):
    return [tuple(a[i:j] for a in arrays) for i, j in zip([0, *at], [*at, len(arrays[0])], strict=True)]


def joined(source):
    """All rows of blocks, and their labels."""
    return (np.concatenate(parts) for parts in list(zip(*source, strict=True))[:2])


def rare(y):
    """Zero but for one."""
    return np.where(np.arange(len(y)) == 7, y, 0.0)


class Cluster:
    """Blocks that are summed elsewhere, in another order: as through a network, by pickles."""

    def __init__(self, parts):
        self.parts = parts

    def total(self, empty):
        sent = pickle.dumps(empty)
        order = np.random.default_rng(0).permutation(len(self.parts))
        sums = [pickle.dumps(blocks.partial_sum(pickle.loads(sent), self.parts[i], int(i))) for i in order]
        return functools.reduce(operator.add, map(pickle.loads, sums))


# ---- Sources ----


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


def test_every_source_yields_the_rows_again_and_again_and_from_any_block_on(files):
    for source in sources(files):
        assert source.n_rows == len(X)
        for _ in range(2):
            rows, labels = joined(source)
            np.testing.assert_array_equal(rows, X)
            np.testing.assert_array_equal(labels, Y)
        whole, rest = list(source), list(source.starting_at(2))
        assert len(whole) > 2
        assert len(rest) == len(whole) - 2
        np.testing.assert_array_equal(np.asarray(rest[0][0]), np.asarray(whole[2][0]))
        assert not list(source.starting_at(len(whole)))


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


def test_one_pass_takes_an_iterator_and_sums_begin_at_zero():
    for kind in ("moments", "rows"):
        once, whole = accumulators()[kind], accumulators()[kind]
        once.update_from(iter(cut(X, Y, at=[9000])))
        whole.update_from(cut(X, Y, at=[9000]))
        assert pickle.dumps(numbers(once)) == pickle.dumps(numbers(whole))
        parts = [blocks.partial_sum(accumulators()[kind], part, i) for i, part in enumerate(cut(X, Y, at=[9000]))]
        assert sum(parts).n_rows == len(X)
    few = cut(X, Y, at=[9000])

    class Summed:
        def total(self, empty):
            return sum(blocks.partial_sum(empty, part, i) for i, part in enumerate(few))

    same_network(
        limbeck.learn(Summed(), sample_rows=10_000).network, limbeck.learn(few, sample_rows=10_000).network, 1e-10
    )


def test_errors_in_making_a_block_say_which():
    def failing():
        yield X, Y
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire") as caught:
        accumulators()["rows"].update_from(failing())
    assert caught.value.__notes__ == ["while block 1 was made"]


@pytest.mark.parametrize("kind", ["whole", "columns", "parquet"])
def test_memory_does_not_grow_with_files(kind, run_python, tmp_path):
    if kind == "parquet":
        rng, schema = np.random.default_rng(0), pyarrow.schema([(name, pyarrow.float64()) for name in "abcdefghy"])
        with pyarrow.parquet.ParquetWriter(tmp_path / "rows.parquet", schema, compression="none") as writer:
            for _ in range(40):
                writer.write_table(pyarrow.table(dict(zip("abcdefghy", rng.random((9, 100_000)), strict=True))))
    else:
        np.save(tmp_path / "rows.npy", np.zeros((4_000_000, 9)))
    code = """
import sys, numpy as np, limbeck
from limbeck import blocks
if sys.argv[2] == "parquet":
    source = blocks.from_arrow(f"{sys.argv[1]}/rows.parquet", "y", rows=200_000)
else:
    rows = np.load(f"{sys.argv[1]}/rows.npy", mmap_mode="r")
    X = rows[:, :8] if sys.argv[2] == "columns" else rows
    source = blocks.from_arrays(X, rows[:, 8], rows=200_000)
total = limbeck.moments.MomentAccumulator(np.eye(9)[:1, : 9 if sys.argv[2] == "whole" else 8], [2])
before = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
total.update_from(source)
after = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(int(after) - int(before), total.n_rows)
"""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("memory is read off /proc")
    done = run_python(code, tmp_path, kind)
    grown, rows = map(int, done.stdout.split())
    assert rows == 4_000_000
    assert grown < 130_000, f"{grown} kB for blocks of 14 MB from a file of 288 MB"


def test_changes_of_a_private_map_are_not_lost(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="c")
    mapped[:] = 1.0
    list(blocks.from_arrays(mapped, Y, rows=3000))
    assert (mapped == 1).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: limbeck.learn(iter([(X, Y)])), TypeError, "X is an iterator, which can be gone over only once"),
        (lambda: limbeck.learn(X), TypeError, "X is a ndarray without y"),
        (lambda: limbeck.learn(pd.DataFrame(X)), TypeError, "X is a DataFrame without y"),
        (lambda: limbeck.learn([(X, Y)], 3), TypeError, "y is the number 3: .* width=3"),
        (lambda: limbeck.learn(pd.DataFrame(X), "rent"), TypeError, "y is the name 'rent', not labels"),
        (lambda: limbeck.learn(3), TypeError, "X must be an iterable of blocks"),
        (lambda: limbeck.learn([X]), TypeError, r"block 0 must be a tuple \(X, y\) or .*, got ndarray"),
        (lambda: limbeck.learn([(X, Y), (X,)]), TypeError, "block 1 must be .*, got tuple of 1"),
        (
            lambda: limbeck.learn([(X, Y), (X[:5, :3], Y[:5])]),
            ValueError,
            "block 1: X has 3 features, blocks before it 8",
        ),
        (lambda: limbeck.learn([(X, Y[:-1])]), ValueError, r"block 0: .*\(30000, 8\).*\(29999,\)"),
        (
            lambda: limbeck.learn([(X, Y), (X * np.nan, Y)]),
            ValueError,
            r"block 1: X holds nan in row 30000, column 0 of all",
        ),
        (lambda: limbeck.learn([(X, Y, -Y)]), ValueError, "block 0: sample_weight must be at least 0"),
        (lambda: limbeck.learn([(X, Y.astype(complex))]), TypeError, "block 0: y must hold real numbers"),
        (lambda: limbeck.learn([(X, X)]), ValueError, "block 0: y must have 1 dimension"),
        (lambda: limbeck.learn([]), ValueError, "at least 10 rows"),
        (lambda: limbeck.learn([(X, Y)], sample_weight=Y), TypeError, "sample_weight comes in the blocks"),
        (lambda: limbeck.learn(blocks.from_arrays(X, Y), Y), TypeError, "y must be None where X is blocks"),
        (lambda: limbeck.learn([(X, 0 * Y)], sample_rows=100), ValueError, "y is constant"),
        (lambda: limbeck.learn(X, Y, sample_rows=3), ValueError, "sample_rows must be at least 10"),
        (lambda: limbeck.learn([(X, Y)], sample_rows=99, refine=False), ValueError, "refine=False needs all rows"),
        (lambda: blocks.from_arrays(X, Y[:9]), ValueError, r"got X of shape \(30000, 8\) and y of shape \(9,\)"),
        (lambda: blocks.from_arrays(X, Y, rows=0), ValueError, "rows must be at least 1"),
        (lambda: blocks.from_arrow(7, "y"), TypeError, "source must be paths"),
        (lambda: blocks.resumable([(X, Y)], ".", every=-1), ValueError, "every is a number of seconds"),
        (lambda: blocks.resumable([(X, Y)], ".", every="a"), ValueError, "every is a number of seconds"),
        (lambda: blocks.resumable([(3, 4)], "."), TypeError, "block 0"),
        (
            lambda: limbeck.learn([(X, Y), (X, Y, abs(Y))], sample_rows=99),
            ValueError,
            "block 1: some blocks have weights",
        ),
        (lambda: limbeck.learn([(X, Y, 1e60 + 0 * Y)]), ValueError, "block 0: sample_weight holds 1e.60"),
        (lambda: limbeck.learn(X, Y, sample_rows=10), ValueError, r"9 of 10 rows sampled \(see sample_rows\)"),
        (
            lambda: limbeck.learn(X, rare(Y), sample_rows=200),
            ValueError,
            "y is constant .0. in the 200 rows sampl",
        ),
        (lambda: limbeck.learn([(X, Y)], feature_names="abc"), TypeError, "feature_names must be a sequence"),
    ],
)
def test_bad_blocks_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_bad_files_are_named(files):
    cases = [
        (lambda: blocks.from_npy(files / "X.npy", files / "none.npy"), OSError, "none.npy"),
        (
            lambda: blocks.from_npy(files / "y.npy", files / "y.npy"),
            ValueError,
            r"X: .*y.npy must hold .* in 2 dimension",
        ),
        (lambda: blocks.from_npy(files / "rows.parquet", files / "y.npy"), ValueError, "is not an NPY file"),
        (lambda: blocks.from_arrow(files / "X.npy", "y"), ValueError, "not a file of format parquet"),
        (lambda: blocks.from_arrow(files / "rows.parquet", "z"), ValueError, "target: there is no one column 'z'"),
        (lambda: blocks.from_arrow(files / "rows.parquet", "y", []), ValueError, "there are no features"),
        (lambda: blocks.from_arrow(files / "rows.parquet", "y", "c0"), TypeError, "features must be a sequence"),
        (lambda: blocks.from_arrow(files / "none.parquet", "y"), OSError, "none.parquet"),
    ]
    for make, error, words in cases:
        with pytest.raises(error, match=words):
            make()
    for features in (["c0", "c1", "c0"], ["c0", "y"]):
        with pytest.raises(ValueError, match=r"'(c0|y)' is named twice as feature, target or weight"):
            blocks.from_arrow(files / "rows.parquet", "y", features)
    np.save(files / "short.npy", Y)
    with (files / "short.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match=r"short.npy is shorter than its header says"):
        blocks.from_npy(files / "X.npy", files / "short.npy")
    table = pyarrow.table({"a": ["x", "y"], "b": [1.0, None], "y": [1, 2]})
    for column, error, words in (
        ("a", TypeError, "'a' holds text"),
        ("b", ValueError, "'b' has a missing value in row 1"),
    ):
        with pytest.raises(error, match=words):
            list(blocks.from_arrow(table, "y", [column]))


# ---- Sums ----


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


@pytest.mark.parametrize("kind", ["moments", "rows"])
@given(at=st.lists(st.integers(0, 2000), max_size=5).map(sorted), seed=st.integers(0, 99))
def test_any_split_in_any_order_adds_up_to_the_same(kind, at, seed):
    few = slice(0, 2000)
    parts = cut(X[few], Y[few], at=at)
    whole = accumulators()[kind]
    whole.update(X[few], Y[few])
    order = np.random.default_rng(seed).permutation(len(parts))
    total = functools.reduce(operator.add, [blocks.partial_sum(accumulators()[kind], parts[i], int(i)) for i in order])
    for one, other in zip(numbers(total), numbers(whole), strict=True):
        # 2,000 terms, whose sizes add up to some hundreds of the result's, in any order: 2e3 * 1e2 * eps at most.
        np.testing.assert_allclose(one, other, rtol=0, atol=5e-11 * max(1.0, np.abs(other).max()))


@pytest.mark.parametrize("kind", ["moments", "rows"])
def test_a_pass_that_goes_on_from_a_saved_accumulator_is_bitwise_the_same(kind):
    parts = cut(X, Y, at=[7000, 7100, 15_000])
    whole, begun = accumulators()[kind], accumulators()[kind]
    whole.update_from(parts)
    again = accumulators()[kind]
    for rows, labels in parts:
        again.update(rows, labels)
    for i, (rows, labels) in enumerate(parts):
        begun.update(rows, labels)
        if i == 1:
            begun = pickle.loads(pickle.dumps(begun))
    assert pickle.dumps(numbers(whole)) == pickle.dumps(numbers(begun)) == pickle.dumps(numbers(again))


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


def test_errors_of_any_class_say_which_block():
    class Unreadable:
        def take_block(self, block, number, n_threads):
            b"\xff".decode("utf-8")

    with pytest.raises(UnicodeDecodeError, match="can't decode byte 0xff") as caught:
        limbeck.blocks._protocol.add_block(Unreadable(), (X[:5], Y[:5]), 7, 1)
    assert caught.value.__notes__ == ["in block 7"]


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


@functools.cache
def moments_once():
    total = moments.MomentAccumulator(DIRECTIONS, [2])
    total.update(X, Y)
    return total.matrices(2)


def test_a_damaged_saved_sum_is_named(tmp_path):
    total = moments.MomentAccumulator(DIRECTIONS, [2])
    total.update_from(blocks.resumable([(X, Y)], tmp_path))
    (file,) = tmp_path.iterdir()
    for content in (b"", file.read_bytes()[:50], b"rubbish", pickle.dumps((1, 2, 3)), pickle.dumps(7)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            total.update_from(blocks.resumable([(X, Y)], tmp_path))


def test_a_bad_block_leaves_an_accumulator_as_it_was():
    for total in accumulators().values():
        total.update(X, Y)
        before = pickle.dumps(numbers(total))
        with pytest.raises(ValueError, match="block 1: X holds nan"):
            total.update_from([(X, Y), (X * np.nan, Y)])
        assert pickle.dumps(numbers(total)) == before
    with pytest.raises(ValueError, match="sample_weight is not for moments"):
        accumulators()["moments"].update_from([(X, Y, np.abs(Y))])


def test_targets_and_weights_come_in_blocks_too():
    targets, weights = np.column_stack([Y, 2 * Y]), np.abs(Y)
    total = ridgeless.Accumulator(8, 2)
    total.update_from(blocks.from_arrays(X, targets, weights, rows=7000))
    whole = ridgeless.Accumulator(8, 2)
    whole.update(X, targets, sample_weight=weights)
    np.testing.assert_allclose(total.solve().coef, whole.solve().coef, rtol=1e-12)


def test_progress_of_a_pass_shows_rate_and_time_left(capsys):
    moments.MomentAccumulator(DIRECTIONS, [2]).update_from(blocks.from_arrays(X, Y, rows=3000), progress=True)
    shown = capsys.readouterr().err
    assert "30.0k/30.0k" in shown
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d, .* rows/s\]", shown)
    moments.MomentAccumulator(DIRECTIONS, [2]).update_from([(X, Y)] * 2, progress=True)
    assert re.search(r"60\.0k rows \[.* rows/s\]", capsys.readouterr().err)


def test_progress_of_a_pass_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    moments.MomentAccumulator(DIRECTIONS, [2]).update_from(blocks.from_arrays(X, Y, rows=3000), progress=True)
    assert capsys.readouterr().err.endswith("blocks  30,000 of 30,000 rows\n")
    moments.MomentAccumulator(DIRECTIONS, [2]).update_from([(X, Y)] * 2, progress=True)
    assert "\rblocks  0 rows" in capsys.readouterr().err


def test_a_sum_of_another_kind_is_refused():
    class Wrong:
        def total(self, empty):
            return None

    with pytest.raises(TypeError, match=r"total\(empty\) of Wrong returned None"):
        moments.MomentAccumulator(DIRECTIONS, [2]).update_from(Wrong())


# ---- Learning ----


@pytest.fixture(scope="module")
def in_memory():
    """Learned from arrays, of which a part is searched on."""
    return limbeck.learn(X, Y, sample_rows=10_000)


def same_network(one, other, tolerance):
    for name in ("weights", "output", "thresholds", "linear", "bias"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance)


def test_few_enough_rows_give_bitwise_the_network_of_arrays():
    some = X[:5000], Y[:5000], np.arange(5000.0) % 3
    for count in (2, 3):
        rows, labels, *weights = some[:count]
        whole = limbeck.learn(rows, labels, sample_weight=weights[0] if weights else None)
        for source in (cut(*some[:count], at=[100, 4000]), Cluster(cut(*some[:count], at=[100, 4000]))):
            found = limbeck.learn(source)
            same_network(found.network, whole.network, 0.0)
            assert found.validation_r2 == whole.validation_r2
            assert str(found) == str(whole)


def test_more_rows_are_refined_on_to_the_end_whatever_the_blocks(in_memory, files):
    assert in_memory.width == 3
    # The whole data as if it fitted: the two agree within a small part of the noise's floor, sigma^2 k d / n.
    whole = limbeck.learn(X, Y)
    assert in_memory.network.distance(whole.network) < 0.05 * 0.01 * 24 / 30_000
    assert in_memory.noise_variance == pytest.approx(whole.noise_variance, rel=1e-3)
    np.testing.assert_allclose(in_memory.standard_errors.slopes, whole.standard_errors.slopes, rtol=0.01)
    for source in [*sources(files), cut(X, Y, at=[1, 1, 20_000]), Cluster(cut(X, Y, at=[5, 13_000]))]:
        found = limbeck.learn(source, sample_rows=10_000)
        same_network(found.network, in_memory.network, 1e-10)
        assert found.validation_r2 == pytest.approx(in_memory.validation_r2, rel=1e-10)
        np.testing.assert_allclose(found.standard_errors.slopes, in_memory.standard_errors.slopes, rtol=1e-8)


def test_decay_fades_as_rows_grow():
    # Twenty features of noise: their decay, found on 500 rows, must not hold the others back on 30,000.
    rng = np.random.default_rng(6)
    rows = rng.uniform(-1, 1, (30_000, 22))
    labels = rows[:, 0] + np.abs(rows[:, 1]) + 0.5 * rng.standard_normal(30_000)
    truth = rows[:, 0] + np.abs(rows[:, 1])
    few = limbeck.learn(rows[:500], labels[:500], 1, inputs="any")
    found = limbeck.learn(cut(rows, labels, at=[9000]), width=1, inputs="any", sample_rows=500)
    whole = limbeck.learn(rows, labels, 1, inputs="any")
    errors = [np.mean((f.network(rows) - truth) ** 2) for f in (few, found, whole)]
    assert errors[1] < errors[0] / 10
    assert errors[1] < 1.5 * errors[2]


@pytest.mark.parametrize("inputs", ["gaussian", "any"])
def test_other_inputs_are_refined_on_all_rows_too(inputs):
    mixed = X @ np.random.default_rng(4).standard_normal((8, 8)) + 3.0
    whole = limbeck.learn(mixed, Y, 3, inputs=inputs)
    found = limbeck.learn(cut(mixed, Y, at=[9000]), width=3, inputs=inputs, sample_rows=10_000)
    difference = found.network(mixed) - whole.network(mixed)
    # By the parametric rate either is off by sigma^2 (k + 1) (d + 1) / n = 1.2e-5; from 10,000 rows it would be 3.6e-5.
    assert np.mean(difference**2) < 1.2e-5
    assert found.noise_variance == pytest.approx(whole.noise_variance, rel=0.01)
    assert np.isfinite(found.standard_errors.output).all()
    assert found.narrower[0].width == 2


def test_without_noise_the_network_is_exact():
    clean = PLANTED(X)
    found = limbeck.learn(cut(X, clean, at=[10_000]), sample_rows=5000)
    assert found.network.distance(PLANTED) < 1e-24


def test_weighted_rows_count_by_their_weights():
    weights = np.random.default_rng(5).integers(0, 3, len(X)).astype(float)
    repeated = np.repeat(np.arange(len(X)), weights.astype(int))
    found = limbeck.learn(cut(X, Y, weights, at=[12_345]), width=3, inputs="standard", sample_rows=10_000)
    whole = limbeck.learn(X[repeated], Y[repeated], 3, inputs="standard")
    assert found.network.distance(whole.network) < 0.05 * 0.01 * 24 / 30_000
    # Weights are no repetitions to standard errors: those of arrays are the ones to have.
    arrays = limbeck.learn(X, Y, 3, inputs="standard", sample_weight=weights)
    np.testing.assert_allclose(found.standard_errors.slopes, arrays.standard_errors.slopes, rtol=0.01)
    scaled = limbeck.learn(X, Y, 3, inputs="standard", sample_weight=1e200 * weights, sample_rows=10_000)
    same_network(scaled.network, found.network, 1e-10)
    np.testing.assert_allclose(scaled.standard_errors.slopes, found.standard_errors.slopes, rtol=1e-8)


def test_blocks_that_change_are_noticed():
    class Shrinking:
        n = 30_000

        def __iter__(self):
            yield X[: self.n], Y[: self.n]
            self.n -= 1

    with pytest.raises(ValueError, match="the blocks had 30000 rows at first, and 29999 in a later pass"):
        limbeck.learn(Shrinking(), sample_rows=10_000)


def test_time_may_run_out_during_a_pass():
    progress = limbeck._base.progress.Progress(None, False, 1000)

    class Slow:
        passes = 0

        def __iter__(self):
            self.passes += 1
            for part in cut(X, Y, at=[10_000, 20_000]):
                if self.passes > 1:
                    progress.deadline = 0.0
                yield part

    options = checked_options(None, 16, "auto", True, 0.1, 0, 10_000, None)
    found = learn_from(Slow(), None, None, GivenNames(None, None), options, progress)
    assert found.stopped_early
    # What was found on the sample, ten times its parametric floor at most.
    assert found.network.distance(PLANTED) < 10 * 0.01 * 24 / 10_000


def test_learning_resumes_with_the_same_network(tmp_path, in_memory):
    parts = cut(X, Y, at=[7000, 15_000])
    broken = Interrupted(parts, 3 + 3 + 1)  # they are looked at; one pass; into the second one
    with pytest.raises(KeyboardInterrupt):
        limbeck.learn(blocks.resumable(broken, tmp_path, every=0), sample_rows=10_000)
    (scanned,) = (path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.stat().st_size > 100_000)
    found = limbeck.learn(blocks.resumable(parts, tmp_path), sample_rows=10_000)
    (later,) = (path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.stat().st_size > 100_000)
    assert scanned == later  # the first pass was not made again
    same_network(found.network, limbeck.learn(parts, sample_rows=10_000).network, 0.0)
    same_network(found.network, in_memory.network, 1e-10)


def test_what_does_not_vary_in_the_sample_is_warned_of():
    flagged = np.column_stack([X, np.arange(len(X)) == 7])
    with pytest.warns(UserWarning, match="X: x8 vary in all 30000 rows but not in the 500 sampled"):
        limbeck.learn(cut(flagged, Y, at=[9000]), width=1, inputs="any", sample_rows=500)


def test_rows_of_no_weight_are_not_looked_at():
    weights = np.ones(len(X))
    weights[7] = 0.0
    wild = X.copy()
    wild[7] = 1e200
    found = limbeck.learn(cut(wild, Y, weights, at=[9000]), sample_rows=10_000)
    assert found.network.distance(PLANTED) < 10 * 0.01 * 24 / 30_000


def test_a_small_network_has_its_errors_when_the_blocks_are_gone():
    cluster = Cluster(cut(X, Y, at=[9000]))
    found = limbeck.learn(cluster, sample_rows=10_000)
    cluster.parts = None
    assert "+-" in str(found)
    assert np.isfinite(pickle.loads(pickle.dumps(found)).standard_errors.output).all()


def test_lists_frames_and_arrays_are_treated_alike():
    some, labels = X[:3000], Y[:3000]
    arrays = limbeck.learn(some, labels, sample_rows=1000)
    lists = limbeck.learn(some.tolist(), labels.tolist(), sample_rows=1000)
    same_network(lists.network, arrays.network, 0.0)

    class Frame:
        """A frame without iloc."""

        columns, shape = list("abcdefgh"), some.shape

        def __len__(self):
            return len(some)

        def __array__(self, dtype=None, copy=None):
            return some

    found = limbeck.learn(Frame(), labels, sample_rows=1000)
    assert found.feature_names == tuple("abcdefgh")
    assert next(iter(blocks.from_arrays(Frame(), labels))).X.columns == tuple("abcdefgh")


def test_sorted_rows_are_judged_from_all_over():
    order = np.argsort(X[:, 0])
    assert limbeck.learn(X[order], Y[order], 1, sample_rows=15_000).inputs == "standard"
    assert limbeck.learn(X[order], Y[order], 1).inputs == "standard"


def test_names_of_columns_must_agree_in_all_blocks():
    frames = [(pd.DataFrame(x, columns=list("abcdefgh")), pd.Series(y, name="z")) for x, y in cut(X, Y, at=[9000])]
    found = limbeck.learn(frames, width=1, inputs="standard")
    assert found.feature_names == tuple("abcdefgh")
    assert found.target_name == "z"
    frames[1] = (frames[1][0][list("hgfedcba")], frames[1][1])
    with pytest.raises(ValueError, match="block 1: the columns of X are"):
        limbeck.learn(frames)


def test_results_pickle_without_the_blocks(in_memory):
    found = limbeck.learn(cut(X, Y, at=[9000]), sample_rows=10_000)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.standard_errors.output, found.standard_errors.output)
    assert len(pickle.dumps(found)) < 1_000_000
    assert str(copy.deepcopy(found)) == str(found)


def test_progress_of_learning_shows_the_passes(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limbeck.learn(cut(X, Y, at=[9000]), sample_rows=10_000, progress=True)
    shown = capsys.readouterr().err
    assert "pass: rows" in shown
    assert "pass: gradient" in shown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of the address space")
def test_four_times_the_memory_limit_is_learned_from(tmp_path, run_python):
    n, d, step = 20_000_000, 20, 1_000_000
    planted = limbeck.datasets.make_narrow_network("generic", d, 3, seed=0)
    rows = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (n, d))
    labels = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float64, (n,))
    for i in range(0, n, step):
        rows[i : i + step], labels[i : i + step] = limbeck.datasets.sample(planted, step, noise=0.1, seed=i)
    limit = rows.nbytes // 4
    code = """
import resource, sys
import limbeck
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
found = limbeck.learn(limbeck.blocks.from_npy(f"{sys.argv[1]}/X.npy", f"{sys.argv[1]}/y.npy"))
found.network.save(f"{sys.argv[1]}/found.json")
"""
    done = run_python(code, tmp_path, limit, timeout=600)
    assert done.returncode == 0, done.stderr
    whole = limbeck.learn(np.array(rows), np.array(labels))
    same_network(limbeck.ReLUNetwork.load(tmp_path / "found.json"), whole.network, 1e-10)


# ---- How many rows are searched on ----


FEW = replace(DEFAULTS.learner, search_rows=600, search_rows_per_parameter=0)
SETTINGS = replace(PIPELINE_SETTINGS, gaussian=replace(DEFAULTS, learner=FEW))


@pytest.fixture
def searched(monkeypatch):
    """Numbers of rows that widths are chosen on."""
    path, counts = "limbeck._learner.pipeline.from_arrays.fit_any", []

    def counting(rows, *arguments):
        counts.append(len(rows))
        return fit_any(rows, *arguments)

    monkeypatch.setattr(path, counting)
    return counts


def learn_from_few(parts, width=None, max_width=16, sample_rows=None):
    """Learn as if a search for any number of neurons asked for 600 rows."""
    options = checked_options(width, max_width, "any", True, 0.0, 0, sample_rows, None)
    X, y = (*parts, None)[:2]
    names, progress = GivenNames.of(None, None, y), Progress(None, False, None)
    return learn_from(X, y, None, names, replace(options, settings=SETTINGS), progress)


@pytest.mark.parametrize("as_blocks", [False, True])
def test_as_many_rows_as_asked_for_are_searched_on(searched, as_blocks):
    for n in (1200, 1201, 3000):
        parts = (cut(X[:n], Y[:n], at=[500]),) if as_blocks else (X[:n], Y[:n])
        learn_from_few(parts, max_width=1, sample_rows=1200)
    assert searched == [1200, 1200, 1200]


@pytest.mark.parametrize("as_blocks", [False, True])
def test_one_row_more_than_a_search_asks_for_changes_little(searched, as_blocks):
    found = []
    for n in (600, 601, 2000):
        parts = (cut(X[:n], Y[:n], at=[500]),) if as_blocks else (X[:n], Y[:n])
        found.append(learn_from_few(parts, width=3))
    assert searched == [600, 600, 600]
    errors = [np.mean((PLANTED(X) - one.predict(X)) ** 2) for one in found]
    # All rows are refined on: the error falls like one over their number.
    assert errors[2] < errors[0] / 2
    assert np.mean((found[0].predict(X) - found[1].predict(X)) ** 2) < errors[0]
    assert found[2].standard_errors.bias < found[0].standard_errors.bias
    assert found[2].noise_variance == pytest.approx(0.01, rel=0.2)  # a standard deviation is .03 of it
