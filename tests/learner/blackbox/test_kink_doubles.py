"""Neurons found more than once become one."""

import numpy as np
import pytest

from limbeck._learner.blackbox.kink_doubles import without_doubles
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS
from limbeck._learner.model.shared_model import SharedModel

KINKS = DISTILLATION_SETTINGS.kinks


def network(k, d, q, seed):
    rng = np.random.default_rng(seed)
    neurons = rng.standard_normal((k, d + 1))
    neurons /= np.linalg.norm(neurons[:, :-1], axis=1, keepdims=True)
    return SharedModel(neurons, rng.standard_normal((k, q)), rng.standard_normal((q, d + 1)))


@pytest.mark.parametrize("q", [1, 3])
def test_doubles_become_one(q):
    true = network(6, 4, q, 0)
    again = true.neurons[[0, 1, 2]] * np.array([[1.0], [-1.0], [-1.0]])
    part = np.random.default_rng(1).standard_normal((3, q))
    # Neuron 1 is split in two of opposite sides; neuron 2 and its double cancel but for the linear part.
    part[2] = -true.outputs[2]
    found = true.with_neurons(again, part)
    one = without_doubles(found, 6, KINKS)
    assert one.width == 6
    X = np.random.default_rng(2).standard_normal((500, 4))
    np.testing.assert_allclose(one(X), found(X), atol=1e-12)


def test_no_more_are_joined_than_are_too_many():
    true = network(5, 4, 1, 3)
    found = true.with_neurons(true.neurons[:3], true.outputs[:3])
    assert without_doubles(found, 8, KINKS).width == 8
    assert without_doubles(found, 6, KINKS).width == 6


def test_faint_neurons_go_and_others_stay():
    true = network(5, 4, 1, 4)
    faint = network(2, 4, 1, 5)
    found = true.with_neurons(faint.neurons, 1e-6 * faint.outputs)
    assert np.array_equal(without_doubles(found, 5, KINKS).neurons, true.neurons)
    assert without_doubles(found, 3, KINKS).width == 5
