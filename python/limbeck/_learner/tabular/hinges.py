"""Candidates for the neurons of a table: hinges of features and of other directions, chosen for what they explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._learner.model.model import Float64Array, Model, Rows

__all__ = ["Selection", "augmented", "select"]

_QUANTILES = (0.5, 0.25, 0.75, 0.1, 0.9, 0.4, 0.6)  # of a feature, where its hinges may be; the first ones first
_QUANTILES_ACROSS = (0.2, 0.5, 0.8)  # of other directions
_RANDOM_DIRECTIONS, _MOMENT_DIRECTIONS = 30, 4
_MOST_HINGES, _HINGE_ROWS = 1200, 3000
_RIDGE = 1e-3  # of the rows' number, in the choice of hinges


def augmented(X: Float64Array) -> Float64Array:
    """Append a column of ones."""
    return np.column_stack([X, np.ones(len(X))])


def _roots(rows: Rows) -> Float64Array:
    """Square roots of the weights: rows multiplied by them have weights of one."""
    return np.ones(len(rows)) if rows.weights is None else np.sqrt(rows.weights)


def _hinges(X: Float64Array, residuals: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Candidate neurons (m, d + 1): a direction and a threshold, within the range of the rows."""
    d = X.shape[1]
    found = []
    # Features whose distance from the middle goes with what a line leaves over, if there are too many.
    apart = np.abs(residuals @ np.abs(X - np.median(X, axis=0)))
    features = np.argsort(-apart, kind="stable")[: _MOST_HINGES // 2]
    each = int(np.clip(_MOST_HINGES // (2 * len(features)), 1, len(_QUANTILES)))
    for j in np.sort(features):
        values = np.unique(np.quantile(X[:, j], _QUANTILES[:each]))
        # A feature of two values has no hinge that a line does not have.
        inside = values[(values > X[:, j].min()) & (values < X[:, j].max())]
        rows = np.zeros((len(inside), d + 1))
        rows[:, j], rows[:, -1] = 1.0, -inside
        found.append(rows)
    second = (X * residuals[:, None]).T @ X
    values, vectors = np.linalg.eigh(second)
    leading = vectors[:, np.argsort(-np.abs(values))[:_MOMENT_DIRECTIONS]].T
    directions = np.vstack([leading, rng.standard_normal((_RANDOM_DIRECTIONS, d))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for u, levels in zip(directions, np.quantile(X @ directions.T, _QUANTILES_ACROSS, axis=0).T, strict=True):
        found.append(np.column_stack([np.tile(u, (len(levels), 1)), -levels]))
    return np.concatenate(found)


@dataclass(frozen=True)
class Selection:
    """Hinges in the order of choice, and how to start from the first few of them."""

    hinges: Float64Array
    rows: Rows

    def start(self, width: int) -> Model:
        """A model of the first hinges and a line, fitted together with a little decay."""
        X = augmented(self.rows.X)
        hinges = self.hinges[:width]
        root = _roots(self.rows)
        design = root[:, None] * np.column_stack([np.maximum(X @ hinges.T, 0.0), X])
        inner = design.T @ design + _RIDGE * len(X) * np.eye(design.shape[1])
        coef = np.linalg.solve(inner, design.T @ (root * self.rows.y))
        output = np.where(np.abs(coef[: len(hinges)]) > _RIDGE, coef[: len(hinges)], _RIDGE)
        return Model(np.sign(output), np.vstack([np.abs(output)[:, None] * hinges, coef[len(hinges) :]]))


def select(rows: Rows, width: int, rng: np.random.Generator) -> Selection:
    """Choose hinges one by one, each for what it explains beyond a line and those before (orthogonal matching)."""
    if len(rows) > _HINGE_ROWS:
        rows = rows.part(np.sort(rng.choice(len(rows), _HINGE_ROWS, replace=False)))
    n, d = rows.X.shape
    if not width:
        return Selection(np.empty((0, d + 1)), rows)
    root = _roots(rows)
    X = augmented(rows.X)
    line = np.vstack([X * root[:, None], np.sqrt(_RIDGE * n) * np.eye(d + 1)])
    basis = np.linalg.qr(line)[0][:n]

    def beyond_line(values: Float64Array) -> Float64Array:
        values = (values.T * root).T
        return np.asarray(values - basis @ (basis.T @ values))

    left = beyond_line(rows.y)
    hinges = _hinges(rows.X, left * root, rng)
    columns = beyond_line(np.maximum(X @ hinges.T, 0.0))
    gram, slope = columns.T @ columns, columns.T @ left
    size = np.diag(gram).copy()
    least = 1e-2 * float(np.median(size))  # a hinge at the edge of the rows, or explained by others
    factor = np.zeros((len(hinges), 0))
    chosen: list[int] = []
    for _ in range(min(width, len(hinges))):
        gain = np.where(size > least, np.square(slope) / (size + _RIDGE * n), 0.0)
        gain[chosen] = 0.0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        pivot = np.sqrt(size[best] + _RIDGE * n)
        column = (gram[:, best] - factor @ factor[best]) / pivot
        slope = slope - column * (slope[best] / pivot)
        size = size - np.square(column)
        factor = np.column_stack([factor, column])
    return Selection(hinges[chosen], rows)
