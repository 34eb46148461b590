"""Spans from moments of high orders, along isotropic directions."""

import numpy as np
import pytest

from limbeck import datasets
from limbeck._learner.gaussian.high_orders import isotropic_directions, isotropic_vectors, with_high_orders
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.rows import Rows


def _labels(family, d, k, n, seed):
    planted = datasets.make_narrow_network(family, d, k, seed=seed)
    X, y = datasets.sample(planted, n, seed=seed + 100)
    A = np.column_stack([X, np.ones(n)])
    return planted, Rows(X, y - A @ np.linalg.lstsq(A, y)[0], n_threads=1)


def test_isotropic_directions_are():
    rng = np.random.default_rng(0)
    basis = np.eye(5)[:2]
    for inside in (0, 1, 2):
        g = isotropic_directions(rng, 20, basis, 5, inside)
        np.testing.assert_allclose((g * g).sum(axis=1), 0, atol=1e-14)
        np.testing.assert_allclose(np.abs(g * g.conj()).sum(axis=1), 2, rtol=1e-14)
    assert np.abs(g[:, 2:]).max() == 0


def test_vectors_are_means_over_the_rows_without_their_part_along_g():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((5000, 4)), rng.standard_normal((5000, 2))
    g = isotropic_directions(rng, 3, np.empty((0, 4)), 4, 0)
    found = isotropic_vectors(X, y, g, 6)
    for j in range(2):
        for m in range(3):
            v = (y[:, j] * (X @ g[m]) ** 5) @ X / 5000
            v = v - (g[m].conj() @ v) * g[m] / 2
            np.testing.assert_allclose(found[j, :, m] + 1j * found[j, :, m + 3], v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("family", "width", "order"),
    # By hand: orders 6 and 8 are one and two steps of the same search beyond order 4.
    [
        ("plane_even", 8, 4),
        *(pytest.param("fan_even", *case, marks=pytest.mark.slow) for case in [(12, 6), (16, 8)]),
    ],
)
def test_the_first_order_that_does_not_vanish_shows_the_plane(family, width, order):
    planted, rows = _labels(family, 10, width, 20_000, 0)
    rng = np.random.default_rng(0)
    low = find_subspace(rows, max_rank=8, rng=rng)
    found = with_high_orders(rows, low, 10, order, rng)
    assert found.orders.tolist() == [order, order]
    plane = np.linalg.svd(planted.weights)[2][:2]
    # Errors of the plane are a few times the root of d / n over the strength.
    assert np.linalg.svd(found.basis @ plane.T)[1].min() > 0.98


@pytest.mark.slow
def test_noise_shows_nothing():
    # One of 40 tests of orders and draws at twice the largest of six draws: below 1 % each.
    shown = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = Rows(rng.standard_normal((2000, 6)), rng.standard_normal(2000), n_threads=1)
        empty = find_subspace(rows, max_rank=0, rng=rng)
        shown += with_high_orders(rows, empty, 6, 10, rng).rank > 0
    assert shown <= 2
