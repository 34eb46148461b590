"""Relevance: which features each neuron sees, by the evidence of the rows for every weight.

Given all others, a weight of curvature s and slope q against the noise has a finite likeliest decay where its F
statistic ``q^2 / s`` exceeds one; where it does not, the likeliest weight is exactly zero (Tipping and Faul, Fast
marginal likelihood maximisation for sparse Bayesian models, AISTATS 2003). As weights are chosen among many, the
statistic that is asked for here is larger. The decays of the weights that are left are shared by group, and
re-estimated as in ``evidence``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erf

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import BoolArray, FitTask, SparseModel, penalties, refine_sparse

__all__ = [
    "Posterior",
    "SparseFit",
    "choice_parameters",
    "drop_idle_neurons",
    "settle",
    "with_likeliest_decay",
    "without_irrelevant",
]

_UNDETERMINED = 1e-10  # of the mean of the diagonal, for parameters that no row moves: as in ``evidence``
_LEAST_NOISE = 1e-24  # of labels of variance 1, below their rounding, so that it can be divided by
_LARGEST_LEVERAGE = 0.98  # of a row; beyond, its residual says nothing of its error


@dataclass(frozen=True)
class Posterior:
    """Curvature, slopes and noise at a fit, with the gates held.

    Attributes
    ----------
    jacobian : ndarray of shape (P, n)
        Derivatives by the free parameters.
    gates : ndarray of shape (k + 1, n)
        Derivatives of the sums that go out of the groups.
    inverse : ndarray of shape (P, P)
        Inverse of the penalised normal matrix.
    decay : ndarray of shape (P,)
        Decay of each parameter.
    effective : ndarray of shape (k + 1,)
        Effective number of decayed parameters of each group.
    mse, noise : float
        Mean squared residual, and that over the part of the rows that the parameters leave.
    left_out : int
        Features that the linear part does without.
    """

    jacobian: Float64Array
    gates: Float64Array
    inverse: Float64Array
    decay: Float64Array
    effective: Float64Array
    mse: float
    noise: float
    left_out: int

    @classmethod
    def of(cls, sparse: SparseModel, task: FitTask, residuals: Float64Array, settings: TabularSettings) -> Posterior:
        """Linearise a fit."""
        gates = task.gates(sparse.model)
        jacobian = task.jacobian(sparse, gates)
        matrix = task.weighted(jacobian) @ jacobian.T / len(task)
        decay = penalties(sparse)
        matrix.flat[:: len(matrix) + 1] += decay + _UNDETERMINED * np.trace(matrix) / len(matrix)
        inverse = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        groups, columns = sparse.free()
        determined = np.where(columns < task.n_features, 1 - decay * np.diag(inverse), 0.0)
        counted = np.bincount(groups, determined, minlength=sparse.width + 1)
        effective = np.asarray(np.maximum(counted, 1e-3), dtype=np.float64)
        mse = task.mean_square(residuals)
        left = 1 - (float(effective.sum()) + sparse.width + 1) / task.count
        noise = max(mse / max(left, settings.least_noise_fraction), _LEAST_NOISE)
        left_out = int(np.count_nonzero(~sparse.support[-1]))
        return cls(jacobian, gates, inverse, decay, effective, mse, noise, left_out)

    def errors(self, task: FitTask, residuals: Float64Array, settings: TabularSettings) -> tuple[float, float]:
        """Cross-validated errors: by the formula, and with the choice of the neurons counted.

        Rows are also left out one by one, with the gates held: a neuron that goes through a row or two of many is found
        out so, which the generalised formula, of mean leverages, overlooks. The larger of both counts.
        """
        leverage = np.einsum("in,in->n", self.inverse @ self.jacobian, self.jacobian) / len(task)
        leverage = np.minimum(task.weighted(leverage), _LARGEST_LEVERAGE)
        left_out = task.mean_square(residuals / (1 - leverage))
        k = len(self.effective) - 1
        taken = float(self.effective.sum()) + k + 1
        least = settings.least_residual_fraction
        plain = max(1 - taken / task.count, least)
        error = max(self.mse / plain**2, left_out)
        chosen = settings.growth_choice_parameters * k + self.left_out * _taken_by_leaving_out(task, settings)
        return error, error * plain**2 * self.error_if_taken(task, chosen, settings) / max(self.mse, _LEAST_NOISE)

    def error_if_taken(self, task: FitTask, chosen: float, settings: TabularSettings) -> float:
        """Error by generalised cross-validation, with parameters that a choice counts for."""
        taken = float(self.effective.sum()) + len(self.effective) + chosen
        return max(self.mse, _LEAST_NOISE) / max(1 - taken / task.count, settings.least_residual_fraction) ** 2


def choice_parameters(statistic: float) -> float:
    """Parameters that each weight counts for that is nothing but noise and is zero, as its F statistic falls short.

    In the mean the choice takes ``2 t phi(t) + P(F > t^2)`` for each such weight, kept or not (the risk of a hard
    threshold t, Donoho and Johnstone, Biometrika 81, 1994); those kept count for one already, so that the first term is
    left, over the part that falls short: .71 for F < 1, .03 for F < 9.
    """
    t = float(np.sqrt(statistic))
    return 2 * t * float(np.exp(-statistic / 2)) / float(np.sqrt(2 * np.pi)) / max(erf(t / np.sqrt(2)), 1e-3)


def _taken_by_leaving_out(task: FitTask, settings: TabularSettings) -> float:
    """Parameters that each feature left out of the linear part counts for."""
    leaving, entering = settings.linear_statistics[1], _entering_line(task, settings)
    # Where there are about as many features as rows a line is not thinned out, but features enter one by one.
    return choice_parameters(leaving if task.n_features <= task.count // 2 else entering)


@dataclass(frozen=True)
class SparseFit:
    """A refined network with what it leaves of the rows.

    Attributes
    ----------
    sparse : SparseModel
        The network.
    residuals : ndarray of shape (n,)
        Labels less values.
    error, compared : float
        Cross-validated errors: by the formula, and with the choice of the neurons counted.
    """

    sparse: SparseModel
    residuals: Float64Array
    error: float
    compared: float

    @classmethod
    def of(cls, sparse: SparseModel, task: FitTask, settings: TabularSettings) -> SparseFit:
        """Score a network on rows."""
        return cls.with_posterior(sparse, task, settings)[0]

    @classmethod
    def with_posterior(
        cls, sparse: SparseModel, task: FitTask, settings: TabularSettings
    ) -> tuple[SparseFit, Posterior]:
        """The network's score, and the linearisation that it comes from."""
        residuals = task.residuals(sparse.model)
        posterior = Posterior.of(sparse, task, residuals, settings)
        return cls(sparse, residuals, *posterior.errors(task, residuals, settings)), posterior


def settle(
    sparse: SparseModel,
    task: FitTask,
    settings: TabularSettings,
    rounds: int = 1,
    steps: int | None = None,
    *,
    frees: bool = True,
) -> SparseFit:
    """Refine a network; decays follow the evidence, weights that the residuals ask for are freed, idle ones are zero.

    Parameters
    ----------
    sparse : SparseModel
        Where to start.
    task : FitTask
        Rows to fit.
    settings : TabularSettings
        Statistics to enter and to stay, and steps of the refinements.
    rounds : int, default 1
        Number of rounds of adding and removing.
    steps : int, optional
        Levenberg-Marquardt steps of each refinement; None: those of the growth.
    frees : bool, default True
        Whether weights may be freed.
    """

    def refined(sparse: SparseModel) -> tuple[SparseFit, Posterior]:
        sparse, _ = refine_sparse(sparse, task, steps or settings.growth_steps, settings.tolerance)
        return SparseFit.with_posterior(drop_idle_neurons(sparse, task, settings), task, settings)

    best, posterior = refined(drop_idle_neurons(sparse, task, settings))
    for _ in range(rounds):
        if task.fit.out_of_time():
            break
        candidate = with_likeliest_decay(best.sparse, task, posterior, settings)
        added = 0
        if frees:
            candidate, added = _with_relevant(candidate, task, best.residuals, posterior, settings)
        if added:
            trial, after = refined(candidate)
            if trial.compared < best.compared:
                best, posterior = trial, after
        candidate, removed = without_irrelevant(best.sparse, task, posterior, settings)
        trial, after = refined(with_likeliest_decay(candidate, task, posterior, settings))
        if trial.compared < settings.sparse_as_good * best.compared:
            best, posterior = trial, after
        if not added and not removed:
            break
    return best


def with_likeliest_decay(
    sparse: SparseModel, task: FitTask, posterior: Posterior, settings: TabularSettings
) -> SparseModel:
    """The model with the weight decays that make the rows likeliest, given its weights."""
    squares = np.square(sparse.model.parameters[:, :-1]).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = posterior.effective / squares * posterior.noise / task.count
    # A group of no weights has none to tell from: its decay stays.
    return replace(sparse, decay=np.where(squares > 0, np.minimum(decay, settings.largest_decay), sparse.decay))


def _limits(
    groups: NDArray[np.intp], width: int, task: FitTask, settings: TabularSettings, *, entering: bool
) -> Float64Array:
    """F statistics that weights of some groups must reach: more of neurons where there are many features."""
    linear, neuron = settings.linear_statistics, settings.neuron_statistics
    more = settings.statistic_per_log_feature * np.log(task.n_features)
    if not entering:
        return np.asarray(np.where(groups == width, linear[1], neuron[1] + settings.staying_part * more))
    return np.asarray(np.where(groups == width, _entering_line(task, settings), neuron[0] + more))


def _entering_line(task: FitTask, settings: TabularSettings) -> float:
    rise = settings.linear_per_log_feature * max(0.0, float(np.log(task.n_features / 10)))
    return settings.linear_statistics[0] + rise


def without_irrelevant(
    sparse: SparseModel, task: FitTask, posterior: Posterior, settings: TabularSettings
) -> tuple[SparseModel, int]:
    """Set weights to zero one by one, the least needed first, as long as their F statistic falls short."""
    groups, columns = sparse.free()
    inverse, values = posterior.inverse.copy(), sparse.model.parameters[groups, columns].copy()
    alive = np.ones(len(groups), dtype=bool)
    removable = columns < task.n_features
    limits = _limits(groups, sparse.width, task, settings, entering=False)
    # In large models several at once: the work grows with the cube of the parameters otherwise.
    at_once = max(1, len(groups) // settings.most_removals)
    while True:
        spread = np.diag(inverse)
        curvature = np.maximum(1 / spread - posterior.decay, 1e-12)
        statistic = np.square(values / spread) * task.count / (posterior.noise * curvature)
        short = np.where(alive & removable, statistic / limits, np.inf)
        least = np.argsort(short, kind="stable")[:at_once]
        least = least[short[least] < 1]
        if not len(least):
            break
        alive[least] = False
        block = inverse[np.ix_(least, least)]
        change = np.linalg.solve(block, inverse[least])
        values = values - values[least] @ change
        inverse = inverse - inverse[:, least] @ change
        inverse[least, least] = 1.0
        values[least] = 0.0
    parameters, support = sparse.model.parameters.copy(), sparse.support.copy()
    parameters[groups, columns] = values
    parameters[groups[~alive], columns[~alive]] = 0.0
    support[groups[~alive], columns[~alive]] = False
    return replace(sparse.with_parameters(parameters), support=support), int(np.count_nonzero(~alive))


def _with_relevant(
    sparse: SparseModel, task: FitTask, residuals: Float64Array, posterior: Posterior, settings: TabularSettings
) -> tuple[SparseModel, int]:
    """Free weights that the residuals ask for, the most telling first, each beyond those before."""
    closed = ~sparse.support
    if not closed.any():
        return sparse, 0
    groups, columns = np.nonzero(closed)
    n, weighted = len(task), task.weighted(residuals)
    slopes = (posterior.gates * weighted) @ task.features.T / n
    squares = task.weighted((posterior.gates != 0).astype(float)) @ np.square(task.features).T / n
    limits = _limits(groups, sparse.width, task, settings, entering=True)
    slope, size = slopes[groups, columns], np.maximum(squares[groups, columns], 1e-12)
    alone = np.square(slope) * task.count / (posterior.noise * size) / limits
    order = np.argsort(-alone, kind="stable")[: settings.max_entering]
    order = order[alone[order] > settings.worth_a_look]
    if not len(order):
        return sparse, 0
    groups, columns = groups[order], columns[order]
    slope, size, limits = slope[order], size[order], limits[order]
    values = task.features[columns] * posterior.gates[groups]
    cross = posterior.jacobian @ task.weighted(values).T / n
    gram = task.weighted(values) @ values.T / n - cross.T @ (posterior.inverse @ cross)
    added: list[int] = []
    most = max(2, sparse.size // 3)
    # Beyond the others a column is nothing but rounding and noise where a thousandth of its square is left.
    while len(added) < most:
        left = np.diag(gram)
        open_ = left > settings.least_left * size
        open_[added] = False
        statistic = np.where(open_, np.square(slope) * task.count / (posterior.noise * np.maximum(left, 1e-12)), 0.0)
        best = int(np.argmax(statistic / limits))
        if statistic[best] < limits[best]:
            break
        added.append(best)
        change = gram[best] / (left[best] + settings.least_left * size[best])
        slope = slope - change * slope[best]
        gram = gram - np.multiply.outer(gram[:, best], change)
    support = sparse.support.copy()
    support[groups[added], columns[added]] = True
    return replace(sparse, support=support), len(added)


def drop_idle_neurons(sparse: SparseModel, task: FitTask, settings: TabularSettings) -> SparseModel:
    """Drop neurons that are constant or linear but for a few rows: the bias and the linear part take them over."""
    if not sparse.width:
        return sparse
    model, parameters, support = sparse.model, sparse.model.parameters.copy(), sparse.support.copy()
    few = _rows_of_an_end(task, settings)
    inner = task.inner(model)
    used = np.ones(len(task), dtype=bool) if task.weights is None else task.weights > 0
    sizes = model.sizes
    idle = (sizes <= settings.least_relative_size * sizes.max()) | _is_at_an_end(inner, used, few, settings)
    linear = ~idle & _is_at_an_end(-inner, used, few, settings)
    if not (idle | linear).any():
        return sparse
    signed = model.signs[:, None] * model.neurons
    parameters[-1] += signed[linear].sum(axis=0)
    support[-1] |= support[:-1][linear].any(axis=0)
    constant = idle & ~model.neurons[:, :-1].any(axis=1)
    parameters[-1, -1] += float(model.signs[constant] @ np.maximum(model.neurons[constant, -1], 0.0))
    lean = replace(sparse, model=Model(model.signs, parameters), support=support)
    kept: BoolArray = ~idle & ~linear
    return lean.kept(kept)


def _is_at_an_end(inner: Float64Array, used: BoolArray, few: int, settings: TabularSettings) -> BoolArray:
    """Which neurons (k,) are open on few rows; where these are far out, so that much would change, on none."""
    rows = np.count_nonzero((inner > 0) & used, axis=1)
    return np.asarray(np.where(inner.max(axis=1, initial=0.0) <= settings.end_change, rows <= few, rows == 0))


def _rows_of_an_end(task: FitTask, settings: TabularSettings) -> int:
    """Rows, at most, that make no neuron where no others are on their side of the kink."""
    return min(settings.end_rows, task.count // settings.end_part)
