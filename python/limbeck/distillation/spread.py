r"""Standard deviation, over draws of rows and noise, of quadratic forms of the coefficients that a stage ends with.

A function of independent Gaussian numbers has the variance ``int_0^1 E <grad F(Z), grad F(Z_v)> dv``, where Z_v has the
correlation v with Z (Houdre and Perez-Abreu, Ann. Probab. 23, 1995). The gradient of ``R = b' T b - 2 h' b`` holds
products of resolvents of the rows; those of two correlated draws concentrate, and the products of their equivalents
are what the integral is of. With one ridge the integral is elementary: for least squares without a signal it gives
``2 n / (p (n - p))`` relatively, as the exact law (a ratio of chi-squared numbers) does to the order of 1/n.

Notation is that of :mod:`limbeck.distillation.stage_law`, and c_ab is ``sum t l u_a u_b / n / (1 - O_ab)``. Of the
leave-one-out errors of the two draws the product is Gamma_ab; its derivatives under a push ``eta (T B - h)``, ``B =
sum_c w_c b_c``, against the coefficients of either draw (times lambda / tau) are Gamma^x and Gamma^xy, from the
equations of a single coefficient beside all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import power_of_two_scale
from limbeck.distillation.stage_law import Array, Moments, Quadratic, StageLaw

__all__ = ["deviation_of_form"]

_POINTS_OF_ONE = 2  # of Gauss and Legendre: what is integrated is of degree two
_POINTS = 10  # with several ridges: three digits, trials with 6 and with 20
_ROWS = 4096  # features at a time, so that memory does not grow with their number


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over features that hold for every correlation; matrices (k, k) unless said."""

    N: Array  # sigma^2 + sum l z_a z_b s^2
    Nx: Array  # derivative by the first draw's push
    Nxy: Array  # by both draws' pushes
    O: Array
    c: Array  # w_b c_ab
    P: Array  # (k, k, k): sum l^2 u_a u_b u_c (l c_ac + t) / n, times w_c


def deviation_of_form(law: StageLaw, form: Quadratic, labels: Moments, noise: float) -> float:
    """Standard deviation of the form over draws, to the order of ``1 / sqrt(n)``.

    Labels are made by random coefficients of such moments, independent of the rows, with noise of a variance; what the
    form's expectation varies by with these coefficients is left out.
    """
    squares, t = labels.squares, form.diagonal
    known = np.isfinite(squares).all() and np.isfinite(t).all() and np.isfinite(form.constant)
    if not known or (law.one_minus_O == 0).any():
        return np.inf
    # Squares must not leave float64: units of the form and of the coefficients, of which powers of two change no digit.
    of_form = power_of_two_scale(t)
    of_labels = power_of_two_scale(np.sqrt(np.append(squares, noise / law.task.eigenvalues.max())))
    scaled = Quadratic(form.T / of_form, form.h / of_form / of_labels, 0.0)
    some = Moments(labels.mean / of_labels, labels.covariance / of_labels / of_labels)
    variance = _variance(law, scaled, some, noise / of_labels / of_labels)
    return float(np.sqrt(variance)) * of_form * of_labels * of_labels


def _variance(law: StageLaw, form: Quadratic, labels: Moments, noise: float) -> float:
    sums = _sums(law, form, labels, noise)
    top = min(float(np.abs(sums.O).max()), 1.0)
    if top == 1:
        return np.inf
    points, weights = np.polynomial.legendre.leggauss(_POINTS_OF_ONE if len(law.weights) == 1 else _POINTS)
    total = 0.0
    for y, weight in zip((points + 1) / 2, weights / 2, strict=True):
        # In y, which runs from 0 to 1 with v, powers of 1 / (1 - v O) are smooth however near O is to one.
        below = (1 - top) + top * y
        total += weight * (1 - top) / below**2 * _integrand(law, form, sums, y / below)
    return max(float(2 * total / law.n), 0.0)


def _sums(law: StageLaw, form: Quadratic, labels: Moments, noise: float) -> _Sums:
    l, z, reached = law.task.eigenvalues[:, None], law.z, law.reached
    squares = labels.squares[:, None]
    kept = law.kept
    pushed = labels.scaled(kept)
    push = form.times(pushed.mean) - form.h
    with_labels, own = labels.mean * push, np.square(push)
    C = labels.covariance
    if form.T.ndim == 1:
        with_labels = with_labels + form.T * kept * labels.variances
        own = own + np.square(form.T) * pushed.variances
    else:
        C = np.diag(C) if C.ndim == 1 else C
        with_labels = with_labels + ((form.T * kept) * C).sum(axis=1)
        covariance = np.diag(pushed.covariance) if pushed.covariance.ndim == 1 else pushed.covariance
        own = own + ((form.T @ covariance) * form.T).sum(axis=1)
    c = law.shared(form.diagonal)
    weighed = c * law.weights
    w = z @ weighed.T
    sf, ff = with_labels[:, None], own[:, None]
    Nx = -((reached * (l * w * squares - sf)).T @ z)
    moved = reached * w
    crossed = (moved * sf).T @ reached
    Nxy = (l * moved * squares).T @ moved - crossed - crossed.T + (reached * ff).T @ law.u
    N = (z * l * squares).T @ z + noise
    return _Sums(N, Nx, Nxy, 1 - law.one_minus_O, weighed, _triple(law, c, form))


def _triple(law: StageLaw, c: Array, form: Quadratic) -> Array:
    k, reached, relative = len(law.weights), law.reached, law.relative(form.diagonal)
    cubic, with_t = np.zeros((k, k * k), dtype=law.u.dtype), np.zeros((k, k * k), dtype=law.u.dtype)
    for begin in range(0, len(reached), _ROWS):
        some = reached[begin : begin + _ROWS]
        pairs = (some[:, :, None] * some[:, None, :]).reshape(len(some), k * k)
        cubic += some.T @ pairs
        with_t += (some * relative[begin : begin + _ROWS]).T @ pairs
    triple = (c[:, None, :] * cubic.reshape(k, k, k) + with_t.reshape(k, k, k)) / law.n
    return np.asarray(triple * law.weights)


def _integrand(law: StageLaw, form: Quadratic, s: _Sums, v: float) -> float:
    """Half of n times the derivative of the variance by the correlation."""
    D = 1 - v * s.O
    G = s.N / D
    cG = s.c @ G
    Gx = (s.Nx + v * (s.O * cG - np.einsum("abc,cb->ab", s.P, G))) / D
    ahead = Gx @ s.c.T
    rest = ahead + ahead.T + cG @ s.c.T
    Y = Gx + cG
    crossed = np.einsum("bad,ad->ab", s.P, Y)
    Gxy = (s.Nxy + v * (s.O * rest - crossed - crossed.T + _quartic(law, form, s, G))) / D
    whole = 2 * Gxy * G + 2 * Gx * Gx.T + Gx * cG.T + Gx.T * cG + G * rest
    return float((law.weights @ whole @ law.weights).real)


def _quartic(law: StageLaw, form: Quadratic, s: _Sums, G: Array) -> Array:
    """Covariance of the pushes that come from the scatter of the coefficients themselves."""
    l, w, reached, relative = law.task.eigenvalues, law.weights, law.reached, law.relative(form.diagonal)
    k = len(w)
    total = np.zeros((k, k), dtype=law.u.dtype)
    for begin in range(0, len(reached), _ROWS):
        some = reached[begin : begin + _ROWS]
        pushes = (s.c + (relative[begin : begin + _ROWS] * w)[:, None, :]) * some[:, None, :]
        inner = pushes @ G @ pushes.transpose(0, 2, 1)
        total += (some[:, :, None] * some[:, None, :] * inner).sum(axis=0)
    if form.T.ndim == 2:
        away = np.square(form.T)
        np.fill_diagonal(away, 0.0)
        weighed = law.u * w
        from_others = away @ (l * ((weighed @ G) * weighed).sum(axis=1))
        total = total + (reached * from_others[:, None]).T @ law.u
    return np.asarray(total / law.n)
