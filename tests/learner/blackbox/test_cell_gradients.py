"""Gradients in cells: exact however near the hyperplanes, by hardly more queries than directions."""

import numpy as np
import pytest

from limbeck._learner.blackbox.cell_gradients import CellGradients

EPS = np.finfo(float).eps


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("outputs", [1, 3])
def test_gradients_near_hyperplanes(seed, outputs):
    d, k = 40, 30
    rng = np.random.default_rng(seed)
    weights, thresholds = rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k)
    output = rng.standard_normal((k, outputs))
    asked = []

    def values(X):
        asked.append(len(X))
        return np.maximum(X @ weights.T + thresholds, 0) @ output

    direction = rng.standard_normal(d)
    direction /= np.linalg.norm(direction)
    bases = rng.standard_normal((6, d))
    exact = np.einsum("nk,kq,kd->nqd", 1.0 * (bases @ weights.T + thresholds > 0), output, weights)
    gradients = CellGradients(values, direction, 8 * EPS * 10, rng)
    # A distance far too large for most of the cells: steps are found that do not leave them.
    found = gradients(bases, np.full(6, 2.0), exact @ direction)
    margins = np.abs(bases @ weights.T + thresholds).min(axis=1)
    # Rounding errors over steps that are a part of the distance from the nearest hyperplane.
    np.testing.assert_allclose(found, exact, atol=1e-11 / margins.min())
    assert sum(asked) < 6 * 5 * d


def test_one_query_for_each_direction_and_a_few_checks_without_hyperplanes():
    d, asked = 100, []

    def values(X):
        asked.append(len(X))
        return X @ np.arange(d)[:, None] / d

    direction = np.eye(d)[3]
    found = CellGradients(values, direction, 1e-13, np.random.default_rng(0))(
        np.zeros((2, d)), np.ones(2), np.full((2, 1), 3 / d)
    )
    np.testing.assert_allclose(found[:, 0], np.tile(np.arange(d) / d, (2, 1)), atol=1e-12)
    # Sets of 3, 6, 12, 24, 48 and the rest, each with a check, and the base.
    assert sum(asked) == 2 * (d - 1 + 6 + 1)


def test_one_dimension_has_no_other_direction():
    gradients = CellGradients(lambda X: X, np.array([-1.0]), 1e-15, np.random.default_rng(0))
    found = gradients(np.zeros((1, 1)), np.ones(1), np.array([[-1.0]]))
    np.testing.assert_array_equal(found, [[[1.0]]])
