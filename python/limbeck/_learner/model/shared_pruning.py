"""Neurons that a network of several outputs does not need: faint ones, copies of others, and what noise explains."""

from __future__ import annotations

import numpy as np

from limbeck._learner.model.rows import EXACT
from limbeck._learner.model.shared_model import SharedModel
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows, with_best_outputs

__all__ = ["is_worth", "without_needless_neurons"]

# Of the variance: a neuron whose absence, the others' outputs solved for anew, leaves a larger error is needed.
_WORTH_A_TRY = 1e-9


def without_needless_neurons(
    model: SharedModel, error: float, fit: SharedFit, rows: SharedRows, exact: float = EXACT
) -> tuple[SharedModel, float]:
    """The network without the neurons that it is exact without, or whose gain chance explains, and its error.

    Parameters
    ----------
    model : SharedModel
        Refined on the rows.
    error : float
        Its mean squared error there.
    fit : SharedFit
        How to refine what is left.
    rows : SharedRows
        Rows.
    exact : float
        Error over the variance of the labels that rounding explains.
    """
    limit = exact * rows.variance
    while model.width:
        others = [np.delete(model.neurons, i, axis=0) for i in range(model.width)]
        errors = [with_best_outputs(neurons, rows)[1] for neurons in others]
        least = int(np.argmin(errors))
        if error <= limit and errors[least] > max(_WORTH_A_TRY * rows.variance, limit):
            break
        smaller, there = fit(with_best_outputs(others[least], rows)[0], rows)
        if there > limit and (error <= limit or is_worth(there, error, model.size - smaller.size, rows)):
            break
        model, error = smaller, there
    return model, error


def is_worth(before: float, after: float, parameters: int, rows: SharedRows) -> bool:
    """Whether an error falls by more than further parameters explain by chance (Schwarz's criterion)."""
    numbers = rows.Y.size
    return bool(after <= 0 or numbers * np.log(before / after) > parameters * np.log(numbers))
