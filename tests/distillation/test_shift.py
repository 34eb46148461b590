"""Shifts of the covariance and of the model: equal in every draw after recolouring, and not without."""

import numpy as np
import pytest

from limbeck.distillation import (
    Task,
    covariance_shift_as_model_shift,
    model_shift_as_covariance_shift,
    optimal_surrogate,
    risk,
)

P, N = 80, 35


@pytest.fixture(name="shift")
def shift_fixture():
    rng = np.random.default_rng(0)
    i = np.arange(1.0, P + 1)
    return Task(i**-1.5, rng.standard_normal(P), 0.05), 3 * i**-0.8 * rng.uniform(0.5, 2, P)


def least(X, y, weights, ridge=0.0):
    """The interpolator, or ridge regression, of least ``sum weights b^2``."""
    scaled = X / weights
    return scaled.T @ np.linalg.solve(scaled @ X.T + len(X) * ridge * np.eye(len(X)), y)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_both_risks_agree_in_every_draw(shift, ridge):
    task, t = shift
    shifted, s = covariance_shift_as_model_shift(task, t)
    l, rng, recoloured, plain = task.eigenvalues, np.random.default_rng(1), [], []
    for _ in range(400):
        rows = rng.standard_normal((N, P)) * np.sqrt(l)  # of the training domain, with true labels
        y = rows @ task.beta + np.sqrt(task.noise) * rng.standard_normal(N)
        own = least(rows, y, l / t, ridge)  # least sum (l / t) b'^2 on the rows themselves
        used = np.sqrt(l / t) * own
        model = least(rows * np.sqrt(t / l), y, np.ones(P), ridge)  # least sum b^2 on rows of variances t
        np.testing.assert_allclose(model, used, rtol=1e-7, atol=1e-9)
        recoloured.append(float(t @ np.square(used - task.beta)))
        plain.append(float(t @ np.square(least(rows, y, np.ones(P), ridge) - task.beta)))
        # Labels are those of the surrogate.
        np.testing.assert_allclose((rows * np.sqrt(t / l)) @ s, rows @ task.beta, rtol=1e-9, atol=1e-9)
    # Means: four standard errors, one false alarm in 16,000, and 2 % for the equivalents' own error.
    for risks, predicted in (
        (recoloured, risk(shifted, N, s, ridge)),
        (plain, risk(task, N, ridge=ridge, test_eigenvalues=t)),
    ):
        assert abs(np.mean(risks) - predicted) < 4 * np.std(risks) / 20 + 0.02 * predicted
    # The two are different.
    difference = np.subtract(recoloured, plain)
    assert abs(difference.mean()) > 10 * difference.std() / 20


def test_with_many_rows_only_the_model_shift_leaves_something(shift):
    task, t = shift
    task = Task(task.eigenvalues, task.beta)
    shifted, s = covariance_shift_as_model_shift(task, t)
    assert risk(task, 3 * P, test_eigenvalues=t) == 0
    assert risk(shifted, 3 * P, s) == pytest.approx(float(t @ np.square(s - task.beta)))


def test_features_of_one_domain_only():
    # The third is not there when the target is used: noise. The fourth does not vary in training: labels lack it.
    task = Task([1.0, 0.5, 0.2, 0.0], [1.0, 2.0, 3.0, 4.0], 0.1)
    shifted, s = covariance_shift_as_model_shift(task, [4.0, 0.5, 0.0, 1.0])
    np.testing.assert_allclose(s, [0.5, 2.0, 0.0, 0.0])
    assert shifted.noise == pytest.approx(0.1 + 0.2 * 9)
    np.testing.assert_array_equal(shifted.eigenvalues, [4.0, 0.5, 0.0, 1.0])
    np.testing.assert_array_equal(shifted.beta, task.beta)


def test_the_way_back(shift):
    task, t = shift
    shifted, s = covariance_shift_as_model_shift(task, t)
    again = model_shift_as_covariance_shift(shifted, s)
    np.testing.assert_allclose(again.eigenvalues, task.eigenvalues, rtol=1e-14)
    assert again.noise == task.noise
    # The best surrogate of a power law is a covariance with larger leading eigenvalues and smaller ones in the tail.
    power = Task.power_law(200, 1.5, 2.0)
    training = model_shift_as_covariance_shift(power, optimal_surrogate(power, 60))
    ratio = training.eigenvalues / power.eigenvalues
    assert ratio[0] > 1 > ratio[-1]
    assert training.power_law_exponents is None
    np.testing.assert_array_equal(
        model_shift_as_covariance_shift(Task([1.0, 2.0], [1.0, 0.0]), [-3.0, 0.0]).eigenvalues, [9.0, 2.0]
    )


def test_a_basis_is_kept():
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((30, 6))
    task = Task.from_covariance(np.cov(rows, rowvar=False), np.ones(6))
    shifted, _ = covariance_shift_as_model_shift(task, np.ones(6))
    np.testing.assert_array_equal(shifted.basis, task.basis)


def test_arguments_of_shifts():
    task = Task([1.0, 2.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="at index 1 it is 2, which no covariance gives"):
        model_shift_as_covariance_shift(task, [1.0, 2.0])
    with pytest.raises(ValueError, match="test_eigenvalues must not be negative"):
        covariance_shift_as_model_shift(task, [1.0, -1.0])
    with pytest.raises(TypeError, match=r"task must be a limbeck.distillation.Task"):
        covariance_shift_as_model_shift([1.0], [1.0])
    with pytest.raises(ValueError, match="features"):
        covariance_shift_as_model_shift(task, [1.0])
