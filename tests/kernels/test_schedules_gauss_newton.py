"""Regions of the least-squares kernels have tasks for a large machine, and no task has an outsized part of the rows."""

from functools import partial

import numpy as np
import pytest

from limbeck import _kernels

SIZES = [(50, 4), (256, 8)]
WANTED = 128  # tasks: two for each of 64 threads


def problem(n, d, k):
    """Rows, labels, signs and parameters without any need of being random."""
    X = np.resize(np.random.default_rng(0).standard_normal(10_007), (n, d))  # repeats itself out of step with rows
    return X, X[:, 0].copy(), np.resize([1.0, -1.0], k), np.resize(X[:7, :3], (k + 1, d + 1))


def rows_of_megabytes(megabytes, d):
    return megabytes * 2**20 // (8 * d)


@pytest.mark.parametrize(("d", "k"), SIZES)
def test_passes_over_the_rows_have_many_lanes(tasks_of, d, k):
    # 16 blocks of 64 KiB each for 128 lanes.
    X, y, signs, parameters = problem(rows_of_megabytes(140, d), d, k)
    tasks = tasks_of(lambda: _kernels.error_and_gradient(X, y, None, signs, parameters, 64))
    assert tasks[0] >= WANTED
    assert len(tasks) <= 2  # the pass, and the sums of lanes
    tasks = tasks_of(lambda: _kernels.normal_product(X, y, None, signs, parameters, parameters, 64))
    assert len(tasks) <= 4  # twice that, for the point and for the product
    assert sum(count >= WANTED for count in tasks) == 2
    tasks = tasks_of(
        lambda: _kernels.network_forward(parameters[:k, :d].copy(), signs, signs, y[:d].copy(), 0.5, X, 64)
    )
    assert len(tasks) == 1
    assert tasks[0] >= WANTED


@pytest.mark.parametrize(("d", "k", "rows", "passes"), [(50, 4, 180_000, 1), (50, 8, 180_000, 1), (256, 8, 9_000, 3)])
def test_the_normal_matrix_has_many_tasks_in_few_regions(tasks_of, d, k, rows, passes):
    X, y, signs, parameters = problem(rows, d, k)
    tasks = tasks_of(lambda: _kernels.normal_matrix(X, y, None, signs, parameters, 64))
    # Memory of the result; then by pass: memory of the sums, rows by pattern, products, sums of ranges and of patterns,
    # blocks of the result.
    assert len(tasks) <= 1 + 6 * passes
    assert sum(count >= WANTED for count in tasks) >= passes


@pytest.mark.parametrize("pattern", ["even", "two", "one"])
def test_ranges_of_rows_do_not_depend_on_the_sizes_of_patterns(tasks_of, pattern):
    X, y, signs, parameters = problem(60_000, 50, 4)
    if pattern != "even":
        parameters[:-1, :-1] = parameters[0, :-1]  # gates open together
        parameters[:-1, -1] = 0.0 if pattern == "two" else 1e3
    even = problem(60_000, 50, 4)[3]
    tasks = [tasks_of(partial(_kernels.normal_matrix, X, y, None, signs, at, 64)) for at in (even, parameters)]
    assert tasks[0] == tasks[1]


@pytest.mark.parametrize(("n", "d", "k"), [(20_000, 16, 5), (3_000, 64, 3), (30_000, 3, 11), (20_000, 50, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_normal_matrix_is_bitwise_the_same_for_any_number_of_threads(n, d, k, weighted):
    rng = np.random.default_rng([n, k])
    X, y, signs = rng.standard_normal((n, d)), rng.standard_normal(n), rng.choice([-1.0, 1.0], k)
    parameters = rng.standard_normal((k + 1, d + 1))
    weights = rng.uniform(0.5, 2.0, n) if weighted else None
    results = [_kernels.normal_matrix(X, y, weights, signs, parameters, threads) for threads in (1, 2, 3)]
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
    ones = np.column_stack([X, np.ones(n)])
    slopes = np.column_stack([np.where(ones @ parameters[:k].T > 0, signs, 0.0), np.ones(n)])
    jacobian = (slopes[:, :, None] * ones[:, None, :]).reshape(n, -1)
    v = np.ones(n) if weights is None else weights
    expected = (jacobian.T * v) @ jacobian / v.sum()
    # Means of n products of numbers of order one, in two orders; no activation is within rounding of zero.
    np.testing.assert_allclose(results[0], expected, rtol=0, atol=1e-13 * n**0.5)
