"""Layout of delimited text: delimiter, header and columns, recognised from the beginning of the file."""

import csv
import gzip
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from limbeck._base.frames import default_names
from limbeck._tables.dialect import BLANKS, Dialect, open_text, tabbed
from limbeck._tables.errors import TableError, column_names, listed, shortened
from limbeck._tables.headers import doubtful_header, is_header
from limbeck._tables.number_text import NumberFormat, is_missing

__all__ = ["MOST_TITLES", "Layout", "Record", "explained", "find_layout", "records"]

Record = tuple[int, list[str]]

# Delimiter and header are recognised from at least so many characters, and so many lines unless these are long.
_SAMPLE, _SAMPLE_LINES = 1 << 16, 200
_LONG, _LONG_LINES = 1 << 20, 4
MOST_TITLES = 20  # lines of a title above the names of the columns
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # what Excel writes and obeys in a first line


@dataclass(frozen=True)
class Layout:
    """Layout of a text file.

    Attributes
    ----------
    path : Path
    delimiter : str
    names : tuple of str
        Names of the columns; x0, x1, ... for those without.
    named : bool
        Whether the file has a header.
    nameless : frozenset of int
        Columns whose name the header leaves out.
    skipped : int
        Lines before the header or the first row.
    header_lines : int
        Lines before the first row of numbers; a quoted name may hold a line break.
    numbers : NumberFormat
    encoding : str or None
    hints : list of str
        Remarks for the user that are no errors.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]
    named: bool
    nameless: frozenset[int]
    skipped: int
    header_lines: int
    numbers: NumberFormat
    encoding: str | None
    hints: list[str] = field(default_factory=list)


@contextmanager
def explained(path: Path, encoding: str | None = None) -> Iterator[None]:
    """Turn what text, CSV and compressed files raise into TableError."""
    try:
        yield
    except UnicodeError as error:
        given = encoding or getattr(error, "encoding", "utf-8").upper()
        place = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        raise TableError(
            f"{path} is not {given} text ({reason}{place}): give its --encoding (such as cp1252), or save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise TableError(f"{path} is not CSV: {error}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TableError(f"{path} is damaged ({error}): write it again") from None


def records(lines: Iterable[str], delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """Yield the rows that are not blank, each with the line on which it begins."""
    if delimiter == BLANKS:
        lines, delimiter = tabbed(lines), "\t"
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    begins = first_line
    for row in reader:
        if row and not (len(row) == 1 and not row[0].strip()):
            yield begins, row
        begins = reader.line_num + first_line


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
    beginning = _read_beginning(path, dialect)
    rows, skipped = beginning.rows, beginning.skipped
    (line, first), rest = rows[0], [row for _, row in rows[1:]]
    _check_beginning(path, rows, dialect.numbers)
    if dialect.header is not False:
        _check_names(path, rows, names, [column for column in columns if not _is_index(column, len(first))])
    header = dialect.header
    if header is None:
        header = beginning.has_quoted_names() or _has_header(path, first, rest, dialect, names, columns)
    below = _names_below(rows, dialect.numbers)
    if not header and dialect.header is None and below is not None:
        raise TableError(
            f"{path}, line {line}: neither names nor a row of numbers; line {below} may name the columns: leave out "
            f"the lines before it, --skip-rows {below - 1}"
        )
    numbers, encoding = dialect.numbers, dialect.encoding
    if not header:
        own, nameless = default_names(len(first)), frozenset[int]()
        return Layout(path, beginning.delimiter, own, False, nameless, skipped, line - 1, numbers, encoding)
    if not rest:
        raise TableError(f"{path} has a header and no rows")
    if all(len(row) == len(first) + 1 and not row[-1].strip() for row in rest):
        first = [*first, ""]  # every row ends in a delimiter
    try:
        own = column_names(path, first)
    except TableError as error:
        title = "" if below is None else f", or, if line {below} names the columns, give --skip-rows {below - 1}"
        raise TableError(f"{error}{title}") from None
    nameless = frozenset(i for i, name in enumerate(first) if not name.strip())
    return Layout(path, beginning.delimiter, own, True, nameless, skipped, rows[1][0] - 1, numbers, encoding)


@dataclass(frozen=True)
class _Beginning:
    """First lines of a file after those skipped, and their rows; there is at least one."""

    lines: list[str]
    skipped: int
    delimiter: str
    rows: list[Record]

    def has_quoted_names(self) -> bool:
        """Whether every field of the first row is in quotes and none of the next line, as some programs write names."""
        if len(self.rows) < 2:
            return False
        (line, first), (following, _) = self.rows[:2]
        lines = self.lines[line - self.skipped - 1 : following - self.skipped]
        return "".join(lines[:-1]).count('"') >= 2 * len(first) and '"' not in lines[-1]


def _read_beginning(path: Path, dialect: Dialect) -> _Beginning:
    """Read the first rows, by the delimiter of the dialect, of Excel's first line, or the one that is recognised."""
    with explained(path, dialect.encoding):
        with open_text(path, dialect.encoding) as file:
            lines, skipped = _first_lines(file, dialect.skip_rows)
        if (text := "".join(lines[:5])).count("\0") * 3 > len(text):
            raise TableError(f"{path} is not UTF-8 text: it may be UTF-16, --encoding utf-16-le, or no text at all")
        delimiter = dialect.delimiter
        if skipped == dialect.skip_rows and lines and (separator := _SEPARATOR.fullmatch(lines[0])):
            delimiter, skipped = delimiter or separator[1], skipped + 1
            del lines[0]
        if delimiter is None:
            delimiter = _delimiter(lines, path)
        rows = list(records(lines, delimiter, skipped + 1))
    if not rows:
        raise TableError(f"{path} is empty" + (f" after the {skipped} line(s) skipped" if skipped else ""))
    return _Beginning(lines, skipped, delimiter, rows)


def _first_lines(file: TextIO, skip_rows: int) -> tuple[list[str], int]:
    """First lines after those to be skipped, and the number of lines that were skipped."""
    skipped = sum(1 for _ in itertools.islice(file, skip_rows))
    lines, size = [], 0
    for line in file:
        lines.append(line)
        size += len(line)
        enough = _SAMPLE_LINES if size < _LONG else _LONG_LINES
        if size >= _SAMPLE and len(lines) >= enough:
            break
    return lines, skipped


def _delimiter(lines: list[str], path: Path) -> str:
    """Delimiter that cuts most rows into equally many fields, more than one.

    Tab, semicolon and bar are tried before the comma, which is also a decimal mark; blanks only if the extension does
    not name a delimiter and no other is found.
    """
    loose = any(suffix.lower() in (".txt", ".dat") for suffix in path.suffixes[-2:])
    best, best_score = ",", 0
    for delimiter in ("\t", ";", "|", ",", BLANKS):
        if delimiter == BLANKS and (best_score or not loose):
            break
        counts = Counter(len(row) for _, row in records(lines, delimiter))
        score = max((count for fields, count in counts.items() if fields > 1), default=0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _check_beginning(path: Path, rows: Sequence[Record], numbers: NumberFormat) -> None:
    """Refuse a first row that is shorter than most: a title, a comment, names without one for the row labels."""
    usual = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    line, first = rows[0]
    if len(first) >= usual or (len(first) == usual - 1 and not any(row[-1].strip() for _, row in rows[1:])):
        return
    names = [name for name in first if name.strip() and numbers.number(name) is None]
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


def _names_below(rows: Sequence[Record], numbers: NumberFormat) -> int | None:
    """Line of a row of nothing but text, below another row and above the first row of numbers, if there is one."""
    for (_, before), (line, row), (_, after) in zip(rows, rows[1 : MOST_TITLES + 1], rows[2:], strict=False):
        if _all_numbers(before, numbers):
            return None
        text = all(not is_missing(field) and numbers.number(field) is None for field in row)
        if text and len(after) == len(row) and _all_numbers(after, numbers):
            return line
    return None


def _all_numbers(row: Sequence[str], numbers: NumberFormat) -> bool:
    """Whether a row holds numbers, and nothing else but gaps."""
    is_number = [numbers.number(field) is not None for field in row]
    return any(is_number) and all(ok or is_missing(field) for ok, field in zip(is_number, row, strict=True))


def _has_header(
    path: Path,
    first: list[str],
    rest: list[list[str]],
    dialect: Dialect,
    names: Sequence[str],
    columns: Sequence[str],
) -> bool:
    """Whether the first row names the columns; TableError where that is in doubt."""
    number = dialect.numbers.number
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
