"""Eigenpairs and inverses of symmetric matrices, and orthonormal bases."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck._learner.model.linear_algebra import diagonal_of_inverse, orthonormal_rows, with_unit_diagonal


def _assert_orthonormal(rows):
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (40, 40)])
def test_eigenpairs_of_a_symmetric_matrix(shape):
    A = np.random.default_rng(0).standard_normal(shape)
    A = A + A.T
    values, rows = _kernels.symmetric_eigen(A)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(A), rtol=0, atol=1e-13 * len(A))
    np.testing.assert_allclose(rows @ A, values[:, None] * rows, rtol=0, atol=1e-13 * len(A))
    _assert_orthonormal(rows)


@pytest.mark.parametrize("size", [1, 2, 64, 65, 300])
def test_the_diagonal_of_an_inverse(size):
    rows = np.random.default_rng(size).standard_normal((size, size + 20))
    A = rows @ rows.T + 0.1 * np.eye(size)
    np.testing.assert_allclose(diagonal_of_inverse(A), np.diag(np.linalg.inv(A)), rtol=1e-9)
    # Rounding may take definiteness away.
    np.testing.assert_allclose(diagonal_of_inverse(-A), np.diag(np.linalg.inv(-A)), rtol=1e-9)


def test_eigenpairs_of_what_is_no_symmetric_matrix():
    with pytest.raises(ValueError, match=r"^A must be square, got shape \(2, 3\)$"):
        _kernels.symmetric_eigen(np.ones((2, 3)))
    with pytest.raises(ValueError, match="it holds NaN or infinity"):
        _kernels.symmetric_eigen(np.array([[1.0, 0.0], [np.nan, 1.0]]))
    with pytest.raises(ValueError, match="it holds NaN or infinity"):
        _kernels.symmetric_eigen(np.array([[np.inf]]))


def test_a_matrix_of_unit_diagonal_and_its_factors():
    A = np.array([[4.0, 2.0, 0.0], [2.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
    scaled, scale = with_unit_diagonal(A.copy())
    np.testing.assert_allclose(scale, [1 / 2, 1 / 3, 1.0], rtol=1e-15)
    np.testing.assert_allclose(scaled, [[1.0, 1 / 3, 0.0], [1 / 3, 1.0, 0.0], [0.0, 0.0, 0.0]], rtol=1e-15)


def test_orthonormal_rows_span_what_stands_out():
    rows = np.array([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1e-3]])
    _assert_orthonormal(orthonormal_rows(rows, 1e-6))
    plane = orthonormal_rows(rows, 1e-2)
    np.testing.assert_allclose(plane.T @ plane, np.diag([1.0, 1.0, 0.0]), atol=1e-14)
