"""Scaling exponents of power laws, predicted and simulated, for the true labels, the best surrogate and the best mask.

    python bench/experiments/distillation_scaling.py [--quick] [--trials 100] [--out PNG]

Eigenvalues i^-alpha, eigenvalue times squared coefficient i^-r. Predictions for p = 200,000 and n up to 1,600, trials
for p = 20,000 and n up to 400; the paper (arXiv 2410.18837, section 5) gives min(r - 1, 2 alpha) for n far below p.
What follows +- is the drift of the local exponents, for trials with their standard error: a spread, and no standard
error of the limit. Needs the extra `plot`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render

from limbeck.distillation import ScalingLaw, Task, scaling_law
from limbeck.plots import plot_scaling

EXPONENTS = ((1.5, 1.8), (2.0, 1.5), (2.0, 2.5), (1.2, 4.0), (1.5, 5.0))
LABELS = {"true": None, "best": "best", "mask": "mask"}
PREDICTED = (200_000, (100, 200, 400, 800, 1600))
SIMULATED = (20_000, (50, 100, 200, 400))


def exponent(law: ScalingLaw) -> str:
    """With its drift, and the error from trials."""
    return f"{law.exponent:.3f} +- {np.hypot(law.drift, law.trial_error):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two power laws")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--out", default="bench/experiments/distillation_scaling.png")
    options = parser.parse_args()
    table = Section(
        "scaling",
        f"Exponents of the risk; trials: {options.trials} for each size",
        [
            Column("alpha", "alpha"),
            Column("r", "r"),
            Column("labels", "labels"),
            Column("expected", "min(r - 1, 2 alpha)", fixed(2)),
            Column("predicted", "from predictions", exponent),
            Column("simulated", "from trials", exponent),
            Column("off", "off over +-", fixed(1)),
        ],
        notes=[
            "+-: drift of local exponents, with the error from trials. "
            "Off: of the exponent from trials from min(r - 1, 2 alpha)."
        ],
    )
    for alpha, r in EXPONENTS[:2] if options.quick else EXPONENTS:
        for name, labels in LABELS.items():
            table.rows.append(measure(alpha, r, name, labels, options.trials))
    text = render(table)
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(table.rows, options.out)


def measure(alpha: float, r: float, name: str, labels: str | None, trials: int) -> dict[str, object]:
    """One row of the table."""
    predicted = scaling_law(Task.power_law(PREDICTED[0], alpha, r), PREDICTED[1], labels)
    simulated = scaling_law(Task.power_law(SIMULATED[0], alpha, r), SIMULATED[1], labels, trials=trials)
    expected = min(r - 1, 2 * alpha)
    return {
        "alpha": alpha,
        "r": r,
        "labels": name,
        "expected": expected,
        "predicted": predicted,
        "simulated": simulated,
        "off": (simulated.exponent - expected) / float(np.hypot(simulated.drift, simulated.trial_error)),
    }


def draw(rows: list[dict[str, object]], path: str) -> None:
    """True labels and best surrogate; a panel for predictions and one for trials."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    for ax, key, title in ((axes[0], "predicted", "Predictions"), (axes[1], "simulated", "Trials")):
        for i, row in enumerate(row for row in rows if row["labels"] != "mask"):
            law, label = row[key], f"{row['alpha']:g}, {row['r']:g}, {row['labels']}"
            plot_scaling(law, ax, label=label, color=plt.get_cmap("tab20")(i))
        ax.set_title(f"{title}: alpha, r, labels")
        ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
