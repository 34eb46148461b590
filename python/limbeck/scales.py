"""Directions modulo sign at several scales: which neurons look like one from how far.

At angle h and coarser, neurons within h of each other act as one neuron (and, if their weights cancel, as a dipole). A
ladder of scales from fine to coarse merges neurons into clumps, and clumps into larger ones: single linkage on the
angle modulo sign, so that a clump at scale h is a set of neurons joined by steps of at most h.
"""

from dataclasses import dataclass

import numpy as np

from limbeck._model import Float64Array

__all__ = ["Clump", "angles_modulo_sign", "clump_ladder", "cluster"]


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
    # The chord, not the cosine: 1 - cos loses half the digits of a small angle.
    less = np.linalg.norm(directions[:, None] - directions[None], axis=2)
    more = np.linalg.norm(directions[:, None] + directions[None], axis=2)
    return np.asarray(2 * np.arctan2(np.minimum(less, more), np.maximum(less, more)))


def clump_ladder(directions: Float64Array) -> list[Clump]:
    """All clumps of the ladder, finest first: the k single neurons, then one clump for each merger.

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
    current = [{i} for i in range(k)]
    rows, columns = np.triu_indices(k, 1)
    for at in np.argsort(angle[rows, columns], kind="stable"):
        i, j = int(rows[at]), int(columns[at])
        a = next(group for group in current if i in group)
        b = next(group for group in current if j in group)
        if a is not b:
            current = [group for group in current if group is not a and group is not b] + [a | b]
            ladder.append(Clump(tuple(sorted(a | b)), float(angle[i, j])))
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
