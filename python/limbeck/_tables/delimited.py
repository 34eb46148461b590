"""Reading of the numbers in delimited text: fast where they are plain, and otherwise row by row with errors by line."""

import itertools
import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn, TextIO

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.warnings import silenced
from limbeck._tables.decimal_points import check_points, doubtful_columns
from limbeck._tables.dialect import BLANKS, open_text
from limbeck._tables.errors import ColumnsError, Problem, TableError, infinite_value, missing_value, shortened
from limbeck._tables.layout import MOST_TITLES, Layout, Record, explained, records
from limbeck._tables.number_text import is_missing, text_problem

__all__ = ["read_numbers"]


_SEARCHED_AT_ONCE = 1 << 16  # characters: memory stays small for files of any size, and calls cost nothing beside it


def read_numbers(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Read finite numbers from the given columns; the other columns may hold anything.

    Raises
    ------
    TableError
        Text, a missing or infinite value, or a row of another length, named with its line; or points of which it is
        not clear whether they begin decimals or part thousands.
    """
    with explained(layout.path, layout.encoding):
        try:
            values = _load_fast(layout, columns)
        except UnicodeError:
            raise
        except ValueError:  # row by row, the line can be named, and odd forms of numbers can be read
            values = None
        if values is None or not np.isfinite(values).all():
            values = _load_carefully(layout, columns)
        if not layout.numbers.settled:
            _check_points(layout, columns, values)
    return values


def _check_points(layout: Layout, columns: Sequence[int], values: Float64Array) -> None:
    """Refuse columns whose points may begin decimals or part thousands, or add a hint where this is unlikely."""
    doubtful, whole, decimals = doubtful_columns(columns, values)
    # Whole numbers may all be written like 12.000, which means 12000 to some; not where fields are parted by commas.
    if whole and layout.delimiter != "," and _has_whole_points(layout):
        doubtful = sorted([*doubtful, *whole])
    if not doubtful:
        return
    with open_text(layout.path, layout.encoding) as file:
        hint = check_points(layout.path, layout.delimiter, layout.names, doubtful, decimals, _rows(layout, file))
    if hint and hint not in layout.hints:
        layout.hints.append(hint)


def _has_whole_points(layout: Layout) -> bool:
    """Whether the text ".000" occurs anywhere: a search that takes much less time than parting the fields."""
    with open_text(layout.path, layout.encoding) as file:
        end = ""  # of the chunk before, for a match across the border
        for chunk in iter(lambda: file.read(_SEARCHED_AT_ONCE), ""):
            if ".000" in end + chunk:
                return True
            end = chunk[-3:]
    return False


def _load_fast(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Read by NumPy's loadtxt, about ten million numbers a second; ValueError on anything unusual."""
    # Columns that are not wanted become 0 instead of being left out (usecols): rows of other lengths are noticed.
    unwanted = set(range(len(layout.names))) - set(columns)
    with (
        silenced(UserWarning),  # "input contained no data": seen from the shape
        open_text(layout.path, layout.encoding, newline=None) as file,
    ):
        lines = itertools.islice(file, layout.header_lines, None)
        values: Float64Array = np.loadtxt(
            lines if layout.numbers.plain else _with_points(lines, layout),
            delimiter=None if layout.delimiter == BLANKS else layout.delimiter,
            quotechar='"',
            comments=None,
            encoding="utf-8",  # of lines in bytes, of which there are none; converters get text
            ndmin=2,
            converters=dict.fromkeys(unwanted, _zero) or None,
        )
    if values.shape[1] != len(layout.names):
        raise ValueError("all rows are of another length than the header")
    return values if list(columns) == list(range(len(layout.names))) else values[:, list(columns)]


def _with_points(lines: Iterable[str], layout: Layout) -> Iterator[str]:
    """Yield lines with decimal points and without marks of thousands; ValueError on anything unusual."""
    numbers, delimiter = layout.numbers, layout.delimiter
    if delimiter in (numbers.decimal, BLANKS) or delimiter in numbers.thousands:
        raise ValueError("a mark may part fields")
    for line in lines:
        if '"' in line or (numbers.decimal != "." and "." not in numbers.thousands and "." in line):
            raise ValueError("quotes, or a point without a meaning")
        if not any(mark in line for mark in numbers.thousands):
            yield line if numbers.decimal == "." else line.replace(numbers.decimal, ".")
            continue
        values = [numbers.number(field) for field in line.rstrip("\r\n").split(delimiter)]
        if None in values:
            raise ValueError("no number")
        yield delimiter.join(map(repr, values)) + "\n"


def _zero(_: str) -> float:
    """Take the place of a conversion of a field that is not wanted."""
    return 0.0


def _rows(layout: Layout, file: TextIO) -> Iterator[Record]:
    """Yield the rows below the header, each with its line."""
    lines = itertools.islice(file, layout.header_lines, None)
    return records(lines, layout.delimiter, layout.header_lines + 1)


def _load_carefully(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Read row by row, with an error that names what is wrong with each column, and its first line."""
    values, bad, empty = array("d"), dict[int, Problem](), dict[int, int]()
    number, rows, units = layout.numbers.number, 0, 0
    with open_text(layout.path, layout.encoding) as file:
        for line, row in _rows(layout, file):
            rows += 1
            if len(row) != len(layout.names):
                if bad:
                    break  # the fault of an earlier line is reported
                _ragged(layout, line, len(row))
            if not any(text.strip() for text in row):
                if bad:
                    break
                raise TableError(f"{layout.path}, line {line}: every field is empty; delete that line")
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
        if units > len(whole) and units * 2 >= len(columns) and rows > 2:
            hint = _above_numbers(layout, [j for j in columns if j not in whole])
        raise ColumnsError(layout.path, [bad[j] for j in columns if j in bad], hint)
    return np.frombuffer(values, dtype=np.float64).reshape(-1, len(columns))


def _above_numbers(layout: Layout, columns: Sequence[int]) -> str:
    """Advice about lines between the header and the first row of numbers; empty if there is no such row soon."""
    text = list[int]()
    with open_text(layout.path, layout.encoding) as file:
        for line, row in itertools.islice(_rows(layout, file), MOST_TITLES):
            fields = [row[j] for j in columns if j < len(row)]
            numbers = [layout.numbers.number(field) is not None for field in fields]
            if any(numbers) and all(map(operator.or_, numbers, map(is_missing, fields))):
                break
            if any(numbers) and text:
                return ""
            text.append(line)
        else:
            return ""
    if not text:
        return ""
    names = f"if line {text[-1]} names the columns, give --skip-rows {text[-1] - 1}"
    if len(text) == 1:
        return f"line {text[0]} is no row of numbers: if it holds units, delete it; {names}"
    return f"lines {text[0]} to {text[-1]} are no rows of numbers: {names}"


def _ragged(layout: Layout, line: int, fields: int) -> NoReturn:
    """Raise TableError for a row of another length."""
    model = "the header" if layout.named else "the first row"
    # Lines before the table may have been taken for its header.
    title = f", or leave out lines before the header, --skip-rows {line - 1}" if line == layout.header_lines + 1 else ""
    raise TableError(
        f"{layout.path}, line {line}: {fields} field(s) where {model} has {len(layout.names)}; mend or drop that line"
        + title
    )


def _problem(layout: Layout, line: int, column: int, text: str, number: float | None) -> Problem:
    """Problem of a column whose field is missing, infinite or text."""
    name, place = layout.names[column], f"line {line}"
    if is_missing(text):
        return missing_value(name, place, f" ({text.strip()!r})" if text.strip() else "")
    if number is not None:
        return infinite_value(name, place, shortened(text.strip()))
    return text_problem(name, text, place, layout.numbers)
