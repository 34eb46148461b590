"""Stages of training: spectral filters of the rows' second moment.

A stage turns labels y = X s + noise into coefficients ``f(S) X' y / n`` with ``S = X' X / n``. Every stage here is a
weighted sum of ridge regressions, of one ridge or of several complex ones, whose laws are known together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck.distillation.task import number

__all__ = ["GradientFlow", "Ridge", "Ridgeless", "SelfDistillation", "Stage", "require_stage", "ridge_of", "stage_of"]

ComplexArray = NDArray[np.complex128]


class Stage(ABC):
    """A stage of training; one of :class:`Ridgeless`, :class:`Ridge`, :class:`GradientFlow`, :class:`SelfDistillation`.

    Use those: this class itself is for annotations and ``isinstance``.
    """

    @abstractmethod
    def filter(self, eigenvalues: Float64Array) -> Float64Array:
        """Values f(s) (k,) at eigenvalues s (k,) of ``X' X / n``; those of zero play no part in a fit."""

    @abstractmethod
    def ridges(self, count: int) -> tuple[ComplexArray | Float64Array, ComplexArray | Float64Array]:
        """Ridges (k,) and weights (k,) with ``f(s) = sum weight / (s + ridge)``, k = count or 1 where that is exact."""


@dataclass(frozen=True)
class Ridgeless(Stage):
    """The fit of least norm among those of least squares: ``f(s) = 1 / s``."""

    def filter(self, eigenvalues: Float64Array) -> Float64Array:
        """Inverse eigenvalues; zero where these are zero."""
        return np.divide(1.0, eigenvalues, out=np.zeros_like(eigenvalues), where=eigenvalues > 0)

    def ridges(self, count: int) -> tuple[Float64Array, Float64Array]:
        """A ridge of zero, of weight one."""
        return np.zeros(1), np.ones(1)


@dataclass(frozen=True)
class Ridge(Stage):
    """Ridge regression, ``f(s) = 1 / (s + alpha)``.

    Parameters
    ----------
    alpha : float
        Ridge of the loss ``|y - X b|^2 / n + alpha |b|^2``; zero and negative ones as for
        :func:`limbeck.distillation.risk`.
    """

    alpha: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number(self.alpha, "alpha"))

    def filter(self, eigenvalues: Float64Array) -> Float64Array:
        """Shrunk inverse eigenvalues."""
        if self.alpha == 0:
            return Ridgeless().filter(eigenvalues)
        return np.asarray(1 / (eigenvalues + self.alpha))

    def ridges(self, count: int) -> tuple[Float64Array, Float64Array]:
        """The ridge itself."""
        return np.array([self.alpha]), np.ones(1)


@dataclass(frozen=True)
class GradientFlow(Stage):
    """Gradient flow from zero, stopped at a time: ``f(s) = (1 - exp(-s time)) / s``.

    Parameters
    ----------
    time : float
        Positive. The flow is ``db/dt = X' (y - X b) / n``, so that a step of gradient descent on ``|y - X b|^2 / (2
        n)`` at the learning rate h takes the time h.
    """

    time: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", number(self.time, "time"))
        if self.time <= 0:
            raise ValueError(f"time must be positive, got {self.time!r}")

    def filter(self, eigenvalues: Float64Array) -> Float64Array:
        """Eigenvalues that are reached by the time, inverted."""
        whole = np.full_like(eigenvalues, self.time)
        return np.divide(-np.expm1(-eigenvalues * self.time), eigenvalues, out=whole, where=eigenvalues > 0)

    def ridges(self, count: int) -> tuple[ComplexArray, ComplexArray]:
        """Points of a parabola around the negative axis.

        f is the inverse Laplace transform of ``1 / (z (s + z))`` at the time. With k points the error falls as 2.85^-k
        for all s >= 0 alike (Weideman and Trefethen, Math. Comp. 76, 2007, whose three numbers are these).
        """
        angles = (2 * np.arange(count) + 1 - count) * (np.pi / count)
        z: ComplexArray = count * (0.1309 - 0.1194 * angles**2 + 0.25j * angles)
        slope = count * (-0.2388 * angles + 0.25j)
        return z / self.time, np.exp(z) / z * slope / (1j * count)


_CIRCLE = 0.4  # of the ridge: radius around it, on which errors with k points fall as 0.4^k, or k - j for j rounds


@dataclass(frozen=True)
class SelfDistillation(Stage):
    """Ridge regression, and once more on the same rows with labels that are mixed with the fit's own.

    Parameters
    ----------
    alpha : float
        Positive ridge of all fits, as for :class:`Ridge`.
    mixing : float or tuple of floats
        Share xi of the fit's predictions in the labels of the next fit, ``(1 - xi) y + xi yhat``; several for so many
        rounds, each with the predictions of the round before. It may be negative, and exceed one.

    Notes
    -----
    With ``g = s / (s + alpha)`` the filter is ``P(g) / (s + alpha)``, and a round turns P into ``1 - xi + xi g P(g)``,
    from ``P = 1`` on.
    """

    alpha: float
    mixing: float | tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number(self.alpha, "alpha"))
        if self.alpha <= 0:
            raise ValueError(f"alpha must be positive, got {self.alpha!r}")
        given: Any = self.mixing
        several = np.iterable(given) and not isinstance(given, str)
        given = tuple(given) if several else (given,)
        if not given:
            raise ValueError("mixing must be a number or a sequence of numbers, got none")
        rounds = tuple(number(value, "mixing") for value in given)
        object.__setattr__(self, "mixing", rounds if several else rounds[0])

    @property
    def rounds(self) -> tuple[float, ...]:
        """Mixing of every round."""
        return self.mixing if isinstance(self.mixing, tuple) else (self.mixing,)

    def _of(self, s: NDArray[Any]) -> NDArray[Any]:
        """The filter, of real or complex arguments."""
        below = s + self.alpha
        kept, whole = s / below, np.ones_like(below)
        for mixing in self.rounds:
            whole = 1 - mixing + mixing * kept * whole
        return np.asarray(whole / below)

    def filter(self, eigenvalues: Float64Array) -> Float64Array:
        """Inverse eigenvalues, shrunk in every round."""
        return np.asarray(self._of(eigenvalues), dtype=np.float64)

    def ridges(self, count: int) -> tuple[ComplexArray, ComplexArray]:
        """Points of a circle around the ridge, by Cauchy's formula for what is outside."""
        count += 2 * (len(self.rounds) - 1)
        around = self.alpha * _CIRCLE * np.exp(1j * np.pi * (2 * np.arange(count) + 1) / count)
        ridges = self.alpha + around
        return ridges, -self._of(-ridges) * around / count


def require_stage(value: object, name: str) -> Stage:
    """The stage, or TypeError unless it is one."""
    if not isinstance(value, Stage):
        raise TypeError(
            f"{name} must be Ridgeless(), Ridge(alpha), GradientFlow(time) or SelfDistillation(alpha, mixing) of "
            f"limbeck.distillation, got {value!r}"
        )
    return value


def stage_of(stage: Stage | None, ridge: float, name: str = "ridge", stage_name: str = "stage") -> Stage:
    """The stage, or that of a ridge where none is given.

    Raises
    ------
    TypeError, ValueError
        It is no stage; or a ridge is given as well.
    """
    if stage is None:
        value = number(ridge, name)
        return Ridge(value) if value != 0 else Ridgeless()
    if ridge != 0:
        raise ValueError(f"{stage_name} and {name} cannot both be given: a stage has a ridge of its own")
    return require_stage(stage, stage_name)


def ridge_of(stage: Stage) -> float | None:
    """Ridge of a stage that is one ridge regression, 0 without a ridge; None for other stages."""
    if isinstance(stage, Ridge):
        return stage.alpha
    return 0.0 if isinstance(stage, Ridgeless) else None
