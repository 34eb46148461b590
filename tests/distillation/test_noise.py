"""What the noise of labels adds to a risk, near the peak and with ridges of either sign."""

import mpmath
import numpy as np
import pytest

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    effective_ridge,
    risk,
    simulate,
    surrogate_risk,
    two_stage_risk,
)

INDEX = np.arange(1.0, 101)
quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")


def aligned():
    """Ten large eigenvalues with all of beta, and a tail that acts as more of a ridge than is good."""
    spikes = np.arange(200) < 10
    return Task(np.where(spikes, 100.0, 1.0), spikes * 1.0, noise=0.01)


@quiet
@pytest.mark.parametrize(
    "rank",
    [
        *(pytest.param(rank, marks=() if rank in (1, 2, 3, 8, 31, 59) else pytest.mark.slow) for rank in range(1, 60)),
        *(117, 399, pytest.param(264, marks=pytest.mark.slow)),
    ],
)
def test_next_to_the_peak_noise_adds_infinity(rank):
    # E (X' X)^-1 and E X' (X X')^-2 X exist only for |n - p| > 1; zero eigenvalues are no features.
    for zeros in (0, 3):
        task = Task(np.r_[np.ones(rank), np.zeros(zeros)], np.ones(rank + zeros), 1.0)
        for n in range(max(rank - 1, 1), rank + 2):
            assert risk(task, n).noise == np.inf
            assert surrogate_risk(task, task, n) == np.inf
            assert two_stage_risk(task, 3 * rank + 5, task, n) == np.inf
        assert risk(task, rank + 2).noise == pytest.approx(rank, rel=1e-12)
        assert np.isfinite(surrogate_risk(task, task, rank + 2))
        if rank > 2:
            assert risk(task, rank - 2).noise == pytest.approx(rank - 2, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 50, 80, 95, 98])
@quiet
def test_noise_is_exact_for_equal_eigenvalues(n):
    task = Task(np.full(100, 3.0), np.ones(100), 0.7)
    assert risk(task, n).noise == pytest.approx(0.7 * n / (100 - n - 1), rel=1e-9)


SPECTRA = {
    "power 1/2": (INDEX**-0.5, [5, 50, 85, 95]),
    "power 1.2": (INDEX**-1.2, [5, 50, 80, 90]),
    "power 2": (INDEX**-2, [5, 20, 80, 95]),
    "ten spikes": (np.r_[np.full(10, 1e4), np.ones(90)], [5, 12, 15, 20, 90]),
    "two levels": (np.r_[np.ones(50), np.full(50, 0.05)], [20, 48, 52, 80]),
    "twenty": (INDEX[:20] ** -1, [5, 10, 15]),
}


@pytest.mark.parametrize(
    "name",
    [
        *("ten spikes", "twenty"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("power 1.2", "power 1/2", "power 2", "two levels")),
    ],
)
@quiet
def test_noise_near_the_peak_is_that_of_trials(name):
    # 23 settings: trials leave four standard errors in one of 16,000. The formula may be off by 2 % and, where the
    # rows that are left are few, by half of the square of what they are over: the order that follows.
    eigenvalues, sizes = SPECTRA[name]
    task = Task(eigenvalues, np.zeros(len(eigenvalues)), 1.0)
    for n in sizes:
        found = simulate(task, n, trials=3000, seed=n)
        tau = effective_ridge(eigenvalues, n)
        left = n - np.sum(np.square(eigenvalues / (eigenvalues + tau)))
        assert abs(risk(task, n) - found.mean) < 4 * found.standard_error + (0.02 + 0.5 / left**2) * found.mean


@quiet
def test_noise_of_a_shifted_test_and_of_a_surrogate():
    task = Task(INDEX**-1.2, np.zeros(100), 1.0)
    for test in (np.ones(100), (INDEX <= 10) * 1.0, (INDEX > 90) * 1.0):
        found = simulate(task, 90, trials=1500, test_eigenvalues=test)
        assert abs(risk(task, 90, test_eigenvalues=test) - found.mean) < 4 * found.standard_error + 0.02 * found.mean
    assert surrogate_risk(task, task, 90) == pytest.approx(risk(task, 90))
    beta = Task(task.eigenvalues, np.ones(100), 0.3)
    assert surrogate_risk(beta, beta, 85) == pytest.approx(risk(beta, 85))


@quiet
def test_a_vanishing_ridge_is_none():
    for zeros in (0, 7):
        task = Task(np.r_[INDEX**-0.5, np.zeros(zeros)], np.ones(100 + zeros), 1.0)
        for n in (50, 90, 97, 103, 130):
            for ridge in (1e-13, -1e-13):
                assert risk(task, n, ridge=ridge) == pytest.approx(risk(task, n), rel=1e-6)


@quiet
@pytest.mark.parametrize("ridge", [1e-3, pytest.param(0.03, marks=pytest.mark.slow), 1.0])
@pytest.mark.parametrize("n", [20, 100, *(pytest.param(n, marks=pytest.mark.slow) for n in (90, 110))])
def test_noise_with_a_ridge(n, ridge):
    task = Task(np.ones(100), np.zeros(100), 1.0)
    found = simulate(task, n, ridge=ridge, trials=2000)
    assert abs(risk(task, n, ridge=ridge) - found.mean) < 4 * found.standard_error + 0.02 * found.mean


def to_first_order(l, t, n, ridge):
    """The noise part by its definition: minus the derivative of E tr (X X' + n ridge)^-1, differences in 40 digits."""
    with mpmath.workdps(60):
        l, t, ridge, step = (
            [mpmath.mpf(v) for v in l.tolist()],
            [mpmath.mpf(v) for v in t.tolist()],
            mpmath.mpf(ridge),
            mpmath.mpf(10) ** -20,
        )

        def trace(e, order):
            m = [v + e * v * w for v, w in zip(l, t, strict=True)]
            start = mpmath.mpf(effective_ridge(np.array([float(v) for v in m]), n, float(ridge)))
            tau = mpmath.findroot(
                lambda x: mpmath.fsum(v / (v + x) for v in m) + n * ridge / x - n,
                (start, start * (1 + mpmath.mpf(10) ** -12)),
            )
            z = [tau / (v + tau) for v in m]
            left = 1 - mpmath.fsum((1 - x) ** 2 for x in z) / n
            return (1 + order * mpmath.fsum((1 - x) ** 2 * x for x in z) / n / (n * left**2)) / tau

        leading, both = (-(trace(step, order) - trace(-step, order)) / (2 * step) for order in (0, 1))
        return float(leading), float(both)


@pytest.mark.parametrize(
    ("n", "ridge"),
    [
        *((20, 0.0), (130, 0.05), (60, -0.002)),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(60, 0.0), (60, 0.05), (130, -1e-4)]),
    ],
)
@quiet
def test_noise_has_the_term_of_order_one_over_n(n, ridge):
    l = INDEX**-0.8
    for t in (l, np.ones(100), (INDEX > 30) * 1.0):
        leading, both = to_first_order(l, t, n, ridge)
        found = risk(Task(l, np.zeros(100), 1.0), n, ridge=ridge, test_eigenvalues=t).noise
        # Beyond that term there is the pole at n = p - 1: 1 / (d (d - 1)) for d = |n - p|, at most.
        pole = leading / (abs(n - 100) * (abs(n - 100) - 1))
        assert both * (1 - 1e-9) <= found <= both + pole * (1 + 1e-9)
        assert abs(both / leading - 1) > 1e-4


def test_fits_with_a_negative_ridge_are_those_of_the_definition():
    rng, task = np.random.default_rng(2), Task(INDEX[:50] ** -0.3, np.ones(50), 0.1)
    for n, ridge in ((15, -0.1), (200, -0.05)):
        plain = []
        for _ in range(200):
            X = rng.standard_normal((n, 50)) * np.sqrt(task.eigenvalues)
            y = X @ task.beta + np.sqrt(0.1) * rng.standard_normal(n)
            b = X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), y)
            plain.append(task.eigenvalues @ np.square(b - task.beta))
        found = simulate(task, n, ridge=ridge, trials=200)
        spread = np.hypot(found.standard_error, np.std(plain, ddof=1) / 200**0.5)
        assert abs(found.mean - np.mean(plain)) < 4 * spread
        assert abs(risk(task, n, ridge=ridge) - np.mean(plain)) < 4 * spread + 0.05 * np.mean(plain)
        first = simulate(task, 400, surrogate_task=task, m=n, surrogate_ridge=ridge, trials=400)
        predicted = two_stage_risk(task, 400, task, n, surrogate_ridge=ridge)
        assert abs(predicted - first.mean) < 4 * first.standard_error + 0.05 * first.mean


def test_close_to_the_limit_it_says_so():
    task = Task(np.ones(100), np.ones(100), 0.1)
    with pytest.warns(NearPeakWarning, match=r"ridge = -0.9 is close to its limit of -1 for n = 25 rows"):
        risk(task, 25, ridge=-0.9)
    with pytest.raises(FloatingPointError, match=r"X X' / n \+ ridge is not positive definite for them, ridge = -0.99"):
        simulate(task, 25, ridge=-0.99, trials=100)
