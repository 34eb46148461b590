"""Few rows: the error of limbeck.learn beside that of networks trained in PyTorch, picked by validation.

    python bench/experiments/few_samples.py [--quick] [--seeds COUNT] [--rows N ...] [--noise S ...] [--json PATH]

Generic planted networks, d = 50, k = 4; every seed plants another one. The peers are Adam (batches of 256, three
learning rates, cosine) and L-BFGS (strong Wolfe, with and without weight decay) at widths k, 4k and 64, each from five
starts. They hold out 20 % of the rows, stop where the error on these is lowest, and of all the runs the one that is
lowest there is taken. Beside it stands what it becomes with all rows: at width k it goes on, with L-BFGS, to the least
squares of all rows; a wider one runs again for as many steps. And beside that, the best of all runs by hindsight.
"""

import argparse
import contextlib
import itertools
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Section, fixed, render, thousands

import limbeck
from experiments import learner_peers as students
from limbeck import ReLUNetwork, datasets

D, K = 50, 4
ROWS = (1000, 2000, 4000)
WIDTHS = (K, 4 * K, 64)
RESTARTS = 5
RATES = (3e-3, 1e-2, 3e-2)
DECAYS = (0.0, 1e-3)
HELD_OUT = 0.2
BATCH = 256
ADAM_STEPS, LOOK_EVERY = 1500, 25
LBFGS_EVALUATIONS, PATIENCE, LAST_EVALUATIONS, HISTORY = 1000, 60, 200, 30
EXACT = 1e-18  # an error on the rows held out, over the variance of y, that is only rounding
FLOOR = 1e-20  # relative errors below count as this in the geometric means
SIDES = {
    "ours": "learn(X, y)",
    "ours_width": f"learn(X, y, {K})",
    "peer": "PyTorch",
    "peer_refit": "PyTorch, all rows",
    "peer_hindsight": "PyTorch, hindsight",
}


@dataclass(frozen=True)
class Settings:
    """A method, the width, the learning rate of Adam or the weight decay of L-BFGS, and the start."""

    method: str
    width: int
    value: float
    start: int


@dataclass
class Fit:
    """The parameters that were best on the rows held out, their error there, and the steps that led to them."""

    settings: Settings
    theta: torch.Tensor = field(repr=False)
    validation: float = math.inf
    steps: int = 0

    def look(self, theta: torch.Tensor, step: int, X: torch.Tensor, y: torch.Tensor) -> None:
        """Keep these parameters if they are better."""
        value = students.mean_squared_error(theta, X, y)
        if value < self.validation:
            self.theta, self.validation, self.steps = theta.clone(), value, step


Rows = tuple[torch.Tensor, torch.Tensor]


def adam(settings: Settings, used: Rows, held_out: Rows | None, steps: int | None = None) -> Fit:
    """Float32; with ``held_out`` the best step, without it the step of number ``steps``."""
    X, y = (part.to(torch.float32) for part in used)
    theta = students.starting_point(D, settings.width, settings.start, torch.float32)
    fit = Fit(settings, theta)
    done = itertools.count()

    def cosine() -> float:
        return settings.value * max(1e-4, (1 + math.cos(math.pi * min(1.0, next(done) / ADAM_STEPS))) / 2)

    if held_out is not None:
        held_out = tuple(part.to(torch.float32) for part in held_out)
    for step in students.adam_steps(theta, X, y, BATCH, cosine, settings.start):
        if held_out is not None and step % LOOK_EVERY == 0:
            fit.look(theta, step, *held_out)
        if step >= (steps or ADAM_STEPS):
            break
    if held_out is None:
        fit.theta = theta
    return fit


def lbfgs(
    settings: Settings,
    used: Rows,
    held_out: Rows | None,
    steps: int | None = None,
    theta: torch.Tensor | None = None,
) -> Fit:
    """Float64; ``steps`` counts evaluations; from ``theta`` if there is one."""
    if theta is None:
        theta = students.starting_point(D, settings.width, settings.start)
    fit = Fit(settings, theta)
    evaluations = itertools.count(1)

    def value(theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, gradient = students.loss_and_gradient(theta, *used)
        if settings.value:
            loss = loss + settings.value * torch.dot(theta, theta)
            gradient.add_(theta, alpha=2 * settings.value)
        return loss, gradient

    def after(theta: torch.Tensor, _: float) -> None:
        step = next(evaluations)
        if held_out is None:
            fit.theta = theta.clone()
            if step >= steps:
                raise students.OutOfTimeError
            return
        fit.look(theta, step, *held_out)
        if step - fit.steps > PATIENCE or step >= LBFGS_EVALUATIONS or fit.validation < EXACT:
            raise students.OutOfTimeError

    with contextlib.suppress(students.OutOfTimeError):
        students.lbfgs(theta, value, after, history=HISTORY)
    return fit


METHODS: dict[str, tuple[Callable[..., Fit], tuple[float, ...]]] = {"Adam": (adam, RATES), "L-BFGS": (lbfgs, DECAYS)}


def peer_networks(X: np.ndarray, y: np.ndarray, planted: ReLUNetwork, seed: int, restarts: int) -> dict[str, object]:
    """Errors of the peers: picked by validation, that run again on all rows, and the best by hindsight."""
    scale = float(np.std(y))
    rows = torch.tensor(X), torch.tensor(y / scale)
    count = round(HELD_OUT * len(y))
    held_out, used = (rows[0][:count], rows[1][:count]), (rows[0][count:], rows[1][count:])
    begin = time.perf_counter()
    fits = [
        run(Settings(method, width, value, RESTARTS * seed + start), used, held_out)
        for method, (run, values) in METHODS.items()
        for width in WIDTHS
        for value in values
        for start in range(restarts)
    ]
    seconds = time.perf_counter() - begin
    chosen = min(fits, key=lambda fit: fit.validation)
    again = on_all_rows(chosen, rows)
    errors = [relative_error(students.network(fit.theta, D, scale), planted) for fit in [*fits, again]]
    return {
        "peer": relative_error(students.network(chosen.theta, D, scale), planted),
        "peer_refit": relative_error(students.network(again.theta, D, scale), planted),
        "peer_hindsight": min(errors),
        "peer_seconds": seconds,
        "peer_width": chosen.settings.width,
        "chosen": f"{chosen.settings.method} width={chosen.settings.width} {chosen.settings.value:g}",
    }


def on_all_rows(chosen: Fit, rows: Rows) -> Fit:
    """A narrow network goes on to the least squares of all rows; a wide one, which would overfit, runs again."""
    settings = chosen.settings
    if settings.width == K:
        plain = Settings("L-BFGS", K, 0.0, settings.start)
        return lbfgs(plain, rows, None, LAST_EVALUATIONS, chosen.theta.to(torch.float64))
    return METHODS[settings.method][0](settings, rows, None, chosen.steps)


def relative_error(net: ReLUNetwork, planted: ReLUNetwork) -> float:
    """Population squared error over the variance of the planted function."""
    return max(net.distance(planted) / planted.variance(), FLOOR)


def measure(n: int, noise: float, seed: int, restarts: int) -> dict[str, object]:
    """All sides on one planted network."""
    planted = datasets.make_narrow_network("generic", D, K, seed=1000 + seed)
    X, y = datasets.sample(planted, n, noise=noise, seed=2000 + seed)
    result: dict[str, object] = {"n": n, "noise": noise, "seed": seed}
    for side, width in (("ours", None), ("ours_width", K)):
        begin = time.perf_counter()
        found = limbeck.learn(X, y, width, n_threads=1)
        result[f"{side}_seconds"] = time.perf_counter() - begin
        result[f"{side}_neurons"] = found.width
        result[side] = relative_error(found.network, planted)
    return result | peer_networks(X, y, planted, seed, restarts)


def summary(results: list[dict[str, object]], rows: list[int], noises: list[float]) -> Section:
    """Geometric means over the seeds."""
    table = Section(
        "few_samples",
        f"Relative population error, d = {D}, k = {K}, geometric means over the seeds; one thread",
        [
            Column("n", "n", thousands),
            Column("noise", "noise"),
            Column("seeds", "seeds"),
            *(Column(side, header, lambda value: f"{value:.2g}") for side, header in SIDES.items()),
            Column("wins", "ours lower"),
            Column("wins_width", f"with {K} lower"),
            Column("ours_seconds", "ours s", fixed(2)),
            Column("ours_width_seconds", f"with {K} s", fixed(2)),
            Column("peer_seconds", "PyTorch s", fixed(1)),
        ],
        notes=[
            "PyTorch: the run with the lowest error on 20 % of the rows, of all methods, widths, settings and starts;",
            f"all rows: that network taken on to the least squares of all rows if its width is {K}, else the same run",
            "again with these rows in it; hindsight: the lowest true error of all those networks.",
            f"Ours lower: than the lower of the first two, in so many seeds. Errors below {FLOOR:.0e} count as it.",
        ],
    )
    for noise, n in itertools.product(noises, rows):
        group = [r for r in results if r["n"] == n and r["noise"] == noise]
        if not group:
            continue
        row: dict[str, object] = {"n": n, "noise": noise, "seeds": len(group)}
        for side in SIDES:
            row[side] = float(np.exp(np.mean(np.log([r[side] for r in group]))))
        for wins, side in (("wins", "ours"), ("wins_width", "ours_width")):
            row[wins] = f"{sum(r[side] < min(r['peer'], r['peer_refit']) for r in group)}/{len(group)}"
        for key in ("ours_seconds", "ours_width_seconds", "peer_seconds"):
            row[key] = float(np.median([r[key] for r in group]))
        table.rows.append(row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, 1000 and 2000 rows, one start a setting")
    parser.add_argument("--seeds", type=int, metavar="COUNT", help="default 20")
    parser.add_argument("--rows", type=int, nargs="+", metavar="N", help="default 1000, 2000 and 4000")
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.3], metavar="S")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write every result to this file")
    options = parser.parse_args()

    rows = options.rows or list(ROWS[:2] if options.quick else ROWS)
    about = machine.show()
    torch.set_num_threads(1)
    results = []
    with threadpool_limits(1):
        for seed in range(options.seeds or (1 if options.quick else 20)):
            for noise, n in itertools.product(options.noise, rows):
                result = measure(n, noise, seed, 1 if options.quick else RESTARTS)
                results.append(result)
                print(json.dumps(result), file=sys.stderr, flush=True)
    table = summary(results, rows, options.noise)
    print("\n" + render(table), flush=True)
    if options.json:
        report = {"machine": about, "rows": table.rows, "results": results}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
