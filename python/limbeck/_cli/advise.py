"""The commands ``limbeck advise`` and ``limbeck weak-to-strong``: which labels to train a linear model on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from limbeck._base.arrays import Float64Array
from limbeck._base.files import write_whole
from limbeck._cli.options import STANDARD_OUTPUT, CommandError, Parser, check_folder, output_path, refusals, write
from limbeck._cli.tables import add_drop_option, add_text_options, dialect_of, file_of, give_hints
from limbeck._tables.files import SUFFIXES, Table, open_table
from limbeck.distillation import WeakToStrong, advise, weak_to_strong

__all__ = ["add_parser"]

_CANDIDATES = ("principal components", "features", "ridge", "early stopping", "all")
_PICTURES = (".png", ".pdf", ".svg")


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands to those of the program."""
    parser = commands.add_parser(
        "advise", help="train on given labels or on a surrogate's?", description=_advise.__doc__
    )
    _add_columns(parser)
    add = parser.add_argument
    add("--surrogate", metavar="COLUMN", required=True, help="labels that the surrogate gives to the same rows")
    add_text_options(parser)
    parser.set_defaults(run=_advise)

    parser = commands.add_parser(
        "weak-to-strong", help="train a linear model on a weak one's labels", description=_weak_to_strong.__doc__
    )
    _add_columns(parser)
    add = parser.add_argument
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
    X, named = _columns(arguments, ("target", "surrogate", "cluster"))
    with refusals(f"cannot advise on {arguments.file}"):
        print(advise(X, named["target"], named["surrogate"], cluster=named.get("cluster")))
    return 0


def _weak_to_strong(arguments: argparse.Namespace) -> int:
    """Fit weak models, train a model on their labels, and say whether that is better than ridge regression."""
    report: Path | None = None if arguments.report is STANDARD_OUTPUT else arguments.report
    for path in (report, arguments.picture):
        if path is not None:
            check_folder(path)
    if arguments.picture is not None and arguments.picture.suffix.lower() not in _PICTURES:
        raise CommandError(f"--picture must end in {', '.join(_PICTURES)}, got {arguments.picture}")
    X, named = _columns(arguments, ("target", "cluster"))
    with refusals(f"cannot learn from {arguments.file}"):
        found = weak_to_strong(X, named["target"], candidates=arguments.candidates, cluster=named.get("cluster"))
    if arguments.picture is not None:
        _draw(found, arguments.picture)
    if report is None:
        print(found.report)
    else:
        write(lambda: write_whole(report, f"{found.report}\n".encode()), report)
    return 0


def _columns(arguments: argparse.Namespace, options: tuple[str, ...]) -> tuple[Float64Array, dict[str, Float64Array]]:
    """Features (n, p) of a file, and the columns (n,) that options name."""
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
    values = table.read([*features, *places])
    give_hints(table)
    count = len(features)
    return values[:, :count], {option: values[:, count + k] for k, option in enumerate(places.values())}


def _draw(found: WeakToStrong, path: Path) -> None:
    """Write the picture of a result."""
    try:
        from limbeck.plots import plot_weak_to_strong

        figure: Any = plot_weak_to_strong(found).figure
    except ImportError as error:
        raise CommandError(str(error)) from error
    write(lambda: figure.savefig(path, dpi=120), path)
