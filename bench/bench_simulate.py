"""Monte Carlo trials of distillation."""

import pytest

from limbeck.distillation import Task, risk, simulate


@pytest.mark.parametrize(("n", "p", "trials"), [(20, 50, 2000), (200, 500, 100), (800, 500, 100), (1000, 2000, 2)])
def test_simulate(benchmark, n, p, trials, n_threads):
    task = Task.power_law(p, 2.0, 1.5, noise=0.1)
    found = benchmark(simulate, task, n, trials=trials, n_threads=n_threads)
    assert abs(found.mean - risk(task, n)) < 5 * found.standard_error
