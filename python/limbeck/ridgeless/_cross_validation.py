"""Errors at new points, estimated from the rows at hand: leave-one-out and generalised cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import (
    Float64Array,
    float_array,
    power_of_two_scale,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import require_same_rows
from limbeck._base.intercepts import centred, intercept_kind
from limbeck._base.warnings import silenced, warn
from limbeck.ridgeless._certified import NotCertifiedWarning
from limbeck.ridgeless._minimum_norm import noise_of_means, solve_arrays
from limbeck.ridgeless._rank import rank_ambiguity, relative_cutoff, unit_ambiguity
from limbeck.ridgeless._weights import RowWeights, row_weights_of

__all__ = ["generalized_cross_validation", "leave_one_out"]

# Of one minus the leverage: with less, the quotient of the classical formula has lost ten digits, and rows are left out
# in fact.
_LEAST_LEFT_OVER = 1e-6
# Of one minus the leverage, times the root of the rank: rounding in the squares that leverages add up from. What is
# less is zero: the row lies outside the span of the others.
_NOTHING_LEFT_OVER = 16 * float(np.finfo(np.float64).eps)
# Root of a weight over the largest, below which a residual is taken of the row itself: that of the row times the root
# has an error of the precision of the largest row, which the division would multiply by more than 10^4.
_LEAST_ROOT = 1e-4


def leave_one_out(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rcond: float | None = None,
    intercept: str | None = None,
    sample_weight: ArrayLike | None = None,
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
    intercept : {None, "centred", "penalised"}, optional
        As for :func:`solve`; the constant is fitted anew without each row. Subtracting means beforehand is not the
        same: each row is then known from the others.
    sample_weight : array_like of shape (n,), optional
        Weights of the squared residuals that the solutions minimise, as for :func:`solve`. The result is each row's own
        residual, not multiplied by a root of its weight; a row of weight zero is compared with the solution of the
        others. At least two weights must be positive.
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
        Shapes disagree, there are fewer than two rows or no columns, X or Y holds NaN or infinity, a weight is
        negative, two columns have the same name, or pandas' row labels of X and Y are the same in another order.

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
    centred rows, and 1 / n of a row's leverage is the constant's. With weights w, rows and targets are multiplied by
    their roots (``w_i / sum(w)`` of a leverage is then the constant's), and residuals divided by them.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0])
    >>> ridgeless.leave_one_out(X, y)
    array([-3. , -1.5,  4.5])
    """
    rows = _rows_to_leave_out(X, Y, rcond, intercept, n_threads, sample_weight)
    found = _left_out(rows)
    result = _residuals_left_out(rows, found)
    return result[:, 0] if rows.one_target else result


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
    intercept : {None, "centred", "penalised"}, optional
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
    rows = _rows_to_leave_out(X, Y, rcond, intercept, n_threads)
    found = _left_out(rows)
    if found.rank == len(rows.X):
        scaled = found.alone / found.alone_diagonal.mean()
    else:
        scaled = found.residual / (1 - found.rank / len(rows.X))
    result: Float64Array = np.square(scaled).mean(axis=0)
    return float(result[0]) if rows.one_target else result


class _Rows(NamedTuple):
    """Checked rows, with the constant as a column if it is penalised, and targets as columns."""

    X: Float64Array  # (n, p), over ``unit``
    Y: Float64Array  # (n, q)
    unit: float
    cutoff: float  # of singular values, relative
    intercept: str | None
    threads: int
    one_target: bool
    weights: RowWeights | None
    sample_weight: ArrayLike | None


def _rows_to_leave_out(
    X: ArrayLike,
    Y: ArrayLike,
    rcond: float | None,
    intercept: str | None,
    n_threads: int | None,
    sample_weight: ArrayLike | None = None,
) -> _Rows:
    """Checked arguments."""
    require_same_rows(X=X, Y=Y, sample_weight=sample_weight)
    X = float_array(X, "X", 2, objects=True)
    Y = float_array(Y, "Y", (1, 2), np.float64, objects=True)
    same_length(X, "X", 0, Y, "Y", 0, "rows")
    if len(X) < 2 or not X.shape[1]:
        raise ValueError(f"X must have at least two rows and one column, got shape {X.shape}")
    kind, threads = intercept_kind(intercept), thread_count(n_threads)
    require_finite(threads, X=X, Y=Y)
    weights = None if sample_weight is None else row_weights_of(sample_weight, X, threads)
    if weights is not None and np.count_nonzero(weights.kept) < 2:
        raise ValueError("sample_weight must be positive for at least two rows, to leave out one of them")
    if kind == "penalised":
        X = np.concatenate([X, np.ones_like(X[:, :1])], axis=1)
    unit, cutoff, one_target = power_of_two_scale(X), relative_cutoff(X, rcond), Y.ndim == 1
    targets = Y[:, None] if one_target else Y
    return _Rows(X.astype(np.float64) / unit, targets, unit, cutoff, kind, threads, one_target, weights, sample_weight)


class _LeftOut(NamedTuple):
    """Projections of n rows: H onto the columns of X, and K = X X'. A constant counts in all."""

    residual: Float64Array  # (n, q): y - H y
    left_over: Float64Array  # (n,): 1 - diag(H)
    alone: Float64Array  # (n, q): K^+ y
    alone_diagonal: Float64Array  # (n,): diag(K^+)
    rank: int  # of X


def _left_out(rows: _Rows) -> _LeftOut:
    """Projections of the rows of positive weight, times the roots of their weights."""
    X, Y, weights, noise = rows.X, rows.Y, rows.weights, None
    if weights is not None:
        X, Y = weights.kept_rows(X), weights.kept_rows(Y)
    share: float | Float64Array = 0.0  # of the constant in each leverage
    if rows.intercept == "centred":
        (X, mean), (Y, _) = (centred(part, weights and weights.values) for part in (X, Y))
        noise = noise_of_means(mean, len(X))
        share = 1 / len(X) if weights is None else weights.values[:, 0] / weights.values.sum()
    if weights is not None:
        X, Y = X * weights.roots, Y * weights.roots

    def doubts_about(rank: int) -> str:
        return unit_ambiguity(X, rank, rows.cutoff, rows.threads, noise, rows.intercept, rows.unit)

    found = _left_out_of(X, Y, rows.cutoff, rows.threads, doubts_about)
    if rows.intercept != "centred":
        return found
    return found._replace(left_over=found.left_over - share, rank=found.rank + 1)


def _residuals_left_out(rows: _Rows, found: _LeftOut) -> Float64Array:
    """Residuals (n, q) of rows that are left out, by the formula that each row's leverage asks for."""
    n, weights = len(found.left_over), rows.weights
    least = _NOTHING_LEFT_OVER * np.sqrt(found.rank)
    alone = found.left_over < least if found.rank < n else np.ones(n, dtype=bool)
    doubtful = ~alone & (found.left_over < _LEAST_LEFT_OVER)
    numerator = np.where(alone[:, None], found.alone, found.residual)
    denominator = np.where(doubtful, 1.0, np.where(alone, found.alone_diagonal, found.left_over))
    if weights is None:
        result = np.asarray(numerator / denominator[:, None])
        result[doubtful] = _without_rows(rows, np.flatnonzero(doubtful))
        return result
    light = ~alone & (weights.roots[:, 0] < _LEAST_ROOT)
    own = numerator / (denominator[:, None] * np.where(light[:, None], 1.0, weights.roots))
    result, kept = np.empty(rows.Y.shape), np.flatnonzero(weights.kept)
    result[kept] = own
    if light.any() or len(kept) < len(result):
        fitted, outside = _fitted(rows), ~weights.kept
        result[outside] = (rows.Y - fitted)[outside]
        result[kept[light]] = (rows.Y - fitted)[kept[light]] / found.left_over[light, None]
    result[kept[doubtful]] = _without_rows(rows, np.flatnonzero(doubtful))
    return result


def _fitted(rows: _Rows) -> Float64Array:
    """Values (n, q), at all rows, of the solution for those of positive weight; its warnings have been given."""
    given = None if rows.intercept == "penalised" else rows.intercept  # the column of ones is there already
    with silenced(NotCertifiedWarning):
        found = solve_arrays(rows.X, rows.Y, rows.cutoff, "auto", given, rows.threads or None, rows.sample_weight)
    return found.predict(rows.X)


def _without_rows(rows: _Rows, which: NDArray[np.intp]) -> Float64Array:
    """Residuals (m, q) of some rows, each left out in fact; numbers count the rows of positive weight."""
    X, Y, weights = rows.X, rows.Y, rows.weights
    if weights is not None:
        X, Y = weights.kept_rows(X), weights.kept_rows(Y)
    result = np.empty((len(which), Y.shape[1]))
    for place, i in enumerate(which):
        rest = np.arange(len(X)) != i
        others, targets, x, y = X[rest], Y[rest], X[i], Y[i]
        if rows.intercept == "centred":
            (others, x_mean), (targets, y_mean) = (
                centred(part, None if weights is None else weights.values[rest]) for part in (others, targets)
            )
            x, y = x - x_mean[0], y - y_mean[0]
        if weights is not None:
            others, targets = others * weights.roots[rest], targets * weights.roots[rest]
        result[place] = y - x @ np.linalg.lstsq(others, targets, rcond=rows.cutoff)[0]
    return result


def _left_out_of(
    X: Float64Array, Y: Float64Array, cutoff: float, threads: int, doubts_about: Callable[[int], str]
) -> _LeftOut:
    """Projections of rows; ``doubts_about(rank)`` says why the rank may be one of the columns' units alone."""
    found = _kernels.leave_one_out(X, Y, cutoff, relative_cutoff(X, None), threads)
    if found[-1] == "certified":
        certain = _LeftOut(*found[:-1])
        if doubts := doubts_about(certain.rank):
            warn(doubts, NotCertifiedWarning)
        return certain
    U, sizes, _ = np.linalg.svd(X, full_matrices=False)
    doubts = rank_ambiguity(sizes, cutoff, max(X.shape))
    kept = sizes > cutoff * sizes[0]
    doubts = doubts or doubts_about(int(np.count_nonzero(kept)))
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
