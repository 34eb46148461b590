"""The linear part is dropped where nothing but noise is in it, and kept where a network has one."""

import numpy as np
import pytest

from limbeck._learner.model.linear_part import with_smallest_linear_part, without_linear_part
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _network(rng, width, d):
    """Neurons in random directions through the origin, without linear part."""
    parameters = np.zeros((width + 1, d + 1))
    parameters[:width, :d] = rng.standard_normal((width, d))
    return Model(rng.choice([-1.0, 1.0], width), parameters)


def _refined(seed, tilt, n):
    """A network with some linear part refined to noisy rows of it, and the rows."""
    rng = np.random.default_rng(seed)
    truth = _network(rng, 2, 4)
    X = rng.standard_normal((n, 4))
    rows = Rows(X, truth(X) + tilt * X[:, 0] + 0.1 * rng.standard_normal(n), n_threads=1)
    model, _ = Fit(tolerance=1e-9)(truth, rows)
    return with_smallest_linear_part(model), rows


@pytest.mark.parametrize("width", [1, 3, 8, 13])
def test_flips_keep_the_function_and_make_the_linear_part_no_larger(width):
    rng = np.random.default_rng(width)
    model = Model(rng.choice([-1.0, 1.0], width), rng.standard_normal((width + 1, 6)))
    flipped = with_smallest_linear_part(model)
    X = rng.standard_normal((300, 5))
    # Sums of 14 terms of order 10: a hundred roundings are slack.
    np.testing.assert_allclose(flipped(X), model(X), rtol=0, atol=100 * 2.3e-16 * 10 * width)
    ours = np.linalg.norm(flipped.parameters[-1, :-1])
    assert ours <= np.linalg.norm(model.parameters[-1, :-1])
    for i in range(width):  # no single flip is better
        row = flipped.signs[i] * flipped.neurons[i, :-1]
        assert np.linalg.norm(flipped.parameters[-1, :-1] + row) >= ours * (1 - 1e-12)


def test_flips_that_hide_a_network_without_linear_part_are_undone():
    rng = np.random.default_rng(5)
    truth = _network(rng, 6, 5)
    parameters = truth.parameters.copy()
    for i in (1, 4):  # s relu(z) = s relu(-z) + s z
        parameters[-1] += truth.signs[i] * parameters[i]
        parameters[i] *= -1
    found = with_smallest_linear_part(Model(truth.signs, parameters))
    np.testing.assert_allclose(found.parameters[-1, :-1], 0.0, atol=1e-14)


@pytest.mark.parametrize("n", [200, 2000])  # few rows a parameter, and many
def test_the_linear_part_of_noise_is_dropped(n):
    kept = 0
    for seed in range(40):
        model, rows = _refined(seed, 0.0, n)
        constrained = without_linear_part(model, rows)
        if constrained is None:
            kept += 1
        else:
            np.testing.assert_array_equal(constrained.parameters[-1], 0.0)
            # Five constraints cost 5 noise variances on average; 5 + 3 (2 * 5)^(1/2) = 14.5 is the limit of the test.
            cost = (rows.errors(constrained).sum() - rows.errors(model).sum()) / 0.1**2
            assert cost < 20
    # A chi-squared of five degrees of freedom is above 14.5 in 1.3 % of draws; here 6 and 7 of 400 were. Of 40, more
    # than four come in some 5e-4 of runs.
    assert kept <= 4


@pytest.mark.parametrize("n", [200, 2000])
def test_a_linear_part_is_kept(n):
    # A slope of 0.2 and noise of 0.1: its standard error is at most some 0.1 (4 / 200)^(1/2) = 0.014.
    for seed in range(10):
        model, rows = _refined(seed, 0.2, n)
        assert without_linear_part(model, rows) is None


def test_too_few_rows_or_no_neuron_is_no_test():
    model, rows = _refined(0, 0.0, 200)
    few = rows.part(slice(2 * model.parameters.size - 1))
    assert without_linear_part(model, few) is None
    assert without_linear_part(model.without(0).without(0), rows) is None
