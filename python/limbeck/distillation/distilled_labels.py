"""Self-distillation judged from data: a ridge student of its own ridge teacher, by errors at left-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array, power_of_two_scale
from limbeck.distillation.left_out import Basis, row_blocks
from limbeck.distillation.settings import AdvisorSettings

__all__ = ["SelfDistilled", "self_distilled"]


class SelfDistilled(NamedTuple):
    """The best student of its own teacher, and of ridge alone, with errors that count the choosing.

    ``residuals`` and ``ridge_residuals`` (n,) are those of each row under the ridge and mixing that the other blocks of
    rows would have chosen.
    """

    ridge: float
    mixing: float
    residuals: Float64Array
    ridge_residuals: Float64Array


def self_distilled(
    X: Float64Array,
    y: Float64Array,
    members: Sequence[NDArray[np.intp]] | None,
    intercept: str | None,
    settings: AdvisorSettings,
) -> SelfDistilled:
    """Choose the ridge and the mixing of a student that is fitted to ``(1 - mixing) y + mixing * teacher``.

    Notes
    -----
    The student's left-out residual is a line in the mixing, e + mixing * t, where e is that of ridge and t the change
    of its prediction, so that the best mixing is a projection.
    """
    unit = power_of_two_scale(X)
    rows = X / unit
    if intercept == "penalised":
        rows = np.column_stack([rows, np.full(len(X), 1 / unit)])
    constant = intercept == "centred"
    all_rows = _candidates(rows, y, members, constant, settings)
    if not len(all_rows.ridges):  # features that do not vary
        missed = y - y.mean() if constant else y
        return SelfDistilled(0.0, 0.0, missed, missed)
    chosen, mixing = _best(all_rows.errors, all_rows.changes, np.ones(len(y), dtype=bool), settings.largest_mixing)
    honest, honest_ridge = np.empty(len(y)), np.empty(len(y))
    block = row_blocks(members, len(y), settings.blocks, settings.seed)
    for number in range(block.max() + 1):
        own = block == number
        e, t = _left_out(all_rows, rows, y, own, members, constant, settings)
        at, weight = _best(e, t, ~own, settings.largest_mixing)
        honest[own] = e[at, own] + weight * t[at, own]
        plain = int(np.square(e[:, ~own]).sum(axis=1).argmin())
        honest_ridge[own] = e[plain, own]
    return SelfDistilled(float(all_rows.ridges[chosen]) * unit**2, mixing, honest, honest_ridge)


class _Candidates(NamedTuple):
    """Ridges (m,), left-out errors (m, n) of their fits, and by how much these change for their students."""

    ridges: Float64Array
    errors: Float64Array
    changes: Float64Array


def _candidates(
    rows: Float64Array,
    y: Float64Array,
    members: Sequence[NDArray[np.intp]] | None,
    constant: bool,
    settings: AdvisorSettings,
) -> _Candidates:
    basis = Basis(rows, len(y), members, constant=constant)
    ridges, errors, changes = [], [], []
    for ridge in basis.ridge_sizes(settings.ridges, settings.smallest_ridge, settings.largest_ridge):
        first = basis.first_stage(np.full(basis.rank, ridge), y)
        if first is None:
            continue
        teacher = basis.second_stage(first, 0.0)[1]
        ridges.append(float(ridge))
        errors.append(y - teacher)
        changes.append(teacher - basis.second_stage(first, float(ridge))[1])
    return _Candidates(np.array(ridges), np.array(errors), np.array(changes))


def _left_out(
    all_rows: _Candidates,
    rows: Float64Array,
    y: Float64Array,
    own: NDArray[np.bool_],
    members: Sequence[NDArray[np.intp]] | None,
    constant: bool,
    settings: AdvisorSettings,
) -> tuple[Float64Array, Float64Array]:
    """Errors and changes (m, n) for a block to be judged: of few rows, those of fits without it throughout."""
    few = len(y) <= settings.refitted_rows
    if not few or not (~own).any():
        return all_rows.errors, all_rows.changes
    kept = np.flatnonzero(~own)
    place = np.full(len(y), -1)
    place[kept] = np.arange(len(kept))
    groups = None if members is None else [place[group] for group in members if not own[group[0]]]
    others = _candidates(rows[kept], y[kept], groups, constant, settings)
    e, t = np.empty((len(others.ridges), len(y))), np.empty((len(others.ridges), len(y)))
    e[:, kept], t[:, kept] = others.errors, others.changes
    basis = Basis(rows[kept], len(kept), groups, constant=constant)
    coordinates = np.column_stack([np.full(own.sum(), float(constant)), (rows[own] - basis.mean) @ basis.vectors])
    for k, ridge in enumerate(others.ridges):
        first = basis.first_stage(np.full(basis.rank, ridge), y[kept])
        if first is None:  # it was determined a moment ago
            continue
        teacher = coordinates @ first.coef
        e[k, own] = y[own] - teacher
        t[k, own] = teacher - coordinates @ basis.second_stage(first, float(ridge))[0]
    return e, t


def _best(e: Float64Array, t: Float64Array, rows: NDArray[np.bool_], most: float) -> tuple[int, float]:
    """Number of the ridge, and the mixing, of least error on some rows."""
    e, t = e[:, rows], t[:, rows]
    sizes = np.square(t).sum(axis=1)
    mixing = np.divide(-(e * t).sum(axis=1), sizes, out=np.zeros(len(e)), where=sizes > 0)
    mixing = np.clip(mixing, -most, most)
    best = int(np.square(e + mixing[:, None] * t).sum(axis=1).argmin())
    return best, float(mixing[best])
