"""limbeck.learn beside PyTorch: time to the same population error, in one run, with the same number of threads.

    python bench/experiments/learner_peers.py [--quick] [--families NAME ...] [--noise S ...] [--budget SECONDS]
        [--threads 1 --processor-time]

The peers learn sums of ReLUs without thresholds and without a linear part, which is the planted form: they are told
more than limbeck is. They are Adam (batches of 1024 and full batches, float32 and float64, three learning rates under
a cosine that ends with the budget), L-BFGS (strong Wolfe, float64, on all rows or on 10,000 rows first), and L-BFGS
from where a short run of Adam ended; each at widths k and 4k, from several starts. Gradients are written out, which
is faster than autograd here (4.4 against 6.8 ms and 8.8 against 11.1 for a step on all rows), and Adam is the fused
one. What is best is picked by hindsight, for every error anew, by the population error itself, in two ways: the
luckiest run of all, of which only its own time is counted; and the best settings, with the time that restarts from new
random starts take on average until one comes to the error, given up at the best moment. The first is what nobody can
have, the second what somebody who knew the best settings would wait.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Section, error, render, thousands, times

import limbeck
from limbeck import ReLUNetwork, datasets

CASES = {
    "generic50x2": ("generic", 50, 2),
    "generic50x4": ("generic", 50, 4),
    "generic100x6": ("generic", 100, 6),
    "generic50x8": ("generic", 50, 8),
    "positive50x5": ("positive", 50, 5),
    "antipodal50x4": ("antipodal", 50, 4),
    "lowrank50x6": ("lowrank", 50, 6),
    "plane50x4": ("plane", 50, 4),
    "collinear50x2": ("collinear", 50, 2),
}
QUICK_CASES = ("generic50x2", "antipodal50x4")
RATES = (3e-3, 1e-2, 3e-2)
SUBSET = 10_000
BATCH = 1024
SHORT, MIDDLE = 1 / 16, 1 / 4  # lengths of runs of Adam, as parts of the budget
EXACT = 1e-20  # relative errors below count as this: rounding
SLACK = 1.05  # a peer has reached an error when it is within this factor: the last per cents are not counted
clock = time.process_time if "--processor-time" in sys.argv else time.perf_counter
SETTLE = 0.05  # seconds: idle worker threads of the other side spin for a while before they sleep


# ---- sums of ReLUs in torch: parameters (W, c) in one flat tensor ----
def starting_point(d: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Rows of about unit length, output weights of alternating sign, a function of about unit variance."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(width, d, generator=generator, dtype=torch.float64) / math.sqrt(d)
    c = torch.ones(width, dtype=torch.float64)
    c[1::2] = -1
    return torch.cat([W.ravel(), c / math.sqrt(width)]).to(dtype)


def layers(theta: torch.Tensor, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """W (width, d) and c (width,), as views."""
    width = len(theta) // (d + 1)
    return theta[: width * d].view(width, d), theta[width * d :]


def mean_squared_error(theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> float:
    """Of the network on rows."""
    W, c = layers(theta, X.shape[1])
    return float((torch.mm(X, W.T).relu_() @ c - y).square().mean())


def loss_and_gradient(theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared error on rows and its gradient, flat."""
    W, c = layers(theta, X.shape[1])
    gradient = torch.empty_like(theta)
    grad_W, grad_c = layers(gradient, X.shape[1])
    H = torch.mm(X, W.T).relu_()
    r = torch.mv(H, c).sub_(y)
    loss = torch.dot(r, r) / len(y)
    r.mul_(2 / len(y))
    torch.mv(H.T, r, out=grad_c)
    torch.mm(H.sign_().mul_(r[:, None]).T, X, out=grad_W)
    grad_W.mul_(c[:, None])
    return loss, gradient


def network(theta: torch.Tensor, d: int, scale: float) -> ReLUNetwork:
    """As limbeck's network, labels multiplied by ``scale``."""
    W, c = (part.to(torch.float64).numpy() for part in layers(theta, d))
    return ReLUNetwork(W, c * scale)


class OutOfTimeError(Exception):
    """Raised inside an optimiser to end it."""


def adam_steps(
    theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor, batch: int, rate: Callable[[], float], seed: int
) -> Iterable[int]:
    """Steps of the fused Adam on ``theta`` in place, for ever; the step's number after each.

    The rows are independent: fixed batches in random order do as well as a shuffle, and cost no copy.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam([theta], lr=rate(), fused=True)
    batches = list(zip(X.split(batch), y.split(batch), strict=True))
    if len(batches) > 1 and len(batches[-1][1]) < batch:
        batches.pop()
    step = 0
    while True:
        for i in torch.randperm(len(batches), generator=generator).tolist():
            optimizer.param_groups[0]["lr"] = rate()
            _, theta.grad = loss_and_gradient(theta, *batches[i])
            optimizer.step()
            step += 1
            yield step


def lbfgs(
    theta: torch.Tensor,
    value: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    after: Callable[[torch.Tensor, float], None],
    steps: int = 1_000_000,
    history: int = 100,
) -> None:
    """L-BFGS with strong Wolfe conditions until it stands still; ``after(theta, loss)`` at every evaluation."""
    theta = theta.clone()
    optimizer = torch.optim.LBFGS(
        [theta],
        max_iter=steps,
        max_eval=2 * steps,
        tolerance_grad=1e-16,
        tolerance_change=1e-18,
        history_size=history,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        loss, theta.grad = value(theta)
        after(theta, float(loss))
        return loss

    optimizer.step(closure)


# ---- runs under a clock ----
@dataclass(frozen=True)
class Task:
    """Data, the truth behind it, and how errors are measured."""

    planted: ReLUNetwork
    X: np.ndarray
    y: np.ndarray
    threads: int

    def error(self, net: ReLUNetwork) -> float:
        """Population squared error over the variance of the planted function."""
        return max(net.distance(self.planted) / self.planted.variance(), 0.0)


class Clock:
    """Time of a run without that of the checkpoints, which lie ever farther apart; at each the error is measured."""

    def __init__(self, task: Task, scale: float, budget: float) -> None:
        self.task, self.scale, self.budget = task, scale, budget
        self.trace: list[tuple[float, float]] = []
        self._next = budget / 2000
        self._paused = 0.0
        self._begin = clock()

    @property
    def seconds(self) -> float:
        """Time run so far."""
        return clock() - self._begin - self._paused

    def look(self, theta: torch.Tensor, *, last: bool = False) -> None:
        """Measure the error if it is time to; raise OutOfTimeError at the end of the budget or when all is exact."""
        now = self.seconds
        if not (last or now >= self._next):
            return
        begin = clock()
        if bool(theta.isfinite().all()):
            self.trace.append((now, self.task.error(network(theta, self.task.X.shape[1], self.scale))))
        self._next = 1.05 * now
        self._paused += clock() - begin
        if not last and (now > self.budget or (self.trace and self.trace[-1][1] < EXACT / 100)):
            raise OutOfTimeError


@dataclass
class Run:
    """One run of a peer: what it was, and its error over time."""

    method: str
    settings: dict[str, object]
    trace: list[tuple[float, float]]
    theta: torch.Tensor | None = field(default=None, repr=False)

    @property
    def best(self) -> float:
        """Lowest error at any time."""
        return max(min((value for _, value in self.trace), default=math.inf), EXACT)

    def time_to(self, wanted: float) -> float:
        """Seconds until the error is at most this."""
        return next((seconds for seconds, value in self.trace if max(value, EXACT) <= wanted), math.inf)

    def __str__(self) -> str:
        return " ".join([self.method, *(f"{name}={value}" for name, value in self.settings.items())])


def restart_time(runs: list[Run], wanted: float) -> float:
    """Mean time to an error when runs are given up at the best moment and begun anew from another start."""
    reached = [run.time_to(wanted) for run in runs]
    ends = [run.trace[-1][0] if run.trace else 0.0 for run in runs]
    choices = []
    for moment in sorted(seconds for seconds in reached if seconds < math.inf):
        spent = sum(min(seconds, end, moment) for seconds, end in zip(reached, ends, strict=True))
        choices.append(spent / sum(seconds <= moment for seconds in reached))
    return min(choices, default=math.inf)


class Peers:
    """The runs of the peers on one task."""

    def __init__(self, task: Task, k: int, budget: float, seeds: int) -> None:
        self.task, self.k, self.budget, self.seeds = task, k, budget, seeds
        self.scale = float(np.std(task.y))
        y = task.y / self.scale
        self.data = {
            dtype: (torch.tensor(task.X, dtype=dtype), torch.tensor(y, dtype=dtype))
            for dtype in (torch.float32, torch.float64)
        }
        self.widths = (k, 4 * k)
        self.runs: list[Run] = []

    def adam(self, width: int, rate: float, batch: int, dtype: torch.dtype, seed: int, part: float) -> Run:
        """Adam under a cosine that ends after this part of the budget."""
        X, y = self.data[dtype]
        theta = starting_point(X.shape[1], width, seed, dtype)
        torch.set_num_threads(self._threads(theta, X, y, batch))
        time.sleep(SETTLE)
        budget = part * self.budget
        clock = Clock(self.task, self.scale, budget)

        def cosine() -> float:
            return rate * max(1e-4, (1 + math.cos(math.pi * min(1.0, clock.seconds / budget))) / 2)

        try:
            for _ in adam_steps(theta, X, y, batch, cosine, seed):
                clock.look(theta)
        except OutOfTimeError:
            pass
        name = str(dtype).removeprefix("torch.")
        settings = {"width": width, "rate": rate, "batch": batch, "dtype": name, "seed": seed, "length": budget}
        return self._keep(Run("Adam", settings, clock.trace, theta))

    def lbfgs(self, width: int, rows_first: int, seed: int, after: Run | None = None) -> Run:
        """L-BFGS on so many rows, then on all; or from where a run of Adam ended, whose time is counted."""
        X, y = self.data[torch.float64]
        theta = starting_point(X.shape[1], width, seed) if after is None else after.theta.to(torch.float64)
        torch.set_num_threads(self.task.threads)
        time.sleep(SETTLE)
        clock = Clock(self.task, self.scale, self.budget)
        try:
            for rows in dict.fromkeys((rows_first, len(y))):
                best = [theta, math.inf]

                def keep(theta: torch.Tensor, loss: float, best: list = best) -> None:
                    if loss < best[1]:
                        best[:] = [theta.clone(), loss]
                    clock.look(best[0])

                lbfgs(theta, partial(loss_and_gradient, X=X[:rows], y=y[:rows]), keep)
                theta = best[0]
            clock.look(theta, last=True)
        except OutOfTimeError:
            pass
        if after is None:
            return self._keep(Run("L-BFGS", {"width": width, "rows_first": rows_first, "seed": seed}, clock.trace))
        spent = after.settings["length"]
        trace = after.trace + [(spent + seconds, value) for seconds, value in clock.trace]
        return self._keep(Run("Adam, L-BFGS", after.settings, trace))

    def all(self, between: Callable[[], None]) -> None:
        """Every peer; ``between`` is called between the groups."""
        n = len(self.task.y)
        for width in self.widths:
            for batch in (BATCH, n):
                for dtype in (torch.float32, torch.float64):
                    for rate in RATES:
                        self.adam(width, rate, batch, dtype, 0, SHORT)
            between()
            tried = sorted((r for r in self.runs if r.settings["width"] == width), key=lambda run: run.best)
            keys = ("rate", "batch", "dtype")
            finalists = [{key: run.settings[key] for key in keys} for run in tried[:2]]
            for seed, settings in enumerate(finalists, start=1):
                settings["dtype"] = getattr(torch, settings["dtype"])
                for part in (MIDDLE, 1.0):
                    self.adam(width, seed=seed, part=part, **settings)
            between()
            for seed in range(self.seeds):
                short = self.adam(width, seed=seed, part=SHORT, **finalists[0])
                self.lbfgs(width, n, seed, after=short)
            between()
            for seed in range(self.seeds):
                for rows in dict.fromkeys((min(n, SUBSET), n)):
                    self.lbfgs(width, rows, seed)
            between()

    def best(self) -> float:
        """Lowest error of all runs."""
        return min(run.best for run in self.runs)

    def fastest_to(self, wanted: float) -> tuple[float, Run | None]:
        """The shortest time to this error, and the run."""
        run = min(self.runs, key=lambda run: run.time_to(wanted))
        seconds = run.time_to(wanted)
        return (seconds, run) if seconds < math.inf else (math.inf, None)

    def expected(self, wanted: float) -> tuple[float, str]:
        """The shortest mean time to this error with restarts, over all settings tried from several starts."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            kept = {name: value for name, value in run.settings.items() if name != "seed"}
            groups.setdefault(str(Run(run.method, kept, [])), []).append(run)
        times = {name: restart_time(runs, wanted) for name, runs in groups.items() if len(runs) > 1}
        best = min(times, key=times.__getitem__)
        return times[best], best

    def _keep(self, run: Run) -> Run:
        self.runs.append(run)
        return run

    def _threads(self, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor, batch: int) -> int:
        """One thread or as many as allowed, whichever takes the shorter time for a gradient."""
        best = {}
        for threads in dict.fromkeys((1, self.task.threads)):
            torch.set_num_threads(threads)
            samples = []
            for _ in range(20 if batch < len(y) else 4):
                begin = clock()
                loss_and_gradient(theta, X[:batch], y[:batch])
                samples.append(clock() - begin)
            best[threads] = statistics.median(samples)
        return min(best, key=best.__getitem__)


# ---- the table ----
def seconds_text(seconds: float) -> str:
    """Three digits or so."""
    return "never" if math.isinf(seconds) else f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def section(n: int, threads: int, budget: float) -> Section:
    """The table without rows."""
    return Section(
        "learner_peers",
        f"learn(width=k) against PyTorch {torch.__version__}: n = {n:,}, {threads} threads, {budget:g} s for each run",
        [
            Column("family", "family"),
            Column("d", "d", thousands),
            Column("k", "k"),
            Column("noise", "noise"),
            Column("ours_seconds", "ours s", seconds_text),
            Column("ours_error", "our error", error),
            Column("peer_error", "peers' best", error),
            Column("peer_best_seconds", "at s", seconds_text),
            Column("peer_seconds_1e-4", "s to 1e-4", seconds_text),
            Column("peer_seconds_1e-6", "s to 1e-6", seconds_text),
            Column("peer_seconds_noise", "s to 1.5 ours", seconds_text),
            Column("common_error", "same error", error),
            Column("peer_common_seconds", "peer s", seconds_text),
            Column("ratio", "peer/ours", times),
            Column("ratio_1e-6", "to 1e-6", times),
            Column("expected_seconds", "restarts s", seconds_text),
            Column("expected_ratio", "restarts/ours", times),
            Column("successes", "runs"),
            Column("peer", "fastest peer to the same error"),
            Column("expected_peer", "best settings with restarts"),
        ],
        notes=[
            f"Seconds of {'the process' if clock is time.process_time else 'the wall clock'}.",
            "Errors: population squared error over the variance of the planted function, in closed form.",
            "Ours: all of learn, median of runs between those of the peers. Peers: the fastest of all runs to each",
            f"error (within {SLACK:g}), found by hindsight, the others not counted. Same error: the larger of the best",
            f"of both sides, at least {EXACT:.0e}. Runs: how many of the peers' runs ever come to it. The last",
            "ratio: the time of the fastest peer to 1e-6 over all of ours. Restarts: mean time to the same error of",
            "the best settings, begun anew from random starts, each given up at the moment that is best by hindsight.",
        ],
    )


def measure(
    case: str, noise: float, n: int, threads: int, budget: float, seeds: int
) -> tuple[dict[str, object], Peers]:
    """One row: the peers, with ours before, between and after."""
    family, d, k = CASES[case]
    planted = datasets.make_narrow_network(family, d, k, separation=0.1, seed=11)
    X, y = datasets.sample(planted, n, noise=noise, seed=12)
    task = Task(planted, X, y, threads)
    samples: list[float] = []
    errors: list[float] = []

    def ours() -> None:
        time.sleep(SETTLE)
        begin = clock()
        found = limbeck.learn(X, y, k, n_threads=threads)
        samples.append(clock() - begin)
        errors.append(max(task.error(found.network), EXACT))

    limbeck.learn(X[:1000], y[:1000], k, n_threads=threads)
    ours()
    peers = Peers(task, k, budget, seeds)
    peers.all(ours)
    seconds, ours_error, peer_error = statistics.median(samples), errors[-1], peers.best()
    common = SLACK * max(ours_error, peer_error)
    common_seconds, fastest = peers.fastest_to(common)
    expected_seconds, expected_peer = peers.expected(common)
    return {
        "family": family,
        "n": n,
        "d": d,
        "k": k,
        "noise": noise,
        "threads": threads,
        "ours_seconds": seconds,
        "ours_error": ours_error,
        "ours_samples": samples,
        "peer_error": peer_error,
        "peer_best_seconds": peers.fastest_to(SLACK * peer_error)[0],
        "peer_seconds_1e-4": peers.fastest_to(1e-4)[0],
        "peer_seconds_1e-6": peers.fastest_to(1e-6)[0],
        "peer_seconds_noise": peers.fastest_to(1.5 * ours_error)[0] if noise else None,
        "common_error": common / SLACK,
        "peer_common_seconds": common_seconds,
        "ratio": common_seconds / seconds,
        "ratio_1e-6": peers.fastest_to(1e-6)[0] / seconds if ours_error <= 1e-6 else None,
        "expected_seconds": expected_seconds,
        "expected_ratio": expected_seconds / seconds,
        "expected_peer": expected_peer if expected_seconds < math.inf else "none",
        "successes": f"{sum(run.time_to(common) < math.inf for run in peers.runs)}/{len(peers.runs)}",
        "peer": str(fastest),
    }, peers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few families, 10,000 rows, 2 s for a run of a peer")
    parser.add_argument("--families", nargs="+", choices=CASES, metavar="NAME", help=f"some of: {', '.join(CASES)}")
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.3], metavar="S")
    parser.add_argument("--budget", type=float, help="seconds for a run of a peer, default 30")
    parser.add_argument("--seeds", type=int, help="starts of L-BFGS, default 3")
    parser.add_argument("--rows", type=int, metavar="N", help="default 50,000")
    parser.add_argument("--threads", type=int, default=limbeck._base.config.config()["threads"])
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the rows and every trace to this file")
    parser.add_argument(
        "--processor-time", action="store_true", help="of the process, for one thread on a machine that others use"
    )
    options = parser.parse_args()
    if options.processor_time and int(options.threads) != 1:
        parser.error("processor time is that of all threads together: --processor-time goes with --threads 1")

    n = options.rows or (10_000 if options.quick else 50_000)
    budget = options.budget or (2.0 if options.quick else 30.0)
    seeds = options.seeds or (1 if options.quick else 3)
    about = machine.show()
    table = section(n, int(options.threads), budget)
    traces = []
    with threadpool_limits(int(options.threads)):
        for case in options.families or (QUICK_CASES if options.quick else CASES):
            for noise in options.noise:
                begin = time.perf_counter()
                row, peers = measure(case, noise, n, int(options.threads), budget, seeds)
                table.rows.append(row)
                runs = [{"run": str(run), "trace": run.trace} for run in peers.runs]
                traces.append({"case": case, "noise": noise, "runs": runs})
                print(f"{case}, noise {noise:g}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    print("\n" + render(table), flush=True)
    if options.json:
        report = {"machine": about, "budget": budget, "rows": table.rows, "traces": traces}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
