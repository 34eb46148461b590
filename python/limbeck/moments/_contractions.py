"""Contractions of Hermite moment tensors of rows at hand; see :mod:`limbeck.moments`."""

from collections.abc import Sequence
from math import log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import (
    Array,
    finite_result,
    float_array,
    integer,
    integers,
    matrix,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import (
    column_names,
    in_known_order,
    require_rows_called,
    require_same_rows,
)

__all__ = [
    "contract",
    "contract_apply",
    "contract_to_scalar",
    "contract_to_vector",
    "moment_tensor",
    "weighted_grams",
]

_LARGEST_TENSOR = 10**8
_MOST_DIMENSIONS = 30  # an ndarray has 32 in NumPy 1, and one goes to the targets


def weighted_grams(
    X: ArrayLike, W: ArrayLike, *, n_threads: int | None = None, check_finite: bool = True
) -> NDArray[Any]:
    """Gram matrices of X under several row weightings: ``X.T @ diag(W[:, j]) @ X`` for every j.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Rows. n = 0 gives zeros.
    W : array_like of shape (n, J)
        One column of row weights for each matrix; any sign.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input. The check looks at the result first, so it costs next to nothing.

    Returns
    -------
    ndarray of shape (J, d, d)
        The matrices, symmetric, not divided by n.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, or an input holds NaN or infinity.

    Examples
    --------
    >>> import limbeck
    >>> limbeck.moments.weighted_grams([[1.0, 2.0], [3.0, 4.0]], [[1.0], [10.0]])
    array([[[ 91., 122.],
            [122., 164.]]])
    """
    require_same_rows(X=X, W=W)
    X = matrix(X, "X")
    W = matrix(W, "W", X.dtype)
    same_length(X, "X", 0, W, "W", 0, "rows")
    result = _kernels.weighted_grams(X, W, thread_count(n_threads))
    return finite_result(result, thread_count(n_threads), X=X, W=W) if check_finite else result


def _prepare(X: ArrayLike, y: ArrayLike, directions: ArrayLike) -> tuple[Array, Array, Array, bool]:
    """Arrays for a kernel: y as (n, q), directions as (m, d), and whether y came with a target axis."""
    require_same_rows(X=X, y=y)
    directions, _ = in_known_order(directions, column_names(X), "directions", "X")
    X = matrix(X, "X")
    y = float_array(y, "y", (1, 2), X.dtype)
    G = matrix(directions, "directions", X.dtype)
    same_length(X, "X", 0, y, "y", 0, "rows")
    same_length(X, "X", 1, G, "directions", 1, "features")
    if X.shape[0] == 0:
        raise ValueError(f"X has no rows, and a mean over no rows is undefined: shape {X.shape}")
    return X, np.ascontiguousarray(y.reshape(len(y), -1) if y.ndim == 1 else y), G, y.ndim == 2


def _finish(
    result: Array, has_targets: bool, check: bool, n_threads: int | None, *, y: Array, **inputs: Array
) -> Array:
    if check:
        finite_result(result, thread_count(n_threads), **inputs, y=y if has_targets else y[:, 0])
    return result if has_targets else result[0]


def contract(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensor of an order to a matrix, along every direction.

    For each direction g: ``mean_i y_i He_order(x_i)[g, ..., g, ., .]`` with order - 2 copies of g. One weighted Gram
    and one weighted sum per direction and target; the tensor is never formed.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, n >= 1.
    y : array_like of shape (n,) or (n, q)
        Labels.
    directions : array_like of shape (m, d)
        Directions g, used as given (not normalised).
    order : int
        Order of the moment, at least 2. With order 2 the directions only set the leading axis of the result.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input.

    Returns
    -------
    ndarray of shape (m, d, d) or (q, m, d, d)

    Raises
    ------
    TypeError
        An argument does not hold real numbers, or order is not an integer.
    ValueError
        Shapes disagree, n = 0, order < 2, or an input holds NaN or infinity.
    """
    order = integer(order, "order", at_least=2)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract(X, Y, G, order, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, n_threads, X=X, y=Y, directions=G)


def contract_to_vector(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensor of an order to a vector: ``mean_i y_i He_order(x_i)[g, ..., g, .]``.

    Parameters are those of :func:`contract`, with order at least 1.

    Returns
    -------
    ndarray of shape (m, d) or (q, m, d)

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    order = integer(order, "order", at_least=1)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract_to_vector(X, Y, G, order, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, n_threads, X=X, y=Y, directions=G)


def contract_to_scalar(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    orders: Sequence[int],
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensors of several orders to scalars: ``mean_i y_i He_l(x_i)[g, ..., g]``.

    Parameters are those of :func:`contract`; ``orders`` is a sequence of integers, at least 0.

    Returns
    -------
    ndarray of shape (m, len(orders)) or (q, m, len(orders))

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    wanted = integers(orders, "orders", 0)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract_to_scalar(X, Y, G, wanted, thread_count(n_threads))
    if check_finite and not any(wanted):
        require_finite(X=X, directions=G)  # order 0 alone does not look at them
    return _finish(result, has_targets, check_finite, n_threads, X=X, y=Y, directions=G)


def contract_apply(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    B: ArrayLike,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """``contract(X, y, directions, order) @ B`` without forming a d x d matrix, in O(n d s) per direction.

    Parameters are those of :func:`contract`, and:

    B : array_like of shape (d, s)
        A thin block, for instance of a randomised range finder.

    Returns
    -------
    ndarray of shape (m, d, s) or (q, m, d, s)

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    order = integer(order, "order", at_least=2)
    require_rows_called(B, column_names(X), "B")
    X, Y, G, has_targets = _prepare(X, y, directions)
    B = matrix(B, "B", X.dtype)
    same_length(X, "X", 1, B, "B", 0, "features")
    result = _kernels.contract_apply(X, Y, G, order, B, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, n_threads, X=X, y=Y, directions=G, B=B)


def moment_tensor(
    X: ArrayLike, y: ArrayLike, order: int, *, n_threads: int | None = None, check_finite: bool = True
) -> NDArray[Any]:
    """The dense moment tensor ``mean_i y_i He_order(x_i)``, for small d.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, n >= 1.
    y : array_like of shape (n,) or (n, q)
        Labels.
    order : int
        Order of the tensor, at least 0.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input.

    Returns
    -------
    ndarray of shape (d,) * order, or (q,) + (d,) * order

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        The tensor would have more than 1e8 entries, or as :func:`contract`.
    """
    order = integer(order, "order", at_least=0)
    require_same_rows(X=X, y=y)
    X = matrix(X, "X")
    X, Y, _, has_targets = _prepare(X, y, np.empty((0, X.shape[1])))
    digits = order * log10(max(1, X.shape[1])) + log10(max(1, Y.shape[1]))
    if digits > log10(_LARGEST_TENSOR):
        size = f"{10**digits:.3g}" if digits < 300 else f"1e{digits:.0f}"
        raise ValueError(
            f"the tensor of order {order} of {X.shape[1]} features has {size} entries, more than "
            f"{_LARGEST_TENSOR:.0e}; contract it along directions instead"
        )
    if order > _MOST_DIMENSIONS:
        raise ValueError(f"order must be at most {_MOST_DIMENSIONS}, got {order}")
    result = _kernels.moment_tensor(X, Y, order, thread_count(n_threads))
    if check_finite and order == 0:
        require_finite(X=X)
    return _finish(result, has_targets, check_finite, n_threads, X=X, y=Y)
