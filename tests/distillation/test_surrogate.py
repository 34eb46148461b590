"""The best surrogate, mask and ridge: against brute force and other choices."""

import itertools
import warnings

import numpy as np
import pytest

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    compare_labels,
    effective_ridge,
    optimal_mask,
    optimal_ridge,
    optimal_surrogate,
    risk,
    simulate,
)


@pytest.mark.parametrize("n", [pytest.param(5, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow), 20])
@pytest.mark.parametrize("shifted", [False, True])
def test_the_best_mask_is_the_best_of_all(n, shifted):
    rng = np.random.default_rng(n)
    p = 7 if n == 20 else 10  # 2^p masks; features are fewer than 20 rows
    task = Task(rng.uniform(0.01, 1, p), rng.standard_normal(p), noise=0.05)
    test = rng.uniform(0, 1, p) if shifted else None
    masks = np.array(list(itertools.product([False, True], repeat=p)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        best = min(masks, key=lambda mask: risk(task, n, task.beta * mask, test_eigenvalues=test))
        found = optimal_mask(task, n, test_eigenvalues=test)
    np.testing.assert_array_equal(found, best)


@pytest.mark.parametrize(("n", "ridge"), [(30, 0.0), (100, 0.0), (300, 0.0), (100, 0.05)])
def test_the_best_surrogate_is_a_minimum(n, ridge):
    rng = np.random.default_rng(n)
    task = Task(rng.uniform(0.01, 1, 150), rng.standard_normal(150), noise=0.1)
    test = rng.uniform(0, 1, 150)
    for t in (None, test):
        best = optimal_surrogate(task, n, ridge, test_eigenvalues=t)
        least = risk(task, n, best, ridge, test_eigenvalues=t)
        for size in (1e-3, 1e-1, 1.0):
            for _ in range(8):
                moved = best + size * rng.standard_normal(150)
                assert risk(task, n, moved, ridge, test_eigenvalues=t) > least
        if n > 150 and not ridge:
            np.testing.assert_allclose(best, task.beta, rtol=1e-13)


def test_amplification_ends_where_z_is_one_minus_omega():
    task = Task.power_law(500, 2.0, 1.5)
    tau = effective_ridge(task.eigenvalues, 200)
    z = tau / (task.eigenvalues + tau)
    omega = np.sum((1 - z) ** 2) / 200
    amplified = optimal_surrogate(task, 200) > task.beta
    np.testing.assert_array_equal(amplified, z < 1 - omega)
    assert compare_labels(task, 200).amplified == amplified.sum()


def test_the_best_ridge_is_a_minimum():
    task = Task.power_law(300, 1.5, 1.5, noise=0.5)
    ridge, least = optimal_ridge(task, 100)
    assert ridge > 0
    for factor in (0.5, 0.9, 1.1, 2):
        assert risk(task, 100, ridge=ridge * factor) > least
    comparison = compare_labels(task, 100)
    assert comparison.best_surrogate < comparison.best_mask < comparison.true_labels
    assert comparison.best_ridge < comparison.true_labels
    assert "best ridge" in str(comparison)


INDEX = np.arange(1.0, 101)
quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")


def aligned():
    """Ten large eigenvalues with all of beta, and a tail that acts as more of a ridge than is good."""
    spikes = np.arange(200) < 10
    return Task(np.where(spikes, 100.0, 1.0), spikes * 1.0, noise=0.01)


def test_a_negative_ridge_is_best_for_aligned_spikes():
    task = aligned()
    ridge, least = optimal_ridge(task, 60)
    assert ridge < -0.35
    assert least == risk(task, 60, ridge=ridge) == compare_labels(task, 60).best_ridge
    assert least < risk(task, 60, ridge=-0.35) < risk(task, 60, ridge=-0.2) < risk(task, 60) < risk(task, 60, ridge=0.1)
    # Predictions are some 5 % low at any ridge: n = 60, of ten large eigenvalues. Four standard errors beside that.
    without = simulate(task, 60, trials=400)
    for value in (-0.2, -0.35, ridge):
        found = simulate(task, 60, ridge=value, trials=400)
        assert abs(risk(task, 60, ridge=value) - found.mean) < 4 * found.standard_error + 0.07 * found.mean
        assert found.mean + 4 * found.standard_error < without.mean


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test_no_ridge_is_best_where_none_helps(unit):
    # Equal eigenvalues and no noise: any ridge, of either sign, shrinks or grows what is right already.
    for n in (10, 20, 80):
        assert optimal_ridge(Task(np.full(50, unit), np.ones(50)), n)[0] == 0
    assert optimal_ridge(Task(np.full(50, unit), np.ones(50), 5 * unit), 20)[0] > 0


def test_more_rows_than_features_and_a_surrogate_that_shrinks():
    # A surrogate of half the coefficients is made up for by a negative ridge.
    task = Task(np.ones(40), np.ones(40), 0.01)
    ridge, least = optimal_ridge(task, 400, 0.5 * task.beta)
    assert ridge < 0
    found = simulate(task, 400, 0.5 * task.beta, ridge, trials=300)
    assert abs(least - found.mean) < 4 * found.standard_error + 0.02 * found.mean
    assert effective_ridge(task.eigenvalues, 400, ridge) < 0
    assert least < 0.8 * risk(task, 400, 0.5 * task.beta)
