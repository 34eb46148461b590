"""Pruning of the neuron that is needed least: the cost of a smaller width, and small networks by way of large ones.

With its gates held, a sum of ReLUs is linear in all its parameters, so that the value of each neuron once all others
have made up for it follows from one normal matrix: with H its inverse, ``a' (H_ii)^-1 a`` for a neuron of parameters a
(Hassibi and Stork, Second order derivatives for network pruning: optimal brain surgeon, NeurIPS 1992, for groups).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.linear_algebra import with_unit_diagonal
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["PruningSettings", "pruned"]


@dataclass(frozen=True)
class PruningSettings:
    """Refinements between prunings, and the choice of the neuron."""

    # Of the refinement after each neuron: the next one is pruned soon, so that few steps do.
    steps: int = 5
    tolerance: float = 1e-3
    # Parameters beyond which the normal matrix is not inverted for every neuron, and the smallest neuron is pruned.
    max_parameters: int = 1500
    ridge: float = 1e-9  # added to the normal matrix of unit diagonal, for parameters that no row determines


_DEFAULTS = PruningSettings()


def pruned(
    model: Model,
    rows: Rows,
    fit: Fit,
    width: int,
    decay: float | Float64Array = 0.0,
    settings: PruningSettings = _DEFAULTS,
) -> tuple[Model, Float64Array]:
    """Prune neurons one by one, refining after each, until ``width`` are left.

    Parameters
    ----------
    model : Model
        Refined on the rows.
    rows : Rows
        Rows to fit.
    fit : Fit
        Whether thresholds move, and the deadline.
    width : int
        Number of neurons to keep.
    decay : float or ndarray of shape (k + 1,), default 0
        Weight decay, of each neuron and, last, the linear part.
    settings : PruningSettings
        Steps of the refinements.

    Returns
    -------
    Model, ndarray of shape (width + 1,)
        The smaller model, and its weight decays.
    """
    decay = np.array(np.broadcast_to(decay, model.width + 1), dtype=np.float64)
    fit = fit.changed(max_steps=settings.steps, tolerance=settings.tolerance)
    while model.width > width:
        if model.parameters.size <= settings.max_parameters:
            index, model = _without_least_needed(model, rows, fit, decay, settings.ridge)
        else:
            index = int(np.argmin(model.sizes))
            model = model.without(index)
        decay = np.delete(decay, index)
        model, _ = fit(model, rows, decay=decay)
    return model, decay


def _without_least_needed(
    model: Model, rows: Rows, fit: Fit, decay: Float64Array, ridge: float = _DEFAULTS.ridge
) -> tuple[int, Model]:
    """Index of the neuron that is needed least, and the model without it, the others having made up for it."""
    is_free = fit.free(model)
    is_free[-1] |= is_free[:-1].any(axis=0)  # the linear part makes up for a neuron in its features, too
    free = np.flatnonzero(is_free)
    scale, inverse = _inverse(model, rows, decay, free, ridge)
    values = model.parameters.ravel()[free] / scale
    neuron = free // model.parameters.shape[1]
    costs = np.empty(model.width)
    changes = []
    for i in range(model.width):
        own = np.flatnonzero(neuron == i)
        changes.append((own, np.linalg.solve(inverse[np.ix_(own, own)], values[own])))
        costs[i] = values[own] @ changes[i][1]
    index = int(np.argmin(costs))
    own, change = changes[index]
    parameters = model.parameters.copy()
    parameters.flat[free] = (values - inverse[:, own] @ change) * scale
    return index, Model(np.delete(model.signs, index), np.delete(parameters, index, axis=0))


def _inverse(
    model: Model, rows: Rows, decay: Float64Array, free: NDArray[np.intp], ridge: float
) -> tuple[Float64Array, Float64Array]:
    """Units in which the penalised normal matrix of some parameters has unit diagonal, and its inverse in them."""
    matrix = rows.normal_matrix(model)
    added = np.zeros(model.parameters.shape)
    added[:, :-1] = decay[:, None]
    matrix[np.diag_indices_from(matrix)] += added.ravel()
    matrix, scale = with_unit_diagonal(matrix[np.ix_(free, free)])
    matrix[np.diag_indices_from(matrix)] += ridge
    return scale, np.asarray(np.linalg.inv(matrix))
