"""The choice of the width: widths to try, and errors on folds that choose their hinges for themselves."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.evidence import fit_by_evidence
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.settings import TabularSettings

__all__ = ["Folds", "constant_model", "smallest_as_good", "widths_to_try"]


def widths_to_try(max_width: int, n: int, d: int, settings: TabularSettings) -> list[int]:
    """Widths to try, rising: beyond a few neurons, those of no more parameters than rows."""
    widths = sorted({w for w in settings.widths if w < max_width} | {max_width})
    return [w for w in widths if w <= settings.few_neurons or (w + 1) * (d + 1) <= n]


def constant_model(rows: Rows, value: float) -> Model:
    """A model of one value, for rows of as many features."""
    model = linear_model(rows.n_features)
    model.parameters[-1, -1] = value
    return model


class Folds:
    """Errors on rows left out, with everything chosen without them; of few rows, several splits.

    Parameters
    ----------
    rows : Rows
        Rows to split.
    max_width : int
        Largest number of neurons.
    fit : Fit
        How to refine.
    rng : numpy.random.Generator
        Source of the splits and candidates drawn.
    settings : TabularSettings
        Numbers of folds and repeats.
    """

    def __init__(
        self, rows: Rows, max_width: int, fit: Fit, rng: np.random.Generator, settings: TabularSettings
    ) -> None:
        self._rows, self._fit, self._settings, n = rows, fit, settings, len(rows)
        repeats = min(settings.repeated_rows // n, settings.repeated_entries // rows.X.size)
        self._repeats = int(np.clip(repeats, 1, settings.max_repeats))
        places = [rng.permutation(n) % settings.folds for _ in range(self._repeats)]
        held = [np.flatnonzero(place == fold) for place in places for fold in range(settings.folds)]
        self._parts = [(rows.part(np.delete(np.arange(n), out)), out) for out in held]
        self._selections = [select(used, max_width, rng, settings) for used, _ in self._parts]

    def errors(self, width: int) -> Float64Array:
        """Squared errors (n,) at a width, means over the splits, times the rows' weights."""
        squares = np.zeros(len(self._rows))
        for (used, out), selection in zip(self._parts, self._selections, strict=True):
            if np.ptp(used.y):
                model = fit_by_evidence(selection.start(width), used, self._fit, self._settings).model
            else:
                model = constant_model(used, float(used.y[0]))
            squares[out] += np.square(self._rows.part(out).residuals(model))
        return self._rows.errors_of(np.sqrt(squares / self._repeats))


def smallest_as_good(errors: list[Float64Array], settings: TabularSettings, line_is_first: bool = True) -> int:
    """The first place whose errors (n,), row by row, are not clearly larger than those of the least mean.

    Of a line, which would stand first, more of the difference may be chance.
    """
    best = int(np.argmin([e.mean() for e in errors]))
    for i, e in enumerate(errors[:best]):
        more = e - errors[best]
        of_line = line_is_first and not i
        standard_errors = settings.line_standard_errors if of_line else settings.fold_standard_errors
        if more.mean() <= standard_errors * more.std() / np.sqrt(len(more)):
            return i
    return best
