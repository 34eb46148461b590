"""Where queries pay: clumps of neurons by the residuals near them, and bands of rows around kinks."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.kink_bands import Band
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, FocusSettings
from limbeck._learner.model.clumps import centre_of, cluster
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["ResidualClump", "bands_at_kinks", "residual_clumps", "without_artefact"]

_SETTINGS = DISTILLATION_SETTINGS.focus


class ResidualClump(NamedTuple):
    """Neurons that are close, and how the residuals lie around their kinks.

    Attributes
    ----------
    members : list of int
        Numbers of the neurons.
    normal : ndarray of shape (d,)
        Unit vector amid their directions.
    share : float
        Part of the squared residuals that are nearer to this clump's kinks than to any other's.
    width : float
        Of the band in which these lie: their median distance from the kink, over that of the rows.
    """

    members: list[int]
    normal: Float64Array
    share: float
    width: float


def residual_clumps(model: Model, rows: Rows, settings: FocusSettings = _SETTINGS) -> list[ResidualClump]:
    """Find the clumps of a network, the one that most of the squared residuals are nearest to first."""
    weights = rows.row_weights
    squares = weights * np.square(rows.residuals(model))
    groups = _groups(model, settings)
    normals = [centre_of(model, group) for group in groups]
    distance = np.abs(rows.X @ np.array(normals).T)
    nearest = distance.argmin(axis=1)
    found = []
    for j, (group, normal) in enumerate(zip(groups, normals, strict=True)):
        at = nearest == j
        total = float(squares[at].sum())
        if total > 0:
            # Medians: a few far residuals of another origin must not widen the band.
            usual = max(_median(distance[at, j], weights[at]), settings.narrowest_band)
            width = _median(distance[at, j], squares[at]) / usual
            share = total / float(squares.sum())
            found.append(ResidualClump(group, normal, share, max(width, settings.narrowest_band)))
    return sorted(found, key=lambda clump: -clump.share)


def without_artefact(model: Model, settings: FocusSettings = _SETTINGS) -> Model:
    """Drop the faintest neuron, if it has no size, or merge those that have one kink."""
    sizes = model.sizes
    if sizes.min() < settings.artefact * sizes.max():
        return model.without(int(np.argmin(sizes)))
    groups = [group for _, _, group in _kinks(model, settings.artefact, settings.same_kink)]
    return model.merged(groups) if len(groups) < model.width else model


def _kinks(model: Model, angle: float, gap: float) -> list[tuple[Float64Array, float, list[int]]]:
    """Normals and offsets of all kinks, and the neurons that have them, up to an angle and a gap of the offsets."""
    directions, found = model.directions, []
    offsets = -model.neurons[:, -1] / model.sizes
    for group in cluster(directions, angle):
        normal = directions[group[0]]
        places = {i: float(offsets[i] * np.copysign(1.0, directions[i] @ normal)) for i in group}
        order = sorted(group, key=places.__getitem__)
        cuts = [j for j in range(1, len(order)) if places[order[j]] - places[order[j - 1]] > gap]
        for start, stop in pairwise([0, *cuts, len(order)]):
            found.append((normal, places[order[start]], order[start:stop]))
    return found


def _groups(model: Model, settings: FocusSettings) -> list[list[int]]:
    """Neurons by clump; a stray one, small and on its own, counts to the nearest clump, whose fit may have left it."""
    groups = cluster(model.directions, settings.clump_angle)
    sizes = [float(model.sizes[group].sum()) for group in groups]
    least = settings.stray_size * max(sizes, default=0.0)
    strong = [list(group) for group, size in zip(groups, sizes, strict=True) if size >= least]
    normals = np.array([centre_of(model, group) for group in strong])
    for group, size in zip(groups, sizes, strict=True):
        if size < least:
            for i in group:
                strong[int(np.argmax(np.abs(normals @ model.directions[i])))].append(i)
    return strong


def bands_at_kinks(models: list[Model], settings: FocusSettings = _SETTINGS) -> list[Band]:
    """Bands of all probe widths around every kink of some models."""
    neurons = np.concatenate([model.alive().neurons for model in models])
    together = Model(np.ones(len(neurons)), np.vstack([neurons, np.zeros(neurons.shape[1])]))
    return [
        Band(normal, width, settings.probe_rows, offset)
        for normal, offset, _ in _kinks(together, settings.same_kink, settings.same_kink)
        if abs(offset) < settings.farthest_kink
        for width in settings.probe_widths
    ]


def _median(values: Float64Array, weights: Float64Array) -> float:
    """Weighted median."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
