"""Means of networks, each searched for without one fold of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck._base.prediction_range import PredictionRange
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["Bag", "fit_bag", "mean_of"]


@dataclass(frozen=True)
class Bag:
    """The networks that a network is the mean of.

    Attributes
    ----------
    widths : tuple of int
        Numbers of neurons of each; the mean has all of them.
    r2 : float
        R2 of each on the rows that it was searched for without, all of these rows together. The mean is better as a
        rule (by the networks' variance about it), so that this is a cautious estimate of its R2.
    """

    widths: tuple[int, ...]
    r2: float


def fit_bag(
    rows: Rows,
    used: NDArray[np.intp],
    folds: int,
    rng: np.random.Generator,
    fitted: Callable[[NDArray[np.intp]], Model],
    out_of_time: Callable[[], bool],
    margin: float | None,
) -> tuple[Model, Bag, float]:
    """Search without one fold of the rows after the other, and take the mean.

    Parameters
    ----------
    rows : Rows
        All rows.
    used : ndarray of int
        Numbers of the rows to learn from.
    folds : int
        Number of folds, and of networks.
    rng : numpy.random.Generator
        Source of the split.
    fitted : callable
        Network for the rows of some numbers.
    out_of_time : callable
        Whether to end early. The network of the fold that was cut short counts only if it is the first.
    margin : float or None
        Part of the range of the labels learned from by which predictions may leave it; None: they are not cut.

    Returns
    -------
    tuple of (Model, Bag, float)
        The mean, what it is the mean of, and the mean squared error of the networks on the rows left out.
    """
    models: list[Model] = []
    errors, weight = 0.0, 0.0
    for fold in np.array_split(rng.permutation(used), folds):
        others = np.setdiff1d(used, fold)
        model = fitted(others)
        if models and out_of_time():
            break
        models.append(model)
        left_out, y = rows.part(np.sort(fold)), rows.y[others]
        residuals = left_out.residuals(model)
        if margin is not None:
            bounds = PredictionRange.around(float(y.min()), float(y.max()), margin)
            residuals = bounds.residuals(residuals, left_out.y)
        errors += float(left_out.row_weights @ np.square(residuals))
        weight += left_out.total_weight
        if out_of_time():
            break
    mse, learned = errors / weight, rows.part(used)
    r2 = 1 - mse / learned.variance if np.ptp(learned.y) else np.nan
    return mean_of(models), Bag(tuple(model.width for model in models), r2), mse


def mean_of(models: Sequence[Model]) -> Model:
    """The mean of some networks: the neurons of all, each over the number of networks, and the mean linear part."""
    share = 1.0 / len(models)
    neurons = [share * model.parameters[:-1] for model in models]
    linear = share * np.sum([model.parameters[-1] for model in models], axis=0)
    return Model(np.concatenate([model.signs for model in models]), np.vstack([*neurons, linear]))
