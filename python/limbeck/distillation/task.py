"""What is to be learned: a linear target under Gaussian features, in the eigenbasis of their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._arrays import Float64Array, integer, matrix, require_finite, same_length, vector

__all__ = ["Task", "eigenvalues_array", "nonnegative", "number"]


@dataclass(frozen=True, eq=False)
class Task:
    """Labels ``y = <x, beta> + noise`` for ``x ~ N(0, diag(eigenvalues))``.

    Parameters
    ----------
    eigenvalues : array_like of shape (p,)
        Variances of the features in the eigenbasis of their covariance, not negative, in any order.
    beta : array_like of shape (p,)
        Coefficients in that basis.
    noise : float, default 0
        Variance of the labels' noise.

    Attributes
    ----------
    eigenvalues, beta, noise
        As given, in float64.
    basis : ndarray of shape (p, p) or None
        Columns are the eigenvectors, if the task was made from a covariance matrix.
    power_law_exponents : tuple (alpha, r) or None
        The exponents, if the task was made from them.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Arrays are empty, differ in length or hold NaN or infinity; an eigenvalue or the noise is negative; or all
        eigenvalues are zero.

    Examples
    --------
    >>> from limbeck.distillation import Task
    >>> task = Task.power_law(500, alpha=2.0, r=1.5, noise=0.1)
    >>> task.n_features, task.noise
    (500, 0.1)
    """

    eigenvalues: Float64Array
    beta: Float64Array
    noise: float = 0.0
    basis: Float64Array | None = None
    power_law_exponents: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        eigenvalues = eigenvalues_array(self.eigenvalues, "eigenvalues")
        beta = vector(self.beta, "beta", np.float64)
        same_length(beta, "beta", 0, eigenvalues, "eigenvalues", 0, "features")
        require_finite(beta=beta)
        object.__setattr__(self, "eigenvalues", eigenvalues)
        object.__setattr__(self, "beta", beta)
        object.__setattr__(self, "noise", nonnegative(self.noise, "noise"))

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.eigenvalues)

    @classmethod
    def power_law(cls, p: int, alpha: float, r: float, noise: float = 0.0) -> Task:
        """Eigenvalues ``i^-alpha`` and coefficients with ``eigenvalue_i beta_i^2 = i^-r``, i = 1 ... p.

        Raises
        ------
        TypeError, ValueError
            An argument is not a finite number, or p is less than one.
        """
        index = np.arange(1.0, integer(p, "p", 1) + 1)
        alpha, r = number(alpha, "alpha"), number(r, "r")
        with np.errstate(over="ignore", under="ignore"):
            eigenvalues, beta = index**-alpha, index ** ((alpha - r) / 2)
        return cls(eigenvalues, beta, noise, power_law_exponents=(alpha, r))

    @classmethod
    def from_covariance(cls, covariance: ArrayLike, beta: ArrayLike, noise: float = 0.0) -> Task:
        """The task in the eigenbasis of a covariance matrix (p, p), beta (p,) being given in the features' own basis.

        Eigenvalues that are negative by rounding count as zero.

        Raises
        ------
        TypeError, ValueError
            As for the class; or the covariance is not square, not symmetric, or has a negative eigenvalue.
        """
        covariance = matrix(covariance, "covariance", np.float64)
        beta = vector(beta, "beta", np.float64)
        same_length(covariance, "covariance", 0, covariance, "covariance", 1, "rows and columns")
        same_length(beta, "beta", 0, covariance, "covariance", 0, "features")
        require_finite(covariance=covariance, beta=beta)
        largest = np.abs(covariance).max(initial=0.0)
        skew = np.abs(covariance - covariance.T).max(initial=0.0)
        if skew > 1e-8 * largest:
            raise ValueError(f"covariance must be symmetric; entries differ by up to {skew:.3g}")
        eigenvalues, basis = np.linalg.eigh((covariance + covariance.T) / 2)
        eigenvalues, basis = eigenvalues[::-1], basis[:, ::-1]
        if eigenvalues[-1] < -1e-8 * largest:
            raise ValueError(f"covariance must not have negative eigenvalues; the smallest is {eigenvalues[-1]:.3g}")
        return cls(np.maximum(eigenvalues, 0), basis.T @ beta, noise, basis=basis)


def require_task(value: object, name: str = "task") -> None:
    """Raise TypeError unless it is a Task."""
    if not isinstance(value, Task):
        raise TypeError(f"{name} must be a limbeck.distillation.Task, got {type(value).__name__}")


def eigenvalues_array(value: ArrayLike, name: str) -> Float64Array:
    """Checked variances, at least one of them positive."""
    array = vector(value, name, np.float64)
    if not len(array):
        raise ValueError(f"{name} is empty")
    require_finite(**{name: array})
    if (array < 0).any():
        at = int(np.argmax(array < 0))
        raise ValueError(f"{name} must not be negative, got {array[at]:g} at index {at}")
    if not array.any():
        raise ValueError(f"{name} are all zero")
    return array


def number(value: float, name: str) -> float:
    """A finite float, or an error that names the argument."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return result


def nonnegative(value: float, name: str) -> float:
    """A finite float of at least zero."""
    result = number(value, name)
    if result < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
    return result
