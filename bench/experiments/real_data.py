"""Real tables: limbeck.learn(inputs="any") beside scikit-learn's MLPRegressor, cross-validated, with times.

    python bench/experiments/real_data.py [--out bench/experiments/real_data.txt]

Needs scikit-learn, pandas, mlxtend and ISLP (install ISLP with --no-deps: it would pull a GPU build of PyTorch). Five
folds, shuffled with seed 0; scaling is learned within the folds. The peer has a hundred hidden units, standardised
inputs and labels, early stopping and at most 500 epochs; ours at most sixteen neurons. Set OMP_NUM_THREADS and
OPENBLAS_NUM_THREADS for both alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from mlxtend.data import autompg_data, boston_housing_data
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Requirement, Section, fixed, milliseconds, render, times

import limbeck

Data = tuple[np.ndarray, np.ndarray]


def islp(name: str, target: str, drop: tuple[str, ...] = (), numbers_only: bool = False) -> Data:
    """A table of ISLP: rows without gaps, categories as indicators, log1p of the target."""
    spec = importlib.util.find_spec("ISLP")
    assert spec is not None
    assert spec.origin is not None
    table = pd.read_csv(Path(spec.origin).parent / "data" / f"{name}.csv")
    table = (table.select_dtypes("number") if numbers_only else table).dropna()
    X = pd.get_dummies(table.drop(columns=[target, *drop]), drop_first=True, dtype=float)
    return X.to_numpy(float), np.log1p(table[target].to_numpy(float))


def autompg() -> Data:
    """Without the column of names, which mlxtend gives as NaN."""
    X, y = autompg_data()
    return X[:, ~np.isnan(X).all(axis=0)], y


TABLES = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "boston_housing": boston_housing_data,
    "autompg": autompg,
    "Hitters": lambda: islp("Hitters", "Salary"),
    "Wage": lambda: islp("Wage", "wage", ("logwage",)),
    "Bikeshare": lambda: islp("Bikeshare", "bikers", ("casual", "registered")),
    "College": lambda: islp("College", "Apps", numbers_only=True),
}


def peer() -> TransformedTargetRegressor:
    """The network of scikit-learn, with standardised inputs and labels."""
    network = MLPRegressor(early_stopping=True, max_iter=500, random_state=0)
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())


def score(values: np.ndarray, y: np.ndarray) -> float:
    """R2."""
    return 1 - float(np.sum(np.square(y - values)) / np.sum(np.square(y - y.mean())))


def measure(name: str) -> dict[str, object]:
    """One row of the table: both sides in turn on every fold."""
    X, y = TABLES[name]()
    ours, theirs, seconds, widths = [], [], np.zeros(2), []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        begin = time.perf_counter()
        found = limbeck.learn(X[train], y[train], inputs="any", validation=0.0)
        middle = time.perf_counter()
        other = peer().fit(X[train], y[train])
        seconds += [middle - begin, time.perf_counter() - middle]
        ours.append(score(found.network(X[test]), y[test]))
        theirs.append(score(other.predict(X[test]), y[test]))
        widths.append(found.width)
    return {
        "table": name,
        "rows": len(X),
        "features": X.shape[1],
        "neurons": "/".join(map(str, widths)),
        "ours": np.mean(ours),
        "peer": np.mean(theirs),
        "difference": np.mean(ours) - np.mean(theirs),
        "ours_seconds": seconds[0] / 5,
        "peer_seconds": seconds[1] / 5,
        "ratio": seconds[1] / seconds[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/experiments/real_data.txt")
    options = parser.parse_args()
    machine.show()
    warnings.simplefilter("ignore")  # epochs that did not converge
    table = Section(
        "real_data",
        "Cross-validated R2 on real tables, and seconds to train",
        [
            Column("table", "table"),
            Column("rows", "rows"),
            Column("features", "features"),
            Column("neurons", "neurons by fold"),
            Column("ours", "ours", fixed(3)),
            Column("peer", "MLP(100)", fixed(3)),
            Column("difference", "ours - MLP", fixed(3)),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("peer_seconds", "MLP ms", milliseconds),
            Column("ratio", "MLP/ours", times),
        ],
        requirements=[
            Requirement("difference", "not lower by more than 0.005", lambda value: value >= -0.005),
            Requirement("difference", "higher (on five)", lambda value: value > 0),
            Requirement("ratio", "faster", lambda ratio: ratio > 1),
        ],
    )
    table.rows = [measure(name) for name in TABLES]
    text = render(table)
    print("\n" + text)
    Path(options.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
