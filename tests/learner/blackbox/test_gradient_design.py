"""Points whose gradients tell most: far from all hyperplanes, and where the covariance is largest."""

import numpy as np
import pytest

from limbeck._learner.blackbox.gradient_design import bases_for_gradients, gates_of, steps_within
from limbeck._learner.model.model import Model


def random_model(d, k, seed):
    rng = np.random.default_rng([seed, 12345])
    parameters = rng.standard_normal((k + 1, d + 1)) / np.sqrt(d)
    return Model(rng.choice([-1.0, 1.0], k), parameters)


def test_gates_are_the_derivative_by_the_parameters():
    model, rng = random_model(6, 5, 0), np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    values = gates_of(model, X) * (np.column_stack([X, np.ones(40)]) @ model.parameters.T)
    np.testing.assert_allclose(values.sum(axis=1), model(X), atol=1e-13)


@pytest.mark.parametrize(("d", "k"), [(40, 10), (30, 30), (5, 40)])
def test_points_lie_far_from_hyperplanes(d, k):
    model = random_model(d, k, 1)
    bases = bases_for_gradients(model, np.eye(k + 1), 4, np.random.default_rng(0))
    plain = np.random.default_rng(1).standard_normal((200, d))

    def distances(X):
        heights = X @ model.neurons[:, :-1].T + model.neurons[:, -1]
        return np.abs(heights / model.sizes).min(axis=1) / np.sqrt(d + np.square(X).sum(axis=1))

    # Below the median of random points the choice would be no better than chance.
    assert distances(bases).min() > 3 * np.median(distances(plain))
    for base in bases:
        steps = steps_within(model, base)
        assert (gates_of(model, base + np.diag(steps)) == gates_of(model, base[None])).all()


def test_the_chosen_gradients_reduce_the_error_more_than_others():
    d, k, count = 30, 12, 5
    model, rng = random_model(d, k, 2), np.random.default_rng(3)
    factor = rng.standard_normal((k + 1, k + 1)) * np.geomspace(1, 1e3, k + 1)
    covariance = factor @ factor.T
    gates = gates_of(model, rng.standard_normal((4000, d)))
    moment = gates.T @ gates / len(gates)

    def left(bases):
        now = covariance
        for g in gates_of(model, bases):  # exact gradients, whose errors are far smaller than all that is left
            v = now @ g
            now = now - np.outer(v, v) / (g @ v + 1)
        return np.trace(now @ moment)

    chosen = left(bases_for_gradients(model, covariance, count, rng))
    others = [left(rng.standard_normal((count, d))) for _ in range(50)]
    assert chosen < min(others)


def test_steps_are_bounded_where_no_hyperplane_is_near():
    model = Model(np.ones(1), np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]]))
    steps = steps_within(model, np.array([3.0, 4.0]))
    size = np.sqrt(2 + 25)
    np.testing.assert_allclose(steps, [1.0, size / 2])
