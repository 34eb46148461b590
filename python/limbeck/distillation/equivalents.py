r"""What ridge and ridgeless regression do on Gaussian features, as deterministic equivalents of sharp asymptotics.

A target is fitted to n rows ``x ~ N(0, diag(l))`` labelled ``<x, s> + noise`` with variance ``sigma^2``; it minimises
``|y - X b|^2 / n + ridge |b|^2``, and for ridge = 0 it is the interpolator of least norm. With tau from
:func:`effective_ridge` and ``z = tau / (l + tau)``, ``Omega = sum (1 - z)^2 / n``, it behaves like

    b_i = (1 - z_i) s_i + gamma sqrt(l_i / n) / (l_i + tau) h_i,   h ~ N(0, 1) independent,
    gamma^2 = (sigma^2 + sum l_i z_i^2 s_i^2) / (1 - Omega).

Sources: Ildiz, Gozeten, Taga, Mondelli and Oymak, High-dimensional analysis of knowledge distillation (ICLR 2025, arXiv
2410.18837), for the risk under surrogate labels; Han and Xu, The distribution of ridgeless least squares interpolators
(arXiv 2307.02044), for the law of b. With a ridge, gamma^2 solves ``gamma^2 = sigma^2 + E|b - s|^2_l``, of which the
second term is ``sum l_i z_i^2 s_i^2 + gamma^2 Omega``: the same expression, tau alone depends on the ridge. A negative
ridge stands for ``b = X' (X X' + n ridge)^-1 y``.

What the labels' noise adds is larger than that by the order of 1/n. Its mean is ``-sigma^2 d/de E tr (X X' + n
ridge)^-1`` for variances ``l_i + e l_i t_i``, and ``E tr = (1 + A / (n (1 - Omega)^2)) / tau`` to that order, with
``A = sum (1 - z)^2 z / n`` (Bai and Silverstein, CLT for linear spectral statistics of large-dimensional sample
covariance matrices, Ann. Probab. 32, 2004, for real Gaussian rows). :meth:`Equivalent.noise_factors` takes the
derivative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer, require_finite, same_length, vector
from limbeck._base.warnings import warn as give_warning
from limbeck.distillation.fixed_point import edge, edge_width, effective_ridge
from limbeck.distillation.task import Task, eigenvalues_array, nonnegative, number, require_task

__all__ = [
    "Equivalent",
    "NearPeakWarning",
    "Risk",
    "coefficients",
    "deployment_variances",
    "effective_ridge",
    "equivalent",
    "equivalent_at",
    "noise_of_labels",
    "risk_at",
    "times",
    "variance_factor",
    "weighted",
]

_NEAR_PEAK = 0.85  # of Omega: above it the variance term depends on n as 1 / (1 - Omega), and risks scatter as widely
_FEW_LEFT = 5  # rows times 1 - Omega: the variance is off by about one over that, relatively
_NEAR_LIMIT = 4  # widths of the smallest eigenvalue's scatter above the lowest ridge: one draw in some 10^4 is beyond
_SOFTENED = 50.0  # over rows that a ridge is worth: 1/50 of a row dissolves the pole at n = p - 1, in trials
_LEAST_FACTOR = 0.25  # of a coefficient's variance, where a term of first order would take more


class NearPeakWarning(UserWarning):
    """The rows are few, or near the number of features that count: a predicted risk is not reliable there."""


class Risk(float):
    """A predicted risk: a float that also tells its parts, which add up to it.

    Attributes
    ----------
    bias : float
        Of the mean of the fitted coefficients.
    variance : float
        From the draw of the rows, without the labels' noise.
    noise : float
        From the labels' noise.
    standard_deviation : float
        Over draws of the rows and of the noise, to the order of ``1 / sqrt(n)``; NaN where it was not asked for.
    first_order : float
        The term of order 1/n of bias and variance together, which is not in the float: add it where rows are few. NaN
        where it was not asked for, and for stages that are no ridge regression.
    """

    bias: float
    variance: float
    noise: float
    standard_deviation: float
    first_order: float

    def __new__(  # noqa: D102
        cls,
        bias: float,
        variance: float,
        noise: float,
        standard_deviation: float = float("nan"),
        first_order: float = float("nan"),
    ) -> Risk:
        self = super().__new__(cls, bias + variance + noise)
        self.bias, self.variance, self.noise = bias, variance, noise
        self.standard_deviation, self.first_order = standard_deviation, first_order
        return self

    def __getnewargs__(self) -> tuple[float, float, float, float, float]:  # type: ignore[override]
        return self.bias, self.variance, self.noise, self.standard_deviation, self.first_order


@dataclass(frozen=True, eq=False)
class Equivalent:
    """Numbers that describe a regression on n rows, in the module's notation."""

    n: int
    ridge: float
    tau: float
    z: Float64Array
    omega: float
    one_minus_omega: float  # a sum without cancellation

    def spread(self, task: Task) -> Float64Array:
        """Variance of each fitted coefficient for gamma = 1."""
        l = task.eigenvalues
        whole = l + self.tau
        scaled = np.divide(1.0, whole, out=np.zeros_like(l), where=whole != 0)
        return l * scaled * scaled / self.n

    def noise_factors(self, task: Task) -> Float64Array:
        """Ratios of the variance from labels' noise of variance one to the spread, for each coefficient.

        Without a ridge ``n / (n - p - 1)`` for n > p, where ``E (X' X)^-1 = diag(1 / l) / (n - p - 1)``, and infinite
        for n from p - 1 to p + 1, p counting the positive eigenvalues; else 1 / (1 - Omega) and the term of order 1/n.
        """
        rank = int(np.count_nonzero(task.eigenvalues))
        if self.ridge == 0 and self.n >= rank - 1:
            return np.full(len(self.z), self.n / (self.n - rank - 1) if self.n > rank + 1 else np.inf)
        return np.asarray(self._with_first_order(task.eigenvalues > 0) / self.one_minus_omega)

    def _with_first_order(self, varying: NDArray[np.bool_]) -> Float64Array:
        """Sum of one and the term of order 1/n, for each coefficient."""
        z, n, rest = self.z, self.n, self.one_minus_omega
        kept, both = 1 - z, z * (1 - z)
        A = float((kept * both).sum()) / n
        slope = kept * kept - 2 * both
        first = A - float((slope * both).sum()) / n + rest * slope
        first = (first + 4 * A * (float((kept * both).sum()) / (n * rest) - kept)) / (n * rest * rest)
        # Next to n = p the mean of a ridgeless fit goes as 1 / (|n - p| - 1), of which the order 1/n is a part; for a
        # ridge that is worth a part of a row this is gone. Elsewhere what follows the first order is not known.
        distance = abs(int(np.count_nonzero(varying)) - n)
        worth = min(abs(n * self.ridge / self.tau), abs(float(z[varying].sum())))
        pole = float(np.exp(-_SOFTENED * worth)) / distance if distance > 1 else 0.0
        peak = 1 + pole * distance / (distance - 1) if distance > 1 else 1.0
        # The expansion is one in 1 / (n (1 - Omega)), of no use where that exceeds one.
        weight = min(max(2 * n * rest - 1, 0.0), 1.0)
        return np.maximum(peak + weight * (first - pole), _LEAST_FACTOR)


def equivalent(task: Task, n: int, ridge: float = 0.0, *, warn: bool = True) -> Equivalent:
    """Equivalent of a regression after its arguments are checked; ``warn`` says whether to warn near the peak."""
    require_task(task)
    n, ridge = integer(n, "n", 1), number(ridge, "ridge")
    eq = equivalent_at(task, n, float(effective_ridge(task.eigenvalues, n, ridge)), ridge)
    features = int(np.count_nonzero(task.eigenvalues))
    exact = ridge == 0 and n > features + 1
    if warn and (eq.one_minus_omega < 1 - _NEAR_PEAK or (n * eq.one_minus_omega < _FEW_LEFT and not exact)):
        give_warning(
            f"n = {n} rows, {features} features, Omega = {eq.omega:.3f}: the rows are few, or close to the number of "
            "features that count; the risk depends on their draw there, and its prediction is not reliable",
            NearPeakWarning,
        )
    elif warn and ridge < 0:
        limit = edge(task.eigenvalues, n)[1]
        if ridge - limit < _NEAR_LIMIT * edge_width(task.eigenvalues, n):
            give_warning(
                f"ridge = {ridge:.6g} is close to its limit of {limit:.6g} for n = {n} rows: X X' / n + ridge is "
                "nearly singular in some draws of the rows, where the risk is far above its prediction",
                NearPeakWarning,
            )
    return eq


def equivalent_at(task: Task, n: int, tau: float, ridge: float) -> Equivalent:
    """Equivalent for an effective ridge and the ridge that it belongs to."""
    l = task.eigenvalues
    z = np.divide(tau, l + tau, out=np.ones_like(l), where=l > 0)
    omega = float(np.square(1 - z).sum() / n)
    # n = sum(1 - z) + n ridge / tau: no difference of nearly equal numbers is taken.
    rest = float((z * (1 - z)).sum()) / n + ridge / tau if tau != 0 else max(n - int(np.count_nonzero(l)), 0) / n
    return Equivalent(n, ridge, tau, z, omega, one_minus_omega=rest)


def risk_at(task: Task, eq: Equivalent, s: Float64Array, t: Float64Array, noise: float) -> Risk:
    """The risk of checked arguments."""
    left_over = float((task.eigenvalues * np.square(eq.z * s)).sum())
    bias = float((t * np.square((1 - eq.z) * s - task.beta)).sum())
    from_noise = weighted(t * eq.spread(task), eq.noise_factors(task)) if noise > 0 else 0.0
    return Risk(bias, times(variance_factor(task, eq, t), left_over), times(from_noise, noise))


def noise_of_labels(task: Task, label_noise: float | None) -> float:
    """Variance of the labels' noise: that asked for, or the task's."""
    return task.noise if label_noise is None else nonnegative(label_noise, "label_noise")


def variance_factor(task: Task, eq: Equivalent, t: Float64Array) -> float:
    """``V / (1 - Omega)``: what each unit of left-over variance adds to the risk."""
    V = float((t * eq.spread(task)).sum())
    return 0.0 if V == 0 else V / eq.one_minus_omega if eq.one_minus_omega > 0 else np.inf


def weighted(weights: Float64Array, values: Float64Array) -> float:
    """The sum of products of two arrays; a product with zero is zero, also one of zero and infinity."""
    return float(np.multiply(weights, values, out=np.zeros_like(values), where=(weights > 0) & (values > 0)).sum())


def times(factor: float, value: float) -> float:
    """The product of two numbers that are not negative; zero times infinity is zero."""
    return factor * value if value > 0 and factor > 0 else 0.0


def coefficients(value: ArrayLike, name: str, task: Task) -> Float64Array:
    """Finite coefficients, one for each feature of a task."""
    given = np.asarray(value)
    if given.dtype == bool:
        raise TypeError(f"{name} must hold coefficients, got a mask: pass task.beta * mask")
    if given.ndim == 0 and given.dtype.kind in "iuf":
        raise TypeError(f"{name} must hold a coefficient for each feature, got the number {value!r}")
    array = vector(value, name, np.float64)
    same_length(array, name, 0, task.eigenvalues, "the task's eigenvalues", 0, "features")
    require_finite(0, "", **{name: array})
    return array


def deployment_variances(value: ArrayLike | None, task: Task) -> Float64Array:
    """Checked variances of the features when the target is used; by default those of the task."""
    if value is None:
        return task.eigenvalues
    array = eigenvalues_array(value, "test_eigenvalues")
    same_length(array, "test_eigenvalues", 0, task.eigenvalues, "the task's eigenvalues", 0, "features")
    return array
