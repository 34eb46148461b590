"""Weights of rows, as least squares takes them: rows and targets times the roots of weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Array, Float64Array, float_array, require_finite, row_weights

__all__ = ["RowWeights", "row_weights_of"]


class RowWeights(NamedTuple):
    """Weights of the rows of a problem, or of each problem of a batch."""

    kept: NDArray[np.bool_]  # (n,): where the weight is positive beside the largest; in a batch, for any problem
    values: Float64Array  # (..., m, 1): of the m rows kept, in units of a power of two near the largest
    roots: Float64Array  # (..., m, 1): of the weights over the largest
    root_unit: float | Float64Array  # of the largest weight; (b, 1) for a batch

    def kept_rows(self, rows: Array) -> Array:
        """Rows (..., n, any) without those of weight zero."""
        return rows if self.kept.all() else np.ascontiguousarray(rows[..., self.kept, :])


def row_weights_of(value: ArrayLike, X: Array, threads: int) -> RowWeights:
    """Checked weights of the rows X, (n, p) or (b, n, p).

    Raises
    ------
    TypeError, ValueError
        Shapes disagree, a weight is negative or not finite, or those of a problem are all zero.
    """
    weights = row_weights(value, X, threads) if X.ndim == 2 else _weights_of_batch(value, X, threads)
    largest = weights.max(axis=-1, keepdims=True)
    if not largest.all():
        which = "" if X.ndim == 2 else f" of problem {int(np.argmin(largest))} of the batch"
        raise ValueError(f"sample_weight is zero for every row{which}")
    # Powers of two change no digit: means with weights that are whole numbers are those of repeated rows.
    values = np.ldexp(weights, -np.frexp(largest)[1])
    kept = values > 0 if X.ndim == 2 else (values > 0).any(axis=0)
    roots, unit = np.sqrt(weights / largest), np.sqrt(largest)
    return RowWeights(kept, values[..., kept, None], roots[..., kept, None], float(unit[0]) if X.ndim == 2 else unit)


def _weights_of_batch(value: ArrayLike, X: Array, threads: int) -> Float64Array:
    """Finite weights (b, n) of at least 0 for the rows of a batch; (n,) for the same in every problem."""
    given = float_array(value, "sample_weight", (1, 2), np.float64, objects=True)
    if given.shape not in (X.shape[:2], X.shape[1:2]):
        raise ValueError(
            f"sample_weight must have shape {X.shape[1:2]} or {X.shape[:2]} for X of shape {X.shape}, got {given.shape}"
        )
    require_finite(threads, sample_weight=given)
    if (given < 0).any():
        place = tuple(int(i) for i in np.argwhere(given < 0)[0])
        raise ValueError(f"sample_weight must be at least 0, got {given[place]:g} at index {place}")
    return np.broadcast_to(given, X.shape[:2])
