"""Refinement of a network of several outputs: least squares over neurons that the outputs share.

Given the neurons, output weights and linear part are the solution of linear equations, the same for all outputs but for
the right-hand sides. What is left are the neurons, which Levenberg-Marquardt steps move with the rest always solved for
(variable projection: Golub and Pereyra, SIAM J. Numer. Anal. 10, 1973, with the simplification of Kaufman, BIT 15,
1975). Its normal matrix is that of one output, its block of neurons i and j times the product of their output weights:
a step costs about what it costs for one output, however many there are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.model.rows import EXACT
from limbeck._learner.model.shared_model import SharedModel

__all__ = ["SharedFit", "SharedRows", "with_best_outputs"]

# Relative eigenvalue of the normal matrix of output weights below which a combination of neurons is none: columns are
# of length one, and eigenvalues are off by rounding times their number.
_NO_COMBINATION = 1e-14
# Rounds of least squares for output weights: the first leaves errors of rounding times the condition number, of which
# each further one takes as many digits again.
_ROUNDS = 2
# Units in the last place of labels: smaller errors are those of the sums over neurons.
_ROUNDING = 4.0
_FIRST_DAMPING = 1e-3
_MOST_DAMPING = 1e12
_LEAST_DAMPING = 1e-15


@dataclass(frozen=True)
class SharedRows:
    """Rows with several labels each.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Inputs.
    Y : ndarray of shape (n, q)
        Labels.
    weights : ndarray of shape (n,) or None
        Weights of the rows; None: one each.
    n_threads : int or None
        Number of threads of kernels.
    """

    X: Float64Array
    Y: Float64Array
    weights: Float64Array | None = None
    n_threads: int | None = None

    def __len__(self) -> int:
        return len(self.Y)

    @property
    def variance(self) -> float:
        """Sum over the labels of their weighted variances; one where they are constant."""
        mean = np.average(self.Y, axis=0, weights=self.weights)
        return self.mean(np.square(self.Y - mean).sum(axis=1)) or 1.0

    def mean(self, values: Float64Array) -> float:
        """Weighted mean of numbers (n,)."""
        return float(np.average(values, weights=self.weights))

    def error(self, model: SharedModel) -> float:
        """Weighted mean over the rows of the sum over the labels of squared errors."""
        return self.mean(np.square(self.Y - model(self.X, self.n_threads)).sum(axis=1))

    def products(self, left: Float64Array) -> Float64Array:
        """``left' V (X, 1) / sum(V)`` for columns (n, m): (m, d + 1)."""
        weighted = self.weighted(left)
        return np.column_stack([weighted.T @ self.X, weighted.sum(axis=0)])

    def weighted(self, left: Float64Array) -> Float64Array:
        """Columns times the weights of the rows, which sum to one."""
        if self.weights is None:
            return left / len(self)
        return np.asarray(left * (self.weights / self.weights.sum())[:, None])


@dataclass(frozen=True)
class _State:
    """A network, the least squares for its output weights, and what they leave."""

    model: SharedModel
    normal: Float64Array  # of (activations, X, 1)
    inverse: Float64Array
    gates: Float64Array
    residuals: Float64Array
    error: float


@dataclass(frozen=True)
class SharedFit:
    """Settings of a refinement of a network of several outputs; calling it refines.

    Attributes
    ----------
    max_steps : int
        Largest number of steps.
    tolerance : float
        Relative decrease of the error that two steps in a row must fall short of to be the last.
    thresholds : bool
        Whether thresholds move.
    deadline : float
        Time by ``time.perf_counter()`` (seconds) after which no step is begun.
    """

    max_steps: int = 100
    tolerance: float = 1e-6
    thresholds: bool = True
    deadline: float = np.inf

    def __call__(self, model: SharedModel, rows: SharedRows) -> tuple[SharedModel, float]:
        """Refine a network on rows; returns it with its weighted mean over the rows of the sum of squared errors."""
        corner = _corner(rows)
        state = _solved(model.neurons, rows, corner)
        if not model.width:
            return state.model, state.error
        damping, growth, idle = _FIRST_DAMPING, 2.0, 0
        rounding = (_ROUNDING * np.finfo(np.float64).eps) ** 2 * rows.mean(np.square(rows.Y).sum(axis=1))
        exact = EXACT * rows.variance
        for _ in range(self.max_steps):
            if time.perf_counter() > self.deadline or state.error <= rounding:
                break
            matrix, gradient = self._equations(state, rows)
            before = state.error
            while damping < _MOST_DAMPING:
                step, expected = self._step(matrix, gradient, damping)
                trial = _solved(state.model.neurons + step, rows, corner)
                gain = (state.error - trial.error) / expected if expected > 0 else 0.0
                if trial.error < state.error:
                    # Nielsen's rule: a step that gains what the quadratic model promises lowers the damping threefold.
                    damping = max(damping * max(1 / 3, 1 - (2 * gain - 1) ** 3), _LEAST_DAMPING)
                    state, growth = trial, 2.0
                    break
                damping, growth = damping * growth, 2 * growth
                if state.error <= exact or time.perf_counter() > self.deadline:
                    break  # a step that gains nothing where there is only rounding left is the last
            if state.error == before and before <= exact:
                break
            idle = idle + 1 if before - state.error <= self.tolerance * before else 0
            if idle > 1 or damping >= _MOST_DAMPING:
                break
        return state.model, state.error

    def _equations(self, state: _State, rows: SharedRows) -> tuple[Float64Array, Float64Array]:
        """Normal matrix (k, D, k, D) and gradient (k, D) in the neurons, the other parameters solved for."""
        model, (k, width) = state.model, state.model.neurons.shape
        parameters = np.vstack([model.neurons, np.zeros(width)])
        full = _kernels.normal_matrix(
            rows.X, np.zeros(len(rows)), rows.weights, np.ones(k), parameters, thread_count(rows.n_threads)
        ).reshape(k + 1, width, k + 1, width)
        own = full[:k, :, :k, :]
        across = np.concatenate([np.einsum("aibj,bj->aib", own, model.neurons), full[:k, :, k, :]], axis=2).reshape(
            k * width, -1
        )
        left = own.reshape(k * width, k * width) - across @ state.inverse @ across.T
        shared = model.outputs @ model.outputs.T
        matrix = left.reshape(k, width, k, width) * shared[:, None, :, None]
        return matrix, rows.products(state.gates * (state.residuals @ model.outputs.T))

    def _step(self, matrix: Float64Array, gradient: Float64Array, damping: float) -> tuple[Float64Array, float]:
        """A step of the neurons (k, D), and the decrease of the error that the quadratic model expects."""
        k, width = gradient.shape
        moved = width if self.thresholds else width - 1
        S = matrix[:, :moved, :, :moved].reshape(k * moved, k * moved)
        g = gradient[:, :moved].ravel()
        scale = np.sqrt(np.maximum(np.diag(S), 0.0))
        scale[scale == 0] = 1.0
        unit = S / np.outer(scale, scale)
        unit[np.diag_indices_from(unit)] += damping
        try:
            found = np.linalg.solve(unit, g / scale) / scale
        except np.linalg.LinAlgError:
            return np.zeros_like(gradient), 0.0
        step = np.zeros_like(gradient)
        step[:, :moved] = found.reshape(k, moved)
        return step, float(2 * found @ g - found @ (S @ found))


def with_best_outputs(neurons: Float64Array, rows: SharedRows) -> tuple[SharedModel, float]:
    """The network of given neurons with output weights and linear part by least squares, and its mean squared error."""
    state = _solved(neurons, rows, _corner(rows))
    return state.model, state.error


def _corner(rows: SharedRows) -> Float64Array:
    """Normal matrix (d + 1, d + 1) of the linear part."""
    return rows.products(np.column_stack([rows.X, np.ones(len(rows))]))


def _solved(neurons: Float64Array, rows: SharedRows, corner: Float64Array) -> _State:
    """The network of some neurons whose output weights and linear part are least squares, and what they leave."""
    k, inner = len(neurons), np.empty((len(rows), 0))
    if k:
        inner = _kernels.project(rows.X, np.ascontiguousarray(neurons[:, :-1]), thread_count(rows.n_threads))
        inner += neurons[:, -1]
    gates = (inner > 0).astype(np.float64)
    active = np.maximum(inner, 0.0, out=inner)
    beside = rows.products(active)
    normal = np.block([[rows.weighted(active).T @ active, beside], [beside.T, corner]])
    inverse = _pseudo_inverse(normal)
    coef, residuals = np.zeros((len(normal), rows.Y.shape[1])), rows.Y
    for _ in range(_ROUNDS):
        weighted = rows.weighted(residuals)
        right = np.vstack([active.T @ weighted, rows.X.T @ weighted, weighted.sum(axis=0)])
        coef = coef + inverse @ right
        residuals = rows.Y - active @ coef[:k] - rows.X @ coef[k:-1] - coef[-1]
    error = rows.mean(np.square(residuals).sum(axis=1))
    return _State(SharedModel(neurons, coef[:k], coef[k:].T), normal, inverse, gates, residuals, error)


def _pseudo_inverse(normal: Float64Array) -> Float64Array:
    """Inverse of a normal matrix, of combinations that are not zero but for rounding."""
    scale = np.sqrt(np.maximum(np.diag(normal), 0.0))
    scale[scale == 0] = 1.0
    sizes, vectors = np.linalg.eigh(normal / np.outer(scale, scale))
    kept = sizes > _NO_COMBINATION * max(float(sizes[-1]), 0.0)
    vectors = vectors[:, kept] / scale[:, None]
    return np.asarray((vectors / sizes[kept]) @ vectors.T)
