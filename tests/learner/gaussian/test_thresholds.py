"""Hinges beside the origin show where they are, and hardly ever in noise."""

import numpy as np
import pytest

from limbeck._learner.gaussian.settings import DEFAULTS, ThresholdSettings
from limbeck._learner.gaussian.thresholds import HINGE_SCORE, hinge_scores, needs_thresholds
from limbeck._learner.model.rows import Rows


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
