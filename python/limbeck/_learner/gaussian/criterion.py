"""The corrected Akaike criterion by which networks of different widths are compared."""

from __future__ import annotations

import numpy as np

from limbeck._learner.gaussian.settings import DEFAULTS, CriterionSettings
from limbeck._learner.model.rows import EXACT

__all__ = ["corrected_criterion"]


def corrected_criterion(
    relative_error: float,
    n: int,
    parameters: int,
    width: int,
    thresholds: bool,
    settings: CriterionSettings = DEFAULTS.criterion,
) -> float:
    """N log(mean squared error) plus a penalty for every parameter and every neuron; infinite without rows to spare.

    The criterion of Hurvich and Tsai (Biometrika 76, 1989) with larger penalties, on the rows that the network is
    fitted to: without the noise that a comparison on held-out rows has.

    Parameters
    ----------
    relative_error : float
        Mean squared error over the variance of the labels.
    n : int
        Number of rows.
    parameters : int
        Number of parameters.
    width : int
        Number of neurons.
    thresholds : bool
        Whether each neuron has a threshold, searched for like its direction.
    settings : CriterionSettings
        Penalties.
    """
    freedom = n - parameters - 1
    if freedom <= 0:
        return np.inf
    penalty = (2 * n / freedom + settings.extra_per_parameter) * parameters
    penalty += settings.extra_per_neuron * (1 + thresholds) * width
    return n * float(np.log(max(relative_error, EXACT))) + penalty
