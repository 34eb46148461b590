"""Where further gradients of a network known but for rounding tell most about it.

Gradients on lines are taken between kinks that may be close, before their hyperplanes are known: steps are short there,
and rounding errors large. Once the hyperplanes are known, a point can be chosen far from all of them, whose gradient is
a hundred times as precise; and of such points those whose gradients reduce the network's error most. (The gradient at
a point is the sum of the neurons on there: a linear measurement, the same for every coordinate.)
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model

__all__ = ["LARGE_COORDINATE", "bases_for_gradients", "gates_of", "operations_of_design", "steps_within"]

# Points of N(0, I) that are looked at. (Measured, 128 neurons in 784 dimensions: 3,000 of them gain no further digit.)
_CANDIDATES = 1000
# Standard deviations that points are moved away from all hyperplanes, and steps in which: one is enough where there are
# fewer hyperplanes than dimensions.
_MARGIN = 1.5
_MOVES = 8
# Of the largest singular value of the normals: points are not moved along smaller ones, which leads far out.
_LEAST_SINGULAR_VALUE = 0.1
# Of the distance to a hyperplane; and of the size of a point, for longer steps gain nothing.
_SAFE = 0.5
# A coordinate of a unit vector over one over the square root of the dimension: few are larger.
LARGE_COORDINATE = 2.0
# Gain of a further neuron switched on or off, below which the search for the best pattern ends.
_LEAST_GAIN = 1.001


def gates_of(model: Model, X: Float64Array) -> Float64Array:
    """Signs of the neurons on at rows (n, d), zeros of those off, and ones for the linear part: (n, k + 1)."""
    on = X @ model.neurons[:, :-1].T + model.neurons[:, -1] > 0
    return np.column_stack([on * model.signs, np.ones(len(X))])


def bases_for_gradients(model: Model, covariance: Float64Array, count: int, rng: np.random.Generator) -> Float64Array:
    """The points (count, d) whose gradients reduce the mean squared error over N(0, I) most, chosen one by one.

    Parameters
    ----------
    model : Model
        The network, its hyperplanes known but for rounding.
    covariance : ndarray of shape (k + 1, k + 1)
        Of any one coordinate of the neurons and the linear part, in units of the squared error of a value over the
        size of its point.
    count : int
        Number of gradients.
    rng : numpy.random.Generator
        For candidates.
    """
    d = model.parameters.shape[1] - 1
    plain = rng.standard_normal((_CANDIDATES, d))
    apart = _Margins(model)
    gates = gates_of(model, plain)
    moment = gates.T @ gates / len(gates)
    moved = apart.moved(plain, gates[:, :-1] != 0)
    better = apart.precision(moved) > apart.precision(plain)
    points = np.where(better[:, None], moved, plain)
    pool = _Pool(gates_of(model, points), apart.precision(points), covariance, moment)
    chosen = []
    for _ in range(count):
        best = pool.best()
        point, pattern, precision = points[best], pool.gates[best], float(pool.precisions[best])
        if model.width <= d:
            # A better pattern than all of the candidates', if there is a point that has it.
            wanted = pool.improved(pattern, precision, model.signs)
            there = apart.moved(plain[best][None], (wanted != 0)[None, :-1])
            reached = float(apart.precision(there)[0])
            has_pattern = (gates_of(model, there)[0] == wanted).all()
            if has_pattern and pool.gain(wanted, reached) > pool.gain(pattern, precision):
                point, pattern, precision = there[0], wanted, reached
        chosen.append(point)
        pool.take(pattern, precision)
    return np.array(chosen).reshape(count, d)


def operations_of_design(d: int, k: int, count: int) -> float:
    """About how many floating-point operations it takes to choose some bases for a network of k neurons."""
    moves = 4.0 * _CANDIDATES * k * d * _MOVES
    inverse = 20.0 * k * d * min(k, d)
    return moves + inverse + count * (4.0 * _CANDIDATES * k + 20.0 * k**2)


def steps_within(model: Model, base: Float64Array) -> Float64Array:
    """Steps (d,) from a point along each coordinate that stay on one side of all hyperplanes."""
    margins = np.abs(model.neurons[:, :-1] @ base + model.neurons[:, -1])
    size = np.sqrt(len(base) + base @ base)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = margins[:, None] / np.abs(model.neurons[:, :-1])
    return np.asarray(_SAFE * np.fmin(ratios.min(axis=0, initial=np.inf), size))


class _Margins:
    """Distances of points from the hyperplanes of a network."""

    def __init__(self, model: Model) -> None:
        sizes = np.where(model.sizes > 0, model.sizes, 1.0)
        self._normals = model.neurons[:, :-1] / sizes[:, None]
        self._offsets = model.neurons[:, -1] / sizes
        self._inverse = np.linalg.pinv(self._normals, rcond=_LEAST_SINGULAR_VALUE)

    def moved(self, points: Float64Array, is_on: Float64Array) -> Float64Array:
        """Points (n, d) moved, as little as may be, to where neurons are on (n, k) or off by a margin."""
        sides = np.where(is_on, 1.0, -1.0)
        for _ in range(_MOVES):
            heights = points @ self._normals.T + self._offsets
            missing = sides * np.maximum(_MARGIN - sides * heights, 0.0)
            if not missing.any():
                break
            points = points + missing @ self._inverse.T
        return points

    def precision(self, points: Float64Array) -> Float64Array:
        """Steps that a gradient can be taken with at points (n, d), over the sizes of values there."""
        d = points.shape[1]
        distances = np.abs(points @ self._normals.T + self._offsets).min(axis=1, initial=np.inf)
        sizes = np.sqrt(d + np.square(points).sum(axis=1))
        return np.asarray(_SAFE * np.minimum(distances * np.sqrt(d) / LARGE_COORDINATE / sizes, 1.0))


class _Pool:
    """Candidates for gradients, and how much each would reduce the error: all by updates of rank one."""

    def __init__(
        self, gates: Float64Array, precisions: Float64Array, covariance: Float64Array, moment: Float64Array
    ) -> None:
        self.gates, self.precisions = gates, precisions
        self._covariance, self._product = covariance, covariance @ moment @ covariance
        self._variances = np.einsum("ij,ij->i", gates @ covariance, gates)
        self._gains = np.einsum("ij,ij->i", gates @ self._product, gates)

    def best(self) -> int:
        """The candidate whose gradient gains most."""
        return int(np.argmax(self._gains / (self.precisions**-2.0 + self._variances)))

    def gain(self, pattern: Float64Array, precision: float) -> float:
        """Decrease of the error by a gradient of some gates."""
        return float(pattern @ self._product @ pattern / (precision**-2.0 + pattern @ self._covariance @ pattern))

    def improved(self, pattern: Float64Array, precision: float, signs: Float64Array) -> Float64Array:
        """A pattern of more gain: neurons are switched, the best first, as long as that helps."""
        k, pattern = len(signs), pattern.copy()
        own, diagonal = np.diag(self._product)[:k], np.diag(self._covariance)[:k]
        best = self.gain(pattern, precision)
        with_gain, with_variance = self._product @ pattern, self._covariance @ pattern
        for _ in range(2 * k):
            change = np.where(pattern[:k] != 0, -pattern[:k], signs)
            gains = pattern @ with_gain + 2 * change * with_gain[:k] + own
            gains /= precision**-2.0 + pattern @ with_variance + 2 * change * with_variance[:k] + diagonal
            j = int(np.argmax(gains))
            if not gains[j] > _LEAST_GAIN * best:
                break
            best = float(gains[j])
            pattern[j] += change[j]
            with_gain = with_gain + change[j] * self._product[j]
            with_variance = with_variance + change[j] * self._covariance[j]
        return pattern

    def take(self, pattern: Float64Array, precision: float) -> None:
        """Count a gradient of some gates as known."""
        v, u = self._covariance @ pattern, self._product @ pattern
        c, gain = 1 / (precision**-2.0 + pattern @ v), float(pattern @ u)
        along, there = self.gates @ v, self.gates @ u
        self._gains += c * (c * gain * along - 2 * there) * along
        self._variances -= c * np.square(along)
        both = np.outer(u, v)
        self._product = self._product - c * (both + both.T) + c**2 * gain * np.outer(v, v)
        self._covariance = self._covariance - c * np.outer(v, v)
