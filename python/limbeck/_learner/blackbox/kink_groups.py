"""Which stretches of a line need a gradient, and the neurons between two of them.

The line itself shows how much each kink bends each output. Between two gradients the jumps of all kinks add up, each a
product of such a bend and of a direction: as long as the bends are linearly independent, which those of no more kinks
than outputs mostly are, linear equations take the directions apart.
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.kink_survey import KinkSurvey
from limbeck._learner.blackbox.settings import KinkSettings

__all__ = ["Group", "groups_between_gradients", "neurons_between"]

# Weight of the slopes between two gradients: they only have to be right to some digits.
_INNER = 0.02

Group = tuple[int, int]  # stretches that gradients are taken in; the kinks between them are the group


def groups_between_gradients(survey: KinkSurvey, home: int, leave_out: float, settings: KinkSettings) -> list[Group]:
    """The groups that kinks are taken in, in order: by dynamic programming from left to right.

    Of one output each kink is a group. Of several, gradients and errors are weighed against each other.

    Parameters
    ----------
    survey : KinkSurvey
        Kinks on a line.
    home : int
        Stretch whose gradient is known, or wanted in any case.
    leave_out : float
        Cost of a kink that is left to other lines, over that of a gradient.
    settings : KinkSettings
        Numbers that no caller sets.
    """
    usable, outputs = survey.usable(home), survey.slopes.shape[1]
    if outputs == 1:
        return [(j, j + 1) for j in np.flatnonzero(usable[:-1] & usable[1:]).tolist()]
    ends = np.flatnonzero(usable).tolist()
    costs: dict[int, float] = {}
    before: dict[int, tuple[int, bool]] = {}
    for j in ends:
        gradient = 0.0 if j == home else 1.0
        costs[j] = leave_out * j + gradient
        for i in [i for i in costs if i < j and not i < home < j]:
            without = leave_out * (j - i)
            errors = settings.error_cost * _error(survey, i, j) if j - i <= outputs else np.inf
            cost = costs[i] + gradient + min(without, errors)
            if cost < costs[j]:
                costs[j], before[j] = cost, (i, errors <= without)
    if not ends:
        return []
    j = min(ends, key=lambda j: costs[j] + leave_out * (len(usable) - 1 - j))
    groups = []
    while j in before:
        i, is_taken = before[j]
        groups += [(i, j)] if is_taken else []
        j = i
    return groups[::-1]


def _error(survey: KinkSurvey, i: int, j: int) -> float:
    """Error of the neurons between two stretches, over that of a slope in a stretch of median length."""
    bends = np.diff(survey.slopes[i : j + 1], axis=0)
    sizes = np.linalg.norm(bends, axis=1)
    if not (np.isfinite(sizes).all() and sizes.all()):
        return np.inf
    least = np.linalg.svd(bends / sizes[:, None], compute_uv=False)[-1]
    slopes = np.median(survey.lengths) / survey.lengths[i : j + 1]
    slopes[1:-1] *= _INNER  # bends are solved for again, with all gradients together
    return float(np.linalg.norm(slopes) / least) if least else np.inf


def neurons_between(jump: Float64Array, bends: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Unit normals (m, d) and outputs (m, q) of m kinks, from the jump (q, d) of the gradient and the bends (m, q)."""
    if len(bends) == 1:
        u, sizes, vt = np.linalg.svd(jump, full_matrices=False)
        return vt[:1], sizes[:1, None] * u[:, :1].T
    sizes = np.linalg.norm(bends, axis=1)
    units = bends / sizes[:, None]
    normals = np.linalg.lstsq(units.T, jump, rcond=None)[0]
    lengths = np.linalg.norm(normals, axis=1)
    return normals / np.where(lengths, lengths, 1.0)[:, None], units * lengths[:, None]
