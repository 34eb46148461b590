"""Refinement of a network whose gates are known: its parameters are then the solution of linear equations."""

from __future__ import annotations

import numpy as np

from limbeck import ridgeless
from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["linearly_refined"]


def linearly_refined(model: Model, rows: Rows, rounds: int) -> Model:
    """Refine a network by least squares over all of its parameters at once, its neurons on where they are on now.

    Each round solves for what the one before left over; the network of the smallest error is returned.

    Parameters
    ----------
    model : Model
        So near to the answers that nearly all rows have the right gates.
    rows : Rows
        At least as many as parameters; the matrix of equations is in memory.
    rounds : int
        Largest number of rounds.
    """
    best, error = model, rows.mean_error(model)
    for _ in range(rounds):
        matrix = _derivative(best, rows.X)
        # Of length one, for columns of neurons of few rows are short.
        lengths = np.linalg.norm(matrix, axis=0)
        lengths[lengths == 0] = 1.0
        matrix /= lengths
        step = ridgeless.solve(matrix, rows.residuals(best), n_threads=rows.n_threads).coef / lengths
        trial = Model(best.signs, best.parameters + step.reshape(best.parameters.shape))
        if not (there := rows.mean_error(trial)) < error:
            break
        best, error = trial, there
    return best


def _derivative(model: Model, X: Float64Array) -> Float64Array:
    """Derivatives (n, (k + 1) (d + 1)) of the values by all parameters."""
    inputs = np.column_stack([X, np.ones(len(X))])
    gates = (inputs @ model.neurons.T > 0) * model.signs
    gates = np.column_stack([gates, np.ones(len(X))])
    return np.asarray((gates[:, :, None] * inputs[:, None, :]).reshape(len(X), -1))
