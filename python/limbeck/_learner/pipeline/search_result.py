"""The outcome of a search, before it is made a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.pipeline.options import PIPELINE_SETTINGS, PipelineSettings
from limbeck._learner.tabular.bag import Bag

__all__ = ["SearchResult"]


@dataclass
class SearchResult:
    """Outcome of a search, in the coordinates it was made in, and the rows it was made on.

    Attributes
    ----------
    kind : str
        How inputs are treated: "standard", "gaussian" or "any".
    rows, inner : Rows
        Rows as the user passed them, and in the coordinates of the search, labels over ``unit``.
    unit : float
        A power of two near the largest label.
    coordinates : Whitening or None
        From the user's rows to those of the search; None where they are the same.
    used, held_out : ndarray of int
        Numbers of the rows learned from and held out.
    fit : Fit
        How models are refined.
    model : Model
        The network in these coordinates.
    subspace : Subspace or None
        Span that moments showed.
    thresholds, has_linear_part : bool
        Whether thresholds, and linear part with bias, are fitted.
    decay, decay_of_everything : float or ndarray of shape (k + 1,)
        Weight decay of the fit to the rows used, and of that to all rows where they come in blocks.
    noise : float
        Variance of the label noise over ``unit`` squared.
    settings : PipelineSettings
        Numbers that no caller sets.
    bag : Bag or None
        The networks that the model is the mean of.
    """

    kind: str
    rows: Rows
    inner: Rows
    unit: float
    coordinates: Whitening | None
    used: NDArray[np.intp]
    held_out: NDArray[np.intp]
    fit: Fit
    model: Model
    subspace: Subspace | None = None
    thresholds: bool = True
    has_linear_part: bool = True
    decay: float | Float64Array = 0.0
    decay_of_everything: float | Float64Array = 0.0
    noise: float = np.nan
    settings: PipelineSettings = PIPELINE_SETTINGS
    bag: Bag | None = None
