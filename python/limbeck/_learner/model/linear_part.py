"""Networks without a linear part: the paper's model has none, and d + 1 parameters fewer are a sharper estimate.

s relu(z) = s relu(-z) + s z: flipping the sign of a neuron's row moves a linear function between the neuron and the
linear part. If some choice of flips leaves nothing but noise there, the constrained least-squares estimate follows from
the free one by one step (the one-step argument of Lehmann and Casella, Theory of Point Estimation, 1998, section 6.4):
the free estimate is moved within its own covariance to where the linear part is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.linear_algebra import with_unit_diagonal
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import FitRows, Rows

__all__ = ["LinearPartSettings", "with_smallest_linear_part", "without_linear_part"]

_ROUNDING = 1e-12  # of the terms of a sum, below which it is zero
_MAX_ENUMERATED = 12  # neurons whose flips are all tried: 2^12 choices


@dataclass(frozen=True)
class LinearPartSettings:
    """Test of the linear part against zero, and the constrained refit."""

    # Parameters beyond which nothing is tested: the work on the normal matrix grows with their cube.
    max_parameters: int = 2000
    # Rows per parameter: with fewer than the first nothing is tested, and with fewer than the second the step is only a
    # beginning, and Gauss-Newton steps follow.
    min_rows_per_parameter: int = 2
    few_rows_per_parameter: int = 20
    # Standard errors that chance may reach: each coefficient alone (d + 1 of them; one in 150,000 does), and their
    # chi-squared as a whole, in its own standard deviations above its mean (1 % do).
    largest_alone: float = 4.5
    largest_together: float = 3.0
    # Gauss-Newton: number of steps, relative decrease of the error that is the last, length of the shortest step that
    # is tried, and what is added to the unit diagonal for parameters that no row determines.
    steps: int = 10
    tolerance: float = 1e-4
    shortest_step: float = 0.05
    ridge: float = 1e-6


_DEFAULTS = LinearPartSettings()


def without_linear_part(model: Model, rows: FitRows, settings: LinearPartSettings = _DEFAULTS) -> Model | None:
    """The model refitted without linear part and bias; None if a chi-squared test rejects that.

    Parameters
    ----------
    model : Model
        Refined on the rows, with the signs for which the linear part is smallest.
    rows : FitRows
        Rows of the fit.
    settings : LinearPartSettings
        Limits of the test.
    """
    size = model.parameters.size
    if not model.width or size > min(settings.max_parameters, len(rows) // settings.min_rows_per_parameter):
        return None
    step = _constrained_step(model, rows, settings)
    if step is None or len(rows) > settings.few_rows_per_parameter * size or not isinstance(rows, Rows):
        return None if step is None or _is_significant(step.chi_squared, model, settings) else step.model
    # With few rows per parameter the step is only a beginning, and the cost of the constraint shows at its end.
    refitted = _refit_constrained(step.model, rows, settings)
    cost = float(rows.errors(refitted).sum() - rows.errors(model).sum()) / (step.noise * len(rows))
    return None if _is_significant(cost, model, settings) else refitted


def _is_significant(chi_squared: float, model: Model, settings: LinearPartSettings) -> bool:
    """Whether a chi-squared of the whole linear part is more than chance explains."""
    D = model.parameters.shape[1]
    return bool(chi_squared > D + settings.largest_together * np.sqrt(2 * D))


def with_smallest_linear_part(model: Model) -> Model:
    """The function of a model with the signs of the neurons' rows for which the linear part is smallest.

    The fewer of its coefficients are not zero, beside those that only rounding keeps from it, the smaller it is; then
    the smaller it is in norm.

    All choices of signs are tried for few neurons; beyond, single flips for as long as one helps.
    """
    moved = model.signs[:, None] * model.neurons
    signed, last = moved[:, :-1], model.parameters[-1, :-1]  # the constant does not count
    flips = np.zeros(model.width, dtype=bool)
    if model.width <= _MAX_ENUMERATED:
        choices = np.array(list(product([False, True], repeat=model.width)))
        choices = np.column_stack([np.ones(len(choices)), choices])
        gram = np.vstack([last, signed]) @ np.vstack([last, signed]).T
        norms = np.einsum("ci,ij,cj->c", choices, gram, choices)
        if not (signed.all() and last.all()):
            sizes = choices @ np.abs(np.vstack([last, signed]))
            used = np.abs(choices @ np.vstack([last, signed])) > _ROUNDING * sizes
            counts = np.count_nonzero(used, axis=1)
            norms = np.where(counts == counts.min(), norms, np.inf)
        flips = choices[np.argmin(norms), 1:] > 0
    else:
        for _ in range(2 * model.width):
            sizes = np.linalg.norm(last + flips @ signed + np.where(flips, -1.0, 1.0)[:, None] * signed, axis=1)
            if sizes.min() >= np.linalg.norm(last + flips @ signed):
                break
            flips[np.argmin(sizes)] ^= True
    parameters = np.vstack([np.where(flips, -1.0, 1.0)[:, None] * model.neurons, model.parameters[-1] + flips @ moved])
    return Model(model.signs, parameters)


@dataclass(frozen=True)
class _ConstrainedStep:
    """A step to the estimate without linear part.

    Attributes
    ----------
    model : Model
        The model without linear part and bias.
    chi_squared : float
        Increase of the sum of squares by the constraint, over the noise variance.
    noise : float
        Mean squared error over the degrees of freedom: the squared standard error of a coefficient of unit information.
    """

    model: Model
    chi_squared: float
    noise: float


def _directions_of(model: Model) -> NDArray[np.intp]:
    """Positions of the neurons' directions among all parameters: thresholds do not move."""
    k, D = model.width, model.parameters.shape[1]
    return np.flatnonzero(np.tile(np.arange(D) < D - 1, k))


def _constrained_step(model: Model, rows: FitRows, settings: LinearPartSettings) -> _ConstrainedStep | None:
    """One step to the least-squares estimate without linear part; None where one coefficient is clearly not zero."""
    k, D = model.width, model.parameters.shape[1]
    hessian = rows.normal_matrix(model)
    free, last = _directions_of(model), np.arange(k * D, (k + 1) * D)
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
    chi_squared = float(away @ schur @ away) / noise
    if not (variances > 0).all():
        return None
    if np.abs(away / np.sqrt(variances * noise)).max() > settings.largest_alone:
        return None
    parameters = model.parameters.ravel().copy()
    parameters[free] += reach @ away / scale[free]
    parameters[last] = 0.0
    if not np.isfinite(parameters).all():
        return None
    return _ConstrainedStep(Model(model.signs, parameters.reshape(k + 1, D)), chi_squared, noise)


def _refit_constrained(model: Model, rows: Rows, settings: LinearPartSettings = _DEFAULTS) -> Model:
    """The model after Gauss-Newton steps of the neurons' directions alone, thresholds and linear part as they are."""
    free = _directions_of(model)
    error = float(rows.errors(model).mean())
    for _ in range(settings.steps):
        # A neuron that no row switches on has a row of zeros, and stays.
        hessian, scale = with_unit_diagonal(rows.normal_matrix(model)[np.ix_(free, free)])
        hessian[np.diag_indices_from(hessian)] = 1 + settings.ridge
        step = np.zeros(model.parameters.size)
        step[free] = scale * np.linalg.solve(hessian, scale * _descent(model, rows))
        length, before = 1.0, error
        while length > settings.shortest_step:
            trial = Model(model.signs, model.parameters + length * step.reshape(model.parameters.shape))
            if (there := float(rows.errors(trial).mean())) < error:
                model, error = trial, there
                break
            length /= 2
        if before - error <= settings.tolerance * before:
            break
    return model


def _descent(model: Model, rows: Rows) -> Float64Array:
    """Minus the gradient of half the weighted mean squared error by the neurons' directions, one after another."""
    residuals = rows.scaled_residuals(model) / rows.total_weight
    inner = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1]
    return np.asarray(((inner > 0) * (residuals[:, None] * model.signs)).T @ rows.X).ravel()
