"""Hinges beside the origin show where they are, and hardly ever in noise."""

import numpy as np
import pytest

from limbeck._learner.gaussian.settings import DEFAULTS, ThresholdSettings
from limbeck._learner.gaussian.thresholds import hinge_scores, needs_thresholds
from limbeck._learner.model.rows import Rows

HINGE_SCORE = DEFAULTS.thresholds.hinge_score


def _scores(f, seed, n=4000, noise=0.1, settings=DEFAULTS.thresholds):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    rows = Rows(X, f(X) + noise * rng.standard_normal(n), n_threads=1)
    return hinge_scores(rows.y, np.eye(3), rows, settings)


def test_noise_and_lines_show_no_hinge():
    # Of 2,000 draws one was above the limit: of 60, more than one come in some 4e-4 of runs.
    alarms = sum(_scores(lambda X: 2 * X[:, 1] + 1, seed)[1] > HINGE_SCORE for seed in range(60))
    assert alarms <= 1


def test_a_kink_beside_the_origin_is_odd_and_one_through_it_is_not():
    odd, any_part = _scores(lambda X: np.maximum(X[:, 0] - 0.7, 0), 0)
    assert odd > 10 * HINGE_SCORE
    assert any_part >= odd
    odd, any_part = _scores(lambda X: np.maximum(X[:, 0], 0), 1)
    assert odd < HINGE_SCORE
    assert any_part > 10 * HINGE_SCORE


def _definition(rows, levels):
    """Largest squared scores by least squares of each hinge beside a line, one feature after another."""
    root = np.sqrt(rows.row_weights)
    odd, any_part = 0.0, 0.0
    for z in rows.X.T:
        line = root[:, None] * np.column_stack([np.ones(len(z)), z])

        def beside(values, line=line):
            values = root * values
            return values - line @ np.linalg.lstsq(line, values)[0]

        left = beside(rows.y)
        for t in np.sort(np.abs(z))[np.round(np.array(levels) * (len(z) - 1)).astype(int)]:
            upper, lower = np.maximum(z - t, 0), np.maximum(-z - t, 0)
            rest = [beside(hinge) for hinge in (upper - lower, upper, lower)]  # of a hinge that is nowhere up: nothing
            scores = [(c @ left) ** 2 / max(c @ c, 1e-20) / (left @ left) for c in rest]
            odd, any_part = max(odd, scores[0]), max(any_part, *scores[1:])
    return rows.count * odd, rows.count * any_part


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "ties"), [(12, False), (300, False), (300, True)])
def test_scores_are_those_of_least_squares(n, ties, weighted):
    rng = np.random.default_rng(n + ties)
    X = rng.standard_normal((n, 4)) + 0.3  # the middle is not at zero
    if ties:
        X = np.round(X, 1)
    weights = rng.uniform(size=n) * (rng.uniform(size=n) < 0.7) if weighted else None
    rows = Rows(X, np.maximum(X[:, 1] - 0.5, 0) + rng.standard_normal(n), weights, n_threads=1)
    found = hinge_scores(rows.y, np.eye(4), rows)
    # Sums of squares less squares of sums lose some three of sixteen digits.
    np.testing.assert_allclose(found, _definition(rows, DEFAULTS.thresholds.levels), rtol=1e-10)


def test_coordinates_that_do_not_vary_show_no_hinge():
    rng = np.random.default_rng(4)
    y = rng.standard_normal(300)
    constant = np.column_stack([np.zeros(300), np.full(300, 0.7), np.full(300, -1e3)])
    assert hinge_scores(y, np.eye(3), Rows(constant, y, n_threads=1)) == (0.0, 0.0)
    assert hinge_scores(y, np.empty((0, 3)), Rows(constant, y, n_threads=1)) == (0.0, 0.0)


def test_hinges_are_tested_at_the_levels_of_the_settings():
    # The kink is beyond every quantile but the last: hinges near the origin show it worse.
    near, far = (
        _scores(lambda X: np.maximum(X[:, 0] - 2.0, 0), 2, settings=ThresholdSettings(levels=levels))[1]
        for levels in ((0.1,), (0.9, 0.95))
    )
    assert far > 2 * near


@pytest.mark.parametrize(("gain", "needed"), [(9.0, False), (11.0, True)])
def test_thresholds_are_needed_where_each_gains_ten_in_the_criterion(gain, needed):
    rng = np.random.default_rng(3)
    rows = Rows(rng.standard_normal((500, 2)), rng.standard_normal(500))
    error = 0.5
    assert needs_thresholds(error, error * np.exp(3 * gain / 500), rows, 3) == needed
    assert not needs_thresholds(0.0, 0.0, rows, 3)
