"""Tables of plain text: columns padded to their widest cell."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["text_table"]

_GAP = "  "  # between columns: two blanks stand out from those within cells


def text_table(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), ruled: bool = False) -> list[str]:
    """Lines of a table, without trailing spaces.

    Parameters
    ----------
    rows : sequence of sequences of str
        Cells, as many in every row; the first row is the header.
    left : sequence of int, default (0,)
        Columns whose cells are put to the left; those of numbers stand to the right.
    ruled : bool, default False
        Whether a line of dashes follows the header.

    Returns
    -------
    list of str
        One line for each row, and the rule.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if j in left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return _GAP.join(padded).rstrip()

    lines = [line(row) for row in rows]
    return [lines[0], _GAP.join("-" * width for width in widths), *lines[1:]] if ruled else lines
