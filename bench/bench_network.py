"""Networks: values on rows, and the closed-form distance."""

import numpy as np
import peers
import pytest

from limbeck import ReLUNetwork, datasets

D, K = 100, 8


def _network(d):
    rng = np.random.default_rng(0)
    planted = datasets.make_narrow_network("generic", d, K, seed=rng)
    return ReLUNetwork(planted.weights, planted.output, linear=rng.standard_normal(d), bias=0.5)


@pytest.fixture(scope="module")
def net():
    return _network(D)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), [(500_000, 3), (500_000, 10), (50_000, D)])
def test_forward(benchmark, n, d, dtype, n_threads):
    net, X = _network(d), np.random.default_rng(1).standard_normal((n, d), dtype)
    result = benchmark(net, X, n_threads=n_threads)
    # A value is a sum of some d + 2 k terms, whose sizes add up to about d + 2 k.
    expected = peers.forward(net, X.astype(float))
    np.testing.assert_allclose(result, expected, rtol=0, atol=4 * (d + 2 * K) * np.finfo(dtype).eps)


def test_distance(benchmark, net):
    other = datasets.make_narrow_network("generic", D, K, seed=2)
    result = benchmark(net.distance, other)
    assert result == pytest.approx(peers.distance(net, other), rel=1e-12)


def test_distance_with_thresholds(benchmark, net):
    shifted = ReLUNetwork(net.weights, net.output, linear=net.linear, bias=net.bias, thresholds=np.linspace(-1, 1, K))
    result = benchmark(net.distance, shifted)
    X = np.random.default_rng(3).standard_normal((200_000, D))
    squares = np.square(net(X) - shifted(X))
    # Monte Carlo, fixed seed: within five standard errors.
    assert abs(result - squares.mean()) < 5 * squares.std() / np.sqrt(len(squares))
