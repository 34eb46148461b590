"""Tables at the command line: options of text files, columns that are named, and hints about what they hold."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck._base.arrays import Float64Array
from limbeck._cli.hints import column_hints
from limbeck._cli.options import CommandError, Parser, nonnegative_int, say
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import ColumnsError, shortened
from limbeck._tables.files import Table

__all__ = ["Columns", "add_text_options", "choose_columns", "dialect_of", "give_hints", "read_columns"]


def add_text_options(parser: Parser) -> None:
    """Add the options that say how a text file is written."""
    add = parser.add_argument_group("text files, where they are not recognised").add_argument
    add(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the first line names the columns, or is a row of numbers",
    )
    add("--delimiter", metavar="C", help="character between fields; also: tab, space (any run of blanks)")
    add("--decimal", metavar="C", choices=(".", ","), help="mark before decimals, . or , (default .)")
    add(
        "--thousands",
        metavar="C",
        choices=(".", ",", "space", "apostrophe", " ", "'"),
        help="mark between thousands: . or , or space or apostrophe (default none)",
    )
    add("--encoding", metavar="NAME", help="encoding, such as cp1252 or utf-16 (default UTF-8, or by byte order mark)")
    add(
        "--skip-rows",
        metavar="N",
        type=nonnegative_int,
        default=0,
        help="lines before the header or the first row (default 0)",
    )


def dialect_of(arguments: argparse.Namespace) -> Dialect:
    """Dialect of text files that the options describe.

    Raises
    ------
    CommandError
        The options contradict one another, or one has no meaning.
    """
    try:
        return Dialect.of(
            header=arguments.header,
            delimiter=arguments.delimiter,
            decimal=arguments.decimal,
            thousands={" ": "space", "'": "apostrophe"}.get(arguments.thousands, arguments.thousands),
            encoding=arguments.encoding,
            skip_rows=arguments.skip_rows,
        )
    except ValueError as error:
        raise CommandError(str(error)) from None


@dataclass(frozen=True)
class Columns:
    """Columns of a table that are learned from, by index."""

    features: list[int]
    target: int
    weight: int | None

    @property
    def all(self) -> list[int]:
        """Features, then the target, then the weight if there is one."""
        return [*self.features, self.target, *([] if self.weight is None else [self.weight])]


def choose_columns(table: Table, target: str | None, drop: Sequence[str], weight: str | None) -> Columns:
    """Choose the columns that the options name; the target is the last column unless it is named.

    Raises
    ------
    CommandError
        A column has two tasks, or no feature is left.
    TableError
        There is no such column.
    """
    weights = None if weight is None else table.index(weight)
    default = table.labels
    if default is None:
        default = max((j for j in range(len(table.names)) if j != weights), default=0)
    dropped = {table.index(column) for column in drop}
    if default in dropped and _may_end_rows(table, default):
        default = max((j for j in range(len(table.names)) if j not in (*dropped, weights)), default=default)
    chosen = default if target is None else table.index(target)
    if chosen in dropped:
        raise CommandError(f"column {table.names[chosen]!r} is the target and cannot be dropped: choose --target")
    if weights is not None and weights in (*dropped, chosen):
        task = "target" if weights == chosen else "dropped"
        raise CommandError(f"column {table.names[weights]!r} is {task} and cannot hold weights: choose --sample-weight")
    features = [j for j in range(len(table.names)) if j not in dropped and j not in (chosen, weights)]
    if not features:
        other = ", or the character between fields, --delimiter" if table.is_text and len(table.names) == 1 else ""
        name = shortened(table.names[chosen])
        raise CommandError(f"{table.path} has no feature beside the target {name}: give more columns{other}")
    return Columns(features, chosen, weights)


def _may_end_rows(table: Table, column: int) -> bool:
    """Whether a column may be an artefact of a delimiter at the end of each row."""
    return column in table.nameless or (table.is_text and not table.named)


def read_columns(table: Table, columns: Columns, target: str | None) -> Float64Array:
    """Numbers of the columns (n, len(columns.all)); ``target`` as the user gave it.

    Raises
    ------
    TableError
        A column cannot be used; the advice is not to drop the target, or the weights.
    """
    try:
        return table.read(columns.all)
    except ColumnsError as error:
        needed = {}
        if target is not None or not _may_end_rows(table, columns.target):
            needed[table.names[columns.target]] = "--target"
        if columns.weight is not None:
            needed[table.names[columns.weight]] = "--sample-weight"
        raise error.needing(needed) from None


def give_hints(table: Table, features: Sequence[int], values: Float64Array) -> None:
    """Write hints about a table to the standard error; values (n, len(features) or more)."""
    for hint in [*table.hints, *column_hints(table, features, values)]:
        say(f"hint: {table.path.name}: {hint}")
