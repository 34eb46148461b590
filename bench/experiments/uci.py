"""UCI sets with their standard splits: limbeck beside published MC dropout, and beside peers that run quickly.

    python bench/experiments/uci.py FOLDER [--results FILE.csv] [--again METHOD ...] [--methods METHOD ...]
        [--only WORD ...] [--no-fits] [--output FILE.txt]

FOLDER has a folder for each set, with data.txt or data.txt.gz (numbers, the label last) and index_test_K.txt, the test
rows of split K, from 0; all other rows train. Needs scikit-learn and threadpoolctl; peers that are not installed are
named and left out, as in srbench.py, whose options these are. `limbeck` is the default call, `limbeck 64` one with
`max_width=64`.

RMSE is the mean over splits, with its standard error. That of MC dropout is published as the mean over the standard
twenty splits: with fewer splits in the folder the comparison is rough, above all on small sets. A peer whose fit takes
more than 20 s is fitted on the first three splits alone, which is said below the table.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, render

from experiments.fit_results import Result
from experiments.table_fits import Split, Table, arguments, run
from experiments.table_methods import LIMBECK, PEERS, limbeck_fitter

WIDE = f"{LIMBECK} 64"
METHODS = {
    LIMBECK: limbeck_fitter(),
    WIDE: limbeck_fitter(max_width=64),
    **{name: fit for name, fit in PEERS.items() if name != "EBM"},  # EBM takes half a minute on small sets
}
# Mean test RMSE over the twenty standard splits.
MC_DROPOUT = {"bostonHousing": 2.90, "energy": 0.54, "kin8nm": 0.079, "yacht": 0.67}
ALLOWED = {"kin8nm": 1.05}  # times the published error; 1 elsewhere


def split(folder: Path, X: np.ndarray, y: np.ndarray, number: int) -> Split:
    """Rows that are not in the file of test rows train."""
    test = np.loadtxt(folder / f"index_test_{number}.txt", ndmin=1)
    rows = test.astype(int)
    if not (np.array_equal(rows, test) and len(set(rows.tolist())) == len(rows)):
        raise ValueError(f"{folder.name}, split {number}: not all test rows are integers that differ")
    if rows.size == 0 or rows.min() < 0 or rows.max() >= len(X):
        raise ValueError(f"{folder.name}, split {number}: test rows outside of 0 to {len(X) - 1}, or none")
    train = np.ones(len(X), bool)
    train[rows] = False
    return X[train], y[train], X[rows], y[rows]


def load(folder: Path) -> Table:
    """A set with the numbers of its splits."""
    data = next(path for name in ("data.txt.gz", "data.txt") if (path := folder / name).exists())
    values = np.loadtxt(data, ndmin=2)
    numbers = sorted(int(path.stem.rpartition("_")[2]) for path in folder.glob("index_test_*.txt"))
    return Table(folder.name, values[:, :-1], values[:, -1], numbers, partial(split, folder))


def sets(options: argparse.Namespace) -> list[Table]:
    """Sets of the folder that are asked for."""
    folders = sorted({path.parent for path in options.folder.glob("*/data.txt*")})
    return [load(one) for one in folders if not options.only or any(word in one.name for word in options.only)]


def errors(found: Sequence[Result]) -> dict[str, dict[str, list[Result]]]:
    """Results that did not fail, by set and method."""
    grouped: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        if not np.isnan(one.rmse):
            grouped[one.table][one.method].append(one)
    return grouped


def mean_error(results: Sequence[Result]) -> tuple[float, float]:
    """Mean RMSE and its standard error; NaN where there is one split."""
    values = np.array([one.rmse for one in results])
    spread = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return float(values.mean()), float(spread)


def report(found: Sequence[Result], absent: Sequence[str]) -> str:
    """Errors, seconds and sizes of each method on each set, and what is wanted of limbeck."""
    grouped = errors(found)
    methods = [name for name in METHODS if any(of_methods.get(name) for of_methods in grouped.values())]
    head = [Column("set", "set"), Column("rows", "rows"), Column("columns", "columns"), Column("splits", "splits")]
    columns = [*head, Column("dropout", "MC dropout"), *(Column(name, name) for name in methods)]
    table = Section("rmse", "Test RMSE, mean over splits and standard error", columns)
    sizes = Section(
        "sizes", "CPU seconds of a fit (one thread) and size, medians", [head[0], *columns[-len(methods) :]]
    )
    fewer = []
    for name, of_methods in sorted(grouped.items()):
        one = next(iter(of_methods.values()))[0]
        most = max(map(len, of_methods.values()))
        row: dict[str, object] = {"set": name, "rows": one.rows, "columns": one.columns, "splits": most}
        row["dropout"] = f"{MC_DROPOUT[name]:.3g}" if name in MC_DROPOUT else None
        size: dict[str, object] = {"set": name}
        for method, results in of_methods.items():
            mean, spread = mean_error(results)
            row[method] = f"{mean:.4f} ({spread:.4f})" if mean < 0.2 else f"{mean:.3f} ({spread:.3f})"
            seconds, count = (np.median([getattr(one, field) for one in results]) for field in ("seconds", "size"))
            size[method] = f"{seconds:.2f} s {count:.0f}"
            if len(results) < most:
                fewer.append(f"{method} on {name}: {len(results)} splits")
        table.rows.append(row)
        sizes.rows.append(size)
    failed = [f"failed: {one.method} on {one.table}, {one.seed}" for one in found if np.isnan(one.rmse)]
    return "\n\n".join([render(table), render(sizes), "\n".join([*fewer, *verdicts(grouped), *absent, *failed])])


def verdicts(grouped: dict[str, dict[str, list[Result]]]) -> list[str]:
    """limbeck beside the published errors."""
    lines = []
    for name, published in MC_DROPOUT.items():
        for method in (LIMBECK, WIDE):
            results = grouped.get(name, {}).get(method)
            if results:
                mean, _ = mean_error(results)
                bound = published * ALLOWED.get(name, 1)
                verdict = "yes" if mean <= bound else "NO"
                lines.append(f"wanted: {method} on {name} at most {bound:.3g}; {mean:.3g}: {verdict}")
    return lines


def main() -> None:
    parser = arguments(__doc__, picture=False)
    options = parser.parse_args()
    found, absent = run(options, METHODS, sets(options))
    text = report(found, absent)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
