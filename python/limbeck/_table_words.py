"""What the readers of tables share: names of columns, and the words of their errors."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

__all__ = [
    "Problem",
    "TableError",
    "column_names",
    "drop_options",
    "infinite_value",
    "listed",
    "missing_value",
    "numbered",
    "one_line",
    "refuse",
    "shortened",
]

_SHOWN = 3  # columns that one message describes; more are counted


class TableError(ValueError):
    """A file that cannot be read as a table of numbers; the message is one line for the user."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a column, where it shows first, and what helps.

    Attributes
    ----------
    column : str
        Name of the column.
    what : str
        Follows the column's name: "holds text, first 'Rome'".
    advice : str
        What the user can do.
    place : str
        "line 7", or empty where the whole column is concerned.
    droppable : bool
        Whether leaving the column out is a part of the advice.
    """

    column: str
    what: str
    advice: str
    place: str = ""
    droppable: bool = True


def missing_value(column: str, place: str, shown: str = "") -> Problem:
    """A gap in a column, and how the file shows it."""
    return Problem(column, f"has a missing value{shown}", "fill it, or drop the row or the column", place)


def infinite_value(column: str, place: str, shown: str) -> Problem:
    """A number beyond float64."""
    return Problem(column, f"has an infinite value {shown}", "drop the row", place, droppable=False)


def refuse(path: Path, problems: Sequence[Problem]) -> NoReturn:
    """Raise TableError that names what is wrong with the first columns, and counts the others."""
    first = problems[0]
    if len(problems) == 1:
        place = f", {first.place}" if first.place else ""
        option = f" ({drop_options([first.column])})" if first.droppable else ""
        raise TableError(f"{path}{place}: column {first.column!r} {first.what}; {first.advice}{option}")
    shown = [
        f"column {one.column!r} {one.what}" + (f" ({one.place})" if one.place else "") for one in problems[:_SHOWN]
    ]
    more = len(problems) - len(shown)
    if more:
        shown.append(f"and {more} more")
    advice = list(dict.fromkeys(one.advice for one in problems[:_SHOWN]))
    droppable = [one.column for one in problems if one.droppable]
    if droppable:
        advice.append(drop_options(droppable))
    raise TableError(f"{path}: {'; '.join(shown)}. What helps: {'; '.join(advice)}")


def drop_options(columns: Sequence[str]) -> str:
    """The options that leave columns out, up to ten of them."""
    options = " ".join(f"--drop {shlex.quote(shortened(name, quoted=False))}" for name in columns[:10])
    return options + (" ..." if len(columns) > 10 else "")


def column_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Names that are stripped, unique and not blank: a column without one is x and its index, or else another name."""
    own = {name.strip() for name in names}
    stripped = tuple(name.strip() or _free_name(i, own) for i, name in enumerate(names))
    seen: set[str] = set()
    for name in stripped:
        if name in seen:
            raise TableError(f"{path} has two columns named {name!r}: rename one")
        seen.add(name)
    return stripped


def _free_name(index: int, taken: set[str]) -> str:
    """A name for a column without one, which tells its index, as options count columns."""
    for name in (f"x{index}", f"column {index}"):
        if name not in taken:
            return name
    return next(name for i in count(2) if (name := f"column {index} ({i})") not in taken)


def numbered(count: int) -> tuple[str, ...]:
    """x0, x1, ...: the names of columns that have none."""
    return tuple(f"x{i}" for i in range(count))


def listed(names: Iterable[str], at_most: int = 20) -> str:
    """Names for a message: quoted, and not more than a reader takes in."""
    names = list(names)
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(shortened(name) for name in names[:at_most]) + more


def one_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shortened(value: object, *, quoted: bool = True) -> str:
    """A value as a message shows it."""
    text = repr(value) if quoted else " ".join(str(value).split())
    if len(text) <= 40:
        return text
    return text[:36] + ("...'" if quoted else "...")
