"""The commands ``limbeck advise`` and ``limbeck weak-to-strong``: which labels to train a linear model on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.files import write_whole
from limbeck._base.frames import named_array
from limbeck._cli.options import (
    STANDARD_OUTPUT,
    CommandError,
    Parser,
    check_folder,
    network_path,
    output_path,
    refusals,
    say,
    write,
)
from limbeck._cli.tables import add_drop_option, add_text_options, dialect_of, file_of, give_hints
from limbeck._tables.files import SUFFIXES, Table, open_table
from limbeck.distillation import WeakToStrong, advise, weak_to_strong
from limbeck.network import ReLUNetwork
from limbeck.network._network_file import save_network_file
from limbeck.network._preprocessing import Preprocessing

__all__ = ["add_advise_options", "add_weak_to_strong_options"]

_CANDIDATES = ("principal components", "features", "ridge", "early stopping", "all")
_PICTURES = (".png", ".pdf", ".svg")


def add_advise_options(parser: Parser) -> None:
    """Give the parser of ``limbeck advise`` its options and what it runs."""
    parser.description = _advise.__doc__
    _add_columns(parser)
    add = parser.add_argument
    add("--surrogate", metavar="COLUMN", required=True, help="labels that the surrogate gives to the same rows")
    add_text_options(parser)
    parser.set_defaults(run=_advise)


def add_weak_to_strong_options(parser: Parser) -> None:
    """Give the parser of ``limbeck weak-to-strong`` its options and what it runs."""
    parser.description = _weak_to_strong.__doc__
    _add_columns(parser)
    add = parser.add_argument
    add("--output", metavar="PATH", type=output_path, help="write what is recommended here, for limbeck predict")
    add("--candidates", choices=_CANDIDATES, default="all", help="weak models to try (default all)")
    add("--report", metavar="PATH", type=output_path, help="write the report here; - is the standard output (default)")
    add("--picture", metavar="PATH", type=Path, help=f"draw the errors: {', '.join(_PICTURES)} (extra plot)")
    add_text_options(parser)
    parser.set_defaults(run=_weak_to_strong)


def _add_columns(parser: Parser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, nargs="?", help=f"numbers in rows and columns: {', '.join(SUFFIXES)}, or -")
    add("--target", metavar="COLUMN", required=True, help="labels that count: name, or index from 0")
    add("--cluster", metavar="COLUMN", help="numbers of groups of rows that belong together")
    add_drop_option(parser)


def _advise(arguments: argparse.Namespace) -> int:
    """Compare training on given labels, on a surrogate's labels, on mixtures of both and by self-distillation.

    The surrogate must not have been fitted to the given labels of the same rows.
    """
    X, named, _ = _columns(arguments, ("target", "surrogate", "cluster"))
    with refusals(f"cannot advise on {arguments.file}"):
        print(advise(X, named["target"], named["surrogate"], cluster=named.get("cluster")))
    return 0


def _weak_to_strong(arguments: argparse.Namespace) -> int:
    """Fit weak models, train a model on their labels, and say whether that is better than ridge regression."""
    report: Path | None = None if arguments.report is STANDARD_OUTPUT else arguments.report
    output = None if arguments.output is None else network_path(arguments.output, "")
    for path in (report, arguments.picture):
        if path is not None:
            check_folder(path)
    if arguments.picture is not None and arguments.picture.suffix.lower() not in _PICTURES:
        raise CommandError(f"--picture must end in {', '.join(_PICTURES)}, got {arguments.picture}")
    X, named, preprocessing = _columns(arguments, ("target", "cluster"))
    with refusals(f"cannot learn from {arguments.file}"):
        found = weak_to_strong(X, named["target"], candidates=arguments.candidates, cluster=named.get("cluster"))
    if arguments.picture is not None:
        _draw(found, arguments.picture)
    if report is None:
        print(found.report)
    else:
        write(lambda: write_whole(report, f"{found.report}\n".encode()), report)
    if output is not None:
        network = ReLUNetwork(np.empty((0, len(found.coef))), np.empty(0), linear=found.coef, bias=found.intercept)
        record = {"ridge_error": found.ridge_error, "error": found.error, "rows": found.n_rows}
        write(lambda: save_network_file(output, network, preprocessing, record), output)
    for what, path in (("report", report), ("picture", arguments.picture), ("model", output)):
        if path is not None:
            say(f"{what} written to {path}")
    return 0


def _columns(
    arguments: argparse.Namespace, options: tuple[str, ...]
) -> tuple[Float64Array, dict[str, Float64Array], Preprocessing]:
    """Features (n, p) of a file, the columns (n,) that options name, and names and places of the features."""
    arguments.file = file_of(arguments, "drop", "words")
    table: Table = open_table(arguments.file, dialect_of(arguments))
    places: dict[int, str] = {}
    for option in options:
        name = getattr(arguments, option)
        if name is None:
            continue
        place = table.index(name)
        if place in places:
            raise CommandError(f"column {table.names[place]!r} cannot be both --{places[place]} and --{option}")
        places[place] = option
    dropped = {table.index(column) for column in arguments.drop}
    for place in dropped & set(places):
        raise CommandError(f"column {table.names[place]!r} is --{places[place]} and cannot be dropped")
    features = [j for j in range(len(table.names)) if j not in places and j not in dropped]
    if not features:
        raise CommandError(f"{arguments.file} has no feature beside the columns that options name: give more columns")
    values = table.read(features)
    named = {option: _labels(table, place, option) for place, option in places.items()}
    give_hints(table)
    known = ~np.any([np.isnan(labels) for option, labels in named.items() if option != "cluster"], axis=0)
    if not known.all():
        what = " or ".join(option for option in named if option != "cluster")
        count = int((~known).sum())
        rows, are = ("1 row has", "is") if count == 1 else (f"{count:,} rows have", "are")
        say(f"warning: {table.path.name}: {rows} no value of the {what} and {are} left out")
    names, target = tuple(table.names[j] for j in features), table.index(arguments.target)
    X = named_array(values[known], names if table.named else None)
    kept = Preprocessing.none(names, table.named, tuple(features), table.names[target], target, len(table.names))
    return X, {option: labels[known] for option, labels in named.items()}, kept


def _labels(table: Table, place: int, option: str) -> Float64Array:
    """Numbers (n,) of a column, NaN for gaps; of clusters, whose labels may be words, a number for each."""
    column = table.read_columns([place]).items[0]
    if option == "cluster" and column.gaps.any():
        row = int(np.argmax(column.gaps))
        raise CommandError(f"{table.path}: --cluster {column.name!r} has a gap in row {row} counting from 0")
    if column.kind not in ("number", "boolean") and (option != "cluster" or column.kind != "words"):
        what = column.what or f"{column.kind}{'' if column.kind == 'words' else 's'}"
        wanted = "numbers or words" if option == "cluster" else "numbers"
        raise CommandError(f"{table.path}: --{option} {column.name!r} holds {what}: name a column of {wanted}")
    if column.gaps.all():
        raise CommandError(f"{table.path}: --{option} {column.name!r} is empty: name another column")
    return column.values.astype(np.float64)


def _draw(found: WeakToStrong, path: Path) -> None:
    """Write the picture of a result."""
    try:
        from limbeck.plots import plot_weak_to_strong

        figure: Any = plot_weak_to_strong(found).figure
    except ImportError as error:
        raise CommandError(str(error)) from error
    write(lambda: figure.savefig(path, dpi=120), path)
