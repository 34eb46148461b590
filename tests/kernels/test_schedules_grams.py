"""Weighted Gram matrices are cut into enough tasks for many threads, by counts alone."""

import numpy as np
import pytest

from limbeck import moments


def grams(n, d, J):
    X, W = np.ones((n, d)), np.ones((n, J))
    return lambda: moments.weighted_grams(X, W, n_threads=64, check_finite=False)


# Each is some 3e8 products. Lanes of few rows would cost more than they save.
@pytest.mark.parametrize(("n", "d", "J", "least"), [(600_000, 10, 8, 128), (60_000, 50, 4, 16), (20_000, 128, 2, 16)])
def test_rows_are_dealt_to_many_lanes(tasks_of, n, d, J, least):
    assert least <= tasks_of(grams(n, d, J))[0] <= 256


@pytest.mark.parametrize(("n", "d", "J"), [(1000, 512, 4), (500, 1000, 2)])
def test_few_rows_of_many_columns_are_cut_into_groups_of_strips(tasks_of, n, d, J):
    assert tasks_of(grams(n, d, J))[0] >= 2


def test_small_matrices_are_one_task(tasks_of):
    assert tasks_of(grams(1000, 20, 2)) == []  # on the calling thread, which is not traced


def test_lanes_are_added_in_several_tasks(tasks_of):
    first, second = tasks_of(grams(100_000, 128, 8))
    assert first >= 64
    assert second >= 64
