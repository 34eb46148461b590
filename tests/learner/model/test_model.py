"""Operations on the learner's model keep the function, or change it as they say."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return Model(np.array([1.0, -1.0, 1.0]), rng.standard_normal((4, 6)))


@pytest.fixture
def X():
    return np.random.default_rng(1).standard_normal((200, 5))


def _plain(model, X):
    z = X @ model.neurons[:, :-1].T + model.neurons[:, -1]
    return np.maximum(z, 0) @ model.signs + X @ model.parameters[-1, :-1] + model.parameters[-1, -1]


def test_values_and_network(model, X):
    np.testing.assert_allclose(model(X), _plain(model, X), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(model.network()(X), _plain(model, X), rtol=1e-13, atol=1e-13)


def test_with_neuron_adds_half_an_absolute_value(model, X):
    u = np.array([0.6, 0, 0.8, 0, 0])
    for weight in (2.0, -3.0):
        added = model.with_neuron(u, weight)(X) - model(X)
        np.testing.assert_allclose(added, weight / 2 * np.abs(X @ u), rtol=1e-12, atol=1e-12)


def test_without_takes_away_half_an_absolute_value(model, X):
    taken = model(X) - model.without(1)(X)
    z = X @ model.neurons[1, :-1] + model.neurons[1, -1]
    np.testing.assert_allclose(taken, -np.abs(z) / 2, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_merging_parallel_neurons_keeps_the_function(flip, X):
    a = np.array([1.0, 2.0, 0.0, -1.0, 0.5, 0.3])
    model = Model(np.array([1.0, -1.0]), np.vstack([a, flip * 0.25 * a, np.zeros(6)]))
    merged = model.merged([[0, 1]])
    assert merged.width == 1
    np.testing.assert_allclose(merged(X), model(X), rtol=1e-12, atol=1e-12)


def test_lifting_is_projecting(model, X):
    basis, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((9, 5)))
    wide = np.random.default_rng(3).standard_normal((50, 9))
    np.testing.assert_allclose(
        model.lifted(np.ascontiguousarray(basis.T))(wide), model(wide @ basis), rtol=1e-12, atol=1e-12
    )


def _jacobian(model, X):
    """By (a_i, t_i) for every neuron, then (w, b)."""
    ones = np.column_stack([X, np.ones(len(X))])
    open_gates = X @ model.neurons[:, :-1].T + model.neurons[:, -1] > 0
    return np.concatenate([model.signs[i] * open_gates[:, [i]] * ones for i in range(model.width)] + [ones], axis=1)


@pytest.mark.parametrize("width", [0, 1, 3, 6, 11])
@pytest.mark.parametrize("n", [40, 3000, 40_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_normal_matrix_from_gate_patterns_is_the_one_from_the_jacobian(width, n, weighted):
    rng = np.random.default_rng(width)
    model = Model(rng.choice([-1.0, 1.0], width), rng.standard_normal((width + 1, 6)))
    X, y = rng.standard_normal((n, 5)), rng.standard_normal(n)
    weights = rng.uniform(0.5, 2.0, n) if weighted else None
    J = _jacobian(model, X)
    v = np.ones(n) if weights is None else weights
    expected = (J * v[:, None]).T @ J / v.sum()
    results = [_kernels.normal_matrix(X, y, weights, model.signs, model.parameters, threads) for threads in (1, 2, 3)]
    # Sums of n products, each rounded once: n eps would be the worst case, its root is the rule; 100 is slack.
    np.testing.assert_allclose(results[0], expected, rtol=0, atol=100 * np.sqrt(n) * 2.3e-16 * np.abs(expected).max())
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


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
