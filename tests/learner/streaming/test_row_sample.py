"""Samples of rows in blocks."""

import functools
import operator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limbeck import blocks
from limbeck._learner.streaming.row_sample import RowSample
from limbeck._learner.streaming.scan import Scan
from limbeck.blocks._protocol import Block


class Fixed:
    """A number of rows, whatever the number of features; it can be pickled."""

    def __init__(self, n):
        self.n = n

    def __call__(self, d):
        return self.n


def cut(*arrays, at):
    return [tuple(a[i:j] for a in arrays) for i, j in zip([0, *at], [*at, len(arrays[0])], strict=True)]


@given(
    at=st.lists(st.integers(0, 500), max_size=5).map(sorted),
    most=st.integers(1, 600),
    known=st.booleans(),
    weighted=st.booleans(),
    backwards=st.booleans(),
)
def test_the_sample_depends_on_the_rows_alone(at, most, known, weighted, backwards):
    rng = np.random.default_rng(1)
    rows, labels = rng.standard_normal((500, 8)), rng.standard_normal(500)
    weights = np.arange(500.0) % 5
    parts = cut(rows, labels, weights, at=at) if weighted else cut(rows, labels, at=at)
    firsts = dict(enumerate([0, *at]))
    empty = Scan(RowSample(Fixed(most), 3, 500 if known else None), firsts)
    scans = [blocks.partial_sum(empty, part, i) for i, part in enumerate(parts)]
    total = functools.reduce(operator.add, scans[::-1] if backwards else scans)
    at_once = Scan(RowSample(Fixed(most), 3))
    at_once.take_block(Block(rows, labels, weights if weighted else None), 0, None)
    count = int(np.count_nonzero(weights)) if weighted else 500
    assert (total.n_rows, total.count) == (500, count)
    assert (total.least, total.largest) == (at_once.least, at_once.largest)
    np.testing.assert_array_equal(total.low, at_once.low)
    np.testing.assert_array_equal(total.high, at_once.high)
    np.testing.assert_allclose(
        [total.weight, total.mean, total.squares], [at_once.weight, at_once.mean, at_once.squares]
    )
    found, expected = total.sample.pop_sorted(), at_once.sample.pop_sorted()
    assert len(found[1]) == min(most, count)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_sample_is_uniform():
    # Places of 1,000 rows drawn from 100,000: the counts of ten equal parts have chi-squared below 27.9 with
    # probability 0.999 (9 degrees of freedom); the seed is fixed. Without the finite population the limit is wider.
    sample = RowSample(Fixed(1000), 5)
    for first in range(0, 100_000, 7000):
        rows = np.arange(first, min(100_000, first + 7000), dtype=np.float64)
        sample.take(rows[:, None], rows, None, first)
    places = sample.pop_sorted()[1]
    assert (np.diff(places) > 0).all()
    counts = np.histogram(places, 10, (0, 100_000))[0]
    assert ((counts - 100) ** 2 / 100).sum() < 27.9


def test_a_sample_is_empty_once_it_is_taken_out():
    sample = RowSample(Fixed(3), 0)
    sample.take(np.arange(10.0)[:, None], np.arange(10.0), None, 0)
    assert len(sample.pop_sorted()[1]) == 3
    assert sample.count == 0
