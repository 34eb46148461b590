"""The course of a distillation: networks whose low moments vanish, or whose neurons are parallel, and rare neurons."""

from dataclasses import replace

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.comparison import DistillationOptions
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.blackbox.queries import Queries
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, LineSettings
from limbeck._learner.blackbox.student import Student
from limbeck.blackbox import distill


def _planted(family, d, k, seed=0):
    return datasets.make_narrow_network(family, d, k, seed=seed)


def _relative_error(found, planted):
    return found.network.distance(planted) / planted.variance()


def _staircase(steps, d, seed):
    u = np.random.default_rng(seed).standard_normal(d)
    weights = np.tile(u / np.linalg.norm(u), (steps, 1))
    return limbeck.ReLUNetwork(weights, (-1.0) ** np.arange(steps), thresholds=np.linspace(-1.5, 1.5, steps))


def _assert_exact(planted, width, seed):
    found = distill(planted, planted.n_features, width, seed=seed)
    assert found.stopped == "tolerance"
    X = np.random.default_rng(1000 + seed).standard_normal((5000, planted.n_features))
    wanted = planted(X)
    # Rounding leaves some 1e-30; distances between networks with thresholds are known to 1e-16 only.
    assert np.mean((found.network(X) - wanted) ** 2) < 1e-20 * np.var(wanted)
    return found


@pytest.mark.parametrize(
    ("family", "lines", "d"),
    [
        ("fan", 8, 10),
        ("fan_even", 6, 10),
        pytest.param("fan_even", 8, 10, marks=pytest.mark.slow),
        pytest.param("fan_even", 10, 20, marks=pytest.mark.slow),
    ],
)
def test_fans_are_exact(family, lines, d):
    planted = _planted(family, d, lines if family == "fan" else 2 * lines)
    found = _assert_exact(planted, lines, 0)
    assert found.width == lines
    assert found.n_queries < 10 * (lines + 1) * (d + 1)
    assert not found.network.thresholds.any()


@pytest.mark.parametrize(
    ("steps", "d"), [(4, 1), (6, 5), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((6, 1), (4, 5)))]
)
def test_staircases_are_exact(steps, d):
    _assert_exact(_staircase(steps, d, 0), steps, 0)


@pytest.mark.parametrize(("d", "width"), [pytest.param(10, 64, marks=pytest.mark.slow), (50, 16)])
def test_wide_networks_are_exact(d, width):
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((width, d)) / np.sqrt(d)
    planted = limbeck.ReLUNetwork(weights, rng.standard_normal(width), thresholds=0.5 * rng.standard_normal(width))
    found = _assert_exact(planted, width, 0)
    assert found.width == width
    assert found.n_queries < 8 * (width + 1) * (d + 1)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_hinges_on_one_feature_are_all_and_no_more(seed):
    # Sixteen hinges may suit 100 rows exactly without being these: kinks are probed where they are.
    found = _assert_exact(_staircase(4, 1, seed), None, seed)
    assert found.width == 4
    assert _assert_exact(_staircase(3, 1, seed), None, seed).width == 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_fans_and_staircases_are_exact_for_all_seeds(seed):
    for d in (10, 20):
        for lines in (6, 8, 10):
            _assert_exact(_planted("fan", d, lines, seed=seed), lines, seed)
            _assert_exact(_planted("fan_even", d, 2 * lines, seed=seed), lines, seed)
    for d in (1, 5):
        for steps in (4, 6):
            _assert_exact(_staircase(steps, d, seed), steps, seed)


@pytest.mark.slow
def test_where_nothing_was_found_noise_is_no_reason_to_stop_early():
    planted = _planted("fan_even", 6, 12)
    rng = np.random.default_rng(0)
    spread = np.sqrt(planted.variance())
    found = distill(lambda X: planted(X) + 0.02 * spread * rng.standard_normal(len(X)), 6, 6)
    # 49 parameters leave 49 * 0.02^2 / n open, 4e-6 for n = 5,000 rows.
    assert found.width == 6
    assert _relative_error(found, planted) < 1e-5


@pytest.mark.parametrize("width", [pytest.param(3, marks=pytest.mark.slow), None])
def test_what_has_found_nothing_is_no_worse_than_a_constant(width):
    rng = np.random.default_rng(0)
    found = distill(lambda X: rng.standard_normal(len(X)), 3, width, max_width=3, n_queries=2000)
    # Pure noise: at least this part of the budget was spent, and what came back is a constant but for chance.
    assert found.n_queries > 0.15 * 2000
    constant = np.mean((found.validation_targets - found.y.mean()) ** 2)
    # The constant was the mean of the rows learned from, which differs from that of all by chance alone.
    assert found.validation_mse < constant * (1 + 1e-2)
    assert "no network equal to the function was found" in str(found) or "noisy" in str(found)


@pytest.mark.parametrize("seed", range(4))
def test_a_neuron_that_few_rows_switch_on_is_found_beside_a_line(seed):
    planted = limbeck.ReLUNetwork([[1.0, 0.0]], [10.0], linear=[0.0, 1.0], thresholds=[-2.5])
    found = limbeck.distill(planted, 2, seed=seed)
    assert found.width == 1
    assert found.network.distance(planted) < 1e-12 * planted.variance()  # with thresholds its floor is near 1e-16


# ---- Settings ----


def _student(teacher, d, width, settings, budget=20_000):
    """A student of other settings, and the sizes of the batches that its teacher is asked."""
    sizes = []

    def counting(X):
        sizes.append(len(X))
        return teacher(X)

    progress = Progress(None, False, None)
    queries = Queries(counting, d, 1000, budget, progress, settings)
    options = DistillationOptions(width, 16, None, None)
    return Student(queries, options, progress, np.random.default_rng(0), settings), sizes


def test_the_first_round_is_as_large_as_settings_say():
    planted = _planted("generic", 4, 1)
    for first in (150, 400):
        settings = replace(DISTILLATION_SETTINGS, first_rows=first)
        student, sizes = _student(planted, 4, None, settings)
        assert student.run() is StopReason.TOLERANCE
        assert sizes[0] == first


def test_lines_are_searched_where_their_queries_are_within_the_budget():
    planted = _planted("fan_even", 6, 12)
    too_many = LineSettings(points_of_close_kinks=10**6)  # for one line alone
    for lines, expected in ((LineSettings(), True), (too_many, False)):
        student, _ = _student(planted, 6, 6, replace(DISTILLATION_SETTINGS, lines=lines))
        student.run()
        assert ("kinks" in student._progress.timings) is expected
