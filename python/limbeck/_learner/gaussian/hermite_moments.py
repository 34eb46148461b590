"""Moments of labels against all Hermite polynomials of a few dimensions, with their standard errors.

For a sum of lines ``e(z) = sum_i w_i |<u_i, z>|`` with unit u_i and z ~ N(0, I_r), and the orthonormal Hermite product
``h_a`` of exponents a, |a| = l even, ``E e h_a = c_l sqrt(l! / a!) sum_i w_i u_i^a``: the entries of the moment tensor
of order l, each counted as often as it occurs. Their sum of squares over the entries of one order is that of the
tensor, whatever the axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb, factorial, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.settings import DEFAULTS, MomentMethodSettings

__all__ = ["HermiteMoments", "hermite_moments", "hermite_table", "kink_coefficient", "top_order"]

_BATCH = 4096  # rows at a time: tables of some hundred polynomials stay in the cache


def kink_coefficient(order: int) -> float:
    """``E |t| h_l(t)`` for t ~ N(0, 1) and an even order l of at least 2: ``2 He_(l-2)(0) / sqrt(2 pi l!)``."""
    half = order // 2 - 1
    at_zero = (-1) ** half * factorial(order - 2) / (2**half * factorial(half))
    return float(2 * at_zero / sqrt(2 * pi * factorial(order)))


def top_order(r: int, settings: MomentMethodSettings = DEFAULTS.moment_method) -> int:
    """Highest even order whose moments in r dimensions, with those of all even orders below, are not too many."""
    order, count = 2, comb(r + 1, 2)
    while order < settings.most_order:
        count += comb(r + order + 1, order + 2)
        if count > settings.most_moments and order >= settings.least_order:
            break
        order += 2
    return order


def hermite_table(t: Float64Array, order: int) -> Float64Array:
    """Orthonormal Hermite polynomials of orders 0 to ``order`` at values t, along a new first axis."""
    table = np.empty((order + 1, *t.shape))
    table[0] = 1.0
    if order:
        table[1] = t
    for l in range(1, order):
        table[l + 1] = (t * table[l] - sqrt(l) * table[l - 1]) / sqrt(l + 1)
    return table


def _exponents(r: int, order: int) -> NDArray[np.intp]:
    """All exponents (N, r) of total at most ``order``."""
    rows = np.zeros((1, 0), dtype=np.intp)
    for _ in range(r):
        left = order - rows.sum(axis=1)
        rows = np.column_stack([np.repeat(rows, left + 1, axis=0), np.concatenate([np.arange(m + 1) for m in left])])
    return rows


@dataclass(frozen=True, eq=False)
class HermiteMoments:
    """Moments of even orders, 2 and beyond, over their standard errors.

    Attributes
    ----------
    exponents : ndarray of shape (N, r)
        Exponents of the polynomials.
    values : ndarray of shape (N,)
        Moments over the standard errors of their orders.
    errors : dict of float
        Standard error of a moment, by its order: the root mean square over the moments of that order.
    """

    exponents: NDArray[np.intp]
    values: Float64Array
    errors: dict[int, float]

    @cached_property
    def scales(self) -> Float64Array:
        """What the monomials of a unit weight's line are multiplied with, (N,)."""
        scales = np.empty(len(self.exponents))
        for n, (exponents, order) in enumerate(zip(self.exponents, self.exponents.sum(axis=1), strict=True)):
            ways = factorial(int(order))
            for a in exponents:
                ways //= factorial(int(a))
            scales[n] = kink_coefficient(int(order)) * sqrt(ways) / self.errors[int(order)]
        return scales

    def of_lines(self, directions: Float64Array) -> Float64Array:
        """Moments (k, N), over their standard errors, of lines of weight 1 along unit directions (k, r)."""
        powers = self._powers(directions)
        product = np.repeat(self.scales[:, None], len(directions), axis=1)
        for j in range(directions.shape[1]):
            product *= powers[j][self.exponents[:, j]]
        return product.T

    def derivatives(self, directions: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Moments (k, N) of lines, and their derivatives (k, r, N) along the sphere."""
        powers, r = self._powers(directions), directions.shape[1]
        factors = np.stack([powers[j][self.exponents[:, j]] for j in range(r)])
        before, after = np.ones_like(factors), np.ones_like(factors)
        for j in range(1, r):
            before[j] = before[j - 1] * factors[j - 1]
            after[r - 1 - j] = after[r - j] * factors[r - j]
        before *= self.scales[:, None]
        jacobian = np.empty((len(directions), r, len(self.scales)))
        for j in range(r):
            lower = powers[j][np.maximum(self.exponents[:, j] - 1, 0)]
            jacobian[:, j] = (before[j] * after[j] * lower * self.exponents[:, j, None]).T
        # Along u, homogeneous of degree l, the derivative is l times the moment: what is left is along the sphere.
        terms = (before[-1] * factors[-1]).T
        jacobian -= directions[:, :, None] * (terms * self.exponents.sum(axis=1))[:, None]
        return terms, jacobian

    def _powers(self, directions: Float64Array) -> Float64Array:
        """Powers (r, L + 1, k) of the coordinates."""
        powers = np.ones((directions.shape[1], int(self.exponents.max()) + 1, len(directions)))
        for p in range(1, powers.shape[1]):
            powers[:, p] = powers[:, p - 1] * directions.T
        return powers


def hermite_moments(
    Z: Float64Array,
    y: Float64Array,
    weights: Float64Array,
    rng: np.random.Generator,
    settings: MomentMethodSettings = DEFAULTS.moment_method,
    errors: dict[int, float] | None = None,
) -> HermiteMoments:
    """Moments of even orders of labels over rows in a few dimensions.

    Parameters
    ----------
    Z : ndarray of shape (n, r)
        Rows, N(0, I_r).
    y : ndarray of shape (n,)
        Labels less their mean and linear part.
    weights : ndarray of shape (n,)
        Weights of the rows, of mean 1.
    rng : numpy.random.Generator
        Draws the rows that standard errors are estimated from.
    settings : MomentMethodSettings
        Largest number of moments and of such rows.
    errors : dict of float, optional
        Standard errors by order, where they are known; those of one order do not depend on the axes.
    """
    n, r = Z.shape
    order = top_order(r, settings)
    halves = [_exponents(r - r // 2, order), _exponents(r // 2, order)]
    left, right = np.meshgrid(*(np.arange(len(half)) for half in halves), indexing="ij")
    total = halves[0].sum(axis=1)[left] + halves[1].sum(axis=1)[right]
    taken = (total > 0) & (total <= order) & (total % 2 == 0)
    labels = y * weights
    exponents = np.hstack([halves[0][left[taken]], halves[1][right[taken]]])
    means = _means(Z, labels, halves, order, squared=False)[taken]
    totals = exponents.sum(axis=1)
    if errors is None or max(errors) != order:
        if n > settings.rows_of_errors:  # drawn: rows may come in any order
            drawn = np.sort(rng.choice(n, settings.rows_of_errors, replace=False))
            Z, labels = Z[drawn], labels[drawn]
        squares = _means(Z, labels**2, halves, order, squared=True)[taken]
        variances = np.maximum(squares - means**2, 0.0)
        floor = float(np.finfo(np.float64).eps * (np.abs(labels).max() or 1.0))
        orders = range(2, order + 1, 2)
        errors = {l: max(float(np.sqrt(variances[totals == l].mean() / n)), floor) for l in orders}
    return HermiteMoments(exponents, means / np.array([errors[int(l)] for l in totals]), errors)


def _means(
    Z: Float64Array, labels: Float64Array, halves: list[NDArray[np.intp]], order: int, *, squared: bool
) -> Float64Array:
    """Means of labels times products of polynomials, or their squares, of the first and the other coordinates."""
    sums = np.zeros((len(halves[0]), len(halves[1])))
    split = halves[0].shape[1]
    for start in range(0, len(Z), _BATCH):
        part = slice(start, start + _BATCH)
        table = hermite_table(np.ascontiguousarray(Z[part].T), order)
        if squared:
            table *= table
        sides = []
        for half, first in zip(halves, (0, split), strict=True):
            side = np.ones((len(half), table.shape[2]))
            for j in range(half.shape[1]):
                side *= table[half[:, j], first + j]
            sides.append(side)
        sums += (sides[0] * labels[part]) @ sides[1].T
    return np.asarray(sums / len(Z))
