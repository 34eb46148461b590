"""The trace of a call's tasks, and the schedules of the kernels whose tasks are whole rows or whole trials.

Counts alone are asserted: sizes decide them, on any machine, under any load.
"""

import math
import time

import numpy as np
import pytest

from limbeck import ReLUNetwork, _kernels
from limbeck.distillation import Task, simulate

# Enough that a machine of 64 threads is busy: two tasks for each.
MANY = 128


# ---- The trace itself ----

BLOCK = 65_536  # numbers for each task of the search for NaN; of 16 tasks and more it uses threads


def test_regions_are_listed_in_order_with_a_time_for_each_task(traced):
    def search():
        assert _kernels.first_non_finite(np.zeros(31 * BLOCK - 5), 8) == -1
        assert _kernels.first_non_finite(np.zeros(20 * BLOCK), 8) == -1

    begin = time.perf_counter()
    regions = traced(search)
    elapsed = time.perf_counter() - begin
    assert [len(seconds) for seconds in regions] == [31, 20]
    assert all(second >= 0 for seconds in regions for second in seconds)
    # One after the other on one thread, in seconds: together they are a part of the call.
    assert 0 < sum(map(sum, regions)) <= elapsed


def test_calls_that_stay_on_one_thread_have_no_regions(traced):
    values = np.zeros(31 * BLOCK)
    assert traced(lambda: None) == []
    assert traced(lambda: _kernels.first_non_finite(values, 1)) == []
    assert traced(lambda: _kernels.first_non_finite(values[:1000], 8)) == []  # too little work for a second thread


def test_calls_outside_of_a_trace_leave_nothing(traced, tasks_of):
    values = np.zeros(31 * BLOCK)
    assert _kernels.end_trace() == ([], 0.0)
    _kernels.first_non_finite(values, 2)
    assert traced(lambda: None) == []
    assert tasks_of(lambda: _kernels.first_non_finite(values, 2)) == [31]
    assert _kernels.end_trace() == ([], 0.0)


def test_a_trace_begins_anew_and_ends_with_an_error(traced, tasks_of):
    values = np.zeros(31 * BLOCK)
    _kernels.begin_trace()
    _kernels.first_non_finite(values, 2)
    assert tasks_of(lambda: _kernels.first_non_finite(values[: 20 * BLOCK], 2)) == [20]

    def fail():
        _kernels.first_non_finite(values, 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        traced(fail)
    _kernels.first_non_finite(values, 2)
    assert _kernels.end_trace() == ([], 0.0)


# ---- Networks on rows ----


def network(d, k, dtype):
    rng = np.random.default_rng([d, k])
    return ReLUNetwork(rng.standard_normal((k, d)).astype(dtype), rng.standard_normal(k).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d", "k"), [(800_000, 10, 4), (400_000, 50, 4), (40_000, 1000, 2)])
def test_rows_of_a_network_are_many_tasks_of_fixed_size(tasks_of, n, d, k, dtype):
    X, net = np.zeros((n, d), dtype), network(d, k, dtype)

    def tasks(rows, threads):
        (region,) = tasks_of(lambda: net(X[:rows], n_threads=threads))
        return region

    found = tasks(n, 64)
    assert found >= MANY
    assert tasks(n, 2) == tasks(n, 128) == found
    # Tasks of one size, but for the last: half of the rows are half of the tasks.
    assert tasks(n // 2, 64) == math.ceil(found / 2)


def test_values_of_a_network_do_not_depend_on_a_trace(traced):
    X, net, found = np.random.default_rng(1).standard_normal((30_000, 20)), network(20, 3, np.float64), []
    assert traced(lambda: found.append(net(X, n_threads=64)))
    np.testing.assert_array_equal(found[0], net(X, n_threads=1))


# ---- Trials ----


@pytest.mark.parametrize("threads", [2, 8, 64, 128])
def test_small_trials_are_shared_by_all_threads(tasks_of, threads):
    task, found = Task.power_law(30, 1.5, 1.5, 0.1), []
    tasks = tasks_of(lambda: found.append(simulate(task, 20, trials=600, seed=0, n_threads=threads)))
    # Trials of unlike length: four tasks for each thread even them out, as far as there are trials.
    assert max(tasks) >= min(600, 4 * threads)
    np.testing.assert_array_equal(found[0].risks, simulate(task, 20, trials=600, seed=0, n_threads=1).risks)


def test_a_single_large_trial_uses_threads_inside(tasks_of):
    task = Task.power_law(1000, 1.5, 1.5, 0.1)
    assert max(tasks_of(lambda: simulate(task, 600, trials=1, seed=0, n_threads=64))) > 1
