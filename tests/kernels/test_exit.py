"""The end of the process while threads that nobody waits for are inside a kernel: it ends, and ends well."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

# Computes for ever in daemon threads, and ends the process at some time from the first result on.
RUN = """
import itertools, random, sys, threading, time
import numpy as np
from limbeck import ReLUNetwork, _kernels, moments, ridgeless
from limbeck.distillation import Task, simulate

threads, seed, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
chance, rng = random.Random(seed), np.random.default_rng(seed)
n, d = chance.choice([(300, 10), (3000, 30), (20_000, 60)])  # calls of less than a millisecond, and of a second
X, Y, G = rng.standard_normal((n, d)), rng.standard_normal((n, 3)), rng.standard_normal((4, d))
y, k = Y[:, 0].copy(), 40
net = ReLUNetwork(rng.standard_normal((k, d)), np.ones(k), thresholds=rng.standard_normal(k))
signs, parameters, decay = np.ones(k), rng.standard_normal((k + 1, d + 1)), np.zeros(k + 1)
calls = {
    "weighted_grams": lambda: moments.weighted_grams(X, Y, n_threads=threads),
    "contract": lambda: moments.contract(X, Y, G, 4, n_threads=threads),
    "contract_to_vector": lambda: moments.contract_to_vector(X, Y, G, 4, n_threads=threads),
    "contract_to_scalar": lambda: moments.contract_to_scalar(X, Y, G, [2, 4], n_threads=threads),
    "contract_apply": lambda: moments.contract_apply(X, Y, G, 4, G.T, n_threads=threads),
    "moment_tensor": lambda: moments.moment_tensor(X[:, :8], Y, 4, n_threads=threads),
    "MomentAccumulator": lambda: moments.MomentAccumulator(G, [2, 4]).update(X, y, n_threads=threads),
    "solve_by_cholesky": lambda: _kernels.solve_by_cholesky(X, Y, 1e-12, threads),
    "solve_batch": lambda: ridgeless.solve(X[:300].reshape(10, 30, d), Y[:300].reshape(10, 30, 3), n_threads=threads),
    "solve_by_qr": lambda: _kernels.solve_by_qr(X, Y, 1e-12, 1e-12, threads),
    "leave_one_out": lambda: _kernels.leave_one_out(X, Y, 1e-12, 1e-12, threads),
    "Accumulator": lambda: ridgeless.Accumulator(d, 3).update(X, Y, n_threads=threads),
    "refine": lambda: _kernels.refine(X, y, None, signs, parameters, True, decay, 9, 1e-9, 9.0, threads),
    "normal_matrix": lambda: _kernels.normal_matrix(X, y, None, signs, parameters, threads),
    "simulate": lambda: simulate(Task.power_law(d, 1.5, 1.5, 0.1), d // 2, trials=9, n_threads=threads),
    "gaussian_moments": net.variance,
    "network": lambda: net(X, n_threads=threads),
    "symmetric_eigen": lambda: _kernels.symmetric_eigen(np.eye(10 * d)),
    "first_non_finite": lambda: _kernels.first_non_finite(X, threads),
}
results = dict.fromkeys(names or calls, 0)

def compute(name):
    for results[name] in itertools.count(1):
        calls[name]()

for name in results:
    threading.Thread(target=compute, args=(name,), daemon=True).start()
while not all(results.values()):
    time.sleep(0.001)
time.sleep(chance.uniform(0, 0.05))
"""

NAMES = [line.split('"')[1] for line in RUN.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("threads", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_the_process_ends_well_while_every_kernel_computes(run_python, threads):
    done = run_python(RUN, threads, threads)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_processes_end_well_while_a_kernel_computes(run_python):
    count = int(os.environ.get("LIMBECK_EXITS", "1000"))

    def end(i):
        done = run_python(RUN, 1 + i // len(NAMES) % 2, i, NAMES[i % len(NAMES)])
        return done.returncode, done.stderr

    with ThreadPoolExecutor(int(os.environ.get("LIMBECK_EXITS_AT_A_TIME", "2"))) as pool:
        ends = list(pool.map(end, range(count)))
    assert len(ends) == count
    assert not [(i, found) for i, found in enumerate(ends) if found != (0, "")]
