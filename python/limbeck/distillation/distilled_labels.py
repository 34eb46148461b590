"""Self-distillation judged from data: a ridge student of its own ridge teacher, by errors at left-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array, power_of_two_scale
from limbeck.distillation.left_out import Basis, members_within, row_blocks
from limbeck.distillation.settings import AdvisorSettings

__all__ = ["SelfDistilled", "self_distilled"]


class SelfDistilled(NamedTuple):
    """The best student of its own teacher, and of ridge alone, with errors that count the choosing.

    ``residuals`` and ``ridge_residuals`` (n,) are those of each left-out row under the ridge and mixing that blocks
    without it choose.
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
    of its prediction, so that the best mixing is a projection. A block of rows is judged by its left-out residuals
    under the ridge and the mixing that are chosen where the block is not there at all: left-out residuals of other rows
    know the block's labels, and a choice by them would be too good to be true. Of many rows that is no matter, and
    the residuals that are there already are taken.
    """
    unit = power_of_two_scale(X)
    rows = X / unit
    if intercept == "penalised":
        rows = np.column_stack([rows, np.full(len(X), 1 / unit)])
    constant = intercept == "centred"
    basis = Basis(rows, len(y), members, constant)
    if not basis.rank:  # features that do not vary
        missed = (y - y.mean()) * len(y) / (len(y) - 1) if constant else y
        return SelfDistilled(0.0, 0.0, missed, missed)
    ridges = basis.ridge_sizes(settings.ridges, settings.smallest_ridge, settings.largest_ridge)
    e, t = _lines(basis, y, ridges)
    chosen, mixing = _best(e, t, settings.largest_mixing)
    honest, honest_ridge = np.empty(len(y)), np.empty(len(y))
    block = row_blocks(members, len(y), settings.blocks, settings.seed)
    for number in range(block.max() + 1):
        own, rest = block == number, np.flatnonzero(block != number)
        rest_e, rest_t = e[:, rest], t[:, rest]
        if len(y) <= settings.refitted_rows:
            others = Basis(rows[rest], len(rest), members_within(members, rest), constant)
            rest_e, rest_t = _lines(others, y[rest], ridges)
        at, weight = _best(rest_e, rest_t, settings.largest_mixing)
        honest[own] = e[at, own] + weight * t[at, own]
        honest_ridge[own] = e[int(np.square(rest_e).sum(axis=1).argmin()), own]
    return SelfDistilled(float(ridges[chosen]) * unit**2, mixing, honest, honest_ridge)


def _lines(basis: Basis, y: Float64Array, ridges: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Left-out residuals (m, n) of ridge regression, and their changes by a mixing of one."""
    e, t = np.empty((len(ridges), len(y))), np.empty((len(ridges), len(y)))
    for number, ridge in enumerate(ridges):
        first = basis.first_stage(np.full(basis.rank, ridge), y)
        assert first is not None  # a positive ridge determines every fit
        teacher = basis.second_stage(first, 0.0)[1]
        e[number], t[number] = y - teacher, teacher - basis.second_stage(first, float(ridge))[1]
    return e, t


def _best(e: Float64Array, t: Float64Array, most: float) -> tuple[int, float]:
    """Number of the ridge, and the mixing, of least error."""
    sizes = np.square(t).sum(axis=1)
    mixing = np.divide(-(e * t).sum(axis=1), sizes, out=np.zeros(len(e)), where=sizes > 0)
    mixing = np.clip(mixing, -most, most)
    best = int(np.square(e + mixing[:, None] * t).sum(axis=1).argmin())
    return best, float(mixing[best])
