"""Blocks of every source yield the rows again and again; bad blocks and files are named."""

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


def joined(source):
    """All rows of blocks, and their labels."""
    return (np.concatenate(parts) for parts in list(zip(*source, strict=True))[:2])


def rare(y):
    """Zero but for one."""
    return np.where(np.arange(len(y)) == 7, y, 0.0)


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


def test_an_error_of_a_block_stays_the_object_that_was_raised():
    raised = ValueError("no")

    class Refusing:
        def take_block(self, block, number, n_threads):
            raise raised

    with pytest.raises(ValueError, match=r"^block 7: no$") as caught:
        limbeck.blocks._protocol.add_block(Refusing(), (X[:5], Y[:5]), 7, 1)
    assert caught.value is raised


def test_errors_of_any_class_say_which_block():
    class Unreadable:
        def take_block(self, block, number, n_threads):
            b"\xff".decode("utf-8")

    with pytest.raises(UnicodeDecodeError, match="can't decode byte 0xff") as caught:
        limbeck.blocks._protocol.add_block(Unreadable(), (X[:5], Y[:5]), 7, 1)
    assert caught.value.__notes__ == ["in block 7"]


def same_network(one, other, tolerance):
    for name in ("weights", "output", "thresholds", "linear", "bias"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance)
