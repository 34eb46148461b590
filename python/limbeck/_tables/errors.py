"""Errors of tables: one line each, with the column, the line and what to do; and names of columns for them."""

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
    "one_line",
    "shortened",
    "text_value",
]

_SHOWN = 3  # columns that one message describes; more are counted
_MOST_OPTIONS = 10  # --drop in a message: as many as one copies into a command
_MOST_CHARACTERS = 40  # of a value in a message of one line


class TableError(ValueError):
    """A file that cannot be read as a table of numbers; the message is one line for the user."""

    def about(self, path: Path, other: Path) -> TableError:
        """Error that speaks of another path."""
        return TableError(str(self).replace(str(path), str(other)))


@dataclass(frozen=True)
class Problem:
    """Fault of a column, with the first place where it shows and advice.

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
        Advice beside leaving the column out; empty if nothing else helps.
    first : str
        Of a column of text, what can be done with its fields: "mend these"; empty for others.
    gap : str
        Its field that may stand for a gap; empty if none may.
    """

    column: str
    what: str
    advice: str
    place: str = ""
    droppable: bool = True
    mend: str = ""
    first: str = ""
    gap: str = ""

    def needed(self, option: str = "") -> Problem:
        """Problem with advice for a column that cannot be left out; another may be chosen with an option."""
        if not self.droppable:
            return self
        other = f"choose another {option}" if option else "" if self.mend else "fill it"
        gaps = f", make gaps of them (--missing {_argument(self.gap)})" if self.gap else ""
        mend = f"{self.first}{gaps}" if self.first and option else self.mend  # labels cannot be words
        return replace(self, advice=", or ".join(filter(None, [mend, other])), droppable=False)


class ColumnsError(TableError):
    """Error that lists the faults of columns.

    Parameters
    ----------
    path : Path
    problems : sequence of Problem
    hint : str
        Possible cause of all problems.
    """

    def __init__(self, path: Path, problems: Sequence[Problem], hint: str = "") -> None:
        self._path, self._problems, self._hint = path, tuple(problems), hint
        super().__init__("; ".join(filter(None, [_described(path, problems), hint])))

    def needing(self, options: Mapping[str, str]) -> ColumnsError:
        """Error whose advice leaves out no column that is needed: options (may be empty) by names of columns."""
        problems = [p.needed(options[p.column]) if p.column in options else p for p in self._problems]
        return ColumnsError(self._path, problems, self._hint)

    def about(self, path: Path, other: Path) -> ColumnsError:
        """Error that speaks of another path."""
        return ColumnsError(other, self._problems, self._hint.replace(str(path), str(other)))


def text_value(column: str, what: str, place: str) -> Problem:
    """Problem of a column with text in it."""
    mend = "encode it as numbers"
    return Problem(column, what, f"{mend} or drop the column", place, mend=mend)


def missing_value(column: str, place: str, shown: str = "") -> Problem:
    """Problem of a column with a gap, and the text that stands for the gap."""
    mend = "fill it, or drop the row"
    return Problem(column, f"has a missing value{shown}", f"{mend} or the column", place, mend=mend)


def infinite_value(column: str, place: str, shown: str) -> Problem:
    """Problem of a column with a number beyond float64."""
    advice = "drop the row, or make a gap of it, --missing inf"
    return Problem(column, f"has an infinite value {shown}", advice, place, droppable=False)


def _described(path: Path, problems: Sequence[Problem]) -> str:
    """Sentence about the problems of the first columns, with the number of others."""
    first = problems[0]
    if len(problems) == 1:
        place = f", {first.place}" if first.place else ""
        option = f" ({drop_options([first.column])})" if first.droppable else ""
        return f"{path}{place}: column {first.column!r} {first.what}; {first.advice}{option}"
    shown = [
        f"column {problem.column!r} {problem.what}" + (f" ({problem.place})" if problem.place else "")
        for problem in problems[:_SHOWN]
    ]
    more = len(problems) - len(shown)
    if more:
        shown.append(f"and {more} more, {listed([problem.column for problem in problems[_SHOWN:]], _MOST_OPTIONS)}")
    texts = [problem for problem in problems[:_SHOWN] if problem.first]
    advice = [*_for_texts(texts), *(problem.advice for problem in problems[:_SHOWN] if not problem.first)]
    advice = list(dict.fromkeys(advice))
    droppable = [problem.column for problem in problems if problem.droppable]
    if droppable:
        advice.append(drop_options(droppable))
    return f"{path}: {'; '.join(shown)}. What helps: {'; '.join(advice)}"


def _for_texts(problems: Sequence[Problem]) -> list[str]:
    """Advice for several columns of text at once."""
    advice = [problem.first for problem in problems]
    if gaps := dict.fromkeys(problem.gap for problem in problems if problem.gap):
        advice.append(f"make gaps of them ({' '.join(f'--missing {_argument(gap)}' for gap in gaps)})")
    if words := [problem.column for problem in problems if problem.droppable]:
        advice.append(f"take all for words (--words {' '.join(map(_argument, words))})")
    return advice


def _argument(text: str) -> str:
    """Text as an argument of a command."""
    return shlex.quote(shortened(text, quoted=False))


def drop_options(columns: Sequence[str]) -> str:
    """Options that leave columns out, up to ten of them."""
    options = " ".join(f"--drop {shlex.quote(shortened(name, quoted=False))}" for name in columns[:_MOST_OPTIONS])
    return options + (" ..." if len(columns) > _MOST_OPTIONS else "")


def column_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Strip names and check that they are unique; a column without a name gets x and its index, or another free one."""
    own = {name.strip() for name in names}
    stripped = tuple(name.strip() or _free_name(i, own) for i, name in enumerate(names))
    seen: set[str] = set()
    for name in stripped:
        if name in seen:
            raise TableError(f"{path} has two columns named {name!r}: rename one")
        seen.add(name)
    return stripped


def _free_name(index: int, taken: set[str]) -> str:
    """Free name for a column without one: its index is in it, as options count columns."""
    for name in (f"x{index}", f"column {index}"):
        if name not in taken:
            return name
    return next(name for i in count(2) if (name := f"column {index} ({i})") not in taken)


def listed(names: Iterable[str], at_most: int = 20) -> str:
    """Names for a message: quoted, at most so many, with the number of the others."""
    names = list(names)
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(shortened(name) for name in names[:at_most]) + more


def one_line(error: BaseException) -> str:
    """First line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shortened(value: object, *, quoted: bool = True) -> str:
    """Text of a value for a message, cut to 40 characters."""
    text = repr(value) if quoted else " ".join(str(value).split())
    if len(text) <= _MOST_CHARACTERS:
        return text
    return text[: _MOST_CHARACTERS - 4] + ("...'" if quoted else "...")
