"""A line whose weight decay the rows set by their evidence, for any number of features."""

from __future__ import annotations

import numpy as np

from limbeck._learner.model.model import Model
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask, SparseModel

__all__ = ["line_by_evidence"]


def line_by_evidence(task: FitTask, settings: TabularSettings) -> SparseModel:
    """Fit a line to rows, with the likeliest weight decay.

    Parameters
    ----------
    task : FitTask
        Rows to fit.
    settings : TabularSettings
        Rounds and bounds of the decay.
    """
    n, d = len(task), task.n_features
    X = task.features[:-1]
    weights = np.ones(n) if task.weights is None else task.weights
    centre = (X @ weights / n)[:, None]
    mean = float(task.y @ weights) / n
    root = np.sqrt(weights)
    design = (X - centre) * root
    # Of the smaller Gram matrix: its eigenvalues are the squared singular values.
    values, vectors = np.linalg.eigh((design @ design.T if d <= n else design.T @ design) / n)
    values = np.maximum(values, 0.0)
    right = root * (task.y - mean)
    slopes = vectors.T @ (design @ right) / n if d <= n else np.sqrt(values / n) * (vectors.T @ right)
    total = float(right @ right) / n
    decay = settings.first_decay * max(1.0, d / n)
    for _ in range(settings.line_rounds):
        weights_of = slopes / (values + decay)
        effective = max(float((values / (values + decay)).sum()), 1e-3)
        mse = max(total - float(weights_of @ (2 * slopes - values * weights_of)), 0.0)
        noise = mse / max(1 - (effective + 1) / task.count, settings.least_noise_fraction)
        size = float(weights_of @ weights_of)
        decay = effective * noise / task.count / size if size > 0 else settings.largest_decay
        decay = float(np.clip(decay, settings.least_decay, settings.largest_decay))
        # With as many features as rows the evidence is unbounded as the noise goes to 0.
        while float((values / (values + decay)).sum()) > settings.max_fraction_taken * task.count:
            decay *= 2
    if d <= n:
        coef = vectors @ (slopes / (values + decay))
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(values > 0, (vectors.T @ right) / (n * (values + decay)), 0.0)
        coef = design @ (vectors @ scaled)
    parameters = np.append(coef, mean - float(coef @ centre[:, 0]))[None]
    return SparseModel(Model(np.empty(0), parameters), np.ones((1, d + 1), dtype=bool), np.array([decay]))
