"""A sum of ReLUs of one or more outputs that share the neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.model.model import Model
from limbeck.network import ReLUNetwork
from limbeck.network._evaluation import values
from limbeck.network._parameters import Parameters

__all__ = ["SharedModel", "shared_linear_model"]

# Flips are zeros and ones but for rounding, which the condition of the neurons magnifies.
_FLIP_ERROR = 1e-3


@dataclass(frozen=True)
class SharedModel:
    """The function ``outputs' relu(A x + t) + W x + b`` of several outputs.

    Attributes
    ----------
    neurons : ndarray of shape (k, d + 1)
        Rows (a_i, t_i).
    outputs : ndarray of shape (k, q)
        Output weights.
    linear : ndarray of shape (q, d + 1)
        Rows (w_j, b_j).
    """

    neurons: Float64Array
    outputs: Float64Array
    linear: Float64Array

    @property
    def width(self) -> int:
        """Number of neurons."""
        return int(self.neurons.shape[0])

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return int(self.linear.shape[0])

    @property
    def size(self) -> int:
        """Number of parameters: a neuron's own, its output weights less one for its scale, and the linear part's."""
        return int(self.width * (self.linear.shape[1] + self.n_outputs - 1) + self.linear.size)

    def __call__(self, X: Float64Array, n_threads: int | None = None) -> Float64Array:
        """Values (n, q) on rows (n, d)."""
        found = values(self._parameters(), np.ascontiguousarray(X), thread_count(n_threads))
        return np.asarray(found).reshape(len(X), self.n_outputs)

    def _parameters(self) -> Parameters:
        """The parameters of a network; of one output where there is one."""
        output, linear = self.outputs.T, self.linear
        if self.n_outputs == 1:
            output, linear = output[0], linear[0]
        bias = linear[..., -1]
        return Parameters(
            weights=np.ascontiguousarray(self.neurons[:, :-1]),
            thresholds=np.ascontiguousarray(self.neurons[:, -1]),
            output=np.ascontiguousarray(output),
            linear=np.ascontiguousarray(linear[..., :-1]),
            bias=float(bias) if self.n_outputs == 1 else np.ascontiguousarray(bias),
        )

    def with_neurons(self, neurons: Float64Array, outputs: Float64Array) -> SharedModel:
        """The network with further neurons."""
        return SharedModel(np.vstack([self.neurons, neurons]), np.vstack([self.outputs, outputs]), self.linear)

    def part(self, kept: list[int]) -> SharedModel:
        """The network of some of the neurons."""
        return SharedModel(self.neurons[kept], self.outputs[kept], self.linear)

    def scaled(self, scales: Float64Array) -> SharedModel:
        """The network whose outputs are multiplied by some factors (q,)."""
        return SharedModel(self.neurons, self.outputs * scales, self.linear * scales[:, None])

    def normalized(self) -> SharedModel:
        """The function with unit rows; neurons without a direction or output become constants."""
        sizes = np.linalg.norm(self.neurons[:, :-1], axis=1)
        alive = (sizes > 0) & self.outputs.any(axis=1)
        linear = self.linear.copy()
        linear[:, -1] += np.maximum(self.neurons[~alive, -1], 0.0) @ self.outputs[~alive]
        scale = sizes[alive, None]
        return SharedModel(self.neurons[alive] / scale, self.outputs[alive] * scale, linear)

    def without_linear_part(self) -> SharedModel:
        """The network with the signs of directions for which its linear part is zero, where there are such signs.

        Flipping neuron i adds ``outputs_i (a_i x + t_i)`` to the linear part; with fewer neurons than coefficients the
        flips follow from linear equations, whose solution is all zeros and ones if there was no linear part.
        """
        if not 0 < self.width < self.linear.size:
            return self
        moved = (self.outputs[:, :, None] * self.neurons[:, None, :]).reshape(self.width, -1)
        solution = np.linalg.lstsq(moved.T, -self.linear.ravel(), rcond=None)[0]
        flips = np.rint(solution)
        if not (np.isin(flips, (0.0, 1.0)).all() and np.abs(solution - flips).max() < _FLIP_ERROR):
            return self
        linear = self.linear + (flips @ moved).reshape(self.linear.shape)
        return SharedModel(np.where(flips > 0, -1.0, 1.0)[:, None] * self.neurons, self.outputs, linear)

    def model(self) -> Model:
        """The network of the first output as a model."""
        output = self.outputs[:, 0]
        parameters = np.vstack([np.abs(output)[:, None] * self.neurons, self.linear[:1]])
        return Model(np.where(output < 0, -1.0, 1.0), parameters)

    def network(self) -> ReLUNetwork:
        """The network of several outputs, of unit directions."""
        return ReLUNetwork(
            self.neurons[:, :-1],
            self.outputs.T,
            linear=self.linear[:, :-1],
            bias=self.linear[:, -1],
            thresholds=self.neurons[:, -1],
        ).normalized()


def shared_linear_model(d: int, q: int) -> SharedModel:
    """The zero function of d features and q outputs."""
    return SharedModel(np.empty((0, d + 1)), np.empty((0, q)), np.zeros((q, d + 1)))
