"""The command ``limbeck distill``: a small network from a Python function that answers queries."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.frames import default_names
from limbeck._cli.hints import column_hints
from limbeck._cli.options import (
    CommandError,
    Parser,
    add_search_options,
    network_path,
    nonnegative_int,
    output_path,
    positive_float,
    positive_int,
    progress_line_ended,
    r2_text,
    refusals,
    write,
)
from limbeck._cli.tables import add_drop_option, add_text_options, dialect_of, give_hints
from limbeck._learner.pipeline.result import learning_record
from limbeck._learner.report.intervals import r2_interval
from limbeck._learner.report.numbers import clipped, number
from limbeck._tables.errors import drop_options, listed
from limbeck._tables.files import SUFFIXES, open_table
from limbeck.blackbox import Distilled, TeacherError, distill
from limbeck.network._network_file import save_network_file
from limbeck.network._preprocessing import Preprocessing

__all__ = ["add_options"]

Function = Callable[[Float64Array], Any]


def add_options(parser: Parser) -> None:
    """Give the parser of the command its options and what it runs."""
    parser.description = _distill.__doc__
    add = parser.add_argument
    add(
        "function",
        metavar="MODULE:CALLABLE",
        help="of rows (n, d) to n numbers; MODULE is a module's name, from the current folder on, or a .py file",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--features", metavar="D", type=positive_int, help="number of features; queries are standard Gaussian"
    )
    where.add_argument(
        "--like",
        metavar="FILE",
        type=Path,
        help=f"take features, means and standard deviations of queries from a file: {', '.join(SUFFIXES)}",
    )
    add_drop_option(parser, "columns of --like that are no features")
    add(
        "--width",
        metavar="K",
        type=nonnegative_int,
        help="number of neurons, at most (default chosen from the answers)",
    )
    add("--queries", metavar="N", type=positive_int, help="largest number of queries (default 100,000)")
    add("--tolerance", metavar="T", type=positive_float, help="squared error over the variance to stop at")
    add(
        "--output",
        metavar="PATH",
        type=output_path,
        help="where the network goes (default CALLABLE.network.json, here)",
    )
    add_search_options(parser)
    add_text_options(parser)
    parser.set_defaults(run=_distill)


def _distill(arguments: argparse.Namespace) -> int:
    """Learn a small network from a Python function that answers queries, print what it does, and write it as JSON.

    Queries are Gaussian: standard ones, or with the means and standard deviations of a file's columns.
    """
    module, name = _names(arguments.function)
    output = network_path(arguments.output, name)
    preprocessing, like = _features(arguments, name)
    function = _loaded(module, name)
    d = len(preprocessing.features)
    started = time.perf_counter()
    try:
        with refusals(f"cannot distil {arguments.function}"), progress_line_ended(arguments.progress):
            found = distill(
                function,
                d,
                arguments.width,
                like=like,
                n_queries=arguments.queries,
                tolerance=arguments.tolerance,
                max_width=arguments.max_width,
                seed=arguments.seed,
                progress=arguments.progress,
                time_limit=arguments.time_limit,
                feature_names=preprocessing.features,
                target_name=preprocessing.target,
                n_threads=arguments.threads,
            )
    except TeacherError as error:
        raise CommandError(str(error).replace("teacher", name, 1)) from error
    took = time.perf_counter() - started
    write(
        lambda: save_network_file(output, found.network, preprocessing, learning_record(found, found.n_queries)), output
    )
    print(f"{arguments.function}: {found.n_queries:,} queries of {d} features\n\n{found}\n")
    for title, text in [*_summary(arguments, found), ("time", f"{took:.1f} s"), ("written", str(output))]:
        print(f"{title:<15}{text}")
    return 0


def _names(text: str) -> tuple[str, str]:
    """Names of the module and of the function in MODULE:CALLABLE."""
    module, colon, name = text.rpartition(":")
    if not colon or not module or not name:
        raise CommandError(f"name the function as MODULE:CALLABLE, got {text!r}")
    return module, name


def _loaded(module: str, name: str) -> Function:
    """Function named by the user, from a module on Python's path or in the current folder, or from a file."""
    try:
        found = _from_file(Path(module)) if module.endswith(".py") else _from_path(module)
    except CommandError:
        raise
    except (Exception, SystemExit) as error:  # whatever the module's own code may raise
        raise CommandError(f"cannot import {module}: {type(error).__name__}: {error}") from error
    value: Any = found
    for part in name.split("."):
        if not hasattr(value, part):
            raise CommandError(f"{module} has no {name!r}")
        value = getattr(value, part)
    if not callable(value):
        raise CommandError(f"{module}:{name} is not callable, but of type {type(value).__name__}")
    function: Function = value
    return function


def _from_path(module: str) -> ModuleType:
    """Module from Python's path, to which the current folder is added."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(module)


def _from_file(path: Path) -> ModuleType:
    """Module from a .py file, which may import its neighbours."""
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    name = f"limbeck_teacher_{path.stem}"  # not to take the place of a module of the same name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"cannot import {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # what the file imports may lie beside it
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _features(arguments: argparse.Namespace, target: str) -> tuple[Preprocessing, Float64Array | None]:
    """Names of the features, and the rows (n, d) that queries are to look like, if there are any."""
    if arguments.like is None:
        if arguments.drop:
            raise CommandError("--drop goes with --like")
        d = arguments.features
        return Preprocessing.none(default_names(d), False, tuple(range(d)), target, None, d), None
    table = open_table(arguments.like, dialect_of(arguments), columns=arguments.drop)
    dropped = {table.index(column) for column in arguments.drop}
    if table.labels is not None:
        dropped.add(table.labels)
    kept = [j for j in range(len(table.names)) if j not in dropped]
    if not kept:
        raise CommandError(f"{table.path} has no feature left: drop fewer columns")
    values = table.read(kept)
    if len(values) < 2:
        raise CommandError(f"{table.path} has {len(values)} rows: means and deviations need two")
    scales = values.std(axis=0)
    flat = [table.names[j] for j, scale in zip(kept, scales, strict=True) if not 0 < scale < np.inf]
    if flat:
        what = f"column {flat[0]!r} does" if len(flat) == 1 else f"columns {listed(flat, 3)} do"
        raise CommandError(f"{table.path}: {what} not vary: let them vary a little, or drop them, {drop_options(flat)}")
    give_hints(table, column_hints(table, kept, values))
    names = tuple(table.names[j] for j in kept)
    return Preprocessing.none(names, table.named, tuple(kept), target, None, len(table.names)), values


def _summary(arguments: argparse.Namespace, found: Distilled) -> list[tuple[str, str]]:
    """Lines about width, fidelity and error."""
    interval = r2_interval(np.asarray(found.validation_residuals), np.asarray(found.validation_targets))
    asked = f"at most {arguments.max_width}" if arguments.width is None else f"at most {arguments.width}, as asked"
    unit = f"in units of {clipped(arguments.function.rpartition(':')[2])!r}"
    return [
        ("width", f"{found.width}, {asked}"),
        (
            "fidelity R2",
            f"{r2_text(found.validation_r2)}, 95 % confidence interval {r2_text(interval.low)} to "
            f"{r2_text(interval.high)}, on {interval.rows:,} queries held out",
        ),
        ("error", f"{number(float(np.sqrt(found.validation_mse)))} root mean square on these, {unit}"),
    ]
