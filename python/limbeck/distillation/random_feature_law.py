r"""Law of the coefficients of ridge regression on random features: their mean, and their variances.

The model is ``<a, W x>`` with W (N, p) of independent entries N(0, 1/N) and ``x ~ N(0, diag(l))``; a is fitted to n
rows labelled ``<x, s> + noise`` by the least ``|y - X W' a|^2 / n + ridge |a|^2``, or of least norm without a ridge. Of
interest is ``b = W' a``, by which the model is ``<b, x>``.

Given W, the features W x have covariance ``S = W L W'``, and the rows leave an effective ridge tau of one stage, ``n =
tr S (S + tau)^-1 + n ridge / tau``: their mean is ``W' (S + tau)^-1 W L s``, their covariance ``gamma^2 / n W' (S +
tau)^-1 S (S + tau)^-1 W``, and gamma^2 the noise and all that the mean leaves of the labels, over ``1 - tr S^2 (S +
tau)^-2 / n``. With ``Z = W L^1/2``, N Gaussian rows of covariance L, the mean is ``L^-1/2 M L^1/2 s`` for ``M = Z' (Z
Z' + tau)^-1 Z = Z' Z (Z' Z + tau)^-1`` and the covariance ``gamma^2 / n L^-1/2 M^2 L^-1/2``: a resolvent of a sample
covariance once more, of effective ridge nu with ``N = D + N tau / nu``, ``D = sum l_i / (l_i + nu) = tr M``. So

    (n - D) (N - D) nu = n N ridge,    u = n - D,    w = N - D,    z = nu / (l + nu),    B = sum z (1 - z),

and from the mean of ``(1 - M) A (1 - M)``, ``z A z + z L z tr(A L (L + nu)^-2) / (B + w)``,

    b_i = (1 - z_i) s_i + scatter of variance z_i^2 K / (B + w) + (l_i / (l_i + nu)^2 + F z_i^2 / (B + w)) G,
    K = sum (1 - z)^2 s^2,    F = sum l / (l + nu)^2,
    G = (sigma^2 + sum l z^2 s^2 + nu B K / (B + w)) / (u + B w / (B + w)).

The first part of the scatter is that of the features, the second that of the rows. Coefficients are uncorrelated, for
the law does not change if the sign of a feature does. For N to infinity this is the law of plain ridge regression.

Without a ridge more is known. For N < n the rows have the mean ``1 / (n - N - 1)`` for ``1 / u``, given W. For n < N
the model interpolates, so that b is that of plain ridgeless regression in the span of the rows, and beyond it has a
part that is Gaussian given the rows, of mean square ``y' (X X')^-1 y / (N - n - 1)`` for each feature: in the sums of
the law, N - n - 1 stands for w. Both are taken, with a ridge to the first order; and from the plain regression what its
labels' noise has of the order 1/n, with the weight ``w / (B + w)``: that is exact for n < N without a ridge and for
many N, and gone for N < n.

Sources: Simon, Karkada, Ghosh and Belkin, More is better in modern machine learning (ICLR 2024, arXiv 2311.14646), and
Defilippis, Loureiro and Misiakiewicz, Dimension-free deterministic equivalents and scaling laws for random feature
regression (NeurIPS 2024, arXiv 2405.15699), for the risk of one stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck.distillation.equivalents import Equivalent, times, weighted
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.task import Task

__all__ = ["RandomFeatureLaw", "random_feature_law"]

_STEPS = 200  # at most: halvings of the bracket alone would need 120
_CONVERGED = 1e-9  # of Newton's steps: the next would be its square
_SOFTENED = 50.0  # over rows that a ridge is worth: 1/50 of a row dissolves a pole, as for regressions without W


@dataclass(frozen=True, eq=False)
class RandomFeatureLaw:
    """Mean and variances of the coefficients, in the module's notation."""

    task: Task
    n: int
    n_features: int | None  # N; None for infinitely many
    ridge: float
    nu: float
    z: Float64Array
    rows_left: float  # u
    features_left: float  # w, which may be infinite
    both: float  # B

    @property
    def rest(self) -> float:
        """``u + B w / (B + w)``: n times one minus the Omega of the rows, without cancellation."""
        B, w = self.both, self.features_left
        return self.rows_left + (B if w == np.inf else B * (w / (B + w)) if w > 0 else 0.0)

    def mean(self, s: Float64Array) -> Float64Array:
        """Mean coefficients of a model fitted to labels ``<x, s>``."""
        return np.asarray((1 - self.z) * s)

    def scatter(self, s: Float64Array, noise: float) -> Float64Array:
        """Variance of each coefficient, for labels ``<x, s>`` and noise of a variance."""
        of_features = _scaled(np.square(self.z), _over(self._kept(s), self.whole))
        of_rows = _scaled(self._spread(), _over(self._left_over(s), self.rest))
        return of_features + of_rows + _scaled(self._spread(self._noise_ratios()), _over(noise, self.rest))

    def features_part(self, t: Float64Array) -> float:
        """What each unit of K adds to a risk under test variances t by way of the features."""
        return _over(float((t * np.square(self.z)).sum()), self.whole)

    def rows_part(self, t: Float64Array) -> float:
        """What each unit of what is left of the labels adds to a risk by way of the rows."""
        return _over(weighted(t, self._spread()), self.rest)

    def noise_part(self, t: Float64Array) -> float:
        """What each unit of the labels' noise adds to a risk."""
        return _over(weighted(t, self._spread(self._noise_ratios())), self.rest)

    def scatter_weights(self, t: Float64Array) -> Float64Array:
        """Weights of the squares of s in the risk beyond that of the mean."""
        kept, l = np.square(1 - self.z), self.task.eigenvalues
        by_rows = self.rows_part(t)
        weights = _scaled(kept, self.features_part(t)) + _scaled(l * np.square(self.z), by_rows)
        return weights + _scaled(kept, times(self._unfit(), by_rows))

    @property
    def whole(self) -> float:
        """``B + w``: N times one minus the Omega of the features."""
        return self.both + self.features_left

    def _kept(self, s: Float64Array) -> float:
        return float(np.square((1 - self.z) * s).sum())

    def _unfit(self) -> float:
        """``nu B / (B + w)``: what each unit of K leaves of the labels for features that are finitely many."""
        return _over(self.nu * self.both, self.whole)

    def _left_over(self, s: Float64Array) -> float:
        return float((self.task.eigenvalues * np.square(self.z * s)).sum()) + times(self._unfit(), self._kept(s))

    def _spread(self, ratios: Float64Array | float = 1.0) -> Float64Array:
        """Variances by way of the rows for G = 1, ratios for the part that plain regressions have as well."""
        l = self.task.eigenvalues
        whole = l + self.nu
        scaled = np.divide(1.0, whole, out=np.zeros_like(l), where=whole != 0)
        own = l * scaled * scaled
        by_features = _scaled(np.square(self.z), _over(float(own.sum()), self.whole))
        return np.multiply(own, ratios, out=np.zeros_like(own), where=own > 0) + by_features

    def _noise_ratios(self) -> Float64Array:
        """Ratios of the variances that noise gives to those of the law, from the plain regression of as large a nu."""
        B, w, rest = self.both, self.features_left, self.both + self.rows_left
        weight = 1.0 if w == np.inf or B == 0 else w / (B + w)
        if weight == 0 or rest == 0:
            return np.ones_like(self.z)
        ridge = self.nu * self.rows_left / self.n
        omega = float(np.square(1 - self.z).sum()) / self.n
        plain = Equivalent(self.n, ridge, self.nu, self.z, omega, one_minus_omega=rest / self.n)
        return 1 + weight * (plain.noise_factors(self.task) * rest / self.n - 1)


def random_feature_law(task: Task, n: int, n_features: int | None, ridge: float) -> RandomFeatureLaw:
    """Law for checked arguments; ``n_features`` None is a regression on the features as they are."""
    l = task.eigenvalues
    positive = l[l > 0]
    if n_features is None:
        nu = float(effective_ridge(positive, n, ridge))
    elif ridge == 0:
        nu = float(effective_ridge(positive, min(n, n_features)))
    else:
        nu = _coupled_ridge(positive, n, n_features, ridge)
    z = np.divide(nu, l + nu, out=np.ones_like(l), where=l > 0)
    both = float((z * (1 - z)).sum())
    u, w = _left(len(positive), n, n_features, ridge, nu)
    fitted = min(n, len(positive), n if n_features is None else n_features)
    if n_features is not None and n_features > fitted:
        w = _lowered(w, u, z[l > 0], both)
    elif n > fitted and fitted < len(positive):
        u = _lowered(u, w, z[l > 0], both)
    return RandomFeatureLaw(task, n, n_features, ridge, nu, z, u, w, both)


def _lowered(more: float, less: float, z: Float64Array, both: float) -> float:
    """The larger of u and w, lowered so that its inverse has the mean over draws.

    Beside the pole, for a ridge, 1 / more has the term of first order ``(1 / more) (k^2 - 2 k (1 - k))``, k being what
    the smaller of both Gram matrices keeps of its directions: sums of k and k^2 are D and ``D_2 + B^2 / (B + less)``.
    """
    kept = 1 - z
    degrees = float(kept.sum())
    squares = float((kept * kept).sum()) + (both * (both / (both + less)) if both > 0 else 0.0)
    first = max(3 * squares / degrees - 2, 0.0) if degrees > 0 else 0.0
    # What follows the first order is a part of the pole alone; rows that the ridge is worth dissolve it.
    distance = more - float(np.exp(-_SOFTENED * min(more, less, float(z.sum()))))
    return more / (1 + first / distance) if distance > 0 else 0.0


def _left(rank: int, n: int, n_features: int | None, ridge: float, nu: float) -> tuple[float, float]:
    """Rows and features beyond the degrees of freedom that are fitted: u and w."""
    if n_features is None:
        return (n * (ridge / nu) if nu > 0 else float(max(n - rank, 0))), np.inf
    if nu == 0:
        return float(n - rank), float(n_features - rank)
    small, large = _shares(abs(n - n_features), n * n_features * (ridge / nu))
    return (small, large) if n <= n_features else (large, small)


def _shares(difference: int, product: float) -> tuple[float, float]:
    """The two positive numbers of a difference and a product, the smaller first."""
    large = (difference + float(np.hypot(difference, 2 * np.sqrt(product)))) / 2
    return (product / large if large > 0 else 0.0), large


def _coupled_ridge(l: Float64Array, n: int, n_features: int, ridge: float) -> float:
    """The nu of ``(n - D) (N - D) nu = n N ridge``: Newton's method in log nu, within a bracket."""
    fewer, difference = min(n, n_features), abs(n - n_features)
    # In units of the largest eigenvalue, so that nothing leaves the range of float64.
    unit = float(l.max())
    l = l / unit
    worth = n * n_features * max(ridge / unit, float(np.finfo(np.float64).tiny))
    # At the one end the smaller share would be all of the fewer, at the other it and D would be less than half of them.
    bottom, top = np.log(worth / n / n_features), np.log(max(2 * float(l.sum()), 4 * worth / fewer) / fewer)
    u = top
    for _ in range(_STEPS):
        nu = float(np.exp(u))
        small, large = _shares(difference, worth / nu)
        lacking, slope = _lacking(l, nu)
        # D + small - fewer, whole numbers first.
        excess = (np.count_nonzero(l > nu) - fewer) + lacking + small
        slope += small * (large / (small + large))
        if excess > 0:
            bottom = u
        else:
            top = u
        # The sum of D and the smaller share is nearly a power of nu.
        step = np.log1p(excess / fewer) * (fewer + excess) / slope if excess > -0.9 * fewer else excess / slope
        newton = bottom <= u + step <= top
        u = u + step if newton else (bottom + top) / 2
        if newton and abs(step) < _CONVERGED:
            break
    return float(np.exp(u)) * unit


def _lacking(l: Float64Array, nu: float) -> tuple[float, float]:
    """Sum of l / (l + nu) less the number of l above nu, and minus the derivative in log nu."""
    large = l > nu
    share = np.where(large, nu, l) / (l + nu)
    return float(share[~large].sum()) - float(share[large].sum()), float((share * (1 - share)).sum())


def _scaled(values: Float64Array, factor: float) -> Float64Array:
    """Products in which zero times infinity is zero."""
    return np.multiply(values, factor, out=np.zeros_like(values), where=(values > 0) & (factor > 0))


def _over(value: float, divisor: float) -> float:
    """A quotient of numbers that are not negative, in which zero over zero is zero."""
    return 0.0 if value == 0 or divisor == np.inf else value / divisor if divisor > 0 else np.inf
