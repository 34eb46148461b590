"""Results of distillations from what a student has learned."""

from __future__ import annotations

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.result import Distilled
from limbeck._learner.blackbox.student import Student
from limbeck._learner.diagnostics.diagnostics import FitRecord
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.pipeline.result_builder import Validation, build_result

__all__ = ["distilled"]


def distilled(
    student: Student,
    queries: Queries,
    progress: Progress,
    feature_names: tuple[str, ...],
    target_name: str,
    reason: StopReason,
) -> Distilled:
    """Make the result of what a student has learned from its queries."""
    progress.finish()
    queries.trim()
    student.model = with_smallest_linear_part(student.model)
    rows = student.everything()
    targets, residuals = student.validation
    mse = float(np.mean(np.square(residuals))) if len(residuals) else np.nan
    variance = float(np.var(targets)) if len(targets) else np.nan
    held_out = np.arange(*student.validated.indices(len(rows)))
    fit = FitRecord(
        model=student.model,
        rows=rows,
        original=rows,
        used=np.setdiff1d(np.arange(len(rows)), held_out),
        held_out=held_out,
        joined=True,
        thresholds=student.has_thresholds,
        standard=True,
        weighted_validation=False,
    )
    return build_result(
        Distilled,
        student.model.network(),
        fit,
        Validation(targets, residuals, mse, 1 - mse / variance if variance else np.nan),
        progress,
        inputs="standard",
        noise_variance=student.noise_variance(),
        subspace=student.subspace,
        stopped_early=reason is StopReason.TIME,
        feature_names=feature_names,
        target_name=target_name,
        X=queries.X,
        y=queries.y,
        stopped=reason.value,
        route=student.route,
    )
