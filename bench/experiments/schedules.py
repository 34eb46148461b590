"""Simulated schedules: how busy 8, 64 and 128 threads would be, found out on one.

    python bench/experiments/schedules.py [--threads 8 64 128] [--repeats 3] [--only WORD ...]

A kernel is cut into regions of tasks, which depend on the sizes alone. Here all tasks run one after the other on one
thread and their times are taken; then P threads are imagined that take the tasks of a region in order, each the next
one as soon as it is free, begin it when the tasks that it waits for have ended, and meet at the region's end. What is
not in any region (the call from Python, sums of what the tasks found) is serial. "Busy": the time on one thread over
the time of this schedule, so P at best; "regions": how often threads meet; "tasks": of the largest region; "largest":
the longest task, as a part of the whole call on one thread: above 1/P it alone holds P threads up; "serial": the part
outside of regions. Times are those of the thread's processor less the clock's own, and each task counts with its
shortest of several runs: other programs that take the processor away, or its cache, lengthen single tasks.

Left out are the memory's bandwidth and the caches, which threads share; waking the threads up, 5 to 50 microseconds for
each region, and about one for a thread to see that a task has ended; clocks that fall as more cores work; what other
programs do. A real machine does worse than this, never better.
"""

import argparse
import heapq
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Section, fixed, milliseconds, render
from least_squares import Problem

from limbeck import _kernels, datasets, moments, ridgeless
from limbeck.distillation import Task, simulate

Call = Callable[[int], object]
READ = 100_000_000  # numbers in X where a kernel does little more than read them: some 100 ms
MULTIPLIED = 4_000_000_000  # rows times features squared, where a kernel forms Gram matrices: some 100 ms


@dataclass(frozen=True)
class Region:
    """Seconds of the tasks of a region, and the earlier tasks that each waits for; empty where none waits."""

    seconds: Sequence[float]
    awaited: Sequence[Sequence[int]] = ()

    def makespan(self, threads: int) -> float:
        """When the last of the threads is done that take tasks in order, each the next one as soon as it is free."""
        free_at, ends = [0.0] * threads, []
        for task, seconds in enumerate(self.seconds):
            awaited = self.awaited[task] if self.awaited else ()
            begin = max([free_at[0], *(ends[other] for other in awaited)])
            ends.append(begin + seconds)
            heapq.heapreplace(free_at, ends[-1])
        return max(free_at)


@dataclass(frozen=True)
class Schedule:
    """The tasks of a call by regions, and the seconds outside of all regions."""

    regions: Sequence[Region]
    serial: float

    @property
    def seconds(self) -> float:
        """How long the call takes on one thread."""
        return self.serial + sum(sum(region.seconds) for region in self.regions)

    def busy(self, threads: int) -> float:
        """Time on one thread over time on so many."""
        return self.seconds / (self.serial + sum(region.makespan(threads) for region in self.regions))


def trace(call: Call, threads: int, repeats: int) -> Schedule:
    """Run a call that may use so many threads on one, with the shortest times of its tasks and of its serial part."""
    found = [_trace_once(call, threads) for _ in range(repeats)]
    sizes = [[len(region.seconds) for region in schedule.regions] for schedule in found]
    if any(
        size != sizes[0] for size in sizes
    ):  # the kernel chose by measured times: then its tasks are not those of another run
        return max(found, key=lambda schedule: schedule.busy(threads))
    regions = [
        Region(np.min([region.seconds for region in same], axis=0).tolist(), same[0].awaited)
        for same in zip(*(schedule.regions for schedule in found), strict=True)
    ]
    return Schedule(regions, min(schedule.serial for schedule in found))


def _trace_once(call: Call, threads: int) -> Schedule:
    _kernels.begin_trace()
    try:
        result = call(threads)
    finally:
        regions, after = _kernels.end_trace()
    del result  # its memory goes when the caller lets go of it: no part of the call
    serial = after + sum(before for before, _, _ in regions)
    return Schedule([Region(seconds, awaited) for _, seconds, awaited in regions], serial)


def _gram_calls(rng: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for n, d, J in ((400_000, 50, 8), (200_000, 100, 8), (50_000, 256, 8), (20_000, 512, 8), (10_000, 1000, 4)):
        X, W = rng.standard_normal((n, d)), rng.standard_normal((n, J))
        yield f"weighted_grams {n} x {d}, J = {J}", lambda t, X=X, W=W: moments.weighted_grams(X, W, n_threads=t)


def _contraction_calls(rng: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for d in (50, 100, 500, 1000):
        n = READ // d
        X, y, G, B = (rng.standard_normal(shape) for shape in ((n, d), n, (4, d), (d, 8)))
        G /= np.linalg.norm(G, axis=1, keepdims=True)
        size, few, orders = f"{n} x {d}", min(n // 4, MULTIPLIED // d**2), (1, 2, 3, 4, 5, 6)
        part = (X[:few], y[:few], G)
        yield f"contract {few} x {d}, m = 4", lambda t, a=part: moments.contract(*a, 4, n_threads=t)
        yield f"contract_to_vector {size}", lambda t, a=(X, y, G): moments.contract_to_vector(*a, 4, n_threads=t)
        scalar = (X, y, G, orders)
        yield f"contract_to_scalar {size}", lambda t, a=scalar: moments.contract_to_scalar(*a, n_threads=t)
        apply = (X, y, G[:1], 4, B)
        yield f"contract_apply {size}, s = 8", lambda t, a=apply: moments.contract_apply(*a, n_threads=t)
    X, y = rng.standard_normal((400_000, 8)), rng.standard_normal(400_000)
    yield "moment_tensor 400000 x 8, order 4", lambda t: moments.moment_tensor(X, y, 4, n_threads=t)


def _solve_calls(rng: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for n, p, q in ((1_000_000, 100, 1), (5000, 1000, 1), (1000, 5000, 1), (100, 100_000, 1), (1000, 2000, 500)):
        X, Y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
        yield f"solve {n} x {p}, q = {q}", lambda t, X=X, Y=Y: ridgeless.solve(X, Y, n_threads=t)
    X, y = rng.standard_normal((1000, 400)) @ rng.standard_normal((400, 2000)), rng.standard_normal(1000)
    yield "solve 1000 x 2000 of rank 400", lambda t: ridgeless.solve(X, y, n_threads=t)


def _accumulator_calls(rng: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for n, d in ((200_000, 50), (50_000, 200), (5_000, 1000)):
        X, y, G = (rng.standard_normal(shape) for shape in ((n, d), n, (4, d)))

        def add_moments(t, X=X, y=y, G=G):
            moments.MomentAccumulator(G, [4]).update(X, y, n_threads=t)

        def add_rows(t, X=X, y=y):
            ridgeless.Accumulator(X.shape[1]).update(X, y, n_threads=t)

        yield f"MomentAccumulator.update {n} x {d}", add_moments
        yield f"ridgeless.Accumulator.update {n} x {d}", add_rows


def _network_calls(rng: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for d, k in ((50, 8), (200, 8), (1000, 4)):
        n = READ // d
        few = min(n // 4, MULTIPLIED // d**2)
        problem, size = Problem.planted(n, d, k, seed=rng), f"{n} x {d}, k = {k}"
        parts = (problem.X, problem.y, None, problem.signs, problem.start)
        fewer = (problem.X[:few], problem.y[:few], *parts[2:])
        net = datasets.make_narrow_network("generic", d, k, seed=rng)
        yield f"network on rows {size}", lambda t, net=net, X=problem.X: net(X, n_threads=t)
        yield f"error_and_gradient {size}", lambda t, a=parts: _kernels.error_and_gradient(*a, t)
        yield f"normal_matrix {few} x {d}, k = {k}", lambda t, a=fewer: _kernels.normal_matrix(*a, t)
        vector = rng.standard_normal(problem.start.shape)
        yield f"normal_product {size}", lambda t, a=parts, v=vector: _kernels.normal_product(*a, v, t)


def _trial_calls(_: np.random.Generator) -> Iterator[tuple[str, Call]]:
    for n, p, trials in ((20, 50, 20_000), (200, 500, 500), (1000, 2000, 8), (1500, 3000, 1)):
        task = Task.power_law(p, 2.0, 1.5, 0.1)
        name = f"simulate {trials} trials of {n} x {p}"
        yield name, lambda t, a=(task, n, trials): simulate(a[0], a[1], trials=a[2], n_threads=t)


FAMILIES = (_gram_calls, _contraction_calls, _solve_calls, _accumulator_calls, _network_calls, _trial_calls)


def _row(name: str, call: Call, threads: Sequence[int], repeats: int) -> dict[str, object]:
    call(1)  # pays for page faults
    row: dict[str, object] = {"name": name}
    for count in threads:
        schedule = trace(call, count, repeats)
        row[f"busy {count}"] = schedule.busy(count)
    # The rest is that of the last number of threads: trials alone are cut by the number of threads.
    row["seconds"], row["regions"] = schedule.seconds, len(schedule.regions)
    row["serial"] = schedule.serial / schedule.seconds
    if schedule.regions:
        row["tasks"] = max(len(region.seconds) for region in schedule.regions)
        row["largest"] = max(max(region.seconds) for region in schedule.regions) / schedule.seconds
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[8, 64, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="calls whose name holds one of these")
    options = parser.parse_args()
    if min(options.threads) < 2:
        parser.error("on one thread there is no schedule: --threads must be two or more")

    def part(fraction: float) -> str:
        return f"{100 * fraction:.1f} %"

    section = Section(
        "schedules",
        "Simulated schedules: threads that are busy on average",
        [
            Column("name", "call"),
            Column("seconds", "1 thread ms", milliseconds),
            *(Column(f"busy {count}", f"of {count}", fixed(1)) for count in options.threads),
            Column("regions", "regions"),
            Column("tasks", "tasks"),
            Column("largest", "largest", part),
            Column("serial", "serial", part),
        ],
        notes=["Without the memory's bandwidth and without the time that threads take to wake up."],
    )
    machine.show()
    for number, family in enumerate(FAMILIES):
        for name, call in family(np.random.default_rng(number)):
            if any(word in name for word in options.only):
                section.rows.append(_row(name, call, options.threads, options.repeats))
                print(".", end="", file=sys.stderr, flush=True)
    print("\n" + render(section))


if __name__ == "__main__":
    main()
