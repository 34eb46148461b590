"""All neurons of one output from gradients and rows together."""

import numpy as np

from limbeck._learner.blackbox.gradient_design import bases_for_gradients, gates_of
from limbeck._learner.blackbox.gradient_solution import (
    GradientSystem,
    MeasuredGradient,
    error_by_rounding,
    further_gradients,
    solved_from_gradients,
)
from limbeck._learner.model.model import Model

D, K, NOISE = 12, 8, 1e-9


def planted(seed):
    rng = np.random.default_rng([seed, 12345])
    return Model(rng.choice([-1.0, 1.0], K), rng.standard_normal((K + 1, D + 1)) / np.sqrt(D)), rng


def measured(model, bases, steps, rng):
    """Gradients with noise in the values, as differences over a step leave it."""
    exact = gates_of(model, bases) @ model.parameters[:, :-1]
    noise = NOISE * np.sqrt(2 * (D + np.square(bases).sum(axis=1))) / steps
    noisy = exact + noise[:, None] * rng.standard_normal(exact.shape)
    values = model(bases) + NOISE * rng.standard_normal(len(bases))
    return [MeasuredGradient(*one) for one in zip(bases, values.tolist(), noisy, steps.tolist(), strict=True)]


def near(model, rng, off=1e-6):
    return Model(model.signs, model.parameters + off * rng.standard_normal(model.parameters.shape))


def test_the_solution_has_the_error_that_its_covariance_says():
    errors, expected = [], []
    for seed in range(20):
        model, rng = planted(seed)
        bases = bases_for_gradients(model, 1e6 * np.eye(K + 1), K + 4, rng)
        gradients = measured(model, bases, np.full(len(bases), 0.1), rng)
        system = GradientSystem(model, gradients)
        off = (system.solved(near(model, rng)).parameters - model.parameters)[:, :-1]
        errors.append(np.mean(np.square(off), axis=1) / NOISE**2 / 2)
        expected.append(np.diag(system.covariance))
    # Each is a mean of 12 squares over its expectation: of 20 * 9 the standard deviation is 3 %.
    assert abs(np.mean(np.array(errors) / np.array(expected)) - 1) < 0.12


def test_rows_tell_thresholds_and_correct_directions():
    before, after = [], []
    for seed in range(5):
        model, rng = planted(seed)
        bases = bases_for_gradients(model, 1e6 * np.eye(K + 1), K + 2, rng)
        gradients = measured(model, bases, np.geomspace(1e-3, 1, len(bases)), rng)
        X, T = rng.standard_normal((300, D)), rng.standard_normal((2000, D))
        y = model(X) + NOISE * rng.standard_normal(300)
        start = near(model, rng)
        alone = GradientSystem(start, gradients).solved(start)
        exact = Model(model.signs, np.column_stack([alone.parameters[:, :-1], model.parameters[:, -1]]))
        found = solved_from_gradients(start, gradients, (X, y), 1)
        before.append(np.sqrt(np.mean(np.square(exact(T) - model(T)))))
        after.append(np.sqrt(np.mean(np.square(found(T) - model(T)))))
    # 300 rows of noise NOISE for 117 parameters, and gradients beside them; short steps alone leave more by far.
    assert max(after) < 4 * NOISE < 20 * max(after) < min(before)


def test_neurons_that_no_row_switches_on_keep_their_thresholds():
    model, rng = planted(1)
    parameters = model.parameters.copy()
    parameters[0, -1] = -50.0
    model = Model(model.signs, parameters)
    bases = rng.standard_normal((K + 6, D))
    gradients = measured(model, bases, np.full(len(bases), 0.1), rng)
    X = rng.standard_normal((200, D))
    found = solved_from_gradients(model, gradients, (X, model(X)), 1)
    assert found.parameters[0, -1] == -50.0
    assert np.abs(found(X) - model(X)).max() < 1e-7


def test_further_gradients_are_exact_and_left_out_where_a_neuron_is_missing():
    model, rng = planted(2)
    gradients = measured(model, rng.standard_normal((K + 3, D)), np.full(K + 3, 0.1), rng)
    asked = []

    def ask(X):
        asked.append(len(X))
        return model(X)[:, None]

    found = further_gradients(near(model, rng, 1e-9), gradients, ask, 3, rng)
    assert asked == [D + 1] * 3
    for one in found:
        wanted = gates_of(model, one.base[None]) @ model.parameters[:, :-1]
        np.testing.assert_allclose(one.gradient, wanted[0], atol=1e-13 / one.step)
    missing = model.without(0)
    some = further_gradients(missing, gradients, ask, 6, rng)
    assert all(gates_of(model, one.base[None])[0, 0] == 0 for one in some)
    assert len(some) < 6


def test_the_error_by_rounding_grows_with_its_square():
    model, rng = planted(3)
    gradients = measured(model, rng.standard_normal((K + 3, D)), np.full(K + 3, 0.1), rng)
    X = rng.standard_normal((100, D))
    small, large = (error_by_rounding(model, gradients, X, rounding) for rounding in (1e-16, 1e-7))
    np.testing.assert_allclose(large / small, 1e18)
    assert 1e-32 < small < 1e-24
