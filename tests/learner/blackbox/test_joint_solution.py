"""All neurons of several outputs from all gradients at once."""

import numpy as np
import pytest

from limbeck._learner.blackbox.cell_gradients import CellGradients
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch

EPS = np.finfo(float).eps


def random_teacher(d, k, q, seed):
    rng = np.random.default_rng([seed, d, k, q])  # not that of the rows
    weights, thresholds = rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k)
    outputs = rng.standard_normal((k, q))
    return lambda X: np.maximum(X @ weights.T + thresholds, 0) @ outputs


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_errors_of_single_groups_go(seed):
    d, k, q = 100, 40, 6
    function, rng = random_teacher(d, k, q, seed), np.random.default_rng(seed)
    X = rng.standard_normal((400, d))
    noise = 8 * EPS * np.abs(function(4 * X)).max()
    shape = (d, q)
    search = KinkNetworkSearch(function, function, lambda: noise, function(X).std(), k, 10**6, shape, rng, 1)
    assert search.run()
    found = search.solved_jointly(X, function(X))
    fresh = np.random.default_rng(99).standard_normal((2000, d))
    wanted = function(fresh)
    before, after = (np.abs(network(fresh, 1) - wanted).max() / wanted.std() for network in (search.network, found))
    # Rounding over steps of a tenth and more, twenty times as much where groups are hard to take apart.
    assert after < 1e-11
    assert after < before


def test_steps_keep_to_their_limits_and_are_reported():
    slopes = np.random.default_rng(0).standard_normal((2, 4))
    direction, asked = np.eye(4)[0], []

    def values(X):
        asked.append(X)
        return X @ slopes.T

    limits = np.array([[0.01, 10.0, 0.3, 0.02]])
    gradients = CellGradients(values, direction, 1e-12, np.random.default_rng(0), ask_along=True)
    base = np.ones((1, 4))
    found = gradients(base, np.array([1.0]), np.full((1, 2), np.nan), limits)
    np.testing.assert_allclose(found[0], slopes, rtol=0, atol=1e-12)
    (one,) = gradients.queries
    assert np.all(one.steps <= limits[0])
    np.testing.assert_allclose(one.ahead, values(one.base + one.steps[:, None] * one.directions), rtol=0, atol=1e-14)
    assert np.isnan(one.back).all()
    np.testing.assert_allclose(one.directions @ one.directions.T, np.eye(4), atol=1e-14)
