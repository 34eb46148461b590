"""Lines above a table: comments, titles, and names of the columns in a comment."""

from collections import Counter
from collections.abc import Sequence

from limbeck._tables.field_kinds import Number
from limbeck._tables.headers import is_header

__all__ = ["MOST_TITLES", "Record", "preamble", "usual_length"]

Record = tuple[int, list[str]]

MOST_TITLES = 20  # lines of a title above the names of the columns
_COMMENTS = ("#", "//", "%")


def usual_length(rows: Sequence[Record]) -> int:
    """Number of fields in most rows."""
    return Counter(len(row) for _, row in rows).most_common(1)[0][0]


def preamble(rows: Sequence[Record], number: Number, *, header: bool | None = None) -> tuple[int, list[str] | None]:
    """Rows above the table, and the names of its columns if the last of these rows is a comment that holds them.

    Parameters
    ----------
    rows : sequence of (line, fields)
        First rows of the file; at least one is no part of the preamble.
    number : callable
        From a field to its number, None if it is none.
    header : bool, optional
        Whether the table has a row of names, as the user has told.
    """
    usual = usual_length(rows)
    count = _comments(rows, usual)
    if count and header is not False and not _is_header_at(rows, count, number):
        names = _names_in(rows[count - 1][1], usual)
        if names is not None or header is None:
            return count, names
    return (count if header is False else _with_titles(rows, count, usual, number)), None


def _comments(rows: Sequence[Record], usual: int) -> int:
    """Number of rows at the beginning that are comments."""
    count = 0
    while count < len(rows) - 1 and _is_comment(rows[count][1], usual):
        count += 1
    return count


def _is_comment(row: Sequence[str], usual: int) -> bool:
    """Whether a row begins like a comment, and no other of its fields does, as in names such as #1 and #2."""
    first = row[0].lstrip()
    if not first.startswith(_COMMENTS) or any(field.lstrip().startswith("#") for field in row[1:]):
        return False
    if len(row) != usual:
        return True
    return first.startswith("#") and len(first) > 1 and not first[1:].strip("# ").isdigit()


def _names_in(comment: Sequence[str], usual: int) -> list[str] | None:
    """Names of the columns in a comment; None if it holds another number of fields."""
    first = comment[0].lstrip().lstrip("#%/").strip()
    names = [first, *comment[1:]] if first else list(comment[1:])
    return names if len(names) == usual and all(name.strip() for name in names) else None


def _is_header_at(rows: Sequence[Record], place: int, number: Number) -> bool:
    """Whether a row names the columns of the next one."""
    below = rows[place + 1][1] if place + 1 < len(rows) else None
    return is_header(rows[place][1], below, number)


def _with_titles(rows: Sequence[Record], begin: int, usual: int, number: Number) -> int:
    """Number of rows above the names, if all from ``begin`` on are titles; ``begin`` if they are not."""
    place = begin
    while place < min(len(rows) - 2, begin + MOST_TITLES) and _is_title(rows[place][1], usual):
        place += 1
    whole = len(rows[place][1]) == usual and sum(len(row) == usual for _, row in rows[place:]) >= 2
    if place > begin and whole and _is_header_at(rows, place, number):
        return place
    return begin


def _is_title(row: Sequence[str], usual: int) -> bool:
    """Whether a row is no row of a table: one field alone, much shorter than the others, or longer."""
    filled = sum(bool(field.strip()) for field in row)
    if usual < 2:
        return False
    if len(row) > usual:
        return any(field.strip() for field in row[usual:])
    return filled <= (1 if usual > 2 else 0) or len(row) < max(usual - 1, 2)
