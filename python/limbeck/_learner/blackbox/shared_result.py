"""Results of distillations of several outputs from what a student has learned."""

from __future__ import annotations

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.blackbox.like import Like
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.result import DistilledOutputs
from limbeck._learner.blackbox.shared_student import SharedStudent
from limbeck._learner.model.coordinates import Standardization

__all__ = ["distilled_outputs"]


def distilled_outputs(
    student: SharedStudent,
    queries: Queries,
    progress: Progress,
    feature_names: tuple[str, ...],
    target_name: str,
    reason: StopReason,
    like: Like | None = None,
) -> DistilledOutputs:
    """Make the result of what a student has learned from its queries, in the units of a table if there is one."""
    progress.finish()
    queries.trim()
    targets, residuals = (student.factors * part for part in student.validation)
    deviations = np.square(targets - targets.mean(axis=0)).sum() if len(targets) else 0.0
    network = student.model.scaled(student.factors).network()
    if like is not None:
        network = Standardization(like.means, 1 / like.scales, np.ones(len(like.means), dtype=bool)).pull_back(network)
    return DistilledOutputs(
        network=network,
        inputs="standard" if like is None else "gaussian",
        validation_mse=float(np.square(residuals).mean()) if len(residuals) else np.nan,
        validation_r2=float(1 - np.square(residuals).sum() / deviations) if deviations else np.nan,
        validation_targets=targets,
        validation_residuals=residuals,
        noise_variance=float(student.noise_variance().mean()),
        clumps=[],
        subspace=None,
        history=progress.history,
        timings=progress.timings,
        stopped_early=reason is StopReason.TIME,
        feature_names=feature_names,
        target_name=target_name,
        _columns=None if like is None else like.columns,
        X=queries.X if like is None else like.in_units(queries.X),
        y=queries.y,
        stopped=reason.value,
        route=student.route,
    )
