"""Parts of a network on rows, in numbers that do not depend on units."""

import re

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck._learner.diagnostics.reading import read


def test_parts_add_up_to_the_network():
    rng = np.random.default_rng(0)
    X = rng.gamma(2.0, 3.0, (500, 4))
    net = limbeck.ReLUNetwork(
        rng.standard_normal((3, 4)),
        [1.0, -2.0, 0.5],
        linear=rng.standard_normal(4),
        bias=0.7,
        thresholds=[0.1, -3.0, 1.0],
    )
    weights = rng.uniform(0, 2, 500)
    reading = read(net, X, weights)
    V = (X - reading.means) / reading.scales
    np.testing.assert_allclose(np.average(V, axis=0, weights=weights), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(V**2, axis=0, weights=weights), 1)
    np.testing.assert_allclose(np.linalg.norm(reading.directions, axis=1), 1)
    parts = np.maximum(V @ reading.directions.T - reading.thresholds, 0) * reading.weights
    np.testing.assert_allclose(reading.constant + V @ reading.linear + parts.sum(axis=1), net(X))
    np.testing.assert_allclose(reading.network(V), net(X))
    np.testing.assert_allclose(reading.active, np.average(parts != 0, axis=0, weights=weights))
    total = np.cov(net(X), aweights=weights, ddof=0)
    for share, part in zip(reading.shares, [*parts.T, V @ reading.linear], strict=True):
        assert share == pytest.approx(np.cov(part, net(X), aweights=weights, ddof=0)[0, 1] / total)
    assert reading.shares.sum() == pytest.approx(1)


def test_the_reading_does_not_depend_on_units(rooms):
    X, y = rooms
    one = limbeck.learn(X, y, 1, inputs="any").reading
    # Powers of two, so that both learn from the same numbers.
    other = limbeck.learn(X * [2.0**20, 2.0**-10], 2.0**-5 * y, 1, inputs="any").reading
    for name in ("directions", "thresholds", "active", "shares"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)
    np.testing.assert_allclose(other.weights, 2.0**-5 * one.weights, rtol=1e-6)
    np.testing.assert_allclose(other.errors.output, 2.0**-5 * one.errors.output, rtol=1e-5)
    np.testing.assert_allclose(other.errors.directions, one.errors.directions, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("inputs", ["gaussian", "standard"])
def test_errors_of_the_reading_are_those_of_its_network(inputs):
    planted = datasets.make_narrow_network("generic", 4, 2, seed=0)
    Z, y = datasets.sample(planted, 3000, noise=0.2, seed=1)
    scale = np.array([1.0, 2.0, 0.5, 4.0]) if inputs == "gaussian" else np.ones(4)
    found = limbeck.learn(Z * scale + (inputs == "gaussian"), y, 2, inputs=inputs)
    reading = found.reading
    # With features in units of their deviations the errors of output weights are the reading's.
    again = limbeck.learn((Z * scale + (inputs == "gaussian") - reading.means) / reading.scales, y, 2, inputs=inputs)
    order = np.argsort(-np.abs(reading.weights))
    np.testing.assert_allclose(reading.weights[order], again.network.output, rtol=1e-6)
    np.testing.assert_allclose(reading.errors.output[order], again.standard_errors.output, rtol=1e-3)
    np.testing.assert_allclose(reading.errors.directions[order], again.standard_errors.directions, rtol=1e-3)


def test_neurons_are_turned_so_that_little_is_linear():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (3000, 2))
    y = np.maximum(0.4 - X[:, 0], 0) + 2 * np.maximum(X[:, 1] - 0.2, 0) + 0.02 * rng.standard_normal(3000)
    for inputs in ("any", "auto"):
        found = limbeck.learn(X, y, 2, inputs=inputs)
        assert abs(found.reading.shares[-1]) < 0.02
        assert (found.reading.shares[:2] > 0.2).all()
        assert re.search(r"where x0 is below 0\.\d+ .* for each unit of x0 below that", " ".join(str(found).split()))
