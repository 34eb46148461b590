"""Rows that a program can read, and the one printer of tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Column:
    """A key of the rows, its header, and how its values are written."""

    key: str
    header: str
    text: Callable[[Any], str] = str


@dataclass(frozen=True)
class Requirement:
    """A bound that every row which has the key is held to; it is reported, not enforced."""

    key: str
    words: str
    holds: Callable[[Any], bool]

    def verdict(self, rows: Sequence[dict[str, Any]]) -> str:
        """How many rows keep to the bound."""
        values = [row[self.key] for row in rows if row.get(self.key) is not None]
        return f"wanted: {self.words}; so in {sum(map(self.holds, values))} of {len(values)} rows"


@dataclass
class Section:
    """One table of the comparison."""

    name: str
    title: str
    columns: list[Column]
    notes: list[str] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


def milliseconds(seconds: float) -> str:
    """Three digits or so, in ms."""
    ms = 1e3 * seconds
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.3g}"


def times(ratio: float) -> str:
    """A ratio, such as 3.42x."""
    return f"{ratio:.2f}x"


def percent(fraction: float) -> str:
    """A fraction in per cent."""
    return f"{100 * fraction:.0f} %"


def error(value: float) -> str:
    """A relative error."""
    return f"{value:.0e}"


def fixed(digits: int) -> Callable[[float], str]:
    """A number with so many digits after the point."""
    return lambda value: f"{value:.{digits}f}"


def thousands(value: int) -> str:
    """An integer with separators."""
    return f"{value:,}"


def render(section: Section) -> str:
    """The section as text: title, notes, aligned columns, verdicts."""
    cells = [[column.header for column in section.columns]]
    for row in section.rows:
        values = [row.get(column.key) for column in section.columns]
        cells.append(["-" if v is None else c.text(v) for v, c in zip(values, section.columns, strict=True)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    head = [section.title, "=" * len(section.title), *section.notes]
    return "\n".join([*head, *lines, *(r.verdict(section.rows) for r in section.requirements)])
