"""Runs of methods on splits of tables: what is not yet known is fitted, one after another on one thread."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.fit_results import Result, Results
from experiments.table_methods import LIMBECK, Fitter, Shape, measure, missing

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # rows and labels to fit, rows and labels to predict
SLOW = 20.0  # CPU seconds of a fit, beyond which a peer gets fewer splits
SLOW_SPLITS = 3


@dataclass(frozen=True)
class Table:
    """A table with its splits, by seed or number."""

    name: str
    X: np.ndarray
    y: np.ndarray
    seeds: Sequence[int]
    split: Callable[[np.ndarray, np.ndarray, int], Split]

    def parts(self, seed: int) -> Split:
        """One split."""
        return self.split(self.X, self.y, seed)


def _fit(method: str, fit: Fitter, table: Table, seed: int) -> Result:
    parts = table.parts(seed)  # faults of the data are no failures of a method
    try:
        r2, rmse, seconds, shape = measure(fit, *parts)
    except Exception as error:  # a peer may raise anything; the failure stays in the results
        print(f"{method} failed on {table.name}, {seed}: {error!r}", file=sys.stderr, flush=True)
        r2, rmse, seconds, shape = np.nan, np.nan, 0.0, Shape(0)
    rows, columns = table.X.shape
    counts = (shape.size, shape.neurons, shape.features, shape.zeros)
    return Result(method, table.name, seed, rows, columns, r2, rmse, round(seconds, 4), *counts)


def _wanted(results: Results, method: str, table: Table, seed: int) -> bool:
    """Whether a fit is still to be done; slow peers get the first splits alone, limbeck all."""
    old = results.get(method, table.name, seed)
    if old is not None:
        if (old.rows, old.columns) != table.X.shape:
            kept = f"{old.rows} rows and {old.columns} columns"
            raise ValueError(f"the results are of another {table.name}: {kept} there, {table.X.shape} in the folder")
        return False
    if method.startswith(LIMBECK):
        return True
    known = [one for one in (results.get(method, table.name, other) for other in table.seeds) if one is not None]
    return len(known) < SLOW_SPLITS or max(one.seconds for one in known) <= SLOW


def fill(results: Results, fitters: Mapping[str, Fitter], tables: Sequence[Table], again: Collection[str] = ()) -> None:
    """Fit what is missing: method by method, small tables first, one split of each before the next.

    Results of the methods in ``again`` are replaced, one by one.
    """
    tables = sorted(tables, key=lambda table: (table.X.size, table.name))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # epochs that did not converge, and the like
        for method, fit in fitters.items():
            begun = time.perf_counter()
            count = 0
            for place in range(max((len(table.seeds) for table in tables), default=0)):
                for table in tables:
                    if place >= len(table.seeds):
                        continue
                    seed = table.seeds[place]
                    is_old = method in again and results.get(method, table.name, seed) is not None
                    if is_old or _wanted(results, method, table, seed):
                        results.add(_fit(method, fit, table, seed))
                        count += 1
            print(f"{method}: {count} fits, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def arguments(description: str, picture: bool) -> argparse.ArgumentParser:
    """Options that scripts of this kind share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, metavar="FILE.csv", help="keep fits here, and do not repeat them")
    parser.add_argument("--again", nargs="+", default=[], metavar="METHOD", help="fit these anew")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="these alone")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="tables whose names have one of these")
    parser.add_argument("--no-fits", action="store_true", help="show what the results hold")
    parser.add_argument("--output", type=Path, metavar="FILE.txt", help="write the text here, too")
    if picture:
        parser.add_argument("--picture", type=Path, metavar="FILE.png")
    return parser


def run(
    options: argparse.Namespace, fitters: Mapping[str, Fitter], tables: Sequence[Table]
) -> tuple[list[Result], list[str]]:
    """Fit what the options ask for; all results of it, and the lines that name what could not be run."""
    unknown = {*options.again, *(options.methods or [])} - fitters.keys()
    if unknown:
        raise SystemExit(f"no method {', '.join(sorted(unknown))}; there are {', '.join(fitters)}")
    if not tables:
        raise SystemExit(f"no table in {options.folder} that is asked for")
    fitters = {name: fit for name, fit in fitters.items() if name in (options.methods or fitters)}
    absent = {name: missing(name) for name in fitters}
    names = [table.name for table in tables]
    for name in options.again:
        if options.no_fits or name not in fitters or absent[name]:
            reason = "--no-fits" if options.no_fits else absent.get(name) or "--methods leaves it out"
            raise SystemExit(f"--again {name}: it is not fitted ({reason})")
    results = Results(options.results)
    if not options.no_fits:
        fill(results, {name: fit for name, fit in fitters.items() if not absent[name]}, tables, options.again)
    found = results.of(fitters, names)
    present = {one.method for one in found}
    return found, [f"not run: {name} ({absent[name] or 'no results'})" for name in fitters if name not in present]
