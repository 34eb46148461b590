"""The paper's setting: best surrogate, risks against rows with simulated points, and scaling exponents.

    python bench/experiments/distillation.py [--trials 200] [--out bench/experiments/distillation.png]

p = 500, eigenvalues i^-2, eigenvalue times squared coefficient i^-1.5 (arXiv 2410.18837). Prints a table and
draws three panels (needs the extra `plot`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from limbeck.distillation import Task, compare_labels, scaling_law, simulate
from limbeck.plots import plot_risks, plot_scaling, plot_surrogate

SIZES = (50, 75, 100, 150, 200, 250, 300, 350, 400, 450)
EXPONENTS = ((1.5, 1.8), (2.0, 1.5))
LAW_SIZES = (100, 200, 400, 800, 1600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--out", default="bench/experiments/distillation.png")
    options = parser.parse_args()
    task = Task.power_law(500, 2.0, 1.5)
    found = simulate(task, 200, trials=options.trials)
    text = f"{compare_labels(task, 200)}\n\ntrue labels, simulated: {found}"
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(task, options.trials, options.out)


def draw(task: Task, trials: int, path: str) -> None:
    """Three panels side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    plot_surrogate(task, 200, axes[0])
    plot_risks(task, SIZES, trials=trials, ax=axes[1])
    for alpha, r in EXPONENTS:
        for labels in (None, "best"):
            law = scaling_law(Task.power_law(200_000, alpha, r), LAW_SIZES, labels)
            plot_scaling(law, axes[2], label=f"{alpha:g}, {r:g}, {labels or 'true'}")
    axes[2].set_ylim(bottom=2e-3)  # room for the legend
    axes[2].set_title("Scaling: alpha, r, labels")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
