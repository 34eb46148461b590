"""All neurons from kinks on long lines: exact networks, teachers of several layers, and distillations by this route."""

import numpy as np
import pytest

import limbeck
from limbeck._learner.blackbox.kink_network import KinkNetworkSearch
from limbeck.blackbox import distill

EPS = np.finfo(float).eps


def random_network(d, k, outputs, seed):
    """Weights of rows N(0, I / d), thresholds N(0, 1/4), outputs N(0, 1): as many outputs as asked for."""
    rng = np.random.default_rng([seed, 12345])
    return rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k), rng.standard_normal((k, outputs))


def teacher_of(weights, thresholds, outputs):
    return lambda X: np.maximum(X @ weights.T + thresholds, 0) @ outputs


def search_of(function, d, outputs, most, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((50, d))
    largest, asked = [np.abs(function(X)).max()], [0]

    def ask(rows):
        values = function(rows)
        asked[0] += len(rows)
        largest[0] = max(largest[0], np.abs(values).max())
        return values

    scale = float(function(X).std())
    noise = lambda: 8 * EPS * largest[0]  # noqa: E731
    return KinkNetworkSearch(ask, ask, noise, scale, most, 10**6, (d, outputs), rng, 1), asked


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3, 4))])
@pytest.mark.parametrize(("d", "k", "outputs"), [(10, 16, 1), (30, 24, 1), (6, 40, 1), (20, 16, 3)])
def test_random_networks_are_found(d, k, outputs, seed):
    function = teacher_of(*random_network(d, k, outputs, seed))
    search, asked = search_of(function, d, outputs, k, seed)
    assert search.run()
    assert search.network.width <= k
    assert not search.bends
    X = np.random.default_rng(100 + seed).standard_normal((2000, d))
    wanted = function(X)
    # Rounding over steps of some thousandths, added up over the neurons.
    assert np.abs(search.network(X, 1) - wanted).max() < 1e-7 * wanted.std()
    # A query for each direction of each neuron, checks, kinks at seven each, and rows that show what is missing.
    assert asked[0] < 1.3 * k * (d + 20) + 900


def test_signs_leave_no_linear_part_where_the_teacher_has_none():
    weights, thresholds, output = random_network(30, 12, 1, 0)
    search, _ = search_of(teacher_of(weights, thresholds, output), 30, 1, 12)
    assert search.run()
    network = search.network.without_linear_part()
    assert np.abs(network.linear).max() < 1e-8
    alignment = network.neurons[:, :-1] @ (weights / np.linalg.norm(weights, axis=1)[:, None]).T
    # Not only up to sign.
    np.testing.assert_allclose(alignment.max(axis=1), 1, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_teachers_of_several_layers_are_told_apart_early(seed):
    d, k = 20, 30
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((k, d)) / np.sqrt(d), rng.standard_normal((k, k)) / np.sqrt(k)
    output = rng.standard_normal((k, 1))

    def deep(X):
        return np.maximum(np.maximum(X @ first.T, 0) @ second.T + 0.1, 0) @ output

    search, asked = search_of(deep, d, 1, 200, seed)
    assert not search.run()
    assert search.bends
    # The kinks of one line, a few gradients, and nine points on hyperplanes.
    assert asked[0] < 3000


def test_more_kinks_than_neurons_are_no_such_network():
    function = teacher_of(*random_network(20, 40, 1, 1))
    search, asked = search_of(function, 20, 1, 8)
    assert not search.run()
    assert search.is_refuted
    assert not search.bends
    assert asked[0] < 300


def test_a_linear_function_has_no_neuron():
    search, _ = search_of(lambda X: X @ np.arange(5.0)[:, None] + 1, 5, 1, 4)
    assert search.run()
    assert search.network.width == 0


# ---- Distillations ----


@pytest.mark.parametrize(("d", "k"), [(10, 16), (40, 8), (1, 100)])
def test_distilled_by_kinks(d, k):
    function = teacher_of(*random_network(d, k, 1, 0))
    found = distill(lambda X: function(X)[:, 0], d, k)
    assert found.route == "kinks"
    assert found.stopped == "tolerance"
    X = np.random.default_rng(1).standard_normal((5000, d))
    wanted = function(X)[:, 0]
    assert np.abs(found.network(X) - wanted).max() < 1e-11 * wanted.std()
    assert found.n_queries < 3 * k * (d + 2) + 700
    assert found.noise_variance < 1e-20 or np.isnan(found.noise_variance)


def test_the_same_for_any_number_of_threads_and_batch_size():
    function = teacher_of(*random_network(12, 14, 1, 3))
    runs = [distill(lambda X: function(X)[:, 0], 12, 14, n_threads=t, batch_size=b) for t, b in ((1, 1000), (2, 1000))]
    np.testing.assert_array_equal(runs[0].X, runs[1].X)
    assert runs[0].network == runs[1].network


def test_routes_of_other_teachers():
    planted = limbeck.datasets.make_narrow_network("generic", 10, 2, seed=0)
    assert distill(planted, 10, 2).route == "moments"
    smooth = distill(lambda X: np.tanh(X[:, 0]) + X[:, 1] ** 2, 9, 4, n_queries=300)
    assert smooth.route != "kinks"


@pytest.mark.parametrize("batch", [2, 3, 6, 12, 20])
def test_interrupted_it_is_no_worse_than_a_constant(monkeypatch, batch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    function = teacher_of(*random_network(12, 14, 1, 1))
    asked = [0]

    def teacher(X):
        asked[0] += 1
        if asked[0] == batch:
            now[0] = 2.0
        return function(X)[:, 0]

    found = distill(teacher, 12, 14, time_limit=1.0)
    assert found.stopped == "time"
    assert asked[0] == batch
    targets = found.validation_targets
    # Of rows from N(0, I), not of lines that go far out; the constant is the mean of the others.
    assert np.abs(targets).max() < 20
    place = [int(np.flatnonzero(found.y == target)[0]) for target in targets]
    assert np.linalg.norm(found.X[place], axis=1).max() < 8
    first = found.y[: max(place) + 1]
    constant = np.mean((targets - np.delete(first, place).mean()) ** 2)
    assert found.validation_mse <= constant * (1 + 1e-9)


@pytest.mark.parametrize("angle", [*(pytest.param(one, marks=pytest.mark.slow) for one in (0.1, 0.01)), 0.001])
def test_pairs_of_neurons_that_nearly_coincide(angle):
    d, k = 10, 12
    weights, thresholds, output = random_network(d, k, 1, 2)
    turned = np.random.default_rng(1).standard_normal((k // 2, d))
    weights[1::2], thresholds[1::2] = weights[::2] + angle / np.sqrt(d) * turned, thresholds[::2]
    function = teacher_of(weights, thresholds, output)
    found = distill(lambda X: function(X)[:, 0], d, k)
    assert (found.route, found.stopped, found.network.width) == ("kinks", "tolerance", k)
    X = np.random.default_rng(1).standard_normal((5000, d))
    # Rounding over steps that the pairs' distances of some thousandths leave.
    assert np.abs(found.network(X) - function(X)[:, 0]).max() < 1e-8 * function(X).std()
    # Some thousand; where long lines do not tell all pairs apart, short ones follow, which take more.
    assert found.n_queries < 6000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("d", "k", "most", "error"),
    [
        (10, 16, 2**9.7, 1e-12),
        (50, 16, 2**11.1, 1e-12),
        (10, 64, 2**11.4, 1e-10),
        (50, 64, 2**12.65, 1e-10),
        (784, 32, 2**15.2, 1e-10),
    ],
)
def test_wide_teachers(d, k, most, error, seed):
    function = teacher_of(*random_network(d, k, 1, seed))
    found = distill(lambda X: function(X)[:, 0], d, k, seed=seed)
    X = np.random.default_rng(1000).standard_normal((100_000, d))
    wanted = function(X)[:, 0]
    assert found.n_queries <= most
    assert np.abs(found.network(X) - wanted).max() < error * wanted.std()


@pytest.mark.parametrize("seed", range(3))
def test_several_outputs_share_the_queries(seed):
    d, k = 50, 16
    asked = {}
    for outputs in (1, 4, 12):
        function = teacher_of(*random_network(d, k, outputs, seed))
        search, count = search_of(function, d, outputs, k, seed)
        assert search.run()
        X = np.random.default_rng(100 + seed).standard_normal((2000, d))
        wanted = function(X)
        # Rounding over steps of some thousandths, over the smallest singular value of a few bends.
        assert np.abs(search.network(X, 1) - wanted).max() < 1e-7 * wanted.std()
        asked[outputs] = count[0]
    # A gradient for each kink; for every few of them.
    assert asked[4] < 0.75 * asked[1]
    # Rows and points on lines cost the same for any number of outputs, and take half of it here.
    assert asked[12] < asked[4]
