"""The command ``limbeck predict``: a network's predictions for the rows of a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.files import write_whole
from limbeck._cli.options import (
    STANDARD_OUTPUT,
    CommandError,
    Parser,
    check_folder,
    output_path,
    positive_int,
    say,
    write,
)
from limbeck._cli.tables import add_text_options, dialect_of
from limbeck._learner.report.text import LOWEST_R2, r2_text
from limbeck._tables.errors import ColumnsError, TableError, listed
from limbeck._tables.files import SUFFIXES, Table, open_table
from limbeck.network._network_file import NetworkFile, load_network_file

__all__ = ["add_parser"]


_LINES_AT_ONCE = 10_000  # some 200 kB: a pipe that its reader has closed is noticed soon


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser("predict", help="apply a learned network to a file", description=_predict.__doc__)
    add = parser.add_argument
    add("network", metavar="NETWORK", type=Path, help="file written by limbeck learn")
    add("file", metavar="FILE", type=Path, help=", ".join(SUFFIXES))
    add("--output", metavar="PATH", type=output_path, help="write here; - is the standard output (default -)")
    add("--threads", metavar="N", type=positive_int, help="number of threads")
    add_text_options(parser)
    parser.set_defaults(run=_predict)


def _predict(arguments: argparse.Namespace) -> int:
    """Apply a network to a file, and write one prediction a line as CSV with a header.

    Columns are matched by name where the file has names, else by position. If the target is among them, R2 goes to the
    standard error.
    """
    model = load_network_file(arguments.network)
    known = model.preprocessing
    names = known.features if known is not None and known.named else ()
    table = open_table(arguments.file, dialect_of(arguments), names=names)
    output: Path | None = None if arguments.output is STANDARD_OUTPUT else arguments.output
    if output is not None:
        if output.is_dir():
            raise CommandError(f"{output} is a folder: name a file with --output")
        if any(output.exists() and output.samefile(path) for path in (arguments.network, arguments.file)):
            raise CommandError(f"--output {output} would overwrite an input: name another file")
        check_folder(output)
    features, target = _matched_columns(model, table)
    X, y = _read_rows(table, features, target)
    if table.named and not (known is not None and known.named):
        order = listed([table.names[j] for j in features], 5)
        say(f"hint: {arguments.network.name} names no columns: {table.path.name}'s are taken by position, {order}")
    for hint in table.hints:
        say(f"hint: {table.path.name}: {hint}")
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = model(X, n_threads=arguments.threads)
    lines = ["prediction\n", *(f"{value!r}\n" for value in predictions.tolist())]
    if output is None:
        for start in range(0, len(lines), _LINES_AT_ONCE):
            sys.stdout.write("".join(lines[start : start + _LINES_AT_ONCE]))
        sys.stdout.flush()
    else:
        write(lambda: write_whole(output, "".join(lines).encode()), output)
    if y is not None:
        say(f"{len(y):,} rows, {_score(y, predictions)} on column {table.names[target or 0]!r}")
    return 0


def _matched_columns(model: NetworkFile, table: Table) -> tuple[list[int], int | None]:
    """Columns of the features in the order of the network, and the column of the target if it is there."""
    known = model.preprocessing
    if known is not None and known.named and table.named:
        missing = [name for name in known.features if name not in table.names]
        if missing:
            lacks = f"{table.path} lacks column{'s' if len(missing) > 1 else ''} {listed(missing)}"
            raise CommandError(f"{lacks} that the network needs: it has {listed(table.names)}")
        target = table.labels
        if target is None and known.target in table.names:
            target = table.names.index(known.target)
        return [table.names.index(name) for name in known.features], target
    width, d = len(table.names), model.network.n_features
    if width == d + 1 and table.labels is not None:
        return [j for j in range(width) if j != table.labels], table.labels
    if known is not None and width == known.n_columns:
        return list(known.positions), known.target_position
    if width == d:
        return list(range(d)), None
    learned_from = "" if known is None or known.n_columns == d else f" of the {known.n_columns} it was learned from"
    raise CommandError(
        f"{table.path} has {width} column{'' if width == 1 else 's'} and the network reads {d}{learned_from}: "
        "give the same columns in the same order, or names in both files"
    )


def _read_rows(table: Table, features: list[int], target: int | None) -> tuple[Float64Array, Float64Array | None]:
    """Features, and labels where these can be read: rows to predict often have blank labels."""
    if target is not None:
        try:
            values = _read(table, [*features, target])
            return values[:, :-1], values[:, -1]
        except TableError as error:
            X = _read(table, features)  # raises if a feature is at fault
            say(f"no R2, for the target cannot be read: {error}")
            return X, None
    return _read(table, features), None


def _read(table: Table, columns: list[int]) -> Float64Array:
    """Numbers of the columns; the network needs them all, and so none can be dropped."""
    try:
        return table.read(columns)
    except ColumnsError as error:
        raise error.needing(dict.fromkeys(table.names, "")) from None


def _score(y: Float64Array, predictions: Float64Array) -> str:
    """R2 of predictions in words."""
    spread = float(np.sum((y - y.mean()) ** 2)) if len(y) else 0.0
    if spread == 0:
        return "no R2 (the target is constant)"
    r2 = 1 - float(np.sum((y - predictions) ** 2)) / spread
    return f"R2 {r2_text(r2)}" if r2 < LOWEST_R2 else f"R2 = {r2:.6f}"
