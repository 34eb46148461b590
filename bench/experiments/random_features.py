"""Exponents of a teacher and of its student: random features with a ridge, beside ridgeless regression on all features.

    python bench/experiments/random_features.py [--quick] [--trials 120] [--out PNG]

p = 4,000, eigenvalues i^-1.5, eigenvalue times squared coefficient i^-4; teacher and student have n rows each, n = 50
to 800. Lines are predictions, points trials with two standard errors; exponents are slopes of log risk over log n, with
the weights of the trials. Arrangements:

interpolating teacher    noise of variance 0.5; teacher of 2 n random features, without a ridge; student of 2 n random
                         features of its own, ridge 0.6 n^(-alpha / 4): the teacher does not improve at all.
narrow teacher           no noise; teacher of 3 n^(1/2) random features, without a ridge; student of 2 n random
                         features, ridge 0.3 (3 n^(1/2))^(-alpha (2 alpha + 1) / (3 alpha + 1)).
ridgeless, no noise      all features in both stages.
ridgeless, noise         the same with noise of variance 0.5.

Limits for n far below p, with k = min(r - 1, 2 alpha) = 3: the interpolating teacher keeps its noise and the student
has n^(-k / (k + 1)); the narrow teacher lacks what its W misses, of the order nu ~ N^-alpha, most of which scatters
about a mean error of only nu^2, and the student averages over it: nu^(2 (2 alpha + 1) / (3 alpha + 1)). Ridgeless
regression has n^-k in both stages, and keeps its noise in both. Needs the extra `plot`.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render

from limbeck.distillation import (
    NearPeakWarning,
    Simulation,
    Task,
    random_feature_risk,
    risk,
    simulate,
    simulate_random_features,
    two_stage_risk,
)

P, ALPHA, R, NOISE = 4000, 1.5, 4.0, 0.5
SIZES = (50, 100, 200, 400, 800)
K = min(R - 1, 2 * ALPHA)
AVERAGED = (2 * ALPHA + 1) / (3 * ALPHA + 1)  # power of the narrow teacher's nu that is the student's
FEW = 3.0  # features of the narrow teacher, over the root of n


@dataclass
class Arrangement:
    """A teacher and a student for each number of rows."""

    name: str
    noise: float
    limits: tuple[float, float]  # exponents of teacher and student
    options: Callable[[int], tuple[dict[str, float], dict[str, float]]] | None  # of both; None without random features

    def predictions(self, n: int) -> tuple[float, float]:
        task = Task.power_law(P, ALPHA, R, self.noise)
        if self.options is None:
            return risk(task, n), two_stage_risk(task, n, task, n, label_noise=0.0)
        teacher, student = self.options(n)
        return random_feature_risk(task, n, **teacher), random_feature_risk(task, n, **student)

    def trials(self, n: int, count: int) -> tuple[Simulation, Simulation]:
        task = Task.power_law(P, ALPHA, R, self.noise)
        if self.options is None:
            second = simulate(task, n, surrogate_task=task, m=n, label_noise=0.0, trials=count, seed=n)
            return simulate(task, n, trials=count, seed=n + 1), second
        teacher, student = self.options(n)
        second = simulate_random_features(task, n, **student, trials=count, seed=n)
        return simulate_random_features(task, n, **teacher, trials=count, seed=n + 1), second


def interpolating(n: int) -> tuple[dict[str, float], dict[str, float]]:
    """A teacher that fits noise, a student of another W with a ridge."""
    ridge = 0.6 * n ** (-ALPHA / (1 + K))
    return {"n_features": 2 * n}, {"n_features": 2 * n, "m": n, "teacher_features": 2 * n, "ridge": ridge}


def narrow(n: int) -> tuple[dict[str, float], dict[str, float]]:
    """A teacher of few random features, a student of many with a ridge."""
    few = round(FEW * n**0.5)
    ridge = 0.3 * few ** (-ALPHA * AVERAGED)
    return {"n_features": few}, {"n_features": 2 * n, "m": n, "teacher_features": few, "ridge": ridge}


ARRANGEMENTS = (
    Arrangement("interpolating teacher", NOISE, (0.0, K / (1 + K)), interpolating),
    Arrangement("narrow teacher", 0.0, (ALPHA / 2, ALPHA * AVERAGED), narrow),
    Arrangement("ridgeless, no noise", 0.0, (K, K), None),
    Arrangement("ridgeless, noise", NOISE, (0.0, 0.0), None),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 200 rows")
    parser.add_argument("--trials", type=int, default=120)
    parser.add_argument("--out", default="bench/experiments/random_features.png")
    options = parser.parse_args()
    sizes = SIZES[:3] if options.quick else SIZES
    exponents = Section(
        "random_feature_exponents",
        f"Exponents of teacher and student; trials: {options.trials} for each size, fewer beyond 200 rows",
        [
            Column("arrangement", "arrangement"),
            Column("model", "model"),
            Column("limit", "limit", fixed(3)),
            Column("predicted", "predicted", fixed(3)),
            Column("measured", "trials", fixed(3)),
            Column("error", "+-", fixed(3)),
            Column("off", "off by (errors)", fixed(1)),
        ],
        notes=[
            f"Limit: for many rows, far fewer than features; these end at {P:,}, so that noise adds more the more rows "
            "there are. Predicted: the slope of predictions, fitted as that of the trials."
        ],
    )
    risks = Section(
        "random_feature_risks",
        "Risks",
        [
            Column("arrangement", "arrangement"),
            Column("model", "model"),
            Column("n", "n"),
            Column("predicted", "predicted", lambda value: f"{value:.4g}"),
            Column("measured", "trials", lambda value: f"{value:.4g}"),
            Column("error", "+-", lambda value: f"{value:.1g}"),
            Column("off", "off by (errors)", fixed(1)),
        ],
    )
    for arrangement in ARRANGEMENTS:
        for i, rows in enumerate(measure(arrangement, sizes, options.trials)):
            risks.rows += rows
            exponents.rows.append(slopes(rows, arrangement.limits[i]))
    text = render(exponents) + "\n\n" + render(risks)
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(exponents.rows, risks.rows, options.out)


def measure(
    arrangement: Arrangement, sizes: tuple[int, ...], trials: int
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows of the table of risks, of the teacher and of the student."""
    both: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    for n in sizes:
        # Risks scatter less the more rows there are.
        predicted, found = arrangement.predictions(n), arrangement.trials(n, max(min(trials, trials * 200 // n), 2))
        for rows, model, value, simulation in zip(both, ("teacher", "student"), predicted, found, strict=True):
            error = simulation.standard_error
            rows.append(
                {
                    "arrangement": arrangement.name,
                    "model": model,
                    "n": n,
                    "predicted": float(value),
                    "measured": simulation.mean,
                    "error": error,
                    "off": (simulation.mean - value) / error,
                }
            )
    return both


def slopes(rows: list[dict[str, object]], limit: float) -> dict[str, object]:
    """Exponents of predictions and of trials, by least squares with the weights of the trials."""
    x = np.log([row["n"] for row in rows])
    relative = np.array([row["error"] / row["measured"] for row in rows])
    design = np.stack([np.ones_like(x), -x], axis=1) / relative[:, None]
    inverse = np.linalg.inv(design.T @ design)
    found = {
        key: float((inverse @ design.T @ (np.log([row[key] for row in rows]) / relative))[1])
        for key in ("predicted", "measured")
    }
    error = float(np.sqrt(inverse[1, 1]))
    first = {key: rows[0][key] for key in ("arrangement", "model")}
    return {**first, "limit": limit, **found, "error": error, "off": (found["measured"] - found["predicted"]) / error}


def draw(exponents: list[dict[str, object]], risks: list[dict[str, object]], path: str) -> None:
    """A panel for each arrangement."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(ARRANGEMENTS), figsize=(14, 4), layout="constrained")
    for ax, arrangement in zip(axes, ARRANGEMENTS, strict=True):
        for model, colour in (("teacher", "#E69F00"), ("student", "#0072B2")):
            rows = [row for row in risks if (row["arrangement"], row["model"]) == (arrangement.name, model)]
            slope = next(r for r in exponents if (r["arrangement"], r["model"]) == (arrangement.name, model))
            n = [row["n"] for row in rows]
            label = f"{model}: {slope['measured']:.2f} +- {slope['error']:.2f}, predicted {slope['predicted']:.2f}"
            ax.plot(n, [row["predicted"] for row in rows], color=colour, label=label)
            means, errors = [row["measured"] for row in rows], [2 * row["error"] for row in rows]
            ax.errorbar(n, means, errors, fmt="o", ms=4, capsize=2, color=colour)
        ax.set_title(arrangement.name)
        ax.set_xscale("log")
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * 3)
        ax.set_xticks(SIZES, [str(n) for n in SIZES])
        ax.set_xticks([], minor=True)
        ax.set_xlabel("rows n of each")
        ax.legend(frameon=False, fontsize=8, title="exponents", title_fontsize=8)
    axes[0].set_ylabel("excess risk")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    warnings.simplefilter("error", NearPeakWarning)
    main()
