"""Neurons read off kinks on lines: which functions they are found of, and which are given up."""

import numpy as np
import pytest

from limbeck import ReLUNetwork, datasets
from limbeck._learner.blackbox.kinks import KinkSearch, network_on_lines, queries_per_line
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

EPS = np.finfo(float).eps


class Asked:
    """A function that counts the rows it is asked at."""

    def __init__(self, function):
        self.function, self.count = function, 0

    def __call__(self, X):
        self.count += len(X)
        return self.function(X)


def staircase(steps, d, seed):
    """Parallel hinges from -1.5 to 1.5 standard deviations, of alternating signs."""
    u = np.random.default_rng(seed).standard_normal(d)
    weights = np.tile(u / np.linalg.norm(u), (steps, 1))
    return ReLUNetwork(weights, (-1.0) ** np.arange(steps), thresholds=np.linspace(-1.5, 1.5, steps))


def search_of(function, d, most, seed=0, precision=EPS):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((200 + 3 * d, d))
    asked = Asked(function)
    y = np.asarray(function(X), dtype=float)
    search = KinkSearch(asked, d, most, float(y.std()), 8 * precision * float(np.abs(y).max()), rng)
    return search, Rows(X, y, n_threads=1), asked


CASES = [
    ("generic", 20, 6),
    ("clumps", 20, 6),
    ("plane_even", 10, 8),
    ("fan", 10, 8),
    ("fan_even", 20, 20),
    ("antipodal", 10, 6),
    ("lowrank", 10, 8),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("family", "d", "width"), CASES)
def test_all_lines_of_a_planted_network_are_read_off(family, d, width, seed):
    planted = datasets.make_narrow_network(family, d, width, seed=seed)
    lines = width // 2 if family in ("plane_even", "fan_even", "antipodal") else width  # u and -u have one hyperplane
    search, rows, asked = search_of(planted, d, lines, seed)
    model, error = network_on_lines(search, rows, Fit())
    assert model.width == lines
    assert error < search.accuracy**2
    alignment = np.abs(model.directions @ planted.weights.T).max(axis=1)
    np.testing.assert_allclose(alignment, 1, atol=1e-8)
    # d + 1 queries on either side of a kink at most, some 20 to find it, and 18 on a line without any.
    assert asked.count < 2 * lines * (d + 1) + 30 * lines + 200


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("steps", "d"), [(4, 1), (6, 1), (12, 1), (4, 5), (6, 5), (12, 5)])
def test_hinges_at_equal_distances(steps, d, seed):
    planted = staircase(steps, d, seed)
    search, rows, _ = search_of(planted, d, steps, seed)
    model, error = network_on_lines(search, rows, Fit())
    assert model.width == steps
    assert error < search.accuracy**2
    places = np.sort(-model.neurons[:, -1] / model.sizes * np.sign(model.directions @ planted.weights[0]))
    np.testing.assert_allclose(places, np.linspace(-1.5, 1.5, steps), atol=1e-7)


def test_answers_in_single_precision():
    planted = datasets.make_narrow_network("generic", 8, 4, seed=0)
    search, rows, _ = search_of(lambda X: planted(X).astype(np.float32), 8, 4, precision=np.finfo(np.float32).eps)
    model, error = network_on_lines(search, rows, Fit())
    assert model.width == 4
    # Differences over a third of the digits keep two thirds of them, and lose a factor of a hundred to slack.
    assert error < 1e-4


@pytest.mark.parametrize("most", [3, 5])
def test_more_kinks_than_neurons_end_the_search(most):
    planted = datasets.make_narrow_network("generic", 10, 40, seed=0)
    search, rows, asked = search_of(planted, 10, most)
    network_on_lines(search, rows, Fit())
    assert search.is_over
    assert asked.count <= queries_per_line(most) + 11 * 2 * (most + 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.tanh(X.sum(axis=1)),
        lambda X: np.sin(X[:, 0]),
        lambda X: X[:, 0] * X[:, 1],
        lambda X: np.round(3 * X[:, 0]),
        lambda X: 1.0 * (X[:, 0] > 1),
        lambda X: np.sin(1e6 * X[:, 0]),
        lambda X: np.sqrt(np.abs(X[:, 0])),
        lambda X: np.linalg.norm(X, axis=1),
    ],
)
def test_what_is_not_piecewise_linear_is_soon_given_up(function):
    search, rows, asked = search_of(function, 5, 16)
    network_on_lines(search, rows, Fit())
    assert search.is_over
    assert asked.count < 1500  # 1.5 % of the default budget


def test_a_linear_function_has_no_kink():
    search, rows, _ = search_of(lambda X: X @ np.arange(5.0) + 1, 5, 4)
    model, error = network_on_lines(search, rows, Fit())
    assert model.width == 0
    assert error < 1e-20
