"""Neurons that are given up."""

import numpy as np

import limbeck
from limbeck._learner.model.model import Model, model_of
from limbeck._learner.model.pruning import _without_least, pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def test_the_neuron_needed_least_is_given_up():
    rng = np.random.default_rng(0)
    planted = limbeck.ReLUNetwork(np.eye(4)[:3], [1.0, 0.05, -1.0], thresholds=[0.2, 0.0, -0.1])
    X = rng.standard_normal((3000, 4))
    model, decay = pruned(model_of(planted), Rows(X, planted(X)), Fit(thresholds=True), 2, 1e-9 * np.arange(1.0, 5.0))
    assert model.width == 2
    np.testing.assert_array_equal(decay, 1e-9 * np.array([1.0, 3.0, 4.0]))
    assert np.mean((model(X) - planted(X)) ** 2) < 1.1 * 0.05**2 * (1 - 2 / np.pi) / 4  # what a line leaves


def test_what_it_is_worth_is_what_a_fit_without_it_loses():
    """With gates held, the worth is the rise of the least squares of the linear problem."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    parameters = rng.standard_normal((4, 4))
    model = Model(np.array([1.0, -1.0, 1.0]), parameters)
    y = model(X)
    A = np.column_stack([X, np.ones(400)])
    gates = np.column_stack([(A @ parameters[:3].T > 0) * model.signs, np.ones(400)])
    rises = []
    for i in range(3):
        design = np.column_stack([gates[:, [j]] * A for j in range(4) if j != i])
        rises.append(np.sum((y - design @ np.linalg.lstsq(design, y)[0]) ** 2))
    index, without = _without_least(model, Rows(X, y), Fit(thresholds=True), np.zeros(4))
    assert index == int(np.argmin(rises))
    design = np.column_stack([gates[:, [j]] * A for j in range(4) if j != index])
    expected = np.linalg.lstsq(design, y)[0].reshape(3, 4)
    np.testing.assert_allclose(without.parameters, expected, atol=1e-6)
