"""A data set of four times the memory that a process may take: learned from files, and from memory, and compared.

    python bench/experiments/out_of_core.py [--gigabytes 4] [--features 20] [--neurons 4] [--noise 0.1]

Four processes, each of its own: all rows in memory, without a limit; a memory map, by NumPy's own load; windows of the
files under a limit on the address space (what ``ulimit -v`` sets); and a memory map under a limit on the memory of a
control group, where this system lets us make one (root, cgroup v1 or v2).
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import limbeck

CGROUPS = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max"))


def write_data(folder, gigabytes, d, k, noise):
    """Rows of a planted network, written block by block."""
    n = int(gigabytes * 1e9) // (8 * d)
    planted = limbeck.datasets.make_narrow_network("generic", d, k, seed=0)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float64, (n, d))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float64, (n,))
    step = 500_000
    for seed, begin in enumerate(range(0, n, step)):
        part = slice(begin, min(n, begin + step))
        X[part], y[part] = limbeck.datasets.sample(planted, part.stop - begin, noise=noise, seed=seed)
    planted.save(folder / "planted.json")
    return n


def learn_here(how, folder, limit):
    """In this process, by one road."""
    if how == "address space":
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if how == "control group":
        for root, name in CGROUPS:
            group = root / f"limbeck-{os.getpid()}"
            if (root / name.replace("max", "stat")).exists() or (root / name).exists():
                group.mkdir()
                (group / name).write_text(str(limit))
                (group / "cgroup.procs").write_text(str(os.getpid()))
                break
        else:
            sys.exit("no control group can be made here")
    start = time.perf_counter()
    if how == "address space":
        found = limbeck.learn(limbeck.blocks.from_npy(folder / "X.npy", folder / "y.npy"))
    else:
        mode = None if how == "memory" else "r"
        found = limbeck.learn(np.load(folder / "X.npy", mmap_mode=mode), np.load(folder / "y.npy", mmap_mode=mode))
    seconds = time.perf_counter() - start
    errors = found.standard_errors.slopes
    np.savez(folder / f"{how}.npz", weights=found.network.weights, output=found.network.output, errors=errors)
    print(seconds, peak_memory())


def peak_memory():
    """Bytes that this program had in memory at most; what its parent had before does not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, kind in (
        ("gigabytes", 4, float),
        ("features", 20, int),
        ("neurons", 4, int),
        ("noise", 0.1, float),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        how, folder, limit = options.run
        return learn_here(how, Path(folder), int(limit))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n = write_data(folder, options.gigabytes, options.features, options.neurons, options.noise)
        limit = (folder / "X.npy").stat().st_size // 4
        limbeck.show_config()
        print(f"{n} rows, {options.features} features, {4 * limit / 1e9:.2f} GB; limit {limit / 1e9:.2f} GB\n")
        print(f"{'rows in':<15}{'seconds':>9}{'peak GB':>9}{'off memory by':>15}{'distance from planted':>24}")
        planted, first = limbeck.ReLUNetwork.load(folder / "planted.json"), None
        for how in ("memory", "memory map", "address space", "control group"):
            done = subprocess.run(
                [sys.executable, __file__, "--run", how, str(folder), str(limit)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(f"{how:<15}  {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
                continue
            seconds, peak = map(float, done.stdout.split())
            with np.load(folder / f"{how}.npz") as file:
                weights, output = file["weights"], file["output"]
            first = first or (weights, output)
            apart = max(np.abs(weights - first[0]).max(), np.abs(output - first[1]).max())
            away = limbeck.ReLUNetwork(weights, output).distance(planted)
            print(f"{how:<15}{seconds:>9.1f}{peak / 1e9:>9.2f}{apart:>15.1e}{away:>24.2e}", flush=True)
    return None


if __name__ == "__main__":
    main()
