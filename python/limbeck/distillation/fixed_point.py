"""The effective ridge of a regression on Gaussian rows: the root of one equation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer
from limbeck.distillation.task import Task, eigenvalues_array, number

__all__ = ["complex_effective_ridge", "edge", "edge_width", "effective_ridge"]

_STEPS = 200  # at most: halvings of the bracket alone would need 120
_CONVERGED = 1e-9  # of Newton's steps: the next would be its square
_CONVERGED_COMPLEX = 1e-13  # of the steps of complex roots, relatively: rounding is some 1e-15
_HALVINGS = 120  # of a bracket of up to 600 decades, to the last digit of float64


def effective_ridge(eigenvalues: ArrayLike, n: ArrayLike, ridge: float = 0.0) -> float | Float64Array:
    """The tau with ``n = sum l_i / (l_i + tau) + n ridge / tau``.

    Parameters
    ----------
    eigenvalues : array_like of shape (p,)
        Variances of the features, in any order.
    n : int or array_like of ints
        Numbers of rows, at least 1.
    ridge : float, default 0
        Of the loss ``|y - X b|^2 / n + ridge |b|^2``. It may be negative, see Notes.

    Returns
    -------
    float, or ndarray of the shape of n
        Relative error some 1e-14. Zero without a ridge where n reaches the number of positive eigenvalues, negative
        there with a negative ridge; otherwise positive.

    Raises
    ------
    TypeError, ValueError
        Eigenvalues are empty, negative, all zero or not finite; n is not a positive integer; the ridge is below its
        limit, which the message names.

    Notes
    -----
    As tau falls so does the ridge, ``d ridge / d tau = 1 - Omega`` with ``Omega = sum (l_i / (l_i + tau))^2 / n``, down
    to the limit where Omega is one: there ``-ridge`` is the smallest eigenvalue of ``X X' / n`` (of ``X' X / n`` for
    n above the number of features) for many rows, and ``X X' / n + ridge`` is singular (Wu and Xu, On the optimal
    weighted l2 regularization in overparameterized linear regression, arXiv 2006.05800). Where n is the number of
    positive eigenvalues the limit is 0.

    Examples
    --------
    >>> from limbeck.distillation import effective_ridge
    >>> round(effective_ridge([1.0] * 100, 25), 12)
    3.0
    >>> round(effective_ridge([1.0] * 100, 25, ridge=-0.9), 12)
    1.5
    """
    if isinstance(eigenvalues, Task):
        raise TypeError("eigenvalues must be an array, got a Task: pass its eigenvalues")
    l = eigenvalues_array(eigenvalues, "eigenvalues")
    ridge = number(ridge, "ridge")
    positive = l[l > 0]
    counts = np.asarray(n)
    taus = [_effective_ridge(positive, integer(count, "n", 1), ridge) for count in counts.ravel().tolist()]
    return taus[0] if counts.ndim == 0 else np.array(taus).reshape(counts.shape)


def complex_effective_ridge(
    eigenvalues: Float64Array, n: int, ridges: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """Effective ridges (k,) of complex ridges (k,), none of them real: the root on the ridge's side of the real axis.

    There is one alone: ``tau -> ridge + tau sum l / (l + tau) / n`` maps either half-plane into itself.
    """
    l = eigenvalues[eigenvalues > 0]
    unit = float(l.max())
    l, ridges = l[:, None] / unit, ridges / unit
    taus = ridges + l.sum() / n * np.sign(ridges.imag) * 0.5j
    for _ in range(_STEPS):
        share = l / (l + taus)
        mapped = ridges + taus * share.sum(axis=0) / n
        slope = 1 - np.square(share).sum(axis=0) / n
        newton = taus - (taus - mapped) / slope
        # Newton's step where it stays on the ridge's side, else that of the map, which always does.
        inside = newton.imag * np.sign(ridges.imag) > 0
        step = np.where(inside, newton, (taus + mapped) / 2) - taus
        taus = taus + step
        if (np.abs(step) <= _CONVERGED_COMPLEX * np.abs(taus)).all():
            break
    return np.asarray(taus * unit)


def edge(eigenvalues: Float64Array, n: int) -> tuple[float, float]:
    """The effective ridge at which Omega is one, and the ridge that it belongs to: no ridge is lower."""
    l = eigenvalues[eigenvalues > 0]
    if n == len(l):
        return 0.0, 0.0
    unit = float(l.max())
    l = l / unit
    # Below a root Omega exceeds one. If all eigenvalues were as the smallest, or as the largest; if that were alone.
    least, most = float(l.min()), 1.0
    if n < len(l):
        grown = (len(l) / n) ** 0.5 - 1
        low, high, shift = least * grown, most * grown, 0.0
    else:
        low, high, shift = least / n**0.5, least * (len(l) / n) ** 0.5, least
    bottom, top = np.log(low), np.log(max(high, low))
    for _ in range(_HALVINGS):
        middle = (bottom + top) / 2
        if float(np.square(l / ((l - shift) + np.exp(middle))).sum()) > n:
            bottom = middle
        else:
            top = middle
    tau = float(np.exp(top)) - shift
    return tau * unit, min(tau * _share_left(l, n, tau), 0.0) * unit


def edge_width(eigenvalues: Float64Array, n: int) -> float:
    """By how much the smallest eigenvalue of ``X X' / n`` scatters about minus the lowest ridge, from draw to draw.

    The unit of the Tracy-Widom law at that edge (El Karoui, Ann. Probab. 35, 2007; for smallest eigenvalues Feldheim
    and Sodin, Geom. Funct. Anal. 20, 2010). Of draws 1 % are two units or more below, one in some 10^5 five units.
    """
    tau = edge(eigenvalues, n)[0]
    if tau == 0:
        return 0.0
    l, unit = eigenvalues[eigenvalues > 0], abs(tau)
    bend = 2 * float((np.square(l / unit) / (l / unit + tau / unit) ** 3).sum()) / n
    return unit * float((bend / 2) ** (1 / 3) * n ** (-2 / 3))


def _share_left(l: Float64Array, n: int, tau: float) -> float:
    """``1 - sum l / (l + tau) / n``, which times tau is the ridge."""
    return -_excess(l, n, 0.0, tau)[0] / n if tau > 0 else (n - len(l) + float((tau / (l + tau)).sum())) / n


def _effective_ridge(l: Float64Array, n: int, ridge: float) -> float:
    """Newton's method, within a bracket."""
    if ridge == 0 and n >= len(l):
        return 0.0
    lowest = 0.0
    if ridge < 0:
        lowest, limit = edge(l, n)
        if ridge <= limit:
            raise ValueError(f"ridge must exceed {limit:.6g} for n = {n} rows and these eigenvalues, got {ridge:.6g}")
        if n > len(l):
            return _negative(l, n, ridge)
    # In units of the largest eigenvalue, so that nothing leaves the range of float64.
    unit = float(l.max())
    l, ridge = l / unit, ridge / unit
    high = float(l.sum()) / n + max(ridge, 0.0)
    # If all eigenvalues were as the smallest; if the ridge were alone; where Omega is one.
    low = max(ridge, float(l.min()) * (len(l) - n) / n if ridge >= 0 else 0.0, lowest / unit, _least_float())
    u, bottom, top = np.log(high), np.log(min(low, high)), np.log(high)
    for _ in range(_STEPS):
        excess, slope = _excess(l, n, ridge, float(np.exp(u)))
        if excess > 0:
            bottom = u
        else:
            top = u
        # Sums of power laws are nearly linear in logarithms; near the solution both steps agree.
        step = np.log1p(excess / n) * (n + excess) / slope if excess > -0.9 * n else excess / slope
        newton = bottom <= u + step <= top
        u = u + step if newton else (bottom + top) / 2
        if newton and abs(step) < _CONVERGED:
            break
    return float(np.exp(u)) * unit


def _least_float() -> float:
    return float(np.finfo(np.float64).tiny)


def _negative(l: Float64Array, n: int, ridge: float) -> float:
    """The root below zero, for more rows than features."""
    unit = float(l.max())
    l, ridge = l / unit, ridge / unit
    tau = 0.0
    # The ridge is a convex function of tau: Newton's steps from above never pass the root.
    for _ in range(_STEPS):
        slope = 1 - float(np.square(l / (l + tau)).sum()) / n
        if slope <= 0:  # rounding, at the edge
            break
        step = (tau * _share_left(l, n, tau) - ridge) / slope
        tau -= step
        if abs(step) <= _CONVERGED * abs(tau):
            break
    return tau * unit


def _excess(l: Float64Array, n: int, ridge: float, tau: float) -> tuple[float, float]:
    """``sum l / (l + tau) + n ridge / tau - n`` without cancellation, and minus its derivative in log tau."""
    large = l > tau
    whole = l + tau
    share = np.where(large, tau, l) / whole  # never more than a half
    more, less = float(share[~large].sum()), float(share[large].sum())
    pull, count = n * (ridge / tau), int(np.count_nonzero(large))
    # Whole numbers first; or the ridge and n, where these nearly cancel.
    whole_part = n * ((ridge - tau) / tau) + count if ridge > 0.5 * tau else (count - n) + pull
    excess = whole_part - less + more
    return excess, float((share * (1 - share)).sum()) + pull
