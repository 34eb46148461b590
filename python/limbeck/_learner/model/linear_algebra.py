"""Eigenvectors and inverses of symmetric matrices, orthonormal bases, and normal matrices of unit diagonal."""

from __future__ import annotations

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array

__all__ = ["diagonal_of_inverse", "eigh", "orthonormal_rows", "with_unit_diagonal"]

_MOST_ROWS = 128  # of a matrix that one thread decomposes; beyond, LAPACK's threads pay
_MOST_INVERTED = 64  # rows of a triangle that LAPACK inverts whole; beyond, halves and products are faster


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


def diagonal_of_inverse(A: Float64Array) -> Float64Array:
    """Diagonal (p,) of the inverse of a positive definite matrix (p, p), in two fifths of the time of the inverse.

    With A = L L' it is the squares of the columns of the inverse of L, whose halves are inverted each by itself.
    """
    try:
        L = np.asarray(np.linalg.cholesky(A), dtype=np.float64)
    except np.linalg.LinAlgError:  # not definite to rounding
        return np.asarray(np.diag(np.linalg.inv(A)))
    inverse = np.zeros_like(A)
    _invert_triangle(L, inverse)
    return np.asarray(np.einsum("ij,ij->j", inverse, inverse))


def _invert_triangle(L: Float64Array, inverse: Float64Array) -> None:
    """Write the inverse of a lower triangle (p, p) into zeros."""
    if len(L) <= _MOST_INVERTED:
        inverse[:] = np.linalg.inv(L)
        return
    h = len(L) // 2
    _invert_triangle(L[:h, :h], inverse[:h, :h])
    _invert_triangle(L[h:, h:], inverse[h:, h:])
    inverse[h:, :h] = -(inverse[h:, h:] @ L[h:, :h]) @ inverse[:h, :h]


def orthonormal_rows(rows: Float64Array, cutoff: float) -> Float64Array:
    """Orthonormal basis (r, d) of rows (m, d), without the directions of singular values up to a cutoff."""
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return np.ascontiguousarray(basis[sizes > cutoff])


def with_unit_diagonal(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """A positive semidefinite matrix (p, p) with rows and columns scaled to unit diagonal, and the factors (p,).

    Units and sizes of parameters do not matter in these coordinates. Rows of zeros stay, with factor 1. The matrix
    given is overwritten.
    """
    diagonal = np.diag(matrix)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    matrix *= np.multiply.outer(scale, scale)
    return matrix, scale
