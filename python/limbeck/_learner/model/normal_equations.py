"""Penalised normal matrices, and their scaling to a diagonal of ones."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model

__all__ = ["add_to_diagonal", "decay_of_parameters", "to_unit_diagonal"]


def decay_of_parameters(decay: float | Float64Array, model: Model) -> Float64Array:
    """Weight decay of every parameter (k + 1, d + 1): none of thresholds and bias.

    Parameters
    ----------
    decay : float or ndarray of shape (k + 1,)
        Weight decay of all groups of parameters, or of each neuron's and, last, the linear part's.
    model : Model
        What has the parameters.
    """
    decays = np.zeros(model.parameters.shape)
    decays[:, :-1] = np.broadcast_to(decay, len(decays))[:, None]
    return decays


def add_to_diagonal(matrix: Float64Array, added: Float64Array) -> None:
    """Add numbers, one for each row, to the diagonal of a square matrix in place."""
    matrix.flat[:: len(matrix) + 1] += added.ravel()


def to_unit_diagonal(matrix: Float64Array) -> Float64Array:
    """Scale a normal matrix to a diagonal of ones, in place; a zero there stays.

    What is small then depends neither on units nor on the sizes of neurons.

    Returns
    -------
    ndarray of shape (P,)
        What rows and columns were multiplied by.
    """
    diagonal = np.diag(matrix).copy()
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    matrix *= np.multiply.outer(scale, scale)
    return np.asarray(scale)
