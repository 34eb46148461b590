"""Weighted Gram matrices are cut into enough tasks for many threads, by counts alone."""

import numpy as np
import pytest

from limbeck import _kernels, moments


def regions(n, d, J, dtype=np.float64):
    X, W = np.ones((n, d), dtype), np.ones((n, J), dtype)
    _kernels.begin_trace()
    try:
        moments.weighted_grams(X, W, n_threads=64, check_finite=False)
    finally:
        tasks = _kernels.end_trace()
    return [len(seconds) for seconds in tasks]


# Each is some 3e8 products. Lanes of few rows would cost more than they save.
@pytest.mark.parametrize(("n", "d", "J", "least"), [(600_000, 10, 8, 128), (60_000, 50, 4, 16), (20_000, 128, 2, 16)])
def test_rows_are_dealt_to_many_lanes(n, d, J, least):
    assert least <= regions(n, d, J)[0] <= 256


@pytest.mark.parametrize(("n", "d", "J"), [(1000, 512, 4), (500, 1000, 2)])
def test_few_rows_of_many_columns_are_cut_into_groups_of_strips(n, d, J):
    assert regions(n, d, J)[0] >= 2


def test_small_matrices_are_one_task():
    assert regions(1000, 20, 2) == []  # on the calling thread, which is not traced


def test_lanes_are_added_in_several_tasks():
    first, second = regions(100_000, 128, 8)
    assert first >= 64
    assert second >= 64
