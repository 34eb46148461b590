"""Constant terms of linear fits: their kinds, and rows less their means."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Array, Float64Array

__all__ = ["centred", "intercept_kind"]

_OLDER_NAME = "in norm"  # of "penalised"
# Part of a column's mean: two different numbers lie half the precision of their mean or more apart, so that one of them
# is at least a quarter of it away from the mean; what is closer everywhere is constant.
_CONSTANT = float(np.finfo(np.float64).eps) / 16


def intercept_kind(value: str | None) -> str | None:
    """None, "centred" (free) or "penalised" (counts in the norm); ValueError for anything else."""
    if value is None or (isinstance(value, str) and value in ("centred", "penalised")):
        return value
    if isinstance(value, str) and value == _OLDER_NAME:
        return "penalised"
    raise ValueError(f'intercept must be None, "centred" or "penalised"; got {value!r}')


def centred(rows: Array, weights: Float64Array | None = None) -> tuple[Float64Array, Float64Array]:
    """Rows (..., n, any) less their mean, and the mean (..., 1, any); with weights (..., n, 1), the weighted mean."""
    # In float64: differences of nearly equal numbers must not be rounded to float32.
    mean = _mean(rows, weights)
    less = rows - mean
    # Once more: what rounding of the means has left would make features of constant columns.
    less -= _mean(less, weights)
    above, below = (end(axis=-2, keepdims=True, initial=0.0) for end in (less.max, less.min))
    constant = np.maximum(above, -below) < _CONSTANT * np.abs(mean)
    return (np.where(constant, 0.0, less) if constant.any() else less), mean


def _mean(rows: Array, weights: Float64Array | None) -> Float64Array:
    """Mean over the rows, in float64; weights are not all zero."""
    if weights is None:
        return np.asarray(rows.mean(axis=-2, dtype=np.float64, keepdims=True))
    return np.asarray((rows * weights).sum(axis=-2, keepdims=True) / weights.sum(axis=-2, keepdims=True))
