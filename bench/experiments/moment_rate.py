"""Error of the moment methods alone against rows, features and neurons, on all families of planted networks.

    python bench/experiments/moment_rate.py [--seeds 3] [--most-rows 256000] [--known FILE]
        [--out bench/experiments/moment_rate.png]

Labels have no noise, inputs are standard, refinement is off: errors are sampling errors of moments, over the variance
of the planted network. Three methods are compared (``moment_method`` of ``limbeck.learn``). Prints a table with slopes
in log-log and the dimensions of the span that were found, and draws three panels (needs the extra `plot`).

Where errors do not fall like 1 / n there are three reasons. A floor is a span with too few dimensions at every n of the
table. Where lower orders vanish (plane: order 2; plane6: 2 and 4; fan of 8: 2, 4 and 6), the first order that does not
is traceless, and of it contractions along random real directions keep a part of about d^(-(l - 2) / 2), less than
chance makes of so few rows: "one stage" and "subspace" then see no direction, and what is left is the error of a linear
fit, or of lines in a span of noise. The method of stages contracts along isotropic complex directions, which lose
nothing to traces. A slope steeper than -1 is the other side of this: a direction stays hidden up to some n, and is
found from there on. A slope flatter than -1 belongs to close neurons: that two lines at an angle of 0.1 are two
(collinear), or that a clump of three is more than one or two (clumps), shows in differences that are smaller than
chance, and each method takes fewer lines, or lines farther off, until rows tell. fan_even of 8 lines is plane_even.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import limbeck

FAMILIES = {
    "generic": 3,
    "positive": 3,
    "collinear": 2,
    "clumps": 3,
    "plane": 4,
    "plane6": 6,
    "plane_even": 8,
    "fan": 8,
    "antipodal": 4,
    "lowrank": 6,
}
METHODS = ("stages", "one stage", "subspace")
FEATURES, ROWS, FEWEST = 10, 64_000, 4000
ALL_FEATURES, ALL_WIDTHS = (5, 10, 20, 40), (1, 2, 3, 4, 6)
Key = tuple[str, int, int, int, str]


def error(family: str, d: int, k: int, n: int, method: str, seed: int) -> tuple[float, int]:
    """Population error of what is learned, over the variance of the planted network, and dimensions found."""
    planted = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    X, y = limbeck.datasets.sample(planted, n, seed=1000 + seed)
    options = {"inputs": "standard", "refine": False, "validation": 0, "n_threads": 1}
    learned = limbeck.learn(X, y, k, moment_method=method, **options)
    return max(learned.network.distance(planted) / planted.variance(), 1e-33), learned.subspace.rank


class Table:
    """Geometric means over seeds of errors, each measured once, and mean dimensions found."""

    def __init__(self, seeds: int, known: Path | None) -> None:
        self.seeds, self.known = seeds, known
        self.found: dict[Key, tuple[float, float]] = {}
        self.lines: list[str] = []
        if known is not None and known.exists():
            self.found = {tuple(key): tuple(value) for key, value in json.loads(known.read_text())}

    def line(self, text: str) -> None:
        print(text, flush=True)
        self.lines.append(text)

    def of(self, family: str, d: int, k: int, n: int, method: str) -> tuple[float, float]:
        key = family, d, k, n, method
        if key not in self.found:
            errors, ranks = zip(*(error(family, d, k, n, method, s) for s in range(self.seeds)), strict=True)
            self.found[key] = float(np.exp(np.log(errors).mean())), float(np.mean(ranks))
            if self.known is not None:
                self.known.write_text(json.dumps(list(self.found.items())))
        return self.found[key]

    def rows(self, sizes: list[int]) -> None:
        """Errors against rows, for every family and method."""
        self.line(f"Error over variance, d = {FEATURES}, geometric means of {self.seeds} draws")
        heads = "".join(f"{f'n = {n:,}':>13}" for n in sizes)
        self.line(f"{'family':<11} {'k':>2} {'method':<10}{heads}{'slope':>7}  dimensions at the most rows")
        for family, k in FAMILIES.items():
            planted = limbeck.datasets.make_narrow_network(family, FEATURES, k, seed=0)
            span = np.linalg.matrix_rank(planted.weights, tol=1e-8)
            for method in METHODS:
                cells = [self.of(family, FEATURES, k, n, method) for n in sizes]
                errors = np.array([value for value, _ in cells])
                slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
                numbers = "".join(f"{value:>13.1e}" for value in errors)
                self.line(f"{family:<11} {k:>2} {method:<10}{numbers}{slope:>7.2f}  {cells[-1][1]:.1f} of {span}")

    def sizes(self, title: str, name: str, values: tuple[int, ...], family: str) -> None:
        """Errors against features or neurons, all else fixed."""
        self.line(f"\n{title}")
        self.line(f"{'method':<10}" + "".join(f"{f'{name} = {value}':>10}" for value in values) + f"{'slope':>7}")
        for method in METHODS:
            errors = [self.of(family, *self.shape(name, v), ROWS, method)[0] for v in values]
            slope = np.polyfit(np.log(values), np.log(errors), 1)[0]
            self.line(f"{method:<10}" + "".join(f"{value:>10.1e}" for value in errors) + f"{slope:>7.2f}")

    @staticmethod
    def shape(name: str, value: int) -> tuple[int, int]:
        """Numbers of features and neurons, one of them given."""
        return (value, 3) if name == "d" else (FEATURES, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-rows", type=int, default=256_000)
    parser.add_argument("--known", type=Path, help="file of what was measured before, which is added to")
    parser.add_argument("--out", default="bench/experiments/moment_rate.png")
    options = parser.parse_args()
    sizes = [n for n in (FEWEST * 4**i for i in range(6)) if n <= options.most_rows]
    table = Table(options.seeds, options.known)
    table.rows(sizes)
    table.sizes(f"Positive weights, k = 3, n = {ROWS:,}, by features", "d", ALL_FEATURES, "positive")
    table.sizes(f"Positive weights, d = {FEATURES}, n = {ROWS:,}, by neurons", "k", ALL_WIDTHS, "positive")
    Path(options.out).with_suffix(".txt").write_text("\n".join(table.lines) + "\n")
    draw(table, sizes, options.out)


def draw(table: Table, sizes: list[int], path: str) -> None:
    """Errors of all families by rows, of two of them by method, and of one by features."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 5.6), layout="constrained")
    colours = plt.get_cmap("tab20")
    for i, (family, k) in enumerate(FAMILIES.items()):
        values = [table.of(family, FEATURES, k, n, "stages")[0] for n in sizes]
        axes[0].loglog(sizes, values, "o-", markersize=4, color=colours(2 * i % 20 + i // 10), label=f"{family}, {k}")
    start = table.of("generic", FEATURES, FAMILIES["generic"], sizes[0], "stages")[0]
    axes[0].loglog(sizes, start * sizes[0] / np.array(sizes), "k--", linewidth=1, label="1 / n")
    axes[0].set(xlabel="rows n", ylabel="error over variance", title=f"Stages, d = {FEATURES}, by family and neurons")
    styles = dict(zip(METHODS, ("o-", "s--", "^:"), strict=True))
    for colour, family in zip(("tab:blue", "tab:orange", "tab:green"), ("generic", "collinear", "plane6"), strict=True):
        for method in METHODS:
            values = [table.of(family, FEATURES, FAMILIES[family], n, method)[0] for n in sizes]
            axes[1].loglog(sizes, values, styles[method], color=colour, markersize=4, label=f"{family}, {method}")
    axes[1].set(xlabel="rows n", title="Methods")
    for method in METHODS:
        values = [table.of("positive", d, 3, ROWS, method)[0] for d in ALL_FEATURES]
        axes[2].loglog(ALL_FEATURES, values, styles[method], markersize=4, label=method)
    first = table.of("positive", ALL_FEATURES[0], 3, ROWS, "stages")[0]
    axes[2].loglog(ALL_FEATURES, first * np.array(ALL_FEATURES) / ALL_FEATURES[0], "k--", linewidth=1, label="d")
    axes[2].set(xlabel="features d", title=f"Three positive neurons, n = {ROWS:,}")
    axes[2].set_xticks(ALL_FEATURES, ALL_FEATURES)
    axes[2].xaxis.set_minor_formatter("")
    for ax in axes:
        ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
        ax.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
