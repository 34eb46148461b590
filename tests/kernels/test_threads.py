"""Threads and forks: whoever computes, with however many threads and whatever beside it, gets the same bits."""

import multiprocessing
import os
import sys
import threading
import warnings
from itertools import pairwise

import numpy as np
import pytest

from limbeck import ReLUNetwork, _kernels, moments, ridgeless
from limbeck._tables.files import open_table
from limbeck.distillation import Task, simulate


def calls(seed, least=(2, 1), most=(20_000, 80)):
    """Every public function that takes a number of threads, on arrays of random shapes; most share one."""
    rng = np.random.default_rng(seed)
    n, p = (int(np.exp(rng.uniform(np.log(low), np.log(high)))) for low, high in zip(least, most, strict=True))
    q, m, k = rng.integers(1, 4, 3)
    dtype = rng.choice([np.float64, np.float32])
    X, Y, G = (rng.standard_normal(shape).astype(dtype) for shape in ((n, p), (n, q), (m, p)))
    B, y, weights = rng.standard_normal((p, 3)), Y[:, 0].copy(), rng.uniform(0, 2, n)
    order = int(rng.integers(2, 6))
    network = ReLUNetwork(rng.standard_normal((k, p)), np.ones(k), thresholds=rng.standard_normal(k))
    side = int(min(n, 300 // p + 1))
    batch, targets = rng.standard_normal((4, side, p)), rng.standard_normal((4, side, q))
    task, rows = Task.power_law(p, 1.5, 1.5, 0.1), int(rng.integers(1, 2 * p + 1))
    cuts = [0, n // 3, n // 2, n]

    def accumulated_moments(t):
        total = moments.MomentAccumulator(G, [2, order])
        for begin, end in pairwise(cuts):
            total.update(X[begin:end], y[begin:end], n_threads=t)
        return np.concatenate([total.matrices(order), total.standard_errors(2)])

    def accumulated(t):
        total = ridgeless.Accumulator(p, q)
        for begin, end in pairwise(cuts):
            rows = slice(begin, end)
            total.update(X[rows], Y[rows], sample_weight=weights[rows], n_threads=t)
        return total.solve(n_threads=t).coef

    return {
        "weighted_grams": lambda t: moments.weighted_grams(X, Y, n_threads=t),
        "contract": lambda t: moments.contract(X, Y, G, order, n_threads=t),
        "contract_to_vector": lambda t: moments.contract_to_vector(X, Y, G, order, n_threads=t),
        "contract_to_scalar": lambda t: moments.contract_to_scalar(X, Y, G, [0, order], n_threads=t),
        "contract_apply": lambda t: moments.contract_apply(X, Y, G, order, B, n_threads=t),
        "moment_tensor": lambda t: moments.moment_tensor(X[:, :6], Y, order, n_threads=t),
        "MomentAccumulator": accumulated_moments,
        "network": lambda t: network(X, n_threads=t),
        "simulate": lambda t: simulate(task, rows, trials=5, seed=seed, n_threads=t).risks,
        "solve": lambda t: ridgeless.solve(X, Y, n_threads=t).coef,
        "solve centred": lambda t: ridgeless.solve(X, y, intercept="centred", n_threads=t).coef,
        "solve in norm": lambda t: ridgeless.solve(X, Y, intercept="in norm", n_threads=t).coef,
        "solve batch": lambda t: ridgeless.solve(batch, targets, n_threads=t).coef,
        "leave_one_out": lambda t: ridgeless.leave_one_out(X, Y, n_threads=t),
        "cross-validation": lambda t: ridgeless.generalized_cross_validation(X, Y, n_threads=t),
        "Accumulator": accumulated,
    }


def bits(call, threads):
    return np.asarray(call(threads)).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(48))
def test_one_to_eight_threads_give_the_same_bits(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ridgeless.NotCertifiedWarning)
        for name, call in calls(seed).items():
            expected = bits(call, 1)
            for threads in range(2, 9):
                assert bits(call, threads) == expected, (name, threads)


def test_files_read_by_many_threads_leave_the_filters_of_warnings_alone(tmp_path):
    network = ReLUNetwork(np.eye(3), np.ones(3))
    network.save(tmp_path / "net.npz")
    np.savetxt(tmp_path / "rows.csv", np.eye(3), delimiter=",")
    np.save(tmp_path / "rows.npy", np.eye(3))
    before, wrong, interval = list(warnings.filters), [], sys.getswitchinterval()

    def work():
        for _ in range(15):
            if ReLUNetwork.load(tmp_path / "net.npz") != network:
                wrong.append("net.npz")
            tables = [open_table(tmp_path / name).read([2, 0]) for name in ("rows.csv", "rows.npy")]
            if not np.array_equal(tables, [np.eye(3)[:, [2, 0]]] * 2):
                wrong.append("rows")

    workers = [threading.Thread(target=work) for _ in range(6)]
    sys.setswitchinterval(1e-5)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    assert warnings.filters == before


# ---- In a process of its own, at every level ----


def large_calls():
    """With work enough for a team of threads."""
    return calls(0, (3000, 30), (3500, 40))


def compute_again(expected):
    """Whether every function still gives what it gave, with one to three threads."""
    found = large_calls()
    return all(bits(call, 1 + i % 3) == expected[name] for i, (name, call) in enumerate(found.items()))


def compute_side_by_side():
    """Four Python threads that begin at different functions, each with one to four threads of its own."""
    found = large_calls()
    names = list(found)
    expected = {name: bits(call, 1) for name, call in found.items()}
    wrong = []

    def work(i):
        for j in range(len(names)):
            name = names[(3 * i + j) % len(names)]
            if bits(found[name], 1 + (i + j) % 4) != expected[name]:
                wrong.append(name)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong, wrong
    return expected


def compute_in_forks(expected):
    """Children of a process that has used threads: by os.fork, a child of that, and a pool that computes at once."""
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        same = compute_again(expected)
        if grandchild == 0:
            os._exit(0 if same else 3)
        _, status = os.waitpid(grandchild, 0)
        os._exit(0 if same and status == 0 else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(compute_again, [expected] * 4) == [True] * 4
    assert compute_again(expected)


RUN = """
import importlib.util, sys, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork with threads
spec = importlib.util.spec_from_file_location("threads", sys.argv[1])
sys.modules["threads"] = threads = importlib.util.module_from_spec(spec)
spec.loader.exec_module(threads)
expected = threads.compute_side_by_side()
if hasattr(threads.os, "fork"):
    threads.compute_in_forks(expected)
print(threads._kernels.level)
"""


# Levels differ in what a thread computes, not in how threads are started: the best alone, in the ordinary run.
LEVELS = list(_kernels.available_levels)


@pytest.mark.parametrize(
    "level", [pytest.param(level, marks=pytest.mark.slow if level != LEVELS[-1] else ()) for level in LEVELS]
)
def test_threads_and_forks_give_the_same_bits(run_python, level):
    # A child that waited for threads it does not have would hang; the time limit turns that into a failure.
    done = run_python(RUN, __file__, LIMBECK_ISA=None if level == "native" else level)
    assert done.stdout.strip() == level, done.stderr
