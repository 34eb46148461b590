"""Neurons that a search along lines has found more than once.

A neuron taken with a large error is found again on a later line: as a pair that all but cancels, or as itself and what
it was off by. Where there are more neurons than there may be, those on one hyperplane become one.
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.settings import KinkSettings
from limbeck._learner.model.shared_model import SharedModel

__all__ = ["without_doubles"]


def without_doubles(network: SharedModel, max_width: int, settings: KinkSettings) -> SharedModel:
    """The network with neurons on one hyperplane joined, the nearest first, and its faintest left out.

    No more are joined, or left out, than bring it down to ``max_width``, and none that is no double and not faint.

    Parameters
    ----------
    network : SharedModel
        Neurons of directions of length one.
    max_width : int
        Number of neurons wanted.
    settings : KinkSettings
        How near doubles are, and what is faint.
    """
    neurons, outputs, linear = network.neurons, network.outputs.copy(), network.linear.copy()
    signs = _common_side(neurons)
    turned = neurons * signs[:, None]
    kept = list(range(len(neurons)))
    first, second = np.triu_indices(len(neurons), 1)
    apart = np.linalg.norm(turned[first] - turned[second], axis=1)
    near = np.flatnonzero(apart < settings.doubles_apart)
    for pair in near[np.argsort(apart[near], kind="stable")]:
        i, j = int(first[pair]), int(second[pair])
        if len(kept) <= max_width:
            break
        if i not in kept or j not in kept:
            continue
        if np.abs(outputs[i]).max() < np.abs(outputs[j]).max():
            i, j = j, i  # the larger one is known better
        if signs[i] != signs[j]:  # relu(-z) is relu(z) - z
            linear += np.multiply.outer(outputs[j], neurons[j])
        outputs[i] += outputs[j]
        kept.remove(j)
    sizes = np.abs(outputs[kept]).max(axis=1, initial=0.0)
    order = np.argsort(sizes, kind="stable")[: max(0, len(kept) - max_width)]
    faint = {kept[i] for i in order if sizes[i] < settings.faint * sizes.max()}
    return SharedModel(neurons, outputs, linear).part([i for i in kept if i not in faint])


def _common_side(neurons: Float64Array) -> Float64Array:
    """Signs (k,) that turn neurons of one hyperplane to one side of it."""
    largest = np.argmax(np.abs(neurons[:, :-1]), axis=1)
    return np.where(neurons[np.arange(len(neurons)), largest] < 0, -1.0, 1.0)
