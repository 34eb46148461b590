"""Neurons to add to a network: hinges chosen for what they explain of its residuals beyond what it can itself.

Candidates are hinges of single features at their quantiles (at every level of a code), of pairs of features whose
product goes with the residuals, of the eigenvectors of the residuals' second moment, of the network's own directions,
and of random ones. They are chosen one by one, beyond the tangent space of the network and those before. A curve with
many ups and downs shows in no single hinge: whole grids of knots along one feature are tried, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.tabular.hinges import leading_directions
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask, SparseModel, penalties

__all__ = ["Candidates", "knots", "knots_of", "proposed", "with_hinges"]


def knots(values: Float64Array, most: int) -> Float64Array:
    """Up to ``most`` knots inside the range of a feature: every level of a code, else quantiles."""
    values = np.sort(values)
    levels = values[np.append(True, values[1:] > values[:-1])]
    if len(levels) <= most + 2:
        return np.asarray(levels[1:-1])
    # Quantiles that are among the values: a kink between two levels of a code is none of its own.
    inside = np.unique(_quantiles(values, np.arange(1, most + 1) / (most + 1)))
    return np.asarray(inside[(inside > levels[0]) & (inside < levels[-1])])


def _quantiles(values: Float64Array, parts: Float64Array) -> Float64Array:
    """Quantiles of values in order, interpolated: a fourth to a tenth of the time of ``numpy.quantile``."""
    at = parts * (len(values) - 1)
    below = at.astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    return np.asarray(values[below] + (at - below) * (values[above] - values[below]))


def knots_of(task: FitTask, feature: int, most: int) -> Float64Array:
    """Knots of a feature of some rows, computed once."""
    name = f"{most} knots of {feature}"
    if name not in task.kept:
        task.kept[name] = (knots(task.features[feature], most),)
    return task.kept[name][0]


def _closed_where_far(hinges: Float64Array, features: Float64Array, settings: TabularSettings) -> Float64Array:
    """Hinges (m, d + 1) that are closed on rows far outside all others, where those would rule their size.

    Both sides of a kink explain the same beyond a line; of one that is open far out only rounding would be left.
    """
    if np.abs(features).max() <= settings.far_rows_from:
        return hinges
    inner = hinges @ features
    above = np.sqrt(np.square(np.maximum(inner, 0.0)).mean(axis=1))
    below = np.sqrt(np.square(np.minimum(inner, 0.0)).mean(axis=1))
    turned = (below > 0) & (above > settings.far_rows_from * below)
    return np.asarray(np.where(turned[:, None], -hinges, hinges))


def _related(task: FitTask, residuals: Float64Array, settings: TabularSettings) -> NDArray[np.intp]:
    """Features that have candidates: those whose distance from the middle goes with the residuals most."""
    X, most = task.features[:-1], settings.max_candidate_features
    if len(X) <= most:
        return np.arange(len(X))
    away = np.abs(X - np.median(X, axis=1, keepdims=True))
    away -= away.mean(axis=1, keepdims=True)
    size = np.linalg.norm(away, axis=1)
    related = np.abs(away @ task.weighted(residuals)) / np.where(size > 0, size, np.inf)
    return np.sort(np.argsort(-related, kind="stable")[:most])


def _columns(hinges: Float64Array, task: FitTask, settings: TabularSettings) -> tuple[Float64Array, Float64Array]:
    """Hinges (m, d + 1), and their values (m, n) times the roots of the weights, of root mean square 1."""
    hinges = _closed_where_far(hinges, task.features, settings)
    columns = hinges @ task.features
    np.maximum(columns, 0.0, out=columns)
    if task.weights is not None:
        columns *= np.sqrt(task.weights)
    size = np.sqrt(np.einsum("mn,mn->m", columns, columns) / len(task))
    columns *= (1 / np.where(size > 0, size, 1.0))[:, None]
    return hinges, columns


def _of_features(
    task: FitTask, related: NDArray[np.intp], settings: TabularSettings
) -> tuple[Float64Array, Float64Array]:
    """Hinges of single features, with their values; those of all features are computed once."""
    d = task.n_features
    if len(related) == d and "hinges" in task.kept:
        hinges_of_all, columns_of_all = task.kept["hinges"]
        return hinges_of_all, columns_of_all
    each = int(np.clip(settings.max_hinges // (2 * len(related)), settings.least_knots, settings.most_knots))
    hinges = []
    for j in related:
        at = knots_of(task, int(j), each)
        of_feature = np.zeros((len(at), d + 1))
        of_feature[:, j], of_feature[:, -1] = 1.0, -at
        hinges.append(of_feature)
    found = _columns(np.concatenate(hinges), task, settings)
    if len(related) == d:
        task.kept["hinges"] = found
    return found


def _directions(
    features: Float64Array, residuals: Float64Array, rng: np.random.Generator, settings: TabularSettings
) -> Float64Array:
    """Unit directions (m, d) of more than one of some features."""
    d = len(features)
    second = (features * residuals) @ features.T
    rows, columns = np.triu_indices(d, 1)
    order = np.argsort(-np.abs(second[rows, columns]), kind="stable")[: settings.pair_directions]
    pairs = np.zeros((2 * len(order), d))
    index = np.arange(len(order))
    pairs[index, rows[order]] = pairs[index + len(order), rows[order]] = np.sqrt(0.5)
    pairs[index, columns[order]] = np.sqrt(0.5)
    pairs[index + len(order), columns[order]] = -np.sqrt(0.5)
    leading = leading_directions(features, residuals, settings.moment_directions)
    random = rng.standard_normal((settings.random_directions, d))
    wide = np.vstack([leading, random])
    if d > settings.max_direction_features:  # the others are added where the residuals ask for them
        small = np.argsort(-np.abs(wide), axis=1, kind="stable")[:, settings.max_direction_features :]
        np.put_along_axis(wide, small, 0.0, axis=1)
    return np.vstack([pairs, wide / np.linalg.norm(wide, axis=1, keepdims=True)])


@dataclass(frozen=True)
class Candidates:
    """Candidate hinges, and what is left of them and of the residuals beyond the tangent space of a network.

    Attributes
    ----------
    hinges : ndarray of shape (m, d + 1)
        A direction and, last, minus the threshold.
    columns : ndarray of shape (m, n)
        Values on the rows, of root mean square 1.
    residuals, left : ndarray of shape (n,)
        Residuals, and they less what the tangent space explains.
    basis : ndarray of shape (n, p)
        Orthonormal basis of the tangent space.
    along : ndarray of shape (m, p)
        What of the columns is along the basis; they less that are never formed, as that takes as long again.
    root : ndarray of shape (n,)
        Roots of the weights, which all of these are multiplied by.
    """

    hinges: Float64Array
    columns: Float64Array
    residuals: Float64Array
    left: Float64Array
    basis: Float64Array
    along: Float64Array
    root: Float64Array

    @classmethod
    def of(
        cls,
        sparse: SparseModel,
        task: FitTask,
        residuals: Float64Array,
        rng: np.random.Generator,
        settings: TabularSettings,
        guide: Float64Array | None = None,
    ) -> Candidates:
        """Draw candidates; ``task`` holds the rows that they are chosen on, ``residuals`` (n,) those of the network.

        Directions are those that go with the residuals, or with ``guide`` (n,) where that is given.
        """
        guide = residuals if guide is None else guide
        n = len(task)
        related = _related(task, guide, settings)
        hinges, columns = _of_features(task, related, settings)
        if task.n_features > 1:
            model = sparse.model
            own = model.directions[np.count_nonzero(model.neurons[:, :-1], axis=1) > 1]
            some = _directions(task.features[related], task.weighted(guide), rng, settings)
            u = np.zeros((len(some), task.n_features))
            u[:, related] = some
            u = np.vstack([u, own])
            levels = np.quantile(u @ task.features[:-1], settings.direction_quantiles, axis=1).T
            more = np.column_stack([np.repeat(u, levels.shape[1], axis=0), -levels.ravel()])
            more, more_columns = _columns(more, task, settings)
            hinges, columns = np.concatenate([hinges, more]), np.concatenate([columns, more_columns])
        root = np.ones(n) if task.weights is None else np.sqrt(task.weights)
        tangent = np.vstack([(task.jacobian(sparse) * root).T, np.diag(np.sqrt(n * (penalties(sparse) + 1e-9)))])
        basis = np.linalg.qr(tangent)[0][:n]
        weighted = residuals * root
        left = weighted - basis @ (basis.T @ weighted)
        return cls(hinges, columns, weighted, left, basis, columns @ basis, root)

    @property
    def squares_left(self) -> Float64Array:
        """Squares (m,) of the columns beyond the tangent space."""
        whole, along = (np.einsum("mn,mn->m", part, part) for part in (self.columns, self.along))
        return np.asarray(np.maximum(whole - along, 0.0))

    def chosen(self, most: int, parameters: int, settings: TabularSettings) -> tuple[Float64Array, int]:
        """Hinges in the order of choice (orthogonal matching), and the number of them that explains most.

        ``parameters`` are those of the network; each hinge counts for its own and for its choice.
        """
        n = len(self.residuals)
        # Where a penalised fit stands still, its tangent space gains nothing: residuals need no projection.
        slope, left = self.columns @ self.residuals, self.squares_left
        first, ridge = left.copy(), settings.growth_ridge * n
        factor = np.zeros((len(left), 0))
        order: list[int] = []
        squares = [float(self.residuals @ self.residuals)]
        for _ in range(most):
            open_ = left > settings.least_left * np.maximum(first, 0.1 * n)
            gain = np.where(open_, np.square(slope) / (left + ridge), 0.0)
            gain[order] = 0.0
            best = int(np.argmax(gain))
            if gain[best] <= 0:
                break
            order.append(best)
            squares.append(squares[-1] - float(gain[best]))
            pivot = np.sqrt(left[best] + ridge)
            along = self.along @ self.along[best] + factor @ factor[best]
            column = (self.columns @ self.columns[best] - along) / pivot
            slope = slope - column * (slope[best] / pivot)
            left = left - np.square(column)
            factor = np.column_stack([factor, column])
        each = 2 + settings.growth_choice_parameters
        taken = (parameters + each * np.arange(len(squares))) / n
        errors = np.maximum(squares, 0.0) / np.maximum(1 - taken, 1e-3) ** 2
        return self.hinges[order], int(np.argmin(errors))


def _curve(
    candidates: Candidates, task: FitTask, parameters: int, settings: TabularSettings
) -> tuple[Float64Array, float]:
    """The grid of knots along one feature that explains most, and the cross-validated error it leaves."""
    n, d = len(task), task.n_features
    best, least = np.zeros((0, d + 1)), np.inf
    for count in settings.curve_knots:
        if count * settings.rows_per_knot > n or count * d > settings.max_curve_hinges:
            break
        for j in range(d):
            at = knots_of(task, j, count)
            if len(at) < count // 2:
                continue
            grid = np.zeros((len(at), d + 1))
            grid[:, j], grid[:, -1] = 1.0, -at
            grid = _closed_where_far(grid, task.features, settings)
            values = np.maximum(np.multiply.outer(task.features[j], grid[:, j]) + grid[:, -1], 0.0)
            values *= candidates.root[:, None]
            values /= np.sqrt(np.square(values).mean(axis=0)) + 1e-12
            values -= candidates.basis @ (candidates.basis.T @ values)
            gram = values.T @ values
            gram.flat[:: len(gram) + 1] += settings.curve_ridge * n
            slope = values.T @ candidates.left
            squares = float(candidates.left @ candidates.left - slope @ np.linalg.solve(gram, slope))
            error = squares / max(1 - (parameters + len(at)) / n, 1e-3) ** 2
            if error < least:
                best, least = grid, error
    return best, least


def proposed(
    sparse: SparseModel,
    task: FitTask,
    residuals: Float64Array,
    most: int,
    rng: np.random.Generator,
    settings: TabularSettings,
    *,
    curves: bool,
) -> tuple[Float64Array, int]:
    """Hinges to add, the best first, and how many of them belong together.

    With ``curves`` all knots of a grid along one feature are proposed where they explain clearly more than single
    hinges do.
    """
    index = np.arange(len(task))
    if len(task) > settings.hinge_rows:
        index = np.sort(rng.choice(len(task), settings.hinge_rows, replace=False))
        task, residuals = task.part(index), residuals[index]
    candidates = Candidates.of(sparse, task, residuals, rng, settings)
    hinges, ahead = candidates.chosen(min(most, settings.most_ahead), sparse.size, settings)
    if curves and most >= settings.curve_knots[0]:
        grid, error = _curve(candidates, task, sparse.size, settings)
        left = _left_by(candidates, hinges[:ahead], task)
        taken = (sparse.size + (2 + settings.growth_choice_parameters) * ahead) / len(task)
        if len(grid) <= most and error < settings.curve_as_good * left / max(1 - taken, 1e-3) ** 2:
            return grid, len(grid)
    return hinges, ahead


def _left_by(candidates: Candidates, hinges: Float64Array, task: FitTask) -> float:
    """Sum of squares that hinges leave of the residuals."""
    values = np.maximum(hinges @ task.features, 0.0).T * candidates.root[:, None]
    values -= candidates.basis @ (candidates.basis.T @ values)
    rest = candidates.left
    if len(hinges):
        rest = rest - values @ np.linalg.lstsq(values, rest, rcond=1e-10)[0]
    return float(rest @ rest)


def with_hinges(
    sparse: SparseModel, hinges: Float64Array, task: FitTask, residuals: Float64Array, settings: TabularSettings
) -> SparseModel:
    """Add hinges to a network, at the sizes that least squares give them.

    Either with the linear part alone, which lowers the error for certain, or with the tangent space of the network,
    whichever leaves less.
    """
    groups, _ = sparse.free()
    linear = groups == sparse.width
    trials = [_fitted_in(sparse, hinges, moving, task, residuals, settings) for moving in (linear, linear | True)]
    return min(trials, key=lambda trial: task.mean_square(task.residuals(trial.model)))


def _fitted_in(
    sparse: SparseModel,
    hinges: Float64Array,
    moving: NDArray[np.bool_],
    task: FitTask,
    residuals: Float64Array,
    settings: TabularSettings,
) -> SparseModel:
    """The network with hinges, fitted together with those of its free parameters that are ``moving``."""
    n, k = len(task), sparse.width
    groups, columns = sparse.free()
    groups, columns = groups[moving], columns[moving]
    values = np.vstack([task.jacobian(sparse)[moving], np.maximum(hinges @ task.features, 0.0)])
    matrix = task.weighted(values) @ values.T / n
    own = np.diag(matrix)[-len(hinges) :]
    decay = np.append(penalties(sparse)[moving], settings.start_ridge * own)
    matrix.flat[:: len(matrix) + 1] += decay + 1e-10
    slope = values @ task.weighted(residuals) / n
    slope[: len(groups)] -= decay[: len(groups)] * sparse.model.parameters[groups, columns]
    change = np.linalg.solve(matrix, slope)
    output = change[len(groups) :]
    output = np.where(np.abs(output) > settings.least_output, output, settings.least_output)
    parameters = sparse.model.parameters.copy()
    parameters[groups, columns] += change[: len(groups)]
    parameters = np.insert(parameters, k, np.abs(output)[:, None] * hinges, axis=0)
    support = np.insert(sparse.support, k, hinges != 0, axis=0)
    support[:, -1] = True
    # Decays that the evidence would give neurons of these sizes, so that steep ones are not flattened.
    mse, weights = task.mean_square(residuals), np.count_nonzero(hinges[:, :-1], axis=1)
    squares = np.maximum(np.square(parameters[k:-1, :-1]).sum(axis=1), 1e-12)
    likely = np.minimum(settings.first_decay, weights * mse / task.count / squares)
    model = Model(np.append(sparse.model.signs, np.sign(output)), parameters)
    return replace(sparse, model=model, support=support, decay=np.insert(sparse.decay, k, likely))
