"""How the time of limbeck.learn grows with rows and with features, and what it is beside plain passes over the data.

    python bench/experiments/scaling.py [--quick] [--only rows features large] [--threads COUNT] [--json PATH]

Generic planted networks without noise, width given. All sizes of a table are timed interleaved, on the same network
for rows (more of the same data) and on one for every number of features; each table on several networks. Needs 4 GB of
memory; --large-rows sets less.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Section, error, fixed, render, thousands, times
from comparisons.timing import interleave

import limbeck
from limbeck import ReLUNetwork, datasets, moments

D, K, ROWS = 50, 4, 20_000
ALL_ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
ALL_FEATURES = (20, 50, 100, 200, 500, 1000)
LARGE_ROWS, LARGE_D, LARGE_K = 1_000_000, 200, 5
PASSES = 10


class Learner:
    """A call of learn that keeps the error of the last result."""

    def __init__(self, planted: ReLUNetwork, X: np.ndarray, y: np.ndarray, threads: int) -> None:
        self.planted, self.X, self.y, self.threads = planted, X, y, threads
        self.error = float("nan")

    def __call__(self) -> None:
        """Learn; the error takes a few microseconds."""
        found = limbeck.learn(self.X, self.y, self.planted.width, n_threads=self.threads)
        self.error = max(found.network.distance(self.planted) / self.planted.variance(), 0.0)


def planted_data(n: int, d: int, k: int, seed: int) -> tuple[ReLUNetwork, np.ndarray, np.ndarray]:
    """A generic network and rows without noise."""
    planted = datasets.make_narrow_network("generic", d, k, seed=seed)
    return planted, *datasets.sample(planted, n, seed=100 + seed)


def over_rows(quick: bool, threads: int) -> Section:
    """Time against n."""
    sizes = ALL_ROWS[:3] if quick else ALL_ROWS

    def learners(seed: int) -> dict[str, Learner]:
        planted, X, y = planted_data(max(sizes), D, K, seed)
        return {str(n): Learner(planted, X[:n], y[:n], threads) for n in sizes}

    return _table("rows", f"learn against n: d = {D}, k = {K}", "n", sizes, learners, quick, threads)


def over_features(quick: bool, threads: int) -> Section:
    """Time against d."""
    sizes = ALL_FEATURES[:4] if quick else ALL_FEATURES

    def learners(seed: int) -> dict[str, Learner]:
        return {str(d): Learner(*planted_data(ROWS, d, K, seed), threads) for d in sizes}

    return _table("features", f"learn against d: n = {ROWS:,}, k = {K}", "d", sizes, learners, quick, threads)


def _table(
    name: str,
    title: str,
    key: str,
    sizes: tuple[int, ...],
    learners: Callable[[int], dict[str, Learner]],
    quick: bool,
    threads: int,
) -> Section:
    seconds: dict[str, list[float]] = {str(size): [] for size in sizes}
    errors: dict[str, list[float]] = {str(size): [] for size in sizes}
    nets = 1 if quick else 3
    for seed in range(nets):
        sides = learners(seed)
        timings = interleave(sides, 2 if quick else 5, threads=threads, budget=120.0)
        for size in sides:
            seconds[size].append(timings[size].seconds)
            errors[size].append(sides[size].error)
    rows: list[dict[str, object]] = []
    for size in sizes:
        row = {
            key: size,
            "threads": threads,
            "ours_seconds": statistics.median(seconds[str(size)]),
            "shortest": min(seconds[str(size)]),
            "longest": max(seconds[str(size)]),
            "error": max(errors[str(size)]),
        }
        row["per_size"] = row["ours_seconds"] / size
        if rows:
            row["local_slope"] = slope([rows[-1][key], size], [rows[-1]["ours_seconds"], row["ours_seconds"]])
        rows.append(row)
    overall = slope(list(sizes), [row["ours_seconds"] for row in rows])
    upper = len(sizes) // 2
    top = slope(list(sizes[upper:]), [row["ours_seconds"] for row in rows[upper:]])
    return Section(
        name,
        f"{title}, no noise, {threads} threads, medians of {nets} networks",
        [
            Column(key, key, thousands),
            Column("ours_seconds", "s", fixed(3)),
            Column("shortest", "shortest", fixed(3)),
            Column("longest", "longest", fixed(3)),
            Column("per_size", f"us per {key}", lambda value: f"{1e6 * value:.3g}"),
            Column("local_slope", "slope", fixed(2)),
            Column("error", "worst error", error),
        ],
        notes=[
            f"Log-log slope over all sizes {overall:.2f}, from {key} = {sizes[upper]:,} on {top:.2f}.",
            "Slope: from the row above. Shortest, longest: over the networks.",
            "Errors: population squared error over the variance.",
        ],
        rows=rows,
    )


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Of the line of least squares through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def large(quick: bool, threads: int, n: int = 0) -> Section:
    """One large problem, next to one second moment and to ten products with thin matrices."""
    n = n or (LARGE_ROWS // 10 if quick else LARGE_ROWS)
    planted, X, y = planted_data(n, LARGE_D, LARGE_K, 0)
    W = np.ascontiguousarray(planted.weights.T)
    direction = np.eye(1, LARGE_D)

    def passes() -> None:
        for _ in range(PASSES):
            X @ W

    learner = Learner(planted, X, y, threads)
    sides = {
        "ours": learner,
        "moment": partial(moments.contract, X, y, direction, 2, n_threads=threads),
        "passes": passes,
    }
    timings = interleave(sides, 2 if quick else 5, threads=threads, budget=300.0)
    seconds = {name: timing.seconds for name, timing in timings.items()}
    row = {
        "n": n,
        "d": LARGE_D,
        "k": LARGE_K,
        "threads": threads,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "moment_ratio": seconds["ours"] / seconds["moment"],
        "passes_ratio": seconds["ours"] / seconds["passes"],
        "gigabytes": X.nbytes / 1e9,
        "peak_gigabytes": _peak_gigabytes(),
        "error": learner.error,
        "samples": {name: timing.samples for name, timing in timings.items()},
    }
    return Section(
        "large",
        f"learn beside plain passes over the data: no noise, {threads} threads",
        [
            Column("n", "n", thousands),
            Column("d", "d"),
            Column("k", "k"),
            Column("ours_seconds", "learn s", fixed(3)),
            Column("moment_seconds", "second moment s", fixed(3)),
            Column("moment_ratio", "learn/moment", times),
            Column("passes_seconds", f"{PASSES} X @ W s", fixed(3)),
            Column("passes_ratio", "learn/products", times),
            Column("error", "error", error),
            Column("gigabytes", "X GB", fixed(2)),
            Column("peak_gigabytes", "peak GB", fixed(2)),
        ],
        notes=[
            f"Second moment: limbeck.moments.contract of order 2. {PASSES} X @ W: NumPy, {LARGE_K} columns each.",
            "Peak: resident memory of the whole process so far.",
        ],
        rows=[row],
    )


def _peak_gigabytes() -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) / 1e9 for line in lines if line.startswith("VmHWM")), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one network, fewer rounds")
    parser.add_argument("--only", nargs="+", choices=("rows", "features", "large"), metavar="TABLE")
    parser.add_argument("--threads", type=int, default=int(limbeck._base.config.config()["threads"]))
    parser.add_argument("--large-rows", type=int, default=0, metavar="N", help="default 1,000,000")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the rows, unrounded, to this file")
    options = parser.parse_args()

    about = machine.show()
    tables = {"rows": over_rows, "features": over_features, "large": partial(large, n=options.large_rows)}
    rows = {}
    for name in options.only or tables:
        section = tables[name](options.quick, options.threads)
        rows[section.name] = section.rows
        print("\n" + render(section), flush=True)
    if options.json:
        report = {"machine": about, "quick": options.quick, "sections": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
