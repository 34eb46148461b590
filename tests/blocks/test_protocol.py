"""Blocks of every source yield the rows again and again; bad blocks and files are named."""

import pickle

import numpy as np
import pandas as pd
import pyarrow
import pytest

import limbeck
from limbeck import blocks


def rare(y):
    """Zero but for one."""
    return np.where(np.arange(len(y)) == 7, y, 0.0)


def test_every_source_yields_the_rows_again_and_again_and_from_any_block_on(row_sources, X, Y, joined):
    for source in row_sources():
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


def test_one_pass_takes_an_iterator_and_sums_begin_at_zero(cut, X, Y, same_network, accumulators, numbers):
    for kind in ("moments", "rows"):
        once, whole = accumulators()[kind], accumulators()[kind]
        once.update_from(iter(cut(X, Y, at=[3600])))
        whole.update_from(cut(X, Y, at=[3600]))
        assert pickle.dumps(numbers(once)) == pickle.dumps(numbers(whole))
        parts = [blocks.partial_sum(accumulators()[kind], part, i) for i, part in enumerate(cut(X, Y, at=[3600]))]
        assert sum(parts).n_rows == len(X)
    few = cut(X, Y, at=[3600])

    class Summed:
        def total(self, empty):
            return sum(blocks.partial_sum(empty, part, i) for i, part in enumerate(few))

    same_network(limbeck.learn(Summed(), sample_rows=4000).network, limbeck.learn(few, sample_rows=4000).network, 1e-10)


def test_errors_in_making_a_block_say_which(X, Y, accumulators):
    def failing():
        yield X, Y
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire") as caught:
        accumulators()["rows"].update_from(failing())
    assert caught.value.__notes__ == ["while block 1 was made"]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda X, Y: limbeck.learn(iter([(X, Y)])), TypeError, "X is an iterator, which can be gone over only once"),
        (lambda X, Y: limbeck.learn(X), TypeError, "X is a ndarray without y"),
        (lambda X, Y: limbeck.learn(pd.DataFrame(X)), TypeError, "X is a DataFrame without y"),
        (lambda X, Y: limbeck.learn([(X, Y)], 3), TypeError, "y is the number 3: .* width=3"),
        (lambda X, Y: limbeck.learn(pd.DataFrame(X), "rent"), TypeError, "y is the name 'rent', not labels"),
        (lambda X, Y: limbeck.learn(3), TypeError, "X must be an iterable of blocks"),
        (lambda X, Y: limbeck.learn([X]), TypeError, r"block 0 must be a tuple \(X, y\) or .*, got ndarray"),
        (lambda X, Y: limbeck.learn([(X, Y), (X,)]), TypeError, "block 1 must be .*, got tuple of 1"),
        (
            lambda X, Y: limbeck.learn([(X, Y), (X[:5, :3], Y[:5])]),
            ValueError,
            "block 1: X has 3 features, blocks before it 8",
        ),
        (lambda X, Y: limbeck.learn([(X, Y[:-1])]), ValueError, r"block 0: .*\(12000, 8\).*\(11999,\)"),
        (
            lambda X, Y: limbeck.learn([(X, Y), (X + np.inf, Y)]),
            ValueError,
            r"block 1: X holds inf in row 12000, column 0 of all",
        ),
        (lambda X, Y: limbeck.learn([(X, Y, -Y)]), ValueError, "block 0: sample_weight must be at least 0"),
        (lambda X, Y: limbeck.learn([(X, Y.astype(complex))]), TypeError, "block 0: y must hold real numbers"),
        (lambda X, Y: limbeck.learn([(X, X)]), ValueError, "block 0: y must have 1 dimension"),
        (lambda X, Y: limbeck.learn([]), ValueError, "at least 10 rows"),
        (lambda X, Y: limbeck.learn([(X, Y)], sample_weight=Y), TypeError, "sample_weight comes in the blocks"),
        (lambda X, Y: limbeck.learn(blocks.from_arrays(X, Y), Y), TypeError, "y must be None where X is blocks"),
        (lambda X, Y: limbeck.learn([(X, 0 * Y)], sample_rows=100), ValueError, "y is constant"),
        (lambda X, Y: limbeck.learn(X, Y, sample_rows=3), ValueError, "sample_rows must be at least 10"),
        (lambda X, Y: limbeck.learn([(X, Y)], sample_rows=99, refine=False), ValueError, "refine=False needs all rows"),
        (lambda X, Y: blocks.from_arrays(X, Y[:9]), ValueError, r"got X of shape \(12000, 8\) and y of shape \(9,\)"),
        (lambda X, Y: blocks.from_arrays(X, Y, rows=0), ValueError, "rows must be at least 1"),
        (lambda X, Y: blocks.from_arrow(7, "y"), TypeError, "source must be paths"),
        (lambda X, Y: blocks.resumable([(X, Y)], ".", every=-1), ValueError, "every is a number of seconds"),
        (lambda X, Y: blocks.resumable([(X, Y)], ".", every="a"), ValueError, "every is a number of seconds"),
        (lambda X, Y: blocks.resumable([(3, 4)], "."), TypeError, "block 0"),
        (
            lambda X, Y: limbeck.learn([(X, Y), (X, Y, abs(Y))], sample_rows=99),
            ValueError,
            "block 1: some blocks have weights",
        ),
        (lambda X, Y: limbeck.learn([(X, Y, 1e60 + 0 * Y)]), ValueError, "block 0: sample_weight holds 1e.60"),
        (lambda X, Y: limbeck.learn(X, Y, sample_rows=10), ValueError, r"9 of 10 rows sampled \(see sample_rows\)"),
        (
            lambda X, Y: limbeck.learn(X, rare(Y), sample_rows=200),
            ValueError,
            "y is constant .0. in the 200 rows sampl",
        ),
        (lambda X, Y: limbeck.learn([(X, Y)], feature_names="abc"), TypeError, "feature_names must be a sequence"),
    ],
)
def test_bad_blocks_are_named(make, error, words, X, Y):
    with pytest.raises(error, match=words):
        make(X, Y)


def test_bad_files_are_named(row_files, Y):
    cases = [
        (lambda: blocks.from_npy(row_files / "X.npy", row_files / "none.npy"), OSError, "none.npy"),
        (
            lambda: blocks.from_npy(row_files / "y.npy", row_files / "y.npy"),
            ValueError,
            r"X: .*y.npy must hold .* in 2 dimension",
        ),
        (lambda: blocks.from_npy(row_files / "rows.parquet", row_files / "y.npy"), ValueError, "is not an NPY file"),
        (lambda: blocks.from_arrow(row_files / "X.npy", "y"), ValueError, "not a file of format parquet"),
        (lambda: blocks.from_arrow(row_files / "rows.parquet", "z"), ValueError, "target: there is no one column 'z'"),
        (lambda: blocks.from_arrow(row_files / "rows.parquet", "y", []), ValueError, "there are no features"),
        (lambda: blocks.from_arrow(row_files / "rows.parquet", "y", "c0"), TypeError, "features must be a sequence"),
        (lambda: blocks.from_arrow(row_files / "none.parquet", "y"), OSError, "none.parquet"),
    ]
    for make, error, words in cases:
        with pytest.raises(error, match=words):
            make()
    for features in (["c0", "c1", "c0"], ["c0", "y"]):
        with pytest.raises(ValueError, match=r"'(c0|y)' is named twice as feature, target or weight"):
            blocks.from_arrow(row_files / "rows.parquet", "y", features)
    np.save(row_files / "short.npy", Y)
    with (row_files / "short.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match=r"short.npy is shorter than its header says"):
        blocks.from_npy(row_files / "X.npy", row_files / "short.npy")
    table = pyarrow.table({"a": ["x", "y"], "b": [1.0, None], "y": [1, 2]})
    for column, error, words in (
        ("a", TypeError, "'a' holds text"),
        ("b", ValueError, "'b' has a missing value in row 1"),
    ):
        with pytest.raises(error, match=words):
            list(blocks.from_arrow(table, column, ["y"]))
    with pytest.raises(TypeError, match="block 0: X must hold real numbers, columns 'a' do not"):
        limbeck.ridgeless.Accumulator(1).update_from(blocks.from_arrow(table, "y", ["a"]))


def test_an_error_of_a_block_stays_the_object_that_was_raised(X, Y):
    raised = ValueError("no")

    class Refusing:
        def take_block(self, block, number, n_threads):
            raise raised

    with pytest.raises(ValueError, match=r"^block 7: no$") as caught:
        limbeck.blocks._protocol.add_block(Refusing(), (X[:5], Y[:5]), 7, 1)
    assert caught.value is raised


def test_errors_of_any_class_say_which_block(X, Y):
    class Unreadable:
        def take_block(self, block, number, n_threads):
            b"\xff".decode("utf-8")

    with pytest.raises(UnicodeDecodeError, match="can't decode byte 0xff") as caught:
        limbeck.blocks._protocol.add_block(Unreadable(), (X[:5], Y[:5]), 7, 1)
    assert caught.value.__notes__ == ["in block 7"]
