"""The moment method alone, as ``learn(..., refine=False)`` runs it."""

import numpy as np
import pytest

import limbeck
from limbeck import datasets


def _error(family, d, k, n, seed, **options):
    planted = datasets.make_narrow_network(family, d, k, seed=seed)
    X, y = datasets.sample(planted, n, seed=1000 + seed)
    found = limbeck.learn(X, y, k, inputs="standard", refine=False, validation=0, n_threads=1, **options)
    return found.network.distance(planted) / planted.variance(), found


# Errors are about c k d / n with c from 0.3 to 3; bounds are some three times the larger of two seeds.
@pytest.mark.parametrize(
    ("family", "k", "n", "bound"),
    [
        ("generic", 2, 16_000, 5e-3),
        ("positive", 3, 8000, 1.2e-2),
        ("collinear", 2, 32_000, 2e-2),
        # Planes take half a second and more: a plane of four neurons is below, one of high order in test_high_orders.
        pytest.param("antipodal", 4, 16_000, 5e-3, marks=pytest.mark.slow),
        pytest.param("plane6", 6, 16_000, 5e-3, marks=pytest.mark.slow),
        pytest.param("fan", 8, 16_000, 2e-2, marks=pytest.mark.slow),
    ],
)
def test_families_are_learned_from_their_moments(family, k, n, bound):
    assert _error(family, 10, k, n, 0)[0] < bound


@pytest.mark.parametrize(("family", "d", "k"), [("generic", 10, 2), pytest.param("fan", 5, 4, marks=pytest.mark.slow)])
def test_results_are_the_same_bits_for_the_same_seed(family, d, k):
    first, second = (_error(family, d, k, 4000, 0)[1] for _ in range(2))
    assert np.array_equal(first.network.weights, second.network.weights)
    assert first.subspace.orders.tolist() == {"generic": [2, 2], "fan": [1, 4]}[family]


@pytest.mark.slow
def test_a_span_of_high_order_is_reported():
    error, found = _error("fan", 5, 4, 4000, 0)
    assert found.subspace.orders.tolist() == [1, 4]
    assert error < 5e-3  # c is one: k d / n
