"""Number of tasks of the regions of least squares: sizes alone decide, so counts stand for a machine of any size."""

import numpy as np
import pytest

from limbeck import _kernels

_RCOND = 1e-13
_MANY = 48  # of 64 threads


def _problem(n: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + p)
    return rng.standard_normal((n, p)), rng.standard_normal((n, 1))


def test_a_tall_problem_is_a_few_regions_of_many_tasks(tasks_of):
    X, Y = _problem(300_000, 40)
    regions = tasks_of(lambda: _kernels.solve_by_cholesky(X, Y, _RCOND, 64))
    # Inner products of columns, their sums, and three passes of refinement with the sums of each.
    assert len(regions) <= 8
    assert sum(tasks >= _MANY for tasks in regions) >= 4
    assert regions[0] == 64  # stretches of at least 4096 rows, a multiple of 64 of them


@pytest.mark.parametrize(("n", "p"), [(2500, 500), (500, 2500), (1200, 800), (5000, 1000)])
def test_inner_products_of_hundreds_of_vectors_are_cut_into_many_pieces(tasks_of, n: int, p: int):
    X, Y = _problem(n, p)
    regions = tasks_of(lambda: _kernels.solve_by_cholesky(X, Y, _RCOND, 64))
    # Pieces of equal area, no more than one for each of 64 threads, or twice as many.
    assert regions.count(64) + regions.count(63) + regions.count(128) + regions.count(127) >= 1


def test_cholesky_and_each_solve_are_one_region(tasks_of):
    X, Y = _problem(1300, 1000)
    regions = tasks_of(lambda: _kernels.solve_by_cholesky(X, Y, _RCOND, 64))
    # Eleven tiles of 96 columns: each is factored, its parts below the diagonal are solved for in three, and updates.
    assert 11 + 3 * 55 + 11 * 10 * 12 // 6 in regions
    # Eight blocks of unknowns in halves, forth and back: three times for the estimates, and for a solution that is
    # corrected twice or more.
    assert regions.count(2 * 2 * 8 * 9 // 2) >= 6
    # Packing and products of two chunks of rows; zeros, diagonal, scales; estimates of the norm; passes over the rows.
    assert len(regions) <= 2 * 2 + 4 + 2 * 3 + 3 + 1 + 4 * 13


def test_tasks_that_wait_are_listed_behind_those_that_they_wait_for():
    X, Y = _problem(1300, 1000)
    _kernels.begin_trace()
    try:
        _kernels.solve_by_cholesky(X, Y, _RCOND, 64)
    finally:
        regions, _ = _kernels.end_trace()
    chains = [awaited for _, seconds, awaited in regions if awaited and len(awaited) == len(seconds)]
    assert len(chains) >= 7
    for awaited in chains:
        assert awaited[0] == []
        assert all(other < task for task, others in enumerate(awaited) for other in others)
        assert sum(map(len, awaited)) >= len(awaited) - 2  # halves of the first block wait for nothing


@pytest.mark.parametrize(("n", "p", "lanes"), [(20_000, 200, 64), (49_152, 60, 64), (200, 20, 0)])
def test_rows_are_merged_in_lanes_for_64_threads(tasks_of, n: int, p: int, lanes: int):
    X, Y = _problem(n, p)
    R = _kernels.merge_rows(np.zeros((p + 2, p + 2)), X[:4000], Y[:4000], None, 1.0, 1.0, 1)
    regions = tasks_of(lambda: _kernels.merge_rows(R, X, Y, None, 1.0, 1.0, 64))
    assert regions[:1] == [lanes] * (lanes > 0)  # little work has none


def test_rows_of_many_columns_are_merged_in_many_tasks(tasks_of):
    X, Y = _problem(3072, 500)
    R = _kernels.merge_rows(np.zeros((502, 502)), X, Y, None, 1.0, 1.0, 1)
    regions = tasks_of(lambda: _kernels.merge_rows(R, X, Y, None, 1.0, 1.0, 64))
    # Rows times the inverse of the factor, packed, and their inner products: a piece for each of 64 threads.
    assert regions.count(64) >= 3


def test_first_rows_are_merged_in_many_tasks(tasks_of):
    X, Y = _problem(4000, 300)
    assert max(tasks_of(lambda: _kernels.merge_rows(np.zeros((302, 302)), X, Y, None, 1.0, 1.0, 64))) >= _MANY


@pytest.mark.parametrize(("n", "p"), [(200_000, 20), (2000, 1000), (300, 3000)])
def test_the_number_of_threads_changes_no_task(tasks_of, n: int, p: int):
    X, Y = _problem(n, p)
    counts = [tasks_of(lambda k=k: _kernels.solve_by_cholesky(X, Y, _RCOND, k)) for k in (2, 64)]
    assert counts[0] == counts[1]
