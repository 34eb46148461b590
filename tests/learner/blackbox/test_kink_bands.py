"""Queries from bands, and the importance weights that make up for them."""

import numpy as np
import pytest

from limbeck._learner.blackbox.kink_bands import Band, draw_band, importance, scaled_along


def _unit(d, seed):
    u = np.random.default_rng(seed).standard_normal(d)
    return u / np.linalg.norm(u)


def test_rows_of_a_band_are_gaussian_but_for_the_normal():
    rng, u = np.random.default_rng(0), _unit(4, 1)
    X = draw_band(Band(u, 0.01, 20_000, offset=2.0), [], rng, 4)
    across = X @ u
    v = _unit(4, 2)
    v -= (v @ u) * u
    # Means of 20,000 rows are within 4 standard errors, their standard deviations within 4 / sqrt(40,000): either is
    # off further than that for one generator in 16,000.
    assert abs(across.mean() - 2) < 4 * 0.01 / np.sqrt(20_000)
    assert across.std() == pytest.approx(0.01, rel=0.02)
    assert (X @ v).std() == pytest.approx(np.linalg.norm(v), rel=0.02)


def test_rows_keep_their_distance_from_excluded_hyperplanes():
    rng, u, v = np.random.default_rng(0), _unit(3, 1), _unit(3, 2)
    X = draw_band(Band(u, 0.1, 500), [(v, 0.3)], rng, 3)
    assert len(X) == 500
    assert (np.abs(X @ v) > 0.3).all()
    # A band that lies within what is excluded is drawn all the same.
    assert len(draw_band(Band(u, 0.01, 50), [(u, 1.0)], rng, 3)) == 50


def test_scaling_along_a_normal_leaves_the_rest_and_is_undone():
    X, u = np.random.default_rng(0).standard_normal((20, 5)), _unit(5, 1)
    Z = scaled_along(X, u, 1e-3)
    np.testing.assert_allclose(Z @ u, 1e-3 * (X @ u), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(Z - np.outer(Z @ u, u), X - np.outer(X @ u, u), atol=1e-14)
    np.testing.assert_allclose(scaled_along(Z, u, 1e3), X, atol=1e-12)


@pytest.mark.parametrize("function", [np.ones_like, np.square, np.abs, lambda t: np.maximum(t - 1, 0)])
def test_weighted_means_are_those_of_the_standard_gaussian(function):
    u = _unit(3, 1)
    bands = [Band(u, 0.3, 4000), Band(u, 0.05, 2000), Band(_unit(3, 2), 0.2, 3000, offset=1.0)]
    t = np.linspace(-10, 10, 20_001)  # kinks are on the grid: what its trapezia are off by is of the order of 1e-6
    expected = np.sum(function(t) * np.exp(-np.square(t) / 2)) * 1e-3 / np.sqrt(2 * np.pi)
    means = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.concatenate([rng.standard_normal((3000, 3)), *(draw_band(band, [], rng, 3) for band in bands)])
        weights = importance(X, 3000, bands)
        assert (weights > 0).all()
        assert weights.max() <= len(X) / 3000  # where no band reaches
        means.append(np.mean(weights * function(X @ u)))
    # The mean of the 20 is within 4.5 of its standard errors, of which 20 values know one to a sixth; Student's t with
    # 19 degrees of freedom leaves one generator in 4,000 beyond.
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - expected) < 4.5 * error + 1e-6
