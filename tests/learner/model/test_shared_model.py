"""Networks of several outputs inside the learner: values, signs, least squares of output weights, refinement."""

import time

import numpy as np
import pytest

import limbeck
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_pruning import without_needless_neurons
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows, with_best_outputs


def planted(family, d, k, q, seed):
    """Neurons of a family, each with a random weight on each output."""
    rng = np.random.default_rng(seed)
    net = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    outputs = rng.standard_normal((k, q)) * np.abs(net.output)[:, None]
    return SharedModel(np.column_stack([net.weights, np.zeros(k)]), outputs, np.zeros((q, d + 1)))


def rows_of(model, n, seed=0, noise=0.0):
    rng = np.random.default_rng([n, seed])
    X = rng.standard_normal((n, model.neurons.shape[1] - 1))
    Y = model(X)
    return SharedRows(X, Y + noise * rng.standard_normal(Y.shape))


def moved(model, by, seed=0):
    noise = np.random.default_rng(seed).standard_normal(model.neurons.shape)
    noise[:, -1] = 0
    return SharedModel(model.neurons + by * noise, model.outputs, model.linear)


def worst(model, truth, seed=9):
    """Largest error on rows that were not seen, over the spread of the values."""
    X = np.random.default_rng(seed).standard_normal((5000, truth.neurons.shape[1] - 1))
    wanted = truth(X)
    return np.abs(model(X) - wanted).max() / wanted.std()


@pytest.mark.parametrize("q", [1, 3])
def test_values_normal_form_and_network_are_one_function(q):
    rng = np.random.default_rng(q)
    neurons, outputs = rng.standard_normal((5, 4)), rng.standard_normal((5, q))
    neurons[3, :-1], outputs[4] = 0, 0  # a constant, and nothing
    model = SharedModel(neurons, outputs, rng.standard_normal((q, 4)))
    X = rng.standard_normal((50, 3))
    inputs = np.column_stack([X, np.ones(50)])
    wanted = np.maximum(inputs @ neurons.T, 0) @ outputs + inputs @ model.linear.T
    for function in (model, model.normalized(), model.network()):
        np.testing.assert_allclose(function(X).reshape(50, q), wanted, rtol=0, atol=1e-13)
    assert model.normalized().width == 3
    np.testing.assert_allclose(model.scaled(np.full(q, 2.0))(X), 2 * wanted, rtol=0, atol=1e-13)
    assert shared_linear_model(3, q)(X).shape == (50, q)
    # Per neuron a direction and a threshold, q output weights, one of these numbers a matter of scale.
    assert model.size == 5 * (4 + q - 1) + q * 4


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
@pytest.mark.parametrize("q", [1, 3, 10])
@pytest.mark.parametrize(("family", "k"), [("generic", 8), ("lowrank", 6), ("collinear", 4), ("plane", 4)])
def test_refinement_from_near_is_exact(family, k, q, seed):
    truth = planted(family, 20, k, q, seed)
    found, error = SharedFit(thresholds=False)(moved(truth, 0.02, seed), rows_of(truth, 3000))
    assert error < 1e-26
    # Rounding of sums over neurons of weights up to ten times the values (collinear).
    assert worst(found, truth) < 1e-12


def test_thresholds_and_weights_of_rows():
    truth = planted("generic", 6, 3, 2, 0)
    truth = SharedModel(np.column_stack([truth.neurons[:, :-1], [0.5, -0.3, 0.1]]), truth.outputs, truth.linear)
    rows = rows_of(truth, 2000)
    found, error = SharedFit()(moved(truth, 0.02), rows)
    assert error < 1e-26
    assert worst(found, truth) < 1e-12
    spoilt = rows.Y.copy()
    spoilt[::2] += 1.0
    weights = np.tile([0.0, 3.0], 1000)
    found, error = SharedFit()(moved(truth, 0.02), SharedRows(rows.X, spoilt, weights))
    assert error < 1e-26
    assert worst(found, truth) < 1e-12


def test_one_output_is_the_fit_of_one_output():
    truth = planted("generic", 8, 4, 1, 3)
    rows = rows_of(truth, 2000, noise=0.3)
    start = moved(truth, 0.1)
    _, error = SharedFit(thresholds=False)(start, rows)
    _, wanted = Fit()(start.model(), Rows(rows.X, rows.Y[:, 0]))
    # The error has a corner wherever a row crosses a kink: two descents end some rows apart, each worth 1 / n or less.
    assert error == pytest.approx(wanted, rel=1e-3)


def test_output_weights_are_least_squares():
    truth = planted("generic", 5, 3, 4, 0)
    rows = rows_of(truth, 300, noise=0.5)
    model, error = with_best_outputs(truth.neurons, rows)
    inputs = np.column_stack([rows.X, np.ones(300)])
    design = np.column_stack([np.maximum(inputs @ truth.neurons.T, 0), inputs])
    wanted, *_ = np.linalg.lstsq(design, rows.Y, rcond=None)
    np.testing.assert_allclose(np.vstack([model.outputs, model.linear.T]), wanted, rtol=0, atol=1e-10)
    assert error == pytest.approx(rows.error(model), rel=1e-12)


def test_neurons_that_are_not_needed_go():
    truth = planted("generic", 6, 3, 2, 1)
    rows = rows_of(truth, 2000)
    more = truth.with_neurons(np.vstack([truth.neurons[0], -truth.neurons[1], np.eye(6, 7)[2]]), 1e-9 * np.ones((3, 2)))
    model, error = SharedFit()(more, rows)
    found, error = without_needless_neurons(model, error, SharedFit(), rows)
    assert found.width == 3
    assert error < 1e-26
    assert worst(found, truth) < 1e-12
    noisy = rows_of(truth, 2000, noise=0.1)
    model, error = SharedFit()(more, noisy)
    # What three more neurons fit of the noise is no more than chance.
    assert without_needless_neurons(model, error, SharedFit(), noisy)[0].width == 3


def test_a_deadline_in_the_past_leaves_the_neurons():
    truth = planted("generic", 6, 3, 2, 1)
    start = moved(truth, 0.1)
    found, _ = SharedFit(deadline=time.perf_counter() - 1)(start, rows_of(truth, 500))
    np.testing.assert_array_equal(found.neurons, start.neurons)


@pytest.mark.parametrize("q", [2, 5])
def test_results_do_not_depend_on_the_number_of_threads(q):
    truth = planted("generic", 10, 4, q, 1)
    rows = rows_of(truth, 20_000, noise=0.1)
    fits = [SharedFit(max_steps=5)(moved(truth, 0.1), SharedRows(rows.X, rows.Y, None, t))[0] for t in (1, 2)]
    np.testing.assert_array_equal(fits[0].neurons, fits[1].neurons)
    np.testing.assert_array_equal(fits[0].outputs, fits[1].outputs)
