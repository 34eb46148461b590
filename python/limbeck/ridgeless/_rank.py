"""Ranks that rcond decides about, and why one may be in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Array, Float64Array

__all__ = ["CERTIFICATE_SETTINGS", "CertificateSettings", "rank_ambiguity", "relative_cutoff", "unit_ambiguity"]

_PRECISIONS = {np.dtype(dtype).itemsize: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}
_EPSILON = float(np.finfo(np.float64).eps)
# Times the shorter side: from there on it is less work to make a triangle of the shorter side first.
_MUCH_LONGER = 4
_SCALED = "Solve with X / s, s = numpy.linalg.norm(X, axis=0), and divide coef by s"
_ADVICE = {  # by what was done to the columns
    None: f'{_SCALED}; or subtract the means: a column of ones is better left out, with intercept="centred"',
    "penalised": f'{_SCALED}; or subtract the means, with intercept="centred"',
    "centred": "Solve with X / s, s = numpy.std(X, axis=0), and divide coef by s",
}


@dataclass(frozen=True)
class CertificateSettings:
    """What separates singular values, columns and backward errors from rounding."""

    # Distance from the threshold, in precisions times the longer side of X, below which a singular value may lie on
    # either side of it.
    ambiguous_distance: float = 0.5
    # Times the threshold, where a singular value clearly counts; rounding in products of low rank stays below a quarter
    # of that.
    clear_factor: float = 2.0
    # The smallest entry of a constant column that somebody may mean: above what subtracted means of numbers below 1,000
    # leave, about 1e-13.
    smallest_constant: float = 1e-12
    # Of the length of the longest column: what subtracting means can leave of another one, some precisions of entries.
    residue_of_means: float = 64 * _EPSILON
    # Times the known rounding in a column: one that is not longer counts as constant. With less, rounding alone may be
    # scaled to length one and take the rank for higher; with more, columns that spread little are not looked at.
    constant_column: float = 8.0
    # Of the largest singular value. A threshold above it is there to leave out directions in the units given, for no
    # rounding of float64 data is as large.
    largest_rounding: float = 1e-8
    # Of a certified backward error by singular values, times the square root of the longer side of X: some 50
    # precisions of one operation, as many as rounding errors of random signs come to.
    backward_error: float = 1e-14


CERTIFICATE_SETTINGS = CertificateSettings()


def relative_cutoff(X: Array, rcond: float | None) -> float:
    """The part of the largest singular value at or below which one counts as zero."""
    if rcond is None:
        # Rounding to float32 leaves some of its precision of the largest singular value, however many rows there are.
        sides = X.shape[-2:]
        return float(_PRECISIONS[X.dtype.itemsize] * (max(sides) if X.dtype == np.float64 else min(sides)))
    try:
        value = float(rcond)
    except (TypeError, ValueError):
        raise TypeError(f"rcond must be a number or None, got {rcond!r}") from None
    if not 0 <= value < 1:
        raise ValueError(f"rcond must be at least 0 and below 1, or None; got {rcond!r}")
    return value


def rank_ambiguity(
    sizes: Float64Array, cutoff: float, longer_side: int, settings: CertificateSettings = CERTIFICATE_SETTINGS
) -> str:
    """Why the rank that singular values show is in doubt; empty if it is not."""
    width = settings.ambiguous_distance * (np.finfo(np.float64).eps * longer_side)
    near = sizes[np.abs(sizes - cutoff * sizes[0]) < width * sizes[0]]
    if not len(near):
        return ""
    rank = int(np.count_nonzero(sizes > cutoff * sizes[0]))
    return (
        f"the rank is in doubt: {rank} of {len(sizes)}, but {len(near)} singular value(s), such as "
        f"{near[0] / sizes[0]:.3g} of the largest, can hardly be told from rcond = {cutoff:.3g}; other units of the "
        "columns or another rcond may settle it"
    )


def unit_ambiguity(
    X: Array,
    rank: int,
    cutoff: float,
    threads: int,
    noise: Float64Array | None = None,
    intercept: str | None = None,
    unit: float = 1.0,
    settings: CertificateSettings = CERTIFICATE_SETTINGS,
) -> str:
    """Why the rank may be one of the columns' units alone: scaled to length one, they have a higher one.

    Empty if they do not, and for a threshold that leaves out more than rounding: then directions are left out on
    purpose, in the units given. ``intercept`` is what has been done to the columns, "penalised" if the last one is the
    constant; ``unit`` is what they were divided by.
    """
    if rank == min(X.shape) or cutoff > max(settings.largest_rounding, relative_cutoff(X, None)):
        return ""
    sizes = np.abs(X).max(axis=0).astype(np.float64)  # of numbers whose squares may leave the range
    scaled = X / np.where(sizes > 0, sizes, 1.0)
    norms = np.linalg.norm(scaled, axis=0)
    with np.errstate(over="ignore"):
        lengths = sizes * norms
    kept = lengths > (0.0 if noise is None else settings.constant_column * noise)
    # What is left of a constant column where a caller has subtracted means; nobody writes so small a constant.
    residue = (sizes < settings.smallest_constant) & (lengths < settings.residue_of_means * lengths.max())
    kept[residue] &= X[:, residue].min(axis=0) < X[:, residue].max(axis=0)
    lengths = lengths[kept]
    # Scaling by lengths of this ratio multiplies a singular value's part of the largest by no more.
    if not len(lengths) or lengths.max() <= settings.clear_factor * lengths.min():
        return ""
    least = max(cutoff, relative_cutoff(X, None), 0.0 if noise is None else float((noise[kept] / lengths).max()))
    unit_columns = np.ascontiguousarray(scaled[:, kept] / norms[kept])
    higher = _clear_rank(unit_columns, least, settings.clear_factor * least, threads)
    if higher <= rank:
        return ""
    shortest, longest = (
        _length_text(float(lengths[at]), unit, int(np.flatnonzero(kept)[at]), X.shape[1], intercept)
        for at in (lengths.argmin(), lengths.argmax())
    )
    less = ", means subtracted," if intercept == "centred" else ""
    return (
        f"the rank is {rank} in the units given, but at least {higher} with every column of X scaled to length one: "
        f"lengths from {shortest} to {longest}{less} hide directions below rcond = {cutoff:.3g}. {_ADVICE[intercept]}. "
        "Columns that are nothing but rounding are to be set to 0"
    )


def _length_text(length: float, unit: float, place: int, count: int, intercept: str | None) -> str:
    """The length of a column before it was divided by a unit, and which column it is of those that the caller has."""
    with np.errstate(over="ignore"):
        whole = np.float64(length) * unit
    text = f"{whole:.3g}" if np.isfinite(whole) else f"{length:.3g} * {unit:.3g}"
    appended = intercept == "penalised" and place == count - 1
    return f"{text} ({'the constant' if appended else f'column {place}'})"


def _clear_rank(X: Float64Array, negligible: float, cutoff: float, threads: int) -> int:
    """Number of singular values above ``cutoff`` of the largest; what is left out must be below ``negligible``."""
    if max(X.shape) > _MUCH_LONGER * min(X.shape):
        X = np.asarray(np.linalg.qr(X if len(X) > X.shape[1] else X.T, mode="r"))
    _, _, rank, _, _, verdict = _kernels.solve_by_qr(X, np.zeros((len(X), 1)), cutoff, negligible, threads)
    if verdict == "certified":
        return int(rank)
    sizes = np.linalg.svd(X, compute_uv=False)
    return int(np.count_nonzero(sizes > cutoff * sizes[0]))
