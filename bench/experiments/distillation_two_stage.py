"""Two stages: a target labelled by a surrogate that was itself fitted to few rows, to other rows, or to few features.

    python bench/experiments/distillation_two_stage.py [--trials 200] [--out PNG]

p = 500, eigenvalues i^-2, eigenvalue times squared coefficient i^-1.5, a target on 200 rows; lines are predictions,
points trials with two standard errors. Needs the extra `plot`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render, thousands

from limbeck.distillation import Task, compare_labels, simulate, surrogate_risk, two_stage_risk

P, N, NOISE = 500, 200, 0.1
TASK = Task.power_law(P, 2.0, 1.5)
SURROGATES = {
    "same features": Task(TASK.eigenvalues, TASK.beta),
    "noisy labels": Task(TASK.eigenvalues, TASK.beta, NOISE),
    "other variances": Task(np.arange(1.0, P + 1) ** -1.2, TASK.beta, NOISE),
}
ROWS = (50, 100, 200, 300, 700, 1000, 2000, 5000, 20_000)
SEEN, ROWS_OF_WEAK = (10, 20, 50, 100, 150, 203, 300, 400, 500), 2000


def row(stage: str, value: int, surrogate: Task, m: int, seen: np.ndarray, trials: int) -> dict[str, object]:
    """Prediction and trials of one setting."""
    options = {"surrogate_task": surrogate, "m": m, "features": seen}
    found = simulate(TASK, N, trials=trials, seed=value, **options)
    predicted = float(two_stage_risk(TASK, N, **options))
    return {
        "stage": stage,
        "value": value,
        "alone": float(surrogate_risk(TASK, surrogate, m, features=seen)),
        "predicted": predicted,
        "mean": found.mean,
        "error": found.standard_error,
        "off": (found.mean - predicted) / found.standard_error,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--out", default="bench/experiments/distillation_two_stage.png")
    options = parser.parse_args()
    known = compare_labels(TASK, N)
    table = Section(
        "two_stage",
        f"A target on {N} rows, labelled by a surrogate",
        [
            Column("stage", "surrogate"),
            Column("value", "rows / features", thousands),
            Column("alone", "its own risk", fixed(4)),
            Column("predicted", "target's risk", fixed(4)),
            Column("mean", "trials", fixed(4)),
            Column("error", "+-", fixed(4)),
            Column("off", "off by (errors)", fixed(1)),
        ],
        notes=[
            f"True labels {known.true_labels:.4f}, best mask {known.best_mask:.4f} ({known.kept} features), "
            f"best surrogate {known.best_surrogate:.4f}. Weak: sees the leading features of {ROWS_OF_WEAK:,} rows."
        ],
    )
    everything = np.ones(P, dtype=bool)
    for name, surrogate in SURROGATES.items():
        table.rows += [row(name, m, surrogate, m, everything, options.trials) for m in ROWS]
    for q in SEEN:
        table.rows.append(row("weak", q, SURROGATES["same features"], ROWS_OF_WEAK, np.arange(P) < q, options.trials))
    text = render(table)
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(table.rows, known.true_labels, known.best_mask, options.out)


def draw(rows: list[dict[str, object]], true_labels: float, best_mask: float, path: str) -> None:
    """A panel for surrogates on more and more rows, one for weak ones that see more and more features."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")

    def curve(ax: plt.Axes, some: list[dict[str, object]], label: str, colour: str) -> None:
        values = [one["value"] for one in some]
        ax.plot(values, [one["predicted"] for one in some], color=colour, label=label)
        ax.errorbar(
            values,
            [one["mean"] for one in some],
            [2 * one["error"] for one in some],
            fmt="o",
            ms=4,
            capsize=2,
            c=colour,
        )

    for name, colour in zip(SURROGATES, ("#0072B2", "#E69F00", "#009E73"), strict=True):
        curve(axes[0], [one for one in rows if one["stage"] == name], f"target: {name}", colour)
    weak = [one for one in rows if one["stage"] == "weak"]
    curve(axes[1], weak, "target", "#0072B2")
    axes[1].plot([one["value"] for one in weak], [one["alone"] for one in weak], "--", c="#E69F00", label="surrogate")
    axes[0].set_xlabel(f"rows of the surrogate (p = {P})")
    axes[1].set_xlabel(f"features that the surrogate sees, on {ROWS_OF_WEAK:,} rows")
    for ax in axes:
        ax.axhline(true_labels, color="#000000", linewidth=0.8, label="target on true labels")
        ax.axhline(best_mask, color="#000000", linewidth=0.8, linestyle=":", label="target on the best mask")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylabel("excess risk")
        ax.legend(frameon=False, fontsize=8)
    axes[1].set_ylim(bottom=0.02)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
