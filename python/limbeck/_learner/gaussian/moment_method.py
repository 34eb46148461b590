"""The moment method alone: directions from contractions of the residual labels, weights by least squares.

One neuron at a time, as in Chen, Dou, Goel, Klivans and Meka (COLT 2023, arXiv 2304.10524): the strongest direction of
the scale-space search inside the span becomes a neuron; then every neuron in turn is taken out, and its direction
becomes the vector contraction, along itself, of what the others leave unexplained, until nothing moves. No derivative
of a loss is ever followed, so what is left of the error is that of the moments: of order 1 / n.
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import profile_derivatives, scale_space_peaks
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["method_of_moments"]

# Order of the test function that settles directions. Higher ones tell closer neurons apart, but are noisier.
_ORDER = 4
_SWEEPS = 30
_SETTLED = 0.01  # of the sampling error of a direction, n^(-1/2)
_PENALTY = 3.0  # per parameter, as for refined networks with many rows to each


def method_of_moments(
    rows: Rows,
    line: Model,
    subspace: Subspace,
    most: int,
    given: bool,
    progress: Progress,
    rng: np.random.Generator,
) -> Model:
    """The network of ``most`` neurons, or, unless that many are ``given``, of as many as pay for their parameters."""
    basis = subspace.basis if subspace.rank else subspace.eigenvectors[:most]
    inside = rows.projected(basis)
    even = rows.residuals(line)
    even -= np.average(even, weights=rows.weights)
    directions = np.empty((0, rows.X.shape[1]))
    best, best_price = line, _price(rows, line)
    for _ in range(most):
        if progress.out_of_time():
            break
        peak = scale_space_peaks(inside.X, rows.scaled_residuals(best), rng, rows.n_threads)
        directions = _settled(rows, even, np.vstack([directions, peak[:1] @ basis]))
        model = _fitted(rows, directions)
        progress.report("moments", model.width, float(rows.errors(model).mean()) / rows.variance)
        criterion = _price(rows, model)
        if not given and criterion >= best_price:
            break
        best, best_price = model, criterion
    return best


def _price(rows: Rows, model: Model) -> float:
    error = float(rows.errors(model).mean()) / rows.variance
    return len(rows) * float(np.log(max(error, 1e-300))) + float(_PENALTY * model.width * rows.X.shape[1])


def _fitted(rows: Rows, directions: Float64Array) -> Model:
    """Output weights, linear part and bias by least squares for given directions."""
    k = len(directions)
    features = np.column_stack([np.abs(rows.X @ directions.T), rows.X, np.ones(len(rows))])
    root = None if rows.weights is None else np.sqrt(rows.weights)
    if root is not None:
        features *= root[:, None]
    target = rows.y if root is None else rows.y * root
    coefficients = np.linalg.lstsq(features.T @ features, features.T @ target, rcond=None)[0]
    weights, last = 2 * coefficients[:k], coefficients[k:].copy()
    last[:-1] -= weights / 2 @ directions  # w relu(t) = w |t| / 2 + w t / 2
    parameters = np.vstack([np.column_stack([np.abs(weights)[:, None] * directions, np.zeros(k)]), last])
    return Model(np.where(weights < 0, -1.0, 1.0), parameters)


def _settled(rows: Rows, even: Float64Array, directions: Float64Array) -> Float64Array:
    """Directions moved to where every one is the contraction, along itself, of what the others leave.

    ``even`` holds the labels less their linear part.
    """
    from numpy.polynomial.hermite_e import hermeval  # numpy.polynomial takes 12 ms to import

    weights = rows.row_weights
    first, second = profile_derivatives(_ORDER)
    projections = rows.X @ directions.T
    for _ in range(_SWEEPS):
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
        if np.abs(directions - before).max() < _SETTLED / np.sqrt(len(rows)):
            break
    return directions
