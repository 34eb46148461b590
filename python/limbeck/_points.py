"""Points before three digits, which begin decimals or part thousands.

952 and 1.146 in one column are the whole numbers 952 and 1146 where the comma begins decimals; where the point does,
1.146 is little more than 1. Numbers that can only be decimals, such as 0.5 and 12.25, tell for the whole file. Without
any, a comma between fields speaks for a point that begins decimals, and anything else leaves the doubt.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck._number_text import GROUPED_POINT
from limbeck._table_words import TableError, shortened

__all__ = ["check_points", "doubtful_columns"]

Float64Array = NDArray[np.float64]
_ROUNDING = 1e-6  # of a thousand times a number below a thousand: far above that of float64, far below a tenth


def doubtful_columns(columns: Sequence[int], values: Float64Array, delimiter: str) -> list[int]:
    """Columns of numbers below a thousand with three decimals at most; none if a number of the file tells.

    Parameters
    ----------
    columns : sequence of int
        Columns that were read.
    values : ndarray of shape (n, len(columns))
        Their numbers, points taken for decimal ones.
    delimiter : str
        Between the file's fields.
    """
    found = []
    for j, column in zip(columns, np.abs(values).T, strict=True):
        whole = column == np.floor(column)
        rest = column[~whole]
        thousandths = rest * 1000
        if (rest < 1).any() or (rest >= 1000).any() or (np.abs(thousandths - np.rint(thousandths)) > _ROUNDING).any():
            return []
        # Whole numbers alone may be written 12.000; in files of commas nobody would take this for 12000.
        if column.max(initial=0.0) < 1000 and (len(rest) or delimiter != ","):
            found.append(j)
    return found


def check_points(
    path: Path, delimiter: str, names: Sequence[str], doubtful: Sequence[int], rows: Iterable[tuple[int, list[str]]]
) -> str | None:
    """Refuse columns whose points are in doubt, or return a hint where they hardly are.

    Parameters
    ----------
    path, delimiter, names
        Of the file.
    doubtful : sequence of int
        Columns to look at.
    rows : iterable of (line, fields)
        The file's text.

    Raises
    ------
    TableError
        The numbers of a column can be read in two ways.
    """
    grouped, whole = dict[int, str](), dict[int, str]()
    for _, row in rows:
        for j in doubtful:
            text = row[j].strip()
            if "." not in text:
                whole.setdefault(j, text)
            elif GROUPED_POINT.fullmatch(text):
                grouped.setdefault(j, text)
            else:
                return None  # decimals
    mixed = [j for j in grouped if j in whole]
    if mixed and delimiter != ",":
        j = mixed[0]
        raise TableError(
            f"{path}: column {names[j]!r} holds {whole[j]} and {grouped[j]}, and the point may begin decimals or part "
            "thousands; say --decimal . or --thousands ."
        )
    suspects = mixed if delimiter == "," else list(grouped) if delimiter == ";" else []
    if not suspects:
        return None
    j = suspects[0]
    return (
        f"column {shortened(names[j])}: {grouped[j]} is read as a number with three decimals; if the point parts "
        "thousands, give --thousands ., if not, --decimal ."
    )
