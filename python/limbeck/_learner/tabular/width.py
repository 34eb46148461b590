"""The choice of the width: widths to try, and the smallest that is as good as the best."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.settings import TabularSettings

__all__ = ["constant_model", "smallest_as_good", "widths_to_try"]


def widths_to_try(max_width: int, n: int, d: int, settings: TabularSettings) -> list[int]:
    """Widths to try, rising: beyond a few neurons, those of no more parameters than rows."""
    widths = sorted({w for w in settings.widths if w < max_width} | {max_width})
    return [w for w in widths if w <= settings.few_neurons or (w + 1) * (d + 1) <= n]


def constant_model(rows: Rows, value: float) -> Model:
    """A model of one value, for rows of as many features."""
    model = linear_model(rows.n_features)
    model.parameters[-1, -1] = value
    return model


def smallest_as_good(errors: list[Float64Array], standard_errors: float, of_line: float | None = None) -> int:
    """The first place whose errors (n,), row by row, are not clearly larger than those of the least mean.

    ``standard_errors`` of a mean difference may be chance; ``of_line`` of that of the first, where it is given.
    """
    best = int(np.argmin([e.mean() for e in errors]))
    for i, e in enumerate(errors[:best]):
        more, chance = e - errors[best], standard_errors if i or of_line is None else of_line
        if more.mean() <= chance * more.std() / np.sqrt(len(more)):
            return i
    return best
