"""Sums of ReLUs on inputs of any distribution: no moments, but thresholds, weight decay and cross-validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from limbeck._model import Fit, Float64Array, Model, Rows, linear_model
from limbeck._progress import Progress

__all__ = ["fit_any", "random_start"]

_WIDTHS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_DECAYS = (3e-3, 1e-2, 3e-2, 1e-1)
_STARTS = 2
_STEPS = 60
_FOLDS = 5
_FEW_ROWS = 20_000  # up to here every row is held out once; beyond, one fold says enough


def random_start(d: int, width: int, rng: np.random.Generator) -> Model:
    """Neurons in random directions that switch on within the bulk of standardised data."""
    model = linear_model(d)
    for i in range(width):
        u = rng.standard_normal(d)
        model = model.with_neuron(u / np.linalg.norm(u), 0.5 * (-1.0) ** i)
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.5 * rng.uniform(-1, 1, width)
    return Model(model.signs, parameters)


def _fit_width(rows: Rows, width: int, decay: float, fit: Fit, rng: np.random.Generator) -> Model:
    """The best of a few random starts, by its mean squared error on the rows it is fitted to."""
    fits = [fit(random_start(rows.X.shape[1], width, rng), rows, decay=decay) for _ in range(_STARTS if width else 1)]
    return min(fits, key=lambda fitted: fitted[1])[0]


def _folds(n: int, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of row numbers to fit and to check on."""
    order = rng.permutation(n)
    for part in range(_FOLDS if n <= _FEW_ROWS else 1):
        check = order[part * n // _FOLDS : (part + 1) * n // _FOLDS]
        yield np.setdiff1d(order, check), check


def fit_any(
    rows: Rows, width: int | None, max_width: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> tuple[Model, float, float]:
    """Learn from standardised rows; width and weight decay by cross-validation.

    Returns the model, the cross-validated error and the weight decay.

    Parameters
    ----------
    rows : Rows
        Inputs and labels, each column of mean 0 and standard deviation 1.
    width : int, optional
        Number of neurons; None to choose the smallest whose error is not clearly above the best.
    max_width : int
        Largest number of neurons to try.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every width.
    rng : numpy.random.Generator
        For folds and starts.
    """
    fit = fit.changed(max_steps=_STEPS, tolerance=1e-4, thresholds=True)
    splits = [(rows.part(a), rows.part(b)) for a, b in _folds(len(rows), rng)]
    widths = [width] if width is not None else [w for w in _WIDTHS if w <= max_width]
    errors: dict[tuple[int, float], Float64Array] = {}
    for w in widths:
        for decay in _DECAYS:
            trial = np.concatenate([check.errors(_fit_width(part, w, decay, fit, rng)) for part, check in splits])
            if progress.out_of_time():
                break  # some of these fits were cut off
            errors[w, decay] = trial
        if not errors:  # not even time for one width: a line, which takes no time to speak of
            fit.deadline = np.inf
            return _fit_width(rows, 0, _DECAYS[0], fit, rng), np.nan, _DECAYS[0]
        best_width = min(errors, key=lambda key: errors[key].mean())[0]
        progress.report("cross-validation", best_width, float(min(e.mean() for e in errors.values())))
        # Two widths in a row that do not help: wider ones will not either.
        if progress.out_of_time() or widths.index(w) >= widths.index(best_width) + 2:
            break
    best = min(errors, key=lambda key: errors[key].mean())
    enough = [key for key in errors if _not_worse(errors[key], errors[best])]
    chosen = min(enough, key=lambda key: (key[0], errors[key].mean()))
    progress.enter("refine")
    # The choice is made: what it takes to fit it once more is not cut off.
    fit.deadline = np.inf
    return _fit_width(rows, chosen[0], chosen[1], fit, rng), float(errors[chosen].mean()), chosen[1]


def _not_worse(errors: Float64Array, best: Float64Array) -> bool:
    """Whether the mean error exceeds the best one by at most a standard error of their difference, row by row."""
    difference = errors - best
    return bool(difference.mean() <= difference.std() / np.sqrt(len(difference)))
