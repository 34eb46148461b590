"""Results of distillations from what a student has learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.blackbox.like import Like
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.result import Distilled
from limbeck._learner.blackbox.student import Student
from limbeck._learner.diagnostics.diagnostics import FitRecord
from limbeck._learner.model.coordinates import Standardization
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.pipeline.result_builder import Validation, build_result

__all__ = ["distilled", "rows_to_read"]

# Products of rows, features and neurons that a reading is made from: a second's work. And rows at least, which give
# shares and clumps to two digits.
_READING_PRODUCTS, _READING_ROWS = 1 << 28, 2000


def distilled(
    student: Student,
    queries: Queries,
    progress: Progress,
    feature_names: tuple[str, ...],
    target_name: str,
    reason: StopReason,
    like: Like | None = None,
) -> Distilled:
    """Make the result of what a student has learned from its queries, in the units of a table if there is one."""
    progress.finish()
    queries.trim()
    student.model = with_smallest_linear_part(student.model)
    rows = student.everything()
    targets, residuals = student.validation
    mse = float(np.mean(np.square(residuals))) if len(residuals) else np.nan
    variance = float(np.var(targets)) if len(targets) else np.nan
    held_out = np.arange(*student.validated.indices(len(rows)))
    network, original, coordinates = student.model.network(), rows_to_read(rows, student.model), None
    if like is not None:
        coordinates = Standardization(like.means, 1 / like.scales, np.ones(len(like.means), dtype=bool))
        network, original = coordinates.pull_back(network), replace(original, X=like.in_units(original.X))
    fit = FitRecord(
        model=student.model,
        rows=rows,
        original=original,
        used=np.setdiff1d(np.arange(len(rows)), held_out),
        held_out=held_out,
        joined=True,
        thresholds=student.has_thresholds,
        coordinates=coordinates,
        standard=like is None,
        weighted_validation=False,
    )
    return build_result(
        Distilled,
        network,
        fit,
        Validation(targets, residuals, mse, 1 - mse / variance if variance else np.nan),
        progress,
        inputs="standard" if like is None else "gaussian",
        noise_variance=student.noise_variance(),
        subspace=student.subspace,
        stopped_early=reason is StopReason.TIME,
        feature_names=feature_names,
        target_name=target_name,
        columns=None if like is None else like.columns,
        X=queries.X if like is None else like.in_units(queries.X),
        y=queries.y,
        stopped=reason.value,
        route=student.route,
    )


def rows_to_read(rows: Rows, model: Model) -> Rows:
    """The rows that a network is read on: all, or so many, always the same, that a wide network is read in a second."""
    most = max(_READING_ROWS, _READING_PRODUCTS // model.parameters.size)
    if len(rows) <= most:
        return rows
    # Of weight zero are rows on lines, which a reading has no use for.
    usable = np.flatnonzero(rows.row_weights)
    if len(usable) > most:
        usable = np.sort(np.random.default_rng(0).choice(usable, most, replace=False))
    return rows.part(usable)
