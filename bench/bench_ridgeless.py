"""Minimum-norm least squares, certified."""

import numpy as np
import pytest

from limbeck import ridgeless


@pytest.mark.parametrize(("n", "p", "q"), [(20, 50, 1), (500, 2000, 1), (2000, 500, 1), (500, 1000, 50)])
def test_solve(benchmark, n, p, q, n_threads):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    found = benchmark(ridgeless.solve, X, Y, n_threads=n_threads)
    assert found.method == "cholesky"
    assert found.certified
    expected = np.linalg.lstsq(X, Y, rcond=None)[0]
    np.testing.assert_allclose(found.coef, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_solve_rank_deficient(benchmark):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 100)) @ rng.standard_normal((100, 600)), rng.standard_normal(300)
    found = benchmark(ridgeless.solve, X, y)
    assert (found.rank, found.method) == (100, "qr")


def test_leave_one_out(benchmark):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 600)), rng.standard_normal(200)
    left_out = benchmark(ridgeless.leave_one_out, X, y)
    np.testing.assert_allclose(left_out[0], y[0] - X[0] @ np.linalg.lstsq(X[1:], y[1:], rcond=None)[0], rtol=1e-9)


def test_accumulator(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100_000, 50)), rng.standard_normal(100_000)

    def accumulate():
        total = ridgeless.Accumulator(50)
        total.update(X, y, n_threads=n_threads)
        return total

    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(benchmark(accumulate).solve().coef, expected, rtol=0, atol=1e-12)


def test_batch(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((200, 20, 50)), rng.standard_normal((200, 20))
    found = benchmark(ridgeless.solve, X, Y, n_threads=n_threads)
    assert found.certified.all()
