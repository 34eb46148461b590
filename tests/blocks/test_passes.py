"""Sums over blocks are those over all rows, in any split and order; bars of progress."""

import functools
import operator
import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import blocks, moments, ridgeless


@pytest.mark.parametrize("kind", ["moments", "rows"])
@given(at=st.lists(st.integers(0, 2000), max_size=5).map(sorted), seed=st.integers(0, 99))
def test_any_split_in_any_order_adds_up_to_the_same(kind, at, seed, cut, X, Y, accumulators, numbers):
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
def test_a_pass_that_goes_on_from_a_saved_accumulator_is_bitwise_the_same(kind, cut, X, Y, accumulators, numbers):
    parts = cut(X, Y, at=[2800, 2840, 6000])
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


def test_a_bad_block_leaves_an_accumulator_as_it_was(X, Y, accumulators, numbers):
    for total in accumulators().values():
        total.update(X, Y)
        before = pickle.dumps(numbers(total))
        with pytest.raises(ValueError, match="block 1: X holds nan"):
            total.update_from([(X, Y), (X * np.nan, Y)])
        assert pickle.dumps(numbers(total)) == before
    with pytest.raises(ValueError, match="sample_weight is not for moments"):
        accumulators()["moments"].update_from([(X, Y, np.abs(Y))])


def test_targets_and_weights_come_in_blocks_too(X, Y):
    targets, weights = np.column_stack([Y, 2 * Y]), np.abs(Y)
    total = ridgeless.Accumulator(8, 2)
    total.update_from(blocks.from_arrays(X, targets, weights, rows=2800))
    whole = ridgeless.Accumulator(8, 2)
    whole.update(X, targets, sample_weight=weights)
    np.testing.assert_allclose(total.solve().coef, whole.solve().coef, rtol=1e-12)


def test_progress_of_a_pass_shows_rate_and_time_left(capsys, X, Y, directions):
    moments.MomentAccumulator(directions, [2]).update_from(blocks.from_arrays(X, Y, rows=3000), progress=True)
    shown = capsys.readouterr().err
    assert "12.0k/12.0k" in shown
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d, .* rows/s\]", shown)
    moments.MomentAccumulator(directions, [2]).update_from([(X, Y)] * 2, progress=True)
    assert re.search(r"24\.0k rows \[.* rows/s\]", capsys.readouterr().err)


def test_progress_of_a_pass_without_tqdm(capsys, monkeypatch, X, Y, directions):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    moments.MomentAccumulator(directions, [2]).update_from(blocks.from_arrays(X, Y, rows=3000), progress=True)
    assert capsys.readouterr().err.endswith("blocks  12,000 of 12,000 rows\n")
    moments.MomentAccumulator(directions, [2]).update_from([(X, Y)] * 2, progress=True)
    assert "\rblocks  0 rows" in capsys.readouterr().err


def test_a_sum_of_another_kind_is_refused(directions):
    class Wrong:
        def total(self, empty):
            return None

    with pytest.raises(TypeError, match=r"total\(empty\) of Wrong returned None"):
        moments.MomentAccumulator(directions, [2]).update_from(Wrong())
