"""Kinks on one line: all of them, close ones told apart, and functions that have none."""

import numpy as np
import pytest

from limbeck._learner.blackbox.line_kinks import LineSearch

EPS = np.finfo(float).eps
SPACING = 1e-5  # of two points, over the length of an interval: near the cube root of EPS


def hinges(places, bends):
    """A sum of hinges on a line, as values (m, 1)."""
    return lambda t: (np.maximum(np.subtract.outer(t, places), 0) @ bends)[:, None]


def found(values, scale=10.0, most=100, seed=0):
    search = LineSearch(values, 8 * EPS * scale, SPACING, most, np.random.default_rng(seed))
    return search.run(-10.0, 10.0, 8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 5, 40])
def test_all_kinks_are_found(count, seed):
    rng = np.random.default_rng(seed)
    places, bends = np.sort(rng.uniform(-9, 9, count)), rng.standard_normal(count)
    kinks = found(hinges(places, bends), seed=seed)
    assert kinks.is_complete
    assert not kinks.unresolved
    # Values have errors near 1e-14, slopes over a ten-thousandth of an interval 1e-10, small bends are 1e-2.
    np.testing.assert_allclose(kinks.places, places, atol=1e-7)
    # Two for the ends, and four or five for each of twice as many intervals.
    assert len(kinks.t) < 20 + 12 * count


def test_slopes_of_stretches_are_those_between_the_kinks():
    places, bends = np.array([-3.0, 0.5, 4.0]), np.array([1.0, -2.0, 0.25])
    stretches = found(hinges(places, bends)).stretches(-10.0, 10.0)
    slopes = np.concatenate([stretch.slope for stretch in stretches])
    np.testing.assert_allclose(slopes, [0.0, 1.0, -1.0, -0.75], atol=1e-12)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-5])
@pytest.mark.parametrize("second", [0.7, -0.7])
def test_close_kinks_are_two(gap, second):
    places = np.array([-4.0, 1.0, 1.0 + gap])
    kinks = found(hinges(places, np.array([1.0, 1.0, second])))
    np.testing.assert_allclose(kinks.places, places, atol=1e-8)


def test_a_pair_too_close_is_not_one_known_kink():
    # Neither the place between them nor the stretches beside it may be taken for those of a single kink.
    places = np.array([-4.0, 1.0, 1.0 + 1e-9, 5.0])
    kinks = found(hinges(places, np.array([1.0, 1.0, -0.3, 1.0])))
    assert kinks.is_complete
    bends = np.diff([float(stretch.slope[0]) for stretch in kinks.stretches(-10.0, 10.0)])
    alone = bends[np.isfinite(bends)]
    # Below what values show, the pair may pass for one of 0.7; then nothing else may be wrong.
    assert np.isin(np.round(alone, 6), [1.0, 0.7]).all()


def test_equal_distances_and_several_outputs():
    places = np.arange(-5.0, 6.0)
    bends = np.stack([(-1.0) ** np.arange(11), np.eye(11)[4]], axis=1)
    kinks = found(lambda t: np.maximum(np.subtract.outer(t, places), 0) @ bends)
    np.testing.assert_allclose(kinks.places, places, atol=1e-8)
    assert kinks.values.shape == (len(kinks.t), 2)


@pytest.mark.parametrize(
    "function", [np.sin, np.tanh, np.square, np.floor, lambda t: 1.0 * (t > 1.3), lambda t: np.sin(1e6 * t)]
)
def test_what_is_not_piecewise_linear_is_soon_given_up(function):
    kinks = found(lambda t: function(t)[:, None], most=16)
    # The search ends by itself where nothing is left but places that are no kink: at a single jump.
    assert not kinks.is_complete or kinks.unresolved
    assert len(kinks.t) < 1000


def test_more_kinks_than_allowed_end_the_search():
    rng = np.random.default_rng(0)
    kinks = found(hinges(np.sort(rng.uniform(-9, 9, 50)), rng.standard_normal(50)), most=10)
    assert not kinks.is_complete
