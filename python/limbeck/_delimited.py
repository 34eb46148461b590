"""Delimited text: recognise delimiter and header, read the numbers fast, and say where one is not a number."""

import csv
import gzip
import itertools
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from limbeck._dialect import BLANKS, Dialect, open_text, tabbed
from limbeck._headers import doubtful_header, is_header
from limbeck._number_text import NumberFormat, is_missing, text_problem
from limbeck._points import check_points, doubtful_columns
from limbeck._table_words import (
    Problem,
    TableError,
    column_names,
    infinite_value,
    listed,
    missing_value,
    numbered,
    refuse,
    shortened,
)
from limbeck._warnings import silenced

__all__ = ["Layout", "find_layout", "read_numbers"]

Float64Array = NDArray[np.float64]
Record = tuple[int, list[str]]

_SAMPLE, _SAMPLE_LINES = 1 << 16, 200  # characters and lines to recognise the delimiter and the header by: the longer
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # what Excel writes and obeys in a first line


@dataclass(frozen=True)
class Layout:
    """How a text file is to be read.

    Attributes
    ----------
    path : Path
    delimiter : str
    names : tuple of str
        Of the columns, x0, x1, ... for those without.
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
        What reading may tell the user, without being an error.
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
def _explained(path: Path, encoding: str | None = None) -> Iterator[None]:
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


# ---- Layout ----


def _records(lines: Iterable[str], delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """Rows that are not blank, each with the line it begins on."""
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
        What the user has said.
    names : sequence of str
        Names that the file's columns should have: a first line that holds all of them is a header.
    columns : sequence of str
        Names or indices that the user asked for, with the same effect if they cannot all be indices.

    Raises
    ------
    TableError
        The file has no rows, or a header that cannot be used or told from a row; it is not text, or not CSV.
    OSError
        It cannot be read.
    """
    with _explained(path, dialect.encoding):
        with open_text(path, dialect.encoding) as file:
            lines, skipped = _beginning(file, dialect.skip_rows)
        if (text := "".join(lines[:5])).count("\0") * 3 > len(text):
            raise TableError(f"{path} is not UTF-8 text: it may be UTF-16, --encoding utf-16-le, or no text at all")
        delimiter = dialect.delimiter
        if skipped == dialect.skip_rows and lines and (separator := _SEPARATOR.fullmatch(lines[0])):
            delimiter, skipped = delimiter or separator[1], skipped + 1
            del lines[0]
        if delimiter is None:
            delimiter = _delimiter(lines, path)
        rows = list(_records(lines, delimiter, skipped + 1))
    if not rows:
        raise TableError(f"{path} is empty" + (f" after the {skipped} line(s) skipped" if skipped else ""))
    (line, first), rest = rows[0], [row for _, row in rows[1:]]
    _check_beginning(path, rows)
    header = _has_header(path, first, rest, dialect, names, columns)
    if not header:
        nameless = frozenset[int]()
        return Layout(
            path, delimiter, numbered(len(first)), False, nameless, skipped, line - 1, dialect.numbers, dialect.encoding
        )
    if not rest:
        raise TableError(f"{path} has a header and no rows")
    if all(len(row) == len(first) + 1 and not row[-1].strip() for row in rest):
        first = [*first, ""]  # every row ends in a delimiter
    return Layout(
        path,
        delimiter,
        column_names(path, first),
        True,
        frozenset(i for i, name in enumerate(first) if not name.strip()),
        skipped,
        rows[1][0] - 1,
        dialect.numbers,
        dialect.encoding,
    )


def _beginning(file: TextIO, skip_rows: int) -> tuple[list[str], int]:
    """The first lines after those to be skipped, and how many were."""
    skipped = sum(1 for _ in itertools.islice(file, skip_rows))
    lines, size = [], 0
    for line in file:
        lines.append(line)
        size += len(line)
        if size >= _SAMPLE and len(lines) >= _SAMPLE_LINES:
            break
    return lines, skipped


def _delimiter(lines: list[str], path: Path) -> str:
    """The delimiter that cuts most rows into equally many fields, more than one.

    Tab, semicolon and bar are asked before the comma, which is also a decimal mark; blanks only where the extension
    makes no promise and nothing else is found.
    """
    loose = any(suffix.lower() in (".txt", ".dat") for suffix in path.suffixes[-2:])
    best, best_score = ",", 0
    for delimiter in ("\t", ";", "|", ",", BLANKS):
        if delimiter == BLANKS and (best_score or not loose):
            break
        counts = Counter(len(row) for _, row in _records(lines, delimiter))
        score = max((count for fields, count in counts.items() if fields > 1), default=0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _check_beginning(path: Path, rows: Sequence[Record]) -> None:
    """Refuse a first row that is shorter than most: a title, a comment."""
    usual = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    line, first = rows[0]
    if len(first) < usual - 1 or (len(first) == 1 < usual and any(row[-1].strip() for _, row in rows[1:])):
        until = next(at for at, row in rows if len(row) == usual)
        raise TableError(
            f"{path}, line {line}: {len(first)} field(s), {shortened(first[0])}, where most lines have {usual}; lines "
            f"before the header or the first row are left out by --skip-rows {until - 1}"
        )


def _has_header(
    path: Path,
    first: list[str],
    rest: list[list[str]],
    dialect: Dialect,
    names: Sequence[str],
    columns: Sequence[str],
) -> bool:
    if dialect.header is not None:
        return dialect.header
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
    try:
        return -count <= int(column) < count
    except ValueError:
        return False


# ---- Numbers ----


def read_numbers(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Finite numbers of the given columns; the others may hold anything.

    Raises
    ------
    TableError
        Text, a missing or infinite value, a row of another length: with its line. Points that may begin decimals or
        part thousands.
    """
    with _explained(layout.path, layout.encoding):
        try:
            values = _load_fast(layout, columns) if layout.numbers.plain else None
        except UnicodeError:
            raise
        except ValueError:  # the careful reader knows which line, and reads what the fast one is too strict for
            values = None
        if values is None or not np.isfinite(values).all():
            values = _load_carefully(layout, columns)
        if not layout.numbers.settled:
            _check_points(layout, columns, values)
    return values


def _check_points(layout: Layout, columns: Sequence[int], values: Float64Array) -> None:
    doubtful, whole, told = doubtful_columns(columns, values)
    # Whole numbers alone may be written 12.000; between commas nobody would take this for 12000.
    if whole and layout.delimiter != "," and _has_whole_points(layout):
        doubtful = sorted([*doubtful, *whole])
    if not doubtful:
        return
    with open_text(layout.path, layout.encoding) as file:
        hint = check_points(layout.path, layout.delimiter, layout.names, doubtful, told, _rows(layout, file))
    if hint and hint not in layout.hints:
        layout.hints.append(hint)


def _has_whole_points(layout: Layout) -> bool:
    """Whether there are three zeros behind a point anywhere, which is found much faster than fields are parted."""
    with open_text(layout.path, layout.encoding) as file:
        end = ""
        for part in iter(lambda: file.read(_SAMPLE), ""):
            if ".000" in end + part:
                return True
            end = part[-3:]
    return False


def _load_fast(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """NumPy's reader, about ten million numbers a second. ValueError on anything odd."""
    # Columns that are not wanted become 0 instead of being left out (usecols): rows of other lengths are noticed.
    unwanted = set(range(len(layout.names))) - set(columns)
    with (
        silenced(UserWarning),  # "input contained no data": seen from the shape
        open_text(layout.path, layout.encoding, newline=None) as file,
    ):
        values: Float64Array = np.loadtxt(
            file,
            delimiter=None if layout.delimiter == BLANKS else layout.delimiter,
            quotechar='"',
            comments=None,
            skiprows=layout.header_lines,
            ndmin=2,
            converters=dict.fromkeys(unwanted, _zero) or None,
        )
    if values.shape[1] != len(layout.names):
        raise ValueError("all rows are of another length than the header")
    return values if list(columns) == list(range(len(layout.names))) else values[:, list(columns)]


def _zero(_: str) -> float:
    return 0.0


def _rows(layout: Layout, file: TextIO) -> Iterator[Record]:
    """The rows of numbers, each with its line."""
    lines = itertools.islice(file, layout.header_lines, None)
    return _records(lines, layout.delimiter, layout.header_lines + 1)


def _load_carefully(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Row by row: the same numbers, or what is wrong with each column and its first line."""
    values, bad, empty = array("d"), dict[int, Problem](), dict[int, int]()
    number, rows, units = layout.numbers.number, 0, 0
    with open_text(layout.path, layout.encoding) as file:
        for line, row in _rows(layout, file):
            rows += 1
            if len(row) != len(layout.names):
                if bad:
                    break  # what came before is told first
                _ragged(layout, line, len(row))
            for j in columns:
                value = number(row[j])
                if value is not None and np.isfinite(value):
                    values.append(value)
                    continue
                empty[j] = empty.get(j, 0) + (not row[j].strip())
                if j not in bad:
                    units += rows == 1
                    bad[j] = _problem(layout, line, j, row[j], value)
    if bad:
        whole = [j for j in bad if empty[j] == rows > 1]
        for j in whole:
            bad[j] = Problem(layout.names[j], "is empty", "drop it")
        hint = ""
        if units > len(whole) and units * 2 >= len(columns) and rows > 2 and _only_first(layout, columns):
            hint = f"line {layout.header_lines + 1} is no row of numbers: if it holds units, delete it"
        _refuse(layout, [bad[j] for j in columns if j in bad], hint)
    return np.frombuffer(values, dtype=np.float64).reshape(-1, len(columns))


def _only_first(layout: Layout, columns: Sequence[int]) -> bool:
    """Whether the second row is one of numbers."""
    with open_text(layout.path, layout.encoding) as file:
        _, row = next(itertools.islice(_rows(layout, file), 1, None))
    return all(j < len(row) and layout.numbers.number(row[j]) is not None for j in columns)


def _refuse(layout: Layout, problems: list[Problem], hint: str) -> NoReturn:
    try:
        refuse(layout.path, problems)
    except TableError as error:
        raise TableError(f"{error}; {hint}" if hint else str(error)) from None


def _ragged(layout: Layout, line: int, fields: int) -> NoReturn:
    model = "the header" if layout.named else "the first row"
    raise TableError(
        f"{layout.path}, line {line}: {fields} field(s) where {model} has {len(layout.names)}; mend or drop that line"
    )


def _problem(layout: Layout, line: int, column: int, text: str, number: float | None) -> Problem:
    name, place = layout.names[column], f"line {line}"
    if is_missing(text):
        return missing_value(name, place, f" ({text.strip()!r})" if text.strip() else "")
    if number is not None:
        return infinite_value(name, place, shortened(text.strip()))
    return text_problem(name, text, place, layout.numbers)
