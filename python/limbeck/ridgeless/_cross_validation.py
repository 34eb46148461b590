"""Errors at new points told from the rows at hand: leave-one-out and generalised cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, float_array, require_finite, same_length, thread_count
from limbeck._base.frames import require_same_rows
from limbeck._base.warnings import warn
from limbeck.ridgeless._certified import (
    NotCertifiedWarning,
    centred,
    check_intercept,
    power_of_two_scale,
    rank_ambiguity,
    relative_cutoff,
    unit_doubts,
)

__all__ = ["generalized_cross_validation", "leave_one_out"]

_LEAST_LEFT_OVER = 1e-6  # of one minus the leverage: with less, the quotient has lost too many digits
_NOTHING_LEFT_OVER = 16 * float(np.finfo(np.float64).eps)  # times the root of the rank


def leave_one_out(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rcond: float | None = None,
    intercept: str | None = None,
    n_threads: int | None = None,
) -> Float64Array:
    r"""Residuals :math:`y_i - x_i^\top b^{(-i)}` of the minimum-norm solutions that leave out one row each.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Rows, n >= 2; of any rank.
    Y : array_like of shape (n,) or (n, q)
        Targets.
    rcond : float, optional
        As for :func:`solve`. The rank of X without a row is judged from that of X.
    intercept : {None, "centred", "in norm"}, optional
        As for :func:`solve`; the constant is fitted anew without each row. Subtracting means beforehand is not the
        same: each row is then known from the others.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    ndarray of shape (n,) or (n, q)
        In float64.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, there are fewer than two rows or no columns, X or Y holds NaN or infinity, two columns have the
        same name, or pandas' row labels of X and Y are the same in another order.

    Warns
    -----
    NotCertifiedWarning
        The rank of X is in doubt, or is higher with columns scaled to length one.

    Notes
    -----
    With H the projection on the columns of X, the residual of row i is divided by 1 - H_ii: the classical formula.
    Where H_ii = 1, row i lies outside the span of the others: the fit goes through y_i whatever it is, and the formula
    becomes ``(K^+ y)_i / (K^+)_ii`` for K = X X' (for independent rows Hastie, Montanari, Rosset and
    Tibshirani, Surprises in high-dimensional ridgeless least squares interpolation, Ann. Statist. 50, 2022, section 7).
    Rows of almost all the leverage, 1 - H_ii below 1e-6, are left out in fact. With a centred intercept K is that of
    centred rows, and 1 / n of a row's leverage is the constant's.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0])
    >>> ridgeless.leave_one_out(X, y)
    array([-3. , -1.5,  4.5])
    """
    X, Y, unit, cutoff, threads = _rows_to_leave_out(X, Y, rcond, intercept, n_threads)
    targets = Y if Y.ndim == 2 else Y[:, None]
    found = _left_out(X, targets, cutoff, threads, intercept, unit)
    least = _NOTHING_LEFT_OVER * np.sqrt(found.rank)
    alone = found.left_over < least if found.rank < len(X) else np.ones(len(X), dtype=bool)
    doubtful = ~alone & (found.left_over < _LEAST_LEFT_OVER)
    numerator = np.where(alone[:, None], found.alone, found.residual)
    denominator = np.where(alone, found.alone_diagonal, found.left_over)
    result = numerator / np.where(doubtful, 1.0, denominator)[:, None]
    for i in np.flatnonzero(doubtful):
        result[i] = _without_row(X, targets, int(i), cutoff, intercept == "centred")
    return np.asarray(result if Y.ndim == 2 else result[:, 0])


def _without_row(X: Float64Array, Y: Float64Array, i: int, cutoff: float, with_constant: bool) -> Float64Array:
    rest = np.arange(len(X)) != i
    rows, targets, x, y = X[rest], Y[rest], X[i], Y[i]
    if with_constant:
        (rows, x_mean), (targets, y_mean) = centred(rows), centred(targets)
        x, y = x - x_mean[0], y - y_mean[0]
    return np.asarray(y - x @ np.linalg.lstsq(rows, targets, rcond=cutoff)[0])


def generalized_cross_validation(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rcond: float | None = None,
    intercept: str | None = None,
    n_threads: int | None = None,
) -> float | Float64Array:
    r"""Generalised cross-validation of the minimum-norm solution: leaving out rows, all of the same leverage.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Rows, n >= 2; of any rank r.
    Y : array_like of shape (n,) or (n, q)
        Targets.
    rcond : float, optional
        As for :func:`solve`.
    intercept : {None, "centred", "in norm"}, optional
        As for :func:`leave_one_out`.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    float or ndarray of shape (q,)
        Estimate of the mean squared error at new points, in the units of the targets' variance.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        As for :func:`leave_one_out`.

    Notes
    -----
    ``mean(residual^2) / (1 - r/n)^2`` for r < n (Golub, Heath and Wahba, Technometrics 21, 1979); for r = n, where that
    is 0/0, its limit from ridge regression, ``mean((K^-1 y)^2) / mean(diag(K^-1))^2`` for K = X X'. A constant counts
    in the rank.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0])
    >>> round(ridgeless.generalized_cross_validation(X, y), 6)
    10.5
    """
    X, Y, unit, cutoff, threads = _rows_to_leave_out(X, Y, rcond, intercept, n_threads)
    found = _left_out(X, Y if Y.ndim == 2 else Y[:, None], cutoff, threads, intercept, unit)
    if found.rank == len(X):
        scaled = found.alone / found.alone_diagonal.mean()
    else:
        scaled = found.residual / (1 - found.rank / len(X))
    result: Float64Array = np.square(scaled).mean(axis=0)
    return result if Y.ndim == 2 else float(result[0])


def _rows_to_leave_out(
    X: ArrayLike, Y: ArrayLike, rcond: float | None, intercept: str | None, n_threads: int | None
) -> tuple[Float64Array, Float64Array, float, float, int]:
    """Checked arrays, X in a moderate unit, the unit, and the threshold for singular values."""
    require_same_rows(X=X, Y=Y)
    X = float_array(X, "X", 2, objects=True)
    Y = float_array(Y, "Y", (1, 2), np.float64, objects=True)
    same_length(X, "X", 0, Y, "Y", 0, "rows")
    if len(X) < 2 or not X.shape[1]:
        raise ValueError(f"X must have at least two rows and one column, got shape {X.shape}")
    check_intercept(intercept)
    threads = thread_count(n_threads)
    require_finite(threads, X=X, Y=Y)
    if intercept == "in norm":
        X = np.concatenate([X, np.ones_like(X[:, :1])], axis=1)
    unit = power_of_two_scale(X)
    return X.astype(np.float64) / unit, Y, unit, relative_cutoff(X, rcond), threads


class _LeftOut(NamedTuple):
    """y - H y (n, q) and 1 - diag(H); K^+ y and diag(K^+) for K = X X'; the rank of X. A constant counts in all."""

    residual: Float64Array
    left_over: Float64Array
    alone: Float64Array
    alone_diagonal: Float64Array
    rank: int


def _left_out(
    X: Float64Array, Y: Float64Array, cutoff: float, threads: int, intercept: str | None, unit: float
) -> _LeftOut:
    """Rows with the constant as a column, if it is in the norm; ``unit`` is what X was divided by, for messages."""

    def told(rows: Float64Array, rank: int, noise: Float64Array | None) -> str:
        return unit_doubts(rows, rank, cutoff, threads, noise, intercept, unit)

    if intercept != "centred":
        return _left_out_of(X, Y, cutoff, threads, lambda rank: told(X, rank, None))
    rows, mean = centred(X)
    noise = float(np.finfo(np.float64).eps) * np.sqrt(len(X)) * np.abs(mean[0])
    found = _left_out_of(rows, centred(Y)[0], cutoff, threads, lambda rank: told(rows, rank, noise))
    return found._replace(left_over=found.left_over - 1 / len(X), rank=found.rank + 1)


def _left_out_of(
    X: Float64Array, Y: Float64Array, cutoff: float, threads: int, doubts_of: Callable[[int], str]
) -> _LeftOut:
    """``doubts_of`` tells from the rank whether it may be one of the columns' units alone."""
    found = _kernels.leave_one_out(X, Y, cutoff, relative_cutoff(X, None), threads)
    if found[-1] == "certified":
        certain = _LeftOut(*found[:-1])
        if doubts := doubts_of(certain.rank):
            warn(doubts, NotCertifiedWarning)
        return certain
    U, sizes, _ = np.linalg.svd(X, full_matrices=False)
    doubts = rank_ambiguity(sizes, cutoff, max(X.shape))
    kept = sizes > cutoff * sizes[0]
    doubts = doubts or doubts_of(int(np.count_nonzero(kept)))
    if doubts:
        warn(doubts, NotCertifiedWarning)
    U, sizes = U[:, kept], sizes[kept]
    projected, inverse = U.T @ Y, U / sizes
    return _LeftOut(
        Y - U @ projected,
        1 - np.square(U).sum(axis=1),
        inverse @ (projected / sizes[:, None]),
        np.square(inverse).sum(axis=1),
        len(sizes),
    )
