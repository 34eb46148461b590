"""Groups of kinks between two gradients: as many neurons as outputs from one jump."""

import numpy as np
import pytest

from limbeck._learner.blackbox.kink_groups import groups_between_gradients, neurons_between
from limbeck._learner.blackbox.kink_survey import KinkSurvey
from limbeck._learner.blackbox.line_kinks import LineSearch
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS

SETTINGS = DISTILLATION_SETTINGS.kinks


def survey_of(places, bends):
    """What a line shows of a function with given kinks."""

    def values(t):
        return np.maximum(t[:, None] - places, 0) @ bends

    noise = 1e-15 * np.abs(bends).sum()
    kinks = LineSearch(values, noise, 1e-5, len(places), np.random.default_rng(0)).run(-10.0, 10.0, 8)
    return KinkSurvey(kinks, 10.0, 0.0)


@pytest.mark.parametrize("q", [1, 2, 5])
def test_every_kink_is_in_one_group_of_no_more_than_the_outputs(q):
    rng = np.random.default_rng(q)
    places = np.linspace(-8, 8, 21) + rng.uniform(-0.2, 0.2, 21)
    survey = survey_of(places, rng.standard_normal((21, q)))
    home = 10
    groups = groups_between_gradients(survey, home, 10.0, SETTINGS)
    kinks = [j for i, j in groups for j in range(i, j)]
    assert kinks == list(range(21))
    assert max(j - i for i, j in groups) <= q
    assert not any(i < home < j for i, j in groups)
    if q > 1:
        assert len(groups) < 21


def test_kinks_of_parallel_bends_are_taken_one_by_one():
    # The second output is twice the first: no jump can be taken apart.
    bends = np.outer(np.array([1.0, -2.0, 0.5, 1.5]), [1.0, 2.0])
    groups = groups_between_gradients(survey_of(np.array([-3.0, -1.0, 1.0, 3.0]), bends), 2, 10.0, SETTINGS)
    assert groups == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_costly_kinks_are_left_to_other_lines():
    survey = survey_of(np.array([-3.0, 1.0]), np.array([[1.0, 2.0], [0.5, -1.0]]))
    # A gradient for two kinks, unless they cost less elsewhere.
    assert groups_between_gradients(survey, 1, 10.0, SETTINGS) == [(0, 1), (1, 2)]
    assert groups_between_gradients(survey, 1, 0.1, SETTINGS) == []


@pytest.mark.parametrize("m", [1, 2, 4])
def test_a_jump_is_taken_apart(m):
    rng = np.random.default_rng(m)
    normals, outputs, direction = rng.standard_normal((m, 7)), rng.standard_normal((m, 4)), rng.standard_normal(7)
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    bends = outputs * (normals @ direction)[:, None]
    found, weights = neurons_between(outputs.T @ normals, bends)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-14)
    # Each up to its sign.
    np.testing.assert_allclose(weights[:, :, None] * found[:, None], outputs[:, :, None] * normals[:, None], atol=1e-12)
