"""Cross-validation of a result of few rows: the whole search is made again on all folds but one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.prediction_range import PredictionRange
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.settings import TABULAR, TabularSettings

__all__ = ["FEWEST_HELD_OUT", "CrossValidation", "LineComparison", "Refit", "can_be_refitted", "cross_validate"]

# Rows held out: of fewer, R2 has a standard error of a tenth and more where half of the variance is explained.
FEWEST_HELD_OUT = 100


@dataclass(frozen=True)
class Refit:
    """A network that was searched for on some rows, and how it was fitted.

    Attributes
    ----------
    model : Model
        The network, in the coordinates of its rows and the unit of their labels.
    rows : Rows
        Rows in these coordinates.
    fit : Fit
        How it was refined.
    decay : float or ndarray of shape (k + 1,)
        Weight decay of the fit.
    coordinates : Whitening or None
        From the user's rows to these.
    prediction_range : PredictionRange or None
        Where predictions are kept.
    """

    model: Model
    rows: Rows
    fit: Fit
    decay: float | Float64Array
    coordinates: Whitening | None
    prediction_range: PredictionRange | None = None


@dataclass(frozen=True)
class LineComparison:
    """Whether a line is as good as a network, on rows that were left out.

    Attributes
    ----------
    is_no_worse : bool
        Whether the line's squared errors are larger by no more than chance, or are rounding.
    """

    is_no_worse: bool

    @classmethod
    def of(
        cls, network: Float64Array, line: Float64Array, variance: float, settings: TabularSettings = TABULAR
    ) -> LineComparison:
        """Compare squared errors (m,) row by row; ``variance`` is that of the labels."""
        gain = (line - network) / variance if variance else line - network  # squares of errors would leave float64
        chance = (
            settings.chance_standard_errors * float(gain.std(ddof=1)) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        )
        return cls(bool(gain.mean() < chance or line.mean() <= settings.exact_left_out * variance))


@dataclass(frozen=True)
class CrossValidation:
    """R2 on rows left out fold by fold, each time of a network searched for anew on the others.

    Attributes
    ----------
    folds, rows : int
        Numbers of folds and of rows.
    r2 : list of float
        R2 of networks of at most as many neurons as the result has, one less, and so on, down to the line.
    line : LineComparison
        The line compared with the networks of most neurons.
    mse : float
        Mean squared error of the networks of most neurons.
    """

    folds: int
    rows: int
    r2: list[float]
    line: LineComparison
    mse: float


def can_be_refitted(rows: Rows, settings: TabularSettings = TABULAR) -> bool:
    """Whether cross-validation with the search inside takes no more than a second or two."""
    return len(rows) <= settings.max_refitted_rows and rows.X.size <= settings.max_refitted_entries


def cross_validate(
    refit: Callable[[Rows], Refit], rows: Rows, width: int, settings: TabularSettings = TABULAR
) -> CrossValidation | None:
    """Cross-validate a search, and smaller widths from where it ends.

    Parameters
    ----------
    refit : callable
        Searches on rows as the user passed them.
    rows : Rows
        All rows.
    width : int
        Number of neurons of the result.
    settings : TabularSettings
        Numbers of folds, and what is chance.

    Returns
    -------
    CrossValidation or None
        None where a fold leaves too little to learn from.
    """
    n = len(rows)
    folds = n if n <= settings.leave_one_out_up_to else 10 if n < settings.five_folds_from else 5
    squares = np.empty((width + 1, n))
    for fold in np.array_split(np.random.default_rng(0).permutation(n), folds):
        others, left_out = np.setdiff1d(np.arange(n), fold), rows.part(np.sort(fold))
        try:
            refitted = refit(rows.part(others))
        except np.linalg.LinAlgError:
            raise  # a fault, though a ValueError by its class
        except ValueError:  # without the fold too few rows, or features that do not vary
            return None
        if refitted.coordinates is not None:
            left_out = Rows(refitted.coordinates(left_out.X), left_out.y, None, rows.n_threads)
        squares[:, np.sort(fold)] = _squares(refitted.model, left_out, refitted.prediction_range)
        model, decay = refitted.model, refitted.decay
        for fewer in range(model.width - 1, -1, -1):
            model, decay = pruned(model, refitted.rows, refitted.fit, fewer, decay)
            squares[min(fewer, width), np.sort(fold)] = _squares(model, left_out, refitted.prediction_range)
    if rows.weights is not None:
        squares *= rows.weights / rows.weights.mean()
    if not np.ptp(rows.y):
        return None
    r2 = [float(1 - errors.mean() / rows.variance) for errors in squares[::-1]]
    line = LineComparison.of(squares[-1], squares[0], rows.variance, settings)
    return CrossValidation(folds, n, r2, line, float(squares[-1].mean()))


def _squares(model: Model, rows: Rows, bounds: PredictionRange | None) -> Float64Array:
    """Squared errors of predictions that are kept within bounds."""
    residuals = rows.residuals(model)
    return np.square(residuals if bounds is None else bounds.residuals(residuals, rows.y))
