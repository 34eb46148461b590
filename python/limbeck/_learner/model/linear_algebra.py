"""Eigenvectors of small symmetric matrices without a second team of threads."""

from __future__ import annotations

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array

__all__ = ["eigh"]

_MOST_ROWS = 128  # of a matrix that one thread decomposes; beyond, LAPACK's threads pay


def eigh(A: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues, ascending, and eigenvectors (columns) of a symmetric matrix, as ``numpy.linalg.eigh`` returns them.

    Small matrices are decomposed on the calling thread: NumPy's LAPACK has threads of its own, and where two teams work
    in turn each waits for the cores that the other's idle threads still keep busy.
    """
    if len(A) > _MOST_ROWS:
        values, vectors = np.linalg.eigh(A)
        return values, vectors
    values, rows = _kernels.symmetric_eigen(np.ascontiguousarray(A))
    return values, rows.T
