"""Directions as fixed points of contractions, one after another: the moment method in spans of many dimensions.

Where the moments of order 4, some r^4 / 24 in r dimensions, are too many to fit to, the strongest direction of the
scale-space search becomes a neuron; then every neuron in turn is taken out, and its direction becomes the vector
contraction, along itself, of what the others leave unexplained, until nothing moves.
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import profile_derivatives, scale_space_peaks
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings, MomentMethodSettings
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["fitted_to_rows", "greedy_fixed_points"]

_BATCH = 4096


def greedy_fixed_points(
    rows: Rows,
    even: Float64Array,
    linear: Model,
    basis: Float64Array,
    max_width: int,
    is_given: bool,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
) -> Model:
    """The network of ``max_width`` neurons, or, unless that width is given, of as many as pay for their parameters.

    Parameters
    ----------
    rows : Rows
        Standard Gaussian inputs and labels.
    even : ndarray of shape (n,)
        Labels less their linear part and mean.
    linear : Model
        The linear fit.
    basis : ndarray of shape (r, d)
        Orthonormal rows: the span of the directions.
    max_width, is_given : int, bool
        Largest number of neurons, and whether as many are wanted.
    progress : Progress
        Gets a report of every width; ends the work when time is up.
    rng : numpy.random.Generator
        For the directions that peaks are looked for from.
    settings : GaussianSettings
        Settings, of which those of the moment method and of candidates are used.
    """
    how = settings.moment_method
    inside = rows.projected(basis)
    directions = np.empty((0, rows.X.shape[1]))
    best, best_criterion = linear, _criterion(rows, linear, how)
    for _ in range(max_width):
        if progress.out_of_time():
            break
        peak = scale_space_peaks(inside.X, rows.scaled_residuals(best), rng, rows.n_threads, settings.candidates)
        directions = _settled(rows, even, np.vstack([directions, peak[:1] @ basis]), how)
        model = fitted_to_rows(rows, directions)
        progress.report("moments", model.width, float(rows.errors(model).mean()) / rows.variance)
        criterion = _criterion(rows, model, how)
        if not is_given and criterion >= best_criterion:
            break
        best, best_criterion = model, criterion
    return best


def _criterion(rows: Rows, model: Model, settings: MomentMethodSettings) -> float:
    """N log(relative mean squared error) plus a penalty for every direction's parameters."""
    error = float(rows.errors(model).mean()) / rows.variance
    return len(rows) * float(np.log(max(error, 1e-300))) + float(settings.penalty * model.width * rows.X.shape[1])


def _settled(rows: Rows, even: Float64Array, directions: Float64Array, settings: MomentMethodSettings) -> Float64Array:
    """Directions moved to where every one is the contraction, along itself, of what the others leave unexplained.

    ``even`` holds the labels less their linear part.
    """
    from numpy.polynomial.hermite_e import hermeval  # numpy.polynomial takes 12 ms to import

    weights = rows.row_weights
    first, second = profile_derivatives(settings.order)
    projections = rows.X @ directions.T
    for _ in range(settings.sweeps):
        before = directions.copy()
        for i in range(len(directions)):
            kinks = np.abs(projections)
            kinks -= np.average(kinks, axis=0, weights=weights)
            weighted = kinks * weights[:, None]
            sizes = np.linalg.lstsq(weighted.T @ kinks, weighted.T @ even, rcond=None)[0]
            sizes[i] = 0.0
            rest, t = weights * (even - kinks @ sizes), projections[:, i]
            move = (rest * hermeval(t, first)) @ rows.X - float(rest @ hermeval(t, second)) * directions[i]
            size = float(np.linalg.norm(move))
            if size > 0:
                directions[i] = np.copysign(1.0, move @ directions[i]) * move / size
            projections[:, i] = rows.X @ directions[i]
        if np.abs(directions - before).max() < settings.settled / np.sqrt(len(rows)):
            break
    return directions


def fitted_to_rows(rows: Rows, directions: Float64Array) -> Model:
    """Output weights, linear part and bias by least squares for given directions."""
    k = len(directions)
    weights = rows.row_weights
    size = k + rows.X.shape[1] + 1
    normal, right = np.zeros((size, size)), np.zeros(size)
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        X = rows.X[part]
        features = np.column_stack([np.abs(X @ directions.T), X, np.ones(len(X))])
        weighted = features * weights[part, None]
        normal += weighted.T @ features
        right += weighted.T @ rows.y[part]
    scale = np.sqrt(np.diag(normal))
    coefficients = np.linalg.lstsq(normal / np.outer(scale, scale), right / scale, rcond=None)[0] / scale
    output, last = 2 * coefficients[:k], coefficients[k:].copy()
    last[:-1] -= output / 2 @ directions  # w relu(t) = w |t| / 2 + w t / 2
    parameters = np.vstack([np.column_stack([np.abs(output)[:, None] * directions, np.zeros(k)]), last])
    return Model(np.where(output < 0, -1.0, 1.0), parameters)
