"""What is to be learned: a linear target under Gaussian features, in the eigenbasis of their covariance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, integer, matrix, require_finite, same_length, vector

__all__ = ["Task", "eigenvalues_array", "nonnegative", "number", "require_task"]

_SKEW = 1e-8  # of the largest entry: what a covariance that was computed may lack of symmetry
_ASKEW = 1e-6  # of one: what inner products of basis vectors may lack, single precision's rounding with room to spare
_POWER = 1e-9  # relative, for numbers to be those of a power law: another processor's powers differ in the last digits


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
    basis : array_like of shape (p, p), optional
        Orthonormal columns, the eigenvectors, in the features' own coordinates; default the features' own axes.
        :meth:`from_covariance` gives it.
    power_law_exponents : tuple (alpha, r), optional
        The exponents of :meth:`power_law`, which gives them.

    Attributes
    ----------
    eigenvalues, beta, noise
        As given, in float64; arrays are read-only copies.
    basis : ndarray of shape (p, p) or None
        Read-only. Whatever goes with a task - coefficients, masks, test variances - is in this basis: features are then
        principal components. None: eigenvalues belong to the features themselves, in their order.
    power_law_exponents : tuple (alpha, r) or None
        None as well where eigenvalues and beta are not those of the exponents: ``dataclasses.replace(task, noise=0)``
        keeps them, another beta does not.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Arrays are empty, differ in length or hold NaN or infinity; an eigenvalue or the noise is negative; all
        eigenvalues are zero; or columns of the basis are not orthonormal.

    Notes
    -----
    Tasks are equal if all their numbers are. ``dataclasses.replace``, ``copy`` and ``pickle`` keep the basis.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from limbeck.distillation import Task
    >>> task = Task.power_law(500, alpha=2.0, r=1.5, noise=0.1)
    >>> task.n_features, task.noise
    (500, 0.1)
    >>> replace(task, noise=0.0)
    Task(p = 500, power law with alpha = 2, r = 1.5, noise = 0)
    """

    eigenvalues: Float64Array
    beta: Float64Array
    noise: float = 0.0
    basis: Float64Array | None = field(default=None, kw_only=True)
    power_law_exponents: tuple[float, float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        eigenvalues = eigenvalues_array(self.eigenvalues, "eigenvalues")
        beta = vector(self.beta, "beta", np.float64)
        same_length(beta, "beta", 0, eigenvalues, "eigenvalues", 0, "features")
        require_finite(0, "", beta=beta)
        basis = None if self.basis is None else _orthonormal(self.basis, len(eigenvalues))
        for name, array in (("eigenvalues", eigenvalues), ("beta", beta), ("basis", basis)):
            if array is not None:
                array = array.copy()
                array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "noise", nonnegative(self.noise, "noise"))
        if self.power_law_exponents is not None:
            alpha, r = self.power_law_exponents
            exponents = number(alpha, "alpha"), number(r, "r")
            kept = all(
                np.allclose(found, wanted, rtol=_POWER, atol=0)
                for found, wanted in zip((eigenvalues, beta), _power_law(len(beta), *exponents), strict=True)
            )
            object.__setattr__(self, "power_law_exponents", exponents if kept else None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        return (
            self.noise == other.noise
            and self.power_law_exponents == other.power_law_exponents
            and np.array_equal(self.eigenvalues, other.eigenvalues)
            and np.array_equal(self.beta, other.beta)
            and (self.basis is None) == (other.basis is None)
            and (self.basis is None or other.basis is None or np.array_equal(self.basis, other.basis))
        )

    def __hash__(self) -> int:
        # Numbers, not bytes: zeros of either sign are equal.
        return hash((len(self.beta), self.noise, float(self.eigenvalues[0]), float(self.beta[0]), float(self.beta[-1])))

    def __setstate__(self, state: dict[str, object]) -> None:
        # A copied or unpickled array may be written to.
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        self.__dict__.update(state)

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

        Parameters
        ----------
        p : int
            Number of features.
        alpha, r : float
            Exponents.
        noise : float, default 0
            Variance of the labels' noise.

        Returns
        -------
        Task

        Raises
        ------
        TypeError, ValueError
            An argument is not a finite number, or p is less than one.
        """
        exponents = number(alpha, "alpha"), number(r, "r")
        return cls(*_power_law(integer(p, "p", 1), *exponents), noise, power_law_exponents=exponents)

    @classmethod
    def from_covariance(cls, covariance: ArrayLike, beta: ArrayLike, noise: float = 0.0) -> Task:
        """The task in the eigenbasis of a covariance matrix (p, p), beta (p,) being given in the features' own basis.

        Eigenvalues that may be rounding count as zero: up to p times the precision of the largest. Coefficients in the
        features' own basis become the task's by :meth:`to_eigenbasis`, and go back by :meth:`from_eigenbasis`.
        ``noise`` is the variance of the labels' noise.

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
        return cls(eigenvalues, basis.T @ beta, noise, basis=basis)

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


def _power_law(p: int, alpha: float, r: float) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues and coefficients; infinite where they leave float64."""
    index = np.arange(1.0, p + 1)
    with np.errstate(over="ignore", under="ignore"):
        return index**-alpha, index ** ((alpha - r) / 2)


def _orthonormal(value: ArrayLike, p: int) -> Float64Array:
    """A checked basis of p orthonormal columns."""
    basis = matrix(value, "basis", np.float64)
    if basis.shape != (p, p):
        raise ValueError(f"basis must have shape ({p}, {p}), as there are {p} eigenvalues, got shape {basis.shape}")
    require_finite(0, "", basis=basis)
    askew = np.abs(basis.T @ basis - np.eye(p)).max()
    if askew > _ASKEW:
        raise ValueError(f"columns of basis must be orthonormal; their inner products are off by up to {askew:.3g}")
    return basis


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
        result = float("text" if isinstance(value, str | bytes) else value)  # a text is no number, whatever it says
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
