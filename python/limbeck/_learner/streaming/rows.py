"""Rows read in passes over blocks, in the place of rows in memory: errors, normal matrices, refinement."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.damped_steps import DampedSteps
from limbeck._learner.streaming.model_sums import ModelSums
from limbeck._learner.streaming.scan import RowSource, Scan
from limbeck._learner.streaming.settings import STREAMING, StreamingSettings
from limbeck.blocks._passes import sum_over

__all__ = ["StreamedRows"]

_ROUNDING = 1e-14  # of the sum of sizes: what flipping the signs of neurons may leave


class _OutOfTime(Exception):
    """A pass cannot end within the time limit."""


class StreamedRows:
    """All rows of blocks, in the coordinates and the unit of a fit; a :class:`limbeck._learner.model.rows.FitRows`.

    Parameters
    ----------
    source : RowSource
        The blocks.
    scan : Scan
        Result of the first pass.
    coordinates : Whitening or None
        From the blocks' rows to those of the fit.
    unit : float
        What labels are divided by, a power of two.
    sample : Rows
        Some of the rows, in these coordinates and this unit.
    progress : Progress
        Shows passes; ends them when time is up.
    settings : StreamingSettings
        Numbers that decide the result.

    Attributes
    ----------
    count : int
        Number of rows of positive weight.
    variance : float
        Weighted variance of the labels; one where they are constant.
    n_threads : int or None
        Number of threads.
    """

    def __init__(
        self,
        source: RowSource,
        scan: Scan,
        coordinates: Whitening | None,
        unit: float,
        sample: Rows,
        progress: Progress,
        settings: StreamingSettings = STREAMING,
    ) -> None:
        self._settings = settings
        self._source, self._coordinates, self._unit = source, coordinates, unit
        self._sample, self._progress = sample, progress
        self._n_rows, self.count = scan.n_rows, scan.count
        self.n_threads = sample.n_threads
        self.variance = scan.squares / scan.weight / unit**2 or 1.0
        self._last_sums: ModelSums | None = None

    def __len__(self) -> int:
        return self.count

    @property
    def n_features(self) -> int:
        """Number of features in the coordinates of the fit."""
        return int(self._sample.X.shape[1])

    def sums(self, model: Model, what: str = "gradient") -> ModelSums:
        """Sums over all rows at a model, by a pass unless they are those of the last one."""
        last = self._last_sums
        if last is None or not _is_same(last.model, model) or (what != "gradient" and last.what != what):
            if time.perf_counter() > self._progress.deadline:
                raise _OutOfTime
            empty = ModelSums(model, self._coordinates, self._unit, what)
            show = self._progress.begin_pass(f"pass: {what}")

            def report(done: int, n_rows: int | None) -> None:
                show(done, n_rows or self._n_rows)
                if done < self._n_rows and time.perf_counter() > self._progress.deadline:
                    raise _OutOfTime

            last = sum_over(self._source, empty, self.n_threads, report)
            if last.n_rows != self._n_rows:
                raise ValueError(f"the blocks had {self._n_rows} rows at first, and {last.n_rows} in a later pass")
            self._last_sums = last
        return last

    def mean_error(self, model: Model) -> float:
        """Weighted mean squared error of a model; that of the sample where the time is up.

        No pass is made for the function of the last one in other parameters: its error is known.
        """
        try:
            sums = self._last_sums
            if sums is None or not _is_same_function(sums.model, model):
                sums = self.sums(model)
            return sums.error / sums.weight
        except _OutOfTime:
            return self._sample.mean_error(model)

    def sample_stands_for_all(self, model: Model) -> bool:
        """Whether the sample's normal matrix is so near that of all rows that steps by it are nearly the same."""
        return len(self._sample) >= self._settings.least_rows_per_parameter * model.parameters.size

    def normal_matrix(self, model: Model) -> Float64Array:
        """``J' V J / sum(V)`` in all parameters, of the sample if that stands for all rows."""
        try:
            return self.sampled_matrix(model) if self.sample_stands_for_all(model) else self.exact_matrix(model)
        except _OutOfTime:
            return self.sampled_matrix(model)

    def sampled_matrix(self, model: Model) -> Float64Array:
        """Normal matrix of as many rows of the sample as are needed, drawn from all over it."""
        count, n = self._settings.max_rows_per_parameter * model.parameters.size, len(self._sample)
        if count >= n:
            return self._sample.normal_matrix(model)
        # Drawn, not taken at equal distances: rows may have a period. From a seed of its own: no earlier call matters.
        drawn = np.sort(np.random.default_rng(0).choice(n, count, replace=False))
        return self._sample.part(drawn).normal_matrix(model)

    def exact_matrix(self, model: Model) -> Float64Array:
        """Normal matrix of all rows."""
        sums = self.sums(model, "matrix")
        assert sums.matrix is not None
        return sums.matrix / sums.weight

    def prepare_standard_errors(self, model: Model) -> None:
        """Make the pass that standard errors take now, while the blocks are sure to be there, unless the time is up."""
        with suppress(_OutOfTime):
            self.sums(Model(model.signs, model.parameters / self._unit), "sandwich")

    def has_standard_errors(self, model: Model) -> bool:
        """Whether standard errors of a model, for labels as they are, need no pass."""
        last = self._last_sums
        return (
            last is not None
            and last.what == "sandwich"
            and _is_same(last.model, Model(model.signs, model.parameters / self._unit))
        )

    def sandwich(self, model: Model) -> tuple[Float64Array, Float64Array, float]:
        """Parts of the sandwich covariance of a model for labels as they are, not over ``unit``; see ``FitRows``."""
        self._progress.deadline = np.inf  # asked for by the user, after the time limit of the search
        # Derivatives do not depend on the unit, a power of two.
        sums = self.sums(Model(model.signs, model.parameters / self._unit), "sandwich")
        assert sums.matrix is not None
        assert sums.score_matrix is not None
        bread = sums.matrix / sums.weight
        meat = sums.score_matrix / sums.scores if sums.scores else bread.copy()
        return bread, meat, self._unit * float(np.sqrt(sums.scores)) / sums.weight

    def refined(self, model: Model, fit: Fit, *, tolerance: float, step_solver: str = "auto") -> tuple[Model, float]:
        """Refine a model on all rows; returns it with its weighted mean squared error.

        Levenberg-Marquardt with one pass a step, for the error and its gradient. The normal matrix is that of the
        sample, as long as its steps are taken.
        """
        system = DampedSteps(self, self._sample, fit, model, self._settings)
        here: ModelSums | None = None
        try:
            here = self.sums(model)
            for _ in range(min(fit.max_steps, self._settings.max_steps)):
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


def _is_same(a: Model, b: Model) -> bool:
    return np.array_equal(a.signs, b.signs) and np.array_equal(a.parameters, b.parameters)


def _is_same_function(a: Model, b: Model) -> bool:
    """Whether models differ only by the signs of neurons, ``s relu(z) = s relu(-z) + s z``."""
    if not np.array_equal(a.signs, b.signs):
        return False
    flipped = (a.neurons == -b.neurons).all(axis=1)
    if not np.array_equal(np.where(flipped, -1.0, 1.0)[:, None] * a.neurons, b.neurons):
        return False
    moved = (flipped * a.signs)[:, None] * a.neurons
    sizes = np.abs(a.parameters[-1]) + np.abs(moved).sum(axis=0)
    return bool((np.abs(a.parameters[-1] + moved.sum(axis=0) - b.parameters[-1]) <= _ROUNDING * sizes).all())
