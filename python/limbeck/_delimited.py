"""Delimited text: recognise delimiter and header, read the numbers fast, and say where one is not a number."""

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from limbeck._table_words import FILL, TableError, column_names, numbered, shortened
from limbeck._warnings import silenced

__all__ = ["Layout", "find_layout", "read_numbers"]

Float64Array = NDArray[np.float64]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", ".", "#n/a", "<na>"})
_SAMPLE = 1 << 16  # characters to recognise the delimiter and the header by


@dataclass(frozen=True)
class Layout:
    """How a CSV file is to be read: what precedes its first row of numbers, and how fields are parted."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    header_lines: int  # physical lines, for a quoted name may hold a line break; 0 without a header


def _open_text(path: Path) -> TextIO:
    # utf-8-sig drops the byte order mark that spreadsheets write; the csv module wants line ends untranslated.
    return path.open(encoding="utf-8-sig", newline="")


def _records(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line it begins on."""
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    begins = 1
    for row in reader:
        if row and not (len(row) == 1 and not row[0].strip()):
            yield begins, row
        begins = reader.line_num + 1


def find_layout(path: Path) -> Layout:
    """Recognise delimiter, header and columns from the beginning of a file.

    Raises
    ------
    TableError
        The file has no rows, or a header that cannot be used.
    UnicodeDecodeError, csv.Error, OSError
        It is not UTF-8, not CSV, or cannot be read.
    """
    with _open_text(path) as file:
        sample = file.read(_SAMPLE)
        if len(sample) == _SAMPLE:
            sample += file.readline()  # to the end of a line, so that no field of the sample is cut
    delimiter = _delimiter(sample)
    records = _records(io.StringIO(sample, newline=""), delimiter)
    first = next(records, None)
    if first is None:
        raise TableError(f"{path} is empty")
    second = next(records, None)
    row = first[1]
    if not _is_header(row, second[1] if second else None):
        return Layout(path, delimiter, numbered(len(row)), 0)
    if second is None:
        raise TableError(f"{path} has a header and no rows")
    return Layout(path, delimiter, column_names(path, row), second[0] - 1)


def _delimiter(sample: str) -> str:
    """The delimiter that cuts most rows into as many fields as the first, more than one.

    Tab and semicolon are asked before the comma, which is also a decimal mark.
    """
    best, best_score = ",", 0
    for delimiter in "\t;,":
        counts = [len(row) for _, row in _records(io.StringIO(sample, newline=""), delimiter)]
        score = counts.count(counts[0]) if counts and counts[0] > 1 else 0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _is_header(first: Sequence[str], second: Sequence[str] | None) -> bool:
    """Whether the first row names columns: it has text where the row below has numbers, or nothing but text.

    A row of data may hold text, too, in a column that is text all the way down.
    """
    text = [i for i, field in enumerate(first) if not _is_missing(field) and _number(field) is None]
    numbers = [i for i, field in enumerate(first) if _number(field) is not None]
    if second is not None and any(i < len(second) and _number(second[i]) is not None for i in text):
        return True
    return bool(text) and not numbers


def _is_missing(field: str) -> bool:
    return field.strip().lower() in _MISSING


def _number(field: str) -> float | None:
    if "_" in field:  # Python's own 1_000 is text in a file
        return None
    try:
        return float(field)
    except ValueError:
        return None


def read_numbers(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Finite numbers of the given columns; the others may hold anything.

    Raises
    ------
    TableError
        Text, a missing or infinite value, a row of another length: with its line.
    """
    try:
        values = _load_fast(layout, columns)
    except UnicodeDecodeError as error:
        raise TableError(f"{layout.path} is not UTF-8 text ({error.reason}): save it as UTF-8") from None
    except ValueError:  # the careful reader knows which line, and reads what the fast one is too strict for
        return _load_carefully(layout, columns)
    if not np.isfinite(values).all():
        return _load_carefully(layout, columns)
    return values


def _load_fast(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """NumPy's reader, about ten million numbers a second. ValueError on anything odd."""
    # Columns that are not wanted become 0 instead of being left out (usecols): rows of other lengths are noticed.
    unwanted = set(range(len(layout.names))) - set(columns)
    with silenced(UserWarning):  # "input contained no data": seen from the shape
        values: Float64Array = np.loadtxt(
            str(layout.path.resolve()),  # a full path: NumPy would take http://... for an address
            delimiter=layout.delimiter,
            quotechar='"',
            comments=None,
            skiprows=layout.header_lines,
            encoding="utf-8-sig",
            ndmin=2,
            converters=dict.fromkeys(unwanted, _zero) or None,
        )
    if values.shape[1] != len(layout.names):
        raise ValueError("all rows are of another length than the header")
    return values if list(columns) == list(range(len(layout.names))) else values[:, list(columns)]


def _zero(_: str) -> float:
    return 0.0


def _load_carefully(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Row by row: the same numbers, or the first problem with its line."""
    values = array("d")
    try:
        with _open_text(layout.path) as file:
            records = _records(file, layout.delimiter)
            if layout.header_lines:
                next(records)
            for line, row in records:
                if len(row) != len(layout.names):
                    _ragged(layout, line, len(row))
                values.extend(_checked(layout, line, j, row[j]) for j in columns)
    except csv.Error as error:
        raise TableError(f"{layout.path} is not CSV: {error}") from None
    except UnicodeDecodeError as error:
        raise TableError(f"{layout.path} is not UTF-8 text ({error.reason}): save it as UTF-8") from None
    return np.frombuffer(values, dtype=np.float64).reshape(-1, len(columns))


def _ragged(layout: Layout, line: int, fields: int) -> NoReturn:
    model = "the header" if layout.header_lines else "the first row"
    raise TableError(
        f"{layout.path}, line {line}: {fields} field(s) where {model} has {len(layout.names)}; mend or drop that line"
    )


def _checked(layout: Layout, line: int, column: int, field: str) -> float:
    number = _number(field)
    name = layout.names[column]
    if number is not None and np.isfinite(number):
        return number
    if _is_missing(field):
        shown = f" ({field.strip()!r})" if field.strip() else ""
        raise TableError(f"{layout.path}, line {line}: column {name!r} has a missing value{shown}; {FILL}")
    if number is not None:
        raise TableError(
            f"{layout.path}, line {line}: column {name!r} has an infinite value {field.strip()!r}; drop the row"
        )
    advice = "encode it as numbers or drop the column"
    if field.count(",") == 1 and _number(field.replace(",", ".")) is not None:
        advice = "write decimals with a point"
    raise TableError(f"{layout.path}, line {line}: column {name!r} holds text, first {shortened(field)}; {advice}")
