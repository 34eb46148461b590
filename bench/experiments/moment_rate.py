"""Error of the moment method alone against the number of rows: it falls like 1 / n; refined, it is rounding.

    python bench/experiments/moment_rate.py [--seeds 5] [--out bench/experiments/moment_rate.png]

Prints a table with the slope in log-log of each family, and draws it (needs the extra `plot`).
"""

from __future__ import annotations

import argparse

import numpy as np

import limbeck

FAMILIES = (("generic", 20, 2), ("generic", 50, 4), ("positive", 50, 4))
ROWS = (5_000, 10_000, 20_000, 40_000, 80_000, 160_000)


def error(family: str, d: int, k: int, n: int, seed: int, *, refine: bool) -> float:
    """Population error of what is learned, over the variance of the planted network."""
    planted = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    X, y = limbeck.datasets.sample(planted, n, seed=1000 + seed)
    learned = limbeck.learn(X, y, k, inputs="standard", refine=refine, validation=0)
    return max(learned.network.distance(planted) / planted.variance(), 1e-33)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="bench/experiments/moment_rate.png")
    options = parser.parse_args()
    means: dict[tuple[str, int, int], np.ndarray] = {}
    print(f"{'family':<10} {'d':>3} {'k':>2} {'n':>7} {'moments alone':>14} {'refined':>9}  (geometric means)")
    for family, d, k in FAMILIES:
        rows = []
        for n in ROWS:
            both = [
                np.exp(np.mean([np.log(error(family, d, k, n, s, refine=refine)) for s in range(options.seeds)]))
                for refine in (False, True)
            ]
            rows.append(both)
            print(f"{family:<10} {d:>3} {k:>2} {n:>7} {both[0]:>14.2e} {both[1]:>9.1e}", flush=True)
        means[family, d, k] = np.array(rows)
        slope = np.polyfit(np.log(ROWS), np.log(means[family, d, k][:, 0]), 1)[0]
        print(f"  slope {slope:.2f}")
    draw(means, options.out)


def draw(means: dict[tuple[str, int, int], np.ndarray], path: str) -> None:
    """Log-log, one line for a family."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for (family, d, k), values in means.items():
        axes.loglog(ROWS, values[:, 0], "o-", label=f"{family}, d = {d}, k = {k}")
    reference = next(iter(means.values()))[0, 0] * ROWS[0] / np.array(ROWS)
    axes.loglog(ROWS, reference, "k--", linewidth=1, label="1 / n")
    axes.set_xlabel("rows n")
    axes.set_ylabel("error over variance")
    axes.set_title("The moment method alone, without label noise")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
