"""Levenberg-Marquardt steps for sums of ReLUs, the normal matrix that they stand on, products with it, gradients."""

import numpy as np
import pytest
from least_squares import Problem

from limbeck import _kernels

N, STEPS = 10_000, 3


@pytest.mark.parametrize(("d", "k"), [(50, 4), (50, 8), (100, 6), (500, 4)])
def test_refine_steps(benchmark, d, k, n_threads):
    problem = Problem.planted(N, d, k)
    before = problem.mean_squared_error(problem.start)
    parameters, _, mse, steps, _ = benchmark(
        _kernels.refine,
        problem.X,
        problem.y,
        None,
        problem.signs,
        problem.start,
        True,
        np.zeros(len(problem.start)),
        STEPS,
        0.0,
        np.inf,
        n_threads,
    )
    assert steps == STEPS
    assert mse < before
    assert mse == pytest.approx(problem.mean_squared_error(parameters), rel=1e-9)


@pytest.mark.parametrize(("d", "k"), [(1, 4), (3, 4), (10, 8), (50, 8), (100, 16)])
def test_normal_matrix(benchmark, d, k, n_threads):
    problem = Problem.planted(N, d, k)
    result = benchmark(_kernels.normal_matrix, problem.X, problem.y, None, problem.signs, problem.start, n_threads)
    J = problem.jacobian(problem.start.ravel())
    np.testing.assert_allclose(result, J.T @ J / N, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "d", "k"), [(200_000, 3, 4), (10 * N, 50, 8), (N, 500, 4)])
def test_error_and_gradient(benchmark, n, d, k, n_threads):
    problem = Problem.planted(n, d, k)
    error, gradient = benchmark(
        _kernels.error_and_gradient, problem.X, problem.y, None, problem.signs, problem.start, n_threads
    )
    residuals = problem.residuals(problem.start.ravel())
    assert error == pytest.approx(residuals @ residuals, rel=1e-12)
    expected = problem.gradient(problem.start.ravel())
    np.testing.assert_allclose(gradient.ravel(), expected, rtol=0, atol=1e-12 * n)


@pytest.mark.parametrize(("d", "k"), [(50, 8), (500, 4)])
def test_normal_product(benchmark, d, k, n_threads):
    problem = Problem.planted(N, d, k)
    vector = np.random.default_rng(0).standard_normal(problem.start.shape)
    result = benchmark(
        _kernels.normal_product, problem.X, problem.y, None, problem.signs, problem.start, vector, n_threads
    )
    J = problem.jacobian(problem.start.ravel())
    np.testing.assert_allclose(result.ravel(), J.T @ (J @ vector.ravel()) / N, rtol=0, atol=1e-11)
