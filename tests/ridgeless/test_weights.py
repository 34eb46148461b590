"""Weights of rows in least squares of least norm and in leaving rows out, against the definitions."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import ridgeless
from limbeck.estimators import RidgelessRegressor
from limbeck.ridgeless import NotCertifiedWarning, leave_one_out, solve

EPS = np.finfo(np.float64).eps
INTERCEPTS = [None, "centred", "penalised"]
SHAPES = [(12, 30), (30, 12), (15, 15), (16, 15), (60, 150), (150, 60), (2, 5), (1, 4)]


def expected_of(X, Y, weights, intercept):
    """Coefficients and constant by LAPACK: rows times roots of weights, means and ones as each intercept says."""
    root = np.sqrt(weights)[:, None]
    Y = Y if Y.ndim == 2 else Y[:, None]
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
    if intercept == "centred":
        x_mean, y_mean = np.average(X, axis=0, weights=weights), np.average(Y, axis=0, weights=weights)
    if intercept == "penalised":
        X = np.column_stack([X, np.ones(len(X))])
        coef = np.linalg.lstsq(X * root, Y * root, rcond=1e-12)[0]
        return coef[:-1], coef[-1]
    coef = np.linalg.lstsq((X - x_mean) * root, (Y - y_mean) * root, rcond=1e-12)[0]
    return coef, y_mean - x_mean @ coef


def problem(n, p, zeros=True):
    rng = np.random.default_rng([n, p])
    weights = rng.uniform(0.1, 3.0, n)
    if zeros and n > 4:
        weights[rng.permutation(n)[:2]] = 0.0
    return rng.standard_normal((n, p)) + 2, rng.standard_normal((n, 2)) + 1, weights


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("intercept", INTERCEPTS)
def test_solve_minimises_the_weighted_sum_of_squares(n, p, intercept):
    X, Y, weights = problem(n, p)
    found = solve(X, Y, intercept=intercept, sample_weight=weights)
    coef, constant = expected_of(X, Y, weights, intercept)
    # Conditions are below 1e3 here, squared for tall X; errors of LAPACK's answer are a modest multiple of that.
    np.testing.assert_allclose(found.coef, coef, rtol=1e-8, atol=1e-9 * np.abs(coef).max(initial=1e-300))
    np.testing.assert_allclose(found.intercept, constant if intercept else 0.0, atol=1e-8)
    residual = (Y - X @ coef - constant) * np.sqrt(weights)[:, None]
    np.testing.assert_allclose(found.residual_norm, np.linalg.norm(residual, axis=0), rtol=1e-8, atol=1e-10)
    alone = solve(X, Y[:, 0], intercept=intercept, sample_weight=weights)
    assert (alone.coef.shape, type(alone.residual_norm), type(alone.intercept)) == ((p,), float, float)
    np.testing.assert_allclose(alone.predict(X), found.predict(X)[:, 0], atol=1e-8)


@pytest.mark.parametrize("intercept", INTERCEPTS)
def test_weights_that_are_whole_numbers_repeat_rows(intercept):
    rng = np.random.default_rng(0)
    X, y, weights = rng.standard_normal((40, 6)) + 5, rng.standard_normal(40), rng.integers(0, 4, 40)
    found = solve(X, y, intercept=intercept, sample_weight=weights)
    repeated = solve(np.repeat(X, weights, axis=0), np.repeat(y, weights), intercept=intercept)
    np.testing.assert_allclose(found.coef, repeated.coef, rtol=1e-12)
    np.testing.assert_allclose(found.residual_norm, repeated.residual_norm, rtol=1e-12)
    assert (found.rank, found.certified) == (repeated.rank, True)


@pytest.mark.parametrize("intercept", INTERCEPTS)
def test_rows_fewer_than_features_are_solved_by_cholesky_whatever_their_weights(intercept):
    # The interpolator of least norm does not depend on weights, and needs no rank to be revealed.
    X, Y, weights = problem(40, 90, zeros=False)
    found = solve(X, Y, intercept=intercept, sample_weight=weights)
    assert (found.method, found.certified, found.rank) == ("cholesky", True, 39 if intercept == "centred" else 40)
    plain = solve(X, Y, intercept=intercept)
    np.testing.assert_allclose(found.coef, plain.coef, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.intercept, plain.intercept, atol=1e-12)


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize("scale", [1e-300, 1e300, 5.0])
def test_only_ratios_of_weights_matter(intercept, scale):
    X, Y, weights = problem(30, 8)
    found, scaled = (solve(X, Y, intercept=intercept, sample_weight=w) for w in (weights, weights * scale))
    np.testing.assert_allclose(scaled.coef, found.coef, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scaled.residual_norm, found.residual_norm * scale**0.5, rtol=1e-12)
    left, scaled_left = (leave_one_out(X, Y, intercept=intercept, sample_weight=w) for w in (weights, weights * scale))
    np.testing.assert_allclose(scaled_left, left, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize(("n", "p"), [(10, 25), (25, 10)])
def test_a_batch_with_weights_is_its_items(intercept, n, p):
    rng = np.random.default_rng(3)
    X, Y, weights = rng.standard_normal((3, n, p)), rng.standard_normal((3, n, 2)), rng.uniform(0, 2, (3, n))
    weights[1, 4] = 0.0
    weights[:, 2] = 0.0
    for some in (weights, weights[0]):
        found = solve(X, Y, intercept=intercept, sample_weight=some)
        for i in range(3):
            alone = solve(X[i], Y[i], intercept=intercept, sample_weight=np.broadcast_to(some, (3, n))[i])
            np.testing.assert_allclose(found.coef[i], alone.coef, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.residual_norm[i], alone.residual_norm, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.predict(X)[i], alone.predict(X[i]), atol=1e-9)
            assert found.rank[i] == alone.rank


def test_float32_with_weights_is_as_good_as_float32_can_be():
    X, Y, weights = problem(60, 20)
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    for intercept in INTERCEPTS:
        found = solve(X, Y, intercept=intercept, sample_weight=weights)
        coef, _ = expected_of(X.astype(np.float64), Y.astype(np.float64), weights, intercept)
        assert (found.coef.dtype, found.certified) == (np.float32, True)
        np.testing.assert_allclose(found.coef, coef, rtol=1e-5, atol=np.finfo(np.float32).eps)


def test_results_with_weights_are_bitwise_the_same_for_any_number_of_threads():
    for n, p in ((60, 300), (300, 60)):
        X, Y, weights = problem(n, p)
        for intercept in INTERCEPTS:
            options = {"intercept": intercept, "sample_weight": weights}
            assert len({solve(X, Y, n_threads=t, **options).coef.tobytes() for t in (1, 2, 5)}) == 1
            assert len({leave_one_out(X, Y, n_threads=t, **options).tobytes() for t in (1, 2, 5)}) == 1


def test_the_accumulator_and_the_estimator_agree_with_solve():
    X, Y, weights = problem(50, 12)
    found = solve(X, Y, intercept="centred", sample_weight=weights)
    total = ridgeless.Accumulator(12, 2)
    total.update(X, Y, sample_weight=weights)
    merged = total.solve(intercept="centred")
    np.testing.assert_allclose(merged.coef, found.coef, rtol=1e-10)
    np.testing.assert_allclose(merged.residual_norm, found.residual_norm, rtol=1e-10)
    fitted = RidgelessRegressor().fit(X, Y, weights)
    np.testing.assert_array_equal(fitted.coef_, found.coef.T)
    assert fitted.solution_.method == "cholesky"
    wide, targets, some = problem(20, 60)
    assert RidgelessRegressor().fit(wide, targets, some).solution_.method == "cholesky"


# ---- Rows left out ----


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize(
    ("n", "p", "rank"), [(12, 30, 12), (30, 12, 12), (15, 15, 15), (15, 14, 14), (20, 18, 6), (6, 40, 3), (9, 1, 1)]
)
@pytest.mark.parametrize("spread", [0.5, 12.0, 200.0])
def test_leave_one_out_is_the_rows_own_residual(intercept, n, p, rank, spread):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)) + 3
    Y, weights = rng.standard_normal((n, 2)) + np.array([5.0, 0.0]), 10.0 ** -rng.uniform(0, spread, n)
    if spread > 1:
        # Most rows of about one weight, so that each without it is a problem of moderate condition; a few weigh next to
        # nothing, some nothing at all.
        weights = np.where(np.arange(n) % 4 == 1, weights, rng.uniform(0.5, 2.0, n))
        if n < 2 * rank:  # light rows are needed for the rank, and LAPACK's answer has the condition of their roots
            weights = np.maximum(weights, 1e-6)
    if n > 8:
        weights[[2, 5]] = 0.0
    expected = np.empty_like(Y)
    for i in range(n):
        rest = (np.arange(n) != i) & (weights > 0)
        coef, constant = expected_of(X[rest], Y[rest], weights[rest], intercept)
        expected[i] = Y[i] - X[i] @ coef - constant
    found = leave_one_out(X, Y, intercept=intercept, sample_weight=weights, rcond=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
    alone = leave_one_out(X, Y[:, 1], intercept=intercept, sample_weight=weights, rcond=1e-12)
    np.testing.assert_allclose(alone, found[:, 1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("intercept", INTERCEPTS)
def test_equal_weights_leave_out_as_none_do(intercept):
    for n, p in ((20, 50), (50, 20)):
        X, Y, _ = problem(n, p)
        found = leave_one_out(X, Y, intercept=intercept, sample_weight=np.full(n, 3.0))
        np.testing.assert_allclose(found, leave_one_out(X, Y, intercept=intercept), rtol=1e-10, atol=1e-11)


def test_a_weighted_row_of_almost_all_the_leverage_is_left_out_in_fact():
    X, y = np.array([[1e7, 1], [1, 1], [2, 1], [4, 1]]), np.array([3.0, 1, 2, 7])
    weights = np.array([2.0, 1.0, 3.0, 0.5])
    coef, _ = expected_of(X[1:], y[1:], weights[1:], None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        found = leave_one_out(X, y, sample_weight=weights)
    assert found[0] == pytest.approx(y[0] - (X[0] @ coef).item(), rel=1e-9)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_whole_numbers_of_any_rank_and_weight(whole_numbers, exact_of_any_rank, floats, data, seed):
    X, y = data.draw(whole_numbers(least_rows=2))
    weights = np.random.default_rng(seed).integers(0, 4, len(X))
    if np.count_nonzero(weights) < 2:
        return
    rank, exact = exact_of_any_rank(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    found = solve(X, y, sample_weight=weights)
    # Roots of weights are rounded, so that rows of whole numbers are no longer exact: some EPS times the condition, and
    # its square beside a residual; conditions of six rows of numbers up to 3 are below 1e4.
    np.testing.assert_allclose(found.coef, floats(exact), rtol=1e-9, atol=1e-9 * np.abs(y).max(initial=0.0))
    assert found.rank == rank
    for intercept in INTERCEPTS:
        left = leave_one_out(X, y, sample_weight=weights, intercept=intercept)
        for i in range(len(X)):
            rest = np.where(np.arange(len(X)) == i, 0, weights)
            others, targets = np.repeat(X, rest, axis=0), np.repeat(y, rest)
            expected = y[i] - solve(others, targets, intercept=intercept).predict(X[[i]])[0]
            np.testing.assert_allclose(left[i], expected, rtol=1e-8, atol=1e-8 * (1 + np.abs(y).max()))


# ---- What is refused ----


@pytest.mark.parametrize("function", [solve, leave_one_out])
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(4), ValueError, r"same number of rows.*\(3, 2\).*\(4,\)"),
        ([1.0, -1.0, 1.0], ValueError, "sample_weight must be at least 0, got -1 at index 1"),
        ([1.0, np.nan, 1.0], ValueError, "sample_weight holds nan at index 1"),
        (np.zeros(3), ValueError, "sample_weight is zero for every row"),
        (["a", "b", "c"], TypeError, "sample_weight must hold real numbers"),
        (np.ones((3, 1)), ValueError, r"sample_weight must have 1 dimension\(s\)"),
    ],
)
def test_bad_weights(function, weights, error, message):
    with pytest.raises(error, match=message):
        function(np.eye(3, 2), np.ones(3), sample_weight=weights)


def test_bad_weights_of_a_batch():
    X, Y = np.ones((2, 3, 2)), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(3,\) or \(2, 3\).*got \(2,\)"):
        solve(X, Y, sample_weight=np.ones(2))
    with pytest.raises(ValueError, match="zero for every row of problem 1 of the batch"):
        solve(X, Y, sample_weight=[[1.0, 1, 1], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"at least 0, got -1 at index \(1, 2\)"):
        solve(X, Y, sample_weight=[[1.0, 1, 1], [0, 0, -1]])


def test_one_row_of_positive_weight_cannot_be_left_out():
    with pytest.raises(ValueError, match="positive for at least two rows"):
        leave_one_out(np.eye(3), np.ones(3), sample_weight=[0.0, 1.0, 0.0])


def test_weights_with_other_row_labels_are_refused():
    X = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 1.0]})
    weights = pd.Series([1.0, 2.0, 3.0], index=[2, 1, 0])
    for function in (solve, leave_one_out):
        with pytest.raises(ValueError, match="sample_weight"):
            function(X, [1.0, 2.0, 3.0], sample_weight=weights)
    assert solve(X, [1.0, 2.0, 3.0], sample_weight=weights.to_numpy()).feature_names == ("a", "b")


def test_numbers_of_rows_without_weight_are_checked_too():
    with pytest.raises(ValueError, match=r"X holds nan at index \(1, 0\)"):
        solve([[1.0, 2.0], [np.nan, 1.0]], [1.0, 2.0], sample_weight=[1.0, 0.0])


def test_weights_of_dask_collections():
    array = pytest.importorskip("dask.array")
    X, Y, weights = problem(40, 5)
    parts = [array.from_array(part, chunks=10) for part in (X, Y, weights)]
    found = solve(*parts[:2], sample_weight=parts[2], intercept="centred")
    np.testing.assert_allclose(found.coef, solve(X, Y, sample_weight=weights, intercept="centred").coef, rtol=1e-10)
    for mixed in ((parts[0], parts[1], weights), (X, Y, parts[2])):
        with pytest.raises(TypeError, match="arrays or data frames of dask"):
            solve(*mixed[:2], sample_weight=mixed[2])
