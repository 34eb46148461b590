"""Constants and exponents of scaling laws in closed form, beside predicted risks of many features.

    python bench/experiments/scaling_constants.py [--quick] [--out PNG]

First table: risks for p = 500,000 features and n = 5,000 rows, with what features beyond p would add, over the closed
forms at p = infinity. Second table: exponents with noise of variance one and the best ridge, for p = 20,000, beside
those of infinitely many features at the same rows and those of the limit. Needs the extra `plot`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render

from limbeck.distillation import Task, optimal_mask, optimal_surrogate, risk, scaling_constants, scaling_law

P, N = 500_000, 5000
CASES = ((1.5, 1.8), (2, 1.5), (2, 1.8), (3, 2.5), (2, 3), (2, 3.8), (1.3, 2.2), (4, 6), (6, 1.9), (1.2, 2))
NOISY = ((2, 1.8), (2, 3), (3, 2.5), (1.5, 6))
NOISY_P, SIZES = 20_000, (100, 200, 400, 800)
LABELS = {"true": None, "best": "best", "mask": "mask"}


def constants(alpha: float, r: float) -> dict[str, object]:
    """Closed forms, and predicted risks over them."""
    found = scaling_constants(alpha, r)
    ridge, hidden = (P + 0.5) ** (1 - alpha) / (alpha - 1) / N, (P + 0.5) ** (1 - r) / (r - 1)
    task = Task.power_law(P, alpha, r)
    risks = (
        risk(task, N, ridge=ridge, label_noise=hidden),
        risk(task, N, optimal_surrogate(task, N, ridge), ridge),
        risk(task, N, task.beta * optimal_mask(task, N, ridge), ridge),
    )
    law = np.array([found.true_labels, found.best, found.mask]) * N**-found.exponent
    over = (np.array(risks) + hidden) / law
    return {
        "alpha": alpha,
        "r": r,
        "true": found.true_labels,
        "best": found.best_ratio,
        "mask": found.mask_ratio,
        **dict(zip(("over true", "over best", "over mask"), over, strict=True)),
    }


def exponents(alpha: float, r: float, name: str) -> dict[str, object]:
    """A law with noise and the best ridge."""
    law = scaling_law(Task.power_law(NOISY_P, alpha, r, 1.0), SIZES, LABELS[name], ridge="best")
    middle = float(np.exp(np.log(SIZES).mean()))
    return {
        "alpha": alpha,
        "r": r,
        "labels": name,
        "found": law.exponent,
        "there": law.limit.local_exponent(middle),
        "limit": law.limit.exponent,
        "law": law,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two power laws of either table")
    parser.add_argument("--out", default="bench/experiments/scaling_constants.png")
    options = parser.parse_args()
    few = slice(2 if options.quick else None)
    first = Section(
        "constants",
        f"Ridgeless targets, without noise: risk = constant n^-(r - 1); p = {P:,}, n = {N:,}",
        [
            Column("alpha", "alpha"),
            Column("r", "r"),
            Column("true", "constant", fixed(4)),
            Column("best", "best / true", fixed(4)),
            Column("mask", "mask / true", fixed(4)),
            *(Column(f"over {name}", f"predicted / closed: {name}", fixed(5)) for name in LABELS),
        ],
        notes=["Closed forms are of many rows: predictions differ by parts of the order of r / n."],
        rows=[constants(*case) for case in CASES[few]],
    )
    second = Section(
        "exponents",
        f"Noise of variance one and the best ridge: exponents for n = {SIZES[0]} to {SIZES[-1]}, p = {NOISY_P:,}",
        [
            Column("alpha", "alpha"),
            Column("r", "r"),
            Column("labels", "labels"),
            Column("found", "fitted", fixed(3)),
            Column("there", "p = infinity, same rows", fixed(3)),
            Column("limit", "limit", fixed(3)),
        ],
        notes=["Limits: k / (1 + k), k = min(r - 1, 2 alpha); k / (1 + k - k / (2 alpha)) for the best surrogate."],
        rows=[exponents(*case, name) for case in NOISY[few] for name in LABELS],
    )
    text = "\n\n".join((render(first), render(second)))
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(second.rows, options.out)


def draw(rows: list[dict[str, object]], path: str) -> None:
    """What surrogates are worth by r, and risks with noise and the best ridge beside their laws."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    for i, alpha in enumerate((1.2, 1.5, 2.0, 4.0)):
        shares = np.linspace(0.002, 0.998, 200)
        found = [scaling_constants(alpha, 1 + 2 * alpha * share) for share in shares]
        axes[0].plot(
            shares, [one.best_ratio for one in found], color=f"C{i}", label=f"alpha = {alpha:g}: best surrogate"
        )
        axes[0].plot(shares, [one.mask_ratio for one in found], "--", color=f"C{i}", label="mask")
    axes[0].set_xlabel("(r - 1) / (2 alpha)")
    axes[0].set_ylabel("risk over that of true labels")
    axes[0].set_ylim(0, 1.02)
    axes[0].set_title("Closed forms for infinitely many features")
    axes[0].legend(frameon=False, fontsize=7, ncols=2)
    chosen = [row for row in rows if row["labels"] != "mask" and row["limit"] < 1][:6]
    sizes = np.geomspace(SIZES[0] / 2, 1e6, 25)
    for i, row in enumerate(chosen):
        law, colour, dashes = row["law"], f"C{i // 2}", "-" if row["labels"] == "true" else "--"
        label = f"alpha = {row['alpha']:g}, r = {row['r']:g}, {row['labels']}: n^-{row['limit']:.3f}"
        axes[1].loglog(sizes, law.limit.risks(sizes), dashes, color=colour, label=label)
        axes[1].loglog(sizes, law.limit.law(sizes), ":", color=colour, linewidth=0.8)
        axes[1].loglog(law.sample_sizes, law.risks, "o", color=colour, ms=3)
    axes[1].set_xlabel(f"rows n; points: p = {NOISY_P:,}, lines: infinitely many features")
    axes[1].set_ylabel("excess risk")
    axes[1].set_title("Noise and the best ridge: risks and their laws (dotted)")
    axes[1].legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
