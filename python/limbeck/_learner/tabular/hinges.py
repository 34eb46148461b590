"""Candidates for the neurons of a table: hinges of features and of other directions, chosen for what they explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.settings import TABULAR, TabularSettings

__all__ = ["Selection", "augmented", "leading_directions", "select"]


_SPAN = 1e-10  # of the largest square, below which a direction of the rows' span is rounding


def augmented(X: Float64Array) -> Float64Array:
    """Append a column of ones."""
    return np.column_stack([X, np.ones(len(X))])


def leading_directions(features: Float64Array, residuals: Float64Array, count: int) -> Float64Array:
    """Eigenvectors (count, d) of the largest eigenvalues by size of features (d, n) times residuals times features."""
    d, n = features.shape
    if d <= n:
        values, vectors = np.linalg.eigh((features * residuals) @ features.T)
        return np.asarray(vectors[:, np.argsort(-np.abs(values), kind="stable")[:count]].T)
    # Of few rows: within their span, which holds all eigenvectors of eigenvalues that are not zero.
    squares, rotation = np.linalg.eigh(features.T @ features)
    kept = squares > _SPAN * squares[-1]
    roots, rotation = np.sqrt(squares[kept]), rotation[:, kept]
    inner = (rotation.T * residuals) @ rotation
    values, vectors = np.linalg.eigh(roots[:, None] * inner * roots)
    largest = vectors[:, np.argsort(-np.abs(values), kind="stable")[:count]]
    return np.asarray((features @ (rotation @ (largest / roots[:, None]))).T)


def _candidates(
    X: Float64Array, residuals: Float64Array, rng: np.random.Generator, settings: TabularSettings
) -> Float64Array:
    """Candidate neurons (m, d + 1): a direction and a threshold, within the range of the rows."""
    d = X.shape[1]
    hinges = []
    # If there are too many features, those whose distance from the middle goes with the residuals of a line.
    related = np.abs(residuals @ np.abs(X - np.median(X, axis=0)))
    features = np.argsort(-related, kind="stable")[: settings.max_hinges // 2]
    each = int(np.clip(settings.max_hinges // (2 * len(features)), 1, len(settings.feature_quantiles)))
    features = np.sort(features)
    least, largest = X.min(axis=0), X.max(axis=0)
    quantiles = np.quantile(X[:, features], settings.feature_quantiles[:each], axis=0).T
    for j, of_j in zip(features, quantiles, strict=True):
        values = np.unique(of_j)
        # A feature of two values has no hinge that a line does not have.
        inside = values[(values > least[j]) & (values < largest[j])]
        of_feature = np.zeros((len(inside), d + 1))
        of_feature[:, j], of_feature[:, -1] = 1.0, -inside
        hinges.append(of_feature)
    leading = leading_directions(X.T, residuals, settings.moment_directions)
    directions = np.vstack([leading, rng.standard_normal((settings.random_directions, d))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    levels_of = np.quantile(X @ directions.T, settings.direction_quantiles, axis=0).T
    for u, levels in zip(directions, levels_of, strict=True):
        hinges.append(np.column_stack([np.tile(u, (len(levels), 1)), -levels]))
    return np.concatenate(hinges)


def _ridge_basis(X: Float64Array, ridge: float) -> Float64Array:
    """A matrix B (n, r) for which ``B B'`` takes labels to the values of a ridge regression on X (n, p)."""
    n, p = X.shape
    if p <= n:
        return np.linalg.qr(np.vstack([X, np.sqrt(ridge) * np.eye(p)]))[0][:n]
    squares, rotation = np.linalg.eigh(X @ X.T)
    squares = np.maximum(squares, 0.0)
    return np.asarray(rotation * np.sqrt(squares / (squares + ridge)))


@dataclass(frozen=True)
class Selection:
    """Hinges in the order of choice, and how to start from the first few of them.

    Attributes
    ----------
    hinges : ndarray of shape (m, d + 1)
        A direction and, last, minus the threshold.
    rows : Rows
        Rows that they were chosen on.
    ridge : float
        Ridge of the fit to start from, for each row.
    """

    hinges: Float64Array
    rows: Rows
    ridge: float

    def start(self, width: int) -> Model:
        """A model of the first hinges and a line, fitted together with a little decay."""
        X = augmented(self.rows.X)
        hinges = self.hinges[:width]
        root = np.sqrt(self.rows.row_weights)
        design = root[:, None] * np.column_stack([np.maximum(X @ hinges.T, 0.0), X])
        inner = design.T @ design + self.ridge * len(X) * np.eye(design.shape[1])
        coef = np.linalg.solve(inner, design.T @ (root * self.rows.y))
        output = np.where(np.abs(coef[: len(hinges)]) > self.ridge, coef[: len(hinges)], self.ridge)
        return Model(np.sign(output), np.vstack([np.abs(output)[:, None] * hinges, coef[len(hinges) :]]))


def select(rows: Rows, width: int, rng: np.random.Generator, settings: TabularSettings = TABULAR) -> Selection:
    """Choose hinges one by one, each for what it explains beyond a line and those before (orthogonal matching).

    Parameters
    ----------
    rows : Rows
        Standardised inputs, and labels of mean 0 and standard deviation 1.
    width : int
        Number of hinges, at most.
    rng : numpy.random.Generator
        Source of the rows and directions drawn.
    settings : TabularSettings
        Numbers of candidates and rows.
    """
    if len(rows) > settings.hinge_rows:
        rows = rows.part(np.sort(rng.choice(len(rows), settings.hinge_rows, replace=False)))
    n, d = rows.X.shape
    ridge = settings.hinge_ridge
    if not width:
        return Selection(np.empty((0, d + 1)), rows, ridge)
    root = np.sqrt(rows.row_weights)  # rows times these have weights of one
    X = augmented(rows.X)
    basis = _ridge_basis(X * root[:, None], ridge * n)

    def beyond_line(values: Float64Array) -> Float64Array:
        values = (values.T * root).T
        return np.asarray(values - basis @ (basis.T @ values))

    residuals = beyond_line(rows.y)
    hinges = _candidates(rows.X, residuals * root, rng, settings)
    columns = beyond_line(np.maximum(X @ hinges.T, 0.0))
    gram, slope = columns.T @ columns, columns.T @ residuals
    size = np.diag(gram).copy()
    # Below, a hinge is at the edge of the rows, or explained by others.
    least = settings.least_hinge_square * float(np.median(size))
    factor = np.zeros((len(hinges), 0))
    chosen: list[int] = []
    for _ in range(min(width, len(hinges))):
        gain = np.where(size > least, np.square(slope) / (size + ridge * n), 0.0)
        gain[chosen] = 0.0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        pivot = np.sqrt(size[best] + ridge * n)
        column = (gram[:, best] - factor @ factor[best]) / pivot
        slope = slope - column * (slope[best] / pivot)
        size = size - np.square(column)
        factor = np.column_stack([factor, column])
    return Selection(hinges[chosen], rows, ridge)
