"""Points before three digits, which begin decimals or part thousands.

952 and 1.146 in one column are the whole numbers 952 and 1146 where the comma begins decimals; where the point does,
1.146 is little more than 1. A number of the column that can only have decimals, such as 0.5 or 12.25, settles it, and
so does a whole one from 1000 on without a mark. Without either, decimals are likely in files whose fields are parted by
commas, and cannot be told from thousands in others.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.errors import TableError, shortened
from limbeck._tables.number_text import GROUPED_POINT, SIGNS

__all__ = ["check_points", "doubtful_columns"]

_FIRST = 1000  # rows that are looked at first: they settle most columns without a look at all rows
_ROUNDING = 1e-6  # of a thousand times a number below a thousand: far above that of float64, far below a tenth


def doubtful_columns(columns: Sequence[int], values: Float64Array) -> tuple[list[int], list[int], bool]:
    """Columns of numbers below a thousand with three decimals at most.

    Parameters
    ----------
    columns : sequence of int
        Columns that were read.
    values : ndarray of shape (n, len(columns))
        Their numbers, points taken for decimal ones.

    Returns
    -------
    broken, whole : list of int
        Columns of which some number is broken, and columns of whole numbers.
    decimals : bool
        Whether another column has numbers that can only be decimals.
    """
    broken, whole, decimals = list[int](), list[int](), False
    for j, column in zip(columns, values.T, strict=True):
        if not (_in_doubt(column[:_FIRST]) and _in_doubt(column)):
            decimals = decimals or bool((column != np.floor(column)).any())
        elif (column == np.floor(column)).all():
            whole.append(j)
        else:
            broken.append(j)
    return broken, whole, decimals


def _in_doubt(column: Float64Array) -> bool:
    """Whether all numbers are below a thousand, and those that are broken at least 1 with three decimals at most."""
    sizes = np.abs(column)
    rest = sizes[sizes != np.floor(sizes)]
    thousandths = rest * 1000
    return bool(
        sizes.max(initial=0.0) < 1000
        and (rest >= 1).all()
        and (np.abs(thousandths - np.rint(thousandths)) <= _ROUNDING).all()
    )


def check_points(
    path: Path,
    delimiter: str,
    names: Sequence[str],
    doubtful: Sequence[int],
    decimals: bool,
    rows: Iterable[tuple[int, list[str]]],
) -> str | None:
    """Refuse columns whose points are in doubt, or return a hint where they hardly are.

    Parameters
    ----------
    path, delimiter, names
        Path, delimiter and names of the columns of the file.
    doubtful : sequence of int
        Columns to look at.
    decimals : bool
        Whether other columns have decimals behind a point.
    rows : iterable of (line, fields)
        The file's text.

    Raises
    ------
    TableError
        The numbers of a column can be read in two ways.
    """
    undecided, grouped, whole = set(doubtful), dict[int, str](), dict[int, str]()
    for _, row in rows:
        for j in tuple(undecided):
            text = row[j].strip()
            if text.lstrip(SIGNS).isdigit():
                whole.setdefault(j, text)
            elif GROUPED_POINT.fullmatch(text):
                grouped.setdefault(j, text)
            else:  # decimals, or an exponent, which nobody writes beside marks of thousands
                undecided.discard(j)
                decimals = True
        if not undecided:
            return None
    mixed = [j for j in doubtful if j in undecided and j in grouped and j in whole]
    if mixed and delimiter != ",":
        j = mixed[0]
        more = f" (and {len(mixed) - 1} more columns do the like)" if len(mixed) > 1 else ""
        raise TableError(
            f"{path}: column {names[j]!r} holds {whole[j]} and {grouped[j]}{more}, and the point may begin decimals or "
            "part thousands; say --decimal . or --thousands ."
        )
    alone = [j for j in doubtful if j in undecided and j in grouped] if delimiter == ";" and not decimals else []
    for j in [*mixed, *alone][:1]:
        return (
            f"column {shortened(names[j])}: {grouped[j]} is read as a number with three decimals; if the point parts "
            "thousands, give --thousands ., if not, --decimal ."
        )
    return None
