"""What is to be learned: a linear target under Gaussian features, in the eigenbasis of their covariance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from limbeck._arrays import Float64Array, integer, matrix, require_finite, same_length, vector

__all__ = ["Task", "eigenvalues_array", "nonnegative", "number", "require_task"]

_SKEW = 1e-8  # of the largest entry: what a covariance that was computed may lack of symmetry


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
        Variance of the labels' noise, whoever makes the labels.

    Attributes
    ----------
    eigenvalues, beta, noise
        As given, in float64; arrays are read-only copies.
    basis : ndarray of shape (p, p) or None
        Columns are the eigenvectors, if the task was made from a covariance matrix. Whatever goes with a task -
        coefficients, masks, test variances - is in this basis: features are then principal components.
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
    basis: Float64Array | None = field(default=None, init=False)
    power_law_exponents: tuple[float, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        eigenvalues = eigenvalues_array(self.eigenvalues, "eigenvalues")
        beta = vector(self.beta, "beta", np.float64)
        same_length(beta, "beta", 0, eigenvalues, "eigenvalues", 0, "features")
        require_finite(0, "", beta=beta)
        for name, array in (("eigenvalues", eigenvalues), ("beta", beta)):
            array = array.copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "noise", nonnegative(self.noise, "noise"))

    def __repr__(self) -> str:
        kind = ""
        if self.power_law_exponents is not None:
            kind = ", power law with alpha = {:g}, r = {:g}".format(*self.power_law_exponents)
        elif self.basis is not None:
            kind = ", from a covariance"
        return f"Task(p = {self.n_features}{kind}, noise = {self.noise:g})"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.eigenvalues)

    @classmethod
    def power_law(cls, p: int, alpha: float, r: float, noise: float = 0.0) -> Task:
        """Eigenvalues ``i^-alpha`` and coefficients with ``eigenvalue_i beta_i^2 = i^-r``, i = 1 ... p.

        Returns
        -------
        Task

        Raises
        ------
        TypeError, ValueError
            An argument is not a finite number, or p is less than one.
        """
        index = np.arange(1.0, integer(p, "p", 1) + 1)
        alpha, r = number(alpha, "alpha"), number(r, "r")
        with np.errstate(over="ignore", under="ignore"):
            eigenvalues, beta = index**-alpha, index ** ((alpha - r) / 2)
        task = cls(eigenvalues, beta, noise)
        object.__setattr__(task, "power_law_exponents", (alpha, r))
        return task

    @classmethod
    def from_covariance(cls, covariance: ArrayLike, beta: ArrayLike, noise: float = 0.0) -> Task:
        """The task in the eigenbasis of a covariance matrix (p, p), beta (p,) being given in the features' own basis.

        Eigenvalues that may be rounding count as zero: up to p times the precision of the largest. Coefficients in the
        features' own basis become the task's by :meth:`to_eigenbasis`, and go back by :meth:`from_eigenbasis`.

        Returns
        -------
        Task

        Raises
        ------
        TypeError, ValueError
            As for the class; or the covariance is not square, not symmetric, or has a negative eigenvalue.
        """
        given = matrix(covariance, "covariance")
        covariance, rounding = given.astype(np.float64), float(np.finfo(given.dtype).eps) * len(given)
        if given.shape[0] != given.shape[1]:
            raise ValueError(
                f"covariance must be square, got shape {given.shape}; that of rows X is numpy.cov(X, rowvar=False)"
            )
        if not covariance.size:
            raise ValueError("covariance is empty")
        beta = vector(beta, "beta", np.float64)
        same_length(beta, "beta", 0, covariance, "covariance", 0, "features")
        require_finite(0, "", covariance=covariance, beta=beta)
        largest = np.abs(covariance).max(initial=0.0)
        skew = np.abs(covariance - covariance.T).max(initial=0.0)
        if skew > max(_SKEW, rounding) * largest:
            raise ValueError(f"covariance must be symmetric; entries differ by up to {skew:.3g}")
        eigenvalues, basis = np.linalg.eigh((covariance + covariance.T) / 2)
        eigenvalues, basis = eigenvalues[::-1], basis[:, ::-1]
        if eigenvalues[-1] < -max(_SKEW, rounding) * largest:
            raise ValueError(f"covariance must not have negative eigenvalues; the smallest is {eigenvalues[-1]:.3g}")
        eigenvalues = np.where(eigenvalues > rounding * eigenvalues[0], eigenvalues, 0.0)
        task = cls(eigenvalues, basis.T @ beta, noise)
        object.__setattr__(task, "basis", basis)
        return task

    def to_eigenbasis(self, coefficients: ArrayLike) -> Float64Array:
        """Coefficients (p,) of the features that the covariance was of, in the task's basis."""
        v = self._vector(coefficients)
        return v if self.basis is None else self.basis.T @ v

    def from_eigenbasis(self, coefficients: ArrayLike) -> Float64Array:
        """Coefficients (p,) in the task's basis, as those of the features that the covariance was of."""
        v = self._vector(coefficients)
        return v if self.basis is None else self.basis @ v

    def _vector(self, coefficients: ArrayLike) -> Float64Array:
        v = vector(coefficients, "coefficients", np.float64)
        same_length(v, "coefficients", 0, self.eigenvalues, "the task's eigenvalues", 0, "features")
        return v


def require_task(value: object, name: str = "task") -> None:
    """Raise TypeError unless it is a Task."""
    if not isinstance(value, Task):
        raise TypeError(f"{name} must be a limbeck.distillation.Task, got {type(value).__name__}")


def eigenvalues_array(value: ArrayLike, name: str) -> Float64Array:
    """Checked variances, at least one of them positive."""
    array = vector(value, name, np.float64)
    if not len(array):
        raise ValueError(f"{name} is empty")
    require_finite(0, "", **{name: array})
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
