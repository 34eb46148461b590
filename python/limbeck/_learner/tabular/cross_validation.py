"""How good networks of few rows are: the whole search again on all folds but one, and its error on that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Fit, Float64Array, Model, Rows
from limbeck._learner.model.pruning import narrowed

__all__ = ["FEWEST_HELD_OUT", "CrossValidation", "LineComparison", "Refit", "can_be_refitted", "cross_validate"]

# Of so few rows held out R2 has a standard error of a tenth and more where half of the variance is explained.
FEWEST_HELD_OUT = 100
# Rows, and entries of X, up to which the searches take a second or two in all; five folds from so many rows on.
_MOST_ROWS, _MOST_ENTRIES, _FIVE_FOLDS_FROM = 1000, 10_000, 40
_LEAVE_ONE_OUT = 20  # rows up to which every one is a fold: tenths of them would be one or two
_CHANCE = 2.0  # standard errors of a difference that chance makes up for
_EXACT = 1e-20  # of the variance of the labels: what is left over is rounding


@dataclass(frozen=True)
class Refit:
    """A network in the coordinates of its rows, in the unit of their labels, and how it was fitted."""

    model: Model
    rows: Rows
    fit: Fit
    decay: float | Float64Array
    coordinates: Whitening | None


@dataclass(frozen=True)
class LineComparison:
    """Squared errors, on rows that were left out, of a network and of the line in its place.

    Attributes
    ----------
    is_no_worse : bool
        Whether the line's are larger by less than two standard errors, or rounding.
    """

    is_no_worse: bool

    @classmethod
    def of(cls, network: Float64Array, line: Float64Array, variance: float) -> LineComparison:
        """Compare squared errors row by row; ``variance`` that of the labels."""
        gain = (line - network) / variance if variance else line - network  # their own squares leave float64
        chance = _CHANCE * float(gain.std(ddof=1)) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        return cls(bool(gain.mean() < chance or line.mean() <= _EXACT * variance))


@dataclass(frozen=True)
class CrossValidation:
    """R2 on rows left out fold by fold, each time of a network searched for anew on the others.

    Attributes
    ----------
    folds, rows : int
        Numbers of them.
    r2 : list of float
        Of networks of at most so many neurons as the result has, one less, and so on, down to the line.
    line : LineComparison
        Of the first and the last of these.
    """

    folds: int
    rows: int
    r2: list[float]
    line: LineComparison


def can_be_refitted(rows: Rows) -> bool:
    """Whether cross-validation with the search inside takes no more than a second or two."""
    return len(rows) <= _MOST_ROWS and rows.X.size <= _MOST_ENTRIES


def cross_validate(refit: Callable[[Rows], Refit], rows: Rows, width: int) -> CrossValidation | None:
    """Cross-validate a search, and smaller widths from where it ends.

    Parameters
    ----------
    refit : callable
        Searches on rows as the user passed them.
    rows : Rows
        All rows.
    width : int
        Number of neurons of the result.

    Returns
    -------
    CrossValidation or None
        None where a fold leaves too little to learn from.
    """
    n = len(rows)
    folds = n if n <= _LEAVE_ONE_OUT else 10 if n < _FIVE_FOLDS_FROM else 5
    squares = np.empty((width + 1, n))
    for fold in np.array_split(np.random.default_rng(0).permutation(n), folds):
        others, left_out = np.setdiff1d(np.arange(n), fold), rows.part(np.sort(fold))
        try:
            found = refit(rows.part(others))
        except np.linalg.LinAlgError:
            raise  # a fault, though a ValueError by its class
        except ValueError:  # without the fold too few rows, or features that do not vary
            return None
        if found.coordinates is not None:
            left_out = Rows(found.coordinates(left_out.X), left_out.y, None, rows.n_threads)
        squares[:, np.sort(fold)] = np.square(left_out.residuals(found.model))
        model, decay = found.model, found.decay
        for fewer in range(model.width - 1, -1, -1):
            model, decay = narrowed(model, found.rows, found.fit, fewer, decay)
            squares[min(fewer, width), np.sort(fold)] = np.square(left_out.residuals(model))
    if rows.weights is not None:
        squares *= rows.weights / rows.weights.mean()
    if not np.ptp(rows.y):
        return None
    r2 = [float(1 - one.mean() / rows.variance) for one in squares[::-1]]
    return CrossValidation(folds, n, r2, LineComparison.of(squares[-1], squares[0], rows.variance))
