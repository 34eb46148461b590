"""Leave-one-out and generalised cross-validation, against leaving rows out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.ridgeless import generalized_cross_validation, leave_one_out, solve


@pytest.mark.parametrize(
    ("n", "p", "rank"), [(12, 30, 12), (30, 12, 12), (15, 15, 15), (20, 18, 6), (6, 40, 3), (9, 1, 1)]
)
def test_leave_one_out_is_leaving_one_out(n, p, rank):
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal((n, 2))
    expected = np.empty_like(Y)
    for i in range(n):
        rest = np.arange(n) != i
        expected[i] = Y[i] - X[i] @ np.linalg.lstsq(X[rest], Y[rest], rcond=1e-10)[0]
    np.testing.assert_allclose(leave_one_out(X, Y), expected, atol=1e-9)
    np.testing.assert_allclose(leave_one_out(X, Y[:, 0]), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(20, 50), (50, 25)])
def test_leave_one_out_of_rows_that_stand_alone_beside_some_that_do_not(n, p):
    rng = np.random.default_rng(n)
    X, y = rng.standard_normal((n, p)), rng.standard_normal(n)
    if n > p:
        X[:, -5:] = 0
        X[np.arange(5), -5 + np.arange(5)] = rng.uniform(1, 2, 5)
    else:
        X[1] = X[0]
        X[7] = X[3] - 2 * X[5]
    expected = [y[i] - X[i] @ np.linalg.lstsq(np.delete(X, i, 0), np.delete(y, i), rcond=1e-10)[0] for i in range(n)]
    np.testing.assert_allclose(leave_one_out(X, y), expected, atol=1e-10)


@pytest.mark.parametrize("intercept", ["centred", "penalised"])
@pytest.mark.parametrize(
    ("n", "p", "rank"), [(12, 30, 12), (30, 12, 12), (15, 15, 15), (15, 14, 14), (20, 18, 6), (6, 40, 3), (9, 1, 1)]
)
def test_leave_one_out_with_a_constant(n, p, rank, intercept):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)) + 10
    Y = rng.standard_normal((n, 2)) + np.array([5.0, 0.0])
    found = [solve(np.delete(X, i, 0), np.delete(Y, i, 0), rcond=1e-10, intercept=intercept) for i in range(n)]
    expected = [Y[i] - one.predict(X[[i]])[0] for i, one in enumerate(found)]
    np.testing.assert_allclose(leave_one_out(X, Y, intercept=intercept, rcond=1e-10), expected, atol=1e-8)
    with_ones = np.column_stack([X, np.ones(n)])
    if intercept == "penalised":
        gcv = generalized_cross_validation(with_ones, Y)
    elif n > p + 1:
        gcv = generalized_cross_validation(with_ones, Y)  # the same fit
    else:
        return
    np.testing.assert_allclose(generalized_cross_validation(X, Y, intercept=intercept), gcv, rtol=1e-8)


@pytest.mark.parametrize(("n", "p"), [(20, 50), (50, 25)])
def test_leave_one_out_with_a_constant_of_rows_that_stand_alone(n, p):
    rng = np.random.default_rng(n)
    X, y = rng.standard_normal((n, p)) + 3, rng.standard_normal(n) + 1
    if n > p:
        X[:, -5:] = 0
        X[np.arange(5), -5 + np.arange(5)] = rng.uniform(1, 2, 5)
    else:
        X[1] = X[0]
        X[7] = X[3] - 2 * X[5] + 2 * X[9]  # within the affine span of others
    found = [solve(np.delete(X, i, 0), np.delete(y, i), rcond=1e-10, intercept="centred") for i in range(n)]
    expected = [y[i] - one.predict(X[[i]])[0] for i, one in enumerate(found)]
    np.testing.assert_allclose(leave_one_out(X, y, intercept="centred"), expected, atol=1e-9)


def test_the_intercept_of_leave_one_out_is_checked():
    with pytest.raises(ValueError, match='intercept must be None, "centred" or "penalised"'):
        leave_one_out(np.eye(3), np.ones(3), intercept="yes")


def test_leave_one_out_of_a_row_that_stands_alone():
    # Two rows on one axis, one on another: without the last, nothing is known about its axis.
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    np.testing.assert_allclose(leave_one_out(X, np.array([1.0, 1.0, 5.0]))[2], 5.0)


@pytest.mark.parametrize(
    ("X", "y", "expected"),
    [
        ([[1e7], [1], [1]], [3.0, 1, 2], 3 - 1e7 * 1.5),
        ([[1e7, 1], [1, 1], [2, 1], [4, 1]], [3.0, 1, 2, 7], 3 - (1e7 * 29 / 14 - 1.5)),
    ],
)
def test_leave_one_out_of_a_row_of_almost_all_the_leverage(X, y, expected):
    X, y = np.array(X), np.array(y)
    exact = y[0] - X[0] @ np.linalg.lstsq(X[1:], y[1:], rcond=None)[0]
    assert exact == pytest.approx(expected, rel=1e-6)
    assert leave_one_out(X, y)[0] == pytest.approx(exact, rel=1e-9)


@given(data=st.data())
def test_whole_numbers_of_any_rank_are_left_out_exactly(whole_numbers, rationals, exact_of_any_rank, floats, data):
    X, y = data.draw(whole_numbers(least_rows=2))
    expected = []
    for i in range(len(X)):
        _, coef = exact_of_any_rank(np.delete(X, i, 0), np.delete(y, i))
        (row,), ((target,),) = rationals(X[i]), rationals(y[i])
        expected.append(target - sum(a * b for a, b in zip(row, coef, strict=True)))
    # One minus a leverage, 1e-6 or more where it divides, is off by some EPS, and so is what it divides.
    np.testing.assert_allclose(leave_one_out(X, y), floats(expected), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("n", "p", "rank"), [(40, 90, 40), (90, 40, 40), (50, 50, 50), (60, 45, 20), (45, 60, 20)])
def test_cross_validation_is_that_of_the_singular_vectors(n, p, rank):
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal((n, 2))
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    # The limit of ridge regression, which is the definition: residuals and leverages for a ridge small enough.
    ridge = 1e-6 * s[rank - 1] ** 2 if rank == n else 0.0
    shrunk = np.square(s[:rank]) / (np.square(s[:rank]) + ridge)
    residual = Y - U[:, :rank] @ (shrunk[:, None] * (U[:, :rank].T @ Y))
    left_over = (n - shrunk.sum()) / n
    expected = np.square(residual).mean(axis=0) / left_over**2
    np.testing.assert_allclose(generalized_cross_validation(X, Y), expected, rtol=1e-4 if rank == n else 1e-10)
    assert generalized_cross_validation(X, Y[:, 0]) == pytest.approx(expected[0], rel=1e-4)
    alone = (
        Y / (1 - np.square(U[:, :rank]) @ shrunk)[:, None]
        - U[:, :rank] @ (shrunk[:, None] * (U[:, :rank].T @ Y)) / (1 - np.square(U[:, :rank]) @ shrunk)[:, None]
    )
    np.testing.assert_allclose(leave_one_out(X, Y), alone, rtol=1e-3 if rank == n else 1e-8, atol=1e-6)


def test_leaving_out_is_bitwise_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(13)
    for n, p in ((400, 900), (900, 400)):
        X, y = rng.standard_normal((n, p)), rng.standard_normal(n)
        assert len({leave_one_out(X, y, n_threads=threads).tobytes() for threads in (1, 2, 5)}) == 1


def test_rcond_of_leave_one_out_is_checked():
    with pytest.raises(ValueError, match="rcond must be at least 0 and below 1"):
        leave_one_out(np.eye(3), np.ones(3), rcond=2.0)
    with pytest.raises(TypeError, match="rcond must be a number or None, got 'a'"):
        solve(np.eye(3), np.ones(3), rcond="a")
