"""Minimum-norm least squares, certified; beside some, Gram matrix and Cholesky by SciPy, which certify nothing."""

import numpy as np
import pytest
from comparisons.ridgeless import gram_and_cholesky
from threadpoolctl import threadpool_limits

from limbeck import ridgeless

SHAPES = [(20, 50, 1), (500, 2000, 1), (2000, 500, 1), (500, 1000, 50)]
# Tall with few features, wide with few rows, many targets.
EXTREMES = [*((100_000, p, 1) for p in (1, 3, 10, 100, 192)), (100, 20_000, 1), (200, 400, 200)]


def _problem(n, p, q, dtype="float64"):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, p), dtype), rng.standard_normal((n, q), dtype)


def _require_solution(coef, X, Y):
    """Matrices of Gaussian numbers of these shapes have conditions below 100, the extreme ones below 10."""
    X64, Y64 = X.astype(float), Y.astype(float)
    # LAPACK's solution takes a hundred times as long as ours for the extreme shapes.
    small = X.size < 1.5e6
    expected = np.linalg.lstsq(X64, Y64, rcond=None)[0] if small else gram_and_cholesky(X64, Y64)
    slack = 1e-12 if X.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(coef, expected, rtol=0, atol=slack * np.abs(expected).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "p", "q"), SHAPES + EXTREMES)
def test_solve(benchmark, n, p, q, dtype, n_threads):
    X, Y = _problem(n, p, q, dtype)
    found = benchmark(ridgeless.solve, X, Y, n_threads=n_threads)
    assert found.method == "cholesky"
    assert found.certified
    _require_solution(found.coef, X, Y)


@pytest.mark.parametrize(("n", "p", "q"), EXTREMES)
def test_solve_numpy(benchmark, n, p, q, n_threads):
    X, Y = _problem(n, p, q)
    with threadpool_limits(n_threads):
        coef = benchmark(gram_and_cholesky, X, Y)
    np.testing.assert_allclose(coef, ridgeless.solve(X, Y).coef, rtol=0, atol=1e-10 * np.abs(coef).max())


def test_solve_rank_deficient(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 100)) @ rng.standard_normal((100, 600)), rng.standard_normal(300)
    found = benchmark(ridgeless.solve, X, y, n_threads=n_threads)
    assert (found.rank, found.method) == (100, "qr")


def test_leave_one_out(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 600)), rng.standard_normal(200)
    left_out = benchmark(ridgeless.leave_one_out, X, y, n_threads=n_threads)
    np.testing.assert_allclose(left_out[0], y[0] - X[0] @ np.linalg.lstsq(X[1:], y[1:], rcond=None)[0], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("p", [3, 50, 192])
def test_accumulator(benchmark, p, dtype, n_threads):
    X, Y = _problem(100_000, p, 1, dtype)

    def accumulate():
        total = ridgeless.Accumulator(p)
        total.update(X, Y[:, 0], n_threads=n_threads)
        return total

    _require_solution(benchmark(accumulate).solve().coef, X, Y[:, 0])


def test_batch(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((200, 20, 50)), rng.standard_normal((200, 20))
    found = benchmark(ridgeless.solve, X, Y, n_threads=n_threads)
    assert found.certified.all()
