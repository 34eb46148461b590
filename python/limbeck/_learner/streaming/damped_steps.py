"""Levenberg-Marquardt steps on rows in blocks: one pass for error and gradient, a sample's normal matrix."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.model.model import Model
from limbeck._learner.model.normal_equations import add_to_diagonal, decay_of_parameters, to_unit_diagonal
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.model_sums import ModelSums
from limbeck._learner.streaming.settings import STREAMING, StreamingSettings

__all__ = ["DampedSteps", "NormalMatrices"]


class NormalMatrices(Protocol):
    """Normal matrices of all rows, and of a sample of them."""

    def sample_stands_for_all(self, model: Model) -> bool:
        """Whether the matrix of the sample is near that of all rows."""
        ...

    def sampled_matrix(self, model: Model) -> Float64Array:
        """Normal matrix of the sample."""
        ...

    def exact_matrix(self, model: Model) -> Float64Array:
        """Normal matrix of all rows."""
        ...


class DampedSteps:
    """Levenberg-Marquardt steps from sums over all rows and the normal matrix of a sample.

    Parameters
    ----------
    rows : NormalMatrices
        All rows.
    sample : Rows
        Some of the rows, in memory.
    fit : Fit
        Which parameters move, and the weight decay.
    model : Model
        Where the steps begin; the number of its parameters decides how they are solved.
    settings : StreamingSettings
        Damping, tolerances, and bounds of sizes.
    """

    def __init__(
        self, rows: NormalMatrices, sample: Rows, fit: Fit, model: Model, settings: StreamingSettings = STREAMING
    ) -> None:
        self._rows, self._sample, self._settings = rows, sample, settings
        self._damping = settings.first_damping
        self._refused = 0  # steps in a row
        self._matrix: Float64Array | None = None  # of the sample: it is kept where the model moves little
        self._dense = model.parameters.size <= settings.max_dense_parameters
        self._sampled = not self._dense or rows.sample_stands_for_all(model)
        self._free = fit.free(model)
        self._decay = decay_of_parameters(fit.decay, model)

    def cost_and_gradient(self, at: ModelSums) -> tuple[float, Float64Array]:
        """Half of the mean squared error and of the decay, and the derivative by the parameters that move."""
        parameters = at.model.parameters
        cost = at.error / at.weight / 2 + float((self._decay * np.square(parameters)).sum()) / 2
        return cost, np.where(self._free, at.gradient / at.weight + self._decay * parameters, 0.0)

    def step(self, model: Model, gradient: Float64Array) -> Float64Array:
        """The step to the minimum of the damped quadratic approximation."""
        if not self._dense:
            return self._iterated(model, gradient)
        if self._matrix is None or not self._sampled:
            self._matrix = self._rows.sampled_matrix(model) if self._sampled else self._rows.exact_matrix(model)
        matrix = self._matrix.copy()
        diagonal = matrix.diagonal() + self._decay.ravel()
        least = self._settings.least_relative_diagonal * diagonal.max(initial=0.0)
        add_to_diagonal(matrix, self._decay.ravel() + self._damping * np.maximum(diagonal, least))
        free = np.flatnonzero(self._free)
        step = np.zeros(gradient.size)
        inner = matrix[np.ix_(free, free)]
        scale = to_unit_diagonal(inner)
        cutoff = self._settings.relative_cutoff
        step[free] = -scale * np.linalg.lstsq(inner, scale * gradient.ravel()[free], rcond=cutoff)[0]
        return step.reshape(gradient.shape)

    def _iterated(self, model: Model, gradient: Float64Array) -> Float64Array:
        """A step by conjugate gradients with products over the sample: the matrix would be too large."""
        rows, parameters = self._sample, np.ascontiguousarray(model.parameters)
        weights = rows.row_weights
        gates = np.column_stack(
            [rows.along(model.neurons[:, :-1]) + model.neurons[:, -1] > 0, np.ones(len(rows), bool)]
        )
        shares = (gates * (weights / weights.sum())[:, None]).T
        diagonal = np.column_stack([shares @ np.square(rows.X), shares.sum(axis=1)]) + self._decay
        diagonal += self._damping * diagonal + self._settings.least_relative_diagonal * diagonal.max()

        def product(v: Float64Array) -> Float64Array:
            image = _kernels.normal_product(
                rows.X,
                rows.y,
                rows.weights,
                model.signs,
                parameters,
                np.ascontiguousarray(v),
                thread_count(rows.n_threads),
            )
            return np.where(self._free, image + (self._decay + self._damping * diagonal) * v, 0.0)

        step, residual = np.zeros_like(gradient), -gradient
        direction = preconditioned = residual / diagonal
        size = first = float((residual * preconditioned).sum())
        for _ in range(self._settings.conjugate_gradient_steps):
            if size <= self._settings.conjugate_gradient_tolerance**2 * first:
                break
            image = product(direction)
            length = size / float((direction * image).sum())
            step, residual = step + length * direction, residual - length * image
            preconditioned = residual / diagonal
            before, size = size, float((residual * preconditioned).sum())
            direction = preconditioned + size / before * direction
        return step

    def adapt(self, better: bool) -> bool:
        """Change the damping after a step that was taken, or refused; returns whether to go on."""
        settings = self._settings
        self._refused = 0 if better else self._refused + 1
        if better:
            self._damping = max(settings.first_damping, self._damping / settings.damping_factor)
        elif self._sampled and self._dense:
            # The sample misses something, such as a neuron that few rows reach.
            self._sampled, self._matrix = False, None
        else:
            self._damping = max(settings.least_damping_after_refusal, settings.damping_factor * self._damping)
        return self._refused < settings.max_refused
