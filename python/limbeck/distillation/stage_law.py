r"""What one stage of training does to coefficients, and to quadratic forms of them.

A stage is ``sum_a w_a (S + lambda_a)^-1 X' y / n``, one ridge or several complex ones, on n rows ``x ~ N(0, diag(l))``
labelled ``<x, s> + noise`` of variance ``sigma^2``. With the effective ridge tau_a of lambda_a, ``u_a = 1 / (l +
tau_a)`` and ``z_a = tau_a u_a``, its coefficients behave as if they were independent in the eigenbasis, with

    mean        k s,  k = sum_a w_a (1 - z_a),
    variance    (l / n) sum_ab w_a w_b gamma_ab u_a u_b,
    gamma_ab    = (sigma^2 + sum l z_a z_b s^2) / (1 - O_ab),   O_ab = sum l^2 u_a u_b / n.

For one ridge that is the law of :mod:`limbeck.distillation.equivalents`. For two, gamma_ab solves ``gamma_ab =
sigma^2 + E <b_a - s, b_b - s>_l``, as each row is predicted without itself, with errors that are multiplied by the
same factor lambda / tau in the residuals. Filters that are no sums of ridges are integrals of them by Cauchy's formula,
and the law is analytic in the ridges away from minus the eigenvalues of S (arXiv 2410.18837 and 2307.02044 for one real
ridge).

Expected quadratic forms of the coefficients are quadratic forms of s: so stages compose, the last one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck.distillation.equivalents import Equivalent, equivalent, times, weighted
from limbeck.distillation.fixed_point import complex_effective_ridge
from limbeck.distillation.settings import STAGE_SETTINGS
from limbeck.distillation.stages import Stage, ridge_of
from limbeck.distillation.task import Task

__all__ = ["Moments", "Quadratic", "StageLaw", "law_of", "stage_law"]

Array = NDArray[Any]  # real for one ridge, complex for several


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (p,) and covariance of random coefficients: (p,) if they are uncorrelated, else (p, p)."""

    mean: Float64Array
    covariance: Float64Array

    @property
    def variances(self) -> Float64Array:
        """Variances (p,)."""
        return self.covariance if self.covariance.ndim == 1 else np.diagonal(self.covariance)

    @property
    def squares(self) -> Float64Array:
        """Expected squares (p,)."""
        return np.square(self.mean) + self.variances

    def scaled(self, factors: Float64Array) -> Moments:
        """Moments of the products with given factors (p,)."""
        outer = np.square(factors) if self.covariance.ndim == 1 else np.outer(factors, factors)
        return Moments(factors * self.mean, _products(outer, self.covariance))

    def plus(self, variances: Float64Array) -> Moments:
        """Moments of sums with uncorrelated errors of such variances (p,)."""
        more = variances if self.covariance.ndim == 1 else np.diag(variances)
        return Moments(self.mean, self.covariance + more)

    def mixed(self, share: float, other: Float64Array) -> Moments:
        """Moments of ``share * other + (1 - share) * coefficients``."""
        rest = 1 - share
        covariance = rest**2 * self.covariance if rest else np.zeros_like(self.covariance)
        return Moments(share * other + rest * self.mean, covariance)

    def rotated(self, rotation: Float64Array | None) -> Moments:
        """Moments of ``rotation @ coefficients``; None stands for the identity."""
        if rotation is None:
            return self
        c = self.covariance
        turned = (rotation * c) @ rotation.T if c.ndim == 1 else rotation @ c @ rotation.T
        return Moments(rotation @ self.mean, turned)


@dataclass(frozen=True, eq=False)
class Quadratic:
    """The form ``b' T b - 2 h' b + constant``, with T (p,) if it is diagonal, else (p, p)."""

    T: Float64Array
    h: Float64Array
    constant: float

    @classmethod
    def risk(cls, t: Float64Array, beta: Float64Array) -> Quadratic:
        """Risk ``sum t (b - beta)^2``."""
        return cls(t, t * beta, float((t * np.square(beta)).sum()))

    @property
    def diagonal(self) -> Float64Array:
        """Diagonal (p,) of T."""
        return self.T if self.T.ndim == 1 else np.diagonal(self.T)

    def times(self, b: Float64Array) -> Float64Array:
        """Product ``T b``."""
        return self.T * b if self.T.ndim == 1 else self.T @ b

    def rotated(self, rotation: Float64Array | None) -> Quadratic:
        """The form of coefficients c with ``b = rotation @ c``."""
        if rotation is None:
            return self
        T = (rotation.T * self.T) @ rotation if self.T.ndim == 1 else rotation.T @ self.T @ rotation
        return Quadratic(T, rotation.T @ self.h, self.constant)

    def mixed(self, share: float, other: Float64Array) -> Quadratic:
        """The form of coefficients c with ``b = share * other + (1 - share) * c``."""
        moved, rest = self.times(other), 1 - share
        constant = self.constant + share**2 * float(other @ moved) - 2 * share * float(self.h @ other)
        return Quadratic(rest**2 * self.T, rest * (self.h - share * moved), constant)

    def expected(self, b: Moments) -> float:
        """Expectation over random coefficients."""
        both = self.T.ndim == b.covariance.ndim
        spread = _products(self.T, b.covariance) if both else _products(self.diagonal, b.variances)
        return float(b.mean @ self.times(b.mean) - 2 * self.h @ b.mean + spread.sum()) + self.constant


@dataclass(frozen=True, eq=False)
class StageLaw:
    """Numbers that describe a stage on n rows, in the module's notation; one ridge is real."""

    task: Task
    n: int
    weights: Array  # (k,)
    u: Array  # (p, k); 0 where l and tau are 0
    z: Array  # (p, k); 1 where l is 0
    one_minus_O: Array  # (k, k)
    single: Equivalent | None  # of the only ridge

    @property
    def kept(self) -> Float64Array:
        """Factors (p,) of the mean."""
        return np.asarray(((1 - self.z) @ self.weights).real)

    def for_spread(self, stage: Stage) -> StageLaw:
        """The law with as many complex ridges as a standard deviation needs."""
        return self if self.single is not None else stage_law(self.task, self.n, stage, for_spread=True)

    def _noise_factors(self) -> Float64Array | None:
        return None if self.single is None else self.single.noise_factors(self.task)

    @property
    def reached(self) -> Array:
        """Products (p, k) of l and u, at most one for real ridges that are not negative."""
        return self.task.eigenvalues[:, None] * self.u

    def relative(self, t: Float64Array) -> Float64Array:
        """Ratios (p, 1) of t and l; zero where l is, as is what they are multiplied by."""
        l = self.task.eigenvalues
        return np.asarray(np.divide(t, l, out=np.zeros_like(l), where=l > 0)[:, None])

    def _left_over(self, shared: Array) -> Float64Array:
        """Sums (p,) of ``l w_a w_b z_a z_b shared_ab``; a zero times infinity is zero."""
        l = self.task.eigenvalues
        if self.single is not None:
            squares = l * np.square(self.z[:, 0])
            return np.asarray(np.multiply(squares, shared[0, 0], out=np.zeros_like(squares), where=squares > 0))
        weighed = self.z * self.weights
        return np.asarray(l * ((weighed @ shared) * weighed).sum(axis=1).real)

    def gammas(self, squares: Float64Array, noise: float) -> Array:
        """Matrix of gamma_ab for labels by coefficients of such expected squares (p,)."""
        if self.single is not None:
            left_over = _products(self.task.eigenvalues * np.square(self.z[:, 0]), squares).sum()[None, None]
        else:
            left_over = (self.z * (self.task.eigenvalues * squares)[:, None]).T @ self.z
        return _ratio(left_over + noise, self.one_minus_O)

    def scatter(self, squares: Float64Array, noise: float) -> Float64Array:
        """Variances (p,) of the coefficients, for labels by coefficients of such expected squares."""
        l, factors = self.task.eigenvalues, self._noise_factors()
        gammas = self.gammas(squares, 0.0 if factors is not None else noise)
        if factors is None or self.single is None:
            once = (self.reached * self.weights) @ gammas
            return np.asarray((once * (self.u * self.weights)).sum(axis=1).real / self.n)
        spread = self.single.spread(self.task)
        total = noise * factors + gammas[0, 0] if noise > 0 else np.full_like(l, gammas[0, 0])
        return np.asarray(np.multiply(total, spread, out=np.zeros_like(l), where=spread > 0))

    def shared(self, t: Float64Array) -> Array:
        """Matrix (k, k) of ``sum t l u_a u_b / n / (1 - O_ab)``: what left-over variance adds to a form."""
        return _ratio((self.reached * (self.relative(t) / self.n)).T @ self.reached, self.one_minus_O)

    def pulled_back(self, form: Quadratic, noise: float) -> Quadratic:
        """The expected form of this stage's coefficients, as a form of the coefficients that make the labels."""
        kept, t = self.kept, form.diagonal
        left_over = self._left_over(self.shared(t))
        T = kept**2 * form.T + left_over if form.T.ndim == 1 else np.outer(kept, kept) * form.T + np.diag(left_over)
        return Quadratic(T, kept * form.h, form.constant + self.noise_part(t, noise))

    def noise_part(self, t: Float64Array, noise: float) -> float:
        """What labels' noise of a variance adds to ``sum t b^2``."""
        factors = self._noise_factors()
        if factors is None or self.single is None:
            return noise * float((self.weights @ self.shared(t) @ self.weights).real)
        return times(weighted(t * self.single.spread(self.task), factors), noise) if noise > 0 else 0.0

    def after(self, labels: Moments, noise: float) -> Moments:
        """Moments of the coefficients, for labels by random coefficients and noise of a variance."""
        return labels.scaled(self.kept).plus(self.scatter(labels.squares, noise))


def stage_law(task: Task, n: int, stage: Stage, *, warn: bool = True, for_spread: bool = False) -> StageLaw:
    """The law of a stage on n rows of a task; checked arguments.

    ``warn`` says whether to warn near the peak; ``for_spread`` takes fewer complex ridges, enough for three digits.
    """
    settings, l = STAGE_SETTINGS, task.eigenvalues
    ridge = ridge_of(stage)
    if ridge is not None:
        return law_of(task, equivalent(task, n, ridge, warn=warn))
    ridges, weights = stage.ridges(settings.ridges_for_spread if for_spread else settings.ridges)
    taus = complex_effective_ridge(l, n, np.asarray(ridges, dtype=np.complex128))
    u = 1 / (l[:, None] + taus)
    z = taus * u
    scaled = l[:, None] * u
    return StageLaw(task, n, weights, u, z, 1 - scaled.T @ scaled / n, None)


def law_of(task: Task, eq: Equivalent) -> StageLaw:
    """The law of the one ridge that an equivalent belongs to."""
    whole = task.eigenvalues + eq.tau
    u = np.divide(1.0, whole, out=np.zeros_like(whole), where=whole != 0)
    return StageLaw(task, eq.n, np.ones(1), u[:, None], eq.z[:, None], np.array([[eq.one_minus_omega]]), eq)


def _products(factors: Float64Array, values: Float64Array) -> Float64Array:
    """Products; one with zero is zero, also where the other factor is infinite."""
    return np.asarray(np.multiply(factors, values, out=np.zeros_like(values), where=factors != 0))


def _ratio(above: Array, below: Array) -> Array:
    """Ratios; zero where nothing is above, infinite where nothing is below."""
    if np.iscomplexobj(below):
        return np.asarray(above / below)
    out = np.where(above == 0, 0.0, np.inf)
    return np.divide(above, below, out=out, where=(below > 0) & (above != 0))
