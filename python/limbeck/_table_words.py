"""What the readers of tables share: names of columns, and the words of their errors."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["FILL", "TableError", "column_names", "listed", "numbered", "one_line", "shortened"]

FILL = "fill it, or drop the row or the column"


class TableError(ValueError):
    """A file that cannot be read as a table of numbers; the message is one line for the user."""


def column_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Names that are stripped, unique and not blank."""
    stripped = tuple(name.strip() or f"x{i}" for i, name in enumerate(names))
    seen: set[str] = set()
    for name in stripped:
        if name in seen:
            raise TableError(f"{path} has two columns named {name!r}: rename one")
        seen.add(name)
    return stripped


def numbered(count: int) -> tuple[str, ...]:
    """x0, x1, ...: the names of columns that have none."""
    return tuple(f"x{i}" for i in range(count))


def listed(names: Sequence[str], at_most: int = 20) -> str:
    """Names for a message: quoted, and not more than a reader takes in."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(repr(name) for name in names[:at_most]) + more


def one_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shortened(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:36] + "...'"
