"""Numbers in Python's form in delimited text, fast; and the columns whose points may part thousands."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.warnings import silenced
from limbeck._tables.decimal_points import doubtful_columns
from limbeck._tables.dialect import BLANKS, open_text
from limbeck._tables.layout import Layout
from limbeck._tables.number_text import NumberFormat

__all__ = ["doubtful_points", "load_plain"]

_SEARCHED_AT_ONCE = 1 << 16  # characters: memory stays small for files of any size, and calls cost nothing beside it


def doubtful_points(
    layout: Layout, columns: Sequence[tuple[int, Float64Array]], mark: str = "."
) -> tuple[list[int], bool]:
    """Columns whose points may begin decimals or part thousands, and whether others leave no doubt.

    The same for commas, where these have been read as decimal marks.
    """
    if layout.numbers.settled:
        return [], False
    doubtful, whole, decimals = doubtful_columns(columns)
    # Whole numbers may all be written like 12.000, which means 12000 to some; not where fields are parted by commas.
    if whole and layout.delimiter != "," and _has_whole_points(layout, mark):
        doubtful = sorted([*doubtful, *whole])
    return doubtful, decimals


def _has_whole_points(layout: Layout, mark: str) -> bool:
    """Whether the mark and "000" occur anywhere: a search that takes much less time than parting the fields."""
    with open_text(layout.path, layout.encoding) as file:
        end = ""  # of the chunk before, for a match across the border
        for chunk in iter(lambda: file.read(_SEARCHED_AT_ONCE), ""):
            if f"{mark}000" in end + chunk:
                return True
            end = chunk[-3:]
    return False


def load_plain(layout: Layout, columns: Sequence[int], numbers: NumberFormat) -> Float64Array:
    """Read by NumPy's loadtxt, about ten million numbers a second; ValueError on anything unusual."""
    # Columns that are not wanted become 0 instead of being left out (usecols): rows of other lengths are noticed.
    names, wanted = range(len(layout.names)), set(columns)
    converters: dict[int | str, Callable[[str], float]] = {j: _zero for j in names if j not in wanted}
    converters.update(dict.fromkeys(range(len(names), layout.width), _empty))
    with (
        silenced(UserWarning),  # "input contained no data": seen from the shape
        open_text(layout.path, layout.encoding, newline=None) as file,
    ):
        lines = itertools.islice(file, layout.header_lines, None)
        values: Float64Array = np.loadtxt(
            lines if numbers.plain else _with_points(lines, numbers, layout.delimiter),
            delimiter=None if layout.delimiter == BLANKS else layout.delimiter,
            quotechar='"',
            comments=None,
            encoding="utf-8",  # of lines in bytes, of which there are none; converters get text
            ndmin=2,
            converters=converters or None,
        )
    if values.shape[1] != layout.width:
        raise ValueError("all rows are of another length than the header")
    return values if list(columns) == list(range(layout.width)) else values[:, list(columns)]


def _with_points(lines: Iterable[str], numbers: NumberFormat, delimiter: str) -> Iterator[str]:
    """Yield lines with decimal points and without marks of thousands; ValueError on anything unusual."""
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


def _empty(field: str) -> float:
    """Take the place of a conversion of a field that must be empty."""
    if field.strip():
        raise ValueError("a field beyond the last name")
    return 0.0
