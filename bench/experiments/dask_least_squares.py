"""Least squares over the chunks of a dask array: ours beside dask's own, in one run, on threads and on processes.

    python bench/experiments/dask_least_squares.py [--rows 2000000] [--features 100] [--chunks 40] [--repeats 7]

Chunks are in memory before the clock starts. Both answers are compared with the coefficients that made the targets.
"""

import argparse
import time

import dask
import dask.array as da
import distributed
import numpy as np

import limbeck
from limbeck import ridgeless


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def compare(name, X, y, truth, repeats):
    roads = {
        "limbeck": lambda: ridgeless.solve(X, y).coef,
        "dask": lambda: da.linalg.lstsq(X, y)[0].compute(),
    }
    times, errors = {road: [] for road in roads}, {}
    for i in range(repeats + 1):
        for road in list(roads)[:: 1 if i % 2 else -1]:
            seconds, coef = timed(roads[road])
            errors[road] = float(np.abs(coef - truth).max())
            if i:
                times[road].append(seconds)
    ours, theirs = (float(np.median(times[road])) for road in roads)
    print(
        f"{name:<12}{ours:>10.2f}{theirs:>10.2f}{theirs / ours:>8.1f}{errors['limbeck']:>12.1e}{errors['dask']:>12.1e}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, default in (("rows", 2_000_000), ("features", 100), ("chunks", 40), ("repeats", 7)):
        parser.add_argument(f"--{option}", type=int, default=default)
    options = parser.parse_args()
    limbeck.show_config()
    print(f"dask {dask.__version__}; {options.rows} x {options.features} in {options.chunks} chunks\n")
    print(f"{'':<12}{'ours s':>10}{'dask s':>10}{'ratio':>8}{'our error':>12}{'its error':>12}")
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(options.features)
    rows = options.rows // options.chunks
    parts = [rng.standard_normal((rows, options.features)) for _ in range(options.chunks)]
    X = da.concatenate([da.from_array(part, chunks=part.shape) for part in parts])
    y = da.concatenate([da.from_array(part @ truth, chunks=rows) for part in parts])
    with dask.config.set(scheduler="threads"):
        compare("threads", X, y, truth, options.repeats)
    workers = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    with workers, distributed.Client(workers) as client:
        X, y = client.persist([X, y])
        distributed.wait([X, y])
        compare("2 processes", X, y, truth, options.repeats)


if __name__ == "__main__":
    main()
