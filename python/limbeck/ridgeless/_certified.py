"""Least squares by the first factorisation that can tell what its answer is worth."""

from __future__ import annotations

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Array, Float64Array, require_finite
from limbeck._base.warnings import warn

__all__ = [
    "INTERCEPTS",
    "Answer",
    "NotCertifiedWarning",
    "centred",
    "certified_answer",
    "check_intercept",
    "power_of_two_scale",
    "rank_ambiguity",
    "relative_cutoff",
    "unit_doubts",
]

INTERCEPTS = (None, "centred", "in norm")

_RANK_DOUBT = 0.5  # of the precision times the larger side: a singular value as close to the threshold may be either
_CLEARLY = 2.0  # times the threshold; rounding in products of low rank stays below a quarter of it
_FAR_LONGER = 4  # than the other side: a triangle of the smaller side, made first, is less work
_SMALLEST_CONSTANT = 1e-12  # that somebody may mean: above what means of numbers below 1,000 leave, about 1e-13
_RESIDUE = 64 * float(np.finfo(np.float64).eps)  # of the longest column: what subtracting means can leave of another
_ROUNDING_ALONE = 8.0  # times the noise: shorter columns count as constant
_CONSTANT = float(np.finfo(np.float64).eps) / 16  # of the mean
_MOST_OF_ROUNDING = 1e-8  # of the largest singular value: a threshold above it is there for another reason
_PRECISIONS = {np.dtype(dtype).itemsize: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}
_BACKWARD_ERROR_PER_SIZE = 1e-14  # times the square root of the larger side


class NotCertifiedWarning(UserWarning):
    """An answer is not known to be right: its rank is in doubt, or its backward error is large."""


_SCALED = "Solve with X / s, s = numpy.linalg.norm(X, axis=0), and divide coef by s"
_ADVICE = {  # by what was done to the columns
    None: f'{_SCALED}; or subtract the means: a column of ones is better left out, with intercept="centred"',
    "in norm": f'{_SCALED}; or subtract the means, with intercept="centred"',
    "centred": "Solve with X / s, s = numpy.std(X, axis=0), and divide coef by s",
}

# Coefficients (p, q), rank, condition, residual norms (q), backward error, method, whether certified.
Answer = tuple[Array, int, float, Float64Array, float, str, bool]


def certified_answer(
    X: Array,
    Y: Array,
    cutoff: float,
    method: str,
    threads: int,
    which: str = "",
    noise: Float64Array | None = None,
    intercept: str | None = None,
) -> Answer:
    """By the first factorisation that can tell what its answer is worth; ``which`` begins messages about it.

    ``noise`` (p,) is how much of the length of each column may be rounding, where that is more than the precision;
    ``intercept`` is what has been done to the columns already.
    """
    answer = _first_certified(X, Y, cutoff, method, threads, which)
    if answer[-1] and (doubts := unit_doubts(X, answer[1], cutoff, threads, noise, intercept)):
        warn(f"{which}not certified: {doubts}", NotCertifiedWarning)
        return (*answer[:-1], False)
    return answer


def _first_certified(X: Array, Y: Array, cutoff: float, method: str, threads: int, which: str) -> Answer:
    """By Cholesky, reflections or singular values, whichever comes first; the rank is that in the units given."""
    targets = Y if Y.ndim == 2 else Y[:, None]
    if not targets.shape[1]:
        require_finite(threads, X=X)
        return _by_svd(X, targets, cutoff, which)
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
        negligible = relative_cutoff(X, None)
        coef, norms, rank, condition, error, verdict = _kernels.solve_by_qr(inner, right, cutoff, negligible, threads)
        if verdict == "certified":
            return coef.astype(X.dtype, copy=False), rank, condition, norms, error, "qr", True
    if method in ("cholesky", "qr"):
        raise ValueError(
            f'{which}method="{method}" cannot certify an answer for X of shape {X.shape} ({verdict}); '
            '"auto" looks further'
        )
    answer = _by_svd(X, targets, cutoff, which)
    if method == "auto" and X.dtype == np.float64 and answer[1] == min(X.shape) and answer[-1]:
        # The singular values have shown what reflections could not be sure of: refine after all.
        coef, norms, rank, _, error, verdict = _kernels.solve_by_qr(X, targets, -1.0, 0.0, threads)
        if verdict == "certified" and error < answer[4]:
            return coef, rank, answer[2], norms, error, "qr", True
    return answer


def _by_svd(X: Array, Y: Array, cutoff: float, which: str = "") -> Answer:
    """By LAPACK's gelsd, in float64; scaled, so that squares in the certificate stay in range."""
    x_unit, y_unit = power_of_two_scale(X), power_of_two_scale(Y)
    inner, targets = X.astype(np.float64) / x_unit, Y.astype(np.float64) / y_unit
    answer = np.linalg.lstsq(inner, targets, rcond=cutoff)
    coef, rank, sizes = np.asarray(answer[0]), int(answer[2]), np.asarray(answer[3])
    residual = targets - inner @ coef
    error = _backward_error(inner, targets, coef, residual)
    condition = float(sizes[0] / sizes[rank - 1]) if rank else np.inf
    norms = np.linalg.norm(residual, axis=0) * y_unit
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(coef, int(np.log2(y_unit)) - int(np.log2(x_unit))).astype(X.dtype)
    largest = float(np.abs(scaled).max(initial=0.0))
    doubts = rank_ambiguity(sizes, cutoff, max(X.shape))
    if not doubts and error > _BACKWARD_ERROR_PER_SIZE * np.sqrt(max(X.shape)) + cutoff:
        doubts = f"the backward error is {error:.2g}, of rank {rank} out of {min(X.shape)} at rcond = {cutoff:.3g}"
    if coef.any() and not np.finfo(X.dtype).tiny <= largest < np.inf:
        doubts = f"coefficients leave the range of {X.dtype}"
    if doubts:
        warn(f"{which}not certified: {doubts}", NotCertifiedWarning)
    return scaled, rank, condition, norms, error, "svd", not doubts


def rank_ambiguity(sizes: Float64Array, cutoff: float, largest_side: int) -> str:
    """Why the rank that singular values show is in doubt; empty if it is not."""
    precision = np.finfo(np.float64).eps * largest_side
    near = sizes[np.abs(sizes - cutoff * sizes[0]) < _RANK_DOUBT * precision * sizes[0]]
    if not len(near):
        return ""
    rank = int(np.count_nonzero(sizes > cutoff * sizes[0]))
    return (
        f"the rank is in doubt: {rank} of {len(sizes)}, but {len(near)} singular value(s), such as "
        f"{near[0] / sizes[0]:.3g} of the largest, can hardly be told from rcond = {cutoff:.3g}; other units of the "
        "columns or another rcond may settle it"
    )


def unit_doubts(
    X: Array,
    rank: int,
    cutoff: float,
    threads: int,
    noise: Float64Array | None = None,
    intercept: str | None = None,
    unit: float = 1.0,
) -> str:
    """Why the rank may be one of the columns' units alone: scaled to length one, they have a higher one.

    Empty if they do not, and for a threshold that leaves out more than rounding: then directions are left out on
    purpose, in the units given. ``intercept`` is what has been done to the columns, "in norm" if the last one is the
    constant; ``unit`` is what they were divided by.
    """
    if rank == min(X.shape) or cutoff > max(_MOST_OF_ROUNDING, relative_cutoff(X, None)):
        return ""
    sizes = np.abs(X).max(axis=0).astype(np.float64)  # of numbers whose squares may leave the range
    scaled = X / np.where(sizes > 0, sizes, 1.0)
    norms = np.linalg.norm(scaled, axis=0)
    with np.errstate(over="ignore"):
        lengths = sizes * norms
    kept = lengths > (0.0 if noise is None else _ROUNDING_ALONE * noise)
    # What is left of a constant column where a caller has subtracted means; nobody writes so small a constant.
    residue = (sizes < _SMALLEST_CONSTANT) & (lengths < _RESIDUE * lengths.max())
    kept[residue] &= X[:, residue].min(axis=0) < X[:, residue].max(axis=0)
    lengths = lengths[kept]
    # Scaling by lengths of this ratio multiplies a singular value's part of the largest by no more.
    if not len(lengths) or lengths.max() <= _CLEARLY * lengths.min():
        return ""
    least = max(cutoff, relative_cutoff(X, None), 0.0 if noise is None else float((noise[kept] / lengths).max()))
    higher = _clear_rank(np.ascontiguousarray(scaled[:, kept] / norms[kept]), least, threads)
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
    appended = intercept == "in norm" and place == count - 1
    return f"{text} ({'the constant' if appended else f'column {place}'})"


def _clear_rank(X: Float64Array, cutoff: float, threads: int) -> int:
    """Number of singular values that are clearly above a part of the largest."""
    if max(X.shape) > _FAR_LONGER * min(X.shape):
        X = np.asarray(np.linalg.qr(X if len(X) > X.shape[1] else X.T, mode="r"))
    _, _, rank, _, _, verdict = _kernels.solve_by_qr(X, np.zeros((len(X), 1)), _CLEARLY * cutoff, cutoff, threads)
    if verdict == "certified":
        return int(rank)
    sizes = np.linalg.svd(X, compute_uv=False)
    return int(np.count_nonzero(sizes > _CLEARLY * cutoff * sizes[0]))


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


def check_intercept(value: str | None) -> None:
    """Raise ValueError unless it is one of the three kinds."""
    if value not in INTERCEPTS:
        raise ValueError(f'intercept must be None, "centred" or "in norm"; got {value!r}')


def centred(rows: Array) -> tuple[Float64Array, Float64Array]:
    """Rows (..., n, any) less their mean, and the mean (..., 1, any)."""
    # In float64: differences of nearly equal numbers must not be rounded to float32.
    mean = rows.mean(axis=-2, dtype=np.float64, keepdims=True)
    less = rows - mean
    # Once more: what rounding of the means has left would make features of constant columns. Two numbers that are not
    # the same differ by half the precision or more, so that what is closer to the mean everywhere is constant.
    less -= less.mean(axis=-2, keepdims=True)
    above, below = (end(axis=-2, keepdims=True, initial=0.0) for end in (less.max, less.min))
    constant = np.maximum(above, -below) < _CONSTANT * np.abs(mean)
    return (np.where(constant, 0.0, less) if constant.any() else less), mean


def power_of_two_scale(values: Array) -> float:
    """A power of two near the largest size."""
    largest = float(np.abs(values).max(initial=0.0))
    # Not below 2^-1000, so that one over it is finite; and the logarithm of the largest number is rounded up to 1024.
    return float(2.0 ** min(max(np.floor(np.log2(largest)), -1000.0), 1023.0)) if largest > 0 else 1.0


def _backward_error(X: Float64Array, Y: Float64Array, coef: Float64Array, residual: Float64Array) -> float:
    size = float(np.linalg.norm(X))
    b, y, r, slope = (np.linalg.norm(v, axis=0) for v in (coef, Y, residual, X.T @ residual))
    whole = size * b + y
    skew = np.divide(slope, size * r, out=np.zeros_like(r), where=size * r > 0)
    error = np.minimum(skew, np.divide(r, whole, out=np.zeros_like(r), where=whole > 0))
    return float(error.max(initial=0.0))
