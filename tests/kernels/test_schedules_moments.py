"""Into how many tasks the contractions and the tensors of moments are cut: sizes decide, on any machine."""

import numpy as np
import pytest

from limbeck import moments

# Two tasks for each of 64 threads.
MANY = 128


def data(n, d, m):
    rng = np.random.default_rng([n, d, m])
    return rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((m, d))


def test_contract_to_vector_has_lanes_for_many_threads(tasks_of):
    X, y, G = data(100_000, 50, 4)
    assert tasks_of(lambda: moments.contract_to_vector(X, y, G, 4, n_threads=64, check_finite=False))[0] >= MANY
    assert tasks_of(lambda: moments.contract_to_scalar(X, y, G, [2, 4], n_threads=64, check_finite=False))[0] >= MANY


@pytest.mark.parametrize("n_threads", [2, 64])
def test_large_products_have_slices_of_features(tasks_of, n_threads):
    # 8 pairs of 32 columns: eight lanes of 2 MiB of sums are all that is kept.
    X, y, G = data(2000, 1000, 8)
    B = np.ones((1000, 32))
    assert max(tasks_of(lambda: moments.contract_apply(X, y, G, 4, B, n_threads=n_threads))) >= MANY


@pytest.mark.parametrize(("n", "d", "order"), [(150_000, 8, 4), (20_000, 20, 4), (150_000, 40, 2)])
def test_tensors_have_tasks_of_nearly_equal_work(tasks_of, n, d, order):
    X, y, _ = data(n, d, 1)
    tasks = tasks_of(lambda: moments.moment_tensor(X, y, order, n_threads=64, check_finite=False))[0]
    assert tasks >= MANY


def test_batches_of_an_update_are_tasks_also_when_there_are_many(tasks_of):
    X, y, G = data(15_000, 50, 4)
    accumulator = moments.MomentAccumulator(G, [4])
    for _ in range(6):
        # Of more than 256 batches too: 15,000 rows are 64 batches of 234.
        assert 64 in tasks_of(lambda: accumulator.update(X, y, n_threads=64))


@pytest.mark.parametrize(("n", "d"), [(30_000, 30), (8000, 100)])
def test_batches_of_an_accumulator_are_contracted_together(tasks_of, n, d):
    X, y, G = data(n, d, 4)
    tasks = tasks_of(lambda: moments.MomentAccumulator(G, [4]).update(X, y, n_threads=64))
    # Plans, 64 batches of one task each, what completes them, and their sums; one look at the result.
    assert len(tasks) <= 6
    assert tasks.count(64) >= 2
