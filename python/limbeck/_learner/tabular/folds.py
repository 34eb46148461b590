"""Folds of few rows: errors on rows left out of networks of every width, with everything chosen without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.width import constant_model

__all__ = ["Folds"]


class Folds:
    """Splits of few rows, the same for all methods that are compared; of very few rows several.

    Parameters
    ----------
    rows : Rows
        Rows to split.
    rng : numpy.random.Generator
        Source of the splits.
    settings : TabularSettings
        Numbers of folds and repeats.
    """

    def __init__(self, rows: Rows, rng: np.random.Generator, settings: TabularSettings) -> None:
        n = len(rows)
        self._rows = rows
        self._repeats = int(np.clip(settings.fold_rows // n, 1, settings.max_repeats))
        places = [rng.permutation(n) % settings.folds for _ in range(self._repeats)]
        held = [np.flatnonzero(place == fold) for place in places for fold in range(settings.folds)]
        self._parts = [(rows.part(np.delete(np.arange(n), out)), out) for out in held]

    def errors(self, models_of: Callable[[Rows], list[Model]]) -> list[Float64Array]:
        """Squared errors (n,) of some models, means over the splits, times the rows' weights.

        ``models_of`` learns them, the same number each time, from rows.
        """
        squares: list[Float64Array] = []
        for used, out in self._parts:
            models = models_of(used) if np.ptp(used.y) else [constant_model(used, float(used.y[0]))]
            left_out = self._rows.part(out)
            if len(models) == 1:  # a constant stands for all
                models = models * max(1, len(squares))
            while len(squares) < len(models):
                squares.append(squares[0].copy() if squares else np.zeros(len(self._rows)))
            for square, model in zip(squares, models, strict=True):
                square[out] += np.square(left_out.residuals(model))
        return [self._rows.errors_of(np.sqrt(square / self._repeats)) for square in squares]
