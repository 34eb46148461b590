"""Kinks on one line by rounded answers: all of them, close ones told apart, and functions that have none."""

import numpy as np
import pytest

from limbeck._learner.blackbox.rounded_line_kinks import RoundedLineSearch


def hinges(places, bends):
    """A sum of hinges on a line, as values (m, q)."""
    return lambda t: (
        np.maximum(np.subtract.outer(t, places), 0) @ bends.reshape(len(places), bends.size // max(len(places), 1) or 1)
    )


def found(values, kind=np.float32, most=100, seed=0, **options):
    size = np.abs(values(np.linspace(-10, 10, 101))).max()
    search = RoundedLineSearch(
        lambda t: values(t).astype(kind).astype(np.float64),
        lambda: np.finfo(kind).eps * size,
        most,
        np.random.default_rng(seed),
        **options,
    )
    return search.run(-10.0, 10.0, 8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [0, 1, 5, 40])
@pytest.mark.parametrize("outputs", [1, 3])
def test_all_kinks_are_found(count, outputs, seed):
    rng = np.random.default_rng(seed)
    # No two closer than 1e-3: bends near one then differ from one kink's by a hundred times the rounding.
    places = np.sort(rng.choice(np.linspace(-9, 9, 18_001), count, replace=False) + rng.uniform(0, 1e-4))
    bends = rng.choice([-1.0, 1.0], (count, outputs)) * rng.uniform(0.2, 2, (count, outputs))
    kinks = found(hinges(places, bends), seed=seed)
    assert kinks.is_complete
    assert not kinks.unresolved
    # Values are off by some 1e-6, at four times which lines are told apart, and bends are 0.2 at least.
    np.testing.assert_allclose(kinks.places, places, atol=1e-3)
    # Six an interval of a kink and of what is left of a split one, and six around each kink;
    # sixty more where a kink is so near to a point that two intervals share that they are cut until it is alone.
    assert len(kinks.t) < 140 + 25 * count


def test_slopes_of_stretches_are_those_between_the_kinks():
    places, bends = np.array([-3.0, 0.5, 4.0]), np.array([1.0, -2.0, 0.25])
    stretches = found(hinges(places, bends)).stretches(-10.0, 10.0)
    slopes = np.concatenate([stretch.slope for stretch in stretches])
    # Rounding errors of 1e-6 over lengths of 3.
    np.testing.assert_allclose(slopes, [0.0, 1.0, -1.0, -0.75], atol=2e-6)


@pytest.mark.parametrize("gap", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("second", [0.7, -0.7])
def test_close_kinks_are_two(gap, second):
    places = np.array([-4.0, 1.0, 1.0 + gap])
    kinks = found(hinges(places, np.array([1.0, 1.0, second])))
    np.testing.assert_allclose(kinks.places, places, atol=1e-4)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_kinks_are_as_near_as_rounding_allows(kind):
    places, bends = np.array([-6.0, -1.0, 3.0]), np.array([1.0, -0.5, 2.0])
    kinks = found(hinges(places, bends), kind)
    # Values near 20 are off by half a unit in their last place: 20 eps in place over a bend of a half, and lines
    # through a few points are some times as far off where they meet.
    np.testing.assert_allclose(kinks.places, places, atol=200 * np.finfo(kind).eps)


def test_errors_of_slopes_are_no_kinks():
    places, bends = np.array([-5.0, 0.0, 5.0]), np.array([1e-4, 1.0, -1e-4])
    kinks = found(hinges(places, bends), slope_error=1e-3)
    np.testing.assert_allclose(kinks.places, [0.0], atol=1e-2)


@pytest.mark.parametrize("values", [np.sin, np.sign, lambda t: np.floor(3 * t)])
def test_functions_that_bend_everywhere_or_jump_are_told_apart(values):
    kinks = found(lambda t: values(t)[:, None] + 0.0, most=16)
    assert not kinks.is_complete or not len(kinks.places)
    assert len(kinks.t) < 1000
