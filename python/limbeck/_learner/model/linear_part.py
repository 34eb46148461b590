"""Doing without the linear part: the paper's model has none, and d + 1 parameters fewer are a sharper estimate.

s relu(z) = s relu(-z) + s z: turning a neuron round moves a linear function between it and the linear part. If some
choice of turns leaves nothing but noise there, the constrained least-squares estimate follows from the free one by one
step (the one-step argument of Lehmann and Casella, Theory of Point Estimation, 1998, section 6.4): the free estimate is
moved within its own covariance to where the linear part is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import FitRows, Rows

__all__ = ["with_smallest_linear_part", "without_linear_part"]

_MOST_TRIED_TOGETHER = 12  # neurons; 2^12 choices of turns
_MOST_PARAMETERS = 2000
_FEW_ROWS = 20  # for each parameter; with more, one step does
_STEPS = 10
# Standard errors that chance may reach: each coefficient alone (d + 1 of them), and their chi-squared as a whole.
_LARGEST_ALONE = 4.5
_LARGEST_TOGETHER = 3.0


def without_linear_part(model: Model, rows: FitRows) -> Model | None:
    """A turned model with linear part and bias made zero, if the rows do not speak against it."""
    if not model.width or model.parameters.size > min(_MOST_PARAMETERS, len(rows) // 2):
        return None
    moved = _moved(model, rows)
    if moved is None or len(rows) > _FEW_ROWS * model.parameters.size or not isinstance(rows, Rows):
        return None if moved is None or _surprise(moved.squared, model) else moved.model
    # With few rows a parameter the step is only a beginning, and what it costs is seen at its end.
    refitted = _refitted(moved.model, rows)
    cost = float(rows.errors(refitted).sum() - rows.errors(model).sum()) / (moved.noise * len(rows))
    return None if _surprise(cost, model) else refitted


def _surprise(squared: float, model: Model) -> bool:
    """Whether a chi-squared of the whole linear part is more than chance explains."""
    D = model.parameters.shape[1]
    return bool(squared > D + _LARGEST_TOGETHER * np.sqrt(2 * D))


def with_smallest_linear_part(model: Model) -> Model:
    """The same function with the neurons turned so that the linear part is as small as it can be."""
    moved = model.signs[:, None] * model.neurons
    signed, last = moved[:, :-1], model.parameters[-1, :-1]  # the constant is no matter
    turn = np.zeros(model.width, dtype=bool)
    if model.width <= _MOST_TRIED_TOGETHER:
        choices = np.array(list(product([False, True], repeat=model.width)))
        choices = np.column_stack([np.ones(len(choices)), choices])
        gram = np.vstack([last, signed]) @ np.vstack([last, signed]).T
        turn = choices[np.argmin(np.einsum("ci,ij,cj->c", choices, gram, choices)), 1:] > 0
    else:
        for _ in range(2 * model.width):  # one at a time, for as long as one helps
            sizes = np.linalg.norm(last + turn @ signed + np.where(turn, -1.0, 1.0)[:, None] * signed, axis=1)
            if sizes.min() >= np.linalg.norm(last + turn @ signed):
                break
            turn[np.argmin(sizes)] ^= True
    parameters = np.vstack([np.where(turn, -1.0, 1.0)[:, None] * model.neurons, model.parameters[-1] + turn @ moved])
    return Model(model.signs, parameters)


@dataclass(frozen=True)
class _Moved:
    """A model without linear part, what dropping that costs in noise variances, and the squared error of a mean."""

    model: Model
    squared: float
    noise: float


def _moved(model: Model, rows: FitRows) -> _Moved | None:
    """One step to the least-squares estimate with linear part and bias zero; None where one coefficient objects."""
    k, D = model.width, model.parameters.shape[1]
    hessian = rows.normal_matrix(model)
    free = np.flatnonzero(np.tile(np.arange(D) < D - 1, k))  # thresholds do not move
    last = np.arange(k * D, (k + 1) * D)
    scale = np.sqrt(np.diag(hessian))
    if not (scale[free].all() and scale[last].all()):
        return None
    hessian /= np.outer(scale, scale)
    away = model.parameters[-1] * scale[last]
    try:
        # Least squares in (free, last) with last moved to zero: free moves by H_ff^-1 H_fl last.
        reach = np.linalg.solve(hessian[np.ix_(free, free)], hessian[np.ix_(free, last)])
        schur = hessian[np.ix_(last, last)] - hessian[np.ix_(last, free)] @ reach
        variances = np.diag(np.linalg.inv(schur))
    except np.linalg.LinAlgError:
        return None
    noise = rows.mean_error(model) / (len(rows) - model.parameters.size)
    squared = float(away @ schur @ away) / noise
    if not (variances > 0).all():
        return None
    if np.abs(away / np.sqrt(variances * noise)).max() > _LARGEST_ALONE:
        return None
    parameters = model.parameters.ravel().copy()
    parameters[free] += reach @ away / scale[free]
    parameters[last] = 0.0
    if not np.isfinite(parameters).all():
        return None
    return _Moved(Model(model.signs, parameters.reshape(k + 1, D)), squared, noise)


def _refitted(model: Model, rows: Rows) -> Model:
    """Gauss-Newton steps of the neurons alone, thresholds and linear part as they are."""
    k, D = model.width, model.parameters.shape[1]
    free = np.flatnonzero(np.tile(np.arange(D) < D - 1, k))
    error = float(rows.errors(model).mean())
    for _ in range(_STEPS):
        hessian = rows.normal_matrix(model)[np.ix_(free, free)]
        # Unit diagonal, so that sizes do not matter; a neuron that no row switches on has a row of zeros, and stays.
        scale = 1 / np.sqrt(np.maximum(np.diag(hessian), np.finfo(np.float64).tiny))
        hessian *= np.multiply.outer(scale, scale)
        hessian[np.diag_indices_from(hessian)] = 1 + 1e-6
        step = np.zeros(model.parameters.size)
        step[free] = scale * np.linalg.solve(hessian, scale * _descent(model, rows))
        length, before = 1.0, error
        while length > 0.05:
            trial = Model(model.signs, model.parameters + length * step.reshape(k + 1, D))
            if (there := float(rows.errors(trial).mean())) < error:
                model, error = trial, there
                break
            length /= 2
        if before - error <= 1e-4 * before:
            break
    return model


def _descent(model: Model, rows: Rows) -> Float64Array:
    """Minus the gradient of half the weighted mean squared error by the neurons' directions, one after another."""
    residuals = rows.scaled_residuals(model) / rows.total_weight
    inner = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1]
    return np.asarray(((inner > 0) * (residuals[:, None] * model.signs)).T @ rows.X).ravel()
