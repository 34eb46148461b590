"""MomentAccumulator: pieces add up, and its standard errors are right."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import _kernels, moments


def rows(n, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.maximum(X[:, 0], 0) + 0.3 * rng.standard_normal(n)


def accumulate(X, y, cuts, orders=(2, 4)):
    total = None
    for begin, end in zip([0, *cuts], [*cuts, len(X)], strict=True):
        part = moments.MomentAccumulator(np.eye(X.shape[1])[:2], orders)
        part.update(X[begin:end], y[begin:end])
        total = part if total is None else total + part
    return total


@pytest.mark.parametrize("cuts", [[], [1], [0], [500], [3, 64, 65, 900], [1000]])
def test_parts_add_up_to_one_pass(cuts):
    X, y = rows(1000)
    total = accumulate(X, y, cuts)
    assert total.n_rows == 1000
    for order in (2, 4):
        once = moments.contract(X, y, np.eye(3)[:2], order)
        # 1000 additions of terms up to |y| |x|^4 ~ 1e3, of mean below 20: 1e3 eps 20 and slack.
        np.testing.assert_allclose(total.matrices(order), once, rtol=0, atol=1e-11)


def test_several_updates_are_one_sum():
    X, y = rows(600)
    a = moments.MomentAccumulator(np.eye(3)[:2], [2, 4])
    a.update(X[:200], y[:200])
    a.update(X[:0], y[:0])
    a.update(X[200:], y[200:])
    b = accumulate(X, y, [200])
    for order in (2, 4):
        np.testing.assert_array_equal(a.matrices(order), b.matrices(order))
        np.testing.assert_array_equal(a.standard_errors(order), b.standard_errors(order))


def test_the_same_split_gives_the_same_bits_and_addition_leaves_its_terms_alone():
    X, y = rows(1000)
    a, b = accumulate(X, y, [333]), accumulate(X, y, [333])
    assert a.matrices(4).tobytes() == b.matrices(4).tobytes()
    assert a.standard_errors(4).tobytes() == b.standard_errors(4).tobytes()
    before = a.matrices(4)
    total = a + b
    assert total.n_rows == 2000
    total.update(X, y)
    assert a.n_rows == 1000
    assert a.matrices(4).tobytes() == before.tobytes()


def test_pickles():
    X, y = rows(500)
    a = accumulate(X, y, [100])
    b = pickle.loads(pickle.dumps(a))
    assert b.orders == a.orders
    assert b.n_rows == a.n_rows
    a.update(X, y)
    b.update(X, y)
    assert a.matrices(4).tobytes() == b.matrices(4).tobytes()
    assert a.standard_errors(4).tobytes() == b.standard_errors(4).tobytes()


def test_orders_are_sorted_and_unique_and_directions_are_copied():
    directions = np.eye(3)
    a = moments.MomentAccumulator(directions, iter([4, 2, 4]))
    directions[:] = 0
    assert a.orders == (2, 4)
    np.testing.assert_array_equal(a.directions, np.eye(3))


def test_standard_errors_are_the_spread_over_repeats():
    # 200 repeats: their empirical standard deviation is known to 1 / sqrt(2 * 199) = 5 %, the mean of the variance
    # estimates far better. 30 % is six standard deviations: a false alarm in about 1e-8 of seeds for each of 12
    # entries.
    values, errors = [], []
    for repeat in range(200):
        a = moments.MomentAccumulator(np.eye(2)[:1], [2, 3])
        X, y = rows(1500, d=2, seed=[5, repeat])
        a.update(X[:700], y[:700])
        a.update(X[700:], y[700:])
        values.append([a.matrices(2), a.matrices(3)])
        errors.append([a.standard_errors(2), a.standard_errors(3)])
    spread = np.std(values, axis=0, ddof=1)
    stated = np.sqrt(np.mean(np.square(errors), axis=0))
    np.testing.assert_allclose(stated, spread, rtol=0.3)


def test_standard_errors_want_two_batches():
    a = moments.MomentAccumulator(np.eye(2), [2])
    a.update([[1.0, 2.0]], [3.0])
    assert np.isnan(a.standard_errors(2)).all()
    a.update([[1.0, 1.0]], [3.0])
    # Two batches of one row: the standard error of a mean of two numbers p, q is |p - q| / 2.
    assert a.standard_errors(2)[0, 1, 1] == pytest.approx(3 * (2**2 - 1) / 2, rel=1e-12)


def test_single_precision_rows_are_accepted():
    X, y = rows(400)
    a = accumulate(X.astype(np.float32), y.astype(np.float32), [100])
    # 400 float32 roundings of eps / 2 = 6e-8 of terms whose mean size is below 20.
    np.testing.assert_allclose(a.matrices(4), accumulate(X, y, []).matrices(4), rtol=0, atol=400 * 6e-8 * 20)


def test_errors():
    with pytest.raises(ValueError, match=r"orders is empty: name at least one order"):
        moments.MomentAccumulator(np.eye(2), [])
    with pytest.raises(ValueError, match=r"orders\[1\] must be at least 2, got 1"):
        moments.MomentAccumulator(np.eye(2), [2, 1])
    with pytest.raises(TypeError, match=r"orders\[0\] must be an integer, got 2\.5"):
        moments.MomentAccumulator(np.eye(2), [2.5])
    with pytest.raises(TypeError, match=r"^orders "):
        moments.MomentAccumulator(np.eye(2), 4)
    a = moments.MomentAccumulator(np.eye(2), [2, 4])
    with pytest.raises(ValueError, match=r"no rows have been added yet"):
        a.matrices(2)
    with pytest.raises(ValueError, match=r"order 3 was not accumulated; the orders are \(2, 4\)"):
        a.standard_errors(3)
    with pytest.raises(ValueError, match=r"orders \(2, 4\) and \(2,\), directions of shape \(2, 2\) and \(2, 2\)"):
        a + moments.MomentAccumulator(np.eye(2), [2])
    with pytest.raises(ValueError, match=r"directions of shape \(2, 2\) and \(1, 2\)"):
        a + moments.MomentAccumulator(np.eye(2)[:1], [2, 4])
    with pytest.raises(TypeError, match="unsupported operand"):
        a + 1
    with pytest.raises(ValueError, match=r"directions of shape \(2, 2\)"):
        a.update(np.ones((5, 3)), np.ones(5))


def test_a_failed_update_changes_nothing():
    X, y = rows(1000, d=2)
    a = moments.MomentAccumulator(np.eye(2), [2, 4])
    a.update(X, y)
    before = a.matrices(4).tobytes(), a.standard_errors(4).tobytes()
    y[900] = np.inf
    with pytest.raises(ValueError, match="y holds inf"):
        a.update(X, y)
    assert (a.matrices(4).tobytes(), a.standard_errors(4).tobytes()) == before
    assert a.n_rows == 1000


def test_the_error_gives_the_place_in_the_array_that_was_passed():
    X, y = rows(1000, d=2)
    X[500, 1] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at index \(500, 1\)"):
        moments.MomentAccumulator(np.eye(2), [2]).update(X, y)


@given(
    st.lists(st.integers(0, 150), min_size=1, max_size=4),
    st.sampled_from([np.float64, np.float32]),
    st.integers(0, 2**32 - 1),
)
def test_any_pieces_give_the_definition(sizes, dtype, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((sum(sizes), 2)).astype(dtype), rng.standard_normal(sum(sizes)).astype(dtype)
    g = rng.standard_normal(2).astype(dtype)
    total, begin, parts = moments.MomentAccumulator([g], [2, 3]), 0, []
    for size in sizes:
        total.update(X[begin : begin + size], y[begin : begin + size])
        # At most 64 batches of consecutive rows.
        cuts = np.linspace(0, size, min(64, size) + 1).astype(int)
        parts += [slice(begin + a, begin + b) for a, b in pairwise(cuts)]
        begin += size
    assert total.n_rows == len(X)
    if not len(X):
        with pytest.raises(ValueError, match="no rows"):
            total.matrices(2)
        return
    x, second = X.astype(np.float64), X.astype(np.float64)[:, :, None] * X[:, None, :] - np.eye(2)
    mixed = x[:, :, None] * g + g[:, None] * x[:, None, :]
    for order, terms in ((2, second), (3, (x @ g)[:, None, None] * second - mixed)):
        rows = y[:, None, None] * terms
        mean = rows.mean(axis=0)
        # Roundings of the rows' additions and of ten other operations, of terms of this size.
        slack = (
            (len(X) + 10)
            * np.finfo(dtype).eps
            * np.abs(y)
            @ (np.square(np.abs(x).sum(axis=1) + 1 + np.abs(g).sum()) ** 2)
        )
        np.testing.assert_allclose(total.matrices(order)[0], mean, rtol=0, atol=slack / len(X))
        errors = total.standard_errors(order)[0]
        if len(parts) < 2:
            assert np.isnan(errors).all()
            continue
        spread = sum((b.stop - b.start) * np.square(rows[b].mean(axis=0) - mean) for b in parts)
        # A difference of sums of squares, each off by some roundings of itself.
        lost = (
            (len(parts) + 200) * np.finfo(dtype).eps * sum((b.stop - b.start) * np.square(rows[b]).max() for b in parts)
        )
        scale = (len(parts) - 1) * len(X)
        assert np.all(np.abs(np.square(errors) - spread / scale) <= 10 * lost / scale)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000, 30_000])
def test_batches_on_threads_are_contractions_of_their_own(n):
    rng = np.random.default_rng(n)
    X, y, G = rng.standard_normal((n, 7)), rng.standard_normal(n), rng.standard_normal((3, 7))
    cuts = np.linspace(0, n, min(64, n) + 1).astype(int)
    means = [moments.contract(X[a:b], y[a:b], G, 4, n_threads=1) for a, b in pairwise(cuts)]
    rows, zeros = np.diff(cuts).astype(float), np.zeros((1, 3, 7, 7))
    for threads in (1, 2, 5):
        sums, squares = _kernels.contract_batches(X, y[:, None], G, 4, cuts.tolist(), zeros, zeros, threads)
        if threads == 1:
            first = sums.tobytes(), squares.tobytes()
        assert (sums.tobytes(), squares.tobytes()) == first
    for got, power in ((sums[0], 1), (squares[0], 2)):
        terms = np.array([mean**power * r for mean, r in zip(means, rows, strict=True)])
        # Additions of at most 64 terms, each of two roundings.
        assert np.all(np.abs(got - terms.sum(axis=0)) <= 70 * np.finfo(np.float64).eps * np.abs(terms).sum(axis=0))


@pytest.mark.parametrize("empty_first", [True, False])
def test_an_accumulator_without_rows_adds_nothing(empty_first):
    X, y = rows(500)
    empty, full = moments.MomentAccumulator(np.eye(3)[:2], (2, 4)), accumulate(X, y, [])
    for empty_too in (empty, pickle.loads(pickle.dumps(empty)), empty + empty):
        total = empty_too + full if empty_first else full + empty_too
        for order in (2, 4):
            np.testing.assert_array_equal(total.matrices(order), full.matrices(order))
            np.testing.assert_array_equal(total.standard_errors(order), full.standard_errors(order))
        with pytest.raises(ValueError, match="no rows have been added"):
            empty_too.matrices(2)
        with pytest.raises(ValueError, match="order 3 was not accumulated"):
            empty_too.matrices(3)


def test_no_sums_before_are_zeros():
    X, y = rows(300)
    zeros = np.zeros((1, 2, 3, 3))
    for pair in ((None, None), (zeros, None), (None, zeros)):
        got = _kernels.contract_batches(X, y[:, None], np.eye(3)[:2], 4, [0, 100, 300], *pair, 2)
        wanted = _kernels.contract_batches(X, y[:, None], np.eye(3)[:2], 4, [0, 100, 300], zeros, zeros, 2)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
