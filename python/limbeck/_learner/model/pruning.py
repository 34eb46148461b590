"""Giving up the neuron that is needed least: what a smaller width costs, and a way to small networks by way of large.

With its gates held, a sum of ReLUs is linear in all its parameters, so that what each neuron is worth once all others
have made up for it follows from one normal matrix: with H its inverse, ``a' (H_ii)^-1 a`` for a neuron of parameters a
(Hassibi and Stork, Second order derivatives for network pruning: optimal brain surgeon, NeurIPS 1992, for groups).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows, normal_matrix

__all__ = ["pruned"]

_STEPS, _TOLERANCE = 5, 1e-3  # of the refinement after each neuron
_MOST_TOGETHER = 1500  # parameters
_UNDETERMINED = 1e-9  # added to the normal matrix of unit diagonal, for what no row moves


def pruned(
    model: Model, rows: Rows, fit: Fit, width: int, decay: float | Float64Array = 0.0
) -> tuple[Model, Float64Array]:
    """Give up neurons one by one, refining after each, until ``width`` are left.

    Parameters
    ----------
    model : Model
        Refined on the rows.
    rows : Rows
        What to fit.
    fit : Fit
        Whether thresholds move, threads and deadline.
    width : int
        How many neurons to keep.
    decay : float or ndarray of shape (k + 1,), default 0
        Weight decay, of each neuron and, last, the linear part.

    Returns
    -------
    Model, ndarray of shape (width + 1,)
        And the weight decays of what is left.
    """
    decay = np.array(np.broadcast_to(decay, model.width + 1), dtype=np.float64)
    fit = fit.changed(max_steps=_STEPS, tolerance=_TOLERANCE)
    while model.width > width:
        together = model.parameters.size <= _MOST_TOGETHER
        index, model = _without_least(model, rows, fit, decay) if together else _without_smallest(model)
        decay = np.delete(decay, index)
        model, _ = fit(model, rows, decay=decay)
    return model, decay


def _without_smallest(model: Model) -> tuple[int, Model]:
    index = int(np.argmin(model.sizes))
    return index, model.without(index)


def _without_least(model: Model, rows: Rows, fit: Fit, decay: Float64Array) -> tuple[int, Model]:
    """Which neuron can be spared best, and the model without it, the others having made up for it."""
    free = np.ones(model.parameters.shape, dtype=bool)
    free[:-1, -1] = fit.thresholds
    at = np.flatnonzero(free)
    scale, inverse = _inverse(model, rows, decay, at)
    values = model.parameters.ravel()[at] / scale
    owner = at // model.parameters.shape[1]
    worth = np.empty(model.width)
    pulls = []
    for i in range(model.width):
        own = np.flatnonzero(owner == i)
        pulls.append((own, np.linalg.solve(inverse[np.ix_(own, own)], values[own])))
        worth[i] = values[own] @ pulls[i][1]
    index = int(np.argmin(worth))
    own, pull = pulls[index]
    parameters = model.parameters.copy()
    parameters.flat[at] = (values - inverse[:, own] @ pull) * scale
    return index, Model(np.delete(model.signs, index), np.delete(parameters, index, axis=0))


def _inverse(model: Model, rows: Rows, decay: Float64Array, at: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
    """Of the penalised normal matrix in some parameters, in units (second) in which its diagonal is one (first)."""
    matrix = normal_matrix(model, rows, rows.weights)
    added = np.zeros(model.parameters.shape)
    added[:, :-1] = decay[:, None]
    matrix[np.diag_indices_from(matrix)] += added.ravel()
    matrix = matrix[np.ix_(at, at)]
    diagonal = np.diag(matrix)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    matrix *= np.multiply.outer(scale, scale)
    matrix[np.diag_indices_from(matrix)] += _UNDETERMINED
    return scale, np.asarray(np.linalg.inv(matrix))
