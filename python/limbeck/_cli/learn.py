"""The command ``limbeck learn``: a small network from a file of numbers."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from limbeck._cli.blocks import by_blocks, learned_from_blocks
from limbeck._cli.options import (
    CommandError,
    Parser,
    add_search_options,
    fold_count,
    network_path,
    network_stem,
    nonnegative_int,
    output_path,
    positive_int,
    progress_line_ended,
    r2_text,
    refusals,
    search_options,
    unit_fraction,
    write,
)
from limbeck._cli.places import TablePlaces, with_places
from limbeck._cli.rows import LearningRows, learning_rows
from limbeck._cli.tables import ColumnChoice, add_drop_option, add_text_options, choose_columns, dialect_of, file_of
from limbeck._learner.model.input_tests import INPUTS
from limbeck._learner.pipeline.checks import FEWEST_ROWS
from limbeck._learner.pipeline.options import EXTRAPOLATIONS
from limbeck._learner.pipeline.result import learning_record
from limbeck._learner.report.intervals import r2_interval
from limbeck._learner.report.numbers import clipped, number
from limbeck._learner.tabular.cross_validation import FEWEST_HELD_OUT
from limbeck._tables.files import SUFFIXES, Table, open_table
from limbeck.learn import Learned, learn
from limbeck.network._network_file import save_network_file
from limbeck.network._preprocessing import Preprocessing

__all__ = ["add_options"]


def add_options(parser: Parser) -> None:
    """Give the parser of the command its options and what it runs."""
    parser.description = _learn.__doc__
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        type=Path,
        nargs="?",
        help=f"rows and columns: {', '.join(SUFFIXES)}, a folder of Parquet files, or - for the standard input",
    )
    add("--target", metavar="COLUMN", help="name, or index from 0, negative from the end (default the last column)")
    add_drop_option(parser)
    add(
        "--keep",
        metavar="COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="keep columns that are otherwise left out, as row numbers and identifiers are",
    )
    add(
        "--weights",
        "--sample-weight",
        dest="weights",
        metavar="COLUMN",
        help="column of weights of the rows, at least 0",
    )
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
    add(
        "--blocks",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="learn from Parquet and Feather files block by block (default where they are too large for the memory)",
    )
    add(
        "--extrapolate",
        choices=EXTRAPOLATIONS,
        default=EXTRAPOLATIONS[0],
        help="predictions far from the rows: within a tenth beyond the labels, or as the network continues",
    )
    add("--bag", metavar="N", type=fold_count, help="the mean of N networks, each learned without an Nth of the rows")
    add_search_options(parser)
    add_text_options(parser)
    parser.set_defaults(run=_learn)


def _learn(arguments: argparse.Namespace) -> int:
    """Learn a small network from a table, print what it does in sentences, and write it as JSON.

    Numbers, words, dates, true and false, and gaps are taken as they come. The network is the one that limbeck.learn
    gives for the same rows and options.
    """
    started = time.perf_counter()
    if arguments.bag and (arguments.blocks or arguments.sample_rows):
        other = "--blocks" if arguments.blocks else "--sample-rows"
        raise CommandError(f"--bag needs all rows in memory: leave out {other}")
    file = file_of(arguments, "drop", "keep", "words")
    output = network_path(arguments.output, network_stem(file))
    asked = [arguments.target, *arguments.drop, *arguments.keep, *arguments.words, arguments.weights]
    table = open_table(file, dialect_of(arguments), columns=[column for column in asked if column is not None])
    choice = choose_columns(table, arguments.target, arguments.drop, arguments.weights)
    if by_blocks(table, choice, arguments.blocks):
        rows, read_in = None, 0.0
        n, result = learned_from_blocks(arguments, table, choice)
    else:
        rows = learning_rows(table, choice, arguments.target, arguments.keep)
        _check(table, choice, rows)
        read_in = time.perf_counter() - started
        n = len(rows.labels) if rows.weights is None else int(np.count_nonzero(rows.weights))
        with _without_validation(arguments, n):
            result = _learned(arguments, table, choice, rows)
    took = time.perf_counter() - started - read_in
    places = tuple(choice.features) if rows is None else rows.places
    write(lambda: _save(output, table, choice, places, result, n), output)
    print(f"{table.path.name}: {n:,} rows, {_counted(result, len(places))}\n\n{result}\n")
    summary = _summary(arguments, result, n)
    for name, text in [*summary, ("time", f"{took:.1f} s to learn, {read_in:.1f} s to read"), ("written", str(output))]:
        print(f"{name:<15}{text}")
    return 0


def _counted(result: Learned, columns: int) -> str:
    """Number of features, or of the columns that they are made of."""
    what = "feature" if result.encoding is None or result.encoding.is_plain else "column"
    return f"{columns} {what}{'s' if columns > 1 else ''}"


def _save(
    output: Path, table: Table, choice: ColumnChoice, places: tuple[int, ...], result: Learned, rows: int
) -> None:
    """Write the network with the names and places of the columns, or with what became of them."""
    target, record = table.names[choice.target], learning_record(result, rows)
    if result.encoding is None:
        names = tuple(table.names[j] for j in places)
        known = Preprocessing.none(names, table.named, places, target, choice.target, len(table.names))
        save_network_file(output, result.network, known, record, prediction_range=result.prediction_range)
        return
    d = len(result.feature_names)
    known = Preprocessing.none(result.feature_names, table.named, tuple(range(d)), target, None, d)
    content = with_places(result.encoding.to_dict(), TablePlaces(len(table.names), places, choice.target))
    save_network_file(output, result.network, known, record, content, result.prediction_range)


def _check(table: Table, choice: ColumnChoice, rows: LearningRows) -> None:
    """Refuse too few rows, and a target that does not vary."""
    n, target = len(rows.labels), rows.labels
    if n < FEWEST_ROWS:
        raise CommandError(f"{table.path} has {n} row{'' if n == 1 else 's'}: give at least {FEWEST_ROWS}")
    if (target == target[0]).all():
        name, value = table.names[choice.target], number(float(target[0]))
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


def _learned(arguments: argparse.Namespace, table: Table, choice: ColumnChoice, rows: LearningRows) -> Learned:
    """Result of the learner for rows in memory."""
    X = rows.numbers
    names = None if X is None else [table.names[j] for j in rows.places]
    with refusals(f"cannot learn from {table.path}"), progress_line_ended(arguments.progress):
        return learn(
            rows.features if X is None else X,
            rows.labels,
            arguments.width,
            sample_weight=rows.weights,
            feature_names=names,
            target_name=table.names[choice.target],
            **search_options(arguments),
        )


def _summary(arguments: argparse.Namespace, result: Learned, rows: int) -> list[tuple[str, str]]:
    """Lines about width, rows, R2 and error, which the printed result leaves out."""
    residuals, targets = np.asarray(result.validation_residuals), np.asarray(result.validation_targets)
    if result.bag is not None:
        chosen = f"of {len(result.bag.widths)} networks together"
    elif arguments.width is None:
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
    many = len(targets) >= FEWEST_HELD_OUT and arguments.weights is None
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
