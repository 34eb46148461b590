"""Stages of training: self-distillation beside ridge, early stopping, and collapse over ten generations.

    python bench/experiments/distillation_stages.py [--trials 60] [--out bench/experiments/distillation_stages.png]

p = 150, eigenvalues i^-1.1, random coefficients, labels with noise of variance 0.3. Prints two tables, each prediction
beside trials that are drawn anew, and draws three panels (needs the extra `plot`): risks over ridges with and without
self-distillation, risks over the time of gradient flow with bands of one standard deviation over draws, and risks by
generation of chains in which every model labels the rows of the next.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from limbeck.distillation import (
    GradientFlow,
    Ridge,
    Ridgeless,
    SelfDistillation,
    Stage,
    Task,
    chain_risk,
    optimal_ridge,
    risk,
    self_distillation,
    simulate,
)

ROWS, GENERATIONS, ROWS_OF_CHAIN = 100, 10, 300
GOLDEN = (5**0.5 - 1) / 2
CHAINS: dict[str, tuple[Stage, float]] = {
    "no fresh labels": (Ridgeless(), 0.0),
    "no fresh labels, ridge 0.01": (Ridge(0.01), 0.0),
    "fresh 0.3": (Ridgeless(), 0.3),
    "fresh 0.618": (Ridgeless(), GOLDEN),
    "fresh 0.9": (Ridgeless(), 0.9),
}


def the_task() -> Task:
    return Task(np.arange(1, 151.0) ** -1.1, np.random.default_rng(0).standard_normal(150), 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--out", default="bench/experiments/distillation_stages.png")
    options = parser.parse_args()
    task = the_task()
    text = "\n".join([*self_distillation_table(task, options.trials), "", *chain_table(task, options.trials)])
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(task, options.out)


def self_distillation_table(task: Task, trials: int) -> list[str]:
    """Risks of ridges, and of self-distillation with the best mixing."""
    best, least = optimal_ridge(task, ROWS)
    lines = [
        f"Self-distillation, n = {ROWS} rows; the best ridge is {best:.3g}, of risk {least:.4f}",
        "ridge   risk    one round (mixing)   simulated         two rounds   simulated",
    ]
    for ridge in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0):
        cells = [f"{ridge:<7g} {risk(task, ROWS, ridge=ridge):.4f}"]
        for rounds in (1, 2):
            found = self_distillation(task, ROWS, ridge, rounds=rounds)
            seen = simulate(task, ROWS, stage=SelfDistillation(ridge, found.mixing), trials=trials, seed=1)
            mixing = f" ({found.mixing:7.2f})    " if rounds == 1 else "      "
            cells.append(f"  {found.risk:.4f}{mixing} {seen.mean:.4f} +- {seen.standard_error:.4f}")
        lines.append("".join(cells))
    return lines


def chain_table(task: Task, trials: int) -> list[str]:
    """Risks by generation, predicted and in trials."""
    lines = [
        f"Chains, n = {ROWS_OF_CHAIN} rows a generation: predicted (standard deviation), and mean of trials",
        f"{'':28s}" + "".join(f"{f'generation {k}':>24s}" for k in (1, 3, 10)),
    ]
    for name, (stage, fresh) in CHAINS.items():
        predicted = chain_risk(task, [ROWS_OF_CHAIN] * GENERATIONS, stages=stage, fresh=fresh)
        seen = simulated_chain(task, stage, fresh, trials)
        cells = [f"{predicted.risks[k]:8.4f} ({predicted.standard_deviations[k]:.3f}) {seen[k]:.4f}" for k in (0, 2, 9)]
        lines.append(f"{name:28s}" + "".join(f"{cell:>24s}" for cell in cells))
    return lines


def simulated_chain(task: Task, stage: Stage, fresh: float, trials: int) -> np.ndarray:
    """Mean risks by generation, in plain NumPy."""
    rng, l, n = np.random.default_rng(5), task.eigenvalues, ROWS_OF_CHAIN
    risks = np.zeros(GENERATIONS)
    for _ in range(trials):
        b = task.beta
        for k in range(GENERATIONS):
            X = rng.standard_normal((n, len(l))) * np.sqrt(l)
            y = X @ b + np.sqrt(task.noise) * rng.standard_normal(n)
            if k:
                true = X @ task.beta + np.sqrt(task.noise) * rng.standard_normal(n)
                y = fresh * true + (1 - fresh) * y
            values, vectors = np.linalg.eigh(X.T @ X / n)
            b = vectors @ (stage.filter(values) * (vectors.T @ (X.T @ y))) / n
            risks[k] += (l * np.square(b - task.beta)).sum() / trials
    return risks


def draw(task: Task, path: str) -> None:
    """Three panels side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    ridges = np.logspace(-3, 0.5, 40)
    axes[0].loglog(ridges, [risk(task, ROWS, ridge=r) for r in ridges], label="ridge")
    for rounds, name in ((1, "one round of self-distillation"), (2, "two rounds")):
        axes[0].loglog(ridges, [self_distillation(task, ROWS, r, rounds=rounds).risk for r in ridges], label=name)
    axes[0].set(xlabel="ridge", ylabel="excess risk", title=f"Self-distillation, n = {ROWS}")
    times = np.logspace(0, 4, 50)
    for n in (60, 100, 400):
        found = [risk(task, n, stage=GradientFlow(t)) for t in times]
        spread = np.array([value.standard_deviation for value in found])
        (line,) = axes[1].loglog(times, found, label=f"n = {n}")
        axes[1].fill_between(
            times, np.array(found) - spread, np.array(found) + spread, color=line.get_color(), alpha=0.2
        )
    axes[1].set(xlabel="time of gradient flow", title="Early stopping, one standard deviation")
    for name, (stage, fresh) in CHAINS.items():
        chain = chain_risk(task, [ROWS_OF_CHAIN] * GENERATIONS, stages=stage, fresh=fresh)
        axes[2].plot(np.arange(1, GENERATIONS + 1), chain.risks, marker="o", markersize=3, label=name)
    axes[2].set(xlabel="generation", title=f"Chains, n = {ROWS_OF_CHAIN} rows each", yscale="log")
    for ax in axes:
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
