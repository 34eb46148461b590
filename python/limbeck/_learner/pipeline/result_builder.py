"""The one place where results are made: from a fit in the learner's coordinates to what the user is handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from limbeck._base.arrays import Float64Array
from limbeck._base.prediction_range import PredictionRange
from limbeck._base.progress import Progress
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.tabular.bag import Bag
from limbeck._tables.encoding import Encoding
from limbeck.network import ReLUNetwork

__all__ = ["Validation", "build_result"]

Result = TypeVar("Result", bound=Learned)


@dataclass(frozen=True)
class Validation:
    """How well a network does on rows that took no part in it, in the user's units.

    Attributes
    ----------
    targets, residuals : ndarray of shape (n_validation,)
        Labels, and labels less predictions.
    mse, r2 : float
        Mean squared error and R2; NaN without such rows.
    """

    targets: Float64Array
    residuals: Float64Array
    mse: float
    r2: float


def build_result(
    kind: type[Result],
    network: ReLUNetwork,
    fit: FitRecord,
    validation: Validation,
    progress: Progress,
    *,
    inputs: str,
    noise_variance: float,
    subspace: Subspace | None,
    stopped_early: bool,
    feature_names: tuple[str, ...],
    target_name: str,
    columns: tuple[str, ...] | None = None,
    encoding: Encoding | None = None,
    prediction_range: PredictionRange | None = None,
    bag: Bag | None = None,
    **own: Any,  # noqa: ANN401
) -> Result:
    """Make a result, and what it says about itself, from a fit.

    Parameters
    ----------
    kind : type
        Learned or a subclass, whose further fields are ``own``.
    network : ReLUNetwork
        On inputs as they were passed.
    fit : FitRecord
        How the network came about.
    validation : Validation
        Its errors on other rows.
    progress : Progress
        Its history and timings; it has ended.
    inputs, noise_variance, subspace, stopped_early, feature_names, target_name
        See :class:`Learned`.
    columns : tuple of str or None
        Names of the columns of the table learned from.
    encoding : Encoding or None
        What became of them.
    prediction_range, bag
        See :class:`Learned`.
    """
    diagnostics = Diagnostics(network, fit)
    return kind(
        network=network,
        inputs=inputs,
        validation_mse=validation.mse,
        validation_r2=validation.r2,
        validation_targets=validation.targets,
        validation_residuals=validation.residuals,
        noise_variance=noise_variance,
        clumps=diagnostics.clumps,
        subspace=subspace,
        history=progress.history,
        timings=progress.timings,
        stopped_early=stopped_early,
        feature_names=feature_names,
        target_name=target_name,
        _diagnostics=diagnostics,
        encoding=encoding,
        prediction_range=prediction_range,
        bag=bag,
        _columns=columns,
        **own,
    )
