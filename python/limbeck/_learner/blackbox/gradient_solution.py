"""All neurons of a network of one output at once, from all gradients that were taken and some plain rows.

Neurons taken from one line inherit the errors of those found before. Once all hyperplanes are known, so is which
neurons are on at each base, and all follow from linear equations: the gradient at a base is the sum of the neurons on
there. That these are the same for every coordinate makes them few, one for each gradient, and the covariance of the
solution a small matrix. Values at the bases and at plain rows tell the thresholds, and correct the neurons by what the
errors left by the gradients explain: generalized least squares, in which each value is one equation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.cell_gradients import GradientQueries
from limbeck._learner.blackbox.gradient_design import (
    bases_for_gradients,
    gates_of,
    operations_of_design,
    steps_within,
)
from limbeck._learner.blackbox.time_estimates import has_time_for
from limbeck._learner.model.model import Model
from limbeck._learner.model.shared_model import SharedModel

__all__ = [
    "GradientSystem",
    "MeasuredGradient",
    "error_by_rounding",
    "further_gradients",
    "measured_gradient",
    "solved_from_gradients",
]

# Rounds: the first gains most digits, the next those that its own change of the network costs.
_ROUNDS = 2
# Of the gradient's length: a further gradient as far from the network's is no matter of rounding but of a neuron that
# is missing, and left out.
_MISSING = 1e-3
# Of the mean of the diagonal, added to covariances: a network may have directions of which no gradient tells.
_RIDGE = 1e-15


class MeasuredGradient(NamedTuple):
    """A gradient of the function, and the value there.

    Attributes
    ----------
    base : ndarray of shape (d,)
        Where it was taken.
    value : float
        Value at the base.
    gradient : ndarray of shape (d,)
        The gradient.
    step : float
        Length of a step whose slope has the errors of this one: inverse root mean of the inverse squares.
    """

    base: Float64Array
    value: float
    gradient: Float64Array
    step: float


class GradientSystem:
    """The linear equations of some gradients.

    Parameters
    ----------
    model : Model
        So near to the function that bases have the right gates.
    gradients : list of MeasuredGradient
        At least one.

    Attributes
    ----------
    covariance : ndarray of shape (k + 1, k + 1)
        Of any one coordinate of the neurons and the linear part, in units of the squared error of a value over the size
        of its point: the square root of d and of the point's squared norm, with which values and errors grow.
    """

    def __init__(self, model: Model, gradients: list[MeasuredGradient]) -> None:
        bases = np.array([one.base for one in gradients])
        self._wanted = np.array([one.gradient for one in gradients])
        self._gates = gates_of(model, bases)
        self._weights = np.array([one.step for one in gradients]) / _sizes(bases)
        self._inverse = np.linalg.pinv(self._gates * self._weights[:, None]) * self._weights
        scaled = self._inverse / self._weights
        self.covariance = scaled @ scaled.T

    def solved(self, model: Model) -> Model:
        """The network whose gradients are nearest to those measured."""
        change = self._inverse @ (self._wanted - self._gates @ model.parameters[:, :-1])
        parameters = model.parameters.copy()
        parameters[:, :-1] += change
        return Model(model.signs, parameters)


def measured_gradient(one: GradientQueries, gradient: Float64Array, subtracted: SharedModel | None) -> MeasuredGradient:
    """The gradient of the function, from queries of it or of what is left over by a network."""
    step = _step_of_gradient(one.steps) if len(one.steps) else 1.0
    value = float(one.value[0])
    if subtracted is None:
        return MeasuredGradient(one.base, value, gradient[0], step)
    model = subtracted.model()
    base = one.base[None]
    return MeasuredGradient(
        one.base, value + float(model(base)[0]), gradient[0] + (gates_of(model, base) @ model.parameters)[0, :-1], step
    )


def _step_of_gradient(steps: Float64Array) -> float:
    """The step whose slope has the mean squared error of slopes by several steps."""
    return float(1 / np.sqrt(np.mean(np.square(1 / steps))))


def further_gradients(
    model: Model,
    gradients: list[MeasuredGradient],
    ask: Callable[[Float64Array], Float64Array],
    count: int,
    rng: np.random.Generator,
    deadline: float = np.inf,
    missing: float = _MISSING,
    tolerance: float = np.inf,
) -> list[MeasuredGradient]:
    """Gradients that tell most about a network, beside others.

    Parameters
    ----------
    model : Model
        The network, found but for rounding.
    gradients : list of MeasuredGradient
        Those taken before.
    ask : callable
        Answers (m, 1) to rows (m, d).
    count : int
        Number of gradients.
    rng : numpy.random.Generator
        For candidates.
    deadline : float
        Time by ``time.perf_counter()`` (seconds); none is taken if they cannot be chosen before.
    missing : float
        Of the gradient's length: one that is further from the network's is left out.
    tolerance : float
        Difference of a value along all directions together from what the slopes say, beyond which a gradient is left
        out: a step crossed the hyperplane of a neuron that is missing. (Infinite: not asked for.)
    """
    d = model.parameters.shape[1] - 1
    if not has_time_for(operations_of_design(d, model.width, count), deadline):
        return []
    if not (count > 0 and model.width and gradients):
        return []
    bases = bases_for_gradients(model, GradientSystem(model, gradients).covariance, count, rng)
    found = []
    for base, gates in zip(bases, gates_of(model, bases), strict=True):
        lengths = steps_within(model, base)
        rows = np.vstack([base, base + np.diag(lengths)])
        mixture = np.empty((0, d))
        if np.isfinite(tolerance):
            mixture = (rng.choice([-1.0, 1.0], d) / np.sqrt(d) * lengths)[None]
        values = ask(np.vstack([rows, base + mixture]))[:, 0]
        steps = np.diag(rows[1:] - base)  # as rounded
        gradient = (values[1 : d + 1] - values[0]) / steps
        expected = gates @ model.parameters[:, :-1]
        is_straight = (np.abs(values[d + 1 :] - values[0] - mixture @ gradient) <= tolerance).all()
        if is_straight and np.linalg.norm(gradient - expected) <= missing * np.linalg.norm(expected):
            found.append(MeasuredGradient(base, float(values[0]), gradient, _step_of_gradient(steps)))
    return found


def error_by_rounding(model: Model, gradients: list[MeasuredGradient], X: Float64Array, rounding: float) -> float:
    """Mean squared error on rows (n, d) of N(0, I) that a relative rounding error of the answers explains."""
    if not gradients:
        return 0.0
    gates, system = gates_of(model, X), GradientSystem(model, gradients)
    bases = np.array([one.base for one in gradients])
    relative = np.mean(np.square([one.value for one in gradients] / _sizes(bases)))
    spread = float(np.einsum("ij,ij->", gates @ system.covariance, gates)) / len(X)
    # A slope is a difference of two values.
    return float(2 * rounding**2 * relative * X.shape[1] * spread)


def solved_from_gradients(
    model: Model,
    gradients: list[MeasuredGradient],
    rows: tuple[Float64Array, Float64Array],
    n_threads: int | None,
    deadline: float = np.inf,
) -> Model:
    """The network of least squares over all gradients, the values there and rows (n, d) of N(0, I).

    Parameters
    ----------
    model : Model
        So near to the function that bases and rows have the right gates.
    gradients : list of MeasuredGradient
        All that were taken.
    rows : tuple of ndarray of shape (n, d) and (n,)
        Rows and the function's values there.
    n_threads : int or None
        Of the values of networks.
    deadline : float
        Time by ``time.perf_counter()`` (seconds) that no round is to pass.
    """
    X = np.vstack([rows[0], *(one.base for one in gradients)])
    y = np.append(rows[1], [one.value for one in gradients])
    m, k = len(X), model.width
    operations = m**2 * (m + 4.0 * k + 2.0 * X.shape[1]) + 20.0 * len(gradients) * k * (k + X.shape[1])
    for _ in range(_ROUNDS):
        if not has_time_for(operations, deadline):
            break
        system = GradientSystem(model, gradients)
        model = _corrected(system.solved(model), system.covariance, X, y, n_threads)
    return model


def _corrected(
    model: Model, covariance: Float64Array, X: Float64Array, y: Float64Array, n_threads: int | None
) -> Model:
    """The network with thresholds by rows, and neurons as their covariance and the rows together say."""
    gates = gates_of(model, X)
    residuals = y - model(X, n_threads)
    # Errors of the values: those of the neurons, the same in all coordinates, and rounding.
    spread = gates @ covariance
    own = (spread @ gates.T) * (X @ X.T)
    own[np.diag_indices_from(own)] += np.square(_sizes(X))
    scale = 1 / np.sqrt(np.diag(own))
    own *= scale[:, None] * scale
    both = np.linalg.solve(own, scale[:, None] * np.column_stack([gates, residuals]))
    weighed, left = scale[:, None] * both[:, :-1], scale * both[:, -1]
    normal = gates.T @ weighed
    # Thresholds of neurons that no row switches on stay.
    lengths = np.sqrt(np.where(np.diag(normal) > 0, np.diag(normal), 1.0))
    normal /= lengths[:, None] * lengths
    thresholds = np.linalg.lstsq(normal, gates.T @ left / lengths, rcond=_RIDGE)[0] / lengths
    forces = left - weighed @ thresholds
    parameters = model.parameters.copy()
    parameters[:, :-1] += spread.T @ (forces[:, None] * X)
    parameters[:, -1] += thresholds
    return Model(model.signs, parameters)


def _sizes(X: Float64Array) -> Float64Array:
    """Sizes (n,) of points (n, d), with which values and their rounding errors grow."""
    return np.asarray(np.sqrt(X.shape[1] + np.square(X).sum(axis=1)))
