"""Networks of more neurons than dimensions, parallel neurons, and thresholds: what a search inside a span finds."""

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork, datasets
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.selection import ModelSelector
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.gaussian.span_search import ScoreTests, _SpanRows, best_in_span
from limbeck._learner.model.model import linear_model, model_of, random_start
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _staircase(width, d, seed):
    """Parallel neurons of thresholds -1.5 to 1.5 and alternating signs along a random direction."""
    u = np.random.default_rng(seed).standard_normal(d)
    levels = np.linspace(-1.5, 1.5, width)
    signs = (-1.0) ** np.arange(width)
    return ReLUNetwork(np.tile(u / np.linalg.norm(u), (width, 1)), signs, thresholds=-levels)


def _relative_error(found, planted):
    return found.distance(planted) / planted.variance()


# The closed form of the distance has a floor near 1e-16 of the variance with thresholds.
@pytest.mark.parametrize(
    ("width", "d", "given"),
    [
        pytest.param(4, 5, True, marks=pytest.mark.slow),
        (6, 5, False),
        (6, 1, True),
        pytest.param(10, 1, True, marks=pytest.mark.slow),
    ],
)
def test_staircases_are_exact(width, d, given):
    planted = _staircase(width, d, seed=1)
    X, y = datasets.sample(planted, 3000, seed=2)
    found = limbeck.learn(X, y, width if given else None)
    assert found.width == width
    assert _relative_error(found.network, planted) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("width", "d"), [(4, 1), (6, 1), (10, 1), (4, 5), (6, 5)])
def test_staircases_are_exact_on_twenty_seeds(width, d, seed):
    planted = _staircase(width, d, seed)
    X, y = datasets.sample(planted, 20_000, seed=100 + seed)
    assert _relative_error(limbeck.learn(X, y, width).network, planted) < 1e-12


def test_more_neurons_than_dimensions_are_found_in_noise():
    planted = datasets.make_narrow_network("lowrank", 20, 6, seed=5)
    X, y = datasets.sample(planted, 10_000, noise=0.3, seed=5005)
    found = limbeck.learn(X, y)
    assert found.width == 6
    # Six neurons and a linear part fitted to nine tenths of the rows; three times that for chance and for misfit.
    limit = 0.3**2 * (6 * 20 + 21) / (0.9 * 10_000) / planted.variance()
    assert _relative_error(found.network, planted) < 3 * limit


@pytest.mark.slow
@pytest.mark.parametrize(("n", "least"), [(16_000, 15), (50_000, 17)])
def test_the_width_of_rank_deficient_networks_is_found_on_most_seeds(n, least):
    widths = []
    for seed in range(20):
        planted = datasets.make_narrow_network("lowrank", 50, 6, seed=seed)
        X, y = datasets.sample(planted, n, noise=0.3, seed=5000 + seed)
        widths.append(limbeck.learn(X, y).width)
    # At 16,000 rows a sixth neuron takes less than 7 off n log(error) on seeds 0, 14 and 16, even in the true span and
    # from the true neurons: no criterion that keeps false ones out sees it. On one more it is a matter of the
    # directions that are drawn for the tests. Measured: 16 and 18 of 20; one less for other instruction sets.
    assert widths.count(6) >= least


def test_small_neurons_are_found_beside_large_ones():
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((4, 12))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    planted = ReLUNetwork(directions, [1.0, -1.0, 1e-3, -1e-3])
    # The small ones add 1e-6 / 4 to the variance each, 280 times what a parameter's noise does.
    X, y = datasets.sample(planted, 10_000, noise=0.003, seed=4)
    found = limbeck.learn(X, y, 4)
    assert found.width == 4
    # The error of least squares in 4 x 12 and 13 parameters, three times over.
    assert _relative_error(found.network, planted) < 3 * 0.003**2 * 61 / 10_000 / planted.variance()


@pytest.mark.slow
def test_ten_neurons_in_a_plane_are_found_in_noise():
    planted = datasets.make_narrow_network("generic", 2, 10, seed=1)
    X, y = datasets.sample(planted, 50_000, noise=0.1, seed=5001)
    found = limbeck.learn(X, y, 10)
    assert found.width == 10
    # A likelihood-ratio of chi-squared with 23 degrees of freedom in favour of the fit; the planted network may not be
    # better by more than a tenth of that.
    ours, planted_error = np.mean((y - found.network(X)) ** 2), np.mean((y - planted(X)) ** 2)
    assert 50_000 * np.log(ours / planted_error) < 2.3


@pytest.mark.parametrize(
    ("inputs", "d"),
    [
        ("gaussian", 1),
        pytest.param("gaussian", 2, marks=pytest.mark.slow),
        pytest.param("standard", 1, marks=pytest.mark.slow),
    ],
)
def test_pure_noise_has_no_neurons_thresholds_or_not(inputs, d):
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((200, d)) * (1 if inputs == "standard" else 2) + (inputs == "gaussian") * 3
        found.append(limbeck.learn(X, rng.standard_normal(200), inputs=inputs, max_width=4).width > 0)
    # At a rate of one in twenty, more than four of twenty has a chance of 0.3 %.
    assert sum(found) <= 4


def test_scores_of_no_neuron_are_chi_squared():
    rng = np.random.default_rng(6)
    scores = []
    for _ in range(40):
        X = rng.standard_normal((3000, 2))
        rows = Rows(X, X @ np.array([1.0, -2.0]) + 0.5 * rng.standard_normal(3000))
        model, _ = Fit()(linear_model(2), rows)
        span = _SpanRows.of(np.eye(2), model, rows)
        scores.append(ScoreTests(model, span.rows, False, rng, DEFAULTS.span_search).scores)
    # Chi-squared with one degree of freedom has mean 1; the columns of one draw are correlated, so that the mean of 40
    # draws varies by up to sqrt(2 / 40) = 0.22; four such.
    assert np.mean(scores) == pytest.approx(1.0, abs=0.9)
    assert np.quantile([s.max() for s in scores], 0.9) < 12


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_least_squares(weighted, thresholds):
    # More rows than are held at once, so that sums go over several blocks.
    rng = np.random.default_rng(8)
    n = 5000
    X = rng.standard_normal((n, 3))
    weights = rng.uniform(size=n) * (rng.uniform(size=n) < 0.9) if weighted else None
    rows = Rows(X, np.abs(X[:, 0]) + rng.standard_normal(n), weights, n_threads=1)
    model = random_start(3, 2, rng)
    tests = ScoreTests(model, rows, thresholds, rng, DEFAULTS.span_search)
    gates = X @ model.neurons[:, :-1].T + model.neurons[:, -1] > 0
    line = np.column_stack([X, np.ones(n)])
    known = np.hstack([*(gate[:, None] * (line if thresholds else X) for gate in gates.T), line])
    root = np.sqrt(rows.row_weights)[:, None]
    some = rng.choice(len(tests.hinges), 20, replace=False)
    hinges = np.maximum(X @ tests.hinges[some, :-1].T + tests.hinges[some, -1], 0)
    columns = root * np.column_stack([hinges, rows.residuals(model)])
    beside = columns - root * known @ np.linalg.lstsq(root * known, columns)[0]
    hinges, left = beside[:, :-1], beside[:, -1]
    squares = np.square(hinges).sum(axis=0)
    products = hinges.T @ left
    # A ridge of 1e-10 on correlated derivatives, and normal equations, leave some six digits.
    np.testing.assert_allclose(
        tests.scores[some], rows.count * products**2 / squares / (left @ left), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(tests.slopes[some], products / squares, rtol=1e-5, atol=1e-6)


def test_scores_show_a_missing_neuron_at_its_place():
    rng = np.random.default_rng(7)
    planted = ReLUNetwork([[1.0, 0.0], [0.6, 0.8]], [1.0, 0.3])
    X = rng.standard_normal((20_000, 2))
    rows = Rows(X, planted(X) + 0.3 * rng.standard_normal(20_000))
    first = model_of(ReLUNetwork([[1.0, 0.0]], [1.0]))
    fitted, _ = Fit()(first, rows)
    tests = ScoreTests(fitted, _SpanRows.of(np.eye(2), fitted, rows).rows, False, rng, DEFAULTS.span_search)
    place = tests.hinges[np.argmax(tests.scores), :2]
    assert tests.largest > 100
    # The fitted neuron has moved towards the missing one, which therefore shows some way beyond its own place.
    assert abs(place @ np.array([0.6, 0.8])) > 0.8


def test_time_that_is_up_changes_nothing():
    planted = datasets.make_narrow_network("lowrank", 10, 6, seed=1)
    X, y = datasets.sample(planted, 5000, noise=0.3, seed=2)
    model = model_of(planted).without(0)
    progress = Progress(None, False, 0.0)
    fit = Fit(deadline=progress.deadline)
    selector = ModelSelector(Rows(X, y), fit, progress, np.random.default_rng(0))
    assert best_in_span(model, selector, 6) is None


def _lines_in_a_plane(width, d, seed):
    """Neurons at equal angles in a random plane, their signs alternating: low moments vanish."""
    rng = np.random.default_rng(seed)
    plane, _ = np.linalg.qr(rng.standard_normal((d, 2)))
    angles = np.pi * np.arange(width) / width + rng.uniform(0, np.pi)
    return ReLUNetwork(np.column_stack([np.cos(angles), np.sin(angles)]) @ plane.T, (-1.0) ** np.arange(width))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("width", "d"), [(k, d) for k in (6, 8, 10) for d in (10, 20)])
def test_lines_in_a_plane_are_exact_on_twenty_seeds(width, d, seed):
    planted = _lines_in_a_plane(width, d, seed)
    X, y = datasets.sample(planted, 50_000, seed=200 + seed)
    assert _relative_error(limbeck.learn(X, y, width).network, planted) < 1e-12
