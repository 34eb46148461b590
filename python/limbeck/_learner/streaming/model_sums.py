"""Sums of later passes over blocks: errors of a model, their gradient, and normal matrices."""

from __future__ import annotations

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import thread_count
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows, normal_matrix
from limbeck.blocks._protocol import Block, SupportsSum, validated_chunks

__all__ = ["ModelSums"]


class ModelSums(SupportsSum):
    """Sums over rows at one model; adds up by ``+``.

    With v the weights, r the residuals and J the derivatives by the parameters:

    Parameters
    ----------
    model : Model
        In the coordinates of the fit, for labels in their unit.
    coordinates : Whitening or None
        From the blocks' rows to those of the fit.
    unit : float
        What labels are divided by.
    what : {"gradient", "matrix", "sandwich"}
        How much to sum up.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    weight, error : float
        Sums of v, and of v r^2.
    gradient : ndarray of shape (k + 1, d + 1)
        Gradient of half of ``error``: minus the sum of v r J.
    matrix : ndarray of shape (P, P) or None
        Sum of v J J'.
    score_matrix, scores : ndarray of shape (P, P) or None, float
        Sums of (v r)^2 J J' and of (v r)^2.
    """

    def __init__(self, model: Model, coordinates: Whitening | None, unit: float, what: str) -> None:
        self.model, self.coordinates, self.unit, self.what = model, coordinates, unit, what
        self.n_rows = 0
        self.weight = self.error = self.scores = 0.0
        size = model.parameters.size
        self.gradient = np.zeros_like(model.parameters)
        self.matrix = np.zeros((size, size)) if what != "gradient" else None
        self.score_matrix = np.zeros((size, size)) if what == "sandwich" else None

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add the rows of a block."""
        for X, y, weights in validated_chunks(block, np.float64):
            self.n_rows += len(X)
            if weights is not None and not weights.all():
                X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
            if len(X):
                inner = X if self.coordinates is None else self.coordinates(X)
                self._take_rows(Rows(inner, y / self.unit, weights, n_threads))

    def _take_rows(self, rows: Rows) -> None:
        parameters = np.ascontiguousarray(self.model.parameters)
        error, gradient = _kernels.error_and_gradient(
            rows.X, rows.y, rows.weights, self.model.signs, parameters, thread_count(rows.n_threads)
        )
        if not np.isfinite(error):
            raise ValueError("X or y holds NaN or infinity, or numbers that were not there in the first pass")
        weight = float(len(rows)) if rows.weights is None else float(rows.weights.sum())
        self.error += error
        self.gradient += gradient
        self.weight += weight
        if self.matrix is not None:
            self.matrix += weight * normal_matrix(self.model, rows, rows.weights)
        if self.score_matrix is not None:
            squares = np.square(rows.scaled_residuals(self.model))
            if total := float(squares.sum()):
                self.scores += total
                self.score_matrix += total * normal_matrix(self.model, rows, squares)

    def __add__(self, other: ModelSums) -> ModelSums:
        total = ModelSums(self.model, self.coordinates, self.unit, "gradient")
        total.what = self.what
        for name in ("n_rows", "weight", "error", "scores", "gradient", "matrix", "score_matrix"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(total, name, None if mine is None else mine + theirs)
        return total
