"""One thread and two, interleaved, for the kernels that do the work: how much faster, and what holds them back.

    python bench/experiments/threads.py [--threads 1 2] [--repeats 15]

For each kernel: the median time with each number of threads, the speed-up, and how near the kernel comes to what one
core (or all of them) can do at all in this run, in products and sums (matrix product of NumPy's BLAS, in float64) and
in bytes read (sum of a large array). The nearer limit is the one that counts.
"""

import argparse
import time
from functools import partial

import numpy as np
import threadpoolctl

import limbeck
from limbeck import _kernels, moments, ridgeless
from limbeck.distillation import Task, simulate


def jobs(rng):
    """Name, products and sums (GFLOP), bytes read at least (GB), and the call."""
    n, d, m = 400_000, 50, 4
    X, y, G = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((m, d))
    size = X.nbytes / 1e9
    yield (
        "contract, order 4, 4 directions",
        n * d * d * m / 1e9,
        size,
        lambda t: moments.contract(X, y, G, 4, n_threads=t),
    )
    B = rng.standard_normal((d, 8))
    yield (
        "contract_apply to 8 columns",
        4 * n * d * (8 + 1) / 1e9,
        size,
        lambda t: moments.contract_apply(X, y, G[:1], 4, B, n_threads=t),
    )
    yield "contract_to_vector", 4 * n * d * m / 1e9, size, lambda t: moments.contract_to_vector(X, y, G, 3, n_threads=t)
    net = limbeck.ReLUNetwork(G, np.ones(m))
    yield "network on rows, 4 neurons", 2 * n * d * (m + 1) / 1e9, size, lambda t: net(X, n_threads=t)
    signs, parameters = np.ones(m), rng.standard_normal((m + 1, d + 1))
    yield (
        "error and gradient, 4 neurons",
        4 * n * d * (m + 1) / 1e9,
        size,
        lambda t: _kernels.error_and_gradient(X, y, None, signs, parameters, t),
    )
    yield (
        "normal matrix, 4 neurons",
        (n * d * d + 2 * n * d * m) / 1e9,
        size,
        lambda t: _kernels.normal_matrix(X, y, None, signs, parameters, t),
    )
    wide, targets = rng.standard_normal((1000, 5000)), rng.standard_normal(1000)
    yield (
        "ridgeless.solve, 1000 x 5000",
        (1000**2 * 5000 + 1000**3 / 3) / 1e9,
        wide.nbytes / 1e9,
        lambda t: ridgeless.solve(wide, targets, n_threads=t),
    )
    tall, answers = rng.standard_normal((100_000, 200)), rng.standard_normal(100_000)

    def merge(t):
        ridgeless.Accumulator(200).update(tall, answers, n_threads=t)

    yield "ridgeless.Accumulator, 200 features", 2 * 100_000 * 202**2 / 1e9, tall.nbytes / 1e9, merge
    task = Task.power_law(200, 1.5, 1.5)
    yield "simulate, 200 trials of 100 x 200", None, None, lambda t: simulate(task, 100, trials=200, n_threads=t)
    planted = limbeck.datasets.make_narrow_network("generic", d, m, seed=0)
    labels = planted(X) + 0.1 * y
    yield "learn, 400,000 x 50, 4 neurons", None, None, lambda t: limbeck.learn(X, labels, n_threads=t)


def limits(threads):
    """GFLOP/s of a matrix product and GB/s of reading, the best of several."""
    A, big = np.random.default_rng(0).standard_normal((1500, 1500)), np.zeros(50_000_000)
    with threadpoolctl.threadpool_limits(threads):
        product = min(clock(lambda: A @ A) for _ in range(5))
    rows = big.reshape(-1, 50)
    reading = min(clock(lambda: _kernels.first_non_finite(rows, threads)) for _ in range(5))
    return 2 * 1.5**3 / product, big.nbytes / 1e9 / reading


def clock(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    limbeck.show_config()
    can = {t: limits(t) for t in options.threads}
    for t, (flops, reading) in can.items():
        print(f"{t} thread{'s' if t > 1 else ''}: BLAS {flops:.0f} GFLOP/s, reading {reading:.1f} GB/s")
    head = "".join(f"{f'{t} threads ms' if t > 1 else '1 thread ms':>14}" for t in options.threads)
    print(f"\n{'':<38}{head}{'speed-up':>10}{'of BLAS':>9}{'of reading':>12}")
    for name, gflop, size, call in jobs(np.random.default_rng(1)):
        times = {t: [] for t in options.threads}
        for t in options.threads:
            call(t)
        for i in range(options.repeats):
            for t in options.threads[:: 1 if i % 2 else -1]:
                times[t].append(clock(partial(call, t)))
        took = {t: float(np.median(found)) for t, found in times.items()}
        last = options.threads[-1]
        parts = ["", ""]
        if gflop is not None:
            parts = [
                f"{100 * gflop / took[last] / can[last][0]:.0f} %",
                f"{100 * size / took[last] / can[last][1]:.0f} %",
            ]
        cells = "".join(f"{1e3 * took[t]:>14.1f}" for t in options.threads)
        print(f"{name:<38}{cells}{took[options.threads[0]] / took[last]:>10.2f}{parts[0]:>9}{parts[1]:>12}", flush=True)


if __name__ == "__main__":
    main()
