"""The command ``limbeck predict``: a network's predictions for the rows of a file."""

from __future__ import annotations

import argparse
import sys
from functools import partial
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
    refusals,
    say,
    write,
)
from limbeck._cli.places import columns_by_position, places_of, places_of_columns
from limbeck._cli.tables import add_text_options, dialect_of, give_hints
from limbeck._learner.pipeline.predictor import read_predictor
from limbeck._tables.column_encodings import Numbers, Times
from limbeck._tables.columns import Columns
from limbeck._tables.encoding import Encoding
from limbeck._tables.errors import ColumnsError, TableError, listed
from limbeck._tables.files import SUFFIXES, Table, open_table
from limbeck._tables.unseen import unseen_values
from limbeck.network._network_file import NetworkFile, load_network_file

__all__ = ["add_options"]


_MOST_HINTS = 5  # lines on values that were not learned from
_LINES_AT_ONCE = 10_000  # some 200 kB: a pipe that its reader has closed is noticed soon


def add_options(parser: Parser) -> None:
    """Give the parser of the command its options and what it runs."""
    parser.description = _predict.__doc__
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
    predictor = read_predictor(arguments.network) if model.encoding is not None else None
    encoding = None if predictor is None else predictor.encoding
    known = model.preprocessing
    named = known is not None and known.named
    names = known.features if known is not None and named else ()
    words = [column.name for column in encoding.columns if column.kind == "words"] if encoding is not None else []
    if encoding is not None:
        names = tuple(column.name for column in encoding.columns if column.name not in encoding.left_out)
    table = open_table(arguments.file, dialect_of(arguments), names=names if named else (), words=words)
    output: Path | None = None if arguments.output is STANDARD_OUTPUT else arguments.output
    _check_output(arguments, output)
    if encoding is None or predictor is None or known is None:
        features, target = _matched_columns(model, table)
        X, y = _read_rows(table, features, target)
        predict = partial(model.uncut, X, n_threads=arguments.threads)
    else:
        places = places_of(model.encoding, len(encoding.columns))
        features, target = places_of_columns(encoding, places, known.target, table)
        rows, y = _read_columns(table, encoding, features, target)
        unseen = unseen_values(encoding, rows)
        for line in unseen[:_MOST_HINTS]:
            say(f"hint: {table.path.name}: {line}")
        if len(unseen) > _MOST_HINTS:
            say(f"hint: and so in {len(unseen) - _MOST_HINTS} columns more")
        predict = partial(predictor.uncut, rows, n_threads=arguments.threads)
    if table.named and not named:
        order = listed([table.names[j] for j in features], 5)
        say(f"hint: {arguments.network.name} names no columns: {table.path.name}'s are taken by position, {order}")
    give_hints(table)
    with np.errstate(over="ignore", invalid="ignore"), refusals(f"cannot predict for {table.path}"):
        predictions = _cut(predict(), model)
    lines = _lines(predictions)
    if output is None:
        for start in range(0, len(lines), _LINES_AT_ONCE):
            sys.stdout.write("".join(lines[start : start + _LINES_AT_ONCE]))
        sys.stdout.flush()
    else:
        write(lambda: write_whole(output, "".join(lines).encode()), output)
    if y is not None and predictions.ndim > 1:
        say(f"no R2: the network has {predictions.shape[1]} outputs, column {table.names[target or 0]!r} is one")
    elif y is not None:
        at = ~np.isnan(y)
        say(f"{int(at.sum()):,} rows, {_score(y[at], predictions[at])} on column {table.names[target or 0]!r}")
    return 0


def _cut(values: Float64Array, model: NetworkFile) -> Float64Array:
    """Predictions within the range that the network's file gives them; tells how many are cut."""
    bounds = model.prediction_range
    if bounds is None:
        return values
    if cut := bounds.beyond(values):
        say(
            f"hint: {cut:,} of {len(values):,} predictions would be beyond the labels' range by more than a tenth, and "
            f"are {bounds.low:g} or {bounds.high:g} instead: limbeck learn --extrapolate linear lets them be"
        )
    return bounds.cut(values)


def _lines(predictions: Float64Array) -> list[str]:
    """Lines of a file of predictions, one column for each output of the network."""
    if predictions.ndim == 1:
        return ["prediction\n", *(f"{value!r}\n" for value in predictions.tolist())]
    header = ",".join(f"prediction_{j}" for j in range(predictions.shape[1]))
    return [f"{header}\n", *(",".join(map(repr, row)) + "\n" for row in predictions.tolist())]


def _check_output(arguments: argparse.Namespace, output: Path | None) -> None:
    """Refuse a file for the predictions that cannot be written, or is one of those that are read."""
    if output is None:
        return
    if output.is_dir():
        raise CommandError(f"{output} is a folder: name a file with --output")
    inputs = [path for path in (arguments.network, arguments.file) if path.exists()]
    if any(output.exists() and output.samefile(path) for path in inputs):
        raise CommandError(f"--output {output} would overwrite an input: name another file")
    check_folder(output)


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
    places = None if known is None else (known.n_columns, list(known.positions), known.target_position)
    return columns_by_position(table, model.network.n_features, places)


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


def _read_columns(
    table: Table, encoding: Encoding, features: list[int], target: int | None
) -> tuple[Columns, Float64Array | None]:
    """Columns that features are made of, by the names that they had, and labels where these can be read."""
    used = {
        j: made.name for j, made in zip(features, encoding.columns, strict=True) if made.name not in encoding.left_out
    }
    measured = {column.name for column in encoding.columns if isinstance(column, Numbers | Times)}
    numbers = [j for j, name in used.items() if name in measured]
    if target is None:
        return _columns(table, list(used), numbers).called(list(used.values())), None
    try:
        found = _columns(table, [*used, target], numbers)
    except TableError as error:
        rows = _columns(table, list(used), numbers)  # raises if a feature is at fault
        say(f"no R2, for the target cannot be read: {error}")
        return rows.called(list(used.values())), None
    labels, rows = found.items[-1], Columns(found.items[:-1]).called(list(used.values()))
    if labels.kind not in ("number", "boolean") or labels.gaps.all():
        what = "it is empty" if labels.gaps.all() else f"it holds {labels.kind}"
        say(f"no R2, for the target cannot be read: column {table.names[target]!r}: {what}")
        return rows, None
    return rows, labels.values.astype(np.float64)


def _columns(table: Table, columns: list[int], numbers: list[int]) -> Columns:
    """Read columns of any kind; the network needs them all, so that errors must not advise to drop one."""
    try:
        return table.read_columns(columns, numbers=numbers)
    except ColumnsError as error:
        raise error.needing(dict.fromkeys(table.names, "")) from None


def _read(table: Table, columns: list[int]) -> Float64Array:
    """Read the columns; the network needs them all, so that errors must not advise to drop one."""
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
    # Not before there is something to say: all that a report is made of is loaded with it, in the time of a prediction.
    from limbeck._learner.report.text import LOWEST_R2, r2_text

    return f"R2 {r2_text(r2)}" if r2 < LOWEST_R2 else f"R2 = {r2:.6f}"
