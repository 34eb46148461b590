"""Coordinates change without changing functions."""

import tracemalloc

import numpy as np
import pytest

from limbeck import ReLUNetwork, datasets
from limbeck._learner.model.coordinates import standardization, whitening


@pytest.mark.parametrize("make", [whitening, standardization])
def test_coordinates_pull_networks_back(make):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 5)) + 7
    change = make(X)
    network = datasets.make_narrow_network("generic", 5, 3, seed=4)
    np.testing.assert_allclose(change.pull_back(network)(X), network(change(X)), rtol=1e-9, atol=1e-9)


def test_whitening_leaves_out_what_does_not_vary():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((1000, 3))
    Z = whitening(np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.ones(1000)]))(
        np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.ones(1000)])
    )
    assert Z.shape == (1000, 3)
    np.testing.assert_allclose(Z.T @ Z / 1000, np.eye(3), atol=1e-8)


def test_standardising_takes_memory_that_grows_with_the_features_alone():
    d = 4000
    X = np.random.default_rng(8).standard_normal((10, d)) + 5
    X[:, ::7] = 2.0
    network = ReLUNetwork(np.ones((2, d - len(range(0, d, 7)))), np.ones(2), thresholds=np.ones(2))
    tracemalloc.start()
    change = standardization(X)
    Z = change(X)
    pulled = change.pull_back(network)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Some copies of the rows, of 8 d bytes each; a matrix would be 400 times as much as one copy.
    assert peak < 10 * X.nbytes
    np.testing.assert_allclose(pulled(X), network(Z), rtol=1e-9)


def test_standardising_is_the_linear_map_of_its_matrix():
    rng = np.random.default_rng(9)
    X = np.asfortranarray(rng.gamma(2.0, size=(200, 6)) * [1, 10, 0, 1e-3, 5, 1])
    weights = rng.uniform(size=200)
    change = standardization(X, weights)
    kept = [0, 1, 3, 4, 5]
    mean, sd = np.average(X, 0, weights), np.sqrt(np.average((X - np.average(X, 0, weights)) ** 2, 0, weights))
    np.testing.assert_allclose(change(X), ((X - mean) / np.where(sd, sd, 1))[:, kept], rtol=1e-12, atol=1e-12)
    forms = rng.standard_normal((3, 5))
    np.testing.assert_allclose(change.pulled(forms), forms @ change.matrix, rtol=1e-15)
