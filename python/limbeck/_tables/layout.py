"""Layout of delimited text: delimiter, header and columns, recognised from the beginning of the file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from limbeck._base.frames import default_names
from limbeck._tables.beginning import Beginning, read_beginning
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError, column_names, listed, shortened
from limbeck._tables.field_kinds import Number, field_kind, is_unit, number_reader
from limbeck._tables.headers import doubtful_header, is_header
from limbeck._tables.number_text import NumberFormat, is_missing
from limbeck._tables.preamble import MOST_TITLES, Record, usual_length

__all__ = ["Layout", "above_numbers", "find_layout"]


@dataclass(frozen=True)
class Layout:
    """Layout of a text file.

    Attributes
    ----------
    path : Path
    dialect : Dialect
        What the user has told.
    delimiter : str
    encoding : str or None
    names : tuple of str
        Names of the columns; x0, x1, ... for those without.
    named : bool
        Whether the file has a header.
    nameless : frozenset of int
        Columns whose name the header leaves out.
    width : int
        Fields of a row; those beyond the names are empty.
    header_lines : int
        Lines before the first row of numbers; a quoted name may hold a line break.
    guesses : list of str
        What was recognised, for the user.
    hints : list of str
        Remarks for the user that are no errors.
    """

    path: Path
    dialect: Dialect
    delimiter: str
    encoding: str | None
    names: tuple[str, ...]
    named: bool
    nameless: frozenset[int]
    width: int
    header_lines: int
    guesses: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> NumberFormat:
        """Marks of decimals and thousands that the user has named."""
        return self.dialect.numbers


def find_layout(path: Path, dialect: Dialect, names: Sequence[str] = (), columns: Sequence[str] = ()) -> Layout:
    """Recognise delimiter, header and columns from the beginning of a file.

    Parameters
    ----------
    path : Path
    dialect : Dialect
        Description by the user.
    names : sequence of str
        Names that the file's columns should have: a first line that holds all of them is a header.
    columns : sequence of str
        Names or indices that the user asked for; names among them make a first line that holds them a header, too.

    Raises
    ------
    TableError
        The file has no rows, or a header that cannot be used or distinguished from a row; it is not text, or not CSV.
    OSError
        It cannot be read.
    """
    beginning = read_beginning(path, dialect)
    number, guesses = number_reader(dialect.numbers), beginning.guesses
    header, rows = beginning.names, beginning.rows
    if header is None:
        header, rows = _split_header(path, beginning, dialect, number, names, columns)
    fields = default_names(len(rows[0][1])) if header is None else header
    named, data = header is not None, _below_units(rows, dialect, number, guesses) if header is not None else rows
    if not data:
        raise TableError(f"{path} has a header and no rows")
    own, width = _without_empty_columns(list(fields), named, data, guesses)
    below = _names_below(beginning.rows, number)
    if named and dialect.units is None and below is not None and below >= data[0][0]:
        raise TableError(f"{path}: {above_numbers(data[0][0], below)}")
    unique = _unique(own, guesses) if below is None else own
    try:
        texts = column_names(path, unique) if named else tuple(own)
    except TableError as error:
        raise TableError(
            f"{error}, or, if line {below} names the columns, give --skip-rows {(below or 1) - 1}"
        ) from None
    nameless = frozenset(i for i, name in enumerate(own) if not name.strip()) if named else frozenset[int]()
    begin = data[0][0] - 1
    return Layout(path, dialect, beginning.delimiter, beginning.encoding, texts, named, nameless, width, begin, guesses)


def _split_header(
    path: Path,
    beginning: Beginning,
    dialect: Dialect,
    number: Number,
    names: Sequence[str],
    columns: Sequence[str],
) -> tuple[list[str] | None, list[Record]]:
    """Fields of the header, None if there is none, and the rows below it."""
    rows = beginning.rows
    (line, first), rest = rows[0], [row for _, row in rows[1:]]
    if dialect.header is not False:
        _check_names(path, rows, names, [column for column in columns if not _is_index(column, len(first))])
        if _lacks_label(first, rest, number):
            beginning.guesses.append("the first column, which the header leaves out, as labels of the rows")
            return ["", *first], rows[1:]
    _check_beginning(path, rows, number)
    header = dialect.header
    if header is None:
        header = beginning.has_quoted_names() or _has_header(path, first, rest, number, names, columns)
    below = _names_below(rows, number)
    if not header and dialect.header is None and below is not None:
        raise TableError(
            f"{path}, line {line}: neither names nor a row of numbers; line {below} may name the columns: leave out "
            f"the lines before it, --skip-rows {below - 1}"
        )
    return (first, rows[1:]) if header else (None, rows)


# ---- Names ----


def _lacks_label(first: Sequence[str], rest: Sequence[Sequence[str]], number: Number) -> bool:
    """Whether the header has no name for the labels of the rows, as some programs write it.

    Labels are counted from 1, or words that are all different; every other column has a name, and no row ends in a
    delimiter.
    """
    if len(first) < 2 or not rest or any(len(row) != len(first) + 1 for row in rest):
        return False
    if any(field_kind(name, number) != "text" for name in first) or not any(row[-1].strip() for row in rest):
        return False
    labels = [row[0].strip() for row in rest]
    counted = labels == [str(i + 1) for i in range(len(labels))]
    words = len(set(labels)) == len(labels) and all(field_kind(label, number) == "text" for label in labels)
    return counted or words


def _without_empty_columns(
    names: list[str], named: bool, data: Sequence[Record], guesses: list[str]
) -> tuple[list[str], int]:
    """Names without those of empty columns at the right, which delimiters at the end of rows leave; and the width."""
    usual = usual_length(data)
    if len(names) < usual and all(not any(field.strip() for field in row[len(names) :]) for _, row in data):
        names = names + [""] * (usual - len(names)) if named else names
    width, kept = max(len(names), usual if not named else 0), len(names)
    while kept > 1 and (not named or not names[kept - 1].strip()):
        if any(row[kept - 1 : kept] and row[kept - 1].strip() for _, row in data):
            break
        kept -= 1
    if kept < len(names):
        what = "a delimiter at the end of each row" if len(names) - kept == 1 else "empty columns at the right"
        guesses.append(f"{what} left out")
    return names[:kept], width


def _unique(names: Sequence[str], guesses: list[str]) -> list[str]:
    """Names of which each that stands a second time has a number behind it."""
    taken, counts, unique = {name.strip() for name in names}, dict[str, int](), list[str]()
    for name in (name.strip() for name in names):
        count = counts.get(name, 0) + 1
        free = name
        while name and count > 1 and (free := f"{name} ({count})") in taken:
            count += 1
        counts[name] = count
        if free != name:
            guesses.append(f"the second column {shortened(name)} as {shortened(free)}")
        unique.append(free)
    return unique


def _below_units(rows: list[Record], dialect: Dialect, number: Number, guesses: list[str]) -> list[Record]:
    """Rows below a line of units, where there is one."""
    if dialect.units is False or len(rows) < 2 or (dialect.units is None and not _is_units(rows, number)):
        return rows
    if dialect.units is None:
        guesses.append(f"line {rows[0][0]} as units")
    return rows[1:]


def _is_units(rows: Sequence[Record], number: Number) -> bool:
    """Whether the first row has units in all columns that hold numbers in the others, in one of them at least."""
    head, rest = rows[0][1], [row for _, row in rows[1:] if len(row) == len(rows[0][1])]
    if not rest or not all(is_unit(field) for field in head):
        return False
    if any(field_kind(field, number) in ("unit", "date") for field in head):
        return False
    measured = [
        j
        for j in range(len(head))
        if all(field_kind(row[j], number) in ("number", "unit", "gap") for row in rest)
        and any(field_kind(row[j], number) in ("number", "unit") for row in rest)
    ]
    named = [j for j in measured if not is_missing(head[j]) and number(head[j]) is None]
    return bool(named) and all(number(head[j]) is None or head[j].strip() == "1" for j in measured)


# ---- Refusals ----


def above_numbers(first: int, last: int) -> str:
    """Advice about lines between the header and the first row of numbers."""
    names = f"if line {last} names the columns, give --skip-rows {last - 1}"
    if first == last:
        return f"line {first} is no row of numbers: if it holds units, give --units, or delete it; {names}"
    return f"lines {first} to {last} are no rows of numbers: {names}"


def _check_beginning(path: Path, rows: Sequence[Record], number: Number) -> None:
    """Refuse a first row that is shorter than most: a title, a comment, names without one for the row labels."""
    usual = usual_length(rows)
    line, first = rows[0]
    if len(first) >= usual or not any(any(f.strip() for f in row[len(first) :]) for _, row in rows[1:]):
        return
    names = [name for name in first if name.strip() and number(name) is None]
    if len(first) == usual - 1 and len(names) == len(first) > 1:
        raise TableError(
            f"{path}, line {line}: the header has {len(first)} names for {usual} field(s) in most lines; name every "
            "column, that of row labels, too"
        )
    if len(first) < usual - 1 or len(names):
        until = next(at for at, row in rows if len(row) == usual)
        raise TableError(
            f"{path}, line {line}: {len(first)} field(s), {shortened(first[0])}, where most lines have {usual}; lines "
            f"before the header or the first row are left out by --skip-rows {until - 1}"
        )


def _check_names(path: Path, rows: Sequence[Record], *wanted: Sequence[str]) -> None:
    """Refuse a first row without the names that are looked for if a later one, below a title, has all of them."""
    fields = [(line, {field.strip() for field in row}) for line, row in rows[: MOST_TITLES + 1]]
    for names in wanted:
        line = next((at for at, present in fields if names and present.issuperset(names)), fields[0][0])
        if line != fields[0][0]:
            raise TableError(
                f"{path}, line {line}: here, not in line {fields[0][0]}, are the columns that are looked for, "
                f"{listed(names, 4)}; leave out the lines before, --skip-rows {line - 1}"
            )


def _names_below(rows: Sequence[Record], number: Number) -> int | None:
    """Line of a row of nothing but text, below another row and above the first row of numbers, if there is one."""
    for (_, before), (line, row), (_, after) in zip(rows, rows[1 : MOST_TITLES + 1], rows[2:], strict=False):
        if _all_numbers(before, number):
            return None
        text = all(field_kind(field, number) == "text" for field in row)
        if text and len(after) == len(row) and _all_numbers(after, number):
            return line
    return None


def _all_numbers(row: Sequence[str], number: Number) -> bool:
    """Whether a row holds numbers, and nothing else but gaps."""
    is_number = [number(field) is not None for field in row]
    return any(is_number) and all(ok or is_missing(field) for ok, field in zip(is_number, row, strict=True))


def _has_header(
    path: Path,
    first: list[str],
    rest: list[list[str]],
    number: Number,
    names: Sequence[str],
    columns: Sequence[str],
) -> bool:
    """Whether the first row names the columns; TableError where that is in doubt."""
    if is_header(first, rest[0] if rest else None, number):
        return True
    present = {field.strip() for field in first}
    if names and present.issuperset(names):
        return True
    if present.issuperset(columns) and not all(_is_index(column, len(first)) for column in columns):
        return True
    if doubtful_header(first, rest, number):
        raise TableError(
            f"{path}: the first line, {listed(first, 4)}, may name the columns or be a row of numbers; say --header "
            "or --no-header"
        )
    return False


def _is_index(column: str, count: int) -> bool:
    """Whether a text is the index of one of so many columns."""
    try:
        return -count <= int(column) < count
    except ValueError:
        return False
