"""A sum of ReLUs in the parameters that Levenberg-Marquardt moves, and the operations of the learner on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck.network import ReLUNetwork

__all__ = ["Model", "linear_model", "model_of", "random_start"]


@dataclass(frozen=True)
class Model:
    """The function ``f(x) = sum_i sign_i relu(<a_i, x> + t_i) + <w, x> + b``.

    Attributes
    ----------
    signs : ndarray of shape (k,)
        Signs of the output weights, 1 or -1; their sizes are in a_i and t_i.
    parameters : ndarray of shape (k + 1, d + 1)
        The rows (a_i, t_i) and, last, (w, b).
    """

    signs: Float64Array
    parameters: Float64Array

    @property
    def width(self) -> int:
        """Number of neurons."""
        return len(self.signs)

    @property
    def neurons(self) -> Float64Array:
        """The rows (a_i, t_i)."""
        return self.parameters[:-1]

    @property
    def sizes(self) -> Float64Array:
        """|a_i|."""
        return np.asarray(np.linalg.norm(self.parameters[:-1, :-1], axis=1))

    @property
    def directions(self) -> Float64Array:
        """a_i / |a_i|; zero rows stay zero."""
        sizes = self.sizes
        return self.parameters[:-1, :-1] / np.where(sizes > 0, sizes, 1.0)[:, None]

    def __call__(self, X: Float64Array, n_threads: int | None = None) -> Float64Array:
        """Values (n,) on rows (n, d); ``n_threads`` None: what OpenMP would take."""
        neurons, last = _split(self.parameters[:-1]), _last(self.parameters[-1])
        return np.asarray(
            _kernels.network_forward(*neurons, self.signs, *last, np.ascontiguousarray(X), thread_count(n_threads))
        )

    def network(self) -> ReLUNetwork:
        """The model as a network of unit directions."""
        weights, thresholds = _split(self.parameters[:-1])
        linear, bias = _last(self.parameters[-1])
        return ReLUNetwork(weights, self.signs, linear=linear, bias=bias, thresholds=thresholds).normalized()

    def with_neuron(self, direction: Float64Array, weight: float) -> Model:
        """The model plus ``weight / 2 * |<direction, x>|``: a neuron less half its linear part."""
        row = np.append(abs(weight) * direction, 0.0)
        parameters = np.insert(self.parameters, self.width, row, axis=0)
        parameters[-1, :-1] -= weight / 2 * direction
        return Model(np.append(self.signs, 1.0 if weight >= 0 else -1.0), parameters)

    def without(self, index: int) -> Model:
        """The model without a neuron, half of which stays as a linear part."""
        parameters = np.delete(self.parameters, index, axis=0)
        parameters[-1] += self.signs[index] / 2 * self.parameters[index]
        return Model(np.delete(self.signs, index), parameters)

    def alive(self) -> Model:
        """The model without the neurons of no size, which no gradient can move."""
        kept = self.sizes > 0
        return Model(self.signs[kept], self.parameters[np.append(kept, True)])

    def merged(self, groups: list[list[int]]) -> Model:
        """The model with one neuron in place of each group of neurons that are close modulo sign.

        With open gates in common, ReLUs of parallel inputs add up: the signed sum of the rows keeps the group's kink
        and linear part to first order in the angle between them.
        """
        last, sizes = self.parameters[-1].copy(), self.sizes
        rows, signs = [], []
        for group in groups:
            lead = max(group, key=lambda i: sizes[i])
            total = np.zeros_like(last)
            for i in group:
                row = self.signs[i] * self.parameters[i]
                if self.parameters[i, :-1] @ self.parameters[lead, :-1] < 0:  # s relu(z) = s relu(-z) + s z
                    last += row
                    row = -row
                total += row
            sign = 1.0 if total[:-1] @ self.parameters[lead, :-1] >= 0 else -1.0
            rows.append(sign * total)
            signs.append(sign)
        return Model(np.array(signs), np.vstack([*rows, last]))

    def projected(self, basis: Float64Array) -> Model:
        """The model in the coordinates ``basis @ x``, for rows in the span; basis (r, d), orthonormal."""
        return Model(self.signs, np.column_stack([self.parameters[:, :-1] @ basis.T, self.parameters[:, -1]]))

    def lifted(self, basis: Float64Array) -> Model:
        """The model of ``basis @ x`` as a model of x; basis (r, d)."""
        return Model(self.signs, np.column_stack([self.parameters[:, :-1] @ basis, self.parameters[:, -1]]))


def _split(rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    return np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1])


def _last(row: Float64Array) -> tuple[Float64Array, float]:
    return np.ascontiguousarray(row[:-1]), float(row[-1])


def model_of(network: ReLUNetwork) -> Model:
    """The parameters of a network; neurons of no output weight become zero rows."""
    sizes = np.abs(network.output)[:, None]
    neurons = sizes * np.column_stack([network.weights, network.thresholds])
    return Model(np.where(network.output < 0, -1.0, 1.0), np.vstack([neurons, np.append(network.linear, network.bias)]))


def linear_model(d: int) -> Model:
    """The zero function of d features."""
    return Model(np.empty(0), np.zeros((1, d + 1)))


def random_start(d: int, width: int, rng: np.random.Generator) -> Model:
    """Neurons in random directions that switch on within the bulk of standardised data."""
    model = linear_model(d)
    for i in range(width):
        u = rng.standard_normal(d)
        model = model.with_neuron(u / np.linalg.norm(u), 0.5 * (-1.0) ** i)
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.5 * rng.uniform(-1, 1, width)
    return Model(model.signs, parameters)
