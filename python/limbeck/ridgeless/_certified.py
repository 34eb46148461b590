"""Least squares by the first factorisation that can certify its answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Array, Float64Array, power_of_two_scale, require_finite
from limbeck._base.warnings import warn
from limbeck.ridgeless._rank import (
    CERTIFICATE_SETTINGS,
    CertificateSettings,
    rank_ambiguity,
    relative_cutoff,
    unit_ambiguity,
)

__all__ = ["Answer", "NotCertifiedWarning", "certified_answer"]


class NotCertifiedWarning(UserWarning):
    """An answer is not known to be right: its rank is in doubt, or its backward error is large."""


class Answer(NamedTuple):
    """Least squares of one problem of q targets, and what is known of it."""

    coef: Array  # (p, q)
    rank: int
    condition: float
    residual_norms: Float64Array  # (q,)
    backward_error: float
    method: str
    certified: bool


def certified_answer(
    X: Array,
    Y: Array,
    cutoff: float,
    method: str,
    threads: int,
    which: str = "",
    noise: Float64Array | None = None,
    intercept: str | None = None,
    settings: CertificateSettings = CERTIFICATE_SETTINGS,
) -> Answer:
    """Solve by the first factorisation that can certify its answer; ``which`` begins messages about it.

    ``noise`` (p,) is how much of the length of each column may be rounding, where that is more than the precision;
    ``intercept`` is what has been done to the columns already.
    """
    answer = _first_certified(X, Y, cutoff, method, threads, which, settings)
    if answer.certified and answer.rank < min(X.shape):
        doubts = unit_ambiguity(X, answer.rank, cutoff, threads, noise, intercept, settings=settings)
        if doubts:
            warn(f"{which}not certified: {doubts}", NotCertifiedWarning)
            return answer._replace(certified=False)
    return answer


def _first_certified(
    X: Array, Y: Array, cutoff: float, method: str, threads: int, which: str, settings: CertificateSettings
) -> Answer:
    """Solve by Cholesky, reflections or singular values; the rank is that in the units given."""
    targets = Y if Y.ndim == 2 else Y[:, None]
    if not targets.shape[1]:
        require_finite(threads, X=X)
        return _by_svd(X, targets, cutoff, which, settings)
    inner, right = X, targets
    if method in ("auto", "cholesky"):
        answer, verdict = _by_cholesky(X, targets, cutoff, threads)
        if answer.certified:
            return answer
    require_finite(threads, X=X, Y=Y)
    if X.dtype != np.float64:
        inner, right = X.astype(np.float64), targets.astype(np.float64)
        if method in ("auto", "cholesky"):
            answer, verdict = _by_cholesky(inner, right, cutoff, threads)
            if answer.certified:
                return answer._replace(coef=answer.coef.astype(X.dtype))
    if method in ("auto", "qr"):
        answer, verdict = _by_qr(inner, right, cutoff, relative_cutoff(X, None), threads)
        if answer.certified:
            return answer._replace(coef=answer.coef.astype(X.dtype, copy=False))
    if method in ("cholesky", "qr"):
        raise ValueError(
            f'{which}method="{method}" cannot certify an answer for X of shape {X.shape} ({verdict}); '
            '"auto" looks further'
        )
    answer = _by_svd(X, targets, cutoff, which, settings)
    if method == "auto" and X.dtype == np.float64 and answer.rank == min(X.shape) and answer.certified:
        # The singular values have settled the rank, which reflections were not sure of: refine by them after all.
        refined, _ = _by_qr(X, targets, -1.0, 0.0, threads)
        if refined.certified and refined.backward_error < answer.backward_error:
            return refined._replace(condition=answer.condition)
    return answer


def _by_cholesky(X: Array, Y: Array, cutoff: float, threads: int) -> tuple[Answer, str]:
    """Answer from a Cholesky factor of the Gram matrix, and the verdict on it."""
    coef, norms, condition, error, _, verdict = _kernels.solve_by_cholesky(X, Y, cutoff, threads)
    return Answer(coef, min(X.shape), condition, norms, error, "cholesky", verdict == "certified"), verdict


def _by_qr(X: Array, Y: Array, cutoff: float, negligible: float, threads: int) -> tuple[Answer, str]:
    """Answer from pivoted reflections, and the verdict on it."""
    coef, norms, rank, condition, error, verdict = _kernels.solve_by_qr(X, Y, cutoff, negligible, threads)
    return Answer(coef, rank, condition, norms, error, "qr", verdict == "certified"), verdict


def _by_svd(X: Array, Y: Array, cutoff: float, which: str, settings: CertificateSettings) -> Answer:
    """Answer of LAPACK's gelsd, in float64; scaled, so that squares in the certificate stay in range."""
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
    doubts = rank_ambiguity(sizes, cutoff, max(X.shape), settings)
    if not doubts and error > settings.backward_error * np.sqrt(max(X.shape)) + cutoff:
        doubts = f"the backward error is {error:.2g}, of rank {rank} out of {min(X.shape)} at rcond = {cutoff:.3g}"
    if coef.any() and not np.finfo(X.dtype).tiny <= largest < np.inf:
        doubts = f"coefficients leave the range of {X.dtype}"
    if doubts:
        warn(f"{which}not certified: {doubts}", NotCertifiedWarning)
    return Answer(scaled, rank, condition, norms, error, "svd", not doubts)


def _backward_error(X: Float64Array, Y: Float64Array, coef: Float64Array, residual: Float64Array) -> float:
    """Upper bound of the relative change of X or Y that would make the coefficients those of least squares."""
    size = float(np.linalg.norm(X))
    b, y, r, slope = (np.linalg.norm(v, axis=0) for v in (coef, Y, residual, X.T @ residual))
    whole = size * b + y
    skew = np.divide(slope, size * r, out=np.zeros_like(r), where=size * r > 0)
    error = np.minimum(skew, np.divide(r, whole, out=np.zeros_like(r), where=whole > 0))
    return float(error.max(initial=0.0))
