"""Moment methods of one stage, as ``learn(..., refine=False, moment_method=...)`` runs them."""

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck._learner.gaussian.comparison_methods import one_stage_grams, span_of_grams, subspace_grams
from limbeck._learner.model.rows import Rows

METHODS = ("one stage", "subspace")


def _learned(method, family, k, n, **options):
    planted = datasets.make_narrow_network(family, 10, k, seed=0)
    X, y = datasets.sample(planted, n, seed=1000)
    options = {"inputs": "standard", "refine": False, "validation": 0, "n_threads": 1} | options
    found = limbeck.learn(X, y, k, moment_method=method, **options)
    return found.network.distance(planted) / planted.variance(), found


# Bounds are some four times what was measured: 8e-4, and for antipodes, a part of 2e-5 of the variance, 6e-7.
@pytest.mark.parametrize(("family", "k", "n", "bound"), [("generic", 2, 8000, 3e-3), ("antipodal", 4, 32_000, 6e-6)])
@pytest.mark.parametrize("method", METHODS)
def test_families_whose_span_low_orders_show_are_learned(method, family, k, n, bound):
    error, found = _learned(method, family, k, n)
    assert error < bound
    assert found.subspace.rank == 2


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bits(method):
    first, second = (_learned(method, "generic", 2, 2000)[1] for _ in range(2))
    assert np.array_equal(first.network.weights, second.network.weights)


@pytest.mark.parametrize("method", METHODS)
def test_noise_shows_no_direction_and_a_given_width_is_fitted_all_the_same(method):
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((2000, 6)), rng.standard_normal(2000)
    free = limbeck.learn(X, y, max_width=3, inputs="standard", refine=False, moment_method=method)
    assert (free.width, free.subspace.rank) == (0, 0)
    given = limbeck.learn(X, y, 1, inputs="standard", refine=False, moment_method=method)
    assert given.width <= 1


@pytest.mark.parametrize("grams_of", [one_stage_grams, subspace_grams])
def test_lines_that_cancel_in_order_two_show_in_order_four(grams_of):
    """|x1| + |x2| less the two lines between, each of weight one: the second moment is zero, the fourth is not."""
    X = np.random.default_rng(0).standard_normal((100_000, 3))
    planes = np.array([[1, 0, 0], [0, 1, 0], [0.5**0.5, 0.5**0.5, 0], [0.5**0.5, -(0.5**0.5), 0]])
    y = np.abs(X @ planes.T) @ np.array([1.0, 1.0, -1.0, -1.0])
    signs = np.column_stack([np.ones(len(X)), np.random.default_rng(1).choice([-1.0, 1.0], (len(X), 6))])
    grams = grams_of(Rows(X, y - y.mean(), n_threads=1), signs, 4, np.random.default_rng(2))
    basis, orders, strengths = span_of_grams(grams, 3, 1.5)
    assert len(basis) == 2
    # The error of a direction is that of its moment over its size, n^(-1/2) over some tenths.
    assert np.abs(basis[:, 2]).max() < 0.1
    assert np.all(np.array(orders) >= 4)
    assert np.all(strengths > 1)


def test_other_methods_are_for_the_moment_method_alone():
    with pytest.raises(ValueError, match=r"moment_method='subspace' is for refine=False.*got refine=True"):
        _learned("subspace", "generic", 2, 100, refine=True)
    with pytest.raises(ValueError, match="moment_method must be one of stages, one stage, subspace; got 'two'"):
        _learned("two", "generic", 2, 100)
    with pytest.raises(TypeError, match="moment_method must be a str, one of stages, one stage, subspace; got None"):
        _learned(None, "generic", 2, 100)
