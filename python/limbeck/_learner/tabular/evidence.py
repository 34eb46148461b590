"""Weight decays by evidence: the effective number of parameters, and fits that re-estimate the decay of each neuron.

A group of D parameters a (a neuron's, or the linear part's) that have decay l is determined by the rows in
``g = D - l tr(A^-1)`` of them, A being the penalised normal matrix; the likeliest decay is ``g / |a|^2`` times the
noise variance over the number of rows (MacKay, Bayesian interpolation, Neural Computation 4, 1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.model.linear_algebra import diagonal_of_inverse
from limbeck._learner.model.model import Model
from limbeck._learner.model.normal_equations import add_to_diagonal, decay_of_parameters
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows, normal_matrix
from limbeck._learner.tabular.hinges import augmented
from limbeck._learner.tabular.settings import TABULAR, TabularSettings

__all__ = [
    "TabularFit",
    "drop_constant_neurons",
    "effective_parameters",
    "fit_by_evidence",
    "generalized_cross_validation",
    "scored",
]


_UNDETERMINED = 1e-10  # of the mean of the diagonal: above rounding, below any decay that matters


@dataclass(frozen=True)
class TabularFit:
    """A model, and how it was fitted.

    Attributes
    ----------
    model : Model
        The network.
    decay : ndarray of shape (k + 1,)
        Weight decay of each group of its parameters: of every neuron and, last, of the linear part.
    error : float
        Mean squared error by generalised cross-validation.
    compared : float
        The error with the choice of the neurons counted, to compare a network with a line by.
    """

    model: Model
    decay: Float64Array
    error: float
    compared: float


def fit_by_evidence(model: Model, rows: Rows, fit: Fit, settings: TabularSettings = TABULAR) -> TabularFit:
    """Refine a model, with the weight decays that make the rows likeliest.

    Parameters
    ----------
    model : Model
        Where to start.
    rows : Rows
        What to fit.
    fit : Fit
        How to refine.
    settings : TabularSettings
        Rounds, steps and bounds of the decays.
    """
    decay = np.full(model.width + 1, settings.first_decay * max(1.0, rows.X.shape[1] / rows.count))
    for _ in range(settings.rounds):
        if fit.out_of_time():
            break
        model, error = fit(model, rows, decay=decay, max_steps=settings.steps_per_round)
        model, decay = drop_constant_neurons(model, decay, rows, settings)
        if fit.out_of_time():
            break
        before, decay = decay, _reestimated_decay(model, decay, rows, error, settings)
        if (np.maximum(decay, before) <= settings.settled * np.minimum(decay, before)).all():
            break
    model, _ = fit(model, rows, decay=decay, max_steps=settings.last_steps)
    model, decay = drop_constant_neurons(model, decay, rows, settings)
    if fit.out_of_time():  # what was cut off is compared with nothing
        return TabularFit(model, decay, np.nan, np.nan)
    return scored(model, decay, rows, settings)


def scored(model: Model, decay: Float64Array, rows: Rows, settings: TabularSettings = TABULAR) -> TabularFit:
    """A fitted model with its errors by generalised cross-validation, without and with the choice of its neurons."""
    effective = effective_parameters(model, decay, rows, settings)
    mse = float(rows.errors(model).mean())
    each = max(settings.choice_parameters, settings.choice_parameters_per_feature * rows.n_features)
    error, compared = (
        mse / _residual_fraction(effective, rows.count, settings, chosen) ** 2 for chosen in (0.0, model.width * each)
    )
    return TabularFit(model, decay, error, compared)


def generalized_cross_validation(
    model: Model, decay: Float64Array, rows: Rows, settings: TabularSettings = TABULAR
) -> float:
    """Mean squared error over (1 - the part of the rows that the parameters take up)^2.

    Rows are not left out one by one: the leverage of a row at a kink that few others surround says nothing.
    """
    return scored(model, decay, rows, settings).error


def effective_parameters(
    model: Model, decay: Float64Array, rows: Rows, settings: TabularSettings = TABULAR
) -> Float64Array:
    """Effective number of decayed parameters of each group (k + 1,): how many of them the rows determine."""
    groups, D = model.parameters.shape
    if groups * D > settings.max_joint_parameters or len(rows) < D:
        effective = _effective_parameters_block_diagonal(model, decay, rows)
    else:
        matrix = normal_matrix(model, rows, rows.weights)
        # A little for what no row moves, too.
        add_to_diagonal(matrix, decay_of_parameters(decay, model) + _UNDETERMINED * np.trace(matrix) / len(matrix))
        spread = diagonal_of_inverse(matrix).reshape(groups, D)
        effective = D - 1 - decay * spread[:, :-1].sum(axis=1)
    return np.asarray(np.maximum(effective, 1e-3))  # above 0, so that a decay in proportion to it is


def _effective_parameters_block_diagonal(model: Model, decay: Float64Array, rows: Rows) -> Float64Array:
    """Effective parameters where correlations between groups are left out: from eigenvalues of each group's rows."""
    weights = rows.row_weights
    gates = np.column_stack([augmented(rows.X) @ model.neurons.T > 0, np.ones(len(rows), dtype=bool)])
    shares = gates * (weights / weights.sum())[:, None]
    if len(rows) <= rows.X.shape[1]:
        inner = rows.X @ rows.X.T
        roots = np.sqrt(shares.T)
        grams = roots[:, :, None] * inner * roots[:, None, :]
    else:
        grams = moments.weighted_grams(rows.X, shares, n_threads=rows.n_threads)
    values = np.maximum(np.linalg.eigvalsh(grams), 0.0)
    return np.asarray((values / (values + decay[:, None])).sum(axis=1))


def _residual_fraction(
    effective: Float64Array, count: int, settings: TabularSettings, chosen_parameters: float = 0.0
) -> float:
    """Part of the rows that parameters, and the choice of neurons, do not take up; thresholds and bias count fully."""
    least = settings.least_residual_fraction
    decayed = max(1 - (float(effective.sum()) + chosen_parameters) / count, least)
    return decayed * max(1 - len(effective) / count, least)


def _reestimated_decay(
    model: Model, decay: Float64Array, rows: Rows, error: float, settings: TabularSettings
) -> Float64Array:
    """The likeliest decays (k + 1,) given the parameters, and a mean squared error that they leave."""
    effective = effective_parameters(model, decay, rows, settings)
    noise = error / _residual_fraction(effective, rows.count, settings)
    squares = np.square(model.parameters[:, :-1]).sum(axis=1)
    with np.errstate(divide="ignore"):
        likeliest = np.minimum(effective / squares * noise / rows.count, settings.largest_decay)
    # With as many parameters as rows the evidence is unbounded as the noise goes to 0: raise the decay until no more
    # than the largest allowed part of the rows is taken up.
    allowed = settings.max_fraction_taken
    while (
        effective.sum() > allowed / 2 * rows.count
        and effective_parameters(model, likeliest, rows, settings).sum() + len(likeliest) > allowed * rows.count
    ):
        if likeliest.min() >= settings.largest_decay:
            break
        likeliest = np.minimum(4 * np.maximum(likeliest, settings.least_decay), settings.largest_decay)
    return np.asarray(likeliest)


def drop_constant_neurons(
    model: Model, decay: Float64Array, rows: Rows, settings: TabularSettings = TABULAR
) -> tuple[Model, Float64Array]:
    """Drop neurons that are constant, or linear, on all rows: the bias and the linear part take them over.

    Returns
    -------
    Model, ndarray of shape (k + 1,)
        The model, and the weight decays of its groups.
    """
    if not model.width:
        return model, decay
    sizes = model.sizes
    values = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1]
    constant = (sizes < settings.least_relative_size * sizes.max()) | (values <= 0).all(axis=0)
    linear = ~constant & (values >= 0).all(axis=0)
    parameters = model.parameters.copy()
    signed = model.signs[:, None] * model.neurons
    parameters[-1] += signed[linear].sum(axis=0)
    parameters[-1, -1] += float(model.signs[constant] @ np.maximum(model.neurons[constant, -1], 0.0))
    kept = np.append(~constant & ~linear, True)
    return Model(model.signs[kept[:-1]], parameters[kept]), decay[kept]
