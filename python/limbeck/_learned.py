"""What the learner found."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._evidence import Evidence, Narrower
from limbeck._files import write_whole
from limbeck._frames import columns_by_name
from limbeck._html import to_html, to_page
from limbeck._model import Float64Array
from limbeck._reading import Reading
from limbeck._sentences import describe
from limbeck._uncertainty import StandardErrors
from limbeck.network import ReLUNetwork
from limbeck.scales import Clump
from limbeck.subspace import Subspace

__all__ = ["Learned"]


@dataclass(frozen=True, eq=False)
class Learned:
    """What :func:`learn` found.

    Attributes
    ----------
    network : ReLUNetwork
        The network, on inputs as they were passed.
    inputs : str
        How the inputs were treated: "standard", "gaussian" or "any".
    validation_mse, validation_r2 : float
        Mean squared error and R2 on rows held out from everything else (NaN without such rows). For Gaussian inputs,
        and where only a sample of the rows was searched on, they join the others afterwards, for a last refinement of
        the same neurons.
    validation_targets, validation_residuals : ndarray of shape (n_validation,)
        Labels of those rows, and labels less predictions.
    noise_variance : float
        Estimated variance of the label noise: squared residuals of the rows fitted, over their number less that of the
        parameters (NaN without rows to spare); for ``inputs="any"``, if all rows are in memory, the generalised
        cross-validation error, of which the noise is a part.
    clumps : list of Clump
        Which neurons look like one at which angle, finest first, and what it would cost to collapse them. Angles are
        between directions with features counted in standard deviations.
    subspace : Subspace or None
        Span that the moments showed, in whitened coordinates for ``inputs="gaussian"``; None for ``inputs="any"``.
    history : list of dict
        Stage, neurons, error over the variance of the labels, and seconds, for every network tried.
    timings : dict
        Seconds by stage.
    stopped_early : bool
        Whether the time limit cut the search short.
    feature_names : tuple of str
        As given, or of the columns of a table; else "x0", "x1", ...
    target_name : str
        As given, or of the column; else "y".
    """

    network: ReLUNetwork
    inputs: str
    validation_mse: float
    validation_r2: float
    validation_targets: Float64Array
    validation_residuals: Float64Array
    noise_variance: float
    clumps: list[Clump]
    subspace: Subspace | None
    history: list[dict[str, Any]] = field(repr=False)
    timings: dict[str, float] = field(repr=False)
    stopped_early: bool = False
    feature_names: tuple[str, ...] = ()
    target_name: str = "y"
    _evidence: Evidence = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    # What follows is computed from the rows when it is asked for. Pickling asks for it, and leaves the rows behind.

    @property
    def standard_errors(self) -> StandardErrors:
        """Standard errors of the network's parameters in sandwich form, computed when first asked for.

        After ``stopped_early`` they are those of a refinement that had come to its end.

        Raises
        ------
        ValueError
            The result has none: it was made without refinement.
        """
        return self._evidence.standard_errors

    @property
    def reading(self) -> Reading:
        """What each part does on the rows, features counted in standard deviations; see :class:`Reading`.

        With standard errors where they are there or found within seconds (up to 500 parameters).
        """
        errors = self._evidence.refined and self._evidence.knows("reading_with_errors")
        return self._evidence.reading_with_errors if errors else self._evidence.reading

    @property
    def narrower(self) -> list[Narrower]:
        """Networks of fewer neurons, one less at a time, and how good they are, computed when first asked for.

        Raises
        ------
        ValueError
            The result was made without refinement, or is the copy by pickle of one of more than 500 parameters.
        """
        return self._evidence.narrower

    def predict(self, X: ArrayLike, *, n_threads: int | None = None) -> Float64Array:
        """Predictions for rows; columns of a data frame are matched by name.

        Parameters
        ----------
        X : array_like or data frame of shape (n, d)
            Rows. Of a frame, the columns called ``feature_names``, in any order; others are left out.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        ValueError
            A column is missing, or X has another number of features.
        """
        return np.asarray(self.network(columns_by_name(X, self.feature_names), n_threads=n_threads))

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.network.width

    def __str__(self) -> str:
        """Every neuron as a sentence, the clump tree, and what fewer neurons would cost."""
        return describe(self)

    def _repr_html_(self) -> str:
        return to_html(self)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The same as a page of HTML without scripts, which notebooks show of themselves.

        Parameters
        ----------
        path : path, optional
            File to write it to, whole or not at all.

        Returns
        -------
        str
            The page.
        """
        page = to_page(self)
        if path is not None:
            write_whole(Path(path), page.encode(errors="backslashreplace"))
        return page
