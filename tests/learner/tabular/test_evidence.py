"""Weight decays by evidence, and what they make of parameters."""

import numpy as np
import pytest

from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.tabular.evidence import (
    drop_constant_neurons,
    effective_parameters,
    fit_by_evidence,
    generalized_cross_validation,
)
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.settings import TabularSettings


def jacobian(model, rows):
    X = np.column_stack([rows.X, np.ones(len(rows))])
    gates = np.column_stack([model.signs * (X @ model.neurons.T > 0), np.ones(len(X))])
    return (gates[:, :, None] * X[:, None, :]).reshape(len(X), -1)


@pytest.mark.parametrize("weighted", [False, True])
def test_effective_parameters_are_those_of_the_definition(weighted, rows_of):
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 1.5, 300) if weighted else None
    rows = rows_of(1, 300, 4, lambda X: np.abs(X[:, 0]) + X[:, 1], 0.3, weights)
    model = fit_by_evidence(select(rows, 3, rng).start(3), rows, Fit(thresholds=True, tolerance=1e-4)).model
    decay = rng.uniform(0.01, 0.1, model.width + 1)
    v = np.ones(300) if weights is None else weights
    J = jacobian(model, rows)
    H = (J * v[:, None]).T @ J / v.sum()
    penalty = np.repeat(decay, 5) * np.tile([1, 1, 1, 1, 0], len(decay))
    spread = np.diag(np.linalg.inv(H + np.diag(penalty))).reshape(-1, 5)[:, :4].sum(axis=1)
    np.testing.assert_allclose(effective_parameters(model, decay, rows), 4 - decay * spread, rtol=1e-5)
    # Without correlations with other groups, and with thresholds, more of each is determined.
    block_diagonal = TabularSettings(max_joint_parameters=0)
    apart = effective_parameters(model, decay, rows, block_diagonal)
    blocks = [H[i : i + 4, i : i + 4] for i in range(0, len(H), 5)]
    expected = [np.trace(np.linalg.solve(G + l * np.eye(4), G)) for G, l in zip(blocks, decay, strict=True)]
    np.testing.assert_allclose(apart, expected, rtol=1e-8)
    assert (apart >= 4 - decay * spread - 1e-6).all()
    left = (1 - apart.sum() / 300) * (1 - len(decay) / 300)
    errors = v / v.mean() * np.square(rows.y - model(rows.X, 1))
    assert generalized_cross_validation(model, decay, rows, block_diagonal) == pytest.approx(errors.mean() / left**2)


def test_effective_parameters_of_more_features_than_rows(rows_of):
    rng = np.random.default_rng(2)
    rows = rows_of(2, 30, 50, lambda X: X[:, 0], 0.3, rng.uniform(0.5, 1.5, 30))
    G = (rows.X * rows.weights[:, None]).T @ rows.X / rows.weights.sum()
    expected = np.trace(np.linalg.solve(G + 0.2 * np.eye(50), G))
    np.testing.assert_allclose(effective_parameters(linear_model(50), np.array([0.2]), rows), [expected], rtol=1e-8)


def test_neurons_that_are_lines_or_off_become_what_they_are(rows_of):
    rows = rows_of(2, 200, 2, lambda X: X[:, 0])
    parameters = np.array([[1.0, 0, 50], [0, 1, -50], [1e-9, 0, 2], [1, 1, 0], [0.5, 0, 1]])
    model = Model(np.array([1.0, -1, -1, 1]), parameters)
    lean, decay = drop_constant_neurons(model, np.arange(1.0, 6), rows)
    assert lean.width == 1
    np.testing.assert_array_equal(decay, [4, 5])
    np.testing.assert_allclose(lean(rows.X), model(rows.X), atol=1e-7)


def test_evidence_finds_the_noise_and_shrinks_what_is_not_there(rows_of):
    rows = rows_of(3, 400, 10, lambda X: X[:, 0], 1.0)
    found = fit_by_evidence(select(rows, 8, np.random.default_rng(0)).start(8), rows, Fit(thresholds=True))
    plain, _ = Fit(thresholds=True)(select(rows, 8, np.random.default_rng(0)).start(8), rows)
    fresh = rows_of(4, 4000, 10, lambda X: X[:, 0], 1.0)
    assert fresh.errors(found.model).mean() < 0.53  # the noise alone is 0.5
    assert fresh.errors(plain).mean() > 0.55
    assert found.error == pytest.approx(fresh.errors(found.model).mean(), rel=0.15)
