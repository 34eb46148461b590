"""Parallel neurons read together: a piecewise linear curve of one feature or of one direction, with its steps.

Hinges of one direction add up to a piecewise linear function of it. Each alone may be a giant that another cancels, as
where two of them make a step; slopes between kinks and heights of steps are what the rows determine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.parallel_hinges import ParallelHinges, Parts
from limbeck._learner.diagnostics.settings import DIAGNOSTICS, DiagnosticsSettings
from limbeck._learner.model.clumps import cluster

__all__ = ["Curve", "Jump", "Parts", "curves_of"]


@dataclass(frozen=True)
class Jump:
    """A step of a curve: kinks so close that they act as one.

    Attributes
    ----------
    first, last : int
        The kinks that it begins and ends at.
    height : float
        How far the line behind it is above the line before it, both continued to the middle between the two kinks.
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


def curves_of(
    parts: Parts,
    V: Float64Array,
    added: Float64Array,
    weights: Float64Array | None,
    settings: DiagnosticsSettings = DIAGNOSTICS,
) -> tuple[Curve, ...]:
    """Curves of neurons that act as a function of one direction on the rows.

    A curve has two neurons or more, or one that takes back much of what its feature does in the linear part.

    Parameters
    ----------
    parts : Parts
        The network.
    V : ndarray of shape (n, d)
        Rows, features in standard deviations from their means.
    added : ndarray of shape (n, k + 1)
        What each neuron and, last, the linear part add on the rows, less its mean.
    weights : ndarray of shape (n,), optional
        Weights of the rows.
    settings : DiagnosticsSettings
        How much a curve may lose, and what is a step.
    """
    sizes = np.linalg.norm(parts.directions, axis=1)
    remaining = [int(i) for i in np.flatnonzero((sizes > 0) & (parts.weights != 0))]
    curves: list[Curve] = []
    total = added.sum(axis=1)
    variance = _average(np.square(total), weights)
    if not remaining or not variance > 0:
        return ()

    def add_if_near(members: NDArray[np.intp], direction: Float64Array, feature: int | None) -> bool:
        z = V @ direction
        hinges = ParallelHinges.of(parts, members, direction, feature).with_kinks_joined(z, settings)
        if not hinges.groups:
            return False
        linear = hinges.linear * (z - _average(z, weights))
        exact = added[:, members].sum(axis=1) + linear
        described = hinges.value(z)
        lost = _average(np.square(described - _average(described, weights) - exact), weights)
        if not lost <= settings.max_variance_lost * _average(np.square(exact), weights) + settings.rounding * variance:
            return False
        shares = [_average(part * total, weights) / variance for part in (exact, linear)]
        curves.append(_curve(hinges, feature, z, weights, shares, settings))
        return True

    for j, members in _of_one_feature(parts.directions, remaining):
        for least in settings.leading_shares:
            some = members[np.square(parts.directions[members, j]) > least]
            if len(some) > 1 and add_if_near(some, np.eye(len(parts.linear))[j], j):
                remaining = [i for i in remaining if i not in some]
                break
    for angle in settings.angles:
        for group in cluster(parts.directions[remaining], angle) if len(remaining) > 1 else []:
            if len(group) > 1:
                some = np.array(remaining)[group]
                if add_if_near(some, _middle(parts, some), None):
                    remaining = [i for i in remaining if i not in some]
                    break  # places in `remaining` have changed: the rest comes with the next angle
    for i in remaining:
        j = int(np.argmax(np.abs(parts.directions[i])))
        linear = parts.linear[j] * V[:, j]
        shares = [_average(part * total, weights) / variance for part in (added[:, i], linear)]
        cancel = min(shares) < -settings.cancelled_share < settings.cancelled_share < max(shares)
        if cancel and parts.directions[i, j] ** 2 > settings.single_feature_share:
            add_if_near(np.array([i]), np.eye(len(parts.linear))[j], j)
    return tuple(sorted(curves, key=lambda curve: curve.members))


def _average(values: Float64Array, weights: Float64Array | None) -> float:
    return float(np.average(values, weights=weights))


def _of_one_feature(directions: Float64Array, remaining: list[int]) -> list[tuple[int, NDArray[np.intp]]]:
    """Features that lead the directions of two neurons or more."""
    leads = np.argmax(np.abs(directions), axis=1)
    return [(int(j), np.array([i for i in remaining if leads[i] == j])) for j in np.unique(leads[remaining])]


def _middle(parts: Parts, members: NDArray[np.intp]) -> Float64Array:
    """The mean direction, by the size of the neurons, its largest coefficient positive."""
    directions = parts.directions[members]
    lead = directions[np.argmax(np.abs(parts.weights[members]))]
    turned = directions * np.where(directions @ lead < 0, -1.0, 1.0)[:, None]
    mean = np.abs(parts.weights[members]) @ turned
    mean *= np.sign(mean[np.argmax(np.abs(mean))])
    return np.asarray(mean / np.linalg.norm(mean))


def _curve(
    hinges: ParallelHinges,
    feature: int | None,
    z: Float64Array,
    weights: Float64Array | None,
    shares: list[float],
    settings: DiagnosticsSettings,
) -> Curve:
    """The curve of some hinges; shares of the whole and of the linear part."""
    knots, slopes = hinges.knots, hinges.slope_gradients()[1]
    before = [_average((z < knot).astype(np.float64), weights) for knot in knots]
    return Curve(
        members=tuple(int(i) for i in hinges.members),
        feature=feature,
        direction=hinges.direction,
        knots=knots,
        kinks=tuple(tuple(int(i) for i in group) for group in hinges.groups),
        slopes=slopes,
        jumps=_jumps(hinges, knots, slopes, np.array(before), settings),
        start=float(hinges.value(knots[:1])[0]),
        share=shares[0],
        linear_share=shares[1],
    )


def _jumps(
    hinges: ParallelHinges,
    knots: Float64Array,
    slopes: Float64Array,
    before: Float64Array,
    settings: DiagnosticsSettings,
) -> tuple[Jump, ...]:
    """Runs of kinks within few of the rows between which the curve goes one way, and steeply.

    ``before`` holds the part of the rows below each kink.
    """
    jumps, first = [], 0
    while first < len(knots) - 1:
        for last in range(len(knots) - 1, first, -1):
            if before[last] - before[first] > settings.step_rows:
                continue
            height = hinges.height(first, last)
            inner = slopes[first + 1 : last + 1]
            beside = max(abs(slopes[first]), abs(slopes[last + 1])) * (knots[last] - knots[first])
            if (inner * np.sign(height) > 0).all() and abs(height) > settings.step_steepness * beside:
                jumps.append(Jump(first, last, height))
                first = last
                break
        first += 1
    return tuple(jumps)
