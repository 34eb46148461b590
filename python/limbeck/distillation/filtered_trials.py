"""Monte Carlo trials of stages that are spectral filters, by the eigenvalues of each trial's rows."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck.distillation.stages import Stage
from limbeck.distillation.task import Task

__all__ = ["filtered_fit", "trial_generator"]


def trial_generator(seed: int, trial: int) -> np.random.Generator:
    """Source of random numbers that depends on the seed and the trial's number alone."""
    return np.random.default_rng(np.random.SeedSequence((seed, trial)))


def filtered_fit(
    rng: np.random.Generator, task: Task, n: int, stage: Stage, labels: Float64Array, noise: float
) -> Float64Array:
    """Coefficients (p,) of a stage on n new rows that coefficients label with noise of a variance.

    All are in the task's eigenbasis.
    """
    rows = rng.standard_normal((n, task.n_features)) * np.sqrt(task.eigenvalues)
    y = rows @ labels + np.sqrt(noise) * rng.standard_normal(n)
    # Singular values of the rows: as exact as the smaller of their two squares.
    U, sizes, Vt = np.linalg.svd(rows, full_matrices=False)
    squares = np.square(sizes) / n
    squares[sizes <= np.finfo(np.float64).eps * max(rows.shape) * sizes[0]] = 0.0
    return np.asarray(Vt.T @ (stage.filter(squares) * sizes * (U.T @ y))) / n
