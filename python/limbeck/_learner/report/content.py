"""What is printed of a result: the numbers that text, HTML and pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.prediction_range import PredictionRange
from limbeck._learner.diagnostics.diagnostics import Diagnostics, PrunedNetwork
from limbeck._learner.diagnostics.reading import Reading
from limbeck._learner.model.clumps import Clump
from limbeck._learner.tabular.bag import Bag
from limbeck._learner.tabular.cross_validation import CrossValidation
from limbeck._tables.column_encodings import Feature
from limbeck._tables.encoding import Encoding

__all__ = ["HeldOut", "ReportContent", "known_widths", "report_content"]


@dataclass(frozen=True)
class HeldOut:
    """Labels and residuals of the rows held out, of shape (m,), and R2 there; NaN where the labels do not differ."""

    r2: float
    targets: Float64Array
    residuals: Float64Array


@dataclass(frozen=True)
class ReportContent:
    """What is printed of a result.

    Attributes
    ----------
    target : str
        Name of the label.
    names : tuple of str
        Names of the features.
    inputs : str
        How the inputs were treated: "standard", "gaussian" or "any".
    reading : Reading
        What each part of the network does.
    noise_variance : float
        Estimated variance of the label noise; NaN where it is not known.
    held_out : HeldOut
        How good the network is on the rows held out.
    cross_validation : CrossValidation or None
        How good searches on all folds but one are, where too few rows were held out.
    line_is_no_worse : bool
        Whether a line does as well as the neurons on rows left out.
    rows_per_parameter : float
        Number of rows over the number of parameters.
    is_refined : bool
        Whether the fit is one of least squares, so that there are standard errors and smaller widths.
    is_complete : bool
        Whether standard errors and smaller widths are printed too; with many parameters they take long.
    stopped_early : bool
        Whether the time limit cut the search short.
    clumps : sequence of Clump
        Ladder of clumps, with what collapsing each of them would change.
    widths : sequence of (int, float)
        Numbers of neurons, falling, and the R2 of so many; empty where they are not printed.
    encoding : Encoding or None
        What became of the columns of a table.
    prediction_range : PredictionRange or None
        Where predictions are kept.
    bag : Bag or None
        What the network is the mean of.
    """

    target: str
    names: tuple[str, ...]
    inputs: str
    reading: Reading
    noise_variance: float
    held_out: HeldOut
    cross_validation: CrossValidation | None = None
    line_is_no_worse: bool = False
    rows_per_parameter: float = np.inf
    is_refined: bool = True
    is_complete: bool = True
    stopped_early: bool = False
    clumps: Sequence[Clump] = ()
    widths: Sequence[tuple[int, float]] = ()
    encoding: Encoding | None = None
    prediction_range: PredictionRange | None = None
    bag: Bag | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the features were made of; empty where they are numbers as they are."""
        return () if self.encoding is None else self.encoding.features

    @property
    def width(self) -> int:
        """Number of neurons."""
        return len(self.reading.weights)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.reading.linear)

    @property
    def has_width_table(self) -> bool:
        """Whether a table of smaller widths is printed."""
        return bool(self.width) and self.is_refined and self.is_complete


def known_widths(width: int, r2: float, pruned: Sequence[PrunedNetwork]) -> list[tuple[int, float]]:
    """Numbers of neurons, falling, and the R2 of so many; those that are known."""
    every = [(width, r2), *((network.width, network.r2) for network in pruned)]
    return [(k, value) for k, value in every if np.isfinite(value)]


def report_content(
    diagnostics: Diagnostics,
    reading: Reading,
    *,
    target: str,
    names: tuple[str, ...],
    inputs: str,
    held_out: HeldOut,
    noise_variance: float,
    clumps: Sequence[Clump],
    stopped_early: bool,
    encoding: Encoding | None = None,
    prediction_range: PredictionRange | None = None,
    bag: Bag | None = None,
) -> ReportContent:
    """Collect what is printed of a result; computes what is printed of cross-validation and smaller widths.

    Parameters
    ----------
    diagnostics : Diagnostics
        Diagnostics of the network.
    reading : Reading
        What is printed of its parts: that of the diagnostics, or one in other units.
    target, names, inputs, held_out, noise_variance, clumps, stopped_early, encoding, prediction_range, bag
        See :class:`ReportContent`.
    """
    width = len(reading.weights)
    comparison = diagnostics.line_comparison(held_out.residuals) if width else None
    cross_validation = diagnostics.cross_validation
    has_widths = width and diagnostics.refined and diagnostics.is_complete and cross_validation is None
    return ReportContent(
        target=target,
        names=names,
        inputs=inputs,
        reading=reading,
        noise_variance=noise_variance,
        held_out=held_out,
        cross_validation=cross_validation,
        line_is_no_worse=comparison is not None and comparison.is_no_worse,
        rows_per_parameter=diagnostics.rows_per_parameter,
        is_refined=diagnostics.refined,
        is_complete=diagnostics.is_complete,
        stopped_early=stopped_early,
        clumps=clumps,
        widths=known_widths(width, held_out.r2, diagnostics.narrower) if has_widths else (),
        encoding=encoding,
        prediction_range=prediction_range,
        bag=bag,
    )
