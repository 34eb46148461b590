"""Exact moments of networks whose numbers lie at the ends of the range of float64.

relu(c z) = c relu(z) for c > 0: with powers of two for c, rows, thresholds and output weights become as large or as
small as can be while the function stays, so that every network here has a moderate twin that is the same function.
"""

import numpy as np
import pytest

from limbeck import ReLUNetwork

EPS = np.finfo(np.float64).eps


def moderate(rng, thresholds, k=4, d=3):
    shifts = rng.standard_normal(k) if thresholds else np.zeros(k)
    return ReLUNetwork(
        rng.standard_normal((k, d)), rng.standard_normal(k), linear=rng.standard_normal(d), thresholds=shifts, bias=0.3
    )


def with_neurons(network, weights, output, thresholds):
    return ReLUNetwork(
        np.vstack([network.weights, weights]),
        np.append(network.output, output),
        linear=network.linear,
        thresholds=np.append(network.thresholds, thresholds),
        bias=network.bias,
    )


def moments(network):
    return [network.variance(), network.distance(ReLUNetwork(network.weights[:1], network.output[:1]))]


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize("size", [1e308, 1e200, 1e155, 1.0, 1e-155, 1e-200, 5e-324])
def test_neurons_that_add_nothing_change_nothing_whatever_their_size(size, thresholds):
    network = moderate(np.random.default_rng(0), thresholds)
    weights = size * np.array([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.5], [0.0, 0.0, 0.0]])
    for shifts in (np.zeros(3), size * np.array([1.0, -1.0, 1.0])):
        # The others are computed with as before.
        assert moments(with_neurons(network, weights, np.zeros(3), shifts)) == moments(network)


def test_a_dead_neuron_of_large_weights_in_a_network_of_two():
    # Half of (1 - 1 / pi), the variance of a ReLU.
    expected = 0.5 * (1 - 1 / np.pi)
    for shifts in (None, [1e200, 0], [-3, 0]):
        dead = ReLUNetwork([[1e200, 0], [1, 0]], [0, 1], thresholds=shifts)
        np.testing.assert_allclose(dead.variance(), expected, rtol=4 * EPS)
        # E (relu(x) / 2)^2 = 1 / 8
        np.testing.assert_allclose(dead.distance(ReLUNetwork([[1, 0]], [0.5])), 1 / 8, rtol=8 * EPS)


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_powers_of_two_that_move_from_output_weights_to_rows_change_nothing(seed, thresholds):
    rng = np.random.default_rng(seed)
    network = moderate(rng, thresholds)
    moved = rng.integers(-950, 950, len(network.output))
    same = ReLUNetwork(
        np.ldexp(network.weights, moved[:, None]),
        np.ldexp(network.output, -moved),
        linear=network.linear,
        thresholds=np.ldexp(network.thresholds, moved),
        bias=network.bias,
    )
    assert same.variance() == network.variance()
    # A difference of functions that are equal: what is left is the rounding of squares of the size of the terms',
    # here below 100, in float64 with thresholds and in twice that without.
    assert same.distance(network) <= (100 * EPS if thresholds else 100 * EPS**2)


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize("power", [-500, -400, 400, 500])
def test_a_power_of_two_in_front_of_a_network_stands_in_front_of_its_moments(power, thresholds):
    network = moderate(np.random.default_rng(3), thresholds)
    times = ReLUNetwork(
        network.weights,
        np.ldexp(network.output, power),
        linear=np.ldexp(network.linear, power),
        thresholds=network.thresholds,
        bias=np.ldexp(network.bias, power),
    )
    assert times.variance() == np.ldexp(network.variance(), 2 * power)


@pytest.mark.parametrize("thresholds", [False, True])
def test_output_weights_below_the_normal_numbers(thresholds):
    network = moderate(np.random.default_rng(5), thresholds)
    # Output weights 1 and 3 times the smallest number of all, before rows of 2^1000: 2^-74 and 3 times that.
    tiny = 5e-324 * np.array([1.0, 3.0])
    weights, shifts = network.weights[:2], network.thresholds[:2]
    given = ReLUNetwork(np.ldexp(weights, 1000), tiny, thresholds=np.ldexp(shifts, 1000))
    expected = ReLUNetwork(weights, [2.0**-74, 3 * 2.0**-74], thresholds=shifts)
    assert given.variance() == expected.variance() > 0


@pytest.mark.parametrize("thresholds", [False, True])
def test_a_large_bias_does_not_hide_the_variance(thresholds):
    network = moderate(np.random.default_rng(6), thresholds)
    lifted = ReLUNetwork(
        network.weights, network.output, linear=network.linear, thresholds=network.thresholds, bias=1e300
    )
    assert lifted.variance() == network.variance()
    constant = with_neurons(network, np.zeros((1, 3)), 1e150, 1e150)  # a neuron without weights: another bias
    assert constant.variance() == network.variance()


def test_thresholds_far_beyond_the_weights():
    # relu(z + t) is z + t there: linear, with variance |w|^2; or zero; and neither in part.
    weights = np.array([[3e-160, 4e-160], [3e-160, 4e-160]])
    for shifts, expected in [([1, 1], 100), ([1, -1], 25), ([1e300, -1e300], 25), ([-1, -1], 0)]:
        network = ReLUNetwork(weights, [1e160, 1e160], thresholds=shifts)
        np.testing.assert_allclose(network.variance(), expected, rtol=16 * EPS)
    # Means that cancel though each is beyond the range.
    far = ReLUNetwork([[1.0, 0.0], [1.0, 0.0]], [1e200, -1e200], thresholds=[1e200, 1e200])
    assert far.variance() == 0
    assert far.distance(ReLUNetwork([[1.0, 0.0]], [0.0])) == 0
