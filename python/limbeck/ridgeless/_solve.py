"""Minimum-norm least squares of arrays, data frames and dask collections."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import float_array
from limbeck._base.frames import column_names, require_same_rows
from limbeck.ridgeless._accumulator import Accumulator
from limbeck.ridgeless._minimum_norm import solve_arrays
from limbeck.ridgeless._solution import Solution

__all__ = ["solve"]


def solve(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rcond: float | None = None,
    method: str = "auto",
    intercept: str | None = None,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> Solution:
    """Solve a least-squares problem for the solution of least norm.

    Parameters
    ----------
    X : array_like of shape (n, p), or (b, n, p) for a batch, or dask array or data frame
        Rows; the names of a data frame's columns are kept. Partitions of dask are merged as by :class:`Accumulator`, in
        float64. Other float32 is factored in float32; residuals are float64 all the same, and where that does not reach
        the answer, so is the factor. Python's own numbers (Decimal, integers) are converted to float64, once.
    Y : array_like of shape (n,) or (n, q); with a batch (b, n) or (b, n, q)
        Targets; converted to the dtype of X. Rows go together by position.
    rcond : float, optional
        Singular values of X at or below this part of the largest count as zero. Default for float64: its precision
        times the larger of n and p, NumPy's convention. For float32: its precision times the smaller of n and p.
        (``numpy.linalg.lstsq`` decides about float32 as about float64, and fits to its rounding.)
    method : {"auto", "cholesky", "qr", "svd"}, default "auto"
        "auto" takes the first of the others that can be certified. "cholesky" and "qr" raise ValueError where they
        cannot.
    intercept : {None, "centred", "penalised"}, optional
        "centred": the constant term is free; X and Y less their column means are solved, and the norm is that of the
        coefficients alone. "penalised": a column of ones is appended to X, so that the constant counts in the norm.
        For unique solutions (rank p) the two agree. As users of ridge regression mean it, it is "centred". An older
        name of "penalised" is "in norm".
    sample_weight : array_like of shape (n,), or (b, n) for a batch, optional
        Weights w of the squared residuals, not negative: the sum of ``w (y - x b)^2`` is minimised, as for rows and
        targets times the roots of w. Only ratios matter to the coefficients, and rows of weight zero are left out. For
        a batch, (n,) is used for each of its problems. For dask collections, a dask array or series.
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
        or infinity, or the method asked for cannot certify its answer. A weight is negative, or all of a problem are
        zero. Two columns have the same name, or pandas' row labels of X and Y are the same in another order.

    Warns
    -----
    NotCertifiedWarning
        The rank is in doubt, or is higher with every column scaled to length one (as for a column of ones beside one
        that is large against its spread), or the backward error is larger than rounding explains; the message says
        which, and what to do.

    Notes
    -----
    Ctrl-C stops all methods at once, but for LAPACK's singular values, which run to their end.

    With a triangular factor of the normal matrix, from a Gram matrix or from reflections, corrections by semi-normal
    equations are made until they vanish, residuals being taken to twice the precision (Björck, Numerical Methods for
    Least Squares Problems, SIAM 1996, section 6.6). The rank is certified where the factor's smallest singular value is
    twice the threshold or more, and what is left out is rounding: at most half the default of rcond. The backward error
    of least squares is bounded by Stewart's (Research, development, and LINPACK, 1977).

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> X = np.random.default_rng(0).standard_normal((50, 200))
    >>> found = ridgeless.solve(X, X[:, 0])
    >>> found.rank, found.certified, bool(np.allclose(X @ found.coef, X[:, 0]))
    (50, True, True)
    """
    names = None
    # Arrays go straight to the kernel: looking for labels takes as long as a small problem, and longer when the
    # interpreter's memory is not at hand.
    if not (type(X) is type(Y) is np.ndarray and X.dtype.names is None and sample_weight is None):
        if any(hasattr(part, "__dask_graph__") for part in (X, Y, sample_weight)):
            return _solve_dask(X, Y, rcond, method, intercept, sample_weight, n_threads)
        require_same_rows(X=X, Y=Y, sample_weight=sample_weight)
        names = column_names(X)
    X = float_array(X, "X", (2, 3), objects=True)
    Y = float_array(Y, "Y", (1, 2) if X.ndim == 2 else (2, 3), X.dtype, objects=True)
    found = solve_arrays(X, Y, rcond, method, intercept, n_threads, sample_weight)
    return found if names is None else dataclasses.replace(found, feature_names=names)


def _solve_dask(
    X: Any,  # noqa: ANN401
    Y: Any,  # noqa: ANN401
    rcond: float | None,
    method: str,
    intercept: str | None,
    sample_weight: Any,  # noqa: ANN401
    n_threads: int | None,
) -> Solution:
    """Merge triangular factors of the partitions, and solve with them."""
    if method != "auto":
        raise ValueError(f'method must be "auto" for dask collections, whose partitions are merged; got {method!r}')
    from limbeck.blocks._dask import DaskBlocks

    source = DaskBlocks(X, Y, sample_weight, names=("X", "Y"), n_threads=n_threads)
    merged = Accumulator(X.shape[1], 1 if Y.ndim == 1 else Y.shape[1])
    merged.update_from(source)
    found = merged.solve(rcond=rcond, intercept=intercept, n_threads=n_threads)
    if Y.ndim == 1 or found.coef.ndim == 2:
        return found
    norms, constant = np.atleast_1d(found.residual_norm), np.atleast_1d(found.intercept)
    return dataclasses.replace(found, coef=found.coef[:, None], residual_norm=norms, intercept=constant)
