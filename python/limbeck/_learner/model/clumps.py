"""Clumps of neurons whose directions are close modulo sign, at all scales.

At angle h and coarser, neurons within h of each other act as one neuron (and, if their weights cancel, as a dipole). A
ladder of scales from fine to coarse merges neurons into clumps, and clumps into larger ones: single linkage on the
angle modulo sign, so that a clump at scale h is a set of neurons joined by steps of at most h.
"""

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.model import Model

__all__ = ["Clump", "Merger", "angles_modulo_sign", "centre_of", "clump_ladder", "clump_tree", "cluster"]

_MOST_ENTRIES = 1 << 20  # of differences of directions that are in memory at a time: 8 MB


@dataclass(frozen=True)
class Clump:
    """Neurons that cannot be told apart at one scale.

    Attributes
    ----------
    members : tuple of int
        Indices of the neurons.
    scale : float
        Angle (radians, modulo sign) at which the last of them joined; 0 for a single neuron.
    cost : float
        Mean squared change of the function, over the variance of the labels, if one neuron stood in for the members
        (NaN where it was not measured).
    """

    members: tuple[int, ...]
    scale: float
    cost: float = float("nan")


def angles_modulo_sign(directions: Float64Array) -> Float64Array:
    """Angles between lines, in [0, pi/2]: (k, k), accurate to rounding for nearly parallel lines.

    Parameters
    ----------
    directions : ndarray of shape (k, d)
        Unit rows.
    """
    k, angles = len(directions), np.zeros((len(directions), len(directions)))
    step = max(1, _MOST_ENTRIES // max(1, directions.size))
    for begin in range(0, k, step):
        # The chord, not the cosine: 1 - cos loses half the digits of a small angle.
        own = slice(begin, begin + step)
        less = np.linalg.norm(directions[own, None] - directions[None, begin:], axis=2)
        more = np.linalg.norm(directions[own, None] + directions[None, begin:], axis=2)
        angles[own, begin:] = 2 * np.arctan2(np.minimum(less, more), np.maximum(less, more))
        angles[begin:, own] = angles[own, begin:].T
    return angles


def centre_of(model: Model, members: list[int]) -> Float64Array:
    """Unit mean of the members' lines, weighted by size, of the sign of the largest."""
    lead = model.directions[max(members, key=lambda i: float(model.sizes[i]))]
    total = sum(
        (model.sizes[i] * np.copysign(1.0, model.directions[i] @ lead) * model.directions[i] for i in members),
        np.zeros_like(lead),
    )
    return np.asarray(total / np.linalg.norm(total))


def clump_ladder(directions: Float64Array) -> list[Clump]:
    """Clumps at all scales, finest first: the k single neurons, then one clump for each merger.

    Parameters
    ----------
    directions : ndarray of shape (k, d)
        Unit rows.

    Returns
    -------
    list of Clump
        At most 2 k - 1 clumps; the last holds all neurons.
    """
    k = len(directions)
    ladder = [Clump((i,), 0.0) for i in range(k)]
    angle = angles_modulo_sign(directions)
    group = [{i} for i in range(k)]  # of each neuron; those of one group share one set
    rows, columns = np.triu_indices(k, 1)
    order = np.argsort(angle[rows, columns], kind="stable")
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if group[i] is group[j]:
            continue
        both = group[i] | group[j]
        for member in both:
            group[member] = both
        ladder.append(Clump(tuple(sorted(both)), float(angle[i, j])))
        if len(both) == k:
            break
    return ladder


def cluster(directions: Float64Array, scale: float) -> list[list[int]]:
    """Groups of directions joined by steps of at most ``scale`` radians modulo sign, in order of first member."""
    groups: dict[int, list[int]] = {i: [i] for i in range(len(directions))}
    for clump in clump_ladder(directions):
        if clump.scale <= scale:
            first = clump.members[0]
            for member in clump.members[1:]:
                groups.pop(member, None)
            groups[first] = list(clump.members)
    return [groups[i] for i in sorted(groups)]


@dataclass(frozen=True)
class Merger:
    """Joint of the clump tree, to be drawn: two branches and the angle at which they meet.

    Attributes
    ----------
    scale : float
        Angle (radians) at which the branches meet.
    ends : tuple of float
        Places of the branches among the neurons in drawing order, from 0.
    starts : tuple of float
        Angles at which the branches begin; 0 for a single neuron.
    cost : float
        Cost of the clump, as for :class:`Clump`.
    """

    scale: float
    ends: tuple[float, float]
    starts: tuple[float, float]
    cost: float


def clump_tree(ladder: list[Clump]) -> tuple[list[int], list[Merger]]:
    """Lay out a ladder as a tree to draw.

    Returns
    -------
    order : list of int
        Neurons in an order in which no branches cross.
    mergers : list of Merger
        Finest first.
    """
    parts: dict[frozenset[int], tuple[frozenset[int], frozenset[int]]] = {}
    current = [frozenset(clump.members) for clump in ladder if len(clump.members) == 1]
    for clump in ladder:
        whole = frozenset(clump.members)
        if len(whole) > 1:
            a, b = sorted((group for group in current if group < whole), key=min)
            parts[whole] = (a, b)
            current = [group for group in current if not group < whole] + [whole]

    def leaves(group: frozenset[int]) -> list[int]:
        return [leaf for half in parts[group] for leaf in leaves(half)] if group in parts else list(group)

    order = [leaf for group in sorted(current, key=min) for leaf in leaves(group)]
    place = {frozenset((leaf,)): float(i) for i, leaf in enumerate(order)}
    scale = {frozenset(clump.members): clump.scale for clump in ladder}
    mergers = []
    for clump in ladder:
        whole = frozenset(clump.members)
        if len(whole) > 1:
            a, b = sorted(parts[whole], key=lambda half: place[half])
            place[whole] = (place[a] + place[b]) / 2
            mergers.append(Merger(clump.scale, (place[a], place[b]), (scale[a], scale[b]), clump.cost))
    return order, mergers
