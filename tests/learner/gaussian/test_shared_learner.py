"""Networks of several outputs from rows of N(0, I)."""

import numpy as np
import pytest

import limbeck
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.shared_learner import learn_shared
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows
from limbeck._learner.tabular.shared_hinges import shared_hinges


def planted_rows(family, d, k, q, n, seed, noise=0.0):
    rng = np.random.default_rng(seed)
    net = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    outputs = rng.standard_normal((k, q)) * np.abs(net.output)[:, None]

    def function(X):
        return np.maximum(X @ net.weights.T, 0) @ outputs

    X = rng.standard_normal((n, d))
    Y = function(X)
    return SharedRows(X, Y + noise * Y.std(axis=0) * rng.standard_normal(Y.shape)), function


def learned(rows, width=None, max_width=16, seed=0, learner=learn_shared, thresholds=False):
    fit = SharedFit(thresholds=thresholds)
    return learner(rows, width, max_width, fit, Progress(None, False, None), np.random.default_rng(seed))


def relative_error(found, function, d):
    X = np.random.default_rng(77).standard_normal((20_000, d))
    wanted = function(X)
    return np.abs(found(X) - wanted).max() / wanted.std(), np.square(found(X) - wanted).sum() / wanted.var(
        0
    ).sum() / 2e4


@pytest.mark.parametrize("q", [3, 10])
@pytest.mark.parametrize(("family", "k"), [("generic", 4), ("lowrank", 6), ("collinear", 4), ("plane", 4)])
def test_networks_without_noise_come_back(family, k, q):
    rows, function = planted_rows(family, 20, k, q, 5000, 0)
    found = learned(rows)
    assert found.width == k
    assert relative_error(found, function, 20)[0] < 1e-12


def test_a_mixture_that_hides_neurons_is_not_the_last():
    rows, function = planted_rows("generic", 12, 4, 10, 3000, 0)
    found = learned(rows)  # the first mixture shows two neurons of four
    assert found.width == 4
    assert relative_error(found, function, 12)[0] < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("q", [3, 10])
@pytest.mark.parametrize(("family", "k"), [("generic", 4), ("lowrank", 6), ("collinear", 4), ("plane", 4)])
@pytest.mark.parametrize("seed", range(1, 20))
def test_networks_without_noise_come_back_for_many_seeds(family, k, q, seed):
    rows, function = planted_rows(family, 20, k, q, 5000, seed)
    found = learned(rows)
    assert found.width == k
    assert relative_error(found, function, 20)[0] < 1e-12


def test_noise_leaves_what_the_parameters_leave_open():
    rows, function = planted_rows("generic", 20, 4, 5, 10_000, 0, noise=0.1)
    found = learned(rows)
    assert found.width == 4
    # The noise's variance is a hundredth, and 4 (20 + 5 - 1) + 5 * 21 parameters share 10,000 rows of 5 numbers: the
    # mean of chi-squared, of which three times as much is beyond any chance.
    assert relative_error(found, function, 20)[1] < 3 * 0.01 * found.size / 10_000


@pytest.mark.parametrize("width", [0, 2])
def test_no_more_neurons_than_asked_for(width):
    rows, _ = planted_rows("generic", 10, 4, 3, 3000, 1)
    assert learned(rows, width).width <= width
    assert learned(rows, width, learner=shared_hinges, thresholds=True).width <= width


def test_hinges_of_a_function_that_is_no_narrow_network():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 3))
    rows = SharedRows(X, np.column_stack([np.tanh(2 * X[:, 0]), X[:, 1] ** 2, np.tanh(2 * X[:, 0]) + X[:, 2]]))
    found = learned(rows, 8, learner=shared_hinges, thresholds=True)
    # A curve in one output and another in two: four kinks leave about a hundredth of the variance of each.
    assert rows.error(found) < 0.03 * rows.variance


def test_an_output_that_is_constant_and_copies_of_one():
    rows, function = planted_rows("generic", 10, 3, 2, 4000, 0)
    Y = np.column_stack([rows.Y, np.ones(4000), rows.Y[:, 0], np.zeros(4000)])
    found = learned(SharedRows(rows.X, Y))
    assert found.width == 3
    X = np.random.default_rng(5).standard_normal((100, 10))
    np.testing.assert_allclose(found(X)[:, :2], function(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        found(X)[:, 2:], np.column_stack([np.ones(100), function(X)[:, 0], np.zeros(100)]), atol=1e-12
    )
