r"""Minimum-norm least squares with a certificate: rank, condition and backward error of every answer.

:func:`solve` minimises :math:`\|Y - X B\|` and, among all minimisers, :math:`\|B\|`: the limit of ridge regression as
the ridge goes to zero. It first factors the Gram matrix of the smaller side of X and refines the answer with residuals
of twice the precision. That is the fastest way, and where X is conditioned well enough (about 1e6 after its rows or
columns are scaled) it ends, for a few targets, closer to the exact answer than an orthogonal factorisation in float64.
Whether it did is measured. Where it did not, reflections with pivoting show the rank, and full rank is refined in the
same way, up to conditions of some 1e14. Where the rank is in doubt, LAPACK's singular values decide about it.

Shapes: n rows, p features, q targets. Results are bitwise the same for any number of threads, but for those of LAPACK.
"""

from __future__ import annotations

import dataclasses
import numbers
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._arrays import Array, Float64Array, float_array, require_finite, same_length, thread_count

__all__ = ["NotCertifiedWarning", "Solution", "generalized_cross_validation", "leave_one_out", "solve"]

_METHODS = ("auto", "cholesky", "qr", "svd")
_LEAST_LEFT_OVER = 1e-6
_RANK_DOUBT = 0.5  # of the precision times the larger side: a singular value as close to the threshold may be either
_BACKWARD_ERROR_PER_SIZE = 1e-14  # times the square root of the larger side


class NotCertifiedWarning(UserWarning):
    """An answer is not known to be right: its rank is in doubt, or its backward error is large."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A minimum-norm least-squares solution. With a batch, every field but ``method`` has a leading axis.

    Attributes
    ----------
    coef : ndarray of shape (p,) or (p, q)
        Coefficients, of the dtype of X.
    rank : int
        Number of singular values of X (centred, if there is an intercept) above rcond times the largest.
    condition : float
        The largest singular value over the smallest that counts: an estimate, mostly within a factor of two, unless the
        method is "svd".
    residual_norm : float or ndarray of shape (q,)
        ``||y - X b||`` for each target, b before it is rounded to the dtype of X.
    backward_error : float
        The relative change of X or Y in norm that would make the answer, before it is rounded to the dtype of X, one of
        least squares: an upper bound, measured; the largest over the targets. Singular values that do not count may
        add up to rcond to it.
    method : str
        "cholesky" of a Gram matrix with refinement, "qr" of X by pivoted reflections, or "svd" of X by LAPACK; "batch"
        if the items differ.
    certified : bool
        Whether the rank is beyond doubt and the backward error that of rounding.
    intercept : float or ndarray of shape (q,)
        Constant term; zero unless asked for.
    """

    coef: Array
    rank: Any
    condition: Any
    residual_norm: Any
    backward_error: Any
    method: str
    certified: Any
    intercept: Any = 0.0

    def predict(self, X: ArrayLike) -> Array:
        """``X @ coef + intercept`` for X (m, p)."""
        return np.asarray(np.asarray(X) @ self.coef + self.intercept)


def solve(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rcond: float | None = None,
    method: str = "auto",
    intercept: str | None = None,
    n_threads: int | None = None,
) -> Solution:
    """Solve a least-squares problem for the solution of least norm.

    Parameters
    ----------
    X : array_like of shape (n, p), or (b, n, p) for a batch
        Rows. float32 is factored in float32; residuals are float64 all the same, and where that does not reach the
        answer, so is the factor.
    Y : array_like of shape (n,) or (n, q); with a batch (b, n) or (b, n, q)
        Targets; converted to the dtype of X.
    rcond : float, optional
        Singular values of X at or below this part of the largest count as zero; default NumPy's convention, the
        precision of X's dtype times the larger of n and p.
    method : {"auto", "cholesky", "qr", "svd"}, default "auto"
        "auto" takes the first of the others that can be certified. "cholesky" and "qr" raise ValueError where they
        cannot.
    intercept : {None, "centred", "in norm"}, optional
        "centred": the constant term is free; X and Y less their column means are solved, and the norm is that of the
        coefficients alone. "in norm": a column of ones is appended to X, so that the constant counts in the norm. For
        unique solutions (rank p) the two agree.
    n_threads : int, optional
        Number of threads; default what OpenMP would take. LAPACK takes its own.

    Returns
    -------
    Solution

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, there are no rows or no columns, an option is unknown, rcond is not in [0, 1), X or Y holds NaN
        or infinity, or the method asked for cannot certify its answer.

    Warns
    -----
    NotCertifiedWarning
        The rank is in doubt or the backward error is larger than rounding explains; the message says which.

    Notes
    -----
    With a triangular factor of the normal matrix, from a Gram matrix or from reflections, corrections by the semi-normal
    equations are made until they vanish, residuals being taken to twice the precision (Björck, Numerical Methods for
    Least Squares Problems, SIAM 1996, section 6.6). The rank is certified where the factor's smallest
    singular value is twice the threshold or more, and what is left out is rounding: at most half the precision of X's
    dtype times the larger of n and p. The backward error of least squares is bounded by Stewart's (Research,
    development, and LINPACK, 1977).

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X = np.random.default_rng(0).standard_normal((50, 200))
    >>> found = ridgeless.solve(X, X[:, 0])
    >>> found.rank, found.certified, bool(np.allclose(X @ found.coef, X[:, 0]))
    (50, True, True)
    """
    X = float_array(X, "X", (2, 3))
    Y = float_array(Y, "Y", (1, 2) if X.ndim == 2 else (2, 3), X.dtype)
    cutoff = _cutoff(X, rcond)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}; got {method!r}")
    threads = thread_count(n_threads)
    if X.ndim == 3:
        return _solve_batch(X, Y, rcond, method, intercept, n_threads)
    same_length(X, "X", 0, Y, "Y", 0, "rows")
    if not X.size:
        raise ValueError(f"X must have at least one row and one column, got shape {X.shape}")
    if intercept is not None:
        return _with_intercept(X, Y, rcond, method, intercept, n_threads)
    coef, rank, condition, norms, error, method, certified = _answer(X, Y, cutoff, method, threads)
    if Y.ndim == 1:
        return Solution(coef[:, 0], rank, condition, float(norms[0]), error, method, certified)
    return Solution(coef, rank, condition, norms, error, method, certified)


# Coefficients (p, q), rank, condition, residual norms (q), backward error, method, whether certified.
_Answer = tuple[Array, int, float, Float64Array, float, str, bool]


def _answer(X: Array, Y: Array, cutoff: float, method: str, threads: int) -> _Answer:
    """By the first factorisation that can tell what its answer is worth."""
    targets = Y if Y.ndim == 2 else Y[:, None]
    if not targets.shape[1]:
        require_finite(threads, X=X)
        return _by_svd(X, targets, cutoff)
    inner, right = X, targets
    if method in ("auto", "cholesky"):
        coef, norms, condition, error, _, verdict = _kernels.solve_by_cholesky(X, targets, cutoff, threads)
        if verdict == "certified":
            return coef, min(X.shape), condition, norms, error, "cholesky", True
    require_finite(threads, X=X, Y=Y)
    if X.dtype != np.float64:
        inner, right = X.astype(np.float64), targets.astype(np.float64)
        if method in ("auto", "cholesky"):
            coef, norms, condition, error, _, verdict = _kernels.solve_by_cholesky(inner, right, cutoff, threads)
            if verdict == "certified":
                return coef.astype(X.dtype), min(X.shape), condition, norms, error, "cholesky", True
    if method in ("auto", "qr"):
        negligible = float(np.finfo(X.dtype).eps * max(X.shape))
        coef, norms, rank, condition, error, verdict = _kernels.solve_by_qr(inner, right, cutoff, negligible, threads)
        if verdict == "certified":
            return coef.astype(X.dtype, copy=False), rank, condition, norms, error, "qr", True
    if method in ("cholesky", "qr"):
        raise ValueError(f'method="{method}" cannot certify an answer for X of shape {X.shape}; "auto" looks further')
    answer = _by_svd(X, targets, cutoff)
    if method == "auto" and X.dtype == np.float64 and answer[1] == min(X.shape) and answer[-1]:
        # The singular values have shown what reflections could not be sure of: refine after all.
        coef, norms, rank, _, error, verdict = _kernels.solve_by_qr(X, targets, -1.0, 0.0, threads)
        if verdict == "certified" and error < answer[4]:
            return coef, rank, answer[2], norms, error, "qr", True
    return answer


def _by_svd(X: Array, Y: Array, cutoff: float) -> _Answer:
    """By LAPACK's gelsd, in float64; scaled, so that squares in the certificate stay in range."""
    x_unit, y_unit = _unit(X), _unit(Y)
    inner, targets = X.astype(np.float64) / x_unit, Y.astype(np.float64) / y_unit
    answer = np.linalg.lstsq(inner, targets, rcond=cutoff)
    coef, rank, sizes = np.asarray(answer[0]), int(answer[2]), np.asarray(answer[3])
    residual = targets - inner @ coef
    error = _backward_error(inner, targets, coef, residual)
    condition = float(sizes[0] / sizes[rank - 1]) if rank else np.inf
    norms = np.linalg.norm(residual, axis=0) * y_unit
    with np.errstate(over="ignore", under="ignore"):
        scaled = (coef * y_unit / x_unit).astype(X.dtype)
    largest = float(np.abs(scaled).max(initial=0.0))
    doubts = _doubts(sizes, cutoff, error, max(X.shape))
    if coef.any() and not np.finfo(X.dtype).tiny <= largest < np.inf:
        doubts = f"coefficients leave the range of {X.dtype}"
    if doubts:
        warnings.warn(f"not certified: {doubts}", NotCertifiedWarning, stacklevel=4)
    return scaled, rank, condition, norms, error, "svd", not doubts


def _doubts(sizes: Float64Array, cutoff: float, error: float, largest_side: int) -> str:
    """Why an answer is not certified; empty if it is."""
    precision = np.finfo(np.float64).eps * largest_side
    near = sizes[np.abs(sizes - cutoff * sizes[0]) < _RANK_DOUBT * precision * sizes[0]]
    if len(near):
        return (
            f"the rank is in doubt, since {len(near)} singular value(s), such as {near[0] / sizes[0]:.3g} of the "
            f"largest, can hardly be told from rcond = {cutoff:.3g}"
        )
    if error > _BACKWARD_ERROR_PER_SIZE * np.sqrt(largest_side) + cutoff:
        return f"the backward error is {error:.2g}"
    return ""


def _cutoff(X: Array, rcond: float | None) -> float:
    if rcond is None:
        return float(np.finfo(X.dtype).eps * max(X.shape[-2:]))
    if not isinstance(rcond, numbers.Real):
        raise TypeError(f"rcond must be a number or None, got {rcond!r}")
    if not 0 <= rcond < 1:
        raise ValueError(f"rcond must be at least 0 and below 1, or None; got {rcond!r}")
    return float(rcond)


def _unit(values: Array) -> float:
    """A power of two near the largest size."""
    largest = float(np.abs(values).max(initial=0.0))
    return float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0


def _backward_error(X: Float64Array, Y: Float64Array, coef: Float64Array, residual: Float64Array) -> float:
    size = float(np.linalg.norm(X))
    b, y, r, slope = (np.linalg.norm(v, axis=0) for v in (coef, Y, residual, X.T @ residual))
    whole = size * b + y
    skew = np.divide(slope, size * r, out=np.zeros_like(r), where=size * r > 0)
    error = np.minimum(skew, np.divide(r, whole, out=np.zeros_like(r), where=whole > 0))
    return float(error.max(initial=0.0))


def _with_intercept(
    X: Array, Y: Array, rcond: float | None, method: str, intercept: str, n_threads: int | None
) -> Solution:
    if intercept == "in norm":
        ones = np.ones((len(X), 1), dtype=X.dtype)
        found = solve(np.hstack([X, ones]), Y, rcond=rcond, method=method, n_threads=n_threads)
        coef, constant = found.coef[:-1], found.coef[-1]
    elif intercept == "centred":
        require_finite(thread_count(n_threads), X=X, Y=Y)
        x_mean = X.mean(axis=0, dtype=np.float64)
        y_mean = Y.mean(axis=0, dtype=np.float64)
        # Centred in float64: differences of nearly equal numbers must not be rounded to float32.
        found = solve(X - x_mean, Y - y_mean, rcond=_cutoff(X, rcond), method=method, n_threads=n_threads)
        coef, constant = found.coef.astype(X.dtype), y_mean - x_mean @ found.coef
    else:
        raise ValueError(f'intercept must be None, "centred" or "in norm"; got {intercept!r}')
    return dataclasses.replace(found, coef=coef, intercept=constant if Y.ndim == 2 else float(constant))


def _solve_batch(
    X: Array, Y: Array, rcond: float | None, method: str, intercept: str | None, n_threads: int | None
) -> Solution:
    same_length(X, "X", 0, Y, "Y", 0, "problems")
    same_length(X, "X", 1, Y, "Y", 1, "rows")
    if not len(X):
        raise ValueError(f"X must hold at least one problem, got shape {X.shape}")
    found = [
        solve(x, y, rcond=rcond, method=method, intercept=intercept, n_threads=n_threads)
        for x, y in zip(X, Y, strict=True)
    ]
    methods = {one.method for one in found}
    return Solution(
        np.stack([one.coef for one in found]),
        np.array([one.rank for one in found]),
        np.array([one.condition for one in found]),
        np.array([one.residual_norm for one in found]),
        np.array([one.backward_error for one in found]),
        methods.pop() if len(methods) == 1 else "batch",
        np.array([one.certified for one in found]),
        np.array([one.intercept for one in found]),
    )


def leave_one_out(
    X: ArrayLike, Y: ArrayLike, *, rcond: float | None = None, n_threads: int | None = None
) -> NDArray[Any]:
    r"""Residuals :math:`y_i - x_i^\top b^{(-i)}` of the minimum-norm solutions that leave out one row each.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Rows, n >= 2; of any rank.
    Y : array_like of shape (n,) or (n, q)
        Targets.
    rcond : float, optional
        As for :func:`solve`. The rank of X without a row is judged from that of X.
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
        Shapes disagree, there are fewer than two rows or no columns, or X or Y holds NaN or infinity.

    Notes
    -----
    With H the projection on the columns of X, the residual of row i is divided by 1 - H_ii: the classical formula.
    Where H_ii = 1, row i lies outside the span of the others: the fit goes through y_i whatever it is, and the formula
    becomes ``(K^-1 y)_i / (K^-1)_ii`` for K = X X', if the rows are independent (Hastie, Montanari, Rosset and
    Tibshirani, Surprises in high-dimensional ridgeless least squares interpolation, Ann. Statist. 50, 2022, section 7).
    Single rows of almost all the leverage, 1 - H_ii below 1e-6, are left out in fact.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0])
    >>> ridgeless.leave_one_out(X, y)
    array([-3. , -1.5,  4.5])
    """
    X, Y, cutoff, threads = _rows_to_leave_out(X, Y, rcond, n_threads)
    targets = Y if Y.ndim == 2 else Y[:, None]
    numerator, denominator, rank = _left_out(X, targets, cutoff, threads)
    doubtful = (denominator < _LEAST_LEFT_OVER) if rank < len(X) else np.zeros(len(X), dtype=bool)
    result = numerator / np.where(doubtful, 1.0, denominator)[:, None]
    for i in np.flatnonzero(doubtful):
        rest = np.arange(len(X)) != i
        coef = np.linalg.lstsq(X[rest], targets[rest], rcond=cutoff)[0]
        result[i] = targets[i] - X[i] @ coef
    return np.asarray(result if Y.ndim == 2 else result[:, 0])


def generalized_cross_validation(
    X: ArrayLike, Y: ArrayLike, *, rcond: float | None = None, n_threads: int | None = None
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
    is 0/0, its limit from ridge regression, ``mean((K^-1 y)^2) / mean(diag(K^-1))^2`` for K = X X'.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0])
    >>> round(ridgeless.generalized_cross_validation(X, y), 6)
    10.5
    """
    X, Y, cutoff, threads = _rows_to_leave_out(X, Y, rcond, n_threads)
    numerator, denominator, rank = _left_out(X, Y if Y.ndim == 2 else Y[:, None], cutoff, threads)
    left_over = float(denominator.mean()) if rank == len(X) else 1 - rank / len(X)
    result: Float64Array = np.square(numerator / left_over).mean(axis=0)
    return result if Y.ndim == 2 else float(result[0])


def _rows_to_leave_out(
    X: ArrayLike, Y: ArrayLike, rcond: float | None, n_threads: int | None
) -> tuple[Float64Array, Float64Array, float, int]:
    """Checked arrays, X in a moderate unit, and the threshold for singular values."""
    X = float_array(X, "X", 2)
    Y = float_array(Y, "Y", (1, 2), np.float64)
    same_length(X, "X", 0, Y, "Y", 0, "rows")
    if len(X) < 2 or not X.shape[1]:
        raise ValueError(f"X must have at least two rows and one column, got shape {X.shape}")
    threads = thread_count(n_threads)
    require_finite(threads, X=X, Y=Y)
    return X.astype(np.float64) / _unit(X), Y, _cutoff(X, rcond), threads


def _left_out(X: Float64Array, Y: Float64Array, cutoff: float, threads: int) -> tuple[Float64Array, Float64Array, int]:
    """Numerators (n, q) and denominators (n,) of the residuals of rows left out, and the rank of X."""
    negligible = float(np.finfo(np.float64).eps * max(X.shape))
    numerator, denominator, rank, verdict = _kernels.leave_one_out(X, Y, cutoff, negligible, threads)
    if verdict == "certified":
        return numerator, denominator, rank
    U, sizes, _ = np.linalg.svd(X, full_matrices=False)
    kept = sizes > cutoff * sizes[0]
    U, sizes = U[:, kept], sizes[kept]
    projected = U.T @ Y
    if len(sizes) == len(X):  # the rows are independent: each stands alone
        inverse = U / sizes
        return inverse @ (projected / sizes[:, None]), np.square(inverse).sum(axis=1), len(sizes)
    return Y - U @ projected, 1 - np.square(U).sum(axis=1), len(sizes)
