"""Parallel neurons read together: a piecewise linear curve of one feature or of one direction, with its steps.

Hinges of one direction add up to a piecewise linear function of it. Each alone may be a giant that another cancels, as
where two of them make a step; slopes between kinks and heights of steps are what the rows determine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.standard_errors import JointErrors
from limbeck._learner.model.clumps import cluster

__all__ = ["Curve", "Jump", "Parts", "curves_of", "with_errors"]

# Part of its own variance that neurons may lose when they are read as a function of one direction: what is told is then
# right to a tenth of its size, as sentences about single features are, whose direction has 0.99 of its length there.
_LOST = 0.01
_LONGEST_LEADS = (0.9, 0.99, 0.9999)  # of a direction's squared length in its leading feature
_ANGLES = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-6)  # radians, for neurons of no single feature; the widest that does is taken
_CANCELS = 0.2  # of the variance: beyond, a neuron and a slope that cancel are told better as two slopes
_SAME = 1e-9  # standard deviations between kinks that are one, up to rounding
_NOTHING = 1e-12
# A rise within so few of the rows, and so many times as steep as what is beside it, is a step and not a slope.
_WITHIN, _STEEP = 0.05, 3.0


@dataclass(frozen=True)
class Jump:
    """A step of a curve: kinks so close that they act as one.

    Attributes
    ----------
    first, last : int
        The kinks that it begins and ends at.
    height : float
        What the line behind it is above the line before it, both continued to the middle between the two kinks.
    error : float
        Standard error of the height; NaN where none is known.
    """

    first: int
    last: int
    height: float
    error: float = np.nan


@dataclass(frozen=True)
class Curve:
    """Parallel neurons as a piecewise linear function of ``z = direction @ v``, v as in :class:`Reading`.

    Attributes
    ----------
    members : tuple of int
        The neurons, in the order of the network.
    feature : int or None
        The one feature that the curve is of: ``direction`` is then its unit vector, and the curve holds its slope in
        the linear part, too. None: a direction of several features, without the linear part.
    direction : ndarray of shape (d,)
        Unit vector.
    knots : ndarray of shape (m,)
        Where the slope changes, rising.
    kinks : tuple of tuple of int
        The neurons that change it there, as places in ``members``: several where no row lies between them.
    slopes : ndarray of shape (m + 1,)
        Slopes before the first kink, between kinks and behind the last one.
    jumps : tuple of Jump
        Steps, from left to right.
    start : float
        Value of the neurons, and the feature's linear part, at the first kink.
    share, linear_share : float
        Share of the whole in the variance of the network's values, and of the linear part that is in it.
    knot_errors, slope_errors : ndarray of shape (m,) and (m + 1,), or None
        Standard errors by the delta method from the joint covariance of all parameters; infinite or NaN where the rows
        do not determine the number. The direction counts as known.
    start_error : float
        Standard error of the network's constant plus the starts of all curves at their first kinks; NaN if not known.
    """

    members: tuple[int, ...]
    feature: int | None
    direction: Float64Array
    knots: Float64Array
    kinks: tuple[tuple[int, ...], ...]
    slopes: Float64Array
    jumps: tuple[Jump, ...]
    start: float
    share: float
    linear_share: float
    knot_errors: Float64Array | None = None
    slope_errors: Float64Array | None = None
    start_error: float = np.nan


@dataclass(frozen=True)
class Parts:
    """What curves are made of: neurons ``weights[i] * relu(directions[i] @ v - thresholds[i])`` and a linear part."""

    weights: Float64Array
    directions: Float64Array
    thresholds: Float64Array
    linear: Float64Array


@dataclass(frozen=True)
class _Bundle:
    """Neurons taken as hinges of one direction.

    The slope rises by ``changes[i]`` at ``moments[i] / changes[i]``; both are linear in the neurons' parameters.
    """

    members: NDArray[np.intp]
    direction: Float64Array
    signs: Float64Array  # of the output weights
    turns: Float64Array  # 1: on above its kink; -1: on below it
    changes: Float64Array
    moments: Float64Array
    linear: float
    groups: tuple[NDArray[np.intp], ...]  # members of each kink, kinks rising

    @property
    def knots(self) -> Float64Array:
        return np.array([self.moments[g].sum() / self.changes[g].sum() for g in self.groups])

    def value(self, z: Float64Array) -> Float64Array:
        """On places along the direction."""
        lines = np.multiply.outer(z, self.changes) - self.moments
        hinges = self.signs * np.maximum(self.signs * self.turns * lines, 0.0)
        return np.asarray(hinges.sum(axis=1) + self.linear * z)


def _bundle(parts: Parts, members: NDArray[np.intp], direction: Float64Array, feature: int | None) -> _Bundle:
    """The neurons as hinges of a direction, each with a kink of its own."""
    weights, along = parts.weights[members], parts.directions[members] @ direction
    turns = np.where(along > 0, 1.0, -1.0)
    changes = weights * np.abs(along)
    moments = weights * turns * parts.thresholds[members]
    linear = 0.0 if feature is None else float(parts.linear[feature])
    single = tuple(np.array([i]) for i in np.argsort(moments / changes, kind="stable"))
    return _Bundle(members, direction, np.sign(weights), turns, changes, moments, linear, single)


def _with_kinks_joined(bundle: _Bundle, z: Float64Array) -> _Bundle:
    """Kinks with no row between them that make up for one kink there are one; those that cancel are none."""
    at, z = bundle.knots, np.sort(z)
    groups: list[NDArray[np.intp]] = []
    first = 0
    while first < len(at):
        last = first
        for place in range(first + 1, len(at)):
            slack = _SAME * max(1.0, abs(at[place]))
            if np.searchsorted(z, at[first], "right") < np.searchsorted(z, at[place], "left") and (
                at[place] - at[first] > slack
            ):
                break
            some = np.concatenate(bundle.groups[first : place + 1])
            change, moment = bundle.changes[some].sum(), bundle.moments[some].sum()
            cancel = abs(change) <= _NOTHING * np.abs(bundle.changes[some]).sum()
            # Lines before and behind meet between the kinks: on the rows it is one kink. Two that make a step are not.
            meet = not cancel and at[first] - slack <= moment / change <= at[place] + slack
            if meet or (cancel and at[place] - at[first] <= slack):
                last = place
        some = np.concatenate(bundle.groups[first : last + 1])
        if abs(bundle.changes[some].sum()) > _NOTHING * np.abs(bundle.changes[some]).sum():
            groups.append(some)
        first = last + 1
    return replace(bundle, groups=tuple(groups))


# ---- Which neurons ----


def curves_of(parts: Parts, V: Float64Array, added: Float64Array, weights: Float64Array | None) -> tuple[Curve, ...]:
    """Curves of neurons that act as a function of one direction on the rows.

    Two of them or more, or one that takes back much of what its feature does in the linear part.

    Parameters
    ----------
    parts : Parts
        The network.
    V : ndarray of shape (n, d)
        Rows, features in standard deviations from their means.
    added : ndarray of shape (n, k + 1)
        What each neuron and the linear part add on the rows, less its mean.
    weights : ndarray of shape (n,), optional
        Of the rows.
    """
    sizes = np.linalg.norm(parts.directions, axis=1)
    left = [int(i) for i in np.flatnonzero((sizes > 0) & (parts.weights != 0))]
    found: list[Curve] = []
    total = added.sum(axis=1)
    variance = _average(np.square(total), weights)
    if not left or not variance > 0:
        return ()

    def try_one(members: NDArray[np.intp], direction: Float64Array, feature: int | None) -> bool:
        z = V @ direction
        bundle = _with_kinks_joined(_bundle(parts, members, direction, feature), z)
        if not bundle.groups:
            return False
        linear = bundle.linear * (z - _average(z, weights))
        exact = added[:, members].sum(axis=1) + linear
        told = bundle.value(z)
        lost = _average(np.square(told - _average(told, weights) - exact), weights)
        if not lost <= _LOST * _average(np.square(exact), weights) + _NOTHING * variance:
            return False
        shares = [_average(part * total, weights) / variance for part in (exact, linear)]
        found.append(_curve(bundle, feature, z, weights, shares))
        return True

    for j, members in _of_one_feature(parts.directions, left):
        for least in _LONGEST_LEADS:
            some = members[np.square(parts.directions[members, j]) > least]
            if len(some) > 1 and try_one(some, np.eye(len(parts.linear))[j], j):
                left = [i for i in left if i not in some]
                break
    for angle in _ANGLES:
        for group in cluster(parts.directions[left], angle) if len(left) > 1 else []:
            if len(group) > 1:
                some = np.array(left)[group]
                if try_one(some, _middle(parts, some), None):
                    left = [i for i in left if i not in some]
                    break  # places in `left` have changed: the rest comes with the next angle
    for i in left:
        j = int(np.argmax(np.abs(parts.directions[i])))
        linear = parts.linear[j] * V[:, j]
        shares = [_average(part * total, weights) / variance for part in (added[:, i], linear)]
        if parts.directions[i, j] ** 2 > _LONGEST_LEADS[1] and min(shares) < -_CANCELS < _CANCELS < max(shares):
            try_one(np.array([i]), np.eye(len(parts.linear))[j], j)
    return tuple(sorted(found, key=lambda curve: curve.members))


def _average(values: Float64Array, weights: Float64Array | None) -> float:
    return float(np.average(values, weights=weights))


def _of_one_feature(directions: Float64Array, left: list[int]) -> list[tuple[int, NDArray[np.intp]]]:
    """Features that lead the directions of two neurons or more."""
    leads = np.argmax(np.abs(directions), axis=1)
    return [(int(j), np.array([i for i in left if leads[i] == j])) for j in np.unique(leads[left])]


def _middle(parts: Parts, members: NDArray[np.intp]) -> Float64Array:
    """The mean direction, by the size of the neurons, its largest coefficient positive."""
    directions = parts.directions[members]
    lead = directions[np.argmax(np.abs(parts.weights[members]))]
    turned = directions * np.where(directions @ lead < 0, -1.0, 1.0)[:, None]
    mean = np.abs(parts.weights[members]) @ turned
    mean *= np.sign(mean[np.argmax(np.abs(mean))])
    return np.asarray(mean / np.linalg.norm(mean))


# ---- The curve ----


def _curve(
    bundle: _Bundle, feature: int | None, z: Float64Array, weights: Float64Array | None, shares: list[float]
) -> Curve:
    knots, slopes = bundle.knots, _slope_gradients(bundle)[1]
    before = [_average((z < knot).astype(np.float64), weights) for knot in knots]
    return Curve(
        members=tuple(int(i) for i in bundle.members),
        feature=feature,
        direction=bundle.direction,
        knots=knots,
        kinks=tuple(tuple(int(i) for i in group) for group in bundle.groups),
        slopes=slopes,
        jumps=_jumps(bundle, knots, slopes, np.array(before)),
        start=float(bundle.value(knots[:1])[0]),
        share=shares[0],
        linear_share=shares[1],
    )


def _slope_gradients(bundle: _Bundle) -> tuple[Float64Array, Float64Array]:
    """How slopes depend on each neuron's change of slope (m + 1, members), and the slopes."""
    matrix = np.zeros((len(bundle.groups) + 1, len(bundle.changes)))
    matrix[:, bundle.turns < 0] = -1.0  # on from the left
    for place, group in enumerate(bundle.groups):
        matrix[place + 1 :, group] += 1.0
    return matrix, matrix @ bundle.changes + bundle.linear


def _jumps(bundle: _Bundle, knots: Float64Array, slopes: Float64Array, before: Float64Array) -> tuple[Jump, ...]:
    """Runs of kinks within few of the rows between which the curve goes one way, and steeply."""
    found, first = [], 0
    while first < len(knots) - 1:
        for last in range(len(knots) - 1, first, -1):
            if before[last] - before[first] > _WITHIN:
                continue
            height = _height(bundle, first, last)
            inner = slopes[first + 1 : last + 1]
            beside = max(abs(slopes[first]), abs(slopes[last + 1])) * (knots[last] - knots[first])
            if (inner * np.sign(height) > 0).all() and abs(height) > _STEEP * beside:
                found.append(Jump(first, last, height))
                first = last
                break
        first += 1
    return tuple(found)


def _height(bundle: _Bundle, first: int, last: int) -> float:
    at = np.concatenate(bundle.groups[first : last + 1])
    middle = bundle.knots[[first, last]].mean()
    return float((bundle.changes[at] * middle - bundle.moments[at]).sum())


# ---- Its errors ----


def with_errors(curves: tuple[Curve, ...], parts: Parts, joint: JointErrors) -> tuple[Curve, ...]:
    """The same curves with standard errors.

    Parameters
    ----------
    curves : tuple of Curve
        From :func:`curves_of`.
    parts : Parts
        The network.
    joint : JointErrors
        Of the network's parameters, in the coordinates of the curves.
    """
    bundles = [_bundle_of(curve, parts) for curve in curves]
    d, k = len(parts.linear), len(parts.weights)
    begin = np.zeros((1, k + 1, d + 1))
    begin[0, -1, -1] = 1.0
    for bundle, curve in zip(bundles, curves, strict=True):
        begin += _start_gradient(bundle, curve, k)
    start_error = float(joint.deviations(begin)[0])
    return tuple(
        replace(_with_errors(bundle, curve, joint, k), start_error=start_error)
        for bundle, curve in zip(bundles, curves, strict=True)
    )


def _bundle_of(curve: Curve, parts: Parts) -> _Bundle:
    bundle = _bundle(parts, np.array(curve.members), curve.direction, curve.feature)
    return replace(bundle, groups=tuple(np.array(kink) for kink in curve.kinks))


def _with_errors(bundle: _Bundle, curve: Curve, joint: JointErrors, k: int) -> Curve:
    changes, moments = _member_gradients(bundle, k)
    slopes = np.einsum("mi,ikd->mkd", _slope_gradients(bundle)[0], changes)
    if curve.feature is not None:
        slopes[:, -1, curve.feature] += 1.0
    knots = [
        (moments[group].sum(axis=0) - knot * changes[group].sum(axis=0)) / bundle.changes[group].sum()
        for group, knot in zip(bundle.groups, curve.knots, strict=True)
    ]
    jumps = []
    for jump in curve.jumps:
        at = np.concatenate(bundle.groups[jump.first : jump.last + 1])
        middle = curve.knots[[jump.first, jump.last]].mean()
        gradient = (middle * changes[at] - moments[at]).sum(axis=0)
        jumps.append(replace(jump, error=float(joint.deviations(gradient[None])[0])))
    return replace(
        curve,
        jumps=tuple(jumps),
        knot_errors=joint.deviations(np.array(knots)),
        slope_errors=joint.deviations(slopes),
    )


def _member_gradients(bundle: _Bundle, k: int) -> tuple[Float64Array, Float64Array]:
    """Derivatives of changes and moments by the rows (a_i, t_i) of all neurons and, last, (w, b).

    With a_i and t_i direction and threshold times the weight's size s_i |w_i|: the change is ``s_i |a_i @ u|``, the
    moment ``-s_i sign(a_i @ u) t_i``.
    """
    d = len(bundle.direction)
    changes = np.zeros((len(bundle.members), k + 1, d + 1))
    moments = np.zeros_like(changes)
    for place, i in enumerate(bundle.members):
        turned = bundle.signs[place] * bundle.turns[place]
        changes[place, i, :d] = turned * bundle.direction
        moments[place, i, d] = -turned
    return changes, moments


def _start_gradient(bundle: _Bundle, curve: Curve, k: int) -> Float64Array:
    """Derivative of the curve's value at its first kink, held where it is."""
    changes, moments = _member_gradients(bundle, k)
    on = bundle.turns < 0
    gradient = (moments[on] - curve.knots[0] * changes[on]).sum(axis=0)
    if curve.feature is not None:
        gradient[-1, curve.feature] += curve.knots[0]
    return np.asarray(gradient[None])
