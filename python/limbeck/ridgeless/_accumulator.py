"""Least squares of rows that come in blocks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Array, Float64Array, integer, thread_count
from limbeck._base.frames import in_known_order, require_same_names, require_same_rows
from limbeck._base.intercepts import intercept_kind
from limbeck._base.warnings import warn
from limbeck.blocks._passes import add_blocks
from limbeck.blocks._protocol import Block, SupportsSum
from limbeck.ridgeless._certified import NotCertifiedWarning
from limbeck.ridgeless._minimum_norm import solve_given
from limbeck.ridgeless._rank import relative_cutoff
from limbeck.ridgeless._row_factor import RowFactor
from limbeck.ridgeless._solution import Solution

__all__ = ["Accumulator"]

# Precisions of a column's norm that merging rows may cost. With less, directions that are rounding beside the means
# would be certified; with more, directions that are there would not.
_MERGING_NOISE = 64.0


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
        mine, theirs = ((sums.n_features, sums.n_targets) for sums in (self, other))
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
        """Solve for the minimum-norm solution of all rows so far.

        Parameters
        ----------
        rcond : float, optional
            As for :func:`solve`; default the precision of float64 times the larger of n_rows and p.
        intercept : {None, "centred", "penalised"}, optional
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
        p, kind = self.n_features, intercept_kind(intercept)
        precision = np.finfo(np.float64).eps * max(self.n_rows, p)
        # R' R is the sum of weighted r r' over rows r = [1, x, y], so that the first row holds the means times R[0, 0].
        R, root = self._factor.triangle(thread_count(n_threads))
        cutoff = min(0.5, float(precision)) if rcond is None else relative_cutoff(R, rcond)
        if not R[0, 0]:
            raise ValueError("the accumulator has no rows of positive weight")
        means = R[0] / R[0, 0]
        lengths = _column_norms(R)
        noise = _MERGING_NOISE * np.finfo(np.float64).eps * lengths
        X, Y, clear = self._least_squares(R, noise, kind)
        if self.n_rows <= p and X.any():
            # There are more singular values than rows: the surplus is rounding.
            cutoff = min(0.5, max(cutoff, float(noise[1 : 1 + p].max() / np.linalg.norm(X, 2))))
        # Merging many rows has cost at most what n_rows sums would.
        merged = precision * lengths[1 : 1 + p] if kind == "centred" else None
        found = solve_given(X, Y, cutoff, "auto", thread_count(n_threads), merged, kind)
        coef, constant = found.coef[:p], found.intercept
        if kind == "centred":
            if found.rank > clear:
                warn(
                    f"not certified: of {found.rank} directions of X, {found.rank - clear} spread so little beside the "
                    "means that this may be rounding; subtract rough means from X",
                    NotCertifiedWarning,
                )
                found = dataclasses.replace(found, certified=False)
            constant = (means[1 + p :] if self.n_targets > 1 else means[-1]) - means[1 : 1 + p] @ coef
        elif kind == "penalised":
            constant = found.coef[p]
        return dataclasses.replace(
            found,
            coef=coef,
            residual_norm=found.residual_norm * root,
            intercept=constant if self.n_targets > 1 else float(constant),
            feature_names=self.feature_names,
        )

    def _least_squares(self, R: Array, noise: Float64Array, intercept: str | None) -> tuple[Array, Array, int]:
        """Triangular X and Y with the solution for all rows, and the number of directions of X above the noise."""
        p, clear = self.n_features, self.n_features
        if intercept == "centred":
            R, clear = _centred_triangle(R, noise, p)
        else:
            # A triangle again, whose rows are each right to their own size.
            last = np.arange(1 + p, R.shape[1])
            columns = np.roll(np.arange(R.shape[1]), -1) if intercept is None else np.r_[1 : 1 + p, 0, last]
            R = np.asarray(np.linalg.qr(R[:, columns], mode="r"))
        X = R[:, : p + (intercept == "penalised")]
        Y = R[:, -self.n_targets :] if intercept else R[:, p : p + self.n_targets]
        return np.ascontiguousarray(X), np.ascontiguousarray(Y[:, 0] if self.n_targets == 1 else Y), clear


def _centred_triangle(R: Array, noise: Float64Array, p: int) -> tuple[Array, int]:
    """Factor of [X Y] less its means, and the number of directions of X that are longer than the noise of the columns.

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
