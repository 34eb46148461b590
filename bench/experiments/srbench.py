"""Tables of SRBench's black-box track: limbeck beside EBM, APLR, earth, Cubist, boosting, an MLP and ridge regression.

    python bench/experiments/srbench.py FOLDER [--results FILE.csv] [--again METHOD ...] [--methods METHOD ...]
        [--only WORD ...] [--no-fits] [--output FILE.txt] [--picture FILE.png]

FOLDER has tables NAME.tsv.gz of numbers, column `target` the label, as the Penn Machine Learning Benchmarks have them;
and `published.csv`, if it is there: medians over the seeds of methods that SRBench publishes (dataset, method, r2_test,
model_size, seconds). Needs scikit-learn and threadpoolctl; peers that are not installed are named and left out:
interpret-core, aplr, cubist (Python), earth (R). Pictures need Matplotlib.

The protocol is SRBench's: for each of ten seeds three quarters of the rows train, at most 10,000 of these, and the
others test. Where a fit takes more than 20 s, three seeds. Every method has its default settings, a fixed random state
and one thread; seconds are those of the processor. What limbeck was fitted with may have changed since the peers were
run: `--again limbeck` fits it anew, the peers' rows stay. One program at a time may use a file of results.

R2 of a table is the median over seeds; two methods are compared on the seeds that both have. A rank is that of the
median, over tables that all methods have. Tables named `fri` are Friedman's: made, not measured, and shown apart.

Sizes are told in table_methods.py: numbers that are not zero for limbeck. Published sizes are nodes of an expression,
which counts a feature, a constant and an operation each: a coefficient with its feature is three nodes. `nodes` gives
limbeck's so: 3 for each coefficient, 1 for each sum, threshold, bias and ReLU, 2 for each output weight. Published sizes
of what has no expression are the authors': coefficients of linear models, nodes of trees, kernels' training rows.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render
from experiments.fit_results import Result
from experiments.table_fits import Split, Table, arguments, run
from experiments.table_methods import LIMBECK, NOTES, PEERS, limbeck_fitter

SEEDS = (23654, 15795, 860, 5390, 29802, 21962, 14423, 11284, 22118, 6265)
MOST_ROWS = 10_000
MARGINS = (0.02, 0.05)
Scores = dict[str, dict[str, dict[int, Result]]]  # by table, method and seed


def split(X: np.ndarray, y: np.ndarray, seed: int) -> Split:
    """SRBench's split of one seed."""
    np.random.seed(seed)  # noqa: NPY002: the protocol draws from the global state
    X, new, y, truth = train_test_split(X, y, train_size=0.75, test_size=0.25, random_state=seed)
    if len(X) > MOST_ROWS:
        kept = np.random.choice(len(X), MOST_ROWS, replace=False)  # noqa: NPY002
        X, y = X[kept], y[kept]
    return X, y, new, truth


def load(path: Path) -> Table:
    """A table of numbers with its seeds."""
    header = np.loadtxt(path, str, delimiter="\t", max_rows=1, comments=None)
    values = np.loadtxt(path, delimiter="\t", skiprows=1, ndmin=2)
    target = header == "target"
    if target.sum() != 1:
        raise ValueError(f"{path}: {target.sum()} columns are named target, wanted one")
    return Table(path.name.removesuffix(".tsv.gz"), values[:, ~target], values[:, target].ravel(), SEEDS, split)


def made(name: str) -> bool:
    """Whether a table is one of Friedman's."""
    return "_fri_" in name


def by_table(results: Iterable[Result]) -> Scores:
    """Results that did not fail, by table, method and seed."""
    scores: Scores = defaultdict(lambda: defaultdict(dict))
    for one in results:
        if not np.isnan(one.r2):
            scores[one.table][one.method][one.seed] = one
    return scores


def median(results: Iterable[Result], field: Callable[[Result], float] = lambda one: one.r2) -> float:
    """Median of one field."""
    return float(np.median([field(one) for one in results]))


def gap(first: dict[int, Result], second: dict[int, Result]) -> float:
    """Median R2 of the first less that of the second, on the seeds that both have; NaN where there are none."""
    both = sorted(first.keys() & second.keys())
    if not both:
        return np.nan
    return median(first[seed] for seed in both) - median(second[seed] for seed in both)


def ranks(scores: Sequence[float]) -> np.ndarray:
    """1 for the largest; equal ones share the mean of their places."""
    values = np.asarray(scores)
    above = (values[:, None] < values).sum(axis=1)
    return above + (1 + (values[:, None] == values).sum(axis=1)) / 2


def _cell(mine: dict[int, Result], peer: dict[int, Result]) -> str:
    """Median R2 with a mark where it is above limbeck's by more than the margins."""
    ahead = sum(gap(peer, mine) > margin for margin in MARGINS)
    return f"{median(peer.values()):.3f}{'+' * ahead:<2}"


def table_of_scores(scores: Scores, methods: Sequence[str], title: str) -> Section:
    """One row for each table."""
    columns = [Column("table", "table"), Column("rows", "rows"), Column("columns", "columns")]
    columns += [Column(name, name + "  ") for name in methods]
    marks = " ".join(f"{'+' * (i + 1)} ahead of limbeck by more than {m}." for i, m in enumerate(MARGINS))
    section = Section("scores", title, columns, [f"Medians over seeds. {marks}"])
    for name, of_methods in sorted(scores.items(), key=lambda item: _rows(item[1])):
        mine = of_methods.get(LIMBECK, {})
        cells = {method: _cell(mine, of_methods[method]) for method in methods if of_methods.get(method)}
        one = next(iter(next(iter(of_methods.values())).values()))
        section.rows.append({"table": name, "rows": one.rows, "columns": one.columns, **cells})
    return section


def _rows(of_methods: dict[str, dict[int, Result]]) -> int:
    return next(iter(next(iter(of_methods.values())).values())).rows


def mean_ranks(scores: Scores, methods: Sequence[str]) -> tuple[dict[str, float], int]:
    """Mean rank of each method on the tables that all have, and the number of these."""
    places = [
        ranks([median(of_methods[method].values()) for method in methods])
        for of_methods in scores.values()
        if all(of_methods.get(method) for method in methods)
    ]
    return dict(zip(methods, np.mean(places, axis=0), strict=True)) if places else {}, len(places)


def below_ridge(scores: Scores, method: str) -> tuple[int, int]:
    """How many fits are below ridge regression's on the same split by more than the larger margin, and of how many."""
    gaps = [
        of_methods["ridge"][seed].r2 - one.r2
        for of_methods in scores.values()
        for seed, one in of_methods.get(method, {}).items()
        if seed in of_methods.get("ridge", {})
    ]
    return sum(one > MARGINS[-1] for one in gaps), len(gaps)


def wins_and_losses(scores: Scores, method: str, margin: float) -> tuple[int, int, int]:
    """Tables on which a peer is ahead of limbeck by more than a margin, on which it is behind, and of how many."""
    gaps = [gap(of_methods.get(method, {}), of_methods.get(LIMBECK, {})) for of_methods in scores.values()]
    known = [one for one in gaps if not np.isnan(one)]
    return sum(one > margin for one in known), sum(one < -margin for one in known), len(known)


def table_of_methods(scores: Scores, methods: Sequence[str], title: str) -> Section:
    """One row for each method."""
    average, count = mean_ranks(scores, methods)
    columns = [
        Column("method", "method"),
        Column("fits", "fits"),
        Column("median", "median R2", fixed(3)),
        Column("mean", "mean, cut at 0", fixed(3)),
        Column("rank", f"mean rank ({count} tables)", fixed(2)),
        Column("worst", "worst fit", fixed(2)),
        *(Column(f"ahead{m}", f"ahead by {m}") for m in MARGINS),
        *(Column(f"behind{m}", f"behind by {m}") for m in MARGINS),
        Column("ridge", f"fits below ridge by {MARGINS[-1]}"),
        Column("size", "median size", fixed(0)),
        Column("seconds", "median s", fixed(3)),
        Column("longest", "longest s", fixed(1)),
    ]
    notes = ["Ahead and behind: tables, against limbeck. Seconds of the processor, one thread, medians of tables."]
    section = Section("methods", title, columns, notes)
    for method in methods:
        found = [of_methods[method] for of_methods in scores.values() if of_methods.get(method)]
        if not found:
            continue
        medians = [median(one.values()) for one in found]
        seconds = [median(one.values(), lambda result: result.seconds) for one in found]
        row = {
            "method": method,
            "fits": sum(map(len, found)),
            "median": np.median(medians),
            "mean": np.mean(np.maximum(medians, 0)),
            "rank": average.get(method),
            "worst": min(result.r2 for one in found for result in one.values()),
            "ridge": "{} of {}".format(*below_ridge(scores, method)),
            "size": np.median([median(one.values(), lambda result: result.size) for one in found]),
            "seconds": np.median(seconds),
            "longest": max(seconds),
        }
        if method != LIMBECK:
            for margin in MARGINS:
                row[f"ahead{margin}"], row[f"behind{margin}"], _ = wins_and_losses(scores, method, margin)
        section.rows.append(row)
    section.rows.sort(key=lambda row: np.inf if row["rank"] is None else row["rank"])
    return section
