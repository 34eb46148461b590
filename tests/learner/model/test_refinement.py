"""Refinement lowers the cost to where no small move lowers it further."""

import numpy as np

from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _plain(model, X):
    z = X @ model.neurons[:, :-1].T + model.neurons[:, -1]
    return np.maximum(z, 0) @ model.signs + X @ model.parameters[-1, :-1] + model.parameters[-1, -1]


def test_refine_solves_a_linear_problem_at_once():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0] + 3.0
    model, error = Fit()(linear_model(4), Rows(X, y))
    np.testing.assert_allclose(model.parameters[0], [1.0, -2.0, 0.5, 0.0, 3.0], atol=1e-12)
    assert error < 1e-24


def test_refine_minimises_the_weighted_cost_with_decay():
    rng = np.random.default_rng(5)
    X, y, v = rng.standard_normal((4000, 3)), rng.standard_normal(4000), rng.uniform(0, 2, 4000)
    start = Model(np.array([1.0, -1.0]), rng.standard_normal((3, 4)))
    decay = np.array([0.05, 0.01, 0.2])
    model, _ = Fit(max_steps=200, tolerance=1e-14, thresholds=True, decay=decay)(start, Rows(X, y, v))

    def cost(parameters):
        m = Model(model.signs, parameters)
        return np.average(np.square(_plain(m, X) - y), weights=v) / 2 + decay / 2 @ np.square(parameters[:, :-1]).sum(
            axis=1
        )

    base, step = cost(model.parameters), 1e-5
    for index in np.ndindex(model.parameters.shape):
        moved = model.parameters.copy()
        moved[index] += step
        # The cost has a kink wherever a row lies on a gate, and each changes its slope by about |r| |x| / n = 1e-3; a
        # slope of a few such kinks is all that may be left (at the start it is around 0.1).
        assert cost(moved) > base - 3e-3 * step


def test_refine_never_raises_the_cost_and_keeps_thresholds_that_do_not_move():
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((500, 4)), rng.standard_normal(500)
    start = Model(np.array([1.0, -1.0]), rng.standard_normal((3, 5)))
    before = float(np.mean(np.square(_plain(start, X) - y)))
    model, error = Fit(max_steps=3)(start, Rows(X, y))
    assert error <= before
    np.testing.assert_array_equal(model.neurons[:, -1], start.neurons[:, -1])


def test_a_neuron_that_no_row_switches_on_does_no_harm():
    rng = np.random.default_rng(7)
    X = np.abs(rng.standard_normal((400, 3)))
    y = X @ [1.0, 2.0, 3.0]
    dead = Model(np.array([1.0]), np.vstack([[-1.0, -1.0, -1.0, 0.0], np.zeros(4)]))
    model, error = Fit()(dead, Rows(X, y))
    assert np.isfinite(model.parameters).all()
    assert error < 1e-20
