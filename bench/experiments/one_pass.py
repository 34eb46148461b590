"""One pass over a memory map that is larger than is wise to load, against reading it and against the kernel alone.

    python bench/experiments/one_pass.py [--gigabytes 20] [--features 50] [--directions 1] [--orders 2] [--folder DIR]

The file is written first. Before each pass the system is told to forget what it has cached of the file (as root; else
the number of cached bytes may flatter the reading). "Reading": the blocks of the same source, every page of them
touched. "Kernel": updates of an accumulator by one block that is in memory. The pass is as fast as it can be where it
takes the longer of these two times.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import limbeck
from limbeck import blocks, moments


def write_data(folder, gigabytes, d):
    """Blocks of Gaussian rows, one after another."""
    n = int(gigabytes * 1e9) // (8 * d)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float64, (n, d))
    rng = np.random.default_rng(0)
    block = rng.standard_normal((200_000, d))
    for begin in range(0, n, len(block)):
        X[begin : begin + len(block)] = block[: n - begin]
    X.flush()
    np.save(folder / "y.npy", rng.standard_normal(n))


def forget():
    """Empty the system's cache of files, where we may."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        print("(the cache of files was not emptied)")


def source(folder):
    return blocks.from_arrays(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in "Xy"))


def read(folder):
    """Touch every page."""
    return sum(float(block.X.ravel()[::512].sum()) for block in source(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--directions", type=int, default=1)
    parser.add_argument("--orders", type=int, nargs="+", default=[2])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    limbeck.show_config()
    directions = np.random.default_rng(1).standard_normal((options.directions, options.features))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        write_data(folder, options.gigabytes, options.features)
        size = sum((folder / f"{name}.npy").stat().st_size for name in "Xy")
        forget()
        start = time.perf_counter()
        read(folder)
        reading = time.perf_counter() - start
        total = moments.MomentAccumulator(directions, options.orders)
        first = next(iter(source(folder)))
        X, y = np.array(first.X), np.array(first.y)
        for _ in range(5):
            total.update(X, y, n_threads=options.threads)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            total.update(X, y, n_threads=options.threads)
            times.append(time.perf_counter() - start)
        kernel = float(np.median(times)) * size / (X.nbytes + y.nbytes)
        forget()
        total = moments.MomentAccumulator(directions, options.orders)
        start = time.perf_counter()
        total.update_from(source(folder), progress=True, n_threads=options.threads)
        seconds = time.perf_counter() - start
        assert total.n_rows == source(folder).n_rows
    for what, took in (("reading", reading), ("kernel", kernel), ("the pass", seconds)):
        print(f"{what:<10}{took:7.1f} s  {size / took / 1e9:5.2f} GB/s")
    print(f"the pass takes {seconds / max(reading, kernel):.2f} of the longer of the two")


if __name__ == "__main__":
    main()
