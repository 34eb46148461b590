"""Columns of numbers that Python reads and whose points may begin decimals or part thousands."""

from collections.abc import Iterable

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["doubtful_columns"]

_FIRST = 1000  # rows that are looked at first: they settle most columns without a look at all rows
_ROUNDING = 1e-6  # of a thousand times a number below a thousand: far above that of float64, far below a tenth


def doubtful_columns(columns: Iterable[tuple[int, Float64Array]]) -> tuple[list[int], list[int], bool]:
    """Columns of numbers below a thousand with three decimals at most.

    Parameters
    ----------
    columns : iterable of (int, ndarray of shape (n,))
        Indices of columns, and their numbers, points taken for decimal ones; NaN for gaps.

    Returns
    -------
    broken, whole : list of int
        Columns of which some number is broken, and columns of whole numbers.
    decimals : bool
        Whether another column has numbers that can only be decimals.
    """
    broken, whole, decimals = list[int](), list[int](), False
    for j, values in columns:
        column = values[np.isfinite(values)]
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
