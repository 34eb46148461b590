"""Networks whose neurons see some of the features each, and their refinement by Levenberg-Marquardt."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit, RowsInMemory, StepSettings

__all__ = ["FitTask", "SparseModel", "SparseRefinement", "penalties", "refine_sparse"]

BoolArray = NDArray[np.bool_]

# Levenberg-Marquardt (Marquardt, SIAM Journal 11, 1963; damping by the ratio of actual and predicted decrease, Nielsen,
# Damping parameter in Marquardt's method, 1999): damping to begin with, its bounds, and what is added to the unit
# diagonal for parameters that no row determines.
_DAMPING, _LEAST_DAMPING, _LARGEST_DAMPING = 1e-3, 1e-8, 1e6
_UNDETERMINED = 1e-12
# Entries of a block of the Jacobian, at least: 1 MB, so that it stays in the second-level cache.
_BLOCK_ENTRIES = 131072


@dataclass(frozen=True)
class SparseModel:
    """A sum of ReLUs, the parameters that are free, and their weight decays.

    Attributes
    ----------
    model : Model
        The network; what is not free is zero.
    support : ndarray of bool of shape (k + 1, d + 1)
        Which parameters are free; thresholds and bias always are.
    decay : ndarray of shape (k + 1,)
        Weight decay of each neuron's weights and, last, of the linear part's.
    """

    model: Model
    support: BoolArray
    decay: Float64Array

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.model.width

    @cached_property
    def size(self) -> int:
        """Number of free parameters."""
        return int(np.count_nonzero(self.support))

    @cached_property
    def columns(self) -> list[NDArray[np.intp]]:
        """Columns of the free parameters of each group."""
        return [np.flatnonzero(row) for row in self.support]

    def free(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Group and column of every free parameter."""
        groups, columns = np.nonzero(self.support)
        return groups, columns

    def kept(self, neurons: BoolArray) -> SparseModel:
        """The model with some of its neurons."""
        rows = np.append(neurons, True)
        model = Model(self.model.signs[neurons], self.model.parameters[rows])
        return SparseModel(model, self.support[rows], self.decay[rows])

    def with_parameters(self, parameters: Float64Array) -> SparseModel:
        """The model with other parameters."""
        return replace(self, model=Model(self.model.signs, parameters))

    @classmethod
    def of(cls, model: Model, decay: float | Float64Array) -> SparseModel:
        """A model whose weights are free where they are not zero."""
        support = model.parameters != 0
        support[:, -1] = True
        return cls(model, support, np.array(np.broadcast_to(decay, model.width + 1), dtype=np.float64))


@dataclass(frozen=True)
class FitTask:
    """Rows in the layout that sparse networks are fitted in: one contiguous row of memory for every feature.

    Attributes
    ----------
    features : ndarray of shape (d + 1, n)
        Features and, last, ones.
    y : ndarray of shape (n,)
        Labels.
    weights : ndarray of shape (n,) or None
        Weights of mean 1; None: ones.
    count : int
        Number of rows of positive weight.
    fit : Fit
        Deadline of refinements.
    kept : dict
        What has been computed from the features alone, by name.
    """

    features: Float64Array
    y: Float64Array
    weights: Float64Array | None
    count: int
    fit: Fit = field(default_factory=Fit)
    kept: dict[str, tuple[Float64Array, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rows: RowsInMemory, fit: Fit) -> FitTask:
        """Lay out rows."""
        features = np.ones((rows.X.shape[1] + 1, len(rows.X)))
        features[:-1] = rows.X.T
        weights = None if rows.weights is None else rows.weights / rows.weights.mean()
        count = len(rows.X) if weights is None else int(np.count_nonzero(weights))
        return cls(features, rows.y, weights, count, fit)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.features) - 1

    def part(self, index: NDArray[np.intp]) -> FitTask:
        """Rows of some numbers."""
        weights = None if self.weights is None else self.weights[index]
        count = len(index) if weights is None else int(np.count_nonzero(weights))
        if weights is not None:
            weights = weights / weights.mean()
        return FitTask(np.ascontiguousarray(self.features[:, index]), self.y[index], weights, count, self.fit)

    def inner(self, model: Model) -> Float64Array:
        """What goes into each neuron (k, n)."""
        return np.asarray(model.neurons @ self.features)

    def residuals(self, model: Model, inner: Float64Array | None = None) -> Float64Array:
        """Labels less values of a model (n,)."""
        inner = self.inner(model) if inner is None else inner
        return np.asarray(self.y - model.signs @ np.maximum(inner, 0.0) - model.parameters[-1] @ self.features)

    def weighted(self, values: Float64Array) -> Float64Array:
        """Values (..., n) times the weights."""
        return values if self.weights is None else values * self.weights

    def mean_square(self, residuals: Float64Array) -> float:
        """Weighted mean square."""
        return float(self.weighted(residuals) @ residuals) / len(self)

    def gates(self, model: Model, inner: Float64Array | None = None) -> Float64Array:
        """Signs of the open neurons, zeros of closed ones and, last, ones: (k + 1, n)."""
        inner = self.inner(model) if inner is None else inner
        gates = np.ones((model.width + 1, len(self)))
        np.multiply(inner > 0, model.signs[:, None], out=gates[:-1])
        return gates

    def jacobian(self, sparse: SparseModel, gates: Float64Array | None = None) -> Float64Array:
        """Derivatives (P, n) of the values by the free parameters."""
        gates = self.gates(sparse.model) if gates is None else gates
        jacobian = np.empty((sparse.size, len(self)))
        _fill_jacobian(jacobian, self.features, gates, sparse.columns)
        return jacobian

    def normal_equations(
        self, sparse: SparseModel, inner: Float64Array, residuals: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """``J' V J / n`` and ``J' V r / n``, J the derivative by the free parameters, V the weights, r residuals.

        ``inner`` (k, n) is what goes into each neuron; of ``sparse`` nothing but signs and support counts.
        """
        n, size, supports = len(self), sparse.size, sparse.columns
        matrix, slope = np.zeros((size, size)), np.zeros(size)
        # Block by block: the whole Jacobian of many rows would leave the cache, and its pages cost more than the sums.
        rows = max(2 * size, _BLOCK_ENTRIES // size)
        block = np.empty((size, min(rows, n)))
        gates = np.ones((len(supports), min(rows, n)))
        for begin in range(0, n, rows):
            part = slice(begin, min(begin + rows, n))
            jacobian, gate = block[:, : part.stop - begin], gates[:, : part.stop - begin]
            np.multiply(inner[:, part] > 0, sparse.model.signs[:, None], out=gate[:-1])
            # Contiguous: take would copy all of it for every group.
            _fill_jacobian(jacobian, np.ascontiguousarray(self.features[:, part]), gate, supports)
            weighted = jacobian if self.weights is None else jacobian * self.weights[part]
            matrix += weighted @ jacobian.T
            slope += weighted @ residuals[part]
        return matrix / n, slope / n


def _fill_jacobian(
    jacobian: Float64Array, features: Float64Array, gates: Float64Array, supports: list[NDArray[np.intp]]
) -> None:
    """Write derivatives (P, m) on some rows, group by group."""
    begin = 0
    for gate, columns in zip(gates, supports, strict=True):
        part = jacobian[begin : (begin := begin + len(columns))]
        np.take(features, columns, axis=0, out=part, mode="clip")  # other modes take a copy
        part *= gate


def penalties(sparse: SparseModel) -> Float64Array:
    """Weight decay (P,) of every free parameter: none of thresholds and bias."""
    groups, columns = sparse.free()
    return np.where(columns < sparse.support.shape[1] - 1, sparse.decay[groups], 0.0)


def refine_sparse(
    sparse: SparseModel, task: FitTask, max_steps: int, tolerance: float
) -> tuple[SparseModel, Float64Array]:
    """Refine the free parameters by Levenberg-Marquardt.

    Parameters
    ----------
    sparse : SparseModel
        Where to start.
    task : FitTask
        Rows to fit.
    max_steps : int
        Largest number of steps.
    tolerance : float
        Relative decrease of the cost that two steps in a row must fall short of to be the last.

    Returns
    -------
    SparseModel, ndarray of shape (n,)
        The refined model and its residuals.
    """
    groups, columns = sparse.free()
    decay, signs = penalties(sparse), sparse.model.signs
    parameters = sparse.model.parameters.copy()
    damping, short = _DAMPING, 0

    def cost_of(parameters: Float64Array) -> tuple[Float64Array, Float64Array, float]:
        model = Model(signs, parameters)
        inner = task.inner(model)
        residuals = task.residuals(model, inner)
        return inner, residuals, task.mean_square(residuals) + float(decay @ np.square(parameters[groups, columns]))

    inner, residuals, cost = cost_of(parameters)
    system: _System | None = None
    for _ in range(max_steps):
        if task.fit.out_of_time():
            break
        if system is None:
            matrix, slope = task.normal_equations(sparse, inner, residuals)
            system = _System.of(matrix, decay, slope - decay * parameters[groups, columns])
        step, predicted = system.step(damping)
        trial = parameters.copy()
        trial[groups, columns] += step
        new_inner, new_residuals, new_cost = cost_of(trial)
        if new_cost < cost:
            ratio = (cost - new_cost) / predicted if predicted > 0 else 1.0
            short = short + 1 if cost - new_cost < tolerance * cost else 0
            parameters, inner, residuals, cost, system = trial, new_inner, new_residuals, new_cost, None
            damping = max(damping * max(0.2, 1 - (2 * ratio - 1) ** 3), _LEAST_DAMPING)
            if short >= 2:
                break
        elif damping > _LARGEST_DAMPING or predicted <= 0:
            break
        else:
            damping *= 8
    return sparse.with_parameters(parameters), residuals


@dataclass(frozen=True)
class SparseRefinement(Fit):
    """Refinement of a model whose weights of zero stay zero; see :class:`Fit`."""

    @classmethod
    def of(cls, fit: Fit) -> SparseRefinement:
        """The settings of another refinement, thresholds moving."""
        values = {f.name: getattr(fit, f.name) for f in fields(fit)}
        return cls(**{**values, "thresholds": True})

    @property
    def keeps_zeros(self) -> bool:
        return True

    def __call__(self, model: Model, rows: RowsInMemory, **changes: Unpack[StepSettings]) -> tuple[Model, float]:
        how = self.changed(**changes) if changes else self
        task = FitTask.of(rows, how)
        sparse, residuals = refine_sparse(SparseModel.of(model, how.decay), task, how.max_steps, how.tolerance)
        return sparse.model, task.mean_square(residuals)


@dataclass(frozen=True)
class _System:
    """Penalised normal equations, scaled to a unit diagonal."""

    matrix: Float64Array
    scale: Float64Array
    slope: Float64Array

    @classmethod
    def of(cls, matrix: Float64Array, decay: Float64Array, slope: Float64Array) -> _System:
        matrix.flat[:: len(matrix) + 1] += decay
        diagonal = np.diag(matrix)
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        return cls(matrix * np.multiply.outer(scale, scale), scale, scale * slope)

    def step(self, damping: float) -> tuple[Float64Array, float]:
        """A step, and the decrease of the cost that it promises."""
        damped = self.matrix.copy()
        damped.flat[:: len(damped) + 1] += damping + _UNDETERMINED
        scaled = np.linalg.solve(damped, self.slope)
        return self.scale * scaled, float(scaled @ self.slope + damping * (scaled @ scaled))
