"""Rows that are gone over block by block, in the place of rows in memory: refinement over all of them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._base.progress import Progress
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.model_sums import ModelSums
from limbeck._learner.streaming.scan import Scan
from limbeck.blocks._passes import sum_over

__all__ = ["StreamedRows"]

_FEWEST_PER_PARAMETER, _MOST_PER_PARAMETER = 100, 200  # rows of a sample that stand for all in normal matrices
_MOST_DENSE = 4000  # parameters up to which a step is solved by a factorisation
_FIRST_DAMPING = 1e-10
_MOST_REFUSED = 4  # steps in a row: what is left is a crawl from kink to kink
_MOST_STEPS = 30
_CG_STEPS, _CG_TOLERANCE = 200, 1e-3
_ROUNDING = 1e-14  # of the sum of sizes: what turning neurons round may leave


class _OutOfTime(Exception):
    """A pass that would go on beyond the time limit."""


class StreamedRows:
    """All rows of blocks, in the coordinates and the unit of a fit.

    Parameters
    ----------
    source : object with a method ``total``
        The blocks.
    scan : Scan
        What the first pass told.
    coordinates : Whitening or None
        From the blocks' rows to those of the fit.
    unit : float
        Of the labels.
    sample : Rows
        Some of the rows, in these coordinates and this unit.
    progress : Progress
        Shows passes; ends them when time is up.
    """

    def __init__(
        self,
        source: Any,  # noqa: ANN401
        scan: Scan,
        coordinates: Whitening | None,
        unit: float,
        sample: Rows,
        progress: Progress,
    ) -> None:
        self._source, self._coordinates, self._unit = source, coordinates, unit
        self._sample, self._progress = sample, progress
        self._n_rows, self.count = scan.n_rows, scan.count
        self.n_threads = sample.n_threads
        self.variance = scan.squares / scan.weight / unit**2 or 1.0
        self._known: ModelSums | None = None

    def __len__(self) -> int:
        return self.count

    @property
    def n_features(self) -> int:
        """In the coordinates of the fit."""
        return int(self._sample.X.shape[1])

    def sums(self, model: Model, what: str = "gradient") -> ModelSums:
        """Sums over all rows at a model, by a pass unless they are known."""
        known = self._known
        if known is None or not _same(known.model, model) or (what != "gradient" and known.what != what):
            if time.perf_counter() > self._progress.deadline:
                raise _OutOfTime
            empty = ModelSums(model, self._coordinates, self._unit, what)
            show = self._progress.begin_pass(f"pass: {what}")

            def report(done: int, n_rows: int | None) -> None:
                show(done, n_rows or self._n_rows)
                if done < self._n_rows and time.perf_counter() > self._progress.deadline:
                    raise _OutOfTime

            known = sum_over(self._source, empty, self.n_threads, report)
            if known.n_rows != self._n_rows:
                raise ValueError(f"the blocks had {self._n_rows} rows at first, and {known.n_rows} in a later pass")
            self._known = known
        return known

    def mean_error(self, model: Model) -> float:
        """Weighted mean squared error; that of the sample where the time is up."""
        try:
            known = self._known
            if known is None or not _same_function(known.model, model):
                known = self.sums(model)
            return known.error / known.weight
        except _OutOfTime:
            return self._sample.mean_error(model)

    def sample_stands_for_all(self, model: Model) -> bool:
        """Whether the sample's normal matrix is so near that of all rows that steps by it are nearly the same."""
        return len(self._sample) >= _FEWEST_PER_PARAMETER * model.parameters.size

    def normal_matrix(self, model: Model) -> Float64Array:
        """``J' V J / sum(V)``, of the sample if that will do."""
        try:
            return self.sampled_matrix(model) if self.sample_stands_for_all(model) else self.exact_matrix(model)
        except _OutOfTime:
            return self.sampled_matrix(model)

    def sampled_matrix(self, model: Model) -> Float64Array:
        """The same of as many rows of the sample as are needed, from all over it."""
        count, n = _MOST_PER_PARAMETER * model.parameters.size, len(self._sample)
        if count >= n:
            return self._sample.normal_matrix(model)
        # Drawn, not every so many: rows may have a period. The same ones for the same model, whatever came before.
        drawn = np.sort(np.random.default_rng(0).choice(n, count, replace=False))
        return self._sample.part(drawn).normal_matrix(model)

    def exact_matrix(self, model: Model) -> Float64Array:
        """The same of all rows."""
        known = self.sums(model, "matrix")
        assert known.matrix is not None
        return known.matrix / known.weight

    def prepare_standard_errors(self, model: Model) -> None:
        """Make their pass now, while the blocks are sure to be there, unless the time is up."""
        with suppress(_OutOfTime):
            self.sums(Model(model.signs, model.parameters / self._unit), "sandwich")

    def has_standard_errors(self, model: Model) -> bool:
        """Whether the sums that standard errors of a model take are there, so that no pass is needed."""
        known = self._known
        return (
            known is not None
            and known.what == "sandwich"
            and _same(known.model, Model(model.signs, model.parameters / self._unit))
        )

    def sandwich(self, model: Model) -> tuple[Float64Array, Float64Array, float]:
        """Of a model for labels as they are: see :meth:`limbeck._learner.model.model.Rows.sandwich`."""
        self._progress.deadline = np.inf  # whoever asks for them wants them
        # Derivatives do not depend on the unit, a power of two.
        known = self.sums(Model(model.signs, model.parameters / self._unit), "sandwich")
        assert known.matrix is not None
        assert known.score_matrix is not None
        bread = known.matrix / known.weight
        meat = known.score_matrix / known.scores if known.scores else bread.copy()
        return bread, meat, self._unit * float(np.sqrt(known.scores)) / known.weight

    def refined(self, model: Model, fit: Fit, *, tolerance: float, step_solver: str = "auto") -> tuple[Model, float]:
        """The model refined on all rows, and its mean squared error there.

        Levenberg-Marquardt with one pass a step, for the error and its gradient. The normal matrix is that of the
        sample, as long as its steps are taken.
        """
        system = _System(self, fit, model)
        here: ModelSums | None = None
        try:
            here = self.sums(model)
            for _ in range(min(fit.max_steps, _MOST_STEPS)):
                cost, gradient = system.cost_and_gradient(here)
                step = system.step(model, gradient)
                if -0.5 * float(step.ravel() @ gradient.ravel()) <= tolerance * cost or self._progress.out_of_time():
                    break
                trial = Model(model.signs, model.parameters + step)
                there = self.sums(trial)
                better = system.cost_and_gradient(there)[0] < cost
                self._progress.report(
                    "refine", model.width, float(min(here.error, there.error) / here.weight / self.variance)
                )
                if better:
                    model, here = trial, there
                if not system.adapt(better):
                    break
        except _OutOfTime:
            self._progress.stopped_early = True
        return model, self._sample.mean_error(model) if here is None else here.error / here.weight


def _same(a: Model, b: Model) -> bool:
    return np.array_equal(a.signs, b.signs) and np.array_equal(a.parameters, b.parameters)


def _same_function(a: Model, b: Model) -> bool:
    """Whether models are equal but for neurons that are turned round, as ``turned`` does it."""
    if not np.array_equal(a.signs, b.signs):
        return False
    turn = (a.neurons == -b.neurons).all(axis=1)
    if not np.array_equal(np.where(turn, -1.0, 1.0)[:, None] * a.neurons, b.neurons):
        return False
    moved = (turn * a.signs)[:, None] * a.neurons
    sizes = np.abs(a.parameters[-1]) + np.abs(moved).sum(axis=0)
    return bool((np.abs(a.parameters[-1] + moved.sum(axis=0) - b.parameters[-1]) <= _ROUNDING * sizes).all())


class _System:
    """The damped linear system of a step."""

    def __init__(self, rows: StreamedRows, fit: Fit, model: Model) -> None:
        self._rows, self._sample, self._damping = rows, rows._sample, _FIRST_DAMPING
        self._refused = 0
        self._matrix: Float64Array | None = None  # of the sample: it is kept where the model moves little
        self._dense = model.parameters.size <= _MOST_DENSE
        self._sampled = not self._dense or rows.sample_stands_for_all(model)
        self._free = np.ones(model.parameters.shape, dtype=bool)
        self._free[:-1, -1] = fit.thresholds
        self._decay = np.zeros(model.parameters.shape)
        self._decay[:, :-1] = np.broadcast_to(fit.decay, len(self._decay))[:, None]

    def cost_and_gradient(self, at: ModelSums) -> tuple[float, Float64Array]:
        """Half the mean squared error plus the decay's part, and the derivative by what may move."""
        parameters = at.model.parameters
        cost = at.error / at.weight / 2 + float((self._decay * np.square(parameters)).sum()) / 2
        return cost, np.where(self._free, at.gradient / at.weight + self._decay * parameters, 0.0)

    def step(self, model: Model, gradient: Float64Array) -> Float64Array:
        """The step that the damped quadratic form goes to."""
        if not self._dense:
            return self._iterated(model, gradient)
        if self._matrix is None or not self._sampled:
            self._matrix = self._rows.sampled_matrix(model) if self._sampled else self._rows.exact_matrix(model)
        matrix = self._matrix.copy()
        diagonal = matrix.diagonal() + self._decay.ravel()
        matrix.flat[:: len(matrix) + 1] += self._decay.ravel() + self._damping * np.maximum(
            diagonal, 1e-12 * diagonal.max(initial=0.0)
        )
        free = np.flatnonzero(self._free)
        step = np.zeros(gradient.size)
        # Unit diagonal: units and sizes of neurons do not matter then.
        scale = 1 / np.sqrt(np.maximum(matrix.diagonal()[free], np.finfo(np.float64).tiny))
        inner = matrix[np.ix_(free, free)] * np.multiply.outer(scale, scale)
        step[free] = -scale * np.linalg.lstsq(inner, scale * gradient.ravel()[free], rcond=1e-13)[0]
        return step.reshape(gradient.shape)

    def _iterated(self, model: Model, gradient: Float64Array) -> Float64Array:
        """The same by conjugate gradients with products over the sample: the matrix would be too large."""
        rows, parameters = self._sample, np.ascontiguousarray(model.parameters)
        weights = rows.row_weights
        gates = np.column_stack(
            [rows.along(model.neurons[:, :-1]) + model.neurons[:, -1] > 0, np.ones(len(rows), bool)]
        )
        shares = (gates * (weights / weights.sum())[:, None]).T
        diagonal = np.column_stack([shares @ np.square(rows.X), shares.sum(axis=1)]) + self._decay
        diagonal += self._damping * diagonal + 1e-12 * diagonal.max()

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

        step, left = np.zeros_like(gradient), -gradient
        direction = preconditioned = left / diagonal
        size = first = float((left * preconditioned).sum())
        for _ in range(_CG_STEPS):
            if size <= _CG_TOLERANCE**2 * first:
                break
            image = product(direction)
            length = size / float((direction * image).sum())
            step, left = step + length * direction, left - length * image
            preconditioned = left / diagonal
            before, size = size, float((left * preconditioned).sum())
            direction = preconditioned + size / before * direction
        return step

    def adapt(self, better: bool) -> bool:
        """Be bolder after a step that was taken, and more careful after one that was not; False at the end."""
        self._refused = 0 if better else self._refused + 1
        if better:
            self._damping = max(_FIRST_DAMPING, self._damping / 10)
        elif self._sampled and self._dense:
            self._sampled, self._matrix = (
                False,
                None,
            )  # the sample misses something, such as a neuron that few rows reach
        else:
            self._damping = max(1e-3, 10 * self._damping)
        return self._refused < _MOST_REFUSED
