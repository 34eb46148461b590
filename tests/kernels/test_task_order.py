"""The tasks of a region may run in any order: results are bitwise those of the usual one.

Threads take tasks in turn, but which one begins or ends first is up to the system. A kernel that lets "the first task"
decide anything, or adds up in the order of ends, gives its usual result in nearly every run. Here the tasks of every
region run in orders drawn at random, one after the other on one thread, so that such a fault shows every time.
"""

import numpy as np
import pytest

from limbeck import _kernels, moments, ridgeless
from limbeck.distillation import Task, simulate

THREADS = 8  # any number above one: all tasks run on the calling thread


def _data(n, d, q=1):
    rng = np.random.default_rng([n, d, q])
    return rng.standard_normal((n, d)), rng.standard_normal((n, q)), rng.standard_normal((3, d))


def _contract(n, d, order):
    X, Y, G = _data(n, d, 2)
    return lambda: moments.contract(X, Y, G, order, n_threads=THREADS)


def _contract_to(name, n, d, *more):
    X, Y, G = _data(n, d)
    return lambda: getattr(moments, name)(X, Y, G, *more, n_threads=THREADS)


def _grams(n, d):
    X, _, _ = _data(n, d)
    W = np.random.default_rng(d).standard_normal((n, 4))
    return lambda: moments.weighted_grams(X, W, n_threads=THREADS)


def _tensor():
    X, Y, _ = _data(20_000, 6)
    return lambda: moments.moment_tensor(X, Y, 4, n_threads=THREADS)


def _moments(n, d):
    X, Y, G = _data(n, d)

    def update():
        total = moments.MomentAccumulator(G, [2, 4])
        for part in (slice(0, n // 3), slice(n // 3, n)):
            total.update(X[part], Y[part, 0], n_threads=THREADS)
        return np.stack([total.matrices(4), total.standard_errors(4)])

    return update


def _solve(n, p, q, rank=None):
    X, Y, _ = _data(n, p, q)
    if rank is not None:
        X = X[:, :rank] @ X[:rank]

    def solve():
        found = ridgeless.solve(X, Y, n_threads=THREADS)
        return np.concatenate([found.coef.ravel(), np.ravel(found.residual_norm), [found.condition]])

    return solve


def _merge(n, p):
    X, Y, _ = _data(n, p)

    def merge():
        R = _kernels.merge_rows(np.zeros((p + 2, p + 2)), X[: n // 2], Y[: n // 2], None, 1.0, 1.0, THREADS)
        return _kernels.merge_rows(R, X[n // 2 :], Y[n // 2 :], None, 1.0, 1.0, THREADS)

    return merge


def _fit(n, d, k):
    X, Y, _ = _data(n, d)
    rng = np.random.default_rng(k)
    signs, start = np.resize([1.0, -1.0], k), rng.standard_normal((k + 1, d + 1))
    return X, Y[:, 0].copy(), None, signs, start


def _normal_matrix(n, d, k):
    return lambda: _kernels.normal_matrix(*_fit(n, d, k), THREADS)


def _gradient(n, d, k):
    return lambda: np.append(*reversed(_kernels.error_and_gradient(*_fit(n, d, k), THREADS)[:2]))


def _trials():
    task = Task.power_law(60, 1.5, 1.5, 0.1)
    return lambda: simulate(task, 40, trials=50, seed=0, n_threads=THREADS).risks


CALLS = {
    "contract narrow": lambda: _contract(60_000, 20, 4),
    "contract wide": lambda: _contract(1500, 150, 3),
    "contract at order 2": lambda: _contract(40_000, 30, 2),
    "contract_to_vector": lambda: _contract_to("contract_to_vector", 20_000, 30, 4),
    "contract_to_scalar": lambda: _contract_to("contract_to_scalar", 20_000, 30, [1, 2, 4]),
    "contract_apply": lambda: _contract_to("contract_apply", 5000, 40, 4, np.eye(40, 3)),
    "weighted_grams narrow": lambda: _grams(20_000, 12),
    "weighted_grams wide": lambda: _grams(15_000, 200),
    "moment_tensor": _tensor,
    "MomentAccumulator": lambda: _moments(6000, 40),
    "solve tall": lambda: _solve(20_000, 40, 1),
    "solve wide": lambda: _solve(300, 1200, 1),
    "solve of many targets": lambda: _solve(400, 600, 60),
    "solve of low rank": lambda: _solve(300, 500, 2, rank=120),
    "merge_rows of few columns": lambda: _merge(8000, 40),
    "merge_rows of many columns": lambda: _merge(2400, 400),
    "normal_matrix by patterns": lambda: _normal_matrix(20_000, 30, 4),
    "normal_matrix by the Jacobian": lambda: _normal_matrix(60, 60, 6),
    "error_and_gradient": lambda: _gradient(20_000, 30, 4),
    "simulate": _trials,
}


@pytest.mark.parametrize("name", CALLS)
def test_results_do_not_depend_on_the_order_of_tasks(name):
    call = CALLS[name]()
    expected, regions = call(), []
    for seed in (1, 2, 3):
        _kernels.begin_trace(seed)
        try:
            found = call()
        finally:
            regions, _ = _kernels.end_trace()
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
    assert any(len(seconds) > 2 for _, seconds, _ in regions)  # there was something to permute
