"""Law of coefficients of random feature regression: its fixed point, its limits, and its own definition of both."""

import numpy as np
import pytest

from limbeck.distillation import Task, effective_ridge, optimal_surrogate, risk
from limbeck.distillation.equivalents import equivalent
from limbeck.distillation.random_feature_law import random_feature_law

POWER = Task.power_law(300, 1.4, 2.2, noise=0.3)


@pytest.mark.parametrize("ridge", [1e-12, 1e-6, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize(("n", "n_features"), [(100, 100), (100, 101), (250, 40), (40, 250), (300, 300), (500, 400)])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_the_fixed_point_solves_its_equation(n, n_features, ridge, unit):
    l = POWER.eigenvalues
    law = random_feature_law(Task(unit * l, POWER.beta), n, n_features, ridge * unit)
    nu = law.nu / unit
    degrees = float((l / (l + nu)).sum())
    # Differences of nearly equal numbers: D is known to its rounding, which the other factor multiplies.
    rounding = 1e-12 * max(n, n_features) ** 2 * nu
    assert nu * (n - degrees) * (n_features - degrees) == pytest.approx(n * n_features * ridge, rel=1e-9, abs=rounding)
    assert degrees < min(n, n_features, 300) + 1e-9


@pytest.mark.parametrize(("n", "n_features"), [(100, 150), (150, 100), (100, 100), (400, 350), (350, 150), (150, 350)])
def test_a_vanishing_ridge_is_none(n, n_features):
    none = random_feature_law(POWER, n, n_features, 0.0)
    nearly = random_feature_law(POWER, n, n_features, 1e-18)
    assert none.nu == effective_ridge(POWER.eigenvalues, min(n, n_features))
    assert nearly.nu == pytest.approx(none.nu, abs=1e-6)
    assert nearly.mean(POWER.beta) == pytest.approx(none.mean(POWER.beta), abs=1e-6)
    if n == n_features:
        assert none.rest == 0
        assert np.isinf(none.scatter(POWER.beta, 0.0)).all()
    else:
        assert nearly.scatter(POWER.beta, 0.3) == pytest.approx(none.scatter(POWER.beta, 0.3), rel=1e-4)


@pytest.mark.parametrize("ridge", [0.0, 1e-4, 0.1])
@pytest.mark.parametrize("n", [80, 400])
def test_many_features_are_the_features_as_they_are(n, ridge):
    plain = random_feature_law(POWER, n, None, ridge)
    eq = equivalent(POWER, n, ridge)
    s = optimal_surrogate(POWER, n)
    left_over = float((POWER.eigenvalues * np.square(eq.z * s)).sum())
    scatter = eq.spread(POWER) * (left_over / eq.one_minus_omega + 0.3 * eq.noise_factors(POWER))
    assert plain.nu == pytest.approx(eq.tau, rel=1e-12)
    assert plain.mean(s) == pytest.approx((1 - eq.z) * s, rel=1e-12)
    assert plain.scatter(s, 0.3) == pytest.approx(scatter, rel=1e-9)
    many = random_feature_law(POWER, n, 2**31 - 1, ridge)
    # What is lacking is of the order p / N.
    assert many.scatter(s, 0.3) == pytest.approx(scatter, rel=1e-4)


def weights_of(law, t):
    """Weights of the squares of s, from variances of coefficients one s at a time."""
    units = np.eye(len(t))
    return np.array([float(t @ law.scatter(unit, 0.0)) for unit in units])


@pytest.mark.parametrize(("n", "n_features", "ridge"), [(60, 90, 0.0), (90, 60, 0.0), (60, 60, 0.01), (90, None, 0.1)])
def test_weights_of_a_risk_are_those_of_the_variances(n, n_features, ridge):
    l = np.r_[POWER.eigenvalues[:120], 0.0, 0.0]
    t = np.r_[np.linspace(2, 0, 120), 0.5, 0.0]
    law = random_feature_law(Task(l, np.ones(122)), n, n_features, ridge)
    assert law.scatter_weights(t) == pytest.approx(weights_of(law, t), rel=1e-10)
    assert law.noise_part(t) == pytest.approx(float(t @ law.scatter(np.zeros(122), 1.0)), rel=1e-10)


def drawn(task, n, n_features, ridge, trials, seed):
    """Coefficients of trials, in NumPy as the definition says."""
    rng = np.random.default_rng(seed)
    p = task.n_features
    for _ in range(trials):
        W = rng.standard_normal((n_features, p)) / np.sqrt(n_features)
        X = rng.standard_normal((n, p)) * np.sqrt(task.eigenvalues)
        y = X @ task.beta + np.sqrt(task.noise) * rng.standard_normal(n)
        F = X @ W.T
        kernel = F @ F.T + n * ridge * np.eye(n)
        yield W.T @ (F.T @ np.linalg.solve(kernel, y) if ridge else np.linalg.pinv(F) @ y)


@pytest.mark.parametrize(
    ("n", "n_features", "ridge", "noise"),
    [
        *((40, 70, 0.0, 0.5), (70, 40, 0.0, 0.5), (60, 60, 0.05, 0.5), (80, 40, 0.01, 0.0)),
        pytest.param(120, 140, 0.0, 0.5, marks=pytest.mark.slow),
    ],
)
def test_mean_and_variance_of_each_coefficient(n, n_features, ridge, noise):
    """Twelve groups of coefficients, mean and variance: a false alarm in 24 * 5 normal z beyond 4.5: one in 1,200."""
    l = np.r_[np.arange(1.0, 91) ** -1.0, np.zeros(6)]
    task = Task(l, np.r_[np.linspace(1, 2, 90), np.zeros(6)], noise)
    law = random_feature_law(task, n, n_features, ridge)
    b = np.array(list(drawn(task, n, n_features, ridge, 300, seed=n)))
    mean, scatter = law.mean(task.beta), law.scatter(task.beta, noise)
    groups = np.arange(96) // 8
    for g in range(12):
        root = np.sqrt(l[groups == g])[None] if g < 11 else 1.0
        off = ((b - mean)[:, groups == g] * root).mean(axis=1)
        assert abs(off.mean()) < 4.5 * off.std() / np.sqrt(300) + 0.01 * np.abs(mean[groups == g] * root).mean()
        squares = np.square((b - mean)[:, groups == g] * root).sum(axis=1)
        expected = float((scatter[groups == g] * root**2).sum())
        # Two of a hundred besides: the law is one of many rows.
        assert abs(squares.mean() - expected) < 4.5 * squares.std() / np.sqrt(300) + 0.02 * expected


def test_without_a_ridge_noise_has_its_exact_mean():
    """Flat spectra: the span of the rows and the rest of the features are known in closed form."""
    p, n, n_features = 60, 20, 35
    flat = Task(np.ones(p), np.zeros(p), 1.0)
    law = random_feature_law(flat, n, n_features, 0.0)
    # In the span n / (p - n - 1), beyond it (p - n) tr (X X')^-1 / (N - n - 1), E tr = n / (p - n - 1): of that the law
    # has (p - n) n / (p - n), as for many rows.
    exact = n / (p - n - 1) + (p - n) / (n_features - n - 1) * n / (p - n)
    assert law.noise_part(flat.eigenvalues) == pytest.approx(exact, rel=1e-9)
    # Fewer features than rows: N / (n - N - 1), whatever the spectrum.
    fewer = random_feature_law(POWER, 50, 30, 0.0)
    assert fewer.noise_part(POWER.eigenvalues) == pytest.approx(30 / 19, rel=1e-9)
    # As many as span all features: p / (n - p - 1).
    all_of_them = random_feature_law(flat, 90, 80, 0.0)
    assert all_of_them.noise_part(flat.eigenvalues) == pytest.approx(60 / 29, rel=1e-9)
    assert all_of_them.noise_part(flat.eigenvalues) == pytest.approx(risk(flat, 90).noise, rel=1e-9)
