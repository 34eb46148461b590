"""Doing without the linear part: the paper's model has none, and d + 1 parameters fewer are a sharper estimate.

s relu(z) = s relu(-z) + s z: turning a neuron round moves a linear function between it and the linear part. If some
choice of turns leaves nothing but noise there, the constrained least-squares estimate follows from the free one by one
step (the one-step argument of Lehmann and Casella, Theory of Point Estimation, 1998, section 6.4): the free estimate is
moved within its own covariance to where the linear part is zero.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from limbeck import _kernels
from limbeck._model import Float64Array, Model, Rows

__all__ = ["turned", "without_affine_part"]

_MOST_TRIED_TOGETHER = 12  # neurons; 2^12 choices of turns
_MOST_PARAMETERS = 2000
_PENALTY = 2.0  # per parameter: Akaike's


def without_affine_part(model: Model, rows: Rows) -> Model | None:
    """A turned model with linear part and bias made zero, if the rows do not speak against it."""
    n, d = rows.X.shape
    if not model.width or model.parameters.size > min(_MOST_PARAMETERS, n // 2):
        return None
    constrained = _moved(model, rows)
    if constrained is None:
        return None
    before, after = (float(rows.errors(m).mean()) for m in (model, constrained))
    return constrained if n * np.log(after / before) < _PENALTY * (d + 1) else None


def turned(model: Model) -> Model:
    """The same function with the neurons turned so that the linear part is as small as it can be."""
    signed = model.signs[:, None] * model.neurons
    last = model.parameters[-1]
    turn = np.zeros(model.width, dtype=bool)
    if model.width <= _MOST_TRIED_TOGETHER:
        choices = np.array(list(product([False, True], repeat=model.width)))
        turn = choices[np.argmin(np.linalg.norm(last + choices @ signed, axis=1))]
    else:
        for _ in range(2 * model.width):  # one at a time, for as long as one helps
            sizes = np.linalg.norm(last + turn @ signed + np.where(turn, -1.0, 1.0)[:, None] * signed, axis=1)
            if sizes.min() >= np.linalg.norm(last + turn @ signed):
                break
            turn[np.argmin(sizes)] ^= True
    parameters = np.vstack([np.where(turn, -1.0, 1.0)[:, None] * model.neurons, last + turn @ signed])
    return Model(model.signs, parameters)


def _moved(model: Model, rows: Rows) -> Model | None:
    """One step to the least-squares estimate with linear part and bias zero; None where it is not determined."""
    k, D = model.width, model.parameters.shape[1]
    hessian = _normal_matrix(model, rows)
    free = np.flatnonzero(np.tile(np.arange(D) < D - 1, k))  # thresholds do not move
    last = np.arange(k * D, (k + 1) * D)
    # Least squares in (free, last) with last moved to zero: free moves by H_ff^-1 H_fl last.
    scale = np.sqrt(hessian[free, free])
    if not scale.all():
        return None
    matrix = hessian[np.ix_(free, free)] / np.outer(scale, scale)
    try:
        step = np.linalg.solve(matrix, hessian[np.ix_(free, last)] @ model.parameters[-1] / scale) / scale
    except np.linalg.LinAlgError:
        return None
    parameters = model.parameters.ravel().copy()
    parameters[free] += step
    parameters[last] = 0.0
    moved = Model(model.signs, parameters.reshape(k + 1, D))
    return moved if np.isfinite(step).all() else None


def _normal_matrix(model: Model, rows: Rows) -> Float64Array:
    return np.asarray(
        _kernels.normal_matrix(
            rows.X, rows.y, rows.weights, model.signs, np.ascontiguousarray(model.parameters), rows.n_threads
        )
    )
