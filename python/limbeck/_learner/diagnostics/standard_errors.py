"""How far the parameters of a fitted sum of ReLUs may be off: heteroskedasticity-robust standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.settings import DIAGNOSTICS, DiagnosticsSettings
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.normal_equations import add_to_diagonal, decay_of_parameters, to_unit_diagonal
from limbeck._learner.model.rows import FitRows
from limbeck.network import ReLUNetwork

__all__ = ["FittedErrors", "JointErrors", "StandardErrors", "standard_errors"]


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors (standard deviations, not variances) of the parameters of a network with unit directions.

    NaN throughout: there are no more rows than parameters, or more than 4000 parameters. Infinite: the
    rows do not determine this parameter, as when two neurons share all their open gates.

    Attributes
    ----------
    directions : ndarray of shape (k, d)
        Errors of the rows of ``weights``. A direction has unit length, so its errors are those of a move at right
        angles to it.
    output : ndarray of shape (k,)
        Errors of the output weights.
    slopes : ndarray of shape (k, d)
        Errors of ``output[:, None] * weights``: what the network's slope changes by where a neuron switches on.
    thresholds : ndarray of shape (k,)
        Errors of the thresholds; zero where they were not fitted and no change of coordinates moves them.
    linear : ndarray of shape (d,)
        Errors of the linear part; zero where it was left out.
    bias : float
        Error of the constant term; zero where it was left out.
    """

    directions: Float64Array
    output: Float64Array
    slopes: Float64Array
    thresholds: Float64Array
    linear: Float64Array
    bias: float


def standard_errors(
    model: Model,
    rows: FitRows,
    *,
    thresholds: bool,
    has_linear_part: bool = True,
    decay: float | Float64Array = 0.0,
    coordinates: Whitening | None = None,
    network: ReLUNetwork | None = None,
    settings: DiagnosticsSettings = DIAGNOSTICS,
) -> StandardErrors:
    """Standard errors of a model that minimises the weighted squared error on rows, whatever the noise at each row.

    Parameters
    ----------
    model : Model
        The fitted model.
    rows : FitRows
        What it was fitted to. Rows of weight zero do not count.
    thresholds : bool
        Whether the thresholds were fitted; if not, they count as known.
    has_linear_part : bool, default True
        Whether linear part and bias were fitted; if not, they count as known.
    decay : float or ndarray of shape (k + 1,), default 0
        Weight decay of the fit: of all, or of each neuron and, last, the linear part. The errors of neurons are then
        about the penalised optimum, whose bias is not in them; those of the linear part are about the free one, with
        the distance to it added.
    coordinates : Whitening, optional
        The rows are in the coordinates ``z = coordinates(x)``, the errors shall be about the network of x,
        ``coordinates.pull_back(model.network()).normalized()``. The change of coordinates counts as known. If its mean
        was estimated and the thresholds were not fitted, errors of thresholds, linear part and bias are too small: the
        kinks are then where the estimated mean puts them.
    network : ReLUNetwork, optional
        The network of x with its neurons, of unit rows, in the order that the errors shall have.
    settings : DiagnosticsSettings
        Largest number of parameters, and what is undetermined.

    Returns
    -------
    StandardErrors
        Neurons in the order of ``network``; without it, in that of the network of x as above.

    Notes
    -----
    With J the Jacobian at the parameters, V the row weights and r the residuals, the covariance is ``B^-1 M B^-1`` for
    ``B = J' V J + decay * sum(V)`` (on the neurons' directions) and ``M = J' V^2 diag(r^2) J``, times n / (n - p),
    HC1 of MacKinnon and White, Some heteroskedasticity-consistent covariance matrix estimators with improved finite
    sample properties, Journal of Econometrics 1985; then the delta method. Second derivatives are left out of B: a
    ReLU has them at its gate alone, and where the network holds, the residuals there are zero on average. In samples
    the gates make themselves felt: with 1000 rows for 20 parameters thresholds are off by 1.1 standard errors rather
    than 1, with 16,000 by 1.04.
    """
    fitted = FittedErrors(
        model, rows, thresholds=thresholds, has_linear_part=has_linear_part, decay=decay, settings=settings
    )
    return fitted.about(coordinates, network).standard_errors()


class FittedErrors:
    """Covariance of a fit's parameters, from which errors of the network in any coordinates follow.

    Parameters
    ----------
    model, rows, thresholds, has_linear_part, decay, settings
        As for :func:`standard_errors`.
    """

    def __init__(
        self,
        model: Model,
        rows: FitRows,
        *,
        thresholds: bool,
        has_linear_part: bool = True,
        decay: float | Float64Array = 0.0,
        settings: DiagnosticsSettings = DIAGNOSTICS,
        keeps_zeros: bool = False,
    ) -> None:
        self._keeps_zeros = keeps_zeros
        self._model, self._rows, self._decay, self._settings = model, rows, decay, settings
        self._thresholds, self._has_linear_part = thresholds, has_linear_part
        self._sandwich: tuple[int, _Sandwich | None] | None = None  # and the number of neurons that it counts

    def about(self, coordinates: Whitening | None, network: ReLUNetwork | None = None) -> JointErrors:
        """Errors of the network in some coordinates: see :func:`standard_errors`."""
        d = self._rows.n_features
        to_user = Whitening(np.zeros(d), np.eye(d)) if coordinates is None else coordinates
        if network is None:
            whole = self._model.network()
            network = whole if coordinates is None else coordinates.pull_back(whole).normalized()
        model = _without_constants(self._model, to_user)
        free = model.parameters != 0 if self._keeps_zeros else np.ones(model.parameters.shape, dtype=bool)
        free[:-1, -1] = self._thresholds
        free[-1] &= self._has_linear_part
        free[-1, -1] = self._has_linear_part
        if self._sandwich is None or self._sandwich[0] != model.width:
            self._sandwich = model.width, self._computed(model, free)
        return JointErrors(model, self._sandwich[1], free, to_user, network)

    def _computed(self, model: Model, free: NDArray[np.bool_]) -> _Sandwich | None:
        n, p = self._rows.count, int(free.sum())
        if n <= p or free.size > self._settings.max_parameters:
            return None
        correction = float(np.sqrt(n / (n - p)))
        return _sandwich(model, self._rows, np.flatnonzero(free), self._decay, correction, self._settings)


def _unknown(k: int, d: int) -> StandardErrors:
    one, many = np.full(k, np.nan), np.full((k, d), np.nan)
    return StandardErrors(many, one, many.copy(), one.copy(), np.full(d, np.nan), np.nan)


def _without_constants(model: Model, to_user: Whitening) -> Model:
    """The model with neurons that are constant in the user's coordinates in its bias, as ``normalized`` does it."""
    constant = ~(model.neurons[:, :-1] @ to_user.matrix).any(axis=1)
    parameters = model.parameters[np.append(~constant, True)]
    parameters[-1, -1] += model.signs[constant] @ np.maximum(model.neurons[constant, -1], 0.0)
    return Model(model.signs[~constant], parameters)


# ---- Covariance of the free parameters ----


@dataclass(frozen=True)
class _Sandwich:
    """The covariance ``amplitude^2 * diag(scale) V core V' diag(scale)`` of P parameters.

    Its factors rather than the matrix: what is asked for are a few rows' worth, and what the rows of data leave
    undetermined, ``null``, has no finite covariance.
    """

    scale: Float64Array  # (P,)
    vectors: Float64Array  # V, (P, rank)
    core: Float64Array  # (rank, rank)
    null: Float64Array  # (P, P - rank)
    amplitude: float
    negligible: float  # part of a combination of parameters that may lie in undetermined ones

    def deviations(self, gradients: Float64Array, at: NDArray[np.intp]) -> Float64Array:
        """Standard deviations of ``gradients @ parameters[at]``."""
        scaled = gradients * self.scale[at]
        known = scaled @ self.vectors[at]
        variance = np.einsum("ij,ij->i", known @ self.core, known)
        unknown = np.linalg.norm(scaled @ self.null[at], axis=1) > self.negligible * np.linalg.norm(scaled, axis=1)
        return np.where(unknown, np.inf, self.amplitude * np.sqrt(np.maximum(variance, 0.0)))


def _sandwich(
    model: Model,
    rows: FitRows,
    free: NDArray[np.intp],
    decay: float | Float64Array,
    correction: float,
    settings: DiagnosticsSettings,
) -> _Sandwich:
    """Covariance of the free parameters, times a correction squared for the number of rows."""
    bread, meat, amplitude = rows.sandwich(model)
    # Evidence may shrink a weak linear part to nothing, and errors about the shrunken one would vanish with it: the
    # covariance is that of the free linear part, and the way to there is added.
    held = np.append(np.broadcast_to(decay, model.width + 1)[:-1], 0.0)
    pull = np.zeros(model.parameters.shape)
    pull[-1, :-1] = np.broadcast_to(decay, model.width + 1)[-1] * model.parameters[-1, :-1]
    bread, meat = _of_the_free(bread, model, free, held), _of_the_free(meat, model, free, 0.0)
    scale = to_unit_diagonal(bread)
    values, vectors = np.linalg.eigh(bread)
    # Sums of n rows are off by about sqrt(n) eps, the eigenvalues of a P x P matrix by P eps. With 100 times that, the
    # smallest eigenvalue kept has two digits.
    kept = values > 100 * np.finfo(np.float64).eps * max(len(values), np.sqrt(len(rows)))
    del bread
    null, vectors = vectors[:, ~kept], vectors[:, kept]
    meat *= np.multiply.outer(scale, scale)
    core = vectors.T @ (meat @ vectors)
    core /= np.multiply.outer(values[kept], values[kept])
    if (spread := amplitude * correction) > 0:
        away = vectors.T @ (scale * pull.ravel()[free]) / values[kept] / spread
        core += np.multiply.outer(away, away)
    return _Sandwich(scale, vectors, core, null, amplitude * correction, settings.negligible_undetermined)


def _of_the_free(
    matrix: Float64Array, model: Model, free: NDArray[np.intp], decay: float | Float64Array
) -> Float64Array:
    """A normal matrix, plus the decay, in the free parameters."""
    add_to_diagonal(matrix, decay_of_parameters(decay, model))
    return matrix if len(free) == len(matrix) else matrix[np.ix_(free, free)]


# ---- Delta method ----


class JointErrors:
    """Standard errors of whatever is computed from the parameters of a network, by the delta method.

    Parameters
    ----------
    model : Model
        In the rows' coordinates, without constant neurons.
    sandwich : _Sandwich or None
        Covariance of its free parameters; None: not known.
    free : ndarray of bool, shape of ``model.parameters``
        Which parameters were fitted.
    to_user : Whitening
        From the coordinates of the network to those of the rows.
    network : ReLUNetwork
        Network of these neurons, in the order that errors shall have.
    """

    def __init__(
        self,
        model: Model,
        sandwich: _Sandwich | None,
        free: NDArray[np.bool_],
        to_user: Whitening,
        network: ReLUNetwork,
    ) -> None:
        d = to_user.matrix.shape[1]
        # Every row of parameters, (a_i, t_i) as (w, b), changes coordinates by the same linear map.
        self._change = np.zeros((d + 1, len(to_user.matrix) + 1))
        self._change[:d, :-1] = to_user.matrix.T
        self._change[d, :-1] = -to_user.matrix @ to_user.mean
        self._change[d, -1] = 1.0
        self._sandwich, self._free = sandwich, free
        self._position = np.cumsum(free).reshape(free.shape) - 1  # among the free parameters
        moved = model.parameters @ self._change.T
        order = _network_order(moved[:-1], network)
        self._places = np.append(order, model.width)
        self._signs, self._parameters = model.signs[order], moved[self._places]

    @property
    def known(self) -> bool:
        """Whether there are more rows than parameters, and not too many of the latter."""
        return self._sandwich is not None

    def deviations(self, gradients: Float64Array) -> Float64Array:
        """Standard errors of numbers whose derivatives by the rows (a_i, t_i) and, last, (w, b) are given.

        Parameters
        ----------
        gradients : ndarray of shape (m, k + 1, d + 1)
            ``a_i`` and ``t_i`` being direction and threshold times the size of the output weight.
        """
        if self._sandwich is None:
            return np.full(len(gradients), np.nan)
        changed = np.zeros((len(gradients), *self._free.shape))
        changed[:, self._places] = gradients @ self._change
        return self._sandwich.deviations(changed[:, self._free], np.arange(self._position.flat[-1] + 1))

    def standard_errors(self) -> StandardErrors:
        """Errors of the parameters of the network."""
        k, d = len(self._signs), len(self._change) - 1
        if self._sandwich is None:
            return _unknown(k, d)
        errors = np.array(
            [self._of_row(i, _neuron_gradients(self._signs[i], self._parameters[i])) for i in range(k)]
        ).reshape(k, 2 * d + 2)
        last = self._of_row(k, np.eye(d + 1))
        return StandardErrors(
            errors[:, :d], errors[:, d], errors[:, d + 2 :], errors[:, d + 1], last[:d], float(last[d])
        )

    def _of_row(self, i: int, gradients: Float64Array) -> Float64Array:
        """Errors of numbers that depend on one row of parameters alone."""
        assert self._sandwich is not None
        place = self._places[i]
        free = self._free[place]
        return self._sandwich.deviations((gradients @ self._change)[:, free], self._position[place][free])


def _neuron_gradients(sign: float, row: Float64Array) -> Float64Array:
    """Derivatives of direction, output weight, threshold and slope by (a, t): (2 d + 2, d + 1)."""
    a, t, d = row[:-1], row[-1], len(row) - 1
    size = np.linalg.norm(a)
    u = a / size
    gradients = np.zeros((2 * d + 2, d + 1))
    gradients[d + 2 :, :d] = np.eye(d)
    gradients[:d, :d] = (np.eye(d) - np.multiply.outer(u, u)) / size
    gradients[d, :d] = sign * u
    gradients[d + 1, :d] = -t / size**2 * u
    gradients[d + 1, d] = 1 / size
    return gradients


def _network_order(neurons: Float64Array, network: ReLUNetwork) -> NDArray[np.intp]:
    """Which of the neurons (a_i, t_i) stands at each place of the normalised network.

    By likeness, since sorting here what differs from the network's parameters by rounding could settle a tie the other
    way.
    """
    wanted = np.abs(network.output)[:, None] * np.column_stack([network.weights, network.thresholds])
    left = neurons.copy()
    order = np.empty(len(wanted), dtype=np.intp)
    for place, row in enumerate(wanted):
        order[place] = np.argmin(np.square(left - row).sum(axis=1))
        left[order[place]] = np.inf  # taken
    return order
