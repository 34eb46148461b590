"""Rows to fit a model to, and the sums over them that learners and diagnostics need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit

__all__ = ["EXACT", "NOISELESS", "FitRows", "Rows", "normal_matrix"]

# Mean squared errors below this part of the labels' variance are rounding: 1e-10 of the labels' spread, far above what
# sums over neurons lose of the 16 digits of float64 and far below any noise that labels have.
EXACT = 1e-20
# Mean squared errors below this part of the labels' variance, a thousandth of their spread, are misfit that more steps
# lower; they are not taken for noise.
NOISELESS = 1e-6
# Rows, at least and per parameter, of the covariance of parameters whose errors are rounding: the size of rounding is
# known to no more than a digit, and 40 rows for each parameter give that of its covariance to 20 %.
_ROWS_OF_ROUNDING = 10_000
_ROWS_OF_ROUNDING_PER_PARAMETER = 40


class FitRows(Protocol):
    """All rows of a fit, in memory (:class:`Rows`) or read in passes (``streaming.rows.StreamedRows``).

    Attributes
    ----------
    n_features : int
        Number of features.
    count : int
        Number of rows of positive weight.
    variance : float
        Weighted variance of the labels; one where they are constant.
    """

    @property
    def n_features(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def variance(self) -> float: ...

    def __len__(self) -> int: ...

    def mean_error(self, model: Model) -> float:
        """Weighted mean squared error of a model."""
        ...

    def normal_matrix(self, model: Model) -> Float64Array:
        """``J' V J / sum(V)`` in all parameters, J the derivative of the model on the rows and V their weights."""
        ...

    def sandwich(self, model: Model) -> tuple[Float64Array, Float64Array, float]:
        """``J' V J / sum(V)``, ``J' S^2 J / sum(S^2)`` and ``sqrt(sum(S^2)) / sum(V)``, S weights times residuals."""
        ...

    def refined(self, model: Model, fit: Fit, *, tolerance: float, step_solver: str = "auto") -> tuple[Model, float]:
        """Refine a model on the rows; returns it with its weighted mean squared error."""
        ...


def normal_matrix(model: Model, rows: Rows, weights: Float64Array | None) -> Float64Array:
    """``J' diag(weights) J / sum(weights)`` in all parameters, J the derivative of the model on the rows."""
    parameters, threads = np.ascontiguousarray(model.parameters), thread_count(rows.n_threads)
    return np.asarray(_kernels.normal_matrix(rows.X, rows.y, weights, model.signs, parameters, threads))


@dataclass(frozen=True)
class Rows:
    """Rows in memory to fit a model to.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Inputs.
    y : ndarray of shape (n,)
        Labels.
    weights : ndarray of shape (n,) or None
        Weights of the rows; None: one each.
    n_threads : int or None
        Number of threads of every kernel that goes over the rows; None: what OpenMP would take.
    """

    X: Float64Array
    y: Float64Array
    weights: Float64Array | None = None
    n_threads: int | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def row_weights(self) -> Float64Array:
        """The weights (n,), ones where none are given."""
        return np.ones(len(self)) if self.weights is None else self.weights

    @property
    def total_weight(self) -> float:
        """Sum of the weights; the number of rows where none are given."""
        return len(self) if self.weights is None else float(self.weights.sum())

    @cached_property
    def count(self) -> int:
        """Number of rows of positive weight."""
        return len(self) if self.weights is None else int(np.count_nonzero(self.weights))

    @cached_property
    def variance(self) -> float:
        """Weighted variance of the labels; one where they are constant, so that it can be divided by."""
        mean = np.average(self.y, weights=self.weights)
        return float(np.average(np.square(self.y - mean), weights=self.weights)) or 1.0

    def part(self, index: NDArray[np.intp] | slice) -> Rows:
        """Rows of some numbers, with their weights."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.X[index], self.y[index], weights, self.n_threads)

    def projected(self, basis: Float64Array) -> Rows:
        """Rows in the coordinates ``basis @ x``; basis (r, d)."""
        return Rows(self.along(basis), self.y, self.weights, self.n_threads)

    def along(self, directions: Float64Array) -> Float64Array:
        """Products (n, m) with directions (m, d), by a kernel that keeps to the number of threads.

        NumPy's BLAS has threads of its own, and where two teams work in turn each waits for the cores that the other's
        idle threads still keep busy.
        """
        return np.asarray(_kernels.project(self.X, np.ascontiguousarray(directions), thread_count(self.n_threads)))

    def residuals(self, model: Model) -> Float64Array:
        """Labels less values of a model."""
        return self.y - model(self.X, self.n_threads)

    def scaled_residuals(self, model: Model) -> Float64Array:
        """Residuals times the weights: what moments are taken of."""
        residuals = self.residuals(model)
        return residuals if self.weights is None else residuals * self.weights

    def errors(self, model: Model) -> Float64Array:
        """Squared residuals (n,) times the weights over their mean."""
        return self.errors_of(self.residuals(model))

    def errors_of(self, residuals: Float64Array) -> Float64Array:
        """Squares of given residuals (n,) times the weights over their mean."""
        squares = np.square(residuals)
        return squares if self.weights is None else squares * (self.weights / self.weights.mean())

    def mean_error(self, model: Model) -> float:
        """Weighted mean squared error of a model; the last one is kept, as several checks in turn ask for it."""
        known: tuple[Model, float] | None = self.__dict__.get("_last_error")
        if known is None or known[0] is not model:
            known = self.__dict__["_last_error"] = model, float(self.errors(model).mean())
        return known[1]

    def normal_matrix(self, model: Model) -> Float64Array:
        """``J' V J / sum(V)`` in all parameters, J the derivative of the model on the rows and V their weights."""
        return normal_matrix(model, self, self.weights)

    def sandwich(self, model: Model) -> tuple[Float64Array, Float64Array, float]:
        """``J' V J / sum(V)``, ``J' S^2 J / sum(S^2)`` and ``sqrt(sum(S^2)) / sum(V)``, S weights times residuals."""
        scores = self.scaled_residuals(model)
        # Over their largest size, so that squares neither overflow nor vanish.
        if not (largest := float(np.abs(scores).max())):
            return self.normal_matrix(model), self.normal_matrix(model), 0.0  # an exact fit has no errors to weigh with
        scores = scores / largest
        size = float(np.linalg.norm(scores))
        amplitude = largest * size / self.total_weight
        unit = float(np.abs(self.y).max())
        if unit and largest / unit * size <= float(np.sqrt(EXACT * len(self))) * float(np.std(self.y / unit)):
            # Residuals at the level of rounding hold no more than its size: one matrix, of some of the rows of positive
            # weight, instead of two of all rows. They are drawn at random, as the order of rows may be periodic.
            most = max(_ROWS_OF_ROUNDING, _ROWS_OF_ROUNDING_PER_PARAMETER * model.parameters.size)
            rows = np.arange(len(self)) if self.weights is None else np.flatnonzero(self.weights)
            if len(rows) > most:
                rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
            bread = self.part(rows).normal_matrix(model)
            return bread, bread.copy(), amplitude
        return self.normal_matrix(model), normal_matrix(model, self, scores**2), amplitude

    def refined(self, model: Model, fit: Fit, *, tolerance: float, step_solver: str = "auto") -> tuple[Model, float]:
        """Refine a model on the rows; returns it with its weighted mean squared error."""
        return fit(model, self, tolerance=tolerance, step_solver=step_solver)
