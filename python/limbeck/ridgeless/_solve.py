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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck import _kernels
from limbeck._base.arrays import Array, Float64Array, float_array, integer, require_finite, same_length, thread_count
from limbeck._base.frames import column_names, columns_by_name, in_known_order, require_same_names, require_same_rows
from limbeck._base.warnings import warn
from limbeck.blocks._passes import add_blocks
from limbeck.blocks._protocol import Block, SupportsSum
from limbeck.ridgeless._certified import (
    NotCertifiedWarning,
    centred,
    certified_answer,
    check_intercept,
    relative_cutoff,
)
from limbeck.ridgeless._cross_validation import generalized_cross_validation, leave_one_out
from limbeck.ridgeless._row_factor import RowFactor

__all__ = [
    "Accumulator",
    "NotCertifiedWarning",
    "Solution",
    "generalized_cross_validation",
    "leave_one_out",
    "solve",
]

_ENTRIES_NOISE = float(np.finfo(np.float64).eps)  # of a column's mean
_MERGING_NOISE = 64.0  # precisions of a column's norm that merging rows may cost
_METHODS = ("auto", "cholesky", "qr", "svd")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Solution:
    """A minimum-norm least-squares solution. With a batch, every field but ``method`` has a leading axis.

    Attributes
    ----------
    coef : ndarray of shape (p,) or (p, q)
        Coefficients, of the dtype of X.
    rank : int
        Number of singular values above rcond times the largest: of X, of X less its column means if the intercept is
        "centred", of X with a column of ones if it is "in norm". It depends on the units of the columns.
    condition : float
        The largest singular value over the smallest that counts: an estimate, mostly within a factor of two, unless the
        method is "svd".
    residual_norm : float or ndarray of shape (q,)
        ``||y - X b||`` for each target, b before it is rounded: a computed ``y - X @ coef`` is rounding where this is
        smaller.
    backward_error : float
        The relative change of X or Y in norm that would make the answer, before it is rounded, one of least squares: an
        upper bound, measured; the largest over the targets. Singular values that do not count add to it.
    method : str
        "cholesky" of a Gram matrix with refinement, "qr" of X by pivoted reflections, or "svd" of X by LAPACK; "batch"
        if the items differ.
    certified : bool
        Whether the rank, as rcond decides about it in the units of the columns given, is beyond doubt; columns scaled
        to length one have no higher rank (unless rcond is above 1e-8 and above its default); and the backward error is
        that of rounding. It says nothing of the rows: a certified answer is that of the problem as it was given.
    intercept : float or ndarray of shape (q,)
        Constant term; zero unless asked for.
    feature_names : tuple of str or None
        What the columns of X were called, if it was a data frame or another table with names.
    """

    coef: Array
    rank: Any
    condition: Any
    residual_norm: Any
    backward_error: Any
    method: str
    certified: Any
    intercept: Any = 0.0
    feature_names: tuple[str, ...] | None = None

    def predict(self, X: ArrayLike) -> Array:
        """``X @ coef + intercept`` for X (m, p); for a batch X (b, m, p).

        Where both have names, the columns of a data frame are matched by name, in any order, and others are left out;
        arrays go by position.

        Raises
        ------
        TypeError, ValueError
            X does not hold real numbers, or has another number of features or problems, or lacks a column, or has two
            of the same name.
        """
        batch = int(np.ndim(self.rank) == 1)
        if self.feature_names is not None:
            X = columns_by_name(X, self.feature_names)
        X = float_array(X, "X", 2 + batch, objects=True)
        one_target = self.coef.ndim == 1 + batch
        coef = self.coef[..., None] if one_target else self.coef
        if X.shape[-1] != coef.shape[-2] or (batch and len(X) != len(coef)):
            raise ValueError(f"X of shape {X.shape} does not go with coefficients of shape {self.coef.shape}")
        constant = np.asarray(self.intercept)
        constant = constant[..., None] if one_target and constant.ndim else constant
        result = X @ coef + (constant[..., None, :] if constant.ndim else constant)
        return np.asarray(result[..., 0] if one_target else result)

    def __repr__(self) -> str:
        def span(value: Any, digits: int = 2) -> str:  # noqa: ANN401
            if not np.size(value):
                return "-"
            one, other = (f"{v:.{digits}g}" for v in (np.min(value), np.max(value)))
            return one if one == other else f"{one} to {other}"

        facts = [
            f"coef of shape {self.coef.shape}",
            f"rank {span(self.rank, 9)}",
            f"condition {span(self.condition)}",
            f"residual norm {span(self.residual_norm, 4)}",
            f"backward error {span(self.backward_error)}",
            f'method "{self.method}"',
            "certified"
            if np.all(self.certified)
            else f"certified: {np.sum(self.certified)} of {np.size(self.certified)}",
        ]
        return f"<Solution: {', '.join(facts)}>"


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
    intercept : {None, "centred", "in norm"}, optional
        "centred": the constant term is free; X and Y less their column means are solved, and the norm is that of the
        coefficients alone. "in norm": a column of ones is appended to X, so that the constant counts in the norm. For
        unique solutions (rank p) the two agree. As users of ridge regression mean it, it is "centred".
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
        or infinity, or the method asked for cannot certify its answer. Two columns have the same name, or pandas' row
        labels of X and Y are the same in another order.

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
    if hasattr(X, "__dask_graph__") or hasattr(Y, "__dask_graph__"):
        return _solve_dask(X, Y, rcond, method, intercept, n_threads)
    require_same_rows(X=X, Y=Y)
    names = column_names(X)
    X = float_array(X, "X", (2, 3), objects=True)
    Y = float_array(Y, "Y", (1, 2) if X.ndim == 2 else (2, 3), X.dtype, objects=True)
    found = _solve_arrays(X, Y, rcond, method, intercept, n_threads)
    return found if names is None else dataclasses.replace(found, feature_names=names)


def _solve_arrays(
    X: Array,
    Y: Array,
    rcond: float | None,
    method: str,
    intercept: str | None,
    n_threads: int | None,
    noise: Float64Array | None = None,
    done: str | None = None,
) -> Solution:
    """One problem or a batch of arrays of one dtype.

    ``noise`` (p,), or (b, p), as for ``certified_answer``; ``done`` is what a caller has made of the columns for an
    intercept.
    """
    cutoff = relative_cutoff(X, rcond)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}; got {method!r}")
    threads = thread_count(n_threads)
    if X.ndim == 3:
        same_length(X, "X", 0, Y, "Y", 0, "problems")
    same_length(X, "X", -2, Y, "Y", X.ndim - 2, "rows")
    if not X.size:
        raise ValueError(f"X must have at least one problem, row and column, got shape {X.shape}")
    if intercept is not None:
        return _with_intercept(X, Y, rcond, method, intercept, n_threads)
    if X.ndim == 3:
        return _solve_batch(X, Y, cutoff, method, threads, noise, done)
    answer = certified_answer(X, Y, cutoff, method, threads, noise=noise, intercept=done)
    coef, rank, condition, norms, error, method, certified = answer
    if Y.ndim == 1:
        return Solution(coef[:, 0], rank, condition, float(norms[0]), error, method, certified)
    return Solution(coef, rank, condition, norms, error, method, certified)


def _solve_weighted(
    X: ArrayLike, Y: ArrayLike, noise: Float64Array, *, rcond: float | None = None, n_threads: int | None = None
) -> Solution:
    """Rows and targets less weighted means, times the roots of weights; ``noise`` as for ``certified_answer``."""
    X = float_array(X, "X", 2)
    Y = float_array(Y, "Y", (1, 2), X.dtype)
    return _solve_arrays(X, Y, rcond, "auto", None, n_threads, noise, "centred")


def _solve_dask(
    X: Any,  # noqa: ANN401
    Y: Any,  # noqa: ANN401
    rcond: float | None,
    method: str,
    intercept: str | None,
    n_threads: int | None,
) -> Solution:
    """Triangular factors of the partitions, merged."""
    if method != "auto":
        raise ValueError(f'method must be "auto" for dask collections, whose partitions are merged; got {method!r}')
    from limbeck.blocks._dask import DaskBlocks

    source = DaskBlocks(X, Y, names=("X", "Y"), n_threads=n_threads)
    merged = Accumulator(X.shape[1], 1 if Y.ndim == 1 else Y.shape[1])
    merged.update_from(source)
    found = merged.solve(rcond=rcond, intercept=intercept, n_threads=n_threads)
    if Y.ndim == 1 or found.coef.ndim == 2:
        return found
    norms, constant = np.atleast_1d(found.residual_norm), np.atleast_1d(found.intercept)
    return dataclasses.replace(found, coef=found.coef[:, None], residual_norm=norms, intercept=constant)


def _with_intercept(
    X: Array, Y: Array, rcond: float | None, method: str, intercept: str, n_threads: int | None
) -> Solution:
    """One problem or a batch."""
    check_intercept(intercept)
    require_finite(thread_count(n_threads), X=X, Y=Y)  # before arrays get other shapes than those passed
    one_target = Y.ndim < X.ndim
    targets = Y[..., None] if one_target else Y
    if intercept == "in norm":
        with_ones = np.concatenate([X, np.ones_like(X[..., :1])], axis=-1)
        found = _solve_arrays(with_ones, targets, rcond, method, None, n_threads, None, intercept)
        coef, constant = found.coef[..., :-1, :], found.coef[..., -1, :]
    else:
        (rows, x_mean), (targets, y_mean) = centred(X), centred(targets)
        if 1 < X.shape[-2] <= X.shape[-1]:
            # Rows that add up to zero are not independent; turned, they are, but for the first, which is zero.
            rows, targets = (_turned(part)[..., 1:, :] for part in (rows, targets))
        rows, targets = np.ascontiguousarray(rows), np.ascontiguousarray(targets)
        # Each number may be off by rounding of its own, before the mean was taken out.
        noise = _ENTRIES_NOISE * np.sqrt(X.shape[-2]) * np.abs(x_mean[..., 0, :])
        found = _solve_arrays(rows, targets, relative_cutoff(X, rcond), method, None, n_threads, noise, intercept)
        coef, constant = found.coef.astype(X.dtype), (y_mean - x_mean @ found.coef)[..., 0, :]
    norms = found.residual_norm
    if one_target:
        coef, constant, norms = coef[..., 0], constant[..., 0], norms[..., 0]
    if Y.ndim == 1:
        return dataclasses.replace(found, coef=coef, residual_norm=float(norms), intercept=float(constant))
    return dataclasses.replace(found, coef=coef, residual_norm=norms, intercept=constant)


def _turned(rows: Array) -> Array:
    """Rows (..., n, any) reflected so that what was constant over them stands in the first."""
    n = rows.shape[-2]
    v = np.full((n, 1), n**-0.5)
    v[0] += 1
    return np.asarray(rows - v * (2 / float(np.square(v).sum()) * (v.T @ rows)))


def _solve_batch(
    X: Array,
    Y: Array,
    cutoff: float,
    method: str,
    threads: int,
    noise: Float64Array | None = None,
    done: str | None = None,
) -> Solution:
    targets = Y if Y.ndim == 3 else Y[..., None]
    count = len(X)
    if method in ("auto", "cholesky"):
        coef, norms, condition, error, certified = _kernels.solve_batch_by_cholesky(X, targets, cutoff, threads)
    else:
        coef = np.empty((count, X.shape[2], targets.shape[2]), X.dtype)
        norms, condition, error = np.empty((count, targets.shape[2])), np.empty(count), np.empty(count)
        certified = np.zeros(count, dtype=bool)
    rank = np.full(count, min(X.shape[1:]))
    methods = {"cholesky"} if certified.any() else set()
    left = np.flatnonzero(~certified)
    if len(left):
        require_finite(threads, X=X, Y=Y)
    for i in left:
        own = None if noise is None else noise[i]
        answer = certified_answer(X[i], Y[i], cutoff, method, threads, f"problem {i} of the batch: ", own, done)
        coef[i], rank[i], condition[i], norms[i], error[i], name, certified[i] = answer
        methods.add(name)
    if Y.ndim == 2:
        coef, norms = coef[..., 0], norms[..., 0]
    name = methods.pop() if len(methods) == 1 else "batch"
    return Solution(coef, rank, condition, norms, error, name, certified, np.zeros(norms.shape))


class Accumulator(SupportsSum):
    """Least squares of rows that come in blocks, in memory that does not grow with them.

    The rows are merged into a triangular factor, not into inner products: on ill-conditioned data no digits are lost
    that solving all rows at once would keep. Accumulators over different rows add up. The same blocks in the same order
    give bitwise the same answer, for any number of threads; other blocks give one that agrees with it to rounding.
    Objects pickle, so that parts can be made in other processes.

    Parameters
    ----------
    n_features : int
        Number of features p.
    n_targets : int, default 1
        Number of targets q.

    Attributes
    ----------
    n_features, n_targets : int
        As given.
    n_rows : int
        Number of rows so far.
    feature_names, target_names : tuple of str or None
        Names of the columns of X and Y, of the first rows that had any. Later tables with these names in another order
        are put in order; other names are refused. Arrays go by position.

    Raises
    ------
    TypeError, ValueError
        A number is not an integer, or is less than one.

    Notes
    -----
    Blocks of p rows or more are fastest; smaller ones are put aside until there are enough. Memory is that of some
    matrices of p + q + 1 rows and columns.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck import ridgeless
    >>> rng = np.random.default_rng(0)
    >>> total = ridgeless.Accumulator(3)
    >>> for _ in range(5):
    ...     X = rng.standard_normal((1000, 3))
    ...     total.update(X, X @ [1.0, 2.0, 3.0])
    >>> total.n_rows, total.solve().coef.round(12).tolist()
    (5000, [1.0, 2.0, 3.0])
    """

    def __init__(self, n_features: int, n_targets: int = 1) -> None:
        self.n_features = integer(n_features, "n_features", 1)
        self.n_targets = integer(n_targets, "n_targets", 1)
        self.n_rows = 0
        self.feature_names: tuple[str, ...] | None = None
        self.target_names: tuple[str, ...] | None = None
        self._factor = RowFactor(self.n_features, self.n_targets)

    def update(
        self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None, n_threads: int | None = None
    ) -> None:
        """Add rows.

        Parameters
        ----------
        X : array_like of shape (n, p)
            Rows. Memory maps are read once, piece by piece; n = 0 changes nothing.
        Y : array_like of shape (n,) or (n, q)
            Targets; (n,) if there is one.
        sample_weight : array_like of shape (n,), optional
            Weights of the squared residuals, not negative.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Raises
        ------
        TypeError
            An argument does not hold real numbers.
        ValueError
            Shapes disagree, a weight is negative, or a number is NaN or infinite. Columns have other names than those
            of rows before, or two have the same; pandas' row labels are the same in another order.
        OverflowError
            Numbers are so much larger than the first ones that sums of squares leave the range of float64.

        After an error the accumulator is as it was.
        """
        require_same_rows(X=X, Y=Y, sample_weight=sample_weight)
        X, features = in_known_order(X, self.feature_names, "X")
        Y, targets = in_known_order(Y, self.target_names, "Y", labels=True)
        factor = self._factor.copy()
        rows = factor.add(X, Y, sample_weight, thread_count(n_threads))
        named = {"feature_names": features, "target_names": targets} if rows else {}
        # In one go: Ctrl-C leaves no half.
        self.__dict__.update(named, _factor=factor, n_rows=self.n_rows + rows)

    def update_from(self, blocks: Any, *, progress: bool = False, n_threads: int | None = None) -> None:  # noqa: ANN401
        """Add the rows of blocks, in one pass and in memory that does not grow with them.

        Parameters
        ----------
        blocks : iterable of (X, Y) or (X, Y, sample_weight), or anything of :mod:`limbeck.blocks`
            Also blocks on a cluster, and blocks that are ``resumable``.
        progress : bool, default False
            Keep a line on stderr up to date, with the time left where the number of rows is known.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As :meth:`update`, with the number of the block; the accumulator is then unchanged.
        """
        empty = Accumulator(self.n_features, self.n_targets)
        empty.feature_names, empty.target_names = self.feature_names, self.target_names
        add_blocks(self, empty, blocks, progress, n_threads)

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add a block to a sum; see :mod:`limbeck.blocks`."""
        self.update(block.X, block.y, sample_weight=block.sample_weight, n_threads=n_threads)

    def __add__(self, other: Accumulator) -> Accumulator:
        """Accumulator of the rows of both."""
        if not isinstance(other, Accumulator):
            return NotImplemented
        mine, theirs = ((one.n_features, one.n_targets) for one in (self, other))
        if mine != theirs:
            raise ValueError(f"accumulators must have the same (n_features, n_targets), got {mine} and {theirs}")
        require_same_names(other.feature_names, self.feature_names, "X", "the other accumulator")
        require_same_names(other.target_names, self.target_names, "Y", "the other accumulator")
        result = Accumulator(*mine)
        result.feature_names = self.feature_names or other.feature_names
        result.target_names = self.target_names or other.target_names
        result._factor = self._factor.merged(other._factor)
        result.n_rows = self.n_rows + other.n_rows
        return result

    def __repr__(self) -> str:
        return f"<Accumulator: {self.n_rows} rows, {self.n_features} features, {self.n_targets} target(s)>"

    def solve(
        self, *, rcond: float | None = None, intercept: str | None = None, n_threads: int | None = None
    ) -> Solution:
        """The minimum-norm solution for all rows so far.

        Parameters
        ----------
        rcond : float, optional
            As for :func:`solve`; default the precision of float64 times the larger of n_rows and p.
        intercept : {None, "centred", "in norm"}, optional
            As for :func:`solve`.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Returns
        -------
        Solution
            ``coef`` has shape (p,) for one target, else (p, q), in float64. Residual norms are weighted. The backward
            error is that of solving with the triangular factor.

        Raises
        ------
        ValueError
            There are no rows yet, or none of positive weight; or as for :func:`solve`.
        """
        if not self.n_rows:
            raise ValueError("the accumulator has no rows yet: call update first")
        p = self.n_features
        if rcond is None:
            rcond = min(0.5, float(np.finfo(np.float64).eps * max(self.n_rows, p)))
        check_intercept(intercept)
        # The columns are 1, X, Y; the first row is all that knows of the means.
        R, root = self._factor.triangle(thread_count(n_threads))
        if not R[0, 0]:
            raise ValueError("the accumulator has no rows of positive weight")
        means = R[0] / R[0, 0]
        lengths = _column_norms(R)
        noise = _MERGING_NOISE * np.finfo(np.float64).eps * lengths
        if intercept == "centred":
            R, clear = _centred_triangle(R, noise, p)
        else:
            # A triangle again, whose rows are each right to their own size.
            columns = (
                np.roll(np.arange(R.shape[1]), -1) if intercept is None else np.r_[1 : 1 + p, 0, 1 + p : R.shape[1]]
            )
            R = np.asarray(np.linalg.qr(R[:, columns], mode="r"))
        X = R[:, : p + (intercept == "in norm")]
        Y = R[:, -self.n_targets :] if intercept else R[:, p : p + self.n_targets]
        if self.n_rows <= p and X.any():
            # More singular values than rows have: those too many are rounding.
            rcond = min(0.5, max(rcond, float(noise[1 : 1 + p].max() / np.linalg.norm(X, 2))))
        X, Y = np.ascontiguousarray(X), np.ascontiguousarray(Y[:, 0] if self.n_targets == 1 else Y)
        # Merging many rows has cost at most what n_rows sums would.
        merged = np.finfo(np.float64).eps * max(self.n_rows, p) * lengths[1 : 1 + p]
        found = _solve_arrays(
            X, Y, rcond, "auto", None, n_threads, merged if intercept == "centred" else None, intercept
        )
        coef, constant = found.coef[:p], found.intercept
        if intercept == "centred":
            if found.rank > clear:
                warn(
                    f"not certified: of {found.rank} directions of X, {found.rank - clear} spread so little beside the "
                    "means that this may be rounding; subtract rough means from X",
                    NotCertifiedWarning,
                )
                found = dataclasses.replace(found, certified=False)
            constant = (means[1 + p :] if self.n_targets > 1 else means[-1]) - means[1 : 1 + p] @ coef
        elif intercept == "in norm":
            constant = found.coef[p]
        return dataclasses.replace(
            found,
            coef=coef,
            residual_norm=found.residual_norm * root,
            intercept=constant if self.n_targets > 1 else float(constant),
            feature_names=self.feature_names,
        )


def _centred_triangle(R: Array, noise: Float64Array, p: int) -> tuple[Array, int]:
    """The factor of [X Y] less its means, and how many directions of X are longer than the noise of the columns.

    A column is as exact as its norm with the mean. One that is no longer than that is constant, and set to zero.
    """
    centred = R[1:, 1:].copy()
    centred[:, _column_norms(centred) <= noise[1:]] = 0
    kept = np.flatnonzero(centred[:, :p].any(axis=0))
    if not len(kept):
        return centred, 0
    lengths = np.linalg.svd(centred[:, kept] / noise[1 + kept], compute_uv=False)
    return centred, int(np.count_nonzero(lengths > 1))


def _column_norms(R: Array) -> Float64Array:
    """Norms of numbers whose squares may leave the range."""
    sizes = np.abs(R).max(axis=0, initial=0.0)
    return np.asarray(sizes * np.linalg.norm(R / np.where(sizes > 0, sizes, 1.0), axis=0))
