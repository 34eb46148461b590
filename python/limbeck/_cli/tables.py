"""Tables at the command line: options of text files, columns that are named, and hints about what they hold."""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck._cli.options import CommandError, Parser, nonnegative_int, say
from limbeck._tables.date_text import ORDERS
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import ColumnsError, shortened
from limbeck._tables.files import Table

__all__ = [
    "ColumnChoice",
    "add_drop_option",
    "add_text_options",
    "choose_columns",
    "dialect_of",
    "file_of",
    "give_hints",
    "needing",
    "shown_option",
]


def add_drop_option(parser: Parser, what: str = "leave columns out") -> None:
    """Add the option that leaves columns out."""
    parser.add_argument("--drop", metavar="COLUMN", nargs="+", action="extend", default=[], help=what)


def file_of(arguments: argparse.Namespace, *lists: str) -> Path:
    """File of a command, which may stand at the end of an option that takes several values.

    Raises
    ------
    CommandError
        There is none.
    """
    given: Path | None = arguments.file
    for name in lists if given is None else ():
        values = getattr(arguments, name)
        if values and (Path(values[-1]).exists() or Path(values[-1]).suffix):
            given = Path(values.pop())
            break
    if given is None:
        raise CommandError("give a FILE, before options that take several columns (see --help)")
    return given


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
    add("--decimal", metavar="C", choices=(".", ","), help="mark before decimals, . or ,")
    add(
        "--thousands",
        metavar="C",
        choices=(".", ",", "space", "apostrophe", " ", "'"),
        help="mark between thousands: . or , or space or apostrophe",
    )
    add("--encoding", metavar="NAME", help="encoding, such as cp1252 or utf-16")
    add("--skip-rows", metavar="N", type=nonnegative_int, help="lines before the header or the first row")
    add("--units", action=argparse.BooleanOptionalAction, default=None, help="the line below the header holds units")
    add("--dates", choices=ORDERS, help="order of dates such as 5/6/2020: day or month first")
    add(
        "--missing",
        metavar="VALUE",
        action="append",
        default=[],
        help="value or word that stands for a gap, such as -999; may be repeated",
    )
    add(
        "--words",
        metavar="COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="columns whose numbers are names, such as postal codes",
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
            units=arguments.units,
            dates=arguments.dates,
            missing=arguments.missing,
            words=arguments.words,
        )
    except ValueError as error:
        raise CommandError(str(error)) from None


@dataclass(frozen=True)
class ColumnChoice:
    """Columns of a table that are learned from, by index."""

    features: list[int]
    target: int
    weight: int | None

    @property
    def all(self) -> list[int]:
        """Columns of the features, then the target, then the weight if there is one."""
        return [*self.features, self.target, *([] if self.weight is None else [self.weight])]


def choose_columns(table: Table, target: str | None, drop: Sequence[str], weight: str | None) -> ColumnChoice:
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
        raise CommandError(f"column {table.names[weights]!r} is {task} and cannot hold weights: choose --weights")
    features = [j for j in range(len(table.names)) if j not in dropped and j not in (chosen, weights)]
    if not features:
        other = ", or the character between fields, --delimiter" if table.is_text and len(table.names) == 1 else ""
        name = shortened(table.names[chosen])
        raise CommandError(f"{table.path} has no feature beside the target {name}: give more columns{other}")
    return ColumnChoice(features, chosen, weights)


def _may_end_rows(table: Table, column: int) -> bool:
    """Whether a column may be an artefact of a delimiter at the end of each row."""
    return column in table.nameless or (table.is_text and not table.named)


def needing(error: ColumnsError, table: Table, choice: ColumnChoice, target: str | None) -> ColumnsError:
    """Error whose advice is not to drop the target, or the weights; ``target`` is the option as the user gave it."""
    needed = {}
    if target is not None or not _may_end_rows(table, choice.target):
        needed[table.names[choice.target]] = "--target"
    if choice.weight is not None:
        needed[table.names[choice.weight]] = "--weights"
    return error.needing(needed)


def shown_option(option: str, name: str) -> str:
    """Option with the name of a column, to be copied into a command."""
    return f"{option} {shlex.quote(shortened(name, quoted=False))}"


def give_hints(table: Table, hints: Sequence[str] = ()) -> None:
    """Write what was guessed, and warnings and hints about a table, to the standard error."""
    if table.guesses:
        say(f"{table.path.name}: read as: {', '.join(table.guesses)}")
    for warning in table.warnings:
        say(f"warning: {table.path.name}: {warning}")
    for hint in [*table.hints, *hints]:
        say(f"hint: {table.path.name}: {hint}")
