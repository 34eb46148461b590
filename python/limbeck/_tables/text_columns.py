"""Columns of delimited text, row by row: numbers where Python reads them, and numbers of different texts elsewhere."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator, Sequence
from typing import NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._tables.beginning import records
from limbeck._tables.dialect import open_text
from limbeck._tables.errors import TableError
from limbeck._tables.layout import Layout
from limbeck._tables.number_text import is_missing, plain_number
from limbeck._tables.preamble import Record

__all__ = ["Texts", "data_rows", "read_texts", "text_rows"]

_ROWS_AT_ONCE = 4096  # some hundred kB of text: the work of a call is spread over many rows
_GAP = float("nan")


def text_rows(layout: Layout, file: TextIO) -> Iterator[Record]:
    """Yield the rows below the header as they are, each with its line."""
    lines = itertools.islice(file, layout.header_lines, None)
    return records(lines, layout.delimiter, layout.header_lines + 1)


def data_rows(layout: Layout, file: TextIO) -> Iterator[Record]:
    """Yield the rows below the header, each with its line and as many fields as there are names.

    Rows of nothing but delimiters at the end of the file are left out, and so are empty fields beyond the names.

    Raises
    ------
    TableError
        A row is of another length, or a field beyond the names is not empty.
    """
    count, empty = len(layout.names), list[Record]()
    for line, row in text_rows(layout, file):
        if len(row) != count:
            if len(row) < count and (len(row) > 1 or row[0].strip()):
                _ragged(layout, line, len(row))
            if any(field.strip() for field in row[count:]):
                _ragged(layout, line, len(row))
            row = row[:count] + [""] * (count - len(row))
        if not any(map(str.strip, row)):
            empty.append((line, row))
            continue
        if empty:
            yield from empty
            empty = []
        yield line, row
    if empty:
        lines = f"line {empty[0][0]}" if len(empty) == 1 else f"lines {empty[0][0]} to {empty[-1][0]}"
        guess = f"{lines} at the end, of empty fields, left out"
        if guess not in layout.guesses:
            layout.guesses.append(guess)


def _ragged(layout: Layout, line: int, fields: int) -> NoReturn:
    """Raise TableError for a row of another length."""
    model = "the header" if layout.named else "the first row"
    # Lines before the table may have been taken for its header.
    title = f", or leave out lines before the header, --skip-rows {line - 1}" if line == layout.header_lines + 1 else ""
    raise TableError(
        f"{layout.path}, line {line}: {fields} field(s) where {model} has {len(layout.names)}; mend or drop that line"
        + title
    )


class Texts:
    """Column of text while it is read: its different texts, and the number of each row's text.

    As long as every field is a gap or a number in Python's form, only numbers are kept.
    """

    def __init__(self, plain: bool) -> None:
        self.plain = plain
        self.numbers = array("d")
        self._codes = array("i")
        self._places: dict[str, int] = {}

    @property
    def words(self) -> list[str]:
        """The different texts."""
        return list(self._places)

    @property
    def codes(self) -> NDArray[np.intp]:
        """Number of each row's text (n,)."""
        return np.frombuffer(self._codes, dtype=np.intc).astype(np.intp)

    @property
    def values(self) -> Float64Array:
        """Numbers of the rows (n,), NaN for a gap."""
        return np.frombuffer(self.numbers, dtype=np.float64).copy()

    def add(self, fields: Sequence[str]) -> bool:
        """Add fields of the next rows; False if they are no numbers where the column was one of numbers."""
        if self.plain:
            numbers = _plain(fields)
            if numbers is None:
                return False
            self.numbers.extend(numbers)
            return True
        places = self._places
        self._codes.extend([places.setdefault(field, len(places)) for field in map(str.strip, fields)])
        return True


def _plain(fields: Sequence[str]) -> list[float] | None:
    """Numbers of fields, NaN for gaps; None if one is anything else."""
    try:
        if not any("_" in field for field in fields):  # Python's own 1_000 is text in a file
            return list(map(float, fields))
    except ValueError:
        pass
    try:
        return [_GAP if is_missing(field) else _number(field) for field in fields]
    except ValueError:
        return None


def _number(field: str) -> float:
    if (value := plain_number(field)) is None:
        raise ValueError(field)
    return value


def read_texts(layout: Layout, columns: Sequence[int], *, texts: Sequence[int] = ()) -> dict[int, Texts]:
    """Read columns: numbers where all fields are in Python's form, codes of different texts otherwise.

    Parameters
    ----------
    layout : Layout
    columns : sequence of int
        Columns that are read; the others may hold anything.
    texts : sequence of int
        Those of them that are wanted as texts.

    Raises
    ------
    TableError
        A row is of another length.
    """
    found = {j: Texts(j not in texts) for j in columns}
    late = list[int]()
    with open_text(layout.path, layout.encoding) as file:
        rows = data_rows(layout, file)
        begun = False
        while chunk := [row for _, row in itertools.islice(rows, _ROWS_AT_ONCE)]:
            for j in [j for j in found if j not in late]:
                fields = [row[j] for row in chunk]
                if not found[j].add(fields):
                    if begun:
                        late.append(j)  # earlier rows are gone: the column is read again
                    else:
                        found[j] = Texts(plain=False)
                        found[j].add(fields)
            begun = True
    if late:
        found.update(read_texts(layout, late, texts=late))
    return found
