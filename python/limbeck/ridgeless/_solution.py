"""What :func:`limbeck.ridgeless.solve` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Array, float_array
from limbeck._base.frames import columns_by_name

__all__ = ["Solution"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Solution:
    """A minimum-norm least-squares solution. With a batch, every field but ``method`` has a leading axis.

    Attributes
    ----------
    coef : ndarray of shape (p,) or (p, q)
        Coefficients, of the dtype of X.
    rank : int
        Number of singular values above rcond times the largest: of X, of X less its column means if the intercept is
        "centred", of X with a column of ones if it is "penalised"; of rows times the roots of weights. It depends on
        the units of the columns.
    condition : float
        The largest singular value over the smallest that counts: an estimate, mostly within a factor of two, unless the
        method is "svd".
    residual_norm : float or ndarray of shape (q,)
        ``||y - X b||`` for each target, b before it is rounded: a computed ``y - X @ coef`` is rounding where this is
        smaller. With weights, the root of the weighted sum of squares.
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
