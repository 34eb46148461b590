"""Answers and their certificates: against exact arithmetic, LAPACK, certified values and the definition."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import _kernels, ridgeless
from limbeck.ridgeless import NotCertifiedWarning, solve

EPS = np.finfo(np.float64).eps
SHAPES = [(1, 1), (1, 7), (7, 1), (5, 8), (8, 5), (40, 40), (60, 150), (150, 60), (70, 500), (700, 210)]
STRD = json.loads((Path(__file__).parents[1] / "data" / "nist_strd.json").read_text())["sets"]


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("q", [None, 1, 3, 70])
def test_the_solution_is_that_of_lapack(reference, relative, n, p, q):
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
def test_no_condition_makes_it_worse_than_ten_times_lapack(
    exact_least_squares, with_condition, reference, relative, n, p, exponent
):
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
def test_of_exact_deficient_rank_it_is_right_to_the_last_digits(
    exact_of_product, reference, relative, n, p, rank, digits
):
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
def test_large_grams_in_single_precision_are_refined(relative, n, p):
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-3, 3, p), rng.standard_normal((n, 2))
    found = solve(X, Y)
    assert (found.method, found.certified) == ("cholesky", True)
    # The normal equations of rows or columns, refined in extended precision.
    V = (X if n < p else X.T).astype(np.longdouble)
    right, solution = Y if n < p else V @ Y, np.zeros((300, 2), np.longdouble)
    gram = X @ X.T if n < p else X.T @ X
    for _ in range(6):
        solution += np.linalg.solve(gram, (right - V @ (V.T @ solution)).astype(np.float64))
    expected = V.T @ solution if n < p else solution
    assert relative(found.coef, expected.astype(np.float64)) < 4 * EPS


@pytest.mark.parametrize("exponent", [0, 3, 6])
def test_many_targets_of_small_residuals_are_certified(with_condition, reference, relative, exponent):
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
def test_certified_values_of_nist(exact_least_squares, name):
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
def test_rank_deficient_input_gets_the_answer_and_rank_of_lapack(reference, n, p):
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
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = make(rng).astype(dtype)
        y = X @ np.ones(X.shape[1], dtype) if seed % 2 else rng.standard_normal(len(X)).astype(dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCertifiedWarning)
            found = solve(X, y)
        cutoff = float(np.finfo(dtype).eps) * (max(X.shape) if dtype == np.float64 else min(X.shape))
        rank = np.linalg.matrix_rank(X.astype(np.float64), tol=cutoff * np.linalg.norm(X.astype(np.float64), 2))
        assert rank < min(X.shape)
        assert found.rank == rank
        expected = np.linalg.lstsq(X.astype(np.float64), y, rcond=cutoff)[0]
        np.testing.assert_allclose(found.coef, expected, rtol=1e-3, atol=1e3 * np.finfo(dtype).eps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        assert solve(make(np.random.default_rng(0)), y.astype(np.float64), rcond=0.0).method == "svd"


def test_float32_that_is_too_ill_conditioned_for_it_is_factored_in_float64(with_condition, reference, relative):
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


@pytest.mark.parametrize("spread", [1e-8, 1e-10, 1e-12])
def test_targets_that_fit_are_refined_too(exact_least_squares, relative, spread):
    # With a condition of 1e12 the factor of the normal equations is off by about as much as it is large, and whether
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


def test_columns_of_different_scales_are_no_trouble(exact_least_squares):
    X = np.random.default_rng(6).standard_normal((40, 4)) * [1.0, 1e-4, 1e5, 1e-6]
    y = np.random.default_rng(7).standard_normal(40)
    found = solve(X, y)
    assert found.method == "cholesky"
    np.testing.assert_allclose(found.coef, exact_least_squares(X, y), rtol=4 * EPS)


@pytest.mark.parametrize("method", ["cholesky", "qr", "svd"])
def test_the_method_can_be_chosen(reference, method):
    X, y = np.random.default_rng(9).standard_normal((10, 20)), np.ones(10)
    found = solve(X, y, method=method)
    assert found.method == method
    np.testing.assert_allclose(found.coef, reference(X, y), atol=1e-13)


def test_a_chosen_method_that_cannot_do_it_says_so(with_condition):
    with pytest.raises(ValueError, match=r'method="cholesky" cannot certify an answer for X of shape \(5, 3\)'):
        solve(np.ones((5, 3)), np.ones(5), method="cholesky")
    X = with_condition(20, 30, 16)
    with pytest.raises(ValueError, match=r'method="qr" cannot certify'):
        solve(X, np.ones(20), method="qr")


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


@given(data=st.data(), x_exponent=st.integers(-400, 400), y_exponent=st.integers(-400, 400))
def test_whole_numbers_of_any_rank_have_the_exact_solution(
    whole_numbers, exact_of_any_rank, floats, data, x_exponent, y_exponent
):
    X, y = data.draw(whole_numbers())
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


def test_the_kernel_checks_shapes():
    with pytest.raises(ValueError, match="same number of rows"):
        _kernels.solve_by_cholesky(np.ones((3, 2)), np.ones((4, 1)), 1e-15, 1)
    assert ridgeless.__all__ == sorted(ridgeless.__all__)


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
def test_float32_with_many_targets_needs_no_factor_in_float32(with_condition, n, p):
    # Far beyond the condition, some 1e3, that a factor of the Gram matrix in float32 can be certified with.
    X = with_condition(n, p, 5).astype(np.float32)
    Y = np.random.default_rng(2).standard_normal((n, 200)).astype(np.float32)
    *_, verdict = _kernels.solve_by_cholesky(X, Y, 1e-9, 1)
    assert verdict == "certified"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("long", "short"), [(8191, 100), (8192, 100), (8193, 23), (16_500, 3), (8200, 193)])
def test_long_sides_that_are_cut_into_stretches(relative, long, short, dtype):
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
