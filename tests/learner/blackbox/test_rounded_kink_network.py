"""All neurons of teachers that answer in float32, or compute in it, from kinks on long lines."""

import numpy as np
import pytest

import limbeck
from limbeck._learner.blackbox.result_builder import rows_to_read
from limbeck._learner.blackbox.rounded_kink_network import RoundedKinkNetworkSearch
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

EPS = float(np.finfo(np.float32).eps)


def random_network(d, k, seed):
    """Weights of rows N(0, I / d), thresholds N(0, 1/4), outputs N(0, 1)."""
    rng = np.random.default_rng([seed, 12345])
    return rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k), rng.standard_normal(k)


def exact(weights, thresholds, outputs):
    return lambda X: np.maximum(X @ weights.T + thresholds, 0) @ outputs


def computed_in_float32(weights, thresholds, outputs):
    A, t, o = (a.astype(np.float32) for a in (weights, thresholds, outputs))
    return lambda X: np.maximum(X.astype(np.float32) @ A.T + t, 0) @ o


def rounded(function):
    return lambda X: function(X).astype(np.float32)


def search_of(function, d, most, seed=0, most_queries=10**6):
    """A search whose answers are rounded, and the number of answers."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((50, d))
    largest, asked = [np.abs(function(X)).max()], [0]

    def ask(rows):
        values = rounded(function)(rows).astype(float)
        asked[0] += len(rows)
        largest[0] = max(largest[0], np.abs(values).max())
        return values[:, None]

    noise = lambda: EPS / 2 * largest[0]  # noqa: E731
    scale = float(function(X).std())
    return RoundedKinkNetworkSearch(ask, ask, noise, scale, most, most_queries, (d, 1), rng, 1), asked


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 6))])
@pytest.mark.parametrize(("d", "k"), [(30, 24), (60, 16)])
def test_all_neurons_are_found(d, k, seed):
    weights, thresholds, outputs = random_network(d, k, seed)
    function = exact(weights, thresholds, outputs)
    search, asked = search_of(function, d, k, seed)
    assert search.run()
    assert search.network.width == k
    normals = weights / np.linalg.norm(weights, axis=1)[:, None]
    alike = np.abs(search.network.neurons[:, :-1] @ normals.T)
    assert (alike.max(axis=0) > 1 - 1e-4).all()
    X = np.random.default_rng(100 + seed).standard_normal((2000, d))
    # Gradients over steps of some tenths, whose errors of 1e-6 add up over the dimensions.
    error = np.sqrt(np.mean(np.square(search.network(X, 1)[:, 0] - function(X))))
    assert error < 1e-4 * function(X).std()
    # Two gradients for each neuron, as many further ones, and some lines of 25 queries a kink.
    assert asked[0] < 5 * k * (d + 2) + 6 * 30 * k


def distilled(teacher, d, k, seed, **options):
    return limbeck.distill(teacher, d, k, seed=seed, n_threads=1, **options)


def relative_error(network, function, d):
    X = np.random.default_rng(1000).standard_normal((5000, d))
    wanted = function(X)
    return np.sqrt(np.mean(np.square(network(X) - wanted))) / wanted.std()


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
@pytest.mark.parametrize("make", [lambda *w: rounded(exact(*w)), computed_in_float32])
def test_teachers_of_float32_come_back_to_the_rounding_of_an_answer(make, seed):
    d, k = 60, 20
    network = random_network(d, k, seed)
    if make is computed_in_float32:
        network = tuple(a.astype(np.float32).astype(float) for a in network)
    found = distilled(make(*network), d, k, seed)
    assert (found.route, found.stopped, found.network.width) == ("kinks", "tolerance", k)
    # Rounding of an answer: half a unit in the last place, or several where products are summed in float32. Two rows
    # for each parameter leave less than that (measured: 3e-8 and 2e-7).
    assert relative_error(found.network, exact(*network), d) < (2e-7 if make is not computed_in_float32 else 1e-6)


def test_float32_answers_in_arrays_of_float64_are_noticed():
    d, k = 60, 20
    network = tuple(a.astype(np.float32).astype(float) for a in random_network(d, k, 3))
    teacher = computed_in_float32(*network)
    found = distilled(lambda X: teacher(X).astype(float), d, k, 3)
    assert (found.route, found.stopped, found.network.width) == ("kinks", "tolerance", k)
    assert relative_error(found.network, exact(*network), d) < 1e-6


@pytest.mark.parametrize("batch", [1, 3, 6, 10, 15, 30])
def test_whatever_time_is_up_the_result_is_no_worse_than_a_constant(monkeypatch, batch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    d, k = 60, 20
    function, asked = rounded(exact(*random_network(d, k, 0))), [0]

    def teacher(X):
        asked[0] += 1
        if asked[0] == batch:
            now[0] = 2.0
        return function(X)

    found = distilled(teacher, d, k, 0, time_limit=1.0)
    assert found.stopped == "time"
    assert asked[0] == batch
    targets = found.validation_targets
    place = [int(np.flatnonzero(found.y == target)[0]) for target in targets]
    constant = np.mean((targets - np.delete(found.y[: max(place) + 1], place).mean()) ** 2)
    assert found.validation_mse <= constant * (1 + 1e-9)


def test_wide_networks_are_read_on_so_many_rows_that_it_takes_a_second():
    rng = np.random.default_rng(0)
    d, k = 300, 100
    wide = Model(np.ones(k), rng.standard_normal((k + 1, d + 1)))
    rows = Rows(rng.standard_normal((12_000, d)), rng.standard_normal(12_000), rng.integers(0, 2, 12_000).astype(float))
    some = rows_to_read(rows, wide)
    assert len(some) * wide.parameters.size <= 2**28
    assert len(some) >= 2000
    # On lines rows have no weight, and no part.
    assert some.weights.all()
    assert rows_to_read(rows, Model(wide.signs[:2], wide.parameters[[0, 1, k]])) is rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("d", "k"), [(50, 64), (784, 32)])
def test_wide_teachers_of_float32_are_found(d, k, seed):
    function = exact(*random_network(d, k, seed))
    found = distilled(rounded(function), d, k, seed, n_queries=10 * k * (d + 2))
    assert (found.route, found.stopped, found.network.width) == ("kinks", "tolerance", k)
    # Where there are too many parameters to refine on all queries, gradients alone leave some times the rounding.
    assert relative_error(found.network, function, d) < (1e-6 if d > 100 else 1e-7)
