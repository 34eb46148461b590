"""The command ``limbeck learn``: a small network from a file of numbers."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._cli.options import (
    CommandError,
    Parser,
    add_search_options,
    learning_record,
    network_path,
    nonnegative_int,
    output_path,
    positive_int,
    progress_line_ended,
    r2_text,
    refusals,
    unit_fraction,
    write,
)
from limbeck._cli.tables import Columns, add_text_options, choose_columns, dialect_of, give_hints, read_columns
from limbeck._learner.model.input_tests import INPUTS
from limbeck._learner.pipeline.checks import FEWEST_ROWS
from limbeck._learner.report.intervals import r2_interval
from limbeck._learner.report.numbers import clipped, number
from limbeck._learner.tabular.cross_validation import FEWEST_HELD_OUT
from limbeck._tables.files import SUFFIXES, Table, open_table, stem
from limbeck.learn import Learned, learn
from limbeck.network._network_file import save_network_file
from limbeck.network._preprocessing import Preprocessing

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser("learn", help="learn a network from a file", description=_learn.__doc__)
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help=f"numbers in rows and columns: {', '.join(SUFFIXES)}")
    add("--target", metavar="COLUMN", help="name, or index from 0, negative from the end (default the last column)")
    add("--drop", metavar="COLUMN", action="append", default=[], help="leave a column out; may be repeated")
    add("--sample-weight", metavar="COLUMN", help="column of weights of the rows, at least 0")
    add("--width", metavar="K", type=nonnegative_int, help="number of neurons (default chosen from the data)")
    add("--inputs", choices=INPUTS, default="auto", help="how the features are distributed (default auto: tested)")
    add(
        "--output",
        metavar="PATH",
        type=output_path,
        help="where the network goes (default FILE's stem + .network.json, here)",
    )
    add("--validation", metavar="F", type=unit_fraction, default=0.1, help="fraction of rows held out (default 0.1)")
    add(
        "--sample-rows",
        metavar="N",
        type=positive_int,
        help="rows to search on where there are more (default by memory)",
    )
    add_search_options(parser)
    add_text_options(parser)
    parser.set_defaults(run=_learn)


def _learn(arguments: argparse.Namespace) -> int:
    """Learn a small network from a file of numbers, print what it does in sentences, and write it as JSON.

    The network is the one that limbeck.learn gives for the same rows and options.
    """
    started = time.perf_counter()
    output = network_path(arguments.output, stem(arguments.file))
    asked = [arguments.target, *arguments.drop, arguments.sample_weight]
    table = open_table(
        arguments.file, dialect_of(arguments), columns=[column for column in asked if column is not None]
    )
    columns = choose_columns(table, arguments.target, arguments.drop, arguments.sample_weight)
    values = read_columns(table, columns, arguments.target)
    _check(table, columns, values)
    give_hints(table, columns.features, values)
    read_in = time.perf_counter() - started
    rows = len(values) if columns.weight is None else int(np.count_nonzero(values[:, -1]))
    with _without_validation(arguments, rows):
        result = _learned(arguments, table, columns, values)
    took = time.perf_counter() - started - read_in
    write(
        lambda: save_network_file(
            output, result.network, _preprocessing(table, columns), learning_record(result, rows)
        ),
        output,
    )
    d = len(columns.features)
    print(f"{arguments.file.name}: {rows:,} rows, {d} feature{'s' if d > 1 else ''}\n\n{result}\n")
    summary = _summary(arguments, result, rows)
    for name, text in [*summary, ("time", f"{took:.1f} s to learn, {read_in:.1f} s to read"), ("written", str(output))]:
        print(f"{name:<15}{text}")
    return 0


def _check(table: Table, columns: Columns, values: Float64Array) -> None:
    """Refuse too few rows, and a target that does not vary."""
    n, target = len(values), values[:, len(columns.features)]
    if n < FEWEST_ROWS:
        raise CommandError(f"{table.path} has {n} row{'' if n == 1 else 's'}: give at least {FEWEST_ROWS}")
    if (target == target[0]).all():
        name, value = table.names[columns.target], number(float(target[0]))
        raise CommandError(f"{table.path}: constant target {name!r} (always {value}): choose --target")


@contextlib.contextmanager
def _without_validation(arguments: argparse.Namespace, rows: int) -> Iterator[None]:
    """Add the option that helps to an error about too few rows beside those held out."""
    try:
        yield
    except CommandError as error:
        used = min(rows, arguments.sample_rows or rows)
        if not arguments.validation or used < FEWEST_ROWS or "validation=" not in str(error):
            raise
        raise CommandError(f"{error}: hold none out, --validation 0, or give more rows") from error


def _learned(arguments: argparse.Namespace, table: Table, columns: Columns, values: Float64Array) -> Learned:
    """Result of the learner for the chosen columns."""
    d = len(columns.features)
    with refusals(f"cannot learn from {arguments.file}"), progress_line_ended(arguments.progress):
        return learn(
            values[:, :d],
            values[:, d],
            arguments.width,
            max_width=arguments.max_width,
            inputs=arguments.inputs,
            validation=arguments.validation,
            sample_weight=None if columns.weight is None else values[:, d + 1],
            sample_rows=arguments.sample_rows,
            seed=arguments.seed,
            progress=arguments.progress,
            time_limit=arguments.time_limit,
            feature_names=[table.names[j] for j in columns.features],
            target_name=table.names[columns.target],
            n_threads=arguments.threads,
        )


def _preprocessing(table: Table, columns: Columns) -> Preprocessing:
    """Names and places of the columns, for the network's file."""
    names, positions = tuple(table.names[j] for j in columns.features), tuple(columns.features)
    return Preprocessing.none(
        names, table.named, positions, table.names[columns.target], columns.target, len(table.names)
    )


def _summary(arguments: argparse.Namespace, result: Learned, rows: int) -> list[tuple[str, str]]:
    """Lines about width, rows, R2 and error, which the printed result leaves out."""
    residuals, targets = np.asarray(result.validation_residuals), np.asarray(result.validation_targets)
    if arguments.width is None:
        chosen = f"chosen from the data, at most {arguments.max_width}"
    else:
        chosen = (
            "as asked" if result.width == arguments.width else f"which do as well as the {arguments.width} asked for"
        )
    lines = [
        ("width", f"{result.width}, {chosen}"),
        ("rows", f"{rows - len(targets):,} to learn from, {len(targets):,} held out"),
    ]
    if not len(targets):
        return lines
    # For fewer rows the printed result has an R2 already, by cross-validation where that can be done.
    many = len(targets) >= FEWEST_HELD_OUT and arguments.sample_weight is None
    if many and math.isfinite((interval := r2_interval(residuals, targets)).low):
        lines += [
            (
                "validation R2",
                f"{r2_text(result.validation_r2)}, 95 % confidence interval {r2_text(interval.low)} to "
                f"{r2_text(interval.high)}",
            ),
            ("", f"({interval.resamples:,} bootstrap resamples of the {interval.rows:,} held-out rows)"),
        ]
    unit = f"in units of {clipped(result.target_name)!r}"
    error = number(math.sqrt(result.validation_mse))
    return [*lines, ("error", f"{error} root mean square on the {len(targets):,} held-out rows, {unit}")]
