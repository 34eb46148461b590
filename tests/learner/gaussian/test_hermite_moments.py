"""Moments against all Hermite polynomials of a few dimensions: values, derivatives, standard errors."""

import numpy as np
import pytest

from limbeck import moments
from limbeck._learner.gaussian.hermite_moments import hermite_moments, hermite_table, kink_coefficient, top_order


@pytest.mark.parametrize("order", [2, 4, 8, 20])
def test_the_coefficient_of_a_kink_is_an_integral(order):
    # The integrand is smooth on each half-line: 120 nodes of Gauss and Legendre on [0, 14] leave rounding alone.
    nodes, weights = np.polynomial.legendre.leggauss(120)
    t = 7 * (nodes + 1)
    density = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    expected = 2 * float((7 * weights * density * t) @ hermite_table(t, order)[order])
    assert kink_coefficient(order) == pytest.approx(expected, rel=1e-10)


def test_moments_are_the_entries_of_the_moment_tensor():
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((300, 3)), rng.standard_normal(300)
    found = hermite_moments(Z, y, np.ones(300), rng)
    for order in (2, 4):
        tensor = moments.moment_tensor(Z, y, order)
        mine = found.values[found.exponents.sum(axis=1) == order] * found.errors[order]
        # Every entry counted as often as it occurs, over the norm of the polynomial.
        assert np.square(mine).sum() * (2, 24)[order // 4] == pytest.approx(np.square(tensor).sum(), rel=1e-10)


def test_lines_have_the_moments_that_rows_estimate():
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((20_000, 2))
    u = np.array([[0.6, 0.8]])
    found = hermite_moments(Z, np.abs(Z @ u[0]), np.ones(len(Z)), rng)
    rest = found.values - found.of_lines(u)[0]
    # The mean square of residuals over their errors is 1; its tails are heavy, and a wrong moment is off by far more.
    assert np.square(rest).mean() < 3
    assert np.square(found.values).mean() > 10


def test_derivatives_are_difference_quotients_along_the_sphere():
    rng = np.random.default_rng(2)
    Z, y = rng.standard_normal((200, 3)), rng.standard_normal(200)
    found = hermite_moments(Z, y, np.ones(200), rng)
    u = np.array([0.6, 0.0, 0.8])
    terms, slopes = found.derivatives(u[None])
    np.testing.assert_allclose(terms, found.of_lines(u[None]), rtol=1e-12, atol=1e-12)
    for v in np.linalg.svd(u[None])[2][1:]:
        ends = np.array([np.cos(h) * u + np.sin(h) * v for h in (1e-5, -1e-5)])
        up, down = found.of_lines(ends)
        # Errors: h^2 times third derivatives (order^3), and rounding over h.
        np.testing.assert_allclose(v @ slopes[0], (up - down) / 2e-5, rtol=1e-5, atol=1e-5 * np.abs(slopes).max())


def test_orders_are_as_many_as_moments_allow():
    assert [top_order(r) for r in (1, 2, 16)] == [20, 20, 4]
    assert 4 < top_order(6) < 20


def test_rows_of_weight_two_are_rows_twice():
    rng = np.random.default_rng(3)
    Z, y = rng.standard_normal((100, 2)), rng.standard_normal(100)
    weighted = hermite_moments(Z, y, np.where(np.arange(100) < 50, 4 / 3, 2 / 3), rng)
    twice = hermite_moments(np.vstack([Z[:50], Z]), np.append(y[:50], y), np.ones(150), rng)
    scales = [np.array([m.errors[int(l)] for l in m.exponents.sum(axis=1)]) for m in (weighted, twice)]
    np.testing.assert_allclose(weighted.values * scales[0], twice.values * scales[1], rtol=1e-9, atol=1e-12)
