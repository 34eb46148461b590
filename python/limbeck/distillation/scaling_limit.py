r"""The law that risks of power laws tend to, and what they are on the way to it.

With a ridge, Omega may be any number below one: those below 1 - 1 / alpha belong to positive ridges, those above to
negative ones. In the notation of :mod:`limbeck.distillation.scaling_constants` the effective ridge is ``(D / (n
Omega))^alpha`` with ``D = (1 - 1 / alpha) T``, and the risk ``A (n Omega / D)^-k / (1 - Omega) + sigma^2 Omega / (1 -
Omega)`` to leading order, ``k = min(r - 1, 2 alpha)``. Below the corner r = 2 alpha + 1 A is the integral of that
module, above ``sum i^-r z^2`` is ``tau^2 zeta(r - 2 alpha)``, and at the corner ``tau^2 log(1 / tau) / alpha``.

Without noise the risk is least for Omega = k / (1 + k), and falls as n^-k. With noise the best Omega falls with n, and
the risk as ``n^-(k / (1 + k))`` (Cui, Loureiro, Krzakala and Zdeborova, Generalization error rates in kernel
regression, NeurIPS 2021, arXiv 2105.15004); the best mask drops nothing there. The best surrogate has in A a factor
``(Omega / (1 - Omega))^(k / (2 alpha))``: it labels with coefficients that are large where the ridge will shrink them,
beside which the noise is small, and the risk falls as ``n^-(k / (1 + k - k / (2 alpha)))``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array
from limbeck.distillation.scaling_constants import FACTORS, NODES, WEIGHTS, Exponents, rows_constant

__all__ = ["ScalingLimit", "scaling_limit", "zeta"]

_GOLDEN = (5**0.5 - 1) / 2
_SECTIONS = 40  # golden ones, of two steps of the grid: to 1e-8 of it
_GRID = np.linspace(-25.0, 25.0, 101)  # logarithms of odds of Omega: half a step is less than any minimum is wide
_NEWTON = 8  # steps from a start that is off by a part 1 / n^2 or so
_SUMMED = 16  # terms of the zeta function before those of Euler and Maclaurin, which are exact to 1e-15 after so many
# B_2j / (2j)! of Euler and Maclaurin, j = 1, 2, ...
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)
# Features that are summed, for each unit of alpha and at least and most; those beyond i are an integral to a part of
# (alpha / i)^2 / 24.
_HEAD, _LEAST_HEAD, _MOST_HEAD = 64, 256, 100_000
_TAIL = 14.0  # of the logarithm of i / alpha beyond tau i^alpha = 1: all further terms are powers, to a part of e^-14
_LARGE = 300.0  # of an exponential's argument: its square is a float64
_STEP = 1.05  # ratio of the sizes on either side of that at which an exponent is local


@dataclass(frozen=True)
class ScalingLimit:
    """``risk = floor + constant n^-exponent (log n)^logarithm`` for many rows and infinitely many features.

    Attributes
    ----------
    alpha, r, noise : float
        As for :func:`scaling_constants`; r may be any number above 1.
    labels : {"true", "best", "mask"}
        Labels of the target: the true ones, or those of the best surrogate or mask for the number of rows.
    tuned : bool
        Whether the target has the best ridge for the number of rows, or none.
    exponent : float
        ``k = min(r - 1, 2 alpha)``; with noise and the best ridge ``k / (1 + k)``, and ``k / (1 + k - k / (2 alpha))``
        for the best surrogate.
    logarithm : float
        0 but for ``r = 2 alpha + 1``.
    constant : float
        NaN where no closed form is known: for the best surrogate and the best ridge with noise from the corner on.
    floor : float
        ``(alpha - 1) noise`` without a ridge.
    """

    alpha: float
    r: float
    noise: float
    labels: str
    tuned: bool
    exponent: float
    logarithm: float
    constant: float
    floor: float

    def risks(self, n: ArrayLike) -> Float64Array:
        """Predicted risks for numbers of rows n and infinitely many features, as those of :func:`risk`.

        They differ from the law by parts that fall faster with n: near the corner, and with noise and the best ridge,
        slowly. Without the term of order 1/n of the noise part.
        """
        counts = np.asarray(n, dtype=np.float64)
        found = [self._risk(float(count)) for count in counts.ravel()]
        return np.array(found).reshape(counts.shape)

    def law(self, n: ArrayLike) -> Float64Array:
        """The law itself at numbers of rows n above one, without what falls faster."""
        counts = np.asarray(n, dtype=np.float64)
        return np.asarray(self.floor + self.constant * counts**-self.exponent * np.log(counts) ** self.logarithm)

    def local_exponent(self, n: float) -> float:
        """Exponent of the risks at n rows, without the floor."""
        low, high = self.risks([n / _STEP, n * _STEP]) - self.floor
        return float(-np.log(high / low) / np.log(_STEP**2))

    def _risk(self, n: float) -> float:
        T = rows_constant(self.alpha)
        if not self.tuned:
            log_tau = self.alpha * float(np.log(T / (n + 0.5)))
            for _ in range(_NEWTON):
                sums = _Sums(self.alpha, log_tau)
                log_tau += (sums.kept - n) / (sums.kept - sums.squared)
            return self._risk_at(n, log_tau)
        D = T * (self.alpha - 1) / self.alpha
        return _least(lambda odds: self._risk_at(n, self.alpha * float(np.log(D * (1 + odds) / (n * odds)))))

    def _risk_at(self, n: float, log_tau: float) -> float:
        """Risk for an effective ridge, or infinity where no ridge has it."""
        sums = _Sums(self.alpha, log_tau)
        if sums.squared >= n:
            return np.inf
        odds = sums.squared / (n - sums.squared)
        return sums.bias(self.labels, self.r, odds) + self.noise * odds

    def __str__(self) -> str:
        logarithm = "" if not self.logarithm else " log n" if self.logarithm == 1 else f" (log n)^{self.logarithm:.3g}"
        constant = "constant" if np.isnan(self.constant) else f"{self.constant:.3g}"
        return (f"{self.floor:.3g} + " if self.floor else "") + f"{constant} n^-{self.exponent:.3g}{logarithm}"


def scaling_limit(alpha: float, r: float, noise: float, labels: str, tuned: bool) -> ScalingLimit:
    """The limit for alpha and r above one; see :class:`ScalingLimit`."""
    exponents = Exponents(alpha, r)
    corner = bool(np.isclose(r, 2 * alpha + 1))  # nearer than any sizes of rows can tell from it
    k = 2 * alpha if corner else min(exponents.excess, 2 * alpha)
    constant, exponent, logarithm = _leading(exponents, labels, tuned, corner, k), k, 1.0 if corner else 0.0
    if tuned and noise > 0:
        shift = k / (2 * alpha) if labels == "best" else 0.0
        least = k - shift  # exponent of Omega in the risk without noise
        exponent, logarithm = k / (1 + least), logarithm / (1 + least)
        constant = _noisy_constant(exponents, noise, labels, corner, k, least)
    floor = 0.0 if tuned else (alpha - 1) * noise
    return ScalingLimit(alpha, r, noise, labels, tuned, exponent, logarithm, constant, floor)


def _leading(exponents: Exponents, labels: str, tuned: bool, corner: bool, k: float) -> float:
    """Constant in front of ``n^-k``, or ``n^-k log n`` at the corner, without noise."""
    alpha = exponents.alpha
    T = rows_constant(alpha)
    D = T * (alpha - 1) / alpha

    def at(odds: float) -> float:
        return float((D * (1 + odds) / odds) ** k) * _term(exponents, labels, corner, odds)

    if not tuned:
        return float(T**k) * _term(exponents, labels, corner, alpha - 1)
    return _least(at)


def _term(exponents: Exponents, labels: str, corner: bool, odds: float) -> float:
    """The larger of the two terms, over its power of tau; at the corner over ``tau^2 log(1 / tau) / alpha``."""
    if exponents.gap > 0 and not corner:
        return FACTORS[labels](exponents, odds)
    weight = odds if labels == "best" else 1 + odds
    return weight * (1.0 if corner else zeta(1 - exponents.gap))


def _noisy_constant(exponents: Exponents, noise: float, labels: str, corner: bool, k: float, least: float) -> float:
    """Constant with the best ridge: the least of ``A (n Omega / D)^-k Omega^(k - least) + noise Omega``."""
    alpha = exponents.alpha
    D = rows_constant(alpha) * (alpha - 1) / alpha
    if labels == "best":
        if corner or exponents.gap < 0:
            return np.nan
        A = FACTORS["best"](exponents, 1.0)  # without the power of the odds, which are Omega
    else:
        # As Omega falls masks drop nothing. At the corner log(1 / tau) / alpha is log(n) / (1 + k) to leading order.
        A = 1 / (1 + k) if corner else _term(exponents, "true", corner, 0.0)
    omega = float((least * A / noise) ** (1 / (1 + least)) * D ** (k / (1 + least)))  # times n^-(k / (1 + least))
    return noise * omega * (1 + 1 / least)


class _Sums:
    """Sums over features i = 1, 2, ... without end, for an effective ridge: the first, then an integral in log i."""

    def __init__(self, alpha: float, log_tau: float) -> None:
        self.alpha, self.log_tau = alpha, log_tau
        count = int(min(max(_LEAST_HEAD, _HEAD * alpha), _MOST_HEAD))
        self.low = float(np.log(count + 0.5))
        s, weights, self.end = self._panels(self.low)
        self.log_i = np.r_[np.log(np.arange(1.0, count + 1)), s]
        self.weights = np.r_[np.ones(count), weights]
        kept = 1 / (1 + self._w(self.log_i))
        # Beyond the end kept parts 1 - z are 1 / w.
        left = float(np.exp(self.end) / self._w(np.array([self.end]))[0])
        self.kept = float(self.weights @ kept) + left / (alpha - 1)
        self.squared = float(self.weights @ np.square(kept))

    def _panels(self, low: float) -> tuple[Float64Array, Float64Array, float]:
        """Points and weights of an integral over i, from a logarithm on, and the logarithm where it ends."""
        panels = int(np.ceil(self.alpha * max(-self.log_tau / self.alpha - low, 0) + _TAIL))
        # In log i terms are analytic within pi / alpha of the real axis: panels of length 1 / alpha have every digit.
        s = (low + (np.arange(panels)[:, None] + (NODES + 1) / 2) / self.alpha).ravel()
        return s, np.exp(s) * np.tile(WEIGHTS, panels) / (2 * self.alpha), low + panels / self.alpha

    def _w(self, log_i: Float64Array) -> Float64Array:
        return np.asarray(np.exp(np.minimum(self.log_tau + self.alpha * log_i, _LARGE)))

    def bias(self, labels: str, r: float, odds: float) -> float:
        """Risk without noise for odds of Omega."""
        w = self._w(self.log_i)
        lost = np.square(w / (1 + w))
        lost = odds * lost / (odds * lost + 1 / np.square(1 + w)) if labels == "best" else (1 + odds) * lost
        last = self._last_kept(odds)
        if labels == "mask":
            # What features in the integral lose above one is taken off below, from the first on that is dropped.
            lost = np.where(self.log_i < max(self.low, last), np.minimum(lost, 1.0), lost)
        beyond = float(np.exp((1 - r) * self.end)) / (r - 1) * (1.0 if labels == "best" else 1 + odds)
        total = float(self.weights @ (np.exp(-r * self.log_i) * lost)) + beyond
        return total - self._above_one(max(self.low, last), r, odds) if labels == "mask" else total

    def _last_kept(self, odds: float) -> float:
        """Logarithm of the feature from which on a mask drops them: z^2 is 1 - Omega."""
        return (float(np.log((np.sqrt(1 + odds) + 1) / odds)) - self.log_tau) / self.alpha

    def _above_one(self, low: float, r: float, odds: float) -> float:
        """Integral of ``i^-r (z^2 / (1 - Omega) - 1)`` from a feature on."""
        s, weights, end = self._panels(low)
        w = self._w(s)
        # z^2 / (1 - Omega) - 1 without cancellation next to Omega = 0, where it is small.
        part = odds - (1 + odds) * (1 + 2 * w) / np.square(1 + w)
        return float(weights @ (np.exp(-r * s) * part)) + odds * float(np.exp((1 - r) * end)) / (r - 1)


def _least(function: Callable[[float], float]) -> float:
    """Least value over odds of Omega: the best of a grid of their logarithms, then golden sections beside it."""
    values = [function(float(np.exp(x))) for x in _GRID]
    best = int(np.argmin(values))
    left, right = float(_GRID[max(best - 1, 0)]), float(_GRID[min(best + 1, len(_GRID) - 1)])
    for _ in range(_SECTIONS):
        a, b = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        left, right = (left, b) if function(float(np.exp(a))) < function(float(np.exp(b))) else (a, right)
    return min(function(float(np.exp((left + right) / 2))), min(values))


def zeta(s: float) -> float:
    """Riemann's zeta function for s above one, by the formula of Euler and Maclaurin."""
    last = float(_SUMMED)
    total = float((np.arange(1.0, _SUMMED) ** -s).sum()) + last ** (1 - s) / (s - 1) + last**-s / 2
    term = s * last ** (-s - 1)
    for j, factor in enumerate(_BERNOULLI):
        total += factor * term
        term *= (s + 2 * j + 1) * (s + 2 * j + 2) / last**2
    return float(total)
