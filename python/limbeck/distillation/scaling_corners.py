"""Sentences on why an exponent at some sizes is not that of many rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck.distillation.equivalents import equivalent
from limbeck.distillation.scaling_limit import ScalingLimit
from limbeck.distillation.task import Task

__all__ = ["near_corners"]

_LARGE = 700.0  # of an exponential's argument: beyond, it leaves float64


def near_corners(
    task: Task, limit: ScalingLimit | None, sizes: NDArray[np.int64], local: Float64Array, drift: float
) -> tuple[str, ...]:
    """Corners of the theory that are near: what each does to the exponent at the sizes' geometric mean.

    Those that move an exponent of one by less than ``drift`` are left out, and so are those of a floor.
    """
    if limit is None:
        outside = task.power_law_exponents is not None and min(task.power_law_exponents) <= 1
        return ("The theory needs alpha and r above one.",) if outside else ()
    n = float(np.exp(np.log(sizes).mean()))
    if limit.tuned and limit.noise > 0:
        return _slow(task, limit, n, local, drift)
    return () if limit.floor else _near(task, limit, n, drift)


def _slow(task: Task, limit: ScalingLimit, n: float, local: Float64Array, drift: float) -> tuple[str, ...]:
    """How far the way to the law with noise and the best ridge is, and what the end of the features adds."""
    found, there = [], limit.local_exponent(n)
    if abs(there - limit.exponent) > drift:
        found.append(
            f"With noise and the best ridge risks come to their law slowly: for infinitely many features they fall as "
            f"n^-{there:.3g} at n = {n:,.0f}, not yet as n^-{limit.exponent:.3g}."
        )
    known = local[np.isfinite(local)]
    off = float(np.median(known)) - there if len(known) else 0.0
    if abs(off) > drift:
        found.append(
            f"The features end at p = {task.n_features:,}: exponents at these sizes are off by about {abs(off):.1g}."
        )
    return tuple(found)


def _near(task: Task, limit: ScalingLimit, n: float, drift: float) -> tuple[str, ...]:
    """Corners without noise, at n rows."""
    alpha, r, p = limit.alpha, limit.r, task.n_features
    exponent, gap = min(r - 1, 2 * alpha), abs(r - 1 - 2 * alpha)
    allowed, found = drift * max(exponent, 1.0), []
    # Two powers of nearly the same exponent, (n^-(r - 1) - n^-2 alpha) / gap: locally off by gap / (n^gap - 1).
    between = 1 / np.log(n) if np.isclose(gap, 0) else gap / np.expm1(min(gap * np.log(n), _LARGE)) if n > 1 else np.inf
    if between > drift:
        found.append(
            f"At r = 2 alpha + 1 the risk goes as n^-{2 * alpha:.3g} log n; r = {r:.3g} is so close to it that "
            f"exponents at these sizes are lower by about {between:.1g}."
        )
    # Features end at p: sums of i^-r from about n on lack those from p on, a part (n / p)^(r - 1) of them.
    lacking = (n / p) ** (r - 1)
    tail = (r - 1) * lacking / (1 - lacking) if lacking < 1 else np.inf
    if r - 1 < 2 * alpha and tail > allowed:
        found.append(
            f"The features beyond p = {p:,} would have {lacking:.0%} of what is left to learn (r = {r:.3g}): exponents "
            f"at these sizes are higher by about {tail:.1g}."
        )
    if n < p:
        # The effective ridge falls as n^-1 / (1 - Omega), which is n^-alpha where features do not end.
        falls = 1 / equivalent(task, round(n), warn=False).one_minus_omega
        off = exponent * abs(falls / alpha - 1)
        if off > allowed:
            found.append(
                f"The effective ridge falls as n^-{falls:.3g}, not as n^-{alpha:.3g}, for the features end at "
                f"p = {p:,}: exponents at these sizes are off by about {off:.1g}."
            )
    return tuple(found)
