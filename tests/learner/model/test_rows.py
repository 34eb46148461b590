"""Sums over rows are those of their definitions."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows


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


def test_projections_are_products():
    rng = np.random.default_rng(0)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-6)):
        X, directions = rng.standard_normal((700, 21)).astype(dtype), rng.standard_normal((9, 21)).astype(dtype)
        for m in (0, 1, 8, 9):
            found = _kernels.project(X, directions[:m], 0)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, X @ directions[:m].T, rtol=0, atol=30 * tolerance)


@pytest.mark.parametrize("unit", [1.0, 1e-160, 1e140])
def test_exact_fits_have_errors_of_the_size_of_rounding(unit):
    rng = np.random.default_rng(1)
    model = Model(np.array([1.0, -1.0]), unit * rng.standard_normal((3, 5)))
    X = rng.standard_normal((40_000, 4))
    y = model(X) * (1 + 1e-15 * rng.standard_normal(len(X)))
    rows = Rows(X, y, n_threads=1)
    bread, meat, amplitude = rows.sandwich(model)
    # Of a part of the rows, 10,000 or 13,333: entries are means of squares and products of normal numbers below an
    # open gate, which vary by less than sqrt(3 / 10,000) = 0.017; six of these.
    np.testing.assert_allclose(bread, rows.normal_matrix(model), rtol=0, atol=0.1)
    np.testing.assert_array_equal(bread, meat)
    assert bread is not meat  # each is changed in place by those who ask
    size = float(np.linalg.norm((y - model(X)) / unit)) / len(X)
    np.testing.assert_allclose(amplitude / unit, size, rtol=1e-12)


def test_rows_of_no_weight_are_not_among_those_that_errors_of_rounding_are_taken_of():
    rng = np.random.default_rng(3)
    model = Model(np.array([1.0, -1.0]), rng.standard_normal((3, 5)))
    X = rng.standard_normal((40_000, 4))
    y = model(X) * (1 + 1e-15 * rng.standard_normal(len(X)))
    weights = np.tile([0.0, 1.0], len(X) // 2)  # any stride of whole rows could fall on the first of each pair
    bread, meat, _ = Rows(X, y, weights, n_threads=1).sandwich(model)
    np.testing.assert_allclose(bread, Rows(X, y, weights, n_threads=1).normal_matrix(model), rtol=0, atol=0.1)
    np.testing.assert_array_equal(bread, meat)


def test_noise_is_no_rounding():
    rng = np.random.default_rng(2)
    model = Model(np.array([1.0, -1.0]), rng.standard_normal((3, 5)))
    X = rng.standard_normal((40_000, 4))
    rows = Rows(X, model(X) + 1e-8 * rng.standard_normal(len(X)) * X[:, 0], n_threads=1)
    bread, meat, _ = rows.sandwich(model)
    np.testing.assert_array_equal(bread, rows.normal_matrix(model))
    # Errors in proportion to the first feature: its square weighs three times (E x^4 / E x^2) in the meat.
    assert meat[-1, -1] == pytest.approx(1.0)
    assert meat[-5, -5] > 2.5 * bread[-5, -5]


def test_the_error_that_is_kept_is_that_of_the_model_asked_for():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((50, 2))
    rows = Rows(X, rng.standard_normal(50))
    models = [Model(np.ones(1), rng.standard_normal((2, 3))) for _ in range(2)]
    for model in (models[0], models[1], models[1], models[0]):
        assert rows.mean_error(model) == np.square(rows.y - model(X)).mean()
