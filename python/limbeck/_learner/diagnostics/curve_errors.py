"""Standard errors of curves of parallel neurons, by the delta method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.curves import Curve
from limbeck._learner.diagnostics.parallel_hinges import ParallelHinges, Parts
from limbeck._learner.diagnostics.standard_errors import JointErrors

__all__ = ["with_errors"]


def with_errors(curves: tuple[Curve, ...], parts: Parts, joint: JointErrors) -> tuple[Curve, ...]:
    """Curves with standard errors.

    Parameters
    ----------
    curves : tuple of Curve
        From :func:`curves_of`.
    parts : Parts
        The network.
    joint : JointErrors
        Errors of the network's parameters, in the coordinates of the curves.
    """
    every = [_hinges_of(curve, parts) for curve in curves]
    d, k = len(parts.linear), len(parts.weights)
    begin = np.zeros((1, k + 1, d + 1))
    begin[0, -1, -1] = 1.0
    for hinges, curve in zip(every, curves, strict=True):
        begin += _start_gradient(hinges, curve, k)
    start_error = float(joint.deviations(begin)[0])
    return tuple(
        replace(_with_errors(hinges, curve, joint, k), start_error=start_error)
        for hinges, curve in zip(every, curves, strict=True)
    )


def _hinges_of(curve: Curve, parts: Parts) -> ParallelHinges:
    """The hinges that a curve was made of, kinks joined as there."""
    hinges = ParallelHinges.of(parts, np.array(curve.members), curve.direction, curve.feature)
    return replace(hinges, groups=tuple(np.array(kink) for kink in curve.kinks))


def _with_errors(hinges: ParallelHinges, curve: Curve, joint: JointErrors, k: int) -> Curve:
    """A curve with errors of its kinks, slopes and steps."""
    changes, moments = _member_gradients(hinges, k)
    slopes = np.einsum("mi,ikd->mkd", hinges.slope_gradients()[0], changes)
    if curve.feature is not None:
        slopes[:, -1, curve.feature] += 1.0
    knots = [
        (moments[group].sum(axis=0) - knot * changes[group].sum(axis=0)) / hinges.changes[group].sum()
        for group, knot in zip(hinges.groups, curve.knots, strict=True)
    ]
    jumps = []
    for jump in curve.jumps:
        at = np.concatenate(hinges.groups[jump.first : jump.last + 1])
        middle = curve.knots[[jump.first, jump.last]].mean()
        gradient = (middle * changes[at] - moments[at]).sum(axis=0)
        jumps.append(replace(jump, error=float(joint.deviations(gradient[None])[0])))
    return replace(
        curve,
        jumps=tuple(jumps),
        knot_errors=joint.deviations(np.array(knots)),
        slope_errors=joint.deviations(slopes),
    )


def _member_gradients(hinges: ParallelHinges, k: int) -> tuple[Float64Array, Float64Array]:
    """Derivatives of changes and moments by the rows (a_i, t_i) of all neurons and, last, (w, b).

    With a_i and t_i direction and threshold times the weight's size s_i |w_i|: the change is ``s_i |a_i @ u|``, the
    moment ``-s_i sign(a_i @ u) t_i``.
    """
    d = len(hinges.direction)
    changes = np.zeros((len(hinges.members), k + 1, d + 1))
    moments = np.zeros_like(changes)
    for place, i in enumerate(hinges.members):
        turned = hinges.signs[place] * hinges.sides[place]
        changes[place, i, :d] = turned * hinges.direction
        moments[place, i, d] = -turned
    return changes, moments


def _start_gradient(hinges: ParallelHinges, curve: Curve, k: int) -> Float64Array:
    """Derivative of the curve's value at its first kink, held where it is."""
    changes, moments = _member_gradients(hinges, k)
    on = hinges.sides < 0
    gradient = (moments[on] - curve.knots[0] * changes[on]).sum(axis=0)
    if curve.feature is not None:
        gradient[-1, curve.feature] += curve.knots[0]
    return np.asarray(gradient[None])
