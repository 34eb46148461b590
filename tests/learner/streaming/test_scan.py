"""The first pass over rows in blocks."""

import copy

import numpy as np
import pytest

from limbeck import blocks
from limbeck._learner.streaming.row_sample import RowSample
from limbeck._learner.streaming.scan import RowCounts, Scan
from limbeck.blocks._protocol import Block


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 3)), rng.standard_normal(60)


def test_a_scan_with_nothing_added_is_one_of_its_own(rows):
    X, y = rows
    empty = Scan(RowSample(lambda d: 100, seed=0))
    some = blocks.partial_sum(copy.deepcopy(empty), (X[:50], y[:50]), 0)
    for total in (some + empty, empty + some):
        total.take_block(Block(X[50:], y[50:]), 1, 1)
        assert (total.n_rows, total.sample.count) == (60, 60)
        assert (some.n_rows, some.sample.count) == (50, 50)
        assert empty.n_rows == 0


def test_means_and_ranges_are_of_rows_of_positive_weight(rows):
    X, y = rows
    weights = np.where(np.arange(60) % 3, 2.0, 0.0)
    scan = Scan(RowSample(lambda d: 100, seed=0))
    scan.take_block(Block(X, y, weights), 0, 1)
    kept = weights > 0
    assert (scan.n_rows, scan.count, scan.weight) == (60, 40, 80.0)
    np.testing.assert_array_equal([scan.low, scan.high], [X[kept].min(axis=0), X[kept].max(axis=0)])
    assert (scan.least, scan.largest) == (y[kept].min(), y[kept].max())
    np.testing.assert_allclose([scan.mean, scan.squares / scan.weight], [y[kept].mean(), y[kept].var()])


def test_places_of_blocks_follow_from_the_numbers_of_rows():
    counts = [blocks.partial_sum(RowCounts(), (np.ones((n, 1)), np.ones(n)), i) for i, n in ((2, 5), (0, 3), (1, 4))]
    assert sum(counts).first_rows() == {0: 0, 1: 3, 2: 7}
    with pytest.raises(ValueError, match="two blocks have the number 2"):
        counts[0] + counts[0]
