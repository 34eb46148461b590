"""Minimum-norm least squares: against exact arithmetic, LAPACK and the definitions."""

import json
import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from limbeck import _kernels, ridgeless
from limbeck.ridgeless import NotCertifiedWarning, generalized_cross_validation, leave_one_out, solve

EPS = np.finfo(np.float64).eps
SHAPES = [(1, 1), (1, 7), (7, 1), (5, 8), (8, 5), (40, 40), (60, 150), (150, 60), (70, 500), (700, 210)]
STRD = json.loads((Path(__file__).parents[1] / "data" / "nist_strd.json").read_text())["sets"]


def rationals(numbers):
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(numbers)]


def solve_gram(vectors, right):
    """Solution of the system of the vectors' inner products, in rationals."""
    system = [
        [*(sum(a * b for a, b in zip(u, v, strict=True)) for v in vectors), r]
        for u, r in zip(vectors, right, strict=True)
    ]
    for k in range(len(system)):
        system[k] = [v / system[k][k] for v in system[k]]
        for i in range(len(system)):
            if i != k:
                system[i] = [a - system[i][k] * b for a, b in zip(system[i], system[k], strict=True)]
    return [row[-1] for row in system]


def combination(vectors, factors):
    return [sum(f * v for f, v in zip(factors, column, strict=True)) for column in zip(*vectors, strict=True)]


def exact_least_squares(X, y):
    """The minimum-norm solution of full-rank least squares on the float64 numbers as they are, in rationals."""
    n, p = X.shape
    (targets,) = rationals(y)
    if n <= p:
        rows = rationals(X)
        solution = combination(rows, solve_gram(rows, targets))
    else:
        columns = rationals(X.T)
        solution = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return np.array([float(v) for v in solution])


def exact_of_product(left, right, y):
    """The minimum-norm solution for X = left @ right, both of full rank."""
    columns, rows = rationals(left.T), rationals(right)
    (targets,) = rationals(y)
    inner = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return np.array([float(v) for v in combination(rows, solve_gram(rows, inner))])


def with_condition(n, p, exponent, seed=0):
    """A matrix whose singular values fall evenly from 1 to 10^-exponent."""
    rng = np.random.default_rng([n, p, seed])
    m = min(n, p)
    U, V = (np.linalg.qr(rng.standard_normal((side, m)))[0] for side in (n, p))
    return (U * np.logspace(0, -exponent, m)) @ V.T


def reference(X, Y):
    return np.linalg.lstsq(X, Y, rcond=EPS * max(X.shape))[0]


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("q", [None, 1, 3, 70])
def test_the_solution_is_that_of_lapack(n, p, q):
    rng = np.random.default_rng([n, p])
    X = rng.standard_normal((n, p))
    Y = rng.standard_normal(n if q is None else (n, q))
    found = solve(X, Y)
    expected = reference(X, Y)
    condition = np.linalg.cond(X)
    assert found.coef.shape == expected.shape
    # LAPACK's error: a modest multiple of condition * eps; and, for tall X, of condition^2 * eps * residual.
    assert relative(found.coef, expected) < 30 * EPS * condition * (1 + condition)
    assert found.rank == min(n, p)
    assert found.condition == pytest.approx(condition, rel=0.7)
    assert found.method == "cholesky"
    assert found.certified
    assert found.backward_error < 32 * EPS
    # The residual of a wide X is rounding alone.
    residual = np.linalg.norm(Y - X @ found.coef, axis=0)
    np.testing.assert_allclose(found.residual_norm, residual, rtol=1e-9, atol=1e-12 * np.linalg.norm(Y))


@pytest.mark.parametrize(("n", "p"), [(6, 14), (14, 6), (9, 9)])
@pytest.mark.parametrize("exponent", range(15))
def test_no_condition_makes_it_worse_than_ten_times_lapack(n, p, exponent):
    X = with_condition(n, p, exponent)
    y = np.random.default_rng(exponent).standard_normal(n)
    exact = exact_least_squares(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        found = solve(X, y)
    assert relative(found.coef, exact) <= 10 * relative(reference(X, y), exact) + 4 * EPS
    if found.method != "svd":
        assert relative(found.coef, exact) < 4 * EPS
    assert found.method in (("cholesky", "qr") if exponent < 14 else ("qr", "svd"))


@pytest.mark.parametrize(("n", "p", "rank"), [(9, 16, 5), (16, 9, 5), (11, 11, 7), (25, 8, 3), (6, 25, 2)])
@pytest.mark.parametrize("digits", range(6))
def test_of_exact_deficient_rank_it_is_right_to_the_last_digits(n, p, rank, digits):
    # Whole numbers below 2^53, so that X has its rank exactly; of condition up to some 1e5.
    rng = np.random.default_rng([n, p, digits])
    left, right = rng.integers(-9, 10, (n, rank)), rng.integers(-9, 10, (rank, p))
    left = left * 10 ** rng.integers(0, digits + 1, rank)
    X, y = (left @ right).astype(np.float64), rng.standard_normal(n)
    found, exact = solve(X, y), exact_of_product(left, right, y)
    assert (found.rank, found.method, found.certified) == (rank, "qr", True)
    assert relative(found.coef, exact) < 4 * EPS
    assert relative(found.coef, exact) <= 10 * relative(reference(X, y), exact) + 4 * EPS


@pytest.mark.parametrize(("n", "p"), [(300, 700), (700, 300)])
def test_large_grams_in_single_precision_are_refined(n, p):
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-3, 3, p), rng.standard_normal((n, 2))
    found = solve(X, Y)
    assert (found.method, found.certified) == ("cholesky", True)
    # The normal equations of rows or columns, refined in extended precision.
    V = (X if n < p else X.T).astype(np.longdouble)
    right, solution = Y if n < p else V @ Y, np.zeros((300, 2), np.longdouble)
    gram = (V @ V.T).astype(np.float64)
    for _ in range(6):
        solution += np.linalg.solve(gram, (right - V @ (V.T @ solution)).astype(np.float64))
    expected = V.T @ solution if n < p else solution
    assert relative(found.coef, expected.astype(np.float64)) < 4 * EPS


@pytest.mark.parametrize("exponent", [0, 3, 6])
def test_many_targets_of_small_residuals_are_certified(exponent):
    # Plain products cannot tell residuals of 1e-8 from rounding well enough: twofold ones can.
    X = with_condition(400, 200, exponent)
    rng = np.random.default_rng(exponent)
    Y = X @ rng.standard_normal((200, 60)) + 1e-8 * rng.standard_normal((400, 60))
    found = solve(X, Y)
    assert (found.method, found.certified) == ("cholesky", True)
    for t in range(3):
        alone = solve(X, Y[:, t]).coef
        assert relative(found.coef[:, t], alone) <= 10 * relative(reference(X, Y[:, t]), alone) + 4 * EPS


@pytest.mark.parametrize("name", sorted(STRD))
def test_certified_values_of_nist(name):
    # NIST Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd (public domain): linear regression.
    data = STRD[name]
    x, y = np.array(data["x"], dtype=np.float64), np.array(data["y"], dtype=np.float64)
    if "degree" in data["model"]:
        degree = int(data["model"].split("degree ")[1].split(",")[0])
        X = np.vander(x, degree + 1, increasing=True)
    elif "origin" in data["model"]:
        X = x[:, None]
    else:
        X = np.column_stack([np.ones(len(y)), x])
    exact = exact_least_squares(X, y)
    # The certified values are those of the decimal data: what float64 makes of these moves them.
    np.testing.assert_allclose(exact, data["coef"], rtol=1e-6 if name == "Filip" else 1e-11, atol=1e-12)
    if name == "Filip":
        # Of condition 1.8e15, beyond what NumPy's rank rule takes for full rank: another problem, and it says so.
        with pytest.warns(NotCertifiedWarning, match="rank is in doubt"):
            assert solve(X, y).rank == np.linalg.matrix_rank(X) == 10
        return
    found = solve(X, y)
    assert found.certified
    wrong = np.abs(found.coef - exact) / np.abs(exact)
    assert -np.log10(max(wrong.max(), 1e-16)) >= 13


@pytest.mark.parametrize(("n", "p"), [(30, 80), (80, 30), (40, 40)])
def test_rank_deficient_input_gets_the_answer_and_rank_of_lapack(n, p):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 12)) @ rng.standard_normal((12, p))
    Y = rng.standard_normal((n, 2))
    found = solve(X, Y)
    assert (found.rank, found.method, found.certified) == (12, "qr", True)
    np.testing.assert_allclose(found.coef, reference(X, Y), atol=1e-12)
    np.testing.assert_allclose(found.residual_norm, np.linalg.norm(Y - X @ found.coef, axis=0), rtol=1e-10)


def _duplicated(rng):
    X = rng.standard_normal((60, 8))
    X[:, 5] = -3 * X[:, 2]
    return X


def _dummies(rng):
    levels = np.eye(4)[rng.integers(0, 4, 200)]
    return np.column_stack([np.ones(200), levels, rng.standard_normal((200, 3))])


def _sum_of_integers(rng):
    X = rng.integers(-9, 10, (60, 8)).astype(np.float64)
    X[:, 5] = X[:, 1] + X[:, 2]
    return X


def _sum_of_columns(rng):
    X = rng.standard_normal((5000, 6))
    X[:, 5] = X[:, 1] + X[:, 2]
    return X


def _repeated_rows(rng):
    X = rng.standard_normal((8, 60))
    X[5] = X[2]
    return X


def _centred(rng):
    X = rng.standard_normal((20, 60))
    return X - X.mean(axis=0)


@pytest.mark.parametrize("make", [_duplicated, _dummies, _sum_of_integers, _sum_of_columns, _repeated_rows, _centred])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_null_direction_is_never_certified_away(make, dtype):
    # Rounding makes the last pivot of the Gram matrix positive in about half of these, and no residual shows it.
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = make(rng).astype(dtype)
        y = X @ np.ones(X.shape[1], dtype) if seed % 2 else rng.standard_normal(len(X)).astype(dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCertifiedWarning)
            found = solve(X, y)
        cutoff = float(np.finfo(dtype).eps) * (max(X.shape) if dtype == np.float64 else min(X.shape))
        rank = np.linalg.matrix_rank(X.astype(np.float64), rtol=cutoff)
        assert rank < min(X.shape)
        assert found.rank == rank
        expected = np.linalg.lstsq(X.astype(np.float64), y, rcond=cutoff)[0]
        np.testing.assert_allclose(found.coef, expected, rtol=1e-3, atol=1e3 * np.finfo(dtype).eps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        assert solve(make(np.random.default_rng(0)), y.astype(np.float64), rcond=0.0).method == "svd"


def test_of_all_solutions_it_is_the_smallest():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((40, 90)), rng.standard_normal(40)
    coef = solve(X, y).coef
    null_space = np.linalg.svd(X)[2][40:]
    assert np.abs(null_space @ coef).max() < 10 * EPS * np.linalg.norm(coef)


def test_layout_and_memory_do_not_matter(tmp_path):
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((30, 70)), rng.standard_normal(30)
    expected = solve(X, y).coef
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for other in (np.asfortranarray(X), mapped, X.tolist(), np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_array_equal(solve(other, y).coef, expected)


@pytest.mark.parametrize(("n", "p"), [(30, 70), (70, 30), (300, 800)])
def test_float32_is_as_good_as_float32_can_be(n, p):
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((n, p)).astype(np.float32), rng.standard_normal((n, 2)).astype(np.float32)
    found = solve(X, Y)
    assert found.coef.dtype == np.float32
    assert found.certified
    exact = reference(X.astype(np.float64), Y.astype(np.float64))
    assert relative(found.coef, exact) < np.finfo(np.float32).eps


def test_float32_that_is_too_ill_conditioned_for_it_is_factored_in_float64():
    X = with_condition(20, 50, 3.3).astype(np.float32)
    y = np.ones(20, dtype=np.float32)
    found = solve(X, y)
    assert (found.method, found.certified, found.coef.dtype) == ("cholesky", True, np.float32)
    assert relative(found.coef, reference(X.astype(np.float64), y)) < 1e-6


@pytest.mark.parametrize("x_scale", [1e160, 1e-160, 1e300, 1.0])
@pytest.mark.parametrize("y_scale", [1e160, 1e-160, 1.0])
@pytest.mark.parametrize(("n", "p", "rank"), [(20, 50, 20), (50, 20, 20), (30, 30, 12)])
def test_huge_and_tiny_numbers_change_nothing(x_scale, y_scale, n, p, rank):
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal(n)
    plain = solve(X, y)
    with np.errstate(over="ignore", under="ignore"):
        expected = plain.coef * (y_scale / x_scale)
    if not np.finfo(np.float64).tiny <= np.abs(expected).max() < np.inf:
        with pytest.warns(NotCertifiedWarning, match="coefficients leave the range of float64"):
            assert not solve(X * x_scale, y * y_scale).certified
        return
    found = solve(X * x_scale, y * y_scale)
    assert (found.rank, found.method, found.certified) == (plain.rank, plain.method, plain.certified)
    assert found.backward_error < 1e-15 * np.sqrt(50)
    if np.abs(expected).min() > 1e-290 and np.abs(expected).max() < 1e300:
        np.testing.assert_allclose(found.coef, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


def test_a_graded_matrix_has_the_rank_of_numpys_rule():
    X = np.random.default_rng(5).standard_normal((40, 8)) * 10.0 ** -np.arange(0, 24, 3)
    y = np.ones(40)
    with pytest.warns(NotCertifiedWarning, match="the rank is 5 in the units given, but at least 8 with every column"):
        found = solve(X, y)
    assert found.rank == np.linalg.matrix_rank(X) < 8
    # Of condition 1e12, and what is dropped is 1e-15 of the largest column.
    assert relative(found.coef, reference(X, y)) < 1e-6


@pytest.mark.parametrize("spread", [1e-8, 1e-10, 1e-12])
def test_targets_that_fit_are_refined_too(spread):
    # With a condition of 1e12 the normal equations' factor is off by about as much as it is large, and whether
    # refinement ends is up to rounding: not for 4 to 16 of 60 seeds, by instruction set. With 1e10 it always ends.
    rng = np.random.default_rng(5)
    X = rng.standard_normal((30, 4))
    X[:, 3] = X[:, 0] + spread * rng.standard_normal(30)
    y = X @ np.ones(4)
    assert relative(solve(X, y).coef, exact_least_squares(X, y)) < 4 * EPS


@pytest.mark.parametrize("m", [3, 20, 300])
def test_no_matrix_hides_from_the_estimate_of_its_condition(m):
    # The direction of the odd singular value is orthogonal to a pattern that power iterations once began with.
    pattern = np.cos(1 + 2 * np.arange(m) * np.arange(1, m + 1))
    basis = np.linalg.qr(np.column_stack([pattern, np.random.default_rng(m).standard_normal((m, m - 1))]))[0]
    for sizes, rcond, rank in (([0.04], 0.05, m - 1), ([100.1], 0.01, 1), ([0.0008], 0.001, m - 1)):
        X = (basis[:, ::-1] * np.r_[sizes, np.ones(m - 1)]) @ np.linalg.qr(np.eye(m) + 0.1)[0]
        assert solve(X, np.ones(m), rcond=rcond).rank == rank


def test_coefficients_of_any_size_come_out():
    found = solve(np.diag([1e300, 1e290]), np.array([1e300, 1e300]), rcond=0)
    np.testing.assert_allclose(found.coef, [1, 1e10])
    for X in (np.array([[3e-300]]), np.array([[3e-300], [0]])):
        found = solve(X, np.full(len(X), 1e-320))
        np.testing.assert_allclose(found.coef, np.array([1e-320]) / 3e-300, rtol=1e-13)


@pytest.mark.parametrize("rank", [1, 2])
def test_the_largest_numbers_are_solved_and_left_out(rank):
    # The logarithm of the largest number is rounded up, to that of an infinity.
    X = np.finfo(np.float64).max * np.array([[1.0, 1], [1, 1], [1, 2 - rank]])
    for y in (np.full(3, 1e10), X[:, 0]):
        expected = np.linalg.lstsq(np.ldexp(X, -1000), np.ldexp(y, -1000), rcond=None)[0]
        np.testing.assert_allclose(solve(X, y).coef, expected, rtol=1e-12, atol=1e-14 * np.abs(expected).max())
        assert np.isfinite(leave_one_out(X, y / X.max())).all()


def test_many_rows_of_float32_do_not_cost_features():
    X = np.random.default_rng(14).standard_normal((1_000_000, 2), dtype=np.float32)
    X[:, 1] *= 1e-3
    found = solve(X, X @ np.array([1, 5], dtype=np.float32))
    assert found.rank == 2
    np.testing.assert_allclose(found.coef, [1, 5], rtol=1e-4)


def test_memory_makes_no_difference():
    rng = np.random.default_rng(15)
    X, Y = rng.standard_normal((60, 30)) @ rng.standard_normal((30, 80)), rng.standard_normal((60, 6))
    kept, results = [], set()
    for size in range(40):
        kept.append(np.empty(size * 3 + 1))  # so that memory is handed out elsewhere
        results.add(solve(X, Y).coef.tobytes() + leave_one_out(X, Y).tobytes())
    assert len(results) == 1


def test_columns_of_different_scales_are_no_trouble():
    X = np.random.default_rng(6).standard_normal((40, 4)) * [1.0, 1e-4, 1e5, 1e-6]
    y = np.random.default_rng(7).standard_normal(40)
    found = solve(X, y)
    assert found.method == "cholesky"
    np.testing.assert_allclose(found.coef, exact_least_squares(X, y), rtol=4 * EPS)


def test_a_rank_in_doubt_warns():
    X = with_condition(30, 50, 1)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    s[-1] = 1.2 * EPS * 50
    with pytest.warns(NotCertifiedWarning, match=r"rank is in doubt: 30 of 30, but 1 singular value"):
        found = solve((U * s) @ Vt, np.ones(30))
    assert not found.certified


def test_rcond_decides_about_the_rank():
    X = with_condition(20, 30, 6)
    found = solve(X, np.ones(20), rcond=3e-3)
    assert found.rank == np.linalg.matrix_rank(X, rtol=3e-3) < 20
    np.testing.assert_allclose(found.coef, np.linalg.lstsq(X, np.ones(20), rcond=3e-3)[0], rtol=1e-8)


def test_zero_matrix_and_zero_targets():
    found = solve(np.zeros((3, 5)), np.ones(3))
    assert found.rank == 0
    np.testing.assert_array_equal(found.coef, 0)
    assert found.residual_norm == pytest.approx(np.sqrt(3))
    X = np.random.default_rng(8).standard_normal((4, 6))
    found = solve(X, np.zeros((4, 2)))
    assert found.certified
    np.testing.assert_array_equal(found.coef, 0)
    assert solve(X, np.zeros((4, 0))).coef.shape == (6, 0)


@pytest.mark.parametrize("method", ["cholesky", "qr", "svd"])
def test_the_method_can_be_chosen(method):
    X, y = np.random.default_rng(9).standard_normal((10, 20)), np.ones(10)
    found = solve(X, y, method=method)
    assert found.method == method
    np.testing.assert_allclose(found.coef, reference(X, y), atol=1e-13)


def test_a_chosen_method_that_cannot_do_it_says_so():
    with pytest.raises(ValueError, match=r'method="cholesky" cannot certify an answer for X of shape \(5, 3\)'):
        solve(np.ones((5, 3)), np.ones(5), method="cholesky")
    X = with_condition(20, 30, 16)
    with pytest.raises(ValueError, match=r'method="qr" cannot certify'):
        solve(X, np.ones(20), method="qr")


@pytest.mark.parametrize(("n", "p"), [(12, 30), (30, 12), (12, 12), (1, 4)])
@pytest.mark.parametrize("intercept", ["centred", "penalised"])
def test_intercepts(n, p, intercept):
    rng = np.random.default_rng(10)
    X, Y = rng.standard_normal((n, p)) + 2, rng.standard_normal((n, 2)) - 1
    found = solve(X, Y, intercept=intercept)
    if intercept == "penalised":
        whole = reference(np.column_stack([X, np.ones(n)]), Y)
        coef, constant = whole[:-1], whole[-1]
    else:
        coef = reference(X - X.mean(axis=0), Y - Y.mean(axis=0))
        constant = Y.mean(axis=0) - X.mean(axis=0) @ coef
    np.testing.assert_allclose(found.coef, coef, atol=1e-12)
    np.testing.assert_allclose(found.intercept, constant, atol=1e-12)
    np.testing.assert_allclose(found.residual_norm, np.linalg.norm(Y - found.predict(X), axis=0), atol=1e-12)
    assert isinstance(solve(X, Y[:, 0], intercept=intercept).intercept, float)
    assert found.method == "cholesky" or n == 1


def test_a_batch_is_its_items():
    rng = np.random.default_rng(11)
    X, Y = rng.standard_normal((3, 10, 25)), rng.standard_normal((3, 10, 2))
    X[1] = rng.standard_normal((10, 4)) @ rng.standard_normal((4, 25))
    found = solve(X, Y)
    assert found.coef.shape == (3, 25, 2)
    assert found.rank.tolist() == [10, 4, 10]
    assert found.method == "batch"
    for i in range(3):
        np.testing.assert_array_equal(found.coef[i], solve(X[i], Y[i]).coef)
    assert solve(X, Y[:, :, 0]).coef.shape == (3, 25)
    for intercept in ("centred", "penalised"):
        for targets in (Y, Y[:, :, 0]):
            found = solve(X, targets, intercept=intercept)
            for i in range(3):
                alone = solve(X[i], targets[i], intercept=intercept)
                np.testing.assert_allclose(found.coef[i], alone.coef, rtol=1e-12)
                np.testing.assert_allclose(found.intercept[i], alone.intercept, rtol=1e-12)
            for new in (rng.standard_normal((3, 4, 25)), X):
                expected = [solve(X[i], targets[i], intercept=intercept).predict(new[i]) for i in range(3)]
                np.testing.assert_allclose(found.predict(new), expected, rtol=1e-9)
    assert repr(found).startswith("<Solution: coef of shape (3, 25), rank 5 to 10, condition")
    for bad in (X[0], X[:2], X[:, :, :7]):
        with pytest.raises(ValueError, match=r"shape"):
            found.predict(bad)
    X[2, 4, 3] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at index \(2, 4, 3\)"):
        solve(X, Y)


def test_bitwise_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(12)
    for n, p, q, rank in (
        (300, 900, 3, 300),
        (900, 300, 1, 300),
        (260, 700, 90, 260),
        (5000, 30, 2, 30),
        (600, 400, 2, 90),
    ):
        X, Y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal((n, q))
        results = [solve(X, Y, n_threads=threads).coef.tobytes() for threads in (1, 2, 3, 8)]
        assert len(set(results)) == 1


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1), st.floats(0, 6))
def test_the_certificate_holds(n, p, q, seed, spread):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-spread, spread, p), rng.standard_normal((n, q))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        found = solve(X, Y)
    if not found.certified:
        return
    residual = Y - X @ found.coef
    size, b, r = np.linalg.norm(X), np.linalg.norm(found.coef, axis=0), np.linalg.norm(residual, axis=0)
    slope = np.linalg.norm(X.T @ residual, axis=0)
    whole = size * b + np.linalg.norm(Y, axis=0)
    error = np.minimum(slope / np.maximum(size * r, 1e-300), r / whole)
    # These products are themselves off by some eps of their largest terms.
    rounding = np.minimum(slope * 0 + 100 * EPS * whole / np.maximum(r, 1e-300), 100 * EPS)
    assert (error < 1e-14 + rounding).all()


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


# ---- Any rank, exactly ----


def exact_of_any_rank(X, y):
    """Rank and minimum-norm solution in rationals, through the reduced rows of X = C R: C its columns of pivots."""
    reduced, pivots = rationals(X) if X.size else [], []
    for j in range(X.shape[1]):
        at = next((i for i in range(len(pivots), len(reduced)) if reduced[i][j]), None)
        if at is None:
            continue
        k = len(pivots)
        reduced[k], reduced[at] = reduced[at], reduced[k]
        reduced[k] = [v / reduced[k][j] for v in reduced[k]]
        for i in range(len(reduced)):
            if i != k:
                reduced[i] = [a - reduced[i][j] * b for a, b in zip(reduced[i], reduced[k], strict=True)]
        pivots.append(j)
    if not pivots:
        return 0, [Fraction(0)] * X.shape[1]
    rows, columns, (targets,) = reduced[: len(pivots)], rationals(X.T[pivots]), rationals(y)
    inner = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return len(pivots), combination(rows, solve_gram(rows, inner))


def floats(fractions):
    return np.array([float(v) for v in fractions])


@st.composite
def whole_numbers(draw, least_rows=1):
    n, p = draw(st.integers(least_rows, 6)), draw(st.integers(1, 5))
    X = draw(hnp.arrays(np.int8, (n, p), elements=st.integers(-3, 3)))
    return X.astype(np.float64), draw(hnp.arrays(np.int8, n, elements=st.integers(-9, 9))).astype(np.float64)


@given(whole_numbers(), st.integers(-400, 400), st.integers(-400, 400))
def test_whole_numbers_of_any_rank_have_the_exact_solution(problem, x_exponent, y_exponent):
    X, y = problem
    rank, exact = exact_of_any_rank(X, y)
    # Powers of two change nothing but exponents.
    found = solve(np.ldexp(X, x_exponent), np.ldexp(y, y_exponent))
    coef, exact = np.ldexp(found.coef, x_exponent - y_exponent), floats(exact)
    assert (found.rank, found.certified) == (rank, True)
    assert np.linalg.norm(coef - exact) <= 4 * EPS * np.linalg.norm(exact)
    residual = np.linalg.norm(y - X @ exact)
    # The residual of the rounded coefficients is off by a rounding of every product.
    slack = 8 * EPS * (np.linalg.norm(y) + np.linalg.norm(X) * np.linalg.norm(exact))
    assert abs(np.ldexp(found.residual_norm, -y_exponent) - residual) <= slack


@given(whole_numbers(least_rows=2))
def test_whole_numbers_of_any_rank_are_left_out_exactly(problem):
    X, y = problem
    expected = []
    for i in range(len(X)):
        _, coef = exact_of_any_rank(np.delete(X, i, 0), np.delete(y, i))
        (row,), ((target,),) = rationals(X[i]), rationals(y[i])
        expected.append(target - sum(a * b for a, b in zip(row, coef, strict=True)))
    # One minus a leverage, 1e-6 or more where it divides, is off by some EPS, and so is what it divides.
    np.testing.assert_allclose(leave_one_out(X, y), floats(expected), rtol=1e-8, atol=1e-8)


@given(whole_numbers(), st.lists(st.integers(0, 6), max_size=3), st.integers(0, 2**32 - 1))
def test_whole_numbers_of_any_rank_in_blocks_of_any_weights(problem, cuts, seed):
    X, y = problem
    weights = np.random.default_rng(seed).integers(0, 4, len(X))
    total = ridgeless.Accumulator(X.shape[1])
    for begin, end in pairwise([0, *sorted(min(cut, len(X)) for cut in cuts), len(X)]):
        rows = slice(begin, end)
        total.update(X[rows], y[rows], sample_weight=weights[rows])
    if not weights.any():
        with pytest.raises(ValueError, match="no rows of positive weight"):
            total.solve()
        return
    rank, exact = exact_of_any_rank(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    found, sizes = total.solve(), np.linalg.svd(X * np.sqrt(weights)[:, None], compute_uv=False)
    condition = sizes[0] / sizes[rank - 1] if rank else 1.0
    assert found.rank == rank
    # Merging rows is backward stable: some EPS of the norm of all columns, those of X and y.
    size = np.linalg.norm(floats(exact)) + np.linalg.norm(y) / (sizes[rank - 1] if rank else 1.0)
    assert np.linalg.norm(found.coef - floats(exact)) <= 100 * EPS * condition**2 * size


@pytest.mark.parametrize(
    ("X", "Y", "error", "message"),
    [
        (np.ones(3), np.ones(3), ValueError, r"X must have 2 or 3 dimension\(s\), got shape \(3,\)"),
        (np.ones((3, 2)), np.ones(4), ValueError, r"same number of rows.*\(3, 2\).*\(4,\)"),
        (np.ones((0, 2)), np.ones(0), ValueError, r"at least one problem, row and column, got shape \(0, 2\)"),
        (np.ones((2, 0)), np.ones(2), ValueError, r"at least one problem, row and column, got shape \(2, 0\)"),
        (np.array([[1.0, np.nan], [1, 2]]), np.ones(2), ValueError, r"X holds nan at index \(0, 1\)"),
        (np.eye(2), np.array([1.0, np.inf]), ValueError, r"Y holds inf at index 1"),
        (np.eye(2) * 1j, np.ones(2), TypeError, r"X must hold real numbers"),
        (np.ones((2, 3, 2)), np.ones((3, 3)), ValueError, r"same number of problems"),
    ],
)
def test_bad_input(X, Y, error, message):
    with pytest.raises(error, match=message):
        solve(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rcond": -1.0}, "rcond must be at least 0 and below 1, or None; got -1.0"),
        ({"rcond": float("nan")}, "rcond must be"),
        ({"method": "lu"}, "method must be one of auto, cholesky, qr, svd; got 'lu'"),
        ({"intercept": "yes"}, 'intercept must be None, "centred" or "penalised"; got \'yes\''),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        solve(np.eye(3), np.ones(3), **options)


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


def test_the_kernel_checks_shapes():
    with pytest.raises(ValueError, match="same number of rows"):
        _kernels.solve_by_cholesky(np.ones((3, 2)), np.ones((4, 1)), 1e-15, 1)
    assert ridgeless.__all__ == sorted(ridgeless.__all__)


# ---- Shapes that go other ways ----


@pytest.mark.parametrize(
    ("n", "p", "q"), [(60, 100, 200), (100, 60, 200), (300, 350, 30), (350, 300, 30), (20, 900, 60)]
)
def test_float32_with_many_targets_is_as_good_as_float32_can_be(n, p, q):
    rng = np.random.default_rng([n, p, q])
    X, Y = rng.standard_normal((n, p)).astype(np.float32), rng.standard_normal((n, q)).astype(np.float32)
    found = solve(X, Y)
    assert (found.method, found.certified, found.coef.dtype) == ("cholesky", True, np.float32)
    exact = np.linalg.lstsq(X.astype(np.float64), Y.astype(np.float64), rcond=None)[0]
    # Of each target, the rounding of its coefficients to float32: half an eps of each.
    off = np.linalg.norm(found.coef - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert np.all(off < np.finfo(np.float32).eps)


@pytest.mark.parametrize(("n", "p"), [(60, 100), (100, 60), (300, 350)])
def test_float32_with_many_targets_needs_no_factor_in_float32(n, p):
    # Far beyond the condition, some 1e3, that a factor of the Gram matrix in float32 can be certified with.
    X = with_condition(n, p, 5).astype(np.float32)
    Y = np.random.default_rng(2).standard_normal((n, 200)).astype(np.float32)
    *_, verdict = _kernels.solve_by_cholesky(X, Y, 1e-9, 1)
    assert verdict == "certified"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("long", "short"), [(8191, 100), (8192, 100), (8193, 23), (16_500, 3), (8200, 193)])
def test_long_sides_that_are_cut_into_stretches(long, short, dtype):
    rng = np.random.default_rng([short, long])
    X, y = rng.standard_normal((long, short)).astype(dtype), rng.standard_normal(long).astype(dtype)
    for A, b in ((X, y), (np.ascontiguousarray(X.T), y[:short].copy())):
        found = solve(A, b, n_threads=1)
        assert (found.method, found.certified) == ("cholesky", True)
        # The normal equations in float64: off by some eps times the square of the condition, which is below 2 here, and
        # the square root of the length.
        wide, (A64, b64) = len(A) < long, (A.astype(np.float64), b.astype(np.float64))
        exact = A64.T @ np.linalg.solve(A64 @ A64.T, b64) if wide else np.linalg.solve(A64.T @ A64, A64.T @ b64)
        assert relative(found.coef, exact) < (np.finfo(np.float32).eps if dtype is np.float32 else 1e-13)
        assert solve(A, b, n_threads=2).coef.tobytes() == found.coef.tobytes()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_batches_give_the_same_bits_with_threads_left_over(count):
    # Problems large enough for threads of their own.
    rng = np.random.default_rng(count)
    X, Y = rng.standard_normal((count, 150, 700)), rng.standard_normal((count, 150, 2))
    expected = solve(X, Y, n_threads=1).coef
    for threads in (2, 3, 7):
        assert solve(X, Y, n_threads=threads).coef.tobytes() == expected.tobytes()
