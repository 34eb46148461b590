"""Operations on a model keep the function, or change it as they say."""

import numpy as np
import pytest

from limbeck._learner.model.model import Model


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
