"""What the readers of tables share: names of columns, and the words of their errors."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

__all__ = [
    "ColumnsError",
    "Problem",
    "TableError",
    "column_names",
    "drop_options",
    "infinite_value",
    "listed",
    "missing_value",
    "numbered",
    "one_line",
    "shortened",
    "text_value",
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
    mend : str
        The rest of the advice then; empty if nothing else helps.
    """

    column: str
    what: str
    advice: str
    place: str = ""
    droppable: bool = True
    mend: str = ""

    def needed(self, option: str = "") -> Problem:
        """The problem with advice for a column that cannot be left out; another may be chosen with an option."""
        if not self.droppable:
            return self
        other = f"choose another {option}" if option else "" if self.mend else "fill it"
        return replace(self, advice=", or ".join(filter(None, [self.mend, other])), droppable=False)


class ColumnsError(TableError):
    """Columns that do not hold what they should.

    Parameters
    ----------
    path : Path
    problems : sequence of Problem
    hint : str
        What may be the cause of all of them.
    """

    def __init__(self, path: Path, problems: Sequence[Problem], hint: str = "") -> None:
        self._path, self._problems, self._hint = path, tuple(problems), hint
        super().__init__("; ".join(filter(None, [_described(path, problems), hint])))

    def needing(self, options: Mapping[str, str]) -> ColumnsError:
        """The error whose advice drops no column that is needed: options (may be empty) by names of columns."""
        problems = [one.needed(options[one.column]) if one.column in options else one for one in self._problems]
        return ColumnsError(self._path, problems, self._hint)


def text_value(column: str, what: str, place: str) -> Problem:
    """Something that is no number."""
    mend = "encode it as numbers"
    return Problem(column, what, f"{mend} or drop the column", place, mend=mend)


def missing_value(column: str, place: str, shown: str = "") -> Problem:
    """A gap in a column, and how the file shows it."""
    mend = "fill it, or drop the row"
    return Problem(column, f"has a missing value{shown}", f"{mend} or the column", place, mend=mend)


def infinite_value(column: str, place: str, shown: str) -> Problem:
    """A number beyond float64."""
    return Problem(column, f"has an infinite value {shown}", "drop the row", place, droppable=False)


def _described(path: Path, problems: Sequence[Problem]) -> str:
    """What is wrong with the first columns, and how many others there are."""
    first = problems[0]
    if len(problems) == 1:
        place = f", {first.place}" if first.place else ""
        option = f" ({drop_options([first.column])})" if first.droppable else ""
        return f"{path}{place}: column {first.column!r} {first.what}; {first.advice}{option}"
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
    return f"{path}: {'; '.join(shown)}. What helps: {'; '.join(advice)}"


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
