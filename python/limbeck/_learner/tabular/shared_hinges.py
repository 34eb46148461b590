"""Hinges anywhere for several labels: along the largest component of what is left, in turn, refined together."""

from __future__ import annotations

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows
from limbeck._learner.tabular.learner import fit_any

__all__ = ["shared_hinges"]

# Principal components that hinges are searched along, one after another: refinement on all labels together moves each
# neuron to where it serves them all.
_MOST_COMPONENTS = 4


def shared_hinges(
    rows: SharedRows, width: int | None, max_width: int, fit: SharedFit, progress: Progress, rng: np.random.Generator
) -> SharedModel:
    """The best network of several outputs and so many hinges that was found, for inputs of any distribution.

    Parameters
    ----------
    rows : SharedRows
        Inputs, standardised, and labels of sizes about one.
    width : int, optional
        Largest number of neurons; None to choose it.
    max_width : int
        Largest number of neurons when it is chosen.
    fit : SharedFit
        How to refine.
    progress : Progress
        Gets a report of every network; ends the search when time is up.
    rng : numpy.random.Generator
        Source of candidates.
    """
    most = max_width if width is None else width
    best, error = fit(shared_linear_model(rows.X.shape[1], rows.Y.shape[1]), rows)
    turns = min(_MOST_COMPONENTS, rows.Y.shape[1], most)
    for turn in range(turns):
        left = -(-(most - best.width) // (turns - turn))
        if not left or not error or (turn and progress.out_of_time()):
            break
        residuals = rows.Y - best(rows.X, rows.n_threads)
        component = np.linalg.eigh(residuals.T @ residuals)[1][:, -1]
        one = Rows(rows.X, residuals @ component, rows.weights, rows.n_threads)
        given = left if width is not None else None
        found = fit_any(one, given, left, Fit(deadline=fit.deadline), progress, rng).model
        if not found.width:
            continue
        start = best.with_neurons(found.neurons, np.outer(found.signs, component))
        trial, there = fit(start, rows)
        if there < error:
            best, error = trial, there
    return best
