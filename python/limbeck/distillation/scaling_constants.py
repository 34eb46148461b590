r"""Constants of scaling laws in closed form: risks on many rows of infinitely many features.

For eigenvalues ``i^-alpha`` and ``eigenvalue_i beta_i^2 = i^-r``, i = 1, 2, ..., sums over features become integrals
for many rows. In the notation of :mod:`limbeck.distillation.equivalents`, ``w_i = tau i^alpha``, ``z = w / (1 + w)``
and ``q = (r - 1) / alpha``, with ``x^-r dx = tau^q w^(-1 - q) dw / alpha``:

    n = sum (1 - z) = T tau^(-1 / alpha),   T = (pi / alpha) / sin(pi / alpha),   so that tau = (T / n)^alpha,
    n Omega = sum (1 - z)^2 = (1 - 1 / alpha) T tau^(-1 / alpha),   so that Omega = 1 - 1 / alpha without a ridge,
    true labels:    sum i^-r z^2 / (1 - Omega) = tau^q B(2 - q, q) / (alpha (1 - Omega)),
    best surrogate: sum i^-r c z^2 / ((1 - z)^2 + c z^2) = tau^q c^(q / 2) (pi / 2) / (alpha sin(pi q / 2)),
    best mask:      sum i^-r min(z^2 / (1 - Omega), 1)
                  = tau^q (L(u) / (1 - Omega) + u^-q / q) / alpha,   L(u) = int_0^u w^(1 - q) / (1 + w)^2 dw,

where ``c = Omega / (1 - Omega)``, B is the beta function, ``B(2 - q, q) = (1 - q) pi / sin(pi q)``, and u is the w at
which z^2 is 1 - Omega. Noise of variance sigma^2 adds ``c sigma^2``. The integrals converge for alpha > 1 and
0 < q < 2, that is 1 < r < 2 alpha + 1. The rate is in arXiv 2410.18837, section 5; these constants are derived from its
Proposition 1 here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.text_table import text_table
from limbeck.distillation.task import nonnegative, number

__all__ = ["FACTORS", "NODES", "WEIGHTS", "Exponents", "ScalingConstants", "rows_constant", "scaling_constants"]

_TERMS = np.arange(80)  # of series in at most a half, whose terms fall to 80 / 2^80
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)  # for panels of length one, to rounding


@dataclass(frozen=True)
class Exponents:
    """Exponents of a power law, with differences that lose no digit where they are small."""

    alpha: float
    r: float

    @property
    def excess(self) -> float:
        """``r - 1``: the exponent of the risk below the corner."""
        return self.r - 1

    @property
    def gap(self) -> float:
        """``2 alpha + 1 - r``: how far below the corner, where a logarithm enters, the law is."""
        return 2 * self.alpha - (self.r - 1)

    @property
    def q(self) -> float:
        """``(r - 1) / alpha``."""
        return self.excess / self.alpha

    @property
    def to_end(self) -> float:
        """The distance of q to the nearer of 0 and 2, at most one."""
        return min(self.excess, self.gap) / self.alpha


@dataclass(frozen=True)
class ScalingConstants:
    """Risks ``floor + constant n^-exponent`` of ridgeless targets on many rows n, for infinitely many features.

    Attributes
    ----------
    alpha, r, noise : float
        Exponents of the eigenvalues and of what is to be learned, and variance of the labels' noise.
    exponent : float
        ``r - 1``, for all three labels.
    true_labels, best, mask : float
        Constants of a target on true labels, on those of the best surrogate and on those of the best mask, both for
        the number of rows.
    floor : float
        ``(alpha - 1) noise``: what no number of rows removes.
    effective_ridge : float
        T, the constant of the effective ridge ``(T / n)^alpha``.
    """

    alpha: float
    r: float
    noise: float
    exponent: float
    true_labels: float
    best: float
    mask: float
    floor: float
    effective_ridge: float

    @property
    def best_ratio(self) -> float:
        """The best surrogate's risk over that of the true labels, without noise."""
        return self.best / self.true_labels

    @property
    def mask_ratio(self) -> float:
        """The best mask's risk over that of the true labels, without noise."""
        return self.mask / self.true_labels

    def __str__(self) -> str:
        head = f"alpha = {self.alpha:g}, r = {self.r:g}, noise = {self.noise:g}: risk = "
        head += f"{self.floor:.4g} + " if self.floor else ""
        head += f"constant n^-{self.exponent:.4g}; effective ridge ({self.effective_ridge:.4g} / n)^{self.alpha:g}"
        named = (("true labels", self.true_labels), ("best surrogate", self.best), ("best mask", self.mask))
        cells = [[name, f"{value:.5g}", f"{value / self.true_labels:.4f}"] for name, value in named]
        return "\n".join([head, *text_table([["trained on", "constant", "over true labels"], *cells])])


def scaling_constants(alpha: float, r: float, noise: float = 0.0) -> ScalingConstants:
    r"""Constants of the scaling law of :meth:`Task.power_law`, for infinitely many features, in closed form.

    Parameters
    ----------
    alpha : float
        Exponent of the eigenvalues ``i^-alpha``, above 1.
    r : float
        Exponent of what is to be learned, ``eigenvalue_i beta_i^2 = i^-r``, above 1 and below ``2 alpha + 1``. From
        there on the risk is a sum over the first few features and goes as ``n^-2 alpha``, at the corner with a factor
        ``log n``: see :func:`scaling_law`.
    noise : float, default 0
        Variance of the labels' noise.

    Returns
    -------
    ScalingConstants
        To some 1e-14 relatively for alpha up to 100, also next to the ends of what is allowed.

    Raises
    ------
    TypeError, ValueError
        An argument is not a finite number, the noise is negative, or alpha or r is out of its range.

    Notes
    -----
    With ``q = (r - 1) / alpha`` and ``T = (pi / alpha) / sin(pi / alpha)``

    - true labels: ``T^(r-1) pi (1 - q) / sin(pi q)``;
    - best surrogate over that: ``(alpha - 1)^(q/2) cos(pi q / 2) / (alpha (1 - q))``;
    - best mask: ``T^(r-1) (L + u^-q / (alpha q))`` with ``u = 1 / (sqrt(alpha) - 1)`` and ``L = int_0^u w^(1-q) /
      (1 + w)^2 dw``;

    limits are meant at q = 1. For n rows and p features the predicted risk differs by parts of order 1/n,
    ``n^-(2 alpha + 1 - r)`` and ``(n / p)^(r - 1)``, ``(n / p)^(alpha - 1)``. The rate is that of arXiv 2410.18837,
    section 5; the constants follow from its Proposition 1 as sums become integrals.

    Examples
    --------
    >>> from limbeck.distillation import scaling_constants
    >>> print(scaling_constants(2, 3, noise=0.1))
    alpha = 2, r = 3, noise = 0.1: risk = 0.1 + constant n^-2; effective ridge (1.571 / n)^2
    trained on      constant  over true labels
    true labels       2.4674            1.0000
    best surrogate    1.9379            0.7854
    best mask         2.2557            0.9142
    """
    exponents = Exponents(number(alpha, "alpha"), number(r, "r"))
    noise = nonnegative(noise, "noise")
    if exponents.alpha <= 1:
        raise ValueError(f"alpha must exceed 1, or the eigenvalues have no sum; got {alpha!r}")
    if exponents.excess <= 0:
        raise ValueError(f"r must exceed 1, or what is to be learned has no sum; got {r!r}")
    if exponents.gap <= 0:
        raise ValueError(
            f"r must be below 2 alpha + 1 = {2 * exponents.alpha + 1:g}, where another law holds; got {r!r}"
        )
    alpha, r = exponents.alpha, exponents.r
    T = rows_constant(alpha)
    constants = {name: float(T**exponents.excess) * of(exponents, alpha - 1) for name, of in FACTORS.items()}
    return ScalingConstants(
        alpha=alpha,
        r=r,
        noise=noise,
        exponent=exponents.excess,
        true_labels=constants["true"],
        best=constants["best"],
        mask=constants["mask"],
        floor=(alpha - 1) * noise,
        effective_ridge=T,
    )


def rows_constant(alpha: float) -> float:
    """T, with which n rows have the effective ridge ``(T / n)^alpha`` without a ridge of their own."""
    # sin(pi / alpha) as that of its complement, which does not cancel for alpha next to one.
    angle = np.pi * ((alpha - 1) / alpha if alpha < 2 else 1 / alpha)
    return float(np.pi / alpha / np.sin(angle))


def beta_function(exponents: Exponents) -> float:
    """``B(2 - q, q) = (1 - q) pi / sin(pi q)``, which is the same for 2 - q."""
    near = exponents.to_end
    return float(1 / np.sinc(1 - near) if near > 0.5 else np.pi * (1 - near) / np.sin(np.pi * near))


def true_factor(exponents: Exponents, odds: float) -> float:
    """True labels' risk over ``tau^q``, for odds ``Omega / (1 - Omega)``."""
    return (1 + odds) * beta_function(exponents) / exponents.alpha


def best_factor(exponents: Exponents, odds: float) -> float:
    """The best surrogate's risk over ``tau^q``."""
    near_sine = float(np.sin(np.pi / 2 * exponents.to_end))  # sin(pi q / 2) is the same for 2 - q
    return float(odds ** (exponents.q / 2)) * np.pi / 2 / near_sine / exponents.alpha


def mask_factor(exponents: Exponents, odds: float) -> float:
    """The best mask's risk over ``tau^q``."""
    last = (float(np.sqrt(1 + odds)) + 1) / odds  # the w beyond which features are dropped, z^2 = 1 - Omega
    kept = (1 + odds) * _below(exponents, last)
    return (kept + float(last**-exponents.q) / exponents.q) / exponents.alpha


FACTORS = {"true": true_factor, "best": best_factor, "mask": mask_factor}


def _below(exponents: Exponents, u: float) -> float:
    """``int_0^u w^(1 - q) / (1 + w)^2 dw``, an incomplete beta function."""
    q, other = exponents.q, exponents.gap / exponents.alpha  # other: 2 - q
    if u > 1:
        return beta_function(exponents) - _incomplete_beta(1 / (1 + u), q, other)
    return _incomplete_beta(u / (1 + u), other, q)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """``int_0^x t^(a - 1) (1 - t)^(b - 1) dt`` for a + b = 2 and x of at most a half, by a series of positive terms."""
    terms = np.cumprod(np.r_[1.0, x * (2 + _TERMS) / (a + 1 + _TERMS)])
    return float(x**a * (1 - x) ** b / a * terms.sum())
