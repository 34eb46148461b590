"""The result of a distillation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.student import Student
from limbeck._learner.diagnostics.diagnostics import FitRecord
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.pipeline.build import Validation, build_result
from limbeck._learner.pipeline.result import Learned

__all__ = ["Distilled", "distilled"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Distilled(Learned):
    """Result of :func:`limbeck.distill`: a :class:`limbeck.Learned` with the queries that it took.

    Attributes
    ----------
    X, y : ndarray of shape (n_queries, d) and (n_queries,)
        All queries in order, and the teacher's answers.
    stopped : str
        Why there are no more: "tolerance" (met), "budget" (``n_queries`` spent), "no improvement" (no network equal to
        the teacher was found with so many, and twice as many did not help; which is no proof that there is none),
        "noise" (no improvement, and the teacher's answers to the same query differ), "time", or "error" (the teacher's;
        only in ``TeacherError.learned``).
    """

    X: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    stopped: str

    @property
    def n_queries(self) -> int:
        """Number of queries that the teacher answered."""
        return len(self.y)

    def __str__(self) -> str:
        clause = StopReason(self.stopped).clause
        return f"{super().__str__()}\n{self.n_queries} queries; no more because {clause}"


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
    )
