"""Where to look closer at a network: clumps of neurons by what they leave over, bands of rows around their kinks."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.queries import Band
from limbeck._learner.model.clumps import centre_of, cluster
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["Clump", "clumps_of", "probes", "without_artefact"]

_CLUMP_ANGLE = 0.3
_STRAY = 0.1  # relative size of a neuron that a clump half resolved may have left anywhere
# Neurons merged by mistake leave an error in their band alone, which plain queries miss. Two rows at each of these
# widths around every kink see it.
_PROBE_WIDTHS = tuple(10.0**-i for i in range(1, 7))
_PROBE_ROWS = 2
_NARROWEST = 1e-12  # stretched by 1 / width, coordinates keep four digits
_SAME_KINK = 1e-4
_FARTHEST_KINK = 6.0  # standard deviations: beyond, 1e-9 of all rows see any of it
# ReLUs along different lines are linearly independent: what an exact network has too many is fainter than this relative
# to the largest neuron, or closer to another one than this angle.
_ARTEFACT = 1e-6


class Clump(NamedTuple):
    """Neurons that are close, and how the residuals lie around their kinks."""

    members: list[int]
    normal: Float64Array
    share: float  # of the squared residuals
    width: float  # of the band in which they lie


def clumps_of(model: Model, rows: Rows) -> list[Clump]:
    """Clumps of the network, the one that most of the squared residuals are nearest to first."""
    weights = rows.row_weights
    squares = weights * np.square(rows.residuals(model))
    groups = _groups(model)
    normals = [centre_of(model, group) for group in groups]
    distance = np.abs(rows.X @ np.array(normals).T)
    nearest = distance.argmin(axis=1)
    found = []
    for j, (group, normal) in enumerate(zip(groups, normals, strict=True)):
        at = nearest == j
        total = float(squares[at].sum())
        if total > 0:
            # Medians: a few far residuals of another origin must not widen the band.
            usual = max(_median(distance[at, j], weights[at]), _NARROWEST)
            width = _median(distance[at, j], squares[at]) / usual
            found.append(Clump(group, normal, total / float(squares.sum()), max(width, _NARROWEST)))
    return sorted(found, key=lambda clump: -clump.share)


def without_artefact(model: Model) -> Model:
    """The model without its faintest neuron, if that has no size, or with those merged that have one kink."""
    sizes = model.sizes
    if sizes.min() < _ARTEFACT * sizes.max():
        return model.without(int(np.argmin(sizes)))
    groups = [group for _, _, group in _kinks(model, _ARTEFACT)]
    return model.merged(groups) if len(groups) < model.width else model


def _kinks(model: Model, angle: float) -> list[tuple[Float64Array, float, list[int]]]:
    """Normals and offsets of all kinks, and the neurons that have them, up to an angle and _SAME_KINK in the offset."""
    directions, found = model.directions, []
    offsets = -model.neurons[:, -1] / model.sizes
    for group in cluster(directions, angle):
        normal = directions[group[0]]
        places = {i: float(offsets[i] * np.copysign(1.0, directions[i] @ normal)) for i in group}
        order = sorted(group, key=places.__getitem__)
        cuts = [j for j in range(1, len(order)) if places[order[j]] - places[order[j - 1]] > _SAME_KINK]
        for start, stop in pairwise([0, *cuts, len(order)]):
            found.append((normal, places[order[start]], order[start:stop]))
    return found


def _groups(model: Model) -> list[list[int]]:
    """Neurons by clump; a stray one, small and on its own, counts to the nearest clump, whose fit may have left it."""
    groups = cluster(model.directions, _CLUMP_ANGLE)
    sizes = [float(model.sizes[group].sum()) for group in groups]
    strong = [list(group) for group, size in zip(groups, sizes, strict=True) if size >= _STRAY * max(sizes)]
    normals = np.array([centre_of(model, group) for group in strong])
    for group, size in zip(groups, sizes, strict=True):
        if size < _STRAY * max(sizes):
            for i in group:
                strong[int(np.argmax(np.abs(normals @ model.directions[i])))].append(i)
    return strong


def probes(models: list[Model]) -> list[Band]:
    """Bands of all widths around every kink."""
    neurons = np.concatenate([model.alive().neurons for model in models])
    together = Model(np.ones(len(neurons)), np.vstack([neurons, np.zeros(neurons.shape[1])]))
    return [
        Band(normal, width, _PROBE_ROWS, offset)
        for normal, offset, _ in _kinks(together, _SAME_KINK)
        if abs(offset) < _FARTHEST_KINK
        for width in _PROBE_WIDTHS
    ]


def _median(values: Float64Array, weights: Float64Array) -> float:
    """Weighted median."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
