"""Sums over rows are those of their definitions."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck._learner.model.model import Model


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
